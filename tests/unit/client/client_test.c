/* Covers: client_commands.c, client_config.c, public.c */
#include "protocol/client/client.h"
#include "protocol/client/include/penstock/client.h"
#include "protocol/frame.h"
#include "server/base/clock.h"
#include "server/base/crc32c.h"
#include "tests/unit/client/tls_server.h"

#include <openssl/evp.h>
#include <time.h>

/* The clocks, in place of clock.c: a test may set the wall clock. */
static int64_t wall_ahead_us;

static int64_t read_clock(clockid_t id) {
    struct timespec t;
    assert_int_equal(clock_gettime(id, &t), 0);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_wall_us(void) {
    return read_clock(CLOCK_REALTIME) + wall_ahead_us;
}

int64_t clock_mono_us(void) {
    return read_clock(CLOCK_MONOTONIC);
}

enum { TAGS = 2, GIVE_UP_MS = 60000 };

/* A server on loopback that greets and acknowledges; one connection at a time. */
struct peer {
    uv_tcp_t listener;
    uv_tcp_t conn;
    uv_write_t write;
    bool connected;
    bool writing;
    struct tls_server tls;
    struct buf plain;
    struct buf cipher;
    struct buf sending;
    char chunk[65536];
};

struct fixture {
    struct dir keys;
    struct dir journal;
    uv_loop_t loop;
    uv_timer_t guard;
    uv_timer_t poll;
    struct peer peer;
    struct client *c;
    struct penstock_client *installed;
    uint16_t port;
    bool acknowledge;
    bool cut_after_data; /* closes the connection at the first DATA record, once */
    bool (*done)(struct fixture *f);
    bool stopped;
    uint32_t hellos;
    uint32_t records;
    uint32_t events;
    bool commands; /* the gateway takes them, and the server sends one after each greeting */
    struct msg_command command;
    int64_t issued_ago_us;
    uint32_t flush_ms;    /* 0: 20 */
    uint64_t offered;     /* a configuration is offered to who has another version; 0: none */
    uint64_t has_version; /* what the last HELLO said */
    uint32_t configs;
    uint64_t rolled_back_to;
    struct msg_config_result config_result;
    uint32_t config_results;
    int64_t step_us; /* the last step of the clock that was told */
    uint16_t unsure; /* the flag U of the last DATA record */
    uint32_t data;
    uint32_t ordered;
    uint32_t acks;
    struct msg_command_ack ack;
    uint32_t results;
    struct msg_command_result result;
    uint32_t repeated;
    uint32_t snapshots;
    uint32_t byes;
    uint64_t highest_seq;
    uint32_t told;
    uint32_t ups;
    uint32_t downs;
    char reason[200];
};

/* ---- the server ---- */

static void peer_turn(struct fixture *f);

static void on_peer_closed(uv_handle_t *h) {
    struct fixture *f = h->data;
    tls_server_done(&f->peer.tls);
    f->peer.connected = false;
}

static void peer_close(struct fixture *f) {
    if (f->peer.connected && !uv_is_closing((uv_handle_t *)&f->peer.conn)) {
        uv_close((uv_handle_t *)&f->peer.conn, on_peer_closed);
    }
}

static void on_peer_written(uv_write_t *w, int status) {
    struct fixture *f = w->data;
    f->peer.writing = false;
    if (status == 0) {
        peer_turn(f);
    }
}

static void peer_turn(struct fixture *f) {
    struct peer *p = &f->peer;
    if (p->writing || uv_is_closing((uv_handle_t *)&p->conn)) {
        return;
    }
    buf_clear(&p->cipher);
    tls_server_take(&p->tls, &p->cipher);
    if (p->cipher.n > 0) {
        buf_clear(&p->sending);
        buf_append(&p->sending, p->cipher.p, p->cipher.n);
        uv_buf_t b = uv_buf_init((char *)p->sending.p, (unsigned)p->sending.n);
        p->writing = uv_write(&p->write, (uv_stream_t *)&p->conn, &b, 1, on_peer_written) == 0;
    }
}

static void peer_say(struct fixture *f, uint8_t type, const struct buf *body) {
    struct buf frame;
    buf_init(&frame, 100000);
    frame_append(&frame, type, 0, buf_slice(body));
    tls_server_send(&f->peer.tls, frame.p, frame.n);
    buf_done(&frame);
}

static void peer_welcome(struct fixture *f) {
    struct buf body;
    buf_init(&body, 100000);
    welcome_encode(&body, &(struct msg_welcome){.version = LINK_VERSION,
                                                .session = f->hellos,
                                                .window_bytes = LINK_WINDOW_BYTES,
                                                .window_frames = LINK_WINDOW_FRAMES,
                                                .max_frame = LINK_BODY_MAX,
                                                .heartbeat_ms = 1000,
                                                .dead_ms = 30000,
                                                .backlog_rate = 1000000,
                                                .now_us = clock_wall_us(),
                                                .caps = LINK_CAP_COMMANDS | LINK_CAP_CONFIG,
                                                .commands_allowed = f->commands});
    peer_say(f, MSG_WELCOME, &body);
    buf_done(&body);
}

static void peer_command(struct fixture *f, uint8_t op) {
    struct msg_command m = f->command;
    m.op = op;
    m.session = f->hellos;
    m.issued_us = clock_wall_us() - f->issued_ago_us;
    if (op == COMMAND_QUERY) {
        m.value = (struct link_value){0};
    }
    struct buf body;
    buf_init(&body, 10000);
    command_encode(&body, &m);
    peer_say(f, MSG_CMD, &body);
    buf_done(&body);
}

enum { CONFIG_SIZE = 150000 };

static void config_bytes(uint8_t p[CONFIG_SIZE]) {
    for (size_t i = 0; i < CONFIG_SIZE; i++) {
        p[i] = (uint8_t)(i % 253);
    }
}

static void peer_offer(struct fixture *f) {
    static uint8_t p[CONFIG_SIZE];
    config_bytes(p);
    struct msg_config_offer m = {.version = f->offered, .size = CONFIG_SIZE};
    assert_int_equal(EVP_Digest(p, CONFIG_SIZE, m.sha256, NULL, EVP_sha256(), NULL), 1);
    struct buf body;
    buf_init(&body, 1000);
    config_offer_encode(&body, &m);
    peer_say(f, MSG_CFG_OFFER, &body);
    buf_done(&body);
}

static void peer_give(struct fixture *f, struct slice asked) {
    static uint8_t p[CONFIG_SIZE];
    struct msg_config_get get;
    config_bytes(p);
    assert_int_equal(config_get_decode(asked, &get, NULL), OK);
    assert_true(get.version == f->offered && get.offset + get.length <= CONFIG_SIZE);
    struct buf body;
    buf_init(&body, 100000);
    config_chunk_encode(&body, &(struct msg_config_chunk){.version = get.version,
                                                          .offset = get.offset,
                                                          .bytes = slice_of(p + get.offset, get.length)});
    peer_say(f, MSG_CFG_CHUNK, &body);
    buf_done(&body);
}

static void peer_answer(struct fixture *f, const struct frame *frame, struct slice rest) {
    if (frame->type == MSG_CMD_ACK) {
        assert_int_equal(command_ack_decode(frame->body, &f->ack, NULL), OK);
        f->acks++;
    } else {
        assert_int_equal(command_result_decode(rest, &f->result, NULL), OK);
        f->results++;
    }
}

static void peer_record(struct fixture *f, const struct frame *frame) {
    struct msg_prefix prefix;
    struct slice rest;
    if ((frame->flags & FRAME_JOURNALED) == 0) {
        f->snapshots++;
        return;
    }
    assert_int_equal(prefix_decode(frame->body, true, &prefix, &rest, NULL), OK);
    f->records++;
    struct msg_event event;
    if (frame->type == MSG_EVENT && event_decode(rest, &event, NULL) == OK &&
        event.code == EVENT_CLOCK_STEPPED) {
        f->step_us = event.step_us;
    }
    if (frame->type == MSG_DATA) {
        f->unsure = frame->flags & FRAME_CLOCK_UNSYNCED;
        f->data++;
    }
    if (frame->type == MSG_CMD_RESULT) {
        peer_answer(f, frame, rest);
    }
    if (frame->type == MSG_CFG_RESULT) {
        assert_int_equal(config_result_decode(rest, &f->config_result, NULL), OK);
        f->config_results++;
    }
    if (frame->type == MSG_DICT && f->commands) {
        peer_command(f, COMMAND_DIRECT);
    }
    f->events += frame->type == MSG_EVENT ? 1 : 0;
    f->repeated += f->records > 1 && prefix.seq <= f->highest_seq;
    f->highest_seq = prefix.seq > f->highest_seq ? prefix.seq : f->highest_seq;
    if (f->cut_after_data && frame->type == MSG_DATA) {
        f->cut_after_data = false;
        peer_close(f);
        return;
    }
    if (f->acknowledge) {
        struct buf body;
        buf_init(&body, 1000);
        struct msg_ack ack = {.ep = prefix.ep, .n_ranges = 1, .ranges = {{prefix.seq, prefix.seq + 1}}};
        ack_encode(&body, &ack);
        peer_say(f, MSG_ACK, &body);
        buf_done(&body);
    }
}

static void peer_frame(struct fixture *f, const struct frame *frame) {
    static struct msg_hello hello;
    switch (frame->type) {
    case MSG_HELLO:
        assert_int_equal(hello_decode(frame->body, &hello, NULL), OK);
        f->has_version = hello.config_version;
        f->hellos++;
        peer_welcome(f);
        if (f->offered != 0 && f->offered != f->has_version) {
            peer_offer(f);
        }
        break;
    case MSG_DICT:
    case MSG_DATA:
    case MSG_EVENT:
    case MSG_CMD_RESULT:
    case MSG_CFG_RESULT:
        peer_record(f, frame);
        break;
    case MSG_CFG_GET:
        peer_give(f, frame->body);
        break;
    case MSG_CMD_ACK:
        peer_answer(f, frame, frame->body);
        break;
    case MSG_BYE:
        f->byes++;
        break;
    default:
        break;
    }
}

static void on_peer_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *ret) {
    (void)suggested;
    struct fixture *f = h->data;
    *ret = uv_buf_init(f->peer.chunk, sizeof f->peer.chunk);
}

