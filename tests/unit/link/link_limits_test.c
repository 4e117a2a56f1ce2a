#include "server/link/link_limits.h"
#include "tests/lib/unit.h"

#include <string.h>

static void every_limit_has_a_name_of_its_own_and_a_default_within_its_bounds(void **state) {
    (void)state;
    uint32_t n = 0;
    const struct link_limit *v = link_limits_table(&n);
    struct link_limits usual = link_limits_usual();
    struct error err;
    assert_true(n > 20);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(v[i].low <= v[i].usual && v[i].usual <= v[i].high);
        uint32_t set = 0;
        memcpy(&set, (const char *)&usual + v[i].offset, sizeof set);
        assert_int_equal(set, v[i].usual);
        for (uint32_t j = 0; j < i; j++) {
            assert_string_not_equal(v[i].name, v[j].name);
            assert_true(v[i].offset != v[j].offset);
        }
    }
    assert_int_equal(link_limits_check(&usual, &err), OK);
}

static void a_limit_is_set_by_its_name_within_its_bounds(void **state) {
    (void)state;
    uint32_t n = 0;
    const struct link_limit *v = link_limits_table(&n);
    struct link_limits l = link_limits_usual();
    struct error err;
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(link_limits_set(&l, v[i].name, v[i].high, &err), OK);
        assert_int_equal(link_limits_set(&l, v[i].name, v[i].low, &err), OK);
        assert_int_equal(link_limits_set(&l, v[i].name, (int64_t)v[i].high + 1, &err), ERR_INVALID);
        assert_string_equal(err.where, v[i].name);
        assert_int_equal(link_limits_set(&l, v[i].name, (int64_t)v[i].low - 1, &err), ERR_INVALID);
        uint32_t set = 0;
        memcpy(&set, (const char *)&l + v[i].offset, sizeof set);
        assert_int_equal(set, v[i].low);
    }
    assert_int_equal(link_limits_set(&l, "colour", 1, &err), ERR_NOT_FOUND);
}

static void a_window_that_no_frame_fits_into_is_refused(void **state) {
    (void)state;
    struct link_limits l = link_limits_usual();
    struct error err;
    l.window_bytes = l.frame_bytes - 1;
    assert_int_equal(link_limits_check(&l, &err), ERR_INVALID);
    assert_string_equal(err.where, "window_bytes");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_limit_has_a_name_of_its_own_and_a_default_within_its_bounds),
        cmocka_unit_test(a_limit_is_set_by_its_name_within_its_bounds),
        cmocka_unit_test(a_window_that_no_frame_fits_into_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
