/* penstock-gateway: the reference gateway. See `penstock-gateway --help`. */
#include "protocol/client/client.h"
#include "protocol/gateway/config.h"
#include "protocol/gateway/enrol_cmd.h"
#include "protocol/gateway/health.h"
#include "protocol/gateway/operate.h"
#include "server/base/clock.h"
#include "server/base/log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: penstock-gateway FILE           run a gateway\n"
    "       penstock-gateway --check FILE   check the file and its recordings, and stop\n"
    "       penstock-gateway enrol TOKEN|- --host ADDRESS [--port N] [--name SERVER] --dir DIR\n"
    "                                       make a key, and get a certificate for the token that the "
    "control\n"
    "                                       room has made (-: from stdin); writes DIR/ca.pem, NAME.pem, "
    "NAME.key\n"
    "       penstock-gateway renew FILE     the certificate has expired, and the control room has opened a\n"
    "                                       window for its renewal (one that is still good renews itself)\n"
    "       penstock-gateway --version\n"
    "\n"
    "FILE is JSON:\n"
    "  {\"name\": \"gw-s1\",                       as in the certificate (urn:penstock:gateway:gw-s1)\n"
    "   \"server\": {\"host\": \"192.0.2.1\", \"port\": 7411, \"name\": \"penstock.example\"},\n"
    "   \"ca\": \"ca.pem\", \"cert\": \"gw-s1.pem\", \"key\": \"gw-s1.key\",\n"
    "   \"journal\": {\"dir\": \"/var/lib/gateway/journal\", \"capacity_mib\": 64},\n"
    "   \"flush_ms\": 1000, \"sync_ms\": 200, \"gather_ms\": 600000,\n"
    "   \"sources\": [\n"
    "     {\"kind\": \"replay\", \"file\": \"plant.csv.gz\", \"time_column\": \"t_s\", \"speed\": 60,\n"
    "      \"start\": {\"offset_s\": 0}, \"loop\": true, \"rows\": 1000,\n"
    "      \"tags\": [{\"column\": \"L_T1_m\", \"name\": \"L_T1\", \"type\": \"scaled\", \"scale\": 0.001,\n"
    "                \"unit\": \"m\", \"low\": 0, \"high\": 6.5, \"description\": \"Level of tank 1\"}]},\n"
    "     {\"kind\": \"modbus\", \"devices\": [\n"
    "       {\"name\": \"plc1\", \"host\": \"192.0.2.10\", \"port\": 502, \"unit\": 1, \"poll_ms\": 1000,\n"
    "        \"tags\": [{\"name\": \"PU1_RUN\", \"table\": \"coil\", \"address\": 0, \"writable\": true},\n"
    "                 {\"name\": \"F_PU1\", \"table\": \"input\", \"address\": 10, \"type\": \"uint16\", "
    "\"scale\": 0.01,\n"
    "                  \"deadband\": 0.1, \"unit\": \"L/s\"}]}]}],\n"
    "   \"exit_when_done\": false, \"ledger\": \"produced.txt\"}\n"
    "host is numeric; name is what the server's certificate must say. speed: recorded seconds a second.\n"
    "journal.segment_kib (chosen): files of this size; the smaller, the sooner space is given back.\n"
    "journal.keep_mib (a quarter of the capacity): so much of what the server has is kept, and sent again if "
    "its\n"
    "database was restored from a backup; 0: nothing.\n"
    "flush_ms: samples are collected for so long. sync_ms: they survive a power loss so much later at most.\n"
    "gather_ms: while the line is down, samples make one record for so long at most.\n"
    "A source of kind modbus polls devices; all its settings, and the tags in which the gateway tells its "
    "own\n"
    "health, are in protocol/gateway/README.md.\n"
    "rows: stop after so many. exit_when_done (recordings only): when all have ended (loop false, or rows) "
    "and\n"
    "the server has committed everything, exit with 0. ledger: a line for each sample, `epoch seq name t_us\n"
    "value quality`, written before the sample goes to the journal.\n";

enum { DONE_POLL_MS = 20, LEDGER_MAX = 64 * 1024 * 1024 };

