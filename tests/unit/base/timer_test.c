#include "server/base/rand.h"
#include "server/base/timer.h"
#include "tests/lib/unit.h"

#include <stdlib.h>

static void due_ones_come_by_time_then_by_order_of_arming(void **state) {
    (void)state;
    struct timer_queue q;
    assert_int_equal(timer_init(&q, 8, NULL), OK);
    timer_arm(&q, 3, 100);
    timer_arm(&q, 1, 100);
    timer_arm(&q, 2, 50);
    timer_arm(&q, 3, 100); /* armed anew: behind 1 */
    assert_int_equal(timer_next(&q), 50);
    static const uint32_t order[] = {2, 1, 3};
    for (size_t i = 0; i < COUNT(order); i++) {
        uint32_t id = 0;
        int64_t due = 0;
        assert_true(timer_pop(&q, 100, &id, &due));
        assert_int_equal(id, order[i]);
    }
    assert_int_equal(timer_next(&q), INT64_MAX);
    timer_done(&q);
}

static void nothing_comes_before_its_time_or_after_being_disarmed(void **state) {
    (void)state;
    struct timer_queue q;
    assert_int_equal(timer_init(&q, 2, NULL), OK);
    uint32_t id = 0;
    int64_t due = 0;
    timer_arm(&q, 0, 10);
    timer_arm(&q, 1, 20);
    assert_false(timer_pop(&q, 9, &id, &due));
    timer_disarm(&q, 0);
    timer_disarm(&q, 0);
    assert_false(timer_is_armed(&q, 0, &due));
    assert_true(timer_is_armed(&q, 1, &due));
    assert_int_equal(due, 20);
    assert_false(timer_pop(&q, 19, &id, &due));
    assert_true(timer_pop(&q, 20, &id, &due));
    assert_int_equal(id, 1);
    timer_done(&q);
}

/* Against the naive way: an array that is searched. */
static void random_calls_agree_with_a_naive_queue(void **state) {
    (void)state;
    enum { N = 64, CALLS = 200000 };
    struct rand r;
    const char *text = getenv("SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 7;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    rand_seed(&r, seed);
    int64_t due[N];
    uint64_t armed[N] = {0}; /* 0: not armed */
    uint64_t calls = 0;
    struct timer_queue q;
    assert_int_equal(timer_init(&q, N, NULL), OK);
    for (int i = 0; i < CALLS; i++) {
        uint32_t id = (uint32_t)rand_below(&r, N);
        uint64_t what = rand_below(&r, 4);
        if (what < 2) {
            due[id] = (int64_t)rand_below(&r, 100);
            armed[id] = ++calls;
            timer_arm(&q, id, due[id]);
        } else if (what == 2) {
            armed[id] = 0;
            timer_disarm(&q, id);
        } else {
            uint32_t want = N;
            for (uint32_t k = 0; k < N; k++) {
                if (armed[k] != 0 &&
                    (want == N || due[k] < due[want] || (due[k] == due[want] && armed[k] < armed[want]))) {
                    want = k;
                }
            }
            int64_t now = (int64_t)rand_below(&r, 100);
            uint32_t got = 0;
            int64_t at = 0;
            bool some = timer_pop(&q, now, &got, &at);
            assert_int_equal(some, want < N && due[want] <= now);
            if (some) {
                assert_int_equal(got, want);
                assert_int_equal(at, due[want]);
                armed[want] = 0;
            }
        }
    }
    timer_done(&q);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(due_ones_come_by_time_then_by_order_of_arming),
        cmocka_unit_test(nothing_comes_before_its_time_or_after_being_disarmed),
        cmocka_unit_test(random_calls_agree_with_a_naive_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
