#include "server/core/gateway_health.h"
#include "tests/lib/unit.h"

#include <math.h>
#include <stdio.h>

static void take(struct gateway_health *h, const char *name, double value, int64_t now_us) {
    gateway_health_take(h, slice_str(name), &value, now_us - 1, now_us);
}

static void every_figure_is_kept_as_it_was_told_last(void **state) {
    (void)state;
    struct gateway_health h = {0};
    for (int i = 0; i < GATEWAY_FIGURES; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "_gateway.%s", gateway_figure_name((enum gateway_figure)i));
        take(&h, name, 100 + i, 1000 + i);
        take(&h, name, -7 - i, 2000 + i);
        assert_true(h.known[i]);
        assert_int_equal(h.figures[i], -7 - i);
        assert_int_equal(h.at_us, 2000 + i);
        assert_int_equal(h.told_us[i], 1999 + i);
    }
    assert_int_equal(h.n_devices, 0);
}

static void what_has_no_value_is_not_known_any_more(void **state) {
    (void)state;
    struct gateway_health h = {0};
    take(&h, "_gateway.lost", 3, 1);
    gateway_health_take(&h, slice_str("_gateway.lost"), NULL, 1, 2);
    assert_false(h.known[GATEWAY_LOST]);
    assert_int_equal(h.at_us, 2);
    take(&h, "_gateway.lost", 1e300, 3); /* beyond what an integer holds */
    assert_false(h.known[GATEWAY_LOST]);
    take(&h, "_gateway.lost", NAN, 3);
    assert_false(h.known[GATEWAY_LOST]);
}

static void devices_are_kept_by_name_up_to_the_maximum(void **state) {
    (void)state;
    struct gateway_health h = {0};
    take(&h, "_gateway.plc.1.up", 1, 1);
    take(&h, "_gateway.meter.up", 0, 1);
    take(&h, "_gateway.plc.1.up", 0, 2);
    assert_int_equal(h.n_devices, 2);
    assert_string_equal(h.devices[0].name, "plc.1");
    assert_false(h.devices[0].up);
    assert_string_equal(h.devices[1].name, "meter");
    for (int i = 0; i < GATEWAY_DEVICES_MAX + 3; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "_gateway.d%d.up", i);
        take(&h, name, 1, 3);
    }
    assert_int_equal(h.n_devices, GATEWAY_DEVICES_MAX);
    gateway_health_take(&h, slice_str("_gateway.meter.up"), NULL, 4,
                        4); /* says nothing: it stays as it was */
    assert_false(h.devices[1].up);
}

static void other_names_change_nothing(void **state) {
    (void)state;
    char long_name[100] = "_gateway.";
    memset(long_name + 9, 'x', 65);
    (void)snprintf(long_name + 9 + 65, 4, ".up");
    const char *const others[] = {"",
                                  "link",
                                  "_gateway",
                                  "_gateway.",
                                  "_gatewaY.link",
                                  "L_T1",
                                  "_gateway.link2",
                                  "_gateway..up",
                                  "_gateway.up",
                                  long_name,
                                  "x_gateway.link"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct gateway_health h = {0};
        take(&h, others[i], 1, 5);
        assert_int_equal(h.at_us, 0);
        assert_int_equal(h.n_devices, 0);
    }
    assert_true(gateway_health_is_name(slice_str("_gateway.anything")));
    assert_false(gateway_health_is_name(slice_str("_gateway.")));
    assert_false(gateway_health_is_name(slice_str("a_gateway.link")));
}

static void the_oldest_sample_is_as_old_as_it_was_when_that_was_told(void **state) {
    (void)state;
    static const int64_t told_us = INT64_C(1790000000000000);
    struct gateway_health h = {0};
    assert_int_equal(gateway_health_oldest_us(&h), 0);
    take(&h, "_gateway.oldest_s", 60, told_us + 1);
    take(&h, "_gateway.link", 1, told_us + 600000000); /* another figure, later */
    assert_int_equal(gateway_health_oldest_us(&h), told_us - 61000000);
    take(&h, "_gateway.oldest_s", 0, told_us);
    assert_int_equal(gateway_health_oldest_us(&h), 0);
    take(&h, "_gateway.oldest_s", -5, told_us);
    assert_int_equal(gateway_health_oldest_us(&h), 0);
    take(&h, "_gateway.oldest_s", 9e15, told_us); /* before all times */
    assert_int_equal(gateway_health_oldest_us(&h), 0);
    take(&h, "_gateway.oldest_s", 60, INT64_MIN + 1);
    assert_int_equal(gateway_health_oldest_us(&h), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_figure_is_kept_as_it_was_told_last),
        cmocka_unit_test(what_has_no_value_is_not_known_any_more),
        cmocka_unit_test(devices_are_kept_by_name_up_to_the_maximum),
        cmocka_unit_test(other_names_change_nothing),
        cmocka_unit_test(the_oldest_sample_is_as_old_as_it_was_when_that_was_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
