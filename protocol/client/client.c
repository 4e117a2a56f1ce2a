#include "protocol/client/client.h"

#include "protocol/client/client_state.h"
#include "protocol/client/window.h"
#include "server/base/check.h"
#include "server/base/clock.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
    READ_SIZE = 64 * 1024,
    WRITE_MAX = 64 * 1024,
    PLAIN_MAX = 1024 * 1024,
    SEND_BUFFER_SIZE = 128 * 1024, /* what is urgent shall not stand behind more than this in the kernel */
    CONNECT_MS = 20000,
    GOODBYE_MS = 2000,
};

/* CONNECTING -> HANDSHAKE -> SESSION -> GOODBYE; each may go to closing. */
enum conn_state { CONN_CONNECTING, CONN_HANDSHAKE, CONN_SESSION, CONN_GOODBYE };

struct conn {
    struct client *client; /* NULL once it was given up: then only the handle has to close */
    enum conn_state state;
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    struct tls_line *tls;
    struct buf plain;
    struct buf cipher; /* what write is sending */
    bool writing;
    bool said_all; /* close_notify is on its way */
    int64_t deadline_mono_us;
    int64_t up_mono_us; /* 0: not yet */
    char chunk[READ_SIZE];
};

static void turn(struct client *c);

static struct moment moment_now(void) {
    return (struct moment){.wall_us = clock_wall_us(), .mono_us = clock_mono_us()};
}

static uint64_t random_number(void) {
    uint64_t v = 0;
    while (v == 0) {
        CHECK(getrandom(&v, sizeof v, 0) == (ssize_t)sizeof v);
    }
    return v;
}

static uint64_t new_epoch(void *ctx) {
    (void)ctx;
    return random_number();
}

void client_note(void *ctx, const char *event, const char *text) {
    struct client *c = ctx;
    if (c->hooks.on_note != NULL) {
        c->hooks.on_note(c->hooks.ctx, event, text);
    }
}

static void on_record(void *ctx, uint64_t epoch, uint64_t seq, const struct link_sample *v, uint32_t n) {
    struct client *c = ctx;
    if (c->hooks.on_record != NULL) {
        c->hooks.on_record(c->hooks.ctx, epoch, seq, v, n);
    }
}

/* ---- the certificate ---- */

/* To the log here, and to the room. */
static void tell_certificate(struct client *c, enum event_code code, const char *text) {
    struct error err = {0};
    bool good = code == EVENT_CERT_RENEWED;
    const struct msg_event event = {
        .code = (uint16_t)code, .severity = good ? EVENT_INFO : EVENT_WARNING, .text = slice_str(text)};
    client_note(c, good ? "certificate.renewed" : "certificate.trouble", text);
    if (client_event(c, &event, &err) != OK) {
        client_note(c, "journal.not_written", err.text);
    }
}

static void on_certificate_offered(void *ctx) {
    struct client *c = ctx;
    struct buf request;
    struct error err = {0};
    buf_init(&request, IDENTITY_REQUEST_SIZE);
    enum status st = renewal_request(c->renewal, &request, &err);
    if (st == OK) {
        uplink_ask_certificate(c->uplink, buf_slice(&request));
    } else if (st != ERR_WRONG_STATE) {
        tell_certificate(c, EVENT_CERT_TROUBLE, err.text);
    }
    buf_done(&request);
}

/* Tried at once, while the old one is good for weeks: whoever finds out that it fails has time. */
static void on_certificate_answered(void *ctx, const struct msg_cert_issued *answer) {
    struct client *c = ctx;
    struct error err = {0};
    if (renewal_answer(c->renewal, answer, &err) == OK) {
        uplink_bye(c->uplink, "a new certificate is to be shown");
    } else {
        tell_certificate(c, EVENT_CERT_TROUBLE, err.text);
    }
}

static void on_up(void *ctx, const struct msg_welcome *m) {
    client_commands_up(ctx, m);
    client_config_up(ctx);
}

/* ---- making ---- */

