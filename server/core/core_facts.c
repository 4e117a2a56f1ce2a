#include "server/base/check.h"
#include "server/core/core_state.h"

#include <math.h>
#include <string.h>

const struct cause core_the_system = {.actor = "", .desk = "", .comment = "", .source = ""};

/* What a record changes beside letters. */
struct change {
    enum alarm_record_kind kind;
    uint16_t facts; /* after it */
    unsigned ops;
    int64_t src_us;
    const struct cause *cause;
    const struct reading *told; /* by stored samples; NULL: as of now */
};

int64_t core_journal_time(const struct core *core) {
    return core->now_us > core->journal_at_us ? core->now_us : core->journal_at_us;
}

const struct alarm_detail *core_detail_of(const struct core *core, uint32_t alarm) {
    return &core->details[core->alarms[alarm].detail];
}

struct alarm_detail *core_detail(struct core *core, uint32_t alarm) {
    struct alarm_state *a = &core->alarms[alarm];
    if (a->detail == DETAIL_NONE) {
        a->detail = ++core->n_details;
        core->details[a->detail] = (struct alarm_detail){.value = NAN};
    }
    return &core->details[a->detail];
}

static enum alarm_ack_mode ack_mode(const struct core *core, uint32_t alarm) {
    return (enum alarm_ack_mode)core->model->alarms[alarm].ack_mode;
}

/* --- counting --- */

static void count(uint32_t *counter, int sign, bool counts) {
    *counter += counts ? (uint32_t)sign : 0; /* adding the two's complement of 1 takes one away */
}

void core_count(struct core *core, int sign, uint16_t facts, uint8_t priority) {
    struct core_counts *c = &core->counts;
    char shown = alarm_shown_letter(facts);
    count(&c->unacked[0], sign, alarm_letter_unacked(shown));
    count(&c->unacked[priority], sign, alarm_letter_unacked(shown));
    count(&c->active, sign, alarm_letter_active(shown));
    count(&c->shelved, sign, (facts & FACT_SHELVED) != 0);
    count(&c->suppressed, sign, (facts & FACT_SUPPRESSED) != 0);
    count(&c->out_of_service, sign, (facts & FACT_OUT_OF_SERVICE) != 0);
    count(&c->disabled, sign, shown == ALARM_DISABLED);
}

static bool is_normal(uint16_t facts) {
    char base = alarm_base_letter(facts);
    return base == ALARM_NORMAL || base == ALARM_DISABLED || base == ALARM_GONE;
}

static void set_facts(struct core *core, uint32_t alarm, uint16_t facts, uint8_t priority) {
    struct alarm_state *a = &core->alarms[alarm];
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    core_count(core, -1, a->facts, a->priority);
    core_count(core, 1, facts, priority);
    for (uint32_t i = 0; i < more->n_groups && is_normal(a->facts) != is_normal(facts); i++) {
        struct group_state *g = &core->groups[more->groups[i]];
        g->not_normal += is_normal(facts) ? UINT32_MAX : 1; /* one less or one more */
        if (is_normal(facts) && g->first == alarm) {
            g->first = MODEL_NONE;
        }
    }
    a->bits = is_normal(facts) ? a->bits & (uint8_t)~BIT_FIRST : a->bits;
    a->facts = facts;
    a->priority = priority;
}

/* --- first out --- */

/* The first activation while all others of the group are normal is marked; one that comes soon after, but was
 * earlier at the source, takes the mark. */
static void mark_first(struct core *core, uint32_t alarm, int64_t src_us) {
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    for (uint32_t i = 0; i < more->n_groups; i++) {
        struct group_state *g = &core->groups[more->groups[i]];
        bool alone = g->not_normal == 1; /* itself, by now */
        bool earlier = g->first != MODEL_NONE && src_us < g->first_src_us &&
                       core->now_us - g->first_at_us <= CORE_FIRST_OUT_US;
        if (!core->model->groups[more->groups[i]].first_out || (!alone && !earlier)) {
            continue;
        }
        if (g->first != MODEL_NONE) {
            core->alarms[g->first].bits &= (uint8_t)~BIT_FIRST;
        }
        g->first_at_us = alone ? core->now_us : g->first_at_us;
        g->first_src_us = src_us;
        g->first = alarm;
        core->alarms[alarm].bits |= BIT_FIRST;
    }
}

