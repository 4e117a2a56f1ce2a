/* Covers: load.c */
#include "tests/unit/store/rig.h"

static struct pgtest pg;

static void a_database_without_schema_is_fatal_and_says_what_to_run(void **state) {
    (void)state;
    pgtest_fresh_database(&pg);
    struct rig *r = rig_new_with(&pg, (struct store_config){0});
    RIG_UNTIL(r, r->fatal);
    assert_non_null(strstr(r->fatal_error.text, "run: penstock migrate"));
    assert_int_equal(r->loaded, 0);
    rig_stop(&r, 100);
}

static void a_schema_that_lacks_the_newest_migration_is_fatal(void **state) {
    (void)state;
    rig_migrate(&pg);
    pgtest_do(&pg,
              "delete from schema_migration where version = (select max(version) from schema_migration)");
    struct rig *r = rig_new_with(&pg, (struct store_config){0});
    RIG_UNTIL(r, r->fatal);
    assert_non_null(strstr(r->fatal_error.text, "run: penstock migrate"));
    rig_stop(&r, 100);
}

static void a_schema_newer_than_the_program_is_fatal(void **state) {
    (void)state;
    rig_migrate(&pg);
    pgtest_do(&pg, "insert into schema_migration (version, name, sha256)"
                   " select max(version) + 1, 'later.sql', '' from schema_migration");
    struct rig *r = rig_new_with(&pg, (struct store_config){0});
    RIG_UNTIL(r, r->fatal);
    assert_non_null(strstr(r->fatal_error.text, "newer than this program"));
    assert_int_equal(r->fatal_error.code, ERR_UNSUPPORTED);
    rig_stop(&r, 100);
}

static void a_schema_made_with_another_file_is_fatal_and_names_it(void **state) {
    (void)state;
    rig_migrate(&pg);
    pgtest_do(&pg, "update schema_migration set sha256 = repeat('0', 64) where version = 1");
    struct rig *r = rig_new_with(&pg, (struct store_config){0});
    RIG_UNTIL(r, r->fatal);
    assert_string_equal(r->fatal_error.where, "0001_base.sql");
    rig_stop(&r, 100);
}

static void a_second_server_is_refused_and_told_who_has_the_database(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *first = rig_new(&pg);
    struct rig *second = rig_new_with(&pg, (struct store_config){0});
    RIG_UNTIL(second, second->fatal);
    assert_int_equal(second->loaded, 0);
    assert_int_equal(second->fatal_error.code, ERR_CONFLICT);
    assert_non_null(strstr(second->fatal_error.text, "another server uses this database"));
    assert_non_null(strstr(second->fatal_error.text, "penstock events"));
    rig_stop(&second, 100);
    rig_stop(&first, 5000);
    struct rig *third = rig_new(&pg);
    rig_stop(&third, 5000);
}

static void servers_on_two_databases_do_not_disturb_each_other(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *first = rig_new(&pg);
    rig_migrate(&pg);
    struct rig *second = rig_new(&pg);
    assert_false(second->fatal);
    rig_stop(&second, 5000);
    rig_stop(&first, 5000);
}

static void a_server_that_loses_the_lock_while_it_was_away_stops(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    pgtest_do(&pg, "select pg_terminate_backend(pid, 60000) from pg_stat_activity"
                   " where application_name = 'penstock events' and datname = current_database()");
    PGconn *other = PQconnectdb(pg.conninfo);
    PQclear(PQexec(other, "select pg_advisory_lock(1346719315, 1)"));
    RIG_UNTIL(r, r->fatal);
    assert_int_equal(r->fatal_error.code, ERR_CONFLICT);
    PQfinish(other);
    rig_stop(&r, 100);
}

/* Twice a connection comes and goes; the database was restored before the second time only. */
static void a_server_stops_when_its_database_was_restored_meanwhile(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    static const char cut[] = "select pg_terminate_backend(pid, 60000) from pg_stat_activity"
                              " where application_name = 'penstock events' and datname = current_database()";
    pgtest_do(&pg, "%s", cut);
    RIG_UNTIL(r, r->state != STORE_OK);
    RIG_UNTIL(r, r->state == STORE_OK);
    assert_false(r->fatal);
    pgtest_do(&pg, "select store_restored(now() - interval '1 hour', 'ann', 'b')");
    pgtest_do(&pg, "%s", cut);
    RIG_UNTIL(r, r->fatal);
    assert_int_equal(r->fatal_error.code, ERR_CONFLICT);
    assert_non_null(strstr(r->fatal_error.text, "restored from a backup"));
    rig_stop(&r, 100);
    struct rig *again = rig_new(&pg);
    assert_false(again->fatal);
    rig_stop(&again, 5000);
}

static void the_lock_is_waited_for_while_its_former_holder_is_dying(void **state) {
    (void)state;
    rig_migrate(&pg);
    PGconn *dying = PQconnectdb(pg.conninfo);
    PQclear(PQexec(dying, "select pg_advisory_lock(1346719315, 1)"));
    struct rig *r = rig_new_with(&pg, (struct store_config){0});
    while (pgtest_number(&pg,
                         "select count(*) from pg_stat_activity where application_name = 'penstock events'"
                         " and datname = current_database() and query like '%%pg_locks%%'") == 0) {
        (void)uv_run(&r->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(r->loaded, 0);
    PQfinish(dying);
    RIG_UNTIL(r, r->loaded == 1);
    assert_false(r->fatal);
    rig_stop(&r, 5000);
}

static void a_stored_item_that_this_program_cannot_use_is_fatal_and_named(void **state) {
    (void)state;
    rig_migrate(&pg);
    pgtest_do(&pg, "select config_apply(gen_random_uuid(), 'cli', 'x', array['site'], array['S1'],"
                   " array['{\"name\":\"S1\",\"from_the_future\":1}'], array[-1::bigint])");
    struct rig *r = rig_new_with(&pg, (struct store_config){0});
    RIG_UNTIL(r, r->fatal);
    assert_string_equal(r->fatal_error.where, "/site/S1");
    rig_stop(&r, 100);
}

static void a_wrong_directory_of_migrations_is_an_error_of_the_start(void **state) {
    (void)state;
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    struct store_config cfg = {.loop = &loop, .conninfo = "", .migrations_dir = "/nowhere"};
    struct store_host host = {0};
    struct store *store = NULL;
    struct error err;
    assert_int_equal(store_new(&cfg, &host, &store, &err), ERR_NOT_FOUND);
    assert_string_equal(err.where, "/nowhere");
    assert_null(store);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_database_without_schema_is_fatal_and_says_what_to_run),
        cmocka_unit_test(a_schema_that_lacks_the_newest_migration_is_fatal),
        cmocka_unit_test(a_schema_newer_than_the_program_is_fatal),
        cmocka_unit_test(a_schema_made_with_another_file_is_fatal_and_names_it),
        cmocka_unit_test(a_second_server_is_refused_and_told_who_has_the_database),
        cmocka_unit_test(servers_on_two_databases_do_not_disturb_each_other),
        cmocka_unit_test(a_server_that_loses_the_lock_while_it_was_away_stops),
        cmocka_unit_test(a_server_stops_when_its_database_was_restored_meanwhile),
        cmocka_unit_test(the_lock_is_waited_for_while_its_former_holder_is_dying),
        cmocka_unit_test(a_stored_item_that_this_program_cannot_use_is_fatal_and_named),
        cmocka_unit_test(a_wrong_directory_of_migrations_is_an_error_of_the_start),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
