/* One connection to PostgreSQL that waits for each answer, for work on a thread of its own: never on the
 * loop's. One thread at a time.
 *
 * No wait is for good: PostgreSQL ends a statement after statement_ms; one that does not answer then is given
 * up BLOCKING_PATIENCE_MS later; and once *stop is true, whatever waits ends. Only the resolution of host
 * names cannot be ended.
 *
 * What an answer means is sorted as everywhere (pgconn.h): ERR_UNAVAILABLE (no connection, it was lost, the
 * work was ended, PostgreSQL is short of something), ERR_TIMEOUT, ERR_CONFLICT (a deadlock, a lock that
 * others keep, rows that changed meanwhile: roll back and try again), ERR_INVALID (about what is stored, or
 * given: the same again would fail again), ERR_NO_SPACE, ERR_INTERNAL (the statement does not fit the schema
 * or the role's rights), ERR_NOMEM. The text is PostgreSQL's, in one line; a password is never in it. After
 * an error only blocking_rollback and blocking_close may be called: the first keeps the connection, if it is
 * still good. */
#ifndef PENSTOCK_STORE_BLOCKING_H
#define PENSTOCK_STORE_BLOCKING_H

#include "server/store/pgvalue.h"

#include <stdatomic.h>

enum {
    BLOCKING_CONNECT_MS = 15000, /* for all hosts together */
    BLOCKING_PATIENCE_MS = 10000,
    BLOCKING_ARGS_BYTES = 64 * 1024 * 1024,
    BLOCKING_PREPARED_MAX = 16,
};

struct blocking_config {
    const char *conninfo; /* borrowed, as all that follow, while it is open */
    const char *name;     /* application_name */
    int statement_ms;
    /* Statements told to each new connection: settings beside those of all (PGCONN_SETTINGS), a transaction.
     * May be NULL. */
    const char *setup;
    int32_t lock;            /* of lock.h, held while it is open (ERR_CONFLICT: somebody has it); 0: none */
    const atomic_bool *stop; /* may be NULL */
};

/* Zeroed before it is opened for the first time. */
struct blocking {
    struct blocking_config cfg;
    PGconn *conn;
    struct pg_args args;
    const char *prepared[BLOCKING_PREPARED_MAX]; /* names, borrowed */
    bool lost; /* an answer is still under way, the connection broke, or another is needed */
};

/* b is not open. */
MUSTCHECK enum status blocking_open(struct blocking *b, const struct blocking_config *cfg, struct error *err);
/* Accepts one that is not open. What is not committed is undone. */
void blocking_close(struct blocking *b);
bool blocking_is_open(const struct blocking *b);
/* Statements without parameters and without rows: begin, commit, … */
MUSTCHECK enum status blocking_do(struct blocking *b, const char *sql, struct error *err);
/* The connection's own parameters, forgotten and to be filled anew. */
struct pg_args *blocking_args(struct blocking *b);
/* With these; the answer in binary form, to be PQcleared. */
MUSTCHECK enum status blocking_ask(struct blocking *b, const char *sql, PGresult **ret, struct error *err);
/* The same where nothing is to be read. */
MUSTCHECK enum status blocking_tell(struct blocking *b, const char *sql, struct error *err);
/* With the caller's parameters, or blocking_args's; prepared once for each connection: where planning, for
 * all partitions of a table, costs more than the work. name: a constant, always of the same statement, with
 * parameters of the same types. */
MUSTCHECK enum status blocking_ask_prepared(struct blocking *b, const char *name, const char *sql,
                                            const struct pg_args *args, PGresult **ret, struct error *err);
/* sql: copy … from stdin (format binary); rows: all of it with head and end. */
MUSTCHECK enum status blocking_copy(struct blocking *b, const char *sql, struct slice rows,
                                    struct error *err);
/* Ends the transaction without effect; the connection is closed if that is not possible, or if it is of no
 * use any more. */
void blocking_rollback(struct blocking *b);

#endif
