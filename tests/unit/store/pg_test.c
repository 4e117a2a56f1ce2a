#include "server/store/pg.h"
#include "tests/lib/pgtest.h"
#include "tests/lib/unit.h"

#include <math.h>
#include <signal.h>

static struct pgtest server;

enum { ANSWERS_MAX = 256, PATIENCE_MS = 180000 };

/* The loop's time as pg.c sees it: a test may set it ahead. Timers go by the true one. */
static uint64_t ahead_ms;

uint64_t uv_now(const uv_loop_t *loop) {
    (void)loop;
    return uv_hrtime() / 1000000 + ahead_ms;
}

struct seen {
    enum pg_outcome outcome;
    char sqlstate[6];
    char text[480];
    uint32_t n;
    int64_t value; /* of the last statement's first field, if it is a bigint */
};

struct rig {
    uv_loop_t loop;
    uv_timer_t patience;
    struct pg *pg;
    bool impatient;
    bool closed;
    uint32_t ups;
    uint32_t downs;
    uint32_t n;
    struct seen answers[ANSWERS_MAX];
    bool flush_at_answers;
    char notified[64];
    bool own;
    PGresult *kept;
};

static void on_up(void *ctx) {
    ((struct rig *)ctx)->ups++;
}

static void on_down(void *ctx) {
    ((struct rig *)ctx)->downs++;
}

static void on_notify(void *ctx, const char *channel, struct slice payload, bool own) {
    struct rig *r = ctx;
    (void)snprintf(r->notified, sizeof r->notified, "%s %.*s", channel, SLICE_ARG(payload));
    r->own = own;
}

static void on_done(void *ctx, struct pg_answer *answer) {
    struct rig *r = ctx;
    assert_true(r->n < ANSWERS_MAX);
    struct seen *s = &r->answers[r->n++];
    if (r->flush_at_answers) {
        pg_flush(r->pg);
    }
    s->outcome = answer->outcome;
    s->n = answer->n;
    (void)snprintf(s->sqlstate, sizeof s->sqlstate, "%s", answer->sqlstate);
    (void)snprintf(s->text, sizeof s->text, "%s", answer->error.text);
    PGresult *last = answer->outcome == PG_DONE ? answer->results[answer->n - 1] : NULL;
    if (last != NULL && PQntuples(last) > 0 && PQgetlength(last, 0, 0) == 8) {
        s->value = pg_get_i64(last, 0, 0);
    }
    if (answer->outcome == PG_DONE && r->kept == NULL) {
        r->kept = answer->results[0];
        answer->results[0] = NULL;
    }
}

static void on_impatient(uv_timer_t *timer) {
    ((struct rig *)timer->data)->impatient = true;
}

static void be_patient(struct rig *r) {
    r->impatient = false;
    assert_int_equal(uv_timer_start(&r->patience, on_impatient, PATIENCE_MS, 0), 0);
}

static void turn(struct rig *r) {
    assert_false(r->impatient);
    (void)uv_run(&r->loop, UV_RUN_ONCE);
}

#define UNTIL(r, condition)                                                                                  \
    for (be_patient(r); !(condition); turn(r)) {                                                             \
    }

static struct rig *rig_with(const char *conninfo, const char *prepared) {
    struct rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    assert_int_equal(uv_loop_init(&r->loop), 0);
    assert_int_equal(uv_timer_init(&r->loop, &r->patience), 0);
    r->patience.data = r;
    struct pg_config cfg = {.loop = &r->loop,
                            .conninfo = conninfo,
                            .name = "pg test",
                            .prepared = {prepared},
                            .ctx = r,
                            .on_up = on_up,
                            .on_down = on_down,
                            .on_notify = on_notify};
    struct error err;
    assert_int_equal(pg_new(&cfg, &r->pg, &err), OK);
    assert_false(pg_is_up(r->pg));
    pg_start(r->pg);
    return r;
}

static struct rig *rig_new(const char *conninfo) {
    return rig_with(conninfo, NULL);
}

static struct rig *rig_up(void) {
    struct rig *r = rig_new(server.conninfo);
    UNTIL(r, r->ups == 1);
    assert_true(pg_has_room(r->pg));
    return r;
}

static void on_closed(void *ctx) {
    ((struct rig *)ctx)->closed = true;
}

static void rig_end(struct rig *r) {
    pg_close(r->pg, on_closed, r);
    UNTIL(r, r->closed);
    pg_free(&r->pg);
    PQclear(r->kept);
    uv_close((uv_handle_t *)&r->patience, NULL);
    (void)uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    free(r);
}

