/* Every sample, however many: a piece is asked for when the one before is on its way to the peer, so that
 * neither side has more than a piece in memory. */
#include "server/api/csv.h"
#include "server/api/rest.h"
#include "server/api/span.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/log.h"

#include <stdio.h>
#include <stdlib.h>

struct tag_name {
    int64_t key;
    size_t at; /* its text in names */
};

struct export {
    struct api *api;
    struct http_request *r;
    bool csv;
    bool begun;      /* the head is on its way */
    bool asking;     /* an answer is owed to us */
    bool gone;       /* nobody takes what comes */
    bool any;        /* a sample was written */
    uint64_t stream; /* that is open; 0: none */
    uint32_t next;   /* first tag of the next group */
    uint32_t first;  /* … of the present one */
    int64_t from_us;
    int64_t to_us;
    int64_t complete_us; /* as far as the gateways are known to have sent when it was asked */
    uint32_t n_tags;
    struct tag_name tags[SPAN_TAGS_MAX]; /* as they were when it was asked: the configuration may change */
    struct buf names;                    /* as they are written: JSON or CSV, NUL-terminated */
};

/* --- rows */

static void write_csv(struct buf *out, const char *name, const struct raw_sample *s) {
    buf_text(out, name);
    buf_byte(out, ',');
    csv_time(out, s->t_us);
    buf_byte(out, ',');
    if (s->text.p != NULL) {
        csv_text(out, s->text);
    } else {
        csv_number(out, s->value);
    }
    buf_printf(out, ",%u\r\n", s->quality);
}

static void write_json(struct buf *out, const char *name, const struct raw_sample *s) {
    buf_text(out, "{\"tag\":");
    buf_text(out, name);
    buf_text(out, ",\"time\":\"");
    csv_time(out, s->t_us);
    buf_text(out, "\",\"value\":");
    if (s->text.p != NULL) {
        buf_json_string(out, s->text);
    } else {
        buf_json_number(out, s->value);
    }
    buf_printf(out, ",\"quality\":%u}", s->quality);
}

static const char *name_of(const struct export *x, int64_t key) {
    for (uint32_t i = x->first; i < x->next; i++) {
        if (x->tags[i].key == key) {
            return (const char *)x->names.p + x->tags[i].at;
        }
    }
    CHECK(false); /* only what was asked for is answered */
    return NULL;
}

static void write_rows(struct export *x, struct buf *out, const struct reply *reply) {
    const char *name = reply->raw.n > 0 ? name_of(x, reply->raw.tag_key) : NULL;
    for (uint32_t i = 0; i < reply->raw.n; i++) {
        if (x->csv) {
            write_csv(out, name, &reply->raw.v[i]);
            continue;
        }
        buf_text(out, x->any ? ",\n" : "[\n");
        x->any = true;
        write_json(out, name, &reply->raw.v[i]);
    }
}

/* --- one piece after the other */

static void on_piece(struct api *a, void *ctx, const struct reply *reply);

static void export_free(struct export *x) {
    buf_done(&x->names);
    free(x);
}

static void ignore(struct api *a, void *ctx, const struct reply *reply) {
    (void)a;
    (void)ctx;
    (void)reply;
}

/* Nobody is served any more. What the host has open is closed; what it could not be told it closes with
 * itself. */
static void abandon(struct export *x) {
    struct request q = {.kind = REQ_RAW_CLOSE, .samples = {.stream = x->stream}};
    if (x->stream != 0) {
        (void)api_ask(x->api, &q, ignore, NULL);
    }
    if (x->begun) {
        http_break(x->r);
    } else {
        http_failed(x->r, ERR_UNAVAILABLE, NULL);
    }
    export_free(x);
}

/* The next piece of the open stream, or the first one of the next tags. */
static void ask_next(struct export *x) {
    struct request q = {.kind = REQ_RAW_NEXT, .actor = api_actor(x->r)};
    q.samples.stream = x->stream;
    if (x->stream == 0) {
        q.kind = REQ_RAW_OPEN;
        q.samples.from_us = x->from_us;
        q.samples.to_us = x->to_us;
        x->first = x->next;
        while (x->next < x->n_tags && q.samples.n_tags < SAMPLES_TAGS_MAX) {
            q.samples.tags[q.samples.n_tags++] = x->tags[x->next++].key;
        }
    }
    x->asking = true;
    if (api_ask_watched(x->api, x->r, &q, on_piece, x)) {
        return;
    }
    x->asking = false;
    if (x->begun) {
        abandon(x);
        return;
    }
    struct error err;
    (void)error_set(&err, ERR_FULL, "api", "too many requests wait for an answer; try again");
    http_failed(x->r, ERR_FULL, &err);
    export_free(x);
}

