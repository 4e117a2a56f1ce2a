#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/core/core_state.h"

#include <stdlib.h>

/* A rule's seconds are made up for as long as this when its inputs come with old times. */
#define CATCH_UP_US TM_HOUR_US

static struct rule_value read_live(const void *ctx, uint32_t tag) {
    return core_read(ctx, LENS_LIVE, tag);
}

static struct rule_value read_history(const void *ctx, uint32_t tag) {
    return core_read(ctx, LENS_HISTORY, tag);
}

struct rule_reader core_rules_reader(const struct core *core, enum lens lens) {
    return (struct rule_reader){.ctx = core, .read = lens == LENS_LIVE ? read_live : read_history};
}

/* The next second at which it can change by itself, not further back than is worth making up for. */
static void arm_tick(struct core *core, uint32_t program, int64_t next_us) {
    int64_t armed_us = 0;
    int64_t oldest_us = core->now_us - CATCH_UP_US;
    if (next_us == INT64_MAX) {
        timer_disarm(&core->ticks, program);
        return;
    }
    if (next_us < oldest_us) {
        next_us = oldest_us - ((oldest_us % TM_SECOND_US) + TM_SECOND_US) % TM_SECOND_US;
    }
    if (!timer_is_armed(&core->ticks, program, &armed_us) || armed_us != next_us) {
        timer_arm(&core->ticks, program, next_us);
    }
}

/* A rule is about nothing before one of its inputs was seen since the start: what it would say of tags that
 * are not known yet (bad, value_or) is no evidence. One that reads no tag is about the time, and holds at
 * once. */
static bool has_evidence(struct core *core, uint32_t program) {
    const uint32_t *inputs = NULL;
    uint32_t n = core->program_seen[program] ? 0 : rule_set_inputs(core->model->rules, program, &inputs);
    bool seen = n == 0;
    for (uint32_t i = 0; i < n && !seen; i++) {
        seen = (core->tags[inputs[i]].flags & TAG_SEEN) != 0;
    }
    core->program_seen[program] = seen;
    return seen;
}

/* A rule without functions of time is as new as its newest input; what was known of it in between (a lost
 * link) moves no evidence. One with them goes on from where it was asked last. */
static int64_t asked_at(const struct core *core, uint32_t program, enum lens lens, int64_t ts_us) {
    int64_t at_us = lens == LENS_LIVE ? core->evaluated_us[program] : core->history_us[program];
    if (!rule_set_has_time(core->model->rules, program)) {
        const uint32_t *inputs = NULL;
        uint32_t n = rule_set_inputs(core->model->rules, program, &inputs);
        at_us = ts_us;
        for (uint32_t i = 0; i < n; i++) {
            int64_t t_us = lens == LENS_LIVE ? core->tags[inputs[i]].t_us : core->shadow_tags[inputs[i]].t_us;
            at_us = t_us > at_us ? t_us : at_us;
        }
    }
    return ts_us > at_us ? ts_us : at_us;
}

struct rule_value core_rules_eval(struct core *core, uint32_t program, enum lens lens, int64_t ts_us,
                                  int64_t *ret_t_us) {
    struct rule_reader reader = core_rules_reader(core, lens);
    int64_t *newest = lens == LENS_LIVE ? &core->evaluated_us[program] : &core->history_us[program];
    *ret_t_us = ts_us;
    if (lens == LENS_LIVE && !has_evidence(core, program)) {
        return rule_unknown();
    }
    *newest = asked_at(core, program, lens, ts_us);
    *ret_t_us = *newest;
    if (*newest == INT64_MIN) {
        return rule_unknown();
    }
    if (lens == LENS_HISTORY) {
        struct rule_result past = rule_machine_eval(core->history, &reader, program, *newest);
        core->history_next_us[program] = past.next_us;
        return past.value;
    }
    struct rule_result r = rule_machine_eval(core->rules, &reader, program, *newest);
    arm_tick(core, program, r.next_us);
    return r.value;
}

/* --- work lists --- */

/* A heap of ranks: calculated tags of lower levels come first. */
static void push_rank(struct work *heap, uint32_t rank) {
    uint32_t at = heap->n++;
    while (at > 0 && heap->v[(at - 1) / 2] > rank) {
        heap->v[at] = heap->v[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->v[at] = rank;
}

static uint32_t pop_rank(struct work *heap) {
    uint32_t first = heap->v[0];
    uint32_t last = heap->v[--heap->n];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= heap->n) {
            break;
        }
        child += child + 1 < heap->n && heap->v[child + 1] < heap->v[child] ? 1 : 0;
        if (heap->v[child] >= last) {
            break;
        }
        heap->v[at] = heap->v[child];
        at = child;
    }
    heap->v[at] = last;
    return first;
}

