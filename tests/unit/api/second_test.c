/* Covers: second.c, change.c */
#include "server/api/second.h"
#include "tests/unit/api/talk.h"

#define SETTING       "/api/alarm-settings/S1/L_T1.high"
#define ADAM          "\"second\":{\"name\":\"adam\",\"password\":\"" RIG_PASSWORD "\"}"
#define HIGH(limit)   "{\"name\":\"S1/L_T1.high\",\"kind\":\"high\",\"tag\":\"S1/L_T1\",\"limit\":" limit HM "}"
#define HM            ",\"priority\":1,\"class\":\"hm\""
#define PUT(limit)    "{\"reason\":\"why\",\"value\":" HIGH(limit) "}"
#define PUT_BY(limit) "{\"reason\":\"why\",\"value\":" HIGH(limit) "," ADAM "}"

/* S1/L_T1.high is highly managed, and erna is logged in. */
static void manage(struct rig *rig) {
    log_in(rig, "erna");
    json_decref(must(rig, 200, "POST", "/api/config",
                     "{\"reason\":\"begin\",\"put\":[{\"kind\":\"class\",\"value\":{\"name\":\"hm\","
                     "\"highly_managed\":true}}]}"));
    json_decref(must(rig, 200, "POST", "/api/config",
                     "{\"reason\":\"begin\",\"put\":[{\"kind\":\"alarm\",\"value\":" HIGH("8") "}]," ADAM
                                                                                               "}"));
    assert_int_equal(rig->revision, 3);
}

/* As a program does it: If-Match is what it has read. */
static json_t *one_item(struct rig *rig, int status, const char *method, const char *path, const char *body) {
    char match[64];
    (void)snprintf(match, sizeof match, "If-Match: \"%lld\"\r\n", (long long)rig->revision);
    struct answer a = tls_client_ask(&rig->client, method, path, match, body);
    if (a.status != status) {
        print_error("%s %s %s: %d %s\n", method, path, body == NULL ? "" : body, a.status, a.body);
    }
    assert_int_equal(a.status, status);
    json_t *json = json_loads(a.body, 0, NULL);
    assert_non_null(json);
    answer_done(&a);
    return json;
}

/* The one that is managed here, as programs are told. */
static void assert_names_it(const json_t *answer) {
    const json_t *touched = json_object_get(answer, "touched");
    assert_int_equal(json_object_size(touched), 2);
    assert_int_equal(number_at(touched, "n"), 1);
    assert_int_equal(json_array_size(json_object_get(touched, "alarms")), 1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(touched, "alarms"), 0)),
                        "S1/L_T1.high");
}

static void refused(struct rig *rig, int status, const char *body, const char *code, const char *text) {
    json_t *json = one_item(rig, status, "PUT", SETTING, body);
    assert_string_equal(text_at(json, "code"), code);
    if (strstr(text_at(json, "detail"), text) == NULL) {
        print_error("%s\n", text_at(json, "detail"));
    }
    assert_non_null(strstr(text_at(json, "detail"), text));
    if (strcmp(code, "second_needed") == 0) {
        assert_names_it(json);
    } else {
        assert_null(json_object_get(json, "touched"));
    }
    json_decref(json);
}

static void without_a_second_person_nothing_is_changed_and_the_alarms_are_named(void **state) {
    struct rig *rig = *state;
    manage(rig);
    uint32_t changes = rig->n_changes;
    refused(rig, 403, PUT("7"), "second_needed", "S1/L_T1.high");
    json_t *json = one_item(rig, 403, "DELETE", SETTING "?reason=r", NULL);
    assert_string_equal(text_at(json, "code"), "second_needed");
    assert_non_null(strstr(text_at(json, "detail"), "POST /api/config"));
    assert_names_it(json);
    json_decref(json);
    /* By way of what it hangs on, and of many. */
    json = must(rig, 403, "POST", "/api/config",
                "{\"reason\":\"r\",\"put\":[{\"kind\":\"class\",\"value\":{\"name\":\"hm\"}}]}");
    assert_string_equal(text_at(json, "code"), "second_needed");
    json_decref(json);
    assert_int_equal(
        status_of(rig, "POST", "/api/config",
                  "{\"reason\":\"r\",\"remove\":[{\"kind\":\"alarm\",\"name\":\"S1/L_T1.high\"}]}"),
        403);
    assert_int_equal(rig->n_changes, changes);
    /* Others are changed by one. */
    json_decref(must(rig, 200, "POST", "/api/config",
                     "{\"reason\":\"r\",\"put\":[{\"kind\":\"site\",\"value\":{\"name\":\"S2\"}}]}"));
    assert_string_equal(rig->changed_second, "");
}

