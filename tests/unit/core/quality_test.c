#include "server/core/quality.h"
#include "tests/lib/unit.h"

static void the_higher_class_wins(void **state) {
    (void)state;
    assert_int_equal(quality_worse(QUALITY_GOOD, QUALITY_UNCERTAIN | REASON_RANGE),
                     QUALITY_UNCERTAIN | REASON_RANGE);
    assert_int_equal(quality_worse(QUALITY_BAD | REASON_COMMS, QUALITY_UNCERTAIN | REASON_RANGE),
                     QUALITY_BAD | REASON_COMMS);
    assert_int_equal(quality_worse(QUALITY_UNCERTAIN | REASON_TEST, QUALITY_BAD | REASON_STALE),
                     QUALITY_BAD | REASON_STALE);
}

static void among_equals_the_first_reason_stays(void **state) {
    (void)state;
    assert_int_equal(quality_worse(QUALITY_BAD | REASON_COMMS, QUALITY_BAD | REASON_STALE),
                     QUALITY_BAD | REASON_COMMS);
}

static void a_missing_value_stays_missing(void **state) {
    (void)state;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            uint8_t worse = quality_worse((uint8_t)a, (uint8_t)b);
            assert_int_equal(worse & QUALITY_NO_VALUE, (a | b) & QUALITY_NO_VALUE);
            assert_true((worse & QUALITY_CLASS_MASK) >= (a & QUALITY_CLASS_MASK));
            assert_true((worse & QUALITY_CLASS_MASK) >= (b & QUALITY_CLASS_MASK));
        }
    }
}

static void classes_have_names_and_the_reserved_one_is_bad(void **state) {
    (void)state;
    assert_string_equal(quality_class_name(0x00), "good");
    assert_string_equal(quality_class_name(0x5F), "uncertain");
    assert_string_equal(quality_class_name(0x80), "bad");
    assert_string_equal(quality_class_name(0xC0), "bad");
    assert_true(quality_is_bad(0xC0));
}

static void each_reason_has_its_name_and_later_ones_are_reserved(void **state) {
    (void)state;
    assert_string_equal(quality_reason_name(QUALITY_GOOD), "none");
    assert_string_equal(quality_reason_name(QUALITY_BAD | REASON_COMMS), "comms");
    assert_string_equal(quality_reason_name(QUALITY_BAD | QUALITY_NO_VALUE | REASON_INITIAL), "initial");
    assert_string_equal(quality_reason_name(QUALITY_BAD | REASON_OUT_OF_SERVICE), "out_of_service");
    assert_string_equal(quality_reason_name(13), "reserved");
    for (unsigned reason = 0; reason < 32; reason++) {
        assert_non_null(quality_reason_name((uint8_t)reason));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_higher_class_wins),
        cmocka_unit_test(among_equals_the_first_reason_stays),
        cmocka_unit_test(a_missing_value_stays_missing),
        cmocka_unit_test(classes_have_names_and_the_reserved_one_is_bad),
        cmocka_unit_test(each_reason_has_its_name_and_later_ones_are_reserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
