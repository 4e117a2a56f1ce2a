/* A connection that waits: what its errors are, and that a wait ends when it is to. */
#include "server/base/clock.h"
#include "server/store/blocking.h"
#include "tests/lib/pgtest.h"
#include "tests/lib/unit.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

static struct pgtest pg;
static atomic_bool stop;

static void errors_say_what_to_do(void **state) {
    (void)state;
    static const struct {
        const char *sql;
        enum status status;
    } cases[] = {{"nonsense", ERR_UNAVAILABLE},
                 {"set statement_timeout = 50; select pg_sleep(5)", ERR_TIMEOUT},
                 {"begin; set local lock_timeout = 50; lock table held in share mode", ERR_CONFLICT}};
    struct blocking holder = {0};
    struct blocking b = {0};
    struct error err;
    pgtest_fresh_database(&pg);
    assert_int_equal(blocking_open(&holder, pg.conninfo, "holder", 10000, &err), OK);
    assert_int_equal(blocking_do(&holder, "create table held (x int)", &err), OK);
    assert_int_equal(blocking_open(&b, pg.conninfo, "test", 10000, &err), OK);
    assert_int_equal(blocking_do(&holder, "begin; lock table held", &err), OK);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(blocking_do(&b, cases[i].sql, &err), cases[i].status);
        assert_string_equal(err.where, "database");
        blocking_rollback(&b);
        assert_true(blocking_is_open(&b)); /* it may be used again */
    }
    PGresult *r = NULL;
    pg_arg_i64(blocking_args(&b), 41);
    assert_int_equal(blocking_ask(&b, "select $1::bigint + 1", &r, &err), OK);
    assert_int_equal(pg_get_i64(r, 0, 0), 42);
    PQclear(r);
    blocking_close(&holder);
    blocking_close(&b);
    blocking_close(&b);
}

static void a_connection_that_breaks_is_closed(void **state) {
    (void)state;
    struct blocking b = {0};
    struct error err;
    pgtest_fresh_database(&pg);
    assert_int_equal(blocking_open(&b, pg.conninfo, "to be ended", 10000, &err), OK);
    pgtest_do(
        &pg, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'to be ended'");
    assert_int_equal(blocking_do(&b, "select 1", &err), ERR_UNAVAILABLE);
    blocking_rollback(&b);
    assert_false(blocking_is_open(&b));
    assert_int_equal(blocking_open(&b, pg.conninfo, "again", 10000, &err), OK);
    assert_int_equal(blocking_do(&b, "select 1", &err), OK);
    blocking_close(&b);
}

static void on_alarm(int number) {
    (void)number;
    atomic_store(&stop, true);
}

/* Something listens and says nothing, as a database that hangs. */
static void a_wait_ends_when_the_work_is_ended(void **state) {
    (void)state;
    char dir[] = "/tmp/blocking_test.XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.5432", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 5), 0);
    (void)signal(SIGALRM, on_alarm);
    const struct itimerval soon = {.it_value = {.tv_usec = 300000}};
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    char conninfo[64];
    (void)snprintf(conninfo, sizeof conninfo, "host=%s port=5432 user=x dbname=x", dir);
    struct blocking b = {.stop = &stop};
    struct error err;
    int64_t begin_us = clock_mono_us();
    assert_int_equal(blocking_open(&b, conninfo, "test", 10000, &err), ERR_UNAVAILABLE);
    assert_string_equal(err.text, "the work was ended");
    assert_true(clock_mono_us() - begin_us < 5000000);
    assert_false(blocking_is_open(&b));
    (void)close(fd);
    (void)unlink(address.sun_path);
    (void)rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_say_what_to_do),
        cmocka_unit_test(a_connection_that_breaks_is_closed),
        cmocka_unit_test(a_wait_ends_when_the_work_is_ended),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
