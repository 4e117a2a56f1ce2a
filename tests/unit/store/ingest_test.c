/* Covers: hot.c, hot_bundle.c, fresh_sql.c, ingest_batch.c, ingest_record.c, ingest_sql.c, order_sql.c
 * and record_sql.c */
#include "server/base/rand.h"
#include "server/history/chunk.h"
#include "server/store/ingest_batch.h"
#include "tests/unit/store/rig.h"

#include <math.h>

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

static void texts_and_other_bytes_are_stored_as_they_are(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    char longest[LINK_STRING_MAX];
    memset(longest, 'x', sizeof longest);
    struct stored_sample v[] = {{.tag_key = 11, .t_us = at(0), .value = NAN, .text = slice_str("Spülen")},
                                {.tag_key = 11, .t_us = at(1), .text = slice_of("a\0\xff", 3), .quality = 64},
                                {.tag_key = 11, .t_us = at(2), .text = slice_of("", 0)},
                                {.tag_key = 11, .t_us = at(3), .text = slice_of(longest, sizeof longest)},
                                {.tag_key = 11, .t_us = at(4), .value = 2}};
    struct store_record rec = record(0, v, COUNT(v));
    put(r, &rec);
    RIG_UNTIL(r, r->n_ingested == 1);
    assert_int_equal(
        pgtest_number(&pg,
                      "select count(*) from sample where value is null and bytes is not null and "
                      "(t_us - %lld, quality, bytes) in ((0, 0, convert_to('Spülen', 'UTF8')),"
                      " (1000, 64, '\\x6100ff'), (2000, 0, ''), (3000, 0, repeat('x', 4096)::bytea))",
                      (long long)at(0)),
        4);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample where value = 2 and bytes is null"), 1);
    rig_stop(&r, 5000);
}

static void a_large_record_fills_several_rows_in_their_order(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    enum { N = 2 * CHUNK_SAMPLES_MAX + 1 };
    struct stored_sample *v = calloc(N, sizeof *v);
    for (int i = 0; i < N; i++) {
        v[i] = (struct stored_sample){.tag_key = 1 + i % 7, .t_us = at(i / 7), .value = i};
    }
    v[N - 1].tag_key = 1; /* again, and the last one counts */
    v[N - 1].t_us = at(0);
    struct store_record rec = record(0, v, N);
    put(r, &rec);
    RIG_UNTIL(r, r->n_ingested == 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample_hot where gateway_key = 7 and"
                                        " received_us = 1800000000000000 and (id, n, tag_min, tag_max) in"
                                        " ((1, 4096, 1, 7), (2, 4096, 1, 7), (3, 1, 1, 1))"),
                     3);
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from sample_hot h where (from_us, to_us) = (select min(t_us),"
                           " max(t_us) from chunk_read(h.data))"),
        3);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample"), N - 1);
    assert_int_equal(
        pgtest_number(&pg, "select value::bigint from sample where tag_key = 1 order by t_us limit 1"),
        N - 1);
    free(v);
    rig_stop(&r, 5000);
}

static void a_record_that_comes_again_is_reported_but_not_applied_again(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct stored_sample v[] = {{.tag_key = 11, .t_us = at(0), .value = 1}};
    struct store_record rec = record(5, v, 1);
    put(r, &rec);
    RIG_UNTIL(r, r->n_ingested == 1);
    pgtest_do(&pg, "update sample_hot set received_us = 77");
    put(r, &rec);
    RIG_UNTIL(r, r->n_ingested == 2);
    assert_int_equal(pgtest_number(&pg, "select count(*) from ingest_batch"), 1);
    assert_int_equal(pgtest_number(&pg, "select sum(received_us) from sample_hot"), 77);
    assert_int_equal(pgtest_number(&pg, "select count(*) from quarantine"), 0);
    rig_stop(&r, 5000);
}

static void of_the_same_number_in_one_batch_the_first_counts(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct stored_sample v = {.tag_key = 11, .t_us = at(0), .value = 1};
    struct stored_sample w = {.tag_key = 11, .t_us = at(0), .value = 2};
    struct store_record one = record(5, &v, 1);
    struct store_record two = record(5, &w, 1);
    put(r, &one);
    put(r, &two);
    RIG_UNTIL(r, r->n_ingested == 2);
    assert_int_equal(pgtest_number(&pg, "select value::bigint from sample"), 1);
    rig_stop(&r, 5000);
}

