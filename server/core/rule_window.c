#include "server/core/rule_window.h"

#include "server/base/check.h"

#include <math.h>

static struct rule_segment *at(struct rule_window *w, uint64_t i) {
    return &w->segments[i % RULE_SEGMENTS];
}

static const struct rule_segment *at_const(const struct rule_window *w, uint64_t i) {
    return &w->segments[i % RULE_SEGMENTS];
}

static int64_t end_us(const struct rule_window *w, uint64_t i) {
    return i + 1 == w->end ? w->now_us : at_const(w, i + 1)->start_us;
}

/* --- sums --- */

static struct rule_sum nothing(void) {
    return (struct rule_sum){.min = INFINITY, .max = -INFINITY};
}

/* Values that are all alike have this mean exactly, however area was rounded. */
static double mean(const struct rule_sum *s) {
    return s->min == s->max ? s->min : s->area / (double)s->known_us;
}

/* Chan's formula for m2: no cancellation. */
static struct rule_sum add(const struct rule_sum *a, const struct rule_sum *b) {
    struct rule_sum s = {.known_us = a->known_us + b->known_us,
                         .area = a->area + b->area,
                         .m2 = a->m2 + b->m2,
                         .min = a->min < b->min ? a->min : b->min,
                         .max = a->max > b->max ? a->max : b->max,
                         .edges = a->edges + b->edges,
                         .uncertain = a->uncertain || b->uncertain};
    if (a->known_us > 0 && b->known_us > 0) {
        double d = mean(a) - mean(b);
        s.m2 += d * d * (double)a->known_us * ((double)b->known_us / (double)s.known_us);
    }
    return s;
}

/* One value for a while. Known for no time at all it still counts for min and max: it is the value at t. */
static struct rule_sum of_value(struct rule_value v, int64_t span_us) {
    struct rule_sum s = nothing();
    if (v.known) {
        s.known_us = span_us;
        s.area = v.v * (double)span_us;
        s.min = v.v;
        s.max = v.v;
        s.uncertain = v.uncertain;
    }
    return s;
}

/* What of a segment lies after left. */
static struct rule_sum part_of(const struct rule_window *w, uint64_t i, int64_t left_us) {
    const struct rule_segment *g = at_const(w, i);
    if (g->start_us > left_us) {
        return g->sum;
    }
    struct rule_sum s = g->sum;
    int64_t span_us = end_us(w, i) - g->start_us;
    int64_t rest_us = end_us(w, i) - left_us;
    if (!g->merged) {
        s.edges = 0; /* its one edge is at its start, which the window does not cover */
        if (s.known_us > 0) {
            s.known_us = rest_us;
            s.area = s.min * (double)rest_us;
        }
        return s;
    }
    double share = (double)rest_us / (double)span_us;
    s.known_us = (int64_t)((double)s.known_us * share + 0.5);
    s.area *= share;
    s.m2 *= share;
    s.edges = (uint32_t)((double)s.edges * share);
    return s;
}

/* All segments become the older ones. */
static void flip(struct rule_window *w) {
    struct rule_sum s = nothing();
    for (uint64_t i = w->end; i-- > w->first;) {
        s = add(&at(w, i)->sum, &s);
        w->suffix[i % RULE_SEGMENTS] = s;
    }
    w->split = w->end;
    w->back = nothing();
}

/* The sum of segments from to end - 1. */
static struct rule_sum sum_from(const struct rule_window *w, uint64_t from) {
    if (from < w->split) {
        return add(&w->suffix[from % RULE_SEGMENTS], &w->back);
    }
    struct rule_sum s = nothing();
    for (uint64_t i = w->end; i-- > from;) { /* long after the newest evidence */
        s = add(&at_const(w, i)->sum, &s);
    }
    return s;
}

/* --- taking values --- */

static bool same_value(struct rule_value a, struct rule_value b) {
    return a.known == b.known && a.uncertain == b.uncertain && (!a.known || a.v == b.v);
}

static bool is_edge(const struct rule_window *w) {
    return w->now.known && w->now.v != 0 && w->before_known && !w->before_true;
}

static void merge_shortest(struct rule_window *w) {
    uint64_t best = w->first;
    int64_t best_us = INT64_MAX;
    for (uint64_t i = w->first; i + 1 < w->end; i++) {
        int64_t span_us = end_us(w, i + 1) - at(w, i)->start_us;
        if (span_us < best_us) {
            best = i;
            best_us = span_us;
        }
    }
    struct rule_segment *g = at(w, best);
    g->sum = add(&g->sum, &at(w, best + 1)->sum);
    g->merged = true;
    for (uint64_t i = best + 1; i + 1 < w->end; i++) {
        *at(w, i) = *at(w, i + 1);
    }
    for (uint64_t i = best + 1; i + 1 < w->split; i++) {
        w->suffix[i % RULE_SEGMENTS] = w->suffix[(i + 1) % RULE_SEGMENTS];
    }
    w->end--;
    /* Across the split nothing changes: the older part of the segment stays in suffix, the newer one in back.
     */
    if (best + 1 < w->split) {
        w->split--;
    }
}

