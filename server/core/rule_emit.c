#include "server/core/rule_emit.h"

#include "server/base/check.h"
#include "server/core/rule_list.h"

#include <stdlib.h>

/* Beside the operations, what is kept once as well. */
enum { KEY_WINDOW = RULE_OPS, KEY_GATHER, KEY_TAG_NODE, KEY_CLOCK, KEY_CONST };

/* An expression, kept once: op over other expressions and a number. */
struct expr {
    uint32_t op;
    uint32_t arg[3];
    uint64_t imm;
    const void *ptr;
    uint32_t hash;
    uint32_t index; /* of what it became: node, feed, clock, constant; RULE_NONE as long as nothing */
    uint32_t stamp; /* of the block in which reg is valid */
    uint32_t rule;  /* the newest rule that counted it as a feed or a window */
    uint32_t reg;
};

RULE_LIST(expr_list, struct expr)
RULE_LIST(code_list, struct rule_instruction)
RULE_LIST(number_list, double)
RULE_LIST(clock_list, struct rule_clock)
RULE_LIST(feed_list, struct rule_feed)
RULE_LIST(node_list, struct rule_node)
RULE_LIST(span_list, struct rule_span)
RULE_LIST(index_list, uint32_t)
RULE_LIST(program_list, struct rule_program)

struct rule_emitter {
    struct expr_list exprs;
    struct index_list slots; /* hash table of exprs, open addressing, a power of two */
    struct code_list code;
    struct index_list code_expr; /* the expression of each instruction */
    struct number_list consts;
    struct clock_list clocks;
    struct feed_list feeds;
    struct node_list nodes;
    struct span_list spans;
    struct index_list inputs;
    struct program_list programs;
    struct arena texts;
    uint32_t n_of_kind[RULE_NODE_TAG + 1];
    uint32_t stamp;
    uint32_t rule;
    bool out_of_memory;
    /* of the tree that is being added, by node */
    uint32_t owner[RULE_AST_MAX]; /* root of the block that evaluates it */
    uint32_t expr[RULE_AST_MAX];
};

#define OWNER_SHOWN (UINT32_MAX - 1)

enum { TEXTS_MAX = 1 << 30, SLOTS_MIN = 1024 };

struct rule_emitter *rule_emitter_new(void) {
    struct rule_emitter *e = calloc(1, sizeof *e);
    if (e != NULL) {
        arena_init(&e->texts, TEXTS_MAX);
    }
    return e;
}

void rule_emitter_free(struct rule_emitter **e) {
    if (*e == NULL) {
        return;
    }
    free((*e)->exprs.p);
    free((*e)->slots.p);
    free((*e)->code.p);
    free((*e)->code_expr.p);
    free((*e)->consts.p);
    free((*e)->clocks.p);
    free((*e)->feeds.p);
    free((*e)->nodes.p);
    free((*e)->spans.p);
    free((*e)->inputs.p);
    free((*e)->programs.p);
    arena_done(&(*e)->texts);
    free(*e);
    *e = NULL;
}

/* --- expressions, each once --- */

static uint64_t mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ (h >> 29);
}

static uint32_t key_hash(const struct expr *key) {
    uint64_t h = mix(key->op, key->imm);
    for (int i = 0; i < 3; i++) {
        h = mix(h, key->arg[i]);
    }
    return (uint32_t)(mix(h, (uintptr_t)key->ptr) >> 32);
}

static bool key_same(const struct expr *a, const struct expr *b) {
    return a->op == b->op && a->imm == b->imm && a->ptr == b->ptr &&
           memcmp(a->arg, b->arg, sizeof a->arg) == 0;
}

static bool grow_slots(struct rule_emitter *e) {
    uint32_t n = e->slots.n == 0 ? SLOTS_MIN : e->slots.n * 2;
    uint32_t *p = malloc(n * sizeof *p);
    if (p == NULL) {
        return false;
    }
    memset(p, 0xFF, n * sizeof *p);
    for (uint32_t i = 0; i < e->exprs.n; i++) {
        uint32_t at = e->exprs.p[i].hash & (n - 1);
        while (p[at] != RULE_NONE) {
            at = (at + 1) & (n - 1);
        }
        p[at] = i;
    }
    free(e->slots.p);
    e->slots = (struct index_list){.p = p, .n = n, .cap = n};
    return true;
}

