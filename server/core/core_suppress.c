#include "server/base/check.h"
#include "server/core/core_state.h"

#include <string.h>

/* --- the set of an alarm --- */

static uint32_t *find(struct core *core, uint32_t alarm, const char *source) {
    char name[ALARM_SOURCE_SIZE];
    core_copy_text(name, sizeof name, source);
    uint32_t *at = &core->alarms[alarm].suppressors;
    while (*at != 0 && strcmp(core->names[core->suppressors[*at].name], name) != 0) {
        at = &core->suppressors[*at].next;
    }
    return at;
}

bool core_suppressed_by(const struct core *core, uint32_t alarm, const char *source) {
    uint32_t at = core->alarms[alarm].suppressors;
    while (at != 0 && strncmp(core->names[core->suppressors[at].name], source, ALARM_SOURCE_SIZE - 1) != 0) {
        at = core->suppressors[at].next;
    }
    return at != 0;
}

static bool is_name(const char *name, const char *source) {
    return strncmp(name, source, ALARM_SOURCE_SIZE - 1) == 0;
}

/* The configuration may set this source: room is kept for it. */
static bool is_reserved(const struct core *core, uint32_t alarm, const char *source) {
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    bool reserved = (more->suppress_program != MODEL_NONE && is_name(ALARM_SOURCE_RULE, source)) ||
                    (more->hidden_by != MODEL_NONE && is_name(ALARM_SOURCE_HIGHER, source));
    for (uint32_t i = 0; i < more->n_groups && !reserved; i++) {
        reserved = is_name(core->names[core->groups[more->groups[i]].name], source);
    }
    return reserved;
}

bool core_suppressors_put(struct core *core, uint32_t alarm, const char *source, bool by_system) {
    uint32_t *end = find(core, alarm, source); /* not there: the link behind the last one */
    bool by_hand = !is_reserved(core, alarm, source);
    if (*end != 0 || core->free_suppressor == 0 || (by_hand && core->n_by_hand == core->by_hand_max)) {
        return *end != 0;
    }
    uint16_t name = core_name(core, source);
    uint32_t entry = core->free_suppressor;
    if (name == 0) {
        return false;
    }
    core->n_by_hand += by_hand ? 1 : 0;
    core->free_suppressor = core->suppressors[entry].next;
    core->suppressors[entry] = (struct suppressor){.name = name, .by_system = by_system};
    *end = entry;
    return true;
}

bool core_suppressors_drop(struct core *core, uint32_t alarm, const char *source) {
    uint32_t *at = find(core, alarm, source);
    uint32_t entry = *at;
    if (entry == 0) {
        return false;
    }
    core->n_by_hand -= is_reserved(core, alarm, source) ? 0 : 1;
    *at = core->suppressors[entry].next;
    core->suppressors[entry].next = core->free_suppressor;
    core->free_suppressor = entry;
    return true;
}

void core_suppressors_clear(struct core *core, uint32_t alarm) {
    while (core->alarms[alarm].suppressors != 0) {
        bool dropped = core_suppressors_drop(
            core, alarm, core->names[core->suppressors[core->alarms[alarm].suppressors].name]);
        CHECK(dropped);
    }
}

/* The record's cause with the source in it. */
static struct cause with_source(const struct cause *cause, const char *source) {
    struct cause c = *cause;
    c.source = source;
    return c;
}

enum alarm_reply core_suppress_add(struct core *core, uint32_t alarm, const char *source, int64_t src_us,
                                   const struct cause *cause, const struct effect_sink *sink) {
    if (core_suppressed_by(core, alarm, source)) {
        return ALARM_ALREADY;
    }
    if (!core_suppressors_put(core, alarm, source, cause->actor_key == 0)) {
        return ALARM_E_FULL;
    }
    struct cause c = with_source(cause, source);
    core_hide(core, alarm, RECORD_SUPPRESS, FACT_SUPPRESSED, src_us, &c, sink);
    return ALARM_OK;
}

