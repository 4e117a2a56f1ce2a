/* Acceptance cases of the alarm system's figures: one `kpi` block in text, run through server/core/kpi.h. The
 * form, line by line; times in s (suffixes s, min, h, d are understood):
 *
 *   period T0 T1
 *   trip T                                   a marked upset (also as an event: T TRIP)
 *   events
 *   T KIND ALARM [PRIO] [hidden] [by=WHO] [src=T]
 *   every STEP from T count K [until T] KIND ALARM …
 *   expect
 *   key=value …
 *
 * KIND is a kind of journal record; those that the figures do not know change nothing. PRIO is critical,
 * high, medium, low or prio=…; without one the alarm keeps the one it had. `hidden` (shelved, suppressed and
 * oos mean the same) marks an occurrence that was not shown; test, notify, ack=none and history mark what
 * does not count at all. ACK without by= is by one and the same person. Events may stand in any order; those
 * of one time keep the order of their lines.
 *
 * Keys: see kpi_case_number and kpi_case_list below. Numbers are equal if they agree to the decimals that are
 * given (at least two). Lists are NAME or NAME:NUMBER with commas, "none" if empty; the numbers may be left
 * out, and a bare number instead of a list means how many. Order counts only in top, floods, live and upset.
 * floods: START-END:COUNT:PEAK. */
#ifndef PENSTOCK_TESTS_KPI_CASE_H
#define PENSTOCK_TESTS_KPI_CASE_H

#include "server/base/buf.h"
#include "server/core/kpi.h"
#include "server/core/kpi_flood.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KPI_CASE_ALARMS = 1024,
    KPI_CASE_PEOPLE = 64,
    KPI_CASE_EVENTS = 200000,
    KPI_CASE_EXPECTS = 128,
    KPI_CASE_TRIPS = 16,
    KPI_CASE_WORDS = 64,
    KPI_CASE_WHY = 512,
};

struct kpi_case {
    char *text; /* the words below point into it */
    const char *names[KPI_CASE_ALARMS];
    uint8_t priorities[KPI_CASE_ALARMS]; /* while the events are sorted */
    uint32_t n_alarms;
    const char *people[KPI_CASE_PEOPLE];
    uint32_t n_people;
    struct kpi_event *events;
    size_t n_events;
    int64_t t0_us;
    int64_t t1_us;
    int64_t trips[KPI_CASE_TRIPS];
    uint32_t n_trips;
    const char *keys[KPI_CASE_EXPECTS];
    const char *values[KPI_CASE_EXPECTS];
    uint32_t n_expects;
    char why[KPI_CASE_WHY]; /* what is wrong with its text */
};

/* What a report says to a key. */
struct kpi_answer {
    bool is_list;
    bool ordered;
    bool is_nothing; /* a number that there is not: "none" */
    double number;   /* of a list: how many */
    struct buf list;
};

/* ---- reading ---- */

static inline bool kpi_case_bad(struct kpi_case *c, const char *what, const char *word) {
    if (c->why[0] == '\0') {
        (void)snprintf(c->why, sizeof c->why, "%s: %s", what, word);
    }
    return false;
}

static inline bool kpi_case_time(const char *word, int64_t *ret_us) {
    static const struct {
        const char *name;
        double s;
    } units[] = {{"", 1}, {"s", 1}, {"min", 60}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    char *end = NULL;
    double number = strtod(word, &end);
    for (size_t i = 0; end != word && isfinite(number) && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].name) == 0) {
            *ret_us = llround(number * units[i].s * 1e6);
            return true;
        }
    }
    return false;
}

static inline bool kpi_case_kind(const char *word, enum kpi_event_kind *ret) {
    static const struct {
        const char *name;
        enum kpi_event_kind kind;
    } kinds[] = {
        {"RAISE", KPI_RAISE},
        {"RERAISE", KPI_RERAISE},
        {"RTN", KPI_RTN},
        {"RETURN", KPI_RTN},
        {"ACK", KPI_ACK},
        {"SHELVE", KPI_SHELVE},
        {"UNSHELVE", KPI_UNSHELVE},
        {"SUPPRESS", KPI_SUPPRESS},
        {"UNSUPPRESS", KPI_UNSUPPRESS},
        {"OOS_ON", KPI_OOS_ON},
        {"OOS", KPI_OOS_ON},
        {"OOS_OFF", KPI_OOS_OFF},
        {"INSERVICE", KPI_OOS_OFF},
        {"DISABLE", KPI_DISABLE},
        {"ENABLE", KPI_ENABLE},
        {"REMOVE", KPI_REMOVE},
        {"REANNOUNCE", KPI_REANNOUNCE},
        {"ESCALATE", KPI_ESCALATE},
        {"PRIO", KPI_PRIO},
    };
    if (!isupper((unsigned char)word[0])) {
        return false;
    }
    *ret = KPI_OTHER;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(word, kinds[i].name) == 0) {
            *ret = kinds[i].kind;
        }
    }
    return true;
}

