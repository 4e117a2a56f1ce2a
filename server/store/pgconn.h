/* What a connection to PostgreSQL on the loop (pg.h) and one on a thread of its own (blocking.h) have in
 * common: how it begins, which settings it has, how a statement is sent, how an error reads and what its
 * SQLSTATE means. No state. */
#ifndef PENSTOCK_STORE_PGCONN_H
#define PENSTOCK_STORE_PGCONN_H

#include "server/base/status.h"
#include "server/store/pgvalue.h"

enum { PGCONN_TEXT_SIZE = 440 };
/* A statement that took too long, or was called off. */
#define PGCONN_CANCELED "57014"

/* What a refusal by PostgreSQL means for who asked. */
enum pg_refusal {
    PG_REFUSAL_CONTENT, /* this content is refused, other content would not be (classes 22, 23, 54, own PSnnn)
                         */
    PG_REFUSAL_PROGRAM, /* the statement itself: wrong schema or rights (classes 0A, 3F, 42) */
    PG_REFUSAL_LATER,   /* disk full, read-only, deadlock, time limit, …: the same may succeed later */
};

/* The one table of SQLSTATEs. status is for who waits for the answer and can do something about it:
 * ERR_INVALID: about what is given or stored (damage, too: class XX), so that the same again would fail
 * again; ERR_CONFLICT: a deadlock, a lock that others keep, rows that changed meanwhile: roll back and try
 * again; ERR_TIMEOUT: took too long; ERR_NO_SPACE: a disk is full; ERR_INTERNAL: the statement does not fit
 * the schema or the role's rights; ERR_UNAVAILABLE: all else, no SQLSTATE ("" or NULL) included. */
struct pgconn_meaning {
    enum pg_refusal refusal;
    enum status status;
};
struct pgconn_meaning pgconn_meaning(const char *sqlstate);

/* Begins to connect, without waiting but for names that are to be resolved. Several hosts are tried in their
 * order; only one that accepts writes is taken, unless the conninfo says otherwise. *ret may be a connection
 * that has failed already (CONNECTION_BAD): its text says why. ERR_INVALID: the conninfo; ERR_NOMEM. */
MUSTCHECK enum status pgconn_begin(const char *conninfo, const char *name, PGconn **ret, struct error *err);

/* For a select list, once connected. $1: a statement's limit in ms, as text. Keepalives: so that PostgreSQL,
 * too, notices a dead line, and lets go of our locks. synchronous_commit: a weaker setting of the database is
 * raised, a stronger one (remote_apply) stays. */
#define PGCONN_SETTINGS                                                                                      \
    " set_config('statement_timeout', $1, false),"                                                           \
    " set_config('idle_in_transaction_session_timeout', '60000', false),"                                    \
    " set_config('tcp_keepalives_idle', '10', false),"                                                       \
    " set_config('tcp_keepalives_interval', '5', false),"                                                    \
    " set_config('tcp_keepalives_count', '3', false),"                                                       \
    " set_config('tcp_user_timeout', '10000', false),"                                                       \
    " set_config('synchronous_commit',"                                                                      \
    "   case when current_setting('synchronous_commit') in ('off', 'local') then 'on'"                       \
    "        else current_setting('synchronous_commit') end, false)"

/* Sends a statement (sql), or one that was prepared (its name; sql is not looked at then); the answer in
 * binary form. args may be NULL; they must not have failed. 1: sent; else the connection's text says why. */
MUSTCHECK int pgconn_send(PGconn *conn, const char *name, const char *sql, const struct pg_args *args);

/* Why it failed, in one line, with the SQLSTATE: by PostgreSQL's answer, or without one (NULL) by the
 * connection, which may be NULL too. */
void pgconn_text(const PGconn *conn, const PGresult *r, char ret[PGCONN_TEXT_SIZE]);

#endif
