/* A connection that waits, over a real PostgreSQL: what its errors mean, and that a wait ends when it is to.
 * Whatever waits here would wait for longer than the test may take if nothing ended it. */
#include "server/store/blocking.h"
#include "server/store/lock.h"
#include "tests/lib/pgtest.h"
#include "tests/lib/unit.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { LONG_MS = 3600000, WIDE = 1000, ROWS = 40000 };

static struct pgtest pg;
static atomic_bool stop;

static struct blocking_config config(void) {
    return (struct blocking_config){.conninfo = pg.conninfo, .name = "test", .statement_ms = LONG_MS};
}

static struct blocking open_with(const struct blocking_config *cfg) {
    struct blocking b = {0};
    struct error err;
    if (blocking_open(&b, cfg, &err) != OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return b;
}

static struct blocking open_fresh(void) {
    pgtest_fresh_database(&pg);
    const struct blocking_config cfg = config();
    return open_with(&cfg);
}

static int64_t number(struct blocking *b, const char *sql) {
    PGresult *r = NULL;
    struct error err;
    (void)blocking_args(b);
    if (blocking_ask(b, sql, &r, &err) != OK) {
        fail_msg("%s: %s", sql, err.text);
    }
    int64_t v = pg_get_i64(r, 0, 0);
    PQclear(r);
    return v;
}

/* --- what it says -------------------------------------------------------------------------------------- */

static void errors_say_what_to_do(void **state) {
    (void)state;
    static const struct {
        const char *sql;
        enum status status;
        const char *says;
    } cases[] = {
        {"select 1 / 0", ERR_INVALID, "division by zero (SQLSTATE 22012)"},
        {"insert into given values (null)", ERR_INVALID, "(SQLSTATE 23502)"},
        {"select repeat('x', 10000)::varchar::int", ERR_INVALID, "(SQLSTATE 22P02)"},
        {"select * from nowhere", ERR_INTERNAL, "\"nowhere\" does not exist (SQLSTATE 42P01)"},
        {"nonsense", ERR_INTERNAL, "(SQLSTATE 42601)"},
        {"set role nobody_here", ERR_INVALID, "(SQLSTATE 22023)"},
        {"set statement_timeout = 50; select pg_sleep(3600)", ERR_TIMEOUT, "(SQLSTATE 57014)"},
        {"begin; set local lock_timeout = 50; lock table held in share mode", ERR_CONFLICT, "55P03"},
        {"do $$ begin raise sqlstate '40P01'; end $$", ERR_CONFLICT, "40P01"},
        {"do $$ begin raise sqlstate '53100'; end $$", ERR_NO_SPACE, "53100"},
        {"do $$ begin raise sqlstate '53200'; end $$", ERR_UNAVAILABLE, "53200"},
        {"do $$ begin raise sqlstate '54000'; end $$", ERR_INVALID, "54000"},
        {"do $$ begin raise sqlstate '57P03'; end $$", ERR_UNAVAILABLE, "57P03"},
        {"do $$ begin raise sqlstate 'PS001'; end $$", ERR_INVALID, "PS001"},
        {"do $$ begin raise sqlstate 'XX001'; end $$", ERR_INVALID, "XX001"},
    };
    struct blocking holder = open_fresh();
    const struct blocking_config cfg = config();
    struct blocking b = open_with(&cfg);
    struct error err;
    assert_int_equal(blocking_do(&holder, "create table held (); create table given (x int not null)", &err),
                     OK);
    assert_int_equal(blocking_do(&holder, "begin; lock table held in share row exclusive mode", &err), OK);
    for (size_t i = 0; i < COUNT(cases); i++) {
        enum status status = blocking_do(&b, cases[i].sql, &err);
        if (status != cases[i].status || strstr(err.text, cases[i].says) == NULL) {
            fail_msg("%s: %s, %s", cases[i].sql, status_name(status), err.text);
        }
        assert_string_equal(err.where, "database");
        blocking_rollback(&b);
        assert_true(blocking_is_open(&b)); /* it may be used again */
    }
    blocking_close(&holder);
    blocking_close(&b);
    blocking_close(&b);
}

static void what_cannot_be_connected_to_is_told(void **state) {
    (void)state;
    static const struct {
        const char *conninfo;
        enum status status;
        const char *says;
    } cases[] = {
        {"host=/nowhere password=SECRET dbname=x", ERR_UNAVAILABLE, "/nowhere"},
        {"host=/nowhere password=SECRET more", ERR_INVALID, "is no connection string"},
        {"postgresql://me:SECRET@more@127.0.0.1:1/x", ERR_INVALID, "%40"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct blocking_config cfg = config();
        struct blocking b = {0};
        struct error err;
        cfg.conninfo = cases[i].conninfo;
        assert_int_equal(blocking_open(&b, &cfg, &err), cases[i].status);
        assert_non_null(strstr(err.text, cases[i].says));
        assert_null(strstr(err.text, "SECRET"));
        assert_null(strstr(err.text, "more"));
        assert_false(blocking_is_open(&b));
    }
    char conninfo[600];
    struct blocking_config cfg = config();
    struct blocking b = {0};
    struct error err;
    (void)snprintf(conninfo, sizeof conninfo, "%s dbname=nowhere password=SECRET", pg.conninfo);
    cfg.conninfo = conninfo;
    assert_int_equal(blocking_open(&b, &cfg, &err), ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "\"nowhere\" does not exist"));
    assert_null(strstr(err.text, "SECRET"));
}

static void a_lock_is_for_one_at_a_time(void **state) {
    (void)state;
    pgtest_fresh_database(&pg);
    struct blocking_config cfg = config();
    cfg.lock = LOCK_PACKER;
    struct blocking first = open_with(&cfg);
    struct blocking second = {0};
    struct error err;
    assert_int_equal(blocking_open(&second, &cfg, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.text, "another test is at work"));
    assert_false(blocking_is_open(&second));
    blocking_rollback(&first); /* keeps it */
    assert_int_equal(blocking_open(&second, &cfg, &err), ERR_CONFLICT);
    blocking_close(&first);
    while (pgtest_number(&pg, "select count(*) from pg_locks where locktype = 'advisory'") > 0) {
    }
    second = open_with(&cfg);
    blocking_close(&second);
}

static void settings_are_those_of_every_connection_and_its_own(void **state) {
    (void)state;
    pgtest_fresh_database(&pg);
    pgtest_do(&pg, "alter database test%u set synchronous_commit = off", pg.databases);
    struct blocking_config cfg = config();
    cfg.statement_ms = 1234;
    cfg.setup = "set lock_timeout = 77; set idle_in_transaction_session_timeout = 0";
    struct blocking b = open_with(&cfg);
    static const char is_so[] =
        "select (current_setting('statement_timeout') = '1234ms' and current_setting('lock_timeout') = '77ms'"
        " and current_setting('idle_in_transaction_session_timeout') = '0'"
        " and current_setting('synchronous_commit') = 'on')::int::bigint";
    assert_int_equal(number(&b, is_so), 1);
    blocking_close(&b);
    cfg.setup = "set nonsense = 1";
    struct error err;
    assert_int_equal(blocking_open(&b, &cfg, &err), ERR_INTERNAL);
    assert_false(blocking_is_open(&b));
}

static void a_prepared_statement_is_prepared_once_for_each_connection(void **state) {
    (void)state;
    static const char sql[] = "select $1 + count(*) from pg_prepared_statements";
    struct blocking b = open_fresh();
    struct error err;
    for (int connection = 0; connection < 2; connection++) {
        for (int i = 0; i < 3; i++) {
            PGresult *r = NULL;
            struct pg_args *a = blocking_args(&b);
            pg_arg_i64(a, INT64_C(100) * i);
            assert_int_equal(blocking_ask_prepared(&b, "count", sql, a, &r, &err), OK);
            assert_int_equal(pg_get_i64(r, 0, 0), 100 * i + 1);
            PQclear(r);
        }
        blocking_close(&b);
        const struct blocking_config cfg = config();
        b = open_with(&cfg);
    }
    PGresult *r = NULL;
    assert_int_equal(
        blocking_ask_prepared(&b, "later", "select count(*) from later", blocking_args(&b), &r, &err),
        ERR_INTERNAL);
    blocking_rollback(&b);
    assert_int_equal(blocking_do(&b, "create table later (x int)", &err), OK);
    assert_int_equal(
        blocking_ask_prepared(&b, "later", "select count(*) from later", blocking_args(&b), &r, &err), OK);
    PQclear(r);
    blocking_close(&b);
}

static void parameters_over_the_limit_are_refused_and_undo_what_was_begun(void **state) {
    (void)state;
    static char wide[BLOCKING_ARGS_BYTES + 1];
    struct blocking b = open_fresh();
    struct error err;
    assert_int_equal(blocking_do(&b, "create table t (x int)", &err), OK);
    assert_int_equal(blocking_do(&b, "begin; insert into t values (1)", &err), OK);
    pg_arg_bytes(blocking_args(&b), wide, sizeof wide);
    assert_int_equal(blocking_tell(&b, "select $1::bytea", &err), ERR_NOMEM);
    blocking_rollback(&b);
    assert_true(blocking_is_open(&b));
    assert_int_equal(number(&b, "select count(*) from t"), 0);
    blocking_close(&b);
}

/* --- copying ------------------------------------------------------------------------------------------- */

static void put_big(struct buf *out, uint32_t v, int bytes) {
    for (int i = bytes - 1; i >= 0; i--) {
        buf_byte(out, (uint8_t)(v >> 8 * i));
    }
}

/* Rows of one column, all of one length; the answer is the caller's to free. */
static struct buf rows_of(uint32_t n, uint32_t bytes) {
    static const char signature[] = "PGCOPY\n\377\r\n"; /* its own NUL belongs to it */
    static const char filler[WIDE];
    struct buf out;
    buf_init(&out, SIZE_MAX / 2);
    buf_append(&out, signature, sizeof signature);
    put_big(&out, 0, 4); /* no flags … */
    put_big(&out, 0, 4); /* … and no extension */
    for (uint32_t i = 0; i < n; i++) {
        put_big(&out, 1, 2);
        put_big(&out, bytes, 4);
        buf_append(&out, filler, bytes);
    }
    put_big(&out, UINT16_MAX, 2);
    assert_int_equal(buf_status(&out, NULL), OK);
    return out;
}

static const char copy_sql[] = "copy t (x) from stdin (format binary)";

static void rows_are_copied_within_the_transaction(void **state) {
    (void)state;
    struct blocking b = open_fresh();
    struct buf rows = rows_of(ROWS, WIDE); /* many pieces */
    struct error err;
    assert_int_equal(blocking_do(&b, "create table t (x bytea not null)", &err), OK);
    assert_int_equal(blocking_do(&b, "begin", &err), OK);
    assert_int_equal(blocking_copy(&b, copy_sql, buf_slice(&rows), &err), OK);
    assert_int_equal(number(&b, "select sum(octet_length(x)) from t"), (int64_t)ROWS * WIDE);
    blocking_rollback(&b);
    assert_true(blocking_is_open(&b));
    assert_int_equal(number(&b, "select count(*) from t"), 0);
    buf_done(&rows);
    blocking_close(&b);
}

static void rows_that_are_refused_leave_nothing_and_the_connection_good(void **state) {
    (void)state;
    struct blocking b = open_fresh();
    struct buf rows = rows_of(ROWS, WIDE);
    struct buf odd = rows_of(2, 12); /* no bigints */
    struct error err;
    assert_int_equal(blocking_do(&b, "create table t (x bytea check (octet_length(x) < 1000))", &err), OK);
    enum status refused = blocking_copy(&b, copy_sql, buf_slice(&rows), &err);
    if (refused != ERR_INVALID || strstr(err.text, "23514") == NULL) {
        fail_msg("%s", err.text);
    }
    blocking_rollback(&b);
    assert_int_equal(blocking_do(&b, "alter table t add y bigint", &err), OK);
    assert_int_equal(blocking_copy(&b, "copy t (y) from stdin (format binary)", buf_slice(&odd), &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "22P03"));
    blocking_rollback(&b);
    assert_int_equal(blocking_copy(&b, "copy nowhere from stdin (format binary)", buf_slice(&rows), &err),
                     ERR_INTERNAL);
    blocking_rollback(&b);
    assert_true(blocking_is_open(&b));
    assert_int_equal(number(&b, "select count(*) from t"), 0);
    buf_done(&rows);
    buf_done(&odd);
    blocking_close(&b);
}

/* --- ends ---------------------------------------------------------------------------------------------- */

static void on_signal(int which) {
    (void)which;
    atomic_store(&stop, true);
}

/* A process that does this to the connection of this name once it sleeps: ends it, or tells this program to
 * stop. */
enum deed { CUT, STOP };

static pid_t when_it_sleeps(enum deed deed) {
    pid_t self = getpid();
    atomic_store(&stop, false);
    (void)signal(SIGUSR1, on_signal);
    pid_t pid = fork();
    if (pid != 0) {
        assert_true(pid > 0);
        return pid;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (pgtest_number(&pg, "select count(*) from pg_stat_activity where application_name = 'test'"
                              " and wait_event = 'PgSleep'") == 0) {
    }
    if (deed == STOP) {
        (void)kill(self, SIGUSR1);
    } else {
        pgtest_do(&pg, "select pg_terminate_backend(pid) from pg_stat_activity"
                       " where application_name = 'test'");
    }
    _exit(0);
}

static void reap(pid_t pid) {
    int status = -1;
    while (waitpid(pid, &status, 0) != pid) {
    }
    assert_int_equal(status, 0);
}

struct ending {
    enum deed deed;
    const char *says;
};

static const struct ending endings[] = {{CUT, "connection"}, {STOP, "the work was ended"}};

static void check_ended(struct blocking *b, const struct ending *e, pid_t pid, enum status status,
                        const struct error *err) {
    reap(pid);
    assert_int_equal(status, ERR_UNAVAILABLE);
    if (strstr(err->text, e->says) == NULL) {
        fail_msg("%s", err->text);
    }
    blocking_rollback(b);
    assert_false(blocking_is_open(b));
    pgtest_do(&pg, "select pg_terminate_backend(pid, 60000) from pg_stat_activity"
                   " where application_name = 'test'"); /* the next one sleeps, too */
}

static void a_question_that_is_cut_off_or_called_off_ends(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(endings); i++) {
        pgtest_fresh_database(&pg);
        struct blocking_config cfg = config();
        cfg.stop = &stop;
        struct error err;
        pid_t pid = when_it_sleeps(endings[i].deed);
        struct blocking b = open_with(&cfg);
        enum status status = blocking_do(&b, "select pg_sleep(3600)", &err);
        check_ended(&b, &endings[i], pid, status, &err);
        atomic_store(&stop, false);
        b = open_with(&cfg);
        assert_int_equal(number(&b, "select 7::bigint"), 7);
        blocking_close(&b);
    }
}

/* PostgreSQL sleeps at the first row and takes no more: this side waits to write. */
static void a_copy_that_is_cut_off_or_called_off_leaves_nothing(void **state) {
    (void)state;
    struct buf rows = rows_of(ROWS, WIDE);
    for (size_t i = 0; i < COUNT(endings); i++) {
        pgtest_fresh_database(&pg);
        pgtest_do(&pg, "create table t (x bytea check (pg_sleep(3600) is not null))");
        struct blocking_config cfg = config();
        cfg.stop = &stop;
        struct error err;
        pid_t pid = when_it_sleeps(endings[i].deed);
        struct blocking b = open_with(&cfg);
        enum status status = blocking_copy(&b, copy_sql, buf_slice(&rows), &err);
        check_ended(&b, &endings[i], pid, status, &err);
        assert_int_equal(pgtest_number(&pg, "select count(*) from t"), 0);
    }
    buf_done(&rows);
}

static void a_read_only_database_is_left_for_another(void **state) {
    (void)state;
    struct blocking b = open_fresh();
    struct error err;
    assert_int_equal(blocking_do(&b, "set transaction_read_only = on; create table t (x int)", &err),
                     ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "25006"));
    blocking_rollback(&b);
    assert_false(blocking_is_open(&b));
}

