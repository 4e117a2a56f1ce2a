/* Covers: core_hash.c, key_index.c. Restart, and a new revision of the configuration. */
#include "server/core/alarm_fsm.h"
#include "server/core/key_index.h"
#include "tests/lib/core_story.h"

/* --- restart --- */

static void every_letter_survives_a_restart_and_nothing_rings_or_returns_without_evidence(void **state) {
    (void)state;
    story_run("tag T\ntag U\ntag W\ntag X\n"
              "alarm A high tag=T limit=80\nalarm B high tag=U limit=80\nalarm D high tag=W limit=80\n"
              "alarm N high tag=X limit=80\ninput\n"
              "0  sample T=85 U=85 W=85 X=1\n1  ack B by=anna -> OK\n4  sample W=20\n"
              "10 crash\n60 start\n"
              "61 check A st=B occ=1 call=1 untrusted=1 value=85 raised=0\n"
              "61 check B st=C by=anna acked=1\n"
              "61 check D st=D\n61 check N st=A\n"
              "61 counts unacked=2 active=2\n"
              "61 ack B call=1 by=bela -> ALREADY by=anna at=1\n"
              "62 sample T=85 U=85 W=85 X=1\n"
              "63 check A st=B occ=1 call=1 untrusted=0\n63 check B st=C occ=1\n"
              "64 sample U=20\n"
              "expect\n"
              "0 RAISE A A>B\n0 RAISE B A>B\n0 RAISE D A>B\n1 ACK B B>C\n4 RTN D B>D\n"
              "62 RERAISE D D>B occ=2 call=2 n=4\n64 RTN B C>A n=4\n");
}

static void after_a_restart_a_good_sample_is_the_evidence_for_the_return(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=85\n10 crash\n60 start\n61 sample T=20!bad\n62 check A st=B\n63 sample T=20\n"
              "expect\n0 RAISE A A>B\n63 RTN A B>D\n");
}

static void deadband_memory_survives_a_restart(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 db=5\ninput\n"
              "0 sample T=85\n10 crash\n60 start\n61 sample T=78\n62 check A st=B\n63 sample T=75\n"
              "expect\n0 RAISE A A>B\n63 RTN A B>D\n");
}

static void a_running_delay_is_not_restored(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "0 sample T=85\n5 crash\n60 start\n61 sample T=85\n100 wait\n"
              "expect\n71 RAISE A A>B src=71\n");
}

static void after_a_restart_a_gateway_gets_two_minutes_to_connect(void **state) {
    (void)state;
    story_run("tag T\nalarm GW comm gw=G1 after=30\ninput\n"
              "0   sample T=20\n10  crash\n60  start\n150 linkup G1\n300 check GW st=A\n"
              "expect\nnone\n");
}

static void a_gateway_that_does_not_come_after_a_restart_is_an_alarm(void **state) {
    (void)state;
    story_run(
        "tag T\nalarm GW comm gw=G1 after=30\nalarm G2 comm gw=G2 after=200\ninput\n"
        "10  crash\n60  start\n300 linkup G1\n301 linkdown G1\n400 wait\n"
        "expect\n180 RAISE GW A>B src=180\n260 RAISE G2 A>B\n300 RTN GW B>D\n331 RERAISE GW D>B src=331\n");
}

static void a_restored_comm_alarm_returns_when_the_link_comes_up(void **state) {
    (void)state;
    story_run("tag T\nalarm GW comm gw=G1 after=30\ninput\n"
              "0 linkdown G1\n31 ack GW -> OK\n40 crash\n60 start\n61 check GW st=C\n100 linkup G1\n"
              "expect\n30 RAISE GW A>B\n31 ACK GW B>C\n100 RTN GW C>A n=3\n");
}

/* A record as the journal has it: what it left the alarm in. */
static struct alarm_record past(uint64_t seq, uint64_t n, int64_t key, char base, uint32_t occ) {
    return (struct alarm_record){.seq = seq,
                                 .n = n,
                                 .alarm_key = key,
                                 .facts = alarm_facts_with_base(0, base),
                                 .to = base,
                                 .base = base,
                                 .occ = occ,
                                 .call = occ,
                                 .priority = 3};
}

