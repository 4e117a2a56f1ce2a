/* Covers: reader_job.c, reader_part.c, reader_take.c, reader_rolled.c, reader_sql.c
 * Random histories, spread over RAM, records, chunks and loose samples, against a naive model in memory. */
#include "server/base/rand.h"
#include "server/core/quality.h"
#include "server/history/aggregate.h"
#include "server/history/pack.h"
#include "server/store/history.h"
#include "server/store/reader.h"
#include "server/store/reader_job.h"
#include "server/store/reqcopy.h"
#include "server/store/roller.h"
#include "tests/unit/store/rig.h"

#include <math.h>

static struct pgtest pg;

enum { TAGS = 3, FACTS = 6000, HOT_ROWS = 300, POINTS = 700, EDGES = 40 };
static const int64_t START_US = INT64_C(1700000000000000);
static const int64_t KEYS[TAGS] = {11, 7, 4000};

/* A sample of the model; the higher tier counts, in a tier the later one. */
enum tier { TIER_ROW, TIER_CHUNK, TIER_HOT, TIER_RAM, TIERS };
struct fact {
    struct chunk_sample s;
    enum tier tier;
    uint32_t order;
};

static struct fact facts[FACTS];
static uint32_t n_facts;
static struct chunk_work work;

static int by_tag_time_and_rank(const void *a, const void *b) {
    const struct fact *x = a;
    const struct fact *y = b;
    if (x->s.tag_key != y->s.tag_key) {
        return x->s.tag_key < y->s.tag_key ? -1 : 1;
    }
    if (x->s.t_us != y->s.t_us) {
        return x->s.t_us < y->s.t_us ? -1 : 1;
    }
    if (x->tier != y->tier) {
        return x->tier < y->tier ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order;
}

static struct chunk_sample random_sample(struct rand *r, int64_t t_us) {
    static const uint8_t qualities[] = {0, 0, 0, 0, 0x43, 0x83, 0x87};
    static const struct slice texts[] = {{"open", 4}, {"", 0}, {"=1+1", 4}};
    struct chunk_sample s = {.tag_key = KEYS[rand_below(r, TAGS)],
                             .t_us = t_us,
                             .number = (double)(int64_t)rand_below(r, 200) / 4 - 25,
                             .quality = qualities[rand_below(r, sizeof qualities)],
                             .kind = CHUNK_NUMBER};
    uint64_t odd = rand_below(r, 30);
    if (odd == 0) {
        s.kind = CHUNK_NOTHING;
        s.quality = 0xA1;
        s.number = 0;
    } else if (odd == 1) {
        s.kind = CHUNK_TEXT;
        s.text = texts[rand_below(r, 3)];
        s.number = 0;
    } else if (odd == 2) {
        s.number = (double)NAN;
    }
    return s;
}

enum mix {
    MIX_ALL,
    MIX_STORED, /* nothing is in RAM */
    MIX_PACKED, /* nearly all is packed, over many days */
};

static enum tier random_tier(struct rand *r, enum mix mix, uint32_t i) {
    uint64_t where = rand_below(r, 100);
    if (mix == MIX_PACKED && i < FACTS / 10 * 9 && rand_below(r, 1000) > 0) {
        return TIER_CHUNK;
    }
    if (where >= 97 && mix != MIX_STORED) {
        return TIER_RAM;
    }
    return where < 4 ? TIER_ROW : where < 80 ? TIER_CHUNK : TIER_HOT;
}

/* Times that grow, with gaps of weeks, and now and then one that was there before. */
static void make_facts(struct rand *r, enum mix mix) {
    int64_t t_us = START_US;
    for (n_facts = 0; n_facts < FACTS; n_facts++) {
        t_us += (int64_t)rand_below(r, 2000000);
        t_us += rand_below(r, 900) == 0 ? INT64_C(20) * 86400 * 1000000 : 0;
        t_us += mix == MIX_PACKED ? (int64_t)rand_below(r, 1800) * 1000000 : 0;
        struct fact *f = &facts[n_facts];
        *f = (struct fact){.s = random_sample(r, t_us), .order = n_facts};
        f->tier = random_tier(r, mix, n_facts);
        if (n_facts > 0 && rand_below(r, 15) == 0) {
            f->s.t_us = facts[rand_below(r, n_facts)].s.t_us;
        }
        if (f->tier == TIER_RAM && (f->s.kind == CHUNK_TEXT || isnan(f->s.number))) {
            f->s.kind = CHUNK_NUMBER; /* no text comes there yet */
            f->s.number = 1.25;
        }
    }
}

/* --- storing ------------------------------------------------------------------------------------------- */

static PGconn *conn;

static void insert(const char *sql, int n, const char *const *values, const int *lengths,
                   const int *formats) {
    PGresult *r = PQexecParams(conn, sql, n, NULL, values, lengths, formats, 0);
    if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK) {
        fail_msg("%s", PQerrorMessage(conn));
    }
    PQclear(r);
}

static void store_row(const struct chunk_sample *s) {
    char text[3][32];
    (void)snprintf(text[0], sizeof text[0], "%lld", (long long)s->tag_key);
    (void)snprintf(text[1], sizeof text[1], "%lld", (long long)s->t_us);
    (void)snprintf(text[2], sizeof text[2], "%.17g", s->number);
    char quality[8];
    (void)snprintf(quality, sizeof quality, "%u", s->quality);
    const char *bytes = s->kind == CHUNK_TEXT ? s->text.p : NULL;
    const char *values[] = {text[0], text[1], s->kind == CHUNK_NUMBER ? text[2] : NULL, quality, bytes};
    const int lengths[] = {0, 0, 0, 0, (int)s->text.n}; /* of a few bytes */
    const int formats[] = {0, 0, 0, 0, 1};
    insert("insert into sample_row (tag_key, t_us, value, quality, bytes) values ($1, $2, $3, $4, $5)"
           " on conflict (tag_key, t_us) do update set value = excluded.value, quality = excluded.quality,"
           " bytes = excluded.bytes",
           5, values, lengths, formats);
}

static void number_text(char *to, size_t size, double v) {
    (void)snprintf(to, size, "%.17g", v);
}

static int64_t chunk_tag;

static enum status store_chunk(void *ctx, const struct pack_chunk *c) {
    (void)ctx;
    char text[13][40];
    const int64_t integers[] = {chunk_tag, c->head.from_us, c->head.to_us, c->head.n, c->usable,
                                c->bad,    c->min_us,       c->max_us,     c->worst};
    const double numbers[] = {c->first, c->last, c->min, c->max};
    const char *values[14];
    int lengths[14] = {0};
    int formats[14] = {0};
    for (int i = 0; i < 9; i++) {
        (void)snprintf(text[i], sizeof text[i], "%lld", (long long)integers[i]);
        values[i] = text[i];
    }
    for (int i = 0; i < 4; i++) {
        number_text(text[9 + i], sizeof text[0], numbers[i]);
        values[9 + i] = c->usable > 0 ? text[9 + i] : NULL;
    }
    values[6] = c->usable > 0 ? values[6] : NULL;
    values[7] = c->usable > 0 ? values[7] : NULL;
    values[13] = c->bytes.p;
    lengths[13] = (int)c->bytes.n;
    formats[13] = 1;
    insert("select sample_chunk_prepare(1::smallint, $1::bigint)", 1, values + 1, NULL, NULL);
    insert("insert into sample_chunk (class, tag_key, from_us, to_us, n, usable, bad, min_us, max_us, worst, "
           "first, last, min, max, data)"
           " values (1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
           14, values, lengths, formats);
    insert("select rollup_mark(array_agg($1::bigint), array_agg(d.day_us))"
           " from generate_series($2::bigint - $2 % 86400000000, $3::bigint, 86400000000) as d(day_us)",
           3, values, NULL, NULL);
    return OK;
}

