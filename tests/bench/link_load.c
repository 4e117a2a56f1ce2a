/* Gateways in numbers against a real server: the client library's own machines (journal, recorder, uplink,
 * TLS) on one loop, each with a certificate of its own. A few are steady: they measure how long it takes
 * until a record that was just made is acknowledged, which is: synced at the site, sent, decoded, judged,
 * committed. What goes on beside is the mode:
 *
 *   storm N    N more are connected, all lose their line in the same moment and come back at once
 *   backlog H  one more comes that was away for H hours, with 28 samples for each second of them
 *   idle N     N more are connected and say nothing; how much memory that takes at the server
 *
 * Gateways are load-1 … load-M (steady), then those of the mode, each with tags t0 … t27.
 * usage: bench_link_load PORT PKI DIR SERVER_PID POSTMASTER_PID MODE N */
#include "protocol/client/backoff.h"
#include "protocol/client/tls.h"
#include "protocol/client/uplink.h"
#include "server/base/clock.h"
#include "tests/bench/bench.h"
#include "tests/bench/pg_cpu.h"
#include "tests/unit/link/certs.h"

#include <stdatomic.h>
#include <string.h>
#include <uv.h>

enum {
    STEADY = 10,
    TAGS = 28,
    STEADY_US = 250000, /* a record each */
    STORM_US = 5000000,
    QUIET_S = 8,
    WAITING_MAX = 4096,
    LATENCIES_MAX = 1 << 20,
    TICK_MS = 5,
    BACKLOG_MAX_S = 60,
    READ_SIZE = 64 * 1024,
};

/* What the steady ones' latencies count for. */
enum phase { WARMING, QUIET, BESIDE, PHASES };

struct load;

struct gateway {
    struct load *load;
    char name[32];
    struct tls_client *tls;
    struct tls_line *line;
    uv_tcp_t *tcp; /* NULL: none */
    bool open;     /* TCP is */
    bool begun;
    struct tags *tags;
    struct journal *journal;
    struct recorder recorder;
    struct uplink *uplink;
    struct backoff backoff;
    int64_t dial_mono_us;
    int64_t every_us; /* 0: says nothing */
    int64_t due_mono_us;
    struct {
        uint64_t seq;
        int64_t at_mono_us;
    } waiting[WAITING_MAX]; /* of steady ones: not acknowledged */
    uint32_t n_waiting;
};

struct load {
    uv_loop_t loop;
    uv_timer_t timer;
    struct sockaddr_in address;
    struct rand rand;
    uint64_t epochs;
    struct gateway *v;
    uint32_t n;
    uint32_t n_up;
    struct buf plain;
    struct buf cipher;
    struct latencies *latencies; /* of steady ones */
    char room[READ_SIZE];
};

struct latencies {
    _Atomic int phase;
    double *ms[PHASES];
    uint32_t n[PHASES];
};

/* The steady gateways have a thread of their own: what keeps the others' thread busy shall not be measured.
 */
struct steady {
    struct load load;
    struct latencies latencies;
    _Atomic uint32_t n_up;
    atomic_bool over;
    uv_thread_t thread;
};

static struct moment now(void) {
    return (struct moment){.wall_us = clock_wall_us(), .mono_us = clock_mono_us()};
}

static uint64_t new_epoch(void *ctx) {
    struct load *l = ctx;
    l->epochs++;
    return rand_u64(&l->rand) | 1;
}

/* ---- the line ---- */

static void on_closed(uv_handle_t *handle) {
    free(handle);
}

static void hang_up(struct gateway *g, const char *why) {
    if (g->tcp == NULL) {
        return;
    }
    g->load->n_up -= uplink_state(g->uplink) == UPLINK_UP ? 1 : 0;
    uplink_lost(g->uplink, why);
    tls_line_free(&g->line);
    uv_close((uv_handle_t *)g->tcp, on_closed);
    g->tcp = NULL;
    g->open = false;
    g->dial_mono_us =
        now().mono_us + backoff_next_us(&g->backoff, 0, (int64_t)uplink_after_ms(g->uplink) * 1000);
}

static void on_written(uv_write_t *req, int status) {
    (void)status;
    free(req);
}

