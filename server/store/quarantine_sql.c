#include "server/store/quarantine_sql.h"

#include "protocol/msg.h"

/* What of a record was quarantined before migration 0007 stands in ingest_batch. Of the attempts to replay it
 * the one that succeeded is told, else the last; by quarantine_replay_quarantine_idx. */
#define COLUMNS                                                                                              \
    "q.quarantine_id, k.name, q.epoch, q.seq, coalesce(q.dict, b.dict, 0), coalesce(q.type, b.type, "        \
    "0)::smallint,"                                                                                          \
    " coalesce(q.flags, b.flags, 1)::integer, q.code, q.reason, q.received_us, "                             \
    "octet_length(q.body)::bigint,"                                                                          \
    " r.outcome, coalesce((extract(epoch from r.at) * 1000000)::bigint, 0), r.actor, r.detail, "             \
    "coalesce(r.samples, 0)"
#define TABLES                                                                                               \
    "  from quarantine q join config_key k on k.key = q.gateway_key"                                         \
    "  left join ingest_batch b using (gateway_key, epoch, seq)"                                             \
    "  left join lateral (select * from quarantine_replay r where r.quarantine_id = q.quarantine_id"         \
    "                      order by r.outcome = 'done' desc, r.replay_id desc limit 1) r on true"

/* By quarantine_id_unique, or quarantine_gateway_idx. */
static const char list_sql[] =
    "select " COLUMNS TABLES " where q.quarantine_id < $1"
    "   and ($2 = '' or q.gateway_key = (select key from config_key where kind = 'gateway' and name = $2))"
    "   and ($3::bigint = 0 or q.code = $3) order by q.quarantine_id desc limit $4";

static const char one_sql[] = "select " COLUMNS ", q.body" TABLES " where q.quarantine_id = $1";

/* By gateway_dict_pk. Too many bytes: none. */
static const char dicts_sql[] =
    "select d.dict, d.body"
    "  from (select d.*, sum(octet_length(d.body)) over () as bytes"
    "          from gateway_dict d join quarantine q using (gateway_key, epoch) where q.quarantine_id = $1) d"
    " where d.bytes <= $2 order by d.dict, d.seq";

/* history: what is there of the same moment stands. told, gone: as if the record had been taken when it came
 * (ingest_sql.c); told once, since replay gives no row the second time. */
static const char keep_sql[] =
    "with q as (select * from quarantine where quarantine_id = $1),"
    " history as ("
    "  insert into sample_row (tag_key, t_us, value, quality, bytes)"
    "  select distinct on (tag_key, t_us) tag_key, t_us, value, quality, bytes"
    "    from unnest($6::bigint[], $7::bigint[], $8::double precision[], $9::smallint[], $21::bytea[])"
    "      with ordinality as s(tag_key, t_us, value, quality, bytes, place)"
    "   order by tag_key, t_us, place desc on conflict (tag_key, t_us) do nothing returning 1),"
    " dictionary as ("
    "  insert into gateway_dict (gateway_key, epoch, dict, seq, body)"
    "  select gateway_key, epoch, dict, seq, body from q where $10::integer = 1 and dict is not null"
    "  on conflict do nothing),"
    " replay as ("
    "  insert into quarantine_replay (quarantine_id, actor, outcome, detail, samples, op)"
    "  values ($1, $2, $4, $5, (select count(*) from history), $11) on conflict (op) do nothing returning "
    "outcome,"
    "         samples, detail),"
    " a as ("
    "  insert into audit (op, actor, peer, action, object, detail)"
    "  select $11, $2, $3, 'quarantine.replay', 'quarantine ' || $1, $4 || case $5 when '' then '' else ': ' "
    "|| "
    "$5 end"
    "  on conflict (op) do nothing),"
    " told as ("
    "  insert into audit (actor, peer, action, object, detail)"
    "  select $2, $3, $12, k.name, 'from quarantine ' || $1 || ': ' || $13"
    "    from replay, q join config_key k on k.key = q.gateway_key where $12 <> ''),"
    " gone as materialized ("
    "  select gateway_key, $14::bigint as epoch, $15::bigint as first_seq, $16::bigint as end_seq,"
    "         $17::bigint as samples, $18::bigint as from_us, $19::bigint as to_us, epoch as told_epoch,"
    "         seq as told_seq, received_us from q where $20::integer = 1),"
    " dropped as (insert into gateway_dropped select * from gone on conflict do nothing),"
    " counted as ("
    "  insert into gateway_day as d (gateway_key, epoch, day, next)"
    "  select gateway_key, epoch, ledger_day(received_us), end_seq from gone"
    "  on conflict (gateway_key, epoch, day) do update set next = greatest(d.next, excluded.next))"
    " select outcome = 'done', samples, detail from replay"
    " union all select outcome = 'done', samples, detail from quarantine_replay where op = $11 limit 1";

