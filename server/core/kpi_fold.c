#include "server/core/kpi_fold.h"

#include <math.h>

static int64_t later(int64_t a_us, int64_t b_us) {
    return a_us > b_us ? a_us : b_us;
}

static int64_t earlier(int64_t a_us, int64_t b_us) {
    return a_us < b_us ? a_us : b_us;
}

static bool in_period(const struct kpi_work *w, int64_t t_us) {
    return t_us >= w->in->t0_us; /* what is at t1 or later is never looked at */
}

static bool is_hidden(const struct kpi_state *s) {
    return s->occurrence_hidden || s->held[KPI_SHELVED] || s->held[KPI_SUPPRESSED] ||
           s->held[KPI_OUT_OF_SERVICE] || s->held[KPI_DISABLED];
}

/* The part of [from, to) in the period. */
static int64_t within(const struct kpi_work *w, int64_t from_us, int64_t to_us) {
    int64_t length_us = earlier(to_us, w->in->t1_us) - later(from_us, w->in->t0_us);
    return later(length_us, 0);
}

/* The alarm was active and shown in [from, to): the days on which it was stale at some time. */
static void count_stale_days(struct kpi_work *w, struct kpi_state *s, int64_t from_us, int64_t to_us) {
    int64_t t0_us = w->in->t0_us;
    int64_t begin_us = later(later(from_us, t0_us), s->active_since_us + w->set->stale_us);
    if (begin_us >= to_us) {
        return;
    }
    uint32_t day = (uint32_t)((begin_us - t0_us) / KPI_DAY_US); /* not negative, and below n_stale_days */
    for (day = day > s->stale_days ? day : s->stale_days;
         day < w->n_stale_days && t0_us + day * KPI_DAY_US < to_us; day++) {
        w->stale_days[day]++;
        s->stale_days = day + 1;
    }
}

/* Time passed for this alarm. */
static void pass(struct kpi_work *w, struct kpi_state *s, int64_t now_us) {
    if (s->active && !is_hidden(s)) {
        w->standing_us += (double)within(w, s->since_us, now_us);
        count_stale_days(w, s, s->since_us, now_us);
    }
    s->since_us = now_us;
}

static void held_begins(const struct kpi_work *w, struct kpi_state *s, struct kpi_alarm *a,
                        enum kpi_held_kind kind, int64_t t_us) {
    a->held[kind].n += in_period(w, t_us);
    if (!s->held[kind]) {
        s->held[kind] = true;
        s->held_since_us[kind] = t_us;
    }
}

/* The stay lasted up to t; it may go on. */
static void held_lasted(const struct kpi_work *w, const struct kpi_state *s, struct kpi_alarm *a,
                        enum kpi_held_kind kind, int64_t t_us) {
    if (s->held[kind] && t_us > w->in->t0_us) {
        struct kpi_held *h = &a->held[kind];
        h->total_us += (double)within(w, s->held_since_us[kind], t_us);
        h->longest_us = later(h->longest_us, t_us - s->held_since_us[kind]);
    }
}

static void held_ends(const struct kpi_work *w, struct kpi_state *s, struct kpi_alarm *a,
                      enum kpi_held_kind kind, int64_t t_us) {
    held_lasted(w, s, a, kind, t_us);
    s->held[kind] = false;
}

static void count_annunciation(struct kpi_work *w, struct kpi_state *s, struct kpi_alarm *a, int64_t t_us) {
    struct kpi_report *r = w->report;
    w->annunciations[r->n++] = t_us;
    if (s->priority >= 1 && s->priority <= KPI_PRIORITIES) {
        r->n_priority[s->priority]++;
    }
    w->bins[(t_us - w->in->t0_us) / w->set->bin_us]++;
    a->n++;
    if (s->annunciated_us[0] != KPI_NEVER) {
        double run_s = (double)(t_us - s->annunciated_us[0]) / KPI_US_PER_S;
        s->psi_sum += 1 / fmax(run_s, 1);
        s->n_runs++;
    }
    _Static_assert(KPI_CHATTER_COUNT == 3, "the two annunciations before this one are kept");
    a->chatters += s->annunciated_us[1] != KPI_NEVER && t_us - s->annunciated_us[1] <= w->set->chatter_us;
    s->annunciated_us[1] = s->annunciated_us[0];
    s->annunciated_us[0] = t_us;
}

