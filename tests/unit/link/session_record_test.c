/* Covers: session_record.c, session_report.c, session_backlog.c, shelf.c */
#include "protocol/wire.h"
#include "server/link/session.h"
#include "tests/unit/link/rig.h"

/* One with dictionary 1 of the present epoch (record 0, committed and acknowledged). */
static struct session *with_dict(struct rig *r) {
    struct session *s = rig_live(r);
    rig_send_dict(r, s, 0, 0, 1);
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 0);
    (void)rig_take_said(r, s);
    r->heard[0] = '\0';
    return s;
}

/* --- dictionaries in parts --- */

static void send_part(struct rig *r, struct session *s, uint64_t seq, uint32_t alias, const char *name,
                      bool more) {
    struct dict_entry e = rig_entry(alias, name, VALUE_F64);
    rig_send_dict_part(r, s, 0, seq, 1, 0, more, &e, 1);
}

static void a_dictionary_in_too_many_parts_is_quarantined(void **state) {
    struct rig *r = *state;
    r->env.limits.link.dictionary_parts = 3;
    struct session *s = rig_live(r);
    for (uint64_t seq = 0; seq < 3; seq++) {
        send_part(r, s, seq, 1, "L_T1", true);
    }
    rig_expect_heard(r, "DICT 700/0; DICT 700/1; DICT 700/2");
    send_part(r, s, 3, 2, "x", true);
    rig_expect_heard(r, "DICT 700/3; fault quota; !link.quarantined");
    rig_expect_said(r, s, "ERROR quota");
    assert_non_null(strstr(r->detail, "more than 3 parts"));
    send_part(r, s, 4, 2, "x", false); /* so it never becomes whole */
    rig_expect_heard(r, "DICT 700/4; fault bad_record; !link.quarantined");
    rig_end(r, s);
}

static void a_part_that_was_not_taken_leaves_no_trace(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    send_part(r, s, 0, 1, "L_T1", true);
    r->full = true;
    send_part(r, s, 1, 2, "x", false);
    assert_true(session_blocked(s));
    session_resume(s, r->now); /* still full: it is understood a second time */
    r->full = false;
    session_resume(s, r->now);
    rig_expect_heard(r, "DICT 700/0; DICT 700/1");
    rig_send_data(r, s, FRAME_JOURNALED, 0, 2, 1);
    rig_expect_heard(r, "DATA 700/2");
    rig_end(r, s);
}

static void aliases_of_unknown_value_types_are_named_at_once(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    struct dict_entry v[20] = {rig_entry(1, "L_T1", VALUE_F64)};
    char names[20][8];
    for (uint32_t i = 1; i < COUNT(v); i++) {
        (void)snprintf(names[i], sizeof names[i], "n%u", i);
        v[i] = (struct dict_entry){.alias = i + 1, .name = slice_str(names[i]), .type = 42};
    }
    rig_send_dict_part(r, s, 0, 0, 1, 0, false, v, 3);
    rig_expect_heard(r, "DICT 700/0; !link.unknown_value_type");
    rig_expect_said(r, s, "ERROR unsupported");
    assert_string_equal(r->detail,
                        "dictionary 1: this server does not know the value type of alias 2 (type 42), "
                        "3 (type 42); records with them go to quarantine");
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 1); /* the rest is good, and it is not told again */
    rig_expect_heard(r, "DATA 700/1");
    rig_expect_said(r, s, "");
    rig_send_dict_part(r, s, 0, 2, 2, 0, false, v, COUNT(v));
    assert_non_null(strstr(r->detail, ", 17 (type 42) and of 3 more;"));
    rig_end(r, s);
}

/* --- the good case --- */

static void samples_arrive_under_the_tags_of_the_configuration(void **state) {
    struct rig *r = *state;
    struct session *s = with_dict(r);
    const struct link_sample v[] = {
        {.alias = 1, .type = VALUE_F64, .t_us = 1790000000000001, .f = 2.25},
        {.alias = 2, .type = VALUE_BOOL, .t_us = 1790000000000002, .i = 1},
        {.alias = 3,
         .type = VALUE_UINT,
         .t_us = 1790000000000003,
         .quality = QUALITY_BAD | QUALITY_NO_VALUE | REASON_SENSOR},
        {.alias = 4, .type = VALUE_F64, .t_us = 1790000000000004, .f = 1}, /* not in the configuration */
        {.alias = 5, .type = VALUE_F64, .t_us = 1790000000000005, .f = 1}, /* another gateway's */
    };
    struct buf body;
    rig_data_body(&body, true, 0, 1, 1, v, COUNT(v));
    rig_send(r, s, MSG_DATA, FRAME_JOURNALED, buf_slice(&body));
    buf_done(&body);
    rig_expect_heard(r, "DATA 700/1");
    rig_expect_said(r, s, "");
    assert_int_equal(r->n_samples, 3);
    assert_int_equal(r->samples[0].tag, RIG_TAG_LEVEL);
    assert_true(r->samples[0].value == 2.25);
    assert_int_equal(r->samples[0].t_us, 1790000000000001);
    assert_int_equal(r->samples[1].tag, RIG_TAG_RUN);
    assert_true(r->samples[1].value == 1);
    assert_int_equal(r->samples[2].tag, RIG_TAG_COUNT);
    assert_int_equal(r->samples[2].quality, QUALITY_BAD | QUALITY_NO_VALUE | REASON_SENSOR);
    assert_int_equal(roster_borrow_status(r->roster, 0)->unknown_tags, 2);
    assert_int_equal(roster_borrow_status(r->roster, 0)->records, 2);
    rig_end(r, s);
}

static void send_own(struct rig *r, struct session *s, uint16_t flags, uint64_t seq, uint64_t records) {
    const struct link_sample v[] = {
        {.alias = 1, .type = VALUE_UINT, .t_us = 1790000000000001, .u = records},
        {.alias = 2, .type = VALUE_BOOL, .t_us = 1790000000000001, .i = 1},
        {.alias = 3, .type = VALUE_UINT, .t_us = 1790000000000001, .u = 7},
    };
    struct buf body;
    rig_data_body(&body, (flags & FRAME_JOURNALED) != 0, 0, seq, 1, v, COUNT(v));
    rig_send(r, s, MSG_DATA, flags, buf_slice(&body));
    buf_done(&body);
}

