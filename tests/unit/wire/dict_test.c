/* Covers: dict.c, dict_msg.c. */
#include "protocol/dict.h"
#include "protocol/wire.h"
#include "tests/unit/wire/codec.h"

#include <math.h>

static struct dict_entry entry(uint32_t alias, const char *name) {
    return (struct dict_entry){
        .alias = alias, .type = VALUE_INT, .flags = DICT_HISTORISE, .name = slice_str(name)};
}

static struct dict_entry removal(uint32_t alias) {
    return (struct dict_entry){.alias = alias, .removed = true};
}

static const char text512[LINK_TEXT_MAX + 2] =
    "........................................................................................................"
    "........"
    "........................................................................................................"
    "........"
    "........................................................................................................"
    "........"
    "........................................................................................................"
    "........"
    ".................................................................";

static struct dict_entry full_entry(void) {
    return (struct dict_entry){.alias = LINK_ALIAS_MAX,
                               .type = VALUE_SCALED,
                               .flags = DICT_WRITABLE | DICT_SELECT | DICT_HISTORISE,
                               .scale = 0.001,
                               .offset = -40,
                               .name = slice_of(text512, LINK_NAME_MAX),
                               .unit = slice_of(text512, LINK_UNIT_MAX),
                               .description = slice_of(text512, LINK_TEXT_MAX),
                               .has_range = true,
                               .low = -1e300,
                               .high = 1e300};
}

struct list {
    struct dict_entry v[8];
    uint32_t n;
    uint32_t stop_at; /* 0: never */
};

static enum status keep(void *ctx, const struct dict_entry *e, struct error *err) {
    struct list *l = ctx;
    if (l->stop_at > 0 && l->n + 1 == l->stop_at) {
        return error_set(err, ERR_DENIED, "here", "no more");
    }
    assert_in_range(l->n, 0, COUNT(l->v) - 1);
    l->v[l->n++] = *e;
    return OK;
}

static void assert_same_entry(const struct dict_entry *a, const struct dict_entry *b) {
    assert_int_equal(a->alias, b->alias);
    assert_int_equal(a->removed, b->removed);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->flags, b->flags);
    assert_true(a->scale == b->scale);
    assert_true(a->offset == b->offset);
    assert_true(slice_eq(a->name, b->name));
    assert_true(slice_eq(a->unit, b->unit));
    assert_true(slice_eq(a->description, b->description));
    assert_int_equal(a->has_range, b->has_range);
    assert_true(a->low == b->low);
    assert_true(a->high == b->high);
}

static void entries_come_back_in_order(void **state) {
    (void)state;
    const struct dict_entry in[] = {full_entry(), entry(3, "P1/speed"), removal(9), entry(0, "x")};
    struct buf b;
    buf_init(&b, LINK_BODY_MAX);
    dict_encode(&b, 41, true, in, COUNT(in));
    struct slice copy = heap_copy(b.p, b.n);
    struct list out = {0};
    struct dict_head head = {0};
    struct error err = {0};
    assert_int_equal(dict_decode(copy, &head, keep, &out, &err), OK);
    assert_int_equal(head.base, 41);
    assert_true(head.more);
    assert_int_equal(head.n, COUNT(in));
    assert_int_equal(out.n, COUNT(in));
    for (size_t i = 0; i < COUNT(in); i++) {
        assert_same_entry(&in[i], &out.v[i]);
    }
    heap_free(copy);
    buf_done(&b);
}

static void every_cut_is_refused_and_exactly_full_fits(void **state) {
    (void)state;
    const struct dict_entry in[] = {full_entry(), entry(3, "P1/speed"), removal(9)};
    struct buf b;
    buf_init(&b, LINK_BODY_MAX);
    dict_encode(&b, 1, false, in, COUNT(in));
    for (size_t n = 0; n < b.n; n++) {
        struct slice copy = heap_copy(b.p, n);
        struct list out = {0};
        struct dict_head head;
        struct error err = {0};
        assert_int_equal(dict_decode(copy, &head, keep, &out, &err), ERR_INVALID);
        assert_memory_equal(err.where, "DICT after its prefix, offset ", 30);
        heap_free(copy);
    }
    struct buf tight;
    buf_init(&tight, b.n);
    dict_encode(&tight, 1, false, in, COUNT(in));
    assert_int_equal(buf_status(&tight, NULL), OK);
    buf_done(&tight);
    buf_init(&tight, b.n - 1);
    dict_encode(&tight, 1, false, in, COUNT(in));
    assert_int_equal(buf_status(&tight, NULL), ERR_TOO_BIG);
    buf_done(&tight);
    buf_done(&b);
}