static void of_two_samples_of_one_moment_the_later_one_stays(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct stored_sample v[] = {{.tag_key = 11, .t_us = at(0), .value = 1},
                                {.tag_key = 11, .t_us = at(0), .value = 2}};
    struct stored_sample w = {.tag_key = 11, .t_us = at(0), .value = 3, .quality = QUALITY_UNCERTAIN};
    struct store_record one = record(0, v, 2);
    struct store_record two = record(1, &w, 1);
    put(r, &one);
    RIG_UNTIL(r, r->n_ingested == 1);
    assert_int_equal(pgtest_number(&pg, "select value::bigint from sample"), 2);
    put(r, &two);
    RIG_UNTIL(r, r->n_ingested == 2);
    assert_int_equal(pgtest_number(&pg, "select value::bigint from sample where quality = 64"), 3);
    rig_stop(&r, 5000);
}

static void a_forked_record_goes_to_quarantine_and_the_stored_one_stands(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct stored_sample v = {.tag_key = 11, .t_us = at(0), .value = 1};
    struct stored_sample w = {.tag_key = 11, .t_us = at(0), .value = 2};
    struct store_record one = record(5, &v, 1);
    struct store_record two = record(5, &w, 1);
    two.crc = 1;
    two.body = slice_str("another");
    put(r, &one);
    RIG_UNTIL(r, r->n_ingested == 1);
    struct store_record other = record(6, NULL, 0);
    other.gateway_key = 8;
    other.body = slice_str("of another gateway");
    put(r, &other);
    put(r, &two);
    RIG_UNTIL(r, r->n_ingested == 2 && r->n_forked == 1);
    assert_true(r->ingested[1].gateway_key == 8);
    assert_true(r->forked.gateway_key == 7 && r->forked.epoch == one.epoch && r->forked.seq == 5);
    assert_int_equal(pgtest_number(&pg, "select value::bigint from sample"), 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from ingest_batch where body = 'as received'"), 1);
    assert_int_equal(pgtest_number(&pg, "select code from quarantine where body = 'another' and seq = 5"),
                     LINK_SEQ_CONFLICT);
    rig_stop(&r, 5000);
}

static void what_is_known_to_be_stored_is_compared_and_never_inserted(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct store_record one = record(5, NULL, 0);
    put(r, &one);
    RIG_UNTIL(r, r->n_ingested == 1);
    struct store_record again[] = {one, one};
    again[0].again = true;
    again[1].again = true;
    again[1].crc = 1;
    put(r, &again[0]);
    put(r, &again[1]);
    RIG_UNTIL(r, r->n_ingested == 2 && r->n_forked == 1);
    assert_int_equal(pgtest_number(&pg, "select repeated * 100 + conflicts * 10 + stored from gateway_day"),
                     111);
    assert_int_equal(pgtest_number(&pg, "select count(*) from quarantine where code = 11 and crc = 1"), 1);
    pgtest_do(&pg, "delete from ingest_batch"); /* the row is gone, the number is not */
    put(r, &again[0]);
    RIG_UNTIL(r, r->n_ingested == 3);
    assert_int_equal(pgtest_number(&pg, "select count(*) from ingest_batch"), 0);
    assert_int_equal(pgtest_number(&pg, "select repeated * 100 + conflicts * 10 + stored from gateway_day"),
                     211);
    rig_stop(&r, 5000);
}

static void a_faulty_record_goes_to_quarantine_without_effect(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct stored_sample v = {.tag_key = 11, .t_us = at(0), .value = 1};
    struct store_record rec = record(0, &v, 1);
    rec.fault = LINK_UNKNOWN_ALIAS;
    rec.fault_text = "alias 9 is not in the dictionary \xff";
    put(r, &rec);
    struct store_record dict = record(1, NULL, 0);
    dict.type = MSG_DICT;
    dict.fault = LINK_BAD_RECORD;
    put(r, &dict);
    RIG_UNTIL(r, r->n_ingested == 2);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample"), 0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from gateway_dict"), 0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from ingest_batch"), 2);
    assert_int_equal(pgtest_number(&pg, "select count(*) from quarantine where code = 8 and seq = 0"
                                        " and reason = 'alias 9 is not in the dictionary '"),
                     1);
    rig_stop(&r, 5000);
}

static void a_dictionary_is_kept_for_later(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct store_record rec = record(0, NULL, 0);
    rec.type = MSG_DICT;
    put(r, &rec);
    RIG_UNTIL(r, r->n_ingested == 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from gateway_dict where gateway_key = 7 and dict = 3"
                                        " and seq = 0 and body = 'as received'"),
                     1);
    rig_stop(&r, 5000);
}

