#include "server/history/calendar.h"

#include "server/base/check.h"
#include "server/base/tm.h"

#include <string.h>

/* No offset is larger (zone.c), so nothing farther away than two of them matters. */
#define OFFSET_MAX_US (27 * TM_HOUR_US)
/* Tariffs repeat every week; a change of the clock may swallow one. */
enum { TARIFF_DAYS_MAX = 16, WEEK_DAYS = 7, EPOCH_WEEKDAY = 3 /* 1970-01-01 was a Thursday */ };

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

static int64_t offset_us(const struct zone *z, int64_t t_us) {
    return zone_offset_s(z, t_us) * TM_SECOND_US;
}

/* The latest local time that the clock has shown so far: it goes on only when it is shown for the first time.
 */
static int64_t shown_us(const struct zone *z, int64_t t_us) {
    int64_t at_us = t_us - 2 * OFFSET_MAX_US;
    int64_t most_us = INT64_MIN;
    while (at_us < t_us) {
        int64_t end_us = earlier(zone_next_change_us(z, at_us), t_us + 1);
        most_us = later(most_us, end_us - 1 + offset_us(z, at_us));
        at_us = end_us;
    }
    return later(most_us, t_us + offset_us(z, t_us));
}

/* The first moment at which that local time, or a later one, is shown. */
static int64_t first_shown_us(const struct zone *z, int64_t local_us) {
    int64_t at_us = local_us - OFFSET_MAX_US;
    for (;;) {
        int64_t there_us = later(at_us, local_us - offset_us(z, at_us));
        int64_t change_us = zone_next_change_us(z, at_us);
        if (there_us < change_us) {
            return there_us;
        }
        at_us = change_us;
    }
}

/* --- dates: days are counted from 1970-01-01 ---------------------------------------------------------- */

static int64_t day_of(int64_t local_us) {
    return floor_div(local_us, TM_DAY_US);
}

static int32_t weekday_of(int64_t day) {
    return (int32_t)(day + EPOCH_WEEKDAY - floor_div(day + EPOCH_WEEKDAY, WEEK_DAYS) * WEEK_DAYS);
}

/* Years begin in March, so that the leap day is the last one. */
static int64_t day_from(int64_t year, int64_t month, int64_t day) {
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = month <= 2 ? month + 9 : month - 3;
    int64_t era_days = y * 365 + floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400);
    return era_days + (153 * m + 2) / 5 + day - 1 - 719468;
}

static int64_t year_of(int64_t day) {
    int64_t year = 1970 + floor_div(day, 366);
    while (day_from(year + 1, 1, 1) <= day) {
        year++;
    }
    while (day_from(year, 1, 1) > day) {
        year--;
    }
    return year;
}

static int64_t month_of(int64_t day) {
    int64_t year = year_of(day);
    int64_t month = 1;
    while (month < 12 && day_from(year, month + 1, 1) <= day) {
        month++;
    }
    return month;
}

static struct calendar_date date_of(int64_t day) {
    int64_t year = year_of(day);
    int64_t month = month_of(day);
    int64_t thursday = day - weekday_of(day) + 3; /* a week is of the year that its Thursday is in */
    int64_t iso_year = year_of(thursday);
    /* All of them small numbers. */
    return (struct calendar_date){.year = (int32_t)year,
                                  .month = (int32_t)month,
                                  .day = (int32_t)(day - day_from(year, month, 1)) + 1,
                                  .weekday = weekday_of(day) + 1,
                                  .iso_year = (int32_t)iso_year,
                                  .iso_week =
                                      (int32_t)((thursday - day_from(iso_year, 1, 1)) / WEEK_DAYS) + 1};
}

struct calendar_date calendar_date(const struct calendar *c, int64_t t_us) {
    return date_of(day_of(shown_us(c->zone, t_us)));
}

/* --- shifts and bands at a local time ------------------------------------------------------------------ */

static uint32_t shift_at(const struct calendar *c, int64_t local_us) {
    int64_t minute = (local_us - day_of(local_us) * TM_DAY_US) / TM_MINUTE_US;
    uint32_t i = c->n_shifts;
    while (i > 0 && c->shifts[i - 1].from_min > minute) {
        i--;
    }
    if (c->n_shifts == 0) {
        return CALENDAR_NONE;
    }
    return i > 0 ? i - 1 : c->n_shifts - 1;
}

static bool band_fits(const struct calendar_band *b, int32_t weekday, int64_t minute) {
    bool over_midnight = b->to_min <= b->from_min;
    bool today = (b->days >> weekday & 1) != 0;
    bool yesterday = (b->days >> (weekday + WEEK_DAYS - 1) % WEEK_DAYS & 1) != 0;
    if (today && minute >= b->from_min && (over_midnight || minute < b->to_min)) {
        return true;
    }
    return over_midnight && yesterday && minute < b->to_min;
}