/* The chunk facts of a tag in order of time, in chunks of random sizes. */
static void store_chunks(struct rand *r, int64_t tag_key) {
    struct pack p;
    struct error err;
    pack_init(&p, &work);
    chunk_tag = tag_key;
    uint32_t left = 1 + (uint32_t)rand_below(r, 40);
    for (uint32_t i = 0; i < n_facts; i++) {
        if (facts[i].tier != TIER_CHUNK || facts[i].s.tag_key != tag_key) {
            continue;
        }
        bool again = p.n > 0 && p.v[p.n - 1].t_us == facts[i].s.t_us;
        if (left == 0 && !again) {
            assert_int_equal(pack_out(&p, store_chunk, &err), OK);
            pack_clear(&p);
            left = 1 + (uint32_t)rand_below(r, 40);
        }
        assert_int_equal(pack_sample_in(&p, &facts[i].s, false), OK);
        left -= left > 0;
    }
    assert_int_equal(pack_out(&p, store_chunk, &err), OK);
    pack_done(&p);
}

static void store_hot_record(const struct chunk_sample *v, uint32_t n) {
    struct buf b;
    char text[5][32];
    int64_t low[2] = {INT64_MAX, INT64_MAX};
    int64_t high[2] = {INT64_MIN, INT64_MIN};
    for (uint32_t i = 0; i < n; i++) {
        const int64_t of[2] = {v[i].tag_key, v[i].t_us};
        for (int k = 0; k < 2; k++) {
            low[k] = of[k] < low[k] ? of[k] : low[k];
            high[k] = of[k] > high[k] ? of[k] : high[k];
        }
    }
    buf_init(&b, 1 << 20);
    chunk_put_columns(&work.columns, v, n);
    chunk_write_columns_mixed(&b, &work);
    assert_false(b.failed);
    const int64_t numbers[] = {n, low[0], high[0], low[1], high[1]};
    const char *values[6];
    for (int i = 0; i < 5; i++) {
        (void)snprintf(text[i], sizeof text[i], "%lld", (long long)numbers[i]);
        values[i] = text[i];
    }
    values[5] = (const char *)b.p;
    const int lengths[] = {0, 0, 0, 0, 0, (int)b.n};
    const int formats[] = {0, 0, 0, 0, 0, 1};
    insert("insert into sample_hot (gateway_key, received_us, n, tag_min, tag_max, from_us, to_us, data)"
           " values (1, 1, $1, $2, $3, $4, $5, $6)",
           6, values, lengths, formats);
    buf_done(&b);
}

/* In order of arrival, a few in each record, others between them. */
static void store_hot(void) {
    struct chunk_sample v[64];
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_facts; i++) {
        if (facts[i].tier != TIER_HOT) {
            continue;
        }
        v[n++] = facts[i].s;
        if (n == 3) {
            v[n++] = (struct chunk_sample){.tag_key = 12, .t_us = START_US, .kind = CHUNK_NUMBER};
            store_hot_record(v, n);
            n = 0;
        }
    }
    v[n++] = (struct chunk_sample){.tag_key = 5000, .t_us = START_US, .kind = CHUNK_NUMBER};
    store_hot_record(v, n);
}

/* They wait for an alarm that never becomes durable. */
static void hand_over(struct rig *r) {
    uint64_t seq = 1;
    for (uint32_t i = 0; i < n_facts; i++) {
        if (facts[i].tier != TIER_RAM) {
            continue;
        }
        const struct stored_sample s = {.tag_key = facts[i].s.tag_key,
                                        .t_us = facts[i].s.t_us,
                                        .value =
                                            facts[i].s.kind == CHUNK_NUMBER ? facts[i].s.number : (double)NAN,
                                        .quality = facts[i].s.quality};
        const struct store_record record = {.gateway_key = 1,
                                            .epoch = 1,
                                            .seq = seq++,
                                            .type = MSG_DATA,
                                            .received_us = 1,
                                            .fault_text = "",
                                            .samples = &s,
                                            .n_samples = 1,
                                            .after_seq = 1000000};
        assert_int_equal(store_ingest(r->store, &record), OK);
    }
}

/* What counts of each tag and moment, in order. */
static void settle_facts(void) {
    uint32_t kept = 0;
    qsort(facts, n_facts, sizeof facts[0], by_tag_time_and_rank);
    for (uint32_t i = 0; i < n_facts; i++) {
        bool again = kept > 0 && facts[kept - 1].s.tag_key == facts[i].s.tag_key &&
                     facts[kept - 1].s.t_us == facts[i].s.t_us;
        kept -= again;
        facts[kept++] = facts[i];
    }
    n_facts = kept;
}

