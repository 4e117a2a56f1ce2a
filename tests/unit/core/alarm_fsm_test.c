/* Covers: alarm.c. */
#include "server/core/alarm_fsm.h"
#include "tests/lib/unit.h"

#include <string.h>

static const char letters[] = "ABCDZ-";

static bool is_refused(enum alarm_event event, char from) {
    size_t n = 0;
    const struct alarm_refusal *v = alarm_fsm_refusals(&n);
    for (size_t i = 0; i < n; i++) {
        if (v[i].event == event && v[i].from == from) {
            return true;
        }
    }
    return false;
}

static void every_event_in_every_letter_is_a_row_or_a_listed_refusal(void **state) {
    (void)state;
    size_t n_rows = 0;
    size_t n_refusals = 0;
    const struct alarm_row *rows = alarm_fsm_rows(&n_rows);
    const struct alarm_refusal *refusals = alarm_fsm_refusals(&n_refusals);
    assert_int_equal(n_rows + n_refusals, ALARM_EVENTS * (sizeof letters - 1));
    for (int event = 0; event < ALARM_EVENTS; event++) {
        for (const char *from = letters; *from != '\0'; from++) {
            bool row = alarm_fsm_row((enum alarm_event)event, *from) != NULL;
            assert_true(row != is_refused((enum alarm_event)event, *from));
        }
    }
    for (size_t i = 0; i < n_rows; i++) {
        assert_true(strlen(rows[i].text) > 10);
    }
    for (size_t i = 0; i < n_refusals; i++) {
        assert_true(strlen(refusals[i].text) > 10);
    }
}

static void every_state_can_be_reached_from_normal(void **state) {
    (void)state;
    char reached[8] = "A";
    for (size_t i = 0; i < strlen(reached); i++) {
        for (int event = 0; event < ALARM_EVENTS; event++) {
            const struct alarm_row *row = alarm_fsm_row((enum alarm_event)event, reached[i]);
            if (row != NULL && strchr(reached, row->to) == NULL) {
                reached[strlen(reached)] = row->to;
            }
        }
    }
    for (const char *letter = "ABCDZ-"; *letter != '\0'; letter++) {
        assert_non_null(strchr(reached, *letter));
    }
}

static void the_facts_do_what_the_rows_say(void **state) {
    (void)state;
    size_t n = 0;
    const struct alarm_row *rows = alarm_fsm_rows(&n);
    for (size_t i = 0; i < n; i++) {
        struct alarm_facts facts = {0};
        assert_true(alarm_facts_of(rows[i].from, &facts));
        assert_int_equal(alarm_letter(&facts), rows[i].from);
        alarm_fsm_apply(&facts, rows[i].event);
        assert_int_equal(alarm_letter(&facts), rows[i].to);
    }
}

static void a_letter_that_is_none_has_no_facts(void **state) {
    (void)state;
    struct alarm_facts facts = {0};
    assert_false(alarm_facts_of('Q', &facts));
    assert_false(alarm_facts_of('\0', &facts));
}

static void letters_tell_who_must_act(void **state) {
    (void)state;
    assert_true(alarm_letter_unacked('B') && alarm_letter_unacked('D'));
    assert_false(alarm_letter_unacked('A') || alarm_letter_unacked('C') || alarm_letter_unacked('Z') ||
                 alarm_letter_unacked('-'));
    assert_true(alarm_letter_active('B') && alarm_letter_active('C'));
    assert_false(alarm_letter_active('A') || alarm_letter_active('D') || alarm_letter_active('Z') ||
                 alarm_letter_active('-'));
}

static void record_kinds_have_names(void **state) {
    (void)state;
    static const char *const names[RECORD_KINDS] = {"raise",   "reraise", "rtn",   "ack",
                                                    "disable", "enable",  "remove"};
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        assert_string_equal(alarm_record_kind_name((enum alarm_record_kind)kind), names[kind]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_in_every_letter_is_a_row_or_a_listed_refusal),
        cmocka_unit_test(every_state_can_be_reached_from_normal),
        cmocka_unit_test(the_facts_do_what_the_rows_say),
        cmocka_unit_test(a_letter_that_is_none_has_no_facts),
        cmocka_unit_test(letters_tell_who_must_act),
        cmocka_unit_test(record_kinds_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
