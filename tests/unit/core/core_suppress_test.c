/* Covers: core_notes.c, core_requests.c, core_facts.c. What hides alarms, who did it, and what happens when
 * the room for that is used up; sound by position; the first of a group. */
#include "tests/unit/core/core_rig.h"

static enum alarm_reply suppress(struct rig *r, uint32_t alarm, const char *source) {
    return rig_ask(r, (struct alarm_request){.kind = ALARM_ASK_SUPPRESS, .alarm = alarm, .source = source});
}

static enum alarm_reply unsuppress(struct rig *r, uint32_t alarm, const char *source) {
    return rig_ask(r, (struct alarm_request){.kind = ALARM_ASK_UNSUPPRESS, .alarm = alarm, .source = source});
}

static const char *number(char ret[16], const char *word, uint32_t i) {
    (void)snprintf(ret, 16, "%s%u", word, i);
    return ret;
}

/* --- suppressors run out --- */

/* A tag that switches a rule and a group on, and a tag that drives alarms: A has it all, B hides it. */
static const struct spec crowded = {
    .n_gateways = 1,
    .n_tags = 2,
    .n_alarms = 2,
    .n_groups = 1,
    .gateways = {{.name = "G"}},
    .tags = {{.name = "T"}, {.name = "OFF", .is_bool = true}},
    .groups = {{.name = "g", .suppress_when = "OFF"}},
    .alarms = {
        {.name = "A", .limit = 80, .suppress_when = "OFF", .hidden_by = 2, .groups = {0}, .n_groups = 1},
        {.name = "B", .limit = 90}}};

static void people_cannot_take_the_room_of_rules_and_groups(void **state) {
    (void)state;
    struct rig *r = rig_new(&crowded);
    char name[16];
    uint32_t n = 0;
    while (n < 100 && suppress(r, 0, number(name, "s", n)) == ALARM_OK) {
        n++;
    }
    assert_int_equal(n, 32); /* sixteen for each alarm */
    assert_int_equal(r->reply.reply.result, ALARM_E_FULL);
    assert_int_equal(r->reply.reply.letter, 'H');
    assert_int_equal(suppress(r, 1, "other"), ALARM_E_FULL);
    assert_int_equal(suppress(r, 0, "s7"), ALARM_ALREADY);
    /* The name of a group that it is not a member of is a name like any other. */
    assert_int_equal(suppress(r, 1, "g"), ALARM_E_FULL);
    assert_int_equal(suppress(r, 1, ALARM_SOURCE_RULE), ALARM_E_FULL);
    rig_send(r, 1, 1);
    rig_send(r, 0, 95);
    const char *sources[64];
    assert_int_equal(core_alarm_suppressors(r->core, spec_alarm_index(r->model, 0), sources, 64), 35);
    assert_string_equal(sources[0], "s0");
    assert_string_equal(sources[32], "g");
    assert_string_equal(sources[33], ALARM_SOURCE_RULE);
    assert_string_equal(sources[34], ALARM_SOURCE_HIGHER);
    /* What is given back can be taken again. */
    assert_int_equal(unsuppress(r, 0, "s3"), ALARM_OK);
    assert_int_equal(suppress(r, 1, "other"), ALARM_OK);
    assert_int_equal(suppress(r, 1, "one more"), ALARM_E_FULL);
    assert_int_equal(unsuppress(r, 0, ALARM_SOURCE_RULE), ALARM_OK);
    assert_int_equal(suppress(r, 1, "one more"), ALARM_E_FULL);
    assert_int_equal(suppress(r, 0, ALARM_SOURCE_RULE), ALARM_OK);
    rig_revise(r);
    assert_int_equal(suppress(r, 1, "one more"), ALARM_E_FULL);
    assert_int_equal(core_alarm_suppressors(r->core, spec_alarm_index(r->model, 0), sources, 2),
                     33); /* B is hidden: it hides nothing */
    rig_restart(r, NULL, 0);
    rig_at(r, 1);
    assert_int_equal(suppress(r, 1, "one more"), ALARM_E_FULL);
    assert_int_equal(core_alarm_suppressors(r->core, spec_alarm_index(r->model, 0), sources, 64), 33);
    assert_string_equal(sources[0], "s0");
    assert_int_equal(rig_ask(r, (struct alarm_request){.kind = ALARM_ASK_DISABLE, .alarm = 0}), ALARM_OK);
    assert_int_equal(suppress(r, 1, "one more"), ALARM_OK);
    rig_free(r);
}

