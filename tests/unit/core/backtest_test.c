/* Two configurations driven through the same past, and settings tried for one alarm.
 * Covers: backtest_scope.c, backtest_report.c, backtest_suggest.c */
#include "server/base/rand.h"
#include "server/core/backtest.h"
#include "server/core/backtest_state.h"
#include "tests/lib/past_model.h"
#include "tests/lib/unit.h"

#include <string.h>

static const int64_t from_us = INT64_C(1700000000000000);
#define AT(s) (from_us + (int64_t)((double)(s)*1e6))

static const struct past_spec base = {
    .n_tags = 3,
    .n_alarms = 3,
    .gateway_of_tag = {0, 1, 0},
    .alarms = {{.name = "S1/T0.high", .kind = ALARM_HIGH, .tag = 0, .limit = 10},
               {.name = "S1/T1.high", .kind = ALARM_HIGH, .tag = 1, .limit = 10, .position = 1},
               {.name = "S1/T2.low", .kind = ALARM_LOW, .tag = 2, .limit = 1}}};

struct rig {
    struct model *now;
    struct model *then;
    struct backtest *bt;
    const struct backtest_report *r;
};

static enum status try_open(struct rig *g, const struct past_spec *now, const struct past_spec *then,
                            struct backtest_config cfg) {
    g->now = past_model(now);
    g->then = past_model(then);
    cfg.now = g->now;
    cfg.then = g->then;
    cfg.from_us = from_us;
    cfg.to_us = cfg.to_us == 0 ? AT(86400) : cfg.to_us;
    cfg.warm_us = 3600000000;
    return backtest_new(&cfg, &g->bt, NULL);
}

static struct rig rig_open(const struct past_spec *now, const struct past_spec *then,
                           struct backtest_config cfg) {
    struct rig g = {0};
    assert_int_equal(try_open(&g, now, then, cfg), OK);
    return g;
}

static void rig_close(struct rig *g) {
    backtest_free(&g->bt);
    model_free(&g->now);
    model_free(&g->then);
}

/* place in the feed of the tag of `now` */
static uint32_t place(const struct rig *g, uint32_t tag) {
    uint32_t n = 0;
    const struct backtest_tag *v = backtest_tags(g->bt, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].now == tag) {
            return i;
        }
    }
    return MODEL_NONE;
}

static void value(struct rig *g, uint32_t tag, double s, double v) {
    const struct sample sample = {.tag = place(g, tag), .t_us = AT(s), .value = v};
    assert_true(sample.tag != MODEL_NONE);
    backtest_samples(g->bt, &sample, 1);
}

static void pulse(struct rig *g, uint32_t tag, double s, double length_s, double v) {
    value(g, tag, s, v);
    value(g, tag, s + length_s, 5);
}

static void finish(struct rig *g) {
    assert_int_equal(backtest_finish(g->bt, &g->r, NULL), OK);
}

static void a_higher_limit_loses_what_stays_below_it(void **state) {
    (void)state;
    struct past_spec then = base;
    then.alarms[0].limit = 12;
    struct rig g = rig_open(&base, &then, (struct backtest_config){0});
    pulse(&g, 0, 1000, 10, 11);
    pulse(&g, 0, 2000, 10, 15);
    finish(&g);
    assert_int_equal(g.r->now.n, 2);
    assert_int_equal(g.r->then.n, 1);
    assert_int_equal(g.r->n_removed, 1);
    assert_int_equal(g.r->n_missed, 1);
    assert_int_equal(g.r->n_added, 0);
    assert_int_equal(g.r->n_moved, 0);
    assert_int_equal(g.r->removed[0].src_us, AT(1000));
    assert_int_equal(g.r->removed[0].end_us, AT(1010));
    assert_false(g.r->removed[0].covered);
    assert_true(slice_is(g.r->removed[0].alarm, "S1/T0.high"));
    assert_int_equal(g.r->n_alarms, 1);
    assert_int_equal(g.r->alarms[0].now, 2);
    assert_int_equal(g.r->alarms[0].then, 1);
    assert_int_equal(g.r->now.days[0], 2);
    assert_int_equal(g.r->then.days[0], 1);
    assert_false(g.r->truncated);
    rig_close(&g);
}

