/* Records that could not be used: listed, shown with what they say, taken away as a file, replayed. */
#include "server/api/rest.h"
#include "server/api/view.h"

#include <inttypes.h>
#include <stdio.h>

enum { LIMIT_DEFAULT = 100, BYTES_A_LINE = 32 };

static void write_replay(struct buf *out, const struct quarantine_row *row) {
    if (row->outcome.n == 0) {
        buf_text(out, ",\"replay\":null");
        return;
    }
    buf_text(out, ",\"replay\":{\"at\":");
    view_time(out, row->replayed_us);
    view_string(out, "actor", row->actor);
    view_string(out, "outcome", row->outcome);
    view_string(out, "detail", row->detail);
    buf_printf(out, ",\"samples\":%" PRId64 "}", row->samples);
}

/* Without its last brace. */
static void write_row(struct buf *out, const struct quarantine_row *row) {
    buf_printf(out, "{\"id\":%" PRId64 ",\"received\":", row->id);
    view_time(out, row->received_us);
    view_string(out, "gateway", row->gateway);
    buf_printf(out, ",\"epoch\":\"%016" PRIx64 "\",\"seq\":%" PRId64 ",\"dict\":%" PRIu64, row->epoch,
               row->seq, row->dict);
    view_string(out, "type", slice_str(row->type_name));
    buf_printf(out, ",\"type_number\":%u,\"flags\":%u,\"code\":%u", row->type, row->flags, row->code);
    view_string(out, "code_name", slice_str(row->code_name));
    view_string(out, "reason", row->reason);
    buf_printf(out, ",\"size\":%" PRId64, row->size);
    write_replay(out, row);
}

/* --- the list */

static void on_list(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
        return;
    }
    int64_t limit = LIMIT_DEFAULT;
    (void)http_param_number(r, "limit", 1, HISTORY_LIMIT_MAX, &limit);
    buf_text(&r->out, "{\"records\":[");
    for (uint32_t i = 0; i < reply->quarantine.n; i++) {
        if (i > 0) {
            buf_byte(&r->out, ',');
        }
        write_row(&r->out, &reply->quarantine.v[i]);
        buf_byte(&r->out, '}');
    }
    if (reply->quarantine.n > 0 && (int64_t)reply->quarantine.n == limit) {
        buf_printf(&r->out, "],\"next\":%" PRId64 "}", reply->quarantine.v[reply->quarantine.n - 1].id);
    } else {
        buf_text(&r->out, "],\"next\":null}");
    }
    http_json(r, 200);
}

void rest_quarantine(struct api *a, struct http_request *r) {
    struct request q = {.kind = REQ_QUARANTINE_LIST, .actor = api_actor(r)};
    struct slice gateway = {0};
    int64_t code = 0;
    int64_t limit = LIMIT_DEFAULT;
    if (!http_param_number(r, "before", 0, INT64_MAX, &q.quarantine_list.before) ||
        !http_param_number(r, "code", 0, UINT16_MAX, &code) ||
        !http_param_number(r, "limit", 1, HISTORY_LIMIT_MAX, &limit)) {
        http_problem(r, 400, "query",
                     "before is an id, code a number of protocol/README.md, limit is 1 to %d",
                     HISTORY_LIMIT_MAX);
        return;
    }
    if (http_param(r, "gateway", &gateway) &&
        (gateway.n >= sizeof q.quarantine_list.gateway ||
         model_find_gateway(core_model(a->core), gateway) == MODEL_NONE)) {
        http_problem(r, 400, "query", "there is no gateway of this name");
        return;
    }
    (void)snprintf(q.quarantine_list.gateway, sizeof q.quarantine_list.gateway, "%.*s", SLICE_ARG(gateway));
    q.quarantine_list.code = (uint32_t)code;
    q.quarantine_list.limit = (uint32_t)limit;
    api_ask_for(a, r, &q, on_list);
}

/* --- one */

static void write_hex(struct buf *out, const uint8_t *p, size_t n, const char *between) {
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%s%02x", i > 0 && i % BYTES_A_LINE == 0 ? between : "", p[i]);
    }
}

static void on_one(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
        return;
    }
    write_row(&r->out, &reply->quarantine.v[0]);
    buf_text(&r->out, ",\"body\":\"");
    write_hex(&r->out, (const uint8_t *)reply->quarantine.body.p, reply->quarantine.body.n, "");
    buf_byte(&r->out, '"');
    view_string(&r->out, "says", reply->quarantine.says);
    buf_printf(&r->out, ",\"usable\":%s", reply->quarantine.usable ? "true" : "false");
    view_string(&r->out, "fault", reply->quarantine.fault);
    buf_byte(&r->out, '}');
    http_json(r, 200);
}

/* False: answered. */
static bool read_id(struct http_request *r, int64_t *ret) {
    int64_t id = http_parse_length(r->vars[0]);
    if (id <= 0) {
        http_problem(r, 404, "not_found", "a record in quarantine is named by its number");
        return false;
    }
    *ret = id;
    return true;
}

static void ask_one(struct api *a, struct http_request *r, enum request_kind kind, api_then then) {
    struct request q = {.kind = kind, .actor = api_actor(r)};
    if (read_id(r, &q.quarantine.id)) {
        api_ask_for(a, r, &q, then);
    }
}

void rest_quarantine_get(struct api *a, struct http_request *r) {
    ask_one(a, r, REQ_QUARANTINE_GET, on_one);
}

/* --- as a file: the frame as it was on the wire, in the form of protocol/vectors or as bytes */

static bool wants_bytes(const struct http_request *r, bool *ret) {
    struct slice format = slice_str("hex");
    (void)http_param(r, "format", &format);
    *ret = slice_is(format, "bin");
    return *ret || slice_is(format, "hex");
}

static void on_record(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
        return;
    }
    const struct quarantine_row *row = &reply->quarantine.v[0];
    bool bytes = false;
    (void)wants_bytes(r, &bytes); /* it was looked at when it was asked */
    struct slice frame = reply->quarantine.frame;
    if (bytes) {
        buf_append(&r->out, frame.p, frame.n);
        http_header(r, "Content-Disposition: attachment; filename=\"quarantine-%" PRId64 ".bin\"", row->id);
        http_content(r, 200, "application/octet-stream");
        return;
    }
    buf_printf(&r->out, "# quarantine %" PRId64 ": %s %016" PRIx64 "/%" PRId64 ", %s\n", row->id,
               row->type_name, row->epoch, row->seq, row->code_name);
    write_hex(&r->out, (const uint8_t *)frame.p, frame.n, "\n");
    buf_byte(&r->out, '\n');
    http_header(r, "Content-Disposition: attachment; filename=\"quarantine-%" PRId64 ".hex\"", row->id);
    http_content(r, 200, "text/plain; charset=utf-8");
}

void rest_quarantine_record(struct api *a, struct http_request *r) {
    bool bytes = false;
    if (!wants_bytes(r, &bytes)) {
        http_problem(r, 400, "query", "format is hex (the default) or bin");
        return;
    }
    ask_one(a, r, REQ_QUARANTINE_GET, on_record);
}

/* --- replay */

static void on_replayed(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
        return;
    }
    buf_printf(&r->out, "{\"outcome\":\"%s\",\"samples\":%" PRId64,
               reply->replayed.usable ? "done" : "refused", reply->replayed.samples);
    view_string(&r->out, "detail", reply->replayed.detail);
    buf_byte(&r->out, '}');
    http_json(r, 200);
}

void rest_quarantine_replay(struct api *a, struct http_request *r) {
    ask_one(a, r, REQ_QUARANTINE_REPLAY, on_replayed);
}