static void what_a_gateway_tells_of_itself_is_kept_without_configuration(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    const struct dict_entry own[] = {
        rig_entry(1, "_gateway.buffer_records", VALUE_UINT),
        rig_entry(2, "_gateway.plc.up", VALUE_BOOL),
        rig_entry(3, "_gateway.of_a_later_version", VALUE_UINT),
    };
    rig_send_dict_part(r, s, 0, 0, 1, 0, false, own, COUNT(own));
    send_own(r, s, FRAME_JOURNALED, 1, 5);
    const struct link_status *status = roster_borrow_status(r->roster, 0);
    assert_int_equal(r->n_samples, 0);
    assert_int_equal(status->unknown_tags, 0);
    assert_int_equal(status->health.figures[GATEWAY_BUFFER_RECORDS], 5);
    assert_int_equal(status->health.n_devices, 1);
    assert_string_equal(status->health.devices[0].name, "plc");
    send_own(r, s, FRAME_JOURNALED | FRAME_BACKLOG, 2, 900); /* how it was once */
    assert_int_equal(status->health.figures[GATEWAY_BUFFER_RECORDS], 5);
    send_own(r, s, FRAME_SNAPSHOT, 0, 6);
    assert_int_equal(status->health.figures[GATEWAY_BUFFER_RECORDS], 6);
    rig_end(r, s);
    assert_int_equal(roster_borrow_status(r->roster, 0)->health.figures[GATEWAY_BUFFER_RECORDS], 6);
}

static void scaled_integers_arrive_as_numbers(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    struct dict_entry e = rig_entry(7, "L_T1", VALUE_SCALED);
    e.scale = 0.25;
    e.offset = 10;
    rig_send_dict_part(r, s, 0, 0, 1, 0, false, &e, 1);
    const struct link_sample v = {.alias = 7, .type = VALUE_SCALED, .t_us = 1790000000000001, .i = 6};
    struct buf body;
    rig_data_body(&body, true, 0, 1, 1, &v, 1);
    rig_send(r, s, MSG_DATA, FRAME_JOURNALED, buf_slice(&body));
    buf_done(&body);
    assert_int_equal(r->n_samples, 1);
    assert_true(r->samples[0].value == 11.5);
    rig_end(r, s);
}

static void the_backlog_flag_and_former_epochs_are_history(void **state) {
    struct rig *r = *state;
    struct session *s = with_dict(r);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 1);
    rig_send_data(r, s, FRAME_JOURNALED | FRAME_BACKLOG, 0, 2, 1);
    rig_send_dict(r, s, 1, 5, 1); /* the same id in another epoch is another dictionary */
    rig_send_data(r, s, FRAME_JOURNALED, 1, 6, 1);
    rig_expect_heard(r, "DATA 700/1; DATA 700/2 backlog; DICT 600/5 backlog; DATA 600/6 backlog");
    rig_end(r, s);
}

static void a_snapshot_goes_to_the_host_and_not_to_the_store(void **state) {
    struct rig *r = *state;
    struct session *s = with_dict(r);
    rig_send_data(r, s, FRAME_SNAPSHOT, 0, 0, 1);
    rig_expect_heard(r, "snapshot of 1");
    assert_int_equal(r->samples[0].tag, RIG_TAG_LEVEL);
    rig_send_data(r, s, FRAME_SNAPSHOT, 0, 0, 2);
    rig_expect_said(r, s, "ERROR unknown_dict");
    rig_expect_heard(r, "!link.bad_snapshot");
    assert_int_equal(session_state(s), SESSION_LIVE);
    rig_end(r, s);
}

/* Opens a session whose journal ends at `next`; of it, the first `committed` are there. Of the old epoch all.
 */
static struct session *with_backlog(struct rig *r, uint64_t next, uint64_t committed) {
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(next);
    hello.epochs[1].next_seq = 4;
    rig_send_hello(r, s, &hello);
    struct link_range known[] = {{RIG_EPOCH, 0, committed}, {RIG_OLD_EPOCH, 0, 4}};
    struct link_settled settled = rig_settled_ok();
    settled.n_committed = 2;
    settled.committed = known;
    rig_settle(r, &settled);
    assert_int_equal(session_state(s), SESSION_LIVE);
    return s;
}

static void the_end_of_the_backlog_is_told_once_with_the_time_of_the_first_live_sample(void **state) {
    struct rig *r = *state;
    struct session *s = with_backlog(r, 3, 1); /* 1 and 2 wait at the site */
    rig_send_dict(r, s, 0, 3, 1);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 4, 1);
    rig_send_data(r, s, FRAME_JOURNALED | FRAME_BACKLOG, 0, 1, 1);
    assert_int_equal(r->backlog_ends, 0);
    rig_send_data(r, s, FRAME_JOURNALED | FRAME_BACKLOG, 0, 2, 1);
    assert_int_equal(r->backlog_ends, 1);
    assert_true(r->backlog_te_us == rig_level(1.5).t_us);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 5, 1);
    assert_int_equal(r->backlog_ends, 1);
    rig_end(r, s);
}

static void without_a_backlog_the_first_live_message_ends_it(void **state) {
    struct rig *r = *state;
    struct session *s = with_backlog(r, 3, 3);
    rig_send_dict(r, s, 0, 3, 1);
    assert_int_equal(r->backlog_ends, 0); /* there is no live sample yet */
    rig_send_data(r, s, FRAME_SNAPSHOT, 0, 0, 1);
    assert_int_equal(r->backlog_ends, 1);
    rig_end(r, s);
}

