#include "server/store/blocking.h"

#include "server/base/check.h"
#include "server/base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

enum { SLICE_MS = 200, PATIENCE_MS = 10000 /* beyond PostgreSQL's own limit of a statement */ };

#define QUERY_CANCELED        "57014"
#define LOCK_NOT_AVAILABLE    "55P03"
#define DEADLOCK_DETECTED     "40P01"
#define SERIALIZATION_FAILURE "40001"

/* Classes of SQLSTATE that are about data: values, constraints, what is too much for a function, damage. */
static bool is_about_data(const char *state) {
    static const char classes[][3] = {"22", "23", "54", "XX"};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (strncmp(state, classes[i], 2) == 0) {
            return true;
        }
    }
    return false;
}

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
    return state != NULL && is_about_data(state) ? ERR_INVALID : ERR_UNAVAILABLE;
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

/* Waits until the socket is ready, in slices, so that an end of the whole is seen. */
static enum status wait_for(const struct blocking *b, short events, int64_t deadline_ms, struct error *err) {
    struct pollfd fd = {.fd = PQsocket(b->conn), .events = events};
    for (;;) {
        if (b->stop != NULL && atomic_load(b->stop)) {
            return error_set(err, ERR_UNAVAILABLE, "database", "the work was ended");
        }
        if (clock_mono_us() / 1000 > deadline_ms) {
            return error_set(err, ERR_UNAVAILABLE, "database", "it does not answer");
        }
        int ready = poll(&fd, 1, SLICE_MS);
        if (ready > 0 || (ready < 0 && errno != EINTR)) {
            return OK; /* libpq will say what is wrong */
        }
    }
}

/* The one result of a statement that was sent. */
static enum status receive(struct blocking *b, PGresult **ret, struct error *err) {
    int64_t deadline_ms = clock_mono_us() / 1000 + b->statement_ms + PATIENCE_MS;
    PGresult *result = NULL;
    for (;;) {
        while (PQisBusy(b->conn) != 0) {
            enum status status = wait_for(b, POLLIN, deadline_ms, err);
            if (status != OK || PQconsumeInput(b->conn) == 0) {
                PQclear(result);
                b->lost = true;
                return status != OK ? status : failed(b, NULL, err);
            }
        }
        PGresult *next = PQgetResult(b->conn);
        if (next == NULL) {
            break;
        }
        PQclear(result);
        result = next;
    }
    ExecStatusType got = PQresultStatus(result);
    if (got != PGRES_TUPLES_OK && got != PGRES_COMMAND_OK) {
        enum status status = failed(b, result, err);
        PQclear(result);
        return status;
    }
    *ret = result;
    return OK;
}

enum status blocking_do(struct blocking *b, const char *sql, struct error *err) {
    PGresult *r = NULL;
    if (PQsendQuery(b->conn, sql) == 0) {
        return failed(b, NULL, err);
    }
    enum status status = receive(b, &r, err);
    if (status == OK) {
        PQclear(r);
    }
    return status;
}

struct pg_args *blocking_args(struct blocking *b) {
    pg_args_clear(&b->args);
    return &b->args;
}

/* name: of a prepared statement; NULL: sql. */
static enum status ask(struct blocking *b, const char *name, const char *sql, PGresult **ret,
                       struct error *err) {
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
    int sent = name != NULL ? PQsendQueryPrepared(b->conn, name, a->n, values, a->lengths, formats, 1)
                            : PQsendQueryParams(b->conn, sql, a->n, a->types, values, a->lengths, formats, 1);
    return sent == 0 ? failed(b, NULL, err) : receive(b, ret, err);
}

enum status blocking_ask(struct blocking *b, const char *sql, PGresult **ret, struct error *err) {
    return ask(b, NULL, sql, ret, err);
}

static enum status prepare(struct blocking *b, const char *name, const char *sql, struct error *err) {
    PGresult *r = NULL;
    size_t i = 0;
    while (i < BLOCKING_PREPARED_MAX && b->prepared[i] != NULL) {
        if (strcmp(b->prepared[i++], name) == 0) {
            return OK;
        }
    }
    CHECK(i < BLOCKING_PREPARED_MAX);
    if (PQsendPrepare(b->conn, name, sql, b->args.n, b->args.types) == 0) {
        return failed(b, NULL, err);
    }
    enum status status = receive(b, &r, err);
    if (status == OK) {
        PQclear(r);
        b->prepared[i] = name;
    }
    return status;
}

enum status blocking_ask_prepared(struct blocking *b, const char *name, const char *sql, PGresult **ret,
                                  struct error *err) {
    enum status status = prepare(b, name, sql, err);
    return status == OK ? ask(b, name, NULL, ret, err) : status;
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
    bool lost = b->conn != NULL && (b->lost || PQstatus(b->conn) != CONNECTION_OK);
    if (lost || (b->conn != NULL && PQtransactionStatus(b->conn) != PQTRANS_IDLE &&
                 blocking_do(b, "rollback", NULL) != OK)) {
        blocking_close(b);
    }
}

bool blocking_is_open(const struct blocking *b) {
    return b->conn != NULL;
}

static enum status connect(struct blocking *b, struct error *err) {
    int64_t deadline_ms = clock_mono_us() / 1000 + (int64_t)BLOCKING_CONNECT_S * 1000;
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (PQstatus(b->conn) != CONNECTION_BAD && next != PGRES_POLLING_OK) {
        enum status status = wait_for(b, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_ms, err);
        if (status != OK) {
            return status;
        }
        next = PQconnectPoll(b->conn);
        if (next == PGRES_POLLING_FAILED) {
            break;
        }
    }
    return PQstatus(b->conn) == CONNECTION_OK ? OK : failed(b, NULL, err);
}

enum status blocking_open(struct blocking *b, const char *conninfo, const char *name, int statement_ms,
                          struct error *err) {
    char set[80];
    const atomic_bool *stop = b->stop;
    (void)snprintf(set, sizeof set, "set statement_timeout = %d", statement_ms);
    const char *const keywords[] = {"dbname", "application_name", "client_encoding", NULL};
    const char *const values[] = {conninfo, name, "UTF8", NULL};
    *b = (struct blocking){
        .conn = PQconnectStartParams(keywords, values, 1), .stop = stop, .statement_ms = statement_ms};
    pg_args_init(&b->args, BLOCKING_ARGS_BYTES);
    if (b->conn == NULL) {
        return error_set(err, ERR_NOMEM, "database", "no memory for a connection");
    }
    enum status status = connect(b, err);
    if (status == OK) {
        status = blocking_do(b, set, err);
    }
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
    *b = (struct blocking){.stop = b->stop};
}
