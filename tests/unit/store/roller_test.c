/* Rollups of random histories that come late and in pieces, against aggregates of all samples.
 * Covers: roller.c, rollup_sql.c, rollup_reader.c */
#include "server/base/rand.h"
#include "server/store/roller.h"
#include "server/store/rollup_reader.h"
#include "tests/unit/store/history_rig.h"
#include "tests/unit/store/rig.h"

#include <math.h>
#include <signal.h>

enum { DAYS = 40, TAGS = 3 };
#define NOW (HISTORY_DAY0 + (DAYS + 2) * ROLLUP_DAY_US)

static struct pgtest pg;
static struct history_tag tags[TAGS];
static struct rand rnd;
static struct roller *roller;
static struct blocking conn;

/* A stepless tag, one whose values get stale, and a counter. */
static const struct roller_tag rules[TAGS] = {
    {.tag_key = 1},
    {.tag_key = 2, .rule = {.stale_us = 3 * 3600 * INT64_C(1000000)}},
    {.tag_key = 3, .rule = {.stepped = true, .counter = true, .n_states = 4}}};

static void open_conn(void) {
    struct error err;
    const struct blocking_config cfg = {
        .conninfo = pg.server, .name = "penstock test", .statement_ms = 60000};
    if (blocking_open(&conn, &cfg, &err) != OK) {
        fail_msg("%s", err.text);
    }
}

static void roll_all(int64_t now_us) {
    struct error err;
    uint32_t done = 1;
    while (done > 0) {
        if (roller_turn(roller, &conn, &(struct roller_task){rules, TAGS, now_us, 1000}, &done, &err) != OK) {
            fail_msg("%s", err.text);
        }
        if (now_us < NOW) {
            return; /* the present day stays marked */
        }
    }
}

static void start(void) {
    struct error err;
    rig_migrate(&pg);
    for (int i = 0; i < TAGS; i++) {
        history_tag_init(&tags[i], i + 1);
    }
    assert_int_equal(roller_new(&roller, &err), OK);
    open_conn();
}

static void stop(void) {
    roller_free(&roller);
    blocking_close(&conn);
}

/* Some samples in some hours of some days, again and again over what is there. */
static void add_some(struct history_tag *t) {
    struct aggregate_sample v[300];
    uint32_t n = 0;
    int64_t t_us = HISTORY_DAY0 + (int64_t)rand_below(&rnd, (DAYS - 2) * UINT64_C(86400)) * 1000000;
    static const uint64_t steps_s[] = {30, 600, 7200, 90000};
    uint64_t step_s = steps_s[rand_below(&rnd, COUNT(steps_s))];
    uint32_t want = 1 + (uint32_t)rand_below(&rnd, COUNT(v));
    for (; n < want && t_us < HISTORY_DAY0 + DAYS * ROLLUP_DAY_US; n++) {
        uint64_t luck = rand_below(&rnd, 20);
        v[n] = (struct aggregate_sample){.t_us = t_us,
                                         .value = luck == 0 ? NAN : (double)rand_below(&rnd, 1000) / 10,
                                         .quality = luck == 0   ? 130
                                                    : luck == 1 ? 67
                                                                : 0};
        t_us += (1 + (int64_t)rand_below(&rnd, step_s)) * 1000000;
    }
    history_add(&pg, t, v, n);
}

/* --- what is right
 * ------------------------------------------------------------------------------------------ */

static void right_aggregate(const struct history_tag *t, const struct aggregate_rule *rule, int64_t from_us,
                            int64_t to_us, int64_t complete_us, struct aggregate *ret) {
    struct aggregator g;
    aggregate_begin(&g, rule, from_us, to_us);
    for (size_t i = 0; i < t->n; i++) {
        aggregate_add(&g, &t->v[i]);
    }
    aggregate_end(&g, complete_us);
    *ret = g.sum;
}

