/* A hash map from byte strings to uint32_t, of fixed capacity, seeded (SipHash-2-4) so that names from
 * outside cannot make it slow. Keys are borrowed: they must live as long as the map. Nothing iterates over
 * it: its order means nothing. */
#ifndef PENSTOCK_BASE_MAP_H
#define PENSTOCK_BASE_MAP_H

#include "server/base/slice.h"
#include "server/base/status.h"

#include <stdint.h>

struct map_slot;

struct map {
    struct map_slot *slots;
    size_t mask;
    size_t n;
    size_t max;
    uint64_t seed[2];
};

/* Room for max keys. seed: two random words, or fixed ones in a test. */
MUSTCHECK enum status map_init(struct map *m, size_t max, const uint64_t seed[2], struct error *err);
void map_done(struct map *m);
/* ERR_EXISTS if the key is there (its value is left as it is), ERR_FULL at max. */
MUSTCHECK enum status map_put(struct map *m, struct slice key, uint32_t value);
/* True and *ret_value set if the key is there. */
bool map_get(const struct map *m, struct slice key, uint32_t *ret_value);

#endif
