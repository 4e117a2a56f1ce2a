#include "server/store/ingest_sql.h"

/* r: the records. old: those that are there already, by ingest_batch_pk. fresh: those that were inserted now;
 * only they have an effect. first: of equal ones within this batch, the first counts. A record that came
 * before with another content (a forked journal) goes to quarantine: the stored one stands. The ranges take
 * all, fresh or not: so a repeated batch writes something too, and its COMMIT waits for standbys as the first
 * one should have. Everything is found by primary keys. */
static const char sql[] =
    "with r as materialized ("
    "  select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], "
    "$6::integer[],"
    "                       $7::bigint[], $8::bigint[], $9::bytea[], $10::integer[], $11::text[])"
    "    with ordinality as u(gateway_key, epoch, seq, dict, type, flags, crc, received_us, body, code, "
    "reason, ord)),"
    " old as materialized ("
    "  select r.ord, b.crc from r join ingest_batch b using (gateway_key, epoch, seq)),"
    " fresh as ("
    "  insert into ingest_batch (gateway_key, epoch, seq, dict, type, flags, crc, received_us, body)"
    "  select gateway_key, epoch, seq, dict, type, flags, crc, received_us, body from r order by ord"
    "  on conflict (gateway_key, epoch, seq) do nothing"
    "  returning gateway_key, epoch, seq),"
    " first as materialized ("
    "  select min(r.ord) as ord from r join fresh using (gateway_key, epoch, seq)"
    "   group by r.gateway_key, r.epoch, r.seq),"
    " forked as materialized ("
    "  select r.ord from r join old using (ord) where old.crc <> r.crc),"
    " quarantined as ("
    "  insert into quarantine (gateway_key, epoch, seq, crc, received_us, code, reason, body)"
    "  select gateway_key, epoch, seq, crc, received_us, code, reason, body from r join first using (ord)"
    "   where code <> 0"
    "  union all"
    "  select gateway_key, epoch, seq, crc, received_us, $17::integer,"
    "         'another record was stored under this number before', body from r join forked using (ord)"
    "  on conflict do nothing),"
    " dictionary as ("
    "  insert into gateway_dict (gateway_key, epoch, dict, seq, body)"
    "  select gateway_key, epoch, dict, seq, body from r join first using (ord) where type = $18::integer "
    "and code = 0"
    "  on conflict do nothing),"
    " epochs as ("
    "  insert into gateway_epoch (gateway_key, epoch, ranges)"
    "  select gateway_key, epoch, range_agg(int8range(seq, seq + 1)) from r group by gateway_key, epoch"
    "   order by gateway_key, epoch"
    "  on conflict (gateway_key, epoch) do update set ranges = gateway_epoch.ranges + excluded.ranges),"
    " history as ("
    "  insert into sample (tag_key, t_us, value, quality)"
    "  select distinct on (tag_key, t_us) tag_key, t_us, value, quality"
    "    from unnest($12::bigint[], $13::bigint[], $14::bigint[], $15::double precision[], $16::smallint[])"
    "      with ordinality as s(record, tag_key, t_us, value, quality, place)"
    "    join first on first.ord = s.record"
    "   order by tag_key, t_us, place desc"
    "  on conflict (tag_key, t_us) do update set value = excluded.value, quality = excluded.quality"
    "   where (sample.value, sample.quality) is distinct from (excluded.value, excluded.quality))"
    " select count(*) from forked";

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

static void record_bodies(struct pg_args *args, const struct ingest_record *first) {
    pg_array_bytes_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        pg_array_bytes(args, r->v.body.p, r->v.body.n);
    }
    pg_array_end(args);
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

static void sample_keys(struct pg_args *args, const struct ingest_record *first) {
    pg_array_i64_begin(args);
    int64_t ord = 0;
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        ord++;
        for (uint32_t i = 0; i < r->v.n_samples; i++) {
            pg_array_i64(args, ord);
        }
    }
    pg_array_end(args);
    pg_array_i64_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        for (uint32_t i = 0; i < r->v.n_samples; i++) {
            pg_array_i64(args, r->v.samples[i].tag_key);
        }
    }
    pg_array_end(args);
    pg_array_i64_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        for (uint32_t i = 0; i < r->v.n_samples; i++) {
            pg_array_i64(args, r->v.samples[i].t_us);
        }
    }
    pg_array_end(args);
}

static void sample_values(struct pg_args *args, const struct ingest_record *first) {
    pg_array_f64_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        for (uint32_t i = 0; i < r->v.n_samples; i++) {
            const struct stored_sample *s = &r->v.samples[i];
            if ((s->quality & QUALITY_NO_VALUE) != 0) {
                pg_array_null(args);
            } else {
                pg_array_f64(args, s->value);
            }
        }
    }
    pg_array_end(args);
    pg_array_i16_begin(args);
    for (const struct ingest_record *r = first; r != NULL; r = r->next) {
        for (uint32_t i = 0; i < r->v.n_samples; i++) {
            pg_array_i16(args, r->v.samples[i].quality);
        }
    }
    pg_array_end(args);
}

void ingest_sql_args(struct pg_args *args, const struct ingest_record *first) {
    record_keys(args, first);
    record_heads(args, first);
    record_bodies(args, first);
    sample_keys(args, first);
    sample_values(args, first);
    pg_arg_i32(args, LINK_SEQ_CONFLICT);
    pg_arg_i32(args, MSG_DICT);
}
