/* Covers: app/audit_seal.c */
#include "server/app/audit_export.h"
#include "server/base/tm.h"
#include "server/store/migrate.h"
#include "tests/lib/pgtest.h"
#include "tests/lib/unit.h"

static struct pgtest pg;
#define NOW INT64_C(1700000000000000)

static void fresh(void) {
    struct error err;
    pgtest_fresh_database(&pg);
    if (migrate_run(pg.conninfo, "migrations", NULL, NULL, &err) != OK) {
        fail_msg("migrate: %s: %s", err.where, err.text);
    }
}

static void add_rows(int n) {
    pgtest_do(
        &pg,
        "insert into audit (actor, action, detail) select 'ann', 'x', i::text from generate_series(1, %d) i",
        n);
}

/* --- sealing --- */

struct sealer {
    struct audit_seal seal;
    struct point_key *key;
    struct audit_report report;
    struct buf secret;
    struct buf open;
};

static void make_sealer(struct sealer *s) {
    *s = (struct sealer){0};
    buf_init(&s->secret, POINT_PEM_MAX);
    buf_init(&s->open, POINT_PEM_MAX);
    assert_int_equal(point_key_make(&s->secret, &s->open, NULL), OK);
    assert_int_equal(point_key_read(buf_slice(&s->secret), &s->key, NULL), OK);
    s->seal = (struct audit_seal){.conninfo = pg.server, .key = s->key};
}

static void free_sealer(struct sealer *s) {
    audit_seal_done(&s->seal);
    point_key_free(&s->key);
    buf_done(&s->secret);
    buf_done(&s->open);
}

static uint32_t turn(struct sealer *s, int64_t now_us) {
    uint32_t ms = audit_seal_turn(&s->seal, now_us, &s->report);
    if (s->report.err.code != OK) {
        fail_msg("%s: %s", s->report.err.where, s->report.err.text);
    }
    return ms;
}

static void a_checkpoint_is_signed_after_a_minute_or_a_thousand_rows(void **state) {
    (void)state;
    struct sealer s;
    fresh();
    make_sealer(&s);
    assert_int_equal(turn(&s, NOW), AUDIT_TURN_MS);
    assert_int_equal(s.report.pos, 0);
    assert_int_equal(s.report.point_pos, 0); /* of nothing there is nothing to say */
    add_rows(3);
    (void)turn(&s, NOW);
    assert_int_equal(s.report.pos, 3);
    assert_int_equal(s.report.point_pos, 3); /* the first one at once */
    add_rows(999);
    (void)turn(&s, NOW + 1);
    assert_int_equal(s.report.pos, 1002);
    assert_int_equal(s.report.point_pos, 3);
    (void)turn(&s, NOW + AUDIT_POINT_US - 1);
    assert_int_equal(s.report.point_pos, 3);
    (void)turn(&s, NOW + AUDIT_POINT_US);
    assert_int_equal(s.report.point_pos, 1002);
    add_rows(1000);
    (void)turn(&s, NOW + AUDIT_POINT_US + 1);
    assert_int_equal(s.report.point_pos, 2002);
    (void)turn(&s, NOW + 3 * AUDIT_POINT_US); /* nothing new */
    assert_int_equal(s.report.point_us, NOW + AUDIT_POINT_US + 1);
    add_rows(1);
    (void)turn(&s, NOW); /* the clock was set back */
    assert_int_equal(s.report.point_pos, 2003);
    free_sealer(&s);
}

static void without_a_key_nothing_is_signed(void **state) {
    (void)state;
    struct sealer s;
    fresh();
    make_sealer(&s);
    s.seal.key = NULL;
    add_rows(3);
    (void)turn(&s, NOW);
    assert_int_equal(s.report.pos, 3);
    assert_int_equal(s.report.point_pos, 0);
    free_sealer(&s);
}

static void many_rows_are_sealed_in_goes(void **state) {
    (void)state;
    struct sealer s;
    fresh();
    make_sealer(&s);
    add_rows(CHAIN_DB_SEAL_MAX + 10);
    assert_true(turn(&s, NOW) < AUDIT_TURN_MS);
    assert_int_equal(s.report.pos, CHAIN_DB_SEAL_MAX);
    assert_int_equal(turn(&s, NOW), AUDIT_TURN_MS);
    assert_int_equal(s.report.pos, CHAIN_DB_SEAL_MAX + 10);
    free_sealer(&s);
}

