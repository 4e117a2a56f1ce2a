#include "server/config/json.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

static enum status read_text(const char *text, unsigned depth, json_t **ret, struct error *err) {
    return json_read(slice_str(text), 1000, depth, ret, err);
}

static void the_error_says_line_and_column(void **state) {
    (void)state;
    json_t *value = NULL;
    struct error err;
    assert_int_equal(read_text("{\n  \"a\": 1,\n  oops\n}", 2, &value, &err), ERR_INVALID);
    assert_string_equal(err.where, "line 3 column 6");
    assert_non_null(strstr(err.text, "line 3 column 6"));
    assert_null(value);
}

static void depth_counts_brackets_outside_of_strings_only(void **state) {
    (void)state;
    json_t *value = NULL;
    struct error err;
    assert_int_equal(read_text("{\"a\":\"[[[[{{{{\",\"b\\\"[[[\":[1],\"c\":\"\\\\\"}", 2, &value, &err), OK);
    json_decref(value);
    value = NULL;
    assert_int_equal(read_text("[[[1]]]", 2, &value, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "nested 3 levels deep; 2 are enough"));
    assert_int_equal(read_text("[[[1]]]", 3, &value, &err), OK);
    json_decref(value);
}

static void a_million_brackets_are_refused_before_they_are_parsed(void **state) {
    (void)state;
    size_t n = 1000000;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, '[', n);
    json_t *value = NULL;
    struct error err;
    assert_int_equal(json_read(slice_of(text, n), n, 4, &value, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "1000000 levels"));
    assert_int_equal(json_read(slice_of(text, n), n - 1, 4, &value, &err), ERR_TOO_BIG);
    free(text);
}

static void assert_written(const char *text, const char *wanted) {
    json_t *value = NULL;
    struct buf out;
    assert_int_equal(read_text(text, 2, &value, NULL), OK);
    assert_int_equal(json_buf_init(&out, 1000, NULL), OK);
    assert_int_equal(json_write_item(value, &out, NULL), OK);
    if (!slice_is(buf_slice(&out), wanted)) {
        fail_msg("%.*s is not %s", SLICE_ARG(buf_slice(&out)), wanted);
    }
    buf_done(&out);
    json_decref(value);
}

static void every_shape_of_two_levels_is_written(void **state) {
    (void)state;
    assert_written("{}", "{}");
    assert_written("{\"b\":[1,\"x\",true],\"a\":{\"z\":null,\"y\":false},\"c\":[],\"aa\":{}}",
                   "{\"a\":{\"y\":false,\"z\":null},\"aa\":{},\"b\":[1,\"x\",true],\"c\":[]}");
    assert_written("{\"n\":[1.0,0.1,-0.0,1e5,123456789012,3.141592653589793,1e300,-7]}",
                   "{\"n\":[1,0.1,0,100000,123456789012,3.141592653589793,1e+300,-7]}");
    assert_written("{\"s\":\"a\\u00e9\\n\\\"\\\\\\u0001\"}", "{\"s\":\"aé\\n\\\"\\\\\\u0001\"}");
}

static void too_many_keys_and_too_little_room_are_refused(void **state) {
    (void)state;
    json_t *value = json_object();
    for (int i = 0; i <= JSON_KEYS_MAX; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(json_object_set_new(value, key, json_true()), 0);
    }
    struct buf out;
    struct error err;
    assert_int_equal(json_buf_init(&out, 4000, NULL), OK);
    assert_int_equal(json_write_item(value, &out, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "has 65 fields"));
    assert_int_equal(json_object_del(value, "k0"), 0);
    buf_clear(&out);
    assert_int_equal(json_write_item(value, &out, &err), OK);
    buf_done(&out);
    assert_int_equal(json_buf_init(&out, 100, NULL), OK);
    assert_int_equal(json_write_item(value, &out, &err), ERR_TOO_BIG);
    buf_done(&out);
    json_decref(value);
}

static void types_have_words(void **state) {
    (void)state;
    static const char *const words[] = {"an object", "a list", "a string", "a number",
                                        "a number",  "true",   "false",    "null"};
    json_t *list = NULL;
    assert_int_equal(read_text("[{},[],\"\",1,1.5,true,false,null]", 2, &list, NULL), OK);
    for (size_t i = 0; i < COUNT(words); i++) {
        assert_string_equal(json_type_words(json_array_get(list, i)), words[i]);
    }
    json_decref(list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_error_says_line_and_column),
        cmocka_unit_test(depth_counts_brackets_outside_of_strings_only),
        cmocka_unit_test(a_million_brackets_are_refused_before_they_are_parsed),
        cmocka_unit_test(every_shape_of_two_levels_is_written),
        cmocka_unit_test(too_many_keys_and_too_little_room_are_refused),
        cmocka_unit_test(types_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
