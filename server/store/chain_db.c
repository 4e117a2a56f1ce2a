#include "server/store/chain_db.h"

#include "server/base/check.h"
#include "server/chain/verify.h"
#include "server/store/blocking.h"

#include <stdlib.h>
#include <string.h>

enum { UNSEALED_MAX = 1000 };

struct chain_db {
    struct blocking b;
    struct chain_digest *items;
};

/* By chain_pk. */
static const char links_sql[] =
    "select pos, form, source, row_id, sealed_us, prev, hash from chain where pos > $1 order by pos limit $2";
static const char head_sql[] =
    "select pos, form, source, row_id, sealed_us, prev, hash from chain order by pos desc limit 1";
/* By chain_row_unique. */
static const char newest_sql[] = "select pos, form, source, row_id, sealed_us, prev, hash from chain"
                                 " where source = $1::smallint order by row_id desc limit 1";
/* By chain_pk and the table's primary key. */
static const char find_sql[] =
    "select c.hash = $2,"
    "       case c.source when 1 then exists (select from config_revision t where t.revision = c.row_id)"
    "                     when 2 then exists (select from audit t where t.audit_id = c.row_id)"
    "                     else exists (select from alarm_journal t where t.seq = c.row_id) end"
    "  from chain c where c.pos = $1";
/* By chain_row_unique and the table's primary key. What has no real time was made at 0: long ago. */
#define MADE_AT "case when isfinite(t.at) then extract(epoch from t.at) * 1000000 else 0 end"
#define WAITING(id, at, table, source)                                                                       \
    "select t." id ", (" at                                                                                  \
    ")::bigint, (extract(epoch from clock_timestamp()) * 1000000)::bigint from " table " t where t." id      \
    " > coalesce((select max(c.row_id) from chain c where c.source = " source "), 0)"                        \
    " order by t." id " limit 1"
static const char *const waiting_sql[CHAIN_SOURCES] = {
    WAITING("revision", MADE_AT, "config_revision", "1"),
    WAITING("audit_id", MADE_AT, "audit", "2"),
    WAITING("seq", "t.at_us", "alarm_journal", "3"),
};
/* The rows of a stretch of the chain, each by its table's primary key, with columns as in chain.c. */
static const char revisions_sql[] = "select c.pos, t.revision, t.at, t.actor, t.reason, t.op, t.second_actor"
                                    "  from chain c left join config_revision t on t.revision = c.row_id"
                                    " where c.pos between $1 and $2 and c.source = 1 order by c.pos";
static const char audits_sql[] =
    "select c.pos, t.audit_id, t.at, t.actor, t.peer, t.action, t.object, t.detail, t.op"
    "  from chain c left join audit t on t.audit_id = c.row_id"
    " where c.pos between $1 and $2 and c.source = 2 order by c.pos";
static const char journal_sql[] =
    "select c.pos, t.seq, t.n, t.alarm_key, t.site_key, t.tag_key, t.revision, t.kind, t.from_letter, "
    "t.to_letter,"
    "       t.occ, t.call, t.priority, t.src_us, t.at_us, t.raised_us, t.value, t.limit_value, t.quality,"
    "       t.actor_key, t.actor, t.comment, t.base_letter, t.facts, t.flags, t.cause, t.unshelved, "
    "t.raised_at_us,"
    "       t.called_us, t.until_us, t.rise_call, t.acked_occ, t.position, t.desk, t.source, t.unit"
    "  from chain c left join alarm_journal t on t.seq = c.row_id"
    " where c.pos between $1 and $2 and c.source = 3 order by c.pos";
/* By config_item_revision_idx. */
static const char items_sql[] =
    "select i.key, k.kind, k.name, i.body::text from config_item i left join config_key k using (key)"
    " where i.revision = $1 order by i.key";
