#include "server/core/rule_parse.h"

#include "server/base/check.h"

/* Recursive descent; depth counts what the source nests (parentheses, calls, not, minus), so the stack is
 * bounded by RULE_DEPTH_MAX. Chains such as a + b + c are loops. */
struct parser {
    struct rule_lexer lexer;
    struct rule_token now;
    uint32_t now_end_before; /* where the token before now ended */
    struct rule_tree *tree;
    struct rule_fault *fault;
    uint32_t depth;
};

struct function {
    const char *name;
    enum rule_op op;
    uint32_t args;
    const char *use;
};

static const struct function functions[] = {
    {"avg", RULE_OP_AVG, 2, "avg(x, 5min)"},
    {"min", RULE_OP_MIN, 2, "min(x, 5min)"},
    {"max", RULE_OP_MAX, 2, "max(x, 5min)"},
    {"stddev", RULE_OP_STDDEV, 2, "stddev(x, 5min)"},
    {"duration", RULE_OP_DURATION, 2, "duration(condition, 1h)"},
    {"count", RULE_OP_COUNT, 2, "count(condition, 1h)"},
    {"delta", RULE_OP_DELTA, 2, "delta(x, 5min)"},
    {"rate", RULE_OP_RATE, 2, "rate(x, 5min)"},
    {"for", RULE_OP_FOR, 2, "for(condition, 30s)"},
    {"prev", RULE_OP_PREV, 1, "prev(tag)"},
    {"age", RULE_OP_AGE, 1, "age(tag)"},
    {"good", RULE_OP_GOOD, 1, "good(tag)"},
    {"bad", RULE_OP_BAD, 1, "bad(tag)"},
    {"between", RULE_OP_BETWEEN, 2, "between(07:00, 17:00)"},
    {"if", RULE_OP_IF, 3, "if(condition, a, b)"},
    {"abs", RULE_OP_ABS, 1, "abs(x)"},
    {"value_or", RULE_OP_VALUE_OR, 2, "value_or(x, default)"},
};

static uint32_t parse_or(struct parser *p);

static bool advance(struct parser *p) {
    p->now_end_before = p->now.pos + p->now.len;
    return rule_lex_next(&p->lexer, &p->now, p->fault);
}

static uint32_t fail(struct parser *p, enum rule_code code, const char *text) {
    (void)rule_fault_set(p->fault, code, p->now.pos, p->now.len, "%s", text);
    return RULE_NONE;
}

static uint32_t add_node(struct parser *p, struct rule_ast node) {
    CHECK(p->tree->n < RULE_AST_MAX); /* a node stands for a token of its own */
    p->tree->nodes[p->tree->n] = node;
    return p->tree->n++;
}

static bool deeper(struct parser *p) {
    if (p->depth >= RULE_DEPTH_MAX) {
        (void)rule_fault_set(p->fault, RULE_E_DEPTH, p->now.pos, p->now.len,
                             "this is nested deeper than %d; a calculated tag can take a part of it",
                             RULE_DEPTH_MAX);
        return false;
    }
    p->depth++;
    return true;
}

static const struct function *find_function(struct slice name) {
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (slice_is(name, functions[i].name)) {
            return &functions[i];
        }
    }
    return NULL;
}

/* now is the opening parenthesis. */
static uint32_t parse_call(struct parser *p, struct rule_token name) {
    const struct function *f = find_function(name.text);
    if (f == NULL) {
        (void)rule_fault_set(
            p->fault, RULE_E_SYNTAX, name.pos, name.len,
            "there is no function %.*s; known are avg, min, max, stddev, duration, count, delta, rate, "
            "for, prev, age, good, bad, between, if, abs, value_or",
            name.len > 40 ? 40 : (int)name.len, name.text.p);
        return RULE_NONE;
    }
    if (!deeper(p)) {
        return RULE_NONE;
    }
    uint32_t args[3] = {RULE_NONE, RULE_NONE, RULE_NONE};
    uint32_t n = 0;
    if (!advance(p)) {
        return RULE_NONE;
    }
    while (p->now.kind != RULE_TOKEN_CLOSE) {
        uint32_t arg = parse_or(p);
        if (arg == RULE_NONE) {
            return RULE_NONE;
        }
        if (n < 3) {
            args[n] = arg;
        }
        n++;
        if (p->now.kind == RULE_TOKEN_CLOSE) {
            break;
        }
        if (p->now.kind != RULE_TOKEN_COMMA) {
            return fail(p, RULE_E_SYNTAX, "a comma or ) is expected here");
        }
        if (!advance(p)) {
            return RULE_NONE;
        }
        if (p->now.kind == RULE_TOKEN_CLOSE) {
            return fail(p, RULE_E_SYNTAX, "an argument is expected after the comma");
        }
    }
    p->depth--;
    if (!advance(p)) {
        return RULE_NONE;
    }
    if (n != f->args) {
        (void)rule_fault_set(p->fault, RULE_E_SYNTAX, name.pos, p->now_end_before - name.pos,
                             "%s takes %u argument%s, not %u: %s", f->name, f->args, f->args == 1 ? "" : "s",
                             n, f->use);
        return RULE_NONE;
    }
    return add_node(p, (struct rule_ast){.op = f->op,
                                         .arg = {args[0], args[1], args[2]},
                                         .pos = name.pos,
                                         .len = p->now_end_before - name.pos,
                                         .name_len = name.len});
}

