#include "server/core/rule_machine.h"

#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/core/rule_run.h"

#include <stdlib.h>

/* Times beyond these are no times of ours; sums with windows must not overflow. */
#define TIME_MOST_US (INT64_C(1) << 60)

struct key {
    uint64_t hash;
    uint32_t node;
};

struct rule_machine {
    struct rule_memory memory;
    int64_t *evaluated_us; /* by program */
    uint64_t *feed_turn;   /* by feed: the turn in which it was evaluated last */
    uint64_t turn;
    struct key *keys; /* of the nodes, by hash; sorted by the first adoption */
    size_t size;
    struct rule_live regs[RULE_INSTRUCTIONS_MAX];
};

/* --- life --- */

static void *room(struct rule_machine *m, size_t n, size_t size) {
    m->size += n * size;
    return calloc(n > 0 ? n : 1, size);
}

enum status rule_machine_new(const struct rule_set *set, struct rule_machine **ret, struct error *err) {
    struct rule_machine *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return error_set(err, ERR_NOMEM, "rules", "no memory for the rules' machine");
    }
    m->size = sizeof *m;
    m->memory.set = set;
    m->memory.windows = room(m, set->n_of_kind[RULE_NODE_WINDOW], sizeof *m->memory.windows);
    m->memory.gathers = room(m, set->n_of_kind[RULE_NODE_GATHER], sizeof *m->memory.gathers);
    m->memory.pasts = room(m, set->n_of_kind[RULE_NODE_TAG], sizeof *m->memory.pasts);
    m->evaluated_us = room(m, set->n_programs, sizeof *m->evaluated_us);
    m->feed_turn = room(m, set->n_feeds, sizeof *m->feed_turn);
    m->keys = room(m, set->n_nodes, sizeof *m->keys);
    if (m->memory.windows == NULL || m->memory.gathers == NULL || m->memory.pasts == NULL ||
        m->evaluated_us == NULL || m->feed_turn == NULL || m->keys == NULL) {
        enum status status =
            error_set(err, ERR_NOMEM, "rules",
                      "no memory for the %zu bytes that %u rules with %u windows need; fewer windows "
                      "or more memory would be right",
                      m->size, set->n_programs, set->n_of_kind[RULE_NODE_WINDOW]);
        rule_machine_free(&m);
        return status;
    }
    for (uint32_t i = 0; i < set->n_programs; i++) {
        m->evaluated_us[i] = -TIME_MOST_US;
    }
    *ret = m;
    return OK;
}

void rule_machine_free(struct rule_machine **m) {
    if (*m == NULL) {
        return;
    }
    free((*m)->memory.windows);
    free((*m)->memory.gathers);
    free((*m)->memory.pasts);
    free((*m)->evaluated_us);
    free((*m)->feed_turn);
    free((*m)->keys);
    free(*m);
    *m = NULL;
}

size_t rule_machine_size(const struct rule_machine *m) {
    return m->size;
}

/* --- evidence --- */

static int64_t bounded(int64_t t_us) {
    return t_us > TIME_MOST_US ? TIME_MOST_US : (t_us < -TIME_MOST_US ? -TIME_MOST_US : t_us);
}

static void put_node(struct rule_machine *m, const struct rule_node *node, struct rule_value value,
                     int64_t ts_us) {
    if (node->kind == RULE_NODE_WINDOW) {
        rule_window_put(&m->memory.windows[node->slot], node->width_us, value, ts_us);
    } else {
        rule_gather_put(&m->memory.gathers[node->slot], value, ts_us);
    }
}

static void update_feed(struct rule_machine *m, const struct rule_reader *reader, uint32_t feed,
                        int64_t ts_us) {
    const struct rule_set *set = m->memory.set;
    const struct rule_feed *f = &set->feeds[feed];
    rule_run(&m->memory, reader, f->code, ts_us, m->regs);
    struct rule_value value = m->regs[f->code.n - 1].value;
    for (uint32_t i = 0; i < f->nodes.n; i++) {
        put_node(m, &set->nodes[set->feed_nodes[f->nodes.first + i]], value, ts_us);
    }
}

