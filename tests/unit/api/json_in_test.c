#include "server/api/json_in.h"
#include "tests/lib/unit.h"

#include <string.h>

static const char *fault_of(const char *text) {
    static struct json_in in;
    enum status status = json_in_parse(&in, slice_str(text));
    if (status == OK) {
        json_in_done(&in);
        return NULL;
    }
    assert_int_equal(in.n_faults, 1);
    assert_null(in.root);
    return in.faults[0].text;
}

static void only_one_strict_object_is_taken(void **state) {
    (void)state;
    char deep[80] = "{\"a\":";
    assert_null(fault_of("{}"));
    assert_null(fault_of("{\"a\":[{\"b\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"}]}"));
    assert_non_null(strstr(fault_of(""), "empty"));
    assert_non_null(strstr(fault_of("[]"), "object"));
    assert_non_null(strstr(fault_of("{\"a\":1,\"a\":2}"), "duplicate"));
    assert_non_null(strstr(fault_of("{\"a\":1"), "line 1"));
    assert_non_null(strstr(fault_of("{} {}"), "JSON"));
    assert_non_null(strstr(fault_of("{\"a\":\"\xff\"}"), "JSON"));
    memset(deep + 5, '[', 40);
    assert_non_null(strstr(fault_of(deep), "32"));
}

static void unknown_fields_are_named(void **state) {
    (void)state;
    static const char *const keys[] = {"a", NULL};
    struct json_in in;
    assert_int_equal(json_in_parse(&in, slice_str("{\"a\":1,\"b\":2}")), OK);
    json_in_only(&in, in.root, "/x", keys);
    assert_int_equal(in.n_faults, 1);
    assert_string_equal(in.faults[0].pointer, "/x/b");
    json_in_done(&in);
}

static void strings_have_a_length(void **state) {
    (void)state;
    struct json_in in;
    assert_int_equal(json_in_parse(&in, slice_str("{\"a\":\"abc\",\"n\":1}")), OK);
    assert_string_equal(json_in_string(&in, "a", 1, 3), "abc");
    assert_string_equal(json_in_optional(&in, "none", 3), "");
    assert_int_equal(in.n_faults, 0);
    assert_null(json_in_string(&in, "a", 4, 9));
    assert_null(json_in_string(&in, "a", 0, 2));
    assert_null(json_in_string(&in, "none", 0, 2));
    assert_null(json_in_optional(&in, "n", 2));
    assert_int_equal(in.n_faults, 4);
    assert_string_equal(in.faults[2].pointer, "/none");
    for (int i = 0; i < 100; i++) {
        json_in_fault(&in, "/z", "more");
    }
    assert_int_equal(in.n_faults, JSON_IN_FAULTS_MAX);
    json_in_done(&in);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_one_strict_object_is_taken),
        cmocka_unit_test(unknown_fields_are_named),
        cmocka_unit_test(strings_have_a_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