struct gateway {
    uv_loop_t loop;
    uv_timer_t done_poll;
    uv_timer_t health_timer;
    uv_signal_t term;
    uv_signal_t interrupt;
    struct gateway_config cfg;
    struct source *sources[GATEWAY_SOURCES_MAX];
    struct client *client;
    struct health *health;
    int ledger_fd; /* -1: none */
    struct buf ledger_text;
    bool stopping;
    bool link_up;
};

static int fail(const char *event, const struct error *err) {
    log_event(LOG_ERROR, event, "where=%s text=%s", LOG_Q(slice_str(err->where)),
              LOG_Q(slice_str(err->text)));
    return 1;
}

/* ---- stopping ---- */

static void on_stopped(void *ctx) {
    (void)ctx;
    log_event(LOG_INFO, "gateway.stopped", "clean=yes");
}

static void stop(struct gateway *g) {
    if (g->stopping) {
        return;
    }
    g->stopping = true;
    uv_close((uv_handle_t *)&g->done_poll, NULL);
    uv_close((uv_handle_t *)&g->health_timer, NULL);
    uv_close((uv_handle_t *)&g->term, NULL);
    uv_close((uv_handle_t *)&g->interrupt, NULL);
    for (uint32_t i = 0; i < g->cfg.n_sources; i++) {
        g->sources[i]->ops->stop(g->sources[i]);
    }
    client_stop(g->client, on_stopped, g);
}

static void on_signal(uv_signal_t *signal, int number) {
    log_event(LOG_INFO, "gateway.stopping", "signal=%d", number);
    stop(signal->data);
}

/* ---- what the client tells ---- */

static void on_link(void *ctx, bool up, const char *reason) {
    struct gateway *g = ctx;
    if (g->link_up != up && !g->stopping) {
        g->link_up = up; /* it is also told that an attempt failed */
        health_link(g->health, up, clock_wall_us());
    }
    if (up) {
        struct client_status status;
        client_get_status(g->client, &status);
        log_event(LOG_INFO, "link.up",
                  "server=%s port=%u session=%" PRIu64 " waiting=%" PRIu64 " dropped_total=%" PRIu64,
                  g->cfg.host, g->cfg.port, status.link.session, status.journal.waiting,
                  status.journal.dropped_total);
    } else {
        log_event(g->stopping ? LOG_INFO : LOG_WARN, "link.down", "reason=%s", LOG_Q(slice_str(reason)));
    }
}

static void on_note(void *ctx, const char *event, const char *text) {
    (void)ctx;
    log_event(LOG_WARN, event, "text=%s", LOG_Q(slice_str(text)));
}

/* One write for the whole record, before the journal has it: every record of the journal is in the ledger. A
 * ledger that cannot be written ends the gateway, since a test would trust it. */
static void on_record(void *ctx, uint64_t epoch, uint64_t seq, const struct link_sample *v, uint32_t n) {
    struct gateway *g = ctx;
    if (g->ledger_fd < 0) {
        return;
    }
    buf_clear(&g->ledger_text);
    for (uint32_t i = 0; i < n; i++) {
        const struct dict_entry *e = client_tag(g->client, v[i].alias - 1);
        double value = NAN;
        (void)link_sample_number(&v[i], e, &value);
        buf_printf(&g->ledger_text, "%" PRIu64 " %" PRIu64 " %.*s %" PRId64 " %.17g %u\n", epoch, seq,
                   SLICE_ARG(e->name), v[i].t_us, value, v[i].quality);
    }
    ssize_t done = g->ledger_text.failed ? -1 : write(g->ledger_fd, g->ledger_text.p, g->ledger_text.n);
    if (done != (ssize_t)g->ledger_text.n) {
        log_event(LOG_ERROR, "ledger.not_written", "file=%s", LOG_Q(slice_str(g->cfg.ledger)));
        _exit(1); /* at once: the record must not reach the journal */
    }
}

/* ---- sources ---- */

static enum status host_define(void *ctx, const struct tag_def *def, uint32_t *ret_tag, struct error *err) {
    struct gateway *g = ctx;
    return client_define(g->client, def, ret_tag, err);
}

