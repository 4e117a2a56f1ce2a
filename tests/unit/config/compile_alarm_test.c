/* Covers: compile_alarm.c, alarm_item.c, cross.c */
#include "server/base/tm.h"
#include "server/core/rule.h"
#include "tests/lib/config_rig.h"

#include <math.h>
#include <stdlib.h>

#define P ",\"priority\":2"

/* A model of the rig's set with one more alarm, S1/A. */
static struct model *with(const char *rest) {
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_ALARM, "S1/A", rest);
    struct model *m = rig_compile(set);
    config_set_free(&set);
    return m;
}

static uint32_t tag(const struct model *m, const char *name) {
    return model_find_tag(m, slice_str(name));
}

/* --- kinds */

static void each_kind_arrives_with_its_parameters(void **state) {
    (void)state;
    struct model *m =
        with("\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":8.5,\"deadband\":0.5,\"inclusive\":true" P);
    const struct model_alarm *a = rig_alarm(m, "S1/A");
    assert_true(a->kind == ALARM_HIGH && a->limit == 8.5 && a->deadband == 0.5 &&
                model_alarm_is(a, ALARM_INCLUSIVE));
    assert_true(a->tag == tag(m, "S1/L") && a->gateway == 0 && a->site == 0 && a->more == MODEL_NONE);
    model_free(&m);

    m = with("\"kind\":\"dev\",\"tag\":\"S1/L\",\"setpoint\":\"S1/SP\",\"limit\":1,\"deadband\":0.2" P);
    const struct model_alarm_more *more = rig_more(m, "S1/A");
    a = rig_alarm(m, "S1/A");
    assert_true(a->kind == ALARM_DEV && a->limit == 1 && a->deadband == 0.2);
    assert_true(more->second_tag == tag(m, "S1/SP") && more->second_scale == 0.01 &&
                more->second_offset == 0);
    model_free(&m);

    m = with("\"kind\":\"state\",\"tag\":\"S1/MODE\",\"states\":[\"auto\",0]" P);
    more = rig_more(m, "S1/A");
    assert_true(rig_alarm(m, "S1/A")->kind == ALARM_STATE && more->n_states == 2);
    assert_true(more->states[0] == 2 && more->states[1] == 0);
    model_free(&m);

    m = with("\"kind\":\"change\",\"tag\":\"S1/MODE\"" P);
    assert_int_equal(rig_alarm(m, "S1/A")->kind, ALARM_CHANGE);
    model_free(&m);
    m = with("\"kind\":\"quality\",\"tag\":\"S1/L\",\"on_delay_s\":5" P);
    assert_true(rig_alarm(m, "S1/A")->kind == ALARM_QUALITY && rig_alarm(m, "S1/A")->on_delay_us == 5000000);
    model_free(&m);

    m = with("\"kind\":\"disc\",\"command\":\"S1/CMD\",\"feedback\":\"S1/RUN\",\"on_delay_s\":15" P);
    a = rig_alarm(m, "S1/A");
    assert_true(a->kind == ALARM_DISC && a->tag == tag(m, "S1/CMD") && a->on_delay_us == 15000000);
    assert_int_equal(rig_more(m, "S1/A")->second_tag, tag(m, "S1/RUN"));
    model_free(&m);

    m = with("\"kind\":\"runtime\",\"tag\":\"S1/RUN\",\"limit\":\"500 h\"" P);
    assert_true(rig_alarm(m, "S1/A")->kind == ALARM_RUNTIME && rig_alarm(m, "S1/A")->limit == 500 * 3600e6);
    model_free(&m);

    m = with("\"kind\":\"total\",\"tag\":\"S1/F\",\"limit\":1000,\"per\":\"min\"" P);
    assert_true(rig_alarm(m, "S1/A")->kind == ALARM_TOTAL && rig_alarm(m, "S1/A")->limit == 1000);
    assert_int_equal(rig_more(m, "S1/A")->every_us, TM_MINUTE_US);
    model_free(&m);

    m = with("\"kind\":\"cusum_low\",\"tag\":\"S1/L\",\"target\":5,\"k\":0.25,\"h\":4,\"every_s\":60" P);
    more = rig_more(m, "S1/A");
    assert_true(rig_alarm(m, "S1/A")->kind == ALARM_CUSUM_LOW && rig_alarm(m, "S1/A")->limit == 4);
    assert_true(more->target == 5 && more->k == 0.25 && more->every_us == 60 * TM_SECOND_US);
    model_free(&m);

    m = with("\"kind\":\"cusum\",\"tag\":\"S1/L\",\"target\":5,\"h\":4,\"every_s\":1" P);
    assert_true(rig_alarm(m, "S1/A")->kind == ALARM_CUSUM && rig_more(m, "S1/A")->k == 0);
    model_free(&m);
}