/* Two indexes side by side. What is said to be of a time that has not come is not of now. */
static const char *const unsealed_sql[CHAIN_SOURCES] = {
    "select t.revision, null::bigint from config_revision t where t.revision <= $1"
    " and not exists (select from chain c where c.source = 1 and c.row_id = t.revision) order by 1 limit $2",
    "select t.audit_id, case when t.at between 'epoch' and clock_timestamp() + interval '1 minute'"
    "                        then (extract(epoch from t.at) * 1000000)::bigint end"
    "  from audit t where t.audit_id <= $1"
    " and not exists (select from chain c where c.source = 2 and c.row_id = t.audit_id) order by 1 limit $2",
    "select t.seq, null::bigint from alarm_journal t where t.seq <= $1"
    " and not exists (select from chain c where c.source = 3 and c.row_id = t.seq) order by 1 limit $2",
};
static const char seal_sql[] = "select chain_seal($1::integer, $2::bigint)";
static const char put_point_sql[] =
    "insert into chain_checkpoint (pos, hash, at_us, key_id, signature) values ($1, $2, $3, $4, $5)"
    " on conflict do nothing";
/* By chain_checkpoint_pk. */
static const char points_sql[] =
    "select pos, hash, at_us, key_id, signature from chain_checkpoint where pos > $1 order by pos limit $2";
static const char last_point_sql[] =
    "select pos, hash, at_us, key_id, signature from chain_checkpoint order by pos desc limit 1";
/* By chain_checkpoint_pk, backwards, and chain_pk. */
static const char sound_sql[] =
    "select p.pos from chain_checkpoint p join chain c on c.pos = p.pos and c.hash = p.hash"
    " order by p.pos desc limit 1";
/* A few rows. */
static const char farthest_sql[] = "select coalesce(max(pos), 0) from chain_sink";
/* By chain_sink_pk. */
static const char get_mark_sql[] = "select pos, checkpoint_pos from chain_sink where name = $1";
static const char put_mark_sql[] =
    "insert into chain_sink as s (name, pos, checkpoint_pos, at_us) values ($1, $2, $3, $4)"
    " on conflict (name) do update set (pos, checkpoint_pos, at_us) ="
    " (excluded.pos, excluded.checkpoint_pos, excluded.at_us)";

/* --- the connection --- */

enum status chain_db_open(const char *conninfo, const char *name, const atomic_bool *stop,
                          struct chain_db **ret, struct error *err) {
    /* Who reads the whole chain may take long between two of its statements. */
    const struct blocking_config cfg = {.conninfo = conninfo,
                                        .name = name,
                                        .statement_ms = CHAIN_DB_STATEMENT_MS,
                                        .setup = "set idle_in_transaction_session_timeout = 0",
                                        .stop = stop};
    struct chain_db *db = calloc(1, sizeof *db);
    if (db == NULL) {
        return error_set(err, ERR_NOMEM, "database", "no memory for a connection");
    }
    enum status status = chain_digest_new(&db->items, err);
    status = status == OK ? blocking_open(&db->b, &cfg, err) : status;
    if (status != OK) {
        chain_db_close(&db);
        return status;
    }
    *ret = db;
    return OK;
}

void chain_db_close(struct chain_db **db) {
    if (*db != NULL) {
        blocking_close(&(*db)->b);
        chain_digest_free(&(*db)->items);
        free(*db);
        *db = NULL;
    }
}

enum status chain_db_snapshot(struct chain_db *db, struct error *err) {
    return blocking_do(&db->b, "begin isolation level repeatable read read only", err);
}

/* --- the chain --- */

enum status chain_db_seal(struct chain_db *db, enum chain_late late, int64_t *ret, struct error *err) {
    struct pg_args *a = blocking_args(&db->b);
    pg_arg_i32(a, CHAIN_DB_SEAL_MAX);
    pg_arg_i64(a, late == CHAIN_LATE_TAKE ? VERIFY_LATE_ROWS : 0);
    PGresult *r = NULL;
    enum status status = blocking_ask(&db->b, seal_sql, &r, err);
    if (status == OK) {
        *ret = pg_get_i32(r, 0, 0);
        PQclear(r);
    }
    return status;
}

static void read_hash(const PGresult *r, int row, int column, uint8_t *ret, size_t size) {
    struct slice v = pg_get_slice(r, row, column);
    memset(ret, 0, size);
    memcpy(ret, v.p,
           v.n < size ? v.n : size); /* another length is somebody's forgery, and no hash that fits */
}