/* --- an occurrence begins --- */

static void note_activation(struct core *core, uint32_t alarm, int64_t src_us) {
    struct alarm_state *a = &core->alarms[alarm];
    struct alarm_detail *d = core_detail(core, alarm);
    bool chatter = d->n_activated == 2 && src_us - d->activated_us[0] <= CORE_CHATTER_US;
    a->bits = chatter ? a->bits | BIT_CHATTER : a->bits & (uint8_t)~BIT_CHATTER;
    if (d->n_activated == 2) {
        d->activated_us[0] = d->activated_us[1];
        d->activated_us[1] = src_us;
    } else {
        d->activated_us[d->n_activated++] = src_us;
    }
    a->occ++;
    d->raised_us = src_us;
    d->raised_at_us = core_journal_time(core);
    d->acked_us = 0;
    d->acked_by = 0;
    d->suspect = core->suspect || (a->bits & BIT_SUSPECT) != 0;
    d->value = core_alarm_numbers(core, alarm).value;
    mark_first(core, alarm, src_us);
}

static uint16_t occurrence_facts(const struct core *core, uint32_t alarm, uint16_t facts) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    bool escalates =
        more->escalate_us > 0 && m->ack_mode != ACK_NONE && !alarm_letter_hidden(alarm_shown_letter(facts));
    unsigned with = facts & ~(unsigned)(FACT_LATCHED | FACT_CONFIRM_DUE | FACT_ESCALATES);
    with |= model_alarm_is(m, ALARM_LATCH) ? FACT_LATCHED : 0;
    with |= model_alarm_is(m, ALARM_CONFIRM) ? FACT_CONFIRM_DUE : 0;
    with |= escalates ? FACT_ESCALATES : 0;
    return (uint16_t)with;
}

/* --- sound --- */

/* While it chatters, an alarm sounds at most once in a minute; everything is journaled all the same. */
static bool may_ring(const struct core *core, uint32_t alarm, const struct change *c) {
    const struct alarm_state *a = &core->alarms[alarm];
    const struct alarm_detail *d = core_detail_of(core, alarm);
    bool muted = (c->ops & OP_OCC) != 0 && (a->bits & BIT_CHATTER) != 0 && d->rang_us != 0 &&
                 core->now_us - d->rang_us < CORE_CHATTER_US;
    return (c->ops & OP_RING) != 0 && alarm_shown_letter(a->facts) == ALARM_UNACKED && !muted;
}

static bool ring(struct core *core, uint32_t alarm, const struct change *c) {
    struct alarm_state *a = &core->alarms[alarm];
    if (may_ring(core, alarm, c)) {
        a->sound = ++core->sounds;
        a->bits |= BIT_SOUNDING;
        core_detail(core, alarm)->rang_us = core->now_us;
        return true;
    }
    if (alarm_shown_letter(a->facts) != ALARM_UNACKED) {
        a->bits &= (uint8_t)~BIT_SOUNDING;
    }
    return false;
}

/* --- the record --- */

static uint16_t record_flags(const struct core *core, uint32_t alarm) {
    const struct alarm_state *a = &core->alarms[alarm];
    const struct model_alarm *m = &core->model->alarms[alarm];
    bool suspect = core->suspect || (a->bits & BIT_SUSPECT) != 0;
    unsigned flags = 0;
    flags |= alarm_letter_hidden(alarm_shown_letter(a->facts)) ? RECORD_HIDDEN : 0;
    flags |= (a->bits & BIT_CHATTER) != 0 ? RECORD_CHATTER : 0;
    flags |= (a->bits & BIT_FIRST) != 0 ? RECORD_FIRST : 0;
    flags |= (a->bits & BIT_UNTRUSTED) != 0 ? RECORD_UNTRUSTED : 0;
    flags |= suspect ? RECORD_SUSPECT : 0;
    flags |= core->uncertain ? RECORD_UNCERTAIN : 0;
    flags |= m->ack_mode == ACK_NONE ? RECORD_NOTIFY : 0;
    flags |= model_alarm_is(m, ALARM_TEST) ? RECORD_TEST : 0;
    flags |= (a->facts & FACT_ONE_SHOT) != 0 ? RECORD_ONE_SHOT : 0;
    return (uint16_t)flags;
}