static void with_one_it_is_changed_and_both_are_named(void **state) {
    struct rig *rig = *state;
    manage(rig);
    json_decref(one_item(rig, 200, "PUT", SETTING, PUT_BY("7")));
    assert_string_equal(rig->changed_second, "adam");
    assert_string_equal(rig->changed_reason, "why");
    assert_int_equal(rig->revision, 4);
    /* A removal, of what was seen. */
    static const char removal[] = "{\"reason\":\"r\",\"remove\":[{\"kind\":\"alarm\",\"name\":\"S1/"
                                  "L_T1.high\",\"revision\":%d}]," ADAM "}";
    char body[512];
    (void)snprintf(body, sizeof body, removal, 3);
    assert_int_equal(status_of(rig, "POST", "/api/config", body), 409);
    (void)snprintf(body, sizeof body, removal, 0);
    assert_int_equal(status_of(rig, "POST", "/api/config", body), 422);
    (void)snprintf(body, sizeof body, removal, 4);
    json_decref(must(rig, 200, "POST", "/api/config", body));
    assert_string_equal(rig->changed_second, "adam");
    assert_int_equal(rig->revision, 5);
    /* The way is free, and nobody was logged in by it. */
    json_decref(must(rig, 200, "POST", "/api/config",
                     "{\"reason\":\"r\",\"put\":[{\"kind\":\"site\",\"value\":{\"name\":\"S2\"}}]}"));
    json_t *json = must(rig, 200, "GET", "/api/session", NULL);
    assert_string_equal(text_at(json, "user"), "erna");
    json_decref(json);
}

static void who_agrees_where_nobody_need_is_tried_and_named_all_the_same(void **state) {
    struct rig *rig = *state;
    log_in(rig, "erna");
    json_decref(must(rig, 200, "POST", "/api/config",
                     "{\"reason\":\"r\",\"put\":[{\"kind\":\"site\",\"value\":{\"name\":\"S2\"}}]," ADAM
                     "}"));
    assert_string_equal(rig->changed_second, "adam");
    assert_int_equal(status_of(rig, "POST", "/api/config",
                               "{\"reason\":\"r\",\"put\":[{\"kind\":\"site\",\"value\":{\"name\":\"S2\"}}],"
                               "\"second\":{\"name\":\"adam\",\"password\":\"wrong\"}}"),
                     403);
}

#define BY(name, password)                                                                                   \
    "{\"reason\":\"why\",\"value\":" HIGH("6") ",\"second\":{\"name\":\"" name "\",\"password\":\"" password \
                                               "\"}}"

static void who_does_not_prove_himself_is_refused_in_the_same_words(void **state) {
    struct rig *rig = *state;
    manage(rig);
    uint32_t changes = rig->n_changes;
    static const char *const wrong[] = {
        BY("adam", "wrong"), BY("nobody", RIG_PASSWORD), BY("gone", RIG_PASSWORD),
        BY("newbie", RIG_CODE), /* a one-time code is no password */
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        uint32_t audits = rig->n_audits;
        refused(rig, 403, wrong[i], "second_refused", "name or password is wrong; nothing was changed");
        assert_int_equal(rig->n_audits, audits + 1);
        assert_string_equal(rig->last_audit.audit.action, "config.second_refused");
        assert_string_equal(rig->last_audit.actor.name, "erna");
    }
    assert_string_equal(rig->last_audit.audit.object, "newbie");
    refused(rig, 403, BY("olaf", RIG_PASSWORD), "second_refused", "must be an engineer");
    assert_string_equal(rig->last_audit.audit.object, "olaf");
    assert_int_equal(rig->n_changes, changes);
    json_decref(one_item(rig, 200, "PUT", SETTING, PUT_BY("7"))); /* nothing is held up by it */
}

static void what_is_no_second_person_is_refused_with_its_place(void **state) {
    static const struct {
        const char *second;
        const char *pointer;
    } rows[] = {
        {"1", "/second"},
        {"{}", "/second/name"},
        {"{\"name\":\"adam\"}", "/second/password"},
        {"{\"name\":\"adam\",\"password\":\"\"}", "/second/password"},
        {"{\"name\":1,\"password\":\"x\"}", "/second/name"},
        {"{\"name\":\"adam\",\"password\":\"x\",\"role\":\"admin\"}", "/second/role"},
        {"{\"name\":\"erna\",\"password\":\"" RIG_PASSWORD "\"}", "/second/name"}, /* herself */
    };
    struct rig *rig = *state;
    manage(rig);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char body[512];
        (void)snprintf(body, sizeof body, "{\"reason\":\"r\",\"value\":" HIGH("6") ",\"second\":%s}",
                       rows[i].second);
        json_t *json = one_item(rig, 422, "PUT", SETTING, body);
        assert_string_equal(text_at(item_at(json, "errors", 0), "pointer"), rows[i].pointer);
        json_decref(json);
    }
    assert_int_equal(rig->revision, 3);
}

