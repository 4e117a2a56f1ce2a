#include "server/app/cli/db.h"

#include "server/store/pgconn.h"

#include <stdio.h>
#include <string.h>

enum { AUDIT_BYTES = 64 * 1024, SETTING_BYTES = 16 };

/* libpq's text without the line break at its end. */
static enum status connection_error(const PGconn *db, struct error *err) {
    struct slice text = slice_str(PQerrorMessage(db));
    while (text.n > 0 && text.p[text.n - 1] == '\n') {
        text.n--;
    }
    return error_set(err, ERR_UNAVAILABLE, "database", "%.*s", SLICE_ARG(text));
}

/* No limit but for the wait for others: somebody looks on, and may be asked for a password meanwhile. */
static enum status settle_in(PGconn *db, struct error *err) {
    static const char sql[] = "select set_config('lock_timeout', '10s', false)," PGCONN_SETTINGS
                              ", set_config('idle_in_transaction_session_timeout', '0', false)";
    struct pg_args args;
    pg_args_init(&args, SETTING_BYTES);
    pg_arg_text(&args, slice_str("0"));
    enum status status = db_query(db, sql, &args, NULL, err);
    pg_args_done(&args);
    return status;
}

enum status db_open(const char *conninfo, PGconn **ret, struct error *err) {
    /* What stands before dbname can be set otherwise by the conninfo, what stands behind it cannot. */
    const char *const keywords[] = {"connect_timeout",  "target_session_attrs", "dbname",
                                    "application_name", "client_encoding",      NULL};
    const char *const values[] = {"10", "read-write", conninfo, "penstock", "UTF8", NULL};
    PGconn *db = PQconnectdbParams(keywords, values, 1);
    if (db == NULL) {
        return error_set(err, ERR_NOMEM, "database", "no memory for a connection");
    }
    enum status status = OK;
    if (PQstatus(db) != CONNECTION_OK) {
        status = connection_error(db, err);
    } else {
        status = settle_in(db, err);
    }
    if (status != OK) {
        PQfinish(db);
        return status;
    }
    *ret = db;
    return OK;
}

static enum status query_error(const PGconn *db, const PGresult *r, struct error *err) {
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL);
    if (state == NULL || text == NULL) {
        return connection_error(db, err);
    }
    if (strcmp(state, "42P01") == 0) {
        return error_set(err, ERR_WRONG_STATE, "database", "%s; is the schema there? Run: penstock migrate",
                         text);
    }
    if (strcmp(state, "55P03") == 0) {
        return error_set(err, ERR_CONFLICT, "database",
                         "somebody else has been changing the same for 10 s; try again");
    }
    return error_set(err, ERR_INVALID, "database", "%s%s%s", text, detail == NULL ? "" : ": ",
                     detail == NULL ? "" : detail);
}

enum status db_query(PGconn *db, const char *sql, const struct pg_args *args, PGresult **ret,
                     struct error *err) {
    const char *values[PG_ARGS_MAX] = {0};
    int formats[PG_ARGS_MAX] = {0};
    int n = args == NULL ? 0 : args->n;
    if (args != NULL && args->data.failed) {
        return error_set(err, ERR_TOO_BIG, "database",
                         "no memory for the parameters, or over %d bytes of them", DB_ARGS_BYTES_MAX);
    }
    for (int i = 0; i < n; i++) {
        values[i] = args->data.p == NULL ? "" : (const char *)args->data.p + args->offsets[i];
        formats[i] = 1;
    }
    PGresult *r = PQexecParams(db, sql, n, n == 0 ? NULL : args->types, values, n == 0 ? NULL : args->lengths,
                               formats, 1);
    ExecStatusType done = PQresultStatus(r);
    if (done != PGRES_TUPLES_OK && done != PGRES_COMMAND_OK) {
        enum status status = query_error(db, r, err);
        PQclear(r);
        return status;
    }
    if (ret != NULL) {
        *ret = r;
    } else {
        PQclear(r);
    }
    return OK;
}

enum status db_begin(PGconn *db, struct error *err) {
    return db_query(db, "begin", NULL, NULL, err);
}

enum status db_commit(PGconn *db, const char *actor, const char *action, const char *object,
                      const char *detail, struct error *err) {
    struct pg_args args;
    pg_args_init(&args, AUDIT_BYTES);
    pg_arg_text(&args, slice_str(actor));
    pg_arg_text(&args, slice_str(action));
    pg_arg_text(&args, slice_str(object));
    pg_arg_text(&args, slice_str(detail));
    enum status status = db_query(db,
                                  "insert into audit (actor, peer, action, object, detail)"
                                  " values ($1, 'command line', $2, $3, $4)",
                                  &args, NULL, err);
    pg_args_done(&args);
    if (status != OK) {
        return status;
    }
    PGresult *r = NULL;
    status = db_query(db, "commit", NULL, &r, err);
    if (status == OK && strcmp(PQcmdStatus(r), "COMMIT") != 0) {
        status = error_set(err, ERR_INVALID, "database", "the transaction was rolled back");
    }
    PQclear(r);
    if (status == ERR_UNAVAILABLE) {
        (void)error_wrap(err, "whether it was done is not known; look, and repeat it if not");
    }
    return status;
}
