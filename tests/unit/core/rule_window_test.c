/* The functions of time, one by one, through whole rules: windows, for, prev, age. */
/* Covers: rule_node.c */
#include "server/base/rand.h"
#include "server/core/rule_window.h"
#include "tests/unit/core/rule_rig.h"

#define UNKNOWN ((double)NAN)
#define NEVER   ((double)INFINITY)

/* --- windows --- */

static void averages_weigh_by_time(void **state) {
    (void)state;
    struct rig r;
    rig_rule(&r, "avg(P, 10s)");
    rig_sample(&r, "P", 0, 10);
    rig_expect(&r, 0, 7.999999, UNKNOWN);
    assert_true(rig_next(&r, 0, 7.999999) == 8);
    rig_expect(&r, 0, 8, 10);
    assert_true(rig_next(&r, 0, 8) == 10); /* the whole window is known from there on */
    rig_sample(&r, "P", 12, 20);
    rig_expect(&r, 0, 14.5, (7.5 * 10 + 2.5 * 20) / 10);
    assert_true(rig_next(&r, 0, 14.5) == 15);
    rig_expect(&r, 0, 22, 20);
    assert_true(rig_next(&r, 0, 22) == NEVER);
    rig_bad(&r, "P", 30);
    rig_expect(&r, 0, 32, 20);
    rig_expect(&r, 0, 32.000001, UNKNOWN);
    rig_sample(&r, "P", 33, 40);
    rig_expect(&r, 0, 40, UNKNOWN); /* 3 s are not known */
    rig_expect(&r, 0, 41, (1 * 0 + 8 * 40) / 8.0);
    rig_done(&r);
}

static void extremes_and_spread(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    uint32_t low = rig_add(&r, "min(P, 10s)");
    uint32_t high = rig_add(&r, "max(P, 10s)");
    uint32_t spread = rig_add(&r, "stddev(P, 10s)");
    rig_start(&r);
    rig_sample(&r, "P", 0, 4);
    rig_sample(&r, "P", 10, 8);
    rig_expect(&r, low, 15, 4);
    rig_expect(&r, high, 15, 8);
    rig_expect(&r, spread, 15, 2);
    assert_true(rig_next(&r, low, 15) == 20);
    rig_expect(&r, low, 20, 8);
    rig_expect(&r, spread, 20, 0);
    rig_sample(&r, "P", 21, 1); /* the value at t counts at once */
    rig_expect(&r, low, 21, 1);
    rig_expect(&r, high, 21, 8);
    rig_sample(&r, "P", 21, 9); /* and is gone when it is corrected */
    rig_expect(&r, low, 21, 8);
    rig_expect(&r, high, 21, 9);
    rig_expect(&r, high, 31, 9);
    rig_expect(&r, low, 31, 9);
    rig_done(&r);
}

static void a_constant_signal_has_no_spread_whatever_its_digits(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    uint32_t odd = rig_add(&r, "abs(P - avg(P, 1h)) > 4 * stddev(P, 1h)");
    rig_start(&r);
    for (int i = 0; i < 2000; i++) {
        if (i % 7 == 3) {
            rig_bad(&r, "P", i * 3.1);
        } else {
            rig_sample(&r, "P", i * 3.1, 0.1);
        }
    }
    rig_sample(&r, "P", 6200.1, 0.1);
    rig_expect(&r, odd, 6300, 0);
    rig_done(&r);
}

static void durations_are_exact(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    uint32_t seconds = rig_add(&r, "duration(R, 60s) / 1ms");
    uint32_t more = rig_add(&r, "duration(R, 60s) > 30s");
    uint32_t at_least = rig_add(&r, "duration(R, 60s) >= 30s");
    rig_start(&r);
    rig_sample(&r, "R", 0, 0);
    rig_sample(&r, "R", 100.000001, 1);
    rig_expect(&r, seconds, 110, 9999.999);
    assert_true(rig_next(&r, seconds, 110) == 111);
    /* The machine knows when it will be enough. */
    assert_true(rig_next(&r, more, 110) == 131);
    rig_expect(&r, at_least, 130, 0);
    rig_expect(&r, more, 131, 1);
    rig_expect(&r, at_least, 131, 1);
    rig_done(&r);
}

