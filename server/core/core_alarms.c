#include "server/base/check.h"
#include "server/core/core_state.h"

struct delay_config core_alarm_delays(const struct core *core, uint32_t alarm) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    struct delay_config delays = {.on_us = m->on_delay_us, .off_us = m->off_delay_us};
    if (m->kind == ALARM_COMM && core->gateways[m->gateway].starting && delays.on_us < CORE_CONNECT_US) {
        delays.on_us = CORE_CONNECT_US;
    }
    if (m->kind == ALARM_CERTIFICATE && core_certificate_presses(core, alarm)) {
        delays.on_us = 0; /* a renewal that has just begun takes its time in the first step alone */
    }
    if (m->kind == ALARM_SERVER && core_server_presses(core, alarm)) {
        delays.on_us = 0;
    }
    if (m->kind == ALARM_STALE) {
        delays.on_us = 0; /* the silence itself took its time */
    }
    return delays;
}

/* The server timer stands in for the sample that may never come. */
static void sync_timer(struct core *core, uint32_t alarm) {
    const struct delay *d = &core->alarms[alarm].delay;
    uint32_t timer = core_timer(core, TIMER_DELAY, alarm);
    int64_t armed_us = 0;
    if (!delay_is_running(d)) {
        timer_disarm(&core->timers, timer);
    } else if (!timer_is_armed(&core->timers, timer, &armed_us) || armed_us != d->mark_us) {
        timer_arm(&core->timers, timer, d->mark_us);
    }
}

static void follow(struct core *core, uint32_t alarm, enum delay_result result, int64_t src_us,
                   const struct effect_sink *sink) {
    sync_timer(core, alarm);
    switch (result) {
    case DELAY_NOTHING:
        return;
    case DELAY_ACTIVATE:
        core_activate(core, alarm, src_us, sink);
        return;
    case DELAY_RETURN:
        core_return(core, alarm, src_us, sink);
        return;
    }
}

void core_alarm_step(struct core *core, uint32_t alarm, enum truth truth, int64_t ts_us,
                     const struct effect_sink *sink) {
    struct alarm_state *a = &core->alarms[alarm];
    if (truth != TRUTH_UNKNOWN) {
        a->bits = truth == TRUTH_TRUE ? a->bits | BIT_CONDITION : a->bits & (uint8_t)~BIT_CONDITION;
        a->bits = core->uncertain ? a->bits | BIT_UNCERTAIN : a->bits & (uint8_t)~BIT_UNCERTAIN;
    }
    uint8_t before = a->delay.state;
    struct delay_input in = {.condition = truth, .ts_us = ts_us, .now_us = core->now_us};
    int64_t src_us = 0;
    enum delay_result result = delay_step(&a->delay, core_alarm_delays(core, alarm), in, &src_us);
    if (a->delay.state != before) {
        a->bits = core->suspect ? a->bits | BIT_SUSPECT : a->bits & (uint8_t)~BIT_SUSPECT;
    }
    follow(core, alarm, result, src_us, sink);
}

void core_alarm_trust(struct core *core, uint32_t alarm, bool trusted, const struct effect_sink *sink) {
    struct alarm_state *a = &core->alarms[alarm];
    if (trusted == ((a->bits & BIT_UNTRUSTED) == 0)) {
        return;
    }
    a->bits ^= BIT_UNTRUSTED;
    core->counts.untrusted += trusted ? UINT32_MAX : 1; /* one less or one more */
    /* In A it is not journaled: a lost gateway would write thousands. */
    if (alarm_shown_letter(a->facts) != ALARM_NORMAL && core->cause != CAUSE_RESTART) {
        core_note_record(core, alarm, RECORD_QUALITY, core->now_us, &core_the_system, sink);
    }
}

/* Unknown counts as what the alarm says, while its gateway's link is up: the loss of a link must not become
 * one alarm for each tag. */
static enum truth with_policy(const struct model_alarm *m, const struct reading *r) {
    if (r->truth != TRUTH_UNKNOWN || r->blind) {
        return r->truth;
    }
    switch ((enum alarm_on_bad)m->on_bad) {
    case ON_BAD_HOLD:
        return TRUTH_UNKNOWN;
    case ON_BAD_ALARM:
        return TRUTH_TRUE;
    case ON_BAD_NORMAL:
        return TRUTH_FALSE;
    }
    check_failed(__FILE__, __LINE__, "on_bad is one of the enum");
}