static void on_raise(struct kpi_work *w, struct kpi_state *s, struct kpi_alarm *a,
                     const struct kpi_event *e) {
    int64_t t_us = e->at_us;
    int64_t gap_us = w->set->fleeting_gap_us;
    /* A raise without a return before it: the earlier occurrence ends here, the activity goes on. */
    int64_t ended_us = s->active ? t_us : s->ended_us;
    if (s->brief_end_us != KPI_NEVER) {
        a->fleeting += t_us - s->brief_end_us > gap_us;
        s->brief_end_us = KPI_NEVER;
    }
    s->lonely = ended_us == KPI_NEVER || t_us - ended_us > gap_us;
    if (!s->active) {
        s->active = true;
        s->active_since_us = t_us;
    }
    s->occurrence_hidden = e->hidden;
    s->has_occurrence = true;
    s->raised_us = t_us;
    s->raised_src_us = e->src_us;
    s->raised_priority = s->priority;
    s->acked = false;
    s->annunciated = !is_hidden(s);
    s->counted = s->annunciated && in_period(w, t_us);
    if (s->counted) {
        count_annunciation(w, s, a, t_us);
    }
}

static void stop_activity(struct kpi_state *s, int64_t t_us) {
    if (s->active) {
        s->active = false;
        s->ended_us = t_us;
    }
}

static void on_return(struct kpi_work *w, struct kpi_state *s, struct kpi_alarm *a,
                      const struct kpi_event *e) {
    if (!s->active) {
        return;
    }
    if (s->annunciated && in_period(w, e->at_us)) {
        a->returned++;
        a->returned_unacked += !s->acked;
        s->active_us += e->src_us - s->raised_src_us;
    }
    if (s->counted && s->lonely && e->at_us - s->raised_us < w->set->fleeting_us) {
        s->brief_end_us = e->at_us;
    }
    stop_activity(s, e->at_us);
}

static void on_ack(struct kpi_work *w, struct kpi_state *s, const struct kpi_event *e) {
    if (s->counted && !s->acked) {
        w->ack_times[w->n_ack_times++] =
            (struct kpi_acked){.us = e->at_us - s->raised_us, .priority = s->raised_priority};
    }
    s->acked = true;
    if (in_period(w, e->at_us) && e->actor_key != 0) {
        bool fast = s->has_occurrence && e->at_us - s->raised_us < w->set->stamp_us;
        w->acks[w->report->acks++] =
            (struct kpi_ack){.actor_key = e->actor_key, .at_us = e->at_us, .stamp = fast};
    }
}

/* A reason to be hidden may have ended. */
static void on_show(struct kpi_work *w, struct kpi_state *s, struct kpi_alarm *a, const struct kpi_event *e) {
    bool was_hidden = is_hidden(s);
    if (e->kind == KPI_UNSHELVE) {
        held_ends(w, s, a, KPI_SHELVED, e->at_us);
    } else if (e->kind == KPI_OOS_OFF) {
        held_ends(w, s, a, KPI_OUT_OF_SERVICE, e->at_us);
    } else {
        s->suppressors -= s->suppressors > 0;
        if (s->suppressors == 0) {
            held_ends(w, s, a, KPI_SUPPRESSED, e->at_us);
        }
    }
    s->occurrence_hidden = e->hidden;
    w->report->came_back += in_period(w, e->at_us) && s->active && was_hidden && !is_hidden(s);
}

static void on_disable(struct kpi_work *w, struct kpi_state *s, struct kpi_alarm *a,
                       const struct kpi_event *e) {
    stop_activity(s, e->at_us);
    held_ends(w, s, a, KPI_SHELVED, e->at_us);
    held_ends(w, s, a, KPI_SUPPRESSED, e->at_us);
    s->suppressors = 0;
    if (e->kind == KPI_DISABLE) {
        held_begins(w, s, a, KPI_DISABLED, e->at_us);
    } else {
        held_ends(w, s, a, KPI_OUT_OF_SERVICE, e->at_us);
        held_ends(w, s, a, KPI_DISABLED, e->at_us);
    }
}

