/* Covers: session.c, session_greeting.c, session_frames.c */
#include "protocol/command_msg.h"
#include "protocol/config_msg.h"
#include "server/base/rand.h"
#include "server/link/ranges.h"
#include "server/link/session.h"
#include "tests/unit/link/rig.h"

/* --- greeting --- */

static void hello_then_settle_then_welcome(void **state) {
    struct rig *r = *state;
    struct session *s = rig_connect(r, "gw-s1");
    assert_int_equal(session_state(s), SESSION_HELLO);
    struct msg_hello hello = rig_hello_msg(0);
    hello.journal_bytes = 4711;
    hello.dropped_total = 3;
    rig_send_hello(r, s, &hello);
    rig_expect_heard(r, "settle gw-s1");
    assert_int_equal(session_state(s), SESSION_SETTLING);
    rig_expect_said(r, s, ""); /* not a word before the database has answered */
    struct link_settled settled = rig_settled_ok();
    rig_settle(r, &settled);
    rig_expect_heard(r, "up 0");
    rig_expect_said(r, s, "WELCOME");
    session_tick(s, r->now);
    rig_expect_said(r, s, "PING");
    const struct link_status *status = roster_borrow_status(r->roster, 0);
    assert_true(status->up);
    assert_string_equal(status->software, "rig 1.0");
    assert_string_equal(status->peer, "192.0.2.1:4000");
    assert_int_equal(status->session, 5);
    assert_int_equal(status->backlog_bytes, 4711);
    assert_int_equal(status->dropped_total, 3);
    session_lost(s, "gone", r->now);
    session_free(&s);
}

static void welcome_names_what_is_committed(void **state) {
    struct rig *r = *state;
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(20);
    rig_send_hello(r, s, &hello);
    struct link_range committed[] = {{RIG_OLD_EPOCH, 0, 1000}, /* in another order than HELLO's */
                                     {RIG_EPOCH, 0, 10},
                                     {RIG_EPOCH, 15, 20}};
    struct link_settled settled = rig_settled_ok();
    settled.n_committed = COUNT(committed);
    settled.committed = committed;
    rig_settle(r, &settled);
    rig_expect_said(r, s, "WELCOME; 700:0-10; 700:15-20; 600:0-1000");
    session_lost(s, "gone", r->now);
    session_free(&s);
}

/* rig_note_frame checks that the body fits. */
static void welcome_fits_a_small_frame_however_much_is_committed(void **state) {
    struct rig *r = *state;
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(UINT64_C(1) << 60);
    hello.n_epochs = LINK_EPOCHS_MAX;
    static struct link_range committed[LINK_EPOCHS_MAX * LINK_ACK_RANGES_MAX];
    for (uint32_t i = 0; i < LINK_EPOCHS_MAX; i++) {
        hello.epochs[i] = (struct msg_epoch){.epoch = RIG_EPOCH + i, .next_seq = UINT64_C(1) << 60};
        for (uint32_t j = 0; j < LINK_ACK_RANGES_MAX; j++) {
            uint64_t first = (UINT64_C(1) << 50) * (j + 1);
            committed[i * LINK_ACK_RANGES_MAX + j] =
                (struct link_range){RIG_EPOCH + i, first, first + (UINT64_C(1) << 49)};
        }
    }
    rig_send_hello(r, s, &hello);
    struct link_settled settled = rig_settled_ok();
    settled.n_committed = COUNT(committed);
    settled.committed = committed;
    rig_settle(r, &settled);
    assert_int_equal(session_state(s), SESSION_LIVE);
    assert_memory_equal(rig_take_said(r, s), "WELCOME; 700:", 13);
    session_lost(s, "gone", r->now);
    session_free(&s);
}

static void bytes_may_come_one_at_a_time(void **state) {
    struct rig *r = *state;
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(0);
    struct buf body;
    struct buf out;
    buf_init(&body, LINK_BODY_MAX_HELLO);
    buf_init(&out, LINK_BODY_MAX_HELLO + LINK_FRAME_HEAD);
    hello_encode(&body, &hello);
    frame_append(&out, MSG_HELLO, 0, buf_slice(&body));
    for (size_t i = 0; i < out.n; i++) {
        assert_int_equal(session_state(s), SESSION_HELLO);
        rig_send_bytes(r, s, out.p + i, 1);
    }
    rig_expect_heard(r, "settle gw-s1");
    buf_done(&body);
    buf_done(&out);
    session_lost(s, "gone", r->now);
    session_free(&s);
}

/* --- who does not get in --- */

struct refusal {
    const char *what;
    const char *gateway; /* of the certificate */
    void (*change)(struct msg_hello *hello);
    const char *heard;
    const char *said;
    bool breach;
};

