/* What the sources of a packing share: packing.c takes samples, packing_chunks.c writes chunks. */
#ifndef PENSTOCK_STORE_PACKING_PRIV_H
#define PENSTOCK_STORE_PACKING_PRIV_H

#include "server/store/blocking.h"
#include "server/store/packing.h"
#include "server/store/packing_plan.h"
#include "server/store/packing_round.h"
#include "server/store/packing_sql.h"

struct packing {
    struct blocking_config cfg;
    struct blocking db;
    uint32_t samples_max;
    uint32_t samples;   /* of the next transaction: less than that after trouble */
    bool no_loose;      /* rows of sample_row are left alone: something is wrong with one */
    int64_t after_id;   /* rows of sample_hot up to this one are skipped */
    struct round round; /* what waited when it began; what came later waits for the next time */
    uint32_t n_taken;   /* rows of it, by the transaction under way */
    struct plan plan;
    struct plan_days days;
    struct pack pack;
    struct chunk_work work;
    struct pg_args args;
    struct buf copy;
    PGresult *hot; /* texts point into these */
    PGresult *loose;
    PGresult *gone; /* NULL has no rows */
    struct packing_done done;
};

/* A row or chunk that cannot be read. */
struct packing_aside {
    int32_t source; /* 0: sample_hot, 1: sample_chunk */
    int64_t gateway_key;
    int64_t received_us;
    int32_t class;
    int64_t tag_key;
    int64_t from_us;
    int64_t to_us;
    int32_t n;
    struct slice data;
};

MUSTCHECK enum status packing_ask(struct packing *p, enum packing_sql statement, PGresult **ret,
                                  struct error *err);
MUSTCHECK enum status packing_put_aside(struct packing *p, const struct packing_aside *a,
                                        const struct error *why, struct error *err);
/* From the plan's samples to chunks in the database. ERR_TOO_BIG: so much would have to be written anew that
 * less is to be taken. */
MUSTCHECK enum status packing_chunks(struct packing *p, struct error *err);

#endif
