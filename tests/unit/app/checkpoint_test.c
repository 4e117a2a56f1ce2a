#include "server/app/checkpoint.h"
#include "tests/lib/unit.h"

enum { SECOND = 1000000 };

/* A core with n accumulators, and the store that gets them. */
struct both {
    uint32_t n;
    uint32_t stores;
    uint32_t stored;
    int64_t at_us;
};

static uint32_t take(void *ctx, uint32_t first, struct alarm_accumulator *ret, uint32_t max) {
    const struct both *b = ctx;
    uint32_t n = b->n - first < max ? b->n - first : max;
    for (uint32_t i = 0; i < n; i++) {
        ret[i] = (struct alarm_accumulator){.alarm_key = 1 + first + i, .amount = first + i};
    }
    return n;
}

static void store(void *ctx, const struct alarm_accumulator *v, uint32_t n, int64_t at_us) {
    struct both *b = ctx;
    b->stores++;
    b->stored = n;
    b->at_us = at_us;
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(v[i].alarm_key, 1 + i);
        assert_true(v[i].amount == (double)i);
    }
}

static void every_ten_seconds_all_accumulators_are_stored(void **state) {
    (void)state;
    struct both b = {.n = 5000};
    struct app_checkpoint_host host = {.ctx = &b, .take = take, .store = store};
    struct app_checkpoint c = {0};
    for (int64_t s = 0; s < 25; s++) {
        app_checkpoint_turn(&c, &host, 0, 1000 + s, 77 + s * SECOND);
    }
    assert_int_equal(b.stores, 3);
    assert_int_equal(b.stored, 5000);
    assert_int_equal(b.at_us, 1020);
    app_checkpoint_done(&c);
}

static void a_change_is_stored_in_its_own_turn(void **state) {
    (void)state;
    struct both b = {.n = 1};
    struct app_checkpoint_host host = {.ctx = &b, .take = take, .store = store};
    struct app_checkpoint c = {0};
    app_checkpoint_turn(&c, &host, 0, 1000, 77);
    app_checkpoint_turn(&c, &host, 0, 1001, 78);
    assert_int_equal(b.stores, 1);
    app_checkpoint_turn(&c, &host, 1, 1002, 79);
    assert_int_equal(b.stores, 2);
    assert_int_equal(b.at_us, 1002);
    app_checkpoint_turn(&c, &host, 1, 1003, 80);
    assert_int_equal(b.stores, 2);
    app_checkpoint_done(&c);
}

static void a_number_that_just_fits_is_taken_whole(void **state) {
    (void)state;
    struct both b = {0};
    struct app_checkpoint_host host = {.ctx = &b, .take = take, .store = store};
    struct app_checkpoint c = {0};
    for (b.n = 1023; b.n <= 2049; b.n++) {
        app_checkpoint_now(&c, &host, 5);
        assert_int_equal(b.stored, b.n);
    }
    app_checkpoint_done(&c);
}

static void where_nothing_accumulates_nothing_is_stored(void **state) {
    (void)state;
    struct both b = {0};
    struct app_checkpoint_host host = {.ctx = &b, .take = take, .store = store};
    struct app_checkpoint c = {0};
    app_checkpoint_now(&c, &host, 5);
    assert_int_equal(b.stores, 0);
    app_checkpoint_done(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ten_seconds_all_accumulators_are_stored),
        cmocka_unit_test(a_change_is_stored_in_its_own_turn),
        cmocka_unit_test(a_number_that_just_fits_is_taken_whole),
        cmocka_unit_test(where_nothing_accumulates_nothing_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