static void other_name(struct msg_hello *h) {
    h->gateway = slice_str("gw-s2");
}

static void newer_version(struct msg_hello *h) {
    h->version_min = 2;
    h->version_max = 3;
}

static void wider_versions(struct msg_hello *h) {
    h->version_max = 9;
}

static const struct refusal refusals[] = {
    {"HELLO names another gateway", "gw-s1", other_name, "!link.protocol_error", "ERROR identity fatal",
     true},
    {"not configured", "gw-s9", NULL, "!link.refused", "ERROR not_allowed fatal", false},
    {"only newer versions", "gw-s1", newer_version, "", "ERROR version fatal", false},
    {"this version among others", "gw-s1", wider_versions, "settle gw-s1", "", false},
};

static void who_may_not_come_in_is_told_why(void **state) {
    struct rig *r = *state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        struct session *s = rig_connect(r, refusals[i].gateway);
        struct msg_hello hello = rig_hello_msg(0);
        hello.gateway = slice_str(refusals[i].gateway);
        if (refusals[i].change != NULL) {
            refusals[i].change(&hello);
        }
        rig_send_hello(r, s, &hello);
        print_message("%s: %s\n", refusals[i].what, session_reason(s));
        rig_expect_heard(r, refusals[i].heard);
        rig_expect_said(r, s, refusals[i].said);
        assert_int_equal(session_breached(s), refusals[i].breach);
        assert_int_equal(session_room(s) == 0, session_state(s) == SESSION_CLOSING);
        session_lost(s, "gone", r->now);
        session_free(&s);
    }
}

static void a_disabled_gateway_is_refused_and_its_status_says_so(void **state) {
    struct rig *r = *state;
    rig_set_model(r, rig_model(2, true));
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(0);
    rig_send_hello(r, s, &hello);
    rig_expect_said(r, s, "ERROR not_allowed fatal");
    rig_expect_heard(r, "!link.refused");
    assert_non_null(strstr(roster_borrow_status(r->roster, 0)->fault, "disabled"));
    session_free(&s);
}

static void before_the_first_model_all_are_asked_to_come_again(void **state) {
    struct rig *r = *state;
    r->env.model = NULL;
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(0);
    rig_send_hello(r, s, &hello);
    rig_expect_said(r, s, "BYE 4");
    session_free(&s);
    r->env.model = r->model;
}

