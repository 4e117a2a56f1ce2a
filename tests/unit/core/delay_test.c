/* Covers: condition.c. The two stages before the alarm: what core_test.c tells as stories, here step by step.
 */
#include "server/core/delay.h"
#include "tests/lib/unit.h"

#include <math.h>

static const struct delay_config TEN = {.on_us = 10, .off_us = 10};

static enum delay_result step(struct delay *d, struct delay_config cfg, enum truth condition, int64_t t_us,
                              int64_t *src_us) {
    return delay_step(d, cfg, (struct delay_input){.condition = condition, .ts_us = t_us, .now_us = t_us},
                      src_us);
}

static void the_table_of_states(void **state) {
    (void)state;
    static const struct {
        enum delay_state from;
        enum truth condition;
        enum delay_state to;
    } rows[] = {
        {DELAY_NORMAL, TRUTH_TRUE, DELAY_PENDING_ON},
        {DELAY_NORMAL, TRUTH_FALSE, DELAY_NORMAL},
        {DELAY_NORMAL, TRUTH_UNKNOWN, DELAY_NORMAL},
        {DELAY_PENDING_ON, TRUTH_TRUE, DELAY_PENDING_ON},
        {DELAY_PENDING_ON, TRUTH_FALSE, DELAY_NORMAL},
        {DELAY_PENDING_ON, TRUTH_UNKNOWN, DELAY_PENDING_ON},
        {DELAY_ACTIVE, TRUTH_TRUE, DELAY_ACTIVE},
        {DELAY_ACTIVE, TRUTH_FALSE, DELAY_PENDING_OFF},
        {DELAY_ACTIVE, TRUTH_UNKNOWN, DELAY_ACTIVE},
        {DELAY_PENDING_OFF, TRUTH_TRUE, DELAY_ACTIVE},
        {DELAY_PENDING_OFF, TRUTH_FALSE, DELAY_PENDING_OFF},
        {DELAY_PENDING_OFF, TRUTH_UNKNOWN, DELAY_PENDING_OFF},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct delay d = {.state = (uint8_t)rows[i].from, .t0_us = 100, .mark_us = 110};
        int64_t src_us = 0;
        assert_int_equal(step(&d, TEN, rows[i].condition, 105, &src_us), DELAY_NOTHING);
        assert_int_equal(d.state, rows[i].to);
        bool pending = d.state == DELAY_PENDING_ON || d.state == DELAY_PENDING_OFF;
        assert_int_equal(d.paused, pending && rows[i].condition == TRUTH_UNKNOWN);
        assert_int_equal(delay_is_running(&d), pending && !d.paused);
    }
}

static void without_a_delay_the_condition_acts_at_once(void **state) {
    (void)state;
    struct delay d = delay_initial(false);
    int64_t src_us = 0;
    assert_int_equal(step(&d, (struct delay_config){0}, TRUTH_TRUE, 7, &src_us), DELAY_ACTIVATE);
    assert_int_equal(src_us, 7);
    assert_int_equal(step(&d, (struct delay_config){0}, TRUTH_FALSE, 9, &src_us), DELAY_RETURN);
    assert_int_equal(src_us, 9);
    assert_int_equal(d.state, DELAY_NORMAL);
}

static void several_pauses_add_up(void **state) {
    (void)state;
    struct delay d = delay_initial(false);
    int64_t src_us = 0;
    (void)step(&d, TEN, TRUTH_TRUE, 100, &src_us);
    (void)step(&d, TEN, TRUTH_UNKNOWN, 103, &src_us);
    (void)step(&d, TEN, TRUTH_UNKNOWN, 150, &src_us);
    (void)step(&d, TEN, TRUTH_TRUE, 200, &src_us);
    (void)step(&d, TEN, TRUTH_UNKNOWN, 204, &src_us);
    assert_int_equal(d.mark_us, 7);
    (void)step(&d, TEN, TRUTH_TRUE, 300, &src_us);
    assert_int_equal(d.mark_us, 303);
    assert_false(delay_ended_before(&d, TEN, 303));
    assert_true(delay_ended_before(&d, TEN, 304));
    assert_int_equal(delay_complete(&d, TEN, &src_us), DELAY_ACTIVATE);
    assert_int_equal(src_us, 303);
}

static void a_pause_that_begins_before_the_start_gathers_nothing(void **state) {
    (void)state;
    struct delay d = delay_initial(false);
    int64_t src_us = 0;
    (void)delay_step(&d, TEN, (struct delay_input){.condition = TRUTH_TRUE, .ts_us = 105, .now_us = 100},
                     &src_us);
    assert_int_equal(d.mark_us, 110);
    (void)step(&d, TEN, TRUTH_UNKNOWN, 101, &src_us);
    assert_int_equal(d.mark_us, 0);
}

static void a_new_length_moves_a_running_delay_and_cuts_a_paused_one(void **state) {
    (void)state;
    struct delay d = delay_initial(true);
    int64_t src_us = 0;
    (void)step(&d, TEN, TRUTH_FALSE, 100, &src_us);
    const struct delay_config three = {.on_us = 50, .off_us = 3};
    delay_reconfigure(&d, TEN, three);
    assert_int_equal(d.mark_us, 103);
    delay_reconfigure(&d, three, TEN);
    (void)step(&d, TEN, TRUTH_UNKNOWN, 108, &src_us);
    delay_reconfigure(&d, TEN, three);
    assert_int_equal(d.mark_us, 3);
    struct delay active = delay_initial(true);
    delay_reconfigure(&active, TEN, three);
    assert_int_equal(active.state, DELAY_ACTIVE);
}

static void a_restart_counts_from_its_own_evidence(void **state) {
    (void)state;
    struct delay d = delay_initial(false);
    int64_t src_us = 0;
    (void)step(&d, TEN, TRUTH_TRUE, 100, &src_us);
    delay_restart(&d, TEN, (struct delay_input){.condition = TRUTH_TRUE, .ts_us = 106, .now_us = 107});
    assert_int_equal(d.mark_us, 116);
    assert_int_equal(delay_complete(&d, TEN, &src_us), DELAY_ACTIVATE);
    assert_int_equal(src_us, 116);
    assert_true(delay_is_active(&d));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_states),
        cmocka_unit_test(without_a_delay_the_condition_acts_at_once),
        cmocka_unit_test(several_pauses_add_up),
        cmocka_unit_test(a_pause_that_begins_before_the_start_gathers_nothing),
        cmocka_unit_test(a_new_length_moves_a_running_delay_and_cuts_a_paused_one),
        cmocka_unit_test(a_restart_counts_from_its_own_evidence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
