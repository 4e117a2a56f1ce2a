/* From two sets to two models and the settings to be tried, and the report as JSON. Covers: what_if_json.c */
#include "server/config/what_if.h"
#include "server/config/what_if_json.h"
#include "tests/lib/unit.h"

#include <jansson.h>
#include <stdio.h>

static const int64_t from_us = INT64_C(1700000000000000);

static void put(struct config_set *set, enum config_kind kind, const char *name, const char *rest) {
    char body[512];
    (void)snprintf(body, sizeof body, "{\"name\":\"%s\"%s}", name, rest);
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    if (config_set_put(set, kind, slice_str(name), slice_str(body), 100 + config_set_count(set, kind), 1,
                       faults, &n) != OK) {
        fail_msg("%s: %s", faults[0].pointer, faults[0].text);
    }
}

static struct config_set *plant(void) {
    struct config_set *set = NULL;
    assert_int_equal(config_set_new(&set, NULL), OK);
    put(set, CONFIG_SITE, "S1", "");
    put(set, CONFIG_GATEWAY, "g1", ",\"site\":\"S1\"");
    put(set, CONFIG_TAG, "S1/L", ",\"gateway\":\"g1\",\"low\":0,\"high\":5,\"unit\":\"m\"");
    put(set, CONFIG_TAG, "S1/P", ",\"gateway\":\"g1\",\"low\":0,\"high\":5");
    put(set, CONFIG_ALARM, "S1/L.high", ",\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":4,\"priority\":2");
    put(set, CONFIG_ALARM, "S1/L.low", ",\"kind\":\"low\",\"tag\":\"S1/L\",\"limit\":3.8,\"priority\":2");
    put(set, CONFIG_ALARM, "S1/P.high", ",\"kind\":\"high\",\"tag\":\"S1/P\",\"limit\":4,\"priority\":2");
    assert_int_equal(config_set_complete(set, NULL, NULL, NULL), OK);
    return set;
}

static struct what_if_input input(const struct config_set *now, const struct config_set *then,
                                  const char *suggest) {
    return (struct what_if_input){.now = now, .then = then, .suggest = slice_str(suggest), .seed = {1, 2}};
}

static struct what_if *make(const struct config_set *now, const struct config_set *then,
                            const char *suggest) {
    struct what_if *w = NULL;
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    struct error err = {0};
    const struct what_if_input in = input(now, then, suggest);
    if (what_if_new(&in, &w, faults, &n, &err) != OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return w;
}

static void what_was_put_changed_and_removed_is_noted_once(void **state) {
    (void)state;
    struct config_set *now = plant();
    struct config_set *then = NULL;
    assert_int_equal(config_set_copy(now, &then, NULL), OK);
    put(then, CONFIG_ALARM, "S1/L.high", ",\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":4.5,\"priority\":2");
    put(then, CONFIG_TAG, "S1/A", ",\"gateway\":\"g1\",\"low\":0,\"high\":5");
    assert_int_equal(config_set_remove(then, CONFIG_ALARM, slice_str("S1/P.high")), OK);
    struct what_if *w = make(now, then, NULL);
    config_set_free(&now);
    config_set_free(&then);
    assert_int_equal(w->n_changed, 3);
    assert_int_equal(w->changed[0].kind, BACKTEST_TAG);
    assert_true(slice_is(w->changed[0].name, "S1/A"));
    assert_true(slice_is(w->changed[1].name, "S1/L.high"));
    assert_true(slice_is(w->changed[2].name, "S1/P.high"));
    assert_null(w->variants);
    what_if_free(&w);
}

static void settings_are_tried_that_the_configuration_would_take(void **state) {
    (void)state;
    struct config_set *now = plant();
    struct what_if *w = make(now, now, "S1/L.high");
    config_set_free(&now);
    assert_int_equal(w->n_changed, 0);
    assert_true(w->n_alarms > 100);
    assert_true(w->alarms[0] == model_find_alarm(w->variants, slice_str("S1/L.high")));
    bool with_deadband = false;
    for (uint32_t i = 1; i < w->n_alarms; i++) {
        const struct model_alarm *a = &w->variants->alarms[w->alarms[i]];
        assert_true(a->limit == 4 && a->tag == w->variants->alarms[w->alarms[0]].tag);
        with_deadband = with_deadband || a->deadband > 0;
    }
    assert_true(with_deadband);
    assert_true(slice_is(w->unit, "m"));
    what_if_free(&w);
}

static void no_setting_is_tried_for_what_is_not_there_or_has_none(void **state) {
    (void)state;
    static const struct {
        const char *name;
        enum status status;
    } refused[] = {{"S1/X.high", ERR_NOT_FOUND}, {"S1/g1.comm", ERR_INVALID}};
    struct config_set *now = plant();
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct what_if *w = NULL;
        struct config_fault faults[CONFIG_FAULTS_MAX];
        uint32_t n = 0;
        const struct what_if_input in = input(now, now, refused[i].name);
        assert_int_equal(what_if_new(&in, &w, faults, &n, NULL), refused[i].status);
        assert_int_equal(n, 1);
        assert_string_equal(faults[0].pointer, "/suggest");
    }
    config_set_free(&now);
}