/* Something listens and says nothing, as a database that hangs. */
static void a_connection_that_gets_no_answer_ends_with_the_work(void **state) {
    (void)state;
    char dir[] = "/tmp/blocking_test.XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.5432", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 5), 0);
    pid_t self = getpid();
    atomic_store(&stop, false);
    (void)signal(SIGUSR1, on_signal);
    pid_t pid = fork();
    if (pid == 0) {
        char byte = 0;
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        int peer = accept(fd, NULL, NULL);
        (void)!read(peer, &byte, 1); /* it has said that it would like to begin */
        (void)kill(self, SIGUSR1);
        while (read(peer, &byte, sizeof byte) > 0) { /* until it goes */
        }
        _exit(0);
    }
    char conninfo[64];
    (void)snprintf(conninfo, sizeof conninfo, "host=%s port=5432 user=x dbname=x", dir);
    struct blocking_config cfg = config();
    cfg.conninfo = conninfo;
    cfg.stop = &stop;
    struct blocking b = {0};
    struct error err;
    assert_int_equal(blocking_open(&b, &cfg, &err), ERR_UNAVAILABLE);
    assert_string_equal(err.text, "the work was ended");
    assert_false(blocking_is_open(&b));
    reap(pid);
    (void)close(fd);
    (void)unlink(address.sun_path);
    (void)rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_say_what_to_do),
        cmocka_unit_test(what_cannot_be_connected_to_is_told),
        cmocka_unit_test(a_lock_is_for_one_at_a_time),
        cmocka_unit_test(settings_are_those_of_every_connection_and_its_own),
        cmocka_unit_test(a_prepared_statement_is_prepared_once_for_each_connection),
        cmocka_unit_test(parameters_over_the_limit_are_refused_and_undo_what_was_begun),
        cmocka_unit_test(rows_are_copied_within_the_transaction),
        cmocka_unit_test(rows_that_are_refused_leave_nothing_and_the_connection_good),
        cmocka_unit_test(a_question_that_is_cut_off_or_called_off_ends),
        cmocka_unit_test(a_copy_that_is_cut_off_or_called_off_leaves_nothing),
        cmocka_unit_test(a_read_only_database_is_left_for_another),
        cmocka_unit_test(a_connection_that_gets_no_answer_ends_with_the_work),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
