#include "server/store/identity_sql.h"

static const char issue_sql[] = "select gateway_issue($1, $2, $3, $4, $5, $6, $7, $8, $9,"
                                "                     timestamptz 'epoch' + $10 * interval '1 microsecond',"
                                "                     timestamptz 'epoch' + $11 * interval '1 microsecond')";

/* By gateway_authority_pk. Only a change is written. */
static const char authority_sql[] =
    "with a as ("
    "  insert into gateway_authority (fingerprint)"
    "  select $1 where $1 is distinct from"
    "    (select fingerprint from gateway_authority order by authority_id desc limit 1) returning 1)"
    " select '' from (select count(*) from a) x";

static bool is_set(const uint8_t hash[IDENTITY_HASH_SIZE]) {
    static const uint8_t none[IDENTITY_HASH_SIZE];
    return memcmp(hash, none, IDENTITY_HASH_SIZE) != 0;
}

static void arg_hash(struct pg_args *args, const uint8_t hash[IDENTITY_HASH_SIZE]) {
    pg_arg_bytes(args, hash, is_set(hash) ? IDENTITY_HASH_SIZE : 0);
}

static void send_issue(struct pg *pg, struct pg_args *args, const struct request *r, const uint8_t *op) {
    static const char *const why[] = {
        [IDENTITY_ENROL] = "enrol", [IDENTITY_RENEW] = "renew", [IDENTITY_WINDOW] = "window"};
    const struct identity_issue *issue = &r->identity.issue;
    const struct identity_certificate *c = &issue->certificate;
    pg_arg_uuid(args, op);
    pg_arg_text(args, slice_str(r->actor.peer));
    pg_arg_text(args, slice_str(issue->gateway));
    pg_arg_text(args, slice_str(why[issue->why]));
    arg_hash(args, issue->token_hash);
    arg_hash(args, issue->shown);
    pg_arg_bytes(args, c->serial, sizeof c->serial);
    pg_arg_bytes(args, c->fingerprint, sizeof c->fingerprint);
    pg_arg_bytes(args, c->key, c->key_n);
    pg_arg_i64(args, c->not_before_us);
    pg_arg_i64(args, c->not_after_us);
    pg_send(pg, issue_sql, args);
}

static void arg_who(struct pg_args *args, const struct request *r, const uint8_t *op) {
    pg_arg_uuid(args, op);
    pg_arg_text(args, slice_str(r->actor.name));
    pg_arg_text(args, slice_str(r->actor.peer));
    pg_arg_text(args, slice_str(r->identity.gateway));
}

void identity_send(struct pg *pg, struct pg_args *args, const struct request *r, const uint8_t op[16]) {
    switch (r->identity.ask) {
    case IDENTITY_ISSUE:
        send_issue(pg, args, r, op);
        return;
    case IDENTITY_TOKEN:
        arg_who(args, r, op);
        pg_arg_bytes(args, r->identity.hash, sizeof r->identity.hash);
        pg_arg_i64(args, r->identity.until_us);
        pg_send(pg, IDENTITY_TOKEN_SQL, args);
        return;
    case IDENTITY_OPEN:
        arg_who(args, r, op);
        pg_arg_text(args, slice_str(r->identity.reason));
        pg_arg_i64(args, r->identity.until_us);
        pg_send(pg, IDENTITY_OPEN_SQL, args);
        return;
    case IDENTITY_REVOKE:
        arg_who(args, r, op);
        pg_arg_text(args, slice_str(r->identity.reason));
        arg_hash(args, r->identity.hash);
        pg_send(pg, IDENTITY_REVOKE_SQL, args);
        return;
    case IDENTITY_AUTHORITY:
        pg_arg_bytes(args, r->identity.hash, sizeof r->identity.hash);
        pg_send(pg, authority_sql, args);
        return;
    }
}

void identity_reply(const PGresult *result, struct reply *ret) {
    struct slice why = pg_get_slice(result, 0, 0);
    if (why.n > 0) {
        ret->status = error_set(&ret->error, ERR_DENIED, "gateway", "%.*s", SLICE_ARG(why));
    }
}
