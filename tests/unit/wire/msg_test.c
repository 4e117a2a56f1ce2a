/* Covers: msg.c, hello.c, ranges_wire.c. What must hold for each control message, by one table; then what is
 * particular to each. */
#include "protocol/msg.h"
#include "protocol/wire.h"
#include "tests/unit/wire/message_table.h"

#include <math.h>

union any {
    struct msg_hello hello;
    struct msg_welcome welcome;
    struct msg_error error;
    struct msg_bye bye;
    struct msg_ping ping;
    struct msg_pong pong;
    struct msg_window window;
    struct msg_ack ack;
};

CODEC(hello)
CODEC(welcome)
CODEC(error)
CODEC(bye)
CODEC(ping)
CODEC(pong)
CODEC(window)
CODEC(ack)

static void fill_ranges(struct seq_range *v, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        v[i].first = i == 0 ? 0 : v[i - 1].end + 1000 + i;
        v[i].end = v[i].first + 1 + UINT64_C(300) * i;
    }
    v[n - 1].end = UINT64_MAX;
}

static void hello_full(void *ret) {
    struct msg_hello *m = ret;
    *m = (struct msg_hello){.version_min = 1,
                            .version_max = UINT16_MAX,
                            .gateway = text_of(LINK_NAME_MAX),
                            .software = text_of(LINK_NAME_MAX),
                            .n_epochs = LINK_EPOCHS_MAX,
                            .now_us = INT64_MIN,
                            .clock_source = CLOCK_GNSS,
                            .clock_error_us = UINT64_MAX,
                            .caps = UINT64_MAX,
                            .max_rx_frame = UINT32_MAX,
                            .journal_bytes = UINT64_MAX,
                            .journal_capacity = UINT64_MAX,
                            .oldest_sample_us = INT64_MAX,
                            .dropped_total = UINT64_MAX,
                            .config_version = UINT64_MAX};
    for (uint32_t i = 0; i < LINK_EPOCHS_MAX; i++) {
        m->epochs[i] = (struct msg_epoch){
            .epoch = UINT64_MAX - i, .oldest_unacked = UINT64_MAX - i, .next_seq = UINT64_MAX};
    }
}

static void welcome_full(void *ret) {
    struct msg_welcome *m = ret;
    *m = (struct msg_welcome){.version = UINT16_MAX,
                              .session = UINT64_MAX,
                              .n_epochs = LINK_EPOCHS_MAX,
                              .now_us = INT64_MAX,
                              .window_bytes = UINT32_MAX,
                              .window_frames = UINT32_MAX,
                              .max_frame = LINK_BODY_MAX_HARD,
                              .heartbeat_ms = UINT32_MAX,
                              .dead_ms = UINT32_MAX,
                              .backlog_rate = UINT32_MAX,
                              .state = SERVER_NOT_STORING,
                              .caps = UINT64_MAX,
                              .commands_allowed = true,
                              .config_version = UINT64_MAX};
    for (uint32_t i = 0; i < LINK_EPOCHS_MAX; i++) {
        m->epochs[i].epoch = i;
        m->epochs[i].n_ranges = LINK_ACK_RANGES_MAX;
        fill_ranges(m->epochs[i].ranges, LINK_ACK_RANGES_MAX);
    }
}

static void error_full(void *ret) {
    *(struct msg_error *)ret = (struct msg_error){.code = UINT16_MAX,
                                                  .fatal = true,
                                                  .ref_type = UINT8_MAX,
                                                  .ep = UINT64_MAX,
                                                  .seq = UINT64_MAX,
                                                  .text = text_of(LINK_TEXT_MAX)};
}

static void bye_full(void *ret) {
    *(struct msg_bye *)ret = (struct msg_bye){
        .reason = UINT8_MAX, .reconnect_after_ms = UINT32_MAX, .text = text_of(LINK_TEXT_MAX)};
}

static void ping_full(void *ret) {
    *(struct msg_ping *)ret = (struct msg_ping){.id = UINT64_MAX, .t0_us = INT64_MIN};
}

