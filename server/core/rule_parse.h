/* From the source of a rule to its tree. The nodes of a tree are in postorder: what a node is made of comes
 * before it, so that later passes are loops, not recursion. Pure. */
#ifndef PENSTOCK_CORE_RULE_PARSE_H
#define PENSTOCK_CORE_RULE_PARSE_H

#include "server/core/rule_lex.h"

/* What a node does; the same names serve as operations of the byte code. */
enum rule_op {
    RULE_OP_CONST,
    RULE_OP_TAG,
    RULE_OP_NOT,
    RULE_OP_NEG,
    RULE_OP_ABS,
    RULE_OP_ADD,
    RULE_OP_SUB,
    RULE_OP_MUL,
    RULE_OP_DIV,
    RULE_OP_LT,
    RULE_OP_LE,
    RULE_OP_GT,
    RULE_OP_GE,
    RULE_OP_EQ,
    RULE_OP_NE,
    RULE_OP_AND,
    RULE_OP_OR,
    RULE_OP_IF,
    RULE_OP_VALUE_OR,
    RULE_OP_GOOD,
    RULE_OP_BAD,
    RULE_OP_PREV,
    RULE_OP_AGE,
    RULE_OP_BETWEEN,
    RULE_OP_AVG,
    RULE_OP_MIN,
    RULE_OP_MAX,
    RULE_OP_STDDEV,
    RULE_OP_DURATION,
    RULE_OP_COUNT,
    RULE_OP_DELTA,
    RULE_OP_RATE,
    RULE_OP_FOR,
};

enum { RULE_OPS = RULE_OP_FOR + 1 };

/* It keeps a ring of segments. */
static inline bool rule_op_is_window(enum rule_op op) {
    return op >= RULE_OP_AVG && op <= RULE_OP_RATE;
}

enum { RULE_AST_MAX = RULE_SOURCE_MAX + 1 };

/* The parser sets the first part, rule_check.h the second. */
struct rule_ast {
    enum rule_op op;
    uint32_t arg[3]; /* nodes; RULE_NONE where there is none */
    uint32_t pos;
    uint32_t len;
    uint32_t name_len;   /* of a function's name, at pos */
    struct slice text;   /* name of a tag, or of a state */
    struct slice unit;   /* as written, later as known; empty if not */
    double v;            /* of a constant; microseconds for durations, seconds for times of day */
    enum rule_type type; /* the parser knows it for constants */

    uint32_t tag;
    const struct slice *states; /* of a RULE_STATE; NULL for a literal that has not met its tag */
    uint32_t n_states;
    bool is_const;
    bool is_difference; /* of two values of the same unit: 5 K are then 5 °C */
    bool has_time;      /* holds a function that changes with time alone */
    uint16_t depth;
};

struct rule_tree {
    struct slice source;
    struct rule_ast *nodes; /* RULE_AST_MAX */
    uint32_t n;             /* the last one is the root */
};

/* False with *ret_fault filled. */
bool rule_parse(struct slice source, struct rule_tree *tree, struct rule_fault *ret_fault);

#endif