static void on_peer_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b) {
    struct fixture *f = stream->data;
    struct peer *p = &f->peer;
    if (n <= 0) {
        if (n < 0) {
            peer_close(f);
        }
        return;
    }
    (void)tls_server_receive(&p->tls, b->base, (size_t)n, &p->plain);
    size_t at = 0;
    struct frame frame;
    size_t need = 0;
    while (at < p->plain.n && p->connected && !uv_is_closing((uv_handle_t *)&p->conn) &&
           frame_parse(p->plain.p + at, p->plain.n - at, LINK_BODY_MAX, &frame, &need, NULL) == FRAME_OK) {
        peer_frame(f, &frame);
        at += need;
    }
    buf_consume(&p->plain, at);
    peer_turn(f);
}

static void on_peer_connection(uv_stream_t *listener, int status) {
    struct fixture *f = listener->data;
    assert_int_equal(status, 0);
    assert_false(f->peer.connected);
    assert_int_equal(uv_tcp_init(&f->loop, &f->peer.conn), 0);
    f->peer.conn.data = f;
    f->peer.connected = true;
    f->peer.writing = false;
    f->peer.write.data = f;
    buf_clear(&f->peer.plain);
    tls_server_init(&f->peer.tls, &f->keys, &(struct tls_server_options){"server", LINK_ALPN, 0});
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&f->peer.conn), 0);
    assert_int_equal(uv_read_start((uv_stream_t *)&f->peer.conn, on_peer_alloc, on_peer_read), 0);
}

