/* Rollups: what is packed comes back, and an answer that is put together from them and from samples is the
 * one that all samples give. */
#include "server/base/rand.h"
#include "server/base/tm.h"
#include "server/history/rollup.h"
#include "tests/lib/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES_MAX = 60000, DAYS = 5, CELLS_MAX = 200 };

#define DAY0 (INT64_C(20000) * ROLLUP_DAY_US)

static struct aggregate_sample v[SAMPLES_MAX];
static uint32_t n;
static struct chunk_work work;
static struct rand rnd;

/* Samples of DAYS days and a bit on both sides, of one tag's kind. */
static void make(int64_t every_us, bool stepped) {
    int64_t t_us = DAY0 - 3 * every_us;
    double value = 20;
    n = 0;
    while (t_us < DAY0 + (DAYS + 1) * ROLLUP_DAY_US && n < SAMPLES_MAX) {
        value = stepped ? (double)rand_below(&rnd, 5) : value + rand_unit(&rnd) - 0.5;
        v[n] = (struct aggregate_sample){.t_us = t_us, .value = round(value * 100) / 100};
        uint64_t luck = rand_below(&rnd, 40);
        if (luck == 0) {
            v[n] = (struct aggregate_sample){.t_us = t_us, .value = NAN, .quality = 130};
        } else if (luck == 1) {
            v[n].quality = 67;
        }
        n++;
        t_us += luck == 2 ? (int64_t)rand_below(&rnd, (uint64_t)(40 * every_us)) + 1
                          : every_us / 2 + (int64_t)rand_below(&rnd, (uint64_t)every_us);
    }
}

static void from_samples(const struct aggregate_rule *rule, int64_t from_us, int64_t to_us,
                         struct aggregate *ret) {
    struct aggregator g;
    aggregate_begin(&g, rule, from_us, to_us);
    for (uint32_t i = 0; i < n; i++) {
        aggregate_add(&g, &v[i]);
    }
    aggregate_end(&g, INT64_MAX / 2);
    *ret = g.sum;
}

static uint32_t roll(const struct aggregate_rule *rule, enum rollup_level level, int64_t day_us,
                     struct aggregate *ret) {
    int64_t width_us = rollup_width_us(level);
    uint32_t count = (uint32_t)(ROLLUP_DAY_US / width_us);
    struct aggregator g;
    uint32_t k = 0;
    aggregate_begin(&g, rule, day_us, day_us + width_us);
    for (uint32_t i = 0; i < n && k < count; i++) {
        aggregate_add(&g, &v[i]);
        while (g.closed && k < count) {
            ret[k++] = g.sum;
            aggregate_next(&g, day_us + (k + 1) * width_us);
            aggregate_add(&g, &v[i]);
        }
    }
    while (k < count) {
        aggregate_end(&g, INT64_MAX / 2);
        ret[k++] = g.sum;
        aggregate_next(&g, day_us + (k + 1) * width_us);
    }
    return count;
}

/* --- equal ---------------------------------------------------------------------------------------------- */

static bool near(double a, double b, double size) {
    return (isnan(a) && isnan(b)) || fabs(a - b) <= size;
}

