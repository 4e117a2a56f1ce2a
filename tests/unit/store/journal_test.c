/* Covers: record_sql.c, lock.c */
#include "server/base/rand.h"
#include "tests/unit/store/rig.h"

#include <math.h>

static struct pgtest pg;

/* Every field has a value of its own. */
static struct alarm_record alarm_record(uint64_t seq, int64_t alarm_key, uint64_t n) {
    return (struct alarm_record){.seq = seq,
                                 .n = n,
                                 .alarm_key = alarm_key,
                                 .site_key = 1,
                                 .tag_key = 2,
                                 .revision = 3,
                                 .src_us = INT64_C(1700000000000000) + (int64_t)seq,
                                 .at_us = INT64_C(1700000000000000) + 1000 * (int64_t)seq,
                                 .raised_us = 4,
                                 .raised_at_us = 5,
                                 .called_us = 6,
                                 .until_us = 7,
                                 .value = 5.25,
                                 .limit = (double)NAN,
                                 .actor_key = 8,
                                 .occ = 9,
                                 .call = UINT32_MAX,
                                 .acked_occ = 8,
                                 .rise_call = 10,
                                 .facts = FACT_ENABLED | FACT_ACTIVE | FACT_ACKED | FACT_SHELVED,
                                 .flags = RECORD_HIDDEN | RECORD_ONE_SHOT,
                                 .kind = RECORD_SHELVE,
                                 .cause = CAUSE_OPERATOR,
                                 .unshelved = UNSHELVE_RTN,
                                 .from = 'C',
                                 .to = 'G',
                                 .base = 'C',
                                 .priority = 1,
                                 .quality = 0x43,
                                 .actor = "anna",
                                 .desk = "east 10.0.0.1",
                                 .source = "rule",
                                 .unit = "m³/h",
                                 .comment = "gesehen: Füllstand \"hoch\"; drop table"};
}

static void journal(struct rig *r, uint64_t seq, int64_t alarm_key, uint64_t n) {
    struct alarm_record rec = alarm_record(seq, alarm_key, n);
    assert_int_equal(store_journal(r->store, &rec, slice_str("main")), OK);
}

static void kill_connection(const char *name) {
    pgtest_do(&pg,
              "select pg_terminate_backend(pid) from pg_stat_activity"
              " where application_name = '%s' and datname = current_database()",
              name);
}

static void all_of_a_record_comes_back_at_the_next_start(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    assert_int_equal(r->journal_seq, 0);
    journal(r, 1, 1, 1);
    journal(r, 2, 2, 1);
    journal(r, 3, 1, 2);
    RIG_UNTIL(r, r->journaled == 3);
    rig_stop(&r, 5000);
    r = rig_new(&pg);
    assert_int_equal(r->journal_seq, 3);
    assert_int_equal(r->n_records, 2);
    const struct alarm_record *got = &r->records[1];
    struct alarm_record want = alarm_record(3, 1, 2);
    assert_true(got->seq == 3 && got->n == 2 && got->site_key == 1 && got->tag_key == 2 &&
                got->revision == 3);
    assert_true(got->src_us == want.src_us && got->at_us == want.at_us && got->raised_us == 4);
    assert_true(got->raised_at_us == 5 && got->called_us == 6 && got->until_us == 7);
    assert_true(got->value == 5.25 && isnan(got->limit) && got->actor_key == 8);
    assert_true(got->occ == 9 && got->call == UINT32_MAX && got->rise_call == 10 && got->alarm == MODEL_NONE);
    assert_int_equal(got->acked_occ, 8);
    assert_true(got->facts == want.facts && got->flags == want.flags);
    assert_true(got->kind == RECORD_SHELVE && got->cause == CAUSE_OPERATOR && got->unshelved == UNSHELVE_RTN);
    assert_true(got->from == 'C' && got->to == 'G' && got->base == 'C');
    assert_true(got->priority == 1 && got->quality == 0x43);
    assert_string_equal(got->actor, want.actor);
    assert_string_equal(got->desk, want.desk);
    assert_string_equal(got->source, want.source);
    assert_string_equal(got->unit, want.unit);
    assert_string_equal(got->comment, want.comment);
    journal(r, 4, 1, 3);
    RIG_UNTIL(r, r->journaled == 4);
    rig_stop(&r, 5000);
}