static bool write_all(struct gateway *g, const uint8_t *p, size_t n) {
    uv_buf_t b = uv_buf_init((char *)p, (unsigned)n);
    int sent = uv_try_write((uv_stream_t *)g->tcp, &b, 1);
    size_t done = sent > 0 ? (size_t)sent : 0;
    if (sent < 0 && sent != UV_EAGAIN) {
        return false;
    }
    if (done < n) {
        uv_write_t *req = malloc(sizeof *req + n - done);
        bench_need(req != NULL, "memory");
        memcpy(req + 1, p + done, n - done);
        b = uv_buf_init((char *)(req + 1), (unsigned)(n - done));
        return uv_write(req, (uv_stream_t *)g->tcp, &b, 1, on_written) == 0;
    }
    return true;
}

/* What the machines want to say goes on its way. */
static void pump(struct gateway *g) {
    if (g->tcp == NULL || !g->open) {
        return;
    }
    if (tls_line_is_up(g->line) && !g->begun) {
        g->begun = true;
        uplink_begin(g->uplink, now());
    }
    bool ok = true;
    while (ok && g->begun && tls_line_is_up(g->line)) {
        struct slice out = uplink_output(g->uplink);
        if (out.n == 0) {
            break;
        }
        ok = tls_line_send(g->line, out.p, out.n, NULL) == OK;
        uplink_sent(g->uplink, out.n);
        uplink_advance(g->uplink, now());
    }
    buf_clear(&g->load->cipher);
    ok = ok && tls_line_take(g->line, &g->load->cipher, NULL) == OK &&
         (g->load->cipher.n == 0 || write_all(g, g->load->cipher.p, g->load->cipher.n));
    if (!ok || (g->begun && uplink_state(g->uplink) == UPLINK_ENDED)) {
        hang_up(g, "ended");
    }
}

static void note_latency(struct gateway *g) {
    uint32_t done = 0;
    struct journal_found found;
    while (done < g->n_waiting && !journal_find(g->journal, journal_epoch(g->journal), g->waiting[done].seq,
                                                g->waiting[done].seq + 1, &found)) {
        struct latencies *to = g->load->latencies;
        int phase = atomic_load(&to->phase);
        bench_need(to->n[phase] < LATENCIES_MAX, "room for latencies");
        to->ms[phase][to->n[phase]++] = (double)(now().mono_us - g->waiting[done].at_mono_us) / 1e3;
        done++;
    }
    if (done > 0) {
        g->n_waiting -= done;
        memmove(g->waiting, g->waiting + done, g->n_waiting * sizeof g->waiting[0]);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
    struct gateway *g = handle->data;
    (void)suggested;
    *ret = uv_buf_init(g->load->room, READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b) {
    struct gateway *g = stream->data;
    if ((void *)g->tcp != (void *)stream) {
        return;
    }
    bool closed = n < 0;
    buf_clear(&g->load->plain);
    struct error err = {0};
    if (n > 0 && tls_line_receive(g->line, b->base, (size_t)n, &g->load->plain, &closed, &err) != OK) {
        bench_die(g->name, err.text);
    }
    bool was_up = uplink_state(g->uplink) == UPLINK_UP;
    if (g->load->plain.n > 0) {
        uplink_receive(g->uplink, g->load->plain.p, g->load->plain.n, now());
        bool is_up = uplink_state(g->uplink) == UPLINK_UP;
        g->load->n_up += is_up ? 1 : 0;
        g->load->n_up -= was_up ? 1 : 0;
        uplink_advance(g->uplink, now());
        note_latency(g);
    }
    if (closed) {
        hang_up(g, "closed");
    } else {
        pump(g);
    }
}

static void on_connected(uv_connect_t *req, int status) {
    struct gateway *g = req->data;
    bool is_it = (void *)req->handle == (void *)g->tcp;
    free(req);
    if (!is_it) {
        return;
    }
    if (status < 0) {
        hang_up(g, uv_strerror(status));
        return;
    }
    g->open = true;
    bench_need(uv_read_start((uv_stream_t *)g->tcp, on_alloc, on_read) == 0, "read");
    pump(g);
}

static void dial(struct gateway *g) {
    uv_connect_t *req = calloc(1, sizeof *req);
    g->tcp = calloc(1, sizeof *g->tcp);
    bench_need(req != NULL && g->tcp != NULL && uv_tcp_init(&g->load->loop, g->tcp) == 0, "socket");
    (void)uv_tcp_nodelay(g->tcp, 1);
    g->tcp->data = g;
    req->data = g;
    g->begun = false;
    struct error err = {0};
    if (tls_line_new(g->tls, &g->line, &err) != OK) {
        bench_die(g->name, err.text);
    }
    bench_need(uv_tcp_connect(req, g->tcp, (const struct sockaddr *)&g->load->address, on_connected) == 0,
               "connect");
}

/* ---- samples ---- */

static void put_row(struct gateway *g, int64_t t_us, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        double value = 50 + 10 * rand_unit(&g->load->rand);
        bench_need(tags_put(g->tags, i, t_us, value, 0, NULL) == OK, "sample");
    }
}

static void make_record(struct gateway *g) {
    struct moment m = now();
    put_row(g, m.wall_us, TAGS / 4);
    uint64_t before = journal_next_seq(g->journal);
    bench_need(recorder_flush(&g->recorder, m, NULL) == OK && recorder_sync(&g->recorder, m, NULL) == OK,
               "journal");
    if (g->load->latencies != NULL && g->n_waiting < WAITING_MAX && before > 0) {
        g->waiting[g->n_waiting].seq = journal_next_seq(g->journal) - 1;
        g->waiting[g->n_waiting++].at_mono_us = m.mono_us;
    }
    uplink_flushed(g->uplink, UPLINK_SAVED, m);
    pump(g);
}

static void on_tick(uv_timer_t *timer) {
    struct load *l = timer->data;
    struct moment m = now();
    for (uint32_t i = 0; i < l->n; i++) {
        struct gateway *g = &l->v[i];
        if (g->tcp == NULL && m.mono_us >= g->dial_mono_us) {
            dial(g);
        }
        if (g->every_us > 0 && m.mono_us >= g->due_mono_us) {
            g->due_mono_us += g->every_us;
            make_record(g);
        } else if (g->begun && m.mono_us >= uplink_next_mono_us(g->uplink)) {
            uplink_advance(g->uplink, m);
            pump(g);
        }
    }
}

/* ---- making ---- */

static struct cert read_authority(const char *pki) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/ca.pem", pki);
    FILE *f = fopen(path, "re");
    struct cert ca = {.x509 = f == NULL ? NULL : PEM_read_X509(f, NULL, NULL, NULL)};
    bench_need(ca.x509 != NULL && fclose(f) == 0, "the authority's certificate");
    (void)snprintf(path, sizeof path, "%s/ca.key", pki);
    f = fopen(path, "re");
    ca.key = f == NULL ? NULL : PEM_read_PrivateKey(f, NULL, NULL, NULL);
    bench_need(ca.key != NULL && fclose(f) == 0, "the authority's key");
    return ca;
}

