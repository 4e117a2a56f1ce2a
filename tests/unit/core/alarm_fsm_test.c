/* Covers: alarm.c. */
#include "server/core/alarm_fsm.h"
#include "tests/lib/unit.h"

#include <string.h>

static const char bases[] = "ABCDEFZ-";
static const char *const modes[] = {"manual", "auto", "none"};

/* What can never be asked, by event: the letters, ways of acknowledging and latching for which there must be
 * no row. Everything else must have exactly one. */
static bool is_impossible(enum alarm_event event, char from, enum alarm_ack_mode mode) {
    const char *refused = "";
    switch (event) {
    case ALARM_EVENT_ACTIVATE:
        refused = "BCZ-"; /* active already; not evaluated */
        break;
    case ALARM_EVENT_RETURN:
        refused = "ADEFZ-"; /* not active */
        break;
    case ALARM_EVENT_ACK:
        refused = "ACFZ-"; /* nothing waits */
        break;
    case ALARM_EVENT_CONFIRM:
        refused = "BDEZ-"; /* not acknowledged */
        break;
    case ALARM_EVENT_RESET:
        refused = "ABCDEZ-"; /* not latched, active, or not acknowledged */
        break;
    case ALARM_EVENT_REANNOUNCE:
    case ALARM_EVENT_RISE:
        refused = mode == ACK_NONE ? bases : "ADEFZ-";
        break;
    case ALARM_EVENT_ESCALATE:
        refused = mode == ACK_NONE ? bases : "ACDEFZ-";
        break;
    case ALARM_EVENT_LEAVE:
        refused = "Z-";
        break;
    case ALARM_EVENT_DISABLE:
        refused = "Z-";
        break;
    case ALARM_EVENT_ENABLE:
        refused = "ABCDEF";
        break;
    case ALARM_EVENT_REMOVE:
        refused = "-";
        break;
    }
    return strchr(refused, from) != NULL;
}

