/* Covers: session_pace.c, and what the roster does with pace.c. */
#include "server/link/pace.h"
#include "tests/unit/link/rig.h"

/* A roster with these limits instead of the usual ones. */
static void with_limits(struct rig *r, uint32_t samples_per_s, uint32_t burst_s, uint32_t budget,
                        uint32_t rate) {
    r->env.limits.link.samples_per_s = samples_per_s;
    r->env.limits.link.samples_burst_s = burst_s;
    r->env.limits.link.backlog_bytes_per_s = budget;
    r->env.limits.backlog_rate = rate;
    roster_free(&r->roster);
    CHECK(roster_new(&r->env, &r->roster) == OK);
    CHECK(roster_set_model(r->roster, r->model, r->now) == OK);
}

static struct session *with_dict(struct rig *r) {
    struct session *s = rig_live(r);
    rig_send_dict(r, s, 0, 0, 1);
    (void)rig_take_said(r, s);
    r->heard[0] = '\0';
    return s;
}

static void a_gateway_that_sends_too_many_samples_is_made_to_wait_and_told_so(void **state) {
    struct rig *r = *state;
    with_limits(r, 2, 2, 1000000, 1000000);
    struct session *s = with_dict(r);
    for (uint64_t seq = 1; seq <= 4; seq++) { /* a burst of two seconds' worth */
        rig_send_data(r, s, FRAME_JOURNALED, 0, seq, 1);
    }
    assert_true(session_room(s) > 0);
    rig_expect_said(r, s, "");
    rig_send_data(r, s, FRAME_JOURNALED, 0, 5, 1); /* taken, but it was one too many */
    rig_expect_heard(r, "DATA 700/1; DATA 700/2; DATA 700/3; DATA 700/4; DATA 700/5; !link.too_many_samples");
    assert_int_equal(session_room(s), 0);
    rig_expect_said(r, s, "WINDOW 262144 32 1000000");
    rig_advance(r, TM_SECOND_US / 2 - 1);
    session_tick(s, r->now);
    assert_int_equal(session_room(s), 0);
    rig_advance(r, 1);
    session_tick(s, r->now);
    assert_true(session_room(s) > 0);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 6, 1);
    rig_expect_heard(r, "DATA 700/6"); /* told once */
    assert_int_equal(session_state(s), SESSION_LIVE);
    /* It behaves for a minute: its window is wide again. */
    for (int i = 0; i < 61; i++) {
        rig_advance(r, TM_SECOND_US);
        session_tick(s, r->now);
        rig_send(r, s, 0x70, 0, slice_str("alive"));
    }
    assert_non_null(strstr(rig_take_said(r, s), "WINDOW 1048576 256 1000000"));
    rig_end(r, s);
}

static void what_was_received_with_it_waits_too_and_nothing_is_lost(void **state) {
    struct rig *r = *state;
    with_limits(r, 1, 1, 1000000, 1000000);
    struct session *s = with_dict(r);
    struct link_sample v = rig_level(1);
    struct buf out;
    buf_init(&out, 4096);
    for (uint64_t seq = 1; seq <= 5; seq++) {
        struct buf body;
        rig_data_body(&body, true, 0, seq, 1, &v, 1);
        frame_append(&out, MSG_DATA, FRAME_JOURNALED, buf_slice(&body));
        buf_done(&body);
    }
    session_receive(s, out.p, out.n, r->now);
    buf_done(&out);
    rig_expect_heard(r, "DATA 700/1; DATA 700/2; !link.too_many_samples");
    for (int i = 0; i < 5; i++) {
        rig_advance(r, TM_SECOND_US);
        session_tick(s, r->now);
    }
    rig_expect_heard(r, "DATA 700/3; DATA 700/4; DATA 700/5");
    rig_end(r, s);
}

static void a_new_session_does_not_wash_it_clean(void **state) {
    struct rig *r = *state;
    with_limits(r, 1, 1, 1000000, 1000000);
    struct session *s = with_dict(r);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 1);
    rig_end(r, s);
    r->heard[0] = '\0';
    s = with_dict(r);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 1);
    rig_expect_heard(r, "DATA 700/1; !link.too_many_samples");
    rig_end(r, s);
}