static void a_record_that_the_database_refuses_is_isolated_and_the_rest_is_stored(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    enum { N = 101, GUILTY = 37 };
    for (int i = 0; i < N; i++) {
        struct stored_sample v[] = {{.tag_key = 11, .t_us = at(i), .value = i},
                                    {.tag_key = 12, .t_us = i == GUILTY ? 5 : at(i), .value = i}};
        struct store_record rec = record((uint64_t)i, v, 2);
        put(r, &rec);
    }
    RIG_UNTIL(r, r->n_ingested == N);
    assert_int_equal(pgtest_number(&pg, "select count(*) from ingest_batch"), N);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample"), 2 * (N - 1));
    assert_int_equal(pgtest_number(&pg,
                                   "select count(*) from quarantine where seq = %d and code = 7"
                                   " and reason like 'refused by the database: %%sample_hot_t_us_check%%'",
                                   GUILTY),
                     1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from quarantine"), 1);
    assert_false(r->fatal);
    rig_stop(&r, 5000);
}

static void numbers_of_all_sizes_keep_their_bits(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    struct store_record rec = record(LINK_SEQ_MAX - 1, NULL, 0);
    rec.epoch = UINT64_MAX;
    rec.dict = UINT64_MAX - 1;
    rec.crc = UINT32_MAX;
    rec.flags = UINT16_MAX;
    rec.type = UINT8_MAX;
    rec.body = slice_str("");
    put(r, &rec);
    RIG_UNTIL(r, r->n_ingested == 1);
    assert_int_equal(pgtest_number(&pg,
                                   "select count(*) from ingest_batch where epoch = -1 and dict = -2"
                                   " and seq = 4611686018427387903 and crc = 4294967295 and flags = 65535"
                                   " and type = 255 and body = ''"),
                     1);
    rec.seq = LINK_SEQ_MAX;
    assert_int_equal(store_ingest(r->store, &rec), ERR_INVALID);
    rig_stop(&r, 5000);
}

static void committed_numbers_become_ranges(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new(&pg);
    static const uint64_t seqs[] = {0, 1, 2, 9, 5, 6, 4};
    for (size_t i = 0; i < COUNT(seqs); i++) {
        struct store_record rec = record(seqs[i], NULL, 0);
        put(r, &rec);
        RIG_UNTIL(r, r->n_ingested == i + 1);
    }
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from gateway_epoch where ranges = '{[0,3),[4,7),[9,10)}'"), 1);
    rig_stop(&r, 5000);
}

static void without_room_records_are_refused_until_the_host_is_told(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new_with(&pg, (struct store_config){.pending_bytes_max = 100000});
    RIG_UNTIL(r, r->loaded == 1 && r->state == STORE_OK);
    uint32_t n = 0;
    struct stored_sample v[100];
    struct store_record rec = record(0, v, 100);
    for (;;) {
        for (uint32_t i = 0; i < 100; i++) {
            v[i] = (struct stored_sample){.tag_key = i, .t_us = at(n), .value = 1};
        }
        rec.seq = n;
        if (!store_has_room(r->store, &rec)) {
            break;
        }
        assert_int_equal(store_ingest(r->store, &rec), OK);
        n++;
    }
    assert_in_range(n, 10, 1000);
    assert_int_equal(store_ingest(r->store, &rec), ERR_FULL);
    assert_int_equal(r->rooms, 0);
    RIG_UNTIL(r, r->rooms == 1 && r->n_ingested == n);
    assert_true(store_has_room(r->store, &rec));
    rig_stop(&r, 5000);
}

static struct alarm_record alarm_with_seq(uint64_t seq) {
    return (struct alarm_record){
        .seq = seq, .n = seq, .alarm_key = 5, .kind = RECORD_RAISE, .from = 'A', .to = 'B'};
}

static void a_record_waits_for_the_alarms_that_it_caused(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new_with(&pg, (struct store_config){.commit_every_ms = 1});
    RIG_UNTIL(r, r->loaded == 1 && r->state == STORE_OK);
    struct store_record rec = record(0, NULL, 0);
    rec.after_seq = 1;
    put(r, &rec);
    struct store_record next = record(1, NULL, 0);
    put(r, &next);
    /* Long enough for many commits: each question goes to the database and back. */
    struct request ask = {.kind = REQ_USER_FIND, .login = {.name = "nobody"}};
    for (int i = 0; i < 100; i++) {
        assert_int_equal(rig_ask(r, &ask)->reply.status, ERR_NOT_FOUND);
    }
    assert_int_equal(r->n_ingested, 0);
    struct alarm_record alarm = alarm_with_seq(1);
    assert_int_equal(store_journal(r->store, &alarm, slice_str("main")), OK);
    RIG_UNTIL(r, r->n_ingested == 2);
    assert_int_equal(r->journaled, 1);
    rig_stop(&r, 5000);
}

static void records_in_doubt_are_submitted_again_and_reported_once(void **state) {
    (void)state;
    rig_migrate(&pg);
    pgtest_doubt_first_commit(&pg, "ingest_batch");
    struct rig *r = rig_new(&pg);
    struct stored_sample v = {.tag_key = 11, .t_us = at(0), .value = 1};
    struct store_record rec = record(0, &v, 1);
    put(r, &rec);
    RIG_UNTIL(r, r->n_ingested == 1);
    assert_true(r->away > 0); /* it was told why nothing came */
    assert_int_equal(pgtest_number(&pg, "select count(*) from ingest_batch"), 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from quarantine"), 0);
    rig_stop(&r, 5000);
}

/* --- a batch whose numbers are all new, and what becomes of one where that is not so -------------------- */

enum { BATCH = 20, MIDDLE = 9 };

/* Keeps by which statement the rows of each writing came. */
static void watch_statements(void) {
    rig_migrate(&pg);
    pgtest_do(&pg, "create table said (id bigint generated always as identity, general boolean, n bigint)");
    pgtest_do(&pg,
              "create function say() returns trigger language plpgsql as $$ begin"
              " insert into said (general, n) select current_query() like '%%quarantine%%', count(*) from"
              " new_row having count(*) > 0; return null; end $$");
    pgtest_do(&pg, "create trigger say after insert on ingest_batch referencing new table as new_row"
                   " for each statement execute function say()");
}

/* One batch of records 0 to BATCH - 1 of two gateways in turn, each with one sample. */
static void put_batch(struct rig *r, uint32_t forked) {
    for (uint32_t i = 0; i < BATCH; i++) {
        struct stored_sample v = {.tag_key = 11 + i % 2, .t_us = at(i), .value = i};
        struct store_record rec = record(i / 2, &v, 1);
        rec.gateway_key = 7 + i % 2;
        rec.crc += i == forked;
        put(r, &rec);
    }
}

/* The ledger's counts and ranges are those of the rows, and it finds nothing wrong. */
static void assert_ledger_is_right(void) {
    assert_int_equal(pgtest_number(&pg, "select count(*) from ledger_check(true)"), 0);
    assert_int_equal(
        pgtest_number(
            &pg,
            "select count(*) from (select gateway_key, epoch, day, next, stored + quarantined as n from"
            " gateway_day where stored + quarantined > 0) d full join (select gateway_key, epoch,"
            " ledger_day(received_us) as day, max(seq) + 1 as next, count(*) as n from ingest_batch group by"
            " 1, 2, 3) b using (gateway_key, epoch, day, next, n) where d.n is null or b.n is null"),
        0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from (select gateway_key, epoch, ranges from"
                                        " gateway_epoch) e full join (select gateway_key, epoch,"
                                        " range_agg(int8range(seq, seq + 1)) as ranges from ingest_batch"
                                        " group by 1, 2) b using (gateway_key, epoch, ranges)"
                                        " where e.ranges is null or b.ranges is null"),
                     0);
    assert_int_equal(pgtest_number(&pg, "select sum(samples) from gateway_day"),
                     pgtest_number(&pg, "select sum(n) from sample_hot"));
}

static void a_batch_of_new_numbers_needs_the_small_statement_only(void **state) {
    (void)state;
    watch_statements();
    struct rig *r = rig_new(&pg);
    put_batch(r, BATCH);
    RIG_UNTIL(r, r->n_ingested == BATCH);
    assert_int_equal(pgtest_number(&pg, "select count(*) from said where not general and n = 20"), 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from said"), 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from gateway_day where stored = 10 and next = 10"
                                        " and samples = 10 and repeated + quarantined + conflicts = 0"),
                     2);
    assert_int_equal(pgtest_number(&pg, "select sum(tag_key * 1000 + value) from sample"),
                     11500 * BATCH + BATCH * (BATCH - 1) / 2);
    assert_int_equal(pgtest_number(&pg,
                                   "select count(*) from sample_hot where n = 10 and received_us = "
                                   "1800000000000000 and (gateway_key, tag_min, tag_max, from_us, to_us) in"
                                   " ((7, 11, 11, %lld, %lld), (8, 12, 12, %lld, %lld))",
                                   (long long)at(0), (long long)at(BATCH - 2), (long long)at(1),
                                   (long long)at(BATCH - 1)),
                     2);
    assert_ledger_is_right();
    rig_stop(&r, 5000);
}

/* Days, starts and gateways are counted apart, ranges with gaps are joined with what is there. */
static void new_numbers_are_counted_by_their_days_and_starts(void **state) {
    (void)state;
    watch_statements();
    struct rig *r = rig_new(&pg);
    static const uint64_t seqs[][6] = {{4, 0, 1, 9, 2, 8}, {3, 20, 6, 5, 7, 21}};
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 24; i++) {
            struct stored_sample v[] = {{.tag_key = 11, .t_us = at(round)},
                                        {.tag_key = 12, .t_us = at(i), .value = i}};
            struct store_record rec = record(seqs[round][i % 6], v, i % 3);
            rec.gateway_key = i < 12 ? 7 : -8;
            rec.epoch -= i / 6 % 2;
            rec.received_us += i % 2 * TM_DAY_US;
            put(r, &rec);
        }
        RIG_UNTIL(r, r->n_ingested == (uint64_t)round * 24 + 24);
    }
    assert_int_equal(pgtest_number(&pg, "select count(*) from said where general"), 0);
    assert_int_equal(pgtest_number(&pg, "select count(*) from gateway_epoch where ranges ="
                                        " '{[0,10),[20,22)}'"),
                     4);
    assert_int_equal(pgtest_number(&pg, "select count(*) from gateway_day"), 8);
    assert_ledger_is_right();
    rig_stop(&r, 5000);
}

