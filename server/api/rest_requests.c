/* What people ask of alarms: lists of requests, each answered for itself, and the end of a sound. */
#include "server/api/change.h"
#include "server/api/request_list.h"
#include "server/api/rest.h"
#include "server/api/view.h"
#include "server/base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- answering */

static void write_result(struct api *a, struct buf *out, const struct request_list *q,
                         const struct request_item *item) {
    const struct model *m = core_model(a->core);
    struct alarm_answer v = item->answer;
    uint32_t alarm = model_find_alarm(m, slice_str(item->name)); /* the model may be another one by now */
    if (v.letter == '\0' && alarm != MODEL_NONE) {
        struct alarm_view now = core_alarm(a->core, alarm);
        v.letter = now.letter;
        v.call = now.call;
        v.acked_us = now.acked_us;
        memcpy(v.acked_by, now.acked_by, sizeof v.acked_by);
    }
    const char *text = item->result != NULL ? q->fault : alarm_reply_text(v.result);
    buf_text(out, "{\"alarm\":");
    buf_json_string(out, slice_str(item->name));
    view_string(out, "result", slice_str(item->result != NULL ? item->result : alarm_reply_name(v.result)));
    view_string(out, "text", slice_str(text));
    buf_printf(out, ",\"call\":%u,\"letter\":", v.call);
    if (v.letter == '\0') {
        buf_text(out, "null");
    } else {
        buf_printf(out, "\"%c\"", v.letter);
    }
    buf_text(out, ",\"acked_by\":");
    if (v.acked_us == 0) {
        buf_text(out, "null");
    } else {
        buf_json_string(out, slice_str(v.acked_by));
    }
    buf_text(out, ",\"acked_at\":");
    view_time(out, v.acked_us);
    buf_byte(out, '}');
}

/* Takes q. */
static void answer(struct api *a, struct request_list *q) {
    struct http_request *r = q->r;
    if (a->core == NULL) {
        http_failed(r, ERR_UNAVAILABLE, NULL);
        request_list_free(q);
        return;
    }
    buf_text(&r->out, "{\"results\":[");
    for (uint32_t i = 0; i < q->n; i++) {
        if (i > 0) {
            buf_byte(&r->out, ',');
        }
        write_result(a, &r->out, q, &q->v[i]);
    }
    buf_byte(&r->out, ']');
    if (q->touched.n > 0) {
        buf_printf(&r->out, ",\"touched\":%.*s", SLICE_ARG(q->touched));
    }
    buf_byte(&r->out, '}');
    http_json(r, 200);
    request_list_free(q);
}

/* --- disable and enable: what the configuration says */

static bool is_enabled(const json_t *body) {
    return !json_is_false(json_object_get(body, "enabled"));
}

/* One item of the change; what needs none is settled. */
static void change_setting(struct api *a, struct request_list *q, struct request_item *item) {
    bool enable = item->ask.kind == ALARM_ASK_ENABLE;
    const struct config_item *stored = config_set_find(a->config, CONFIG_ALARM, slice_str(item->name));
    if (stored == NULL) {
        request_settle(item, ALARM_E_UNKNOWN);
        return;
    }
    if (item->ask.comment[0] == '\0') {
        request_settle(item, ALARM_E_REASON);
        return;
    }
    json_t *body = json_loadb(stored->body.p, stored->body.n, 0, NULL);
    CHECK(json_is_object(body)); /* a set holds nothing else */
    if (is_enabled(body) == enable) {
        request_settle(item, ALARM_ALREADY);
    } else {
        (void)json_object_set_new(body, "enabled", json_boolean(enable));
        char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
        if (text == NULL) {
            change_fault(q->change, "", "out of memory");
        } else {
            (void)change_put(q->change, CONFIG_ALARM, slice_str(item->name), slice_str(text),
                             stored->revision);
        }
        free(text);
    }
    json_decref(body);
}

/* All reasons that were given, each once. */
static void join_reasons(const struct request_list *q, char to[REASON_SIZE]) {
    struct buf text;
    buf_init(&text, REASON_SIZE - 1);
    for (uint32_t i = 0; i < q->n; i++) {
        const char *reason = q->v[i].ask.comment;
        bool fresh = request_is_setting(q->v[i].ask.kind) && !q->v[i].settled && reason[0] != '\0';
        for (uint32_t j = 0; j < i && fresh; j++) {
            fresh = !request_is_setting(q->v[j].ask.kind) || q->v[j].settled ||
                    strcmp(q->v[j].ask.comment, reason) != 0;
        }
        if (fresh) {
            buf_printf(&text, "%s%s", text.n > 0 ? "; " : "", reason);
        }
    }
    (void)snprintf(to, REASON_SIZE, "%.*s", (int)text.n, text.n == 0 ? "" : (const char *)text.p);
    buf_done(&text);
}

static uint32_t count_open(const struct request_list *q, bool settings) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < q->n; i++) {
        n += !q->v[i].settled && request_is_setting(q->v[i].ask.kind) == settings ? 1 : 0;
    }
    return n;
}

/* False: answered, and q is gone. */
static bool prepare_change(struct api *a, struct request_list *q) {
    struct api_health health;
    char reason[REASON_SIZE];
    if (count_open(q, true) == 0) {
        return true;
    }
    a->host.health(a->host.ctx, &health);
    if (strcmp(health.store, "away") == 0) {
        struct error err;
        enum status status = health.store_full ? ERR_NO_SPACE : ERR_UNAVAILABLE;
        (void)error_set(&err, status, "database", "%s: the configuration cannot be changed. Nothing was done",
                        health.store_full ? "the database's disk is full" : "the database is away");
        http_failed(q->r, status, &err);
        request_list_free(q);
        return false;
    }
    join_reasons(q, reason);
    q->change = change_new(a, q->r, CHANGE_MANY, reason);
    if (q->change == NULL) {
        request_list_free(q); /* answered by change_new */
        return false;
    }
    change_second(q->change, &q->second);
    for (uint32_t i = 0; i < q->n; i++) {
        if (request_is_setting(q->v[i].ask.kind) && !q->v[i].settled) {
            change_setting(a, q, &q->v[i]);
        }
    }
    if (count_open(q, true) == 0) {
        change_free(&q->change);
    }
    return true;
}