static void pong_full(void *ret) {
    *(struct msg_pong *)ret = (struct msg_pong){.id = UINT64_MAX,
                                                .t0_us = INT64_MIN,
                                                .t1_us = INT64_MAX,
                                                .t2_us = -1,
                                                .state = SERVER_NOT_STORING,
                                                .commit_lag_ms = UINT64_MAX};
}

static void window_full(void *ret) {
    *(struct msg_window *)ret =
        (struct msg_window){.bytes = UINT32_MAX, .frames = UINT32_MAX, .backlog_rate = UINT32_MAX};
}

static void ack_full(void *ret) {
    struct msg_ack *m = ret;
    *m = (struct msg_ack){.ep = UINT64_MAX, .n_ranges = LINK_ACK_RANGES_MAX, .state = SERVER_SLOW};
    fill_ranges(m->ranges, LINK_ACK_RANGES_MAX);
}

static const struct codec codecs[] = {
    ROW("HELLO", hello, 2),     /* journal and config are optional and last */
    ROW("WELCOME", welcome, 3), /* caps, commands, config */
    ROW("ERROR", error, 0),     ROW("BYE", bye, 0),       ROW("PING", ping, 0),
    ROW("PONG", pong, 0),       ROW("WINDOW", window, 0), ROW("ACK", ack, 0),
};

static const struct codec *message_codecs(size_t *ret_n) {
    *ret_n = COUNT(codecs);
    return codecs;
}

static void the_largest_hello_fits_into_the_frame_of_a_greeting(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, LINK_BODY_MAX);
    encode_full(&codecs[0], &b);
    assert_in_range(b.n, 1, LINK_BODY_MAX_HELLO);
    buf_done(&b);
}

/* --- what is particular */

#define V     "\x01\x04\x01\x00\x01\x00"
#define G     "\x02\x01g"
#define E     "\x03\x0b\x01\x01\x02\x03\x04\x05\x06\x07\x08\x05\x09"
#define C     "\x04\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00"
#define R     "\x07\x02\x80\x20"
#define EIGHT "\x01\x02\x03\x04\x05\x06\x07\x08"