static void names_that_were_ever_used_run_out_and_rules_still_work(void **state) {
    (void)state;
    struct rig *r = rig_new(&crowded);
    char name[16];
    for (uint32_t i = 0; i < CORE_NAMES_MAX; i++) {
        assert_int_equal(suppress(r, 0, number(name, "n", i)), ALARM_OK);
        assert_int_equal(unsuppress(r, 0, name), ALARM_OK);
        r->n_records = 0;
        r->n_checked = 0;
    }
    assert_int_equal(suppress(r, 0, "one more"), ALARM_E_FULL);
    assert_int_equal(suppress(r, 0, "n17"), ALARM_OK);
    assert_int_equal(unsuppress(r, 0, "n17"), ALARM_OK);
    rig_send(r, 1, 1);
    rig_send(r, 0, 95);
    const char *sources[4];
    assert_int_equal(core_alarm_suppressors(r->core, spec_alarm_index(r->model, 0), sources, 4), 3);
    /* Who acknowledged is in the record; the list does not know any more. */
    assert_int_equal(
        rig_ask(r, (struct alarm_request){.kind = ALARM_ASK_ACK, .alarm = 1, .actor = "a stranger"}),
        ALARM_OK);
    assert_string_equal(r->records[r->n_records - 1].actor, "a stranger");
    assert_string_equal(rig_view(r, 1).acked_by, "");
    assert_int_equal(rig_view(r, 1).acked_us, r->now_us);
    /* A revision forgets names that nobody needs. */
    rig_revise(r);
    assert_int_equal(suppress(r, 0, "one more"), ALARM_OK);
    rig_free(r);
}

/* --- notes run out --- */

enum { MANY = 40000 };

static enum alarm_reply ask_of(struct core *core, struct rig *r, enum alarm_request_kind kind,
                               uint32_t alarm) {
    const struct alarm_request ask = {
        .kind = kind, .alarm = alarm, .duration_us = 3600000000, .actor = "anna", .comment = "test"};
    const struct event event = {.kind = EVENT_REQUEST, .request = {.ask = ask}};
    r->n_records = 0;
    core_apply(core, &event, RIG_BASE_US, rig_sink(r));
    return r->reply.reply.result;
}

static void notes_of_who_and_why_run_out_and_come_back(void **state) {
    (void)state;
    const struct spec spec = {.n_gateways = 1,
                              .n_tags = 1,
                              .n_alarms = 1,
                              .gateways = {{.name = "G"}},
                              .tags = {{.name = "T"}},
                              .alarms = {{.name = "A", .limit = 80}}};
    struct rig *r = rig_new(&spec);
    struct model m = *r->model;
    struct core *core = NULL;
    struct alarm_note note;
    m.alarms = calloc(MANY, sizeof *m.alarms);
    assert_non_null(m.alarms);
    for (uint32_t i = 0; i < MANY; i++) {
        m.alarms[i] = r->model->alarms[0];
        m.alarms[i].key = 1 + i;
    }
    m.n_alarms = MANY;
    assert_int_equal(core_new(&m, NULL, RIG_BASE_US, &core, NULL), OK);
    for (uint32_t i = 0; i < CORE_NOTES_MAX / 2; i++) {
        assert_int_equal(ask_of(core, r, ALARM_ASK_SHELVE, i), ALARM_OK);
        assert_int_equal(ask_of(core, r, ALARM_ASK_OOS, i), ALARM_OK);
    }
    assert_int_equal(ask_of(core, r, ALARM_ASK_SHELVE, MANY - 1), ALARM_E_FULL);
    assert_int_equal(r->n_records, 0);
    assert_int_equal(r->reply.reply.letter, 'A');
    assert_int_equal(ask_of(core, r, ALARM_ASK_OOS, MANY - 1), ALARM_E_FULL);
    assert_false(core_alarm_shelf(core, MANY - 1, &note));
    assert_int_equal(ask_of(core, r, ALARM_ASK_IN_SERVICE, 3), ALARM_OK);
    /* A shelf that replaces another takes its room. */
    assert_int_equal(ask_of(core, r, ALARM_ASK_SHELVE, MANY - 1), ALARM_OK);
    assert_int_equal(ask_of(core, r, ALARM_ASK_SHELVE, MANY - 1), ALARM_OK);
    assert_true(core_alarm_shelf(core, MANY - 1, &note));
    assert_string_equal(note.reason, "test");
    assert_int_equal(ask_of(core, r, ALARM_ASK_OOS, MANY - 2), ALARM_E_FULL);
    assert_true(core_alarm_out_of_service(core, 4, &note));
    assert_string_equal(note.by, "anna");
    assert_int_equal(note.since_us, RIG_BASE_US);
    core_free(&core);
    free(m.alarms);
    rig_free(r);
}

