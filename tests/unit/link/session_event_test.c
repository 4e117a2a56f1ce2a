/* Covers: session_event.c. What a gateway tells of itself, and answers to what the server never asked. */
#include "protocol/command_msg.h"
#include "protocol/config_msg.h"
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

static void send_event(struct rig *r, struct session *s, uint16_t flags, uint64_t seq,
                       const struct msg_event *m) {
    struct buf body;
    buf_init(&body, LINK_BODY_MAX);
    prefix_encode(&body, true, &(struct msg_prefix){.seq = seq});
    event_encode(&body, m);
    r->heard[0] = '\0';
    rig_send(r, s, MSG_EVENT, FRAME_JOURNALED | flags, buf_slice(&body));
    buf_done(&body);
}

static void an_event_is_stored_and_told(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    send_event(r, s, 0, 3,
               &(struct msg_event){.code = EVENT_DEVICE_DOWN,
                                   .severity = EVENT_TROUBLE,
                                   .t_us = INT64_C(1764000000000000),
                                   .path = slice_str("modbus/plc1"),
                                   .text = slice_str("no answer")});
    rig_expect_heard(r, "EVENT 700/3; !gateway.device_down");
    assert_string_equal(r->detail, "code 3 at 2025-11-24T16:00:00Z, modbus/plc1: no answer");
    rig_expect_said(r, s, "");
    send_event(
        r, s, 0, 4,
        &(struct msg_event){.code = EVENT_CLOCK_STEPPED, .step_us = -1500000, .text = slice_str("ntp")});
    assert_string_equal(r->detail, "code 2 at 1970-01-01T00:00:00Z; by -1.500 s: ntp");
    send_event(r, s, 0, 5, &(struct msg_event){.code = 999, .text = slice_str("later")});
    rig_expect_heard(r, "EVENT 700/5; !gateway.event");
    assert_string_equal(r->detail, "code 999 at 1970-01-01T00:00:00Z: later");
    end(r, s);
}

static void an_event_that_comes_again_is_told_once(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    const struct msg_event m = {.code = EVENT_STARTED};
    send_event(r, s, 0, 3, &m);
    rig_expect_heard(r, "EVENT 700/3; !gateway.started");
    send_event(r, s, 0, 3, &m);
    rig_expect_heard(r, "");
    end(r, s);
}

static void an_event_that_finds_no_room_is_told_when_it_is_taken(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    r->full = true;
    send_event(r, s, 0, 3, &(struct msg_event){.code = EVENT_STARTED});
    rig_expect_heard(r, "");
    assert_true(session_blocked(s));
    r->full = false;
    session_resume(s, r->now);
    rig_expect_heard(r, "EVENT 700/3; !gateway.started");
    end(r, s);
}

static void a_flood_of_events_is_told_at_a_bounded_rate_and_hides_nothing_else(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    uint32_t told = 0;
    for (uint64_t seq = 3; seq < 203; seq++) {
        send_event(r, s, 0, seq, &(struct msg_event){.code = EVENT_STARTED});
        told += strstr(r->heard, "!gateway.started") != NULL;
    }
    assert_int_equal(told, 100);
    send_event(r, s, FRAME_SNAPSHOT, 203, &(struct msg_event){.code = EVENT_STARTED});
    rig_expect_heard(r, "EVENT 700/203; fault bad_record; !link.quarantined");
    rig_advance(r, TM_MINUTE_US);
    send_event(r, s, 0, 204, &(struct msg_event){.code = EVENT_STARTED});
    assert_non_null(strstr(r->detail, " (and 100 more before, not listed)"));
    end(r, s);
}

/* --- what a tombstone says about the end of the backlog --- */

static struct session *with_backlog(struct rig *r, uint64_t oldest, uint64_t next) {
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(next);
    hello.epochs[0].oldest_unacked = oldest;
    hello.n_epochs = 1;
    rig_send_hello(r, s, &hello);
    struct link_settled settled = rig_settled_ok();
    rig_settle(r, &settled);
    assert_int_equal(session_state(s), SESSION_LIVE);
    rig_send_dict(r, s, 0, 0, 1);
    rig_send_data(r, s, FRAME_SNAPSHOT, 0, 0, 1);
    return s;
}

static struct msg_event lost(uint64_t first, uint64_t end) {
    return (struct msg_event){
        .code = EVENT_SAMPLES_LOST,
        .lost = {.epoch = RIG_EPOCH, .first = first, .end = end, .samples = 12, .to_us = 1000000}};
}

static void numbers_that_are_gone_are_not_waited_for(void **state) {
    struct rig *r = *state;
    struct session *s = with_backlog(r, 0, 100); /* 1 to 99 wait */
    for (uint64_t seq = 60; seq < 100; seq++) {
        rig_send_data(r, s, FRAME_JOURNALED | FRAME_BACKLOG, 0, seq, 1);
    }
    struct msg_event m = lost(1, 60);
    assert_int_equal(r->backlog_ends, 0);
    send_event(r, s, 0, 100, &m);
    assert_string_equal(r->detail, "code 5 at 1970-01-01T00:00:00Z; 12 samples from 1970-01-01T00:00:00Z to "
                                   "1970-01-01T00:00:01Z, records 1 to 59: ");
    assert_int_equal(r->backlog_ends, 1);
    end(r, s);
}

