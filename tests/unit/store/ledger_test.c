/* Covers: ledger_sql.c, notes.c. What became of each number that a gateway gave out. */
#include "server/base/rand.h"
#include "server/base/tm.h"
#include "tests/unit/store/rig.h"

static struct pgtest pg;

enum { EPOCH_A = 0xa, EPOCH_B = 0xb, DAY_1 = 40000 /* 2079-07-08, behind every HELLO */ };

static int64_t on_day(int64_t day) {
    return day * TM_DAY_US + TM_HOUR_US;
}

static struct rig *rig_with_gateway(void) {
    rig_migrate(&pg);
    pgtest_do(&pg, "select config_apply(gen_random_uuid(), 'cli', 'x', array['site', 'gateway', 'gateway'],"
                   " array['S1', 'gw-s1', 'gw-s2'],"
                   " array['{\"name\":\"S1\"}', '{\"name\":\"gw-s1\",\"site\":\"S1\"}', "
                   "'{\"name\":\"gw-s2\",\"site\":\"S1\"}'], array[-1, -1, -1]::bigint[])");
    return rig_new(&pg);
}

static int64_t key_of(const struct rig *r, const char *gateway) {
    return store_key(r->store, CONFIG_GATEWAY, slice_str(gateway));
}

static struct store_record record(const struct rig *r, uint64_t epoch, uint64_t seq) {
    return (struct store_record){.gateway_key = key_of(r, "gw-s1"),
                                 .epoch = epoch,
                                 .seq = seq,
                                 .type = MSG_DATA,
                                 .flags = 1,
                                 .crc = 1,
                                 .body = slice_str("x"),
                                 .received_us = on_day(DAY_1),
                                 .fault_text = ""};
}

static void put(struct rig *r, struct store_record rec) {
    uint64_t n = r->n_ingested + r->n_forked;
    assert_int_equal(store_ingest(r->store, &rec), OK);
    RIG_UNTIL(r, r->n_ingested + r->n_forked > n);
}

/* Again, where the connection was just cut. */
static void hello(struct rig *r, const struct msg_epoch *epochs, uint32_t n_epochs) {
    struct store_settled *settled = &r->settled[0].settled;
    do {
        r->n_settled = 0;
        store_settle(r->store, 100, slice_str("gw-s1"), epochs, n_epochs);
        RIG_UNTIL(r, r->n_settled > 0);
    } while (settled->status != OK);
    RIG_UNTIL(r, pgtest_number(&pg, "select count(*) from gateway_said where session = %llu",
                               (unsigned long long)settled->session) == n_epochs);
}

static const char *balance(struct rig *r) {
    struct request ask = {.kind = REQ_LEDGER, .ledger = {.from_us = 0, .to_us = TM_DAY_US}};
    (void)snprintf(ask.ledger.gateway, sizeof ask.ledger.gateway, "gw-s1");
    const struct rig_reply *reply = rig_ask(r, &ask);
    assert_int_equal(reply->reply.status, OK);
    assert_int_equal(pgtest_number(&pg, "select count(*) from ledger_check(true)"), 0);
    return reply->text;
}

/* Lines of days, without those of balances and gaps. */
static void expect_days(struct rig *r, const char *gateway, int64_t from_day, int64_t to_day,
                        const char *expected) {
    struct request ask = {.kind = REQ_LEDGER,
                          .ledger = {.from_us = from_day * TM_DAY_US, .to_us = to_day * TM_DAY_US}};
    (void)snprintf(ask.ledger.gateway, sizeof ask.ledger.gateway, "%s", gateway);
    const struct rig_reply *reply = rig_ask(r, &ask);
    assert_int_equal(reply->reply.status, OK);
    const char *text = reply->text;
    for (uint32_t i = 0; i < reply->reply.ledger.n_balances; i++) {
        text = strchr(text, '\n') + 1;
    }
    const char *end = text;
    for (uint32_t i = 0; i < reply->reply.ledger.n_days; i++) {
        end = strchr(end, '\n') + 1;
    }
    char told[2048];
    (void)snprintf(told, sizeof told, "%.*s", (int)(end - text), text);
    assert_string_equal(told, expected);
}

