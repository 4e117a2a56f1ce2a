#include "server/api/conflate.h"

#include <stdlib.h>
#include <string.h>

enum { BITS = 64 };

static uint64_t bit_of(uint32_t tag) {
    return UINT64_C(1) << (tag % BITS);
}

enum status conflate_init(struct conflate *c, uint32_t n_tags, struct error *err) {
    uint32_t words = n_tags / BITS + 1;
    *c = (struct conflate){.n_tags = n_tags, .n_words = words};
    c->wanted = calloc(words, sizeof *c->wanted);
    c->dirty = calloc(words, sizeof *c->dirty);
    if (c->wanted == NULL || c->dirty == NULL) {
        conflate_done(c);
        return error_set(err, ERR_NOMEM, "live", "out of memory");
    }
    return OK;
}

void conflate_done(struct conflate *c) {
    free(c->wanted);
    free(c->dirty);
    *c = (struct conflate){0};
}

void conflate_want(struct conflate *c, uint32_t tag) {
    if (tag < c->n_tags) {
        c->wanted[tag / BITS] |= bit_of(tag);
    }
}

bool conflate_wants(const struct conflate *c, uint32_t tag) {
    return tag < c->n_tags && (c->wanted[tag / BITS] & bit_of(tag)) != 0;
}

void conflate_want_nothing(struct conflate *c) {
    if (c->n_words > 0) {
        memset(c->wanted, 0, c->n_words * sizeof *c->wanted);
    }
}

void conflate_settle(struct conflate *c) {
    c->n_dirty = 0;
    for (uint32_t i = 0; i < c->n_words; i++) {
        c->dirty[i] &= c->wanted[i];
        c->n_dirty += (uint32_t)__builtin_popcountll(c->dirty[i]);
    }
}

void conflate_mark(struct conflate *c, uint32_t tag) {
    if (conflate_wants(c, tag) && (c->dirty[tag / BITS] & bit_of(tag)) == 0) {
        c->dirty[tag / BITS] |= bit_of(tag);
        c->n_dirty++;
    }
}

void conflate_clear(struct conflate *c, uint32_t tag) {
    if (tag < c->n_tags && (c->dirty[tag / BITS] & bit_of(tag)) != 0) {
        c->dirty[tag / BITS] &= ~bit_of(tag);
        c->n_dirty--;
    }
}

bool conflate_take(struct conflate *c, uint32_t *ret_tag) {
    if (c->n_dirty == 0) {
        return false;
    }
    while (c->dirty[c->next] == 0) {
        c->next = c->next + 1 == c->n_words ? 0 : c->next + 1;
    }
    uint32_t tag = c->next * BITS + (uint32_t)__builtin_ctzll(c->dirty[c->next]);
    conflate_clear(c, tag);
    *ret_tag = tag;
    return true;
}