/* A silence begins after the newest sample, also when the gateway's clock is ahead. */
static int64_t silent_us(const struct core *core, const struct model_alarm *m, int64_t ts_us) {
    bool later = m->tag != MODEL_NONE && core->tags[m->tag].t_us > ts_us;
    return later ? core->tags[m->tag].t_us : ts_us;
}

/* A new command begins its travel time anew. */
static void restart_travel(struct core *core, uint32_t alarm, int64_t ts_us) {
    struct alarm_state *a = &core->alarms[alarm];
    struct alarm_memo *memo = &core->memos[a->memo];
    struct rule_value command = core_read(core, LENS_LIVE, core->model->alarms[alarm].tag);
    if (!command.known || command.v == memo->value) {
        return;
    }
    memo->value = command.v;
    if (a->delay.state == DELAY_PENDING_ON) {
        struct delay_input in = {.condition = TRUTH_TRUE, .ts_us = ts_us, .now_us = core->now_us};
        delay_restart(&a->delay, core_alarm_delays(core, alarm), in);
    }
}

void core_alarm_evaluate(struct core *core, uint32_t alarm, int64_t ts_us, const struct effect_sink *sink) {
    struct alarm_state *a = &core->alarms[alarm];
    const struct model_alarm *m = &core->model->alarms[alarm];
    if ((a->facts & FACT_ENABLED) == 0 || (a->facts & FACT_GONE) != 0) {
        return;
    }
    struct reading r = core_condition(core, alarm, LENS_LIVE, (a->bits & BIT_CONDITION) != 0, &ts_us);
    core->uncertain = r.uncertain;
    core_alarm_trust(core, alarm, r.truth != TRUTH_UNKNOWN, sink);
    enum truth truth = with_policy(m, &r);
    if (m->kind == ALARM_DISC) {
        restart_travel(core, alarm, ts_us);
    }
    if (truth == TRUTH_FALSE && a->delay.state == DELAY_NORMAL) {
        a->bits &= (uint8_t)~BIT_CONDITION;
    } else {
        core_alarm_step(core, alarm, truth, truth == TRUTH_UNKNOWN ? silent_us(core, m, ts_us) : ts_us, sink);
    }
    core->uncertain = false;
}

void core_alarm_before(struct core *core, uint32_t alarm, int64_t ts_us, const struct effect_sink *sink) {
    const struct alarm_state *a = &core->alarms[alarm];
    if (delay_ended_before(&a->delay, core_alarm_delays(core, alarm), ts_us)) {
        core_alarm_due(core, alarm, sink);
    }
}

void core_alarm_until(struct core *core, uint32_t alarm, int64_t until_us, const struct effect_sink *sink) {
    const struct delay *d = &core->alarms[alarm].delay;
    if (delay_is_running(d) && d->mark_us <= until_us) {
        core_alarm_due(core, alarm, sink);
    }
}

void core_alarm_due(struct core *core, uint32_t alarm, const struct effect_sink *sink) {
    int64_t src_us = 0;
    enum delay_result result =
        delay_complete(&core->alarms[alarm].delay, core_alarm_delays(core, alarm), &src_us);
    core->uncertain = (core->alarms[alarm].bits & BIT_UNCERTAIN) != 0;
    follow(core, alarm, result, src_us, sink);
    core->uncertain = false;
}

void core_alarm_forget(struct core *core, uint32_t alarm) {
    struct alarm_state *a = &core->alarms[alarm];
    a->delay = delay_initial(false);
    a->bits &= (uint8_t)~BIT_CONDITION;
    if ((a->bits & BIT_UNTRUSTED) != 0) {
        a->bits &= (uint8_t)~BIT_UNTRUSTED;
        core->counts.untrusted--;
    }
    if (a->memo != MODEL_NONE) {
        core->memos[a->memo].amount = core_gathered(core, alarm); /* what was gathered until now stays */
        core->memos[a->memo].growing = false;
    }
    sync_timer(core, alarm);
    timer_disarm(&core->timers, core_timer(core, TIMER_STEP, alarm));
}