static uint8_t present_quality(const struct core *core, const struct model_alarm *m) {
    if (alarm_kind_has_levels((enum alarm_kind)m->kind)) {
        return QUALITY_GOOD; /* the server knows it, whether the gateway is there or not */
    }
    if (m->tag != MODEL_NONE) {
        return core_tag_quality(core, m->tag);
    }
    bool down = m->gateway != MODEL_NONE && !core->gateways[m->gateway].up;
    return down ? QUALITY_BAD | QUALITY_NO_VALUE | REASON_COMMS : QUALITY_NO_VALUE;
}

struct alarm_record core_alarm_record(const struct core *core, uint32_t alarm) {
    const struct alarm_state *a = &core->alarms[alarm];
    const struct alarm_detail *d = core_detail_of(core, alarm);
    const struct model_alarm *m = &core->model->alarms[alarm];
    struct reading now = core_alarm_numbers(core, alarm);
    struct alarm_record r = {
        .seq = core->journal_seq,
        .n = d->n,
        .alarm_key = m->key,
        .site_key = core->model->sites[m->site].key,
        .tag_key = m->tag == MODEL_NONE ? 0 : core->model->tags[m->tag].key,
        .revision = m->revision,
        .src_us = core->now_us,
        .at_us = core_journal_time(core),
        .raised_us = d->raised_us,
        .raised_at_us = d->raised_at_us,
        .called_us = d->called_us,
        .until_us = d->until_us,
        .value = now.value,
        .limit = now.limit,
        .alarm = alarm,
        .occ = a->occ,
        .call = a->call,
        .acked_occ = a->acked_occ,
        .rise_call = d->rise_call,
        .facts = a->facts,
        .flags = record_flags(core, alarm),
        .cause = core->cause,
        .to = alarm_shown_letter(a->facts),
        .base = alarm_base_letter(a->facts),
        .priority = a->priority,
        .quality = present_quality(core, m),
    };
    (void)core_alarm_unit(core, alarm, r.unit);
    return r;
}

static void emit(struct core *core, uint32_t alarm, const struct change *c, char from, unsigned flags,
                 const struct effect_sink *sink) {
    struct alarm_detail *d = core_detail(core, alarm);
    core->journal_seq++;
    d->n++;
    d->changed_us = core_journal_time(core);
    struct effect effect = {.kind = EFFECT_RECORD, .record = core_alarm_record(core, alarm)};
    struct alarm_record *r = &effect.record;
    r->kind = c->kind;
    r->from = from;
    r->src_us = c->src_us;
    r->flags |= (uint16_t)flags; /* enum alarm_record_flag */
    r->unshelved = c->cause->unshelved;
    r->actor_key = c->cause->actor_key;
    core_copy_text(r->actor, sizeof r->actor, c->cause->actor);
    core_copy_text(r->desk, sizeof r->desk, c->cause->desk);
    core_copy_text(r->source, sizeof r->source, c->cause->source);
    core_copy_text(r->comment, sizeof r->comment, c->cause->comment);
    if (c->kind == RECORD_ACK) {
        /* It is about the occurrence: it carries what was seen at the activation. */
        r->value = d->value;
    }
    if (c->told != NULL) {
        r->value = c->told->value;
        r->limit = c->told->limit;
    }
    sink->emit(sink->ctx, &effect);
}

static void clear_all(struct core *core, uint32_t alarm) {
    struct alarm_state *a = &core->alarms[alarm];
    struct alarm_detail *d = core_detail(core, alarm);
    core_note_free(core, &d->shelf_note);
    core_note_free(core, &d->service_note);
    core_suppressors_clear(core, alarm);
    timer_disarm(&core->timers, core_timer(core, TIMER_SHELF, alarm));
    timer_disarm(&core->timers, core_timer(core, TIMER_SUPPRESS, alarm));
    d->until_us = 0;
    d->acked_us = 0;
    d->acked_by = 0;
    a->suppress = SUPPRESS_OFF;
}

/* It is to be acknowledged anew. */
static void forget_ack(struct core *core, uint32_t alarm) {
    struct alarm_detail *d = core_detail(core, alarm);
    d->acked_us = 0;
    d->acked_by = 0;
}

