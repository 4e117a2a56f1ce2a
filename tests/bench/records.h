/* The same history for both programs of the store's figure: records of gateways with 200 tags each, 28
 * samples in each record, made before the clock runs. */
#ifndef PENSTOCK_TESTS_BENCH_RECORDS_H
#define PENSTOCK_TESTS_BENCH_RECORDS_H

#include "server/store/store.h"

enum { RECORDS_GATEWAY_TAGS = 200, RECORDS_SAMPLES = 28 };

struct records {
    uint32_t n;
    struct store_record *v;
    struct stored_sample *samples;
    struct buf bodies;
};

/* Of n_tags / 200 gateways in turn, until there are n_rows samples or a little more. */
void records_make(struct records *r, uint32_t n_tags, uint64_t n_rows);
void records_done(struct records *r);

#endif
