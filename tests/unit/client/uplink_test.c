/* Covers: uplink_send.c */
#include "server/base/rand.h"
#include "tests/unit/client/uplink_rig.h"

static void hello_names_the_journal_and_nothing_is_sent_before_welcome(void **state) {
    struct rig *r = *state;
    rig_produce(r, 1);
    uplink_begin(r->u, r->now);
    rig_run(r);
    assert_int_equal(r->n_seen, 1);
    assert_true(slice_is(r->hello.gateway, "gw"));
    assert_int_equal(r->hello.n_epochs, 1);
    assert_true(r->hello.epochs[0].epoch == journal_epoch(r->journal));
    assert_true(r->hello.epochs[0].next_seq == 2 && r->hello.epochs[0].oldest_unacked == 0);
    assert_true(r->hello.journal_bytes > 0 && r->hello.oldest_sample_us == RIG_T0 + 1000);
    rig_produce(r, 2);
    rig_run(r);
    assert_int_equal(r->n_seen, 0);
}

static void after_welcome_come_dictionary_snapshot_and_only_then_the_backlog(void **state) {
    struct rig *r = *state;
    rig_produce(r, 1);
    rig_produce(r, 2);
    rig_connect(r);
    uint32_t i = r->seen[0].type == MSG_PING ? 1 : 0;
    assert_int_equal(r->seen[i].type, MSG_DICT);
    assert_true((r->seen[i].flags & FRAME_JOURNALED) != 0 && r->seen[i].prefix.seq == 0);
    assert_int_equal(r->seen[i + 1].flags, FRAME_SNAPSHOT);
    assert_int_equal(r->seen[i + 1].samples, RIG_TAGS);
    assert_true(r->seen[i + 1].first_value == 2);
    assert_true(r->seen[i + 1].prefix.dict == 1);
    assert_int_equal(rig_backlog(r), 2);
    assert_int_equal(rig_live(r), 0);
    rig_ack(r, 0, 0, 3);
    assert_true(rig_waiting(r) == 0);
    rig_run(r);
    assert_int_equal(r->n_seen, 0);
}

static void new_records_go_to_the_live_lane_in_order(void **state) {
    struct rig *r = *state;
    rig_connect(r);
    rig_produce(r, 1);
    rig_produce(r, 2);
    rig_run(r);
    assert_int_equal(rig_live(r), 2);
    uint64_t last = 0;
    for (uint32_t i = 0; i < r->n_seen; i++) {
        if (r->seen[i].type == MSG_DATA && (r->seen[i].flags & FRAME_JOURNALED) != 0) {
            assert_true(r->seen[i].prefix.seq > last);
            last = r->seen[i].prefix.seq;
        }
    }
    assert_int_equal(rig_count_of(r, MSG_DICT, FRAME_BACKLOG, 0), 1);
}

static void welcome_drops_what_is_committed_and_the_rest_is_sent_once(void **state) {
    struct rig *r = *state;
    for (int i = 0; i < 5; i++) {
        rig_produce(r, i);
    }
    struct msg_epoch committed = {
        .epoch = journal_epoch(r->journal), .n_ranges = 2, .ranges = {{0, 2}, {4, 5}}};
    rig_connect_with(r, &rig_usual, &committed, 1);
    assert_true(rig_waiting(r) == 3);
    assert_int_equal(rig_count_of(r, MSG_DICT, 0, 0), 0);
    assert_int_equal(rig_backlog(r), 3);
    uint64_t expected[] = {2, 3, 5};
    uint32_t k = 0;
    for (uint32_t i = 0; i < r->n_seen; i++) {
        if ((r->seen[i].flags & FRAME_BACKLOG) != 0) {
            assert_true(r->seen[i].prefix.seq == expected[k++]);
        }
    }
}

static void what_was_not_acknowledged_is_sent_again_after_a_reconnection(void **state) {
    struct rig *r = *state;
    rig_connect(r);
    rig_produce(r, 1);
    rig_produce(r, 2);
    rig_run(r);
    rig_ack(r, 0, 0, 2);
    uplink_lost(r->u, "cut");
    rig_produce(r, 3);
    rig_connect(r);
    assert_int_equal(rig_backlog(r), 2);
    rig_ack(r, 0, 2, 4);
    assert_true(rig_waiting(r) == 0);
}

static void records_of_an_earlier_start_keep_their_epoch_and_go_as_backlog(void **state) {
    struct rig *r = *state;
    rig_produce(r, 1);
    uint64_t old = journal_epoch(r->journal);
    rig_end(r);
    rig_start(r);
    rig_produce(r, 2);
    rig_connect(r);
    assert_int_equal(r->hello.n_epochs, 2);
    assert_true(r->hello.epochs[1].epoch == old && r->hello.epochs[1].next_seq == 2);
    uint32_t of_old = 0;
    for (uint32_t i = 0; i < r->n_seen; i++) {
        of_old += (r->seen[i].flags & FRAME_BACKLOG) != 0 && r->seen[i].prefix.ep == 1;
    }
    assert_int_equal(of_old, 2);
    rig_ack(r, 1, 0, 2);
    rig_ack(r, 0, 0, 2);
    assert_true(rig_waiting(r) == 0);
}