static struct chain_seal read_seal(const PGresult *r, int row) {
    struct chain_seal s = {.pos = pg_get_i64(r, row, 0),
                           .form = pg_get_i16(r, row, 1),
                           .source = pg_get_i16(r, row, 2),
                           .row_id = pg_get_i64(r, row, 3),
                           .sealed_us = pg_get_i64(r, row, 4)};
    read_hash(r, row, 5, s.prev, sizeof s.prev);
    read_hash(r, row, 6, s.hash, sizeof s.hash);
    return s;
}

/* With the parameters in blocking_args. */
static enum status ask_place(struct chain_db *db, const char *sql, struct chain_seal *ret,
                             struct error *err) {
    PGresult *r = NULL;
    enum status status = blocking_ask(&db->b, sql, &r, err);
    if (status == OK) {
        *ret = PQntuples(r) == 0 ? (struct chain_seal){0} : read_seal(r, 0);
        PQclear(r);
    }
    return status;
}

enum status chain_db_head(struct chain_db *db, struct chain_seal *ret, struct error *err) {
    (void)blocking_args(&db->b);
    return ask_place(db, head_sql, ret, err);
}

enum status chain_db_newest(struct chain_db *db, int source, struct chain_seal *ret, struct error *err) {
    pg_arg_i32(blocking_args(&db->b), source);
    return ask_place(db, newest_sql, ret, err);
}

enum status chain_db_find(struct chain_db *db, int64_t pos, const uint8_t hash[CHAIN_HASH_SIZE],
                          enum chain_found *ret, struct error *err) {
    struct pg_args *a = blocking_args(&db->b);
    pg_arg_i64(a, pos);
    pg_arg_bytes(a, hash, CHAIN_HASH_SIZE);
    PGresult *r = NULL;
    enum status status = blocking_ask(&db->b, find_sql, &r, err);
    if (status == OK) {
        *ret = PQntuples(r) == 0       ? CHAIN_PLACE_GONE
               : !pg_get_bool(r, 0, 0) ? CHAIN_PLACE_OTHER
               : !pg_get_bool(r, 0, 1) ? CHAIN_ROW_GONE
                                       : CHAIN_STANDS;
        PQclear(r);
    }
    return status;
}

enum status chain_db_waiting(struct chain_db *db, int source, struct chain_waiting *ret, struct error *err) {
    CHECK(chain_table(source) != NULL);
    (void)blocking_args(&db->b);
    PGresult *r = NULL;
    enum status status = blocking_ask(&db->b, waiting_sql[source - 1], &r, err);
    if (status == OK) {
        bool none = PQntuples(r) == 0;
        *ret = (struct chain_waiting){.row_id = none ? 0 : pg_get_i64(r, 0, 0),
                                      .at_us = none ? 0 : pg_get_i64(r, 0, 1),
                                      .now_us = none ? 0 : pg_get_i64(r, 0, 2)};
        PQclear(r);
    }
    return status;
}

static struct chain_field field_at(const PGresult *r, int row, int column) {
    if (pg_is_null(r, row, column)) {
        return (struct chain_field){0};
    }
    /* Lengths of values are never negative. */
    return (struct chain_field){.p = PQgetvalue(r, row, column), .n = (uint32_t)PQgetlength(r, row, column)};
}

static enum status hash_items(struct chain_db *db, int64_t revision, uint8_t ret[CHAIN_HASH_SIZE],
                              struct error *err) {
    struct pg_args *a = blocking_args(&db->b);
    pg_arg_i64(a, revision);
    PGresult *r = NULL;
    enum status status = blocking_ask(&db->b, items_sql, &r, err);
    for (int i = 0; status == OK && i < PQntuples(r) * 4; i++) {
        struct chain_field f = field_at(r, i / 4, i % 4);
        status = chain_digest_add(db->items, &f, err);
    }
    PQclear(r);
    return status == OK ? chain_digest_take(db->items, ret, err) : status;
}

