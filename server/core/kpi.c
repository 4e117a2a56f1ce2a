#include "server/core/kpi.h"

#include "server/base/check.h"
#include "server/core/kpi_fold.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Differences and sums of a few such times do not overflow. */
#define TIME_MAX_US (INT64_C(1) << 60)

struct kpi_settings kpi_defaults(void) {
    return (struct kpi_settings){
        .bin_us = INT64_C(600) * KPI_US_PER_S,
        .flood_on = 10,
        .flood_off = 5,
        .upset_us = INT64_C(600) * KPI_US_PER_S,
        .chatter_us = INT64_C(60) * KPI_US_PER_S,
        .psi_cutoff = 0.05,
        .fleeting_us = INT64_C(10) * KPI_US_PER_S,
        .fleeting_gap_us = INT64_C(60) * KPI_US_PER_S,
        .stale_us = KPI_DAY_US,
        .stamp_us = INT64_C(2) * KPI_US_PER_S,
        .stamp_many = 5,
        .stamp_many_us = INT64_C(10) * KPI_US_PER_S,
    };
}

double kpi_pct(double part, double whole) {
    return whole > 0 ? 100.0 * part / whole : 0;
}

int64_t kpi_nearest_rank(const int64_t *sorted, size_t n, uint32_t pct) {
    CHECK(n > 0);
    CHECK(pct <= 100);
    size_t rank = (n * pct + 99) / 100;
    return sorted[rank == 0 ? 0 : rank - 1];
}

static int by_time(const void *a, const void *b) {
    const int64_t *x = a;
    const int64_t *y = b;
    return (*x > *y) - (*x < *y);
}

static int by_person(const void *a, const void *b) {
    const struct kpi_ack *x = a;
    const struct kpi_ack *y = b;
    int order = (x->actor_key > y->actor_key) - (x->actor_key < y->actor_key);
    return order != 0 ? order : (x->at_us > y->at_us) - (x->at_us < y->at_us);
}

/* An acknowledgement is a stamp if it came too soon, or belongs to a run of too many by one person. */
static void count_stamps(struct kpi_work *w) {
    struct kpi_report *r = w->report;
    size_t more = w->set->stamp_many;
    if (r->acks > 0) {
        qsort(w->acks, r->acks, sizeof w->acks[0], by_person);
    }
    size_t marked = 0; /* all before it are marked or looked at */
    for (size_t i = 0; i + more < r->acks; i++) {
        const struct kpi_ack *last = &w->acks[i + more];
        if (last->actor_key != w->acks[i].actor_key ||
            last->at_us - w->acks[i].at_us > w->set->stamp_many_us) {
            continue;
        }
        for (size_t k = marked > i ? marked : i; k <= i + more; k++) {
            w->acks[k].stamp = true;
        }
        marked = i + more + 1;
    }
    for (size_t i = 0; i < r->acks; i++) {
        r->stamps += w->acks[i].stamp;
    }
}

/* sorted: room for all. */
static void rank_ack_times(const struct kpi_work *w, uint32_t priority, int64_t *sorted) {
    struct kpi_ack_time *t = &w->report->ack_time[priority];
    *t = (struct kpi_ack_time){.p50_us = -1, .p95_us = -1};
    for (size_t i = 0; i < w->n_ack_times; i++) {
        if (priority == KPI_ALL || w->ack_times[i].priority == priority) {
            sorted[t->n++] = w->ack_times[i].us;
        }
    }
    if (t->n > 0) {
        qsort(sorted, t->n, sizeof *sorted, by_time);
        t->p50_us = kpi_nearest_rank(sorted, t->n, 50);
        t->p95_us = kpi_nearest_rank(sorted, t->n, 95);
    }
}

static void count_bins(struct kpi_work *w, struct kpi_flood *floods) {
    struct kpi_report *r = w->report;
    const struct kpi_settings *set = w->set;
    bool flood = false;
    for (uint32_t i = 0; i < r->n_bins; i++) {
        uint32_t n = w->bins[i];
        int64_t from_us = r->t0_us + i * set->bin_us;
        r->n_bins_over += n > set->flood_on;
        r->peak = n > r->peak ? n : r->peak;
        if (flood && n < set->flood_off) {
            flood = false;
        } else if (!flood && n > set->flood_on) {
            flood = true;
            floods[r->n_floods++] = (struct kpi_flood){.from_us = from_us};
        }
        if (flood) {
            struct kpi_flood *f = &floods[r->n_floods - 1];
            f->to_us = from_us + set->bin_us < r->t1_us ? from_us + set->bin_us : r->t1_us;
            f->n += n;
            f->peak = n > f->peak ? n : f->peak;
        }
    }
    for (uint32_t i = 0; i < r->n_floods; i++) {
        r->flood_us += (double)(floods[i].to_us - floods[i].from_us);
    }
    r->floods = floods;
}

