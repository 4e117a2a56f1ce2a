/* Covers: identity_sql.c, revoked.c */
#include "server/base/clock.h"
#include "server/base/tm.h"
#include "tests/unit/store/rig.h"

static struct pgtest pg;

/* gw-s1 and gw-s2 are enabled, gw-off is not. */
static struct rig *rig_with_gateways(void) {
    rig_migrate(&pg);
    pgtest_do(&pg,
              "select config_apply(gen_random_uuid(), 'cli', 'x',"
              " array['site', 'gateway', 'gateway', 'gateway'], array['S1', 'gw-s1', 'gw-s2', 'gw-off'],"
              " array['{\"name\": \"S1\", \"title\": \"S1\"}', '{\"name\": \"gw-s1\", \"site\": \"S1\"}',"
              " '{\"name\": \"gw-s2\", \"site\": \"S1\"}',"
              " '{\"name\": \"gw-off\", \"site\": \"S1\", \"enabled\": false}'],"
              " array[-1, -1, -1, -1]::bigint[])");
    return rig_new(&pg);
}

static struct request token_for(const char *gateway, uint8_t hash) {
    struct request ask = {.kind = REQ_IDENTITY, .actor = {.name = "anna", .peer = "10.0.0.1"}};
    ask.identity.ask = IDENTITY_TOKEN;
    (void)snprintf(ask.identity.gateway, sizeof ask.identity.gateway, "%s", gateway);
    memset(ask.identity.hash, hash, sizeof ask.identity.hash);
    ask.identity.until_us = clock_wall_us() + TM_HOUR_US;
    return ask;
}

static struct request reasoned(enum identity_ask what, const char *gateway, const char *reason) {
    struct request ask = token_for(gateway, 0);
    ask.identity.ask = what;
    (void)snprintf(ask.identity.reason, sizeof ask.identity.reason, "%s", reason);
    return ask;
}

/* number: of the certificate; all that it consists of is made of it. key: of the gateway, 0: the same. */
static struct request issue_for(const char *gateway, enum identity_why why, uint8_t number, uint8_t hash) {
    struct request ask = {.kind = REQ_CERTIFICATE,
                          .actor = {.name = "gateway link", .peer = "10.9.9.9:4000"}};
    struct identity_issue *issue = &ask.identity.issue;
    ask.identity.ask = IDENTITY_ISSUE;
    issue->why = why;
    (void)snprintf(issue->gateway, sizeof issue->gateway, "%s", gateway);
    memset(issue->token_hash, hash, sizeof issue->token_hash);
    memset(issue->certificate.serial, number, sizeof issue->certificate.serial);
    memset(issue->certificate.fingerprint, number, sizeof issue->certificate.fingerprint);
    memset(issue->certificate.key, number, 91);
    issue->certificate.key_n = 91;
    issue->certificate.not_before_us = clock_wall_us();
    issue->certificate.not_after_us = clock_wall_us() + 90 * TM_DAY_US;
    return ask;
}

static void expect(struct rig *r, struct request ask, const char *refusal) {
    const struct rig_reply *reply = rig_ask(r, &ask);
    if (refusal == NULL
            ? reply->reply.status != OK
            : reply->reply.status != ERR_DENIED || strstr(reply->reply.error.text, refusal) == NULL) {
        fail_msg("%d %s, not %s", reply->reply.status, reply->reply.error.text,
                 refusal == NULL ? "done" : refusal);
    }
}

static int64_t number(const char *sql) {
    return pgtest_number(&pg, "%s", sql);
}

static void a_token_gives_one_certificate_however_often_the_answer_is_lost(void **state) {
    (void)state;
    struct rig *r = rig_with_gateways();
    pgtest_doubt_first_commit(&pg, "gateway_token");
    pgtest_doubt_first_commit(&pg, "gateway_certificate");
    expect(r, token_for("gw-s1", 7), NULL);
    expect(r, issue_for("gw-s1", IDENTITY_ENROL, 1, 7), NULL);
    assert_int_equal(number("select count(*) from gateway_token"), 1);
    assert_int_equal(
        number(
            "select count(*) from gateway_certificate where issued_by = 'anna' and peer = '10.9.9.9:4000'"),
        1);
    assert_int_equal(number("select count(*) from gateway_token_use"), 1);
    assert_int_equal(
        number("select count(*) from audit where action = 'gateway.certificate' and object = 'gw-s1'"), 1);
    expect(r, issue_for("gw-s1", IDENTITY_ENROL, 2, 7), "used before");
    assert_int_equal(number("select count(*) from gateway_certificate"), 1);
    rig_stop(&r, 5000);
}

