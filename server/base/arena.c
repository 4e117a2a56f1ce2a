#include "server/base/arena.h"

#include <stdint.h>
#include <stdlib.h>

enum { ARENA_BLOCK_MIN = 64 * 1024, ARENA_ALIGN = 16 };

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t cap;
    _Alignas(16) unsigned char data[];
};

void arena_init(struct arena *a, size_t max) {
    *a = (struct arena){.max = max};
}

void arena_done(struct arena *a) {
    while (a->blocks != NULL) {
        struct arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    a->used = 0;
}

void *arena_alloc(struct arena *a, size_t count, size_t size) {
    size_t need = 0;
    if (__builtin_mul_overflow(count, size, &need) || need > a->max || a->used > a->max - need) {
        return NULL;
    }
    need = (need + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    struct arena_block *block = a->blocks;
    if (block == NULL || block->cap - block->used < need) {
        size_t cap = need > ARENA_BLOCK_MIN ? need : ARENA_BLOCK_MIN;
        block = calloc(1, sizeof *block + cap);
        if (block == NULL) {
            return NULL;
        }
        block->cap = cap;
        block->next = a->blocks;
        a->blocks = block;
    }
    void *p = block->data + block->used;
    block->used += need;
    a->used += need;
    return p;
}

struct slice arena_copy(struct arena *a, struct slice text) {
    char *p = arena_alloc(a, text.n + 1, 1);
    if (p == NULL) {
        return (struct slice){0};
    }
    if (text.n > 0) {
        memcpy(p, text.p, text.n);
    }
    return slice_of(p, text.n);
}