static void without_a_database_it_is_tried_less_and_less_often(void **state) {
    (void)state;
    struct sealer s;
    fresh();
    make_sealer(&s);
    add_rows(1);
    s.seal.conninfo = "host=/nowhere dbname=x";
    uint32_t last = 0;
    for (int i = 0; i < 8; i++) {
        uint32_t ms = audit_seal_turn(&s.seal, NOW, &s.report);
        assert_int_equal(s.report.err.code, ERR_UNAVAILABLE);
        assert_true(ms >= last && ms <= AUDIT_RETRY_MAX_MS);
        last = ms;
    }
    assert_int_equal(last, AUDIT_RETRY_MAX_MS);
    s.seal.conninfo = pg.server;
    assert_int_equal(turn(&s, NOW), AUDIT_TURN_MS);
    assert_int_equal(s.report.pos, 1);
    free_sealer(&s);
}

/* --- a chain that is broken while it is sealed --- */

/* As a superuser may. */
static void tamper(const char *sql) {
    pgtest_do(&pg,
              "alter table audit disable trigger user; alter table chain disable trigger user;"
              "alter table chain_checkpoint disable trigger user; %s",
              sql);
}

static void expect_break(struct sealer *s, int64_t now_us, const char *where, const char *text) {
    uint64_t before = s->report.breaks;
    (void)turn(s, now_us);
    assert_int_equal(s->report.breaks, before + 1);
    assert_int_equal(s->report.broken_us, now_us);
    assert_string_equal(s->report.broken.where, where);
    if (strstr(s->report.broken.text, text) == NULL) {
        fail_msg("%s (wanted: %s)", s->report.broken.text, text);
    }
}

struct breaking {
    const char *sql;
    const char *where;
    const char *text;
};

/* What was there at a turn's end is looked for in the next one; then it goes on from what is there. */
static void whatever_breaks_the_end_of_the_chain_is_told_once(void **state) {
    (void)state;
    static const struct breaking v[] = {
        {"delete from chain where pos > 3; delete from audit where audit_id > 3", "audit 5 (position 5)",
         "not in the chain any more"},
        {"delete from chain where pos > 3; delete from audit where audit_id > 3; delete from "
         "chain_checkpoint",
         "audit 5 (position 5)", "not in the chain any more"},
        {"delete from audit where audit_id > 4", "audit 5 (position 5)", "deleted after it was sealed"},
        {"delete from chain; delete from audit", "audit 5 (position 5)", "not in the chain any more"},
        {"delete from chain where pos > 3; delete from audit where audit_id > 3;"
         "insert into audit (actor, action) select 'eve', 'x' from generate_series(1, 4); select "
         "chain_seal(9, 9)",
         "audit 5 (position 5)", "another hash"},
        {"delete from chain where pos > 4", "audit 5 (position 5)", "another hash"},
    };
    for (size_t i = 0; i < COUNT(v); i++) {
        struct sealer s;
        fresh();
        make_sealer(&s);
        add_rows(5);
        (void)turn(&s, NOW);
        (void)turn(&s, NOW + 1);
        assert_int_equal(s.report.breaks, 0);
        assert_int_equal(s.report.broken_us, 0);
        tamper(v[i].sql);
        if (i % 2 == 1) {
            chain_db_close(&s.seal.db); /* what is known is known over a lost connection, too */
        }
        expect_break(&s, NOW + 2, v[i].where, v[i].text);
        (void)turn(&s, NOW + 3);
        (void)turn(&s, NOW + 4);
        assert_int_equal(s.report.breaks, 1);
        add_rows(2);
        (void)turn(&s, NOW + 5);
        assert_int_equal(s.report.breaks, 1);
        free_sealer(&s);
    }
}

static void a_tail_that_was_cut_while_no_server_ran_is_told_at_its_start(void **state) {
    (void)state;
    struct sealer s;
    fresh();
    make_sealer(&s);
    add_rows(5);
    (void)turn(&s, NOW);
    assert_int_equal(s.report.point_pos, 5);
    audit_seal_done(&s.seal);
    tamper("delete from chain where pos > 3; delete from audit where audit_id > 3");
    struct sealer next;
    make_sealer(&next);
    expect_break(&next, NOW + 1, "checkpoint 5 (position 5)", "not in the chain any more");
    assert_int_equal(next.report.pos, 3);
    /* What is sealed from here on is signed, although a checkpoint has a higher position. */
    add_rows(1);
    (void)turn(&next, NOW + AUDIT_POINT_US);
    assert_int_equal(next.report.point_pos, 4);
    free_sealer(&next);
    tamper("delete from chain_checkpoint where pos > 4;"
           "insert into chain_sink (name, pos, checkpoint_pos, at_us) values ('file', 5, 0, 0)");
    struct sealer last;
    make_sealer(&last);
    expect_break(&last, NOW + AUDIT_POINT_US, "position 5", "was exported");
    free_sealer(&last);
    point_key_free(&s.key);
    buf_done(&s.secret);
    buf_done(&s.open);
}

/* --- exporting --- */