static void hello_needs_its_fields_and_keeps_its_limits(void **state) {
    (void)state;
    static const struct bad table[] = {
        {BYTES(G E C R), ERR_INVALID, "HELLO, offset 0", "field 1 (versions) is missing"},
        {BYTES(V E C R), ERR_INVALID, "HELLO, offset 6", "field 2 (gateway) is missing"},
        {BYTES(V G C R), ERR_INVALID, "HELLO, offset 9", "field 3 (epochs) is missing"},
        {BYTES(V G E R), ERR_INVALID, "HELLO, offset 22", "field 4 (clock) is missing"},
        {BYTES(V G E C), ERR_INVALID, "HELLO, offset 34", "field 7 (max_rx_frame) is missing"},
        {BYTES("\x01\x04\x00\x00\x01\x00" G E C R), ERR_INVALID, "HELLO, offset 2",
         "versions 0 to 1: the lowest must be 1 or more and not above the highest"},
        {BYTES("\x01\x04\x02\x00\x01\x00" G E C R), ERR_INVALID, "HELLO, offset 2",
         "versions 2 to 1: the lowest must be 1 or more and not above the highest"},
        {BYTES(V "\x02\x00" E C R), ERR_INVALID, "HELLO, offset 8", "gateway is empty"},
        {BYTES(V "\x02\x01\xff" E C R), ERR_INVALID, "HELLO, offset 8",
         "gateway is not UTF-8, or has a NUL in it"},
        {BYTES(V "\x02\x01\x00" E C R), ERR_INVALID, "HELLO, offset 8",
         "gateway is not UTF-8, or has a NUL in it"},
        {BYTES(V G "\x03\x01\x00" C R), ERR_INVALID, "HELLO, offset 11",
         "no epoch: the first is the gateway's present start"},
        {BYTES(V G "\x03\x0b\x01" EIGHT "\x06\x05" C R), ERR_INVALID, "HELLO, offset 12",
         "epoch 0: oldest unacknowledged number 6 is above the next, 5"},
        {BYTES(V G "\x03\x15\x02" EIGHT "\x00\x05" EIGHT "\x00\x05" C R), ERR_INVALID, "HELLO, offset 22",
         "epoch 1 is listed before"},
        {BYTES(V G E C "\x07\x02\xff\x1f"), ERR_INVALID, "HELLO, offset 36",
         "longest body that is taken is 4095, must be 4096 or more"},
        {BYTES(V G "\x03\x01\x11" C R), ERR_TOO_BIG, "HELLO, offset 11",
         "number of epochs is 17, at most 16 is allowed"},
        {BYTES(V G "\x03\x0b\x02" EIGHT "\x00\x05" C R), ERR_INVALID, "HELLO, offset 11",
         "number of epochs is 2, which do not fit into the 10 bytes that are left"},
    };
    check_bad(&codecs[0], table, COUNT(table));
    union any m;
    struct error err = {0};
    static const char good[] = V G E C R;
    assert_int_equal(hello_in(slice_of(good, sizeof good - 1), &m, &err), OK);
    assert_int_equal(m.hello.version_max, 1);
    assert_true(slice_is(m.hello.gateway, "g"));
    assert_int_equal(m.hello.n_epochs, 1);
    assert_true(m.hello.epochs[0].epoch == UINT64_C(0x0807060504030201));
    assert_int_equal(m.hello.epochs[0].oldest_unacked, 5);
    assert_int_equal(m.hello.epochs[0].next_seq, 9);
    assert_int_equal(m.hello.clock_source, CLOCK_NTP);
    assert_int_equal(m.hello.max_rx_frame, LINK_BODY_MAX_HELLO);
    assert_int_equal(m.hello.software.n, 0);
    assert_int_equal(m.hello.caps, 0);
    assert_int_equal(m.hello.dropped_total, 0);
}

static void hello_texts_have_200_bytes_and_not_201(void **state) {
    (void)state;
    for (size_t n = LINK_NAME_MAX; n <= LINK_NAME_MAX + 1; n++) {
        for (uint64_t tag = 2; tag <= 5; tag += 3) {
            struct buf b;
            buf_init(&b, 4096);
            buf_append(&b, V, sizeof V - 1);
            if (tag == 2) {
                write_varint(&b, tag);
                write_counted(&b, text_of(n));
            } else {
                buf_append(&b, G, sizeof G - 1);
            }
            buf_append(&b, E C, sizeof(E C) - 1);
            if (tag == 5) {
                write_varint(&b, tag);
                write_counted(&b, text_of(n));
            }
            buf_append(&b, R, sizeof R - 1);
            union any m;
            assert_int_equal(hello_in(buf_slice(&b), &m, NULL), n == LINK_NAME_MAX ? OK : ERR_TOO_BIG);
            buf_done(&b);
        }
    }
}

static void a_clock_source_or_server_state_of_later_versions_is_read_as_the_careful_one(void **state) {
    (void)state;
    union any m;
    static const char hello[] = V G E "\x04\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x09\x00" R;
    assert_int_equal(hello_in(slice_of(hello, sizeof hello - 1), &m, NULL), OK);
    assert_int_equal(m.hello.clock_source, CLOCK_NONE);
    assert_int_equal(ack_in(slice_of("\x00\x00\x09", 3), &m, NULL), OK);
    assert_int_equal(m.ack.state, SERVER_NOT_STORING);
}