/* A stretch of the chain and the rows of each table that belong to it; `next` of each is the next one. */
struct stretch {
    PGresult *links;
    PGresult *rows[CHAIN_SOURCES];
    int next[CHAIN_SOURCES];
};

static enum status ask_rows(struct chain_db *db, struct stretch *s, struct error *err) {
    static const char *const sql[CHAIN_SOURCES] = {revisions_sql, audits_sql, journal_sql};
    int n = PQntuples(s->links);
    int64_t first = pg_get_i64(s->links, 0, 0);
    int64_t last = pg_get_i64(s->links, n - 1, 0);
    enum status status = OK;
    for (int i = 0; i < CHAIN_SOURCES && status == OK; i++) {
        struct pg_args *a = blocking_args(&db->b);
        pg_arg_i64(a, first);
        pg_arg_i64(a, last);
        status = blocking_ask(&db->b, sql[i], &s->rows[i], err);
    }
    return status;
}

static enum status visit_one(struct chain_db *db, struct stretch *s, int i, chain_db_visit visit, void *ctx,
                             struct error *err) {
    struct chain_seal seal = read_seal(s->links, i);
    const struct chain_table *t = chain_table(seal.source);
    int source = seal.source - 1;
    if (t == NULL) {
        return visit(ctx, &seal, NULL, err);
    }
    PGresult *r = s->rows[source];
    int at = s->next[source]++;
    /* Outer joins: each place has its line in the answer of its table, unless somebody removes places just
     * now. */
    if (at >= PQntuples(r) || pg_get_i64(r, at, 0) != seal.pos) {
        return error_set(err, ERR_INVALID, "chain", "position %lld was removed while it was read",
                         (long long)seal.pos);
    }
    if (pg_is_null(r, at, 1)) {
        return visit(ctx, &seal, NULL, err);
    }
    struct chain_field fields[CHAIN_FIELDS_MAX];
    uint8_t items[CHAIN_HASH_SIZE];
    bool has_items = seal.source == CHAIN_REVISION;
    uint32_t n = has_items ? t->n - 1 : t->n;
    for (uint32_t f = 0; f < n; f++) {
        fields[f] = field_at(r, at, (int)f + 1); /* few */
    }
    if (has_items) {
        enum status status = hash_items(db, seal.row_id, items, err);
        if (status != OK) {
            return status;
        }
        fields[n] = (struct chain_field){.p = items, .n = sizeof items};
    }
    const struct chain_row row = {.fields = fields, .n = t->n};
    return visit(ctx, &seal, &row, err);
}

enum status chain_db_read(struct chain_db *db, int64_t after, int64_t max, chain_db_visit visit, void *ctx,
                          int64_t *ret_n, struct error *err) {
    struct stretch s = {0};
    struct pg_args *a = blocking_args(&db->b);
    pg_arg_i64(a, after);
    pg_arg_i64(a, max);
    enum status status = blocking_ask(&db->b, links_sql, &s.links, err);
    int n = status == OK ? PQntuples(s.links) : 0;
    if (n > 0) {
        status = ask_rows(db, &s, err);
    }
    for (int i = 0; i < n && status == OK; i++) {
        status = visit_one(db, &s, i, visit, ctx, err);
    }
    PQclear(s.links);
    for (int i = 0; i < CHAIN_SOURCES; i++) {
        PQclear(s.rows[i]);
    }
    *ret_n = n;
    return status;
}

enum status chain_db_unsealed(struct chain_db *db, int source, int64_t newest, chain_db_unsealed_visit visit,
                              void *ctx, struct error *err) {
    CHECK(chain_table(source) != NULL);
    struct pg_args *a = blocking_args(&db->b);
    pg_arg_i64(a, newest);
    pg_arg_i64(a, UNSEALED_MAX);
    PGresult *r = NULL;
    enum status status = blocking_ask(&db->b, unsealed_sql[source - 1], &r, err);
    for (int i = 0; status == OK && i < PQntuples(r); i++) {
        int64_t at_us = pg_is_null(r, i, 1) ? 0 : pg_get_i64(r, i, 1);
        status = visit(ctx, source, pg_get_i64(r, i, 0), at_us, err);
    }
    PQclear(r);
    return status;
}

