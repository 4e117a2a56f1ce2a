/* Times that gateways do not vouch for, steps of their clocks, and what sessions measured. Covers also the
 * clocks of notes.c and ledger_sql.c. */
#include "server/base/tm.h"
#include "tests/unit/store/rig.h"

static struct pgtest pg;

enum { EPOCH = 0xa, DAY = 20000 };
#define T0 (DAY * TM_DAY_US)

static struct rig *rig_with_gateway(void) {
    rig_migrate(&pg);
    pgtest_do(&pg, "select config_apply(gen_random_uuid(), 'cli', 'x', array['site', 'gateway', 'tag'],"
                   " array['S1', 'gw-s1', 'S1/L'], array['{\"name\":\"S1\"}', "
                   "'{\"name\":\"gw-s1\",\"site\":\"S1\"}', "
                   "'{\"name\":\"S1/L\",\"gateway\":\"gw-s1\",\"low\":0,\"high\":9,\"unit\":\"m\"}'], "
                   "array[-1, -1, -1]::bigint[])");
    return rig_new(&pg);
}

static struct store_record record(const struct rig *r, uint64_t seq, struct stored_sample *v, uint32_t n) {
    return (struct store_record){.gateway_key = store_key(r->store, CONFIG_GATEWAY, slice_str("gw-s1")),
                                 .epoch = EPOCH,
                                 .seq = seq,
                                 .type = MSG_DATA,
                                 .flags = 1,
                                 .crc = 1,
                                 .body = slice_str("x"),
                                 .received_us = T0,
                                 .samples = v,
                                 .n_samples = n,
                                 .fault_text = ""};
}

static void put(struct rig *r, const struct store_record *rec) {
    uint64_t n = r->n_ingested + r->n_forked;
    assert_int_equal(store_ingest(r->store, rec), OK);
    RIG_UNTIL(r, r->n_ingested + r->n_forked > n);
}

static struct stored_sample sample(const struct rig *r, int64_t second) {
    return (struct stored_sample){.tag_key = store_key(r->store, CONFIG_TAG, slice_str("S1/L")),
                                  .t_us = T0 + second * TM_SECOND_US,
                                  .value = 1};
}

/* Records 1, 2 and 4 do not vouch for their times; 2 is older than 1; 4 is a span of its own. */
static void spans_grow_with_their_records_and_a_repetition_changes_nothing(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    struct stored_sample v[] = {sample(r, 10), sample(r, 12), sample(r, 5), sample(r, 20), sample(r, 30)};
    struct store_record records[] = {record(r, 1, v, 2), record(r, 2, v + 2, 1), record(r, 3, v + 3, 1),
                                     record(r, 4, v + 4, 1), record(r, 5, NULL, 0)};
    records[0].unsynced = records[1].unsynced = records[3].unsynced = records[4].unsynced = true;
    records[0].unsynced_first = records[1].unsynced_first = 1;
    records[3].unsynced_first = records[4].unsynced_first = 4;
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < COUNT(records); i++) {
            put(r, &records[i]);
        }
        assert_int_equal(pgtest_number(&pg, "select count(*) from gateway_clock_span"), 2);
        assert_int_equal(
            pgtest_number(
                &pg,
                "select count(*) from gateway_clock where gateway = 'gw-s1' and kind = 'unsynced' and "
                "(first_seq, last_seq, from_us, to_us) in ((1, 2, %lld, %lld), (4, 4, %lld, %lld))",
                (long long)(T0 + 5000000), (long long)(T0 + 12000000), (long long)(T0 + 30000000),
                (long long)(T0 + 30000000)),
            2);
    }
    rig_stop(&r, 5000);
}

