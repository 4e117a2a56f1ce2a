/* The store's own way of a sample into history, to its end: the record as received, once only, with ranges
 * and its samples, durable before it is reported; then into the chunks of its tags. Records are handed over
 * as gateways do it: each has a window of them on its way. PACKER_AFTER_S of the samples' time are handed
 * over at once, wait for a moment, and are packed, as when they come in at their own pace: no sample waits
 * for longer or for shorter than there. usage: bench_store_ingest CONNINFO POSTMASTER TAGS ROWS EACH (in a
 * new, empty database) */
#include "server/base/clock.h"
#include "server/store/migrate.h"
#include "server/store/packer.h"
#include "tests/bench/host.h"
#include "tests/bench/pg_cpu.h"
#include "tests/bench/records.h"

struct bench {
    uv_loop_t loop;
    uv_prepare_t prepare;
    struct store *store;
    struct records records;
    uint64_t postmaster;
    uint32_t ahead; /* most on their way */
    uint32_t given;
    uint32_t ingested;
    uint32_t end;    /* of the records of this round */
    uint64_t packed; /* samples */
    bool loaded;
    bool ready;
    bool stopping;
    double cpu;
    double wall;
    double cpu_end; /* 0: not yet */
    double wall_end;
};

#define ROUND_US (PACKER_AFTER_S * INT64_C(1000000))
/* Of real time: a round is handed over in less. */
#define WAIT_US INT64_C(2000000)

static void on_loaded(void *ctx, struct store_boot *boot) {
    struct bench *b = ctx;
    config_set_free(&boot->config);
    b->loaded = true;
}

/* The clock runs from the first moment at which it all works. */
static void on_state(void *ctx, enum store_state state, int64_t lag_us, const struct error *error) {
    struct bench *b = ctx;
    (void)lag_us;
    if (state == STORE_AWAY && b->ready) {
        bench_die(error->where, error->text);
    }
    if (state != STORE_AWAY && b->loaded && !b->ready) {
        b->ready = true;
        b->cpu = bench_cpu_s() + pg_cpu_s(b->postmaster);
        b->wall = bench_wall_s();
    }
}

static void on_stopped(void *ctx) {
    struct bench *b = ctx;
    uv_close((uv_handle_t *)&b->prepare, NULL);
}

static void on_ingested(void *ctx, const struct store_key *v, uint32_t n) {
    struct bench *b = ctx;
    (void)v;
    b->ingested += n;
}

static void next_round(struct bench *b) {
    const struct store_record *v = b->records.v;
    int64_t until_us = v[b->end].samples->t_us + ROUND_US;
    while (b->end < b->records.n && v[b->end].samples->t_us < until_us) {
        b->end++;
    }
}

static void on_packed(void *ctx, const struct store_packing *s) {
    struct bench *b = ctx;
    if (s->error.code != OK || s->damaged > 0) {
        bench_die("packer", s->error.text);
    }
    b->packed = s->samples;
    if (!b->ready || b->ingested < b->end || b->packed < (uint64_t)b->end * b->records.each) {
        return;
    }
    if (b->end < b->records.n) {
        next_round(b);
    } else if (b->cpu_end == 0) {
        b->cpu_end = bench_cpu_s() + pg_cpu_s(b->postmaster);
        b->wall_end = bench_wall_s();
    }
}

static void on_prepare(uv_prepare_t *prepare) {
    struct bench *b = prepare->data;
    if (b->cpu_end > 0 && !b->stopping) {
        b->stopping = true;
        store_stop(b->store, 10000, on_stopped, b);
    }
    while (b->ready && b->given < b->end && b->given - b->ingested < b->ahead &&
           store_has_room(b->store, &b->records.v[b->given])) {
        b->records.v[b->given].received_us = clock_wall_us();
        bench_need(store_ingest(b->store, &b->records.v[b->given]) == OK, "store_ingest");
        b->given++;
    }
    store_turn_end(b->store);
}

int main(int argc, char **argv) {
    static struct bench b;
    const char *conninfo = argc > 1 ? argv[1] : "";
    b.postmaster = bench_arg(argc, argv, 2, 0);
    uint32_t tags = (uint32_t)bench_arg(argc, argv, 3, 1000);
    b.ahead = tags / RECORDS_GATEWAY_TAGS * LINK_WINDOW_FRAMES;
    struct error err;
    if (migrate_run(conninfo, "migrations", NULL, NULL, &err) != OK) {
        bench_die(err.where, err.text);
    }
    records_make(&b.records, tags, bench_arg(argc, argv, 4, 300000), (uint32_t)bench_arg(argc, argv, 5, 28));
    bench_need(uv_loop_init(&b.loop) == 0 && uv_prepare_init(&b.loop, &b.prepare) == 0, "loop");
    b.prepare.data = &b;
    next_round(&b);
    struct store_config cfg = {
        .loop = &b.loop, .conninfo = conninfo, .migrations_dir = "migrations", .pack_after_us = WAIT_US};
    struct store_host host = host_of(&b);
    host.loaded = on_loaded;
    host.state = on_state;
    host.ingested = on_ingested;
    host.packed = on_packed;
    if (store_new(&cfg, &host, &b.store, &err) != OK) {
        bench_die(err.where, err.text);
    }
    bench_need(uv_prepare_start(&b.prepare, on_prepare) == 0, "prepare");
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
    bench_report("store_ingest", (uint64_t)b.records.n * b.records.each, b.cpu_end - b.cpu,
                 b.wall_end - b.wall, "");
    store_free(&b.store);
    bench_need(uv_loop_close(&b.loop) == 0, "loop's end");
    records_done(&b.records);
    return 0;
}
