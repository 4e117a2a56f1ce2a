#include "server/store/blocking.h"

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/store/lock.h"
#include "server/store/pgconn.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { SLICE_MS = 100, PIECE = 1 << 20 };

/* --- failing ------------------------------------------------------------------------------------------- */

/* r: PostgreSQL's answer; NULL: the connection is to blame. */
static enum status failed(struct blocking *b, const PGresult *r, struct error *err) {
    static const char read_only[] = "25006"; /* another host may be the one to write to by now */
    char text[PGCONN_TEXT_SIZE];
    const char *sqlstate = r == NULL ? NULL : PQresultErrorField(r, PG_DIAG_SQLSTATE);
    pgconn_text(b->conn, r, text);
    b->lost = b->lost || r == NULL || PQstatus(b->conn) != CONNECTION_OK ||
              (sqlstate != NULL && strcmp(sqlstate, read_only) == 0);
    return error_set(err, pgconn_meaning(sqlstate).status, "database", "%s", text);
}

static enum status give_up(struct blocking *b, const char *why, struct error *err) {
    b->lost = true;
    return error_set(err, ERR_UNAVAILABLE, "database", "%s", why);
}

/* --- waiting ------------------------------------------------------------------------------------------- */

static int64_t deadline_us(const struct blocking *b) {
    return clock_mono_us() + (int64_t)(b->cfg.statement_ms + BLOCKING_PATIENCE_MS) * 1000;
}

/* Until the socket is ready, in slices, so that an end of the whole is seen. A socket that is gone is ready:
 * libpq will say what is wrong. */
static enum status wait_for(struct blocking *b, short events, int64_t until_us, struct error *err) {
    struct pollfd fd = {.fd = PQsocket(b->conn), .events = events};
    for (;;) {
        if (b->cfg.stop != NULL && atomic_load(b->cfg.stop)) {
            return give_up(b, "the work was ended", err);
        }
        if (clock_mono_us() > until_us) {
            return give_up(b, "it does not answer", err);
        }
        int ready = fd.fd < 0 ? 1 : poll(&fd, 1, SLICE_MS);
        if (ready > 0 || (ready < 0 && errno != EINTR)) {
            return OK;
        }
    }
}

/* Writes what libpq has to write; reads meanwhile, for the other side may do so too. */
static enum status flush(struct blocking *b, struct error *err) {
    int64_t until_us = deadline_us(b);
    int left = 0;
    while ((left = PQflush(b->conn)) > 0) {
        enum status status = wait_for(b, POLLIN | POLLOUT, until_us, err);
        if (status != OK) {
            return status;
        }
        if (PQconsumeInput(b->conn) == 0) {
            return failed(b, NULL, err);
        }
    }
    return left < 0 ? failed(b, NULL, err) : OK;
}

/* NULL behind the last one of what was sent. */
static enum status next_result(struct blocking *b, PGresult **ret, struct error *err) {
    int64_t until_us = deadline_us(b);
    while (PQisBusy(b->conn) != 0) {
        enum status status = wait_for(b, POLLIN, until_us, err);
        if (status != OK) {
            return status;
        }
        if (PQconsumeInput(b->conn) == 0) {
            return failed(b, NULL, err);
        }
    }
    *ret = PQgetResult(b->conn);
    return OK;
}

/* The last result of what was sent: behind a failed statement none follows. A COPY has only begun. */
static enum status receive(struct blocking *b, PGresult **ret, struct error *err) {
    PGresult *last = NULL;
    PGresult *next = NULL;
    enum status status = flush(b, err);
    while (status == OK && PQresultStatus(last) != PGRES_COPY_IN) {
        status = next_result(b, &next, err);
        if (status != OK || next == NULL) {
            break;
        }
        PQclear(last);
        last = next;
    }
    ExecStatusType got = PQresultStatus(last); /* of none: a fatal error */
    if (status == OK && got != PGRES_TUPLES_OK && got != PGRES_COMMAND_OK && got != PGRES_COPY_IN) {
        status = failed(b, last, err);
    }
    if (status != OK) {
        PQclear(last);
        return status;
    }
    *ret = last;
    return OK;
}

/* sent: what libpq said to it. */
static enum status answer(struct blocking *b, int sent, PGresult **ret, struct error *err) {
    return sent == 1 ? receive(b, ret, err) : failed(b, NULL, err);
}

static enum status acknowledged(struct blocking *b, int sent, struct error *err) {
    PGresult *r = NULL;
    enum status status = answer(b, sent, &r, err);
    if (status == OK) {
        PQclear(r);
    }
    return status;
}

/* --- statements ---------------------------------------------------------------------------------------- */

enum status blocking_do(struct blocking *b, const char *sql, struct error *err) {
    return acknowledged(b, PQsendQuery(b->conn, sql), err);
}

struct pg_args *blocking_args(struct blocking *b) {
    pg_args_clear(&b->args);
    return &b->args;
}

static enum status check_args(const struct pg_args *args, struct error *err) {
    return args->data.failed ? error_set(err, ERR_NOMEM, "database",
                                         "no memory for a statement's parameters, or over %zu bytes of them",
                                         args->data.max)
                             : OK;
}

enum status blocking_ask(struct blocking *b, const char *sql, PGresult **ret, struct error *err) {
    enum status status = check_args(&b->args, err);
    return status == OK ? answer(b, pgconn_send(b->conn, NULL, sql, &b->args), ret, err) : status;
}

