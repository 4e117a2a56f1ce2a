#include "server/store/write.h"

#include "server/base/check.h"
#include "server/store/identity_sql.h"
#include "server/store/quarantine_sql.h"
#include "server/store/user_sql.h"

enum { AUDIT_ARGS_BYTES = 1200, REQUEST_ARGS_BYTES = 4096 };

/* A transaction that writes nothing (all of it was there already) would not wait for standbys; this makes it
 * one that writes, so that COMMIT again means what it says. */
static const char emit_sql[] = "select pg_logical_emit_message(true, 'penstock', '')";

static void begin_write(struct pg *pg, enum write_try try, pg_on_done on_done, void *ctx) {
    pg_begin(pg, PG_WRITE, on_done, ctx);
    if (try == WRITE_AGAIN) {
        pg_send(pg, emit_sql, NULL);
    }
}

/* --- alarm records ------------------------------------------------------------------------------------- */

void write_records(struct pg *pg, const struct journal_entry *const *v, uint32_t n, enum write_try try,
                   pg_on_done on_done, void *ctx) {
    struct pg_args args;
    pg_args_init(&args, 4096 + (size_t)n * RECORD_ARGS_BYTES);
    record_insert_args(&args, v, n);
    begin_write(pg, try, on_done, ctx);
    pg_send(pg, record_insert_sql(), &args);
    if (try == WRITE_AGAIN) {
        pg_args_clear(&args);
        record_check_args(&args, v, n);
        pg_send(pg, record_check_sql(), &args);
    }
    pg_end(pg);
    pg_args_done(&args);
}

bool write_records_hold(const struct pg_answer *answer, uint32_t n, enum write_try try) {
    if (try == WRITE_AGAIN) {
        return pg_get_i64(answer->results[2], 0, 0) == n;
    }
    char expected[16];
    (void)snprintf(expected, sizeof expected, "%u", n);
    return strcmp(PQcmdTuples(answer->results[0]), expected) == 0;
}

/* --- audit --------------------------------------------------------------------------------------------- */

static const char audit_sql[] =
    "insert into audit (op, actor, peer, action, object, detail)"
    " select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])"
    " on conflict (op) do nothing";

static void audit_names(struct pg_args *args, const struct write_audit *const *v, uint32_t n) {
    pg_array_uuid_begin(args);
    for (uint32_t i = 0; i < n; i++) {
        pg_array_bytes(args, v[i]->op, WRITE_OP_SIZE);
    }
    pg_array_end(args);
    pg_array_text_begin(args);
    for (uint32_t i = 0; i < n; i++) {
        pg_array_text(args, slice_str(v[i]->actor.name));
    }
    pg_array_end(args);
    pg_array_text_begin(args);
    for (uint32_t i = 0; i < n; i++) {
        pg_array_text(args, slice_str(v[i]->actor.peer));
    }
    pg_array_end(args);
}

static void audit_texts(struct pg_args *args, const struct write_audit *const *v, uint32_t n) {
    pg_array_text_begin(args);
    for (uint32_t i = 0; i < n; i++) {
        pg_array_text(args, slice_str(v[i]->action));
    }
    pg_array_end(args);
    pg_array_text_begin(args);
    for (uint32_t i = 0; i < n; i++) {
        pg_array_text(args, slice_str(v[i]->object));
    }
    pg_array_end(args);
    pg_array_text_begin(args);
    for (uint32_t i = 0; i < n; i++) {
        pg_array_text(args, slice_str(v[i]->detail));
    }
    pg_array_end(args);
}

static void send_audits(struct pg *pg, const struct write_audit *const *v, uint32_t n) {
    struct pg_args args;
    pg_args_init(&args, 4096 + (size_t)n * AUDIT_ARGS_BYTES);
    audit_names(&args, v, n);
    audit_texts(&args, v, n);
    pg_send(pg, audit_sql, &args);
    pg_args_done(&args);
}

void write_audits(struct pg *pg, const struct write_audit *const *v, uint32_t n, enum write_try try,
                  pg_on_done on_done, void *ctx) {
    begin_write(pg, try, on_done, ctx);
    send_audits(pg, v, n);
    pg_end(pg);
}

/* --- requests ------------------------------------------------------------------------------------------ */

