#include "server/api/rest.h"
#include "server/base/clock.h"
#include "server/base/tm.h"

#include <inttypes.h>
#include <stdio.h>

static void write_point(struct buf *out, const struct sample_point *p) {
    const double numbers[] = {p->first, p->min, p->max, p->last};
    buf_printf(out, "[%" PRId64 ",%" PRId64, p->first_us, p->last_us);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        buf_byte(out, ',');
        buf_json_number(out, numbers[i]);
    }
    buf_printf(out, ",%" PRId64 ",%" PRId64 ",%u]", p->count, p->bad, p->quality);
}

struct span {
    int64_t from_us;
    int64_t to_us;
    int64_t points;
};

/* The last 8 hours by default. */
static bool read_span(const struct http_request *r, struct span *s) {
    s->to_us = clock_wall_us();
    if (!http_param_time(r, "to", &s->to_us)) {
        return false;
    }
    s->from_us = s->to_us - 8 * TM_HOUR_US;
    s->points = 1000;
    return http_param_time(r, "from", &s->from_us) &&
           http_param_number(r, "points", 1, SAMPLES_POINTS_MAX, &s->points) && s->from_us < s->to_us;
}

/* What the answer repeats of the question: kept in the request's own buffer while the host looks. */
static void on_samples(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
        return;
    }
    buf_printf(&r->out, ",\"raw\":%s,\"before\":", reply->samples.raw ? "true" : "false");
    if (reply->samples.has_before) {
        write_point(&r->out, &reply->samples.before);
    } else {
        buf_text(&r->out, "null");
    }
    buf_text(&r->out, ",\"points\":[");
    for (uint32_t i = 0; i < reply->samples.n; i++) {
        if (i > 0) {
            buf_byte(&r->out, ',');
        }
        write_point(&r->out, &reply->samples.v[i]);
    }
    buf_text(&r->out, "]}");
    http_json(r, 200);
}

void rest_samples(struct api *a, struct http_request *r) {
    char name[HTTP_PATH_SIZE];
    struct span span;
    int n = snprintf(name, sizeof name, "%.*s/%.*s", SLICE_ARG(r->vars[0]), SLICE_ARG(r->vars[1]));
    const struct model *m = core_model(a->core);
    uint32_t tag = model_find_tag(m, slice_of(name, n < 0 ? 0 : (size_t)n));
    if (tag == MODEL_NONE) {
        http_problem(r, 404, "not_found", "there is no tag \"%s\"", name);
        return;
    }
    if (!read_span(r, &span)) {
        http_problem(r, 400, "query",
                     "from and to are RFC 3339 times or microseconds, from before to; points is 1 to %d",
                     SAMPLES_POINTS_MAX);
        return;
    }
    buf_text(&r->out, "{\"tag\":");
    buf_json_string(&r->out, m->tags[tag].name);
    buf_printf(&r->out, ",\"from\":%" PRId64 ",\"to\":%" PRId64, span.from_us, span.to_us);
    struct request q = {.kind = REQ_SAMPLES, .actor = api_actor(r)};
    q.samples.tag_key = m->tags[tag].key;
    q.samples.from_us = span.from_us;
    q.samples.to_us = span.to_us;
    q.samples.points = (uint32_t)span.points;
    api_ask_for(a, r, &q, on_samples);
}
