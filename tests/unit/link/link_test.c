/* Covers: link.c, conn.c, listener.c, trust.c */
#include "server/base/clock.h"
#include "server/base/tm.h"
#include "server/link/link.h"
#include "server/link/link_limits.h"
#include "server/link/tls.h"
#include "tests/unit/link/certs.h"
#include "tests/unit/link/rig.h"

#include <sys/resource.h>

/* The whole link on a real loop and real sockets of 127.0.0.1, with a host that answers what the test says.
 * The only clock in here is ctest's timeout: each wait is for something to happen. */

struct world {
    uv_loop_t loop;
    uv_prepare_t turn;
    struct certs certs;
    struct cert ca;
    struct link *link;
    struct model *model;
    bool stopped;
    bool full;
    bool hold;           /* settles are not answered */
    uint64_t settles[8]; /* tokens that wait for an answer */
    uint32_t n_settles;
    uint32_t records;
    uint64_t next_seq;
    bool in_order;
    bool commit; /* at the end of each turn, what was received is committed */
    uint64_t committed_seq;
    uint32_t up;
    uint32_t down;
    uint32_t refused;
    char last_reason[256];
    char last_detail[256];
};

/* --- the host --- */

static void on_settle(void *ctx, uint64_t token, struct slice gateway, const struct msg_epoch *epochs,
                      uint32_t n_epochs) {
    struct world *w = ctx;
    (void)gateway;
    (void)epochs;
    (void)n_epochs;
    w->settles[w->n_settles++ % COUNT(w->settles)] = token;
}

