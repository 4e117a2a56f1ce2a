#include "server/base/zone.h"
#include "server/config/compile.h"
#include "tests/lib/config_rig.h"

static uint32_t tag(const struct model *m, const char *name) {
    return model_find_tag(m, slice_str(name));
}

/* --- calculated tags */

static void calculated_tags_come_behind_what_they_need(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_TAG, "S1/a", "\"expr\":\"c * 2\",\"unit\":\"m\"");
    rig_put(set, CONFIG_TAG, "S1/b", "\"expr\":\"a > 3\",\"type\":\"bool\"");
    rig_put(set, CONFIG_TAG, "S1/c",
            "\"expr\":\"L + 1\",\"unit\":\"m\",\"low\":1,\"high\":11,\"deadband\":0.5");
    rig_put(set, CONFIG_TAG, "S1/d", "\"expr\":\"L - 1\",\"unit\":\"m\"");
    struct model *m = rig_compile(set);
    static const char *const order[] = {"S1/c", "S1/d", "S1/a", "S1/b"};
    assert_int_equal(m->n_calculated, COUNT(order));
    for (size_t i = 0; i < COUNT(order); i++) {
        assert_int_equal(m->calculated[i], tag(m, order[i]));
    }
    const struct model_tag *a = &m->tags[tag(m, "S1/a")];
    const struct model_tag *b = &m->tags[tag(m, "S1/b")];
    const struct model_tag *c = &m->tags[tag(m, "S1/c")];
    assert_true(a->gateway == MODEL_NONE && a->low == -1e18 && a->high == 1e18 && a->stale_us == 0);
    assert_true(b->type == TAG_BOOL && b->low == 0 && b->high == 1);
    assert_true(c->low == 1 && c->high == 11 && c->deadband == 0.5);
    assert_int_equal(rule_set_type(m->rules, a->program), RULE_NUMBER);
    assert_int_equal(rule_set_type(m->rules, b->program), RULE_BOOL);
    assert_int_equal(m->tags[tag(m, "S1/L")].program, MODEL_NONE);
    assert_int_equal(m->sites[0].n_tags, m->n_tags);
    model_free(&m);
    config_set_free(&set);
}

static void alarms_watch_calculated_tags_but_not_for_messages(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_TAG, "S1/c", "\"expr\":\"L + 1\",\"unit\":\"m\"");
    rig_put(set, CONFIG_ALARM, "S1/A", "\"kind\":\"high\",\"tag\":\"S1/c\",\"limit\":5,\"priority\":2");
    struct model *m = rig_compile(set);
    assert_true(rig_alarm(m, "S1/A")->tag == tag(m, "S1/c") && rig_alarm(m, "S1/A")->gateway == MODEL_NONE);
    model_free(&m);
    rig_put(set, CONFIG_ALARM, "S1/A", "\"kind\":\"stale\",\"tag\":\"S1/c\",\"after_s\":5,\"priority\":2");
    rig_assert_fault(set, "E_TAG", "/alarm/S1~1A/tag", "is calculated");
    config_set_free(&set);
}

static void a_cycle_is_named(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_TAG, "S1/a", "\"expr\":\"b + 1\"");
    rig_put(set, CONFIG_TAG, "S1/b", "\"expr\":\"c + L / 1 m\"");
    rig_put(set, CONFIG_TAG, "S1/c", "\"expr\":\"a\"");
    struct model *m = NULL;
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    assert_int_equal(config_compile(set, 1, rig_seed, &m, faults, &n, NULL), ERR_INVALID);
    assert_int_equal(n, 1);
    if (strcmp(faults[0].code, "E_CYCLE") != 0 || strstr(faults[0].text, "S1/a") == NULL ||
        strstr(faults[0].text, "S1/b") == NULL || strstr(faults[0].text, "S1/c") == NULL) {
        fail_msg("%s %s %s", faults[0].code, faults[0].pointer, faults[0].text);
    }
    rig_put(set, CONFIG_TAG, "S1/c", "\"expr\":\"1\"");
    m = rig_compile(set);
    model_free(&m);
    rig_put(set, CONFIG_TAG, "S1/c", "\"expr\":\"c\"");
    rig_assert_fault(set, "E_CYCLE", "/tag/S1~1c/expr", "needs itself");
    config_set_free(&set);
}

