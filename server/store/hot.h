/* The samples of a record as rows of sample_hot: written once, in the transaction that stores the record, and
 * moved by the packer from there. Pure but for memory. */
#ifndef PENSTOCK_STORE_HOT_H
#define PENSTOCK_STORE_HOT_H

#include "protocol/limits.h"
#include "server/core/sample.h"
#include "server/history/chunk.h"

enum { HOT_ROWS_MAX = (LINK_SAMPLES_MAX + CHUNK_SAMPLES_MAX - 1) / CHUNK_SAMPLES_MAX };

struct hot_row {
    uint32_t n;
    int64_t tag_min;
    int64_t tag_max;
    int64_t from_us;
    int64_t to_us;
    struct slice data; /* a mixed chunk */
};

struct hot {
    struct chunk_work work;
    struct hot_row rows[HOT_ROWS_MAX];
    uint32_t n_rows;
    struct buf bytes; /* of all rows, one behind the other */
};

/* NULL without memory. */
struct hot *hot_new(void);
void hot_free(struct hot **h);
/* Makes h->rows of v[0..n), at most LINK_SAMPLES_MAX; lent until the next call. False without memory. */
MUSTCHECK bool hot_write(struct hot *h, const struct stored_sample *v, uint32_t n);
/* More bytes than the rows of n samples can take, and hot_row itself. texts: bytes of all texts, or more. */
size_t hot_bytes_max(uint32_t n, size_t texts);

#endif
