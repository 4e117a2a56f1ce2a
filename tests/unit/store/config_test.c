#include "tests/unit/store/rig.h"

static struct pgtest pg;

#define BODY_S1 "{\"name\":\"S1\"}"
#define BODY_G1 "{\"name\":\"gw-s1\",\"site\":\"S1\"}"

static const struct rig_reply *change(struct rig *r, const struct config_change_item *v, uint32_t n,
                                      const char *reason) {
    struct request ask = {
        .kind = REQ_CONFIG_CHANGE, .actor = {.name = "anna", .peer = "10.0.0.9"}, .config = {.v = v, .n = n}};
    (void)snprintf(ask.config.reason, sizeof ask.config.reason, "%s", reason);
    return rig_ask(r, &ask);
}

static struct config_change_item item(const char *kind, const char *name, const char *body,
                                      int64_t expected) {
    return (struct config_change_item){
        .kind = kind, .name = name, .body = body, .expected_revision = expected};
}

static void a_change_makes_one_revision_and_keys(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    assert_int_equal(r->revision, 0);
    struct config_change_item v[] = {item("site", "S1", BODY_S1, 0), item("gateway", "gw-s1", BODY_G1, -1)};
    const struct rig_reply *reply = change(r, v, 2, "first");
    assert_int_equal(reply->reply.status, OK);
    int64_t revision = reply->reply.config.revision;
    assert_true(revision > 0);
    int64_t site = store_key(r->store, CONFIG_SITE, slice_str("S1"));
    int64_t gateway = store_key(r->store, CONFIG_GATEWAY, slice_str("gw-s1"));
    assert_true(site > 0 && gateway > 0 && site != gateway);
    assert_int_equal(store_key(r->store, CONFIG_SITE, slice_str("gw-s1")), 0);
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from config_now where revision = %lld", (long long)revision), 2);
    assert_int_equal(
        pgtest_number(&pg,
                      "select count(*) from audit where action = 'config.change' and actor = 'anna'"
                      " and object = 'revision %lld' and detail = 'first'",
                      (long long)revision),
        1);
    assert_int_equal(r->config_changes, 0); /* its own changes are answered, not announced */
    rig_stop(&r, 5000);
    r = rig_new(&pg);
    assert_true(r->revision == revision);
    assert_int_equal(config_set_count(r->config, CONFIG_SITE), 1);
    assert_int_equal(config_set_count(r->config, CONFIG_GATEWAY), 1);
    const struct config_item *found = config_set_find(r->config, CONFIG_SITE, slice_str("S1"));
    assert_non_null(found);
    assert_true(found->key == site && found->revision == revision);
    assert_true(store_key(r->store, CONFIG_GATEWAY, slice_str("gw-s1")) == gateway);
    rig_stop(&r, 5000);
}

static void the_second_person_is_kept_in_the_revision_and_in_the_audit(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct config_change_item v[] = {item("site", "S1", BODY_S1, 0)};
    struct request ask = {
        .kind = REQ_CONFIG_CHANGE, .actor = {.name = "anna", .peer = "10.0.0.9"}, .config = {.v = v, .n = 1}};
    (void)snprintf(ask.config.reason, sizeof ask.config.reason, "agreed");
    (void)snprintf(ask.config.second, sizeof ask.config.second, "bert");
    assert_int_equal(rig_ask(r, &ask)->reply.status, OK);
    assert_int_equal(pgtest_number(&pg, "select count(*) from config_revision where actor = 'anna'"
                                        " and second_actor = 'bert' and reason = 'agreed'"),
                     1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from audit where action = 'config.change'"
                                        " and actor = 'anna' and detail = 'agreed (second person: bert)'"),
                     1);
    struct request list = {.kind = REQ_CONFIG_HISTORY, .list = {.limit = 10}};
    assert_non_null(strstr(rig_ask(r, &list)->text, "anna+bert|agreed|"));
    /* Nobody is two people, whoever writes it. */
    v[0].expected_revision = -1;
    (void)snprintf(ask.config.second, sizeof ask.config.second, "anna");
    assert_int_equal(rig_ask(r, &ask)->reply.status, ERR_INVALID);
    rig_stop(&r, 5000);
}