static enum status on_record(void *ctx, const struct link_record *r) {
    struct world *w = ctx;
    if (w->full) {
        return ERR_FULL;
    }
    w->in_order = w->in_order && r->seq == w->next_seq;
    w->next_seq = r->seq + 1;
    w->records++;
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

static void on_state(void *ctx, uint32_t gateway, bool up, const char *peer, const char *reason) {
    struct world *w = ctx;
    assert_int_equal(gateway, 0);
    assert_memory_equal(peer, "127.0.0.1:", 10);
    w->up += up ? 1 : 0;
    w->down += up ? 0 : 1;
    (void)snprintf(w->last_reason, sizeof w->last_reason, "%s", reason);
}

static void on_incident(void *ctx, const char *action, const char *peer, const char *object,
                        const char *detail) {
    struct world *w = ctx;
    (void)peer;
    (void)object;
    w->refused += strcmp(action, "link.refused") == 0 ? 1 : 0;
    (void)snprintf(w->last_detail, sizeof w->last_detail, "%s", detail);
}

static void on_turn(uv_prepare_t *prepare) {
    struct world *w = prepare->data;
    while (w->n_settles > 0 && !w->hold) {
        struct link_settled settled = rig_settled_ok();
        link_settled(w->link, w->settles[--w->n_settles], &settled);
    }
    while (w->commit && w->committed_seq < w->next_seq) {
        link_committed(w->link, RIG_KEY, RIG_EPOCH, w->committed_seq++);
    }
    if (w->link != NULL) {
        link_turn_end(w->link);
    }
}

/* --- set up --- */

struct paths {
    char ca[CERTS_PATH_SIZE];
    char cert[CERTS_PATH_SIZE];
    char key[CERTS_PATH_SIZE];
};

/* A handshake may take as long as the machine is slow, and the tests make as many as they like. */
static const struct link_limits *patient(void) {
    static struct link_limits l;
    l = link_limits_usual();
    l.handshake_ms = 600000;
    l.hello_ms = 600000;
    l.handshakes_per_s = 100000;
    return &l;
}

static struct link_config config(struct world *w, struct paths *p) {
    return (struct link_config){.loop = &w->loop,
                                .address = "127.0.0.1",
                                .ca_file = certs_path(&w->certs, "ca.pem", p->ca),
                                .cert_file = certs_path(&w->certs, "server.pem", p->cert),
                                .key_file = certs_path(&w->certs, "server.key", p->key),
                                .sessions_max = 100,
                                .limits = patient()};
}

static void on_repeated(void *ctx, const struct link_repeat *r) {
    (void)ctx;
    assert_true(r->n > 0);
}

static void on_clock(void *ctx, uint32_t gateway, const struct link_clock *c, bool judged) {
    (void)ctx;
    (void)gateway;
    (void)c;
    (void)judged;
}

static const struct link_host *host(struct world *w) {
    static struct link_host h;
    h = (struct link_host){.ctx = w,
                           .settle = on_settle,
                           .record = on_record,
                           .snapshot = on_snapshot,
                           .repeated = on_repeated,
                           .clock = on_clock,
                           .state = on_state,
                           .incident = on_incident};
    return &h;
}

static int set_up(void **state) {
    struct world *w = calloc(1, sizeof *w);
    w->in_order = true;
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(uv_prepare_init(&w->loop, &w->turn), 0);
    w->turn.data = w;
    assert_int_equal(uv_prepare_start(&w->turn, on_turn), 0);
    uv_unref((uv_handle_t *)&w->turn);
    certs_init(&w->certs);
    struct certs *c = &w->certs;
    w->ca = cert_make(c, NULL, &(struct cert_spec){.name = "ca", .authority = true});
    certs_write(c, "ca", &w->ca, 1);
    certs_issue(c, &w->ca, "server",
                &(struct cert_spec){.name = "server", .san = "IP:127.0.0.1", .use = "serverAuth"});
    certs_issue(
        c, &w->ca, "gw",
        &(struct cert_spec){.name = "gw", .san = "URI:urn:penstock:gateway:gw-s1", .use = "clientAuth"});
    certs_issue(c, &w->ca, "expired",
                &(struct cert_spec){.name = "gw",
                                    .san = "URI:urn:penstock:gateway:gw-s1",
                                    .use = "clientAuth",
                                    .from_s = -2 * CERTS_DAY_S,
                                    .to_s = -CERTS_DAY_S});
    struct paths p;
    struct link_config cfg = config(w, &p);
    struct error err = {0};
    if (link_new(&cfg, host(w), &w->link, &err) != OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    w->model = rig_model(2, false);
    link_set_model(w->link, w->model);
    *state = w;
    return 0;
}

static void on_stopped(void *ctx) {
    struct world *w = ctx;
    w->stopped = true;
}

static void stop(struct world *w) {
    link_stop(w->link, on_stopped, w);
    while (!w->stopped) {
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    }
    link_free(&w->link);
}

static int tear_down(void **state) {
    struct world *w = *state;
    if (w->link != NULL) {
        stop(w);
    }
    uv_close((uv_handle_t *)&w->turn, NULL);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0); /* fails if a handle was left */
    model_free(&w->model);
    cert_done(&w->ca);
    certs_done(&w->certs);
    free(w);
    return 0;
}

/* --- a gateway --- */

struct client {
    struct world *world;
    uv_tcp_t tcp;
    uv_connect_t connect;
    struct tls_context *context;
    struct tls *tls; /* NULL: bare TCP */
    struct buf plain;
    bool connected;
    bool ended; /* by the server, or broken */
    bool closed;
    bool deaf; /* does not read */
    uint8_t bytes[65536];
};

struct client_write {
    uv_write_t req;
    char data[];
};

static void on_client_written(uv_write_t *req, int status) {
    (void)status;
    free(req);
}

static void client_send_bytes(struct client *c, const void *p, size_t n) {
    if (c->ended || n == 0) {
        return;
    }
    struct client_write *w = malloc(sizeof *w + n);
    memcpy(w->data, p, n);
    uv_buf_t buf = uv_buf_init(w->data, (unsigned int)n);
    if (uv_write(&w->req, (uv_stream_t *)&c->tcp, &buf, 1, on_client_written) != 0) {
        free(w);
    }
}

static void client_flush(struct client *c) {
    size_t n = 0;
    uint8_t bytes[16384];
    while (c->tls != NULL && (n = tls_take_cipher(c->tls, bytes, sizeof bytes)) > 0) {
        client_send_bytes(c, bytes, n);
    }
}

static void on_client_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret) {
    (void)size;
    struct client *c = handle->data;
    *ret = uv_buf_init((char *)c->bytes, sizeof c->bytes);
}