#define BYTES(text)                                                                                          \
    { (text), sizeof(text) - 1 }
#define ZERO8 "\x00\x00\x00\x00\x00\x00\x00\x00"
#define ONE8  "\x00\x00\x00\x00\x00\x00\xf0\x3f"
#define INF8  "\x00\x00\x00\x00\x00\x00\xf0\x7f"
#define NAN8  "\x00\x00\x00\x00\x00\x00\xf8\x7f"

static void what_breaks_a_rule_is_refused_with_its_offset(void **state) {
    (void)state;
    static const struct {
        struct slice bytes;
        enum status status;
        const char *where; /* offset */
        const char *text;
    } table[] = {
        {BYTES("\x00\x02\x00"), ERR_INVALID, "1", "more is 2, must be 0 or 1"},
        {BYTES("\x00\x00\x91\x4e"), ERR_TOO_BIG, "2", "number of entries is 10001, at most 10000 is allowed"},
        {BYTES("\x00\x00\x02\x00\x01\x01"), ERR_INVALID, "2",
         "number of entries is 2, which do not fit into the 3 bytes that are left"},
        {BYTES("\x00\x00\x01\x81\x80\x40\x01"), ERR_TOO_BIG, "3",
         "alias is 1048577, at most 1048576 is allowed"},
        {BYTES("\x00\x00\x01\x05\x02"), ERR_INVALID, "4",
         "operation 2 of alias 5: must be 0 (put) or 1 (remove)"},
        {BYTES("\x00\x00\x01\x05\x00\x02\x00\x00\x00\x00"), ERR_INVALID, "5", "alias 5 has no name"},
        {BYTES("\x00\x00\x01\x05\x00\x00\x00\x01n\x00\x00"), ERR_INVALID, "5",
         "alias 5 has value type 0, which is none"},
        {BYTES("\x00\x00\x01\x05\x00\x02\x00\x01\xff\x00\x00"), ERR_INVALID, "8",
         "name is not UTF-8, or has a NUL in it"},
        {BYTES("\x00\x00\x01\x05\x00\x02\x00\x01n\x11" ZERO8), ERR_TOO_BIG, "9",
         "unit is 17, at most 16 is allowed"},
        {BYTES("\x00\x00\x01\x05\x00\x04\x00\x01n\x00\x00"), ERR_INVALID, "5",
         "alias 5 is scaled, and attribute 3 (scale) is missing"},
        {BYTES("\x00\x00\x01\x05\x00\x04\x00\x01n\x00\x12\x03\x10" ZERO8 ZERO8), ERR_INVALID, "13",
         "scale 0, offset 0: must be finite, and scale not 0"},
        {BYTES("\x00\x00\x01\x05\x00\x04\x00\x01n\x00\x12\x03\x10" INF8 ZERO8), ERR_INVALID, "13",
         "scale inf, offset 0: must be finite, and scale not 0"},
        {BYTES("\x00\x00\x01\x05\x00\x04\x00\x01n\x00\x12\x03\x10" ONE8 NAN8), ERR_INVALID, "13",
         "scale 1, offset nan: must be finite, and scale not 0"},
        {BYTES("\x00\x00\x01\x05\x00\x02\x00\x01n\x00\x12\x01\x10" ONE8 ONE8), ERR_INVALID, "13",
         "range 1 to 1: must be finite and ascend"},
        {BYTES("\x00\x00\x01\x05\x00\x02\x00\x01n\x00\x12\x01\x10" ONE8 INF8), ERR_INVALID, "13",
         "range 1 to inf: must be finite and ascend"},
        {BYTES("\x00\x00\x01\x05\x00\x02\x00\x01n\x00\x12\x01\x10" NAN8 ONE8), ERR_INVALID, "13",
         "range nan to 1: must be finite and ascend"},
        {BYTES("\x00\x00\x01\x05\x00\x02\x00\x01n\x00\x12\x01\x11" ZERO8 ONE8), ERR_INVALID, "11",
         "field 1 has 17 bytes, 16 are left"},
        {BYTES("\x00\x00\x01\x05\x00\x02\x00\x01n\x00\x81\x20"), ERR_TOO_BIG, "10",
         "length of the attributes is 4097, at most 4096 is allowed"},
        {BYTES("\x00\x00\x01\x05\x00\x02\x00\x01n\x00\x03\x02\x01\xff"), ERR_INVALID, "13",
         "description is not UTF-8, or has a NUL in it"},
        {BYTES("\x00\x00\x00\x00"), ERR_INVALID, "3", "1 bytes too many: nothing may follow here"},
        {BYTES("\x80\x00\x00\x00"), ERR_INVALID, "0", "base: a varint of 2 bytes where fewer would do"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct slice copy = heap_copy(table[i].bytes.p, table[i].bytes.n);
        struct list out = {0};
        struct dict_head head;
        struct error err = {0};
        enum status status = dict_decode(copy, &head, keep, &out, &err);
        assert_string_equal(err.text, table[i].text);
        assert_string_equal(err.where + strlen("DICT after its prefix, offset "), table[i].where);
        assert_int_equal(status, table[i].status);
        heap_free(copy);
    }
}

static void a_description_has_512_bytes_and_not_513(void **state) {
    (void)state;
    for (size_t n = LINK_TEXT_MAX; n <= LINK_TEXT_MAX + 1; n++) {
        struct buf b;
        buf_init(&b, 4096);
        buf_append(&b, "\x00\x00\x01\x05\x00\x02\x00\x01n\x00", 10);
        size_t mark = b.n;
        write_varint(&b, 2);
        write_counted(&b, slice_of(text512, n));
        write_length_before(&b, mark);
        struct list out = {0};
        struct dict_head head;
        assert_int_equal(dict_decode(buf_slice(&b), &head, keep, &out, NULL),
                         n == LINK_TEXT_MAX ? OK : ERR_TOO_BIG);
        buf_done(&b);
    }
}

static void an_entry_of_an_unknown_type_or_with_unknown_attributes_is_read_past(void **state) {
    (void)state;
    static const char bytes[] = "\x00\x00\x02"
                                "\x05\x00\x63\xff\x01n\x01u\x15\x03\x10" ONE8 ZERO8 "\x09\x01z"
                                "\x06\x01";
    struct list out = {0};
    struct dict_head head;
    struct error err = {0};
    assert_int_equal(dict_decode(slice_of(bytes, sizeof bytes - 1), &head, keep, &out, &err), OK);
    assert_int_equal(out.n, 2);
    assert_int_equal(out.v[0].type, 0x63);
    assert_int_equal(out.v[0].flags, 0xff);
    assert_true(slice_is(out.v[0].unit, "u"));
    assert_true(out.v[1].removed);
}

static void the_callback_may_stop_it(void **state) {
    (void)state;
    const struct dict_entry in[] = {entry(1, "a"), entry(2, "b")};
    struct buf b;
    buf_init(&b, 4096);
    dict_encode(&b, 0, false, in, COUNT(in));
    struct list out = {.stop_at = 2};
    struct dict_head head;
    struct error err = {0};
    assert_int_equal(dict_decode(buf_slice(&b), &head, keep, &out, &err), ERR_DENIED);
    assert_int_equal(out.n, 1);
    assert_string_equal(err.text, "no more");
    buf_done(&b);
}

static void mutated_bodies_are_refused_or_mean_what_they_encode_to(void **state) {
    (void)state;
    struct rand r;
    seed_from_environment(&r);
    const struct dict_entry in[] = {full_entry(), entry(3, "P1/speed"), removal(9), entry(0, "x")};
    struct buf b;
    buf_init(&b, LINK_BODY_MAX);
    dict_encode(&b, 1, false, in, COUNT(in));
    for (int turn = 0; turn < 50000; turn++) {
        uint8_t bytes[2048];
        memcpy(bytes, b.p, b.n);
        size_t n = mutate(&r, bytes, b.n, sizeof bytes);
        struct slice copy = heap_copy(bytes, n);
        struct list out = {0};
        struct dict_head head;
        struct error err = {0};
        if (dict_decode(copy, &head, keep, &out, &err) == OK) {
            struct buf again;
            buf_init(&again, LINK_BODY_MAX);
            dict_encode(&again, head.base, head.more, out.v, out.n);
            struct list back = {0};
            assert_int_equal(dict_decode(buf_slice(&again), &head, keep, &back, &err), OK);
            assert_int_equal(out.n, back.n);
            for (uint32_t i = 0; i < out.n; i++) {
                assert_same_entry(&out.v[i], &back.v[i]);
            }
            buf_done(&again);
        } else {
            assert_non_null(strstr(err.where, "offset "));
        }
        heap_free(copy);
    }
    buf_done(&b);
}

/* --- the dictionary itself */

static void put(struct dict *d, uint32_t alias, const char *name) {
    struct dict_entry e = entry(alias, name);
    struct error err = {0};
    assert_int_equal(dict_put(d, &e, &err), OK);
}

static void entries_are_found_by_alias_and_listed_in_its_order(void **state) {
    (void)state;
    struct dict *d = NULL;
    assert_int_equal(dict_new(77, &d, NULL), OK);
    assert_int_equal(dict_id(d), 77);
    assert_null(dict_find(d, 0, NULL));
    char name[] = "five";
    put(d, 5, name);
    memset(name, '#', 4); /* the dictionary has its own copy */
    put(d, 2, "two");
    put(d, 9, "nine");
    put(d, 0, "zero");
    assert_int_equal(dict_count(d), 4);
    static const uint32_t order[] = {0, 2, 5, 9};
    for (uint32_t i = 0; i < COUNT(order); i++) {
        assert_int_equal(dict_at(d, i)->alias, order[i]);
        uint32_t place = 99;
        assert_ptr_equal(dict_find(d, order[i], &place), dict_at(d, i));
        assert_int_equal(place, i);
    }
    assert_true(slice_is(dict_find(d, 5, NULL)->name, "five"));
    assert_null(dict_find(d, 4, NULL));
    assert_null(dict_find(d, 10, NULL));
    dict_free(&d);
    assert_null(d);
    dict_free(&d);
}

static void all_texts_are_kept(void **state) {
    (void)state;
    struct dict *d = NULL;
    assert_int_equal(dict_new(1, &d, NULL), OK);
    struct dict_entry e = full_entry();
    assert_int_equal(dict_put(d, &e, NULL), OK);
    assert_same_entry(dict_at(d, 0), &e);
    assert_ptr_not_equal(dict_at(d, 0)->description.p, e.description.p);
    dict_free(&d);
}

static void replacing_and_removing_free_the_name_for_others(void **state) {
    (void)state;
    struct dict *d = NULL;
    assert_int_equal(dict_new(1, &d, NULL), OK);
    put(d, 1, "a");
    put(d, 2, "b");
    put(d, 1, "a"); /* the same again */
    put(d, 1, "c");
    put(d, 3, "a");
    assert_int_equal(dict_count(d), 3);
    struct dict_entry e = removal(3);
    assert_int_equal(dict_put(d, &e, NULL), OK);
    assert_int_equal(dict_put(d, &e, NULL), OK); /* not there: nothing to do */
    assert_int_equal(dict_count(d), 2);
    put(d, 4, "a");
    assert_true(slice_is(dict_find(d, 1, NULL)->name, "c"));
    /* an entry of its own may be put again */
    assert_int_equal(dict_put(d, dict_at(d, 0), NULL), OK);
    assert_true(slice_is(dict_find(d, 1, NULL)->name, "c"));
    dict_free(&d);
}

static void a_name_belongs_to_one_alias(void **state) {
    (void)state;
    struct dict *d = NULL;
    assert_int_equal(dict_new(1, &d, NULL), OK);
    put(d, 1, "a/b");
    put(d, 2, "a/bc");
    struct dict_entry e = entry(7, "a/b");
    struct error err = {0};
    assert_int_equal(dict_put(d, &e, &err), ERR_EXISTS);
    assert_string_equal(err.text, "aliases 1 and 7 have the same name \"a/b\"");
    assert_int_equal(dict_count(d), 2);
    e.alias = 2;
    assert_int_equal(dict_put(d, &e, &err), ERR_EXISTS);
    assert_true(slice_is(dict_find(d, 2, NULL)->name, "a/bc"));
    dict_free(&d);
}

static void a_dictionary_holds_10000_tags_and_not_one_more(void **state) {
    (void)state;
    struct dict *d = NULL;
    assert_int_equal(dict_new(1, &d, NULL), OK);
    char name[16];
    for (uint32_t i = 0; i < LINK_TAGS_MAX; i++) {
        (void)snprintf(name, sizeof name, "t%u", i);
        put(d, LINK_TAGS_MAX - i, name); /* the order that costs most */
    }
    struct dict_entry e = entry(0, "one more");
    struct error err = {0};
    assert_int_equal(dict_put(d, &e, &err), ERR_TOO_BIG);
    assert_string_equal(err.text, "more than 10000 tags");
    put(d, 500, "replaced"); /* that is no more */
    assert_int_equal(dict_count(d), LINK_TAGS_MAX);
    struct dict *copy = NULL;
    assert_int_equal(dict_copy(d, 2, &copy, NULL), OK);
    assert_int_equal(dict_count(copy), LINK_TAGS_MAX);
    dict_free(&d);
    assert_true(slice_is(dict_find(copy, 500, NULL)->name, "replaced"));
    dict_free(&copy);
}

static void a_copy_goes_its_own_way(void **state) {
    (void)state;
    struct dict *d = NULL;
    struct dict *copy = NULL;
    assert_int_equal(dict_new(1, &d, NULL), OK);
    put(d, 1, "a");
    put(d, 2, "b");
    assert_int_equal(dict_copy(d, 8, &copy, NULL), OK);
    assert_int_equal(dict_id(copy), 8);
    put(copy, 3, "c");
    struct dict_entry e = removal(1);
    assert_int_equal(dict_put(copy, &e, NULL), OK);
    put(copy, 2, "other");
    put(d, 4, "d");
    assert_int_equal(dict_count(d), 3);
    assert_int_equal(dict_count(copy), 2);
    assert_true(slice_is(dict_find(d, 2, NULL)->name, "b"));
    assert_true(slice_is(dict_find(copy, 2, NULL)->name, "other"));
    dict_free(&d);
    assert_true(slice_is(dict_find(copy, 3, NULL)->name, "c"));
    dict_free(&copy);
    assert_int_equal(dict_new(1, &d, NULL), OK);
    assert_int_equal(dict_copy(d, 2, &copy, NULL), OK);
    assert_int_equal(dict_count(copy), 0);
    dict_free(&copy);
    dict_free(&d);
}

static void records_build_a_dictionary(void **state) {
    (void)state;
    struct dict *d = NULL;
    assert_int_equal(dict_new(1, &d, NULL), OK);
    struct buf b;
    buf_init(&b, 4096);
    const struct dict_entry first[] = {entry(1, "a"), entry(2, "b")};
    dict_encode(&b, 0, true, first, COUNT(first));
    bool more = false;
    struct error err = {0};
    assert_int_equal(dict_apply(d, buf_slice(&b), &more, &err), OK);
    assert_true(more);
    const struct dict_entry second[] = {removal(1), entry(3, "a")};
    buf_clear(&b);
    dict_encode(&b, 0, false, second, COUNT(second));
    assert_int_equal(dict_apply(d, buf_slice(&b), &more, &err), OK);
    assert_false(more);
    assert_int_equal(dict_count(d), 2);
    const struct dict_entry third[] = {entry(9, "b")};
    buf_clear(&b);
    dict_encode(&b, 0, false, third, COUNT(third));
    assert_int_equal(dict_apply(d, buf_slice(&b), &more, &err), ERR_EXISTS);
    buf_done(&b);
    dict_free(&d);
}

static void expect_entries(const struct dict *d, const char *text) {
    char is[256] = "";
    size_t n = 0;
    for (uint32_t i = 0; i < dict_count(d); i++) {
        const struct dict_entry *e = dict_at(d, i);
        n += (size_t)snprintf(is + n, sizeof is - n, "%u=%.*s ", e->alias, SLICE_ARG(e->name));
    }
    assert_string_equal(is, text);
}

static void an_extension_can_be_taken_back(void **state) {
    (void)state;
    struct dict *d = NULL;
    assert_int_equal(dict_new(1, &d, NULL), OK);
    put(d, 1, "a");
    put(d, 2, "b");
    put(d, 3, "c");
    /* Names go round, one alias goes and comes back, and a new one is changed twice. */
    const struct dict_entry v[] = {removal(1),     entry(2, "x"),    entry(3, "b"),      entry(2, "c"),
                                   entry(1, "a2"), entry(40, "new"), entry(40, "newer"), removal(99)};
    struct buf b;
    buf_init(&b, 4096);
    dict_encode(&b, 0, true, v, COUNT(v));
    struct dict_undo *undo = NULL;
    bool more = false;
    assert_int_equal(dict_extend(d, buf_slice(&b), &more, &undo, NULL), OK);
    assert_true(more);
    expect_entries(d, "1=a2 2=c 3=b 40=newer ");
    dict_undo(d, &undo);
    assert_null(undo);
    expect_entries(d, "1=a 2=b 3=c ");
    assert_int_equal(dict_extend(d, buf_slice(&b), &more, &undo, NULL), OK);
    dict_keep(&undo);
    assert_null(undo);
    expect_entries(d, "1=a2 2=c 3=b 40=newer ");
    buf_done(&b);
    dict_free(&d);
}

static void a_bad_extension_leaves_the_dictionary_as_it_was(void **state) {
    (void)state;
    struct dict *d = NULL;
    assert_int_equal(dict_new(1, &d, NULL), OK);
    put(d, 1, "a");
    put(d, 2, "b");
    struct dict_entry v[64];
    for (uint32_t i = 0; i + 1 < COUNT(v); i++) {
        v[i] = i % 2 == 0 ? removal(1) : entry(1, "other");
    }
    v[COUNT(v) - 1] = entry(3, "b");
    struct buf b;
    buf_init(&b, 4096);
    dict_encode(&b, 0, false, v, COUNT(v));
    struct dict_undo *undo = NULL;
    bool more = false;
    assert_int_equal(dict_extend(d, buf_slice(&b), &more, &undo, NULL), ERR_EXISTS);
    assert_null(undo);
    expect_entries(d, "1=a 2=b ");
    buf_done(&b);
    dict_free(&d);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_come_back_in_order),
        cmocka_unit_test(every_cut_is_refused_and_exactly_full_fits),
        cmocka_unit_test(what_breaks_a_rule_is_refused_with_its_offset),
        cmocka_unit_test(a_description_has_512_bytes_and_not_513),
        cmocka_unit_test(an_entry_of_an_unknown_type_or_with_unknown_attributes_is_read_past),
        cmocka_unit_test(the_callback_may_stop_it),
        cmocka_unit_test(mutated_bodies_are_refused_or_mean_what_they_encode_to),
        cmocka_unit_test(entries_are_found_by_alias_and_listed_in_its_order),
        cmocka_unit_test(all_texts_are_kept),
        cmocka_unit_test(replacing_and_removing_free_the_name_for_others),
        cmocka_unit_test(a_name_belongs_to_one_alias),
        cmocka_unit_test(a_dictionary_holds_10000_tags_and_not_one_more),
        cmocka_unit_test(a_copy_goes_its_own_way),
        cmocka_unit_test(an_extension_can_be_taken_back),
        cmocka_unit_test(a_bad_extension_leaves_the_dictionary_as_it_was),
        cmocka_unit_test(records_build_a_dictionary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
