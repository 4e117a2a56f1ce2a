/* Covers: core_rules.c, core_conditions.c, core_history.c, core_build.c. Rules in the core: calculated tags
 * by level, what time alone changes, several gateways. */
#include "tests/unit/core/core_rig.h"

static struct tag_live live(const struct rig *r, uint32_t tag) {
    return core_tag(r->core, spec_tag_index(r->model, tag));
}

static void expect_tag(const struct rig *r, uint32_t tag, double value, uint8_t quality) {
    struct tag_live t = live(r, tag);
    assert_int_equal(t.quality, quality);
    assert_true(t.value == value);
}

enum {
    NO_INPUT = QUALITY_BAD | QUALITY_NO_VALUE | REASON_CONFIG,
    LOST = QUALITY_BAD | QUALITY_NO_VALUE | REASON_COMMS
};

/* --- calculated tags --- */

/* The higher level stands first, so that the order of configuration is not the order of levels. */
static const struct spec two_levels = {
    .n_gateways = 2,
    .n_tags = 4,
    .n_alarms = 2,
    .gateways = {{.name = "G"}, {.name = "H"}},
    .tags = {{.name = "TWICE", .expr = "SUM * 2"},
             {.name = "A"},
             {.name = "SUM", .expr = "A + B"},
             {.name = "B", .gateway = 1}},
    .alarms = {{.name = "HIGH", .tag = 0, .limit = 100},
               {.name = "ODD", .kind = ALARM_EXPR, .expr = "TWICE != SUM + SUM"}}};

static void calculated_tags_of_two_levels_carry_values_times_and_quality(void **state) {
    (void)state;
    struct rig *r = rig_new(&two_levels);
    assert_int_equal(live(r, 0).quality, QUALITY_BAD | QUALITY_NO_VALUE | REASON_INITIAL);
    rig_send(r, 1, 20);
    assert_true(quality_is_bad(live(r, 0).quality));
    rig_at(r, 1);
    rig_send(r, 3, 10);
    expect_tag(r, 2, 30, QUALITY_GOOD);
    expect_tag(r, 0, 60, QUALITY_GOOD);
    assert_int_equal(live(r, 0).t_us, rig_us(1));
    rig_at(r, 2);
    rig_send(r, 1, 50);
    expect_tag(r, 0, 120, QUALITY_GOOD);
    rig_expect(r, "raise HIGH A>B ring");
    rig_send_quality(r, 3, 10, QUALITY_UNCERTAIN);
    expect_tag(r, 2, 60, QUALITY_UNCERTAIN);
    expect_tag(r, 0, 120, QUALITY_UNCERTAIN);
    rig_at(r, 3);
    rig_send_quality(r, 3, 10, QUALITY_BAD | REASON_SENSOR);
    expect_tag(r, 2, 60, NO_INPUT); /* the value stays, as the last one that was known */
    expect_tag(r, 0, 120, NO_INPUT);
    assert_true(rig_view(r, 0).untrusted);
    assert_int_equal(rig_letter(r, 0), 'B');
    rig_at(r, 4);
    rig_send(r, 3, 10);
    expect_tag(r, 0, 120, QUALITY_GOOD);
    assert_false(rig_view(r, 0).untrusted);
    /* One of two gateways goes: what is made of both is unknown, and comes back with it. */
    rig_link(r, 1, false);
    expect_tag(r, 0, 120, LOST);
    rig_at(r, 5);
    rig_link(r, 1, true);
    expect_tag(r, 0, 120, LOST);
    rig_send(r, 3, 5);
    expect_tag(r, 0, 110, QUALITY_GOOD);
    /* No glitch: the rule never saw one level without the other. */
    assert_int_equal(rig_view(r, 1).occ, 0);
    rig_at(r, 6);
    rig_send(r, 3, 0);
    rig_expect(r, "rtn HIGH B>D");
    rig_free(r);
}

