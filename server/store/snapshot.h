/* Snapshots: the samples around marked alarms, copied into event_snapshot, where they outlive all others.
 * Blocking. ERR_INVALID: all that could be taken was, but chunks of some tags cannot be read; err tells of
 * the first one. */
#ifndef PENSTOCK_STORE_SNAPSHOT_H
#define PENSTOCK_STORE_SNAPSHOT_H

#include "server/history/chunk.h"
#include "server/store/blocking.h"

struct snapshot_work {
    struct chunk_work work;
    struct chunk_sample v[CHUNK_SAMPLES_MAX];
};

/* Looks through the alarm journal for raises that it has not seen yet. */
MUSTCHECK enum status snapshot_find(struct blocking *b, struct error *err);
/* Takes those that are due, at most `most`; *ret_taken is how many there were. */
MUSTCHECK enum status snapshot_take_due(struct blocking *b, struct snapshot_work *w, int64_t now_us,
                                        uint32_t most, uint32_t *ret_taken, struct error *err);
/* Takes anew all those that overlap [from, to), in case their samples came late. */
MUSTCHECK enum status snapshot_take_again(struct blocking *b, struct snapshot_work *w, int64_t from_us,
                                          int64_t to_us, int64_t now_us, struct error *err);

#endif
