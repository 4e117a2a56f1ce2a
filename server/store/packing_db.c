#include "server/store/packing_db.h"

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/store/lock.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { POLL_MS = 100, PIECE = 1 << 20 };

#define QUERY_CANCELED "57014"

/* --- failing ------------------------------------------------------------------------------------------- */

/* Classes of SQLSTATE that are about data: 22, 23 (values, constraints), XX (damaged pages and indexes). */
static bool is_about_data(const char *state) {
    return state != NULL &&
           (strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 || strncmp(state, "XX", 2) == 0);
}

static enum status fail(struct packing_db *db, const PGresult *r, const char *text, struct error *err) {
    char line[400];
    const char *state = r == NULL ? NULL : PQresultErrorField(r, PG_DIAG_SQLSTATE);
    (void)snprintf(line, sizeof line, "%s", text != NULL ? text : PQerrorMessage(db->conn));
    for (char *p = line; *p != '\0'; p++) {
        if (*p == '\n') {
            *p = ' ';
        }
    }
    enum status status = is_about_data(state) ? ERR_INVALID : ERR_UNAVAILABLE;
    status = state != NULL && strcmp(state, QUERY_CANCELED) == 0 ? ERR_TIMEOUT : status;
    packing_db_close(db);
    return error_set(err, status, "database", "%s%s%s", line, state == NULL ? "" : " SQLSTATE ",
                     state == NULL ? "" : state);
}

void packing_db_close(struct packing_db *db) {
    PQfinish(db->conn); /* accepts NULL */
    db->conn = NULL;
}

/* --- waiting ------------------------------------------------------------------------------------------- */

/* Until the socket can be read, or also written. */
static enum status wait_for(struct packing_db *db, short events, int64_t until_us, struct error *err) {
    for (;;) {
        if (db->stop != NULL && atomic_load(db->stop)) {
            return fail(db, NULL, "the server is stopping", err);
        }
        if (clock_mono_us() > until_us) {
            return fail(db, NULL, "the database does not answer", err);
        }
        struct pollfd at = {.fd = PQsocket(db->conn), .events = events};
        if (poll(&at, 1, POLL_MS) > 0) {
            return OK;
        }
    }
}

static int64_t deadline_us(void) {
    return clock_mono_us() + (int64_t)PACKING_DB_STATEMENT_MS * 1000;
}

static enum status flush(struct packing_db *db, struct error *err) {
    int64_t until_us = deadline_us();
    int left = 0;
    while ((left = PQflush(db->conn)) > 0) {
        enum status status = wait_for(db, POLLIN | POLLOUT, until_us, err);
        if (status != OK) {
            return status;
        }
        if (PQconsumeInput(db->conn) == 0) {
            return fail(db, NULL, NULL, err);
        }
    }
    return left < 0 ? fail(db, NULL, NULL, err) : OK;
}

/* The next result, NULL behind the last one of a statement. */
static enum status next_result(struct packing_db *db, PGresult **ret, struct error *err) {
    int64_t until_us = deadline_us();
    while (PQisBusy(db->conn) != 0) {
        enum status status = wait_for(db, POLLIN, until_us, err);
        if (status != OK) {
            return status;
        }
        if (PQconsumeInput(db->conn) == 0) {
            return fail(db, NULL, NULL, err);
        }
    }
    *ret = PQgetResult(db->conn);
    return OK;
}

static bool is_good(const PGresult *r) {
    ExecStatusType status = PQresultStatus(r);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_COPY_IN;
}

/* The first result of what was sent; the others are only looked at. In the middle of a COPY none follows yet.
 */
static enum status receive(struct packing_db *db, PGresult **ret, struct error *err) {
    PGresult *first = NULL;
    enum status status = flush(db, err);
    while (status == OK) {
        PGresult *r = NULL;
        status = next_result(db, &r, err);
        if (status != OK || r == NULL) {
            break;
        }
        if (!is_good(r)) {
            status = fail(db, r, NULL, err);
        }
        bool copies = PQresultStatus(r) == PGRES_COPY_IN;
        if (first == NULL && status == OK) {
            first = r;
        } else {
            PQclear(r);
        }
        if (copies) {
            break;
        }
    }
    if (status != OK) {
        PQclear(first);
        return status;
    }
    *ret = first;
    return OK;
}

/* --- statements ---------------------------------------------------------------------------------------- */

enum status packing_db_run(struct packing_db *db, const char *sql, struct error *err) {
    PGresult *r = NULL;
    if (PQsendQuery(db->conn, sql) == 0) {
        return fail(db, NULL, NULL, err);
    }
    enum status status = receive(db, &r, err);
    if (status == OK) {
        PQclear(r);
    }
    return status;
}

