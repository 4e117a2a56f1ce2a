#include "server/export/syslog_text.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t hash[CHAIN_HASH_SIZE] = {0xab};
#define HASH "ab00000000000000000000000000000000000000000000000000000000000000"

static struct syslog_text message(const char *json, size_t n) {
    return (struct syslog_text){.at_us = 1700000000123456,
                                .host = "plant.example",
                                .pid = 42,
                                .id = "audit",
                                .pos = 7,
                                .row_id = 3,
                                .hash = hash,
                                .json = slice_of(json, n)};
}

static void expect(const struct syslog_text *m, const char *text) {
    struct buf out;
    buf_init(&out, 20000);
    syslog_text(&out, m);
    assert_int_equal(buf_status(&out, NULL), OK);
    char head[16];
    (void)snprintf(head, sizeof head, "%zu ", strlen(text));
    assert_int_equal(out.n, strlen(head) + strlen(text));
    assert_memory_equal(out.p, head, strlen(head));
    assert_memory_equal(out.p + strlen(head), text, strlen(text));
    buf_done(&out);
}

static void a_message_has_its_length_head_and_data(void **state) {
    (void)state;
    struct syslog_text m = message("{\"pos\":7}", 9);
    expect(&m, "<109>1 2023-11-14T22:13:20.123456Z plant.example penstock 42 audit [penstock@32473 pos=\"7\" "
               "id=\"3\" "
               "hash=\"" HASH "\"] {\"pos\":7}");
    m.host = "no host";
    m.json = slice_str("é");
    expect(&m, "<109>1 2023-11-14T22:13:20.123456Z - penstock 42 audit [penstock@32473 pos=\"7\" id=\"3\" "
               "hash=\"" HASH "\"] \xef\xbb\xbf\xc3\xa9");
}

/* Its length, and where its text begins. */
static size_t whole_length(const char *json, size_t n, bool *ret_cut) {
    struct buf out;
    struct syslog_text m = message(json, n);
    buf_init(&out, 20000);
    syslog_text(&out, &m);
    buf_byte(&out, 0);
    char *end = NULL;
    size_t length = strtoul((const char *)out.p, &end, 10);
    assert_int_equal(length, strlen(end + 1));
    *ret_cut = strstr(end, " cut=\"1\"] ") != NULL;
    buf_done(&out);
    return length;
}

static void a_message_that_is_too_long_is_cut_at_a_character(void **state) {
    (void)state;
    char text[10001];
    bool cut = false;
    memset(text, 'x', sizeof text);
    size_t head = whole_length(text, 1, &cut) - 1;
    assert_int_equal(whole_length(text, SYSLOG_TEXT_MAX - head, &cut), SYSLOG_TEXT_MAX);
    assert_false(cut);
    assert_int_equal(whole_length(text, SYSLOG_TEXT_MAX - head + 1, &cut), SYSLOG_TEXT_MAX);
    assert_true(cut);
    for (size_t i = 0; i + 1 < sizeof text; i += 2) {
        memcpy(text + i, "\xc3\xa9", 2);
    }
    size_t even = whole_length(text, 10000, &cut);
    size_t odd = whole_length(text, 9998, &cut);
    assert_true(cut);
    assert_int_equal(even, odd);
    assert_true(even == SYSLOG_TEXT_MAX || even == SYSLOG_TEXT_MAX - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_has_its_length_head_and_data),
        cmocka_unit_test(a_message_that_is_too_long_is_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
