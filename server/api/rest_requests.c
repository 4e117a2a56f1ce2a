/* What people ask of alarms: lists of requests, each answered for itself, and the end of a sound. */
#include "server/api/change.h"
#include "server/api/json_in.h"
#include "server/api/rest.h"
#include "server/api/route.h"
#include "server/api/view.h"
#include "server/base/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAULT_SIZE = 480, POINTER_SIZE = 96 };

/* One request of the list: what was asked, and what became of it. */
struct item {
    struct alarm_request ask; /* texts are the document's */
    const char *name;
    bool settled; /* here: neither the core nor the configuration is asked */
    struct alarm_answer answer;
    const char *result; /* of what the core does not know; else NULL */
};

struct requests {
    struct http_request *r;
    struct json_in in;     /* keeps the texts of the items */
    struct change *change; /* of disable and enable; NULL if there are none */
    const char *comment;
    char desk[ALARM_DESK_SIZE];
    char fault[FAULT_SIZE]; /* why the configuration was not changed */
    uint32_t n;
    struct item v[];
};

static void requests_free(struct requests *q) {
    change_free(&q->change);
    json_in_done(&q->in);
    free(q);
}

/* --- who may */

static enum access access_of(enum alarm_request_kind kind) {
    switch (kind) {
    case ALARM_ASK_ACK:
    case ALARM_ASK_CONFIRM:
    case ALARM_ASK_RESET:
    case ALARM_ASK_SHELVE:
    case ALARM_ASK_UNSHELVE:
    case ALARM_ASK_COMMENT:
        return ACCESS_OPERATOR;
    case ALARM_ASK_SUPPRESS:
    case ALARM_ASK_UNSUPPRESS:
    case ALARM_ASK_OOS:
    case ALARM_ASK_IN_SERVICE:
    case ALARM_ASK_DISABLE:
    case ALARM_ASK_ENABLE:
    case ALARM_ASK_ZERO:
        return ACCESS_ENGINEER;
    }
    return ACCESS_UNSET;
}

static bool is_setting(enum alarm_request_kind kind) {
    return kind == ALARM_ASK_DISABLE || kind == ALARM_ASK_ENABLE;
}

static bool is_suppression(enum alarm_request_kind kind) {
    return kind == ALARM_ASK_SUPPRESS || kind == ALARM_ASK_UNSUPPRESS;
}

static void settle(struct item *item, enum alarm_reply result) {
    item->settled = true;
    item->answer = (struct alarm_answer){.alarm = item->ask.alarm, .result = result};
}

/* --- reading */

static void pointer_to(char to[POINTER_SIZE], size_t i, const char *key) {
    (void)snprintf(to, POINTER_SIZE, "/items/%zu%s%s", i, key[0] == '\0' ? "" : "/", key);
}

static void item_fault(struct json_in *in, size_t i, const char *key, const char *text) {
    char at[POINTER_SIZE];
    pointer_to(at, i, key);
    json_in_fault(in, at, "%s", text);
}

/* A text of the item; "" if it is not there. */
static const char *item_text(struct json_in *in, const json_t *item, size_t i, const char *key, size_t max) {
    const json_t *value = json_object_get(item, key);
    char at[POINTER_SIZE];
    if (value == NULL) {
        return "";
    }
    if (!json_is_string(value) || json_string_length(value) > max ||
        strlen(json_string_value(value)) != json_string_length(value)) {
        pointer_to(at, i, key);
        json_in_fault(in, at, "must be a text of at most %zu bytes, without NUL", max);
        return "";
    }
    return json_string_value(value);
}

static void read_name(struct api *a, struct json_in *in, const json_t *object, size_t i, struct item *item) {
    item->ask.alarm = MODEL_NONE;
    item->name = item_text(in, object, i, "alarm", MODEL_NAME_MAX);
    if (item->name[0] == '\0') {
        item_fault(in, i, "alarm", "must be an alarm's name");
        return;
    }
    item->ask.alarm = model_find_alarm(core_model(a->core), slice_str(item->name));
}

