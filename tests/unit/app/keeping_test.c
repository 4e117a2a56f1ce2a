/* The housekeeper beside a loop, against a real database, and who is let into history. */
#include "server/app/keeping.h"
#include "server/base/tm.h"
#include "server/store/migrate.h"
#include "tests/lib/config_rig.h"
#include "tests/lib/pgtest.h"

enum { PATIENCE_MS = 180000 };

static struct pgtest pg;
static uv_loop_t loop;
static bool stopped;

static struct model *model_of(const char *policy) {
    static struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    struct model *m = NULL;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_POLICY, "history", policy);
    rig_put(set, CONFIG_TAG, "S1/F",
            "\"gateway\":\"g1\",\"unit\":\"L/s\",\"low\":0,\"high\":100,\"keep\":\"fast\"");
    assert_int_equal(config_set_stored(set, CONFIG_TAG, slice_str("S1/F"), 504, 1), OK);
    assert_int_equal(config_compile(set, 7, rig_seed, &m, faults, &n, NULL), OK);
    config_set_free(&set);
    return m;
}

static void on_stopped(void *ctx) {
    (void)ctx;
    stopped = true;
}

static void on_tick(uv_timer_t *timer) {
    (void)timer;
}

/* Runs the loop until the database gives that number. */
static void run_until(const char *sql, int64_t number) {
    uv_timer_t tick;
    uint64_t end_ms = uv_now(&loop) + PATIENCE_MS;
    (void)uv_timer_init(&loop, &tick);
    (void)uv_timer_start(&tick, on_tick, 20, 20);
    while (pgtest_number(&pg, "%s", sql) != number && uv_now(&loop) < end_ms) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&tick, NULL);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(pgtest_number(&pg, "%s", sql), number);
}

static struct keeping *start(const char *conninfo) {
    struct keeping *k = NULL;
    assert_int_equal(uv_loop_init(&loop), 0);
    stopped = false;
    assert_int_equal(keeping_new(&loop, conninfo, &k, NULL), OK);
    return k;
}

