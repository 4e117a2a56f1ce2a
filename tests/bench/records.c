#include "tests/bench/records.h"

#include "protocol/frame.h"
#include "server/base/crc32c.h"
#include "server/base/rand.h"
#include "tests/bench/bench.h"

#define FIRST_US    INT64_C(1764000000000000)
#define INTERVAL_US INT64_C(250000)

enum { BODY_MAX = 512, GATEWAY_KEY = 1, TAG_KEY = 10000, EPOCH = 7, DECIMALS = 100 };

/* Tags of one gateway in ascending order, all of one time: as a gateway reports by exception. */
static void make_samples(struct rand *rand, uint32_t gateway, uint64_t seq, struct link_sample *sent,
                         struct stored_sample *stored) {
    enum { STEP_MAX = RECORDS_GATEWAY_TAGS / RECORDS_SAMPLES };
    uint32_t alias = (uint32_t)rand_below(rand, STEP_MAX);
    int64_t t_us = FIRST_US + (int64_t)seq * INTERVAL_US;
    for (uint32_t i = 0; i < RECORDS_SAMPLES; i++) {
        int64_t raw = 5000 + (int64_t)rand_below(rand, 200);
        sent[i] = (struct link_sample){.alias = alias, .type = VALUE_SCALED, .t_us = t_us, .i = raw};
        stored[i] =
            (struct stored_sample){.tag_key = TAG_KEY + (int64_t)gateway * RECORDS_GATEWAY_TAGS + alias,
                                   .t_us = t_us,
                                   .value = (double)raw / DECIMALS};
        alias += 1 + (uint32_t)rand_below(rand, STEP_MAX);
    }
}

void records_make(struct records *r, uint32_t n_tags, uint64_t n_rows) {
    uint32_t gateways = n_tags / RECORDS_GATEWAY_TAGS;
    struct rand rand;
    rand_seed(&rand, 1);
    bench_need(gateways > 0, "number of tags: at least 200");
    r->n = (uint32_t)((n_rows + RECORDS_SAMPLES - 1) / RECORDS_SAMPLES);
    r->v = calloc(r->n, sizeof *r->v);
    r->samples = calloc((size_t)r->n * RECORDS_SAMPLES, sizeof *r->samples);
    buf_init(&r->bodies, (size_t)r->n * BODY_MAX);
    bench_need(r->v != NULL && r->samples != NULL && buf_reserve(&r->bodies, r->bodies.max) != NULL,
               "memory");
    for (uint32_t i = 0; i < r->n; i++) {
        struct link_sample sent[RECORDS_SAMPLES];
        uint64_t seq = i / gateways;
        size_t at = r->bodies.n;
        make_samples(&rand, i % gateways, seq, sent, r->samples + (size_t)i * RECORDS_SAMPLES);
        prefix_encode(&r->bodies, true, &(struct msg_prefix){.seq = seq, .dict = 1});
        data_encode(&r->bodies, sent, RECORDS_SAMPLES);
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
                                        .received_us = r->samples[(size_t)i * RECORDS_SAMPLES].t_us,
                                        .fault_text = "",
                                        .samples = r->samples + (size_t)i * RECORDS_SAMPLES,
                                        .n_samples = RECORDS_SAMPLES};
    }
}

void records_done(struct records *r) {
    free(r->v);
    free(r->samples);
    buf_done(&r->bodies);
}
