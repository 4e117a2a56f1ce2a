/* A small model for tests of the core, without the configuration layer: fill a struct spec, change it, and
 * compile it again for the next revision. One site; keys are made from the places in the spec, so that they
 * stay when something else leaves. */
#ifndef PENSTOCK_TESTS_CORE_MODEL_H
#define PENSTOCK_TESTS_CORE_MODEL_H

#include "server/base/check.h"
#include "server/core/model.h"
#include "server/core/rule.h"

#include <math.h>
#include <stdlib.h>

enum {
    SPEC_GATEWAYS = 4,
    SPEC_TAGS = 32,
    SPEC_ALARMS = 128,
    SPEC_GROUPS = 4,
    SPEC_GROUPS_OF_ALARM = 2,
    SPEC_POSITIONS = 2,
    SPEC_KEY_GATEWAY = 10,
    SPEC_KEY_GROUP = 30,
    SPEC_KEY_TAG = 100,
    SPEC_KEY_ALARM = 1000
};

struct spec_gateway {
    const char *name;
    bool disabled;
    bool absent;
};

struct spec_tag {
    const char *name;
    uint32_t gateway;
    double deadband;
    double stale_s;
    const char *expr; /* calculated: no gateway */
    const char *unit;
    bool is_bool;
    bool absent;
};

struct spec_alarm {
    const char *name;
    enum alarm_kind kind;
    uint32_t tag; /* MODEL_NONE for a comm alarm */
    uint32_t gateway;
    double limit;
    double deadband;
    double on_s;
    double off_s;
    uint8_t priority; /* 0: 3 */
    uint8_t options;  /* beside ALARM_ENABLED and ALARM_SHELVABLE */
    uint8_t position;
    enum alarm_ack_mode ack_mode;
    enum alarm_on_bad on_bad;
    const char *expr; /* of kinds expr and roc */
    const char *suppress_when;
    double unsuppress_s;
    double realarm_s;
    double escalate_s; /* to priority 1 */
    double every_s;
    double target;
    double k;
    double states[SPEC_GROUPS_OF_ALARM];
    uint32_t n_states;
    uint32_t second_tag; /* of kinds dev and disc */
    uint32_t limit_tag;  /* … plus one; 0: the limit is a number */
    uint32_t hidden_by;  /* alarm, plus one */
    uint32_t groups[SPEC_GROUPS_OF_ALARM];
    uint32_t n_groups;
    bool disabled;
    bool absent;
};

struct spec_group {
    const char *name;
    const char *suppress_when;
    double unsuppress_s;
    bool no_first_out;
    bool absent;
};

struct spec {
    int64_t revision;
    uint32_t n_gateways;
    uint32_t n_tags;
    uint32_t n_alarms;
    uint32_t n_groups;
    uint32_t n_positions;
    const char *positions[SPEC_POSITIONS];
    struct spec_group groups[SPEC_GROUPS];
    struct spec_gateway gateways[SPEC_GATEWAYS];
    struct spec_tag tags[SPEC_TAGS];
    struct spec_alarm alarms[SPEC_ALARMS];
};

static inline int64_t spec_us(double s) {
    return llround(s * 1e6);
}

static inline uint32_t spec_gateway_index(const struct model *m, uint32_t spec) {
    for (uint32_t i = 0; i < m->n_gateways; i++) {
        if (m->gateways[i].key == SPEC_KEY_GATEWAY + (int64_t)spec) {
            return i;
        }
    }
    return MODEL_NONE;
}

static inline uint32_t spec_tag_index(const struct model *m, uint32_t spec) {
    for (uint32_t i = 0; i < m->n_tags; i++) {
        if (m->tags[i].key == SPEC_KEY_TAG + (int64_t)spec) {
            return i;
        }
    }
    return MODEL_NONE;
}

static inline uint32_t spec_alarm_index(const struct model *m, uint32_t spec) {
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        if (m->alarms[i].key == SPEC_KEY_ALARM + (int64_t)spec) {
            return i;
        }
    }
    return MODEL_NONE;
}

static inline uint32_t spec_group_index(const struct model *m, uint32_t spec) {
    for (uint32_t i = 0; i < m->n_groups; i++) {
        if (m->groups[i].key == SPEC_KEY_GROUP + (int64_t)spec) {
            return i;
        }
    }
    return MODEL_NONE;
}

