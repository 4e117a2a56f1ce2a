#include "protocol/command_msg.h"
#include "protocol/config_msg.h"
#include "protocol/msg.h"
#include "server/link/told.h"
#include "tests/lib/unit.h"

enum { BODY = 4096, TEXT_MAX = 512 };

static struct told_record told;
static struct error why;

/* Takes body. */
static enum status read_body(uint8_t type, struct buf *body) {
    told = (struct told_record){.action = NULL};
    enum status status = told_read(type, buf_slice(body), TEXT_MAX, &told, &why);
    buf_done(body);
    return status;
}

static enum status read_event(const struct msg_event *m) {
    struct buf body;
    buf_init(&body, BODY);
    event_encode(&body, m);
    return read_body(MSG_EVENT, &body);
}

static void an_event_stands_under_the_name_of_its_code(void **state) {
    (void)state;
    const struct {
        uint16_t code;
        const char *action;
    } table[] = {{EVENT_STARTED, "gateway.started"},
                 {EVENT_DEVICE_UP, "gateway.device_up"},
                 {EVENT_LOCAL_OPERATION, "gateway.local_operation"},
                 {EVENT_CONFIG_APPLIED, "gateway.config_applied"},
                 {EVENT_CONFIG_REFUSED, "gateway.config_refused"},
                 {EVENT_CERT_RENEWED, "gateway.cert_renewed"},
                 {EVENT_CERT_TROUBLE, "gateway.cert_trouble"},
                 {4000, "gateway.event"}};
    for (size_t i = 0; i < COUNT(table); i++) {
        assert_int_equal(read_event(&(struct msg_event){.code = table[i].code, .text = slice_str("so")}), OK);
        assert_string_equal(told.action, table[i].action);
        assert_false(told.has_lost);
        assert_non_null(strstr(told.text, " at 1970-01-01T00:00:00Z: so"));
    }
}

static void what_is_lost_comes_with_its_numbers(void **state) {
    (void)state;
    struct msg_event m = {.code = EVENT_SAMPLES_LOST,
                          .text = slice_str("the journal is full"),
                          .lost = {.epoch = 600, .first = 4, .end = 10, .samples = 60, .to_us = 5000000}};
    assert_int_equal(read_event(&m), OK);
    assert_string_equal(told.action, "gateway.samples_lost");
    assert_string_equal(told.text, "code 5 at 1970-01-01T00:00:00Z; 60 samples from 1970-01-01T00:00:00Z to "
                                   "1970-01-01T00:00:05Z, records 4 to 9: the journal is full");
    assert_true(told.has_lost && told.lost.epoch == 600 && told.lost.end == 10);
    m.lost.end = m.lost.first; /* they never had a number */
    assert_int_equal(read_event(&m), OK);
    assert_non_null(strstr(told.text, "to 1970-01-01T00:00:05Z: the journal is full"));
    m.lost.end = UINT64_MAX;
    assert_int_equal(read_event(&m), ERR_INVALID);
    assert_null(told.action);
}

static void an_event_whose_text_is_longer_than_this_server_takes_is_over_its_quota(void **state) {
    (void)state;
    struct buf body;
    buf_init(&body, BODY);
    event_encode(&body, &(struct msg_event){.code = EVENT_STARTED, .text = slice_str("0123456789")});
    assert_int_equal(told_read(MSG_EVENT, buf_slice(&body), 9, &told, &why), ERR_TOO_BIG);
    assert_int_equal(told_read(MSG_EVENT, buf_slice(&body), 10, &told, &why), OK);
    buf_done(&body);
}

static void answers_that_nobody_asked_for_say_what_they_answer(void **state) {
    (void)state;
    struct buf body;
    buf_init(&body, BODY);
    command_result_encode(&body, &(struct msg_command_result){.id = {{0xAB}},
                                                              .stage = COMMAND_STAGE_EXECUTED,
                                                              .text = slice_str("ok")});
    assert_int_equal(read_body(MSG_CMD_RESULT, &body), OK);
    assert_string_equal(told.action, "link.unasked");
    assert_non_null(
        strstr(told.text, "command ab000000000000000000000000000000 at 1970-01-01T00:00:00Z: executed"));
    buf_init(&body, BODY);
    config_result_encode(&body, &(struct msg_config_result){.version = 7, .outcome = 9});
    assert_int_equal(read_body(MSG_CFG_RESULT, &body), OK);
    assert_non_null(strstr(told.text, "version 7 at 1970-01-01T00:00:00Z: unknown outcome (9)"));
    buf_init(&body, BODY);
    assert_int_equal(read_body(MSG_CFG_RESULT, &body), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_stands_under_the_name_of_its_code),
        cmocka_unit_test(what_is_lost_comes_with_its_numbers),
        cmocka_unit_test(an_event_whose_text_is_longer_than_this_server_takes_is_over_its_quota),
        cmocka_unit_test(answers_that_nobody_asked_for_say_what_they_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
