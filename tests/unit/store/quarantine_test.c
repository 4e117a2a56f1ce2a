/* Covers: quarantine_sql.c */
#include "tests/unit/store/rig.h"

static struct pgtest pg;

static struct rig *rig_with_records(void) {
    rig_migrate(&pg);
    pgtest_do(&pg, "insert into config_key (kind, name) values ('gateway', 'gw-a'), ('gateway', 'gw-b')");
    struct rig *r = rig_new(&pg);
    for (uint64_t seq = 0; seq < 4; seq++) {
        struct store_record rec = {.gateway_key = seq == 3 ? 2 : 1,
                                   .epoch = 10,
                                   .seq = seq,
                                   .dict = seq == 0 ? 5 : 6,
                                   .type = seq == 0 ? MSG_DICT : MSG_DATA,
                                   .flags = 3,
                                   .crc = 9,
                                   .body = slice_str(seq == 0 ? "dictionary" : "bytes"),
                                   .received_us = 1000 + (int64_t)seq,
                                   .fault = seq == 2   ? LINK_QUOTA
                                            : seq == 0 ? 0
                                                       : LINK_BAD_RECORD,
                                   .fault_text = "why"};
        assert_int_equal(store_ingest(r->store, &rec), OK);
    }
    RIG_UNTIL(r, r->n_ingested == 4);
    return r;
}

static const struct rig_reply *list(struct rig *r, const char *gateway, uint32_t code, int64_t before,
                                    uint32_t limit) {
    struct request ask = {.kind = REQ_QUARANTINE_LIST,
                          .quarantine_list = {.code = code, .before = before, .limit = limit}};
    (void)snprintf(ask.quarantine_list.gateway, sizeof ask.quarantine_list.gateway, "%s", gateway);
    return rig_ask(r, &ask);
}

static void the_list_is_newest_first_and_can_be_narrowed(void **state) {
    (void)state;
    struct rig *r = rig_with_records();
    assert_string_equal(list(r, "", 0, 0, 10)->text,
                        "3 gw-b 10/3 DATA 7 why 5 ;2 gw-a 10/2 DATA 10 why 5 ;1 gw-a 10/1 DATA 7 why 5 ;");
    assert_string_equal(list(r, "gw-a", 0, 0, 10)->text,
                        "2 gw-a 10/2 DATA 10 why 5 ;1 gw-a 10/1 DATA 7 why 5 ;");
    assert_string_equal(list(r, "gw-a", LINK_BAD_RECORD, 0, 10)->text, "1 gw-a 10/1 DATA 7 why 5 ;");
    assert_string_equal(list(r, "", 0, 3, 1)->text, "2 gw-a 10/2 DATA 10 why 5 ;");
    assert_string_equal(list(r, "nobody", 0, 0, 10)->text, "");
    assert_int_equal(list(r, "", 0, 0, 0)->reply.status, ERR_INVALID);
    assert_int_equal(list(r, "", 0, 0, HISTORY_LIMIT_MAX + 1)->reply.status, ERR_INVALID);
    rig_stop(&r, 5000);
}

static void one_comes_with_its_bytes_and_the_dictionaries_of_its_epoch(void **state) {
    (void)state;
    struct rig *r = rig_with_records();
    struct request ask = {.kind = REQ_QUARANTINE_GET, .quarantine = {.id = 1}};
    assert_string_equal(rig_ask(r, &ask)->text, "1 gw-a 10/1 DATA 7 why 5 ;bytes 5=dictionary ");
    ask.quarantine.id = 99;
    assert_int_equal(rig_ask(r, &ask)->reply.status, ERR_NOT_FOUND);
    rig_stop(&r, 5000);
}

static const struct rig_reply *keep(struct rig *r, int64_t id, bool usable, const struct stored_sample *v,
                                    uint32_t n) {
    struct request ask = {
        .kind = REQ_QUARANTINE_KEEP,
        .actor = {.name = "anna", .peer = "here"},
        .quarantine_keep = {.id = id, .usable = usable, .detail = "so it was", .v = v, .n = n}};
    return rig_ask(r, &ask);
}

static void a_replay_adds_samples_once_and_changes_none(void **state) {
    (void)state;
    struct rig *r = rig_with_records();
    struct stored_sample v[] = {
        {.tag_key = 4, .t_us = 1800000000000000, .value = 1.5},
        {.tag_key = 4, .t_us = 1800000000000001, .quality = QUALITY_BAD | QUALITY_NO_VALUE},
        {.tag_key = 4, .t_us = 1800000000000002, .value = 3},
        {.tag_key = 4, .t_us = 1800000000000003, .text = slice_str("Spülen")},
        {.tag_key = 4, .t_us = 1800000000000004, .text = slice_of("", 0)}};
    pgtest_do(&pg, "insert into sample_row values (4, 1800000000000002, 77, 0)");
    const struct rig_reply *reply = keep(r, 1, false, v, COUNT(v));
    assert_int_equal(reply->reply.status, OK);
    assert_false(reply->reply.replayed.usable);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample"), 1);
    assert_string_equal(list(r, "gw-a", LINK_BAD_RECORD, 0, 10)->text,
                        "1 gw-a 10/1 DATA 7 why 5 refused anna so it was 0;");
    reply = keep(r, 1, true, v, COUNT(v));
    assert_int_equal(reply->reply.status, OK);
    assert_true(reply->reply.replayed.usable && reply->reply.replayed.samples == 4);
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from sample where value = 77 or value = 1.5 or quality = 160"),
        3);
    assert_int_equal(pgtest_number(&pg, "select count(*) from sample where value is null and quality = 0 and"
                                        " bytes in (convert_to('Spülen', 'UTF8'), '')"),
                     2);
    assert_int_equal(keep(r, 1, true, v, COUNT(v))->reply.status, ERR_CONFLICT);
    assert_int_equal(pgtest_number(&pg, "select count(*) from quarantine_replay"), 2);
    assert_int_equal(pgtest_number(&pg, "select count(*) from quarantine"), 3);
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from audit where action = 'quarantine.replay' and actor = 'anna'"
                           " and object = 'quarantine 1'"),
        2);
    assert_int_equal(pgtest_number(&pg, "select replayed from ledger_now('gw-a')"), 1);
    /* A later attempt that fails does not hide the one that succeeded. */
    assert_int_equal(keep(r, 1, false, v, 0)->reply.status, OK);
    assert_string_equal(list(r, "gw-a", LINK_BAD_RECORD, 0, 10)->text,
                        "1 gw-a 10/1 DATA 7 why 5 done anna so it was 4;");
    rig_stop(&r, 5000);
}

