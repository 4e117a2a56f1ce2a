/* Items sorted by name: chunks of pointers, so that one more item in the middle of a million costs little and
 * a list that comes sorted is filled without gaps. Holds a reference to each item. */
#ifndef PENSTOCK_CONFIG_ORDER_H
#define PENSTOCK_CONFIG_ORDER_H

#include "server/config/item.h"

struct order_chunk;

struct order {
    struct order_chunk **chunks;
    uint32_t *starts; /* index of the first item of each chunk */
    uint32_t n_chunks;
    uint32_t cap_chunks;
    uint32_t n;
};

void order_init(struct order *o);
void order_done(struct order *o);
/* *ret must be empty; it shares the items. ERR_NOMEM leaves it empty. */
MUSTCHECK enum status order_copy(const struct order *from, struct order *ret);
/* Takes the reference, replacing (and releasing) an item of the same name. ERR_NOMEM takes nothing. */
MUSTCHECK enum status order_put(struct order *o, struct item *item);
/* Releases it; false if there is none. */
bool order_remove(struct order *o, struct slice name);
/* NULL if there is none. */
struct item *order_find(const struct order *o, struct slice name);
/* NULL behind the last. */
struct item *order_at(const struct order *o, uint32_t i);

#endif