static void the_window_stops_records_and_an_ack_lets_them_go_on(void **state) {
    struct rig *r = *state;
    struct rig_terms terms = {LINK_WINDOW_BYTES, 4, 1000000, SERVER_STORING};
    rig_connect_with(r, &terms, NULL, 0);
    for (int i = 0; i < 10; i++) {
        rig_produce(r, i);
    }
    rig_run(r);
    assert_int_equal(rig_live(r) + rig_count_of(r, MSG_DICT, 0, 0), 4);
    rig_ack(r, 0, 0, 2);
    rig_run(r);
    assert_int_equal(rig_live(r), 2);
    rig_ack(r, 0, 0, 100);
    rig_run(r);
    assert_int_equal(rig_live(r), 4);
}

static void the_window_counts_bytes_too(void **state) {
    struct rig *r = *state;
    struct rig_terms terms = {500, 200, 1000000, SERVER_STORING};
    rig_connect_with(r, &terms, NULL, 0);
    for (int i = 0; i < 50; i++) {
        rig_produce(r, i);
    }
    rig_run(r);
    assert_true(rig_live(r) > 0 && rig_live(r) < 20);
}

static void while_the_window_is_full_values_still_arrive_as_snapshots(void **state) {
    struct rig *r = *state;
    struct rig_terms terms = {LINK_WINDOW_BYTES, 2, 1000000, SERVER_STORING};
    rig_connect_with(r, &terms, NULL, 0);
    rig_produce(r, 1);
    rig_run(r);
    for (int i = 2; i < 6; i++) {
        rig_produce(r, i);
        rig_run(r);
        assert_int_equal(rig_live(r), 0);
        assert_int_equal(rig_snapshots(r), 1);
        assert_int_equal(r->seen[0].samples, RIG_TAGS);
        assert_true(r->seen[0].first_value == i);
        rig_run(r);
        assert_int_equal(r->n_seen, 0);
    }
}

static void a_server_that_does_not_store_gets_snapshots_only_until_it_stores_again(void **state) {
    struct rig *r = *state;
    struct rig_terms terms = {LINK_WINDOW_BYTES, LINK_WINDOW_FRAMES, 1000000, SERVER_NOT_STORING};
    rig_produce(r, 1);
    rig_connect_with(r, &terms, NULL, 0);
    assert_int_equal(rig_count_of(r, MSG_DICT, 0, 0), 1);
    assert_int_equal(rig_snapshots(r), 1);
    assert_int_equal(rig_backlog(r), 0);
    rig_produce(r, 2);
    rig_run(r);
    assert_int_equal(rig_live(r), 0);
    assert_int_equal(rig_snapshots(r), 1);
    /* It asks more often than usual whether that is over. */
    rig_advance_ms(r, 2000);
    assert_int_equal(rig_count_of(r, MSG_PING, 0, 0), 1);
    rig_ack_state(r, 0, 0, 1, SERVER_STORING);
    rig_run(r);
    assert_int_equal(rig_live(r), 1);
    assert_int_equal(rig_backlog(r), 1);
}

static void what_gathered_is_named_by_hello_and_goes_as_one_record_of_the_backlog(void **state) {
    struct rig *r = *state;
    r->recorder.gathers = true;
    for (int i = 0; i < 5; i++) {
        assert_false(uplink_is_live(r->u));
        rig_produce(r, i);
    }
    assert_true(journal_next_seq(r->journal) == 1);
    rig_connect(r);
    assert_true(r->hello.epochs[0].next_seq == 2);
    assert_int_equal(rig_backlog(r), 1);
    assert_int_equal(rig_live(r), 0);
    assert_true(r->seen[r->n_seen - 1].samples == 5 * RIG_TAGS);
    assert_true(uplink_is_live(r->u));
}

static void while_a_server_does_not_store_values_that_gather_still_arrive_as_snapshots(void **state) {
    struct rig *r = *state;
    struct rig_terms terms = {LINK_WINDOW_BYTES, LINK_WINDOW_FRAMES, 1000000, SERVER_NOT_STORING};
    rig_produce(r, 1);
    rig_connect_with(r, &terms, NULL, 0);
    assert_false(uplink_is_live(r->u));
    r->recorder.gathers = true;
    for (int i = 0; i < 3; i++) {
        rig_produce(r, 2 + i);
        rig_run(r);
        assert_int_equal(rig_snapshots(r), 1);
        assert_int_equal(rig_live(r) + rig_backlog(r), 0);
    }
    assert_true(journal_holds(r->journal));
}