static void a_gateway_that_said_nothing_has_an_empty_account(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    assert_string_equal(balance(r), "gw-s1 produced 0 = stored 0 + quarantined 0 + dropped 0 + waiting 0 + "
                                    "lost 0; duplicates 0 conflicts 0 replayed 0\n");
    rig_stop(&r, 5000);
}

static void what_is_stored_quarantined_repeated_and_forked_is_counted_with_it(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    put(r, record(r, EPOCH_A, 0));
    put(r, record(r, EPOCH_A, 0)); /* again */
    struct store_record bad = record(r, EPOCH_A, 1);
    bad.fault = LINK_BAD_RECORD;
    bad.fault_text = "bad";
    put(r, bad);
    struct store_record fork = record(r, EPOCH_A, 0);
    fork.crc = 2;
    put(r, fork);
    assert_string_equal(balance(r), "gw-s1 produced 2 = stored 1 + quarantined 1 + dropped 0 + waiting 0 + "
                                    "lost 0; duplicates 1 conflicts 1 replayed 0\n");
    rig_stop(&r, 5000);
}

static int64_t newest_hello(void) {
    return pgtest_number(&pg, "select max(said_us) from gateway_said");
}

static void what_hello_still_has_waits_and_what_it_has_no_more_is_lost(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    struct msg_epoch first[] = {{.epoch = EPOCH_A, .oldest_unacked = 0, .next_seq = 10}};
    hello(r, first, 1);
    put(r, record(r, EPOCH_A, 3));
    assert_string_equal(balance(r), "gw-s1 produced 10 = stored 1 + quarantined 0 + dropped 0 + waiting 9 + "
                                    "lost 0; duplicates 0 conflicts 0 replayed 0\n"
                                    "waiting a [0,3) 0 samples of [0,0]\n"
                                    "waiting a [4,10) 0 samples of [0,0]\n");
    struct msg_epoch second[] = {{.epoch = EPOCH_B, .oldest_unacked = 0, .next_seq = 2},
                                 {.epoch = EPOCH_A, .oldest_unacked = 5, .next_seq = 9}};
    hello(r, second, 2);
    char expected[1024];
    long long stored = (long long)on_day(DAY_1);
    long long said = (long long)newest_hello();
    (void)snprintf(expected, sizeof expected,
                   "gw-s1 produced 12 = stored 1 + quarantined 0 + dropped 0 + waiting 6 + "
                   "lost 5; duplicates 0 conflicts 0 replayed 0\n"
                   "lost a [0,3) 0 samples of [0,%lld]\n"
                   "lost a [4,5) 0 samples of [%lld,%lld]\n"
                   "lost a [9,10) 0 samples of [0,%lld]\n"
                   "waiting a [5,9) 0 samples of [0,0]\n"
                   "waiting b [0,2) 0 samples of [0,0]\n",
                   stored, stored, said, said);
    assert_string_equal(balance(r), expected);
    hello(r, second, 1); /* epoch A is not named any more */
    said = (long long)newest_hello();
    (void)snprintf(expected, sizeof expected,
                   "gw-s1 produced 12 = stored 1 + quarantined 0 + dropped 0 + waiting 2 + "
                   "lost 9; duplicates 0 conflicts 0 replayed 0\n"
                   "lost a [0,3) 0 samples of [0,%lld]\n"
                   "lost a [4,10) 0 samples of [%lld,%lld]\n"
                   "waiting b [0,2) 0 samples of [0,0]\n",
                   stored, stored, said);
    assert_string_equal(balance(r), expected);
    rig_stop(&r, 5000);
}

static void an_epoch_left_out_of_a_full_list_is_not_called_lost(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    struct msg_epoch first[] = {{.epoch = EPOCH_A, .next_seq = 4}};
    hello(r, first, 1);
    struct msg_epoch full[LINK_EPOCHS_MAX];
    for (uint32_t i = 0; i < LINK_EPOCHS_MAX; i++) {
        full[i] = (struct msg_epoch){.epoch = 0x100 + i, .next_seq = 1};
    }
    hello(r, full, LINK_EPOCHS_MAX);
    assert_non_null(strstr(balance(r), "waiting 20 + lost 0;"));
    hello(r, full, LINK_EPOCHS_MAX - 1);
    assert_non_null(strstr(balance(r), "waiting 15 + lost 5;"));
    rig_stop(&r, 5000);
}

