/* The rules' compiler and machine against a plain oracle that keeps every raw sample and evaluates a random
 * expression from scratch, by recursion over the whole past, at each sample and each whole second. One
 * machine evaluates at each second; a second one only when the last answer said so, and shows what it
 * answered last in between: both must show what the oracle says. Samples are bad, lag, share a time, or
 * correct each other. Covers: rule_run.c, rule_value.c */
#include "server/base/buf.h"
#include "server/base/tm.h"
#include "server/core/rule_machine.h"
#include "tests/sim/sim.h"

#include <math.h>

enum {
    WORLDS = 330,
    STEPS = 45,
    PROGRAMS = 6,
    TAGS = 5,
    NODES_EACH = 400,
    NODES_MAX = PROGRAMS * NODES_EACH,
    LOG_MAX = STEPS,
    TEXT_MAX = 4000
};

/* The first two are numbers, the others bools. */
static const char *const tag_names[TAGS] = {"A", "B", "\"S1/C c\"", "D.run", "$this.e"};
enum { FIRST_BOOL = 2 };

enum op {
    CONST,
    TAG,
    NOT,
    AND,
    OR,
    COMPARE,
    ADD,
    SUB,
    MUL,
    DIV,
    NEG,
    ABS,
    IF,
    VALUE_OR,
    GOOD,
    BAD,
    PREV,
    AGE,
    BETWEEN,
    AVG,
    MIN,
    MAX,
    STDDEV,
    DURATION,
    COUNT,
    DELTA,
    RATE,
    FOR,
    OPS
};

enum type { NUM, BOOL, SPAN };

struct node {
    enum op op;
    enum type type;
    int arg[3];
    double v;
    int which; /* tag, comparison */
    int64_t w_us;
    int from_s;
    int to_s;
    unsigned tags; /* that its value depends on */
};

/* unknown: not known */
struct val {
    bool known;
    double v;
};

/* One message, and all values as they were after it. */
struct entry {
    int64_t ts_us;
    unsigned tags;
    bool sample;
    struct val after[TAGS];
};

struct program {
    int root;
    uint32_t index;
    int64_t t_us; /* newest evaluation */
    struct rule_result last;
    struct val shown;
};

struct world {
    struct rand r;
    struct node nodes[NODES_MAX];
    int n_nodes;
    int rule;               /* that is being made */
    int rule_end[PROGRAMS]; /* its nodes, which start at rule * NODES_EACH */
    struct entry log[LOG_MAX];
    int n_log;
    struct val now[TAGS];
    int64_t tag_ts_us[TAGS];
    struct program programs[PROGRAMS];
    struct rule_machine *every;
    struct rule_machine *lazy;
    int64_t server_us;
    uint64_t compared;
    uint64_t skipped;
    uint64_t known;
    uint64_t ops[OPS];
};

/* --- expressions --- */

static int pick(struct world *w, int n) {
    return (int)rand_below(&w->r, (uint64_t)n);
}

static int put(struct world *w, struct node n) {
    SIM_CHECK(w->n_nodes < (w->rule + 1) * NODES_EACH, "room for nodes");
    for (int i = 0; i < 3; i++) {
        n.tags |= n.arg[i] >= 0 ? w->nodes[n.arg[i]].tags : 0;
    }
    w->nodes[w->n_nodes] = n;
    return w->n_nodes++;
}

static int leaf(struct world *w, enum type type) {
    struct node n = {.type = type, .arg = {-1, -1, -1}};
    if (type == SPAN || pick(w, 5) == 0) {
        n.op = CONST;
        n.v = type == NUM ? (double)pick(w, 16) / 2
                          : (type == BOOL ? pick(w, 2) : (double)(1 + pick(w, 40)) * 500000);
    } else {
        n.op = TAG;
        n.which = type == NUM ? pick(w, FIRST_BOOL) : FIRST_BOOL + pick(w, TAGS - FIRST_BOOL);
        n.tags = 1U << n.which;
    }
    return put(w, n);
}

