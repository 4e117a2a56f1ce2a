#include "server/store/fresh_sql.h"

#include "server/base/tm.h"

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
    " insert into sample_hot (gateway_key, received_us, n, tag_min, tag_max, from_us, to_us, data)"
    " select unnest($10::bigint[]), unnest($11::bigint[]), unnest($12::integer[]), unnest($13::bigint[]),"
    " unnest($14::bigint[]), unnest($15::bigint[]), unnest($16::bigint[]), unnest($17::bytea[]))"
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

/* By gateway, epoch and number. */
static int order_spans(const void *a, const void *b) {
    const struct span *x = a;
    const struct span *y = b;
    int by = order(x->gateway_key, y->gateway_key);
    by = by != 0 ? by : order(x->epoch, y->epoch);
    return by != 0 ? by : order(x->seq, y->seq);
}

static bool is_plain(const struct ingest_record *r) {
    return r->v.fault == 0 && !r->v.again && !r->v.has_dropped && r->v.type != MSG_DICT;
}

static struct span span_of(const struct store_record *r) {
    return (struct span){.gateway_key = r->gateway_key,
                         .epoch = (int64_t)r->epoch,
                         .day = r->received_us / TM_DAY_US,
                         .seq = (int64_t)r->seq, /* below LINK_SEQ_MAX */
                         .next = (int64_t)r->seq + 1,
                         .samples = r->n_samples};
}

/* Joins neighbours of sorted v[0..n); how many are left, or 0 if a number is there twice. */
static uint32_t join(struct span *v, uint32_t n) {
    uint32_t last = 0;
    for (uint32_t i = 1; i < n; i++) {
        bool same = v[i].gateway_key == v[last].gateway_key && v[i].epoch == v[last].epoch;
        if (same && v[i].seq < v[last].next) {
            return 0;
        }
        if (same && v[i].seq == v[last].next && v[i].day == v[last].day) {
            v[last].next = v[i].next;
            v[last].samples += v[i].samples;
        } else {
            v[++last] = v[i];
        }
    }
    return last + 1;
}

/* Spans of the records, in memory for n. */
static uint32_t gather(struct span *v, const struct ingest_record *first) {
    uint32_t n = 0;
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        if (!is_plain(r)) {
            return 0;
        }
        v[n++] = span_of(&r->v);
    }
    qsort(v, n, sizeof *v, order_spans);
    return join(v, n);
}

static void hot_owners(struct pg_args *args, const struct ingest_record *first) {
    pg_array_i64_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        for (uint32_t i = 0; i < r->n_hot; i++) {
            pg_array_i64(args, r->v.gateway_key);
        }
    }
    pg_array_end(args);
    pg_array_i64_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        for (uint32_t i = 0; i < r->n_hot; i++) {
            pg_array_i64(args, r->v.received_us);
        }
    }
    pg_array_end(args);
}

/* The array of the number at this offset of each. */
static void numbers(struct pg_args *args, const struct span *v, uint32_t n, size_t offset) {
    pg_array_i64_begin(args);
    for (uint32_t i = 0; i < n; i++) {
        int64_t number = 0;
        memcpy(&number, (const char *)&v[i] + offset, sizeof number);
        pg_array_i64(args, number);
    }
    pg_array_end(args);
}

static void spans(struct pg_args *args, const struct span *v, uint32_t n) {
    static const size_t columns[] = {offsetof(struct span, gateway_key), offsetof(struct span, epoch),
                                     offsetof(struct span, day),         offsetof(struct span, seq),
                                     offsetof(struct span, next),        offsetof(struct span, samples)};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        numbers(args, v, n, columns[i]);
    }
}

bool fresh_sql_args(struct pg_args *args, const struct ingest_record *first, uint32_t n) {
    struct span *v = calloc(n, sizeof *v);
    uint32_t n_spans = v == NULL ? 0 : gather(v, first);
    if (n_spans > 0) {
        ingest_sql_records(args, first);
        hot_owners(args, first);
        ingest_sql_hot(args, first);
        spans(args, v, n_spans);
    }
    free(v);
    return n_spans > 0;
}
