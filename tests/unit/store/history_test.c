#include "server/store/history.h"
#include "tests/unit/store/rig.h"

#include <math.h>

static struct pgtest pg;

#define START INT64_C(1700000000000000)

static struct history *open_history(const int64_t *tags, size_t n, int64_t from_us, int64_t to_us) {
    struct history_config cfg = {
        .conninfo = pg.server, .tags = tags, .n_tags = n, .from_us = START + from_us, .to_us = START + to_us};
    struct history *h = NULL;
    struct error err;
    if (history_open(&cfg, &h, &err) != OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return h;
}

/* Reads to the end, checks the order; returns how many, and the sum of the values. */
static size_t read_all(struct history *h, double *ret_sum) {
    struct error err;
    size_t total = 0;
    struct stored_sample last = {.t_us = INT64_MIN};
    double progress = history_progress(h);
    assert_true(progress == 0);
    *ret_sum = 0;
    for (;;) {
        const struct stored_sample *v = NULL;
        size_t n = 0;
        assert_int_equal(history_next(h, &v, &n, &err), OK);
        assert_true(history_progress(h) >= progress);
        progress = history_progress(h);
        if (n == 0) {
            assert_true(progress == 1);
            return total;
        }
        assert_true(n <= HISTORY_BATCH_MAX);
        for (size_t i = 0; i < n; i++) {
            assert_true(v[i].t_us > last.t_us || (v[i].t_us == last.t_us && v[i].tag_key > last.tag_key));
            last = v[i];
            *ret_sum += isnan(v[i].value) ? 0 : v[i].value;
        }
        total += n;
    }
}

static void samples_come_in_order_of_time_and_tag(void **state) {
    (void)state;
    rig_migrate(&pg);
    pgtest_do(&pg,
              "insert into sample_row (tag_key, t_us, value, quality) values (1, %lld, 1.5, 0), (2, %lld, "
              "null, 130),"
              " (1, %lld, 2, 0), (2, %lld, 4, 67), (9, %lld, 5, 0), (1, %lld, 99, 0), (1, %lld, 77, 0)",
              (long long)START, (long long)START, (long long)START + 5, (long long)START + 4,
              (long long)START + 4, (long long)START + 10, (long long)START - 1);
    static const int64_t tags[] = {1, 2};
    struct history *h = open_history(tags, 2, 0, 10);
    const struct stored_sample *v = NULL;
    size_t n = 0;
    struct error err;
    assert_int_equal(history_before(h, &v, &n, &err), OK);
    assert_int_equal(n, 1);
    assert_true(v[0].tag_key == 1 && v[0].t_us == START - 1 && v[0].value == 77);
    assert_int_equal(history_next(h, &v, &n, &err), OK);
    assert_int_equal(n, 4);
    assert_true(v[0].tag_key == 1 && v[0].t_us == START && v[0].value == 1.5 && v[0].quality == 0);
    assert_true(v[1].tag_key == 2 && v[1].t_us == START && isnan(v[1].value) && v[1].quality == 130);
    assert_true(v[2].tag_key == 2 && v[2].t_us == START + 4 && v[2].quality == 67);
    assert_true(v[3].tag_key == 1 && v[3].t_us == START + 5);
    assert_int_equal(history_next(h, &v, &n, &err), OK);
    assert_int_equal(n, 0);
    assert_int_equal(history_next(h, &v, &n, &err), OK);
    assert_int_equal(n, 0);
    history_close(&h);
    assert_null(h);
}

/* Dense and sparse stretches, one tag alone and many, and moments that straddle two batches. */
static void every_sample_comes_once_however_they_lie(void **state) {
    (void)state;
    rig_migrate(&pg);
    /* tag 1: 50 000 within 50 ms; tags 2 to 301: one moment, then one a day; tag 302: 20 001 in one second */
    pgtest_do(&pg,
              "insert into sample_row select 1, %lld + g, g, 0 from generate_series(0, 49999) g"
              " union all select 2 + k, %lld + d * 86400000000, 1, 0 from generate_series(0, 299) k,"
              " generate_series(0, 99) d"
              " union all select 302, %lld + 500000000 + g * 40, 2, 0 from generate_series(0, 20000) g",
              (long long)START, (long long)START + 20000, (long long)START);
    static int64_t tags[302];
    for (int64_t i = 0; i < 302; i++) {
        tags[i] = i + 1;
    }
    double sum = 0;
    struct history *h = open_history(tags, 302, 0, INT64_C(86400000000) * 200);
    assert_int_equal(read_all(h, &sum), 50000 + 30000 + 20001);
    assert_true(sum == 50000.0 * 49999 / 2 + 30000 + 40002);
    history_close(&h);
    h = open_history(tags, 1, 0, 86400000000);
    assert_int_equal(read_all(h, &sum), 50000);
    history_close(&h);
    h = open_history(tags + 301, 1, 0, 86400000000);
    assert_int_equal(read_all(h, &sum), 20001);
    history_close(&h);
    h = open_history(tags, 0, 0, 86400000000);
    const struct stored_sample *v = NULL;
    size_t n = 1;
    assert_int_equal(history_next(h, &v, &n, NULL), OK);
    assert_int_equal(n, 0);
    history_close(&h);
}

static void what_is_stored_meanwhile_does_not_show(void **state) {
    (void)state;
    rig_migrate(&pg);
    static const int64_t tags[] = {1};
    struct history *h = open_history(tags, 1, 0, 100);
    const struct stored_sample *v = NULL;
    size_t n = 0;
    assert_int_equal(history_before(h, &v, &n, NULL), OK);
    pgtest_do(&pg, "insert into sample_row values (1, %lld, 1, 0)", (long long)START + 5);
    double sum = 0;
    assert_int_equal(read_all(h, &sum), 0);
    history_close(&h);
}

static void record(int64_t seq, int64_t alarm, const char *kind, int64_t src_us, int facts) {
    pgtest_do(
        &pg,
        "insert into alarm_journal (seq, n, alarm_key, site_key, tag_key, revision, kind, from_letter,"
        " to_letter, base_letter, facts, cause, raised_at_us, called_us, occ, call, priority, src_us, at_us,"
        " raised_us, quality, actor_key, actor, comment) values (%lld, %lld, %lld, 1, 0, 1, '%s', 'A', 'A',"
        " 'A', %d, 'link', 0, 0, 1, 1, 1, %lld, %lld, 1, 0, 0, '', '')",
        (long long)seq, (long long)seq, (long long)alarm, kind, facts, (long long)(START + src_us),
        (long long)(START + src_us));
}

static void outages_are_those_of_the_comm_alarms(void **state) {
    (void)state;
    enum { UP = FACT_ENABLED, DOWN = FACT_ENABLED | FACT_ACTIVE };
    rig_migrate(&pg);
    record(1, 7, "raise", -50, DOWN); /* began before */
    record(2, 7, "ack", -40, DOWN);
    record(3, 8, "raise", -90, DOWN); /* over before */
    record(4, 8, "rtn", -10, UP);
    record(5, 7, "rtn", 10, UP);
    record(6, 9, "raise", 11, DOWN); /* of an alarm that was not asked for */
    record(7, 8, "raise", 20, DOWN);
    record(8, 8, "disable", 30, 0);  /* not known any more */
    record(9, 7, "raise", 40, DOWN); /* still down */
    record(10, 7, "quality", 45, DOWN);
    record(11, 8, "raise", 150, DOWN); /* begins after */
    static const int64_t alarms[] = {7, 8};
    struct history *h = open_history(NULL, 0, 0, 100);
    struct history_outage *v = NULL;
    size_t n = 0;
    struct error err;
    assert_int_equal(history_outages(h, alarms, 2, &v, &n, &err), OK);
    assert_int_equal(n, 3);
    assert_true(v[0].alarm_key == 7 && v[0].from_us == START - 50 && v[0].to_us == START + 10);
    assert_true(v[1].alarm_key == 8 && v[1].from_us == START + 20 && v[1].to_us == START + 30);
    assert_true(v[2].alarm_key == 7 && v[2].from_us == START + 40 && v[2].to_us == INT64_MAX);
    free(v);
    history_close(&h);
}

static void a_period_that_is_none_is_refused(void **state) {
    (void)state;
    struct history *h = NULL;
    struct error err;
    struct history_config cfg = {.conninfo = pg.server, .from_us = 5, .to_us = 5};
    assert_int_equal(history_open(&cfg, &h, &err), ERR_INVALID);
    cfg.to_us = INT64_MAX;
    assert_int_equal(history_open(&cfg, &h, &err), ERR_INVALID);
    assert_null(h);
}

static void no_database_and_a_lost_connection_are_told(void **state) {
    (void)state;
    rig_migrate(&pg);
    char nowhere[600];
    (void)snprintf(nowhere, sizeof nowhere, "%s dbname=nowhere", pg.server);
    struct history *h = NULL;
    struct error err;
    struct history_config cfg = {.conninfo = nowhere, .from_us = 5, .to_us = 6};
    assert_int_equal(history_open(&cfg, &h, &err), ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "nowhere"));
    static const int64_t tags[] = {1};
    h = open_history(tags, 1, 0, 100);
    pgtest_do(&pg, "select pg_terminate_backend(pid, 60000) from pg_stat_activity"
                   " where application_name = 'penstock history' and datname = current_database()");
    const struct stored_sample *v = NULL;
    size_t n = 0;
    assert_int_equal(history_next(h, &v, &n, &err), ERR_UNAVAILABLE);
    history_close(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_come_in_order_of_time_and_tag),
        cmocka_unit_test(every_sample_comes_once_however_they_lie),
        cmocka_unit_test(what_is_stored_meanwhile_does_not_show),
        cmocka_unit_test(outages_are_those_of_the_comm_alarms),
        cmocka_unit_test(a_period_that_is_none_is_refused),
        cmocka_unit_test(no_database_and_a_lost_connection_are_told),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