static void ask(struct rig *r, enum pg_mode mode, const char *first, const char *second) {
    pg_begin(r->pg, mode, on_done, r);
    pg_send(r->pg, first, NULL);
    if (second != NULL) {
        pg_send(r->pg, second, NULL);
    }
    pg_end(r->pg);
    pg_flush(r->pg);
}

static void answers_come_in_the_order_of_the_jobs(void **state) {
    (void)state;
    struct rig *r = rig_up();
    for (int i = 0; i < PG_JOBS_MAX; i++) {
        char sql[64];
        (void)snprintf(sql, sizeof sql, "select %d::bigint", i);
        ask(r, i % 2 == 0 ? PG_READ : PG_WRITE, sql, NULL);
    }
    assert_false(pg_has_room(r->pg));
    assert_int_equal(r->n, 0);
    UNTIL(r, r->n == PG_JOBS_MAX);
    for (int i = 0; i < PG_JOBS_MAX; i++) {
        assert_int_equal(r->answers[i].outcome, PG_DONE);
        assert_int_equal(r->answers[i].n, 1);
        /* the first one's result was kept by the receiver, so it saw it too */
        assert_true(r->answers[i].value == i);
    }
    rig_end(r);
}

static void a_refused_job_leaves_its_neighbours_alone(void **state) {
    (void)state;
    pgtest_fresh_database(&server);
    pgtest_do(&server, "create table t (i bigint unique)");
    struct rig *r = rig_up();
    ask(r, PG_WRITE, "insert into t values (1)", "select 1::bigint");
    ask(r, PG_WRITE, "insert into t values (2)", "insert into t values (1)");
    ask(r, PG_WRITE, "select 1 / 0", "insert into t values (3)");
    ask(r, PG_READ, "select nonsense", "select 1::bigint");
    ask(r, PG_WRITE, "insert into t values (4)", "select count(*) from t");
    UNTIL(r, r->n == 5);
    assert_int_equal(r->answers[0].outcome, PG_DONE);
    assert_int_equal(r->answers[1].outcome, PG_REFUSED);
    assert_string_equal(r->answers[1].sqlstate, "23505");
    assert_int_equal(r->answers[2].outcome, PG_REFUSED);
    assert_string_equal(r->answers[2].sqlstate, "22012");
    assert_non_null(strstr(r->answers[2].text, "division by zero"));
    assert_int_equal(r->answers[3].outcome, PG_REFUSED);
    assert_string_equal(r->answers[3].sqlstate, "42703");
    assert_int_equal(r->answers[4].outcome, PG_DONE);
    assert_int_equal(r->answers[4].value, 2);
    assert_int_equal(r->downs, 0);
    rig_end(r);
}

static void a_snapshot_sees_one_moment_and_cannot_write(void **state) {
    (void)state;
    pgtest_fresh_database(&server);
    pgtest_do(&server, "create table t (i bigint)");
    struct rig *r = rig_up();
    ask(r, PG_SNAPSHOT, "select pg_sleep(0)", "show transaction_isolation");
    ask(r, PG_SNAPSHOT, "insert into t values (1)", NULL);
    UNTIL(r, r->n == 2);
    assert_int_equal(r->answers[0].outcome, PG_DONE);
    assert_int_equal(r->answers[1].outcome, PG_REFUSED);
    assert_string_equal(r->answers[1].sqlstate, "25006");
    rig_end(r);
}

static void a_lost_connection_makes_what_was_under_way_unknown_and_comes_back(void **state) {
    (void)state;
    pgtest_fresh_database(&server);
    struct rig *r = rig_up();
    ask(r, PG_WRITE, "select pg_sleep(60)", NULL);
    ask(r, PG_READ, "select 1::bigint", NULL);
    while (pgtest_number(&server, "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                                  " where application_name = 'pg test' and query like '%%pg_sleep(60)'"
                                  " and state = 'active'") == 0) {
        (void)uv_run(&r->loop, UV_RUN_NOWAIT);
    }
    UNTIL(r, r->n == 2);
    assert_int_equal(r->answers[0].outcome, PG_UNKNOWN);
    assert_non_null(strstr(r->answers[0].text, "administrator command"));
    assert_int_equal(r->answers[1].outcome, PG_UNKNOWN);
    UNTIL(r, r->ups == 2);
    assert_int_equal(r->downs, 1);
    ask(r, PG_READ, "select 5::bigint", NULL);
    UNTIL(r, r->n == 3);
    assert_int_equal(r->answers[2].value, 5);
    rig_end(r);
}

