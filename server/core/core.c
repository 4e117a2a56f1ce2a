#include "server/core/core.h"

#include "server/base/check.h"
#include "server/core/core_state.h"

static void timer_due(struct core *core, uint32_t id, int64_t due_us, const struct effect_sink *sink) {
    uint32_t n_alarms = core->model->n_alarms;
    if (id >= TIMER_ALARM_KINDS * n_alarms + core->model->n_tags) {
        core_suppress_group_due(core, id - TIMER_ALARM_KINDS * n_alarms - core->model->n_tags, sink);
        return;
    }
    if (id >= TIMER_ALARM_KINDS * n_alarms) {
        core_tag_stale_due(core, id - TIMER_ALARM_KINDS * n_alarms, due_us, sink);
        return;
    }
    uint32_t alarm = id % n_alarms;
    static const struct cause expired = {
        .actor = "", .desk = "", .comment = "", .source = "", .unshelved = UNSHELVE_EXPIRED};
    switch ((enum timer_kind)(id / n_alarms)) {
    case TIMER_DELAY:
        core_alarm_due(core, alarm, sink);
        break;
    case TIMER_STEP:
        core_gather_due(core, alarm, due_us, sink);
        break;
    case TIMER_SHELF:
        core_unhide(core, alarm, RECORD_UNSHELVE, FACT_SHELVED | FACT_ONE_SHOT, core->now_us, &expired, sink);
        break;
    case TIMER_REANNOUNCE:
        core_transit(core, alarm, ALARM_EVENT_REANNOUNCE, core->now_us, &core_the_system, sink);
        break;
    case TIMER_ESCALATE:
        core_escalate(core, alarm, sink);
        break;
    case TIMER_SUPPRESS:
        core_suppress_alarm_due(core, alarm, sink);
        break;
    }
    core_alarm_requiet(core, alarm);
}

void core_run_timers(struct core *core, int64_t until_us, const struct effect_sink *sink) {
    uint32_t id = 0;
    int64_t due_us = 0;
    enum alarm_cause cause = core->cause;
    core->cause = CAUSE_TIMER;
    for (;;) {
        int64_t tick_us = timer_next(&core->ticks);
        if (tick_us <= until_us && tick_us <= timer_next(&core->timers)) {
            core_rules_tick(core, tick_us, sink);
        } else if (timer_pop(&core->timers, until_us, &id, &due_us)) {
            timer_due(core, id, due_us, sink);
        } else {
            break;
        }
    }
    (void)kpi_flood_advance(&core->flood, core->now_us);
    core->cause = cause;
}

static void apply_samples(struct core *core, const struct event *event, const struct effect_sink *sink) {
    CHECK(event->samples.gateway < core->model->n_gateways);
    switch (event->samples.lane) {
    case LANE_LIVE:
    case LANE_SNAPSHOT:
        core->cause = CAUSE_SAMPLE;
        core_tags_message(core, event, sink);
        break;
    case LANE_BACKLOG:
        core->cause = CAUSE_HISTORY;
        core->counts.backlog += event->samples.n;
        core_history_message(core, event, sink);
        break;
    }
}

static void apply_link(struct core *core, uint32_t gateway, bool up, const struct effect_sink *sink) {
    CHECK(gateway < core->model->n_gateways);
    struct gateway_state *g = &core->gateways[gateway];
    uint32_t comm = core->model->gateways[gateway].comm_alarm;
    if (g->up == up) {
        return;
    }
    core->cause = CAUSE_LINK;
    if (!up) {
        core_history_begin(core, gateway);
    }
    g->up = up;
    g->since_us = core->now_us;
    core_tags_link(core, gateway, up, sink);
    if (comm != MODEL_NONE) {
        core_alarm_evaluate(core, comm, core->now_us, sink);
    }
    g->starting = g->starting && !up;
}

static void apply_certificate(struct core *core, uint32_t alarm, int64_t end_us,
                              const struct effect_sink *sink) {
    CHECK(alarm < core->model->n_alarms && core->model->alarms[alarm].kind == ALARM_CERTIFICATE);
    core->cause = CAUSE_LINK;
    core->memos[core->alarms[alarm].memo].end_us = end_us;
    core_certificate_evaluate(core, alarm, core->now_us, sink);
}

/* True for a moment: each attempt begins the off-delay anew. */
static void apply_duplicate(struct core *core, uint32_t alarm, const char *text,
                            const struct effect_sink *sink) {
    CHECK(alarm < core->model->n_alarms && core->model->alarms[alarm].kind == ALARM_DUPLICATE);
    if ((core->alarms[alarm].facts & FACT_ENABLED) == 0) {
        return;
    }
    core->cause = CAUSE_LINK;
    core->told = text;
    core_alarm_step(core, alarm, TRUTH_TRUE, core->now_us, sink);
    core->told = NULL;
    core_alarm_evaluate(core, alarm, core->now_us, sink);
}

