#include "server/core/rule_check.h"

#include "server/base/check.h"
#include "server/core/rule_value.h"
#include "server/core/unit.h"

#include <math.h>

struct checker {
    struct rule_tree *tree;
    const struct rule_scope *scope;
    struct rule_fault *fault;
};

static bool fault_at(struct checker *c, enum rule_code code, const struct rule_ast *node, const char *text) {
    return rule_fault_set(c->fault, code, node->pos, node->len, "%s", text);
}

static struct rule_ast *arg(struct checker *c, const struct rule_ast *node, int i) {
    return node->arg[i] == RULE_NONE ? NULL : &c->tree->nodes[node->arg[i]];
}

/* --- units --- */

/* A constant that was written with a unit. */
static bool is_unit_literal(const struct rule_ast *node) {
    return node->is_const && node->unit.n > 0;
}

static bool convert(struct checker *c, struct rule_ast *literal, struct slice to, bool as_difference) {
    double scale = 1;
    double offset = 0;
    if (!unit_convert(literal->unit, to, &scale, &offset)) {
        return rule_fault_set(c->fault, RULE_E_UNIT, literal->pos, literal->len,
                              "%.*s cannot be converted to %.*s, the unit of the other side",
                              literal->unit.n > 40 ? 40 : (int)literal->unit.n, literal->unit.p,
                              to.n > 40 ? 40 : (int)to.n, to.p);
    }
    literal->v = literal->v * scale + (as_difference ? 0 : offset);
    literal->unit = to;
    return true;
}

/* A duration literal beside a number that is measured in a unit of time is meant as such: delay > 5 min. */
static void as_number(struct rule_ast *literal, const struct rule_ast *other) {
    double scale = 0;
    double offset = 0;
    if (literal->op == RULE_OP_CONST && literal->type == RULE_DURATION && literal->unit.n > 0 &&
        other->type == RULE_NUMBER && other->unit.n > 0 &&
        unit_convert(slice_str("s"), other->unit, &scale, &offset)) {
        literal->type = RULE_NUMBER;
        literal->v /= 1e6;
        literal->unit = slice_str("s");
    }
}

/* Which side of a sum is an amount to add or to take away, rather than a reading: T + 5 K. */
struct meeting {
    bool left_is_amount;
    bool right_is_amount;
};

static bool unify_units(struct checker *c, struct rule_ast *node, struct rule_ast *a, struct rule_ast *b,
                        struct meeting m) {
    if (a->unit.n > 0 && b->unit.n > 0 && !slice_eq(a->unit, b->unit)) {
        if (is_unit_literal(b)) {
            if (!convert(c, b, a->unit, m.right_is_amount || a->is_difference)) {
                return false;
            }
        } else if (is_unit_literal(a)) {
            if (!convert(c, a, b->unit, m.left_is_amount || b->is_difference)) {
                return false;
            }
        } else {
            return rule_fault_set(c->fault, RULE_E_UNIT, b->pos, b->len,
                                  "this is in %.*s, the other side in %.*s; a calculated tag can convert it",
                                  b->unit.n > 40 ? 40 : (int)b->unit.n, b->unit.p,
                                  a->unit.n > 40 ? 40 : (int)a->unit.n, a->unit.p);
        }
    }
    struct rule_ast *literal = is_unit_literal(a) ? a : b;
    const struct rule_ast *other = literal == a ? b : a;
    if (is_unit_literal(literal) && other->op == RULE_OP_TAG && other->unit.n == 0) {
        return rule_fault_set(c->fault, RULE_E_UNIT, literal->pos, literal->len,
                              "the tag on the other side has no unit; write the number without one");
    }
    node->unit = a->unit.n > 0 ? a->unit : b->unit;
    return true;
}

/* --- types --- */

