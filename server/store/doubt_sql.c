#include "server/store/doubt_sql.h"

#include <stddef.h>
#include <string.h>

/* By ingest_batch_pk and gateway_clock_span_pk. */
static const char sql[] =
    "insert into gateway_clock_span as c (gateway_key, epoch, first_seq, kind, last_seq, from_us, to_us, "
    "step_us)"
    " select gateway_key, epoch, u.first_seq, case when u.step_us is null then 'unsynced' else 'step' end,"
    "        max(seq), min(u.from_us), max(u.to_us), max(u.step_us)"
    "   from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], "
    "$7::bigint[],"
    "               $8::bigint[]) as u(gateway_key, epoch, seq, crc, first_seq, from_us, to_us, step_us)"
    "   join ingest_batch b using (gateway_key, epoch, seq)"
    "  where b.crc = u.crc group by 1, 2, 3, 4 order by 1, 2, 3, 4"
    " on conflict (gateway_key, epoch, first_seq, kind) do update"
    "    set last_seq = greatest(c.last_seq, excluded.last_seq), from_us = least(c.from_us, "
    "excluded.from_us),"
    "        to_us = greatest(c.to_us, excluded.to_us)";

/* What one record adds. */
struct doubt {
    int64_t gateway_key;
    int64_t epoch;
    int64_t seq;
    int64_t crc;
    int64_t first_seq;
    int64_t from_us;
    int64_t to_us;
    int64_t step_us;
};

static void span_of_step(const struct store_record *r, struct doubt *ret) {
    int64_t before_us = 0;
    if (__builtin_sub_overflow(r->step_t_us, r->step_us, &before_us)) {
        before_us = r->step_t_us; /* by more than there is time: it says nothing */
    }
    ret->from_us = before_us < r->step_t_us ? before_us : r->step_t_us;
    ret->to_us = before_us > r->step_t_us ? before_us : r->step_t_us;
    ret->first_seq = ret->seq;
    ret->step_us = r->step_us;
}

static void span_of_samples(const struct ingest_record *r, struct doubt *ret) {
    ret->from_us = r->hot[0].from_us;
    ret->to_us = r->hot[0].to_us;
    for (uint32_t i = 1; i < r->n_hot; i++) {
        ret->from_us = r->hot[i].from_us < ret->from_us ? r->hot[i].from_us : ret->from_us;
        ret->to_us = r->hot[i].to_us > ret->to_us ? r->hot[i].to_us : ret->to_us;
    }
    ret->first_seq = pg_seq(r->v.unsynced_first);
}

static bool has_doubt(const struct ingest_record *r) {
    return r->v.fault == 0 && (r->v.has_step || (r->v.unsynced && r->n_hot > 0));
}

static struct doubt doubt_of(const struct ingest_record *r) {
    struct doubt d = {.gateway_key = r->v.gateway_key,
                      .epoch = (int64_t)r->v.epoch, /* the same bits, see migrations/0002 */
                      .seq = (int64_t)r->v.seq,
                      .crc = r->v.crc};
    if (r->v.has_step) {
        span_of_step(&r->v, &d);
    } else {
        span_of_samples(r, &d);
    }
    return d;
}

bool doubt_sql_has(const struct ingest_record *first) {
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        if (has_doubt(r)) {
            return true;
        }
    }
    return false;
}

const char *doubt_sql(void) {
    return sql;
}

static void numbers(struct pg_args *args, const struct ingest_record *first, size_t offset) {
    pg_array_i64_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        if (!has_doubt(r)) {
            continue;
        }
        struct doubt d = doubt_of(r);
        int64_t v = 0;
        memcpy(&v, (const char *)&d + offset, sizeof v);
        if (offset == offsetof(struct doubt, step_us) && !r->v.has_step) {
            pg_array_null(args);
        } else {
            pg_array_i64(args, v);
        }
    }
    pg_array_end(args);
}

void doubt_sql_args(struct pg_args *args, const struct ingest_record *first) {
    static const size_t columns[] = {offsetof(struct doubt, gateway_key), offsetof(struct doubt, epoch),
                                     offsetof(struct doubt, seq),         offsetof(struct doubt, crc),
                                     offsetof(struct doubt, first_seq),   offsetof(struct doubt, from_us),
                                     offsetof(struct doubt, to_us),       offsetof(struct doubt, step_us)};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        numbers(args, first, columns[i]);
    }
}
