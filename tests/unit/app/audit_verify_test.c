/* Covers: app/audit_key.c */
#include "server/app/audit_key.h"
#include "server/app/audit_verify.h"
#include "server/chain/verify.h"
#include "server/store/chain_db.h"
#include "server/store/migrate.h"
#include "tests/lib/pgtest.h"
#include "tests/lib/unit.h"

static struct pgtest pg;

#define JOURNAL                                                                                              \
    "insert into alarm_journal (seq, n, alarm_key, site_key, tag_key, revision, kind, from_letter, "         \
    "to_letter, occ, call,"                                                                                  \
    " priority, src_us, at_us, raised_us, value, limit_value, quality, actor_key, actor, comment, "          \
    "base_letter, facts,"                                                                                    \
    " cause, raised_at_us, called_us, acked_occ)"                                                            \
    " select i, i, 5, 1, 2, 3, 'raise', 'A', 'B', i, i, 2, i, i, i, i / 3.0, 'NaN', 0, 0, '', 'Störung', "  \
    "'B', 3,"                                                                                                \
    " 'sample', 1, 1, 0 from generate_series("

static void seal(void) {
    while (pgtest_number(&pg, "select chain_seal(7, 5000)") > 0) {
    }
}

/* Revisions with items, audit and journal, sealed in several goes, with nulls, odd numbers and texts. */
static void fresh_chain(void) {
    struct error err;
    pgtest_fresh_database(&pg);
    if (migrate_run(pg.conninfo, "migrations", NULL, NULL, &err) != OK) {
        fail_msg("migrate: %s: %s", err.where, err.text);
    }
    pgtest_do(&pg, "select config_apply(gen_random_uuid(), 'ann', 'first', '{site,site}', '{S1,S2}',"
                   " array['{\"name\":\"S1\",\"x\":1.50}', '{\"name\":\"S2\"}'], '{-1,-1}')");
    pgtest_do(&pg, "insert into audit (actor, action, object, detail)"
                   " select 'ann', 'test', 'o' || i, repeat('é', i) from generate_series(1, 10) i");
    pgtest_do(&pg, JOURNAL "1, 10) i");
    seal();
    pgtest_do(&pg, "select config_apply(gen_random_uuid(), 'bob', 'second', '{site}', '{S2}', "
                   "array[null::text], '{-1}')");
    pgtest_do(&pg, "insert into audit (actor, action) values ('ann', 'last')");
    pgtest_do(&pg, JOURNAL "11, 12) i");
    seal();
    assert_int_equal(pgtest_number(&pg, "select max(pos) from chain"), 25);
}

static void tamper(const char *sql) {
    pgtest_do(
        &pg,
        "alter table audit disable trigger user; alter table alarm_journal disable trigger user;"
        "alter table config_item disable trigger user; alter table config_revision disable trigger user;"
        "alter table chain disable trigger user; alter table chain_checkpoint disable trigger user; %s",
        sql);
}

static enum status verify_all(struct error *err) {
    const struct audit_verify cfg = {.conninfo = pg.conninfo, .from = 1};
    struct audit_verified done;
    return audit_verify(&cfg, &done, err);
}

static void expect_fault(const char *where, const char *text) {
    struct error err;
    assert_int_equal(verify_all(&err), ERR_INVALID);
    assert_string_equal(err.where, where);
    if (strstr(err.text, text) == NULL) {
        fail_msg("%s: %s (wanted: %s)", err.where, err.text, text);
    }
}

