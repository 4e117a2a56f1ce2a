/* A rig for the link's pure part: sessions and the roster with a host that writes down what it is told, and
 * time that moves by hand. What the host heard and what a session said are texts, one item after the other,
 * separated by
 * "; ", so that a test reads like a dialogue. */
#ifndef PENSTOCK_TESTS_LINK_RIG_H
#define PENSTOCK_TESTS_LINK_RIG_H

#include "protocol/event_msg.h"
#include "protocol/frame.h"
#include "protocol/wire.h"
#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/link/roster.h"
#include "tests/lib/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    RIG_TEXT = 16384,
    RIG_KEY = 11, /* of gw-s1; gw-s2 has 12 */
    RIG_EPOCH = 700,
    RIG_OLD_EPOCH = 600,
    RIG_TAG_LEVEL = 0, /* S1/L_T1, float, of gw-s1 */
    RIG_TAG_RUN = 1,   /* S1/PU1.run, bool, of gw-s1 */
    RIG_TAG_COUNT = 2, /* S1/PU1.starts, int, of gw-s1 */
    RIG_TAG_OTHER = 3, /* S1/F_1, float, of gw-s2 */
};

struct rig {
    struct session_env env;
    struct roster *roster;
    struct model *model;
    struct link_now now;
    bool full;              /* host->record says so */
    uint64_t token;         /* of the last settle */
    uint32_t offered;       /* calls of host->record */
    uint32_t gateway;       /* of the last record */
    uint32_t crc;           /* of the last record */
    int64_t clock_error_us; /* as the last record says, as is received_us */
    int64_t received_us;
    bool unsynced;
    uint64_t unsynced_first;
    int64_t step_us; /* 0: it told of none */
    struct sample samples[16];
    uint32_t n_samples;         /* of the last record or snapshot */
    struct link_repeat repeats; /* the last */
    uint32_t n_repeats;
    struct link_clock clock; /* the last */
    bool clock_judged;
    uint32_t n_clocks;
    struct event_lost lost; /* of the last record that told of any */
    uint32_t backlog_ends;
    int64_t backlog_te_us;
    char detail[1024];    /* of the last incident */
    char duplicate[1024]; /* what was told of the last second client */
    char heard[RIG_TEXT];
    char said[RIG_TEXT];
};

/* --- texts --- */

static inline void rig_note(char text[RIG_TEXT], const char *fmt, ...) PRINTF_LIKE(2, 3);
static inline void rig_note(char text[RIG_TEXT], const char *fmt, ...) {
    size_t n = strlen(text);
    va_list args;
    va_start(args, fmt);
    if (n > 0 && n + 2 < RIG_TEXT) {
        (void)snprintf(text + n, RIG_TEXT - n, "; ");
        n += 2;
    }
    (void)vsnprintf(text + n, RIG_TEXT - n, fmt, args);
    va_end(args);
}

/* --- the host --- */

static inline void rig_on_settle(void *ctx, uint64_t token, struct slice gateway,
                                 const struct msg_epoch *epochs, uint32_t n_epochs) {
    struct rig *r = ctx;
    r->token = token;
    rig_note(r->heard, "settle %.*s", SLICE_ARG(gateway));
    CHECK(n_epochs > 0 && epochs != NULL);
}

static inline void rig_keep(struct rig *r, const struct sample *v, uint32_t n) {
    r->n_samples = n;
    if (n > 0) {
        memcpy(r->samples, v, (n < COUNT(r->samples) ? n : COUNT(r->samples)) * sizeof *v);
    }
}

static inline enum status rig_on_record(void *ctx, const struct link_record *in) {
    struct rig *r = ctx;
    r->offered++;
    if (r->full) {
        return ERR_FULL;
    }
    r->gateway = in->gateway;
    r->crc = in->crc;
    r->clock_error_us = in->clock_error_us;
    r->received_us = in->received_us;
    r->unsynced = in->unsynced;
    r->unsynced_first = in->unsynced_first;
    r->step_us = in->stepped ? in->step_us : 0;
    rig_keep(r, in->samples, in->n_samples);
    r->lost = in->lost != NULL ? *in->lost : r->lost;
    rig_note(r->heard, "%s %" PRIu64 "/%" PRIu64 "%s", msg_type_name(in->type), in->epoch, in->seq,
             in->lane == LANE_BACKLOG ? " backlog" : "");
    if (in->again) {
        rig_note(r->heard, "again");
        CHECK(in->n_samples == 0 && in->fault == 0 && in->lost == NULL);
    }
    if (in->fault != 0) {
        rig_note(r->heard, "fault %s", link_code_name(in->fault));
        CHECK(in->n_samples == 0);
    }
    return OK;
}

