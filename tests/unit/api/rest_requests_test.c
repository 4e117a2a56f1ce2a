/* Covers: request_list.c, rest_requests.c, change.c */
#include "server/api/rest.h"
#include "tests/unit/api/talk.h"

#define HIGH     "\"alarm\":\"S1/L_T1.high\""
#define REQUESTS "/api/alarms/requests"

/* The first result of a list of one item. */
static json_t *one(struct rig *rig, const char *item) {
    char body[1024];
    (void)snprintf(body, sizeof body, "{\"items\":[%s]}", item);
    return must(rig, 200, "POST", REQUESTS, body);
}

static void expect(struct rig *rig, const char *item, const char *result) {
    json_t *json = one(rig, item);
    if (strcmp(text_at(item_at(json, "results", 0), "result"), result) != 0) {
        print_error("%s: %s\n", item, text_at(item_at(json, "results", 0), "result"));
    }
    assert_string_equal(text_at(item_at(json, "results", 0), "result"), result);
    json_decref(json);
}

static void each_item_is_answered_in_order_with_the_alarm_as_it_is_now(void **state) {
    struct rig *rig = *state;
    level(rig, 9);
    log_in(rig, "olaf");
    json_t *json = must(rig, 200, "POST", REQUESTS,
                        "{\"items\":[{\"alarm\":\"S1/none\",\"do\":\"ack\",\"call\":1},"
                        "{" HIGH ",\"do\":\"ack\",\"call\":9},{" HIGH ",\"do\":\"ack\",\"call\":1},"
                        "{" HIGH ",\"do\":\"ack\",\"call\":1}],\"comment\":\"seen\"}");
    assert_int_equal(json_array_size(json_object_get(json, "results")), 4);
    const json_t *first = item_at(json, "results", 0);
    assert_string_equal(text_at(first, "alarm"), "S1/none");
    assert_string_equal(text_at(first, "result"), "E_UNKNOWN");
    assert_non_null(strstr(text_at(first, "text"), "no such alarm"));
    assert_true(json_is_null(json_object_get(first, "letter")));
    assert_string_equal(text_at(item_at(json, "results", 1), "result"), "E_CALL");
    const json_t *acked = item_at(json, "results", 2);
    assert_string_equal(text_at(acked, "result"), "OK");
    assert_string_equal(text_at(acked, "letter"), "C");
    assert_string_equal(text_at(acked, "acked_by"), "olaf");
    assert_non_null(json_string_value(json_object_get(acked, "acked_at")));
    assert_int_equal(number_at(acked, "call"), 1);
    assert_string_equal(text_at(item_at(json, "results", 3), "result"), "ALREADY");
    assert_string_equal(rig->asked_comment, "seen");
    json_decref(json);
}

static void the_short_form_acknowledges(void **state) {
    struct rig *rig = *state;
    level(rig, 9);
    log_in(rig, "olaf");
    json_t *json =
        must(rig, 200, "POST", "/api/alarms/ack", "{\"items\":[{" HIGH ",\"call\":1}],\"comment\":\"x\"}");
    assert_string_equal(text_at(item_at(json, "results", 0), "result"), "OK");
    json_decref(json);
    json = must(rig, 422, "POST", "/api/alarms/ack", "{\"items\":[{" HIGH ",\"call\":1,\"do\":\"ack\"}]}");
    assert_string_equal(text_at(item_at(json, "errors", 0), "pointer"), "/items/0/do");
    json_decref(json);
}

