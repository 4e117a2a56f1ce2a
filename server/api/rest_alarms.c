#include "server/api/json_in.h"
#include "server/api/rest.h"
#include "server/api/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- as they are now */

enum shown { SHOWN_DEFAULT, SHOWN_UNACKED, SHOWN_ACTIVE, SHOWN_ALL };

static bool read_shown(const struct http_request *r, enum shown *ret) {
    struct slice text;
    if (!http_param(r, "state", &text)) {
        *ret = SHOWN_DEFAULT;
        return true;
    }
    bool unacked = slice_is(text, "unacked");
    bool active = slice_is(text, "active");
    *ret = unacked ? SHOWN_UNACKED : (active ? SHOWN_ACTIVE : SHOWN_ALL);
    return unacked || active || slice_is(text, "all");
}

static bool is_shown(enum shown shown, char letter) {
    switch (shown) {
    case SHOWN_DEFAULT:
        return letter != ALARM_NORMAL && letter != ALARM_DISABLED;
    case SHOWN_UNACKED:
        return alarm_letter_unacked(letter);
    case SHOWN_ACTIVE:
        return alarm_letter_active(letter);
    case SHOWN_ALL:
        return true;
    }
    return true;
}

void rest_alarms(struct api *a, struct http_request *r) {
    const struct model *m = core_model(a->core);
    enum shown shown = SHOWN_DEFAULT;
    struct slice site = {0};
    bool has_site = http_param(r, "site", &site);
    bool first = true;
    if (!read_shown(r, &shown)) {
        http_problem(r, 400, "query", "state is unacked, active or all");
        return;
    }
    buf_printf(&r->out, "{\"epoch\":\"%s\",\"n\":%llu,\"alarms\":[", a->epoch,
               (unsigned long long)core_journal_seq(a->core));
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        if ((has_site && !slice_eq(m->sites[m->alarms[i].site].name, site)) ||
            !is_shown(shown, core_alarm(a->core, i).letter)) {
            continue;
        }
        if (!first) {
            buf_byte(&r->out, ',');
        }
        view_alarm(&r->out, a->core, i);
        first = false;
    }
    buf_text(&r->out, "]}");
    http_json(r, 200);
}

/* --- acknowledging */

/* What was asked, for the answer in the same order and words. */
struct ack {
    struct http_request *r;
    uint32_t n;
    char names[][MODEL_NAME_MAX + 1];
};

static void write_result(struct buf *out, const char *name, const struct ack_answer *v) {
    buf_text(out, "{\"alarm\":");
    buf_json_string(out, slice_str(name));
    buf_printf(out, ",\"result\":\"%s\",\"call\":%u,\"acked_by\":", alarm_reply_name(v->result), v->call);
    if (v->acked_by[0] == '\0') {
        buf_text(out, "null");
    } else {
        buf_json_string(out, slice_str(v->acked_by));
    }
    buf_text(out, ",\"acked_at\":");
    view_time(out, v->acked_us);
    buf_byte(out, '}');
}

static void on_acked(struct api *a, void *ctx, const struct reply *reply) {
    struct ack *ack = ctx;
    struct http_request *r = ack->r;
    (void)a;
    if (reply->status != OK || reply->ack.n != ack->n) {
        http_failed(r, reply->status == OK ? ERR_INTERNAL : reply->status, &reply->error);
        free(ack);
        return;
    }
    buf_text(&r->out, "{\"results\":[");
    for (uint32_t i = 0; i < ack->n; i++) {
        if (i > 0) {
            buf_byte(&r->out, ',');
        }
        write_result(&r->out, ack->names[i], &reply->ack.v[i]);
    }
    buf_text(&r->out, "]}");
    http_json(r, 200);
    free(ack);
}

static void read_item(struct json_in *in, const json_t *item, size_t i, char name[MODEL_NAME_MAX + 1],
                      uint32_t *ret_call) {
    static const char *const keys[] = {"alarm", "call", NULL};
    char at[64];
    const json_t *alarm = json_object_get(item, "alarm");
    const json_t *call = json_object_get(item, "call");
    (void)snprintf(at, sizeof at, "/items/%zu", i);
    if (!json_is_object(item)) {
        json_in_fault(in, at, "an object with \"alarm\" and \"call\" is needed");
        return;
    }
    json_in_only(in, item, at, keys);
    if (!json_is_string(alarm) || json_string_length(alarm) > MODEL_NAME_MAX) {
        (void)snprintf(at, sizeof at, "/items/%zu/alarm", i);
        json_in_fault(in, at, "must be an alarm's name");
        return;
    }
    if (!json_is_integer(call) || json_integer_value(call) < 0 || json_integer_value(call) > UINT32_MAX) {
        (void)snprintf(at, sizeof at, "/items/%zu/call", i);
        json_in_fault(in, at, "must be the call that was seen");
        return;
    }
    memcpy(name, json_string_value(alarm), json_string_length(alarm) + 1);
    *ret_call = (uint32_t)json_integer_value(call);
}

