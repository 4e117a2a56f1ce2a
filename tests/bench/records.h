/* The same history for all programs of the store's figures: records of gateways with 200 tags each, made
 * before the clock runs. */
#ifndef PENSTOCK_TESTS_BENCH_RECORDS_H
#define PENSTOCK_TESTS_BENCH_RECORDS_H

#include "server/store/store.h"

enum { RECORDS_GATEWAY_TAGS = 200 };

struct records {
    uint32_t n;
    uint32_t each; /* samples in each record */
    struct store_record *v;
    struct stored_sample *samples;
    struct buf bodies;
};

/* Of n_tags / 200 gateways in turn, until there are n_rows samples or a little more. each: samples of a
 * record, 1 to 200, all of one moment: 28 is a site that reports by exception, four times a second; 200 all
 * its tags. */
void records_make(struct records *r, uint32_t n_tags, uint64_t n_rows, uint32_t each);
void records_done(struct records *r);

#endif