enum { ROWS, DICTS, BODY_COLUMN = 16 };

bool quarantine_sql_reads(enum request_kind kind) {
    return kind == REQ_QUARANTINE_LIST || kind == REQ_QUARANTINE_GET;
}

enum status quarantine_sql_check(const struct request *r, struct error *err) {
    if (r->kind == REQ_QUARANTINE_LIST &&
        (r->quarantine_list.limit < 1 || r->quarantine_list.limit > HISTORY_LIMIT_MAX)) {
        return error_set(err, ERR_INVALID, "limit", "must be from 1 to %d", HISTORY_LIMIT_MAX);
    }
    return OK;
}

void quarantine_sql_send(struct pg *pg, struct pg_args *args, const struct request *r) {
    if (r->kind == REQ_QUARANTINE_LIST) {
        pg_arg_i64(args, r->quarantine_list.before <= 0 ? INT64_MAX : r->quarantine_list.before);
        pg_arg_text(args, slice_str(r->quarantine_list.gateway));
        pg_arg_i64(args, r->quarantine_list.code);
        pg_arg_i64(args, r->quarantine_list.limit);
        pg_send(pg, list_sql, args);
        return;
    }
    pg_arg_i64(args, r->quarantine.id);
    pg_send(pg, one_sql, args);
    pg_arg_i64(args, QUARANTINE_DICT_BYTES_MAX);
    pg_send(pg, dicts_sql, args);
}

size_t quarantine_sql_reply_size(const struct pg_answer *answer) {
    size_t n_dicts = answer->n > DICTS ? (size_t)PQntuples(answer->results[DICTS]) : 0;
    return (size_t)PQntuples(answer->results[ROWS]) * sizeof(struct quarantine_row) +
           n_dicts * sizeof(struct quarantine_dict) + 1;
}

static void read_row(const PGresult *rows, int row, struct quarantine_row *ret) {
    *ret = (struct quarantine_row){.id = pg_get_i64(rows, row, 0),
                                   .gateway = pg_get_slice(rows, row, 1),
                                   .epoch = (uint64_t)pg_get_i64(rows, row, 2),
                                   .seq = pg_get_i64(rows, row, 3),
                                   .dict = (uint64_t)pg_get_i64(rows, row, 4),
                                   .type = (uint8_t)pg_get_i16(rows, row, 5),
                                   .flags = (uint16_t)pg_get_i32(rows, row, 6),
                                   .code = (uint16_t)pg_get_i32(rows, row, 7),
                                   .reason = pg_get_slice(rows, row, 8),
                                   .received_us = pg_get_i64(rows, row, 9),
                                   .size = pg_get_i64(rows, row, 10),
                                   .outcome = pg_get_slice(rows, row, 11),
                                   .replayed_us = pg_get_i64(rows, row, 12),
                                   .actor = pg_get_slice(rows, row, 13),
                                   .detail = pg_get_slice(rows, row, 14),
                                   .samples = pg_get_i64(rows, row, 15)};
    ret->type_name = msg_type_name(ret->type);
    ret->code_name = link_code_name(ret->code);
}

static void read_dicts(const PGresult *rows, struct quarantine_dict *v) {
    for (int row = 0; row < PQntuples(rows); row++) {
        v[row] = (struct quarantine_dict){.dict = (uint64_t)pg_get_i64(rows, row, 0),
                                          .body = pg_get_slice(rows, row, 1)};
    }
}

