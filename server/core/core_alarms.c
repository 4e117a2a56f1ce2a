#include "server/base/check.h"
#include "server/base/utf8.h"
#include "server/core/core_state.h"

#include <math.h>
#include <stdio.h>

static const struct cause the_system = {.actor = "", .comment = ""};

/* Copies text, cut at a character's border. */
static void copy_text(char *ret, size_t size, const char *text) {
    size_t n = utf8_valid_prefix(text, strnlen(text, size - 1));
    memcpy(ret, text, n);
    ret[n] = '\0';
}

static double limit_of(enum alarm_kind kind, double limit) {
    return alarm_kind_has_limit(kind) ? limit : (double)NAN;
}

static double present_value(const struct core *core, const struct alarm_state *a) {
    return a->tag == MODEL_NONE ? (double)NAN : core->tags[a->tag].value;
}

static uint8_t present_quality(const struct core *core, const struct alarm_state *a) {
    if (a->tag != MODEL_NONE) {
        return core_tag_quality(core, a->tag);
    }
    return core->gateways[a->gateway].up ? QUALITY_NO_VALUE : QUALITY_BAD | QUALITY_NO_VALUE | REASON_COMMS;
}

void core_alarm_count(struct core *core, uint8_t priority, char from, char to) {
    uint32_t unacked = (uint32_t)alarm_letter_unacked(to) - (uint32_t)alarm_letter_unacked(from);
    core->counts.unacked[0] += unacked;
    core->counts.unacked[priority] += unacked;
    core->counts.active += (uint32_t)alarm_letter_active(to) - (uint32_t)alarm_letter_active(from);
}

int64_t core_journal_time(const struct core *core) {
    return core->now_us > core->journal_at_us ? core->now_us : core->journal_at_us;
}

struct alarm_record core_alarm_record(const struct core *core, uint32_t alarm) {
    const struct alarm_state *a = &core->alarms[alarm];
    const struct alarm_detail *d = &core->details[alarm];
    const struct model_alarm *m = &core->model->alarms[alarm];
    return (struct alarm_record){
        .seq = core->journal_seq,
        .n = d->n,
        .alarm_key = m->key,
        .site_key = core->model->sites[m->site].key,
        .tag_key = a->tag == MODEL_NONE ? 0 : core->model->tags[a->tag].key,
        .revision = m->revision,
        .src_us = core->now_us,
        .at_us = core_journal_time(core),
        .raised_us = d->raised_us,
        .value = present_value(core, a),
        .limit = limit_of(a->kind, a->limit),
        .alarm = alarm,
        .occ = a->occ,
        .call = a->call,
        .to = alarm_letter(&a->facts),
        .priority = a->priority,
        .quality = present_quality(core, a),
    };
}

static void note_event(struct core *core, uint32_t alarm, enum alarm_event event, int64_t src_us,
                       const struct cause *cause) {
    struct alarm_state *a = &core->alarms[alarm];
    struct alarm_detail *d = &core->details[alarm];
    switch (event) {
    case ALARM_EVENT_ACTIVATE:
        a->occ++;
        a->call++;
        d->raised_us = src_us;
        d->value = present_value(core, a);
        d->acked_us = 0;
        d->acked_by[0] = '\0';
        break;
    case ALARM_EVENT_ACK:
        d->acked_us = core_journal_time(core);
        copy_text(d->acked_by, sizeof d->acked_by, cause->actor);
        break;
    case ALARM_EVENT_DISABLE:
        d->acked_us = 0;
        d->acked_by[0] = '\0';
        break;
    case ALARM_EVENT_RETURN:
    case ALARM_EVENT_ENABLE:
    case ALARM_EVENT_REMOVE:
        break;
    }
}

/* The only place where the facts of a configured alarm change; each change is one record. */
static void set_state(struct core *core, uint32_t alarm, enum alarm_event event, int64_t src_us,
                      const struct cause *cause, const struct effect_sink *sink) {
    struct alarm_state *a = &core->alarms[alarm];
    const struct alarm_row *row = alarm_fsm_row(event, alarm_letter(&a->facts));
    CHECK(row != NULL);
    alarm_fsm_apply(&a->facts, event);
    note_event(core, alarm, event, src_us, cause);
    core_alarm_count(core, a->priority, row->from, row->to);
    core->journal_seq++;
    core->details[alarm].n++;
    core->details[alarm].changed_us = core_journal_time(core);
    struct effect effect = {.kind = EFFECT_RECORD, .record = core_alarm_record(core, alarm)};
    struct alarm_record *r = &effect.record;
    r->kind = row->kind;
    r->from = row->from;
    r->src_us = src_us;
    r->actor_key = cause->actor_key;
    copy_text(r->actor, sizeof r->actor, cause->actor);
    copy_text(r->comment, sizeof r->comment, cause->comment);
    if (event == ALARM_EVENT_ACK) {
        /* It is about the occurrence: it carries what was seen at the activation. */
        r->value = core->details[alarm].value;
    }
    sink->emit(sink->ctx, &effect);
}

