/* The store's own way of a trend of some pens for a screen: chunks, read and reduced to pixels, all pens by
 * one question; or, with "days", of what each pen did on each day, from rollups. usage: bench_store_trend
 * CONNINFO POSTMASTER PENS DAYS TIMES [days] (in a new, empty database) */
#include "server/history/pack.h"
#include "server/store/migrate.h"
#include "server/store/packing_sql.h"
#include "server/store/roller.h"
#include "server/store/store.h"
#include "tests/bench/copy.h"
#include "tests/bench/host.h"
#include "tests/bench/pens.h"
#include "tests/bench/pg_cpu.h"

#include <string.h>

/* Of all pens: measures that change each 10 s. */
static const struct aggregate_rule rule = {.stale_us = 6 * PENS_STEP_US};

enum { DAYS_MAX = 3660, ROLL_MS = 60000 };

struct bench {
    uv_loop_t loop;
    uv_prepare_t prepare;
    struct store *store;
    struct request ask;
    struct aggregate_rule rules[SAMPLES_TAGS_MAX];
    int64_t complete_us[SAMPLES_TAGS_MAX];
    int64_t edges[DAYS_MAX + 1];
    uint64_t postmaster;
    uint64_t times;
    uint64_t asked; /* the first one is for the connection's own caches */
    uint64_t answered;
    bool loaded;
    bool stopping;
    double cpu;
    double wall;
    double cpu_end;
    double wall_end;
};

/* --- what is there ------------------------------------------------------------------------------------- */

static const char tables_sql[] =
    "do $$ begin for i in 0 .. 30 loop perform sample_chunk_prepare(1::smallint, "
    "1728000000000000 + i * 2419200000000::bigint); end loop; end $$";

/* As the packer does with what it writes. */
static const char mark_sql[] =
    "do $$ begin perform rollup_mark(array_agg(d.tag_key), array_agg(d.day_us)) from ("
    "select distinct c.tag_key, d.day_us from sample_chunk c cross join lateral"
    " generate_series(c.from_us - c.from_us % 86400000000, c.to_us, 86400000000) as d(day_us)) d; end $$";

struct fill {
    struct buf out;
    int64_t tag_key;
};

static enum status on_chunk(void *ctx, const struct pack_chunk *c) {
    struct fill *f = ctx;
    packing_copy_chunk(&f->out, 1, f->tag_key, c);
    return OK;
}

static void fill(PGconn *pg, int64_t tag_key, int64_t n) {
    static struct chunk_work work;
    struct fill f = {.tag_key = tag_key};
    struct pen pen;
    struct pack p;
    buf_init(&f.out, (size_t)n * 16 + 65536);
    pack_init(&p, &work);
    pen_begin(&pen, (uint64_t)tag_key);
    copy_begin(&f.out);
    for (int64_t i = 0; i < n; i++) {
        struct chunk_sample s = {
            .t_us = PENS_FROM_US + i * PENS_STEP_US, .number = pen_next(&pen), .kind = CHUNK_NUMBER};
        bench_need(pack_sample_in(&p, &s, false) == OK, "memory");
    }
    bench_need(pack_out(&p, on_chunk, &f) == OK, "packing");
    copy_send(pg, packing_copy_sql, &f.out);
    pack_done(&p);
    buf_done(&f.out);
}

/* As the keeper does, for a time at which all of it is long over. */
static void roll_all(const char *conninfo, int64_t pens, int64_t until_us) {
    struct roller_tag tags[SAMPLES_TAGS_MAX];
    const struct blocking_config cfg = {.conninfo = conninfo, .name = "bench", .statement_ms = ROLL_MS};
    struct blocking db = {.conn = NULL};
    struct roller *roller = NULL;
    struct error err;
    uint32_t done = (uint32_t)pens;
    for (int64_t i = 0; i < pens; i++) {
        tags[i] = (struct roller_tag){.tag_key = i + 1, .rule = rule};
    }
    if (roller_new(&roller, &err) != OK || blocking_open(&db, &cfg, &err) != OK) {
        bench_die(err.where, err.text);
    }
    const struct roller_task task = {tags, (size_t)pens, until_us + 3 * PENS_DAY_US, (uint32_t)pens};
    while (done > 0) {
        if (roller_turn(roller, &db, &task, &done, &err) != OK) {
            bench_die(err.where, err.text);
        }
    }
    blocking_close(&db);
    roller_free(&roller);
}

static void fill_all(const char *conninfo, int64_t pens, int64_t span_us, bool rolled) {
    struct error err;
    if (migrate_run(conninfo, "migrations", NULL, NULL, &err) != OK) {
        bench_die(err.where, err.text);
    }
    PGconn *pg = copy_open(conninfo, tables_sql);
    for (int64_t tag_key = 1; tag_key <= pens; tag_key++) {
        fill(pg, tag_key, span_us / PENS_STEP_US);
    }
    if (rolled) {
        copy_do(pg, mark_sql);
        roll_all(conninfo, pens, PENS_FROM_US + span_us);
    }
    copy_do(pg, "vacuum analyze");
    copy_do(pg, "checkpoint");
    PQfinish(pg);
}