static void every_kind_cause_and_letter_is_stored_and_read(void **state) {
    (void)state;
    static const char letters[] = "ABCDEFGHIZ-";
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        struct alarm_record rec = alarm_record((uint64_t)kind + 1, 9, (uint64_t)kind + 1);
        rec.kind = (enum alarm_record_kind)kind;
        rec.cause = (enum alarm_cause)(kind % ALARM_CAUSES);
        rec.unshelved = (enum unshelve_reason)(kind % 4);
        rec.from = letters[kind % 11];
        rec.to = letters[(kind + 1) % 11];
        rec.base = "ABCDEFZ-"[kind % 8];
        assert_int_equal(store_journal(r->store, &rec, slice_str("main")), OK);
    }
    RIG_UNTIL(r, r->journaled == RECORD_KINDS);
    struct request ask = {.kind = REQ_ALARM_HISTORY, .history = {.limit = 50}};
    const struct rig_reply *reply = rig_ask(r, &ask);
    assert_int_equal(reply->reply.history.n, RECORD_KINDS);
    for (int i = 0; i < RECORD_KINDS; i++) {
        int kind = RECORD_KINDS - 1 - i;
        const struct alarm_record *got = &r->history[i].record;
        assert_int_equal(got->kind, kind);
        assert_int_equal(got->cause, kind % ALARM_CAUSES);
        assert_int_equal(got->unshelved, kind % 4);
        assert_true(got->from == letters[kind % 11] && got->to == letters[(kind + 1) % 11]);
        assert_true(got->base == "ABCDEFZ-"[kind % 8]);
    }
    rig_stop(&r, 5000);
}

static void a_record_of_an_alarm_that_left_keeps_its_position(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct alarm_record rec = alarm_record(1, 1, 1);
    assert_int_equal(store_journal(r->store, &rec, slice_str("east")), OK);
    RIG_UNTIL(r, r->journaled == 1);
    rec = alarm_record(2, 1, 2);
    assert_int_equal(store_journal(r->store, &rec, slice_of(NULL, 0)), OK);
    rec = alarm_record(3, 2, 1);
    assert_int_equal(store_journal(r->store, &rec, slice_of(NULL, 0)), OK);
    RIG_UNTIL(r, r->journaled == 3);
    assert_int_equal(pgtest_number(&pg, "select count(*) from alarm_journal where position = 'east'"), 2);
    assert_int_equal(pgtest_number(&pg, "select count(*) from alarm_journal where position = ''"), 1);
    rig_stop(&r, 5000);
}

/* A schema as it was before 0004. */
static void migrate_to_0003(void) {
    static const char *const names[] = {"0001_base.sql", "0002_ingest.sql", "0003_alarm_journal.sql"};
    char dir[96];
    char from[1024];
    char to[192];
    char here[900];
    struct error err;
    pgtest_fresh_database(&pg);
    (void)snprintf(dir, sizeof dir, "%s/migrations", pg.dir);
    assert_int_equal(mkdir(dir, 0755), 0);
    assert_non_null(getcwd(here, sizeof here));
    for (size_t i = 0; i < COUNT(names); i++) {
        (void)snprintf(from, sizeof from, "%s/migrations/%s", here, names[i]);
        (void)snprintf(to, sizeof to, "%s/%s", dir, names[i]);
        assert_int_equal(symlink(from, to), 0);
    }
    assert_int_equal(migrate_run(pg.conninfo, dir, NULL, NULL, &err), OK);
}