static uint32_t parse_parentheses(struct parser *p) {
    uint32_t start = p->now.pos;
    if (!deeper(p) || !advance(p)) {
        return RULE_NONE;
    }
    uint32_t inner = parse_or(p);
    if (inner == RULE_NONE) {
        return RULE_NONE;
    }
    if (p->now.kind != RULE_TOKEN_CLOSE) {
        return fail(p, RULE_E_SYNTAX,
                    p->now.kind == RULE_TOKEN_END ? "the closing ) is missing"
                                                  : "an operator or ) is expected here");
    }
    p->depth--;
    if (!advance(p)) {
        return RULE_NONE;
    }
    p->tree->nodes[inner].pos = start;
    p->tree->nodes[inner].len = p->now_end_before - start;
    return inner;
}

static uint32_t parse_name(struct parser *p) {
    struct rule_token t = p->now;
    if (!advance(p)) {
        return RULE_NONE;
    }
    if (t.kind == RULE_TOKEN_NAME && p->now.kind == RULE_TOKEN_OPEN) {
        return parse_call(p, t);
    }
    return add_node(p, (struct rule_ast){.op = RULE_OP_TAG,
                                         .arg = {RULE_NONE, RULE_NONE, RULE_NONE},
                                         .pos = t.pos,
                                         .len = t.len,
                                         .text = t.text});
}

static uint32_t parse_literal(struct parser *p, enum rule_type type, double v) {
    struct rule_token t = p->now;
    if (!advance(p)) {
        return RULE_NONE;
    }
    return add_node(p, (struct rule_ast){.op = RULE_OP_CONST,
                                         .arg = {RULE_NONE, RULE_NONE, RULE_NONE},
                                         .pos = t.pos,
                                         .len = t.len,
                                         .text = t.text,
                                         .unit = t.unit,
                                         .v = v,
                                         .type = type,
                                         .is_const = true});
}

static uint32_t parse_primary(struct parser *p) {
    switch (p->now.kind) {
    case RULE_TOKEN_NUMBER:
        return parse_literal(p, RULE_NUMBER, p->now.v);
    case RULE_TOKEN_DURATION:
        return parse_literal(p, RULE_DURATION, p->now.v);
    case RULE_TOKEN_CLOCK:
        return parse_literal(p, RULE_CLOCK, p->now.v);
    case RULE_TOKEN_STATE:
        return parse_literal(p, RULE_STATE, 0);
    case RULE_TOKEN_TRUE:
        return parse_literal(p, RULE_BOOL, 1);
    case RULE_TOKEN_FALSE:
        return parse_literal(p, RULE_BOOL, 0);
    case RULE_TOKEN_NAME:
    case RULE_TOKEN_QUOTED:
        return parse_name(p);
    case RULE_TOKEN_OPEN:
        return parse_parentheses(p);
    case RULE_TOKEN_END:
        return fail(p, RULE_E_SYNTAX, "the rule ends here, a value is expected");
    case RULE_TOKEN_NOT:
        return fail(p, RULE_E_SYNTAX,
                    "not binds weaker than this operator; put it into parentheses: (not x)");
    case RULE_TOKEN_AND:
    case RULE_TOKEN_OR:
    case RULE_TOKEN_LT:
    case RULE_TOKEN_LE:
    case RULE_TOKEN_GT:
    case RULE_TOKEN_GE:
    case RULE_TOKEN_EQ:
    case RULE_TOKEN_NE:
    case RULE_TOKEN_PLUS:
    case RULE_TOKEN_MINUS:
    case RULE_TOKEN_TIMES:
    case RULE_TOKEN_DIVIDE:
    case RULE_TOKEN_CLOSE:
    case RULE_TOKEN_COMMA:
        break;
    }
    return fail(p, RULE_E_SYNTAX, "a value is expected here: a number, a tag, a function or (");
}

/* Prefix operators: as many as there are, then what they stand before. */
static uint32_t parse_prefix(struct parser *p, enum rule_token_kind kind, enum rule_op op,
                             uint32_t (*operand)(struct parser *p)) {
    uint32_t starts[RULE_DEPTH_MAX];
    uint32_t n = 0;
    uint32_t depth = p->depth;
    while (p->now.kind == kind) {
        if (!deeper(p)) {
            return RULE_NONE;
        }
        starts[n++] = p->now.pos;
        if (!advance(p)) {
            return RULE_NONE;
        }
    }
    uint32_t node = operand(p);
    for (; n > 0 && node != RULE_NONE; n--) {
        uint32_t end = p->tree->nodes[node].pos + p->tree->nodes[node].len;
        node = add_node(p, (struct rule_ast){.op = op,
                                             .arg = {node, RULE_NONE, RULE_NONE},
                                             .pos = starts[n - 1],
                                             .len = end - starts[n - 1]});
    }
    p->depth = depth;
    return node;
}

