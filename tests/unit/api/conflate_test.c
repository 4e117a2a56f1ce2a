#include "server/api/conflate.h"
#include "server/base/rand.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

static void only_what_is_wanted_becomes_dirty_and_once(void **state) {
    (void)state;
    struct conflate c;
    uint32_t tag = 0;
    assert_int_equal(conflate_init(&c, 200, NULL), OK);
    conflate_want(&c, 0);
    conflate_want(&c, 199);
    conflate_mark(&c, 5);
    conflate_mark(&c, 4000000);
    assert_false(conflate_take(&c, &tag));
    conflate_mark(&c, 199);
    conflate_mark(&c, 199);
    assert_int_equal(c.n_dirty, 1);
    assert_true(conflate_take(&c, &tag));
    assert_int_equal(tag, 199);
    assert_false(conflate_take(&c, &tag));
    conflate_done(&c);
}

static void what_did_not_fit_comes_first_the_next_time(void **state) {
    (void)state;
    struct conflate c;
    uint32_t taken[300] = {0};
    uint32_t tag = 0;
    assert_int_equal(conflate_init(&c, 300, NULL), OK);
    for (uint32_t i = 0; i < 300; i++) {
        conflate_want(&c, i);
    }
    /* Everything changes all the time, and only 70 fit: nobody is left out. */
    for (int round = 0; round < 10; round++) {
        for (uint32_t i = 0; i < 300; i++) {
            conflate_mark(&c, i);
        }
        for (int i = 0; i < 70; i++) {
            assert_true(conflate_take(&c, &tag));
            taken[tag]++;
        }
    }
    for (uint32_t i = 0; i < 300; i++) {
        assert_true(taken[i] >= 1);
    }
    conflate_done(&c);
}

static void what_is_looked_at_no_more_is_forgotten(void **state) {
    (void)state;
    struct conflate c;
    uint32_t tag = 0;
    assert_int_equal(conflate_init(&c, 100, NULL), OK);
    conflate_want(&c, 1);
    conflate_want(&c, 2);
    conflate_mark(&c, 1);
    conflate_mark(&c, 2);
    conflate_want_nothing(&c);
    conflate_want(&c, 2);
    conflate_settle(&c);
    assert_true(conflate_take(&c, &tag));
    assert_int_equal(tag, 2);
    assert_false(conflate_take(&c, &tag));
    conflate_done(&c);
}

/* Whatever the order of marks, takes and clears, a client that drains has seen the newest of every tag. */
static void any_interleaving_ends_with_the_newest(void **state) {
    (void)state;
    enum { TAGS = 130 };
    const char *text = getenv("SEED");
    uint64_t seed = text == NULL ? 42 : strtoull(text, NULL, 10);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct rand r;
    struct conflate c;
    uint32_t now[TAGS] = {0};
    uint32_t seen[TAGS] = {0};
    uint32_t tag = 0;
    rand_seed(&r, seed);
    assert_int_equal(conflate_init(&c, TAGS, NULL), OK);
    for (uint32_t i = 0; i < TAGS; i += 2) {
        conflate_want(&c, i);
    }
    for (int i = 0; i < 100000; i++) {
        uint32_t x = (uint32_t)rand_below(&r, TAGS);
        uint64_t what = rand_below(&r, 10);
        if (what < 6) {
            now[x]++;
            conflate_mark(&c, x);
        } else if (what < 9) {
            if (conflate_take(&c, &tag)) {
                seen[tag] = now[tag];
            }
        } else {
            seen[x] = now[x];
            conflate_clear(&c, x);
        }
    }
    while (conflate_take(&c, &tag)) {
        seen[tag] = now[tag];
    }
    for (uint32_t i = 0; i < TAGS; i += 2) {
        assert_int_equal(seen[i], now[i]);
    }
    conflate_done(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_wanted_becomes_dirty_and_once),
        cmocka_unit_test(what_did_not_fit_comes_first_the_next_time),
        cmocka_unit_test(what_is_looked_at_no_more_is_forgotten),
        cmocka_unit_test(any_interleaving_ends_with_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
