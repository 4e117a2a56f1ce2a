#include "server/base/rand.h"
#include "server/store/packing_taken.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { MANY = 60000 };

/* A sample as it was given: its number is its place in the order of arrival. */
struct given {
    int64_t tag_key;
    int64_t t_us;
    uint32_t at;
};

static struct chunk_columns columns;
static struct given given[MANY];
static struct taken taken;

static int by_tag_time_and_arrival(const void *a, const void *b) {
    const struct given *x = a;
    const struct given *y = b;
    if (x->tag_key != y->tag_key) {
        return x->tag_key < y->tag_key ? -1 : 1;
    }
    if (x->t_us != y->t_us) {
        return x->t_us < y->t_us ? -1 : 1;
    }
    return x->at < y->at ? -1 : 1;
}

/* given[first..first+n) as a row of sample_hot has them. */
static void add_row(uint32_t first, uint32_t n) {
    columns.n = columns.n_numbers = n;
    for (uint32_t i = 0; i < n; i++) {
        columns.tags[i] = given[first + i].tag_key;
        columns.times[i] = given[first + i].t_us;
        columns.qualities[i] = (uint8_t)(first + i);
        columns.kinds[i] = CHUNK_NUMBER;
        columns.numbers[i] = first + i;
    }
    assert_int_equal(taken_add(&taken, &columns), OK);
}

/* All that was given, by tag, time and arrival. */
static void expect_sorted(uint32_t n) {
    uint32_t at = 0;
    taken_sort(&taken);
    qsort(given, n, sizeof *given, by_tag_time_and_arrival);
    assert_int_equal(taken.n, n);
    for (uint32_t tag = 0; tag < taken.n_tags; tag++) {
        for (uint32_t i = 0; i < taken.tags[tag].n; i++, at++) {
            const struct pack_sample *s = &taken.v[taken.tags[tag].first + i];
            assert_true(taken.tags[tag].tag_key == given[at].tag_key);
            assert_true(s->t_us == given[at].t_us);
            assert_true(s->number == given[at].at);
            assert_int_equal(s->quality, (uint8_t)given[at].at);
            assert_int_equal(s->kind, CHUNK_NUMBER);
        }
        assert_true(tag == 0 || taken.tags[tag].tag_key > taken.tags[tag - 1].tag_key);
    }
    assert_int_equal(at, n);
}

static void give(uint32_t i, int64_t tag_key, int64_t t_us) {
    given[i] = (struct given){.tag_key = tag_key, .t_us = t_us, .at = i};
}

/* The common case, twice, with the same tags from the last one on: what was taken before is forgotten. */
static void records_of_the_same_tags_are_taken_apart(void **state) {
    (void)state;
    taken_init(&taken);
    for (int turn = 0; turn < 2; turn++) {
        for (uint32_t i = 0; i < MANY; i++) {
            give(i, turn == 0 ? i % 200 : 199 - i % 200, i / 200);
        }
        for (uint32_t i = 0; i < MANY; i += 200) {
            add_row(i, 200);
        }
        expect_sorted(MANY);
        assert_int_equal(taken.n_tags, 200);
        taken_clear(&taken);
    }
    taken_sort(&taken);
    assert_int_equal(taken.n_tags, 0);
    taken_done(&taken);
}

/* Late ones, several of a moment, tags from everywhere, and more of them than there was room for. */
static void samples_in_any_order_are_sorted(void **state) {
    (void)state;
    const char *text = getenv("SEED");
    uint64_t seed = text == NULL ? 1 : strtoull(text, NULL, 10);
    printf("SEED=%llu\n", (unsigned long long)seed);
    struct rand r;
    rand_seed(&r, seed);
    static const uint64_t tags[] = {1, 7, 500, 9000, UINT64_MAX / 4};
    taken_init(&taken);
    for (size_t round = 0; round < COUNT(tags); round++) {
        uint32_t n = 1 + (uint32_t)rand_below(&r, MANY);
        for (uint32_t i = 0; i < n; i++) {
            give(i, (int64_t)rand_below(&r, tags[round]) * (rand_below(&r, 2) == 0 ? 1 : -1),
                 (int64_t)rand_below(&r, 100));
        }
        for (uint32_t i = 0, row = 0; i < n; i += row) {
            row = 1 + (uint32_t)rand_below(&r, CHUNK_SAMPLES_MAX);
            row = n - i < row ? n - i : row;
            add_row(i, row);
        }
        expect_sorted(n);
        taken_clear(&taken);
    }
    taken_done(&taken);
}

/* Weak ones come before others of their moment, which count then. */
static void kinds_and_weakness_are_kept(void **state) {
    (void)state;
    const struct chunk_sample weak = {
        .tag_key = 5, .t_us = 10, .kind = CHUNK_TEXT, .text = slice_str("weak"), .quality = 3};
    const struct chunk_sample nothing = {.tag_key = 5, .t_us = 9, .quality = 0xA0};
    taken_init(&taken);
    columns = (struct chunk_columns){.n = 2, .n_numbers = 1, .n_texts = 1};
    columns.tags[0] = columns.tags[1] = 5;
    columns.times[0] = columns.times[1] = 10;
    columns.kinds[0] = CHUNK_TEXT;
    columns.kinds[1] = CHUNK_NUMBER;
    columns.texts[0] = slice_str("strong");
    columns.numbers[0] = 1.5;
    assert_int_equal(taken_add_weak(&taken, &weak), OK);
    assert_int_equal(taken_add_weak(&taken, &nothing), OK);
    assert_int_equal(taken_add(&taken, &columns), OK);
    taken_sort(&taken);
    assert_int_equal(taken.n_tags, 1);
    assert_int_equal(taken.v[0].kind, CHUNK_NOTHING);
    assert_int_equal(taken.v[0].quality, 0xA0);
    assert_true(taken.v[1].order < 0);
    assert_true(slice_eq(slice_of(taken.v[1].text, taken.v[1].text_n), slice_str("weak")));
    assert_true(taken.v[2].order > 0);
    assert_true(slice_eq(slice_of(taken.v[2].text, taken.v[2].text_n), slice_str("strong")));
    assert_true(taken.v[3].number == 1.5);
    taken_done(&taken);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_the_same_tags_are_taken_apart),
        cmocka_unit_test(samples_in_any_order_are_sorted),
        cmocka_unit_test(kinds_and_weakness_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