static bool near(double a, double b) {
    return (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-3 + 1e-6 * fabs(a);
}

static void expect_same(const char *what, const struct aggregate *a, const struct aggregate *b) {
    /* An average is kept to 24 bits of its distance from the first value, which is below 100. */
    double integral_off = 1e-5 * (double)(b->to_us - b->from_us) / 1e6;
    bool same = a->from_us == b->from_us && a->to_us == b->to_us && a->count == b->count &&
                a->bad == b->bad && a->usable == b->usable && a->good_us == b->good_us &&
                a->uncertain_us == b->uncertain_us && a->bad_us == b->bad_us && a->gap_us == b->gap_us &&
                a->transitions == b->transitions && a->worst == b->worst && a->resets == b->resets &&
                a->min_us == b->min_us && a->partial == b->partial && near(a->min, b->min) &&
                near(a->max, b->max) && near(a->first, b->first) && near(a->last, b->last) &&
                fabs(a->integral - b->integral) <= integral_off && near(a->delta, b->delta) &&
                near(a->start, b->start) && near(a->end, b->end);
    if (!same) {
        fail_msg("%s: [%lld %lld) is count %lld usable %lld good %lld gap %lld integral %g delta %g start %g "
                 "end %g, "
                 "not %lld %lld %lld %lld %g %g %g %g",
                 what, (long long)a->from_us, (long long)a->to_us, (long long)a->count, (long long)a->usable,
                 (long long)a->good_us, (long long)a->gap_us, a->integral, a->delta, a->start, a->end,
                 (long long)b->count, (long long)b->usable, (long long)b->good_us, (long long)b->gap_us,
                 b->integral, b->delta, b->start, b->end);
    }
}

/* All that is in the table is as all samples say. */
static uint32_t check_rows(int64_t complete_us) {
    static struct chunk_work work;
    static struct aggregate v[ROLLUP_INTERVALS_MAX];
    uint32_t rows = 0;
    struct error err;
    PGresult *r = NULL;
    (void)blocking_args(&conn);
    assert_int_equal(
        blocking_ask(&conn, "select tag_key, level::integer, day_us, data, until_us from rollup", &r, &err),
        OK);
    for (int row = 0; row < PQntuples(r); row++) {
        uint32_t n = 0;
        int64_t tag = pg_get_i64(r, row, 0) - 1;
        int64_t width_us = rollup_width_us((enum rollup_level)pg_get_i32(r, row, 1));
        assert_int_equal(
            rollup_read(pg_get_slice(r, row, 3), pg_get_i64(r, row, 2), width_us, &work, v, &n, &err), OK);
        assert_int_equal(pg_get_i64(r, row, 2) + n * width_us, pg_get_i64(r, row, 4));
        for (uint32_t i = 0; i < n; i++) {
            struct aggregate right;
            right_aggregate(&tags[tag], &rules[tag].rule, v[i].from_us, v[i].to_us, complete_us, &right);
            expect_same("row", &v[i], &right);
        }
        rows++;
    }
    PQclear(r);
    return rows;
}

/* Days with samples, as the model has them. */
static uint32_t days_with_samples(void) {
    uint32_t days = 0;
    for (int k = 0; k < TAGS; k++) {
        int64_t last_us = INT64_MIN;
        for (size_t i = 0; i < tags[k].n; i++) {
            days += rollup_day_us(tags[k].v[i].t_us) != last_us;
            last_us = rollup_day_us(tags[k].v[i].t_us);
        }
    }
    return days;
}

static void check_hours(void) {
    struct error err;
    PGresult *r = NULL;
    (void)blocking_args(&conn);
    assert_int_equal(
        blocking_ask(&conn,
                     "select tag_key, hour_us, n, average, integral, good::double precision from sample_hour"
                     " where hour_us % 7 = 0",
                     &r, &err),
        OK);
    assert_true(PQntuples(r) > 0);
    for (int row = 0; row < PQntuples(r); row++) {
        struct aggregate right;
        int64_t tag = pg_get_i64(r, row, 0) - 1;
        int64_t hour_us = pg_get_i64(r, row, 1);
        right_aggregate(&tags[tag], &rules[tag].rule, hour_us, hour_us + TM_HOUR_US, NOW, &right);
        assert_int_equal(pg_get_i32(r, row, 2), right.count);
        assert_true(near(pg_get_f64(r, row, 3), aggregate_average(&right)));
        assert_true(fabs(pg_get_f64(r, row, 5) - (double)right.good_us / 1e6) < 1e-2);
    }
    PQclear(r);
}

/* --- an answer
 * ---------------------------------------------------------------------------------------------- */

struct asked {
    const struct history_tag *t;
    const struct aggregate_rule *rule;
    struct rollup_grid g;
    uint32_t rolled;
    int64_t complete_us;
};

static void fill(struct asked *a, int64_t until_us) {
    while (a->g.cell < a->g.n && a->g.at_us < until_us) {
        struct aggregate x;
        int64_t end_us = rollup_grid_end_us(&a->g);
        right_aggregate(a->t, a->rule, a->g.at_us, end_us < until_us ? end_us : until_us, a->complete_us, &x);
        rollup_grid_add(&a->g, &x);
    }
}

static enum status on_day(void *ctx, const struct aggregate *v, uint32_t n) {
    struct asked *a = ctx;
    uint32_t i = 0;
    int64_t until_us = 0;
    int64_t at_us = a->g.at_us;
    while (rollup_grid_add_day(&a->g, v, n, &i, &until_us)) {
        fill(a, until_us);
    }
    a->rolled += a->g.at_us > at_us;
    return OK;
}

/* What rollups and samples say together is right at any moment. Returns how many days were rolled up. */
static uint32_t check_answer_of(int tag, int64_t from_us, int64_t to_us, int64_t width_us,
                                int64_t complete_us) {
    static int64_t borders[3000];
    static struct aggregate v[3000];
    uint32_t n = 0;
    struct rollup_reader *reader = NULL;
    struct error err;
    for (int64_t t_us = from_us; t_us < to_us; t_us += width_us) {
        borders[n++] = t_us;
    }
    borders[n] = to_us;
    struct asked a = {.t = &tags[tag], .rule = &rules[tag].rule, .complete_us = complete_us};
    struct rollup_question q = {.tag_key = tag + 1,
                                .rule = rules[tag].rule,
                                .from_us = from_us,
                                .to_us = to_us,
                                .complete_us = complete_us};
    rollup_grid_begin(&a.g, borders, n, v);
    if (rollup_level_for(borders, n, &q.level)) {
        assert_int_equal(rollup_reader_new(&reader, &err), OK);
        /* Of one that was killed the database may still commit the last work. */
        assert_int_equal(blocking_do(&conn, "begin isolation level repeatable read", &err), OK);
        if (rollup_reader_ask(reader, &conn, &q, on_day, &a, &err) != OK) {
            fail_msg("%s", err.text);
        }
        assert_int_equal(blocking_do(&conn, "commit", &err), OK);
        rollup_reader_free(&reader);
    }
    fill(&a, to_us);
    for (uint32_t i = 0; i < n; i++) {
        struct aggregate right;
        right_aggregate(a.t, a.rule, borders[i], borders[i + 1], complete_us, &right);
        expect_same("answer", &v[i], &right);
    }
    return a.rolled;
}

static uint32_t check_answer(int tag, int64_t from_us, int64_t to_us, int64_t width_us) {
    const int64_t complete_us[] = {0, from_us + (int64_t)rand_below(&rnd, (uint64_t)(to_us - from_us))};
    for (size_t i = 0; i < COUNT(complete_us); i++) {
        (void)check_answer_of(tag, from_us, to_us, width_us, complete_us[i]);
    }
    return check_answer_of(tag, from_us, to_us, width_us, NOW);
}

/* --- tests
 * --------------------------------------------------------------------------------------------------- */

static void rollups_are_as_all_samples_say_in_whatever_order_they_came(void **state) {
    (void)state;
    start();
    for (int round = 0; round < 40; round++) {
        add_some(&tags[rand_below(&rnd, TAGS)]);
        if (rand_below(&rnd, 3) == 0) {
            roll_all(NOW);
            int tag = (int)rand_below(&rnd, TAGS);
            add_some(&tags[tag]);
            (void)check_answer(tag, HISTORY_DAY0 + 777, HISTORY_DAY0 + DAYS * ROLLUP_DAY_US - 5,
                               ROLLUP_DAY_US);
            (void)check_answer(tag, HISTORY_DAY0, HISTORY_DAY0 + DAYS * ROLLUP_DAY_US, 3 * TM_HOUR_US);
        }
    }
    roll_all(NOW);
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup_dirty"), 0);
    (void)check_rows(NOW);
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup where level = 2"), days_with_samples());
    check_hours();
    uint32_t rolled = 0;
    for (int tag = 0; tag < TAGS; tag++) {
        rolled += check_answer(tag, HISTORY_DAY0, HISTORY_DAY0 + DAYS * ROLLUP_DAY_US, 6 * TM_HOUR_US);
        rolled += check_answer(tag, HISTORY_DAY0 + 5, HISTORY_DAY0 + DAYS * ROLLUP_DAY_US - 9,
                               DAYS * ROLLUP_DAY_US);
    }
    assert_true(rolled > DAYS);
    stop();
}

/* A day that counts from a value which lies before days without any is not as it was rolled up any more once
 * another such value came, although the day before it did not change. */
static void a_value_before_days_without_any_is_seen_by_the_days_behind_them(void **state) {
    (void)state;
    start();
    for (int i = 0; i < TAGS; i++) {
        const int64_t day_us[] = {HISTORY_DAY0, HISTORY_DAY0 + 2 * ROLLUP_DAY_US,
                                  HISTORY_DAY0 + 4 * ROLLUP_DAY_US, HISTORY_DAY0 + 6 * ROLLUP_DAY_US};
        history_add(&pg, &tags[i], &(struct aggregate_sample){day_us[2] + 5, NAN, 130}, 1);
        history_add(&pg, &tags[i], &(struct aggregate_sample){day_us[3] + 5, 10, 0}, 1);
        for (int before = 0; before < 2; before++) { /* none was before, and another one was */
            roll_all(NOW);
            history_add(&pg, &tags[i], &(struct aggregate_sample){day_us[before] + 5, 7 + before, 0}, 1);
            (void)check_answer(i, day_us[0], day_us[3] + ROLLUP_DAY_US, ROLLUP_DAY_US);
            (void)check_answer(i, day_us[3], day_us[3] + ROLLUP_DAY_US, ROLLUP_DAY_US);
        }
        roll_all(NOW);
        assert_int_equal(check_answer(i, day_us[3], day_us[3] + ROLLUP_DAY_US, ROLLUP_DAY_US), 1);
    }
    stop();
}

/* What was rolled up is used however little is certain: only behind the last sample it is not known how the
 * value goes on. */
static void days_before_the_last_sample_are_rolled_up_whatever_may_still_come(void **state) {
    (void)state;
    enum { LAST = 5 };
    start();
    for (int day = 0; day <= LAST; day++) {
        int64_t t_us = HISTORY_DAY0 + day * ROLLUP_DAY_US;
        history_add(&pg, &tags[0], &(struct aggregate_sample){t_us + 5, day, 0}, 1);
    }
    roll_all(NOW);
    int64_t to_us = HISTORY_DAY0 + (LAST + 1) * ROLLUP_DAY_US;
    assert_int_equal(check_answer_of(0, HISTORY_DAY0, to_us, ROLLUP_DAY_US, 0), LAST);
    assert_int_equal(check_answer_of(0, HISTORY_DAY0, to_us, ROLLUP_DAY_US, to_us - 1), LAST + 1);
    assert_int_equal(check_answer_of(0, HISTORY_DAY0, to_us, ROLLUP_DAY_US, to_us), LAST + 1);
    stop();
}

static _Noreturn void roll_for_ever(void) {
    struct error err;
    uint32_t done = 0;
    conn = (struct blocking){0}; /* that one is the parent's */
    open_conn();
    while (roller_turn(roller, &conn, &(struct roller_task){rules, TAGS, NOW, 1000}, &done, &err) == OK) {
        /* until it is killed */
    }
    _exit(1);
}

/* One who rolls up is killed again and again; another one ends the work. */
static void a_roller_that_is_killed_leaves_nothing_half(void **state) {
    (void)state;
    start();
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < 4; i++) {
            add_some(&tags[rand_below(&rnd, TAGS)]);
        }
        pid_t pid = fork();
        if (pid == 0) {
            roll_for_ever();
        }
        int how = 0;
        (void)usleep((useconds_t)rand_below(&rnd, 60000));
        (void)kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &how, 0), pid);
        assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL); /* it was at work until then */
        (void)check_answer((int)rand_below(&rnd, TAGS), HISTORY_DAY0, HISTORY_DAY0 + DAYS * ROLLUP_DAY_US,
                           ROLLUP_DAY_US);
    }
    roll_all(NOW);
    (void)check_rows(NOW);
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup where level = 2"), days_with_samples());
    stop();
}