static enum truth stale_condition(const struct core *core, const struct alarm_state *a) {
    const struct tag_state *t = &core->tags[a->tag];
    if ((t->flags & TAG_STALE) != 0) {
        return TRUTH_TRUE;
    }
    bool heard = (t->flags & TAG_SEEN) != 0 && (t->flags & TAG_LOST) == 0;
    /* While the link is down, and until something comes after it, the alarm rests: an active one is held, a
     * delay that ran starts anew. */
    return heard || !a->facts.active ? TRUTH_FALSE : TRUTH_UNKNOWN;
}

static enum truth condition_of(const struct core *core, const struct alarm_state *a) {
    if (a->kind == ALARM_HIGH || a->kind == ALARM_LOW) {
        if (!core_tag_known(core, a->tag)) {
            return TRUTH_UNKNOWN;
        }
        double value = core->tags[a->tag].value;
        return a->kind == ALARM_HIGH ? condition_high(a->limit, a->deadband, a->condition, value)
                                     : condition_low(a->limit, a->deadband, a->condition, value);
    }
    if (a->kind == ALARM_STALE) {
        return stale_condition(core, a);
    }
    if (a->kind != ALARM_COMM) {
        return TRUTH_FALSE;
    }
    const struct gateway_state *g = &core->gateways[a->gateway];
    return g->enabled && !g->up ? TRUTH_TRUE : TRUTH_FALSE;
}

struct delay_config core_alarm_delays(const struct core *core, uint32_t alarm) {
    const struct alarm_state *a = &core->alarms[alarm];
    struct delay_config delays = a->delays;
    if (a->kind == ALARM_COMM && core->gateways[a->gateway].starting && delays.on_us < CORE_CONNECT_US) {
        delays.on_us = CORE_CONNECT_US;
    }
    return delays;
}

/* The server timer stands in for the sample that may never come. */
static void sync_timer(struct core *core, uint32_t alarm) {
    const struct delay *d = &core->alarms[alarm].delay;
    int64_t armed_us = 0;
    if (!delay_is_running(d)) {
        timer_disarm(&core->timers, alarm);
    } else if (!timer_is_armed(&core->timers, alarm, &armed_us) || armed_us != d->due_us) {
        timer_arm(&core->timers, alarm, d->due_us);
    }
}

static void follow(struct core *core, uint32_t alarm, enum delay_result result, int64_t src_us,
                   const struct effect_sink *sink) {
    switch (result) {
    case DELAY_NOTHING:
        break;
    case DELAY_ACTIVATE:
        set_state(core, alarm, ALARM_EVENT_ACTIVATE, src_us, &the_system, sink);
        break;
    case DELAY_RETURN:
        set_state(core, alarm, ALARM_EVENT_RETURN, src_us, &the_system, sink);
        break;
    }
    sync_timer(core, alarm);
}

/* When what is known now became known. Staleness is a fact of the server's own time; and a silence begins
 * after the newest sample, also when the gateway's clock is ahead. */
static int64_t evidence_us(const struct core *core, const struct alarm_state *a, enum truth condition,
                           int64_t ts_us) {
    if (a->kind == ALARM_STALE) {
        return condition == TRUTH_TRUE ? ts_us : core->now_us;
    }
    bool silent = condition == TRUTH_UNKNOWN && a->tag != MODEL_NONE && ts_us < core->tags[a->tag].t_us;
    return silent ? core->tags[a->tag].t_us : ts_us;
}

void core_alarm_evaluate(struct core *core, uint32_t alarm, int64_t ts_us, const struct effect_sink *sink) {
    struct alarm_state *a = &core->alarms[alarm];
    if (!a->facts.enabled) {
        return;
    }
    enum truth condition = condition_of(core, a);
    if (condition == TRUTH_FALSE && a->delay.state == DELAY_NORMAL) {
        a->condition = false;
        return;
    }
    if (condition != TRUTH_UNKNOWN) {
        a->condition = condition == TRUTH_TRUE;
    }
    struct delay_input in = {
        .condition = condition,
        .ts_us = evidence_us(core, a, condition, ts_us),
        .now_us = core->now_us,
    };
    int64_t src_us = 0;
    enum delay_result result = delay_step(&a->delay, core_alarm_delays(core, alarm), in, &src_us);
    follow(core, alarm, result, src_us, sink);
}

