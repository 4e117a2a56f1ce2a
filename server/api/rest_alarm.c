/* One alarm with all that is known of it: how it is, why, how it is configured, what it did. */
#include "server/api/rest.h"
#include "server/api/view.h"
#include "server/core/rule_machine.h"

#include <stdlib.h>

enum { JOURNAL_MAX = 20, PARTS_MAX = 1024 };

/* MODEL_NONE: answered. */
static uint32_t find_alarm(struct api *a, struct http_request *r) {
    struct slice name;
    if (!http_param(r, "name", &name)) {
        http_problem(r, 400, "query", "say which one: name=SITE/NAME");
        return MODEL_NONE;
    }
    uint32_t alarm = model_find_alarm(core_model(a->core), name);
    if (alarm == MODEL_NONE) {
        http_problem(r, 404, "not_found", "there is no alarm \"%.*s\"", SLICE_ARG(name));
    }
    return alarm;
}

static void write_journal(struct buf *out, const struct reply *reply) {
    buf_text(out, ",\"journal\":");
    if (reply->status != OK) {
        buf_text(out, "null"); /* the database is away: the rest is of use all the same */
        return;
    }
    buf_byte(out, '[');
    for (uint32_t i = 0; i < reply->history.n; i++) {
        if (i > 0) {
            buf_byte(out, ',');
        }
        view_record(out, &reply->history.v[i].record, reply->history.v[i].alarm_name);
    }
    buf_byte(out, ']');
}

static void on_journal(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    if (a->core == NULL) {
        http_failed(r, ERR_UNAVAILABLE, NULL);
        return;
    }
    uint32_t alarm = find_alarm(a, r); /* anew: the model may be another one by now */
    if (alarm == MODEL_NONE) {
        return;
    }
    const struct model *m = core_model(a->core);
    const struct config_item *item = config_set_find(a->config, CONFIG_ALARM, m->alarm_texts[alarm].name);
    uint32_t tag = m->alarms[alarm].tag;
    view_alarm_open(&r->out, a->core, a->config, alarm);
    buf_text(&r->out, ",\"config\":");
    if (item == NULL) {
        buf_text(&r->out, "null");
    } else {
        view_item(&r->out, item->body, item->revision);
    }
    write_journal(&r->out, reply);
    buf_printf(&r->out, ",\"cost\":%u}", tag == MODEL_NONE ? 0 : core_tag_cost(a->core, tag));
    http_json(r, 200);
}

void rest_alarm(struct api *a, struct http_request *r) {
    uint32_t alarm = find_alarm(a, r);
    if (alarm == MODEL_NONE) {
        return;
    }
    struct request q = {.kind = REQ_ALARM_HISTORY, .actor = api_actor(r)};
    q.history.filter.alarm_key = core_model(a->core)->alarms[alarm].key;
    q.history.limit = JOURNAL_MAX;
    api_ask_for(a, r, &q, on_journal);
}

/* --- why */

static void write_value(struct buf *out, const struct rule_part *part) {
    if (!part->value.known) {
        buf_text(out, "null");
        return;
    }
    switch (part->type) {
    case RULE_BOOL:
        buf_text(out, part->value.v != 0 ? "true" : "false");
        return;
    case RULE_DURATION:
        buf_json_number(out, part->value.v / 1e6); /* people and programs count seconds */
        return;
    case RULE_NUMBER:
    case RULE_CLOCK:
    case RULE_STATE:
        buf_json_number(out, part->value.v);
        return;
    }
}

static void write_part(struct buf *out, struct slice source, const struct rule_part *part) {
    bool within = part->pos <= source.n && part->len <= source.n - part->pos;
    buf_printf(out, "{\"pos\":%u,\"len\":%u,\"depth\":%u", part->pos, part->len, part->depth);
    view_string(out, "text", within ? slice_of(source.p + part->pos, part->len) : (struct slice){0});
    view_string(out, "type", slice_str(rule_type_name(part->type)));
    buf_text(out, ",\"value\":");
    write_value(out, part);
    buf_printf(out, ",\"known\":%s,\"uncertain\":%s", part->value.known ? "true" : "false",
               part->value.uncertain ? "true" : "false");
    view_string(out, "unit", part->type == RULE_DURATION ? slice_str("s") : part->unit);
    buf_byte(out, '}');
}

/* The whole comes first: what it is now is what the alarm's delays are given. */
static const char *condition_of(const struct rule_part *parts, uint32_t n) {
    if (n == 0 || parts[0].type != RULE_BOOL || !parts[0].value.known) {
        return "null";
    }
    return parts[0].value.v != 0 ? "true" : "false";
}

void rest_alarm_why(struct api *a, struct http_request *r) {
    uint32_t alarm = find_alarm(a, r);
    if (alarm == MODEL_NONE) {
        return;
    }
    struct rule_part *parts = calloc(PARTS_MAX, sizeof *parts);
    if (parts == NULL) {
        http_failed(r, ERR_NOMEM, NULL);
        return;
    }
    struct slice source = {0};
    uint32_t n = a->host.explain(a->host.ctx, alarm, &source, parts, PARTS_MAX);
    n = n < PARTS_MAX ? n : PARTS_MAX;
    buf_text(&r->out, "{\"source\":");
    buf_json_string(&r->out, source);
    buf_text(&r->out, ",\"parts\":[");
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0) {
            buf_byte(&r->out, ',');
        }
        write_part(&r->out, source, &parts[i]);
    }
    buf_printf(&r->out, "],\"letter\":\"%c\",\"condition\":%s}", core_alarm(a->core, alarm).letter,
               condition_of(parts, n));
    free(parts);
    http_json(r, 200);
}