/* RULE_NONE when memory is out. */
static uint32_t intern(struct rule_emitter *e, struct expr key) {
    if (e->exprs.n * 2 >= e->slots.n && !grow_slots(e)) {
        return RULE_NONE;
    }
    key.hash = key_hash(&key);
    key.index = RULE_NONE;
    uint32_t at = key.hash & (e->slots.n - 1);
    while (e->slots.p[at] != RULE_NONE) {
        uint32_t i = e->slots.p[at];
        if (key_same(&e->exprs.p[i], &key)) {
            return i;
        }
        at = (at + 1) & (e->slots.n - 1);
    }
    if (!expr_list_add(&e->exprs, key)) {
        return RULE_NONE;
    }
    e->slots.p[at] = e->exprs.n - 1;
    return e->exprs.n - 1;
}

static uint64_t bits(double v) {
    uint64_t u = 0;
    memcpy(&u, &v, sizeof u);
    return u;
}

static uint32_t key_of(struct rule_emitter *e, const struct rule_tree *tree, const struct rule_ast *node,
                       const struct rule_scope *scope) {
    struct expr key = {.op = node->op, .arg = {RULE_NONE, RULE_NONE, RULE_NONE}};
    if (node->is_const) {
        key.op = KEY_CONST;
        key.imm = bits(node->v);
    } else if (rule_op_is_window(node->op) || node->op == RULE_OP_FOR) {
        key.arg[0] = e->expr[node->arg[0]];
        key.imm = (uint64_t)(int64_t)(tree->nodes[node->arg[1]].v + 0.5); /* checked: 1 to 7 days */
    } else if (node->op == RULE_OP_BETWEEN) {
        key.imm = (uint64_t)tree->nodes[node->arg[0]].v * 86400 + (uint64_t)tree->nodes[node->arg[1]].v;
        key.ptr = scope->zone;
    } else if (node->op == RULE_OP_TAG || (node->op >= RULE_OP_GOOD && node->op <= RULE_OP_AGE)) {
        key.imm = node->tag;
    } else {
        for (int i = 0; i < 3 && node->arg[i] != RULE_NONE; i++) {
            key.arg[i] = e->expr[node->arg[i]];
        }
    }
    return intern(e, key);
}

/* --- which block evaluates what --- */

/* Operations whose argument is a tag by itself, not its value. */
static bool takes_tag(enum rule_op op) {
    return op >= RULE_OP_GOOD && op <= RULE_OP_AGE;
}

static void assign_owners(struct rule_emitter *e, const struct rule_tree *tree) {
    for (uint32_t i = 0; i < tree->n; i++) {
        e->owner[i] = RULE_NONE;
    }
    e->owner[tree->n - 1] = tree->n - 1;
    for (uint32_t i = tree->n; i-- > 0;) {
        const struct rule_ast *node = &tree->nodes[i];
        if (e->owner[i] == RULE_NONE || e->owner[i] == OWNER_SHOWN || node->is_const ||
            node->op == RULE_OP_BETWEEN) {
            continue;
        }
        if (takes_tag(node->op)) {
            e->owner[node->arg[0]] = OWNER_SHOWN;
        } else if (rule_op_is_window(node->op) || node->op == RULE_OP_FOR) {
            e->owner[node->arg[0]] = node->arg[0];
        } else {
            for (int k = 0; k < 3 && node->arg[k] != RULE_NONE; k++) {
                e->owner[node->arg[k]] = e->owner[i];
            }
        }
    }
}

static bool reads_tag(const struct rule_ast *node) {
    return node->op == RULE_OP_TAG || takes_tag(node->op);
}

/* --- limits --- */

struct use {
    uint32_t instructions;
    uint32_t windows;
    uint32_t n_inputs;
    uint32_t inputs[RULE_INPUTS_MAX];
};

/* Keeps them sorted; false when there is no room. */
static bool add_input(struct use *u, uint32_t tag) {
    uint32_t at = u->n_inputs;
    while (at > 0 && u->inputs[at - 1] >= tag) {
        at--;
    }
    if (at < u->n_inputs && u->inputs[at] == tag) {
        return true;
    }
    if (u->n_inputs == RULE_INPUTS_MAX) {
        return false;
    }
    memmove(&u->inputs[at + 1], &u->inputs[at], (u->n_inputs - at) * sizeof u->inputs[0]);
    u->inputs[at] = tag;
    u->n_inputs++;
    return true;
}