static void note_auto(struct core *core, uint32_t alarm) {
    struct alarm_state *a = &core->alarms[alarm];
    struct alarm_detail *d = core_detail(core, alarm);
    a->acked_occ = a->occ;
    d->acked_us = core_journal_time(core);
    d->acked_by = 0;
}

static bool is_annunciation(const struct core *core, uint32_t alarm, const struct change *c) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    return (c->kind == RECORD_RAISE || c->kind == RECORD_RERAISE) && m->ack_mode != ACK_NONE &&
           !model_alarm_is(m, ALARM_TEST) &&
           !alarm_letter_hidden(alarm_shown_letter(core->alarms[alarm].facts));
}

/* An escalation was for that occurrence: an alarm that is over has its configured priority again. */
static void calm_priority(struct core *core, uint32_t alarm) {
    const struct alarm_state *a = &core->alarms[alarm];
    char shown = alarm_shown_letter(a->facts);
    if (shown == ALARM_NORMAL || shown == ALARM_DISABLED) {
        set_facts(core, alarm, a->facts, core->model->alarms[alarm].priority);
    }
}

static uint8_t occurrence_priority(const struct core *core, uint32_t alarm) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    if (m->kind == ALARM_SERVER) {
        return core_server_priority(core, alarm);
    }
    return m->kind == ALARM_CERTIFICATE ? core_certificate_priority(core, alarm) : m->priority;
}

/* The only place where the facts of a configured alarm change; each change is one record. */
static void commit(struct core *core, uint32_t alarm, const struct change *c,
                   const struct effect_sink *sink) {
    struct alarm_state *a = &core->alarms[alarm];
    char from = alarm_shown_letter(a->facts);
    bool occurs = (c->ops & OP_OCC) != 0;
    if ((c->ops & OP_CLEAR) != 0) {
        clear_all(core, alarm);
    }
    set_facts(core, alarm, occurs ? occurrence_facts(core, alarm, c->facts) : c->facts,
              occurs ? occurrence_priority(core, alarm) : a->priority);
    if (occurs) {
        note_activation(core, alarm, c->src_us);
    }
    if (c->kind == RECORD_PRIO && alarm_kind_has_levels((enum alarm_kind)core->model->alarms[alarm].kind)) {
        /* Another limit is the alarm's now: what stands beside it must be what passed it. */
        core_detail(core, alarm)->value = core_alarm_numbers(core, alarm).value;
    }
    if ((c->ops & OP_CALL) != 0) {
        a->call++;
        core_detail(core, alarm)->called_us = core_journal_time(core);
    }
    if (c->kind == RECORD_ESCALATE || (c->kind == RECORD_PRIO && (c->ops & OP_CALL) != 0)) {
        core_detail(core, alarm)->rise_call = a->call;
    }
    if ((c->ops & OP_AUTO) != 0) {
        note_auto(core, alarm);
    }
    bool rings = ring(core, alarm, c);
    unsigned flags = (rings ? RECORD_RING : 0U) | ((c->ops & OP_AUTO) != 0 ? RECORD_AUTO : 0U);
    emit(core, alarm, c, from, flags, sink);
    calm_priority(core, alarm);
    core_alarm_watch(core, alarm);
    if (is_annunciation(core, alarm, c)) {
        (void)kpi_flood_add(&core->flood, core->now_us);
    }
    core_suppress_lower(core, alarm, c->src_us, sink);
}

/* --- events of the table --- */

static uint16_t without(unsigned facts, unsigned what) {
    return (uint16_t)(facts & ~what);
}