static void make_gateway(struct load *l, struct gateway *g, uint32_t number, struct certs *certs,
                         const struct cert *ca, const char *pki) {
    char san[96];
    char ca_file[512];
    char cert_file[192];
    char key_file[192];
    char journal[192];
    g->load = l;
    (void)snprintf(g->name, sizeof g->name, "load-%u", number);
    (void)snprintf(san, sizeof san, "URI:urn:penstock:gateway:%s", g->name);
    certs_issue(certs, ca, g->name, &(struct cert_spec){.name = g->name, .san = san, .use = "clientAuth"});
    (void)snprintf(ca_file, sizeof ca_file, "%s/ca.pem", pki);
    (void)snprintf(cert_file, sizeof cert_file, "%s/%s.pem", certs->dir, g->name);
    (void)snprintf(key_file, sizeof key_file, "%s/%s.key", certs->dir, g->name);
    (void)snprintf(journal, sizeof journal, "%s/%s", certs->dir, g->name);
    struct error err = {0};
    struct tls_client_config tls = {
        .ca_file = ca_file, .cert_file = cert_file, .key_file = key_file, .server_name = "localhost"};
    struct journal_config cfg = {.dir = journal, .capacity_bytes = 64 << 20, .epoch = new_epoch(l)};
    if (tls_client_new(&tls, &g->tls, &err) != OK || tags_new(&g->tags, &err) != OK ||
        journal_open(&cfg, &g->journal, &err) != OK) {
        bench_die(err.where, err.text);
    }
    for (uint32_t i = 0; i < TAGS; i++) {
        char name[8];
        uint32_t tag = 0;
        (void)snprintf(name, sizeof name, "t%u", i);
        struct tag_def def = {.name = slice_str(name), .type = VALUE_SCALED, .scale = 0.01};
        bench_need(tags_define(g->tags, &def, &tag, NULL) == OK, "tag");
    }
    struct recorder_host host = {.ctx = l, .new_epoch = new_epoch};
    recorder_init(&g->recorder, g->tags, g->journal, 0, &host);
    struct uplink_config up = {.gateway = slice_str(g->name), .software = slice_str("bench")};
    bench_need(uplink_new(&up, &g->recorder, &g->uplink, NULL) == OK, "uplink");
    backoff_init(&g->backoff, number);
}