static void welcome_refuses_frames_above_the_hard_limit(void **state) {
    (void)state;
    union any m = {0};
    welcome_full(&m.welcome);
    m.welcome.n_epochs = 0;
    struct buf b;
    buf_init(&b, LINK_BODY_MAX);
    encode_message(&codecs[1], &m, &b);
    union any back;
    struct error err = {0};
    assert_int_equal(welcome_in(buf_slice(&b), &back, &err), OK);
    assert_int_equal(back.welcome.n_epochs, 0);
    assert_int_equal(back.welcome.max_frame, LINK_BODY_MAX_HARD);
    for (size_t i = 0; i + 5 <= b.n; i++) {
        if (memcmp(b.p + i, "\x06\x03\x80\x80\x40", 5) == 0) {
            b.p[i + 2] = 0x81; /* one more */
        }
    }
    assert_int_equal(welcome_in(buf_slice(&b), &back, &err), ERR_TOO_BIG);
    assert_string_equal(err.text, "longest body that is taken is 1048577, at most 1048576 is allowed");
    buf_done(&b);
}

static void texts_of_error_and_bye_have_512_bytes_and_not_513(void **state) {
    (void)state;
    for (size_t n = LINK_TEXT_MAX; n <= LINK_TEXT_MAX + 1; n++) {
        struct buf b;
        buf_init(&b, 4096);
        union any m;
        buf_append(&b, "\x01\x00\x01\x00\x00\x00", 6);
        write_counted(&b, text_of(n));
        assert_int_equal(error_in(buf_slice(&b), &m, NULL), n == LINK_TEXT_MAX ? OK : ERR_TOO_BIG);
        buf_clear(&b);
        buf_append(&b, "\x01\x00\x00\x00\x00", 5);
        write_counted(&b, text_of(n));
        assert_int_equal(bye_in(buf_slice(&b), &m, NULL), n == LINK_TEXT_MAX ? OK : ERR_TOO_BIG);
        buf_done(&b);
    }
}

static void a_refresh_says_nothing_yet(void **state) {
    (void)state;
    assert_int_equal(refresh_decode((struct slice){0}, NULL), OK);
    assert_int_equal(refresh_decode(slice_of("\x63\x03new", 5), NULL), OK);
    struct error err = {0};
    assert_int_equal(refresh_decode(slice_of("\x63\x04new", 5), &err), ERR_INVALID);
    assert_string_equal(err.where, "REFRESH, offset 0");
}

static void an_error_is_fatal_or_not(void **state) {
    (void)state;
    static const struct bad table[] = {
        {BYTES("\x01\x00\x02\x00\x00\x00\x00"), ERR_INVALID, "ERROR, offset 2", "fatal is 2, must be 0 or 1"},
        {BYTES("\x01\x00\x01\x00\x00\x00\x01\xff"), ERR_INVALID, "ERROR, offset 7",
         "text is not UTF-8, or has a NUL in it"},
    };
    check_bad(&codecs[2], table, COUNT(table));
}

static void windows_are_32_bits(void **state) {
    (void)state;
    static const struct bad table[] = {
        {BYTES("\x80\x80\x80\x80\x10\x01\x00"), ERR_TOO_BIG, "WINDOW, offset 0",
         "bytes is 4294967296, at most 4294967295 is allowed"},
        {BYTES("\x01\x81\x80\x80\x80\x10\x00"), ERR_TOO_BIG, "WINDOW, offset 1",
         "frames is 4294967297, at most 4294967295 is allowed"},
        {BYTES("\x01\x80\x00\x00"), ERR_INVALID, "WINDOW, offset 1",
         "frames: a varint of 2 bytes where fewer would do"},
    };
    check_bad(&codecs[6], table, COUNT(table));
}

