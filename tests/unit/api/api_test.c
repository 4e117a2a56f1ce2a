/* The whole interface over TLS with a host in memory.
 *
 * Covers: api.c, change.c, attempt.c, view.c, rest_session.c, rest_health.c, rest_lists.c, rest_items.c.
 *
 * Covers: rest_config.c, rest_samples.c, rest_alarms.c, rest_audit.c, web_head.c. */
#include "tests/lib/unit.h"
#include "tests/unit/api/rig.h"

#include <jansson.h>

static json_t *json_of(const struct answer *a) {
    json_t *root = json_loads(a->body, JSON_REJECT_DUPLICATES, NULL);
    if (root == NULL) {
        print_error("no JSON: %d %s\n", a->status, a->body);
    }
    assert_non_null(root);
    return root;
}

static int ask(struct rig *rig, const char *method, const char *path, const char *headers, const char *body,
               json_t **ret_json) {
    struct answer a = tls_client_ask(&rig->client, method, path, headers, body);
    *ret_json = a.status == 204 ? NULL : json_of(&a);
    int status = a.status;
    answer_done(&a);
    return status;
}

static int status_of(struct rig *rig, const char *method, const char *path, const char *headers,
                     const char *body) {
    struct answer a = tls_client_ask(&rig->client, method, path, headers, body);
    int status = a.status;
    answer_done(&a);
    return status;
}

static int log_in(struct rig *rig, const char *user, const char *password) {
    char body[256];
    rig->client.cookie[0] = '\0';
    (void)snprintf(body, sizeof body, "{\"user\":\"%s\",\"password\":\"%s\"}", user, password);
    return status_of(rig, "POST", "/api/session", "", body);
}

static const char *text_at(const json_t *root, const char *key) {
    return json_string_value(json_object_get(root, key));
}

static int set_up(void **state) {
    struct rig *rig = calloc(1, sizeof *rig);
    rig_start(rig, true);
    *state = rig;
    return 0;
}

static int tear_down(void **state) {
    struct rig *rig = *state;
    rig_stop(rig);
    free(rig);
    return 0;
}

static void sample(struct rig *rig, void *ctx) {
    double value = *(const double *)ctx;
    uint32_t gateway = model_find_gateway(rig->model, slice_str("gw-s1"));
    uint32_t tag = model_find_tag(rig->model, slice_str("S1/L_T1"));
    struct sample v = {.tag = tag, .t_us = clock_wall_us(), .value = value};
    rig_apply(rig, &(struct event){.kind = EVENT_LINK, .link = {.gateway = gateway, .up = true}});
    rig_apply(rig, &(struct event){.kind = EVENT_SAMPLES,
                                   .samples = {.gateway = gateway, .lane = LANE_LIVE, .n = 1, .v = &v}});
}

/* --- who is asking */

static void anybody_may_ask_for_health_and_nobody_for_more(void **state) {
    static const char *const closed[] = {
        "/api/session", "/api/sites",          "/api/gateways",  "/api/tags",  "/api/alarms",
        "/api/config",  "/api/alarms/history", "/api/revisions", "/api/audit", "/api/openapi.json"};
    struct rig *rig = *state;
    json_t *json = NULL;
    assert_int_equal(ask(rig, "GET", "/api/health", "", NULL, &json), 200);
    assert_string_equal(text_at(json, "status"), "ok");
    json_decref(json);
    for (size_t i = 0; i < COUNT(closed); i++) {
        assert_int_equal(ask(rig, "GET", closed[i], "", NULL, &json), 401);
        assert_string_equal(text_at(json, "code"), "no_session");
        json_decref(json);
    }
}

static void a_login_gives_a_session_that_says_who_and_how_long(void **state) {
    struct rig *rig = *state;
    json_t *json = NULL;
    struct answer a = tls_client_ask(&rig->client, "POST", "/api/session", "",
                                     "{\"user\":\"olaf\",\"password\":\"" RIG_PASSWORD "\"}");
    assert_int_equal(a.status, 200);
    const char *cookie = answer_header(&a, "Set-Cookie");
    assert_non_null(strstr(cookie, "__Host-penstock="));
    assert_non_null(strstr(cookie, "; Secure; HttpOnly; SameSite=Strict; Path=/"));
    answer_done(&a);
    assert_int_equal(ask(rig, "GET", "/api/session", "", NULL, &json), 200);
    assert_string_equal(text_at(json, "user"), "olaf");
    assert_string_equal(text_at(json, "role"), "operator");
    assert_non_null(text_at(json, "expires"));
    assert_true(json_is_false(json_object_get(json, "must_change_password")));
    json_decref(json);
}

