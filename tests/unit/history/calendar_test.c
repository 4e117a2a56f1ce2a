/* Calendars against a clock that is watched minute by minute: what begins when it shows a time for the first
 * time. */
#include "server/base/tm.h"
#include "server/history/calendar.h"
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ARENA_MAX = 1 << 20,
    FILE_MAX = 1 << 16,
    UNITS = CALENDAR_TARIFF + 1,
    YEAR_MIN = 366 * CALENDAR_DAY_MIN,
    BEFORE_MIN = 40 * CALENDAR_DAY_MIN, /* watched before the year, so that a month has begun */
    AFTER_MIN = 40 * CALENDAR_DAY_MIN,
    ALL_MIN = BEFORE_MIN + YEAR_MIN + AFTER_MIN,
    WEEK_MIN = 7 * CALENDAR_DAY_MIN,
};

#define TEXT(s)                                                                                              \
    { (s), sizeof(s) - 1 }

static const struct calendar_shift three[] = {
    {TEXT("early"), 390}, {TEXT("late"), 840}, {TEXT("night"), 1350}};
/* Begin and end where clocks are changed, too; the middle of the day is what no band names on Saturdays. */
static const struct calendar_band bands[] = {
    {TEXT("peak"), 0x1F, 420, 1200},  {TEXT("early"), CALENDAR_ALL_DAYS, 150, 180},
    {TEXT("hidden"), 0x01, 430, 500}, {TEXT("weekend"), 0x60, 1260, 90},
    {TEXT("sunday"), 0x40, 0, 1440},  {TEXT("night"), 0x7F, 1320, 30}};

static const struct zone *system_zone(struct arena *arena, const char *name) {
    char path[100];
    (void)snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        print_message("%s is not there: the package tzdata is not installed; skipped\n", path);
        skip();
    }
    char *bytes = malloc(FILE_MAX);
    assert_non_null(bytes);
    size_t n = fread(bytes, 1, FILE_MAX, file);
    (void)fclose(file);
    struct zone *z = NULL;
    assert_int_equal(zone_read(slice_of(bytes, n), arena, &z, NULL), OK);
    free(bytes);
    return z;
}

static int64_t us(const char *text) {
    int64_t t_us = 0;
    assert_int_equal(tm_parse(slice_str(text), &t_us, NULL), OK);
    return t_us;
}

/* --- the clock that is watched -------------------------------------------------------------------------- */

struct watched {
    const struct calendar *c;
    int64_t from_us;
    unsigned begins[ALL_MIN]; /* bit of each unit that begins in that minute */
    uint32_t shift[ALL_MIN];
    uint32_t band[ALL_MIN];
};

/* The band of each minute of a week, painted over from the last to the first. */
static void paint_week(const struct calendar *c, uint32_t *week) {
    for (uint32_t i = 0; i < WEEK_MIN; i++) {
        week[i] = CALENDAR_NONE;
    }
    for (uint32_t i = c->n_bands; i-- > 0;) {
        const struct calendar_band *b = &c->bands[i];
        uint32_t to = (uint32_t)b->to_min + (b->to_min <= b->from_min ? CALENDAR_DAY_MIN : 0U);
        for (uint32_t day = 0; day < 7; day++) {
            for (uint32_t m = (uint32_t)b->from_min; (b->days >> day & 1) != 0 && m < to; m++) {
                week[(day * CALENDAR_DAY_MIN + m) % WEEK_MIN] = i;
            }
        }
    }
}

/* What begins with that minute of local time (since 1970), which is shown for the first time. */
static unsigned begins_with(const struct calendar *c, int64_t minute) {
    char text[TM_TEXT_SIZE];
    assert_int_equal(tm_format(minute * TM_MINUTE_US, text), OK);
    unsigned units = 0;
    for (uint32_t i = 0; i < c->n_shifts; i++) {
        units |= (unsigned)(minute % CALENDAR_DAY_MIN == c->shifts[i].from_min) << CALENDAR_SHIFT;
    }
    if (minute % CALENDAR_DAY_MIN != 0) {
        return units;
    }
    units |= 1U << CALENDAR_DAY;
    units |= (unsigned)((minute / CALENDAR_DAY_MIN + 3) % 7 == 0) << CALENDAR_WEEK;
    units |= (unsigned)(strncmp(text + 8, "01", 2) == 0) << CALENDAR_MONTH;
    units |= (unsigned)(strncmp(text + 5, "01-01", 5) == 0) << CALENDAR_YEAR;
    return units;
}

