#include "server/base/check.h"
#include "server/core/core_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void *table(size_t count, size_t size) {
    return calloc(count > 0 ? count : 1, size);
}

/* --- who depends on whom --- */

/* Two passes over the same pairs: count, then fill. */
struct pairs {
    struct dependents *to;
    bool filling;
};

static void pair(const struct pairs *p, uint32_t from, uint32_t to) {
    if (from == MODEL_NONE) {
        return;
    }
    if (p->filling) {
        p->to->list[p->to->first[from]++] = to;
    } else {
        p->to->first[from + 1]++;
    }
}

typedef void (*pair_source)(const struct core *core, const struct pairs *p);

static bool build_dependents(const struct core *core, uint32_t n, pair_source source,
                             struct dependents *ret) {
    struct pairs p = {.to = ret};
    ret->first = table((size_t)n + 2, sizeof *ret->first);
    if (ret->first == NULL) {
        return false;
    }
    source(core, &p);
    for (uint32_t i = 0; i < n; i++) {
        ret->first[i + 1] += ret->first[i];
    }
    ret->list = table(ret->first[n], sizeof *ret->list);
    if (ret->list == NULL) {
        return false;
    }
    p.filling = true;
    source(core, &p);
    /* Filling moved each bound to the next one; moving them back costs less than a second array. */
    for (uint32_t i = n; i > 0; i--) {
        ret->first[i] = ret->first[i - 1];
    }
    ret->first[0] = 0;
    return true;
}

static void gateway_tags(const struct core *core, const struct pairs *p) {
    for (uint32_t i = 0; i < core->model->n_tags; i++) {
        pair(p, core->model->tags[i].gateway, i);
    }
}

static void alarm_tags(const struct core *core, uint32_t alarm, const struct pairs *p) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    const uint32_t tags[] = {m->tag, more->second_tag, more->limit_tag};
    if (more->program != MODEL_NONE) {
        const uint32_t *inputs = NULL;
        uint32_t n = rule_set_inputs(core->model->rules, more->program, &inputs);
        for (uint32_t i = 0; i < n; i++) {
            pair(p, inputs[i], alarm);
        }
        if (more->limit_tag != MODEL_NONE) {
            pair(p, more->limit_tag, alarm);
        }
        return;
    }
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        bool again = (i > 0 && tags[i] == tags[0]) || (i == 2 && tags[2] == tags[1]);
        if (!again) {
            pair(p, tags[i], alarm);
        }
    }
}

static void tag_alarms(const struct core *core, const struct pairs *p) {
    for (uint32_t i = 0; i < core->model->n_alarms; i++) {
        alarm_tags(core, i, p);
    }
}

static void tag_programs(const struct core *core, const struct pairs *p) {
    uint32_t n = core->model->rules == NULL ? 0 : rule_set_count(core->model->rules);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t *inputs = NULL;
        uint32_t n_inputs = rule_set_inputs(core->model->rules, i, &inputs);
        for (uint32_t j = 0; j < n_inputs; j++) {
            pair(p, inputs[j], i);
        }
    }
}

/* The gateway of all inputs of an alarm's program; MODEL_NONE if they have none in common. */
static uint32_t gateway_of(const struct core *core, uint32_t alarm) {
    const uint32_t *inputs = NULL;
    uint32_t program = model_alarm_more(core->model, alarm)->program;
    uint32_t n = program == MODEL_NONE ? 0 : rule_set_inputs(core->model->rules, program, &inputs);
    uint32_t gateway = n == 0 ? MODEL_NONE : core->model->tags[inputs[0]].gateway;
    for (uint32_t i = 1; i < n; i++) {
        gateway = core->model->tags[inputs[i]].gateway == gateway ? gateway : MODEL_NONE;
    }
    return gateway;
}

static void gateway_programs(const struct core *core, const struct pairs *p) {
    for (uint32_t i = 0; i < core->model->n_alarms; i++) {
        pair(p, gateway_of(core, i), model_alarm_more(core->model, i)->program);
    }
}

static void lower_alarms(const struct core *core, const struct pairs *p) {
    for (uint32_t i = 0; i < core->model->n_alarms; i++) {
        pair(p, model_alarm_more(core->model, i)->hidden_by, i);
    }
}

static bool hides_any(const struct model *m) {
    for (uint32_t i = 0; i < m->n_more; i++) {
        if (m->more[i].hidden_by != MODEL_NONE) {
            return true;
        }
    }
    return false;
}

