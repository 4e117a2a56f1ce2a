#include "server/store/fresh_sql.h"

#include "server/base/tm.h"
#include "server/store/hot_bundle.h"

#include <stddef.h>
#include <stdlib.h>

/* Several unnest in one select list go in step, and hand on their elements without gathering them first, as
 * one in "from" would. Records before all else: a number that is there ends the statement at once.
 * By ingest_batch_pk, gateway_epoch_pk and gateway_day_pk. */
static const char sql[] =
    "with span as materialized ("
    " select * from unnest($18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[], $22::bigint[], "
    "$23::bigint[]) as u(gateway_key, epoch, day, seq, next, samples)),"
    " epochs as ("
    " insert into gateway_epoch (gateway_key, epoch, ranges)"
    " select gateway_key, epoch, range_agg(int8range(seq, next)) from span group by 1, 2 order by 1, 2"
    " on conflict (gateway_key, epoch) do update set ranges = gateway_epoch.ranges + excluded.ranges),"
    " counted as ("
    " insert into gateway_day as d (gateway_key, epoch, day, next, stored, samples)"
    " select gateway_key, epoch, date '1970-01-01' + day::integer, max(next), sum(next - seq), sum(samples)"
    " from span group by 1, 2, 3 order by 1, 2, 3"
    " on conflict (gateway_key, epoch, day) do update set next = greatest(d.next, excluded.next),"
    " stored = d.stored + excluded.stored, samples = d.samples + excluded.samples),"
    " hot as ("
    " insert into sample_hot (gateway_key, received_us, tag_min, tag_max, from_us, to_us, n, data)"
    " select unnest($10::bigint[]), unnest($11::bigint[]), unnest($12::bigint[]), unnest($13::bigint[]),"
    " unnest($14::bigint[]), unnest($15::bigint[]), unnest($16::integer[]), unnest($17::bytea[]))"
    " insert into ingest_batch (gateway_key, epoch, seq, dict, type, flags, crc, received_us, body)"
    " select unnest($1::bigint[]), unnest($2::bigint[]), unnest($3::bigint[]), unnest($4::bigint[]),"
    " unnest($5::smallint[]), unnest($6::integer[]), unnest($7::bigint[]), unnest($8::bigint[]), "
    "unnest($9::bytea[])";

const char *fresh_sql(void) {
    return sql;
}

/* Consecutive numbers of one start of a gateway, received on one day. 64-bit unsigned numbers as the same
 * bits, see migrations/0002. */
struct span {
    int64_t gateway_key;
    int64_t epoch;
    int64_t day;
    int64_t seq;
    int64_t next;
    int64_t samples;
};

static int order(int64_t a, int64_t b) {
    return a < b ? -1 : a > b;
}

struct place {
    const struct ingest_record *record;
};

/* By gateway, and of one gateway as they came. */
static int by_gateway(const void *a, const void *b) {
    const struct ingest_record *x = ((const struct place *)a)->record;
    const struct ingest_record *y = ((const struct place *)b)->record;
    int by = order(x->v.gateway_key, y->v.gateway_key);
    return by != 0 ? by : x->number < y->number ? -1 : x->number > y->number;
}

static bool is_plain(const struct ingest_record *r) {
    return r->v.fault == 0 && !r->v.again && !r->v.has_dropped && r->v.type != MSG_DICT;
}

/* What is to be stored besides the records themselves. */
struct fresh {
    struct place *places;
    struct span *spans;
    uint32_t n_spans;
    struct hot_bundles hot;
};

/* Whether s is what comes right behind last. */
static bool goes_on(const struct span *last, const struct span *s) {
    return last->gateway_key == s->gateway_key && last->epoch == s->epoch && last->day == s->day &&
           last->next == s->seq;
}

