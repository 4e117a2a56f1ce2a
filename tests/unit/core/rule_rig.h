/* What the tests of the rule language share: a small plant, and verbs to compile rules and to play samples to
 * them. */
#ifndef PENSTOCK_TESTS_RULE_RIG_H
#define PENSTOCK_TESTS_RULE_RIG_H

#include "server/base/tm.h"
#include "server/core/rule_machine.h"
#include "tests/lib/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { RIG_TAGS = 200, RIG_ARENA_MAX = 1 << 24 };

static const struct slice rig_modes[] = {{"off", 3}, {"on", 2}, {"fault", 5}};
static const struct slice rig_valve[] = {{"open", 4}, {"shut", 4}};

struct rig_tag {
    const char *name;
    enum rule_type type;
    const char *unit;
    const struct slice *states;
    uint32_t n_states;
};

static const struct rig_tag rig_tags[] = {
    {"P", RULE_NUMBER, "", NULL, 0},
    {"Q", RULE_NUMBER, "", NULL, 0},
    {"L", RULE_NUMBER, "", NULL, 0},
    {"R", RULE_BOOL, "", NULL, 0},
    {"S", RULE_BOOL, "", NULL, 0},
    {"N", RULE_BOOL, "", NULL, 0},
    {"level", RULE_NUMBER, "m", NULL, 0},
    {"level2", RULE_NUMBER, "m", NULL, 0},
    {"width", RULE_NUMBER, "cm", NULL, 0},
    {"temp", RULE_NUMBER, "degC", NULL, 0},
    {"temp2", RULE_NUMBER, "degC", NULL, 0},
    {"tk", RULE_NUMBER, "K", NULL, 0},
    {"delay", RULE_NUMBER, "s", NULL, 0},
    {"turb", RULE_NUMBER, "NTU", NULL, 0},
    {"S1/L_T1", RULE_NUMBER, "m", NULL, 0},
    {"$this.level", RULE_NUMBER, "m", NULL, 0},
    {"P101.flow", RULE_NUMBER, "l/s", NULL, 0},
    {"min", RULE_NUMBER, "", NULL, 0},
    {"M", RULE_STATE, "", rig_modes, 3},
    {"M2", RULE_STATE, "", rig_modes, 3},
    {"V", RULE_STATE, "", rig_valve, 2},
    {"odd name: 'ä'", RULE_BOOL, "", NULL, 0},
};

/* Tags "t0" to "t99" are numbers beside those. */
static inline bool rig_find(const void *ctx, struct slice name, struct rule_symbol *ret) {
    (void)ctx;
    for (uint32_t i = 0; i < COUNT(rig_tags); i++) {
        if (slice_is(name, rig_tags[i].name)) {
            *ret = (struct rule_symbol){.tag = i,
                                        .type = rig_tags[i].type,
                                        .unit = slice_str(rig_tags[i].unit),
                                        .states = rig_tags[i].states,
                                        .n_states = rig_tags[i].n_states};
            return true;
        }
    }
    if (name.n >= 2 && name.n <= 3 && name.p[0] == 't' && name.p[1] >= '0' && name.p[1] <= '9') {
        uint32_t number = (uint32_t)(name.p[1] - '0');
        number = name.n == 3 ? number * 10 + (uint32_t)(name.p[2] - '0') : number;
        *ret = (struct rule_symbol){.tag = 100 + number, .type = RULE_NUMBER};
        return true;
    }
    return false;
}

struct rig {
    struct arena arena;
    struct rule_builder *builder;
    struct rule_set *set;
    struct rule_machine *m;
    struct rule_scope scope;
    struct rule_value values[RIG_TAGS];
    int64_t base_us;
};

static inline uint32_t rig_tag(const char *name) {
    struct rule_symbol s = {0};
    if (!rig_find(NULL, slice_str(name), &s)) {
        fail_msg("no tag %s", name);
    }
    return s.tag;
}

static inline struct rule_value rig_read(const void *ctx, uint32_t tag) {
    const struct rig *r = ctx;
    assert_true(tag < RIG_TAGS);
    return r->values[tag];
}