static void watch(struct watched *w, const struct calendar *c, int64_t from_us) {
    static uint32_t week[WEEK_MIN];
    paint_week(c, week);
    w->c = c;
    w->from_us = from_us;
    int64_t shown = 0;
    uint32_t shift = CALENDAR_NONE;
    for (int64_t i = 0; i < ALL_MIN; i++) {
        int64_t t_us = from_us + i * TM_MINUTE_US;
        int64_t now = (t_us + zone_offset_s(c->zone, t_us) * TM_SECOND_US) / TM_MINUTE_US;
        w->begins[i] = 0;
        for (shown = shown == 0 ? now : shown; shown < now;) {
            shown++;
            w->begins[i] |= begins_with(c, shown);
            for (uint32_t k = 0; k < c->n_shifts; k++) {
                shift = shown % CALENDAR_DAY_MIN == c->shifts[k].from_min ? k : shift;
            }
        }
        w->shift[i] = shift;
        w->band[i] = week[(shown + 3 * CALENDAR_DAY_MIN) % WEEK_MIN];
        if (i > 0 && w->band[i] != w->band[i - 1]) {
            w->begins[i] |= 1U << CALENDAR_TARIFF;
        }
    }
}

static int64_t watched_us(const struct watched *w, int64_t i) {
    return w->from_us + i * TM_MINUTE_US;
}

/* --- all of a year -------------------------------------------------------------------------------------- */

static const char *const unit_names[UNITS] = {"day", "week", "month", "year", "shift", "tariff"};

static void differs(const char *zone, const char *what, enum calendar_unit unit, int64_t t_us, int64_t is_us,
                    int64_t right_us) {
    char at[TM_TEXT_SIZE] = "";
    char is[TM_TEXT_SIZE] = "never";
    char right[TM_TEXT_SIZE] = "never";
    (void)!tm_format(t_us, at);
    (void)!tm_format(is_us, is);
    (void)!tm_format(right_us, right);
    fail_msg("%s: %s %s of %s is %s, not %s", zone, what, unit_names[unit], at, is, right);
}

static void step_through(const struct watched *w, const char *zone, enum calendar_unit unit) {
    int64_t t_us = watched_us(w, BEFORE_MIN);
    int64_t i = BEFORE_MIN;
    while (i < BEFORE_MIN + YEAR_MIN) {
        do {
            i++;
        } while (i < ALL_MIN && (w->begins[i] >> unit & 1) == 0);
        if (i == ALL_MIN) {
            return; /* of the years, only one begins */
        }
        int64_t next_us = calendar_next_us(w->c, unit, t_us);
        if (next_us != watched_us(w, i)) {
            differs(zone, "next", unit, t_us, next_us, watched_us(w, i));
        }
        int64_t start_us = calendar_start_us(w->c, unit, next_us - 1);
        if (unit != CALENDAR_YEAR && t_us != watched_us(w, BEFORE_MIN) && start_us != t_us) {
            differs(zone, "start", unit, next_us - 1, start_us, t_us);
        }
        if (calendar_start_us(w->c, unit, next_us) != next_us) {
            differs(zone, "start", unit, next_us, calendar_start_us(w->c, unit, next_us), next_us);
        }
        t_us = next_us;
    }
}

/* Every minute, and the moment before it, of the days around a change of the clock. */
static void look_around(const struct watched *w, const char *zone, int64_t change_us) {
    int64_t middle = (change_us - w->from_us) / TM_MINUTE_US;
    for (uint32_t unit = 0; unit < UNITS; unit++) {
        if (unit == CALENDAR_YEAR) {
            continue; /* begins too rarely to be watched */
        }
        int64_t next = middle + 2 * CALENDAR_DAY_MIN + 1;
        while ((w->begins[next] >> unit & 1) == 0) {
            next++;
        }
        for (int64_t i = middle + 2 * CALENDAR_DAY_MIN; i > middle - 2 * CALENDAR_DAY_MIN; i--) {
            next = (w->begins[i + 1] >> unit & 1) != 0 ? i + 1 : next;
            if (calendar_next_us(w->c, unit, watched_us(w, i)) != watched_us(w, next) ||
                calendar_next_us(w->c, unit, watched_us(w, i + 1) - 1) != watched_us(w, next)) {
                differs(zone, "next", unit, watched_us(w, i), calendar_next_us(w->c, unit, watched_us(w, i)),
                        watched_us(w, next));
            }
            if (calendar_shift(w->c, watched_us(w, i)) != w->shift[i] ||
                calendar_band(w->c, watched_us(w, i) + 59999999) != w->band[i]) {
                fail_msg("%s: shift or band of minute %lld", zone, (long long)i);
            }
        }
    }
}

