/* What the journal tells of the alarm system: its state at a moment, and how well it serves its operators. */
#include "server/api/query.h"
#include "server/api/rest.h"
#include "server/api/view.h"
#include "server/base/clock.h"
#include "server/base/tm.h"

#include <stdio.h>

/* --- as it was */

enum { STATES_DEFAULT = 1000 };

static void on_states(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    struct alarm_query query;
    int64_t at_us = 0;
    int64_t limit = STATES_DEFAULT;
    bool first = true;
    if (reply->status != OK || a->core == NULL) {
        http_failed(r, reply->status == OK ? ERR_UNAVAILABLE : reply->status, &reply->error);
        return;
    }
    if (!query_read(r, core_model(a->core), &query)) {
        return;
    }
    (void)http_param_time(r, "t", &at_us);
    (void)http_param_number(r, "limit", 1, STATE_LIMIT_MAX, &limit);
    buf_text(&r->out, "{\"at\":");
    view_time(&r->out, at_us);
    buf_text(&r->out, ",\"alarms\":[");
    for (uint32_t i = 0; i < reply->states.n; i++) {
        const struct state_row *row = &reply->states.v[i];
        if (!query_state_then(&query, &row->record)) {
            continue;
        }
        if (!first) {
            buf_byte(&r->out, ',');
        }
        view_state(&r->out, row);
        first = false;
    }
    if (reply->states.n > 0 && (int64_t)reply->states.n == limit) {
        buf_printf(&r->out, "],\"next\":%lld}",
                   (long long)reply->states.v[reply->states.n - 1].record.alarm_key);
    } else {
        buf_text(&r->out, "],\"next\":null}");
    }
    http_json(r, 200);
}

void rest_alarm_state_at(struct api *a, struct http_request *r) {
    const struct model *m = core_model(a->core);
    int64_t sites[SITE_LIST_MAX];
    int64_t limit = STATES_DEFAULT;
    struct alarm_query query;
    struct request q = {.kind = REQ_ALARM_STATE_AT, .actor = api_actor(r)};
    if (!http_param_time(r, "t", &q.state_at.at_us) || q.state_at.at_us <= 0) {
        http_problem(r, 400, "query", "t is the moment, as RFC 3339 time or microseconds");
        return;
    }
    if (!http_param_number(r, "limit", 1, STATE_LIMIT_MAX, &limit) ||
        !http_param_number(r, "after", 0, INT64_MAX, &q.state_at.after_key)) {
        http_problem(r, 400, "query", "limit is 1 to %d, after is what was given as next", STATE_LIMIT_MAX);
        return;
    }
    if (!query_read(r, m, &query)) {
        return;
    }
    q.state_at.filter = query_filter(&query, m, sites);
    q.state_at.retained = query.shown == SHOWN_DEFAULT;
    q.state_at.limit = (uint32_t)limit;
    api_ask_for(a, r, &q, on_states);
}

/* --- figures */

/* Thirty days: less says little of an alarm system. */
static const int64_t PERIOD_US = INT64_C(30) * 24 * TM_HOUR_US;

static void on_figures(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
        return;
    }
    /* The head was written when it was asked: the period's end may have been "now". */
    for (uint32_t i = 0; i < reply->figures.n; i++) {
        const struct figure_row *row = &reply->figures.v[i];
        buf_text(&r->out, i > 0 ? ",{\"name\":" : "{\"name\":");
        buf_json_string(&r->out, row->name);
        buf_text(&r->out, ",\"value\":");
        buf_json_number(&r->out, row->value);
        buf_text(&r->out, ",\"detail\":");
        if (row->text.n == 0) {
            buf_text(&r->out, "null");
        } else {
            buf_append(&r->out, row->text.p, row->text.n); /* JSON already */
        }
        view_string(&r->out, "definition", row->definition);
        buf_byte(&r->out, '}');
    }
    buf_text(&r->out, "]}");
    http_json(r, 200);
}

static void ask_figures(struct api *a, struct http_request *r, enum request_kind kind) {
    const struct model *m = core_model(a->core);
    struct alarm_query query;
    struct request q = {.kind = kind, .actor = api_actor(r)};
    q.kpi.to_us = clock_wall_us();
    if (!http_param_time(r, "to", &q.kpi.to_us)) {
        http_problem(r, 400, "query", "from and to are RFC 3339 times or microseconds");
        return;
    }
    q.kpi.from_us = q.kpi.to_us - PERIOD_US;
    if (!http_param_time(r, "from", &q.kpi.from_us) || q.kpi.from_us >= q.kpi.to_us) {
        http_problem(r, 400, "query", "from and to are RFC 3339 times or microseconds, from before to");
        return;
    }
    if (!query_read(r, m, &query)) {
        return;
    }
    struct slice position = {0};
    if (query.position != MODEL_NONE) {
        position = view_position(m, query.position);
        (void)snprintf(q.kpi.position, sizeof q.kpi.position, "%.*s", SLICE_ARG(position));
    }
    buf_text(&r->out, "{\"from\":");
    view_time(&r->out, q.kpi.from_us);
    buf_text(&r->out, ",\"to\":");
    view_time(&r->out, q.kpi.to_us);
    buf_text(&r->out, ",\"position\":");
    if (position.n == 0) {
        buf_text(&r->out, "null");
    } else {
        buf_json_string(&r->out, position);
    }
    buf_text(&r->out, ",\"figures\":[");
    api_ask_for(a, r, &q, on_figures);
}

void rest_alarm_kpi(struct api *a, struct http_request *r) {
    ask_figures(a, r, REQ_ALARM_KPI);
}

void rest_alarm_bad_actors(struct api *a, struct http_request *r) {
    ask_figures(a, r, REQ_ALARM_BAD_ACTORS);
}
