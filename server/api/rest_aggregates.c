/* What tags did in intervals: averages by time, extremes, counts, states, counters
 * (server/history/aggregate.h says what each figure means). */
#include "server/api/csv.h"
#include "server/api/every.h"
#include "server/api/rest.h"
#include "server/api/span.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/history/rollup.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum figure {
    F_AVERAGE,
    F_INTEGRAL,
    F_MIN,
    F_MAX,
    F_FIRST,
    F_LAST,
    F_START,
    F_END,
    F_COUNT,
    F_BAD,
    F_TRANSITIONS,
    F_DELTA,
    F_DEVIATION,
    F_PERCENT_GOOD,
    F_NONZERO,
    F_STATES,
};
enum { FIGURES = F_STATES + 1, COLUMNS_MAX = 3 };

/* Of a figure the value, or its values. */
static const struct {
    const char *name;
    const char *columns[COLUMNS_MAX];
} figures[FIGURES] = {
    [F_AVERAGE] = {"average", {"average"}},
    [F_INTEGRAL] = {"integral", {"integral"}},
    [F_MIN] = {"min", {"min", "min_time"}},
    [F_MAX] = {"max", {"max", "max_time"}},
    [F_FIRST] = {"first", {"first", "first_time"}},
    [F_LAST] = {"last", {"last", "last_time"}},
    [F_START] = {"start", {"start", "start_quality"}},
    [F_END] = {"end", {"end", "end_quality"}},
    [F_COUNT] = {"count", {"count"}},
    [F_BAD] = {"bad", {"bad"}},
    [F_TRANSITIONS] = {"transitions", {"transitions"}},
    [F_DELTA] = {"delta", {"delta", "rollovers", "resets"}},
    [F_DEVIATION] = {"deviation", {"deviation"}},
    [F_PERCENT_GOOD] = {"percent_good", {"percent_good"}},
    [F_NONZERO] = {"nonzero", {"nonzero_s"}},
    [F_STATES] = {"states", {NULL}}, /* one for each state */
};

static const uint32_t usual =
    1U << F_AVERAGE | 1U << F_MIN | 1U << F_MAX | 1U << F_COUNT | 1U << F_PERCENT_GOOD;

/* --- values */

/* A number, or a time: NaN and 0 are none. */
struct figure_value {
    bool is_time;
    double number;
    int64_t t_us;
};

static struct figure_value number(double v) {
    return (struct figure_value){.number = v};
}

static struct figure_value count(int64_t n) {
    return (struct figure_value){.number = (double)n}; /* below 2^53, as every count of samples */
}

static struct figure_value when(const struct aggregate *a, int64_t t_us) {
    return (struct figure_value){.is_time = true, .t_us = a->usable > 0 ? t_us : 0};
}

static double seconds(int64_t us) {
    return (double)us / 1e6;
}

static void extreme(const struct aggregate *a, enum figure f, struct figure_value *ret) {
    const double values[] = {a->min, a->max, a->first, a->last};
    const int64_t times[] = {a->min_us, a->max_us, a->first_us, a->last_us};
    ret[0] = number(values[f - F_MIN]);
    ret[1] = when(a, times[f - F_MIN]);
}

static void values_of(const struct aggregate *a, enum figure f, struct figure_value ret[COLUMNS_MAX]) {
    switch (f) {
    case F_AVERAGE:
        ret[0] = number(aggregate_average(a));
        return;
    case F_INTEGRAL:
        ret[0] = number(a->good_us + a->uncertain_us > 0 ? a->integral : (double)NAN);
        return;
    case F_MIN:
    case F_MAX:
    case F_FIRST:
    case F_LAST:
        extreme(a, f, ret);
        return;
    case F_START:
        ret[0] = number(a->start);
        ret[1] = count(a->start_quality);
        return;
    case F_END:
        ret[0] = number(a->end);
        ret[1] = count(a->end_quality);
        return;
    case F_COUNT:
        ret[0] = count(a->count);
        return;
    case F_BAD:
        ret[0] = count(a->bad);
        return;
    case F_TRANSITIONS:
        ret[0] = count(a->transitions);
        return;
    case F_DELTA:
        ret[0] = number(a->delta);
        ret[1] = count(a->rollovers);
        ret[2] = count(a->resets);
        return;
    case F_DEVIATION:
        ret[0] = number(aggregate_deviation(a));
        return;
    case F_PERCENT_GOOD:
        ret[0] = number(aggregate_percent_good(a));
        return;
    case F_NONZERO:
        ret[0] = number(seconds(a->nonzero_us));
        return;
    case F_STATES:
        return;
    }
}

