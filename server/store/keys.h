/* Which key an item of the configuration has: (kind, name) to key, growing, never forgetting (a removed item
 * keeps its key). */
#ifndef PENSTOCK_STORE_KEYS_H
#define PENSTOCK_STORE_KEYS_H

#include "server/base/map.h"
#include "server/config/config.h"

struct keys_entry;

struct keys {
    struct map map;
    struct keys_entry **entries;
    uint32_t n;
    uint32_t cap;
    uint64_t seed[2];
};

void keys_init(struct keys *k, const uint64_t seed[2]);
void keys_done(struct keys *k);
/* Adds or replaces. */
MUSTCHECK enum status keys_put(struct keys *k, enum config_kind kind, struct slice name, int64_t key);
/* 0 if it is not there. */
int64_t keys_get(const struct keys *k, enum config_kind kind, struct slice name);

#endif
