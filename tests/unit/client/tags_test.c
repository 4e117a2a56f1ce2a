#include "protocol/client/tags.h"
#include "protocol/dict.h"
#include "server/base/tm.h"
#include "tests/lib/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define T0 (TM_YEAR_2000_US + 1000000)

enum { GOT_MAX = 70000 };

/* What the table handed out, by way of the codec. */
struct got {
    struct tags *t;
    uint32_t records;
    uint32_t n;
    uint32_t fail_at; /* record that is refused; 0: none */
    struct link_sample v[GOT_MAX];
    char text[LINK_STRING_MAX];
};

static uint8_t type_of(void *ctx, uint32_t alias) {
    const struct got *g = ctx;
    return alias >= 1 && alias <= tags_count(g->t) ? tags_entry(g->t, alias - 1)->type : 0;
}

static enum status on_sample(void *ctx, const struct link_sample *s, struct error *err) {
    (void)err;
    struct got *g = ctx;
    assert_true(g->n < GOT_MAX);
    g->v[g->n++] = *s;
    if (s->type == VALUE_STRING && s->s.n > 0 && s->s.n < sizeof g->text) {
        memcpy(g->text, s->s.p, s->s.n);
        g->v[g->n - 1].s.p = g->text;
    }
    return OK;
}

static enum status on_samples(void *ctx, const struct link_sample *v, uint32_t n, struct error *err) {
    struct got *g = ctx;
    g->records++;
    if (g->records == g->fail_at) {
        return error_set(err, ERR_IO, "test", "refused");
    }
    struct buf body;
    buf_init(&body, LINK_BODY_MAX_HARD);
    data_encode(&body, v, n);
    assert_false(body.failed);
    assert_true(body.n <= TAGS_BODY_MAX + LINK_STRING_MAX + 100);
    assert_int_equal(data_decode(buf_slice(&body), type_of, on_sample, g, err), OK);
    buf_done(&body);
    return OK;
}

static int setup(void **state) {
    struct got *g = calloc(1, sizeof *g);
    assert_int_equal(tags_new(&g->t, NULL), OK);
    *state = g;
    return 0;
}

static int teardown(void **state) {
    struct got *g = *state;
    tags_free(&g->t);
    free(g);
    return 0;
}

static uint32_t define(struct got *g, const char *name, enum value_type type) {
    struct tag_def def = {.name = slice_str(name), .type = type, .scale = 0.01, .offset = 1};
    uint32_t tag = UINT32_MAX;
    assert_int_equal(tags_define(g->t, &def, &tag, NULL), OK);
    return tag;
}

static void take(struct got *g) {
    g->n = 0;
    g->records = 0;
    assert_int_equal(tags_take(g->t, on_samples, g, NULL), OK);
}

static void samples_come_out_sorted_by_tag_and_time_whatever_order_they_came_in(void **state) {
    struct got *g = *state;
    uint32_t a = define(g, "a", VALUE_F64);
    uint32_t b = define(g, "b", VALUE_F64);
    assert_int_equal(tags_put(g->t, b, T0 + 5, 1, 0, NULL), OK);
    assert_int_equal(tags_put(g->t, a, T0 + 9, 2, 0, NULL), OK);
    assert_int_equal(tags_put(g->t, a, T0 + 3, 3, 0x40, NULL), OK);
    assert_int_equal(tags_pending(g->t), 3);
    take(g);
    assert_int_equal(g->records, 1);
    assert_int_equal(g->n, 3);
    assert_true(g->v[0].alias == a + 1 && g->v[0].t_us == T0 + 3 && g->v[0].f == 3 &&
                g->v[0].quality == 0x40);
    assert_true(g->v[1].alias == a + 1 && g->v[1].t_us == T0 + 9);
    assert_true(g->v[2].alias == b + 1);
    assert_int_equal(tags_pending(g->t), 0);
    take(g);
    assert_int_equal(g->n, 0);
}