void rule_machine_quality(struct rule_machine *m, const struct rule_reader *reader, const uint32_t *tags,
                          uint32_t n, int64_t ts_us) {
    const struct rule_set *set = m->memory.set;
    int64_t ts = bounded(ts_us);
    m->turn++;
    for (uint32_t i = 0; i < n; i++) {
        const struct rule_dependents *d = rule_set_dependents(set, tags[i]);
        for (uint32_t k = 0; d != NULL && k < d->feeds.n; k++) {
            uint32_t feed = set->dependent_feeds[d->feeds.first + k];
            if (m->feed_turn[feed] != m->turn) {
                m->feed_turn[feed] = m->turn;
                update_feed(m, reader, feed, ts);
            }
        }
    }
}

void rule_machine_touch(struct rule_machine *m, const struct rule_reader *reader, const uint32_t *tags,
                        uint32_t n, int64_t ts_us) {
    /* First what windows may look at. */
    for (uint32_t i = 0; i < n; i++) {
        const struct rule_dependents *d = rule_set_dependents(m->memory.set, tags[i]);
        if (d != NULL && d->node != RULE_NONE) {
            struct rule_past *past = &m->memory.pasts[m->memory.set->nodes[d->node].slot];
            rule_past_put(past, rule_read_tag(reader, tags[i]), bounded(ts_us));
        }
    }
    rule_machine_quality(m, reader, tags, n, ts_us);
}

static bool has_begun(const struct rule_memory *memory, const struct rule_node *node) {
    switch (node->kind) {
    case RULE_NODE_WINDOW:
        return memory->windows[node->slot].begun;
    case RULE_NODE_GATHER:
        return memory->gathers[node->slot].begun;
    case RULE_NODE_TAG:
        return memory->pasts[node->slot].newest.known;
    }
    CHECK(false);
}

static void prime_feed(struct rule_machine *m, const struct rule_reader *reader, uint32_t feed,
                       const int64_t *tag_ts_us) {
    const struct rule_set *set = m->memory.set;
    const struct rule_feed *f = &set->feeds[feed];
    int64_t ts_us = INT64_MIN;
    for (uint32_t i = 0; i < f->inputs.n; i++) {
        int64_t input_us = tag_ts_us[set->inputs[f->inputs.first + i]];
        ts_us = input_us > ts_us ? input_us : ts_us;
    }
    for (uint32_t i = 0; ts_us != INT64_MIN && i < f->nodes.n; i++) {
        const struct rule_node *node = &set->nodes[set->feed_nodes[f->nodes.first + i]];
        if (!has_begun(&m->memory, node)) {
            rule_run(&m->memory, reader, f->code, bounded(ts_us), m->regs);
            put_node(m, node, m->regs[f->code.n - 1].value, bounded(ts_us));
        }
    }
}

void rule_machine_prime(struct rule_machine *m, const struct rule_reader *reader, const int64_t *tag_ts_us) {
    const struct rule_set *set = m->memory.set;
    for (uint32_t i = 0; i < set->n_nodes; i++) {
        const struct rule_node *node = &set->nodes[i];
        if (node->kind == RULE_NODE_TAG && tag_ts_us[node->of] != INT64_MIN && !has_begun(&m->memory, node)) {
            rule_past_put(&m->memory.pasts[node->slot], rule_read_tag(reader, node->of),
                          bounded(tag_ts_us[node->of]));
        }
    }
    for (uint32_t i = 0; i < set->n_feeds; i++) {
        prime_feed(m, reader, i, tag_ts_us);
    }
}

/* --- evaluation --- */

static int64_t next_second(int64_t until_us, int64_t t_us) {
    if (until_us > TIME_MOST_US) {
        return INT64_MAX;
    }
    int64_t after_us = until_us > t_us ? until_us : t_us + 1;
    int64_t part_us = after_us % TM_SECOND_US;
    if (part_us == 0) {
        return after_us;
    }
    return after_us - part_us + (part_us > 0 ? TM_SECOND_US : 0);
}

static const struct rule_program *program_of(const struct rule_machine *m, uint32_t program) {
    CHECK(program < m->memory.set->n_programs);
    return &m->memory.set->programs[program];
}

struct rule_result rule_machine_eval(struct rule_machine *m, const struct rule_reader *reader,
                                     uint32_t program, int64_t t_us) {
    const struct rule_program *p = program_of(m, program);
    int64_t t = bounded(t_us);
    t = t < m->evaluated_us[program] ? m->evaluated_us[program] : t;
    m->evaluated_us[program] = t;
    rule_run(&m->memory, reader, p->code, t, m->regs);
    const struct rule_live *r = &m->regs[p->code.n - 1];
    return (struct rule_result){.value = r->value,
                                .next_us = next_second(r->rate != 0 ? t + 1 : r->until_us, t)};
}