#define SAME(member)                                                                                         \
    do {                                                                                                     \
        if (memcmp(&a->member, &b->member, sizeof a->member) != 0) {                                         \
            fail_msg("%s: " #member " differs", what);                                                       \
        }                                                                                                    \
    } while (0)

static void same(const char *what, const struct aggregate *a, const struct aggregate *b, double spread) {
    SAME(from_us);
    SAME(to_us);
    SAME(count);
    SAME(bad);
    SAME(uncertain);
    SAME(usable);
    SAME(first);
    SAME(last);
    SAME(min);
    SAME(max);
    SAME(first_us);
    SAME(last_us);
    SAME(min_us);
    SAME(max_us);
    SAME(good_us);
    SAME(uncertain_us);
    SAME(bad_us);
    SAME(gap_us);
    SAME(nonzero_us);
    SAME(state_us);
    SAME(transitions);
    SAME(rollovers);
    SAME(resets);
    SAME(start);
    SAME(end);
    SAME(start_quality);
    SAME(end_quality);
    SAME(worst);
    SAME(partial);
    double seconds = (double)(a->good_us + a->uncertain_us) / 1e6;
    if (!near(a->delta, b->delta, 1e-6) || !near(a->mean, b->mean, spread * 1e-6) ||
        !near(a->integral, b->integral, (spread * 1e-6 + 1e-9) * (seconds + 1)) ||
        !near(aggregate_deviation(a), aggregate_deviation(b), spread * 1e-5)) {
        fail_msg("%s: mean %.17g %.17g, integral %.17g %.17g, delta %.17g %.17g, deviation %.17g %.17g", what,
                 a->mean, b->mean, a->integral, b->integral, a->delta, b->delta, aggregate_deviation(a),
                 aggregate_deviation(b));
    }
}

/* --- bytes ---------------------------------------------------------------------------------------------- */

static struct aggregate before[ROLLUP_INTERVALS_MAX];
static struct aggregate after[ROLLUP_INTERVALS_MAX];

static size_t there_and_back(const struct aggregate_rule *rule, enum rollup_level level) {
    struct buf out;
    struct error err;
    uint32_t got = 0;
    buf_init(&out, ROLLUP_BYTES_MAX);
    uint32_t count = roll(rule, level, DAY0 + ROLLUP_DAY_US, before);
    rollup_write(&out, before, count, rule->n_states, &work);
    assert_false(out.failed);
    if (rollup_read(buf_slice(&out), DAY0 + ROLLUP_DAY_US, rollup_width_us(level), &work, after, &got,
                    &err) != OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(got, count);
    for (uint32_t i = 0; i < count; i++) {
        same("there and back", &before[i], &after[i], 10);
    }
    size_t size = out.n;
    buf_done(&out);
    return size;
}

static void what_is_packed_comes_back(void **state) {
    (void)state;
    static const struct {
        int64_t every_us;
        struct aggregate_rule rule;
    } cases[] = {{10 * TM_SECOND_US, {0}},
                 {10 * TM_SECOND_US, {.stale_us = 60 * TM_SECOND_US}},
                 {10 * TM_SECOND_US, {.stepped = true, .n_states = 5}},
                 {60 * TM_SECOND_US, {.stepped = true, .counter = true, .modulus = 100}},
                 {7 * TM_HOUR_US, {0}},
                 {30 * TM_HOUR_US, {.stepped = true, .n_states = 32}}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        make(cases[i].every_us, cases[i].rule.stepped);
        for (int level = 0; level < ROLLUP_LEVELS; level++) {
            size_t bytes = there_and_back(&cases[i].rule, (enum rollup_level)level);
            print_message("every %lld s, level %d: %zu bytes a day\n",
                          (long long)(cases[i].every_us / TM_SECOND_US), level, bytes);
        }
    }
}

static void a_day_of_nothing_takes_no_room(void **state) {
    (void)state;
    struct aggregate_rule rule = {0};
    n = 0;
    assert_true(there_and_back(&rule, ROLLUP_MINUTE) < 200);
    v[0] = (struct aggregate_sample){.t_us = DAY0, .value = 17.25};
    n = 1;
    assert_true(there_and_back(&rule, ROLLUP_HOUR) < 200);
}

static void damage_is_found(void **state) {
    (void)state;
    struct aggregate_rule rule = {0};
    struct buf out;
    struct error err;
    uint32_t got = 0;
    make(60 * TM_SECOND_US, false);
    buf_init(&out, ROLLUP_BYTES_MAX);
    rollup_write(&out, before, roll(&rule, ROLLUP_HOUR, DAY0, before), 0, &work);
    for (size_t i = 0; i < out.n; i++) {
        out.p[i] = (uint8_t)(out.p[i] ^ 1U << rand_below(&rnd, 8));
        assert_int_not_equal(rollup_read(buf_slice(&out), DAY0, TM_HOUR_US, &work, after, &got, &err), OK);
        buf_clear(&out);
        rollup_write(&out, before, 24, 0, &work);
        assert_int_not_equal(rollup_read(slice_of(out.p, i), DAY0, TM_HOUR_US, &work, after, &got, &err), OK);
    }
    assert_int_equal(rollup_read(buf_slice(&out), DAY0, TM_HOUR_US, &work, after, &got, &err), OK);
    buf_done(&out);
}

/* --- answers -------------------------------------------------------------------------------------------- */

static void fill_from_samples(struct rollup_grid *g, const struct aggregate_rule *rule, int64_t until_us) {
    while (g->cell < g->n && g->at_us < until_us) {
        struct aggregate a;
        int64_t end_us = rollup_grid_end_us(g);
        from_samples(rule, g->at_us, end_us < until_us ? end_us : until_us, &a);
        rollup_grid_add(g, &a);
    }
}

/* An answer of which some days are not rolled up. */
static void answer(const struct aggregate_rule *rule, const int64_t *borders, uint32_t cells,
                   struct aggregate *ret, uint32_t *ret_rolled) {
    struct rollup_grid g;
    enum rollup_level level = ROLLUP_MINUTE;
    rollup_grid_begin(&g, borders, cells, ret);
    *ret_rolled = 0;
    if (rollup_level_for(borders, cells, &level)) {
        for (int day = 0; day < DAYS; day++) {
            uint32_t i = 0;
            int64_t until_us = 0;
            if (rand_below(&rnd, 4) == 0) {
                continue;
            }
            uint32_t count = roll(rule, level, DAY0 + day * ROLLUP_DAY_US, before);
            int64_t at_us = g.at_us;
            while (rollup_grid_add_day(&g, before, count, &i, &until_us)) {
                fill_from_samples(&g, rule, until_us);
            }
            *ret_rolled += g.at_us > at_us;
        }
    }
    fill_from_samples(&g, rule, borders[cells]);
    assert_int_equal(g.cell, cells);
}

static void compare(const struct aggregate_rule *rule, const int64_t *borders, uint32_t cells,
                    bool want_rolled) {
    static struct aggregate is[CELLS_MAX];
    uint32_t rolled = 0;
    answer(rule, borders, cells, is, &rolled);
    for (uint32_t i = 0; i < cells; i++) {
        struct aggregate right;
        from_samples(rule, borders[i], borders[i + 1], &right);
        same("answer", &is[i], &right, 10);
    }
    if (want_rolled) {
        assert_true(rolled > 0);
    }
}

static void an_answer_is_the_one_that_all_samples_give(void **state) {
    (void)state;
    static const struct aggregate_rule rules[] = {{0},
                                                  {.stale_us = 400 * TM_SECOND_US},
                                                  {.stepped = true, .n_states = 4},
                                                  {.stepped = true, .counter = true}};
    int64_t borders[CELLS_MAX + 1];
    for (size_t k = 0; k < COUNT(rules); k++) {
        make(97 * TM_SECOND_US, rules[k].stepped);
        static const int64_t widths[] = {TM_MINUTE_US, 5 * TM_MINUTE_US, 45 * TM_MINUTE_US,
                                         TM_HOUR_US,   4 * TM_HOUR_US,   24 * TM_HOUR_US};
        for (size_t w = 0; w < COUNT(widths); w++) {
            uint32_t cells = (uint32_t)(DAYS * ROLLUP_DAY_US / widths[w]);
            cells = cells < 100 ? cells : 100;
            for (uint32_t i = 0; i <= cells; i++) {
                borders[i] = DAY0 + 3 * TM_MINUTE_US * 20 + i * widths[w];
            }
            borders[0] += 13; /* who asks does not begin where an hour does */
            borders[cells] -= 12345;
            compare(&rules[k], borders, cells, false);
        }
        borders[0] = DAY0 - 500;
        borders[1] = DAY0 + DAYS * ROLLUP_DAY_US - 77;
        for (int again = 0; again < 8; again++) {
            compare(&rules[k], borders, 1, false);
        }
        for (uint32_t i = 0; i < 5; i++) { /* nothing fits */
            borders[i] = DAY0 + i * 7 * TM_HOUR_US + 1;
        }
        compare(&rules[k], borders, 4, false);
    }
}

static void the_coarsest_level_that_fits_is_taken(void **state) {
    (void)state;
    enum rollup_level level = ROLLUP_MINUTE;
    const int64_t year[] = {DAY0 + 1, DAY0 + 365 * ROLLUP_DAY_US + 5};
    const int64_t kathmandu[] = {DAY0 - 345 * TM_MINUTE_US, DAY0 + 1095 * TM_MINUTE_US,
                                 DAY0 + 2535 * TM_MINUTE_US};
    const int64_t minutes[] = {DAY0, DAY0 + 3 * TM_MINUTE_US, DAY0 + 6 * TM_MINUTE_US};
    const int64_t seconds[] = {DAY0, DAY0 + 30 * TM_SECOND_US, DAY0 + TM_MINUTE_US};
    assert_true(rollup_level_for(year, 1, &level));
    assert_int_equal(level, ROLLUP_HOUR);
    assert_true(rollup_level_for(kathmandu, 2, &level));
    assert_int_equal(level, ROLLUP_QUARTER);
    assert_true(rollup_level_for(minutes, 2, &level));
    assert_int_equal(level, ROLLUP_MINUTE);
    assert_false(rollup_level_for(seconds, 2, &level));
}

static void each_rule_has_its_number(void **state) {
    (void)state;
    struct model_tag tag = {.type = TAG_FLOAT};
    struct aggregate_rule a = rollup_rule(&tag);
    assert_false(a.stepped);
    tag.counter = true;
    tag.modulus = 10;
    struct aggregate_rule counter = rollup_rule(&tag);
    assert_true(counter.counter && counter.modulus == 10);
    assert_true(rollup_rule_id(&a) != rollup_rule_id(&counter));
    tag = (struct model_tag){.type = TAG_BOOL, .stepped = true};
    struct aggregate_rule b = rollup_rule(&tag);
    assert_true(b.stepped && b.n_states == 2 && !b.counter);
    tag.stale_us = 5;
    struct aggregate_rule c = rollup_rule(&tag);
    assert_true(rollup_rule_id(&a) != rollup_rule_id(&b) && rollup_rule_id(&b) != rollup_rule_id(&c));
    assert_true(rollup_rule_id(&c) == rollup_rule_id(&c));
    assert_true(rollup_wanted(ROLLUP_HOUR, 0) && !rollup_wanted(ROLLUP_QUARTER, 2879) &&
                rollup_wanted(ROLLUP_QUARTER, 2880) && rollup_wanted(ROLLUP_MINUTE, 43200));
}

int main(void) {
    const char *text = getenv("SEED");
    uint64_t seed = text == NULL ? 5 : strtoull(text, NULL, 10);
    printf("SEED=%llu\n", (unsigned long long)seed);
    rand_seed(&rnd, seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_comes_back),
        cmocka_unit_test(a_day_of_nothing_takes_no_room),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(an_answer_is_the_one_that_all_samples_give),
        cmocka_unit_test(the_coarsest_level_that_fits_is_taken),
        cmocka_unit_test(each_rule_has_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