/* Its gateway speaks, and says that it is bad: that is not silence, also when it was never known. */
static void a_bad_input_counts_as_on_bad_says_and_the_loss_of_its_link_does_not(void **state) {
    (void)state;
    const struct spec spec = {
        .n_gateways = 1,
        .n_tags = 2,
        .n_alarms = 2,
        .gateways = {{.name = "G"}},
        .tags = {{.name = "A"}, {.name = "TWICE", .expr = "A * 2"}},
        .alarms = {{.name = "CALC", .tag = 1, .limit = 100, .on_bad = ON_BAD_ALARM},
                   {.name = "RULE", .kind = ALARM_EXPR, .expr = "TWICE > 100", .on_bad = ON_BAD_ALARM}}};
    struct rig *r = rig_new(&spec);
    rig_expect(r, "");
    rig_send_quality(r, 0, 1, QUALITY_BAD | REASON_SENSOR);
    rig_expect(r, "raise CALC A>B ring, raise RULE A>B ring");
    rig_at(r, 1);
    rig_send(r, 0, 1);
    rig_expect(r, "rtn CALC B>D, rtn RULE B>D");
    rig_link(r, 0, false);
    rig_at(r, 2);
    rig_link(r, 0, true);
    rig_expect(r, "");
    rig_send_quality(r, 0, 1, QUALITY_BAD | REASON_SENSOR);
    rig_expect(r, "reraise CALC D>B ring, reraise RULE D>B ring");
    rig_free(r);
}

static void calculated_tags_are_calculated_when_a_configuration_comes(void **state) {
    (void)state;
    struct rig *r = rig_new(&two_levels);
    rig_send(r, 1, 20);
    rig_send(r, 3, 10);
    r->spec.tags[0].expr = "SUM * 10";
    rig_at(r, 3);
    rig_revise(r);
    expect_tag(r, 0, 300, QUALITY_GOOD);
    rig_expect(r, "raise HIGH A>B ring, raise ODD A>B ring");
    r->spec.tags[0].expr = "A - B";
    rig_revise(r);
    expect_tag(r, 0, 10, QUALITY_GOOD);
    rig_expect(r, "rtn HIGH B>D");
    rig_free(r);
}

/* --- the wheel of seconds --- */

static void a_steady_rule_costs_no_wake(void **state) {
    (void)state;
    const struct spec spec = {
        .n_gateways = 1,
        .n_tags = 2,
        .n_alarms = 3,
        .gateways = {{.name = "G"}},
        .tags = {{.name = "T"}, {.name = "ON", .is_bool = true}},
        .alarms = {{.name = "AVG", .kind = ALARM_EXPR, .expr = "avg(T, 10s) > 50"},
                   {.name = "FOR", .kind = ALARM_EXPR, .expr = "for(ON, 5s)"},
                   {.name = "ROC", .kind = ALARM_ROC, .limit = 1, .expr = "abs(rate(T, 10s))"}}};
    struct rig *r = rig_new(&spec);
    rig_send(r, 0, 20);
    rig_send(r, 1, 0);
    rig_at(r, 100);
    assert_true(core_next_wake(r->core) == INT64_MAX);
    rig_send(r, 1, 1);
    assert_int_equal(core_next_wake(r->core), rig_us(105));
    rig_send(r, 0, 80);
    assert_int_equal(core_next_wake(r->core), rig_us(101));
    rig_at(r, 104.5);
    assert_int_equal(rig_letter(r, 1), 'A');
    rig_at(r, 200);
    assert_true(core_next_wake(r->core) == INT64_MAX);
    rig_expect(r, "raise ROC A>B ring, raise FOR A>B ring, raise AVG A>B ring, rtn ROC B>D");
    assert_int_equal(rig_view(r, 1).raised_us, rig_us(105));
    assert_int_equal(rig_view(r, 0).raised_us, rig_us(106)); /* 5 s of 20 and 5 of 80 are no more than 50 */
    rig_free(r);
}

static void a_rule_waits_with_its_window_through_a_revision(void **state) {
    (void)state;
    const struct spec spec = {
        .n_gateways = 1,
        .n_tags = 2,
        .n_alarms = 2,
        .gateways = {{.name = "G"}},
        .tags = {{.name = "FIRST"}, {.name = "ON", .is_bool = true}},
        .alarms = {{.name = "FOR", .kind = ALARM_EXPR, .expr = "for(ON, 10s)"},
                   {.name = "NEW", .kind = ALARM_EXPR, .expr = "for(ON, 20s)", .absent = true}}};
    struct rig *r = rig_new(&spec);
    rig_send(r, 1, 1);
    rig_at(r, 4);
    r->spec.tags[0].absent = true; /* the tag moves up */
    r->spec.alarms[1].absent = false;
    rig_revise(r);
    rig_at(r, 30);
    rig_expect(r, "raise FOR A>B ring, raise NEW A>B ring");
    assert_int_equal(rig_view(r, 0).raised_us, rig_us(10));
    assert_int_equal(rig_view(r, 1).raised_us,
                     rig_us(20)); /* the last value held, also before the rule was */
    rig_free(r);
}