static void a_live_record_far_ahead_leaves_what_is_before_it_waiting(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    struct msg_epoch first[] = {{.epoch = EPOCH_A, .next_seq = 2}};
    hello(r, first, 1);
    put(r, record(r, EPOCH_A, 5));
    assert_non_null(
        strstr(balance(r), "produced 6 = stored 1 + quarantined 0 + dropped 0 + waiting 5 + lost 0;"));
    rig_stop(&r, 5000);
}

static struct store_record tombstone(const struct rig *r, uint64_t seq, uint64_t first, uint64_t end) {
    struct store_record rec = record(r, EPOCH_B, seq);
    rec.type = MSG_EVENT;
    rec.has_dropped = true;
    rec.dropped = (struct store_dropped){
        .epoch = EPOCH_A, .first = first, .end = end, .samples = 70, .from_us = 5, .to_us = 9};
    return rec;
}

static void what_the_site_tells_to_be_gone_is_neither_waiting_nor_lost(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    struct msg_epoch epochs[] = {{.epoch = EPOCH_B, .next_seq = 1}, {.epoch = EPOCH_A, .next_seq = 10}};
    hello(r, epochs, 2);
    put(r, record(r, EPOCH_A, 4)); /* it was on its way when the site forgot it */
    put(r, tombstone(r, 0, 2, 6));
    put(r, tombstone(r, 0, 2, 6)); /* sent again: told once */
    assert_string_equal(balance(r), "gw-s1 produced 11 = stored 2 + quarantined 0 + dropped 3 + waiting 6 + "
                                    "lost 0; duplicates 1 conflicts 0 replayed 0\n"
                                    "waiting a [0,2) 0 samples of [0,0]\n"
                                    "waiting a [6,10) 0 samples of [0,0]\n"
                                    "dropped a [2,6) 70 samples of [5,9]\n");
    struct store_record later = tombstone(r, 1, 4, 12);
    later.received_us = on_day(DAY_1 + 1);
    put(r, later);
    expect_days(r, "gw-s1", DAY_1, DAY_1 + 2,
                "gw-s1 2079-07-08: produced 0 stored 2 quarantined 0 duplicates 1 conflicts 0 "
                "dropped 3 (70) samples 0\n"
                "gw-s1 2079-07-09: produced 3 stored 1 quarantined 0 duplicates 0 conflicts 0 "
                "dropped 6 (70) samples 0\n");
    assert_non_null(
        strstr(balance(r), "produced 14 = stored 3 + quarantined 0 + dropped 9 + waiting 2 + lost 0;"));
    rig_stop(&r, 5000);
}

/* What was acknowledged before the restore, and is not sent again, is lost, with its numbers; of what never
 * had a number here only the time is known. */
static void a_restore_is_a_gap_of_each_gateway_and_its_books_balance(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    put(r, record(r, EPOCH_A, 0));
    pgtest_do(&pg, "select store_restored(to_timestamp(1000), 'ann', '20260102T030405Z')");
    long long restored =
        (long long)pgtest_number(&pg, "select extract(epoch from at) * 1000000 from store_restore");
    struct msg_epoch said[] = {{.epoch = EPOCH_A, .oldest_unacked = 7, .next_seq = 9}};
    hello(r, said, 1);
    char expected[1024];
    (void)snprintf(
        expected, sizeof expected,
        "gw-s1 produced 9 = stored 1 + quarantined 0 + dropped 0 + waiting 2 + lost 6; duplicates 0 "
        "conflicts 0 replayed 0\n"
        "restored 0 [0,0) 0 samples of [1000000000,%lld]\n"
        "lost a [1,7) 0 samples of [%lld,%lld]\n"
        "waiting a [7,9) 0 samples of [0,0]\n",
        restored, (long long)on_day(DAY_1), (long long)newest_hello());
    assert_string_equal(balance(r), expected);
    assert_int_equal(pgtest_number(&pg, "select count(*) from ledger_gap() where state = 'restored'"), 2);
    assert_true(pgtest_number(&pg, "select min(session) from gateway_said") > 1000000000);
    rig_stop(&r, 5000);
}

