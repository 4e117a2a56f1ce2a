/* One asynchronous connection to PostgreSQL on the loop: libpq in pipeline mode on uv_poll. It connects by
 * itself, again after a loss (100 ms to 2 s later), and hands over results in the order of the jobs.
 *
 * A job is one statement or several, sent together, answered once. PG_READ: statements that change nothing.
 * PG_SNAPSHOT: the same, all seeing one moment. PG_WRITE: one transaction; PG_DONE is said only after its
 * COMMIT was answered without a warning. A job that was under way when the connection went is PG_UNKNOWN: it
 * may or may not have happened. Callbacks come from the loop, never from inside a call made here.
 *
 * Host names in the conninfo are resolved by libpq and block the loop: use addresses (or hostaddr), or names
 * in /etc/hosts. Several hosts are tried in their order; only one that accepts writes is taken. */
#ifndef PENSTOCK_STORE_PG_H
#define PENSTOCK_STORE_PG_H

#include "server/base/slice.h"
#include "server/base/status.h"
#include "server/store/pgconn.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum {
    PG_JOBS_MAX = 64,      /* under way on one connection */
    PG_STATEMENTS_MAX = 8, /* of one job */
    PG_PREPARED_MAX = 3,
    PG_CONNECT_MS = 15000, /* for all hosts together */
    PG_BACKOFF_MIN_MS = 100,
    PG_BACKOFF_MAX_MS = 2000,
    PG_STATEMENT_MS = 30000, /* default limit of one statement, kept by PostgreSQL */
    PG_ANSWER_MS = 45000,    /* no answer, of any job, for so long: the connection is given up */
};

struct pg;

enum pg_mode { PG_READ, PG_SNAPSHOT, PG_WRITE };

enum pg_outcome {
    PG_DONE,
    PG_REFUSED, /* PostgreSQL said no; nothing was changed */
    PG_UNKNOWN, /* connection lost, or COMMIT with a warning */
};

struct pg_answer {
    enum pg_outcome outcome;
    char sqlstate[6]; /* PG_REFUSED; "" if there is none */
    bool
        stray; /* not PG_DONE: called off in place of another job; it changed nothing and can be sent again */
    struct error error; /* unless PG_DONE; ERR_NO_SPACE: a disk of the database is full */
    uint32_t n;
    /* PG_DONE: one for each statement, in order. A receiver may keep one by putting NULL in its place. */
    PGresult *results[PG_STATEMENTS_MAX];
};

/* What a PG_REFUSED means for who asked (pgconn.h). */
enum pg_refusal pg_refusal(const struct pg_answer *answer);
/* Why something that failed is to be tried again, from its answer's error: ERR_NO_SPACE when a disk of the
 * database is full (SQLSTATE 53100), ERR_UNAVAILABLE for all else. */
struct error pg_trouble(const struct error *error);
/* True if `now` tells something that `before` did not; a full disk is named by another file each time. */
bool pg_is_news(const struct error *before, const struct error *now);

typedef void (*pg_on_done)(void *ctx, struct pg_answer *answer);

struct pg_config {
    uv_loop_t *loop;
    const char *conninfo;
    const char *name; /* application_name */
    uint32_t statement_ms;
    /* Borrowed. Statements that are sent so often that parsing and planning them each time would count: they
     * are prepared whenever a connection is made, and pg_send knows them by their address. NULL: no more. */
    const char *prepared[PG_PREPARED_MAX];
    void *ctx;
    void (*on_up)(void *ctx);
    /* The connection went, or could not be made; why it is so is also told by pg_error. Its jobs were
     * answered before. */
    void (*on_down)(void *ctx);
    void (*on_notify)(void *ctx, const char *channel, struct slice payload, bool own); /* may be NULL */
};

MUSTCHECK enum status pg_new(const struct pg_config *cfg, struct pg **ret, struct error *err);
/* Begins to connect. */
void pg_start(struct pg *pg);
bool pg_is_up(const struct pg *pg);
/* Why it is not up. */
const struct error *pg_error(const struct pg *pg);
/* True if it is up and takes another job. */
bool pg_has_room(const struct pg *pg);

/* One job: begin, up to PG_STATEMENTS_MAX statements, end. pg_has_room is the caller's to check. args may be
 * NULL. What fails here is reported by on_done. */
void pg_begin(struct pg *pg, enum pg_mode mode, pg_on_done on_done, void *ctx);
void pg_send(struct pg *pg, const char *sql, const struct pg_args *args);
void pg_end(struct pg *pg);
/* Pushes out what was sent. Results and errors are handled by the loop. */
void pg_flush(struct pg *pg);

/* Nobody wants the answer to the job with this ctx, one that reads: it is called off, and answered as all
 * are. A job that runs behind it may be hit instead, and is then told so (stray). */
void pg_cancel(struct pg *pg, const void *ctx);

/* Gives up the connection soon, with this reason, and makes a new one. */
void pg_drop(struct pg *pg, const struct error *why);
/* Closes; jobs under way are answered PG_UNKNOWN by the loop, then on_closed, then pg_free. */
void pg_close(struct pg *pg, void (*on_closed)(void *ctx), void *ctx);
void pg_free(struct pg **pg);

#endif