static inline uint8_t kpi_case_priority(const char *word) {
    static const char *const names[] = {"critical", "high", "medium", "low"};
    const char *name = strncmp(word, "prio=", 5) == 0 ? word + 5 : word;
    for (uint8_t i = 0; i < KPI_PRIORITIES; i++) {
        if (strcmp(name, names[i]) == 0 || (name[0] == '1' + i && name[1] == '\0')) {
            return (uint8_t)(i + 1);
        }
    }
    return 0;
}

/* Index of the name, added if it is new; max if there is no room. */
static inline uint32_t kpi_case_find(const char **names, uint32_t *n, uint32_t max, const char *name) {
    uint32_t i = 0;
    while (i < *n && strcmp(names[i], name) != 0) {
        i++;
    }
    if (i == *n && i < max) {
        names[(*n)++] = name;
    }
    return i;
}

static inline bool kpi_case_is_one_of(const char *word, const char *list) {
    size_t n = strlen(word);
    for (const char *p = list; n > 0 && *p != '\0'; p += strcspn(p, " "), p += strspn(p, " ")) {
        if (strcspn(p, " ") == n && strncmp(p, word, n) == 0) {
            return true;
        }
    }
    return false;
}

struct kpi_case_every {
    int64_t step_us;
    int64_t count;
    int64_t until_us;
};

/* The words behind the kind. *ret_counts: false if it is no alarm of a person. */
static inline bool kpi_case_details(struct kpi_case *c, char **word, uint32_t n, struct kpi_event *e,
                                    bool *ret_counts) {
    *ret_counts = true;
    for (uint32_t i = 0; i < n; i++) {
        if (kpi_case_priority(word[i]) != 0) {
            e->priority = kpi_case_priority(word[i]);
        } else if (kpi_case_is_one_of(word[i],
                                      "hidden hidden=1 hidden=yes shelved suppressed oos disabled")) {
            e->hidden = true;
        } else if (kpi_case_is_one_of(word[i], "test notify ack=none history")) {
            *ret_counts = false;
        } else if (strncmp(word[i], "by=", 3) == 0) {
            e->actor_key = 1 + (int64_t)kpi_case_find(c->people, &c->n_people, KPI_CASE_PEOPLE, word[i] + 3);
        } else if (strncmp(word[i], "src=", 4) == 0) {
            (void)kpi_case_time(word[i] + 4, &e->src_us); /* a suppressor's name is also written src= */
        } else if (strchr(word[i], '=') == NULL) {
            return kpi_case_bad(c, "unknown word of an event", word[i]);
        }
    }
    return true;
}

/* word[0] is the kind. */
static inline bool kpi_case_event(struct kpi_case *c, char **word, uint32_t n, int64_t at_us,
                                  struct kpi_case_every every) {
    struct kpi_event e = {.at_us = at_us, .src_us = at_us, .actor_key = 1};
    if (n == 0 || !kpi_case_kind(word[0], &e.kind)) {
        return kpi_case_bad(c, "not a kind of event", n == 0 ? "" : word[0]);
    }
    if (kpi_case_is_one_of(word[0], "TRIP UPSET")) {
        if (c->n_trips == KPI_CASE_TRIPS) {
            return kpi_case_bad(c, "too many trips", word[0]);
        }
        c->trips[c->n_trips++] = at_us;
        return true;
    }
    if (n < 2) {
        return kpi_case_bad(c, "no alarm is named", word[0]);
    }
    bool counts = false;
    e.alarm = kpi_case_find(c->names, &c->n_alarms, KPI_CASE_ALARMS, word[1]);
    if (e.alarm == KPI_CASE_ALARMS) {
        return kpi_case_bad(c, "too many alarms", word[1]);
    }
    if (!kpi_case_details(c, word + 2, n - 2, &e, &counts)) {
        return false;
    }
    for (int64_t i = 0; counts && i < every.count && e.at_us <= every.until_us; i++) {
        if (c->n_events == KPI_CASE_EVENTS) {
            return kpi_case_bad(c, "too many events", word[1]);
        }
        c->events[c->n_events++] = e;
        e.at_us += every.step_us;
        e.src_us += every.step_us;
    }
    return true;
}

