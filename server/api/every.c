#include "server/api/every.h"

#include "server/base/tm.h"

#include <stdlib.h>

/* How far it is to the next border: width_us, or by the calendar if that is 0. */
struct step {
    const struct calendar *calendar;
    enum calendar_unit unit;
    int64_t width_us;
};

/* "15m": a number of a unit. */
static bool read_width(struct slice text, struct step *s) {
    static const struct {
        char letter;
        int64_t us;
    } units[] = {{'s', TM_SECOND_US}, {'m', TM_MINUTE_US}, {'h', TM_HOUR_US}};
    if (text.n < 2) {
        return false;
    }
    int64_t n = http_parse_length(slice_of(text.p, text.n - 1));
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (units[i].letter == text.p[text.n - 1] && n > 0 && n <= INT64_MAX / 4 / units[i].us) {
            s->width_us = n * units[i].us;
            return true;
        }
    }
    return false;
}

static bool read_unit(struct slice text, struct step *s) {
    static const struct {
        const char *word;
        enum calendar_unit unit;
    } words[] = {{"1d", CALENDAR_DAY},  {"1w", CALENDAR_WEEK},     {"1mo", CALENDAR_MONTH},
                 {"1y", CALENDAR_YEAR}, {"shift", CALENDAR_SHIFT}, {"tariff", CALENDAR_TARIFF}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (slice_is(text, words[i].word)) {
            s->unit = words[i].unit;
            return true;
        }
    }
    return false;
}

static bool check_calendar(struct http_request *r, const struct step *s) {
    if (s->width_us > 0) {
        return true;
    }
    if (s->calendar == NULL) {
        http_problem(r, 400, "query",
                     "every: the tags are of several sites, each with its own clock; ask for those of one "
                     "site, or for "
                     "a number of s, m or h");
        return false;
    }
    bool none = (s->unit == CALENDAR_SHIFT && s->calendar->n_shifts == 0) ||
                (s->unit == CALENDAR_TARIFF && s->calendar->n_bands == 0);
    if (none) {
        http_problem(r, 400, "query", "every: the tags' site has no %s; configure them first",
                     s->unit == CALENDAR_SHIFT ? "shifts" : "tariffs");
    }
    return !none;
}

static int64_t next_edge(const struct step *s, int64_t t_us) {
    if (s->width_us > 0) {
        return t_us > INT64_MAX - s->width_us ? INT64_MAX : t_us + s->width_us;
    }
    return calendar_next_us(s->calendar, s->unit, t_us);
}

static uint32_t name_at(const struct step *s, int64_t t_us) {
    return s->unit == CALENDAR_SHIFT ? calendar_shift(s->calendar, t_us) : calendar_band(s->calendar, t_us);
}

static bool fill(struct http_request *r, const struct step *s, int64_t from_us, int64_t to_us, uint32_t max,
                 struct every *e) {
    int64_t at_us = from_us;
    e->named = s->width_us == 0 && (s->unit == CALENDAR_SHIFT || s->unit == CALENDAR_TARIFF);
    for (; at_us < to_us && e->n < max; at_us = next_edge(s, at_us)) {
        e->names[e->n] = e->named ? name_at(s, at_us) : CALENDAR_NONE;
        e->edges[e->n++] = at_us;
    }
    if (at_us < to_us) {
        http_problem(r, 400, "query", "every: these would be more than %u intervals; ask for longer ones",
                     max);
        return false;
    }
    e->edges[e->n++] = to_us;
    return true;
}

bool every_read(struct http_request *r, const struct calendar *calendar, int64_t from_us, int64_t to_us,
                uint32_t max, struct every *ret) {
    struct slice text = {0};
    struct step s = {.calendar = calendar};
    if (!http_param(r, "every", &text) || !(read_unit(text, &s) || read_width(text, &s))) {
        http_problem(r, 400, "query",
                     "every is the length of an interval: a number of s, m or h, as in 15m, or 1d, 1w, 1mo, "
                     "1y, shift, "
                     "tariff");
        return false;
    }
    if (!check_calendar(r, &s)) {
        return false;
    }
    struct every e = {.edges = calloc(max + 1, sizeof *e.edges), .names = calloc(max, sizeof *e.names)};
    if (e.edges == NULL || e.names == NULL) {
        every_done(&e);
        http_failed(r, ERR_NOMEM, NULL);
        return false;
    }
    if (!fill(r, &s, from_us, to_us, max, &e)) {
        every_done(&e);
        return false;
    }
    *ret = e;
    return true;
}

void every_done(struct every *e) {
    free(e->edges);
    free(e->names);
    *e = (struct every){.n = 0};
}
