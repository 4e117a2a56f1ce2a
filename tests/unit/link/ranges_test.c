#include "server/base/rand.h"
#include "server/link/ranges.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

static void expect(const struct ranges *s, const char *text) {
    char got[256] = "";
    size_t n = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%llu-%llu", i > 0 ? " " : "",
                              (unsigned long long)s->v[i].r.first, (unsigned long long)s->v[i].r.end);
    }
    assert_string_equal(got, text);
}

static void add(struct ranges *s, uint64_t first, uint64_t end) {
    assert_int_equal(ranges_add(s, first, end), OK);
}

static void ranges_that_touch_or_overlap_melt(void **state) {
    (void)state;
    struct ranges s = {0};
    add(&s, 10, 20);
    add(&s, 30, 40);
    expect(&s, "10-20 30-40");
    add(&s, 20, 21); /* touches from the right */
    add(&s, 29, 30); /* touches from the left */
    expect(&s, "10-21 29-40");
    add(&s, 0, 1);
    add(&s, 50, 60);
    expect(&s, "0-1 10-21 29-40 50-60");
    add(&s, 15, 55); /* swallows one, ends in another */
    expect(&s, "0-1 10-60");
    add(&s, 12, 13); /* within */
    expect(&s, "0-1 10-60");
    add(&s, 1, 10);
    expect(&s, "0-60");
    ranges_done(&s);
}

static void the_last_missing_number_lies_below_the_end(void **state) {
    (void)state;
    struct ranges s = {0};
    uint64_t seq = 99;
    assert_false(ranges_last_missing(&s, 0, &seq));
    assert_true(ranges_last_missing(&s, 4, &seq));
    assert_int_equal(seq, 3);
    add(&s, 2, 4);
    assert_true(ranges_last_missing(&s, 4, &seq));
    assert_int_equal(seq, 1);
    assert_true(ranges_last_missing(&s, 9, &seq));
    assert_int_equal(seq, 8);
    add(&s, 0, 2);
    assert_false(ranges_last_missing(&s, 4, &seq));
    add(&s, 10, 12); /* beyond the end: they were sent since */
    assert_false(ranges_last_missing(&s, 4, &seq));
    assert_true(ranges_last_missing(&s, 6, &seq));
    assert_int_equal(seq, 5);
    ranges_done(&s);
}

static void membership_is_exact_at_the_borders(void **state) {
    (void)state;
    struct ranges s = {0};
    assert_false(ranges_has(&s, 0));
    add(&s, 5, 7);
    add(&s, 8, 9);
    static const bool has[] = {false, false, false, false, false, true, true, false, true, false};
    for (size_t i = 0; i < COUNT(has); i++) {
        assert_int_equal(ranges_has(&s, i), has[i]);
    }
    ranges_done(&s);
}

static void marked_ranges_are_taken_once_and_the_one_from_zero_always_leads(void **state) {
    (void)state;
    struct ranges s = {0};
    struct seq_range got[4];
    assert_int_equal(ranges_take_marked(&s, got, 4), 0);
    add(&s, 0, 5);
    add(&s, 10, 11);
    add(&s, 20, 21);
    ranges_unmark_all(&s);
    assert_int_equal(ranges_take_marked(&s, got, 4), 0);
    assert_true(ranges_mark(&s, 20));
    assert_false(ranges_mark(&s, 19));
    assert_int_equal(ranges_take_marked(&s, got, 4), 2);
    assert_int_equal(got[0].end, 5);
    assert_int_equal(got[1].first, 20);
    assert_int_equal(ranges_take_marked(&s, got, 4), 0);
    ranges_done(&s);
}

static void a_short_answer_is_continued(void **state) {
    (void)state;
    struct ranges s = {0};
    for (uint64_t i = 0; i < 5; i++) {
        add(&s, 10 * (i + 1), 10 * (i + 1) + 1);
    }
    struct seq_range got[2];
    assert_int_equal(ranges_take_marked(&s, got, 2), 2);
    assert_int_equal(got[1].first, 20);
    assert_int_equal(ranges_take_marked(&s, got, 2), 2);
    assert_int_equal(got[0].first, 30);
    assert_int_equal(ranges_take_marked(&s, got, 2), 1);
    assert_int_equal(got[0].first, 50);
    assert_int_equal(ranges_take_marked(&s, got, 2), 0);
    ranges_done(&s);
}

static void the_limit_holds_and_filling_a_hole_still_works(void **state) {
    (void)state;
    const uint64_t far = UINT64_C(3) * RANGES_MAX;
    struct ranges s = {0};
    for (uint64_t i = 0; i < RANGES_MAX; i++) {
        add(&s, 2 * i, 2 * i + 1);
    }
    assert_int_equal(ranges_add(&s, far, far + 1), ERR_FULL);
    add(&s, 1, 2);
    assert_int_equal(s.n, RANGES_MAX - 1);
    add(&s, far, far + 1);
    ranges_done(&s);
}

/* Against the naive way: one flag a number. */
static void random_additions_agree_with_an_array_of_flags(void **state) {
    (void)state;
    enum { N = 300, ROUNDS = 300 };
    const char *text = getenv("SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 11;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct rand r;
    rand_seed(&r, seed);
    for (int round = 0; round < ROUNDS; round++) {
        bool flags[N] = {false};
        struct ranges s = {0};
        for (int call = 0; call < 40; call++) {
            uint64_t first = rand_below(&r, N - 1);
            uint64_t end = first + 1 + rand_below(&r, rand_below(&r, 2) == 0 ? 3 : N - first - 1 + 1);
            end = end > N ? N : end;
            add(&s, first, end);
            for (uint64_t i = first; i < end; i++) {
                flags[i] = true;
            }
            uint32_t runs = 0;
            for (uint64_t i = 0; i < N; i++) {
                assert_int_equal(ranges_has(&s, i), flags[i]);
                runs += flags[i] && (i == 0 || !flags[i - 1]) ? 1 : 0;
            }
            assert_int_equal(s.n, runs);
        }
        ranges_done(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_that_touch_or_overlap_melt),
        cmocka_unit_test(the_last_missing_number_lies_below_the_end),
        cmocka_unit_test(membership_is_exact_at_the_borders),
        cmocka_unit_test(marked_ranges_are_taken_once_and_the_one_from_zero_always_leads),
        cmocka_unit_test(a_short_answer_is_continued),
        cmocka_unit_test(the_limit_holds_and_filling_a_hole_still_works),
        cmocka_unit_test(random_additions_agree_with_an_array_of_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