static int by_time_and_order(const void *a, const void *b) {
    const struct fact *x = a;
    const struct fact *y = b;
    if (x->s.t_us != y->s.t_us) {
        return x->s.t_us < y->s.t_us ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order;
}

static struct rig *store_facts(struct rand *r) {
    conn = PQconnectdb(pg.conninfo);
    PQclear(PQexec(conn, "begin"));
    store_hot();
    for (uint32_t i = 0; i < n_facts; i++) {
        if (facts[i].tier == TIER_ROW) {
            store_row(&facts[i].s);
        }
    }
    struct rig *rig = NULL;
    /* In order of time for the chunks, which take the later one of a moment. */
    qsort(facts, n_facts, sizeof facts[0], by_time_and_order);
    for (int i = 0; i < TAGS; i++) {
        store_chunks(r, KEYS[i]);
    }
    PQclear(PQexec(conn, "commit"));
    rig = rig_new(&pg);
    hand_over(rig);
    settle_facts();
    return rig;
}

/* Stores what is to be read. */
static struct rig *start(struct rand *r, enum mix mix) {
    rig_migrate(&pg);
    make_facts(r, mix);
    return store_facts(r);
}

/* --- the model's answers ------------------------------------------------------------------------------- */

static double value_of(const struct chunk_sample *s) {
    return s->kind == CHUNK_NUMBER ? s->number : (double)NAN;
}

static bool same(double a, double b) {
    return (isnan(a) && isnan(b)) || a == b;
}

static void model_add(struct sample_point *p, const struct chunk_sample *s) {
    double value = value_of(s);
    if (p->count == 0) {
        *p = (struct sample_point){.first_us = s->t_us,
                                   .first = (double)NAN,
                                   .min = (double)NAN,
                                   .max = (double)NAN,
                                   .last = (double)NAN,
                                   .quality = s->quality};
    } else if ((s->quality & QUALITY_CLASS_MASK) > (p->quality & QUALITY_CLASS_MASK)) {
        p->quality = s->quality;
    }
    p->count++;
    p->last_us = s->t_us;
    p->bad += s->quality >= 128 ? 1 : 0;
    if (s->quality >= 128 || isnan(value)) {
        return;
    }
    p->first = isnan(p->first) ? value : p->first;
    p->last = value;
    if (isnan(p->min) || value < p->min) {
        p->min = value;
        p->min_us = s->t_us;
    }
    if (isnan(p->max) || value > p->max) {
        p->max = value;
        p->max_us = s->t_us;
    }
}

static uint32_t model_trend(int64_t tag_key, const struct request *ask, struct sample_point *ret,
                            bool *ret_raw) {
    int64_t from_us = ask->samples.from_us;
    int64_t to_us = ask->samples.to_us;
    uint32_t inside = 0;
    for (uint32_t i = 0; i < n_facts; i++) {
        const struct chunk_sample *s = &facts[i].s;
        inside += s->tag_key == tag_key && s->t_us >= from_us && s->t_us < to_us;
    }
    *ret_raw = inside <= ask->samples.points;
    int64_t width_us = *ret_raw ? 1 : (to_us - from_us + ask->samples.points - 1) / ask->samples.points;
    uint32_t n = 0;
    int64_t pixel = -1;
    for (uint32_t i = 0; i < n_facts; i++) {
        const struct chunk_sample *s = &facts[i].s;
        if (s->tag_key != tag_key || s->t_us < from_us || s->t_us >= to_us) {
            continue;
        }
        if ((s->t_us - from_us) / width_us != pixel) {
            pixel = (s->t_us - from_us) / width_us;
            ret[n++] = (struct sample_point){0};
        }
        model_add(&ret[n - 1], s);
    }
    return n;
}

static const struct chunk_sample *model_before(int64_t tag_key, int64_t t_us) {
    const struct chunk_sample *found = NULL;
    for (uint32_t i = 0; i < n_facts; i++) {
        if (facts[i].s.tag_key == tag_key && facts[i].s.t_us < t_us) {
            found = &facts[i].s;
        }
    }
    return found;
}

/* --- asking -------------------------------------------------------------------------------------------- */

static struct request random_span(struct rand *r, enum request_kind kind) {
    struct request q = {.kind = kind, .samples = {.n_tags = TAGS}};
    int64_t first_us = INT64_MAX;
    int64_t last_us = 0;
    for (uint32_t i = 0; i < n_facts; i++) {
        first_us = facts[i].s.t_us < first_us ? facts[i].s.t_us : first_us;
        last_us = facts[i].s.t_us > last_us ? facts[i].s.t_us : last_us;
    }
    for (uint32_t i = 0; i < TAGS; i++) {
        q.samples.tags[i] = KEYS[i];
    }
    /* Edges often on samples, spans of all sizes. */
    int64_t a = facts[rand_below(r, n_facts)].s.t_us + (int64_t)rand_below(r, 3) - 1;
    int64_t length = (int64_t)(rand_u64(r) >> (23 + rand_below(r, 30))) + 1;
    q.samples.from_us = rand_below(r, 6) == 0 ? first_us - 5 : a;
    q.samples.to_us = rand_below(r, 4) == 0 ? last_us + 5 : q.samples.from_us + length;
    if (q.samples.to_us <= q.samples.from_us) {
        q.samples.to_us = q.samples.from_us + 1;
    }
    return q;
}

struct seen {
    struct sample_point want[POINTS + 1];
    const struct request *ask;
    uint32_t n_raw;
    uint32_t raw_at; /* next fact */
    uint32_t tag;
    bool last;
    uint64_t stream;
    uint32_t kinds[3]; /* raw trends, trends of pixels, aggregates */
};

static void check_trend(struct seen *seen, const struct reply *reply) {
    assert_int_equal(reply->samples.n, TAGS);
    assert_true(reply->samples.asked_us > START_US);
    for (uint32_t tag = 0; tag < TAGS; tag++) {
        const struct tag_samples *t = &reply->samples.v[tag];
        bool raw = false;
        uint32_t n = model_trend(KEYS[tag], seen->ask, seen->want, &raw);
        assert_int_equal(t->n, n);
        assert_int_equal(t->raw, raw);
        seen->kinds[raw ? 0 : 1]++;
        for (uint32_t i = 0; i < n; i++) {
            const struct sample_point *a = &t->v[i];
            const struct sample_point *b = &seen->want[i];
            assert_true(a->first_us == b->first_us && a->last_us == b->last_us);
            assert_true(a->count == b->count && a->bad == b->bad && a->quality == b->quality);
            assert_true(same(a->first, b->first) && same(a->last, b->last));
            assert_true(same(a->min, b->min) && same(a->max, b->max));
            assert_true(a->min_us == b->min_us && a->max_us == b->max_us);
        }
        const struct chunk_sample *before = model_before(KEYS[tag], seen->ask->samples.from_us);
        assert_int_equal(t->has_before, before != NULL);
        if (before != NULL) {
            assert_true(t->before.first_us == before->t_us && t->before.quality == before->quality);
            assert_true(same(t->before.last, before->quality >= 128 ? (double)NAN : value_of(before)));
        }
    }
}

/* What rollups keep, too. */
static void check_kept(const struct aggregate *a, const struct aggregate *b) {
    assert_true(a->from_us == b->from_us && a->to_us == b->to_us && a->partial == b->partial);
    assert_true(a->count == b->count && a->bad == b->bad && a->usable == b->usable);
    assert_true(a->uncertain == b->uncertain && a->worst == b->worst);
    assert_true(a->good_us == b->good_us && a->uncertain_us == b->uncertain_us);
    assert_true(a->bad_us == b->bad_us && a->gap_us == b->gap_us && a->nonzero_us == b->nonzero_us);
    assert_true(same(a->start, b->start) && same(a->end, b->end));
    assert_true(a->start_quality == b->start_quality && a->end_quality == b->end_quality);
    assert_true(same(a->first, b->first) && same(a->last, b->last));
    assert_true(same(a->min, b->min) && same(a->max, b->max));
    assert_true(a->first_us == b->first_us && a->last_us == b->last_us);
    assert_true(a->min_us == b->min_us && a->max_us == b->max_us);
    assert_true(a->transitions == b->transitions);
    assert_true(a->rollovers == b->rollovers && a->resets == b->resets);
    assert_memory_equal(a->state_us, b->state_us, sizeof a->state_us);
}

static void check_aggregate(const struct aggregate *a, const struct aggregate *b) {
    check_kept(a, b);
    assert_true(same(a->integral, b->integral) && same(a->mean, b->mean) && same(a->m2, b->m2));
    assert_true(same(a->delta, b->delta));
}

static void model_interval(const struct request *ask, uint32_t tag, uint32_t i, struct aggregator *g) {
    aggregate_begin(g, &ask->samples.rules[tag], ask->samples.edges[i], ask->samples.edges[i + 1]);
    for (uint32_t k = 0; k < n_facts; k++) {
        const struct chunk_sample *s = &facts[k].s;
        if (s->tag_key == KEYS[tag]) {
            const struct aggregate_sample a = {.t_us = s->t_us, .value = value_of(s), .quality = s->quality};
            aggregate_add(g, &a);
        }
    }
    aggregate_end(g, ask->samples.complete_us[tag]);
}

static void check_aggregates(struct seen *seen, const struct reply *reply) {
    uint32_t n = seen->ask->samples.n_edges - 1;
    assert_int_equal(reply->aggregates.n_tags, TAGS);
    assert_int_equal(reply->aggregates.n_intervals, n);
    for (uint32_t tag = 0; tag < TAGS; tag++) {
        for (uint32_t i = 0; i < n; i++) {
            struct aggregator g;
            model_interval(seen->ask, tag, i, &g);
            check_aggregate(&reply->aggregates.v[tag * n + i], &g.sum);
            seen->kinds[2]++;
        }
    }
}

/* Each piece continues where the one before ended. */
static void check_piece(struct seen *seen, const struct reply *reply) {
    const struct request *ask = seen->ask;
    assert_true(reply->raw.n <= RAW_PIECE_MAX);
    for (uint32_t i = 0; i < reply->raw.n; i++) {
        const struct raw_sample *got = &reply->raw.v[i];
        const struct chunk_sample *want = NULL;
        for (; want == NULL; seen->raw_at++) {
            if (seen->raw_at == n_facts) {
                seen->raw_at = 0;
                seen->tag++;
            }
            assert_true(seen->tag < TAGS);
            const struct chunk_sample *s = &facts[seen->raw_at].s;
            bool meant = s->tag_key == KEYS[seen->tag] && s->t_us >= ask->samples.from_us &&
                         s->t_us < ask->samples.to_us;
            want = meant ? s : NULL;
        }
        assert_true(reply->raw.tag_key == want->tag_key && got->t_us == want->t_us);
        assert_int_equal(got->quality, want->quality);
        assert_true(same(got->value, value_of(want)));
        assert_int_equal(got->text.p != NULL, want->kind == CHUNK_TEXT);
        assert_true(want->kind != CHUNK_TEXT || slice_eq(got->text, want->text));
    }
    seen->n_raw += reply->raw.n;
    seen->last = reply->raw.last;
    seen->stream = reply->raw.stream;
}

static void on_history(void *ctx, const struct reply *reply) {
    struct seen *seen = ctx;
    if (reply->kind == REQ_SAMPLES) {
        check_trend(seen, reply);
    } else if (reply->kind == REQ_AGGREGATES) {
        check_aggregates(seen, reply);
    } else if (reply->kind != REQ_RAW_CLOSE) {
        check_piece(seen, reply);
    }
}

static void ask_trend(struct rig *rig, struct rand *r, struct seen *seen) {
    struct request q = random_span(r, REQ_SAMPLES);
    q.samples.points = 1 + (uint32_t)rand_below(r, POINTS);
    seen->ask = &q;
    assert_int_equal(rig_ask(rig, &q)->reply.status, OK);
}

static void ask_aggregates(struct rig *rig, struct rand *r, struct seen *seen) {
    struct request q = random_span(r, REQ_AGGREGATES);
    static struct aggregate_rule rules[TAGS];
    static int64_t complete_us[TAGS];
    static int64_t edges[EDGES];
    for (int i = 0; i < TAGS; i++) {
        rules[i] = (struct aggregate_rule){.stepped = i == 0,
                                           .uncertain_is_bad = rand_below(r, 2) == 0,
                                           .counter = i == 1,
                                           .modulus = i == 1 ? 100 : 0,
                                           .stale_us = i == 2 ? 5000000 : 0,
                                           .n_states = i == 0 ? 8 : 0};
        complete_us[i] = q.samples.to_us - (i == 2 ? (q.samples.to_us - q.samples.from_us) / 3 : 0);
    }
    uint32_t n = 0;
    edges[n++] = q.samples.from_us;
    while (n < EDGES - 1 && rand_below(r, 8) != 0) {
        int64_t left_us = q.samples.to_us - edges[n - 1];
        int64_t next_us = edges[n - 1] + 1 + (int64_t)rand_below(r, (uint64_t)left_us / 4 + 1);
        if (next_us < q.samples.to_us) {
            edges[n++] = next_us;
        }
    }
    edges[n++] = q.samples.to_us;
    q.samples.rules = rules;
    q.samples.complete_us = complete_us;
    q.samples.edges = edges;
    q.samples.n_edges = n;
    seen->ask = &q;
    assert_int_equal(rig_ask(rig, &q)->reply.status, OK);
}

static void ask_all(struct rig *rig, struct rand *r, struct seen *seen) {
    struct request q = random_span(r, REQ_RAW_OPEN);
    uint32_t want = 0;
    for (uint32_t i = 0; i < n_facts; i++) {
        want += facts[i].s.t_us >= q.samples.from_us && facts[i].s.t_us < q.samples.to_us;
    }
    seen->ask = &q;
    seen->n_raw = seen->raw_at = seen->tag = 0;
    seen->last = false;
    assert_int_equal(rig_ask(rig, &q)->reply.status, OK);
    while (!seen->last) {
        struct request next = {.kind = REQ_RAW_NEXT, .samples = {.stream = seen->stream}};
        assert_int_equal(rig_ask(rig, &next)->reply.status, OK);
    }
    assert_int_equal(seen->n_raw, want);
}

static void every_answer_equals_a_naive_model_wherever_samples_lie(void **state) {
    (void)state;
    struct rand r;
    static struct seen seen;
    uint64_t seed = unit_seed();
    print_message("SEED=%llu\n", (unsigned long long)seed);
    rand_seed(&r, seed);
    struct rig *rig = start(&r, MIX_ALL);
    memset(&seen, 0, sizeof seen);
    rig->on_history = on_history;
    rig->history_ctx = &seen;
    for (int round = 0; round < 40; round++) {
        ask_trend(rig, &r, &seen);
        ask_aggregates(rig, &r, &seen);
        ask_all(rig, &r, &seen);
    }
    assert_true(seen.kinds[0] > 5 && seen.kinds[1] > 5 && seen.kinds[2] > 50);
    PQfinish(conn);
    rig_stop(&rig, 50); /* what waits for the alarm stays */
}

/* --- by SQL --------------------------------------------------------------------------------------------- */

static PGresult *ask_sql(const char *sql, int64_t tag_key, int64_t from_us, int64_t to_us) {
    char text[3][32];
    const char *values[] = {text[0], text[1], text[2]};
    (void)snprintf(text[0], sizeof text[0], "%lld", (long long)tag_key);
    (void)snprintf(text[1], sizeof text[1], "%lld", (long long)from_us);
    (void)snprintf(text[2], sizeof text[2], "%lld", (long long)to_us);
    PGresult *r = PQexecParams(conn, sql, 3, NULL, values, NULL, NULL, 1);
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        fail_msg("%s", PQerrorMessage(conn));
    }
    return r;
}

