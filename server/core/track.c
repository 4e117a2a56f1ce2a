#include "server/core/track.h"

#include "server/base/check.h"

#include <stdlib.h>

struct track {
    struct core *core;
    int64_t start_us;
    int64_t from_us;
    int64_t to_us;
    int64_t now_us;
    uint8_t *classes;
    uint32_t *positions;
    uint32_t *counts;
    uint32_t *open;    /* of each alarm: its occurrence that has no end yet, plus one; 0: none */
    uint32_t *first;   /* n_alarms + 1 bounds into the sorted occurrences */
    uint32_t *waiting; /* alarms to be acknowledged behind the present event */
    uint32_t n_waiting;
    struct occurrence *v;
    struct occurrence *sorted;
    uint32_t n;
    uint32_t max;
    int64_t kept_until_us;
    uint32_t n_alarms;
    uint32_t n_days;
    uint32_t n_bins;
    struct track_tally tallies[TRACK_TALLIES];
};

static void *table(size_t count, size_t size) {
    return calloc(count > 0 ? count : 1, size);
}

static uint32_t parts(int64_t span_us, int64_t part_us) {
    return (uint32_t)((span_us + part_us - 1) / part_us); /* the span is at most a year */
}

static bool allocate(struct track *t, const struct track_config *cfg) {
    const struct model *m = cfg->model;
    t->classes = table(m->n_alarms, sizeof *t->classes);
    t->positions = table(m->n_positions, sizeof *t->positions);
    t->counts = table(m->n_alarms, sizeof *t->counts);
    t->open = table(m->n_alarms, sizeof *t->open);
    t->first = table((size_t)m->n_alarms + 1, sizeof *t->first);
    t->waiting = table(m->n_alarms, sizeof *t->waiting);
    t->v = table(t->max, sizeof *t->v);
    t->sorted = table(t->max, sizeof *t->sorted);
    bool complete = t->classes != NULL && t->positions != NULL && t->counts != NULL && t->open != NULL &&
                    t->first != NULL && t->waiting != NULL && t->v != NULL && t->sorted != NULL;
    for (int i = 0; i < TRACK_TALLIES; i++) {
        t->tallies[i].days = table(t->n_days, sizeof *t->tallies[i].days);
        t->tallies[i].bins = table((size_t)cfg->n_positions * t->n_bins, sizeof *t->tallies[i].bins);
        complete = complete && t->tallies[i].days != NULL && t->tallies[i].bins != NULL;
    }
    return complete;
}

static void copy_settings(struct track *t, const struct track_config *cfg) {
    for (uint32_t i = 0; i < t->n_alarms; i++) {
        t->classes[i] = cfg->classes[i];
    }
    for (uint32_t i = 0; i < cfg->model->n_positions; i++) {
        CHECK(cfg->positions[i] < cfg->n_positions);
        t->positions[i] = cfg->positions[i];
    }
}

enum status track_new(const struct track_config *cfg, struct track **ret, struct error *err) {
    CHECK(cfg->start_us <= cfg->from_us);
    CHECK(cfg->from_us < cfg->to_us);
    CHECK(cfg->to_us - cfg->start_us <= TRACK_SPAN_MAX_US);
    CHECK(cfg->n_positions > 0);
    CHECK(cfg->occurrences_max <= TRACK_OCCURRENCES_MAX);
    struct track *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory");
    }
    t->start_us = t->now_us = cfg->start_us;
    t->from_us = cfg->from_us;
    t->to_us = cfg->to_us;
    t->kept_until_us = INT64_MAX;
    t->max = cfg->occurrences_max == 0 ? TRACK_OCCURRENCES_DEFAULT : cfg->occurrences_max;
    t->n_alarms = cfg->model->n_alarms;
    t->n_days = parts(cfg->to_us - cfg->from_us, TRACK_DAY_US);
    t->n_bins = parts(cfg->to_us - cfg->from_us, TRACK_BIN_US);
    enum status status = OK;
    if (!allocate(t, cfg)) {
        status = error_set(err, ERR_NOMEM, "backtest", "no memory for %u occurrences", t->max);
    } else {
        status = core_new(cfg->model, NULL, cfg->start_us, &t->core, err);
    }
    if (status != OK) {
        track_free(&t);
        return status;
    }
    copy_settings(t, cfg);
    *ret = t;
    return OK;
}

void track_free(struct track **track) {
    if (track == NULL || *track == NULL) {
        return;
    }
    struct track *t = *track;
    core_free(&t->core);
    free(t->classes);
    free(t->positions);
    free(t->counts);
    free(t->open);
    free(t->first);
    free(t->waiting);
    free(t->v);
    free(t->sorted);
    for (int i = 0; i < TRACK_TALLIES; i++) {
        free(t->tallies[i].days);
        free(t->tallies[i].bins);
    }
    free(t);
    *track = NULL;
}

/* --- what the core says */

static void tally(struct track *t, const struct alarm_record *r) {
    if (r->at_us < t->from_us || r->at_us >= t->to_us) {
        return;
    }
    const struct model *m = core_model(t->core);
    struct track_tally *to = &t->tallies[t->classes[r->alarm] - TRACK_TOUCHED];
    uint32_t position = m->n_positions == 0 ? 0 : t->positions[m->alarms[r->alarm].position];
    int64_t since_us = r->at_us - t->from_us;
    to->n++;
    to->days[since_us / TRACK_DAY_US]++;
    to->bins[(size_t)position * t->n_bins + (size_t)(since_us / TRACK_BIN_US)]++;
    t->counts[r->alarm]++;
}

