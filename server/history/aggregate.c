#include "server/history/aggregate.h"

#include "server/base/check.h"
#include "server/core/quality.h"

#include <math.h>
#include <string.h>

static const uint8_t nothing_known = QUALITY_BAD | QUALITY_NO_VALUE | REASON_STALE;

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static bool is_usable(const struct aggregate_rule *rule, const struct aggregate_sample *s) {
    if (isnan(s->value) || quality_is_bad(s->quality)) {
        return false;
    }
    return quality_is_good(s->quality) || !rule->uncertain_is_bad;
}

void aggregate_begin(struct aggregator *g, const struct aggregate_rule *rule, int64_t from_us,
                     int64_t to_us) {
    CHECK(from_us < to_us);
    CHECK(rule->n_states <= AGGREGATE_STATES_MAX);
    memset(g, 0, sizeof *g);
    g->rule = *rule;
    g->sum.from_us = from_us;
    g->sum.to_us = to_us;
    g->sum.first = g->sum.last = g->sum.min = g->sum.max = g->sum.start = g->sum.end = NAN;
    g->sum.start_quality = g->sum.end_quality = nothing_known;
}

void aggregate_next(struct aggregator *g, int64_t to_us) {
    struct aggregator old = *g;
    aggregate_begin(g, &old.rule, old.sum.to_us, to_us);
    g->before = old.before;
    g->number = old.number;
    g->has_before = old.has_before;
    g->has_number = old.has_number;
}

/* --- time --- */

/* From the newest sample to the next one. */
struct stretch {
    const struct aggregate_sample *a;
    const struct aggregate_sample *b; /* NULL: none is known */
    int64_t held_us;                  /* until when a's value counts */
    bool usable;
    bool sloped;
    bool gap; /* at held_us it is not known any more */
};

static struct stretch stretch_of(const struct aggregate_rule *rule, const struct aggregate_sample *a,
                                 const struct aggregate_sample *b, int64_t until_us) {
    struct stretch s = {.a = a, .b = b, .held_us = until_us, .usable = is_usable(rule, a)};
    if (s.usable && rule->stale_us > 0 && until_us - a->t_us > rule->stale_us) {
        s.held_us = a->t_us + rule->stale_us;
        s.gap = true;
    } else {
        s.sloped = !rule->stepped && b != NULL && s.usable && is_usable(rule, b);
    }
    return s;
}

static double value_at(const struct stretch *s, int64_t t_us) {
    if (!s->sloped) {
        return s->a->value;
    }
    double part = (double)(t_us - s->a->t_us) / (double)(s->b->t_us - s->a->t_us);
    return s->a->value + (s->b->value - s->a->value) * part;
}

/* How long of [from, to) the straight line is not 0. */
static int64_t nonzero_of(double at_from, double at_to, int64_t span_us) {
    return at_from == 0 && at_to == 0 ? 0 : span_us;
}

static void add_value_time(struct aggregator *g, const struct stretch *s, int64_t from_us, int64_t to_us) {
    struct aggregate *sum = &g->sum;
    int64_t span_us = to_us - from_us;
    double at_from = value_at(s, from_us);
    double at_to = value_at(s, to_us);
    sum->integral += (at_from + at_to) / 2 * ((double)span_us / 1e6);
    sum->nonzero_us += nonzero_of(at_from, at_to, span_us);
    *(quality_is_good(s->a->quality) ? &sum->good_us : &sum->uncertain_us) += span_us;
    if (g->rule.stepped && at_from >= 0 && at_from < g->rule.n_states && at_from == floor(at_from)) {
        sum->state_us[(uint32_t)at_from] += span_us;
    }
}

/* What holds in [from_us, to_us), which is not empty, is within s and within the interval. */
static void add_time(struct aggregator *g, const struct stretch *s, int64_t from_us, int64_t to_us) {
    if (!s->usable) {
        g->sum.bad_us += to_us - from_us;
        return;
    }
    int64_t known_us = earlier(to_us, s->held_us);
    if (known_us > from_us) {
        add_value_time(g, s, from_us, known_us);
    }
    g->sum.gap_us += to_us - later(from_us, known_us);
}

/* The bounding value at t_us, which is within s. */
static void bound_at(const struct stretch *s, int64_t t_us, double *ret_value, uint8_t *ret_quality) {
    bool known = s->usable && (!s->gap || t_us < s->held_us);
    *ret_value = known ? value_at(s, t_us) : NAN;
    *ret_quality = s->usable && !known ? nothing_known : s->a->quality;
}

/* The time from the newest sample to b, or to until_us if there is none. */
static void pass_time(struct aggregator *g, const struct aggregate_sample *b, int64_t until_us) {
    struct aggregate *sum = &g->sum;
    int64_t to_us = earlier(until_us, sum->to_us);
    if (!g->has_before) {
        sum->gap_us += to_us - sum->from_us;
        return;
    }
    struct stretch s = stretch_of(&g->rule, &g->before, b, until_us);
    int64_t from_us = later(g->before.t_us, sum->from_us);
    if (from_us < to_us) {
        add_time(g, &s, from_us, to_us);
    }
    if (g->before.t_us <= sum->from_us && (sum->from_us < until_us || g->before.t_us == sum->from_us)) {
        bound_at(&s, sum->from_us, &sum->start, &sum->start_quality);
    }
    if (g->before.t_us < sum->to_us && sum->to_us <= until_us) {
        bound_at(&s, sum->to_us, &sum->end, &sum->end_quality);
    }
}

/* --- samples --- */

/* What a counter counted from a to b. */
static double counted(struct aggregator *g, double a, double b) {
    double more = b - a;
    double modulus = g->rule.modulus;
    if (more >= 0) {
        return more;
    }
    if (modulus > 0 && a < modulus && more + modulus < modulus / 2) {
        g->sum.rollovers++;
        return more + modulus;
    }
    if (b < a / 2) {
        g->sum.resets++;
        return 0;
    }
    return more; /* it goes back a little: what comes next makes up for it */
}

