#include "server/base/rand.h"
#include "tests/lib/unit.h"

static void the_same_seed_gives_the_same_run(void **state) {
    (void)state;
    struct rand a;
    struct rand b;
    struct rand c;
    rand_seed(&a, 1);
    rand_seed(&b, 1);
    rand_seed(&c, 2);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = rand_u64(&a);
        assert_int_equal(x, rand_u64(&b));
        same += x == rand_u64(&c) ? 1 : 0;
    }
    assert_int_equal(same, 0);
}

static void numbers_stay_within_their_bounds_and_reach_them(void **state) {
    (void)state;
    struct rand r;
    rand_seed(&r, 5);
    unsigned seen = 0;
    for (int i = 0; i < 10000; i++) {
        uint64_t x = rand_below(&r, 8);
        assert_true(x < 8);
        seen |= 1U << x;
        double unit = rand_unit(&r);
        assert_true(unit >= 0 && unit < 1);
    }
    assert_int_equal(seen, 0xFF);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_run),
        cmocka_unit_test(numbers_stay_within_their_bounds_and_reach_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
