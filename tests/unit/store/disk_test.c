/* The disk: what is told of it, and what a full one refuses. Covers: events.c, notes.c, pg.c */
#include "server/store/disk.h"
#include "tests/unit/store/rig.h"

#include <math.h>
#include <unistd.h>

static struct pgtest pg;

/* Refuses what is written into this table, as PostgreSQL does when the disk is full. */
static void fill_disk(const char *table) {
    pgtest_do(&pg, "create or replace function test_full() returns trigger language plpgsql as"
                   " $$ begin raise exception 'could not extend file' using errcode = 'disk_full'; end $$");
    pgtest_do(&pg,
              "create trigger test_full before insert on %s for each statement execute function test_full()",
              table);
}

static void make_room(const char *table) {
    pgtest_do(&pg, "drop trigger test_full on %s", table);
}

static struct store_record record(uint64_t seq) {
    return (struct store_record){.gateway_key = 7,
                                 .epoch = 9,
                                 .seq = seq,
                                 .type = MSG_DATA,
                                 .body = slice_str("as received"),
                                 .received_us = INT64_C(1800000000000000),
                                 .fault_text = ""};
}

static void records_wait_for_room_and_the_state_says_so(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    fill_disk("ingest_batch");
    struct store_record rec = record(0);
    assert_int_equal(store_ingest(r->store, &rec), OK);
    RIG_UNTIL(r, r->state == STORE_AWAY);
    assert_int_equal(r->state_error.code, ERR_NO_SPACE);
    struct store_pending pending = store_pending(r->store);
    assert_true(pending.records == 1 && pending.bytes > 0);
    make_room("ingest_batch");
    RIG_UNTIL(r, r->n_ingested == 1 && r->state == STORE_OK);
    pending = store_pending(r->store);
    assert_true(pending.records == 0 && pending.bytes == 0);
    assert_false(r->fatal);
    rig_stop(&r, 5000);
}

static void a_request_is_refused_with_the_reason_and_the_audit_waits(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    fill_disk("audit");
    struct request ask = {.kind = REQ_AUDIT, .audit = {.action = "asked"}};
    const struct rig_reply *reply = rig_ask(r, &ask);
    assert_int_equal(reply->reply.status, ERR_NO_SPACE);
    assert_int_equal(reply->reply.error.code, ERR_NO_SPACE);
    struct actor actor = {.name = "anna", .user_key = 1};
    store_audit(r->store, &actor, "done", "", "");
    RIG_UNTIL(r, r->state == STORE_AWAY);
    assert_int_equal(r->state_error.code, ERR_NO_SPACE);
    make_room("audit");
    RIG_UNTIL(r, r->state == STORE_OK &&
                     pgtest_number(&pg, "select count(*) from audit where action = 'done'") == 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from audit where action = 'asked'"), 0);
    rig_stop(&r, 5000);
}

static void what_the_ledger_is_told_waits_for_room(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    fill_disk("gateway_repeat");
    struct store_repeat repeat = {.gateway_key = 7, .session = 3, .day = 20000, .n = 5};
    store_repeated(r->store, &repeat);
    uint64_t until_ms = uv_now(&r->loop) + 1500;
    RIG_UNTIL(r, uv_now(&r->loop) > until_ms); /* it was refused once by now */
    assert_int_equal(pgtest_number(&pg, "select count(*) from gateway_repeat"), 0);
    make_room("gateway_repeat");
    RIG_UNTIL(r, pgtest_number(&pg, "select coalesce(sum(n), 0)::bigint from gateway_repeat") == 5);
    rig_stop(&r, 5000);
}

static void alarms_wait_in_their_order(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    fill_disk("alarm_journal");
    for (uint64_t seq = 1; seq <= 5; seq++) {
        struct alarm_record a = {.seq = seq,
                                 .n = seq,
                                 .alarm_key = 5,
                                 .from = 'A',
                                 .to = 'A',
                                 .base = 'A',
                                 .kind = RECORD_COMMENT,
                                 .facts = FACT_ENABLED | FACT_ACKED,
                                 .priority = 1};
        assert_int_equal(store_journal(r->store, &a, slice_str("main")), OK);
    }
    RIG_UNTIL(r, r->state == STORE_AWAY);
    assert_int_equal(r->state_error.code, ERR_NO_SPACE);
    make_room("alarm_journal");
    RIG_UNTIL(r, r->journaled == 5);
    rig_stop(&r, 5000);
}

/* --- the figures */

static void the_disk_of_the_database_is_found_and_its_growth_told(void **state) {
    (void)state;
    rig_migrate(&pg);
    /* A week of a gibibyte a day, up to now. */
    pgtest_do(&pg,
              "insert into store_figure (at_us, database_bytes, disk_bytes, disk_free)"
              " select n - i * 900000000::bigint, 5, 1::bigint << 50, (1::bigint << 49) + i * (1::bigint << "
              "30) / 96"
              "   from generate_series(1, 672) i, (select (extract(epoch from now()) * 1e6)::bigint as n) x");
    struct rig *r = rig_new_with(&pg, (struct store_config){0});
    RIG_UNTIL(r, r->disks > 0 && !isnan(r->disk.grow_bytes_day));
    assert_true(r->disk.known && r->disk.seen && r->disk.path[0] == '/');
    assert_true(r->disk.bytes > 0 && r->disk.free > 0 && r->disk.free <= r->disk.bytes);
    assert_float_equal(r->disk.grow_bytes_day / (1 << 30), 1, 0.05);
    assert_true(r->disk.full_at_us > 0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from store_figure where database_bytes > 1000000"
                                        " and disk_free <= disk_bytes"),
                     1);
    rig_stop(&r, 5000);
}

