/* Shifts, tariffs and classes of history as people write them, and in the model. */
#include "server/config/site_calendar.h"
#include "tests/lib/config_rig.h"

static const struct {
    const char *rest;
    const char *code; /* NULL: right */
    const char *pointer;
} sites[] = {
    {"\"shifts\":[]", NULL, NULL},
    {"\"shifts\":[{\"name\":\"early\",\"from\":\"06:00\"},{\"name\":\"late\",\"from\":\"14:00\"}]", NULL,
     NULL},
    {"\"shifts\":7", "E_TYPE", "/shifts"},
    {"\"shifts\":[7]", "E_TYPE", "/shifts/0"},
    {"\"shifts\":[{\"from\":\"06:00\"}]", "E_MISSING", "/shifts/0"},
    {"\"shifts\":[{\"name\":\"early\"}]", "E_MISSING", "/shifts/0"},
    {"\"shifts\":[{\"name\":\"e\",\"from\":\"06:00\",\"to\":\"07:00\"}]", "E_FIELD", "/shifts/0/to"},
    {"\"shifts\":[{\"name\":\"a b\",\"from\":\"06:00\"}]", "E_NAME", "/shifts/0/name"},
    {"\"shifts\":[{\"name\":\"e\",\"from\":\"6:00\"}]", "E_RANGE", "/shifts/0/from"},
    {"\"shifts\":[{\"name\":\"e\",\"from\":\"24:00\"}]", "E_RANGE", "/shifts/0/from"},
    {"\"shifts\":[{\"name\":\"e\",\"from\":6}]", "E_TYPE", "/shifts/0/from"},
    {"\"shifts\":[{\"name\":\"e\",\"from\":\"06:00\"},{\"name\":\"l\",\"from\":\"06:00\"}]", "E_RANGE",
     "/shifts/1"},
    {"\"shifts\":[{\"name\":\"e\",\"from\":\"06:00\"},{\"name\":\"e\",\"from\":\"07:00\"}]", "E_RANGE",
     "/shifts/1"},
    {"\"tariffs\":[{\"name\":\"peak\",\"days\":\"mo-fr\",\"from\":\"07:00\",\"to\":\"11:00\"},"
     "{\"name\":\"peak\",\"days\":\"mo-fr\",\"from\":\"17:00\",\"to\":\"24:00\"},"
     "{\"name\":\"night\",\"days\":\"daily\",\"from\":\"22:00\",\"to\":\"06:00\"}]",
     NULL, NULL},
    {"\"tariffs\":[{\"name\":\"p\",\"days\":\"mon\",\"from\":\"07:00\",\"to\":\"11:00\"}]", "E_RANGE",
     "/tariffs/0/days"},
    {"\"tariffs\":[{\"name\":\"p\",\"days\":\"mo\",\"from\":\"07:00\",\"to\":\"07:00\"}]", "E_RANGE",
     "/tariffs/0"},
    {"\"tariffs\":[{\"name\":\"p\",\"days\":\"mo\",\"from\":\"07:00\",\"to\":\"00:00\"}]", "E_RANGE",
     "/tariffs/0/to"},
    {"\"tariffs\":[{\"name\":\"p\",\"days\":\"mo\",\"from\":\"07:00\"}]", "E_MISSING", "/tariffs/0"},
};

static const struct {
    const char *name;
    const char *rest;
    const char *code;
    const char *pointer;
} policies[] = {
    {"history", "\"keep\":[{\"name\":\"standard\",\"days\":3650},{\"name\":\"fast\",\"days\":90}]", NULL,
     NULL},
    {"history", "\"rollup_keep_days\":3650", NULL, NULL},
    {"history", "\"keep\":[{\"name\":\"fast\",\"days\":0}]", "E_RANGE", "/keep/0/days"},
    {"history", "\"keep\":[{\"name\":\"fast\",\"days\":1.5}]", "E_RANGE", "/keep/0/days"},
    {"history", "\"keep\":[{\"name\":\"fast\",\"days\":40000}]", "E_RANGE", "/keep/0/days"},
    {"history", "\"keep\":[{\"name\":\"fast\"}]", "E_MISSING", "/keep/0"},
    {"history", "\"keep\":[{\"name\":\"f\",\"days\":1},{\"name\":\"f\",\"days\":2}]", "E_RANGE", "/keep/1"},
    {"history", "\"silent_days\":3", "E_FIELD", "/silent_days"},
    {"alarms", "\"rollup_keep_days\":3", "E_FIELD", "/rollup_keep_days"},
    {"storage", "", "E_NAME", "/name"},
};

static void expect(struct config_set *set, enum config_kind kind, const char *name, const char *rest,
                   const char *code, const char *pointer) {
    struct config_fault fault = {.code = ""};
    const char *is = rig_try_put(set, kind, name, rest, &fault);
    if ((is == NULL) != (code == NULL) ||
        (is != NULL && (strcmp(is, code) != 0 || strcmp(fault.pointer, pointer) != 0))) {
        fail_msg("%s: %s %s %s", rest, is == NULL ? "right" : is, fault.pointer, fault.text);
    }
}