static void what_is_asked_reaches_the_core_whole(void **state) {
    struct rig *rig = *state;
    log_in(rig, "erna");
    json_decref(must(rig, 200, "POST", REQUESTS,
                     "{\"items\":[{" HIGH ",\"do\":\"shelve\",\"duration_s\":90.5,\"one_shot\":true,"
                     "\"reason\":\"repair\",\"comment\":\"less\"}],\"position\":\"main\"}"));
    assert_int_equal(rig->asked.kind, ALARM_ASK_SHELVE);
    assert_int_equal(rig->asked.duration_us, 90500000);
    assert_true(rig->asked.one_shot);
    assert_string_equal(rig->asked_comment, "repair");
    assert_string_equal(rig->asked_desk, "main 127.0.0.1");
    assert_string_equal(rig->asked_source, "");
    json_decref(one(rig, "{" HIGH ",\"do\":\"suppress\",\"source\":\"works\",\"comment\":\"why\"}"));
    assert_string_equal(rig->asked_source, "works");
    assert_string_equal(rig->asked_comment, "why");
    assert_string_equal(rig->asked_desk, "127.0.0.1");
    json_decref(one(rig, "{" HIGH ",\"do\":\"unsuppress\"}"));
    assert_int_equal(rig->asked.kind, ALARM_ASK_UNSUPPRESS);
    assert_string_equal(rig->asked_source, "erna");
    json_decref(one(rig, "{" HIGH ",\"do\":\"comment\",\"comment\":\"mine\",\"reason\":\"other\"}"));
    assert_string_equal(rig->asked_comment, "mine");
}

/* A comment for all is nobody's who has one of his own. */
static void an_items_own_comment_counts(void **state) {
    struct rig *rig = *state;
    log_in(rig, "olaf");
    json_decref(must(rig, 200, "POST", REQUESTS,
                     "{\"items\":[{" HIGH ",\"do\":\"comment\",\"comment\":\"own\"}],\"comment\":\"all\"}"));
    assert_string_equal(rig->asked_comment, "own");
    json_decref(
        must(rig, 200, "POST", REQUESTS, "{\"items\":[{" HIGH ",\"do\":\"shelve\"}],\"comment\":\"all\"}"));
    assert_string_equal(rig->asked_comment, "all");
}

static void who_may_not_is_told_for_each_item_and_the_core_never_hears_of_it(void **state) {
    static const char *const engineers[] = {"suppress", "unsuppress", "oos",   "in_service",
                                            "zero",     "disable",    "enable"};
    static const char *const operators[] = {"confirm", "reset", "shelve", "unshelve", "comment"};
    struct rig *rig = *state;
    char item[256];
    log_in(rig, "vera");
    assert_int_equal(status_of(rig, "POST", REQUESTS, "{\"items\":[{" HIGH ",\"do\":\"reset\"}]}"), 403);
    assert_int_equal(status_of(rig, "POST", "/api/alarms/silence", "{}"), 403);
    log_in(rig, "olaf");
    for (size_t i = 0; i < COUNT(engineers); i++) {
        (void)snprintf(item, sizeof item, "{" HIGH ",\"do\":\"%s\",\"reason\":\"r\"}", engineers[i]);
        expect(rig, item, "E_FORBIDDEN");
    }
    assert_int_equal(rig->n_asked, 0);
    assert_int_equal(rig->n_changes, 0);
    for (size_t i = 0; i < COUNT(operators); i++) {
        (void)snprintf(item, sizeof item, "{" HIGH ",\"do\":\"%s\",\"reason\":\"r\"}", operators[i]);
        json_decref(one(rig, item));
    }
    assert_int_equal(rig->n_asked, COUNT(operators));
    level(rig, 9);
    json_t *json = must(rig, 200, "POST", REQUESTS,
                        "{\"items\":[{" HIGH ",\"do\":\"oos\",\"reason\":\"r\"},"
                        "{" HIGH ",\"do\":\"ack\",\"call\":1}]}");
    const json_t *refused = item_at(json, "results", 0);
    assert_string_equal(text_at(refused, "result"), "E_FORBIDDEN");
    assert_string_equal(text_at(refused, "letter"), "C"); /* as it is at the end */
    assert_string_equal(text_at(item_at(json, "results", 1), "result"), "OK");
    json_decref(json);
}