/* As the program before migration 0004 wrote them. */
static void old_rows_are_read_with_what_follows_from_their_letters(void **state) {
    (void)state;
    static const struct {
        const char *kind;
        char from;
        char to;
        uint16_t facts;
        enum alarm_cause cause;
    } rows[] = {{"raise", 'A', 'B', FACT_ENABLED | FACT_ACTIVE, CAUSE_SAMPLE},
                {"ack", 'B', 'C', FACT_ENABLED | FACT_ACTIVE | FACT_ACKED, CAUSE_OPERATOR},
                {"rtn", 'B', 'D', FACT_ENABLED, CAUSE_SAMPLE},
                {"ack", 'D', 'A', FACT_ENABLED | FACT_ACKED, CAUSE_OPERATOR},
                {"disable", 'B', 'Z', FACT_ACKED, CAUSE_CONFIG},
                {"remove", 'B', '-', FACT_GONE | FACT_ACKED, CAUSE_CONFIG}};
    migrate_to_0003();
    for (size_t i = 0; i < COUNT(rows); i++) {
        pgtest_do(
            &pg,
            "insert into alarm_journal (seq, n, alarm_key, site_key, tag_key, revision, kind, from_letter,"
            " to_letter, occ, call, priority, src_us, at_us, raised_us, quality, actor_key, actor, comment)"
            " values (%zu, 1, %zu, 1, 1, 1, '%s', '%c', '%c', 1, 1, 1, 5, 6, 4, 0, 0, '', '')",
            i + 1, i + 1, rows[i].kind, rows[i].from, rows[i].to);
    }
    struct error err;
    assert_int_equal(migrate_run(pg.conninfo, "migrations", NULL, NULL, &err), OK);
    struct rig *r = rig_new(&pg);
    assert_int_equal(r->n_records, COUNT(rows));
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct alarm_record *got = &r->records[i];
        assert_true(got->seq == i + 1 && got->base == rows[i].to && got->facts == rows[i].facts);
        assert_true(alarm_base_letter(got->facts) == rows[i].to && alarm_shown_letter(got->facts) == got->to);
        assert_int_equal(got->cause, rows[i].cause);
        assert_true(got->raised_at_us == 4 && got->called_us == 4 && got->until_us == 0 && got->flags == 0);
        assert_true(got->desk[0] == '\0' && got->source[0] == '\0' && got->unit[0] == '\0');
    }
    rig_stop(&r, 5000);
}

static void the_journal_is_whole_however_often_the_connections_die(void **state) {
    (void)state;
    struct rand rand;
    uint64_t seed = unit_seed();
    print_message("SEED=%llu\n", (unsigned long long)seed);
    rand_seed(&rand, seed);
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    enum { N = 600 };
    for (uint64_t seq = 1; seq <= N; seq++) {
        journal(r, seq, 1, seq);
        for (uint64_t turns = rand_below(&rand, 3); turns > 0; turns--) {
            (void)uv_run(&r->loop, UV_RUN_NOWAIT);
        }
        uint64_t fate = rand_below(&rand, 60);
        if (fate < 2) {
            kill_connection(fate == 0 ? "penstock alarms" : "penstock events");
        }
    }
    RIG_UNTIL(r, r->journaled == N);
    assert_int_equal(pgtest_number(&pg, "select count(*) from alarm_journal where seq between 1 and %d", N),
                     N);
    assert_int_equal(pgtest_number(&pg, "select max(seq) from alarm_journal"), N);
    assert_false(r->fatal);
    rig_stop(&r, 5000);
}

static void records_in_doubt_are_submitted_again_but_stored_once(void **state) {
    (void)state;
    rig_migrate(&pg);
    pgtest_doubt_first_commit(&pg, "alarm_journal");
    struct rig *r = rig_new(&pg);
    journal(r, 1, 1, 1);
    journal(r, 2, 1, 2);
    RIG_UNTIL(r, r->journaled == 2);
    assert_true(r->away > 0); /* it was told why nothing came */
    assert_int_equal(pgtest_number(&pg, "select count(*) from alarm_journal"), 2);
    assert_false(r->fatal);
    rig_stop(&r, 5000);
}