static void what_is_quarantined_or_forked_marks_nothing(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    struct stored_sample v = sample(r, 1);
    struct store_record good = record(r, 1, &v, 1);
    put(r, &good);
    struct store_record fork = good;
    fork.crc = 2;
    fork.unsynced = true;
    fork.unsynced_first = 1;
    put(r, &fork);
    struct store_record bad = record(r, 2, &v, 1);
    bad.fault = LINK_BAD_RECORD;
    bad.unsynced = true;
    bad.unsynced_first = 2;
    put(r, &bad);
    assert_int_equal(pgtest_number(&pg, "select count(*) from gateway_clock_span"), 0);
    rig_stop(&r, 5000);
}

static void a_step_is_what_the_clock_showed_before_and_after(void **state) {
    (void)state;
    static const struct {
        int64_t step_us;
        int64_t from_us;
        int64_t to_us;
    } cases[] = {{30 * TM_SECOND_US, T0 - 30 * TM_SECOND_US, T0},
                 {-30 * TM_SECOND_US, T0, T0 + 30 * TM_SECOND_US},
                 {INT64_MIN, T0, T0}};
    struct rig *r = rig_with_gateway();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct store_record rec = record(r, i, NULL, 0);
        rec.type = MSG_EVENT;
        rec.has_step = true;
        rec.step_us = cases[i].step_us;
        rec.step_t_us = T0;
        put(r, &rec);
        assert_int_equal(
            pgtest_number(&pg,
                          "select count(*) from gateway_clock where kind = 'step' and first_seq = %d "
                          "and from_us = %lld and to_us = %lld and offset_us::text = '%lld'",
                          (int)i, (long long)cases[i].from_us, (long long)cases[i].to_us,
                          (long long)cases[i].step_us),
            1);
    }
    rig_stop(&r, 5000);
}

static void the_newest_measure_of_a_session_stands_and_all_is_told_with_the_ledger(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    struct stored_sample v = sample(r, 1);
    struct store_record rec = record(r, 7, &v, 1);
    rec.unsynced = true;
    rec.unsynced_first = 7;
    put(r, &rec);
    struct store_clock c = {.gateway_key = store_key(r->store, CONFIG_GATEWAY, slice_str("gw-s1")),
                            .session = 5,
                            .source = CLOCK_GNSS,
                            .said_error_us = INT64_MAX,
                            .offset_us = 1000,
                            .error_us = 500,
                            .worst_us = -2000000,
                            .from_us = T0,
                            .to_us = T0 + 20};
    store_clock(r->store, &c);
    c.to_us = T0 + 30;
    c.offset_us = 3000;
    store_clock(r->store, &c);
    c.to_us = T0 + 10; /* written late */
    store_clock(r->store, &c);
    RIG_UNTIL(r, pgtest_number(&pg,
                               "select count(*) from gateway_clock_session where to_us = %lld "
                               "and offset_us = 3000 and source = 'gnss' and not off",
                               (long long)(T0 + 30)) == 1);
    struct request ask = {.kind = REQ_LEDGER, .ledger = {.from_us = T0, .to_us = T0 + TM_DAY_US}};
    (void)snprintf(ask.ledger.gateway, sizeof ask.ledger.gateway, "gw-s1");
    const char *text = strstr(rig_ask(r, &ask)->text, "clock ");
    assert_non_null(text);
    assert_string_equal(text, "clock unsynced [1000000,1000000] records a/7 to 7\n"
                              "clock session [0,30] offset -2000000 to 500 by gnss\n");
    ask.ledger.from_us = T0 + TM_DAY_US;
    ask.ledger.to_us = T0 + 2 * TM_DAY_US;
    assert_null(strstr(rig_ask(r, &ask)->text, "clock"));
    rig_stop(&r, 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_grow_with_their_records_and_a_repetition_changes_nothing),
        cmocka_unit_test(what_is_quarantined_or_forked_marks_nothing),
        cmocka_unit_test(a_step_is_what_the_clock_showed_before_and_after),
        cmocka_unit_test(the_newest_measure_of_a_session_stands_and_all_is_told_with_the_ledger),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
