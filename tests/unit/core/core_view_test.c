/* Covers: core_gather.c. What is shown of alarms: why one is on, what it has gathered, what a tag costs, the
 * counts. */
#include "server/core/rule_machine.h"
#include "tests/unit/core/core_rig.h"

/* --- why is it on --- */

enum { PARTS = 16 };

struct why {
    struct slice source;
    struct rule_part parts[PARTS];
    uint32_t n;
};

static struct why ask_why(struct rig *r, uint32_t alarm) {
    struct why w = {.n = 0};
    w.n = core_alarm_explain(r->core, spec_alarm_index(r->model, alarm), &w.source, w.parts, PARTS);
    assert_true(w.n >= 1);
    for (uint32_t i = 0; i < w.n; i++) {
        assert_true(w.parts[i].pos + w.parts[i].len <= w.source.n);
        assert_true(i == 0 || w.parts[i].pos >= w.parts[i - 1].pos);
    }
    return w;
}

static void expect_source(const struct why *w, const char *text) {
    char is[600];
    (void)snprintf(is, sizeof is, "%.*s", SLICE_ARG(w->source));
    assert_string_equal(is, text);
}

/* A part is known with this value and stands for this text. */
static void expect_part(const struct why *w, uint32_t i, const char *text, double value) {
    assert_true(i < w->n);
    assert_true(slice_eq(slice_of(w->source.p + w->parts[i].pos, w->parts[i].len), slice_str(text)));
    assert_true(w->parts[i].value.known);
    assert_true(w->parts[i].value.v == value);
}

static void a_limit_alarm_is_explained_by_its_value_and_its_limit(void **state) {
    (void)state;
    const struct spec spec = {.n_gateways = 1,
                              .n_tags = 2,
                              .n_alarms = 3,
                              .gateways = {{.name = "G"}},
                              .tags = {{.name = "S1/T", .unit = "m"}, {.name = "S1/L", .unit = "m"}},
                              .alarms = {{.name = "H", .limit = 80},
                                         {.name = "L", .kind = ALARM_LOW, .limit_tag = 2},
                                         {.name = "I", .limit = 4.25, .options = ALARM_INCLUSIVE}}};
    struct rig *r = rig_new(&spec);
    struct why w = ask_why(r, 0);
    expect_source(&w, "S1/T > 80");
    assert_int_equal(w.n, 2);
    assert_false(w.parts[0].value.known);
    assert_false(w.parts[1].value.known);
    rig_send(r, 0, 85);
    rig_send(r, 1, 90);
    w = ask_why(r, 0);
    assert_int_equal(w.parts[0].depth, 0);
    assert_int_equal(w.parts[0].type, RULE_BOOL);
    expect_part(&w, 0, "S1/T > 80", 1);
    expect_part(&w, 1, "S1/T", 85);
    assert_int_equal(w.parts[1].depth, 1);
    assert_int_equal(w.parts[1].type, RULE_NUMBER);
    assert_true(slice_is(w.parts[1].unit, "m"));
    w = ask_why(r, 1);
    expect_source(&w, "S1/T < S1/L");
    assert_int_equal(w.n, 3);
    expect_part(&w, 0, "S1/T < S1/L", 1);
    expect_part(&w, 1, "S1/T", 85);
    expect_part(&w, 2, "S1/L", 90);
    w = ask_why(r, 2);
    expect_source(&w, "S1/T >= 4.25");
    rig_send(r, 0, 20);
    w = ask_why(r, 0);
    expect_part(&w, 0, "S1/T > 80", 0);
    rig_send_quality(r, 0, 20, QUALITY_BAD | REASON_SENSOR);
    w = ask_why(r, 0);
    assert_false(w.parts[0].value.known);
    assert_false(w.parts[1].value.known);
    rig_send_quality(r, 0, 85, QUALITY_UNCERTAIN);
    w = ask_why(r, 0);
    assert_true(w.parts[1].value.uncertain);
    rig_free(r);
}