static void what_makes_no_sense_is_refused_with_its_place_and_nothing_is_done(void **state) {
    static const struct {
        const char *body;
        int status;
        const char *pointer;
        const char *text;
    } rows[] = {
        {"{", 400, "", "JSON"},
        {"[]", 400, "", "object"},
        {"{\"items\":[],\"items\":[]}", 400, "", "JSON"},
        {"{}", 422, "/items", "1 to 500"},
        {"{\"items\":[]}", 422, "/items", "1 to 500"},
        {"{\"items\":[1]}", 422, "/items/0", "object"},
        {"{\"items\":[{" HIGH ",\"do\":\"ack\",\"call\":1}],\"colour\":1}", 422, "/colour", "no such field"},
        {"{\"items\":[{" HIGH ",\"do\":\"ack\",\"call\":1,\"z\":1}]}", 422, "/items/0/z", "no such field"},
        {"{\"items\":[{" HIGH "}]}", 422, "/items/0/do", "in_service"},
        {"{\"items\":[{" HIGH ",\"do\":\"fly\"}]}", 422, "/items/0/do", "in_service"},
        {"{\"items\":[{\"do\":\"reset\"}]}", 422, "/items/0/alarm", "name"},
        {"{\"items\":[{\"alarm\":1,\"do\":\"reset\"}]}", 422, "/items/0/alarm", "200 bytes"},
        {"{\"items\":[{" HIGH ",\"do\":\"ack\"}]}", 422, "/items/0/call", "that was seen"},
        {"{\"items\":[{" HIGH ",\"do\":\"ack\",\"call\":-1}]}", 422, "/items/0/call", "that was seen"},
        {"{\"items\":[{" HIGH ",\"do\":\"ack\",\"call\":4294967296}]}", 422, "/items/0/call", "seen"},
        {"{\"items\":[{" HIGH ",\"do\":\"reset\",\"call\":1}]}", 422, "/items/0/call", "ack only"},
        {"{\"items\":[{" HIGH ",\"do\":\"reset\",\"duration_s\":1}]}", 422, "/items/0/duration_s", "shelve"},
        {"{\"items\":[{" HIGH ",\"do\":\"reset\",\"one_shot\":true}]}", 422, "/items/0/one_shot", "shelve"},
        {"{\"items\":[{" HIGH ",\"do\":\"reset\",\"source\":\"x\"}]}", 422, "/items/0/source", "suppress"},
        {"{\"items\":[{" HIGH ",\"do\":\"shelve\",\"duration_s\":\"1\"}]}", 422, "/items/0/duration_s",
         "seconds"},
        {"{\"items\":[{" HIGH ",\"do\":\"shelve\",\"duration_s\":1e12}]}", 422, "/items/0/duration_s",
         "seconds"},
        {"{\"items\":[{" HIGH ",\"do\":\"shelve\",\"one_shot\":1}]}", 422, "/items/0/one_shot", "true or"},
        {"{\"items\":[{" HIGH ",\"do\":\"suppress\",\"source\":\"\"}]}", 422, "/items/0/source", "name"},
        {"{\"items\":[{" HIGH ",\"do\":\"suppress\",\"source\":\"rule\"}]}", 422, "/items/0/source", "rule"},
        {"{\"items\":[{" HIGH ",\"do\":\"comment\",\"comment\":\"a\\u0000b\"}]}", 400, "", "JSON"},
        {"{\"items\":[{" HIGH ",\"do\":\"reset\"}],\"position\":\"moon\"}", 422, "/position", "position"},
        {"{\"items\":[{" HIGH ",\"do\":\"disable\",\"reason\":\"r\"},{" HIGH
         ",\"do\":\"enable\",\"reason\":\"r\"}]}",
         422, "/items/1/alarm", "already"},
    };
    struct rig *rig = *state;
    log_in(rig, "erna");
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *json = must(rig, rows[i].status, "POST", REQUESTS, rows[i].body);
        const json_t *fault = item_at(json, "errors", 0);
        if (strcmp(text_at(fault, "pointer"), rows[i].pointer) != 0 ||
            strstr(text_at(fault, "detail"), rows[i].text) == NULL) {
            print_error("%s: %s %s\n", rows[i].body, text_at(fault, "pointer"), text_at(fault, "detail"));
        }
        assert_string_equal(text_at(fault, "pointer"), rows[i].pointer);
        assert_non_null(strstr(text_at(fault, "detail"), rows[i].text));
        json_decref(json);
    }
    assert_int_equal(rig->n_asked, 0);
    assert_int_equal(rig->n_changes, 0);
}