/* Uses the code up, by login_code_pk; the same attempt may come twice. */
static const char code_sql[] =
    "with c as ("
    "  update login_code set used_at = coalesce(used_at, now()), used_op = $3"
    "   where code_hash = $2 and (used_at is null or used_op = $3) and expires_at > now()"
    "     and user_id = (select user_id from app_user where name = $1 and not disabled)"
    "  returning user_id),"
    " a as ("
    "  insert into audit (op, actor, peer, action) select $3, $1, $4, 'login.code' from c on conflict (op) "
    "do nothing)"
    " select " USER_SELECT " from app_user u join c using (user_id)";

/* By app_session_pk. */
static const char open_sql[] =
    "with s as ("
    "  insert into app_session (token_hash, user_id, expires_at, peer)"
    "  select $1, user_id, timestamptz 'epoch' + $3 * interval '1 microsecond', $4 from app_user"
    "   where user_id = $2 and not disabled"
    "  on conflict (token_hash) do nothing returning user_id),"
    " a as ("
    "  insert into audit (op, actor, peer, action) select $5, name, $4, 'session.open' from app_user"
    "   where user_id in (select user_id from s) on conflict (op) do nothing)"
    " select (select count(*) from s) + (select count(*) from app_session where token_hash = $1 and user_id "
    "= $2)";

static const char close_sql[] =
    "with s as ("
    "  update app_session set closed_at = now() where token_hash = $1 and closed_at is null returning "
    "user_id)"
    " insert into audit (op, actor, peer, action) select $2, u.name, $3, 'session.close'"
    "  from s join app_user u using (user_id) on conflict (op) do nothing";

/* Codes that were not used yet end with the password that they were meant to replace. */
static const char password_sql[] =
    "with u as (update app_user set password_hash = $2 where user_id = $1 returning user_id, name),"
    " s as (update app_session set closed_at = now()"
    "        where user_id = $1 and token_hash <> $3 and closed_at is null),"
    " c as (update login_code set used_at = now() where user_id = $1 and used_at is null),"
    " a as (insert into audit (op, actor, peer, action, object) select $4, $5, $6, 'password.set', u.name "
    "from u"
    "        on conflict (op) do nothing)"
    " select count(*) from u";

static const char config_sql[] =
    "select config_apply($1, $2, $3, $4::text[], $5::text[], $6::text[], $7::bigint[], $8)";
/* "REASON", or "REASON (second person: NAME)". */
static const char config_audit_sql[] =
    "insert into audit (op, actor, peer, action, object, detail)"
    " select $1, $2, $3, 'config.change', 'revision ' || revision,"
    "        $4 || case second_actor when '' then '' else ' (second person: ' || second_actor || ')' end"
    "   from config_revision where op = $1"
    " on conflict (op) do nothing";
/* By config_key_name_unique. */
static const char config_keys_sql[] =
    "select k.kind, k.name, k.key from unnest($1::text[], $2::text[]) as i(kind, name)"
    " join config_key k using (kind, name)";

bool write_knows(enum request_kind kind) {
    switch (kind) {
    case REQ_LOGIN_CODE:
    case REQ_SESSION_OPEN:
    case REQ_SESSION_CLOSE:
    case REQ_PASSWORD_SET:
    case REQ_AUDIT:
    case REQ_CONFIG_CHANGE:
    case REQ_QUARANTINE_KEEP:
    case REQ_IDENTITY:
    case REQ_CERTIFICATE:
        return true;
    case REQ_USER_FIND:
    case REQ_SESSION_FIND:
    case REQ_ALARM:
    case REQ_SILENCE:
    case REQ_ALARM_HISTORY:
    case REQ_SAMPLES:
    case REQ_AGGREGATES:
    case REQ_RAW_OPEN:
    case REQ_RAW_NEXT:
    case REQ_RAW_CLOSE:
    case REQ_CONFIG_HISTORY:
    case REQ_AUDIT_LIST:
    case REQ_BACKTEST:
    case REQ_ALARM_STATE_AT:
    case REQ_ALARM_LAST_RAISED:
    case REQ_ALARM_KPI:
    case REQ_ALARM_BAD_ACTORS:
    case REQ_LEDGER:
    case REQ_STORE:
    case REQ_QUARANTINE_LIST:
    case REQ_QUARANTINE_GET:
    case REQ_QUARANTINE_REPLAY:
    case REQ_GATEWAY_RELEASE:
        return false;
    }
    return false;
}

