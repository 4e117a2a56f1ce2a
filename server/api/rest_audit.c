#include "server/api/rest.h"
#include "server/api/view.h"

enum { LIMIT_DEFAULT = 200 };

static void on_rows(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
        return;
    }
    int64_t last = 0;
    int64_t limit = LIMIT_DEFAULT;
    buf_text(&r->out, "{\"rows\":[");
    for (uint32_t i = 0; i < reply->audit.n; i++) {
        const struct audit_row *row = &reply->audit.v[i];
        buf_printf(&r->out, "%s{\"id\":%lld,\"at\":", i > 0 ? "," : "", (long long)row->id);
        view_time(&r->out, row->at_us);
        view_string(&r->out, "actor", row->actor);
        view_string(&r->out, "peer", row->peer);
        view_string(&r->out, "action", row->action);
        view_string(&r->out, "object", row->object);
        view_string(&r->out, "detail", row->detail);
        buf_byte(&r->out, '}');
        last = row->id;
    }
    (void)http_param_number(r, "limit", 1, HISTORY_LIMIT_MAX, &limit);
    if ((int64_t)reply->audit.n == limit) {
        buf_printf(&r->out, "],\"next\":%lld}", (long long)last);
    } else {
        buf_text(&r->out, "],\"next\":null}");
    }
    http_json(r, 200);
}

void rest_audit(struct api *a, struct http_request *r) {
    int64_t before = 0;
    int64_t limit = LIMIT_DEFAULT;
    if (!http_param_number(r, "before", 0, INT64_MAX, &before) ||
        !http_param_number(r, "limit", 1, HISTORY_LIMIT_MAX, &limit)) {
        http_problem(r, 400, "query", "before is an id, limit is 1 to %d", HISTORY_LIMIT_MAX);
        return;
    }
    struct request q = {.kind = REQ_AUDIT_LIST, .actor = api_actor(r)};
    q.list.before = before;
    q.list.limit = (uint32_t)limit;
    api_ask_for(a, r, &q, on_rows);
}