static void ranges_ascend_do_not_touch_and_end_within_64_bits(void **state) {
    (void)state;
    static const struct bad table[] = {
        {BYTES("\x00\x01\x00\x00\x00"), ERR_INVALID, "ACK, offset 2",
         "range 0: gap 0, length 0; ranges must neither touch nor be empty"},
        {BYTES("\x00\x02\x00\x05\x00\x05\x00"), ERR_INVALID, "ACK, offset 4",
         "range 1: gap 0, length 5; ranges must neither touch nor be empty"},
        {BYTES("\x00\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"), ERR_INVALID, "ACK, offset 2",
         "range 0 ends beyond 64 bits"},
        {BYTES("\x00\x02\x05\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x05\x00"), ERR_INVALID,
         "ACK, offset 4", "range 1 ends beyond 64 bits"},
        {BYTES("\x00\x41"), ERR_TOO_BIG, "ACK, offset 1", "number of ranges is 65, at most 64 is allowed"},
        {BYTES("\x00\x02\x00\x05\x01"), ERR_INVALID, "ACK, offset 1",
         "number of ranges is 2, which do not fit into the 3 bytes that are left"},
        {BYTES("\x00\x01\x00\x05"), ERR_INVALID, "ACK, offset 4", "server state needs 1 bytes, 0 are left"},
    };
    check_bad(&codecs[7], table, COUNT(table));
    union any m;
    assert_int_equal(ack_in(slice_of("\x03\x02\x07\x05\x01\x02\x01", 7), &m, NULL), OK);
    assert_int_equal(m.ack.ep, 3);
    assert_int_equal(m.ack.n_ranges, 2);
    assert_int_equal(m.ack.ranges[0].first, 7);
    assert_int_equal(m.ack.ranges[0].end, 12);
    assert_int_equal(m.ack.ranges[1].first, 13);
    assert_int_equal(m.ack.ranges[1].end, 15);
    assert_int_equal(m.ack.state, SERVER_SLOW);
}

static void a_prefix_has_epoch_and_number_only_when_journaled(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 64);
    const struct msg_prefix in = {.ep = 2, .seq = 300, .dict = 7};
    prefix_encode(&b, true, &in);
    assert_int_equal(b.n, 4);
    assert_memory_equal(b.p, "\x02\xac\x02\x07", 4);
    buf_text(&b, "rest");
    struct msg_prefix out = {0};
    struct slice rest = {0};
    assert_int_equal(prefix_decode(buf_slice(&b), true, &out, &rest, NULL), OK);
    assert_int_equal(out.ep, 2);
    assert_int_equal(out.seq, 300);
    assert_int_equal(out.dict, 7);
    assert_true(slice_is(rest, "rest"));
    buf_clear(&b);
    prefix_encode(&b, false, &in);
    assert_int_equal(b.n, 1);
    assert_int_equal(prefix_decode(buf_slice(&b), false, &out, &rest, NULL), OK);
    assert_int_equal(out.ep, 0);
    assert_int_equal(out.seq, 0);
    assert_int_equal(out.dict, 7);
    assert_int_equal(rest.n, 0);
    for (size_t n = 0; n < 4; n++) {
        struct slice copy = heap_copy("\x02\xac\x02\x07", n);
        struct error err = {0};
        assert_int_equal(prefix_decode(copy, true, &out, &rest, &err), ERR_INVALID);
        assert_memory_equal(err.where, "prefix, offset ", 15);
        heap_free(copy);
    }
    buf_done(&b);
}

static void fields_that_a_greeting_leaves_out_mean_no(void **state) {
    (void)state;
    union any m = {0};
    welcome_full(&m.welcome);
    m.welcome.n_epochs = 0;
    m.welcome.caps = 0;
    m.welcome.commands_allowed = false;
    m.welcome.config_version = 0;
    struct buf b;
    buf_init(&b, LINK_BODY_MAX);
    encode_message(&codecs[1], &m, &b);
    union any back;
    memset(&back, 0xEE, sizeof back);
    assert_int_equal(welcome_in(buf_slice(&b), &back, NULL), OK);
    assert_true(back.welcome.caps == 0);
    assert_false(back.welcome.commands_allowed);
    assert_true(back.welcome.config_version == 0);
    size_t n = b.n;
    buf_append(&b, "\x0a\x01\x02", 3);
    struct error err = {0};
    assert_int_equal(welcome_in(buf_slice(&b), &back, &err), ERR_INVALID);
    assert_string_equal(err.text, "commands is 2, must be 0 (not allowed) or 1 (allowed)");
    b.n = n;
    buf_append(&b, "\x0b\x08\x00\x00\x00\x00\x00\x00\x00\x00", 10);
    assert_int_equal(welcome_in(buf_slice(&b), &back, &err), ERR_INVALID);
    assert_string_equal(err.text, "version 0 of the configuration: leave the field out for none");
    buf_done(&b);
}

