/* The link's own receiving: TLS on memory BIOs, frames, session, decoding of DATA by its dictionary,
 * acknowledgements, with a host that calls every record committed at the end of its turn. Frames like a live
 * site's: 28 samples each, report by exception. Counts bytes. usage: bench_link_receive PKI BYTES */
#include "protocol/frame.h"
#include "server/base/clock.h"
#include "server/base/rand.h"
#include "server/link/link.h"
#include "server/link/link_limits.h"
#include "tests/bench/bench.h"
#include "tests/bench/tls_pair.h"

#include <string.h>

enum { GATEWAY_KEY = 2, TAGS = 200, PER_FRAME = 28, CHUNK = 16384, WINDOW = LINK_WINDOW_FRAMES - 8 };

struct bench {
    uv_loop_t loop;
    uv_prepare_t prepare;
    struct link *link;
    struct model model;
    uint64_t samples;
    uint64_t bytes;
    uint64_t most;
    double cpu;
    double wall;
    bool started;
    /* What was received in this turn: the session knows a record only after on_record has returned. */
    uint32_t n_received;
    struct {
        uint64_t epoch;
        uint64_t seq;
    } received[LINK_WINDOW_FRAMES];
};

/* --- the gateway: HELLO, a dictionary, then as many frames as the window takes */

struct gateway {
    struct buf out;
    uint64_t seq;
    uint64_t acked; /* all below */
    enum { NEW, GREETED, WELCOMED, SENDING } stage;
    struct rand rand;
    struct buf in;
};

static void say_hello(struct gateway *g) {
    struct msg_hello m = {.version_min = 1,
                          .version_max = 1,
                          .gateway = slice_str("gw-s1"),
                          .software = slice_str("bench"),
                          .n_epochs = 1,
                          .now_us = clock_wall_us(),
                          .max_rx_frame = LINK_BODY_MAX};
    m.epochs[0].epoch = (uint64_t)clock_wall_us();
    size_t mark = frame_begin(&g->out, MSG_HELLO, 0);
    hello_encode(&g->out, &m);
    frame_end(&g->out, mark);
}

static void say_dict(struct gateway *g) {
    static char names[TAGS][8];
    static struct dict_entry v[TAGS];
    for (uint32_t i = 0; i < TAGS; i++) {
        (void)snprintf(names[i], sizeof names[i], "T%u", i);
        v[i] =
            (struct dict_entry){.alias = i, .type = VALUE_SCALED, .scale = 0.01, .name = slice_str(names[i])};
    }
    size_t mark = frame_begin(&g->out, MSG_DICT, FRAME_JOURNALED);
    prefix_encode(&g->out, true, &(struct msg_prefix){.seq = g->seq++, .dict = 1});
    dict_encode(&g->out, 0, false, v, TAGS);
    frame_end(&g->out, mark);
}

static void say_data(struct gateway *g) {
    struct link_sample v[PER_FRAME];
    int64_t now = clock_wall_us() / 1000 * 1000;
    uint32_t alias = (uint32_t)rand_below(&g->rand, 4);
    for (uint32_t i = 0; i < PER_FRAME; i++) {
        v[i] = (struct link_sample){.alias = alias,
                                    .type = VALUE_SCALED,
                                    .t_us = now,
                                    .i = 5000 + (int64_t)rand_below(&g->rand, 200)};
        alias += 1 + (uint32_t)rand_below(&g->rand, 6);
    }
    size_t mark = frame_begin(&g->out, MSG_DATA, FRAME_JOURNALED);
    prefix_encode(&g->out, true, &(struct msg_prefix){.seq = g->seq++, .dict = 1});
    data_encode(&g->out, v, PER_FRAME);
    frame_end(&g->out, mark);
}

