/* What a benchmark's store tells and nobody wants to know; a program puts its own functions in the places of
 * those that it does. */
#ifndef PENSTOCK_TESTS_BENCH_HOST_H
#define PENSTOCK_TESTS_BENCH_HOST_H

#include "server/store/store.h"
#include "tests/bench/bench.h"

static void host_loaded(void *ctx, struct store_boot *boot) {
    (void)ctx;
    config_set_free(&boot->config);
}

static void host_state(void *ctx, enum store_state state, int64_t lag_us, const struct error *error) {
    (void)ctx;
    (void)state;
    (void)lag_us;
    (void)error;
}

static void host_ingested(void *ctx, const struct store_key *v, uint32_t n) {
    (void)ctx;
    (void)v;
    (void)n;
}

/* The records of a benchmark are all new. */
static void host_forked(void *ctx, const struct store_key *key) {
    (void)ctx;
    (void)key;
    bench_die("ingest", "a number was used twice");
}

static void host_room(void *ctx) {
    (void)ctx;
}

static void host_journaled(void *ctx, uint64_t seq) {
    (void)ctx;
    (void)seq;
}

static void host_settled(void *ctx, uint64_t token, const struct store_settled *s) {
    (void)ctx;
    (void)token;
    (void)s;
}

static void host_reply(void *ctx, uint64_t token, const struct reply *r) {
    (void)ctx;
    (void)token;
    (void)r;
}

static void host_fatal(void *ctx, const struct error *error) {
    (void)ctx;
    bench_die(error->where, error->text);
}

static inline struct store_host host_of(void *ctx) {
    return (struct store_host){.ctx = ctx,
                               .loaded = host_loaded,
                               .state = host_state,
                               .ingested = host_ingested,
                               .forked = host_forked,
                               .room = host_room,
                               .journaled = host_journaled,
                               .settled = host_settled,
                               .reply = host_reply,
                               .fatal = host_fatal};
}

#endif