static void what_was_sealed_by_sql_is_right_by_c(void **state) {
    (void)state;
    struct error err = {0};
    fresh_chain();
    const struct audit_verify cfg = {.conninfo = pg.conninfo, .from = 1};
    struct audit_verified done;
    if (audit_verify(&cfg, &done, &err) != OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    assert_int_equal(done.first_pos, 1);
    assert_int_equal(done.pos, 25);
    const struct audit_verify later = {.conninfo = pg.conninfo, .from = 9};
    assert_int_equal(audit_verify(&later, &done, &err), OK);
    assert_int_equal(done.first_pos, 9);
}

struct tampering {
    const char *sql;
    const char *where;
    const char *text;
};

static void every_tampering_is_named(void **state) {
    (void)state;
    static const struct tampering v[] = {
        {"update audit set detail = 'nothing' where audit_id = 4", "audit 4 (position 5)", "changed"},
        {"update alarm_journal set value = value + 1e-9 where seq = 3", "alarm_journal 3 (position 14)",
         "changed"},
        {"update alarm_journal set cause = null where seq = 10", "alarm_journal 10 (position 21)", "changed"},
        {"update config_item set body = '{\"name\":\"S1\",\"x\":1.5}' where revision = 1",
         "config_revision 1 (position 1)", "changed"},
        {"delete from config_item where revision = 2", "config_revision 2 (position 22)", "changed"},
        {"update config_key set name = 'S3' where name = 'S2'", "config_revision 1 (position 1)", "changed"},
        {"delete from audit where audit_id = 7", "audit 7 (position 8)", "deleted"},
        {"delete from chain where pos = 8; delete from audit where audit_id = 7", "chain",
         "position 8 is missing"},
        {"alter table audit alter audit_id drop identity; update audit set audit_id = 99 where audit_id = 2; "
         "update audit set audit_id = 2 where audit_id = "
         "3;"
         "update audit set audit_id = 3 where audit_id = 99",
         "audit 2 (position 3)", "changed"},
        {"update chain set pos = 99 where pos = 5; update chain set pos = 5 where pos = 6;"
         "update chain set pos = 6 where pos = 99",
         "audit 5 (position 5)", "does not follow"},
        {"update chain set sealed_us = sealed_us + 1 where pos = 15", "alarm_journal 4 (position 15)",
         "changed"},
        {"insert into audit (audit_id, at, actor, action) overriding system value"
         " values (0, now() - interval '1 day', 'eve', 'x')",
         "audit 0", "put in afterwards"},
        {"insert into audit (audit_id, at, actor, action) overriding system value"
         " values (-5, now() - interval '1 day', 'eve', 'x')",
         "audit -5", "put in afterwards"},
        {"update alarm_journal set seq = -1 where seq = 1", "alarm_journal 1 (position 12)", "deleted"},
        /* Without any checkpoint: the rows are there still, or an export remembers them. */
        {"delete from chain; update audit set at = at - interval '1 hour'", "audit 1",
         "all of the chain was removed"},
        {"delete from chain where pos > 22; update audit set at = at - interval '1 hour' where audit_id = 11",
         "audit 11", "the end of the chain was cut off"},
        {"delete from chain where pos > 22; update audit set at = 'infinity' where audit_id = 11", "audit 11",
         "the end of the chain was cut off"},
        {"delete from chain where pos > 21; update config_revision set at = at - interval '1 hour' where "
         "revision = 2",
         "config_revision 2", "the end of the chain was cut off"},
        {"delete from chain where pos > 23", "alarm_journal 11", "the end of the chain was cut off"},
        {"delete from chain where pos > 22; delete from audit where audit_id = 11; delete from alarm_journal "
         "where seq > 10; insert into chain_sink (name, pos, checkpoint_pos, at_us) values ('file', 23, 0, "
         "0)",
         "chain", "ends at position 22, but was exported up to 23"},
    };
    for (size_t i = 0; i < COUNT(v); i++) {
        fresh_chain();
        tamper(v[i].sql);
        expect_fault(v[i].where, v[i].text);
    }
}

/* Nobody could seal yet what is new: a fresh installation, and a database that was restored to a moment. */
static void what_is_new_may_wait(void **state) {
    (void)state;
    struct error err = {0};
    struct audit_verified done;
    pgtest_fresh_database(&pg);
    assert_int_equal(migrate_run(pg.conninfo, "migrations", NULL, NULL, &err), OK);
    pgtest_do(&pg, "insert into audit (actor, action) values ('ann', 'user.add')");
    struct audit_verify cfg = {.conninfo = pg.conninfo, .from = 1};
    assert_int_equal(audit_verify(&cfg, &done, &err), OK);
    assert_int_equal(done.pos, 0);
    tamper("update audit set at = to_timestamp(1700000000)");
    assert_int_equal(audit_verify(&cfg, &done, &err), ERR_INVALID);
    assert_string_equal(err.where, "audit 1");
    cfg.as_of_us = INT64_C(1700000000000000) + INT64_C(1000000);
    assert_int_equal(audit_verify(&cfg, &done, &err), OK);
    assert_int_equal(done.waits.code, OK);
    cfg.as_of_us +=
        VERIFY_WAITING_US; /* the server was off, perhaps: no reason to refuse what was restored */
    assert_int_equal(audit_verify(&cfg, &done, &err), OK);
    assert_int_equal(done.waits.code, ERR_INVALID);
    assert_string_equal(done.waits.where, "audit 1");
}

/* Time does not excuse a number that nobody gives out any more. */
static void an_audit_row_put_in_with_a_time_to_come_is_named(void **state) {
    (void)state;
    static const char *const times[] = {"'2100-01-01'", "'infinity'", "'-infinity'"};
    for (size_t i = 0; i < COUNT(times); i++) {
        fresh_chain();
        pgtest_do(
            &pg,
            "insert into audit (audit_id, actor, action) overriding system value values (90, 'ann', 'x')");
        seal();
        tamper("select 1");
        pgtest_do(&pg,
                  "insert into audit (audit_id, at, actor, action) overriding system value"
                  " values (50, %s, 'eve', 'x')",
                  times[i]);
        expect_fault("audit 50", "put in afterwards");
    }
}

/* The sealer takes what it finds; that it came so late is in the chain for ever. */
static void an_audit_row_put_in_and_sealed_later_is_named(void **state) {
    (void)state;
    fresh_chain();
    tamper("delete from audit where audit_id = 11; delete from chain where pos >= 23;"
           "insert into audit (audit_id, actor, action) overriding system value values (20, 'ann', 'x')");
    seal();
    pgtest_do(&pg, "insert into audit (audit_id, at, actor, action) overriding system value"
                   " values (15, now() - interval '1 day', 'eve', 'x')");
    seal();
    struct error err = {0};
    /* Within the hour that a transaction may take it passes. */
    assert_int_equal(verify_all(&err), OK);
    tamper(
        "update chain set sealed_us = sealed_us + 7200000000 where pos = (select max(pos) from chain);"
        "update chain c set hash = sha256(c.prev || int8send(c.pos) || int2send(c.form) || int2send(c.source)"
        " || int8send(c.row_id) || int8send(c.sealed_us) || (select chain_canonical(a) from audit a where "
        "a.audit_id = 15))"
        " where c.source = 2 and c.row_id = 15");
    char where[64];
    (void)snprintf(where, sizeof where, "audit 15 (position %lld)",
                   (long long)pgtest_number(&pg, "select max(pos) from chain"));
    expect_fault(where, "put in afterwards");
}

/* --- checkpoints --- */

struct signer {
    char dir[64];
    char file[96];
    char pub[112];
    struct point_key *key;
    struct point_keys *keys;
};

static void make_signer(struct signer *s) {
    struct error err = {0};
    (void)snprintf(s->dir, sizeof s->dir, "/tmp/penstock-key-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    (void)snprintf(s->file, sizeof s->file, "%s/key", s->dir);
    (void)snprintf(s->pub, sizeof s->pub, "%s.pub", s->file);
    assert_int_equal(audit_key_make(s->file, &err), OK);
    assert_int_equal(audit_key_read(s->file, &s->key, &err), OK);
    assert_int_equal(audit_keys_read(s->pub, &s->keys, &err), OK);
}

static void free_signer(struct signer *s) {
    point_key_free(&s->key);
    point_keys_free(&s->keys);
    pgtest_remove(s->dir);
}

/* A checkpoint of the chain as it stands now. */
static struct point put_point(const struct signer *s) {
    struct chain_db *db = NULL;
    struct error err = {0};
    struct chain_seal head;
    assert_int_equal(chain_db_open(pg.server, "test", NULL, &db, &err), OK);
    assert_int_equal(chain_db_head(db, &head, &err), OK);
    struct point p = {.pos = head.pos, .at_us = head.sealed_us};
    memcpy(p.hash, head.hash, sizeof p.hash);
    assert_int_equal(point_sign(s->key, &p, &err), OK);
    assert_int_equal(chain_db_put_point(db, &p, &err), OK);
    chain_db_close(&db);
    return p;
}

static enum status verify_with(const struct signer *s, const struct point *anchors, size_t n,
                               struct error *err) {
    const struct audit_verify cfg = {
        .conninfo = pg.conninfo, .from = 1, .keys = s->keys, .anchors = anchors, .n_anchors = n};
    struct audit_verified done;
    return audit_verify(&cfg, &done, err);
}

/* What somebody writes who may do everything in the database and has no key. */
static void write_chain_anew(void) {
    tamper(
        "create table old as select * from chain; delete from chain;"
        "do $$ declare r record; p bytea := decode(repeat('00', 32), 'hex'); h bytea; begin"
        " for r in select o.*, case source when 1 then (select chain_canonical(x) from config_revision x "
        "where revision = row_id)"
        "  when 2 then (select chain_canonical(x) from audit x where audit_id = row_id)"
        "  else (select chain_canonical(x) from alarm_journal x where seq = row_id) end as body from old o "
        "order by pos loop"
        "  h := sha256(p || int8send(r.pos) || int2send(r.form) || int2send(r.source) || int8send(r.row_id)"
        "              || int8send(r.sealed_us) || r.body);"
        "  insert into chain values (r.pos, r.form, r.source, r.row_id, r.sealed_us, p, h); p := h;"
        " end loop; end $$");
}

static void a_chain_written_anew_does_not_fit_its_signed_checkpoint(void **state) {
    (void)state;
    struct signer s;
    struct error err = {0};
    make_signer(&s);
    fresh_chain();
    (void)put_point(&s);
    assert_int_equal(verify_with(&s, NULL, 0, &err), OK);
    tamper("update audit set actor = 'eve' where audit_id = 4");
    write_chain_anew();
    assert_int_equal(verify_with(&s, NULL, 0, &err), ERR_INVALID);
    assert_string_equal(err.where, "checkpoint at position 25");
    /* … nor one that is forged to fit. */
    tamper("update chain_checkpoint p set hash = c.hash from chain c where c.pos = p.pos");
    assert_int_equal(verify_with(&s, NULL, 0, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "signature"));
    free_signer(&s);
}

static void a_cut_tail_is_found_by_the_checkpoints_and_by_their_export(void **state) {
    (void)state;
    struct signer s;
    struct error err = {0};
    make_signer(&s);
    fresh_chain();
    struct point p = put_point(&s);
    tamper("delete from chain where pos > 22; delete from audit where audit_id = 11; delete from "
           "alarm_journal where seq > 10");
    expect_fault("checkpoint at position 25", "tail was cut off");
    tamper("delete from chain_checkpoint");
    assert_int_equal(verify_all(&err), OK); /* nothing in the database shows it any more */
    assert_int_equal(verify_with(&s, &p, 1, &err), ERR_INVALID);
    assert_string_equal(err.where, "checkpoint at position 25");
    free_signer(&s);
}

static void however_many_checkpoints_there_are_each_is_compared(void **state) {
    (void)state;
    struct error err = {0};
    fresh_chain();
    pgtest_do(&pg, "insert into audit (actor, action) select 'ann', 'x' from generate_series(1, 225)");
    seal();
    pgtest_do(&pg, "insert into chain_checkpoint (pos, hash, at_us, key_id, signature)"
                   " select pos, hash, sealed_us, hash, hash || hash from chain");
    const struct audit_verify cfg = {.conninfo = pg.conninfo, .from = 3};
    struct audit_verified done;
    assert_int_equal(audit_verify(&cfg, &done, &err), OK);
    assert_int_equal(done.pos, 250);
    assert_int_equal(done.n_points, 248);
    tamper("update chain_checkpoint set hash = sha256(hash) where pos = 205");
    expect_fault("checkpoint at position 205", "another hash");
}

static void a_checkpoint_of_another_key_is_named(void **state) {
    (void)state;
    struct signer s;
    struct signer other;
    struct error err = {0};
    make_signer(&s);
    make_signer(&other);
    fresh_chain();
    (void)put_point(&other);
    assert_int_equal(verify_with(&s, NULL, 0, &err), ERR_NOT_FOUND);
    free_signer(&s);
    free_signer(&other);
}

static void write_text(const char *file, const char *text) {
    FILE *f = fopen(file, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void anchors_are_found_among_other_lines(void **state) {
    (void)state;
    struct signer s;
    struct error err = {0};
    struct point p[2] = {{.pos = 7}, {.pos = 3}};
    struct point *v = NULL;
    size_t n = 0;
    struct buf text;
    make_signer(&s);
    buf_init(&text, 4096);
    buf_text(&text, "{\"pos\":1}\n\n");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(point_sign(s.key, &p[i], &err), OK);
        point_json(&text, &p[i]);
        buf_text(&text, "\nhalf a li\n");
    }
    buf_text(&text, "{\"checkpoint\":9,\"ha"); /* not ended: it is still being written */
    buf_byte(&text, 0);
    char file[112];
    (void)snprintf(file, sizeof file, "%s/points", s.dir);
    write_text(file, (const char *)text.p);
    assert_int_equal(audit_anchors_read(file, &v, &n, &err), OK);
    assert_int_equal(n, 2);
    assert_int_equal(v[0].pos, 3);
    assert_int_equal(v[1].pos, 7);
    free(v);
    write_text(file, "{\"pos\":1}\n");
    assert_int_equal(audit_anchors_read(file, &v, &n, &err), ERR_INVALID);
    write_text(file, "\n{\"checkpoint\":9,\"ha\n");
    assert_int_equal(audit_anchors_read(file, &v, &n, &err), ERR_INVALID);
    assert_non_null(strstr(err.where, "line 2"));
    buf_done(&text);
    free_signer(&s);
}

static void a_key_is_never_written_over_and_is_for_its_owner_alone(void **state) {
    (void)state;
    struct signer s;
    struct error err = {0};
    struct point_key *key = NULL;
    struct point_keys *keys = NULL;
    struct stat st;
    make_signer(&s);
    assert_int_equal(stat(s.file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(audit_key_make(s.file, &err), ERR_EXISTS);
    assert_int_equal(unlink(s.file), 0);
    assert_int_equal(audit_key_make(s.file, &err), ERR_EXISTS);
    assert_int_equal(audit_key_read(s.file, &key, &err), ERR_IO);
    write_text(s.file, "no key");
    assert_int_equal(chmod(s.file, 0640), 0);
    assert_int_equal(audit_key_read(s.file, &key, &err), ERR_INVALID);
    assert_int_equal(chmod(s.file, 0644), 0);
    assert_int_equal(audit_key_read(s.file, &key, &err), ERR_DENIED);
    assert_int_equal(audit_keys_read(s.file, &keys, &err), ERR_INVALID);
    free_signer(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_by_sql_is_right_by_c),
        cmocka_unit_test(every_tampering_is_named),
        cmocka_unit_test(what_is_new_may_wait),
        cmocka_unit_test(an_audit_row_put_in_with_a_time_to_come_is_named),
        cmocka_unit_test(an_audit_row_put_in_and_sealed_later_is_named),
        cmocka_unit_test(a_chain_written_anew_does_not_fit_its_signed_checkpoint),
        cmocka_unit_test(a_cut_tail_is_found_by_the_checkpoints_and_by_their_export),
        cmocka_unit_test(however_many_checkpoints_there_are_each_is_compared),
        cmocka_unit_test(a_checkpoint_of_another_key_is_named),
        cmocka_unit_test(anchors_are_found_among_other_lines),
        cmocka_unit_test(a_key_is_never_written_over_and_is_for_its_owner_alone),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
