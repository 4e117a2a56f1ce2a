#include "server/base/rand.h"
#include "tests/unit/store/rig.h"

static struct pgtest pg;

static struct store_record record(uint64_t seq, const struct stored_sample *v, uint32_t n) {
    return (struct store_record){.gateway_key = 7,
                                 .epoch = UINT64_C(0xfedcba9876543210),
                                 .seq = seq,
                                 .dict = 3,
                                 .type = MSG_DATA,
                                 .flags = 1,
                                 .crc = 0xdeadbeef,
                                 .body = slice_str("as received"),
                                 .received_us = INT64_C(1800000000000000),
                                 .fault_text = "",
                                 .samples = v,
                                 .n_samples = n};
}

enum { T0 = 1700000000 };
static int64_t at(int64_t i) {
    return T0 * INT64_C(1000000) + i * 1000;
}

static void put(struct rig *r, const struct store_record *record) {
    assert_true(store_has_room(r->store, record));
    assert_int_equal(store_ingest(r->store, record), OK);
}

static void a_record_is_stored_with_its_samples_and_reported(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct stored_sample v[] = {
        {.tag_key = 11, .t_us = at(0), .value = 1.5, .quality = 0},
        {.tag_key = 12, .t_us = at(0), .value = 2.5, .quality = QUALITY_BAD | QUALITY_NO_VALUE}};
    struct store_record rec = record(0, v, 2);
    put(r, &rec);
    assert_int_equal(r->n_ingested, 0);
    RIG_UNTIL(r, r->n_ingested == 1);
    assert_true(r->ingested[0].gateway_key == 7 && r->ingested[0].epoch == rec.epoch &&
                r->ingested[0].seq == 0);
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from ingest_batch where gateway_key = 7 and seq = 0 and dict = 3"
                           " and type = 17 and flags = 1 and crc = 3735928559 and body = 'as received'"
                           " and received_us = 1800000000000000"),
        1);
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from sample where tag_key = 11 and value = 1.5 and quality = 0"),
        1);
    assert_int_equal(
        pgtest_number(&pg,
                      "select count(*) from sample where tag_key = 12 and value is null and quality = 160"),
        1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from gateway_epoch where ranges = '{[0,1)}'"), 1);
    rig_stop(&r, 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_stored_with_its_samples_and_reported),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
