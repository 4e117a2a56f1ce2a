/* How long history is kept, against a real database. Covers: keeper.c, keeper_plan.c, snapshot.c */
#include "server/base/rand.h"
#include "server/store/keeper.h"
#include "tests/lib/config_rig.h"
#include "tests/unit/store/history_rig.h"
#include "tests/unit/store/rig.h"

enum { DAY_S = 86400 };
#define PERIOD_US (INT64_C(28) * DAY_S * 1000000)
#define P0        (HISTORY_DAY0 - HISTORY_DAY0 % PERIOD_US) /* start of a period */

static struct pgtest pg;
static struct history_tag tags[3];
static struct keeper *keeper;
static atomic_bool stop;

static struct roller_tag plan_tags[] = {
    {.tag_key = 1}, {.tag_key = 2, .class = 1}, {.tag_key = 3, .class = 2}};
static struct keeper_pair plan_pairs[] = {{70, 1}, {70, 2}, {71, 3}};

/* standard keeps for ever, fast 30 days, slow 100. */
static struct keeper_plan plan_of(int64_t revision) {
    return (struct keeper_plan){.revision = revision,
                                .classes = {"standard", "fast", "slow"},
                                .days = {0, 30, 100},
                                .n_classes = 3,
                                .tags = plan_tags,
                                .n_tags = COUNT(plan_tags),
                                .pairs = plan_pairs,
                                .n_pairs = COUNT(plan_pairs)};
}

/* Somebody's samples of that time are there. */
static void samples_come(int64_t t_us) {
    pgtest_do(&pg, "select sample_chunk_prepare(1::smallint, %lld)", (long long)t_us);
}