static bool too_big(struct rule_fault *fault, const struct rule_ast *node, int most, const char *what) {
    return rule_fault_set(fault, RULE_E_TOO_BIG, node->pos, node->len,
                          "a rule has at most %d %s; a calculated tag can take a part of it", most, what);
}

/* One block: counts what is not counted yet in this rule. */
static bool count_block(struct rule_emitter *e, const struct rule_tree *tree, uint32_t root, struct use *u,
                        struct rule_fault *fault) {
    e->stamp++;
    for (uint32_t i = 0; i <= root; i++) {
        const struct rule_ast *node = &tree->nodes[i];
        struct expr *x = e->owner[i] == root ? &e->exprs.p[e->expr[i]] : NULL;
        if (x == NULL || x->stamp == e->stamp) {
            continue;
        }
        x->stamp = e->stamp;
        if (++u->instructions > RULE_INSTRUCTIONS_MAX) {
            return too_big(fault, node, RULE_INSTRUCTIONS_MAX, "instructions");
        }
        if (reads_tag(node) && !node->is_const && !add_input(u, node->tag)) {
            return too_big(fault, node, RULE_INPUTS_MAX, "inputs");
        }
    }
    return true;
}

/* The window, whichever function looks at it, counts once. */
static bool count_window(struct rule_emitter *e, const struct rule_ast *node, uint32_t expr, struct use *u,
                         struct rule_fault *fault) {
    struct expr key = e->exprs.p[expr];
    key.op = KEY_WINDOW;
    uint32_t at = intern(e, key);
    if (at == RULE_NONE) {
        e->out_of_memory = true;
        return false;
    }
    if (e->exprs.p[at].rule == e->rule) {
        return true;
    }
    e->exprs.p[at].rule = e->rule;
    return ++u->windows <= RULE_WINDOWS_MAX || too_big(fault, node, RULE_WINDOWS_MAX, "windows");
}

static bool count_all(struct rule_emitter *e, const struct rule_tree *tree, struct use *u,
                      struct rule_fault *fault) {
    for (uint32_t i = 0; i < tree->n; i++) {
        const struct rule_ast *node = &tree->nodes[i];
        bool live = e->owner[i] != RULE_NONE && e->owner[i] != OWNER_SHOWN && !node->is_const;
        if (live && rule_op_is_window(node->op) && !count_window(e, node, e->expr[i], u, fault)) {
            return false;
        }
        if (e->owner[i] != i) {
            continue;
        }
        struct expr *x = &e->exprs.p[e->expr[i]];
        if (i < tree->n - 1 && x->rule == e->rule) {
            continue; /* the same feed again */
        }
        x->rule = e->rule;
        if (!count_block(e, tree, i, u, fault)) {
            return false;
        }
    }
    return true;
}

/* --- emitting; false when memory is out --- */

static uint32_t add_node(struct rule_emitter *e, struct expr key, struct rule_node node) {
    uint32_t at = intern(e, key);
    if (at == RULE_NONE) {
        return RULE_NONE;
    }
    if (e->exprs.p[at].index == RULE_NONE) {
        node.slot = e->n_of_kind[node.kind];
        if (!node_list_add(&e->nodes, node)) {
            return RULE_NONE;
        }
        e->n_of_kind[node.kind]++;
        e->exprs.p[at].index = e->nodes.n - 1;
    }
    return e->exprs.p[at].index;
}

static uint32_t tag_node(struct rule_emitter *e, uint32_t tag) {
    struct expr key = {.op = KEY_TAG_NODE, .arg = {RULE_NONE, RULE_NONE, RULE_NONE}, .imm = tag};
    return add_node(e, key, (struct rule_node){.kind = RULE_NODE_TAG, .of = tag});
}

static uint32_t stateful_node(struct rule_emitter *e, const struct rule_ast *node, uint32_t expr) {
    struct expr key = e->exprs.p[expr];
    bool window = node->op != RULE_OP_FOR;
    key.op = window ? KEY_WINDOW : KEY_GATHER;
    return add_node(e, key,
                    (struct rule_node){.kind = window ? RULE_NODE_WINDOW : RULE_NODE_GATHER,
                                       .of = e->exprs.p[key.arg[0]].index,
                                       .width_us = (int64_t)key.imm});
}

static uint32_t constant(struct rule_emitter *e, uint32_t expr, double v) {
    if (e->exprs.p[expr].index == RULE_NONE) {
        if (!number_list_add(&e->consts, v)) {
            return RULE_NONE;
        }
        e->exprs.p[expr].index = e->consts.n - 1;
    }
    return e->exprs.p[expr].index;
}