static bool is_numeric(const char *host) {
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static enum status check_config(const struct client_config *cfg, struct error *err) {
    if (strlen(cfg->name) >= NAME_SIZE || strlen(cfg->software) >= NAME_SIZE) {
        return error_set(err, ERR_TOO_BIG, "name", "at most %d bytes", NAME_SIZE - 1);
    }
    if (strlen(cfg->host) >= NAME_SIZE || !is_numeric(cfg->host)) {
        return error_set(err, ERR_INVALID, "host",
                         "\"%s\" is no numeric address such as 192.0.2.1 or 2001:db8::1", cfg->host);
    }
    if ((cfg->hooks.on_config == NULL) != (cfg->hooks.on_config_rollback == NULL)) {
        return error_set(err, ERR_INVALID, "hooks", "who takes a configuration must also take it back");
    }
    if (cfg->port == 0 || cfg->flush_ms == 0) {
        return error_set(err, ERR_INVALID, cfg->port == 0 ? "port" : "flush_ms", "must not be 0");
    }
    return OK;
}

static uint64_t caps_of(const struct client_config *cfg) {
    return (cfg->hooks.on_command != NULL ? LINK_CAP_COMMANDS : 0) |
           (cfg->hooks.on_config != NULL ? LINK_CAP_CONFIG : 0);
}

static enum status make_parts(struct client *c, const struct client_config *cfg, struct error *err) {
    enum status st = tags_new(&c->tags, err);
    if (st == OK) {
        st = renewal_new(cfg->name,
                         &(struct tls_client_config){.ca_file = cfg->ca_file,
                                                     .cert_file = cfg->cert_file,
                                                     .key_file = cfg->key_file,
                                                     .server_name = cfg->server_name},
                         &c->renewal, err);
    }
    if (st == OK) {
        st = journal_open(&(struct journal_config){.dir = cfg->journal_dir,
                                                   .capacity_bytes = cfg->journal_bytes,
                                                   .segment_bytes = cfg->journal_segment_bytes,
                                                   .keep_bytes = cfg->journal_keep_bytes,
                                                   .epoch = random_number()},
                          &c->journal, err);
    }
    if (st != OK) {
        return st;
    }
    recorder_init(&c->recorder, c->tags, c->journal, (int64_t)cfg->sync_ms * 1000,
                  &(struct recorder_host){.ctx = c, .new_epoch = new_epoch, .on_record = on_record});
    if (cfg->gather_ms != 0) {
        c->recorder.gather_us = (int64_t)cfg->gather_ms * 1000;
    }
    st = uplink_new(&(struct uplink_config){.gateway = slice_str(c->name),
                                            .software = slice_str(c->software),
                                            .clock_source = cfg->clock_source,
                                            .clock_error_us = cfg->clock_error_us,
                                            .caps = caps_of(cfg),
                                            .host = {.ctx = c,
                                                     .note = client_note,
                                                     .up = on_up,
                                                     .command = client_commands_receive,
                                                     .config_offer = client_config_offered,
                                                     .config_chunk = client_config_chunk,
                                                     .config_version = client_config_version,
                                                     .certificate_offered = on_certificate_offered,
                                                     .certificate_answered = on_certificate_answered}},
                    &c->recorder, &c->uplink, err);
    if (st == OK && cfg->hooks.on_command != NULL) {
        st = client_commands_open(c, err);
    }
    return st == OK && cfg->hooks.on_config != NULL ? client_config_open(c, err) : st;
}

enum status client_new(const struct client_config *cfg, struct client **ret, struct error *err) {
    enum status st = check_config(cfg, err);
    if (st != OK) {
        return st;
    }
    struct client *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return error_set(err, ERR_NOMEM, "client", "no memory");
    }
    c->loop = cfg->loop;
    c->port = cfg->port;
    c->flush_us = (int64_t)cfg->flush_ms * 1000;
    c->hooks = cfg->hooks;
    c->clock_source = cfg->clock_source;
    (void)snprintf(c->name, sizeof c->name, "%s", cfg->name);
    (void)snprintf(c->software, sizeof c->software, "%s", cfg->software);
    (void)snprintf(c->host_text, sizeof c->host_text, "%s", cfg->host);
    backoff_init(&c->backoff, random_number());
    st = make_parts(c, cfg, err);
    if (st != OK) {
        client_free(&c);
        return st;
    }
    *ret = c;
    return OK;
}

