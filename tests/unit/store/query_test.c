/* Covers: read_sql.c, reqcopy.c */
#include "tests/unit/store/rig.h"

static struct pgtest pg;

/* Twelve records: alarms 1 and 2 of site 21, alarm 3 of site 22, in turn. */
static struct rig *rig_with_history(void) {
    rig_migrate(&pg);
    pgtest_do(&pg,
              "insert into config_key (kind, name) values ('alarm', 'S1/A.high'), ('alarm', 'S1/B.high'),"
              " ('alarm', 'S2/A.high')");
    struct rig *r = rig_new(&pg);
    for (uint64_t seq = 1; seq <= 12; seq++) {
        int64_t alarm = (int64_t)((seq - 1) % 3) + 1;
        struct alarm_record rec = {.seq = seq,
                                   .n = (seq - 1) / 3 + 1,
                                   .alarm_key = alarm,
                                   .site_key = alarm == 3 ? 22 : 21,
                                   .at_us = 1000 + (int64_t)seq,
                                   .kind = RECORD_RAISE,
                                   .from = 'A',
                                   .to = 'B'};
        assert_int_equal(store_journal(r->store, &rec, slice_str("main")), OK);
    }
    RIG_UNTIL(r, r->journaled == 12);
    return r;
}

static uint32_t history(struct rig *r, struct request ask) {
    ask.kind = REQ_ALARM_HISTORY;
    ask.history.limit = ask.history.limit == 0 ? 50 : ask.history.limit;
    const struct rig_reply *reply = rig_ask(r, &ask);
    assert_int_equal(reply->reply.status, OK);
    for (uint32_t i = 1; i < reply->reply.history.n; i++) {
        assert_true(r->history[i].record.seq < r->history[i - 1].record.seq);
    }
    return reply->reply.history.n;
}

static void alarm_history_is_newest_first_and_limited(void **state) {
    (void)state;
    struct rig *r = rig_with_history();
    assert_int_equal(history(r, (struct request){0}), 12);
    assert_true(r->history[0].record.seq == 12);
    assert_int_equal(history(r, (struct request){.history = {.limit = 5}}), 5);
    assert_true(r->history[4].record.seq == 8);
    assert_int_equal(history(r, (struct request){.history = {.before = 8, .limit = 5}}), 5);
    assert_true(r->history[0].record.seq == 7);
    rig_stop(&r, 5000);
}

static void alarm_history_is_of_one_alarm_or_site_or_span(void **state) {
    (void)state;
    struct rig *r = rig_with_history();
    assert_int_equal(history(r, (struct request){.history = {.filter = {.alarm_key = 2}}}), 4);
    assert_true(r->history[0].record.seq == 11 && r->history[0].record.n == 4);
    assert_int_equal(history(r, (struct request){.history = {.filter = {.alarm_key = 2}, .before = 11}}), 3);
    assert_int_equal(history(r, (struct request){.history = {.filter = {.alarm_key = 2, .site_key = 22}}}),
                     0);
    assert_int_equal(history(r, (struct request){.history = {.filter = {.alarm_key = 2, .site_key = 21}}}),
                     4);
    assert_int_equal(history(r, (struct request){.history = {.filter = {.site_key = 22}}}), 4);
    assert_int_equal(history(r, (struct request){.history = {.filter = {.site_key = 21}}}), 8);
    assert_int_equal(history(r, (struct request){.history = {.from_us = 1003, .to_us = 1006}}), 3);
    assert_int_equal(history(r, (struct request){.history = {.filter = {.site_key = 21}, .from_us = 1010}}),
                     2);
    rig_stop(&r, 5000);
}

static void alarm_history_has_the_alarms_names(void **state) {
    (void)state;
    struct rig *r = rig_with_history();
    struct request ask = {.kind = REQ_ALARM_HISTORY, .history = {.filter = {.alarm_key = 3}, .limit = 1}};
    assert_string_equal(rig_ask(r, &ask)->text, "S2/A.high");
    ask.history.limit = HISTORY_LIMIT_MAX + 1;
    assert_int_equal(rig_ask(r, &ask)->reply.status, ERR_INVALID);
    rig_stop(&r, 5000);
}

static void each_of_many_questions_at_once_is_answered(void **state) {
    (void)state;
    struct rig *r = rig_with_history();
    enum { MANY = 3000 };
    struct request ask = {.kind = REQ_USER_FIND, .login = {.name = "nobody"}};
    for (uint64_t i = 0; i < MANY; i++) {
        store_request(r->store, i, &ask);
    }
    RIG_UNTIL(r, r->n_replies == MANY);
    uint32_t full = 0;
    for (uint32_t i = 0; i < RIG_REPLIES_MAX; i++) {
        full += r->replies[i].reply.status == ERR_FULL ? 1 : 0;
        assert_true(r->replies[i].reply.status == ERR_FULL || r->replies[i].reply.status == ERR_NOT_FOUND);
    }
    assert_in_range(full, 0, RIG_REPLIES_MAX);
    rig_stop(&r, 5000);
}

static void a_question_under_way_when_the_connection_dies_is_answered_too(void **state) {
    (void)state;
    struct rig *r = rig_with_history();
    struct request ask = {.kind = REQ_AUDIT_LIST, .list = {.limit = 1}};
    pgtest_do(&pg, "select pg_terminate_backend(pid, 60000) from pg_stat_activity"
                   " where application_name like 'penstock %%' and datname = current_database()");
    uint32_t n = r->n_replies;
    for (uint64_t i = 0; i < 20; i++) {
        store_request(r->store, i, &ask);
    }
    RIG_UNTIL(r, r->n_replies == n + 20);
    assert_int_equal(r->replies[n % RIG_REPLIES_MAX].reply.status, ERR_UNAVAILABLE);
    RIG_UNTIL(r, r->state == STORE_OK && rig_ask(r, &ask)->reply.status == OK);
    rig_stop(&r, 5000);
}

static void what_is_asked_before_the_database_is_there_is_answered_unavailable(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new_with(&pg, (struct store_config){0});
    struct request find = {.kind = REQ_USER_FIND, .login = {.name = "anna"}};
    struct request write = {.kind = REQ_AUDIT, .audit = {.action = "x"}};
    assert_int_equal(rig_ask(r, &find)->reply.status, ERR_UNAVAILABLE);
    rig_stop(&r, 100);
    r = rig_new_with(&pg, (struct store_config){0});
    assert_int_equal(rig_ask(r, &write)->reply.status, ERR_UNAVAILABLE);
    rig_stop(&r, 100);
}

static void what_is_asked_while_the_first_connection_is_made_waits_for_it(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new_with(&pg, (struct store_config){0});
    struct request ask = {.kind = REQ_AUDIT_LIST, .list = {.limit = 1}};
    RIG_UNTIL(r, r->loaded == 1);
    assert_int_equal(rig_ask(r, &ask)->reply.status, OK);
    rig_stop(&r, 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alarm_history_is_newest_first_and_limited),
        cmocka_unit_test(alarm_history_is_of_one_alarm_or_site_or_span),
        cmocka_unit_test(alarm_history_has_the_alarms_names),
        cmocka_unit_test(each_of_many_questions_at_once_is_answered),
        cmocka_unit_test(a_question_under_way_when_the_connection_dies_is_answered_too),
        cmocka_unit_test(what_is_asked_before_the_database_is_there_is_answered_unavailable),
        cmocka_unit_test(what_is_asked_while_the_first_connection_is_made_waits_for_it),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
