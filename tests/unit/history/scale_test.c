#include "server/base/rand.h"
#include "server/history/scale.h"
#include "tests/lib/unit.h"

#include <math.h>
#include <stdlib.h>

enum { N = 512 };
static double v[N];

static void seed(struct rand *r) {
    const char *text = getenv("SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 5;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    rand_seed(r, seed);
}

/* Whole numbers of an instrument, at random up to `most`, as values. */
static void measure(struct rand *r, uint64_t most, double scale, double offset) {
    for (int i = 0; i < N; i++) {
        double scaled = (double)rand_below(r, most + 1) * scale;
        v[i] = scaled + offset;
    }
}

/* How many of the numbers are whole steps. */
static uint32_t steps_of(struct scale s) {
    uint32_t whole = 0;
    for (int i = 0; i < N; i++) {
        double steps = (v[i] - s.offset) / s.step;
        whole += fabs(steps - rint(steps)) < 1e-2;
    }
    return whole;
}

static void a_scale_is_found_that_nobody_told(void **state) {
    (void)state;
    static const struct {
        uint64_t most;
        double scale;
        double offset;
    } rows[] = {
        {27648, 10.0 / 27648, 0},  {27648, 10.0 / 27648, -0.5}, {27648, 16.0 / 27648, 4},
        {4095, 100.0 / 4095, -20}, {65535, 0.0366210938, 273},  {1 << 18, M_PI * 1e-6, 0},
        {3, 1.0 / 3, 0},           {1000, -0.0371234, 5},
    };
    struct rand r;
    seed(&r);
    for (size_t i = 0; i < COUNT(rows); i++) {
        measure(&r, rows[i].most, rows[i].scale, rows[i].offset);
        struct scale s = scale_guess(v, N);
        if (s.step == 0 || steps_of(s) != N || fabs(s.step / rows[i].scale) < 0.999) {
            fail_msg("row %zu: scale %.17g for %.17g", i, s.step, rows[i].scale);
        }
    }
}

/* The differences have a common divisor that none of them is. */
static void the_step_may_be_smaller_than_every_difference(void **state) {
    (void)state;
    static const double scale = 0.0371234567;
    for (int i = 0; i < N; i++) {
        v[i] = (i % 2 == 0 ? 6 * (i / 2 % 5) : 6 * (i / 2 % 5) + 10 + i % 3 * 15) * scale + 1;
    }
    struct scale s = scale_guess(v, N);
    assert_int_equal(steps_of(s), N);
    assert_true(s.step > scale * 0.999);
}

static void what_has_no_scale_gets_none(void **state) {
    (void)state;
    struct rand r;
    seed(&r);
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < N; i++) {
            v[i] = ldexp((double)(rand_u64(&r) >> 11), -40 - round % 20) * (round % 3 == 0 ? -1 : 1);
        }
        assert_true(scale_guess(v, N).step == 0);
    }
    for (int i = 0; i < N; i++) {
        v[i] = 7.25;
    }
    assert_true(scale_guess(v, N).step == 0);
    measure(&r, 1000, 0.037, 0);
    assert_true(scale_guess(v, SCALE_NUMBERS_MIN - 1).step == 0);
    static const double odd[] = {(double)NAN, (double)INFINITY, -(double)INFINITY, 1.7e308};
    for (size_t i = 0; i < COUNT(odd); i++) {
        measure(&r, 1000, 0.037, 0);
        v[N / 2] = odd[i];
        assert_true(scale_guess(v, N).step == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scale_is_found_that_nobody_told),
        cmocka_unit_test(the_step_may_be_smaller_than_every_difference),
        cmocka_unit_test(what_has_no_scale_gets_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
