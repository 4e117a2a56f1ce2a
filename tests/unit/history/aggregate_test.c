/* The aggregates against an oracle that looks at each tick of a millisecond: which sample holds, what
 * follows, how old it is. Times are whole ticks, so the middle of a tick stands for all of it, and is exact
 * for straight lines. */
#include "server/base/rand.h"
#include "server/history/aggregate.h"
#include "tests/lib/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 60, TICK_US = 1000, SPAN = 400, NOTHING_KNOWN = 0xA7 };

static struct aggregate_sample v[MANY];
static uint32_t n;

static void feed(struct aggregator *g) {
    for (uint32_t i = 0; i < n; i++) {
        aggregate_add(g, &v[i]);
    }
}

static struct aggregate of(const struct aggregate_rule *rule, int64_t from_us, int64_t to_us,
                           int64_t complete_us) {
    struct aggregator g;
    aggregate_begin(&g, rule, from_us, to_us);
    feed(&g);
    aggregate_end(&g, complete_us);
    return g.sum;
}

/* --- the oracle --- */

static bool usable(const struct aggregate_rule *rule, const struct aggregate_sample *s) {
    return !isnan(s->value) && s->quality < (rule->uncertain_is_bad ? 64 : 128);
}

/* Index of the newest sample at or before t_us, -1 if none. */
static int at_or_before(int64_t t_us) {
    int found = -1;
    for (uint32_t i = 0; i < n && v[i].t_us <= t_us; i++) {
        found = (int)i;
    }
    return found;
}

enum known { KNOWN, KNOWN_BAD, UNKNOWN };

/* At t_us < known_us; what goes on from the last sample does so until complete_us. */
static enum known value_within(const struct aggregate_rule *rule, int64_t t_us, int64_t known_us,
                               int64_t complete_us, double *ret) {
    int i = at_or_before(t_us);
    bool last = i + 1 == (int)n;
    *ret = NAN;
    if (i < 0 || (last && t_us >= known_us && t_us != v[i].t_us)) {
        return UNKNOWN;
    }
    const struct aggregate_sample *a = &v[i];
    if (!usable(rule, a)) {
        return KNOWN_BAD;
    }
    int64_t next_us = last ? complete_us : v[i + 1].t_us;
    bool gap = rule->stale_us > 0 && next_us - a->t_us > rule->stale_us;
    if (gap && t_us >= a->t_us + rule->stale_us) {
        return UNKNOWN;
    }
    *ret = a->value;
    if (!last && !gap && !rule->stepped && usable(rule, &v[i + 1])) {
        *ret += (v[i + 1].value - a->value) * (double)(t_us - a->t_us) / (double)(next_us - a->t_us);
    }
    return KNOWN;
}

static enum known value_at(const struct aggregate_rule *rule, int64_t t_us, int64_t complete_us,
                           double *ret) {
    return value_within(rule, t_us, complete_us, complete_us, ret);
}

static void close_to(double a, double b) {
    if (isnan(a) || isnan(b)) {
        assert_true(isnan(a) && isnan(b));
        return;
    }
    double off = fabs(a - b);
    assert_true(off <= 1e-9 * (1 + fabs(a)));
}

static void check_time(const struct aggregate_rule *rule, const struct aggregate *a, int64_t complete_us) {
    double integral = 0;
    int64_t us[3] = {0};
    int64_t good = 0;
    int64_t nonzero = 0;
    int64_t states[AGGREGATE_STATES_MAX] = {0};
    for (int64_t t = a->from_us; t < a->to_us; t += TICK_US) {
        double value;
        enum known k = value_at(rule, t + TICK_US / 2, complete_us, &value);
        us[k] += TICK_US;
        if (k == KNOWN) {
            integral += value * TICK_US / 1e6;
            good += v[at_or_before(t)].quality < 64 ? TICK_US : 0;
            nonzero += value != 0 ? TICK_US : 0;
            for (uint32_t s = 0; s < rule->n_states && rule->stepped; s++) {
                states[s] += value == s ? TICK_US : 0;
            }
        }
    }
    assert_int_equal(a->bad_us, us[KNOWN_BAD]);
    assert_int_equal(a->gap_us, us[UNKNOWN]);
    assert_int_equal(a->good_us, good);
    assert_int_equal(a->uncertain_us, us[KNOWN] - good);
    assert_int_equal(a->nonzero_us, nonzero);
    close_to(a->integral, integral);
    assert_memory_equal(a->state_us, states, sizeof states);
    close_to(aggregate_average(a), us[KNOWN] == 0 ? NAN : integral / ((double)us[KNOWN] / 1e6));
    close_to(aggregate_percent_good(a), 100.0 * (double)good / (double)(a->to_us - a->from_us));
}

