#include "server/store/migrate.h"
#include "tests/lib/pgtest.h"
#include "tests/lib/unit.h"

static struct pgtest pg;

/* A directory of migrations for the present test. */
static char dir[64];

static void make_dir(void) {
    (void)snprintf(dir, sizeof dir, "/tmp/penstock-migrate-XXXXXX");
    assert_non_null(mkdtemp(dir));
}

static void write_file(const char *name, const char *text) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int remove_dir(void **state) {
    (void)state;
    if (dir[0] != '\0') {
        pgtest_remove(dir);
        dir[0] = '\0';
    }
    return 0;
}

struct applied {
    uint32_t n;
    char names[32][100];
};

static void on_applied(void *ctx, const struct migration *m) {
    struct applied *a = ctx;
    assert_true(a->n < 32);
    (void)snprintf(a->names[a->n++], sizeof a->names[0], "%s", m->name);
}

static void an_empty_database_gets_the_whole_schema_once(void **state) {
    (void)state;
    pgtest_fresh_database(&pg);
    struct applied a = {0};
    struct error err;
    struct migration list[16];
    uint32_t n = 0;
    assert_int_equal(migrate_list("migrations", list, 16, &n, &err), OK);
    assert_int_equal(migrate_run(pg.conninfo, "migrations", on_applied, &a, &err), OK);
    assert_int_equal(a.n, n);
    assert_string_equal(a.names[0], "0001_base.sql");
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from schema_migration where sha256 = '%s'", list[0].sha256), 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample"), 0);
    assert_int_equal(migrate_run(pg.conninfo, "migrations", on_applied, &a, &err), OK);
    assert_int_equal(a.n, n);
}

static void what_is_missing_is_added_to_an_older_schema(void **state) {
    (void)state;
    pgtest_fresh_database(&pg);
    make_dir();
    struct applied a = {0};
    struct error err;
    write_file("0001_a.sql", "create table a (i integer);");
    assert_int_equal(migrate_run(pg.conninfo, dir, on_applied, &a, &err), OK);
    write_file("0002_b.sql", "create table b (i integer); insert into b values (7);");
    assert_int_equal(migrate_run(pg.conninfo, dir, on_applied, &a, &err), OK);
    assert_int_equal(a.n, 2);
    assert_string_equal(a.names[1], "0002_b.sql");
    assert_int_equal(pgtest_number(&pg, "select i from b"), 7);
}

/* Ten comes behind nine, not behind one. */
static void more_than_nine_migrations_stay_in_their_order(void **state) {
    (void)state;
    pgtest_fresh_database(&pg);
    make_dir();
    struct error err;
    for (int i = 1; i <= 12; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%04d_step.sql", i);
        write_file(name, "select 1;");
    }
    assert_int_equal(migrate_run(pg.conninfo, dir, NULL, NULL, &err), OK);
    assert_int_equal(migrate_run(pg.conninfo, dir, NULL, NULL, &err), OK);
    assert_int_equal(pgtest_number(&pg, "select count(*) from schema_migration"), 12);
}

static void a_file_that_was_changed_later_is_refused_by_name(void **state) {
    (void)state;
    pgtest_fresh_database(&pg);
    make_dir();
    struct error err;
    write_file("0001_a.sql", "create table a (i integer);");
    assert_int_equal(migrate_run(pg.conninfo, dir, NULL, NULL, &err), OK);
    write_file("0001_a.sql", "create table a (i bigint);");
    write_file("0002_b.sql", "create table b (i integer);");
    assert_int_equal(migrate_run(pg.conninfo, dir, NULL, NULL, &err), ERR_CONFLICT);
    assert_string_equal(err.where, "0001_a.sql");
    assert_int_equal(pgtest_number(&pg, "select count(*) from pg_class where relname = 'b'"), 0);
}

static void a_schema_newer_than_the_files_is_refused(void **state) {
    (void)state;
    pgtest_fresh_database(&pg);
    make_dir();
    struct error err;
    assert_int_equal(migrate_run(pg.conninfo, "migrations", NULL, NULL, &err), OK);
    write_file("0001_base.sql", "select 1;");
    assert_int_equal(migrate_run(pg.conninfo, dir, NULL, NULL, &err), ERR_UNSUPPORTED);
    assert_string_equal(err.where, "0002_ingest.sql");
}

