/* Covers: session_enrol.c, roster.c, certify.c */
#include "server/base/tm.h"
#include "server/link/session.h"
#include "tests/unit/link/rig.h"

static const uint8_t fingerprint[IDENTITY_HASH_SIZE] = {1, 2, 3};
static const uint8_t other[IDENTITY_HASH_SIZE] = {9};
static const uint8_t secret[ENROL_SECRET_SIZE] = {7};

/* What was asked of the owner last. */
static struct {
    uint32_t n;
    enum identity_why why;
    char name[64];
    size_t secret_n;
    size_t request_n;
} asked;

static void on_certify(void *ctx, struct session *s, enum identity_why why, const struct msg_enrol *ask,
                       struct link_now now) {
    (void)ctx;
    (void)s;
    (void)now;
    asked.n++;
    asked.why = why;
    (void)snprintf(asked.name, sizeof asked.name, "%.*s", SLICE_ARG(ask->name));
    asked.secret_n = ask->secret.n;
    asked.request_n = ask->request.n;
}

static int set_up(void **state) {
    (void)rig_set_up(state);
    struct rig *r = *state;
    r->env.owner.certify = on_certify;
    asked.n = 0;
    return 0;
}

/* A connection that speaks penstock-enrol/1; days: until the certificate that was shown ends. */
static struct session *enrolling(struct rig *r, const char *gateway, int days) {
    struct session *s = NULL;
    assert_int_equal(session_new(&r->env, "192.0.2.1:4000", NULL, r->now, &s), OK);
    if (gateway[0] != '\0') {
        session_set_certificate(s, fingerprint, r->now.wall_us + days * TM_DAY_US, "2A");
    }
    session_open_enrolment(s, gateway, r->now);
    return s;
}

static void send_enrol(struct rig *r, struct session *s, size_t request_n) {
    static uint8_t request[ENROL_REQUEST_MAX];
    struct buf body;
    buf_init(&body, LINK_BODY_MAX);
    const struct msg_enrol m = {.name = slice_str("gw-s1"),
                                .secret = slice_of(secret, sizeof secret),
                                .request = slice_of(request, request_n)};
    enrol_encode(&body, &m);
    rig_send(r, s, MSG_ENROL, 0, buf_slice(&body));
    buf_done(&body);
}

static void send_request(struct rig *r, struct session *s) {
    struct buf body;
    buf_init(&body, LINK_BODY_MAX);
    cert_request_encode(&body, &(struct msg_cert_request){.request = slice_str("DER")});
    rig_send(r, s, MSG_CERT_REQUEST, 0, buf_slice(&body));
    buf_done(&body);
}

/* The text of the CERT_ISSUED that waits to be sent; "+" if a certificate came. */
static const char *answer(struct rig *r, struct session *s) {
    static char text[LINK_TEXT_MAX + 2];
    struct buf *out = session_out(s);
    struct frame f;
    size_t need = 0;
    (void)r;
    text[0] = '\0';
    for (size_t at = 0; at < out->n; at += need) {
        assert_int_equal(frame_parse(out->p + at, out->n - at, LINK_BODY_MAX, &f, &need, NULL), FRAME_OK);
        struct msg_cert_issued m;
        if (f.type == MSG_CERT_ISSUED) {
            assert_int_equal(cert_issued_decode(f.body, &m, NULL), OK);
            (void)snprintf(text, sizeof text, "%s%.*s", m.status == CERT_ISSUED ? "+" : "",
                           SLICE_ARG(m.text));
        }
    }
    buf_clear(out);
    return text;
}

static bool offered(struct rig *r, struct session *s) {
    return strstr(rig_take_said(r, s), "CERT_OFFER") != NULL;
}

static void end(struct session *s, struct rig *r) {
    session_lost(s, "gone", r->now);
    session_free(&s);
}

