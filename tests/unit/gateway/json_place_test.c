#include "protocol/gateway/json_place.h"
#include "tests/lib/unit.h"

static const char text[] = "{\n"
                           "  \"a\": 1, \"b\": {\"x\": [10, {\"y\": \"]}\\\"\"}, 30]},\n"
                           "\t\"\xE6\xB0\xB4\": true, \"c\": null,\n"
                           "  \"with/slash\": [ ], \"with~tilde\": -1e5,\n"
                           "  \"last\": [[1, 2], [3]]\n"
                           "}\n";

static void the_place_of_each_pointer_is_found(void **state) {
    (void)state;
    static const struct {
        const char *pointer;
        unsigned line;
        unsigned column;
    } cases[] = {
        {"", 1, 1},
        {"/a", 2, 3},
        {"/b", 2, 11},
        {"/b/x", 2, 17},
        {"/b/x/0", 2, 23},
        {"/b/x/1", 2, 27},
        {"/b/x/1/y", 2, 28},
        {"/b/x/2", 2, 42},
        {"/\xE6\xB0\xB4", 3, 2},
        {"/c", 3, 13}, /* one character, three bytes */
        {"/with~1slash", 4, 3},
        {"/with~0tilde", 4, 22},
        {"/last/1/0", 5, 21},
        /* what is not there: the deepest that is */
        {"/nothing", 1, 1},
        {"/b/nothing", 2, 11},
        {"/b/x/3", 2, 17},
        {"/b/x/one", 2, 17},
        {"/with~1slash/0", 4, 3},
        {"/a/deeper/still", 2, 3},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json_place place = json_place_find(slice_str(text), cases[i].pointer);
        if (place.line != cases[i].line || place.column != cases[i].column) {
            fail_msg("%s: %u:%u, expected %u:%u", cases[i].pointer, place.line, place.column, cases[i].line,
                     cases[i].column);
        }
    }
}

static void a_text_that_is_cut_anywhere_is_read_within_its_bounds(void **state) {
    (void)state;
    for (size_t n = 0; n < sizeof text; n++) {
        char *copy = test_malloc(n + 1);
        memcpy(copy, text, n);
        (void)json_place_find(slice_of(copy, n), "/last/1/0");
        (void)json_place_find(slice_of(copy, n), "/b/x/1/y");
        test_free(copy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_place_of_each_pointer_is_found),
        cmocka_unit_test(a_text_that_is_cut_anywhere_is_read_within_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