static void send_login_code(struct pg *pg, struct pg_args *args, const struct request *r, const uint8_t *op) {
    pg_arg_text(args, slice_str(r->login.name));
    pg_arg_bytes(args, r->login.code_hash, TOKEN_HASH_SIZE);
    pg_arg_uuid(args, op);
    pg_arg_text(args, slice_str(r->actor.peer));
    pg_send(pg, code_sql, args);
}

static void send_session_open(struct pg *pg, struct pg_args *args, const struct request *r,
                              const uint8_t *op) {
    pg_arg_bytes(args, r->session.token_hash, TOKEN_HASH_SIZE);
    pg_arg_i64(args, r->session.user_key);
    pg_arg_i64(args, r->session.expires_us);
    pg_arg_text(args, slice_str(r->actor.peer));
    pg_arg_uuid(args, op);
    pg_send(pg, open_sql, args);
}

static void send_session_close(struct pg *pg, struct pg_args *args, const struct request *r,
                               const uint8_t *op) {
    pg_arg_bytes(args, r->session.token_hash, TOKEN_HASH_SIZE);
    pg_arg_uuid(args, op);
    pg_arg_text(args, slice_str(r->actor.peer));
    pg_send(pg, close_sql, args);
}

static void send_password(struct pg *pg, struct pg_args *args, const struct request *r, const uint8_t *op) {
    pg_arg_i64(args, r->password.user_key);
    pg_arg_text(args, slice_str(r->password.hash));
    pg_arg_bytes(args, r->password.keep_token_hash, TOKEN_HASH_SIZE);
    pg_arg_uuid(args, op);
    pg_arg_text(args, slice_str(r->actor.name));
    pg_arg_text(args, slice_str(r->actor.peer));
    pg_send(pg, password_sql, args);
}

static void item_names(struct pg_args *args, const struct request *r) {
    pg_array_text_begin(args);
    for (uint32_t i = 0; i < r->config.n; i++) {
        pg_array_text(args, slice_str(r->config.v[i].kind));
    }
    pg_array_end(args);
    pg_array_text_begin(args);
    for (uint32_t i = 0; i < r->config.n; i++) {
        pg_array_text(args, slice_str(r->config.v[i].name));
    }
    pg_array_end(args);
}

static void item_bodies(struct pg_args *args, const struct request *r) {
    pg_array_text_begin(args);
    for (uint32_t i = 0; i < r->config.n; i++) {
        if (r->config.v[i].body == NULL) {
            pg_array_null(args);
        } else {
            pg_array_text(args, slice_str(r->config.v[i].body));
        }
    }
    pg_array_end(args);
    pg_array_i64_begin(args);
    for (uint32_t i = 0; i < r->config.n; i++) {
        pg_array_i64(args, r->config.v[i].expected_revision);
    }
    pg_array_end(args);
}

static void send_config(struct pg *pg, struct pg_args *args, const struct request *r, const uint8_t *op) {
    pg_arg_uuid(args, op);
    pg_arg_text(args, slice_str(r->actor.name));
    pg_arg_text(args, slice_str(r->config.reason));
    item_names(args, r);
    item_bodies(args, r);
    pg_arg_text(args, slice_str(r->config.second));
    pg_send(pg, config_sql, args);
    pg_args_clear(args);
    pg_arg_uuid(args, op);
    pg_arg_text(args, slice_str(r->actor.name));
    pg_arg_text(args, slice_str(r->actor.peer));
    pg_arg_text(args, slice_str(r->config.reason));
    pg_send(pg, config_audit_sql, args);
    pg_args_clear(args);
    item_names(args, r);
    pg_send(pg, config_keys_sql, args);
}

static size_t args_bytes(const struct request *r) {
    if (r->kind == REQ_QUARANTINE_KEEP) {
        return quarantine_sql_keep_bytes(r);
    }
    size_t n = REQUEST_ARGS_BYTES;
    for (uint32_t i = 0; r->kind == REQ_CONFIG_CHANGE && i < r->config.n; i++) {
        const struct config_change_item *item = &r->config.v[i];
        n += 64 + strlen(item->kind) + strlen(item->name) + (item->body == NULL ? 0 : strlen(item->body));
    }
    return n;
}

