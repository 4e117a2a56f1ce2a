/* Covers: rest_alarm.c, rest_alarm_reports.c, rest_alarm_checks.c, query.c, view.c */
#include "server/api/openapi_json.h"
#include "server/api/query.h"
#include "server/api/rest.h"
#include "tests/unit/api/talk.h"

#define HIGH_NAME "S1%2FL_T1.high"

/* --- fields are those of the document */

static json_t *document(void) {
    json_t *root = json_loadb((const char *)openapi_json, openapi_json_size, 0, NULL);
    assert_non_null(root);
    return root;
}

static void assert_same_fields(const json_t *object, const char *schema) {
    json_t *root = document();
    const json_t *schemas = json_object_get(json_object_get(root, "components"), "schemas");
    const json_t *required = json_object_get(json_object_get(schemas, schema), "required");
    assert_true(json_array_size(required) > 0);
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        if (json_object_get(object, name) == NULL) {
            print_error("%s lacks %s\n", schema, name);
        }
        assert_non_null(json_object_get(object, name));
    }
    assert_int_equal(json_object_size(object), json_array_size(required));
    json_decref(root);
}

/* --- as they are now */

static void an_alarm_tells_all_that_is_known_of_it(void **state) {
    struct rig *rig = *state;
    level(rig, 9);
    log_in(rig, "vera");
    json_t *json = must(rig, 200, "GET", "/api/alarms", NULL);
    assert_int_equal(strlen(text_at(json, "epoch")), 16);
    assert_int_equal(json_array_size(json_object_get(json, "alarms")), 1);
    const json_t *alarm = item_at(json, "alarms", 0);
    assert_same_fields(alarm, "Alarm");
    assert_string_equal(text_at(alarm, "name"), "S1/L_T1.high");
    assert_string_equal(text_at(alarm, "area"), "");
    assert_string_equal(text_at(alarm, "position"), "main");
    assert_string_equal(text_at(alarm, "letter"), "B");
    assert_string_equal(text_at(alarm, "base"), "B");
    assert_true(json_is_null(json_object_get(alarm, "class")));
    assert_true(json_is_null(json_object_get(alarm, "shelved")));
    assert_true(json_is_null(json_object_get(alarm, "accumulated")));
    assert_true(json_is_true(json_object_get(alarm, "retain")));
    assert_int_equal(number_at(alarm, "since_ack"), 1);
    assert_true(json_number_value(json_object_get(alarm, "limit")) == 8);
    assert_true(json_number_value(json_object_get(alarm, "max_shelve_s")) == 28800);
    json_decref(json);
}

/* Names of the alarms that a query finds, with a blank behind each. */
static void expect_list(struct rig *rig, const char *query, const char *names) {
    char path[256];
    char found[512] = "";
    size_t n = 0;
    (void)snprintf(path, sizeof path, "/api/alarms?%s", query);
    json_t *json = must(rig, 200, "GET", path, NULL);
    for (size_t i = 0; i < json_array_size(json_object_get(json, "alarms")); i++) {
        n +=
            (size_t)snprintf(found + n, sizeof found - n, "%s ", text_at(item_at(json, "alarms", i), "name"));
        assert_true(n < sizeof found);
    }
    json_decref(json);
    if (strcmp(found, names) != 0) {
        print_error("%s\n", query);
    }
    assert_string_equal(found, names);
}

static void place_them(struct rig *rig) {
    json_decref(
        must(rig, 200, "POST", "/api/config",
             "{\"reason\":\"r\",\"put\":["
             "{\"kind\":\"site\",\"value\":{\"name\":\"S2\",\"area\":\"north\",\"position\":\"desk2\"}},"
             "{\"kind\":\"class\",\"value\":{\"name\":\"level\",\"comment\":true,\"shelvable\":false}},"
             "{\"kind\":\"alarm\",\"value\":{\"name\":\"S2/L_T2.high\",\"kind\":\"high\",\"tag\":\"S2/"
             "L_T2\",\"limit\":8,\"priority\":3,\"class\":\"level\"}},"
             "{\"kind\":\"alarm\",\"value\":{\"name\":\"S2/L_T2.low\",\"kind\":\"low\",\"tag\":\"S2/"
             "L_T2\",\"limit\":1,\"priority\":4,\"enabled\":false}}]}"));
}

