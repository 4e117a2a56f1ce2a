#include "server/base/slice.h"
#include "tests/lib/unit.h"

static void equality_is_of_bytes_and_length(void **state) {
    (void)state;
    assert_true(slice_is(slice_of("abc", 2), "ab"));
    assert_false(slice_is(slice_of("abc", 3), "ab"));
    assert_false(slice_is(slice_of("ab", 2), "abc"));
    assert_true(slice_eq(slice_of(NULL, 0), slice_str("")));
    assert_true(slice_eq(slice_str(NULL), slice_str("")));
    assert_true(slice_eq(slice_of("a\0b", 3), slice_of("a\0b", 3)));
    assert_false(slice_eq(slice_of("a\0b", 3), slice_of("a\0c", 3)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_is_of_bytes_and_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