static void a_token_is_handed_on_and_the_answer_ends_the_connection(void **state) {
    struct rig *r = *state;
    struct session *s = enrolling(r, "", 0);
    send_enrol(r, s, 300);
    assert_int_equal(asked.n, 1);
    assert_int_equal(asked.why, IDENTITY_ENROL);
    assert_string_equal(asked.name, "gw-s1");
    assert_int_equal(asked.secret_n, ENROL_SECRET_SIZE);
    assert_int_equal(asked.request_n, 300);
    assert_int_equal(session_state(s), SESSION_ENROLLING);
    session_certified(s, &(struct msg_cert_issued){.status = CERT_ISSUED, .chain = slice_str("PEM")}, r->now);
    assert_string_equal(answer(r, s), "+");
    assert_int_equal(session_state(s), SESSION_CLOSING);
    rig_expect_heard(r, ""); /* to the host nobody was there */
    end(s, r);
}

static void a_refusal_says_why_and_is_told_to_the_audit(void **state) {
    struct rig *r = *state;
    struct session *s = enrolling(r, "", 0);
    send_enrol(r, s, 300);
    session_certified(s, &(struct msg_cert_issued){.status = CERT_REFUSED, .text = slice_str("used before")},
                      r->now);
    assert_string_equal(answer(r, s), "used before");
    rig_expect_heard(r, "!link.certificate_refused");
    assert_false(session_breached(s));
    end(s, r);
}

static void nothing_else_can_be_done_there(void **state) {
    struct rig *r = *state;
    static const uint8_t types[] = {MSG_HELLO, MSG_PING, MSG_DATA, MSG_WELCOME, MSG_CFG_GET, MSG_CMD_ACK};
    for (size_t i = 0; i < COUNT(types); i++) {
        struct session *s = enrolling(r, "gw-s1", -1);
        rig_send(r, s, types[i], types[i] == MSG_DATA ? FRAME_JOURNALED : 0, slice_str("x"));
        assert_int_equal(session_state(s), SESSION_CLOSING);
        assert_int_equal(asked.n, 0);
        end(s, r);
    }
}

static void a_second_request_before_the_answer_is_refused(void **state) {
    struct rig *r = *state;
    struct session *s = enrolling(r, "", 0);
    send_enrol(r, s, 300);
    send_enrol(r, s, 300);
    assert_int_equal(asked.n, 1);
    assert_string_equal(answer(r, s), "one request at a time");
    end(s, r);
}

static void a_connection_that_asks_for_nothing_ends(void **state) {
    struct rig *r = *state;
    struct session *s = enrolling(r, "", 0);
    r->now.mono_us += r->env.limits.link.hello_ms * INT64_C(1000);
    session_tick(s, r->now);
    assert_int_equal(session_state(s), SESSION_CLOSING);
    end(s, r);
}

static void without_an_authority_the_answer_is_no(void **state) {
    struct rig *r = *state;
    r->env.owner.certify = NULL;
    struct session *s = enrolling(r, "", 0);
    send_enrol(r, s, 300);
    assert_string_equal(answer(r, s), "this server issues no certificates");
    end(s, r);
}

static void an_expired_certificate_asks_for_a_window_and_one_that_is_good_does_not(void **state) {
    struct rig *r = *state;
    struct session *s = enrolling(r, "gw-s1", -3);
    send_request(r, s);
    assert_int_equal(asked.n, 1);
    assert_int_equal(asked.why, IDENTITY_WINDOW);
    assert_string_equal(asked.name, "gw-s1");
    end(s, r);
    s = enrolling(r, "gw-s1", 3);
    send_request(r, s);
    assert_string_equal(answer(r, s), "the certificate has not expired: it is renewed over the link");
    end(s, r);
    s = enrolling(r, "", 0);
    send_request(r, s);
    assert_non_null(strstr(answer(r, s), "nothing to renew"));
    end(s, r);
    assert_int_equal(asked.n, 1);
}