static void numbers_that_the_site_told_to_be_gone_are_not_waited_for(void **state) {
    struct rig *r = *state;
    struct session *s = with_backlog(r, 10, 1); /* 1 to 9 wait at the site */
    rig_send_dict(r, s, 0, 10, 1);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 11, 1);
    rig_send_tombstone(r, s, 12, RIG_EPOCH, 4, 10);
    assert_true(r->lost.epoch == RIG_EPOCH && r->lost.first == 4 && r->lost.end == 10);
    assert_int_equal(r->backlog_ends, 0);
    rig_send_tombstone(r, s, 13, RIG_OLD_EPOCH, 1, 3);
    rig_send_tombstone(r, s, 14, 12345, 0, 3); /* of an epoch that HELLO did not name */
    rig_send_tombstone(r, s, 15, RIG_EPOCH, 1, 1);
    rig_send_data(r, s, FRAME_JOURNALED | FRAME_BACKLOG, 0, 1, 1);
    rig_send_data(r, s, FRAME_JOURNALED | FRAME_BACKLOG, 0, 2, 1);
    assert_int_equal(r->backlog_ends, 0);
    rig_send_tombstone(r, s, 16, RIG_EPOCH, 3, 4);
    assert_int_equal(r->backlog_ends, 1);
    rig_end(r, s);
}

static void what_was_told_to_be_gone_in_an_earlier_session_is_not_waited_for(void **state) {
    struct rig *r = *state;
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(5);
    hello.epochs[0].oldest_unacked = 3; /* 0 to 2 are not committed, and not there any more */
    hello.epochs[1].next_seq = 7;
    rig_send_hello(r, s, &hello);
    struct link_range gone[] = {{.epoch = RIG_EPOCH, .first = 3, .end = 5},
                                {.epoch = RIG_OLD_EPOCH, .first = 0, .end = 7}};
    struct link_settled settled = rig_settled_ok();
    settled.n_gone = 2;
    settled.gone = gone;
    rig_settle(r, &settled);
    rig_send_dict(r, s, 0, 5, 1);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 6, 1);
    assert_int_equal(r->backlog_ends, 1);
    rig_end(r, s);
}

static void a_bad_event_is_quarantined(void **state) {
    struct rig *r = *state;
    struct session *s = with_dict(r);
    rig_send_tombstone(r, s, 1, RIG_EPOCH, 0, UINT64_C(1) << 63);
    rig_expect_heard(r, "EVENT 700/1; fault bad_record; !link.quarantined");
    rig_send(r, s, MSG_EVENT, FRAME_JOURNALED, slice_of("\0\2\0x", 4));
    rig_expect_heard(r, "EVENT 700/2; fault bad_record; !link.quarantined");
    assert_int_equal(session_state(s), SESSION_LIVE);
    rig_end(r, s);
}

static void a_dictionary_that_goes_ahead_does_not_end_the_backlog(void **state) {
    struct rig *r = *state;
    struct session *s = with_backlog(r, 3, 1);
    rig_send_dict(r, s, 0, 2, 1); /* the newest of what waited, sent first */
    rig_send_data(r, s, FRAME_JOURNALED, 0, 3, 1);
    assert_int_equal(r->backlog_ends, 0);
    rig_send_data(r, s, FRAME_JOURNALED | FRAME_BACKLOG, 0, 1, 1);
    assert_int_equal(r->backlog_ends, 1);
    rig_end(r, s);
}

static void what_is_no_event_is_quarantined(void **state) {
    struct rig *r = *state;
    static const uint8_t types[] = {MSG_EVENT, MSG_CMD_RESULT, MSG_CFG_RESULT};
    for (size_t i = 0; i < COUNT(types); i++) {
        struct session *s = rig_live(r);
        struct buf body;
        buf_init(&body, 100);
        prefix_encode(&body, true, &(struct msg_prefix){.seq = 3});
        buf_text(&body, "whatever it holds");
        r->heard[0] = '\0';
        rig_send(r, s, types[i], FRAME_JOURNALED, buf_slice(&body));
        char heard[100];
        (void)snprintf(heard, sizeof heard, "%s 700/3; fault bad_record; !link.quarantined",
                       msg_type_name(types[i]));
        rig_expect_heard(r, heard);
        rig_expect_said(r, s, "ERROR bad_record");
        buf_done(&body);
        rig_end(r, s);
    }
}

/* --- acknowledgements --- */

static void nothing_is_acknowledged_before_it_is_committed(void **state) {
    struct rig *r = *state;
    struct session *s = with_dict(r);
    for (uint64_t seq = 1; seq <= 5; seq++) {
        rig_send_data(r, s, FRAME_JOURNALED, 0, seq, 1);
    }
    rig_expect_said(r, s, "");
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 3);
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 4);
    rig_expect_said(r, s, "ACK 0: 0-1 3-5");
    rig_expect_said(r, s, "");
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 1);
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 2);
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 5);
    rig_expect_said(r, s, "ACK 0: 0-6");
    rig_end(r, s);
}

static void each_epoch_has_its_own_acknowledgement(void **state) {
    struct rig *r = *state;
    struct session *s = with_dict(r);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 1);
    rig_send_dict(r, s, 1, 10, 1);
    roster_committed(r->roster, RIG_KEY, RIG_OLD_EPOCH, 10);
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 1);
    rig_expect_said(r, s, "ACK 0: 0-2; ACK 1: 10-11");
    rig_end(r, s);
}

static void a_commit_of_something_unknown_is_ignored(void **state) {
    struct rig *r = *state;
    struct session *s = with_dict(r);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 1);
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 2);     /* never received */
    roster_committed(r->roster, RIG_KEY, RIG_OLD_EPOCH, 1); /* of another epoch */
    roster_committed(r->roster, RIG_KEY, 12345, 1);         /* of an epoch that HELLO did not name */
    roster_committed(r->roster, RIG_KEY + 1, RIG_EPOCH, 1); /* of a gateway without a session */
    roster_committed(r->roster, 99, RIG_EPOCH, 1);          /* of no gateway */
    rig_expect_said(r, s, "");
    rig_end(r, s);
}

