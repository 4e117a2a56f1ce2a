/* `penstock gateway enrol | revoke | window | certificates` */
#include "protocol/enrol.h"
#include "server/app/cli/cli.h"
#include "server/app/cli/db.h"
#include "server/base/clock.h"
#include "server/base/tm.h"
#include "server/base/utf8.h"
#include "server/core/identity.h"
#include "server/core/request.h"
#include "server/store/identity_sql.h"

#include <sodium.h>
#include <stdio.h>

enum { ARGS_BYTES = 8 * 1024, OP_SIZE = 16 };

static enum status random_start(struct error *err) {
    return sodium_init() < 0 ? error_set(err, ERR_IO, "libsodium", "cannot be initialised") : OK;
}

/* Who does it to which gateway: what the functions of migration 0008 begin with. */
static void begin_args(struct pg_args *args, const struct cli *cli) {
    uint8_t op[OP_SIZE];
    randombytes_buf(op, sizeof op);
    pg_args_init(args, ARGS_BYTES);
    pg_arg_uuid(args, op);
    pg_arg_text(args, slice_str(cli->actor));
    pg_arg_text(args, slice_str("command line"));
    pg_arg_text(args, slice_str(cli->words[0]));
}

/* One statement, its own transaction, with its audit row. Takes args. */
static enum status run(struct cli *cli, const char *sql, struct pg_args *args, struct error *err) {
    PGresult *r = NULL;
    enum status status = db_query(cli->db, sql, args, &r, err);
    pg_args_done(args);
    if (status == OK) {
        struct slice why = pg_get_slice(r, 0, 0);
        status = why.n == 0 ? OK : error_set(err, ERR_DENIED, cli->words[0], "%.*s", SLICE_ARG(why));
    }
    PQclear(r);
    return status;
}

static enum status check_reason(const char *reason, struct error *err) {
    size_t n = strlen(reason);
    bool good = n > 0 && n < REASON_SIZE && utf8_is_text(slice_str(reason));
    return good ? OK
                : error_set(err, ERR_INVALID, "--reason", "must be a text of 1 to %d bytes", REASON_SIZE - 1);
}

/* --- enrol */

static enum status find_authority(PGconn *db, uint8_t ret[ENROL_AUTHORITY_SIZE], struct error *err) {
    PGresult *r = NULL;
    enum status status = db_query(
        db, "select fingerprint from gateway_authority order by authority_id desc limit 1", NULL, &r, err);
    if (status == OK && PQntuples(r) == 0) {
        status = error_set(err, ERR_WRONG_STATE, "link.ca_key",
                           "no server of this database issues certificates: name the authority's key in its "
                           "configuration and start it once");
    }
    if (status == OK) {
        memcpy(ret, pg_get_slice(r, 0, 0).p, ENROL_AUTHORITY_SIZE);
    }
    PQclear(r);
    return status;
}

enum cli_exit cli_gateway_enrol(struct cli *cli) {
    struct error err;
    struct enrol_token token = {.name = ""};
    uint8_t hash[IDENTITY_HASH_SIZE];
    char text[ENROL_TOKEN_TEXT_SIZE];
    char until[TM_TEXT_SIZE];
    int64_t until_us = clock_wall_us() + IDENTITY_TOKEN_S * TM_SECOND_US;
    if (!enrol_is_name(slice_str(cli->words[0]))) {
        (void)error_set(&err, ERR_INVALID, "NAME", "must be 1 to %d of A-Z a-z 0-9 . _ -", LINK_NAME_MAX);
        return cli_fail(&err);
    }
    if (random_start(&err) != OK || find_authority(cli->db, token.authority, &err) != OK) {
        return cli_fail(&err);
    }
    (void)snprintf(token.name, sizeof token.name, "%s", cli->words[0]);
    randombytes_buf(token.secret, sizeof token.secret);
    (void)crypto_hash_sha256(hash, token.secret, sizeof token.secret);
    struct pg_args args;
    begin_args(&args, cli);
    pg_arg_bytes(&args, hash, sizeof hash);
    pg_arg_i64(&args, until_us);
    if (run(cli, IDENTITY_TOKEN_SQL, &args, &err) != OK) {
        return cli_fail(&err);
    }
    enrol_token_format(&token, text);
    (void)puts(text);
    if (tm_format(until_us / TM_SECOND_US * TM_SECOND_US, until) == OK) {
        (void)fprintf(stderr,
                      "good once, until %s; at the gateway, with the token on its standard input:\n"
                      "    penstock-gateway enrol - --host ADDRESS [--port N] --name SERVER --dir DIR\n",
                      until);
    }
    return CLI_DONE;
}

