#include "server/base/check.h"
#include "server/core/core_state.h"

#include <math.h>

/* Kinds that stored samples can tell about: they need nothing but values and their times. */
static bool is_told_by_samples(enum alarm_kind kind) {
    switch (kind) {
    case ALARM_HIGH:
    case ALARM_LOW:
    case ALARM_DEV:
    case ALARM_ROC:
    case ALARM_STATE:
    case ALARM_DISC:
    case ALARM_EXPR:
        return true;
    case ALARM_STALE:
    case ALARM_COMM:
    case ALARM_CHANGE:
    case ALARM_QUALITY:
    case ALARM_RUNTIME:
    case ALARM_TOTAL:
    case ALARM_CUSUM:
    case ALARM_CUSUM_LOW:
    case ALARM_CLOCK:
    case ALARM_CERTIFICATE:
    case ALARM_DUPLICATE:
    case ALARM_SERVER:
        return false;
    }
    check_failed(__FILE__, __LINE__, "alarm kind is one of the enum");
}

/* All inputs come from this gateway. */
static bool is_of_one(const struct core *core, uint32_t alarm, uint32_t gateway) {
    const struct model *m = core->model;
    const struct model_alarm_more *more = model_alarm_more(m, alarm);
    const uint32_t tags[] = {m->alarms[alarm].tag, more->second_tag, more->limit_tag};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (tags[i] != MODEL_NONE && m->tags[tags[i]].gateway != gateway) {
            return false;
        }
    }
    const uint32_t *inputs = NULL;
    uint32_t n = more->program == MODEL_NONE ? 0 : rule_set_inputs(m->rules, more->program, &inputs);
    for (uint32_t i = 0; i < n; i++) {
        if (m->tags[inputs[i]].gateway != gateway) {
            return false;
        }
    }
    return true;
}

static void open_shadow(struct core *core, uint32_t alarm, bool anew) {
    const struct alarm_state *a = &core->alarms[alarm];
    struct shadow *s = &core->shadows[alarm];
    if ((!s->open || anew) && (a->facts & FACT_ENABLED) != 0) {
        *s = (struct shadow){.delay = a->delay, .open = true, .condition = (a->bits & BIT_CONDITION) != 0};
    }
}

static void open_tag(struct core *core, uint32_t tag) {
    const struct tag_state *t = &core->tags[tag];
    core->shadow_tags[tag] = (struct shadow_tag){
        .value = t->value, .t_us = t->t_us, .quality = t->quality, .seen = (t->flags & TAG_SEEN) != 0};
}

/* Called when the line breaks, before its tags become unknown. A gap within a gap goes on with the shadow
 * that is open; if nothing of the first one was told, there is one gap, and it begins here. */
void core_history_begin(struct core *core, uint32_t gateway) {
    const struct dependents *tags = &core->gateway_tags;
    bool anew = core->gateways[gateway].shadowed;
    if (anew && core->gateways[gateway].told) {
        return;
    }
    core->gateways[gateway].shadowed = true;
    core->gateways[gateway].told = false;
    for (uint32_t i = tags->first[gateway]; i < tags->first[gateway + 1]; i++) {
        uint32_t tag = tags->list[i];
        open_tag(core, tag);
        for (uint32_t j = core->tag_alarms.first[tag]; j < core->tag_alarms.first[tag + 1]; j++) {
            if (is_told_by_samples((enum alarm_kind)core->model->alarms[core->tag_alarms.list[j]].kind)) {
                open_shadow(core, core->tag_alarms.list[j],
                            anew && is_of_one(core, core->tag_alarms.list[j], gateway));
            }
        }
    }
    if (core->history != NULL) {
        core_rules_shadow(core, gateway);
    }
}

static struct reading as_of_now(const struct core *core, uint32_t alarm) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    return (struct reading){.value = m->tag == MODEL_NONE ? (double)NAN : core->shadow_tags[m->tag].value,
                            .limit = core_alarm_limit(core, alarm, LENS_HISTORY)};
}

static void follow(struct core *core, uint32_t alarm, enum delay_result result, const struct reading *r,
                   int64_t src_us, const struct effect_sink *sink) {
    if (result == DELAY_ACTIVATE) {
        core_history_record(core, alarm, RECORD_HIST_RAISE, r, src_us, sink);
    } else if (result == DELAY_RETURN) {
        core_history_record(core, alarm, RECORD_HIST_RTN, r, src_us, sink);
    }
}

static void complete_before(struct core *core, uint32_t alarm, int64_t ts_us,
                            const struct effect_sink *sink) {
    struct shadow *s = &core->shadows[alarm];
    struct delay_config delays = core_alarm_delays(core, alarm);
    if (s->open && delay_ended_before(&s->delay, delays, ts_us)) {
        int64_t src_us = 0;
        enum delay_result result = delay_complete(&s->delay, delays, &src_us);
        struct reading r = as_of_now(core, alarm);
        follow(core, alarm, result, &r, src_us, sink);
    }
}

/* Unknown stored values conclude nothing: the delay stops, whatever the alarm says of bad ones. */
void core_history_judge(struct core *core, uint32_t alarm, uint32_t gateway, int64_t ts_us,
                        const struct effect_sink *sink) {
    struct shadow *s = &core->shadows[alarm];
    if (!s->open || (core->alarms[alarm].facts & FACT_ENABLED) == 0) {
        return;
    }
    if (!is_of_one(core, alarm, gateway)) {
        if (!s->skipped) {
            struct reading nothing = {.value = (double)NAN, .limit = (double)NAN};
            core_history_record(core, alarm, RECORD_HIST_SKIPPED, &nothing, ts_us, sink);
        }
        s->skipped = true;
        return;
    }
    struct reading r = core_condition(core, alarm, LENS_HISTORY, s->condition, &ts_us);
    s->condition = r.truth == TRUTH_UNKNOWN ? s->condition : r.truth == TRUTH_TRUE;
    struct delay_input in = {.condition = r.truth, .ts_us = ts_us, .now_us = ts_us};
    int64_t src_us = 0;
    enum delay_result result = delay_step(&s->delay, core_alarm_delays(core, alarm), in, &src_us);
    follow(core, alarm, result, &r, src_us, sink);
}

