#include "server/base/rand.h"
#include "server/config/order.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAMES = 3000 };

static struct slice name_of(uint32_t number, char text[16]) {
    (void)snprintf(text, 16, "n%u", number);
    return slice_str(text);
}

static struct item *item_of(uint32_t number) {
    char name[16];
    char body[64];
    (void)snprintf(body, sizeof body, "{\"name\":\"n%u\"}", number);
    struct config_fault faults[CONFIG_FAULTS_MAX];
    struct faults list = {.v = faults};
    struct item *item = NULL;
    assert_int_equal(item_new(CONFIG_SITE, name_of(number, name), slice_str(body), &list, &item), OK);
    return item;
}

static bool above(struct slice a, struct slice b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int order = memcmp(a.p, b.p, n);
    return order > 0 || (order == 0 && a.n > b.n);
}

/* Sorted, without gaps, exactly what is in present. */
static void assert_is(const struct order *o, const bool present[NAMES]) {
    uint32_t n = 0;
    for (uint32_t k = 0; k < NAMES; k++) {
        char name[16];
        const struct item *item = order_find(o, name_of(k, name));
        assert_int_equal(item != NULL, present[k]);
        n += present[k] ? 1 : 0;
    }
    assert_int_equal(o->n, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct item *item = order_at(o, i);
        assert_non_null(item);
        assert_true(i == 0 || above(item->pub.name, order_at(o, i - 1)->pub.name));
    }
    assert_null(order_at(o, n));
}

static void a_random_history_ends_as_a_plain_list_would(void **state) {
    (void)state;
    const char *given = getenv("SEED");
    uint64_t seed = given == NULL ? 4711 : strtoull(given, NULL, 10);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct rand r;
    rand_seed(&r, seed);
    static bool present[NAMES];
    struct order o;
    order_init(&o);
    for (uint32_t step = 0; step < 30000; step++) {
        uint32_t k = (uint32_t)rand_below(&r, NAMES);
        char name[16];
        /* First mostly growing, then mostly shrinking down to nearly nothing. */
        if (rand_below(&r, 10) < (step < 15000 ? 8 : 2)) {
            assert_int_equal(order_put(&o, item_of(k)), OK);
            present[k] = true;
        } else {
            assert_int_equal(order_remove(&o, name_of(k, name)), present[k]);
            present[k] = false;
        }
        if (step % 3000 == 2999) {
            assert_is(&o, present);
        }
    }
    struct order copy;
    order_init(&copy);
    assert_int_equal(order_copy(&o, &copy), OK);
    order_done(&o);
    assert_is(&copy, present);
    for (uint32_t k = 0; k < NAMES; k++) { /* chunk after chunk becomes empty */
        char name[16];
        assert_int_equal(order_remove(&copy, name_of(k, name)), present[k]);
        present[k] = false;
        if (k % 500 == 499) {
            assert_is(&copy, present);
        }
    }
    assert_int_equal(copy.n_chunks, 0);
    assert_int_equal(order_put(&copy, item_of(7)), OK);
    assert_int_equal(copy.n, 1);
    order_done(&copy);
}

static void a_sorted_list_fills_its_chunks(void **state) {
    (void)state;
    struct order o;
    order_init(&o);
    for (uint32_t k = 1000; k < 3000; k++) { /* four digits: sorted as text too */
        assert_int_equal(order_put(&o, item_of(k)), OK);
    }
    assert_int_equal(o.n_chunks, 2000 / 256 + 1);
    order_done(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_random_history_ends_as_a_plain_list_would),
        cmocka_unit_test(a_sorted_list_fills_its_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