static void a_tombstone_in_the_middle_leaves_the_rest_to_be_waited_for(void **state) {
    struct rig *r = *state;
    struct session *s = with_backlog(r, 0, 5); /* 1 to 4 wait */
    struct msg_event m = lost(3, 5);
    send_event(r, s, 0, 5, &m);
    assert_int_equal(r->backlog_ends, 0);
    rig_send_data(r, s, FRAME_JOURNALED | FRAME_BACKLOG, 0, 1, 1);
    assert_int_equal(r->backlog_ends, 0);
    rig_send_data(r, s, FRAME_JOURNALED | FRAME_BACKLOG, 0, 2, 1);
    assert_int_equal(r->backlog_ends, 1);
    end(r, s);
}

static void a_tombstone_of_another_epoch_or_of_nothing_changes_nothing(void **state) {
    struct rig *r = *state;
    struct session *s = with_backlog(r, 0, 2); /* 1 waits */
    struct msg_event m = lost(1, 2);
    m.lost.epoch = 12345;
    send_event(r, s, 0, 2, &m);
    m = lost(1, 1);
    send_event(r, s, 0, 3, &m);
    assert_int_equal(r->backlog_ends, 0);
    end(r, s);
}

static void what_lies_below_the_oldest_number_is_not_waited_for(void **state) {
    struct rig *r = *state;
    struct session *s = with_backlog(r, 4, 5);
    assert_int_equal(r->backlog_ends, 0);
    rig_send_data(r, s, FRAME_JOURNALED | FRAME_BACKLOG, 0, 4, 1);
    assert_int_equal(r->backlog_ends, 1);
    end(r, s);
}

/* --- answers to what was not asked --- */

static void results_of_what_nobody_asked_for_are_stored_and_told(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    struct buf body;
    buf_init(&body, LINK_BODY_MAX);
    prefix_encode(&body, true, &(struct msg_prefix){.seq = 3});
    command_result_encode(&body, &(struct msg_command_result){.stage = COMMAND_STAGE_EXECUTED});
    r->heard[0] = '\0';
    rig_send(r, s, MSG_CMD_RESULT, FRAME_JOURNALED, buf_slice(&body));
    rig_expect_heard(r, "CMD_RESULT 700/3; !link.unasked");
    buf_clear(&body);
    prefix_encode(&body, true, &(struct msg_prefix){.seq = 4});
    config_result_encode(&body, &(struct msg_config_result){.version = 1});
    rig_send(r, s, MSG_CFG_RESULT, FRAME_JOURNALED, buf_slice(&body));
    rig_expect_heard(r, "CFG_RESULT 700/4; !link.unasked");
    rig_expect_said(r, s, "");
    buf_done(&body);
    end(r, s);
}

static void a_part_of_a_configuration_that_is_not_offered_is_empty(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    struct buf body;
    buf_init(&body, LINK_BODY_MAX);
    config_get_encode(&body, &(struct msg_config_get){.version = 7, .offset = 300, .length = 10});
    buf_clear(session_out(s));
    rig_send(r, s, MSG_CFG_GET, 0, buf_slice(&body));
    struct frame f;
    size_t need = 0;
    struct msg_config_chunk chunk;
    const struct buf *out = session_out(s);
    assert_int_equal(frame_parse(out->p, out->n, LINK_BODY_MAX, &f, &need, NULL), FRAME_OK);
    assert_int_equal(f.type, MSG_CFG_CHUNK);
    assert_int_equal(config_chunk_decode(f.body, &chunk, NULL), OK);
    assert_true(chunk.version == 7);
    assert_int_equal(chunk.offset, 300);
    assert_int_equal(chunk.bytes.n, 0);
    buf_done(&body);
    end(r, s);
}

static void an_answer_that_cannot_be_read_ends_the_session(void **state) {
    struct rig *r = *state;
    static const uint8_t types[] = {MSG_CMD_ACK, MSG_CFG_GET};
    for (size_t i = 0; i < COUNT(types); i++) {
        struct session *s = rig_live(r);
        rig_send(r, s, types[i], 0, slice_str("?"));
        rig_expect_said(r, s, "ERROR bad_frame fatal");
        end(r, s);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_event_is_stored_and_told, setup, teardown),
        cmocka_unit_test_setup_teardown(an_event_that_comes_again_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(an_event_that_finds_no_room_is_told_when_it_is_taken, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_flood_of_events_is_told_at_a_bounded_rate_and_hides_nothing_else,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_that_are_gone_are_not_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tombstone_in_the_middle_leaves_the_rest_to_be_waited_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_tombstone_of_another_epoch_or_of_nothing_changes_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_lies_below_the_oldest_number_is_not_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(results_of_what_nobody_asked_for_are_stored_and_told, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_part_of_a_configuration_that_is_not_offered_is_empty, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_answer_that_cannot_be_read_ends_the_session, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