static void every_answer_carries_the_security_headers(void **state) {
    struct rig *rig = *state;
    struct answer a = tls_client_ask(&rig->client, "GET", "/api/nothing", "", NULL);
    assert_int_equal(a.status, 404);
    assert_non_null(strstr(answer_header(&a, "Content-Security-Policy"), "default-src 'none'"));
    assert_string_equal(answer_header(&a, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(answer_header(&a, "Cache-Control"), "no-store");
    assert_string_equal(answer_header(&a, "Connection"), "close");
    assert_string_equal(answer_header(&a, "Content-Type"), "application/problem+json");
    assert_null(answer_header(&a, "Strict-Transport-Security"));
    answer_done(&a);
}

static void whatever_was_wrong_with_a_login_the_answer_is_the_same(void **state) {
    static const char *const bodies[] = {"{\"user\":\"olaf\",\"password\":\"not it at all\"}",
                                         "{\"user\":\"nobody\",\"password\":\"not it at all\"}",
                                         "{\"user\":\"gone\",\"password\":\"" RIG_PASSWORD "\"}",
                                         "{\"user\":\"newbie\",\"password\":\"aaaa-bbbb-cccc-dddd\"}"};
    struct rig *rig = *state;
    char first[512] = "";
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct answer a = tls_client_ask(&rig->client, "POST", "/api/session", "", bodies[i]);
        assert_int_equal(a.status, 401);
        assert_null(answer_header(&a, "Set-Cookie"));
        if (i == 0) {
            (void)snprintf(first, sizeof first, "%s", a.body);
        }
        assert_string_equal(a.body, first);
        answer_done(&a);
    }
    assert_string_equal(rig->audits[0], "login.failed");
    assert_int_equal(rig->n_audits, COUNT(bodies));
}

static void too_many_tries_are_slowed_and_say_for_how_long(void **state) {
    struct rig *rig = *state;
    struct answer a = {0};
    /* One more try is free after each few seconds, and on a slow machine these may have passed. */
    do {
        answer_done(&a);
        int status = 0;
        while (status != 429) {
            status = log_in(rig, "olaf", "not it at all");
        }
        a = tls_client_ask(&rig->client, "POST", "/api/session", "",
                           "{\"user\":\"olaf\",\"password\":\"" RIG_PASSWORD "\"}");
    } while (a.status == 200);
    assert_int_equal(a.status, 429);
    assert_true(strtol(answer_header(&a, "Retry-After"), NULL, 10) >= 1);
    answer_done(&a);
    assert_int_equal(log_in(rig, "vera", RIG_PASSWORD), 200); /* another account is not slowed */
}

static void a_one_time_code_only_lets_one_set_a_password(void **state) {
    struct rig *rig = *state;
    assert_int_equal(log_in(rig, "newbie", RIG_CODE), 200);
    assert_int_equal(status_of(rig, "GET", "/api/session", "", NULL), 200);
    assert_int_equal(status_of(rig, "GET", "/api/sites", "", NULL), 403);
    assert_int_equal(status_of(rig, "PUT", "/api/session/password", "", "{\"new\":\"too short\"}"), 422);
    assert_int_equal(
        status_of(rig, "PUT", "/api/session/password", "", "{\"new\":\"a long enough password\"}"), 204);
    assert_int_equal(status_of(rig, "GET", "/api/sites", "", NULL), 200);
    assert_int_equal(log_in(rig, "newbie", "a long enough password"), 200);
}

static void a_new_password_needs_the_old_one_and_ends_the_other_sessions(void **state) {
    struct rig *rig = *state;
    char other[256];
    assert_int_equal(log_in(rig, "olaf", RIG_PASSWORD), 200);
    memcpy(other, rig->client.cookie, sizeof other);
    assert_int_equal(log_in(rig, "olaf", RIG_PASSWORD), 200);
    assert_int_equal(
        status_of(rig, "PUT", "/api/session/password", "", "{\"new\":\"a long enough password\"}"), 422);
    assert_int_equal(status_of(rig, "PUT", "/api/session/password", "",
                               "{\"current\":\"wrong it is now\",\"new\":\"a long enough password\"}"),
                     422);
    assert_int_equal(status_of(rig, "PUT", "/api/session/password", "",
                               "{\"current\":\"" RIG_PASSWORD "\",\"new\":\"a long enough password\"}"),
                     204);
    assert_int_equal(status_of(rig, "GET", "/api/session", "", NULL), 200);
    memcpy(rig->client.cookie, other, sizeof other);
    assert_int_equal(status_of(rig, "GET", "/api/session", "", NULL), 401);
}

static void after_logout_the_cookie_is_worth_nothing(void **state) {
    struct rig *rig = *state;
    char cookie[256];
    assert_int_equal(log_in(rig, "olaf", RIG_PASSWORD), 200);
    memcpy(cookie, rig->client.cookie, sizeof cookie);
    assert_int_equal(status_of(rig, "DELETE", "/api/session", "", NULL), 204);
    assert_string_equal(rig->client.cookie, "__Host-penstock=");
    memcpy(rig->client.cookie, cookie, sizeof cookie);
    assert_int_equal(status_of(rig, "GET", "/api/session", "", NULL), 401);
}

static void a_made_up_cookie_never_becomes_a_session(void **state) {
    static const char *const values[] = {
        "x", "", "0000000000000000000000000000000000000000000000000000000000000000-fffffff0",
        "0000000000000000000000000000000000000000000000000000000000000000-1"};
    struct rig *rig = *state;
    for (size_t i = 0; i < COUNT(values); i++) {
        (void)snprintf(rig->client.cookie, sizeof rig->client.cookie, "__Host-penstock=%s", values[i]);
        assert_int_equal(status_of(rig, "GET", "/api/sites", "", NULL), 401);
    }
}

static void each_role_may_what_its_route_says(void **state) {
    static const struct {
        const char *user;
        int ack;
        int config;
        int audit;
    } rows[] = {
        {"vera", 403, 403, 403}, {"olaf", 422, 403, 403}, {"erna", 422, 422, 403}, {"adam", 422, 422, 200}};
    struct rig *rig = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(log_in(rig, rows[i].user, RIG_PASSWORD), 200);
        assert_int_equal(status_of(rig, "GET", "/api/sites", "", NULL), 200);
        assert_int_equal(status_of(rig, "POST", "/api/alarms/ack", "", "{}"), rows[i].ack);
        assert_int_equal(status_of(rig, "POST", "/api/config", "", "{}"), rows[i].config);
        assert_int_equal(status_of(rig, "GET", "/api/audit", "", NULL), rows[i].audit);
    }
}