/* A field that means nothing here was meant for something else: to leave it out silently would be a guess. */
static bool belongs(struct json_in *in, const json_t *object, size_t i, const char *key, bool here,
                    const char *text) {
    if (!here && json_object_get(object, key) != NULL) {
        item_fault(in, i, key, text);
    }
    return here && json_object_get(object, key) != NULL;
}

static void read_call(struct json_in *in, const json_t *object, size_t i, struct item *item) {
    const json_t *call = json_object_get(object, "call");
    if (item->ask.kind != ALARM_ASK_ACK) {
        (void)belongs(in, object, i, "call", false, "goes with ack only");
        return;
    }
    if (!json_is_integer(call) || json_integer_value(call) < 0 || json_integer_value(call) > UINT32_MAX) {
        item_fault(in, i, "call", "must be the call that was seen");
        return;
    }
    item->ask.call = (uint32_t)json_integer_value(call);
}

static void read_shelf(struct json_in *in, const json_t *object, size_t i, struct item *item) {
    static const double longest_s = 10.0 * 366 * 86400; /* beyond it is not a time that somebody means */
    bool shelve = item->ask.kind == ALARM_ASK_SHELVE;
    const json_t *duration = json_object_get(object, "duration_s");
    const json_t *one_shot = json_object_get(object, "one_shot");
    if (belongs(in, object, i, "duration_s", shelve, "goes with shelve only")) {
        double seconds = json_number_value(duration);
        if (!json_is_number(duration) || fabs(seconds) > longest_s) {
            item_fault(in, i, "duration_s", "must be a number of seconds");
            return;
        }
        item->ask.duration_us = (int64_t)(seconds * 1e6);
    }
    if (belongs(in, object, i, "one_shot", shelve, "goes with shelve only")) {
        if (!json_is_boolean(one_shot)) {
            item_fault(in, i, "one_shot", "must be true or false");
        }
        item->ask.one_shot = json_is_true(one_shot);
    }
}