static void the_answer_of_the_database_decides(void **state) {
    struct rig *r = *state;
    static const struct {
        enum status status;
        const char *heard;
        const char *said;
    } cases[] = {
        {ERR_NOT_FOUND, "settle gw-s1; !link.refused", "ERROR not_allowed fatal"},
        {ERR_DENIED, "settle gw-s1; !link.refused", "ERROR not_allowed fatal"},
        {ERR_UNAVAILABLE, "settle gw-s1", "ERROR store_down; BYE 4"},
        {ERR_IO, "settle gw-s1", "ERROR store_down; BYE 4"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct session *s = rig_connect(r, "gw-s1");
        struct msg_hello hello = rig_hello_msg(0);
        rig_send_hello(r, s, &hello);
        struct link_settled settled = {.status = cases[i].status};
        (void)error_set(&settled.error, cases[i].status, "gateway", "the database says no");
        rig_settle(r, &settled);
        rig_expect_said(r, s, cases[i].said);
        rig_expect_heard(r, cases[i].heard);
        assert_non_null(strstr(roster_borrow_status(r->roster, 0)->fault, "the database says no"));
        session_free(&s);
    }
}

static void an_answer_for_another_gateway_lets_nobody_in(void **state) {
    struct rig *r = *state;
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(0);
    rig_send_hello(r, s, &hello);
    struct link_settled settled = rig_settled_ok();
    settled.gateway_key = RIG_KEY + 1;
    rig_settle(r, &settled);
    rig_expect_said(r, s, "BYE 4");
    session_free(&s);
}

static void a_journal_that_was_set_back_is_noticed(void **state) {
    struct rig *r = *state;
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(19);
    rig_send_hello(r, s, &hello);
    struct link_range committed[] = {{RIG_EPOCH, 0, 10}, {RIG_EPOCH, 15, 20}};
    struct link_settled settled = rig_settled_ok();
    settled.n_committed = 2;
    settled.committed = committed;
    rig_settle(r, &settled);
    rig_expect_said(r, s, "ERROR epoch_rollback fatal");
    rig_expect_heard(r, "settle gw-s1; !link.epoch_rollback");
    session_free(&s);
}

/* However many ranges there are: more than WELCOME tells, more than the session keeps. */
static void a_journal_that_was_set_back_is_noticed_behind_many_holes(void **state) {
    struct rig *r = *state;
    static struct link_range committed[RANGES_MAX + 10];
    static const uint32_t counts[] = {LINK_ACK_RANGES_MAX + 1, COUNT(committed)};
    for (uint32_t i = 0; i < COUNT(committed); i++) {
        committed[i] = (struct link_range){RIG_EPOCH, (uint64_t)2 * i, (uint64_t)2 * i + 1};
    }
    for (size_t i = 0; i < COUNT(counts); i++) {
        for (uint64_t less = 0; less <= 1; less++) {
            struct session *s = rig_connect(r, "gw-s1");
            struct msg_hello hello = rig_hello_msg((uint64_t)2 * counts[i] - 1 - less);
            rig_send_hello(r, s, &hello);
            struct link_settled settled = rig_settled_ok();
            settled.n_committed = counts[i];
            settled.committed = committed;
            rig_settle(r, &settled);
            assert_int_equal(session_state(s), less == 1 ? SESSION_CLOSING : SESSION_LIVE);
            const char *said = rig_take_said(r, s);
            assert_int_equal(strstr(said, "ERROR flow") != NULL, less == 0); /* asked to send in order */
            assert_null(strstr(said, "flow fatal"));
            rig_end(r, s);
        }
    }
}

/* --- every frame in every state --- */

enum { IN_HELLO, IN_SETTLING, IN_LIVE, STATES };

struct row {
    const char *what;
    uint8_t type;
    uint16_t flags;
    const char *said[STATES]; /* NULL: nothing is said, the session goes on */
};

#define FRAMING "ERROR bad_frame fatal"
#define CLOSES  ""

static const struct row rows[] = {
    {"HELLO", MSG_HELLO, 0, {NULL, FRAMING, FRAMING}},
    {"WELCOME", MSG_WELCOME, 0, {FRAMING, FRAMING, FRAMING}},
    {"ERROR", MSG_ERROR, 0, {NULL, NULL, NULL}},
    {"BYE", MSG_BYE, 0, {CLOSES, CLOSES, CLOSES}},
    {"PING", MSG_PING, 0, {FRAMING, "PONG", "PONG"}},
    {"PONG", MSG_PONG, 0, {FRAMING, NULL, NULL}},
    {"WINDOW", MSG_WINDOW, 0, {FRAMING, FRAMING, FRAMING}},
    {"REFRESH", MSG_REFRESH, 0, {FRAMING, FRAMING, FRAMING}},
    {"ACK", MSG_ACK, 0, {FRAMING, FRAMING, FRAMING}},
    {"DICT", MSG_DICT, FRAME_JOURNALED, {FRAMING, FRAMING, NULL}},
    {"DICT without J", MSG_DICT, 0, {FRAMING, FRAMING, FRAMING}},
    {"DICT as a snapshot", MSG_DICT, FRAME_SNAPSHOT, {FRAMING, FRAMING, FRAMING}},
    {"DATA", MSG_DATA, FRAME_JOURNALED, {FRAMING, FRAMING, "ERROR unknown_dict"}},
    {"DATA as a snapshot", MSG_DATA, FRAME_SNAPSHOT, {FRAMING, FRAMING, "ERROR unknown_dict"}},
    {"DATA, neither", MSG_DATA, 0, {FRAMING, FRAMING, FRAMING}},
    {"DATA, both", MSG_DATA, FRAME_JOURNALED | FRAME_SNAPSHOT, {FRAMING, FRAMING, "ERROR bad_record"}},
    {"EVENT", MSG_EVENT, FRAME_JOURNALED, {FRAMING, FRAMING, NULL}},
    {"EVENT without J", MSG_EVENT, 0, {FRAMING, FRAMING, FRAMING}},
    {"CMD_RESULT", MSG_CMD_RESULT, FRAME_JOURNALED, {FRAMING, FRAMING, NULL}},
    {"CMD_RESULT without J", MSG_CMD_RESULT, 0, {FRAMING, FRAMING, FRAMING}},
    {"CFG_RESULT", MSG_CFG_RESULT, FRAME_JOURNALED, {FRAMING, FRAMING, NULL}},
    {"CFG_RESULT without J", MSG_CFG_RESULT, 0, {FRAMING, FRAMING, FRAMING}},
    {"CMD_ACK", MSG_CMD_ACK, 0, {FRAMING, FRAMING, NULL}},
    {"CMD_ACK as a record", MSG_CMD_ACK, FRAME_JOURNALED, {FRAMING, FRAMING, FRAMING}},
    {"CFG_GET", MSG_CFG_GET, 0, {FRAMING, FRAMING, "CFG_CHUNK"}},
    {"CMD", MSG_CMD, 0, {FRAMING, FRAMING, FRAMING}},
    {"CFG_OFFER", MSG_CFG_OFFER, 0, {FRAMING, FRAMING, FRAMING}},
    {"CFG_CHUNK", MSG_CFG_CHUNK, 0, {FRAMING, FRAMING, FRAMING}},
    {"CERT_ISSUED", MSG_CERT_ISSUED, 0, {FRAMING, FRAMING, FRAMING}},
    {"CERT_OFFER", MSG_CERT_OFFER, 0, {FRAMING, FRAMING, FRAMING}},
    {"unknown", 0x70, 0, {NULL, NULL, NULL}},
    {"unknown record", 0x70, FRAME_JOURNALED, {FRAMING, FRAMING, "ERROR unsupported"}},
    {"unknown, ignorable flag", 0x70, 0x8000, {NULL, NULL, NULL}},
    {"critical", 0x9F, 0, {"ERROR unsupported fatal", "ERROR unsupported fatal", "ERROR unsupported fatal"}},
    {"critical record",
     0xFF,
     FRAME_JOURNALED,
     {"ERROR unsupported fatal", "ERROR unsupported fatal", "ERROR unsupported fatal"}},
    {"PING as a record", MSG_PING, FRAME_JOURNALED, {FRAMING, FRAMING, FRAMING}},
    {"HELLO as a record", MSG_HELLO, FRAME_JOURNALED, {FRAMING, FRAMING, FRAMING}},
    {"ACK as a record", MSG_ACK, FRAME_JOURNALED, {FRAMING, FRAMING, FRAMING}},
};

static void good_body(const struct row *row, struct buf *ret) {
    buf_init(ret, LINK_BODY_MAX);
    struct msg_hello hello = rig_hello_msg(0);
    struct dict_entry entry = rig_entry(1, "L_T1", VALUE_F64);
    struct link_sample sample = rig_level(1);
    bool journaled = (row->flags & FRAME_JOURNALED) != 0;
    if (msg_type_is_record(row->type) || journaled) {
        prefix_encode(ret, journaled, &(struct msg_prefix){.dict = 9});
    }
    switch (row->type) {
    case MSG_HELLO:
        buf_clear(ret);
        hello_encode(ret, &hello);
        break;
    case MSG_ERROR:
        error_encode(ret, &(struct msg_error){.code = LINK_QUOTA, .text = slice_str("journal is full")});
        break;
    case MSG_BYE:
        bye_encode(ret, &(struct msg_bye){.text = slice_str("good night")});
        break;
    case MSG_PING:
        ping_encode(ret, &(struct msg_ping){.id = 1, .t0_us = 1});
        break;
    case MSG_PONG:
        pong_encode(ret, &(struct msg_pong){.id = 1});
        break;
    case MSG_DICT:
        dict_encode(ret, 0, false, &entry, 1);
        break;
    case MSG_DATA:
        data_encode(ret, &sample, 1);
        break;
    case MSG_EVENT:
        event_encode(ret, &(struct msg_event){.code = EVENT_STARTED});
        break;
    case MSG_CMD_RESULT:
        command_result_encode(ret, &(struct msg_command_result){.stage = COMMAND_STAGE_EXECUTED});
        break;
    case MSG_CFG_RESULT:
        config_result_encode(ret, &(struct msg_config_result){.version = 1});
        break;
    case MSG_CMD_ACK:
        command_ack_encode(ret, &(struct msg_command_ack){.op = COMMAND_DIRECT});
        break;
    case MSG_CFG_GET:
        config_get_encode(ret, &(struct msg_config_get){.version = 1, .length = 1});
        break;
    default:
        break;
    }
    assert_false(ret->failed);
}

/* A session in one of the states in which frames are taken. */
static struct session *in_state(struct rig *r, int which) {
    if (which == IN_LIVE) {
        return rig_live(r);
    }
    struct session *s = rig_connect(r, "gw-s1");
    if (which == IN_SETTLING) {
        struct msg_hello hello = rig_hello_msg(0);
        rig_send_hello(r, s, &hello);
        assert_int_equal(session_state(s), SESSION_SETTLING);
    }
    return s;
}

static void expect_answer(struct rig *r, const struct row *row, int which) {
    struct session *s = in_state(r, which);
    struct buf body;
    good_body(row, &body);
    rig_send(r, s, row->type, row->flags, buf_slice(&body));
    buf_done(&body);
    const char *expected = row->said[which];
    const char *said = rig_take_said(r, s);
    bool closes = expected != NULL && (expected[0] == '\0' || strstr(expected, "fatal") != NULL);
    if (strcmp(said, expected == NULL ? "" : expected) != 0 ||
        (session_state(s) == SESSION_CLOSING) != closes) {
        fail_msg("%s in state %d: said \"%s\", %s", row->what, which, said, session_reason(s));
    }
    session_lost(s, "gone", r->now);
    session_free(&s);
}

static void every_frame_is_answered_in_every_state(void **state) {
    struct rig *r = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (int which = IN_HELLO; which < STATES; which++) {
            rig_advance(r, TM_HOUR_US); /* no breach is remembered */
            expect_answer(r, &rows[i], which);
        }
    }
}