static inline void rig_on_snapshot(void *ctx, uint32_t gateway, const struct sample *v, uint32_t n,
                                   int64_t received_us) {
    struct rig *r = ctx;
    CHECK(gateway == 0 && received_us == r->now.wall_us);
    rig_keep(r, v, n);
    rig_note(r->heard, "snapshot of %u", n);
}

static inline void rig_on_repeated(void *ctx, const struct link_repeat *in) {
    struct rig *r = ctx;
    CHECK(in->gateway_key == RIG_KEY);
    r->repeats = *in;
    r->n_repeats++;
}

static inline void rig_on_clock(void *ctx, uint32_t gateway, const struct link_clock *in, bool judged) {
    struct rig *r = ctx;
    (void)gateway;
    r->clock = *in;
    r->clock_judged = judged;
    r->n_clocks++;
}

static inline void rig_on_backlog_end(void *ctx, uint32_t gateway, int64_t te_us) {
    struct rig *r = ctx;
    CHECK(gateway == 0);
    r->backlog_ends++;
    r->backlog_te_us = te_us;
}

static inline void rig_on_state(void *ctx, uint32_t gateway, bool up, const char *peer, const char *reason) {
    struct rig *r = ctx;
    (void)peer;
    rig_note(r->heard, "%s %u%s%s", up ? "up" : "down", gateway, up ? "" : " ", up ? "" : reason);
}

static inline void rig_on_incident(void *ctx, const char *action, const char *peer, const char *object,
                                   const char *detail) {
    struct rig *r = ctx;
    (void)peer;
    (void)object;
    CHECK(detail[0] != '\0');
    (void)snprintf(r->detail, sizeof r->detail, "%s", detail);
    rig_note(r->heard, "!%s", action);
}

static inline void rig_on_duplicate(void *ctx, uint32_t gateway, const char *text) {
    struct rig *r = ctx;
    CHECK(text[0] != '\0');
    (void)snprintf(r->duplicate, sizeof r->duplicate, "%s", text);
    rig_note(r->heard, "duplicate %u", gateway);
}

static inline void rig_on_wake(void *ctx, struct session *s) {
    (void)ctx;
    (void)s;
}

/* --- the model --- */

static inline void rig_put(struct map *map, struct slice name, uint32_t i) {
    CHECK(map_put(map, name, i) == OK);
}

static inline void rig_tag(struct model *m, uint32_t i, uint32_t gateway, const char *name,
                           enum tag_type type) {
    m->tags[i] = (struct model_tag){.key = 100 + i,
                                    .name = slice_str(name),
                                    .local = slice_str(name + 3),
                                    .gateway = gateway,
                                    .type = type,
                                    .scale = 1,
                                    .high = 1};
    rig_put(&m->tag_by_name, m->tags[i].name, i);
}

/* n_gateways: 2, 1 (gw-s2 only: index 0) or 0; disabled: gw-s1 is. */
static inline struct model *rig_model(uint32_t n_gateways, bool disabled) {
    static const uint64_t seed[2] = {1, 2};
    struct model *m = calloc(1, sizeof *m);
    CHECK(m != NULL);
    arena_init(&m->arena, 1 << 20);
    m->n_sites = 1;
    m->n_gateways = n_gateways;
    m->n_tags = n_gateways == 2 ? 4 : 0;
    m->sites = arena_alloc(&m->arena, 1, sizeof *m->sites);
    m->gateways = arena_alloc(&m->arena, 2, sizeof *m->gateways);
    m->tags = arena_alloc(&m->arena, 4, sizeof *m->tags);
    CHECK(map_init(&m->site_by_name, 1, seed, NULL) == OK);
    CHECK(map_init(&m->gateway_by_name, 2, seed, NULL) == OK);
    CHECK(map_init(&m->tag_by_name, 4, seed, NULL) == OK);
    CHECK(map_init(&m->alarm_by_name, 1, seed, NULL) == OK);
    m->sites[0] = (struct model_site){.key = 1, .name = slice_str("S1")};
    rig_put(&m->site_by_name, m->sites[0].name, 0);
    uint32_t i = 0;
    if (n_gateways == 2) {
        m->gateways[i] =
            (struct model_gateway){.key = RIG_KEY, .name = slice_str("gw-s1"), .enabled = !disabled};
        rig_put(&m->gateway_by_name, m->gateways[i].name, i);
        i++;
    }
    if (n_gateways > 0) {
        m->gateways[i] =
            (struct model_gateway){.key = RIG_KEY + 1, .name = slice_str("gw-s2"), .enabled = true};
        rig_put(&m->gateway_by_name, m->gateways[i].name, i);
    }
    if (n_gateways == 2) {
        rig_tag(m, RIG_TAG_LEVEL, 0, "S1/L_T1", TAG_FLOAT);
        rig_tag(m, RIG_TAG_RUN, 0, "S1/PU1.run", TAG_BOOL);
        rig_tag(m, RIG_TAG_COUNT, 0, "S1/PU1.starts", TAG_INT);
        rig_tag(m, RIG_TAG_OTHER, 1, "S1/F_1", TAG_FLOAT);
    }
    return m;
}

