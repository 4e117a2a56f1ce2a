/* A gateway's record while it is on its way into the database: a copy of what was handed over. Pure but for
 * memory. */
#ifndef PENSTOCK_STORE_INGEST_RECORD_H
#define PENSTOCK_STORE_INGEST_RECORD_H

#include "server/store/hot.h"
#include "server/store/store.h"

/* One block of memory with the rows of its samples, body and text. */
struct ingest_record {
    struct ingest_record *next;
    uint64_t number; /* place in the order of arrival */
    uint64_t came_ms;
    size_t bytes;
    char *refusal; /* own text of a fault that PostgreSQL found; NULL */
    const struct hot_row *hot;
    uint32_t n_hot;
    struct store_record v; /* without samples */
};

/* More bytes than a copy of it takes. */
size_t ingest_record_bytes_max(const struct store_record *r);
/* NULL without memory. work is to write samples in. */
struct ingest_record *ingest_record_new(const struct store_record *r, struct hot *work);
void ingest_record_free(struct ingest_record *r);
/* It stays as it was received, but goes to quarantine instead of having an effect: PostgreSQL refuses it, and
 * says why. */
void ingest_record_condemn(struct ingest_record *r, const struct error *why);

#endif