static void a_list_is_filtered_by_place_priority_and_state(void **state) {
    struct rig *rig = *state;
    log_in(rig, "erna");
    place_them(rig);
    level(rig, 9);
    expect_list(rig, "state=all&site=S2&priority=3,4",
                "S2/L_T2.high S2/L_T2.low S2/gw-s2.certificate S2/gw-s2.clock ");
    expect_list(rig, "state=all&area=north&priority=4", "S2/L_T2.low S2/gw-s2.certificate ");
    expect_list(rig, "state=all&position=desk2&priority=3,4",
                "S2/L_T2.high S2/L_T2.low S2/gw-s2.certificate S2/gw-s2.clock ");
    expect_list(rig, "state=all&position=main&priority=1", "S1/L_T1.high _server/disk.full ");
    expect_list(rig, "state=all&area=south", "");
    expect_list(rig, "", "S1/L_T1.high ");
    expect_list(rig, "priority=2,3,4", "");
    expect_list(rig, "state=unacked", "S1/L_T1.high ");
    expect_list(rig, "state=active&site=S1", "S1/L_T1.high ");
    expect_list(rig, "state=disabled", "S2/L_T2.low ");
    expect_list(rig, "state=shelved", "");
    expect_list(rig, "state=suppressed", "");
    expect_list(rig, "state=oos", "");
    expect_list(rig, "state=confirm", "");
    json_t *json = must(rig, 200, "GET", "/api/alarms?state=all&priority=3&area=north", NULL);
    const json_t *alarm = item_at(json, "alarms", 0);
    assert_string_equal(text_at(alarm, "class"), "level");
    assert_string_equal(text_at(alarm, "area"), "north");
    assert_string_equal(text_at(alarm, "position"), "desk2");
    assert_true(json_is_true(json_object_get(alarm, "comment_required")));
    assert_true(json_is_false(json_object_get(alarm, "shelvable")));
    json_decref(json);
}

static void a_filter_that_makes_no_sense_is_refused(void **state) {
    static const struct {
        const char *query;
        int status;
        const char *text;
    } rows[] = {{"state=none", 400, "untrusted"}, {"priority=5", 400, "1 to 4"},
                {"priority=", 400, "1 to 4"},     {"priority=1,", 400, "1 to 4"},
                {"priority=12", 400, "1 to 4"},   {"site=S9", 404, "S9"},
                {"position=moon", 404, "moon"}};
    /* The last one does not know the state. */
    static const char *const lists[] = {"/api/alarms?", "/api/alarms/state_at?t=1&", "/api/alarms/history?"};
    struct rig *rig = *state;
    char path[256];
    log_in(rig, "vera");
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t j = 0; j < COUNT(lists) - (i == 0); j++) {
            (void)snprintf(path, sizeof path, "%s%s", lists[j], rows[i].query);
            json_t *json = must(rig, rows[i].status, "GET", path, NULL);
            assert_non_null(strstr(text_at(json, "detail"), rows[i].text));
            json_decref(json);
        }
    }
}

/* What the old core has none of: the states themselves. */
static void each_state_finds_its_alarms(void **state) {
    (void)state;
    static const struct {
        enum shown shown;
        struct alarm_view in;
        struct alarm_view out;
    } rows[] = {{SHOWN_DEFAULT, {.retain = true}, {.letter = 'B'}},
                {SHOWN_UNACKED, {.letter = 'E'}, {.letter = 'F'}},
                {SHOWN_ACTIVE, {.letter = 'C'}, {.letter = 'D'}},
                {SHOWN_SHELVED, {.letter = 'H', .facts = FACT_SHELVED}, {.letter = 'H'}},
                {SHOWN_SUPPRESSED, {.letter = 'I', .facts = FACT_SUPPRESSED}, {.letter = 'G'}},
                {SHOWN_OUT_OF_SERVICE, {.letter = 'I'}, {.letter = 'H'}},
                {SHOWN_DISABLED, {.letter = 'Z'}, {.letter = 'I'}},
                {SHOWN_UNTRUSTED, {.untrusted = true}, {.letter = 'B'}},
                {SHOWN_CONFIRM, {.confirm_due = true}, {.letter = 'B'}}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct alarm_query q = {.shown = rows[i].shown, .priorities = 1};
        assert_true(query_state(&q, &rows[i].in));
        assert_false(query_state(&q, &rows[i].out));
        q.shown = SHOWN_ALL;
        assert_true(query_state(&q, &rows[i].out));
        q.priorities = 2;
        assert_false(query_state(&q, &rows[i].out));
    }
}

/* --- one alarm */

