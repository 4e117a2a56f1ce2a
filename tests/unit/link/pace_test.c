#include "server/base/tm.h"
#include "server/link/pace.h"
#include "tests/lib/unit.h"

enum { BUDGET = 1024 * 1024, MOST = 256 * 1024 };
static const int64_t start = 100 * TM_HOUR_US;

static struct pace fresh(void) {
    struct pace p;
    pace_init(&p, BUDGET, MOST);
    return p;
}

static void the_budget_is_divided_and_nobody_gets_more_than_the_most(void **state) {
    (void)state;
    struct pace p = fresh();
    assert_int_equal(pace_rate(&p, 0), MOST);
    assert_int_equal(pace_rate(&p, 1), MOST);
    assert_int_equal(pace_rate(&p, 4), MOST);
    assert_int_equal(pace_rate(&p, 50), BUDGET / 50);
    assert_int_equal(pace_rate(&p, 1000), PACE_RATE_LEAST); /* a backlog must end some day */
    pace_init(&p, BUDGET, 1000);
    assert_int_equal(pace_rate(&p, 1), 1000);
    assert_int_equal(pace_rate(&p, 5000), 1000);
}

static void fifty_together_keep_to_the_budget(void **state) {
    (void)state;
    struct pace p = fresh();
    for (uint32_t n = 1; n <= BUDGET / PACE_RATE_LEAST; n++) {
        assert_true((uint64_t)pace_rate(&p, n) * n <= BUDGET);
    }
}

static void a_slow_database_halves_it_once_a_second_down_to_the_least(void **state) {
    (void)state;
    struct pace p = fresh();
    pace_note_lag(&p, true, PACE_LAG_SLOW_MS + 1, start);
    assert_int_equal(pace_rate(&p, 50), BUDGET / 2 / 50);
    pace_note_lag(&p, true, PACE_LAG_SLOW_MS + 1, start + TM_SECOND_US - 1);
    assert_int_equal(pace_rate(&p, 50), BUDGET / 2 / 50);
    for (int64_t i = 1; i < 30; i++) {
        pace_note_lag(&p, true, 60000, start + i * TM_SECOND_US);
    }
    assert_int_equal(p.share, PACE_LEAST);
    assert_true(pace_rate(&p, 1) > 0);
}

static void without_a_database_it_shrinks_as_well(void **state) {
    (void)state;
    struct pace p = fresh();
    pace_note_lag(&p, false, 0, start);
    assert_int_equal(p.share, PACE_FULL / 2);
}

static void it_recovers_by_steps_when_commits_are_quick_again(void **state) {
    (void)state;
    struct pace p = fresh();
    pace_note_lag(&p, true, 60000, start);
    pace_note_lag(&p, true, 60000, start + TM_SECOND_US);
    assert_int_equal(p.share, PACE_FULL / 4);
    pace_note_lag(&p, true, PACE_LAG_GOOD_MS, start + 2 * TM_SECOND_US); /* neither slow nor good */
    assert_int_equal(p.share, PACE_FULL / 4);
    for (int64_t i = 3; i <= 20; i++) {
        uint32_t before = p.share;
        pace_note_lag(&p, true, 20, start + i * TM_SECOND_US);
        assert_true(p.share > before || p.share == PACE_FULL);
    }
    assert_int_equal(p.share, PACE_FULL);
}

static void small_changes_are_not_worth_telling(void **state) {
    (void)state;
    assert_false(pace_differs(1000, 1000));
    assert_false(pace_differs(1000, 1100));
    assert_false(pace_differs(1000, 900));
    assert_true(pace_differs(1000, 800));
    assert_true(pace_differs(1000, 1200));
    assert_true(pace_differs(0, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_budget_is_divided_and_nobody_gets_more_than_the_most),
        cmocka_unit_test(fifty_together_keep_to_the_budget),
        cmocka_unit_test(a_slow_database_halves_it_once_a_second_down_to_the_least),
        cmocka_unit_test(without_a_database_it_shrinks_as_well),
        cmocka_unit_test(it_recovers_by_steps_when_commits_are_quick_again),
        cmocka_unit_test(small_changes_are_not_worth_telling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