static void check_counts(const struct aggregate *a) {
    int64_t classes[3] = {0}; /* good, uncertain, bad */
    for (uint32_t i = 0; i < n; i++) {
        bool in = v[i].t_us >= a->from_us && v[i].t_us < a->to_us;
        classes[v[i].quality >= 128 ? 2 : v[i].quality / 64] += in;
    }
    assert_int_equal(a->count, classes[0] + classes[1] + classes[2]);
    assert_int_equal(a->bad, classes[2]);
    assert_int_equal(a->uncertain, classes[1]);
    if (a->count > 0) {
        assert_int_equal(a->worst / 64, classes[2] > 0 ? 2 : classes[1] > 0);
    }
}

/* The sums over each usable sample and the one before it. */
static void check_counter(const struct aggregate_rule *rule, const struct aggregate *a) {
    double delta = 0;
    int64_t rollovers = 0;
    int64_t resets = 0;
    const struct aggregate_sample *before = NULL;
    for (uint32_t i = 0; i < n && v[i].t_us < a->to_us; i++) {
        if (!usable(rule, &v[i])) {
            continue;
        }
        if (before != NULL && v[i].t_us >= a->from_us) {
            double more = v[i].value - before->value;
            double over = rule->modulus - before->value + v[i].value;
            bool fell = rule->counter && more < 0;
            bool rolled = fell && before->value < rule->modulus && over < rule->modulus / 2;
            bool reset = fell && !rolled && v[i].value < before->value / 2;
            rollovers += rolled;
            resets += reset;
            delta += rolled ? over : reset ? 0 : more;
        }
        before = &v[i];
    }
    close_to(a->delta, delta);
    assert_int_equal(a->rollovers, rollovers);
    assert_int_equal(a->resets, resets);
}

/* What is known up to an end holds there, too. */
static void check_bounds(const struct aggregate_rule *rule, const struct aggregate *a, int64_t complete_us) {
    double start;
    double end;
    enum known at_start = value_at(rule, a->from_us, complete_us, &start);
    enum known at_end = value_within(rule, a->to_us, complete_us + 1, complete_us, &end);
    close_to(a->start, start);
    close_to(a->end, end);
    assert_int_equal(a->start_quality,
                     at_start == UNKNOWN ? NOTHING_KNOWN : v[at_or_before(a->from_us)].quality);
    assert_int_equal(a->end_quality, at_end == UNKNOWN ? NOTHING_KNOWN : v[at_or_before(a->to_us)].quality);
}

static void check_values(const struct aggregate_rule *rule, const struct aggregate *a) {
    int64_t used = 0;
    int64_t transitions = 0;
    double sum = 0;
    double squares = 0;
    const struct aggregate_sample *first = NULL;
    const struct aggregate_sample *last = NULL;
    const struct aggregate_sample *min = NULL;
    const struct aggregate_sample *max = NULL;
    const struct aggregate_sample *before = NULL;
    for (uint32_t i = 0; i < n && v[i].t_us < a->to_us; i++) {
        if (!usable(rule, &v[i])) {
            continue;
        }
        if (v[i].t_us >= a->from_us) {
            used++;
            sum += v[i].value;
            squares += v[i].value * v[i].value;
            transitions += before != NULL && before->value != v[i].value;
            first = first == NULL ? &v[i] : first;
            min = min == NULL || v[i].value < min->value ? &v[i] : min;
            max = max == NULL || v[i].value > max->value ? &v[i] : max;
            last = &v[i];
        }
        before = &v[i];
    }
    assert_int_equal(a->usable, used);
    assert_int_equal(a->transitions, transitions);
    if (first == NULL) {
        assert_true(isnan(a->first) && isnan(a->last) && isnan(a->min) && isnan(a->max));
        return;
    }
    assert_true(a->first_us == first->t_us && a->last_us == last->t_us);
    assert_true(a->min_us == min->t_us && a->max_us == max->t_us);
    close_to(a->first, first->value);
    close_to(a->last, last->value);
    close_to(a->min, min->value);
    close_to(a->max, max->value);
    double mean = sum / (double)used;
    close_to(a->mean, mean);
    close_to(aggregate_deviation(a) * aggregate_deviation(a) + mean * mean, squares / (double)used);
}

/* --- random histories --- */

static void make_history(struct rand *r) {
    int64_t t_us = (int64_t)rand_below(r, SPAN / 4) * TICK_US;
    n = (uint32_t)rand_below(r, MANY);
    for (uint32_t i = 0; i < n; i++) {
        static const uint8_t qualities[] = {0, 0, 0, 0, 0, 0, 0x40, 0x43, 0x80, 0xA7};
        uint8_t q = qualities[rand_below(r, COUNT(qualities))];
        v[i] = (struct aggregate_sample){.t_us = t_us, .quality = q, .value = (double)rand_below(r, 5)};
        v[i].value = q == 0xA7 ? NAN : v[i].value;
        t_us += (1 + (int64_t)rand_below(r, rand_below(r, 8) == 0 ? 60 : 8)) * TICK_US;
    }
}