static void hear(void *ctx, const uint8_t *p, size_t n) {
    struct gateway *g = ctx;
    buf_append(&g->in, p, n);
    struct frame f;
    size_t need = 0;
    while (frame_parse(g->in.p, g->in.n, LINK_BODY_MAX_HARD, &f, &need, NULL) == FRAME_OK) {
        static struct msg_ack ack;
        if (f.type == MSG_WELCOME) {
            g->stage = WELCOMED;
        } else if (f.type == MSG_ACK && ack_decode(f.body, &ack, NULL) == OK && ack.n_ranges > 0) {
            g->acked = ack.ranges[0].end;
        }
        buf_consume(&g->in, need);
    }
}

static void next(void *ctx, const uint8_t **ret_p, size_t *ret_n) {
    struct gateway *g = ctx;
    buf_clear(&g->out);
    switch (g->stage) {
    case NEW:
        say_hello(g);
        g->stage = GREETED;
        break;
    case GREETED:
        break;
    case WELCOMED:
        say_dict(g);
        g->stage = SENDING;
        break;
    case SENDING:
        while (g->seq < g->acked + WINDOW && g->out.n < CHUNK) {
            say_data(g);
        }
        break;
    }
    *ret_p = g->out.p;
    *ret_n = g->out.n;
}

/* --- the host */

static struct bench *bench_of(void *ctx) {
    return ctx;
}

static void on_settle(void *ctx, uint64_t token, struct slice name, const struct msg_epoch *epochs,
                      uint32_t n) {
    (void)name;
    (void)epochs;
    (void)n;
    struct link_settled s = {.status = OK, .gateway_key = GATEWAY_KEY, .session = 1};
    link_settled(bench_of(ctx)->link, token, &s);
}

static void finish(const struct bench *b) {
    char more[64];
    (void)snprintf(more, sizeof more, ",\"samples\":%llu", (unsigned long long)b->samples);
    bench_report("link_receive", b->bytes, bench_thread_cpu_s() - b->cpu, bench_wall_s() - b->wall, more);
    bench_end(0);
}

static enum status on_record(void *ctx, const struct link_record *r) {
    struct bench *b = ctx;
    if (r->fault != 0) {
        bench_die("record", r->fault_text);
    }
    if (!b->started && r->type == MSG_DATA) {
        b->started = true;
        b->cpu = bench_thread_cpu_s();
        b->wall = bench_wall_s();
    }
    b->samples += r->n_samples;
    b->bytes += r->type == MSG_DATA ? r->body.n + LINK_FRAME_HEAD : 0;
    b->received[b->n_received].epoch = r->epoch;
    b->received[b->n_received++].seq = r->seq;
    return OK;
}

static void on_snapshot(void *ctx, uint32_t gateway, const struct sample *v, uint32_t n,
                        int64_t received_us) {
    (void)ctx;
    (void)gateway;
    (void)v;
    (void)n;
    (void)received_us;
}

static void on_repeated(void *ctx, const struct link_repeat *r) {
    (void)ctx;
    (void)r;
}

static void on_clock(void *ctx, uint32_t gateway, const struct link_clock *c, bool judged) {
    (void)ctx;
    (void)gateway;
    (void)c;
    (void)judged;
}

static void on_backlog_end(void *ctx, uint32_t gateway, int64_t te_us) {
    (void)ctx;
    (void)gateway;
    (void)te_us;
}

static void on_state(void *ctx, uint32_t gateway, bool up, const char *peer, const char *reason) {
    (void)ctx;
    (void)gateway;
    (void)peer;
    if (!up) {
        bench_die("link down", reason);
    }
}

static void on_incident(void *ctx, const char *action, const char *peer, const char *object,
                        const char *detail) {
    (void)ctx;
    (void)fprintf(stderr, "bench: %s %s %s %s\n", action, peer, object, detail);
}

static void on_prepare(uv_prepare_t *handle) {
    struct bench *b = handle->data;
    for (uint32_t i = 0; i < b->n_received; i++) {
        link_committed(b->link, GATEWAY_KEY, b->received[i].epoch, b->received[i].seq);
    }
    b->n_received = 0;
    link_turn_end(b->link);
    if (b->bytes >= b->most) {
        finish(b);
    }
}

