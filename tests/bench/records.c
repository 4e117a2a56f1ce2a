#include "tests/bench/records.h"

#include "protocol/frame.h"
#include "server/base/crc32c.h"
#include "server/base/rand.h"
#include "tests/bench/bench.h"

#define FIRST_US  INT64_C(1764000000000000)
#define SAMPLE_US (INT64_C(1000000) / RECORDS_GATEWAY_TAGS) /* one a second of each tag, on average */

enum { BODY_MAX = 2048, GATEWAY_KEY = 1, TAG_KEY = 10000, EPOCH = 7, DECIMALS = 100 };

/* Tags of one gateway in ascending order, all of one time: as a gateway reports by exception. */
static void make_samples(struct rand *rand, uint32_t gateway, uint64_t seq, uint32_t each,
                         struct link_sample *sent, struct stored_sample *stored) {
    uint32_t step_max = RECORDS_GATEWAY_TAGS / each;
    uint32_t alias = (uint32_t)rand_below(rand, step_max);
    int64_t t_us = FIRST_US + (int64_t)seq * each * SAMPLE_US;
    for (uint32_t i = 0; i < each; i++) {
        int64_t raw = 5000 + (int64_t)rand_below(rand, 200);
        sent[i] = (struct link_sample){.alias = alias, .type = VALUE_SCALED, .t_us = t_us, .i = raw};
        stored[i] =
            (struct stored_sample){.tag_key = TAG_KEY + (int64_t)gateway * RECORDS_GATEWAY_TAGS + alias,
                                   .t_us = t_us,
                                   .value = (double)raw / DECIMALS};
        alias += 1 + (uint32_t)rand_below(rand, step_max);
    }
}

void records_make(struct records *r, uint32_t n_tags, uint64_t n_rows, uint32_t each) {
    uint32_t gateways = n_tags / RECORDS_GATEWAY_TAGS;
    struct rand rand;
    rand_seed(&rand, 1);
    bench_need(gateways > 0, "number of tags: at least 200");
    bench_need(each > 0 && each <= RECORDS_GATEWAY_TAGS, "samples of a record: 1 to 200");
    r->each = each;
    r->n = (uint32_t)((n_rows + each - 1) / each);
    r->v = calloc(r->n, sizeof *r->v);
    r->samples = calloc((size_t)r->n * each, sizeof *r->samples);
    buf_init(&r->bodies, (size_t)r->n * BODY_MAX);
    bench_need(r->v != NULL && r->samples != NULL && buf_reserve(&r->bodies, r->bodies.max) != NULL,
               "memory");
    for (uint32_t i = 0; i < r->n; i++) {
        struct link_sample sent[RECORDS_GATEWAY_TAGS];
        struct stored_sample *stored = r->samples + (size_t)i * each;
        uint64_t seq = i / gateways;
        size_t at = r->bodies.n;
        make_samples(&rand, i % gateways, seq, each, sent, stored);
        prefix_encode(&r->bodies, true, &(struct msg_prefix){.seq = seq, .dict = 1});
        data_encode(&r->bodies, sent, each);
        bench_need(!r->bodies.failed, "body");
        struct slice body = slice_of((const char *)r->bodies.p + at, r->bodies.n - at);
        r->v[i] = (struct store_record){.gateway_key = GATEWAY_KEY + i % gateways,
                                        .epoch = EPOCH,
                                        .seq = seq,
                                        .dict = 1,
                                        .type = MSG_DATA,
                                        .flags = FRAME_JOURNALED,
                                        .crc = crc32c(0, body.p, body.n),
                                        .body = body,
                                        .received_us = stored->t_us,
                                        .fault_text = "",
                                        .samples = stored,
                                        .n_samples = each};
    }
}

void records_done(struct records *r) {
    free(r->v);
    free(r->samples);
    buf_done(&r->bodies);
}