static void a_change_that_expects_another_revision_is_refused_and_names_the_item(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct config_change_item first[] = {item("site", "S1", BODY_S1, 0)};
    int64_t revision = change(r, first, 1, "first")->reply.config.revision;
    struct config_change_item again[] = {item("gateway", "gw-s1", BODY_G1, 0),
                                         item("site", "S1", BODY_S1, 0)};
    const struct rig_reply *reply = change(r, again, 2, "again");
    assert_int_equal(reply->reply.status, ERR_CONFLICT);
    assert_non_null(strstr(reply->reply.error.text, "site S1 is there already"));
    struct config_change_item wrong[] = {item("site", "S1", BODY_S1, revision + 7)};
    reply = change(r, wrong, 1, "wrong");
    assert_int_equal(reply->reply.status, ERR_CONFLICT);
    assert_non_null(strstr(reply->reply.error.text, "site S1 was changed meanwhile"));
    struct config_change_item gone[] = {item("site", "S9", NULL, 3)};
    reply = change(r, gone, 1, "gone");
    assert_int_equal(reply->reply.status, ERR_CONFLICT);
    assert_non_null(strstr(reply->reply.error.text, "site S9 is not there any more"));
    assert_int_equal(pgtest_number(&pg, "select count(*) from config_revision"), 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from config_now"), 1);
    struct config_change_item right[] = {
        item("site", "S1", "{\"name\":\"S1\",\"area\":\"north\"}", revision)};
    assert_int_equal(change(r, right, 1, "right")->reply.status, OK);
    rig_stop(&r, 5000);
}

static void a_removed_item_keeps_its_key_for_its_return(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct config_change_item put[] = {item("site", "S1", BODY_S1, -1)};
    struct config_change_item removed[] = {item("site", "S1", NULL, -1), item("site", "never", NULL, -1)};
    assert_int_equal(change(r, put, 1, "put")->reply.status, OK);
    int64_t key = store_key(r->store, CONFIG_SITE, slice_str("S1"));
    assert_int_equal(change(r, removed, 2, "removed")->reply.status, OK);
    assert_int_equal(pgtest_number(&pg, "select count(*) from config_now"), 0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from config_key"), 1);
    assert_int_equal(change(r, put, 1, "back")->reply.status, OK);
    assert_true(store_key(r->store, CONFIG_SITE, slice_str("S1")) == key);
    rig_stop(&r, 5000);
}

static void an_item_that_the_database_cannot_take_is_an_error_of_the_request(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct config_change_item broken[] = {item("site", "S1", "{not json", -1)};
    assert_int_equal(change(r, broken, 1, "broken")->reply.status, ERR_INVALID);
    struct config_change_item twice[] = {item("site", "S1", BODY_S1, -1), item("site", "S1", BODY_S1, -1)};
    assert_int_equal(change(r, twice, 2, "twice")->reply.status, ERR_INVALID);
    assert_false(r->fatal);
    struct config_change_item good[] = {item("site", "S1", BODY_S1, -1)};
    assert_int_equal(change(r, good, 1, "good")->reply.status, OK);
    rig_stop(&r, 5000);
}

static void history_tells_what_each_revision_changed(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct config_change_item put[] = {item("site", "S1", BODY_S1, -1)};
    struct config_change_item removed[] = {item("site", "S1", NULL, -1)};
    assert_int_equal(change(r, put, 1, "put")->reply.status, OK);
    int64_t last = change(r, removed, 1, "removed")->reply.config.revision;
    struct request ask = {.kind = REQ_CONFIG_HISTORY, .list = {.limit = 10}};
    const struct rig_reply *reply = rig_ask(r, &ask);
    assert_int_equal(reply->reply.revisions.n, 2);
    assert_non_null(strstr(reply->text, "anna|removed|[{"));
    assert_non_null(strstr(reply->text, "\"body\" : null"));
    assert_non_null(strstr(reply->text, "\"before\" : {\"name\": \"S1\"}"));
    ask.list.before = last;
    reply = rig_ask(r, &ask);
    assert_int_equal(reply->reply.revisions.n, 1);
    assert_non_null(strstr(reply->text, "\"before\" : null"));
    rig_stop(&r, 5000);
}

static void a_revision_of_another_program_is_announced(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    int64_t revision =
        pgtest_number(&pg, "select config_apply(gen_random_uuid(), 'cli', 'import', array['site'],"
                           " array['S1'], array['" BODY_S1 "'], array[-1::bigint])");
    RIG_UNTIL(r, r->config_changes == 1);
    assert_true(r->revision == revision);
    assert_int_equal(config_set_count(r->config, CONFIG_SITE), 1);
    assert_true(store_key(r->store, CONFIG_SITE, slice_str("S1")) > 0);
    rig_stop(&r, 5000);
}

static void a_revision_written_while_the_connection_was_away_is_announced_too(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    pgtest_do(&pg, "select pg_terminate_backend(pid, 60000) from pg_stat_activity"
                   " where application_name = 'penstock events' and datname = current_database()");
    pgtest_do(&pg, "select config_apply(gen_random_uuid(), 'cli', 'import', array['site'], array['S1'],"
                   " array['" BODY_S1 "'], array[-1::bigint])");
    RIG_UNTIL(r, r->config_changes == 1);
    assert_int_equal(config_set_count(r->config, CONFIG_SITE), 1);
    rig_stop(&r, 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_makes_one_revision_and_keys),
        cmocka_unit_test(the_second_person_is_kept_in_the_revision_and_in_the_audit),
        cmocka_unit_test(a_change_that_expects_another_revision_is_refused_and_names_the_item),
        cmocka_unit_test(a_removed_item_keeps_its_key_for_its_return),
        cmocka_unit_test(an_item_that_the_database_cannot_take_is_an_error_of_the_request),
        cmocka_unit_test(history_tells_what_each_revision_changed),
        cmocka_unit_test(a_revision_of_another_program_is_announced),
        cmocka_unit_test(a_revision_written_while_the_connection_was_away_is_announced_too),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