static void values_that_the_journal_did_not_take_still_arrive(void **state) {
    struct rig *r = *state;
    rig_produce(r, 1);
    rig_connect(r);
    assert_int_equal(tags_put(r->tags, 1, r->now.wall_us + 5, 9, 0, NULL), OK);
    uplink_flushed(r->u, UPLINK_NOT_SAVED, r->now);
    rig_run(r);
    assert_int_equal(rig_snapshots(r), 1);
    assert_true(r->seen[0].samples == 1 && r->seen[0].first_value == 9);
}

static void the_backlog_keeps_to_its_rate_and_live_records_overtake_it(void **state) {
    struct rig *r = *state;
    for (int i = 0; i < 200; i++) {
        rig_produce(r, i);
    }
    struct rig_terms terms = {LINK_WINDOW_BYTES, LINK_WINDOW_FRAMES, 500, SERVER_STORING};
    rig_connect_with(r, &terms, NULL, 0);
    uint32_t first = rig_backlog(r);
    assert_true(first > 0 && first < 20);
    rig_run(r);
    assert_int_equal(rig_backlog(r), 0);
    assert_true(uplink_next_mono_us(r->u) < r->now.mono_us + 2000000);
    rig_produce(r, 1000);
    rig_advance_ms(r, 1000);
    uint32_t second = rig_backlog(r);
    assert_true(second > 0 && second < 20);
    assert_int_equal(r->seen[0].flags & FRAME_BACKLOG, 0);
    assert_int_equal(rig_live(r), 1);
}

static void a_backlog_rate_of_zero_holds_it_until_the_window_says_otherwise(void **state) {
    struct rig *r = *state;
    rig_produce(r, 1);
    rig_produce(r, 2);
    struct rig_terms terms = {LINK_WINDOW_BYTES, LINK_WINDOW_FRAMES, 0, SERVER_STORING};
    rig_connect_with(r, &terms, NULL, 0);
    assert_int_equal(rig_backlog(r), 0);
    rig_advance_ms(r, 5000);
    assert_int_equal(rig_backlog(r), 0);
    struct buf body;
    buf_init(&body, 100);
    struct msg_window m = {.bytes = 100000, .frames = 10, .backlog_rate = 100000};
    window_encode(&body, &m);
    rig_say(r, MSG_WINDOW, &body);
    buf_done(&body);
    rig_advance_ms(r, 1000);
    assert_int_equal(rig_backlog(r), 2);
}

static void the_backlog_leaves_half_of_the_window_to_live_records(void **state) {
    struct rig *r = *state;
    for (int i = 0; i < 50; i++) {
        rig_produce(r, i);
    }
    struct rig_terms terms = {LINK_WINDOW_BYTES, 10, 1000000, SERVER_STORING};
    rig_connect_with(r, &terms, NULL, 0);
    assert_int_equal(rig_backlog(r) + rig_count_of(r, MSG_DICT, 0, 0), 5);
    for (int i = 0; i < 5; i++) {
        rig_produce(r, i);
    }
    rig_run(r);
    assert_int_equal(rig_live(r), 5);
}

static void an_ack_for_what_was_never_sent_commits_nothing(void **state) {
    struct rig *r = *state;
    struct rig_terms terms = {LINK_WINDOW_BYTES, 2, 1000000, SERVER_STORING};
    rig_connect_with(r, &terms, NULL, 0);
    for (int i = 0; i < 10; i++) {
        rig_produce(r, i);
    }
    rig_run(r);
    rig_ack(r, 0, 0, 1000000);
    assert_true(rig_waiting(r) == 9);
}

static void refresh_brings_a_snapshot_but_not_more_than_one_a_second(void **state) {
    struct rig *r = *state;
    struct buf none;
    buf_init(&none, 1);
    rig_produce(r, 1);
    rig_connect(r);
    rig_advance_ms(r, 1500);
    for (int i = 0; i < 100; i++) {
        rig_say(r, MSG_REFRESH, &none);
    }
    rig_run(r);
    assert_int_equal(rig_snapshots(r), 1);
    rig_say(r, MSG_REFRESH, &none);
    rig_run(r);
    assert_int_equal(rig_snapshots(r), 0);
    assert_true(uplink_next_mono_us(r->u) <= r->now.mono_us + 1000000);
    rig_advance_ms(r, 1001);
    assert_int_equal(rig_snapshots(r), 1);
    buf_done(&none);
}

