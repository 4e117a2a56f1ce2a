#include "server/base/clock.h"
#include "server/base/rand.h"
#include "server/store/packer.h"
#include "tests/unit/store/rig.h"

static struct pgtest pg;

enum { T0 = 1700000000, TAGS = 5 };

static void put_at(struct rig *r, uint64_t seq, int64_t received_us) {
    struct stored_sample v[TAGS];
    for (uint32_t i = 0; i < TAGS; i++) {
        v[i] = (struct stored_sample){
            .tag_key = (int64_t)i + 1, .t_us = (T0 + (int64_t)seq) * INT64_C(1000000), .value = (double)seq};
    }
    struct store_record rec = {.gateway_key = 7,
                               .epoch = 9,
                               .seq = seq,
                               .dict = 3,
                               .type = MSG_DATA,
                               .flags = 1,
                               .body = slice_str("as received"),
                               .received_us = received_us,
                               .fault_text = "",
                               .samples = v,
                               .n_samples = TAGS};
    assert_int_equal(store_ingest(r->store, &rec), OK);
}

static void put(struct rig *r, uint64_t seq) {
    put_at(r, seq, T0 * INT64_C(1000000));
}

static struct rig *rig_that_packs(int64_t after_us) {
    rig_migrate(&pg);
    struct rig *r = rig_new_with(
        &pg,
        (struct store_config){.pack_after_us = after_us, .keep_raw_us = INT64_MAX / 2, .commit_every_ms = 2});
    RIG_UNTIL(r, r->state == STORE_OK && r->loaded == 1);
    return r;
}

static void samples_become_chunks_by_themselves_and_old_records_go(void **state) {
    (void)state;
    enum { N = 100 * TAGS };
    rig_migrate(&pg);
    /* Keeps all records as received: on a slow machine these would be gone before the second one begins. */
    struct rig *r = rig_new_with(
        &pg,
        (struct store_config){.pack_after_us = 1, .keep_raw_us = INT64_C(1) << 60, .commit_every_ms = 2});
    RIG_UNTIL(r, r->state == STORE_OK && r->loaded == 1);
    for (uint64_t seq = 0; seq < 100; seq++) {
        put(r, seq);
    }
    RIG_UNTIL(r, r->packing.samples == N && r->packing.rows == 0);
    assert_true(r->packing.oldest_us == 0 && r->packing.chunks >= TAGS && r->packing.error.code == OK);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample_hot"), 0);
    assert_int_equal(pgtest_number(&pg, "select sum(n) from sample_chunk"), N);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample where value = t_us / 1000000 - %d", T0),
                     N);
    rig_stop(&r, 5000);
    r = rig_new_with(&pg, (struct store_config){.pack_after_us = 1, .keep_raw_us = 1});
    RIG_UNTIL(r, r->packing.pruned == 100);
    assert_int_equal(pgtest_number(&pg, "select count(*) from ingest_batch"), 0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from gateway_epoch where ranges = '{[0,100)}'"), 1);
    uint64_t ingested = r->n_ingested;
    put(r, 50); /* sent again: its number is known, so it has no effect */
    RIG_UNTIL(r, r->n_ingested > ingested);
    rig_stop(&r, 5000);
}