static void an_alarm_that_was_disabled_while_the_server_was_down_is_disabled_at_the_start(void **state) {
    (void)state;
    struct spec spec = {.revision = 1,
                        .n_gateways = 1,
                        .n_tags = 1,
                        .n_alarms = 3,
                        .tags = {{.name = "T"}},
                        .alarms = {{.name = "A", .limit = 80, .disabled = true},
                                   {.name = "B", .limit = 80},
                                   {.name = "C", .limit = 80, .disabled = true}}};
    struct model *model = spec_model(&spec);
    const struct alarm_record newest[] = {
        past(8, 3, SPEC_KEY_ALARM, 'B', 2),
        past(9, 5, SPEC_KEY_ALARM + 1, 'Z', 4),
    };
    const struct core_restore restore = {.records = newest, .n = 2, .journal_seq = 9};
    struct story *s = calloc(1, sizeof *s);
    assert_int_equal(core_new(model, &restore, 100, &s->core, NULL), OK);
    assert_int_equal(core_next_wake(s->core), 100);
    s->now_us = 200;
    story_apply(s, &(struct event){.kind = EVENT_TIME});
    assert_int_equal(s->n_records, 3);
    assert_int_equal(s->records[2].kind, RECORD_DISABLE);
    assert_int_equal(s->records[2].from, 'A');
    assert_int_equal(core_alarm(s->core, 2).letter, 'Z');
    assert_int_equal(s->records[0].kind, RECORD_DISABLE);
    assert_int_equal(s->records[0].from, 'B');
    assert_int_equal(s->records[0].seq, 10);
    assert_int_equal(s->records[0].n, 4);
    assert_int_equal(s->records[0].at_us, 100);
    assert_int_equal(s->records[1].kind, RECORD_ENABLE);
    assert_int_equal(s->records[1].from, 'Z');
    assert_int_equal(s->records[1].n, 6);
    assert_int_equal(core_counts(s->core).unacked[0], 0);
    core_free(&s->core);
    model_free(&model);
    free(s);
}

static void server_time_in_the_journal_never_falls_though_the_clock_was_set_back(void **state) {
    (void)state;
    struct spec spec = {.revision = 1,
                        .n_gateways = 1,
                        .n_tags = 1,
                        .n_alarms = 1,
                        .tags = {{.name = "T"}},
                        .alarms = {{.name = "A", .limit = 80, .on_s = 10}}};
    struct model *model = spec_model(&spec);
    struct alarm_record r = past(7, 2, SPEC_KEY_ALARM, 'A', 0);
    r.at_us = 900000000;
    const struct core_restore restore = {.records = &r, .n = 1, .journal_seq = 7};
    struct story *s = calloc(1, sizeof *s);
    assert_int_equal(core_new(model, &restore, 100000000, &s->core, NULL), OK);
    s->now_us = 100000000;
    story_apply(s, &(struct event){.kind = EVENT_LINK, .link = {.up = true}});
    const struct sample v = {.value = 85, .t_us = s->now_us};
    story_apply(s, &(struct event){.kind = EVENT_SAMPLES, .samples = {.n = 1, .v = &v}});
    /* Delays follow the clock all the same. */
    assert_int_equal(core_next_wake(s->core), 110000000);
    s->now_us = 110000000;
    story_apply(s, &(struct event){.kind = EVENT_TIME});
    assert_int_equal(s->n_records, 1);
    assert_int_equal(s->records[0].at_us, 900000000);
    assert_int_equal(s->records[0].src_us, 110000000);
    core_free(&s->core);
    model_free(&model);
    free(s);
}

static void refused(const struct alarm_record *r, uint64_t journal_seq, const char *text) {
    struct spec spec = {.revision = 1,
                        .n_gateways = 1,
                        .n_tags = 1,
                        .n_alarms = 1,
                        .tags = {{.name = "T"}},
                        .alarms = {{.name = "A"}}};
    struct model *model = spec_model(&spec);
    const struct core_restore restore = {.records = r, .n = 1, .journal_seq = journal_seq};
    struct core *core = NULL;
    struct error err = {0};
    assert_int_equal(core_new(model, &restore, 100, &core, &err), ERR_INVALID);
    assert_null(core);
    assert_non_null(strstr(err.text, text));
    model_free(&model);
}

