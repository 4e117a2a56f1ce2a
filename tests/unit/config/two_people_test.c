#include "server/config/two_people.h"
#include "tests/lib/config_rig.h"

#define FREE "\"kind\":\"high\",\"tag\":\"S1/N\",\"limit\":8,\"priority\":2"
#define HIGH ",\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":8,\"priority\":2"

/* S1/M is highly managed: it reads L, is hidden by S1/C, in group g1 (whose rule reads RUN), and by its rule
 * may be suppressed while S1/CALC, calculated from F, is high. S1/C is an alarm as others. */
static struct config_set *managed_set(void) {
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_SITE, "S2", "");
    rig_put(set, CONFIG_GATEWAY, "g2", "\"site\":\"S2\"");
    rig_put(set, CONFIG_TAG, "S2/L", "\"gateway\":\"g2\",\"unit\":\"m\",\"low\":0,\"high\":10");
    rig_put(set, CONFIG_TAG, "S1/CALC", "\"expr\":\"F * 2\",\"unit\":\"L/s\",\"low\":0,\"high\":200");
    rig_put(set, CONFIG_CLASS, "hm", "\"highly_managed\":true,\"realarm_s\":60");
    rig_put(set, CONFIG_CLASS, "plain", "\"realarm_s\":60");
    rig_put(set, CONFIG_GROUP, "g", "\"suppress_when\":\"\\\"S1/RUN\\\"\"");
    rig_put(set, CONFIG_GROUP, "other", "\"suppress_when\":\"\\\"S1/CMD\\\"\"");
    rig_put(set, CONFIG_ALARM, "S1/C", "\"groups\":[\"other\"],\"class\":\"plain\"" HIGH);
    rig_put(set, CONFIG_ALARM, "S1/M",
            "\"class\":\"hm\",\"groups\":[\"g\"],\"hidden_by\":\"S1/C\",\"suppress_when\":\"CALC > 50 L/s\","
            "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":7,\"severity\":\"severe\",\"time_to_act_s\":600");
    assert_int_equal(config_set_complete(set, NULL, NULL, NULL), OK);
    return set;
}

static void touched(const struct config_set *before, const struct config_set *after,
                    struct config_touched_names *ret) {
    struct model *old = rig_compile(before);
    struct model *now = rig_compile(after);
    const struct config_side a = {.set = before, .model = old};
    const struct config_side b = {.set = after, .model = now};
    *ret = (struct config_touched_names){.n = 0};
    assert_int_equal(config_touched(&a, &b, config_touched_add, ret, NULL), OK);
    config_touched_end(ret);
    model_free(&old);
    model_free(&now);
}

static const struct {
    enum config_kind kind;
    const char *name;
    const char *rest;
    bool touches;
} cases[] = {
    {CONFIG_ALARM, "S1/M",
     "\"class\":\"hm\",\"groups\":[\"g\"],\"hidden_by\":\"S1/C\",\"suppress_when\":\"CALC > 50 L/s\","
     "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":7,\"severity\":\"severe\",\"time_to_act_s\":600",
     false},                                                   /* as it was */
    {CONFIG_ALARM, "S1/M", "\"class\":\"plain\"," FREE, true}, /* it was highly managed */
    {CONFIG_ALARM, "S1/C", "\"class\":\"plain\",\"groups\":[\"other\"],\"message\":\"x\"" HIGH, true},
    {CONFIG_ALARM, "S1/NEW", FREE, false},
    {CONFIG_ALARM, "S1/NEW", "\"class\":\"plain\"," FREE, false},
    {CONFIG_CLASS, "hm", "\"highly_managed\":true,\"realarm_s\":90", true},
    {CONFIG_CLASS, "hm", "\"realarm_s\":60", true},
    {CONFIG_CLASS, "plain", "\"realarm_s\":90", false},
    {CONFIG_CLASS, "new", "\"highly_managed\":true", false},
    {CONFIG_GROUP, "g", "\"suppress_when\":\"\\\"S1/RUN\\\" or \\\"S1/CMD\\\"\"", true},
    {CONFIG_GROUP, "other", "\"suppress_when\":\"\\\"S1/CMD\\\" or \\\"S1/RUN\\\"\"", false},
    {CONFIG_TAG, "S1/L", "\"gateway\":\"g1\",\"unit\":\"m\",\"low\":0,\"high\":11,\"stale_s\":30", true},
    {CONFIG_TAG, "S1/F", "\"gateway\":\"g1\",\"unit\":\"L/s\",\"low\":0,\"high\":90", true}, /* CALC */
    {CONFIG_TAG, "S1/RUN", "\"gateway\":\"g1\",\"type\":\"bool\",\"title\":\"x\"", true}, /* of the group */
    {CONFIG_TAG, "S1/CMD", "\"gateway\":\"g1\",\"type\":\"bool\",\"title\":\"x\"", false},
    {CONFIG_GATEWAY, "g1", "\"site\":\"S1\",\"enabled\":false", true},
    {CONFIG_GATEWAY, "g2", "\"site\":\"S2\",\"enabled\":false", false},
    {CONFIG_SITE, "S1", "\"title\":\"x\"", false},
    {CONFIG_SITE, "S1", "\"position\":\"north\"", true},
    {CONFIG_SITE, "S2", "\"position\":\"north\"", false},
    {CONFIG_POLICY, "alarms", "\"silent_days\":100", false},
    {CONFIG_POLICY, "alarms",
     "\"matrix\":{\"severe\":[{\"within_s\":1000,\"priority\":3}],\"major\":[{\"within_s\":1000,\"priority\":"
     "3}],"
     "\"moderate\":[{\"within_s\":1000,\"priority\":3}],\"minor\":[{\"within_s\":1000,\"priority\":4}]}",
     true},
};

