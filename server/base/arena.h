/* A bump arena: memory that lives and dies together, such as one configuration revision. Blocks come from
 * malloc; all is freed by arena_done. Memory is zeroed and aligned for any type. */
#ifndef PENSTOCK_BASE_ARENA_H
#define PENSTOCK_BASE_ARENA_H

#include "server/base/slice.h"
#include "server/base/status.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t used;
    size_t max;
};

void arena_init(struct arena *a, size_t max);
void arena_done(struct arena *a);
/* NULL when the maximum is reached or memory is out; count * size is checked for overflow. */
void *arena_alloc(struct arena *a, size_t count, size_t size);
/* A copy that is also NUL-terminated; its p is NULL when there is no room. */
struct slice arena_copy(struct arena *a, struct slice text);

#endif