/* --- several gateways --- */

static const struct spec two_gateways = {
    .n_gateways = 2,
    .n_tags = 2,
    .n_alarms = 4,
    .gateways = {{.name = "G"}, {.name = "H"}},
    .tags = {{.name = "A"}, {.name = "B", .gateway = 1}},
    .alarms = {{.name = "HIGH", .limit = 80},
               {.name = "BOTH", .kind = ALARM_EXPR, .expr = "A > 80 and B > 80"},
               {.name = "GC", .kind = ALARM_COMM, .on_s = 5},
               {.name = "HC", .kind = ALARM_COMM, .gateway = 1, .on_s = 5}}};

static void one_gateways_loss_is_one_alarm_and_the_others_tags_stay_known(void **state) {
    (void)state;
    struct rig *r = rig_new(&two_gateways);
    rig_send(r, 0, 85);
    rig_send(r, 1, 85);
    rig_expect(r, "raise HIGH A>B ring, raise BOTH A>B ring");
    rig_link(r, 1, false);
    assert_false(rig_view(r, 0).untrusted);
    assert_true(rig_view(r, 1).untrusted);
    rig_at(r, 10);
    rig_expect(r, "raise HC A>B ring");
    /* False whatever the other says: an answer is an answer. */
    rig_send(r, 0, 20);
    rig_expect(r, "rtn HIGH B>D, rtn BOTH B>D");
    assert_false(rig_view(r, 1).untrusted);
    rig_link(r, 0, false);
    rig_at(r, 20);
    rig_expect(r, "raise GC A>B ring");
    rig_free(r);
}

static void stored_samples_of_one_gateway_judge_no_rule_of_two(void **state) {
    (void)state;
    struct rig *r = rig_new(&two_gateways);
    rig_send(r, 0, 20);
    rig_send(r, 1, 85);
    rig_at(r, 10);
    rig_link(r, 0, false);
    rig_at(r, 100);
    rig_link(r, 0, true);
    rig_send(r, 0, 21);
    rig_expect(r, "raise GC A>B ring, rtn GC B>D");
    struct sample v[] = {rig_sample(r, 0, 85), rig_sample(r, 0, 20), rig_sample(r, 0, 90)};
    v[0].t_us = rig_us(30);
    v[1].t_us = rig_us(40);
    v[2].t_us = rig_us(50);
    rig_message(r, 0, LANE_BACKLOG, v, 3);
    rig_expect(r, "hist_raise HIGH A>A, hist_skipped BOTH A>A, hist_rtn HIGH A>A, hist_raise HIGH A>A");
    const struct event end = {.kind = EVENT_BACKLOG_END, .backlog_end = {.te_us = rig_us(100)}};
    rig_apply(r, &end);
    rig_expect(r, "hist_rtn HIGH A>A");
    assert_int_equal(r->records[r->n_records - 1].src_us, rig_us(100));
    /* The gap is closed: what comes now is for the store alone. */
    rig_message(r, 0, LANE_BACKLOG, v, 3);
    rig_expect(r, "");
    assert_int_equal(core_counts(r->core).backlog, 6);
    rig_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calculated_tags_of_two_levels_carry_values_times_and_quality),
        cmocka_unit_test(a_bad_input_counts_as_on_bad_says_and_the_loss_of_its_link_does_not),
        cmocka_unit_test(calculated_tags_are_calculated_when_a_configuration_comes),
        cmocka_unit_test(a_steady_rule_costs_no_wake),
        cmocka_unit_test(a_rule_waits_with_its_window_through_a_revision),
        cmocka_unit_test(one_gateways_loss_is_one_alarm_and_the_others_tags_stay_known),
        cmocka_unit_test(stored_samples_of_one_gateway_judge_no_rule_of_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
