/* One connection to PostgreSQL that waits for each answer, for work on a thread of its own. Never on the
 * loop's thread; one thread at a time. Errors: ERR_UNAVAILABLE (no connection, or it was lost, or the
 * statement was refused), ERR_TIMEOUT, ERR_CONFLICT (a deadlock, or rows that changed meanwhile: roll back
 * and try again), ERR_INVALID (about what is stored, or given: the same again would fail again), ERR_NOMEM.
 * After an error only blocking_rollback and blocking_close may be called. */
#ifndef PENSTOCK_STORE_BLOCKING_H
#define PENSTOCK_STORE_BLOCKING_H

#include "server/store/pgvalue.h"

#include <stdatomic.h>

enum { BLOCKING_CONNECT_S = 15, BLOCKING_ARGS_BYTES = 64 * 1024 * 1024, BLOCKING_PREPARED_MAX = 4 };

/* Zeroed before it is opened for the first time. */
struct blocking {
    PGconn *conn;
    struct pg_args args;
    const atomic_bool *stop; /* may be NULL; once it is true, whatever waits ends with ERR_UNAVAILABLE */
    int statement_ms;
    const char *prepared[BLOCKING_PREPARED_MAX]; /* names, borrowed */
    bool lost;                                   /* an answer is still under way, or the connection broke */
};

/* statement_ms: limit of one statement, kept by PostgreSQL. */
MUSTCHECK enum status blocking_open(struct blocking *b, const char *conninfo, const char *name,
                                    int statement_ms, struct error *err);
/* Accepts one that is not open. */
void blocking_close(struct blocking *b);
bool blocking_is_open(const struct blocking *b);
/* A statement without parameters and without rows: begin, commit, … */
MUSTCHECK enum status blocking_do(struct blocking *b, const char *sql, struct error *err);
/* Forgets the parameters, to be filled anew. */
struct pg_args *blocking_args(struct blocking *b);
/* With these parameters; the answer in binary form, to be PQcleared. */
MUSTCHECK enum status blocking_ask(struct blocking *b, const char *sql, PGresult **ret, struct error *err);
/* The same, prepared once for each connection: where planning, for all partitions of a table, costs more than
 * the work. name: a constant. */
MUSTCHECK enum status blocking_ask_prepared(struct blocking *b, const char *name, const char *sql,
                                            PGresult **ret, struct error *err);
/* The same where nothing is to be read. */
MUSTCHECK enum status blocking_tell(struct blocking *b, const char *sql, struct error *err);
/* Ends the transaction without effect; the connection is closed if that is not possible. */
void blocking_rollback(struct blocking *b);

#endif