static bool find_state(struct checker *c, struct rule_ast *literal, const struct rule_ast *of) {
    for (uint32_t i = 0; i < of->n_states; i++) {
        if (slice_eq(of->states[i], literal->text)) {
            literal->v = i;
            literal->states = of->states;
            literal->n_states = of->n_states;
            return true;
        }
    }
    struct slice first = of->n_states > 0 ? of->states[0] : slice_str("none");
    return rule_fault_set(c->fault, RULE_E_TYPE, literal->pos, literal->len,
                          "the other side has no such state; it has %u, the first is '%.*s'", of->n_states,
                          first.n > 60 ? 60 : (int)first.n, first.p);
}

static bool same_states(const struct rule_ast *a, const struct rule_ast *b) {
    bool same = a->n_states == b->n_states;
    for (uint32_t i = 0; same && i < a->n_states; i++) {
        same = slice_eq(a->states[i], b->states[i]);
    }
    return same;
}

static bool unify_states(struct checker *c, struct rule_ast *node, struct rule_ast *a, struct rule_ast *b) {
    if (a->states == NULL && b->states == NULL) {
        return fault_at(c, RULE_E_TYPE, a,
                        "two names of states without a tag; one side must be a tag with states");
    }
    if (a->states == NULL || b->states == NULL) {
        struct rule_ast *literal = a->states == NULL ? a : b;
        if (!find_state(c, literal, literal == a ? b : a)) {
            return false;
        }
    } else if (!same_states(a, b)) {
        return fault_at(c, RULE_E_TYPE, b, "the states of the two sides are not the same");
    }
    node->states = a->states;
    node->n_states = a->n_states;
    return true;
}

/* Both of one type; literals take the other side's unit or states. */
static bool unify(struct checker *c, struct rule_ast *node, struct rule_ast *a, struct rule_ast *b,
                  struct meeting m) {
    as_number(a, b);
    as_number(b, a);
    if (a->type != b->type) {
        return rule_fault_set(c->fault, RULE_E_TYPE, b->pos, b->len,
                              "this is a %s, the other side a %s; both must be of one type",
                              rule_type_name(b->type), rule_type_name(a->type));
    }
    node->type = a->type;
    if (a->type == RULE_STATE) {
        return unify_states(c, node, a, b);
    }
    return a->type != RULE_NUMBER || unify_units(c, node, a, b, m);
}

static bool want_type(struct checker *c, const struct rule_ast *node, enum rule_type type) {
    if (node->type == type) {
        return true;
    }
    return rule_fault_set(c->fault, RULE_E_TYPE, node->pos, node->len, "this is a %s; a %s is expected here",
                          rule_type_name(node->type), rule_type_name(type));
}

static bool is_amount(const struct rule_ast *node) {
    return node->type == RULE_NUMBER || node->type == RULE_DURATION;
}

static bool want_amount(struct checker *c, const struct rule_ast *node) {
    if (is_amount(node)) {
        return true;
    }
    return rule_fault_set(c->fault, RULE_E_TYPE, node->pos, node->len,
                          "this is a %s; a number or a duration is expected here",
                          rule_type_name(node->type));
}

static void like(struct rule_ast *node, const struct rule_ast *a) {
    node->type = a->type;
    node->unit = a->unit;
    node->is_difference = a->is_difference;
}

static bool check_sum(struct checker *c, struct rule_ast *node) {
    struct rule_ast *a = arg(c, node, 0);
    struct rule_ast *b = arg(c, node, 1);
    struct meeting m = {.left_is_amount = node->op == RULE_OP_ADD, .right_is_amount = true};
    if (!want_amount(c, a) || !want_amount(c, b) || !unify(c, node, a, b, m)) {
        return false;
    }
    if (node->op == RULE_OP_SUB) {
        node->is_difference = a->is_difference || (!b->is_const && !b->is_difference);
    } else {
        node->is_difference = (a->is_difference || a->is_const) && (b->is_difference || b->is_const);
    }
    return true;
}

