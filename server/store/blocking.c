#include "server/store/blocking.h"

#include <stdio.h>

#define QUERY_CANCELED        "57014"
#define LOCK_NOT_AVAILABLE    "55P03"
#define DEADLOCK_DETECTED     "40P01"
#define SERIALIZATION_FAILURE "40001"

static enum status status_of(const char *state) {
    static const struct {
        const char *state;
        enum status status;
    } rows[] = {{QUERY_CANCELED, ERR_TIMEOUT},
                {LOCK_NOT_AVAILABLE, ERR_CONFLICT},
                {DEADLOCK_DETECTED, ERR_CONFLICT},
                {SERIALIZATION_FAILURE, ERR_CONFLICT}};
    for (size_t i = 0; state != NULL && i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(state, rows[i].state) == 0) {
            return rows[i].status;
        }
    }
    return ERR_UNAVAILABLE;
}

static enum status failed(const struct blocking *b, const PGresult *r, struct error *err) {
    char text[400];
    (void)snprintf(text, sizeof text, "%s", PQerrorMessage(b->conn));
    for (char *p = text; *p != '\0'; p++) {
        if (*p == '\n') {
            *p = ' ';
        }
    }
    return error_set(err, status_of(r == NULL ? NULL : PQresultErrorField(r, PG_DIAG_SQLSTATE)), "database",
                     "%s", text);
}

enum status blocking_do(struct blocking *b, const char *sql, struct error *err) {
    PGresult *r = PQexec(b->conn, sql);
    ExecStatusType got = PQresultStatus(r);
    enum status status = got == PGRES_COMMAND_OK || got == PGRES_TUPLES_OK ? OK : failed(b, r, err);
    PQclear(r);
    return status;
}

struct pg_args *blocking_args(struct blocking *b) {
    pg_args_clear(&b->args);
    return &b->args;
}

enum status blocking_ask(struct blocking *b, const char *sql, PGresult **ret, struct error *err) {
    const struct pg_args *a = &b->args;
    const char *values[PG_ARGS_MAX] = {NULL};
    int formats[PG_ARGS_MAX] = {0};
    if (a->data.failed) {
        return error_set(err, ERR_NOMEM, "database", "no memory for a statement's parameters");
    }
    for (int i = 0; i < a->n; i++) {
        values[i] = (const char *)a->data.p + a->offsets[i];
        formats[i] = 1;
    }
    PGresult *r = PQexecParams(b->conn, sql, a->n, a->types, values, a->lengths, formats, 1);
    ExecStatusType got = PQresultStatus(r);
    if (got != PGRES_TUPLES_OK && got != PGRES_COMMAND_OK) {
        enum status status = failed(b, r, err);
        PQclear(r);
        return status;
    }
    *ret = r;
    return OK;
}

enum status blocking_tell(struct blocking *b, const char *sql, struct error *err) {
    PGresult *r = NULL;
    enum status status = blocking_ask(b, sql, &r, err);
    if (status == OK) {
        PQclear(r);
    }
    return status;
}

void blocking_rollback(struct blocking *b) {
    if (b->conn != NULL && PQtransactionStatus(b->conn) != PQTRANS_IDLE &&
        blocking_do(b, "rollback", NULL) != OK) {
        blocking_close(b);
    }
}

bool blocking_is_open(const struct blocking *b) {
    return b->conn != NULL;
}

enum status blocking_open(struct blocking *b, const char *conninfo, const char *name, int statement_ms,
                          struct error *err) {
    char timeout[16];
    char set[80];
    (void)snprintf(timeout, sizeof timeout, "%d", BLOCKING_CONNECT_S);
    (void)snprintf(set, sizeof set, "set statement_timeout = %d", statement_ms);
    const char *const keywords[] = {"connect_timeout", "dbname", "application_name", "client_encoding", NULL};
    const char *const values[] = {timeout, conninfo, name, "UTF8", NULL};
    *b = (struct blocking){.conn = PQconnectdbParams(keywords, values, 1)};
    pg_args_init(&b->args, BLOCKING_ARGS_BYTES);
    if (b->conn == NULL) {
        return error_set(err, ERR_NOMEM, "database", "no memory for a connection");
    }
    enum status status = PQstatus(b->conn) == CONNECTION_OK ? blocking_do(b, set, err) : failed(b, NULL, err);
    if (status != OK) {
        blocking_close(b);
    }
    return status;
}

void blocking_close(struct blocking *b) {
    PQfinish(b->conn); /* accepts NULL */
    if (b->conn != NULL) {
        pg_args_done(&b->args);
    }
    *b = (struct blocking){0};
}
