#include "server/base/status.h"
#include "tests/lib/unit.h"

#include <string.h>

static void set_fills_everything_and_returns_the_code(void **state) {
    (void)state;
    struct error err;
    assert_int_equal(error_set(&err, ERR_INVALID, "/limit", "is %d; right would be %d", 9, 5), ERR_INVALID);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.where, "/limit");
    assert_string_equal(err.text, "is 9; right would be 5");
}

static void no_error_wanted_is_allowed(void **state) {
    (void)state;
    assert_int_equal(error_set(NULL, ERR_IO, "x", "y"), ERR_IO);
    assert_int_equal(error_wrap(NULL, "x"), ERR_INTERNAL);
}

static void a_long_text_is_cut_at_a_character(void **state) {
    (void)state;
    struct error err;
    char text[2000];
    for (size_t i = 0; i + 3 < sizeof text; i += 3) {
        memcpy(text + i, "\xE6\xB0\xB4", 4); /* U+6C34, three bytes */
    }
    (void)error_set(&err, ERR_INVALID, "w", "%s", text);
    assert_int_equal(strlen(err.text) % 3, 0);
    assert_true(strlen(err.text) > sizeof err.text - 5);
}

static void wrap_says_what_was_going_on(void **state) {
    (void)state;
    struct error err;
    (void)error_set(&err, ERR_IO, "f", "no such file");
    assert_int_equal(error_wrap(&err, "reading the key"), ERR_IO);
    assert_string_equal(err.text, "reading the key: no such file");
}

static void every_code_has_a_name_of_its_own(void **state) {
    (void)state;
    for (int i = OK; i <= ERR_NO_SPACE; i++) {
        assert_string_not_equal(status_name((enum status)i), "unknown");
        for (int k = OK; k < i; k++) {
            assert_string_not_equal(status_name((enum status)i), status_name((enum status)k));
        }
    }
    assert_string_equal(status_name((enum status)(ERR_NO_SPACE + 1)), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_everything_and_returns_the_code),
        cmocka_unit_test(no_error_wanted_is_allowed),
        cmocka_unit_test(a_long_text_is_cut_at_a_character),
        cmocka_unit_test(wrap_says_what_was_going_on),
        cmocka_unit_test(every_code_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
