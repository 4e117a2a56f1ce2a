#include "protocol/enrol.h"
#include "tests/lib/unit.h"

#include <stdio.h>

static struct enrol_token token_of(const char *name) {
    struct enrol_token t = {.name = ""};
    (void)snprintf(t.name, sizeof t.name, "%s", name);
    for (size_t i = 0; i < ENROL_SECRET_SIZE; i++) {
        t.secret[i] = (uint8_t)(i * 37 + 1);
    }
    for (size_t i = 0; i < ENROL_AUTHORITY_SIZE; i++) {
        t.authority[i] = (uint8_t)(255 - i * 11);
    }
    return t;
}

static void a_token_comes_back_whatever_its_name(void **state) {
    (void)state;
    static const char *const names[] = {"g", "gw-s1", "-", "PSK1-x-", "a.b_c-d-e"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct enrol_token t = token_of(names[i]);
        struct enrol_token back;
        struct error err;
        char text[ENROL_TOKEN_TEXT_SIZE];
        enrol_token_format(&t, text);
        assert_int_equal(enrol_token_parse(slice_str(text), &back, &err), OK);
        assert_string_equal(back.name, t.name);
        assert_memory_equal(back.secret, t.secret, sizeof t.secret);
        assert_memory_equal(back.authority, t.authority, sizeof t.authority);
    }
}

static void a_token_reads_as_written_in_the_specification(void **state) {
    (void)state;
    struct enrol_token t = {.name = "gw-s1"};
    char text[ENROL_TOKEN_TEXT_SIZE];
    memset(t.secret, 0xff, sizeof t.secret);
    enrol_token_format(&t, text);
    assert_string_equal(text, "PSK1-gw-s1-77777777777777777777777774-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    struct enrol_token back;
    assert_int_equal(
        enrol_token_parse(
            slice_str(" PSK1-gw-s1-77777777777777777777777774-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"), &back,
            NULL),
        OK);
    assert_memory_equal(back.secret, t.secret, sizeof t.secret);
}

static void a_mistyped_token_is_refused_and_not_repeated(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",
        "PSK1-",
        "PSK1-gw-s1",
        "PSK2-gw-s1-77777777777777777777777774-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "PSK1-gw-s1-77777777777777777777777775-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", /* bits beyond the 128 */
        "PSK1-gw-s1-7777777777777777777777774-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "PSK1-gw-s1-77777777777777777777777774-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1",
        "PSK1-gw/s1-77777777777777777777777774-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "PSK1--77777777777777777777777774-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "PSK1-gw s1-77777777777777777777777774-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct enrol_token back;
        struct error err = {0};
        assert_int_equal(enrol_token_parse(slice_str(wrong[i]), &back, &err), ERR_INVALID);
        assert_null(strstr(err.text, "7777"));
    }
}

static void enrol_comes_back_and_every_cut_is_refused(void **state) {
    (void)state;
    static const uint8_t secret[ENROL_SECRET_SIZE] = {1, 2, 3};
    static const uint8_t request[300] = {0x30};
    const struct msg_enrol m = {.name = slice_str("gw-s1"),
                                .secret = slice_of(secret, sizeof secret),
                                .request = slice_of(request, sizeof request)};
    struct buf out;
    buf_init(&out, 4096);
    enrol_encode(&out, &m);
    struct msg_enrol back;
    struct error err;
    assert_int_equal(enrol_decode(buf_slice(&out), &back, &err), OK);
    assert_true(slice_eq(back.name, m.name));
    assert_true(slice_eq(back.secret, m.secret));
    assert_true(slice_eq(back.request, m.request));
    for (size_t n = 0; n < out.n; n++) {
        assert_int_equal(enrol_decode(slice_of(out.p, n), &back, &err), ERR_INVALID);
    }
    buf_text(&out, "\x09\x01x"); /* a field of a later version */
    assert_int_equal(enrol_decode(buf_slice(&out), &back, &err), OK);
    buf_done(&out);
}

static void enrol_with_another_name_secret_or_size_is_refused(void **state) {
    (void)state;
    struct msg_enrol back;
    struct error err;
    assert_int_equal(enrol_decode(slice_of("\x03"
                                           "a/b"
                                           "\x10"
                                           "0123456789abcdef"
                                           "\x00",
                                           22),
                                  &back, &err),
                     ERR_INVALID);
    assert_int_equal(enrol_decode(slice_of("\x00"
                                           "\x10"
                                           "0123456789abcdef"
                                           "\x00",
                                           19),
                                  &back, &err),
                     ERR_INVALID);
    assert_int_equal(enrol_decode(slice_of("\x01"
                                           "a"
                                           "\x0f"
                                           "0123456789abcde"
                                           "\x00",
                                           19),
                                  &back, &err),
                     ERR_INVALID);
    assert_int_equal(enrol_decode(slice_of("\x01"
                                           "a"
                                           "\x11"
                                           "0123456789abcdefg"
                                           "\x00",
                                           21),
                                  &back, &err),
                     ERR_TOO_BIG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_comes_back_whatever_its_name),
        cmocka_unit_test(a_token_reads_as_written_in_the_specification),
        cmocka_unit_test(a_mistyped_token_is_refused_and_not_repeated),
        cmocka_unit_test(enrol_comes_back_and_every_cut_is_refused),
        cmocka_unit_test(enrol_with_another_name_secret_or_size_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