/* --- the answer */

struct asked {
    struct http_request *r;
    bool csv;
    uint32_t figures; /* bits */
    uint32_t states;  /* most that a tag has */
    int64_t complete_us;
    struct span span;
    struct aggregate_rule rules[SAMPLES_TAGS_MAX];
    bool stored[SAMPLES_TAGS_MAX];
    struct every every;
    struct buf names;  /* as they are written, NUL-terminated */
    struct buf labels; /* of the calendar's shifts or bands: the same */
};

static void write_csv_value(struct buf *out, const struct figure_value *v) {
    if (!v->is_time) {
        csv_number(out, v->number);
    } else if (v->t_us != 0) {
        csv_time(out, v->t_us);
    }
}

/* What the calendar calls an interval; NULL: nothing. */
static const char *label_of(const struct asked *q, uint32_t interval) {
    const char *label = (const char *)q->labels.p;
    uint32_t skip = q->every.names[interval];
    if (!q->every.named || skip == CALENDAR_NONE) {
        return NULL;
    }
    for (; skip > 0; skip--) {
        label += strlen(label) + 1;
    }
    return label;
}

static void write_csv_head(struct asked *q) {
    struct buf *out = &q->r->out;
    buf_text(out, q->every.named ? "tag,from,to,name,partial" : "tag,from,to,partial");
    for (uint32_t f = 0; f < FIGURES; f++) {
        for (uint32_t c = 0; (q->figures >> f & 1) != 0 && c < COLUMNS_MAX && figures[f].columns[c] != NULL;
             c++) {
            buf_printf(out, ",%s", figures[f].columns[c]);
        }
    }
    for (uint32_t i = 0; (q->figures >> F_STATES & 1) != 0 && i < q->states; i++) {
        buf_printf(out, ",state_%u_s", i);
    }
    buf_text(out, "\r\n");
}

static void write_csv_row(struct asked *q, const char *name, const struct aggregate *a, uint32_t interval,
                          uint32_t n_states) {
    struct buf *out = &q->r->out;
    buf_printf(out, "%s,", name);
    csv_time(out, a->from_us);
    buf_byte(out, ',');
    csv_time(out, a->to_us);
    if (q->every.named) {
        const char *label = label_of(q, interval);
        buf_printf(out, ",%s", label == NULL ? "" : label);
    }
    buf_text(out, a->partial ? ",true" : ",false");
    for (uint32_t f = 0; f < FIGURES; f++) {
        struct figure_value v[COLUMNS_MAX] = {{.is_time = false}};
        values_of(a, (enum figure)f, v);
        for (uint32_t c = 0; (q->figures >> f & 1) != 0 && c < COLUMNS_MAX && figures[f].columns[c] != NULL;
             c++) {
            buf_byte(out, ',');
            write_csv_value(out, &v[c]);
        }
    }
    for (uint32_t i = 0; (q->figures >> F_STATES & 1) != 0 && i < q->states; i++) {
        buf_byte(out, ',');
        if (i < n_states) {
            buf_json_number(out, seconds(a->state_us[i]));
        }
    }
    buf_text(out, "\r\n");
}

static void write_json_row(struct asked *q, const struct aggregate *a, uint32_t interval, uint32_t n_states) {
    struct buf *out = &q->r->out;
    buf_printf(out, "{\"from\":%" PRId64 ",\"to\":%" PRId64 ",\"partial\":%s", a->from_us, a->to_us,
               a->partial ? "true" : "false");
    if (q->every.named) {
        const char *label = label_of(q, interval);
        buf_printf(out, ",\"name\":%s", label == NULL ? "null" : label);
    }
    for (uint32_t f = 0; f < FIGURES; f++) {
        struct figure_value v[COLUMNS_MAX] = {{.is_time = false}};
        values_of(a, (enum figure)f, v);
        for (uint32_t c = 0; (q->figures >> f & 1) != 0 && c < COLUMNS_MAX && figures[f].columns[c] != NULL;
             c++) {
            buf_printf(out, ",\"%s\":", figures[f].columns[c]);
            if (!v[c].is_time) {
                buf_json_number(out, v[c].number);
            } else if (v[c].t_us == 0) {
                buf_text(out, "null");
            } else {
                buf_printf(out, "%" PRId64, v[c].t_us);
            }
        }
    }
    if ((q->figures >> F_STATES & 1) != 0) {
        buf_text(out, ",\"states_s\":[");
        for (uint32_t i = 0; i < n_states; i++) {
            buf_text(out, i > 0 ? "," : "");
            buf_json_number(out, seconds(a->state_us[i]));
        }
        buf_byte(out, ']');
    }
    buf_byte(out, '}');
}

