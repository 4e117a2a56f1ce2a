/* Types, units and constants of a parsed rule: fills the second part of struct rule_ast, converts literals to
 * the unit of what they meet, folds what is constant. Pure. */
#ifndef PENSTOCK_CORE_RULE_CHECK_H
#define PENSTOCK_CORE_RULE_CHECK_H

#include "server/core/rule_parse.h"

/* unit: of a number result, or empty. False with *ret_fault filled. */
bool rule_check(struct rule_tree *tree, const struct rule_scope *scope, enum rule_want want,
                struct slice unit, struct rule_fault *ret_fault);

#endif
