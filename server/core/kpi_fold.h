/* The inside of kpi.c: what is known of each alarm while its events are read in order. Not for others. */
#ifndef PENSTOCK_CORE_KPI_FOLD_H
#define PENSTOCK_CORE_KPI_FOLD_H

#include "server/core/kpi.h"

enum { KPI_US_PER_S = 1000000 };
#define KPI_DAY_US  (INT64_C(86400) * KPI_US_PER_S)
#define KPI_HOUR_US (INT64_C(3600) * KPI_US_PER_S)
#define KPI_NEVER   INT64_MIN

/* What an alarm is at the present event. */
struct kpi_state {
    int64_t since_us;        /* of what follows: the alarm's last event */
    int64_t active_since_us; /* without a break */
    int64_t ended_us;        /* when it was last active; KPI_NEVER */
    int64_t raised_us;       /* the newest occurrence */
    int64_t raised_src_us;
    int64_t annunciated_us[2]; /* the two newest annunciations in the period, newest first; KPI_NEVER */
    int64_t brief_end_us;      /* end of an occurrence that is fleeting if nothing follows soon; KPI_NEVER */
    int64_t held_since_us[KPI_HELD_KINDS];
    int64_t active_us; /* sum over the returns that count */
    double psi_sum;
    uint32_t n_runs;
    uint32_t suppressors;
    uint32_t stale_days; /* days from t0 that are counted already */
    uint8_t priority;
    uint8_t raised_priority;
    bool held[KPI_HELD_KINDS];
    bool active;
    bool occurrence_hidden; /* by its own event, whatever the facts say */
    bool has_occurrence;
    bool annunciated; /* the newest occurrence, before or within the period */
    bool counted;     /* it was within the period */
    bool lonely;      /* nothing was active shortly before the newest occurrence */
    bool acked;
};

struct kpi_ack {
    int64_t actor_key;
    int64_t at_us;
    bool stamp;
};

struct kpi_acked {
    int64_t us;
    uint8_t priority;
};

struct kpi_work {
    const struct kpi_input *in;
    const struct kpi_settings *set;
    struct kpi_report *report;
    struct kpi_alarm *alarms; /* the report's, while it is being made */
    struct kpi_state *states;
    int64_t *annunciations; /* times */
    struct kpi_ack *acks;
    struct kpi_acked *ack_times;
    size_t n_ack_times;
    uint32_t *bins;
    uint32_t *stale_days; /* alarms stale on that day */
    uint32_t n_stale_days;
    double standing_us;
};

/* The next event; at_us below t1. */
void kpi_fold_event(struct kpi_work *w, const struct kpi_event *e);
/* The alarm's row as of t1, and its share of the report's sums. */
void kpi_fold_close(struct kpi_work *w, struct kpi_state *s, struct kpi_alarm *a);

#endif