enum status blocking_tell(struct blocking *b, const char *sql, struct error *err) {
    PGresult *r = NULL;
    enum status status = blocking_ask(b, sql, &r, err);
    if (status == OK) {
        PQclear(r);
    }
    return status;
}

static enum status prepare(struct blocking *b, const char *name, const char *sql, const struct pg_args *args,
                           struct error *err) {
    size_t i = 0;
    while (i < BLOCKING_PREPARED_MAX && b->prepared[i] != NULL) {
        if (strcmp(b->prepared[i++], name) == 0) {
            return OK;
        }
    }
    CHECK(i < BLOCKING_PREPARED_MAX);
    enum status status = acknowledged(b, PQsendPrepare(b->conn, name, sql, args->n, args->types), err);
    b->prepared[i] = status == OK ? name : NULL;
    return status;
}

enum status blocking_ask_prepared(struct blocking *b, const char *name, const char *sql,
                                  const struct pg_args *args, PGresult **ret, struct error *err) {
    enum status status = check_args(args, err);
    status = status == OK ? prepare(b, name, sql, args, err) : status;
    return status == OK ? answer(b, pgconn_send(b->conn, name, NULL, args), ret, err) : status;
}

/* --- copying ------------------------------------------------------------------------------------------- */

/* p NULL: that was all. PostgreSQL tells why it will not have it in the answer to the whole. */
static enum status put(struct blocking *b, const char *p, size_t n, struct error *err) {
    for (;;) {
        int taken = p == NULL ? PQputCopyEnd(b->conn, NULL) : PQputCopyData(b->conn, p, (int)n); /* PIECE */
        if (taken < 0) {
            return failed(b, NULL, err);
        }
        enum status status = flush(b, err);
        if (status != OK || taken > 0) {
            return status;
        }
    }
}

enum status blocking_copy(struct blocking *b, const char *sql, struct slice rows, struct error *err) {
    enum status status = blocking_do(b, sql, err);
    for (size_t at = 0; at < rows.n && status == OK; at += PIECE) {
        status = put(b, rows.p + at, rows.n - at < PIECE ? rows.n - at : PIECE, err);
    }
    status = status == OK ? put(b, NULL, 0, err) : status;
    return status == OK ? acknowledged(b, 1, err) : status;
}

/* --- the connection ------------------------------------------------------------------------------------ */

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

/* Notices would be printed otherwise. */
static void on_notice(void *ctx, const PGresult *r) {
    (void)ctx;
    (void)r;
}

static enum status finish_connecting(struct blocking *b, struct error *err) {
    int64_t until_us = clock_mono_us() + (int64_t)BLOCKING_CONNECT_MS * 1000;
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (PQstatus(b->conn) != CONNECTION_BAD && next != PGRES_POLLING_OK && next != PGRES_POLLING_FAILED) {
        enum status status = wait_for(b, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_us, err);
        if (status != OK) {
            return status;
        }
        next = PQconnectPoll(b->conn);
    }
    if (PQstatus(b->conn) != CONNECTION_OK || PQsetnonblocking(b->conn, 1) != 0) {
        return failed(b, NULL, err);
    }
    (void)PQsetNoticeReceiver(b->conn, on_notice, NULL);
    return OK;
}

static enum status settle_in(struct blocking *b, struct error *err) {
    static const char sql[] = "select" PGCONN_SETTINGS;
    char limit[16];
    (void)snprintf(limit, sizeof limit, "%d", b->cfg.statement_ms);
    pg_arg_text(blocking_args(b), slice_str(limit));
    enum status status = blocking_tell(b, sql, err);
    return status == OK && b->cfg.setup != NULL ? blocking_do(b, b->cfg.setup, err) : status;
}

/* The lock is the connection's: it goes with it. */
static enum status take_lock(struct blocking *b, struct error *err) {
    PGresult *r = NULL;
    struct pg_args *a = blocking_args(b);
    pg_arg_i32(a, LOCK_CLASS);
    pg_arg_i32(a, b->cfg.lock);
    enum status status = blocking_ask(b, "select pg_try_advisory_lock($1, $2)", &r, err);
    if (status == OK && !pg_get_bool(r, 0, 0)) {
        status = error_set(err, ERR_CONFLICT, "database", "another %s is at work in it, or not gone yet",
                           b->cfg.name);
    }
    PQclear(r);
    return status;
}

enum status blocking_open(struct blocking *b, const struct blocking_config *cfg, struct error *err) {
    CHECK(!blocking_is_open(b));
    CHECK(cfg->statement_ms > 0);
    *b = (struct blocking){.cfg = *cfg};
    enum status status = pgconn_begin(cfg->conninfo, cfg->name, &b->conn, err);
    if (status != OK) {
        return status;
    }
    pg_args_init(&b->args, BLOCKING_ARGS_BYTES);
    status = finish_connecting(b, err);
    status = status == OK ? settle_in(b, err) : status;
    status = status == OK && cfg->lock != 0 ? take_lock(b, err) : status;
    if (status != OK) {
        blocking_close(b);
    }
    return status;
}

void blocking_close(struct blocking *b) {
    if (b->conn != NULL) {
        PQfinish(b->conn);
        pg_args_done(&b->args);
    }
    *b = (struct blocking){0};
}
