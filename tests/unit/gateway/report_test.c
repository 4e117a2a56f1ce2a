#include "protocol/gateway/report.h"
#include "tests/lib/unit.h"

#include <math.h>

static void a_value_is_given_when_it_moved_or_is_old(void **state) {
    (void)state;
    static const struct report_rule rule = {.deadband = 0.5, .interval_us = 1000};
    static const struct {
        int64_t mono_us;
        double value;
        uint8_t quality;
        bool due;
    } steps[] =
        {
            {0, 10, 0, true},                                  /* the first */
            {10, 10.5, 0, false},                              /* not more than the deadband */
            {20, 9.4, 0, true},                                /* down by more */
            {30, 9.8, 0, false},                               /* from what was given last, */
            {40, 9.95, 0, true},                               /* so that a creeping value is given, too */
            {1039, 9.95, 0, false},     {1040, 9.95, 0, true}, /* the interval is over */
            {1050, 0, 0xA1, true},                             /* another quality */
            {1060, 7, 0xA1, false},     {2050, 7, 0xA1, true},
            {2060, 9.95, 0, true}, /* good again, the value as before */
            {2070, NAN, 0, true},       {2080, NAN, 0, false},
            {2090, 9.95, 0, true},      {2100, INFINITY, 0, true},
            {2110, INFINITY, 0, false},
        };
    struct report r = {0};
    for (size_t i = 0; i < COUNT(steps); i++) {
        if (report_due(&r, &rule, steps[i].value, steps[i].quality, steps[i].mono_us) != steps[i].due) {
            fail_msg("step %zu", i);
        }
    }
}

static void without_a_deadband_every_change_is_given(void **state) {
    (void)state;
    static const struct report_rule rule = {.interval_us = INT64_MAX};
    struct report r = {0};
    assert_true(report_due(&r, &rule, 1, 0, 0));
    assert_false(report_due(&r, &rule, 1, 0, 1));
    assert_true(report_due(&r, &rule, 1 + 1e-12, 0, 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_given_when_it_moved_or_is_old),
        cmocka_unit_test(without_a_deadband_every_change_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
