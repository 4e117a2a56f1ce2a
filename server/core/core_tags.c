#include "server/base/check.h"
#include "server/core/core_state.h"

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

static uint32_t stale_timer(const struct core *core, uint32_t tag) {
    return core->model->n_alarms + tag;
}

int64_t core_tag_stale_at(const struct core *core, uint32_t tag) {
    const struct tag_state *t = &core->tags[tag];
    int64_t since_us = core->gateways[t->gateway].since_us;
    bool heard = (t->flags & TAG_SEEN) != 0 && t->received_us > since_us;
    return (heard ? t->received_us : since_us) + t->stale_us;
}

void core_tag_watch(struct core *core, uint32_t tag) {
    const struct tag_state *t = &core->tags[tag];
    int64_t armed_us = 0;
    if (t->stale_us == 0 || (t->flags & TAG_STALE) != 0 || !core->gateways[t->gateway].up) {
        return;
    }
    /* One that is armed already is too early at worst: it looks again when it is due. That is cheaper than to
     * move it with each sample. */
    if (!timer_is_armed(&core->timers, stale_timer(core, tag), &armed_us)) {
        timer_arm(&core->timers, stale_timer(core, tag), core_tag_stale_at(core, tag));
    }
}

static void evaluate_alarms(struct core *core, uint32_t tag, int64_t ts_us, const struct effect_sink *sink) {
    const struct tag_state *t = &core->tags[tag];
    for (uint32_t i = 0; i < t->n_alarms; i++) {
        core_alarm_evaluate(core, t->first_alarm + i, ts_us, sink);
    }
}

/* Completes delays whose timers are due at until_us or before. */
static void complete_alarms(struct core *core, uint32_t tag, int64_t until_us,
                            const struct effect_sink *sink) {
    const struct tag_state *t = &core->tags[tag];
    for (uint32_t i = 0; i < t->n_alarms; i++) {
        core_alarm_until(core, t->first_alarm + i, until_us, sink);
    }
}

void core_tag_stale_due(struct core *core, uint32_t tag, int64_t due_us, const struct effect_sink *sink) {
    struct tag_state *t = &core->tags[tag];
    CHECK(core->gateways[t->gateway].up);
    int64_t deadline_us = core_tag_stale_at(core, tag);
    if (deadline_us > due_us) {
        timer_arm(&core->timers, stale_timer(core, tag), deadline_us);
        return;
    }
    /* Until now the value was known: delays that end by now have run to their end. */
    complete_alarms(core, tag, deadline_us, sink);
    t->flags |= TAG_STALE;
    core_tag_changed(core, tag);
    evaluate_alarms(core, tag, deadline_us, sink);
}

/* Link down: unknown at once. Link up: still unknown, until a sample or the snapshot comes. */
void core_tags_link(struct core *core, uint32_t gateway, bool up, const struct effect_sink *sink) {
    for (uint32_t i = core->gateway_first[gateway]; i < core->gateway_first[gateway + 1]; i++) {
        uint32_t tag = core->gateway_tags[i];
        struct tag_state *t = &core->tags[tag];
        uint8_t before = core_tag_quality(core, tag);
        /* Delays that a sample of this very moment showed to be over. */
        complete_alarms(core, tag, core->now_us - 1, sink);
        t->flags = (uint8_t)((t->flags | TAG_LOST) & ~TAG_STALE);
        timer_disarm(&core->timers, stale_timer(core, tag));
        if (up) {
            core_tag_watch(core, tag);
        }
        if (core_tag_quality(core, tag) != before) {
            core_tag_changed(core, tag);
        }
        evaluate_alarms(core, tag, core->now_us, sink);
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
static bool is_change(const struct tag_state *t, const struct taken *s, double value) {
    if (t->deadband > 0 && !isnan(t->shown)) {
        return fabs(value - t->shown) >= t->deadband;
    }
    return s->t_us != t->t_us || !is_same(value, t->value);
}

static void move_live(struct core *core, uint32_t tag, const struct taken *s) {
    struct tag_state *t = &core->tags[tag];
    uint8_t before = core_tag_quality(core, tag);
    double value = (s->quality & QUALITY_NO_VALUE) != 0 ? t->value : s->value;
    bool change = is_change(t, s, value);
    t->value = value;
    t->t_us = s->t_us;
    t->received_us = core->now_us;
    t->quality = s->quality;
    t->flags = (uint8_t)((t->flags | TAG_SEEN) & ~TAG_STALE);
    if (core->gateways[t->gateway].up) {
        t->flags = (uint8_t)(t->flags & ~TAG_LOST);
    }
    core_tag_watch(core, tag);
    if (change || core_tag_quality(core, tag) != before) {
        core_tag_changed(core, tag);
    }
}

/* Whose message is being applied, and on which lane it came. */
struct message {
    uint32_t gateway;
    enum lane lane;
};

/* A snapshot says what is true now: it is never late, or a gateway whose clock was set back could not be seen
 * until its time has caught up. */
static bool is_late(const struct tag_state *t, enum lane lane, int64_t t_us) {
    return lane != LANE_SNAPSHOT && (t->flags & TAG_SEEN) != 0 && t_us < t->t_us;
}

/* One sample into the live table. is_first: no other of this tag and time came before it in the message. */
static void apply(struct core *core, const struct message *m, const struct sample *sample, bool is_first,
                  const struct effect_sink *sink) {
    struct tag_state *t = &core->tags[sample->tag];
    struct taken s = take(core, sample);
    if (t->gateway != m->gateway) {
        core->counts.foreign++;
        return;
    }
    core->counts.future += s.t_us < sample->t_us ? 1 : 0;
    if (is_late(t, m->lane, s.t_us)) {
        core->counts.late++;
        return;
    }
    for (uint32_t i = 0; is_first && i < t->n_alarms; i++) {
        core_alarm_before(core, t->first_alarm + i, s.t_us, sink);
    }
    move_live(core, sample->tag, &s);
    core->counts.samples++;
}

/* Samples of one time: all into the live table first, then each alarm that depends on them once, so that half
 * a message never rings. */
static void apply_group(struct core *core, const struct message *m, const struct sample *v,
                        const uint32_t *order, uint32_t n, const struct effect_sink *sink) {
    int64_t t_us = message_time(v[order[0]].t_us, core->now_us);
    for (uint32_t i = 0; i < n; i++) {
        bool is_first = i == 0 || v[order[i]].tag != v[order[i - 1]].tag;
        apply(core, m, &v[order[i]], is_first, sink);
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t tag = v[order[i]].tag;
        const struct tag_state *t = &core->tags[tag];
        bool is_last = i + 1 == n || v[order[i + 1]].tag != tag;
        if (is_last && t->gateway == m->gateway && !is_late(t, m->lane, t_us)) {
            evaluate_alarms(core, tag, t_us, sink);
        }
    }
}

static void apply_piece(struct core *core, const struct message *m, const struct sample *v, uint32_t n,
                        const struct effect_sink *sink) {
    const uint32_t *order = message_order_sort(&core->order, v, n, core->now_us);
    uint32_t first = 0;
    while (first < n) {
        int64_t t_us = message_time(v[order[first]].t_us, core->now_us);
        uint32_t end = first + 1;
        while (end < n && message_time(v[order[end]].t_us, core->now_us) == t_us) {
            end++;
        }
        apply_group(core, m, v, order + first, end - first, sink);
        first = end;
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
}