static void lose_store(struct rig *rig, void *ctx) {
    (void)ctx;
    rig->store_away = true;
}

static void known_sessions_outlive_the_database_and_logins_do_not(void **state) {
    struct rig *rig = *state;
    json_t *json = NULL;
    assert_int_equal(log_in(rig, "olaf", RIG_PASSWORD), 200);
    rig_call(rig, lose_store, NULL);
    assert_int_equal(status_of(rig, "GET", "/api/alarms", "", NULL), 200);
    assert_int_equal(ask(rig, "POST", "/api/alarms/ack", "",
                         "{\"items\":[{\"alarm\":\"S1/L_T1.high\",\"call\":1}]}", &json),
                     503);
    assert_string_equal(text_at(json, "code"), "store_away");
    json_decref(json);
    assert_int_equal(log_in(rig, "vera", RIG_PASSWORD), 503);
}

/* --- requests */

static void a_change_of_state_must_be_meant(void **state) {
    struct rig *rig = *state;
    static const struct {
        const char *headers;
        int status;
    } rows[] = {{"Content-Type: application/json\r\n", 403},
                {"X-Penstock: 0\r\nContent-Type: application/json\r\n", 403},
                {"X-Penstock: 1\r\nContent-Type: text/plain\r\n", 415},
                {"X-Penstock: 1\r\n", 415},
                {"X-Penstock: 1\r\nContent-Type: application/json\r\nOrigin: https://evil.example\r\n", 403},
                {"X-Penstock: 1\r\nContent-Type: application/json\r\nSec-Fetch-Site: cross-site\r\n", 403},
                {"X-Penstock: 1\r\nContent-Type: application/json\r\nSec-Fetch-Site: same-origin\r\n", 422}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char bytes[512];
        (void)snprintf(bytes, sizeof bytes,
                       "POST /api/session HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%sContent-Length: 2\r\n\r\n{}",
                       rig->client.port, rows[i].headers);
        struct answer a = tls_client_raw(&rig->client, slice_str(bytes));
        assert_int_equal(a.status, rows[i].status);
        answer_done(&a);
    }
}

