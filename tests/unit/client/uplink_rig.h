/* A gateway's uplink with a real journal, and a server played by the test: time is moved by hand, frames go
 * in and come out. */
#ifndef PENSTOCK_TESTS_CLIENT_UPLINK_RIG_H
#define PENSTOCK_TESTS_CLIENT_UPLINK_RIG_H

#include "protocol/client/uplink.h"
#include "protocol/frame.h"
#include "server/base/tm.h"
#include "tests/unit/client/dir.h"

#define RIG_T0 (TM_YEAR_2000_US + 1000000)

enum { RIG_SEEN_MAX = 4000, RIG_TAGS = 3 };

/* A frame that the gateway sent. */
struct rig_seen {
    uint8_t type;
    uint16_t flags;
    struct msg_prefix prefix; /* of records and snapshots */
    uint32_t samples;
    double first_value;
    uint16_t code; /* of ERROR */
};

struct rig {
    struct dir d;
    struct tags *tags;
    struct journal *journal;
    struct recorder recorder;
    struct uplink *u;
    struct moment now;
    uint64_t epoch;
    struct buf wire; /* what the gateway sent and the test has not looked at */
    struct msg_hello hello;
    struct msg_ping ping;
    struct msg_pong pong;
    struct rig_seen seen[RIG_SEEN_MAX];
    uint32_t n_seen;
    uint32_t notes;
    uint32_t counted;
    double value;
    bool stuck; /* the line takes nothing */
    uint64_t keep_bytes;
};

static inline uint64_t rig_new_epoch(void *ctx) {
    struct rig *r = ctx;
    return ++r->epoch;
}

static inline void rig_note(void *ctx, const char *event, const char *text) {
    struct rig *r = ctx;
    assert_non_null(event);
    assert_non_null(text);
    r->notes++;
}

/* A new process on the same journal. */
static inline void rig_start(struct rig *r) {
    assert_int_equal(tags_new(&r->tags, NULL), OK);
    struct journal_config cfg = {
        .dir = r->d.path, .capacity_bytes = 4 << 20, .keep_bytes = r->keep_bytes, .epoch = ++r->epoch};
    assert_int_equal(journal_open(&cfg, &r->journal, NULL), OK);
    struct recorder_host host = {.ctx = r, .new_epoch = rig_new_epoch};
    recorder_init(&r->recorder, r->tags, r->journal, 0, &host);
    struct uplink_config up = {
        .gateway = slice_str("gw"), .software = slice_str("rig"), .host = {.ctx = r, .note = rig_note}};
    assert_int_equal(uplink_new(&up, &r->recorder, &r->u, NULL), OK);
    for (int i = 0; i < RIG_TAGS; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "t%d", i);
        struct tag_def def = {.name = slice_str(name), .type = VALUE_F64};
        uint32_t tag = 0;
        assert_int_equal(tags_define(r->tags, &def, &tag, NULL), OK);
    }
}

static inline void rig_end(struct rig *r) {
    uplink_free(&r->u);
    journal_close(&r->journal);
    tags_free(&r->tags);
}

static inline int rig_setup(void **state) {
    struct rig *r = calloc(1, sizeof *r);
    dir_make(&r->d);
    r->epoch = 100;
    r->now = (struct moment){.wall_us = RIG_T0, .mono_us = 5000000};
    buf_init(&r->wire, 64 << 20);
    rig_start(r);
    *state = r;
    return 0;
}

static inline int rig_teardown(void **state) {
    struct rig *r = *state;
    rig_end(r);
    buf_done(&r->wire);
    dir_remove(&r->d);
    free(r);
    return 0;
}

static inline enum status rig_count(void *ctx, const struct link_sample *s, struct error *err) {
    (void)err;
    struct rig *r = ctx;
    if (r->counted++ == 0) {
        r->value = s->f;
    }
    return OK;
}

static inline uint8_t rig_type_of(void *ctx, uint32_t alias) {
    (void)ctx;
    return alias >= 1 && alias <= RIG_TAGS ? VALUE_F64 : 0;
}

static inline void rig_look(struct rig *r, const struct frame *f) {
    assert_true(r->n_seen < RIG_SEEN_MAX);
    struct rig_seen *s = &r->seen[r->n_seen++];
    *s = (struct rig_seen){.type = f->type, .flags = f->flags};
    struct slice rest = {0};
    struct msg_error e = {0};
    switch (f->type) {
    case MSG_HELLO:
        assert_int_equal(hello_decode(f->body, &r->hello, NULL), OK);
        break;
    case MSG_PING:
        assert_int_equal(ping_decode(f->body, &r->ping, NULL), OK);
        break;
    case MSG_PONG:
        assert_int_equal(pong_decode(f->body, &r->pong, NULL), OK);
        break;
    case MSG_ERROR:
        assert_int_equal(error_decode(f->body, &e, NULL), OK);
        s->code = e.code;
        break;
    case MSG_DICT:
        assert_int_equal(prefix_decode(f->body, true, &s->prefix, &rest, NULL), OK);
        break;
    case MSG_DATA:
        assert_int_equal(prefix_decode(f->body, (f->flags & FRAME_JOURNALED) != 0, &s->prefix, &rest, NULL),
                         OK);
        r->counted = 0;
        assert_int_equal(data_decode(rest, rig_type_of, rig_count, r, NULL), OK);
        s->samples = r->counted;
        s->first_value = r->value;
        break;
    default:
        break;
    }
}

