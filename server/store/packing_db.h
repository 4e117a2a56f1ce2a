/* The packer's own connection: statements that block the calling thread, but never for good. Every wait ends
 * when the owner says stop, or after PACKING_DB_STATEMENT_MS, so that a database that hangs cannot keep the
 * server from ending. A statement that fails closes the connection, and with it goes what it had begun: the
 * next use connects again. One thread at a time. Errors: ERR_UNAVAILABLE; ERR_INVALID if it is about what is
 * stored (damaged pages) or given, so that the same again would fail again; ERR_TIMEOUT if the statement took
 * too long; ERR_CONFLICT if another packer is at work; ERR_NOMEM. */
#ifndef PENSTOCK_STORE_PACKING_DB_H
#define PENSTOCK_STORE_PACKING_DB_H

#include "server/store/pgvalue.h"

#include <stdatomic.h>

enum { PACKING_DB_STATEMENT_MS = 60000, PACKING_DB_CONNECT_S = 3 };
#define PACKING_DB_NAME "penstock packer"

struct packing_statement {
    const char *name;
    const char *sql;
};

struct packing_db {
    const char *conninfo; /* borrowed */
    const struct packing_statement *statements;
    uint32_t n_statements;
    const atomic_bool *stop; /* may be NULL */
    PGconn *conn;            /* NULL: not connected */
};

/* Connects if need be, and is the only packer then. */
MUSTCHECK enum status packing_db_open(struct packing_db *db, struct error *err);
void packing_db_close(struct packing_db *db);
MUSTCHECK enum status packing_db_run(struct packing_db *db, const char *sql, struct error *err);
/* A prepared statement; the result in binary form, the caller's. */
MUSTCHECK enum status packing_db_ask(struct packing_db *db, uint32_t statement, const struct pg_args *args,
                                     PGresult **ret, struct error *err);
/* sql: copy … from stdin (format binary); rows: all of it with head and end. */
MUSTCHECK enum status packing_db_copy(struct packing_db *db, const char *sql, struct slice rows,
                                      struct error *err);

#endif
