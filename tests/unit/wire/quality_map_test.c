/* Covers: quality_map.c. The table of protocol/README.md. */
#include "protocol/quality_map.h"
#include "tests/lib/unit.h"

static void sparkplug_knows_three_qualities(void **state) {
    (void)state;
    assert_int_equal(quality_of_sparkplug(192), 0x00);
    assert_int_equal(quality_of_sparkplug(0), 0x80);
    assert_int_equal(quality_of_sparkplug(500), 0x87);
    assert_int_equal(quality_of_sparkplug(1), 0x40);
    assert_int_equal(quality_of_sparkplug(-1), 0x40);
}

static void the_worst_bit_of_a_descriptor_counts(void **state) {
    (void)state;
    assert_int_equal(quality_of_iec104(0x00), 0x00);
    assert_int_equal(quality_of_iec104(0x80), 0x80);
    assert_int_equal(quality_of_iec104(0x40), 0x87);
    assert_int_equal(quality_of_iec104(0x20), 0x44);
    assert_int_equal(quality_of_iec104(0x10), 0x8A);
    assert_int_equal(quality_of_iec104(0x01), 0x43);
    assert_int_equal(quality_of_iec104(0x0E), 0x00); /* reserved bits say nothing */
    assert_int_equal(quality_of_iec104(0xFF), 0x80);
    assert_int_equal(quality_of_iec104(0x71), 0x87);
    assert_int_equal(quality_of_iec104(0x31), 0x8A);
    assert_int_equal(quality_of_iec104(0x21), 0x44);
}

static void opc_ua_goes_by_severity_and_by_the_codes_that_have_a_reason(void **state) {
    (void)state;
    static const struct {
        uint32_t status;
        uint8_t quality;
    } rows[] = {
        {0x00000000, 0x00}, {0x00000480, 0x00}, /* good, and an overflow of the queue */
        {0x00960000, 0x44}, {0x40000000, 0x40}, {0x408F0000, 0x41}, {0x40900000, 0x47}, {0x40910000, 0x44},
        {0x40920000, 0x4C}, {0x40930000, 0x42}, {0x40940000, 0x43}, {0x40950000, 0x40}, {0x80000000, 0x80},
        {0x80050000, 0x81}, {0x800A0000, 0x81}, {0x80310000, 0x81}, {0x80320000, 0x8C}, {0x80890000, 0x88},
        {0x808A0000, 0x81}, {0x808B0000, 0x82}, {0x808C0000, 0x82}, {0x808D0000, 0x89}, {0xC0000000, 0x80},
        {0xFFFFFFFF, 0x80},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(quality_of_opcua(rows[i].status), rows[i].quality);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sparkplug_knows_three_qualities),
        cmocka_unit_test(the_worst_bit_of_a_descriptor_counts),
        cmocka_unit_test(opc_ua_goes_by_severity_and_by_the_codes_that_have_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