/* Lets the machine run, takes all it sends, and puts the frames into r->seen (emptied first). */
static inline void rig_run(struct rig *r) {
    r->n_seen = 0;
    uplink_advance(r->u, r->now);
    while (!r->stuck) {
        struct slice out = uplink_output(r->u);
        if (out.n == 0) {
            break;
        }
        buf_append(&r->wire, out.p, out.n);
        uplink_sent(r->u, out.n);
        uplink_advance(r->u, r->now);
    }
    size_t at = 0;
    while (at < r->wire.n) {
        struct frame f;
        size_t need = 0;
        assert_int_equal(frame_parse(r->wire.p + at, r->wire.n - at, LINK_BODY_MAX, &f, &need, NULL),
                         FRAME_OK);
        rig_look(r, &f);
        at += need;
    }
    buf_clear(&r->wire);
}

static inline void rig_advance_ms(struct rig *r, int64_t ms) {
    r->now.mono_us += ms * 1000;
    r->now.wall_us += ms * 1000;
    rig_run(r);
}

/* Frames of a type in r->seen whose flags, masked, are these. */
static inline uint32_t rig_count_of(const struct rig *r, uint8_t type, uint16_t mask, uint16_t flags) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n_seen; i++) {
        n += r->seen[i].type == type && (r->seen[i].flags & mask) == flags;
    }
    return n;
}

static inline uint32_t rig_live(const struct rig *r) {
    return rig_count_of(r, MSG_DATA, FRAME_JOURNALED | FRAME_BACKLOG, FRAME_JOURNALED);
}

static inline uint32_t rig_backlog(const struct rig *r) {
    return rig_count_of(r, MSG_DATA, FRAME_JOURNALED | FRAME_BACKLOG, FRAME_JOURNALED | FRAME_BACKLOG);
}

static inline uint32_t rig_snapshots(const struct rig *r) {
    return rig_count_of(r, MSG_DATA, FRAME_JOURNALED | FRAME_SNAPSHOT, FRAME_SNAPSHOT);
}

/* Puts one sample into each tag and flushes. */
static inline void rig_produce(struct rig *r, double value) {
    r->now.wall_us += 1000;
    for (uint32_t i = 0; i < RIG_TAGS; i++) {
        assert_int_equal(tags_put(r->tags, i, r->now.wall_us, value, 0, NULL), OK);
    }
    assert_int_equal(recorder_flush(&r->recorder, r->now, NULL), OK);
    assert_int_equal(recorder_sync(&r->recorder, r->now, NULL), OK);
    uplink_flushed(r->u, UPLINK_SAVED, r->now);
}

static inline void rig_say(struct rig *r, uint8_t type, const struct buf *body) {
    struct buf frame;
    buf_init(&frame, LINK_BODY_MAX_HARD + LINK_FRAME_HEAD);
    frame_append(&frame, type, 0, buf_slice(body));
    uplink_receive(r->u, frame.p, frame.n, r->now);
    buf_done(&frame);
}

struct rig_terms {
    uint32_t window_bytes;
    uint32_t window_frames;
    uint32_t backlog_rate;
    enum server_state state;
};

static const struct rig_terms rig_usual = {LINK_WINDOW_BYTES, LINK_WINDOW_FRAMES, 1000000, SERVER_STORING};

static inline void rig_welcome_with(struct rig *r, const struct rig_terms *t, const struct msg_epoch *v,
                                    uint32_t n) {
    struct msg_welcome m = {.version = LINK_VERSION,
                            .session = 7,
                            .n_epochs = n,
                            .now_us = r->now.wall_us,
                            .window_bytes = t->window_bytes,
                            .window_frames = t->window_frames,
                            .max_frame = LINK_BODY_MAX,
                            .heartbeat_ms = 10000,
                            .dead_ms = 30000,
                            .backlog_rate = t->backlog_rate,
                            .state = t->state};
    for (uint32_t i = 0; i < n; i++) {
        m.epochs[i] = v[i];
    }
    struct buf body;
    buf_init(&body, LINK_BODY_MAX);
    welcome_encode(&body, &m);
    rig_say(r, MSG_WELCOME, &body);
    buf_done(&body);
}

/* The line comes up, HELLO is seen, WELCOME is said; what follows is in r->seen. */
static inline void rig_connect_with(struct rig *r, const struct rig_terms *t, const struct msg_epoch *v,
                                    uint32_t n) {
    uplink_begin(r->u, r->now);
    rig_run(r);
    assert_int_equal(r->n_seen, 1);
    assert_int_equal(r->seen[0].type, MSG_HELLO);
    rig_welcome_with(r, t, v, n);
    rig_run(r);
}

static inline void rig_connect(struct rig *r) {
    rig_connect_with(r, &rig_usual, NULL, 0);
}

static inline void rig_ack_state(struct rig *r, uint64_t ep, uint64_t first, uint64_t end,
                                 enum server_state s) {
    struct msg_ack m = {.ep = ep, .n_ranges = first < end ? 1 : 0, .ranges = {{first, end}}, .state = s};
    struct buf body;
    buf_init(&body, LINK_BODY_MAX);
    ack_encode(&body, &m);
    rig_say(r, MSG_ACK, &body);
    buf_done(&body);
}

static inline void rig_ack(struct rig *r, uint64_t ep, uint64_t first, uint64_t end) {
    rig_ack_state(r, ep, first, end, SERVER_STORING);
}

static inline void rig_error(struct rig *r, uint16_t code, bool fatal, uint64_t ep) {
    struct msg_error m = {
        .code = code, .fatal = fatal, .ref_type = MSG_DATA, .ep = ep, .text = slice_str("because")};
    struct buf body;
    buf_init(&body, LINK_BODY_MAX);
    error_encode(&body, &m);
    rig_say(r, MSG_ERROR, &body);
    buf_done(&body);
}

static inline uint64_t rig_waiting(const struct rig *r) {
    struct journal_stats st;
    journal_get_stats(r->journal, &st);
    return st.waiting;
}

#endif