static void as_watched(const char *zone, const char *year) {
    struct arena arena;
    arena_init(&arena, ARENA_MAX);
    struct calendar c = {.zone = strcmp(zone, "") == 0 ? NULL : system_zone(&arena, zone),
                         .shifts = three,
                         .n_shifts = COUNT(three),
                         .bands = bands,
                         .n_bands = COUNT(bands)};
    struct watched *w = calloc(1, sizeof *w);
    assert_non_null(w);
    int64_t from_us = us(year);
    watch(w, &c, from_us - BEFORE_MIN * TM_MINUTE_US);
    for (uint32_t unit = 0; unit < UNITS; unit++) {
        step_through(w, zone, unit);
    }
    int64_t t_us = zone_next_change_us(c.zone, from_us);
    while (t_us < from_us + YEAR_MIN * TM_MINUTE_US) {
        look_around(w, zone, t_us);
        t_us = zone_next_change_us(c.zone, t_us);
    }
    free(w);
    arena_done(&arena);
}

static void all_of_a_year_is_as_a_clock_that_is_watched(void **state) {
    (void)state;
    as_watched("", "2026-01-01T00:00:00Z");
    as_watched("Europe/Berlin", "2026-01-01T00:00:00Z");
    as_watched("America/New_York", "2026-01-01T00:00:00Z");
    as_watched("Australia/Lord_Howe", "2025-01-01T00:00:00Z"); /* half an hour */
    as_watched("Asia/Shanghai", "2026-01-01T00:00:00Z");
}

static void a_clock_that_changes_at_midnight(void **state) {
    (void)state;
    as_watched("Asia/Beirut", "2024-01-01T00:00:00Z");          /* 00:00 -> 01:00, 24:00 -> 23:00 */
    as_watched("America/Sao_Paulo", "2018-01-01T00:00:00Z");    /* both at 00:00 */
    as_watched("America/St_Johns", "2008-01-01T00:00:00Z");     /* at 00:01 */
    as_watched("America/Havana", "2025-01-01T00:00:00Z");       /* 00:00 -> 01:00, 01:00 -> 00:00 */
    as_watched("America/Santiago", "2026-01-01T00:00:00Z");     /* 24:00 -> 01:00, 24:00 -> 23:00 */
    as_watched("Africa/Cairo", "2024-01-01T00:00:00Z");         /* 24:00 -> 23:00 */
    as_watched("America/Scoresbysund", "2024-01-01T00:00:00Z"); /* 00:00 -> 23:00 of the day before, twice */
}

static void a_day_that_is_left_out_and_hours_by_the_dozen(void **state) {
    (void)state;
    as_watched("Pacific/Apia", "2011-06-01T00:00:00Z");      /* there was no 30 December */
    as_watched("Pacific/Kwajalein", "1993-02-01T00:00:00Z"); /* nor a 21 August */
    as_watched("Antarctica/Casey", "2018-01-01T00:00:00Z");  /* three hours back */
    as_watched("Antarctica/Troll", "2026-01-01T00:00:00Z");  /* two hours */
}

/* --- in words ------------------------------------------------------------------------------------------- */

static void days_of_23_and_25_hours(void **state) {
    (void)state;
    struct arena arena;
    arena_init(&arena, ARENA_MAX);
    struct calendar c = {.zone = system_zone(&arena, "Europe/Berlin")};
    int64_t spring_us = us("2026-03-28T23:00:00Z");
    int64_t autumn_us = us("2026-10-24T22:00:00Z");
    assert_int_equal(calendar_next_us(&c, CALENDAR_DAY, spring_us) - spring_us, 23 * TM_HOUR_US);
    assert_int_equal(calendar_next_us(&c, CALENDAR_DAY, autumn_us) - autumn_us, 25 * TM_HOUR_US);
    assert_int_equal(calendar_next_us(&c, CALENDAR_MONTH, autumn_us), us("2026-10-31T23:00:00Z"));
    assert_int_equal(calendar_start_us(&c, CALENDAR_YEAR, autumn_us), us("2025-12-31T23:00:00Z"));
    arena_done(&arena);
}