static void expect_row(const PGresult *r, int row, const struct chunk_sample *s) {
    assert_int_equal(pg_get_i64(r, row, 0), s->t_us);
    assert_int_equal(pg_get_i16(r, row, 2), s->quality);
    assert_int_equal(pg_is_null(r, row, 1), s->kind != CHUNK_NUMBER);
    assert_true(same(pg_get_f64(r, row, 1), value_of(s)));
}

static void ask_by_sql(struct rand *r) {
    int64_t tag_key = KEYS[rand_below(r, TAGS)];
    int64_t from_us = facts[rand_below(r, n_facts)].s.t_us + (int64_t)rand_below(r, 3) - 1;
    int64_t to_us = from_us + (int64_t)rand_below(r, 1000) * 1000000;
    const struct chunk_sample *before = model_before(tag_key, from_us);
    PGresult *one = ask_sql("select t_us, value, quality from sample_before($1::bigint, $2::bigint)"
                            " where $3::bigint > 0",
                            tag_key, from_us, to_us);
    assert_int_equal(PQntuples(one), before != NULL);
    if (before != NULL) {
        expect_row(one, 0, before);
    }
    PQclear(one);
    PGresult *all = ask_sql("select t_us, value, quality from sample($1::bigint, $2::bigint, $3::bigint)",
                            tag_key, from_us, to_us);
    int row = 0;
    for (uint32_t i = 0; i < n_facts; i++) {
        const struct chunk_sample *s = &facts[i].s;
        if (s->tag_key == tag_key && s->t_us >= from_us && s->t_us < to_us) {
            assert_true(row < PQntuples(all));
            expect_row(all, row++, s);
        }
    }
    assert_int_equal(row, PQntuples(all));
    PQclear(all);
}