void quarantine_sql_reply(const struct pg_answer *answer, void *memory, struct reply *ret) {
    const PGresult *rows = answer->results[ROWS];
    uint32_t n = (uint32_t)PQntuples(rows);
    struct quarantine_row *v = memory;
    for (uint32_t i = 0; i < n; i++) {
        read_row(rows, (int)i, &v[i]);
    }
    ret->quarantine.v = v;
    ret->quarantine.n = n;
    if (ret->kind != REQ_QUARANTINE_GET) {
        return;
    }
    if (n == 0) {
        ret->status = error_set(&ret->error, ERR_NOT_FOUND, "id", "there is no such record in quarantine");
        return;
    }
    struct quarantine_dict *dicts = (struct quarantine_dict *)(v + n);
    read_dicts(answer->results[DICTS], dicts);
    ret->quarantine.body = pg_get_slice(rows, 0, BODY_COLUMN);
    ret->quarantine.dicts = dicts;
    ret->quarantine.n_dicts = (uint32_t)PQntuples(answer->results[DICTS]);
}

/* --- what a replay leaves ------------------------------------------------------------------------------- */

size_t quarantine_sql_keep_bytes(const struct request *r) {
    size_t bytes = 4096 + (size_t)r->quarantine_keep.n * 80;
    for (uint32_t i = 0; i < r->quarantine_keep.n; i++) {
        bytes += r->quarantine_keep.v[i].text.n;
    }
    return bytes;
}

static void text_args(struct pg_args *args, const struct stored_sample *v, uint32_t n) {
    pg_array_bytes_begin(args);
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].text.p == NULL) {
            pg_array_null(args);
        } else {
            pg_array_bytes(args, v[i].text.p, v[i].text.n);
        }
    }
    pg_array_end(args);
}

static void told_args(struct pg_args *args, const struct request *r) {
    bool tells = r->quarantine_keep.usable && r->quarantine_keep.action != NULL;
    const struct ledger_lost *lost = &r->quarantine_keep.lost;
    pg_arg_text(args, slice_str(tells ? r->quarantine_keep.action : ""));
    pg_arg_text(args, slice_str(tells ? r->quarantine_keep.told : ""));
    pg_arg_i64(args, (int64_t)lost->epoch); /* as bits */
    pg_arg_i64(args, lost->first);
    pg_arg_i64(args, lost->end);
    pg_arg_i64(args, lost->samples);
    pg_arg_i64(args, lost->from_us);
    pg_arg_i64(args, lost->to_us);
    pg_arg_i32(args, tells && r->quarantine_keep.has_lost ? 1 : 0);
}

void quarantine_sql_keep_send(struct pg *pg, struct pg_args *args, const struct request *r,
                              const uint8_t op[16]) {
    const struct stored_sample *v = r->quarantine_keep.v;
    uint32_t n = r->quarantine_keep.usable ? r->quarantine_keep.n : 0;
    pg_arg_i64(args, r->quarantine_keep.id);
    pg_arg_text(args, slice_str(r->actor.name));
    pg_arg_text(args, slice_str(r->actor.peer));
    pg_arg_text(args, slice_str(r->quarantine_keep.usable ? "done" : "refused"));
    pg_arg_text(args, slice_str(r->quarantine_keep.detail));
    pg_array_i64_begin(args);
    for (uint32_t i = 0; i < n; i++) {
        pg_array_i64(args, v[i].tag_key);
    }
    pg_array_end(args);
    pg_array_i64_begin(args);
    for (uint32_t i = 0; i < n; i++) {
        pg_array_i64(args, v[i].t_us);
    }
    pg_array_end(args);
    pg_array_f64_begin(args);
    for (uint32_t i = 0; i < n; i++) {
        if ((v[i].quality & QUALITY_NO_VALUE) != 0 || v[i].text.p != NULL) {
            pg_array_null(args);
        } else {
            pg_array_f64(args, v[i].value);
        }
    }
    pg_array_end(args);
    pg_array_i16_begin(args);
    for (uint32_t i = 0; i < n; i++) {
        pg_array_i16(args, v[i].quality);
    }
    pg_array_end(args);
    pg_arg_i32(args, r->quarantine_keep.usable && r->quarantine_keep.dictionary ? 1 : 0);
    pg_arg_uuid(args, op);
    told_args(args, r);
    text_args(args, v, n);
    pg_send(pg, keep_sql, args);
}

void quarantine_sql_keep_reply(const PGresult *result, struct reply *ret) {
    ret->replayed.usable = pg_get_bool(result, 0, 0);
    ret->replayed.samples = pg_get_i64(result, 0, 1);
    ret->replayed.detail = pg_get_slice(result, 0, 2);
}
