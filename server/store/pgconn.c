#include "server/store/pgconn.h"

#include "server/base/check.h"
#include "server/store/conninfo.h"

#include <stdio.h>
#include <string.h>

/* --- what an SQLSTATE means ---------------------------------------------------------------------------- */

struct pgconn_meaning pgconn_meaning(const char *sqlstate) {
    /* By the beginning of the SQLSTATE. Damage in a table or an index is no fault of what is written: a
     * writer tries again; who reads meets it again. */
    static const struct {
        char begin[6];
        struct pgconn_meaning meaning;
    } known[] = {
        {"0A", {PG_REFUSAL_PROGRAM, ERR_INTERNAL}},         /* feature not supported */
        {"22", {PG_REFUSAL_CONTENT, ERR_INVALID}},          /* data exception */
        {"23", {PG_REFUSAL_CONTENT, ERR_INVALID}},          /* constraint violated */
        {"3F", {PG_REFUSAL_PROGRAM, ERR_INTERNAL}},         /* no such schema */
        {"40", {PG_REFUSAL_LATER, ERR_CONFLICT}},           /* rolled back: deadlock, not serializable */
        {"42", {PG_REFUSAL_PROGRAM, ERR_INTERNAL}},         /* syntax, names, rights */
        {"53100", {PG_REFUSAL_LATER, ERR_NO_SPACE}},        /* disk full */
        {"54", {PG_REFUSAL_CONTENT, ERR_INVALID}},          /* over one of PostgreSQL's own limits */
        {"55P03", {PG_REFUSAL_LATER, ERR_CONFLICT}},        /* lock_timeout */
        {PGCONN_CANCELED, {PG_REFUSAL_LATER, ERR_TIMEOUT}}, /* statement_timeout, or somebody cancelled it */
        {"PS", {PG_REFUSAL_CONTENT, ERR_INVALID}},          /* raised by our own functions */
        {"XX", {PG_REFUSAL_LATER, ERR_INVALID}},            /* damaged pages and indexes */
    };
    for (size_t i = 0; sqlstate != NULL && i < sizeof known / sizeof known[0]; i++) {
        if (strncmp(sqlstate, known[i].begin, strlen(known[i].begin)) == 0) {
            return known[i].meaning;
        }
    }
    return (struct pgconn_meaning){PG_REFUSAL_LATER, ERR_UNAVAILABLE};
}

/* --- connecting ---------------------------------------------------------------------------------------- */

enum status pgconn_begin(const char *conninfo, const char *name, PGconn **ret, struct error *err) {
    /* What stands before dbname is a default that the conninfo may change, what stands behind it is not.
     * gssencmode: libpq would ask for Kerberos tickets, and wait for them. */
    const char *const keywords[] = {"keepalives_idle",
                                    "keepalives_interval",
                                    "keepalives_count",
                                    "tcp_user_timeout",
                                    "target_session_attrs",
                                    "gssencmode",
                                    "dbname",
                                    "application_name",
                                    "client_encoding",
                                    NULL};
    const char *const values[] = {"10",      "5",      "3",  "10000", "read-write",
                                  "disable", conninfo, name, "UTF8",  NULL};
    enum status status = conninfo_check(conninfo, err);
    if (status != OK) {
        return status;
    }
    PGconn *conn = PQconnectStartParams(keywords, values, 1);
    if (conn == NULL) {
        return error_set(err, ERR_NOMEM, "database", "no memory for a connection");
    }
    *ret = conn;
    return OK;
}

/* --- asking -------------------------------------------------------------------------------------------- */

int pgconn_send(PGconn *conn, const char *name, const char *sql, const struct pg_args *args) {
    const char *values[PG_ARGS_MAX] = {NULL};
    int formats[PG_ARGS_MAX] = {0};
    int n = args == NULL ? 0 : args->n;
    CHECK(n == 0 || !args->data.failed);
    for (int i = 0; i < n; i++) {
        values[i] = args->data.p == NULL ? "" : (const char *)args->data.p + args->offsets[i];
        formats[i] = 1;
    }
    const int *lengths = n == 0 ? NULL : args->lengths;
    return name != NULL
               ? PQsendQueryPrepared(conn, name, n, values, lengths, formats, 1)
               : PQsendQueryParams(conn, sql, n, n == 0 ? NULL : args->types, values, lengths, formats, 1);
}

/* Text from libpq may have several lines and ends with a newline. */
static void one_line(const char *text, char *ret, size_t size) {
    size_t n = 0;
    for (const char *p = text; *p != '\0' && n < size - 1; p++) {
        bool blank = *p == '\n' || *p == '\t' || *p == ' ';
        if (!blank) {
            ret[n++] = *p;
        } else if (n > 0 && ret[n - 1] != ' ') {
            ret[n++] = ' ';
        }
    }
    while (n > 0 && ret[n - 1] == ' ') {
        n--;
    }
    ret[n] = '\0';
}

void pgconn_text(const PGconn *conn, const PGresult *r, char ret[PGCONN_TEXT_SIZE]) {
    enum { STATE_SIZE = 24 };
    const char *sqlstate = r == NULL ? NULL : PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *primary = r == NULL ? NULL : PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    const char *text = primary != NULL ? primary
                       : r != NULL     ? PQresultErrorMessage(r)
                       : conn != NULL  ? PQerrorMessage(conn)
                                       : "";
    one_line(text, ret, PGCONN_TEXT_SIZE - STATE_SIZE);
    if (sqlstate != NULL) {
        size_t n = strlen(ret);
        (void)snprintf(ret + n, PGCONN_TEXT_SIZE - n, " (SQLSTATE %s)", sqlstate);
    }
}