static void rises_are_counted_at_known_values_only(void **state) {
    (void)state;
    struct rig r;
    rig_rule(&r, "count(R, 60s)");
    rig_expect(&r, 0, 0, UNKNOWN); /* never seen */
    rig_sample(&r, "R", 0, 1);
    rig_expect(&r, 0, 0, 0); /* true from the first sample on is none */
    rig_bad(&r, "R", 1);
    rig_sample(&r, "R", 2, 1);
    rig_expect(&r, 0, 2, 0); /* true, unknown, true is none */
    rig_sample(&r, "R", 3, 0);
    rig_bad(&r, "R", 4);
    rig_expect(&r, 0, 4, 0);
    rig_sample(&r, "R", 5, 1);
    rig_expect(&r, 0, 5, 1); /* false, unknown, true is one */
    rig_sample(&r, "R", 10, 0);
    rig_sample(&r, "R", 11, 1);
    rig_expect(&r, 0, 11, 2);
    assert_true(rig_next(&r, 0, 11) == 65);
    rig_expect(&r, 0, 64.999999, 2);
    rig_expect(&r, 0, 65, 1);
    assert_true(rig_next(&r, 0, 65) == 71);
    rig_expect(&r, 0, 71, 0);
    assert_true(rig_next(&r, 0, 71) == NEVER);
    rig_sample(&r, "R", 80, 0);
    rig_sample(&r, "R", 81, 1);
    rig_sample(&r, "R", 81, 0); /* corrected: it has never been */
    rig_expect(&r, 0, 81, 0);
    rig_done(&r);
}

static void differences_look_back_to_the_value_in_force(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    uint32_t delta = rig_add(&r, "delta(L, 10s)");
    uint32_t rate = rig_add(&r, "rate(L, 10s)");
    rig_start(&r);
    rig_sample(&r, "L", 0, 5);
    rig_expect(&r, delta, 9.999999, UNKNOWN);
    assert_true(rig_next(&r, delta, 9) == 10);
    rig_expect(&r, delta, 10, 0); /* a sample at t - w itself counts */
    rig_sample(&r, "L", 12, 9);
    rig_expect(&r, delta, 12, 4);
    rig_expect(&r, rate, 12, 0.4);
    assert_true(rig_next(&r, delta, 12) == 22);
    rig_expect(&r, delta, 21.999999, 4);
    rig_expect(&r, delta, 22, 0);
    assert_true(rig_next(&r, delta, 22) == NEVER);
    rig_bad(&r, "L", 30);
    rig_expect(&r, delta, 30, UNKNOWN);
    rig_sample(&r, "L", 31, 9);
    rig_expect(&r, delta, 35, 0);
    rig_expect(&r, delta, 40.5, UNKNOWN); /* it was unknown then */
    rig_expect(&r, delta, 41, 0);
    rig_done(&r);
}

static void evidence_may_be_older_than_the_clock(void **state) {
    (void)state;
    struct rig r;
    rig_rule(&r, "avg(P, 10s)");
    rig_sample(&r, "P", 0, 0);
    rig_expect(&r, 0, 20, 0);
    rig_sample(&r, "P", 15, 10); /* arrives at 20 */
    rig_expect(&r, 0, 20, 5);
    rig_expect(&r, 0, 21, 6);
    rig_done(&r);
}

static void inputs_that_lag_count_from_the_newest_evidence(void **state) {
    (void)state;
    struct rig r;
    rig_rule(&r, "avg(P + Q, 10s)");
    rig_sample(&r, "P", 0, 0);
    rig_sample(&r, "Q", 0, 0);
    rig_sample(&r, "P", 20, 10);
    rig_sample(&r, "Q", 18, 10); /* a slower gateway */
    rig_expect(&r, 0, 25, 10);
    rig_done(&r);
}

static void an_older_time_than_the_newest_evidence_promises_nothing(void **state) {
    (void)state;
    struct rig r;
    rig_rule(&r, "duration(R, 10s) > 3s");
    rig_sample(&r, "R", 0, 0);
    rig_sample(&r, "R", 104, 1); /* a gateway whose clock is ahead */
    rig_expect(&r, 0, 100, 0);
    assert_true(rig_next(&r, 0, 100) == 101);
    rig_expect(&r, 0, 108, 1);
    rig_done(&r);
}

static void a_programs_time_never_falls(void **state) {
    (void)state;
    struct rig r;
    rig_rule(&r, "avg(P, 10s)");
    rig_sample(&r, "P", 0, 0);
    rig_sample(&r, "P", 10, 10);
    rig_expect(&r, 0, 15, 5);
    rig_expect(&r, 0, 12, 5); /* as of 15 */
    rig_expect(&r, 0, 16, 6);
    rig_done(&r);
}

