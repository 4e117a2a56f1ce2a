#include "server/config/order.h"

#include "server/base/check.h"

#include <stdlib.h>

enum { CHUNK_ITEMS = 256 };

struct order_chunk {
    uint32_t n; /* at least 1: an empty chunk is removed */
    struct item *v[CHUNK_ITEMS];
};

struct place {
    uint32_t chunk;
    uint32_t i; /* in it; may be one behind its last */
    bool found;
};

static int compare(struct slice a, struct slice b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n == 0 ? 0 : memcmp(a.p, b.p, n);
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/* The chunk where the name is or belongs: the last whose first name is not above it. */
static uint32_t chunk_of(const struct order *o, struct slice name) {
    uint32_t low = 0;
    uint32_t high = o->n_chunks;
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (compare(o->chunks[mid]->v[0]->pub.name, name) <= 0) {
            low = mid;
        } else {
            high = mid;
        }
    }
    return low;
}

static struct place find(const struct order *o, struct slice name) {
    struct place p = {0};
    if (o->n_chunks == 0) {
        return p;
    }
    p.chunk = chunk_of(o, name);
    const struct order_chunk *c = o->chunks[p.chunk];
    uint32_t low = 0;
    uint32_t high = c->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (compare(c->v[mid]->pub.name, name) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    p.i = low;
    p.found = low < c->n && compare(c->v[low]->pub.name, name) == 0;
    return p;
}

void order_init(struct order *o) {
    *o = (struct order){0};
}

void order_done(struct order *o) {
    for (uint32_t c = 0; c < o->n_chunks; c++) {
        for (uint32_t i = 0; i < o->chunks[c]->n; i++) {
            item_release(&o->chunks[c]->v[i]);
        }
        free(o->chunks[c]);
    }
    free(o->chunks);
    free(o->starts);
    order_init(o);
}

static enum status reserve_chunks(struct order *o, uint32_t need) {
    if (need <= o->cap_chunks) {
        return OK;
    }
    uint32_t cap = o->cap_chunks < 8 ? 8 : o->cap_chunks * 2;
    cap = cap < need ? need : cap;
    struct order_chunk **chunks = realloc(o->chunks, cap * sizeof(struct order_chunk *));
    if (chunks == NULL) {
        return ERR_NOMEM;
    }
    o->chunks = chunks;
    uint32_t *starts = realloc(o->starts, cap * sizeof starts[0]);
    if (starts == NULL) {
        return ERR_NOMEM;
    }
    o->starts = starts;
    o->cap_chunks = cap;
    return OK;
}

static void count_from(struct order *o, uint32_t chunk) {
    uint32_t start = chunk == 0 ? 0 : o->starts[chunk - 1] + o->chunks[chunk - 1]->n;
    for (uint32_t c = chunk; c < o->n_chunks; c++) {
        o->starts[c] = start;
        start += o->chunks[c]->n;
    }
    o->n = start;
}

/* A new empty chunk at that place; the caller fills it. */
static enum status insert_chunk(struct order *o, uint32_t at) {
    if (reserve_chunks(o, o->n_chunks + 1) != OK) {
        return ERR_NOMEM;
    }
    struct order_chunk *chunk = calloc(1, sizeof *chunk);
    if (chunk == NULL) {
        return ERR_NOMEM;
    }
    memmove(&o->chunks[at + 1], &o->chunks[at], (o->n_chunks - at) * sizeof(struct order_chunk *));
    o->chunks[at] = chunk;
    o->n_chunks++;
    count_from(o, at);
    return OK;
}

/* Makes room in the full chunk of p, and says where the place is then. */
static enum status split(struct order *o, struct place *p) {
    if (insert_chunk(o, p->chunk + 1) != OK) {
        return ERR_NOMEM;
    }
    struct order_chunk *left = o->chunks[p->chunk];
    struct order_chunk *right = o->chunks[p->chunk + 1];
    /* Behind the very last: a sorted list leaves full chunks behind it. */
    bool at_end = p->i == left->n && p->chunk + 2 == o->n_chunks;
    uint32_t keep = at_end ? left->n : left->n / 2;
    right->n = left->n - keep;
    memcpy(right->v, left->v + keep, right->n * sizeof(struct item *));
    left->n = keep;
    count_from(o, p->chunk);
    if (at_end || p->i > keep) {
        p->chunk++;
        p->i -= keep;
    }
    return OK;
}

enum status order_put(struct order *o, struct item *item) {
    struct place p = find(o, item->pub.name);
    if (p.found) {
        item_release(&o->chunks[p.chunk]->v[p.i]);
        o->chunks[p.chunk]->v[p.i] = item;
        return OK;
    }
    if (o->n_chunks == 0 && insert_chunk(o, 0) != OK) {
        return ERR_NOMEM;
    }
    if (o->chunks[p.chunk]->n == CHUNK_ITEMS && split(o, &p) != OK) {
        return ERR_NOMEM;
    }
    struct order_chunk *c = o->chunks[p.chunk];
    CHECK(c->n < CHUNK_ITEMS);
    memmove(&c->v[p.i + 1], &c->v[p.i], (c->n - p.i) * sizeof(struct item *));
    c->v[p.i] = item;
    c->n++;
    o->n++;
    for (uint32_t i = p.chunk + 1; i < o->n_chunks; i++) {
        o->starts[i]++;
    }
    return OK;
}

bool order_remove(struct order *o, struct slice name) {
    struct place p = find(o, name);
    if (!p.found) {
        return false;
    }
    struct order_chunk *c = o->chunks[p.chunk];
    item_release(&c->v[p.i]);
    c->n--;
    memmove(&c->v[p.i], &c->v[p.i + 1], (c->n - p.i) * sizeof(struct item *));
    if (c->n == 0) {
        free(c);
        o->n_chunks--;
        memmove(&o->chunks[p.chunk], &o->chunks[p.chunk + 1],
                (o->n_chunks - p.chunk) * sizeof(struct order_chunk *));
    }
    count_from(o, p.chunk);
    return true;
}

struct item *order_find(const struct order *o, struct slice name) {
    struct place p = find(o, name);
    return p.found ? o->chunks[p.chunk]->v[p.i] : NULL;
}

struct item *order_at(const struct order *o, uint32_t i) {
    if (i >= o->n) {
        return NULL;
    }
    uint32_t low = 0;
    uint32_t high = o->n_chunks;
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (o->starts[mid] <= i) {
            low = mid;
        } else {
            high = mid;
        }
    }
    return o->chunks[low]->v[i - o->starts[low]];
}

enum status order_copy(const struct order *from, struct order *ret) {
    if (reserve_chunks(ret, from->n_chunks) != OK) {
        order_done(ret);
        return ERR_NOMEM;
    }
    for (uint32_t c = 0; c < from->n_chunks; c++) {
        struct order_chunk *chunk = malloc(sizeof *chunk);
        if (chunk == NULL) {
            order_done(ret);
            return ERR_NOMEM;
        }
        *chunk = *from->chunks[c];
        for (uint32_t i = 0; i < chunk->n; i++) {
            chunk->v[i]->refs++;
        }
        ret->chunks[ret->n_chunks++] = chunk;
    }
    count_from(ret, 0);
    return OK;
}
