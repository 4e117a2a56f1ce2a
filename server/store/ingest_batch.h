/* Records that are stored in one transaction. Pure but for memory. */
#ifndef PENSTOCK_STORE_INGEST_BATCH_H
#define PENSTOCK_STORE_INGEST_BATCH_H

#include "server/store/ingest_record.h"

enum {
    /* A batch is closed when it has as many: more are hardly cheaper, and keep an alarm's commit waiting. */
    INGEST_BATCH_SAMPLES = 10000,
    INGEST_BATCH_RECORDS = 2000,
    INGEST_BATCH_BYTES = 8 * 1024 * 1024,
};

struct ingest_batch {
    struct ingest_batch *next;
    void *owner; /* of whoever sends it */
    struct ingest_record *first;
    uint32_t n_records;
    uint32_t n_samples;
    size_t bytes;
    bool sent;
    bool tried; /* with an unknown outcome: it may be stored already */
    bool twice; /* a number in it is known to be stored already */
};

/* NULL without memory. */
struct ingest_batch *ingest_batch_new(void *owner);
/* With its records. */
void ingest_batch_free(struct ingest_batch *b);
bool ingest_batch_has_room(const struct ingest_batch *b, const struct ingest_record *next);
/* Adds a record behind *end, which is the end of its list. */
void ingest_batch_add(struct ingest_batch *b, struct ingest_record ***end, struct ingest_record *r);
/* After its records were changed. */
void ingest_batch_count(struct ingest_batch *b);
/* Leaves half of its records in it; a batch of the others follows it. False without memory. */
MUSTCHECK bool ingest_batch_halve(struct ingest_batch *b);

#endif