static void a_journal_that_somebody_else_writes_is_fatal(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    journal(r, 1, 1, 1);
    RIG_UNTIL(r, r->journaled == 1);
    pgtest_do(
        &pg,
        "insert into alarm_journal (seq, n, alarm_key, site_key, tag_key, revision, kind, from_letter,"
        " to_letter, occ, call, priority, src_us, at_us, raised_us, quality, actor_key, actor, comment)"
        " select 2, n, 99, site_key, tag_key, revision, kind, from_letter, to_letter, occ, call, priority,"
        " src_us, at_us, raised_us, quality, actor_key, actor, comment from alarm_journal");
    journal(r, 2, 1, 2);
    RIG_UNTIL(r, r->fatal);
    assert_int_equal(r->journaled, 1);
    assert_int_equal(r->fatal_error.code, ERR_CONFLICT);
    rig_stop(&r, 100);
}

/* The same alarm and the same places, but another person: it is not the record that was handed over. */
static void another_record_in_the_place_of_one_in_doubt_is_fatal(void **state) {
    (void)state;
    rig_migrate(&pg);
    pgtest_do(&pg, "create function another() returns trigger language plpgsql as"
                   " $$ begin new.actor_key := 99; return new; end $$");
    pgtest_do(&pg, "create trigger another before insert on alarm_journal for each row"
                   " execute function another()");
    pgtest_doubt_first_commit(&pg, "alarm_journal");
    struct rig *r = rig_new(&pg);
    journal(r, 1, 1, 1);
    RIG_UNTIL(r, r->fatal);
    assert_int_equal(r->journaled, 0);
    assert_int_equal(r->fatal_error.code, ERR_CONFLICT);
    rig_stop(&r, 100);
}

static void a_start_tells_what_stands_under_the_numbers_that_it_is_asked_for(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    assert_int_equal(r->n_tail, 0);
    for (uint64_t seq = 1; seq <= 4; seq++) {
        journal(r, seq, 1, seq);
    }
    RIG_UNTIL(r, r->journaled == 4);
    rig_stop(&r, 5000);
    r = rig_new_with(&pg, (struct store_config){.tail_from = 2, .tail_to = 3});
    RIG_UNTIL(r, r->loaded == 1);
    assert_int_equal(r->n_tail, 2);
    assert_int_equal(r->tail[0].seq, 2);
    assert_int_equal(r->tail[1].seq, 3);
    assert_string_equal(r->tail[1].actor, "anna");
    rig_stop(&r, 5000);
    r = rig_new_with(&pg, (struct store_config){.tail_from = 4, .tail_to = 9});
    RIG_UNTIL(r, r->loaded == 1);
    assert_int_equal(r->n_tail, 1);
    rig_stop(&r, 5000);
}

