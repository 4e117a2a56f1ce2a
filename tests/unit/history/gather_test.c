#include "server/base/rand.h"
#include "server/history/gather.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { TAGS = 5, SAMPLES = 3000, TIMES = 400, FROM = 100, TO = 300 };

static const int64_t keys[TAGS] = {9, 2, 700, -4, 31};

struct given {
    struct chunk_sample s;
    int64_t order;
    bool is;
};

/* [tag][time]: what counts. */
static struct given model[TAGS][TIMES];

static void give(struct gather *g, struct rand *r, uint32_t n) {
    static const struct slice texts[] = {{"", 0}, {"on", 2}, {"nothing", 7}};
    for (uint32_t i = 1; i <= n; i++) {
        uint32_t tag = (uint32_t)rand_below(r, TAGS + 1);
        uint32_t at = (uint32_t)rand_below(r, TIMES);
        struct chunk_sample s = {.tag_key = tag == TAGS ? 8 : keys[tag],
                                 .t_us = at,
                                 .number = (double)i,
                                 .kind = (uint8_t)rand_below(r, 3),
                                 .text = texts[i % 3]};
        /* Each order once, in no order: 4999 is prime. */
        int64_t order = 1 + i * INT64_C(1237) % 4999;
        assert_int_equal(gather_add(g, &s, order), OK);
        if (tag < TAGS && order >= model[tag][at].order) {
            model[tag][at] = (struct given){.s = s, .order = order, .is = true};
        }
    }
}

static void same(const struct chunk_sample *a, const struct given *b) {
    assert_true(a->t_us == b->s.t_us && a->kind == b->s.kind && a->tag_key == b->s.tag_key);
    if (a->kind == CHUNK_TEXT) {
        assert_true(slice_eq(a->text, b->s.text));
        assert_non_null(a->text.p);
    }
}

static const struct given *nearest(uint32_t tag, uint32_t from, uint32_t to, bool last) {
    const struct given *found = NULL;
    for (uint32_t at = from; at < to && (last || found == NULL); at++) {
        found = model[tag][at].is ? &model[tag][at] : found;
    }
    return found;
}

static void check_tag(const struct gather *g, uint32_t tag) {
    uint32_t n = 0;
    uint32_t seen = 0;
    const struct gathered *v = gather_of(g, keys[tag], &n);
    for (uint32_t at = FROM; at < TO; at++) {
        if (model[tag][at].is) {
            assert_true(seen < n);
            same(&v[seen++].s, &model[tag][at]);
        }
    }
    assert_int_equal(seen, n);
    const struct given *before = nearest(tag, 0, FROM, true);
    const struct given *after = nearest(tag, TO, TIMES, false);
    assert_int_equal(gather_before(g, keys[tag]) == NULL, before == NULL);
    assert_int_equal(gather_after(g, keys[tag]) == NULL, after == NULL);
    if (before != NULL) {
        same(gather_before(g, keys[tag]), before);
    }
    if (after != NULL) {
        same(gather_after(g, keys[tag]), after);
    }
}

static void of_each_tag_and_moment_the_highest_order_stays(void **state) {
    (void)state;
    struct rand r;
    const char *text = getenv("SEED");
    uint64_t seed = text == NULL ? 5 : strtoull(text, NULL, 10);
    printf("SEED=%llu\n", (unsigned long long)seed);
    rand_seed(&r, seed);
    for (uint32_t round = 0; round < 50; round++) {
        struct gather g;
        memset(model, 0, sizeof model);
        gather_init(&g, keys, TAGS, FROM, TO);
        give(&g, &r, round < 5 ? round : (uint32_t)rand_below(&r, SAMPLES));
        gather_sort(&g);
        for (uint32_t tag = 0; tag < TAGS; tag++) {
            check_tag(&g, tag);
        }
        gather_done(&g);
    }
}

static void a_tag_that_was_not_asked_for_has_nothing(void **state) {
    (void)state;
    struct gather g;
    uint32_t n = 7;
    const struct chunk_sample s = {.tag_key = 5, .t_us = 150, .kind = CHUNK_NUMBER};
    gather_init(&g, keys, TAGS, FROM, TO);
    assert_int_equal(gather_add(&g, &s, 1), OK);
    gather_sort(&g);
    (void)gather_of(&g, 5, &n);
    assert_int_equal(n, 0);
    assert_null(gather_before(&g, 5));
    assert_null(gather_after(&g, 9));
    gather_done(&g);
}

static void more_than_it_holds_is_refused(void **state) {
    (void)state;
    struct gather g;
    gather_init(&g, keys, TAGS, 0, INT64_MAX);
    struct chunk_sample s = {.tag_key = 9, .kind = CHUNK_NUMBER};
    for (int64_t i = 1; i <= GATHER_MAX; i++) {
        s.t_us = i;
        assert_int_equal(gather_add(&g, &s, i), OK);
    }
    assert_int_equal(gather_add(&g, &s, 1), ERR_FULL);
    gather_done(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_each_tag_and_moment_the_highest_order_stays),
        cmocka_unit_test(a_tag_that_was_not_asked_for_has_nothing),
        cmocka_unit_test(more_than_it_holds_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
