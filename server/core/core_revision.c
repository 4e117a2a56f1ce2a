#include "server/base/check.h"
#include "server/core/core_state.h"
#include "server/core/key_index.h"

#include <stdlib.h>

/* --- restart --- */

static void restore_alarm(struct core *core, uint32_t alarm, const struct alarm_record *r) {
    struct alarm_facts facts = {0};
    CHECK(alarm_facts_of(r->to, &facts));
    struct alarm_state *a = &core->alarms[alarm];
    struct alarm_detail *d = &core->details[alarm];
    char before = alarm_letter(&a->facts);
    a->facts = facts;
    a->occ = r->occ;
    a->call = r->call;
    a->condition = facts.active;
    a->delay = delay_initial(facts.active);
    d->n = r->n;
    d->raised_us = r->raised_us;
    d->changed_us = r->at_us;
    d->value = r->value;
    if (r->kind == RECORD_ACK) {
        d->acked_us = r->at_us;
        memcpy(d->acked_by, r->actor, sizeof d->acked_by);
        d->acked_by[sizeof d->acked_by - 1] = '\0';
    }
    core_alarm_count(core, a->priority, before, alarm_letter(&facts));
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
    struct alarm_facts facts = {0};
    if (r->seq > journal_seq) {
        return error_set(err, ERR_INVALID, "alarm journal",
                         "record %llu is newer than the journal's end, %llu; the end must be the highest",
                         (unsigned long long)r->seq, (unsigned long long)journal_seq);
    }
    if (!alarm_facts_of(r->to, &facts)) {
        return error_set(err, ERR_INVALID, "alarm journal",
                         "record %llu ends in state %d; it must be A, B, C, D, Z or -",
                         (unsigned long long)r->seq, r->to);
    }
    return OK;
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
        } else if (status == OK && r->n > core->details[alarm].n) {
            restore_alarm(core, alarm, r);
        }
    }
    sort_past(core);
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
    bool *kept_alarm;  /* old index: it is still there */
};

static void passage_done(struct passage *p) {
    key_index_done(&p->gateways);
    key_index_done(&p->tags);
    key_index_done(&p->alarms);
    free(p->new_tag);
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
    p->kept_alarm = calloc((size_t)m->n_alarms + 1, sizeof *p->kept_alarm);
    if (p->new_tag == NULL || p->kept_alarm == NULL) {
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
        g->starting = newly_enabled ? !before->up : before->starting;
        g->since_us = newly_enabled && !before->up ? p->core->now_us : before->since_us;
    }
}

static bool same_gateway(const struct passage *p, uint32_t tag, uint32_t from) {
    const struct model_gateway *now = &p->core->model->gateways[p->core->tags[tag].gateway];
    const struct model_gateway *before = &p->old->model->gateways[p->old->tags[from].gateway];
    return now->key == before->key;
}

static void pass_tags(const struct passage *p) {
    for (uint32_t i = 0; i < p->core->model->n_tags; i++) {
        struct tag_state *t = &p->core->tags[i];
        uint32_t from = key_index_find(&p->tags, p->core->model->tags[i].key);
        if (from != MODEL_NONE) {
            const struct tag_state *before = &p->old->tags[from];
            p->new_tag[from] = i;
            t->value = before->value;
            t->shown = before->shown;
            t->t_us = before->t_us;
            t->received_us = before->received_us;
            t->quality = before->quality;
            t->flags = before->flags & (TAG_SEEN | TAG_LOST | TAG_STALE);
            /* What another gateway said is not known to this one. */
            if (!same_gateway(p, i, from)) {
                t->flags = (uint8_t)((t->flags | TAG_LOST) & ~TAG_STALE);
            }
            if (t->stale_us == 0 || core_tag_stale_at(p->core, i) > p->core->now_us) {
                t->flags = (uint8_t)(t->flags & ~TAG_STALE);
            }
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

/* It watches something else than before: a condition or delay in progress is about nothing now. */
static bool watches_another(const struct passage *p, uint32_t alarm, uint32_t from) {
    const struct alarm_state *now = &p->core->alarms[alarm];
    const struct alarm_state *before = &p->old->alarms[from];
    if (now->kind != before->kind || (now->tag == MODEL_NONE) != (before->tag == MODEL_NONE)) {
        return true;
    }
    if (now->tag != MODEL_NONE) {
        return p->core->model->tags[now->tag].key != p->old->model->tags[before->tag].key;
    }
    return p->core->model->gateways[now->gateway].key != p->old->model->gateways[before->gateway].key;
}

static void pass_alarms(const struct passage *p) {
    for (uint32_t i = 0; i < p->core->model->n_alarms; i++) {
        uint32_t from = key_index_find(&p->alarms, p->core->model->alarms[i].key);
        if (from == MODEL_NONE) {
            const struct alarm_record *past = find_past(p->old, p->core->model->alarms[i].key);
            if (past != NULL) {
                restore_alarm(p->core, i, past);
            }
            continue;
        }
        struct alarm_state *a = &p->core->alarms[i];
        const struct alarm_state *before = &p->old->alarms[from];
        p->kept_alarm[from] = true;
        core_alarm_count(p->core, a->priority, alarm_letter(&a->facts), alarm_letter(&before->facts));
        a->facts = before->facts;
        a->occ = before->occ;
        a->call = before->call;
        a->condition = before->condition;
        a->delay = before->delay;
        p->core->details[i] = p->old->details[from];
        if (watches_another(p, i, from)) {
            a->delay = delay_initial(a->facts.active);
            a->condition = false;
            continue;
        }
        delay_reconfigure(&a->delay, core_alarm_delays(p->old, from), core_alarm_delays(p->core, i));
        if (delay_is_running(&a->delay)) {
            timer_arm(&p->core->timers, i, a->delay.due_us);
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
        if (!p->kept_alarm[i] && old->details[i].n > 0) {
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
    pass_gateways(p);
    pass_tags(p);
    pass_changes(p);
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
    passage_done(&p);
    if (status != OK) {
        core_free(&p.core);
        return status;
    }
    core_alarms_settle(p.core, &sink);
    *ret_core = p.core;
    return OK;
}
