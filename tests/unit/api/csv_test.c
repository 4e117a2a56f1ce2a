#include "server/api/csv.h"
#include "tests/lib/unit.h"

#include <math.h>

static void is(struct buf *b, const char *want) {
    assert_int_equal(b->n, strlen(want));
    assert_memory_equal(b->p, want, b->n);
    buf_clear(b);
}

static void texts_are_quoted_and_never_formulas(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", "\"\""},          {"open", "\"open\""}, {"a,\"b\"\r\nc", "\"a,\"\"b\"\"\r\nc\""},
        {"=1+1", "\"'=1+1\""}, {"+1", "\"'+1\""},    {"-1", "\"'-1\""},
        {"@x", "\"'@x\""},     {"\tx", "\"'\tx\""},  {"\rx", "\"'\rx\""},
        {"1-1", "\"1-1\""}};
    struct buf b;
    buf_init(&b, 1000);
    for (size_t i = 0; i < COUNT(cases); i++) {
        csv_text(&b, slice_str(cases[i][0]));
        is(&b, cases[i][1]);
    }
    csv_text(&b, slice_of("\0", 1));
    assert_int_equal(b.n, 3); /* no formula: a byte that is none */
    buf_done(&b);
}

static void times_have_their_microseconds_and_numbers_are_numbers(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    csv_time(&b, 1764000000000000);
    is(&b, "2025-11-24T16:00:00.000000Z");
    csv_time(&b, 1764000000000001);
    is(&b, "2025-11-24T16:00:00.000001Z");
    csv_time(&b, -1);
    is(&b, "1969-12-31T23:59:59.999999Z");
    csv_number(&b, -2.5);
    is(&b, "-2.5");
    csv_number(&b, (double)NAN);
    is(&b, "");
    csv_number(&b, (double)INFINITY);
    is(&b, "");
    buf_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_quoted_and_never_formulas),
        cmocka_unit_test(times_have_their_microseconds_and_numbers_are_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