static void close_open(struct rule_window *w, int64_t width_us, int64_t ts_us) {
    struct rule_segment g = {.start_us = w->now_us, .sum = of_value(w->now, ts_us - w->now_us)};
    g.sum.edges = is_edge(w) ? 1 : 0;
    while (w->first < w->end && end_us(w, w->first) <= ts_us - width_us) {
        w->first++; /* no evaluation is older than the newest evidence */
    }
    if (w->end - w->first == RULE_SEGMENTS) {
        merge_shortest(w);
    }
    *at(w, w->end) = g;
    w->end++;
    w->back = add(&w->back, &g.sum);
    if (w->first >= w->split) {
        flip(w); /* the older ones are gone */
    }
    if (w->now.known) {
        w->before_known = true;
        w->before_true = w->now.v != 0;
    }
    w->now_us = ts_us;
}

void rule_window_put(struct rule_window *w, int64_t width_us, struct rule_value value, int64_t ts_us) {
    int64_t ts = w->begun && ts_us < w->newest_us ? w->newest_us : ts_us;
    if (!w->begun) {
        w->begun = true;
        w->now_us = ts;
        w->back = nothing();
    } else if (same_value(w->now, value)) {
        w->newest_us = ts;
        return;
    } else if (ts > w->now_us) {
        close_open(w, width_us, ts);
    }
    w->now = value;
    w->newest_us = ts;
}

/* --- reading --- */

/* What a window covers. */
struct view {
    struct rule_sum sum;
    int64_t t_us;
    int64_t left_us;
    int64_t width_us;
    uint64_t edge;           /* the segment that left is in, or the first one after it */
    int64_t boundary_us;     /* the first change after left; INT64_MAX if one value covers it all */
    struct rule_value start; /* in force at left */
    bool blurred;            /* left lies in a merged segment */
};

