/* How far a gateway's clock is off, what is told of it, and which records it does not vouch for. */
#include "server/link/session_internal.h"
#include "tests/unit/link/rig.h"

static int setup(void **state) {
    struct rig *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return -1;
    }
    rig_init(r);
    rig_set_model(r, rig_model(2, false));
    *state = r;
    return 0;
}

static int teardown(void **state) {
    struct rig *r = *state;
    rig_done(r);
    free(r);
    return 0;
}

static void end(struct rig *r, struct session *s) {
    session_lost(s, "end of the test", r->now);
    session_free(&s);
}

/* A PING and its PONG, of a clock that is so far ahead, by a line with this delay. */
static void probe(struct rig *r, struct session *s, int64_t ahead_us, int64_t delay_us) {
    static const int64_t heartbeat_us = 10 * TM_SECOND_US;
    session_tick(s, r->now);
    int64_t t0 = r->now.wall_us;
    int64_t there = t0 + delay_us / 2 + ahead_us;
    rig_advance(r, delay_us);
    struct msg_pong pong = {.id = s->ping_id, .t0_us = t0, .t1_us = there, .t2_us = there};
    struct buf body;
    buf_init(&body, 100);
    pong_encode(&body, &pong);
    rig_send(r, s, MSG_PONG, 0, buf_slice(&body));
    buf_done(&body);
    rig_advance(r, heartbeat_us - delay_us);
}

static const struct link_status *status(const struct rig *r) {
    return roster_borrow_status(r->roster, 0);
}

static void a_clock_that_is_off_is_told_after_three_measures_and_until_three_are_good(void **state) {
    static const int64_t sides[] = {-1, 1};
    struct rig *r = *state;
    for (size_t i = 0; i < COUNT(sides); i++) {
        struct session *s = rig_live(r);
        probe(r, s, sides[i] * 1500000, 4000);
        probe(r, s, sides[i] * 1500000, 4000);
        probe(r, s, 0, 4000); /* once good: from the beginning */
        r->heard[0] = '\0';
        probe(r, s, sides[i] * 1500000, 4000);
        probe(r, s, sides[i] * 1500000, 4000);
        assert_false(status(r)->clock_off);
        probe(r, s, sides[i] * 1500000, 4000);
        assert_true(status(r)->clock_off && r->clock.off && r->clock_judged);
        assert_int_equal(r->clock.offset_us, sides[i] * 1500000);
        assert_int_equal(r->clock.worst_us, sides[i] * 1500000);
        rig_expect_heard(r, "!gateway.clock_off");
        assert_non_null(strstr(r->detail, sides[i] < 0 ? "1.500 s behind the server's (measured to 0.002 s)"
                                                       : "1.500 s ahead of the server's"));
        assert_non_null(strstr(r->detail, "by NTP"));
        for (int n = 0; n < 10; n++) {
            probe(r, s, sides[i] * 700000, 4000); /* between the limits it stays as it was */
        }
        assert_true(status(r)->clock_off);
        probe(r, s, sides[i] * 100000, 4000);
        probe(r, s, sides[i] * 100000, 4000);
        assert_true(status(r)->clock_off);
        r->heard[0] = '\0';
        probe(r, s, sides[i] * 100000, 4000);
        assert_false(status(r)->clock_off || r->clock.off);
        rig_expect_heard(r, "!gateway.clock_good");
        end(r, s);
        rig_advance(r, TM_HOUR_US);
    }
}

static void a_slow_line_is_no_wrong_clock(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    for (int i = 0; i < 10; i++) {
        probe(r, s, 1500000, 2 * TM_SECOND_US); /* up to 1 s of it may be the line's */
    }
    assert_false(status(r)->clock_off);
    assert_int_equal(status(r)->clock_measure_us, TM_SECOND_US);
    end(r, s);
}

static void the_first_measure_the_last_and_one_in_ten_minutes_are_told(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    assert_int_equal(r->n_clocks, 0);
    probe(r, s, 5000, 0);
    assert_int_equal(r->n_clocks, 1);
    assert_true(r->clock.source == CLOCK_NTP && r->clock.session == s->status.session && !r->clock_judged);
    probe(r, s, 5000, 0);
    probe(r, s, 5000, 0);
    assert_true(r->n_clocks == 2 && r->clock_judged && !r->clock.off);
    for (int i = 0; i < 60; i++) {
        probe(r, s, 5000, 0);
    }
    assert_int_equal(r->n_clocks, 3);
    probe(r, s, 9000, 0);
    end(r, s);
    assert_int_equal(r->n_clocks, 4);
    assert_true(r->clock.to_us - r->clock.from_us == 63 * 10 * TM_SECOND_US);
}