static void ask_with_number(struct rig *r, enum pg_mode mode, const char *sql, int64_t number) {
    struct pg_args args;
    pg_args_init(&args, 64);
    pg_arg_i64(&args, number);
    pg_begin(r->pg, mode, on_done, r);
    pg_send(r->pg, sql, &args);
    pg_end(r->pg);
    pg_flush(r->pg);
    pg_args_done(&args);
}

static void kill_connection(void) {
    pgtest_do(&server, "select pg_terminate_backend(pid, 60000) from pg_stat_activity"
                       " where application_name = 'pg test' and datname = current_database()");
}

/* The statement tells itself how often prepared ones were executed in its session. */
static void a_prepared_statement_is_prepared_anew_after_a_loss(void **state) {
    (void)state;
    static const char sql[] = "select 100 * $1::bigint + (select sum(generic_plans + custom_plans)::bigint"
                              " from pg_prepared_statements)";
    char same[sizeof sql];
    memcpy(same, sql, sizeof same);
    pgtest_fresh_database(&server);
    struct rig *r = rig_with(server.conninfo, sql);
    UNTIL(r, r->ups == 1);
    ask_with_number(r, PG_WRITE, sql, 7);
    ask_with_number(r, PG_READ, sql, 8);
    ask_with_number(r, PG_READ, same, 9);
    UNTIL(r, r->n == 3);
    kill_connection();
    UNTIL(r, r->ups == 2);
    ask_with_number(r, PG_WRITE, sql, 10);
    UNTIL(r, r->n == 4);
    assert_int_equal(r->answers[0].value, 701);
    assert_int_equal(r->answers[1].value, 802);
    assert_int_equal(r->answers[2].value, 902);
    assert_int_equal(r->answers[3].value, 1001);
    rig_end(r);
}

static void a_statement_that_cannot_be_prepared_is_told_and_tried_again(void **state) {
    (void)state;
    pgtest_fresh_database(&server);
    struct rig *r = rig_with(server.conninfo, "select count(*) from later");
    UNTIL(r, r->downs == 1);
    assert_non_null(strstr(pg_error(r->pg)->text, "later"));
    pgtest_do(&server, "create table later (i integer)");
    UNTIL(r, r->ups == 1);
    rig_end(r);
}

enum { BIG_BYTES = 4000000 };
static char big[BIG_BYTES];

static void send_big(struct rig *r) {
    struct pg_args args;
    pg_args_init(&args, (size_t)2 * BIG_BYTES);
    pg_arg_bytes(&args, big, sizeof big);
    pg_begin(r->pg, PG_READ, on_done, r);
    pg_send(r->pg, "select $1", &args);
    pg_end(r->pg);
    pg_flush(r->pg);
    pg_args_done(&args);
}

/* As in a server's turn: between two polls, a write that has to wait, and one that finds the connection dead.
 */
static void on_prepare(uv_prepare_t *prepare) {
    struct rig *r = prepare->data;
    (void)uv_prepare_stop(prepare);
    send_big(r);
    kill_connection();
    while (pg_has_room(r->pg)) {
        send_big(r);
    }
}

/* libpq closes its socket as soon as it sees the end, in the midst of reading or writing. Nothing may watch
 * it from then on: libuv would end the program, or the number would be another file's already. */
static void a_connection_that_dies_while_it_is_written_to_comes_back(void **state) {
    (void)state;
    pgtest_fresh_database(&server);
    memset(big, 'x', sizeof big);
    struct rig *r = rig_up();
    r->flush_at_answers = true;
    uv_prepare_t prepare;
    assert_int_equal(uv_prepare_init(&r->loop, &prepare), 0);
    prepare.data = r;
    for (uint32_t round = 1; round <= 3; round++) {
        assert_int_equal(uv_prepare_start(&prepare, on_prepare), 0);
        UNTIL(r, r->ups == round + 1);
        assert_int_equal(r->downs, round);
    }
    for (uint32_t i = 0; i < r->n; i++) {
        assert_int_equal(r->answers[i].outcome, PG_UNKNOWN);
    }
    uv_close((uv_handle_t *)&prepare, NULL);
    rig_end(r);
}