uint32_t rule_machine_explain(struct rule_machine *m, const struct rule_reader *reader, uint32_t program,
                              int64_t t_us, struct rule_part *ret, uint32_t max) {
    const struct rule_program *p = program_of(m, program);
    const struct rule_set *set = m->memory.set;
    int64_t t = bounded(t_us);
    uint32_t in_regs = RULE_NONE; /* whose registers they are */
    t = t < m->evaluated_us[program] ? m->evaluated_us[program] : t;
    uint32_t n = p->spans.n < max ? p->spans.n : max;
    for (uint32_t i = 0; i < n; i++) {
        const struct rule_span *s = &set->spans[p->spans.first + i];
        ret[i] = (struct rule_part){
            .pos = s->pos, .len = s->len, .depth = s->depth, .type = s->type, .unit = s->unit};
        if (s->block == RULE_NONE) {
            ret[i].value = rule_read_tag(reader, s->at);
            continue;
        }
        if (s->block != in_regs) {
            rule_run(&m->memory, reader, s->block == 0 ? p->code : set->feeds[s->block - 1].code, t, m->regs);
            in_regs = s->block;
        }
        ret[i].value = m->regs[s->at].value;
    }
    return n;
}

int64_t rule_machine_resolution_us(const struct rule_machine *m, uint32_t program) {
    const struct rule_program *p = program_of(m, program);
    int64_t worst_us = 0;
    for (uint32_t i = 0; i < p->code.n; i++) {
        const struct rule_instruction *in = &m->memory.set->code[p->code.first + i];
        if (rule_op_is_window((enum rule_op)in->op)) {
            int64_t us = rule_window_resolution_us(&m->memory.windows[m->memory.set->nodes[in->imm].slot]);
            worst_us = us > worst_us ? us : worst_us;
        }
    }
    return worst_us;
}

/* --- from one machine to another --- */

static void copy_node(struct rule_memory *to, uint32_t to_node, const struct rule_memory *from,
                      uint32_t from_node) {
    uint32_t a = to->set->nodes[to_node].slot;
    uint32_t b = from->set->nodes[from_node].slot;
    switch (to->set->nodes[to_node].kind) {
    case RULE_NODE_WINDOW:
        to->windows[a] = from->windows[b];
        break;
    case RULE_NODE_GATHER:
        to->gathers[a] = from->gathers[b];
        break;
    case RULE_NODE_TAG:
        to->pasts[a] = from->pasts[b];
        break;
    }
}

/* The tag of an instruction as it is called in the new set; map NULL: it is of the new set. */
static uint32_t tag_of(const struct rule_set *set, const struct rule_instruction *in, const uint32_t *map) {
    uint32_t tag = in->op == RULE_OP_PREV ? set->nodes[in->imm].of : in->imm;
    return map == NULL ? tag : map[tag];
}

static bool has_tag(const struct rule_instruction *in) {
    return in->op == RULE_OP_TAG || in->op == RULE_OP_GOOD || in->op == RULE_OP_BAD || in->op == RULE_OP_PREV;
}

/* What an instruction of a feed means, apart from where its set keeps things. False if its tag is gone. */
static bool meaning(const struct rule_set *set, const struct rule_instruction *in, const uint32_t *map,
                    uint64_t *ret) {
    *ret = in->imm;
    if (in->op == RULE_OP_CONST) {
        *ret = rule_bits(set->consts[in->imm]);
    } else if (has_tag(in)) {
        *ret = tag_of(set, in, map);
    }
    return !has_tag(in) || *ret != RULE_NONE;
}

static bool node_hash(const struct rule_set *set, uint32_t node, const uint32_t *map, uint64_t *ret) {
    const struct rule_node *n = &set->nodes[node];
    uint64_t h = rule_mix((uint64_t)n->kind, (uint64_t)n->width_us);
    if (n->kind == RULE_NODE_TAG) {
        uint32_t tag = map == NULL ? n->of : map[n->of];
        *ret = rule_mix(h, tag);
        return tag != RULE_NONE;
    }
    struct rule_block code = set->feeds[n->of].code;
    for (uint32_t i = 0; i < code.n; i++) {
        const struct rule_instruction *in = &set->code[code.first + i];
        uint64_t what = 0;
        if (!meaning(set, in, map, &what)) {
            return false;
        }
        h = rule_mix(rule_mix(h, (uint64_t)in->op << 24 | (uint64_t)in->a << 8 | in->b), what);
    }
    *ret = h;
    return true;
}

