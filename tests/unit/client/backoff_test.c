#include "protocol/client/backoff.h"
#include "tests/lib/unit.h"

static void the_first_retry_comes_soon_and_later_ones_up_to_a_minute(void **state) {
    (void)state;
    struct backoff b;
    backoff_init(&b, 1);
    assert_true(backoff_next_us(&b, 0, 0) <= BACKOFF_FIRST_US);
    for (int i = 0; i < 7; i++) {
        int64_t most = BACKOFF_MIN_US << i;
        assert_true(backoff_next_us(&b, 0, 0) <= (most < BACKOFF_MAX_US ? most : BACKOFF_MAX_US));
    }
    int64_t longest = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t wait = backoff_next_us(&b, 0, 0);
        assert_true(wait >= 0 && wait <= BACKOFF_MAX_US);
        longest = wait > longest ? wait : longest;
    }
    assert_true(longest > BACKOFF_MAX_US / 2);
}

static void two_gateways_do_not_come_back_in_step(void **state) {
    (void)state;
    struct backoff a;
    struct backoff b;
    backoff_init(&a, 1);
    backoff_init(&b, 2);
    assert_true(backoff_next_us(&a, 0, 0) != backoff_next_us(&b, 0, 0));
}

static void only_a_session_that_held_starts_it_anew(void **state) {
    (void)state;
    struct backoff b;
    backoff_init(&b, 1);
    for (int i = 0; i < 10; i++) {
        (void)backoff_next_us(&b, 1, 0);
    }
    int64_t longest = 0;
    for (int i = 0; i < 20; i++) {
        int64_t wait = backoff_next_us(&b, BACKOFF_GOOD_US - 1, 0);
        longest = wait > longest ? wait : longest;
    }
    assert_true(longest > BACKOFF_FIRST_US);
    assert_true(backoff_next_us(&b, BACKOFF_GOOD_US, 0) <= BACKOFF_FIRST_US);
}

static void it_never_comes_earlier_than_the_server_asked(void **state) {
    (void)state;
    struct backoff b;
    backoff_init(&b, 1);
    for (int i = 0; i < 100; i++) {
        assert_true(backoff_next_us(&b, 0, 5000000) >= 5000000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_retry_comes_soon_and_later_ones_up_to_a_minute),
        cmocka_unit_test(two_gateways_do_not_come_back_in_step),
        cmocka_unit_test(only_a_session_that_held_starts_it_anew),
        cmocka_unit_test(it_never_comes_earlier_than_the_server_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