static void alarms_of_two_tags_and_of_gateways_are_explained(void **state) {
    (void)state;
    const struct spec spec = {.n_gateways = 1,
                              .n_tags = 2,
                              .n_alarms = 4,
                              .gateways = {{.name = "G"}},
                              .tags = {{.name = "CMD", .is_bool = true}, {.name = "FB", .is_bool = true}},
                              .alarms = {{.name = "DISC", .kind = ALARM_DISC, .second_tag = 1},
                                         {.name = "DEV", .kind = ALARM_DEV, .second_tag = 1, .limit = 3},
                                         {.name = "COMM", .kind = ALARM_COMM, .on_s = 30},
                                         {.name = "CLOCK", .kind = ALARM_CLOCK}}};
    struct rig *r = rig_new(&spec);
    rig_send(r, 0, 1);
    rig_send(r, 1, 0);
    struct why w = ask_why(r, 0);
    expect_source(&w, "CMD != FB");
    expect_part(&w, 0, "CMD != FB", 1);
    expect_part(&w, 1, "CMD", 1);
    expect_part(&w, 2, "FB", 0);
    assert_int_equal(w.parts[1].type, RULE_BOOL);
    w = ask_why(r, 1);
    expect_source(&w, "CMD from FB > 3");
    w = ask_why(r, 2);
    expect_source(&w, "link of G");
    expect_part(&w, 1, "G", 1);
    rig_link(r, 0, false);
    w = ask_why(r, 2);
    expect_part(&w, 0, "link of G", 1);
    expect_part(&w, 1, "G", 0);
    w = ask_why(r, 3);
    expect_source(&w, "wrong clock of G");
    expect_part(&w, 0, "wrong clock of G", 0);
    rig_apply(r, &(struct event){.kind = EVENT_CLOCK, .clock = {.gateway = 0, .off = true}});
    w = ask_why(r, 3);
    expect_part(&w, 0, "wrong clock of G", 1);
    assert_int_equal(rig_letter(r, 3), 'B');
    rig_revise(r);
    assert_int_equal(rig_letter(r, 3), 'B');
    rig_link(r, 0, false); /* nobody knows better while it is away */
    rig_link(r, 0, true);
    assert_int_equal(rig_letter(r, 3), 'B');
    rig_apply(r, &(struct event){.kind = EVENT_CLOCK, .clock = {.gateway = 0, .off = false}});
    assert_int_equal(rig_letter(r, 3), 'D');
    rig_free(r);
}

static void an_alarm_that_gathers_is_explained_by_what_it_has(void **state) {
    (void)state;
    const struct spec spec = {.n_gateways = 1,
                              .n_tags = 1,
                              .n_alarms = 1,
                              .gateways = {{.name = "G"}},
                              .tags = {{.name = "RUN"}},
                              .alarms = {{.name = "R", .kind = ALARM_RUNTIME, .limit = 60e6}}};
    struct rig *r = rig_new(&spec);
    rig_send(r, 0, 1);
    rig_at(r, 10);
    rig_send(r, 0, 1);
    struct why w = ask_why(r, 0);
    expect_source(&w, "runtime of RUN >= 60000000");
    expect_part(&w, 1, "runtime", 10e6);
    expect_part(&w, 2, "RUN", 1);
    rig_free(r);
}

static void a_rule_is_explained_by_its_own_text(void **state) {
    (void)state;
    const struct spec spec = {.n_gateways = 1,
                              .n_tags = 2,
                              .n_alarms = 1,
                              .gateways = {{.name = "G"}},
                              .tags = {{.name = "T"}, {.name = "P"}},
                              .alarms = {{.name = "E", .kind = ALARM_EXPR, .expr = "T > 5 and P < 3"}}};
    struct rig *r = rig_new(&spec);
    rig_send(r, 0, 6);
    rig_send(r, 1, 4);
    struct why w = ask_why(r, 0);
    expect_source(&w, "T > 5 and P < 3");
    expect_part(&w, 0, "T > 5 and P < 3", 0);
    expect_part(&w, 1, "T > 5", 1);
    expect_part(&w, 2, "T", 6);
    expect_part(&w, 3, "P < 3", 0);
    expect_part(&w, 4, "P", 4);
    uint64_t hash = core_hash(r->core);
    (void)ask_why(r, 0);
    assert_true(core_hash(r->core) == hash);
    rig_free(r);
}

static void long_names_are_cut_and_a_short_list_is_filled(void **state) {
    (void)state;
    static char names[3][201];
    for (size_t i = 0; i < 3; i++) {
        memset(names[i], 'x', 200);
        names[i][0] = (char)('a' + i);
    }
    const struct spec spec = {
        .n_gateways = 1,
        .n_tags = 3,
        .n_alarms = 1,
        .gateways = {{.name = "G"}},
        .tags = {{.name = names[0]}, {.name = names[1]}, {.name = names[2]}},
        .alarms = {{.name = "DEV", .kind = ALARM_DEV, .second_tag = 1, .limit_tag = 3}}};
    struct rig *r = rig_new(&spec);
    struct why w = ask_why(r, 0);
    assert_int_equal(w.n, 4);
    assert_int_equal(w.source.n, 512);
    struct rule_part one;
    assert_int_equal(core_alarm_explain(r->core, 0, &w.source, &one, 1), 1);
    assert_int_equal(one.type, RULE_BOOL);
    rig_free(r);
}

