/* Inside a compiled set of rules: what rule_emit.c makes and rule_machine.c runs. Everything is in flat
 * arrays of one arena, indexes instead of pointers, immutable.
 *
 * A block of code is a sequence of instructions; each writes a register of its own (dst is its place in the
 * block), so the registers hold the value of every subexpression afterwards. A *feed* is an expression whose
 * value stateful nodes follow; it is evaluated when one of its inputs is touched. A *node* is state: a window
 * over a feed, a gathering of true time over a feed, or what is remembered of a tag. */
#ifndef PENSTOCK_CORE_RULE_SET_H
#define PENSTOCK_CORE_RULE_SET_H

#include "server/core/rule_parse.h"

/* The rest by op: RULE_OP_CONST: imm is an index into consts. TAG, GOOD, BAD: imm is the tag. PREV, AGE, the
 * window functions and FOR: imm is the node. BETWEEN: imm is an index into clocks. IF: a, b and imm are
 * registers. Others: a, b are registers. */
struct rule_instruction {
    uint8_t op;
    uint8_t dst;
    uint8_t a;
    uint8_t b;
    uint32_t imm;
};
_Static_assert(sizeof(struct rule_instruction) == 8, "an instruction is 8 bytes");

struct rule_block {
    uint32_t first;
    uint32_t n;
};

struct rule_clock {
    int32_t from_s;
    int32_t to_s;
    const struct zone *zone;
};

enum rule_node_kind {
    RULE_NODE_WINDOW,
    RULE_NODE_GATHER, /* for() */
    RULE_NODE_TAG,    /* prev(), age() */
};

struct rule_node {
    enum rule_node_kind kind;
    uint32_t of;      /* feed; for RULE_NODE_TAG the tag */
    uint32_t slot;    /* its place among the nodes of its kind */
    int64_t width_us; /* of the window, or how long to gather */
};

/* A range of the array inputs, or of feed_nodes. */
struct rule_range {
    uint32_t first;
    uint32_t n;
};

struct rule_feed {
    struct rule_block code;
    struct rule_range inputs;
    struct rule_range nodes;
    bool is_bool;
};

/* A subexpression as it stands in the source. block: RULE_NONE for a tag, whose index is in at; else 0 for
 * the program's own code, 1 + feed for one inside a window; at is the register. */
struct rule_span {
    uint32_t pos;
    uint32_t len;
    uint32_t block;
    uint32_t at;
    struct slice unit;
    enum rule_type type;
    uint16_t depth;
};

struct rule_program {
    struct rule_block code;
    struct rule_range inputs;
    struct rule_range spans;
    struct slice source;
    struct slice unit;
    uint32_t cost;
    enum rule_type type;
    bool has_time;
};

/* What depends on a tag: ranges of dependent_feeds, and its node or RULE_NONE. Sorted by tag. */
struct rule_dependents {
    uint32_t tag;
    uint32_t node;
    struct rule_range feeds;
};

struct rule_set {
    struct rule_program *programs;
    struct rule_instruction *code;
    double *consts; /* NaN is unknown */
    struct rule_clock *clocks;
    struct rule_feed *feeds;
    struct rule_node *nodes;
    struct rule_span *spans;
    uint32_t *inputs;
    uint32_t *feed_nodes;
    struct rule_dependents *dependents;
    uint32_t *dependent_feeds;
    uint32_t n_programs;
    uint32_t n_code;
    uint32_t n_consts;
    uint32_t n_clocks;
    uint32_t n_feeds;
    uint32_t n_nodes;
    uint32_t n_spans;
    uint32_t n_inputs;
    uint32_t n_of_kind[RULE_NODE_TAG + 1];
    uint32_t n_dependents;
};

/* Copies what the emitter has made into the arena, finds the nodes of each feed and what depends on each tag
 * (parts has neither). */
MUSTCHECK enum status rule_set_link(const struct rule_set *parts, struct arena *arena, struct rule_set **ret,
                                    struct error *err);
/* NULL if nothing stateful depends on the tag. */
const struct rule_dependents *rule_set_dependents(const struct rule_set *set, uint32_t tag);

#endif
