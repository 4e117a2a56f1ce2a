#include "server/base/tm.h"
#include "server/link/guard.h"
#include "tests/lib/unit.h"

static const int64_t start = 100 * TM_HOUR_US;

static void a_gateway_may_replace_its_session_three_times_a_minute(void **state) {
    (void)state;
    struct guard g = {0};
    int64_t wait = 0;
    for (int64_t i = 0; i < GUARD_REPLACEMENTS; i++) {
        assert_int_equal(guard_hello(&g, true, start + i * TM_SECOND_US, &wait), GUARD_ADMIT);
    }
    assert_int_equal(guard_hello(&g, true, start + 59 * TM_SECOND_US, &wait), GUARD_DUPLICATE);
    assert_int_equal(wait, TM_MINUTE_US);
}

static void replacements_that_are_spread_are_allowed_for_ever(void **state) {
    (void)state;
    struct guard g = {0};
    int64_t wait = 0;
    for (int64_t i = 0; i < 1000; i++) {
        assert_int_equal(guard_hello(&g, true, start + i * 20 * TM_SECOND_US, &wait), GUARD_ADMIT);
    }
}

static void after_too_many_the_present_session_is_kept_for_five_minutes(void **state) {
    (void)state;
    struct guard g = {0};
    int64_t wait = 0;
    for (int64_t i = 0; i < GUARD_REPLACEMENTS; i++) {
        assert_int_equal(guard_hello(&g, true, start, &wait), GUARD_ADMIT);
    }
    assert_int_equal(guard_hello(&g, true, start, &wait), GUARD_DUPLICATE);
    assert_int_equal(guard_hello(&g, true, start + 5 * TM_MINUTE_US - 1, &wait), GUARD_DUPLICATE);
    assert_int_equal(guard_hello(&g, true, start + 5 * TM_MINUTE_US, &wait), GUARD_ADMIT);
}

static void when_the_present_session_is_gone_anybody_with_the_certificate_gets_in(void **state) {
    (void)state;
    struct guard g = {0};
    int64_t wait = 0;
    for (int64_t i = 0; i <= GUARD_REPLACEMENTS; i++) {
        (void)guard_hello(&g, true, start, &wait);
    }
    assert_int_equal(guard_hello(&g, false, start, &wait), GUARD_ADMIT);
}

static void ten_breaches_in_ten_minutes_suspend_and_nine_do_not(void **state) {
    (void)state;
    struct guard g = {0};
    int64_t wait = 0;
    for (int64_t i = 0; i < GUARD_BREACHES - 1; i++) {
        assert_false(guard_breach(&g, start + i * TM_SECOND_US));
    }
    assert_int_equal(guard_hello(&g, false, start + 30 * TM_SECOND_US, &wait), GUARD_ADMIT);
    assert_true(guard_breach(&g, start + TM_MINUTE_US));
    assert_int_equal(guard_hello(&g, false, start + TM_MINUTE_US + 1, &wait), GUARD_SUSPENDED);
    assert_int_equal(wait, TM_MINUTE_US - 1);
    assert_int_equal(guard_hello(&g, false, start + 2 * TM_MINUTE_US, &wait), GUARD_ADMIT);
}

static void breaches_far_apart_are_forgiven(void **state) {
    (void)state;
    struct guard g = {0};
    for (int64_t i = 0; i < 100; i++) {
        assert_false(guard_breach(&g, start + i * 67 * TM_SECOND_US));
    }
}

static bool suspend_once(struct guard *g, int64_t now) {
    bool suspended = false;
    for (int64_t i = 0; i < GUARD_BREACHES; i++) {
        suspended = guard_breach(g, now);
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

int main(void) {
    const struct CMUnitTest tests[] = {
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