/* gw-s2 of model 2: gw-s1 may be spoken for by its certificate, and has so many tags at most. */
static inline struct model *rig_bridge_model(bool speaks, bool bridge_enabled, uint32_t tags_max) {
    struct model *m = rig_model(2, false);
    m->gateways[0].certificate_of = speaks ? slice_str("gw-s2") : (struct slice){0};
    m->gateways[0].tags_max = tags_max;
    m->gateways[1].enabled = bridge_enabled;
    return m;
}

static inline void rig_set_model(struct rig *r, struct model *m) {
    struct model *old = r->model;
    r->model = m;
    CHECK(roster_set_model(r->roster, m, r->now) == OK);
    model_free(&old);
}

/* --- life --- */

static inline void rig_init(struct rig *r) {
    *r = (struct rig){.now = {.mono_us = 50 * TM_HOUR_US, .wall_us = INT64_C(1790000000000000)}};
    r->env = (struct session_env){
        .limits = {.heartbeat_ms = 10000,
                   .dead_ms = 30000,
                   .link = link_limits_usual(),
                   .settle_ms = 30000,
                   .backlog_rate = 1000},
        .host = {.ctx = r,
                 .settle = rig_on_settle,
                 .record = rig_on_record,
                 .snapshot = rig_on_snapshot,
                 .repeated = rig_on_repeated,
                 .clock = rig_on_clock,
                 .backlog_end = rig_on_backlog_end,
                 .state = rig_on_state,
                 .duplicate = rig_on_duplicate,
                 .incident = rig_on_incident},
        .owner = {.wake = rig_on_wake},
    };
    r->env.samples = calloc(LINK_SAMPLES_MAX, sizeof *r->env.samples);
    CHECK(r->env.samples != NULL);
    CHECK(roster_new(&r->env, &r->roster) == OK);
    rig_set_model(r, rig_model(2, false));
}

static inline void rig_done(struct rig *r) {
    roster_free(&r->roster);
    model_free(&r->model);
    free(r->env.samples);
}

static inline void rig_advance(struct rig *r, int64_t us) {
    r->now.mono_us += us;
    r->now.wall_us += us;
}

/* What the host heard since the last time. */
static inline void rig_expect_heard(struct rig *r, const char *text) {
    assert_string_equal(r->heard, text);
    r->heard[0] = '\0';
}

/* --- what a session says --- */

static inline void rig_note_ack(char text[RIG_TEXT], struct slice body) {
    struct msg_ack ack;
    CHECK(ack_decode(body, &ack, NULL) == OK);
    char ranges[2048] = "";
    size_t n = 0;
    for (uint32_t i = 0; i < ack.n_ranges; i++) {
        n += (size_t)snprintf(ranges + n, sizeof ranges - n, " %" PRIu64 "-%" PRIu64, ack.ranges[i].first,
                              ack.ranges[i].end);
    }
    rig_note(text, "ACK %" PRIu64 ":%s%s", ack.ep, ranges,
             ack.state == SERVER_NOT_STORING ? " not storing" : "");
}

static inline void rig_note_frame(char text[RIG_TEXT], const struct frame *f) {
    struct msg_error error;
    struct msg_bye bye;
    struct msg_welcome welcome;
    struct msg_window window;
    switch (f->type) {
    case MSG_ACK:
        rig_note_ack(text, f->body);
        return;
    case MSG_ERROR:
        CHECK(error_decode(f->body, &error, NULL) == OK);
        CHECK(error.text.n > 0);
        rig_note(text, "ERROR %s%s", link_code_name(error.code), error.fatal ? " fatal" : "");
        return;
    case MSG_BYE:
        CHECK(bye_decode(f->body, &bye, NULL) == OK);
        rig_note(text, "BYE %u", bye.reason);
        return;
    case MSG_WINDOW:
        CHECK(window_decode(f->body, &window, NULL) == OK);
        rig_note(text, "WINDOW %u %u %u", window.bytes, window.frames, window.backlog_rate);
        return;
    case MSG_WELCOME:
        CHECK(f->body.n <= LINK_BODY_MAX_HELLO);
        CHECK(welcome_decode(f->body, &welcome, NULL) == OK);
        rig_note(text, "WELCOME");
        for (uint32_t i = 0; i < welcome.n_epochs; i++) {
            for (uint32_t j = 0; j < welcome.epochs[i].n_ranges && j < 4; j++) {
                rig_note(text, "%" PRIu64 ":%" PRIu64 "-%" PRIu64, welcome.epochs[i].epoch,
                         welcome.epochs[i].ranges[j].first, welcome.epochs[i].ranges[j].end);
            }
        }
        return;
    default:
        rig_note(text, "%s", msg_type_name(f->type));
        return;
    }
}

