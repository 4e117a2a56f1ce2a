/* Samples of some tags that are not in chunks of their own yet, picked out of what came as it came: records
 * in RAM, mixed chunks. Of each tag and moment the last one given with the highest order stays. Beside the
 * samples of a span the newest one before it and the first one behind it are kept. Pure but for memory, which
 * is bounded by GATHER_MAX. */
#ifndef PENSTOCK_HISTORY_GATHER_H
#define PENSTOCK_HISTORY_GATHER_H

#include "server/history/chunk.h"

#include <stdbool.h>

enum {
    GATHER_TAGS_MAX = 32,
    GATHER_MAX = 1000000, /* samples within the span */
    GATHER_TEXT_MAX = 64 * 1024 * 1024,
};

struct gathered {
    struct chunk_sample s; /* its text points into the gatherer's once it is sorted */
    int64_t order;
    size_t text_at;
};

struct gather {
    int64_t tags[GATHER_TAGS_MAX]; /* keys, ascending */
    uint32_t n_tags;
    int64_t from_us;
    int64_t to_us;
    struct gathered *v;
    uint32_t n;
    uint32_t cap;
    struct buf texts;
    struct gathered before[GATHER_TAGS_MAX]; /* order 0: none */
    struct gathered after[GATHER_TAGS_MAX];
};

/* tags: each once, in any order, at most GATHER_TAGS_MAX. from_us <= to_us. */
void gather_init(struct gather *g, const int64_t *tags, uint32_t n_tags, int64_t from_us, int64_t to_us);
void gather_done(struct gather *g);
/* A sample of any tag; others than asked for are left out. order is above 0: of one moment the higher one
 * counts. ERR_FULL, ERR_NOMEM. */
MUSTCHECK enum status gather_add(struct gather *g, const struct chunk_sample *s, int64_t order);
/* All given: sorts, leaves one of each moment, gives texts their places. Nothing is added after it. */
void gather_sort(struct gather *g);
/* Samples of a tag within the span, in order of time, after gather_sort. */
const struct gathered *gather_of(const struct gather *g, int64_t tag_key, uint32_t *ret_n);
/* NULL: there is none. After gather_sort. */
const struct chunk_sample *gather_before(const struct gather *g, int64_t tag_key);
const struct chunk_sample *gather_after(const struct gather *g, int64_t tag_key);

#endif