/* within: the argument of a window: no time functions, and only what doubles hold exactly. */
static int make(struct world *w, enum type type, int depth, bool within);

static int make_inner(struct world *w, enum type type, int depth) {
    for (;;) {
        int before = w->n_nodes;
        int n = make(w, type, depth, true);
        if (w->nodes[n].tags != 0) {
            return n;
        }
        w->n_nodes = before;
    }
}

static int64_t pick_width(struct world *w) {
    static const int64_t some[] = {500000, 1000000, 1500000, 2000000, 5000000, 10000000, 10000000, 20000000};
    return some[pick(w, 8)];
}

/* A window of an earlier rule, so that several look at it, each at times of its own; -1 if none was met. */
static int find_window(struct world *w, enum type type) {
    for (int tries = 0; w->rule > 0 && tries < 20; tries++) {
        int rule = pick(w, w->rule);
        int size = w->rule_end[rule] - rule * NODES_EACH;
        if (size == 0) {
            continue; /* it is an earlier one's window */
        }
        int i = rule * NODES_EACH + pick(w, size);
        if (w->nodes[i].op >= AVG && w->nodes[i].op != STDDEV && w->nodes[i].type == type) {
            return i;
        }
    }
    return -1;
}

static int make_number(struct world *w, int depth, bool within) {
    static const enum op windows[] = {AVG, MIN, MAX, COUNT, DELTA, RATE};
    int shared = -1;
    struct node n = {.type = NUM, .arg = {-1, -1, -1}};
    switch (pick(w, within ? 8 : 16)) {
    case 0:
    case 1:
        n.op = (enum op)(ADD + pick(w, 2));
        break;
    case 2:
        n.op = within ? MUL : (enum op)(MUL + pick(w, 2));
        break;
    case 3:
        n.op = pick(w, 2) == 0 ? NEG : ABS;
        n.arg[0] = make(w, NUM, depth - 1, within);
        return put(w, n);
    case 4:
        n.op = IF;
        n.arg[0] = make(w, BOOL, depth - 1, within);
        n.arg[1] = make(w, NUM, depth - 1, within);
        n.arg[2] = make(w, NUM, depth - 1, within);
        return put(w, n);
    case 5:
        n.op = VALUE_OR;
        break;
    case 6:
        n.op = PREV;
        n.which = pick(w, FIRST_BOOL);
        n.tags = 1U << n.which;
        return put(w, n);
    case 7:
        return leaf(w, NUM);
    default:
        shared = pick(w, 3) > 0 ? find_window(w, NUM) : -1;
        if (shared >= 0) {
            return shared;
        }
        n.op = windows[pick(w, 6)];
        n.arg[0] = make_inner(w, n.op == COUNT ? BOOL : NUM, depth - 1);
        n.w_us = pick_width(w);
        return put(w, n);
    }
    n.arg[0] = make(w, NUM, depth - 1, within);
    n.arg[1] = make(w, NUM, depth - 1, within);
    return put(w, n);
}

static int make_span(struct world *w, int depth) {
    struct node n = {.type = SPAN, .arg = {-1, -1, -1}};
    switch (pick(w, 6)) {
    case 0:
        n.op = AGE;
        n.which = pick(w, TAGS);
        n.tags = 1U << n.which;
        return put(w, n);
    case 1:
        n.op = (enum op)(ADD + pick(w, 2));
        n.arg[0] = make(w, SPAN, depth - 1, false);
        n.arg[1] = make(w, SPAN, depth - 1, false);
        return put(w, n);
    case 2:
        n.op = IF;
        n.arg[0] = make(w, BOOL, depth - 1, false);
        n.arg[1] = make(w, SPAN, depth - 1, false);
        n.arg[2] = make(w, SPAN, depth - 1, false);
        return put(w, n);
    case 3:
        n.op = pick(w, 2) == 0 ? NEG : ABS;
        n.arg[0] = make(w, SPAN, depth - 1, false);
        return put(w, n);
    default:
        n.op = DURATION;
        n.arg[0] = make_inner(w, BOOL, depth - 1);
        n.w_us = pick_width(w);
        return put(w, n);
    }
}