static void pings_are_answered_and_sent_and_measure_the_clock(void **state) {
    struct rig *r = *state;
    rig_connect(r);
    assert_int_equal(rig_count_of(r, MSG_PING, 0, 0), 1);
    struct buf body;
    buf_init(&body, 100);
    ping_encode(&body, &(struct msg_ping){.id = 77, .t0_us = 5});
    rig_say(r, MSG_PING, &body);
    rig_run(r);
    assert_true(rig_count_of(r, MSG_PONG, 0, 0) == 1 && r->pong.id == 77 && r->pong.t0_us == 5);
    buf_clear(&body);
    int64_t server_us = r->now.wall_us + 3000000;
    pong_encode(&body, &(struct msg_pong){
                           .id = r->ping.id, .t0_us = r->ping.t0_us, .t1_us = server_us, .t2_us = server_us});
    rig_say(r, MSG_PONG, &body);
    struct uplink_status status;
    uplink_get_status(r->u, &status);
    assert_true(status.has_offset && status.clock_offset_us == 3000000);
    /* An answer to nothing, with absurd times, changes nothing. */
    buf_clear(&body);
    pong_encode(&body, &(struct msg_pong){
                           .id = r->ping.id, .t0_us = INT64_MIN, .t1_us = INT64_MAX, .t2_us = INT64_MIN});
    rig_say(r, MSG_PONG, &body);
    uplink_get_status(r->u, &status);
    assert_true(status.clock_offset_us == 3000000);
    rig_advance_ms(r, 10000);
    assert_int_equal(rig_count_of(r, MSG_PING, 0, 0), 1);
    buf_done(&body);
}

static void silence_ends_the_session_and_so_does_a_missing_welcome(void **state) {
    struct rig *r = *state;
    uplink_begin(r->u, r->now);
    rig_advance_ms(r, LINK_DEAD_MS - 1);
    assert_int_equal(uplink_state(r->u), UPLINK_GREETING);
    rig_advance_ms(r, 1);
    assert_int_equal(uplink_state(r->u), UPLINK_ENDED);
    assert_int_equal(uplink_end(r->u), UPLINK_END_LOST);
    rig_connect(r);
    rig_advance_ms(r, 29999);
    assert_int_equal(uplink_state(r->u), UPLINK_UP);
    rig_advance_ms(r, 1);
    assert_int_equal(uplink_state(r->u), UPLINK_ENDED);
    assert_non_null(strstr(uplink_reason(r->u), "silent"));
}

static void goodbye_of_the_server_says_when_to_come_again(void **state) {
    struct rig *r = *state;
    rig_connect(r);
    struct buf body;
    buf_init(&body, 200);
    bye_encode(&body, &(struct msg_bye){
                          .reason = BYE_RESTART, .reconnect_after_ms = 1234, .text = slice_str("restart")});
    rig_say(r, MSG_BYE, &body);
    assert_int_equal(uplink_end(r->u), UPLINK_END_BYE);
    assert_int_equal(uplink_after_ms(r->u), 1234);
    assert_non_null(strstr(uplink_reason(r->u), "restart"));
    buf_done(&body);
}

static void our_goodbye_is_said(void **state) {
    struct rig *r = *state;
    rig_connect(r);
    uplink_bye(r->u, "stop");
    rig_run(r);
    assert_int_equal(rig_count_of(r, MSG_BYE, 0, 0), 1);
    assert_int_equal(uplink_end(r->u), UPLINK_END_OURS);
}

static void a_server_that_asks_for_order_gets_the_backlog_before_what_is_live(void **state) {
    struct rig *r = *state;
    rig_produce(r, 1);
    rig_produce(r, 2);
    struct rig_terms slow = rig_usual;
    slow.backlog_rate = 1;
    rig_connect_with(r, &slow, NULL, 0);
    rig_error(r, LINK_FLOW, false, 0);
    uint32_t live = rig_live(r);
    rig_produce(r, 3);
    rig_run(r);
    assert_int_equal(rig_live(r), live);
    assert_true(rig_snapshots(r) > 0);
    for (int i = 0; i < 600 && rig_live(r) == live; i++) {
        rig_advance_ms(r, 10000);
        rig_ack(r, 0, 0, 1000);
    }
    assert_true(rig_live(r) > live);
    rig_ack(r, 0, 0, 1000);
    assert_int_equal(rig_waiting(r), 0);
}

static void a_fork_of_the_journal_is_filed_under_a_new_epoch_and_delivered_there(void **state) {
    struct rig *r = *state;
    static const uint16_t codes[] = {LINK_SEQ_CONFLICT, LINK_EPOCH_ROLLBACK};
    for (size_t i = 0; i < COUNT(codes); i++) {
        rig_produce(r, 1);
        rig_connect(r);
        uint64_t before = journal_epoch(r->journal);
        rig_error(r, codes[i], true, 0);
        assert_int_equal(uplink_end(r->u), UPLINK_END_AGAIN);
        assert_true(journal_epoch(r->journal) != before);
        rig_produce(r, 2);
        rig_connect(r);
        assert_true(r->hello.epochs[0].epoch == journal_epoch(r->journal));
        assert_true(rig_backlog(r) >= 2);
        rig_ack(r, 0, 0, 1000);
        assert_true(rig_waiting(r) == 0);
        uplink_lost(r->u, "cut");
    }
}