static bool same_meaning(const struct rule_set *now, uint32_t a, const struct rule_set *old, uint32_t b,
                         const uint32_t *map) {
    const struct rule_node *x = &now->nodes[a];
    const struct rule_node *y = &old->nodes[b];
    if (x->kind != y->kind || x->width_us != y->width_us) {
        return false;
    }
    if (x->kind == RULE_NODE_TAG) {
        return x->of == map[y->of];
    }
    struct rule_block p = now->feeds[x->of].code;
    struct rule_block q = old->feeds[y->of].code;
    bool same = p.n == q.n;
    for (uint32_t i = 0; same && i < p.n; i++) {
        const struct rule_instruction *in = &now->code[p.first + i];
        const struct rule_instruction *was = &old->code[q.first + i];
        uint64_t is = 0;
        uint64_t meant = 0;
        same = in->op == was->op && in->a == was->a && in->b == was->b && meaning(now, in, NULL, &is) &&
               meaning(old, was, map, &meant) && is == meant;
    }
    return same;
}

static int by_hash(const void *a, const void *b) {
    const struct key *x = a;
    const struct key *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static uint32_t first_with_hash(const struct rule_machine *m, uint64_t hash) {
    uint32_t low = 0;
    uint32_t high = m->memory.set->n_nodes;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (m->keys[mid].hash < hash) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

uint32_t rule_machine_adopt(struct rule_machine *now, const struct rule_machine *old,
                            const uint32_t *new_tag_of_old) {
    const struct rule_set *set = now->memory.set;
    uint32_t taken = 0;
    for (uint32_t i = 0; i < set->n_nodes; i++) {
        now->keys[i].node = i;
        CHECK(node_hash(set, i, NULL, &now->keys[i].hash));
    }
    if (set->n_nodes > 0) {
        qsort(now->keys, set->n_nodes, sizeof now->keys[0], by_hash);
    }
    for (uint32_t i = 0; i < old->memory.set->n_nodes; i++) {
        uint64_t hash = 0;
        if (!node_hash(old->memory.set, i, new_tag_of_old, &hash)) {
            continue;
        }
        for (uint32_t k = first_with_hash(now, hash); k < set->n_nodes && now->keys[k].hash == hash; k++) {
            if (same_meaning(set, now->keys[k].node, old->memory.set, i, new_tag_of_old)) {
                copy_node(&now->memory, now->keys[k].node, &old->memory, i);
                taken++;
                break;
            }
        }
    }
    return taken;
}

static bool all_selected(const struct rule_set *set, struct rule_range inputs, const bool *tag_selected) {
    for (uint32_t i = 0; i < inputs.n; i++) {
        if (!tag_selected[set->inputs[inputs.first + i]]) {
            return false;
        }
    }
    return true;
}

void rule_machine_copy_nodes(struct rule_machine *dst, const struct rule_machine *src,
                             const bool *tag_selected) {
    const struct rule_set *set = src->memory.set;
    CHECK(dst->memory.set == set);
    for (uint32_t i = 0; i < set->n_nodes; i++) {
        const struct rule_node *node = &set->nodes[i];
        bool all = node->kind == RULE_NODE_TAG ? tag_selected[node->of]
                                               : all_selected(set, set->feeds[node->of].inputs, tag_selected);
        if (all) {
            copy_node(&dst->memory, i, &src->memory, i);
        }
    }
    for (uint32_t i = 0; i < set->n_programs; i++) {
        if (all_selected(set, set->programs[i].inputs, tag_selected)) {
            dst->evaluated_us[i] = -TIME_MOST_US;
        }
    }
}

uint64_t rule_machine_hash(const struct rule_machine *m) {
    const struct rule_set *set = m->memory.set;
    uint64_t h = set->n_nodes;
    for (uint32_t i = 0; i < set->n_nodes; i++) {
        uint32_t slot = set->nodes[i].slot;
        switch (set->nodes[i].kind) {
        case RULE_NODE_WINDOW:
            h = rule_window_hash(&m->memory.windows[slot], h);
            break;
        case RULE_NODE_GATHER:
            h = rule_gather_hash(&m->memory.gathers[slot], h);
            break;
        case RULE_NODE_TAG:
            h = rule_past_hash(&m->memory.pasts[slot], h);
            break;
        }
    }
    return h;
}
