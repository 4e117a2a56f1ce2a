#include "server/core/key_index.h"

#include <stdlib.h>

struct key_entry {
    int64_t key;
    uint32_t index;
};

static enum status init(struct key_index *ix, uint32_t n, struct error *err) {
    *ix = (struct key_index){.v = calloc(n > 0 ? n : 1, sizeof *ix->v)};
    return ix->v != NULL ? OK : error_set(err, ERR_NOMEM, "key index", "no memory for %u keys", n);
}

static void add(struct key_index *ix, int64_t key, uint32_t index) {
    if (key != 0) {
        ix->v[ix->n++] = (struct key_entry){.key = key, .index = index};
    }
}

static int compare(const void *left, const void *right) {
    const struct key_entry *a = left;
    const struct key_entry *b = right;
    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }
    return a->index < b->index ? -1 : 1;
}

static enum status finish(struct key_index *ix) {
    qsort(ix->v, ix->n, sizeof *ix->v, compare);
    return OK;
}

enum status key_index_of_gateways(struct key_index *ix, const struct model *m, struct error *err) {
    enum status status = init(ix, m->n_gateways, err);
    if (status != OK) {
        return status;
    }
    for (uint32_t i = 0; i < m->n_gateways; i++) {
        add(ix, m->gateways[i].key, i);
    }
    return finish(ix);
}

enum status key_index_of_tags(struct key_index *ix, const struct model *m, struct error *err) {
    enum status status = init(ix, m->n_tags, err);
    if (status != OK) {
        return status;
    }
    for (uint32_t i = 0; i < m->n_tags; i++) {
        add(ix, m->tags[i].key, i);
    }
    return finish(ix);
}

enum status key_index_of_alarms(struct key_index *ix, const struct model *m, struct error *err) {
    enum status status = init(ix, m->n_alarms, err);
    if (status != OK) {
        return status;
    }
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        add(ix, m->alarms[i].key, i);
    }
    return finish(ix);
}

void key_index_done(struct key_index *ix) {
    free(ix->v);
    *ix = (struct key_index){0};
}

uint32_t key_index_find(const struct key_index *ix, int64_t key) {
    uint32_t low = 0;
    uint32_t high = ix->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ix->v[middle].key < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < ix->n && ix->v[low].key == key ? ix->v[low].index : MODEL_NONE;
}