static void more_ranges_than_one_ack_holds_take_several(void **state) {
    struct rig *r = *state;
    struct session *s = with_dict(r);
    for (uint64_t i = 0; i < 70; i++) {
        rig_send_data(r, s, FRAME_JOURNALED, 0, 10 + 2 * i, 1);
        roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 10 + 2 * i);
    }
    const char *said = rig_take_said(r, s);
    const char *second = strstr(said, "; ACK 0: 0-1");
    assert_non_null(second);
    assert_non_null(strstr(second, " 148-149"));
    rig_end(r, s);
}

/* What the store is told as the record's CRC. */
static uint32_t crc_of(struct rig *r, struct session *s, uint8_t type, struct msg_prefix prefix,
                       const char *rest) {
    struct buf body;
    buf_init(&body, 100);
    rig_event_body(&body, &prefix, rest, 0);
    r->crc = 0;
    rig_send(r, s, type, FRAME_JOURNALED, buf_slice(&body));
    buf_done(&body);
    assert_int_not_equal(r->crc, 0);
    return r->crc;
}

/* Its place in HELLO is another one after a restart of the gateway; a record is still the same record. */
static void a_record_that_comes_again_in_another_session_has_the_same_crc(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    const struct msg_prefix first = {.ep = 0, .seq = 300, .dict = 200};
    uint32_t crc = crc_of(r, s, MSG_EVENT, first, "whatever");
    rig_end(r, s);
    s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(0);
    hello.n_epochs = 2;
    hello.epochs[0] = (struct msg_epoch){.epoch = RIG_EPOCH + 100};
    hello.epochs[1] = (struct msg_epoch){.epoch = RIG_EPOCH, .next_seq = 1000};
    rig_send_hello(r, s, &hello);
    struct link_settled settled = rig_settled_ok();
    rig_settle(r, &settled);
    const struct msg_prefix again = {.ep = 1, .seq = 300, .dict = 200};
    assert_int_equal(crc_of(r, s, MSG_EVENT, again, "whatever"), crc);
    rig_end(r, s);
    s = rig_live(r);
    assert_int_not_equal(crc_of(r, s, MSG_EVENT, first, "whatevar"), crc);
    rig_end(r, s);
    s = rig_live(r);
    assert_int_not_equal(crc_of(r, s, MSG_DATA, first, "whatever"), crc);
    rig_end(r, s);
    s = rig_live(r);
    assert_int_not_equal(crc_of(r, s, MSG_EVENT, (struct msg_prefix){.seq = 300, .dict = 201}, "whatever"),
                         crc);
    rig_end(r, s);
}

/* --- records that cannot be used --- */

static void unknown_alias(struct buf *body) {
    struct link_sample v = {.alias = 77, .type = VALUE_F64, .t_us = 1790000000000000, .f = 1};
    data_encode(body, &v, 1);
}

static void rubbish(struct buf *body) {
    buf_text(body, "\xff\xff\xff\xff");
}

static void good_data(struct buf *body) {
    struct link_sample v = rig_level(1);
    data_encode(body, &v, 1);
}

static void one_byte_too_many(struct buf *body) {
    good_data(body);
    buf_byte(body, 0);
}

static void nothing(struct buf *body) {
    (void)body;
}

static void good_dict(struct buf *body) {
    struct dict_entry e = rig_entry(1, "L_T1", VALUE_F64);
    dict_encode(body, 0, false, &e, 1);
}

static void dict_on_nothing(struct buf *body) {
    struct dict_entry e = rig_entry(1, "L_T1", VALUE_F64);
    dict_encode(body, 55, false, &e, 1);
}

static const struct {
    const char *what;
    uint8_t type;
    uint64_t dict;
    void (*body)(struct buf *body);
    const char *code;
} poisons[] = {
    {"DATA of an unknown dictionary", MSG_DATA, 9, good_data, "unknown_dict"},
    {"DATA of no dictionary", MSG_DATA, 0, good_data, "unknown_dict"},
    {"DATA with an unknown alias", MSG_DATA, 1, unknown_alias, "unknown_alias"},
    {"DATA that is rubbish", MSG_DATA, 1, rubbish, "bad_record"},
    {"DATA with a byte too many", MSG_DATA, 1, one_byte_too_many, "bad_record"},
    {"DATA without anything", MSG_DATA, 1, nothing, "bad_record"},
    {"DICT that is rubbish", MSG_DICT, 20, rubbish, "bad_record"},
    {"DICT with id 0", MSG_DICT, 0, good_dict, "bad_record"},
    {"DICT with an id that is taken", MSG_DICT, 1, good_dict, "bad_record"},
    {"DICT that changes an unknown one", MSG_DICT, 21, dict_on_nothing, "unknown_dict"},
    {"a type of a later version", 0x71, 0, rubbish, "unsupported"},
};

static void a_poison_record_is_stored_reported_acknowledged_and_the_session_goes_on(void **state) {
    struct rig *r = *state;
    for (size_t i = 0; i < COUNT(poisons); i++) {
        struct session *s = with_dict(r);
        struct buf body;
        buf_init(&body, 4096);
        prefix_encode(&body, true, &(struct msg_prefix){.seq = 1, .dict = poisons[i].dict});
        poisons[i].body(&body);
        rig_send(r, s, poisons[i].type, FRAME_JOURNALED, buf_slice(&body));
        buf_done(&body);
        char heard[128];
        char said[128];
        (void)snprintf(heard, sizeof heard, "%s 700/1; fault %s; !link.quarantined",
                       msg_type_name(poisons[i].type), poisons[i].code);
        (void)snprintf(said, sizeof said, "ERROR %s", poisons[i].code);
        if (strcmp(r->heard, heard) != 0) {
            fail_msg("%s: %s", poisons[i].what, r->heard);
        }
        rig_expect_said(r, s, said);
        roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 1);
        rig_expect_said(r, s, "ACK 0: 0-2");
        r->heard[0] = '\0';
        rig_send_data(r, s, FRAME_JOURNALED, 0, 2, 1);
        rig_expect_heard(r, "DATA 700/2");
        assert_int_equal(roster_borrow_status(r->roster, 0)->quarantined, 1);
        rig_end(r, s);
    }
}