static void a_fatal_error_of_the_gateway_ends_the_session(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    struct buf body;
    buf_init(&body, 1000);
    error_encode(&body,
                 &(struct msg_error){.code = LINK_BAD_FRAME, .fatal = true, .text = slice_str("what?")});
    rig_send(r, s, MSG_ERROR, 0, buf_slice(&body));
    buf_done(&body);
    rig_expect_heard(r, "!link.gateway_error; down 0 gateway reports bad_frame: what?");
    session_free(&s);
}

static void nothing_is_heard_after_the_end(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    rig_send(r, s, 0x90, 0, (struct slice){0});
    assert_int_equal(session_state(s), SESSION_CLOSING);
    r->heard[0] = '\0';
    assert_int_equal(session_room(s), 0);
    session_tick(s, r->now);
    session_bye(s, BYE_NORMAL, 0, "again", r->now);
    session_refuse(s, LINK_FLOW, "again", r->now);
    session_lost(s, "again", r->now);
    rig_expect_heard(r, "");
    session_free(&s);
}

/* --- sizes --- */

static void send_head(struct rig *r, struct session *s, uint8_t type, uint32_t len) {
    const uint8_t head[LINK_FRAME_HEAD] = {
        FRAME_MAGIC,         type, 0, 0, (uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16),
        (uint8_t)(len >> 24)};
    rig_send_bytes(r, s, head, sizeof head);
}

