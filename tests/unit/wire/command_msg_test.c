/* Covers: command_msg.c */
#include "protocol/command_msg.h"
#include "protocol/msg.h"
#include "protocol/wire.h"
#include "tests/unit/wire/message_table.h"

#include <math.h>

CODEC(command)
CODEC(command_ack)
CODEC(command_result)

static void command_full(void *ret) {
    struct msg_command *m = ret;
    *m = (struct msg_command){.op = UINT8_MAX,
                              .session = UINT64_MAX,
                              .dict = UINT64_MAX,
                              .alias = LINK_ALIAS_MAX,
                              .name_crc = UINT32_MAX,
                              .value = {.type = VALUE_STRING, .s = text_of(LINK_STRING_MAX)},
                              .issued_us = LINK_TIME_MAX_US,
                              .ttl_ms = LINK_COMMAND_TTL_MS,
                              .flags = UINT8_MAX,
                              .expected = {.type = UINT8_MAX, .s = text_of(LINK_STRING_MAX)},
                              .tolerance = 1e308,
                              .operator_name = text_of(LINK_OPERATOR_MAX),
                              .reason = text_of(LINK_REASON_MAX)};
    memset(m->id.bytes, 0xFF, sizeof m->id.bytes);
}

static void command_ack_full(void *ret) {
    *(struct msg_command_ack *)ret = (struct msg_command_ack){
        .op = UINT8_MAX, .status = COMMAND_REJECTED, .reason = UINT16_MAX, .text = text_of(LINK_TEXT_MAX)};
}

static void command_result_full(void *ret) {
    *(struct msg_command_result *)ret =
        (struct msg_command_result){.stage = UINT8_MAX,
                                    .reason = UINT16_MAX,
                                    .t_us = LINK_TIME_MIN_US,
                                    .value = {.type = VALUE_BYTES, .s = text_of(LINK_STRING_MAX)},
                                    .text = text_of(LINK_TEXT_MAX)};
}

static const struct codec codecs[] = {
    ROW("CMD", command, 0),
    ROW("CMD_ACK", command_ack, 0),
    ROW("CMD_RESULT after its prefix", command_result, 0),
};

static const struct codec *message_codecs(size_t *ret_n) {
    *ret_n = COUNT(codecs);
    return codecs;
}

#define ID   "0123456789abcdef"
#define ZERO "\x00\x00\x00\x00\x00\x00\x00\x00"
#define HEAD "\x02" ID ZERO "\x01\x05\x0a\x0b\x0c\x0d"
#define NONE "\x00"
#define TTL  "\x88\x13\x00\x00"
#define END  "\x00\x00\x00" /* flags, operator, reason */
#define INF  "\x00\x00\x00\x00\x00\x00\xf0\x7f"
#define LATE "\xff\xff\xff\xff\xff\xff\xff\x7f"

static void what_a_command_must_have(void **state) {
    (void)state;
    static const struct bad table[] = {
        {BYTES("\x02" ID ZERO "\x01\x81\x80\x40\x0a\x0b\x0c\x0d" NONE ZERO TTL END), ERR_TOO_BIG,
         "CMD, offset 26", "alias is 1048577, at most 1048576 is allowed"},
        {BYTES(HEAD NONE LATE TTL END), ERR_INVALID, "CMD, offset 32",
         "time of issue 9223372036854775807 is outside of the years 0001 to 9999"},
        {BYTES(HEAD NONE ZERO "\x00\x00\x00\x00" END), ERR_INVALID, "CMD, offset 40",
         "a time to live of 0 ms, must be 1 to 600000"},
        {BYTES(HEAD NONE ZERO "\xc1\x27\x09\x00" END), ERR_INVALID, "CMD, offset 40",
         "a time to live of 600001 ms, must be 1 to 600000"},
        {BYTES(HEAD NONE ZERO TTL "\x01" NONE ZERO "\x00\x00"), ERR_INVALID, "CMD, offset 45",
         "flag 1 is set, and there is no value to expect"},
        {BYTES(HEAD NONE ZERO TTL "\x01\x01\x01\x02" INF "\x00\x00"), ERR_INVALID, "CMD, offset 48",
         "a tolerance of inf: must be finite and not negative"},
        {BYTES(HEAD NONE ZERO TTL "\x01\x01\x01\x02\x00\x00\x00\x00\x00\x00\xf0\xbf\x00\x00"), ERR_INVALID,
         "CMD, offset 48", "a tolerance of -1: must be finite and not negative"},
        {BYTES(HEAD NONE ZERO TTL "\x00\x41x"), ERR_TOO_BIG, "CMD, offset 45",
         "operator is 65, at most 64 is allowed"},
        {BYTES(HEAD NONE ZERO TTL "\x00\x00\x81\x01x"), ERR_TOO_BIG, "CMD, offset 46",
         "reason is 129, at most 128 is allowed"},
    };
    check_bad(&codecs[0], table, COUNT(table));
}