static void what_a_highly_managed_alarm_hangs_on_is_changed_by_two_people(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config_touched_names names;
        struct config_set *before = managed_set();
        struct config_set *after = NULL;
        assert_int_equal(config_set_copy(before, &after, NULL), OK);
        rig_put(after, cases[i].kind, cases[i].name, cases[i].rest);
        touched(before, after, &names);
        if ((names.n > 0) != cases[i].touches) {
            print_error("%s %s\n", cases[i].name, cases[i].rest);
        }
        assert_string_equal(names.text, cases[i].touches ? "S1/M" : "");
        touched(after, before, &names); /* and back */
        assert_string_equal(names.text, cases[i].touches ? "S1/M" : "");
        config_set_free(&before);
        config_set_free(&after);
    }
}

static void adding_and_removing_such_an_alarm_touches_it(void **state) {
    (void)state;
    struct config_touched_names names;
    struct config_set *before = managed_set();
    struct config_set *after = NULL;
    assert_int_equal(config_set_copy(before, &after, NULL), OK);
    rig_put(after, CONFIG_ALARM, "S1/N", "\"class\":\"hm\"," FREE);
    assert_int_equal(config_set_remove(after, CONFIG_ALARM, slice_str("S1/M")), OK);
    touched(before, after, &names);
    assert_string_equal(names.text, "S1/M, S1/N");
    assert_int_equal(names.n, 2);
    config_set_free(&before);
    config_set_free(&after);
}

static void the_first_configuration_touches_none(void **state) {
    (void)state;
    struct config_touched_names names;
    struct config_set *before = NULL;
    struct config_set *after = managed_set();
    assert_int_equal(config_set_new(&before, NULL), OK);
    touched(before, after, &names);
    assert_int_equal(names.n, 0);
    assert_false(config_has_highly_managed(before, after));
    assert_true(config_has_highly_managed(after, before)); /* all of it is removed */
    touched(after, before, &names);
    assert_string_equal(names.text, "S1/M");
    config_set_free(&before);
    config_set_free(&after);
}

static void many_names_are_counted(void **state) {
    (void)state;
    struct config_touched_names names = {.n = 0};
    char name[201];
    memset(name, 'x', sizeof name - 1);
    name[200] = '\0';
    config_touched_add(&names, slice_str("S1/A"));
    config_touched_add(&names, slice_str("S1/B"));
    config_touched_add(&names, slice_str(name));
    config_touched_add(&names, slice_str(name));
    config_touched_add(&names, slice_str("S1/C")); /* would fit, but stands behind one that does not */
    config_touched_end(&names);
    assert_int_equal(names.n, 5);
    assert_int_equal(strncmp(names.text, "S1/A, S1/B, xxx", 15), 0);
    assert_string_equal(names.text + strlen(names.text) - 12, "x and 2 more");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_highly_managed_alarm_hangs_on_is_changed_by_two_people),
        cmocka_unit_test(adding_and_removing_such_an_alarm_touches_it),
        cmocka_unit_test(the_first_configuration_touches_none),
        cmocka_unit_test(many_names_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