static inline bool kpi_case_every(struct kpi_case *c, char **word, uint32_t n) {
    struct kpi_case_every every = {.count = INT64_MAX, .until_us = INT64_MAX};
    int64_t from_us = 0;
    uint32_t i = 0;
    bool bounded = false;
    for (; i + 1 < n && !isupper((unsigned char)word[i][0]); i += 2) {
        bool good = true;
        if (strcmp(word[i], "count") == 0) {
            every.count = strtoll(word[i + 1], NULL, 10);
            bounded = true;
        } else if (strcmp(word[i], "every") == 0) {
            good = kpi_case_time(word[i + 1], &every.step_us);
        } else if (strcmp(word[i], "from") == 0) {
            good = kpi_case_time(word[i + 1], &from_us);
        } else {
            good = kpi_case_is_one_of(word[i], "until to") && kpi_case_time(word[i + 1], &every.until_us);
            bounded = bounded || every.step_us > 0;
        }
        if (!good) {
            return kpi_case_bad(c, "unknown word of every", word[i]);
        }
    }
    if (!bounded) {
        return kpi_case_bad(c, "every without an end", word[0]);
    }
    return kpi_case_event(c, word + i, n - i, from_us, every);
}

static inline bool kpi_case_expect(struct kpi_case *c, char **word, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        char *equals = strchr(word[i], '=');
        if (equals == NULL || c->n_expects == KPI_CASE_EXPECTS) {
            return kpi_case_bad(c, "not key=value", word[i]);
        }
        *equals = '\0';
        c->keys[c->n_expects] = word[i];
        c->values[c->n_expects++] = equals + 1;
    }
    return true;
}

static inline bool kpi_case_line(struct kpi_case *c, char **word, uint32_t n, const char **part) {
    int64_t at_us = 0;
    if (n == 1 && kpi_case_is_one_of(word[0], "events expect")) {
        *part = word[0];
        return true;
    }
    if (strcmp(*part, "expect") == 0) {
        return kpi_case_expect(c, word, n);
    }
    if (n == 3 && strcmp(word[0], "period") == 0) {
        return (kpi_case_time(word[1], &c->t0_us) && kpi_case_time(word[2], &c->t1_us)) ||
               kpi_case_bad(c, "not a period", word[1]);
    }
    if (n >= 2 && kpi_case_is_one_of(word[0], "trip upset") && kpi_case_time(word[1], &at_us)) {
        char trip[] = "TRIP";
        char *as_event[] = {trip};
        return kpi_case_event(c, as_event, 1, at_us, (struct kpi_case_every){.count = 1});
    }
    if (strcmp(word[0], "every") == 0) {
        return kpi_case_every(c, word, n);
    }
    if (!kpi_case_time(word[0], &at_us)) {
        return kpi_case_bad(c, "not a line of a case", word[0]);
    }
    return kpi_case_event(c, word + 1, n - 1, at_us,
                          (struct kpi_case_every){.count = 1, .until_us = INT64_MAX});
}

/* Stable: insertion of what is mostly sorted would be slow for merged series, so a merge sort. */
static inline void kpi_case_sort(struct kpi_event *v, struct kpi_event *spare, size_t n) {
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t from = 0; from < n; from += 2 * width) {
            size_t middle = from + width < n ? from + width : n;
            size_t to = middle + width < n ? middle + width : n;
            size_t a = from;
            size_t b = middle;
            for (size_t k = from; k < to; k++) {
                bool left = a < middle && (b >= to || v[a].at_us <= v[b].at_us);
                spare[k] = left ? v[a++] : v[b++];
            }
        }
        memcpy(v, spare, n * sizeof *v);
    }
}

static inline void kpi_case_free(struct kpi_case **c) {
    if (*c != NULL) {
        free((*c)->text);
        free((*c)->events);
        free(*c);
    }
    *c = NULL;
}