/* What was used after that moment would be good a second time. */
static void what_was_allowed_once_ends_with_a_restore(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    static const char newest_token[] =
        "select expires_at > now() from gateway_token order by token_id desc limit 1";
    static const char newest_window[] =
        "select closes_at > now() from gateway_window order by window_id desc limit 1";
    pgtest_do(
        &pg,
        "insert into gateway_token (token_hash, gateway_key, created_by, expires_at)"
        " select sha256('x'), key, 'ann', now() + interval '1 hour' from config_key where name = 'gw-s1'");
    pgtest_do(&pg, "insert into gateway_window (gateway_key, opened_by, reason, closes_at)"
                   " select key, 'ann', 'x', now() + interval '1 hour' from config_key where name = 'gw-s1'");
    assert_int_equal(pgtest_number(&pg, "select ((%s) and (%s))::integer", newest_token, newest_window), 1);
    pgtest_do(&pg, "select store_restored(to_timestamp(1000), 'ann', '20260102T030405Z')");
    assert_int_equal(pgtest_number(&pg, "select (%s)::integer", newest_token), 0);
    assert_int_equal(pgtest_number(&pg, "select (%s)::integer", newest_window), 0);
    rig_stop(&r, 5000);
}

static void the_last_number_of_an_epoch_is_in_the_account(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    put(r, record(r, EPOCH_A, LINK_SEQ_MAX - 1));
    assert_non_null(strstr(balance(r), "gw-s1 produced 4611686018427387904 = stored 1 + quarantined 0 + "
                                       "dropped 0 + waiting 4611686018427387903 + lost 0;"));
    rig_stop(&r, 5000);
}

static void what_was_told_to_be_gone_and_is_stored_later_counts_as_stored_only(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    struct msg_epoch epochs[] = {{.epoch = EPOCH_B, .next_seq = 1}, {.epoch = EPOCH_A, .next_seq = 6}};
    hello(r, epochs, 2);
    put(r, tombstone(r, 0, 2, 6));
    assert_non_null(
        strstr(balance(r), "produced 7 = stored 1 + quarantined 0 + dropped 4 + waiting 2 + lost 0;"));
    put(r, record(r, EPOCH_A, 3));
    struct store_record bad = record(r, EPOCH_A, 5);
    bad.fault = LINK_BAD_RECORD;
    bad.fault_text = "bad";
    put(r, bad);
    assert_non_null(
        strstr(balance(r), "produced 7 = stored 2 + quarantined 1 + dropped 2 + waiting 2 + lost 0;"));
    rig_stop(&r, 5000);
}

static void days_are_of_the_servers_receipt_and_sum_up(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    struct stored_sample v[] = {{.tag_key = 11, .t_us = on_day(DAY_1), .value = 1},
                                {.tag_key = 11, .t_us = on_day(DAY_1) + 1, .value = 1}};
    struct store_record rec = record(r, EPOCH_A, 0);
    rec.samples = v;
    rec.n_samples = 2;
    put(r, rec);
    rec = record(r, EPOCH_A, 3);
    rec.received_us = (DAY_1 + 1) * TM_DAY_US - 1;
    put(r, rec);
    rec = record(r, EPOCH_A, 2);
    rec.received_us = (DAY_1 + 1) * TM_DAY_US;
    put(r, rec);
    rec = record(r, EPOCH_A, 0);
    rec.gateway_key = key_of(r, "gw-s2");
    put(r, rec);
    expect_days(r, "gw-s1", DAY_1, DAY_1 + 2,
                "gw-s1 2079-07-08: produced 4 stored 2 quarantined 0 duplicates 0 conflicts 0 "
                "dropped 0 (0) samples 2\n"
                "gw-s1 2079-07-09: produced 0 stored 1 quarantined 0 duplicates 0 conflicts 0 "
                "dropped 0 (0) samples 0\n");
    expect_days(r, "gw-s1", DAY_1 + 1, DAY_1 + 2,
                "gw-s1 2079-07-09: produced 0 stored 1 quarantined 0 duplicates 0 conflicts 0 "
                "dropped 0 (0) samples 0\n");
    expect_days(
        r, "", DAY_1, DAY_1 + 2,
        "gw-s1 : produced 4 stored 3 quarantined 0 duplicates 0 conflicts 0 dropped 0 (0) samples 2\n"
        "gw-s2 : produced 1 stored 1 quarantined 0 duplicates 0 conflicts 0 dropped 0 (0) samples 0\n");
    rig_stop(&r, 5000);
}