static void the_present_day_is_rolled_up_by_the_hour(void **state) {
    (void)state;
    start();
    int64_t day_us = HISTORY_DAY0 + 10 * ROLLUP_DAY_US;
    struct aggregate_sample v[] = {{day_us + TM_HOUR_US, 5, 0}, {day_us + 5 * TM_HOUR_US, 7, 0}};
    history_add(&pg, &tags[0], v, 2);
    int64_t marked_us = day_us + 6 * TM_HOUR_US + 20 * TM_MINUTE_US;
    pgtest_do(&pg, "update rollup_dirty set marked_us = %lld", (long long)(marked_us - TM_HOUR_US));
    roll_all(marked_us - 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup"), 0); /* not an hour ago yet */
    roll_all(marked_us);
    assert_int_equal(pgtest_number(&pg, "select until_us from rollup"), day_us + 6 * TM_HOUR_US);
    assert_int_equal(pgtest_number(&pg, "select rollup_until(1)"), day_us + 6 * TM_HOUR_US);
    assert_int_equal(pgtest_number(&pg, "select changes from rollup_dirty"), 0);
    assert_int_equal(check_rows(day_us + 6 * TM_HOUR_US), 1);
    roll_all(marked_us + TM_HOUR_US);
    assert_int_equal(pgtest_number(&pg, "select until_us from rollup"), day_us + 7 * TM_HOUR_US);
    history_add(&pg, &tags[0], v, 1);
    assert_int_equal(pgtest_number(&pg, "select rollup_until(1)"), day_us);
    roll_all(day_us + ROLLUP_DAY_US + TM_MINUTE_US);
    roll_all(NOW);
    assert_int_equal(pgtest_number(&pg, "select until_us from rollup"), day_us + ROLLUP_DAY_US);
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup_dirty"), 0);
    stop();
}

static void another_rule_makes_rollups_anew(void **state) {
    (void)state;
    start();
    struct error err;
    add_some(&tags[0]);
    roll_all(NOW);
    assert_int_equal(roller_mark_rules(&conn, rules, TAGS, &err), OK);
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup_dirty"), 0);
    struct roller_tag other[TAGS] = {rules[0], rules[1], rules[2]};
    other[0].rule.stepped = true;
    assert_int_equal(roller_mark_rules(&conn, other, TAGS, &err), OK);
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup_dirty"),
                     pgtest_number(&pg, "select count(*) from rollup where level = 2"));
    assert_true(pgtest_number(&pg, "select count(*) from rollup_dirty") > 0);
    stop();
}

