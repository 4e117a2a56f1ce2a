/* Spans of time that gateways do not vouch for (migrations/0009_gateway_clock.sql, gateway_clock_span), of
 * the records of a batch: the statement that follows the one of ingest_sql.h in its transaction. Pure but for
 * memory. */
#ifndef PENSTOCK_STORE_DOUBT_SQL_H
#define PENSTOCK_STORE_DOUBT_SQL_H

#include "server/store/ingest_sql.h"

/* False for nearly all batches: then there is nothing to send. */
bool doubt_sql_has(const struct ingest_record *first);
/* Only what is stored under its number counts; the same again changes nothing. */
const char *doubt_sql(void);
void doubt_sql_args(struct pg_args *args, const struct ingest_record *first);

#endif