static struct aggregate_rule any_rule(struct rand *r) {
    return (struct aggregate_rule){.stepped = rand_below(r, 2) == 0,
                                   .uncertain_is_bad = rand_below(r, 3) == 0,
                                   .counter = rand_below(r, 2) == 0,
                                   .modulus = rand_below(r, 2) == 0 ? 0 : 5,
                                   .stale_us =
                                       rand_below(r, 2) == 0 ? 0 : (1 + (int64_t)rand_below(r, 30)) * TICK_US,
                                   .n_states = (uint32_t)rand_below(r, 5)};
}

static void same(const struct aggregate *a, const struct aggregate *b) {
    assert_true(a->from_us == b->from_us && a->to_us == b->to_us);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->bad, b->bad);
    assert_int_equal(a->uncertain, b->uncertain);
    assert_int_equal(a->usable, b->usable);
    assert_int_equal(a->good_us, b->good_us);
    assert_int_equal(a->uncertain_us, b->uncertain_us);
    assert_int_equal(a->bad_us, b->bad_us);
    assert_int_equal(a->gap_us, b->gap_us);
    assert_int_equal(a->nonzero_us, b->nonzero_us);
    assert_int_equal(a->transitions, b->transitions);
    assert_int_equal(a->start_quality, b->start_quality);
    assert_int_equal(a->end_quality, b->end_quality);
    assert_int_equal(a->worst, b->worst);
    assert_int_equal(a->partial, b->partial);
    assert_int_equal(a->resets, b->resets);
    assert_int_equal(a->rollovers, b->rollovers);
    const double pairs[][2] = {{a->first, b->first}, {a->last, b->last}, {a->min, b->min},
                               {a->max, b->max},     {a->mean, b->mean}, {a->m2, b->m2},
                               {a->start, b->start}, {a->end, b->end},   {a->integral, b->integral},
                               {a->delta, b->delta}};
    for (size_t i = 0; i < COUNT(pairs); i++) {
        close_to(pairs[i][0], pairs[i][1]);
    }
    assert_memory_equal(a->state_us, b->state_us, sizeof a->state_us);
}

/* Cut at any tick, both halves together are the whole; and the second half made as the next interval is the
 * one made alone. */
static void check_halves(const struct aggregate_rule *rule, const struct aggregate *whole, int64_t cut_us,
                         int64_t complete_us) {
    struct aggregate a = of(rule, whole->from_us, cut_us, complete_us);
    struct aggregate b = of(rule, cut_us, whole->to_us, complete_us);
    struct aggregate joined = a;
    aggregate_join(&joined, &b);
    same(&joined, whole);
    struct aggregator g;
    uint32_t i = 0;
    aggregate_begin(&g, rule, whole->from_us, cut_us);
    for (; i < n && !g.closed; i++) {
        aggregate_add(&g, &v[i]);
    }
    bool again = g.closed;
    aggregate_end(&g, complete_us);
    same(&g.sum, &a);
    aggregate_next(&g, whole->to_us);
    for (i -= again; i < n; i++) {
        aggregate_add(&g, &v[i]);
    }
    aggregate_end(&g, complete_us);
    same(&g.sum, &b);
}

static void random_histories_are_what_the_oracle_sees(void **state) {
    (void)state;
    const char *text = getenv("SEED");
    uint64_t seed = text == NULL ? 10 : strtoull(text, NULL, 10);
    printf("SEED=%llu\n", (unsigned long long)seed);
    struct rand r;
    rand_seed(&r, seed);
    for (int round = 0; round < 3000; round++) {
        make_history(&r);
        struct aggregate_rule rule = any_rule(&r);
        int64_t from_us = (int64_t)rand_below(&r, SPAN) * TICK_US;
        int64_t to_us = from_us + (2 + (int64_t)rand_below(&r, SPAN)) * TICK_US;
        int64_t complete_us =
            rand_below(&r, 2) == 0 ? INT64_C(1) << 50 : (int64_t)rand_below(&r, SPAN) * TICK_US;
        complete_us = n > 0 && complete_us < v[n - 1].t_us ? v[n - 1].t_us : complete_us;
        struct aggregate a = of(&rule, from_us, to_us, complete_us);
        check_time(&rule, &a, complete_us);
        check_counts(&a);
        check_values(&rule, &a);
        check_counter(&rule, &a);
        check_bounds(&rule, &a, complete_us);
        assert_int_equal(a.partial,
                         n == 0 ? complete_us < to_us : (complete_us < to_us && v[n - 1].t_us < to_us));
        check_halves(&rule, &a,
                     from_us +
                         (1 + (int64_t)rand_below(&r, (uint64_t)((to_us - from_us) / TICK_US - 1))) * TICK_US,
                     complete_us);
    }
}