static int make_bool(struct world *w, int depth, bool within) {
    struct node n = {.type = BOOL, .arg = {-1, -1, -1}};
    switch (pick(w, within ? 8 : 13)) {
    case 0:
        n.op = NOT;
        n.arg[0] = make(w, BOOL, depth - 1, within);
        return put(w, n);
    case 1:
    case 2:
        n.op = (enum op)(AND + pick(w, 2));
        n.arg[0] = make(w, BOOL, depth - 1, within);
        n.arg[1] = make(w, BOOL, depth - 1, within);
        return put(w, n);
    case 3:
        n.op = pick(w, 2) == 0 ? GOOD : BAD;
        n.which = pick(w, TAGS);
        n.tags = 1U << n.which;
        return put(w, n);
    case 4:
        n.op = PREV;
        n.which = FIRST_BOOL + pick(w, TAGS - FIRST_BOOL);
        n.tags = 1U << n.which;
        return put(w, n);
    case 5:
        return leaf(w, BOOL);
    case 8:
    case 9:
        n.op = FOR;
        n.arg[0] = make_inner(w, BOOL, depth - 1);
        n.w_us = pick_width(w);
        return put(w, n);
    case 10:
        n.op = BETWEEN;
        n.from_s = 60 * pick(w, 4);
        n.to_s = 60 * pick(w, 4);
        return put(w, n);
    case 11:
        n.op = COMPARE;
        n.which = pick(w, 6);
        n.arg[0] = make(w, SPAN, depth - 1, false);
        n.arg[1] = make(w, SPAN, depth - 1, false);
        return put(w, n);
    default:
        n.op = COMPARE;
        n.which = pick(w, 6);
        n.arg[0] = make(w, NUM, depth - 1, within);
        n.arg[1] = make(w, NUM, depth - 1, within);
        return put(w, n);
    }
}

static int make(struct world *w, enum type type, int depth, bool within) {
    if (depth <= 0) {
        return leaf(w, type);
    }
    return type == NUM ? make_number(w, depth, within)
                       : (type == BOOL ? make_bool(w, depth, within) : make_span(w, depth));
}

/* Windows' arguments are made from a whole rule of their own, a spread only stands alone: its last digits may
 * differ. */
static int make_rule(struct world *w) {
    struct node n = {.op = STDDEV, .type = NUM, .arg = {-1, -1, -1}};
    switch (pick(w, 8)) {
    case 0:
        n.arg[0] = make_inner(w, NUM, 2);
        n.w_us = pick_width(w);
        return put(w, n);
    case 1:
    case 2:
        return make(w, NUM, 3, false);
    default:
        return make(w, BOOL, 4, false);
    }
}

static const char *const comparisons[] = {"<", "<=", ">", ">=", "==", "!="};