static void an_off_delay_merges_and_loses_nothing(void **state) {
    (void)state;
    struct past_spec then = base;
    then.alarms[0].off_s = 30;
    struct rig g = rig_open(&base, &then, (struct backtest_config){0});
    for (int i = 0; i < 10; i++) {
        pulse(&g, 0, 1000 + 20 * i, 5, 15);
    }
    finish(&g);
    assert_int_equal(g.r->now.n, 10);
    assert_int_equal(g.r->then.n, 1);
    assert_int_equal(g.r->n_removed, 9);
    assert_int_equal(g.r->n_missed, 0);
    assert_true(g.r->removed[8].covered);
    assert_int_equal(g.r->later_us, 0);
    rig_close(&g);
}

static void an_on_delay_makes_it_later_and_says_by_how_much(void **state) {
    (void)state;
    struct past_spec then = base;
    then.alarms[0].on_s = 8;
    struct rig g = rig_open(&base, &then, (struct backtest_config){0});
    pulse(&g, 0, 1000, 5, 15);
    pulse(&g, 0, 2000, 300, 15);
    finish(&g);
    assert_int_equal(g.r->n_moved, 1);
    assert_int_equal(g.r->later_us, 8000000);
    assert_int_equal(g.r->sooner_us, 0);
    assert_int_equal(g.r->n_removed, 1);
    rig_close(&g);
}

static void the_one_that_overlaps_is_the_same_not_the_one_before(void **state) {
    (void)state;
    struct past_spec then = base;
    then.alarms[0].limit = 12;
    struct rig g = rig_open(&base, &then, (struct backtest_config){0});
    pulse(&g, 0, 1000, 10, 11); /* now only */
    pulse(&g, 0, 1030, 10, 15); /* both */
    finish(&g);
    assert_int_equal(g.r->n_removed, 1);
    assert_int_equal(g.r->removed[0].src_us, AT(1000));
    assert_true(g.r->removed[0].covered); /* somebody was told within the minute */
    assert_int_equal(g.r->n_moved, 0);
    rig_close(&g);
}

static void only_what_the_change_touches_is_read_and_judged(void **state) {
    (void)state;
    struct past_spec then = base;
    then.alarms[1].deadband = 3;
    struct rig g = rig_open(&base, &then, (struct backtest_config){0});
    uint32_t n = 0;
    const struct backtest_tag *tags = backtest_tags(g.bt, &n);
    assert_int_equal(n, 1);
    assert_int_equal(tags[0].key, 51);
    assert_int_equal(tags[0].gateway, 1);
    finish(&g);
    assert_int_equal(g.r->n_judged, 1);
    rig_close(&g);
}

static void what_a_rule_reads_is_read_and_touches_its_alarm(void **state) {
    (void)state;
    static const struct backtest_changed changed = {.kind = BACKTEST_TAG, .name = {.p = "S1/T1", .n = 5}};
    struct past_spec ruled = base;
    ruled.suppress_first = "\"S1/T1\" > 3";
    struct rig g = rig_open(&ruled, &ruled, (struct backtest_config){.changed = &changed, .n_changed = 1});
    uint32_t n = 0;
    (void)backtest_tags(g.bt, &n);
    assert_int_equal(n, 2); /* T1 itself, and T0 whose alarm it suppresses */
    assert_true(place(&g, 0) != MODEL_NONE);
    assert_true(place(&g, 1) != MODEL_NONE);
    finish(&g);
    assert_int_equal(g.r->n_judged, 2);
    rig_close(&g);
}

static void a_changed_tag_touches_its_alarms(void **state) {
    (void)state;
    static const struct backtest_changed changed = {.kind = BACKTEST_TAG, .name = {.p = "S1/T2", .n = 5}};
    struct rig g = rig_open(&base, &base, (struct backtest_config){.changed = &changed, .n_changed = 1});
    uint32_t n = 0;
    assert_int_equal(backtest_tags(g.bt, &n)[0].key, 52);
    assert_int_equal(n, 1);
    rig_close(&g);
}

static void a_change_that_touches_no_alarm_is_refused(void **state) {
    (void)state;
    struct rig g = {0};
    assert_int_equal(try_open(&g, &base, &base, (struct backtest_config){0}), ERR_INVALID);
    rig_close(&g);
}