static void values_keep_their_rules(void **state) {
    (void)state;
    static const struct bad table[] = {
        {BYTES(HEAD "\x01\x01\x04" ZERO TTL END), ERR_INVALID, "CMD, offset 33", "a bool must be 0 or 1"},
        {BYTES(HEAD "\x01\x01\x01" ZERO TTL END), ERR_INVALID, "CMD, offset 33", "a bool must be 0 or 1"},
        {BYTES(HEAD "\x02\x02\x01\x00" ZERO TTL END), ERR_INVALID, "CMD, offset 34",
         "1 bytes too many: nothing may follow here"},
        {BYTES(HEAD "\x05\x03\x00\x00\x00" ZERO TTL END), ERR_INVALID, "CMD, offset 33",
         "value needs 4 bytes, 3 are left"},
        {BYTES(HEAD "\x05\x04\x00\x00\x80\x7f" ZERO TTL END), ERR_INVALID, "CMD, offset 33",
         "NaN and infinity are no values"},
        {BYTES(HEAD "\x06\x08" INF ZERO TTL END), ERR_INVALID, "CMD, offset 33",
         "NaN and infinity are no values"},
        {BYTES(HEAD "\x08\x01\xff" ZERO TTL END), ERR_INVALID, "CMD, offset 33",
         "value is not UTF-8, or has a NUL in it"},
        {BYTES(HEAD "\x09\x81\x20x"), ERR_TOO_BIG, "CMD, offset 32",
         "length of the value is 4097, at most 4096 is allowed"},
    };
    check_bad(&codecs[0], table, COUNT(table));
}

static void every_type_of_value_comes_back(void **state) {
    (void)state;
    static const char text[] = "l\xc3\xa4uft";
    const struct link_value values[] = {
        {.type = 0},
        {.type = VALUE_BOOL, .i = 1},
        {.type = VALUE_INT, .i = INT64_MIN},
        {.type = VALUE_UINT, .u = UINT64_MAX},
        {.type = VALUE_SCALED, .i = -3215},
        {.type = VALUE_F32, .f = -2.5},
        {.type = VALUE_F64, .f = 0.1},
        {.type = VALUE_ENUM, .i = 3},
        {.type = VALUE_STRING, .s = slice_of(text, sizeof text - 1)},
        {.type = VALUE_STRING},
        {.type = VALUE_BYTES, .s = slice_of("\x00\xff", 2)},
        {.type = 77, .s = slice_of("later", 5)},
    };
    struct buf b;
    buf_init(&b, LINK_BODY_MAX);
    for (size_t i = 0; i < COUNT(values); i++) {
        struct msg_command_result in = {.stage = COMMAND_STAGE_EXECUTED, .value = values[i]};
        encode_message(&codecs[2], &in, &b);
        struct msg_command_result out;
        assert_int_equal(command_result_decode(buf_slice(&b), &out, NULL), OK);
        assert_int_equal(out.value.type, values[i].type);
        if (values[i].type == VALUE_F32 || values[i].type == VALUE_F64) {
            assert_true(out.value.f == values[i].f);
        } else if (values[i].type >= VALUE_STRING) {
            assert_true(slice_eq(out.value.s, values[i].s));
        } else {
            assert_true(out.value.u == values[i].u);
        }
    }
    buf_done(&b);
}

static void a_command_is_what_was_asked(void **state) {
    (void)state;
    static const char bytes[] = HEAD "\x01\x01\x02" ZERO TTL "\x01\x04\x02\xd0\x0f" ZERO "\x03"
                                     "ann\x04high";
    struct msg_command m;
    assert_int_equal(command_decode(slice_of(bytes, sizeof bytes - 1), &m, NULL), OK);
    assert_int_equal(m.op, COMMAND_EXECUTE);
    assert_memory_equal(m.id.bytes, ID, sizeof m.id.bytes);
    assert_true(m.dict == 1);
    assert_int_equal(m.alias, 5);
    assert_true(m.name_crc == UINT32_C(0x0d0c0b0a));
    assert_int_equal(m.value.type, VALUE_BOOL);
    assert_int_equal(m.value.i, 1);
    assert_int_equal(m.ttl_ms, 5000);
    assert_int_equal(m.flags, COMMAND_EXPECTS);
    assert_int_equal(m.expected.type, VALUE_SCALED);
    assert_int_equal(m.expected.i, 1000);
    assert_true(slice_is(m.operator_name, "ann"));
    assert_true(slice_is(m.reason, "high"));
}

static void a_receipt_of_a_later_version_is_a_rejection(void **state) {
    (void)state;
    struct msg_command_ack m;
    static const char bytes[] = ID "\x02\x07\x08\x00\x00";
    assert_int_equal(command_ack_decode(slice_of(bytes, sizeof bytes - 1), &m, NULL), OK);
    assert_int_equal(m.status, COMMAND_REJECTED);
    assert_int_equal(m.op, COMMAND_EXECUTE);
    assert_int_equal(m.reason, COMMAND_INTERLOCKED);
}

static void numbers_have_names(void **state) {
    (void)state;
    for (uint8_t op = COMMAND_SELECT; op <= COMMAND_QUERY; op++) {
        assert_string_not_equal(command_op_name(op), "unknown");
    }
    for (uint8_t stage = 0; stage <= COMMAND_STAGE_IN_DOUBT; stage++) {
        assert_string_not_equal(command_stage_name(stage), "unknown");
    }
    for (uint16_t reason = 0; reason <= COMMAND_ID_REUSED; reason++) {
        assert_string_not_equal(command_reason_name(reason), "unknown");
    }
    assert_string_equal(command_op_name(0), "unknown");
    assert_string_equal(command_op_name(COMMAND_QUERY + 1), "unknown");
    assert_string_equal(command_stage_name(COMMAND_STAGE_IN_DOUBT + 1), "unknown");
    assert_string_equal(command_reason_name(COMMAND_ID_REUSED + 1), "unknown");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        MESSAGE_TESTS,
        cmocka_unit_test(what_a_command_must_have),
        cmocka_unit_test(values_keep_their_rules),
        cmocka_unit_test(every_type_of_value_comes_back),
        cmocka_unit_test(a_command_is_what_was_asked),
        cmocka_unit_test(a_receipt_of_a_later_version_is_a_rejection),
        cmocka_unit_test(numbers_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