static void functions_of_the_database_answer_the_same(void **state) {
    (void)state;
    struct rand r;
    rand_seed(&r, unit_seed());
    struct rig *rig = start(&r, MIX_STORED);
    for (int round = 0; round < 40; round++) {
        ask_by_sql(&r);
    }
    PQfinish(conn);
    rig_stop(&rig, 50);
}

/* --- rollups ------------------------------------------------------------------------------------------- */

static const struct roller_tag rolled[TAGS] = {{.tag_key = 7, .rule = {.counter = true, .modulus = 100}},
                                               {.tag_key = 11, .rule = {.stepped = true, .n_states = 8}},
                                               {.tag_key = 4000, .rule = {.stale_us = 5000000}}};

static void roll_up(const struct roller_tag *v, size_t n, int64_t now_us) {
    const struct blocking_config cfg = {
        .conninfo = pg.server, .name = "penstock test", .statement_ms = 60000};
    struct blocking b = {.conn = NULL};
    struct roller *roller = NULL;
    struct error err;
    uint32_t done = 1;
    assert_int_equal(blocking_open(&b, &cfg, &err), OK);
    assert_int_equal(roller_new(&roller, &err), OK);
    while (done > 0) {
        const struct roller_task task = {v, n, now_us, 1000};
        assert_int_equal(roller_turn(roller, &b, &task, &done, &err), OK);
    }
    roller_free(&roller);
    blocking_close(&b);
}

static void nearly(double a, double b, double most) {
    assert_true((isnan(a) && isnan(b)) || fabs(a - b) <= most);
}

/* Averages and squares are rounded in rollups; the rest is as it was. */
static void check_rolled(const struct aggregate *a, const struct aggregate *b) {
    double span_s = (double)(b->to_us - b->from_us) / 1e6;
    check_kept(a, b);
    nearly(a->delta, b->delta, 1e-6);
    nearly(a->integral, b->integral, 1e-5 * span_s);
    nearly(a->mean, b->mean, 1e-4);
    nearly(a->m2, b->m2, 1e-4 * (1 + b->m2));
}

static void on_rolled(void *ctx, const struct reply *reply) {
    struct seen *seen = ctx;
    uint32_t n = seen->ask->samples.n_edges - 1;
    if (reply->kind != REQ_AGGREGATES) {
        return;
    }
    for (uint32_t tag = 0; tag < TAGS; tag++) {
        for (uint32_t i = 0; i < n; i++) {
            struct aggregator g;
            model_interval(seen->ask, tag, i, &g);
            check_rolled(&reply->aggregates.v[tag * n + i], &g.sum);
        }
    }
}

static void ask_rolled(struct rig *rig, struct rand *r, struct seen *seen) {
    static const int64_t widths_us[] = {TM_HOUR_US, 7 * TM_HOUR_US, TM_DAY_US, 15 * TM_MINUTE_US,
                                        700 * TM_SECOND_US};
    int64_t width_us = widths_us[rand_below(r, COUNT(widths_us))];
    static int64_t edges[EDGES];
    int64_t complete_us[TAGS];
    struct aggregate_rule rules[TAGS];
    struct request q = random_span(r, REQ_AGGREGATES);
    uint32_t n = 0;
    edges[n++] = q.samples.from_us;
    for (int64_t t_us = q.samples.from_us / width_us * width_us + width_us; n < EDGES; t_us += width_us) {
        edges[n++] = t_us;
    }
    q.samples.to_us = edges[n - 1];
    for (int i = 0; i < TAGS; i++) {
        const int64_t ends_us[] = {0, q.samples.to_us - TM_DAY_US, INT64_MAX};
        complete_us[i] = ends_us[rand_below(r, COUNT(ends_us))];
        for (int k = 0; k < TAGS; k++) {
            rules[i] = rolled[k].tag_key == KEYS[i] ? rolled[k].rule : rules[i];
        }
    }
    q.samples.edges = edges;
    q.samples.n_edges = n;
    q.samples.rules = rules;
    q.samples.complete_us = complete_us;
    seen->ask = &q;
    assert_int_equal(rig_ask(rig, &q)->reply.status, OK);
}

static void on_counts(void *ctx, const struct reply *reply) {
    int64_t *sum = ctx;
    uint32_t n = reply->kind == REQ_AGGREGATES ? reply->aggregates.n_tags * reply->aggregates.n_intervals : 0;
    for (uint32_t i = 0; i < n; i++) {
        *sum += reply->aggregates.v[i].count;
    }
}

/* Samples in the first days, as aggregates tell, also where nothing is certain of the gateway. */
static int64_t count_days(struct rig *rig) {
    int64_t edges[EDGES];
    const int64_t complete_us[1] = {0};
    int64_t sum = 0;
    for (int i = 0; i < EDGES; i++) {
        edges[i] = (START_US / TM_DAY_US + i) * TM_DAY_US;
    }
    const struct request q = {.kind = REQ_AGGREGATES,
                              .samples = {.tags = {7},
                                          .n_tags = 1,
                                          .from_us = edges[0],
                                          .to_us = edges[EDGES - 1],
                                          .rules = &rolled[0].rule,
                                          .complete_us = complete_us,
                                          .edges = edges,
                                          .n_edges = EDGES}};
    rig->on_history = on_counts;
    rig->history_ctx = &sum;
    assert_int_equal(rig_ask(rig, &q)->reply.status, OK);
    return sum;
}

