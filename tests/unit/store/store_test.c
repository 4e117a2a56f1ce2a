#include "server/base/rand.h"
#include "tests/unit/store/rig.h"

static struct pgtest pg;

static void put(struct rig *r, uint64_t seq) {
    struct stored_sample v = {
        .tag_key = 1, .t_us = INT64_C(1700000000000000) + (int64_t)seq, .value = (double)seq};
    struct store_record rec = {.gateway_key = 1,
                               .epoch = 1,
                               .seq = seq,
                               .type = MSG_DATA,
                               .body = slice_str("body"),
                               .fault_text = "",
                               .samples = &v,
                               .n_samples = 1};
    assert_int_equal(store_ingest(r->store, &rec), OK);
    struct alarm_record alarm = {
        .seq = seq + 1, .n = seq + 1, .alarm_key = 1, .kind = RECORD_RAISE, .from = 'A', .to = 'B'};
    assert_int_equal(store_journal(r->store, &alarm, slice_str("main")), OK);
}

static void everything_is_committed_after_the_database_was_stopped_and_started(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    static const char *const modes[] = {"fast", "immediate", "immediate"};
    uint64_t n = 0;
    for (size_t round = 0; round < COUNT(modes); round++) {
        for (int i = 0; i < 300; i++) {
            put(r, n++);
            if (i % 20 == 0) {
                (void)uv_run(&r->loop, UV_RUN_NOWAIT);
            }
        }
        pgtest_server_stop(&pg, modes[round]);
        for (int i = 0; i < 300; i++) {
            put(r, n++);
        }
        RIG_UNTIL(r, r->state == STORE_AWAY);
        assert_string_not_equal(r->state_error.text, "");
        pgtest_server_start(&pg);
        RIG_UNTIL(r, r->n_ingested == n && r->journaled == n && r->state == STORE_OK);
    }
    assert_int_equal(pgtest_number(&pg, "select count(*) from ingest_batch"), n);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample where value = t_us - 1700000000000000"),
                     n);
    assert_int_equal(pgtest_number(&pg, "select count(*) from alarm_journal"), n);
    assert_int_equal(pgtest_number(&pg, "select upper(ranges) from gateway_epoch where ranges = '{[0,%llu)}'",
                                   (unsigned long long)n),
                     n);
    assert_int_equal(r->loaded, 1);
    rig_stop(&r, 5000);
}

static void a_start_waits_for_the_database(void **state) {
    (void)state;
    rig_migrate(&pg);
    pgtest_server_stop(&pg, "fast");
    struct rig *r = rig_new_with(&pg, (struct store_config){0});
    RIG_UNTIL(r, r->away >= 2);
    assert_int_equal(r->loaded, 0);
    assert_false(r->fatal);
    pgtest_server_start(&pg);
    RIG_UNTIL(r, r->loaded == 1 && r->state == STORE_OK);
    rig_stop(&r, 5000);
}

static void a_database_that_does_not_exist_is_waited_for_and_named(void **state) {
    (void)state;
    struct pgtest elsewhere = pg;
    (void)snprintf(elsewhere.server, sizeof elsewhere.server, "%s dbname=nowhere", pg.cluster);
    struct rig *r = rig_new_with(&elsewhere, (struct store_config){0});
    RIG_UNTIL(r, strstr(r->state_error.text, "nowhere") != NULL);
    assert_false(r->fatal);
    rig_stop(&r, 100);
}

/* A database that accepts no writes is away, not wrong. */
static void a_read_only_database_makes_everything_wait(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    pgtest_do(&pg, "alter database test%u set default_transaction_read_only = on", pg.databases);
    pgtest_do(&pg, "begin; set transaction read write; select pg_terminate_backend(pid) from pg_stat_activity"
                   " where application_name like 'penstock %%' and datname = current_database()");
    RIG_UNTIL(r, r->state == STORE_AWAY);
    put(r, 0);
    uint32_t away = r->away;
    RIG_UNTIL(r, r->away > away + 1);
    assert_int_equal(r->n_ingested, 0);
    assert_false(r->fatal);
    char sql[128];
    char text[8];
    (void)snprintf(sql, sizeof sql, "alter database test%u set default_transaction_read_only = off",
                   pg.databases);
    pgtest_text_at(pg.cluster, sql, text, sizeof text);
    RIG_UNTIL(r, r->n_ingested == 1 && r->journaled == 1 && r->state == STORE_OK);
    rig_stop(&r, 5000);
}

static void a_lock_that_lasts_makes_the_store_slow_and_then_well_again(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    PGconn *other = PQconnectdb(pg.conninfo);
    PQclear(PQexec(other, "begin"));
    PQclear(PQexec(other, "lock table ingest_batch in access exclusive mode"));
    put(r, 0);
    RIG_UNTIL(r, r->state == STORE_SLOW && r->journaled == 1); /* samples never delay an alarm */
    assert_int_equal(r->n_ingested, 0);
    PQfinish(other);
    RIG_UNTIL(r, r->n_ingested == 1 && r->state == STORE_OK);
    rig_stop(&r, 5000);
}

static void a_stop_without_a_database_ends_in_time_and_answers_what_is_owed(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    pgtest_server_stop(&pg, "immediate");
    put(r, 0);
    struct request ask = {.kind = REQ_AUDIT, .audit = {.action = "x"}};
    store_request(r->store, 1, &ask);
    store_settle(r->store, 2, slice_str("gw"), NULL, 0);
    store_stop(r->store, 300, rig_on_stopped, r);
    RIG_UNTIL(r, r->stopped);
    assert_int_equal(r->n_replies, 1);
    assert_int_equal(r->replies[0].reply.status, ERR_UNAVAILABLE);
    assert_int_equal(r->n_settled, 1);
    assert_int_equal(r->n_ingested, 0);
    rig_end(&r);
    pgtest_server_start(&pg);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_committed_after_the_database_was_stopped_and_started),
        cmocka_unit_test(a_start_waits_for_the_database),
        cmocka_unit_test(a_database_that_does_not_exist_is_waited_for_and_named),
        cmocka_unit_test(a_read_only_database_makes_everything_wait),
        cmocka_unit_test(a_lock_that_lasts_makes_the_store_slow_and_then_well_again),
        cmocka_unit_test(a_stop_without_a_database_ends_in_time_and_answers_what_is_owed),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