/* --- what the standard's examples say --- */

static void given(const struct aggregate_sample *samples, uint32_t count) {
    memcpy(v, samples, count * sizeof *samples);
    n = count;
}

static void a_straight_line_and_steps_weigh_time(void **state) {
    (void)state;
    static const struct aggregate_sample ramp[] = {{.t_us = 0, .value = 0}, {.t_us = 10000000, .value = 10}};
    given(ramp, 2);
    struct aggregate a = of(&(struct aggregate_rule){.stale_us = 0}, 0, 10000000, 10000000);
    close_to(a.integral, 50);
    close_to(aggregate_average(&a), 5);
    close_to(a.start, 0);
    close_to(a.end, 10);
    a = of(&(struct aggregate_rule){.stepped = true}, 0, 20000000, 15000000);
    close_to(a.integral, 50);
    assert_int_equal(a.gap_us, 5000000);
    assert_true(a.partial);
    assert_true(isnan(a.end));
}

static void nothing_is_drawn_across_a_gap_or_a_bad_sample(void **state) {
    (void)state;
    static const struct aggregate_sample gap[] = {{.t_us = 0, .value = 4},
                                                  {.t_us = 10000000, .value = 8},
                                                  {.t_us = 11000000, .value = 9, .quality = 0x82},
                                                  {.t_us = 13000000, .value = 1}};
    given(gap, 4);
    struct aggregate a = of(&(struct aggregate_rule){.stale_us = 3000000}, 0, 13000000, 13000000);
    close_to(a.integral, 4 * 3 + 8 * 1);
    assert_int_equal(a.good_us, 4000000);
    assert_int_equal(a.gap_us, 7000000);
    assert_int_equal(a.bad_us, 2000000);
    close_to(a.max, 8);
    a = of(&(struct aggregate_rule){.stale_us = 3000000}, 5000000, 6000000, 13000000);
    assert_true(isnan(a.start));
    assert_int_equal(a.start_quality, 0xA7);
    assert_int_equal(a.count, 0);
}

static void a_step_right_at_an_end_is_the_bounding_value_on_both_sides(void **state) {
    (void)state;
    static const struct aggregate_sample steps[] = {{.t_us = 0, .value = 3}, {.t_us = 10000000, .value = 5}};
    static const struct aggregate_rule rule = {.stepped = true};
    given(steps, 2);
    struct aggregate a = of(&rule, 0, 10000000, 20000000);
    struct aggregate b = of(&rule, 10000000, 20000000, 20000000);
    close_to(a.end, 5);
    close_to(b.start, 5);
    close_to(a.end - a.start + (b.end - b.start), 2);
    close_to(aggregate_average(&a), 3);
}

static void a_counter_counts_over_its_rollover_and_its_reset(void **state) {
    (void)state;
    static const struct aggregate_sample meter[] = {{.t_us = 1, .value = 9990}, {.t_us = 2, .value = 9998},
                                                    {.t_us = 3, .value = 5},    {.t_us = 4, .value = 5000},
                                                    {.t_us = 5, .value = 3},    {.t_us = 6, .value = 10},
                                                    {.t_us = 7, .value = 9.75}, {.t_us = 8, .value = 11}};
    given(meter, 8);
    const struct aggregate_rule rule = {.stepped = true, .counter = true, .modulus = 10000};
    struct aggregate a = of(&rule, 2, 100, 100);
    /* 5000 to 3 is neither small enough for a rollover nor a little back: somebody changed the meter. */
    close_to(a.delta, 8 + 7 + 4995 + 0 + 7 - 0.25 + 1.25);
    assert_int_equal(a.rollovers, 1);
    assert_int_equal(a.resets, 1);
    const struct aggregate_rule endless = {.stepped = true, .counter = true};
    a = of(&endless, 2, 100, 100);
    assert_int_equal(a.rollovers, 0);
    assert_int_equal(a.resets, 2);
    close_to(a.delta, 8 + 0 + 4995 + 0 + 7 - 0.25 + 1.25);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories_are_what_the_oracle_sees),
        cmocka_unit_test(a_straight_line_and_steps_weigh_time),
        cmocka_unit_test(nothing_is_drawn_across_a_gap_or_a_bad_sample),
        cmocka_unit_test(a_step_right_at_an_end_is_the_bounding_value_on_both_sides),
        cmocka_unit_test(a_counter_counts_over_its_rollover_and_its_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
