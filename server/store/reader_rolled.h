/* Rollups in a reader's job (reader_job.h): which are asked for, and how far a tag's aggregates are done with
 * them. */
#ifndef PENSTOCK_STORE_READER_ROLLED_H
#define PENSTOCK_STORE_READER_ROLLED_H

#include "server/store/reader_job.h"

enum rolled {
    ROLLED_GAP,  /* it goes on with samples, from grid.at_us to *ret_until_us */
    ROLLED_MORE, /* … with the next rollups */
    ROLLED_DONE,
};

/* Once for a job of aggregates. False: no memory. */
MUSTCHECK bool rolled_init(struct reader_job *job);
void rolled_done(struct reader_job *job);
/* The present tag begins, whose samples in RAM and records are known. False: no memory. */
MUSTCHECK bool rolled_begin(struct reader_job *job);
void rolled_send(const struct reader_job *job, struct pg *pg, struct pg_args *args);
MUSTCHECK enum status rolled_take(struct reader_job *job, PGresult *const *results, struct error *err);
/* Takes from what was read all that fits. */
enum rolled rolled_next(struct reader_job *job, int64_t *ret_until_us);

#endif
