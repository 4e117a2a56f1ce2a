/* /api/backtests and /api/backtest: what a change would have done. */
#include "server/api/json_in.h"
#include "server/api/rest.h"
#include "server/api/view.h"
#include "server/base/tm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ITEMS_MAX = 1000, LATER_MAX_S = 3600 };

/* The request's items, as the host wants them. */
struct asked {
    struct request q;
    struct config_change_item *items;
    char **bodies; /* what the items' bodies point to */
    uint32_t n;
};

static void asked_done(struct asked *asked) {
    for (uint32_t i = 0; i < asked->n; i++) {
        free(asked->bodies[i]);
    }
    free(asked->bodies);
    free(asked->items);
}

/* --- asking for one */

static int64_t read_time(struct json_in *in, const char *key) {
    const json_t *value = json_object_get(in->root, key);
    int64_t t_us = 0;
    char at[16];
    if (json_is_integer(value)) {
        return json_integer_value(value);
    }
    if (json_is_string(value) &&
        tm_parse(slice_of(json_string_value(value), json_string_length(value)), &t_us, NULL) == OK) {
        return t_us;
    }
    (void)snprintf(at, sizeof at, "/%s", key);
    json_in_fault(in, at, "must be a time: RFC 3339, or microseconds");
    return 0;
}

static void read_item(struct json_in *in, const json_t *item, uint32_t i, struct asked *asked) {
    static const char *const keys[] = {"kind", "name", "body", NULL};
    char at[64];
    enum config_kind known = CONFIG_SITE;
    const json_t *kind = json_object_get(item, "kind");
    const json_t *name = json_object_get(item, "name");
    const json_t *body = json_object_get(item, "body");
    (void)snprintf(at, sizeof at, "/items/%u", i);
    if (!json_is_object(item)) {
        json_in_fault(in, at, "an object with \"kind\", \"name\" and \"body\" is needed");
        return;
    }
    json_in_only(in, item, at, keys);
    if (!json_is_string(kind) || !config_kind_parse(slice_str(json_string_value(kind)), &known)) {
        (void)snprintf(at, sizeof at, "/items/%u/kind", i);
        json_in_fault(in, at, "must be a kind of item: \"site\", \"gateway\", \"tag\", \"alarm\", …");
        return;
    }
    if (!json_is_string(name) || json_string_length(name) > MODEL_NAME_MAX) {
        (void)snprintf(at, sizeof at, "/items/%u/name", i);
        json_in_fault(in, at, "must be the item's name");
        return;
    }
    if (!json_is_object(body) && !json_is_null(body)) {
        (void)snprintf(at, sizeof at, "/items/%u/body", i);
        json_in_fault(in, at, "must be the whole item, or null to try without it");
        return;
    }
    if (json_is_object(body)) {
        asked->bodies[i] = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
        if (asked->bodies[i] == NULL) {
            json_in_fault(in, at, "there is no memory for it");
        }
    }
    asked->items[i] = (struct config_change_item){.kind = json_string_value(kind),
                                                  .name = json_string_value(name),
                                                  .body = asked->bodies[i],
                                                  .expected_revision = -1};
}

static void read_items(struct json_in *in, struct asked *asked) {
    const json_t *list = json_object_get(in->root, "items");
    size_t n = json_array_size(list);
    if ((list != NULL && !json_is_array(list)) || n > ITEMS_MAX) {
        json_in_fault(in, "/items", "must be a list of at most %d", ITEMS_MAX);
        return;
    }
    asked->items = calloc(n + 1, sizeof *asked->items);
    asked->bodies = calloc(n + 1, sizeof *asked->bodies);
    if (asked->items == NULL || asked->bodies == NULL) {
        return;
    }
    asked->n = (uint32_t)n;
    for (uint32_t i = 0; i < asked->n; i++) {
        read_item(in, json_array_get(list, i), i, asked);
    }
    asked->q.backtest.v = asked->items;
    asked->q.backtest.n = asked->n;
    if (n == 0 && asked->q.backtest.suggest[0] == '\0' && in->n_faults == 0) {
        json_in_fault(in, "/items", "there is nothing to try: items, or an alarm to suggest settings for");
    }
}

static void read_rest(struct json_in *in, struct asked *asked) {
    const char *suggest = json_in_optional(in, "suggest", MODEL_NAME_MAX);
    const char *scope = json_in_optional(in, "scope", 16);
    const json_t *later = json_object_get(in->root, "later_max_s");
    (void)snprintf(asked->q.backtest.suggest, sizeof asked->q.backtest.suggest, "%s", suggest);
    asked->q.backtest.whole = slice_is(slice_str(scope), "all");
    if (scope[0] != '\0' && !asked->q.backtest.whole && !slice_is(slice_str(scope), "touched")) {
        json_in_fault(in, "/scope", "is \"touched\" or \"all\"");
    }
    double later_s = later == NULL ? 0 : json_number_value(later);
    if ((later != NULL && !json_is_number(later)) || later_s < 0 || later_s > LATER_MAX_S) {
        json_in_fault(in, "/later_max_s", "must be a number of seconds from 0 to %d", LATER_MAX_S);
    } else {
        asked->q.backtest.later_max_us = (int64_t)(later_s * 1e6);
    }
    asked->q.backtest.from_us = read_time(in, "from");
    asked->q.backtest.to_us = read_time(in, "to");
}

