/* Sends a recording, or noise, through ingest and packer, so that somebody can look at how large it became: a
 * record for each row with what changed in it, as one site reports. The packer comes around after so many
 * rows, and now and then records as received are
 * deleted, and VACUUM does what autovacuum would.
 *
 * usage: bench_store_bytes CONNINFO ROUND RECORDING SECONDS TIMES
 *        bench_store_bytes CONNINFO ROUND noise TAGS ROWS
 * (in a new, empty database). ROUND: rows. The recording is as wire_bytes reads it; it is sent so many times,
 * a row each so many seconds. noise: each tag has a number with all bits of its mantissa a second. */
#include "protocol/frame.h"
#include "server/base/crc32c.h"
#include "server/base/rand.h"
#include "server/store/migrate.h"
#include "tests/bench/copy.h"
#include "tests/bench/host.h"

#include <math.h>
#include <string.h>

#define START_US  INT64_C(1764000000000000)
#define DEVICE_US INT64_C(37000)

enum {
    LINE_MAX_BYTES = 8192,
    COLUMNS_MAX = 256,
    GATEWAY_KEY = 1,
    TAG_KEY = 10000,
    EPOCH = 7,
    VACUUM_ROUNDS = 16
};

struct column {
    double scale; /* 0: a bool */
    int64_t device;
    double last;
};

struct bench {
    uv_loop_t loop;
    uv_prepare_t prepare;
    struct store *store;
    PGconn *pg; /* for VACUUM */
    FILE *file; /* NULL: noise */
    char line[LINE_MAX_BYTES];
    struct rand rand;
    uint64_t row_s; /* a row each so many seconds */
    uint64_t times; /* that the recording is sent yet, with this one */
    long first_row; /* place in the file */
    uint64_t rows;
    uint64_t rows_max;
    uint64_t round;
    uint64_t rounds;
    uint32_t n;
    struct column columns[COLUMNS_MAX];
    struct buf body;
    uint64_t given; /* records */
    uint64_t ingested;
    uint64_t samples;
    uint64_t packed;
    bool loaded;
    bool ready;
    bool ended; /* no more rows */
    bool stopping;
};

/* --- rows ----------------------------------------------------------------------------------------------- */

static bool next_line(struct bench *b) {
    return fgets(b->line, sizeof b->line, b->file) != NULL;
}

static void read_head(struct bench *b) {
    bench_need(next_line(b), "the number of tags");
    b->n = (uint32_t)strtoul(b->line, NULL, 10);
    bench_need(b->n > 0 && b->n <= COLUMNS_MAX, "tags: 1 to 256");
    for (uint32_t i = 0; i < b->n; i++) {
        bench_need(next_line(b), "a tag's line");
        char *rest = b->line + strcspn(b->line, " ");
        b->columns[i].scale = strtod(rest, &rest);
        b->columns[i].device = strtoll(rest, NULL, 10);
        b->columns[i].last = NAN;
    }
    b->first_row = ftell(b->file);
}

/* Begins again at the end, if it is to be sent once more. */
static bool next_recorded(struct bench *b) {
    if (next_line(b)) {
        return true;
    }
    return --b->times > 0 && fseek(b->file, b->first_row, SEEK_SET) == 0 && next_line(b);
}

/* What a tag says: whole steps of its scale, as the gateway sends them. */
static struct link_sample sample_of(const struct column *c, uint32_t tag, int64_t t_us, double value) {
    struct link_sample s = {.alias = tag, .t_us = t_us};
    if (c->scale == 0) {
        s.type = VALUE_BOOL;
        s.i = value != 0;
    } else if (c->scale > 0) {
        s.type = VALUE_SCALED;
        s.i = llround(value / c->scale);
    } else {
        s.type = VALUE_F64;
        s.f = value;
    }
    return s;
}

/* *ret_n: how many changed. False: there is no row. */
static bool next_row(struct bench *b, struct link_sample *sent, struct stored_sample *stored,
                     uint32_t *ret_n) {
    if (b->file == NULL ? b->rows == b->rows_max : !next_recorded(b)) {
        return false;
    }
    char *at = b->line;
    (void)strtod(at, &at); /* its own time */
    int64_t t_us = START_US + (int64_t)(b->rows * b->row_s) * 1000000;
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        struct column *c = &b->columns[i];
        double value = b->file == NULL ? rand_unit(&b->rand) * 100 : strtod(at, &at);
        if (value == c->last) {
            continue;
        }
        c->last = value;
        sent[n] = sample_of(c, i, t_us + c->device * DEVICE_US, value);
        stored[n] = (struct stored_sample){.tag_key = TAG_KEY + i, .t_us = sent[n].t_us, .value = value};
        if (c->scale > 0) {
            stored[n].value = (double)sent[n].i * c->scale;
        }
        n++;
    }
    b->rows++;
    *ret_n = n;
    return true;
}