/* Takes all that waits to be sent, with acknowledgements, as a text. */
static inline const char *rig_take_said(struct rig *r, struct session *s) {
    session_send_acks(s);
    struct buf *out = session_out(s);
    r->said[0] = '\0';
    size_t at = 0;
    while (at < out->n) {
        struct frame f;
        size_t need = 0;
        CHECK(frame_parse(out->p + at, out->n - at, LINK_BODY_MAX_HARD, &f, &need, NULL) == FRAME_OK);
        rig_note_frame(r->said, &f);
        at += need;
    }
    buf_clear(out);
    return r->said;
}

static inline void rig_expect_said(struct rig *r, struct session *s, const char *text) {
    assert_string_equal(rig_take_said(r, s), text);
}

/* --- what a gateway says --- */

static inline void rig_send_bytes(struct rig *r, struct session *s, const void *p, size_t n) {
    const uint8_t *from = p;
    size_t room = 0;
    while (n > 0 && (room = session_room(s)) > 0) {
        size_t part = n < room ? n : room;
        session_receive(s, from, part, r->now);
        from += part;
        n -= part;
    }
}

static inline void rig_send(struct rig *r, struct session *s, uint8_t type, uint16_t flags,
                            struct slice body) {
    struct buf out;
    buf_init(&out, LINK_FRAME_HEAD + LINK_BODY_MAX_HARD);
    frame_append(&out, type, flags, body);
    CHECK(!out.failed);
    rig_send_bytes(r, s, out.p, out.n);
    buf_done(&out);
}

static inline struct msg_hello rig_hello_msg(uint64_t next_seq) {
    struct msg_hello hello = {.version_min = 1,
                              .version_max = 1,
                              .gateway = slice_str("gw-s1"),
                              .software = slice_str("rig 1.0"),
                              .n_epochs = 2,
                              .now_us = INT64_C(1790000000000000),
                              .clock_source = CLOCK_NTP,
                              .max_rx_frame = LINK_BODY_MAX};
    hello.epochs[0] = (struct msg_epoch){.epoch = RIG_EPOCH, .next_seq = next_seq};
    hello.epochs[1] = (struct msg_epoch){.epoch = RIG_OLD_EPOCH, .next_seq = 1000};
    return hello;
}

static inline void rig_send_hello(struct rig *r, struct session *s, const struct msg_hello *hello) {
    struct buf body;
    buf_init(&body, LINK_BODY_MAX_HELLO);
    hello_encode(&body, hello);
    CHECK(!body.failed);
    rig_send(r, s, MSG_HELLO, 0, buf_slice(&body));
    buf_done(&body);
}

/* A connection whose TLS is done. */
static inline struct session *rig_connect(struct rig *r, const char *gateway) {
    struct session *s = NULL;
    CHECK(session_new(&r->env, "192.0.2.1:4000", NULL, r->now, &s) == OK);
    session_open(s, gateway, r->now);
    return s;
}

static inline void rig_settle(struct rig *r, const struct link_settled *settled) {
    roster_settled(r->roster, r->token, settled, r->now);
}

static inline struct link_settled rig_settled_ok(void) {
    return (struct link_settled){.status = OK, .gateway_key = RIG_KEY, .session = 5};
}

/* One that is LIVE, with nothing committed; its first words and the host's are taken. */
static inline struct session *rig_live(struct rig *r) {
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(0);
    rig_send_hello(r, s, &hello);
    struct link_settled settled = rig_settled_ok();
    rig_settle(r, &settled);
    assert_int_equal(session_state(s), SESSION_LIVE);
    (void)rig_take_said(r, s);
    r->heard[0] = '\0';
    return s;
}

/* --- records --- */

static inline struct dict_entry rig_entry(uint32_t alias, const char *name, enum value_type type) {
    return (struct dict_entry){.alias = alias, .name = slice_str(name), .type = (uint8_t)type, .scale = 1};
}

