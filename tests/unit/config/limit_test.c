#include "server/base/tm.h"
#include "server/config/limit.h"
#include "tests/lib/unit.h"

#include <math.h>

static const struct {
    enum alarm_kind kind;
    double value;
    const char *from;
    const char *unit;
    int64_t per_us;
    double wanted; /* NaN: does not convert */
} cases[] = {
    {ALARM_HIGH, 4.2, "", "m", 1, 4.2},
    {ALARM_HIGH, 4.2, "", "", 1, 4.2},
    {ALARM_HIGH, 420, "cm", "m", 1, 4.2},
    {ALARM_LOW, 32, "degF", "degC", 1, 0},
    {ALARM_DEV, 18, "degF", "degC", 1, 10}, /* a difference: no offset */
    {ALARM_HIGH, 1, "bar", "m", 1, NAN},
    {ALARM_HIGH, 1, "m", "", 1, NAN},
    {ALARM_HIGH, 1, "%x", "%x", 1, 1}, /* the same name, although it is in no table */
    {ALARM_ROC, 0.5, "", "m", 1, 0.5},
    {ALARM_ROC, 60, "cm/min", "m", 1, 0.01},
    {ALARM_ROC, 36, "m/h", "m", 1, 0.01},
    {ALARM_ROC, 9, "degF/min", "degC", 1, 5.0 / 60},
    {ALARM_ROC, 60, "L/s/min", "L/s", 1, 1},
    {ALARM_ROC, 1, "m", "m", 1, NAN},
    {ALARM_ROC, 1, "m/fortnight", "m", 1, NAN},
    {ALARM_ROC, 1, "/s", "", 1, NAN},
    {ALARM_RUNTIME, 90, "", "", 1, 90e6},
    {ALARM_RUNTIME, 250, "ms", "", 1, 250e3},
    {ALARM_RUNTIME, 500, "h", "", 1, 1.8e12},
    {ALARM_RUNTIME, 2, "d", "", 1, 172.8e9},
    {ALARM_RUNTIME, 2, "min", "", 1, 120e6},
    {ALARM_RUNTIME, 2, "m", "", 1, NAN},
    {ALARM_TOTAL, 7, "", "L/s", TM_SECOND_US, 7},
    {ALARM_TOTAL, 3, "m3", "L/s", TM_SECOND_US, 3000},      /* litres */
    {ALARM_TOTAL, 3, "m3", "L/s", TM_MINUTE_US, 50},        /* L/s × min */
    {ALARM_TOTAL, 100, "m3", "m3/h", TM_HOUR_US, 100},      /* cubic metres */
    {ALARM_TOTAL, 100, "m3", "m3/h", TM_SECOND_US, 360000}, /* m3/h × s */
    {ALARM_TOTAL, 2, "MWh", "kW", TM_HOUR_US, 2000},
    {ALARM_TOTAL, 1, "kWh", "kW", TM_SECOND_US, 3600},
    {ALARM_TOTAL, 1, "kWh", "L/s", TM_SECOND_US, NAN},
    {ALARM_TOTAL, 1, "m3", "", TM_SECOND_US, NAN},
};

static void limits_are_compared_in_the_unit_of_their_tag(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        double limit = NAN;
        const char *wanted = NULL;
        struct quantity q = {.value = cases[i].value, .unit = slice_str(cases[i].from)};
        bool right =
            limit_in_unit(cases[i].kind, q, slice_str(cases[i].unit), cases[i].per_us, &limit, &wanted);
        bool close = isnan(cases[i].wanted)
                         ? isnan(limit)
                         : fabs(limit - cases[i].wanted) <= 1e-9 * (1 + fabs(cases[i].wanted));
        if (right != !isnan(cases[i].wanted) || !close || wanted == NULL) {
            fail_msg("case %zu: %g %s of %s gives %.17g", i, q.value, cases[i].from, cases[i].unit, limit);
        }
    }
}

static void values_of_tags_are_converted_or_taken_as_they_are(void **state) {
    (void)state;
    double scale = 0;
    double offset = 1;
    assert_true(limit_of_tag(slice_str("cm"), slice_str("m"), &scale, &offset) && scale == 0.01 &&
                offset == 0);
    assert_true(limit_of_tag(slice_str(""), slice_str("m"), &scale, &offset) && scale == 1 && offset == 0);
    assert_true(limit_of_tag(slice_str("m"), slice_str(""), &scale, &offset) && scale == 1);
    assert_false(limit_of_tag(slice_str("m"), slice_str("kW"), &scale, &offset));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_compared_in_the_unit_of_their_tag),
        cmocka_unit_test(values_of_tags_are_converted_or_taken_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