/* --- revoke, window */

enum cli_exit cli_gateway_revoke(struct cli *cli) {
    struct error err;
    struct pg_args args;
    if (check_reason(cli->values[GATEWAY_REASON], &err) != OK || random_start(&err) != OK) {
        return cli_fail(&err);
    }
    begin_args(&args, cli);
    pg_arg_text(&args, slice_str(cli->values[GATEWAY_REASON]));
    pg_arg_bytes(&args, "", 0);
    if (run(cli, IDENTITY_REVOKE_SQL, &args, &err) != OK) {
        return cli_fail(&err);
    }
    (void)printf("revoked what was issued for %s; a session of it ends now\n", cli->words[0]);
    return CLI_DONE;
}

enum cli_exit cli_gateway_window(struct cli *cli) {
    struct error err;
    struct pg_args args;
    char until[TM_TEXT_SIZE];
    int64_t until_us = clock_wall_us() + IDENTITY_WINDOW_OPEN_S * TM_SECOND_US;
    if (check_reason(cli->values[GATEWAY_REASON], &err) != OK || random_start(&err) != OK) {
        return cli_fail(&err);
    }
    begin_args(&args, cli);
    pg_arg_text(&args, slice_str(cli->values[GATEWAY_REASON]));
    pg_arg_i64(&args, until_us);
    if (run(cli, IDENTITY_OPEN_SQL, &args, &err) != OK) {
        return cli_fail(&err);
    }
    if (tm_format(until_us / TM_SECOND_US * TM_SECOND_US, until) == OK) {
        (void)printf("%s may renew a certificate that has expired, once, until %s\n", cli->words[0], until);
    }
    return CLI_DONE;
}

/* --- certificates */

enum cli_exit cli_gateway_certificates(struct cli *cli) {
    struct error err;
    PGresult *r = NULL;
    static const char sql[] =
        "select k.name, encode(c.fingerprint, 'hex'), c.issued_why,"
        "       to_char(c.not_after at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
        "       case when r.fingerprint is not null then 'revoked: ' || r.reason"
        "            when c.not_after <= now() then 'expired' else 'good' end"
        "  from gateway_certificate c"
        "  join config_key k on k.key = c.gateway_key"
        "  left join gateway_revocation r on r.fingerprint = c.fingerprint"
        " order by k.name, c.certificate_id";
    if (db_query(cli->db, sql, NULL, &r, &err) != OK) {
        return cli_fail(&err);
    }
    for (int row = 0; row < PQntuples(r); row++) {
        struct slice name = pg_get_slice(r, row, 0);
        struct slice fingerprint = pg_get_slice(r, row, 1);
        struct slice why = pg_get_slice(r, row, 2);
        struct slice until = pg_get_slice(r, row, 3);
        struct slice state = pg_get_slice(r, row, 4);
        (void)printf("%-20.*s %-7.*s until %.*s  %.16s  %.*s\n", SLICE_ARG(name), SLICE_ARG(why),
                     SLICE_ARG(until), fingerprint.p, SLICE_ARG(state));
    }
    (void)printf("%d certificate%s issued here\n", PQntuples(r), PQntuples(r) == 1 ? "" : "s");
    PQclear(r);
    return CLI_DONE;
}