void core_alarm_before(struct core *core, uint32_t alarm, int64_t ts_us, const struct effect_sink *sink) {
    struct alarm_state *a = &core->alarms[alarm];
    struct delay_config delays = core_alarm_delays(core, alarm);
    if (a->kind != ALARM_STALE && delay_ended_before(&a->delay, delays, ts_us)) {
        core_alarm_due(core, alarm, sink);
    }
}

void core_alarm_until(struct core *core, uint32_t alarm, int64_t until_us, const struct effect_sink *sink) {
    const struct delay *d = &core->alarms[alarm].delay;
    if (delay_is_running(d) && d->due_us <= until_us) {
        core_alarm_due(core, alarm, sink);
    }
}

void core_alarm_due(struct core *core, uint32_t alarm, const struct effect_sink *sink) {
    struct delay_config delays = core_alarm_delays(core, alarm);
    int64_t src_us = 0;
    enum delay_result result = delay_complete(&core->alarms[alarm].delay, delays, &src_us);
    follow(core, alarm, result, src_us, sink);
}

/* Whether an acknowledgement of this call can be taken; OK is the one that changes something. */
static enum alarm_reply judge_ack(const struct core *core, uint32_t alarm, uint32_t call) {
    if (alarm >= core->model->n_alarms) {
        return ALARM_E_UNKNOWN;
    }
    const struct alarm_state *a = &core->alarms[alarm];
    if (!a->facts.enabled) {
        return ALARM_E_CALL;
    }
    if (call < 1 || call > a->call) {
        return ALARM_E_CALL;
    }
    if (call < a->call) {
        return ALARM_STALE_CALL;
    }
    if (a->facts.acked) {
        return core->details[alarm].acked_us != 0 ? ALARM_ALREADY : ALARM_E_CALL;
    }
    return ALARM_OK;
}

void core_alarm_ack(struct core *core, const struct event *event, const struct effect_sink *sink) {
    uint32_t alarm = event->request.ask.alarm;
    enum alarm_reply result = judge_ack(core, alarm, event->request.ask.call);
    struct effect effect = {.kind = EFFECT_REPLY,
                            .reply = {.token = event->request.token, .alarm = alarm, .result = result}};
    if (result == ALARM_OK) {
        const struct cause cause = {.actor_key = event->request.ask.actor_key,
                                    .actor = event->request.ask.actor,
                                    .comment = event->request.ask.comment};
        set_state(core, alarm, ALARM_EVENT_ACK, core->now_us, &cause, sink);
        effect.reply.seq = core->journal_seq;
    }
    if (result != ALARM_E_UNKNOWN) {
        effect.reply.call = core->alarms[alarm].call;
        effect.reply.letter = alarm_letter(&core->alarms[alarm].facts);
        effect.reply.acked_us = core->details[alarm].acked_us;
        memcpy(effect.reply.acked_by, core->details[alarm].acked_by, sizeof effect.reply.acked_by);
    }
    sink->emit(sink->ctx, &effect);
}

static void settle_alarm(struct core *core, uint32_t alarm, const struct effect_sink *sink) {
    struct alarm_state *a = &core->alarms[alarm];
    bool enabled = model_alarm_is(&core->model->alarms[alarm], ALARM_ENABLED);
    if (a->facts.gone || (!a->facts.enabled && enabled)) {
        set_state(core, alarm, ALARM_EVENT_ENABLE, core->now_us, &the_system, sink);
    }
    if (a->facts.enabled && !enabled) {
        set_state(core, alarm, ALARM_EVENT_DISABLE, core->now_us, &the_system, sink);
        a->delay = delay_initial(false);
        a->condition = false;
        sync_timer(core, alarm);
    }
    core_alarm_evaluate(core, alarm, core->now_us, sink);
}

static void settle_past(struct core *core, struct alarm_record *r, const struct effect_sink *sink) {
    const struct alarm_row *row = alarm_fsm_row(ALARM_EVENT_REMOVE, r->to);
    if (row == NULL) {
        return;
    }
    r->seq = ++core->journal_seq;
    r->n++;
    r->src_us = core->now_us;
    r->at_us = core_journal_time(core);
    r->kind = row->kind;
    r->from = row->from;
    r->to = row->to;
    r->alarm = MODEL_NONE;
    r->actor_key = 0;
    r->actor[0] = '\0';
    r->comment[0] = '\0';
    const struct effect effect = {.kind = EFFECT_RECORD, .record = *r};
    sink->emit(sink->ctx, &effect);
}

void core_alarms_settle(struct core *core, const struct effect_sink *sink) {
    for (uint32_t i = 0; i < core->n_past; i++) {
        settle_past(core, &core->past[i], sink);
    }
    for (uint32_t i = 0; i < core->model->n_alarms; i++) {
        settle_alarm(core, i, sink);
    }
    core->unsettled = false;
}
