#include "server/base/utf8.h"
#include "tests/lib/unit.h"

static void characters_have_the_length_of_the_standard(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        size_t len;
    } table[] = {
        {"a", 1, 1},
        {"\x7f", 1, 1},
        {"\xC2\x80", 2, 2},
        {"\xC0\x80", 2, 0},     /* overlong NUL */
        {"\xC1\xBF", 2, 0},     /* overlong */
        {"\xE0\xA0\x80", 3, 3}, /* the lowest of three bytes */
        {"\xE0\x9F\xBF", 3, 0}, /* overlong */
        {"\xED\x9F\xBF", 3, 3},
        {"\xED\xA0\x80", 3, 0}, /* surrogate */
        {"\xEF\xBF\xBF", 3, 3},
        {"\xF0\x90\x80\x80", 4, 4},
        {"\xF0\x8F\xBF\xBF", 4, 0}, /* overlong */
        {"\xF4\x8F\xBF\xBF", 4, 4},
        {"\xF4\x90\x80\x80", 4, 0}, /* above U+10FFFF */
        {"\xF5\x80\x80\x80", 4, 0},
        {"\x80", 1, 0},
        {"\xE6\xB0", 2, 0}, /* cut */
        {"\xF0\x90\x80", 3, 0},
        {"", 0, 0},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        assert_int_equal(utf8_char(table[i].bytes, table[i].n), table[i].len);
    }
}

static void a_text_has_no_nul_and_no_half_character(void **state) {
    (void)state;
    assert_true(utf8_is_text(slice_str("")));
    assert_true(utf8_is_text(slice_str("S1 \xE6\xB0\xB4")));
    assert_false(utf8_is_text(slice_of("a\0b", 3)));
    assert_false(utf8_is_text(slice_of("a\xE6\xB0", 3)));
    assert_int_equal(utf8_valid_prefix("ab\xE6\xB0", 4), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_have_the_length_of_the_standard),
        cmocka_unit_test(a_text_has_no_nul_and_no_half_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