static void stop(struct keeping **k) {
    keeping_stop(*k, on_stopped, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(stopped);
    keeping_free(k);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void a_plan_reaches_the_database_and_counts_with_it(void **state) {
    (void)state;
    struct error err;
    pgtest_fresh_database(&pg);
    if (migrate_run(pg.conninfo, "migrations", NULL, NULL, &err) != OK) {
        fail_msg("%s", err.text);
    }
    struct keeping *k = start(pg.server);
    struct model *m = model_of("\"keep\":[{\"name\":\"fast\",\"days\":90}]");
    keeping_plan(k, m);
    run_until("select count(*) from retention_class where keep_days = 90", 1);
    run_until("select count(*) from tag_class where tag_key = 504", 1);
    model_free(&m);
    m = model_of("\"keep\":[{\"name\":\"fast\",\"days\":80}]");
    struct stored_sample late[] = {{.tag_key = 504, .t_us = 5}, {.tag_key = 504, .t_us = 3}};
    keeping_count(k, 9, late, 2, 20 * TM_DAY_US);
    m->revision = 8;
    keeping_plan(k, m);
    run_until("select count(*) from retention_class where keep_days = 80", 1);
    run_until("select coalesce(sum(n), 0)::bigint from sample_expired where gateway_key = 9 and tag_key = "
              "504 and day = 20"
              " and from_us = 3 and to_us = 5",
              2);
    assert_int_equal(keeping_expired(k), 2);
    model_free(&m);
    stop(&k);
}

/* A server whose clock is years ahead would let nothing into history any more. */
static void time_goes_on_as_far_as_samples_came(void **state) {
    (void)state;
    struct error err;
    int64_t period_us = 28 * TM_DAY_US;
    pgtest_fresh_database(&pg);
    if (migrate_run(pg.conninfo, "migrations", NULL, NULL, &err) != OK) {
        fail_msg("%s", err.text);
    }
    struct keeping *k = start(pg.server);
    struct model *m = model_of("\"keep\":[{\"name\":\"fast\",\"days\":90}]");
    keeping_plan(k, m);
    run_until("select count(*) from retention_class where keep_days = 90", 1);
    assert_int_equal(keeping_gone_us(k, 900 * period_us), 900 * period_us); /* there are none yet */
    stop(&k);
    pgtest_do(&pg, "select sample_chunk_prepare(1::smallint, %lld)", (long long)(700 * period_us + 5));
    k = start(pg.server);
    keeping_plan(k, m);
    uint64_t end_ms = uv_now(&loop) + PATIENCE_MS;
    while (keeping_gone_us(k, 900 * period_us) != 701 * period_us && uv_now(&loop) < end_ms) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    assert_int_equal(keeping_gone_us(k, 900 * period_us), 701 * period_us);
    assert_int_equal(keeping_gone_us(k, 700 * period_us + 7), 700 * period_us + 7);
    model_free(&m);
    stop(&k);
}

static void without_a_database_it_goes_on_and_stops(void **state) {
    (void)state;
    struct keeping *k = start("host=/nowhere");
    struct model *m = model_of("\"keep\":[{\"name\":\"fast\",\"days\":90}]");
    struct stored_sample late[] = {{.tag_key = 504, .t_us = 5}};
    keeping_plan(k, m);
    keeping_count(k, 9, late, 1, 0);
    uv_timer_t tick;
    (void)uv_timer_init(&loop, &tick);
    (void)uv_timer_start(&tick, on_tick, 300, 0);
    (void)uv_run(&loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&tick, NULL);
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    model_free(&m);
    stop(&k);
}

static void samples_whose_time_is_past_are_sorted_out(void **state) {
    (void)state;
    struct model *m = model_of("\"keep\":[{\"name\":\"fast\",\"days\":90}]");
    uint32_t fast = model_find_tag(m, slice_str("S1/F"));
    uint32_t other = model_find_tag(m, slice_str("S1/L"));
    int64_t period_us = 28 * TM_DAY_US;
    int64_t now_us = 700 * period_us + 95 * TM_DAY_US; /* the last day that is kept is in period 700 */
    int64_t from_us = 700 * period_us;
    struct sample samples[] = {{.tag = fast}, {.tag = other}, {.tag = fast}, {.tag = fast}, {.tag = fast}};
    struct stored_sample v[] = {{.tag_key = 1, .t_us = from_us},
                                {.tag_key = 2, .t_us = 5},
                                {.tag_key = 3, .t_us = from_us - 1},
                                {.tag_key = 4, .t_us = now_us},
                                {.tag_key = 5, .t_us = 7}};
    assert_int_equal(keeping_sort_out(m, samples, v, 5, now_us), 3);
    assert_true(v[0].tag_key == 1 && v[1].tag_key == 2 && v[2].tag_key == 4);
    assert_int_equal(v[3].tag_key + v[4].tag_key, 8);
    model_free(&m);
}

static void rows_beyond_what_there_is_room_for_are_counted_together(void **state) {
    (void)state;
    struct keeping *k = start("host=/nowhere");
    for (int64_t i = 0; i < KEEPING_EXPIRED_MAX + 10; i++) {
        struct stored_sample s = {.tag_key = i + 1, .t_us = i};
        keeping_count(k, 9, &s, 1, 0);
    }
    assert_int_equal(keeping_expired(k), KEEPING_EXPIRED_MAX + 10);
    stop(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_reaches_the_database_and_counts_with_it),
        cmocka_unit_test(time_goes_on_as_far_as_samples_came),
        cmocka_unit_test(without_a_database_it_goes_on_and_stops),
        cmocka_unit_test(samples_whose_time_is_past_are_sorted_out),
        cmocka_unit_test(rows_beyond_what_there_is_room_for_are_counted_together),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