/* Again, where PostgreSQL itself or one that was killed still has a table for longer than it waits. */
static struct keeper_report turn(const struct keeper_plan *plan, int64_t now_us) {
    struct keeper_report report;
    struct error err;
    enum status status = ERR_CONFLICT;
    while (status == ERR_CONFLICT) {
        status = keeper_turn(keeper, plan, NULL, 0, now_us, &report, &err);
    }
    if (status != OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return report;
}

static void start(void) {
    struct error err;
    rig_migrate(&pg);
    for (int i = 0; i < 3; i++) {
        history_tag_init(&tags[i], i + 1);
    }
    assert_int_equal(keeper_new(pg.server, &stop, &keeper, &err), OK);
}

static void done(void) {
    keeper_free(&keeper);
}

/* A sample every 10 s of some minutes around a moment. */
static void add_around(struct history_tag *t, int64_t t_us, uint32_t n) {
    struct aggregate_sample v[200];
    for (uint32_t i = 0; i < n; i++) {
        v[i] = (struct aggregate_sample){.t_us = t_us + ((int64_t)i - n / 2) * 10 * TM_SECOND_US, .value = i};
    }
    history_add(&pg, t, v, n);
}

static void raise_alarm(int64_t seq, int64_t alarm_key, const char *kind, int64_t src_us) {
    pgtest_do(&pg,
              "insert into alarm_journal (seq, n, alarm_key, site_key, tag_key, revision, kind, from_letter,"
              " to_letter, occ, call, priority, src_us, at_us, raised_us, quality, actor_key, actor, comment)"
              " values (%lld, %lld, %lld, 1, 1, 1, '%s', 'A', 'B', %lld, 1, 1, %lld, %lld, 4, 0, 0, '', '')",
              (long long)seq, (long long)seq, (long long)alarm_key, kind, (long long)seq, (long long)src_us,
              (long long)src_us + TM_SECOND_US);
}

/* --- the plan
 * ------------------------------------------------------------------------------------------------ */

static void the_plan_is_in_the_database(void **state) {
    (void)state;
    start();
    struct keeper_plan plan = plan_of(1);
    (void)turn(&plan, P0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from retention_class"), 3);
    assert_int_equal(pgtest_number(&pg, "select keep_days from retention_class where name = 'slow'"), 100);
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from retention_class where class = 1 and name = 'standard'"
                           " and keep_days is null"),
        1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from tag_class"), 2);
    assert_int_equal(pgtest_number(&pg, "select count(*) from snapshot_alarm"), 3);
    plan.days[0] = 400;
    plan.n_pairs = 1;
    plan.n_classes = 2; /* slow is not configured any more */
    plan_tags[2].class = 0;
    (void)turn(&plan, P0); /* the revision is known: nothing is written */
    assert_int_equal(pgtest_number(&pg, "select count(*) from tag_class"), 2);
    plan.revision = 2;
    (void)turn(&plan, P0);
    plan_tags[2].class = 2;
    assert_int_equal(pgtest_number(&pg, "select keep_days from retention_class where class = 1"), 400);
    assert_int_equal(pgtest_number(&pg, "select keep_days from retention_class where name = 'slow'"), 100);
    assert_int_equal(pgtest_number(&pg, "select tag_key from tag_class"), 2);
    assert_int_equal(pgtest_number(&pg, "select count(*) from snapshot_alarm"), 1);
    done();
}

static bool has_pair(const struct keeper_plan *p, int64_t alarm, int64_t tag) {
    for (size_t i = 0; i < p->n_pairs; i++) {
        if (p->pairs[i].alarm_key == alarm && p->pairs[i].tag_key == tag) {
            return true;
        }
    }
    return false;
}

static void a_plan_is_made_of_a_model(void **state) {
    (void)state;
    static struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    struct model *m = NULL;
    struct keeper_plan *p = NULL;
    struct error err;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_POLICY, "history",
            "\"keep\":[{\"name\":\"fast\",\"days\":90}],\"rollup_keep_days\":1000");
    rig_put(set, CONFIG_TAG, "S1/F",
            "\"gateway\":\"g1\",\"unit\":\"L/s\",\"low\":0,\"high\":100,\"keep\":\"fast\"");
    rig_put(set, CONFIG_ALARM, "S1/L.dev",
            "\"kind\":\"dev\",\"tag\":\"S1/L\",\"setpoint\":\"S1/SP\",\"limit\":1,\"priority\":1");
    rig_put(set, CONFIG_ALARM, "S1/x",
            "\"kind\":\"expr\",\"expr\":\"L > 4 m and RUN and F > 3 L/s\",\"priority\":1");
    rig_put(set, CONFIG_ALARM, "S1/F.high", "\"kind\":\"high\",\"tag\":\"S1/F\",\"limit\":9,\"priority\":2");
    assert_int_equal(config_set_stored(set, CONFIG_TAG, slice_str("S1/L"), 501, 1), OK);
    assert_int_equal(config_set_stored(set, CONFIG_TAG, slice_str("S1/SP"), 502, 1), OK);
    assert_int_equal(config_set_stored(set, CONFIG_TAG, slice_str("S1/RUN"), 503, 1), OK);
    assert_int_equal(config_set_stored(set, CONFIG_TAG, slice_str("S1/F"), 504, 1), OK);
    assert_int_equal(config_set_stored(set, CONFIG_ALARM, slice_str("S1/L.dev"), 601, 1), OK);
    assert_int_equal(config_set_stored(set, CONFIG_ALARM, slice_str("S1/x"), 602, 1), OK);
    if (config_compile(set, 7, rig_seed, &m, faults, &n, &err) != OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    assert_int_equal(keeper_plan_new(m, &p, &err), OK);
    assert_int_equal(p->n_pairs, 5);
    assert_true(has_pair(p, 601, 501) && has_pair(p, 601, 502));
    assert_true(has_pair(p, 602, 501) && has_pair(p, 602, 503) && has_pair(p, 602, 504));
    assert_true(p->revision == 7 && p->rollup_keep_days == 1000 && p->n_tags == 5 && p->n_classes == 2);
    for (size_t i = 1; i < p->n_tags; i++) {
        assert_true(p->tags[i - 1].tag_key <= p->tags[i].tag_key);
    }
    assert_true(p->tags[p->n_tags - 1].tag_key == 504 && p->tags[p->n_tags - 1].class == 1);
    keeper_plan_free(&p);
    model_free(&m);
    config_set_free(&set);
}

/* --- retention
 * ----------------------------------------------------------------------------------------------- */

static int64_t samples_of(int tag) {
    return pgtest_number(&pg, "select coalesce(sum(n), 0) from sample_chunk where tag_key = %d", tag);
}

static void each_class_is_dropped_when_its_time_is_past(void **state) {
    (void)state;
    start();
    struct keeper_plan plan = plan_of(1);
    (void)turn(&plan, P0);
    for (int tag = 0; tag < 3; tag++) {
        for (int period = 0; period < 6; period++) {
            add_around(&tags[tag], P0 + period * PERIOD_US + 5 * TM_DAY_US, 10);
        }
    }
    int64_t end_us = P0 + 6 * PERIOD_US; /* 168 days from P0 on */
    /* 30 days before lies in period 4, 100 days before in period 2: those before go. */
    struct keeper_report r = turn(&plan, end_us);
    assert_int_equal(r.dropped, 4 + 2);
    assert_int_equal(samples_of(1), 60);
    assert_int_equal(samples_of(2), 20);
    assert_int_equal(samples_of(3), 40);
    /* What was rolled up before is kept. */
    r = turn(&plan, end_us + 10 * TM_MINUTE_US);
    assert_int_equal(r.dropped, 0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from audit where action = 'history.dropped'"), 6);
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from audit where action = 'history.dropped' and object = 'fast'"
                           " and actor = 'penstockd' and peer = ''"
                           " and detail ~ '^20..-..-.. to 20..-..-.. UTC: 10 samples, [0-9]+ bytes, table "
                           "sample_chunk_[0-9]+_[0-9]{8}; kept for 30 days$'"),
        4);
    /* One day before the period's last sample is 30 days old it is there, on that day it is not. */
    r = turn(&plan, P0 + 5 * PERIOD_US + 30 * TM_DAY_US - 1);
    assert_int_equal(samples_of(2), 20);
    plan.revision++; /* looks at once */
    samples_come(P0 + 5 * PERIOD_US + 30 * TM_DAY_US);
    r = turn(&plan, P0 + 5 * PERIOD_US + 30 * TM_DAY_US);
    assert_int_equal(r.dropped, 1);
    assert_int_equal(samples_of(2), 10);
    assert_int_equal(
        pgtest_number(&pg, "select before_us from sample_dropped d join retention_class c using (class)"
                           " where c.name = 'fast'"),
        P0 + 5 * PERIOD_US);
    done();
}

