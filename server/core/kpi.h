/* How well the alarm system serves its operators (IEC 62682, ISA-18.2: monitoring and assessment): figures of
 * one operator position over a period, from the events of its alarms. migrations/0005_alarm_kpi.sql computes
 * the same from the journal; the two are compared with each other in the tests.
 *
 * What counts. An annunciation is a RAISE or RERAISE in [t0, t1) that was not hidden (shelved, suppressed,
 * out of service, disabled). What a person need not acknowledge (ack=none), history and tests are no alarms:
 * the caller leaves their events out. Re-announcements, escalations, rises of priority and returns from
 * hiding are reported beside. Events before t0 make the state in which the period begins, and nothing else;
 * what happens from t1 on is not known. Times are the room's (at_us) but for mean_active, which is the
 * process's (src_us).
 *
 * Pure: no clock, no I/O. kpi_report_new allocates once for each report; kpi_report_free gives it back. */
#ifndef PENSTOCK_CORE_KPI_H
#define PENSTOCK_CORE_KPI_H

#include "server/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kpi_event_kind {
    KPI_RAISE,
    KPI_RERAISE,
    KPI_RTN,
    KPI_ACK,
    KPI_SHELVE,
    KPI_UNSHELVE,
    KPI_SUPPRESS,   /* one more source */
    KPI_UNSUPPRESS, /* one source less */
    KPI_OOS_ON,
    KPI_OOS_OFF,
    KPI_DISABLE, /* ends the occurrence, the shelf and all suppression */
    KPI_ENABLE,
    KPI_REMOVE, /* ends everything */
    KPI_REANNOUNCE,
    KPI_ESCALATE,
    KPI_PRIO,
    KPI_OTHER, /* changes nothing here: confirmation, reset, comment, quality */
};

struct kpi_event {
    int64_t at_us;     /* when the room knew */
    int64_t src_us;    /* when it happened at the source */
    int64_t actor_key; /* who; 0 is no person */
    uint32_t alarm;    /* index into the names */
    uint8_t priority;  /* after the event, 1 to 4; 0: as before */
    bool hidden; /* after the event the alarm is shown as shelved, suppressed, out of service or disabled */
    enum kpi_event_kind kind;
};

enum {
    KPI_PRIORITIES = 4,
    KPI_ALL = 0, /* index of all priorities together; the others are their number, 1 critical to 4 low */
    KPI_TOP = 10,
    KPI_CHATTER_COUNT = 3, /* so many annunciations within chatter_us */
    KPI_BINS_MAX = 10000000,
};

struct kpi_settings {
    int64_t bin_us;          /* 10 min, aligned to t0; the last one may be shorter */
    uint32_t flood_on;       /* a bin with more begins a flood: 10 */
    uint32_t flood_off;      /* the first following bin with fewer ends it: 5 */
    int64_t upset_us;        /* annunciations so long after a trip: 10 min */
    int64_t chatter_us;      /* 60 s, itself included */
    double psi_cutoff;       /* chatter index from which an alarm chatters: 0.05, three a minute */
    int64_t fleeting_us;     /* active for less: 10 s */
    int64_t fleeting_gap_us; /* and no other occurrence so near, itself included: 60 s */
    int64_t stale_us;        /* active without a break for more: 24 h */
    int64_t stamp_us;        /* acknowledged in less: 2 s */
    uint32_t stamp_many;     /* or more than so many by one person: 5 */
    int64_t stamp_many_us;   /* within so long, itself included: 10 s */
};

struct kpi_settings kpi_defaults(void);

struct kpi_input {
    const struct kpi_event *events; /* at_us never falls */
    size_t n_events;
    const char *const *names; /* of alarms, each different */
    uint32_t n_alarms;
    int64_t t0_us; /* the period [t0, t1) */
    int64_t t1_us;
    const int64_t *trips; /* marked upsets */
    size_t n_trips;
    struct kpi_settings settings;
};

enum kpi_held_kind { KPI_SHELVED, KPI_SUPPRESSED, KPI_OUT_OF_SERVICE, KPI_DISABLED };
enum { KPI_HELD_KINDS = KPI_DISABLED + 1 };