static void what_is_young_waits_and_the_state_is_told(void **state) {
    (void)state;
    struct rig *r = rig_that_packs(INT64_MAX / 2);
    put(r, 0);
    RIG_UNTIL(r, r->packing.rows == 1);
    assert_true(r->packing.oldest_us == T0 * INT64_C(1000000) && r->packing.samples == 0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample"), TAGS);
    rig_stop(&r, 5000);
}

/* A moment ahead is what came while the packer looked; hours ahead was a clock that is right by now. */
static void what_came_just_now_waits_and_what_comes_from_afar_does_not(void **state) {
    (void)state;
    int64_t hour_us = INT64_C(3600000000);
    struct rig *r = rig_that_packs(hour_us);
    put_at(r, 0, clock_wall_us() + hour_us / 2);
    RIG_UNTIL(r, r->packing.rows == 1);
    assert_int_equal(r->packing.samples, 0);
    put_at(r, 1, clock_wall_us() + 3 * hour_us);
    RIG_UNTIL(r, r->packing.rows == 2);
    pgtest_do(&pg, "delete from sample_hot where id = (select min(id) from sample_hot)");
    RIG_UNTIL(r, r->packing.samples == TAGS);
    rig_stop(&r, 5000);
}

static void trouble_is_told_and_overcome(void **state) {
    (void)state;
    struct rig *r = rig_that_packs(1);
    pgtest_do(&pg, "alter table sample_chunk rename to elsewhere");
    put(r, 0);
    RIG_UNTIL(r, r->packing.error.code != OK);
    pgtest_do(&pg, "alter table elsewhere rename to sample_chunk");
    RIG_UNTIL(r, r->packing.samples == TAGS && r->packing.error.code == OK);
    rig_stop(&r, 5000);
}

/* Both connections are ended again and again while records come. */
static void packing_beside_ingest_counts_each_sample_once(void **state) {
    (void)state;
    enum { RECORDS = 1500 };
    struct rand rand;
    uint64_t seed = unit_seed();
    rand_seed(&rand, seed);
    struct rig *r = rig_that_packs(1);
    int64_t kills = 0;
    for (uint64_t seq = 0; seq < RECORDS; seq++) {
        put(r, seq);
        for (uint64_t turns = rand_below(&rand, 4); turns > 0; turns--) {
            (void)uv_run(&r->loop, UV_RUN_ONCE);
        }
        if (rand_below(&rand, 30) == 0) {
            kills += pgtest_number(&pg,
                                   "select count(pg_terminate_backend(pid)) from pg_stat_activity where "
                                   "application_name in ('penstock packer', '%s') and datname = "
                                   "current_database()",
                                   rand_below(&rand, 2) == 0 ? "penstock ingest" : "nobody");
        }
    }
    RIG_UNTIL(r, r->n_ingested == RECORDS);
    RIG_UNTIL(r, r->packing.error.code == OK && r->packing.rows == 0 &&
                     pgtest_number(&pg, "select count(*) from sample_hot") == 0);
    print_message("SEED=%llu kills=%lld chunks=%llu\n", (unsigned long long)seed, (long long)kills,
                  (unsigned long long)r->packing.chunks);
    assert_int_equal(pgtest_number(&pg, "select sum(n) from sample_chunk"), RECORDS * TAGS);
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from sample where value = t_us / 1000000 - %d and tag_key <= 5",
                      T0),
        RECORDS * TAGS);
    rig_stop(&r, 5000);
}

/* A transaction that waits for a lock that nobody gives back does not hold up the end. */
static void a_stop_does_not_wait_for_a_packing(void **state) {
    (void)state;
    struct rig *r = rig_that_packs(1);
    PGconn *other = PQconnectdb(pg.conninfo);
    PQclear(PQexec(other, "begin; lock table sample_chunk in access exclusive mode"));
    put(r, 0);
    RIG_UNTIL(r, pgtest_number(&pg, "select count(*) from pg_stat_activity where application_name = "
                                    "'penstock packer' and wait_event_type = 'Lock'") == 1);
    uint64_t from_ms = uv_now(&r->loop);
    store_stop(r->store, 100, rig_on_stopped, r);
    RIG_UNTIL(r, r->stopped);
    assert_true(uv_now(&r->loop) - from_ms < 30000); /* by itself it would wait for a minute */
    rig_end(&r);
    PQfinish(other);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample"), TAGS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_become_chunks_by_themselves_and_old_records_go),
        cmocka_unit_test(what_is_young_waits_and_the_state_is_told),
        cmocka_unit_test(what_came_just_now_waits_and_what_comes_from_afar_does_not),
        cmocka_unit_test(trouble_is_told_and_overcome),
        cmocka_unit_test(packing_beside_ingest_counts_each_sample_once),
        cmocka_unit_test(a_stop_does_not_wait_for_a_packing),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