static void give_row(struct bench *b) {
    struct link_sample sent[COLUMNS_MAX];
    struct stored_sample stored[COLUMNS_MAX];
    uint32_t n = 0;
    if (!next_row(b, sent, stored, &n)) {
        b->ended = true;
        return;
    }
    if (n == 0) {
        return;
    }
    buf_clear(&b->body);
    prefix_encode(&b->body, true, &(struct msg_prefix){.seq = b->given, .dict = 1});
    data_encode(&b->body, sent, n);
    bench_need(!b->body.failed, "body");
    struct slice body = buf_slice(&b->body);
    const struct store_record r = {.gateway_key = GATEWAY_KEY,
                                   .epoch = EPOCH,
                                   .seq = b->given++,
                                   .dict = 1,
                                   .type = MSG_DATA,
                                   .flags = FRAME_JOURNALED,
                                   .crc = crc32c(0, body.p, body.n),
                                   .body = body,
                                   .received_us = stored->t_us,
                                   .fault_text = "",
                                   .samples = stored,
                                   .n_samples = n};
    bench_need(store_ingest(b->store, &r) == OK, "store_ingest");
    b->samples += n;
}

static void give_round(struct bench *b) {
    if (b->rounds++ % VACUUM_ROUNDS == 0) {
        copy_do(b->pg, "do $$ begin perform ingest_prune(9000000000000000, 1000000); end $$");
        copy_do(b->pg, "vacuum ingest_batch");
        copy_do(b->pg, "vacuum sample_hot");
        copy_do(b->pg, "vacuum sample_chunk");
    }
    for (uint64_t i = 0; i < b->round && !b->ended; i++) {
        give_row(b);
    }
}

/* --- the store's words ---------------------------------------------------------------------------------- */

static void on_loaded(void *ctx, struct store_boot *boot) {
    struct bench *b = ctx;
    config_set_free(&boot->config);
    b->loaded = true;
}

static void on_state(void *ctx, enum store_state state, int64_t lag_us, const struct error *error) {
    struct bench *b = ctx;
    (void)lag_us;
    if (state == STORE_AWAY && b->ready) {
        bench_die(error->where, error->text);
    }
    b->ready = b->ready || (state != STORE_AWAY && b->loaded);
}

static void on_ingested(void *ctx, const struct store_key *v, uint32_t n) {
    struct bench *b = ctx;
    (void)v;
    b->ingested += n;
}

static void on_packed(void *ctx, const struct store_packing *s) {
    struct bench *b = ctx;
    if (s->error.code != OK || s->damaged > 0) {
        bench_die("packer", s->error.text);
    }
    b->packed = s->samples;
}

static void on_stopped(void *ctx) {
    struct bench *b = ctx;
    uv_close((uv_handle_t *)&b->prepare, NULL);
}

static void on_prepare(uv_prepare_t *prepare) {
    struct bench *b = prepare->data;
    bool done = b->ready && b->ingested == b->given && b->packed == b->samples;
    if (done && !b->ended) {
        give_round(b);
    } else if (done && !b->stopping) {
        b->stopping = true;
        store_stop(b->store, 10000, on_stopped, b);
    }
    store_turn_end(b->store);
}

int main(int argc, char **argv) {
    static struct bench b;
    const char *conninfo = argc > 1 ? argv[1] : "";
    const char *what = argc > 3 ? argv[3] : "noise";
    b.round = bench_arg(argc, argv, 2, 60);
    bench_need(b.round > 0, "rows of a round: from 1");
    buf_init(&b.body, 1 << 16);
    if (strcmp(what, "noise") == 0) {
        rand_seed(&b.rand, 1);
        b.row_s = 1;
        b.n = (uint32_t)bench_arg(argc, argv, 4, 50);
        b.rows_max = bench_arg(argc, argv, 5, 10000);
        bench_need(b.n > 0 && b.n <= COLUMNS_MAX, "tags: 1 to 256");
        for (uint32_t i = 0; i < b.n; i++) {
            b.columns[i] = (struct column){.scale = -1, .last = NAN};
        }
    } else {
        b.file = fopen(what, "re");
        bench_need(b.file != NULL, "recording");
        b.row_s = bench_arg(argc, argv, 4, 60);
        b.times = bench_arg(argc, argv, 5, 1);
        read_head(&b);
    }
    struct error err;
    if (migrate_run(conninfo, "migrations", NULL, NULL, &err) != OK) {
        bench_die(err.where, err.text);
    }
    b.pg = copy_open(conninfo, "set client_min_messages = warning");
    bench_need(uv_loop_init(&b.loop) == 0 && uv_prepare_init(&b.loop, &b.prepare) == 0, "loop");
    b.prepare.data = &b;
    struct store_config cfg = {
        .loop = &b.loop, .conninfo = conninfo, .migrations_dir = "migrations", .pack_after_us = 1};
    struct store_host host = host_of(&b);
    host.loaded = on_loaded;
    host.state = on_state;
    host.ingested = on_ingested;
    host.packed = on_packed;
    if (store_new(&cfg, &host, &b.store, &err) != OK) {
        bench_die(err.where, err.text);
    }
    bench_need(uv_prepare_start(&b.prepare, on_prepare) == 0, "prepare");
    double wall = bench_wall_s();
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
    bench_report("store_bytes", b.samples, bench_cpu_s(), bench_wall_s() - wall, "");
    store_free(&b.store);
    bench_need(uv_loop_close(&b.loop) == 0, "loop's end");
    PQfinish(b.pg);
    buf_done(&b.body);
    if (b.file != NULL) {
        (void)fclose(b.file);
    }
    return 0;
}