enum alarm_reply core_suppress_take(struct core *core, uint32_t alarm, const char *source, int64_t src_us,
                                    const struct cause *cause, const struct effect_sink *sink) {
    if (!core_suppressors_drop(core, alarm, source)) {
        return ALARM_E_NOT_SUPPRESSED;
    }
    struct cause c = with_source(cause, source);
    if (core->alarms[alarm].suppressors == 0) {
        core_unhide(core, alarm, RECORD_UNSUPPRESS, FACT_SUPPRESSED, src_us, &c, sink);
    } else {
        core_note_record(core, alarm, RECORD_UNSUPPRESS, src_us, &c, sink);
    }
    return ALARM_OK;
}

/* --- suppression by a rule: one table for alarms and groups --- */

enum suppress_input { INPUT_FALSE, INPUT_TRUE, INPUT_UNKNOWN, INPUT_DUE };
enum suppress_action { KEEP, BEGIN, GO_ON, END, GO_BLIND };

static const uint8_t actions[][INPUT_DUE + 1] = {
    /*                    false true   unknown   due */
    [SUPPRESS_OFF] = {KEEP, BEGIN, KEEP, KEEP},
    [SUPPRESS_ON] = {END, KEEP, GO_BLIND, KEEP},
    [SUPPRESS_ENDING] = {KEEP, GO_ON, KEEP, END},
    [SUPPRESS_BLIND] = {END, GO_ON, KEEP, END},
};

/* What is suppressed by one rule: an alarm, or a group. */
struct target {
    uint8_t *state;
    uint32_t timer;
    int64_t start_up_us; /* suppression ends so long after its cause */
    uint32_t group;      /* MODEL_NONE: the alarm */
    uint32_t alarm;
};

static bool is_enabled(const struct core *core, uint32_t alarm) {
    return (core->alarms[alarm].facts & (FACT_ENABLED | FACT_GONE)) == FACT_ENABLED;
}

static void set_one(struct core *core, uint32_t alarm, const char *source, bool on, int64_t src_us,
                    const struct effect_sink *sink) {
    if (!is_enabled(core, alarm)) {
        return;
    }
    /* Room for rules and groups is reserved; one that is there already, or was taken by hand, stays as it is.
     */
    enum alarm_reply reply = on ? core_suppress_add(core, alarm, source, src_us, &core_the_system, sink)
                                : core_suppress_take(core, alarm, source, src_us, &core_the_system, sink);
    CHECK(reply != ALARM_E_FULL);
}

static void set_all(struct core *core, const struct target *t, bool on, int64_t src_us,
                    const struct effect_sink *sink) {
    if (t->group == MODEL_NONE) {
        set_one(core, t->alarm, ALARM_SOURCE_RULE, on, src_us, sink);
        return;
    }
    const struct model_group *g = &core->model->groups[t->group];
    for (uint32_t i = 0; i < g->n_members; i++) {
        set_one(core, g->members[i], core->names[core->groups[t->group].name], on, src_us, sink);
    }
}

static void move(struct core *core, const struct target *t, enum suppress_input input, int64_t ts_us,
                 const struct effect_sink *sink) {
    enum suppress_state state = (enum suppress_state) * t->state;
    switch ((enum suppress_action)actions[state][input]) {
    case KEEP:
        return;
    case BEGIN:
        *t->state = SUPPRESS_ON;
        set_all(core, t, true, ts_us, sink);
        return;
    case GO_ON:
        *t->state = SUPPRESS_ON;
        timer_disarm(&core->timers, t->timer);
        return;
    case END:
        if (state != SUPPRESS_ENDING && t->start_up_us > 0) {
            *t->state = SUPPRESS_ENDING;
            timer_arm(&core->timers, t->timer, core_due_us(core, ts_us, ts_us + t->start_up_us));
            return;
        }
        *t->state = SUPPRESS_OFF;
        timer_disarm(&core->timers, t->timer);
        set_all(core, t, false, ts_us, sink);
        return;
    case GO_BLIND:
        *t->state = SUPPRESS_BLIND;
        timer_arm(&core->timers, t->timer, core->now_us + CORE_SUPPRESSOR_BLIND_US);
        return;
    }
}