static void told_refused(const struct gateway *g, uint32_t tag, const struct error *err) {
    log_event(LOG_ERROR, "sample.refused", "tag=%s text=%s", LOG_Q(client_tag(g->client, tag)->name),
              LOG_Q(slice_str(err->text)));
}

static void host_put(void *ctx, uint32_t tag, int64_t t_us, double value, uint8_t quality) {
    struct gateway *g = ctx;
    struct error err = {0};
    if (client_put(g->client, tag, t_us, value, quality, &err) != OK) {
        told_refused(g, tag, &err);
    }
}

static void host_put_integer(void *ctx, uint32_t tag, int64_t t_us, int64_t value, uint8_t quality) {
    struct gateway *g = ctx;
    struct error err = {0};
    if (client_put_integer(g->client, tag, t_us, value, quality, &err) != OK) {
        told_refused(g, tag, &err);
    }
}

static enum status host_define_device(void *ctx, const char *name, uint32_t *ret_device, struct error *err) {
    struct gateway *g = ctx;
    return health_define_device(g->health, name, ret_device, err);
}

static void host_device(void *ctx, uint32_t device, enum source_device state, const char *reason) {
    struct gateway *g = ctx;
    bool up = state == SOURCE_DEVICE_UP;
    log_event(up ? LOG_INFO : LOG_WARN, up ? "device.up" : "device.down", "device=%s%s%s",
              health_device_name(g->health, device),
              up ? "" : " reason=", up ? "" : LOG_Q(slice_str(reason)));
    health_device(g->health, device, up, clock_wall_us());
    const struct msg_event event = {.code = up ? EVENT_DEVICE_UP : EVENT_DEVICE_DOWN,
                                    .severity = up ? EVENT_INFO : EVENT_WARNING,
                                    .path = slice_str(health_device_name(g->health, device)),
                                    .text = slice_str(reason)};
    struct error err = {0};
    if (client_event(g->client, &event, &err) != OK) {
        log_event(LOG_WARN, "event.not_kept", "text=%s", LOG_Q(slice_str(err.text)));
    }
}

/* ---- commands ---- */

static bool may_begin(void *ctx, const struct command_id *id) {
    const struct gateway *g = ctx;
    return client_command_may_begin(g->client, id);
}

static void on_command_done(void *ctx, const struct msg_command_result *result) {
    struct gateway *g = ctx;
    struct error err = {0};
    log_event(LOG_INFO, "command.ended", "stage=%s reason=%s text=%s", command_stage_name(result->stage),
              command_reason_name(result->reason), LOG_Q(result->text));
    if (client_command_done(g->client, result, &err) != OK) {
        log_event(LOG_ERROR, "command.not_told", "text=%s", LOG_Q(slice_str(err.text)));
    }
}

static void on_command(void *ctx, const struct command_order *order) {
    struct gateway *g = ctx;
    const struct dict_entry *entry = client_tag(g->client, order->tag);
    log_event(LOG_INFO, "command.begun", "tag=%s operator=%s", LOG_Q(entry->name),
              LOG_Q(order->operator_name));
    const struct operate_host host = {.ctx = g, .may_begin = may_begin, .done = on_command_done};
    operate(g->sources, g->cfg.n_sources, entry, order, &host);
}

static enum status open_sources(struct gateway *g, const struct source_host *host, struct error *err) {
    for (uint32_t i = 0; i < g->cfg.n_sources; i++) {
        const struct gateway_source *s = &g->cfg.sources[i];
        enum status st = s->kind->open(s->settings, host, &g->sources[i], err);
        if (st != OK) {
            return st;
        }
    }
    return OK;
}

static enum status start_sources(struct gateway *g, struct error *err) {
    for (uint32_t i = 0; i < g->cfg.n_sources; i++) {
        enum status st = g->sources[i]->ops->start(g->sources[i], err);
        if (st != OK) {
            return st;
        }
    }
    return OK;
}

