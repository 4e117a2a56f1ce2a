#include "server/store/read_sql.h"

#include "server/base/check.h"
#include "server/store/alarm_sql.h"
#include "server/store/figures_sql.h"
#include "server/store/ledger_sql.h"
#include "server/store/quarantine_sql.h"
#include "server/store/store_sql.h"
#include "server/store/user_sql.h"

#include <stdlib.h>

enum { ARGS_BYTES = 1024 };

/* By app_user_name_unique. */
static const char user_sql[] = "select " USER_SELECT " from app_user u where u.name = $1";

/* By app_session_pk. */
static const char session_sql[] =
    "select " USER_SELECT " from app_session s join app_user u using (user_id)"
    " where s.token_hash = $1 and s.closed_at is null and s.expires_at > now() and not u.disabled";

/* By config_revision_pk, config_item_revision_idx, config_item_pk. */
static const char revisions_sql[] =
    "select r.revision, (extract(epoch from r.at) * 1000000)::bigint, r.actor, r.reason, i.items::text,"
    "       r.second_actor"
    "  from (select * from config_revision where revision < $1 order by revision desc limit $2) r,"
    "       lateral (select coalesce(json_agg(json_build_object('kind', x.kind, 'name', x.name, 'body', "
    "x.body,"
    "                                                           'before', x.before)), '[]'::json) as items"
    "                  from (select k.kind, k.name, c.body,"
    "                               (select p.body from config_item p where p.key = c.key and p.revision < "
    "r.revision"
    "                                 order by p.revision desc limit 1) as before"
    "                          from config_item c join config_key k using (key) where c.revision = r.revision"
    "                         order by k.kind, k.name limit $3) x) i"
    " order by r.revision desc";

/* By audit_pk. */
static const char audit_sql[] =
    "select audit_id, (extract(epoch from at) * 1000000)::bigint, actor, peer, action, object, detail"
    "  from audit where audit_id < $1 order by audit_id desc limit $2";

static enum status check_limit(uint32_t limit, struct error *err) {
    if (limit < 1 || limit > HISTORY_LIMIT_MAX) {
        return error_set(err, ERR_INVALID, "limit", "must be from 1 to %d", HISTORY_LIMIT_MAX);
    }
    return OK;
}

enum status read_check(const struct request *r, struct error *err) {
    switch (r->kind) {
    case REQ_USER_FIND:
    case REQ_SESSION_FIND:
    case REQ_STORE:
        return OK;
    case REQ_ALARM_HISTORY:
    case REQ_ALARM_STATE_AT:
    case REQ_ALARM_LAST_RAISED:
        return alarm_sql_check(r, err);
    case REQ_ALARM_KPI:
    case REQ_ALARM_BAD_ACTORS:
        return figures_check(r, err);
    case REQ_LEDGER:
        return ledger_check(r, err);
    case REQ_QUARANTINE_LIST:
    case REQ_QUARANTINE_GET:
        return quarantine_sql_check(r, err);
    case REQ_CONFIG_HISTORY:
    case REQ_AUDIT_LIST:
        return check_limit(r->list.limit, err);
    case REQ_LOGIN_CODE:
    case REQ_SESSION_OPEN:
    case REQ_SESSION_CLOSE:
    case REQ_PASSWORD_SET:
    case REQ_AUDIT:
    case REQ_ALARM:
    case REQ_SILENCE:
    case REQ_CONFIG_CHANGE:
    case REQ_IDENTITY:
    case REQ_CERTIFICATE:
    case REQ_BACKTEST:
    case REQ_QUARANTINE_REPLAY:
    case REQ_GATEWAY_RELEASE:
    case REQ_QUARANTINE_KEEP:
    case REQ_SAMPLES: /* the reader's, as the following */
    case REQ_AGGREGATES:
    case REQ_RAW_OPEN:
    case REQ_RAW_NEXT:
    case REQ_RAW_CLOSE:
        break;
    }
    return error_set(err, ERR_UNSUPPORTED, "request", "is no question to the database");
}

/* --- sending ------------------------------------------------------------------------------------------- */

static void send_list(struct pg *pg, struct pg_args *args, const struct request *r) {
    pg_arg_i64(args, r->list.before <= 0 ? INT64_MAX : r->list.before);
    pg_arg_i64(args, r->list.limit);
    if (r->kind == REQ_CONFIG_HISTORY) {
        pg_arg_i64(args, READ_ITEMS_MAX);
    }
    pg_send(pg, r->kind == REQ_CONFIG_HISTORY ? revisions_sql : audit_sql, args);
}

static bool is_figures(enum request_kind kind) {
    return kind == REQ_ALARM_KPI || kind == REQ_ALARM_BAD_ACTORS;
}