static void write_text(struct world *w, int i, struct buf *b) {
    static const char *const names[OPS] = {
        [ABS] = "abs",     [IF] = "if",       [VALUE_OR] = "value_or", [GOOD] = "good",
        [BAD] = "bad",     [PREV] = "prev",   [AGE] = "age",           [AVG] = "avg",
        [MIN] = "min",     [MAX] = "max",     [STDDEV] = "stddev",     [DURATION] = "duration",
        [COUNT] = "count", [DELTA] = "delta", [RATE] = "rate",         [FOR] = "for"};
    static const char *const infix[OPS] = {
        [AND] = "and", [OR] = "or", [ADD] = "+", [SUB] = "-", [MUL] = "*", [DIV] = "/"};
    const struct node *n = &w->nodes[i];
    w->ops[n->op]++;
    if (n->op == CONST) {
        if (n->type == NUM) {
            buf_printf(b, "%g", n->v);
        } else if (n->type == BOOL) {
            buf_text(b, n->v != 0 ? "true" : "false");
        } else {
            buf_printf(b, "%gms", n->v / 1000);
        }
    } else if (n->op == TAG) {
        buf_text(b, tag_names[n->which]);
    } else if (n->op == BETWEEN) {
        buf_printf(b, "between(%02d:%02d, %02d:%02d)", n->from_s / 3600, n->from_s / 60 % 60, n->to_s / 3600,
                   n->to_s / 60 % 60);
    } else if (n->op == COMPARE || infix[n->op] != NULL) {
        buf_text(b, "(");
        write_text(w, n->arg[0], b);
        buf_printf(b, " %s ", n->op == COMPARE ? comparisons[n->which] : infix[n->op]);
        write_text(w, n->arg[1], b);
        buf_text(b, ")");
    } else if (n->op == NOT || n->op == NEG) {
        buf_text(b, n->op == NOT ? "(not " : "(-");
        write_text(w, n->arg[0], b);
        buf_text(b, ")");
    } else {
        buf_printf(b, "%s(", names[n->op]);
        if (n->arg[0] < 0) {
            buf_text(b, tag_names[n->which]);
        }
        for (int k = 0; k < 3 && n->arg[k] >= 0; k++) {
            buf_text(b, k > 0 ? ", " : "");
            write_text(w, n->arg[k], b);
        }
        if (n->w_us > 0) {
            buf_printf(b, ", %lldms", (long long)n->w_us / 1000);
        }
        buf_text(b, ")");
    }
}

/* --- the oracle: k is how much of the log it knows --- */

static struct val some(double v) {
    return isfinite(v) ? (struct val){true, v} : (struct val){false, 0};
}

static const struct val unknown = {false, 0};

static struct val eval(const struct world *w, int i, int k, int64_t t_us);

/* What an expression was: a step function, one step for each time. */
struct step {
    int64_t us;
    struct val val;
};

static int history(const struct world *w, int i, int k, struct step *ret) {
    int n = 0;
    int64_t newest_us = INT64_MIN;
    for (int j = 0; j < k; j++) {
        if ((w->log[j].tags & w->nodes[i].tags) == 0) {
            continue;
        }
        newest_us = w->log[j].ts_us > newest_us ? w->log[j].ts_us : newest_us;
        if (n > 0 && ret[n - 1].us == newest_us) {
            n--;
        }
        ret[n++] = (struct step){newest_us, eval(w, i, j + 1, newest_us)};
    }
    return n;
}

/* The part of a step that lies within (left, t]. */
static int64_t within_us(const struct step *s, int n, int j, int64_t left_us, int64_t t_us) {
    int64_t from_us = s[j].us > left_us ? s[j].us : left_us;
    int64_t to_us = j + 1 < n ? s[j + 1].us : t_us;
    return to_us > from_us ? to_us - from_us : 0;
}

static struct val eval_mean(const struct node *n, const struct step *s, int steps, int64_t left_us,
                            int64_t t_us) {
    double area = 0;
    double low = INFINITY;
    double high = -INFINITY;
    int64_t known_us = 0;
    for (int j = 0; j < steps; j++) {
        int64_t us = within_us(s, steps, j, left_us, t_us);
        bool counts = us > 0 || (j == steps - 1); /* the value at t itself */
        if (s[j].val.known && counts) {
            known_us += us;
            area += s[j].val.v * (double)us;
            low = s[j].val.v < low ? s[j].val.v : low;
            high = s[j].val.v > high ? s[j].val.v : high;
        }
    }
    if ((double)known_us < 0.8 * (double)n->w_us) {
        return unknown;
    }
    double mean = area / (double)known_us;
    double m2 = 0;
    for (int j = 0; j < steps; j++) {
        double d = s[j].val.v - mean;
        m2 += s[j].val.known ? d * d * (double)within_us(s, steps, j, left_us, t_us) : 0;
    }
    switch ((int)n->op) {
    case AVG:
        return some(mean);
    case MIN:
        return some(low);
    case MAX:
        return some(high);
    case STDDEV:
        return some(sqrt(m2 / (double)known_us));
    default:
        return some(area);
    }
}