/* … of which so many are not in chunks. */
static int64_t loose_in_days(void) {
    int64_t n = 0;
    for (uint32_t i = 0; i < n_facts; i++) {
        n += facts[i].s.tag_key == 7 && facts[i].tier != TIER_CHUNK &&
             facts[i].s.t_us < (START_US / TM_DAY_US + EDGES - 1) * TM_DAY_US;
    }
    return n;
}

static void rollups_and_samples_together_are_as_the_samples(void **state) {
    (void)state;
    struct rand r;
    static struct seen seen;
    rand_seed(&r, unit_seed());
    struct rig *rig = start(&r, MIX_PACKED);
    roll_up(rolled, TAGS, facts[n_facts - 1].s.t_us + 400 * TM_DAY_US);
    assert_true(pgtest_number(&pg, "select count(*) from rollup where level = 2") > 50);
    rig->on_history = on_rolled;
    rig->history_ctx = &seen;
    for (int round = 0; round < 60; round++) {
        ask_rolled(rig, &r, &seen);
    }
    /* What is rolled up is not read from samples. */
    int64_t whole = count_days(rig);
    pgtest_do(&pg, "delete from sample_chunk");
    int64_t left = count_days(rig);
    assert_true(whole > 50 && left <= whole && left > loose_in_days());
    PQfinish(conn);
    rig_stop(&rig, 50);
}

/* Far from the day that is asked for, which goes on from one and up to the other. */
static void loose_samples_between_days_that_are_rolled_up_are_seen(void **state) {
    (void)state;
    static struct seen seen;
    static const struct roller_tag plain = {.tag_key = 7}; /* straight lines from sample to sample */
    static const int64_t day0_us = INT64_C(19700) * TM_DAY_US;
    static const struct {
        int64_t day;
        double value;
        enum tier tier;
    } v[] = {{0, 10, TIER_CHUNK},
             {5, 60, TIER_ROW},
             {10, 20, TIER_CHUNK},
             {20, 90, TIER_ROW},
             {30, 30, TIER_CHUNK}};
    int64_t edges[25];
    int64_t complete_us[TAGS] = {INT64_MAX, INT64_MAX, INT64_MAX};
    struct aggregate_rule rules[TAGS];
    struct rand r;
    rand_seed(&r, unit_seed());
    rig_migrate(&pg);
    for (n_facts = 0; n_facts < COUNT(v); n_facts++) {
        int64_t t_us = day0_us + v[n_facts].day * TM_DAY_US + 12 * TM_HOUR_US + 1;
        facts[n_facts] = (struct fact){
            .tier = v[n_facts].tier,
            .order = n_facts,
            .s = {.tag_key = 7, .t_us = t_us, .number = v[n_facts].value, .kind = CHUNK_NUMBER}};
    }
    struct rig *rig = store_facts(&r);
    roll_up(&plain, 1, day0_us + 400 * TM_DAY_US);
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup where level = 2"), 3);
    for (int i = 0; i < TAGS; i++) {
        rules[i] = plain.rule;
    }
    rig->on_history = on_rolled;
    rig->history_ctx = &seen;
    for (int day = 0; day <= 10; day += 10) { /* the first one's end, the other one's beginning */
        for (int i = 0; i < 25; i++) {
            edges[i] = day0_us + day * TM_DAY_US + i * TM_HOUR_US;
        }
        struct request q = {.kind = REQ_AGGREGATES,
                            .samples = {.tags = {KEYS[0], KEYS[1], KEYS[2]},
                                        .n_tags = TAGS,
                                        .from_us = edges[0],
                                        .to_us = edges[24],
                                        .rules = rules,
                                        .complete_us = complete_us,
                                        .edges = edges,
                                        .n_edges = 25}};
        seen.ask = &q;
        assert_int_equal(rig_ask(rig, &q)->reply.status, OK);
    }
    PQfinish(conn);
    rig_stop(&rig, 5000);
}

/* --- for backtests ------------------------------------------------------------------------------------- */

static int by_tag_and_time(const void *a, const void *b) {
    const struct fact *x = a;
    const struct fact *y = b;
    if (x->s.tag_key != y->s.tag_key) {
        return x->s.tag_key < y->s.tag_key ? -1 : 1;
    }
    return x->s.t_us < y->s.t_us ? -1 : x->s.t_us > y->s.t_us;
}

static void is_a_fact(const struct stored_sample *s) {
    const struct fact key = {.s = {.tag_key = s->tag_key, .t_us = s->t_us}};
    const struct fact *f = bsearch(&key, facts, n_facts, sizeof facts[0], by_tag_and_time);
    assert_non_null(f);
    assert_true(same(s->value, value_of(&f->s)) && s->quality == f->s.quality);
}

static void read_for_backtest(const struct request *q) {
    static const int64_t tags[] = {7, 11, 4000};
    const struct history_config cfg = {.conninfo = pg.server,
                                       .tags = tags,
                                       .n_tags = TAGS,
                                       .from_us = q->samples.from_us,
                                       .to_us = q->samples.to_us};
    struct history *h = NULL;
    struct error err;
    const struct stored_sample *v = NULL;
    size_t n = 0;
    uint32_t want = 0;
    int64_t last_us = 0;
    assert_int_equal(history_open(&cfg, &h, &err), OK);
    assert_int_equal(history_before(h, &v, &n, &err), OK);
    for (uint32_t i = 0; i < TAGS; i++) {
        const struct chunk_sample *before = model_before(tags[i], q->samples.from_us);
        if (before != NULL) {
            assert_true(v->tag_key == tags[i] && v->t_us == before->t_us);
            is_a_fact(v++);
            n--;
        }
    }
    assert_int_equal(n, 0);
    for (uint32_t i = 0; i < n_facts; i++) {
        want += facts[i].s.t_us >= q->samples.from_us && facts[i].s.t_us < q->samples.to_us;
    }
    do {
        assert_int_equal(history_next(h, &v, &n, &err), OK);
        for (size_t i = 0; i < n; i++) {
            assert_true(v[i].t_us >= last_us);
            assert_true(i == 0 || v[i].t_us > last_us || v[i].tag_key > v[i - 1].tag_key);
            last_us = v[i].t_us;
            is_a_fact(&v[i]);
        }
        want -= (uint32_t)n;
    } while (n > 0);
    assert_int_equal(want, 0);
    history_close(&h);
}

static void a_backtest_reads_the_same_by_time(void **state) {
    (void)state;
    struct rand r;
    rand_seed(&r, unit_seed());
    struct rig *rig = start(&r, MIX_STORED);
    for (int round = 0; round < 30; round++) {
        const struct request q = random_span(&r, REQ_SAMPLES);
        read_for_backtest(&q);
    }
    PQfinish(conn);
    rig_stop(&rig, 5000);
}

/* --- exports ------------------------------------------------------------------------------------------- */

struct counted {
    uint64_t n;
    int64_t last_us;
    bool last;
    uint64_t stream;
};

