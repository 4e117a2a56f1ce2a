/* What a packing took, tag by tag. Samples come as rows of sample_hot have them: some of many tags, all in
 * order of arrival. Each is written where it came, with the place of its tag; taken_sort moves it to its tag,
 * so that nothing is compared but times, and those only where they are out of order. Pure but for memory,
 * which is kept for the next packing. */
#ifndef PENSTOCK_STORE_PACKING_TAKEN_H
#define PENSTOCK_STORE_PACKING_TAKEN_H

#include "server/history/pack.h"

struct taken_tag {
    int64_t tag_key;
    uint32_t first; /* of its samples, in v */
    uint32_t n;
};

struct taken {
    struct pack_sample *v; /* sorted: each tag's behind each other, in order of time, and of arrival */
    uint32_t n;
    struct taken_tag *tags; /* sorted: ascending */
    uint32_t n_tags;

    struct pack_sample *came;
    uint32_t *tag_of; /* … in tags, as they were found */
    uint32_t cap;     /* of these three */
    uint32_t tags_cap;
    uint32_t *places; /* of tags by hash, plus 1; 0: free */
    uint32_t places_cap;
    uint32_t last; /* tag of the last sample */
};

void taken_init(struct taken *t);
void taken_done(struct taken *t);
void taken_clear(struct taken *t);
/* ERR_NOMEM: then some of them are there, and taken_clear is called for. */
MUSTCHECK enum status taken_add(struct taken *t, const struct chunk_columns *c);
/* A weak one (pack.h). */
MUSTCHECK enum status taken_add_weak(struct taken *t, const struct chunk_sample *s);
/* Once, when all are there. */
void taken_sort(struct taken *t);
#endif