static void two_that_have_the_same_token_get_one_certificate(void **state) {
    (void)state;
    struct rig *r = rig_with_gateways();
    expect(r, token_for("gw-s1", 7), NULL);
    uint32_t n = r->n_replies;
    for (uint8_t i = 1; i <= 3; i++) {
        struct request ask = issue_for("gw-s1", IDENTITY_ENROL, i, 7);
        store_request(r->store, i, &ask);
    }
    RIG_UNTIL(r, r->n_replies == n + 3);
    assert_int_equal(number("select count(*) from gateway_certificate"), 1);
    rig_stop(&r, 5000);
}

static void who_may_have_one_is_judged_before_it_is_kept(void **state) {
    (void)state;
    struct rig *r = rig_with_gateways();
    expect(r, token_for("gw-off", 1), "no enabled gateway gw-off");
    expect(r, token_for("gw-none", 1), "no enabled gateway gw-none");
    expect(r, issue_for("gw-off", IDENTITY_RENEW, 1, 0), "no enabled gateway");
    expect(r, issue_for("gw-s1", IDENTITY_ENROL, 1, 1), "not known");
    expect(r, issue_for("gw-s1", IDENTITY_WINDOW, 1, 0), "no window");
    expect(r, issue_for("gw-s1", IDENTITY_RENEW, 1, 0), NULL);
    struct request copied = issue_for("gw-s2", IDENTITY_RENEW, 2, 0);
    memset(copied.identity.issue.certificate.key, 1, 91);
    expect(r, copied, "another gateway has this key");
    for (uint8_t i = 2; i <= 5; i++) {
        expect(r, issue_for("gw-s1", IDENTITY_RENEW, i, 0), NULL);
    }
    expect(r, issue_for("gw-s1", IDENTITY_RENEW, 6, 0), "enough");
    assert_int_equal(number("select count(*) from gateway_certificate"), 5);
    rig_stop(&r, 5000);
}

static void a_window_is_for_one_certificate_and_revocation_closes_it(void **state) {
    (void)state;
    struct rig *r = rig_with_gateways();
    expect(r, reasoned(IDENTITY_OPEN, "gw-s1", "flood"), NULL);
    expect(r, issue_for("gw-s1", IDENTITY_WINDOW, 1, 0), NULL);
    expect(r, issue_for("gw-s1", IDENTITY_WINDOW, 2, 0), "no window");
    expect(r, reasoned(IDENTITY_OPEN, "gw-s1", "again"), NULL);
    expect(r, token_for("gw-s1", 9), NULL);
    expect(r, reasoned(IDENTITY_REVOKE, "gw-s1", "stolen"), NULL);
    expect(r, issue_for("gw-s1", IDENTITY_WINDOW, 3, 0), "no window");
    expect(r, issue_for("gw-s1", IDENTITY_ENROL, 3, 9), "not known");
    struct request revoked = issue_for("gw-s1", IDENTITY_RENEW, 4, 0);
    memset(revoked.identity.issue.shown, 1, sizeof revoked.identity.issue.shown);
    expect(r, revoked, "is revoked");
    expect(r, reasoned(IDENTITY_REVOKE, "gw-s2", "x"), "no certificate of gw-s2");
    rig_stop(&r, 5000);
}

static void what_is_in_use_is_revoked_too_wherever_it_is_from(void **state) {
    (void)state;
    struct rig *r = rig_with_gateways();
    expect(r, issue_for("gw-s1", IDENTITY_RENEW, 5, 0), NULL);
    struct request ask = reasoned(IDENTITY_REVOKE, "gw-s1", "stolen");
    memset(ask.identity.hash, 3, sizeof ask.identity.hash);
    expect(r, ask, NULL);
    RIG_UNTIL(r, r->n_revoked == 2);
    assert_int_equal(r->revoked[0], 3); /* ascending */
    assert_int_equal(r->revoked[IDENTITY_HASH_SIZE], 5);
    assert_int_equal(number("select count(*) from audit where action = 'gateway.revoke' and actor = 'anna'"
                            " and detail = '2 certificates: stolen'"),
                     1);
    rig_stop(&r, 5000);
    r = rig_new(&pg);
    assert_int_equal(r->n_revoked, 2); /* from the start */
    rig_stop(&r, 5000);
}