static void weeks_are_those_of_iso_8601(void **state) {
    (void)state;
    static const struct {
        const char *at;
        int32_t weekday;
        int32_t year;
        int32_t week;
    } cases[] = {{"2005-01-01T12:00:00Z", 6, 2004, 53}, {"2007-01-01T00:00:00Z", 1, 2007, 1},
                 {"2008-12-28T12:00:00Z", 7, 2008, 52}, {"2008-12-29T12:00:00Z", 1, 2009, 1},
                 {"2010-01-03T23:59:59Z", 7, 2009, 53}, {"2026-11-29T00:00:00Z", 7, 2026, 48},
                 {"1969-12-31T23:59:59Z", 3, 1970, 1},  {"2100-02-28T00:00:00Z", 7, 2100, 8}};
    struct calendar c = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct calendar_date d = calendar_date(&c, us(cases[i].at));
        char text[TM_TEXT_SIZE];
        (void)snprintf(text, sizeof text, "%04d-%02d-%02d", (int)d.year, (int)d.month, (int)d.day);
        assert_memory_equal(text, cases[i].at, 10);
        assert_int_equal(d.weekday, cases[i].weekday);
        assert_int_equal(d.iso_year, cases[i].year);
        assert_int_equal(d.iso_week, cases[i].week);
    }
}

static void without_shifts_and_tariffs_nothing_begins(void **state) {
    (void)state;
    static const struct calendar_band always[] = {{TEXT("flat"), CALENDAR_ALL_DAYS, 0, 1440}};
    struct calendar c = {0};
    assert_true(calendar_next_us(&c, CALENDAR_SHIFT, 0) == CALENDAR_NEVER);
    assert_true(calendar_start_us(&c, CALENDAR_SHIFT, 0) == -CALENDAR_NEVER);
    assert_true(calendar_next_us(&c, CALENDAR_TARIFF, 0) == CALENDAR_NEVER);
    assert_int_equal(calendar_shift(&c, 0), CALENDAR_NONE);
    assert_int_equal(calendar_band(&c, 0), CALENDAR_NONE);
    c.bands = always;
    c.n_bands = 1;
    assert_true(calendar_next_us(&c, CALENDAR_TARIFF, 0) == CALENDAR_NEVER);
    assert_true(calendar_start_us(&c, CALENDAR_TARIFF, 0) == -CALENDAR_NEVER);
    assert_int_equal(calendar_band(&c, 0), 0);
}

static void times_and_days_are_read_as_people_write_them(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int32_t minute; /* -1: none */
    } times[] = {{"00:00", 0},  {"06:30", 390}, {"24:00", 1440}, {"24:01", -1},  {"6:30", -1}, {"06:60", -1},
                 {"06-30", -1}, {"", -1},       {"06:3", -1},    {"06:300", -1}, {"0a:00", -1}};
    static const struct {
        const char *text;
        int days; /* -1: none */
    } days[] = {{"mo", 1},       {"mo-fr", 0x1F}, {"sa,su", 0x60},    {"fr-mo", 0x71}, {"daily", 0x7F},
                {"su-sa", 0x7F}, {"mo-mo", 1},    {"mo,we-th", 0x0D}, {"", -1},        {"mo-", -1},
                {"mo,", -1},     {"mo fr", -1},   {"m", -1},          {"Mo", -1},      {"mo-fr-su", -1},
                {"xx", -1},      {",mo", -1}};
    for (size_t i = 0; i < COUNT(times); i++) {
        int32_t minute = -1;
        assert_int_equal(calendar_read_time(slice_str(times[i].text), &minute), times[i].minute >= 0);
        assert_int_equal(minute, times[i].minute);
    }
    for (size_t i = 0; i < COUNT(days); i++) {
        uint8_t got = 0;
        bool right = calendar_read_days(slice_str(days[i].text), &got);
        if (right != (days[i].days >= 0) || (right && got != days[i].days)) {
            fail_msg("\"%s\": %d, %02x", days[i].text, right, (unsigned)got);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_a_year_is_as_a_clock_that_is_watched),
        cmocka_unit_test(a_clock_that_changes_at_midnight),
        cmocka_unit_test(a_day_that_is_left_out_and_hours_by_the_dozen),
        cmocka_unit_test(days_of_23_and_25_hours),
        cmocka_unit_test(weeks_are_those_of_iso_8601),
        cmocka_unit_test(without_shifts_and_tariffs_nothing_begins),
        cmocka_unit_test(times_and_days_are_read_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