static struct target target_alarm(struct core *core, uint32_t alarm) {
    return (struct target){.state = &core->alarms[alarm].suppress,
                           .timer = core_timer(core, TIMER_SUPPRESS, alarm),
                           .start_up_us = model_alarm_more(core->model, alarm)->unsuppress_us,
                           .group = MODEL_NONE,
                           .alarm = alarm};
}

static struct target target_group(struct core *core, uint32_t group) {
    return (struct target){.state = &core->groups[group].suppress,
                           .timer = core_timer_of_group(core, group),
                           .start_up_us = core->model->groups[group].unsuppress_us,
                           .group = group};
}

static enum suppress_input ask(struct core *core, uint32_t program, int64_t *ts_us) {
    struct rule_value v = core_rules_eval(core, program, LENS_LIVE, *ts_us, ts_us);
    if (!v.known) {
        return INPUT_UNKNOWN;
    }
    return v.v != 0 ? INPUT_TRUE : INPUT_FALSE;
}

void core_suppress_alarm(struct core *core, uint32_t alarm, int64_t ts_us, const struct effect_sink *sink) {
    if (!is_enabled(core, alarm)) {
        return;
    }
    struct target t = target_alarm(core, alarm);
    enum suppress_input input = ask(core, model_alarm_more(core->model, alarm)->suppress_program, &ts_us);
    move(core, &t, input, ts_us, sink);
}

void core_suppress_group(struct core *core, uint32_t group, int64_t ts_us, const struct effect_sink *sink) {
    struct target t = target_group(core, group);
    enum suppress_input input = ask(core, core->model->groups[group].suppress_program, &ts_us);
    move(core, &t, input, ts_us, sink);
}

void core_suppress_alarm_due(struct core *core, uint32_t alarm, const struct effect_sink *sink) {
    struct target t = target_alarm(core, alarm);
    move(core, &t, INPUT_DUE, core->now_us, sink);
}

void core_suppress_group_due(struct core *core, uint32_t group, const struct effect_sink *sink) {
    struct target t = target_group(core, group);
    move(core, &t, INPUT_DUE, core->now_us, sink);
}

/* --- lower alarms --- */

void core_suppress_lower(struct core *core, uint32_t alarm, int64_t src_us, const struct effect_sink *sink) {
    if (core->lower_alarms.first == NULL) {
        return;
    }
    bool on = alarm_letter_active(alarm_shown_letter(core->alarms[alarm].facts));
    for (uint32_t i = core->lower_alarms.first[alarm]; i < core->lower_alarms.first[alarm + 1]; i++) {
        uint32_t lower = core->lower_alarms.list[i];
        if (on != core_suppressed_by(core, lower, ALARM_SOURCE_HIGHER)) {
            set_one(core, lower, ALARM_SOURCE_HIGHER, on, src_us, sink);
        }
    }
}

/* --- in line with the configuration --- */

static bool is_member(const struct core *core, uint32_t alarm, uint32_t group) {
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    for (uint32_t i = 0; i < more->n_groups; i++) {
        if (more->groups[i] == group) {
            return true;
        }
    }
    return false;
}

