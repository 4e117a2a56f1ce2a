/* Covers: alarm_sql.c, figures_sql.c, restore.c */
#include "server/store/restore.h"
#include "tests/unit/store/rig.h"

static struct pgtest pg;

/* One alarm's life, written through the store; each record is one second after the one before. */
struct life {
    struct rig *r;
    uint64_t seq;
    uint64_t n[8];  /* by alarm key */
    uint16_t flags; /* of the next records */
};

struct step {
    enum alarm_record_kind kind;
    uint16_t facts;
    const char *actor;
    const char *text; /* comment, or source of a suppression */
};

#define ON (FACT_ENABLED | FACT_ACTIVE)

static int64_t at(uint64_t seq) {
    return (int64_t)seq * 1000000;
}

static void live(struct life *l, int64_t alarm, const struct step *step) {
    bool source = step->kind == RECORD_SUPPRESS || step->kind == RECORD_UNSUPPRESS;
    struct alarm_record rec = {.seq = ++l->seq,
                               .n = ++l->n[alarm],
                               .alarm_key = alarm,
                               .site_key = alarm % 2 == 0 ? 22 : 21,
                               .kind = step->kind,
                               .facts = step->facts,
                               .flags = l->flags,
                               .from = 'A',
                               .to = alarm_shown_letter(step->facts),
                               .base = alarm_base_letter(step->facts),
                               .occ = 1,
                               .call = 1,
                               .priority = (uint8_t)(alarm % 4 + 1)};
    rec.src_us = at(l->seq) - 500000;
    rec.at_us = at(l->seq);
    (void)snprintf(rec.actor, sizeof rec.actor, "%s", step->actor);
    (void)snprintf(rec.source, sizeof rec.source, "%s", source ? step->text : "");
    (void)snprintf(rec.comment, sizeof rec.comment, "%s", source ? "" : step->text);
    assert_int_equal(store_journal(l->r->store, &rec, slice_str(alarm == 3 ? "east" : "main")), OK);
}

static const struct step whole[] = {
    {RECORD_RAISE, ON, "", ""},                                                        /* 1 */
    {RECORD_ACK, ON | FACT_ACKED, "anna", ""},                                         /* 2 */
    {RECORD_SHELVE, ON | FACT_ACKED | FACT_SHELVED, "bert", "valve"},                  /* 3 */
    {RECORD_SUPPRESS, ON | FACT_ACKED | FACT_SHELVED | FACT_SUPPRESSED, "", "rule"},   /* 4 */
    {RECORD_SUPPRESS, ON | FACT_ACKED | FACT_SHELVED | FACT_SUPPRESSED, "", "pumps"},  /* 5 */
    {RECORD_UNSUPPRESS, ON | FACT_ACKED | FACT_SHELVED | FACT_SUPPRESSED, "", "rule"}, /* 6 */
    {RECORD_SUPPRESS, ON | FACT_ACKED | FACT_SHELVED | FACT_SUPPRESSED, "", "dora"},   /* 7 */
    {RECORD_OOS_ON, ON | FACT_ACKED | FACT_SHELVED | FACT_SUPPRESSED | FACT_OUT_OF_SERVICE, "carl", "broken"},
    {RECORD_UNSHELVE, ON | FACT_ACKED | FACT_SUPPRESSED | FACT_OUT_OF_SERVICE, "bert", ""}, /* 9 */
    {RECORD_DISABLE, 0, "", ""},                                                            /* 10 */
    {RECORD_ENABLE, FACT_ENABLED | FACT_ACKED, "", ""},                                     /* 11 */
    {RECORD_SUPPRESS, FACT_ENABLED | FACT_ACKED | FACT_SUPPRESSED, "", "pumps"},            /* 12 */
};

static struct life begin(void) {
    rig_migrate(&pg);
    pgtest_do(&pg, "insert into config_key (kind, name) values ('alarm', 'S1/A'), ('alarm', 'S2/B'),"
                   " ('alarm', 'S1/C')");
    return (struct life){.r = rig_new(&pg)};
}

static void live_all(struct life *l, int64_t alarm, size_t n) {
    for (size_t i = 0; i < n; i++) {
        live(l, alarm, &whole[i]);
    }
    RIG_UNTIL(l->r, l->r->journaled == l->seq);
}

static const char *state_at(struct rig *r, int64_t at_us) {
    struct request ask = {.kind = REQ_ALARM_STATE_AT, .state_at = {.at_us = at_us, .limit = 16}};
    const struct rig_reply *reply = rig_ask(r, &ask);
    assert_int_equal(reply->reply.status, OK);
    return reply->text;
}