static void on_counted(void *ctx, const struct reply *reply) {
    struct counted *c = ctx;
    if (reply->kind != REQ_RAW_OPEN && reply->kind != REQ_RAW_NEXT) {
        return;
    }
    for (uint32_t i = 0; i < reply->raw.n; i++) {
        assert_true(reply->raw.v[i].t_us > c->last_us);
        c->last_us = reply->raw.v[i].t_us;
    }
    c->n += reply->raw.n;
    c->last = reply->raw.last;
    c->stream = reply->raw.stream;
}

static struct request whole(enum request_kind kind) {
    return (struct request){
        .kind = kind, .samples = {.tags = {1}, .n_tags = 1, .from_us = 0, .to_us = INT64_MAX, .points = 10}};
}

static void read_on(struct rig *rig, struct counted *c) {
    while (!c->last) {
        struct request next = {.kind = REQ_RAW_NEXT, .samples = {.stream = c->stream}};
        assert_int_equal(rig_ask(rig, &next)->reply.status, OK);
    }
}

static void loose_samples_are_read_in_parts(void **state) {
    (void)state;
    struct counted c = {.n = 0};
    rig_migrate(&pg);
    pgtest_do(&pg,
              "insert into sample_row select 1, 1700000000000000 + i, i, 0 from generate_series(1, 45001) i");
    struct rig *rig = rig_new(&pg);
    rig->on_history = on_counted;
    rig->history_ctx = &c;
    struct request q = whole(REQ_RAW_OPEN);
    assert_int_equal(rig_ask(rig, &q)->reply.status, OK);
    read_on(rig, &c);
    assert_int_equal(c.n, 45001);
    q = whole(REQ_SAMPLES);
    const struct rig_reply *reply = rig_ask(rig, &q);
    assert_int_equal(reply->trend.n, 1); /* a pixel of 270 years */
    assert_int_equal(rig->points[0].count, 45001);
    rig_stop(&rig, 5000);
}

static void chunks_within_a_pixel_are_not_read(void **state) {
    (void)state;
    rig_migrate(&pg);
    pgtest_do(&pg, "select sample_chunk_prepare(1::smallint, 1700000000000000)");
    /* Their data is none: reading it would fail. */
    pgtest_do(
        &pg,
        "insert into sample_chunk select 1, 1700000000000000 + i * 1000, 1700000000000000 + i * 1000 + 9,"
        " i, i, i - 1, i + 1, 1700000000000000 + i * 1000, 1700000000000000 + i * 1000, 1, 10, 10, 0, 0, "
        "'\\x'"
        " from generate_series(0, 4999) i");
    struct rig *rig = rig_new(&pg);
    struct request q = whole(REQ_SAMPLES);
    q.samples.from_us = START_US;
    q.samples.to_us = START_US + 5000000;
    q.samples.points = 100; /* 50 chunks each, in three windows */
    const struct rig_reply *reply = rig_ask(rig, &q);
    assert_int_equal(reply->trend.n, 100);
    for (int i = 0; i < 100; i++) {
        const struct sample_point *p = &rig->points[i];
        assert_true(p->count == 500 && p->first == i * 50 && p->last == i * 50 + 49);
        assert_true(p->min == i * 50 - 1 && p->max == i * 50 + 50);
    }
    q.samples.from_us = START_US + 5; /* within the first chunk */
    assert_int_equal(rig_ask(rig, &q)->reply.status, ERR_INTERNAL);
    rig_stop(&rig, 5000);
}

/* The packer works while an export is under way. */
static void what_is_packed_meanwhile_is_read_once(void **state) {
    (void)state;
    struct counted c = {.n = 0};
    struct error err;
    rig_migrate(&pg);
    conn = PQconnectdb(pg.conninfo);
    static struct chunk_sample v[50000];
    for (int i = 0; i < 50000; i++) {
        v[i] = (struct chunk_sample){.tag_key = 1, .t_us = START_US + i, .number = i, .kind = CHUNK_NUMBER};
    }
    struct pack p;
    pack_init(&p, &work);
    chunk_tag = 1;
    for (int i = 0; i < 40000; i++) {
        assert_int_equal(pack_sample_in(&p, &v[i], false), OK);
    }
    assert_int_equal(pack_out(&p, store_chunk, &err), OK);
    for (int i = 40000; i < 50000; i += 100) {
        store_hot_record(&v[i], 100);
    }
    struct rig *rig = rig_new(&pg);
    rig->on_history = on_counted;
    rig->history_ctx = &c;
    struct request q = whole(REQ_RAW_OPEN);
    assert_int_equal(rig_ask(rig, &q)->reply.status, OK);
    assert_true(c.n > 0 && c.n < 40000);
    PQclear(PQexec(conn, "begin"));
    PQclear(PQexec(conn, "delete from sample_hot"));
    pack_clear(&p);
    for (int i = 40000; i < 50000; i++) {
        assert_int_equal(pack_sample_in(&p, &v[i], false), OK);
    }
    assert_int_equal(pack_out(&p, store_chunk, &err), OK);
    PQclear(PQexec(conn, "commit"));
    read_on(rig, &c);
    assert_int_equal(c.n, 50000);
    pack_done(&p);
    PQfinish(conn);
    rig_stop(&rig, 5000);
}

/* --- a question step by step --------------------------------------------------------------------------- */

struct line {
    uv_loop_t loop;
    struct pg *pg;
    bool answered;
    bool closed;
    PGresult *results[PG_STATEMENTS_MAX];
};

static void on_line(void *ctx) {
    (void)ctx; /* pg_is_up says it */
}

static void on_line_answer(void *ctx, struct pg_answer *answer) {
    struct line *l = ctx;
    assert_int_equal(answer->outcome, PG_DONE);
    for (uint32_t i = 0; i < answer->n; i++) {
        l->results[i] = answer->results[i];
        answer->results[i] = NULL;
    }
    l->answered = true;
}

static void on_line_closed(void *ctx) {
    struct line *l = ctx;
    l->closed = true;
}

static void line_open(struct line *l) {
    struct error err;
    *l = (struct line){.answered = false};
    assert_int_equal(uv_loop_init(&l->loop), 0);
    const struct pg_config cfg = {.loop = &l->loop,
                                  .conninfo = pg.conninfo,
                                  .name = "test",
                                  .ctx = l,
                                  .on_up = on_line,
                                  .on_down = on_line};
    assert_int_equal(pg_new(&cfg, &l->pg, &err), OK);
    pg_start(l->pg);
    while (!pg_is_up(l->pg)) {
        (void)uv_run(&l->loop, UV_RUN_ONCE);
    }
}

static void line_close(struct line *l) {
    pg_close(l->pg, on_line_closed, l);
    while (!l->closed) {
        (void)uv_run(&l->loop, UV_RUN_ONCE);
    }
    pg_free(&l->pg);
    assert_int_equal(uv_loop_close(&l->loop), 0);
}

static void take_step(struct line *l, struct reader_job *job) {
    l->answered = false;
    job_send(job, l->pg, on_line_answer, l);
    pg_flush(l->pg);
    while (!l->answered) {
        (void)uv_run(&l->loop, UV_RUN_ONCE);
    }
    job_take(job, l->results);
    for (int i = 0; i < PG_STATEMENTS_MAX; i++) {
        PQclear(l->results[i]);
        l->results[i] = NULL;
    }
}