/* --- checkpoints and marks --- */

enum status chain_db_put_point(struct chain_db *db, const struct point *p, struct error *err) {
    struct pg_args *a = blocking_args(&db->b);
    pg_arg_i64(a, p->pos);
    pg_arg_bytes(a, p->hash, sizeof p->hash);
    pg_arg_i64(a, p->at_us);
    pg_arg_bytes(a, p->key_id, sizeof p->key_id);
    pg_arg_bytes(a, p->signature, sizeof p->signature);
    return blocking_tell(&db->b, put_point_sql, err);
}

static struct point read_point(const PGresult *r, int row) {
    struct point p = {.pos = pg_get_i64(r, row, 0), .at_us = pg_get_i64(r, row, 2)};
    read_hash(r, row, 1, p.hash, sizeof p.hash);
    read_hash(r, row, 3, p.key_id, sizeof p.key_id);
    read_hash(r, row, 4, p.signature, sizeof p.signature);
    return p;
}

enum status chain_db_points(struct chain_db *db, int64_t after, struct point *ret, uint32_t max,
                            uint32_t *ret_n, struct error *err) {
    struct pg_args *a = blocking_args(&db->b);
    pg_arg_i64(a, after);
    pg_arg_i64(a, max);
    PGresult *r = NULL;
    enum status status = blocking_ask(&db->b, points_sql, &r, err);
    if (status != OK) {
        return status;
    }
    *ret_n = (uint32_t)PQntuples(r); /* at most max */
    for (uint32_t i = 0; i < *ret_n; i++) {
        ret[i] = read_point(r, (int)i);
    }
    PQclear(r);
    return OK;
}

enum status chain_db_last_point(struct chain_db *db, struct point *ret, struct error *err) {
    (void)blocking_args(&db->b);
    PGresult *r = NULL;
    enum status status = blocking_ask(&db->b, last_point_sql, &r, err);
    if (status == OK) {
        *ret = PQntuples(r) == 0 ? (struct point){0} : read_point(r, 0);
        PQclear(r);
    }
    return status;
}

/* One number, or 0 if there is no row. */
static enum status ask_number(struct chain_db *db, const char *sql, int64_t *ret, struct error *err) {
    (void)blocking_args(&db->b);
    PGresult *r = NULL;
    enum status status = blocking_ask(&db->b, sql, &r, err);
    if (status == OK) {
        *ret = PQntuples(r) == 0 ? 0 : pg_get_i64(r, 0, 0);
        PQclear(r);
    }
    return status;
}

enum status chain_db_sound_point(struct chain_db *db, int64_t *ret, struct error *err) {
    return ask_number(db, sound_sql, ret, err);
}

enum status chain_db_farthest(struct chain_db *db, int64_t *ret, struct error *err) {
    return ask_number(db, farthest_sql, ret, err);
}

enum status chain_db_get_mark(struct chain_db *db, const char *sink, struct chain_mark *ret,
                              struct error *err) {
    struct pg_args *a = blocking_args(&db->b);
    pg_arg_text(a, slice_str(sink));
    PGresult *r = NULL;
    enum status status = blocking_ask(&db->b, get_mark_sql, &r, err);
    if (status == OK) {
        bool none = PQntuples(r) == 0;
        *ret = (struct chain_mark){.pos = none ? 0 : pg_get_i64(r, 0, 0),
                                   .point_pos = none ? 0 : pg_get_i64(r, 0, 1)};
        PQclear(r);
    }
    return status;
}

enum status chain_db_put_mark(struct chain_db *db, const char *sink, const struct chain_mark *mark,
                              int64_t at_us, struct error *err) {
    struct pg_args *a = blocking_args(&db->b);
    pg_arg_text(a, slice_str(sink));
    pg_arg_i64(a, mark->pos);
    pg_arg_i64(a, mark->point_pos);
    pg_arg_i64(a, at_us);
    return blocking_tell(&db->b, put_mark_sql, err);
}