/* Never NULL; ->why is not empty if the text is no case. */
static inline struct kpi_case *kpi_case_read(const char *body) {
    struct kpi_case *c = calloc(1, sizeof *c);
    struct kpi_event *events = calloc(2 * (size_t)KPI_CASE_EVENTS, sizeof *events);
    char *text = strdup(body);
    if (c == NULL || events == NULL || text == NULL) {
        abort();
    }
    c->text = text;
    c->events = events;
    (void)kpi_case_find(c->people, &c->n_people, KPI_CASE_PEOPLE, ""); /* who acknowledges without by= */
    const char *part = "head";
    bool good = true;
    for (char *line = text, *next = NULL; good && line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        char *word[KPI_CASE_WORDS];
        uint32_t n = 0;
        line[strcspn(line, "#")] = '\0';
        for (char *p = line + strspn(line, " \t\r"); *p != '\0' && n < KPI_CASE_WORDS;) {
            word[n++] = p;
            p += strcspn(p, " \t\r");
            if (*p != '\0') {
                *p++ = '\0';
            }
            p += strspn(p, " \t\r");
        }
        good = n == 0 || kpi_case_line(c, word, n, &part);
    }
    if (good && c->t1_us < c->t0_us) {
        (void)kpi_case_bad(c, "the period ends before it begins", "");
    }
    kpi_case_sort(c->events, c->events + KPI_CASE_EVENTS, c->n_events);
    for (size_t i = 0; i < c->n_events; i++) {
        struct kpi_event *e = &c->events[i];
        e->priority = e->priority != 0 ? e->priority : c->priorities[e->alarm];
        c->priorities[e->alarm] = e->priority;
    }
    return c;
}

static inline struct kpi_input kpi_case_input(const struct kpi_case *c) {
    return (struct kpi_input){
        .events = c->events,
        .n_events = c->n_events,
        .names = c->names,
        .n_alarms = c->n_alarms,
        .t0_us = c->t0_us,
        .t1_us = c->t1_us,
        .trips = c->trips,
        .n_trips = c->n_trips,
        .settings = kpi_defaults(),
    };
}

/* The next block ```kpi of a page from *cursor on, which is moved behind it: its body in fresh memory, and
 * its heading. NULL behind the last. */
static inline char *kpi_case_next(const char **cursor, char *ret_title, size_t size) {
    const char *fence = strstr(*cursor, "```kpi\n");
    const char *end = fence == NULL ? NULL : strstr(fence + 7, "\n```");
    if (end == NULL) {
        return NULL;
    }
    const char *title = "";
    for (const char *p = *cursor; (p = strstr(p, "#### ")) != NULL && p < fence; p += 5) {
        title = p + 5;
    }
    (void)snprintf(ret_title, size, "%.*s", (int)strcspn(title, "\n"), title);
    *cursor = end + 4;
    return strndup(fence + 7, (size_t)(end - fence - 6));
}

/* ---- answering ---- */

static inline double kpi_case_s(int64_t us) {
    return (double)us / 1e6;
}

static inline void kpi_case_item(struct kpi_answer *a, const char *name, double number) {
    buf_printf(&a->list, "%s%s:%.10g", a->list.n > 0 ? "," : "", name, number);
}

/* A share, a count or a mean. */
static inline bool kpi_case_number(const struct kpi_report *r, const char *key, double *ret) {
    double length_us = (double)(r->t1_us - r->t0_us);
    const struct {
        const char *keys;
        double number;
    } rows[] = {
        {"n alarms annunciations count total", r->n},
        {"bins n_bins", r->n_bins},
        {"mean10 mean_10 mean_10min mean rate10 rate_10min per10 per_10min", r->mean_bin},
        {"mean_hour mean_h per_hour rate_hour mean_per_hour", r->mean_hour},
        {"mean_day mean_d per_day rate_day mean_per_day", r->mean_day},
        {"peak10 peak peak_10 peak_10min", r->peak},
        {"bins_gt10 n_bins_gt10 overloaded", r->n_bins_over},
        {"pct_bins_gt10 bins_gt10_pct overloaded_pct", kpi_pct(r->n_bins_over, r->n_bins)},
        {"flood_count n_floods floods_count floods_n", r->n_floods},
        {"flood_pct floods_pct flood_time_pct pct_flood pct_time_flood", kpi_pct(r->flood_us, length_us)},
        {"flood_s flood_duration flood_time flood_total_s", r->flood_us / 1e6},
        {"top10_pct top_pct", kpi_pct(r->n_top, r->n)},
        {"top10_n", r->n_top},
        {"rtn_unacked_pct returned_unacked_pct", kpi_pct(r->returned_unacked, r->returned)},
        {"rtn_unacked rtn_unacked_n returned_unacked", r->returned_unacked},
        {"rtn rtn_n returned", r->returned},
        {"rubber_stamp_pct rubber_pct stamp_pct rubberstamp_pct ack_rubber_pct", kpi_pct(r->stamps, r->acks)},
        {"rubber_stamp rubber_stamps rubber_stamp_n stamps rubber", r->stamps},
        {"acks n_acks ack_n", r->acks},
        {"standing_mean standing_avg mean_standing", r->standing_mean},
        {"stale_worst stale_worst_day stale_max stale_worst_n", r->stale_worst},
        {"stale_worst_from stale_worst_at", kpi_case_s(r->stale_worst_us)},
        {"reannounce reannounced reannouncements n_reannounce", r->reannounced},
        {"escalate escalated escalations n_escalate", r->escalated},
        {"prio_raised prio n_prio", r->priority_raised},
        {"leave leaves came_back n_leave", r->came_back},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (kpi_case_is_one_of(key, rows[i].keys)) {
            *ret = rows[i].number;
            return true;
        }
    }
    return false;
}