static void each_type_has_a_sender_and_some_are_records(void **state) {
    (void)state;
    unsigned senders[MSG_BY_UNKNOWN + 1] = {0};
    unsigned records = 0;
    for (unsigned i = 0; i <= UINT8_MAX; i++) {
        enum msg_sender sender = msg_type_sender((uint8_t)i);
        senders[sender]++;
        records += msg_type_is_record((uint8_t)i);
        assert_int_equal(sender == MSG_BY_UNKNOWN, strcmp(msg_type_name((uint8_t)i), "unknown") == 0);
        assert_true(sender == MSG_BY_GATEWAY || !msg_type_is_record((uint8_t)i));
    }
    assert_int_equal(senders[MSG_BY_GATEWAY], 10);
    assert_int_equal(senders[MSG_BY_SERVER], 9);
    assert_int_equal(senders[MSG_BY_BOTH], 4);
    assert_int_equal(records, 5);
    assert_int_equal(msg_type_sender(MSG_CMD), MSG_BY_SERVER);
    assert_true(msg_type_is_record(MSG_CMD_RESULT));
    assert_true(msg_type_is_record(MSG_CFG_RESULT));
    assert_false(msg_type_is_record(MSG_CMD_ACK));
}

static void names_are_known_and_others_are_said_to_be_unknown(void **state) {
    (void)state;
    assert_string_equal(msg_type_name(MSG_HELLO), "HELLO");
    assert_string_equal(msg_type_name(MSG_ACK), "ACK");
    assert_string_equal(link_code_name(LINK_SEQ_CONFLICT), "seq_conflict");
    assert_string_equal(value_type_name(VALUE_BYTES), "bytes");
    for (unsigned i = 0; i <= UINT8_MAX; i++) {
        assert_non_null(msg_type_name((uint8_t)i));
        assert_non_null(value_type_name((uint8_t)i));
        assert_non_null(link_code_name((uint16_t)(i * 257)));
    }
    assert_string_equal(msg_type_name(0), "unknown");
    assert_string_equal(msg_type_name(0xFF), "unknown");
    assert_string_equal(link_code_name(0), "unknown");
    assert_string_equal(link_code_name(17), "unknown");
    assert_string_equal(value_type_name(0), "unknown");
    assert_string_equal(value_type_name(10), "unknown");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        MESSAGE_TESTS,
        cmocka_unit_test(the_largest_hello_fits_into_the_frame_of_a_greeting),
        cmocka_unit_test(hello_needs_its_fields_and_keeps_its_limits),
        cmocka_unit_test(hello_texts_have_200_bytes_and_not_201),
        cmocka_unit_test(a_clock_source_or_server_state_of_later_versions_is_read_as_the_careful_one),
        cmocka_unit_test(welcome_refuses_frames_above_the_hard_limit),
        cmocka_unit_test(texts_of_error_and_bye_have_512_bytes_and_not_513),
        cmocka_unit_test(a_refresh_says_nothing_yet),
        cmocka_unit_test(an_error_is_fatal_or_not),
        cmocka_unit_test(windows_are_32_bits),
        cmocka_unit_test(ranges_ascend_do_not_touch_and_end_within_64_bits),
        cmocka_unit_test(a_prefix_has_epoch_and_number_only_when_journaled),
        cmocka_unit_test(fields_that_a_greeting_leaves_out_mean_no),
        cmocka_unit_test(each_type_has_a_sender_and_some_are_records),
        cmocka_unit_test(names_are_known_and_others_are_said_to_be_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