static void every_event_in_every_letter_has_one_row_or_can_never_be_asked(void **state) {
    (void)state;
    size_t n = 0;
    const struct alarm_row *rows = alarm_fsm_rows(&n);
    for (int event = 0; event < ALARM_EVENTS; event++) {
        for (size_t at = 0; at + 1 < sizeof bases; at++) {
            for (int mode = ACK_MANUAL; mode <= ACK_NONE; mode++) {
                for (int latched = 0; latched < 2; latched++) {
                    size_t found = 0;
                    for (size_t i = 0; i < n; i++) {
                        found += (int)rows[i].event == event && rows[i].from == bases[at] &&
                                         (rows[i].modes & (1 << mode)) != 0 &&
                                         (rows[i].latching & (latched ? IF_LATCHED : IF_NOT_LATCHED)) != 0
                                     ? 1
                                     : 0;
                    }
                    bool impossible =
                        is_impossible((enum alarm_event)event, bases[at], (enum alarm_ack_mode)mode);
                    if (found != (impossible ? 0 : 1)) {
                        fail_msg("event %d in %c, acknowledgement %s, latched %d: %zu rows", event, bases[at],
                                 modes[mode], latched, found);
                    }
                }
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        assert_true(strlen(rows[i].text) > 10);
    }
}

static void sound_and_occurrences_belong_to_few_rows(void **state) {
    (void)state;
    size_t n = 0;
    const struct alarm_row *rows = alarm_fsm_rows(&n);
    for (size_t i = 0; i < n; i++) {
        const struct alarm_row *r = &rows[i];
        bool raises = r->kind == RECORD_RAISE || r->kind == RECORD_RERAISE;
        assert_int_equal((r->ops & OP_OCC) != 0, raises);
        assert_true((r->ops & OP_RING) == 0 || (r->to == 'B' && (r->modes & FOR_NONE) == 0));
        assert_true((r->ops & OP_RING) == 0 || (r->ops & OP_CALL) != 0);
        assert_true(r->kind != RECORD_RAISE || r->from == 'A');
        assert_true(r->kind != RECORD_RERAISE || strchr("DEF", r->from) != NULL);
    }
}

static void letters_and_facts_are_two_names_of_the_same(void **state) {
    (void)state;
    for (size_t i = 0; i + 1 < sizeof bases; i++) {
        uint16_t facts = alarm_facts_with_base(0, bases[i]);
        assert_int_equal(alarm_base_letter(facts), bases[i]);
        assert_int_equal(alarm_shown_letter(facts), bases[i]);
        assert_true(alarm_facts_possible(facts));
    }
    uint16_t active = alarm_facts_with_base(FACT_CONFIRM_DUE, 'B');
    assert_true((active & FACT_CONFIRM_DUE) != 0);
}

static void what_hides_is_shown_in_the_order_service_suppression_shelf(void **state) {
    (void)state;
    uint16_t base = alarm_facts_with_base(0, 'B');
    assert_int_equal(alarm_shown_letter(base | FACT_SHELVED), 'G');
    assert_int_equal(alarm_shown_letter(base | FACT_SHELVED | FACT_SUPPRESSED), 'H');
    assert_int_equal(alarm_shown_letter(base | FACT_SHELVED | FACT_SUPPRESSED | FACT_OUT_OF_SERVICE), 'I');
    assert_int_equal(alarm_shown_letter(base | FACT_OUT_OF_SERVICE), 'I');
    assert_int_equal(alarm_base_letter(base | FACT_OUT_OF_SERVICE), 'B');
    assert_false(alarm_facts_possible(FACT_ENABLED | FACT_ONE_SHOT));
    assert_false(alarm_facts_possible(FACT_ACKED | FACT_ACTIVE)); /* disabled, and active */
    assert_false(alarm_facts_possible(0x8000));
}

/* --- what people ask --- */

struct judgement {
    struct alarm_request ask;
    struct alarm_standing standing;
    enum alarm_reply reply;
};

#define B (FACT_ENABLED | FACT_ACTIVE)
#define C (B | FACT_ACKED)
#define A (FACT_ENABLED | FACT_ACKED)
#define E (FACT_ENABLED | FACT_LATCHED)
#define F (E | FACT_ACKED)

static void requests_are_judged_by_the_facts(void **state) {
    (void)state;
    static const struct judgement v[] = {
        {{.kind = ALARM_ASK_ACK, .call = 2}, {.facts = B, .call = 2}, ALARM_OK},
        {{.kind = ALARM_ASK_ACK, .call = 0}, {.facts = B, .call = 2}, ALARM_E_CALL},
        {{.kind = ALARM_ASK_ACK, .call = 3}, {.facts = B, .call = 2}, ALARM_E_CALL},
        {{.kind = ALARM_ASK_ACK, .call = 1}, {.facts = B, .call = 2}, ALARM_STALE_CALL},
        {{.kind = ALARM_ASK_ACK, .call = 1}, {.facts = B, .call = 2, .chatter = true}, ALARM_OK},
        {{.kind = ALARM_ASK_ACK, .call = 1},
         {.facts = B, .call = 3, .rise_call = 2, .chatter = true},
         ALARM_STALE_CALL},
        {{.kind = ALARM_ASK_ACK, .call = 2},
         {.facts = B, .call = 3, .rise_call = 2, .chatter = true},
         ALARM_OK},
        {{.kind = ALARM_ASK_ACK, .call = 2}, {.facts = C, .call = 2}, ALARM_ALREADY},
        {{.kind = ALARM_ASK_ACK, .call = 2}, {.facts = B, .call = 2, .wants_comment = true}, ALARM_E_COMMENT},
        {{.kind = ALARM_ASK_ACK, .call = 2, .comment = "x"},
         {.facts = B, .call = 2, .wants_comment = true},
         ALARM_OK},
        {{.kind = ALARM_ASK_ACK, .call = 1}, {.facts = FACT_ACKED, .call = 1}, ALARM_E_DISABLED},
        {{.kind = ALARM_ASK_ACK, .call = 1}, {.facts = FACT_ACKED | FACT_GONE, .call = 1}, ALARM_E_UNKNOWN},
        {{.kind = ALARM_ASK_CONFIRM}, {.facts = C | FACT_CONFIRM_DUE}, ALARM_OK},
        {{.kind = ALARM_ASK_CONFIRM}, {.facts = B | FACT_CONFIRM_DUE}, ALARM_E_NOT_ACKED},
        {{.kind = ALARM_ASK_CONFIRM}, {.facts = C, .confirms = true}, ALARM_ALREADY},
        {{.kind = ALARM_ASK_CONFIRM}, {.facts = C}, ALARM_E_NOT_CONFIRMABLE},
        {{.kind = ALARM_ASK_RESET}, {.facts = F}, ALARM_OK},
        {{.kind = ALARM_ASK_RESET}, {.facts = E}, ALARM_E_NOT_ACKED},
        {{.kind = ALARM_ASK_RESET}, {.facts = F | FACT_CONFIRM_DUE}, ALARM_E_NOT_CONFIRMED},
        {{.kind = ALARM_ASK_RESET}, {.facts = C | FACT_LATCHED}, ALARM_E_ACTIVE},
        {{.kind = ALARM_ASK_RESET}, {.facts = A, .latches = true}, ALARM_E_NOT_LATCHED},
        {{.kind = ALARM_ASK_SHELVE, .duration_us = 5, .comment = "x"},
         {.facts = A, .shelvable = true, .max_shelve_us = 5},
         ALARM_OK},
        {{.kind = ALARM_ASK_SHELVE, .duration_us = 6, .comment = "x"},
         {.facts = A, .shelvable = true, .max_shelve_us = 5},
         ALARM_E_SHELVE_TIME},
        {{.kind = ALARM_ASK_SHELVE, .duration_us = 0, .comment = "x"},
         {.facts = A, .shelvable = true, .max_shelve_us = 5},
         ALARM_E_SHELVE_TIME},
        {{.kind = ALARM_ASK_SHELVE, .one_shot = true, .comment = "x"},
         {.facts = A, .shelvable = true, .max_shelve_us = 5},
         ALARM_OK},
        {{.kind = ALARM_ASK_SHELVE, .duration_us = 5},
         {.facts = A, .shelvable = true, .max_shelve_us = 5},
         ALARM_E_REASON},
        {{.kind = ALARM_ASK_SHELVE, .duration_us = 5, .comment = "x"},
         {.facts = A, .max_shelve_us = 5},
         ALARM_E_NOT_SHELVABLE},
        {{.kind = ALARM_ASK_SHELVE, .duration_us = 5, .comment = "x"},
         {.facts = A | FACT_OUT_OF_SERVICE, .shelvable = true},
         ALARM_E_OOS},
        {{.kind = ALARM_ASK_SHELVE, .duration_us = 5, .comment = "x"},
         {.facts = FACT_ACKED, .shelvable = true},
         ALARM_E_DISABLED},
        {{.kind = ALARM_ASK_UNSHELVE}, {.facts = A | FACT_SHELVED}, ALARM_OK},
        {{.kind = ALARM_ASK_UNSHELVE}, {.facts = A}, ALARM_E_NOT_SHELVED},
        {{.kind = ALARM_ASK_OOS, .comment = "x"}, {.facts = A}, ALARM_OK},
        {{.kind = ALARM_ASK_OOS}, {.facts = A}, ALARM_E_REASON},
        {{.kind = ALARM_ASK_OOS, .comment = "x"}, {.facts = A | FACT_OUT_OF_SERVICE}, ALARM_ALREADY},
        {{.kind = ALARM_ASK_IN_SERVICE}, {.facts = A | FACT_OUT_OF_SERVICE}, ALARM_OK},
        {{.kind = ALARM_ASK_IN_SERVICE}, {.facts = A}, ALARM_E_NOT_OOS},
        {{.kind = ALARM_ASK_DISABLE}, {.facts = A}, ALARM_OK},
        {{.kind = ALARM_ASK_DISABLE}, {.facts = FACT_ACKED}, ALARM_ALREADY},
        {{.kind = ALARM_ASK_ENABLE}, {.facts = FACT_ACKED}, ALARM_OK},
        {{.kind = ALARM_ASK_ENABLE}, {.facts = A}, ALARM_ALREADY},
        {{.kind = ALARM_ASK_COMMENT}, {.facts = A}, ALARM_E_COMMENT},
        {{.kind = ALARM_ASK_COMMENT, .comment = "x"}, {.facts = A}, ALARM_OK},
    };
    for (size_t i = 0; i < COUNT(v); i++) {
        enum alarm_reply reply = alarm_judge(&v[i].ask, &v[i].standing);
        if (reply != v[i].reply) {
            fail_msg("row %zu (%s): %s, not %s", i, alarm_ask_name(v[i].ask.kind), alarm_reply_name(reply),
                     alarm_reply_name(v[i].reply));
        }
    }
}

static void names_are_stable_and_can_be_read_back(void **state) {
    (void)state;
    for (int kind = 0; kind < ALARM_ASKS; kind++) {
        enum alarm_request_kind back = ALARM_ASK_ACK;
        assert_true(alarm_ask_parse(slice_str(alarm_ask_name((enum alarm_request_kind)kind)), &back));
        assert_int_equal(back, kind);
    }
    enum alarm_request_kind none = ALARM_ASK_ACK;
    assert_false(alarm_ask_parse(slice_str("acknowledge"), &none));
    assert_string_equal(alarm_record_kind_name(RECORD_RAISE), "raise");
    assert_string_equal(alarm_record_kind_name(RECORD_HIST_SKIPPED), "hist_skipped");
    assert_string_equal(alarm_cause_name(CAUSE_CONFIG), "config");
    assert_string_equal(unshelve_reason_name(UNSHELVE_EXPIRED), "expired");
    assert_string_equal(alarm_reply_name(ALARM_OK), "OK");
    assert_string_equal(alarm_reply_name(ALARM_E_SHELVE_TIME), "E_SHELVE_TIME");
    for (int reply = 0; reply < ALARM_REPLIES; reply++) {
        assert_true(strlen(alarm_reply_text((enum alarm_reply)reply)) >= 4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_in_every_letter_has_one_row_or_can_never_be_asked),
        cmocka_unit_test(sound_and_occurrences_belong_to_few_rows),
        cmocka_unit_test(letters_and_facts_are_two_names_of_the_same),
        cmocka_unit_test(what_hides_is_shown_in_the_order_service_suppression_shelf),
        cmocka_unit_test(requests_are_judged_by_the_facts),
        cmocka_unit_test(names_are_stable_and_can_be_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
