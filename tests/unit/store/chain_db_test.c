#include "server/store/chain_db.h"
#include "tests/unit/store/rig.h"

static struct pgtest pg;

static struct chain_db *open_db(const char *conninfo, const atomic_bool *stop) {
    struct chain_db *db = NULL;
    struct error err;
    if (chain_db_open(conninfo, "penstock test", stop, &db, &err) != OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return db;
}

static void add_audit(int n) {
    pgtest_do(&pg, "insert into audit (actor, action) select 'ann', 'x' from generate_series(1, %d)", n);
}

static int64_t seal_with(struct chain_db *db, enum chain_late late) {
    struct error err;
    int64_t n = -1;
    if (chain_db_seal(db, late, &n, &err) != OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return n;
}

/* A migration that adds a column to one of these tables brings a new form of the chain with it. */
static void every_column_of_the_tables_is_sealed(void **state) {
    (void)state;
    rig_migrate(&pg);
    for (int source = CHAIN_REVISION; source <= CHAIN_JOURNAL; source++) {
        const struct chain_table *t = chain_table(source);
        uint32_t own = source == CHAIN_REVISION ? t->n - 1 : t->n; /* its items are another table's */
        for (uint32_t i = 0; i < own; i++) {
            assert_int_equal(
                pgtest_number(&pg,
                              "select count(*) from information_schema.columns where table_name = '%s'"
                              " and column_name = '%s' and ordinal_position = %u",
                              t->name, t->columns[i].name, i + 1),
                1);
        }
        assert_int_equal(
            pgtest_number(&pg, "select count(*) from information_schema.columns where table_name = '%s'",
                          t->name),
            own);
    }
    assert_int_equal(
        pgtest_number(&pg,
                      "select count(*) from information_schema.columns where table_name = 'config_item'"),
        3);
}

static void the_servers_role_seals_and_can_do_nothing_else_to_the_chain(void **state) {
    (void)state;
    rig_migrate(&pg);
    add_audit(3);
    struct chain_db *db = open_db(pg.server, NULL);
    assert_int_equal(seal_with(db, CHAIN_LATE_LEAVE), 3);
    assert_int_equal(seal_with(db, CHAIN_LATE_TAKE), 0);
    chain_db_close(&db);
    PGconn *conn = PQconnectdb(pg.server);
    static const char *const refused[] = {
        "insert into chain values (4, 1, 2, 4, 0, sha256(''), sha256('x'))",
        "update chain set hash = prev",
        "delete from chain",
        "truncate chain",
        "update chain_checkpoint set pos = 0",
        "delete from chain_checkpoint",
        "delete from chain_sink",
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        PGresult *r = PQexec(conn, refused[i]);
        assert_string_equal(PQresultErrorField(r, PG_DIAG_SQLSTATE), "42501");
        PQclear(r);
    }
    PQfinish(conn);
    assert_int_equal(pgtest_number(&pg, "select count(*) from chain"), 3);
}

/* A transaction that got its number first and commits last. */
static void what_is_committed_late_is_sealed_all_the_same(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct chain_db *db = open_db(pg.server, NULL);
    PGconn *slow = PQconnectdb(pg.conninfo);
    PQclear(PQexec(slow, "begin; insert into audit (actor, action) values ('slow', 'x')"));
    add_audit(2);
    assert_int_equal(seal_with(db, CHAIN_LATE_TAKE), 2);
    PQclear(PQexec(slow, "commit"));
    PQfinish(slow);
    assert_int_equal(seal_with(db, CHAIN_LATE_LEAVE), 0);
    assert_int_equal(seal_with(db, CHAIN_LATE_TAKE), 1);
    assert_int_equal(pgtest_number(&pg, "select row_id from chain where pos = 3"), 1);
    add_audit(1);
    assert_int_equal(seal_with(db, CHAIN_LATE_LEAVE), 1);
    chain_db_close(&db);
}

static void two_sealers_make_one_chain(void **state) {
    (void)state;
    rig_migrate(&pg);
    add_audit(5);
    struct chain_db *db = open_db(pg.server, NULL);
    PGconn *other = PQconnectdb(pg.conninfo);
    PQclear(PQexec(other, "begin; select chain_seal(3, 0)"));
    /* The other one has it. Whether that one seals nobody knows: not to get it is no success. */
    pgtest_do(&pg, "alter function chain_seal(integer, bigint) set lock_timeout = '100ms'");
    struct error err;
    int64_t n = 0;
    assert_int_equal(chain_db_seal(db, CHAIN_LATE_TAKE, &n, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.text, "lock timeout"));
    chain_db_close(&db);
    PQclear(PQexec(other, "commit"));
    PQfinish(other);
    db = open_db(pg.server, NULL);
    assert_int_equal(seal_with(db, CHAIN_LATE_TAKE), 2);
    assert_int_equal(pgtest_number(&pg, "select max(pos) from chain"), 5);
    chain_db_close(&db);
}

struct seen {
    int64_t n;
    int64_t last;
    int64_t gone;
};

static enum status on_row(void *ctx, const struct chain_seal *seal, const struct chain_row *row,
                          struct error *err) {
    (void)err;
    struct seen *s = ctx;
    s->n++;
    s->last = seal->pos;
    s->gone += row == NULL ? 1 : 0;
    return OK;
}

static void rows_are_read_in_stretches(void **state) {
    (void)state;
    rig_migrate(&pg);
    add_audit(10);
    struct chain_db *db = open_db(pg.server, NULL);
    struct seen seen = {0};
    struct error err;
    int64_t n = 0;
    assert_int_equal(chain_db_read(db, 0, 4, on_row, &seen, &n, &err), OK);
    assert_int_equal(n, 0);
    assert_int_equal(seal_with(db, CHAIN_LATE_TAKE), 10);
    assert_int_equal(chain_db_read(db, 0, 4, on_row, &seen, &n, &err), OK);
    assert_int_equal(n, 4);
    assert_int_equal(chain_db_read(db, seen.last, 100, on_row, &seen, &n, &err), OK);
    assert_int_equal(n, 6);
    assert_int_equal(seen.n, 10);
    assert_int_equal(seen.gone, 0);
    chain_db_close(&db);
}

static void marks_and_checkpoints_come_back_as_they_were_put(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct chain_db *db = open_db(pg.server, NULL);
    struct chain_mark mark = {.pos = 1};
    struct point p = {.pos = 7, .at_us = 5, .hash = {1}, .key_id = {2}, .signature = {3}};
    struct point v[4];
    struct error err;
    uint32_t n = 9;
    assert_int_equal(chain_db_get_mark(db, "file", &mark, &err), OK);
    assert_int_equal(mark.pos, 0);
    for (int64_t i = 1; i <= 2; i++) {
        mark = (struct chain_mark){.pos = 10 * i, .point_pos = 7 * i};
        assert_int_equal(chain_db_put_mark(db, "file", &mark, 1, &err), OK);
    }
    assert_int_equal(chain_db_get_mark(db, "file", &mark, &err), OK);
    assert_int_equal(mark.pos, 20);
    assert_int_equal(mark.point_pos, 14);
    assert_int_equal(chain_db_get_mark(db, "syslog", &mark, &err), OK);
    assert_int_equal(mark.pos, 0);

    assert_int_equal(chain_db_last_point(db, &v[0], &err), OK);
    assert_int_equal(v[0].pos, 0);
    assert_int_equal(chain_db_put_point(db, &p, &err), OK);
    assert_int_equal(chain_db_put_point(db, &p, &err), OK);
    assert_int_equal(chain_db_last_point(db, &v[0], &err), OK);
    assert_memory_equal(&v[0], &p, sizeof p);
    assert_int_equal(chain_db_points(db, 7, v, 4, &n, &err), OK);
    assert_int_equal(n, 0);
    assert_int_equal(chain_db_points(db, 6, v, 4, &n, &err), OK);
    assert_int_equal(n, 1);
    assert_memory_equal(&v[0], &p, sizeof p);
    chain_db_close(&db);
}

static void no_database_and_an_end_are_told(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct chain_db *db = NULL;
    struct error err;
    int64_t n = 0;
    assert_int_equal(chain_db_open("host=/nowhere dbname=x", "test", NULL, &db, &err), ERR_UNAVAILABLE);
    assert_null(db);
    atomic_bool stop = false;
    db = open_db(pg.server, &stop);
    PGconn *other = PQconnectdb(pg.conninfo);
    PQclear(PQexec(other, "begin; lock table chain in access exclusive mode"));
    atomic_store(&stop, true);
    assert_int_equal(chain_db_seal(db, CHAIN_LATE_TAKE, &n, &err), ERR_UNAVAILABLE);
    assert_string_equal(err.text, "the work was ended");
    PQfinish(other);
    chain_db_close(&db);
    chain_db_close(&db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_column_of_the_tables_is_sealed),
        cmocka_unit_test(the_servers_role_seals_and_can_do_nothing_else_to_the_chain),
        cmocka_unit_test(what_is_committed_late_is_sealed_all_the_same),
        cmocka_unit_test(two_sealers_make_one_chain),
        cmocka_unit_test(rows_are_read_in_stretches),
        cmocka_unit_test(marks_and_checkpoints_come_back_as_they_were_put),
        cmocka_unit_test(no_database_and_an_end_are_told),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