static void alarm_dirty(struct core *core, uint32_t alarm) {
    struct alarm_state *a = &core->alarms[alarm];
    if ((a->bits & BIT_DIRTY) == 0) {
        a->bits |= BIT_DIRTY;
        core->dirty_alarms.v[core->dirty_alarms.n++] = alarm;
    }
}

static void program_dirty(struct core *core, uint32_t program) {
    if (core->program_dirty[program]) {
        return;
    }
    const struct program_user *user = &core->users[program];
    switch (user->kind) {
    case USER_NOBODY:
    case USER_ALARM: /* stands among the dependents of its tags */
        return;
    case USER_TAG:
        push_rank(&core->calculations, core->rank[user->index]);
        break;
    case USER_SUPPRESS_ALARM:
    case USER_SUPPRESS_GROUP:
        core->dirty_suppress.v[core->dirty_suppress.n++] = program;
        break;
    }
    core->program_dirty[program] = true;
}

/* What depends on a dirty tag is dirty. */
static void spread(struct core *core, uint32_t tag) {
    for (uint32_t i = core->tag_alarms.first[tag]; i < core->tag_alarms.first[tag + 1]; i++) {
        alarm_dirty(core, core->tag_alarms.list[i]);
    }
    for (uint32_t i = core->tag_programs.first[tag]; i < core->tag_programs.first[tag + 1]; i++) {
        program_dirty(core, core->tag_programs.list[i]);
    }
}

static void touch(struct core *core, const uint32_t *tags, uint32_t n, int64_t ts_us, bool from_samples) {
    if (core->rules == NULL) {
        return;
    }
    struct rule_reader reader = core_rules_reader(core, LENS_LIVE);
    if (from_samples) {
        rule_machine_touch(core->rules, &reader, tags, n, ts_us);
    } else {
        rule_machine_quality(core->rules, &reader, tags, n, ts_us);
    }
}

static void calculate(struct core *core, int64_t ts_us) {
    while (core->calculations.n > 0) {
        uint32_t tag = core->model->calculated[pop_rank(&core->calculations)];
        uint32_t program = core->model->tags[tag].program;
        int64_t t_us = ts_us;
        core->program_dirty[program] = false;
        struct rule_value v = core_rules_eval(core, program, LENS_LIVE, ts_us, &t_us);
        if (core_tag_calculated(core, tag, v, t_us)) {
            core_tag_dirty(core, tag);
            touch(core, &tag, 1, t_us, true);
            spread(core, tag);
        }
    }
}

void core_rules_settle(struct core *core) {
    for (uint32_t i = 0; i < core->model->n_calculated; i++) {
        program_dirty(core, core->model->tags[core->model->calculated[i]].program);
    }
    calculate(core, core->now_us);
    for (uint32_t i = 0; i < core->dirty_tags.n; i++) {
        uint32_t tag = core->dirty_tags.v[i];
        core->tags[tag].flags = (uint8_t)(core->tags[tag].flags & ~TAG_DIRTY);
    }
    for (uint32_t i = 0; i < core->dirty_alarms.n; i++) {
        core->alarms[core->dirty_alarms.v[i]].bits &= (uint8_t)~BIT_DIRTY;
    }
    for (uint32_t i = 0; i < core->dirty_suppress.n; i++) {
        core->program_dirty[core->dirty_suppress.v[i]] = false;
    }
    core->dirty_tags.n = core->dirty_alarms.n = core->dirty_suppress.n = 0;
}

static int by_index(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return a < b ? -1 : (a > b ? 1 : 0);
}

/* In order of configuration; most lists are so already. */
static void sort(struct work *list) {
    for (uint32_t i = 1; i < list->n; i++) {
        if (list->v[i - 1] > list->v[i]) {
            qsort(list->v, list->n, sizeof *list->v, by_index);
            return;
        }
    }
}

static void suppress(struct core *core, int64_t ts_us, const struct effect_sink *sink) {
    sort(&core->dirty_suppress);
    for (uint32_t i = 0; i < core->dirty_suppress.n; i++) {
        const struct program_user *user = &core->users[core->dirty_suppress.v[i]];
        core->program_dirty[core->dirty_suppress.v[i]] = false;
        if (user->kind == USER_SUPPRESS_ALARM) {
            core_suppress_alarm(core, user->index, ts_us, sink);
        } else {
            core_suppress_group(core, user->index, ts_us, sink);
        }
    }
    core->dirty_suppress.n = 0;
}

static void judge(struct core *core, int64_t ts_us, bool from_samples, const struct effect_sink *sink) {
    sort(&core->dirty_alarms);
    for (uint32_t i = 0; i < core->dirty_alarms.n; i++) {
        uint32_t alarm = core->dirty_alarms.v[i];
        core->alarms[alarm].bits &= (uint8_t)~BIT_DIRTY;
        if (core_gathers((enum alarm_kind)core->model->alarms[alarm].kind)) {
            core_gather_evaluate(core, alarm, ts_us, from_samples, sink);
        } else {
            core_alarm_evaluate(core, alarm, ts_us, sink);
        }
    }
    core->dirty_alarms.n = 0;
}