static void on_started(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status == ERR_INVALID && reply->config.n > 0 && reply->config.v != NULL) {
        http_faults(r, 422, "the configuration would not be right", reply->config.v, reply->config.n);
    } else if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
    } else {
        http_header(r, "Location: /api/backtest?id=%" PRIu64, reply->backtests.v[0].id);
        buf_printf(&r->out, "{\"id\":%" PRIu64 "}", reply->backtests.v[0].id);
        http_json(r, 202);
    }
}

void rest_backtest_start(struct api *a, struct http_request *r) {
    static const char *const keys[] = {"from", "to", "items", "suggest", "scope", "later_max_s", NULL};
    struct json_in in;
    if (json_in_parse(&in, buf_slice(&r->body)) != OK) {
        http_faults(r, 400, "the body is not as it should be", in.faults, in.n_faults);
        return;
    }
    struct asked asked = {.q = {.kind = REQ_BACKTEST, .actor = api_actor(r)}};
    asked.q.backtest.ask = BACKTEST_START;
    json_in_only(&in, in.root, "", keys);
    read_rest(&in, &asked);
    read_items(&in, &asked);
    if (in.n_faults > 0) {
        http_faults(r, 422, "the body is not as it should be", in.faults, in.n_faults);
    } else if (asked.items == NULL || asked.bodies == NULL) {
        http_failed(r, ERR_NOMEM, NULL);
    } else {
        api_ask_for(a, r, &asked.q, on_started);
    }
    asked_done(&asked);
    json_in_done(&in);
}

/* --- looking at them */

static void write_status(struct buf *out, const struct backtest_status *s) {
    buf_printf(out, "{\"id\":%" PRIu64 ",\"state\":\"%s\",\"progress\":", s->id,
               backtest_state_name(s->state));
    buf_json_number(out, s->progress);
    buf_text(out, ",\"created\":");
    view_time(out, s->created_us);
    buf_text(out, ",\"finished\":");
    view_time(out, s->finished_us);
    buf_text(out, ",\"from\":");
    view_time(out, s->from_us);
    buf_text(out, ",\"to\":");
    view_time(out, s->to_us);
    view_string(out, "by", slice_str(s->actor));
    buf_printf(out, ",\"items\":%u", s->n_items);
    view_name(out, "name", slice_str(s->name));
    view_name(out, "suggest", slice_str(s->suggest));
    buf_text(out, ",\"error\":");
    if (s->error[0] == '\0') {
        buf_text(out, "null");
    } else {
        buf_json_string(out, slice_str(s->error));
    }
}

static void on_list(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
        return;
    }
    buf_text(&r->out, "{\"backtests\":[");
    for (uint32_t i = 0; i < reply->backtests.n; i++) {
        if (i > 0) {
            buf_byte(&r->out, ',');
        }
        write_status(&r->out, &reply->backtests.v[i]);
        buf_byte(&r->out, '}');
    }
    buf_text(&r->out, "]}");
    http_json(r, 200);
}

void rest_backtests(struct api *a, struct http_request *r) {
    struct request q = {.kind = REQ_BACKTEST, .actor = api_actor(r)};
    q.backtest.ask = BACKTEST_LIST;
    api_ask_for(a, r, &q, on_list);
}

static void on_one(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
        return;
    }
    const struct backtest_status *s = &reply->backtests.v[0];
    write_status(&r->out, s);
    buf_text(&r->out, ",\"report\":");
    if (s->report.n > 0) {
        buf_append(&r->out, s->report.p, s->report.n);
    } else {
        buf_text(&r->out, "null");
    }
    buf_byte(&r->out, '}');
    http_json(r, 200);
}

static void ask_for_one(struct api *a, struct http_request *r, enum backtest_ask ask, api_then then) {
    int64_t id = 0;
    struct request q = {.kind = REQ_BACKTEST, .actor = api_actor(r)};
    if (!http_param_number(r, "id", 1, INT64_MAX, &id) || id == 0) {
        http_problem(r, 400, "query", "id is the number of a backtest; GET /api/backtests lists them");
        return;
    }
    q.backtest.ask = ask;
    q.backtest.id = (uint64_t)id;
    api_ask_for(a, r, &q, then);
}

void rest_backtest(struct api *a, struct http_request *r) {
    ask_for_one(a, r, BACKTEST_GET, on_one);
}

void rest_backtest_cancel(struct api *a, struct http_request *r) {
    ask_for_one(a, r, BACKTEST_CANCEL, api_then_done);
}