/* To plan for all partitions of years costs ten times as much as to read a day. */
static void reading_chunks_is_planned_once(void **state) {
    (void)state;
    start();
    PGresult *r = NULL;
    struct error err;
    for (int i = 0; i < TAGS; i++) {
        history_add(&pg, &tags[i], &(struct aggregate_sample){HISTORY_DAY0 + 5, 5, 0}, 1);
    }
    roll_all(NOW);
    (void)blocking_args(&conn);
    assert_int_equal(blocking_ask(&conn,
                                  "select sum(custom_plans)::bigint, sum(generic_plans)::bigint from"
                                  " pg_prepared_statements where statement like '%sample_chunk%'",
                                  &r, &err),
                     OK);
    assert_int_equal(pg_get_i64(r, 0, 0), 0);
    assert_int_equal(pg_get_i64(r, 0, 1), TAGS);
    PQclear(r);
    blocking_close(&conn);
    open_conn();
    history_add(&pg, &tags[0], &(struct aggregate_sample){HISTORY_DAY0 + 6, 5, 0}, 1);
    roll_all(NOW);
    assert_int_equal(pgtest_number(&pg, "select n from rollup where tag_key = 1 and level = 2"), 2);
    stop();
}

static void a_mark_that_came_meanwhile_stays(void **state) {
    (void)state;
    start();
    struct aggregate_sample v[] = {{HISTORY_DAY0 + 5, 5, 0}};
    history_add(&pg, &tags[0], v, 1);
    pgtest_do(&pg, "update rollup_dirty set changes = changes + 1");
    uint32_t done = 0;
    struct error err;
    /* A trigger in the place of a packer that commits while the day is being rolled up. */
    pgtest_do(&pg, "create function late() returns trigger language plpgsql as $$ begin"
                   " update rollup_dirty set changes = changes + 1; return null; end $$");
    pgtest_do(&pg, "create trigger late after insert on rollup for each statement execute function late()");
    assert_int_equal(roller_turn(roller, &conn, &(struct roller_task){rules, TAGS, NOW, 10}, &done, &err),
                     OK);
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup_dirty where changes > 0"), 1);
    stop();
}

