#include "server/store/ingest_batch.h"

#include <stdlib.h>

struct ingest_batch *ingest_batch_new(void *owner) {
    struct ingest_batch *b = calloc(1, sizeof *b);
    if (b != NULL) {
        b->owner = owner;
    }
    return b;
}

void ingest_batch_free(struct ingest_batch *b) {
    while (b->first != NULL) {
        struct ingest_record *r = b->first;
        b->first = r->next;
        ingest_record_free(r);
    }
    free(b);
}

static void count(struct ingest_batch *b, const struct ingest_record *r) {
    b->n_records++;
    b->n_samples += r->v.n_samples;
    b->bytes += r->bytes;
}

void ingest_batch_count(struct ingest_batch *b) {
    b->n_records = 0;
    b->n_samples = 0;
    b->bytes = 0;
    for (const struct ingest_record *r = b->first; r != NULL; r = r->next) {
        count(b, r);
    }
}

bool ingest_batch_has_room(const struct ingest_batch *b, const struct ingest_record *next) {
    return b->n_records == 0 ||
           (b->n_records < INGEST_BATCH_RECORDS && b->n_samples + next->v.n_samples <= INGEST_BATCH_SAMPLES &&
            b->bytes + next->bytes <= INGEST_BATCH_BYTES);
}

void ingest_batch_add(struct ingest_batch *b, struct ingest_record ***end, struct ingest_record *r) {
    r->next = NULL;
    **end = r;
    *end = &r->next;
    count(b, r);
}

bool ingest_batch_halve(struct ingest_batch *b) {
    struct ingest_batch *rest = ingest_batch_new(b->owner);
    if (rest == NULL) {
        return false;
    }
    struct ingest_record *last = b->first;
    for (uint32_t i = 1; i < b->n_records / 2; i++) {
        last = last->next;
    }
    rest->tried = b->tried;
    rest->twice = b->twice;
    rest->first = last->next;
    rest->next = b->next;
    last->next = NULL;
    b->next = rest;
    ingest_batch_count(b);
    ingest_batch_count(rest);
    return true;
}