/* --- sound --- */

static const struct spec two_rooms = {
    .n_gateways = 1,
    .n_tags = 2,
    .n_alarms = 2,
    .n_positions = 2,
    .positions = {"main", "heat"},
    .gateways = {{.name = "G"}},
    .tags = {{.name = "T"}, {.name = "U"}},
    .alarms = {{.name = "A", .limit = 80}, {.name = "B", .tag = 1, .limit = 80, .position = 1}}};

static void silence_is_of_one_position_and_the_next_call_sounds_again(void **state) {
    (void)state;
    struct rig *r = rig_new(&two_rooms);
    rig_send(r, 0, 85);
    rig_send(r, 1, 85);
    assert_true(rig_view(r, 0).ring);
    assert_true(rig_view(r, 1).ring);
    rig_silence(r, 1);
    assert_int_equal(r->n_silences, 1);
    assert_int_equal(r->silenced, 1);
    assert_true(rig_view(r, 0).ring);
    assert_false(rig_view(r, 1).ring);
    assert_int_equal(rig_letter(r, 1), 'B'); /* it is no acknowledgement */
    rig_at(r, 2);
    rig_send(r, 1, 86);
    assert_false(rig_view(r, 1).ring);
    rig_at(r, 3);
    rig_send(r, 1, 20);
    rig_at(r, 4);
    rig_send(r, 1, 85);
    assert_true(rig_view(r, 1).ring);
    rig_silence(r, MODEL_NONE);
    assert_int_equal(r->silenced, MODEL_NONE);
    assert_false(rig_view(r, 0).ring);
    assert_false(rig_view(r, 1).ring);
    /* Silence is known by the position's name, whatever its index. */
    r->spec.positions[0] = "heat";
    r->spec.positions[1] = "main";
    r->spec.alarms[0].position = 1;
    r->spec.alarms[1].position = 0;
    rig_revise(r);
    assert_false(rig_view(r, 0).ring);
    assert_false(rig_view(r, 1).ring);
    r->spec.positions[1] = "night";
    rig_revise(r);
    assert_true(rig_view(r, 0).ring);
    assert_false(rig_view(r, 1).ring);
    rig_restart(r, NULL, 0);
    rig_at(r, 5);
    assert_true(rig_view(r, 0).ring);
    assert_true(rig_view(r, 1).ring);
    rig_free(r);
}

/* --- first out --- */

static const struct spec group_of_three = {
    .n_gateways = 1,
    .n_tags = 3,
    .n_alarms = 3,
    .n_groups = 1,
    .gateways = {{.name = "G"}},
    .tags = {{.name = "T"}, {.name = "U"}, {.name = "V"}},
    .groups = {{.name = "g"}},
    .alarms = {{.name = "A", .limit = 80, .groups = {0}, .n_groups = 1},
               {.name = "B", .tag = 1, .limit = 80, .groups = {0}, .n_groups = 1},
               {.name = "C", .tag = 2, .limit = 80, .groups = {0}, .n_groups = 1}}};

static void send_of(struct rig *r, uint32_t tag, double value, double seconds) {
    struct sample v = rig_sample(r, tag, value);
    v.t_us = rig_us(seconds);
    rig_message(r, 0, LANE_LIVE, &v, 1);
}

static void an_earlier_source_time_takes_the_mark_for_five_seconds(void **state) {
    (void)state;
    struct rig *r = rig_new(&group_of_three);
    rig_at(r, 10);
    send_of(r, 0, 85, 10);
    assert_true(rig_view(r, 0).first);
    rig_at(r, 12);
    send_of(r, 1, 85, 11);
    assert_true(rig_view(r, 0).first);
    assert_false(rig_view(r, 1).first);
    rig_at(r, 15);
    send_of(r, 2, 85, 8);
    assert_false(rig_view(r, 0).first);
    assert_true(rig_view(r, 2).first);
    rig_expect(r, "raise A A>B first ring, raise B A>B ring, raise C A>B first ring");
    /* The journal tells it as it was seen. */
    rig_restart(r, NULL, 0);
    assert_false(rig_view(r, 0).first);
    assert_true(rig_view(r, 2).first);
    rig_free(r);
}

