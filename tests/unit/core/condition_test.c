#include "server/core/condition.h"
#include "tests/lib/unit.h"

#include <math.h>

static enum truth high(double deadband, bool was_true, double value) {
    const struct condition_limit limit = {.limit = 80, .deadband = deadband};
    return condition_high(&limit, was_true, value);
}

static enum truth low(double deadband, bool was_true, double value) {
    const struct condition_limit limit = {.limit = 10, .deadband = deadband};
    return condition_low(&limit, was_true, value);
}

static void beyond_the_limit_is_true_and_at_the_deadband_it_ends(void **state) {
    (void)state;
    assert_int_equal(high(5, false, 80), TRUTH_FALSE);
    assert_int_equal(high(5, false, 80.1), TRUTH_TRUE);
    assert_int_equal(high(5, true, 75.1), TRUTH_TRUE);
    assert_int_equal(high(5, true, 75), TRUTH_FALSE);
    assert_int_equal(low(2, false, 10), TRUTH_FALSE);
    assert_int_equal(low(2, false, 9.9), TRUTH_TRUE);
    assert_int_equal(low(2, true, 11.9), TRUTH_TRUE);
    assert_int_equal(low(2, true, 12), TRUTH_FALSE);
}

static void an_inclusive_limit_is_beyond_itself(void **state) {
    (void)state;
    const struct condition_limit limit = {.limit = 80, .inclusive = true};
    assert_int_equal(condition_high(&limit, false, 80), TRUTH_TRUE);
    assert_int_equal(condition_high(&limit, true, 80), TRUTH_TRUE);
    assert_int_equal(condition_high(&limit, true, 79.9), TRUTH_FALSE);
    assert_int_equal(condition_low(&limit, false, 80), TRUTH_TRUE);
    assert_int_equal(condition_low(&limit, false, 80.1), TRUTH_FALSE);
    const struct condition_limit wide = {.limit = 80, .deadband = 5, .inclusive = true};
    assert_int_equal(condition_high(&wide, true, 75), TRUTH_FALSE);
    assert_int_equal(condition_high(&wide, true, 75.1), TRUTH_TRUE);
}

static void what_is_no_number_is_unknown(void **state) {
    (void)state;
    const struct condition_limit unknown = {.limit = (double)NAN};
    assert_int_equal(high(0, true, (double)NAN), TRUTH_UNKNOWN);
    assert_int_equal(low(0, false, (double)NAN), TRUTH_UNKNOWN);
    assert_int_equal(condition_high(&unknown, true, 1), TRUTH_UNKNOWN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beyond_the_limit_is_true_and_at_the_deadband_it_ends),
        cmocka_unit_test(an_inclusive_limit_is_beyond_itself),
        cmocka_unit_test(what_is_no_number_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