static void a_change_that_cannot_be_made_says_where(void **state) {
    (void)state;
    struct config_set *now = plant();
    struct config_set *then = NULL;
    assert_int_equal(config_set_copy(now, &then, NULL), OK);
    put(then, CONFIG_ALARM, "S1/L.high", ",\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":7,\"priority\":2");
    struct what_if *w = NULL;
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    const struct what_if_input in = input(now, then, NULL);
    assert_int_equal(what_if_new(&in, &w, faults, &n, NULL), ERR_INVALID);
    assert_true(n > 0);
    assert_string_equal(faults[0].pointer, "/alarm/S1~1L.high/limit");
    config_set_free(&now);
    config_set_free(&then);
}

static void value(struct backtest *bt, int64_t s, double v) {
    const struct sample sample = {.tag = 0, .t_us = from_us + s * 1000000, .value = v};
    backtest_samples(bt, &sample, 1);
}

/* Two pulses of 5 s, 10 s apart, of which an off-delay makes one. */
static json_t *report(void) {
    struct config_set *now = plant();
    struct config_set *then = NULL;
    assert_int_equal(config_set_copy(now, &then, NULL), OK);
    put(then, CONFIG_ALARM, "S1/L.high",
        ",\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":4,\"priority\":2,\"off_delay_s\":20");
    put(now, CONFIG_ALARM, "S1/L.low", ",\"kind\":\"low\",\"tag\":\"S1/L\",\"limit\":1,\"priority\":2");
    put(then, CONFIG_ALARM, "S1/L.low", ",\"kind\":\"low\",\"tag\":\"S1/L\",\"limit\":1,\"priority\":2");
    struct what_if *w = make(now, then, "S1/L.high");
    config_set_free(&now);
    config_set_free(&then);
    struct backtest_config cfg = what_if_config(w);
    cfg.from_us = from_us;
    cfg.to_us = from_us + INT64_C(86400000000);
    struct backtest *bt = NULL;
    const struct backtest_report *r = NULL;
    assert_int_equal(backtest_new(&cfg, &bt, NULL), OK);
    value(bt, 100, 4.5);
    value(bt, 105, 2);
    value(bt, 115, 4.5);
    value(bt, 120, 2);
    assert_int_equal(backtest_finish(bt, &r, NULL), OK);
    struct buf out;
    buf_init(&out, 1 << 20);
    what_if_json(w, r, &out);
    assert_false(out.failed);
    json_t *json = json_loadb((const char *)out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    buf_done(&out);
    backtest_free(&bt);
    what_if_free(&w);
    return json;
}

static void the_report_tells_numbers_lists_and_what_it_does_not_know(void **state) {
    (void)state;
    json_t *json = report();
    double latest = 1;
    const char *at = NULL;
    const char *alarm = NULL;
    int now = 0;
    int then = 0;
    int covered = 0;
    assert_int_equal(json_unpack(json, "{s:{s:i},s:{s:i},s:[{s:s,s:s,s:b}],s:F}", "now", "n", &now, "then",
                                 "n", &then, "removed", "alarm", &alarm, "src", &at, "covered", &covered,
                                 "latest_s", &latest),
                     0);
    assert_int_equal(now, 2);
    assert_int_equal(then, 1);
    assert_string_equal(alarm, "S1/L.high");
    assert_string_equal(at, "2023-11-14T22:15:15Z");
    assert_true(covered);
    assert_true(latest == 0);
    assert_int_equal(json_array_size(json_object_get(json, "assumptions")), 5);
    assert_int_equal(json_array_size(json_object_get(json_object_get(json, "now"), "per_day")), 1);
    const json_t *suggestion = json_object_get(json, "suggestion");
    assert_true(json_array_size(json_object_get(suggestion, "rows")) > 100);
    assert_true(json_is_string(json_object_get(suggestion, "text")));
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_changed_and_removed_is_noted_once),
        cmocka_unit_test(settings_are_tried_that_the_configuration_would_take),
        cmocka_unit_test(no_setting_is_tried_for_what_is_not_there_or_has_none),
        cmocka_unit_test(a_change_that_cannot_be_made_says_where),
        cmocka_unit_test(the_report_tells_numbers_lists_and_what_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