/* Whoever is told between two statements does nothing: here many times while the process is held up. */
static void what_is_called_off_ends_however_busy_the_machine_is(void **state) {
    (void)state;
    struct rig *r = rig_up();
    ask(r, PG_READ, "select pg_backend_pid()::bigint", NULL);
    UNTIL(r, r->n == 1);
    pid_t backend = (pid_t)r->answers[0].value;
    assert_int_equal(kill(backend, SIGSTOP), 0);
    ask(r, PG_READ, "select pg_sleep(600)", NULL);
    pg_cancel(r->pg, r);
    for (uint64_t end = uv_hrtime() + 300000000; uv_hrtime() < end;) {
        (void)uv_run(&r->loop, UV_RUN_NOWAIT);
        (void)usleep(1000);
    }
    assert_int_equal(kill(backend, SIGCONT), 0);
    UNTIL(r, r->n == 2);
    assert_int_equal(r->answers[1].outcome, PG_REFUSED);
    assert_non_null(strstr(r->answers[1].text, "user request"));
    rig_end(r);
}

/* A warning while COMMIT is answered: here raised by a deferred trigger, in life by a cancelled wait for a
 * standby. */
static void a_commit_with_a_warning_is_unknown(void **state) {
    (void)state;
    pgtest_fresh_database(&server);
    pgtest_do(&server, "create table t (i bigint)");
    pgtest_do(&server,
              "create function warn() returns trigger language plpgsql as"
              " $$ begin raise warning 'canceling wait for synchronous replication'; return null; end $$");
    pgtest_do(&server, "create constraint trigger warn after insert on t initially deferred"
                       " for each row execute function warn()");
    struct rig *r = rig_up();
    ask(r, PG_WRITE, "insert into t values (1)", NULL);
    ask(r, PG_WRITE, "select 1::bigint", NULL);
    UNTIL(r, r->n == 2);
    assert_int_equal(r->answers[0].outcome, PG_UNKNOWN);
    assert_non_null(strstr(r->answers[0].text, "synchronous replication"));
    assert_int_equal(r->answers[1].outcome, PG_DONE);
    assert_int_equal(r->downs, 0);
    rig_end(r);
}

static void a_commit_that_fails_is_unknown(void **state) {
    (void)state;
    pgtest_fresh_database(&server);
    pgtest_do(&server, "create table t (i bigint unique deferrable initially deferred)");
    struct rig *r = rig_up();
    ask(r, PG_WRITE, "insert into t values (1), (1)", NULL);
    ask(r, PG_READ, "select count(*) from t", NULL);
    UNTIL(r, r->n == 2);
    assert_int_equal(r->answers[0].outcome, PG_UNKNOWN);
    assert_int_equal(r->answers[1].value, 0);
    rig_end(r);
}

static void settings_that_would_endanger_data_are_raised(void **state) {
    (void)state;
    pgtest_fresh_database(&server);
    pgtest_do(&server, "alter database test%u set synchronous_commit = off", server.databases);
    pgtest_do(&server, "alter database test%u set default_transaction_isolation = 'serializable'",
              server.databases);
    struct rig *r = rig_up();
    ask(r, PG_WRITE, "select count(*) from pg_settings where name = 'synchronous_commit' and setting = 'on'",
        NULL);
    ask(r, PG_WRITE,
        "select count(*) from pg_settings where name = 'transaction_isolation'"
        " and setting = 'read committed'",
        NULL);
    UNTIL(r, r->n == 2);
    assert_int_equal(r->answers[0].value, 1);
    assert_int_equal(r->answers[1].value, 1);
    rig_end(r);
}

static void notifications_say_whether_they_are_ones_own(void **state) {
    (void)state;
    pgtest_fresh_database(&server);
    struct rig *r = rig_up();
    ask(r, PG_READ, "listen room", NULL);
    ask(r, PG_WRITE, "select pg_notify('room', 'mine')", NULL);
    UNTIL(r, strcmp(r->notified, "room mine") == 0);
    assert_true(r->own);
    pgtest_do(&server, "notify room, 'yours'");
    UNTIL(r, strcmp(r->notified, "room yours") == 0);
    assert_false(r->own);
    rig_end(r);
}

