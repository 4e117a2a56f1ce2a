/* Covers: request.c. */
#include "server/core/model.h"
#include "server/core/request.h"
#include "tests/lib/unit.h"

#include <stdlib.h>

static void names_are_found_and_others_are_not(void **state) {
    (void)state;
    static const uint64_t seed[2] = {1, 2};
    struct model *m = calloc(1, sizeof *m);
    arena_init(&m->arena, 4096);
    assert_int_equal(map_init(&m->site_by_name, 4, seed, NULL), OK);
    assert_int_equal(map_init(&m->gateway_by_name, 4, seed, NULL), OK);
    assert_int_equal(map_init(&m->tag_by_name, 4, seed, NULL), OK);
    assert_int_equal(map_init(&m->alarm_by_name, 4, seed, NULL), OK);
    assert_int_equal(map_put(&m->site_by_name, slice_str("S1"), 1), OK);
    assert_int_equal(map_put(&m->gateway_by_name, slice_str("gw-s1"), 2), OK);
    assert_int_equal(map_put(&m->tag_by_name, slice_str("S1/L_T1"), 3), OK);
    assert_int_equal(map_put(&m->alarm_by_name, slice_str("S1/L_T1.high"), 4), OK);
    assert_int_equal(model_find_site(m, slice_str("S1")), 1);
    assert_int_equal(model_find_gateway(m, slice_str("gw-s1")), 2);
    assert_int_equal(model_find_tag(m, slice_str("S1/L_T1")), 3);
    assert_int_equal(model_find_alarm(m, slice_str("S1/L_T1.high")), 4);
    assert_int_equal(model_find_site(m, slice_str("S2")), MODEL_NONE);
    assert_int_equal(model_find_gateway(m, slice_str("S1")), MODEL_NONE);
    assert_int_equal(model_find_tag(m, slice_str("S1/L_T")), MODEL_NONE);
    assert_int_equal(model_find_alarm(m, slice_str("")), MODEL_NONE);
    model_free(&m);
    assert_null(m);
}

static void a_half_built_model_and_none_are_freed(void **state) {
    (void)state;
    struct model *m = NULL;
    model_free(&m);
    model_free(NULL);
    m = calloc(1, sizeof *m);
    model_free(&m);
    assert_null(m);
}

static void kinds_and_types_have_names(void **state) {
    (void)state;
    assert_string_equal(alarm_kind_name(ALARM_HIGH), "high");
    assert_string_equal(alarm_kind_name(ALARM_LOW), "low");
    assert_string_equal(alarm_kind_name(ALARM_STALE), "stale");
    assert_string_equal(alarm_kind_name(ALARM_COMM), "comm");
    assert_string_equal(tag_type_name(TAG_FLOAT), "float");
    assert_string_equal(tag_type_name(TAG_INT), "int");
    assert_string_equal(tag_type_name(TAG_BOOL), "bool");
}

static void a_role_is_its_name_and_anything_else_is_none(void **state) {
    (void)state;
    for (enum role role = ROLE_NONE; role <= ROLE_ADMIN; role++) {
        assert_int_equal(role_parse(slice_str(role_name(role))), role);
    }
    assert_int_equal(role_parse(slice_str("Admin")), ROLE_NONE);
    assert_int_equal(role_parse(slice_str("admin ")), ROLE_NONE);
    assert_int_equal(role_parse(slice_str("")), ROLE_NONE);
    assert_true(ROLE_VIEWER < ROLE_OPERATOR && ROLE_OPERATOR < ROLE_ENGINEER && ROLE_ENGINEER < ROLE_ADMIN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_and_others_are_not),
        cmocka_unit_test(a_half_built_model_and_none_are_freed),
        cmocka_unit_test(kinds_and_types_have_names),
        cmocka_unit_test(a_role_is_its_name_and_anything_else_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