static void free_sources(struct gateway *g) {
    for (uint32_t i = 0; i < g->cfg.n_sources; i++) {
        if (g->sources[i] != NULL) {
            g->sources[i]->ops->free(g->sources[i]);
            g->sources[i] = NULL;
        }
    }
}

static void on_health(uv_timer_t *timer) {
    struct gateway *g = timer->data;
    health_report(g->health, clock_wall_us());
}

static void on_done_poll(uv_timer_t *timer) {
    struct gateway *g = timer->data;
    for (uint32_t i = 0; i < g->cfg.n_sources; i++) {
        if (!g->sources[i]->ops->is_done(g->sources[i])) {
            return;
        }
    }
    if (client_is_drained(g->client)) {
        log_event(LOG_INFO, "gateway.done", "committed=all");
        stop(g);
    } else {
        client_flush(g->client); /* nothing follows that would be worth waiting for */
    }
}

/* ---- starting ---- */

static enum status open_ledger(struct gateway *g, struct error *err) {
    g->ledger_fd = -1;
    buf_init(&g->ledger_text, LEDGER_MAX);
    if (g->cfg.ledger == NULL) {
        return OK;
    }
    g->ledger_fd = open(g->cfg.ledger, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return g->ledger_fd >= 0
               ? OK
               : error_set(err, ERR_IO, g->cfg.ledger, "the ledger cannot be opened for writing");
}

static enum status prepare(struct gateway *g, struct error *err) {
    enum status st = open_ledger(g, err);
    if (st != OK) {
        return st;
    }
    const struct client_config cfg = {
        .loop = &g->loop,
        .name = g->cfg.name,
        .software = "penstock-gateway " PENSTOCK_VERSION,
        .host = g->cfg.host,
        .port = g->cfg.port,
        .server_name = g->cfg.server_name,
        .ca_file = g->cfg.ca,
        .cert_file = g->cfg.cert,
        .key_file = g->cfg.key,
        .journal_dir = g->cfg.journal_dir,
        .journal_bytes = g->cfg.journal_bytes,
        .journal_segment_bytes = g->cfg.segment_bytes,
        .journal_keep_bytes = g->cfg.keep_bytes,
        .flush_ms = g->cfg.flush_ms,
        .sync_ms = g->cfg.sync_ms,
        .gather_ms = g->cfg.gather_ms,
        .hooks = {.ctx = g,
                  .on_link = on_link,
                  .on_note = on_note,
                  .on_record = on_record,
                  .on_command = on_command},
    };
    st = client_new(&cfg, &g->client, err);
    const struct source_host host = {.ctx = g,
                                     .loop = &g->loop,
                                     .define = host_define,
                                     .put = host_put,
                                     .put_integer = host_put_integer,
                                     .define_device = host_define_device,
                                     .device = host_device};
    st = st == OK ? health_new(g->client, g->cfg.cert, &g->health, err) : st;
    if (st == OK) {
        st = open_sources(g, &host, err);
    }
    return st == OK ? client_start(g->client, err) : st;
}

static enum status start(struct gateway *g, struct error *err) {
    g->done_poll.data = g;
    g->term.data = g;
    g->interrupt.data = g;
    g->health_timer.data = g;
    (void)uv_timer_init(&g->loop, &g->done_poll);
    (void)uv_timer_init(&g->loop, &g->health_timer);
    (void)uv_timer_start(&g->health_timer, on_health, 0, HEALTH_INTERVAL_US / 1000);
    (void)uv_signal_init(&g->loop, &g->term);
    (void)uv_signal_init(&g->loop, &g->interrupt);
    (void)uv_signal_start(&g->term, on_signal, SIGTERM);
    (void)uv_signal_start(&g->interrupt, on_signal, SIGINT);
    if (g->cfg.exit_when_done) {
        (void)uv_timer_start(&g->done_poll, on_done_poll, DONE_POLL_MS, DONE_POLL_MS);
    }
    struct client_status status;
    client_get_status(g->client, &status);
    log_event(LOG_INFO, "gateway.started",
              "name=%s sources=%" PRIu32 " tags=%" PRIu32 " waiting=%" PRIu64 " damaged_bytes=%" PRIu64,
              LOG_Q(slice_str(g->cfg.name)), g->cfg.n_sources, client_tags(g->client), status.journal.waiting,
              status.journal.damaged_bytes);
    enum status st = start_sources(g, err);
    if (st != OK) {
        stop(g);
    }
    return st;
}

static int run(struct gateway *g) {
    struct error err = {0};
    int rc = uv_loop_init(&g->loop);
    if (rc != 0) {
        (void)error_set(&err, ERR_INTERNAL, "libuv", "%s", uv_strerror(rc));
        return fail("gateway.not_started", &err);
    }
    int code = 0;
    if (prepare(g, &err) != OK) {
        code = fail("gateway.not_started", &err);
    } else {
        if (start(g, &err) != OK) {
            code = fail("gateway.not_started", &err);
        }
        (void)uv_run(&g->loop, UV_RUN_DEFAULT);
    }
    free_sources(g);
    health_free(&g->health);
    client_free(&g->client);
    (void)uv_loop_close(&g->loop);
    buf_done(&g->ledger_text);
    if (g->ledger_fd >= 0) {
        (void)close(g->ledger_fd);
    }
    return code;
}

/* ---- checking ---- */

static enum status count_tag(void *ctx, const struct tag_def *def, uint32_t *ret_tag, struct error *err) {
    (void)def;
    (void)err;
    uint32_t *n = ctx;
    *ret_tag = (*n)++;
    return OK;
}

static enum status count_device(void *ctx, const char *name, uint32_t *ret_device, struct error *err) {
    (void)ctx;
    (void)name;
    (void)err;
    *ret_device = 0;
    return OK;
}

/* Opens the sources as far as that needs no device: a recording is read. */
static int check(struct gateway *g) {
    uint32_t n = 0;
    struct error err = {0};
    const struct source_host host = {.ctx = &n, .define = count_tag, .define_device = count_device};
    enum status st = open_sources(g, &host, &err);
    free_sources(g);
    return st == OK ? 0 : fail("config.refused", &err);
}

static void tell_faults(const char *file, const struct settings_faults *faults) {
    for (uint32_t i = 0; i < faults->n; i++) {
        const struct settings_fault *f = &faults->v[i];
        (void)fprintf(stderr, "%s:%u:%u: %s%s%s\n", file, f->line, f->column, f->pointer,
                      f->pointer[0] != '\0' ? ": " : "", f->text);
    }
    if (faults->more > 0) {
        (void)fprintf(stderr, "%s: and %" PRIu32 " more\n", file, faults->more);
    }
}

static enum status read_config(struct gateway *g, const char *file) {
    static struct settings_faults faults; /* too big for the stack; lives as long as the program */
    struct error err = {0};
    enum status st = gateway_config_read(file, GATEWAY_CONFIG_AND_KEYS, &g->cfg, &faults, &err);
    if (st != OK) {
        tell_faults(file, &faults);
        (void)fail("config.refused", &err);
    }
    return st;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("penstock-gateway %s\n", PENSTOCK_VERSION);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        (void)fputs(usage, stdout);
        return 0;
    }
    if (argc >= 2 && strcmp(argv[1], "enrol") == 0) {
        (void)signal(SIGPIPE, SIG_IGN);
        return enrol_cmd(argc - 2, argv + 2);
    }
    bool renewing = argc == 3 && strcmp(argv[1], "renew") == 0;
    bool checking = argc == 3 && strcmp(argv[1], "--check") == 0;
    bool running = argc == 2 && argv[1][0] != '-' && strcmp(argv[1], "renew") != 0;
    if (!checking && !renewing && !running) {
        (void)fputs(usage, stderr);
        return 2;
    }
    static struct gateway g; /* lives as long as the program */
    if (read_config(&g, argv[argc - 1]) != OK) {
        return 1;
    }
    /* A connection that breaks while it is written to is an error of that write, not a signal. */
    (void)signal(SIGPIPE, SIG_IGN);
    int code = checking ? check(&g) : renewing ? renew_cmd(&g.cfg) : run(&g);
    gateway_config_done(&g.cfg);
    return code;
}