static uint32_t clock_of(struct rule_emitter *e, uint32_t expr) {
    struct expr *x = &e->exprs.p[expr];
    if (x->index == RULE_NONE) {
        struct rule_clock c = {
            .from_s = (int32_t)(x->imm / 86400), .to_s = (int32_t)(x->imm % 86400), .zone = x->ptr};
        if (!clock_list_add(&e->clocks, c)) {
            return RULE_NONE;
        }
        x->index = e->clocks.n - 1;
    }
    return x->index;
}

/* Registers are at most RULE_INSTRUCTIONS_MAX: they fit a byte. */
static uint8_t reg(const struct rule_emitter *e, uint32_t node) {
    return (uint8_t)e->exprs.p[e->expr[node]].reg;
}

static bool emit_node(struct rule_emitter *e, const struct rule_tree *tree, uint32_t i, uint32_t dst) {
    const struct rule_ast *node = &tree->nodes[i];
    struct rule_instruction in = {.op = (uint8_t)node->op, .dst = (uint8_t)dst};
    if (node->is_const) {
        in.op = RULE_OP_CONST;
        in.imm = constant(e, e->expr[i], node->v);
    } else if (node->op == RULE_OP_BETWEEN) {
        in.imm = clock_of(e, e->expr[i]);
    } else if (node->op == RULE_OP_TAG || node->op == RULE_OP_GOOD || node->op == RULE_OP_BAD) {
        in.imm = node->tag;
    } else if (takes_tag(node->op)) {
        in.imm = tag_node(e, node->tag);
    } else if (rule_op_is_window(node->op) || node->op == RULE_OP_FOR) {
        in.imm = stateful_node(e, node, e->expr[i]);
    } else {
        in.a = reg(e, node->arg[0]);
        in.b = node->arg[1] == RULE_NONE ? 0 : reg(e, node->arg[1]);
        in.imm = node->arg[2] == RULE_NONE ? 0 : reg(e, node->arg[2]);
    }
    bool reads = node->op == RULE_OP_TAG || node->op == RULE_OP_GOOD || node->op == RULE_OP_BAD;
    if (in.imm == RULE_NONE && (!reads || node->is_const)) {
        return false;
    }
    struct expr *x = &e->exprs.p[e->expr[i]];
    x->stamp = e->stamp;
    x->reg = dst;
    return code_list_add(&e->code, in) && index_list_add(&e->code_expr, e->expr[i]);
}

static bool emit_block(struct rule_emitter *e, const struct rule_tree *tree, uint32_t root,
                       struct rule_block *ret) {
    *ret = (struct rule_block){.first = e->code.n};
    e->stamp++;
    for (uint32_t i = 0; i <= root; i++) {
        if (e->owner[i] == root && e->exprs.p[e->expr[i]].stamp != e->stamp) {
            if (!emit_node(e, tree, i, ret->n)) {
                return false;
            }
            ret->n++;
        }
    }
    return true;
}

static bool add_inputs(struct rule_emitter *e, const struct use *u, struct rule_range *ret) {
    *ret = (struct rule_range){.first = e->inputs.n, .n = u->n_inputs};
    for (uint32_t i = 0; i < u->n_inputs; i++) {
        if (!index_list_add(&e->inputs, u->inputs[i])) {
            return false;
        }
    }
    return true;
}

static bool emit_feed(struct rule_emitter *e, const struct rule_tree *tree, uint32_t root) {
    struct use u = {0};
    struct rule_feed feed = {.is_bool = tree->nodes[root].type == RULE_BOOL};
    CHECK(count_block(e, tree, root, &u, NULL));
    if (!emit_block(e, tree, root, &feed.code) || !add_inputs(e, &u, &feed.inputs) ||
        !feed_list_add(&e->feeds, feed)) {
        return false;
    }
    e->exprs.p[e->expr[root]].index = e->feeds.n - 1;
    return true;
}

/* --- spans, for people --- */

static uint32_t register_of(const struct rule_emitter *e, const struct rule_block *block, uint32_t expr) {
    for (uint32_t i = 0; i < block->n; i++) {
        if (e->code_expr.p[block->first + i] == expr) {
            return i;
        }
    }
    CHECK(false);
}

static int by_place(const void *a, const void *b) {
    const struct rule_span *x = a;
    const struct rule_span *y = b;
    if (x->pos != y->pos) {
        return x->pos < y->pos ? -1 : 1;
    }
    return (x->depth > y->depth) - (x->depth < y->depth);
}