static void the_journal_alone_tells_each_moments_state(void **state) {
    (void)state;
    static const char *const expected[] = {
        "S1/A main  0| 0 | 0 |[];",
        "S1/A main anna 2000000| 0 | 0 |[];",
        "S1/A main anna 2000000|bert 3000000 valve| 0 |[];",
        "S1/A main anna 2000000|bert 3000000 valve| 0 |[\"rule\"];",
        "S1/A main anna 2000000|bert 3000000 valve| 0 |[\"rule\",\"pumps\"];",
        "S1/A main anna 2000000|bert 3000000 valve| 0 |[\"pumps\"];",
        "S1/A main anna 2000000|bert 3000000 valve| 0 |[\"pumps\",\"dora\"];",
        "S1/A main anna 2000000|bert 3000000 valve|carl 8000000 broken|[\"pumps\",\"dora\"];",
        "S1/A main anna 2000000| 0 |carl 8000000 broken|[\"pumps\",\"dora\"];",
        "S1/A main  0| 0 | 0 |[];", /* acknowledged anew once it is enabled again */
        "S1/A main  0| 0 | 0 |[];",
        "S1/A main  0| 0 | 0 |[\"pumps\"];",
    };
    static const char letters[] = "BCGHHHHIIZAH";
    static const char bases[] = "BCCCCCCCCZAA";
    struct life l = begin();
    live_all(&l, 1, COUNT(whole));
    assert_string_equal(state_at(l.r, at(1) - 1), "");
    for (size_t i = 0; i < COUNT(whole); i++) {
        for (int64_t later = 0; later < 1000000; later += 999999) {
            assert_string_equal(state_at(l.r, at(i + 1) + later), expected[i]);
            const struct alarm_record *rec = &l.r->states[0].record;
            assert_true(rec->seq == i + 1 && rec->to == letters[i] && rec->base == bases[i]);
        }
    }
    rig_stop(&l.r, 5000);
}

/* A start gives these records to be folded. */
static void loads(const char *expected) {
    struct rig *r = rig_new(&pg);
    char text[64] = "";
    for (size_t i = 0; i < r->n_records; i++) {
        size_t end = strlen(text);
        (void)snprintf(text + end, sizeof text - end, "%s%llu", i == 0 ? "" : " ",
                       (unsigned long long)r->records[i].seq);
    }
    assert_string_equal(text, expected);
    rig_stop(&r, 5000);
}

/* Each prefix of the life is what a crash may leave. */
static void a_start_loads_what_the_core_must_fold_in_order(void **state) {
    (void)state;
    static const char *const expected[] = {
        "1",         "1 2",         "1 2 3",       "1 2 3 4", "1 2 3 4 5", "1 2 3 5 6",
        "1 2 3 5 7", "1 2 3 5 7 8", "1 2 5 7 8 9", "1 10",    "1 11",      "1 12",
    };
    for (size_t n = 1; n <= COUNT(whole); n++) {
        struct life l = begin();
        live_all(&l, 1, n);
        rig_stop(&l.r, 5000);
        loads(expected[n - 1]);
    }
}

/* The system's own acknowledgement counts beside those of people: the core makes one at most once in a while.
 */
static void a_start_loads_the_newest_acknowledgement_of_each_sort(void **state) {
    (void)state;
    static const struct step again = {RECORD_RERAISE, ON, "", ""};
    static const struct step by_itself = {RECORD_RTN, FACT_ENABLED | FACT_ACKED, "", ""};
    struct life l = begin();
    live(&l, 1, &whole[0]);
    l.flags = RECORD_AUTO;
    live(&l, 1, &by_itself); /* 2 */
    live(&l, 1, &by_itself); /* 3 */
    l.flags = 0;
    live(&l, 1, &again);    /* 4 */
    live(&l, 1, &whole[1]); /* 5 */
    live(&l, 1, &whole[2]); /* 6 */
    RIG_UNTIL(l.r, l.r->journaled == l.seq);
    rig_stop(&l.r, 5000);
    loads("3 4 5 6");
}

/* More alarms than one page, and several records of each. */
static void a_start_loads_every_alarm_of_a_large_plant(void **state) {
    (void)state;
    enum { N = 2 * RESTORE_PAGE + 1 };
    rig_migrate(&pg);
    pgtest_do(&pg,
              "insert into alarm_journal (seq, n, alarm_key, site_key, tag_key, revision, kind, from_letter,"
              " to_letter, occ, call, priority, src_us, at_us, raised_us, quality, actor_key, actor, comment)"
              " select g, (g - 1) / %d + 1, (g - 1) %% %d - 5, 1, 1, 1, case when g <= %d then 'ack' else "
              "'rtn' end,"
              " 'A', 'B', 1, 1, 1, g, g, g, 0, 0, '', '' from generate_series(1, %d) g",
              N, N, N, 3 * N);
    struct rig *r = rig_new(&pg);
    assert_int_equal(r->n_records, 2 * N);
    assert_int_equal(r->journal_seq, 3 * N);
    assert_true(r->records_in_order);
    rig_stop(&r, 5000);
}