static void make_load(struct load *l, char **argv, uint32_t first, uint32_t n, struct latencies *latencies) {
    const char *pki = argv[2];
    struct certs certs = {.serial = 100000 + first};
    (void)snprintf(certs.dir, sizeof certs.dir, "%s", argv[3]);
    struct cert ca = read_authority(pki);
    rand_seed(&l->rand, first);
    bench_need(uv_loop_init(&l->loop) == 0 && uv_timer_init(&l->loop, &l->timer) == 0, "loop");
    l->timer.data = l;
    bench_need(uv_ip4_addr("127.0.0.1", (int)strtol(argv[1], NULL, 10), &l->address) == 0, "address");
    buf_init(&l->plain, 16 << 20);
    buf_init(&l->cipher, 16 << 20);
    l->n = n;
    l->latencies = latencies;
    l->v = calloc(n, sizeof *l->v);
    bench_need(l->v != NULL, "memory");
    for (uint32_t i = 0; i < n; i++) {
        make_gateway(l, &l->v[i], first + i, &certs, &ca, pki);
        l->v[i].dial_mono_us = INT64_MAX;
    }
    cert_done(&ca);
    bench_need(uv_timer_start(&l->timer, on_tick, TICK_MS, TICK_MS) == 0, "timer");
}

/* ---- what is measured ---- */