static void a_frame_over_the_limit_of_its_state_is_refused_by_its_head(void **state) {
    struct rig *r = *state;
    static const uint32_t limits[STATES] = {LINK_BODY_MAX_HELLO, LINK_BODY_MAX_HELLO, LINK_BODY_MAX};
    for (int which = IN_HELLO; which < STATES; which++) {
        static const uint32_t over[] = {1, 1 << 20, 0x7FFFFFFF};
        for (size_t i = 0; i < COUNT(over); i++) {
            rig_advance(r, TM_HOUR_US);
            struct session *s = in_state(r, which);
            send_head(r, s, 0x70, limits[which] + over[i]);
            rig_expect_said(r, s, "ERROR too_big fatal");
            session_free(&s);
        }
        rig_advance(r, TM_HOUR_US);
        struct session *s = in_state(r, which);
        static const uint8_t zeros[LINK_BODY_MAX];
        send_head(r, s, 0x70, limits[which]);
        rig_send_bytes(r, s, zeros, limits[which]);
        rig_expect_said(r, s, "");
        assert_int_not_equal(session_state(s), SESSION_CLOSING);
        session_lost(s, "gone", r->now);
        session_free(&s);
    }
}

static void something_else_than_frames_is_refused_by_its_first_byte(void **state) {
    struct rig *r = *state;
    for (int which = IN_HELLO; which < STATES; which++) {
        rig_advance(r, TM_HOUR_US);
        struct session *s = in_state(r, which);
        rig_send_bytes(r, s, "G", 1);
        rig_expect_said(r, s, "ERROR bad_frame fatal");
        session_free(&s);
    }
}

static void reserved_critical_flags_are_refused(void **state) {
    struct rig *r = *state;
    for (unsigned bit = 4; bit < 8; bit++) {
        rig_advance(r, TM_HOUR_US);
        struct session *s = in_state(r, IN_LIVE);
        const uint8_t head[LINK_FRAME_HEAD] = {FRAME_MAGIC, MSG_PING, (uint8_t)(1U << bit)};
        rig_send_bytes(r, s, head, sizeof head);
        rig_expect_said(r, s, "ERROR unsupported fatal");
        session_free(&s);
    }
}

/* --- time --- */

static void tls_that_is_not_done_in_time_ends(void **state) {
    struct rig *r = *state;
    struct session *s = NULL;
    assert_int_equal(session_new(&r->env, "peer", NULL, r->now, &s), OK);
    rig_advance(r, 10 * TM_SECOND_US - 1);
    session_tick(s, r->now);
    assert_int_equal(session_state(s), SESSION_HANDSHAKE);
    rig_advance(r, 1);
    session_tick(s, r->now);
    assert_int_equal(session_state(s), SESSION_CLOSING);
    rig_expect_said(r, s, "");
    session_free(&s);
}

