#include "server/base/clock.h"
#include "server/base/tm.h"
#include "tests/lib/unit.h"

static void the_wall_clock_says_a_year_of_this_century(void **state) {
    (void)state;
    assert_true(clock_wall_us() > TM_YEAR_2000_US);
    char text[TM_TEXT_SIZE];
    assert_int_equal(tm_format(clock_wall_us(), text), OK);
}

static void the_monotonic_clock_never_falls(void **state) {
    (void)state;
    int64_t before = clock_mono_us();
    for (int i = 0; i < 10000; i++) {
        int64_t now = clock_mono_us();
        assert_true(now >= before);
        before = now;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wall_clock_says_a_year_of_this_century),
        cmocka_unit_test(the_monotonic_clock_never_falls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
