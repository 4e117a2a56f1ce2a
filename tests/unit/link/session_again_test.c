/* Covers: session_again.c */
#include "server/link/session.h"
#include "tests/unit/link/rig.h"

/* One with dictionary 1 of the present epoch (record 0) and a sample (record 1), both committed. */
static struct session *with_records(struct rig *r) {
    struct session *s = rig_live(r);
    rig_send_dict(r, s, 0, 0, 1);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 1);
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 0);
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 1);
    (void)rig_take_said(r, s);
    r->heard[0] = '\0';
    return s;
}

static void
a_committed_record_that_comes_again_is_compared_by_the_store_and_acknowledged_again(void **state) {
    struct rig *r = *state;
    struct session *s = with_records(r);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 1);
    rig_send_dict(r, s, 0, 0, 1);
    rig_expect_heard(r, "DATA 700/1; again; DICT 700/0; again");
    rig_expect_said(r, s, "");
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 1);
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 0);
    rig_expect_said(r, s, "ACK 0: 0-2");
    assert_int_equal(roster_borrow_status(r->roster, 0)->duplicates, 2);
    rig_end(r, s);
    assert_int_equal(r->n_repeats, 0); /* the store has counted them */
}

static void what_the_database_has_is_compared_in_a_new_session(void **state) {
    struct rig *r = *state;
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(10);
    rig_send_hello(r, s, &hello);
    struct link_range committed = {RIG_EPOCH, 0, 5};
    struct link_settled settled = rig_settled_ok();
    settled.n_committed = 1;
    settled.committed = &committed;
    rig_settle(r, &settled);
    (void)rig_take_said(r, s);
    r->heard[0] = '\0';
    rig_send_data(r, s, FRAME_JOURNALED, 0, 4, 1); /* its dictionary is not known: that does not matter */
    rig_expect_heard(r, "DATA 700/4; again");
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 4);
    rig_expect_said(r, s, "ACK 0: 0-5");
    rig_end(r, s);
}

static void a_record_in_flight_that_comes_again_is_dropped_silently(void **state) {
    struct rig *r = *state;
    struct session *s = with_records(r);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 2, 1);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 1);
    rig_expect_heard(r, "DATA 700/2; DATA 700/1; again");
    rig_send_data(r, s, FRAME_JOURNALED, 0, 2, 1);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 1); /* the store is asked once at a time */
    rig_expect_heard(r, "");
    rig_expect_said(r, s, "");
    assert_int_equal(roster_borrow_status(r->roster, 0)->duplicates, 2);
    rig_end(r, s);
}

static void what_is_compared_counts_in_the_window(void **state) {
    struct rig *r = *state;
    struct session *s = with_records(r);
    for (uint64_t seq = 2; seq < 300; seq++) {
        rig_send_data(r, s, FRAME_JOURNALED, 0, seq, 1);
        roster_committed(r->roster, RIG_KEY, RIG_EPOCH, seq);
    }
    (void)rig_take_said(r, s);
    for (uint64_t seq = 0; seq < 257; seq++) {
        rig_send_data(r, s, FRAME_JOURNALED, 0, seq, 1);
    }
    rig_expect_said(r, s, "ERROR flow fatal");
    rig_end(r, s);
}

static void who_has_too_much_compared_is_slowed_down(void **state) {
    struct rig *r = *state;
    r->env.limits.link.samples_per_s = 10;
    struct session *s = with_records(r);
    for (uint64_t i = 0; i < 101 && session_room(s) > 0; i++) {
        rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 1);
        roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 1);
    }
    assert_int_equal(session_room(s), 0);
    assert_int_equal(session_state(s), SESSION_LIVE);
    rig_end(r, s);
}

static void records_that_come_again_in_flight_are_counted_by_day(void **state) {
    struct rig *r = *state;
    struct session *s = with_records(r);
    rig_send_dict(r, s, 0, 2, 2);
    rig_send_dict(r, s, 0, 2, 2);
    rig_send_dict(r, s, 0, 2, 2);
    assert_int_equal(r->n_repeats, 0);
    session_tick(s, r->now);
    assert_int_equal(r->n_repeats, 1);
    assert_true(r->repeats.n == 2 && r->repeats.session == 5 && r->repeats.day == 1790000000 / 86400);
    rig_send_dict(r, s, 0, 2, 2);
    session_tick(s, r->now);
    assert_int_equal(r->n_repeats, 1); /* once a second */
    r->now.wall_us += TM_DAY_US;
    rig_send_dict(r, s, 0, 2, 2);
    assert_int_equal(r->n_repeats, 2);
    assert_true(r->repeats.n == 3 && r->repeats.day == 1790000000 / 86400);
    rig_end(r, s);
    assert_int_equal(r->n_repeats, 3);
    assert_true(r->repeats.n == 1 && r->repeats.day == 1790000000 / 86400 + 1);
}

