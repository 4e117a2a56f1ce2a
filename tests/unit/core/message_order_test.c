#include "server/base/rand.h"
#include "server/core/message_order.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

static void expect_order(const struct sample *v, uint32_t n, int64_t now_us, const uint32_t *want) {
    struct message_order o = {0};
    assert_int_equal(message_order_init(&o, NULL), OK);
    const uint32_t *order = message_order_sort(&o, v, n, now_us);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(order[i], want[i]);
    }
    message_order_done(&o);
}

static void by_time_then_by_tag_then_as_they_arrived(void **state) {
    (void)state;
    const struct sample v[] = {{.t_us = 5, .tag = 1},
                               {.t_us = 3, .tag = 2},
                               {.t_us = 5, .tag = 0},
                               {.t_us = 5, .tag = 1},
                               {.t_us = 3, .tag = 2}};
    expect_order(v, 5, 100, (uint32_t[]){1, 4, 2, 0, 3});
}

static void times_that_are_not_believed_count_as_now(void **state) {
    (void)state;
    const struct sample v[] = {{.t_us = INT64_MAX, .tag = 2},
                               {.t_us = 101, .tag = 1},
                               {.t_us = 100, .tag = 1},
                               {.t_us = 100 + CORE_FUTURE_MAX_US, .tag = 0}};
    expect_order(v, 4, 100, (uint32_t[]){2, 0, 1, 3});
    assert_int_equal(message_time(100 + CORE_FUTURE_MAX_US, 100), 100 + CORE_FUTURE_MAX_US);
    assert_int_equal(message_time(100 + CORE_FUTURE_MAX_US + 1, 100), 100);
    assert_true(message_time(INT64_MIN, 100) < 0 && message_time(INT64_MIN, 100) > INT64_MIN / 2);
}

static void an_empty_message_has_no_order(void **state) {
    (void)state;
    expect_order(NULL, 0, 100, NULL);
}

static void any_message_is_sorted_and_stable(void **state) {
    (void)state;
    const char *text = getenv("SEED");
    uint64_t seed = text == NULL ? 20260101 : strtoull(text, NULL, 10);
    printf("SEED=%llu\n", (unsigned long long)seed);
    struct rand r;
    rand_seed(&r, seed);
    struct message_order o = {0};
    assert_int_equal(message_order_init(&o, NULL), OK);
    static struct sample v[2000];
    for (int round = 0; round < 200; round++) {
        uint32_t n = (uint32_t)rand_below(&r, COUNT(v));
        for (uint32_t i = 0; i < n; i++) {
            v[i] = (struct sample){.t_us = (int64_t)rand_below(&r, 50), .tag = (uint32_t)rand_below(&r, 5)};
        }
        const uint32_t *order = message_order_sort(&o, v, n, 1000);
        static bool seen[2000];
        memset(seen, 0, sizeof seen);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(order[i] < n && !seen[order[i]]);
            seen[order[i]] = true;
            if (i > 0) {
                const struct sample *a = &v[order[i - 1]];
                const struct sample *b = &v[order[i]];
                assert_true(a->t_us < b->t_us ||
                            (a->t_us == b->t_us &&
                             (a->tag < b->tag || (a->tag == b->tag && order[i - 1] < order[i]))));
            }
        }
    }
    message_order_done(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_time_then_by_tag_then_as_they_arrived),
        cmocka_unit_test(times_that_are_not_believed_count_as_now),
        cmocka_unit_test(an_empty_message_has_no_order),
        cmocka_unit_test(any_message_is_sorted_and_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