static int compare(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(struct latencies *l, enum phase phase, double share) {
    qsort(l->ms[phase], l->n[phase], sizeof *l->ms[phase], compare);
    return l->n[phase] == 0 ? 0 : l->ms[phase][(uint32_t)((l->n[phase] - 1) * share)];
}

static void run_for(struct load *l, double seconds) {
    double end = bench_wall_s() + seconds;
    while (bench_wall_s() < end) {
        (void)uv_run(&l->loop, UV_RUN_ONCE);
    }
}

static void start(struct load *l, int64_t every_us) {
    int64_t mono_us = now().mono_us;
    for (uint32_t i = 0; i < l->n; i++) {
        l->v[i].dial_mono_us = mono_us;
        l->v[i].every_us = every_us;
        l->v[i].due_mono_us =
            mono_us + (every_us > 0 ? (int64_t)rand_below(&l->rand, (uint64_t)every_us) : 0);
    }
}

static double run_until_up(struct load *l) {
    double begin = bench_wall_s();
    while (l->n_up < l->n) {
        (void)uv_run(&l->loop, UV_RUN_ONCE);
        bench_need(bench_wall_s() - begin < 300, "all gateways up");
    }
    return bench_wall_s() - begin;
}

static void run_steady(void *arg) {
    struct steady *s = arg;
    start(&s->load, STEADY_US);
    while (!atomic_load(&s->over)) {
        (void)uv_run(&s->load.loop, UV_RUN_ONCE);
        atomic_store(&s->n_up, s->load.n_up);
    }
}

static void begin_steady(struct steady *s, char **argv) {
    for (int i = 0; i < PHASES; i++) {
        s->latencies.ms[i] = calloc(LATENCIES_MAX, sizeof *s->latencies.ms[i]);
        bench_need(s->latencies.ms[i] != NULL, "memory");
    }
    make_load(&s->load, argv, 1, STEADY, &s->latencies);
    bench_need(uv_thread_create(&s->thread, run_steady, s) == 0, "thread");
    while (atomic_load(&s->n_up) < STEADY) {
        uv_sleep(10);
    }
}

/* The steady ones without what is to come beside them: what is usual. l lives on meanwhile. */
static void be_quiet(struct steady *s, struct load *l) {
    run_for(l, 2);
    atomic_store(&s->latencies.phase, QUIET);
    run_for(l, QUIET_S);
    atomic_store(&s->latencies.phase, BESIDE);
}

static void end_steady(struct steady *s, char *text, size_t size) {
    atomic_store(&s->over, true);
    bench_need(uv_thread_join(&s->thread) == 0, "thread");
    (void)snprintf(
        text, size,
        ",\"quiet_p50_ms\":%.2f,\"quiet_p99_ms\":%.2f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f",
        percentile(&s->latencies, QUIET, 0.5), percentile(&s->latencies, QUIET, 0.99),
        percentile(&s->latencies, BESIDE, 0.5), percentile(&s->latencies, BESIDE, 0.99),
        percentile(&s->latencies, BESIDE, 1));
}

static void storm(struct steady *s, struct load *l) {
    char text[512];
    start(l, STORM_US);
    double first_s = run_until_up(l);
    be_quiet(s, l);
    int64_t mono_us = now().mono_us;
    for (uint32_t i = 0; i < l->n; i++) {
        hang_up(&l->v[i], "the storm");
        l->v[i].dial_mono_us = mono_us; /* no jitter: worse than the client library does */
    }
    double again_s = run_until_up(l);
    end_steady(s, text, sizeof text);
    size_t n = strlen(text);
    (void)snprintf(text + n, sizeof text - n, ",\"first_s\":%.2f", first_s);
    bench_report("link_storm", l->n, again_s, again_s, text);
}

/* From hours ago on, a second after the other. */
static void fill(struct gateway *g, uint64_t hours) {
    int64_t t_us = clock_wall_us() - (int64_t)hours * 3600 * 1000000;
    for (uint64_t i = 0; i < hours * 3600; i++) {
        put_row(g, t_us + (int64_t)i * 1000000, TAGS);
        bench_need(recorder_flush(&g->recorder, now(), NULL) == OK, "journal");
    }
    bench_need(journal_sync(g->journal, NULL) == OK, "journal");
}

static void backlog(struct steady *s, struct load *l, uint64_t hours, uint64_t server, uint64_t postmaster) {
    char text[512];
    struct gateway *g = &l->v[0];
    fill(g, hours);
    be_quiet(s, l);
    double cpu = pg_cpu_s(server);
    double pg = pg_cpu_s(postmaster);
    start(l, 0);
    double begin = bench_wall_s();
    struct uplink_status status = {0};
    struct journal_stats left = {.waiting = 1};
    while (left.waiting > 0 && bench_wall_s() - begin < BACKLOG_MAX_S) {
        run_for(l, 0.1);
        journal_get_stats(g->journal, &left);
    }
    double wall = bench_wall_s() - begin;
    cpu = pg_cpu_s(server) - cpu;
    pg = pg_cpu_s(postmaster) - pg;
    end_steady(s, text, sizeof text);
    uplink_get_status(g->uplink, &status);
    size_t n = strlen(text);
    (void)snprintf(text + n, sizeof text - n, ",\"times_live\":%.0f,\"drained\":%s,\"pg_cpu_s\":%.2f",
                   (double)status.records_acked / wall, left.waiting == 0 ? "true" : "false", pg);
    bench_report("link_backlog", status.records_acked * TAGS, cpu, wall, text);
}

static uint64_t resident_bytes(uint64_t pid) {
    char path[64];
    char line[128] = "";
    (void)snprintf(path, sizeof path, "/proc/%llu/statm", (unsigned long long)pid);
    FILE *f = fopen(path, "re");
    bench_need(f != NULL && fgets(line, sizeof line, f) != NULL && fclose(f) == 0, path);
    char *end = NULL;
    (void)strtoull(line, &end, 10);
    return strtoull(end, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void idle(struct load *l, uint64_t server) {
    char text[128];
    run_for(l, 2);
    uint64_t before = resident_bytes(server);
    double cpu = pg_cpu_s(server);
    start(l, 0);
    for (uint32_t i = 0; i < l->n; i++) {
        make_record(&l->v[i]); /* each had something to say, and a dictionary */
    }
    double up_s = run_until_up(l);
    run_for(l, 5);
    uint64_t grown = resident_bytes(server) - before;
    (void)snprintf(text, sizeof text, ",\"bytes_per_session\":%llu", (unsigned long long)(grown / l->n));
    bench_report("link_idle", l->n, pg_cpu_s(server) - cpu, up_s, text);
}

int main(int argc, char **argv) {
    static struct load l;
    static struct steady s;
    bench_need(argc > 7, "arguments: PORT PKI DIR SERVER_PID POSTMASTER_PID storm|backlog|idle N");
    const char *mode = argv[6];
    uint64_t n = bench_arg(argc, argv, 7, 1);
    uint64_t server = bench_arg(argc, argv, 4, 0);
    make_load(&l, argv, STEADY + 1, strcmp(mode, "backlog") == 0 ? 1 : (uint32_t)n, NULL);
    begin_steady(&s, argv);
    if (strcmp(mode, "backlog") == 0) {
        backlog(&s, &l, n, server, bench_arg(argc, argv, 5, 0));
    } else if (strcmp(mode, "idle") == 0) {
        idle(&l, server);
    } else {
        storm(&s, &l);
    }
    bench_end(0);
}
