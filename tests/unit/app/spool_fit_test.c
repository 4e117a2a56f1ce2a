#include "server/app/spool_fit.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <string.h>

enum { A = 7, B = 8 };

static struct alarm_record record(uint64_t seq, int64_t alarm, uint64_t n) {
    struct alarm_record r = {.seq = seq,
                             .n = n,
                             .alarm_key = alarm,
                             .src_us = 1764000000000000 + (int64_t)seq,
                             .at_us = 1764000000000000 + (int64_t)seq,
                             .actor_key = 5,
                             .occ = 3,
                             .call = 4,
                             .kind = RECORD_COMMENT,
                             .cause = CAUSE_OPERATOR,
                             .from = 'B',
                             .to = 'B'};
    (void)snprintf(r.actor, sizeof r.actor, "olaf");
    (void)snprintf(r.comment, sizeof r.comment, "seen");
    return r;
}

static struct spool_fit fit(const struct alarm_record *left, size_t n, const struct spool_journal *journal) {
    struct spool_fit ret = {0};
    struct error err;
    assert_int_equal(spool_fit(left, n, journal, &ret, &err), OK);
    return ret;
}

static void an_empty_spool_fits_every_journal(void **state) {
    (void)state;
    struct spool_fit f = fit(NULL, 0, &(struct spool_journal){.seq = 9});
    assert_int_equal(f.n_stored, 0);
    assert_null(f.why);
}

static void what_the_journal_has_as_it_is_is_stored_and_the_rest_goes_on(void **state) {
    (void)state;
    const struct alarm_record left[] = {record(9, A, 3), record(10, B, 1), record(11, A, 4),
                                        record(12, B, 2)};
    const struct alarm_record newest[] = {record(9, A, 3), record(10, B, 1)};
    const struct spool_journal journal = {
        .seq = 10, .tail = left, .n_tail = 2, .records = newest, .n_records = 2};
    struct spool_fit f = fit(left, 4, &journal);
    assert_int_equal(f.n_stored, 2);
    assert_null(f.why);
    f = fit(left, 2, &journal);
    assert_int_equal(f.n_stored, 2);
    assert_null(f.why);
}

/* Each thing that tells one record from another, alone. */
static void another_record_under_the_same_number_is_seen(void **state) {
    (void)state;
    const struct alarm_record mine = record(9, A, 3);
    struct alarm_record other[12];
    for (size_t i = 0; i < COUNT(other); i++) {
        other[i] = mine;
    }
    other[0].n++;
    other[1].alarm_key = B;
    other[2].kind = RECORD_ACK;
    other[3].cause = CAUSE_TIMER;
    other[4].occ++;
    other[5].call++;
    other[6].from = 'D';
    other[7].to = 'C';
    other[8].at_us++;
    other[9].actor_key++;
    other[10].actor[0] = 'O';
    other[11].comment[0] = 'S';
    for (size_t i = 0; i < COUNT(other); i++) {
        const struct spool_journal journal = {.seq = 10, .tail = &other[i], .n_tail = 1};
        struct spool_fit f = fit(&mine, 1, &journal);
        assert_int_equal(f.n_stored, 0);
        assert_non_null(f.why);
        assert_non_null(strstr(f.why, "other records under its numbers"));
    }
}

static void from_the_first_other_record_on_nothing_is_taken_for_stored(void **state) {
    (void)state;
    const struct alarm_record left[] = {record(9, A, 3), record(10, A, 4), record(11, A, 5),
                                        record(12, A, 6)};
    struct alarm_record tail[] = {left[0], left[1], left[2]};
    tail[1].at_us++;
    const struct spool_journal journal = {
        .seq = 11, .tail = tail, .n_tail = 3, .records = tail, .n_records = 3};
    struct spool_fit f = fit(left, 4, &journal);
    assert_int_equal(f.n_stored, 1);
    assert_non_null(f.why);
}

static void a_number_that_the_journal_does_not_have_is_not_stored(void **state) {
    (void)state;
    const struct alarm_record left[] = {record(9, A, 3), record(10, A, 4)};
    struct spool_fit f = fit(left, 2, &(struct spool_journal){.seq = 20, .tail = left, .n_tail = 1});
    assert_int_equal(f.n_stored, 1);
    assert_non_null(f.why);
}

static void records_behind_a_gap_do_not_follow(void **state) {
    (void)state;
    const struct alarm_record left[] = {record(9, A, 3)};
    const struct alarm_record newest = record(7, A, 2);
    struct spool_fit f = fit(left, 1, &(struct spool_journal){.seq = 7, .records = &newest, .n_records = 1});
    assert_non_null(f.why);
    assert_non_null(strstr(f.why, "missing"));
}

/* The number is right by chance: the alarm's own history tells. */
static void another_history_of_the_alarm_is_seen(void **state) {
    (void)state;
    struct alarm_record left[] = {record(9, B, 1), record(10, A, 3), record(11, A, 4)};
    struct alarm_record newest[] = {record(6, A, 1), record(8, A, 2)};
    const struct spool_journal journal = {.seq = 8, .records = newest, .n_records = 2};
    assert_null(fit(left, 3, &journal).why);
    newest[1].n = 3;
    assert_non_null(fit(left, 3, &journal).why);
    newest[1].n = 2;
    newest[1].to = 'D';
    assert_non_null(fit(left, 3, &journal).why);
    newest[1].to = 'B';
    left[2].from = 'C';
    assert_non_null(fit(left, 3, &journal).why);
    left[2].from = 'B';
    left[0].n = 2; /* of an alarm of which the journal knows nothing */
    assert_non_null(fit(left, 3, &journal).why);
}

static void the_audit_is_told_what_was_done_and_where_it_is(void **state) {
    (void)state;
    const struct alarm_record r = record(9, A, 3);
    char text[512];
    spool_fit_tell(&r, "/var/spool.aside", text, sizeof text);
    assert_string_equal(text,
                        "comment of occurrence 3 at 2025-11-24T16:00:00.000009Z was kept in the spool and is "
                        "not in the journal; number 9 in /var/spool.aside: seen");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_spool_fits_every_journal),
        cmocka_unit_test(what_the_journal_has_as_it_is_is_stored_and_the_rest_goes_on),
        cmocka_unit_test(another_record_under_the_same_number_is_seen),
        cmocka_unit_test(from_the_first_other_record_on_nothing_is_taken_for_stored),
        cmocka_unit_test(a_number_that_the_journal_does_not_have_is_not_stored),
        cmocka_unit_test(records_behind_a_gap_do_not_follow),
        cmocka_unit_test(another_history_of_the_alarm_is_seen),
        cmocka_unit_test(the_audit_is_told_what_was_done_and_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