/* What a chunk that cannot be read is about waits, and nobody else does. */
static void a_damaged_chunk_keeps_no_other_tag_waiting(void **state) {
    (void)state;
    start();
    struct aggregate_sample v[] = {{HISTORY_DAY0 + 5, 5, 0}};
    for (int i = 0; i < TAGS; i++) {
        history_add(&pg, &tags[i], v, 1);
    }
    pgtest_do(&pg,
              "update sample_chunk set data = set_byte(data, 3, get_byte(data, 3) # 1) where tag_key = 1");
    pgtest_do(&pg, "update sample_chunk set data = set_byte(data, 0, 127) where tag_key = 2");
    uint32_t done = 0;
    struct error err;
    assert_int_equal(roller_turn(roller, &conn, &(struct roller_task){rules, TAGS, NOW, 1}, &done, &err),
                     ERR_INVALID);
    assert_int_equal(done, 1);
    assert_non_null(strstr(err.text, "tag key 1"));
    assert_int_equal(pgtest_number(&pg, "select tag_key from rollup where level = 2"), 3);
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup_dirty where tag_key in (1, 2)"), 2);
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup_dirty"), 2);
    stop();
}

static enum status on_day_of_year(void *ctx, const struct aggregate *v, uint32_t n) {
    uint32_t i = 0;
    int64_t until_us = 0;
    bool gap = rollup_grid_add_day(ctx, v, n, &i, &until_us);
    return gap ? ERR_INVALID : OK;
}

