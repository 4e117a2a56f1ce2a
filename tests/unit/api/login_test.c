#include "server/api/login.h"
#include "tests/lib/unit.h"

#include <stdio.h>

static void a_code_looks_like_groups_of_four(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool is;
    } rows[] = {{"abcd-efgh-2345-wxyz", true},    {"abcd-efgh-2345-wxyz-1111", true},
                {"abcd-efgh-2345", false},        {"abcd-efgh-2345-wxyz-", false},
                {"abcd-efgh-2345-WXYZ", false},   {"abcde-fgh-2345-wxyz", false},
                {"correct horse battery", false}, {"", false}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(login_looks_like_code(rows[i].text), rows[i].is);
    }
}

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void a_cookie_carries_its_end(void **state) {
    (void)state;
    int64_t us = 0;
    assert_true(login_cookie_expiry(HEX64 "-6924c0ff", &us));
    assert_int_equal(us, INT64_C(0x6924c0ff) * 1000000);
    static const char *const tails[] = {"", "-", "-xyz", "-00112233445", "_1"};
    char text[128];
    for (size_t i = 0; i < COUNT(tails); i++) {
        (void)snprintf(text, sizeof text, HEX64 "%s", tails[i]);
        assert_false(login_cookie_expiry(text, &us));
    }
    static const char *const bad[] = {"", "x-1", "-1"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(login_cookie_expiry(bad[i], &us));
    }
}

static void the_session_object_says_all(void **state) {
    (void)state;
    struct buf out;
    struct http_who who = {.expires_us = 1000000,
                           .user = {.role = ROLE_ENGINEER, .name = "erna", .must_change_password = true}};
    buf_init(&out, 1024);
    login_write_session(&who, &out);
    buf_byte(&out, 0);
    assert_string_equal(
        (const char *)out.p,
        "{\"user\":\"erna\",\"title\":\"erna\",\"role\":\"engineer\",\"must_change_password\":true,"
        "\"expires\":\"1970-01-01T00:00:01Z\"}");
    buf_done(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_looks_like_groups_of_four),
        cmocka_unit_test(a_cookie_carries_its_end),
        cmocka_unit_test(the_session_object_says_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
