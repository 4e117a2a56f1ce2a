#include "server/base/check.h"
#include "server/core/core_state.h"

#include <float.h>
#include <math.h>

uint8_t core_tag_quality(const struct core *core, uint32_t tag) {
    const struct tag_state *t = &core->tags[tag];
    if ((t->flags & TAG_SEEN) == 0) {
        uint8_t reason = (t->flags & TAG_STALE) != 0 ? REASON_STALE : REASON_INITIAL;
        return (uint8_t)(QUALITY_BAD | QUALITY_NO_VALUE | reason);
    }
    uint8_t no_value = t->quality & QUALITY_NO_VALUE;
    if ((t->flags & TAG_STALE) != 0) {
        return (uint8_t)(QUALITY_BAD | no_value | REASON_STALE);
    }
    if ((t->flags & TAG_LOST) != 0) {
        return (uint8_t)(QUALITY_BAD | no_value | REASON_COMMS);
    }
    return t->quality;
}

bool core_tag_known(const struct core *core, uint32_t tag) {
    uint8_t q = core_tag_quality(core, tag);
    return !quality_is_bad(q) && (q & QUALITY_NO_VALUE) == 0;
}

void core_tag_changed(struct core *core, uint32_t tag) {
    struct tag_state *t = &core->tags[tag];
    if ((t->flags & TAG_QUEUED) != 0) {
        return;
    }
    t->flags |= TAG_QUEUED;
    uint64_t place = (uint64_t)core->changed_first + core->changed_n;
    core->changed[place % core->model->n_tags] = tag;
    core->changed_n++;
}

int64_t core_tag_heard_us(const struct core *core, uint32_t tag) {
    const struct tag_state *t = &core->tags[tag];
    int64_t since_us = t->gateway == GATEWAY_NONE ? INT64_MIN : core->gateways[t->gateway].since_us;
    bool heard = (t->flags & TAG_SEEN) != 0 && t->received_us > since_us;
    return heard || since_us == INT64_MIN ? t->received_us : since_us;
}

void core_tag_watch(struct core *core, uint32_t tag) {
    const struct tag_state *t = &core->tags[tag];
    int64_t stale_us = core->model->tags[tag].stale_us;
    int64_t armed_us = 0;
    if (stale_us == 0 || t->gateway == GATEWAY_NONE || (t->flags & TAG_STALE) != 0 ||
        !core->gateways[t->gateway].up) {
        return;
    }
    /* One that is armed already is too early at worst: it looks again when it is due. That is cheaper than to
     * move it with each sample. */
    if (!timer_is_armed(&core->timers, core_timer_of_tag(core, tag), &armed_us)) {
        timer_arm(&core->timers, core_timer_of_tag(core, tag), core_tag_heard_us(core, tag) + stale_us);
    }
}

void core_tag_dirty(struct core *core, uint32_t tag) {
    struct tag_state *t = &core->tags[tag];
    if ((t->flags & TAG_DIRTY) == 0) {
        t->flags |= TAG_DIRTY;
        core->dirty_tags.v[core->dirty_tags.n++] = tag;
    }
}

/* Since when it is unknown, for people. */
static void note_known(struct core *core, uint32_t tag) {
    struct tag_state *t = &core->tags[tag];
    bool known = core_tag_known(core, tag);
    if (known) {
        t->unknown_us = 0;
    } else if (t->unknown_us == 0) {
        t->unknown_us = core->now_us;
    }
}

/* Completes delays whose timers are due at until_us or before. */
static void complete_alarms(struct core *core, uint32_t tag, int64_t until_us,
                            const struct effect_sink *sink) {
    for (uint32_t i = core->tag_alarms.first[tag]; i < core->tag_alarms.first[tag + 1]; i++) {
        core_alarm_until(core, core->tag_alarms.list[i], until_us, sink);
    }
}

void core_tag_stale_due(struct core *core, uint32_t tag, int64_t due_us, const struct effect_sink *sink) {
    struct tag_state *t = &core->tags[tag];
    CHECK(core->gateways[t->gateway].up);
    int64_t deadline_us = core_tag_heard_us(core, tag) + core->model->tags[tag].stale_us;
    if (deadline_us > due_us) {
        timer_arm(&core->timers, core_timer_of_tag(core, tag), deadline_us);
        return;
    }
    /* Until now the value was known: delays that end by now have run to their end. */
    complete_alarms(core, tag, deadline_us, sink);
    t->flags |= TAG_STALE;
    note_known(core, tag);
    core_tag_changed(core, tag);
    core_tag_dirty(core, tag);
    core_rules_propagate(core, deadline_us, false, sink);
}

