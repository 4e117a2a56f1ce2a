/* Lists of alarms: as they are now, and what happened. */
#include "server/api/filter.h"
#include "server/api/rest.h"
#include "server/api/view.h"

#include <stdio.h>
#include <string.h>

void rest_alarms(struct api *a, struct http_request *r) {
    const struct model *m = core_model(a->core);
    struct alarm_filter filter;
    bool first = true;
    if (!filter_read(r, m, &filter)) {
        return;
    }
    buf_printf(&r->out, "{\"epoch\":\"%s\",\"n\":%llu,\"alarms\":[", a->epoch,
               (unsigned long long)core_journal_seq(a->core));
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        struct alarm_view v = core_alarm(a->core, i);
        if (!filter_place(&filter, m, i) || !filter_state(&filter, &v)) {
            continue;
        }
        if (!first) {
            buf_byte(&r->out, ',');
        }
        view_alarm(&r->out, a->core, a->config, i);
        first = false;
    }
    buf_text(&r->out, "]}");
    http_json(r, 200);
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
