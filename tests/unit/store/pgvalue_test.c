#include "server/store/pgvalue.h"
#include "tests/lib/pgtest.h"
#include "tests/lib/unit.h"

#include <math.h>
#include <string.h>

static struct pgtest pg;

/* One statement with these parameters, in binary both ways. */
static PGresult *ask(PGconn *conn, const char *sql, const struct pg_args *a) {
    assert_false(a->data.failed);
    const char *values[PG_ARGS_MAX] = {0};
    int formats[PG_ARGS_MAX];
    for (int i = 0; i < a->n; i++) {
        values[i] = (const char *)a->data.p + a->offsets[i];
        formats[i] = 1;
    }
    PGresult *r = PQexecParams(conn, sql, a->n, a->types, values, a->lengths, formats, 1);
    assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
    return r;
}

static PGconn *connect_to_test(void) {
    pgtest_fresh_database(&pg);
    PGconn *conn = PQconnectdb(pg.conninfo);
    assert_int_equal(PQstatus(conn), CONNECTION_OK);
    return conn;
}

static void single_values_come_back_as_they_went(void **state) {
    (void)state;
    PGconn *conn = connect_to_test();
    struct pg_args a;
    pg_args_init(&a, 4096);
    pg_arg_i64(&a, INT64_MIN);
    pg_arg_i32(&a, -7);
    pg_arg_text(&a, slice_str("\xE6\xB0\xB4 \"quoted\""));
    pg_arg_bytes(&a, "\0\xFF\x01", 3);
    PGresult *r =
        ask(conn, "select $1::int8, $2::int4, $3::text, $4::bytea, null::int8, true, 'nan'::float8", &a);
    assert_int_equal(pg_get_i64(r, 0, 0), INT64_MIN);
    assert_int_equal(pg_get_i32(r, 0, 1), -7);
    assert_true(slice_is(pg_get_slice(r, 0, 2), "\xE6\xB0\xB4 \"quoted\""));
    assert_true(slice_eq(pg_get_slice(r, 0, 3), slice_of("\0\xFF\x01", 3)));
    assert_true(pg_is_null(r, 0, 4));
    assert_true(pg_get_bool(r, 0, 5));
    assert_true(isnan(pg_get_f64(r, 0, 6)));
    char cut[4];
    pg_get_text(r, 0, 2, cut, sizeof cut);
    assert_string_equal(cut, "\xE6\xB0\xB4");
    PQclear(r);
    pg_args_done(&a);
    PQfinish(conn);
}

static void arrays_come_back_in_order_and_what_is_no_number_is_null(void **state) {
    (void)state;
    PGconn *conn = connect_to_test();
    struct pg_args a;
    pg_args_init(&a, 4096);
    pg_array_i64_begin(&a);
    for (int64_t i = 0; i < 4; i++) {
        pg_array_i64(&a, i * INT64_C(4000000000));
    }
    pg_array_end(&a);
    pg_array_f64_begin(&a);
    pg_array_f64(&a, 1.5);
    pg_array_f64(&a, NAN);
    pg_array_f64(&a, INFINITY);
    pg_array_f64(&a, -0.0);
    pg_array_end(&a);
    pg_array_text_begin(&a);
    pg_array_text(&a, slice_str("a"));
    pg_array_null(&a);
    pg_array_text(&a, slice_str(""));
    pg_array_text(&a, slice_str("d"));
    pg_array_end(&a);
    PGresult *r = ask(conn,
                      "select i, f, t from unnest($1::int8[], $2::float8[], $3::text[]) with ordinality u(i, "
                      "f, t, o) order by o",
                      &a);
    assert_int_equal(PQntuples(r), 4);
    assert_int_equal(pg_get_i64(r, 3, 0), INT64_C(12000000000));
    assert_true(pg_get_f64(r, 0, 1) == 1.5);
    assert_true(pg_is_null(r, 1, 1));
    assert_true(pg_is_null(r, 2, 1));
    assert_true(signbit(pg_get_f64(r, 3, 1)));
    assert_true(pg_is_null(r, 1, 2));
    assert_true(slice_is(pg_get_slice(r, 2, 2), ""));
    PQclear(r);
    pg_args_done(&a);
    PQfinish(conn);
}

static void an_empty_array_is_empty(void **state) {
    (void)state;
    PGconn *conn = connect_to_test();
    struct pg_args a;
    pg_args_init(&a, 4096);
    pg_array_i64_begin(&a);
    pg_array_end(&a);
    PGresult *r = ask(conn, "select count(*) from unnest($1::int8[])", &a);
    assert_int_equal(pg_get_i64(r, 0, 0), 0);
    PQclear(r);
    pg_args_done(&a);
    PQfinish(conn);
}

static void what_does_not_fit_is_marked_until_it_is_cleared(void **state) {
    (void)state;
    struct pg_args a;
    pg_args_init(&a, 16);
    pg_arg_text(&a, slice_str("more than sixteen bytes"));
    assert_true(a.data.failed);
    pg_args_clear(&a);
    pg_arg_i64(&a, 1);
    assert_false(a.data.failed);
    assert_int_equal(a.n, 1);
    pg_args_done(&a);
}

static void a_text_that_is_no_utf8_is_cut_before_the_fault(void **state) {
    (void)state;
    struct pg_args a;
    pg_args_init(&a, 256);
    pg_arg_text(&a, slice_of("ab\xFF"
                             "cd",
                             5));
    pg_arg_text(&a, slice_of("ab\0cd", 5));
    assert_int_equal(a.lengths[0], 2);
    assert_int_equal(a.lengths[1], 2);
    pg_args_done(&a);
}

static int start(void **state) {
    (void)state;
    pgtest_start(&pg);
    return 0;
}

static int stop(void **state) {
    (void)state;
    pgtest_stop(&pg);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_values_come_back_as_they_went),
        cmocka_unit_test(arrays_come_back_in_order_and_what_is_no_number_is_null),
        cmocka_unit_test(an_empty_array_is_empty),
        cmocka_unit_test(what_does_not_fit_is_marked_until_it_is_cleared),
        cmocka_unit_test(a_text_that_is_no_utf8_is_cut_before_the_fault),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
