#include "server/store/ingest_sql.h"

/* r: the records. fresh: those that were inserted now; only they have an effect. old: the others, usually
 * none, as far as they were there before, by ingest_batch_pk. first: of equal ones within this batch, the
 * first counts. A record that came before with another content (a forked journal) goes to quarantine: the
 * stored one stands; the answer names its place. again: known to be stored, so never inserted, whatever
 * became of its row. The ranges take all, fresh or not: so a repeated batch writes something too, and its
 * COMMIT waits for standbys as the first one should have. counted: the ledger's counts, of the same records
 * in the same transaction. gone has the columns of gateway_dropped, in their order. hot: rows of samples in
 * their order of arrival. Everything is found by primary keys. */
static const char sql[] =
    "with r as materialized ("
    " select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], "
    "$6::integer[], $7::bigint[], $8::bigint[], $9::bytea[], $10::integer[], $11::text[], $21::integer[], "
    "$30::integer[])"
    " with ordinality as u(gateway_key, epoch, seq, dict, type, flags, crc, received_us, body, code, reason, "
    "samples, again, ord)),"
    " fresh as ("
    " insert into ingest_batch (gateway_key, epoch, seq, dict, type, flags, crc, received_us, body)"
    " select gateway_key, epoch, seq, dict, type, flags, crc, received_us, body from r where again = 0 order "
    "by ord"
    " on conflict (gateway_key, epoch, seq) do nothing returning gateway_key, epoch, seq),"
    " old as materialized ("
    " select r.ord, b.crc from r join ingest_batch b using (gateway_key, epoch, seq)"
    " where (gateway_key, epoch, seq) not in (select * from fresh)),"
    " first as materialized ("
    " select min(r.ord) as ord from r join fresh using (gateway_key, epoch, seq)"
    " group by r.gateway_key, r.epoch, r.seq),"
    " forked as materialized (select r.ord from r join old using (ord) where old.crc <> r.crc),"
    " bad as ("
    " select ord, code, reason from r join first using (ord) where code <> 0"
    " union all select ord, $19::integer, 'another record was stored under this number before' from forked),"
    " quarantined as ("
    " insert into quarantine (gateway_key, epoch, seq, crc, received_us, code, reason, body, type, flags, "
    "dict)"
    " select gateway_key, epoch, seq, crc, received_us, bad.code, bad.reason, body, type, flags, dict"
    " from r join bad using (ord) order by ord on conflict do nothing),"
    " dictionary as ("
    " insert into gateway_dict (gateway_key, epoch, dict, seq, body)"
    " select gateway_key, epoch, dict, seq, body from r join first using (ord)"
    " where type = $20::integer and code = 0 on conflict do nothing),"
    " epochs as ("
    " insert into gateway_epoch (gateway_key, epoch, ranges)"
    " select gateway_key, epoch, range_agg(int8range(seq, seq + 1)) from r group by 1, 2 order by 1, 2"
    " on conflict (gateway_key, epoch) do update set ranges = gateway_epoch.ranges + excluded.ranges),"
    " gone as materialized ("
    " select r.gateway_key, d.epoch, d.first_seq, d.end_seq, d.samples, d.from_us, d.to_us, r.epoch as "
    "told_epoch, r.seq as told_seq, r.received_us"
    " from unnest($22::bigint[], $23::bigint[], $24::bigint[], $25::bigint[], $26::bigint[], $27::bigint[], "
    "$28::bigint[]) as d(ord, epoch, first_seq, end_seq, samples, from_us, to_us)"
    " join first using (ord) join r using (ord) where code = 0),"
    " dropped as (insert into gateway_dropped select * from gone on conflict do nothing),"
    " counted as ("
    " insert into gateway_day as d (gateway_key, epoch, day, next, stored, quarantined, repeated, conflicts, "
    "samples)"
    " select gateway_key, epoch, ledger_day(received_us), max(next), sum(a), sum(b), sum(c), sum(e), sum(f)"
    " from (select gateway_key, epoch, received_us, seq + 1 as next,"
    " (first.ord is not null and code = 0)::integer as a, (first.ord is not null and code <> 0)::integer as "
    "b,"
    " (first.ord is null and forked.ord is null and $29::integer = 0)::integer as c,"
    " (forked.ord is not null)::integer as e,"
    " case when first.ord is not null and code = 0 then samples else 0 end as f"
    " from r left join first using (ord) left join forked using (ord)"
    " union all select gateway_key, epoch, received_us, end_seq, 0, 0, 0, 0, 0 from gone) x"
    " group by 1, 2, 3 order by 1, 2, 3"
    " on conflict (gateway_key, epoch, day) do update set next = greatest(d.next, excluded.next),"
    " stored = d.stored + excluded.stored, quarantined = d.quarantined + excluded.quarantined,"
    " repeated = d.repeated + excluded.repeated, conflicts = d.conflicts + excluded.conflicts,"
    " samples = d.samples + excluded.samples),"
    " hot as ("
    " insert into sample_hot (gateway_key, received_us, n, tag_min, tag_max, from_us, to_us, data)"
    " select gateway_key, received_us, h.n, tag_min, tag_max, from_us, to_us, data"
    " from unnest($12::bigint[], $13::integer[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[], "
    "$18::bytea[])"
    " with ordinality as h(ord, n, tag_min, tag_max, from_us, to_us, data, place)"
    " join first using (ord) join r using (ord) order by place)"
    " select ord from forked order by ord";

const char *ingest_sql(void) {
    return sql;
}