/* Rows are shared as far as they stay small, and by one gateway. */
static void records_share_rows_as_far_as_these_stay_small(void **state) {
    (void)state;
    watch_statements();
    struct rig *r = rig_new(&pg);
    char text[LINK_STRING_MAX];
    memset(text, 'x', sizeof text);
    static const size_t sizes[] = {400, 400, 400, 1400, 4000, 10, 0, 900, 800};
    uint64_t samples = 0;
    for (uint32_t i = 0; i < COUNT(sizes); i++) {
        struct stored_sample v[] = {
            {.tag_key = 11, .t_us = at(i), .value = i},
            {.tag_key = i == 1 ? 19 : 12, .t_us = at(0), .text = slice_of(text, sizes[i])}};
        struct store_record rec = record(i, v, sizes[i] == 0 ? 0 : 2);
        rec.received_us -= i;
        samples += rec.n_samples;
        put(r, &rec);
    }
    RIG_UNTIL(r, r->n_ingested == COUNT(sizes));
    assert_int_equal(pgtest_number(&pg, "select count(*) from said where not general and n = 9"), 1);
    assert_int_equal(
        pgtest_number(&pg,
                      "select count(*) from sample_hot where (id, n, 1800000000000000 - received_us, tag_min,"
                      " tag_max, (from_us - %lld) / 1000, (to_us - %lld) / 1000) in ((1, 6, 2, 11, 19, 0, 2),"
                      " (2, 2, 3, 11, 12, 0, 3), (3, 2, 4, 11, 12, 0, 4), (4, 6, 8, 11, 12, 0, 8))",
                      (long long)at(0), (long long)at(0)),
        4);
    assert_int_equal(pgtest_number(&pg, "select sum(n) from sample_hot"), samples);
    assert_int_equal(
        pgtest_number(&pg, "select max(octet_length(data)) from sample_hot where id <> 3") <= 1900, true);
    assert_int_equal(pgtest_number(&pg, "select length(bytes) from sample where tag_key = 12"), 800);
    assert_int_equal(pgtest_number(&pg, "select sum(value) from sample where tag_key = 11"), 36 - 6);
    assert_ledger_is_right();
    rig_stop(&r, 5000);
}