/* Of the loose samples of [from, to), chunks. */
static void pack_loose(int from, int to) {
    struct error err;
    struct pack p;
    pack_init(&p, &work);
    chunk_tag = 1;
    for (int i = from; i < to; i++) {
        const struct chunk_sample s = {.tag_key = 1, .t_us = START_US + i, .number = i, .kind = CHUNK_NUMBER};
        assert_int_equal(pack_sample_in(&p, &s, false), OK);
    }
    PQclear(PQexec(conn, "begin"));
    char sql[100];
    (void)snprintf(sql, sizeof sql, "delete from sample_row where value >= %d and value < %d", from, to);
    PQclear(PQexec(conn, sql));
    assert_int_equal(pack_out(&p, store_chunk, &err), OK);
    PQclear(PQexec(conn, "commit"));
    pack_done(&p);
}

/* One window does not take all of them, and then a chunk lies on both sides of its end. */
static void a_trend_counts_once_what_is_packed_between_two_windows(void **state) {
    (void)state;
    enum { SAMPLES = 45000, PACKED = 100 };
    struct line l;
    rig_migrate(&pg);
    pgtest_do(&pg, "insert into sample_row select 1, 1700000000000000 + i, i, 0"
                   " from generate_series(0, 45000 - 1) i");
    conn = PQconnectdb(pg.conninfo);
    pack_loose(0, PACKED);
    line_open(&l);
    const struct request q = whole(REQ_SAMPLES); /* pixels of years: no chunk is unpacked for one */
    struct reader_job *job = job_new(request_copy(&q), START_US);
    assert_non_null(job);
    while (job->at_us <= START_US + PACKED) {
        take_step(&l, job);
    }
    assert_int_equal(job->step, JOB_WINDOW);
    pack_loose(PACKED, SAMPLES);
    while (job->step != JOB_DONE) {
        assert_int_not_equal(job->step, JOB_FAILED);
        take_step(&l, job);
    }
    struct reply reply;
    job_reply(job, &reply);
    assert_int_equal(reply.samples.v[0].n, 1);
    assert_int_equal(reply.samples.v[0].v[0].count, SAMPLES);
    job_free(&job);
    line_close(&l);
    PQfinish(conn);
}

static void exports_are_counted_and_can_be_called_off(void **state) {
    (void)state;
    enum { MOST = 16 };
    struct counted c[MOST] = {{.n = 0}};
    rig_migrate(&pg);
    pgtest_do(&pg,
              "insert into sample_row select 1, 1700000000000000 + i, i, 0 from generate_series(1, 9000) i");
    struct rig *rig = rig_new(&pg);
    rig->on_history = on_counted;
    struct request q = whole(REQ_RAW_OPEN);
    for (int i = 0; i < MOST; i++) {
        rig->history_ctx = &c[i];
        assert_int_equal(rig_ask(rig, &q)->reply.status, OK);
        assert_false(c[i].last);
    }
    assert_int_equal(rig_ask(rig, &q)->reply.status, ERR_FULL);
    struct request end = {.kind = REQ_RAW_CLOSE, .samples = {.stream = c[3].stream}};
    assert_int_equal(rig_ask(rig, &end)->reply.status, OK);
    struct request next = {.kind = REQ_RAW_NEXT, .samples = {.stream = c[3].stream}};
    assert_int_equal(rig_ask(rig, &next)->reply.status, ERR_NOT_FOUND);
    rig->history_ctx = &c[3];
    c[3] = (struct counted){.n = 0};
    assert_int_equal(rig_ask(rig, &q)->reply.status, OK);
    read_on(rig, &c[3]);
    assert_int_equal(c[3].n, 9000);
    rig_stop(&rig, 5000); /* with fifteen open */
}

/* How many statements of the cluster have ended because their time was up. */
static int statements_timed_out(void) {
    char path[128];
    char line[4096];
    int n = 0;
    (void)snprintf(path, sizeof path, "%s/pg/postgresql.log", pg.dir);
    FILE *log = fopen(path, "re");
    assert_non_null(log);
    while (fgets(line, sizeof line, log) != NULL) {
        n += strstr(line, "canceling statement due to statement timeout") != NULL;
    }
    (void)fclose(log);
    return n;
}

/* Their statements would wait ten seconds each, one behind the other. */
static void who_leaves_holds_nobody_up(void **state) {
    (void)state;
    enum { ASKED = 20, STAYS = ASKED - 1 };
    rig_migrate(&pg);
    pgtest_do(&pg, "insert into sample_row values (1, 1700000000000000, 1, 0)");
    struct rig *rig = rig_new(&pg);
    conn = PQconnectdb(pg.conninfo);
    PQclear(PQexec(conn, "begin"));
    PQclear(PQexec(conn, "lock table sample_row in access exclusive mode"));
    for (uint64_t i = 0; i < ASKED; i++) {
        struct request q = whole(i % 2 == 0 ? REQ_SAMPLES : REQ_RAW_OPEN);
        store_request(rig->store, i, &q);
    }
    RIG_UNTIL(rig,
              pgtest_number(&pg, "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                                 " and application_name in ('penstock trends', 'penstock export')") == 2);
    int timed_out = statements_timed_out();
    for (uint64_t i = 0; i < ASKED; i++) {
        if (i != STAYS) {
            store_forget(rig->store, i);
        }
    }
    store_forget(rig->store, 12345); /* nobody's */
    assert_int_equal(rig->n_replies, 0);
    RIG_UNTIL(rig, rig->n_replies == ASKED - 1);
    assert_int_equal(statements_timed_out(), timed_out);
    for (uint32_t i = 0; i < ASKED - 1; i++) {
        assert_int_equal(rig->replies[i].reply.status, ERR_UNAVAILABLE);
        assert_true(rig->replies[i].token != STAYS);
    }
    store_forget(rig->store, 0); /* answered already */
    PQclear(PQexec(conn, "commit"));
    RIG_UNTIL(rig, rig->n_replies == ASKED);
    assert_true(rig->replies[ASKED - 1].token == STAYS);
    assert_int_equal(rig->replies[ASKED - 1].reply.status, OK);
    struct request q = whole(REQ_SAMPLES);
    assert_int_equal(rig_ask(rig, &q)->reply.status, OK);
    PQfinish(conn);
    rig_stop(&rig, 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_equals_a_naive_model_wherever_samples_lie),
        cmocka_unit_test(functions_of_the_database_answer_the_same),
        cmocka_unit_test(rollups_and_samples_together_are_as_the_samples),
        cmocka_unit_test(loose_samples_between_days_that_are_rolled_up_are_seen),
        cmocka_unit_test(a_backtest_reads_the_same_by_time),
        cmocka_unit_test(loose_samples_are_read_in_parts),
        cmocka_unit_test(chunks_within_a_pixel_are_not_read),
        cmocka_unit_test(what_is_packed_meanwhile_is_read_once),
        cmocka_unit_test(a_trend_counts_once_what_is_packed_between_two_windows),
        cmocka_unit_test(exports_are_counted_and_can_be_called_off),
        cmocka_unit_test(who_leaves_holds_nobody_up),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
