/* Newest value wins: which tags a client looks at, and which of those changed since it was told. Two bits a
 * tag, no queue, so a slow client gets fewer updates and never older ones. Taking goes round and round: when
 * not all fits, the rest comes first next time. Pure. */
#ifndef PENSTOCK_API_CONFLATE_H
#define PENSTOCK_API_CONFLATE_H

#include "server/base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct conflate {
    uint64_t *wanted;
    uint64_t *dirty;
    uint32_t n_tags;
    uint32_t n_words;
    uint32_t n_dirty;
    uint32_t next; /* word to look at first */
};

MUSTCHECK enum status conflate_init(struct conflate *c, uint32_t n_tags, struct error *err);
void conflate_done(struct conflate *c);
void conflate_want(struct conflate *c, uint32_t tag);
bool conflate_wants(const struct conflate *c, uint32_t tag);
/* Looks at nothing; what is dirty stays so only for tags that are wanted again before conflate_settle. */
void conflate_want_nothing(struct conflate *c);
void conflate_settle(struct conflate *c);
/* The tag changed; nothing happens if nobody looks. */
void conflate_mark(struct conflate *c, uint32_t tag);
/* It was told some other way. */
void conflate_clear(struct conflate *c, uint32_t tag);
/* Takes one that is dirty. False: none is. */
bool conflate_take(struct conflate *c, uint32_t *ret_tag);

#endif