static bool check_product(struct checker *c, struct rule_ast *node) {
    const struct rule_ast *a = arg(c, node, 0);
    const struct rule_ast *b = arg(c, node, 1);
    if (!want_amount(c, a) || !want_amount(c, b)) {
        return false;
    }
    node->type = RULE_NUMBER;
    if (node->op == RULE_OP_DIV && a->type == RULE_NUMBER && b->type == RULE_DURATION) {
        return fault_at(c, RULE_E_TYPE, b,
                        "a number cannot be divided by a duration; divide the duration by 1s first");
    }
    if (node->op == RULE_OP_MUL && a->type == RULE_DURATION && b->type == RULE_DURATION) {
        return fault_at(c, RULE_E_TYPE, b, "durations cannot be multiplied; one side must be a number");
    }
    if (a->type != b->type) {
        node->type = RULE_DURATION;
    }
    return true;
}

static bool check_comparison(struct checker *c, struct rule_ast *node) {
    struct rule_ast *a = arg(c, node, 0);
    struct rule_ast *b = arg(c, node, 1);
    struct rule_ast both = *node;
    if (!unify(c, &both, a, b, (struct meeting){0})) {
        return false;
    }
    node->type = RULE_BOOL;
    if (node->op != RULE_OP_EQ && node->op != RULE_OP_NE && !is_amount(a)) {
        return rule_fault_set(c->fault, RULE_E_TYPE, node->pos, node->len,
                              "a %s has no order; only == and != compare it", rule_type_name(a->type));
    }
    return true;
}

static bool check_choice(struct checker *c, struct rule_ast *node) {
    struct rule_ast *a = arg(c, node, node->op == RULE_OP_IF ? 1 : 0);
    struct rule_ast *b = arg(c, node, node->op == RULE_OP_IF ? 2 : 1);
    if (node->op == RULE_OP_IF && !want_type(c, arg(c, node, 0), RULE_BOOL)) {
        return false;
    }
    node->is_difference = a->is_difference && b->is_difference;
    return unify(c, node, a, b, (struct meeting){0});
}

static bool check_tag(struct checker *c, struct rule_ast *node) {
    struct rule_symbol s = {0};
    if (!c->scope->find(c->scope->ctx, node->text, &s)) {
        return rule_fault_set(c->fault, RULE_E_TAG, node->pos, node->len,
                              "there is no tag %.*s; odd names are written in double quotes",
                              node->text.n > 100 ? 100 : (int)node->text.n, node->text.p);
    }
    node->tag = s.tag;
    node->type = s.type;
    node->unit = s.type == RULE_NUMBER ? s.unit : slice_of(NULL, 0);
    node->states = s.states;
    node->n_states = s.type == RULE_STATE ? s.n_states : 0;
    return true;
}

static bool check_tag_function(struct checker *c, struct rule_ast *node) {
    const struct rule_ast *a = arg(c, node, 0);
    if (a->op != RULE_OP_TAG) {
        return fault_at(c, RULE_E_TYPE, a, "a tag is expected here, not a value that is made of others");
    }
    node->tag = a->tag;
    node->type = RULE_BOOL;
    if (node->op == RULE_OP_PREV) {
        like(node, a);
        node->states = a->states;
        node->n_states = a->n_states;
    } else if (node->op == RULE_OP_AGE) {
        node->type = RULE_DURATION;
        node->has_time = true;
    }
    return true;
}

static bool is_time_function(const struct rule_ast *node) {
    return rule_op_is_window(node->op) || node->op == RULE_OP_FOR || node->op == RULE_OP_AGE ||
           node->op == RULE_OP_BETWEEN;
}

static bool nested(struct checker *c, uint32_t of) {
    const struct rule_ast *inner = &c->tree->nodes[of];
    while (!is_time_function(inner)) {
        inner--; /* parts come before the whole, and there is one */
    }
    return rule_fault_set(c->fault, RULE_E_NESTED, inner->pos, inner->len,
                          "a time function cannot stand within another; make it a calculated tag");
}