static bool add_spans(struct rule_emitter *e, const struct rule_tree *tree, struct rule_program *p) {
    p->spans.first = e->spans.n;
    for (uint32_t i = 0; i < tree->n; i++) {
        const struct rule_ast *node = &tree->nodes[i];
        uint32_t owner = e->owner[i];
        if (owner == RULE_NONE || node->is_const) {
            continue;
        }
        struct rule_span s = {
            .pos = node->pos,
            .len = node->len,
            .type = node->type,
            .depth = node->depth,
            .block = RULE_NONE,
            .at = node->tag,
            .unit = arena_copy(&e->texts, node->type == RULE_NUMBER ? node->unit : slice_of("", 0))};
        if (node->op != RULE_OP_TAG) {
            bool own = owner == tree->n - 1;
            uint32_t feed = own ? 0 : e->exprs.p[e->expr[owner]].index;
            s.block = own ? 0 : 1 + feed;
            s.at = register_of(e, own ? &p->code : &e->feeds.p[feed].code, e->expr[i]);
        }
        if (s.unit.p == NULL || !span_list_add(&e->spans, s)) {
            return false;
        }
        p->spans.n++;
    }
    if (p->spans.n > 0) {
        qsort(&e->spans.p[p->spans.first], p->spans.n, sizeof(struct rule_span), by_place);
    }
    return true;
}

static bool add_program(struct rule_emitter *e, const struct rule_tree *tree, const struct use *u) {
    const struct rule_ast *root = &tree->nodes[tree->n - 1];
    for (uint32_t i = 0; i < tree->n - 1; i++) {
        if (e->owner[i] == i && e->exprs.p[e->expr[i]].index == RULE_NONE && !emit_feed(e, tree, i)) {
            return false;
        }
    }
    struct rule_program p = {
        .type = root->type,
        .has_time = root->has_time,
        .cost = u->instructions + u->windows,
        .source = arena_copy(&e->texts, tree->source),
        .unit = arena_copy(&e->texts, root->type == RULE_NUMBER ? root->unit : slice_of("", 0))};
    return p.source.p != NULL && p.unit.p != NULL && emit_block(e, tree, tree->n - 1, &p.code) &&
           add_inputs(e, u, &p.inputs) && add_spans(e, tree, &p) && program_list_add(&e->programs, p);
}

enum status rule_emitter_add(struct rule_emitter *e, const struct rule_tree *tree,
                             const struct rule_scope *scope, uint32_t *ret_program,
                             struct rule_fault *ret_fault) {
    struct use u = {0};
    e->rule++;
    e->out_of_memory = false;
    for (uint32_t i = 0; i < tree->n && !e->out_of_memory; i++) {
        e->expr[i] = key_of(e, tree, &tree->nodes[i], scope);
        e->out_of_memory = e->expr[i] == RULE_NONE;
    }
    if (!e->out_of_memory) {
        assign_owners(e, tree);
        bool fits = count_all(e, tree, &u, ret_fault);
        if (!fits && !e->out_of_memory) {
            return ERR_INVALID;
        }
        e->out_of_memory = !fits || !add_program(e, tree, &u);
    }
    if (e->out_of_memory) {
        (void)rule_fault_set(ret_fault, RULE_E_MEMORY, 0, 0,
                             "no memory to compile this rule; nothing is wrong with it");
        return ERR_NOMEM;
    }
    *ret_program = e->programs.n - 1;
    return OK;
}

enum status rule_emitter_finish(const struct rule_emitter *e, struct arena *arena, struct rule_set **ret,
                                struct error *err) {
    struct rule_set parts = {.programs = e->programs.p,
                             .code = e->code.p,
                             .consts = e->consts.p,
                             .clocks = e->clocks.p,
                             .feeds = e->feeds.p,
                             .nodes = e->nodes.p,
                             .spans = e->spans.p,
                             .inputs = e->inputs.p,
                             .n_programs = e->programs.n,
                             .n_code = e->code.n,
                             .n_consts = e->consts.n,
                             .n_clocks = e->clocks.n,
                             .n_feeds = e->feeds.n,
                             .n_nodes = e->nodes.n,
                             .n_spans = e->spans.n,
                             .n_inputs = e->inputs.n};
    memcpy(parts.n_of_kind, e->n_of_kind, sizeof parts.n_of_kind);
    return rule_set_link(&parts, arena, ret, err);
}