/* --- what is gathered --- */

static const struct spec gatherers = {
    .n_gateways = 1,
    .n_tags = 2,
    .n_alarms = 6,
    .gateways = {{.name = "G"}},
    .tags = {{.name = "RUN"}, {.name = "FLOW"}},
    .alarms = {{.name = "R", .kind = ALARM_RUNTIME, .limit = 100e6},
               {.name = "C", .kind = ALARM_CHANGE},
               {.name = "D", .kind = ALARM_DISC, .second_tag = 1},
               {.name = "T", .kind = ALARM_TOTAL, .tag = 1, .limit = 1000, .every_s = 1},
               {.name = "S", .kind = ALARM_CUSUM, .tag = 1, .limit = 50, .target = 5, .k = 1, .every_s = 10},
               {.name = "H", .tag = 1, .limit = 1e6}}};

static void the_sums_are_taken_in_order_and_in_pieces(void **state) {
    (void)state;
    struct rig *r = rig_new(&gatherers);
    rig_send(r, 0, 1);
    rig_send(r, 1, 10);
    rig_at(r, 20);
    struct alarm_accumulator all[8] = {{.amount = -1}};
    assert_int_equal(core_accumulators(r->core, 0, all, 8), 3);
    assert_int_equal(all[0].alarm_key, SPEC_KEY_ALARM + 0);
    assert_int_equal(all[1].alarm_key, SPEC_KEY_ALARM + 3);
    assert_int_equal(all[2].alarm_key, SPEC_KEY_ALARM + 4);
    assert_true(all[0].amount == 20e6);
    assert_true(fabs(all[1].amount - 200) < 1e-9);
    assert_true(all[2].amount == 8); /* two steps of 10 - 5 - 1 */
    for (uint32_t i = 0; i < 3; i++) {
        struct alarm_accumulator one = {.amount = -1};
        assert_int_equal(core_accumulators(r->core, i, &one, 1), 1);
        assert_int_equal(one.alarm_key, all[i].alarm_key);
        assert_true(one.amount == all[i].amount);
        assert_true(core_alarm_accumulated(
                        r->core, spec_alarm_index(r->model, (uint32_t)(one.alarm_key - SPEC_KEY_ALARM))) ==
                    one.amount);
    }
    assert_int_equal(core_accumulators(r->core, 3, all, 8), 0);
    assert_true(isnan(core_alarm_accumulated(r->core, spec_alarm_index(r->model, 5))));
    assert_true(isnan(core_alarm_accumulated(r->core, spec_alarm_index(r->model, 1))));
    rig_free(r);
}

static void sums_go_on_after_a_restart_with_what_was_stored(void **state) {
    (void)state;
    struct rig *r = rig_new(&gatherers);
    rig_send(r, 0, 1);
    rig_send(r, 1, 10);
    rig_at(r, 90);
    struct alarm_accumulator sums[4];
    assert_int_equal(core_accumulators(r->core, 0, sums, 4), 3);
    sums[3] = (struct alarm_accumulator){.alarm_key = 999, .amount = 5}; /* of an alarm that has left */
    rig_at(r, 95);
    rig_restart(r, sums, 4);
    rig_at(r, 200);
    /* Nobody knows whether it ran meanwhile: that time does not count. */
    assert_true(core_alarm_accumulated(r->core, spec_alarm_index(r->model, 0)) == 90e6);
    assert_int_equal(rig_letter(r, 0), 'A');
    rig_link(r, 0, true);
    rig_send(r, 0, 1);
    rig_at(r, 209);
    assert_int_equal(rig_letter(r, 0), 'A');
    rig_at(r, 210);
    assert_int_equal(rig_letter(r, 0), 'B');
    assert_int_equal(rig_view(r, 0).raised_us, rig_us(210));
    rig_free(r);
}

