#include "server/store/conninfo.h"
#include "tests/lib/unit.h"

#include <stdlib.h>
#include <string.h>

static void what_libpq_takes_is_right(void **state) {
    (void)state;
    static const char *const v[] = {"",
                                    "penstock",
                                    "host=/run/postgresql dbname=penstock",
                                    "password='it\\'s' host=x",
                                    "postgresql://ann:p%40ss@host:5432/penstock?sslmode=require",
                                    "host=@socket,@other dbname=x",
                                    "service=penstock"};
    struct error err;
    for (size_t i = 0; i < COUNT(v); i++) {
        if (conninfo_check(v[i], &err) != OK) {
            fail_msg("%s: %s", v[i], err.text);
        }
    }
}

/* libpq would cite what it stumbled over. */
static void what_is_malformed_is_refused_and_not_cited(void **state) {
    (void)state;
    static const char *const v[] = {"host=x password=two hunter2",
                                    "host=x password=two hunter2=y",
                                    "host=x password='hunter2",
                                    "host=x pasword=hunter2",
                                    "postgresql://ann:p@hunter2@host:x:y/penstock",
                                    "postgresql://ann:hunter2@[::1/penstock",
                                    "postgresql://host/db?hunter2",
                                    "postgresql://host/db?password=%zzhunter2"};
    struct error err;
    struct buf out;
    char *password = NULL;
    buf_init(&out, 1000);
    for (size_t i = 0; i < COUNT(v); i++) {
        if (conninfo_check(v[i], &err) != ERR_INVALID) {
            fail_msg("it takes %s", v[i]);
        }
        assert_string_equal(err.where, "database");
        assert_non_null(strstr(err.text, "is no connection string"));
        assert_null(strstr(err.text, "hunter2"));
        assert_int_equal(conninfo_share(v[i], &out, &password, &err), ERR_INVALID);
        assert_null(strstr(err.text, "hunter2"));
        assert_null(password);
    }
    buf_done(&out);
}

struct sharing {
    const char *conninfo;
    const char *shown;
    const char *password;
};

static void a_password_goes_apart(void **state) {
    (void)state;
    static const struct sharing v[] = {
        {"penstock", "dbname='penstock' ", NULL},
        {"host=x password=hunter2 dbname='a\\'b c'", "dbname='a\\'b c' host='x' ", "hunter2"},
        {"postgresql://ann:hunter%322@host/penstock", "user='ann' dbname='penstock' host='host' ",
         "hunter22"},
        {"service=plant password='a b'", "service='plant' ", "a b"},
    };
    for (size_t i = 0; i < COUNT(v); i++) {
        struct error err = {.text = ""};
        struct buf out;
        char *password = NULL;
        buf_init(&out, 1000);
        assert_int_equal(conninfo_share(v[i].conninfo, &out, &password, &err), OK);
        assert_string_equal((const char *)out.p, v[i].shown);
        if (v[i].password == NULL) {
            assert_null(password);
        } else {
            assert_string_equal(password, v[i].password);
        }
        free(password);
        buf_done(&out);
    }
}

static void another_secret_is_refused_with_what_to_do(void **state) {
    (void)state;
    struct error err;
    struct buf out;
    char *password = NULL;
    buf_init(&out, 1000);
    assert_int_equal(conninfo_share("host=x password=a sslpassword=hunter2", &out, &password, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "sslpassword"));
    assert_non_null(strstr(err.text, "service file"));
    assert_null(strstr(err.text, "hunter2"));
    assert_null(password);
    assert_null(memmem(out.p, out.n, "hunter2", 7));
    assert_int_equal(conninfo_check("host=x sslpassword=hunter2", &err), OK); /* to connect with by oneself */
    buf_done(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_libpq_takes_is_right),
        cmocka_unit_test(what_is_malformed_is_refused_and_not_cited),
        cmocka_unit_test(a_password_goes_apart),
        cmocka_unit_test(another_secret_is_refused_with_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
