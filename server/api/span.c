#include "server/api/span.h"

#include "server/api/csv.h"
#include "server/base/clock.h"
#include "server/base/tm.h"

#include <string.h>

static bool read_time(struct http_request *r, const char *name, int64_t *ret_us) {
    if (http_param_time(r, name, ret_us)) {
        return true;
    }
    http_problem(r, 400, "query",
                 "%s is no time; right would be 2026-11-24T10:15:00Z, or microseconds since 1970", name);
    return false;
}

bool span_read_time(struct http_request *r, struct span *s) {
    s->to_us = clock_wall_us();
    if (!read_time(r, "to", &s->to_us)) {
        return false;
    }
    s->from_us = s->to_us < INT64_MIN + 8 * TM_HOUR_US ? INT64_MIN : s->to_us - 8 * TM_HOUR_US;
    if (!read_time(r, "from", &s->from_us)) {
        return false;
    }
    if (s->from_us >= s->to_us) {
        http_problem(r, 400, "query", "from must be before to");
        return false;
    }
    return true;
}

static bool has_tag(const struct span *s, uint32_t tag) {
    for (uint32_t i = 0; i < s->n_tags; i++) {
        if (s->tags[i] == tag) {
            return true;
        }
    }
    return false;
}

static bool add_tag(struct http_request *r, const struct model *m, struct slice name, uint32_t max,
                    struct span *s) {
    uint32_t tag = model_find_tag(m, name);
    if (tag == MODEL_NONE) {
        http_problem(r, 404, "not_found", "there is no tag \"%.*s\"", SLICE_ARG(name));
        return false;
    }
    if (has_tag(s, tag)) {
        return true;
    }
    if (s->n_tags == max) {
        http_problem(r, 400, "query", "tag: at most %u tags can be asked for at once", max);
        return false;
    }
    s->tags[s->n_tags++] = tag;
    return true;
}

static bool add_tags(struct http_request *r, const struct model *m, struct slice list, uint32_t max,
                     struct span *s) {
    size_t at = 0;
    while (at <= list.n) {
        const char *p = list.p + at;
        const char *end = at < list.n ? memchr(p, ',', list.n - at) : NULL;
        size_t n = end == NULL ? list.n - at : (size_t)(end - p);
        if (!add_tag(r, m, slice_of(p, n), max, s)) {
            return false;
        }
        at += n + 1;
    }
    return true;
}

bool span_read_tags(struct api *a, struct http_request *r, uint32_t max, struct span *s) {
    s->n_tags = 0;
    for (uint32_t i = 0; i < r->n_params; i++) {
        if (slice_is(r->params[i].name, "tag") &&
            !add_tags(r, core_model(a->core), r->params[i].value, max, s)) {
            return false;
        }
    }
    if (s->n_tags == 0) {
        http_problem(r, 400, "query", "tag is missing; right would be tag=S1/L_T1, once for each tag");
        return false;
    }
    return true;
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t span_complete_us(struct api *a, uint32_t tag, int64_t asked_us) {
    const struct model_tag *t = &core_model(a->core)->tags[tag];
    struct api_gateway g;
    if (t->gateway == MODEL_NONE) {
        return asked_us;
    }
    a->host.gateway(a->host.ctx, t->gateway, &g);
    return earlier(asked_us, g.complete_us);
}

int64_t span_all_complete_us(struct api *a, const struct span *s, int64_t asked_us) {
    int64_t all_us = asked_us;
    for (uint32_t i = 0; i < s->n_tags; i++) {
        all_us = earlier(all_us, span_complete_us(a, s->tags[i], asked_us));
    }
    return all_us;
}

void span_say_complete(struct http_request *r, int64_t complete_us) {
    struct buf time;
    buf_init(&time, TM_TEXT_SIZE + sizeof ".000000");
    csv_time(&time, complete_us);
    http_header(r, "X-Complete-Until: %.*s", (int)time.n, (const char *)time.p);
    buf_done(&time);
}
