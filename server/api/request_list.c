#include "server/api/request_list.h"

#include "server/api/change.h"
#include "server/api/route.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POINTER_SIZE = 96 };

void request_list_free(struct request_list *q) {
    change_free(&q->change);
    second_forget(&q->second);
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

bool request_is_setting(enum alarm_request_kind kind) {
    return kind == ALARM_ASK_DISABLE || kind == ALARM_ASK_ENABLE;
}

static bool is_suppression(enum alarm_request_kind kind) {
    return kind == ALARM_ASK_SUPPRESS || kind == ALARM_ASK_UNSUPPRESS;
}

void request_settle(struct request_item *item, enum alarm_reply result) {
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

static void read_name(struct api *a, struct json_in *in, const json_t *object, size_t i,
                      struct request_item *item) {
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

static void read_call(struct json_in *in, const json_t *object, size_t i, struct request_item *item) {
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

static void read_shelf(struct json_in *in, const json_t *object, size_t i, struct request_item *item) {
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
                        const struct user *user, struct request_item *item) {
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
           request_is_setting(kind);
}

static void read_comment(struct json_in *in, const json_t *object, size_t i, const char *comment,
                         struct request_item *item) {
    const char *own = item_text(in, object, i, "comment", ALARM_COMMENT_SIZE - 1);
    const char *reason = item_text(in, object, i, "reason", ALARM_COMMENT_SIZE - 1);
    const char *first = wants_reason(item->ask.kind) ? reason : own;
    const char *second = wants_reason(item->ask.kind) ? own : reason;
    const char *said = first[0] != '\0' ? first : second;
    item->ask.comment = said[0] != '\0' ? said : comment;
}

static void read_item(struct api *a, struct request_list *q, const json_t *object, size_t i, bool is_ack) {
    static const char *const keys[] = {"alarm",      "do",       "call",   "comment", "reason",
                                       "duration_s", "one_shot", "source", NULL};
    static const char *const ack_keys[] = {"alarm", "call", NULL};
    struct request_item *item = &q->v[i];
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
        request_settle(item, ALARM_E_FORBIDDEN);
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

uint32_t request_position(struct api *a, struct json_in *in, const char **ret_name) {
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

static void read_desk(struct api *a, struct request_list *q) {
    const char *name = NULL;
    (void)request_position(a, &q->in, &name);
    /* What does not fit is the tail of an address: the audit has it whole. */
    (void)snprintf(q->desk, sizeof q->desk, "%s%s%s", name, name[0] == '\0' ? "" : " ", q->r->peer);
}

/* Each setting once: which of two counts would be a guess. */
static void check_settings(struct request_list *q) {
    for (uint32_t i = 0; i < q->n; i++) {
        for (uint32_t j = 0; j < i && request_is_setting(q->v[i].ask.kind); j++) {
            if (request_is_setting(q->v[j].ask.kind) && strcmp(q->v[i].name, q->v[j].name) == 0) {
                item_fault(&q->in, i, "alarm", "is disabled or enabled in this list already");
                return;
            }
        }
    }
}

struct request_list *request_list_read(struct api *a, struct http_request *r, enum request_form form) {
    static const char *const keys[] = {"items", "comment", "position", "second", NULL};
    struct json_in in;
    if (json_in_parse(&in, buf_slice(&r->body)) != OK) {
        http_faults(r, 400, "the body is not as it should be", in.faults, in.n_faults);
        return NULL;
    }
    const json_t *list = json_object_get(in.root, "items");
    size_t n = json_is_array(list) ? json_array_size(list) : 0;
    struct request_list *q = calloc(1, sizeof *q + (n <= ALARM_LIST_MAX ? n : 0) * sizeof q->v[0]);
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
    second_read(&q->in, r, &q->second);
    if (n == 0 || n > ALARM_LIST_MAX) {
        json_in_fault(&q->in, "/items", "a list of 1 to %d is needed", ALARM_LIST_MAX);
    } else {
        q->n = (uint32_t)n;
    }
    for (uint32_t i = 0; i < q->n; i++) {
        read_item(a, q, json_array_get(list, i), i, form == REQUESTS_ACK);
    }
    if (q->in.n_faults == 0) {
        check_settings(q);
    }
    if (q->in.n_faults > 0) {
        http_faults(r, 422, "nothing was done", q->in.faults, q->in.n_faults);
        request_list_free(q);
        return NULL;
    }
    return q;
}
