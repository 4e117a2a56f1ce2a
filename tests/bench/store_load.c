/* How long commits take, of alarm records and of gateways' records, while samples come in and are packed
 * beside. An alarm record each ALARM_MS.
 *
 * usage: bench_store_load CONNINFO POSTMASTER alarms TAGS PHASES
 *        bench_store_load CONNINFO POSTMASTER sustained TAGS MINUTES [SECONDS of a minute]
 * (in a new, empty database)
 *
 * alarms: phases of PHASE_MS in turn, one quiet, one in which samples come as fast as they are taken; one
 * line with what alarm records waited for in either. sustained: each tag has a sample a second, at that pace;
 * a line for each minute. */
#include "server/base/clock.h"
#include "server/store/migrate.h"
#include "tests/bench/host.h"
#include "tests/bench/pg_cpu.h"
#include "tests/bench/records.h"

#include <string.h>

enum { ALARM_MS = 25, PHASE_MS = 2000, SETTLE_MS = 300, CYCLE_S = 4, WAITS_MAX = 1 << 20, RING = 1 << 16 };
#define SECOND_US INT64_C(1000000)

struct waits {
    uint32_t n;
    uint32_t ms10[WAITS_MAX]; /* in tenths of a millisecond */
};

struct bench {
    uv_loop_t loop;
    uv_prepare_t prepare;
    uv_timer_t timer;
    struct store *store;
    struct records records;
    uint64_t postmaster;
    double cpu_s; /* of the program, and of PostgreSQL, when the phase began */
    double pg_s;
    bool sustained;
    bool loaded;
    bool ready;
    bool stopping;
    uint32_t ahead;
    uint64_t given;
    uint64_t ingested;
    int64_t shift_us;        /* of the records' times */
    uint64_t given_us[RING]; /* when each record on its way was handed over; by its number */
    uint64_t alarm_us[RING]; /* … and each alarm record, by its seq */
    uint64_t journaled;
    uint64_t alarms;
    uint32_t phase;
    uint32_t phases;
    uint64_t phase_ms;
    uint64_t began_ms;           /* loop time of the phase; 0: none yet */
    struct waits alarm_waits[2]; /* quiet, loaded */
    struct waits record_waits;
    struct store_packing packing;
    uint64_t packed_before;
    uint64_t ingested_before;
};

static uint64_t now_us(void) {
    return (uint64_t)clock_mono_us();
}

/* --- waiting -------------------------------------------------------------------------------------------- */

static void add_wait(struct waits *w, uint64_t since_us) {
    if (w->n < WAITS_MAX) {
        w->ms10[w->n++] = (uint32_t)((now_us() - since_us) / 100);
    }
}

