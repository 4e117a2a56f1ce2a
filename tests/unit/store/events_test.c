/* Covers: write.c */
#include "server/base/rand.h"
#include "server/store/events.h"
#include "tests/unit/store/rig.h"

static struct pgtest pg;

static void kill_events(void) {
    pgtest_do(&pg, "select pg_terminate_backend(pid) from pg_stat_activity"
                   " where application_name = 'penstock events' and datname = current_database()");
}

static void the_audit_is_whole_however_often_the_connection_dies(void **state) {
    (void)state;
    struct rand rand;
    uint64_t seed = unit_seed();
    print_message("SEED=%llu\n", (unsigned long long)seed);
    rand_seed(&rand, seed);
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    enum { N = 300 };
    struct actor actor = {.name = "anna", .peer = "10.0.0.1"};
    for (int i = 0; i < N; i++) {
        store_audit(r->store, &actor, "test", "", "");
        for (uint64_t turns = rand_below(&rand, 3); turns > 0; turns--) {
            (void)uv_run(&r->loop, UV_RUN_NOWAIT);
        }
        if (rand_below(&rand, 60) == 0) {
            kill_events();
        }
    }
    store_audit(r->store, &actor, "last", "", "");
    RIG_UNTIL(r, pgtest_number(&pg, "select count(*) from audit where action = 'last'") == 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from audit where action = 'test' and actor = 'anna'"
                                        " and peer = '10.0.0.1'"),
                     N);
    assert_false(r->fatal);
    rig_stop(&r, 5000);
}

static void audit_rows_in_doubt_are_submitted_again_but_stored_once(void **state) {
    (void)state;
    rig_migrate(&pg);
    pgtest_doubt_first_commit(&pg, "audit");
    struct rig *r = rig_new(&pg);
    struct actor actor = {.name = "anna"};
    store_audit(r->store, &actor, "one", "", "");
    store_audit(r->store, &actor, "two", "", "");
    struct request ask = {.kind = REQ_AUDIT, .audit = {.action = "three"}};
    assert_int_equal(rig_ask(r, &ask)->reply.status, OK); /* behind them */
    assert_int_equal(pgtest_number(&pg, "select count(*) from audit"), 3);
    assert_false(r->fatal);
    rig_stop(&r, 5000);
}

/* While the database is away, what machines tell fills the room but for what is kept for people. */
static void machines_leave_room_in_the_audit_for_what_people_do(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    const struct actor machine = {.name = "gateway link"};
    const struct actor person = {.name = "anna", .user_key = 7};
    for (int i = 0; i < EVENTS_AUDITS_MAX + 10; i++) { /* in one turn: nothing leaves meanwhile */
        store_audit(r->store, &machine, "noise", "", "");
    }
    store_audit(r->store, &person, "deed", "", "");
    RIG_UNTIL(r, pgtest_number(&pg, "select count(*) from audit where action = 'deed'") == 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from audit where action = 'noise'"),
                     EVENTS_AUDITS_MAX - EVENTS_AUDITS_KEPT);
    assert_false(r->fatal);
    rig_stop(&r, 20000);
}

/* --- people -------------------------------------------------------------------------------------------- */

static void make_user(const char *name, const char *role) {
    pgtest_do(&pg, "insert into app_user (name, title, role) values ('%s', 'Title of %s', '%s')", name, name,
              role);
}

static const struct rig_reply *find_user(struct rig *r, const char *name) {
    struct request ask = {.kind = REQ_USER_FIND};
    (void)snprintf(ask.login.name, sizeof ask.login.name, "%s", name);
    return rig_ask(r, &ask);
}

static void a_user_is_found_by_name(void **state) {
    (void)state;
    rig_migrate(&pg);
    make_user("anna", "engineer");
    struct rig *r = rig_new(&pg);
    assert_int_equal(r->users, 1);
    const struct user *user = &find_user(r, "anna")->reply.user;
    assert_true(user->key == 1 && user->role == ROLE_ENGINEER && !user->disabled &&
                user->must_change_password);
    assert_string_equal(user->name, "anna");
    assert_string_equal(user->title, "Title of anna");
    assert_string_equal(user->password_hash, "");
    assert_int_equal(find_user(r, "bert")->reply.status, ERR_NOT_FOUND);
    rig_stop(&r, 5000);
}

static struct request code_request(const char *name, uint8_t fill) {
    struct request ask = {.kind = REQ_LOGIN_CODE, .actor = {.peer = "10.0.0.9"}};
    (void)snprintf(ask.login.name, sizeof ask.login.name, "%s", name);
    memset(ask.login.code_hash, fill, TOKEN_HASH_SIZE);
    return ask;
}