void client_free(struct client **ref) {
    struct client *c = *ref;
    if (c == NULL) {
        return;
    }
    CHECK(c->open_handles == 0);
    client_commands_close(c);
    client_config_close(c);
    uplink_free(&c->uplink);
    journal_close(&c->journal);
    renewal_free(&c->renewal);
    tags_free(&c->tags);
    free(c);
    *ref = NULL;
}

enum status client_define(struct client *c, const struct tag_def *def, uint32_t *ret_tag, struct error *err) {
    return tags_define(c->tags, def, ret_tag, err);
}

/* ---- the connection's end ---- */

static void handle_closed(struct client *c) {
    c->open_handles--;
    if (c->open_handles == 0 && c->stopping && c->on_stopped != NULL) {
        c->on_stopped(c->stopped_ctx);
    }
}

static void on_conn_closed(uv_handle_t *handle) {
    struct conn *conn = handle->data;
    struct client *c = conn->client;
    tls_line_free(&conn->tls);
    buf_done(&conn->plain);
    buf_done(&conn->cipher);
    free(conn);
    handle_closed(c);
}

static void on_timer_closed(uv_handle_t *handle) {
    handle_closed(handle->data);
}

/* Closes the connection, tells why, and plans the next one. */
static void end_conn(struct client *c, const char *reason) {
    struct conn *conn = c->conn;
    if (conn == NULL) {
        return;
    }
    uplink_lost(c->uplink, reason);
    struct moment now = moment_now();
    if (conn->up_mono_us == 0 && conn->tls != NULL) {
        renewal_failed(c->renewal);
        /* By this clock, which may be wrong: so the two are tried in turn. */
        int64_t ends_us = renewal_ends_us(c->renewal);
        c->window_next = ends_us != 0 && now.wall_us > ends_us;
    }
    client_commands_down(c, now);
    client_config_down(c);
    bool was_session = conn->state == CONN_SESSION || conn->state == CONN_GOODBYE;
    int64_t up_us = conn->up_mono_us != 0 ? now.mono_us - conn->up_mono_us : 0;
    int64_t at_least_us = was_session ? (int64_t)uplink_after_ms(c->uplink) * 1000 : 0;
    c->retry_mono_us = now.mono_us + backoff_next_us(&c->backoff, up_us, at_least_us);
    c->conn = NULL;
    uv_close((uv_handle_t *)&conn->tcp, on_conn_closed);
    if (c->hooks.on_link != NULL) {
        c->hooks.on_link(c->hooks.ctx, false, was_session ? uplink_reason(c->uplink) : reason);
    }
}