static void write_tag(struct asked *q, uint32_t tag, const char *name, const struct aggregate *v,
                      uint32_t n) {
    struct buf *out = &q->r->out;
    uint32_t n_states = q->rules[tag].n_states;
    if (!q->csv) {
        buf_printf(out, "{\"tag\":%s,\"stored\":%s,\"intervals\":[", name, q->stored[tag] ? "true" : "false");
    }
    for (uint32_t i = 0; i < n; i++) {
        if (q->csv) {
            write_csv_row(q, name, &v[i], i, n_states);
        } else {
            buf_text(out, i > 0 ? "," : "");
            write_json_row(q, &v[i], i, n_states);
        }
    }
    buf_text(out, q->csv ? "" : "]}");
}

static void write_answer(struct asked *q, const struct reply *reply) {
    struct buf *out = &q->r->out;
    uint32_t n = reply->aggregates.n_intervals;
    const char *name = (const char *)q->names.p;
    int64_t asked_us = reply->aggregates.asked_us;
    int64_t complete_us = q->complete_us < asked_us ? q->complete_us : asked_us;
    CHECK(reply->aggregates.n_tags == q->span.n_tags);
    if (q->csv) {
        span_say_complete(q->r, complete_us);
        write_csv_head(q);
    } else {
        buf_printf(out, "{\"from\":%" PRId64 ",\"to\":%" PRId64 ",\"complete_until\":%" PRId64 ",\"tags\":[",
                   q->span.from_us, q->span.to_us, complete_us);
    }
    for (uint32_t tag = 0; tag < q->span.n_tags; tag++) {
        buf_text(out, tag > 0 && !q->csv ? "," : "");
        write_tag(q, tag, name, reply->aggregates.v + (size_t)tag * n, n);
        name += strlen(name) + 1;
    }
    buf_text(out, q->csv ? "" : "]}");
}

static void asked_free(struct asked *q) {
    every_done(&q->every);
    buf_done(&q->labels);
    buf_done(&q->names);
    free(q);
}

static void on_aggregates(struct api *a, void *ctx, const struct reply *reply) {
    struct asked *q = ctx;
    (void)a;
    if (reply->status != OK) {
        http_failed(q->r, reply->status, &reply->error);
    } else {
        write_answer(q, reply);
        http_content(q->r, 200, q->csv ? CSV_TYPE : "application/json");
    }
    asked_free(q);
}

/* --- the question */

static bool add_figure(struct http_request *r, struct slice name, uint32_t *figures_bits) {
    for (uint32_t f = 0; f < FIGURES; f++) {
        if (slice_is(name, figures[f].name)) {
            *figures_bits |= 1U << f;
            return true;
        }
    }
    http_problem(
        r, 400, "query",
        "fn: \"%.*s\" is no figure; right would be some of average, integral, min, max, first, last, start, "
        "end, count, bad, transitions, delta, deviation, percent_good, nonzero, states",
        SLICE_ARG(name));
    return false;
}

static bool read_figures(struct http_request *r, uint32_t *ret) {
    struct slice list = {0};
    if (!http_param(r, "fn", &list)) {
        *ret = usual;
        return true;
    }
    *ret = 0;
    size_t at = 0;
    while (at <= list.n) {
        const char *end = at < list.n ? memchr(list.p + at, ',', list.n - at) : NULL;
        size_t n = end == NULL ? list.n - at : (size_t)(end - list.p) - at;
        if (!add_figure(r, slice_of(list.p + at, n), ret)) {
            return false;
        }
        at += n + 1;
    }
    return true;
}

/* One of two words; the first one by default. */
static bool read_word(struct http_request *r, const char *name, const char *first, const char *second,
                      bool *ret_second) {
    struct slice word = slice_str(first);
    (void)http_param(r, name, &word);
    *ret_second = slice_is(word, second);
    if (*ret_second || slice_is(word, first)) {
        return true;
    }
    http_problem(r, 400, "query", "%s must be %s or %s", name, first, second);
    return false;
}