static void a_journal_that_cannot_be_true_is_refused(void **state) {
    (void)state;
    struct alarm_record r = past(8, 1, SPEC_KEY_ALARM, 'B', 1);
    refused(&r, 7, "newer than the journal's end, 7");
    r.to = 'C';
    refused(&r, 9, "ends in state C with facts 3; they must be those of one state");
    r = past(8, 1, SPEC_KEY_ALARM, 'B', 1);
    r.facts |= 0x8000;
    refused(&r, 9, "they must be those of one state");
    r = past(8, 1, SPEC_KEY_ALARM, 'B', 1);
    r.facts |= FACT_ONE_SHOT; /* of no shelf */
    refused(&r, 9, "they must be those of one state");
    r = past(8, 1, SPEC_KEY_ALARM, 'B', 1);
    r.priority = 0;
    refused(&r, 9, "has priority 0; it must be from 1 to 4");
    r.priority = 5;
    refused(&r, 9, "has priority 5; it must be from 1 to 4");
    /* Also of an alarm that has left the configuration. */
    r.alarm_key = 999;
    refused(&r, 9, "has priority 5; it must be from 1 to 4");
}

static void of_two_records_of_an_alarm_the_newer_counts_and_strangers_are_ignored(void **state) {
    (void)state;
    struct spec spec = {.revision = 1,
                        .n_gateways = 1,
                        .n_tags = 1,
                        .n_alarms = 1,
                        .tags = {{.name = "T"}},
                        .alarms = {{.name = "A"}}};
    struct model *model = spec_model(&spec);
    const struct alarm_record v[] = {past(7, 2, SPEC_KEY_ALARM, 'D', 1), past(5, 1, SPEC_KEY_ALARM, 'B', 1),
                                     past(6, 1, 999999, 'B', 1)};
    const struct core_restore restore = {.records = v, .n = 3, .journal_seq = 7};
    struct core *core = NULL;
    assert_int_equal(core_new(model, &restore, 100, &core, NULL), OK);
    assert_int_equal(core_alarm(core, 0).letter, 'D');
    assert_int_equal(core_counts(core).unacked[0], 1);
    assert_int_equal(core_journal_seq(core), 7);
    core_free(&core);
    model_free(&model);
}

static void an_alarm_that_was_removed_and_came_back_starts_anew_and_goes_on_counting(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\nalarm N high tag=T limit=80\ninput\n"
              "0 sample T=85\n1 ack N -> OK\n1 sample T=20\n1 sample T=85\n1 sample T=20\n1 ack N -> OK\n"
              "2 remove A\n2 remove N\n3 config T deadband=1\n4 putback N\n5 putback A\n"
              "6 check A st=A occ=2 call=2 untrusted=0\n"
              "7 sample T=85\n7 check N occ=3\n"
              "8 remove A\n9 crash\n20 start\n21 putback A\n22 check A st=A occ=3\n"
              "expect\n0 RAISE A A>B\n0 RAISE N A>B\n1 ACK N B>C\n1 RTN A B>D\n1 RTN N C>A\n1 RERAISE A D>B\n"
              "1 RAISE N A>B\n1 RTN A B>D\n1 RTN N B>D\n1 ACK N D>A\n"
              "2 REMOVE A D>- n=5\n5 ENABLE A ->A n=6\n7 RAISE A A>B occ=3 call=3 n=7\n7 RAISE N A>B occ=3 "
              "call=3 n=7\n"
              "8 REMOVE A B>- n=8\n21 ENABLE A ->A n=9\n");
}

static void an_alarm_that_left_while_the_server_was_down_is_recorded_at_the_start(void **state) {
    (void)state;
    struct spec spec = {.revision = 1, .n_gateways = 1, .n_tags = 1, .tags = {{.name = "T"}}};
    struct model *model = spec_model(&spec);
    struct alarm_record v[] = {past(5, 2, 77, 'C', 9), past(6, 3, 55, 'A', 1), past(7, 8, 66, '-', 1),
                               past(4, 1, 77, 'B', 9)};
    v[0].site_key = 3;
    v[0].tag_key = 4;
    v[0].kind = RECORD_ACK;
    v[0].actor_key = 1;
    memcpy(v[0].actor, "anna", sizeof "anna");
    memcpy(v[0].comment, "x", sizeof "x");
    const struct core_restore restore = {.records = v, .n = 4, .journal_seq = 7};
    struct story *s = calloc(1, sizeof *s);
    assert_int_equal(core_new(model, &restore, 100, &s->core, NULL), OK);
    s->now_us = 100;
    story_apply(s, &(struct event){.kind = EVENT_TIME});
    story_apply(s, &(struct event){.kind = EVENT_TIME});
    assert_int_equal(s->n_records, 1);
    const struct alarm_record *r = &s->records[0];
    assert_int_equal(r->kind, RECORD_REMOVE);
    assert_int_equal(r->alarm_key, 77);
    assert_int_equal(r->site_key, 3);
    assert_int_equal(r->seq, 8);
    assert_int_equal(r->n, 3);
    assert_int_equal(r->occ, 9);
    assert_int_equal(r->from, 'C');
    assert_int_equal(r->to, '-');
    assert_int_equal(r->alarm, MODEL_NONE);
    assert_string_equal(r->actor, "");
    assert_int_equal(core_journal_seq(s->core), 8);
    core_free(&s->core);
    model_free(&model);
    free(s);
}