static void a_login_code_works_once_for_its_user_and_in_its_time(void **state) {
    (void)state;
    rig_migrate(&pg);
    make_user("anna", "admin");
    make_user("bert", "viewer");
    pgtest_do(&pg, "insert into login_code (code_hash, user_id, expires_at) values"
                   " (decode(repeat('01', 32), 'hex'), 1, now() + interval '1 hour'),"
                   " (decode(repeat('02', 32), 'hex'), 1, now() - interval '1 second')");
    struct rig *r = rig_new(&pg);
    struct request ask = code_request("bert", 1);
    assert_int_equal(rig_ask(r, &ask)->reply.status, ERR_NOT_FOUND);
    ask = code_request("anna", 3);
    assert_int_equal(rig_ask(r, &ask)->reply.status, ERR_NOT_FOUND);
    ask = code_request("anna", 2);
    assert_int_equal(rig_ask(r, &ask)->reply.status, ERR_NOT_FOUND);
    ask = code_request("anna", 1);
    const struct rig_reply *reply = rig_ask(r, &ask);
    assert_int_equal(reply->reply.status, OK);
    assert_true(reply->reply.user.key == 1 && reply->reply.user.role == ROLE_ADMIN);
    assert_int_equal(rig_ask(r, &ask)->reply.status, ERR_NOT_FOUND);
    assert_int_equal(pgtest_number(&pg,
                                   "select count(*) from audit where action = 'login.code' and actor = 'anna'"
                                   " and peer = '10.0.0.9'"),
                     1);
    rig_stop(&r, 5000);
}

static struct request session_request(enum request_kind kind, uint8_t fill, int64_t user_key,
                                      int64_t expires_us) {
    struct request ask = {.kind = kind,
                          .actor = {.name = "anna", .peer = "10.0.0.9"},
                          .session = {.user_key = user_key, .expires_us = expires_us}};
    memset(ask.session.token_hash, fill, TOKEN_HASH_SIZE);
    return ask;
}

enum { FAR_S = 2000000000 };
#define FAR_US (FAR_S * INT64_C(1000000))

static enum status session_status(struct rig *r, uint8_t fill) {
    struct request ask = session_request(REQ_SESSION_FIND, fill, 0, 0);
    return rig_ask(r, &ask)->reply.status;
}

static enum status open_session(struct rig *r, uint8_t fill, int64_t user_key, int64_t expires_us) {
    struct request ask = session_request(REQ_SESSION_OPEN, fill, user_key, expires_us);
    return rig_ask(r, &ask)->reply.status;
}

static void a_session_lasts_until_it_is_closed_or_over_or_its_user_disabled(void **state) {
    (void)state;
    rig_migrate(&pg);
    make_user("anna", "operator");
    struct rig *r = rig_new(&pg);
    assert_int_equal(session_status(r, 1), ERR_NOT_FOUND);
    assert_int_equal(open_session(r, 1, 1, FAR_US), OK);
    assert_int_equal(open_session(r, 2, 1, INT64_C(1000000)), OK);
    assert_int_equal(open_session(r, 3, 1, FAR_US), OK);
    struct request ask = session_request(REQ_SESSION_FIND, 1, 0, 0);
    const struct rig_reply *reply = rig_ask(r, &ask);
    assert_true(reply->reply.status == OK && reply->reply.user.key == 1 &&
                reply->reply.user.role == ROLE_OPERATOR);
    assert_int_equal(session_status(r, 2), ERR_NOT_FOUND);
    ask = session_request(REQ_SESSION_CLOSE, 1, 0, 0);
    assert_int_equal(rig_ask(r, &ask)->reply.status, OK);
    assert_int_equal(session_status(r, 1), ERR_NOT_FOUND);
    assert_int_equal(session_status(r, 3), OK);
    pgtest_do(&pg, "update app_user set disabled = true");
    assert_int_equal(session_status(r, 3), ERR_NOT_FOUND);
    assert_int_equal(open_session(r, 4, 1, FAR_US), ERR_DENIED);
    assert_int_equal(pgtest_number(&pg, "select count(*) from audit where action = 'session.open'"), 3);
    assert_int_equal(pgtest_number(&pg, "select count(*) from audit where action = 'session.close'"), 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from app_session where peer = '10.0.0.9'"
                                        " and expires_at = '2033-05-18T03:33:20Z'"),
                     2);
    rig_stop(&r, 5000);
}

static void a_new_password_ends_the_users_other_sessions_and_codes(void **state) {
    (void)state;
    rig_migrate(&pg);
    make_user("anna", "operator");
    make_user("bert", "operator");
    pgtest_do(&pg, "insert into login_code (code_hash, user_id, expires_at) values"
                   " (decode(repeat('01', 32), 'hex'), 1, now() + interval '1 hour')");
    struct rig *r = rig_new(&pg);
    assert_int_equal(open_session(r, 1, 1, FAR_US), OK);
    assert_int_equal(open_session(r, 2, 1, FAR_US), OK);
    assert_int_equal(open_session(r, 3, 2, FAR_US), OK);
    struct request ask = {.kind = REQ_PASSWORD_SET, .actor = {.name = "anna"}};
    ask.password.user_key = 1;
    (void)snprintf(ask.password.hash, sizeof ask.password.hash, "$argon2id$…");
    memset(ask.password.keep_token_hash, 2, TOKEN_HASH_SIZE);
    assert_int_equal(rig_ask(r, &ask)->reply.status, OK);
    assert_int_equal(session_status(r, 1), ERR_NOT_FOUND);
    assert_int_equal(session_status(r, 2), OK);
    assert_int_equal(session_status(r, 3), OK);
    const struct user *user = &find_user(r, "anna")->reply.user;
    assert_string_equal(user->password_hash, "$argon2id$…");
    assert_false(user->must_change_password);
    ask = code_request("anna", 1);
    assert_int_equal(rig_ask(r, &ask)->reply.status, ERR_NOT_FOUND);
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from audit where action = 'password.set' and object = 'anna'"),
        1);
    ask = (struct request){.kind = REQ_PASSWORD_SET, .password = {.user_key = 99, .hash = "x"}};
    assert_int_equal(rig_ask(r, &ask)->reply.status, ERR_NOT_FOUND);
    rig_stop(&r, 5000);
}