static void texts_are_as_long_as_the_journal_keeps(void **state) {
    static const struct {
        const char *key;
        const char *what;
        int max;
    } rows[] = {{"comment", "comment", 255}, {"reason", "shelve", 255}, {"source", "suppress", 63}};
    struct rig *rig = *state;
    char body[1024];
    log_in(rig, "erna");
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (int extra = 0; extra < 2; extra++) {
            (void)snprintf(body, sizeof body, "{\"items\":[{" HIGH ",\"do\":\"%s\",\"%s\":\"%0*d\"}]}",
                           rows[i].what, rows[i].key, rows[i].max + extra, 7);
            assert_int_equal(status_of(rig, "POST", REQUESTS, body), extra == 0 ? 200 : 422);
        }
    }
    (void)snprintf(body, sizeof body, "{\"items\":[{" HIGH ",\"do\":\"reset\"}],\"comment\":\"%0256d\"}", 7);
    assert_int_equal(status_of(rig, "POST", REQUESTS, body), 422);
}

static void a_list_has_at_most_five_hundred_items(void **state) {
    struct rig *rig = *state;
    struct buf body;
    log_in(rig, "olaf");
    for (int n = 500; n <= 501; n++) {
        buf_init(&body, (size_t)1 << 20);
        buf_text(&body, "{\"items\":[");
        for (int i = 0; i < n; i++) {
            buf_printf(&body, "%s{" HIGH ",\"do\":\"reset\"}", i > 0 ? "," : "");
        }
        buf_append(&body, "]}", 3);
        json_t *json = must(rig, n == 500 ? 200 : 422, "POST", REQUESTS, (const char *)body.p);
        assert_int_equal(json_array_size(json_object_get(json, "results")), n == 500 ? 500 : 0);
        json_decref(json);
        buf_done(&body);
    }
}

/* --- disable and enable */

static bool is_enabled(struct rig *rig) {
    json_t *json = must(rig, 200, "GET", "/api/alarm-settings/S1/L_T1.high", NULL);
    bool enabled = !json_is_false(json_object_get(json, "enabled"));
    json_decref(json);
    return enabled;
}

static void an_alarm_is_disabled_and_enabled_by_a_revision_with_the_reason(void **state) {
    struct rig *rig = *state;
    log_in(rig, "erna");
    json_t *json = one(rig, "{" HIGH ",\"do\":\"disable\",\"reason\":\"pump is gone\"}");
    const json_t *result = item_at(json, "results", 0);
    assert_string_equal(text_at(result, "result"), "OK");
    assert_string_equal(text_at(result, "letter"), "Z");
    json_decref(json);
    assert_int_equal(rig->revision, 2);
    assert_int_equal(rig->last_expected, 1); /* the database checks that nobody changed it meanwhile */
    assert_string_equal(rig->changed_reason, "pump is gone");
    assert_false(is_enabled(rig));
    expect(rig, "{" HIGH ",\"do\":\"disable\",\"reason\":\"again\"}", "ALREADY");
    expect(rig, "{" HIGH ",\"do\":\"enable\"}", "E_REASON");
    expect(rig, "{\"alarm\":\"S1/none\",\"do\":\"enable\",\"reason\":\"r\"}", "E_UNKNOWN");
    assert_int_equal(rig->revision, 2);
    expect(rig, "{" HIGH ",\"do\":\"enable\",\"reason\":\"it is back\"}", "OK");
    assert_int_equal(rig->revision, 3);
    assert_true(is_enabled(rig));
    assert_int_equal(rig->n_asked, 0);
}