static void make_model(struct model *m) {
    static struct model_site site = {.key = 1, .name = {"S1", 2}, .n_tags = TAGS};
    static struct model_gateway gateway = {
        .key = GATEWAY_KEY, .name = {"gw-s1", 5}, .enabled = true, .comm_alarm = MODEL_NONE};
    static struct model_tag tags[TAGS];
    static char names[TAGS][12];
    static const uint64_t seed[2] = {1, 2};
    *m = (struct model){.revision = 1,
                        .sites = &site,
                        .n_sites = 1,
                        .gateways = &gateway,
                        .n_gateways = 1,
                        .tags = tags,
                        .n_tags = TAGS};
    enum status status = map_init(&m->tag_by_name, TAGS, seed, NULL);
    status = status == OK ? map_init(&m->gateway_by_name, 1, seed, NULL) : status;
    status = status == OK ? map_init(&m->site_by_name, 1, seed, NULL) : status;
    status = status == OK ? map_init(&m->alarm_by_name, 1, seed, NULL) : status;
    status = status == OK ? map_put(&m->gateway_by_name, gateway.name, 0) : status;
    status = status == OK ? map_put(&m->site_by_name, site.name, 0) : status;
    for (uint32_t i = 0; i < TAGS && status == OK; i++) {
        (void)snprintf(names[i], sizeof names[i], "S1/T%u", i);
        tags[i] = (struct model_tag){.key = 10 + i,
                                     .name = slice_str(names[i]),
                                     .local = slice_str(names[i] + 3),
                                     .scale = 1,
                                     .low = 0,
                                     .high = 100};
        status = map_put(&m->tag_by_name, tags[i].name, i);
    }
    bench_need(status == OK, "model");
}

static void start_link(struct bench *b, const char *pki) {
    char ca[512];
    char cert[512];
    char key[512];
    (void)snprintf(ca, sizeof ca, "%s/ca.pem", pki);
    (void)snprintf(cert, sizeof cert, "%s/link.pem", pki);
    (void)snprintf(key, sizeof key, "%s/link.key", pki);
    /* One gateway alone sends all that goes through here. */
    struct link_limits limits = link_limits_usual();
    limits.samples_per_s = 1000000000;
    limits.frames_per_s = 1000000000;
    limits.bytes_per_s = 1024 * 1024 * 1024;
    struct link_config cfg = {.loop = &b->loop,
                              .address = "127.0.0.1",
                              .ca_file = ca,
                              .cert_file = cert,
                              .key_file = key,
                              .sessions_max = 10,
                              .limits = &limits};
    struct link_host host = {.ctx = b,
                             .settle = on_settle,
                             .record = on_record,
                             .snapshot = on_snapshot,
                             .repeated = on_repeated,
                             .clock = on_clock,
                             .backlog_end = on_backlog_end,
                             .state = on_state,
                             .incident = on_incident};
    struct error err;
    if (link_new(&cfg, &host, &b->link, &err) != OK) {
        bench_die(err.where, err.text);
    }
    link_set_model(b->link, &b->model);
}

int main(int argc, char **argv) {
    static struct bench b;
    static struct gateway g;
    const char *pki = argc > 1 ? argv[1] : ".";
    b.most = bench_arg(argc, argv, 2, 100000000);
    make_model(&b.model);
    bench_need(uv_loop_init(&b.loop) == 0 && uv_prepare_init(&b.loop, &b.prepare) == 0, "loop");
    b.prepare.data = &b;
    start_link(&b, pki);
    bench_need(uv_prepare_start(&b.prepare, on_prepare) == 0, "prepare");
    buf_init(&g.out, 1 << 20);
    buf_init(&g.in, 1 << 20);
    rand_seed(&g.rand, 1);
    tls_writer_start(&(struct tls_writer){
        .pki = pki, .name = "gw-s1", .port = link_port(b.link), .hear = hear, .next = next, .ctx = &g});
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
    return 1;
}
