/* A site's calendar: days, weeks, months, shifts and tariffs in its local time. Pure.
 *
 * Each of them begins at the first moment at which the site's clock shows its local time, or a later one. So
 * a day with a change of the clock has 23 or 25 hours (or whatever the zone says), what would begin within an
 * hour that is left out begins with the next one, and what began once does not begin again in an hour that
 * comes twice. Where the clock is set back at midnight, the old day goes on until it is midnight again.
 *
 * Without shifts (or tariffs) nothing begins: CALENDAR_NEVER. Times are from the year 1900 on. */
#ifndef PENSTOCK_HISTORY_CALENDAR_H
#define PENSTOCK_HISTORY_CALENDAR_H

#include "server/base/slice.h"
#include "server/base/zone.h"

#include <stdbool.h>
#include <stdint.h>

enum { CALENDAR_SHIFTS_MAX = 12, CALENDAR_BANDS_MAX = 32, CALENDAR_DAY_MIN = 24 * 60 };
enum { CALENDAR_ALL_DAYS = 127 };
#define CALENDAR_NONE  UINT32_MAX
#define CALENDAR_NEVER INT64_MAX

enum calendar_unit {
    CALENDAR_DAY,
    CALENDAR_WEEK, /* from Monday on, ISO 8601 */
    CALENDAR_MONTH,
    CALENDAR_YEAR,
    CALENDAR_SHIFT,
    CALENDAR_TARIFF, /* ends when another band begins, or none */
};

/* Lasts until the next one begins, the last one of a day into the next day. */
struct calendar_shift {
    struct slice name;
    int32_t from_min; /* minute of the local day */
};

/* Of several that fit the first one counts. */
struct calendar_band {
    struct slice name;
    uint8_t days;     /* on which it begins: bit 0 Monday … bit 6 Sunday */
    int32_t from_min; /* 0 to CALENDAR_DAY_MIN - 1 */
    int32_t to_min;   /* 1 to CALENDAR_DAY_MIN; not above from_min: of the next day */
};

/* Arrays and zone (NULL: UTC) are borrowed. */
struct calendar {
    const struct zone *zone;
    const struct calendar_shift *shifts; /* ascending in from_min, each once */
    const struct calendar_band *bands;
    uint32_t n_shifts;
    uint32_t n_bands;
};

struct calendar_date {
    int32_t year;
    int32_t month;    /* 1 to 12 */
    int32_t day;      /* 1 to 31 */
    int32_t weekday;  /* 1 Monday to 7 Sunday */
    int32_t iso_year; /* that the week is of */
    int32_t iso_week; /* 1 to 53 */
};

/* When the next one begins: after t_us. */
int64_t calendar_next_us(const struct calendar *c, enum calendar_unit unit, int64_t t_us);
/* When the present one began: at t_us or before; -CALENDAR_NEVER if there is none. */
int64_t calendar_start_us(const struct calendar *c, enum calendar_unit unit, int64_t t_us);
/* The date of the calendar's day at t_us. */
struct calendar_date calendar_date(const struct calendar *c, int64_t t_us);
/* Index of the shift or band at t_us; CALENDAR_NONE. */
uint32_t calendar_shift(const struct calendar *c, int64_t t_us);
uint32_t calendar_band(const struct calendar *c, int64_t t_us);

/* "06:00"; "24:00", too. False if it is none. */
MUSTCHECK bool calendar_read_time(struct slice text, int32_t *ret_min);
/* "mo-fr", "sa,su", "fr-mo", "daily". */
MUSTCHECK bool calendar_read_days(struct slice text, uint8_t *ret_days);

#endif