static void write_name(const struct asked *q, struct buf *to, struct slice name) {
    if (q->csv) {
        csv_text(to, name);
    } else {
        buf_json_string(to, name);
    }
    buf_byte(to, 0);
}

/* Of the one site that all tags are of; NULL if there are several. */
static const struct calendar *calendar_of(const struct model *m, const struct span *s) {
    uint32_t site = m->tags[s->tags[0]].site;
    for (uint32_t i = 1; i < s->n_tags; i++) {
        if (m->tags[s->tags[i]].site != site) {
            return NULL;
        }
    }
    return m->sites[site].calendar;
}

/* They are kept: the configuration may be another one when the answer is there. */
static void keep_labels(struct asked *q, const struct calendar *c) {
    struct slice unit = {0};
    (void)http_param(q->r, "every", &unit);
    bool shifts = slice_is(unit, "shift");
    uint32_t n = !q->every.named ? 0 : shifts ? c->n_shifts : c->n_bands;
    for (uint32_t i = 0; i < n; i++) {
        write_name(q, &q->labels, shifts ? c->shifts[i].name : c->bands[i].name);
    }
}

static bool ask(struct api *a, struct asked *q, bool uncertain_is_bad) {
    const struct model *m = core_model(a->core);
    int64_t complete_us[SAMPLES_TAGS_MAX];
    struct request ask = {.kind = REQ_AGGREGATES, .actor = api_actor(q->r)};
    for (uint32_t i = 0; i < q->span.n_tags; i++) {
        const struct model_tag *t = &m->tags[q->span.tags[i]];
        q->rules[i] = rollup_rule(t);
        q->rules[i].uncertain_is_bad = uncertain_is_bad;
        q->states = q->rules[i].n_states > q->states ? q->rules[i].n_states : q->states;
        complete_us[i] = span_complete_us(a, q->span.tags[i], clock_wall_us());
        ask.samples.tags[ask.samples.n_tags++] = t->key;
        write_name(q, &q->names, t->name);
        q->stored[i] = t->gateway != MODEL_NONE;
    }
    q->complete_us = span_all_complete_us(a, &q->span, INT64_MAX);
    ask.samples.from_us = q->span.from_us;
    ask.samples.to_us = q->span.to_us;
    ask.samples.rules = q->rules;
    ask.samples.complete_us = complete_us;
    ask.samples.edges = q->every.edges;
    ask.samples.n_edges = q->every.n;
    return !q->names.failed && !q->labels.failed && api_ask_watched(a, q->r, &ask, on_aggregates, q);
}

static bool read_span(struct api *a, struct http_request *r, struct span *s) {
    if (!span_read_tags(a, r, SAMPLES_TAGS_MAX, s) || !span_read_time(r, s)) {
        return false;
    }
    if (s->from_us < 0) {
        http_problem(r, 400, "query", "from is before 1970");
        return false;
    }
    return true;
}

static bool read_question(struct api *a, struct asked *q, bool *ret_uncertain_is_bad) {
    struct http_request *r = q->r;
    if (!read_span(a, r, &q->span) || !read_figures(r, &q->figures) ||
        !read_word(r, "format", "json", "csv", &q->csv) ||
        !read_word(r, "uncertain", "use", "bad", ret_uncertain_is_bad)) {
        return false;
    }
    const struct calendar *calendar = calendar_of(core_model(a->core), &q->span);
    if (!every_read(r, calendar, q->span.from_us, q->span.to_us, AGGREGATES_MAX / q->span.n_tags,
                    &q->every)) {
        return false;
    }
    keep_labels(q, calendar);
    return true;
}

void rest_aggregates(struct api *a, struct http_request *r) {
    bool uncertain_is_bad = false;
    struct asked *q = calloc(1, sizeof *q);
    if (q == NULL) {
        http_failed(r, ERR_NOMEM, NULL);
        return;
    }
    q->r = r;
    buf_init(&q->names, (size_t)SAMPLES_TAGS_MAX * (6 * MODEL_NAME_MAX + 3));
    buf_init(&q->labels, (size_t)(CALENDAR_SHIFTS_MAX + CALENDAR_BANDS_MAX) * (6 * MODEL_NAME_MAX + 3));
    bool read = read_question(a, q, &uncertain_is_bad);
    if (read && ask(a, q, uncertain_is_bad)) {
        return;
    }
    if (read) {
        struct error err;
        (void)error_set(&err, ERR_FULL, "api", "too many requests wait for an answer; try again");
        http_failed(r, ERR_FULL, &err);
    }
    asked_free(q);
}