void write_request(struct pg *pg, const struct request *r, const uint8_t op[WRITE_OP_SIZE],
                   enum write_try try, pg_on_done on_done, void *ctx) {
    CHECK(write_knows(r->kind));
    struct pg_args args;
    pg_args_init(&args, args_bytes(r));
    begin_write(pg, try, on_done, ctx);
    if (r->kind == REQ_LOGIN_CODE) {
        send_login_code(pg, &args, r, op);
    } else if (r->kind == REQ_SESSION_OPEN) {
        send_session_open(pg, &args, r, op);
    } else if (r->kind == REQ_SESSION_CLOSE) {
        send_session_close(pg, &args, r, op);
    } else if (r->kind == REQ_PASSWORD_SET) {
        send_password(pg, &args, r, op);
    } else if (r->kind == REQ_CONFIG_CHANGE) {
        send_config(pg, &args, r, op);
    } else if (r->kind == REQ_QUARANTINE_KEEP) {
        quarantine_sql_keep_send(pg, &args, r, op);
    } else if (r->kind == REQ_IDENTITY || r->kind == REQ_CERTIFICATE) {
        identity_send(pg, &args, r, op);
    } else {
        struct write_audit audit = {.actor = r->actor,
                                    .action = r->audit.action,
                                    .object = r->audit.object,
                                    .detail = r->audit.detail};
        memcpy(audit.op, op, WRITE_OP_SIZE);
        const struct write_audit *one = &audit;
        send_audits(pg, &one, 1);
    }
    pg_end(pg);
    pg_args_done(&args);
}

static void reply_config(const PGresult *revision, const PGresult *rows, struct keys *keys,
                         struct reply *ret) {
    enum status status = OK;
    for (int row = 0; row < PQntuples(rows) && status == OK; row++) {
        enum config_kind kind = CONFIG_SITE;
        if (config_kind_parse(pg_get_slice(rows, row, 0), &kind)) {
            status = keys_put(keys, kind, pg_get_slice(rows, row, 1), pg_get_i64(rows, row, 2));
        }
    }
    CHECK(status == OK); /* only memory can be missing, and it is stored already */
    ret->config.revision = pg_get_i64(revision, 0, 0);
}

static void reply_done(const struct request *r, const struct pg_answer *answer, struct keys *keys,
                       struct reply *ret) {
    /* Behind the statement that begin_write put in front of a repetition. */
    uint32_t first = answer->n - (r->kind == REQ_CONFIG_CHANGE ? 3 : 1);
    const PGresult *result = answer->results[first];
    if (r->kind == REQ_LOGIN_CODE) {
        if (PQntuples(result) == 0) {
            ret->status = error_set(&ret->error, ERR_NOT_FOUND, "code",
                                    "no such code for this user, or it is used or expired");
            return;
        }
        user_read(result, 0, &ret->user);
    } else if (r->kind == REQ_SESSION_OPEN) {
        if (pg_get_i64(result, 0, 0) == 0) {
            ret->status = error_set(&ret->error, ERR_DENIED, "user", "the account is gone or disabled");
        }
    } else if (r->kind == REQ_PASSWORD_SET) {
        if (pg_get_i64(result, 0, 0) == 0) {
            ret->status = error_set(&ret->error, ERR_NOT_FOUND, "user", "the account is gone");
        }
    } else if (r->kind == REQ_CONFIG_CHANGE) {
        reply_config(result, answer->results[first + 2], keys, ret);
    } else if (r->kind == REQ_QUARANTINE_KEEP) {
        quarantine_sql_keep_reply(result, ret);
    } else if (r->kind == REQ_IDENTITY || r->kind == REQ_CERTIFICATE) {
        identity_reply(result, ret);
    }
}

#define CONFIG_CONFLICT "PS001"
#define UNIQUE          "23505"

void write_reply(const struct request *r, const struct pg_answer *answer, struct keys *keys,
                 struct reply *ret) {
    *ret = (struct reply){.kind = r->kind, .status = OK};
    if (answer->outcome == PG_DONE) {
        reply_done(r, answer, keys, ret);
        return;
    }
    if (r->kind == REQ_QUARANTINE_KEEP && strcmp(answer->sqlstate, UNIQUE) == 0) {
        ret->status = error_set(&ret->error, ERR_CONFLICT, "id", "this record was replayed before");
        return;
    }
    ret->error = answer->error;
    if (answer->error.code == ERR_NO_SPACE) {
        ret->status = ERR_NO_SPACE;
        return;
    }
    ret->error.code = strcmp(answer->sqlstate, CONFIG_CONFLICT) == 0 ? ERR_CONFLICT : ERR_INVALID;
    ret->status = ret->error.code;
}