/* Silence is counted anew from here; nothing else became known. */
static void listen_again(struct core *core, uint32_t tag, const struct effect_sink *sink) {
    for (uint32_t i = core->tag_alarms.first[tag]; i < core->tag_alarms.first[tag + 1]; i++) {
        uint32_t alarm = core->tag_alarms.list[i];
        if (core->model->alarms[alarm].kind == ALARM_STALE) {
            core_gather_evaluate(core, alarm, core->now_us, false, sink);
        }
    }
}

/* Link down: unknown at once. Link up: still unknown, until a sample or the snapshot comes. */
void core_tags_link(struct core *core, uint32_t gateway, bool up, const struct effect_sink *sink) {
    const struct dependents *tags = &core->gateway_tags;
    for (uint32_t i = tags->first[gateway]; i < tags->first[gateway + 1]; i++) {
        uint32_t tag = tags->list[i];
        struct tag_state *t = &core->tags[tag];
        uint8_t before = core_tag_quality(core, tag);
        /* Delays that a sample of this very moment showed to be over. */
        complete_alarms(core, tag, core->now_us - 1, sink);
        t->flags = (uint8_t)((t->flags | TAG_LOST) & ~TAG_STALE);
        timer_disarm(&core->timers, core_timer_of_tag(core, tag));
        note_known(core, tag);
        if (core_tag_quality(core, tag) != before) {
            core_tag_changed(core, tag);
        }
        if (up) {
            core_tag_watch(core, tag);
            listen_again(core, tag, sink);
        }
        if (!up || core_tag_quality(core, tag) != before) {
            core_tag_dirty(core, tag);
        }
    }
    core_rules_propagate(core, core->now_us, false, sink);
}

bool core_tag_calculated(struct core *core, uint32_t tag, struct rule_value value, int64_t ts_us) {
    struct tag_state *t = &core->tags[tag];
    uint8_t quality = QUALITY_BAD | QUALITY_NO_VALUE | REASON_CONFIG;
    uint32_t program = core->model->tags[tag].program;
    if (!value.known && (t->flags & TAG_SEEN) == 0 && !core_bad_input(core, LENS_LIVE, program)) {
        return false; /* its inputs never told anything: it is as it began */
    }
    if (value.known) {
        quality = value.uncertain ? QUALITY_UNCERTAIN : QUALITY_GOOD;
    }
    bool lost = !value.known && core_any_lost(core, LENS_LIVE, program);
    bool same_value = value.known ? t->value == value.v : lost == ((t->flags & TAG_LOST) != 0);
    if ((t->flags & TAG_SEEN) != 0 && t->quality == quality && same_value) {
        return false; /* it holds: nothing is news */
    }
    t->value = value.known ? value.v : t->value;
    t->t_us = ts_us;
    t->received_us = core->now_us;
    t->quality = quality;
    t->flags = (uint8_t)(((t->flags | TAG_SEEN) & ~TAG_LOST) | (lost ? TAG_LOST : 0));
    note_known(core, tag);
    core_tag_changed(core, tag);
    return true;
}

/* --- where nothing can happen --- */

static void narrow(struct tag_state *t, double low, double high) {
    t->quiet_low = low > t->quiet_low ? low : t->quiet_low;
    t->quiet_high = high < t->quiet_high ? high : t->quiet_high;
}

/* Values with which a limit alarm that is settled stays as it is. */
static void narrow_by_limit(struct tag_state *t, const struct model_alarm *m, bool is_true) {
    double sign = m->kind == ALARM_LOW ? -1 : 1; /* low limits with all signs turned */
    double limit = sign * m->limit;
    bool inclusive = model_alarm_is(m, ALARM_INCLUSIVE);
    double edge = inclusive ? nextafter(limit, -INFINITY) : limit;
    double low = -DBL_MAX;
    double high = edge;
    if (is_true) {
        low = m->deadband > 0 || !inclusive ? nextafter(limit - m->deadband, INFINITY) : limit;
        high = DBL_MAX;
    }
    if (m->kind == ALARM_LOW) {
        narrow(t, -high, -low);
    } else {
        narrow(t, low, high);
    }
}

