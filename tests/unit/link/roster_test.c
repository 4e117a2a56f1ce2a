#include "server/link/roster.h"
#include "tests/unit/link/rig.h"

static struct session *say_hello(struct rig *r) {
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(0);
    rig_send_hello(r, s, &hello);
    return s;
}

static void settle_ok(struct rig *r) {
    struct link_settled settled = rig_settled_ok();
    rig_settle(r, &settled);
}

/* --- the newest wins --- */

static void a_newer_connection_replaces_the_old_one_once_it_has_settled(void **state) {
    struct rig *r = *state;
    struct session *old = rig_live(r);
    rig_send_dict(r, old, 0, 0, 1);
    r->heard[0] = '\0';
    struct session *new = say_hello(r);
    rig_expect_heard(r, "settle gw-s1");
    assert_int_equal(session_room(old), 0); /* or settling would never come to an end */
    assert_int_equal(session_state(old), SESSION_LIVE);
    rig_expect_said(r, old, "");
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 0); /* what settling waits for */
    rig_expect_said(r, old, "ACK 0: 0-1");
    settle_ok(r);
    rig_expect_said(r, old, "BYE 3");
    rig_expect_said(r, new, "WELCOME");
    rig_expect_heard(r, "down 0 replaced by a newer connection; up 0");
    assert_true(roster_borrow_status(r->roster, 0)->up);
    rig_end(r, old);
    rig_expect_heard(r, "");
    assert_true(roster_borrow_status(r->roster, 0)->up);
    rig_end(r, new);
    rig_expect_heard(r, "down 0 gone");
}

static void the_old_one_goes_on_when_the_newer_one_fails(void **state) {
    struct rig *r = *state;
    struct session *old = rig_live(r);
    struct buf out;
    buf_init(&out, 1000);
    struct buf body;
    struct link_sample v = rig_level(1);
    rig_data_body(&body, true, 0, 5, 1, &v, 1);
    frame_append(&out, MSG_DATA, FRAME_JOURNALED, buf_slice(&body));
    rig_send_bytes(r, old, out.p, 10); /* half a frame is there already */
    struct session *new = say_hello(r);
    r->heard[0] = '\0';
    rig_advance(r, TM_MINUTE_US); /* longer than any deadline of the old one */
    session_tick(old, r->now);
    (void)rig_take_said(r, old);
    rig_end(r, new);
    rig_expect_heard(r, "");
    session_tick(old, r->now);
    assert_int_equal(session_state(old), SESSION_LIVE);
    rig_send_bytes(r, old, out.p + 10, out.n - 10);
    rig_expect_heard(r, "DATA 700/5; fault unknown_dict; !link.quarantined");
    buf_done(&out);
    buf_done(&body);
    rig_end(r, old);
}

static void the_old_one_goes_on_when_the_database_says_no_to_the_newer_one(void **state) {
    struct rig *r = *state;
    struct session *old = rig_live(r);
    struct session *new = say_hello(r);
    struct link_settled settled = {.status = ERR_UNAVAILABLE};
    (void)error_set(&settled.error, ERR_UNAVAILABLE, "database", "away");
    rig_settle(r, &settled);
    rig_expect_said(r, new, "ERROR store_down; BYE 4");
    rig_expect_said(r, old, "");
    assert_true(session_room(old) > 0);
    rig_end(r, new);
    rig_end(r, old);
}

static void of_three_only_the_newest_stays(void **state) {
    struct rig *r = *state;
    struct session *a = rig_live(r);
    struct session *b = say_hello(r);
    uint64_t token_b = r->token;
    struct session *c = say_hello(r);
    rig_expect_said(r, b, "BYE 3");
    struct link_settled settled = rig_settled_ok();
    roster_settled(r->roster, token_b, &settled, r->now); /* too late for b */
    rig_expect_said(r, c, "");
    settle_ok(r);
    rig_expect_said(r, c, "WELCOME");
    rig_expect_said(r, a, "BYE 3");
    rig_end(r, a);
    rig_end(r, b);
    rig_end(r, c);
}

static void an_answer_nobody_waits_for_is_ignored(void **state) {
    struct rig *r = *state;
    struct session *s = say_hello(r);
    rig_end(r, s);
    settle_ok(r);
    struct link_settled settled = rig_settled_ok();
    roster_settled(r->roster, 4711, &settled, r->now);
    rig_expect_heard(r, "settle gw-s1");
}

