#include "server/base/tm.h"
#include "server/link/guard.h"
#include "tests/lib/unit.h"

static const int64_t start = 100 * TM_HOUR_US;
enum { REPLACEMENTS = 3, BREACHES = 10, SUSPEND_MAX_MIN = 60 };
static struct link_limits limits;

static void a_gateway_may_replace_its_session_three_times_a_minute(void **state) {
    (void)state;
    struct guard g = {0};
    int64_t wait = 0;
    for (int64_t i = 0; i < REPLACEMENTS; i++) {
        assert_int_equal(guard_hello(&g, &limits, true, start + i * TM_SECOND_US, &wait), GUARD_ADMIT);
    }
    assert_int_equal(guard_hello(&g, &limits, true, start + 59 * TM_SECOND_US, &wait), GUARD_DUPLICATE);
    assert_int_equal(wait, TM_MINUTE_US);
}

static void replacements_that_are_spread_are_allowed_for_ever(void **state) {
    (void)state;
    struct guard g = {0};
    int64_t wait = 0;
    for (int64_t i = 0; i < 1000; i++) {
        assert_int_equal(guard_hello(&g, &limits, true, start + i * 20 * TM_SECOND_US, &wait), GUARD_ADMIT);
    }
}

static void after_too_many_the_present_session_is_kept_for_five_minutes(void **state) {
    (void)state;
    struct guard g = {0};
    int64_t wait = 0;
    for (int64_t i = 0; i < REPLACEMENTS; i++) {
        assert_int_equal(guard_hello(&g, &limits, true, start, &wait), GUARD_ADMIT);
    }
    assert_int_equal(guard_hello(&g, &limits, true, start, &wait), GUARD_DUPLICATE);
    assert_int_equal(guard_hello(&g, &limits, true, start + 5 * TM_MINUTE_US - 1, &wait), GUARD_DUPLICATE);
    assert_int_equal(guard_hello(&g, &limits, true, start + 5 * TM_MINUTE_US, &wait), GUARD_ADMIT);
}

static void when_the_present_session_is_gone_anybody_with_the_certificate_gets_in(void **state) {
    (void)state;
    struct guard g = {0};
    int64_t wait = 0;
    for (int64_t i = 0; i <= REPLACEMENTS; i++) {
        (void)guard_hello(&g, &limits, true, start, &wait);
    }
    assert_int_equal(guard_hello(&g, &limits, false, start, &wait), GUARD_ADMIT);
}

static void ten_breaches_in_ten_minutes_suspend_and_nine_do_not(void **state) {
    (void)state;
    struct guard g = {0};
    int64_t wait = 0;
    for (int64_t i = 0; i < BREACHES - 1; i++) {
        assert_false(guard_breach(&g, &limits, start + i * TM_SECOND_US));
    }
    assert_int_equal(guard_hello(&g, &limits, false, start + 30 * TM_SECOND_US, &wait), GUARD_ADMIT);
    assert_true(guard_breach(&g, &limits, start + TM_MINUTE_US));
    assert_int_equal(guard_hello(&g, &limits, false, start + TM_MINUTE_US + 1, &wait), GUARD_SUSPENDED);
    assert_int_equal(wait, TM_MINUTE_US - 1);
    assert_int_equal(guard_hello(&g, &limits, false, start + 2 * TM_MINUTE_US, &wait), GUARD_ADMIT);
}

static void breaches_far_apart_are_forgiven(void **state) {
    (void)state;
    struct guard g = {0};
    for (int64_t i = 0; i < 100; i++) {
        assert_false(guard_breach(&g, &limits, start + i * 67 * TM_SECOND_US));
    }
}

static bool suspend_once(struct guard *g, int64_t now) {
    bool suspended = false;
    for (int64_t i = 0; i < BREACHES; i++) {
        suspended = guard_breach(g, &limits, now);
    }
    return suspended;
}

static void suspensions_double_up_to_an_hour_and_start_over_after_a_quiet_one(void **state) {
    (void)state;
    struct guard g = {0};
    static const uint32_t minutes[] = {1, 2, 4, 8, 16, 32, 60, 60};
    int64_t now = start;
    for (size_t i = 0; i < COUNT(minutes); i++) {
        assert_true(suspend_once(&g, now));
        assert_int_equal(g.suspend_min, minutes[i]);
        assert_int_equal(g.suspended_until_mono_us, now + minutes[i] * TM_MINUTE_US);
        now = g.suspended_until_mono_us + TM_MINUTE_US;
    }
    now = g.suspended_until_mono_us + TM_HOUR_US;
    assert_true(suspend_once(&g, now));
    assert_int_equal(g.suspend_min, 1);
}

static void a_bucket_lets_a_burst_through_then_one_an_interval(void **state) {
    (void)state;
    struct bucket b = {0};
    for (int64_t i = 0; i < 5; i++) {
        assert_true(bucket_take(&b, start, TM_SECOND_US, 5));
    }
    assert_false(bucket_take(&b, start, TM_SECOND_US, 5));
    assert_false(bucket_take(&b, start + TM_SECOND_US - 1, TM_SECOND_US, 5));
    assert_true(bucket_take(&b, start + TM_SECOND_US, TM_SECOND_US, 5));
    assert_false(bucket_take(&b, start + TM_SECOND_US, TM_SECOND_US, 5));
    for (int64_t i = 0; i < 5; i++) {
        assert_true(bucket_take(&b, start + TM_HOUR_US, TM_SECOND_US, 5));
    }
    assert_false(bucket_take(&b, start + TM_HOUR_US, TM_SECOND_US, 5));
}