/* False if every sample of the tag counts for this alarm. */
static bool is_quiet(const struct core *core, uint32_t alarm, struct tag_state *t) {
    const struct alarm_state *a = &core->alarms[alarm];
    const struct model_alarm *m = &core->model->alarms[alarm];
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    if ((a->facts & FACT_ENABLED) == 0) {
        return true;
    }
    bool settled = a->delay.state == DELAY_NORMAL || a->delay.state == DELAY_ACTIVE;
    bool is_true = (a->bits & BIT_CONDITION) != 0;
    if (!settled || (a->bits & BIT_UNTRUSTED) != 0 || is_true != delay_is_active(&a->delay)) {
        return false;
    }
    if (m->kind == ALARM_CUSUM || m->kind == ALARM_CUSUM_LOW) {
        return true;
    }
    if (m->kind == ALARM_STALE || m->kind == ALARM_QUALITY) {
        return !is_true;
    }
    if ((m->kind != ALARM_HIGH && m->kind != ALARM_LOW) || more->limit_tag != MODEL_NONE) {
        return false;
    }
    narrow_by_limit(t, m, is_true);
    return true;
}

void core_tag_requiet(struct core *core, uint32_t tag) {
    struct tag_state *t = &core->tags[tag];
    t->quiet_low = -DBL_MAX;
    t->quiet_high = DBL_MAX;
    bool quiet = (t->flags & TAG_RULED) == 0;
    for (uint32_t i = core->tag_alarms.first[tag]; quiet && i < core->tag_alarms.first[tag + 1]; i++) {
        quiet = is_quiet(core, core->tag_alarms.list[i], t);
    }
    if (!quiet) {
        t->quiet_low = INFINITY;
        t->quiet_high = -INFINITY;
    }
}

/* A sample as the core takes it: believable time, finite value. */
struct taken {
    double value;
    int64_t t_us;
    uint8_t quality;
};

static struct taken take(const struct core *core, const struct sample *s) {
    struct taken taken = {
        .value = s->value, .t_us = message_time(s->t_us, core->now_us), .quality = s->quality};
    if (taken.t_us < s->t_us) {
        taken.quality = quality_worse(taken.quality, QUALITY_UNCERTAIN | REASON_CLOCK);
    }
    if ((taken.quality & QUALITY_NO_VALUE) == 0 && !isfinite(taken.value)) {
        taken.quality = quality_worse(taken.quality, QUALITY_BAD | QUALITY_NO_VALUE | REASON_SENSOR);
    }
    return taken;
}