static void the_list_is_told_also_when_it_grew_while_the_connection_was_away(void **state) {
    (void)state;
    struct rig *r = rig_with_gateways();
    pgtest_do(
        &pg, "insert into gateway_revocation (gateway_key, fingerprint, revoked_by, reason)"
             " select key, decode(repeat('01', 32), 'hex'), 'cli', 'x' from config_key where name = 'gw-s1'");
    RIG_UNTIL(r, r->n_revoked == 1);
    /* In one transaction with its death, so that nobody listens when it is committed. */
    pgtest_do(&pg, "do $$ begin perform pg_terminate_backend(pid, 60000) from pg_stat_activity"
                   " where application_name = 'penstock events' and datname = current_database();"
                   " insert into gateway_revocation (gateway_key, fingerprint, revoked_by, reason)"
                   " select key, decode(repeat('02', 32), 'hex'), 'cli', 'x' from config_key where name = "
                   "'gw-s1'; end $$");
    RIG_UNTIL(r, r->n_revoked == 2);
    rig_stop(&r, 5000);
}

/* The newest that is good counts, of who is there or not; what is revoked counts as none. */
static void until_when_gateways_have_good_certificates_is_told(void **state) {
    (void)state;
    struct rig *r = rig_with_gateways();
    assert_int_equal(r->n_certificates, 0);
    struct request longer = issue_for("gw-s1", IDENTITY_RENEW, 2, 0);
    longer.identity.issue.certificate.not_after_us += TM_HOUR_US + 7 * TM_SECOND_US;
    expect(r, longer, NULL);
    RIG_UNTIL(r, r->n_certificates == 1);
    int64_t key = r->certificates[0].gateway_key;
    assert_int_equal(key, number("select key from config_key where name = 'gw-s1'"));
    int64_t ends_us = longer.identity.issue.certificate.not_after_us;
    assert_int_equal(r->certificates[0].ends_us, ends_us);
    expect(r, issue_for("gw-s1", IDENTITY_RENEW, 3, 0), NULL); /* ends before it */
    pgtest_do(&pg, "insert into gateway_revocation (gateway_key, fingerprint, revoked_by, reason)"
                   " select key, decode(repeat('09', 32), 'hex'), 'cli', 'not of ours' from config_key where "
                   "name = 'gw-s2'");
    RIG_UNTIL(r, r->n_certificates == 2);
    assert_int_equal(r->certificates[0].ends_us + r->certificates[1].ends_us, ends_us);
    rig_stop(&r, 5000);
    r = rig_new(&pg);
    RIG_UNTIL(r, r->n_certificates == 2); /* at the start, too */
    expect(r, reasoned(IDENTITY_REVOKE, "gw-s1", "stolen"), NULL);
    RIG_UNTIL(r, r->certificates[0].ends_us == 0 && r->certificates[1].ends_us == 0);
    rig_stop(&r, 5000);
}

static void the_authority_is_noted_when_it_changes(void **state) {
    (void)state;
    struct rig *r = rig_with_gateways();
    static const uint8_t hashes[] = {1, 1, 2, 1};
    for (size_t i = 0; i < COUNT(hashes); i++) {
        struct request ask = {.kind = REQ_CERTIFICATE};
        ask.identity.ask = IDENTITY_AUTHORITY;
        memset(ask.identity.hash, hashes[i], sizeof ask.identity.hash);
        expect(r, ask, NULL);
    }
    assert_int_equal(number("select count(*) from gateway_authority"), 3);
    rig_stop(&r, 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_gives_one_certificate_however_often_the_answer_is_lost),
        cmocka_unit_test(two_that_have_the_same_token_get_one_certificate),
        cmocka_unit_test(who_may_have_one_is_judged_before_it_is_kept),
        cmocka_unit_test(a_window_is_for_one_certificate_and_revocation_closes_it),
        cmocka_unit_test(what_is_in_use_is_revoked_too_wherever_it_is_from),
        cmocka_unit_test(the_list_is_told_also_when_it_grew_while_the_connection_was_away),
        cmocka_unit_test(until_when_gateways_have_good_certificates_is_told),
        cmocka_unit_test(the_authority_is_noted_when_it_changes),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
