#include "server/config/item.h"
#include "server/config/policy.h"
#include "tests/lib/config_rig.h"

static void the_default_matrix_is_worse_for_less_time_and_worse_consequences(void **state) {
    (void)state;
    static const double times_s[] = {1, 300, 301, 900, 901, 1800, 1801, 3600, 3601, 1e6};
    static const uint8_t wanted[CONFIG_SEVERITIES][COUNT(times_s)] = {
        [SEVERITY_MINOR] = {3, 3, 4, 4, 4, 4, 4, 4, 4, 4},
        [SEVERITY_MODERATE] = {2, 2, 3, 3, 3, 3, 4, 4, 4, 4},
        [SEVERITY_MAJOR] = {1, 1, 2, 2, 3, 3, 3, 3, 4, 4},
        [SEVERITY_SEVERE] = {1, 1, 1, 1, 2, 2, 3, 3, 4, 4},
    };
    struct config_policy p = config_policy_default();
    for (unsigned s = 0; s < CONFIG_SEVERITIES; s++) {
        for (size_t i = 0; i < COUNT(times_s); i++) {
            assert_int_equal(config_policy_priority(&p, (enum config_severity)s, times_s[i]), wanted[s][i]);
        }
    }
    assert_string_equal(config_severity_name(SEVERITY_SEVERE), "severe");
    assert_string_equal(config_severity_name(SEVERITY_MINOR), "minor");
}

static const struct {
    const char *rest;
    const char *code; /* NULL: right */
    const char *pointer;
} bodies[] = {
    {"", NULL, NULL},
    {"\"matrix\":{}", NULL, NULL},
    {"\"matrix\":{\"minor\":[],\"severe\":[{\"within_s\":60,\"priority\":1},{\"within_s\":61,\"priority\":1}]"
     "}",
     NULL, NULL},
    {"\"distribution\":[1,5,14,80],\"distribution_tolerance\":2,\"distribution_min_alarms\":10,"
     "\"review_after_days\":180,\"silent_days\":30",
     NULL, NULL},
    {"\"matrix\":[]", "E_TYPE", "/matrix"},
    {"\"matrix\":{\"fatal\":[]}", "E_FIELD", "/matrix/fatal"},
    {"\"matrix\":{\"minor\":{}}", "E_TYPE", "/matrix/minor"},
    {"\"matrix\":{\"minor\":[7]}", "E_TYPE", "/matrix/minor/0"},
    {"\"matrix\":{\"minor\":[{\"within_s\":60}]}", "E_TYPE", "/matrix/minor/0"},
    {"\"matrix\":{\"minor\":[{\"within_s\":60,\"priority\":1,\"x\":1}]}", "E_TYPE", "/matrix/minor/0"},
    {"\"matrix\":{\"minor\":[{\"within_s\":0,\"priority\":1}]}", "E_RANGE", "/matrix/minor/0/within_s"},
    {"\"matrix\":{\"minor\":[{\"within_s\":60,\"priority\":5}]}", "E_PRIO", "/matrix/minor/0/priority"},
    {"\"matrix\":{\"minor\":[{\"within_s\":60,\"priority\":\"1\"}]}", "E_PRIO", "/matrix/minor/0/priority"},
    {"\"matrix\":{\"minor\":[{\"within_s\":60,\"priority\":2},{\"within_s\":60,\"priority\":3}]}", "E_RANGE",
     "/matrix/minor/1"},
    {"\"matrix\":{\"minor\":[{\"within_s\":60,\"priority\":2},{\"within_s\":90,\"priority\":1}]}", "E_RANGE",
     "/matrix/minor/1"},
    {"\"distribution\":[1,5,80]", "E_TYPE", "/distribution"},
    {"\"distribution\":[1,5,15,20]", "E_RANGE", "/distribution"},
    {"\"distribution\":[1,5,15,\"80\"]", "E_TYPE", "/distribution/3"},
    {"\"distribution\":[1,5,15,101]", "E_RANGE", "/distribution/3"},
    {"\"distribution_tolerance\":-1", "E_RANGE", "/distribution_tolerance"},
    {"\"review_after_days\":0", "E_RANGE", "/review_after_days"},
    {"\"silent_days\":0", "E_RANGE", "/silent_days"},
};

static void a_policy_is_checked(void **state) {
    (void)state;
    struct config_set *set = NULL;
    assert_int_equal(config_set_new(&set, NULL), OK);
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct config_fault fault = {.code = ""};
        const char *code = rig_try_put(set, CONFIG_POLICY, "alarms", bodies[i].rest, &fault);
        if ((code == NULL) != (bodies[i].code == NULL) ||
            (code != NULL &&
             (strcmp(code, bodies[i].code) != 0 || strcmp(fault.pointer, bodies[i].pointer) != 0))) {
            fail_msg("%s: %s %s %s", bodies[i].rest, code == NULL ? "right" : code, fault.pointer,
                     fault.text);
        }
    }
    struct config_fault fault;
    assert_string_equal(rig_try_put(set, CONFIG_POLICY, "others", "", &fault), "E_NAME");
    config_set_free(&set);
}

static void what_a_policy_does_not_say_is_the_default(void **state) {
    (void)state;
    struct config_set *set = NULL;
    assert_int_equal(config_set_new(&set, NULL), OK);
    assert_true(config_policy_of(set).distribution[3] == 80);
    rig_put(set, CONFIG_POLICY, "alarms",
            "\"matrix\":{\"severe\":[{\"within_s\":60,\"priority\":2}]},\"silent_days\":30");
    struct config_policy p = config_policy_of(set);
    assert_int_equal(config_policy_priority(&p, SEVERITY_SEVERE, 60), 2);
    assert_int_equal(config_policy_priority(&p, SEVERITY_SEVERE, 61), 4);
    assert_int_equal(config_policy_priority(&p, SEVERITY_MAJOR, 60), 1);
    assert_true(p.silent_days == 30 && p.review_after_days == 365 && p.distribution_min_alarms == 20);
    config_set_free(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_matrix_is_worse_for_less_time_and_worse_consequences),
        cmocka_unit_test(a_policy_is_checked),
        cmocka_unit_test(what_a_policy_does_not_say_is_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