static void on_client_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
    struct client *c = stream->data;
    if (n < 0) {
        c->ended = true;
        (void)uv_read_stop(stream);
        return;
    }
    if (c->tls == NULL) {
        return;
    }
    assert_int_equal(tls_feed(c->tls, buf->base, (size_t)n), OK);
    uint8_t part[16384];
    size_t got = 0;
    while ((got = tls_read(c->tls, part, sizeof part)) > 0) {
        buf_append(&c->plain, part, got);
    }
    client_flush(c);
}

static void on_client_connected(uv_connect_t *req, int status) {
    struct client *c = req->data;
    c->connected = true;
    if (status != 0) {
        c->ended = true;
        return;
    }
    if (!c->deaf) {
        assert_int_equal(uv_read_start((uv_stream_t *)&c->tcp, on_client_alloc, on_client_read), 0);
    }
    if (c->tls != NULL) {
        assert_int_equal(tls_feed(c->tls, NULL, 0), OK);
        client_flush(c);
    }
}

/* own: name of its certificate; NULL: bare TCP. */
static struct client *client_open(struct world *w, const char *own) {
    struct client *c = calloc(1, sizeof *c);
    c->world = w;
    buf_init(&c->plain, 1 << 24);
    if (own != NULL) {
        char ca[CERTS_PATH_SIZE];
        char cert[CERTS_PATH_SIZE];
        char key[CERTS_PATH_SIZE];
        char name[64];
        (void)snprintf(name, sizeof name, "%s.pem", own);
        (void)certs_path(&w->certs, name, cert);
        (void)snprintf(name, sizeof name, "%s.key", own);
        (void)certs_path(&w->certs, name, key);
        struct tls_config cfg = {TLS_CLIENT, certs_path(&w->certs, "ca.pem", ca), cert, key, NULL};
        assert_int_equal(tls_context_new(&cfg, &c->context, NULL), OK);
        assert_int_equal(tls_new(c->context, "127.0.0.1", &c->tls, NULL), OK);
    }
    assert_int_equal(uv_tcp_init(&w->loop, &c->tcp), 0);
    c->tcp.data = c;
    c->connect.data = c;
    struct sockaddr_in addr;
    assert_int_equal(uv_ip4_addr("127.0.0.1", link_port(w->link), &addr), 0);
    int rc = uv_tcp_connect(&c->connect, &c->tcp, (const struct sockaddr *)&addr, on_client_connected);
    assert_int_equal(rc, 0);
    return c;
}

static void on_client_closed(uv_handle_t *handle) {
    struct client *c = handle->data;
    c->closed = true;
}

static void client_close(struct client **c) {
    uv_close((uv_handle_t *)&(*c)->tcp, on_client_closed);
    while (!(*c)->closed) {
        (void)uv_run(&(*c)->world->loop, UV_RUN_ONCE);
    }
    tls_free(&(*c)->tls);
    tls_context_free(&(*c)->context);
    buf_done(&(*c)->plain);
    free(*c);
    *c = NULL;
}

#define RUN_UNTIL(w, condition)                                                                              \
    while (!(condition)) {                                                                                   \
        (void)uv_run(&(w)->loop, UV_RUN_ONCE);                                                               \
    }