static void on_enable(struct kpi_work *w, struct kpi_state *s, struct kpi_alarm *a,
                      const struct kpi_event *e) {
    held_ends(w, s, a, KPI_DISABLED, e->at_us);
    if (!e->hidden) {
        held_ends(w, s, a, KPI_OUT_OF_SERVICE, e->at_us);
    }
    s->occurrence_hidden = e->hidden;
}

static void on_priority(struct kpi_work *w, const struct kpi_state *s, const struct kpi_event *e,
                        uint8_t before) {
    bool raised = e->priority != 0 && before != 0 && e->priority < before;
    w->report->priority_raised += raised && in_period(w, e->at_us) && s->active && !is_hidden(s);
}

void kpi_fold_event(struct kpi_work *w, const struct kpi_event *e) {
    struct kpi_state *s = &w->states[e->alarm];
    struct kpi_alarm *a = &w->alarms[e->alarm];
    uint8_t priority_before = s->priority;
    pass(w, s, e->at_us);
    if (e->priority != 0) {
        s->priority = e->priority;
    }
    switch (e->kind) {
    case KPI_RAISE:
    case KPI_RERAISE:
        on_raise(w, s, a, e);
        break;
    case KPI_RTN:
        on_return(w, s, a, e);
        break;
    case KPI_ACK:
        on_ack(w, s, e);
        break;
    case KPI_SHELVE:
        held_begins(w, s, a, KPI_SHELVED, e->at_us);
        break;
    case KPI_SUPPRESS:
        s->suppressors++;
        held_begins(w, s, a, KPI_SUPPRESSED, e->at_us);
        break;
    case KPI_OOS_ON:
        held_begins(w, s, a, KPI_OUT_OF_SERVICE, e->at_us);
        break;
    case KPI_UNSHELVE:
    case KPI_UNSUPPRESS:
    case KPI_OOS_OFF:
        on_show(w, s, a, e);
        break;
    case KPI_DISABLE:
    case KPI_REMOVE:
        on_disable(w, s, a, e);
        break;
    case KPI_ENABLE:
        on_enable(w, s, a, e);
        break;
    case KPI_REANNOUNCE:
        w->report->reannounced += in_period(w, e->at_us);
        break;
    case KPI_ESCALATE:
        w->report->escalated += in_period(w, e->at_us);
        break;
    case KPI_PRIO:
        on_priority(w, s, e, priority_before);
        break;
    case KPI_OTHER:
        break;
    }
}

void kpi_fold_close(struct kpi_work *w, struct kpi_state *s, struct kpi_alarm *a) {
    struct kpi_report *r = w->report;
    int64_t t1_us = w->in->t1_us;
    pass(w, s, t1_us);
    a->fleeting += s->brief_end_us != KPI_NEVER;
    a->psi = s->n_runs > 0 ? s->psi_sum / s->n_runs : 0;
    a->mean_active_s = a->returned > 0 ? (double)s->active_us / KPI_US_PER_S / a->returned : 0;
    a->standing = s->active && !is_hidden(s);
    a->stale = a->standing && t1_us - s->active_since_us > w->set->stale_us;
    for (enum kpi_held_kind kind = KPI_SHELVED; kind <= KPI_DISABLED; kind++) {
        struct kpi_held *h = &a->held[kind];
        struct kpi_held *all = &r->held[kind];
        held_lasted(w, s, a, kind, t1_us);
        h->now = s->held[kind];
        all->now += h->now;
        all->n += h->n;
        all->total_us += h->total_us;
        all->longest_us = later(all->longest_us, h->longest_us);
    }
    r->standing += a->standing;
    r->n_stale += a->stale;
    r->n_chattering += a->chatters > 0;
    /* A mean of 1/20 may end a hair below 0.05. */
    r->n_psi_over += s->n_runs > 0 && a->psi >= w->set->psi_cutoff * (1 - 1e-9);
    r->n_fleeting += a->fleeting > 0;
    r->returned += a->returned;
    r->returned_unacked += a->returned_unacked;
}