static void what_a_type_cannot_carry_becomes_bad_quality_without_value(void **state) {
    struct got *g = *state;
    static const struct {
        enum value_type type;
        double value;
        uint8_t quality;
        uint8_t expected;
    } cases[] = {
        {VALUE_F64, NAN, 0, TAGS_BAD_NO_VALUE},
        {VALUE_F64, INFINITY, 0, TAGS_BAD_NO_VALUE},
        {VALUE_F32, 1e300, 0, TAGS_BAD_OUT_OF_RANGE},
        {VALUE_BOOL, 2, 0, TAGS_BAD_OUT_OF_RANGE},
        {VALUE_BOOL, 0.5, 0, TAGS_BAD_OUT_OF_RANGE},
        {VALUE_UINT, -1, 0, TAGS_BAD_OUT_OF_RANGE},
        {VALUE_INT, 1e18, 0, TAGS_BAD_OUT_OF_RANGE},
        {VALUE_SCALED, 1e300, 0, TAGS_BAD_OUT_OF_RANGE},
        {VALUE_F64, NAN, 0x82, 0xA2},
        {VALUE_F64, 7, 0x20, 0x20},
        {VALUE_BOOL, 1, 0, 0},
        {VALUE_SCALED, 3.14159, 0, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "t%zu", i);
        uint32_t tag = define(g, name, cases[i].type);
        assert_int_equal(tags_put(g->t, tag, T0, cases[i].value, cases[i].quality, NULL), OK);
        take(g);
        assert_int_equal(g->n, 1);
        assert_int_equal(g->v[0].quality, cases[i].expected);
    }
    double number = 0;
    assert_true(link_sample_number(&g->v[0], tags_entry(g->t, tags_count(g->t) - 1), &number));
    assert_true(fabs(number - 3.14) < 1e-9);
}

static void integers_are_exact_to_64_bits(void **state) {
    struct got *g = *state;
    uint32_t tag = define(g, "counter", VALUE_INT);
    assert_int_equal(tags_put_integer(g->t, tag, T0, INT64_MIN + 1, 0, NULL), OK);
    take(g);
    assert_true(g->v[0].i == INT64_MIN + 1);
    uint32_t real = define(g, "real", VALUE_F64);
    assert_int_equal(tags_put_integer(g->t, real, T0, 1, 0, NULL), ERR_INVALID);
}

static void texts_survive_until_the_flush_and_as_present_value(void **state) {
    struct got *g = *state;
    uint32_t tag = define(g, "state", VALUE_STRING);
    char text[] = "running";
    assert_int_equal(tags_put_text(g->t, tag, T0, slice_str(text), 0, NULL), OK);
    text[0] = 'X';
    take(g);
    assert_true(slice_is(g->v[0].s, "running"));
    g->n = 0;
    assert_int_equal(tags_snapshot(g->t, 1, TAGS_ALL, on_samples, g, NULL), OK);
    assert_true(slice_is(g->v[0].s, "running"));
    assert_int_equal(tags_put_text(g->t, tag, T0 + 1, slice_of("\xff", 1), 0, NULL), OK);
    take(g);
    assert_int_equal(g->v[0].quality, TAGS_BAD_OUT_OF_RANGE);
    assert_int_equal(tags_put(g->t, tag, T0, 1, 0, NULL), ERR_INVALID);
}

static void bad_calls_are_refused_with_a_reason(void **state) {
    struct got *g = *state;
    uint32_t tag = define(g, "a", VALUE_F64);
    struct error err = {0};
    assert_int_equal(tags_put(g->t, 99, T0, 1, 0, &err), ERR_INVALID);
    assert_int_equal(tags_put(g->t, tag, 0, 1, 0, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "set the clock"));
    assert_int_equal(tags_put(g->t, tag, INT64_MAX, 1, 0, NULL), ERR_INVALID);
    uint32_t other = 0;
    struct tag_def def = {.name = slice_str("a"), .type = VALUE_F64};
    assert_int_equal(tags_define(g->t, &def, &other, &err), ERR_EXISTS);
    def.name = slice_str("");
    assert_int_equal(tags_define(g->t, &def, &other, NULL), ERR_INVALID);
    def.name = slice_str("b");
    def.unit = slice_str("a very long unit indeed");
    assert_int_equal(tags_define(g->t, &def, &other, NULL), ERR_TOO_BIG);
    def.unit = slice_str("");
    def.type = VALUE_SCALED;
    assert_int_equal(tags_define(g->t, &def, &other, NULL), ERR_INVALID);
    def.type = VALUE_F64;
    def.has_range = true;
    assert_int_equal(tags_define(g->t, &def, &other, NULL), ERR_INVALID);
    assert_int_equal(tags_count(g->t), 1);
}

static void many_samples_are_cut_into_records_and_none_is_lost(void **state) {
    struct got *g = *state;
    uint32_t tag = define(g, "a", VALUE_F64);
    for (int i = 0; i < TAGS_PENDING_MAX; i++) {
        assert_int_equal(tags_put(g->t, tag, T0 + i, i * 0.37, 0, NULL), OK);
    }
    assert_int_equal(tags_put(g->t, tag, T0, 1, 0, NULL), ERR_FULL);
    take(g);
    assert_true(g->records > 10);
    assert_int_equal(g->n, TAGS_PENDING_MAX);
    for (int i = 0; i < TAGS_PENDING_MAX; i++) {
        assert_true(g->v[i].t_us == T0 + i && g->v[i].f == i * 0.37);
    }
}