static void rules_become_programs(void **state) {
    (void)state;
    const uint32_t *inputs = NULL;
    struct model *m = with("\"kind\":\"roc\",\"tag\":\"S1/L\",\"limit\":\"60 cm/min\",\"over_s\":30" P);
    const struct model_alarm *a = rig_alarm(m, "S1/A");
    uint32_t program = rig_more(m, "S1/A")->program;
    assert_true(a->kind == ALARM_ROC && a->limit == 0.01 && a->tag == tag(m, "S1/L"));
    assert_int_equal(rule_set_type(m->rules, program), RULE_NUMBER);
    assert_true(slice_is(rule_set_source(m->rules, program), "abs(rate(\"S1/L\", 30s))"));
    assert_true(rule_set_inputs(m->rules, program, &inputs) == 1 && inputs[0] == tag(m, "S1/L"));
    model_free(&m);

    m = with("\"kind\":\"expr\",\"expr\":\"L > 4 m and not RUN\\n  and \\\"S1/F\\\" < "
             "10\",\"suppress_when\":\"CMD\","
             "\"unsuppress_delay_s\":20" P);
    a = rig_alarm(m, "S1/A");
    assert_true(a->kind == ALARM_EXPR && a->tag == MODEL_NONE && a->gateway == MODEL_NONE && a->site == 0);
    const struct model_alarm_more *more = rig_more(m, "S1/A");
    assert_int_equal(rule_set_type(m->rules, more->program), RULE_BOOL);
    assert_int_equal(rule_set_inputs(m->rules, more->program, &inputs), 3);
    assert_true(rule_set_inputs(m->rules, more->suppress_program, &inputs) == 1 &&
                inputs[0] == tag(m, "S1/CMD"));
    assert_int_equal(more->unsuppress_us, 20 * TM_SECOND_US);
    model_free(&m);
}

static void names_in_rules_are_of_the_own_site_first(void **state) {
    (void)state;
    const uint32_t *inputs = NULL;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_SITE, "S2", "");
    rig_put(set, CONFIG_GATEWAY, "g2", "\"site\":\"S2\"");
    rig_put(set, CONFIG_ALARM, "S2/g2.comm", "\"kind\":\"comm\",\"gateway\":\"g2\",\"priority\":2");
    rig_put(set, CONFIG_TAG, "S2/L", "\"gateway\":\"g2\",\"low\":0,\"high\":5");
    rig_put(set, CONFIG_ALARM, "S2/A", "\"kind\":\"expr\",\"expr\":\"L > 1\"" P);
    rig_put(set, CONFIG_ALARM, "S2/B", "\"kind\":\"expr\",\"expr\":\"\\\"S1/L\\\" > 1\"" P);
    struct model *m = rig_compile(set);
    assert_int_equal(rule_set_inputs(m->rules, rig_more(m, "S2/A")->program, &inputs), 1);
    assert_int_equal(inputs[0], tag(m, "S2/L"));
    assert_int_equal(rule_set_inputs(m->rules, rig_more(m, "S2/B")->program, &inputs), 1);
    assert_int_equal(inputs[0], tag(m, "S1/L"));
    model_free(&m);
    config_set_free(&set);
}

/* --- delays of kinds that have their own */

static void assert_on_delay(const char *name, const char *rest, int64_t us) {
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_ALARM, name, rest);
    struct model *m = rig_compile(set);
    assert_int_equal(rig_alarm(m, name)->on_delay_us, us);
    model_free(&m);
    config_set_free(&set);
}

static void delays_hold_what_the_kind_waits_for(void **state) {
    (void)state;
#define STALE "\"kind\":\"stale\",\"tag\":\"S1/L\",\"priority\":3"
#define COMM  "\"kind\":\"comm\",\"gateway\":\"g1\",\"priority\":2"
    assert_on_delay("S1/A", STALE, 30000000); /* the tag's stale_s */
    assert_on_delay("S1/A", STALE ",\"after_s\":5", 5000000);
    assert_on_delay("S1/A", STALE ",\"after_s\":5,\"on_delay_s\":2", 7000000);
    assert_on_delay("S1/A", "\"kind\":\"stale\",\"tag\":\"S1/F\",\"after_s\":9" P, 9000000);
    assert_on_delay("S1/g1.comm", COMM, 30000000);
    assert_on_delay("S1/g1.comm", COMM ",\"after_s\":0", 0);
    assert_on_delay("S1/g1.comm", COMM ",\"on_delay_s\":10", 10000000);
}

/* --- limits */

static void limits_are_converted_or_tags(void **state) {
    (void)state;
    struct model *m = with("\"kind\":\"low\",\"tag\":\"S1/L\",\"limit\":\"420 cm\"" P);
    assert_true(fabs(rig_alarm(m, "S1/A")->limit - 4.2) < 1e-12);
    model_free(&m);
    m = with("\"kind\":\"high\",\"tag\":\"S1/T\",\"limit\":\"212 degF\"" P);
    assert_true(fabs(rig_alarm(m, "S1/A")->limit - 100) < 1e-9);
    model_free(&m);
    m = with("\"kind\":\"dev\",\"tag\":\"S1/T\",\"setpoint\":\"S1/T\",\"limit\":\"9 degF\"" P);
    assert_true(fabs(rig_alarm(m, "S1/A")->limit - 5) < 1e-9); /* a difference */
    model_free(&m);
    m = with("\"kind\":\"high\",\"tag\":\"S1/L\",\"limit_tag\":\"S1/SP\",\"deadband\":20" P);
    const struct model_alarm_more *more = rig_more(m, "S1/A");
    assert_true(isnan(rig_alarm(m, "S1/A")->limit) && more->limit_tag == tag(m, "S1/SP"));
    assert_true(more->limit_scale == 0.01 && more->limit_offset == 0);
    model_free(&m);
    m = with("\"kind\":\"high\",\"tag\":\"S1/L\",\"limit_tag\":\"S1/N\"" P); /* without a unit: the same */
    assert_true(rig_more(m, "S1/A")->limit_scale == 1);
    model_free(&m);
}