static uint32_t band_at(const struct calendar *c, int64_t local_us) {
    int64_t day = day_of(local_us);
    int64_t minute = (local_us - day * TM_DAY_US) / TM_MINUTE_US;
    for (uint32_t i = 0; i < c->n_bands; i++) {
        if (band_fits(&c->bands[i], weekday_of(day), minute)) {
            return i;
        }
    }
    return CALENDAR_NONE;
}

uint32_t calendar_shift(const struct calendar *c, int64_t t_us) {
    return shift_at(c, shown_us(c->zone, t_us));
}

uint32_t calendar_band(const struct calendar *c, int64_t t_us) {
    return band_at(c, shown_us(c->zone, t_us));
}

/* --- beginnings in local time: the latest one at or before, the first one behind ----------------------- */

static int64_t start_day(enum calendar_unit unit, int64_t day) {
    if (unit == CALENDAR_WEEK) {
        return day - weekday_of(day);
    }
    if (unit == CALENDAR_MONTH) {
        return day_from(year_of(day), month_of(day), 1);
    }
    return unit == CALENDAR_YEAR ? day_from(year_of(day), 1, 1) : day;
}

static int64_t next_day(enum calendar_unit unit, int64_t day) {
    if (unit == CALENDAR_WEEK) {
        return start_day(unit, day) + WEEK_DAYS;
    }
    if (unit == CALENDAR_MONTH) {
        int64_t month = month_of(day);
        return month == 12 ? day_from(year_of(day) + 1, 1, 1) : day_from(year_of(day), month + 1, 1);
    }
    return unit == CALENDAR_YEAR ? day_from(year_of(day) + 1, 1, 1) : day + 1;
}

static int64_t shift_start_us(const struct calendar *c, int64_t local_us) {
    uint32_t i = shift_at(c, local_us);
    int64_t start_us = day_of(local_us) * TM_DAY_US + c->shifts[i].from_min * TM_MINUTE_US;
    return start_us <= local_us ? start_us : start_us - TM_DAY_US;
}

static int64_t shift_next_us(const struct calendar *c, int64_t local_us) {
    uint32_t i = (shift_at(c, local_us) + 1) % c->n_shifts;
    int64_t next_us = day_of(local_us) * TM_DAY_US + c->shifts[i].from_min * TM_MINUTE_US;
    return next_us > local_us ? next_us : next_us + TM_DAY_US;
}

/* The first minute after local_us in which a band may begin or end: all those of one day, or midnight. */
static int64_t edge_next_us(const struct calendar *c, int64_t local_us) {
    int64_t midnight_us = day_of(local_us) * TM_DAY_US;
    int64_t best_us = midnight_us + TM_DAY_US;
    for (uint32_t i = 0; i < c->n_bands; i++) {
        int64_t from_us = midnight_us + c->bands[i].from_min * TM_MINUTE_US;
        int64_t to_us = midnight_us + c->bands[i].to_min * TM_MINUTE_US;
        best_us = from_us > local_us ? earlier(best_us, from_us) : best_us;
        best_us = to_us > local_us ? earlier(best_us, to_us) : best_us;
    }
    return best_us;
}

static int64_t edge_start_us(const struct calendar *c, int64_t local_us) {
    int64_t midnight_us = day_of(local_us) * TM_DAY_US;
    int64_t best_us = midnight_us;
    for (uint32_t i = 0; i < c->n_bands; i++) {
        int64_t from_us = midnight_us + c->bands[i].from_min * TM_MINUTE_US;
        int64_t to_us = midnight_us + c->bands[i].to_min * TM_MINUTE_US;
        best_us = from_us <= local_us ? later(best_us, from_us) : best_us;
        best_us = to_us <= local_us ? later(best_us, to_us) : best_us;
    }
    return best_us;
}

/* --- tariffs: an edge counts where another band is in force behind it ---------------------------------- */

static bool band_changes(const struct calendar *c, int64_t t_us) {
    return calendar_band(c, t_us - 1) != calendar_band(c, t_us);
}

static int64_t tariff_next_us(const struct calendar *c, int64_t t_us) {
    int64_t local_us = shown_us(c->zone, t_us);
    int64_t end_us = local_us + TARIFF_DAYS_MAX * TM_DAY_US;
    while (local_us < end_us) {
        local_us = edge_next_us(c, local_us);
        int64_t at_us = first_shown_us(c->zone, local_us);
        if (band_changes(c, at_us)) {
            return at_us;
        }
    }
    return CALENDAR_NEVER;
}