static void after_a_refusal_the_rest_is_forgotten(void **state) {
    struct got *g = *state;
    uint32_t tag = define(g, "a", VALUE_F64);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(tags_put(g->t, tag, T0 + i, i, 0, NULL), OK);
    }
    g->fail_at = 2;
    assert_int_equal(tags_take(g->t, on_samples, g, NULL), ERR_IO);
    assert_int_equal(g->records, 2);
    assert_int_equal(tags_pending(g->t), 0);
}

static void a_snapshot_has_the_newest_value_of_each_tag_that_has_one(void **state) {
    struct got *g = *state;
    uint32_t a = define(g, "a", VALUE_F64);
    (void)define(g, "never", VALUE_F64);
    uint32_t c = define(g, "c", VALUE_F64);
    assert_int_equal(tags_put(g->t, a, T0 + 2, 2, 0, NULL), OK);
    assert_int_equal(tags_put(g->t, a, T0 + 1, 1, 0, NULL), OK); /* late */
    assert_int_equal(tags_put(g->t, c, T0, 3, 0, NULL), OK);
    assert_true(tags_changed(g->t, 3));
    assert_int_equal(tags_snapshot(g->t, 3, TAGS_ALL, on_samples, g, NULL), OK);
    assert_int_equal(g->n, 2);
    assert_true(g->v[0].f == 2 && g->v[1].f == 3);
    assert_false(tags_changed(g->t, 3));
    assert_int_equal(tags_put(g->t, c, T0 + 1, 4, 0, NULL), OK);
    assert_false(tags_changed(g->t, 2));
    g->n = 0;
    assert_int_equal(tags_snapshot(g->t, 3, TAGS_CHANGED, on_samples, g, NULL), OK);
    assert_int_equal(g->n, 1);
    assert_true(g->v[0].f == 4);
    assert_int_equal(tags_put(g->t, c, T0 + 2, 5, 0, NULL), OK);
    tags_mark_sent(g->t);
    assert_false(tags_changed(g->t, 3));
}

struct dict_got {
    struct dict *d;
    uint32_t parts;
    bool more;
};

static enum status on_dict(void *ctx, struct slice body, struct error *err) {
    struct dict_got *g = ctx;
    g->parts++;
    assert_true(g->parts == 1 || g->more);
    return dict_apply(g->d, body, &g->more, err);
}

static void a_big_dictionary_comes_in_parts_and_is_whole(void **state) {
    struct got *g = *state;
    for (int i = 0; i < 3000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "unit/%d", i);
        struct tag_def def = {.name = slice_str(name),
                              .type = VALUE_SCALED,
                              .scale = 0.5,
                              .unit = slice_str("m"),
                              .description = slice_str("what it is"),
                              .has_range = true,
                              .low = -1,
                              .high = 1};
        uint32_t tag = 0;
        assert_int_equal(tags_define(g->t, &def, &tag, NULL), OK);
    }
    struct dict_got got = {0};
    assert_int_equal(dict_new(1, &got.d, NULL), OK);
    assert_int_equal(tags_dict(g->t, on_dict, &got, NULL), OK);
    assert_true(got.parts > 3);
    assert_false(got.more);
    assert_int_equal(dict_count(got.d), 3000);
    const struct dict_entry *e = dict_find(got.d, 3000, NULL);
    assert_true(slice_is(e->name, "unit/2999") && e->scale == 0.5 && e->has_range && e->low == -1);
    dict_free(&got.d);
}

static void a_gateway_without_tags_has_an_empty_dictionary(void **state) {
    struct got *g = *state;
    struct dict_got got = {0};
    assert_int_equal(dict_new(1, &got.d, NULL), OK);
    assert_int_equal(tags_dict(g->t, on_dict, &got, NULL), OK);
    assert_int_equal(got.parts, 1);
    assert_int_equal(dict_count(got.d), 0);
    dict_free(&got.d);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(samples_come_out_sorted_by_tag_and_time_whatever_order_they_came_in),
        T(what_a_type_cannot_carry_becomes_bad_quality_without_value),
        T(integers_are_exact_to_64_bits),
        T(texts_survive_until_the_flush_and_as_present_value),
        T(bad_calls_are_refused_with_a_reason),
        T(many_samples_are_cut_into_records_and_none_is_lost),
        T(after_a_refusal_the_rest_is_forgotten),
        T(a_snapshot_has_the_newest_value_of_each_tag_that_has_one),
        T(a_big_dictionary_comes_in_parts_and_is_whole),
        T(a_gateway_without_tags_has_an_empty_dictionary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