static void of_several_hosts_the_one_that_answers_is_taken(void **state) {
    (void)state;
    char conninfo[600];
    const char *space = strchr(server.cluster, ' ');
    assert_non_null(space);
    /* "host=DIR port=N …" with two hosts in front that are not there */
    (void)snprintf(conninfo, sizeof conninfo,
                   "host=127.0.0.1,/nowhere,%.*s port=1,5432,5432 dbname=penstock user=penstock",
                   (int)(space - server.cluster - 5), server.cluster + 5);
    struct rig *r = rig_new(conninfo);
    UNTIL(r, r->ups == 1);
    assert_int_equal(r->downs, 0);
    rig_end(r);
}

static void a_connection_that_cannot_be_made_says_why_and_is_tried_again(void **state) {
    (void)state;
    struct rig *r = rig_new("host=/nowhere dbname=x");
    UNTIL(r, r->downs >= 3);
    assert_non_null(strstr(pg_error(r->pg)->text, "/nowhere"));
    assert_null(strchr(pg_error(r->pg)->text, '\n'));
    rig_end(r);
    r = rig_new("this is no conninfo");
    UNTIL(r, r->downs >= 1);
    rig_end(r);
}

static void big_parameters_and_results_pass_while_both_sides_are_writing(void **state) {
    (void)state;
    struct rig *r = rig_up();
    enum { JOBS = 8 };
    memset(big, 'x', sizeof big);
    for (int i = 0; i < JOBS; i++) {
        struct pg_args args;
        pg_args_init(&args, (size_t)2 * BIG_BYTES);
        pg_arg_bytes(&args, big, sizeof big);
        pg_begin(r->pg, PG_READ, on_done, r);
        pg_send(r->pg, "select octet_length($1)::bigint, $1", &args);
        pg_end(r->pg);
        pg_flush(r->pg);
        pg_args_done(&args);
    }
    UNTIL(r, r->n == JOBS);
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(r->answers[i].value, BIG_BYTES);
    }
    rig_end(r);
}

static void hold(PGconn *conn, const char *sql) {
    PGresult *r = PQexec(conn, sql);
    assert_int_equal(PQresultStatus(r), PGRES_TUPLES_OK);
    PQclear(r);
}

static void on_looked(uv_timer_t *timer) {
    *(bool *)timer->data = true;
}

/* Until the connection has been looked at for whether it still answers. */
static void look(struct rig *r) {
    enum { MORE_THAN_ITS_TURN_MS = 5100 };
    uv_timer_t timer;
    bool looked = false;
    assert_int_equal(uv_timer_init(&r->loop, &timer), 0);
    timer.data = &looked;
    assert_int_equal(uv_timer_start(&timer, on_looked, MORE_THAN_ITS_TURN_MS, 0), 0);
    UNTIL(r, looked);
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(&r->loop, UV_RUN_NOWAIT);
}

/* Each job waits for a lock. How long one waited behind others does not count. */
static void a_connection_is_given_up_when_nothing_is_answered_and_not_when_much_waits(void **state) {
    (void)state;
    pgtest_fresh_database(&server);
    PGconn *other = PQconnectdb(server.conninfo);
    hold(other, "select pg_advisory_lock(1), pg_advisory_lock(2)");
    struct rig *r = rig_up();
    ask(r, PG_READ, "select pg_advisory_xact_lock(1)", NULL);
    ask(r, PG_READ, "select pg_advisory_xact_lock(2)", NULL);
    ahead_ms = PG_ANSWER_MS - 20000;
    hold(other, "select pg_advisory_unlock(1)");
    UNTIL(r, r->n == 1);
    ahead_ms += 30000;
    look(r);
    assert_int_equal(r->downs, 0);
    ahead_ms += PG_ANSWER_MS;
    UNTIL(r, r->downs == 1);
    assert_int_equal(r->answers[0].outcome, PG_DONE);
    assert_int_equal(r->answers[1].outcome, PG_UNKNOWN);
    assert_non_null(strstr(r->answers[1].text, "no answer for 45 s"));
    ahead_ms = 0;
    PQfinish(other);
    rig_end(r);
}

