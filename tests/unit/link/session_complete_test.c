/* Until when everything of a gateway has come. */
#include "server/link/session_internal.h"
#include "tests/unit/link/rig.h"

#define T0       INT64_C(1790000000000000) /* the rig's present, by HELLO, too */
#define COLLECTS SESSION_COLLECTS_US

#define IN_RIG(f) cmocka_unit_test_setup_teardown(f, rig_set_up, rig_tear_down)

static int64_t complete(const struct rig *r) {
    return roster_complete_us(r->roster, 0);
}

/* One whose clock shows now_us, and of which no sample waits. */
static struct session *here(struct rig *r, int64_t now_us) {
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(0);
    hello.now_us = now_us;
    hello.journal_capacity = 1000;
    rig_send_hello(r, s, &hello);
    struct link_settled settled = rig_settled_ok();
    rig_settle(r, &settled);
    return s;
}

static void commit(struct rig *r, uint64_t epoch, uint64_t seq) {
    roster_committed(r->roster, RIG_KEY, epoch, seq);
}

/* Number 0 is its dictionary, 1 and 2 wait at the site: samples since oldest_us, as HELLO says; -1: it does
 * not. */
static struct session *behind(struct rig *r, int64_t oldest_us) {
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(3);
    hello.epochs[1].next_seq = 4;
    hello.journal_capacity = oldest_us < 0 ? 0 : 1000;
    hello.oldest_sample_us = oldest_us < 0 ? 0 : oldest_us;
    hello.now_us = r->now.wall_us;
    rig_send_hello(r, s, &hello);
    struct link_range known[] = {{RIG_EPOCH, 0, 1}, {RIG_OLD_EPOCH, 0, 4}};
    struct link_settled settled = rig_settled_ok();
    settled.n_committed = 2;
    settled.committed = known;
    rig_settle(r, &settled);
    const struct dict_entry v[] = {rig_entry(1, "L_T1", VALUE_F64),
                                   rig_entry(2, "_gateway.oldest_s", VALUE_UINT)};
    rig_send_dict_part(r, s, 0, 3, 1, 0, false, v, COUNT(v));
    commit(r, RIG_EPOCH, 3);
    return s;
}

static void send_at(struct rig *r, struct session *s, uint16_t flags, uint64_t seq, int64_t t_us) {
    struct link_sample v = rig_level(1.5);
    struct buf body;
    v.t_us = t_us;
    rig_data_body(&body, true, 0, seq, 1, &v, 1);
    rig_send(r, s, MSG_DATA, FRAME_JOURNALED | flags, buf_slice(&body));
    buf_done(&body);
}

/* By a snapshot, which is not stored. */
static void tell_oldest(struct rig *r, struct session *s, int64_t t_us, uint64_t age_s) {
    struct link_sample v = {.alias = 2, .type = VALUE_UINT, .t_us = t_us, .u = age_s};
    struct buf body;
    rig_data_body(&body, false, 0, 0, 1, &v, 1);
    rig_send(r, s, MSG_DATA, FRAME_SNAPSHOT, buf_slice(&body));
    buf_done(&body);
}

static void nothing_is_certain_of_a_gateway_that_was_never_here(void **state) {
    struct rig *r = *state;
    assert_int_equal(complete(r), 0);
    assert_int_equal(roster_complete_us(r->roster, 99), 0);
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(3);
    rig_send_hello(r, s, &hello);
    assert_int_equal(complete(r), 0); /* it is not let in yet */
    rig_end(r, s);
    assert_int_equal(complete(r), 0);
}

static void a_gateway_that_is_here_is_complete_until_it_was_heard(void **state) {
    struct rig *r = *state;
    struct session *s = here(r, T0);
    assert_int_equal(complete(r), T0 - COLLECTS);
    rig_advance(r, 20 * TM_SECOND_US); /* the line may be dead */
    assert_int_equal(complete(r), T0 - COLLECTS);
    rig_send_dict(r, s, 0, 0, 1);
    assert_int_equal(complete(r), T0 + 20 * TM_SECOND_US - COLLECTS);
    rig_end(r, s);
    rig_advance(r, TM_HOUR_US);
    assert_int_equal(complete(r), T0 + 20 * TM_SECOND_US - COLLECTS);
}

/* Who reads history gets it from memory. */
static void what_has_come_counts_before_it_is_committed(void **state) {
    struct rig *r = *state;
    struct session *s = here(r, T0);
    rig_send_dict(r, s, 0, 0, 1);
    send_at(r, s, 0, 1, T0 - 60 * TM_SECOND_US);
    assert_int_equal(complete(r), T0 - COLLECTS);
    rig_end(r, s);
    assert_int_equal(complete(r), T0 - COLLECTS);
}

/* Its window may be full, and it answers to PING all the same. */
static void what_may_wait_for_an_acknowledgement_is_not_certain(void **state) {
    struct rig *r = *state;
    struct session *s = here(r, T0);
    rig_send_dict(r, s, 0, 0, 1);
    commit(r, RIG_EPOCH, 0);
    send_at(r, s, 0, 1, T0);
    rig_advance(r, 20 * TM_SECOND_US);
    struct link_sample v = rig_level(1.5);
    struct buf body;
    v.t_us = T0 + 20 * TM_SECOND_US;
    rig_data_body(&body, false, 0, 0, 1, &v, 1);
    rig_send(r, s, MSG_DATA, FRAME_SNAPSHOT, buf_slice(&body));
    buf_done(&body);
    assert_int_equal(s->status.last_seen_us, T0 + 20 * TM_SECOND_US);
    assert_in_range(complete(r), T0 - COLLECTS, T0 - COLLECTS + 1000);
    commit(r, RIG_EPOCH, 1);
    assert_int_equal(complete(r), T0 + 20 * TM_SECOND_US - COLLECTS);
    rig_end(r, s);
}

