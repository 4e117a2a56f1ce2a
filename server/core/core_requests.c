#include "server/base/check.h"
#include "server/core/core_state.h"

#include <math.h>
#include <string.h>

static const char *text(const char *given) {
    return given == NULL ? "" : given;
}

static struct alarm_standing standing_of(const struct core *core, uint32_t alarm) {
    const struct alarm_state *a = &core->alarms[alarm];
    const struct model_alarm *m = &core->model->alarms[alarm];
    return (struct alarm_standing){
        .facts = a->facts,
        .call = a->call,
        .rise_call = core_detail_of(core, alarm)->rise_call,
        .chatter = (a->bits & BIT_CHATTER) != 0,
        .latches = model_alarm_is(m, ALARM_LATCH),
        .confirms = model_alarm_is(m, ALARM_CONFIRM),
        .wants_comment = model_alarm_is(m, ALARM_COMMENT),
        .shelvable = model_alarm_is(m, ALARM_SHELVABLE),
        .max_shelve_us = model_alarm_more(core->model, alarm)->max_shelve_us,
    };
}

static enum alarm_reply shelve(struct core *core, const struct alarm_request *ask, const struct cause *cause,
                               const struct effect_sink *sink) {
    uint32_t alarm = ask->alarm;
    struct alarm_detail *d = core_detail(core, alarm);
    int64_t duration_us = ask->duration_us;
    if (duration_us == 0) { /* one shot: at most the longest shelf */
        duration_us = model_alarm_more(core->model, alarm)->max_shelve_us;
    }
    core_note_free(core, &d->shelf_note);
    if (core->n_free_notes == 0) {
        return ALARM_E_FULL;
    }
    d->shelf_note = core_note_new(core, core_journal_time(core), cause->actor, cause->comment);
    d->until_us = core->now_us + duration_us;
    core_hide(core, alarm, RECORD_SHELVE, FACT_SHELVED | (ask->one_shot ? FACT_ONE_SHOT : 0U), core->now_us,
              cause, sink);
    timer_arm(&core->timers, core_timer(core, TIMER_SHELF, alarm), d->until_us);
    return ALARM_OK;
}

static enum alarm_reply out_of_service(struct core *core, uint32_t alarm, const struct cause *cause,
                                       const struct effect_sink *sink) {
    if (core->n_free_notes == 0) {
        return ALARM_E_FULL;
    }
    core_detail(core, alarm)->service_note =
        core_note_new(core, core_journal_time(core), cause->actor, cause->comment);
    core_hide(core, alarm, RECORD_OOS_ON, FACT_OUT_OF_SERVICE, core->now_us, cause, sink);
    return ALARM_OK;
}

static enum alarm_reply zero(struct core *core, uint32_t alarm, const struct cause *cause,
                             const struct effect_sink *sink) {
    enum alarm_kind kind = (enum alarm_kind)core->model->alarms[alarm].kind;
    if (kind != ALARM_RUNTIME && kind != ALARM_TOTAL && kind != ALARM_CUSUM && kind != ALARM_CUSUM_LOW) {
        return ALARM_E_NO_ACCUMULATOR;
    }
    core_note_record(core, alarm, RECORD_ZERO, core->now_us, cause, sink); /* it tells the amount until now */
    struct alarm_memo *memo = &core->memos[core->alarms[alarm].memo];
    memo->amount = 0;
    core->memo_changes++;
    memo->since_us = core->now_us;
    if (kind == ALARM_CUSUM || kind == ALARM_CUSUM_LOW) {
        core_alarm_step(core, alarm, TRUTH_FALSE, core->now_us, sink);
    } else {
        core_gather_evaluate(core, alarm, core->now_us, false, sink);
    }
    return ALARM_OK;
}

static void disable(struct core *core, uint32_t alarm, const struct cause *cause,
                    const struct effect_sink *sink) {
    core_transit(core, alarm, ALARM_EVENT_DISABLE, core->now_us, cause, sink);
    core_alarm_forget(core, alarm);
}

