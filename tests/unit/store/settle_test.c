#include "tests/unit/store/rig.h"

static struct pgtest pg;

enum { EPOCH_A = 0xa, EPOCH_B = 0xb };

static struct rig *rig_with_gateway(void) {
    rig_migrate(&pg);
    pgtest_do(
        &pg,
        "select config_apply(gen_random_uuid(), 'cli', 'x', array['site', 'gateway'], array['S1', 'gw-s1'],"
        " array['{\"name\":\"S1\"}', '{\"name\":\"gw-s1\",\"site\":\"S1\"}'], array[-1, -1]::bigint[])");
    return rig_new(&pg);
}

static void put(struct rig *r, uint64_t epoch, uint64_t seq, uint8_t type, uint64_t dict, const char *body) {
    struct store_record rec = {.gateway_key = store_key(r->store, CONFIG_GATEWAY, slice_str("gw-s1")),
                               .epoch = epoch,
                               .seq = seq,
                               .type = type,
                               .dict = dict,
                               .body = slice_str(body),
                               .fault_text = ""};
    assert_int_equal(store_ingest(r->store, &rec), OK);
}

static const struct rig_settled *settle(struct rig *r, const char *name) {
    struct msg_epoch epochs[2] = {{.epoch = EPOCH_B, .next_seq = 9}, {.epoch = EPOCH_A, .oldest_unacked = 4}};
    uint32_t n = r->n_settled;
    store_settle(r->store, 100 + n, slice_str(name), epochs, 2);
    assert_int_equal(r->n_settled, n); /* never from inside the call */
    RIG_UNTIL(r, r->n_settled > n);
    assert_true(r->settled[n].token == 100 + n);
    return &r->settled[n];
}

static void the_answer_includes_everything_handed_over_before(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    put(r, EPOCH_A, 0, MSG_DICT, 1, "one");
    put(r, EPOCH_A, 1, MSG_DICT, 1, "two");
    put(r, EPOCH_A, 2, MSG_DATA, 1, "");
    put(r, EPOCH_A, 7, MSG_DATA, 1, "");
    put(r, EPOCH_B, 0, MSG_DICT, 1, "of b");
    put(r, 0xc, 0, MSG_DICT, 1, "of an epoch that is not asked for");
    const struct rig_settled *s = settle(r, "gw-s1");
    assert_int_equal(s->settled.status, OK);
    assert_true(s->settled.gateway_key == store_key(r->store, CONFIG_GATEWAY, slice_str("gw-s1")));
    static const struct store_range committed[] = {{EPOCH_A, 0, 3}, {EPOCH_A, 7, 8}, {EPOCH_B, 0, 1}};
    assert_int_equal(s->settled.n_committed, COUNT(committed));
    assert_memory_equal(s->committed, committed, sizeof committed);
    assert_string_equal(s->dicts, "a.1=one;a.1=two;b.1=of b;");
    assert_int_equal(r->n_ingested, 6);
    rig_stop(&r, 5000);
}

static void each_session_has_a_higher_number(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    uint64_t first = settle(r, "gw-s1")->settled.session;
    assert_true(first > 0);
    assert_true(settle(r, "gw-s1")->settled.session > first);
    rig_stop(&r, 5000);
}

static void an_unknown_gateway_is_not_found(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    assert_int_equal(settle(r, "gw-s2")->settled.status, ERR_NOT_FOUND);
    assert_int_equal(settle(r, "")->settled.status, ERR_NOT_FOUND);
    assert_int_equal(settle(r, "S1")->settled.status, ERR_NOT_FOUND);
    rig_stop(&r, 5000);
}

static void all_ranges_are_told_however_many_there_are(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    for (uint64_t seq = 0; seq < 200; seq += 2) {
        put(r, EPOCH_A, seq, MSG_DATA, 1, "");
    }
    const struct rig_settled *s = settle(r, "gw-s1");
    assert_int_equal(s->settled.n_committed, 100);
    assert_true(s->committed[99].first == 198 && s->committed[99].end == 199);
    rig_stop(&r, 5000);
}

static void without_a_database_gateways_are_asked_to_come_again(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    pgtest_server_stop(&pg, "immediate");
    RIG_UNTIL(r, r->state == STORE_AWAY);
    put(r, EPOCH_A, 0, MSG_DATA, 1, "");
    const struct rig_settled *s = settle(r, "gw-s1");
    assert_int_equal(s->settled.status, ERR_UNAVAILABLE);
    pgtest_server_start(&pg);
    RIG_UNTIL(r, r->state == STORE_OK && r->n_ingested == 1);
    s = settle(r, "gw-s1");
    assert_int_equal(s->settled.status, OK);
    assert_int_equal(s->settled.n_committed, 1);
    rig_stop(&r, 5000);
}

/* A gateway that comes at once when the server is there again is not sent away for seconds. */
static void who_comes_while_the_first_connection_is_made_waits_for_it(void **state) {
    (void)state;
    rig_stop(&(struct rig *){rig_with_gateway()}, 5000);
    struct rig *r = rig_new_with(&pg, (struct store_config){0});
    RIG_UNTIL(r, r->loaded == 1);
    assert_int_equal(r->state, STORE_AWAY);
    assert_int_equal(settle(r, "gw-s1")->settled.status, OK);
    rig_stop(&r, 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_includes_everything_handed_over_before),
        cmocka_unit_test(each_session_has_a_higher_number),
        cmocka_unit_test(an_unknown_gateway_is_not_found),
        cmocka_unit_test(all_ranges_are_told_however_many_there_are),
        cmocka_unit_test(without_a_database_gateways_are_asked_to_come_again),
        cmocka_unit_test(who_comes_while_the_first_connection_is_made_waits_for_it),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