static void a_flood_of_poison_is_told_to_the_audit_at_a_bounded_rate(void **state) {
    struct rig *r = *state;
    struct session *s = with_dict(r);
    for (uint64_t seq = 1; seq <= 200; seq++) {
        rig_send_data(r, s, FRAME_JOURNALED, 0, seq, 9);
        roster_committed(r->roster, RIG_KEY, RIG_EPOCH, seq);
    }
    uint32_t incidents = 0;
    for (const char *p = r->heard; (p = strstr(p, "!link.quarantined")) != NULL; p++) {
        incidents++;
    }
    assert_int_equal(incidents, 20);
    assert_int_equal(roster_borrow_status(r->roster, 0)->quarantined, 200);
    assert_int_equal(session_state(s), SESSION_LIVE);
    rig_end(r, s);
}

static const struct {
    const char *what;
    struct msg_prefix prefix;
    bool empty;
} misplaced[] = {
    {"no prefix", {0}, true},
    {"an epoch that HELLO did not name", {.ep = 2}, false},
    {"an epoch far away", {.ep = UINT64_MAX}, false},
    {"a number beyond the database", {.seq = UINT64_C(1) << 63}, false},
    {"the last number of all", {.seq = UINT64_MAX}, false},
    {"the last number of the database", {.seq = INT64_MAX}, false},
    {"the first number that no gateway reaches", {.seq = LINK_SEQ_MAX}, false},
};

/* Where it belongs cannot be told, so it could never be acknowledged. */
static void a_record_without_a_place_ends_the_session(void **state) {
    struct rig *r = *state;
    for (size_t i = 0; i < COUNT(misplaced); i++) {
        rig_advance(r, TM_HOUR_US);
        struct session *s = rig_live(r);
        struct buf body;
        buf_init(&body, 100);
        if (!misplaced[i].empty) {
            prefix_encode(&body, true, &misplaced[i].prefix);
        }
        rig_send(r, s, MSG_EVENT, FRAME_JOURNALED, buf_slice(&body));
        buf_done(&body);
        print_message("%s: %s\n", misplaced[i].what, session_reason(s));
        rig_expect_said(r, s, "ERROR bad_frame fatal");
        rig_end(r, s);
    }
}

/* --- the window --- */

static void a_gateway_may_fill_the_window_and_not_more(void **state) {
    struct rig *r = *state;
    struct session *s = with_dict(r);
    for (uint64_t seq = 1; seq <= LINK_WINDOW_FRAMES; seq++) {
        rig_send_data(r, s, FRAME_JOURNALED, 0, seq, 1);
    }
    rig_expect_said(r, s, "");
    roster_committed(r->roster, RIG_KEY, RIG_EPOCH, 7);
    (void)rig_take_said(r, s);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1000, 1);
    assert_int_equal(session_state(s), SESSION_LIVE);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1001, 1);
    rig_expect_said(r, s, "ERROR flow fatal");
    rig_end(r, s);
}

static void the_window_counts_bytes_too(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    struct buf body;
    buf_init(&body, LINK_BODY_MAX);
    for (uint64_t seq = 0; seq < 5; seq++) {
        assert_int_equal(session_state(s), SESSION_LIVE);
        buf_clear(&body);
        rig_event_body(&body, &(struct msg_prefix){.seq = seq}, "pump", LINK_BODY_MAX - 8);
        rig_send(r, s, MSG_EVENT, FRAME_JOURNALED, buf_slice(&body));
    }
    buf_done(&body);
    rig_expect_said(r, s, "ERROR flow fatal");
    rig_end(r, s);
}

static void what_is_committed_leaves_the_window(void **state) {
    struct rig *r = *state;
    r->env.limits.link.bytes_per_s = 1024 * 1024 * 1024;
    struct session *s = rig_live(r);
    struct buf body;
    buf_init(&body, LINK_BODY_MAX);
    for (uint64_t seq = 0; seq < 50; seq++) {
        buf_clear(&body);
        rig_event_body(&body, &(struct msg_prefix){.seq = seq}, "pump", LINK_BODY_MAX - 8);
        rig_send(r, s, MSG_EVENT, FRAME_JOURNALED, buf_slice(&body));
        roster_committed(r->roster, RIG_KEY, RIG_EPOCH, seq);
    }
    buf_done(&body);
    rig_expect_said(r, s, "ACK 0: 0-50");
    rig_end(r, s);
}

static void holes_without_end_are_refused(void **state) {
    struct rig *r = *state;
    struct session *s = with_dict(r);
    uint64_t n = 0;
    while (session_state(s) == SESSION_LIVE) {
        uint64_t seq = 2 + 2 * n++;
        rig_send_data(r, s, FRAME_JOURNALED, 0, seq, 1);
        roster_committed(r->roster, RIG_KEY, RIG_EPOCH, seq);
        r->heard[0] = '\0';
        assert_in_range(n, 1, 2000);
    }
    assert_in_range(n, 1000, 1100);
    assert_non_null(strstr(rig_take_said(r, s), "ERROR flow fatal"));
    rig_end(r, s);
}

/* --- no room --- */

static void without_room_a_session_stops_and_goes_on_where_it_was(void **state) {
    struct rig *r = *state;
    struct session *s = with_dict(r);
    struct buf out;
    buf_init(&out, 1 << 20);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        struct link_sample v = rig_level((double)seq);
        struct buf body;
        rig_data_body(&body, true, 0, seq, 1, &v, 1);
        frame_append(&out, MSG_DATA, FRAME_JOURNALED, buf_slice(&body));
        buf_done(&body);
    }
    r->full = true;
    rig_send_bytes(r, s, out.p, out.n);
    buf_done(&out);
    assert_true(session_blocked(s));
    assert_int_equal(session_room(s), 0);
    rig_expect_heard(r, "");
    session_resume(s, r->now);
    assert_true(session_blocked(s));
    assert_int_equal(r->offered, 1 + 1 + 1);
    r->full = false;
    session_resume(s, r->now);
    assert_false(session_blocked(s));
    rig_expect_heard(r, "DATA 700/1; DATA 700/2; DATA 700/3");
    assert_int_equal(roster_borrow_status(r->roster, 0)->duplicates, 0);
    rig_end(r, s);
}