static void a_backlog_may_come_faster_than_what_is_live(void **state) {
    struct rig *r = *state;
    with_limits(r, 2, 2, 1000000, 1000000);
    struct session *s = with_dict(r);
    for (uint64_t seq = 1; seq <= 8; seq++) {
        rig_send_data(r, s, FRAME_JOURNALED | FRAME_BACKLOG, 0, seq, 1);
    }
    assert_true(session_room(s) > 0);
    rig_send_data(r, s, FRAME_JOURNALED | FRAME_BACKLOG, 0, 9, 1);
    assert_int_equal(session_room(s), 0);
    rig_end(r, s);
}

/* --- bytes and frames of every kind --- */

/* A record of an unknown type. */
static void send_unknown(struct rig *r, struct session *s, uint16_t flags, uint64_t seq, size_t size) {
    struct buf body;
    buf_init(&body, LINK_BODY_MAX);
    prefix_encode(&body, true, &(struct msg_prefix){.seq = seq});
    while (body.n < size) {
        buf_byte(&body, 7);
    }
    rig_send(r, s, 0x6F, flags, buf_slice(&body));
    buf_done(&body);
}

static void bytes_of_every_kind_have_a_rate(void **state) {
    struct rig *r = *state;
    r->env.limits.link.bytes_per_s = 10000;
    r->env.limits.link.samples_burst_s = 2;
    struct session *s = rig_live(r);
    send_unknown(r, s, FRAME_JOURNALED, 0, 9000);
    rig_send(r, s, 0x70, 0, slice_of(r->said, 10000)); /* not even a record */
    assert_true(session_room(s) > 0);
    rig_send(r, s, 0x70, 0, slice_of(r->said, 6000 - 3 * LINK_FRAME_HEAD));
    assert_int_equal(session_room(s), 0);
    rig_expect_heard(r, "unknown 700/0; fault unsupported; !link.quarantined; !link.too_many_bytes");
    assert_non_null(strstr(r->detail, "more than 10000 bytes a second, and 2 s of that in a burst"));
    rig_expect_said(r, s, "ERROR unsupported; WINDOW 262144 32 1000");
    rig_advance(r, TM_SECOND_US / 2 - 1);
    session_tick(s, r->now);
    assert_int_equal(session_room(s), 0);
    rig_advance(r, 1);
    session_tick(s, r->now);
    assert_true(session_room(s) > 0);
    rig_end(r, s);
}

static void frames_of_every_kind_have_a_rate(void **state) {
    struct rig *r = *state;
    r->env.limits.link.frames_per_s = 10;
    r->env.limits.link.samples_burst_s = 2;
    struct session *s = rig_live(r);
    for (int i = 0; i < 20; i++) {
        rig_send(r, s, 0x70, 0, slice_str(""));
    }
    assert_true(session_room(s) > 0);
    rig_send(r, s, 0x70, 0, slice_str(""));
    assert_int_equal(session_room(s), 0);
    rig_expect_heard(r, "!link.too_many_frames");
    rig_end(r, s);
}

static void a_backlog_is_held_to_the_rate_that_was_told(void **state) {
    struct rig *r = *state;
    with_limits(r, 5000, 10, 1000000, 80000);
    struct session *s = rig_live(r);
    /* What may be on its way when a smaller rate is told, and a burst. */
    const size_t free_bytes = 1024 * 1024 + 10 * 80000;
    uint64_t seq = 0;
    for (size_t sent = 0; sent < free_bytes; sent += 100000, seq++) {
        assert_true(session_room(s) > 0);
        send_unknown(r, s, FRAME_JOURNALED | FRAME_BACKLOG, seq, 100000);
        roster_committed(r->roster, RIG_KEY, RIG_EPOCH, seq);
    }
    for (uint64_t more = 0; more < 6 && session_room(s) > 0; more++, seq++) {
        send_unknown(r, s, FRAME_JOURNALED | FRAME_BACKLOG, seq, 100000);
        roster_committed(r->roster, RIG_KEY, RIG_EPOCH, seq);
    }
    assert_int_equal(session_room(s), 0);
    assert_non_null(strstr(session_status(s)->fault, "more than 100000 bytes of its backlog a second"));
    /* From then on a quarter more than was told, at most. */
    size_t sent = 0;
    for (int i = 0; i < 1000; i++) {
        rig_advance(r, TM_SECOND_US / 10);
        session_tick(s, r->now);
        if (session_room(s) > 0) {
            send_unknown(r, s, FRAME_JOURNALED | FRAME_BACKLOG, seq, 100000);
            roster_committed(r->roster, RIG_KEY, RIG_EPOCH, seq++);
            sent += 100000;
        }
        r->heard[0] = '\0';
        (void)rig_take_said(r, s);
    }
    assert_in_range(sent, 100 * 80000, 100 * 100000 + 200000);
    assert_int_equal(session_state(s), SESSION_LIVE);
    rig_end(r, s);
}