static inline struct rule_reader rig_reader(const struct rig *r) {
    return (struct rule_reader){.ctx = r, .read = rig_read};
}

static inline void rig_init(struct rig *r) {
    *r = (struct rig){.scope = {.find = rig_find}};
    arena_init(&r->arena, RIG_ARENA_MAX);
    assert_int_equal(rule_builder_new(&r->builder, NULL), OK);
}

static inline void rig_done(struct rig *r) {
    rule_machine_free(&r->m);
    rule_builder_free(&r->builder);
    arena_done(&r->arena);
}

static inline enum status rig_try(struct rig *r, struct slice source, enum rule_want want, const char *unit,
                                  uint32_t *ret_program, struct rule_fault *fault) {
    *fault = (struct rule_fault){0};
    return rule_builder_add(r->builder, source, &r->scope, want, slice_str(unit), ret_program, fault);
}

static inline uint32_t rig_add(struct rig *r, const char *source) {
    uint32_t program = RULE_NONE;
    struct rule_fault fault = {0};
    if (rig_try(r, slice_str(source), RULE_WANT_VALUE, "", &program, &fault) != OK) {
        fail_msg("%s: %s at %u: %s", source, rule_code_name(fault.code), fault.pos, fault.text);
    }
    return program;
}

static inline void rig_start(struct rig *r) {
    struct error err = {0};
    assert_int_equal(rule_builder_finish(r->builder, &r->arena, &r->set, &err), OK);
    assert_int_equal(rule_machine_new(r->set, &r->m, &err), OK);
}

/* One rule. */
static inline void rig_rule(struct rig *r, const char *source) {
    rig_init(r);
    (void)rig_add(r, source);
    rig_start(r);
}

static inline int64_t rig_us(const struct rig *r, double s) {
    return r->base_us + (int64_t)llround(s * 1e6);
}

static inline void rig_set(struct rig *r, const char *tag, double v) {
    r->values[rig_tag(tag)] = (struct rule_value){.v = v, .known = true};
}

static inline void rig_lose(struct rig *r, const char *tag) {
    r->values[rig_tag(tag)] = (struct rule_value){0};
}

static inline void rig_touch(struct rig *r, const char *tag, double s) {
    struct rule_reader reader = rig_reader(r);
    uint32_t index = rig_tag(tag);
    rule_machine_touch(r->m, &reader, &index, 1, rig_us(r, s));
}

static inline void rig_sample(struct rig *r, const char *tag, double s, double v) {
    rig_set(r, tag, v);
    rig_touch(r, tag, s);
}

/* A sample of bad quality. */
static inline void rig_bad(struct rig *r, const char *tag, double s) {
    rig_lose(r, tag);
    rig_touch(r, tag, s);
}

static inline struct rule_result rig_eval(struct rig *r, uint32_t program, double s) {
    struct rule_reader reader = rig_reader(r);
    return rule_machine_eval(r->m, &reader, program, rig_us(r, s));
}

/* NAN: unknown */
static inline double rig_value(struct rig *r, uint32_t program, double s) {
    struct rule_value v = rig_eval(r, program, s).value;
    return v.known ? v.v : (double)NAN;
}

static inline double rig_next(struct rig *r, uint32_t program, double s) {
    int64_t us = rig_eval(r, program, s).next_us;
    return us == INT64_MAX ? (double)INFINITY : (double)(us - r->base_us) / 1e6;
}

#define rig_expect(r, program, s, value)                                                                     \
    do {                                                                                                     \
        double rig_is = rig_value((r), (program), (s));                                                      \
        double rig_should = (value);                                                                         \
        if (isnan(rig_should) ? !isnan(rig_is) : !(fabs(rig_is - rig_should) <= 1e-9)) {                     \
            fail_msg("line %d: %.17g at %g s, not %.17g", __LINE__, rig_is, (double)(s), rig_should);        \
        }                                                                                                    \
    } while (0)

#endif
