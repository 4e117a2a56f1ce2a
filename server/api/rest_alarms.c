/* Lists of alarms: as they are now, and what happened. */
#include "server/api/query.h"
#include "server/api/rest.h"
#include "server/api/view.h"

#include <stdio.h>
#include <string.h>

void rest_alarms(struct api *a, struct http_request *r) {
    const struct model *m = core_model(a->core);
    struct alarm_query query;
    bool first = true;
    if (!query_read(r, m, &query)) {
        return;
    }
    buf_printf(&r->out, "{\"epoch\":\"%s\",\"n\":%llu,\"alarms\":[", a->epoch,
               (unsigned long long)core_journal_seq(a->core));
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        struct alarm_view v = core_alarm(a->core, i);
        if (!query_place(&query, m, i) || !query_state(&query, &v)) {
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

static bool by_source(const struct http_request *r) {
    struct slice order;
    return http_param(r, "order", &order) && slice_is(order, "src");
}

static void on_history(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
        return;
    }
    const struct alarm_record *last = NULL;
    int64_t limit = LIMIT_DEFAULT;
    buf_text(&r->out, "{\"records\":[");
    for (uint32_t i = 0; i < reply->history.n; i++) {
        const struct history_row *row = &reply->history.v[i];
        if (i > 0) {
            buf_byte(&r->out, ',');
        }
        view_record(&r->out, &row->record, row->alarm_name);
        last = &row->record;
    }
    (void)http_param_number(r, "limit", 1, HISTORY_LIMIT_MAX, &limit);
    if (last == NULL || (int64_t)reply->history.n < limit) {
        buf_text(&r->out, "],\"next\":null,\"next_src\":null}");
    } else if (by_source(r)) {
        buf_printf(&r->out, "],\"next\":%llu,\"next_src\":%lld}", (unsigned long long)last->seq,
                   (long long)last->src_us);
    } else {
        buf_printf(&r->out, "],\"next\":%llu,\"next_src\":null}", (unsigned long long)last->seq);
    }
    http_json(r, 200);
}

/* "raise,rtn" as bits. */
static bool parse_kinds(struct slice text, uint32_t *ret) {
    uint32_t bits = 0;
    size_t at = 0;
    while (at <= text.n) {
        const char *comma = at == text.n ? NULL : memchr(text.p + at, ',', text.n - at);
        size_t n = comma == NULL ? text.n - at : (size_t)(comma - (text.p + at));
        unsigned kind = 0;
        while (kind < RECORD_KINDS &&
               !slice_is(slice_of(text.p + at, n), alarm_record_kind_name((enum alarm_record_kind)kind))) {
            kind++;
        }
        if (kind == RECORD_KINDS) {
            return false;
        }
        bits |= UINT32_C(1) << kind;
        at += n + 1;
    }
    *ret = bits;
    return true;
}
_Static_assert(RECORD_KINDS <= 32, "kinds of records fit in the bits of a filter");

/* False: answered. */
static bool read_order(struct http_request *r, struct request *q) {
    struct slice text;
    int64_t before = 0;
    if (http_param(r, "kind", &text) && !parse_kinds(text, &q->history.kinds)) {
        http_problem(r, 400, "query", "kind is a list of kinds of records, such as raise,rtn");
        return false;
    }
    if (http_param(r, "order", &text) && !slice_is(text, "src") && !slice_is(text, "seq")) {
        http_problem(r, 400, "query", "order is seq (as the room learnt it) or src (as it happened)");
        return false;
    }
    q->history.order = by_source(r) ? HISTORY_BY_SRC : HISTORY_BY_SEQ;
    bool has_src = http_param(r, "before_src", &text);
    if (!http_param_number(r, "before", 0, INT64_MAX, &before) ||
        !http_param_time(r, "before_src", &q->history.before_src_us) ||
        (has_src != (by_source(r) && before > 0))) {
        http_problem(r, 400, "query",
                     "before is the seq given as next; with order=src, before_src is next_src");
        return false;
    }
    q->history.before = (uint64_t)before;
    return true;
}

void rest_alarm_history(struct api *a, struct http_request *r) {
    const struct model *m = core_model(a->core);
    int64_t sites[SITE_LIST_MAX];
    struct alarm_query query;
    struct slice name;
    int64_t limit = LIMIT_DEFAULT;
    struct request q = {.kind = REQ_ALARM_HISTORY, .actor = api_actor(r)};
    if (!http_param_number(r, "limit", 1, HISTORY_LIMIT_MAX, &limit) ||
        !http_param_time(r, "from", &q.history.from_us) || !http_param_time(r, "to", &q.history.to_us)) {
        http_problem(r, 400, "query", "limit is 1 to %d, from and to are RFC 3339 times or microseconds",
                     HISTORY_LIMIT_MAX);
        return;
    }
    if (!read_order(r, &q) || !query_read(r, m, &query)) {
        return;
    }
    q.history.filter = query_filter(&query, m, sites);
    if (http_param(r, "alarm", &name)) {
        uint32_t alarm = model_find_alarm(m, name);
        if (alarm == MODEL_NONE) {
            http_problem(r, 404, "not_found", "there is no alarm \"%.*s\"", SLICE_ARG(name));
            return;
        }
        q.history.filter.alarm_key = m->alarms[alarm].key;
    }
    q.history.limit = (uint32_t)limit;
    api_ask_for(a, r, &q, on_history);
}
