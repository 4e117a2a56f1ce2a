/* What every connection to PostgreSQL has in common: nothing here needs one. */
#include "server/store/pgconn.h"
#include "tests/lib/unit.h"

static void a_conninfo_that_cannot_be_read_is_refused_without_a_word_of_it(void **state) {
    (void)state;
    static const char *const cases[] = {
        "host=/nowhere password=hush SECRET dbname=x",
        "host=/nowhere password='SECRET",
        "SECRET=1",
        "host=/nowhere dbname=x password",
        "postgresql://me:hush@SECRET@host/db",
        "postgresql://me:hush@x:SECRET@host/db",
        "postgresql://me:SECRET/more@host/db",
        "postgresql://me:SECRET/more?even@host/db",
        "postgresql://me:a%SECRET@host/db",
        "postgres://me:12/SECRET@host/db",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        PGconn *conn = NULL;
        struct error err;
        assert_int_equal(pgconn_begin(cases[i], "test", &conn, &err), ERR_INVALID);
        assert_null(conn);
        assert_string_equal(err.where, "database");
        assert_null(strstr(err.text, "SECRET"));
        assert_null(strstr(err.text, "hush"));
        assert_non_null(strstr(err.text, "is no connection string"));
    }
}

static void what_libpq_says_of_a_connection_has_no_password(void **state) {
    (void)state;
    static const struct {
        const char *conninfo;
        const char *says;
    } cases[] = {
        {"host=/nowhere user=me password=SECRET dbname=x", "/nowhere"},
        {"postgresql://me:SECRET%40%2F%25@127.0.0.1:1/x", "127.0.0.1"},
        {"host=127.0.0.1 port=zero password=SECRET dbname=x", "port"},
        {"host=127.0.0.1 port=1 sslmode=odd password=SECRET dbname=x", "sslmode"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[PGCONN_TEXT_SIZE];
        PGconn *conn = NULL;
        struct error err;
        assert_int_equal(pgconn_begin(cases[i].conninfo, "test", &conn, &err), OK);
        while (PQstatus(conn) != CONNECTION_BAD) {
            (void)PQconnectPoll(conn);
        }
        pgconn_text(conn, NULL, text);
        assert_non_null(strstr(text, cases[i].says));
        assert_null(strstr(text, "SECRET"));
        assert_null(strchr(text, '\n'));
        PQfinish(conn);
    }
}

static void the_name_of_a_database_is_a_conninfo(void **state) {
    (void)state;
    PGconn *conn = NULL;
    assert_int_equal(pgconn_begin("a/b@c", "test", &conn, NULL), OK);
    assert_string_equal(PQdb(conn), "a/b@c");
    PQfinish(conn);
    assert_int_equal(pgconn_begin("", "test", &conn, NULL), OK);
    PQfinish(conn);
}

static void an_sqlstate_says_what_to_do(void **state) {
    (void)state;
    static const struct {
        const char *sqlstate;
        enum pg_refusal refusal;
        enum status status;
    } cases[] = {
        {NULL, PG_REFUSAL_LATER, ERR_UNAVAILABLE},    {"", PG_REFUSAL_LATER, ERR_UNAVAILABLE},
        {"22012", PG_REFUSAL_CONTENT, ERR_INVALID},   {"23505", PG_REFUSAL_CONTENT, ERR_INVALID},
        {"54000", PG_REFUSAL_CONTENT, ERR_INVALID},   {"PS001", PG_REFUSAL_CONTENT, ERR_INVALID},
        {"42P01", PG_REFUSAL_PROGRAM, ERR_INTERNAL},  {"42501", PG_REFUSAL_PROGRAM, ERR_INTERNAL},
        {"0A000", PG_REFUSAL_PROGRAM, ERR_INTERNAL},  {"3F000", PG_REFUSAL_PROGRAM, ERR_INTERNAL},
        {"40001", PG_REFUSAL_LATER, ERR_CONFLICT},    {"40P01", PG_REFUSAL_LATER, ERR_CONFLICT},
        {"55P03", PG_REFUSAL_LATER, ERR_CONFLICT},    {"55006", PG_REFUSAL_LATER, ERR_UNAVAILABLE},
        {"53100", PG_REFUSAL_LATER, ERR_NO_SPACE},    {"53200", PG_REFUSAL_LATER, ERR_UNAVAILABLE},
        {"53300", PG_REFUSAL_LATER, ERR_UNAVAILABLE}, {"57014", PG_REFUSAL_LATER, ERR_TIMEOUT},
        {"57P01", PG_REFUSAL_LATER, ERR_UNAVAILABLE}, {"57P03", PG_REFUSAL_LATER, ERR_UNAVAILABLE},
        {"58030", PG_REFUSAL_LATER, ERR_UNAVAILABLE}, {"25006", PG_REFUSAL_LATER, ERR_UNAVAILABLE},
        {"XX001", PG_REFUSAL_LATER, ERR_INVALID},     {"XX002", PG_REFUSAL_LATER, ERR_INVALID},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pgconn_meaning m = pgconn_meaning(cases[i].sqlstate);
        if (m.refusal != cases[i].refusal || m.status != cases[i].status) {
            fail_msg("%s: %d, %s", cases[i].sqlstate, m.refusal, status_name(m.status));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_conninfo_that_cannot_be_read_is_refused_without_a_word_of_it),
        cmocka_unit_test(what_libpq_says_of_a_connection_has_no_password),
        cmocka_unit_test(the_name_of_a_database_is_a_conninfo),
        cmocka_unit_test(an_sqlstate_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
