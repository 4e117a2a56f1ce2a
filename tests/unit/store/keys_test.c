#include "server/store/keys.h"
#include "tests/lib/unit.h"

#include <stdio.h>

static void a_thousand_keys_are_found_by_kind_and_name(void **state) {
    (void)state;
    struct keys k;
    keys_init(&k, (uint64_t[2]){1, 2});
    assert_int_equal(keys_get(&k, CONFIG_TAG, slice_str("x")), 0);
    for (int64_t i = 0; i < 1000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "S%lld", (long long)i);
        assert_int_equal(keys_put(&k, CONFIG_TAG, slice_str(name), i + 1), OK);
        assert_int_equal(keys_put(&k, CONFIG_ALARM, slice_str(name), i + 5000), OK);
    }
    assert_true(keys_get(&k, CONFIG_TAG, slice_str("S999")) == 1000);
    assert_true(keys_get(&k, CONFIG_ALARM, slice_str("S999")) == 5999);
    assert_true(keys_get(&k, CONFIG_SITE, slice_str("S999")) == 0);
    assert_int_equal(keys_put(&k, CONFIG_TAG, slice_str("S999"), 7), OK);
    assert_true(keys_get(&k, CONFIG_TAG, slice_str("S999")) == 7);
    keys_done(&k);
}

static void a_name_longer_than_any_is_no_key(void **state) {
    (void)state;
    struct keys k;
    keys_init(&k, (uint64_t[2]){1, 2});
    char name[MODEL_NAME_MAX + 1];
    memset(name, 'x', sizeof name);
    assert_int_equal(keys_put(&k, CONFIG_TAG, slice_of(name, MODEL_NAME_MAX + 1), 1), ERR_TOO_BIG);
    assert_int_equal(keys_put(&k, CONFIG_TAG, slice_of(name, MODEL_NAME_MAX), 1), OK);
    assert_true(keys_get(&k, CONFIG_TAG, slice_of(name, MODEL_NAME_MAX + 1)) == 0);
    assert_true(keys_get(&k, CONFIG_TAG, slice_of(name, MODEL_NAME_MAX)) == 1);
    keys_done(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_keys_are_found_by_kind_and_name),
        cmocka_unit_test(a_name_longer_than_any_is_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