/* They had been taken when their class was kept for longer, and waited for the packer. */
static void what_gets_into_a_dropped_period_goes_with_the_next_look_and_is_counted(void **state) {
    (void)state;
    start();
    struct keeper_plan plan = plan_of(1);
    (void)turn(&plan, P0);
    add_around(&tags[1], P0 + 5 * TM_DAY_US, 10);
    int64_t end_us = P0 + 6 * PERIOD_US;
    samples_come(end_us);
    struct keeper_report r = turn(&plan, end_us);
    assert_int_equal(r.dropped, 1);
    assert_int_equal(pgtest_number(&pg, "select max(late) from sample_dropped"), 0);
    add_around(&tags[1], P0 + 6 * TM_DAY_US, 7);
    r = turn(&plan, end_us + 10 * TM_MINUTE_US);
    assert_int_equal(r.dropped, 0);
    r = turn(&plan, end_us + 61 * TM_MINUTE_US);
    assert_int_equal(r.dropped, 1);
    assert_int_equal(samples_of(2), 0);
    assert_int_equal(pgtest_number(&pg, "select late from sample_dropped join retention_class using (class)"
                                        " where name = 'fast'"),
                     7);
    assert_int_equal(pgtest_number(&pg, "select count(*) from audit where action = 'history.dropped' and "
                                        "detail like '%% 7 samples, %%dropped'"),
                     1);
    r = turn(&plan, end_us + 122 * TM_MINUTE_US);
    assert_int_equal(r.dropped, 0);
    assert_int_equal(pgtest_number(&pg, "select max(late) from sample_dropped"), 7);
    done();
}

/* Of a large one not all is read. */
static void samples_of_a_large_table_are_estimated(void **state) {
    (void)state;
    start();
    pgtest_do(&pg, "create table large (n integer, filler text);"
                   " alter table large alter filler set storage plain;"
                   " insert into large select 10, repeat('x', 2000) from generate_series(1, 10000)");
    assert_int_equal(pgtest_number(&pg, "select exact::integer from sample_chunk_count('large')"), 0);
    int64_t n = pgtest_number(&pg, "select n from sample_chunk_count('large')");
    assert_true(n > 50000 && n < 200000);
    done();
}