void core_alarm_requiet(struct core *core, uint32_t alarm) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    if (m->tag != MODEL_NONE) {
        core_tag_requiet(core, m->tag);
    }
}

/* --- in line with the configuration --- */

static void settle_enabled(struct core *core, uint32_t alarm, const struct effect_sink *sink) {
    struct alarm_state *a = &core->alarms[alarm];
    bool enabled = model_alarm_is(&core->model->alarms[alarm], ALARM_ENABLED);
    if ((a->facts & FACT_GONE) != 0 || ((a->facts & FACT_ENABLED) == 0 && enabled)) {
        core_transit(core, alarm, ALARM_EVENT_ENABLE, core->now_us, &core_the_system, sink);
    }
    if ((a->facts & FACT_ENABLED) != 0 && !enabled) {
        core_transit(core, alarm, ALARM_EVENT_DISABLE, core->now_us, &core_the_system, sink);
        core_alarm_forget(core, alarm);
    }
}

/* What the configuration says since, of a restored alarm: a priority that was raised while nobody ran is
 * announced; a lower one than the effective may be an escalation, which stays. */
static void settle_priority(struct core *core, uint32_t alarm, const struct effect_sink *sink) {
    const struct alarm_state *a = &core->alarms[alarm];
    char shown = alarm_shown_letter(a->facts);
    if (shown == ALARM_NORMAL || shown == ALARM_DISABLED ||
        core->model->alarms[alarm].priority < a->priority) {
        core_priority(core, alarm, a->priority, sink);
    }
}

static void settle_past(struct core *core, struct alarm_record *r, const struct effect_sink *sink) {
    char shown = alarm_shown_letter(r->facts);
    const struct alarm_row *row =
        alarm_fsm_row(ALARM_EVENT_REMOVE, alarm_base_letter(r->facts), ACK_MANUAL, false);
    if (row == NULL || shown == ALARM_NORMAL) {
        return; /* a normal alarm leaves without a record: the configuration's history tells */
    }
    r->seq = ++core->journal_seq;
    r->n++;
    r->src_us = core->now_us;
    r->at_us = core_journal_time(core);
    r->kind = row->kind;
    r->from = shown;
    r->to = row->to;
    r->base = row->to;
    r->facts = alarm_facts_with_base(0, row->to);
    r->flags = r->flags & (RECORD_NOTIFY | RECORD_TEST);
    r->cause = core->cause;
    r->unshelved = UNSHELVE_NONE;
    r->until_us = 0;
    r->alarm = MODEL_NONE;
    r->actor_key = 0;
    r->actor[0] = r->desk[0] = r->source[0] = r->comment[0] = '\0';
    const struct effect effect = {.kind = EFFECT_RECORD, .record = *r};
    sink->emit(sink->ctx, &effect);
}

static void evaluate_all(struct core *core, const struct effect_sink *sink) {
    for (uint32_t i = 0; i < core->model->n_alarms; i++) {
        if (core_gathers((enum alarm_kind)core->model->alarms[i].kind)) {
            core_gather_evaluate(core, i, core->now_us, false, sink);
        } else if (core->model->alarms[i].kind == ALARM_CERTIFICATE) {
            core_certificate_evaluate(core, i, core->now_us, sink);
        } else if (core->model->alarms[i].kind == ALARM_SERVER) {
            core_server_evaluate(core, i, sink);
        } else {
            core_alarm_evaluate(core, i, core->now_us, sink);
        }
    }
    for (uint32_t i = 0; i < core->model->n_tags; i++) {
        core_tag_requiet(core, i);
    }
}

void core_alarms_settle(struct core *core, const struct effect_sink *sink) {
    for (uint32_t i = 0; i < core->n_past; i++) {
        settle_past(core, &core->past[i], sink);
    }
    for (uint32_t i = 0; i < core->model->n_alarms; i++) {
        settle_enabled(core, i, sink);
        settle_priority(core, i, sink);
    }
    core_rules_settle(core);
    core_suppress_settle(core, sink);
    evaluate_all(core, sink);
    core->unsettled = false;
}