static void a_difference_has_no_zero_to_be_moved(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_TAG, "S1/TF", "\"gateway\":\"g1\",\"unit\":\"degF\",\"low\":0,\"high\":300");
    rig_put(set, CONFIG_ALARM, "S1/A",
            "\"kind\":\"dev\",\"tag\":\"S1/T\",\"setpoint\":\"S1/TF\",\"limit_tag\":\"S1/TF\"" P);
    rig_put(set, CONFIG_ALARM, "S1/B", "\"kind\":\"high\",\"tag\":\"S1/T\",\"limit_tag\":\"S1/TF\"" P);
    struct model *m = rig_compile(set);
    const struct model_alarm_more *dev = rig_more(m, "S1/A");
    assert_true(fabs(dev->limit_scale - 5.0 / 9) < 1e-12 && dev->limit_offset == 0);
    assert_true(fabs(dev->second_offset + 160.0 / 9) < 1e-9); /* 32 degF is 0 degC */
    assert_true(fabs(rig_more(m, "S1/B")->limit_offset + 160.0 / 9) < 1e-9);
    model_free(&m);
    config_set_free(&set);
}

/* --- what all have */

static void options_and_times_arrive(void **state) {
    (void)state;
    struct model *m =
        with("\"kind\":\"high\",\"tag\":\"S1/"
             "L\",\"limit\":8,\"priority\":3,\"ack\":\"auto\",\"latch\":true,\"confirm\":true,"
             "\"comment\":true,\"shelvable\":false,\"uncertain\":\"bad\",\"on_bad\":\"alarm\",\"test\":true,"
             "\"enabled\":false,"
             "\"realarm_s\":600,\"escalate_after_s\":120,\"escalate_priority\":1,\"max_shelve_s\":3600,\"on_"
             "delay_s\":1.5,"
             "\"off_delay_s\":2,\"position\":\"north\",\"message\":{\"en\":\"full\",\"zh\":\"满\"}");
    const struct model_alarm *a = rig_alarm(m, "S1/A");
    const struct model_alarm_more *more = rig_more(m, "S1/A");
    assert_true(a->key == 7 && a->revision == 3 && a->priority == 3 && a->ack_mode == ACK_AUTO);
    assert_int_equal(a->options,
                     ALARM_LATCH | ALARM_CONFIRM | ALARM_COMMENT | ALARM_UNCERTAIN_BAD | ALARM_TEST);
    assert_true(a->on_bad == ON_BAD_ALARM && a->on_delay_us == 1500000 && a->off_delay_us == 2000000);
    assert_true(more->realarm_us == 600000000 && more->escalate_us == 120000000 &&
                more->escalate_priority == 1);
    assert_int_equal(more->max_shelve_us, 3600000000);
    assert_true(a->position == 1 && slice_is(m->positions[1], "north") && slice_is(m->positions[0], "main"));
    assert_true(slice_is(m->alarm_texts[a - m->alarms].message.zh, "满"));
    model_free(&m);
    m = with("\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":8,\"ack\":\"none\",\"on_bad\":\"normal\"" P);
    assert_true(rig_alarm(m, "S1/A")->ack_mode == ACK_NONE && rig_alarm(m, "S1/A")->on_bad == ON_BAD_NORMAL);
    model_free(&m);
}

static void what_is_not_said_has_the_default(void **state) {
    (void)state;
    struct model *m = with("\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":8" P);
    const struct model_alarm *a = rig_alarm(m, "S1/A");
    assert_true(a->ack_mode == ACK_MANUAL && a->on_bad == ON_BAD_HOLD && a->position == 0 &&
                a->deadband == 0);
    assert_int_equal(a->options, ALARM_ENABLED | ALARM_SHELVABLE);
    assert_int_equal(rig_more(m, "S1/A")->max_shelve_us, MODEL_SHELVE_MAX_US);
    assert_true(m->n_more == 0 && m->rules == NULL && m->n_positions == 1);
    model_free(&m);
}

static void a_site_has_a_position_for_its_alarms(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_SITE, "S1", "\"position\":\"east\"");
    rig_put(set, CONFIG_ALARM, "S1/A", "\"kind\":\"change\",\"tag\":\"S1/L\",\"position\":\"main\"" P);
    struct model *m = rig_compile(set);
    assert_true(slice_is(m->positions[rig_alarm(m, "S1/g1.comm")->position], "east"));
    assert_int_equal(rig_alarm(m, "S1/A")->position, 0);
    model_free(&m);
    for (int i = 0; i < MODEL_POSITIONS_MAX; i++) {
        char name[32];
        char rest[128];
        (void)snprintf(name, sizeof name, "S1/A%02d", i);
        (void)snprintf(rest, sizeof rest, "\"kind\":\"change\",\"tag\":\"S1/L\",\"position\":\"p%d\"" P, i);
        if (i < MODEL_POSITIONS_MAX - 2) {
            rig_put(set, CONFIG_ALARM, name, rest);
        }
    }
    m = rig_compile(set);
    assert_int_equal(m->n_positions, MODEL_POSITIONS_MAX);
    model_free(&m);
    rig_put(set, CONFIG_ALARM, "S1/B", "\"kind\":\"change\",\"tag\":\"S1/L\",\"position\":\"more\"" P);
    rig_assert_fault(set, "E_RANGE", "/alarm/S1~1B/position", "one position too many");
    config_set_free(&set);
}