static bool build_all_dependents(struct core *core) {
    const struct model *m = core->model;
    return build_dependents(core, m->n_gateways, gateway_tags, &core->gateway_tags) &&
           build_dependents(core, m->n_tags, tag_alarms, &core->tag_alarms) &&
           build_dependents(core, m->n_tags, tag_programs, &core->tag_programs) &&
           build_dependents(core, m->n_gateways, gateway_programs, &core->gateway_programs) &&
           (!hides_any(m) || build_dependents(core, m->n_alarms, lower_alarms, &core->lower_alarms));
}

/* --- memory --- */

static bool has_memo(enum alarm_kind kind) {
    return (core_gathers(kind) && kind != ALARM_STALE) || kind == ALARM_DISC || kind == ALARM_CERTIFICATE ||
           kind == ALARM_SERVER;
}

static uint32_t count_memos(const struct model *m) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        n += has_memo((enum alarm_kind)m->alarms[i].kind) ? 1 : 0;
    }
    return n;
}

enum { SUPPRESSORS_BY_HAND = 16, NOTES_OF_AN_ALARM = 2 };

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* Suppressors that the configuration may set at once. */
static uint32_t suppressors_configured(const struct model *m) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->n_more; i++) {
        n += (m->more[i].suppress_program != MODEL_NONE ? 1U : 0U) +
             (m->more[i].hidden_by != MODEL_NONE ? 1U : 0U) + m->more[i].n_groups;
    }
    return n;
}

static bool allocate_rules(struct core *core) {
    const struct model *m = core->model;
    uint32_t n = m->rules == NULL ? 0 : rule_set_count(m->rules);
    core->users = table(n, sizeof *core->users);
    core->evaluated_us = table(n, sizeof *core->evaluated_us);
    core->history_us = table(n, sizeof *core->history_us);
    core->history_next_us = table(n, sizeof *core->history_next_us);
    core->program_dirty = table(n, sizeof *core->program_dirty);
    core->program_seen = table(n, sizeof *core->program_seen);
    core->dirty_suppress.v = table(n, sizeof *core->dirty_suppress.v);
    core->calculations.v = table(m->n_calculated, sizeof *core->calculations.v);
    core->selected = n > 0 ? table(m->n_tags, sizeof *core->selected) : NULL;
    core->rank = m->n_calculated > 0 ? table(m->n_tags, sizeof *core->rank) : NULL;
    if (core->users == NULL || core->evaluated_us == NULL || core->history_us == NULL ||
        core->history_next_us == NULL || core->program_dirty == NULL || core->program_seen == NULL ||
        core->dirty_suppress.v == NULL || core->calculations.v == NULL ||
        (m->n_calculated > 0 && core->rank == NULL) || (n > 0 && core->selected == NULL)) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        core->evaluated_us[i] = INT64_MIN;
        core->history_us[i] = INT64_MIN;
        core->history_next_us[i] = INT64_MAX;
    }
    return true;
}

static bool allocate_notes(struct core *core) {
    core->by_hand_max = smaller(CORE_SUPPRESSORS_MAX, SUPPRESSORS_BY_HAND * core->model->n_alarms);
    uint32_t n_suppressors = core->by_hand_max + suppressors_configured(core->model);
    core->names_max = 3 + core->model->n_groups + CORE_NAMES_MAX;
    CHECK(core->names_max <= UINT16_MAX);
    core->names = table(core->names_max, sizeof *core->names);
    uint32_t n_notes = smaller(CORE_NOTES_MAX, NOTES_OF_AN_ALARM * core->model->n_alarms);
    core->notes = table((size_t)n_notes + 1, sizeof *core->notes);
    core->free_notes = table(n_notes, sizeof *core->free_notes);
    core->suppressors = table((size_t)n_suppressors + 1, sizeof *core->suppressors);
    if (core->names == NULL || core->notes == NULL || core->free_notes == NULL || core->suppressors == NULL) {
        return false;
    }
    core->n_names = 1;
    (void)core_name(core, ALARM_SOURCE_RULE); /* whatever people are called: there is room for these */
    (void)core_name(core, ALARM_SOURCE_HIGHER);
    for (uint32_t i = 0; i < n_notes; i++) {
        core->free_notes[i] = n_notes - i;
    }
    core->n_free_notes = n_notes;
    for (uint32_t i = 1; i < n_suppressors; i++) {
        core->suppressors[i].next = i + 1;
    }
    core->free_suppressor = n_suppressors > 0 ? 1 : 0;
    return true;
}