static void client_send(struct client *c, uint8_t type, uint16_t flags, struct slice body) {
    struct buf out;
    buf_init(&out, LINK_BODY_MAX + LINK_FRAME_HEAD);
    frame_append(&out, type, flags, body);
    assert_int_equal(tls_write(c->tls, out.p, out.n), OK);
    buf_done(&out);
    client_flush(c);
}

static void client_event(struct client *c, uint64_t seq, size_t size) {
    struct buf body;
    buf_init(&body, LINK_BODY_MAX);
    rig_event_body(&body, &(struct msg_prefix){.seq = seq}, "pump", size);
    assert_in_range(body.n, 1, LINK_BODY_MAX);
    client_send(c, MSG_EVENT, FRAME_JOURNALED, buf_slice(&body));
    buf_done(&body);
}

/* Finds the next frame of this type, and drops what came before it. */
static bool client_next(struct client *c, uint8_t type, struct frame *ret) {
    size_t need = 0;
    while (frame_parse(c->plain.p, c->plain.n, LINK_BODY_MAX, ret, &need, NULL) == FRAME_OK) {
        if (ret->type == type) {
            return true;
        }
        buf_consume(&c->plain, need);
    }
    return false;
}

static struct frame client_expect(struct client *c, uint8_t type) {
    struct frame f = {0};
    RUN_UNTIL(c->world, c->ended || client_next(c, type, &f));
    assert_true(client_next(c, type, &f));
    return f;
}

static struct client *client_live(struct world *w) {
    struct client *c = client_open(w, "gw");
    RUN_UNTIL(w, tls_state(c->tls) != TLS_HANDSHAKE);
    assert_int_equal(tls_state(c->tls), TLS_OPEN);
    struct msg_hello hello = rig_hello_msg(0);
    struct buf body;
    buf_init(&body, LINK_BODY_MAX_HELLO);
    hello_encode(&body, &hello);
    client_send(c, MSG_HELLO, 0, buf_slice(&body));
    buf_done(&body);
    (void)client_expect(c, MSG_WELCOME);
    return c;
}

/* --- tests --- */

static void a_gateway_connects_delivers_is_acknowledged_and_leaves(void **state) {
    struct world *w = *state;
    struct client *c = client_live(w);
    assert_int_equal(w->up, 1);
    w->commit = true;
    client_event(c, 0, 100);
    client_event(c, 1, LINK_BODY_MAX);
    client_event(c, 2, 100);
    struct msg_ack ack = {0};
    do {
        struct frame f = client_expect(c, MSG_ACK);
        assert_int_equal(ack_decode(f.body, &ack, NULL), OK);
        buf_consume(&c->plain, LINK_FRAME_HEAD + f.body.n);
    } while (ack.ranges[0].end < 3);
    assert_int_equal(w->records, 3);
    assert_true(w->in_order);
    struct link_status status;
    assert_true(link_get_status(w->link, 0, &status));
    assert_true(status.up);
    assert_int_equal(status.records, 3);
    assert_false(link_get_status(w->link, 2, &status));
    client_close(&c);
    RUN_UNTIL(w, w->down == 1);
    assert_string_equal(w->last_reason, "connection closed by gateway");
    assert_true(link_get_status(w->link, 0, &status));
    assert_false(status.up);
}

static void bytes_of_other_protocols_are_refused_and_harm_nobody(void **state) {
    struct world *w = *state;
    struct client *good = client_live(w);
    static const char texts[][16] = {"GET / HTTP/1.1", "SSH-2.0-x", "\x16\x03\x01\x00\x05hello...",
                                     "\xb7\x01\x00\x00\x00\x00\x00\x00"};
    enum { STRANGERS = 200, EACH = 20 };
    for (size_t i = 0; i < STRANGERS; i++) {
        struct client *c = client_open(w, NULL);
        RUN_UNTIL(w, c->connected);
        client_send_bytes(c, texts[i % COUNT(texts)], sizeof texts[0]);
        RUN_UNTIL(w, c->ended);
        client_close(&c);
        if (i % EACH == 0) {
            client_event(good, i / EACH, 10); /* who says nothing for half a minute would be taken for dead */
        }
    }
    assert_in_range(w->refused, 1, 25); /* the audit is not flooded */
    client_event(good, STRANGERS / EACH, 10);
    RUN_UNTIL(w, w->records == STRANGERS / EACH + 1);
    client_close(&good);
}