/* --- classes */

#define HIGH "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":8"

static void an_alarm_takes_from_its_class_what_it_does_not_say_itself(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_CLASS, "c",
            "\"priority\":3,\"ack\":\"auto\",\"latch\":true,\"confirm\":true,\"comment\":true,\"shelvable\":"
            "false,"
            "\"max_shelve_s\":60,\"realarm_s\":5,\"escalate_after_s\":6,\"escalate_priority\":1,\"on_bad\":"
            "\"normal\","
            "\"uncertain\":\"bad\",\"on_delay_s\":7,\"off_delay_s\":8");
    rig_put(set, CONFIG_ALARM, "S1/A", HIGH ",\"class\":\"c\"");
    rig_put(set, CONFIG_ALARM, "S1/B",
            "\"kind\":\"low\",\"tag\":\"S1/"
            "L\",\"limit\":1,\"class\":\"c\",\"priority\":2,\"ack\":\"manual\",\"latch\":false,"
            "\"confirm\":false,\"comment\":false,\"shelvable\":true,\"max_shelve_s\":90,\"realarm_s\":0,"
            "\"escalate_after_s\":0,\"on_bad\":\"hold\",\"uncertain\":\"use\",\"on_delay_s\":0,\"off_delay_"
            "s\":1");
    struct model *m = rig_compile(set);
    const struct model_alarm *a = rig_alarm(m, "S1/A");
    const struct model_alarm_more *more = rig_more(m, "S1/A");
    assert_true(a->priority == 3 && a->ack_mode == ACK_AUTO && a->on_bad == ON_BAD_NORMAL);
    assert_int_equal(a->options,
                     ALARM_ENABLED | ALARM_LATCH | ALARM_CONFIRM | ALARM_COMMENT | ALARM_UNCERTAIN_BAD);
    assert_true(a->on_delay_us == 7000000 && a->off_delay_us == 8000000 && more->max_shelve_us == 60000000);
    assert_true(more->realarm_us == 5000000 && more->escalate_us == 6000000 && more->escalate_priority == 1);
    a = rig_alarm(m, "S1/B");
    more = rig_more(m, "S1/B");
    assert_true(a->priority == 2 && a->ack_mode == ACK_MANUAL && a->on_bad == ON_BAD_HOLD);
    assert_int_equal(a->options, ALARM_ENABLED | ALARM_SHELVABLE);
    assert_true(a->on_delay_us == 0 && a->off_delay_us == 1000000 && more->max_shelve_us == 90000000);
    assert_true(more->realarm_us == 0 && more->escalate_us == 0);
    model_free(&m);
    config_set_free(&set);
}

static void a_highly_managed_alarm_cannot_be_shelved_and_needs_a_comment(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_CLASS, "hm", "\"highly_managed\":true");
    rig_put(set, CONFIG_ALARM, "S1/A", HIGH ",\"class\":\"hm\",\"shelvable\":true,\"comment\":false" P);
    struct model *m = rig_compile(set);
    assert_int_equal(rig_alarm(m, "S1/A")->options, ALARM_ENABLED | ALARM_COMMENT);
    model_free(&m);
    config_set_free(&set);
}

static void a_class_has_no_say_in_what_its_kind_of_alarm_cannot_have(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_CLASS, "c",
            "\"on_delay_s\":7,\"off_delay_s\":8,\"escalate_after_s\":5,\"escalate_priority\":2");
    rig_put(set, CONFIG_ALARM, "S1/A", "\"kind\":\"change\",\"tag\":\"S1/L\",\"class\":\"c\"" P);
    rig_put(set, CONFIG_ALARM, "S1/g1.comm",
            "\"kind\":\"comm\",\"gateway\":\"g1\",\"class\":\"c\",\"priority\":1");
    struct model *m = rig_compile(set);
    assert_true(rig_alarm(m, "S1/A")->on_delay_us == 0 && rig_alarm(m, "S1/A")->off_delay_us == 0);
    assert_true(rig_alarm(m, "S1/g1.comm")->on_delay_us == 30000000); /* how long the link may be away */
    assert_int_equal(rig_more(m, "S1/g1.comm")->escalate_us, 0);      /* it is at the top already */
    model_free(&m);
    config_set_free(&set);
}

/* --- priority */