void core_transit(struct core *core, uint32_t alarm, enum alarm_event event, int64_t src_us,
                  const struct cause *cause, const struct effect_sink *sink) {
    struct alarm_state *a = &core->alarms[alarm];
    bool latched = (a->facts & FACT_LATCHED) != 0;
    const struct alarm_row *row =
        alarm_fsm_row(event, alarm_base_letter(a->facts), ack_mode(core, alarm), latched);
    CHECK(row != NULL);
    unsigned cleared = 0;
    if (event == ALARM_EVENT_ACK) {
        cleared = FACT_ESCALATES;
        a->acked_occ = a->occ;
        core_detail(core, alarm)->acked_us = core_journal_time(core);
        core_detail(core, alarm)->acked_by = core_name(core, cause->actor);
    } else if (event == ALARM_EVENT_RETURN || event == ALARM_EVENT_ESCALATE) {
        cleared = FACT_ESCALATES;
    } else if (event == ALARM_EVENT_CONFIRM) {
        cleared = FACT_CONFIRM_DUE;
    } else if (event == ALARM_EVENT_RESET) {
        cleared = FACT_LATCHED;
    } else if ((row->ops & OP_CLEAR) != 0) {
        cleared = FACT_LATCHED | FACT_CONFIRM_DUE | FACT_OUT_OF_SERVICE | FACT_SHELVED | FACT_ONE_SHOT |
                  FACT_SUPPRESSED | FACT_ESCALATES | FACT_GONE;
    }
    if (event == ALARM_EVENT_REANNOUNCE || event == ALARM_EVENT_RISE) {
        forget_ack(core, alarm);
    }
    const struct change c = {.kind = row->kind,
                             .facts = alarm_facts_with_base(without(a->facts, cleared), row->to),
                             .ops = row->ops,
                             .src_us = src_us,
                             .cause = cause};
    commit(core, alarm, &c, sink);
}

void core_activate(struct core *core, uint32_t alarm, int64_t src_us, const struct effect_sink *sink) {
    const struct cause cause = {
        .actor = "", .desk = "", .comment = core->told == NULL ? "" : core->told, .source = ""};
    core_transit(core, alarm, ALARM_EVENT_ACTIVATE, src_us, &cause, sink);
}

void core_return(struct core *core, uint32_t alarm, int64_t src_us, const struct effect_sink *sink) {
    core_transit(core, alarm, ALARM_EVENT_RETURN, src_us, &core_the_system, sink);
    if ((core->alarms[alarm].facts & FACT_ONE_SHOT) != 0) {
        const struct cause cause = {
            .actor = "", .desk = "", .comment = "", .source = "", .unshelved = UNSHELVE_RTN};
        core_unhide(core, alarm, RECORD_UNSHELVE, FACT_SHELVED | FACT_ONE_SHOT, src_us, &cause, sink);
    }
}

/* --- what hides --- */

void core_hide(struct core *core, uint32_t alarm, enum alarm_record_kind kind, unsigned facts, int64_t src_us,
               const struct cause *cause, const struct effect_sink *sink) {
    /* A shelf replaces the one before it. */
    unsigned replaced = FACT_ESCALATES | (kind == RECORD_SHELVE ? FACT_ONE_SHOT : 0U);
    uint16_t now = without(core->alarms[alarm].facts, replaced);
    const struct change c = {
        .kind = kind, .facts = (uint16_t)(now | facts), .src_us = src_us, .cause = cause};
    commit(core, alarm, &c, sink);
}

void core_unhide(struct core *core, uint32_t alarm, enum alarm_record_kind kind, unsigned facts,
                 int64_t src_us, const struct cause *cause, const struct effect_sink *sink) {
    struct alarm_state *a = &core->alarms[alarm];
    uint16_t after = without(a->facts, facts);
    struct change c = {.kind = kind, .facts = after, .src_us = src_us, .cause = cause};
    if ((facts & FACT_SHELVED) != 0) {
        struct alarm_detail *d = core_detail(core, alarm);
        core_note_free(core, &d->shelf_note);
        d->until_us = 0;
        timer_disarm(&core->timers, core_timer(core, TIMER_SHELF, alarm));
    }
    if ((facts & FACT_OUT_OF_SERVICE) != 0) {
        core_note_free(core, &core_detail(core, alarm)->service_note);
    }
    if (!alarm_letter_hidden(alarm_shown_letter(after))) {
        const struct alarm_row *row =
            alarm_fsm_row(ALARM_EVENT_LEAVE, alarm_base_letter(after), ack_mode(core, alarm), false);
        CHECK(row != NULL);
        c.facts = alarm_facts_with_base(after, row->to);
        c.ops = row->ops;
        if ((row->ops & OP_AUTO) != 0) {
            c.facts = without(c.facts, FACT_CONFIRM_DUE); /* what happened while hidden is owed by nobody */
        }
        if ((row->ops & OP_RING) != 0) {
            forget_ack(core, alarm);
        }
    }
    commit(core, alarm, &c, sink);
}

