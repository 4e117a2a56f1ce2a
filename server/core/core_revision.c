#include "server/base/check.h"
#include "server/core/core_state.h"
#include "server/core/key_index.h"

#include <stdlib.h>

/* --- restart --- */

/* The mark of the first one was given to this alarm, which was earlier at the source than one that had it. */
static void take_mark(struct core *core, uint32_t alarm, const struct alarm_record *r) {
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    for (uint32_t i = 0; i < more->n_groups; i++) {
        const struct model_group *g = &core->model->groups[more->groups[i]];
        for (uint32_t k = 0; k < g->n_members && g->first_out; k++) {
            const struct alarm_detail *d = core_detail_of(core, g->members[k]);
            if (r->raised_us < d->raised_us && r->raised_at_us - d->raised_at_us <= CORE_FIRST_OUT_US) {
                core->alarms[g->members[k]].bits &= (uint8_t)~BIT_FIRST;
            }
        }
    }
}

/* One record in order of seq. What the newest record tells is taken from it; who acknowledged, shelved or
 * took out of service, and each suppressor, from the record that says so. */
static void fold(struct core *core, uint32_t alarm, const struct alarm_record *r) {
    struct alarm_state *a = &core->alarms[alarm];
    struct alarm_detail *d = core_detail(core, alarm);
    if (r->kind == RECORD_SUPPRESS) {
        (void)core_suppressors_put(core, alarm, r->source, r->actor_key == 0);
    } else if (r->kind == RECORD_UNSUPPRESS) {
        (void)core_suppressors_drop(core, alarm, r->source);
    } else if (r->kind == RECORD_SHELVE) {
        core_note_free(core, &d->shelf_note);
        d->shelf_note = core_note_new(core, r->at_us, r->actor, r->comment);
    } else if (r->kind == RECORD_OOS_ON) {
        core_note_free(core, &d->service_note);
        d->service_note = core_note_new(core, r->at_us, r->actor, r->comment);
    } else if (r->kind == RECORD_PRIO &&
               alarm_kind_has_levels((enum alarm_kind)core->model->alarms[alarm].kind)) {
        d->value = r->value;
    } else if (r->kind == RECORD_RAISE || r->kind == RECORD_RERAISE) {
        d->value = r->value;
        d->suspect = (r->flags & RECORD_SUSPECT) != 0;
        d->acked_us = 0;
        d->acked_by = 0;
        if ((r->flags & RECORD_FIRST) != 0) {
            take_mark(core, alarm, r);
        }
    }
    if (r->kind == RECORD_DISABLE || r->kind == RECORD_ENABLE || r->kind == RECORD_REMOVE) {
        core_suppressors_clear(core, alarm);
        d->acked_us = 0;
        d->acked_by = 0;
    }
    if (r->kind == RECORD_ACK || (r->flags & RECORD_AUTO) != 0) {
        d->acked_us = r->at_us;
        d->acked_by = r->kind == RECORD_ACK ? core_name(core, r->actor) : 0;
        d->value = r->kind == RECORD_ACK ? r->value : d->value;
    }
    a->facts = r->facts;
    a->occ = r->occ;
    a->call = r->call;
    a->acked_occ = r->acked_occ;
    a->priority = r->priority;
    a->bits = (r->flags & RECORD_FIRST) != 0 ? a->bits | BIT_FIRST : a->bits & (uint8_t)~BIT_FIRST;
    d->n = r->n;
    d->raised_us = r->raised_us;
    d->raised_at_us = r->raised_at_us;
    d->called_us = r->called_us;
    d->changed_us = r->at_us;
    d->until_us = r->until_us;
    d->rise_call = r->rise_call;
}

/* The state that the records left: what does not go with the facts is let go. */
static void end_fold(struct core *core, uint32_t alarm) {
    struct alarm_state *a = &core->alarms[alarm];
    if (a->detail == DETAIL_NONE) {
        return;
    }
    struct alarm_detail *d = core_detail(core, alarm);
    bool active = (a->facts & FACT_ACTIVE) != 0;
    if ((a->facts & FACT_SHELVED) == 0) {
        core_note_free(core, &d->shelf_note);
        d->until_us = 0;
    }
    if ((a->facts & FACT_OUT_OF_SERVICE) == 0) {
        core_note_free(core, &d->service_note);
    }
    if ((a->facts & FACT_SUPPRESSED) == 0) {
        core_suppressors_clear(core, alarm);
    }
    if ((a->facts & FACT_ACKED) == 0 || (a->facts & FACT_ENABLED) == 0) {
        d->acked_us = 0;
        d->acked_by = 0;
    }
    a->delay = delay_initial(active);
    a->bits = active ? a->bits | BIT_CONDITION : a->bits & (uint8_t)~BIT_CONDITION;
}