static void a_priority_is_given_or_follows_from_the_matrix_or_the_class(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_CLASS, "c", "\"priority\":4");
    rig_put(set, CONFIG_CLASS, "none", "");
    rig_put(set, CONFIG_ALARM, "S1/A", HIGH ",\"class\":\"c\"");
    rig_put(
        set, CONFIG_ALARM, "S1/B",
        "\"kind\":\"change\",\"tag\":\"S1/L\",\"class\":\"c\",\"severity\":\"severe\",\"time_to_act_s\":600");
    rig_put(
        set, CONFIG_ALARM, "S1/C",
        "\"kind\":\"change\",\"tag\":\"S1/L\",\"priority\":3,\"severity\":\"severe\",\"time_to_act_s\":600");
    rig_put(set, CONFIG_ALARM, "S1/D",
            "\"kind\":\"change\",\"tag\":\"S1/L\",\"severity\":\"minor\",\"time_to_act_s\":86400");
    struct model *m = rig_compile(set);
    assert_int_equal(rig_alarm(m, "S1/A")->priority, 4);
    assert_int_equal(rig_alarm(m, "S1/B")->priority, 1);
    assert_int_equal(rig_alarm(m, "S1/C")->priority, 3);
    assert_int_equal(rig_alarm(m, "S1/D")->priority, 4);
    model_free(&m);
    rig_put(set, CONFIG_POLICY, "alarms",
            "\"matrix\":{\"severe\":[{\"within_s\":60,\"priority\":1},{\"within_s\":900,\"priority\":2}]}");
    m = rig_compile(set);
    assert_int_equal(rig_alarm(m, "S1/B")->priority, 2);
    assert_int_equal(rig_alarm(m, "S1/D")->priority, 4);
    model_free(&m);
    rig_put(set, CONFIG_ALARM, "S1/D", "\"kind\":\"change\",\"tag\":\"S1/L\",\"class\":\"none\"");
    rig_assert_fault(set, "E_PRIO", "/alarm/S1~1D/priority", "its class says nothing either");
    config_set_free(&set);
}

/* --- groups and hiding */

static void groups_have_their_members_and_a_rule(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_GROUP, "empty", "\"first_out\":false");
    rig_put(set, CONFIG_GROUP, "trip",
            "\"title\":{\"en\":\"Trip\",\"zh\":\"跳闸\"},\"suppress_when\":\"not "
            "RUN\",\"unsuppress_delay_s\":30");
    rig_put(set, CONFIG_GROUP, "two", "");
    rig_put(set, CONFIG_ALARM, "S1/Z",
            "\"kind\":\"change\",\"tag\":\"S1/L\",\"groups\":[\"two\",\"trip\"]" P);
    rig_put(set, CONFIG_ALARM, "S1/A", "\"kind\":\"change\",\"tag\":\"S1/L\",\"groups\":[\"trip\"]" P);
    struct model *m = rig_compile(set);
    assert_int_equal(m->n_groups, 3);
    const struct model_group *g = m->groups;
    assert_true(slice_is(g[0].name, "empty") && g[0].n_members == 0 && !g[0].first_out &&
                g[0].suppress_program == MODEL_NONE);
    assert_true(slice_is(g[1].name, "trip") && slice_is(g[1].title.zh, "跳闸") && g[1].first_out &&
                g[1].key == 7);
    assert_true(g[1].n_members == 2 && g[1].members[0] == model_find_alarm(m, slice_str("S1/A")));
    assert_int_equal(g[1].members[1], model_find_alarm(m, slice_str("S1/Z")));
    assert_int_equal(g[1].unsuppress_us, 30000000);
    const uint32_t *inputs = NULL; /* all members are of S1: so are its names */
    assert_int_equal(rule_set_inputs(m->rules, g[1].suppress_program, &inputs), 1);
    assert_int_equal(inputs[0], tag(m, "S1/RUN"));
    assert_true(g[2].n_members == 1 && rig_more(m, "S1/Z")->n_groups == 2 &&
                rig_more(m, "S1/Z")->groups[0] == 2);
    model_free(&m);
    rig_put(set, CONFIG_GROUP, "empty", "\"suppress_when\":\"RUN\"");
    rig_assert_fault(set, "E_TAG", "/group/empty/suppress_when", "(byte 1)");
    rig_put(set, CONFIG_GROUP, "empty", "\"suppress_when\":\"\\\"S1/RUN\\\"\"");
    m = rig_compile(set);
    model_free(&m);
    config_set_free(&set);
}

static void a_group_of_several_sites_says_of_which_its_tags_are(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_SITE, "S2", "");
    rig_put(set, CONFIG_GATEWAY, "g2", "\"site\":\"S2\"");
    rig_put(set, CONFIG_ALARM, "S2/g2.comm",
            "\"kind\":\"comm\",\"gateway\":\"g2\",\"priority\":2,\"groups\":[\"x\"]");
    rig_put(set, CONFIG_ALARM, "S1/A", "\"kind\":\"change\",\"tag\":\"S1/L\",\"groups\":[\"x\"]" P);
    rig_put(set, CONFIG_GROUP, "x", "\"suppress_when\":\"\\\"S1/RUN\\\"\"");
    struct model *m = rig_compile(set);
    assert_int_equal(m->groups[0].n_members, 2);
    model_free(&m);
    rig_put(set, CONFIG_GROUP, "x", "\"suppress_when\":\"RUN\"");
    rig_assert_fault(set, "E_TAG", "/group/x/suppress_when", "(byte 1)");
    config_set_free(&set);
}