/* --- what the store says ------------------------------------------------------------------------------- */

static void on_loaded(void *ctx, struct store_boot *boot) {
    struct bench *b = ctx;
    config_set_free(&boot->config);
    b->loaded = true;
}

/* All that was asked for, and no day without its samples. */
static void check(const struct request *ask, const struct reply *r) {
    if (ask->kind == REQ_AGGREGATES) {
        uint32_t n = r->aggregates.n_tags * r->aggregates.n_intervals;
        bench_need(n == ask->samples.n_tags * (ask->samples.n_edges - 1), "days");
        for (uint32_t i = 0; i < n; i++) {
            bench_need(r->aggregates.v[i].count == PENS_DAY_US / PENS_STEP_US, "samples of a day");
        }
        return;
    }
    bench_need(r->samples.n == ask->samples.n_tags, "trend");
    for (uint32_t i = 0; i < r->samples.n; i++) {
        bench_need(r->samples.v[i].n == PENS_POINTS && !r->samples.v[i].raw, "points");
    }
}

static void on_reply(void *ctx, uint64_t token, const struct reply *r) {
    struct bench *b = ctx;
    (void)token;
    if (r->status == ERR_UNAVAILABLE && b->answered == 0) { /* it is not connected yet */
        b->asked = 0;
        return;
    }
    bench_need(r->status == OK, "question");
    check(&b->ask, r);
    b->answered++;
    if (b->answered == 1) {
        b->cpu = bench_cpu_s() + pg_cpu_s(b->postmaster);
        b->wall = bench_wall_s();
    } else if (b->answered == b->times + 1) {
        b->cpu_end = bench_cpu_s() + pg_cpu_s(b->postmaster);
        b->wall_end = bench_wall_s();
    }
}

static void on_stopped(void *ctx) {
    struct bench *b = ctx;
    uv_close((uv_handle_t *)&b->prepare, NULL);
}

static void on_prepare(uv_prepare_t *prepare) {
    struct bench *b = prepare->data;
    if (b->answered > b->times && !b->stopping) {
        b->stopping = true;
        store_stop(b->store, 10000, on_stopped, b);
    } else if (b->loaded && b->asked == b->answered && b->asked <= b->times) {
        b->asked++;
        store_request(b->store, b->asked, &b->ask);
    }
    store_turn_end(b->store);
}

static void make_question(struct bench *b, uint32_t pens, int64_t days, bool rolled) {
    b->ask = (struct request){.kind = rolled ? REQ_AGGREGATES : REQ_SAMPLES};
    b->ask.samples.n_tags = pens;
    b->ask.samples.from_us = PENS_FROM_US;
    b->ask.samples.to_us = PENS_FROM_US + days * PENS_DAY_US;
    b->ask.samples.points = PENS_POINTS;
    for (uint32_t i = 0; i < pens; i++) {
        b->ask.samples.tags[i] = i + 1;
        b->rules[i] = rule;
        b->complete_us[i] = b->ask.samples.to_us;
    }
    for (int64_t i = 0; i <= days; i++) {
        b->edges[i] = PENS_FROM_US + i * PENS_DAY_US;
    }
    b->ask.samples.rules = b->rules;
    b->ask.samples.complete_us = b->complete_us;
    b->ask.samples.edges = b->edges;
    b->ask.samples.n_edges = (uint32_t)days + 1;
}

int main(int argc, char **argv) {
    static struct bench b;
    const char *conninfo = argc > 1 ? argv[1] : "";
    b.postmaster = bench_arg(argc, argv, 2, 0);
    uint32_t pens = (uint32_t)bench_arg(argc, argv, 3, 8);
    int64_t days = (int64_t)bench_arg(argc, argv, 4, 30);
    b.times = bench_arg(argc, argv, 5, 10);
    bool rolled = argc > 6 && strcmp(argv[6], "days") == 0;
    bench_need(pens <= SAMPLES_TAGS_MAX && days <= DAYS_MAX, "so many pens and days");
    fill_all(conninfo, pens, days * PENS_DAY_US, rolled);
    make_question(&b, pens, days, rolled);
    bench_need(uv_loop_init(&b.loop) == 0 && uv_prepare_init(&b.loop, &b.prepare) == 0, "loop");
    b.prepare.data = &b;
    struct store_config cfg = {.loop = &b.loop, .conninfo = conninfo, .migrations_dir = "migrations"};
    struct store_host host = host_of(&b);
    host.loaded = on_loaded;
    host.reply = on_reply;
    struct error err;
    if (store_new(&cfg, &host, &b.store, &err) != OK) {
        bench_die(err.where, err.text);
    }
    bench_need(uv_prepare_start(&b.prepare, on_prepare) == 0, "prepare");
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
    bench_report("store_trend", b.times, b.cpu_end - b.cpu, b.wall_end - b.wall, "");
    store_free(&b.store);
    bench_need(uv_loop_close(&b.loop) == 0, "loop's end");
    return 0;
}