static void unknown_paths_are_404_and_wrong_methods_405(void **state) {
    struct rig *rig = *state;
    assert_int_equal(status_of(rig, "GET", "/api/nothing", "", NULL), 404);
    assert_int_equal(status_of(rig, "GET", "/api", "", NULL), 404);
    struct answer a = tls_client_ask(&rig->client, "DELETE", "/api/health", "", NULL);
    assert_int_equal(a.status, 405);
    assert_string_equal(answer_header(&a, "Allow"), "GET");
    answer_done(&a);
    assert_int_equal(status_of(rig, "GET", "/api/live", "", NULL), 426);
    assert_int_equal(status_of(rig, "POST", "/", "", "{}"), 405);
}

static void the_server_that_is_starting_says_so(void **state) {
    (void)state;
    struct rig *rig = calloc(1, sizeof *rig);
    json_t *json = NULL;
    rig_start(rig, false);
    assert_int_equal(ask(rig, "GET", "/api/health", "", NULL, &json), 503);
    assert_string_equal(text_at(json, "status"), "starting");
    json_decref(json);
    assert_int_equal(log_in(rig, "olaf", RIG_PASSWORD), 200);
    assert_int_equal(status_of(rig, "GET", "/api/sites", "", NULL), 503);
    rig_call(rig, rig_set_view, NULL);
    assert_int_equal(status_of(rig, "GET", "/api/sites", "", NULL), 200);
    rig_stop(rig);
    free(rig);
}

/* --- what is shown */

static void lists_show_what_is_configured_and_alive(void **state) {
    struct rig *rig = *state;
    json_t *json = NULL;
    double value = 3.25;
    rig_call(rig, sample, &value);
    assert_int_equal(log_in(rig, "vera", RIG_PASSWORD), 200);
    assert_int_equal(ask(rig, "GET", "/api/sites", "", NULL, &json), 200);
    const json_t *site = json_array_get(json_object_get(json, "sites"), 0);
    assert_string_equal(text_at(site, "name"), "S1");
    assert_string_equal(text_at(json_object_get(site, "title"), "zh"), "一");
    assert_int_equal(json_integer_value(json_object_get(site, "tags")), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(site, "gateways"), 0)), "gw-s1");
    json_decref(json);
    assert_int_equal(ask(rig, "GET", "/api/gateways", "", NULL, &json), 200);
    const json_t *gateway = json_array_get(json_object_get(json, "gateways"), 0);
    assert_string_equal(text_at(gateway, "peer"), "10.0.0.1");
    json_decref(json);
    assert_int_equal(ask(rig, "GET", "/api/tags?site=S1&q=l_t", "", NULL, &json), 200);
    assert_int_equal(json_array_size(json_object_get(json, "tags")), 1);
    const json_t *tag = json_array_get(json_object_get(json, "tags"), 0);
    assert_true(json_real_value(json_object_get(tag, "value")) == 3.25);
    assert_int_equal(json_integer_value(json_object_get(tag, "quality")), 0);
    assert_non_null(text_at(tag, "time"));
    assert_int_equal(json_integer_value(json_object_get(tag, "revision")), 1);
    json_decref(json);
}

static void tags_are_paged_by_name(void **state) {
    struct rig *rig = *state;
    json_t *json = NULL;
    assert_int_equal(log_in(rig, "vera", RIG_PASSWORD), 200);
    assert_int_equal(ask(rig, "GET", "/api/tags?limit=2", "", NULL, &json), 200);
    assert_string_equal(text_at(json_array_get(json_object_get(json, "tags"), 0), "name"), "S1/F_PU1");
    assert_string_equal(text_at(json, "next"), "S1/L_T1");
    json_decref(json);
    assert_int_equal(ask(rig, "GET", "/api/tags?limit=2&after=S1%2FL_T1", "", NULL, &json), 200);
    assert_int_equal(json_array_size(json_object_get(json, "tags")), 1);
    assert_string_equal(text_at(json_array_get(json_object_get(json, "tags"), 0), "name"), "S2/L_T2");
    assert_true(json_is_null(json_object_get(json, "next")));
    json_decref(json);
    assert_int_equal(status_of(rig, "GET", "/api/tags?limit=0", "", NULL), 400);
    assert_int_equal(status_of(rig, "GET", "/api/tags?limit=x", "", NULL), 400);
}

