#include "server/api/throttle.h"
#include "tests/lib/unit.h"

#include <stdlib.h>

static struct throttle *make(void) {
    struct throttle *t = calloc(1, sizeof *t);
    throttle_init(t, (struct throttle_rule){.interval_us = 1000, .burst = 3});
    return t;
}

static void a_burst_passes_and_then_one_each_interval(void **state) {
    (void)state;
    struct throttle *t = make();
    int64_t wait = 0;
    for (int i = 0; i < 3; i++) {
        assert_true(throttle_take(t, 1, 5000, &wait));
    }
    assert_false(throttle_take(t, 1, 5000, &wait));
    assert_int_equal(wait, 1000);
    assert_false(throttle_take(t, 1, 5999, &wait));
    assert_true(throttle_take(t, 1, 6000, &wait));
    assert_false(throttle_take(t, 1, 6000, &wait));
    assert_true(throttle_take(t, 2, 6000, &wait)); /* another key */
    free(t);
}

static void nobody_is_locked_out_for_good(void **state) {
    (void)state;
    struct throttle *t = make();
    int64_t wait = 0;
    for (int i = 0; i < 100000; i++) {
        (void)throttle_take(t, 1, 1, &wait);
    }
    assert_true(wait <= 1000);
    assert_true(throttle_take(t, 1, 1 + wait, &wait));
    free(t);
}

static void a_good_try_is_given_back(void **state) {
    (void)state;
    struct throttle *t = make();
    int64_t wait = 0;
    for (int i = 0; i < 100; i++) {
        assert_true(throttle_take(t, 1, 0, &wait));
        throttle_give(t, 1);
    }
    throttle_give(t, 77); /* unknown: nothing happens */
    free(t);
}

static void a_full_table_forgets_the_fullest_bucket(void **state) {
    (void)state;
    struct throttle *t = make();
    int64_t wait = 0;
    for (int i = 0; i < 3; i++) {
        assert_true(throttle_take(t, 7, 0, &wait));
    }
    for (uint64_t key = 1000; key < 1000 + 3 * THROTTLE_KEYS_MAX; key++) {
        assert_true(throttle_take(t, key, 0, &wait));
    }
    assert_int_equal(t->n, THROTTLE_KEYS_MAX);
    assert_false(throttle_take(t, 7, 0, &wait)); /* the one that is being slowed stays known */
    free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_passes_and_then_one_each_interval),
        cmocka_unit_test(nobody_is_locked_out_for_good),
        cmocka_unit_test(a_good_try_is_given_back),
        cmocka_unit_test(a_full_table_forgets_the_fullest_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