static void sums_and_the_newest_command_survive_a_revision(void **state) {
    (void)state;
    struct rig *r = rig_new(&gatherers);
    rig_send(r, 0, 1);
    rig_send(r, 1, 10);
    rig_at(r, 40);
    r->spec.alarms[1].absent = true; /* the memos move up */
    r->spec.alarms[0].limit = 50e6;
    rig_revise(r);
    assert_true(core_alarm_accumulated(r->core, spec_alarm_index(r->model, 0)) == 40e6);
    assert_true(core_alarm_accumulated(r->core, spec_alarm_index(r->model, 4)) == 16);
    rig_at(r, 49);
    assert_int_equal(rig_letter(r, 0), 'A');
    rig_at(r, 50);
    assert_int_equal(rig_letter(r, 0), 'B');
    assert_true(fabs(core_alarm_accumulated(r->core, spec_alarm_index(r->model, 3)) - 500) < 1e-9);
    /* It sums something else now: what was gathered is of nothing. */
    r->spec.alarms[0].tag = 1;
    rig_revise(r);
    assert_true(core_alarm_accumulated(r->core, spec_alarm_index(r->model, 0)) == 0);
    rig_free(r);
}

/* --- cost --- */

static void a_tag_costs_its_alarms_and_all_that_its_rules_do(void **state) {
    (void)state;
    const struct spec spec = {
        .n_gateways = 1,
        .n_tags = 3,
        .n_alarms = 4,
        .gateways = {{.name = "G"}},
        .tags = {{.name = "T"}, {.name = "P"}, {.name = "IDLE"}},
        .alarms = {{.name = "H", .limit = 80},
                   {.name = "D", .kind = ALARM_DEV, .second_tag = 1, .limit = 5},
                   {.name = "E", .kind = ALARM_EXPR, .expr = "avg(T, 60s) > 5 and P < 3"},
                   {.name = "L", .tag = 1, .suppress_when = "T > 1"}}};
    struct rig *r = rig_new(&spec);
    uint32_t by_rules = 0;
    uint32_t by_expr = 0;
    for (uint32_t i = 0; i < rule_set_count(r->model->rules); i++) {
        const uint32_t *inputs = NULL;
        uint32_t n = rule_set_inputs(r->model->rules, i, &inputs);
        by_rules += rule_set_cost(r->model->rules, i);
        by_expr += n == 2 ? rule_set_cost(r->model->rules, i) : 0;
    }
    assert_true(by_expr > 0);
    assert_true(by_rules > by_expr);
    assert_int_equal(core_tag_cost(r->core, 0), 3 + by_rules);
    assert_int_equal(core_tag_cost(r->core, 1), 3 + by_expr);
    assert_int_equal(core_tag_cost(r->core, 2), 0);
    rig_free(r);
}

/* --- counts --- */

static void counts_tell_what_stands_in_which_list(void **state) {
    (void)state;
    const struct spec spec = {.n_gateways = 1,
                              .n_tags = 1,
                              .n_alarms = 6,
                              .gateways = {{.name = "G"}},
                              .tags = {{.name = "T"}},
                              .alarms = {{.name = "A", .limit = 80, .priority = 1},
                                         {.name = "B", .limit = 80, .priority = 2},
                                         {.name = "C", .limit = 80},
                                         {.name = "D", .limit = 80},
                                         {.name = "E", .limit = 80, .disabled = true},
                                         {.name = "F", .limit = 80, .priority = 4}}};
    struct rig *r = rig_new(&spec);
    struct core_counts c = core_counts(r->core);
    assert_int_equal(c.disabled, 1);
    assert_int_equal(c.untrusted, 5);
    rig_send(r, 0, 85);
    c = core_counts(r->core);
    assert_int_equal(c.untrusted, 0);
    assert_int_equal(c.unacked[0], 5);
    assert_int_equal(c.active, 5);
    assert_int_equal(rig_ack(r, 0), ALARM_OK);
    assert_int_equal(rig_ask(r,
                             (struct alarm_request){
                                 .kind = ALARM_ASK_SHELVE, .alarm = 1, .duration_us = 1, .comment = "x"}),
                     ALARM_OK);
    assert_int_equal(
        rig_ask(r, (struct alarm_request){.kind = ALARM_ASK_SUPPRESS, .alarm = 2, .source = "p"}), ALARM_OK);
    assert_int_equal(rig_ask(r, (struct alarm_request){.kind = ALARM_ASK_OOS, .alarm = 3, .comment = "x"}),
                     ALARM_OK);
    c = core_counts(r->core);
    const uint32_t unacked[5] = {1, 0, 0, 0, 1};
    assert_memory_equal(c.unacked, unacked, sizeof unacked);
    assert_int_equal(c.active, 2);
    assert_int_equal(c.shelved, 1);
    assert_int_equal(c.suppressed, 1);
    assert_int_equal(c.out_of_service, 1);
    assert_int_equal(c.disabled, 1);
    rig_link(r, 0, false);
    assert_int_equal(core_counts(r->core).untrusted, 5);
    /* Taken over, and made again from the journal. */
    rig_revise(r);
    struct core_counts next = core_counts(r->core);
    assert_memory_equal(next.unacked, unacked, sizeof unacked);
    assert_int_equal(next.untrusted, 5);
    assert_int_equal(next.suppressed, 1);
    rig_restart(r, NULL, 0);
    next = core_counts(r->core);
    assert_memory_equal(next.unacked, unacked, sizeof unacked);
    assert_int_equal(next.active, 2);
    assert_int_equal(next.shelved, 1);
    assert_int_equal(next.suppressed, 1);
    assert_int_equal(next.out_of_service, 1);
    assert_int_equal(next.disabled, 1);
    rig_free(r);
}

