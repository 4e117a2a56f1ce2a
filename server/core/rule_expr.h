/* Expressions of all rules, each kept once: an operation over other expressions and a number. Two rules that
 * say the same get the same index, which is how they come to share windows. */
#ifndef PENSTOCK_CORE_RULE_EXPR_H
#define PENSTOCK_CORE_RULE_EXPR_H

#include "server/core/rule.h"
#include "server/core/rule_list.h"

/* The first part is what it is; the second belongs to who made it. */
struct rule_expr {
    uint32_t op;
    uint32_t arg[3]; /* other expressions, or RULE_NONE */
    uint64_t imm;
    const void *ptr;

    uint32_t hash;
    uint32_t index; /* of what it became: node, feed, clock, constant; RULE_NONE as long as nothing */
    uint32_t stamp; /* of the block in which reg is valid */
    uint32_t rule;  /* the newest rule that counted it as a feed or a window */
    uint32_t reg;
};

RULE_LIST(rule_expr_list, struct rule_expr)

/* All zero is an empty one. */
struct rule_expr_table {
    struct rule_expr_list list;
    uint32_t *slots;  /* open addressing */
    uint32_t n_slots; /* a power of two */
};

void rule_expr_table_done(struct rule_expr_table *t);
/* Its index, whether it was there or is new; RULE_NONE when memory is out. May move the others. */
uint32_t rule_expr_intern(struct rule_expr_table *t, struct rule_expr key);

#endif
