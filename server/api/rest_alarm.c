/* One alarm with all that is known of it: how it is, why, how it is configured, what it did. */
#include "server/api/rest.h"
#include "server/api/view.h"

enum { JOURNAL_MAX = 20 };

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