/* It may stand behind a line that is gone, and its values are as old in any case. */
static void a_session_that_waits_for_us_is_not_shown_as_alive_for_ever(void **state) {
    struct rig *r = *state;
    struct session *s = with_dict(r);
    r->full = true;
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 1);
    for (int i = 0; i < 29; i++) {
        rig_advance(r, TM_SECOND_US);
        session_tick(s, r->now);
        session_resume(s, r->now); /* still full; that is nothing heard */
    }
    assert_int_equal(session_state(s), SESSION_LIVE);
    rig_expect_heard(r, "");
    (void)rig_take_said(r, s);
    rig_advance(r, TM_SECOND_US);
    session_tick(s, r->now);
    rig_expect_said(r, s, "BYE 4");
    rig_expect_heard(r,
                     "down 0 the server cannot store what it sends: nothing was read from it for 30000 ms");
    rig_end(r, s);
}

static void one_that_waited_for_us_less_goes_on(void **state) {
    struct rig *r = *state;
    struct session *s = with_dict(r);
    r->full = true;
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 1);
    rig_advance(r, 29 * TM_SECOND_US);
    session_tick(s, r->now);
    r->full = false;
    session_resume(s, r->now);
    rig_advance(r, 29 * TM_SECOND_US);
    session_tick(s, r->now);
    assert_int_equal(session_state(s), SESSION_LIVE);
    rig_expect_heard(r, "DATA 700/1");
    rig_end(r, s);
}

static void a_dictionary_that_had_to_wait_is_there_afterwards(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    r->full = true;
    rig_send_dict(r, s, 0, 0, 1);
    session_resume(s, r->now);
    r->full = false;
    session_resume(s, r->now);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 1);
    rig_expect_heard(r, "DICT 700/0; DATA 700/1");
    rig_end(r, s);
}

/* --- dictionaries --- */

static void a_dictionary_may_come_in_parts_and_counts_when_it_is_whole(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    const struct dict_entry a = rig_entry(1, "L_T1", VALUE_F64);
    const struct dict_entry b = rig_entry(2, "PU1.run", VALUE_BOOL);
    rig_send_dict_part(r, s, 0, 0, 1, 0, true, &a, 1);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 1);
    rig_expect_said(r, s, "ERROR unknown_dict");
    rig_send_dict_part(r, s, 0, 2, 1, 0, false, &b, 1);
    r->heard[0] = '\0';
    rig_send_data(r, s, FRAME_JOURNALED, 0, 3, 1);
    rig_expect_heard(r, "DATA 700/3");
    assert_int_equal(r->n_samples, 1);
    rig_end(r, s);
}

static void a_bad_part_spoils_its_dictionary_and_no_other(void **state) {
    struct rig *r = *state;
    struct session *s = with_dict(r);
    const struct dict_entry a = rig_entry(1, "L_T1", VALUE_F64);
    struct buf body;
    buf_init(&body, 100);
    prefix_encode(&body, true, &(struct msg_prefix){.seq = 1, .dict = 2});
    buf_text(&body, "rubbish");
    rig_send(r, s, MSG_DICT, FRAME_JOURNALED, buf_slice(&body));
    buf_done(&body);
    rig_send_dict_part(r, s, 0, 2, 2, 0, false, &a, 1); /* what is left of it */
    rig_send_data(r, s, FRAME_JOURNALED, 0, 3, 2);
    rig_expect_said(r, s, "ERROR bad_record; ERROR bad_record; ERROR unknown_dict");
    r->heard[0] = '\0';
    rig_send_data(r, s, FRAME_JOURNALED, 0, 4, 1);
    rig_expect_heard(r, "DATA 700/4");
    rig_end(r, s);
}

static void a_dictionary_may_change_another(void **state) {
    struct rig *r = *state;
    struct session *s = with_dict(r);
    struct dict_entry change[] = {rig_entry(1, "PU1.starts", VALUE_INT), rig_entry(3, "", VALUE_INT)};
    change[1].removed = true;
    /* The name of 3 is taken over by 1: first the old one goes. */
    const struct dict_entry ordered[] = {change[1], change[0]};
    rig_send_dict_part(r, s, 0, 1, 2, 1, false, ordered, 2);
    rig_expect_said(r, s, "");
    struct link_sample v = {.alias = 1, .type = VALUE_INT, .t_us = 1790000000000000, .i = 8};
    struct buf body;
    rig_data_body(&body, true, 0, 2, 2, &v, 1);
    rig_send(r, s, MSG_DATA, FRAME_JOURNALED, buf_slice(&body));
    buf_done(&body);
    assert_int_equal(r->n_samples, 1);
    assert_int_equal(r->samples[0].tag, RIG_TAG_COUNT);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 3, 1); /* the old one is as it was */
    assert_int_equal(r->samples[0].tag, RIG_TAG_LEVEL);
    rig_end(r, s);
}

static void an_epoch_has_room_for_64_dictionaries(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    const struct dict_entry a = rig_entry(1, "L_T1", VALUE_F64);
    for (uint64_t i = 0; i < LINK_DICTS_MAX; i++) {
        rig_send_dict_part(r, s, 0, i, i + 1, 0, false, &a, 1);
    }
    rig_expect_said(r, s, "");
    rig_send_dict_part(r, s, 0, 100, 100, 0, false, &a, 1);
    rig_expect_said(r, s, "ERROR quota");
    rig_send_dict_part(r, s, 1, 0, 1, 0, false, &a, 1); /* another epoch has its own room */
    rig_expect_said(r, s, "");
    rig_end(r, s);
}