static void a_migration_that_fails_leaves_nothing_behind(void **state) {
    (void)state;
    pgtest_fresh_database(&pg);
    make_dir();
    struct error err;
    write_file("0001_a.sql", "create table a (i integer);");
    write_file("0002_b.sql", "create table b (i integer); create table b (i integer);");
    assert_int_equal(migrate_run(pg.conninfo, dir, NULL, NULL, &err), ERR_INVALID);
    assert_string_equal(err.where, "0002_b.sql");
    assert_non_null(strstr(err.text, "already exists"));
    assert_int_equal(pgtest_number(&pg, "select count(*) from schema_migration"), 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from pg_class where relname = 'b'"), 0);
}

static void a_migration_that_ends_its_transaction_is_refused(void **state) {
    (void)state;
    pgtest_fresh_database(&pg);
    make_dir();
    struct error err;
    write_file("0001_a.sql", "create table a (i integer); commit;");
    assert_int_equal(migrate_run(pg.conninfo, dir, NULL, NULL, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "begin and commit"));
}

static void a_database_that_is_away_is_said_to_be(void **state) {
    (void)state;
    struct error err;
    assert_int_equal(migrate_run("host=/nowhere", "migrations", NULL, NULL, &err), ERR_UNAVAILABLE);
}

static void a_name_a_gap_or_a_number_used_twice_is_refused_by_name(void **state) {
    (void)state;
    static const struct {
        const char *files[3];
        const char *where;
    } cases[] = {
        {{"0001_a.sql", "0003_c.sql"}, "0003_c.sql"},
        {{"0002_b.sql"}, "0002_b.sql"},
        {{"0001_a.sql", "0001_b.sql"}, "0001_b.sql"},
        {{"0001_a.sql", "2_b.sql"}, "2_b.sql"},
        {{"0001_A.sql"}, "0001_A.sql"},
        {{"0001_.sql"}, "0001_.sql"},
        {{"0000_a.sql"}, "0000_a.sql"},
        {{"0001-a.sql"}, "0001-a.sql"},
        {{"00001_a.sql"}, "00001_a.sql"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        make_dir();
        for (size_t j = 0; j < 3 && cases[i].files[j] != NULL; j++) {
            write_file(cases[i].files[j], "select 1;");
        }
        struct migration list[4];
        uint32_t n = 99;
        struct error err;
        assert_int_equal(migrate_list(dir, list, 4, &n, &err), ERR_INVALID);
        assert_string_equal(err.where, cases[i].where);
        assert_int_equal(n, 99);
        (void)remove_dir(NULL);
    }
}

static void other_files_are_left_alone_and_too_many_refused(void **state) {
    (void)state;
    make_dir();
    struct migration list[2];
    uint32_t n = 0;
    struct error err;
    write_file("README.md", "rules");
    assert_int_equal(migrate_list(dir, list, 2, &n, &err), ERR_NOT_FOUND);
    write_file("0001_a.sql", "");
    write_file("0002_b.sql", "select 1;\n");
    assert_int_equal(migrate_list(dir, list, 2, &n, &err), OK);
    assert_int_equal(n, 2);
    assert_string_equal(list[0].sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    write_file("0003_c.sql", "");
    assert_int_equal(migrate_list(dir, list, 2, &n, &err), ERR_TOO_BIG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_empty_database_gets_the_whole_schema_once, remove_dir),
        cmocka_unit_test_teardown(what_is_missing_is_added_to_an_older_schema, remove_dir),
        cmocka_unit_test_teardown(more_than_nine_migrations_stay_in_their_order, remove_dir),
        cmocka_unit_test_teardown(a_file_that_was_changed_later_is_refused_by_name, remove_dir),
        cmocka_unit_test_teardown(a_schema_newer_than_the_files_is_refused, remove_dir),
        cmocka_unit_test_teardown(a_migration_that_fails_leaves_nothing_behind, remove_dir),
        cmocka_unit_test_teardown(a_migration_that_ends_its_transaction_is_refused, remove_dir),
        cmocka_unit_test_teardown(a_database_that_is_away_is_said_to_be, remove_dir),
        cmocka_unit_test_teardown(a_name_a_gap_or_a_number_used_twice_is_refused_by_name, remove_dir),
        cmocka_unit_test_teardown(other_files_are_left_alone_and_too_many_refused, remove_dir),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