static void of_the_whole_the_others_count_alike_in_both(void **state) {
    (void)state;
    struct past_spec then = base;
    then.alarms[0].limit = 20;
    struct rig g = rig_open(&base, &then, (struct backtest_config){.whole = true});
    value(&g, 2, 0, 5);
    pulse(&g, 0, 1000, 10, 15);
    pulse(&g, 1, 2000, 10, 15);
    value(&g, 2, 3000, 0);
    finish(&g);
    assert_int_equal(g.r->now.n, 3);
    assert_int_equal(g.r->then.n, 2);
    assert_int_equal(g.r->n_judged, 3);
    assert_int_equal(g.r->n_alarms, 3);
    assert_true(slice_is(g.r->alarms[0].name, "S1/T0.high"));
    assert_int_equal(g.r->alarms[1].then, 1);
    rig_close(&g);
}

static void a_new_alarm_adds_and_a_new_tag_cannot_be_judged(void **state) {
    (void)state;
    struct past_spec then = base;
    then.n_tags = 4;
    then.new_tag = 4;
    then.alarms[3] = (struct past_alarm){.name = "S1/T2.high", .kind = ALARM_HIGH, .tag = 2, .limit = 8};
    then.alarms[4] = (struct past_alarm){.name = "S1/T3.high", .kind = ALARM_HIGH, .tag = 3, .limit = 8};
    then.n_alarms = 5;
    struct rig g = rig_open(&base, &then, (struct backtest_config){0});
    pulse(&g, 2, 1000, 10, 9);
    finish(&g);
    assert_int_equal(g.r->now.n, 0);
    assert_int_equal(g.r->then.n, 1);
    assert_int_equal(g.r->n_added, 1);
    assert_true(slice_is(g.r->added[0].alarm, "S1/T2.high"));
    assert_false(g.r->added[0].covered);
    assert_int_equal(g.r->n_unjudged, 1);
    rig_close(&g);
}

static void another_scale_applies_to_what_was_received(void **state) {
    (void)state;
    static const struct backtest_changed changed = {.kind = BACKTEST_TAG, .name = {.p = "S1/T0", .n = 5}};
    struct past_spec then = base;
    then.scale = 2;
    struct rig g = rig_open(&base, &then, (struct backtest_config){.changed = &changed, .n_changed = 1});
    pulse(&g, 0, 1000, 10, 6); /* 12 there */
    value(&g, 0, 2000, 4);     /* 8 there: it returns */
    finish(&g);
    assert_int_equal(g.r->now.n, 0);
    assert_int_equal(g.r->then.n, 1);
    rig_close(&g);
}

static void what_stood_before_the_period_is_no_annunciation_in_it(void **state) {
    (void)state;
    struct past_spec then = base;
    then.alarms[0].limit = 12;
    struct rig g = rig_open(&base, &then, (struct backtest_config){0});
    value(&g, 0, -100000, 11);
    value(&g, 0, 1000, 13); /* `then` begins here; now it has been active for a day */
    finish(&g);
    assert_int_equal(g.r->now.n, 0);
    assert_int_equal(g.r->then.n, 1);
    assert_int_equal(g.r->n_added, 0); /* the same occurrence */
    assert_int_equal(g.r->n_moved, 1);
    rig_close(&g);
}

static void a_lost_link_is_seen_and_what_was_known_is_told_again(void **state) {
    (void)state;
    struct past_spec now = base;
    now.n_alarms = 4;
    now.alarms[3] = (struct past_alarm){.name = "S1/gw-0.comm", .kind = ALARM_COMM, .on_s = 30};
    struct past_spec then = now;
    then.alarms[3].on_s = 300;
    then.alarms[0].on_s = 50;
    struct rig g = rig_open(&now, &then, (struct backtest_config){.links = true});
    value(&g, 0, 0, 5);
    backtest_link(g.bt, 0, false, AT(900));
    value(&g, 0, 990, 15); /* does not count while the link is down */
    backtest_link(g.bt, 0, true, AT(1000));
    value(&g, 0, 2000, 5);
    finish(&g);
    assert_int_equal(g.r->now.n, 2); /* the link, and the high value, at its return */
    assert_int_equal(g.r->then.n, 1);
    assert_int_equal(g.r->n_missed, 1);
    assert_true(slice_is(g.r->removed[0].alarm, "S1/gw-0.comm"));
    assert_int_equal(g.r->removed[0].src_us, AT(930));
    rig_close(&g);
}