static void two_that_fight_for_one_identity_do_not_take_turns_for_ever(void **state) {
    struct rig *r = *state;
    struct session *current = rig_live(r);
    for (int i = 0; i < 3; i++) {
        struct session *new = say_hello(r);
        settle_ok(r);
        rig_end(r, current);
        current = new;
    }
    r->heard[0] = '\0';
    (void)rig_take_said(r, current);
    struct session *late = say_hello(r);
    rig_expect_said(r, late, "BYE 4");
    rig_expect_heard(r, "!link.duplicate_identity; duplicate 0");
    assert_non_null(strstr(r->duplicate, "came again while"));
    assert_non_null(strstr(r->duplicate, session_peer(late)));
    struct link_trouble trouble = roster_trouble(r->roster, 0, r->now);
    assert_int_equal(trouble.duplicate_until_us, r->now.wall_us + 5 * TM_MINUTE_US);
    assert_non_null(strstr(trouble.duplicate_why, "same certificate"));
    rig_expect_said(r, current, "");
    assert_true(session_room(current) > 0);
    rig_end(r, late);
    rig_expect_heard(r, "");
    rig_end(r, current); /* when the one that was kept is gone, the other gets in */
    late = say_hello(r);
    assert_int_equal(session_state(late), SESSION_SETTLING);
    rig_end(r, late);
}

static void who_comes_too_often_is_told_when_to_come_again(void **state) {
    struct rig *r = *state;
    r->env.limits.link.sessions_per_min = 3;
    for (int i = 0; i < 3; i++) {
        rig_end(r, rig_live(r));
    }
    r->heard[0] = '\0';
    struct session *s = say_hello(r);
    rig_expect_said(r, s, "BYE 4");
    rig_expect_heard(r, "!link.too_many_sessions");
    assert_non_null(strstr(roster_borrow_status(r->roster, 0)->fault, "more than 3 sessions a minute"));
    rig_end(r, s);
    s = say_hello(r);
    rig_expect_heard(r, ""); /* told once */
    rig_end(r, s);
    rig_advance(r, 20 * TM_SECOND_US);
    rig_end(r, rig_live(r));
}

static uint32_t count_told(const struct rig *r) {
    uint32_t n = 0;
    for (const char *at = r->heard; (at = strchr(at, '!')) != NULL; at++) {
        n++;
    }
    return n;
}

static void what_is_told_of_a_gateway_is_counted_across_its_sessions(void **state) {
    struct rig *r = *state;
    uint32_t events = 0;
    uint32_t incidents = 0;
    for (int i = 0; i < 5; i++) {
        struct session *s = rig_live(r);
        for (uint64_t seq = 0; seq < 50; seq++) {
            rig_send_event(r, s, seq, &(struct msg_event){.code = EVENT_DEVICE_DOWN, .t_us = 1});
            roster_committed(r->roster, RIG_KEY, RIG_EPOCH, seq);
        }
        events += count_told(r);
        r->heard[0] = '\0';
        for (uint64_t seq = 50; seq < 60; seq++) {
            rig_send_data(r, s, FRAME_JOURNALED, 0, seq, 9);
            roster_committed(r->roster, RIG_KEY, RIG_EPOCH, seq);
        }
        incidents += count_told(r);
        rig_end(r, s);
    }
    assert_int_equal(events, 100);
    assert_int_equal(incidents, 20);
}

static void those_whom_nobody_knows_share_what_is_told_of_them(void **state) {
    struct rig *r = *state;
    for (int i = 0; i < 50; i++) {
        struct session *s = rig_connect(r, "gw-nobody");
        struct msg_hello hello = rig_hello_msg(0);
        hello.gateway = slice_str("gw-nobody");
        rig_send_hello(r, s, &hello);
        rig_expect_said(r, s, "ERROR not_allowed fatal");
        rig_end(r, s);
    }
    assert_int_equal(count_told(r), 20);
    struct session *s = rig_live(r); /* and take nothing from those who are known */
    rig_send_data(r, s, FRAME_JOURNALED, 0, 0, 9);
    rig_expect_heard(r, "DATA 700/0; fault unknown_dict; !link.quarantined");
    rig_end(r, s);
}