static void what_cannot_be_is_told_with_its_place(void **state) {
    (void)state;
    struct config_set *set = NULL;
    assert_int_equal(config_set_new(&set, NULL), OK);
    for (size_t i = 0; i < COUNT(sites); i++) {
        expect(set, CONFIG_SITE, "S1", sites[i].rest, sites[i].code, sites[i].pointer);
    }
    for (size_t i = 0; i < COUNT(policies); i++) {
        expect(set, CONFIG_POLICY, policies[i].name, policies[i].rest, policies[i].code, policies[i].pointer);
    }
    config_set_free(&set);
}

static struct model *compiled(const struct config_set *set, struct config_fault *faults) {
    struct model *m = NULL;
    uint32_t n = 0;
    enum status status = config_compile(set, 1, rig_seed, &m, faults, &n, NULL);
    return status == OK ? m : NULL;
}

static void a_site_has_its_calendar(void **state) {
    (void)state;
    static struct config_fault faults[CONFIG_FAULTS_MAX];
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_SITE, "S1", sites[1].rest);
    rig_put(set, CONFIG_SITE, "S2", sites[13].rest);
    struct model *m = compiled(set, faults);
    assert_non_null(m);
    config_set_free(&set);
    const struct calendar *c = m->sites[model_find_site(m, slice_str("S1"))].calendar;
    assert_int_equal(c->n_shifts, 2);
    assert_int_equal(c->n_bands, 0);
    assert_true(slice_is(c->shifts[1].name, "late") && c->shifts[1].from_min == 840);
    c = m->sites[model_find_site(m, slice_str("S2"))].calendar;
    assert_int_equal(c->n_bands, 3);
    assert_true(slice_is(c->bands[1].name, "peak") && c->bands[1].from_min == 1020 &&
                c->bands[1].to_min == 1440);
    assert_true(slice_is(c->bands[2].name, "night") && c->bands[2].days == CALENDAR_ALL_DAYS);
    model_free(&m);
}

static void a_tag_is_kept_as_its_class_says(void **state) {
    (void)state;
    static struct config_fault faults[CONFIG_FAULTS_MAX];
    struct config_set *set = rig_set();
    struct model *m = compiled(set, faults);
    assert_int_equal(m->n_keeps, 1);
    assert_true(slice_is(m->keeps[0].name, "standard") && m->keeps[0].days == 0 && m->rollup_keep_days == 0);
    model_free(&m);
    rig_put(set, CONFIG_POLICY, "history",
            "\"keep\":[{\"name\":\"fast\",\"days\":90},{\"name\":\"standard\",\"days\":3650},"
            "{\"name\":\"slow\",\"days\":36500}],\"rollup_keep_days\":7300");
    rig_put(set, CONFIG_TAG, "S1/L",
            "\"gateway\":\"g1\",\"low\":0,\"high\":10,\"unit\":\"m\",\"keep\":\"slow\"");
    m = compiled(set, faults);
    assert_non_null(m);
    assert_int_equal(m->n_keeps, 3);
    assert_true(slice_is(m->keeps[0].name, "standard") && m->keeps[0].days == 3650);
    assert_true(slice_is(m->keeps[2].name, "slow") && m->keeps[2].days == 36500 &&
                m->rollup_keep_days == 7300);
    assert_int_equal(m->tags[model_find_tag(m, slice_str("S1/L"))].keep, 2);
    assert_int_equal(m->tags[model_find_tag(m, slice_str("S1/F"))].keep, 0);
    model_free(&m);
    rig_put(set, CONFIG_TAG, "S1/L",
            "\"gateway\":\"g1\",\"low\":0,\"high\":10,\"unit\":\"m\",\"keep\":\"none\"");
    assert_null(compiled(set, faults));
    assert_string_equal(faults[0].code, "E_CLASS");
    assert_string_equal(faults[0].pointer, "/tag/S1~1L/keep");
    config_set_free(&set);
}

static void an_alarm_of_priority_1_has_a_snapshot_unless_it_says_otherwise(void **state) {
    (void)state;
    static struct config_fault faults[CONFIG_FAULTS_MAX];
    static const struct {
        const char *name;
        const char *rest;
        bool snapshot;
    } alarms[] = {{"S1/L.a", "\"limit\":9,\"priority\":1", true},
                  {"S1/L.b", "\"limit\":8,\"priority\":2", false},
                  {"S1/L.c", "\"limit\":7,\"priority\":1,\"snapshot\":false", false},
                  {"S1/L.d", "\"limit\":6,\"priority\":4,\"snapshot\":true", true}};
    struct config_set *set = rig_set();
    for (size_t i = 0; i < COUNT(alarms); i++) {
        char rest[200];
        (void)snprintf(rest, sizeof rest, "\"kind\":\"high\",\"tag\":\"S1/L\",%s", alarms[i].rest);
        rig_put(set, CONFIG_ALARM, alarms[i].name, rest);
    }
    struct model *m = compiled(set, faults);
    assert_non_null(m);
    for (size_t i = 0; i < COUNT(alarms); i++) {
        bool is = model_alarm_snapshot(m, model_find_alarm(m, slice_str(alarms[i].name)));
        assert_int_equal(is, alarms[i].snapshot);
    }
    model_free(&m);
    config_set_free(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_is_told_with_its_place),
        cmocka_unit_test(a_site_has_its_calendar),
        cmocka_unit_test(a_tag_is_kept_as_its_class_says),
        cmocka_unit_test(an_alarm_of_priority_1_has_a_snapshot_unless_it_says_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