static void repeats_of_a_session_are_absolute(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    struct store_repeat repeat = {.gateway_key = key_of(r, "gw-s1"), .session = 5, .day = DAY_1, .n = 3};
    store_repeated(r->store, &repeat);
    repeat.n = 7;
    store_repeated(r->store, &repeat);
    repeat.n = 4; /* an older one, written late */
    store_repeated(r->store, &repeat);
    repeat.session = 6;
    store_repeated(r->store, &repeat);
    RIG_UNTIL(r, pgtest_number(&pg, "select count(*) from gateway_repeat") == 2);
    assert_non_null(strstr(balance(r), "duplicates 11 "));
    rig_stop(&r, 5000);
}

static void repeats_that_wait_are_written_by_a_stop(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    struct store_repeat repeat = {.gateway_key = 1, .session = 5, .day = DAY_1, .n = 3};
    store_repeated(r->store, &repeat);
    rig_stop(&r, RIG_PATIENCE_MS);
    assert_int_equal(pgtest_number(&pg, "select sum(n)::bigint from gateway_repeat"), 3);
}

static void absurd_numbers_of_one_gateway_do_not_spoil_the_account_of_another(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    struct msg_epoch epochs[] = {{.epoch = EPOCH_A, .next_seq = UINT64_MAX},
                                 {.epoch = EPOCH_B, .oldest_unacked = INT64_MAX, .next_seq = INT64_MAX},
                                 {.epoch = 0xc, .next_seq = INT64_MAX}};
    hello(r, epochs, 3);
    put(r, tombstone(r, 0, 5, INT64_MAX));
    struct store_record again = tombstone(r, 1, 0, INT64_MAX);
    again.dropped.epoch = 0xd;
    again.dropped.samples = UINT64_MAX;
    again.dropped.from_us = INT64_MIN;
    put(r, again);
    put(r, record(r, 0xc, LINK_SEQ_MAX - 2));
    struct store_record other = record(r, EPOCH_A, 0);
    other.gateway_key = key_of(r, "gw-s2");
    put(r, other);
    struct request ask = {.kind = REQ_LEDGER, .ledger = {.from_us = 0, .to_us = TM_DAY_US}};
    assert_non_null(strstr(rig_ask(r, &ask)->text, "gw-s2 produced 1 = stored 1 "));
    expect_days(r, "gw-s2", DAY_1, DAY_1 + 1,
                "gw-s2 2079-07-08: produced 1 stored 1 quarantined 0 duplicates 0 conflicts 0 dropped 0 (0) "
                "samples 0\n");
    (void)balance(r);
    put(r, record(r, 0xc, LINK_SEQ_MAX - 1)); /* the last that is taken at all */
    struct store_record beyond = record(r, 0xc, LINK_SEQ_MAX);
    assert_int_equal(store_ingest(r->store, &beyond), ERR_INVALID);
    (void)balance(r);
    ask.ledger.from_us = DAY_1 * TM_DAY_US;
    ask.ledger.to_us = ask.ledger.from_us + TM_DAY_US;
    assert_int_equal(rig_ask(r, &ask)->reply.status, OK);
    rig_stop(&r, 5000);
}

static void a_span_that_is_none_or_too_long_is_refused(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    struct request ask = {.kind = REQ_LEDGER, .ledger = {.from_us = 5, .to_us = 5}};
    assert_int_equal(rig_ask(r, &ask)->reply.status, ERR_INVALID);
    ask.ledger.to_us = 5 + (LEDGER_DAYS_MAX + 1) * TM_DAY_US;
    assert_int_equal(rig_ask(r, &ask)->reply.status, ERR_INVALID);
    rig_stop(&r, 5000);
}