/* --- one certificate, several gateways --- */

/* The certificate of gw-s2, HELLO of gw-s1. */
static struct session *bridge_hello(struct rig *r) {
    struct session *s = rig_connect(r, "gw-s2");
    struct msg_hello hello = rig_hello_msg(0);
    rig_send_hello(r, s, &hello);
    return s;
}

static void a_certificate_speaks_for_another_gateway_only_where_that_one_says_so(void **state) {
    struct rig *r = *state;
    struct session *s = bridge_hello(r);
    rig_expect_said(r, s, "ERROR identity fatal");
    assert_string_equal(session_reason(s),
                        "identity: HELLO says \"gw-s1\", the certificate is of \"gw-s2\", and "
                        "the configuration of \"gw-s1\" does not name that in certificate_of");
    rig_end(r, s);
    rig_set_model(r, rig_bridge_model(true, false, 0)); /* a bridge that is switched off */
    s = bridge_hello(r);
    rig_expect_said(r, s, "ERROR identity fatal");
    rig_end(r, s);
    rig_set_model(r, rig_bridge_model(true, true, 0));
    r->heard[0] = '\0';
    s = bridge_hello(r);
    settle_ok(r);
    rig_expect_said(r, s, "WELCOME");
    rig_expect_heard(r, "settle gw-s1; up 0");
    struct session *own = say_hello(r); /* its own certificate is as good, and replaces it */
    settle_ok(r);
    rig_expect_said(r, own, "WELCOME");
    rig_expect_said(r, s, "BYE 3");
    rig_end(r, s);
    rig_end(r, own);
}

static void a_bridge_has_a_session_for_each_of_its_gateways(void **state) {
    struct rig *r = *state;
    rig_set_model(r, rig_bridge_model(true, true, 0));
    struct session *a = bridge_hello(r);
    settle_ok(r);
    struct session *b = rig_connect(r, "gw-s2");
    struct msg_hello hello = rig_hello_msg(0);
    hello.gateway = slice_str("gw-s2");
    rig_send_hello(r, b, &hello);
    struct link_settled settled = rig_settled_ok();
    settled.gateway_key = RIG_KEY + 1;
    rig_settle(r, &settled);
    assert_int_equal(session_state(a), SESSION_LIVE);
    assert_int_equal(session_state(b), SESSION_LIVE);
    rig_end(r, a);
    rig_end(r, b);
}

static void who_may_not_speak_any_more_is_ended_at_once(void **state) {
    struct rig *r = *state;
    for (int i = 0; i < 2; i++) {
        rig_set_model(r, rig_bridge_model(true, true, 0));
        struct session *s = bridge_hello(r);
        settle_ok(r);
        (void)rig_take_said(r, s);
        rig_set_model(r, rig_bridge_model(i == 0, i != 0, 0)); /* switched off; not named any more */
        assert_non_null(strstr(rig_take_said(r, s), "BYE 6"));
        rig_end(r, s);
    }
}

static void a_gateway_may_have_fewer_tags_than_the_link_allows(void **state) {
    struct rig *r = *state;
    rig_set_model(r, rig_bridge_model(false, true, 4));
    struct session *s = rig_live(r);
    rig_send_dict(r, s, 0, 0, 1); /* has five */
    rig_expect_heard(r, "DICT 700/0; fault quota; !link.quarantined");
    assert_non_null(strstr(r->detail, "more than 4 tags in a dictionary (tags_max of the gateway)"));
    rig_set_model(r, rig_bridge_model(false, true, 5));
    rig_send_dict(r, s, 0, 1, 2);
    rig_expect_heard(r, "DICT 700/1");
    rig_end(r, s);
}

/* --- breaches --- */

static void a_suspended_gateway_that_is_released_gets_in_at_once(void **state) {
    struct rig *r = *state;
    for (uint32_t i = 0; i < r->env.limits.link.breaches; i++) {
        struct session *s = rig_connect(r, "gw-s1");
        rig_send_bytes(r, s, "GET / HTTP/1.1", 14);
        rig_end(r, s);
    }
    assert_int_not_equal(roster_trouble(r->roster, 0, r->now).suspended_until_us, 0);
    assert_true(roster_release(r->roster, 0));
    assert_false(roster_release(r->roster, 99));
    assert_int_equal(roster_trouble(r->roster, 0, r->now).suspended_until_us, 0);
    struct session *s = say_hello(r);
    assert_int_equal(session_state(s), SESSION_SETTLING);
    rig_end(r, s);
}