/* False if the sample says nothing new: it was seen before the line broke, or is of another gateway. */
static bool take(struct core *core, uint32_t gateway, const struct sample *sample) {
    struct shadow_tag *s = &core->shadow_tags[sample->tag];
    int64_t t_us = message_time(sample->t_us, core->now_us);
    if (core->model->tags[sample->tag].gateway != gateway ||
        (s->seen && (t_us < s->t_us || (t_us == s->t_us && sample->value == s->value)))) {
        return false;
    }
    core->suspect = core->suspect || t_us < sample->t_us;
    s->seen = true;
    s->t_us = t_us;
    s->quality = sample->quality;
    if ((sample->quality & QUALITY_NO_VALUE) == 0 && !isfinite(sample->value)) {
        s->quality = quality_worse(sample->quality, QUALITY_BAD | QUALITY_NO_VALUE | REASON_SENSOR);
    } else if ((sample->quality & QUALITY_NO_VALUE) == 0) {
        s->value = sample->value;
    }
    return true;
}

/* Rules that change with time alone do so between stored samples, too. */
static void tick_until(struct core *core, uint32_t gateway, int64_t until_us,
                       const struct effect_sink *sink) {
    uint32_t alarm = MODEL_NONE;
    for (;;) {
        int64_t due_us = core_rules_history_due(core, gateway, until_us, &alarm);
        if (due_us == INT64_MAX) {
            return;
        }
        complete_before(core, alarm, due_us, sink);
        core_history_judge(core, alarm, gateway, due_us, sink);
    }
}

static void apply_group(struct core *core, uint32_t gateway, const struct sample *v, const uint32_t *order,
                        uint32_t n, const struct effect_sink *sink) {
    int64_t ts_us = message_time(v[order[0]].t_us, core->now_us);
    tick_until(core, gateway, ts_us, sink);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t tag = v[order[i]].tag;
        for (uint32_t j = core->tag_alarms.first[tag]; j < core->tag_alarms.first[tag + 1]; j++) {
            complete_before(core, core->tag_alarms.list[j], ts_us, sink);
        }
        if (take(core, gateway, &v[order[i]])) {
            core_tag_dirty(core, tag);
        }
    }
    core_rules_history(core, gateway, ts_us, sink);
    core->suspect = false;
}

void core_history_message(struct core *core, const struct event *event, const struct effect_sink *sink) {
    const struct sample *v = event->samples.v;
    uint32_t gateway = event->samples.gateway;
    if (!core->gateways[gateway].shadowed) {
        return; /* the gap was closed: these are for the store alone */
    }
    core->gateways[gateway].told = true;
    for (uint32_t i = 0; i < event->samples.n; i++) {
        CHECK(v[i].tag < core->model->n_tags);
    }
    for (uint32_t done = 0; done < event->samples.n; done += MESSAGE_ORDER_MAX) {
        uint32_t left = event->samples.n - done;
        uint32_t n = left < MESSAGE_ORDER_MAX ? left : MESSAGE_ORDER_MAX;
        const uint32_t *order = message_order_sort(&core->order, v + done, n, core->now_us);
        for (uint32_t first = 0; first < n;) {
            int64_t ts_us = message_time(v[done + order[first]].t_us, core->now_us);
            uint32_t end = first + 1;
            while (end < n && message_time(v[done + order[end]].t_us, core->now_us) == ts_us) {
                end++;
            }
            apply_group(core, gateway, v + done, order + first, end - first, sink);
            first = end;
        }
    }
}

/* Delays that were due before te complete; an excursion that is still open while the live alarm is normal
 * ends there; if the live alarm is active, they are the same excursion. */
static void close_shadow(struct core *core, uint32_t alarm, uint32_t gateway, int64_t te_us,
                         const struct effect_sink *sink) {
    struct shadow *s = &core->shadows[alarm];
    bool told = is_of_one(core, alarm, gateway) && (core->alarms[alarm].facts & FACT_ENABLED) != 0;
    if (told) {
        complete_before(core, alarm, te_us, sink);
    }
    if (told && delay_is_active(&s->delay) && (core->alarms[alarm].facts & FACT_ACTIVE) == 0) {
        struct reading r = as_of_now(core, alarm);
        core_history_record(core, alarm, RECORD_HIST_RTN, &r, te_us, sink);
    }
    s->open = false;
}

void core_history_end(struct core *core, uint32_t gateway, int64_t te_us, const struct effect_sink *sink) {
    const struct dependents *tags = &core->gateway_tags;
    if (!core->gateways[gateway].shadowed) {
        return;
    }
    te_us = message_time(te_us, core->now_us);
    tick_until(core, gateway, te_us, sink);
    core->gateways[gateway].shadowed = false;
    for (uint32_t i = tags->first[gateway]; i < tags->first[gateway + 1]; i++) {
        uint32_t tag = tags->list[i];
        for (uint32_t j = core->tag_alarms.first[tag]; j < core->tag_alarms.first[tag + 1]; j++) {
            uint32_t alarm = core->tag_alarms.list[j];
            if (core->shadows[alarm].open) {
                close_shadow(core, alarm, gateway, te_us, sink);
            }
        }
    }
}
