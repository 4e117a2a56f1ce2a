#include "server/base/buf.h"
#include "tests/lib/unit.h"

#include <math.h>
#include <string.h>

static void what_does_not_fit_changes_nothing_and_is_remembered(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 5);
    buf_text(&b, "abc");
    buf_text(&b, "def");
    assert_int_equal(b.n, 3);
    buf_text(&b, "d"); /* would fit, but the chain is broken */
    assert_int_equal(b.n, 3);
    struct error err;
    assert_int_equal(buf_status(&b, &err), ERR_TOO_BIG);
    buf_clear(&b);
    buf_text(&b, "defgh");
    assert_int_equal(buf_status(&b, &err), OK);
    assert_true(slice_is(buf_slice(&b), "defgh"));
    buf_done(&b);
}

static void printf_writes_long_texts_whole(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    char text[1001];
    memset(text, 'x', 1000);
    text[1000] = '\0';
    buf_printf(&b, "<%s>%d", text, 7);
    assert_int_equal(b.n, 1003);
    assert_int_equal(b.p[0], '<');
    assert_memory_equal(b.p + 1001, ">7", 2);
    buf_done(&b);
}

static void json_strings_survive_any_bytes(void **state) {
    (void)state;
    static const struct {
        struct slice in;
        const char *out;
    } table[] = {
        {{"a\"b\\c", 5}, "\"a\\\"b\\\\c\""},
        {{"\n\t\x01\x7f", 4}, "\"\\n\\t\\u0001\\u007f\""},
        {{"\xE6\xB0\xB4", 3}, "\"\xE6\xB0\xB4\""},
        {{"a\xFF"
          "b",
          3},
         "\"a\xEF\xBF\xBD"
         "b\""},
        {{"\xE6\xB0", 2}, "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {{"\xED\xA0\x80", 3}, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {{"", 0}, "\"\""},
        {{"x\0y", 3}, "\"x\\u0000y\""},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct buf b;
        buf_init(&b, 256);
        buf_json_string(&b, table[i].in);
        assert_true(slice_is(buf_slice(&b), table[i].out));
        buf_done(&b);
    }
}

static void json_numbers_are_short_exact_or_null(void **state) {
    (void)state;
    static const struct {
        double in;
        const char *out;
    } table[] = {
        {0.1, "0.1"},     {1.0 / 3, "0.3333333333333333"},
        {-0.0, "-0"},     {1e300, "1e+300"},
        {NAN, "null"},    {INFINITY, "null"},
        {96.59, "96.59"}, {123456789.0, "123456789"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct buf b;
        buf_init(&b, 64);
        buf_json_number(&b, table[i].in);
        assert_true(slice_is(buf_slice(&b), table[i].out));
        buf_done(&b);
    }
}

static void consume_keeps_the_rest(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 64);
    buf_text(&b, "headbody");
    buf_consume(&b, 4);
    assert_true(slice_is(buf_slice(&b), "body"));
    buf_consume(&b, 4);
    assert_int_equal(b.n, 0);
    buf_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit_changes_nothing_and_is_remembered),
        cmocka_unit_test(printf_writes_long_texts_whole),
        cmocka_unit_test(json_strings_survive_any_bytes),
        cmocka_unit_test(json_numbers_are_short_exact_or_null),
        cmocka_unit_test(consume_keeps_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