/* --- rules --- */

static inline bool spec_find(const void *ctx, struct slice name, struct rule_symbol *ret) {
    const struct model *m = ctx;
    for (uint32_t i = 0; i < m->n_tags; i++) {
        if (slice_eq(m->tags[i].name, name)) {
            *ret = (struct rule_symbol){.tag = i,
                                        .type = m->tags[i].type == TAG_BOOL ? RULE_BOOL : RULE_NUMBER,
                                        .unit = m->tags[i].unit};
            return true;
        }
    }
    return false;
}

static inline uint32_t spec_rule(const struct model *m, struct rule_builder *rules, const char *text,
                                 enum rule_want want) {
    if (text == NULL) {
        return MODEL_NONE;
    }
    const struct rule_scope scope = {.ctx = m, .find = spec_find};
    struct rule_fault fault = {.text = ""};
    uint32_t program = 0;
    enum status status =
        rule_builder_add(rules, slice_str(text), &scope, want, slice_str(""), &program, &fault);
    CHECK(status == OK);
    return program;
}

/* Each calculated tag behind those that it depends on. */
static inline void spec_order(struct model *m) {
    uint32_t program[SPEC_TAGS];
    uint32_t level[SPEC_TAGS];
    struct rule_cycle cycle;
    for (uint32_t i = 0; i < m->n_tags; i++) {
        program[i] = m->tags[i].program;
    }
    enum status status = rule_levels(m->rules, program, m->n_tags, level, &cycle);
    CHECK(status == OK);
    m->calculated = arena_alloc(&m->arena, SPEC_TAGS, sizeof *m->calculated);
    CHECK(m->calculated != NULL);
    for (uint32_t at = 1; at <= m->n_tags; at++) {
        for (uint32_t i = 0; i < m->n_tags; i++) {
            if (level[i] == at) {
                m->calculated[m->n_calculated++] = i;
            }
        }
    }
}

/* --- alarms --- */

static inline bool spec_has_tag(enum alarm_kind kind) {
    return !alarm_kind_of_gateway(kind) && kind != ALARM_EXPR && kind != ALARM_SERVER;
}

static inline struct model_alarm_more *spec_new_more(struct model *m, uint32_t alarm) {
    m->alarms[alarm].more = m->n_more;
    m->more[m->n_more] = model_alarm_more_none();
    return &m->more[m->n_more++];
}

static inline void spec_put_more(const struct spec_alarm *a, struct model *m, struct rule_builder *rules) {
    bool second = a->kind == ALARM_DEV || a->kind == ALARM_DISC;
    bool rare = second || a->expr != NULL || a->suppress_when != NULL || a->realarm_s > 0 ||
                a->escalate_s > 0 || a->every_s > 0 || a->limit_tag > 0 || a->hidden_by > 0 ||
                a->n_groups > 0 || a->n_states > 0;
    if (!rare) {
        return;
    }
    struct model_alarm_more *more = spec_new_more(m, m->n_alarms - 1);
    more->limit_tag = a->limit_tag > 0 ? spec_tag_index(m, a->limit_tag - 1) : MODEL_NONE;
    more->limit_scale = 1;
    more->second_scale = 1;
    more->second_tag = second ? spec_tag_index(m, a->second_tag) : MODEL_NONE;
    more->target = a->target;
    more->k = a->k;
    more->every_us = spec_us(a->every_s);
    more->unsuppress_us = spec_us(a->unsuppress_s);
    more->realarm_us = spec_us(a->realarm_s);
    more->escalate_us = spec_us(a->escalate_s);
    more->escalate_priority = 1;
    more->program = spec_rule(m, rules, a->expr, a->kind == ALARM_EXPR ? RULE_WANT_BOOL : RULE_WANT_NUMBER);
    more->suppress_program = spec_rule(m, rules, a->suppress_when, RULE_WANT_BOOL);
    more->states = a->states; /* the spec outlives its models */
    more->n_states = a->n_states;
}