/* --- a new revision --- */

static void a_limit_moved_above_the_value_is_a_return_and_acknowledgement_is_kept(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=85\n1 ack A -> OK\n5 config A limit=90\n"
              "expect\n0 RAISE A A>B rev=1\n1 ACK A B>C\n5 RTN A C>A src=5 limit=90 rev=2\n");
}

static void a_limit_moved_below_the_value_raises_at_once(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=70\n5 config A limit=60\n"
              "expect\n5 RAISE A A>B src=5 value=70 limit=60\n");
}

static void a_changed_limit_on_an_unknown_value_changes_nothing(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=70\n1 linkdown G1\n5 config A limit=60\n6 check A st=A\n"
              "expect\nnone\n");
}

static void deadband_memory_survives_a_change_of_limits(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 db=5\ninput\n"
              "0 sample T=85\n5 config A limit=88\n6 check A st=B\n7 sample T=83\n"
              "expect\n0 RAISE A A>B\n7 RTN A B>D\n");
}

static void a_longer_on_delay_counts_from_its_old_start(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "0  sample T=85\n5  config A on=30\n20 check A st=A\n60 wait\n"
              "expect\n30 RAISE A A>B src=30\n");
}

static void a_shorter_on_delay_that_has_run_out_raises_at_once(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=60\ninput\n"
              "0  sample T=85\n30  config A on=10\n"
              "expect\n30 RAISE A A>B src=10\n");
}

static void a_paused_delay_keeps_what_it_gathered(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "0 sample T=85\n4 sample T=85!bad\n10 config A on=20\n100 sample T=86\n200 wait\n"
              "expect\n116 RAISE A A>B src=116\n");
}

static void a_paused_delay_that_was_cut_shorter_than_gathered_ends_with_the_next_sample(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "0 sample T=85\n8 sample T=85!bad\n10 config A on=3\n100 sample T=86\n200 wait\n"
              "expect\n100 RAISE A A>B src=100\n");
}

static void disabling_closes_the_occurrence_and_nothing_is_evaluated(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=85\n5 disable A\n6 sample T=20\n7 sample T=90\n8 check A st=Z untrusted=0\n"
              "8 counts unacked=0 active=0\n"
              "9 ack A call=1 -> E_DISABLED\n"
              "expect\n0 RAISE A A>B\n5 DISABLE A B>Z src=5\n");
}

static void enabling_evaluates_as_of_now(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10 disabled=1\ninput\n"
              "0 sample T=85\n1 check A st=Z n=1\n50 enable A\n59 check A st=A\n70 wait\n"
              "expect\n-1 DISABLE A A>Z\n50 ENABLE A Z>A\n60 RAISE A A>B src=60 n=3\n");
}

static void disabling_forgets_the_deadbands_memory(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 db=5\ninput\n"
              "0 sample T=85\n1 disable A\n2 sample T=78\n3 enable A\n4 check A st=A\n"
              "expect\n0 RAISE A A>B\n1 DISABLE A B>Z\n3 ENABLE A Z>A\n");
}

static void an_old_occurrence_is_not_acknowledged_after_disabling(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=85\n1 ack A -> OK\n2 disable A\n3 sample T=20\n4 enable A\n5 ack A call=1 -> "
              "ALREADY by=\n"
              "expect\n0 RAISE A A>B\n1 ACK A B>C\n2 DISABLE A C>Z\n4 ENABLE A Z>A\n");
}

static void a_disabled_alarms_delay_stops(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\ninput\n"
              "0 sample T=85\n5 disable A\n60 wait\n"
              "expect\n5 DISABLE A A>Z\n");
}