/* prio_low, prio_low_n; tta_p50, tta_p95_high, tta_high_p95, tta_n_low, in s. */
static inline bool kpi_case_by_priority(const struct kpi_report *r, const char *key, struct kpi_answer *ret) {
    char word[5][24] = {{0}};
    uint32_t n = 0;
    uint8_t priority = KPI_ALL;
    bool count = false;
    int64_t rank = 0;
    for (const char *p = key; *p != '\0' && n < 5; n++) {
        size_t length = strcspn(p, "_");
        (void)snprintf(word[n], sizeof word[n], "%.*s", (int)length, p);
        p += length + (p[length] == '_');
        priority = kpi_case_priority(word[n]) != 0 ? kpi_case_priority(word[n]) : priority;
        count = count || strcmp(word[n], "n") == 0 || strcmp(word[n], "count") == 0;
        rank = strcmp(word[n], "p50") == 0 || strcmp(word[n], "median") == 0 ? 50 : rank;
        rank = strcmp(word[n], "p95") == 0 ? 95 : rank;
    }
    if (kpi_case_is_one_of(word[0], "prio priority n") && priority != KPI_ALL && rank == 0) {
        ret->number = count ? r->n_priority[priority] : kpi_pct(r->n_priority[priority], r->n);
        return true;
    }
    if (!kpi_case_is_one_of(word[0], "tta ack acked time p50 p95") || (rank == 0 && !count)) {
        return false;
    }
    const struct kpi_ack_time *t = &r->ack_time[priority];
    ret->is_nothing = rank != 0 && t->n == 0;
    ret->number = rank == 0 ? t->n : kpi_case_s(rank == 50 ? t->p50_us : t->p95_us);
    return true;
}

/* shelved, suppressed, oos, disabled: KEY, KEY_now, KEY_end (list), KEY_n (list, times), KEY_hours (or _h),
 * KEY_s, KEY_longest (s), KEY_longest_h. */
static inline bool kpi_case_held(const struct kpi_case *c, const struct kpi_report *r, const char *key,
                                 struct kpi_answer *ret) {
    static const struct {
        const char *prefix;
        enum kpi_held_kind kind;
    } prefixes[] = {{"shelved", KPI_SHELVED},       {"shelve", KPI_SHELVED},
                    {"suppressed", KPI_SUPPRESSED}, {"out_of_service", KPI_OUT_OF_SERVICE},
                    {"oos", KPI_OUT_OF_SERVICE},    {"disabled", KPI_DISABLED}};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t n = strlen(prefixes[i].prefix);
        if (strncmp(key, prefixes[i].prefix, n) != 0 || (key[n] != '\0' && key[n] != '_')) {
            continue;
        }
        const struct kpi_held *all = &r->held[prefixes[i].kind];
        const char *what = key[n] == '\0' ? "now" : key + n + 1;
        bool now = kpi_case_is_one_of(what, "now end at_end");
        bool times = kpi_case_is_one_of(what, "n count times often");
        if (now || times) {
            ret->is_list = true;
            ret->number = now ? all->now : all->n;
            for (uint32_t k = 0; k < r->n_alarms; k++) {
                const struct kpi_held *h = &r->alarms[r->by_name[k]].held[prefixes[i].kind];
                if ((now ? h->now : h->n) > 0) {
                    kpi_case_item(ret, c->names[r->by_name[k]], now ? h->now : h->n);
                }
            }
            return true;
        }
        ret->number = kpi_case_is_one_of(what, "hours h total_h")     ? all->total_us / 3600e6
                      : kpi_case_is_one_of(what, "s seconds total_s") ? all->total_us / 1e6
                      : kpi_case_is_one_of(what, "longest longest_s") ? kpi_case_s(all->longest_us)
                      : kpi_case_is_one_of(what, "longest_h longest_hours")
                          ? kpi_case_s(all->longest_us) / 3600
                          : NAN;
        return !isnan(ret->number);
    }
    return false;
}