static void programs_may_look_at_a_window_at_different_times(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    uint32_t one = rig_add(&r, "avg(P, 10s) + 0 * Q");
    uint32_t two = rig_add(&r, "avg(P, 10s)");
    rig_start(&r);
    rig_set(&r, "Q", 1);
    for (int i = 0; i < 20; i++) {
        rig_sample(&r, "P", i, i);
    }
    rig_expect(&r, one, 40, 19);
    rig_expect(&r, two, 19, (9 + 18) / 2.0);
    rig_expect(&r, two, 20, (10 + 19) / 2.0);
    rig_expect(&r, one, 41, 19);
    rig_done(&r);
}

static void a_full_ring_keeps_the_totals(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    uint32_t mean = rig_add(&r, "avg(P, 1h)");
    uint32_t high = rig_add(&r, "max(P, 1h)");
    uint32_t spread = rig_add(&r, "stddev(P, 1h)");
    uint32_t on = rig_add(&r, "duration(R, 1h) / 1s");
    uint32_t rises = rig_add(&r, "count(R, 1h)");
    uint32_t change = rig_add(&r, "delta(P, 1h)");
    rig_start(&r);
    assert_int_equal(rule_machine_resolution_us(r.m, mean), 0);
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < 3600; i++) { /* far more than are kept apart */
        double v = (i * 37) % 100;
        rig_sample(&r, "P", i, v);
        rig_sample(&r, "R", i, i % 4 == 2);
        /* Sums are right in between, too, while segments are being merged. */
        rig_expect(&r, mean, i, i < 2880 ? UNKNOWN : sum / i);
        sum += v;
        squares += v * v;
    }
    rig_expect(&r, mean, 3600, sum / 3600);
    rig_expect(&r, high, 3600, 99);
    rig_expect(&r, spread, 3600, sqrt(squares / 3600 - sum / 3600 * sum / 3600));
    rig_expect(&r, on, 3600, 900);
    rig_expect(&r, rises, 3600, 900);
    assert_true(!isnan(rig_value(&r, change, 3600)));
    int64_t blur_us = rule_machine_resolution_us(r.m, mean);
    assert_true(blur_us > 0 && blur_us <= INT64_C(60000000));
    /* The edge of the window is blurred by no more than that. */
    double later = rig_value(&r, on, 5400.5);
    assert_true(fabs(later - 450) <= 60);
    later = rig_value(&r, rises, 5400.5);
    assert_true(fabs(later - 450) <= 60);
    rig_expect(&r, on, 7300, 0);
    rig_expect(&r, rises, 7300, 0);
    rig_done(&r);
}

/* Looks inside: at the border of each segment, after many samples, the sum over the window is that of
 * the segments in it, added up one by one. */
static void sums_are_those_of_the_segments(void **state) {
    (void)state;
    static const int64_t widths_us[] = {1000000000, 300000};
    for (size_t k = 0; k < COUNT(widths_us); k++) {
        struct rule_window *w = calloc(1, sizeof *w);
        struct rand random;
        int64_t t_us = 0;
        assert_non_null(w);
        rand_seed(&random, 3 + k);
        for (int i = 0; i < 1500; i++) {
            t_us += 1 + (int64_t)rand_below(&random, 2000);
            rule_window_put(w, widths_us[k], rule_known((double)rand_below(&random, 1000), false), t_us);
            double area = 0;
            for (uint64_t j = i % 7 == 0 ? w->end : w->first + 1; j-- > w->first + 1;) {
                const struct rule_segment *g = &w->segments[j % RULE_SEGMENTS];
                int64_t then_us = g->start_us + widths_us[k];
                area += g->sum.area;
                double whole = area + w->now.v * (double)(then_us - w->now_us);
                if (then_us < t_us) {
                    continue; /* no window is as old as that any more */
                }
                struct rule_live is = rule_window_read(w, widths_us[k], RULE_OP_AVG, then_us);
                assert_true(is.value.known);
                assert_true(fabs(is.value.v - whole / (double)widths_us[k]) < 1e-6);
            }
        }
        assert_true(k > 0 || w->end - w->first == RULE_SEGMENTS);
        assert_true(w->split > w->first); /* and not by the slow way only */
        free(w);
    }
}