static void dictionaries_of_former_sessions_come_from_the_database(void **state) {
    struct rig *r = *state;
    const struct dict_entry entries[] = {rig_entry(1, "L_T1", VALUE_F64),
                                         rig_entry(2, "PU1.run", VALUE_BOOL)};
    struct buf bodies[3];
    for (uint64_t i = 0; i < 3; i++) {
        buf_init(&bodies[i], 1000);
        prefix_encode(&bodies[i], true, &(struct msg_prefix){.ep = 7, .seq = i, .dict = i < 2 ? 1 : 2});
        if (i < 2) {
            dict_encode(&bodies[i], 0, i == 0, &entries[i], 1); /* in two parts */
        } else {
            buf_text(&bodies[i], "rubbish");
        }
    }
    const struct link_dict dicts[] = {
        {RIG_OLD_EPOCH, 1, buf_slice(&bodies[0])},
        {RIG_OLD_EPOCH, 1, buf_slice(&bodies[1])},
        {RIG_EPOCH, 2, buf_slice(&bodies[2])},
        {31337, 1, buf_slice(&bodies[0])},
    };
    struct session *s = rig_connect(r, "gw-s1");
    struct msg_hello hello = rig_hello_msg(0);
    rig_send_hello(r, s, &hello);
    struct link_settled settled = rig_settled_ok();
    settled.n_dicts = COUNT(dicts);
    settled.dicts = dicts;
    rig_settle(r, &settled);
    rig_expect_said(r, s, "WELCOME");
    r->heard[0] = '\0';
    rig_send_data(r, s, FRAME_JOURNALED, 1, 50, 1);
    rig_expect_heard(r, "DATA 600/50 backlog");
    assert_int_equal(r->n_samples, 1);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 51, 1); /* the present epoch has none of that id */
    rig_expect_said(r, s, "ERROR unknown_dict");
    for (size_t i = 0; i < COUNT(bodies); i++) {
        buf_done(&bodies[i]);
    }
    rig_end(r, s);
}

static void a_type_that_does_not_fit_is_left_out_and_told_once(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    const struct dict_entry v[] = {rig_entry(1, "L_T1", VALUE_F64), rig_entry(2, "PU1.run", VALUE_F64),
                                   rig_entry(3, "PU1.starts", VALUE_STRING)};
    rig_send_dict_part(r, s, 0, 0, 1, 0, false, v, COUNT(v));
    r->heard[0] = '\0';
    const struct link_sample samples[] = {
        rig_level(1),
        {.alias = 2, .type = VALUE_F64, .t_us = 1790000000000000, .f = 1},
        {.alias = 3, .type = VALUE_STRING, .t_us = 1790000000000000, .s = slice_str("x")},
    };
    for (uint64_t seq = 1; seq <= 3; seq++) {
        struct buf body;
        rig_data_body(&body, true, 0, seq, 1, samples, COUNT(samples));
        rig_send(r, s, MSG_DATA, FRAME_JOURNALED, buf_slice(&body));
        buf_done(&body);
        assert_int_equal(r->n_samples, 1);
    }
    rig_expect_heard(r, "!link.type_mismatch; DATA 700/1; DATA 700/2; DATA 700/3");
    rig_expect_said(r, s, "ERROR unsupported");
    assert_non_null(strstr(roster_borrow_status(r->roster, 0)->fault, "PU1.run"));
    rig_end(r, s);
}

/* The wire takes any text; the tags of this server have one level below the site. */
static void names_that_no_tag_can_have_are_left_out_and_told_once(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    const struct dict_entry v[] = {rig_entry(1, "L_T1", VALUE_F64), rig_entry(2, "pump1/running", VALUE_BOOL),
                                   rig_entry(3, "L_T1 ", VALUE_F64),
                                   rig_entry(4, "not.configured", VALUE_F64)};
    rig_send_dict_part(r, s, 0, 0, 1, 0, false, v, COUNT(v));
    r->heard[0] = '\0';
    const struct link_sample samples[] = {
        rig_level(1),
        {.alias = 2, .type = VALUE_BOOL, .t_us = 1790000000000000, .i = 1},
        {.alias = 3, .type = VALUE_F64, .t_us = 1790000000000000, .f = 1},
        {.alias = 4, .type = VALUE_F64, .t_us = 1790000000000000, .f = 1},
    };
    for (uint64_t seq = 1; seq <= 2; seq++) {
        struct buf body;
        rig_data_body(&body, true, 0, seq, 1, samples, COUNT(samples));
        rig_send(r, s, MSG_DATA, FRAME_JOURNALED, buf_slice(&body));
        buf_done(&body);
        assert_int_equal(r->n_samples, 1);
    }
    rig_expect_heard(r, "!link.name_mismatch; DATA 700/1; DATA 700/2");
    rig_expect_said(r, s, "ERROR unsupported");
    assert_string_equal(roster_borrow_status(r->roster, 0)->fault,
                        "dictionary 1: 2 names cannot be tags here, which have A-Z a-z 0-9 . _ - "
                        "(levels: a.b); they are left out, the first is \"pump1/running\"");
    assert_int_equal(roster_borrow_status(r->roster, 0)->unknown_tags, 6);
    rig_end(r, s);
}

static const struct {
    enum value_type value;
    bool fits[3]; /* float, bool, int */
} fits[] = {
    {VALUE_BOOL, {false, true, true}},    {VALUE_INT, {true, false, true}},
    {VALUE_UINT, {true, false, true}},    {VALUE_SCALED, {true, false, false}},
    {VALUE_F32, {true, false, false}},    {VALUE_F64, {true, false, false}},
    {VALUE_ENUM, {false, false, true}},   {VALUE_STRING, {false, false, false}},
    {VALUE_BYTES, {false, false, false}},
};

static void expect_fit(struct rig *r, const char *name, enum value_type type, bool expected) {
    struct session *s = rig_live(r);
    const struct dict_entry e = rig_entry(1, name, type);
    rig_send_dict_part(r, s, 0, 0, 1, 0, false, &e, 1);
    struct link_sample v = {.alias = 1, .type = (uint8_t)type, .t_us = 1790000000000000};
    if (type == VALUE_STRING || type == VALUE_BYTES) {
        v.s = slice_str("");
    }
    struct buf body;
    rig_data_body(&body, true, 0, 1, 1, &v, 1);
    r->n_samples = 9;
    rig_send(r, s, MSG_DATA, FRAME_JOURNALED, buf_slice(&body));
    buf_done(&body);
    if (r->n_samples != (expected ? 1U : 0U)) {
        fail_msg("%s for %s: %u", value_type_name((uint8_t)type), name, r->n_samples);
    }
    rig_expect_said(r, s, expected ? "" : "ERROR unsupported");
    rig_end(r, s);
}