static void hello_and_settling_have_deadlines(void **state) {
    struct rig *r = *state;
    static const struct {
        int which;
        int64_t after_us;
        const char *said;
    } cases[] = {
        {IN_HELLO, 5 * TM_SECOND_US, "ERROR timeout fatal"},
        {IN_SETTLING, 30 * TM_SECOND_US, "ERROR store_down; BYE 4"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct session *s = in_state(r, cases[i].which);
        rig_advance(r, cases[i].after_us - 1);
        session_tick(s, r->now);
        rig_expect_said(r, s, "");
        rig_advance(r, 1);
        session_tick(s, r->now);
        rig_expect_said(r, s, cases[i].said);
        assert_false(session_breached(s));
        session_free(&s);
    }
}

static void a_frame_must_be_complete_in_time_in_every_state(void **state) {
    struct rig *r = *state;
    r->env.limits.link.hello_ms = 100000;
    r->env.limits.settle_ms = 100000;
    r->env.limits.dead_ms = 100000;
    for (int which = IN_HELLO; which < STATES; which++) {
        struct session *s = in_state(r, which);
        send_head(r, s, 0x70, 100);
        for (int i = 0; i < 29; i++) {
            rig_advance(r, TM_SECOND_US);
            rig_send_bytes(r, s, "x", 1); /* dripping does not help */
            session_tick(s, r->now);
            assert_int_not_equal(session_state(s), SESSION_CLOSING);
        }
        (void)rig_take_said(r, s);
        rig_advance(r, TM_SECOND_US);
        session_tick(s, r->now);
        rig_expect_said(r, s, "ERROR timeout fatal");
        session_free(&s);
    }
}

static void each_frame_has_its_own_deadline(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    static const uint8_t end_and_start[100 + LINK_FRAME_HEAD] = {
        [100] = FRAME_MAGIC, [101] = 0x70, [104] = 100};
    send_head(r, s, 0x70, 100);
    for (int i = 0; i < 10; i++) {
        rig_advance(r, 20 * TM_SECOND_US);
        session_tick(s, r->now);
        rig_send_bytes(r, s, end_and_start, sizeof end_and_start);
    }
    assert_int_equal(session_state(s), SESSION_LIVE);
    session_lost(s, "gone", r->now);
    session_free(&s);
}

static void silence_ends_a_session_and_a_ping_is_sent_each_heartbeat(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    session_tick(s, r->now);
    session_tick(s, r->now);
    rig_expect_said(r, s, "PING");
    for (int i = 0; i < 2; i++) {
        rig_advance(r, 10 * TM_SECOND_US - 1);
        session_tick(s, r->now);
        rig_expect_said(r, s, "");
        rig_advance(r, 1);
        session_tick(s, r->now);
        rig_expect_said(r, s, "PING");
    }
    rig_advance(r, 10 * TM_SECOND_US);
    session_tick(s, r->now);
    rig_expect_said(r, s, "ERROR timeout fatal");
    rig_expect_heard(r, "down 0 timeout: nothing was heard for 30000 ms");
    session_free(&s);
}

static void the_time_of_settling_is_not_counted_as_silence(void **state) {
    struct rig *r = *state;
    struct session *s = in_state(r, IN_SETTLING);
    rig_advance(r, 29 * TM_SECOND_US);
    session_tick(s, r->now);
    struct link_settled settled = rig_settled_ok();
    rig_settle(r, &settled);
    rig_advance(r, 29 * TM_SECOND_US);
    session_tick(s, r->now);
    assert_int_equal(session_state(s), SESSION_LIVE);
    session_lost(s, "gone", r->now);
    session_free(&s);
}

static void any_frame_keeps_a_session_alive(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    for (int i = 0; i < 20; i++) {
        rig_advance(r, 29 * TM_SECOND_US);
        rig_send(r, s, 0x70, 0, (struct slice){0});
        session_tick(s, r->now);
    }
    assert_int_equal(session_state(s), SESSION_LIVE);
    session_lost(s, "gone", r->now);
    session_free(&s);
}

static void after_a_day_the_certificate_is_asked_for_again(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    for (int i = 0; i < 24 * 60; i++) {
        session_tick(s, r->now);
        assert_int_equal(session_state(s), SESSION_LIVE);
        rig_advance(r, TM_MINUTE_US);
        rig_send(r, s, 0x70, 0, (struct slice){0});
    }
    (void)rig_take_said(r, s);
    rig_advance(r, 5 * TM_SECOND_US); /* its session number is 5 */
    session_tick(s, r->now);
    rig_expect_said(r, s, "BYE 2");
    session_free(&s);
}

/* The gateway's clock is 2 s ahead; the way there takes 30 ms, the way back 10 ms, in the best probe. */
static void the_clocks_of_both_ends_are_compared(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    static const int64_t ways_us[][2] = {{200000, 10000}, {30000, 10000}, {10000, 500000}};
    for (size_t i = 0; i < COUNT(ways_us); i++) {
        session_tick(s, r->now);
        rig_expect_said(r, s, "PING");
        int64_t t0 = r->now.wall_us;
        int64_t there = t0 + ways_us[i][0] + 2 * TM_SECOND_US;
        struct msg_pong pong = {.id = i + 1, .t0_us = t0, .t1_us = there, .t2_us = there + 5000};
        rig_advance(r, ways_us[i][0] + 5000 + ways_us[i][1]);
        struct buf body;
        buf_init(&body, 100);
        pong_encode(&body, &pong);
        rig_send(r, s, MSG_PONG, 0, buf_slice(&body));
        buf_done(&body);
        rig_advance(r, 10 * TM_SECOND_US);
    }
    assert_int_equal(roster_borrow_status(r->roster, 0)->clock_offset_us, 2 * TM_SECOND_US + 10000);
    session_lost(s, "gone", r->now);
    session_free(&s);
}

static void send_pong(struct rig *r, struct session *s, const struct msg_pong *pong) {
    struct buf body;
    buf_init(&body, 100);
    pong_encode(&body, pong);
    rig_send(r, s, MSG_PONG, 0, buf_slice(&body));
    buf_done(&body);
}

/* What HELLO estimates, how far ahead the PONG shows the clock to be, the delay of that; and what is made of
 * it, by the limit of 60 s. */
static void how_far_ahead_a_clock_may_be_is_what_it_says_or_what_is_measured(void **state) {
    struct rig *r = *state;
    static const struct {
        uint64_t estimate_us;
        int64_t ahead_us;
        int64_t delay_us;
        int64_t error_us;
    } table[] = {
        {0, 0, 0, 0},
        {500, 0, 0, 500},
        {500, 0, 4000, 2000},
        {500, 30 * TM_SECOND_US, 4000, 30 * TM_SECOND_US + 2000},
        {500, -30 * TM_SECOND_US, 4000, 500}, /* behind: its samples are not ahead of their time */
        {20 * TM_SECOND_US, 5 * TM_SECOND_US, 0, 20 * TM_SECOND_US},
        {UINT64_MAX, 0, 0, 60 * TM_SECOND_US},
        {0, TM_DAY_US, 0, 60 * TM_SECOND_US},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct session *s = rig_connect(r, "gw-s1");
        struct msg_hello hello = rig_hello_msg(0);
        hello.clock_error_us = table[i].estimate_us;
        rig_send_hello(r, s, &hello);
        struct link_settled settled = rig_settled_ok();
        rig_settle(r, &settled);
        session_tick(s, r->now);
        int64_t t0 = r->now.wall_us;
        int64_t there = t0 + table[i].delay_us / 2 + table[i].ahead_us;
        rig_advance(r, table[i].delay_us);
        send_pong(r, s, &(struct msg_pong){.id = 1, .t0_us = t0, .t1_us = there, .t2_us = there});
        assert_int_equal(roster_borrow_status(r->roster, 0)->clock_error_us, table[i].error_us);
        rig_send_dict(r, s, 0, 0, 1);
        assert_int_equal(r->clock_error_us, table[i].error_us);
        rig_end(r, s);
        rig_advance(r, TM_HOUR_US);
    }
}

static void before_a_pong_the_estimate_counts(void **state) {
    struct rig *r = *state;
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(0);
    hello.clock_error_us = 7;
    rig_send_hello(r, s, &hello);
    struct link_settled settled = rig_settled_ok();
    rig_settle(r, &settled);
    assert_int_equal(roster_borrow_status(r->roster, 0)->clock_error_us, 7);
    rig_end(r, s);
}

static void a_pong_with_mad_times_measures_nothing(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    session_tick(s, r->now);
    static const int64_t mad[][2] = {{INT64_MIN, INT64_MAX},
                                     {INT64_MAX, INT64_MIN},
                                     {INT64_MIN, INT64_MIN},
                                     {INT64_MAX, INT64_MAX},
                                     {1000, 0}};
    for (size_t i = 0; i < COUNT(mad); i++) {
        struct msg_pong pong = {.id = 1, .t0_us = r->now.wall_us, .t1_us = mad[i][0], .t2_us = mad[i][1]};
        struct buf body;
        buf_init(&body, 100);
        pong_encode(&body, &pong);
        rig_send(r, s, MSG_PONG, 0, buf_slice(&body));
        buf_done(&body);
    }
    assert_int_equal(roster_borrow_status(r->roster, 0)->clock_offset_us, 0);
    assert_int_equal(session_state(s), SESSION_LIVE);
    session_lost(s, "gone", r->now);
    session_free(&s);
}

/* --- whatever comes --- */

/* Good frames with random bytes changed, cut short, made longer, in random pieces: nothing but an orderly end
 * or an orderly life may come of it. Oracle beyond that: the host is never handed a sample of a tag that is
 * not this gateway's (rig_on_record), and the sanitizers. */
static void random_and_broken_bytes_do_no_harm_in_any_state(void **state) {
    struct rig *r = *state;
    const char *text = getenv("SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 3;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct rand rand;
    rand_seed(&rand, seed);
    uint32_t alive = 0;
    enum { ROUNDS = 6000 };
    for (int round = 0; round < ROUNDS; round++) {
        rig_advance(r, TM_HOUR_US);
        struct session *s = in_state(r, (int)rand_below(&rand, STATES));
        for (int f = 0; f < 4 && session_room(s) > 0; f++) {
            struct buf body;
            struct buf out;
            buf_init(&out, LINK_BODY_MAX + LINK_FRAME_HEAD);
            const struct row *row = &rows[rand_below(&rand, COUNT(rows))];
            good_body(row, &body);
            frame_append(&out, row->type, row->flags, buf_slice(&body));
            uint64_t changes = rand_below(&rand, 4);
            for (uint64_t i = 0; i < changes; i++) {
                out.p[rand_below(&rand, out.n)] = (uint8_t)rand_u64(&rand);
            }
            size_t cut = rand_below(&rand, 4) == 0 ? rand_below(&rand, out.n) : 0;
            for (size_t at = 0; at < out.n - cut;) {
                size_t part = 1 + rand_below(&rand, out.n - cut - at);
                rig_send_bytes(r, s, out.p + at, part);
                at += part;
            }
            buf_done(&body);
            buf_done(&out);
        }
        (void)rig_take_said(r, s);
        r->heard[0] = '\0';
        alive += session_state(s) != SESSION_CLOSING ? 1 : 0;
        session_lost(s, "gone", r->now);
        session_free(&s);
    }
    assert_in_range(alive, ROUNDS / 50, ROUNDS); /* some of the bytes must have meant something */
}

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_RIG(hello_then_settle_then_welcome),
        IN_RIG(welcome_names_what_is_committed),
        IN_RIG(welcome_fits_a_small_frame_however_much_is_committed),
        IN_RIG(bytes_may_come_one_at_a_time),
        IN_RIG(who_may_not_come_in_is_told_why),
        IN_RIG(a_disabled_gateway_is_refused_and_its_status_says_so),
        IN_RIG(before_the_first_model_all_are_asked_to_come_again),
        IN_RIG(the_answer_of_the_database_decides),
        IN_RIG(an_answer_for_another_gateway_lets_nobody_in),
        IN_RIG(a_journal_that_was_set_back_is_noticed),
        IN_RIG(a_journal_that_was_set_back_is_noticed_behind_many_holes),
        IN_RIG(every_frame_is_answered_in_every_state),
        IN_RIG(a_fatal_error_of_the_gateway_ends_the_session),
        IN_RIG(nothing_is_heard_after_the_end),
        IN_RIG(a_frame_over_the_limit_of_its_state_is_refused_by_its_head),
        IN_RIG(something_else_than_frames_is_refused_by_its_first_byte),
        IN_RIG(reserved_critical_flags_are_refused),
        IN_RIG(tls_that_is_not_done_in_time_ends),
        IN_RIG(hello_and_settling_have_deadlines),
        IN_RIG(a_frame_must_be_complete_in_time_in_every_state),
        IN_RIG(each_frame_has_its_own_deadline),
        IN_RIG(silence_ends_a_session_and_a_ping_is_sent_each_heartbeat),
        IN_RIG(the_time_of_settling_is_not_counted_as_silence),
        IN_RIG(any_frame_keeps_a_session_alive),
        IN_RIG(after_a_day_the_certificate_is_asked_for_again),
        IN_RIG(the_clocks_of_both_ends_are_compared),
        IN_RIG(how_far_ahead_a_clock_may_be_is_what_it_says_or_what_is_measured),
        IN_RIG(before_a_pong_the_estimate_counts),
        IN_RIG(a_pong_with_mad_times_measures_nothing),
        IN_RIG(random_and_broken_bytes_do_no_harm_in_any_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
