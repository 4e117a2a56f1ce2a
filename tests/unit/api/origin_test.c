#include "server/api/origin.h"
#include "tests/lib/unit.h"

static bool has(const struct origins *o, const char *text) {
    return origins_has(o, slice_str(text));
}

static void our_own_address_and_localhost_are_ours(void **state) {
    (void)state;
    struct origins o;
    assert_int_equal(origins_init(&o, "127.0.0.1", 8443, NULL, NULL), OK);
    assert_true(has(&o, "https://127.0.0.1:8443"));
    assert_true(has(&o, "https://LOCALHOST:8443"));
    assert_false(has(&o, "https://127.0.0.1:8444"));
    assert_false(has(&o, "http://127.0.0.1:8443"));
    assert_false(has(&o, "https://127.0.0.1"));
    assert_false(has(&o, "https://127.0.0.1:8443.evil.example"));
    assert_false(has(&o, "https://x127.0.0.1:8443"));
    assert_false(has(&o, "null"));
    assert_false(has(&o, ""));
    assert_true(origins_has_host(&o, slice_str("localhost:8443")));
    assert_false(origins_has_host(&o, slice_str("localhost")));
    assert_false(origins_has_host(&o, slice_str("")));
    assert_false(origins_has_host(&o, slice_str("evil.example,localhost:8443")));
}

static void the_default_port_may_be_said_or_not(void **state) {
    (void)state;
    struct origins o;
    assert_int_equal(origins_init(&o, "::1", 443, " https://Room.example:443 ,https://b.example:8443,", NULL),
                     OK);
    assert_true(has(&o, "https://room.example"));
    assert_true(has(&o, "https://room.example:443"));
    assert_true(has(&o, "https://[::1]"));
    assert_true(has(&o, "https://b.example:8443"));
    assert_true(origins_has_host(&o, slice_str("room.example")));
    assert_true(origins_has_host(&o, slice_str("[::1]:443")));
    assert_false(has(&o, "https://b.example"));
}

static void what_is_no_origin_is_refused_at_start(void **state) {
    (void)state;
    static const char *const bad[] = {"http://a",    "https://", "a.example",        "https://a/b",
                                      "https://a b", "*",        "https://*.example"};
    struct origins o;
    struct error err;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(origins_init(&o, "127.0.0.1", 1, bad[i], &err), ERR_INVALID);
        assert_non_null(strstr(err.text, "https://NAME"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_address_and_localhost_are_ours),
        cmocka_unit_test(the_default_port_may_be_said_or_not),
        cmocka_unit_test(what_is_no_origin_is_refused_at_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