static void ten_breaches_suspend_a_gateway_and_not_its_neighbour(void **state) {
    struct rig *r = *state;
    for (int i = 0; i < (int)r->env.limits.link.breaches; i++) {
        struct session *s = rig_connect(r, "gw-s1");
        rig_send_bytes(r, s, "GET / HTTP/1.1", 14); /* before HELLO: the certificate says who it is */
        rig_end(r, s);
    }
    assert_non_null(strstr(r->heard, "!link.suspended"));
    r->heard[0] = '\0';
    struct session *s = say_hello(r);
    rig_expect_said(r, s, "ERROR suspended fatal");
    assert_non_null(strstr(roster_borrow_status(r->roster, 0)->fault, "suspended"));
    struct link_trouble trouble = roster_trouble(r->roster, 0, r->now);
    assert_int_equal(trouble.suspended_until_us, r->now.wall_us + TM_MINUTE_US);
    assert_non_null(strstr(trouble.suspended_why, "bad_frame"));
    assert_int_equal(roster_trouble(r->roster, 1, r->now).suspended_until_us, 0);
    assert_int_equal(roster_trouble(r->roster, 99, r->now).suspended_until_us, 0);
    rig_end(r, s);
    struct session *neighbour = rig_connect(r, "gw-s2");
    struct msg_hello hello = rig_hello_msg(0);
    hello.gateway = slice_str("gw-s2");
    rig_send_hello(r, neighbour, &hello);
    rig_expect_heard(r, "settle gw-s2");
    rig_end(r, neighbour);
    rig_advance(r, TM_MINUTE_US);
    s = say_hello(r);
    rig_expect_heard(r, "settle gw-s1");
    rig_end(r, s);
}

static void poison_records_are_no_breaches(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    for (uint64_t seq = 0; seq < 50; seq++) {
        rig_send_data(r, s, FRAME_JOURNALED, 0, seq, 9);
    }
    rig_end(r, s);
    s = say_hello(r);
    assert_int_equal(session_state(s), SESSION_SETTLING);
    rig_end(r, s);
}

/* --- configuration --- */

static void disabling_a_gateway_ends_its_session(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    struct session *newcomer = say_hello(r);
    r->heard[0] = '\0';
    rig_set_model(r, rig_model(2, true));
    rig_expect_heard(r, "down 0 the gateway was disabled");
    assert_non_null(strstr(rig_take_said(r, s), "BYE 6"));
    rig_expect_said(r, newcomer, "BYE 6");
    assert_non_null(strstr(roster_borrow_status(r->roster, 0)->fault, "disabled"));
    rig_end(r, s);
    rig_end(r, newcomer);
}

static void removing_a_gateway_ends_its_session_and_forgets_it(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    rig_set_model(r, rig_model(1, false));
    rig_expect_said(r, s, "BYE 6");
    rig_expect_heard(r, ""); /* there is no index left to say it with */
    assert_null(roster_borrow_status(r->roster, 1));
    assert_false(roster_borrow_status(r->roster, 0)->up);
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 0);
    rig_end(r, s);
}

static void sessions_stay_when_their_gateways_move_within_the_model(void **state) {
    struct rig *r = *state;
    struct session *s = rig_connect(r, "gw-s2");
    struct msg_hello hello = rig_hello_msg(0);
    hello.gateway = slice_str("gw-s2");
    rig_send_hello(r, s, &hello);
    struct link_settled settled = rig_settled_ok();
    settled.gateway_key = RIG_KEY + 1;
    rig_settle(r, &settled);
    rig_expect_heard(r, "settle gw-s2; up 1");
    rig_set_model(r, rig_model(1, false)); /* gw-s1 leaves, gw-s2 becomes the first */
    assert_int_equal(session_state(s), SESSION_LIVE);
    assert_true(roster_borrow_status(r->roster, 0)->up);
    struct buf body;
    buf_init(&body, 100);
    rig_event_body(&body, &(struct msg_prefix){.seq = 0}, "pump", 0);
    r->gateway = MODEL_NONE;
    rig_send(r, s, MSG_EVENT, FRAME_JOURNALED, buf_slice(&body));
    buf_done(&body);
    assert_int_equal(r->gateway, 0);
    (void)rig_take_said(r, s);
    roster_committed(r->roster, RIG_KEY + 1, RIG_EPOCH, 0);
    rig_expect_said(r, s, "ACK 0: 0-1");
    r->heard[0] = '\0';
    rig_end(r, s);
    rig_expect_heard(r, "down 0 gone");
}

