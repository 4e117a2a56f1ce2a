#include "server/base/arena.h"
#include "tests/lib/unit.h"

#include <string.h>

static void memory_is_zeroed_aligned_and_apart(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 10 * 1024 * 1024);
    unsigned char *before = NULL;
    for (size_t i = 1; i < 300; i++) {
        unsigned char *p = arena_alloc(&a, i, 17);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t k = 0; k < i * 17; k++) {
            assert_int_equal(p[k], 0);
        }
        memset(p, 0xAA, i * 17);
        if (before != NULL) {
            assert_int_equal(before[0], 0xAA);
        }
        before = p;
    }
    arena_done(&a);
}

static void the_maximum_holds_and_overflow_is_refused(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 1000);
    assert_null(arena_alloc(&a, 1001, 1));
    assert_null(arena_alloc(&a, SIZE_MAX, 2));
    assert_non_null(arena_alloc(&a, 500, 1));
    assert_null(arena_alloc(&a, 600, 1));
    arena_done(&a);
}

static void a_copy_is_terminated(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 1000);
    struct slice copy = arena_copy(&a, slice_of("abcdef", 3));
    assert_string_equal(copy.p, "abc");
    assert_int_equal(copy.n, 3);
    assert_non_null(arena_copy(&a, slice_str("")).p);
    arena_done(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(the_maximum_holds_and_overflow_is_refused),
        cmocka_unit_test(a_copy_is_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