static void guessing_is_slowed_as_at_a_login(void **state) {
    struct rig *rig = *state;
    manage(rig);
    int status = 403;
    for (int i = 0; i < 10 && status == 403; i++) {
        char match[64];
        (void)snprintf(match, sizeof match, "If-Match: \"%lld\"\r\n", (long long)rig->revision);
        struct answer a = tls_client_ask(&rig->client, "PUT", SETTING, match, BY("adam", "wrong"));
        status = a.status;
        if (status == 429) {
            assert_non_null(answer_header(&a, "Retry-After"));
        }
        answer_done(&a);
    }
    assert_int_equal(status, 429);
    rig->client.cookie[0] = '\0';
    assert_int_equal(
        status_of(rig, "POST", "/api/session", "{\"user\":\"adam\",\"password\":\"" RIG_PASSWORD "\"}"), 429);
}

static void disabling_such_an_alarm_needs_one_too(void **state) {
    static const char list[] =
        "{\"items\":[{\"alarm\":\"S1/L_T1.high\",\"do\":\"disable\",\"reason\":\"r\"},"
        "{\"alarm\":\"S1/L_T1.high\",\"do\":\"ack\",\"call\":1,\"comment\":\"seen\"}]%s}";
    char body[512];
    struct rig *rig = *state;
    manage(rig);
    level(rig, 9);
    (void)snprintf(body, sizeof body, list, "");
    json_t *json = must(rig, 200, "POST", "/api/alarms/requests", body);
    assert_string_equal(text_at(item_at(json, "results", 0), "result"), "E_SECOND");
    assert_non_null(strstr(text_at(item_at(json, "results", 0), "text"), "S1/L_T1.high"));
    assert_string_equal(text_at(item_at(json, "results", 1), "result"), "OK");
    assert_names_it(json);
    json_decref(json);
    (void)snprintf(body, sizeof body, list, ",\"second\":{\"name\":\"adam\",\"password\":\"wrong\"}");
    json = must(rig, 200, "POST", "/api/alarms/requests", body);
    assert_string_equal(text_at(item_at(json, "results", 0), "result"), "E_SECOND");
    assert_non_null(strstr(text_at(item_at(json, "results", 0), "text"), "is wrong"));
    assert_null(json_object_get(json, "touched"));
    json_decref(json);
    assert_int_equal(rig->revision, 3);
    (void)snprintf(body, sizeof body, list, "," ADAM);
    json = must(rig, 200, "POST", "/api/alarms/requests", body);
    assert_string_equal(text_at(item_at(json, "results", 0), "result"), "OK");
    json_decref(json);
    assert_int_equal(rig->revision, 4);
    assert_string_equal(rig->changed_second, "adam");
}

#define MANY 103

/* A change of one item of the configuration may touch many alarms: programs get the names of some. */
static void many_alarms_are_counted_and_the_first_of_them_named(void **state) {
    struct rig *rig = *state;
    struct buf body;
    manage(rig);
    buf_init(&body, 1 << 16);
    buf_text(&body, "{\"reason\":\"r\"," ADAM ",\"put\":[");
    for (int i = 0; i < MANY - 1; i++) {
        buf_printf(&body,
                   "%s{\"kind\":\"alarm\",\"value\":{\"name\":\"S1/many-%03d\",\"kind\":\"high\","
                   "\"tag\":\"S1/L_T1\",\"limit\":9" HM "}}",
                   i == 0 ? "" : ",", i);
    }
    buf_text(&body, "]}");
    buf_byte(&body, '\0');
    json_decref(must(rig, 200, "POST", "/api/config", (const char *)body.p));
    buf_done(&body);
    json_t *json = must(rig, 403, "POST", "/api/config",
                        "{\"reason\":\"r\",\"put\":[{\"kind\":\"class\",\"value\":{\"name\":\"hm\"}}]}");
    const json_t *touched = json_object_get(json, "touched");
    assert_int_equal(number_at(touched, "n"), MANY);
    assert_int_equal(json_array_size(json_object_get(touched, "alarms")), 100);
    json_decref(json);
}

static void go_away(struct rig *rig, void *ctx) {
    rig->store_away = *(const bool *)ctx;
}

static void while_nobody_can_say_it_is_not_changed(void **state) {
    struct rig *rig = *state;
    bool away = true;
    manage(rig);
    json_decref(must(rig, 200, "GET", "/api/alarms", NULL)); /* the session is known now */
    rig_call(rig, go_away, &away);
    json_decref(one_item(rig, 503, "PUT", SETTING, PUT_BY("7")));
    away = false;
    rig_call(rig, go_away, &away);
    json_decref(one_item(rig, 200, "PUT", SETTING, PUT_BY("7")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(without_a_second_person_nothing_is_changed_and_the_alarms_are_named),
        WITH_RIG(with_one_it_is_changed_and_both_are_named),
        WITH_RIG(who_agrees_where_nobody_need_is_tried_and_named_all_the_same),
        WITH_RIG(who_does_not_prove_himself_is_refused_in_the_same_words),
        WITH_RIG(what_is_no_second_person_is_refused_with_its_place),
        WITH_RIG(guessing_is_slowed_as_at_a_login),
        WITH_RIG(disabling_such_an_alarm_needs_one_too),
        WITH_RIG(many_alarms_are_counted_and_the_first_of_them_named),
        WITH_RIG(while_nobody_can_say_it_is_not_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