static struct val eval_count(const struct step *s, int steps, int64_t left_us) {
    struct val before = unknown;
    double rises = 0;
    for (int j = 0; j < steps; j++) {
        if (!s[j].val.known) {
            continue;
        }
        if (s[j].val.v == 1 && before.known && before.v == 0 && s[j].us > left_us) {
            rises++;
        }
        before = s[j].val;
    }
    return before.known ? some(rises) : unknown;
}

static struct val eval_delta(const struct node *n, const struct step *s, int steps, int64_t left_us) {
    struct val then = unknown;
    for (int j = 0; j < steps; j++) {
        if (s[j].us <= left_us) {
            then = s[j].val;
        }
    }
    struct val now = s[steps - 1].val;
    if (!then.known || !now.known) {
        return unknown;
    }
    double d = now.v - then.v;
    return some(n->op == RATE ? d / ((double)n->w_us / 1e6) : d);
}

static struct val eval_for(const struct node *n, const struct step *s, int steps, int64_t t_us) {
    int64_t gathered_us = 0;
    for (int j = 0; j < steps; j++) {
        if (s[j].val.known) {
            gathered_us = s[j].val.v == 0 ? 0 : gathered_us + (j + 1 < steps ? s[j + 1].us : t_us) - s[j].us;
        }
    }
    struct val now = s[steps - 1].val;
    return !now.known ? unknown : some(now.v == 1 && gathered_us >= n->w_us);
}

static struct val eval_window(const struct world *w, const struct node *n, int k, int64_t t_us) {
    struct step s[LOG_MAX];
    int steps = history(w, n->arg[0], k, s);
    if (steps == 0) {
        return unknown;
    }
    int64_t newest_us = s[steps - 1].us;
    int64_t t = t_us > newest_us ? t_us : newest_us;
    switch ((int)n->op) {
    case COUNT:
        return eval_count(s, steps, t - n->w_us);
    case DELTA:
    case RATE:
        return eval_delta(n, s, steps, t - n->w_us);
    case FOR:
        return eval_for(n, s, steps, t);
    default:
        return eval_mean(n, s, steps, t - n->w_us, t);
    }
}

/* The good samples of a tag; which: 0 the newest, 1 the one before. */
static struct val good_sample(const struct world *w, int tag, int k, int which, int64_t *ret_us) {
    struct step s[LOG_MAX];
    int n = 0;
    for (int j = 0; j < k; j++) {
        const struct entry *e = &w->log[j];
        if (!e->sample || (e->tags & 1U << tag) == 0 || !e->after[tag].known) {
            continue;
        }
        if (n > 0 && s[n - 1].us >= e->ts_us) {
            n--;
            s[n].val = e->after[tag];
        } else {
            s[n] = (struct step){e->ts_us, e->after[tag]};
        }
        n++;
    }
    if (n <= which) {
        return unknown;
    }
    *ret_us = s[n - 1 - which].us;
    return s[n - 1 - which].val;
}

static bool holds(int which, double a, double b) {
    switch (which) {
    case 0:
        return a < b;
    case 1:
        return a <= b;
    case 2:
        return a > b;
    case 3:
        return a >= b;
    case 4:
        return a == b;
    default:
        return a != b;
    }
}

static struct val eval_logic(const struct node *n, struct val a, struct val b) {
    if (n->op == AND) {
        return (a.known && a.v == 0) || (b.known && b.v == 0) ? some(0)
                                                              : (a.known && b.known ? some(1) : unknown);
    }
    return (a.known && a.v == 1) || (b.known && b.v == 1) ? some(1)
                                                          : (a.known && b.known ? some(0) : unknown);
}