/* Annunciations before t. */
static uint32_t count_before(const struct kpi_work *w, int64_t t_us) {
    uint32_t low = 0;
    uint32_t high = w->report->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (w->annunciations[middle] < t_us) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void count_after_trips(const struct kpi_work *w, uint32_t *after) {
    for (size_t i = 0; i < w->in->n_trips; i++) {
        int64_t trip_us = w->in->trips[i];
        after[i] = count_before(w, trip_us + w->set->upset_us) - count_before(w, trip_us);
    }
    w->report->after_trip = after;
}

static void find_worst_day(const struct kpi_work *w) {
    struct kpi_report *r = w->report;
    r->stale_worst_us = r->t0_us;
    for (uint32_t i = 0; i < w->n_stale_days; i++) {
        if (w->stale_days[i] > r->stale_worst) {
            r->stale_worst = w->stale_days[i];
            r->stale_worst_us = r->t0_us + i * KPI_DAY_US;
        }
    }
}

struct ranked {
    const char *name;
    uint32_t n;
    uint32_t alarm;
};

static int rank_by_name(const void *a, const void *b) {
    return strcmp(((const struct ranked *)a)->name, ((const struct ranked *)b)->name);
}

static int rank_by_count(const void *a, const void *b) {
    const struct ranked *x = a;
    const struct ranked *y = b;
    return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : strcmp(x->name, y->name);
}

static void sort_alarms(const struct kpi_work *w, struct ranked *v, uint32_t *by_name, uint32_t *by_count) {
    struct kpi_report *r = w->report;
    for (uint32_t i = 0; i < r->n_alarms; i++) {
        v[i] = (struct ranked){.name = w->in->names[i], .n = w->alarms[i].n, .alarm = i};
    }
    if (r->n_alarms > 0) {
        qsort(v, r->n_alarms, sizeof *v, rank_by_name);
    }
    for (uint32_t i = 0; i < r->n_alarms; i++) {
        by_name[i] = v[i].alarm;
    }
    if (r->n_alarms > 0) {
        qsort(v, r->n_alarms, sizeof *v, rank_by_count);
    }
    for (uint32_t i = 0; i < r->n_alarms; i++) {
        by_count[i] = v[i].alarm;
        r->n_top += i < KPI_TOP ? v[i].n : 0;
    }
    r->by_name = by_name;
    r->by_count = by_count;
}

static bool far_away(int64_t t_us) {
    return t_us < -TIME_MAX_US || t_us > TIME_MAX_US;
}

/* NULL if it is right. */
static const char *event_fault(const struct kpi_input *in, size_t i) {
    const struct kpi_event *e = &in->events[i];
    if (e->alarm >= in->n_alarms) {
        return "is of an alarm that has no name";
    }
    if (far_away(e->at_us) || far_away(e->src_us)) {
        return "is more than 36000 years away";
    }
    if (i > 0 && e->at_us < in->events[i - 1].at_us) {
        return "is earlier than the one before it";
    }
    return NULL;
}

static enum status check_input(const struct kpi_input *in, struct error *err) {
    if (in->t1_us < in->t0_us || far_away(in->t0_us) || far_away(in->t1_us)) {
        return error_set(err, ERR_INVALID, "period",
                         "must not end before it begins, and not be more than 36000 years away");
    }
    if (in->n_events > UINT32_MAX) {
        return error_set(err, ERR_TOO_BIG, "events", "are more than %u", UINT32_MAX);
    }
    if ((in->t1_us - in->t0_us) / in->settings.bin_us >= KPI_BINS_MAX) {
        return error_set(err, ERR_TOO_BIG, "period", "has more than %d bins", (int)KPI_BINS_MAX);
    }
    for (size_t i = 0; i < in->n_events; i++) {
        const char *fault = event_fault(in, i);
        if (fault != NULL) {
            char where[32];
            (void)snprintf(where, sizeof where, "event %zu", i);
            return error_set(err, ERR_INVALID, where, "%s", fault);
        }
    }
    for (size_t i = 0; i < in->n_trips; i++) {
        if (far_away(in->trips[i])) {
            return error_set(err, ERR_INVALID, "trips", "one is more than 36000 years away");
        }
    }
    return OK;
}

struct parts {
    uint32_t n_bins;
    struct kpi_report *report;
    struct kpi_alarm *alarms;
    uint32_t *by_name;
    uint32_t *by_count;
    uint32_t *bins;
    struct kpi_flood *floods;
    uint32_t *after;
    int64_t *sorted;
    struct ranked *ranked;
};

/* A piece of the block that is being laid out; base is NULL while its size is counted. */
static void *take(char *base, size_t *at, size_t n, size_t size) {
    void *p = base == NULL ? NULL : base + *at;
    *at += (n * size + 15) / 16 * 16;
    return p;
}

/* Everything that the report keeps, in one block that begins with it. */
static size_t lay_out_report(char *base, const struct kpi_work *w, struct parts *p) {
    size_t n_alarms = w->in->n_alarms;
    size_t at = 0;
    p->report = take(base, &at, 1, sizeof *p->report);
    p->alarms = take(base, &at, n_alarms, sizeof *p->alarms);
    p->by_name = take(base, &at, n_alarms, sizeof *p->by_name);
    p->by_count = take(base, &at, n_alarms, sizeof *p->by_count);
    p->bins = take(base, &at, p->n_bins, sizeof *p->bins);
    p->floods = take(base, &at, p->n_bins / 2 + 1, sizeof *p->floods); /* a quiet bin is between two */
    p->after = take(base, &at, w->in->n_trips, sizeof *p->after);
    return at;
}

/* What is needed while it is made. */
static size_t lay_out_work(char *base, struct kpi_work *w, struct parts *p) {
    size_t n_events = w->in->n_events;
    size_t at = 0;
    w->states = take(base, &at, w->in->n_alarms, sizeof *w->states);
    w->annunciations = take(base, &at, n_events, sizeof *w->annunciations);
    w->acks = take(base, &at, n_events, sizeof *w->acks);
    w->ack_times = take(base, &at, n_events, sizeof *w->ack_times);
    p->sorted = take(base, &at, n_events, sizeof *p->sorted);
    w->stale_days = take(base, &at, w->n_stale_days, sizeof *w->stale_days);
    p->ranked = take(base, &at, w->in->n_alarms, sizeof *p->ranked);
    return at;
}

static void read_events(struct kpi_work *w) {
    const struct kpi_input *in = w->in;
    for (uint32_t i = 0; i < in->n_alarms; i++) {
        w->states[i].since_us = in->t0_us;
        w->states[i].ended_us = KPI_NEVER;
        w->states[i].annunciated_us[0] = KPI_NEVER;
        w->states[i].annunciated_us[1] = KPI_NEVER;
        w->states[i].brief_end_us = KPI_NEVER;
    }
    for (size_t i = 0; i < in->n_events && in->events[i].at_us < in->t1_us; i++) {
        kpi_fold_event(w, &in->events[i]);
    }
    for (uint32_t i = 0; i < in->n_alarms; i++) {
        kpi_fold_close(w, &w->states[i], &w->alarms[i]);
    }
}

static void fill_report(struct kpi_work *w, const struct parts *p) {
    struct kpi_report *r = w->report;
    read_events(w);
    count_bins(w, p->floods);
    count_after_trips(w, p->after);
    count_stamps(w);
    find_worst_day(w);
    sort_alarms(w, p->ranked, p->by_name, p->by_count);
    for (uint32_t priority = KPI_ALL; priority <= KPI_PRIORITIES; priority++) {
        rank_ack_times(w, priority, p->sorted);
    }
    r->n_priority[KPI_ALL] = r->n;
    double length_us = (double)(r->t1_us - r->t0_us);
    if (length_us > 0) {
        r->mean_bin = (double)r->n / r->n_bins;
        r->mean_hour = r->n * ((double)KPI_HOUR_US / length_us);
        r->mean_day = r->n * ((double)KPI_DAY_US / length_us);
        r->standing_mean = w->standing_us / length_us;
    }
}

enum status kpi_report_new(const struct kpi_input *in, struct kpi_report **ret, struct error *err) {
    CHECK(in->settings.bin_us > 0);
    CHECK(in->settings.flood_off <= in->settings.flood_on + 1);
    enum status status = check_input(in, err);
    if (status != OK) {
        return status;
    }
    int64_t length_us = in->t1_us - in->t0_us;
    struct kpi_work w = {.in = in, .set = &in->settings};
    w.n_stale_days = (uint32_t)((length_us + KPI_DAY_US - 1) / KPI_DAY_US);
    struct parts p = {.n_bins = (uint32_t)((length_us + w.set->bin_us - 1) / w.set->bin_us)};
    char *kept = calloc(1, lay_out_report(NULL, &w, &p));
    char *scratch = calloc(1, lay_out_work(NULL, &w, &p) + 1);
    if (kept == NULL || scratch == NULL) {
        free(kept);
        free(scratch);
        return error_set(err, ERR_NOMEM, "kpi_report_new", "no memory for %zu events of %u alarms",
                         in->n_events, in->n_alarms);
    }
    (void)lay_out_report(kept, &w, &p);
    (void)lay_out_work(scratch, &w, &p);
    w.report = p.report;
    w.alarms = p.alarms;
    w.bins = p.bins;
    *w.report = (struct kpi_report){
        .t0_us = in->t0_us,
        .t1_us = in->t1_us,
        .n_bins = p.n_bins,
        .bins = p.bins,
        .n_trips = (uint32_t)in->n_trips,
        .n_alarms = in->n_alarms,
        .alarms = p.alarms,
    };
    fill_report(&w, &p);
    free(scratch);
    *ret = p.report;
    return OK;
}

void kpi_report_free(struct kpi_report **report) {
    free(*report);
    *report = NULL;
}