static void keep(struct track *t, const struct alarm_record *r) {
    if (t->n == t->max) {
        t->kept_until_us = t->kept_until_us < r->at_us ? t->kept_until_us : r->at_us;
        t->open[r->alarm] = 0;
        return;
    }
    t->v[t->n++] =
        (struct occurrence){.src_us = r->src_us, .at_us = r->at_us, .end_us = INT64_MAX, .alarm = r->alarm};
    t->open[r->alarm] = t->n;
}

static void end_occurrence(struct track *t, uint32_t alarm, int64_t src_us) {
    if (t->open[alarm] > 0) {
        t->v[t->open[alarm] - 1].end_us = src_us;
        t->open[alarm] = 0;
    }
}

static void on_raise(struct track *t, const struct alarm_record *r) {
    const struct model_alarm *a = &core_model(t->core)->alarms[r->alarm];
    if ((r->flags & (RECORD_HIDDEN | RECORD_NOTIFY | RECORD_TEST)) != 0 || a->ack_mode == ACK_NONE ||
        model_alarm_is(a, ALARM_TEST)) {
        return;
    }
    tally(t, r);
    keep(t, r);
    if (t->n_waiting < t->n_alarms) {
        t->waiting[t->n_waiting++] = r->alarm;
    }
}

static void on_effect(void *ctx, const struct effect *e) {
    struct track *t = ctx;
    if (e->kind != EFFECT_RECORD || e->record.alarm == MODEL_NONE ||
        t->classes[e->record.alarm] == TRACK_IGNORED) {
        return;
    }
    if (e->record.kind == RECORD_RAISE || e->record.kind == RECORD_RERAISE) {
        on_raise(t, &e->record);
    } else if (e->record.kind == RECORD_RTN || e->record.kind == RECORD_DISABLE) {
        end_occurrence(t, e->record.alarm, e->record.src_us);
    }
}

static void hand_over(struct track *t, const struct event *event) {
    const struct effect_sink sink = {.ctx = t, .emit = on_effect};
    core_apply(t->core, event, t->now_us, sink);
    for (uint32_t i = 0; i < t->n_waiting; i++) { /* an acknowledgement raises nothing: the list stays */
        uint32_t alarm = t->waiting[i];
        const struct event ack = {.kind = EVENT_REQUEST,
                                  .request = {.ask = {.kind = ALARM_ASK_ACK,
                                                      .alarm = alarm,
                                                      .call = core_alarm(t->core, alarm).call,
                                                      .actor = "backtest",
                                                      .comment = "backtest"}}};
        core_apply(t->core, &ack, t->now_us, sink);
    }
    t->n_waiting = 0;
}

/* Timers at their own times, so that the room knows when it would have known. */
static void advance(struct track *t, int64_t at_us) {
    int64_t wake_us = core_next_wake(t->core);
    while (wake_us < at_us) {
        t->now_us = wake_us > t->now_us ? wake_us : t->now_us;
        hand_over(t, &(struct event){.kind = EVENT_TIME});
        wake_us = core_next_wake(t->core);
    }
    CHECK(at_us >= t->now_us);
    t->now_us = at_us;
}

static int64_t not_before_start(const struct track *t, int64_t at_us) {
    return at_us < t->start_us ? t->start_us : at_us;
}

void track_link(struct track *t, uint32_t gateway, bool up, int64_t at_us) {
    advance(t, not_before_start(t, at_us));
    hand_over(t, &(struct event){.kind = EVENT_LINK, .link = {.gateway = gateway, .up = up}});
}

void track_samples(struct track *t, uint32_t gateway, enum lane lane, const struct sample *v, uint32_t n,
                   int64_t at_us) {
    advance(t, not_before_start(t, at_us));
    hand_over(t, &(struct event){.kind = EVENT_SAMPLES,
                                 .samples = {.gateway = gateway, .lane = lane, .n = n, .v = v}});
}

/* --- the end */

/* By alarm; those of one alarm are in order already, as they came. */
static void sort(struct track *t) {
    for (uint32_t i = 0; i < t->n; i++) {
        t->first[t->v[i].alarm + 1]++;
    }
    for (uint32_t a = 0; a < t->n_alarms; a++) {
        t->first[a + 1] += t->first[a];
        t->open[a] = t->first[a]; /* no longer needed: where the alarm's next one goes */
    }
    for (uint32_t i = 0; i < t->n; i++) {
        t->sorted[t->open[t->v[i].alarm]++] = t->v[i];
    }
}

void track_finish(struct track *t) {
    if (t->to_us > t->now_us) {
        advance(t, t->to_us);
    }
    sort(t);
}

const struct occurrence *track_occurrences(const struct track *t, uint32_t alarm, uint32_t *ret_n) {
    CHECK(alarm < t->n_alarms);
    *ret_n = t->first[alarm + 1] - t->first[alarm];
    return t->sorted + t->first[alarm];
}

uint32_t track_count(const struct track *t, uint32_t alarm) {
    CHECK(alarm < t->n_alarms);
    return t->counts[alarm];
}

const struct track_tally *track_tally(const struct track *t, enum track_class class) {
    CHECK(class != TRACK_IGNORED);
    return &t->tallies[class - TRACK_TOUCHED];
}

uint32_t track_days(const struct track *t) {
    return t->n_days;
}

uint32_t track_bins(const struct track *t) {
    return t->n_bins;
}

int64_t track_kept_until_us(const struct track *t) {
    return t->kept_until_us;
}

const struct core *track_core(const struct track *t) {
    return t->core;
}