static void alarms_do_not_wait_behind_requests_or_samples(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    PGconn *other = PQconnectdb(pg.conninfo);
    PQclear(PQexec(other, "begin"));
    PQclear(PQexec(other, "lock table audit, ingest_batch in access exclusive mode"));
    struct actor actor = {.name = "anna"};
    store_audit(r->store, &actor, "x", "", "");
    store_turn_end(r->store);
    journal(r, 1, 1, 1);
    RIG_UNTIL(r, r->journaled == 1 &&
                     pgtest_number(&pg, "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                                        " and datname = current_database()") == 1);
    PQfinish(other);
    rig_stop(&r, RIG_PATIENCE_MS);
    assert_int_equal(pgtest_number(&pg, "select count(*) from audit"), 1);
}

static void a_journal_that_waits_makes_the_store_slow(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    PGconn *other = PQconnectdb(pg.conninfo);
    PQclear(PQexec(other, "begin"));
    PQclear(PQexec(other, "lock table alarm_journal in access exclusive mode"));
    journal(r, 1, 1, 1);
    RIG_UNTIL(r, r->state == STORE_SLOW);
    PQfinish(other);
    RIG_UNTIL(r, r->journaled == 1 && r->state == STORE_OK);
    rig_stop(&r, 5000);
}

/* A server that comes up reads the journal only when nobody else can add to it any more. */
static void a_start_waits_until_no_other_connection_can_write_the_journal(void **state) {
    (void)state;
    rig_migrate(&pg);
    PGconn *former = PQconnectdb(pg.conninfo);
    PQclear(PQexec(former, "select pg_advisory_lock(1346719315, 3)"));
    struct rig *r = rig_new_with(&pg, (struct store_config){0});
    RIG_UNTIL(r, strstr(r->state_error.text, "another server uses this database") != NULL);
    assert_int_equal(r->loaded, 0);
    assert_false(r->fatal);
    PQfinish(former);
    RIG_UNTIL(r, r->loaded == 1 && r->state == STORE_OK);
    assert_false(r->fatal);
    rig_stop(&r, 5000);
}

/* After it lost both its locks, the one of the journal alone does not let it write. */
static void nothing_is_written_before_the_database_is_known_to_be_this_servers(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    pgtest_do(&pg, "select pg_terminate_backend(pid, 60000) from pg_stat_activity"
                   " where application_name in ('penstock events', 'penstock alarms')"
                   " and datname = current_database()");
    PGconn *other = PQconnectdb(pg.conninfo);
    PQclear(PQexec(other, "select pg_advisory_lock(1346719315, 1)"));
    journal(r, 1, 1, 1);
    RIG_UNTIL(r, r->fatal);
    assert_int_equal(r->fatal_error.code, ERR_CONFLICT);
    assert_int_equal(pgtest_number(&pg, "select count(*) from alarm_journal"), 0);
    PQfinish(other);
    rig_stop(&r, 100);
}

/* --- rights -------------------------------------------------------------------------------------------- */

static void refused(const char *conninfo, const char *sql, const char *why) {
    PGconn *conn = PQconnectdb(conninfo);
    PGresult *res = PQexec(conn, sql);
    if (PQresultStatus(res) != PGRES_FATAL_ERROR || strstr(PQerrorMessage(conn), why) == NULL) {
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    }
    PQclear(res);
    PQfinish(conn);
}

static void the_journals_refuse_changes(void **state) {
    (void)state;
    rig_migrate(&pg);
    static const char *const statements[] = {"update audit set actor = ''", "delete from alarm_journal",
                                             "truncate config_item",
                                             "update config_revision set reason = ''"};
    for (size_t i = 0; i < COUNT(statements); i++) {
        refused(pg.conninfo, statements[i], "append-only");
    }
}

static void the_servers_role_may_not_change_journals(void **state) {
    (void)state;
    static const char *const tables[] = {"alarm_journal", "audit",        "config_revision",
                                         "config_item",   "ingest_batch", "quarantine"};
    static const char *const columns[] = {"comment", "actor", "actor", "body", "body", "reason"};
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg); /* under that role */
    journal(r, 1, 1, 1);
    RIG_UNTIL(r, r->journaled == 1);
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from pg_stat_activity where usename <> 'penstock_app'"
                           " and application_name like 'penstock %%' and datname = current_database()"),
        0);
    for (size_t i = 0; i < COUNT(tables); i++) {
        char sql[128];
        (void)snprintf(sql, sizeof sql, "update %s set %s = null", tables[i], columns[i]);
        refused(pg.server, sql, "permission denied");
        (void)snprintf(sql, sizeof sql, "delete from %s", tables[i]);
        refused(pg.server, sql, "permission denied");
        (void)snprintf(sql, sizeof sql, "truncate %s", tables[i]);
        refused(pg.server, sql, "permission denied");
        (void)snprintf(sql, sizeof sql, "alter table %s disable trigger all", tables[i]);
        refused(pg.server, sql, "must be owner");
    }
    refused(pg.server, "insert into app_user (name, role) values ('eve', 'admin')", "permission denied");
    refused(pg.server, "update app_user set role = 'admin'", "permission denied");
    refused(pg.server, "insert into schema_migration (version, name, sha256) values (99, '', '')",
            "permission denied");
    rig_stop(&r, 5000);
}

static void what_a_later_migration_makes_can_be_read_and_added_to(void **state) {
    (void)state;
    rig_migrate(&pg);
    pgtest_do(&pg, "create table later (a integer); create function later_one() returns integer language sql"
                   " return 1; insert into later values (1)");
    char text[32];
    pgtest_text_at(pg.server, "insert into later values (later_one() + 1)", text, sizeof text);
    pgtest_text_at(pg.server, "select sum(a) from later", text, sizeof text);
    assert_string_equal(text, "3");
    refused(pg.server, "update later set a = 0", "permission denied");
}