/* Calculated tags by level, then suppression, then conditions. */
static void work_off(struct core *core, int64_t ts_us, bool from_samples, const struct effect_sink *sink) {
    calculate(core, ts_us);
    suppress(core, ts_us, sink);
    judge(core, ts_us, from_samples, sink);
    for (uint32_t i = 0; i < core->dirty_tags.n; i++) {
        uint32_t tag = core->dirty_tags.v[i];
        core->tags[tag].flags = (uint8_t)(core->tags[tag].flags & ~TAG_DIRTY);
        core_tag_requiet(core, tag);
    }
    core->dirty_tags.n = 0;
}

void core_rules_propagate(struct core *core, int64_t ts_us, bool from_samples,
                          const struct effect_sink *sink) {
    uint32_t n = core->dirty_tags.n;
    touch(core, core->dirty_tags.v, n, ts_us, from_samples);
    for (uint32_t i = 0; i < n; i++) {
        spread(core, core->dirty_tags.v[i]);
    }
    work_off(core, ts_us, from_samples, sink);
}

void core_rules_tick(struct core *core, int64_t due_us, const struct effect_sink *sink) {
    uint32_t program = 0;
    int64_t at_us = 0;
    while (timer_next(&core->ticks) == due_us && timer_pop(&core->ticks, due_us, &program, &at_us)) {
        if (core->users[program].kind == USER_ALARM) {
            alarm_dirty(core, core->users[program].index);
        } else {
            program_dirty(core, program);
        }
    }
    work_off(core, due_us, false, sink);
}

void core_rules_tick_before(struct core *core, int64_t ts_us, const struct effect_sink *sink) {
    int64_t until_us = ts_us <= core->now_us ? ts_us : core->now_us + 1;
    int64_t due_us = 0;
    while ((due_us = timer_next(&core->ticks)) < until_us) {
        core_rules_tick(core, due_us, sink);
    }
}

/* --- stored samples --- */

/* The line of a gateway breaks: what its rules remember goes into the shadow. */
void core_rules_shadow(struct core *core, uint32_t gateway) {
    const struct model *m = core->model;
    for (uint32_t i = 0; i < m->n_tags; i++) {
        core->selected[i] = m->tags[i].gateway == gateway;
    }
    rule_machine_copy_nodes(core->history, core->rules, core->selected);
    for (uint32_t i = 0; i < rule_set_count(m->rules); i++) {
        const uint32_t *inputs = NULL;
        uint32_t n = rule_set_inputs(m->rules, i, &inputs);
        if (n > 0 && core->selected[inputs[0]]) {
            core->history_us[i] = core->evaluated_us[i];
            if (!timer_is_armed(&core->ticks, i, &core->history_next_us[i])) {
                core->history_next_us[i] = INT64_MAX;
            }
        }
    }
}

int64_t core_rules_history_due(const struct core *core, uint32_t gateway, int64_t before_us,
                               uint32_t *ret_alarm) {
    int64_t due_us = INT64_MAX;
    for (uint32_t i = core->gateway_programs.first[gateway]; i < core->gateway_programs.first[gateway + 1];
         i++) {
        uint32_t program = core->gateway_programs.list[i];
        uint32_t alarm = core->users[program].index;
        int64_t next_us = core->history_next_us[program];
        if (core->shadows[alarm].open && next_us < before_us && next_us < due_us) {
            due_us = next_us;
            *ret_alarm = alarm;
        }
    }
    return due_us;
}

void core_rules_history(struct core *core, uint32_t gateway, int64_t ts_us, const struct effect_sink *sink) {
    if (core->history != NULL && core->dirty_tags.n > 0) {
        struct rule_reader reader = core_rules_reader(core, LENS_HISTORY);
        rule_machine_touch(core->history, &reader, core->dirty_tags.v, core->dirty_tags.n, ts_us);
    }
    for (uint32_t i = 0; i < core->dirty_tags.n; i++) {
        uint32_t tag = core->dirty_tags.v[i];
        core->tags[tag].flags = (uint8_t)(core->tags[tag].flags & ~TAG_DIRTY);
        for (uint32_t j = core->tag_alarms.first[tag]; j < core->tag_alarms.first[tag + 1]; j++) {
            alarm_dirty(core, core->tag_alarms.list[j]);
        }
    }
    core->dirty_tags.n = 0;
    sort(&core->dirty_alarms);
    for (uint32_t i = 0; i < core->dirty_alarms.n; i++) {
        uint32_t alarm = core->dirty_alarms.v[i];
        core->alarms[alarm].bits &= (uint8_t)~BIT_DIRTY;
        core_history_judge(core, alarm, gateway, ts_us, sink);
    }
    core->dirty_alarms.n = 0;
}
