#include "protocol/client/clock_watch.h"
#include "tests/lib/unit.h"

#define WALL INT64_C(1800000000000000)

static struct moment at(int64_t mono_us, int64_t off_us) {
    return (struct moment){.wall_us = WALL + mono_us + off_us, .mono_us = mono_us};
}

static void a_clock_that_runs_with_the_other_makes_no_step(void **state) {
    (void)state;
    struct clock_watch w = {0};
    for (int64_t s = 0; s < 1000; s++) {
        assert_true(clock_watch_look(&w, at(s * 1000000, s * 900000)) == 0); /* slewed, if grossly */
        assert_true(clock_watch_is_sure(&w, at(s * 1000000, 0)));
    }
}

static void a_step_is_told_once_with_its_size_and_sign(void **state) {
    (void)state;
    struct clock_watch w = {0};
    assert_true(clock_watch_look(&w, at(1000000, 0)) == 0);
    assert_true(clock_watch_look(&w, at(2000000, 1000000)) == 0); /* just one second */
    assert_true(clock_watch_look(&w, at(3000000, 2000001)) == 1000001);
    assert_true(clock_watch_look(&w, at(4000000, 2000001)) == 0);
    assert_true(clock_watch_look(&w, at(5000000, -3600000000)) == -3602000001);
    assert_true(clock_watch_look(&w, at(6000000, -3600000000)) == 0);
}

static void after_a_step_the_clock_is_unsure_for_a_while(void **state) {
    (void)state;
    struct clock_watch w = {0};
    (void)clock_watch_look(&w, at(0, 0));
    (void)clock_watch_look(&w, at(1000000, 5000000));
    assert_false(clock_watch_is_sure(&w, at(1000000, 5000000)));
    assert_false(clock_watch_is_sure(&w, at(1000000 + CLOCK_UNSURE_US - 1, 5000000)));
    assert_true(clock_watch_is_sure(&w, at(1000000 + CLOCK_UNSURE_US, 5000000)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_runs_with_the_other_makes_no_step),
        cmocka_unit_test(a_step_is_told_once_with_its_size_and_sign),
        cmocka_unit_test(after_a_step_the_clock_is_unsure_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
