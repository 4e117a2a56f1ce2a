/* The statement that stores a batch of any records, and its parameters: whether they are there already, are
 * to go to quarantine or tell of lost ones. For those of which none is so there is fresh_sql.h. Pure but for
 * memory. */
#ifndef PENSTOCK_STORE_INGEST_SQL_H
#define PENSTOCK_STORE_INGEST_SQL_H

#include "server/store/ingest_record.h"
#include "server/store/pgvalue.h"

/* Upper bound of the parameters' bytes for so many records of so many bytes. */
#define INGEST_ARGS_BYTES(records, bytes) ((size_t)4096 + (size_t)(records)*384 + (size_t)(bytes)*2)

/* Its result: the places (bigint, from 1, ascending) of records whose number has another content. */
const char *ingest_sql(void);
/* tried: the same was sent before and may be stored: what is there already did not come again. */
void ingest_sql_args(struct pg_args *args, const struct ingest_record *first, bool tried);

/* A part that fresh_sql.h has, too: nine arrays of the records, gateway_key to body as in ingest_batch. */
void ingest_sql_records(struct pg_args *args, const struct ingest_record *first);

#endif
