#include "server/base/tm.h"
#include "server/core/sample.h"
#include "tests/lib/core_model.h"
#include "tests/lib/unit.h"

#define NOW INT64_C(1767225600000000)

static struct model *a_model(double scale, double offset) {
    struct spec spec = {.n_gateways = 1, .n_tags = 2, .tags = {{.name = "other"}, {.name = "T"}}};
    struct model *m = spec_model(&spec);
    m->tags[1].scale = scale;
    m->tags[1].offset = offset;
    m->tags[1].low = 0;
    m->tags[1].high = 10;
    return m;
}

static struct sample normalised(double value, uint8_t quality, double scale, double offset) {
    struct model *m = a_model(scale, offset);
    struct sample s = {.tag = 1, .value = value, .quality = quality, .t_us = NOW};
    sample_normalise(m, &s, 1);
    model_free(&m);
    return s;
}

static void scale_and_offset_are_applied(void **state) {
    (void)state;
    struct sample s = normalised(40, QUALITY_GOOD, 0.1, -1);
    assert_true(s.value == 40 * 0.1 - 1);
    assert_int_equal(s.quality, QUALITY_GOOD);
}

static void beyond_the_range_is_uncertain_and_keeps_its_value(void **state) {
    (void)state;
    assert_int_equal(normalised(10, 0, 1, 0).quality, QUALITY_GOOD);
    assert_int_equal(normalised(0, 0, 1, 0).quality, QUALITY_GOOD);
    struct sample s = normalised(10.001, 0, 1, 0);
    assert_int_equal(s.quality, QUALITY_UNCERTAIN | REASON_RANGE);
    assert_true(s.value == 10.001);
    assert_int_equal(normalised(-0.001, 0, 1, 0).quality, QUALITY_UNCERTAIN | REASON_RANGE);
    assert_int_equal(normalised(11, QUALITY_BAD | REASON_SENSOR, 1, 0).quality, QUALITY_BAD | REASON_SENSOR);
    assert_int_equal(normalised(11, QUALITY_UNCERTAIN | REASON_TEST, 1, 0).quality,
                     QUALITY_UNCERTAIN | REASON_TEST);
}

static void what_is_not_finite_is_bad_without_a_value(void **state) {
    (void)state;
    const uint8_t bad = QUALITY_BAD | QUALITY_NO_VALUE | REASON_SENSOR;
    assert_int_equal(normalised(NAN, 0, 1, 0).quality, bad);
    assert_int_equal(normalised(INFINITY, 0, 1, 0).quality, bad);
    assert_int_equal(normalised(-INFINITY, 0, 1, 0).quality, bad);
    assert_int_equal(normalised(1e300, 0, 1e300, 0).quality, bad);
    assert_true(isnan(normalised(INFINITY, 0, 1, 0).value));
    assert_int_equal(normalised(NAN, QUALITY_BAD | REASON_COMMS, 1, 0).quality,
                     QUALITY_BAD | QUALITY_NO_VALUE | REASON_COMMS);
}

static void a_sample_without_a_value_is_not_scaled_into_one(void **state) {
    (void)state;
    struct sample s = normalised(3, QUALITY_BAD | QUALITY_NO_VALUE | REASON_BLOCKED, 2, 5);
    assert_int_equal(s.quality, QUALITY_BAD | QUALITY_NO_VALUE | REASON_BLOCKED);
    assert_true(isnan(s.value));
}

static void history_keeps_believable_times(void **state) {
    (void)state;
    struct model *m = a_model(1, 0);
    const struct sample v[] = {
        {.tag = 1, .value = 1, .t_us = NOW - TM_DAY_US},
        {.tag = 0, .value = 2, .t_us = NOW + SAMPLE_FUTURE_MAX_US},
        {.tag = 1, .value = 3, .t_us = TM_YEAR_2000_US},
    };
    struct stored_sample ret[3];
    sample_to_history(m, v, 3, NOW, SAMPLE_FUTURE_MAX_US, ret);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ret[i].t_us, v[i].t_us);
        assert_int_equal(ret[i].quality, QUALITY_GOOD);
        assert_true(ret[i].value == v[i].value);
        assert_int_equal(ret[i].tag_key, m->tags[v[i].tag].key);
    }
    model_free(&m);
}

static void history_replaces_unbelievable_times_so_that_no_two_collide(void **state) {
    (void)state;
    struct model *m = a_model(1, 0);
    const struct sample v[] = {
        {.tag = 1, .t_us = NOW},
        {.tag = 1, .t_us = NOW + SAMPLE_FUTURE_MAX_US + 1},
        {.tag = 1, .t_us = TM_YEAR_2000_US - 1},
        {.tag = 1, .t_us = INT64_MAX, .quality = QUALITY_BAD | REASON_SENSOR},
        {.tag = 1, .t_us = INT64_MIN},
    };
    struct stored_sample ret[5];
    sample_to_history(m, v, 5, NOW, SAMPLE_FUTURE_MAX_US, ret);
    for (int i = 1; i < 5; i++) {
        assert_int_equal(ret[i].t_us, NOW + i);
    }
    assert_int_equal(ret[1].quality, QUALITY_UNCERTAIN | REASON_CLOCK);
    assert_int_equal(ret[3].quality, QUALITY_BAD | REASON_SENSOR);
    model_free(&m);
}

static void a_text_is_a_value_to_history(void **state) {
    (void)state;
    struct model *m = a_model(2, 1);
    struct sample v[] = {
        {.tag = 1, .t_us = NOW, .quality = QUALITY_NO_VALUE, .text = slice_str("Spülen")},
        {.tag = 1, .t_us = 0, .quality = QUALITY_NO_VALUE, .text = slice_str("")},
        {.tag = 1, .t_us = NOW, .quality = QUALITY_NO_VALUE},
    };
    struct stored_sample ret[3];
    sample_normalise(m, v, 3);
    sample_to_history(m, v, 3, NOW, SAMPLE_FUTURE_MAX_US, ret);
    assert_true(slice_is(ret[0].text, "Spülen") && ret[0].quality == QUALITY_GOOD);
    assert_true(ret[1].text.p != NULL && ret[1].quality == (QUALITY_UNCERTAIN | REASON_CLOCK));
    assert_true(ret[2].text.p == NULL && ret[2].quality == QUALITY_NO_VALUE);
    model_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scale_and_offset_are_applied),
        cmocka_unit_test(beyond_the_range_is_uncertain_and_keeps_its_value),
        cmocka_unit_test(what_is_not_finite_is_bad_without_a_value),
        cmocka_unit_test(a_sample_without_a_value_is_not_scaled_into_one),
        cmocka_unit_test(history_keeps_believable_times),
        cmocka_unit_test(a_text_is_a_value_to_history),
        cmocka_unit_test(history_replaces_unbelievable_times_so_that_no_two_collide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