static void samples_are_asked_by_the_tags_key_and_told_in_microseconds(void **state) {
    struct rig *rig = *state;
    json_t *json = NULL;
    assert_int_equal(log_in(rig, "vera", RIG_PASSWORD), 200);
    assert_int_equal(ask(rig, "GET",
                         "/api/tags/S1/L_T1/samples?from=2026-01-01T00:00:00Z&to=1767225601000000&points=10",
                         "", NULL, &json),
                     200);
    assert_int_equal(rig->last_history.samples.tags[0], 5);
    assert_int_equal(rig->last_history.samples.points, 10);
    assert_int_equal(rig->last_history.samples.from_us, 1767225600000000);
    assert_int_equal(json_integer_value(json_object_get(json, "to")), 1767225601000000);
    const json_t *point = json_array_get(json_object_get(json, "points"), 0);
    assert_int_equal(json_array_size(point), 9);
    assert_int_equal(json_integer_value(json_array_get(point, 0)), 10);
    assert_int_equal(json_integer_value(json_array_get(point, 6)), 7);
    json_decref(json);
    assert_int_equal(status_of(rig, "GET", "/api/tags/S1/none/samples", "", NULL), 404);
    assert_int_equal(status_of(rig, "GET", "/api/tags/S1/L_T1/samples?from=2&to=1", "", NULL), 400);
    assert_int_equal(status_of(rig, "GET", "/api/tags/S1/L_T1/samples?points=10001", "", NULL), 400);
}

static void an_alarm_is_acknowledged_by_the_call_that_was_seen(void **state) {
    struct rig *rig = *state;
    json_t *json = NULL;
    double value = 9;
    rig_call(rig, sample, &value);
    assert_int_equal(log_in(rig, "olaf", RIG_PASSWORD), 200);
    assert_int_equal(ask(rig, "GET", "/api/alarms?state=unacked&site=S1", "", NULL, &json), 200);
    const json_t *alarm = json_array_get(json_object_get(json, "alarms"), 0);
    assert_string_equal(text_at(alarm, "name"), "S1/L_T1.high");
    assert_string_equal(text_at(alarm, "letter"), "B");
    assert_string_equal(text_at(alarm, "unit"), "m");
    assert_true(json_is_null(json_object_get(alarm, "acked_by")));
    json_decref(json);
    assert_int_equal(
        ask(rig, "POST", "/api/alarms/ack", "",
            "{\"items\":[{\"alarm\":\"S1/none\",\"call\":1},{\"alarm\":\"S1/L_T1.high\",\"call\":1},"
            "{\"alarm\":\"S1/L_T1.high\",\"call\":9}],\"comment\":\"seen\"}",
            &json),
        200);
    const json_t *results = json_object_get(json, "results");
    assert_string_equal(text_at(json_array_get(results, 0), "result"), "E_UNKNOWN");
    assert_string_equal(text_at(json_array_get(results, 0), "alarm"), "S1/none");
    assert_string_equal(text_at(json_array_get(results, 1), "result"), "OK");
    assert_string_equal(text_at(json_array_get(results, 1), "acked_by"), "olaf");
    assert_string_equal(text_at(json_array_get(results, 2), "result"), "E_CALL");
    json_decref(json);
    assert_int_equal(ask(rig, "GET", "/api/alarms?state=unacked", "", NULL, &json), 200);
    assert_int_equal(json_array_size(json_object_get(json, "alarms")), 0);
    json_decref(json);
    assert_int_equal(status_of(rig, "GET", "/api/alarms?state=none", "", NULL), 400);
}

static void bad_acknowledgements_say_where(void **state) {
    static const struct {
        const char *body;
        int status;
        const char *pointer;
    } rows[] = {{"{", 400, ""},
                {"[]", 400, ""},
                {"{\"items\":[],\"items\":[]}", 400, ""},
                {"{\"items\":[]}", 422, "/items"},
                {"{\"items\":[{\"alarm\":\"x\",\"call\":1}],\"colour\":1}", 422, "/colour"},
                {"{\"items\":[{\"alarm\":\"x\",\"call\":-1}]}", 422, "/items/0/call"},
                {"{\"items\":[{\"alarm\":1,\"call\":1}]}", 422, "/items/0/alarm"},
                {"{\"items\":[{\"alarm\":\"x\",\"call\":1,\"z\":1}]}", 422, "/items/0/z"}};
    struct rig *rig = *state;
    json_t *json = NULL;
    assert_int_equal(log_in(rig, "olaf", RIG_PASSWORD), 200);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(ask(rig, "POST", "/api/alarms/ack", "", rows[i].body, &json), rows[i].status);
        assert_string_equal(text_at(json_array_get(json_object_get(json, "errors"), 0), "pointer"),
                            rows[i].pointer);
        json_decref(json);
    }
}