static void a_former_epoch_is_backlog_even_without_the_flag(void **state) {
    struct rig *r = *state;
    r->env.limits.link.bytes_per_s = 10;
    r->env.limits.link.samples_burst_s = 10;
    struct session *s = rig_live(r);
    for (uint64_t id = 1; id <= 4; id++) {
        rig_send_dict(r, s, 1, 4 + id, id);
    }
    assert_true(session_room(s) > 0);
    rig_send_dict(r, s, 0, 5, 1); /* more than 100 bytes with the second */
    rig_send_dict(r, s, 0, 6, 2);
    assert_int_equal(session_room(s), 0);
    rig_end(r, s);
}

static void entries_of_dictionaries_have_a_rate(void **state) {
    struct rig *r = *state;
    r->env.limits.link.dictionary_tags = 10; /* two a second, two hundred in a burst */
    struct session *s = rig_live(r);
    for (uint64_t id = 1; id <= 40; id++) {
        rig_send_dict(r, s, 0, id - 1, id);
    }
    assert_true(session_room(s) > 0);
    rig_send_dict(r, s, 0, 40, 41);
    assert_int_equal(session_room(s), 0);
    assert_non_null(strstr(r->heard, "!link.too_many_entries"));
    rig_end(r, s);
}

static void who_comes_again_begins_with_what_it_owes(void **state) {
    struct rig *r = *state;
    r->env.limits.link.bytes_per_s = 10000;
    r->env.limits.link.samples_burst_s = 1;
    struct session *s = rig_live(r);
    rig_send(r, s, 0x70, 0, slice_of(r->said, 15000 - LINK_FRAME_HEAD));
    rig_end(r, s);
    s = rig_live(r);
    assert_int_equal(session_room(s), 0);
    rig_advance(r, TM_SECOND_US / 2);
    session_tick(s, r->now);
    assert_true(session_room(s) > 0);
    rig_end(r, s);
}

/* --- quarantine --- */

static void a_gateway_whose_quarantine_is_full_is_kept_out_until_there_is_room(void **state) {
    struct rig *r = *state;
    r->env.limits.link.quarantine_bytes_per_day = 86400;
    r->env.limits.link.bytes_per_s = 1024 * 1024;
    struct session *s = rig_live(r);
    for (uint64_t seq = 10; seq < 50; seq++) { /* nobody needs to read more of the same */
        send_unknown(r, s, FRAME_JOURNALED, seq, 100);
    }
    send_unknown(r, s, FRAME_JOURNALED, 0, 82000);
    assert_int_equal(session_state(s), SESSION_LIVE);
    (void)rig_take_said(r, s);
    r->heard[0] = '\0';
    send_unknown(r, s, FRAME_JOURNALED, 1, 1000); /* kept, but it is the last */
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 1);
    rig_expect_said(r, s, "ERROR unsupported; ERROR suspended fatal");
    rig_expect_heard(r,
                     "unknown 700/1; fault unsupported; !link.suspended; "
                     "down 0 suspended: more than 86400 bytes of records in a day that cannot be used: see "
                     "what stands in quarantine");
    rig_end(r, s);
    struct link_trouble trouble = roster_trouble(r->roster, 0, r->now);
    assert_true(trouble.suspended_until_us == r->now.wall_us + 600 * TM_SECOND_US);
    assert_non_null(strstr(trouble.suspended_why, "quarantine"));
    s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(0);
    rig_send_hello(r, s, &hello);
    rig_expect_said(r, s, "ERROR suspended fatal");
    rig_end(r, s);
    rig_advance(r, 600 * TM_SECOND_US);
    s = rig_live(r);
    rig_end(r, s);
}

static void a_person_who_lets_it_in_empties_the_count(void **state) {
    struct rig *r = *state;
    r->env.limits.link.quarantine_bytes_per_day = 86400;
    struct session *s = rig_live(r);
    send_unknown(r, s, FRAME_JOURNALED, 0, 90000);
    assert_int_equal(session_state(s), SESSION_CLOSING);
    rig_end(r, s);
    assert_true(roster_release(r->roster, 0));
    s = rig_live(r);
    send_unknown(r, s, FRAME_JOURNALED, 0, 80000);
    assert_int_equal(session_state(s), SESSION_LIVE);
    rig_end(r, s);
}