/* A server whose clock is years ahead would drop all that there is. */
static void a_clock_alone_drops_nothing(void **state) {
    (void)state;
    start();
    struct keeper_plan plan = plan_of(1);
    plan.rollup_keep_days = 60;
    (void)turn(&plan, P0);
    add_around(&tags[1], P0 + 5 * TM_DAY_US, 10);
    add_around(&tags[1], P0 + PERIOD_US + 5 * TM_DAY_US, 10);
    (void)turn(&plan, P0 + PERIOD_US + 7 * TM_DAY_US);
    int64_t days = pgtest_number(&pg, "select count(*) from rollup where level = 2");
    assert_true(days > 0);
    struct keeper_report r = turn(&plan, P0 + 20 * 365 * TM_DAY_US);
    assert_int_equal(r.dropped, 0);
    assert_int_equal(samples_of(2), 20);
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup where level = 2"), days);
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from sample_dropped where before_us > %lld", (long long)P0), 0);
    samples_come(P0 + 3 * PERIOD_US);
    plan.revision++;
    r = turn(&plan, P0 + 20 * 365 * TM_DAY_US);
    assert_int_equal(r.dropped, 2);
    assert_int_equal(samples_of(2), 0);
    done();
}

static void rollups_outlive_samples_and_go_in_their_own_time(void **state) {
    (void)state;
    start();
    struct keeper_plan plan = plan_of(1);
    plan.rollup_keep_days = 60;
    (void)turn(&plan, P0);
    add_around(&tags[1], P0 + 5 * TM_DAY_US + TM_HOUR_US, 10);
    add_around(&tags[1], P0 + PERIOD_US + 5 * TM_DAY_US + TM_HOUR_US, 10);
    struct keeper_report r = turn(&plan, P0 + PERIOD_US + 6 * TM_DAY_US + TM_HOUR_US);
    assert_int_equal(r.rolled, 2);
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup where level = 2"), 2);
    samples_come(P0 + PERIOD_US + 70 * TM_DAY_US);
    r = turn(&plan, P0 + PERIOD_US + 30 * TM_DAY_US);
    assert_int_equal(r.dropped, 1);
    /* A mark of a day that was dropped makes nothing anew. */
    pgtest_do(
        &pg, "insert into rollup_dirty (tag_key, day_us) select tag_key, day_us from rollup where level = 2");
    (void)turn(&plan, P0 + PERIOD_US + 30 * TM_DAY_US);
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup where level = 2"), 2);
    assert_true(pgtest_number(&pg, "select count(*) from sample_hour") > 0);
    /* Nor does one of a tag that has another class since, of which nothing was dropped. */
    plan.revision++;
    plan_tags[1].class = 0;
    pgtest_do(
        &pg, "insert into rollup_dirty (tag_key, day_us) select tag_key, day_us from rollup where level = 2");
    (void)turn(&plan, P0 + PERIOD_US + 30 * TM_DAY_US);
    plan_tags[1].class = 1;
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup where level = 2"), 2);
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup_dirty"), 0);
    (void)turn(&plan, P0 + PERIOD_US + 62 * TM_DAY_US);
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup where level = 2"), 1);
    (void)turn(&plan, P0 + PERIOD_US + 70 * TM_DAY_US);
    assert_int_equal(pgtest_number(&pg, "select count(*) from rollup"), 0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample_hour"), 0);
    done();
}

static void who_reads_is_not_waited_for(void **state) {
    (void)state;
    start();
    struct keeper_plan plan = plan_of(1);
    struct keeper_report report;
    struct error err;
    (void)turn(&plan, P0);
    add_around(&tags[1], P0 + 5 * TM_DAY_US, 10);
    samples_come(P0 + 3 * PERIOD_US);
    PGconn *reader = PQconnectdb(pg.server);
    PQclear(PQexec(reader, "begin; select count(*) from sample_chunk"));
    assert_int_equal(keeper_turn(keeper, &plan, NULL, 0, P0 + 3 * PERIOD_US, &report, &err), ERR_CONFLICT);
    assert_int_equal(samples_of(2), 10);
    PQclear(PQexec(reader, "commit"));
    PQfinish(reader);
    (void)turn(&plan, P0 + 3 * PERIOD_US + 2 * TM_MINUTE_US);
    assert_int_equal(samples_of(2), 0);
    done();
}

static void what_came_too_late_is_counted(void **state) {
    (void)state;
    start();
    struct keeper_plan plan = plan_of(1);
    struct keeper_report report;
    struct error err;
    const struct keeper_expired rows[] = {{1, 2, 20000, 5, 100, 200}, {1, 3, 20000, 1, 7, 7}};
    const struct keeper_expired more = {1, 2, 20000, 3, 50, 150};
    assert_int_equal(keeper_turn(keeper, &plan, rows, 2, P0, &report, &err), OK);
    assert_true(report.expired);
    assert_int_equal(keeper_turn(keeper, &plan, &more, 1, P0, &report, &err), OK);
    assert_int_equal(pgtest_number(&pg, "select n from sample_expired where tag_key = 2"), 8);
    assert_int_equal(pgtest_number(&pg, "select to_us - from_us from sample_expired where tag_key = 2"), 150);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample_expired"), 2);
    done();
}

/* --- snapshots
 * ------------------------------------------------------------------------------------------------ */

static int64_t kept(int64_t seq, int tag) {
    return pgtest_number(&pg, "select count(*) from event_sample where seq = %lld and tag_key = %d",
                         (long long)seq, tag);
}

static void samples_around_a_marked_alarm_outlive_all_others(void **state) {
    (void)state;
    start();
    struct keeper_plan plan = plan_of(1);
    (void)turn(&plan, P0);
    int64_t t_us = P0 + 5 * TM_DAY_US;
    add_around(&tags[0], t_us, 100);
    add_around(&tags[1], t_us, 100);
    add_around(&tags[2], t_us, 100);
    raise_alarm(1, 70, "raise", t_us);
    raise_alarm(2, 99, "raise", t_us); /* is not marked */
    raise_alarm(3, 71, "rtn", t_us);
    struct keeper_report r = turn(&plan, t_us + 70 * TM_SECOND_US);
    assert_int_equal(r.snapshots, 0);
    r = turn(&plan, t_us + 80 * TM_SECOND_US);
    assert_int_equal(r.snapshots, 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from event_snapshot"), 1);
    assert_int_equal(kept(1, 1), 12); /* 60 s before to 60 s after, every 10 s, the last one not any more */
    assert_int_equal(kept(1, 2), 12);
    assert_int_equal(kept(1, 3), 0);
    r = turn(&plan, t_us + 80 * TM_SECOND_US);
    assert_int_equal(r.snapshots, 0);
    /* What comes within the hour is there after it. */
    struct aggregate_sample late = {.t_us = t_us + 5, .value = 77.5};
    history_add(&pg, &tags[1], &late, 1);
    r = turn(&plan, t_us + TM_HOUR_US + 2 * TM_SECOND_US);
    assert_int_equal(r.snapshots, 1);
    assert_int_equal(kept(1, 2), 13);
    assert_int_equal(pgtest_number(&pg, "select count(*) from snapshot_due"), 0);
    /* What comes days later is taken before it is dropped. */
    late.t_us += 5;
    history_add(&pg, &tags[1], &late, 1);
    samples_come(t_us + 3 * PERIOD_US);
    r = turn(&plan, t_us + 3 * PERIOD_US);
    assert_true(r.dropped > 0);
    assert_int_equal(samples_of(2), 0);
    assert_int_equal(kept(1, 2), 14);
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from event_sample where tag_key = 2 and value = 77.5"), 2);
    /* Once more, when there is nothing to be taken: what is there stays. */
    pgtest_do(&pg, "insert into snapshot_due values (1, 0)");
    r = turn(&plan, t_us + 3 * PERIOD_US);
    assert_int_equal(r.snapshots, 1);
    assert_int_equal(kept(1, 2), 14);
    done();
}

/* A chunk that cannot be read keeps neither the other tags of its alarm waiting, nor any other work. */
static void a_damaged_chunk_keeps_nothing_else_waiting(void **state) {
    (void)state;
    start();
    struct keeper_plan plan = plan_of(1);
    (void)turn(&plan, P0);
    int64_t t_us = P0 + 5 * TM_DAY_US;
    add_around(&tags[0], t_us, 100);
    add_around(&tags[1], t_us, 100);
    add_around(&tags[2], t_us, 100);
    raise_alarm(1, 70, "raise", t_us);
    raise_alarm(2, 71, "raise", t_us);
    /* One bit of a value: all but its checksum would let it pass. */
    pgtest_do(&pg, "update sample_chunk set data = set_byte(data, length(data) - 5,"
                   " get_byte(data, length(data) - 5) # 1) where tag_key = 1");
    struct keeper_report r = turn(&plan, t_us + 2 * TM_DAY_US);
    assert_int_equal(r.snapshots, 2);
    assert_int_equal(kept(1, 1), 0);
    assert_int_equal(kept(1, 2), 12);
    assert_int_equal(kept(2, 3), 12);
    assert_int_equal(r.rolled, 2);
    assert_non_null(strstr(r.damage, "tag key 1"));
    assert_non_null(strstr(r.damage, "is damaged: its CRC is"));
    assert_int_equal(pgtest_number(&pg, "select count(*) from snapshot_due"), 0);
    samples_come(P0 + 3 * PERIOD_US);
    r = turn(&plan, P0 + 4 * PERIOD_US);
    assert_int_equal(r.dropped, 1);
    assert_int_equal(samples_of(2), 0);
    assert_int_equal(kept(1, 2), 12);
    done();
}

/* Its work can be done again: nobody has to wait until a standby or a disk has it. */
static void a_standby_that_is_away_keeps_nothing_waiting(void **state) {
    (void)state;
    start();
    struct keeper_plan plan = plan_of(1);
    (void)turn(&plan, P0);
    add_around(&tags[0], P0 + 5 * TM_DAY_US, 10);
    pgtest_do(&pg, "alter system set synchronous_standby_names = 'nobody'");
    pgtest_do(&pg, "select pg_reload_conf()");
    while (pgtest_number(&pg, "select count(*) from pg_settings where name = 'synchronous_standby_names' and "
                              "setting = 'nobody'") == 0) {
        (void)usleep(5000);
    }
    (void)alarm(120);
    struct keeper_report r = turn(&plan, P0 + 7 * TM_DAY_US);
    (void)alarm(0);
    pgtest_do(&pg, "alter system reset synchronous_standby_names");
    pgtest_do(&pg, "select pg_reload_conf()");
    assert_int_equal(r.rolled, 1);
    done();
}

static void a_keeper_that_is_killed_takes_up_its_work(void **state) {
    (void)state;
    start();
    struct keeper_plan plan = plan_of(1);
    struct rand rnd;
    struct error err;
    rand_seed(&rnd, unit_seed());
    (void)turn(&plan, P0);
    keeper_free(&keeper);
    for (int i = 0; i < 30; i++) {
        int64_t t_us = P0 + 2 * TM_DAY_US + i * TM_HOUR_US;
        add_around(&tags[0], t_us, 20);
        add_around(&tags[1], t_us, 20);
        raise_alarm(i + 1, 70, "raise", t_us);
    }
    samples_come(P0 + 100 * PERIOD_US);
    for (int round = 0; round < 25; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct keeper_report report;
            for (int64_t at_us = P0 + 4 * TM_DAY_US;; at_us += 7 * TM_DAY_US) {
                struct keeper *k = NULL;
                if (keeper_new(pg.server, &stop, &k, NULL) == OK) {
                    (void)!keeper_turn(k, &plan, NULL, 0, at_us, &report, NULL);
                }
                keeper_free(&k);
            }
        }
        (void)usleep((useconds_t)rand_below(&rnd, 40000));
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    assert_int_equal(keeper_new(pg.server, &stop, &keeper, &err), OK);
    (void)turn(&plan, P0 + 4 * PERIOD_US);
    (void)turn(&plan, P0 + 4 * PERIOD_US);
    assert_int_equal(samples_of(2), 0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from event_snapshot"), 30);
    assert_int_equal(pgtest_number(&pg, "select count(distinct seq) from event_sample where tag_key = 2"),
                     30);
    assert_int_equal(pgtest_number(&pg, "select sum(n) from event_snapshot_chunk where tag_key = 2"),
                     30 * 12);
    done();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plan_is_in_the_database),
        cmocka_unit_test(a_plan_is_made_of_a_model),
        cmocka_unit_test(each_class_is_dropped_when_its_time_is_past),
        cmocka_unit_test(what_gets_into_a_dropped_period_goes_with_the_next_look_and_is_counted),
        cmocka_unit_test(samples_of_a_large_table_are_estimated),
        cmocka_unit_test(a_clock_alone_drops_nothing),
        cmocka_unit_test(rollups_outlive_samples_and_go_in_their_own_time),
        cmocka_unit_test(who_reads_is_not_waited_for),
        cmocka_unit_test(what_came_too_late_is_counted),
        cmocka_unit_test(samples_around_a_marked_alarm_outlive_all_others),
        cmocka_unit_test(a_damaged_chunk_keeps_nothing_else_waiting),
        cmocka_unit_test(a_standby_that_is_away_keeps_nothing_waiting),
        cmocka_unit_test(a_keeper_that_is_killed_takes_up_its_work),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