static void half_open_connections_beyond_the_limit_do_not_keep_a_gateway_out(void **state) {
    struct world *w = *state;
    enum {
        HALF_OPEN = 20
    }; /* more than may shake hands at the same time; by itself none ends within an hour */
    struct client *idle[HALF_OPEN];
    for (size_t i = 0; i < HALF_OPEN; i++) {
        idle[i] = client_open(w, NULL);
        RUN_UNTIL(w, idle[i]->connected);
        if (i % 2 == 0) {
            client_send_bytes(idle[i], "\x16\x03\x01\x02\x00\x01", 6); /* the start of a ClientHello */
        }
    }
    struct client *good = client_live(w);
    assert_int_equal(w->up, 1);
    client_close(&good);
    for (size_t i = 0; i < HALF_OPEN; i++) {
        client_close(&idle[i]);
    }
}

/* The rest waits in the kernel, and gets in in time. That it takes at least so long is the point of it. */
static void connections_that_come_together_are_taken_in_at_a_rate(void **state) {
    struct world *w = *state;
    enum { TOGETHER = 6, A_SECOND = 5 };
    stop(w);
    w->stopped = false;
    struct paths p;
    struct link_config cfg = config(w, &p);
    struct link_limits limits = *cfg.limits;
    limits.handshakes_per_s = A_SECOND;
    cfg.limits = &limits;
    struct error err = {0};
    assert_int_equal(link_new(&cfg, host(w), &w->link, &err), OK);
    link_set_model(w->link, w->model);
    struct client *c[TOGETHER];
    int64_t begin = clock_mono_us();
    for (size_t i = 0; i < TOGETHER; i++) {
        c[i] = client_open(w, "gw");
    }
    for (size_t i = 0; i < TOGETHER; i++) {
        RUN_UNTIL(w, tls_state(c[i]->tls) != TLS_HANDSHAKE);
        assert_int_equal(tls_state(c[i]->tls), TLS_OPEN);
    }
    assert_true(clock_mono_us() - begin >= (TOGETHER - 1) * TM_SECOND_US / A_SECOND);
    for (size_t i = 0; i < TOGETHER; i++) {
        client_close(&c[i]);
    }
}

static void a_refused_certificate_is_told_to_both_sides(void **state) {
    struct world *w = *state;
    struct client *c = client_open(w, "expired");
    RUN_UNTIL(w, c->ended);
    assert_int_equal(w->refused, 1);
    assert_string_equal(w->last_detail, "certificate has expired");
    assert_int_equal(tls_state(c->tls), TLS_FAILED);
    assert_non_null(strstr(tls_reason(c->tls), "certificate expired"));
    assert_int_equal(w->up, 0);
    client_close(&c);
}

static void the_reason_of_a_refusal_reaches_the_gateway(void **state) {
    struct world *w = *state;
    struct client *c = client_live(w);
    /* Much more than is wanted, so that unread bytes are left when the server closes. */
    client_send(c, MSG_WELCOME, 0, (struct slice){0});
    static const char zeros[100000];
    client_send(c, 0x70, 0, slice_of(zeros, sizeof zeros));
    struct frame f = client_expect(c, MSG_ERROR);
    struct msg_error error;
    assert_int_equal(error_decode(f.body, &error, NULL), OK);
    assert_int_equal(error.code, LINK_BAD_FRAME);
    assert_true(error.fatal);
    RUN_UNTIL(w, c->ended);
    client_close(&c);
}