/* NULL: faults were noted, or memory is out (then without a fault). */
static struct ack *read_ack(struct api *a, struct http_request *r, struct json_in *in, struct request *q,
                            struct ack_item items[ACK_LIST_MAX]) {
    const json_t *list = json_object_get(in->root, "items");
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n == 0 || n > ACK_LIST_MAX) {
        json_in_fault(in, "/items", "a list of 1 to %d is needed", ACK_LIST_MAX);
        return NULL;
    }
    struct ack *ack = calloc(1, sizeof *ack + n * sizeof ack->names[0]);
    if (ack == NULL) {
        return NULL;
    }
    ack->r = r;
    ack->n = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        read_item(in, json_array_get(list, i), i, ack->names[i], &items[i].call);
        items[i].alarm = model_find_alarm(core_model(a->core), slice_str(ack->names[i]));
    }
    q->ack.v = items;
    q->ack.n = ack->n;
    return ack;
}

void rest_alarm_ack(struct api *a, struct http_request *r) {
    static const char *const keys[] = {"items", "comment", NULL};
    struct ack_item items[ACK_LIST_MAX] = {{0}};
    struct json_in in;
    if (json_in_parse(&in, buf_slice(&r->body)) != OK) {
        http_faults(r, 400, "the body is not as it should be", in.faults, in.n_faults);
        return;
    }
    struct request q = {.kind = REQ_ACK, .actor = api_actor(r)};
    json_in_only(&in, in.root, "", keys);
    const char *comment = json_in_optional(&in, "comment", ALARM_COMMENT_SIZE - 1);
    struct ack *ack = read_ack(a, r, &in, &q, items);
    if (in.n_faults > 0) {
        http_faults(r, 422, "nothing was acknowledged", in.faults, in.n_faults);
        free(ack);
    } else if (ack == NULL) {
        http_failed(r, ERR_NOMEM, NULL);
    } else {
        (void)snprintf(q.ack.comment, sizeof q.ack.comment, "%s", comment);
        if (!api_ask(a, &q, on_acked, ack)) {
            http_failed(r, ERR_FULL, NULL);
            free(ack);
        }
    }
    json_in_done(&in);
}

/* --- what happened */

enum { LIMIT_DEFAULT = 200 };

static void on_history(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
        return;
    }
    uint64_t last = 0;
    int64_t limit = LIMIT_DEFAULT;
    buf_text(&r->out, "{\"records\":[");
    for (uint32_t i = 0; i < reply->history.n; i++) {
        const struct history_row *row = &reply->history.v[i];
        if (i > 0) {
            buf_byte(&r->out, ',');
        }
        view_record(&r->out, &row->record, row->alarm_name);
        last = row->record.seq;
    }
    (void)http_param_number(r, "limit", 1, HISTORY_LIMIT_MAX, &limit);
    if ((int64_t)reply->history.n == limit) {
        buf_printf(&r->out, "],\"next\":%llu}", (unsigned long long)last);
    } else {
        buf_text(&r->out, "],\"next\":null}");
    }
    http_json(r, 200);
}

void rest_alarm_history(struct api *a, struct http_request *r) {
    const struct model *m = core_model(a->core);
    struct slice name;
    int64_t before = 0;
    int64_t limit = LIMIT_DEFAULT;
    struct request q = {.kind = REQ_ALARM_HISTORY, .actor = api_actor(r)};
    if (!http_param_number(r, "before", 0, INT64_MAX, &before) ||
        !http_param_number(r, "limit", 1, HISTORY_LIMIT_MAX, &limit) ||
        !http_param_time(r, "from", &q.history.from_us) || !http_param_time(r, "to", &q.history.to_us)) {
        http_problem(r, 400, "query",
                     "before is a seq, limit is 1 to %d, from and to are RFC 3339 times or microseconds",
                     HISTORY_LIMIT_MAX);
        return;
    }
    if (http_param(r, "site", &name)) {
        uint32_t site = model_find_site(m, name);
        if (site == MODEL_NONE) {
            http_problem(r, 404, "not_found", "there is no site \"%.*s\"", SLICE_ARG(name));
            return;
        }
        q.history.filter.site_key = m->sites[site].key;
    }
    if (http_param(r, "alarm", &name)) {
        uint32_t alarm = model_find_alarm(m, name);
        if (alarm == MODEL_NONE) {
            http_problem(r, 404, "not_found", "there is no alarm \"%.*s\"", SLICE_ARG(name));
            return;
        }
        q.history.filter.alarm_key = m->alarms[alarm].key;
    }
    q.history.before = (uint64_t)before;
    q.history.limit = (uint32_t)limit;
    api_ask_for(a, r, &q, on_history);
}