/* --- the backlogs of all --- */

/* gw-s2 with a backlog of its own. */
static struct session *second(struct rig *r) {
    struct session *s = rig_connect(r, "gw-s2");
    struct msg_hello hello = rig_hello_msg(0);
    hello.gateway = slice_str("gw-s2");
    rig_send_hello(r, s, &hello);
    struct link_settled settled = rig_settled_ok();
    settled.gateway_key = RIG_KEY + 1;
    rig_settle(r, &settled);
    assert_int_equal(session_state(s), SESSION_LIVE);
    (void)rig_take_said(r, s);
    return s;
}

static void the_budget_is_divided_as_backlogs_come_and_go(void **state) {
    struct rig *r = *state;
    with_limits(r, 1000, 10, 100000, 80000);
    struct session *a = rig_live(r); /* the old epoch waits at the site */
    roster_tick(r->roster, r->now);
    rig_expect_said(r, a, ""); /* alone: as WELCOME said */
    struct session *b = second(r);
    rig_advance(r, TM_SECOND_US);
    roster_tick(r->roster, r->now);
    rig_expect_said(r, a, "WINDOW 1048576 256 50000");
    rig_expect_said(r, b, ""); /* its WELCOME had its share already */
    rig_advance(r, TM_SECOND_US);
    roster_tick(r->roster, r->now);
    rig_expect_said(r, a, "");
    rig_end(r, b);
    rig_advance(r, TM_SECOND_US);
    roster_tick(r->roster, r->now);
    rig_expect_said(r, a, "WINDOW 1048576 256 80000");
    rig_end(r, a);
}

static void a_gateway_whose_backlog_stands_still_leaves_its_share_to_others(void **state) {
    struct rig *r = *state;
    with_limits(r, 1000, 10, 100000, 80000);
    struct session *a = rig_live(r);
    struct session *b = second(r);
    for (int i = 0; i < 12; i++) {
        rig_advance(r, TM_SECOND_US);
        rig_send_data(r, a, FRAME_JOURNALED | FRAME_BACKLOG, 0, (uint64_t)i, 1);
        roster_tick(r->roster, r->now);
    }
    assert_non_null(strstr(rig_take_said(r, a), "WINDOW 1048576 256 80000"));
    rig_end(r, b);
    rig_end(r, a);
}

static void slow_commits_slow_the_backlog(void **state) {
    struct rig *r = *state;
    with_limits(r, 1000, 10, 100000, 80000);
    struct session *a = rig_live(r);
    roster_set_store(r->roster, SERVER_STORING, 5000);
    for (int i = 0; i < 3; i++) {
        rig_advance(r, TM_SECOND_US);
        roster_tick(r->roster, r->now);
    }
    rig_expect_said(r, a, "WINDOW 1048576 256 50000; WINDOW 1048576 256 25000; WINDOW 1048576 256 12500");
    rig_end(r, a);
}

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_RIG(a_gateway_that_sends_too_many_samples_is_made_to_wait_and_told_so),
        IN_RIG(what_was_received_with_it_waits_too_and_nothing_is_lost),
        IN_RIG(a_new_session_does_not_wash_it_clean),
        IN_RIG(a_backlog_may_come_faster_than_what_is_live),
        IN_RIG(bytes_of_every_kind_have_a_rate),
        IN_RIG(frames_of_every_kind_have_a_rate),
        IN_RIG(a_backlog_is_held_to_the_rate_that_was_told),
        IN_RIG(a_former_epoch_is_backlog_even_without_the_flag),
        IN_RIG(entries_of_dictionaries_have_a_rate),
        IN_RIG(who_comes_again_begins_with_what_it_owes),
        IN_RIG(a_gateway_whose_quarantine_is_full_is_kept_out_until_there_is_room),
        IN_RIG(a_person_who_lets_it_in_empties_the_count),
        IN_RIG(the_budget_is_divided_as_backlogs_come_and_go),
        IN_RIG(a_gateway_whose_backlog_stands_still_leaves_its_share_to_others),
        IN_RIG(slow_commits_slow_the_backlog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