static void history_and_audit_are_paged_by_the_host(void **state) {
    struct rig *rig = *state;
    json_t *json = NULL;
    assert_int_equal(log_in(rig, "adam", RIG_PASSWORD), 200);
    assert_int_equal(
        ask(rig, "GET", "/api/alarms/history?site=S1&alarm=S1%2FL_T1.high&before=7&limit=1", "", NULL, &json),
        200);
    assert_int_equal(rig->last_history.history.filter.site_key, 1);
    assert_int_equal(rig->last_history.history.before, 7);
    assert_int_equal(json_integer_value(json_object_get(json, "next")), 5);
    const json_t *record = json_array_get(json_object_get(json, "records"), 0);
    assert_string_equal(text_at(record, "alarm"), "S1/L_T1.high");
    assert_string_equal(text_at(record, "kind"), "raise");
    json_decref(json);
    assert_int_equal(ask(rig, "GET", "/api/audit", "", NULL, &json), 200);
    assert_string_equal(text_at(json_array_get(json_object_get(json, "rows"), 0), "actor"), "adam");
    assert_true(json_is_null(json_object_get(json, "next")));
    json_decref(json);
    assert_int_equal(ask(rig, "GET", "/api/revisions", "", NULL, &json), 200);
    const json_t *revision = json_array_get(json_object_get(json, "revisions"), 0);
    const json_t *item = json_array_get(json_object_get(revision, "items"), 0);
    assert_string_equal(text_at(json_object_get(item, "after"), "name"), "S1");
    assert_true(json_is_null(json_object_get(item, "before")));
    assert_null(json_object_get(item, "body"));
    json_decref(json);
    assert_int_equal(status_of(rig, "GET", "/api/alarms/history?site=none", "", NULL), 404);
}

/* --- configuration */

#define NEW_ALARM                                                                                            \
    "{\"reason\":\"try\",\"value\":{\"name\":\"S1/L_T1.low\",\"kind\":\"low\",\"tag\":\"S1/"                 \
    "L_T1\",\"limit\":1,"                                                                                    \
    "\"priority\":2}}"

static void an_item_is_made_changed_and_removed_by_revision(void **state) {
    struct rig *rig = *state;
    static const char path[] = "/api/alarm-settings/S1/L_T1.low";
    json_t *json = NULL;
    assert_int_equal(log_in(rig, "erna", RIG_PASSWORD), 200);
    assert_int_equal(status_of(rig, "PUT", path, "", NEW_ALARM), 428);
    assert_int_equal(status_of(rig, "PUT", path, "If-Match: \"1\"\r\n", NEW_ALARM), 404);
    assert_int_equal(ask(rig, "PUT", path, "If-None-Match: *\r\n", NEW_ALARM, &json), 201);
    assert_int_equal(json_integer_value(json_object_get(json, "revision")), 2);
    assert_int_equal(rig->last_expected, 0);
    json_decref(json);
    assert_int_equal(status_of(rig, "PUT", path, "If-None-Match: *\r\n", NEW_ALARM), 412);
    struct answer a = tls_client_ask(&rig->client, "GET", path, "", NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "ETag"), "\"2\"");
    assert_non_null(strstr(a.body, "\"revision\":2}"));
    answer_done(&a);
    assert_int_equal(status_of(rig, "PUT", path, "If-Match: \"1\"\r\n", NEW_ALARM), 412);
    assert_int_equal(status_of(rig, "PUT", path, "If-Match: \"2\"\r\n", NEW_ALARM), 200);
    assert_int_equal(rig->last_expected, 2); /* the database checks it again */
    assert_int_equal(status_of(rig, "DELETE", path, "If-Match: \"3\"\r\n", NULL), 422);
    assert_int_equal(
        status_of(rig, "DELETE", "/api/alarm-settings/S1/L_T1.low?reason=done", "If-Match: \"3\"\r\n", NULL),
        200);
    assert_int_equal(status_of(rig, "GET", path, "", NULL), 404);
}