static void a_gateway_that_waits_for_the_database_survives_a_new_configuration(void **state) {
    struct rig *r = *state;
    struct session *s = say_hello(r);
    rig_set_model(r, rig_model(2, false));
    settle_ok(r);
    rig_expect_said(r, s, "WELCOME");
    rig_end(r, s);
}

static void a_changed_state_of_the_store_is_told_at_once(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    roster_set_store(r->roster, SERVER_NOT_STORING, 5000);
    roster_set_store(r->roster, SERVER_NOT_STORING, 6000);
    rig_expect_said(r, s, "ACK 0: not storing");
    roster_set_store(r->roster, SERVER_STORING, 0);
    rig_expect_said(r, s, "ACK 0:");
    rig_end(r, s);
}

/* --- status --- */

static void the_last_status_stays_when_the_session_is_gone(void **state) {
    struct rig *r = *state;
    const struct link_status *status = roster_borrow_status(r->roster, 0);
    assert_false(status->up);
    assert_int_equal(status->since_us, r->now.wall_us);
    assert_string_equal(status->fault, "");
    struct session *s = rig_live(r);
    rig_send_dict(r, s, 0, 0, 1);
    rig_advance(r, TM_MINUTE_US);
    session_lost(s, "connection reset by peer", r->now);
    status = roster_borrow_status(r->roster, 0);
    assert_false(status->up);
    assert_int_equal(status->since_us, r->now.wall_us);
    assert_int_equal(status->last_seen_us, r->now.wall_us - TM_MINUTE_US);
    assert_int_equal(status->records, 1);
    assert_string_equal(status->software, "rig 1.0");
    assert_string_equal(status->fault, "connection reset by peer");
    session_free(&s);
    assert_null(roster_borrow_status(r->roster, 2));
    assert_null(roster_borrow_status(r->roster, MODEL_NONE));
}

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_RIG(a_newer_connection_replaces_the_old_one_once_it_has_settled),
        IN_RIG(the_old_one_goes_on_when_the_newer_one_fails),
        IN_RIG(the_old_one_goes_on_when_the_database_says_no_to_the_newer_one),
        IN_RIG(of_three_only_the_newest_stays),
        IN_RIG(an_answer_nobody_waits_for_is_ignored),
        IN_RIG(two_that_fight_for_one_identity_do_not_take_turns_for_ever),
        IN_RIG(who_comes_too_often_is_told_when_to_come_again),
        IN_RIG(what_is_told_of_a_gateway_is_counted_across_its_sessions),
        IN_RIG(those_whom_nobody_knows_share_what_is_told_of_them),
        IN_RIG(a_certificate_speaks_for_another_gateway_only_where_that_one_says_so),
        IN_RIG(a_bridge_has_a_session_for_each_of_its_gateways),
        IN_RIG(who_may_not_speak_any_more_is_ended_at_once),
        IN_RIG(a_gateway_may_have_fewer_tags_than_the_link_allows),
        IN_RIG(a_suspended_gateway_that_is_released_gets_in_at_once),
        IN_RIG(ten_breaches_suspend_a_gateway_and_not_its_neighbour),
        IN_RIG(poison_records_are_no_breaches),
        IN_RIG(disabling_a_gateway_ends_its_session),
        IN_RIG(removing_a_gateway_ends_its_session_and_forgets_it),
        IN_RIG(sessions_stay_when_their_gateways_move_within_the_model),
        IN_RIG(a_gateway_that_waits_for_the_database_survives_a_new_configuration),
        IN_RIG(a_changed_state_of_the_store_is_told_at_once),
        IN_RIG(the_last_status_stays_when_the_session_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
