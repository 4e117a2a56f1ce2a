#include "server/api/ring.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

static void put(struct ring *r, uint64_t number) {
    char text[32];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    assert_int_equal(ring_put(r, number, slice_of(text, (size_t)n)), OK);
}

static void the_last_4096_are_held(void **state) {
    (void)state;
    struct ring *r = calloc(1, sizeof *r);
    struct slice text;
    ring_init(r, 10);
    assert_true(ring_holds_after(r, 10));
    assert_false(ring_holds_after(r, 9));
    assert_false(ring_holds_after(r, 11));
    for (uint64_t i = 11; i <= 5010; i++) {
        put(r, i);
    }
    assert_true(ring_get(r, 5010, &text));
    assert_true(slice_is(text, "5010"));
    assert_true(ring_get(r, 5010 - 4095, &text));
    assert_true(slice_is(text, "915"));
    assert_false(ring_get(r, 914, &text));
    assert_false(ring_get(r, 5011, &text));
    assert_true(ring_holds_after(r, 914));
    assert_false(ring_holds_after(r, 913));
    ring_done(r);
    free(r);
}

static void a_gap_forgets_what_was_before_it(void **state) {
    (void)state;
    struct ring *r = calloc(1, sizeof *r);
    struct slice text;
    ring_init(r, 0);
    put(r, 1);
    put(r, 2);
    put(r, 9);
    assert_false(ring_get(r, 2, &text));
    assert_true(ring_get(r, 9, &text));
    assert_false(ring_holds_after(r, 7));
    assert_true(ring_holds_after(r, 8));
    ring_done(r);
    free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_4096_are_held),
        cmocka_unit_test(a_gap_forgets_what_was_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