static uint32_t states(struct rig *r, struct request ask) {
    ask.kind = REQ_ALARM_STATE_AT;
    ask.state_at.at_us = INT64_MAX;
    ask.state_at.limit = ask.state_at.limit == 0 ? 16 : ask.state_at.limit;
    const struct rig_reply *reply = rig_ask(r, &ask);
    assert_int_equal(reply->reply.status, OK);
    return reply->reply.states.n;
}

static void states_are_filtered_and_paged(void **state) {
    (void)state;
    struct life l = begin();
    live_all(&l, 1, 1);  /* B */
    live_all(&l, 2, 12); /* normal, suppressed */
    live_all(&l, 3, 3);  /* C, shelved; position east */
    int64_t area[] = {22, 23};
    assert_int_equal(states(l.r, (struct request){0}), 3);
    assert_int_equal(states(l.r, (struct request){.state_at = {.retained = true}}), 2);
    assert_int_equal(states(l.r, (struct request){.state_at = {.limit = 2}}), 2);
    assert_int_equal(states(l.r, (struct request){.state_at = {.after_key = 2}}), 1);
    assert_true(l.r->states[0].record.alarm_key == 3);
    assert_int_equal(states(l.r, (struct request){.state_at = {.filter = {.alarm_key = 2}}}), 1);
    assert_int_equal(states(l.r, (struct request){.state_at = {.filter = {.site_key = 21}}}), 2);
    assert_int_equal(states(l.r, (struct request){.state_at = {.filter = {.sites = area, .n_sites = 2}}}), 1);
    assert_int_equal(states(l.r, (struct request){.state_at = {.filter = {.sites = area, .n_sites = 0}}}), 0);
    assert_int_equal(states(l.r, (struct request){.state_at = {.filter = {.priorities = 1 << 2 | 1 << 4}}}),
                     2);
    assert_int_equal(states(l.r, (struct request){.state_at = {.filter = {.position = "east"}}}), 1);
    struct request wrong = {.kind = REQ_ALARM_STATE_AT};
    assert_int_equal(rig_ask(l.r, &wrong)->reply.status, ERR_INVALID);
    wrong =
        (struct request){.kind = REQ_ALARM_STATE_AT,
                         .state_at = {.limit = 1, .filter = {.sites = area, .n_sites = SITE_LIST_MAX + 1}}};
    assert_int_equal(rig_ask(l.r, &wrong)->reply.status, ERR_INVALID);
    rig_stop(&l.r, 5000);
}

static uint32_t history(struct rig *r, struct request ask) {
    ask.kind = REQ_ALARM_HISTORY;
    ask.history.limit = 64;
    const struct rig_reply *reply = rig_ask(r, &ask);
    assert_int_equal(reply->reply.status, OK);
    return reply->reply.history.n;
}

static void history_is_filtered(void **state) {
    (void)state;
    struct life l = begin();
    live_all(&l, 1, 3);
    live_all(&l, 2, 12);
    live_all(&l, 3, 2);
    int64_t area[] = {22, 23};
    assert_int_equal(history(l.r, (struct request){0}), 17);
    assert_int_equal(history(l.r, (struct request){.history = {.kinds = 1U << RECORD_RAISE}}), 3);
    assert_int_equal(
        history(l.r, (struct request){.history = {.kinds = 1U << RECORD_RAISE | 1U << RECORD_SUPPRESS}}), 7);
    assert_int_equal(history(l.r, (struct request){.history = {.filter = {.position = "east"}}}), 2);
    assert_int_equal(history(l.r, (struct request){.history = {.filter = {.priorities = 1 << 3}}}), 12);
    assert_int_equal(history(l.r, (struct request){.history = {.filter = {.sites = area, .n_sites = 2}}}),
                     12);
    assert_int_equal(
        history(l.r, (struct request){.history = {.filter = {.alarm_key = 1},
                                                  .kinds = 1U << RECORD_ACK | 1U << RECORD_RTN}}),
        1);
    rig_stop(&l.r, 5000);
}