static void one_alarm_comes_with_its_configuration_and_newest_records(void **state) {
    struct rig *rig = *state;
    level(rig, 9);
    log_in(rig, "vera");
    json_t *json = must(rig, 200, "GET", "/api/alarm?name=" HIGH_NAME, NULL);
    assert_int_equal(rig->last_history.history.filter.alarm_key, RIG_ALARM_KEY);
    assert_int_equal(rig->last_history.history.limit, 20);
    assert_string_equal(text_at(json, "letter"), "B");
    assert_int_equal(number_at(json_object_get(json, "config"), "limit"), 8);
    assert_int_equal(number_at(json_object_get(json, "config"), "revision"), 1);
    assert_same_fields(item_at(json, "journal", 0), "Record");
    assert_true(number_at(json, "cost") >= 1);
    json_decref(json);
    json_decref(must(rig, 404, "GET", "/api/alarm?name=S1%2Fnone", NULL));
    json_decref(must(rig, 400, "GET", "/api/alarm", NULL));
    json_decref(must(rig, 404, "GET", "/api/alarm/why?name=S1%2Fnone", NULL));
    json_decref(must(rig, 400, "GET", "/api/alarm/why", NULL));
}

static void go_away(struct rig *rig, void *ctx) {
    (void)ctx;
    rig->store_away = true;
}

static void without_the_database_an_alarm_is_told_without_its_records(void **state) {
    struct rig *rig = *state;
    level(rig, 9);
    log_in(rig, "vera");
    json_decref(must(rig, 200, "GET", "/api/alarms", NULL));
    rig_call(rig, go_away, NULL);
    json_t *json = must(rig, 200, "GET", "/api/alarm?name=" HIGH_NAME, NULL);
    assert_string_equal(text_at(json, "letter"), "B");
    assert_true(json_is_null(json_object_get(json, "journal")));
    json_decref(json);
    json_decref(must(rig, 503, "GET", "/api/alarms/state_at?t=1", NULL));
    json_decref(must(rig, 503, "GET", "/api/alarms/kpi", NULL));
    json_decref(must(rig, 503, "GET", "/api/alarms/history", NULL));
}

static void why_tells_the_parts_of_the_rule(void **state) {
    struct rig *rig = *state;
    log_in(rig, "vera");
    json_t *json = must(rig, 200, "GET", "/api/alarm/why?name=" HIGH_NAME, NULL);
    assert_string_equal(text_at(json, "source"), "L_T1 > 8 or P_1");
    assert_string_equal(text_at(json, "letter"), "A");
    assert_true(json_is_true(json_object_get(json, "condition")));
    assert_int_equal(json_array_size(json_object_get(json, "parts")), 4);
    const json_t *part = item_at(json, "parts", 1);
    assert_string_equal(text_at(part, "text"), "L_T1");
    assert_string_equal(text_at(part, "type"), "number");
    assert_string_equal(text_at(part, "unit"), "m");
    assert_int_equal(number_at(part, "depth"), 1);
    assert_true(json_is_true(json_object_get(part, "uncertain")));
    assert_true(json_number_value(json_object_get(part, "value")) == 9.5);
    part = item_at(json, "parts", 2);
    assert_true(json_is_false(json_object_get(part, "known")));
    assert_true(json_is_null(json_object_get(part, "value")));
    part = item_at(json, "parts", 3);
    assert_string_equal(text_at(part, "unit"), "s");
    assert_true(json_number_value(json_object_get(part, "value")) == 2);
    json_decref(json);
}

/* --- history */

static void history_is_asked_with_all_its_filters(void **state) {
    struct rig *rig = *state;
    const struct request *q = &rig->last_history;
    log_in(rig, "erna");
    place_them(rig);
    json_t *json = must(rig, 200, "GET",
                        "/api/alarms/history?kind=raise,rtn&position=desk2&area=north&priority=1,4&limit=1"
                        "&order=src&before=7&before_src=12&from=1&to=2&alarm=" HIGH_NAME,
                        NULL);
    assert_int_equal(q->kind, REQ_ALARM_HISTORY);
    assert_int_equal(q->history.kinds, 1U << RECORD_RAISE | 1U << RECORD_RTN);
    assert_string_equal(q->history.filter.position, "desk2");
    assert_int_equal(q->history.filter.n_sites, 1);
    assert_int_equal(q->history.filter.priorities, 1U << 1 | 1U << 4);
    assert_int_equal(q->history.filter.alarm_key, RIG_ALARM_KEY);
    assert_int_equal(q->history.order, HISTORY_BY_SRC);
    assert_int_equal(q->history.before, 7);
    assert_int_equal(q->history.before_src_us, 12);
    assert_int_equal(q->history.from_us, 1);
    assert_int_equal(q->history.to_us, 2);
    assert_int_equal(number_at(json, "next"), 5);
    assert_int_equal(number_at(json, "next_src"), 1764000000000000);
    const json_t *record = item_at(json, "records", 0);
    assert_same_fields(record, "Record");
    assert_true(json_is_true(json_object_get(record, "ring")));
    assert_true(json_is_true(json_object_get(record, "first")));
    assert_true(json_is_false(json_object_get(record, "chatter")));
    assert_string_equal(text_at(record, "cause"), "sample");
    assert_string_equal(text_at(record, "desk"), "main 10.0.0.1");
    assert_true(json_is_null(json_object_get(record, "reason")));
    json_decref(json);
    json_decref(must(rig, 200, "GET", "/api/alarms/history", NULL));
    assert_int_equal(q->history.kinds, 0);
    assert_int_equal(q->history.filter.priorities, 0);
    assert_null(q->history.filter.sites);
    assert_int_equal(q->history.order, HISTORY_BY_SEQ);
}

