#include "server/api/http.h"
#include "tests/lib/unit.h"

static struct slice s(const char *text) {
    return slice_str(text);
}

static void a_length_is_digits_and_nothing_else(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t length;
    } rows[] = {{"0", 0},
                {"65536", 65536},
                {"", -1},
                {"-1", -1},
                {"+1", -1},
                {" 1", -1},
                {"1 ", -1},
                {"5x", -1},
                {"3,5", -1},
                {"0x1", -1},
                {"1e3", -1},
                {"999999999999999", 999999999999999},
                {"9999999999999999", -1}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(http_parse_length(s(rows[i].text)), rows[i].length);
    }
}

static void a_cookie_is_found_once_or_not_at_all(void **state) {
    (void)state;
    static const struct {
        const char *header;
        const char *value;
    } rows[] = {{"a=1", "1"}, {"b=2; a=1; c=3", "1"}, {"b=2;a=1", "1"}, {"aa=2; xa=3", ""},   {"a", ""},
                {"a=", ""},   {"a=1; a=2", ""},       {"", ""},         {";;; a=x=y;", "x=y"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(slice_is(http_find_cookie(s(rows[i].header), "a"), rows[i].value));
    }
}

static void gzip_is_taken_when_it_is_accepted(void **state) {
    (void)state;
    assert_true(http_accepts_gzip(s("gzip, deflate, br")));
    assert_true(http_accepts_gzip(s("br, GZIP;q=0.5")));
    assert_false(http_accepts_gzip(s("br, gzip;q=0")));
    assert_false(http_accepts_gzip(s("gzipped")));
    assert_false(http_accepts_gzip(s("")));
}

static void only_json_is_json(void **state) {
    (void)state;
    assert_true(http_is_json(s("application/json")));
    assert_true(http_is_json(s("Application/JSON; charset=utf-8")));
    assert_false(http_is_json(s("application/jsonp")));
    assert_false(http_is_json(s("text/plain")));
    assert_false(http_is_json(s("")));
}

static void an_etag_is_one_number_in_quotes(void **state) {
    (void)state;
    int64_t revision = 0;
    assert_true(http_parse_etag(s("\"17\""), &revision));
    assert_int_equal(revision, 17);
    static const char *const bad[] = {"17", "*", "W/\"17\"", "\"\"", "\"x\"", "\"1\", \"2\"", "\""};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(http_parse_etag(s(bad[i]), &revision));
    }
}

static void parameters_are_found_by_name(void **state) {
    (void)state;
    struct http_request *r = http_request_new();
    struct slice value;
    int64_t number = 5;
    assert_true(http_add_param(r, "site=S1", 7));
    assert_true(http_add_param(r, "limit=12", 8));
    assert_true(http_add_param(r, "flag", 4));
    assert_true(http_param(r, "site", &value));
    assert_true(slice_is(value, "S1"));
    assert_true(http_param(r, "flag", &value));
    assert_int_equal(value.n, 0);
    assert_false(http_param(r, "sit", &value));
    assert_true(http_param_number(r, "limit", 1, 20, &number));
    assert_int_equal(number, 12);
    assert_false(http_param_number(r, "limit", 1, 11, &number));
    assert_false(http_param_number(r, "site", 1, 11, &number));
    number = 5;
    assert_true(http_param_number(r, "other", 6, 7, &number));
    assert_int_equal(number, 5);
    assert_false(http_add_param(r, "x=\xff", 3));
    for (uint32_t i = r->n_params; i < HTTP_PARAMS_MAX; i++) {
        assert_true(http_add_param(r, "y=1", 3));
    }
    assert_false(http_add_param(r, "y=1", 3));
    http_request_free(&r);
    assert_null(r);
}

