/* What a review of the alarms would ask about: what the configuration says, held against what history says.
 * History comes in pages: when each alarm was raised last, then when each revision was written. */
#include "server/api/rest.h"
#include "server/api/view.h"
#include "server/base/clock.h"
#include "server/config/checks.h"

#include <stdlib.h>

enum { RAISED_PAGE = 10000, REVISIONS_PAGE = 50, REVISIONS_MAX = 10000 };

/* A fact of something by its number: of an alarm by its key, of a revision by its number. */
struct dated {
    int64_t number;
    int64_t at_us;
};

struct dates {
    struct dated *v; /* ascending by number */
    size_t n;
    size_t cap;
};

struct review {
    struct http_request *r;
    struct dates raised;
    struct dates revisions; /* descending while they come */
    bool has_history;
    bool first; /* of the findings */
};

static void review_free(struct review *v) {
    free(v->raised.v);
    free(v->revisions.v);
    free(v);
}

static bool add_date(struct dates *d, int64_t number, int64_t at_us) {
    if (d->n == d->cap) {
        size_t cap = d->cap == 0 ? 256 : d->cap * 2;
        struct dated *v = realloc(d->v, cap * sizeof *v);
        if (v == NULL) {
            return false;
        }
        d->v = v;
        d->cap = cap;
    }
    d->v[d->n++] = (struct dated){.number = number, .at_us = at_us};
    return true;
}

static int by_number(const void *a, const void *b) {
    int64_t x = ((const struct dated *)a)->number;
    int64_t y = ((const struct dated *)b)->number;
    return x < y ? -1 : (x > y ? 1 : 0);
}

/* INT64_MIN: there is none. */
static int64_t date_of(const struct dates *d, int64_t number) {
    struct dated key = {.number = number, .at_us = 0};
    const struct dated *found = d->n == 0 ? NULL : bsearch(&key, d->v, d->n, sizeof key, by_number);
    return found == NULL ? INT64_MIN : found->at_us;
}

static void on_finding(void *ctx, const struct config_finding *f) {
    struct review *v = ctx;
    struct buf *out = &v->r->out;
    buf_text(out, v->first ? "{\"code\":" : ",{\"code\":");
    v->first = false;
    buf_json_string(out, slice_str(f->code));
    view_name(out, "alarm", f->alarm);
    view_name(out, "other", f->other);
    view_string(out, "text", slice_str(f->text));
    buf_byte(out, '}');
}

static enum status check(struct api *a, struct review *v, int64_t now_us, struct error *err) {
    const struct model *m = core_model(a->core);
    int64_t *raised = calloc((size_t)m->n_alarms + 1, sizeof *raised);
    int64_t *changed = calloc((size_t)m->n_alarms + 1, sizeof *changed);
    enum status status = OK;
    if (raised == NULL || changed == NULL) {
        status = error_set(err, ERR_NOMEM, "checks", "out of memory");
    }
    for (uint32_t i = 0; i < m->n_alarms && status == OK; i++) {
        raised[i] = date_of(&v->raised, m->alarms[i].key);
        changed[i] = date_of(&v->revisions, m->alarms[i].revision);
    }
    struct config_history history = {.raised_us = raised, .changed_us = changed};
    if (status == OK) {
        status = config_checks(a->config, m, now_us, v->has_history ? &history : NULL, on_finding, v, err);
    }
    free(raised);
    free(changed);
    return status;
}

/* Takes v. */
static void finish(struct api *a, struct review *v) {
    struct http_request *r = v->r;
    struct error err = {0};
    int64_t now_us = clock_wall_us();
    enum status status = ERR_UNAVAILABLE;
    if (v->revisions.n > 0) {
        qsort(v->revisions.v, v->revisions.n, sizeof *v->revisions.v, by_number);
    }
    buf_text(&r->out, "{\"at\":");
    view_time(&r->out, now_us);
    buf_printf(&r->out, ",\"history\":%s,\"findings\":[", v->has_history ? "true" : "false");
    if (a->core != NULL) {
        status = check(a, v, now_us, &err);
    }
    review_free(v);
    buf_text(&r->out, "]}");
    if (status == OK) {
        http_json(r, 200);
    } else {
        http_failed(r, status, &err);
    }
}

/* Without history only what the configuration says can be judged. */
static void finish_without(struct api *a, struct review *v) {
    v->has_history = false;
    finish(a, v);
}

static void fail(struct review *v) {
    http_failed(v->r, ERR_NOMEM, NULL);
    review_free(v);
}

/* --- when the settings were written */

static int64_t oldest_setting(const struct model *m) {
    int64_t oldest = INT64_MAX;
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        oldest = m->alarms[i].revision < oldest ? m->alarms[i].revision : oldest;
    }
    return oldest;
}

static void ask_revisions(struct api *a, struct review *v, int64_t before);

static void on_revisions(struct api *a, void *ctx, const struct reply *reply) {
    struct review *v = ctx;
    if (reply->status != OK || a->core == NULL) {
        finish_without(a, v);
        return;
    }
    int64_t last = 0;
    for (uint32_t i = 0; i < reply->revisions.n; i++) {
        last = reply->revisions.v[i].revision;
        if (!add_date(&v->revisions, last, reply->revisions.v[i].at_us)) {
            fail(v);
            return;
        }
    }
    bool more = reply->revisions.n == REVISIONS_PAGE && last > oldest_setting(core_model(a->core)) &&
                v->revisions.n < REVISIONS_MAX;
    if (more) {
        ask_revisions(a, v, last);
    } else {
        finish(a, v);
    }
}

static void ask_revisions(struct api *a, struct review *v, int64_t before) {
    struct request q = {.kind = REQ_CONFIG_HISTORY, .actor = api_actor(v->r)};
    q.list.before = before;
    q.list.limit = REVISIONS_PAGE;
    if (!api_ask(a, &q, on_revisions, v)) {
        finish_without(a, v);
    }
}

/* --- when the alarms were raised */

static void ask_raised(struct api *a, struct review *v, int64_t after_key);

static void on_raised(struct api *a, void *ctx, const struct reply *reply) {
    struct review *v = ctx;
    if (reply->status != OK || a->core == NULL) {
        finish_without(a, v);
        return;
    }
    int64_t last = 0;
    for (uint32_t i = 0; i < reply->raised.n; i++) {
        last = reply->raised.v[i].alarm_key;
        if (!add_date(&v->raised, last, reply->raised.v[i].at_us)) {
            fail(v);
            return;
        }
    }
    if (reply->raised.n == RAISED_PAGE) {
        ask_raised(a, v, last);
    } else {
        ask_revisions(a, v, 0);
    }
}

static void ask_raised(struct api *a, struct review *v, int64_t after_key) {
    struct request q = {.kind = REQ_ALARM_LAST_RAISED, .actor = api_actor(v->r)};
    q.last_raised.after_key = after_key;
    q.last_raised.limit = RAISED_PAGE;
    if (!api_ask(a, &q, on_raised, v)) {
        finish_without(a, v);
    }
}

void rest_alarm_checks(struct api *a, struct http_request *r) {
    struct review *v = calloc(1, sizeof *v);
    if (v == NULL) {
        http_failed(r, ERR_NOMEM, NULL);
        return;
    }
    v->r = r;
    v->has_history = true;
    v->first = true;
    ask_raised(a, v, 0);
}
