/* What a journal had to give up, until the server knows it: which numbers of which epoch, how many samples,
 * from when to when; and how many samples ever. Each loss becomes an EVENT record (a tombstone) in the
 * journal: told_epoch and told_seq say which, as long as that waits. Losses that touch are merged until they
 * are told, so that a journal that stays full for a year holds a few.
 *
 * Kept in a small file of its own (losses_encode, without told_…: that is found in the journal). Pure. */
#ifndef PENSTOCK_CLIENT_LOSSES_H
#define PENSTOCK_CLIENT_LOSSES_H

#include "server/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { LOSSES_MAX = 1024 };

struct loss {
    uint64_t epoch; /* DATA records [first, end) of it that were not acknowledged */
    uint64_t first;
    uint64_t end;
    uint64_t samples;
    int64_t from_us; /* times of the oldest and the newest sample */
    int64_t to_us;
    uint64_t told_epoch; /* 0: not yet */
    uint64_t told_seq;
};

struct losses {
    uint64_t total; /* samples, for ever */
    uint32_t n;
    uint32_t cap;
    struct loss *v; /* in the order in which they were suffered */
};

void losses_done(struct losses *l);
/* The last one of this epoch that is not told and ends at or before first: *ret_i. False if there is none. */
bool losses_find_open(const struct losses *l, uint64_t epoch, uint64_t first, uint32_t *ret_i);
/* Adds what b says to a; both of one epoch, b behind a. */
void losses_join(struct loss *a, const struct loss *b);
/* At LOSSES_MAX one that was told goes: its tombstone is in the journal. ERR_FULL if none was told. */
MUSTCHECK enum status losses_push(struct losses *l, const struct loss *loss, struct error *err);
void losses_remove(struct losses *l, uint32_t i);
/* Makes ret a copy. */
MUSTCHECK enum status losses_copy(const struct losses *l, struct losses *ret, struct error *err);

void losses_encode(const struct losses *l, struct buf *out);
/* False for anything that losses_encode did not write; *ret is empty then. */
bool losses_decode(struct slice bytes, struct losses *ret);

#endif
