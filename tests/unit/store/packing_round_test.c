/* Which rows a packing takes next. */
#include "server/store/packing_round.h"
#include "tests/lib/unit.h"

static const struct round_limits no_limits = {.rows = UINT32_MAX, .samples = UINT64_MAX, .bytes = UINT64_MAX};

/* Rows as they came, of these gateways; ids from 1. */
static void arrive(struct round *r, const int64_t *gateways, uint32_t n) {
    round_clear(r);
    assert_true(round_reserve(r, n));
    for (uint32_t i = 0; i < n; i++) {
        r->v[i] = (struct round_row){.id = i + 1, .gateway_key = gateways[i], .n = 10, .bytes = 100};
    }
    r->n = n;
}

static void expect_next(struct round *r, struct round_limits limits, bool by_arrival, const int64_t *ids,
                        uint32_t n) {
    assert_int_equal(round_next(r, limits, by_arrival), n);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(r->v[r->at + i].id, ids[i]);
    }
}

static void gateways_are_taken_whole(void **state) {
    (void)state;
    struct round r;
    struct round_limits limits = no_limits;
    const int64_t first[] = {2, 4, 1, 3};
    round_init(&r);
    arrive(&r, (const int64_t[]){7, 3, 7, 3, 9, 9, 9}, 7);
    limits.samples = 50; /* five rows: two gateways of two */
    expect_next(&r, limits, false, first, 4);
    round_took(&r, 4);
    assert_false(round_is_over(&r));
    expect_next(&r, limits, false, (const int64_t[]){5, 6, 7}, 3);
    round_took(&r, 3);
    assert_true(round_is_over(&r));
    assert_int_equal(round_next(&r, limits, false), 0);
    round_done(&r);
}

/* What does not fit at once is taken in parts; the last part is not joined with half of another one. */
static void a_large_gateway_is_taken_in_parts(void **state) {
    (void)state;
    struct round r;
    struct round_limits limits = no_limits;
    round_init(&r);
    arrive(&r, (const int64_t[]){1, 1, 1, 2, 2}, 5);
    limits.rows = 2;
    expect_next(&r, limits, false, (const int64_t[]){1, 2}, 2);
    round_took(&r, 2);
    expect_next(&r, limits, false, (const int64_t[]){3}, 1);
    round_took(&r, 1);
    expect_next(&r, limits, false, (const int64_t[]){4, 5}, 2);
    round_done(&r);
}

static void each_limit_counts_and_one_row_is_always_taken(void **state) {
    (void)state;
    struct round r;
    struct round_limits limits = no_limits;
    const int64_t ids[] = {1, 2, 3};
    round_init(&r);
    arrive(&r, (const int64_t[]){1, 1, 1}, 3);
    limits.bytes = 101; /* the row with which it is reached belongs to it */
    expect_next(&r, limits, false, ids, 2);
    limits.bytes = 100;
    expect_next(&r, limits, false, ids, 1);
    limits = no_limits;
    limits.samples = 1;
    expect_next(&r, limits, false, ids, 1);
    expect_next(&r, no_limits, false, ids, 3);
    round_done(&r);
}

static void after_trouble_rows_are_taken_as_they_came(void **state) {
    (void)state;
    struct round r;
    struct round_limits limits = no_limits;
    round_init(&r);
    arrive(&r, (const int64_t[]){2, 1, 2, 1}, 4);
    limits.rows = 1;
    expect_next(&r, limits, false, (const int64_t[]){2}, 1);
    expect_next(&r, limits, true, (const int64_t[]){1}, 1);
    round_took(&r, 1);
    expect_next(&r, limits, true, (const int64_t[]){2}, 1);
    expect_next(&r, no_limits, false, (const int64_t[]){2, 4, 3}, 3);
    round_done(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gateways_are_taken_whole),
        cmocka_unit_test(a_large_gateway_is_taken_in_parts),
        cmocka_unit_test(each_limit_counts_and_one_row_is_always_taken),
        cmocka_unit_test(after_trouble_rows_are_taken_as_they_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
