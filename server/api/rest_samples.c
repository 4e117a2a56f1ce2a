#include "server/api/rest.h"
#include "server/api/span.h"
#include "server/base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void write_point(struct buf *out, const struct sample_point *p) {
    const double numbers[] = {p->first, p->min, p->max, p->last};
    buf_printf(out, "[%" PRId64 ",%" PRId64, p->first_us, p->last_us);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        buf_byte(out, ',');
        buf_json_number(out, numbers[i]);
    }
    buf_printf(out, ",%" PRId64 ",%" PRId64 ",%u]", p->count, p->bad, p->quality);
}

static void write_trend(struct buf *out, const struct tag_samples *t) {
    buf_printf(out, "\"raw\":%s,\"before\":", t->raw ? "true" : "false");
    if (t->has_before) {
        write_point(out, &t->before);
    } else {
        buf_text(out, "null");
    }
    buf_text(out, ",\"points\":[");
    for (uint32_t i = 0; i < t->n; i++) {
        if (i > 0) {
            buf_byte(out, ',');
        }
        write_point(out, &t->v[i]);
    }
    buf_byte(out, ']');
}

/* A question on its way: the names are kept, for the configuration may be another one by then. */
struct asked {
    struct http_request *r;
    bool one; /* by its own path: the answer is about one tag */
    struct span span;
    int64_t complete_us; /* as far as the gateways are known to have sent */
    struct buf names;    /* each with its quotes, NUL-terminated */
    bool stored[SAMPLES_TAGS_MAX];
};

static void write_answer(struct asked *q, const struct reply *reply) {
    int64_t asked_us = reply->samples.asked_us;
    struct buf *out = &q->r->out;
    const char *name = (const char *)q->names.p;
    CHECK(reply->samples.n == q->span.n_tags);
    buf_byte(out, '{');
    if (q->one) {
        buf_printf(out, "\"tag\":%s,", name);
    }
    buf_printf(out, "\"from\":%" PRId64 ",\"to\":%" PRId64 ",\"complete_until\":%" PRId64, q->span.from_us,
               q->span.to_us, q->complete_us < asked_us ? q->complete_us : asked_us);
    buf_text(out, q->one ? "," : ",\"tags\":[");
    for (uint32_t i = 0; i < reply->samples.n; i++) {
        if (!q->one) {
            buf_printf(out, "%s{\"tag\":%s,", i > 0 ? "," : "", name);
        }
        buf_text(out, q->stored[i] ? "\"stored\":true," : "\"stored\":false,");
        write_trend(out, &reply->samples.v[i]);
        buf_text(out, q->one ? "" : "}");
        name += strlen(name) + 1;
    }
    buf_text(out, q->one ? "}" : "]}");
}

static void on_samples(struct api *a, void *ctx, const struct reply *reply) {
    struct asked *q = ctx;
    struct http_request *r = q->r;
    (void)a;
    if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
    } else {
        write_answer(q, reply);
        http_json(r, 200);
    }
    buf_done(&q->names);
    free(q);
}

static void ask(struct api *a, struct asked *q, uint32_t points) {
    const struct model *m = core_model(a->core);
    struct request ask = {.kind = REQ_SAMPLES, .actor = api_actor(q->r)};
    for (uint32_t i = 0; i < q->span.n_tags; i++) {
        const struct model_tag *t = &m->tags[q->span.tags[i]];
        ask.samples.tags[ask.samples.n_tags++] = t->key;
        buf_json_string(&q->names, t->name);
        buf_byte(&q->names, 0);
        q->stored[i] = t->gateway != MODEL_NONE;
    }
    ask.samples.from_us = q->span.from_us;
    ask.samples.to_us = q->span.to_us;
    ask.samples.points = points;
    q->complete_us = span_all_complete_us(a, &q->span, INT64_MAX);
    if (q->names.failed || !api_ask_watched(a, q->r, &ask, on_samples, q)) {
        struct error err;
        (void)error_set(&err, ERR_FULL, "api", "too many requests wait for an answer; try again");
        http_failed(q->r, ERR_FULL, &err);
        buf_done(&q->names);
        free(q);
    }
}

static bool read_points(struct http_request *r, uint32_t n_tags, uint32_t *ret) {
    int64_t most =
        SAMPLES_ANSWER_MAX / n_tags < SAMPLES_POINTS_MAX ? SAMPLES_ANSWER_MAX / n_tags : SAMPLES_POINTS_MAX;
    int64_t points = 1000;
    if (!http_param_number(r, "points", 1, most, &points)) {
        http_problem(r, 400, "query", "points is 1 to %lld for %u tags", (long long)most, n_tags);
        return false;
    }
    *ret = (uint32_t)points;
    return true;
}

static struct asked *asked_new(struct http_request *r, bool one) {
    struct asked *q = calloc(1, sizeof *q);
    if (q == NULL) {
        http_failed(r, ERR_NOMEM, NULL);
        return NULL;
    }
    q->r = r;
    q->one = one;
    buf_init(&q->names, (size_t)SAMPLES_TAGS_MAX * (6 * MODEL_NAME_MAX + 3));
    return q;
}

static void ask_or_free(struct api *a, struct asked *q, bool read) {
    uint32_t points = 0;
    if (read && span_read_time(q->r, &q->span) && read_points(q->r, q->span.n_tags, &points)) {
        ask(a, q, points);
    } else {
        free(q); /* refused, with no name yet */
    }
}

void rest_samples(struct api *a, struct http_request *r) {
    char name[HTTP_PATH_SIZE];
    int n = snprintf(name, sizeof name, "%.*s/%.*s", SLICE_ARG(r->vars[0]), SLICE_ARG(r->vars[1]));
    uint32_t tag = model_find_tag(core_model(a->core), slice_of(name, n < 0 ? 0 : (size_t)n));
    if (tag == MODEL_NONE) {
        http_problem(r, 404, "not_found", "there is no tag \"%s\"", name);
        return;
    }
    struct asked *q = asked_new(r, true);
    if (q != NULL) {
        q->span.tags[q->span.n_tags++] = tag;
        ask_or_free(a, q, true);
    }
}

void rest_samples_many(struct api *a, struct http_request *r) {
    struct asked *q = asked_new(r, false);
    if (q != NULL) {
        ask_or_free(a, q, span_read_tags(a, r, SAMPLES_TAGS_MAX, &q->span));
    }
}