static void after_five_seconds_the_mark_stays_where_it_is(void **state) {
    (void)state;
    struct rig *r = rig_new(&group_of_three);
    rig_at(r, 10);
    send_of(r, 0, 85, 10);
    r->now_us = rig_us(15) + 1;
    send_of(r, 2, 85, 8);
    assert_true(rig_view(r, 0).first);
    assert_false(rig_view(r, 2).first);
    /* A group that does not care marks nothing. */
    r->spec.groups[0].no_first_out = true;
    rig_at(r, 20);
    rig_send(r, 0, 20);
    rig_send(r, 2, 20);
    assert_int_equal(rig_ack(r, 0), ALARM_OK);
    assert_int_equal(rig_ack(r, 2), ALARM_OK);
    rig_revise(r);
    rig_at(r, 21);
    rig_send(r, 1, 85);
    assert_false(rig_view(r, 1).first);
    rig_free(r);
}

static void the_mark_goes_with_the_return_to_normal_and_comes_with_the_next_first(void **state) {
    (void)state;
    struct rig *r = rig_new(&group_of_three);
    rig_send(r, 0, 85);
    rig_at(r, 1);
    rig_send(r, 1, 85);
    rig_at(r, 2);
    rig_send(r, 0, 20);
    assert_true(rig_view(r, 0).first); /* D: it was the first, and is not done with */
    rig_revise(r);
    assert_true(rig_view(r, 0).first);
    assert_int_equal(rig_ack(r, 0), ALARM_OK);
    assert_false(rig_view(r, 0).first);
    rig_at(r, 3);
    rig_send(r, 0, 85); /* B stands: A is not the first */
    assert_false(rig_view(r, 0).first);
    rig_at(r, 4);
    rig_send(r, 0, 20);
    rig_send(r, 1, 20);
    assert_int_equal(rig_ack(r, 0), ALARM_OK);
    assert_int_equal(rig_ack(r, 1), ALARM_OK);
    rig_at(r, 5);
    rig_send(r, 2, 85);
    assert_true(rig_view(r, 2).first);
    rig_free(r);
}

/* --- higher alarms --- */

static void a_chain_of_higher_alarms_is_followed_link_by_link(void **state) {
    (void)state;
    const struct spec spec = {.n_gateways = 1,
                              .n_tags = 3,
                              .n_alarms = 3,
                              .gateways = {{.name = "G"}},
                              .tags = {{.name = "T"}, {.name = "U"}, {.name = "V"}},
                              .alarms = {{.name = "LOW", .limit = 80, .hidden_by = 2},
                                         {.name = "MID", .tag = 1, .limit = 80, .hidden_by = 3},
                                         {.name = "TOP", .tag = 2, .limit = 80}}};
    struct rig *r = rig_new(&spec);
    rig_send(r, 0, 85);
    rig_expect(r, "raise LOW A>B ring");
    rig_send(r, 1, 85);
    rig_expect(r, "raise MID A>B ring, suppress LOW B>H");
    rig_at(r, 1);
    rig_send(r, 1, 20);
    rig_expect(r, "rtn MID B>D, unsuppress LOW H>B ring");
    /* Hidden by the top, the middle one hides nothing itself. */
    rig_send(r, 2, 85);
    rig_expect(r, "raise TOP A>B ring, suppress MID D>H");
    rig_at(r, 2);
    rig_send(r, 1, 85);
    rig_expect(r, "reraise MID H>H");
    assert_int_equal(rig_letter(r, 0), 'B');
    rig_send(r, 2, 20);
    rig_expect(r, "rtn TOP B>D, unsuppress MID H>B ring, suppress LOW B>H");
    rig_restart(r, NULL, 0);
    rig_at(r, 3);
    rig_expect(r, "");
    assert_int_equal(rig_letter(r, 0), 'H');
    r->spec.alarms[0].hidden_by = 0;
    rig_revise(r);
    rig_expect(r, "unsuppress LOW H>B ring");
    rig_free(r);
}

/* --- groups through revisions --- */