/* One way of being hidden. */
struct kpi_held {
    uint32_t now;       /* alarms at t1 */
    uint32_t n;         /* how often it began (or was renewed) within the period */
    double total_us;    /* within the period; of all alarms it may be more than an int64_t holds */
    int64_t longest_us; /* longest stay that reaches into the period, from its real beginning, up to t1 */
};

struct kpi_alarm {
    uint32_t n; /* annunciations */
    uint32_t
        chatters; /* annunciations that were the third (or later) within chatter_us; 0: does not chatter */
    double psi;   /* chatter index: mean of 1/r over the run lengths r in s, at least 1, between successive
                     annunciations; 0 with fewer than two */
    uint32_t fleeting; /* occurrences */
    uint32_t returned; /* returns to normal, in the period, of annunciated occurrences */
    uint32_t returned_unacked;
    double mean_active_s; /* of those, by source time; 0 if there is none */
    bool standing;        /* at t1: active and shown */
    bool stale;           /* at t1: standing, and active without a break for more than stale_us */
    struct kpi_held held[KPI_HELD_KINDS];
};

struct kpi_flood {
    int64_t from_us; /* start of a bin */
    int64_t to_us;   /* start of the bin that ended it, or t1 */
    uint32_t n;
    uint32_t peak; /* most in one bin */
};

/* From annunciation to the first acknowledgement of that occurrence, of occurrences annunciated in the period
 * and acknowledged before t1. Nearest rank; -1 if there is none. */
struct kpi_ack_time {
    uint32_t n;
    int64_t p50_us;
    int64_t p95_us;
};

struct kpi_report {
    int64_t t0_us;
    int64_t t1_us;
    uint32_t n; /* annunciations */
    uint32_t n_priority[KPI_PRIORITIES + 1];
    uint32_t n_bins;
    const uint32_t *bins; /* annunciations in each */
    uint32_t n_bins_over; /* with more than flood_on */
    uint32_t peak;        /* most in one bin */
    double mean_bin;      /* n / n_bins */
    double mean_hour;     /* by the period's real length */
    double mean_day;
    uint32_t n_floods;
    const struct kpi_flood *floods;
    double flood_us;            /* together */
    const uint32_t *after_trip; /* annunciations in [trip, trip + upset_us), one for each trip */
    uint32_t n_trips;
    uint32_t n_alarms;
    const struct kpi_alarm *alarms; /* by index */
    const uint32_t *by_name;        /* indexes of all alarms, by name (bytes) */
    const uint32_t *by_count;       /* by number of annunciations, most first, then by name */
    uint32_t n_top;                 /* annunciations of the KPI_TOP most frequent */
    uint32_t n_chattering;          /* alarms */
    uint32_t n_psi_over;            /* alarms at psi_cutoff or above */
    uint32_t n_fleeting;            /* alarms */
    uint32_t n_stale;               /* alarms, at t1 */
    uint32_t stale_worst;           /* most alarms that were stale at some time of one day (24 h from t0) */
    int64_t stale_worst_us;         /* start of the first such day */
    uint32_t standing;              /* active and shown at t1 */
    double standing_mean;           /* time-weighted */
    struct kpi_ack_time ack_time[KPI_PRIORITIES + 1];
    uint32_t returned;
    uint32_t returned_unacked;
    uint32_t acks;   /* acknowledgements by persons */
    uint32_t stamps; /* of those: too fast, or too many at once, to have been thought about */
    struct kpi_held held[KPI_HELD_KINDS];
    uint32_t reannounced;
    uint32_t escalated;
    uint32_t priority_raised; /* while active and shown */
    uint32_t came_back;       /* rang again because the last reason to be hidden ended while active */
};

/* ERR_INVALID: t1 before t0, a time beyond +-2^60, events out of order, an alarm that has no name; err->where
 * names the event. ERR_TOO_BIG: more than KPI_BINS_MAX bins, or 2^32 events. ERR_NOMEM. names and events are
 * the caller's again when it returns. */
MUSTCHECK enum status kpi_report_new(const struct kpi_input *in, struct kpi_report **ret, struct error *err);
void kpi_report_free(struct kpi_report **report);

/* part of whole in percent; 0 if there is no whole. */
double kpi_pct(double part, double whole);
/* Nearest rank of sorted values: the smallest one that at least pct percent of them do not exceed. n > 0. */
int64_t kpi_nearest_rank(const int64_t *sorted, size_t n, uint32_t pct);

#endif