static void a_welcome_that_knows_more_than_the_journal_is_a_fork(void **state) {
    struct rig *r = *state;
    rig_produce(r, 1);
    uint64_t before = journal_epoch(r->journal);
    struct msg_epoch committed = {.epoch = before, .n_ranges = 1, .ranges = {{0, 3}}};
    rig_connect_with(r, &rig_usual, &committed, 1);
    assert_int_equal(uplink_end(r->u), UPLINK_END_AGAIN);
    assert_true(journal_epoch(r->journal) != before);
    assert_true(rig_waiting(r) == 2);
}

/* Its database was set back: what the journal still has is named by a new HELLO and sent, once; a server that
 * lacks it all the same is believed. */
static void a_welcome_that_lacks_what_was_acknowledged_has_it_sent_again(void **state) {
    struct rig *r = *state;
    rig_end(r);
    r->keep_bytes = 1 << 20;
    rig_start(r);
    uint64_t epoch = journal_epoch(r->journal);
    rig_connect(r);
    for (int i = 0; i < 5; i++) {
        rig_produce(r, i);
        rig_run(r);
    }
    rig_ack(r, 0, 0, 1000);
    assert_true(rig_waiting(r) == 0);
    uint64_t end = journal_next_seq(r->journal);
    uplink_lost(r->u, "cut");
    struct msg_epoch has = {.epoch = epoch, .n_ranges = 1, .ranges = {{0, end}}};
    rig_connect_with(r, &rig_usual, &has, 1);
    assert_true(rig_waiting(r) == 0 && journal_epoch(r->journal) == epoch);
    uplink_lost(r->u, "cut");

    has.ranges[0].end = 3;
    uint32_t notes = r->notes;
    rig_connect_with(r, &rig_usual, &has, 1);
    assert_int_equal(uplink_end(r->u), UPLINK_END_AGAIN);
    assert_true(r->notes == notes + 1);
    assert_true(journal_epoch(r->journal) != epoch);
    rig_produce(r, 9);
    rig_connect_with(r, &rig_usual, &has, 1);
    assert_int_equal(r->hello.n_epochs, 2);
    assert_true(r->hello.epochs[1].epoch == epoch && r->hello.epochs[1].oldest_unacked == 0 &&
                r->hello.epochs[1].next_seq == end);
    assert_int_equal(rig_backlog(r), end - 3 + 1);
    /* Acknowledged, and lacking again at once: such a server is not heard before some time has gone by. */
    rig_ack(r, 1, 0, end);
    uplink_lost(r->u, "cut");
    uint64_t present = journal_epoch(r->journal);
    rig_connect_with(r, &rig_usual, NULL, 0);
    assert_true(journal_epoch(r->journal) == present);
}

static void a_server_without_our_dictionary_gets_it_again_under_a_new_number(void **state) {
    struct rig *r = *state;
    rig_produce(r, 1);
    rig_connect(r);
    rig_ack(r, 0, 0, 2);
    rig_error(r, LINK_UNKNOWN_DICT, false, 0);
    rig_error(r, LINK_UNKNOWN_DICT, false, 0);
    rig_produce(r, 2);
    rig_run(r);
    assert_int_equal(rig_count_of(r, MSG_DICT, 0, 0), 1);
    assert_int_equal(r->seen[0].type, MSG_DICT);
    assert_true(r->seen[0].prefix.dict == 2);
    assert_int_equal(r->notes, 2);
}

static void other_complaints_are_noted_and_fatal_ones_end_the_session(void **state) {
    struct rig *r = *state;
    rig_connect(r);
    rig_error(r, LINK_BAD_RECORD, false, 0);
    assert_int_equal(uplink_state(r->u), UPLINK_UP);
    assert_int_equal(r->notes, 1);
    rig_error(r, LINK_FLOW, true, 0);
    assert_int_equal(uplink_end(r->u), UPLINK_END_REFUSED);
    assert_non_null(strstr(uplink_reason(r->u), "flow: because"));
}