static bool allocate(struct core *core) {
    const struct model *m = core->model;
    size_t tags_size = (m->n_tags > 0 ? m->n_tags : 1) * sizeof *core->tags;
    core->tags = aligned_alloc(_Alignof(struct tag_state), tags_size);
    core->gateways = table(m->n_gateways, sizeof *core->gateways);
    core->alarms = table(m->n_alarms, sizeof *core->alarms);
    core->details = table((size_t)m->n_alarms + 1, sizeof *core->details);
    core->memos = table(count_memos(m), sizeof *core->memos);
    core->groups = table(m->n_groups, sizeof *core->groups);
    core->shadows = table(m->n_alarms, sizeof *core->shadows);
    core->shadow_tags = table(m->n_tags, sizeof *core->shadow_tags);
    core->dirty_tags.v = table(m->n_tags, sizeof *core->dirty_tags.v);
    core->dirty_alarms.v = table(m->n_alarms, sizeof *core->dirty_alarms.v);
    core->changed = table(m->n_tags, sizeof *core->changed);
    return core->tags != NULL && core->gateways != NULL && core->alarms != NULL && core->details != NULL &&
           core->memos != NULL && core->groups != NULL && core->shadows != NULL &&
           core->shadow_tags != NULL && core->dirty_tags.v != NULL && core->dirty_alarms.v != NULL &&
           core->changed != NULL && allocate_rules(core) && allocate_notes(core) &&
           build_all_dependents(core);
}

static enum status allocate_all(struct core *core, struct error *err) {
    const struct model *m = core->model;
    uint32_t n_programs = m->rules == NULL ? 0 : rule_set_count(m->rules);
    if (!allocate(core)) {
        return error_set(err, ERR_NOMEM, "core", "no memory for %u tags and %u alarms", m->n_tags,
                         m->n_alarms);
    }
    enum status status =
        timer_init(&core->timers, TIMER_ALARM_KINDS * m->n_alarms + m->n_tags + m->n_groups, err);
    status = status == OK ? timer_init(&core->ticks, n_programs, err) : status;
    status = status == OK ? message_order_init(&core->order, err) : status;
    if (status == OK && n_programs > 0) {
        status = rule_machine_new(m->rules, &core->rules, err);
        status = status == OK ? rule_machine_new(m->rules, &core->history, err) : status;
    }
    return status;
}

/* --- as configured --- */

/* A deadband that is not larger than the configured one: what must be shown is shown. */
static float as_float(double deadband) {
    float f = (float)deadband;
    return (double)f > deadband ? nextafterf(f, 0) : f;
}

static void build_tags(struct core *core) {
    const struct model *m = core->model;
    for (uint32_t i = 0; i < m->n_tags; i++) {
        const struct model_tag *tag = &m->tags[i];
        bool calculated = tag->gateway == MODEL_NONE;
        CHECK(calculated ? tag->program != MODEL_NONE : tag->gateway < m->n_gateways);
        bool ruled = core->tag_programs.first[i] < core->tag_programs.first[i + 1];
        core->tags[i] = (struct tag_state){
            .value = NAN,
            .shown = NAN,
            .quiet_low = INFINITY,
            .quiet_high = -INFINITY,
            .unknown_us = core->now_us,
            .deadband = as_float(tag->deadband),
            .gateway = calculated ? GATEWAY_NONE : (uint16_t)tag->gateway, /* MODEL_GATEWAYS_MAX fits */
            .flags = (uint8_t)(TAG_LOST | (ruled ? TAG_RULED : 0)),
        };
    }
}

static void build_gateways(struct core *core) {
    const struct model *m = core->model;
    for (uint32_t i = 0; i < m->n_gateways; i++) {
        const struct model_gateway *g = &m->gateways[i];
        CHECK(g->comm_alarm == MODEL_NONE || g->comm_alarm < m->n_alarms);
        CHECK(g->clock_alarm == MODEL_NONE || g->clock_alarm < m->n_alarms);
        core->gateways[i] =
            (struct gateway_state){.since_us = core->now_us, .enabled = g->enabled, .starting = true};
    }
}

static void use_program(struct core *core, uint32_t program, enum user_kind kind, uint32_t index) {
    if (program != MODEL_NONE) {
        CHECK(core->model->rules != NULL && program < rule_set_count(core->model->rules));
        core->users[program] = (struct program_user){.kind = kind, .index = index};
    }
}

/* It has what its kind is judged by. */
static void check_kind(const struct model *m, uint32_t alarm) {
    const struct model_alarm *a = &m->alarms[alarm];
    const struct model_alarm_more *more = model_alarm_more(m, alarm);
    enum alarm_kind kind = (enum alarm_kind)a->kind;
    bool of_gateway = alarm_kind_of_gateway(kind);
    bool by_rule = kind == ALARM_EXPR || kind == ALARM_ROC;
    bool has_second = kind == ALARM_DEV || kind == ALARM_DISC;
    bool has_step = kind == ALARM_TOTAL || kind == ALARM_CUSUM || kind == ALARM_CUSUM_LOW;
    CHECK(!of_gateway || kind == ALARM_CERTIFICATE || a->gateway != MODEL_NONE);
    bool has_tag = !of_gateway && kind != ALARM_SERVER;
    CHECK(by_rule ? more->program != MODEL_NONE : (a->tag != MODEL_NONE) == has_tag);
    CHECK(!has_second || more->second_tag < m->n_tags);
    CHECK(!has_step || more->every_us > 0);
}