static void annunciate(struct rig *r, uint32_t tag, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        rig_send(r, tag, 85);
        rig_at(r, (double)(r->now_us - RIG_BASE_US) / 1e6 + 1);
        rig_send(r, tag, 20);
    }
}

static void
more_than_ten_annunciations_in_ten_minutes_are_a_flood_until_they_are_fewer_than_five(void **state) {
    (void)state;
    const struct spec spec = {.n_gateways = 1,
                              .n_tags = 4,
                              .n_alarms = 4,
                              .gateways = {{.name = "G"}},
                              .tags = {{.name = "T"}, {.name = "N"}, {.name = "X"}, {.name = "S"}},
                              .alarms = {{.name = "A", .limit = 80},
                                         {.name = "N", .tag = 1, .limit = 80, .ack_mode = ACK_NONE},
                                         {.name = "X", .tag = 2, .limit = 80, .options = ALARM_TEST},
                                         {.name = "S", .tag = 3, .limit = 80}}};
    struct rig *r = rig_new(&spec);
    assert_int_equal(rig_ask(r, (struct alarm_request){.kind = ALARM_ASK_OOS, .alarm = 3, .comment = "x"}),
                     ALARM_OK);
    annunciate(r, 1, 3);
    annunciate(r, 2, 3);
    annunciate(r, 3, 3);
    assert_int_equal(core_counts(r->core).flood, 0);
    rig_at(r, 100);
    annunciate(r, 0, 10); /* at 100 … 109 */
    assert_int_equal(core_counts(r->core).flood, 10);
    assert_false(core_counts(r->core).flooded);
    rig_at(r, 150);
    annunciate(r, 0, 1);
    assert_int_equal(core_counts(r->core).flood, 11);
    assert_true(core_counts(r->core).flooded);
    rig_revise(r);
    assert_int_equal(core_counts(r->core).flood, 11);
    assert_true(core_counts(r->core).flooded);
    rig_at(r, 705.5);
    rig_send(r, 0, 21);
    assert_int_equal(core_counts(r->core).flood, 5);
    assert_true(core_counts(r->core).flooded);
    rig_at(r, 706.5);
    rig_send(r, 0, 22);
    assert_int_equal(core_counts(r->core).flood, 4);
    assert_false(core_counts(r->core).flooded);
    rig_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_alarm_is_explained_by_its_value_and_its_limit),
        cmocka_unit_test(alarms_of_two_tags_and_of_gateways_are_explained),
        cmocka_unit_test(an_alarm_that_gathers_is_explained_by_what_it_has),
        cmocka_unit_test(a_rule_is_explained_by_its_own_text),
        cmocka_unit_test(long_names_are_cut_and_a_short_list_is_filled),
        cmocka_unit_test(the_sums_are_taken_in_order_and_in_pieces),
        cmocka_unit_test(sums_go_on_after_a_restart_with_what_was_stored),
        cmocka_unit_test(sums_and_the_newest_command_survive_a_revision),
        cmocka_unit_test(a_tag_costs_its_alarms_and_all_that_its_rules_do),
        cmocka_unit_test(counts_tell_what_stands_in_which_list),
        cmocka_unit_test(
            more_than_ten_annunciations_in_ten_minutes_are_a_flood_until_they_are_fewer_than_five),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