static void the_longest_flood_and_the_worst_position_are_named(void **state) {
    (void)state;
    struct past_spec then = base;
    then.alarms[1].limit = 20;
    struct rig g = rig_open(&base, &then, (struct backtest_config){0});
    for (int i = 0; i < 12; i++) {
        pulse(&g, 1, 600 + 40 * i, 5, 15);
    }
    for (int i = 0; i < 6; i++) {
        pulse(&g, 1, 1200 + 80 * i, 5, 15);
    }
    finish(&g);
    assert_int_equal(g.r->now.longest_flood.from_us, AT(600));
    assert_int_equal(g.r->now.longest_flood.to_us, AT(1800));
    assert_int_equal(g.r->now.longest_flood.n, 18);
    assert_int_equal(g.r->now.longest_flood.peak, 12);
    assert_true(slice_is(g.r->now.longest_flood.position, "heat"));
    assert_true(slice_is(g.r->now.worst_position, "heat"));
    assert_int_equal(g.r->now.worst_n, 18);
    assert_int_equal(g.r->now.worst_peak, 12);
    assert_int_equal(g.r->then.longest_flood.to_us, 0);
    rig_close(&g);
}

static void what_is_too_much_is_said(void **state) {
    (void)state;
    struct past_spec then = base;
    then.alarms[0].limit = 20;
    struct rig g = rig_open(&base, &then, (struct backtest_config){0});
    for (int i = 0; i < BACKTEST_LISTED_MAX + 1; i++) {
        pulse(&g, 0, 10 + 20 * i, 5, 15);
    }
    finish(&g);
    assert_true(g.r->truncated);
    assert_int_equal(g.r->n_removed, BACKTEST_LISTED_MAX + 1);
    assert_int_equal(g.r->n_removed_listed, BACKTEST_LISTED_MAX);
    assert_int_equal(g.r->removed[0].src_us, AT(10));
    rig_close(&g);
    g = rig_open(&base, &then, (struct backtest_config){.occurrences_max = 1});
    pulse(&g, 0, 10, 5, 15);
    pulse(&g, 0, 1000, 5, 15);
    finish(&g);
    assert_true(g.r->truncated);
    assert_int_equal(g.r->now.n, 2);
    assert_int_equal(g.r->n_removed, 1); /* of what was kept */
    assert_int_equal(g.r->compared_until_us, AT(1000));
    rig_close(&g);
    then.alarms[0].limit = 10;
    then.alarms[0].off_s = 100; /* now has no room for the second burst, then has: it is not taken for new */
    g = rig_open(&base, &then, (struct backtest_config){.occurrences_max = 2});
    for (int i = 0; i < 6; i++) {
        pulse(&g, 0, i < 3 ? 10 + 20 * i : 10000 + 20 * i, 5, 15);
    }
    finish(&g);
    assert_int_equal(g.r->now.n, 6);
    assert_int_equal(g.r->then.n, 2);
    assert_int_equal(g.r->n_added, 0);
    assert_int_equal(g.r->n_removed, 1);
    rig_close(&g);
}

static void equal_times_of_two_gateways_may_come_in_any_order(void **state) {
    (void)state;
    struct past_spec then = base;
    then.alarms[0].limit = then.alarms[1].limit = 20;
    struct rig g = rig_open(&base, &then, (struct backtest_config){.whole = true});
    const struct sample v[3] = {{.tag = place(&g, 1), .t_us = AT(10), .value = 15},
                                {.tag = place(&g, 2), .t_us = AT(10), .value = 0},
                                {.tag = place(&g, 0), .t_us = AT(10), .value = 15}};
    backtest_samples(g.bt, v, 2);
    backtest_samples(g.bt, v + 2, 1);
    finish(&g);
    assert_int_equal(g.r->now.n, 3);
    assert_int_equal(g.r->then.n, 1);
    assert_int_equal(g.r->n_samples, 3);
    rig_close(&g);
}

