/* The inside of a journal, shared by journal.c (writing, reading, forgetting) and journal_files.c (opening,
 * the directory, the counter). Private to these. */
#ifndef PENSTOCK_CLIENT_JOURNAL_STATE_H
#define PENSTOCK_CLIENT_JOURNAL_STATE_H

#include "protocol/client/journal.h"

struct epoch {
    uint64_t id;
    uint64_t next_seq;
};

struct journal {
    char dir[JOURNAL_PATH_MAX];
    int dir_fd;
    int lock_fd;
    uint64_t capacity;
    uint32_t segment_bytes;
    struct segment **segments; /* by number, so by age */
    uint32_t n_segments;
    uint32_t cap_segments;
    uint64_t next_number;
    struct epoch epochs[JOURNAL_EPOCHS_MAX]; /* by age; the last one is present */
    uint32_t n_epochs;
    uint64_t bytes;
    uint64_t dropped_total;
    uint64_t damaged_bytes;
    uint64_t durable_seq;
    bool broken;
};

/* False if there is no such epoch. */
bool epoch_index(const struct journal *j, uint64_t id, uint32_t *ret);
/* Records, or only their samples, that wait in an epoch. */
uint64_t epoch_waiting(const struct journal *j, uint64_t id);
uint64_t epoch_waiting_samples(const struct journal *j, uint64_t id);
/* Puts a segment into the list. Takes it in any case. */
MUSTCHECK enum status take_segment(struct journal *j, struct segment *s, struct error *err);
/* Removes the file; the segment is forgotten only if that went well. */
MUSTCHECK enum status remove_segment(struct journal *j, uint32_t i, struct error *err);
MUSTCHECK enum status remove_epoch(struct journal *j, uint32_t e, struct error *err);
/* Leaves at most max epochs: those without samples go first, then the oldest. */
MUSTCHECK enum status limit_epochs(struct journal *j, uint32_t max, struct error *err);
/* Makes dropped_total durable. */
MUSTCHECK enum status save_dropped(struct journal *j, uint64_t total, struct error *err);

#endif
