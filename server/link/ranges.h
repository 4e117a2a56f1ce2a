/* A set of sequence numbers as ascending, disjoint, non-touching ranges: what is committed of one epoch.
 * Ranges that changed or were asked for are marked until they are taken for an ACK. Owns its memory; bounded
 * by RANGES_MAX. Pure. */
#ifndef PENSTOCK_LINK_RANGES_H
#define PENSTOCK_LINK_RANGES_H

#include "protocol/msg.h"

enum { RANGES_MAX = 1024 };

struct ranges {
    struct marked_range {
        struct seq_range r;
        bool marked;
    } * v;
    uint32_t n;
    uint32_t cap;
    bool any_marked;
};

/* An all-zero struct is an empty set. */
void ranges_done(struct ranges *s);
bool ranges_has(const struct ranges *s, uint64_t seq);
/* Adds [first, end) and marks the range that it becomes part of. first < end. ERR_FULL beyond RANGES_MAX
 * ranges, ERR_NOMEM. */
MUSTCHECK enum status ranges_add(struct ranges *s, uint64_t first, uint64_t end);
/* Marks the range with seq; false if there is none. */
bool ranges_mark(struct ranges *s, uint64_t seq);
void ranges_unmark_all(struct ranges *s);
/* The highest number below `end` that is missing; false if none is. */
bool ranges_last_missing(const struct ranges *s, uint64_t end, uint64_t *ret_seq);
/* Takes up to max marked ranges, ascending, and unmarks them. A range from 0 is always among the first answer
 * of a series, for it tells most. Returns how many; 0: nothing is marked. */
uint32_t ranges_take_marked(struct ranges *s, struct seq_range *ret, uint32_t max);

#endif