static void values_keep_their_bits_on_the_way_there_and_back(void **state) {
    (void)state;
    struct rig *r = rig_up();
    struct pg_args args;
    pg_args_init(&args, 10000);
    pg_arg_i64(&args, INT64_MIN);
    pg_arg_i32(&args, INT32_MIN);
    pg_arg_text(&args, slice_str("Füll\xff cut"));
    pg_arg_bytes(&args, "\0\1\2", 3);
    pg_array_i64_begin(&args);
    pg_array_i64(&args, 1);
    pg_array_null(&args);
    pg_array_i64(&args, INT64_MAX);
    pg_array_end(&args);
    pg_array_f64_begin(&args);
    pg_array_f64(&args, 0.1);
    pg_array_f64(&args, (double)NAN);
    pg_array_f64(&args, -INFINITY);
    pg_array_end(&args);
    pg_array_text_begin(&args);
    pg_array_text(&args, slice_of("a\0b", 3));
    pg_array_end(&args);
    pg_array_i16_begin(&args);
    pg_array_end(&args);
    pg_arg_text(&args, slice_of(NULL, 0));
    pg_begin(r->pg, PG_READ, on_done, r);
    pg_send(r->pg,
            "select $1, $2, $3, $4, ($5::bigint[])[3], ($5)[2], ($6::float8[])[1], ($6)[2], ($6)[3],"
            " ($7::text[])[1], cardinality($8::smallint[]), true, 7::smallint, $9",
            &args);
    pg_end(r->pg);
    pg_flush(r->pg);
    pg_args_done(&args);
    UNTIL(r, r->n == 1);
    const PGresult *k = r->kept;
    assert_non_null(k);
    assert_true(pg_get_i64(k, 0, 0) == INT64_MIN);
    assert_true(pg_get_i32(k, 0, 1) == INT32_MIN);
    assert_true(slice_is(pg_get_slice(k, 0, 2), "Füll"));
    assert_true(slice_eq(pg_get_slice(k, 0, 3), slice_of("\0\1\2", 3)));
    assert_true(pg_get_i64(k, 0, 4) == INT64_MAX);
    assert_true(pg_is_null(k, 0, 5));
    assert_true(pg_get_f64(k, 0, 6) == 0.1);
    assert_true(pg_is_null(k, 0, 7) && isnan(pg_get_f64(k, 0, 7)));
    assert_true(pg_is_null(k, 0, 8));
    assert_true(slice_is(pg_get_slice(k, 0, 9), "a"));
    assert_int_equal(pg_get_i32(k, 0, 10), 0);
    assert_true(pg_get_bool(k, 0, 11));
    assert_int_equal(pg_get_i16(k, 0, 12), 7);
    assert_int_equal(pg_get_slice(k, 0, 13).n, 0);
    char small[4];
    pg_get_text(k, 0, 2, small, sizeof small);
    assert_string_equal(small, "Fü"); /* cut at a character's border */
    rig_end(r);
}

static void parameters_over_their_limit_are_marked(void **state) {
    (void)state;
    struct pg_args args;
    pg_args_init(&args, 16);
    pg_arg_i64(&args, 1);
    assert_false(args.data.failed);
    pg_arg_bytes(&args, "123456789", 9);
    assert_true(args.data.failed);
    pg_args_clear(&args);
    assert_false(args.data.failed);
    assert_int_equal(args.n, 0);
    pg_args_done(&args);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_in_the_order_of_the_jobs),
        cmocka_unit_test(a_refused_job_leaves_its_neighbours_alone),
        cmocka_unit_test(a_snapshot_sees_one_moment_and_cannot_write),
        cmocka_unit_test(a_lost_connection_makes_what_was_under_way_unknown_and_comes_back),
        cmocka_unit_test(a_prepared_statement_is_prepared_anew_after_a_loss),
        cmocka_unit_test(a_statement_that_cannot_be_prepared_is_told_and_tried_again),
        cmocka_unit_test(a_connection_that_dies_while_it_is_written_to_comes_back),
        cmocka_unit_test(what_is_called_off_ends_however_busy_the_machine_is),
        cmocka_unit_test(a_commit_with_a_warning_is_unknown),
        cmocka_unit_test(a_commit_that_fails_is_unknown),
        cmocka_unit_test(settings_that_would_endanger_data_are_raised),
        cmocka_unit_test(notifications_say_whether_they_are_ones_own),
        cmocka_unit_test(of_several_hosts_the_one_that_answers_is_taken),
        cmocka_unit_test(a_connection_that_cannot_be_made_says_why_and_is_tried_again),
        cmocka_unit_test(big_parameters_and_results_pass_while_both_sides_are_writing),
        cmocka_unit_test(a_connection_is_given_up_when_nothing_is_answered_and_not_when_much_waits),
        cmocka_unit_test(values_keep_their_bits_on_the_way_there_and_back),
        cmocka_unit_test(parameters_over_their_limit_are_marked),
    };
    pgtest_start(&server);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&server);
    return failed;
}
