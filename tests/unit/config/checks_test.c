#include "server/base/tm.h"
#include "server/config/checks.h"
#include "tests/lib/config_rig.h"

#define RIGHT                                                                                                \
    "\"action\":\"stop\",\"consequence\":\"spill\",\"reviewed_on\":\"2026-10-01\",\"next_review\":\"2027-"   \
    "10-01\""
#define HIGH ",\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":8"

static int64_t at(const char *text) {
    int64_t t_us = 0;
    assert_int_equal(tm_parse(slice_str(text), &t_us, NULL), OK);
    return t_us;
}

struct told {
    char text[4000]; /* "code alarm other\n" */
    char last[320];
};

static void on_finding(void *ctx, const struct config_finding *f) {
    struct told *t = ctx;
    size_t n = strlen(t->text);
    (void)snprintf(t->text + n, sizeof t->text - n, "%s %.*s%s%.*s\n", f->code, SLICE_ARG(f->alarm),
                   f->other.n > 0 ? " " : "", SLICE_ARG(f->other));
    (void)snprintf(t->last, sizeof t->last, "%s", f->text);
}

static void look(const struct config_set *set, const struct config_history *history, struct told *ret) {
    struct model *m = rig_compile(set);
    *ret = (struct told){.text = ""};
    assert_int_equal(config_checks(set, m, at("2026-11-24T12:00:00Z"), history, on_finding, ret, NULL), OK);
    model_free(&m);
}

/* One alarm beside the comm alarm, which has nothing to be asked about. */
static struct config_set *set_with(const char *rest) {
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_ALARM, "S1/g1.comm", "\"kind\":\"comm\",\"gateway\":\"g1\",\"priority\":4," RIGHT);
    rig_put(set, CONFIG_ALARM, "S1/A", rest);
    return set;
}

static const struct {
    const char *rest;
    const char *wanted;
} cases[] = {
    {RIGHT HIGH ",\"priority\":2", ""},
    {"\"consequence\":\"spill\",\"reviewed_on\":\"2026-10-01\"" HIGH ",\"priority\":2", "no_action S1/A\n"},
    {"\"action\":\"stop\",\"reviewed_on\":\"2026-10-01\"" HIGH ",\"priority\":2", "no_consequence S1/A\n"},
    {"\"ack\":\"none\",\"reviewed_on\":\"2026-10-01\"" HIGH ",\"priority\":2", ""},
    {"\"enabled\":false" HIGH ",\"priority\":2", ""},
    /* severe and 10 min: priority 1 by the matrix */
    {RIGHT HIGH ",\"severity\":\"severe\",\"time_to_act_s\":600,\"priority\":2", "priority_reason S1/A\n"},
    {RIGHT HIGH ",\"severity\":\"severe\",\"time_to_act_s\":600,\"priority\":1", ""},
    {RIGHT HIGH ",\"severity\":\"severe\",\"time_to_act_s\":600", ""},
    {RIGHT HIGH ",\"severity\":\"severe\",\"priority\":2", ""},
    {RIGHT HIGH ",\"severity\":\"severe\",\"time_to_act_s\":600,\"priority\":2,\"priority_reason\":\"so\"",
     ""},
    {RIGHT HIGH ",\"trip_point\":8,\"priority\":2", "limit_at_trip S1/A\n"},
    {RIGHT HIGH ",\"trip_point\":7,\"priority\":2", "limit_at_trip S1/A\n"},
    {RIGHT HIGH ",\"trip_point\":8.1,\"priority\":2", ""},
    {RIGHT ",\"kind\":\"low\",\"tag\":\"S1/L\",\"limit\":\"200 cm\",\"trip_point\":2,\"priority\":2",
     "limit_at_trip S1/A\n"},
    {RIGHT ",\"kind\":\"low\",\"tag\":\"S1/L\",\"limit\":2,\"trip_point\":1,\"priority\":2", ""},
    {RIGHT ",\"kind\":\"high\",\"tag\":\"S1/L\",\"limit_tag\":\"S1/SP\",\"trip_point\":1,\"priority\":2", ""},
    {RIGHT HIGH ",\"on_delay_s\":60,\"time_to_act_s\":60,\"priority\":2", "delay_over_time S1/A\n"},
    {RIGHT HIGH ",\"on_delay_s\":59,\"time_to_act_s\":60,\"priority\":2", ""},
    {"\"action\":\"stop\",\"consequence\":\"spill\"" HIGH ",\"priority\":2", "changed_unreviewed S1/A\n"},
    {"\"action\":\"a\",\"consequence\":\"b\",\"reviewed_on\":\"2026-10-01\",\"next_review\":\"2026-11-"
     "23\"" HIGH ",\"priority\":2",
     "review_overdue S1/A\n"},
    {"\"action\":\"a\",\"consequence\":\"b\",\"reviewed_on\":\"2026-10-01\",\"next_review\":\"2026-11-"
     "24\"" HIGH ",\"priority\":2",
     ""},
    {"\"action\":\"a\",\"consequence\":\"b\",\"reviewed_on\":\"2025-11-20\"" HIGH ",\"priority\":2",
     "review_overdue S1/A\n"},
    {"\"action\":\"a\",\"consequence\":\"b\",\"reviewed_on\":\"2025-11-28\"" HIGH ",\"priority\":2", ""},
};