static void an_alarm_is_hidden_by_another_but_not_by_itself(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_ALARM, "S1/A", HIGH ",\"hidden_by\":\"S1/B\"" P);
    rig_put(set, CONFIG_ALARM, "S1/B", "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":9" P);
    rig_put(set, CONFIG_ALARM, "S1/C", "\"kind\":\"change\",\"tag\":\"S1/L\",\"hidden_by\":\"S1/B\"" P);
    struct model *m = rig_compile(set);
    assert_int_equal(rig_more(m, "S1/A")->hidden_by, model_find_alarm(m, slice_str("S1/B")));
    model_free(&m);
    rig_put(set, CONFIG_ALARM, "S1/B",
            "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":9,\"hidden_by\":\"S1/A\"" P);
    rig_assert_fault(set, "E_CYCLE", "/alarm/S1~1A/hidden_by", "by way of S1/B");
    rig_put(set, CONFIG_ALARM, "S1/B",
            "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":9,\"hidden_by\":\"S1/B\"" P);
    rig_assert_fault(set, "E_CYCLE", "/alarm/S1~1B/hidden_by", "leads back");
    rig_put(set, CONFIG_ALARM, "S1/B",
            "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":9,\"hidden_by\":\"S1/X\"" P);
    rig_assert_fault(set, "E_ALARM", "/alarm/S1~1B/hidden_by", "no such alarm");
    config_set_free(&set);
}