static struct val eval_arithmetic(const struct node *n, struct val a, struct val b) {
    if (!a.known || !b.known) {
        return unknown;
    }
    switch ((int)n->op) {
    case COMPARE:
        return some(holds(n->which, a.v, b.v));
    case ADD:
        return some(a.v + b.v);
    case SUB:
        return some(a.v - b.v);
    case MUL:
        return some(a.v * b.v);
    default:
        return b.v == 0 ? unknown : some(a.v / b.v);
    }
}

static struct val eval_tag(const struct world *w, const struct node *n, int k, int64_t t_us) {
    struct val now = k > 0 ? w->log[k - 1].after[n->which] : unknown;
    int64_t us = 0;
    struct val v = unknown;
    switch ((int)n->op) {
    case GOOD:
        return some(now.known);
    case BAD:
        return some(!now.known);
    case PREV:
        return good_sample(w, n->which, k, 1, &us);
    case AGE:
        v = good_sample(w, n->which, k, 0, &us);
        return v.known ? some(t_us > us ? (double)(t_us - us) : 0) : unknown;
    default:
        return now;
    }
}

static bool eval_between(const struct node *n, int64_t t_us) {
    int64_t s = t_us / TM_SECOND_US % 86400;
    if (n->from_s <= n->to_s) {
        return s >= n->from_s && s < n->to_s;
    }
    return !(s >= n->to_s && s < n->from_s);
}

static struct val eval(const struct world *w, int i, int k, int64_t t_us) {
    const struct node *n = &w->nodes[i];
    if (n->op == CONST) {
        return some(n->v);
    }
    if (n->op == BETWEEN) {
        return some(eval_between(n, t_us));
    }
    if (n->op >= AVG) {
        return eval_window(w, n, k, t_us);
    }
    if (n->arg[0] < 0) {
        return eval_tag(w, n, k, t_us);
    }
    struct val a = eval(w, n->arg[0], k, t_us);
    struct val b = n->arg[1] < 0 ? unknown : eval(w, n->arg[1], k, t_us);
    switch ((int)n->op) {
    case NOT:
        return a.known ? some(1 - a.v) : unknown;
    case NEG:
        return a.known ? some(-a.v) : unknown;
    case ABS:
        return a.known ? some(a.v < 0 ? -a.v : a.v) : unknown;
    case IF:
        return !a.known ? unknown : (a.v == 1 ? b : eval(w, n->arg[2], k, t_us));
    case VALUE_OR:
        return a.known ? a : b;
    case AND:
    case OR:
        return eval_logic(n, a, b);
    default:
        return eval_arithmetic(n, a, b);
    }
}

/* --- the machines --- */

static bool find(const void *ctx, struct slice name, struct rule_symbol *ret) {
    (void)ctx;
    for (uint32_t i = 0; i < TAGS; i++) {
        struct slice own = slice_str(tag_names[i]);
        if (own.p[0] == '"') {
            own = slice_of(own.p + 1, own.n - 2);
        }
        if (slice_eq(own, name)) {
            *ret = (struct rule_symbol){.tag = 10 + i, .type = i < FIRST_BOOL ? RULE_NUMBER : RULE_BOOL};
            return true;
        }
    }
    return false;
}

static struct rule_value read_tag(const void *ctx, uint32_t tag) {
    const struct world *w = ctx;
    struct val v = w->now[tag - 10];
    return (struct rule_value){.v = v.v, .known = v.known};
}

static struct rule_reader reader_of(const struct world *w) {
    return (struct rule_reader){.ctx = w, .read = read_tag};
}

static const char *source_of(struct world *w, int root, char *room) {
    struct buf b;
    buf_init(&b, TEXT_MAX);
    write_text(w, root, &b);
    SIM_CHECK(!b.failed, "room for the text");
    memcpy(room, b.p, b.n);
    room[b.n] = '\0';
    buf_done(&b);
    return room;
}

