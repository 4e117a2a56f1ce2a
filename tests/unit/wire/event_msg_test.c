/* Covers: event_msg.c */
#include "protocol/event_msg.h"
#include "protocol/wire.h"
#include "tests/unit/wire/message_table.h"

CODEC(event)

static void event_full(void *ret) {
    *(struct msg_event *)ret = (struct msg_event){.code = UINT16_MAX,
                                                  .severity = EVENT_TROUBLE,
                                                  .t_us = LINK_TIME_MAX_US,
                                                  .path = text_of(LINK_NAME_MAX),
                                                  .text = text_of(LINK_TEXT_MAX)};
}

static void step_full(void *ret) {
    struct msg_event *m = ret;
    event_full(m);
    m->code = EVENT_CLOCK_STEPPED;
    m->step_us = INT64_MIN;
}

static void lost_full(void *ret) {
    struct msg_event *m = ret;
    event_full(m);
    m->code = EVENT_SAMPLES_LOST;
    m->lost = (struct event_lost){.epoch = UINT64_MAX,
                                  .first = UINT64_MAX,
                                  .end = UINT64_MAX,
                                  .samples = UINT64_MAX,
                                  .from_us = LINK_TIME_MIN_US,
                                  .to_us = LINK_TIME_MAX_US};
}

#define NAME "EVENT after its prefix"

static const struct codec codecs[] = {
    {NAME, sizeof(struct msg_event), event_in, event_out, event_full, 0},
    {NAME, sizeof(struct msg_event), event_in, event_out, step_full, 0},
    {NAME, sizeof(struct msg_event), event_in, event_out, lost_full, 0},
};

static const struct codec *message_codecs(size_t *ret_n) {
    *ret_n = COUNT(codecs);
    return codecs;
}

#define T0   "\x00\x00\x00\x00\x00\x00\x00\x00"
#define LATE "\x00\x00\x00\x00\x00\x00\x00\x7f"
#define NONE "\x00\x00" /* path, text */
#define HEAD "\x05\x00\x01" T0 NONE
#define FROM "\x05\x08\x02\x00\x00\x00\x00\x00\x00\x00"
#define TO   "\x06\x08\x01\x00\x00\x00\x00\x00\x00\x00"

static void what_an_event_must_have(void **state) {
    (void)state;
    static const struct bad table[] = {
        {BYTES("\x01\x00\x00" LATE NONE), ERR_INVALID, NAME ", offset 3",
         "time 9151314442816847872 is outside of the years 0001 to 9999"},
        {BYTES("\x01\x00\x00" T0 "\x01\xff\x00"), ERR_INVALID, NAME ", offset 12",
         "path is not UTF-8, or has a NUL in it"},
        {BYTES("\x01\x00\x00" T0 "\x00\x01\x00"), ERR_INVALID, NAME ", offset 13",
         "text is not UTF-8, or has a NUL in it"},
        {BYTES("\x02\x00\x00" T0 NONE), ERR_INVALID, NAME ", offset 13", "field 1 (step) is missing"},
        {BYTES("\x02\x00\x00" T0 NONE "\x01\x01\x00"), ERR_INVALID, NAME ", offset 15",
         "step of the clock needs 8 bytes, 1 are left"},
        {BYTES(HEAD), ERR_INVALID, NAME ", offset 13", "field 1 (epoch) is missing"},
        {BYTES(HEAD "\x01\x08" T0 "\x02\x01\x05\x03\x01\x04\x04\x01\x00" FROM TO), ERR_INVALID,
         NAME ", offset 28", "lost from number 5 on, which is above the end, 4"},
        {BYTES(HEAD "\x01\x08" T0 "\x02\x01\x05\x03\x01\x05\x04\x01\x00" FROM TO), ERR_INVALID,
         NAME ", offset 44", "the first sample lost is of a later time than the last"},
        {BYTES(HEAD "\x01\x08" T0 "\x02\x01\x05\x03\x01\x05\x04\x01\x00\x05\x08" LATE TO), ERR_INVALID,
         NAME ", offset 34",
         "time of the first sample lost 9151314442816847872 is outside of the years 0001 to 9999"},
    };
    check_bad(&codecs[0], table, COUNT(table));
}

static void texts_have_their_limits(void **state) {
    (void)state;
    static const struct {
        size_t path;
        size_t text;
        enum status status;
    } rows[] = {
        {LINK_NAME_MAX, LINK_TEXT_MAX, OK},
        {LINK_NAME_MAX + 1, 0, ERR_TOO_BIG},
        {0, LINK_TEXT_MAX + 1, ERR_TOO_BIG},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf b;
        buf_init(&b, LINK_BODY_MAX);
        buf_append(&b, "\x01\x00\x00" T0, 11);
        write_counted(&b, text_of(rows[i].path));
        write_counted(&b, text_of(rows[i].text));
        struct msg_event m;
        assert_int_equal(event_decode(buf_slice(&b), &m, NULL), rows[i].status);
        buf_done(&b);
    }
}

static void a_code_of_a_later_version_is_kept_and_its_severity_taken_seriously(void **state) {
    (void)state;
    struct msg_event m;
    static const char bytes[] = "\x39\x30\x07" T0 "\x03plc\x02hi\x01\x02\x00\x00";
    assert_int_equal(event_decode(slice_of(bytes, sizeof bytes - 1), &m, NULL), OK);
    assert_int_equal(m.code, 12345);
    assert_int_equal(m.severity, EVENT_TROUBLE);
    assert_true(slice_is(m.path, "plc"));
    assert_true(slice_is(m.text, "hi"));
    assert_string_equal(event_code_name(m.code), "unknown");
}

static void a_tombstone_names_what_is_gone(void **state) {
    (void)state;
    struct msg_event in = {.code = EVENT_SAMPLES_LOST,
                           .severity = EVENT_TROUBLE,
                           .t_us = 5,
                           .lost = {.epoch = 7, .first = 300, .end = 400, .samples = 12345, .to_us = 1}};
    struct buf b;
    buf_init(&b, LINK_BODY_MAX);
    event_encode(&b, &in);
    struct msg_event out;
    assert_int_equal(event_decode(buf_slice(&b), &out, NULL), OK);
    assert_true(out.lost.epoch == 7 && out.lost.first == 300 && out.lost.end == 400);
    assert_true(out.lost.samples == 12345 && out.lost.from_us == 0 && out.lost.to_us == 1);
    buf_done(&b);
}

static void codes_have_names(void **state) {
    (void)state;
    for (uint16_t code = EVENT_STARTED; code <= EVENT_CERT_TROUBLE; code++) {
        assert_string_not_equal(event_code_name(code), "unknown");
    }
    assert_string_equal(event_code_name(EVENT_SAMPLES_LOST), "samples_lost");
    assert_string_equal(event_code_name(0), "unknown");
    assert_string_equal(event_code_name(EVENT_CERT_TROUBLE + 1), "unknown");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        MESSAGE_TESTS,
        cmocka_unit_test(what_an_event_must_have),
        cmocka_unit_test(texts_have_their_limits),
        cmocka_unit_test(a_code_of_a_later_version_is_kept_and_its_severity_taken_seriously),
        cmocka_unit_test(a_tombstone_names_what_is_gone),
        cmocka_unit_test(codes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