static void who_only_reads_sees_no_secrets(void **state) {
    (void)state;
    rig_migrate(&pg);
    char reader[600];
    (void)snprintf(reader, sizeof reader, "%s user=penstock_ro", pg.conninfo);
    char text[32];
    pgtest_text_at(reader, "select count(*) from alarm_journal j, sample s, audit a", text, sizeof text);
    pgtest_text_at(reader, "select count(name) from app_user", text, sizeof text);
    pgtest_text_at(reader, "select count(*) from alarm_state_at(0)", text, sizeof text);
    refused(reader, "select password_hash from app_user", "permission denied");
    refused(reader, "select * from login_code", "permission denied");
    refused(reader, "select * from app_session", "permission denied");
    refused(reader, "insert into audit (action) values ('x')", "permission denied");
    refused(reader, "select config_apply(gen_random_uuid(), '', '', '{site}', '{X}', '{\"{}\"}', '{-1}')",
            "permission denied");
}

/* Somebody who may not create roles migrates all the same, and grants when the roles are there. The first
 * test of this program: in its cluster only the server's role exists. */
static void a_site_whose_administrator_makes_the_roles_can_migrate(void **state) {
    (void)state;
    pgtest_fresh_database(&pg);
    assert_int_equal(pgtest_number(&pg, "select count(*) from pg_roles where rolname like 'penstock_%%'"), 1);
    pgtest_do(&pg, "create role plain login");
    pgtest_do(&pg, "grant create on schema public to plain");
    char plain[600];
    (void)snprintf(plain, sizeof plain, "%s user=plain", pg.conninfo);
    struct error err;
    if (migrate_run(plain, "migrations", NULL, NULL, &err) != OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    struct rig *r = rig_new(&pg);
    journal(r, 1, 1, 1);
    RIG_UNTIL(r, r->journaled == 1);
    rig_stop(&r, 5000);
    pgtest_do(&pg, "create role penstock_ro login");
    char reader[600];
    char text[32];
    (void)snprintf(reader, sizeof reader, "%s user=penstock_ro", pg.conninfo);
    refused(reader, "select count(*) from alarm_journal", "permission denied");
    pgtest_text_at(plain, "select penstock_grant()", text, sizeof text);
    pgtest_text_at(reader, "select count(*) from alarm_journal", text, sizeof text);
    assert_string_equal(text, "1");
    refused(pg.server, "delete from alarm_journal", "permission denied");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_site_whose_administrator_makes_the_roles_can_migrate),
        cmocka_unit_test(all_of_a_record_comes_back_at_the_next_start),
        cmocka_unit_test(every_kind_cause_and_letter_is_stored_and_read),
        cmocka_unit_test(a_record_of_an_alarm_that_left_keeps_its_position),
        cmocka_unit_test(old_rows_are_read_with_what_follows_from_their_letters),
        cmocka_unit_test(the_journal_is_whole_however_often_the_connections_die),
        cmocka_unit_test(records_in_doubt_are_submitted_again_but_stored_once),
        cmocka_unit_test(a_journal_that_somebody_else_writes_is_fatal),
        cmocka_unit_test(another_record_in_the_place_of_one_in_doubt_is_fatal),
        cmocka_unit_test(a_start_tells_what_stands_under_the_numbers_that_it_is_asked_for),
        cmocka_unit_test(alarms_do_not_wait_behind_requests_or_samples),
        cmocka_unit_test(a_journal_that_waits_makes_the_store_slow),
        cmocka_unit_test(a_start_waits_until_no_other_connection_can_write_the_journal),
        cmocka_unit_test(nothing_is_written_before_the_database_is_known_to_be_this_servers),
        cmocka_unit_test(the_journals_refuse_changes),
        cmocka_unit_test(the_servers_role_may_not_change_journals),
        cmocka_unit_test(what_a_later_migration_makes_can_be_read_and_added_to),
        cmocka_unit_test(who_only_reads_sees_no_secrets),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