/* Whether the configuration still knows what one of its sources stands for. */
static bool is_configured(const struct core *core, uint32_t alarm, const char *source) {
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    if (strcmp(source, ALARM_SOURCE_RULE) == 0) {
        return more->suppress_program != MODEL_NONE;
    }
    if (strcmp(source, ALARM_SOURCE_HIGHER) == 0) {
        return more->hidden_by != MODEL_NONE &&
               alarm_letter_active(alarm_shown_letter(core->alarms[more->hidden_by].facts));
    }
    for (uint32_t g = 0; g < core->model->n_groups; g++) {
        if (strcmp(source, core->names[core->groups[g].name]) == 0) {
            return core->model->groups[g].suppress_program != MODEL_NONE && is_member(core, alarm, g);
        }
    }
    return false;
}

static void drop_unknown(struct core *core, uint32_t alarm, const struct effect_sink *sink) {
    uint32_t at = core->alarms[alarm].suppressors;
    while (at != 0) {
        const struct suppressor *s = &core->suppressors[at];
        const char *source = core->names[s->name];
        bool stays = !s->by_system || is_configured(core, alarm, source);
        at = s->next;
        if (!stays) {
            (void)core_suppress_take(core, alarm, source, core->now_us, &core_the_system, sink);
        }
    }
}

static void keep_blind(struct core *core, const struct target *t) {
    if (*t->state == SUPPRESS_OFF) {
        *t->state = SUPPRESS_BLIND;
        timer_arm(&core->timers, t->timer, core->now_us + CORE_SUPPRESSOR_BLIND_US);
    }
}

static void settle_alarm(struct core *core, uint32_t alarm, const struct effect_sink *sink) {
    if (core->alarms[alarm].suppressors != 0) {
        drop_unknown(core, alarm, sink);
    }
    if (model_alarm_more(core->model, alarm)->suppress_program == MODEL_NONE) {
        core->alarms[alarm].suppress = SUPPRESS_OFF;
        timer_disarm(&core->timers, core_timer(core, TIMER_SUPPRESS, alarm));
        return;
    }
    struct target t = target_alarm(core, alarm);
    if (core_suppressed_by(core, alarm, ALARM_SOURCE_RULE)) {
        keep_blind(core, &t);
    }
    core_suppress_alarm(core, alarm, core->now_us, sink);
}

static void settle_group(struct core *core, uint32_t group, const struct effect_sink *sink) {
    const struct model_group *g = &core->model->groups[group];
    struct target t = target_group(core, group);
    if (g->suppress_program == MODEL_NONE) {
        return;
    }
    const char *source = core->names[core->groups[group].name];
    for (uint32_t i = 0; i < g->n_members; i++) {
        if (core_suppressed_by(core, g->members[i], source)) {
            keep_blind(core, &t);
        }
    }
    core_suppress_group(core, group, core->now_us, sink);
    for (uint32_t i = 0; i < g->n_members && *t.state != SUPPRESS_OFF; i++) {
        set_one(core, g->members[i], source, true, core->now_us, sink); /* those that are new in it */
    }
}

void core_suppress_settle(struct core *core, const struct effect_sink *sink) {
    for (uint32_t i = 0; i < core->model->n_alarms; i++) {
        settle_alarm(core, i, sink);
    }
    for (uint32_t g = 0; g < core->model->n_groups; g++) {
        settle_group(core, g, sink);
    }
    for (uint32_t i = 0; core->lower_alarms.first != NULL && i < core->model->n_alarms; i++) {
        core_suppress_lower(core, i, core->now_us, sink);
    }
}

void core_suppress_enabled(struct core *core, uint32_t alarm, const struct effect_sink *sink) {
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    if (more->suppress_program != MODEL_NONE) {
        core_suppress_alarm(core, alarm, core->now_us, sink);
    }
    for (uint32_t i = 0; i < more->n_groups; i++) {
        const struct group_state *g = &core->groups[more->groups[i]];
        if (g->suppress != SUPPRESS_OFF) {
            set_one(core, alarm, core->names[g->name], true, core->now_us, sink);
        }
    }
    if (more->hidden_by != MODEL_NONE) {
        core_suppress_lower(core, more->hidden_by, core->now_us, sink);
    }
}