/* ---- reading and writing ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
    (void)suggested;
    struct conn *conn = handle->data;
    *ret = uv_buf_init(conn->chunk, sizeof conn->chunk);
}

/* What TLS made plain goes to the session. */
static void take_plain(struct client *c, const void *p, size_t n) {
    struct conn *conn = c->conn;
    struct error err = {0};
    bool closed = false;
    enum status st = tls_line_receive(conn->tls, p, n, &conn->plain, &closed, &err);
    struct moment now = moment_now();
    if (st == OK && conn->state == CONN_HANDSHAKE && tls_line_is_up(conn->tls)) {
        conn->state = CONN_SESSION;
        uplink_begin(c->uplink, now);
    }
    if (conn->plain.n > 0 && conn->state == CONN_SESSION) {
        client_watch_clock(c, now); /* how old a command is depends on it */
        uplink_receive(c->uplink, conn->plain.p, conn->plain.n, now);
    }
    buf_clear(&conn->plain);
    if (st != OK) {
        end_conn(c, err.text);
    } else if (closed) {
        end_conn(c, "the server closed the connection");
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
    struct conn *conn = stream->data;
    struct client *c = conn->client;
    if (c->conn != conn) {
        return;
    }
    if (n < 0) {
        end_conn(c, n == UV_EOF ? "the server closed the connection" : uv_strerror((int)n));
    } else if (n > 0) {
        take_plain(c, buf->base, (size_t)n);
    }
    turn(c);
}

static void on_written(uv_write_t *write, int status) {
    struct conn *conn = write->data;
    struct client *c = conn->client;
    conn->writing = false;
    if (c->conn != conn) {
        return;
    }
    if (status != 0) {
        end_conn(c, uv_strerror(status));
    } else if (conn->said_all) {
        end_conn(c, "said goodbye");
    }
    turn(c);
}

/* Encrypts and sends what there is, unless a write is under way: so what is urgent overtakes what waits. */
static void pump(struct client *c) {
    struct conn *conn = c->conn;
    if (conn == NULL || conn->writing || conn->tls == NULL) {
        return;
    }
    struct error err = {0};
    enum status st = OK;
    struct slice out = uplink_output(c->uplink);
    if (tls_line_is_up(conn->tls) && out.n > 0 && !conn->said_all) {
        size_t n = out.n < WRITE_MAX ? out.n : WRITE_MAX;
        st = tls_line_send(conn->tls, out.p, n, &err);
        uplink_sent(c->uplink, n);
        out.n -= n;
    }
    if (st == OK && conn->state == CONN_GOODBYE && out.n == 0 && !conn->said_all) {
        conn->said_all = true;
        tls_line_close(conn->tls);
    }
    buf_clear(&conn->cipher);
    if (st == OK) {
        st = tls_line_take(conn->tls, &conn->cipher, &err);
    }
    if (st == OK && conn->cipher.n > 0) {
        uv_buf_t buf = uv_buf_init((char *)conn->cipher.p, (unsigned)conn->cipher.n);
        int rc = uv_write(&conn->write, (uv_stream_t *)&conn->tcp, &buf, 1, on_written);
        conn->writing = rc == 0;
        if (rc != 0) {
            st = error_set(&err, ERR_IO, "tcp", "%s", uv_strerror(rc));
        }
    }
    if (st != OK) {
        end_conn(c, err.text);
    }
}

/* ---- connecting ---- */

static void on_connected(uv_connect_t *connect, int status) {
    struct conn *conn = connect->data;
    struct client *c = conn->client;
    if (c->conn != conn) {
        return;
    }
    struct error err = {0};
    int rc = status;
    if (rc == 0) {
        conn->state = CONN_HANDSHAKE;
        rc = uv_read_start((uv_stream_t *)&conn->tcp, on_alloc, on_read);
    }
    if (rc != 0) {
        char text[300];
        (void)snprintf(text, sizeof text, "cannot connect to %s port %u: %s", c->host_text, c->port,
                       uv_strerror(rc));
        end_conn(c, text);
    } else if (tls_line_new(renewal_tls(c->renewal), &conn->tls, &err) != OK) {
        end_conn(c, err.text);
    }
    turn(c);
}

static int tcp_connect(struct client *c, struct conn *conn) {
    struct sockaddr_storage address = {0};
    int rc = uv_ip4_addr(c->host_text, c->port, (struct sockaddr_in *)&address);
    if (rc != 0) {
        rc = uv_ip6_addr(c->host_text, c->port, (struct sockaddr_in6 *)&address);
    }
    if (rc == 0) {
        rc = uv_tcp_connect(&conn->connect, &conn->tcp, (const struct sockaddr *)&address, on_connected);
    }
    if (rc == 0) {
        /* Only wishes: the link works without them. */
        int size = SEND_BUFFER_SIZE;
        (void)uv_send_buffer_size((uv_handle_t *)&conn->tcp, &size);
        (void)uv_tcp_nodelay(&conn->tcp, 1);
    }
    return rc;
}

static void connect_now(struct client *c, struct moment now) {
    struct conn *conn = calloc(1, sizeof *conn);
    c->retry_mono_us = now.mono_us + BACKOFF_MIN_US;
    if (conn == NULL) {
        client_note(c, "link.down", "no memory for a connection");
        return;
    }
    int rc = uv_tcp_init(c->loop, &conn->tcp);
    if (rc != 0) {
        client_note(c, "link.down", uv_strerror(rc));
        free(conn);
        return;
    }
    conn->client = c;
    conn->tcp.data = conn;
    conn->connect.data = conn;
    conn->write.data = conn;
    conn->deadline_mono_us = now.mono_us + CONNECT_MS * INT64_C(1000);
    buf_init(&conn->plain, PLAIN_MAX);
    buf_init(&conn->cipher, PLAIN_MAX);
    c->conn = conn;
    c->open_handles++;
    rc = tcp_connect(c, conn);
    if (rc != 0) {
        end_conn(c, uv_strerror(rc));
    }
}

/* ---- a certificate that has ended ---- */

static void on_window_done(void *ctx, enum status status, const struct error *error) {
    struct client *c = ctx;
    struct error err = {0};
    c->window_open = false;
    if (!c->stopping) {
        struct moment now = moment_now();
        c->retry_mono_us = now.mono_us + backoff_next_us(&c->backoff, 0, 0);
        if (status == OK && renewal_reload(c->renewal, &err) == OK) {
            c->retry_mono_us = now.mono_us;
            tell_certificate(c, EVENT_CERT_RENEWED, "the one that had expired was replaced");
        } else {
            client_note(c, "certificate.trouble", status == OK ? err.text : error->text);
        }
        turn(c);
    }
    handle_closed(c);
}

/* The room may have opened a window for it. */
static void ask_in_window(struct client *c, struct moment now) {
    struct error err = {0};
    const struct identity_config files = renewal_files(c->renewal, c->name);
    const struct enrolment_server server = {
        .host = c->host_text, .port = c->port, .name = renewal_server_name(c->renewal)};
    c->window_next = false;
    c->retry_mono_us = now.mono_us + BACKOFF_MIN_US;
    if (window_ask(c->loop, &files, &server, on_window_done, c, &err) == OK) {
        c->window_open = true;
        c->open_handles++;
    } else {
        client_note(c, "certificate.trouble", err.text);
    }
}

static void attempt(struct client *c, struct moment now) {
    if (c->window_next) {
        ask_in_window(c, now);
    } else {
        connect_now(c, now);
    }
}

/* ---- a turn ---- */

/* What waits was stamped on both sides of a step: it is marked, too. */
void client_watch_clock(struct client *c, struct moment now) {
    int64_t step_us = clock_watch_look(&c->clock, now);
    c->recorder.clock_unsure = c->clock_source == CLOCK_NONE || !clock_watch_is_sure(&c->clock, now);
    if (step_us == 0) {
        return;
    }
    uplink_clock_stepped(c->uplink);
    char text[100];
    (void)snprintf(text, sizeof text, "the clock was set by %+.3f s", (double)step_us / 1e6);
    client_note(c, "clock.stepped", text);
    struct error err = {0};
    struct msg_event event = {.code = EVENT_CLOCK_STEPPED,
                              .severity = EVENT_WARNING,
                              .t_us = now.wall_us,
                              .text = slice_str(text),
                              .step_us = step_us};
    if (recorder_event(&c->recorder, &event, &err) != OK) {
        client_note(c, "journal.not_written", err.text);
    }
}

static void flush(struct client *c, struct moment now) {
    struct error err = {0};
    c->flush_mono_us = now.mono_us + c->flush_us;
    client_watch_clock(c, now);
    c->recorder.gathers = !uplink_is_live(c->uplink);
    enum status st = recorder_flush(&c->recorder, now, &err);
    if (st != OK) {
        client_note(c, "journal.not_written", err.text);
    }
    if (recorder_sync(&c->recorder, now, &err) != OK) {
        client_note(c, "journal.not_durable", err.text);
    }
    uplink_flushed(c->uplink, st == OK ? UPLINK_SAVED : UPLINK_NOT_SAVED, now);
}

static void settle_certificate(struct client *c) {
    struct error err = {0};
    if (renewal_up(c->renewal, &err)) {
        tell_certificate(c, EVENT_CERT_RENEWED, "the new certificate is in use");
    } else if (err.code != OK) {
        tell_certificate(c, EVENT_CERT_TROUBLE, err.text);
    }
}

static void watch_conn(struct client *c, struct moment now) {
    struct conn *conn = c->conn;
    if (conn->state == CONN_SESSION) {
        uplink_advance(c->uplink, now);
        if (uplink_state(c->uplink) == UPLINK_UP && conn->up_mono_us == 0) {
            conn->up_mono_us = now.mono_us;
            settle_certificate(c);
            if (c->hooks.on_link != NULL) {
                c->hooks.on_link(c->hooks.ctx, true, "");
            }
        }
        if (uplink_state(c->uplink) == UPLINK_ENDED) {
            client_commands_down(c, now);
            client_config_down(c);
            conn->state = CONN_GOODBYE;
            conn->deadline_mono_us = now.mono_us + GOODBYE_MS * INT64_C(1000);
        }
        return;
    }
    if (now.mono_us >= conn->deadline_mono_us) {
        end_conn(c, conn->state == CONN_GOODBYE ? "the goodbye was not taken in time"
                                                : "the connection was not made in time");
    }
}

static void on_timer(uv_timer_t *timer) {
    turn(timer->data);
}

static int64_t next_mono_us(const struct client *c) {
    int64_t next = c->stopping ? MOMENT_NEVER : c->flush_mono_us;
    int64_t sync = recorder_next_mono_us(&c->recorder);
    next = sync < next ? sync : next;
    int64_t command = c->commands != NULL ? commands_next_mono_us(c->commands) : MOMENT_NEVER;
    next = command < next ? command : next;
    int64_t trial = c->takes_config ? config_push_next_mono_us(&c->config) : MOMENT_NEVER;
    next = trial < next ? trial : next;
    if (c->conn == NULL) {
        bool tries = !c->stopping && !c->window_open;
        return tries && c->retry_mono_us < next ? c->retry_mono_us : next;
    }
    int64_t watch =
        c->conn->state == CONN_SESSION ? uplink_next_mono_us(c->uplink) : c->conn->deadline_mono_us;
    return watch < next ? watch : next;
}

/* All that is due, in order: samples to the journal, the journal to the disk, then what may be sent. */
static void turn(struct client *c) {
    if (c->turning || !c->started) {
        return;
    }
    c->turning = true;
    struct moment now = moment_now();
    struct error err = {0};
    if (!c->stopping && now.mono_us >= c->flush_mono_us) {
        flush(c, now);
    }
    if (c->commands != NULL) {
        commands_advance(c->commands, now);
    }
    if (c->takes_config) {
        config_push_advance(&c->config, now);
    }
    if (recorder_sync(&c->recorder, now, &err) != OK) {
        client_note(c, "journal.not_durable", err.text);
    }
    if (c->conn == NULL && !c->stopping && !c->window_open && now.mono_us >= c->retry_mono_us) {
        attempt(c, now);
    }
    if (c->conn != NULL) {
        watch_conn(c, now);
    }
    pump(c);
    if (c->stopping && c->conn == NULL) {
        if (!uv_is_closing((uv_handle_t *)&c->timer)) {
            uv_close((uv_handle_t *)&c->timer, on_timer_closed);
        }
    } else {
        int64_t wait_us = next_mono_us(c) - moment_now().mono_us;
        (void)uv_timer_start(&c->timer, on_timer, wait_us <= 0 ? 0 : (uint64_t)(wait_us / 1000 + 1), 0);
    }
    c->turning = false;
}

void client_wake(struct client *c) {
    if (c->started && !uv_is_closing((uv_handle_t *)&c->timer)) {
        (void)uv_timer_start(&c->timer, on_timer, 0, 0);
    }
}

enum status client_start(struct client *c, struct error *err) {
    CHECK(!c->started);
    int rc = uv_timer_init(c->loop, &c->timer);
    if (rc != 0) {
        return error_set(err, ERR_INTERNAL, "client", "%s", uv_strerror(rc));
    }
    c->timer.data = c;
    c->open_handles++;
    c->started = true;
    /* In the loop's next round, so that callbacks come from there only. */
    c->retry_mono_us = 0;
    c->flush_mono_us = 0;
    (void)uv_timer_start(&c->timer, on_timer, 0, 0);
    struct error trouble = {0};
    struct msg_event event = {.code = EVENT_STARTED, .text = slice_str(c->software)};
    if (client_event(c, &event, &trouble) != OK) {
        client_note(c, "journal.not_written", trouble.text);
    }
    return OK;
}

void client_stop(struct client *c, void (*on_stopped)(void *ctx), void *ctx) {
    CHECK(c->started);
    if (c->stopping) {
        return;
    }
    flush(c, moment_now());
    c->stopping = true;
    c->on_stopped = on_stopped;
    c->stopped_ctx = ctx;
    if (c->conn != NULL && c->conn->state == CONN_SESSION) {
        uplink_bye(c->uplink, "the gateway stops");
    } else if (c->conn != NULL && c->conn->state != CONN_GOODBYE) {
        end_conn(c, "the gateway stops");
    }
    turn(c);
}

/* ---- samples ---- */

static bool made_room(struct client *c, enum status st) {
    if (st != ERR_FULL) {
        return false;
    }
    flush(c, moment_now());
    return true;
}

enum status client_put(struct client *c, uint32_t tag, int64_t t_us, double value, uint8_t quality,
                       struct error *err) {
    enum status st = tags_put(c->tags, tag, t_us, value, quality, err);
    return made_room(c, st) ? tags_put(c->tags, tag, t_us, value, quality, err) : st;
}

enum status client_put_integer(struct client *c, uint32_t tag, int64_t t_us, int64_t value, uint8_t quality,
                               struct error *err) {
    enum status st = tags_put_integer(c->tags, tag, t_us, value, quality, err);
    return made_room(c, st) ? tags_put_integer(c->tags, tag, t_us, value, quality, err) : st;
}

enum status client_put_text(struct client *c, uint32_t tag, int64_t t_us, struct slice value, uint8_t quality,
                            struct error *err) {
    enum status st = tags_put_text(c->tags, tag, t_us, value, quality, err);
    return made_room(c, st) ? tags_put_text(c->tags, tag, t_us, value, quality, err) : st;
}

enum status client_event(struct client *c, const struct msg_event *event, struct error *err) {
    struct msg_event stamped = *event;
    if (stamped.t_us == 0) {
        stamped.t_us = clock_wall_us();
    }
    return recorder_event(&c->recorder, &stamped, err);
}

void client_flush(struct client *c) {
    CHECK(c->started);
    flush(c, moment_now());
    turn(c);
}

bool client_is_drained(const struct client *c) {
    struct journal_stats stats;
    journal_get_stats(c->journal, &stats);
    return c->recorder.dict.id != 0 && tags_pending(c->tags) == 0 && stats.waiting == 0;
}

void client_get_status(const struct client *c, struct client_status *ret) {
    *ret =
        (struct client_status){.lost = c->recorder.lost, .certificate_ends_us = renewal_ends_us(c->renewal)};
    uplink_get_status(c->uplink, &ret->link);
    ret->up = ret->link.state == UPLINK_UP;
    journal_get_stats(c->journal, &ret->journal);
}

uint32_t client_tags(const struct client *c) {
    return tags_count(c->tags);
}

const struct dict_entry *client_tag(const struct client *c, uint32_t tag) {
    return tags_entry(c->tags, tag);
}
