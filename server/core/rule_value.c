#include "server/core/rule_value.h"

#include "server/base/check.h"

#include <math.h>

struct rule_value rule_known(double v, bool uncertain) {
    return isfinite(v) ? (struct rule_value){.v = v, .known = true, .uncertain = uncertain} : rule_unknown();
}

/* decides: the value (0 for and, 1 for or) that settles the matter whatever the other one is. */
static struct rule_value logic(struct rule_value a, struct rule_value b, double decides) {
    bool a_decides = a.known && a.v == decides;
    bool b_decides = b.known && b.v == decides;
    if (a_decides || b_decides) {
        bool certain = (a_decides && !a.uncertain) || (b_decides && !b.uncertain);
        return (struct rule_value){.v = decides, .known = true, .uncertain = !certain};
    }
    if (!a.known || !b.known) {
        return rule_unknown();
    }
    return (struct rule_value){.v = 1 - decides, .known = true, .uncertain = a.uncertain || b.uncertain};
}

static double arithmetic(enum rule_op op, double a, double b) {
    switch ((int)op) {
    case RULE_OP_ADD:
        return a + b;
    case RULE_OP_SUB:
        return a - b;
    case RULE_OP_MUL:
        return a * b;
    case RULE_OP_DIV:
        return b == 0 ? (double)NAN : a / b; /* unknown, 0/0 and x/0 alike */
    case RULE_OP_LT:
        return a < b;
    case RULE_OP_LE:
        return a <= b;
    case RULE_OP_GT:
        return a > b;
    case RULE_OP_GE:
        return a >= b;
    case RULE_OP_EQ:
        return a == b;
    case RULE_OP_NE:
        return a != b;
    default:
        CHECK(false);
    }
}

static struct rule_value choose(struct rule_value c, struct rule_value a, struct rule_value b) {
    if (!c.known) {
        return rule_unknown();
    }
    struct rule_value r = c.v != 0 ? a : b;
    r.uncertain = r.known && (r.uncertain || c.uncertain);
    return r;
}

struct rule_value rule_value_apply(enum rule_op op, struct rule_value a, struct rule_value b,
                                   struct rule_value c) {
    switch ((int)op) {
    case RULE_OP_AND:
        return logic(a, b, 0);
    case RULE_OP_OR:
        return logic(a, b, 1);
    case RULE_OP_IF:
        return choose(a, b, c);
    case RULE_OP_VALUE_OR:
        return a.known ? a : b;
    case RULE_OP_NOT:
        return a.known ? rule_known(a.v == 0, a.uncertain) : a;
    case RULE_OP_NEG:
        return a.known ? rule_known(-a.v, a.uncertain) : a;
    case RULE_OP_ABS:
        return a.known ? rule_known(fabs(a.v), a.uncertain) : a;
    default:
        break;
    }
    if (!a.known || !b.known) {
        return rule_unknown();
    }
    return rule_known(arithmetic(op, a.v, b.v), a.uncertain || b.uncertain);
}
