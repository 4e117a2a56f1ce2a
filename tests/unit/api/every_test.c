#include "server/api/every.h"
#include "server/base/tm.h"
#include "tests/lib/unit.h"

#include <stdio.h>

static const struct calendar_shift shifts[] = {{{"early", 5}, 360}, {{"late", 4}, 840}, {{"night", 5}, 1320}};
static const struct calendar calendar = {.shifts = shifts, .n_shifts = 3};

enum { MAX = 48 };
/* 2026-11-29T00:00:00Z, a Sunday */
static const int64_t DAY = INT64_C(1795910400000000);

static void on_done(struct http_request *r) {
    (void)r;
}

static bool read_every(const char *every, const struct calendar *c, int64_t from_us, int64_t to_us,
                       struct every *e, char *ret_said, size_t size) {
    struct http_request *r = http_request_new();
    char text[64];
    int n = snprintf(text, sizeof text, "every=%s", every);
    r->on_done = on_done;
    assert_true(http_add_param(r, text, (size_t)n));
    bool read = every_read(r, c, from_us, to_us, MAX, e);
    assert_int_equal(r->answered, !read);
    (void)snprintf(ret_said, size, "%.*s", (int)r->out.n, (const char *)r->out.p);
    http_request_free(&r);
    return read;
}

static void are(const char *every, const struct calendar *c, int64_t from_us, int64_t to_us,
                const int64_t *want, uint32_t n) {
    struct every e = {.n = 0};
    char said[1024];
    assert_true(read_every(every, c, from_us, to_us, &e, said, sizeof said));
    assert_int_equal(e.n, n);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(e.edges[i] == want[i]);
    }
    every_done(&e);
}

static void lengths_begin_at_from_and_the_last_one_ends_at_to(void **state) {
    (void)state;
    static const int64_t quarters[] = {5, 5 + 15 * TM_MINUTE_US, 5 + 30 * TM_MINUTE_US,
                                       5 + 31 * TM_MINUTE_US};
    are("15m", NULL, 5, 5 + 31 * TM_MINUTE_US, quarters, 4);
    are("900s", &calendar, 5, 5 + 31 * TM_MINUTE_US, quarters, 4);
    static const int64_t one[] = {5, 6};
    are("1000000h", NULL, 5, 6, one, 2);
}

static void calendars_cut_where_their_day_does(void **state) {
    (void)state;
    const int64_t days[] = {DAY - 5, DAY, DAY + TM_DAY_US, DAY + TM_DAY_US + 5};
    are("1d", &calendar, DAY - 5, DAY + TM_DAY_US + 5, days, 4);
    const int64_t week[] = {DAY, DAY + TM_DAY_US, DAY + 2 * TM_DAY_US};
    are("1w", &calendar, DAY, DAY + 2 * TM_DAY_US, week, 3); /* Monday */
    const int64_t month[] = {DAY, DAY + 2 * TM_DAY_US, DAY + 3 * TM_DAY_US};
    are("1mo", &calendar, DAY, DAY + 3 * TM_DAY_US, month, 3);
    const int64_t year[] = {DAY, DAY + 33 * TM_DAY_US, DAY + 40 * TM_DAY_US};
    are("1y", &calendar, DAY, DAY + 40 * TM_DAY_US, year, 3);
}

static void shifts_are_named(void **state) {
    (void)state;
    struct every e = {.n = 0};
    char said[1024];
    assert_true(read_every("shift", &calendar, DAY, DAY + TM_DAY_US, &e, said, sizeof said));
    assert_int_equal(e.n, 5); /* night, early, late, night */
    assert_true(e.named && e.edges[1] == DAY + 6 * TM_HOUR_US);
    assert_true(e.names[0] == 2 && e.names[1] == 0 && e.names[2] == 1 && e.names[3] == 2);
    every_done(&e);
}

static void what_is_none_is_refused_with_what_would_be_right(void **state) {
    (void)state;
    static const struct {
        const char *every;
        bool calendar;
        const char *said;
    } cases[] = {{"", true, "as in 15m"},
                 {"15", true, "as in 15m"},
                 {"m", true, "as in 15m"},
                 {"0m", true, "as in 15m"},
                 {"-1m", true, "as in 15m"},
                 {"1d2", true, "as in 15m"},
                 {"2d", true, "as in 15m"},
                 {"tariff", true, "no tariffs"},
                 {"1d", false, "several sites"},
                 {"1s", true, "more than 48 intervals"},
                 {"99999999999999h", true, "as in 15m"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct every e = {.n = 0};
        char said[1024];
        assert_false(read_every(cases[i].every, cases[i].calendar ? &calendar : NULL, DAY, DAY + TM_DAY_US,
                                &e, said, sizeof said));
        assert_non_null(strstr(said, cases[i].said));
    }
}

static void as_many_intervals_as_there_is_room_for_fit(void **state) {
    (void)state;
    struct every e = {.n = 0};
    char said[1024];
    assert_true(read_every("30m", NULL, DAY, DAY + TM_DAY_US, &e, said, sizeof said));
    assert_int_equal(e.n, MAX + 1);
    every_done(&e);
    assert_false(read_every("30m", NULL, DAY, DAY + TM_DAY_US + 1, &e, said, sizeof said));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_begin_at_from_and_the_last_one_ends_at_to),
        cmocka_unit_test(calendars_cut_where_their_day_does),
        cmocka_unit_test(shifts_are_named),
        cmocka_unit_test(what_is_none_is_refused_with_what_would_be_right),
        cmocka_unit_test(as_many_intervals_as_there_is_room_for_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