static uint32_t parse_unary(struct parser *p) {
    return parse_prefix(p, RULE_TOKEN_MINUS, RULE_OP_NEG, parse_primary);
}

static uint32_t add_binary(struct parser *p, enum rule_op op, uint32_t left, uint32_t right) {
    const struct rule_ast *a = &p->tree->nodes[left];
    const struct rule_ast *b = &p->tree->nodes[right];
    return add_node(
        p, (struct rule_ast){
               .op = op, .arg = {left, right, RULE_NONE}, .pos = a->pos, .len = b->pos + b->len - a->pos});
}

struct infix {
    enum rule_token_kind kind;
    enum rule_op op;
};

/* operand { operator operand }, left to right */
static uint32_t parse_chain(struct parser *p, const struct infix *of, size_t n,
                            uint32_t (*operand)(struct parser *p)) {
    uint32_t left = operand(p);
    while (left != RULE_NONE) {
        size_t i = 0;
        while (i < n && of[i].kind != p->now.kind) {
            i++;
        }
        if (i == n) {
            break;
        }
        uint32_t right = advance(p) ? operand(p) : RULE_NONE;
        left = right == RULE_NONE ? RULE_NONE : add_binary(p, of[i].op, left, right);
    }
    return left;
}

static uint32_t parse_product(struct parser *p) {
    static const struct infix of[] = {{RULE_TOKEN_TIMES, RULE_OP_MUL}, {RULE_TOKEN_DIVIDE, RULE_OP_DIV}};
    return parse_chain(p, of, 2, parse_unary);
}

static uint32_t parse_sum(struct parser *p) {
    static const struct infix of[] = {{RULE_TOKEN_PLUS, RULE_OP_ADD}, {RULE_TOKEN_MINUS, RULE_OP_SUB}};
    return parse_chain(p, of, 2, parse_product);
}

static bool is_comparison(enum rule_token_kind kind) {
    return kind >= RULE_TOKEN_LT && kind <= RULE_TOKEN_NE;
}

static uint32_t parse_compare(struct parser *p) {
    uint32_t left = parse_sum(p);
    if (left == RULE_NONE || !is_comparison(p->now.kind)) {
        return left;
    }
    enum rule_op op =
        (enum rule_op)(RULE_OP_LT + (p->now.kind - RULE_TOKEN_LT)); /* both lists are in one order */
    uint32_t right = advance(p) ? parse_sum(p) : RULE_NONE;
    if (right == RULE_NONE) {
        return RULE_NONE;
    }
    if (is_comparison(p->now.kind)) {
        return fail(p, RULE_E_CHAINED, "comparisons cannot be chained; write 1 < x and x < 5");
    }
    return add_binary(p, op, left, right);
}

static uint32_t parse_not(struct parser *p) {
    return parse_prefix(p, RULE_TOKEN_NOT, RULE_OP_NOT, parse_compare);
}

static uint32_t parse_and(struct parser *p) {
    static const struct infix of[] = {{RULE_TOKEN_AND, RULE_OP_AND}};
    return parse_chain(p, of, 1, parse_not);
}

static uint32_t parse_or(struct parser *p) {
    static const struct infix of[] = {{RULE_TOKEN_OR, RULE_OP_OR}};
    return parse_chain(p, of, 1, parse_and);
}

bool rule_parse(struct slice source, struct rule_tree *tree, struct rule_fault *ret_fault) {
    _Static_assert(RULE_OP_NE - RULE_OP_LT == (int)RULE_TOKEN_NE - (int)RULE_TOKEN_LT, "comparisons");
    tree->source = source;
    tree->n = 0;
    if (source.n > RULE_SOURCE_MAX) {
        return rule_fault_set(ret_fault, RULE_E_TOO_LONG, RULE_SOURCE_MAX,
                              (uint32_t)(source.n > UINT32_MAX ? UINT32_MAX : source.n) - RULE_SOURCE_MAX,
                              "a rule has at most %d bytes; a calculated tag can take a part of it",
                              RULE_SOURCE_MAX);
    }
    struct parser p = {.lexer = {.source = source}, .tree = tree, .fault = ret_fault};
    if (!advance(&p)) {
        return false;
    }
    uint32_t root = parse_or(&p);
    if (root == RULE_NONE) {
        return false;
    }
    if (p.now.kind != RULE_TOKEN_END) {
        (void)fail(&p, RULE_E_SYNTAX,
                   p.now.kind == RULE_TOKEN_CLOSE ? "this ) has no opening one"
                                                  : "an operator is expected here, such as and, or, <, +");
        return false;
    }
    CHECK(root == tree->n - 1);
    return true;
}
