#include "protocol/gateway/modbus_plan.h"
#include "server/base/rand.h"
#include "tests/lib/unit.h"

#define H(at)                                                                                                \
    { .table = MODBUS_HOLDING, .format = MODBUS_UINT16, .address = (at) }
#define H2(at)                                                                                               \
    { .table = MODBUS_HOLDING, .format = MODBUS_FLOAT32, .address = (at) }
#define HBIT(at, b)                                                                                          \
    { .table = MODBUS_HOLDING, .format = MODBUS_BIT, .address = (at), .bit = (b) }
#define I(at)                                                                                                \
    { .table = MODBUS_INPUT, .format = MODBUS_INT16, .address = (at) }
#define C(at)                                                                                                \
    { .table = MODBUS_COIL, .format = MODBUS_BIT, .address = (at) }

struct expected_read {
    enum modbus_table table;
    uint16_t address;
    uint16_t n;
};

static const struct modbus_limits plain = {.registers = MODBUS_REGISTERS_MAX, .bits = MODBUS_BITS_MAX};

static void expect_plan(const struct modbus_point *points, uint32_t n, const struct modbus_limits *limits,
                        const struct expected_read *reads, uint32_t n_reads) {
    struct modbus_plan plan;
    assert_int_equal(modbus_plan_init(&plan, points, n, limits, NULL), OK);
    assert_int_equal(plan.n_reads, n_reads);
    uint32_t words = 0;
    for (uint32_t i = 0; i < n_reads; i++) {
        assert_int_equal(plan.reads[i].table, reads[i].table);
        assert_int_equal(plan.reads[i].address, reads[i].address);
        assert_int_equal(plan.reads[i].n, reads[i].n);
        assert_int_equal(plan.reads[i].first, words);
        words += reads[i].n;
    }
    assert_int_equal(plan.n_words, words);
    modbus_plan_done(&plan);
}

static void what_lies_side_by_side_is_read_together(void **state) {
    (void)state;
    static const struct modbus_point points[] = {H(12), C(7),        H2(10),      I(10), H(13),
                                                 H(20), HBIT(13, 3), HBIT(13, 4), C(8)};
    static const struct expected_read reads[] = {
        {MODBUS_COIL, 7, 2}, {MODBUS_HOLDING, 10, 4}, {MODBUS_HOLDING, 20, 1}, {MODBUS_INPUT, 10, 1}};
    expect_plan(points, COUNT(points), &plain, reads, COUNT(reads));
}

static void a_gap_is_read_over_where_that_is_permitted(void **state) {
    (void)state;
    static const struct modbus_point points[] = {H(0), H(3), H(7)};
    static const struct expected_read all[] = {{MODBUS_HOLDING, 0, 8}};
    static const struct expected_read two[] = {{MODBUS_HOLDING, 0, 4}, {MODBUS_HOLDING, 7, 1}};
    static const struct expected_read three[] = {
        {MODBUS_HOLDING, 0, 1}, {MODBUS_HOLDING, 3, 1}, {MODBUS_HOLDING, 7, 1}};
    struct modbus_limits limits = plain;
    limits.gap = 3;
    expect_plan(points, 3, &limits, all, 1);
    limits.gap = 2;
    expect_plan(points, 3, &limits, two, 2);
    limits.gap = 1;
    expect_plan(points, 3, &limits, three, 3);
}

static void a_read_ends_at_the_limit_and_divides_no_value(void **state) {
    (void)state;
    static struct modbus_point points[126];
    for (uint16_t i = 0; i < 124; i++) {
        points[i] = (struct modbus_point)H(i);
    }
    points[124] = (struct modbus_point)H2(124);
    points[125] = (struct modbus_point)H(126);
    static const struct expected_read reads[] = {{MODBUS_HOLDING, 0, 124}, {MODBUS_HOLDING, 124, 3}};
    expect_plan(points, 126, &plain, reads, 2);
    points[124] = (struct modbus_point)H(124);
    static const struct expected_read full[] = {{MODBUS_HOLDING, 0, 125}, {MODBUS_HOLDING, 126, 1}};
    expect_plan(points, 126, &plain, full, 2);

    static struct modbus_point bits[2001];
    for (uint16_t i = 0; i < 2001; i++) {
        bits[i] = (struct modbus_point)C(i);
    }
    static const struct expected_read of_bits[] = {{MODBUS_COIL, 0, 2000}, {MODBUS_COIL, 2000, 1}};
    expect_plan(bits, 2001, &plain, of_bits, 2);
}

static void the_last_address_is_read(void **state) {
    (void)state;
    static const struct modbus_point points[] = {H(65535), H2(65533)};
    static const struct expected_read reads[] = {{MODBUS_HOLDING, 65533, 3}};
    expect_plan(points, 2, &plain, reads, 1);
    expect_plan(points, 0, &plain, NULL, 0);
}

/* Any points and limits: each value lies whole in one read of its table, and no read is over the limit. */
static void every_value_is_in_one_read(void **state) {
    (void)state;
    struct rand r;
    rand_seed(&r, 7);
    for (int round = 0; round < 300; round++) {
        struct modbus_point points[200];
        uint32_t n = (uint32_t)rand_below(&r, 200);
        for (uint32_t i = 0; i < n; i++) {
            enum modbus_table table = (enum modbus_table)rand_below(&r, MODBUS_TABLES);
            points[i] = (struct modbus_point){.table = table, .address = (uint16_t)rand_below(&r, 400)};
            points[i].format = modbus_table_is_bits(table)
                                   ? MODBUS_BIT
                                   : (enum modbus_format)rand_below(&r, MODBUS_FLOAT64 + 1);
        }
        struct modbus_limits limits = {.registers = (uint16_t)(4 + rand_below(&r, 122)),
                                       .bits = (uint16_t)(1 + rand_below(&r, 2000)),
                                       .gap = (uint16_t)rand_below(&r, 10)};
        struct modbus_plan plan;
        assert_int_equal(modbus_plan_init(&plan, points, n, &limits, NULL), OK);
        for (uint32_t i = 0; i < n; i++) {
            const struct modbus_read *read = &plan.reads[plan.read_of[i]];
            assert_int_equal(read->table, points[i].table);
            assert_true(points[i].address >= read->address);
            assert_true(points[i].address + modbus_point_size(&points[i]) <= read->address + read->n);
            assert_int_equal(plan.first_word[i], read->first + points[i].address - read->address);
        }
        for (uint32_t i = 0; i < plan.n_reads; i++) {
            bool bits = modbus_table_is_bits(plan.reads[i].table);
            assert_true(plan.reads[i].n <= (bits ? limits.bits : limits.registers));
        }
        modbus_plan_done(&plan);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lies_side_by_side_is_read_together),
        cmocka_unit_test(a_gap_is_read_over_where_that_is_permitted),
        cmocka_unit_test(a_read_ends_at_the_limit_and_divides_no_value),
        cmocka_unit_test(the_last_address_is_read),
        cmocka_unit_test(every_value_is_in_one_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