/* Beside samples from the future, which a clock that is behind never sends. Known until it is measured anew,
 * also while the line is down. */
static void apply_clock(struct core *core, uint32_t gateway, bool off, const struct effect_sink *sink) {
    CHECK(gateway < core->model->n_gateways);
    uint32_t alarm = core->model->gateways[gateway].clock_alarm;
    if (core->gateways[gateway].off != off) {
        core->cause = CAUSE_LINK;
        core->gateways[gateway].off = off;
        if (alarm != MODEL_NONE) {
            core_alarm_evaluate(core, alarm, core->now_us, sink);
        }
    }
}

static void apply_silence(struct core *core, uint32_t position, const struct effect_sink *sink) {
    CHECK(position == MODEL_NONE || position < MODEL_POSITIONS_MAX);
    for (uint32_t i = 0; i < MODEL_POSITIONS_MAX; i++) {
        if (position == MODEL_NONE || position == i) {
            core->silenced[i] = core->sounds;
        }
    }
    const struct effect effect = {.kind = EFFECT_SILENCE, .silence = {.position = position}};
    sink->emit(sink->ctx, &effect);
}

void core_apply(struct core *core, const struct event *event, int64_t now_us, struct effect_sink sink) {
    CHECK(sink.emit != NULL);
    if (core->unsettled) {
        core->cause = CAUSE_RESTART;
        core_alarms_settle(core, &sink);
    }
    /* What was due before is completed first. What is due at this very time waits: requests and samples of
     * one time come before its timers. */
    if (now_us > core->now_us) {
        core->now_us = now_us;
        core_run_timers(core, now_us - 1, &sink);
    }
    switch (event->kind) {
    case EVENT_SAMPLES:
        apply_samples(core, event, &sink);
        break;
    case EVENT_LINK:
        apply_link(core, event->link.gateway, event->link.up, &sink);
        break;
    case EVENT_BACKLOG_END:
        CHECK(event->backlog_end.gateway < core->model->n_gateways);
        core->cause = CAUSE_HISTORY;
        core_history_end(core, event->backlog_end.gateway, event->backlog_end.te_us, &sink);
        break;
    case EVENT_CLOCK:
        apply_clock(core, event->clock.gateway, event->clock.off, &sink);
        break;
    case EVENT_REQUEST:
        core->cause = CAUSE_OPERATOR;
        core_request(core, event, &sink);
        break;
    case EVENT_SILENCE:
        apply_silence(core, event->silence.position, &sink);
        break;
    case EVENT_CERTIFICATE:
        apply_certificate(core, event->certificate.alarm, event->certificate.end_us, &sink);
        break;
    case EVENT_SERVER:
        core->cause = CAUSE_LINK;
        core_server_told(core, event->server.alarm, event, &sink);
        break;
    case EVENT_DUPLICATE:
        apply_duplicate(core, event->duplicate.alarm, event->duplicate.text, &sink);
        break;
    case EVENT_TIME:
        core_run_timers(core, core->now_us, &sink);
        break;
    }
}

int64_t core_next_wake(const struct core *core) {
    if (core->unsettled) {
        return core->now_us;
    }
    int64_t next_us = timer_next(&core->timers);
    int64_t tick_us = timer_next(&core->ticks);
    return tick_us < next_us ? tick_us : next_us;
}

const struct model *core_model(const struct core *core) {
    return core->model;
}

bool core_link_up(const struct core *core, uint32_t gateway, int64_t *ret_since_us) {
    CHECK(gateway < core->model->n_gateways);
    if (ret_since_us != NULL) {
        *ret_since_us = core->gateways[gateway].since_us;
    }
    return core->gateways[gateway].up;
}

struct core_counts core_counts(const struct core *core) {
    struct core_counts counts = core->counts;
    struct kpi_flood_live flood = core->flood;
    (void)kpi_flood_advance(&flood, core->now_us);
    counts.flood = flood.count;
    counts.flooded = flood.flood;
    return counts;
}

uint64_t core_journal_seq(const struct core *core) {
    return core->journal_seq;
}

uint32_t core_take_changed(struct core *core, uint32_t *ret_tags, uint32_t max) {
    uint32_t n = 0;
    while (n < max && core->changed_n > 0) {
        uint32_t tag = core->changed[core->changed_first];
        core->tags[tag].flags = (uint8_t)(core->tags[tag].flags & ~TAG_QUEUED);
        core->tags[tag].shown = core->tags[tag].value;
        core->changed_first = core->changed_first + 1 == core->model->n_tags ? 0 : core->changed_first + 1;
        core->changed_n--;
        ret_tags[n++] = tag;
    }
    return n;
}