static void what_breaks_the_rules_is_refused_with_the_reason(void **state) {
    struct rig *r = *state;
    static const struct {
        const char *bytes;
        size_t n;
        uint16_t code;
    } cases[] = {
        {"HTTP/1.1 400 Bad Request", 24, LINK_BAD_FRAME},
        {"\xB7\x10\x01\x00\x00\x00\x00\x00", 8, LINK_BAD_FRAME},   /* DICT */
        {"\xB7\x90\x00\x00\x00\x00\x00\x00", 8, LINK_UNSUPPORTED}, /* CMD of a later version */
        {"\xB7\x05\x10\x00\x00\x00\x00\x00", 8, LINK_UNSUPPORTED}, /* a flag that must be understood */
        {"\xB7\x05\x00\x00\xff\xff\xff\x7f", 8, LINK_TOO_BIG},     /* a body of 2 GiB */
        {"\xB7\x18\x00\x00\x00\x00\x00\x00", 8, LINK_BAD_FRAME},   /* an empty ACK */
        {"\xB7\x18\x00\x00\x03\x00\x00\x00\x07\x00\x00", 11, LINK_BAD_FRAME}, /* of epoch 7 */
        {"\xB7\x02\x00\x00\x00\x00\x00\x00", 8, LINK_BAD_FRAME},              /* an empty WELCOME */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        rig_connect(r);
        uplink_receive(r->u, cases[i].bytes, cases[i].n, r->now);
        assert_int_equal(uplink_state(r->u), UPLINK_ENDED);
        assert_int_equal(uplink_end(r->u), UPLINK_END_REFUSED);
        rig_run(r);
        assert_int_equal(rig_count_of(r, MSG_ERROR, 0, 0), 1);
        assert_int_equal(r->seen[r->n_seen - 1].code, cases[i].code);
    }
    /* Unknown types that may be skipped are. */
    rig_connect(r);
    uplink_receive(r->u, "\xB7\x70\x00\x00\x02\x00\x00\x00xx", 10, r->now);
    assert_int_equal(uplink_state(r->u), UPLINK_UP);
}

static void before_welcome_the_servers_frames_are_small_too(void **state) {
    struct rig *r = *state;
    uplink_begin(r->u, r->now);
    rig_run(r);
    uplink_receive(r->u, "\xB7\x70\x00\x00\x01\x10\x00\x00", 8, r->now); /* 4097 bytes follow */
    assert_int_equal(uplink_state(r->u), UPLINK_ENDED);
    rig_run(r);
    assert_int_equal(r->seen[r->n_seen - 1].code, LINK_TOO_BIG);
    rig_connect(r);
    uplink_receive(r->u, "\xB7\x70\x00\x00\x01\x10\x00\x00", 8, r->now);
    assert_int_equal(uplink_state(r->u), UPLINK_UP);
}

static void frames_may_come_byte_by_byte_or_all_at_once(void **state) {
    struct rig *r = *state;
    rig_connect(r);
    struct buf wire;
    buf_init(&wire, 1000);
    for (int i = 0; i < 3; i++) {
        size_t mark = frame_begin(&wire, MSG_PING, 0);
        ping_encode(&wire, &(struct msg_ping){.id = (uint64_t)i});
        frame_end(&wire, mark);
    }
    for (size_t i = 0; i < wire.n; i++) {
        uplink_receive(r->u, wire.p + i, 1, r->now);
    }
    uplink_receive(r->u, wire.p, wire.n, r->now);
    rig_run(r);
    assert_int_equal(rig_count_of(r, MSG_PONG, 0, 0), 6);
    buf_done(&wire);
}

static void only_durable_records_are_sent(void **state) {
    struct rig *r = *state;
    rig_connect(r);
    rig_produce(r, 1);
    rig_run(r);
    assert_int_equal(tags_put(r->tags, 0, r->now.wall_us + 9, 2, 0, NULL), OK);
    assert_int_equal(recorder_flush(&r->recorder, r->now, NULL), OK);
    uplink_flushed(r->u, UPLINK_SAVED, r->now);
    rig_run(r);
    assert_int_equal(r->n_seen, 0);
    assert_int_equal(journal_sync(r->journal, NULL), OK);
    rig_run(r);
    assert_int_equal(rig_live(r), 1);
}

static void more_epochs_than_a_greeting_names_come_in_the_next_session(void **state) {
    struct rig *r = *state;
    enum { STARTS = LINK_EPOCHS_MAX + 4 };
    for (int i = 0; i < STARTS; i++) {
        rig_produce(r, i);
        rig_end(r);
        rig_start(r);
    }
    rig_produce(r, 99);
    for (int session = 0; session < 3 && rig_waiting(r) > 0; session++) {
        rig_connect(r);
        for (uint32_t ep = 0; ep < r->hello.n_epochs; ep++) {
            rig_ack(r, ep, 0, 100);
        }
        rig_run(r);
    }
    assert_true(rig_waiting(r) == 0);
    assert_int_equal(uplink_state(r->u), UPLINK_UP);
}