static void without_a_measure_nothing_is_told(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    assert_int_equal(status(r)->clock_measure_us, -1);
    end(r, s);
    assert_int_equal(r->n_clocks, 0);
}

static void hello_says_what_sets_the_clock(void **state) {
    struct rig *r = *state;
    static const enum clock_source sources[] = {CLOCK_NONE, CLOCK_NTP, CLOCK_PTP, CLOCK_GNSS};
    for (size_t i = 0; i < COUNT(sources); i++) {
        struct session *s = rig_connect(r, "gw-s1");
        struct msg_hello hello = rig_hello_msg(0);
        hello.clock_source = sources[i];
        hello.clock_error_us = UINT64_MAX;
        rig_send_hello(r, s, &hello);
        struct link_settled settled = rig_settled_ok();
        rig_settle(r, &settled);
        assert_int_equal(status(r)->clock_source, sources[i]);
        assert_true(status(r)->clock_unsynced == (sources[i] == CLOCK_NONE));
        assert_true(status(r)->clock_said_us == INT64_MAX);
        end(r, s);
        rig_advance(r, TM_HOUR_US);
    }
}

/* The number since which a record's times are not vouched for; -1: they are. */
static int64_t unsynced_since(struct rig *r, struct session *s, uint16_t flags, uint64_t seq) {
    rig_send_data(r, s, FRAME_JOURNALED | flags, 0, seq, 0);
    return r->unsynced ? (int64_t)r->unsynced_first : -1;
}

static void
records_that_a_gateway_does_not_vouch_for_are_one_span_until_one_comes_that_it_does(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    rig_send_dict(r, s, 0, 3, 0);
    assert_int_equal(unsynced_since(r, s, 0, 4), -1);
    assert_false(status(r)->clock_unsynced);
    assert_int_equal(unsynced_since(r, s, FRAME_CLOCK_UNSYNCED, 5), 5);
    assert_true(status(r)->clock_unsynced);
    assert_int_equal(unsynced_since(r, s, FRAME_CLOCK_UNSYNCED, 6), 5);
    /* The backlog has spans of its own, and says nothing of how it is now. */
    assert_int_equal(unsynced_since(r, s, FRAME_BACKLOG, 1), -1);
    assert_true(status(r)->clock_unsynced);
    assert_int_equal(unsynced_since(r, s, FRAME_BACKLOG | FRAME_CLOCK_UNSYNCED, 2), 2);
    assert_int_equal(unsynced_since(r, s, FRAME_CLOCK_UNSYNCED, 7), 5);
    assert_int_equal(unsynced_since(r, s, 0, 8), -1);
    assert_false(status(r)->clock_unsynced);
    assert_int_equal(unsynced_since(r, s, FRAME_CLOCK_UNSYNCED, 9), 9);
    /* What was not taken begins and ends nothing. */
    r->full = true;
    rig_send_data(r, s, FRAME_JOURNALED, 0, 10, 0);
    assert_true(session_blocked(s) && status(r)->clock_unsynced);
    r->full = false;
    session_resume(s, r->now);
    assert_false(status(r)->clock_unsynced);
    end(r, s);
}

static void a_step_of_the_clock_goes_with_its_record(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    rig_send_event(r, s, 3, &(struct msg_event){.code = EVENT_CLOCK_STEPPED, .step_us = -1500000});
    assert_int_equal(r->step_us, -1500000);
    rig_send_event(r, s, 4, &(struct msg_event){.code = EVENT_DEVICE_UP});
    assert_int_equal(r->step_us, 0);
    end(r, s);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_clock_that_is_off_is_told_after_three_measures_and_until_three_are_good),
        T(a_slow_line_is_no_wrong_clock),
        T(the_first_measure_the_last_and_one_in_ten_minutes_are_told),
        T(without_a_measure_nothing_is_told),
        T(hello_says_what_sets_the_clock),
        T(records_that_a_gateway_does_not_vouch_for_are_one_span_until_one_comes_that_it_does),
        T(a_step_of_the_clock_goes_with_its_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