static inline void spec_put_alarm(const struct spec *s, struct model *m, struct rule_builder *rules,
                                  uint32_t spec) {
    const struct spec_alarm *a = &s->alarms[spec];
    uint32_t tag = spec_has_tag(a->kind) ? spec_tag_index(m, a->tag) : MODEL_NONE;
    bool of_gateway = alarm_kind_of_gateway(a->kind);
    uint32_t gateway = of_gateway ? spec_gateway_index(m, a->gateway) : MODEL_NONE;
    gateway = tag == MODEL_NONE ? gateway : m->tags[tag].gateway;
    if (a->kind == ALARM_COMM) {
        m->gateways[gateway].comm_alarm = m->n_alarms;
    } else if (a->kind == ALARM_CLOCK) {
        m->gateways[gateway].clock_alarm = m->n_alarms;
    } else if (a->kind == ALARM_CERTIFICATE) {
        m->gateways[gateway].certificate_alarm = m->n_alarms;
    } else if (a->kind == ALARM_DUPLICATE) {
        m->gateways[gateway].duplicate_alarm = m->n_alarms;
    }
    m->alarm_texts[m->n_alarms] = (struct model_alarm_text){.name = slice_str(a->name)};
    m->alarms[m->n_alarms++] = (struct model_alarm){
        .key = SPEC_KEY_ALARM + (int64_t)spec,
        .limit = a->limit,
        .deadband = a->deadband,
        .on_delay_us = spec_us(a->on_s) + (a->kind == ALARM_STALE ? m->tags[tag].stale_us : 0),
        .off_delay_us = spec_us(a->off_s),
        .revision = s->revision,
        .tag = tag,
        .gateway = gateway,
        .priority = a->priority == 0 ? 3 : a->priority,
        .more = MODEL_NONE,
        .kind = (uint8_t)a->kind,
        .ack_mode = (uint8_t)a->ack_mode,
        .on_bad = (uint8_t)a->on_bad,
        .options = (uint8_t)(ALARM_SHELVABLE | a->options | (a->disabled ? 0 : ALARM_ENABLED)),
        .position = a->position,
    };
    spec_put_more(a, m, rules);
}

/* Alarms of tags in order of the tags, then those of rules and gateways, in order of the spec. */
static inline void spec_put_alarms(const struct spec *s, struct model *m, struct rule_builder *rules) {
    for (uint32_t tag = 0; tag <= s->n_tags; tag++) {
        for (uint32_t i = 0; i < s->n_alarms; i++) {
            const struct spec_alarm *a = &s->alarms[i];
            uint32_t of = spec_has_tag(a->kind) ? a->tag : s->n_tags;
            if (!a->absent && of == tag) {
                spec_put_alarm(s, m, rules, i);
            }
        }
    }
}

/* Who belongs to whom, when all alarms have their places. */
static inline void spec_connect(const struct spec *s, struct model *m) {
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        const struct spec_alarm *a = &s->alarms[m->alarms[i].key - SPEC_KEY_ALARM];
        if (m->alarms[i].more == MODEL_NONE) {
            continue;
        }
        struct model_alarm_more *more = &m->more[m->alarms[i].more];
        uint32_t *groups = arena_alloc(&m->arena, SPEC_GROUPS_OF_ALARM, sizeof *groups);
        CHECK(groups != NULL);
        more->hidden_by = a->hidden_by > 0 ? spec_alarm_index(m, a->hidden_by - 1) : MODEL_NONE;
        more->groups = groups;
        for (uint32_t g = 0; g < a->n_groups; g++) {
            uint32_t group = spec_group_index(m, a->groups[g]);
            if (group == MODEL_NONE) {
                continue;
            }
            groups[more->n_groups++] = group;
            if (m->groups[group].members == NULL) {
                m->groups[group].members = arena_alloc(&m->arena, SPEC_ALARMS, sizeof(uint32_t));
                CHECK(m->groups[group].members != NULL);
            }
            /* Written here, read by all others. */
            ((uint32_t *)(uintptr_t)m->groups[group].members)[m->groups[group].n_members++] = i;
        }
    }
}

/* --- the whole --- */