void read_send(struct pg *pg, const struct request *r, pg_on_done on_done, void *ctx) {
    struct pg_args args;
    pg_args_init(&args, alarm_sql_knows(r->kind) ? ALARM_SQL_ARGS_BYTES : ARGS_BYTES);
    pg_begin(pg, PG_READ, on_done, ctx);
    if (r->kind == REQ_USER_FIND) {
        pg_arg_text(&args, slice_str(r->login.name));
        pg_send(pg, user_sql, &args);
    } else if (r->kind == REQ_SESSION_FIND) {
        pg_arg_bytes(&args, r->session.token_hash, TOKEN_HASH_SIZE);
        pg_send(pg, session_sql, &args);
    } else if (alarm_sql_knows(r->kind)) {
        alarm_sql_send(pg, &args, r);
    } else if (is_figures(r->kind)) {
        figures_send(pg, &args, r);
    } else if (r->kind == REQ_LEDGER) {
        ledger_send(pg, &args, r);
    } else if (r->kind == REQ_STORE) {
        store_sql_send(pg);
    } else if (quarantine_sql_reads(r->kind)) {
        quarantine_sql_send(pg, &args, r);
    } else {
        send_list(pg, &args, r);
    }
    pg_end(pg);
    pg_args_done(&args);
}

/* --- reading ------------------------------------------------------------------------------------------- */

static void reply_user(const PGresult *rows, struct reply *ret) {
    if (PQntuples(rows) == 0) {
        ret->status = error_set(&ret->error, ERR_NOT_FOUND, "user", "there is none, or the session is over");
        return;
    }
    user_read(rows, 0, &ret->user);
}

static void reply_revisions(const PGresult *rows, struct revision_row *v, struct reply *ret) {
    ret->revisions.v = v;
    ret->revisions.n = (uint32_t)PQntuples(rows);
    for (int row = 0; row < PQntuples(rows); row++) {
        v[row] = (struct revision_row){.revision = pg_get_i64(rows, row, 0),
                                       .at_us = pg_get_i64(rows, row, 1),
                                       .actor = pg_get_slice(rows, row, 2),
                                       .reason = pg_get_slice(rows, row, 3),
                                       .items = pg_get_slice(rows, row, 4),
                                       .second = pg_get_slice(rows, row, 5)};
    }
}

static void reply_audit(const PGresult *rows, struct audit_row *v, struct reply *ret) {
    ret->audit.v = v;
    ret->audit.n = (uint32_t)PQntuples(rows);
    for (int row = 0; row < PQntuples(rows); row++) {
        v[row] = (struct audit_row){.id = pg_get_i64(rows, row, 0),
                                    .at_us = pg_get_i64(rows, row, 1),
                                    .actor = pg_get_slice(rows, row, 2),
                                    .peer = pg_get_slice(rows, row, 3),
                                    .action = pg_get_slice(rows, row, 4),
                                    .object = pg_get_slice(rows, row, 5),
                                    .detail = pg_get_slice(rows, row, 6)};
    }
}

static size_t row_size(enum request_kind kind) {
    if (alarm_sql_knows(kind)) {
        return alarm_sql_row_size(kind);
    }
    if (is_figures(kind)) {
        return sizeof(struct figure_row);
    }
    if (kind == REQ_CONFIG_HISTORY) {
        return sizeof(struct revision_row);
    }
    return sizeof(struct audit_row);
}

static size_t memory_size(enum request_kind kind, const struct pg_answer *answer) {
    if (kind == REQ_LEDGER) {
        return ledger_reply_size(answer);
    }
    if (kind == REQ_STORE) {
        return store_sql_reply_size(answer);
    }
    if (quarantine_sql_reads(kind)) {
        return quarantine_sql_reply_size(answer);
    }
    return ((size_t)PQntuples(answer->results[0]) + 1) * row_size(kind);
}

static void reply_failure(const struct pg_answer *answer, struct reply *ret) {
    ret->error = answer->error;
    if (strcmp(answer->sqlstate, PGCONN_CANCELED) == 0) {
        (void)error_set(&ret->error, ERR_TIMEOUT, "database",
                        "this takes too long; ask for a shorter span of time");
    } else if (answer->error.code != ERR_NO_SPACE) {
        ret->error.code = answer->outcome == PG_REFUSED ? ERR_INTERNAL : ERR_UNAVAILABLE;
    }
    ret->status = ret->error.code;
}

void read_reply(const struct request *r, const struct pg_answer *answer, struct read_memory *memory,
                struct reply *ret) {
    *ret = (struct reply){.kind = r->kind, .status = OK};
    *memory = (struct read_memory){0};
    if (answer->outcome != PG_DONE) {
        reply_failure(answer, ret);
        return;
    }
    const PGresult *rows = answer->results[0];
    if (r->kind == REQ_USER_FIND || r->kind == REQ_SESSION_FIND) {
        reply_user(rows, ret);
        return;
    }
    memory->rows = calloc(1, memory_size(r->kind, answer));
    if (memory->rows == NULL) {
        ret->status = error_set(&ret->error, ERR_NOMEM, "store", "no memory for the answer");
    } else if (alarm_sql_knows(r->kind)) {
        alarm_sql_reply(rows, memory->rows, ret);
    } else if (is_figures(r->kind)) {
        figures_reply(rows, memory->rows, ret);
    } else if (r->kind == REQ_LEDGER) {
        ledger_reply(answer, memory->rows, ret);
    } else if (r->kind == REQ_STORE) {
        store_sql_reply(answer, memory->rows, ret);
    } else if (quarantine_sql_reads(r->kind)) {
        quarantine_sql_reply(answer, memory->rows, ret);
    } else if (r->kind == REQ_CONFIG_HISTORY) {
        reply_revisions(rows, memory->rows, ret);
    } else {
        reply_audit(rows, memory->rows, ret);
    }
}

void read_done(struct read_memory *memory) {
    free(memory->rows);
    memory->rows = NULL;
}