static void a_request_whose_answer_was_lost_is_done_once_and_answered(void **state) {
    (void)state;
    rig_migrate(&pg);
    make_user("anna", "admin");
    struct rig *r = rig_new(&pg);
    for (uint8_t i = 1; i <= 12; i++) {
        uint32_t n = r->n_replies;
        uint32_t away = r->away;
        struct request ask = session_request(REQ_SESSION_OPEN, i, 1, FAR_US);
        store_request(r->store, i, &ask);
        store_turn_end(r->store);
        kill_events(); /* before, while or after it was done */
        RIG_UNTIL(r, r->n_replies > n && r->away > away && r->state == STORE_OK);
        assert_int_equal(r->replies[n % RIG_REPLIES_MAX].reply.status, OK);
        assert_int_equal(session_status(r, i), OK);
    }
    assert_int_equal(pgtest_number(&pg, "select count(*) from audit where action = 'session.open'"), 12);
    rig_stop(&r, 5000);
}

static void a_request_in_doubt_is_done_once_and_answered_well(void **state) {
    (void)state;
    rig_migrate(&pg);
    make_user("anna", "admin");
    pgtest_do(&pg, "insert into login_code (code_hash, user_id, expires_at) values"
                   " (decode(repeat('01', 32), 'hex'), 1, now() + interval '1 hour')");
    pgtest_doubt_first_commit(&pg, "audit");
    pgtest_doubt_first_commit(&pg, "app_session");
    pgtest_doubt_first_commit(&pg, "config_revision");
    struct rig *r = rig_new(&pg);
    struct request ask = code_request("anna", 1);
    assert_int_equal(rig_ask(r, &ask)->reply.status, OK);
    assert_int_equal(open_session(r, 1, 1, FAR_US), OK);
    struct config_change_item item = {.kind = "site", .name = "S1", .body = "{\"name\":\"S1\"}"};
    ask = (struct request){.kind = REQ_CONFIG_CHANGE, .config = {.v = &item, .n = 1, .reason = "x"}};
    const struct rig_reply *reply = rig_ask(r, &ask);
    assert_int_equal(reply->reply.status, OK);
    assert_true(reply->reply.config.revision ==
                pgtest_number(&pg, "select max(revision) from config_revision"));
    assert_true(store_key(r->store, CONFIG_SITE, slice_str("S1")) > 0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from config_revision"), 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from audit"), 3);
    assert_int_equal(session_status(r, 1), OK);
    rig_stop(&r, 5000);
}

static void an_audit_row_can_be_asked_for_and_listed(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct request ask = {.kind = REQ_AUDIT,
                          .actor = {.name = "nobody", .peer = "10.0.0.3"},
                          .audit = {.action = "login.failed", .object = "anna", .detail = "wrong password"}};
    assert_int_equal(rig_ask(r, &ask)->reply.status, OK);
    struct request list = {.kind = REQ_AUDIT_LIST, .list = {.limit = 10}};
    const struct rig_reply *reply = rig_ask(r, &list);
    assert_int_equal(reply->reply.audit.n, 1);
    assert_string_equal(reply->text, "nobody|10.0.0.3|login.failed|anna|wrong password");
    list.list.before = 1;
    assert_int_equal(rig_ask(r, &list)->reply.audit.n, 0);
    list.list.limit = 0;
    assert_int_equal(rig_ask(r, &list)->reply.status, ERR_INVALID);
    rig_stop(&r, 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_audit_is_whole_however_often_the_connection_dies),
        cmocka_unit_test(machines_leave_room_in_the_audit_for_what_people_do),
        cmocka_unit_test(audit_rows_in_doubt_are_submitted_again_but_stored_once),
        cmocka_unit_test(a_user_is_found_by_name),
        cmocka_unit_test(a_login_code_works_once_for_its_user_and_in_its_time),
        cmocka_unit_test(a_session_lasts_until_it_is_closed_or_over_or_its_user_disabled),
        cmocka_unit_test(a_new_password_ends_the_users_other_sessions_and_codes),
        cmocka_unit_test(a_request_whose_answer_was_lost_is_done_once_and_answered),
        cmocka_unit_test(a_request_in_doubt_is_done_once_and_answered_well),
        cmocka_unit_test(an_audit_row_can_be_asked_for_and_listed),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