static void a_number_that_is_stored_already_leaves_the_rest_of_its_batch_alone(void **state) {
    (void)state;
    watch_statements();
    struct rig *r = rig_new(&pg);
    struct store_record there = record(MIDDLE / 2, NULL, 0);
    there.gateway_key = 8;
    put(r, &there);
    RIG_UNTIL(r, r->n_ingested == 1);
    uint32_t away = r->away;
    put_batch(r, BATCH);
    RIG_UNTIL(r, r->n_ingested == 1 + BATCH);
    assert_int_equal(r->n_forked, 0);
    assert_int_equal(r->away, away);
    assert_int_equal(pgtest_number(&pg, "select count(*) from said where general and n = 19"), 1);
    assert_int_equal(pgtest_number(&pg, "select sum(stored) * 100 + sum(repeated) from gateway_day"),
                     BATCH * 100 + 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample where value <> 9"), BATCH - 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from quarantine"), 0);
    assert_ledger_is_right();
    rig_stop(&r, 5000);
}

static void a_forked_number_amid_new_ones_goes_to_quarantine_alone(void **state) {
    (void)state;
    watch_statements();
    struct rig *r = rig_new(&pg);
    struct store_record there = record(MIDDLE / 2, NULL, 0);
    there.gateway_key = 8;
    put(r, &there);
    RIG_UNTIL(r, r->n_ingested == 1);
    put_batch(r, MIDDLE);
    RIG_UNTIL(r, r->n_ingested + r->n_forked == 1 + BATCH);
    assert_true(r->n_forked == 1 && r->forked.gateway_key == 8 && r->forked.seq == MIDDLE / 2);
    assert_int_equal(pgtest_number(&pg, "select sum(stored) * 100 + sum(conflicts) * 10 + sum(repeated)"
                                        " from gateway_day"),
                     BATCH * 100 + 10);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample where value <> 9"), BATCH - 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from quarantine where code = 11 and seq = 4"), 1);
    assert_ledger_is_right();
    rig_stop(&r, 5000);
}