static void enable(struct core *core, uint32_t alarm, const struct cause *cause,
                   const struct effect_sink *sink) {
    core_transit(core, alarm, ALARM_EVENT_ENABLE, core->now_us, cause, sink);
    core_suppress_enabled(core, alarm, sink);
    if (core_gathers((enum alarm_kind)core->model->alarms[alarm].kind)) {
        core_gather_evaluate(core, alarm, core->now_us, false, sink);
    } else {
        core_alarm_evaluate(core, alarm, core->now_us, sink);
    }
}

static enum alarm_reply do_it(struct core *core, const struct alarm_request *ask, const struct cause *cause,
                              const struct effect_sink *sink) {
    uint32_t alarm = ask->alarm;
    const struct cause unshelve = {.actor_key = cause->actor_key,
                                   .actor = cause->actor,
                                   .desk = cause->desk,
                                   .comment = cause->comment,
                                   .source = "",
                                   .unshelved = UNSHELVE_OPERATOR};
    switch (ask->kind) {
    case ALARM_ASK_ACK:
        core_transit(core, alarm, ALARM_EVENT_ACK, core->now_us, cause, sink);
        return ALARM_OK;
    case ALARM_ASK_CONFIRM:
        core_transit(core, alarm, ALARM_EVENT_CONFIRM, core->now_us, cause, sink);
        return ALARM_OK;
    case ALARM_ASK_RESET:
        core_transit(core, alarm, ALARM_EVENT_RESET, core->now_us, cause, sink);
        return ALARM_OK;
    case ALARM_ASK_SHELVE:
        return shelve(core, ask, cause, sink);
    case ALARM_ASK_UNSHELVE:
        core_unhide(core, alarm, RECORD_UNSHELVE, FACT_SHELVED | FACT_ONE_SHOT, core->now_us, &unshelve,
                    sink);
        return ALARM_OK;
    case ALARM_ASK_SUPPRESS:
        return text(ask->source)[0] == '\0'
                   ? ALARM_E_REASON
                   : core_suppress_add(core, alarm, ask->source, core->now_us, cause, sink);
    case ALARM_ASK_UNSUPPRESS:
        return core_suppress_take(core, alarm, text(ask->source), core->now_us, cause, sink);
    case ALARM_ASK_OOS:
        return out_of_service(core, alarm, cause, sink);
    case ALARM_ASK_IN_SERVICE:
        core_unhide(core, alarm, RECORD_OOS_OFF, FACT_OUT_OF_SERVICE, core->now_us, cause, sink);
        return ALARM_OK;
    case ALARM_ASK_DISABLE:
        disable(core, alarm, cause, sink);
        return ALARM_OK;
    case ALARM_ASK_ENABLE:
        enable(core, alarm, cause, sink);
        return ALARM_OK;
    case ALARM_ASK_COMMENT:
        core_note_record(core, alarm, RECORD_COMMENT, core->now_us, cause, sink);
        return ALARM_OK;
    case ALARM_ASK_ZERO:
        return zero(core, alarm, cause, sink);
    }
    check_failed(__FILE__, __LINE__, "request is one of the enum");
}

void core_request(struct core *core, const struct event *event, const struct effect_sink *sink) {
    const struct alarm_request *ask = &event->request.ask;
    struct effect effect = {
        .kind = EFFECT_REPLY,
        .reply = {.token = event->request.token, .alarm = ask->alarm, .result = ALARM_E_UNKNOWN}};
    if (ask->alarm < core->model->n_alarms) {
        struct alarm_standing standing = standing_of(core, ask->alarm);
        const struct cause cause = {.actor_key = ask->actor_key,
                                    .actor = text(ask->actor),
                                    .desk = text(ask->desk),
                                    .comment = text(ask->comment),
                                    .source = ""};
        effect.reply.result = alarm_judge(ask, &standing);
        if (effect.reply.result == ALARM_OK) {
            uint64_t before = core->journal_seq;
            effect.reply.result = do_it(core, ask, &cause, sink);
            effect.reply.seq = core->journal_seq > before ? core->journal_seq : 0;
            core_alarm_requiet(core, ask->alarm);
        }
        struct alarm_view view = core_alarm(core, ask->alarm);
        effect.reply.call = view.call;
        effect.reply.letter = view.letter;
        effect.reply.acked_us = view.acked_us;
        memcpy(effect.reply.acked_by, view.acked_by, sizeof effect.reply.acked_by);
    }
    sink->emit(sink->ctx, &effect);
}