static void what_was_counted_wrongly_is_told(void **state) {
    (void)state;
    struct rig *r = rig_with_gateway();
    put(r, record(r, EPOCH_A, 0));
    pgtest_do(&pg, "update gateway_day set stored = 2");
    assert_int_equal(pgtest_number(&pg, "select count(*) from ledger_check(true)"), 3);
    assert_int_equal(pgtest_number(&pg, "select count(*) from ledger_now() where not balanced"), 1);
    pgtest_do(&pg, "update gateway_day set stored = 1");
    assert_int_equal(pgtest_number(&pg, "select count(*) from ledger_check(true)"), 0);
    rig_stop(&r, 5000);
}

/* --- random histories against an account that is kept number by number */

enum { EPOCHS = 5, NUMBERS = 40 };

enum fate { FATE_NONE, FATE_STORED, FATE_BAD };

struct account {
    enum fate fate[EPOCHS][NUMBERS];
    bool gone[EPOCHS][NUMBERS]; /* as a tombstone told */
    uint64_t next[EPOCHS];      /* as far as anybody knows */
    uint64_t oldest[EPOCHS];    /* as the newest HELLO said; … */
    uint64_t said[EPOCHS];
    bool named[EPOCHS];
    uint32_t present;
    bool has_hello;
    uint64_t tombstones;
};

static void know(struct account *a, uint32_t e, uint64_t next) {
    a->next[e] = next > a->next[e] ? next : a->next[e];
}

static void random_record(struct rig *r, struct account *a, struct rand *rand) {
    uint32_t e = (uint32_t)rand_below(rand, EPOCHS);
    uint64_t seq = rand_below(rand, NUMBERS);
    bool bad = rand_below(rand, 4) == 0;
    struct store_record rec = record(r, 0x10 + e, seq);
    rec.received_us = on_day(DAY_1 + (int64_t)rand_below(rand, 4));
    rec.fault = bad ? LINK_BAD_RECORD : 0;
    rec.crc = rand_below(rand, 5) == 0 ? 2 : 1; /* a fork, if it is not the first */
    assert_int_equal(store_ingest(r->store, &rec), OK);
    if (a->fate[e][seq] == FATE_NONE) {
        a->fate[e][seq] = bad ? FATE_BAD : FATE_STORED;
    }
    know(a, e, seq + 1);
}

static void random_tombstone(struct rig *r, struct account *a, struct rand *rand) {
    uint32_t e = (uint32_t)rand_below(rand, EPOCHS);
    uint64_t first = rand_below(rand, NUMBERS - 1);
    uint64_t end = first + 1 + rand_below(rand, NUMBERS - first - 1);
    struct store_record rec = tombstone(r, a->tombstones++, first, end);
    rec.epoch = 0x99;
    rec.dropped.epoch = 0x10 + e;
    rec.received_us = on_day(DAY_1 + (int64_t)rand_below(rand, 4));
    assert_int_equal(store_ingest(r->store, &rec), OK);
    for (uint64_t i = first; i < end; i++) {
        a->gone[e][i] = true;
    }
    know(a, e, end);
}

static void random_hello(struct rig *r, struct account *a, struct rand *rand) {
    struct msg_epoch epochs[EPOCHS];
    uint32_t n = 0;
    memset(a->named, 0, sizeof a->named);
    a->has_hello = true;
    for (uint32_t e = 0; e < EPOCHS; e++) {
        if (rand_below(rand, 2) == 0 && !(e == EPOCHS - 1 && n == 0)) {
            continue;
        }
        a->present = n == 0 ? e : a->present;
        a->named[e] = true;
        a->said[e] = rand_below(rand, NUMBERS + 1);
        a->oldest[e] = rand_below(rand, a->said[e] + 1);
        epochs[n++] =
            (struct msg_epoch){.epoch = 0x10 + e, .oldest_unacked = a->oldest[e], .next_seq = a->said[e]};
        know(a, e, a->said[e]);
    }
    hello(r, epochs, n);
}