static void a_mixed_list_is_one_revision_behind_what_the_core_did(void **state) {
    struct rig *rig = *state;
    level(rig, 9);
    log_in(rig, "erna");
    json_t *json = must(rig, 200, "POST", REQUESTS,
                        "{\"items\":[{" HIGH ",\"do\":\"disable\",\"reason\":\"one\"},"
                        "{" HIGH ",\"do\":\"ack\",\"call\":1},"
                        "{\"alarm\":\"S1/gw-s1.comm\",\"do\":\"disable\",\"reason\":\"two\"},"
                        "{\"alarm\":\"S2/gw-s2.comm\",\"do\":\"disable\",\"reason\":\"one\"}]}");
    static const char *const results[] = {"OK", "OK", "OK", "OK"};
    static const char *const letters[] = {"Z", "C", "Z", "Z"};
    for (size_t i = 0; i < COUNT(results); i++) {
        assert_string_equal(text_at(item_at(json, "results", i), "result"), results[i]);
        assert_string_equal(text_at(item_at(json, "results", i), "letter"), letters[i]);
    }
    json_decref(json);
    assert_int_equal(rig->n_changes, 1);
    assert_int_equal(rig->revision, 2);
    assert_string_equal(rig->changed_reason, "one; two");
}

static void refuse_changes(struct rig *rig, void *ctx) {
    (void)ctx;
    rig->refuse_changes = true;
}

static void a_revision_that_is_refused_is_told_where_it_was_asked(void **state) {
    struct rig *rig = *state;
    level(rig, 9);
    log_in(rig, "erna");
    rig_call(rig, refuse_changes, NULL);
    json_t *json = must(rig, 200, "POST", REQUESTS,
                        "{\"items\":[{" HIGH ",\"do\":\"disable\",\"reason\":\"one\"},"
                        "{" HIGH ",\"do\":\"ack\",\"call\":1}]}");
    assert_string_equal(text_at(item_at(json, "results", 0), "result"), "E_CONFIG");
    assert_string_equal(text_at(item_at(json, "results", 0), "text"), "somebody was faster");
    assert_string_equal(text_at(item_at(json, "results", 0), "letter"), "C");
    assert_string_equal(text_at(item_at(json, "results", 1), "result"), "OK");
    json_decref(json);
    /* Nothing is held up by it. */
    expect(rig, "{" HIGH ",\"do\":\"enable\",\"reason\":\"r\"}", "ALREADY");
}

static void go_away(struct rig *rig, void *ctx) {
    (void)ctx;
    rig->store_away = true;
}

static void come_back(struct rig *rig, void *ctx) {
    (void)ctx;
    rig->store_away = false;
}

static void while_the_database_is_away_nothing_is_done_that_it_must_keep(void **state) {
    struct rig *rig = *state;
    level(rig, 9);
    log_in(rig, "erna");
    json_decref(must(rig, 200, "GET", "/api/alarms", NULL)); /* the session is known now */
    rig_call(rig, go_away, NULL);
    json_t *json = must(rig, 503, "POST", REQUESTS,
                        "{\"items\":[{" HIGH ",\"do\":\"disable\",\"reason\":\"one\"},"
                        "{" HIGH ",\"do\":\"ack\",\"call\":1}]}");
    assert_string_equal(text_at(json, "code"), "store_away");
    json_decref(json);
    assert_int_equal(rig->n_asked, 0);
    assert_int_equal(status_of(rig, "POST", REQUESTS, "{\"items\":[{" HIGH ",\"do\":\"ack\",\"call\":1}]}"),
                     503);
    assert_int_equal(
        status_of(rig, "POST", REQUESTS, "{\"items\":[{" HIGH ",\"do\":\"disable\",\"reason\":\"r\"}]}"),
        503);
    rig_call(rig, come_back, NULL);
    expect(rig, "{" HIGH ",\"do\":\"disable\",\"reason\":\"one\"}", "OK"); /* the way is free again */
}