static bool is_same(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

/* Whether the display has something new to show, quality aside. */
static bool is_change(const struct tag_state *t, int64_t t_us, double value) {
    if (t->deadband > 0 && !isnan(t->shown)) {
        return fabs(value - t->shown) >= (double)t->deadband;
    }
    return t_us != t->t_us || !is_same(value, t->value);
}

static void move_live(struct core *core, uint32_t tag, const struct taken *s) {
    struct tag_state *t = &core->tags[tag];
    uint8_t before = core_tag_quality(core, tag);
    double value = (s->quality & QUALITY_NO_VALUE) != 0 ? t->value : s->value;
    bool change = is_change(t, s->t_us, value);
    t->value = value;
    t->t_us = s->t_us;
    t->received_us = core->now_us;
    t->quality = s->quality;
    t->flags = (uint8_t)((t->flags | TAG_SEEN) & ~TAG_STALE);
    if (core->gateways[t->gateway].up) {
        t->flags = (uint8_t)(t->flags & ~TAG_LOST);
    }
    core_tag_watch(core, tag);
    note_known(core, tag);
    if (change || core_tag_quality(core, tag) != before) {
        core_tag_changed(core, tag);
    }
}

/* Whose message is being applied, and on which lane it came. */
struct message {
    uint32_t gateway;
    enum lane lane;
    bool future;
};

/* A snapshot says what is true now: it is never late, or a gateway whose clock was set back could not be seen
 * until its time has caught up. */
static bool is_late(const struct tag_state *t, enum lane lane, int64_t t_us) {
    return lane != LANE_SNAPSHOT && (t->flags & TAG_SEEN) != 0 && t_us < t->t_us;
}

/* A good value that follows a good one, within which no alarm has anything to say: the whole walk, for nearly
 * all samples. False: it must take the long way. */
static bool pass_by(struct core *core, const struct message *m, const struct sample *s) {
    struct tag_state *t = &core->tags[s->tag];
    static const unsigned long_way = TAG_SEEN | TAG_LOST | TAG_STALE | TAG_DIRTY;
    if ((t->flags & long_way) != TAG_SEEN || (s->quality | t->quality) != QUALITY_GOOD ||
        !(s->value >= t->quiet_low && s->value <= t->quiet_high) || s->t_us <= t->t_us ||
        s->t_us > core->now_us + CORE_FUTURE_MAX_US || t->gateway != m->gateway) {
        return false;
    }
    bool change = is_change(t, s->t_us, s->value);
    t->value = s->value;
    t->t_us = s->t_us;
    t->received_us = core->now_us;
    core->counts.samples++;
    if (change) {
        core_tag_changed(core, s->tag);
    }
    return true;
}

/* One sample into the live table, the long way. is_first: no other of this tag and time came before it in the
 * message. */
static void apply(struct core *core, struct message *m, const struct sample *sample, bool is_first,
                  const struct effect_sink *sink) {
    struct tag_state *t = &core->tags[sample->tag];
    struct taken s = take(core, sample);
    if (t->gateway != m->gateway) {
        core->counts.foreign++;
        return;
    }
    if (s.t_us < sample->t_us) {
        core->counts.future++;
        core->suspect = true;
        m->future = true;
    }
    if (is_late(t, m->lane, s.t_us)) {
        core->counts.late++;
        return;
    }
    for (uint32_t i = core->tag_alarms.first[sample->tag];
         is_first && i < core->tag_alarms.first[sample->tag + 1]; i++) {
        core_alarm_before(core, core->tag_alarms.list[i], s.t_us, sink);
    }
    move_live(core, sample->tag, &s);
    core_tag_dirty(core, sample->tag);
    core->counts.samples++;
}

/* Samples of one time: all into the live table first, then what depends on them, each once, so that half a
 * message never rings. */
static void apply_group(struct core *core, struct message *m, const struct sample *v, const uint32_t *order,
                        uint32_t n, const struct effect_sink *sink) {
    int64_t t_us = message_time(v[order[0]].t_us, core->now_us);
    core_rules_tick_before(core, t_us, sink);
    for (uint32_t i = 0; i < n; i++) {
        if (!pass_by(core, m, &v[order[i]])) {
            bool is_first = i == 0 || v[order[i]].tag != v[order[i - 1]].tag;
            apply(core, m, &v[order[i]], is_first, sink);
        }
    }
    if (core->dirty_tags.n > 0) {
        core_rules_propagate(core, t_us, true, sink);
    }
    core->suspect = false;
}

/* The lines of a large table are far away: ask for them some samples ahead. */
static void fetch_ahead(const struct core *core, const struct sample *v, uint32_t at, uint32_t n) {
    enum { AHEAD = 16 };
    if (at + AHEAD < n) {
        __builtin_prefetch(&core->tags[v[at + AHEAD].tag], 1);
    }
}

static void apply_piece(struct core *core, struct message *m, const struct sample *v, uint32_t n,
                        const struct effect_sink *sink) {
    const uint32_t *order = message_order_sort(&core->order, v, n, core->now_us);
    uint32_t first = 0;
    while (first < n) {
        int64_t t_us = message_time(v[order[first]].t_us, core->now_us);
        uint32_t end = first + 1;
        fetch_ahead(core, v, first, n);
        while (end < n && message_time(v[order[end]].t_us, core->now_us) == t_us) {
            fetch_ahead(core, v, end, n);
            end++;
        }
        apply_group(core, m, v, order + first, end - first, sink);
        first = end;
    }
}

/* One alarm for each gateway says that its clock is wrong. */
static void judge_clock(struct core *core, const struct message *m, const struct effect_sink *sink) {
    struct gateway_state *g = &core->gateways[m->gateway];
    uint32_t alarm = core->model->gateways[m->gateway].clock_alarm;
    if (g->future == m->future) {
        return;
    }
    g->future = m->future;
    if (alarm != MODEL_NONE) {
        core_alarm_evaluate(core, alarm, core->now_us, sink);
    }
}

void core_tags_message(struct core *core, const struct event *event, const struct effect_sink *sink) {
    const struct sample *v = event->samples.v;
    uint32_t n = event->samples.n;
    struct message m = {.gateway = event->samples.gateway, .lane = event->samples.lane};
    for (uint32_t i = 0; i < n; i++) {
        CHECK(v[i].tag < core->model->n_tags);
    }
    for (uint32_t done = 0; done < n; done += MESSAGE_ORDER_MAX) {
        uint32_t left = n - done;
        apply_piece(core, &m, v + done, left < MESSAGE_ORDER_MAX ? left : MESSAGE_ORDER_MAX, sink);
    }
    judge_clock(core, &m, sink);
}