static void compare_with_last(struct aggregator *g, const struct aggregate_sample *s) {
    if (g->has_number) {
        g->sum.transitions += s->value != g->number.value;
        g->sum.delta += g->rule.counter ? counted(g, g->number.value, s->value) : s->value - g->number.value;
    }
    g->number = *s;
    g->has_number = true;
}

static void add_usable(struct aggregate *sum, const struct aggregate_sample *s) {
    sum->usable++;
    double off = s->value - sum->mean;
    sum->mean += off / (double)sum->usable;
    sum->m2 += off * (s->value - sum->mean);
    if (sum->usable == 1) {
        sum->first = sum->min = sum->max = s->value;
        sum->first_us = sum->min_us = sum->max_us = s->t_us;
    }
    if (s->value < sum->min) {
        sum->min = s->value;
        sum->min_us = s->t_us;
    }
    if (s->value > sum->max) {
        sum->max = s->value;
        sum->max_us = s->t_us;
    }
    sum->last = s->value;
    sum->last_us = s->t_us;
}

static uint8_t worse(uint8_t a, uint8_t b) {
    return (b & QUALITY_CLASS_MASK) > (a & QUALITY_CLASS_MASK) ? b : a;
}

static void add_sample(struct aggregator *g, const struct aggregate_sample *s) {
    struct aggregate *sum = &g->sum;
    sum->worst = sum->count == 0 ? s->quality : worse(sum->worst, s->quality);
    sum->count++;
    sum->bad += quality_is_bad(s->quality);
    sum->uncertain += !quality_is_bad(s->quality) && !quality_is_good(s->quality);
    if (is_usable(&g->rule, s)) {
        compare_with_last(g, s);
        add_usable(sum, s);
    }
}

/* A sample right at the end is the bounding value there, as it is the next interval's at its start. */
static void close_with(struct aggregator *g, const struct aggregate_sample *s) {
    g->closed = true;
    if (s->t_us == g->sum.to_us) {
        g->sum.end = is_usable(&g->rule, s) ? s->value : (double)NAN;
        g->sum.end_quality = s->quality;
    }
}

void aggregate_add(struct aggregator *g, const struct aggregate_sample *s) {
    if (g->closed) {
        return;
    }
    if (s->t_us >= g->sum.from_us) {
        pass_time(g, s, s->t_us);
    }
    if (s->t_us >= g->sum.to_us) {
        close_with(g, s);
        return;
    }
    if (s->t_us >= g->sum.from_us) {
        add_sample(g, s);
    } else if (is_usable(&g->rule, s)) {
        g->number = *s;
        g->has_number = true;
    }
    g->before = *s;
    g->has_before = true;
}

void aggregate_end(struct aggregator *g, int64_t complete_us) {
    struct aggregate *sum = &g->sum;
    if (g->closed) {
        return;
    }
    /* The newest sample is known, whatever the rest of the world says. */
    int64_t known_us = g->has_before ? later(complete_us, g->before.t_us) : complete_us;
    sum->partial = known_us < sum->to_us;
    known_us = later(known_us, sum->from_us);
    pass_time(g, NULL, known_us);
    sum->gap_us += sum->to_us - earlier(known_us, sum->to_us);
}

/* --- neighbours --- */

static void join_samples(struct aggregate *a, const struct aggregate *b) {
    if (b->usable == 0) {
        return;
    }
    if (a->usable == 0) {
        a->first = b->first;
        a->first_us = b->first_us;
    }
    if (a->usable == 0 || b->min < a->min) {
        a->min = b->min;
        a->min_us = b->min_us;
    }
    if (a->usable == 0 || b->max > a->max) {
        a->max = b->max;
        a->max_us = b->max_us;
    }
    a->last = b->last;
    a->last_us = b->last_us;
    double n = (double)(a->usable + b->usable);
    double off = b->mean - a->mean;
    a->m2 += b->m2 + off * off * (double)a->usable * (double)b->usable / n;
    a->mean += off * (double)b->usable / n;
    a->usable += b->usable;
}

void aggregate_join(struct aggregate *a, const struct aggregate *b) {
    CHECK(a->to_us == b->from_us);
    join_samples(a, b);
    if (b->count > 0) {
        a->worst = a->count == 0 ? b->worst : worse(a->worst, b->worst);
    }
    a->to_us = b->to_us;
    a->count += b->count;
    a->bad += b->bad;
    a->uncertain += b->uncertain;
    a->integral += b->integral;
    a->good_us += b->good_us;
    a->uncertain_us += b->uncertain_us;
    a->bad_us += b->bad_us;
    a->gap_us += b->gap_us;
    a->nonzero_us += b->nonzero_us;
    for (uint32_t i = 0; i < AGGREGATE_STATES_MAX; i++) {
        a->state_us[i] += b->state_us[i];
    }
    a->transitions += b->transitions;
    a->delta += b->delta;
    a->rollovers += b->rollovers;
    a->resets += b->resets;
    a->end = b->end;
    a->end_quality = b->end_quality;
    a->partial = a->partial || b->partial;
}

double aggregate_average(const struct aggregate *a) {
    int64_t span_us = a->good_us + a->uncertain_us;
    return span_us == 0 ? NAN : a->integral / ((double)span_us / 1e6);
}

double aggregate_deviation(const struct aggregate *a) {
    return a->usable == 0 ? NAN : sqrt(a->m2 / (double)a->usable);
}

double aggregate_percent_good(const struct aggregate *a) {
    return 100.0 * (double)a->good_us / (double)(a->to_us - a->from_us);
}