/* While the edge passes through merged segments: no result changes between the seconds that are asked for. */
static void a_full_ring_promises_no_more_than_it_keeps(void **state) {
    (void)state;
    static const char *const rules[] = {
        "avg(P, 10min)",           "min(P, 10min)",   "max(P, 10min)",
        "stddev(P, 10min)",        "delta(P, 10min)", "duration(R, 10min) > 2min",
        "duration(R, 10min) / 1s", "count(R, 10min)", "count(bad(P), 10min)"};
    struct rig r;
    struct rand random;
    rand_seed(&random, 11);
    rig_init(&r);
    for (size_t i = 0; i < COUNT(rules); i++) {
        (void)rig_add(&r, rules[i]); /* evaluated each second */
        (void)rig_add(&r, rules[i]); /* evaluated when it is asked for */
    }
    rig_start(&r);
    for (int i = 0; i < 6000; i++) {
        if (rand_below(&random, 5) == 0) {
            rig_bad(&r, "P", i / 10.0);
        } else {
            rig_sample(&r, "P", i / 10.0, (double)rand_below(&random, 50));
        }
        rig_sample(&r, "R", i / 10.0, (double)rand_below(&random, 2));
    }
    assert_true(rule_machine_resolution_us(r.m, 0) > 0);
    struct rule_result last[COUNT(rules)];
    uint32_t skipped = 0;
    for (uint32_t t = 600; t < 1300; t++) {
        for (uint32_t i = 0; i < COUNT(rules); i++) {
            struct rule_value now = rig_eval(&r, 2 * i, t).value;
            if (t == 600 || rig_us(&r, t) >= last[i].next_us) {
                last[i] = rig_eval(&r, 2 * i + 1, t);
            } else {
                skipped++;
            }
            if (now.known != last[i].value.known || now.v != last[i].value.v) {
                fail_msg("%s at %u is %g, not %g", rules[i], t, now.v, last[i].value.v);
            }
        }
    }
    assert_true(skipped > 1000);
    rig_done(&r);
}

static void a_signal_that_does_not_move_takes_no_room(void **state) {
    (void)state;
    struct rig r;
    rig_rule(&r, "avg(P, 1h)");
    for (int i = 0; i < 5000; i++) {
        rig_sample(&r, "P", i, 7);
    }
    assert_int_equal(rule_machine_resolution_us(r.m, 0), 0);
    rig_expect(&r, 0, 5000, 7);
    assert_true(rig_next(&r, 0, 5000) == NEVER); /* a steady plant costs nothing */
    rig_done(&r);
}

/* --- for, prev, age --- */

static void for_gathers_known_true_time(void **state) {
    (void)state;
    struct rig r;
    rig_rule(&r, "for(R, 10s)");
    rig_expect(&r, 0, 0, UNKNOWN);
    rig_sample(&r, "R", 0, 1);
    rig_expect(&r, 0, 0, 0);
    assert_true(rig_next(&r, 0, 0) == 10);
    rig_bad(&r, "R", 4);
    rig_expect(&r, 0, 5, UNKNOWN);
    assert_true(rig_next(&r, 0, 5) == NEVER);
    rig_sample(&r, "R", 20, 1); /* 4 s are gathered */
    rig_expect(&r, 0, 25.999999, 0);
    assert_true(rig_next(&r, 0, 20) == 26);
    rig_expect(&r, 0, 26, 1);
    assert_true(rig_next(&r, 0, 26) == NEVER);
    rig_sample(&r, "R", 30, 0);
    rig_expect(&r, 0, 30, 0);
    rig_bad(&r, "R", 31);
    rig_sample(&r, "R", 32, 1);
    rig_expect(&r, 0, 41.9, 0); /* from the start again */
    rig_expect(&r, 0, 42, 1);
    rig_sample(&r, "R", 50, 0);
    rig_sample(&r, "R", 50, 1); /* corrected: it has been true all the time */
    rig_expect(&r, 0, 50, 1);
    rig_done(&r);
}

