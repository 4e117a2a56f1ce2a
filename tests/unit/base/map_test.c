#include "server/base/map.h"
#include "tests/lib/unit.h"

#include <stdio.h>

static const uint64_t seed[2] = {1, 2};

static void what_was_put_is_found_and_nothing_else(void **state) {
    (void)state;
    enum { N = 5000 };
    static char names[N][16];
    struct map m;
    assert_int_equal(map_init(&m, N, seed, NULL), OK);
    for (uint32_t i = 0; i < N; i++) {
        (void)snprintf(names[i], sizeof names[i], "S%u/T%u", i % 7, i);
        assert_int_equal(map_put(&m, slice_str(names[i]), i * 3), OK);
    }
    for (uint32_t i = 0; i < N; i++) {
        uint32_t value = 0;
        assert_true(map_get(&m, slice_str(names[i]), &value));
        assert_int_equal(value, i * 3);
    }
    uint32_t value = 42;
    assert_false(map_get(&m, slice_str("S1/T5000"), &value));
    assert_int_equal(value, 42);
    map_done(&m);
}

static void a_second_value_for_a_key_is_refused_and_the_first_stays(void **state) {
    (void)state;
    struct map m;
    assert_int_equal(map_init(&m, 2, seed, NULL), OK);
    assert_int_equal(map_put(&m, slice_str("a"), 1), OK);
    assert_int_equal(map_put(&m, slice_str("a"), 2), ERR_EXISTS);
    uint32_t value = 0;
    assert_true(map_get(&m, slice_str("a"), &value));
    assert_int_equal(value, 1);
    assert_int_equal(map_put(&m, slice_str(""), 3), OK);
    assert_int_equal(map_put(&m, slice_str("b"), 4), ERR_FULL);
    map_done(&m);
}

static void an_empty_map_has_nothing(void **state) {
    (void)state;
    struct map m = {0};
    uint32_t value = 0;
    assert_false(map_get(&m, slice_str("a"), &value));
    assert_int_equal(map_init(&m, 0, seed, NULL), OK);
    assert_false(map_get(&m, slice_str("a"), &value));
    map_done(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_and_nothing_else),
        cmocka_unit_test(a_second_value_for_a_key_is_refused_and_the_first_stays),
        cmocka_unit_test(an_empty_map_has_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