/* The first segment that ends after left; end if there is none. */
static uint64_t find_segment(const struct rule_window *w, int64_t left_us) {
    uint64_t low = w->first;
    uint64_t high = w->end;
    while (low < high) {
        uint64_t mid = low + (high - low) / 2;
        if (end_us(w, mid) <= left_us) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static struct view look(const struct rule_window *w, int64_t width_us, int64_t t_us) {
    struct view v = {.t_us = t_us,
                     .left_us = t_us - width_us,
                     .width_us = width_us,
                     .sum = nothing(),
                     .boundary_us = INT64_MAX,
                     .edge = find_segment(w, t_us - width_us)};
    if (v.edge < w->end) {
        const struct rule_segment *g = at_const(w, v.edge);
        struct rule_sum part = part_of(w, v.edge, v.left_us);
        struct rule_sum rest = sum_from(w, v.edge + 1);
        v.sum = add(&part, &rest);
        v.boundary_us = g->start_us;
        if (g->start_us <= v.left_us) {
            v.boundary_us = end_us(w, v.edge);
            v.blurred = g->merged;
            if (g->sum.known_us > 0) {
                v.start = rule_known(mean(&g->sum), g->sum.uncertain);
            }
        }
    } else if (w->now_us > v.left_us) {
        v.boundary_us = w->now_us;
    } else {
        v.start = w->now;
    }
    bool whole = w->now_us > v.left_us;
    struct rule_sum open = of_value(w->now, t_us - (whole ? w->now_us : v.left_us));
    open.edges = whole && is_edge(w) ? 1 : 0;
    v.sum = add(&v.sum, &open);
    return v;
}

static bool is_covered(const struct view *v) {
    return v->sum.known_us * 5 >= v->width_us * 4;
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Until when does neither a segment leave nor the coverage pass 80 %? */
static int64_t steady_until(const struct rule_window *w, const struct view *v) {
    if (v->boundary_us == INT64_MAX) {
        return INT64_MAX;
    }
    if (v->blurred) {
        return v->t_us + 1;
    }
    int64_t until_us = v->boundary_us + v->width_us;
    int64_t over = v->sum.known_us * 5 - v->width_us * 4;
    if (over >= 0 && v->start.known && !w->now.known) {
        until_us = earlier(until_us, v->t_us + over / 5 + 1);
    } else if (over < 0 && !v->start.known && w->now.known) {
        until_us = earlier(until_us, v->t_us + (-over + 4) / 5);
    }
    return until_us;
}

static struct rule_live read_mean(const struct rule_window *w, const struct view *v, enum rule_op op) {
    struct rule_live r = {.until_us = steady_until(w, v)};
    if (!is_covered(v)) {
        return r;
    }
    double spread =
        v->sum.min == v->sum.max || v->sum.m2 <= 0 ? 0 : sqrt(v->sum.m2 / (double)v->sum.known_us);
    r.value = rule_known(op == RULE_OP_AVG ? mean(&v->sum) : spread, v->sum.uncertain);
    if (v->sum.min != v->sum.max) {
        r.until_us = earlier(r.until_us, v->t_us + 1);
    }
    return r;
}

static struct rule_live read_duration(const struct rule_window *w, const struct view *v) {
    struct rule_live r = {.until_us = steady_until(w, v)};
    if (is_covered(v)) {
        r.value = rule_known(v->sum.area, v->sum.uncertain); /* 1 times microseconds: exact */
        if (v->boundary_us != INT64_MAX) {
            double comes = w->now.known ? w->now.v : 0;
            double goes = v->start.known ? v->start.v : 0;
            r.rate = comes - goes;
        }
    }
    return r;
}

static struct rule_live read_count(const struct rule_window *w, const struct view *v) {
    struct rule_live r = {.until_us = INT64_MAX};
    if (!w->before_known && !w->now.known) {
        return r; /* never seen */
    }
    r.value = rule_known(v->sum.edges, v->sum.uncertain);
    if (v->sum.uncertain && v->boundary_us != INT64_MAX) {
        r.until_us = v->boundary_us + v->width_us; /* the mark may go */
    }
    if (v->sum.edges == 0) {
        return r;
    }
    if (v->blurred) {
        r.until_us = v->t_us + 1;
        return r;
    }
    int64_t first_us = w->now_us;
    for (uint64_t i = v->edge; i < w->end; i++) {
        const struct rule_segment *g = at_const(w, i);
        if (g->sum.edges > 0 && g->start_us > v->left_us) {
            first_us = g->start_us;
            break;
        }
    }
    r.until_us = earlier(r.until_us, first_us + v->width_us);
    return r;
}

static struct rule_live read_delta(const struct rule_window *w, const struct view *v, enum rule_op op) {
    struct rule_live r = {.until_us = v->boundary_us == INT64_MAX ? INT64_MAX : v->boundary_us + v->width_us};
    if (w->now.known && v->start.known) {
        double d = w->now.v - v->start.v;
        r.value = rule_known(op == RULE_OP_DELTA ? d : d / ((double)v->width_us / 1e6),
                             w->now.uncertain || v->start.uncertain);
    }
    return r;
}

struct rule_live rule_window_read(const struct rule_window *w, int64_t width_us, enum rule_op op,
                                  int64_t t_us) {
    if (!w->begun) {
        return (struct rule_live){.until_us = INT64_MAX};
    }
    struct view v = look(w, width_us, t_us < w->newest_us ? w->newest_us : t_us);
    struct rule_live r = {0};
    switch ((int)op) {
    case RULE_OP_AVG:
    case RULE_OP_STDDEV:
        r = read_mean(w, &v, op);
        break;
    case RULE_OP_MIN:
    case RULE_OP_MAX:
        r.until_us = steady_until(w, &v);
        if (is_covered(&v)) {
            r.value = rule_known(op == RULE_OP_MIN ? v.sum.min : v.sum.max, v.sum.uncertain);
        }
        break;
    case RULE_OP_DURATION:
        r = read_duration(w, &v);
        break;
    case RULE_OP_COUNT:
        r = read_count(w, &v);
        break;
    case RULE_OP_DELTA:
    case RULE_OP_RATE:
        r = read_delta(w, &v, op);
        break;
    default:
        CHECK(false);
    }
    if (v.t_us > t_us) { /* asked about a time before the newest evidence: no promise about its course */
        r.rate = 0;
        r.until_us = t_us + 1;
    }
    return r;
}

int64_t rule_window_resolution_us(const struct rule_window *w) {
    int64_t longest_us = 0;
    for (uint64_t i = w->first; i < w->end; i++) {
        int64_t span_us = end_us(w, i) - at_const(w, i)->start_us;
        if (at_const(w, i)->merged && span_us > longest_us) {
            longest_us = span_us;
        }
    }
    return longest_us;
}

uint64_t rule_window_hash(const struct rule_window *w, uint64_t h) {
    h = rule_mix_value(h, w->now);
    h = rule_mix(rule_mix(h, (uint64_t)w->now_us), (uint64_t)w->newest_us);
    h = rule_mix(h, (w->begun ? 1U : 0U) | (w->before_known ? 2U : 0U) | (w->before_true ? 4U : 0U));
    for (uint64_t i = w->first; i < w->end; i++) {
        const struct rule_segment *g = at_const(w, i);
        h = rule_mix(rule_mix(h, (uint64_t)g->start_us), (uint64_t)g->sum.known_us);
        h = rule_mix(rule_mix(h, rule_bits(g->sum.area)), rule_bits(g->sum.m2));
        h = rule_mix(rule_mix(h, rule_bits(g->sum.min)), rule_bits(g->sum.max));
        h = rule_mix(h, g->sum.edges | (uint64_t)g->sum.uncertain << 32 | (uint64_t)g->merged << 33);
    }
    return h;
}
