/* Keeps samples on their way from where they came (sample_hot) into chunks: looks every few seconds, and
 * packs when the oldest wait for long enough or many wait, so that a tag's samples come in handfuls and their
 * chunk is not written anew for each. One packing at a time, each on a thread of its own with a blocking
 * connection (packing.h), at a lower priority than the loop. Between two of them it rests as long as the last
 * one took, and longer while commits wait: what others have to wait for goes first, and the database has at
 * least half of the time for them. After trouble it waits and tries again. Now and then it deletes old
 * records as received. Calls and callbacks are the loop's. */
#ifndef PENSTOCK_STORE_PACKER_H
#define PENSTOCK_STORE_PACKER_H

#include "server/store/store.h"

enum {
    /* So old become samples before they are packed, if few wait: those of a tag that has one each second are
     * a full chunk then (PACK_SAMPLES), which is never written anew. Who reads a tag looks through all that
     * wait. */
    PACKER_AFTER_S = 600,
    PACKER_ROWS_MUCH = 150000, /* 50 000 samples a second in that time, 200 in a record */
    PACKER_KEEP_H = 48,        /* so old become records as received */
    PACKER_LOOK_MS = 2000,
    PACKER_LOOK_MIN_MS = 50,
    PACKER_PRUNE_MS = 60000,
    PACKER_BUSY_MS = 100, /* a commit that waits for longer is in want of the database */
    PACKER_REST_BUSY = 4, /* … which then rests from packing so many times as long */
    PACKER_RETRY_MIN_MS = 250,
    PACKER_RETRY_MAX_MS = 30000,
    PACKER_NICE = 10,
};

struct packer;

struct packer_config {
    uv_loop_t *loop;
    const char *conninfo; /* borrowed */
    int64_t after_us;     /* 0: PACKER_AFTER_S */
    int64_t keep_raw_us;  /* 0: PACKER_KEEP_H */
    void *ctx;
    void (*packed)(void *ctx, const struct store_packing *s); /* after each look */
};

MUSTCHECK enum status packer_new(const struct packer_config *cfg, struct packer **ret, struct error *err);
/* The schema is known to be right. */
void packer_start(struct packer *p);
/* For how long the oldest commit of anybody else has been waited for. */
void packer_lag(struct packer *p, uint64_t lag_ms);
/* Ends what is under way; it is taken back. */
void packer_close(struct packer *p, void (*on_closed)(void *ctx), void *ctx);
void packer_free(struct packer **packer);

#endif