static int by_size(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* In milliseconds; sorts them. */
static double quantile(struct waits *w, double share) {
    qsort(w->ms10, w->n, sizeof w->ms10[0], by_size);
    return w->n == 0 ? 0 : w->ms10[(uint32_t)((w->n - 1) * share)] / 10.0;
}

/* --- what is said --------------------------------------------------------------------------------------- */

static void begin_cpu(struct bench *b) {
    b->cpu_s = bench_cpu_s();
    b->pg_s = pg_cpu_s(b->postmaster);
}

static void report_minute(struct bench *b) {
    double lag_s = b->packing.oldest_us == 0 ? 0 : (double)(clock_wall_us() - b->packing.oldest_us) / 1e6;
    double seconds = (double)b->phase_ms / 1000;
    (void)printf(
        "{\"minute\":%u,\"samples_per_s\":%.0f,\"packed_per_s\":%.0f,\"commit_p50_ms\":%.1f,"
        "\"commit_p99_ms\":%.1f,\"alarm_p50_ms\":%.1f,\"alarm_p99_ms\":%.1f,\"hot_rows\":%lld,"
        "\"packer_lag_s\":%.0f,\"behind\":%llu,\"resident_mib\":%.0f,\"cpu\":%.3f,\"pg_cpu\":%.3f}\n",
        b->phase, (double)(b->ingested - b->ingested_before) * b->records.each / seconds,
        (double)(b->packing.samples - b->packed_before) / seconds, quantile(&b->record_waits, 0.5),
        quantile(&b->record_waits, 0.99), quantile(&b->alarm_waits[1], 0.5),
        quantile(&b->alarm_waits[1], 0.99), (long long)b->packing.rows, lag_s,
        (unsigned long long)(b->given - b->ingested), (double)bench_resident_bytes() / 1048576,
        (bench_cpu_s() - b->cpu_s) / seconds, (pg_cpu_s(b->postmaster) - b->pg_s) / seconds);
    (void)fflush(stdout);
    begin_cpu(b);
    b->ingested_before = b->ingested;
    b->packed_before = b->packing.samples;
    b->record_waits.n = b->alarm_waits[1].n = 0;
}

static void report_alarms(struct bench *b) {
    char more[400];
    (void)snprintf(more, sizeof more,
                   ",\"quiet_p50_ms\":%.1f,\"quiet_p99_ms\":%.1f,\"loaded_p50_ms\":%.1f,"
                   "\"loaded_p99_ms\":%.1f,\"samples\":%llu,\"packed\":%llu",
                   quantile(&b->alarm_waits[0], 0.5), quantile(&b->alarm_waits[0], 0.99),
                   quantile(&b->alarm_waits[1], 0.5), quantile(&b->alarm_waits[1], 0.99),
                   (unsigned long long)b->ingested * b->records.each, (unsigned long long)b->packing.samples);
    bench_report("store_load", b->alarms, bench_cpu_s() - b->cpu_s + pg_cpu_s(b->postmaster) - b->pg_s,
                 (double)(b->phase * b->phase_ms) / 1000, more);
}

/* --- the store's words ---------------------------------------------------------------------------------- */

static void on_loaded(void *ctx, struct store_boot *boot) {
    struct bench *b = ctx;
    config_set_free(&boot->config);
    b->loaded = true;
}

static void on_alarm(uv_timer_t *timer);

static void on_state(void *ctx, enum store_state state, int64_t lag_us, const struct error *error) {
    struct bench *b = ctx;
    (void)lag_us;
    if (state == STORE_AWAY && b->ready) {
        bench_die(error->where, error->text);
    }
    if (state != STORE_AWAY && b->loaded && !b->ready) {
        b->ready = true;
        begin_cpu(b);
        b->shift_us = clock_wall_us() - b->records.v[0].received_us;
        bench_need(uv_timer_start(&b->timer, on_alarm, ALARM_MS, ALARM_MS) == 0, "timer");
    }
}

/* Records are committed in the order in which they were handed over. */
static void on_ingested(void *ctx, const struct store_key *v, uint32_t n) {
    struct bench *b = ctx;
    (void)v;
    for (uint32_t i = 0; i < n; i++) {
        add_wait(&b->record_waits, b->given_us[b->ingested++ % RING]);
    }
}

static bool is_loaded(const struct bench *b) {
    return b->sustained || b->phase % 2 == 1;
}

static void on_journaled(void *ctx, uint64_t seq) {
    struct bench *b = ctx;
    while (b->journaled < seq) {
        b->journaled++;
        uint64_t since_us = b->alarm_us[b->journaled % RING];
        if (since_us != 0) {
            add_wait(&b->alarm_waits[is_loaded(b)], since_us);
        }
    }
}

static void on_packed(void *ctx, const struct store_packing *s) {
    struct bench *b = ctx;
    if (s->error.code != OK || s->damaged > 0) {
        bench_die("packer", s->error.text);
    }
    b->packing = *s;
}

static void on_stopped(void *ctx) {
    struct bench *b = ctx;
    uv_close((uv_handle_t *)&b->prepare, NULL);
    uv_close((uv_handle_t *)&b->timer, NULL);
}

/* --- the load ------------------------------------------------------------------------------------------- */

/* The same records again and again, each time later by what they span. */
static struct store_record next_record(struct bench *b) {
    const struct records *r = &b->records;
    uint64_t place = b->given % r->n;
    struct store_record v = r->v[place];
    struct stored_sample *samples = r->samples + place * r->each;
    v.seq += b->given / r->n * (r->v[r->n - 1].seq + 1);
    v.received_us = r->v[0].received_us + b->shift_us + (int64_t)v.seq * SECOND_US;
    for (uint32_t i = 0; i < r->each; i++) {
        samples[i].t_us = v.received_us;
    }
    return v;
}

/* In order of time; an idle turn must not make the record that is not due yet again and again. */
static bool is_due(const struct bench *b) {
    if (!b->sustained) {
        return b->given - b->ingested < b->ahead;
    }
    uint32_t gateways = b->records.n / CYCLE_S;
    int64_t t_us = b->records.v[0].received_us + b->shift_us + (int64_t)(b->given / gateways) * SECOND_US +
                   (int64_t)(b->given % gateways) * SECOND_US / gateways;
    return t_us <= clock_wall_us();
}

static bool give_one(struct bench *b) {
    if (!is_due(b) || b->given - b->ingested >= RING) {
        return false;
    }
    struct store_record v = next_record(b);
    if (!store_has_room(b->store, &v)) {
        return false;
    }
    bench_need(store_ingest(b->store, &v) == OK, "store_ingest");
    b->given_us[b->given++ % RING] = now_us();
    return true;
}

static void next_phase(struct bench *b) {
    b->phase++;
    if (b->sustained) {
        report_minute(b);
    }
    b->began_ms = uv_now(&b->loop);
    if (b->phase == b->phases) {
        b->stopping = true;
        if (!b->sustained) {
            report_alarms(b);
        }
        (void)uv_timer_stop(&b->timer);
        store_stop(b->store, 10000, on_stopped, b);
    }
}

/* What an alarm waits for in the first moments of a phase is what the phase before left. */
static void on_alarm(uv_timer_t *timer) {
    struct bench *b = timer->data;
    uint64_t now_ms = uv_now(&b->loop);
    if (b->began_ms == 0 || (!is_loaded(b) && b->packing.samples < b->ingested * b->records.each)) {
        b->began_ms = now_ms; /* it is quiet only when the packer has nothing to do any more */
    }
    if (now_ms - b->began_ms >= b->phase_ms) {
        next_phase(b);
        return;
    }
    b->alarms++;
    bool counts = b->sustained || now_ms - b->began_ms >= SETTLE_MS;
    struct alarm_record r = {.seq = b->alarms,
                             .n = b->alarms,
                             .alarm_key = 1,
                             .site_key = 1,
                             .tag_key = 2,
                             .revision = 1,
                             .src_us = clock_wall_us(),
                             .at_us = clock_wall_us(),
                             .value = 5.25,
                             .limit = 5,
                             .occ = (uint32_t)b->alarms,
                             .facts = FACT_ENABLED | FACT_ACTIVE,
                             .kind = RECORD_RAISE,
                             .from = 'A',
                             .to = 'B',
                             .base = 'B',
                             .priority = 1};
    b->alarm_us[b->alarms % RING] = counts ? now_us() : 0;
    bench_need(store_journal(b->store, &r, slice_str("main")) == OK, "store_journal");
}

static void on_prepare(uv_prepare_t *prepare) {
    struct bench *b = prepare->data;
    while (b->ready && !b->stopping && is_loaded(b) && give_one(b)) {
    }
    store_turn_end(b->store);
}

int main(int argc, char **argv) {
    static struct bench b;
    const char *conninfo = argc > 1 ? argv[1] : "";
    b.postmaster = bench_arg(argc, argv, 2, 0);
    b.sustained = argc > 3 && strcmp(argv[3], "sustained") == 0;
    uint32_t tags = (uint32_t)bench_arg(argc, argv, 4, 1000);
    b.phases = (uint32_t)bench_arg(argc, argv, 5, 10);
    b.phase_ms = b.sustained ? bench_arg(argc, argv, 6, 60) * 1000 : PHASE_MS;
    b.ahead = tags / RECORDS_GATEWAY_TAGS * LINK_WINDOW_FRAMES;
    struct error err;
    if (migrate_run(conninfo, "migrations", NULL, NULL, &err) != OK) {
        bench_die(err.where, err.text);
    }
    records_make(&b.records, tags, (uint64_t)(tags / RECORDS_GATEWAY_TAGS) * RECORDS_GATEWAY_TAGS * CYCLE_S,
                 RECORDS_GATEWAY_TAGS);
    bench_need(uv_loop_init(&b.loop) == 0 && uv_prepare_init(&b.loop, &b.prepare) == 0 &&
                   uv_timer_init(&b.loop, &b.timer) == 0,
               "loop");
    b.prepare.data = b.timer.data = &b;
    struct store_config cfg = {.loop = &b.loop,
                               .conninfo = conninfo,
                               .migrations_dir = "migrations",
                               .pack_after_us = b.sustained ? 0 : 1};
    struct store_host host = host_of(&b);
    host.loaded = on_loaded;
    host.state = on_state;
    host.ingested = on_ingested;
    host.journaled = on_journaled;
    host.packed = on_packed;
    if (store_new(&cfg, &host, &b.store, &err) != OK) {
        bench_die(err.where, err.text);
    }
    bench_need(uv_prepare_start(&b.prepare, on_prepare) == 0, "prepare");
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
    store_free(&b.store);
    bench_need(uv_loop_close(&b.loop) == 0, "loop's end");
    records_done(&b.records);
    return 0;
}