static inline double kpi_case_alarm_figure(const struct kpi_alarm *a, const char *key) {
    if (kpi_case_is_one_of(key, "chattering chatter")) {
        return a->chatters;
    }
    if (kpi_case_is_one_of(key, "fleeting")) {
        return a->fleeting;
    }
    if (kpi_case_is_one_of(key, "stale stale_end stale_now")) {
        return a->stale;
    }
    if (kpi_case_is_one_of(key, "standing standing_end standing_now")) {
        return a->standing;
    }
    if (kpi_case_is_one_of(key, "psi chatter_index psi_over psi_ge psi_chattering")) {
        return a->psi;
    }
    if (kpi_case_is_one_of(key, "mean_active active_mean mean_active_s")) {
        return a->mean_active_s;
    }
    return NAN;
}

/* A figure of each alarm (those at 0 are left out), or of one: psi_NAME. */
static inline bool kpi_case_per_alarm(const struct kpi_case *c, const struct kpi_report *r, const char *key,
                                      struct kpi_answer *ret) {
    bool over = kpi_case_is_one_of(key, "psi_over psi_ge psi_chattering");
    for (uint32_t k = 0; k < r->n_alarms; k++) {
        uint32_t i = r->by_name[k];
        const char *at = strstr(key, c->names[i]);
        char figure[64];
        (void)snprintf(figure, sizeof figure, "%.*s", at == NULL ? 0 : (int)(at - key), key);
        if (at > key && strcmp(at, c->names[i]) == 0 && at[-1] == '_') {
            figure[at - key - 1] = '\0';
            ret->number = kpi_case_alarm_figure(&r->alarms[i], figure);
            if (!isnan(ret->number)) {
                return true;
            }
        }
    }
    ret->is_list = true;
    ret->number = 0;
    for (uint32_t k = 0; k < r->n_alarms; k++) {
        double number = kpi_case_alarm_figure(&r->alarms[r->by_name[k]], key);
        if (number > (over ? 0.05 - 1e-9 : 0)) {
            kpi_case_item(ret, c->names[r->by_name[k]], number);
            ret->number += 1;
        }
    }
    return !isnan(kpi_case_alarm_figure(&(struct kpi_alarm){0}, key));
}

/* From on to off of each time that the live banner shows. */
static inline void kpi_case_live(const struct kpi_case *c, struct kpi_answer *ret, double *ret_on,
                                 double *ret_off) {
    struct kpi_flood_live f;
    kpi_flood_init(&f);
    double on = 0;
    *ret_on = NAN;
    *ret_off = NAN;
    for (size_t i = 0; i <= c->n_events; i++) {
        bool last = i == c->n_events || c->events[i].at_us >= c->t1_us;
        const struct kpi_event *e = &c->events[i < c->n_events ? i : 0];
        bool counts =
            !last && (e->kind == KPI_RAISE || e->kind == KPI_RERAISE) && !e->hidden && e->at_us >= c->t0_us;
        bool was = f.flood;
        bool changed = last ? kpi_flood_advance(&f, c->t1_us) : counts && kpi_flood_add(&f, e->at_us);
        if (changed && !was) {
            on = kpi_case_s(f.since_us);
            *ret_on = isnan(*ret_on) ? on : *ret_on;
        }
        if ((changed && was) || (last && f.flood)) {
            double off = f.flood ? kpi_case_s(c->t1_us) : kpi_case_s(f.since_us);
            char span[64];
            (void)snprintf(span, sizeof span, "%.10g-%.10g", on, off);
            kpi_case_item(ret, span, 1);
            ret->number += 1;
            *ret_off = isnan(*ret_off) && !f.flood ? off : *ret_off;
        }
        if (last) {
            break;
        }
    }
}

