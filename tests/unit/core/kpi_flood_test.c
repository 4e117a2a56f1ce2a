#include "server/core/kpi_flood.h"
#include "tests/lib/unit.h"

#define S INT64_C(1000000)

static void ten_are_none_and_the_eleventh_begins_it(void **state) {
    (void)state;
    struct kpi_flood_live f;
    kpi_flood_init(&f);
    for (int64_t i = 0; i < 10; i++) {
        assert_false(kpi_flood_add(&f, i * 60 * S));
    }
    assert_int_equal(kpi_flood_due_us(&f), INT64_MAX);
    assert_true(kpi_flood_add(&f, 599 * S));
    assert_true(f.flood);
    assert_int_equal(f.count, 11);
    assert_int_equal(f.since_us, 599 * S);
}

static void what_is_600_s_old_is_out_of_the_window(void **state) {
    (void)state;
    struct kpi_flood_live f;
    kpi_flood_init(&f);
    for (int64_t i = 0; i < 10; i++) {
        assert_false(kpi_flood_add(&f, i * 60 * S));
    }
    assert_false(kpi_flood_add(&f, 600 * S));
    assert_int_equal(f.count, 10);
}

static void it_ends_when_fewer_than_five_are_left_to_the_microsecond(void **state) {
    (void)state;
    struct kpi_flood_live f;
    kpi_flood_init(&f);
    for (int64_t i = 0; i < 11; i++) {
        (void)kpi_flood_add(&f, i * S);
    }
    /* The newest are at 10, 9, 8, 7, 6: with the one at 6 gone there are four. */
    assert_int_equal(kpi_flood_due_us(&f), 606 * S);
    assert_false(kpi_flood_advance(&f, 606 * S - 1));
    assert_int_equal(f.count, 5);
    assert_true(f.flood);
    assert_true(kpi_flood_advance(&f, 606 * S));
    assert_int_equal(f.count, 4);
    assert_false(f.flood);
    assert_int_equal(f.since_us, 606 * S);
    assert_false(kpi_flood_advance(&f, 5000 * S));
    assert_int_equal(f.count, 0);
}

static void its_end_is_told_late_with_its_own_time(void **state) {
    (void)state;
    struct kpi_flood_live f;
    kpi_flood_init(&f);
    for (int64_t i = 0; i < 20; i++) {
        (void)kpi_flood_add(&f, 100 * S);
    }
    assert_true(kpi_flood_add(&f, 5000 * S));
    assert_false(f.flood);
    assert_int_equal(f.since_us, 700 * S);
    assert_int_equal(f.count, 1);
}

static void between_five_and_ten_it_stays_as_it_is(void **state) {
    (void)state;
    struct kpi_flood_live f;
    kpi_flood_init(&f);
    for (int64_t i = 0; i < 11; i++) {
        (void)kpi_flood_add(&f, 0);
    }
    for (int64_t t = 120; t <= 1200; t += 120) {
        assert_false(kpi_flood_add(&f, t * S));
        assert_true(f.flood);
    }
    assert_int_equal(f.count, 5);
    struct kpi_flood_live quiet;
    kpi_flood_init(&quiet);
    for (int64_t t = 120; t <= 1200; t += 120) {
        assert_false(kpi_flood_add(&quiet, t * S));
        assert_false(quiet.flood);
    }
}

static void more_than_the_ring_holds_is_still_a_flood_with_the_right_end(void **state) {
    (void)state;
    struct kpi_flood_live f;
    kpi_flood_init(&f);
    for (int64_t i = 0; i < 3 * KPI_FLOOD_RING; i++) {
        (void)kpi_flood_add(&f, i);
    }
    assert_int_equal(f.count, KPI_FLOOD_RING);
    assert_int_equal(kpi_flood_due_us(&f), 3 * KPI_FLOOD_RING - 5 + 600 * S);
    assert_true(kpi_flood_advance(&f, 3 * KPI_FLOOD_RING - 5 + 600 * S));
    assert_int_equal(f.count, 4);
}

static void time_that_falls_is_taken_as_standing_still(void **state) {
    (void)state;
    struct kpi_flood_live f;
    kpi_flood_init(&f);
    (void)kpi_flood_add(&f, 100 * S);
    (void)kpi_flood_add(&f, 50 * S);
    (void)kpi_flood_advance(&f, 699 * S);
    assert_int_equal(f.count, 2);
    (void)kpi_flood_advance(&f, 700 * S);
    assert_int_equal(f.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_are_none_and_the_eleventh_begins_it),
        cmocka_unit_test(what_is_600_s_old_is_out_of_the_window),
        cmocka_unit_test(it_ends_when_fewer_than_five_are_left_to_the_microsecond),
        cmocka_unit_test(its_end_is_told_late_with_its_own_time),
        cmocka_unit_test(between_five_and_ten_it_stays_as_it_is),
        cmocka_unit_test(more_than_the_ring_holds_is_still_a_flood_with_the_right_end),
        cmocka_unit_test(time_that_falls_is_taken_as_standing_still),
    };
    return cmocka_run_group_tests_name("kpi_flood", tests, NULL, NULL);
}
