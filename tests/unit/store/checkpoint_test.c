#include "tests/unit/store/rig.h"

#include <math.h>

static struct pgtest pg;

static void checkpoint(struct rig *r, int64_t key, double amount, int64_t at_us) {
    struct alarm_accumulator v = {.alarm_key = key, .amount = amount};
    store_checkpoint(r->store, &v, 1, at_us);
}

static void accumulators_come_back_at_the_next_start(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    assert_int_equal(r->n_accumulators, 0);
    struct alarm_accumulator v[] = {{.alarm_key = 7, .amount = 1.5}, {.alarm_key = 5, .amount = -2}};
    store_checkpoint(r->store, v, 2, 100);
    rig_stop(&r, RIG_PATIENCE_MS); /* the stop waits for it */
    r = rig_new(&pg);
    assert_int_equal(r->n_accumulators, 2);
    assert_true(r->accumulators[0].alarm_key == 5 && r->accumulators[0].amount == -2);
    assert_true(r->accumulators[1].alarm_key == 7 && r->accumulators[1].amount == 1.5);
    checkpoint(r, 7, 2.5, 200);
    rig_stop(&r, RIG_PATIENCE_MS);
    assert_int_equal(pgtest_number(&pg, "select count(*) from alarm_accumulator"), 2);
    assert_int_equal(pgtest_number(&pg, "select at_us from alarm_accumulator where amount = 2.5"), 200);
}

static void an_older_checkpoint_never_replaces_a_newer_one(void **state) {
    (void)state;
    rig_migrate(&pg);
    pgtest_do(&pg, "insert into alarm_accumulator values (7, 3, 500)");
    struct rig *r = rig_new(&pg);
    checkpoint(r, 7, 1, 499);
    rig_stop(&r, RIG_PATIENCE_MS);
    assert_int_equal(pgtest_number(&pg, "select amount from alarm_accumulator"), 3);
}

static void what_cannot_be_stored_is_left_out(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct alarm_accumulator v[] = {{.alarm_key = 1, .amount = (double)NAN},
                                    {.alarm_key = 2, .amount = (double)INFINITY},
                                    {.alarm_key = 3, .amount = 4}};
    store_checkpoint(r->store, v, 3, 1);
    rig_stop(&r, RIG_PATIENCE_MS);
    assert_int_equal(pgtest_number(&pg, "select sum(alarm_key)::bigint from alarm_accumulator"), 3);
}

static void while_the_database_is_slow_only_the_newest_waits_and_alarms_pass(void **state) {
    (void)state;
    rig_migrate(&pg);
    pgtest_do(&pg, "create table seen (at_us bigint);"
                   "create function note() returns trigger language plpgsql security definer as"
                   " $$ begin insert into seen values (new.at_us); return null; end $$;"
                   "create trigger note after insert or update on alarm_accumulator"
                   " for each row execute function note()");
    struct rig *r = rig_new(&pg);
    PGconn *other = PQconnectdb(pg.conninfo);
    PQclear(PQexec(other, "begin"));
    PQclear(PQexec(other, "lock table alarm_accumulator in access exclusive mode"));
    for (int64_t at_us = 1; at_us <= 50; at_us++) {
        checkpoint(r, 7, (double)at_us, at_us);
        store_turn_end(r->store);
        (void)uv_run(&r->loop, UV_RUN_NOWAIT);
    }
    struct alarm_record rec = {
        .seq = 1, .n = 1, .alarm_key = 1, .kind = RECORD_RAISE, .from = 'A', .to = 'B'};
    assert_int_equal(store_journal(r->store, &rec, slice_str("main")), OK);
    RIG_UNTIL(r, r->journaled == 1);
    PQfinish(other);
    rig_stop(&r, RIG_PATIENCE_MS);
    assert_int_equal(pgtest_number(&pg, "select amount from alarm_accumulator"), 50);
    assert_true(pgtest_number(&pg, "select count(*) from seen") <= 2);
}

static void many_are_stored_in_groups_however_often_the_connection_dies(void **state) {
    (void)state;
    enum { N = 12000 };
    static struct alarm_accumulator v[N];
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    for (int64_t round = 1; round <= 5; round++) {
        for (int i = 0; i < N; i++) {
            v[i] = (struct alarm_accumulator){.alarm_key = i + 1, .amount = (double)(round * i)};
        }
        store_checkpoint(r->store, v, N, round);
        store_turn_end(r->store);
        pgtest_do(&pg, "select pg_terminate_backend(pid) from pg_stat_activity"
                       " where application_name = 'penstock events' and datname = current_database()");
        RIG_UNTIL(r, r->state == STORE_OK);
    }
    RIG_UNTIL(r, pgtest_number(
                     &pg, "select count(*) from alarm_accumulator where amount = 5 * (alarm_key - 1)") == N);
    assert_false(r->fatal);
    rig_stop(&r, RIG_PATIENCE_MS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accumulators_come_back_at_the_next_start),
        cmocka_unit_test(an_older_checkpoint_never_replaces_a_newer_one),
        cmocka_unit_test(what_cannot_be_stored_is_left_out),
        cmocka_unit_test(while_the_database_is_slow_only_the_newest_waits_and_alarms_pass),
        cmocka_unit_test(many_are_stored_in_groups_however_often_the_connection_dies),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