/* A sink that writes down the positions that it got. */
struct sink {
    struct audit_export export;
    struct audit_report report;
    int64_t got[10000];
    int n;
    int points;
    int confirms;
    int drops;
    bool broken;
    bool unsure;
};

static enum status on_send(void *ctx, struct slice text, struct error *err) {
    struct sink *s = ctx;
    if (s->broken) {
        return error_set(err, ERR_UNAVAILABLE, "sink", "is broken");
    }
    const char *at = text.p;
    const char *end = text.p + text.n;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        assert_non_null(stop);
        if (strncmp(at, "{\"pos\":", 7) == 0) {
            s->got[s->n++] = strtoll(at + 7, NULL, 10);
        } else {
            assert_int_equal(strncmp(at, "{\"checkpoint\":", 14), 0);
            s->points++;
        }
        at = stop + 1;
    }
    return OK;
}

static enum status on_confirm(void *ctx, struct error *err) {
    struct sink *s = ctx;
    s->confirms++;
    return s->unsure ? error_set(err, ERR_UNAVAILABLE, "sink", "says nothing") : OK;
}

static void on_drop(void *ctx) {
    struct sink *s = ctx;
    s->drops++;
}

static struct sink *make_sink(void) {
    struct sink *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->export = (struct audit_export){
        .conninfo = pg.server,
        .sink = {.name = "test", .ctx = s, .send = on_send, .confirm = on_confirm, .drop = on_drop}};
    audit_export_init(&s->export);
    return s;
}

static void free_sink(struct sink *s) {
    audit_export_done(&s->export);
    free(s);
}

static uint32_t export_turn(struct sink *s, int64_t mono_us) {
    return audit_export_turn(&s->export, NOW, mono_us, &s->report);
}

static int64_t mark(void) {
    return pgtest_number(&pg, "select coalesce(max(pos), 0) from chain_sink where name = 'test'");
}

static void seal_rows(int n) {
    add_rows(n);
    while (pgtest_number(&pg, "select chain_seal(2000, 0)") > 0) {
    }
}

static void the_mark_moves_only_when_the_sink_is_sure(void **state) {
    (void)state;
    fresh();
    struct sink *s = make_sink();
    assert_int_equal(export_turn(s, 0), AUDIT_TURN_MS);
    assert_int_equal(s->confirms, 0); /* nothing was sent */
    seal_rows(3);
    (void)export_turn(s, 100);
    assert_int_equal(s->n, 3);
    assert_int_equal(mark(), 0);
    assert_true(s->report.waiting_since_us > 0);
    (void)export_turn(s, 100 + AUDIT_CONFIRM_US - 1);
    assert_int_equal(s->confirms, 0);
    (void)export_turn(s, 100 + AUDIT_CONFIRM_US);
    assert_int_equal(s->confirms, 1);
    assert_int_equal(mark(), 3);
    assert_int_equal(s->report.pos, 3);
    assert_int_equal(s->report.waiting_since_us, 0);
    (void)export_turn(s, 3 * AUDIT_CONFIRM_US);
    assert_int_equal(s->confirms, 1);
    assert_int_equal(s->n, 3);
    free_sink(s);
}

static void many_rows_go_in_batches_and_are_confirmed_in_between(void **state) {
    (void)state;
    fresh();
    struct sink *s = make_sink();
    seal_rows(AUDIT_CONFIRM_ROWS + AUDIT_BATCH_ROWS + 50);
    for (int i = 0; i < AUDIT_CONFIRM_ROWS / AUDIT_BATCH_ROWS; i++) {
        assert_int_equal(mark(), 0);
        assert_int_equal(export_turn(s, 0), 0);
    }
    assert_int_equal(mark(), AUDIT_CONFIRM_ROWS);
    assert_int_equal(export_turn(s, 0), 0);
    assert_int_equal(export_turn(s, 0), AUDIT_TURN_MS);
    (void)export_turn(s, AUDIT_CONFIRM_US);
    assert_int_equal(mark(), AUDIT_CONFIRM_ROWS + AUDIT_BATCH_ROWS + 50);
    for (int i = 0; i < s->n; i++) {
        assert_int_equal(s->got[i], i + 1);
    }
    free_sink(s);
}

