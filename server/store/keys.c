#include "server/store/keys.h"

#include "server/base/check.h"

#include <stdlib.h>

enum { KEYS_MIN = 256, KEY_SIZE = MODEL_NAME_MAX + 1 };

struct keys_entry {
    int64_t key;
    uint32_t n;
    char text[]; /* one byte of kind, then the name */
};

void keys_init(struct keys *k, const uint64_t seed[2]) {
    *k = (struct keys){.seed = {seed[0], seed[1]}};
}

void keys_done(struct keys *k) {
    for (uint32_t i = 0; i < k->n; i++) {
        free(k->entries[i]);
    }
    free(k->entries);
    map_done(&k->map);
    *k = (struct keys){0};
}

/* The key in the map, in the caller's memory; empty if the name is longer than any can be. */
static struct slice lookup_key(enum config_kind kind, struct slice name, char text[KEY_SIZE]) {
    if (name.n > MODEL_NAME_MAX) {
        return slice_of(text, 0);
    }
    text[0] = (char)('0' + (int)kind);
    if (name.n > 0) {
        memcpy(text + 1, name.p, name.n);
    }
    return slice_of(text, name.n + 1);
}

static enum status grow(struct keys *k) {
    uint32_t cap = k->cap == 0 ? KEYS_MIN : k->cap * 2;
    struct keys_entry **entries = realloc(k->entries, cap * sizeof(struct keys_entry *));
    if (entries == NULL) {
        return ERR_NOMEM;
    }
    k->entries = entries;
    struct map map;
    enum status status = map_init(&map, cap, k->seed, NULL);
    for (uint32_t i = 0; status == OK && i < k->n; i++) {
        status = map_put(&map, slice_of(k->entries[i]->text, k->entries[i]->n), i);
    }
    if (status != OK) {
        map_done(&map);
        return status;
    }
    map_done(&k->map);
    k->map = map;
    k->cap = cap;
    return OK;
}

enum status keys_put(struct keys *k, enum config_kind kind, struct slice name, int64_t key) {
    char text[KEY_SIZE];
    struct slice at = lookup_key(kind, name, text);
    uint32_t i = 0;
    if (at.n == 0) {
        return ERR_TOO_BIG;
    }
    if (map_get(&k->map, at, &i)) {
        k->entries[i]->key = key;
        return OK;
    }
    if (k->n == k->cap) {
        enum status status = grow(k);
        if (status != OK) {
            return status;
        }
    }
    struct keys_entry *e = malloc(sizeof *e + at.n);
    if (e == NULL) {
        return ERR_NOMEM;
    }
    e->key = key;
    e->n = (uint32_t)at.n; /* at most KEY_SIZE */
    memcpy(e->text, at.p, at.n);
    enum status status = map_put(&k->map, slice_of(e->text, e->n), k->n);
    CHECK(status == OK); /* it was not there, and there is room */
    k->entries[k->n++] = e;
    return OK;
}

int64_t keys_get(const struct keys *k, enum config_kind kind, struct slice name) {
    char text[KEY_SIZE];
    struct slice at = lookup_key(kind, name, text);
    uint32_t i = 0;
    return at.n > 0 && map_get(&k->map, at, &i) ? k->entries[i]->key : 0;
}