/* Two batches under way, and the first one has to go again: of two samples of one moment that of the second
 * one stays, for it came later. refusal: the first batch is refused by this trigger, or, if NULL, for a
 * number that is stored already. */
static void expect_order_of_arrival(const char *refusal, uint32_t n_again) {
    enum { N = INGEST_BATCH_RECORDS, MARK = 500 };
    rig_migrate(&pg);
    if (refusal != NULL) {
        pgtest_do(&pg, "create sequence tries");
        pgtest_do(&pg, "%s", refusal);
        pgtest_do(&pg, "create trigger refuse after insert on ingest_batch for each row when (new.seq = 5)"
                       " execute function refuse()");
    }
    struct rig *r = rig_new(&pg);
    struct store_record there = record(5, NULL, 0);
    for (uint32_t i = 0; i < n_again; i++) {
        put(r, &there);
        RIG_UNTIL(r, r->n_ingested == i + 1);
    }
    for (uint64_t i = 0; i < 2 * (uint64_t)N; i++) {
        struct stored_sample v = {
            .tag_key = 11, .t_us = at(i % N == MARK ? 0 : (int64_t)i + 1), .value = (double)i};
        struct store_record rec = record(i, &v, i == 5 ? 0 : 1);
        put(r, &rec);
    }
    RIG_UNTIL(r, r->n_ingested == 2 * (uint64_t)N + n_again);
    assert_int_equal(
        pgtest_number(&pg, "select value::bigint from sample where t_us = %lld", (long long)at(0)), N + MARK);
    assert_int_equal(pgtest_number(&pg, "select sum(n) from sample_hot"), 2 * N - 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from quarantine"), 0);
    assert_false(r->fatal);
    rig_stop(&r, 5000);
}

static void what_comes_later_stays_when_a_batch_has_a_number_that_is_stored(void **state) {
    (void)state;
    expect_order_of_arrival(NULL, 1);
}

static void what_comes_later_stays_when_a_batch_is_to_be_tried_again(void **state) {
    (void)state;
    expect_order_of_arrival("create function refuse() returns trigger language plpgsql security definer as $$"
                            " begin if nextval('tries') < 3 then raise exception 'later' using errcode ="
                            " '40001'; end if; return null; end $$",
                            0);
}

static void a_batch_in_doubt_is_counted_once(void **state) {
    (void)state;
    watch_statements();
    pgtest_doubt_first_commit(&pg, "ingest_batch");
    struct rig *r = rig_new(&pg);
    RIG_UNTIL(r, r->loaded == 1 && r->state == STORE_OK);
    uint32_t away = r->away;
    put_batch(r, BATCH);
    RIG_UNTIL(r, r->n_ingested == BATCH);
    assert_true(r->away > away);
    assert_int_equal(pgtest_number(&pg, "select count(*) from said where not general and n = 20"), 1);
    assert_int_equal(pgtest_number(&pg, "select count(*) from said"), 1);
    assert_int_equal(pgtest_number(&pg, "select sum(stored) * 100 + sum(repeated) from gateway_day"),
                     BATCH * 100);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample"), BATCH);
    assert_ledger_is_right();
    rig_stop(&r, 5000);
}

/* As another server's, started by mistake: a batch waits for the transaction that stores one of its numbers,
 * and whatever becomes of that, each is there once. */
static void a_number_that_somebody_else_is_storing_is_waited_for(void **state) {
    (void)state;
    static const char *const ends[] = {"commit", "rollback"};
    for (size_t i = 0; i < COUNT(ends); i++) {
        watch_statements();
        PGconn *other = PQconnectdb(pg.conninfo);
        PQclear(PQexec(other, "begin; insert into ingest_batch values (8, -81985529216486896, 4, 3, 17, 1, "
                              "3735928559, 1800000000000000, 'as received')"));
        assert_int_equal(PQtransactionStatus(other), PQTRANS_INTRANS);
        struct rig *r = rig_new(&pg);
        put_batch(r, BATCH);
        RIG_UNTIL(r, pgtest_number(&pg, "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                                        " and application_name = 'penstock ingest'"
                                        " and datname = current_database()") == 1);
        assert_int_equal(r->n_ingested, 0);
        PQclear(PQexec(other, ends[i]));
        PQfinish(other);
        RIG_UNTIL(r, r->n_ingested == BATCH);
        bool stored = i == 0;
        assert_int_equal(pgtest_number(&pg, "select count(*) from said where general and n = 19"), stored);
        assert_int_equal(pgtest_number(&pg, "select sum(stored) * 100 + sum(repeated) from gateway_day"),
                         stored ? (BATCH - 1) * 100 + 1 : BATCH * 100);
        assert_int_equal(pgtest_number(&pg, "select count(*) from sample"), stored ? BATCH - 1 : BATCH);
        assert_int_equal(pgtest_number(&pg, "select count(*) from ingest_batch"), BATCH);
        assert_int_equal(pgtest_number(&pg, "select count(*) from quarantine"), 0);
        rig_stop(&r, 5000);
    }
}

/* --- the main promise, under fire ---------------------------------------------------------------------- */

enum { CHAOS_GATEWAYS = 3, CHAOS_RECORDS = 400, CHAOS_SAMPLES = 5 };

static void put_chaos_record(struct rig *r, uint64_t gateway, uint64_t seq) {
    struct stored_sample v[CHAOS_SAMPLES];
    for (uint32_t i = 0; i < CHAOS_SAMPLES; i++) {
        v[i] = (struct stored_sample){
            .tag_key = (int64_t)(gateway * 100 + i), .t_us = at((int64_t)seq), .value = 1};
    }
    struct store_record rec = record(seq, v, CHAOS_SAMPLES);
    rec.gateway_key = (int64_t)gateway + 1;
    put(r, &rec);
}

struct chaos {
    struct rand *rand;
    uint64_t next[CHAOS_GATEWAYS];
    uint64_t handed;
    int64_t kills;
};

/* Some new records of each gateway, and now and then one that comes again. False when there are no more. */
static bool put_some(struct rig *r, struct chaos *c) {
    bool more = false;
    for (uint64_t g = 0; g < CHAOS_GATEWAYS; g++) {
        uint64_t n = rand_below(c->rand, 20);
        for (uint64_t i = 0; i < n && c->next[g] < CHAOS_RECORDS; i++) {
            put_chaos_record(r, g, c->next[g]++);
            c->handed++;
        }
        if (c->next[g] > 0 && rand_below(c->rand, 3) == 0) {
            put_chaos_record(r, g, rand_below(c->rand, c->next[g]));
            c->handed++;
        }
        more = more || c->next[g] < CHAOS_RECORDS;
    }
    return more;
}

/* A trigger counts each writing of a sample, so that applying twice is seen even where it would change
 * nothing. */
static void each_record_has_its_effect_once_however_often_the_connection_dies(void **state) {
    (void)state;
    struct rand rand;
    uint64_t seed = unit_seed();
    rand_seed(&rand, seed);
    rig_migrate(&pg);
    pgtest_do(&pg, "create table touched (tag_key bigint, t_us bigint)");
    pgtest_do(&pg,
              "create function touch() returns trigger language plpgsql as $$ begin"
              " insert into touched select tag_key, t_us from chunk_read(new.data); return null; end $$");
    pgtest_do(
        &pg,
        "create trigger touch after insert or update on sample_hot for each row execute function touch()");
    struct rig *r = rig_new_with(&pg, (struct store_config){.commit_every_ms = 2});
    RIG_UNTIL(r, r->loaded == 1 && r->state == STORE_OK);
    struct chaos c = {.rand = &rand};
    while (put_some(r, &c)) {
        for (uint64_t turns = rand_below(&rand, 12); turns > 0; turns--) {
            (void)uv_run(&r->loop, UV_RUN_ONCE);
        }
        if (rand_below(&rand, 6) == 0) {
            c.kills += pgtest_number(&pg, "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                                          " where application_name = 'penstock ingest'"
                                          " and datname = current_database()");
        }
    }
    RIG_UNTIL(r, r->n_ingested == c.handed);
    print_message("SEED=%llu kills=%lld\n", (unsigned long long)seed, (long long)c.kills);
    assert_int_equal(pgtest_number(&pg, "select count(*) from ingest_batch"), CHAOS_GATEWAYS * CHAOS_RECORDS);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample"),
                     CHAOS_GATEWAYS * CHAOS_RECORDS * CHAOS_SAMPLES);
    assert_int_equal(pgtest_number(&pg, "select count(*) from touched"),
                     CHAOS_GATEWAYS * CHAOS_RECORDS * CHAOS_SAMPLES);
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from gateway_epoch where ranges = '{[0,%d)}'", CHAOS_RECORDS),
        CHAOS_GATEWAYS);
    rig_stop(&r, 5000);
}