/* What a restored or passed alarm does by itself: sound, end of the shelf, announcements, its group. */
static void revive(struct core *core, uint32_t alarm) {
    struct alarm_state *a = &core->alarms[alarm];
    const struct alarm_detail *d = core_detail_of(core, alarm);
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    if ((a->facts & FACT_SHELVED) != 0) {
        timer_arm(&core->timers, core_timer(core, TIMER_SHELF, alarm), d->until_us);
    }
    core_alarm_watch(core, alarm);
    char base = alarm_base_letter(a->facts);
    bool normal = base == ALARM_NORMAL || base == ALARM_DISABLED || base == ALARM_GONE;
    for (uint32_t i = 0; i < more->n_groups && !normal; i++) {
        struct group_state *g = &core->groups[more->groups[i]];
        g->not_normal++;
        if ((a->bits & BIT_FIRST) != 0) {
            g->first = alarm;
            g->first_src_us = d->raised_us;
            g->first_at_us = d->raised_at_us;
        }
    }
}

/* Rings again with the same call; the silence is forgotten. */
static void sound_again(struct core *core, uint32_t alarm) {
    struct alarm_state *a = &core->alarms[alarm];
    if (alarm_shown_letter(a->facts) == ALARM_UNACKED && core->model->alarms[alarm].ack_mode != ACK_NONE) {
        a->bits |= BIT_SOUNDING;
        a->sound = ++core->sounds;
    }
}

static int by_key_then_n(const void *left, const void *right) {
    const struct alarm_record *a = left;
    const struct alarm_record *b = right;
    if (a->alarm_key != b->alarm_key) {
        return a->alarm_key < b->alarm_key ? -1 : 1;
    }
    return a->n == b->n ? 0 : (a->n < b->n ? -1 : 1);
}

static enum status reserve_past(struct core *core, size_t n, struct error *err) {
    core->past = calloc(n > 0 ? n : 1, sizeof *core->past);
    return core->past != NULL ? OK : error_set(err, ERR_NOMEM, "core", "no memory for %zu past alarms", n);
}

/* In order of key, each alarm once. */
static void sort_past(struct core *core) {
    qsort(core->past, core->n_past, sizeof *core->past, by_key_then_n);
    uint32_t n = 0;
    for (uint32_t i = 0; i < core->n_past; i++) {
        if (n > 0 && core->past[n - 1].alarm_key == core->past[i].alarm_key) {
            n--;
        }
        core->past[n++] = core->past[i];
    }
    core->n_past = n;
}