static void same(struct world *w, const struct program *p, struct val is, int64_t t_us, const char *who) {
    struct val should = eval(w, p->root, w->n_log, t_us);
    char text[TEXT_MAX + 1];
    double most = 1e-9 * (1 + fabs(should.v));
    SIM_CHECK(is.known == should.known && fabs(is.v - should.v) <= most,
              "%s says %s %.17g, the oracle %s %.17g, at %lld us: %s", who, is.known ? "known" : "unknown",
              is.v, should.known ? "known" : "unknown", should.v, (long long)(t_us - SIM_BASE_US),
              source_of(w, p->root, text));
    w->compared++;
    w->known += should.known;
}

static void look(struct world *w, struct program *p, int64_t t_us, bool touched) {
    struct rule_reader reader = reader_of(w);
    p->t_us = t_us;
    struct rule_result every = rule_machine_eval(w->every, &reader, p->index, t_us);
    same(w, p, (struct val){every.value.known, every.value.v}, t_us, "the machine");
    if (touched || t_us >= p->last.next_us) {
        p->last = rule_machine_eval(w->lazy, &reader, p->index, t_us);
        p->shown = (struct val){p->last.value.known, p->last.value.v};
        SIM_CHECK(p->last.next_us > t_us, "next is not later");
        SIM_CHECK(p->last.next_us == INT64_MAX || p->last.next_us % TM_SECOND_US == 0,
                  "next is no whole second");
    } else {
        w->skipped++;
    }
    same(w, p, p->shown, t_us, "the one that skips");
}

static void advance(struct world *w, int64_t us) {
    int64_t until_us = w->server_us + us;
    int64_t second_us = (w->server_us / TM_SECOND_US + 1) * TM_SECOND_US;
    for (; second_us <= until_us; second_us += TM_SECOND_US) {
        for (int i = 0; i < PROGRAMS; i++) {
            look(w, &w->programs[i], second_us, false);
        }
    }
    w->server_us = until_us;
}

static int64_t newest_input_us(const struct world *w, const struct program *p) {
    int64_t newest_us = INT64_MIN;
    for (int i = 0; i < w->n_log; i++) {
        if ((w->log[i].tags & w->nodes[p->root].tags) != 0 && w->log[i].ts_us > newest_us) {
            newest_us = w->log[i].ts_us;
        }
    }
    return newest_us;
}

static void message(struct world *w) {
    struct entry *e = &w->log[w->n_log];
    *e = (struct entry){.ts_us = w->server_us, .sample = pick(w, 6) > 0, .tags = 1U << pick(w, TAGS)};
    if (pick(w, 3) == 0) {
        e->tags |= 1U << pick(w, TAGS);
    }
    if (pick(w, 3) == 0 && e->sample) {
        e->ts_us -= 1000 * (int64_t)pick(w, 4000);
    }
    uint32_t tags[TAGS];
    uint32_t n = 0;
    for (int i = 0; i < TAGS; i++) {
        if ((e->tags & 1U << i) != 0) {
            e->ts_us = w->tag_ts_us[i] > e->ts_us ? w->tag_ts_us[i] : e->ts_us;
        }
    }
    for (int i = 0; i < TAGS; i++) {
        if ((e->tags & 1U << i) == 0) {
            continue;
        }
        double v = i < FIRST_BOOL ? (double)pick(w, 12) / 2 : pick(w, 2);
        w->now[i] = !e->sample || pick(w, 6) == 0 ? unknown : some(v);
        w->tag_ts_us[i] = e->ts_us;
        tags[n++] = 10 + (uint32_t)i;
    }
    memcpy(e->after, w->now, sizeof e->after);
    w->n_log++;
    struct rule_reader reader = reader_of(w);
    struct rule_machine *both[] = {w->every, w->lazy};
    for (int i = 0; i < 2; i++) {
        if (e->sample) {
            rule_machine_touch(both[i], &reader, tags, n, e->ts_us);
        } else {
            rule_machine_quality(both[i], &reader, tags, n, e->ts_us);
        }
    }
    for (int i = 0; i < PROGRAMS; i++) {
        struct program *p = &w->programs[i];
        if ((w->nodes[p->root].tags & e->tags) != 0) {
            /* Rules are evaluated at the newest source time of their inputs, so their times differ. */
            int64_t t_us = pick(w, 3) == 0 ? w->server_us : newest_input_us(w, p);
            look(w, p, t_us > p->t_us ? t_us : p->t_us, true);
        }
    }
    SIM_CHECK(rule_machine_hash(w->every) == rule_machine_hash(w->lazy),
              "evaluations changed what is remembered");
}