static void check_alarm(const struct model *m, uint32_t alarm) {
    const struct model_alarm *a = &m->alarms[alarm];
    CHECK(a->site < m->n_sites);
    CHECK(a->gateway == MODEL_NONE || a->gateway < m->n_gateways);
    CHECK(a->tag == MODEL_NONE || a->tag < m->n_tags);
    CHECK(a->priority >= 1 && a->priority <= 4);
    CHECK(a->position < MODEL_POSITIONS_MAX);
    check_kind(m, alarm);
}

static void build_alarms(struct core *core) {
    const struct model *m = core->model;
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        const struct model_alarm_more *more = model_alarm_more(m, i);
        bool gathers = has_memo((enum alarm_kind)m->alarms[i].kind);
        check_alarm(m, i);
        core->alarms[i] = (struct alarm_state){
            .memo = gathers ? core->n_memos : MODEL_NONE,
            .facts = FACT_ENABLED | FACT_ACKED, /* core_alarms_settle disables it, with a record */
            .priority = m->alarms[i].priority,
        };
        if (gathers) {
            core->memos[core->n_memos++] =
                (struct alarm_memo){.value = NAN, .end_us = END_UNKNOWN, .level = LEVEL_UNKNOWN, .alarm = i};
        }
        use_program(core, more->program, USER_ALARM, i);
        use_program(core, more->suppress_program, USER_SUPPRESS_ALARM, i);
    }
}

static void build_groups(struct core *core) {
    for (uint32_t i = 0; i < core->model->n_groups; i++) {
        const struct model_group *g = &core->model->groups[i];
        char name[ALARM_SOURCE_SIZE];
        (void)snprintf(name, sizeof name, "%.*s", SLICE_ARG(g->name));
        core->groups[i] = (struct group_state){.first = MODEL_NONE, .name = core_name(core, name)};
        use_program(core, g->suppress_program, USER_SUPPRESS_GROUP, i);
    }
}

static void build_calculated(struct core *core) {
    for (uint32_t i = 0; i < core->model->n_calculated; i++) {
        uint32_t tag = core->model->calculated[i];
        core->rank[tag] = i;
        use_program(core, core->model->tags[tag].program, USER_TAG, tag);
    }
}

enum status core_build(const struct model *m, int64_t now_us, struct core **ret_core, struct error *err) {
    struct core *core = calloc(1, sizeof *core);
    if (core == NULL) {
        return error_set(err, ERR_NOMEM, "core", "no memory");
    }
    core->model = m;
    core->now_us = now_us;
    core->unsettled = true;
    kpi_flood_init(&core->flood);
    enum status status = allocate_all(core, err);
    if (status != OK) {
        core_free(&core);
        return status;
    }
    build_tags(core);
    build_gateways(core);
    build_alarms(core);
    build_groups(core);
    build_calculated(core);
    *ret_core = core;
    return OK;
}

static void free_dependents(struct dependents *d) {
    free(d->first);
    free(d->list);
}

void core_free(struct core **core) {
    if (core == NULL || *core == NULL) {
        return;
    }
    struct core *c = *core;
    void *const tables[] = {c->tags,
                            c->gateways,
                            c->alarms,
                            c->details,
                            c->memos,
                            c->groups,
                            c->names,
                            c->notes,
                            c->free_notes,
                            c->suppressors,
                            c->users,
                            c->evaluated_us,
                            c->history_us,
                            c->program_dirty,
                            c->history_next_us,
                            c->program_seen,
                            c->shadows,
                            c->shadow_tags,
                            c->dirty_tags.v,
                            c->dirty_alarms.v,
                            c->dirty_suppress.v,
                            c->calculations.v,
                            c->rank,
                            c->selected,
                            c->changed,
                            c->past};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        free(tables[i]);
    }
    free_dependents(&c->gateway_tags);
    free_dependents(&c->tag_alarms);
    free_dependents(&c->tag_programs);
    free_dependents(&c->gateway_programs);
    free_dependents(&c->lower_alarms);
    rule_machine_free(&c->rules);
    rule_machine_free(&c->history);
    timer_done(&c->timers);
    timer_done(&c->ticks);
    message_order_done(&c->order);
    free(c);
    *core = NULL;
}