static bool check_window(struct checker *c, struct rule_ast *node) {
    const struct rule_ast *x = arg(c, node, 0);
    const struct rule_ast *w = arg(c, node, 1);
    bool of_bool = node->op == RULE_OP_DURATION || node->op == RULE_OP_COUNT || node->op == RULE_OP_FOR;
    if (x->has_time) {
        return nested(c, node->arg[0]);
    }
    if (!want_type(c, x, of_bool ? RULE_BOOL : RULE_NUMBER)) {
        return false;
    }
    if (x->is_const) {
        return fault_at(c, RULE_E_TYPE, x, "this never changes; a tag is expected in it");
    }
    if (w->type != RULE_DURATION || !w->is_const || !(w->v >= 1) || w->v > (double)RULE_WINDOW_MAX_US) {
        return fault_at(c, RULE_E_WINDOW, w,
                        "a constant duration above 0 and at most 7d is expected, as in 5min");
    }
    node->has_time = true;
    switch ((int)node->op) {
    case RULE_OP_DURATION:
        node->type = RULE_DURATION;
        break;
    case RULE_OP_FOR:
        node->type = RULE_BOOL;
        break;
    case RULE_OP_COUNT:
    case RULE_OP_RATE: /* per second: a unit without a name */
        node->type = RULE_NUMBER;
        break;
    default:
        like(node, x);
        node->is_difference = x->is_difference || node->op == RULE_OP_DELTA || node->op == RULE_OP_STDDEV;
        break;
    }
    return true;
}

static bool check_between(struct checker *c, struct rule_ast *node) {
    node->type = RULE_BOOL;
    node->has_time = true;
    for (int i = 0; i < 2; i++) {
        const struct rule_ast *a = arg(c, node, i);
        if (a->type != RULE_CLOCK) {
            return fault_at(c, RULE_E_TYPE, a, "a time of day is expected here, as in 07:00");
        }
    }
    return true;
}

static bool check_op(struct checker *c, struct rule_ast *node) {
    struct rule_ast *a = arg(c, node, 0);
    switch (node->op) {
    case RULE_OP_CONST:
        return true;
    case RULE_OP_TAG:
        return check_tag(c, node);
    case RULE_OP_NOT:
        node->type = RULE_BOOL;
        return want_type(c, a, RULE_BOOL);
    case RULE_OP_AND:
    case RULE_OP_OR:
        node->type = RULE_BOOL;
        return want_type(c, a, RULE_BOOL) && want_type(c, arg(c, node, 1), RULE_BOOL);
    case RULE_OP_NEG:
    case RULE_OP_ABS:
        like(node, a);
        return want_amount(c, a);
    case RULE_OP_ADD:
    case RULE_OP_SUB:
        return check_sum(c, node);
    case RULE_OP_MUL:
    case RULE_OP_DIV:
        return check_product(c, node);
    case RULE_OP_LT:
    case RULE_OP_LE:
    case RULE_OP_GT:
    case RULE_OP_GE:
    case RULE_OP_EQ:
    case RULE_OP_NE:
        return check_comparison(c, node);
    case RULE_OP_IF:
    case RULE_OP_VALUE_OR:
        return check_choice(c, node);
    case RULE_OP_GOOD:
    case RULE_OP_BAD:
    case RULE_OP_PREV:
    case RULE_OP_AGE:
        return check_tag_function(c, node);
    case RULE_OP_BETWEEN:
        return check_between(c, node);
    case RULE_OP_AVG:
    case RULE_OP_MIN:
    case RULE_OP_MAX:
    case RULE_OP_STDDEV:
    case RULE_OP_DURATION:
    case RULE_OP_COUNT:
    case RULE_OP_DELTA:
    case RULE_OP_RATE:
    case RULE_OP_FOR:
        return check_window(c, node);
    }
    CHECK(false);
}

