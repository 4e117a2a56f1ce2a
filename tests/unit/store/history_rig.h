/* Samples of a tag in memory and, as a packer would write them, in sample_chunk: what overlaps is written
 * anew. */
#ifndef PENSTOCK_TESTS_HISTORY_RIG_H
#define PENSTOCK_TESTS_HISTORY_RIG_H

#include "server/history/aggregate.h"
#include "server/history/chunk.h"
#include "server/history/pack.h"
#include "server/store/blocking.h"
#include "tests/lib/pgtest.h"
#include "tests/lib/unit.h"

#include <math.h>

enum { HISTORY_SAMPLES_MAX = 100000, HISTORY_CHUNK = 200 };
#define HISTORY_DAY0 (INT64_C(20000) * 24 * 3600 * 1000000)

struct history_tag {
    int64_t key;
    size_t n;
    struct aggregate_sample v[HISTORY_SAMPLES_MAX];
};

static inline void history_tag_init(struct history_tag *t, int64_t key) {
    t->key = key;
    t->n = 0;
}

static inline size_t history_place(const struct history_tag *t, int64_t t_us) {
    size_t i = t->n;
    while (i > 0 && t->v[i - 1].t_us >= t_us) {
        i--;
    }
    return i;
}

static inline void history_put(struct history_tag *t, const struct aggregate_sample *s) {
    size_t i = history_place(t, s->t_us);
    if (i == t->n || t->v[i].t_us != s->t_us) {
        assert_true(t->n < HISTORY_SAMPLES_MAX);
        memmove(&t->v[i + 1], &t->v[i], (t->n - i) * sizeof t->v[0]);
        t->n++;
    }
    t->v[i] = *s;
}

static inline void history_tell(struct blocking *b, const char *sql, int64_t x, int64_t y) {
    struct error err;
    struct pg_args *a = blocking_args(b);
    pg_arg_i64(a, x);
    pg_arg_i64(a, y);
    if (blocking_tell(b, sql, &err) != OK) {
        fail_msg("%s", err.text);
    }
}

/* v[first..end), which lie in one period, as chunks. */
static inline void history_write(struct blocking *b, const struct history_tag *t, size_t first, size_t end) {
    static struct chunk_work work;
    static struct chunk_sample v[HISTORY_CHUNK];
    struct error err;
    struct buf out;
    buf_init(&out, 1 << 20);
    for (size_t at = first; at < end;) {
        uint32_t n = 0;
        int32_t usable = 0;
        int64_t period_us = pack_period(t->v[at].t_us);
        for (; at < end && n < HISTORY_CHUNK && pack_period(t->v[at].t_us) == period_us; at++) {
            const struct aggregate_sample *s = &t->v[at];
            v[n++] = (struct chunk_sample){.t_us = s->t_us,
                                           .number = s->value,
                                           .quality = s->quality,
                                           .kind = (uint8_t)(isnan(s->value) ? CHUNK_NOTHING : CHUNK_NUMBER)};
            usable += !isnan(s->value) && s->quality < 128;
        }
        buf_clear(&out);
        chunk_write(&out, v, n, &work);
        history_tell(b,
                     "select sample_chunk_prepare(coalesce((select class from tag_class where tag_key = $1),"
                     " 1::smallint), $2)",
                     t->key, v[0].t_us);
        struct pg_args *a = blocking_args(b);
        pg_arg_i64(a, t->key);
        pg_arg_i64(a, v[0].t_us);
        pg_arg_i64(a, v[n - 1].t_us);
        pg_arg_i32(a, (int32_t)n);
        pg_arg_i32(a, usable);
        pg_arg_bytes(a, out.p, out.n);
        if (blocking_tell(
                b,
                "insert into sample_chunk (class, tag_key, from_us, to_us, n, usable, bad, worst, data)"
                " select coalesce((select class from tag_class where tag_key = $1), 1), $1, $2, $3,"
                " $4::integer, $5::integer, 0, 0, $6",
                &err) != OK) {
            fail_msg("%s", err.text);
        }
        a = blocking_args(b);
        pg_arg_i64(a, t->key);
        pg_arg_i64(a, v[0].t_us);
        pg_arg_i64(a, v[n - 1].t_us);
        if (blocking_tell(b,
                          "select rollup_mark(array_agg($1::bigint), array_agg(d.day_us))"
                          " from generate_series($2::bigint - $2 % 86400000000, $3::bigint, 86400000000)"
                          " as d(day_us)",
                          &err) != OK) {
            fail_msg("%s", err.text);
        }
    }
    buf_done(&out);
}

static inline void history_add(struct pgtest *pg, struct history_tag *t, const struct aggregate_sample *v,
                               uint32_t n) {
    const struct blocking_config cfg = {
        .conninfo = pg->server, .name = "penstock test packer", .statement_ms = 60000};
    struct blocking b = {0};
    struct error err;
    PGresult *r = NULL;
    int64_t from_us = v[0].t_us;
    int64_t to_us = v[n - 1].t_us;
    for (uint32_t i = 0; i < n; i++) {
        history_put(t, &v[i]);
    }
    assert_int_equal(blocking_open(&b, &cfg, &err), OK);
    assert_int_equal(blocking_do(&b, "begin", &err), OK);
    struct pg_args *a = blocking_args(&b);
    pg_arg_i64(a, t->key);
    pg_arg_i64(a, from_us);
    pg_arg_i64(a, to_us);
    assert_int_equal(
        blocking_ask(&b,
                     "delete from sample_chunk where tag_key = $1 and from_us <= $3 and to_us >= $2"
                     " returning from_us, to_us",
                     &r, &err),
        OK);
    for (int row = 0; row < PQntuples(r); row++) {
        from_us = pg_get_i64(r, row, 0) < from_us ? pg_get_i64(r, row, 0) : from_us;
        to_us = pg_get_i64(r, row, 1) > to_us ? pg_get_i64(r, row, 1) : to_us;
    }
    PQclear(r);
    history_write(&b, t, history_place(t, from_us), history_place(t, to_us + 1));
    assert_int_equal(blocking_do(&b, "commit", &err), OK);
    blocking_close(&b);
}

#endif