static inline void rig_send_dict_part(struct rig *r, struct session *s, uint64_t ep, uint64_t seq,
                                      uint64_t dict, uint64_t base, bool more, const struct dict_entry *v,
                                      uint32_t n) {
    struct buf body;
    buf_init(&body, LINK_BODY_MAX);
    prefix_encode(&body, true, &(struct msg_prefix){.ep = ep, .seq = seq, .dict = dict});
    dict_encode(&body, base, more, v, n);
    CHECK(!body.failed);
    rig_send(r, s, MSG_DICT, FRAME_JOURNALED, buf_slice(&body));
    buf_done(&body);
}

/* Aliases 1 L_T1 (F64), 2 PU1.run (BOOL), 3 PU1.starts (UINT), 4 no_such (F64), 5 F_1 (F64, another
 * gateway's). */
static inline void rig_send_dict(struct rig *r, struct session *s, uint64_t ep, uint64_t seq, uint64_t dict) {
    const struct dict_entry v[] = {
        rig_entry(1, "L_T1", VALUE_F64),        rig_entry(2, "PU1.run", VALUE_BOOL),
        rig_entry(3, "PU1.starts", VALUE_UINT), rig_entry(4, "no_such", VALUE_F64),
        rig_entry(5, "F_1", VALUE_F64),
    };
    rig_send_dict_part(r, s, ep, seq, dict, 0, false, v, COUNT(v));
}

static inline void rig_data_body(struct buf *body, bool journaled, uint64_t ep, uint64_t seq, uint64_t dict,
                                 const struct link_sample *v, uint32_t n) {
    buf_init(body, LINK_BODY_MAX);
    prefix_encode(body, journaled, &(struct msg_prefix){.ep = ep, .seq = seq, .dict = dict});
    data_encode(body, v, n);
    CHECK(!body->failed);
}

static inline void rig_send_event(struct rig *r, struct session *s, uint64_t seq, const struct msg_event *m) {
    struct buf body;
    buf_init(&body, LINK_BODY_MAX);
    prefix_encode(&body, true, &(struct msg_prefix){.seq = seq});
    event_encode(&body, m);
    CHECK(!body.failed);
    rig_send(r, s, MSG_EVENT, FRAME_JOURNALED, buf_slice(&body));
    buf_done(&body);
}

static inline void rig_send_tombstone(struct rig *r, struct session *s, uint64_t seq, uint64_t epoch,
                                      uint64_t first, uint64_t end) {
    struct msg_event m = {.code = EVENT_SAMPLES_LOST,
                          .lost = {.epoch = epoch, .first = first, .end = end, .samples = 3}};
    rig_send_event(r, s, seq, &m);
}

/* A good EVENT; up to size bytes, a field of a later version fills it. */
static inline void rig_event_body(struct buf *body, const struct msg_prefix *prefix, const char *text,
                                  size_t size) {
    prefix_encode(body, true, prefix);
    event_encode(body, &(struct msg_event){.code = EVENT_DEVICE_DOWN, .t_us = 1, .text = slice_str(text)});
    if (size > body->n + 1) {
        size_t most = size - body->n - 2; /* a tag, and a length of one byte */
        size_t filling = most + 1 - varint_size(most);
        buf_byte(body, 0x7F);
        write_varint(body, filling);
        for (size_t i = 0; i < filling; i++) {
            buf_byte(body, 'x');
        }
    }
}

static inline struct link_sample rig_level(double value) {
    return (struct link_sample){.alias = 1, .type = VALUE_F64, .t_us = INT64_C(1790000000000000), .f = value};
}

/* One sample of L_T1. */
static inline void rig_send_data(struct rig *r, struct session *s, uint16_t flags, uint64_t ep, uint64_t seq,
                                 uint64_t dict) {
    struct link_sample v = rig_level(1.5);
    struct buf body;
    rig_data_body(&body, (flags & FRAME_JOURNALED) != 0, ep, seq, dict, &v, 1);
    rig_send(r, s, MSG_DATA, flags, buf_slice(&body));
    buf_done(&body);
}

/* --- for cmocka --- */

static inline int rig_set_up(void **state) {
    struct rig *r = malloc(sizeof *r);
    rig_init(r);
    *state = r;
    return 0;
}

static inline int rig_tear_down(void **state) {
    rig_done(*state);
    free(*state);
    return 0;
}

/* The line is gone. */
static inline void rig_end(struct rig *r, struct session *s) {
    session_lost(s, "gone", r->now);
    session_free(&s);
}

#endif