static void removing_is_recorded_unless_normal(void **state) {
    (void)state;
    story_run("tag T\ntag U\nalarm A high tag=T limit=80\nalarm B high tag=T limit=99\nalarm D high tag=U "
              "limit=80\ninput\n"
              "0 sample T=85 U=85\n1 sample U=20\n"
              "2 remove A\n3 remove B\n4 counts unacked=1 active=0\n5 removetag U\n6 counts unacked=0\n"
              "expect\n0 RAISE A A>B\n0 RAISE D A>B\n1 RTN D B>D\n2 REMOVE A B>- src=2 value=85 n=2\n5 "
              "REMOVE D D>-\n");
}

static void a_pending_alarm_that_is_removed_never_rings(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80 on=10\nalarm B high tag=T limit=80 on=20\ninput\n"
              "0 sample T=85\n5 remove A\n60 wait\n"
              "expect\n20 RAISE B A>B src=20\n");
}

static void live_values_links_and_counts_are_taken_over(void **state) {
    (void)state;
    story_run(
        "tag S\ntag T\nalarm A high tag=T limit=80\nalarm GW comm gw=G1 after=30\ninput\n"
        "0 sample S=1 T=85\n0 sample T=84@-1\n1 ack A -> OK\n"
        "10 removetag S\n"
        "11 tag T v=85 t=0 r=0 q=good\n11 check A st=C by=anna n=2 untrusted=0\n11 counts samples=2 late=1 "
        "active=1\n"
        "20 linkdown G1\n21 config A prio=1\n22 tag T q=bad/comms\n22 check A prio=1\n22 counts active=1\n"
        "60 wait\n"
        "expect\n0 RAISE A A>B\n1 ACK A B>C\n21 PRIO A C>B prio=1 call=2\n50 RAISE GW A>B src=50\n");
}

static void a_changed_priority_is_counted_there(void **state) {
    (void)state;
    story_run("tag T\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=85\n1 counts unacked3=1 unacked1=0\n2 config A prio=1\n3 counts unacked=1 "
              "unacked3=0 unacked1=1\n"
              "expect\n0 RAISE A A>B prio=3\n2 PRIO A B>B prio=1 call=2\n");
}

static void a_tag_of_another_gateway_now_is_not_known_until_that_one_speaks(void **state) {
    (void)state;
    story_run("tag T\ntag U gw=G2\nalarm A high tag=T limit=80\ninput\n"
              "0 sample T=85\n5 movetag T gw=G2\n6 tag T v=85 q=bad/comms\n7 sample T=20\n"
              "expect\n0 RAISE A A>B\n7 RTN A B>D\n");
}

static void an_alarm_that_watches_something_else_forgets_its_delay_and_keeps_its_occurrence(void **state) {
    (void)state;
    story_run("tag T\ntag U\nalarm A high tag=T limit=80 on=10\nalarm B high tag=T limit=80 db=70\ninput\n"
              "0 sample T=85 U=85\n5 config A tag=U\n6 config B low limit=50\n20 wait\n"
              "expect\n0 RAISE B A>B\n6 RTN B B>D occ=1\n15 RAISE A A>B src=15\n");
}

static void a_disabled_gateway_is_expected_to_be_away(void **state) {
    (void)state;
    story_run(
        "tag T\nalarm GW comm gw=G1 after=30\ninput\n"
        "0 linkdown G1\n40 gateway G1 disabled=1\n100 check GW st=D\n200 gateway G1 disabled=0\n400 wait\n"
        "expect\n30 RAISE GW A>B\n40 RTN GW B>D\n320 RERAISE GW D>B src=320\n");
}

static void a_changed_staleness_counts_from_the_return_of_the_link_as_well(void **state) {
    (void)state;
    story_run("tag T stale=60\nalarm A stale tag=T\ninput\n"
              "0   sample T=20\n10  linkdown G1\n500 linkup G1\n510 config T stale=50\n600 wait\n"
              "expect\n550 RAISE A A>B src=550\n");
}

static void a_stale_tag_with_a_longer_time_is_not_stale_any_more(void **state) {
    (void)state;
    story_run("tag T stale=60\nalarm A stale tag=T\ninput\n"
              "0 sample T=20\n70 config T stale=100\n71 tag T q=good\n200 wait\n"
              "expect\n60 RAISE A A>B\n70 RTN A B>D\n100 RERAISE A D>B src=100\n");
}