static void a_history_that_makes_no_sense_is_refused(void **state) {
    static const struct {
        const char *query;
        int status;
        const char *text;
    } rows[] = {{"kind=fly", 400, "raise,rtn"},
                {"kind=raise,", 400, "raise,rtn"},
                {"kind=", 400, "raise,rtn"},
                {"order=up", 400, "seq"},
                {"order=src&before=1", 400, "next_src"},
                {"before=1&before_src=1", 400, "next_src"},
                {"before=x", 400, "next"},
                {"limit=1001", 400, "1 to 1000"},
                {"from=yesterday", 400, "RFC 3339"},
                {"alarm=S1%2Fnone", 404, "S1/none"}};
    struct rig *rig = *state;
    char path[256];
    log_in(rig, "vera");
    for (size_t i = 0; i < COUNT(rows); i++) {
        (void)snprintf(path, sizeof path, "/api/alarms/history?%s", rows[i].query);
        json_t *json = must(rig, rows[i].status, "GET", path, NULL);
        assert_non_null(strstr(text_at(json, "detail"), rows[i].text));
        json_decref(json);
    }
}

/* --- from the journal */

static void a_moment_is_told_from_the_journal(void **state) {
    struct rig *rig = *state;
    const struct request *q = &rig->last_history;
    log_in(rig, "vera");
    json_t *json =
        must(rig, 200, "GET", "/api/alarms/state_at?t=2025-11-24T16:00:00Z&site=S1&after=3&limit=2", NULL);
    assert_int_equal(q->kind, REQ_ALARM_STATE_AT);
    assert_int_equal(q->state_at.at_us, 1764000000000000);
    assert_int_equal(q->state_at.after_key, 3);
    assert_int_equal(q->state_at.filter.site_key, 1);
    assert_true(q->state_at.retained);
    assert_string_equal(text_at(json, "at"), "2025-11-24T16:00:00Z");
    assert_int_equal(number_at(json, "next"), 9);
    assert_int_equal(json_array_size(json_object_get(json, "alarms")), 1);
    const json_t *alarm = item_at(json, "alarms", 0);
    assert_same_fields(alarm, "AlarmThen");
    assert_string_equal(text_at(alarm, "letter"), "H");
    assert_string_equal(text_at(alarm, "base"), "C");
    assert_string_equal(text_at(alarm, "acked_by"), "olaf");
    assert_string_equal(text_at(json_object_get(alarm, "shelved"), "reason"), "repair");
    assert_string_equal(json_string_value(item_at(alarm, "suppressed_by", 1)), "trip");
    assert_true(json_is_null(json_object_get(alarm, "out_of_service")));
    json_decref(json);
    json = must(rig, 200, "GET", "/api/alarms/state_at?t=1764000000000000&state=all", NULL);
    assert_false(q->state_at.retained);
    assert_int_equal(json_array_size(json_object_get(json, "alarms")), 2);
    assert_true(json_is_null(json_object_get(json, "next")));
    json_decref(json);
    json = must(rig, 200, "GET", "/api/alarms/state_at?t=1764000000000000&state=active", NULL);
    assert_int_equal(json_array_size(json_object_get(json, "alarms")), 0);
    json_decref(json);
    json_decref(must(rig, 400, "GET", "/api/alarms/state_at", NULL));
    json_decref(must(rig, 400, "GET", "/api/alarms/state_at?t=then", NULL));
    json_decref(must(rig, 400, "GET", "/api/alarms/state_at?t=1&limit=10001", NULL));
    json_decref(must(rig, 400, "GET", "/api/alarms/state_at?t=1&after=x", NULL));
}