static void on_room(void *ctx) {
    ask_next(ctx);
}

static void on_gone(void *ctx) {
    struct export *x = ctx;
    x->gone = true;
    if (x->asking) {
        api_forget(x->r); /* its end is the answer's */
    } else {
        abandon(x);
    }
}

static void begin(struct export *x) {
    const struct http_writer writer = {.ctx = x, .room = on_room, .gone = on_gone};
    span_say_complete(x->r, x->complete_us);
    http_begin(x->r, 200, x->csv ? CSV_TYPE : "application/json", &writer);
    x->begun = true;
}

static void fail(struct export *x, const struct reply *reply) {
    if (!x->begun) {
        http_failed(x->r, reply->status, &reply->error);
        export_free(x);
        return;
    }
    log_event(LOG_WARN, "export.broken", "text=%s", LOG_Q(slice_str(reply->error.text)));
    abandon(x);
}

static void send_piece(struct export *x, const struct reply *reply) {
    bool first = !x->begun;
    bool end = reply->raw.last && x->next == x->n_tags;
    if (reply->raw.n == 0 && !end) {
        ask_next(x);
        return;
    }
    if (first) {
        begin(x);
    }
    struct buf *out = http_piece(x->r);
    if (first && x->csv) {
        buf_text(out, "tag,time,value,quality\r\n");
    }
    write_rows(x, out, reply);
    if (!end) {
        http_send(x->r);
        return;
    }
    if (!x->csv) {
        buf_text(out, x->any ? "\n]\n" : "[]\n");
    }
    http_end(x->r);
    export_free(x);
}

static void on_piece(struct api *a, void *ctx, const struct reply *reply) {
    struct export *x = ctx;
    (void)a;
    x->asking = false;
    x->stream = reply->status == OK && !reply->raw.last ? reply->raw.stream : 0;
    if (x->gone || http_is_alone(x->r)) {
        abandon(x);
    } else if (reply->status != OK) {
        fail(x, reply);
    } else {
        send_piece(x, reply);
    }
}

/* --- asking */

static bool read_format(struct http_request *r, bool *ret_csv) {
    struct slice format = slice_str("csv");
    (void)http_param(r, "format", &format);
    *ret_csv = slice_is(format, "csv");
    if (*ret_csv || slice_is(format, "json")) {
        return true;
    }
    http_problem(r, 400, "query", "format must be csv or json");
    return false;
}

static void keep_tags(struct export *x, const struct span *s) {
    const struct model *m = core_model(x->api->core);
    for (uint32_t i = 0; i < s->n_tags; i++) {
        const struct model_tag *t = &m->tags[s->tags[i]];
        x->tags[i] = (struct tag_name){.key = t->key, .at = x->names.n};
        if (x->csv) {
            csv_text(&x->names, t->name);
        } else {
            buf_json_string(&x->names, t->name);
        }
        buf_byte(&x->names, 0);
    }
    x->n_tags = s->n_tags;
    x->from_us = s->from_us;
    x->to_us = s->to_us;
}

void rest_raw(struct api *a, struct http_request *r) {
    struct span s;
    bool csv = false;
    if (!span_read_tags(a, r, SPAN_TAGS_MAX, &s) || !span_read_time(r, &s) || !read_format(r, &csv)) {
        return;
    }
    if (r->method == HTTP_HEAD) {
        http_content(r, 200, csv ? CSV_TYPE : "application/json");
        return;
    }
    struct export *x = calloc(1, sizeof *x);
    if (x == NULL) {
        http_failed(r, ERR_NOMEM, NULL);
        return;
    }
    x->api = a;
    x->r = r;
    x->csv = csv;
    buf_init(&x->names, (size_t)SPAN_TAGS_MAX * (6 * MODEL_NAME_MAX + 4));
    keep_tags(x, &s);
    x->complete_us = span_all_complete_us(a, &s, clock_wall_us());
    if (x->names.failed) {
        http_failed(r, ERR_NOMEM, NULL);
        export_free(x);
        return;
    }
    ask_next(x);
}