static void a_stale_tag_stays_stale_when_the_new_time_is_over_too(void **state) {
    (void)state;
    story_run("tag T stale=60\nalarm A stale tag=T\ninput\n"
              "0 sample T=20\n90 config T stale=70\n91 tag T q=bad/stale\n100 config T stale=200\n101 tag T "
              "q=good\n"
              "expect\n60 RAISE A A>B\n100 RTN A B>D\n");
}

static void a_tag_is_stale_at_once_when_the_new_time_is_over(void **state) {
    (void)state;
    story_run("tag T stale=999\nalarm A stale tag=T\ninput\n"
              "0 sample T=20\n90 config T stale=70\n91 tag T q=bad/stale\n"
              "expect\n90 RAISE A A>B src=70\n");
}

static void what_waited_to_be_shown_still_waits_and_new_tags_follow(void **state) {
    (void)state;
    struct spec spec = {.revision = 1,
                        .n_gateways = 1,
                        .n_tags = 4,
                        .tags = {{.name = "A"}, {.name = "B"}, {.name = "C"}, {.name = "D", .absent = true}}};
    struct model *model = spec_model(&spec);
    struct story *s = calloc(1, sizeof *s);
    assert_int_equal(core_new(model, NULL, 1, &s->core, NULL), OK);
    s->now_us = 2;
    story_apply(s, &(struct event){.kind = EVENT_LINK, .link = {.up = true}});
    const struct sample first = {.tag = 2, .t_us = 2};
    const struct sample second = {.tag = 1, .t_us = 2};
    story_apply(s, &(struct event){.kind = EVENT_SAMPLES, .samples = {.n = 1, .v = &first}});
    story_apply(s, &(struct event){.kind = EVENT_SAMPLES, .samples = {.n = 1, .v = &second}});
    spec.tags[0].absent = true;
    spec.tags[3].absent = false;
    struct model *next_model = spec_model(&spec);
    struct core *next = NULL;
    assert_int_equal(core_next(s->core, next_model, 3, story_sink(s), &next, NULL), OK);
    uint32_t tags[4];
    assert_int_equal(core_take_changed(next, tags, 4), 3);
    assert_int_equal(tags[0], 1); /* C */
    assert_int_equal(tags[1], 0); /* B */
    assert_int_equal(tags[2], 2); /* D, new */
    core_free(&next);
    core_free(&s->core);
    model_free(&next_model);
    model_free(&model);
    free(s);
}

static void rows_without_a_key_are_taken_over_by_nobody(void **state) {
    (void)state;
    struct spec spec = {.revision = 1,
                        .n_gateways = 1,
                        .n_tags = 1,
                        .n_alarms = 1,
                        .tags = {{.name = "T"}},
                        .alarms = {{.name = "A"}}};
    struct model *model = spec_model(&spec);
    model->tags[0].key = 0;
    model->alarms[0].key = 5;
    struct key_index tags = {0};
    struct key_index alarms = {0};
    struct key_index gateways = {0};
    assert_int_equal(key_index_of_tags(&tags, model, NULL), OK);
    assert_int_equal(key_index_of_alarms(&alarms, model, NULL), OK);
    assert_int_equal(key_index_of_gateways(&gateways, model, NULL), OK);
    assert_int_equal(key_index_find(&tags, 0), MODEL_NONE);
    assert_int_equal(key_index_find(&alarms, 5), 0);
    assert_int_equal(key_index_find(&alarms, 4), MODEL_NONE);
    assert_int_equal(key_index_find(&alarms, 6), MODEL_NONE);
    assert_int_equal(key_index_find(&gateways, SPEC_KEY_GATEWAY), 0);
    key_index_done(&tags);
    key_index_done(&alarms);
    key_index_done(&gateways);
    model_free(&model);
}