static int64_t tariff_start_us(const struct calendar *c, int64_t t_us) {
    int64_t local_us = shown_us(c->zone, t_us);
    int64_t end_us = local_us - TARIFF_DAYS_MAX * TM_DAY_US;
    while (local_us > end_us) {
        local_us = edge_start_us(c, local_us);
        int64_t at_us = first_shown_us(c->zone, local_us);
        if (band_changes(c, at_us)) {
            return at_us;
        }
        local_us--;
    }
    return -CALENDAR_NEVER;
}

/* --- for the owner ------------------------------------------------------------------------------------- */

int64_t calendar_next_us(const struct calendar *c, enum calendar_unit unit, int64_t t_us) {
    int64_t local_us = shown_us(c->zone, t_us);
    switch (unit) {
    case CALENDAR_DAY:
    case CALENDAR_WEEK:
    case CALENDAR_MONTH:
    case CALENDAR_YEAR:
        return first_shown_us(c->zone, next_day(unit, day_of(local_us)) * TM_DAY_US);
    case CALENDAR_SHIFT:
        return c->n_shifts == 0 ? CALENDAR_NEVER : first_shown_us(c->zone, shift_next_us(c, local_us));
    case CALENDAR_TARIFF:
        return c->n_bands == 0 ? CALENDAR_NEVER : tariff_next_us(c, t_us);
    }
    check_failed(__FILE__, __LINE__, "unit is one of the enum");
}

int64_t calendar_start_us(const struct calendar *c, enum calendar_unit unit, int64_t t_us) {
    int64_t local_us = shown_us(c->zone, t_us);
    switch (unit) {
    case CALENDAR_DAY:
    case CALENDAR_WEEK:
    case CALENDAR_MONTH:
    case CALENDAR_YEAR:
        return first_shown_us(c->zone, start_day(unit, day_of(local_us)) * TM_DAY_US);
    case CALENDAR_SHIFT:
        return c->n_shifts == 0 ? -CALENDAR_NEVER : first_shown_us(c->zone, shift_start_us(c, local_us));
    case CALENDAR_TARIFF:
        return c->n_bands == 0 ? -CALENDAR_NEVER : tariff_start_us(c, t_us);
    }
    check_failed(__FILE__, __LINE__, "unit is one of the enum");
}

/* --- as people write it --------------------------------------------------------------------------------- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool calendar_read_time(struct slice text, int32_t *ret_min) {
    const char *p = text.p;
    if (text.n != 5 || !is_digit(p[0]) || !is_digit(p[1]) || p[2] != ':' || !is_digit(p[3]) ||
        !is_digit(p[4]) || p[3] > '5') {
        return false;
    }
    int32_t minute = ((p[0] - '0') * 10 + p[1] - '0') * 60 + (p[3] - '0') * 10 + p[4] - '0';
    if (minute > CALENDAR_DAY_MIN) {
        return false;
    }
    *ret_min = minute;
    return true;
}

/* The day that the text begins with, -1 if it is none. */
static int weekday_named(struct slice text) {
    static const char names[] = "motuwethfrsasu";
    for (int i = 0; i < WEEK_DAYS && text.n >= 2; i++) {
        if (memcmp(text.p, names + 2 * (ptrdiff_t)i, 2) == 0) {
            return i;
        }
    }
    return -1;
}

/* "mo" or "mo-fr" off the front of the text. */
static bool take_days(struct slice *text, uint8_t *days) {
    int from = weekday_named(*text);
    int to = from;
    size_t used = 2;
    if (from >= 0 && text->n > 2 && text->p[2] == '-') {
        to = weekday_named(slice_of(text->p + 3, text->n - 3));
        used = 5;
    }
    if (from < 0 || to < 0) {
        return false;
    }
    for (int i = from;; i = (i + 1) % WEEK_DAYS) {
        *days |= (uint8_t)(1U << i); /* bits 0 to 6 */
        if (i == to) {
            break;
        }
    }
    *text = slice_of(text->p + used, text->n - used);
    return true;
}

bool calendar_read_days(struct slice text, uint8_t *ret_days) {
    uint8_t days = 0;
    if (slice_is(text, "daily")) {
        *ret_days = CALENDAR_ALL_DAYS;
        return true;
    }
    while (take_days(&text, &days)) {
        if (text.n == 0) {
            *ret_days = days;
            return true;
        }
        if (text.p[0] != ',') {
            return false;
        }
        text = slice_of(text.p + 1, text.n - 1);
    }
    return false;
}
