#include "server/app/spool_line.h"
#include "tests/lib/unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct alarm_record note(uint64_t seq) {
    struct alarm_record r = {.seq = seq,
                             .alarm_key = 7,
                             .alarm = UINT32_MAX,
                             .at_us = 1764000000000002,
                             .value = -0.0,
                             .limit = (double)NAN,
                             .occ = UINT32_MAX,
                             .facts = UINT16_MAX,
                             .kind = RECORD_COMMENT,
                             .cause = CAUSE_OPERATOR,
                             .from = 'B',
                             .priority = 255};
    (void)snprintf(r.actor, sizeof r.actor, "olaf");
    (void)snprintf(r.comment, sizeof r.comment, "said \"so\"\n泵");
    return r;
}

/* Without its line feed. */
static struct slice written(struct buf *text, uint64_t seq) {
    struct alarm_record r = note(seq);
    buf_clear(text);
    spool_line_write(text, &r);
    assert_false(text->failed);
    assert_int_equal(text->p[text->n - 1], '\n');
    assert_ptr_equal(memchr(text->p, '\n', text->n), text->p + text->n - 1);
    return slice_of((const char *)text->p, text->n - 1);
}

static void a_line_is_read_as_it_was_written(void **state) {
    (void)state;
    struct buf text;
    struct alarm_record r;
    buf_init(&text, SPOOL_LINE_BYTES);
    assert_true(spool_line_read(written(&text, 5), &r));
    assert_int_equal(r.seq, 5);
    assert_int_equal(r.alarm, UINT32_MAX);
    assert_int_equal(r.occ, UINT32_MAX);
    assert_int_equal(r.facts, UINT16_MAX);
    assert_int_equal(r.kind, RECORD_COMMENT);
    assert_true(r.value == 0 && signbit(r.value));
    assert_true(isnan(r.limit));
    assert_int_equal(r.from, 'B');
    assert_int_equal(r.to, '\0');
    assert_string_equal(r.comment, "said \"so\"\n泵");
    buf_done(&text);
}

static void no_line_that_was_touched_is_read(void **state) {
    (void)state;
    struct buf text;
    struct alarm_record r;
    buf_init(&text, SPOOL_LINE_BYTES);
    struct slice line = written(&text, 5);
    for (size_t i = 0; i < line.n; i++) {
        assert_false(spool_line_read(slice_of(line.p, i), &r));
        text.p[i] ^= 1;
        assert_false(spool_line_read(line, &r));
        text.p[i] ^= 1;
    }
    assert_true(spool_line_read(line, &r));
    assert_false(spool_line_read(written(&text, 0), &r)); /* numbers begin with 1 */
    buf_done(&text);
}

/* The most that one record may take is what is reserved for it. */
static void the_longest_texts_fit_what_is_reserved(void **state) {
    (void)state;
    struct buf text;
    struct alarm_record r = note(UINT32_MAX);
    memset(r.actor, 'a', sizeof r.actor - 1);
    memset(r.desk, 'a', sizeof r.desk - 1);
    memset(r.source, 'a', sizeof r.source - 1);
    memset(r.unit, 'a', sizeof r.unit - 1);
    memset(r.comment, 'a', sizeof r.comment - 1);
    buf_init(&text, SPOOL_LINE_BYTES);
    spool_line_write(&text, &r);
    assert_false(text.failed);
    buf_done(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_read_as_it_was_written),
        cmocka_unit_test(no_line_that_was_touched_is_read),
        cmocka_unit_test(the_longest_texts_fit_what_is_reserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