static void what_waits_is_committed_by_a_stop(void **state) {
    (void)state;
    rig_migrate(&pg);
    struct rig *r = rig_new_with(&pg, (struct store_config){.commit_every_ms = 60000});
    RIG_UNTIL(r, r->loaded == 1 && r->state == STORE_OK);
    for (uint64_t i = 0; i < 10; i++) {
        struct store_record rec = record(i, NULL, 0);
        put(r, &rec);
    }
    rig_stop(&r, 30000);
    assert_int_equal(pgtest_number(&pg, "select count(*) from ingest_batch"), 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_stored_with_its_samples_and_reported),
        cmocka_unit_test(texts_and_other_bytes_are_stored_as_they_are),
        cmocka_unit_test(a_large_record_fills_several_rows_in_their_order),
        cmocka_unit_test(a_record_that_comes_again_is_reported_but_not_applied_again),
        cmocka_unit_test(of_the_same_number_in_one_batch_the_first_counts),
        cmocka_unit_test(of_two_samples_of_one_moment_the_later_one_stays),
        cmocka_unit_test(a_forked_record_goes_to_quarantine_and_the_stored_one_stands),
        cmocka_unit_test(what_is_known_to_be_stored_is_compared_and_never_inserted),
        cmocka_unit_test(a_faulty_record_goes_to_quarantine_without_effect),
        cmocka_unit_test(a_dictionary_is_kept_for_later),
        cmocka_unit_test(a_record_that_the_database_refuses_is_isolated_and_the_rest_is_stored),
        cmocka_unit_test(numbers_of_all_sizes_keep_their_bits),
        cmocka_unit_test(committed_numbers_become_ranges),
        cmocka_unit_test(without_room_records_are_refused_until_the_host_is_told),
        cmocka_unit_test(a_record_waits_for_the_alarms_that_it_caused),
        cmocka_unit_test(records_in_doubt_are_submitted_again_and_reported_once),
        cmocka_unit_test(a_batch_of_new_numbers_needs_the_small_statement_only),
        cmocka_unit_test(new_numbers_are_counted_by_their_days_and_starts),
        cmocka_unit_test(records_share_rows_as_far_as_these_stay_small),
        cmocka_unit_test(a_number_that_is_stored_already_leaves_the_rest_of_its_batch_alone),
        cmocka_unit_test(a_forked_number_amid_new_ones_goes_to_quarantine_alone),
        cmocka_unit_test(what_comes_later_stays_when_a_batch_has_a_number_that_is_stored),
        cmocka_unit_test(what_comes_later_stays_when_a_batch_is_to_be_tried_again),
        cmocka_unit_test(a_batch_in_doubt_is_counted_once),
        cmocka_unit_test(a_number_that_somebody_else_is_storing_is_waited_for),
        cmocka_unit_test(each_record_has_its_effect_once_however_often_the_connection_dies),
        cmocka_unit_test(what_waits_is_committed_by_a_stop),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
