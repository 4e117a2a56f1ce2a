#include "server/base/rand.h"
#include "server/base/tm.h"
#include "tests/lib/unit.h"

#include <string.h>

static void known_times_are_written_and_read(void **state) {
    (void)state;
    static const struct {
        int64_t t;
        const char *text;
    } table[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1, "1970-01-01T00:00:00.000001Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {TM_YEAR_2000_US, "2000-01-01T00:00:00Z"},
        {INT64_C(951782400000000), "2000-02-29T00:00:00Z"},
        {INT64_C(4070908799000000), "2098-12-31T23:59:59Z"},
        {INT64_C(1795515300500000), "2026-11-24T10:15:00.500000Z"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        char text[TM_TEXT_SIZE];
        int64_t t = 0;
        assert_int_equal(tm_format(table[i].t, text), OK);
        assert_string_equal(text, table[i].text);
        assert_int_equal(tm_parse(slice_str(text), &t, NULL), OK);
        assert_int_equal(t, table[i].t);
    }
}

static void other_forms_of_rfc_3339_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t t;
    } table[] = {
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T19:00:00-05:00", 0},
        {"1970-01-01t00:00:00.5z", 500000},
        {"1970-01-01T00:00:00.000001Z", 1},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        int64_t t = -1;
        assert_int_equal(tm_parse(slice_str(table[i].text), &t, NULL), OK);
        assert_int_equal(t, table[i].t);
    }
}

static void what_is_no_time_is_refused_with_an_example(void **state) {
    (void)state;
    static const char *const table[] = {
        "",
        "now",
        "2026-11-24",
        "2026-11-24T10:15:00",
        "2026-11-24 10:15:00Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567Z",
        "2026-01-01T00:00:00Zx",
        "2026-01-01T00:00:00+24:00",
        "0000-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct error err;
        int64_t t = 42;
        assert_int_equal(tm_parse(slice_str(table[i]), &t, &err), ERR_INVALID);
        assert_int_equal(t, 42);
        assert_non_null(strstr(err.text, "right would be"));
    }
}

static void years_beyond_the_text_form_are_refused(void **state) {
    (void)state;
    char text[TM_TEXT_SIZE];
    assert_int_equal(tm_format(INT64_MAX, text), ERR_INVALID);
    assert_int_equal(tm_format(INT64_MIN, text), ERR_INVALID);
}

static void random_times_come_back(void **state) {
    (void)state;
    struct rand r;
    rand_seed(&r, 3);
    for (int i = 0; i < 100000; i++) {
        int64_t t = (int64_t)rand_below(&r, UINT64_C(250000000000000000)) - INT64_C(60000000000000000);
        char text[TM_TEXT_SIZE];
        int64_t back = 0;
        assert_int_equal(tm_format(t, text), OK);
        assert_int_equal(tm_parse(slice_str(text), &back, NULL), OK);
        assert_int_equal(back, t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_times_are_written_and_read),
        cmocka_unit_test(other_forms_of_rfc_3339_are_read),
        cmocka_unit_test(what_is_no_time_is_refused_with_an_example),
        cmocka_unit_test(years_beyond_the_text_form_are_refused),
        cmocka_unit_test(random_times_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