static void on_changed(struct api *a, void *ctx, const struct reply *reply, struct slice touched) {
    struct request_list *q = ctx;
    a->changing = false;
    bool away =
        reply->status == ERR_UNAVAILABLE || reply->status == ERR_TIMEOUT || reply->status == ERR_NO_SPACE;
    const char *result = away ? "E_UNAVAILABLE" : "E_CONFIG";
    if (reply->status == OK || reply->status == ERR_DENIED) {
        result = reply->status == OK ? NULL : "E_SECOND";
    }
    q->touched = touched;
    bool has_faults = reply->status == ERR_INVALID && reply->config.n > 0 && reply->config.v != NULL;
    (void)snprintf(q->fault, sizeof q->fault, "%s",
                   has_faults ? reply->config.v[0].text
                              : (reply->error.text[0] != '\0' ? reply->error.text
                                                              : "the configuration could not be changed"));
    for (uint32_t i = 0; i < q->n; i++) {
        struct request_item *item = &q->v[i];
        if (request_is_setting(item->ask.kind) && !item->settled) {
            request_settle(item, ALARM_OK);
            item->result = result;
        }
    }
    answer(a, q);
}

/* The settings come after everything else of the list, as one revision. Takes q. */
static void change_settings(struct api *a, struct request_list *q) {
    if (q->change == NULL) {
        answer(a, q);
        return;
    }
    struct change *change = q->change;
    q->change = NULL;
    change_commit_then(&change, on_changed, q);
}

/* --- everything else: what the core says */

static void on_applied(struct api *a, void *ctx, const struct reply *reply) {
    struct request_list *q = ctx;
    uint32_t n = count_open(q, false);
    if (reply->status != OK || reply->alarms.n != n) {
        a->changing = a->changing && q->change == NULL;
        http_failed(q->r, reply->status == OK ? ERR_INTERNAL : reply->status, &reply->error);
        request_list_free(q);
        return;
    }
    for (uint32_t i = 0, at = 0; i < q->n; i++) {
        struct request_item *item = &q->v[i];
        if (!item->settled && !request_is_setting(item->ask.kind)) {
            item->answer = reply->alarms.v[at++];
            item->settled = true;
        }
    }
    change_settings(a, q);
}

/* Takes q. */
static void ask(struct api *a, struct request_list *q) {
    static const struct alarm_request none;
    struct alarm_request v[ALARM_LIST_MAX];
    struct request request = {.kind = REQ_ALARM, .actor = api_actor(q->r)};
    uint32_t n = 0;
    v[0] = none;
    for (uint32_t i = 0; i < q->n; i++) {
        if (!q->v[i].settled && !request_is_setting(q->v[i].ask.kind)) {
            v[n++] = q->v[i].ask;
        }
    }
    if (n == 0) {
        change_settings(a, q);
        return;
    }
    request.alarms.v = v;
    request.alarms.n = n;
    /* No other change of the configuration may come between what the core does now and what follows. */
    a->changing = a->changing || q->change != NULL;
    if (!api_ask(a, &request, on_applied, q)) {
        a->changing = a->changing && q->change == NULL;
        http_failed(q->r, ERR_FULL, NULL);
        request_list_free(q);
    }
}

static bool has_settings(const json_t *list) {
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach((json_t *)list, i, item) {
        const char *what = json_string_value(json_object_get(item, "do"));
        if (what != NULL && (strcmp(what, "disable") == 0 || strcmp(what, "enable") == 0)) {
            return true;
        }
    }
    return false;
}

void rest_alarm_requests(struct api *a, struct http_request *r) {
    struct request_list *q = request_list_read(a, r, REQUESTS_ANY);
    if (q == NULL) {
        return;
    }
    if (has_settings(json_object_get(q->in.root, "items")) && !change_may_start(a, r)) {
        request_list_free(q); /* this handler is called again when the change before it is done */
        return;
    }
    second_wipe_body(r);
    if (prepare_change(a, q)) {
        ask(a, q);
    }
}

void rest_alarm_ack(struct api *a, struct http_request *r) {
    struct request_list *q = request_list_read(a, r, REQUESTS_ACK);
    if (q != NULL) {
        ask(a, q);
    }
}

/* --- the sound */

void rest_alarm_silence(struct api *a, struct http_request *r) {
    static const char *const keys[] = {"position", NULL};
    struct json_in in = {.root = NULL};
    struct request q = {.kind = REQ_SILENCE, .actor = api_actor(r)};
    const char *name = "";
    q.silence.position = MODEL_NONE;
    if (r->body.n > 0) {
        if (json_in_parse(&in, buf_slice(&r->body)) != OK) {
            http_faults(r, 400, "the body is not as it should be", in.faults, in.n_faults);
            return;
        }
        json_in_only(&in, in.root, "", keys);
        q.silence.position = request_position(a, &in, &name);
        (void)snprintf(q.silence.name, sizeof q.silence.name, "%s", name);
    }
    if (in.n_faults > 0) {
        http_faults(r, 422, "nothing was silenced", in.faults, in.n_faults);
    } else {
        api_ask_for(a, r, &q, api_then_done);
    }
    json_in_done(&in);
}