static void what_would_not_be_right_is_refused_with_its_place(void **state) {
    static const struct {
        const char *path;
        const char *body;
        const char *pointer;
    } rows[] = {
        {"/api/alarm-settings/S1/x", "{\"reason\":\"r\",\"value\":{\"name\":\"S1/x\",\"kind\":\"high\"}}",
         "/value/"},
        {"/api/alarm-settings/S1/x",
         "{\"reason\":\"r\",\"value\":{\"name\":\"S1/x\",\"kind\":\"high\",\"tag\":\"S1/L_T1\",\"limit\":99,"
         "\"priority\":1}}",
         "/value/limit"},
        {"/api/alarm-settings/S1/x",
         "{\"reason\":\"r\",\"value\":{\"name\":\"S1/x\",\"kind\":\"high\",\"tag\":\"S1/none\",\"limit\":9,"
         "\"priority\":1}}",
         "/value/tag"},
        {"/api/sites/S9", "{\"reason\":\"r\",\"value\":{\"name\":\"S8\"}}", "/value/name"},
        {"/api/sites/S9", "{\"value\":{\"name\":\"S9\"}}", "/reason"},
        {"/api/sites/S9", "{\"reason\":\"r\"}", "/value"},
        {"/api/sites/S9", "{\"reason\":\"r\",\"value\":{\"name\":\"S9\",\"colour\":1}}", "/value/colour"}};
    struct rig *rig = *state;
    json_t *json = NULL;
    assert_int_equal(log_in(rig, "erna", RIG_PASSWORD), 200);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(ask(rig, "PUT", rows[i].path, "If-None-Match: *\r\n", rows[i].body, &json), 422);
        const char *pointer = text_at(json_array_get(json_object_get(json, "errors"), 0), "pointer");
        assert_non_null(pointer);
        assert_memory_equal(pointer, rows[i].pointer, strlen(rows[i].pointer));
        if (strcmp(rows[i].pointer, "/value/tag") == 0) {
            assert_string_equal(text_at(json_array_get(json_object_get(json, "errors"), 0), "code"), "E_TAG");
        }
        json_decref(json);
    }
    /* A site that still has gateways and tags. */
    assert_int_equal(status_of(rig, "DELETE", "/api/sites/S1?reason=r", "If-Match: \"1\"\r\n", NULL), 422);
    assert_int_equal(rig->revision, 1);
}

static void many_items_are_one_revision_or_none(void **state) {
    struct rig *rig = *state;
    json_t *json = NULL;
    assert_int_equal(log_in(rig, "erna", RIG_PASSWORD), 200);
    assert_int_equal(ask(rig, "POST", "/api/config", "",
                         "{\"reason\":\"r\",\"put\":[{\"kind\":\"site\",\"value\":{\"name\":\"S3\"}},"
                         "{\"kind\":\"gateway\",\"value\":{\"name\":\"gw-s3\",\"site\":\"S9\"}}]}",
                         &json),
                     422);
    const char *pointer = text_at(json_array_get(json_object_get(json, "errors"), 0), "pointer");
    assert_memory_equal(pointer, "/put/1/value", 12);
    json_decref(json);
    assert_int_equal(rig->revision, 1);
    assert_int_equal(ask(rig, "POST", "/api/config", "",
                         "{\"reason\":\"r\",\"put\":[{\"kind\":\"site\",\"value\":{\"name\":\"S3\"}},"
                         "{\"kind\":\"gateway\",\"value\":{\"name\":\"gw-s3\",\"site\":\"S3\"}}],"
                         "\"remove\":[{\"kind\":\"alarm\",\"name\":\"S1/L_T1.high\"}]}",
                         &json),
                     200);
    assert_int_equal(json_integer_value(json_object_get(json, "revision")), 2);
    json_decref(json);
    /* The gateway's comm alarm came with it. */
    assert_int_equal(status_of(rig, "GET", "/api/alarm-settings/S3/gw-s3.comm", "", NULL), 200);
    assert_int_equal(status_of(rig, "GET", "/api/alarm-settings/S1/L_T1.high", "", NULL), 404);
    assert_int_equal(ask(rig, "GET", "/api/config", "", NULL, &json), 200);
    assert_int_equal(json_array_size(json_object_get(json, "sites")), 4); /* with the server's own */
    assert_int_equal(json_integer_value(json_object_get(json, "revision")), 2);
    json_decref(json);
    assert_int_equal(status_of(rig, "POST", "/api/config", "",
                               "{\"reason\":\"r\",\"remove\":[{\"kind\":\"gateway\",\"name\":\"gw-s3\"},"
                               "{\"kind\":\"site\",\"name\":\"S3\"}]}"),
                     200);
    assert_int_equal(status_of(rig, "GET", "/api/alarm-settings/S3/gw-s3.comm", "", NULL), 404);
    assert_int_equal(status_of(rig, "POST", "/api/config", "", "{\"reason\":\"r\"}"), 422);
}