static void after_a_failure_it_begins_again_behind_the_mark(void **state) {
    (void)state;
    fresh();
    struct sink *s = make_sink();
    seal_rows(5);
    (void)export_turn(s, 0);
    (void)export_turn(s, AUDIT_CONFIRM_US);
    assert_int_equal(mark(), 5);
    seal_rows(5);
    (void)export_turn(s, AUDIT_CONFIRM_US);
    s->unsure = true;
    assert_int_equal(export_turn(s, 2 * AUDIT_CONFIRM_US), AUDIT_TURN_MS);
    assert_int_equal(s->report.err.code, ERR_UNAVAILABLE);
    assert_int_equal(s->drops, 1);
    assert_int_equal(mark(), 5);
    assert_true(s->report.waiting_since_us > 0);
    s->broken = true;
    assert_int_equal(export_turn(s, 2 * AUDIT_CONFIRM_US), 2 * AUDIT_TURN_MS);
    assert_int_equal(s->n, 10);
    s->broken = false;
    s->unsure = false;
    (void)export_turn(s, 2 * AUDIT_CONFIRM_US);
    (void)export_turn(s, 3 * AUDIT_CONFIRM_US);
    assert_int_equal(s->report.err.code, OK);
    assert_int_equal(mark(), 10);
    assert_int_equal(s->n, 15);
    for (int i = 10; i < 15; i++) {
        assert_int_equal(s->got[i], i - 4);
    }
    free_sink(s);
}

static void checkpoints_follow_their_rows_once(void **state) {
    (void)state;
    struct sealer sealer;
    fresh();
    make_sealer(&sealer);
    struct sink *s = make_sink();
    s->export.sink.confirm = NULL;
    add_rows(2);
    (void)turn(&sealer, NOW);
    (void)export_turn(s, 0);
    assert_int_equal(s->points, 1);
    assert_int_equal(mark(), 2); /* what was sent has arrived */
    add_rows(2);
    (void)turn(&sealer, NOW + 1);
    (void)export_turn(s, 0);
    assert_int_equal(s->points, 1);
    (void)turn(&sealer, NOW + 2 * AUDIT_POINT_US); /* of rows that are there already */
    (void)export_turn(s, 0);
    assert_int_equal(s->points, 2);
    assert_int_equal(s->report.point_pos, 4);
    (void)export_turn(s, 0);
    assert_int_equal(s->points, 2);
    assert_int_equal(s->n, 4);
    free_sealer(&sealer);
    free_sink(s);
}

/* Somebody removes a row in the database: verify finds it, and the export goes on. */
static void a_row_that_is_gone_does_not_stop_the_export(void **state) {
    (void)state;
    fresh();
    struct sink *s = make_sink();
    s->export.sink.confirm = NULL;
    seal_rows(3);
    pgtest_do(&pg, "alter table audit disable trigger user; delete from audit where audit_id = 2");
    (void)export_turn(s, 0);
    assert_int_equal(s->report.err.code, OK);
    assert_int_equal(mark(), 3);
    free_sink(s);
}

/* Places behind the cut are given to other rows: those arrive, too, and nothing is left out. */
static void after_a_cut_it_exports_again_what_may_be_another(void **state) {
    (void)state;
    struct sealer sealer;
    fresh();
    make_sealer(&sealer);
    struct sink *s = make_sink();
    s->export.sink.confirm = NULL;
    add_rows(3);
    (void)turn(&sealer, NOW); /* a checkpoint at 3 */
    add_rows(4);
    (void)turn(&sealer, NOW + 1);
    (void)export_turn(s, 0);
    assert_int_equal(mark(), 7);
    tamper("delete from chain where pos > 5; delete from audit where audit_id > 5");
    (void)export_turn(s, 0);
    assert_int_equal(s->report.err.code, ERR_INVALID);
    assert_non_null(strstr(s->report.err.text, "ends at position 5, and had been exported up to 7"));
    assert_int_equal(mark(), 3);
    add_rows(3);
    (void)turn(&sealer, NOW + 2);
    s->n = 0;
    (void)export_turn(s, 0);
    assert_int_equal(s->report.err.code, OK);
    assert_int_equal(s->n, 5);
    assert_int_equal(s->got[0], 4);
    assert_int_equal(mark(), 8);
    free_sealer(&sealer);
    free_sink(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_is_signed_after_a_minute_or_a_thousand_rows),
        cmocka_unit_test(without_a_key_nothing_is_signed),
        cmocka_unit_test(many_rows_are_sealed_in_goes),
        cmocka_unit_test(without_a_database_it_is_tried_less_and_less_often),
        cmocka_unit_test(whatever_breaks_the_end_of_the_chain_is_told_once),
        cmocka_unit_test(a_tail_that_was_cut_while_no_server_ran_is_told_at_its_start),
        cmocka_unit_test(the_mark_moves_only_when_the_sink_is_sure),
        cmocka_unit_test(many_rows_go_in_batches_and_are_confirmed_in_between),
        cmocka_unit_test(after_a_failure_it_begins_again_behind_the_mark),
        cmocka_unit_test(checkpoints_follow_their_rows_once),
        cmocka_unit_test(a_row_that_is_gone_does_not_stop_the_export),
        cmocka_unit_test(after_a_cut_it_exports_again_what_may_be_another),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