static bool is_group(const struct model *m, const char *name) {
    for (uint32_t i = 0; i < m->n_groups; i++) {
        if (slice_is(m->groups[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* Suppression by hand has a name of its own: what a rule or a group does ends with that rule or group. */
static void read_source(struct api *a, struct json_in *in, const json_t *object, size_t i,
                        const struct user *user, struct item *item) {
    bool here = is_suppression(item->ask.kind);
    item->ask.source = here ? user->name : "";
    if (!belongs(in, object, i, "source", here, "goes with suppress and unsuppress only")) {
        return;
    }
    item->ask.source = item_text(in, object, i, "source", ALARM_SOURCE_SIZE - 1);
    if (item->ask.source[0] == '\0') {
        item_fault(in, i, "source", "must name what suppresses it");
    } else if (strcmp(item->ask.source, ALARM_SOURCE_RULE) == 0 ||
               is_group(core_model(a->core), item->ask.source)) {
        item_fault(in, i, "source",
                   "is the name of a rule or group of the configuration; change that instead");
    }
}

static bool wants_reason(enum alarm_request_kind kind) {
    return kind == ALARM_ASK_SHELVE || kind == ALARM_ASK_SUPPRESS || kind == ALARM_ASK_OOS ||
           is_setting(kind);
}

static void read_comment(struct json_in *in, const json_t *object, size_t i, const char *comment,
                         struct item *item) {
    const char *own = item_text(in, object, i, "comment", ALARM_COMMENT_SIZE - 1);
    const char *reason = item_text(in, object, i, "reason", ALARM_COMMENT_SIZE - 1);
    const char *first = wants_reason(item->ask.kind) ? reason : own;
    const char *second = wants_reason(item->ask.kind) ? own : reason;
    const char *said = first[0] != '\0' ? first : second;
    item->ask.comment = said[0] != '\0' ? said : comment;
}

static void read_item(struct api *a, struct requests *q, const json_t *object, size_t i, bool is_ack) {
    static const char *const keys[] = {"alarm",      "do",       "call",   "comment", "reason",
                                       "duration_s", "one_shot", "source", NULL};
    static const char *const ack_keys[] = {"alarm", "call", NULL};
    struct item *item = &q->v[i];
    struct json_in *in = &q->in;
    char at[POINTER_SIZE];
    pointer_to(at, i, "");
    if (!json_is_object(object)) {
        json_in_fault(in, at, "an object with an \"alarm\" is needed");
        return;
    }
    json_in_only(in, object, at, is_ack ? ack_keys : keys);
    item->ask.kind = ALARM_ASK_ACK;
    const json_t *what = json_object_get(object, "do");
    struct slice text = slice_of(json_string_value(what), json_string_length(what));
    if (!is_ack && (!json_is_string(what) || !alarm_ask_parse(text, &item->ask.kind))) {
        item_fault(in, i, "do",
                   "must be ack, confirm, reset, shelve, unshelve, suppress, unsuppress, oos, in_service, "
                   "disable, enable, comment or zero");
        return;
    }
    read_name(a, in, object, i, item);
    read_call(in, object, i, item);
    read_shelf(in, object, i, item);
    read_source(a, in, object, i, &q->r->who.user, item);
    read_comment(in, object, i, q->comment, item);
    item->ask.desk = q->desk;
    if (!route_allows(access_of(item->ask.kind), q->r->who.user.role)) {
        settle(item, ALARM_E_FORBIDDEN);
    }
}

static uint32_t find_position(const struct model *m, const char *name) {
    for (uint32_t i = 0; i < m->n_positions; i++) {
        if (slice_is(m->positions[i], name)) {
            return i;
        }
    }
    return MODEL_NONE;
}

/* The position that is given in the body; MODEL_NONE if there is none. */
static uint32_t read_position(struct api *a, struct json_in *in, const char **ret_name) {
    const struct model *m = core_model(a->core);
    const char *name = json_in_optional(in, "position", MODEL_NAME_MAX);
    *ret_name = name == NULL ? "" : name;
    if (name == NULL || name[0] == '\0') {
        return MODEL_NONE;
    }
    uint32_t position = find_position(m, name);
    if (position == MODEL_NONE && !(m->n_positions == 0 && strcmp(name, "main") == 0)) {
        json_in_fault(in, "/position", "there is no operator position of this name");
    }
    return position == MODEL_NONE ? 0 : position;
}

static void read_desk(struct api *a, struct requests *q) {
    const char *name = NULL;
    (void)read_position(a, &q->in, &name);
    /* What does not fit is the tail of an address: the audit has it whole. */
    (void)snprintf(q->desk, sizeof q->desk, "%s%s%s", name, name[0] == '\0' ? "" : " ", q->r->peer);
}

/* Each setting once: which of two counts would be a guess. */
static void check_settings(struct requests *q) {
    for (uint32_t i = 0; i < q->n; i++) {
        for (uint32_t j = 0; j < i && is_setting(q->v[i].ask.kind); j++) {
            if (is_setting(q->v[j].ask.kind) && strcmp(q->v[i].name, q->v[j].name) == 0) {
                item_fault(&q->in, i, "alarm", "is disabled or enabled in this list already");
                return;
            }
        }
    }
}

/* NULL: answered. */
static struct requests *read_requests(struct api *a, struct http_request *r, bool is_ack) {
    static const char *const keys[] = {"items", "comment", "position", NULL};
    struct json_in in;
    if (json_in_parse(&in, buf_slice(&r->body)) != OK) {
        http_faults(r, 400, "the body is not as it should be", in.faults, in.n_faults);
        return NULL;
    }
    const json_t *list = json_object_get(in.root, "items");
    size_t n = json_is_array(list) ? json_array_size(list) : 0;
    struct requests *q = calloc(1, sizeof *q + (n <= ALARM_LIST_MAX ? n : 0) * sizeof q->v[0]);
    if (q == NULL) {
        json_in_done(&in);
        http_failed(r, ERR_NOMEM, NULL);
        return NULL;
    }
    q->r = r;
    q->in = in;
    json_in_only(&q->in, in.root, "", keys);
    const char *comment = json_in_optional(&q->in, "comment", ALARM_COMMENT_SIZE - 1);
    q->comment = comment == NULL ? "" : comment;
    read_desk(a, q);
    if (n == 0 || n > ALARM_LIST_MAX) {
        json_in_fault(&q->in, "/items", "a list of 1 to %d is needed", ALARM_LIST_MAX);
    } else {
        q->n = (uint32_t)n;
    }
    for (uint32_t i = 0; i < q->n; i++) {
        read_item(a, q, json_array_get(list, i), i, is_ack);
    }
    if (q->in.n_faults == 0) {
        check_settings(q);
    }
    if (q->in.n_faults > 0) {
        http_faults(r, 422, "nothing was done", q->in.faults, q->in.n_faults);
        requests_free(q);
        return NULL;
    }
    return q;
}

/* --- answering */

static void write_result(struct api *a, struct buf *out, const struct requests *q, const struct item *item) {
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
static void answer(struct api *a, struct requests *q) {
    struct http_request *r = q->r;
    if (a->core == NULL) {
        http_failed(r, ERR_UNAVAILABLE, NULL);
        requests_free(q);
        return;
    }
    buf_text(&r->out, "{\"results\":[");
    for (uint32_t i = 0; i < q->n; i++) {
        if (i > 0) {
            buf_byte(&r->out, ',');
        }
        write_result(a, &r->out, q, &q->v[i]);
    }
    buf_text(&r->out, "]}");
    http_json(r, 200);
    requests_free(q);
}

/* --- disable and enable: what the configuration says */

static bool is_enabled(const json_t *body) {
    return !json_is_false(json_object_get(body, "enabled"));
}

/* One item of the change; what needs none is settled. */
static void change_setting(struct api *a, struct requests *q, struct item *item) {
    bool enable = item->ask.kind == ALARM_ASK_ENABLE;
    const struct config_item *stored = config_set_find(a->config, CONFIG_ALARM, slice_str(item->name));
    if (stored == NULL) {
        settle(item, ALARM_E_UNKNOWN);
        return;
    }
    if (item->ask.comment[0] == '\0') {
        settle(item, ALARM_E_REASON);
        return;
    }
    json_t *body = json_loadb(stored->body.p, stored->body.n, 0, NULL);
    CHECK(json_is_object(body)); /* a set holds nothing else */
    if (is_enabled(body) == enable) {
        settle(item, ALARM_ALREADY);
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
static void join_reasons(const struct requests *q, char to[REASON_SIZE]) {
    struct buf text;
    buf_init(&text, REASON_SIZE - 1);
    for (uint32_t i = 0; i < q->n; i++) {
        const char *reason = q->v[i].ask.comment;
        bool fresh = is_setting(q->v[i].ask.kind) && !q->v[i].settled && reason[0] != '\0';
        for (uint32_t j = 0; j < i && fresh; j++) {
            fresh =
                !is_setting(q->v[j].ask.kind) || q->v[j].settled || strcmp(q->v[j].ask.comment, reason) != 0;
        }
        if (fresh) {
            buf_printf(&text, "%s%s", text.n > 0 ? "; " : "", reason);
        }
    }
    (void)snprintf(to, REASON_SIZE, "%.*s", (int)text.n, text.n == 0 ? "" : (const char *)text.p);
    buf_done(&text);
}

static uint32_t count_open(const struct requests *q, bool settings) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < q->n; i++) {
        n += !q->v[i].settled && is_setting(q->v[i].ask.kind) == settings ? 1 : 0;
    }
    return n;
}

/* False: answered, and q is gone. */
static bool prepare_change(struct api *a, struct requests *q) {
    struct api_health health;
    char reason[REASON_SIZE];
    if (count_open(q, true) == 0) {
        return true;
    }
    a->host.health(a->host.ctx, &health);
    if (strcmp(health.store, "away") == 0) {
        struct error err;
        (void)error_set(&err, ERR_UNAVAILABLE, "database",
                        "the database is away: the configuration cannot be changed. Nothing was done");
        http_failed(q->r, ERR_UNAVAILABLE, &err);
        requests_free(q);
        return false;
    }
    join_reasons(q, reason);
    q->change = change_new(a, q->r, CHANGE_MANY, reason);
    if (q->change == NULL) {
        requests_free(q); /* answered by change_new */
        return false;
    }
    for (uint32_t i = 0; i < q->n; i++) {
        if (is_setting(q->v[i].ask.kind) && !q->v[i].settled) {
            change_setting(a, q, &q->v[i]);
        }
    }
    if (count_open(q, true) == 0) {
        change_free(&q->change);
    }
    return true;
}

static void on_changed(struct api *a, void *ctx, const struct reply *reply) {
    struct requests *q = ctx;
    a->changing = false;
    bool away = reply->status == ERR_UNAVAILABLE || reply->status == ERR_TIMEOUT;
    bool has_faults = reply->status == ERR_INVALID && reply->config.n > 0 && reply->config.v != NULL;
    (void)snprintf(q->fault, sizeof q->fault, "%s",
                   has_faults ? reply->config.v[0].text
                              : (reply->error.text[0] != '\0' ? reply->error.text
                                                              : "the configuration could not be changed"));
    for (uint32_t i = 0; i < q->n; i++) {
        struct item *item = &q->v[i];
        if (is_setting(item->ask.kind) && !item->settled) {
            settle(item, ALARM_OK);
            item->result = reply->status == OK ? NULL : (away ? "E_UNAVAILABLE" : "E_CONFIG");
        }
    }
    answer(a, q);
}

/* The settings come after everything else of the list, as one revision. Takes q. */
static void change_settings(struct api *a, struct requests *q) {
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
    struct requests *q = ctx;
    uint32_t n = count_open(q, false);
    if (reply->status != OK || reply->alarms.n != n) {
        a->changing = a->changing && q->change == NULL;
        http_failed(q->r, reply->status == OK ? ERR_INTERNAL : reply->status, &reply->error);
        requests_free(q);
        return;
    }
    for (uint32_t i = 0, at = 0; i < q->n; i++) {
        struct item *item = &q->v[i];
        if (!item->settled && !is_setting(item->ask.kind)) {
            item->answer = reply->alarms.v[at++];
            item->settled = true;
        }
    }
    change_settings(a, q);
}

/* Takes q. */
static void ask(struct api *a, struct requests *q) {
    static const struct alarm_request none;
    struct alarm_request v[ALARM_LIST_MAX];
    struct request request = {.kind = REQ_ALARM, .actor = api_actor(q->r)};
    uint32_t n = 0;
    v[0] = none;
    for (uint32_t i = 0; i < q->n; i++) {
        if (!q->v[i].settled && !is_setting(q->v[i].ask.kind)) {
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
        requests_free(q);
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
    struct requests *q = read_requests(a, r, false);
    if (q == NULL) {
        return;
    }
    if (has_settings(json_object_get(q->in.root, "items")) && !change_may_start(a, r)) {
        requests_free(q); /* this handler is called again when the change before it is done */
        return;
    }
    if (prepare_change(a, q)) {
        ask(a, q);
    }
}

void rest_alarm_ack(struct api *a, struct http_request *r) {
    struct requests *q = read_requests(a, r, true);
    if (q != NULL) {
        ask(a, q);
    }
}

/* --- the sound */

static void on_silenced(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
        return;
    }
    http_no_content(r);
}

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
        q.silence.position = read_position(a, &in, &name);
        (void)snprintf(q.silence.name, sizeof q.silence.name, "%s", name);
    }
    if (in.n_faults > 0) {
        http_faults(r, 422, "nothing was silenced", in.faults, in.n_faults);
    } else {
        api_ask_for(a, r, &q, on_silenced);
    }
    json_in_done(&in);
}