/* --- stopping */

static void hold(struct rig *rig, void *ctx) {
    (void)ctx;
    rig->hold = true;
}

static void *ask_in_vain(void *arg) {
    struct rig *rig = arg;
    struct answer a = tls_client_ask(&rig->client, "GET", "/api/audit", "", NULL);
    rig->status_in_vain = a.status;
    answer_done(&a);
    return NULL;
}

static void count_pending(struct rig *rig, void *ctx) {
    *(uint32_t *)ctx = rig->n_pending;
}

static void a_stop_ends_requests_that_nobody_has_answered(void **state) {
    (void)state;
    struct rig *rig = calloc(1, sizeof *rig);
    pthread_t thread;
    uint32_t pending = 0;
    rig_start(rig, true);
    assert_int_equal(log_in(rig, "adam", RIG_PASSWORD), 200);
    rig_call(rig, hold, NULL);
    assert_int_equal(pthread_create(&thread, NULL, ask_in_vain, rig), 0);
    while (pending == 0) {
        rig_call(rig, count_pending, &pending);
    }
    rig_stop(rig);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(rig->status_in_vain == 0 || rig->status_in_vain == 503);
    free(rig);
}

static void a_port_that_is_taken_is_told_at_start(void **state) {
    struct rig *rig = *state;
    struct error err;
    struct api *second = NULL;
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    struct api_config cfg = {.loop = &loop,
                             .address = "127.0.0.1",
                             .port = rig->client.port,
                             .cert_file = rig->cert,
                             .key_file = rig->key,
                             .web_dir = "/nonexistent",
                             .password_mib = 8};
    struct api_host host = {0};
    assert_int_equal(api_new(&cfg, &host, &second, &err), ERR_EXISTS);
    assert_non_null(strstr(err.text, "taken"));
    cfg.port = 0;
    cfg.key_file = rig->cert;
    assert_int_equal(api_new(&cfg, &host, &second, &err), ERR_INVALID);
    assert_string_equal(err.where, rig->cert);
    cfg.key_file = rig->key;
    cfg.address = "localhost";
    assert_int_equal(api_new(&cfg, &host, &second, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "127.0.0.1"));
    cfg.address = "127.0.0.1";
    cfg.origins = "http://x";
    assert_int_equal(api_new(&cfg, &host, &second, &err), ERR_INVALID);
    assert_null(second);
    assert_int_equal(uv_loop_close(&loop), 0);
}

#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(anybody_may_ask_for_health_and_nobody_for_more),
        WITH_RIG(a_login_gives_a_session_that_says_who_and_how_long),
        WITH_RIG(every_answer_carries_the_security_headers),
        WITH_RIG(whatever_was_wrong_with_a_login_the_answer_is_the_same),
        WITH_RIG(too_many_tries_are_slowed_and_say_for_how_long),
        WITH_RIG(a_one_time_code_only_lets_one_set_a_password),
        WITH_RIG(a_new_password_needs_the_old_one_and_ends_the_other_sessions),
        WITH_RIG(after_logout_the_cookie_is_worth_nothing),
        WITH_RIG(a_made_up_cookie_never_becomes_a_session),
        WITH_RIG(each_role_may_what_its_route_says),
        WITH_RIG(known_sessions_outlive_the_database_and_logins_do_not),
        WITH_RIG(a_change_of_state_must_be_meant),
        WITH_RIG(unknown_paths_are_404_and_wrong_methods_405),
        cmocka_unit_test(the_server_that_is_starting_says_so),
        WITH_RIG(lists_show_what_is_configured_and_alive),
        WITH_RIG(tags_are_paged_by_name),
        WITH_RIG(samples_are_asked_by_the_tags_key_and_told_in_microseconds),
        WITH_RIG(an_alarm_is_acknowledged_by_the_call_that_was_seen),
        WITH_RIG(bad_acknowledgements_say_where),
        WITH_RIG(history_and_audit_are_paged_by_the_host),
        WITH_RIG(an_item_is_made_changed_and_removed_by_revision),
        WITH_RIG(what_would_not_be_right_is_refused_with_its_place),
        WITH_RIG(many_items_are_one_revision_or_none),
        cmocka_unit_test(a_stop_ends_requests_that_nobody_has_answered),
        WITH_RIG(a_port_that_is_taken_is_told_at_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