static void a_group_that_moves_or_leaves_takes_its_suppression_along(void **state) {
    (void)state;
    const struct spec spec = {
        .n_gateways = 1,
        .n_tags = 2,
        .n_alarms = 3,
        .n_groups = 2,
        .gateways = {{.name = "G"}},
        .tags = {{.name = "T"}, {.name = "OFF", .is_bool = true}},
        .groups = {{.name = "x"}, {.name = "y", .suppress_when = "OFF", .unsuppress_s = 10}},
        .alarms = {{.name = "A", .limit = 80, .groups = {1}, .n_groups = 1},
                   {.name = "B", .limit = 80, .groups = {0, 1}, .n_groups = 2},
                   {.name = "C", .limit = 80, .groups = {0}, .n_groups = 1}}};
    struct rig *r = rig_new(&spec);
    rig_send(r, 0, 20);
    rig_send(r, 1, 1);
    rig_expect(r, "suppress A A>H, suppress B A>H");
    rig_at(r, 5);
    rig_send(r, 1, 0);               /* the start-up time runs */
    r->spec.groups[0].absent = true; /* the group moves up */
    rig_at(r, 6);
    rig_revise(r);
    rig_expect(r, "");
    rig_at(r, 14);
    rig_expect(r, "");
    rig_at(r, 15);
    rig_expect(r, "unsuppress A H>A, unsuppress B H>A");
    rig_send(r, 1, 1);
    rig_expect(r, "suppress A A>H, suppress B A>H");
    /* One leaves the group, one comes. */
    r->spec.alarms[0].n_groups = 0;
    r->spec.alarms[2].groups[0] = 1;
    rig_at(r, 16);
    rig_revise(r);
    rig_expect(r, "unsuppress A H>A, suppress C A>H");
    /* Its rule goes: nothing holds the suppression any more. */
    r->spec.groups[1].suppress_when = NULL;
    rig_revise(r);
    rig_expect(r, "unsuppress B H>A, unsuppress C H>A");
    r->spec.groups[1].suppress_when = "OFF";
    rig_revise(r);
    rig_expect(r, "suppress B A>H, suppress C A>H");
    assert_int_equal(suppress(r, 1, "y"), ALARM_ALREADY);
    assert_int_equal(suppress(r, 0, "y"), ALARM_OK); /* no member: a person's own words */
    rig_expect(r, "suppress A A>H");
    r->spec.groups[1].absent = true;
    rig_revise(r);
    rig_expect(r, "unsuppress B H>A, unsuppress C H>A");
    rig_restart(r, NULL, 0);
    rig_at(r, 60);
    rig_expect(r, "");
    assert_int_equal(rig_letter(r, 0), 'H');
    rig_free(r);
}

static void a_rule_that_goes_blind_keeps_its_suppression_through_a_revision_for_thirty_seconds(void **state) {
    (void)state;
    const struct spec spec = {.n_gateways = 2,
                              .n_tags = 2,
                              .n_alarms = 1,
                              .gateways = {{.name = "G"}, {.name = "H"}},
                              .tags = {{.name = "T"}, {.name = "OFF", .gateway = 1, .is_bool = true}},
                              .alarms = {{.name = "A", .limit = 80, .suppress_when = "OFF"}}};
    struct rig *r = rig_new(&spec);
    rig_send(r, 1, 1);
    rig_send(r, 0, 85);
    rig_expect(r, "suppress A A>H, raise A H>H");
    rig_link(r, 1, false);
    rig_at(r, 20);
    rig_revise(r);
    rig_at(r, 29);
    rig_expect(r, "");
    rig_at(r, 30);
    rig_expect(r, "unsuppress A H>B ring");
    rig_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_cannot_take_the_room_of_rules_and_groups),
        cmocka_unit_test(names_that_were_ever_used_run_out_and_rules_still_work),
        cmocka_unit_test(notes_of_who_and_why_run_out_and_come_back),
        cmocka_unit_test(silence_is_of_one_position_and_the_next_call_sounds_again),
        cmocka_unit_test(an_earlier_source_time_takes_the_mark_for_five_seconds),
        cmocka_unit_test(after_five_seconds_the_mark_stays_where_it_is),
        cmocka_unit_test(the_mark_goes_with_the_return_to_normal_and_comes_with_the_next_first),
        cmocka_unit_test(a_chain_of_higher_alarms_is_followed_link_by_link),
        cmocka_unit_test(a_group_that_moves_or_leaves_takes_its_suppression_along),
        cmocka_unit_test(a_rule_that_goes_blind_keeps_its_suppression_through_a_revision_for_thirty_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
