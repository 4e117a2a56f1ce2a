#include "protocol/gateway/modbus_point.h"
#include "tests/lib/unit.h"

#include <math.h>
#include <string.h>

static const struct {
    enum modbus_table table;
    enum modbus_format format;
    enum modbus_order order;
    uint8_t bit;
    uint16_t words[MODBUS_WORDS_MAX];
    int64_t integer; /* of an integer format */
    double number;
} values[] = {
    {MODBUS_COIL, MODBUS_BIT, MODBUS_ABCD, 0, {1}, 1, 1},
    {MODBUS_DISCRETE, MODBUS_BIT, MODBUS_ABCD, 0, {0}, 0, 0},
    {MODBUS_INPUT, MODBUS_BIT, MODBUS_ABCD, 0, {0x8001}, 1, 1},
    {MODBUS_INPUT, MODBUS_BIT, MODBUS_ABCD, 1, {0x8001}, 0, 0},
    {MODBUS_HOLDING, MODBUS_BIT, MODBUS_ABCD, 15, {0x8001}, 1, 1},
    {MODBUS_HOLDING, MODBUS_INT16, MODBUS_ABCD, 0, {0xFFFE}, -2, -2},
    {MODBUS_HOLDING, MODBUS_UINT16, MODBUS_ABCD, 0, {0xFFFE}, 65534, 65534},
    {MODBUS_HOLDING, MODBUS_UINT16, MODBUS_DCBA, 0, {0x1234}, 0x1234, 0x1234}, /* one word has no order */
    /* 0x12345678 */
    {MODBUS_HOLDING, MODBUS_UINT32, MODBUS_ABCD, 0, {0x1234, 0x5678}, 0x12345678, 305419896},
    {MODBUS_HOLDING, MODBUS_UINT32, MODBUS_CDAB, 0, {0x5678, 0x1234}, 0x12345678, 305419896},
    {MODBUS_HOLDING, MODBUS_UINT32, MODBUS_BADC, 0, {0x3412, 0x7856}, 0x12345678, 305419896},
    {MODBUS_HOLDING, MODBUS_UINT32, MODBUS_DCBA, 0, {0x7856, 0x3412}, 0x12345678, 305419896},
    {MODBUS_INPUT, MODBUS_INT32, MODBUS_ABCD, 0, {0xFFFF, 0xFFFB}, -5, -5},
    {MODBUS_INPUT, MODBUS_UINT32, MODBUS_ABCD, 0, {0xFFFF, 0xFFFB}, 4294967291, 4294967291.0},
    /* 0x0102030405060708 */
    {MODBUS_INPUT,
     MODBUS_INT64,
     MODBUS_ABCD,
     0,
     {0x0102, 0x0304, 0x0506, 0x0708},
     0x0102030405060708,
     0x1.0203040506070p56},
    {MODBUS_INPUT,
     MODBUS_INT64,
     MODBUS_CDAB,
     0,
     {0x0708, 0x0506, 0x0304, 0x0102},
     0x0102030405060708,
     0x1.0203040506070p56},
    {MODBUS_INPUT,
     MODBUS_INT64,
     MODBUS_BADC,
     0,
     {0x0201, 0x0403, 0x0605, 0x0807},
     0x0102030405060708,
     0x1.0203040506070p56},
    {MODBUS_INPUT,
     MODBUS_INT64,
     MODBUS_DCBA,
     0,
     {0x0807, 0x0605, 0x0403, 0x0201},
     0x0102030405060708,
     0x1.0203040506070p56},
    {MODBUS_INPUT, MODBUS_UINT64, MODBUS_ABCD, 0, {0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF}, -1, 0x1p64},
    /* 12.5 is 0x41480000 and 0x4029000000000000 */
    {MODBUS_INPUT, MODBUS_FLOAT32, MODBUS_ABCD, 0, {0x4148, 0x0000}, 0, 12.5},
    {MODBUS_INPUT, MODBUS_FLOAT32, MODBUS_CDAB, 0, {0x0000, 0x4148}, 0, 12.5},
    {MODBUS_INPUT, MODBUS_FLOAT32, MODBUS_DCBA, 0, {0x0000, 0x4841}, 0, 12.5},
    {MODBUS_INPUT, MODBUS_FLOAT64, MODBUS_ABCD, 0, {0x4029, 0, 0, 0}, 0, 12.5},
    {MODBUS_INPUT, MODBUS_FLOAT64, MODBUS_DCBA, 0, {0, 0, 0, 0x2940}, 0, 12.5},
};