static void a_year_of_a_tag_is_read_from_rollups_alone(void **state) {
    (void)state;
    enum { YEAR = 365, CELLS = YEAR * 4, EVERY_S = 1800, BATCH = 48 };
    static int64_t borders[CELLS + 1];
    static struct aggregate cells[CELLS];
    start();
    for (int day = 0; day < YEAR; day++) {
        struct aggregate_sample v[BATCH];
        for (int i = 0; i < BATCH; i++) {
            v[i] = (struct aggregate_sample){.t_us = HISTORY_DAY0 + day * ROLLUP_DAY_US +
                                                     i * EVERY_S * TM_SECOND_US,
                                             .value = 20 + (double)rand_below(&rnd, 10000) / 7};
        }
        history_add(&pg, &tags[0], v, BATCH);
    }
    roll_all(HISTORY_DAY0 + (YEAR + 1) * ROLLUP_DAY_US);
    for (int i = 0; i <= CELLS; i++) {
        borders[i] = HISTORY_DAY0 + i * (ROLLUP_DAY_US / 4);
    }
    struct rollup_grid g;
    struct rollup_reader *reader = NULL;
    struct error err;
    struct rollup_question q = {.tag_key = 1,
                                .level = ROLLUP_HOUR,
                                .from_us = borders[0],
                                .to_us = borders[CELLS],
                                .complete_us = INT64_MAX};
    assert_int_equal(rollup_reader_new(&reader, &err), OK);
    rollup_grid_begin(&g, borders, CELLS, cells);
    assert_int_equal(rollup_reader_ask(reader, &conn, &q, on_day_of_year, &g, &err), OK);
    assert_int_equal(g.cell, CELLS);
    rollup_reader_free(&reader);
    stop();
}

int main(void) {
    uint64_t seed = unit_seed();
    printf("SEED=%llu\n", (unsigned long long)seed);
    rand_seed(&rnd, seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rollups_are_as_all_samples_say_in_whatever_order_they_came),
        cmocka_unit_test(a_value_before_days_without_any_is_seen_by_the_days_behind_them),
        cmocka_unit_test(days_before_the_last_sample_are_rolled_up_whatever_may_still_come),
        cmocka_unit_test(a_roller_that_is_killed_leaves_nothing_half),
        cmocka_unit_test(the_present_day_is_rolled_up_by_the_hour),
        cmocka_unit_test(another_rule_makes_rollups_anew),
        cmocka_unit_test(reading_chunks_is_planned_once),
        cmocka_unit_test(a_mark_that_came_meanwhile_stays),
        cmocka_unit_test(a_damaged_chunk_keeps_no_other_tag_waiting),
        cmocka_unit_test(a_year_of_a_tag_is_read_from_rollups_alone),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
