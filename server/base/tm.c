#include "server/base/tm.h"

#include <stdio.h>

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar, and back, by eras of 400 years. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2 ? 1 : 0;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t yoe = year - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static void date_from_days(int64_t days, int64_t *ret_year, int64_t *ret_month, int64_t *ret_day) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *ret_day = doy - (153 * mp + 2) / 5 + 1;
    *ret_month = mp < 10 ? mp + 3 : mp - 9;
    *ret_year = yoe + era * 400 + (*ret_month <= 2 ? 1 : 0);
}

enum status tm_format(int64_t t_us, char ret_text[TM_TEXT_SIZE]) {
    int64_t days = t_us / TM_DAY_US;
    int64_t rest = t_us % TM_DAY_US;
    if (rest < 0) {
        rest += TM_DAY_US;
        days--;
    }
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    date_from_days(days, &year, &month, &day);
    if (year < 1 || year > 9999) {
        return ERR_INVALID;
    }
    int64_t second = rest / TM_SECOND_US;
    int64_t micro = rest % TM_SECOND_US;
    int n = snprintf(ret_text, TM_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d", (int)year, (int)month, (int)day,
                     (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
    if (micro != 0) {
        (void)snprintf(ret_text + n, TM_TEXT_SIZE - (size_t)n, ".%06dZ", (int)micro);
    } else {
        (void)snprintf(ret_text + n, TM_TEXT_SIZE - (size_t)n, "Z");
    }
    return OK;
}

/* Reads exactly `count` digits at *p; false if they are not there. */
static bool digits(const char **p, const char *end, int count, int64_t *ret) {
    int64_t value = 0;
    for (int i = 0; i < count; i++) {
        if (*p == end || **p < '0' || **p > '9') {
            return false;
        }
        value = value * 10 + (**p - '0');
        (*p)++;
    }
    *ret = value;
    return true;
}

static bool literal(const char **p, const char *end, char a, char b) {
    if (*p == end || (**p != a && **p != b)) {
        return false;
    }
    (*p)++;
    return true;
}

static bool parse_fraction(const char **p, const char *end, int64_t *ret_us) {
    *ret_us = 0;
    if (*p == end || **p != '.') {
        return true;
    }
    (*p)++;
    int64_t unit = TM_SECOND_US / 10;
    const char *first = *p;
    while (*p < end && **p >= '0' && **p <= '9' && unit > 0) {
        *ret_us += (**p - '0') * unit;
        unit /= 10;
        (*p)++;
    }
    return *p > first;
}

static bool parse_offset(const char **p, const char *end, int64_t *ret_us) {
    *ret_us = 0;
    if (literal(p, end, 'Z', 'z')) {
        return true;
    }
    int64_t sign = *p < end && **p == '-' ? -1 : 1;
    int64_t hour = 0;
    int64_t minute = 0;
    if (!literal(p, end, '+', '-') || !digits(p, end, 2, &hour) || !literal(p, end, ':', ':') ||
        !digits(p, end, 2, &minute) || hour > 23 || minute > 59) {
        return false;
    }
    *ret_us = sign * (hour * TM_HOUR_US + minute * TM_MINUTE_US);
    return true;
}

static bool parse_date(const char **p, const char *end, int64_t *ret_us) {
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    if (!digits(p, end, 4, &year) || !literal(p, end, '-', '-') || !digits(p, end, 2, &month) ||
        !literal(p, end, '-', '-') || !digits(p, end, 2, &day)) {
        return false;
    }
    static const int64_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (year < 1 || month < 1 || month > 12 || day < 1 ||
        day > month_days[month - 1] + (month == 2 && leap ? 1 : 0)) {
        return false;
    }
    *ret_us = days_from_date(year, month, day) * TM_DAY_US;
    return true;
}

static bool parse_clock(const char **p, const char *end, int64_t *ret_us) {
    int64_t hour = 0;
    int64_t minute = 0;
    int64_t second = 0;
    int64_t fraction = 0;
    if (!digits(p, end, 2, &hour) || !literal(p, end, ':', ':') || !digits(p, end, 2, &minute) ||
        !literal(p, end, ':', ':') || !digits(p, end, 2, &second) || !parse_fraction(p, end, &fraction)) {
        return false;
    }
    if (hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    *ret_us = hour * TM_HOUR_US + minute * TM_MINUTE_US + second * TM_SECOND_US + fraction;
    return true;
}

enum status tm_parse(struct slice text, int64_t *ret_t_us, struct error *err) {
    const char *p = text.p;
    const char *end = text.p + text.n;
    int64_t date = 0;
    int64_t of_day = 0;
    int64_t offset = 0;
    if (text.n == 0 || !parse_date(&p, end, &date) || !literal(&p, end, 'T', 't') ||
        !parse_clock(&p, end, &of_day) || !parse_offset(&p, end, &offset) || p != end) {
        return error_set(err, ERR_INVALID, "time",
                         "\"%.*s\" is not a time; right would be 2026-11-24T10:15:00.5Z",
                         (int)(text.n > 40 ? 40 : text.n), text.n > 0 ? text.p : "");
    }
    *ret_t_us = date + of_day - offset;
    return OK;
}