static void peer_listen(struct fixture *f) {
    struct sockaddr_in a;
    int n = sizeof a;
    assert_int_equal(uv_ip4_addr("127.0.0.1", f->port, &a), 0);
    assert_int_equal(uv_tcp_init(&f->loop, &f->peer.listener), 0);
    f->peer.listener.data = f;
    assert_int_equal(uv_tcp_bind(&f->peer.listener, (const struct sockaddr *)&a, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&f->peer.listener, 4, on_peer_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&f->peer.listener, (struct sockaddr *)&a, &n), 0);
    f->port = ntohs(a.sin_port);
}

/* ---- the client ---- */

static void on_link(void *ctx, bool up, const char *reason) {
    struct fixture *f = ctx;
    f->ups += up;
    f->downs += !up;
    (void)snprintf(f->reason, sizeof f->reason, "%s", reason);
}

static void on_record(void *ctx, uint64_t epoch, uint64_t seq, const struct link_sample *v, uint32_t n) {
    struct fixture *f = ctx;
    assert_true(epoch != 0 && seq > 0 && v != NULL);
    f->told += n;
}

static struct client_config config(struct fixture *f, char files[3][400]) {
    dir_file(&f->keys, "ca.pem", files[0]);
    dir_file(&f->keys, "gw.pem", files[1]);
    dir_file(&f->keys, "gw.key", files[2]);
    return (struct client_config){.loop = &f->loop,
                                  .name = "gw",
                                  .software = "test",
                                  .host = "127.0.0.1",
                                  .port = f->port,
                                  .server_name = "localhost",
                                  .ca_file = files[0],
                                  .cert_file = files[1],
                                  .key_file = files[2],
                                  .journal_dir = f->journal.path,
                                  .journal_bytes = 1 << 20,
                                  .flush_ms = 20,
                                  .sync_ms = 0,
                                  .hooks = {.ctx = f, .on_link = on_link, .on_record = on_record}};
}

