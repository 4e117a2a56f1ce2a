/* The statement for a batch in which nothing is out of the way: records that are used, tell of nothing lost,
 * and whose numbers are not known yet; nearly all batches are so. It does for those just what the one of
 * ingest_sql.h does for all, at half of the cost, since nothing needs to be sorted out: rows are inserted in
 * their order, and ranges and counts come as the few that a batch has. That the numbers are new is the
 * caller's hope and proven by ingest_batch_pk: where one is there already, PostgreSQL refuses the whole
 * statement (SQLSTATE 23505), nothing is changed, and the batch is one for ingest_sql.h. Pure but for
 * memory. */
#ifndef PENSTOCK_STORE_FRESH_SQL_H
#define PENSTOCK_STORE_FRESH_SQL_H

#include "server/store/ingest_sql.h"

#define FRESH_SQL_TWICE "23505" /* unique violation */

/* No result. */
const char *fresh_sql(void);
/* False, and args as they were: the n records are not of that kind, or there is no memory to tell. */
MUSTCHECK bool fresh_sql_args(struct pg_args *args, const struct ingest_record *first, uint32_t n);

#endif
