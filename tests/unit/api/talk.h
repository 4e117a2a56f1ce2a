/* Talking JSON with the interface of a rig. Header only. */
#ifndef PENSTOCK_TESTS_API_TALK_H
#define PENSTOCK_TESTS_API_TALK_H

#include "tests/lib/unit.h"
#include "tests/unit/api/rig.h"

#include <jansson.h>

static inline int talk_set_up(void **state) {
    struct rig *rig = calloc(1, sizeof *rig);
    rig_start(rig, true);
    *state = rig;
    return 0;
}

static inline int talk_tear_down(void **state) {
    struct rig *rig = *state;
    rig_stop(rig);
    free(rig);
    return 0;
}

#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, talk_set_up, talk_tear_down)

/* The answer's status; *ret is its JSON, NULL without a body. */
static inline int ask(struct rig *rig, const char *method, const char *path, const char *body, json_t **ret) {
    struct answer a = tls_client_ask(&rig->client, method, path, "", body);
    *ret = a.status == 204 ? NULL : json_loads(a.body, JSON_REJECT_DUPLICATES, NULL);
    if (a.status != 204 && *ret == NULL) {
        print_error("no JSON: %d %s\n", a.status, a.body);
    }
    assert_true(a.status == 204 || *ret != NULL);
    int status = a.status;
    answer_done(&a);
    return status;
}

static inline int status_of(struct rig *rig, const char *method, const char *path, const char *body) {
    json_t *json = NULL;
    int status = ask(rig, method, path, body, &json);
    json_decref(json);
    return status;
}

/* The whole answer of a status that is expected. */
static inline json_t *must(struct rig *rig, int status, const char *method, const char *path,
                           const char *body) {
    json_t *json = NULL;
    int got = ask(rig, method, path, body, &json);
    if (got != status) {
        char *text = json_dumps(json, 0);
        print_error("%s %s %s: %d %s\n", method, path, body == NULL ? "" : body, got, text);
        free(text);
    }
    assert_int_equal(got, status);
    return json;
}

static inline void log_in(struct rig *rig, const char *user) {
    char body[256];
    rig->client.cookie[0] = '\0';
    (void)snprintf(body, sizeof body, "{\"user\":\"%s\",\"password\":\"" RIG_PASSWORD "\"}", user);
    assert_int_equal(status_of(rig, "POST", "/api/session", body), 200);
}

static inline const char *text_at(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "(none)" : text;
}

static inline json_int_t number_at(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

static inline const json_t *item_at(const json_t *object, const char *key, size_t i) {
    return json_array_get(json_object_get(object, key), i);
}

/* A sample of S1/L_T1 (its alarm: above 8, priority 1), over a link that is up. */
static inline void talk_sample(struct rig *rig, void *ctx) {
    uint32_t gateway = model_find_gateway(rig->model, slice_str("gw-s1"));
    uint32_t tag = model_find_tag(rig->model, slice_str("S1/L_T1"));
    struct sample v = {.tag = tag, .t_us = clock_wall_us(), .value = *(const double *)ctx};
    rig_apply(rig, &(struct event){.kind = EVENT_LINK, .link = {.gateway = gateway, .up = true}});
    rig_apply(rig, &(struct event){.kind = EVENT_SAMPLES,
                                   .samples = {.gateway = gateway, .lane = LANE_LIVE, .n = 1, .v = &v}});
}

static inline void level(struct rig *rig, double value) {
    rig_call(rig, talk_sample, &value);
}

#endif