/* Lists whose order counts. */
static inline bool kpi_case_list(const struct kpi_case *c, const struct kpi_report *r, const char *key,
                                 struct kpi_answer *ret) {
    char *end = NULL;
    uint64_t top = strncmp(key, "top", 3) == 0 ? strtoull(key + 3, &end, 10) : 0;
    ret->is_list = true;
    ret->ordered = true;
    if (end != NULL && *end == '\0') {
        top = top == 0 ? KPI_TOP : top;
        for (uint32_t i = 0; i < r->n_alarms && i < top && r->alarms[r->by_count[i]].n > 0; i++) {
            kpi_case_item(ret, c->names[r->by_count[i]], r->alarms[r->by_count[i]].n);
            ret->number += 1;
        }
        return true;
    }
    if (kpi_case_is_one_of(key, "floods flood")) {
        ret->number = r->n_floods;
        for (uint32_t i = 0; i < r->n_floods; i++) {
            const struct kpi_flood *f = &r->floods[i];
            buf_printf(&ret->list, "%s%.10g-%.10g:%u:%u", i > 0 ? "," : "", kpi_case_s(f->from_us),
                       kpi_case_s(f->to_us), f->n, f->peak);
        }
        return true;
    }
    if (kpi_case_is_one_of(key,
                           "upset after_upset trip after_trip first10 first_10min first10min upset_10min")) {
        ret->is_list = r->n_trips != 1;
        ret->number = r->n_trips == 1 ? r->after_trip[0] : r->n_trips;
        for (uint32_t i = 0; i < r->n_trips; i++) {
            buf_printf(&ret->list, "%s%u", i > 0 ? "," : "", r->after_trip[i]);
        }
        return true;
    }
    double on = 0;
    double off = 0;
    if (kpi_case_is_one_of(key, "live live_floods flood_live floods_live banner")) {
        kpi_case_live(c, ret, &on, &off);
        return true;
    }
    if (kpi_case_is_one_of(key, "flood_on flood_off live_on live_off banner_on banner_off")) {
        kpi_case_live(c, ret, &on, &off);
        ret->is_list = false;
        ret->number = strstr(key, "_on") != NULL ? on : off;
        ret->is_nothing = isnan(ret->number);
        return true;
    }
    ret->is_list = false;
    ret->ordered = false;
    return false;
}

/* Of the floods: their sum or most (flood_alarms, flood_peak), the first one's ends (flood_start, flood_end).
 */
static inline bool kpi_case_flood(const struct kpi_report *r, const char *key, struct kpi_answer *ret) {
    uint32_t n = 0;
    uint32_t peak = 0;
    for (uint32_t i = 0; i < r->n_floods; i++) {
        n += r->floods[i].n;
        peak = r->floods[i].peak > peak ? r->floods[i].peak : peak;
    }
    if (kpi_case_is_one_of(key, "flood_alarms flood_n")) {
        ret->number = n;
    } else if (strcmp(key, "flood_peak") == 0) {
        ret->number = peak;
    } else if (kpi_case_is_one_of(key, "flood_start flood_from flood_end flood_to")) {
        bool start = kpi_case_is_one_of(key, "flood_start flood_from");
        ret->is_nothing = r->n_floods == 0;
        ret->number = r->n_floods == 0 ? 0 : kpi_case_s(start ? r->floods[0].from_us : r->floods[0].to_us);
    } else {
        return false;
    }
    return true;
}

static inline bool kpi_case_answer(const struct kpi_case *c, const struct kpi_report *r, const char *key,
                                   struct kpi_answer *ret) {
    return kpi_case_number(r, key, &ret->number) || kpi_case_list(c, r, key, ret) ||
           kpi_case_flood(r, key, ret) || kpi_case_by_priority(r, key, ret) ||
           kpi_case_held(c, r, key, ret) || kpi_case_per_alarm(c, r, key, ret);
}

/* ---- comparing ---- */

static inline bool kpi_case_is_none(const char *text) {
    return kpi_case_is_one_of(text, "none - nan NaN") || text[0] == '\0';
}

static inline bool kpi_case_same_number(const char *expected, double number) {
    char *end = NULL;
    double value = strtod(expected, &end);
    if (end == expected || !(*end == '\0' || strcmp(end, "%") == 0 || strcmp(end, "s") == 0)) {
        return false;
    }
    const char *point = strchr(expected, '.');
    size_t decimals = point == NULL ? 0 : strspn(point + 1, "0123456789");
    double tolerance = 0.5 * pow(10, -(double)(decimals > 2 ? decimals : 2));
    return fabs(value - number) <= tolerance + 1e-9;
}