/* A constant that is unknown (1/0) keeps NaN. */
static struct rule_value const_value(const struct rule_ast *node) {
    return node == NULL ? rule_unknown() : rule_known(node->v, false);
}

static void fold(struct checker *c, struct rule_ast *node) {
    if (node->op < RULE_OP_NOT || node->op > RULE_OP_VALUE_OR) {
        return;
    }
    for (int i = 0; i < 3; i++) {
        const struct rule_ast *a = arg(c, node, i);
        if (a != NULL && !a->is_const) {
            return;
        }
    }
    struct rule_value v = rule_value_apply(node->op, const_value(arg(c, node, 0)),
                                           const_value(arg(c, node, 1)), const_value(arg(c, node, 2)));
    node->v = v.known ? v.v : (double)NAN;
    node->is_const = true;
}

static bool check_node(struct checker *c, struct rule_ast *node) {
    node->states = NULL;
    for (int i = 0; i < 3; i++) {
        const struct rule_ast *a = arg(c, node, i);
        if (a == NULL) {
            break;
        }
        if (a->type == RULE_CLOCK && node->op != RULE_OP_BETWEEN) {
            return fault_at(c, RULE_E_TYPE, a, "a time of day can only stand in between(07:00, 17:00)");
        }
        node->has_time = node->has_time || a->has_time;
    }
    if (!check_op(c, node)) {
        return false;
    }
    fold(c, node);
    return true;
}

static bool check_result(struct checker *c, enum rule_want want, struct slice unit) {
    struct rule_ast *root = &c->tree->nodes[c->tree->n - 1];
    bool fits = false;
    switch (want) {
    case RULE_WANT_BOOL:
        fits = root->type == RULE_BOOL;
        break;
    case RULE_WANT_NUMBER:
        fits = root->type == RULE_NUMBER;
        break;
    case RULE_WANT_VALUE:
        fits = root->type == RULE_NUMBER || root->type == RULE_BOOL;
        break;
    }
    if (!fits) {
        static const char *const wants[] = {[RULE_WANT_BOOL] = "a bool",
                                            [RULE_WANT_NUMBER] = "a number",
                                            [RULE_WANT_VALUE] = "a number or a bool"};
        return rule_fault_set(c->fault, RULE_E_TYPE, root->pos, root->len,
                              "the result is a %s; %s is expected%s", rule_type_name(root->type), wants[want],
                              root->type == RULE_DURATION ? " (divide a duration by 1s)" : "");
    }
    if (root->type != RULE_NUMBER || unit.n == 0 || root->unit.n == 0 || slice_eq(root->unit, unit)) {
        return true;
    }
    if (is_unit_literal(root)) {
        return convert(c, root, unit, false);
    }
    return rule_fault_set(
        c->fault, RULE_E_UNIT, root->pos, root->len, "the result is in %.*s; %.*s is expected",
        root->unit.n > 40 ? 40 : (int)root->unit.n, root->unit.p, unit.n > 40 ? 40 : (int)unit.n, unit.p);
}

bool rule_check(struct rule_tree *tree, const struct rule_scope *scope, enum rule_want want,
                struct slice unit, struct rule_fault *ret_fault) {
    struct checker c = {.tree = tree, .scope = scope, .fault = ret_fault};
    for (uint32_t i = 0; i < tree->n; i++) {
        if (!check_node(&c, &tree->nodes[i])) {
            return false;
        }
    }
    if (!check_result(&c, want, unit)) {
        return false;
    }
    for (uint32_t i = tree->n; i-- > 0;) { /* the whole comes after its parts */
        const struct rule_ast *node = &tree->nodes[i];
        for (int k = 0; k < 3 && node->arg[k] != RULE_NONE; k++) {
            tree->nodes[node->arg[k]].depth = (uint16_t)(node->depth + 1); /* at most RULE_AST_MAX */
        }
    }
    return true;
}