/* Three alarms whose records became known in another order than they happened in. */
static void history_by_source_time_can_be_paged(void **state) {
    (void)state;
    static const int64_t src[] = {50, 30, 40, 30, 10, 20};
    static const uint64_t by_src[] = {1, 3, 4, 2, 6, 5};
    struct life l = begin();
    for (uint64_t i = 0; i < COUNT(src); i++) {
        struct alarm_record rec = {.seq = i + 1, .n = i + 1, .alarm_key = 1, .kind = RECORD_HIST_RAISE};
        rec.from = 'A';
        rec.to = 'A';
        rec.src_us = src[i];
        rec.at_us = 100 + (int64_t)i;
        assert_int_equal(store_journal(l.r->store, &rec, slice_str("main")), OK);
    }
    RIG_UNTIL(l.r, l.r->journaled == COUNT(src));
    struct request ask = {.kind = REQ_ALARM_HISTORY, .history = {.order = HISTORY_BY_SRC, .limit = 1}};
    for (size_t i = 0; i < COUNT(src); i++) {
        assert_int_equal(rig_ask(l.r, &ask)->reply.history.n, 1);
        assert_true(l.r->history[0].record.seq == by_src[i]);
        ask.history.before = l.r->history[0].record.seq;
        ask.history.before_src_us = l.r->history[0].record.src_us;
    }
    assert_int_equal(rig_ask(l.r, &ask)->reply.history.n, 0);
    ask = (struct request){.history = {.order = HISTORY_BY_SRC, .from_us = 20, .to_us = 40}};
    assert_int_equal(history(l.r, ask), 3);
    rig_stop(&l.r, 5000);
}

static void the_newest_activation_of_each_alarm_is_told(void **state) {
    (void)state;
    static const struct step again = {RECORD_RERAISE, ON, "", ""};
    struct life l = begin();
    live_all(&l, 1, 2);
    live(&l, 2, &whole[0]);
    live(&l, 2, &again);
    live(&l, 2, &whole[1]);
    live(&l, 3, &whole[9]); /* never raised */
    RIG_UNTIL(l.r, l.r->journaled == l.seq);
    struct request ask = {.kind = REQ_ALARM_LAST_RAISED, .last_raised = {.limit = 16}};
    assert_int_equal(rig_ask(l.r, &ask)->reply.raised.n, 2);
    assert_true(l.r->raised[0].alarm_key == 1 && l.r->raised[0].at_us == at(1) &&
                l.r->raised[0].src_us == at(1) - 500000);
    assert_true(l.r->raised[1].alarm_key == 2 && l.r->raised[1].at_us == at(4) && l.r->raised[1].occ == 1);
    ask.last_raised.after_key = 1;
    assert_int_equal(rig_ask(l.r, &ask)->reply.raised.n, 1);
    ask.last_raised.limit = 0;
    assert_int_equal(rig_ask(l.r, &ask)->reply.status, ERR_INVALID);
    rig_stop(&l.r, 5000);
}

static void figures_come_with_their_definitions(void **state) {
    (void)state;
    struct life l = begin();
    live_all(&l, 1, 3);
    live_all(&l, 2, 1);
    struct request ask = {.kind = REQ_ALARM_KPI, .kpi = {.from_us = 0, .to_us = at(100)}};
    const struct rig_reply *reply = rig_ask(l.r, &ask);
    assert_int_equal(reply->reply.status, OK);
    assert_true(strncmp(reply->text, "n=2 ", 4) == 0);
    assert_non_null(strstr(reply->text, "\ntop10_pct=100 [\"S1/A:1\", \"S2/B:1\"]\n"));
    assert_non_null(strstr(reply->text, "\nshelved=1 [\"S1/A\"]\n"));
    assert_non_null(strstr(reply->text, "\ntop_list=2 [{"));
    assert_non_null(strstr(reply->text, "\nconfigured=0 \n"));
    ask.kind = REQ_ALARM_BAD_ACTORS;
    reply = rig_ask(l.r, &ask);
    assert_int_equal(reply->reply.figures.n, 2);
    assert_true(strncmp(reply->text, "S1/A=1 {", 8) == 0);
    (void)snprintf(ask.kpi.position, sizeof ask.kpi.position, "nowhere");
    assert_int_equal(rig_ask(l.r, &ask)->reply.figures.n, 0);
    ask.kpi.to_us = 0;
    assert_int_equal(rig_ask(l.r, &ask)->reply.status, ERR_INVALID);
    rig_stop(&l.r, 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_journal_alone_tells_each_moments_state),
        cmocka_unit_test(a_start_loads_what_the_core_must_fold_in_order),
        cmocka_unit_test(a_start_loads_the_newest_acknowledgement_of_each_sort),
        cmocka_unit_test(a_start_loads_every_alarm_of_a_large_plant),
        cmocka_unit_test(states_are_filtered_and_paged),
        cmocka_unit_test(history_is_filtered),
        cmocka_unit_test(history_by_source_time_can_be_paged),
        cmocka_unit_test(the_newest_activation_of_each_alarm_is_told),
        cmocka_unit_test(figures_come_with_their_definitions),
    };
    pgtest_start(&pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(&pg);
    return failed;
}