/* --- forks --- */

static void a_fork_is_told_when_nothing_is_in_flight_any_more(void **state) {
    struct rig *r = *state;
    struct session *s = with_records(r);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 2, 1);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 2);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 3, 1);
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 2);
    r->heard[0] = '\0';
    roster_forked(r->roster, RIG_KEY, RIG_EPOCH, 1, r->now);
    rig_expect_heard(r, "!link.journal_fork");
    assert_non_null(strstr(r->detail, "number 1 of epoch"));
    rig_expect_said(r, s, "ACK 0: 0-3");
    assert_int_equal(session_room(s), 0);
    session_tick(s, r->now);
    assert_int_equal(session_state(s), SESSION_LIVE); /* 3 is still in flight */
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 3);
    r->heard[0] = '\0';
    session_tick(s, r->now);
    rig_expect_said(r, s, "PING; ACK 0: 0-4; ERROR seq_conflict fatal");
    assert_true(session_breached(s));
    rig_end(r, s);
}

static void a_fork_with_nothing_else_in_flight_is_told_at_once(void **state) {
    struct rig *r = *state;
    struct session *s = with_records(r);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 2);
    roster_forked(r->roster, RIG_KEY, RIG_EPOCH, 1, r->now);
    rig_expect_said(r, s, "ERROR seq_conflict fatal");
    assert_int_equal(roster_borrow_status(r->roster, 0)->duplicates, 0);
    rig_end(r, s);
}

static void another_content_under_a_number_in_flight_waits_for_the_first_one(void **state) {
    struct rig *r = *state;
    struct session *s = with_records(r);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 2, 1);
    r->heard[0] = '\0';
    rig_send_data(r, s, FRAME_JOURNALED, 0, 2, 2);
    rig_expect_heard(r, "");
    assert_int_equal(session_room(s), 0);
    rig_advance(r, 10 * TM_SECOND_US);
    session_tick(s, r->now); /* the database takes its time */
    assert_int_equal(session_state(s), SESSION_LIVE);
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 2);
    session_tick(s, r->now);
    rig_expect_heard(r, "DATA 700/2; again");
    assert_true(session_room(s) > 0);
    roster_forked(r->roster, RIG_KEY, RIG_EPOCH, 2, r->now);
    const char *said = rig_take_said(r, s);
    assert_non_null(strstr(said, "ACK 0: 0-3; ERROR seq_conflict fatal"));
    rig_end(r, s);
}

static void a_fork_is_told_to_people_when_the_session_is_gone(void **state) {
    struct rig *r = *state;
    struct session *s = with_records(r);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 2);
    rig_end(r, s);
    r->heard[0] = '\0';
    roster_forked(r->roster, RIG_KEY, RIG_EPOCH, 1, r->now);
    rig_expect_heard(r, "!link.journal_fork");
    roster_forked(r->roster, 99, RIG_EPOCH, 1, r->now); /* of no gateway */
    rig_expect_heard(r, "");
    for (int i = 0; i < 30; i++) {
        roster_forked(r->roster, RIG_KEY, RIG_EPOCH, 1, r->now);
    }
    r->heard[0] = '\0';
    roster_forked(r->roster, RIG_KEY, RIG_EPOCH, 1, r->now);
    rig_expect_heard(r, ""); /* at a bounded rate */
    rig_advance(r, TM_MINUTE_US);
    roster_forked(r->roster, RIG_KEY, RIG_EPOCH, 1, r->now);
    assert_non_null(strstr(r->detail, "12 more before"));
}

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_RIG(a_committed_record_that_comes_again_is_compared_by_the_store_and_acknowledged_again),
        IN_RIG(what_the_database_has_is_compared_in_a_new_session),
        IN_RIG(a_record_in_flight_that_comes_again_is_dropped_silently),
        IN_RIG(what_is_compared_counts_in_the_window),
        IN_RIG(who_has_too_much_compared_is_slowed_down),
        IN_RIG(records_that_come_again_in_flight_are_counted_by_day),
        IN_RIG(a_fork_is_told_when_nothing_is_in_flight_any_more),
        IN_RIG(a_fork_with_nothing_else_in_flight_is_told_at_once),
        IN_RIG(another_content_under_a_number_in_flight_waits_for_the_first_one),
        IN_RIG(a_fork_is_told_to_people_when_the_session_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