/* Values at random near limits, bad ones, lost links: with and without those that can change nothing. */
static void at_random(struct rig *g, uint64_t seed) {
    struct rand r;
    rand_seed(&r, seed);
    bool up[PAST_GATEWAYS] = {true, true};
    for (int i = 0; i < 3000; i++) {
        uint32_t tag = (uint32_t)rand_below(&r, 3);
        double s = 20 * i + (double)rand_below(&r, 15);
        if (rand_below(&r, 200) == 0) {
            uint32_t gateway = (uint32_t)rand_below(&r, PAST_GATEWAYS);
            up[gateway] = !up[gateway];
            backtest_link(g->bt, gateway, up[gateway], AT(s));
            continue;
        }
        const struct sample sample = {.tag = place(g, tag),
                                      .quality = rand_below(&r, 20) == 0 ? QUALITY_BAD | REASON_SENSOR : 0,
                                      .t_us = AT(s),
                                      .value = (double)rand_below(&r, 14)};
        backtest_samples(g->bt, &sample, 1);
    }
}

static void what_cannot_change_anything_may_be_left_out(void **state) {
    (void)state;
    struct past_spec now = base;
    now.alarms[0].deadband = 2;
    now.alarms[0].on_s = 30;
    now.alarms[2].off_s = 50;
    struct past_spec then = now;
    then.alarms[0].limit = 9;
    then.alarms[1].off_s = 70;
    then.alarms[2].deadband = 3;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        const struct backtest_config every = {.every_sample = true, .links = true};
        struct rig a = rig_open(&now, &then, every);
        struct rig b = rig_open(&now, &then, (struct backtest_config){.links = true});
        at_random(&a, seed);
        at_random(&b, seed);
        finish(&a);
        finish(&b);
        assert_true(a.r->now.n > 100 && a.r->n_added + a.r->n_removed > 10);
        assert_int_equal(a.r->now.n, b.r->now.n);
        assert_int_equal(a.r->then.n, b.r->then.n);
        assert_int_equal(a.r->later_us, b.r->later_us);
        assert_int_equal(a.r->n_removed_listed, b.r->n_removed_listed);
        assert_int_equal(a.r->n_added_listed, b.r->n_added_listed);
        for (uint32_t i = 0; i < a.r->n_removed_listed; i++) {
            assert_int_equal(a.r->removed[i].src_us, b.r->removed[i].src_us);
            assert_int_equal(a.r->removed[i].at_us, b.r->removed[i].at_us);
            assert_int_equal(a.r->removed[i].end_us, b.r->removed[i].end_us);
        }
        for (uint32_t i = 0; i < a.r->n_added_listed; i++) {
            assert_int_equal(a.r->added[i].src_us, b.r->added[i].src_us);
            assert_int_equal(a.r->added[i].at_us, b.r->added[i].at_us);
            assert_int_equal(a.r->added[i].end_us, b.r->added[i].end_us);
        }
        rig_close(&a);
        rig_close(&b);
    }
}

static void only_limit_alarms_leave_a_quiet_band(void **state) {
    (void)state;
    static const struct past_spec spec = {
        .n_tags = 5,
        .n_alarms = 6,
        .suppress_first = "\"S1/T2\" > 3",
        .alarms = {{.name = "S1/T0.high", .kind = ALARM_HIGH, .tag = 0, .limit = 10, .deadband = 2},
                   {.name = "S1/T0.low", .kind = ALARM_LOW, .tag = 0, .limit = 3, .deadband = 1},
                   {.name = "S1/T1.high", .kind = ALARM_HIGH, .tag = 1, .limit = 10},
                   {.name = "S1/T1.state", .kind = ALARM_STATE, .tag = 1},
                   {.name = "S1/T2.high", .kind = ALARM_HIGH, .tag = 2, .limit = 10},
                   {.name = "S1/T3.high", .kind = ALARM_HIGH, .tag = 3, .limit = NAN}}};
    struct model *m = past_model(&spec);
    double low[PAST_TAGS];
    double high[PAST_TAGS];
    m->tags[4].stale_us = 1;
    backtest_quiet_bands(m, low, high);
    assert_true(low[0] == 4 && high[0] == 8);
    for (uint32_t tag = 1; tag < m->n_tags; tag++) {
        assert_false(low[tag] < high[tag]); /* another kind, a rule, a limit that is a tag, staleness */
    }
    model_free(&m);
}

/* --- suggestions */

