#include "server/base/rand.h"
#include "server/history/growth.h"
#include "tests/lib/unit.h"

#include <math.h>

#define HOUR INT64_C(3600000000)
#define DAY  (24 * HOUR)
#define GIB  INT64_C(1073741824)

static struct growth_point v[4000];

/* Every quarter of an hour from the epoch on, at so much a day. */
static size_t fill(size_t n, double bytes_day) {
    for (size_t i = 0; i < n; i++) {
        int64_t t_us = (int64_t)i * HOUR / 4;
        v[i] = (struct growth_point){.t_us = t_us,
                                     .bytes = 100 * GIB + (int64_t)(bytes_day * (double)t_us / (double)DAY)};
    }
    return n;
}

static void steady_growth_is_told_to_the_byte(void **state) {
    (void)state;
    assert_float_equal(growth_of(v, fill(672, 3.0 * GIB)), 3.0 * GIB, 100);
    assert_float_equal(growth_of(v, fill(672, -1.0 * GIB)), -1.0 * GIB, 100);
    assert_float_equal(growth_of(v, fill(672, 0)), 0, 0.1);
    assert_float_equal(growth_fastest(v, fill(2880, 3.0 * GIB)), 3.0 * GIB, 100);
}

static void too_little_is_no_answer(void **state) {
    (void)state;
    assert_true(isnan(growth_of(v, 0)));
    assert_true(isnan(growth_fastest(v, 0)));
    assert_true(isnan(growth_of(v, fill(3, GIB))));
    assert_true(isnan(growth_of(v, fill(4, GIB)))); /* over three quarters of an hour */
    assert_float_equal(growth_of(v, fill(5, GIB)), GIB, 1);
    for (size_t i = 0; i < 10; i++) {
        v[i] = (struct growth_point){.t_us = i < 9 ? 0 : HOUR, .bytes = 5};
    }
    assert_float_equal(growth_of(v, 10), 0, 0.1); /* of one moment there is no slope */
}

/* A third of the points may be anything. */
static void jumps_and_files_that_come_and_go_do_not_count(void **state) {
    (void)state;
    struct rand r;
    rand_seed(&r, 7);
    size_t n = fill(672, 2.0 * GIB);
    for (size_t i = 0; i < n; i++) {
        v[i].bytes += rand_u64(&r) % 4 == 0 ? 50 * GIB : 0;
    }
    double told = growth_of(v, n);
    assert_true(told > 1.6 * GIB && told < 2.4 * GIB);
    n = fill(672, 2.0 * GIB);
    for (size_t i = 400; i < n; i++) {
        v[i].bytes -= 30 * GIB; /* a year of history was dropped */
    }
    assert_true(growth_fastest(v, n) > 1.9 * GIB);
}

static void the_last_day_counts_when_it_is_faster(void **state) {
    (void)state;
    size_t n = fill(672, GIB);
    for (size_t i = n - 96; i < n; i++) {
        v[i].bytes += (int64_t)(i - (n - 96)) * GIB / 8;
    }
    assert_true(growth_fastest(v, n) > 12.5 * GIB);
    assert_true(growth_of(v, n) < 3.0 * GIB);
}

static void it_is_full_when_the_room_is_used_up(void **state) {
    (void)state;
    assert_int_equal(growth_full_us(DAY, 7 * GIB, GIB), 8 * DAY);
    assert_int_equal(growth_full_us(DAY, 0, GIB), DAY);
    assert_int_equal(growth_full_us(DAY, GIB, 0), 0);
    assert_int_equal(growth_full_us(DAY, GIB, -5), 0);
    assert_int_equal(growth_full_us(DAY, GIB, (double)NAN), 0);
    assert_int_equal(growth_full_us(DAY, INT64_MAX, 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steady_growth_is_told_to_the_byte),
        cmocka_unit_test(too_little_is_no_answer),
        cmocka_unit_test(jumps_and_files_that_come_and_go_do_not_count),
        cmocka_unit_test(the_last_day_counts_when_it_is_faster),
        cmocka_unit_test(it_is_full_when_the_room_is_used_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