static void run_world(struct world *w, uint64_t seed) {
    static const int64_t spans_us[] = {0, 1000, 300000, 1000000, 1700000, 3000000, 12000000};
    rand_seed(&w->r, seed);
    w->n_nodes = 0;
    w->n_log = 0;
    w->server_us = SIM_BASE_US - SIM_BASE_US % TM_DAY_US + 30 * TM_SECOND_US;
    struct rule_builder *builder = NULL;
    SIM_CHECK(rule_builder_new(&builder, NULL) == OK, "builder");
    for (int i = 0; i < TAGS; i++) {
        w->now[i] = unknown;
        w->tag_ts_us[i] = INT64_MIN;
    }
    const struct rule_scope scope = {.find = find};
    for (int i = 0; i < PROGRAMS; i++) {
        struct program *p = &w->programs[i];
        char text[TEXT_MAX + 1];
        struct rule_fault fault = {0};
        w->rule = i;
        w->n_nodes = i * NODES_EACH;
        p->root = make_rule(w);
        w->rule_end[i] = w->n_nodes;
        enum status status = rule_builder_add(builder, slice_str(source_of(w, p->root, text)), &scope,
                                              RULE_WANT_VALUE, slice_of(NULL, 0), &p->index, &fault);
        SIM_CHECK(status == OK, "%s at %u: %s: %s", rule_code_name(fault.code), fault.pos, fault.text, text);
        p->t_us = INT64_MIN;
        p->last = (struct rule_result){.next_us = INT64_MIN};
        p->shown = unknown;
    }
    struct arena arena;
    arena_init(&arena, 1 << 24);
    struct rule_set *set = NULL;
    SIM_CHECK(rule_builder_finish(builder, &arena, &set, NULL) == OK, "set");
    rule_builder_free(&builder);
    SIM_CHECK(rule_machine_new(set, &w->every, NULL) == OK && rule_machine_new(set, &w->lazy, NULL) == OK,
              "machines");
    for (int i = 0; i < STEPS; i++) {
        advance(w, pick(w, 4) == 0 ? 1000 * (int64_t)pick(w, 5000) : spans_us[pick(w, 7)]);
        message(w);
    }
    advance(w, 40 * TM_SECOND_US);
    rule_machine_free(&w->every);
    rule_machine_free(&w->lazy);
    arena_done(&arena);
}

int main(void) {
    uint64_t seed = sim_seed(20260102);
    struct world *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    for (uint64_t i = 0; i < WORLDS; i++) {
        run_world(w, seed + i);
    }
    printf("%llu comparisons, %llu of known values, %llu evaluations skipped\n",
           (unsigned long long)w->compared, (unsigned long long)w->known, (unsigned long long)w->skipped);
    for (int i = 0; i < OPS; i++) {
        SIM_CHECK(w->ops[i] > 0, "operation %d never happened: this proves nothing about it", i);
    }
    SIM_CHECK(w->compared >= 200000 && w->known > w->compared / 3 && w->skipped > 10000,
              "too little happened");
    free(w);
    return 0;
}