static void each_finding_is_made_where_it_is_due_and_nowhere_else(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct told told;
        struct config_set *set = set_with(cases[i].rest);
        look(set, NULL, &told);
        if (strcmp(told.text, cases[i].wanted) != 0) {
            fail_msg("%s: %s instead of %s", cases[i].rest, told.text, cases[i].wanted);
        }
        config_set_free(&set);
    }
}

static void alarms_of_one_cause_are_told_with_the_first(void **state) {
    (void)state;
    struct told told;
    struct config_set *set =
        set_with(RIGHT HIGH ",\"priority\":4,\"cause\":{\"en\":\"valve shut\",\"zh\":\"关\"}");
    rig_put(set, CONFIG_ALARM, "S1/B",
            RIGHT ",\"kind\":\"change\",\"tag\":\"S1/L\",\"priority\":4,\"cause\":\"valve\"");
    rig_put(set, CONFIG_ALARM, "S1/C",
            RIGHT ",\"kind\":\"change\",\"tag\":\"S1/L\",\"priority\":4,\"cause\":\"valve shut\"");
    rig_put(set, CONFIG_ALARM, "S1/D",
            RIGHT ",\"kind\":\"change\",\"tag\":\"S1/F\",\"priority\":4,\"cause\":\"valve shut\"");
    look(set, NULL, &told);
    assert_string_equal(told.text, "same_cause S1/C S1/A\nsame_cause S1/D S1/A\n");
    config_set_free(&set);
}

static void a_highly_managed_class_is_not_contradicted(void **state) {
    (void)state;
    struct told told;
    struct config_set *set = set_with(RIGHT HIGH ",\"priority\":2,\"class\":\"hm\"");
    rig_put(set, CONFIG_CLASS, "hm", "\"highly_managed\":true");
    look(set, NULL, &told);
    assert_string_equal(told.text, "");
    assert_true(config_is_highly_managed(set, slice_str("S1/A")));
    assert_false(config_is_highly_managed(set, slice_str("S1/g1.comm")));
    assert_false(config_is_highly_managed(set, slice_str("S1/X")));
    rig_put(set, CONFIG_ALARM, "S1/A", RIGHT HIGH ",\"priority\":2,\"class\":\"hm\",\"shelvable\":true");
    look(set, NULL, &told);
    assert_string_equal(told.text, "highly_managed S1/A\n");
    config_set_free(&set);
}

static void history_tells_of_silence_and_of_changes_after_the_review(void **state) {
    (void)state;
    struct told told;
    struct config_set *set = set_with(RIGHT HIGH ",\"priority\":2"); /* index 0, the comm alarm 1 */
    int64_t raised[] = {INT64_MIN, at("2025-11-25T00:00:00Z")};
    int64_t changed[] = {at("2026-10-01T23:59:59Z"), at("2020-01-01T00:00:00Z")};
    struct config_history history = {.raised_us = raised};
    look(set, &history, &told);
    assert_string_equal(told.text, "silent S1/A\n");
    raised[1] = at("2025-11-24T00:00:00Z");
    look(set, &history, &told);
    assert_string_equal(told.text, "silent S1/A\nsilent S1/g1.comm\n");
    history.changed_us = changed; /* S1/A is there since October only */
    look(set, &history, &told);
    assert_string_equal(told.text, "silent S1/g1.comm\n");
    history.raised_us = NULL;
    changed[0] = at("2026-10-02T00:00:00Z");
    look(set, &history, &told);
    assert_string_equal(told.text, "changed_unreviewed S1/A\n");
    config_set_free(&set);
}

static void too_many_alarms_of_one_priority_are_told(void **state) {
    (void)state;
    struct told told;
    struct config_set *set = set_with(RIGHT HIGH ",\"priority\":4");
    for (int i = 0; i < 18; i++) { /* 20 with the two */
        char name[16];
        char rest[256];
        (void)snprintf(name, sizeof name, "S1/B%02d", i);
        (void)snprintf(rest, sizeof rest, RIGHT ",\"kind\":\"change\",\"tag\":\"S1/L\",\"priority\":%d",
                       i < 2   ? 2
                       : i < 6 ? 3
                               : 4); /* 10 % and 20 %: at the edge */
        rig_put(set, CONFIG_ALARM, name, rest);
    }
    look(set, NULL, &told);
    assert_string_equal(told.text, "");
    rig_put(set, CONFIG_ALARM, "S1/A", RIGHT HIGH ",\"priority\":2");
    look(set, NULL, &told);
    assert_string_equal(told.text, "distribution \n");
    assert_non_null(strstr(told.last, "3 of 20 alarms (15.0 %) have priority 2; about 5 %"));
    rig_put(set, CONFIG_POLICY, "alarms", "\"distribution\":[1,10,15,74]");
    look(set, NULL, &told);
    assert_string_equal(told.text, "");
    rig_put(set, CONFIG_POLICY, "alarms", "\"distribution_min_alarms\":21");
    look(set, NULL, &told);
    assert_string_equal(told.text, "");
    rig_put(set, CONFIG_POLICY, "alarms", "\"distribution_tolerance\":0");
    look(set, NULL, &told);
    assert_string_equal(told.text, "distribution \ndistribution \n");
    config_set_free(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_finding_is_made_where_it_is_due_and_nowhere_else),
        cmocka_unit_test(alarms_of_one_cause_are_told_with_the_first),
        cmocka_unit_test(a_highly_managed_class_is_not_contradicted),
        cmocka_unit_test(history_tells_of_silence_and_of_changes_after_the_review),
        cmocka_unit_test(too_many_alarms_of_one_priority_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