static void a_limit_that_hides_another_is_reached_after_it(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_ALARM, "S1/A", HIGH ",\"hidden_by\":\"S1/B\"" P);
    rig_put(set, CONFIG_ALARM, "S1/B", "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":7" P);
    rig_assert_fault(set, "E_LIMIT_ORDER", "/alarm/S1~1A/limit", "reached before that of S1/B");
    rig_put(set, CONFIG_ALARM, "S1/B", "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":8.5" P);
    struct model *m = rig_compile(set);
    model_free(&m);
    rig_put(set, CONFIG_ALARM, "S1/D",
            "\"kind\":\"low\",\"tag\":\"S1/L\",\"limit\":1,\"hidden_by\":\"S1/E\"" P);
    rig_put(set, CONFIG_ALARM, "S1/E", "\"kind\":\"low\",\"tag\":\"S1/L\",\"limit\":2" P);
    rig_assert_fault(set, "E_LIMIT_ORDER", "/alarm/S1~1D/limit", "reached before that of S1/E");
    config_set_free(&set);
}

/* --- faults */

struct bad {
    const char *rest; /* of alarm S1/A */
    const char *code;
    const char *field;
    const char *text;
};

static const struct bad bad[] = {
    {"\"kind\":\"high\",\"tag\":\"S1/X\",\"limit\":1" P, "E_TAG", "tag", "no such tag"},
    {"\"kind\":\"high\",\"tag\":\"S1/L\",\"limit_tag\":\"S1/X\"" P, "E_TAG", "limit_tag", "no such tag"},
    {"\"kind\":\"dev\",\"tag\":\"S1/L\",\"setpoint\":\"S1/X\",\"limit\":1" P, "E_TAG", "setpoint",
     "no such tag"},
    {"\"kind\":\"disc\",\"command\":\"S1/X\",\"feedback\":\"S1/RUN\"" P, "E_TAG", "command", "no such tag"},
    {"\"kind\":\"disc\",\"command\":\"S1/CMD\",\"feedback\":\"S1/X\"" P, "E_TAG", "feedback", "no such tag"},
    {"\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":1,\"class\":\"x\"" P, "E_CLASS", "class", "no such class"},
    {"\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":1,\"groups\":[\"x\"]" P, "E_GROUP", "groups",
     "no such group"},
    {"\"kind\":\"dev\",\"tag\":\"S1/RUN\",\"setpoint\":\"S1/RUN\",\"limit\":1" P, "E_TYPE", "tag",
     "is of type bool"},
    {"\"kind\":\"roc\",\"tag\":\"S1/RUN\",\"limit\":1,\"over_s\":1" P, "E_TYPE", "tag", "is of type bool"},
    {"\"kind\":\"total\",\"tag\":\"S1/RUN\",\"limit\":1" P, "E_TYPE", "tag", "is of type bool"},
    {"\"kind\":\"cusum\",\"tag\":\"S1/RUN\",\"target\":1,\"h\":1,\"every_s\":1" P, "E_TYPE", "tag",
     "is of type bool"},
    {"\"kind\":\"state\",\"tag\":\"S1/L\",\"states\":[1]" P, "E_TYPE", "tag", "is of type float"},
    {"\"kind\":\"runtime\",\"tag\":\"S1/L\",\"limit\":1" P, "E_TYPE", "tag", "is of type float"},
    {"\"kind\":\"disc\",\"command\":\"S1/CMD\",\"feedback\":\"S1/L\"" P, "E_TYPE", "feedback",
     "cannot be compared"},
    {"\"kind\":\"high\",\"tag\":\"S1/L\",\"limit_tag\":\"S1/RUN\"" P, "E_TYPE", "limit_tag",
     "cannot be compared"},
    {"\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":\"1 bar\"" P, "E_UNIT", "limit", "is in \"bar\""},
    {"\"kind\":\"high\",\"tag\":\"S1/N\",\"limit\":\"1 m\"" P, "E_UNIT", "limit", "its tag is in \"\""},
    {"\"kind\":\"roc\",\"tag\":\"S1/L\",\"limit\":\"1 m\",\"over_s\":1" P, "E_UNIT", "limit", "over a time"},
    {"\"kind\":\"runtime\",\"tag\":\"S1/RUN\",\"limit\":\"1 m\"" P, "E_UNIT", "limit", "ms, s, min, h or d"},
    {"\"kind\":\"total\",\"tag\":\"S1/F\",\"limit\":\"1 kWh\"" P, "E_UNIT", "limit", "of an amount"},
    {"\"kind\":\"high\",\"tag\":\"S1/L\",\"limit_tag\":\"S1/P\"" P, "E_UNIT", "limit_tag",
     "does not convert"},
    {"\"kind\":\"dev\",\"tag\":\"S1/L\",\"setpoint\":\"S1/P\",\"limit\":1" P, "E_UNIT", "setpoint",
     "does not convert"},
    {"\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":\"2000 cm\"" P, "E_RANGE", "limit",
     "is 20; it must be within"},
    {"\"kind\":\"runtime\",\"tag\":\"S1/RUN\",\"limit\":0" P, "E_RANGE", "limit", "a time above 0"},
    {"\"kind\":\"stale\",\"tag\":\"S1/L\",\"after_s\":0" P, "E_RANGE", "after_s", "is 0"},
    {"\"kind\":\"stale\",\"tag\":\"S1/F\"" P, "E_MISSING", "tag", "has stale_s 0"},
    {"\"kind\":\"state\",\"tag\":\"S1/MODE\",\"states\":[\"manual\"]" P, "E_RANGE", "states",
     "no state of that name"},
    {"\"kind\":\"dev\",\"tag\":\"S1/L\",\"setpoint\":\"S1/SP\",\"limit\":1,\"deadband\":1" P, "E_DEADBAND",
     "deadband", "must be above it"},
    {"\"kind\":\"dev\",\"tag\":\"S1/L\",\"setpoint\":\"S1/SP\",\"limit\":0" P, "E_DEADBAND", "limit",
     "must be above it"},
    {"\"kind\":\"roc\",\"tag\":\"S1/L\",\"limit\":1,\"deadband\":2,\"over_s\":1" P, "E_DEADBAND", "deadband",
     "must be above it"},
    {"\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":1,\"deadband\":1.5" P, "E_DEADBAND", "deadband",
     "return only at -0.5"},
    {"\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":1,\"escalate_after_s\":5" P, "E_MISSING",
     "escalate_priority", "is missing"},
    {"\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":1,\"escalate_after_s\":5,\"escalate_priority\":2" P,
     "E_PRIO", "escalate_priority", "can only rise"},
    {"\"kind\":\"expr\",\"expr\":\"L >\"" P, "E_SYNTAX", "expr", "(byte "},
    {"\"kind\":\"expr\",\"expr\":\"1 < L < 5\"" P, "E_CHAINED", "expr", "(byte "},
    {"\"kind\":\"expr\",\"expr\":\"L > 1 and X\"" P, "E_TAG", "expr", "(byte 11)"},
    {"\"kind\":\"expr\",\"expr\":\"L\"" P, "E_TYPE", "expr", "(byte 1)"},
    {"\"kind\":\"expr\",\"expr\":\"L > 1 bar\"" P, "E_UNIT", "expr", "(byte "},
    {"\"kind\":\"expr\",\"expr\":\"avg(L, 8d) > 1\"" P, "E_WINDOW", "expr", "(byte "},
    {"\"kind\":\"expr\",\"expr\":\"avg(avg(L, 1s), 1s) > 1\"" P, "E_NESTED", "expr", "(byte "},
    {"\"kind\":\"expr\",\"expr\":\"avg(L) > 1\"" P, "E_SYNTAX", "expr", "(byte "},
    {"\"kind\":\"change\",\"tag\":\"S1/L\",\"suppress_when\":\"L\"" P, "E_TYPE", "suppress_when", "(byte 1)"},
};

static void what_does_not_fit_is_told_with_code_and_field(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        char pointer[64];
        struct config_set *set = rig_set();
        rig_put(set, CONFIG_ALARM, "S1/A", bad[i].rest);
        (void)snprintf(pointer, sizeof pointer, "/alarm/S1~1A/%s", bad[i].field);
        rig_assert_fault(set, bad[i].code, pointer, bad[i].text);
        config_set_free(&set);
    }
}

static void a_latch_needs_somebody_who_acknowledges_also_by_class(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_CLASS, "latched", "\"latch\":true");
    rig_put(set, CONFIG_CLASS, "told", "\"ack\":\"none\"");
    rig_put(set, CONFIG_ALARM, "S1/A", HIGH ",\"class\":\"latched\",\"ack\":\"none\"" P);
    rig_assert_fault(set, "E_LATCH_ACK", "/alarm/S1~1A/ack", "does not go with its class");
    rig_put(set, CONFIG_ALARM, "S1/A", HIGH ",\"class\":\"told\",\"latch\":true" P);
    rig_assert_fault(set, "E_LATCH_ACK", "/alarm/S1~1A/latch", "does not go with its class");
    config_set_free(&set);
}

