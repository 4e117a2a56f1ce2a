/* From a row's key (its identity in PostgreSQL) to its index in one model: a sorted array. Keys of 0 mean
 * that a row has no identity yet; they are never found. */
#ifndef PENSTOCK_CORE_KEY_INDEX_H
#define PENSTOCK_CORE_KEY_INDEX_H

#include "server/base/status.h"
#include "server/core/model.h"

struct key_index {
    struct key_entry *v;
    uint32_t n;
};

MUSTCHECK enum status key_index_of_gateways(struct key_index *ix, const struct model *m, struct error *err);
MUSTCHECK enum status key_index_of_tags(struct key_index *ix, const struct model *m, struct error *err);
MUSTCHECK enum status key_index_of_alarms(struct key_index *ix, const struct model *m, struct error *err);
/* Accepts one that was never filled but zeroed. */
void key_index_done(struct key_index *ix);
/* MODEL_NONE if there is no such key. */
uint32_t key_index_find(const struct key_index *ix, int64_t key);

#endif