static void two_cores_that_saw_the_same_have_the_same_hash_and_one_sample_makes_it_another(void **state) {
    (void)state;
    struct spec spec = {.revision = 1,
                        .n_gateways = 1,
                        .n_tags = 1,
                        .n_alarms = 1,
                        .tags = {{.name = "T"}},
                        .alarms = {{.name = "A", .limit = 80}}};
    struct model *model = spec_model(&spec);
    struct story *s = calloc(1, sizeof *s);
    struct core *cores[2];
    const struct event up = {.kind = EVENT_LINK, .link = {.up = true}};
    const struct sample v = {.t_us = 2, .value = 3};
    const struct event sample = {.kind = EVENT_SAMPLES, .samples = {.n = 1, .v = &v}};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(core_new(model, NULL, 1, &cores[i], NULL), OK);
        core_apply(cores[i], &up, 2, story_sink(s));
    }
    assert_true(core_hash(cores[0]) == core_hash(cores[1]));
    core_apply(cores[0], &sample, 2, story_sink(s));
    assert_true(core_hash(cores[0]) != core_hash(cores[1]));
    core_apply(cores[1], &sample, 2, story_sink(s));
    uint32_t tag = 0;
    assert_int_equal(core_take_changed(cores[1], &tag, 1), 1);
    assert_true(core_hash(cores[0]) == core_hash(cores[1]));
    core_free(&cores[0]);
    core_free(&cores[1]);
    model_free(&model);
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_letter_survives_a_restart_and_nothing_rings_or_returns_without_evidence),
        cmocka_unit_test(after_a_restart_a_good_sample_is_the_evidence_for_the_return),
        cmocka_unit_test(deadband_memory_survives_a_restart),
        cmocka_unit_test(a_running_delay_is_not_restored),
        cmocka_unit_test(after_a_restart_a_gateway_gets_two_minutes_to_connect),
        cmocka_unit_test(a_gateway_that_does_not_come_after_a_restart_is_an_alarm),
        cmocka_unit_test(a_restored_comm_alarm_returns_when_the_link_comes_up),
        cmocka_unit_test(an_alarm_that_was_disabled_while_the_server_was_down_is_disabled_at_the_start),
        cmocka_unit_test(server_time_in_the_journal_never_falls_though_the_clock_was_set_back),
        cmocka_unit_test(a_journal_that_cannot_be_true_is_refused),
        cmocka_unit_test(of_two_records_of_an_alarm_the_newer_counts_and_strangers_are_ignored),
        cmocka_unit_test(an_alarm_that_was_removed_and_came_back_starts_anew_and_goes_on_counting),
        cmocka_unit_test(an_alarm_that_left_while_the_server_was_down_is_recorded_at_the_start),
        cmocka_unit_test(a_limit_moved_above_the_value_is_a_return_and_acknowledgement_is_kept),
        cmocka_unit_test(a_limit_moved_below_the_value_raises_at_once),
        cmocka_unit_test(a_changed_limit_on_an_unknown_value_changes_nothing),
        cmocka_unit_test(deadband_memory_survives_a_change_of_limits),
        cmocka_unit_test(a_longer_on_delay_counts_from_its_old_start),
        cmocka_unit_test(a_shorter_on_delay_that_has_run_out_raises_at_once),
        cmocka_unit_test(a_paused_delay_keeps_what_it_gathered),
        cmocka_unit_test(a_paused_delay_that_was_cut_shorter_than_gathered_ends_with_the_next_sample),
        cmocka_unit_test(disabling_closes_the_occurrence_and_nothing_is_evaluated),
        cmocka_unit_test(enabling_evaluates_as_of_now),
        cmocka_unit_test(disabling_forgets_the_deadbands_memory),
        cmocka_unit_test(an_old_occurrence_is_not_acknowledged_after_disabling),
        cmocka_unit_test(a_disabled_alarms_delay_stops),
        cmocka_unit_test(removing_is_recorded_unless_normal),
        cmocka_unit_test(a_pending_alarm_that_is_removed_never_rings),
        cmocka_unit_test(live_values_links_and_counts_are_taken_over),
        cmocka_unit_test(a_changed_priority_is_counted_there),
        cmocka_unit_test(a_tag_of_another_gateway_now_is_not_known_until_that_one_speaks),
        cmocka_unit_test(an_alarm_that_watches_something_else_forgets_its_delay_and_keeps_its_occurrence),
        cmocka_unit_test(a_disabled_gateway_is_expected_to_be_away),
        cmocka_unit_test(a_changed_staleness_counts_from_the_return_of_the_link_as_well),
        cmocka_unit_test(a_stale_tag_with_a_longer_time_is_not_stale_any_more),
        cmocka_unit_test(a_stale_tag_stays_stale_when_the_new_time_is_over_too),
        cmocka_unit_test(a_tag_is_stale_at_once_when_the_new_time_is_over),
        cmocka_unit_test(what_waited_to_be_shown_still_waits_and_new_tags_follow),
        cmocka_unit_test(rows_without_a_key_are_taken_over_by_nobody),
        cmocka_unit_test(two_cores_that_saw_the_same_have_the_same_hash_and_one_sample_makes_it_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