static void limits_of_one_tag_keep_their_order(void **state) {
    (void)state;
    struct config_set *set = rig_set();
    rig_put(set, CONFIG_ALARM, "S1/LL", "\"kind\":\"low\",\"tag\":\"S1/L\",\"limit\":1" P);
    rig_put(set, CONFIG_ALARM, "S1/LO", "\"kind\":\"low\",\"tag\":\"S1/L\",\"limit\":2,\"deadband\":1" P);
    rig_put(set, CONFIG_ALARM, "S1/HI", "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":8,\"deadband\":1" P);
    rig_put(set, CONFIG_ALARM, "S1/HH", "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":9" P);
    rig_put(set, CONFIG_ALARM, "S1/by_tag", "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit_tag\":\"S1/SP\"" P);
    rig_put(set, CONFIG_ALARM, "S1/other", "\"kind\":\"low\",\"tag\":\"S1/N\",\"limit\":9" P);
    struct model *m = rig_compile(set);
    model_free(&m);
    /* Two alarms may share a limit: they may differ in delay or latch. */
    rig_put(set, CONFIG_ALARM, "S1/HH", "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":\"800 cm\"" P);
    m = rig_compile(set);
    model_free(&m);
    rig_put(set, CONFIG_ALARM, "S1/HH", "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":1.5" P);
    rig_assert_fault(set, "E_LIMIT_ORDER", "/alarm/S1~1LO/limit", "and S1/HH is at 1.5");
    rig_put(set, CONFIG_ALARM, "S1/HH", "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":9" P);
    rig_put(set, CONFIG_ALARM, "S1/HI", "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":8,\"deadband\":5" P);
    rig_assert_fault(set, "E_DEADBAND", "/alarm/S1~1HI/deadband", "S1/LO of the same tag returns at 3");
    rig_put(set, CONFIG_ALARM, "S1/HI", "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":8,\"deadband\":4.9" P);
    m = rig_compile(set);
    model_free(&m);
    config_set_free(&set);
}

static void levels_that_are_named_rise_strictly(void **state) {
    (void)state;
    static const char *const levels[] = {"ll", "l", "h", "hh"};
    struct config_set *set = rig_set();
    for (size_t i = 0; i < COUNT(levels); i++) {
        char name[16];
        char body[160];
        (void)snprintf(name, sizeof name, "S1/%s", levels[i]);
        (void)snprintf(body, sizeof body, "\"kind\":\"%s\",\"tag\":\"S1/L\",\"limit\":%zu,\"level\":\"%s\"" P,
                       i < 2 ? "low" : "high", i + 1, levels[i]);
        rig_put(set, CONFIG_ALARM, name, body);
    }
    struct model *m = rig_compile(set);
    model_free(&m);
    rig_put(set, CONFIG_ALARM, "S1/hh", "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":3,\"level\":\"hh\"" P);
    rig_assert_fault(set, "E_LIMIT_ORDER", "/alarm/S1~1hh/limit", "must rise");
    rig_put(set, CONFIG_ALARM, "S1/hh", "\"kind\":\"high\",\"tag\":\"S1/L\",\"limit\":9,\"level\":\"hh\"" P);
    rig_put(set, CONFIG_ALARM, "S1/l", "\"kind\":\"low\",\"tag\":\"S1/L\",\"limit\":3,\"level\":\"l\"" P);
    rig_assert_fault(set, "E_LIMIT_ORDER", "/alarm/S1~1h/limit", "must rise");
    config_set_free(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_arrives_with_its_parameters),
        cmocka_unit_test(rules_become_programs),
        cmocka_unit_test(names_in_rules_are_of_the_own_site_first),
        cmocka_unit_test(delays_hold_what_the_kind_waits_for),
        cmocka_unit_test(limits_are_converted_or_tags),
        cmocka_unit_test(a_difference_has_no_zero_to_be_moved),
        cmocka_unit_test(options_and_times_arrive),
        cmocka_unit_test(what_is_not_said_has_the_default),
        cmocka_unit_test(a_site_has_a_position_for_its_alarms),
        cmocka_unit_test(an_alarm_takes_from_its_class_what_it_does_not_say_itself),
        cmocka_unit_test(a_highly_managed_alarm_cannot_be_shelved_and_needs_a_comment),
        cmocka_unit_test(a_class_has_no_say_in_what_its_kind_of_alarm_cannot_have),
        cmocka_unit_test(a_priority_is_given_or_follows_from_the_matrix_or_the_class),
        cmocka_unit_test(groups_have_their_members_and_a_rule),
        cmocka_unit_test(a_group_of_several_sites_says_of_which_its_tags_are),
        cmocka_unit_test(an_alarm_is_hidden_by_another_but_not_by_itself),
        cmocka_unit_test(a_limit_that_hides_another_is_reached_after_it),
        cmocka_unit_test(what_does_not_fit_is_told_with_code_and_field),
        cmocka_unit_test(a_latch_needs_somebody_who_acknowledges_also_by_class),
        cmocka_unit_test(limits_of_one_tag_keep_their_order),
        cmocka_unit_test(levels_that_are_named_rise_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
