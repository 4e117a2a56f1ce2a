/* What the store holds (migrations/0010_history.sql, 0011_store.sql): the statements of REQ_STORE and their
 * answers. Rows of tables are PostgreSQL's own estimates; those of the tables that have none yet count as 0.
 */
#ifndef PENSTOCK_STORE_STORE_SQL_H
#define PENSTOCK_STORE_STORE_SQL_H

#include "server/core/request.h"
#include "server/store/pg.h"

void store_sql_send(struct pg *pg);
/* How much memory store_sql_reply needs. */
size_t store_sql_reply_size(const struct pg_answer *answer);
/* memory: zeroed, of that size. */
void store_sql_reply(const struct pg_answer *answer, void *memory, struct reply *ret);

#endif
