#include "server/config/compile.h"

#include <stdio.h>
#include <stdlib.h>

/* --- names */

struct names {
    const struct model *m;
    uint32_t site;
};

static bool describe(const struct model *m, uint32_t tag, struct rule_symbol *ret) {
    if (tag == MODEL_NONE) {
        return false;
    }
    const struct model_tag *t = &m->tags[tag];
    bool states = t->type != TAG_BOOL && t->n_states > 0;
    *ret = (struct rule_symbol){
        .tag = tag,
        .type = t->type == TAG_BOOL ? RULE_BOOL
                : states            ? RULE_STATE
                                    : RULE_NUMBER,
        .unit = t->unit,
        .states = t->states,
        .n_states = t->n_states,
    };
    return true;
}

/* The own site first: "L_T1" is "S1/L_T1". */
static bool find_name(const void *ctx, struct slice name, struct rule_symbol *ret) {
    const struct names *names = ctx;
    if (names->site != MODEL_NONE && name.n <= MODEL_NAME_MAX) {
        char full[2 * MODEL_NAME_MAX + 2];
        struct slice site = names->m->sites[names->site].name;
        (void)snprintf(full, sizeof full, "%.*s/%.*s", SLICE_ARG(site), SLICE_ARG(name));
        if (describe(names->m, model_find_tag(names->m, slice_str(full)), ret)) {
            return true;
        }
    }
    return describe(names->m, model_find_tag(names->m, name), ret);
}

/* --- programs */

uint32_t compile_rule(struct compile *c, const struct config_item *item, const char *field,
                      struct slice source, uint32_t site, enum rule_want want, struct slice unit) {
    struct names names = {.m = c->m, .site = site};
    struct rule_scope scope = {
        .ctx = &names, .find = find_name, .zone = site == MODEL_NONE ? NULL : c->site_zones[site]};
    struct rule_fault fault = {.code = RULE_OK};
    uint32_t program = RULE_NONE;
    enum status status = rule_builder_add(c->rules, source, &scope, want, unit, &program, &fault);
    if (status == OK) {
        return program;
    }
    if (status == ERR_NOMEM) {
        c->no_memory = true;
    } else {
        cross_fault(&c->faults, rule_code_name(fault.code), item, field, "%s (byte %u)", fault.text,
                    fault.pos + 1);
    }
    return RULE_NONE;
}

void compile_tag_rules(struct compile *c) {
    struct model *m = c->m;
    for (uint32_t i = 0; i < m->n_tags && !c->no_memory; i++) {
        struct model_tag *t = &m->tags[i];
        if (t->gateway != MODEL_NONE) {
            continue;
        }
        const struct item *item = compile_item(c, CONFIG_TAG, i);
        struct config_parsed p;
        item_unpack(item, &p);
        if (p.tag.expr.n > 0) {
            bool is_bool = t->type == TAG_BOOL;
            t->program = compile_rule(c, &item->pub, "expr", p.tag.expr, t->site,
                                      is_bool ? RULE_WANT_BOOL : RULE_WANT_NUMBER,
                                      is_bool ? (struct slice){0} : t->unit);
        }
    }
}

/* --- the order of calculated tags */

static void cycle_fault(struct compile *c, const struct rule_cycle *cycle) {
    char names[200] = "";
    size_t at = 0;
    uint32_t n = cycle->n < RULE_CYCLE_MAX ? cycle->n : RULE_CYCLE_MAX;
    for (uint32_t i = 0; i < n && at < sizeof names; i++) {
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%.*s", i == 0 ? "" : " -> ",
                               SLICE_ARG(c->m->tags[cycle->tags[i]].name));
    }
    cross_fault(&c->faults, "E_CYCLE", &compile_item(c, CONFIG_TAG, cycle->tags[0])->pub, "expr",
                "needs itself: %s; one of them must be calculated without the others", names);
}

struct leveled {
    uint32_t level;
    uint32_t tag;
};

static int by_level(const void *a, const void *b) {
    const struct leveled *x = a;
    const struct leveled *y = b;
    if (x->level != y->level) {
        return x->level < y->level ? -1 : 1;
    }
    return x->tag < y->tag ? -1 : 1;
}

static void order_calculated(struct compile *c, const uint32_t *levels, struct leveled *v) {
    struct model *m = c->m;
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->n_tags; i++) {
        if (m->tags[i].program != MODEL_NONE) {
            v[n++] = (struct leveled){.level = levels[i], .tag = i};
        }
    }
    qsort(v, n, sizeof *v, by_level);
    m->calculated = arena_alloc(&m->arena, n, sizeof *m->calculated);
    if (m->calculated == NULL) {
        c->no_memory = true;
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        m->calculated[i] = v[i].tag;
    }
    m->n_calculated = n;
}

static void level_tags(struct compile *c) {
    struct model *m = c->m;
    uint32_t *programs = calloc((size_t)m->n_tags + 1, sizeof *programs);
    uint32_t *levels = calloc((size_t)m->n_tags + 1, sizeof *levels);
    struct leveled *v = calloc((size_t)m->n_tags + 1, sizeof *v);
    if (programs == NULL || levels == NULL || v == NULL) {
        c->no_memory = true;
        goto out;
    }
    for (uint32_t i = 0; i < m->n_tags; i++) {
        programs[i] = m->tags[i].program;
    }
    struct rule_cycle cycle = {0};
    enum status status = rule_levels(m->rules, programs, m->n_tags, levels, &cycle);
    if (status == ERR_INVALID) {
        cycle_fault(c, &cycle);
    } else if (status != OK) {
        c->no_memory = true;
    } else {
        order_calculated(c, levels, v);
    }
out:
    free(v);
    free(levels);
    free(programs);
}

void compile_rules_finish(struct compile *c) {
    struct rule_set *set = NULL;
    if (rule_builder_finish(c->rules, &c->m->arena, &set, NULL) != OK) {
        c->no_memory = true;
        return;
    }
    if (rule_set_count(set) > 0) {
        c->m->rules = set;
        level_tags(c);
    }
}

_Static_assert(RULE_NONE == MODEL_NONE, "a program that is none is none in the model");