static struct modbus_point point_of(size_t i) {
    return (struct modbus_point){
        .table = values[i].table, .format = values[i].format, .order = values[i].order, .bit = values[i].bit};
}

static void words_are_read_in_every_format_and_order(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        struct modbus_point p = point_of(i);
        struct modbus_value v;
        modbus_decode(&p, values[i].words, &v);
        bool is_float = p.format == MODBUS_FLOAT32 || p.format == MODBUS_FLOAT64;
        if (v.is_integer == is_float || v.integer != values[i].integer || v.number != values[i].number) {
            fail_msg("value %zu: %lld %g", i, (long long)v.integer, v.number);
        }
    }
}

static void what_is_written_reads_back(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        struct modbus_point p = point_of(i);
        bool of_register = p.format == MODBUS_BIT && !modbus_table_is_bits(p.table);
        if (of_register || values[i].number >= 0x1p56) { /* these doubles are not exact */
            continue;
        }
        uint16_t words[MODBUS_WORDS_MAX] = {0};
        assert_int_equal(modbus_encode(&p, values[i].number, words, NULL), OK);
        if (memcmp(words, values[i].words, modbus_point_size(&p) * sizeof words[0]) != 0) {
            fail_msg("value %zu: %04x %04x %04x %04x", i, words[0], words[1], words[2], words[3]);
        }
    }
}

static void what_does_not_fit_is_not_written(void **state) {
    (void)state;
    static const struct {
        enum modbus_format format;
        double number;
        bool fits;
    } cases[] = {
        {MODBUS_INT16, 32767.4, true},  {MODBUS_INT16, 32767.6, false}, {MODBUS_INT16, -32768, true},
        {MODBUS_INT16, -32769, false},  {MODBUS_UINT16, 65535, true},   {MODBUS_UINT16, 65536, false},
        {MODBUS_UINT16, -1, false},     {MODBUS_INT32, 0x1p31, false},  {MODBUS_UINT32, 0x1p31, true},
        {MODBUS_UINT32, 0x1p32, false}, {MODBUS_INT64, 0x1p63, false},  {MODBUS_INT64, -0x1p63, true},
        {MODBUS_UINT64, 0x1p63, true},  {MODBUS_UINT64, 0x1p64, false}, {MODBUS_FLOAT32, 1e39, false},
        {MODBUS_FLOAT32, -1e38, true},  {MODBUS_FLOAT64, 1e300, true},  {MODBUS_FLOAT64, INFINITY, false},
        {MODBUS_FLOAT64, NAN, false},   {MODBUS_INT16, NAN, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct modbus_point p = {.table = MODBUS_HOLDING, .format = cases[i].format};
        uint16_t words[MODBUS_WORDS_MAX];
        struct error err = {0};
        if ((modbus_encode(&p, cases[i].number, words, &err) == OK) != cases[i].fits) {
            fail_msg("case %zu: %s", i, err.text);
        }
    }
    struct modbus_point coil = {.table = MODBUS_COIL, .format = MODBUS_BIT};
    uint16_t words[MODBUS_WORDS_MAX];
    assert_int_equal(modbus_encode(&coil, 0.5, words, NULL), ERR_INVALID);
    assert_int_equal(modbus_encode(&coil, 2, words, NULL), ERR_INVALID);
}

static void only_coils_and_holding_registers_are_writable(void **state) {
    (void)state;
    assert_true(modbus_table_is_writable(MODBUS_COIL));
    assert_false(modbus_table_is_writable(MODBUS_DISCRETE));
    assert_true(modbus_table_is_writable(MODBUS_HOLDING));
    assert_false(modbus_table_is_writable(MODBUS_INPUT));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_read_in_every_format_and_order),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(what_does_not_fit_is_not_written),
        cmocka_unit_test(only_coils_and_holding_registers_are_writable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