static const struct past_spec tried = {
    .n_tags = 1,
    .n_alarms = 5,
    .alarms = {{.name = "S1/T0.high", .kind = ALARM_HIGH, .limit = 10},
               {.name = "S1/T0.high.a", .kind = ALARM_HIGH, .limit = 10, .off_s = 20},
               {.name = "S1/T0.high.b", .kind = ALARM_HIGH, .limit = 10, .off_s = 60},
               {.name = "S1/T0.high.c", .kind = ALARM_HIGH, .limit = 10, .on_s = 10},
               {.name = "S1/T0.high.d", .kind = ALARM_HIGH, .limit = 10, .deadband = 1, .off_s = 20}}};

static void suggest(int64_t later_max_us, double step_s, struct rig *g, struct model **variants) {
    static const uint32_t alarms[] = {0, 1, 2, 3, 4};
    *variants = past_model(&tried);
    struct backtest_config cfg = {
        .variants = {.model = *variants, .alarms = alarms, .n = 5, .later_max_us = later_max_us}};
    *g = rig_open(&base, &base, cfg);
    for (int burst = 0; burst < 3; burst++) {
        for (int i = 0; i < 30; i++) {
            pulse(g, 0, 1000 + 20000 * burst + step_s * i, step_s / 2, 15);
        }
    }
    finish(g);
}

static void the_gentlest_of_the_best_settings_is_suggested(void **state) {
    (void)state;
    struct rig g = {0};
    struct model *variants = NULL;
    suggest(0, 16, &g, &variants);
    assert_int_equal(g.r->n_rows, 5);
    assert_int_equal(g.r->rows[0].n, 90);
    assert_int_equal(g.r->rows[1].n, 3);
    assert_int_equal(g.r->rows[2].n, 3);
    assert_int_equal(g.r->rows[3].n, 0);
    assert_true(g.r->rows[3].missed > 0);
    assert_int_equal(g.r->best, 1);
    char text[200];
    backtest_suggestion(g.r, slice_str("m"), text, sizeof text);
    assert_string_equal(text, "off-delay 20 s would have cut 90 to 3, latest alarm 0 s later");
    rig_close(&g);
    model_free(&variants);
}

static void what_comes_too_late_or_misses_one_is_not_suggested(void **state) {
    (void)state;
    struct rig g = {0};
    struct model *variants = NULL;
    suggest(0, 400, &g, &variants); /* 200 s each: only the on-delay changes anything, and not their number */
    assert_int_equal(g.r->rows[3].later_us, 10000000);
    assert_int_equal(g.r->rows[3].n, 90);
    assert_int_equal(g.r->best, 0);
    char text[200];
    backtest_suggestion(g.r, slice_str(""), text, sizeof text);
    assert_string_equal(text, "no setting that was tried would have been better than the present 90");
    rig_close(&g);
    model_free(&variants);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_higher_limit_loses_what_stays_below_it),
        cmocka_unit_test(an_off_delay_merges_and_loses_nothing),
        cmocka_unit_test(an_on_delay_makes_it_later_and_says_by_how_much),
        cmocka_unit_test(the_one_that_overlaps_is_the_same_not_the_one_before),
        cmocka_unit_test(only_what_the_change_touches_is_read_and_judged),
        cmocka_unit_test(what_a_rule_reads_is_read_and_touches_its_alarm),
        cmocka_unit_test(a_changed_tag_touches_its_alarms),
        cmocka_unit_test(a_change_that_touches_no_alarm_is_refused),
        cmocka_unit_test(of_the_whole_the_others_count_alike_in_both),
        cmocka_unit_test(a_new_alarm_adds_and_a_new_tag_cannot_be_judged),
        cmocka_unit_test(another_scale_applies_to_what_was_received),
        cmocka_unit_test(what_stood_before_the_period_is_no_annunciation_in_it),
        cmocka_unit_test(a_lost_link_is_seen_and_what_was_known_is_told_again),
        cmocka_unit_test(the_longest_flood_and_the_worst_position_are_named),
        cmocka_unit_test(what_is_too_much_is_said),
        cmocka_unit_test(equal_times_of_two_gateways_may_come_in_any_order),
        cmocka_unit_test(what_cannot_change_anything_may_be_left_out),
        cmocka_unit_test(only_limit_alarms_leave_a_quiet_band),
        cmocka_unit_test(the_gentlest_of_the_best_settings_is_suggested),
        cmocka_unit_test(what_comes_too_late_or_misses_one_is_not_suggested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