static void a_gateway_that_was_forgiven_begins_anew(void **state) {
    (void)state;
    struct guard g = {0};
    int64_t wait = 0;
    for (int i = 0; i < BREACHES; i++) {
        (void)guard_breach(&g, &limits, start);
    }
    assert_int_equal(guard_hello(&g, &limits, false, start + 1, &wait), GUARD_SUSPENDED);
    guard_release(&g);
    assert_int_equal(guard_hello(&g, &limits, false, start + 1, &wait), GUARD_ADMIT);
    assert_false(guard_breach(&g, &limits, start + 2));
    for (int i = 0; i < BREACHES; i++) {
        (void)guard_breach(&g, &limits, start + 3);
    }
    assert_int_equal(g.suspend_min, 1);
}

static void other_limits_are_kept_as_well(void **state) {
    (void)state;
    struct guard g = {0};
    struct link_limits own = link_limits_usual();
    own.breaches = 2;
    own.breach_window_s = 5;
    own.suspend_max_min = 1;
    own.replacements_per_min = 1;
    own.duplicate_keep_s = 7;
    int64_t wait = 0;
    assert_int_equal(guard_hello(&g, &own, true, start, &wait), GUARD_ADMIT);
    assert_int_equal(guard_hello(&g, &own, true, start, &wait), GUARD_DUPLICATE);
    assert_int_equal(g.keep_until_mono_us, start + 7 * TM_SECOND_US);
    assert_false(guard_breach(&g, &own, start));
    assert_false(guard_breach(&g, &own, start + 5 * TM_SECOND_US));
    assert_true(guard_breach(&g, &own, start + 6 * TM_SECOND_US));
    (void)guard_breach(&g, &own, start + 70 * TM_SECOND_US);
    assert_true(guard_breach(&g, &own, start + 70 * TM_SECOND_US));
    assert_int_equal(g.suspend_min, 1);
}

static void orderly_sessions_are_counted_and_one_more_is_let_in_as_each_second_passes(void **state) {
    (void)state;
    struct guard g = {0};
    struct link_limits own = link_limits_usual();
    own.sessions_per_min = 20;
    int64_t wait = 0;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(guard_hello(&g, &own, false, start, &wait), GUARD_ADMIT);
    }
    assert_int_equal(guard_hello(&g, &own, false, start, &wait), GUARD_OFTEN);
    assert_int_equal(wait, 3 * TM_SECOND_US);
    assert_int_equal(guard_hello(&g, &own, false, start + wait - 1, &wait), GUARD_OFTEN);
    assert_int_equal(guard_hello(&g, &own, false, start + 3 * TM_SECOND_US, &wait), GUARD_ADMIT);
    assert_int_equal(guard_hello(&g, &own, false, start + 3 * TM_SECOND_US, &wait), GUARD_OFTEN);
    for (int64_t i = 2; i < 1000; i++) { /* a line that fails as soon as it is there gets in for ever */
        assert_int_equal(guard_hello(&g, &own, false, start + i * 3 * TM_SECOND_US, &wait), GUARD_ADMIT);
    }
}

static void samples_above_the_rate_cost_a_wait(void **state) {
    (void)state;
    struct rate rate = {0};
    assert_int_equal(rate_take(&rate, 1000, 100, 10, start), 0); /* a burst of ten seconds */
    assert_int_equal(rate_take(&rate, 50, 100, 10, start), TM_SECOND_US / 2);
    assert_int_equal(rate_take(&rate, 0, 100, 10, start + TM_SECOND_US / 2), 0);
    assert_int_equal(rate_take(&rate, 100, 100, 10, start + 2 * TM_SECOND_US), 0);
    assert_int_equal(rate_take(&rate, 100, 100, 10, start + 2 * TM_SECOND_US), TM_SECOND_US / 2);
}

int main(void) {
    limits = link_limits_usual();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gateway_that_was_forgiven_begins_anew),
        cmocka_unit_test(other_limits_are_kept_as_well),
        cmocka_unit_test(orderly_sessions_are_counted_and_one_more_is_let_in_as_each_second_passes),
        cmocka_unit_test(samples_above_the_rate_cost_a_wait),
        cmocka_unit_test(a_gateway_may_replace_its_session_three_times_a_minute),
        cmocka_unit_test(replacements_that_are_spread_are_allowed_for_ever),
        cmocka_unit_test(after_too_many_the_present_session_is_kept_for_five_minutes),
        cmocka_unit_test(when_the_present_session_is_gone_anybody_with_the_certificate_gets_in),
        cmocka_unit_test(ten_breaches_in_ten_minutes_suspend_and_nine_do_not),
        cmocka_unit_test(breaches_far_apart_are_forgiven),
        cmocka_unit_test(suspensions_double_up_to_an_hour_and_start_over_after_a_quiet_one),
        cmocka_unit_test(a_bucket_lets_a_burst_through_then_one_an_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