void core_note_record(struct core *core, uint32_t alarm, enum alarm_record_kind kind, int64_t src_us,
                      const struct cause *cause, const struct effect_sink *sink) {
    const struct change c = {
        .kind = kind, .facts = core->alarms[alarm].facts, .src_us = src_us, .cause = cause};
    commit(core, alarm, &c, sink);
}

void core_history_record(struct core *core, uint32_t alarm, enum alarm_record_kind kind,
                         const struct reading *r, int64_t src_us, const struct effect_sink *sink) {
    const struct change c = {.kind = kind,
                             .facts = core->alarms[alarm].facts,
                             .src_us = src_us,
                             .cause = &core_the_system,
                             .told = r};
    commit(core, alarm, &c, sink);
}

/* --- priority --- */

/* Of an alarm that is not normal; its priority was `old`. */
static void tell_priority(struct core *core, uint32_t alarm, uint8_t old, const struct effect_sink *sink) {
    uint8_t now = core->alarms[alarm].priority;
    char shown = alarm_shown_letter(core->alarms[alarm].facts);
    bool rises = now < old && alarm_letter_active(shown) && ack_mode(core, alarm) != ACK_NONE;
    if (rises) {
        core_transit(core, alarm, ALARM_EVENT_RISE, core->now_us, &core_the_system, sink);
    } else {
        core_note_record(core, alarm, RECORD_PRIO, core->now_us, &core_the_system, sink);
    }
}

/* The configured priority changed from `before`. An occurrence that was escalated keeps the higher one. */
void core_priority(struct core *core, uint32_t alarm, uint8_t before, const struct effect_sink *sink) {
    struct alarm_state *a = &core->alarms[alarm];
    uint8_t configured = core->model->alarms[alarm].priority;
    bool escalated = a->priority < before;
    uint8_t old = a->priority;
    uint8_t now = escalated && old < configured ? old : configured;
    char shown = alarm_shown_letter(a->facts);
    if (now == old) {
        return;
    }
    set_facts(core, alarm, a->facts, now);
    if (shown == ALARM_NORMAL || shown == ALARM_DISABLED || shown == ALARM_GONE) {
        return; /* the configuration's history tells */
    }
    tell_priority(core, alarm, old, sink);
}

void core_rise(struct core *core, uint32_t alarm, uint8_t priority, const struct effect_sink *sink) {
    uint8_t old = core->alarms[alarm].priority;
    set_facts(core, alarm, core->alarms[alarm].facts, priority);
    tell_priority(core, alarm, old, sink);
}

void core_escalate(struct core *core, uint32_t alarm, const struct effect_sink *sink) {
    uint8_t raised = model_alarm_more(core->model, alarm)->escalate_priority;
    set_facts(core, alarm, core->alarms[alarm].facts, raised);
    core_transit(core, alarm, ALARM_EVENT_ESCALATE, core->now_us, &core_the_system, sink);
}

/* --- what comes by itself --- */

static void arm_or_not(struct core *core, uint32_t timer, bool wanted, int64_t due_us) {
    int64_t armed_us = 0;
    if (!wanted) {
        timer_disarm(&core->timers, timer);
    } else if (!timer_is_armed(&core->timers, timer, &armed_us) || armed_us != due_us) {
        timer_arm(&core->timers, timer, due_us);
    }
}

void core_alarm_watch(struct core *core, uint32_t alarm) {
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    if (more->realarm_us == 0 && more->escalate_us == 0) {
        return;
    }
    const struct alarm_state *a = &core->alarms[alarm];
    const struct alarm_detail *d = core_detail_of(core, alarm);
    char shown = alarm_shown_letter(a->facts);
    bool waits = ack_mode(core, alarm) != ACK_NONE;
    arm_or_not(core, core_timer(core, TIMER_REANNOUNCE, alarm),
               more->realarm_us > 0 && waits && alarm_letter_active(shown), d->called_us + more->realarm_us);
    arm_or_not(core, core_timer(core, TIMER_ESCALATE, alarm),
               more->escalate_us > 0 && waits && shown == ALARM_UNACKED && (a->facts & FACT_ESCALATES) != 0 &&
                   more->escalate_priority < a->priority,
               d->raised_at_us + more->escalate_us);
}