static void figures_come_with_their_definitions(void **state) {
    struct rig *rig = *state;
    const struct request *q = &rig->last_history;
    log_in(rig, "vera");
    json_t *json = must(rig, 200, "GET", "/api/alarms/kpi?from=1764000000000000&to=1764000600000000", NULL);
    assert_int_equal(q->kind, REQ_ALARM_KPI);
    assert_int_equal(q->kpi.from_us, 1764000000000000);
    assert_int_equal(q->kpi.to_us, 1764000600000000);
    assert_string_equal(q->kpi.position, "");
    assert_true(json_is_null(json_object_get(json, "position")));
    const json_t *figure = item_at(json, "figures", 0);
    assert_string_equal(text_at(figure, "name"), "rate.mean");
    assert_string_equal(text_at(figure, "definition"), "what counts");
    assert_int_equal(number_at(json_object_get(figure, "detail"), "n"), 3);
    assert_true(json_is_null(json_object_get(item_at(json, "figures", 1), "value")));
    json_decref(json);
    json = must(rig, 200, "GET", "/api/alarms/bad_actors?to=1764000600000000&position=main", NULL);
    assert_int_equal(q->kind, REQ_ALARM_BAD_ACTORS);
    assert_int_equal(q->kpi.from_us, 1764000600000000 - INT64_C(30) * 86400 * 1000000);
    assert_string_equal(q->kpi.position, "main");
    assert_string_equal(text_at(json, "position"), "main");
    json_decref(json);
    json_decref(must(rig, 400, "GET", "/api/alarms/kpi?from=2&to=1", NULL));
    json_decref(must(rig, 400, "GET", "/api/alarms/kpi?from=x", NULL));
    json_decref(must(rig, 400, "GET", "/api/alarms/bad_actors?to=x", NULL));
    json_decref(must(rig, 404, "GET", "/api/alarms/kpi?position=moon", NULL));
}

static bool has_finding(const json_t *json, const char *code, const char *alarm) {
    for (size_t i = 0; i < json_array_size(json_object_get(json, "findings")); i++) {
        const json_t *f = item_at(json, "findings", i);
        if (strcmp(text_at(f, "code"), code) == 0 && strcmp(text_at(f, "alarm"), alarm) == 0) {
            assert_true(text_at(f, "text")[0] != '\0');
            assert_true(json_is_null(json_object_get(f, "other")));
            return true;
        }
    }
    return false;
}

static void a_review_holds_the_configuration_against_history(void **state) {
    struct rig *rig = *state;
    log_in(rig, "vera");
    json_t *json = must(rig, 200, "GET", "/api/alarms/checks", NULL);
    assert_true(json_is_true(json_object_get(json, "history")));
    assert_non_null(json_string_value(json_object_get(json, "at")));
    assert_true(has_finding(json, "no_action", "S1/L_T1.high"));
    assert_true(has_finding(json, "changed_unreviewed", "S1/L_T1.high"));
    assert_true(has_finding(json, "silent", "S2/gw-s2.comm"));
    assert_false(has_finding(json, "silent", "S1/L_T1.high")); /* it was raised just now */
    json_decref(json);
    rig_call(rig, go_away, NULL);
    json = must(rig, 200, "GET", "/api/alarms/checks", NULL);
    assert_true(json_is_false(json_object_get(json, "history")));
    assert_true(has_finding(json, "no_action", "S1/L_T1.high"));
    assert_false(has_finding(json, "silent", "S2/gw-s2.comm"));
    json_decref(json);
}

static void a_tag_tells_what_its_samples_cost(void **state) {
    struct rig *rig = *state;
    log_in(rig, "vera");
    json_t *json = must(rig, 200, "GET", "/api/tags?q=L_T1", NULL);
    assert_same_fields(item_at(json, "tags", 0), "TagRow");
    assert_int_equal(number_at(item_at(json, "tags", 0), "cost"), 1);
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(an_alarm_tells_all_that_is_known_of_it),
        WITH_RIG(a_list_is_filtered_by_place_priority_and_state),
        WITH_RIG(a_filter_that_makes_no_sense_is_refused),
        cmocka_unit_test(each_state_finds_its_alarms),
        WITH_RIG(one_alarm_comes_with_its_configuration_and_newest_records),
        WITH_RIG(without_the_database_an_alarm_is_told_without_its_records),
        WITH_RIG(why_tells_the_parts_of_the_rule),
        WITH_RIG(history_is_asked_with_all_its_filters),
        WITH_RIG(a_history_that_makes_no_sense_is_refused),
        WITH_RIG(a_moment_is_told_from_the_journal),
        WITH_RIG(figures_come_with_their_definitions),
        WITH_RIG(a_review_holds_the_configuration_against_history),
        WITH_RIG(a_tag_tells_what_its_samples_cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
