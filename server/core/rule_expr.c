#include "server/core/rule_expr.h"

enum { SLOTS_MIN = 1024 };

void rule_expr_table_done(struct rule_expr_table *t) {
    free(t->list.p);
    free(t->slots);
    *t = (struct rule_expr_table){0};
}

static uint64_t mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ (h >> 29);
}

static uint32_t key_hash(const struct rule_expr *key) {
    uint64_t h = mix(key->op, key->imm);
    for (int i = 0; i < 3; i++) {
        h = mix(h, key->arg[i]);
    }
    return (uint32_t)(mix(h, (uintptr_t)key->ptr) >> 32); /* the upper half is the better one */
}

static bool same(const struct rule_expr *a, const struct rule_expr *b) {
    return a->op == b->op && a->imm == b->imm && a->ptr == b->ptr &&
           memcmp(a->arg, b->arg, sizeof a->arg) == 0;
}

static bool grow(struct rule_expr_table *t) {
    uint32_t n = t->n_slots == 0 ? SLOTS_MIN : t->n_slots * 2;
    uint32_t *slots = malloc(n * sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    memset(slots, 0xFF, n * sizeof *slots); /* RULE_NONE */
    for (uint32_t i = 0; i < t->list.n; i++) {
        uint32_t at = t->list.p[i].hash & (n - 1);
        while (slots[at] != RULE_NONE) {
            at = (at + 1) & (n - 1);
        }
        slots[at] = i;
    }
    free(t->slots);
    t->slots = slots;
    t->n_slots = n;
    return true;
}

uint32_t rule_expr_intern(struct rule_expr_table *t, struct rule_expr key) {
    if (t->list.n >= t->n_slots / 2 && !grow(t)) {
        return RULE_NONE;
    }
    key.hash = key_hash(&key);
    key.index = RULE_NONE;
    uint32_t at = key.hash & (t->n_slots - 1);
    for (; t->slots[at] != RULE_NONE; at = (at + 1) & (t->n_slots - 1)) {
        if (same(&t->list.p[t->slots[at]], &key)) {
            return t->slots[at];
        }
    }
    if (!rule_expr_list_add(&t->list, key)) {
        return RULE_NONE;
    }
    t->slots[at] = t->list.n - 1;
    return t->list.n - 1;
}
