/* A value with its quality, and what the plain operations of the rule language do with it: Kleene's logic,
 * arithmetic that gives unknown instead of infinities. One place for the compiler, which folds constants, and
 * for the machine. Pure. */
#ifndef PENSTOCK_CORE_RULE_VALUE_H
#define PENSTOCK_CORE_RULE_VALUE_H

#include "server/core/rule_parse.h"

/* v: finite if known, else 0; 0 or 1 for a bool, microseconds for a duration, index for a state. uncertain:
 * what it rests on is of uncertain quality; only with known. */
struct rule_value {
    double v;
    bool known;
    bool uncertain;
};

static inline struct rule_value rule_unknown(void) {
    return (struct rule_value){0};
}

/* Unknown if v is not finite. */
struct rule_value rule_known(double v, bool uncertain);

/* RULE_OP_NOT to RULE_OP_VALUE_OR; what the operation does not take is ignored. */
struct rule_value rule_value_apply(enum rule_op op, struct rule_value a, struct rule_value b,
                                   struct rule_value c);

#endif