static void a_time_is_text_or_microseconds(void **state) {
    (void)state;
    struct http_request *r = http_request_new();
    int64_t us = 0;
    assert_true(http_add_param(r, "a=1970-01-01T00:00:01Z", 22));
    assert_true(http_add_param(r, "b=1000001", 9));
    assert_true(http_add_param(r, "c=yesterday", 11));
    assert_true(http_add_param(r, "d=99999999999999999999", 22));
    assert_true(http_param_time(r, "a", &us));
    assert_int_equal(us, 1000000);
    assert_true(http_param_time(r, "b", &us));
    assert_int_equal(us, 1000001);
    assert_false(http_param_time(r, "c", &us));
    assert_false(http_param_time(r, "d", &us));
    http_request_free(&r);
}

static void note_done(struct http_request *r) {
    *(int *)r->holder += 1;
}

static void a_problem_says_what_and_where(void **state) {
    (void)state;
    int done = 0;
    struct http_request *r = http_request_new();
    struct config_fault fault = {.pointer = "/value/limit", .text = "is \"x\""};
    r->holder = &done;
    r->on_done = note_done;
    buf_text(&r->out, "half an answer");
    http_faults(r, 422, "no", &fault, 1);
    assert_int_equal(done, 1);
    assert_int_equal(r->status, 422);
    struct slice body = http_body(r);
    static const char right[] =
        "{\"type\":\"about:blank\",\"title\":\"Unprocessable Entity\",\"status\":422,\"detail\":\"no\","
        "\"code\":\"invalid\",\"errors\":[{\"pointer\":\"/value/limit\",\"detail\":\"is \\\"x\\\"\"}]}";
    assert_int_equal(body.n, sizeof right - 1);
    assert_memory_equal(body.p, right, body.n);
    http_request_free(&r);
}

static void inner_errors_are_not_told_outside(void **state) {
    (void)state;
    struct error err;
    struct http_request *r = http_request_new();
    (void)error_set(&err, ERR_INTERNAL, "pg", "password of database");
    http_failed(r, ERR_INTERNAL, &err);
    assert_int_equal(r->status, 500);
    assert_null(memmem(r->out.p, r->out.n, "password", 8));
    http_request_free(&r);
}

static void the_head_tells_length_type_and_safety(void **state) {
    (void)state;
    struct buf head;
    struct http_request *r = http_request_new();
    buf_init(&head, 8192);
    http_header(r, "ETag: \"%d\"", 3);
    buf_text(&r->out, "{}");
    http_json(r, 200);
    http_write_head(r, true, &head);
    buf_byte(&head, 0);
    const char *text = (const char *)head.p;
    assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
    assert_non_null(strstr(text, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(text, "\r\nContent-Length: 2\r\n"));
    assert_non_null(strstr(text, "\r\nETag: \"3\"\r\n"));
    assert_non_null(strstr(text, "\r\nStrict-Transport-Security: "));
    assert_non_null(strstr(text, "require-trusted-types-for 'script'"));
    assert_string_equal(text + strlen(text) - 4, "\r\n\r\n");
    buf_done(&head);
    http_request_free(&r);
}

static void no_content_has_neither_type_nor_length(void **state) {
    (void)state;
    struct buf head;
    struct http_request *r = http_request_new();
    buf_init(&head, 8192);
    http_no_content(r);
    http_write_head(r, false, &head);
    buf_byte(&head, 0);
    assert_null(strstr((const char *)head.p, "Content-Length"));
    assert_null(strstr((const char *)head.p, "Content-Type: "));
    assert_null(strstr((const char *)head.p, "Strict-Transport"));
    buf_done(&head);
    http_request_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_length_is_digits_and_nothing_else),
        cmocka_unit_test(a_cookie_is_found_once_or_not_at_all),
        cmocka_unit_test(gzip_is_taken_when_it_is_accepted),
        cmocka_unit_test(only_json_is_json),
        cmocka_unit_test(an_etag_is_one_number_in_quotes),
        cmocka_unit_test(parameters_are_found_by_name),
        cmocka_unit_test(a_time_is_text_or_microseconds),
        cmocka_unit_test(a_problem_says_what_and_where),
        cmocka_unit_test(inner_errors_are_not_told_outside),
        cmocka_unit_test(the_head_tells_length_type_and_safety),
        cmocka_unit_test(no_content_has_neither_type_nor_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