/* A live session whose certificate ends in so many days; takes: bytes in a frame. */
static struct session *live_that_takes(struct rig *r, int days, uint64_t caps, uint32_t takes) {
    struct session *s = NULL;
    assert_int_equal(session_new(&r->env, "192.0.2.1:4000", NULL, r->now, &s), OK);
    session_set_certificate(s, fingerprint, r->now.wall_us + days * TM_DAY_US, "2A");
    session_open(s, "gw-s1", r->now);
    struct msg_hello hello = rig_hello_msg(0);
    hello.caps = caps;
    hello.max_rx_frame = takes;
    rig_send_hello(r, s, &hello);
    struct link_settled settled = rig_settled_ok();
    rig_settle(r, &settled);
    assert_int_equal(session_state(s), SESSION_LIVE);
    return s;
}

static struct session *live(struct rig *r, int days, uint64_t caps) {
    return live_that_takes(r, days, caps, LINK_BODY_MAX);
}

static void a_live_session_that_asks_again_is_refused_until_the_answer(void **state) {
    struct rig *r = *state;
    struct session *s = live(r, 29, 0);
    (void)rig_take_said(r, s);
    for (int i = 0; i < 3; i++) {
        send_request(r, s);
        assert_string_equal(answer(r, s), i == 0 ? "" : "one request at a time");
    }
    assert_int_equal(asked.n, 1);
    session_certified(s, &(struct msg_cert_issued){.status = CERT_ISSUED, .chain = slice_str("PEM")}, r->now);
    assert_string_equal(answer(r, s), "+");
    send_request(r, s);
    assert_int_equal(asked.n, 2);
    end(s, r);
}

static void renewal_is_offered_in_the_last_30_days_once_and_to_those_that_can(void **state) {
    struct rig *r = *state;
    static const struct {
        int days;
        uint64_t caps;
        bool offered;
    } table[] = {{31, LINK_CAP_RENEWAL, false},
                 {30, LINK_CAP_RENEWAL, true},
                 {1, LINK_CAP_RENEWAL, true},
                 {1, 0, false}};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct session *s = live(r, table[i].days, table[i].caps);
        session_tick(s, r->now);
        assert_int_equal(offered(r, s), table[i].offered);
        r->now.mono_us += r->env.limits.heartbeat_ms * INT64_C(1000);
        session_tick(s, r->now);
        assert_false(offered(r, s));
        end(s, r);
        r->now.mono_us += 10 * TM_MINUTE_US;
    }
}

static void a_live_session_renews_when_it_is_due_and_goes_on(void **state) {
    struct rig *r = *state;
    struct session *s = live(r, 31, LINK_CAP_RENEWAL);
    (void)rig_take_said(r, s);
    send_request(r, s);
    assert_string_equal(answer(r, s), "too early: a certificate is renewed in its last 30 days");
    end(s, r);
    r->now.mono_us += 10 * TM_MINUTE_US;
    s = live(r, 29, LINK_CAP_RENEWAL);
    (void)rig_take_said(r, s);
    send_request(r, s);
    assert_int_equal(asked.n, 1);
    assert_int_equal(asked.why, IDENTITY_RENEW);
    session_certified(s, &(struct msg_cert_issued){.status = CERT_ISSUED, .chain = slice_str("PEM")}, r->now);
    assert_string_equal(answer(r, s), "+");
    assert_int_equal(session_state(s), SESSION_LIVE);
    send_enrol(r, s, 10);
    assert_int_equal(session_state(s), SESSION_CLOSING);
    end(s, r);
}

