#include "server/base/check.h"
#include "server/core/rule.h"
#include "server/store/keeper.h"

#include <stdio.h>
#include <stdlib.h>

static int by_key(const void *a, const void *b) {
    const struct roller_tag *x = a;
    const struct roller_tag *y = b;
    return x->tag_key < y->tag_key ? -1 : x->tag_key > y->tag_key;
}

static int by_pair(const void *a, const void *b) {
    const struct keeper_pair *x = a;
    const struct keeper_pair *y = b;
    if (x->alarm_key != y->alarm_key) {
        return x->alarm_key < y->alarm_key ? -1 : 1;
    }
    return x->tag_key < y->tag_key ? -1 : x->tag_key > y->tag_key;
}

static void add_classes(struct keeper_plan *p, const struct model *m) {
    CHECK(m->n_keeps >= 1 && m->n_keeps <= MODEL_KEEPS_MAX);
    p->n_classes = m->n_keeps;
    for (uint32_t i = 0; i < m->n_keeps; i++) {
        (void)snprintf(p->classes[i], sizeof p->classes[i], "%.*s", SLICE_ARG(m->keeps[i].name));
        p->days[i] = m->keeps[i].days;
    }
}

static bool add_tags(struct keeper_plan *p, const struct model *m) {
    p->tags = calloc((size_t)m->n_tags + 1, sizeof *p->tags);
    if (p->tags == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < m->n_tags; i++) {
        const struct model_tag *tag = &m->tags[i];
        p->tags[i] = (struct roller_tag){.tag_key = tag->key, .rule = rollup_rule(tag), .class = tag->keep};
    }
    qsort(p->tags, m->n_tags, sizeof *p->tags, by_key);
    for (uint32_t i = 0; i < m->n_tags; i++) { /* one that is not stored yet has no key */
        if (p->tags[i].tag_key != 0 &&
            (p->n_tags == 0 || p->tags[i].tag_key != p->tags[p->n_tags - 1].tag_key)) {
            p->tags[p->n_tags++] = p->tags[i];
        }
    }
    return true;
}

/* The tags that an alarm is about: its own, and those that its rule reads; v may be NULL. */
static size_t tags_of(const struct model *m, uint32_t alarm, struct keeper_pair *v) {
    const struct model_alarm *a = &m->alarms[alarm];
    const struct model_alarm_more *more = model_alarm_more(m, alarm);
    const uint32_t own[] = {a->tag, more->limit_tag, more->second_tag};
    const uint32_t *inputs = NULL;
    size_t n = 0;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (own[i] != MODEL_NONE && v != NULL) {
            v[n] = (struct keeper_pair){a->key, m->tags[own[i]].key};
        }
        n += own[i] != MODEL_NONE;
    }
    uint32_t n_inputs = more->program == MODEL_NONE ? 0 : rule_set_inputs(m->rules, more->program, &inputs);
    for (uint32_t i = 0; i < n_inputs; i++) {
        if (v != NULL) {
            v[n] = (struct keeper_pair){a->key, m->tags[inputs[i]].key};
        }
        n++;
    }
    return n;
}

static bool add_pairs(struct keeper_plan *p, const struct model *m) {
    size_t most = 0;
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        most += model_alarm_snapshot(m, i) ? tags_of(m, i, NULL) : 0;
    }
    p->pairs = calloc(most + 1, sizeof *p->pairs);
    if (p->pairs == NULL) {
        return false;
    }
    size_t n = 0;
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        n += model_alarm_snapshot(m, i) ? tags_of(m, i, &p->pairs[n]) : 0;
    }
    qsort(p->pairs, n, sizeof *p->pairs, by_pair);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || by_pair(&p->pairs[i], &p->pairs[p->n_pairs - 1]) != 0) {
            p->pairs[p->n_pairs++] = p->pairs[i];
        }
    }
    return true;
}

enum status keeper_plan_new(const struct model *m, struct keeper_plan **ret, struct error *err) {
    struct keeper_plan *p = calloc(1, sizeof *p);
    if (p != NULL) {
        p->revision = m->revision;
        p->rollup_keep_days = m->rollup_keep_days;
        add_classes(p, m);
    }
    if (p == NULL || !add_tags(p, m) || !add_pairs(p, m)) {
        keeper_plan_free(&p);
        return error_set(err, ERR_NOMEM, "history", "no memory for a plan of %u tags", m->n_tags);
    }
    *ret = p;
    return OK;
}

void keeper_plan_free(struct keeper_plan **plan) {
    if (*plan != NULL) {
        free((*plan)->tags);
        free((*plan)->pairs);
        free(*plan);
    }
    *plan = NULL;
}