static void each_type_of_value_fits_the_tags_that_can_hold_it(void **state) {
    static const char *const names[] = {"L_T1", "PU1.run", "PU1.starts"};
    for (size_t i = 0; i < COUNT(fits); i++) {
        for (size_t j = 0; j < COUNT(names); j++) {
            expect_fit(*state, names[j], fits[i].value, fits[i].fits[j]);
        }
    }
}

static void a_new_configuration_gives_names_a_new_meaning(void **state) {
    struct rig *r = *state;
    struct session *s = with_dict(r);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 1);
    assert_int_equal(r->samples[0].tag, RIG_TAG_LEVEL);
    struct model *m = rig_model(2, false);
    m->tags[RIG_TAG_LEVEL].gateway = 1; /* moved to the other gateway */
    rig_set_model(r, m);
    rig_expect_said(r, s, "REFRESH"); /* what is new there has no value yet */
    rig_send_data(r, s, FRAME_JOURNALED, 0, 2, 1);
    assert_int_equal(r->n_samples, 0);
    rig_set_model(r, rig_model(2, false));
    rig_send_data(r, s, FRAME_JOURNALED, 0, 3, 1);
    assert_int_equal(r->n_samples, 1);
    rig_end(r, s);
}

#ifdef PENSTOCK_MUTANTS
static void the_mutant_acknowledges_what_is_not_committed(void **state) {
    struct rig *r = *state;
    r->env.limits.mutant_ack_before_commit = true;
    struct session *s = rig_live(r);
    rig_send_dict(r, s, 0, 0, 1);
    rig_expect_said(r, s, "ACK 0: 0-1");
    rig_end(r, s);
}
#endif

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)

static void records_of_one_moment_have_receipts_of_their_own(void **state) {
    struct rig *r = *state;
    struct session *s = rig_live(r);
    rig_send_dict(r, s, 0, 0, 1);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 1, 1);
    assert_int_equal(r->received_us, r->now.wall_us);
    for (uint64_t seq = 2; seq < 5; seq++) {
        int64_t before = r->received_us;
        rig_send_data(r, s, FRAME_JOURNALED, 0, seq, 1);
        assert_int_equal(r->received_us, before + 1);
    }
    rig_advance(r, TM_SECOND_US);
    rig_send_data(r, s, FRAME_JOURNALED, 0, 5, 1);
    assert_int_equal(r->received_us, r->now.wall_us);
    rig_end(r, s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_RIG(a_dictionary_in_too_many_parts_is_quarantined),
        IN_RIG(a_part_that_was_not_taken_leaves_no_trace),
        IN_RIG(aliases_of_unknown_value_types_are_named_at_once),
        IN_RIG(samples_arrive_under_the_tags_of_the_configuration),
        IN_RIG(what_a_gateway_tells_of_itself_is_kept_without_configuration),
        IN_RIG(scaled_integers_arrive_as_numbers),
        IN_RIG(the_backlog_flag_and_former_epochs_are_history),
        IN_RIG(a_snapshot_goes_to_the_host_and_not_to_the_store),
        IN_RIG(the_end_of_the_backlog_is_told_once_with_the_time_of_the_first_live_sample),
        IN_RIG(without_a_backlog_the_first_live_message_ends_it),
        IN_RIG(a_dictionary_that_goes_ahead_does_not_end_the_backlog),
        IN_RIG(numbers_that_the_site_told_to_be_gone_are_not_waited_for),
        IN_RIG(what_was_told_to_be_gone_in_an_earlier_session_is_not_waited_for),
        IN_RIG(a_bad_event_is_quarantined),
        IN_RIG(what_is_no_event_is_quarantined),
        IN_RIG(nothing_is_acknowledged_before_it_is_committed),
        IN_RIG(each_epoch_has_its_own_acknowledgement),
        IN_RIG(a_commit_of_something_unknown_is_ignored),
        IN_RIG(more_ranges_than_one_ack_holds_take_several),
        IN_RIG(a_record_that_comes_again_in_another_session_has_the_same_crc),
        IN_RIG(a_poison_record_is_stored_reported_acknowledged_and_the_session_goes_on),
        IN_RIG(a_flood_of_poison_is_told_to_the_audit_at_a_bounded_rate),
        IN_RIG(a_record_without_a_place_ends_the_session),
        IN_RIG(a_gateway_may_fill_the_window_and_not_more),
        IN_RIG(the_window_counts_bytes_too),
        IN_RIG(what_is_committed_leaves_the_window),
        IN_RIG(holes_without_end_are_refused),
        IN_RIG(without_room_a_session_stops_and_goes_on_where_it_was),
        IN_RIG(a_session_that_waits_for_us_is_not_shown_as_alive_for_ever),
        IN_RIG(one_that_waited_for_us_less_goes_on),
        IN_RIG(a_dictionary_that_had_to_wait_is_there_afterwards),
        IN_RIG(a_dictionary_may_come_in_parts_and_counts_when_it_is_whole),
        IN_RIG(a_bad_part_spoils_its_dictionary_and_no_other),
        IN_RIG(a_dictionary_may_change_another),
        IN_RIG(an_epoch_has_room_for_64_dictionaries),
        IN_RIG(dictionaries_of_former_sessions_come_from_the_database),
        IN_RIG(a_type_that_does_not_fit_is_left_out_and_told_once),
        IN_RIG(names_that_no_tag_can_have_are_left_out_and_told_once),
        IN_RIG(each_type_of_value_fits_the_tags_that_can_hold_it),
        IN_RIG(a_new_configuration_gives_names_a_new_meaning),
        IN_RIG(records_of_one_moment_have_receipts_of_their_own),
#ifdef PENSTOCK_MUTANTS
        IN_RIG(the_mutant_acknowledges_what_is_not_committed),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