static const struct alarm_record *find_past(const struct core *core, int64_t key) {
    uint32_t low = 0;
    uint32_t high = core->n_past;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (core->past[middle].alarm_key < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < core->n_past && core->past[low].alarm_key == key ? &core->past[low] : NULL;
}

static enum status check_record(const struct alarm_record *r, uint64_t journal_seq, struct error *err) {
    if (r->seq > journal_seq) {
        return error_set(err, ERR_INVALID, "alarm journal",
                         "record %llu is newer than the journal's end, %llu; the end must be the highest",
                         (unsigned long long)r->seq, (unsigned long long)journal_seq);
    }
    if (!alarm_facts_possible(r->facts) || r->to != alarm_shown_letter(r->facts)) {
        return error_set(err, ERR_INVALID, "alarm journal",
                         "record %llu ends in state %c with facts %u; they must be those of one state",
                         (unsigned long long)r->seq, r->to, r->facts);
    }
    if (r->priority < 1 || r->priority > 4) {
        return error_set(err, ERR_INVALID, "alarm journal",
                         "record %llu has priority %u; it must be from 1 to 4", (unsigned long long)r->seq,
                         r->priority);
    }
    return OK;
}

static void restore_accumulators(struct core *core, const struct core_restore *from,
                                 const struct key_index *alarms) {
    for (size_t i = 0; i < from->n_accumulators; i++) {
        uint32_t alarm = key_index_find(alarms, from->accumulators[i].alarm_key);
        if (alarm != MODEL_NONE && core->alarms[alarm].memo != MODEL_NONE) {
            core->memos[core->alarms[alarm].memo].amount = from->accumulators[i].amount;
        }
    }
}

static void restored(struct core *core) {
    for (uint32_t i = 0; i < core->model->n_alarms; i++) {
        struct alarm_state *a = &core->alarms[i];
        end_fold(core, i);
        core_count(core, 1, a->facts, a->priority);
        revive(core, i);
        sound_again(core, i);
        if ((a->facts & FACT_ENABLED) != 0) {
            a->bits |= BIT_UNTRUSTED; /* until there is evidence */
            core->counts.untrusted++;
        }
    }
    for (uint32_t i = 0; i < core->model->n_gateways; i++) {
        core_history_begin(core, i); /* what gateways stored meanwhile is judged from here on */
    }
}

static enum status restore(struct core *core, const struct core_restore *from, struct error *err) {
    struct key_index alarms = {0};
    enum status status = key_index_of_alarms(&alarms, core->model, err);
    status = status == OK ? reserve_past(core, from->n, err) : status;
    core->journal_seq = from->journal_seq;
    for (size_t i = 0; i < from->n && status == OK; i++) {
        const struct alarm_record *r = &from->records[i];
        uint32_t alarm = key_index_find(&alarms, r->alarm_key);
        status = check_record(r, from->journal_seq, err);
        core->journal_at_us = r->at_us > core->journal_at_us ? r->at_us : core->journal_at_us;
        if (status == OK && alarm == MODEL_NONE) {
            core->past[core->n_past++] = *r;
        } else if (status == OK && r->n > core_detail_of(core, alarm)->n) {
            fold(core, alarm, r);
        }
    }
    sort_past(core);
    restore_accumulators(core, from, &alarms);
    key_index_done(&alarms);
    return status;
}

enum status core_new(const struct model *m, const struct core_restore *from, int64_t now_us,
                     struct core **ret_core, struct error *err) {
    struct core *core = NULL;
    enum status status = core_build(m, now_us, &core, err);
    if (status == OK && from != NULL) {
        status = restore(core, from, err);
    }
    if (status != OK) {
        core_free(&core);
        return status;
    }
    restored(core);
    *ret_core = core;
    return OK;
}

/* --- a new revision of the configuration --- */

/* Old and new core with the way from one to the other. */
struct passage {
    const struct core *old;
    struct core *core;
    struct key_index gateways; /* of the old model */
    struct key_index tags;
    struct key_index alarms;
    uint32_t *new_tag; /* old index -> new index */
    int64_t *tag_us;   /* new index: source time of the newest sample; INT64_MIN if there was none */
    bool *kept_alarm;  /* old index: it is still there */
};

static void passage_done(struct passage *p) {
    key_index_done(&p->gateways);
    key_index_done(&p->tags);
    key_index_done(&p->alarms);
    free(p->new_tag);
    free(p->tag_us);
    free(p->kept_alarm);
}

static enum status passage_init(struct passage *p, struct error *err) {
    const struct model *m = p->old->model;
    enum status status = key_index_of_gateways(&p->gateways, m, err);
    status = status == OK ? key_index_of_tags(&p->tags, m, err) : status;
    status = status == OK ? key_index_of_alarms(&p->alarms, m, err) : status;
    if (status != OK) {
        return status;
    }
    p->new_tag = calloc((size_t)m->n_tags + 1, sizeof *p->new_tag);
    p->tag_us = calloc((size_t)p->core->model->n_tags + 1, sizeof *p->tag_us);
    p->kept_alarm = calloc((size_t)m->n_alarms + 1, sizeof *p->kept_alarm);
    if (p->new_tag == NULL || p->tag_us == NULL || p->kept_alarm == NULL) {
        return error_set(err, ERR_NOMEM, "core", "no memory to compare %u tags and %u alarms", m->n_tags,
                         m->n_alarms);
    }
    for (uint32_t i = 0; i < m->n_tags; i++) {
        p->new_tag[i] = MODEL_NONE;
    }
    return OK;
}

static void pass_gateways(const struct passage *p) {
    for (uint32_t i = 0; i < p->core->model->n_gateways; i++) {
        struct gateway_state *g = &p->core->gateways[i];
        uint32_t from = key_index_find(&p->gateways, p->core->model->gateways[i].key);
        if (from == MODEL_NONE) {
            continue;
        }
        const struct gateway_state *before = &p->old->gateways[from];
        bool newly_enabled = g->enabled && !before->enabled;
        g->up = before->up;
        g->future = before->future;
        g->off = before->off;
        g->shadowed = before->shadowed;
        g->told = before->told;
        g->starting = newly_enabled ? !before->up : before->starting;
        g->since_us = newly_enabled && !before->up ? p->core->now_us : before->since_us;
    }
}

static bool same_gateway(const struct passage *p, uint32_t tag, uint32_t from) {
    uint32_t now = p->core->model->tags[tag].gateway;
    uint32_t before = p->old->model->tags[from].gateway;
    if (now == MODEL_NONE || before == MODEL_NONE) {
        return now == before;
    }
    return p->core->model->gateways[now].key == p->old->model->gateways[before].key;
}

static void pass_tag(const struct passage *p, uint32_t tag, uint32_t from) {
    struct tag_state *t = &p->core->tags[tag];
    const struct tag_state *before = &p->old->tags[from];
    int64_t stale_us = p->core->model->tags[tag].stale_us;
    p->new_tag[from] = tag;
    t->value = before->value;
    t->shown = before->shown;
    t->t_us = before->t_us;
    t->received_us = before->received_us;
    t->unknown_us = before->unknown_us;
    t->quality = before->quality;
    t->flags |= before->flags & (TAG_SEEN | TAG_STALE);
    t->flags = (uint8_t)((t->flags & ~TAG_LOST) | (before->flags & TAG_LOST));
    p->core->shadow_tags[tag] = p->old->shadow_tags[from];
    /* What another gateway said is not known to this one. */
    if (!same_gateway(p, tag, from)) {
        t->flags = (uint8_t)((t->flags | TAG_LOST) & ~TAG_STALE);
        t->unknown_us = t->unknown_us == 0 ? p->core->now_us : t->unknown_us;
    }
    if (stale_us == 0 || core_tag_heard_us(p->core, tag) + stale_us > p->core->now_us) {
        t->flags = (uint8_t)(t->flags & ~TAG_STALE);
    }
}

static void pass_tags(const struct passage *p) {
    for (uint32_t i = 0; i < p->core->model->n_tags; i++) {
        uint32_t from = key_index_find(&p->tags, p->core->model->tags[i].key);
        if (from != MODEL_NONE) {
            pass_tag(p, i, from);
        }
        core_tag_watch(p->core, i);
    }
}

/* The order of changes is kept; then what is new or is shown otherwise than before. */
static void pass_changes(const struct passage *p) {
    const struct core *old = p->old;
    for (uint32_t i = 0; i < old->changed_n; i++) {
        uint64_t place = ((uint64_t)old->changed_first + i) % old->model->n_tags;
        uint32_t tag = p->new_tag[old->changed[place]];
        if (tag != MODEL_NONE) {
            core_tag_changed(p->core, tag);
        }
    }
    for (uint32_t i = 0; i < p->core->model->n_tags; i++) {
        uint32_t from = key_index_find(&p->tags, p->core->model->tags[i].key);
        if (from == MODEL_NONE || core_tag_quality(p->core, i) != core_tag_quality(old, from)) {
            core_tag_changed(p->core, i);
        }
    }
}

static int64_t key_of_tag(const struct model *m, uint32_t tag) {
    return tag == MODEL_NONE ? 0 : m->tags[tag].key;
}

static int64_t key_of_gateway(const struct model *m, uint32_t gateway) {
    return gateway == MODEL_NONE ? 0 : m->gateways[gateway].key;
}

/* It watches something else than before: a condition or delay in progress is about nothing now. */
static bool watches_another(const struct passage *p, uint32_t alarm, uint32_t from) {
    const struct model *m = p->core->model;
    const struct model *old = p->old->model;
    const struct model_alarm *now = &m->alarms[alarm];
    const struct model_alarm *before = &old->alarms[from];
    if (now->kind != before->kind || key_of_tag(m, now->tag) != key_of_tag(old, before->tag) ||
        key_of_tag(m, model_alarm_more(m, alarm)->second_tag) !=
            key_of_tag(old, model_alarm_more(old, from)->second_tag)) {
        return true;
    }
    bool of_gateway = alarm_kind_of_gateway((enum alarm_kind)now->kind);
    return of_gateway && key_of_gateway(m, now->gateway) != key_of_gateway(old, before->gateway);
}

static void pass_notes(const struct passage *p, uint32_t alarm, uint32_t from) {
    struct core *core = p->core;
    const struct core *old = p->old;
    if (old->alarms[from].detail == DETAIL_NONE) {
        return;
    }
    const struct alarm_detail *before = core_detail_of(old, from);
    struct alarm_detail *d = core_detail(core, alarm);
    *d = *before;
    d->acked_by = core_name(core, old->names[before->acked_by]);
    d->shelf_note = 0;
    d->service_note = 0;
    if (before->shelf_note != 0) {
        const struct alarm_note *n = &old->notes[before->shelf_note];
        d->shelf_note = core_note_new(core, n->since_us, n->by, n->reason);
    }
    if (before->service_note != 0) {
        const struct alarm_note *n = &old->notes[before->service_note];
        d->service_note = core_note_new(core, n->since_us, n->by, n->reason);
    }
    for (uint32_t at = old->alarms[from].suppressors; at != 0; at = old->suppressors[at].next) {
        const struct suppressor *s = &old->suppressors[at];
        (void)core_suppressors_put(core, alarm, old->names[s->name], s->by_system);
    }
}

/* later_us: by how much a running start-up time was made longer. */
static void arm_as_before(const struct passage *p, uint32_t from_timer, uint32_t timer, int64_t later_us) {
    int64_t due_us = 0;
    if (timer_is_armed(&p->old->timers, from_timer, &due_us)) {
        timer_arm(&p->core->timers, timer, due_us + later_us);
    }
}

static void pass_alarm(const struct passage *p, uint32_t alarm, uint32_t from) {
    struct core *core = p->core;
    struct alarm_state *a = &core->alarms[alarm];
    const struct alarm_state *before = &p->old->alarms[from];
    uint32_t memo = a->memo;
    p->kept_alarm[from] = true;
    *a = *before;
    a->memo = memo;
    a->detail = DETAIL_NONE;
    a->suppressors = 0;
    pass_notes(p, alarm, from);
    core->shadows[alarm] = p->old->shadows[from];
    core->counts.untrusted += (a->bits & BIT_UNTRUSTED) != 0 ? 1 : 0;
    if (watches_another(p, alarm, from)) {
        a->delay = delay_initial((a->facts & FACT_ACTIVE) != 0);
        a->bits &= (uint8_t)~BIT_CONDITION;
        core->shadows[alarm].open = false;
        return;
    }
    if (memo != MODEL_NONE && before->memo != MODEL_NONE) {
        core->memos[memo] = p->old->memos[before->memo];
        core->memos[memo].alarm = alarm;
    }
    delay_reconfigure(&a->delay, core_alarm_delays(p->old, from), core_alarm_delays(core, alarm));
    if (delay_is_running(&a->delay)) {
        timer_arm(&core->timers, core_timer(core, TIMER_DELAY, alarm), a->delay.mark_us);
    }
    if (a->suppress == SUPPRESS_ENDING || a->suppress == SUPPRESS_BLIND) {
        int64_t later_us = model_alarm_more(core->model, alarm)->unsuppress_us -
                           model_alarm_more(p->old->model, from)->unsuppress_us;
        arm_as_before(p, core_timer(p->old, TIMER_SUPPRESS, from), core_timer(core, TIMER_SUPPRESS, alarm),
                      a->suppress == SUPPRESS_ENDING ? later_us : 0);
    }
}

static void pass_alarms(const struct passage *p) {
    struct core *core = p->core;
    for (uint32_t i = 0; i < core->model->n_alarms; i++) {
        uint32_t from = key_index_find(&p->alarms, core->model->alarms[i].key);
        const struct alarm_record *past = NULL;
        if (from != MODEL_NONE) {
            pass_alarm(p, i, from);
        } else if ((past = find_past(p->old, core->model->alarms[i].key)) != NULL) {
            fold(core, i, past);
            end_fold(core, i);
        }
        core_count(core, 1, core->alarms[i].facts, core->alarms[i].priority);
        revive(core, i);
    }
}

static void pass_groups(const struct passage *p) {
    const struct model *m = p->core->model;
    for (uint32_t i = 0; i < m->n_groups; i++) {
        for (uint32_t j = 0; j < p->old->model->n_groups; j++) {
            if (m->groups[i].key == p->old->model->groups[j].key && m->groups[i].key != 0) {
                p->core->groups[i].suppress = p->old->groups[j].suppress;
                int64_t later_us = m->groups[i].unsuppress_us - p->old->model->groups[j].unsuppress_us;
                arm_as_before(p, core_timer_of_group(p->old, j), core_timer_of_group(p->core, i),
                              p->core->groups[i].suppress == SUPPRESS_ENDING ? later_us : 0);
            }
        }
    }
}

/* Positions are known by name. */
static void pass_silence(const struct passage *p) {
    const struct model *m = p->core->model;
    p->core->sounds = p->old->sounds;
    for (uint32_t i = 0; i < m->n_positions; i++) {
        for (uint32_t j = 0; j < p->old->model->n_positions; j++) {
            if (slice_eq(m->positions[i], p->old->model->positions[j])) {
                p->core->silenced[i] = p->old->silenced[j];
            }
        }
    }
}

/* Windows that mean the same go on; new ones begin with what is there. */
static void pass_rules(const struct passage *p) {
    struct core *core = p->core;
    if (core->rules == NULL) {
        return;
    }
    if (p->old->rules != NULL) {
        (void)rule_machine_adopt(core->rules, p->old->rules, p->new_tag);
        (void)rule_machine_adopt(core->history, p->old->history, p->new_tag);
    }
    for (uint32_t i = 0; i < core->model->n_tags; i++) {
        p->tag_us[i] = (core->tags[i].flags & TAG_SEEN) != 0 ? core->tags[i].t_us : INT64_MIN;
    }
    struct rule_reader reader = core_rules_reader(core, LENS_LIVE);
    rule_machine_prime(core->rules, &reader, p->tag_us);
}

/* An occurrence that was escalated keeps the higher priority; a higher configured one is announced anew. */
static void pass_priorities(const struct passage *p, const struct effect_sink *sink) {
    for (uint32_t i = 0; i < p->core->model->n_alarms; i++) {
        uint32_t from = key_index_find(&p->alarms, p->core->model->alarms[i].key);
        if (from != MODEL_NONE) {
            core_priority(p->core, i, p->old->model->alarms[from].priority, sink);
        }
    }
}

/* What has left, now or before, is remembered; settling writes the records of those that were not normal. */
static enum status pass_past(const struct passage *p, struct error *err) {
    const struct core *old = p->old;
    struct core *core = p->core;
    struct key_index alarms = {0};
    enum status status = key_index_of_alarms(&alarms, core->model, err);
    size_t left = 0;
    for (uint32_t i = 0; i < old->model->n_alarms; i++) {
        left += p->kept_alarm[i] ? 0 : 1;
    }
    status = status == OK ? reserve_past(core, old->n_past + left, err) : status;
    for (uint32_t i = 0; i < old->n_past && status == OK; i++) {
        if (key_index_find(&alarms, old->past[i].alarm_key) == MODEL_NONE) {
            core->past[core->n_past++] = old->past[i];
        }
    }
    for (uint32_t i = 0; i < old->model->n_alarms && status == OK; i++) {
        if (!p->kept_alarm[i] && core_detail_of(old, i)->n > 0) {
            core->past[core->n_past++] = core_alarm_record(old, i);
        }
    }
    key_index_done(&alarms);
    sort_past(core);
    return status;
}

static void take_over(const struct passage *p) {
    struct core *core = p->core;
    const struct core *old = p->old;
    core->journal_seq = old->journal_seq;
    core->journal_at_us = old->journal_at_us;
    core->counts.samples = old->counts.samples;
    core->counts.late = old->counts.late;
    core->counts.backlog = old->counts.backlog;
    core->counts.future = old->counts.future;
    core->counts.foreign = old->counts.foreign;
    core->flood = old->flood;
    core->memo_changes = old->memo_changes;
    pass_gateways(p);
    pass_tags(p);
    pass_changes(p);
    pass_rules(p);
    pass_groups(p);
    pass_silence(p);
    pass_alarms(p);
}

enum status core_next(const struct core *old, const struct model *m, int64_t now_us, struct effect_sink sink,
                      struct core **ret_core, struct error *err) {
    CHECK(sink.emit != NULL);
    struct passage p = {.old = old};
    enum status status = core_build(m, now_us > old->now_us ? now_us : old->now_us, &p.core, err);
    status = status == OK ? passage_init(&p, err) : status;
    if (status == OK) {
        take_over(&p);
        status = pass_past(&p, err);
    }
    if (status == OK) {
        p.core->cause = CAUSE_CONFIG;
        pass_priorities(&p, &sink);
        core_alarms_settle(p.core, &sink);
    }
    passage_done(&p);
    if (status != OK) {
        core_free(&p.core);
        return status;
    }
    *ret_core = p.core;
    return OK;
}
