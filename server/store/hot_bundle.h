/* Rows of sample_hot that records of one gateway share. A row costs PostgreSQL, and the packer after it, as
 * much as some hundred samples in it: so the chunks of small ones travel in bundles. Pure but for memory. */
#ifndef PENSTOCK_STORE_HOT_BUNDLE_H
#define PENSTOCK_STORE_HOT_BUNDLE_H

#include "server/store/hot.h"

/* As many as a row of sample_hot keeps in line without being compressed (TOAST_TUPLE_THRESHOLD). */
enum { HOT_BUNDLE_BYTES = 1900 };

struct hot_shared {
    int64_t gateway_key;
    int64_t received_us; /* of the earliest of its records */
    uint32_t n_parts;
    struct hot_row row;
};

struct hot_bundles {
    struct hot_shared *v;
    uint32_t n;
    struct slice *parts; /* chunks, row after row */
    uint32_t n_parts;
    struct buf bytes; /* of those with several parts, one behind the other */
};

/* Room for the bundles of n rows; false without memory. */
MUSTCHECK bool hot_bundles_init(struct hot_bundles *b, uint32_t n);
void hot_bundles_done(struct hot_bundles *b);
/* The next row, which is borrowed: joins the one before if that has room and is of the same gateway. */
void hot_bundles_add(struct hot_bundles *b, int64_t gateway_key, int64_t received_us,
                     const struct hot_row *row);
/* All were added; from here on they have their data. False without memory. */
MUSTCHECK bool hot_bundles_end(struct hot_bundles *b);

#endif