static void on_order(void *ctx, const struct command_order *order) {
    struct fixture *f = ctx;
    assert_true(order->tag == 1 && order->value.f == 42.5);
    assert_true(client_command_may_begin(f->c, &order->id));
    f->ordered++;
    struct msg_command_result r = {
        .id = order->id, .stage = COMMAND_STAGE_EXECUTED, .value = order->value, .text = slice_str("done")};
    assert_int_equal(client_command_done(f->c, &r, NULL), OK);
}

static enum status on_config(void *ctx, uint64_t version, struct slice bytes, struct error *err) {
    static uint8_t p[CONFIG_SIZE];
    struct fixture *f = ctx;
    config_bytes(p);
    assert_true(version == f->offered && bytes.n == CONFIG_SIZE && memcmp(bytes.p, p, CONFIG_SIZE) == 0);
    f->configs++;
    return f->configs > 1 ? error_set(err, ERR_INVALID, "line 3", "no such pump") : OK;
}

static void on_rollback(void *ctx, uint64_t version) {
    ((struct fixture *)ctx)->rolled_back_to = version;
}

static void client_up(struct fixture *f) {
    char files[3][400];
    struct client_config cfg = config(f, files);
    cfg.clock_source = CLOCK_NTP;
    cfg.flush_ms = f->flush_ms != 0 ? f->flush_ms : cfg.flush_ms;
    if (f->commands) {
        cfg.hooks.on_command = on_order;
    }
    if (f->offered != 0) {
        cfg.hooks.on_config = on_config;
        cfg.hooks.on_config_rollback = on_rollback;
    }
    struct error err = {0};
    if (client_new(&cfg, &f->c, &err) != OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    for (int i = 0; i < TAGS; i++) {
        char name[8];
        uint32_t tag = 0;
        (void)snprintf(name, sizeof name, "t%d", i);
        struct tag_def def = {.name = slice_str(name), .type = VALUE_F64, .flags = DICT_WRITABLE};
        assert_int_equal(client_define(f->c, &def, &tag, NULL), OK);
    }
    assert_int_equal(client_start(f->c, NULL), OK);
}

static void put(struct fixture *f, double value) {
    for (uint32_t i = 0; i < TAGS; i++) {
        assert_int_equal(client_put(f->c, i, clock_wall_us(), value, 0, NULL), OK);
    }
}

static void on_guard(uv_timer_t *t) {
    (void)t;
    fail_msg("still waiting after %d ms", GIVE_UP_MS);
}

static void on_poll(uv_timer_t *t) {
    struct fixture *f = t->data;
    if (f->done(f)) {
        uv_stop(&f->loop);
    }
}

/* Runs the loop until the condition holds. */
static void until(struct fixture *f, bool (*done)(struct fixture *f)) {
    f->done = done;
    (void)uv_timer_start(&f->poll, on_poll, 0, 2);
    (void)uv_timer_start(&f->guard, on_guard, GIVE_UP_MS, 0);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    (void)uv_timer_stop(&f->poll);
    (void)uv_timer_stop(&f->guard);
}

static void on_stopped(void *ctx) {
    struct fixture *f = ctx;
    f->stopped = true;
}

static bool is_stopped(struct fixture *f) {
    return f->stopped;
}
static bool is_up(struct fixture *f) {
    return f->ups > 0;
}
static bool is_down(struct fixture *f) {
    return f->downs > 1;
}
static bool has_fallen(struct fixture *f) {
    return f->downs > 0;
}
static bool is_drained(struct fixture *f) {
    return client_is_drained(f->c);
}
static bool has_left(struct fixture *f) {
    return f->byes > 0 && !f->peer.connected;
}
static bool has_all(struct fixture *f) {
    return f->records >= 3;
}

static void client_down(struct fixture *f) {
    f->stopped = false;
    client_stop(f->c, on_stopped, f);
    until(f, is_stopped);
    client_free(&f->c);
}

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    dir_make(&f->keys);
    dir_make(&f->journal);
    struct pki p;
    pki_init(&p, &f->keys, "ca");
    pki_issue(&p, &f->keys, "server", "DNS:localhost", "serverAuth");
    pki_issue(&p, &f->keys, "gw", "URI:urn:penstock:gateway:gw", "clientAuth");
    pki_done(&p);
    buf_init(&f->peer.plain, 1 << 22);
    buf_init(&f->peer.cipher, 1 << 22);
    buf_init(&f->peer.sending, 1 << 22);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    (void)uv_timer_init(&f->loop, &f->guard);
    (void)uv_timer_init(&f->loop, &f->poll);
    f->poll.data = f;
    f->acknowledge = true;
    peer_listen(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    peer_close(f);
    uv_close((uv_handle_t *)&f->guard, NULL);
    uv_close((uv_handle_t *)&f->poll, NULL);
    if (!uv_is_closing((uv_handle_t *)&f->peer.listener)) {
        uv_close((uv_handle_t *)&f->peer.listener, NULL);
    }
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    buf_done(&f->peer.plain);
    buf_done(&f->peer.cipher);
    buf_done(&f->peer.sending);
    dir_remove(&f->keys);
    dir_remove(&f->journal);
    free(f);
    return 0;
}

/* ---- tests ---- */

static void samples_reach_the_server_and_a_stop_says_goodbye(void **state) {
    struct fixture *f = *state;
    client_up(f);
    put(f, 1);
    until(f, is_drained);
    assert_int_equal(f->told, TAGS);
    assert_int_equal(f->records, 3); /* dictionary, the event of the start, samples */
    assert_int_equal(f->events, 1);
    assert_true(f->ups == 1 && f->downs == 0);
    struct client_status st;
    client_get_status(f->c, &st);
    assert_true(st.up && st.journal.waiting == 0 && st.lost == 0 && st.link.records_acked == 3);
    client_down(f);
    until(f, has_left);
    assert_int_equal(f->byes, 1);
    assert_int_equal(f->downs, 1);
    assert_string_equal(f->reason, "the gateway stops");
}

static void a_cut_line_comes_back_by_itself_and_what_was_not_acknowledged_is_repeated(void **state) {
    struct fixture *f = *state;
    f->cut_after_data = true;
    client_up(f);
    put(f, 1);
    until(f, is_drained);
    assert_int_equal(f->hellos, 2);
    assert_int_equal(f->downs, 1);
    assert_true(f->repeated >= 1);
    client_down(f);
}

static void what_is_not_acknowledged_survives_a_restart(void **state) {
    struct fixture *f = *state;
    f->acknowledge = false;
    client_up(f);
    put(f, 1);
    until(f, has_all);
    client_down(f);
    until(f, has_left);
    f->acknowledge = true;
    client_up(f);
    struct client_status st;
    client_get_status(f->c, &st);
    assert_true(st.journal.waiting == 4); /* these, and the event of this start */
    until(f, is_drained);
    client_down(f);
}

static bool has_result(struct fixture *f) {
    return f->results > 0;
}

static struct msg_command a_command(void) {
    struct msg_command m = {.dict = 1,
                            .alias = 2,
                            .name_crc = crc32c(0, "t1", 2),
                            .value = {.type = VALUE_F64, .f = 42.5},
                            .ttl_ms = 60000};
    uint64_t ms = (uint64_t)clock_wall_us() / 1000;
    for (int i = 0; i < 6; i++) {
        m.id.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    }
    m.id.bytes[6] = 0x70;
    m.id.bytes[8] = 0x80;
    return m;
}

static void a_command_is_done_once_and_its_outcome_is_remembered_over_a_restart(void **state) {
    struct fixture *f = *state;
    f->commands = true;
    f->command = a_command();
    client_up(f);
    until(f, has_result);
    assert_int_equal(f->ordered, 1);
    assert_int_equal(f->acks, 1);
    assert_int_equal(f->ack.status, COMMAND_RECEIVED);
    assert_int_equal(f->result.stage, COMMAND_STAGE_EXECUTED);
    assert_true(f->result.value.type == VALUE_F64 && f->result.value.f == 42.5);
    until(f, is_drained);
    client_down(f);
    until(f, has_left);
    f->results = 0;
    f->result = (struct msg_command_result){0};
    client_up(f);
    until(f, has_result);
    assert_int_equal(f->ordered, 1);
    assert_int_equal(f->result.stage, COMMAND_STAGE_EXECUTED);
    assert_true(f->result.value.f == 42.5);
    client_down(f);
}

static bool has_step(struct fixture *f) {
    return f->step_us != 0;
}
static bool has_more_data(struct fixture *f) {
    return f->data > 1;
}

static void a_step_of_the_clock_is_told_and_what_is_recorded_around_it_is_marked(void **state) {
    struct fixture *f = *state;
    client_up(f);
    put(f, 1);
    until(f, is_drained);
    assert_true(f->data == 1 && f->unsure == 0);
    wall_ahead_us = 5000000;
    put(f, 2);
    until(f, has_step);
    until(f, has_more_data);
    assert_true(f->step_us > 4000000 && f->step_us < 6000000);
    assert_int_equal(f->unsure, FRAME_CLOCK_UNSYNCED);
    client_down(f);
    wall_ahead_us = 0;
}

static void a_command_is_too_late_by_the_servers_clock_also_after_a_step(void **state) {
    struct fixture *f = *state;
    f->commands = true;
    f->command = a_command();
    f->command.ttl_ms = 1000;
    f->flush_ms = GIVE_UP_MS; /* no flush notices the step before the command comes */
    f->issued_ago_us = 2000000;
    client_up(f);
    until(f, has_result);
    assert_int_equal(f->result.stage, COMMAND_STAGE_EXPIRED);
    /* Set back by an hour, it would look young again: but then the clock is not trusted until it was measured
     * anew, against the server. */
    until(f, is_drained);
    f->results = 0;
    f->command.id.bytes[15]++;
    wall_ahead_us = -INT64_C(3600000000);
    f->issued_ago_us = wall_ahead_us + 2000000; /* by the true clock */
    peer_command(f, COMMAND_DIRECT);
    peer_turn(f);
    until(f, has_result);
    assert_int_equal(f->ordered, 0);
    assert_true(f->result.reason == COMMAND_CLOCK_UNKNOWN || f->result.reason == COMMAND_TOO_LATE);
    client_down(f);
    wall_ahead_us = 0;
}

static bool has_config_result(struct fixture *f) {
    return f->config_results > 0;
}

static bool has_second_config_result(struct fixture *f) {
    return f->config_result.version == 4;
}

static void a_configuration_is_applied_tried_by_a_new_session_and_remembered(void **state) {
    struct fixture *f = *state;
    f->offered = 3;
    client_up(f);
    until(f, has_config_result);
    assert_int_equal(f->configs, 1);
    assert_true(f->config_result.version == 3 && f->config_result.outcome == CONFIG_APPLIED);
    assert_int_equal(f->hellos, 2);
    assert_true(f->has_version == 3);
    until(f, is_drained);
    client_down(f);
    until(f, has_left);
    /* After a restart it says so at once; the next one it refuses. */
    f->offered = 4;
    client_up(f);
    until(f, has_second_config_result);
    assert_int_equal(f->has_version, 3);
    assert_int_equal(f->config_result.outcome, CONFIG_REFUSED);
    client_down(f);
    assert_true(f->rolled_back_to == 0);
}

static void on_installed_link(void *ctx, bool up, const char *reason) {
    on_link(ctx, up, reason);
}

static enum penstock_reason on_installed_check(void *ctx, const struct penstock_command *order) {
    struct fixture *f = ctx;
    assert_true(order->tag == 0 && f->ordered == 0);
    return PENSTOCK_REASON_NONE;
}

static void on_installed_order(void *ctx, const struct penstock_command *order) {
    struct fixture *f = ctx;
    assert_true(order->tag == 0 && order->value.type == PENSTOCK_SCALED);
    assert_true(order->value.integer == 425 && order->value.number == 42.5);
    assert_string_equal(order->operator_name, "ann");
    assert_string_equal(order->reason, "level low");
    assert_true(penstock_client_command_may_begin(f->installed, order->id));
    f->ordered++;
    struct penstock_result r = {.outcome = PENSTOCK_FAILED,
                                .reason = PENSTOCK_REASON_NO_EFFECT,
                                .read_back = {.type = PENSTOCK_SCALED, .integer = 420},
                                .text = "stuck"};
    memcpy(r.id, order->id, sizeof r.id);
    struct penstock_error e;
    assert_int_equal(penstock_client_command_done(f->installed, &r, &e), PENSTOCK_OK);
    assert_int_equal(penstock_client_command_done(f->installed, &r, &e), PENSTOCK_NOT_FOUND);
    assert_string_equal(e.where, "command");
}

static enum penstock_status on_installed_config(void *ctx, uint64_t version, const void *p, size_t n,
                                                struct penstock_error *error) {
    struct fixture *f = ctx;
    assert_true(version == 9 && n == CONFIG_SIZE && ((const uint8_t *)p)[252] == 252);
    f->configs++;
    (void)snprintf(error->where, sizeof error->where, "line 7");
    (void)snprintf(error->text, sizeof error->text, "no such valve");
    return PENSTOCK_INVALID;
}

static void on_installed_rollback(void *ctx, uint64_t version) {
    ((struct fixture *)ctx)->rolled_back_to = version;
}

static bool has_both_results(struct fixture *f) {
    return f->results > 0 && f->config_results > 0;
}

static bool installed_is_drained(struct fixture *f) {
    return penstock_client_is_drained(f->installed);
}

static void the_installed_interface_does_the_same(void **state) {
    struct fixture *f = *state;
    char files[3][400];
    struct client_config inner = config(f, files);
    struct penstock_config cfg = {.loop = inner.loop,
                                  .name = inner.name,
                                  .software = inner.software,
                                  .host = inner.host,
                                  .port = inner.port,
                                  .server_name = inner.server_name,
                                  .ca_file = inner.ca_file,
                                  .cert_file = inner.cert_file,
                                  .key_file = inner.key_file,
                                  .journal_dir = inner.journal_dir,
                                  .flush_ms = 20,
                                  .sync_ms = 1,
                                  .clock_source = PENSTOCK_CLOCK_NTP,
                                  .hooks = {.ctx = f,
                                            .on_link = on_installed_link,
                                            .on_command = on_installed_order,
                                            .on_command_check = on_installed_check,
                                            .on_config = on_installed_config,
                                            .on_config_rollback = on_installed_rollback}};
    f->offered = 9;
    struct penstock_error e = {0};
    assert_int_equal(penstock_client_new(&cfg, &f->installed, &e), PENSTOCK_OK);
    struct penstock_tag tag = {
        .name = "valve", .unit = "%", .type = PENSTOCK_SCALED, .flags = PENSTOCK_WRITABLE, .scale = 0.1};
    uint32_t valve = 9;
    uint32_t mode = 9;
    assert_int_equal(penstock_client_define(f->installed, &tag, &valve, &e), PENSTOCK_OK);
    assert_int_equal(penstock_client_define(f->installed, &tag, &valve, &e), PENSTOCK_EXISTS);
    tag = (struct penstock_tag){.name = "mode", .type = PENSTOCK_STRING};
    assert_int_equal(penstock_client_define(f->installed, &tag, &mode, &e), PENSTOCK_OK);
    assert_int_equal(penstock_client_put(f->installed, valve, clock_wall_us(), 12.3, PENSTOCK_GOOD, &e),
                     PENSTOCK_OK);
    assert_int_equal(
        penstock_client_put_integer(f->installed, valve, clock_wall_us(), 124, PENSTOCK_GOOD, &e),
        PENSTOCK_OK);
    assert_int_equal(
        penstock_client_put_text(f->installed, mode, clock_wall_us(), "auto", 4, PENSTOCK_GOOD, &e),
        PENSTOCK_OK);
    struct penstock_event event = {.code = PENSTOCK_DEVICE_DOWN, .path = "plc1", .text = "no answer"};
    assert_int_equal(penstock_client_event(f->installed, &event, &e), PENSTOCK_OK);
    event.code = (enum penstock_event_code)5;
    assert_int_equal(penstock_client_event(f->installed, &event, &e), PENSTOCK_INVALID);
    f->commands = true;
    f->command = a_command();
    f->command.alias = 1;
    f->command.name_crc = crc32c(0, "valve", 5);
    f->command.value = (struct link_value){.type = VALUE_SCALED, .i = 425};
    f->command.operator_name = slice_str("ann");
    f->command.reason = slice_str("level low");
    assert_int_equal(penstock_client_start(f->installed, &e), PENSTOCK_OK);
    until(f, has_both_results);
    assert_true(f->configs == 1 && f->config_result.version == 9);
    assert_int_equal(f->config_result.outcome, CONFIG_REFUSED);
    assert_int_equal(f->ordered, 1);
    assert_true(f->result.stage == COMMAND_STAGE_FAILED && f->result.reason == COMMAND_NO_EFFECT);
    assert_true(f->result.value.type == VALUE_SCALED && f->result.value.i == 420);
    assert_int_equal(f->events, 2);
    until(f, installed_is_drained);
    struct penstock_client_status st;
    penstock_client_get_status(f->installed, &st);
    assert_true(st.up && st.journal_waiting == 0 && st.dropped == 0 && st.records_acked == f->records);
    penstock_client_stop(f->installed, on_stopped, f);
    until(f, is_stopped);
    penstock_client_free(&f->installed);
    assert_null(f->installed);
}

static void a_gateway_without_a_hook_for_commands_refuses_them(void **state) {
    struct fixture *f = *state;
    client_up(f);
    until(f, is_up);
    f->command = a_command();
    peer_command(f, COMMAND_DIRECT);
    peer_turn(f);
    until(f, has_fallen);
    assert_non_null(strstr(f->reason, "takes no commands"));
    client_down(f);
}

static void without_a_server_it_says_why_and_stops_all_the_same(void **state) {
    struct fixture *f = *state;
    struct sockaddr_in a;
    uv_close((uv_handle_t *)&f->peer.listener, NULL);
    (void)uv_run(&f->loop, UV_RUN_NOWAIT);
    /* Nobody listens, and no other program may begin to. */
    assert_int_equal(uv_ip4_addr("127.0.0.1", f->port, &a), 0);
    assert_int_equal(uv_tcp_init(&f->loop, &f->peer.listener), 0);
    assert_int_equal(uv_tcp_bind(&f->peer.listener, (const struct sockaddr *)&a, 0), 0);
    client_up(f);
    put(f, 1);
    until(f, is_down);
    assert_non_null(strstr(f->reason, "cannot connect to 127.0.0.1"));
    assert_int_equal(f->ups, 0);
    client_down(f);
}

static void a_bad_configuration_is_refused_with_the_reason(void **state) {
    struct fixture *f = *state;
    char files[3][400];
    struct client_config cfg = config(f, files);
    struct error err = {0};
    struct client *c = NULL;
    cfg.host = "server.example";
    assert_int_equal(client_new(&cfg, &c, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "no numeric address"));
    cfg = config(f, files);
    cfg.key_file = "/nowhere";
    assert_int_equal(client_new(&cfg, &c, &err), ERR_INVALID);
    assert_string_equal(err.where, "/nowhere");
    assert_null(c);
}

static void two_clients_on_one_journal_are_refused(void **state) {
    struct fixture *f = *state;
    char files[3][400];
    struct client_config cfg = config(f, files);
    struct client *c = NULL;
    client_up(f);
    until(f, is_up);
    assert_int_equal(client_new(&cfg, &c, NULL), ERR_CONFLICT);
    assert_null(c);
    client_down(f);
}

static void more_samples_than_wait_are_flushed_on_the_way(void **state) {
    struct fixture *f = *state;
    client_up(f);
    for (int i = 0; i < TAGS_PENDING_MAX + 10; i++) {
        assert_int_equal(client_put(f->c, 0, clock_wall_us() + i, i, 0, NULL), OK);
    }
    assert_int_equal(f->told, TAGS_PENDING_MAX);
    until(f, is_drained);
    assert_int_equal(f->told, TAGS_PENDING_MAX + 10);
    client_down(f);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(samples_reach_the_server_and_a_stop_says_goodbye),
        T(a_cut_line_comes_back_by_itself_and_what_was_not_acknowledged_is_repeated),
        T(what_is_not_acknowledged_survives_a_restart),
        T(a_command_is_done_once_and_its_outcome_is_remembered_over_a_restart),
        T(a_step_of_the_clock_is_told_and_what_is_recorded_around_it_is_marked),
        T(a_command_is_too_late_by_the_servers_clock_also_after_a_step),
        T(a_configuration_is_applied_tried_by_a_new_session_and_remembered),
        T(the_installed_interface_does_the_same),
        T(a_gateway_without_a_hook_for_commands_refuses_them),
        T(without_a_server_it_says_why_and_stops_all_the_same),
        T(a_bad_configuration_is_refused_with_the_reason),
        T(two_clients_on_one_journal_are_refused),
        T(more_samples_than_wait_are_flushed_on_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