static void a_calculated_tag_has_the_type_and_unit_that_it_says(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_TAG, "S1/c", "\"expr\":\"L\",\"type\":\"bool\"");
    rig_assert_fault(set, "E_TYPE", "/tag/S1~1c/expr", "(byte 1)");
    rig_put(set, CONFIG_TAG, "S1/c", "\"expr\":\"RUN\"");
    rig_assert_fault(set, "E_TYPE", "/tag/S1~1c/expr", "(byte 1)");
    rig_put(set, CONFIG_TAG, "S1/c", "\"expr\":\"L\",\"unit\":\"kW\"");
    rig_assert_fault(set, "E_UNIT", "/tag/S1~1c/expr", "(byte 1)");
    rig_put(set, CONFIG_TAG, "S1/c", "\"expr\":\"L\",\"unit\":\"m\"");
    struct model *m = rig_compile(set);
    model_free(&m);
    config_set_free(&set);
}

static void states_go_by_name_in_rules(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_ALARM, "S1/A", "\"kind\":\"expr\",\"expr\":\"MODE == 'hand'\",\"priority\":2");
    struct model *m = rig_compile(set);
    const struct model_tag *t = &m->tags[tag(m, "S1/MODE")];
    assert_true(t->n_states == 3 && slice_is(t->states[1], "hand"));
    model_free(&m);
    rig_put(set, CONFIG_ALARM, "S1/A", "\"kind\":\"expr\",\"expr\":\"MODE == 'manual'\",\"priority\":2");
    rig_assert_fault(set, "E_TYPE", "/alarm/S1~1A/expr", "(byte ");
    config_set_free(&set);
}

/* --- local time */

static uint32_t loaded;

static enum status load(const char *name, struct arena *arena, struct zone **ret, struct error *err) {
    loaded++;
    if (strcmp(name, "Mars/Olympus") == 0) {
        return error_set(err, ERR_NOT_FOUND, "time zone", "there is no %s", name);
    }
    assert_string_equal(name, "Europe/Berlin");
    *ret = arena_alloc(arena, 1, sizeof **ret);
    return *ret == NULL ? ERR_NOMEM : OK;
}

static void zones_are_loaded_once_each_and_for_copies_too(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    struct config_set *copy = NULL;
    rig_put(set, CONFIG_SITE, "S1", "\"tz\":\"Europe/Berlin\"");
    rig_put(set, CONFIG_SITE, "S2", "\"tz\":\"Europe/Berlin\"");
    rig_put(set, CONFIG_SITE, "S3", "");
    rig_put(set, CONFIG_ALARM, "S1/A", "\"kind\":\"expr\",\"expr\":\"between(07:00, 17:00)\",\"priority\":2");
    struct model *m = rig_compile(set); /* without any zones: UTC */
    assert_true(slice_is(m->sites[0].tz, "Europe/Berlin") && m->sites[2].tz.n == 0);
    model_free(&m);
    config_set_zones(set, load);
    assert_int_equal(config_set_copy(set, &copy, NULL), OK);
    loaded = 0;
    m = rig_compile(copy);
    model_free(&m);
    assert_int_equal(loaded, 1);
    rig_put(copy, CONFIG_SITE, "S3", "\"tz\":\"Mars/Olympus\"");
    rig_assert_fault(copy, "E_RANGE", "/site/S3/tz", "there is no Mars/Olympus");
    config_set_free(&copy);
    config_set_free(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calculated_tags_come_behind_what_they_need),
        cmocka_unit_test(alarms_watch_calculated_tags_but_not_for_messages),
        cmocka_unit_test(a_cycle_is_named),
        cmocka_unit_test(a_calculated_tag_has_the_type_and_unit_that_it_says),
        cmocka_unit_test(states_go_by_name_in_rules),
        cmocka_unit_test(zones_are_loaded_once_each_and_for_copies_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