static void without_room_nothing_is_lost(void **state) {
    struct world *w = *state;
    struct client *c = client_live(w);
    w->full = true;
    for (uint64_t seq = 0; seq < 200; seq++) {
        client_event(c, seq, 5000);
    }
    for (int i = 0; i < 50; i++) {
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
        link_resume(w->link);
    }
    assert_int_equal(w->records, 0);
    w->full = false;
    link_resume(w->link);
    RUN_UNTIL(w, w->records == 200);
    assert_true(w->in_order);
    client_close(&c);
}

/* PINGs without end whose answers nobody fetches: the server stops reading, and others go on. */
static void one_that_does_not_read_is_not_read_from(void **state) {
    struct world *w = *state;
    struct client *deaf = client_live(w);
    (void)uv_read_stop((uv_stream_t *)&deaf->tcp);
    struct buf body;
    struct buf many;
    buf_init(&body, 100);
    buf_init(&many, 1 << 20);
    ping_encode(&body, &(struct msg_ping){.id = 1, .t0_us = 1});
    while (many.n < 200000) {
        frame_append(&many, MSG_PING, 0, buf_slice(&body));
    }
    size_t waits = 0;
    size_t before = 0;
    int stands = 0;
    while (stands < 200) {
        if (waits < 1 << 20) {
            assert_int_equal(tls_write(deaf->tls, many.p, many.n), OK);
            client_flush(deaf);
        }
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
        before = waits;
        waits = uv_stream_get_write_queue_size((uv_stream_t *)&deaf->tcp);
        stands = waits == before && waits >= 1 << 20 ? stands + 1 : 0;
    }
    buf_done(&body);
    buf_done(&many);
    struct link_status status;
    assert_true(link_get_status(w->link, 0, &status));
    assert_true(status.up);
    struct client *other = client_open(w, "expired");
    RUN_UNTIL(w, other->ended);
    client_close(&other);
    client_close(&deaf);
}

static void a_newer_connection_of_the_same_gateway_replaces_the_old(void **state) {
    struct world *w = *state;
    struct client *old = client_live(w);
    struct client *new = client_live(w);
    struct frame f = client_expect(old, MSG_BYE);
    struct msg_bye bye;
    assert_int_equal(bye_decode(f.body, &bye, NULL), OK);
    assert_int_equal(bye.reason, BYE_REPLACED);
    RUN_UNTIL(w, old->ended);
    assert_int_equal(w->up, 2);
    assert_int_equal(w->down, 1);
    client_event(new, 0, 10);
    RUN_UNTIL(w, w->records == 1);
    client_close(&old);
    client_close(&new);
}

