/* Units: what converts into what. */
#include "server/core/unit.h"
#include "tests/lib/unit.h"

#include <math.h>

static void values_convert(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *from;
        const char *to;
        double gives;
    } cases[] = {
        {4.2, "m", "cm", 420},
        {30, "cm", "m", 0.3},
        {1, "km", "mm", 1e6},
        {1, "in", "mm", 25.4},
        {1, "ft", "m", 0.3048},
        {1, "m3", "l", 1000},
        {1, "m³", "m3", 1},
        {500, "ml", "L", 0.5},
        {36, "m3/h", "l/s", 10},
        {1, "m3/s", "m3/h", 3600},
        {60, "l/min", "l/s", 1},
        {1, "ML/d", "m3/d", 1000},
        {1, "bar", "mbar", 1000},
        {1, "bar", "kPa", 100},
        {1, "MPa", "bar", 10},
        {1013.25, "hPa", "Pa", 101325},
        {10, "mH2O", "kPa", 98.0665},
        {100, "degC", "K", 373.15},
        {0, "K", "°C", -273.15},
        {212, "degF", "degC", 100},
        {32, "°F", "K", 273.15},
        {20, "degC", "°C", 20},
        {1.5, "kW", "W", 1500},
        {1, "MW", "mW", 1e9},
        {1, "kWh", "MJ", 3.6},
        {1, "MWh", "GJ", 3.6},
        {3600, "J", "Wh", 1},
        {50, "Hz", "rpm", 3000},
        {1, "kV", "mV", 1e6},
        {4, "mA", "A", 0.004},
        {1, "t", "kg", 1000},
        {1, "kg", "mg", 1e6},
        {3.6, "t/h", "kg/s", 1},
        {36, "km/h", "m/s", 10},
        {1, "m/s", "mm/s", 1000},
        {50, "%", "1", 0.5},
        {1, "%", "ppm", 1e4},
        {1, "h", "s", 3600},
        {1, "d", "min", 1440},
        {250, "ms", "s", 0.25},
        {180, "deg", "rad", 3.14159265358979},
        {1, "kVA", "VA", 1000},
        {1, "ha", "m2", 10000},
        {1, "mS/cm", "µS/cm", 1000},
        {1, "kg/m3", "g/l", 1},
        {1, "kΩ", "Ohm", 1000},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        double scale = 0;
        double offset = 0;
        if (!unit_convert(slice_str(cases[i].from), slice_str(cases[i].to), &scale, &offset)) {
            fail_msg("%s does not convert to %s", cases[i].from, cases[i].to);
        }
        double is = cases[i].value * scale + offset;
        if (!(fabs(is - cases[i].gives) <= 1e-9 * (1 + fabs(cases[i].gives)))) {
            fail_msg("%g %s is %.17g %s", cases[i].value, cases[i].from, is, cases[i].to);
        }
        assert_true(unit_convert(slice_str(cases[i].to), slice_str(cases[i].from), &scale, &offset));
        assert_true(fabs(cases[i].gives * scale + offset - cases[i].value) <=
                    1e-9 * (1 + fabs(cases[i].value)));
    }
}

static void round_factors_are_exact(void **state) {
    (void)state;
    double scale = 0;
    double offset = 1;
    assert_true(unit_convert(slice_str("m"), slice_str("cm"), &scale, &offset));
    assert_true(scale == 100 && offset == 0);
    assert_true(unit_convert(slice_str("m3/s"), slice_str("l/min"), &scale, &offset));
    assert_true(scale == 60000 && offset == 0);
    assert_true(unit_convert(slice_str("degC"), slice_str("K"), &scale, &offset));
    assert_true(scale == 1 && offset == 273.15);
}

static void what_measures_something_else_does_not_convert(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"m", "s"},    {"bar", "m"},   {"m3", "m3/h"}, {"kW", "kWh"},
                                           {"kW", "kVA"}, {"MW", "Mw"},   {"NTU", "FNU"}, {"m", ""},
                                           {"", "m"},     {"kg", "kg/s"}, {"degC", "m"},  {"m", "meter"}};
    for (size_t i = 0; i < COUNT(pairs); i++) {
        double scale = 7;
        double offset = 8;
        assert_false(unit_convert(slice_str(pairs[i][0]), slice_str(pairs[i][1]), &scale, &offset));
        assert_true(scale == 7 && offset == 8);
    }
}

static void a_name_of_ones_own_converts_to_itself(void **state) {
    (void)state;
    double scale = 0;
    double offset = 1;
    assert_true(unit_convert(slice_str("NTU"), slice_str("NTU"), &scale, &offset));
    assert_true(scale == 1 && offset == 0);
    assert_false(unit_is_known(slice_str("NTU")));
    assert_true(unit_is_known(slice_str("m3/h")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_convert),
        cmocka_unit_test(round_factors_are_exact),
        cmocka_unit_test(what_measures_something_else_does_not_convert),
        cmocka_unit_test(a_name_of_ones_own_converts_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