enum status packing_db_ask(struct packing_db *db, uint32_t statement, const struct pg_args *args,
                           PGresult **ret, struct error *err) {
    CHECK(statement < db->n_statements);
    const char *values[PG_ARGS_MAX] = {NULL};
    int formats[PG_ARGS_MAX] = {0};
    if (args->data.failed) {
        packing_db_close(db);
        return error_set(err, ERR_NOMEM, "packer", "no memory for the parameters of a statement");
    }
    for (int i = 0; i < args->n; i++) {
        values[i] = (const char *)args->data.p + args->offsets[i];
        formats[i] = 1;
    }
    if (PQsendQueryPrepared(db->conn, db->statements[statement].name, args->n, values, args->lengths, formats,
                            1) == 0) {
        return fail(db, NULL, NULL, err);
    }
    return receive(db, ret, err);
}

enum status packing_db_copy(struct packing_db *db, const char *sql, struct slice rows, struct error *err) {
    enum status status = packing_db_run(db, sql, err);
    for (size_t at = 0; at < rows.n && status == OK;) {
        int n = rows.n - at < PIECE ? (int)(rows.n - at) : PIECE; /* PIECE fits */
        int sent = PQputCopyData(db->conn, rows.p + at, n);
        if (sent < 0) {
            return fail(db, NULL, NULL, err);
        }
        at += sent > 0 ? (size_t)n : 0;
        status = flush(db, err);
    }
    int ended = 0;
    while (status == OK && (ended = PQputCopyEnd(db->conn, NULL)) == 0) {
        status = flush(db, err);
    }
    if (status == OK && ended < 0) {
        return fail(db, NULL, NULL, err);
    }
    PGresult *r = NULL;
    status = status == OK ? receive(db, &r, err) : status;
    if (status == OK) {
        PQclear(r);
    }
    return status;
}

/* --- connecting ---------------------------------------------------------------------------------------- */

/* Plans that go by the indexes, made once: what is stored in a new period has no statistics yet, and planning
 * for every partition costs more than most of these statements. A commit that a crash of PostgreSQL takes
 * back is simply done again: it need not wait for the disk, nor for a standby. */
static enum status settle_in(struct packing_db *db, struct error *err) {
    char sql[320];
    (void)snprintf(
        sql, sizeof sql,
        "set statement_timeout = %d; set plan_cache_mode = force_generic_plan; set enable_hashjoin = off;"
        " set enable_mergejoin = off; set enable_seqscan = off; set jit = off; set synchronous_commit = off;"
        " set idle_in_transaction_session_timeout = %d",
        PACKING_DB_STATEMENT_MS, PACKING_DB_STATEMENT_MS);
    enum status status = packing_db_run(db, sql, err);
    for (uint32_t i = 0; i < db->n_statements && status == OK; i++) {
        PGresult *r = NULL;
        if (PQsendPrepare(db->conn, db->statements[i].name, db->statements[i].sql, 0, NULL) == 0) {
            return fail(db, NULL, NULL, err);
        }
        status = receive(db, &r, err);
        if (status == OK) {
            PQclear(r);
        }
    }
    return status;
}

/* The lock is the connection's: it goes with it. */
static enum status be_the_only_one(struct packing_db *db, struct error *err) {
    char sql[80];
    PGresult *r = NULL;
    (void)snprintf(sql, sizeof sql, "select pg_try_advisory_lock(%d, %d)", LOCK_CLASS, LOCK_PACKER);
    if (PQsendQuery(db->conn, sql) == 0) {
        return fail(db, NULL, NULL, err);
    }
    enum status status = receive(db, &r, err);
    if (status != OK) {
        return status;
    }
    bool ours = PQntuples(r) == 1 && PQgetvalue(r, 0, 0)[0] == 't';
    PQclear(r);
    if (ours) {
        return OK;
    }
    packing_db_close(db);
    return error_set(err, ERR_CONFLICT, "database", "another packer is at work in it, or not gone yet");
}

enum status packing_db_open(struct packing_db *db, struct error *err) {
    char timeout[16];
    if (db->conn != NULL) {
        return OK;
    }
    (void)snprintf(timeout, sizeof timeout, "%d", PACKING_DB_CONNECT_S);
    const char *const keywords[] = {"connect_timeout",      "dbname", "application_name", "client_encoding",
                                    "target_session_attrs", NULL};
    const char *const values[] = {timeout, db->conninfo, PACKING_DB_NAME, "UTF8", "read-write", NULL};
    db->conn = PQconnectdbParams(keywords, values, 1);
    if (db->conn == NULL) {
        return error_set(err, ERR_NOMEM, "database", "no memory for a connection");
    }
    if (PQstatus(db->conn) != CONNECTION_OK || PQsetnonblocking(db->conn, 1) != 0) {
        return fail(db, NULL, NULL, err);
    }
    enum status status = be_the_only_one(db, err);
    return status == OK ? settle_in(db, err) : status;
}