/* "600..1800" is "600-1800"; fields behind ':' may be fewer than there are. */
static inline bool kpi_case_same_item(const char *expected, size_t n_expected, const char *actual,
                                      size_t n_actual) {
    char e[256];
    char a[256];
    (void)snprintf(e, sizeof e, "%.*s", (int)n_expected, expected);
    (void)snprintf(a, sizeof a, "%.*s", (int)n_actual, actual);
    char *dots = strstr(e, "..");
    if (dots != NULL) {
        dots[0] = '-';
        memmove(dots + 1, dots + 2, strlen(dots + 2) + 1);
    }
    size_t name_e = strcspn(e, ":");
    size_t name_a = strcspn(a, ":");
    if (name_e != name_a || memcmp(e, a, name_e) != 0) {
        return false;
    }
    char *p = e + name_e;
    char *q = a + name_a;
    while (*p == ':' && *q == ':') {
        p++;
        q++;
        size_t field = strcspn(p, ":");
        char rest = p[field];
        p[field] = '\0';
        if (!kpi_case_same_number(p, strtod(q, NULL))) {
            return false;
        }
        p[field] = rest;
        p += field;
        q += strcspn(q, ":");
    }
    return *p == '\0';
}

static inline bool kpi_case_same_list(const char *expected, const char *actual, bool ordered) {
    bool used[KPI_CASE_ALARMS] = {false};
    uint32_t n_expected = 0;
    uint32_t n_actual = 0;
    for (const char *q = actual; *q != '\0';
         q += q[strcspn(q, ",")] == ',' ? strcspn(q, ",") + 1 : strlen(q)) {
        n_actual++;
    }
    for (const char *p = expected; *p != '\0';) {
        size_t n = strcspn(p, ",");
        bool found = false;
        uint32_t place = 0;
        for (const char *q = actual; *q != '\0' && !found && place < KPI_CASE_ALARMS; place++) {
            size_t m = strcspn(q, ",");
            if (!used[place] && (!ordered || place == n_expected) && kpi_case_same_item(p, n, q, m)) {
                used[place] = true;
                found = true;
            }
            q += m + (q[m] == ',');
        }
        if (!found) {
            return false;
        }
        n_expected++;
        p += n + (p[n] == ',');
    }
    return n_expected == n_actual;
}

/* Compares one answer; what it is goes to ret_actual. */
static inline bool kpi_case_same(const char *expected, const struct kpi_answer *a, char *ret_actual,
                                 size_t size) {
    if (!a->is_list) {
        (void)snprintf(ret_actual, size, a->is_nothing ? "none" : "%.10g", a->number);
        return kpi_case_is_none(expected) ? a->is_nothing
                                          : !a->is_nothing && kpi_case_same_number(expected, a->number);
    }
    (void)snprintf(ret_actual, size, "%.*s", (int)(a->list.n > 0 ? a->list.n : 4),
                   a->list.n > 0 ? (const char *)a->list.p : "none");
    char *end = NULL;
    (void)strtod(expected, &end);
    if (kpi_case_is_none(expected)) {
        return a->list.n == 0;
    }
    if (*end == '\0') {
        return kpi_case_same_number(expected, a->number);
    }
    char *list = strndup((const char *)a->list.p, a->list.n);
    bool same = list != NULL && kpi_case_same_list(expected, a->list.n == 0 ? "" : list, a->ordered);
    free(list);
    return same;
}

static inline bool kpi_case_compare(const struct kpi_case *c, const struct kpi_report *r, char *why,
                                    size_t size) {
    for (uint32_t i = 0; i < c->n_expects; i++) {
        struct kpi_answer a = {0};
        char actual[KPI_CASE_WHY];
        buf_init(&a.list, 1 << 20);
        bool known = kpi_case_answer(c, r, c->keys[i], &a);
        bool same = known && kpi_case_same(c->values[i], &a, actual, sizeof actual);
        buf_done(&a.list);
        if (!known) {
            (void)snprintf(why, size, "%s: is no figure", c->keys[i]);
        } else if (!same) {
            (void)snprintf(why, size, "%s: is %.*s, expected %s", c->keys[i], 300, actual, c->values[i]);
        }
        if (!same) {
            return false;
        }
    }
    return true;
}

/* Runs the body of one block. False: *why is the first difference, or what is wrong with the text. */
static inline bool kpi_case_run(const char *body, char *why, size_t size) {
    struct kpi_case *c = kpi_case_read(body);
    struct kpi_input in = kpi_case_input(c);
    struct kpi_report *r = NULL;
    struct error err = {0};
    bool good = false;
    if (c->why[0] != '\0') {
        (void)snprintf(why, size, "%s", c->why);
    } else if (kpi_report_new(&in, &r, &err) != OK) {
        (void)snprintf(why, size, "%.100s: %.300s", err.where, err.text);
    } else {
        good = kpi_case_compare(c, r, why, size);
    }
    kpi_report_free(&r);
    kpi_case_free(&c);
    return good;
}

#endif