static void prev_is_the_good_value_before(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    uint32_t before = rig_add(&r, "prev(P)");
    uint32_t changes = rig_add(&r, "count(P != prev(P), 1h)");
    rig_start(&r);
    rig_sample(&r, "P", 0, 1);
    rig_expect(&r, before, 0, UNKNOWN);
    rig_sample(&r, "P", 1, 2);
    rig_expect(&r, before, 1, 1);
    rig_sample(&r, "P", 1, 3); /* the same time: a correction */
    rig_expect(&r, before, 1, 1);
    rig_bad(&r, "P", 2);
    rig_expect(&r, before, 2, 1);
    rig_sample(&r, "P", 3, 4);
    rig_expect(&r, before, 3, 3);
    rig_sample(&r, "P", 4, 4);
    rig_expect(&r, before, 4, 4);
    rig_sample(&r, "P", 5, 5);
    rig_expect(&r, changes, 5, 1); /* the first comparisons were true from the start */
    rig_done(&r);
}

static void a_loss_of_quality_is_no_sample(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    uint32_t before = rig_add(&r, "prev(P)");
    uint32_t old = rig_add(&r, "age(P) / 1s");
    uint32_t mean = rig_add(&r, "avg(P, 10s)");
    rig_start(&r);
    rig_sample(&r, "P", 0, 1);
    rig_sample(&r, "P", 1, 2);
    struct rule_reader reader = rig_reader(&r);
    uint32_t tag = rig_tag("P");
    rig_lose(&r, "P");
    rule_machine_quality(r.m, &reader, &tag, 1, rig_us(&r, 5));
    rig_expect(&r, before, 5, 1);
    rig_expect(&r, old, 5, 4);
    rig_expect(&r, mean, 10, UNKNOWN); /* it is for a window */
    rig_set(&r, "P", 2);
    rule_machine_quality(r.m, &reader, &tag, 1, rig_us(&r, 10)); /* the link is back, no sample yet */
    rig_expect(&r, before, 10, 1);
    rig_expect(&r, old, 10, 9);
    rig_expect(&r, mean, 20, 2);
    rig_done(&r);
}

static void age_runs_in_source_time(void **state) {
    (void)state;
    struct rig r;
    rig_init(&r);
    uint32_t seconds = rig_add(&r, "age(P) / 1s");
    uint32_t stale = rig_add(&r, "age(P) > 1h");
    uint32_t either = rig_add(&r, "value_or(age(P), 5s) - 10s >= -(2 * 5s) + 20s");
    rig_start(&r);
    rig_expect(&r, seconds, 0, UNKNOWN);
    assert_true(rig_next(&r, seconds, 0) == NEVER);
    rig_sample(&r, "P", 10, 1);
    rig_expect(&r, seconds, 12.5, 2.5);
    assert_true(rig_next(&r, seconds, 12.5) == 13);
    rig_expect(&r, stale, 12.5, 0);
    assert_true(rig_next(&r, stale, 12.5) == 3610); /* not asked each second */
    rig_expect(&r, stale, 3610, 0);
    assert_true(rig_next(&r, stale, 3610) == 3611);
    rig_expect(&r, stale, 3611, 1);
    assert_true(rig_next(&r, stale, 3611) == NEVER);
    rig_expect(&r, either, 13, 0);
    assert_true(rig_next(&r, either, 13) == 30);
    rig_expect(&r, either, 30, 1);
    rig_bad(&r, "P", 4000);
    rig_expect(&r, seconds, 4000, 3990);
    rig_done(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(averages_weigh_by_time),
        cmocka_unit_test(extremes_and_spread),
        cmocka_unit_test(a_constant_signal_has_no_spread_whatever_its_digits),
        cmocka_unit_test(durations_are_exact),
        cmocka_unit_test(rises_are_counted_at_known_values_only),
        cmocka_unit_test(differences_look_back_to_the_value_in_force),
        cmocka_unit_test(evidence_may_be_older_than_the_clock),
        cmocka_unit_test(inputs_that_lag_count_from_the_newest_evidence),
        cmocka_unit_test(an_older_time_than_the_newest_evidence_promises_nothing),
        cmocka_unit_test(a_programs_time_never_falls),
        cmocka_unit_test(programs_may_look_at_a_window_at_different_times),
        cmocka_unit_test(a_full_ring_keeps_the_totals),
        cmocka_unit_test(sums_are_those_of_the_segments),
        cmocka_unit_test(a_full_ring_promises_no_more_than_it_keeps),
        cmocka_unit_test(a_signal_that_does_not_move_takes_no_room),
        cmocka_unit_test(for_gathers_known_true_time),
        cmocka_unit_test(prev_is_the_good_value_before),
        cmocka_unit_test(a_loss_of_quality_is_no_sample),
        cmocka_unit_test(age_runs_in_source_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
