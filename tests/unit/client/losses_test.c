#include "protocol/client/losses.h"
#include "tests/lib/unit.h"

static struct loss loss(uint64_t epoch, uint64_t first, uint64_t end) {
    return (struct loss){.epoch = epoch,
                         .first = first,
                         .end = end,
                         .samples = end - first,
                         .from_us = (int64_t)first,
                         .to_us = (int64_t)end};
}

static void a_list_comes_back_as_written(void **state) {
    (void)state;
    struct losses l = {.total = UINT64_MAX};
    for (uint64_t i = 0; i < 20; i++) {
        struct loss one = loss(i + 1, i, 2 * i);
        one.from_us = -1;
        assert_int_equal(losses_push(&l, &one, NULL), OK);
    }
    struct buf b;
    buf_init(&b, 10000);
    losses_encode(&l, &b);
    struct losses back;
    assert_true(losses_decode(buf_slice(&b), &back));
    assert_true(back.total == UINT64_MAX);
    assert_int_equal(back.n, 20);
    for (uint32_t i = 0; i < 20; i++) {
        assert_memory_equal(&back.v[i], &l.v[i], sizeof l.v[i]);
    }
    losses_done(&back);
    for (size_t i = 0; i < b.n; i++) {
        b.p[i] ^= 0x10;
        assert_false(losses_decode(buf_slice(&b), &back));
        assert_int_equal(back.n, 0);
        b.p[i] ^= 0x10;
        assert_false(losses_decode(slice_of(b.p, i), &back));
    }
    buf_done(&b);
    losses_done(&l);
}

static void the_last_one_of_an_epoch_that_is_not_told_can_grow(void **state) {
    (void)state;
    struct losses l = {0};
    struct loss v[] = {loss(1, 0, 4), loss(2, 0, 4), loss(1, 6, 9), loss(1, 10, 12)};
    v[3].told_epoch = 5;
    for (size_t i = 0; i < COUNT(v); i++) {
        assert_int_equal(losses_push(&l, &v[i], NULL), OK);
    }
    uint32_t i = 99;
    assert_true(losses_find_open(&l, 1, 12, &i));
    assert_int_equal(i, 2);
    assert_true(losses_find_open(&l, 1, 5, &i));
    assert_int_equal(i, 0);
    assert_false(losses_find_open(&l, 1, 3, &i));
    assert_false(losses_find_open(&l, 3, 100, &i));
    struct loss more = loss(1, 12, 20);
    more.from_us = 3;
    losses_join(&l.v[2], &more);
    assert_true(l.v[2].first == 6 && l.v[2].end == 20 && l.v[2].samples == 11);
    assert_true(l.v[2].from_us == 3 && l.v[2].to_us == 20);
    losses_done(&l);
}

static void a_full_list_forgets_what_is_told_and_nothing_else(void **state) {
    (void)state;
    struct losses l = {0};
    struct loss one = loss(1, 0, 1);
    for (int i = 0; i < LOSSES_MAX; i++) {
        assert_int_equal(losses_push(&l, &one, NULL), OK);
    }
    assert_int_equal(losses_push(&l, &one, NULL), ERR_FULL);
    l.v[7].told_epoch = 9;
    one.epoch = 2;
    assert_int_equal(losses_push(&l, &one, NULL), OK);
    assert_int_equal(l.n, LOSSES_MAX);
    assert_true(l.v[7].told_epoch == 0 && l.v[LOSSES_MAX - 1].epoch == 2);
    losses_done(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_comes_back_as_written),
        cmocka_unit_test(the_last_one_of_an_epoch_that_is_not_told_can_grow),
        cmocka_unit_test(a_full_list_forgets_what_is_told_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