/* What the old one had sent meanwhile waits within TLS, where no socket tells of it. */
static void the_old_connection_goes_on_when_the_newer_one_leaves(void **state) {
    struct world *w = *state;
    struct client *old = client_live(w);
    (void)client_expect(old, MSG_PING); /* the next is far away: nothing else wakes the old one */
    w->hold = true;
    struct client *new = client_open(w, "gw");
    RUN_UNTIL(w, tls_state(new->tls) != TLS_HANDSHAKE);
    struct msg_hello hello = rig_hello_msg(0);
    struct buf body;
    buf_init(&body, LINK_BODY_MAX_HELLO);
    hello_encode(&body, &hello);
    client_send(new, MSG_HELLO, 0, buf_slice(&body));
    buf_done(&body);
    RUN_UNTIL(w, w->n_settles == 1);
    client_event(old, 0, 1000);
    for (int i = 0; i < 50; i++) {
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(w->records, 0);
    client_close(&new);
    RUN_UNTIL(w, w->records == 1);
    assert_int_equal(w->up, 1);
    assert_int_equal(w->down, 0);
    client_close(&old);
}

/* Once TLS is done a connection takes no place from those that still shake hands. */
static void silent_connections_with_a_certificate_do_not_keep_a_gateway_out(void **state) {
    struct world *w = *state;
    enum { SILENT = 20 };
    struct client *silent[SILENT];
    for (size_t i = 0; i < SILENT; i++) {
        silent[i] = client_open(w, "gw");
        RUN_UNTIL(w, tls_state(silent[i]->tls) == TLS_OPEN);
    }
    struct client *good = client_live(w);
    for (size_t i = 0; i < SILENT; i++) {
        assert_false(silent[i]->ended);
        client_close(&silent[i]);
    }
    client_close(&good);
}

static void stopping_says_goodbye_and_leaves_no_handle(void **state) {
    struct world *w = *state;
    struct client *c = client_live(w);
    struct client *half = client_open(w, NULL);
    RUN_UNTIL(w, half->connected);
    link_stop(w->link, on_stopped, w);
    struct frame f = client_expect(c, MSG_BYE);
    struct msg_bye bye;
    assert_int_equal(bye_decode(f.body, &bye, NULL), OK);
    assert_int_equal(bye.reason, BYE_RESTART);
    assert_true(bye.reconnect_after_ms > 0);
    assert_int_equal(w->down, 1);
    RUN_UNTIL(w, c->ended);
    client_close(&c);
    RUN_UNTIL(w, w->stopped);
    link_free(&w->link);
    client_close(&half);
}

/* Without a file descriptor left, connections are turned away or wait; with some again, all is well. */
static void running_out_of_file_descriptors_passes(void **state) {
    struct world *w = *state;
    struct client *c = client_open(w, "gw"); /* has its descriptor; the server has none for it */
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    int probe = dup(0);
    assert_true(probe > 0);
    assert_int_equal(close(probe), 0);
    struct rlimit none = {.rlim_cur = (rlim_t)probe, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (int i = 0; i < 20; i++) {
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    client_close(&c);
    /* It may still be listening again in a moment: try until it is. */
    do {
        c = client_open(w, "gw");
        RUN_UNTIL(w, c->ended || tls_state(c->tls) == TLS_OPEN);
        bool in = !c->ended;
        client_close(&c);
        if (in) {
            break;
        }
    } while (true);
    c = client_live(w);
    client_close(&c);
}

/* --- files that change --- */

static X509 *read_certificate(const char *path) {
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
    assert_int_equal(fclose(file), 0);
    assert_non_null(x);
    return x;
}

static void restart_with_list(struct world *w) {
    struct paths p;
    char crl[CERTS_PATH_SIZE];
    struct error err = {0};
    stop(w);
    w->stopped = false;
    certs_write_crl(&w->certs, "crl.pem", &w->ca, NULL, CERTS_DAY_S);
    struct link_config cfg = config(w, &p);
    cfg.crl_file = certs_path(&w->certs, "crl.pem", crl);
    assert_int_equal(link_new(&cfg, host(w), &w->link, &err), OK);
    link_set_model(w->link, w->model);
}

static void who_is_on_a_new_list_is_shown_out_without_anybody_asking(void **state) {
    struct world *w = *state;
    char path[CERTS_PATH_SIZE];
    bool soon = true;
    restart_with_list(w);
    assert_true(link_crl_ends_us(w->link, &soon) > clock_wall_us());
    assert_false(soon);
    struct client *c = client_live(w);
    struct client *half = client_open(w, NULL);
    X509 *shown = read_certificate(certs_path(&w->certs, "gw.pem", path));
    certs_write_crl(&w->certs, "crl.pem", &w->ca, shown, 2 * CERTS_DAY_S);
    X509_free(shown);
    struct frame f = client_expect(c, MSG_BYE);
    struct msg_bye bye;
    assert_int_equal(bye_decode(f.body, &bye, NULL), OK);
    assert_int_equal(bye.reason, BYE_REVOKED);
    assert_non_null(strstr(w->last_detail, "is on the new list"));
    client_close(&c);
    client_close(&half);
    c = client_open(w, "gw");
    RUN_UNTIL(w, c->ended);
    assert_string_equal(w->last_detail, "certificate revoked");
    client_close(&c);
}

static void what_is_wrong_in_a_new_file_leaves_the_old_in_force(void **state) {
    struct world *w = *state;
    struct error err = {0};
    restart_with_list(w);
    struct client *c = client_live(w);
    FILE *file = certs_open(&w->certs, "crl.pem");
    assert_true(fputs("no list", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(link_reload(w->link, &err), ERR_INVALID);
    assert_non_null(strstr(err.where, "crl.pem"));
    assert_non_null(strstr(w->last_detail, "cannot read the list of revoked certificates"));
    assert_non_null(strstr(w->last_detail, "what was read before stays in force"));
    certs_write_crl(&w->certs, "crl.pem", &w->ca, NULL, -60);
    assert_int_equal(link_reload(w->link, &err), ERR_INVALID);
    assert_non_null(strstr(w->last_detail, "has ended"));
    client_close(&c);
    c = client_live(w);
    client_close(&c);
}

static void what_is_wrong_with_the_settings_is_said(void **state) {
    struct world *w = *state;
    struct paths p;
    struct error err = {0};
    struct link *l = NULL;
    char expected[128];

    struct link_config cfg = config(w, &p);
    cfg.port = link_port(w->link);
    assert_int_equal(link_new(&cfg, host(w), &l, &err), ERR_EXISTS);
    (void)snprintf(expected, sizeof expected,
                   "another program listens on 127.0.0.1, port %u; choose another port", cfg.port);
    assert_string_equal(err.text, expected);

    cfg = config(w, &p);
    cfg.address = "localhost";
    assert_int_equal(link_new(&cfg, host(w), &l, &err), ERR_INVALID);
    assert_string_equal(err.text, "\"localhost\" is not a numeric IPv4 or IPv6 address");

    cfg = config(w, &p);
    cfg.address = "192.0.2.77";
    assert_int_equal(link_new(&cfg, host(w), &l, &err), ERR_INVALID);
    assert_string_equal(err.text, "this machine has no address 192.0.2.77");

    cfg = config(w, &p);
    cfg.ca_file = "/nonexistent/ca.pem";
    assert_int_equal(link_new(&cfg, host(w), &l, &err), ERR_INVALID);
    assert_string_equal(err.where, "/nonexistent/ca.pem");
    assert_null(l);
    (void)uv_run(&w->loop, UV_RUN_NOWAIT); /* lets the handles of the failed ones go */
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_gateway_connects_delivers_is_acknowledged_and_leaves),
        IN_WORLD(bytes_of_other_protocols_are_refused_and_harm_nobody),
        IN_WORLD(half_open_connections_beyond_the_limit_do_not_keep_a_gateway_out),
        IN_WORLD(connections_that_come_together_are_taken_in_at_a_rate),
        IN_WORLD(a_refused_certificate_is_told_to_both_sides),
        IN_WORLD(the_reason_of_a_refusal_reaches_the_gateway),
        IN_WORLD(without_room_nothing_is_lost),
        IN_WORLD(one_that_does_not_read_is_not_read_from),
        IN_WORLD(a_newer_connection_of_the_same_gateway_replaces_the_old),
        IN_WORLD(the_old_connection_goes_on_when_the_newer_one_leaves),
        IN_WORLD(silent_connections_with_a_certificate_do_not_keep_a_gateway_out),
        IN_WORLD(stopping_says_goodbye_and_leaves_no_handle),
        IN_WORLD(running_out_of_file_descriptors_passes),
        IN_WORLD(who_is_on_a_new_list_is_shown_out_without_anybody_asking),
        IN_WORLD(what_is_wrong_in_a_new_file_leaves_the_old_in_force),
        IN_WORLD(what_is_wrong_with_the_settings_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