static void a_stuck_line_does_not_make_the_output_grow(void **state) {
    struct rig *r = *state;
    rig_connect(r);
    r->stuck = true;
    for (int i = 0; i < 3000; i++) {
        rig_produce(r, i);
        uplink_advance(r->u, r->now);
    }
    assert_true(uplink_output(r->u).n < 200000);
    assert_int_equal(uplink_state(r->u), UPLINK_UP);
}

static uint64_t seed_of_this_run(void) {
    uint64_t seed = getenv("SEED") != NULL ? strtoull(getenv("SEED"), NULL, 10) : 4711;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* Random loss, restarts, late and partial acknowledgements against a server that keeps what it got; in the
 * end all is there, once. */
static void random_schedules_lose_nothing_and_repeat_nothing_that_was_acknowledged(void **state) {
    struct rig *r = *state;
    enum { EPOCHS = 400, SEQS = 400, STEPS = 4000 };
    static bool committed[EPOCHS][SEQS];
    static bool told[EPOCHS][SEQS]; /* acknowledged to the gateway while it lived */
    memset(committed, 0, sizeof committed);
    memset(told, 0, sizeof told);
    struct rand rand;
    rand_seed(&rand, seed_of_this_run());
    uint64_t base = r->epoch;
    for (int step = 0; step < STEPS; step++) {
        uint64_t dice = rand_below(&rand, 100);
        bool last = step >= STEPS - 200;
        if (dice < 40 && !last) {
            rig_produce(r, step);
        } else if (dice < 44 && !last && r->epoch < base + EPOCHS - 2) {
            rig_end(r);
            rig_start(r);
            memset(told, 0, sizeof told);
        } else if (dice < 50 && !last && uplink_state(r->u) == UPLINK_UP) {
            uplink_lost(r->u, "cut");
        }
        if (uplink_state(r->u) != UPLINK_UP) {
            uplink_begin(r->u, r->now);
            rig_run(r);
            struct msg_epoch v[LINK_EPOCHS_MAX] = {0};
            for (uint32_t e = 0; e < r->hello.n_epochs; e++) {
                v[e].epoch = r->hello.epochs[e].epoch;
                bool *row = committed[v[e].epoch - base];
                for (uint64_t s = 0; s < SEQS; s++) {
                    bool starts = row[s] && (s == 0 || !row[s - 1]);
                    if (starts && v[e].n_ranges < LINK_ACK_RANGES_MAX) {
                        v[e].ranges[v[e].n_ranges++] = (struct seq_range){s, s};
                    }
                    if (row[s] && v[e].n_ranges > 0 && v[e].ranges[v[e].n_ranges - 1].end == s) {
                        v[e].ranges[v[e].n_ranges - 1].end = s + 1;
                    }
                }
            }
            rig_welcome_with(r, &rig_usual, v, r->hello.n_epochs);
        }
        rig_advance_ms(r, 10);
        for (uint32_t i = 0; i < r->n_seen; i++) {
            struct rig_seen *f = &r->seen[i];
            if ((f->flags & FRAME_JOURNALED) == 0) {
                continue;
            }
            uint64_t e = r->hello.epochs[f->prefix.ep].epoch - base;
            assert_true(e < EPOCHS && f->prefix.seq < SEQS);
            assert_false(told[e][f->prefix.seq]);
            if (!last && rand_below(&rand, 4) == 0) {
                continue; /* received, and lost with the server's crash */
            }
            committed[e][f->prefix.seq] = true;
            if (last || rand_below(&rand, 2) == 0) {
                told[e][f->prefix.seq] = true;
                rig_ack(r, f->prefix.ep, f->prefix.seq, f->prefix.seq + 1);
            }
        }
        if (last && step % 10 == 0 && uplink_state(r->u) == UPLINK_UP) {
            uplink_lost(r->u, "cut"); /* what the server lost is sent again after this */
        }
    }
    assert_true(rig_waiting(r) == 0);
}

/* One frame of each kind that a server sends. */
static void all_frames(struct rig *r, struct buf *out) {
    struct msg_welcome welcome = {
        .version = LINK_VERSION,
        .n_epochs = 1,
        .epochs = {{.epoch = r->hello.epochs[0].epoch, .n_ranges = 1, .ranges = {{0, 1}}}},
        .window_bytes = 100000,
        .window_frames = 10,
        .max_frame = LINK_BODY_MAX,
        .backlog_rate = 1000};
    size_t mark = frame_begin(out, MSG_WELCOME, 0);
    welcome_encode(out, &welcome);
    frame_end(out, mark);
    mark = frame_begin(out, MSG_ACK, 0);
    ack_encode(out, &(struct msg_ack){.n_ranges = 2, .ranges = {{0, 2}, {4, 7}}});
    frame_end(out, mark);
    mark = frame_begin(out, MSG_PING, 0);
    ping_encode(out, &(struct msg_ping){.id = 1, .t0_us = 2});
    frame_end(out, mark);
    mark = frame_begin(out, MSG_PONG, 0);
    pong_encode(out, &(struct msg_pong){.id = 1, .t0_us = r->now.wall_us});
    frame_end(out, mark);
    mark = frame_begin(out, MSG_WINDOW, 0);
    window_encode(out, &(struct msg_window){.bytes = 5000, .frames = 7, .backlog_rate = 100});
    frame_end(out, mark);
    frame_append(out, MSG_REFRESH, 0, slice_of("", 0));
    mark = frame_begin(out, MSG_ERROR, 0);
    error_encode(out, &(struct msg_error){.code = LINK_UNKNOWN_DICT, .text = slice_str("text")});
    frame_end(out, mark);
    mark = frame_begin(out, MSG_BYE, 0);
    bye_encode(out, &(struct msg_bye){.reason = BYE_RETRY, .text = slice_str("text")});
    frame_end(out, mark);
}

static void nothing_that_a_server_sends_breaks_the_gateway(void **state) {
    struct rig *r = *state;
    struct rand rand;
    rand_seed(&rand, seed_of_this_run());
    struct buf bytes;
    buf_init(&bytes, 100000);
    for (int round = 0; round < 3000; round++) {
        if (uplink_state(r->u) == UPLINK_ENDED || uplink_state(r->u) == UPLINK_IDLE) {
            uplink_begin(r->u, r->now);
            rig_run(r);
        }
        buf_clear(&bytes);
        all_frames(r, &bytes);
        for (uint64_t n = rand_below(&rand, 4); n > 0; n--) {
            bytes.p[rand_below(&rand, bytes.n)] ^= (uint8_t)(1U << rand_below(&rand, 8));
        }
        size_t from = rand_below(&rand, 3) == 0 ? rand_below(&rand, bytes.n) : 0;
        uplink_receive(r->u, bytes.p + from, bytes.n - from, r->now);
        if (round % 10 == 0) {
            rig_produce(r, round);
        }
        rig_advance_ms(r, (int64_t)rand_below(&rand, 3000));
    }
    buf_done(&bytes);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(hello_names_the_journal_and_nothing_is_sent_before_welcome),
        T(after_welcome_come_dictionary_snapshot_and_only_then_the_backlog),
        T(new_records_go_to_the_live_lane_in_order),
        T(welcome_drops_what_is_committed_and_the_rest_is_sent_once),
        T(what_was_not_acknowledged_is_sent_again_after_a_reconnection),
        T(records_of_an_earlier_start_keep_their_epoch_and_go_as_backlog),
        T(the_window_stops_records_and_an_ack_lets_them_go_on),
        T(the_window_counts_bytes_too),
        T(while_the_window_is_full_values_still_arrive_as_snapshots),
        T(a_server_that_does_not_store_gets_snapshots_only_until_it_stores_again),
        T(what_gathered_is_named_by_hello_and_goes_as_one_record_of_the_backlog),
        T(while_a_server_does_not_store_values_that_gather_still_arrive_as_snapshots),
        T(values_that_the_journal_did_not_take_still_arrive),
        T(the_backlog_keeps_to_its_rate_and_live_records_overtake_it),
        T(a_backlog_rate_of_zero_holds_it_until_the_window_says_otherwise),
        T(the_backlog_leaves_half_of_the_window_to_live_records),
        T(an_ack_for_what_was_never_sent_commits_nothing),
        T(refresh_brings_a_snapshot_but_not_more_than_one_a_second),
        T(pings_are_answered_and_sent_and_measure_the_clock),
        T(silence_ends_the_session_and_so_does_a_missing_welcome),
        T(goodbye_of_the_server_says_when_to_come_again),
        T(our_goodbye_is_said),
        T(a_server_that_asks_for_order_gets_the_backlog_before_what_is_live),
        T(a_fork_of_the_journal_is_filed_under_a_new_epoch_and_delivered_there),
        T(a_welcome_that_knows_more_than_the_journal_is_a_fork),
        T(a_welcome_that_lacks_what_was_acknowledged_has_it_sent_again),
        T(a_server_without_our_dictionary_gets_it_again_under_a_new_number),
        T(other_complaints_are_noted_and_fatal_ones_end_the_session),
        T(what_breaks_the_rules_is_refused_with_the_reason),
        T(before_welcome_the_servers_frames_are_small_too),
        T(frames_may_come_byte_by_byte_or_all_at_once),
        T(only_durable_records_are_sent),
        T(more_epochs_than_a_greeting_names_come_in_the_next_session),
        T(a_stuck_line_does_not_make_the_output_grow),
        T(nothing_that_a_server_sends_breaks_the_gateway),
        T(random_schedules_lose_nothing_and_repeat_nothing_that_was_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
