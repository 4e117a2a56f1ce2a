/* A DICT body after its prefix, applied to a dictionary that has some tags. Entries come back from their own
 * encoding; the dictionary stays in order and finds what it lists. */
#include "protocol/dict.h"
#include "tests/fuzz/fuzz.h"

static bool same(const struct dict_entry *a, const struct dict_entry *b) {
    return a->alias == b->alias && a->removed == b->removed && a->type == b->type && a->flags == b->flags &&
           a->scale == b->scale && a->offset == b->offset && slice_eq(a->name, b->name) &&
           slice_eq(a->unit, b->unit) && slice_eq(a->description, b->description) &&
           a->has_range == b->has_range && a->low == b->low && a->high == b->high;
}

static enum status check_entry(void *ctx, const struct dict_entry *e, struct error *err) {
    struct dict_entry *ret = ctx;
    (void)err;
    *ret = *e;
    return OK;
}

static enum status check_again(void *ctx, const struct dict_entry *e, struct error *err) {
    uint64_t *n = ctx;
    struct buf b;
    buf_init(&b, LINK_BODY_MAX_HELLO);
    dict_encode(&b, 3, true, e, 1);
    CHECK(buf_status(&b, NULL) == OK);
    struct dict_entry back = {0};
    struct dict_head head = {0};
    CHECK(dict_decode(buf_slice(&b), &head, check_entry, &back, err) == OK);
    CHECK(head.base == 3);
    CHECK(head.more);
    CHECK(head.n == 1);
    CHECK(same(e, &back));
    buf_done(&b);
    (*n)++;
    return OK;
}

static void check_order(const struct dict *d) {
    for (uint32_t i = 0; i < dict_count(d); i++) {
        const struct dict_entry *e = dict_at(d, i);
        uint32_t place = UINT32_MAX;
        CHECK(dict_find(d, e->alias, &place) == e);
        CHECK(place == i);
        CHECK(i == 0 || dict_at(d, i - 1)->alias < e->alias);
        CHECK(e->name.n > 0);
    }
}

static struct dict *dict_of_three(void) {
    static const char *const names[] = {"a", "b", "wetwell/level"};
    struct dict *d = NULL;
    CHECK(dict_new(1, &d, NULL) == OK);
    for (uint32_t i = 0; i < 3; i++) {
        const struct dict_entry e = {.alias = i, .type = VALUE_INT, .name = slice_str(names[i])};
        CHECK(dict_put(d, &e, NULL) == OK);
    }
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
    struct slice rest = slice_of(p, n);
    struct dict_head head = {0};
    struct error err = {0};
    uint64_t entries = 0;
    enum status decoded = dict_decode(rest, &head, check_again, &entries, &err);
    if (decoded != OK) {
        check_refusal(decoded, &err);
    } else {
        CHECK(entries == head.n);
    }
    struct dict *before = dict_of_three();
    struct dict *after = NULL;
    CHECK(dict_copy(before, 2, &after, NULL) == OK);
    bool more = false;
    enum status applied = dict_apply(after, rest, &more, &err);
    CHECK(decoded == OK || applied != OK);
    if (applied != OK) {
        check_refusal(applied, &err);
    } else {
        CHECK(more == head.more);
    }
    check_order(after);
    struct dict_undo *undo = NULL;
    CHECK(dict_extend(before, rest, &more, &undo, NULL) == applied);
    CHECK(applied != OK || dict_count(before) == dict_count(after));
    if (applied == OK) {
        dict_undo(before, &undo);
    }
    dict_free(&after);
    check_order(before);
    CHECK(dict_count(before) == 3); /* the copy was another's, and what was added was taken back */
    dict_free(&before);
    return 0;
}
