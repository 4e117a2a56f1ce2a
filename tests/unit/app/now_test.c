#include "server/app/now.h"
#include "tests/lib/unit.h"

enum { SECOND = 1000000 };

static void it_follows_the_monotonic_clock(void **state) {
    (void)state;
    struct now n;
    now_init(&n, 1000 * (int64_t)SECOND, 5);
    assert_int_equal(now_update(&n, 1001 * (int64_t)SECOND, 5 + SECOND), 1001 * (int64_t)SECOND);
    assert_int_equal(n.apart_us, 0);
}

static void a_step_of_the_wall_clock_is_followed_slowly(void **state) {
    (void)state;
    struct now n;
    now_init(&n, 1000 * (int64_t)SECOND, 0);
    /* one second later the wall clock says one hour later */
    int64_t t = now_update(&n, 4601 * (int64_t)SECOND, SECOND);
    assert_int_equal(t, 1001 * (int64_t)SECOND + SECOND / 200);
    assert_true(n.apart_us > 3590 * (int64_t)SECOND);
    for (int i = 2; i < 3600 * 250; i++) {
        t = now_update(&n, (4600 + (int64_t)i) * SECOND, i * (int64_t)SECOND);
    }
    assert_int_equal(n.apart_us, 0);
}

static void it_never_falls(void **state) {
    (void)state;
    struct now n;
    now_init(&n, 1000 * (int64_t)SECOND, 0);
    int64_t before = n.time_us;
    for (int i = 1; i < 1000; i++) {
        /* the wall clock goes back a day, the monotonic one now and then says the same twice */
        int64_t t = now_update(&n, 1000 * (int64_t)SECOND - 86400 * (int64_t)SECOND, (i / 2) * (int64_t)1000);
        assert_true(t >= before);
        before = t;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_follows_the_monotonic_clock),
        cmocka_unit_test(a_step_of_the_wall_clock_is_followed_slowly),
        cmocka_unit_test(it_never_falls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