static void record_keys(struct pg_args *args, const struct ingest_record *first) {
    pg_array_i64_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        pg_array_i64(args, r->v.gateway_key);
    }
    pg_array_end(args);
    pg_array_i64_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        pg_array_i64(args, (int64_t)r->v.epoch); /* the same bits, see migrations/0002 */
    }
    pg_array_end(args);
    pg_array_i64_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        pg_array_i64(args, (int64_t)r->v.seq);
    }
    pg_array_end(args);
    pg_array_i64_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        pg_array_i64(args, (int64_t)r->v.dict);
    }
    pg_array_end(args);
}

static void record_heads(struct pg_args *args, const struct ingest_record *first) {
    pg_array_i16_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        pg_array_i16(args, r->v.type);
    }
    pg_array_end(args);
    pg_array_i32_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        pg_array_i32(args, r->v.flags);
    }
    pg_array_end(args);
    pg_array_i64_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        pg_array_i64(args, r->v.crc);
    }
    pg_array_end(args);
    pg_array_i64_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        pg_array_i64(args, r->v.received_us);
    }
    pg_array_end(args);
}

void ingest_sql_records(struct pg_args *args, const struct ingest_record *first) {
    record_keys(args, first);
    record_heads(args, first);
    pg_array_bytes_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        pg_array_bytes(args, r->v.body.p, r->v.body.n);
    }
    pg_array_end(args);
}

static void record_faults(struct pg_args *args, const struct ingest_record *first) {
    pg_array_i32_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        pg_array_i32(args, r->v.fault);
    }
    pg_array_end(args);
    pg_array_text_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        pg_array_text(args, slice_str(r->v.fault_text));
    }
    pg_array_end(args);
}

/* The array of one number of each row of samples. */
static void hot_numbers(struct pg_args *args, const struct ingest_record *first,
                        int64_t (*number)(const struct hot_row *row)) {
    pg_array_i64_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        for (uint32_t i = 0; i < r->n_hot; i++) {
            pg_array_i64(args, number(&r->hot[i]));
        }
    }
    pg_array_end(args);
}

static int64_t hot_tag_min(const struct hot_row *row) {
    return row->tag_min;
}

static int64_t hot_tag_max(const struct hot_row *row) {
    return row->tag_max;
}

static int64_t hot_from(const struct hot_row *row) {
    return row->from_us;
}

static int64_t hot_to(const struct hot_row *row) {
    return row->to_us;
}

static void hot_rows(struct pg_args *args, const struct ingest_record *first) {
    pg_array_i32_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        for (uint32_t i = 0; i < r->n_hot; i++) {
            pg_array_i32(args, (int32_t)r->hot[i].n); /* CHUNK_SAMPLES_MAX at most */
        }
    }
    pg_array_end(args);
    hot_numbers(args, first, hot_tag_min);
    hot_numbers(args, first, hot_tag_max);
    hot_numbers(args, first, hot_from);
    hot_numbers(args, first, hot_to);
    pg_array_bytes_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        for (uint32_t i = 0; i < r->n_hot; i++) {
            pg_array_bytes(args, r->hot[i].data.p, r->hot[i].data.n);
        }
    }
    pg_array_end(args);
}

/* The place of each row's record. */
static void hot_places(struct pg_args *args, const struct ingest_record *first) {
    int64_t ord = 0;
    pg_array_i64_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        ord++;
        for (uint32_t i = 0; i < r->n_hot; i++) {
            pg_array_i64(args, ord);
        }
    }
    pg_array_end(args);
}

/* The array of one number of each record that tells of lost ones. */
static void dropped_numbers(struct pg_args *args, const struct ingest_record *first,
                            int64_t (*number)(const struct store_dropped *d)) {
    pg_array_i64_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        if (r->v.has_dropped) {
            pg_array_i64(args, number(&r->v.dropped));
        }
    }
    pg_array_end(args);
}

/* 64-bit unsigned numbers as the same bits, see migrations/0002. */
static int64_t dropped_epoch(const struct store_dropped *d) {
    return (int64_t)d->epoch;
}

static int64_t dropped_first(const struct store_dropped *d) {
    return pg_seq(d->first);
}

static int64_t dropped_end(const struct store_dropped *d) {
    return pg_seq(d->end);
}

static int64_t dropped_samples(const struct store_dropped *d) {
    return d->samples > INT64_MAX ? INT64_MAX : (int64_t)d->samples;
}

static int64_t dropped_from(const struct store_dropped *d) {
    return d->from_us;
}

static int64_t dropped_to(const struct store_dropped *d) {
    return d->to_us;
}

static void ledger_counts(struct pg_args *args, const struct ingest_record *first) {
    pg_array_i32_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        pg_array_i32(args, (int32_t)r->v.n_samples); /* LINK_SAMPLES_MAX at most */
    }
    pg_array_end(args);
    pg_array_i64_begin(args);
    int64_t ord = 0;
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        ord++;
        if (r->v.has_dropped) {
            pg_array_i64(args, ord);
        }
    }
    pg_array_end(args);
    dropped_numbers(args, first, dropped_epoch);
    dropped_numbers(args, first, dropped_first);
    dropped_numbers(args, first, dropped_end);
    dropped_numbers(args, first, dropped_samples);
    dropped_numbers(args, first, dropped_from);
    dropped_numbers(args, first, dropped_to);
}

void ingest_sql_args(struct pg_args *args, const struct ingest_record *first, bool tried) {
    ingest_sql_records(args, first);
    record_faults(args, first);
    hot_places(args, first);
    hot_rows(args, first);
    pg_arg_i32(args, LINK_SEQ_CONFLICT);
    pg_arg_i32(args, MSG_DICT);
    ledger_counts(args, first);
    pg_arg_i32(args, tried ? 1 : 0);
    pg_array_i32_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        pg_array_i32(args, r->v.again ? 1 : 0);
    }
    pg_array_end(args);
}
