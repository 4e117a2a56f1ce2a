#include "server/core/quality.h"
#include "server/link/sample_in.h"
#include "tests/lib/unit.h"

static const struct dict_entry entry = {.alias = 1, .type = VALUE_INT, .scale = 0.5, .offset = 1};

static struct sample of_int(int64_t i) {
    return sample_in(&(struct link_sample){.type = VALUE_INT, .i = i}, &entry, 3);
}

static struct sample of_uint(uint64_t u) {
    return sample_in(&(struct link_sample){.type = VALUE_UINT, .u = u}, &entry, 3);
}

static void numbers_come_with_their_quality(void **state) {
    (void)state;
    struct sample s = sample_in(
        &(struct link_sample){.type = VALUE_SCALED, .i = 3, .t_us = 5, .quality = QUALITY_UNCERTAIN}, &entry,
        9);
    assert_true(s.tag == 9 && s.t_us == 5 && s.value == 2.5 && s.quality == QUALITY_UNCERTAIN);
    assert_null(s.text.p);
    s = sample_in(&(struct link_sample){.type = VALUE_BOOL, .i = 1}, &entry, 0);
    assert_true(s.value == 1 && s.quality == 0);
    s = sample_in(&(struct link_sample){.type = VALUE_F64, .f = 0.1}, &entry, 0);
    assert_true(s.value == 0.1 && s.quality == 0);
}

static void whole_numbers_that_no_double_has_are_uncertain(void **state) {
    (void)state;
    const int64_t limit = INT64_C(1) << 53;
    static const uint8_t rounded = QUALITY_UNCERTAIN | REASON_RANGE;
    assert_int_equal(of_int(limit).quality, 0);
    assert_int_equal(of_int(-limit).quality, 0);
    assert_int_equal(of_int(limit + 1).quality, rounded);
    assert_int_equal(of_int(-limit - 1).quality, rounded);
    assert_int_equal(of_int(limit + 2).quality, 0);
    assert_int_equal(of_int(INT64_MIN).quality, 0);
    assert_int_equal(of_int(INT64_MAX).quality, rounded);
    assert_true(of_int(INT64_MAX).value == 0x1p63);
    assert_int_equal(of_uint((uint64_t)limit).quality, 0);
    assert_int_equal(of_uint((uint64_t)limit + 1).quality, rounded);
    assert_int_equal(of_uint(UINT64_C(1) << 63).quality, 0);
    assert_int_equal(of_uint(UINT64_MAX).quality, rounded);
    struct sample bad = sample_in(
        &(struct link_sample){.type = VALUE_INT, .i = INT64_MAX, .quality = QUALITY_BAD}, &entry, 0);
    assert_int_equal(bad.quality, QUALITY_BAD);
}

static void a_text_has_no_number_and_stays_what_it_is(void **state) {
    (void)state;
    struct link_sample in = {.type = VALUE_STRING, .s = slice_str("Spülen")};
    struct sample s = sample_in(&in, &entry, 0);
    assert_int_equal(s.quality, QUALITY_NO_VALUE);
    assert_true(slice_is(s.text, "Spülen"));
    in.type = VALUE_BYTES;
    in.quality = QUALITY_BAD | REASON_SENSOR;
    s = sample_in(&in, &entry, 0);
    assert_int_equal(s.quality, QUALITY_BAD | REASON_SENSOR | QUALITY_NO_VALUE);
    assert_non_null(s.text.p);
    in.quality |= QUALITY_NO_VALUE;
    s = sample_in(&in, &entry, 0);
    assert_null(s.text.p);
    s = sample_in(&(struct link_sample){.type = VALUE_F64, .f = 7, .quality = QUALITY_BAD | QUALITY_NO_VALUE},
                  &entry, 0);
    assert_true(s.value == 0 && s.quality == (QUALITY_BAD | QUALITY_NO_VALUE) && s.text.p == NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_come_with_their_quality),
        cmocka_unit_test(whole_numbers_that_no_double_has_are_uncertain),
        cmocka_unit_test(a_text_has_no_number_and_stays_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