static void the_account(const struct account *a, char *ret, size_t size) {
    uint64_t n[5] = {0};
    uint64_t produced = 0;
    for (uint32_t e = 0; e < EPOCHS; e++) {
        produced += a->next[e];
        for (uint64_t i = 0; i < a->next[e]; i++) {
            uint64_t end = e == a->present ? a->next[e] : a->said[e];
            bool waits = !a->has_hello || (a->named[e] && i >= a->oldest[e] && i < end);
            n[a->fate[e][i] == FATE_STORED ? 0
              : a->fate[e][i] == FATE_BAD  ? 1
              : a->gone[e][i]              ? 2
              : waits                      ? 3
                                           : 4]++;
        }
    }
    (void)snprintf(
        ret, size,
        "produced %llu = stored %llu + quarantined %llu + dropped %llu + waiting %llu + lost %llu;",
        (unsigned long long)(produced + a->tombstones), (unsigned long long)(n[0] + a->tombstones),
        (unsigned long long)n[1], (unsigned long long)n[2], (unsigned long long)n[3],
        (unsigned long long)n[4]);
}

static void after_any_history_the_books_balance(void **state) {
    (void)state;
    uint64_t seed = unit_seed();
    printf("SEED=%llu\n", (unsigned long long)seed);
    for (uint32_t round = 0; round < 4; round++) {
        struct rand rand;
        rand_seed(&rand, seed + round);
        struct rig *r = rig_with_gateway();
        struct account a = {0};
        for (uint32_t step = 0; step < 60; step++) {
            uint64_t what = rand_below(&rand, 12);
            if (what == 0) {
                random_hello(r, &a, &rand);
            } else if (what == 1) {
                random_tombstone(r, &a, &rand);
            } else if (what == 2) {
                pgtest_do(&pg, "select pg_terminate_backend(pid) from pg_stat_activity where "
                               "application_name = 'penstock ingest'");
                RIG_UNTIL(r, r->state == STORE_OK);
            } else {
                random_record(r, &a, &rand);
            }
        }
        /* The last HELLO tells of everything before it. */
        random_hello(r, &a, &rand);
        char expected[256];
        the_account(&a, expected, sizeof expected);
        const char *text = balance(r);
        if (strstr(text, expected) == NULL) {
            fail_msg("SEED=%llu: %s\nbut the ledger says %s", (unsigned long long)(seed + round), expected,
                     text);
        }
        assert_int_equal(pgtest_number(&pg,
                                       "select sum(produced - stored - quarantined - dropped)::bigint from "
                                       "ledger('1970-01-01', '9999-01-01', 'gw-s1')"),
                         pgtest_number(&pg, "select waiting + lost from ledger_now('gw-s1')"));
        rig_stop(&r, 5000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateway_that_said_nothing_has_an_empty_account),
        cmocka_unit_test(what_is_stored_quarantined_repeated_and_forked_is_counted_with_it),
        cmocka_unit_test(what_hello_still_has_waits_and_what_it_has_no_more_is_lost),
        cmocka_unit_test(an_epoch_left_out_of_a_full_list_is_not_called_lost),
        cmocka_unit_test(a_live_record_far_ahead_leaves_what_is_before_it_waiting),
        cmocka_unit_test(what_the_site_tells_to_be_gone_is_neither_waiting_nor_lost),
        cmocka_unit_test(a_restore_is_a_gap_of_each_gateway_and_its_books_balance),
        cmocka_unit_test(what_was_allowed_once_ends_with_a_restore),
        cmocka_unit_test(the_last_number_of_an_epoch_is_in_the_account),
        cmocka_unit_test(what_was_told_to_be_gone_and_is_stored_later_counts_as_stored_only),
        cmocka_unit_test(days_are_of_the_servers_receipt_and_sum_up),
        cmocka_unit_test(repeats_of_a_session_are_absolute),
        cmocka_unit_test(repeats_that_wait_are_written_by_a_stop),
        cmocka_unit_test(absurd_numbers_of_one_gateway_do_not_spoil_the_account_of_another),
        cmocka_unit_test(a_span_that_is_none_or_too_long_is_refused),
        cmocka_unit_test(what_was_counted_wrongly_is_told),
        cmocka_unit_test(after_any_history_the_books_balance),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