static void a_backlog_counts_from_its_oldest_sample_until_it_has_come(void **state) {
    struct rig *r = *state;
    const int64_t oldest_us = T0 - 5 * TM_HOUR_US;
    struct session *s = behind(r, oldest_us);
    assert_int_equal(complete(r), oldest_us);
    send_at(r, s, 0, 4, T0); /* live */
    commit(r, RIG_EPOCH, 4);
    send_at(r, s, FRAME_BACKLOG, 1, oldest_us);
    commit(r, RIG_EPOCH, 1);
    assert_int_equal(complete(r), oldest_us);
    send_at(r, s, FRAME_BACKLOG, 2, oldest_us + TM_HOUR_US);
    assert_int_equal(complete(r), T0 - COLLECTS);
    rig_end(r, s);
}

static void a_gateway_that_goes_in_the_middle_of_its_backlog_is_complete_up_to_it(void **state) {
    struct rig *r = *state;
    const int64_t oldest_us = T0 - 5 * TM_HOUR_US;
    struct session *s = behind(r, oldest_us);
    rig_end(r, s);
    assert_int_equal(complete(r), oldest_us);
}

static void what_it_tells_of_what_waits_counts_more_than_its_hello(void **state) {
    struct rig *r = *state;
    struct session *s = behind(r, T0 - 5 * TM_HOUR_US);
    tell_oldest(r, s, T0 - 1, 3); /* from before HELLO, in the first snapshot */
    assert_int_equal(complete(r), T0 - 5 * TM_HOUR_US);
    rig_advance(r, 10 * TM_SECOND_US);
    tell_oldest(r, s, T0 + 10 * TM_SECOND_US, 3600);
    assert_int_equal(complete(r), T0 + 9 * TM_SECOND_US - TM_HOUR_US);
    tell_oldest(r, s, T0 + 10 * TM_SECOND_US, 2); /* soon the rest of it, too, has come */
    assert_int_equal(complete(r), T0 + 7 * TM_SECOND_US);
    tell_oldest(r, s, T0 + 10 * TM_SECOND_US, 0);
    assert_int_equal(complete(r), T0 + 8 * TM_SECOND_US);
    rig_end(r, s);
}

static void what_waits_of_a_gateway_that_does_not_tell_is_newer_than_what_was_complete(void **state) {
    struct rig *r = *state;
    struct session *s = behind(r, -1);
    assert_int_equal(complete(r), 0);
    send_at(r, s, FRAME_BACKLOG, 1, T0);
    send_at(r, s, FRAME_BACKLOG, 2, T0);
    commit(r, RIG_EPOCH, 1);
    commit(r, RIG_EPOCH, 2);
    assert_int_equal(complete(r), T0 - COLLECTS);
    rig_end(r, s);
    rig_advance(r, TM_HOUR_US);
    s = behind(r, -1);
    assert_int_equal(complete(r), T0 - COLLECTS);
    rig_end(r, s);
    s = behind(r, 0); /* it tells that no sample is among them */
    assert_int_equal(complete(r), T0 + TM_HOUR_US - COLLECTS);
    rig_end(r, s);
}

static void live_samples_that_it_may_not_send_count_when_they_are_more_than_a_moments(void **state) {
    struct rig *r = *state;
    struct session *s = here(r, T0);
    const struct dict_entry v[] = {rig_entry(2, "_gateway.oldest_s", VALUE_UINT)};
    rig_send_dict_part(r, s, 0, 0, 1, 0, false, v, COUNT(v));
    s->awaits_backlog = false;
    rig_advance(r, TM_MINUTE_US);
    tell_oldest(r, s, T0 + TM_MINUTE_US, 2);
    assert_int_equal(complete(r), T0 + TM_MINUTE_US - COLLECTS);
    tell_oldest(r, s, T0 + TM_MINUTE_US, 40);
    assert_int_equal(complete(r), T0 + 19 * TM_SECOND_US);
    rig_end(r, s);
}

static void a_clock_that_is_behind_brings_older_samples(void **state) {
    struct rig *r = *state;
    struct session *s = here(r, T0 - 300 * TM_SECOND_US);
    assert_int_equal(complete(r), T0 - 300 * TM_SECOND_US - COLLECTS);
    s->status.clock_offset_us = 300 * TM_SECOND_US; /* ahead */
    assert_int_equal(complete(r), T0 - COLLECTS);
    s->status.clock_offset_us = -1;
    s->status.clock_measure_us = 5;
    assert_int_equal(complete(r), T0 - COLLECTS - 6);
    s->status.clock_offset_us = INT64_MIN;
    assert_int_equal(complete(r), 0);
    rig_end(r, s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_RIG(nothing_is_certain_of_a_gateway_that_was_never_here),
        IN_RIG(a_gateway_that_is_here_is_complete_until_it_was_heard),
        IN_RIG(what_has_come_counts_before_it_is_committed),
        IN_RIG(what_may_wait_for_an_acknowledgement_is_not_certain),
        IN_RIG(a_backlog_counts_from_its_oldest_sample_until_it_has_come),
        IN_RIG(a_gateway_that_goes_in_the_middle_of_its_backlog_is_complete_up_to_it),
        IN_RIG(what_it_tells_of_what_waits_counts_more_than_its_hello),
        IN_RIG(what_waits_of_a_gateway_that_does_not_tell_is_newer_than_what_was_complete),
        IN_RIG(live_samples_that_it_may_not_send_count_when_they_are_more_than_a_moments),
        IN_RIG(a_clock_that_is_behind_brings_older_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