static inline void spec_allocate(struct model *m) {
    arena_init(&m->arena, 1 << 20);
    m->sites = arena_alloc(&m->arena, 1, sizeof *m->sites);
    m->gateways = arena_alloc(&m->arena, SPEC_GATEWAYS, sizeof *m->gateways);
    m->tags = arena_alloc(&m->arena, SPEC_TAGS, sizeof *m->tags);
    m->alarms = arena_alloc(&m->arena, SPEC_ALARMS, sizeof *m->alarms);
    m->alarm_texts = arena_alloc(&m->arena, SPEC_ALARMS, sizeof *m->alarm_texts);
    m->more = arena_alloc(&m->arena, SPEC_ALARMS, sizeof *m->more);
    m->groups = arena_alloc(&m->arena, SPEC_GROUPS, sizeof *m->groups);
    m->positions = arena_alloc(&m->arena, SPEC_POSITIONS, sizeof *m->positions);
    CHECK(m->sites != NULL && m->gateways != NULL && m->tags != NULL && m->alarms != NULL);
    CHECK(m->alarm_texts != NULL && m->more != NULL && m->groups != NULL && m->positions != NULL);
}

static inline void spec_put_tags(const struct spec *s, struct model *m) {
    for (uint32_t i = 0; i < s->n_tags; i++) {
        const struct spec_tag *tag = &s->tags[i];
        if (!tag->absent) {
            m->tags[m->n_tags++] = (struct model_tag){
                .key = SPEC_KEY_TAG + (int64_t)i,
                .name = slice_str(tag->name),
                .unit = slice_str(tag->unit),
                .scale = 1,
                .low = -1e9,
                .high = 1e9,
                .deadband = tag->deadband,
                .stale_us = spec_us(tag->stale_s),
                .program = MODEL_NONE,
                .type = tag->is_bool ? TAG_BOOL : TAG_FLOAT,
                .gateway = tag->expr != NULL ? MODEL_NONE : spec_gateway_index(m, tag->gateway)};
        }
    }
    m->sites[0].n_tags = m->n_tags;
}

static inline void spec_calculate(const struct spec *s, struct model *m, struct rule_builder *rules) {
    for (uint32_t i = 0; i < m->n_tags; i++) {
        const char *expr = s->tags[m->tags[i].key - SPEC_KEY_TAG].expr;
        m->tags[i].program = spec_rule(m, rules, expr, RULE_WANT_VALUE);
    }
}

/* Free it with model_free. */
static inline struct model *spec_model(const struct spec *s) {
    struct model *m = calloc(1, sizeof *m);
    struct rule_builder *rules = NULL;
    struct rule_set *set = NULL;
    CHECK(m != NULL);
    spec_allocate(m);
    m->revision = s->revision;
    m->n_sites = 1;
    m->sites[0] = (struct model_site){.key = 1, .name = slice_str("S1")};
    m->n_positions = s->n_positions;
    for (uint32_t i = 0; i < s->n_positions; i++) {
        m->positions[i] = slice_str(s->positions[i]);
    }
    for (uint32_t i = 0; i < s->n_gateways; i++) {
        if (!s->gateways[i].absent) {
            m->gateways[m->n_gateways++] = (struct model_gateway){.key = SPEC_KEY_GATEWAY + (int64_t)i,
                                                                  .name = slice_str(s->gateways[i].name),
                                                                  .comm_alarm = MODEL_NONE,
                                                                  .clock_alarm = MODEL_NONE,
                                                                  .certificate_alarm = MODEL_NONE,
                                                                  .duplicate_alarm = MODEL_NONE,
                                                                  .enabled = !s->gateways[i].disabled};
        }
    }
    enum status status = rule_builder_new(&rules, NULL);
    CHECK(status == OK);
    spec_put_tags(s, m);
    spec_calculate(s, m, rules);
    for (uint32_t i = 0; i < s->n_groups; i++) {
        const struct spec_group *g = &s->groups[i];
        if (!g->absent) {
            m->groups[m->n_groups++] = (struct model_group){
                .key = SPEC_KEY_GROUP + (int64_t)i,
                .name = slice_str(g->name),
                .suppress_program = spec_rule(m, rules, g->suppress_when, RULE_WANT_BOOL),
                .unsuppress_us = spec_us(g->unsuppress_s),
                .first_out = !g->no_first_out};
        }
    }
    spec_put_alarms(s, m, rules);
    spec_connect(s, m);
    status = rule_builder_finish(rules, &m->arena, &set, NULL);
    CHECK(status == OK);
    rule_builder_free(&rules);
    m->rules = rule_set_count(set) > 0 ? set : NULL;
    if (m->rules != NULL) {
        spec_order(m);
    }
    return m;
}

#endif