static void add_span(struct fresh *f, const struct store_record *r) {
    struct span s = {.gateway_key = r->gateway_key,
                     .epoch = (int64_t)r->epoch,
                     .day = r->received_us / TM_DAY_US,
                     .seq = (int64_t)r->seq, /* below LINK_SEQ_MAX */
                     .next = (int64_t)r->seq + 1,
                     .samples = r->n_samples};
    if (f->n_spans > 0 && goes_on(&f->spans[f->n_spans - 1], &s)) {
        f->spans[f->n_spans - 1].next = s.next;
        f->spans[f->n_spans - 1].samples += s.samples;
    } else {
        f->spans[f->n_spans++] = s;
    }
}

/* False: a record is not of that kind, or there is no memory. */
static bool fresh_init(struct fresh *f, const struct ingest_record *first, uint32_t n) {
    uint32_t n_rows = 0;
    uint32_t at = 0;
    *f = (struct fresh){.places = calloc(n, sizeof *f->places), .spans = calloc(n, sizeof *f->spans)};
    bool plain = f->places != NULL && f->spans != NULL;
    for (const struct ingest_record *r = first; r != NULL && plain; r = r->next) {
        plain = is_plain(r);
        f->places[at++].record = r;
        n_rows += r->n_hot;
    }
    if (!plain || !hot_bundles_init(&f->hot, n_rows)) {
        return false;
    }
    qsort(f->places, n, sizeof *f->places, by_gateway);
    for (uint32_t i = 0; i < n; i++) {
        const struct ingest_record *r = f->places[i].record;
        add_span(f, &r->v);
        for (uint32_t k = 0; k < r->n_hot; k++) {
            hot_bundles_add(&f->hot, r->v.gateway_key, r->v.received_us, &r->hot[k]);
        }
    }
    return hot_bundles_end(&f->hot);
}

static void fresh_done(struct fresh *f) {
    free(f->places);
    free(f->spans);
    hot_bundles_done(&f->hot);
}

/* The array of the number at this offset of each of n structs of that size. */
static void numbers(struct pg_args *args, const void *v, uint32_t n, size_t size, size_t offset) {
    const char *p = v;
    pg_array_i64_begin(args);
    for (uint32_t i = 0; i < n; i++) {
        int64_t number = 0;
        memcpy(&number, p + i * size + offset, sizeof number);
        pg_array_i64(args, number);
    }
    pg_array_end(args);
}

static void hot_args(struct pg_args *args, const struct hot_bundles *hot) {
    static const size_t columns[] = {
        offsetof(struct hot_shared, gateway_key), offsetof(struct hot_shared, received_us),
        offsetof(struct hot_shared, row.tag_min), offsetof(struct hot_shared, row.tag_max),
        offsetof(struct hot_shared, row.from_us), offsetof(struct hot_shared, row.to_us)};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        numbers(args, hot->v, hot->n, sizeof *hot->v, columns[i]);
    }
    pg_array_i32_begin(args);
    for (uint32_t i = 0; i < hot->n; i++) {
        pg_array_i32(args, (int32_t)hot->v[i].row.n); /* CHUNK_SAMPLES_MAX at most */
    }
    pg_array_end(args);
    pg_array_bytes_begin(args);
    for (uint32_t i = 0; i < hot->n; i++) {
        pg_array_bytes(args, hot->v[i].row.data.p, hot->v[i].row.data.n);
    }
    pg_array_end(args);
}

static void span_args(struct pg_args *args, const struct span *v, uint32_t n) {
    static const size_t columns[] = {offsetof(struct span, gateway_key), offsetof(struct span, epoch),
                                     offsetof(struct span, day),         offsetof(struct span, seq),
                                     offsetof(struct span, next),        offsetof(struct span, samples)};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        numbers(args, v, n, sizeof *v, columns[i]);
    }
}

bool fresh_sql_args(struct pg_args *args, const struct ingest_record *first, uint32_t n) {
    struct fresh f;
    bool fresh = fresh_init(&f, first, n);
    if (fresh) {
        ingest_sql_records(args, first);
        hot_args(args, &f.hot);
        span_args(args, f.spans, f.n_spans);
    }
    fresh_done(&f);
    return fresh;
}