static void be_late(struct rig *rig, void *ctx) {
    rig->late = *(const bool *)ctx;
}

static void what_is_not_confirmed_leaves_the_settings_as_they_are(void **state) {
    struct rig *rig = *state;
    bool late = true;
    level(rig, 9);
    log_in(rig, "erna");
    rig_call(rig, be_late, &late);
    json_decref(must(rig, 503, "POST", REQUESTS,
                     "{\"items\":[{" HIGH ",\"do\":\"disable\",\"reason\":\"one\"},"
                     "{" HIGH ",\"do\":\"ack\",\"call\":1}]}"));
    assert_int_equal(rig->n_changes, 0);
    late = false;
    rig_call(rig, be_late, &late);
    expect(rig, "{" HIGH ",\"do\":\"disable\",\"reason\":\"two\"}", "OK"); /* no change is in the way */
    assert_string_equal(rig->changed_reason, "two");
}

static void a_group_of_the_configuration_is_not_suppressed_by_hand(void **state) {
    struct rig *rig = *state;
    log_in(rig, "erna");
    json_decref(must(rig, 200, "POST", "/api/config",
                     "{\"reason\":\"r\",\"put\":[{\"kind\":\"group\",\"value\":{\"name\":\"trip\"}}]}"));
    json_t *json = must(rig, 422, "POST", REQUESTS,
                        "{\"items\":[{" HIGH ",\"do\":\"unsuppress\",\"source\":\"trip\"}]}");
    assert_string_equal(text_at(item_at(json, "errors", 0), "pointer"), "/items/0/source");
    json_decref(json);
}

/* --- silence */

static void a_sound_is_stopped_without_a_body_or_at_a_position_that_exists(void **state) {
    struct rig *rig = *state;
    log_in(rig, "olaf");
    assert_int_equal(status_of(rig, "POST", "/api/alarms/silence", ""), 204);
    assert_int_equal(status_of(rig, "POST", "/api/alarms/silence", "{}"), 204);
    assert_int_equal(status_of(rig, "POST", "/api/alarms/silence", "{\"position\":\"main\"}"), 204);
    json_t *json = must(rig, 422, "POST", "/api/alarms/silence", "{\"position\":\"moon\"}");
    assert_string_equal(text_at(item_at(json, "errors", 0), "pointer"), "/position");
    json_decref(json);
    json = must(rig, 422, "POST", "/api/alarms/silence", "{\"colour\":1}");
    assert_string_equal(text_at(item_at(json, "errors", 0), "pointer"), "/colour");
    json_decref(json);
    assert_int_equal(status_of(rig, "POST", "/api/alarms/silence", "{"), 400);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(each_item_is_answered_in_order_with_the_alarm_as_it_is_now),
        WITH_RIG(the_short_form_acknowledges),
        WITH_RIG(what_is_asked_reaches_the_core_whole),
        WITH_RIG(an_items_own_comment_counts),
        WITH_RIG(who_may_not_is_told_for_each_item_and_the_core_never_hears_of_it),
        WITH_RIG(what_makes_no_sense_is_refused_with_its_place_and_nothing_is_done),
        WITH_RIG(texts_are_as_long_as_the_journal_keeps),
        WITH_RIG(a_list_has_at_most_five_hundred_items),
        WITH_RIG(an_alarm_is_disabled_and_enabled_by_a_revision_with_the_reason),
        WITH_RIG(a_mixed_list_is_one_revision_behind_what_the_core_did),
        WITH_RIG(a_revision_that_is_refused_is_told_where_it_was_asked),
        WITH_RIG(while_the_database_is_away_nothing_is_done_that_it_must_keep),
        WITH_RIG(what_is_not_confirmed_leaves_the_settings_as_they_are),
        WITH_RIG(a_group_of_the_configuration_is_not_suppressed_by_hand),
        WITH_RIG(a_sound_is_stopped_without_a_body_or_at_a_position_that_exists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