static void a_given_folder_or_limit_stands_for_it(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r =
        rig_new_with(&pg, (struct store_config){.path = "/proc/self", .limit_bytes = INT64_C(1) << 40});
    RIG_UNTIL(r, r->disks > 0); /* /proc has no blocks: it cannot be the disk */
    assert_true(r->disk.known && !r->disk.seen && r->disk.path[0] == '\0');
    assert_true(r->disk.bytes == INT64_C(1) << 40 && r->disk.free < r->disk.bytes &&
                r->disk.free > r->disk.bytes - (1 << 30));
    assert_true(isnan(r->disk.grow_bytes_day) && r->disk.full_at_us == 0);
    rig_stop(&r, 5000);
    r = rig_new_with(&pg, (struct store_config){.path = "/tmp"});
    RIG_UNTIL(r, r->disks > 0);
    assert_true(r->disk.seen);
    assert_string_equal(r->disk.path, "/tmp");
    rig_stop(&r, 5000);
}

/* They may take as long as they like, and their connection may go. */
static void figures_keep_nobody_waiting(void **state) {
    static const char waits[] = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                                " and datname = current_database()";
    (void)state;
    rig_migrate(&pg);
    PGconn *other = PQconnectdb(pg.conninfo);
    PQclear(PQexec(other, "begin; lock table store_figure"));
    struct rig *r = rig_new_with(&pg, (struct store_config){0});
    RIG_UNTIL(r, r->disks > 0 && pgtest_number(&pg, waits) == 1);
    struct request ask = {.kind = REQ_AUDIT, .audit = {.action = "asked"}};
    assert_int_equal(rig_ask(r, &ask)->reply.status, OK);
    assert_int_equal(pgtest_number(&pg, waits), 1);
    pgtest_do(&pg, "select pg_terminate_backend(pid) from pg_stat_activity"
                   " where application_name = 'penstock figures' and datname = current_database()");
    PQfinish(other);
    uint32_t disks = r->disks;
    RIG_UNTIL(r, pgtest_number(&pg, "select count(*) from pg_stat_activity where state = 'idle'"
                                    " and application_name = 'penstock figures'") == 1 &&
                     r->disks > disks);
    assert_int_equal(r->state, STORE_OK);
    rig_stop(&r, 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_wait_for_room_and_the_state_says_so),
        cmocka_unit_test(a_request_is_refused_with_the_reason_and_the_audit_waits),
        cmocka_unit_test(what_the_ledger_is_told_waits_for_room),
        cmocka_unit_test(alarms_wait_in_their_order),
        cmocka_unit_test(the_disk_of_the_database_is_found_and_its_growth_told),
        cmocka_unit_test(figures_keep_nobody_waiting),
        cmocka_unit_test(a_given_folder_or_limit_stands_for_it),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