static void a_replayed_dictionary_stands_beside_the_others(void **state) {
    (void)state;
    struct rig *r = rig_with_records();
    struct request ask = {.kind = REQ_QUARANTINE_KEEP,
                          .actor = {.name = "anna"},
                          .quarantine_keep = {.id = 2, .usable = true, .dictionary = true}};
    assert_int_equal(rig_ask(r, &ask)->reply.status, OK);
    assert_int_equal(
        pgtest_number(&pg, "select count(*) from gateway_dict where gateway_key = 1 and dict = 6 and seq = 2"
                           " and body = 'bytes'"),
        1);
    rig_stop(&r, 5000);
}

static void what_a_replayed_record_tells_goes_to_audit_and_ledger_once(void **state) {
    (void)state;
    struct rig *r = rig_with_records();
    struct request ask = {
        .kind = REQ_QUARANTINE_KEEP,
        .actor = {.name = "anna"},
        .quarantine_keep = {.id = 2,
                            .usable = true,
                            .action = "gateway.samples_lost",
                            .told = "code 5",
                            .has_lost = true,
                            .lost = {.epoch = UINT64_MAX, .first = 3, .end = 8, .samples = 9}}};
    const char *const told =
        "select count(*) from audit where action = 'gateway.samples_lost' and actor = 'anna'"
        " and object = 'gw-a' and detail = 'from quarantine 2: code 5'";
    const char *const gone =
        "select count(*) from gateway_dropped where epoch = -1 and (first_seq, end_seq) = "
        "(3, 8) and samples = 9 and (told_epoch, told_seq) = (10, 2)";
    ask.quarantine_keep.usable = false;
    assert_int_equal(rig_ask(r, &ask)->reply.status, OK);
    assert_int_equal(pgtest_number(&pg, "%s", told) + pgtest_number(&pg, "%s", gone), 0);
    ask.quarantine_keep.usable = true;
    assert_int_equal(rig_ask(r, &ask)->reply.status, OK);
    assert_int_equal(rig_ask(r, &ask)->reply.status, ERR_CONFLICT);
    assert_int_equal(pgtest_number(&pg, "%s", told), 1);
    assert_int_equal(pgtest_number(&pg, "%s", gone), 1);
    assert_int_equal(pgtest_number(&pg, "select dropped from ledger_now('gw-a')"), 5);
    rig_stop(&r, 5000);
}

static void a_replay_whose_commit_was_not_answered_happens_once(void **state) {
    (void)state;
    struct rig *r = rig_with_records();
    struct stored_sample v[] = {{.tag_key = 4, .t_us = 1800000000000000, .value = 1.5}};
    struct request ask = {.kind = REQ_QUARANTINE_KEEP,
                          .actor = {.name = "anna"},
                          .quarantine_keep = {.id = 1, .usable = true, .v = v, .n = 1}};
    for (int64_t id = 1; id <= 3; id++) {
        uint32_t n = r->n_replies;
        ask.quarantine_keep.id = id;
        v[0].t_us = 1800000000000000 + id;
        store_request(r->store, 7, &ask);
        pgtest_do(&pg, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = "
                       "'penstock events'");
        RIG_UNTIL(r, r->n_replies > n);
    }
    RIG_UNTIL(r, r->state == STORE_OK);
    assert_int_equal(pgtest_number(&pg, "select count(*) from quarantine_replay"),
                     pgtest_number(&pg, "select count(*) from sample"));
    assert_int_equal(pgtest_number(&pg, "select sum(samples)::bigint from quarantine_replay"),
                     pgtest_number(&pg, "select count(*) from sample"));
    rig_stop(&r, 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_is_newest_first_and_can_be_narrowed),
        cmocka_unit_test(one_comes_with_its_bytes_and_the_dictionaries_of_its_epoch),
        cmocka_unit_test(a_replay_adds_samples_once_and_changes_none),
        cmocka_unit_test(a_replayed_dictionary_stands_beside_the_others),
        cmocka_unit_test(what_a_replayed_record_tells_goes_to_audit_and_ledger_once),
        cmocka_unit_test(a_replay_whose_commit_was_not_answered_happens_once),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
