/* Blocking PostgreSQL for the command line: statements with binary parameters and results (pgvalue.h). */
#ifndef PENSTOCK_APP_CLI_DB_H
#define PENSTOCK_APP_CLI_DB_H

#include "server/store/pgvalue.h"

enum { DB_ARGS_BYTES_MAX = 1000 * 1000 * 1000 }; /* PostgreSQL takes less than 1 GiB in one message */

MUSTCHECK enum status db_open(const char *conninfo, PGconn **ret, struct error *err);
/* args, ret: NULL if there are none, or it is not wanted. The caller clears *ret. */
MUSTCHECK enum status db_query(PGconn *db, const char *sql, const struct pg_args *args, PGresult **ret,
                               struct error *err);
MUSTCHECK enum status db_begin(PGconn *db, struct error *err);
/* The audit row of what this transaction did, and its end. ERR_UNAVAILABLE: the answer was lost. */
MUSTCHECK enum status db_commit(PGconn *db, const char *actor, const char *action, const char *object,
                                const char *detail, struct error *err);

#endif
