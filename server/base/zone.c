#include "server/base/zone.h"

#include "server/base/tm.h"

enum {
    HEADER_SIZE = 44,
    TYPE_SIZE = 6,
    FOOTER_MAX = 200,
    TRANSITIONS_MAX = 100000,
    OFFSET_MAX_S = 26 * 3600, /* RFC 8536, 3.2: -25 h to +26 h */
};

struct counts {
    uint32_t isut;
    uint32_t isstd;
    uint32_t leap;
    uint32_t time;
    uint32_t type;
    uint32_t chars;
};

struct text {
    const char *p;
    const char *end;
};

/* When daylight saving begins or ends within a year. */
struct rule_date {
    enum { DATE_JULIAN, DATE_DAY, DATE_MONTH } kind;
    int32_t month;
    int32_t week;
    int32_t day;
    int32_t time_s; /* local time of the day; may be negative or beyond a day */
};

struct posix_rule {
    int32_t std_s;
    int32_t dst_s;
    bool has_dst;
    struct rule_date begin;
    struct rule_date end;
};

static enum status refuse(struct error *err, const char *what) {
    return error_set(err, ERR_INVALID, "zone",
                     "%s; a TZif file of RFC 8536 (from the tzdata package) is expected", what);
}

static uint32_t be32(const char *p) {
    const uint8_t *b = (const uint8_t *)p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int32_t be32_signed(const char *p) {
    uint32_t v = be32(p);
    return v <= INT32_MAX ? (int32_t)v : -(int32_t)(UINT32_MAX - v) - 1;
}

static int64_t be64_signed(const char *p) {
    uint64_t v = (uint64_t)be32(p) << 32 | be32(p + 4);
    return v <= INT64_MAX ? (int64_t)v : -(int64_t)(UINT64_MAX - v) - 1;
}

static bool read_header(struct slice s, size_t at, struct counts *ret) {
    if (s.n < HEADER_SIZE || at > s.n - HEADER_SIZE || memcmp(s.p + at, "TZif", 4) != 0) {
        return false;
    }
    const char *p = s.p + at + 20;
    *ret = (struct counts){be32(p), be32(p + 4), be32(p + 8), be32(p + 12), be32(p + 16), be32(p + 20)};
    return ret->isut <= 256 && ret->isstd <= 256 && ret->leap <= TRANSITIONS_MAX &&
           ret->time <= TRANSITIONS_MAX && ret->type >= 1 && ret->type <= 256 && ret->chars <= 4096;
}

static size_t body_size(const struct counts *c, size_t time_size) {
    return c->time * (time_size + 1) + c->type * (size_t)TYPE_SIZE + c->chars + c->leap * (time_size + 4) +
           c->isstd + c->isut;
}

/* --- the footer: a POSIX TZ string --- */

static bool take(struct text *t, char c) {
    if (t->p < t->end && *t->p == c) {
        t->p++;
        return true;
    }
    return false;
}

static bool take_number(struct text *t, int32_t most, int32_t *ret) {
    int32_t v = 0;
    const char *start = t->p;
    while (t->p < t->end && *t->p >= '0' && *t->p <= '9' && t->p - start < 4) {
        v = v * 10 + (*t->p++ - '0');
    }
    *ret = v;
    return t->p > start && v <= most;
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(struct text *t, int32_t *ret_s) {
    int32_t sign = take(t, '-') ? -1 : 1;
    if (sign == 1) {
        (void)take(t, '+');
    }
    int32_t part[3] = {0, 0, 0};
    if (!take_number(t, 167, &part[0])) {
        return false;
    }
    for (int i = 1; i < 3 && take(t, ':'); i++) {
        if (!take_number(t, 59, &part[i])) {
            return false;
        }
    }
    *ret_s = sign * (part[0] * 3600 + part[1] * 60 + part[2]);
    return true;
}

static bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* A name of letters, or of anything within < and >. */
static bool take_name(struct text *t) {
    const char *start = t->p;
    if (take(t, '<')) {
        while (t->p < t->end && *t->p != '>') {
            t->p++;
        }
        return take(t, '>');
    }
    while (t->p < t->end && is_letter(*t->p)) {
        t->p++;
    }
    return t->p - start >= 3;
}

static bool take_date(struct text *t, struct rule_date *ret) {
    *ret = (struct rule_date){.kind = DATE_DAY, .time_s = 7200};
    bool good = false;
    if (take(t, 'M')) {
        ret->kind = DATE_MONTH;
        good = take_number(t, 12, &ret->month) && ret->month >= 1 && take(t, '.') &&
               take_number(t, 5, &ret->week) && ret->week >= 1 && take(t, '.') &&
               take_number(t, 6, &ret->day);
    } else if (take(t, 'J')) {
        ret->kind = DATE_JULIAN;
        good = take_number(t, 365, &ret->day) && ret->day >= 1;
    } else {
        good = take_number(t, 365, &ret->day);
    }
    return good && (!take(t, '/') || take_time(t, &ret->time_s));
}

static bool read_rule(struct slice s, struct posix_rule *ret) {
    struct text t = {.p = s.p, .end = s.p + s.n};
    int32_t west_s = 0;
    *ret = (struct posix_rule){0};
    if (!take_name(&t) || !take_time(&t, &west_s)) {
        return false;
    }
    ret->std_s = -west_s; /* POSIX counts westwards */
    if (t.p == t.end) {
        return true;
    }
    ret->has_dst = true;
    ret->dst_s = ret->std_s + 3600;
    if (!take_name(&t)) {
        return false;
    }
    if (t.p < t.end && *t.p != ',') {
        if (!take_time(&t, &west_s)) {
            return false;
        }
        ret->dst_s = -west_s;
    }
    return take(&t, ',') && take_date(&t, &ret->begin) && take(&t, ',') && take_date(&t, &ret->end) &&
           t.p == t.end;
}

static bool is_leap(int64_t year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to 1 January of the year. */
static int64_t days_to_year(int64_t year) {
    int64_t y = year - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

static int64_t month_first_day(int64_t year, int32_t month) {
    static const int32_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    return days_to_year(year) + before[month - 1] + (month > 2 && is_leap(year) ? 1 : 0);
}

static int64_t date_day(const struct rule_date *d, int64_t year) {
    switch (d->kind) {
    case DATE_JULIAN: /* 29 February is never counted */
        return days_to_year(year) + d->day - 1 + (d->day >= 60 && is_leap(year) ? 1 : 0);
    case DATE_DAY:
        return days_to_year(year) + d->day;
    case DATE_MONTH:
        break;
    }
    int64_t first = month_first_day(year, d->month);
    int64_t next = d->month == 12 ? days_to_year(year + 1) : month_first_day(year, d->month + 1);
    int64_t weekday = (first + 4) % 7; /* 1970-01-01 was a Thursday; first is after it */
    int64_t day = first + (d->day - weekday + 7) % 7 + (int64_t)(d->week - 1) * 7;
    return day >= next ? day - 7 : day;
}

/* offset_s: the one in force before the change. */
static int64_t change_us(const struct rule_date *d, int64_t year, int32_t offset_s) {
    return (date_day(d, year) * 86400 + d->time_s - offset_s) * TM_SECOND_US;
}

static int64_t year_of(int64_t t_us) {
    int64_t year = 1970 + t_us / TM_DAY_US / 366;
    while (days_to_year(year + 1) * TM_DAY_US <= t_us) {
        year++;
    }
    return year;
}

/* Appends a change; one that does not come later is left out. */
static void add(struct zone *z, int64_t at_us, int32_t offset_s) {
    if (z->n > 0 && at_us <= z->at_us[z->n - 1]) {
        return;
    }
    z->at_us[z->n] = at_us;
    z->offset_s[z->n] = offset_s;
    z->n++;
}

static void expand(struct zone *z, const struct posix_rule *r) {
    int64_t from_us = z->n > 0 ? z->at_us[z->n - 1] : 0;
    if (!r->has_dst) {
        return; /* the last change of the table has led there */
    }
    int64_t first_year = year_of(from_us < 0 ? 0 : from_us);
    for (int64_t year = first_year; year <= ZONE_LAST_YEAR; year++) {
        int64_t begin_us = change_us(&r->begin, year, r->std_s);
        int64_t end_us = change_us(&r->end, year, r->dst_s);
        if (begin_us < end_us) {
            add(z, begin_us, r->dst_s);
            add(z, end_us, r->std_s);
        } else {
            add(z, end_us, r->std_s);
            add(z, begin_us, r->dst_s);
        }
    }
}

/* --- the file --- */

static enum status find_footer(struct slice s, size_t at, struct slice *ret, struct error *err) {
    *ret = slice_of(NULL, 0);
    if (at >= s.n) {
        return OK;
    }
    if (s.p[at] != '\n') {
        return refuse(err, "its footer does not begin with a new line");
    }
    const char *start = s.p + at + 1;
    const char *end = memchr(start, '\n', s.n - at - 1);
    if (end == NULL || end - start > FOOTER_MAX) {
        return refuse(err, "its footer does not end");
    }
    *ret = slice_of(start, (size_t)(end - start));
    return OK;
}

static enum status read_body(struct zone *z, const char *p, const struct counts *c, size_t time_size,
                             struct error *err) {
    const char *types = p + c->time * time_size;
    const char *infos = types + c->time;
    z->first_offset_s = be32_signed(infos);
    if (z->first_offset_s < -OFFSET_MAX_S || z->first_offset_s > OFFSET_MAX_S) {
        return refuse(err, "an offset is beyond a day");
    }
    for (uint32_t i = 0; i < c->time; i++) {
        uint8_t type = (uint8_t)types[i];
        if (type >= c->type) {
            return refuse(err, "a transition names a type that is not there");
        }
        int32_t offset_s = be32_signed(infos + (size_t)type * TYPE_SIZE);
        if (offset_s < -OFFSET_MAX_S || offset_s > OFFSET_MAX_S) {
            return refuse(err, "an offset is beyond a day");
        }
        const char *at = p + i * time_size;
        int64_t at_s = time_size == 8 ? be64_signed(at) : be32_signed(at);
        /* Some files begin with the big bang. */
        int64_t most_s = days_to_year(ZONE_LAST_YEAR + 1) * 86400;
        if (at_s < -most_s) {
            z->first_offset_s = offset_s;
        } else if (at_s <= most_s) {
            add(z, at_s * TM_SECOND_US, offset_s);
        }
    }
    return OK;
}

enum status zone_read(struct slice tzif, struct arena *arena, struct zone **ret, struct error *err) {
    struct counts c = {0};
    size_t at = 0;
    size_t time_size = 4;
    if (!read_header(tzif, 0, &c)) {
        return refuse(err, "its header cannot be read");
    }
    if (tzif.p[4] >= '2') { /* the block after the first has 64-bit times */
        at = HEADER_SIZE + body_size(&c, 4);
        time_size = 8;
        if (!read_header(tzif, at, &c)) {
            return refuse(err, "its second header cannot be read");
        }
    }
    at += HEADER_SIZE;
    if (body_size(&c, time_size) > tzif.n - at) {
        return refuse(err, "it is cut");
    }
    struct slice footer = {0};
    struct posix_rule rule = {0};
    if (time_size == 8) {
        enum status status = find_footer(tzif, at + body_size(&c, time_size), &footer, err);
        if (status != OK) {
            return status;
        }
        if (footer.n > 0 && !read_rule(footer, &rule)) {
            return refuse(err, "the rule in its footer cannot be read");
        }
    }
    struct zone *z = arena_alloc(arena, 1, sizeof *z);
    size_t room = c.time + 2 * (ZONE_LAST_YEAR - 1970 + 1);
    int64_t *at_us = arena_alloc(arena, room, sizeof *at_us);
    int32_t *offset_s = arena_alloc(arena, room, sizeof *offset_s);
    if (z == NULL || at_us == NULL || offset_s == NULL) {
        return error_set(err, ERR_NOMEM, "zone", "no memory for a time zone of %zu changes", room);
    }
    *z = (struct zone){.at_us = at_us, .offset_s = offset_s};
    enum status status = read_body(z, tzif.p + at, &c, time_size, err);
    if (status != OK) {
        return status;
    }
    expand(z, &rule);
    *ret = z;
    return OK;
}

/* How many changes are at or before t. */
static uint32_t changes_until(const struct zone *z, int64_t t_us) {
    uint32_t low = 0;
    uint32_t high = z->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (z->at_us[mid] <= t_us) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

int32_t zone_offset_s(const struct zone *z, int64_t utc_us) {
    if (z == NULL) {
        return 0;
    }
    uint32_t n = changes_until(z, utc_us);
    return n == 0 ? z->first_offset_s : z->offset_s[n - 1];
}

int64_t zone_next_change_us(const struct zone *z, int64_t utc_us) {
    if (z == NULL) {
        return INT64_MAX;
    }
    uint32_t n = changes_until(z, utc_us);
    return n == z->n ? INT64_MAX : z->at_us[n];
}