static void a_chain_that_the_gateway_cannot_take_is_told_instead_of_sent(void **state) {
    struct rig *r = *state;
    static char chain[LINK_CERT_CHAIN_MAX];
    memset(chain, 'x', sizeof chain);
    static const struct {
        uint32_t takes;
        size_t chain_n;
        const char *answer;
    } table[] = {
        {LINK_BODY_MAX_HELLO, 3500, "+"},
        {LINK_BODY_MAX_HELLO, 4000, "too many for a gateway that takes frames of 4096"},
        {LINK_BODY_MAX_HELLO, LINK_CERT_CHAIN_MAX, "has 16384 bytes"},
        {LINK_CERT_CHAIN_MAX, LINK_CERT_CHAIN_MAX, "has 16384 bytes"},
        {20000, LINK_CERT_CHAIN_MAX, "+"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct session *s = live_that_takes(r, 29, 0, table[i].takes);
        (void)rig_take_said(r, s);
        send_request(r, s);
        const struct msg_cert_issued issued = {.status = CERT_ISSUED,
                                               .chain = slice_of(chain, table[i].chain_n)};
        session_certified(s, &issued, r->now);
        assert_true(session_out(s)->n <= LINK_FRAME_HEAD + table[i].takes);
        assert_non_null(strstr(answer(r, s), table[i].answer));
        assert_int_equal(session_state(s), SESSION_LIVE);
        end(s, r);
        r->now.mono_us += 10 * TM_MINUTE_US;
    }
    struct session *s = enrolling(r, "", 0); /* says no HELLO, and takes any */
    send_enrol(r, s, 300);
    session_certified(
        s, &(struct msg_cert_issued){.status = CERT_ISSUED, .chain = slice_of(chain, sizeof chain)}, r->now);
    assert_string_equal(answer(r, s), "+");
    end(s, r);
}

static void a_revoked_certificate_is_refused_at_hello_and_ends_its_session(void **state) {
    struct rig *r = *state;
    struct session *s = live(r, 31, 0);
    (void)rig_take_said(r, s);
    r->env.revoked = other;
    r->env.n_revoked = 1;
    roster_end_revoked(r->roster, r->now);
    assert_int_equal(session_state(s), SESSION_LIVE);
    r->env.revoked = fingerprint;
    roster_end_revoked(r->roster, r->now);
    assert_int_equal(session_state(s), SESSION_CLOSING);
    assert_non_null(strstr(rig_take_said(r, s), "BYE"));
    end(s, r);
    r->now.mono_us += 10 * TM_MINUTE_US;
    r->heard[0] = '\0';
    assert_int_equal(session_new(&r->env, "192.0.2.1:4000", NULL, r->now, &s), OK);
    session_set_certificate(s, fingerprint, r->now.wall_us + TM_DAY_US, "2A");
    session_open(s, "gw-s1", r->now);
    struct msg_hello hello = rig_hello_msg(0);
    rig_send_hello(r, s, &hello);
    rig_expect_heard(r, "!link.refused");
    assert_int_equal(session_state(s), SESSION_CLOSING);
    end(s, r);
}

static void an_answer_to_somebody_who_has_gone_does_no_harm(void **state) {
    struct rig *r = *state;
    struct session *s = enrolling(r, "", 0);
    send_enrol(r, s, 300);
    session_lost(s, "gone", r->now);
    session_certified(s, &(struct msg_cert_issued){.status = CERT_ISSUED, .chain = slice_str("PEM")}, r->now);
    assert_int_equal(session_out(s)->n, 0);
    session_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_token_is_handed_on_and_the_answer_ends_the_connection, set_up,
                                        rig_tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_says_why_and_is_told_to_the_audit, set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(nothing_else_can_be_done_there, set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(a_second_request_before_the_answer_is_refused, set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(a_connection_that_asks_for_nothing_ends, set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(without_an_authority_the_answer_is_no, set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(
            an_expired_certificate_asks_for_a_window_and_one_that_is_good_does_not, set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(renewal_is_offered_in_the_last_30_days_once_and_to_those_that_can,
                                        set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(a_live_session_that_asks_again_is_refused_until_the_answer, set_up,
                                        rig_tear_down),
        cmocka_unit_test_setup_teardown(a_live_session_renews_when_it_is_due_and_goes_on, set_up,
                                        rig_tear_down),
        cmocka_unit_test_setup_teardown(a_chain_that_the_gateway_cannot_take_is_told_instead_of_sent, set_up,
                                        rig_tear_down),
        cmocka_unit_test_setup_teardown(a_revoked_certificate_is_refused_at_hello_and_ends_its_session,
                                        set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(an_answer_to_somebody_who_has_gone_does_no_harm, set_up,
                                        rig_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
