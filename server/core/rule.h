/* The rule language: the compiler. Source text goes in, an immutable set of programs comes out, or a fault
 * with its byte position. A rule is an expression over tags (`level > 4.2 m and avg("S1/FLOW", 5min) < 10`);
 * types and units are checked, inputs, windows and cost are known before anything runs. Windows and other
 * stateful nodes are shared by all rules that use the same (expression, window).
 *
 * A builder takes the rules of one configuration one by one; a rule that is refused leaves no trace. The
 * finished set lives in the caller's arena; rule_machine.h runs it. Pure; a builder allocates, a set does
 * not.
 *
 * Unknown values follow Kleene: unknown and false is false, unknown or true is true, all else that touches
 * unknown is unknown. What a function gives is in rule_machine.h. */
#ifndef PENSTOCK_CORE_RULE_H
#define PENSTOCK_CORE_RULE_H

#include "server/base/arena.h"
#include "server/base/zone.h"

#include <stdbool.h>
#include <stdint.h>

#define RULE_NONE UINT32_MAX

enum {
    RULE_SOURCE_MAX = 4096,
    RULE_DEPTH_MAX = 64,
    RULE_INSTRUCTIONS_MAX = 256, /* of a program together with those that feed its windows */
    RULE_INPUTS_MAX = 64,
    RULE_WINDOWS_MAX = 16,
    RULE_CYCLE_MAX = 32,
};

#define RULE_WINDOW_MAX_US (INT64_C(7) * 86400 * 1000000)

enum rule_type {
    RULE_NUMBER,
    RULE_BOOL,     /* value 0 or 1 */
    RULE_DURATION, /* value in microseconds */
    RULE_CLOCK,    /* a time of day; only between() takes it */
    RULE_STATE,    /* value is the index into the tag's states */
};

enum rule_code {
    RULE_OK,
    RULE_E_SYNTAX,
    RULE_E_CHAINED,  /* 1 < x < 5 */
    RULE_E_TAG,      /* no such tag */
    RULE_E_TYPE,     /* unlike types, or not the type that is wanted */
    RULE_E_UNIT,     /* units that do not go together */
    RULE_E_WINDOW,   /* not a constant duration, 0 < w <= 7 d */
    RULE_E_NESTED,   /* a time function within another */
    RULE_E_TOO_LONG, /* source */
    RULE_E_DEPTH,    /* nesting */
    RULE_E_TOO_BIG,  /* instructions, inputs, windows */
    RULE_E_CYCLE,    /* calculated tags that need each other; rule_levels only */
    RULE_E_MEMORY,
};

/* pos, len: bytes of the source. text: what was wrong, and what would be right. */
struct rule_fault {
    enum rule_code code;
    uint32_t pos;
    uint32_t len;
    char text[240];
};

/* What a name means. unit: empty if the tag has none. states: names by value, for RULE_STATE; they need to
 * live until rule_builder_add returns. */
struct rule_symbol {
    uint32_t tag;
    enum rule_type type; /* RULE_NUMBER, RULE_BOOL or RULE_STATE */
    struct slice unit;
    const struct slice *states;
    uint32_t n_states;
};

/* find: false if there is no such name. It gets names without quotes ("S1/L_T1", "P101.flow", "$this.level").
 * zone: for between(); NULL is UTC; it must live as long as the set. */
struct rule_scope {
    const void *ctx;
    bool (*find)(const void *ctx, struct slice name, struct rule_symbol *ret);
    const struct zone *zone;
};

enum rule_want {
    RULE_WANT_BOOL,
    RULE_WANT_NUMBER,
    RULE_WANT_VALUE, /* number or bool */
};

struct rule_builder;
struct rule_set;

/* "E_SYNTAX", …; "OK" for RULE_OK. */
const char *rule_code_name(enum rule_code code);
/* "number", "bool", "duration", "clock", "state" */
const char *rule_type_name(enum rule_type type);

MUSTCHECK enum status rule_builder_new(struct rule_builder **ret, struct error *err);
void rule_builder_free(struct rule_builder **b);
/* unit: of a number result, or empty if any will do. ERR_INVALID with *ret_fault filled (may be NULL);
 * ERR_NOMEM. Programs are numbered from 0 in the order of adding. */
MUSTCHECK enum status rule_builder_add(struct rule_builder *b, struct slice source,
                                       const struct rule_scope *scope, enum rule_want want, struct slice unit,
                                       uint32_t *ret_program, struct rule_fault *ret_fault);
/* The set and all that it needs is in the arena; the builder may be freed. */
MUSTCHECK enum status rule_builder_finish(const struct rule_builder *b, struct arena *arena,
                                          struct rule_set **ret, struct error *err);

uint32_t rule_set_count(const struct rule_set *set);
/* How many windows (each with its ring of segments) all programs together need. */
uint32_t rule_set_windows(const struct rule_set *set);
struct slice rule_set_source(const struct rule_set *set, uint32_t program);
enum rule_type rule_set_type(const struct rule_set *set, uint32_t program);
/* Of the result; empty if it has none or none that is known. */
struct slice rule_set_unit(const struct rule_set *set, uint32_t program);
/* The tags that it reads, sorted, each once, those of its windows included. Returns how many. */
uint32_t rule_set_inputs(const struct rule_set *set, uint32_t program, const uint32_t **ret_tags);
/* Instructions of one evaluation, with those that feed its windows and one for each window. */
uint32_t rule_set_cost(const struct rule_set *set, uint32_t program);
/* Its result can change with time alone. */
bool rule_set_has_time(const struct rule_set *set, uint32_t program);

/* Tags that need each other, each needs the next, the last the first. n: how long the cycle is; tags holds
 * its first RULE_CYCLE_MAX. */
struct rule_cycle {
    uint32_t n;
    uint32_t tags[RULE_CYCLE_MAX];
};

/* In which order calculated tags are evaluated: 0 for a tag that is not calculated, else one more than the
 * highest of its inputs. program_of_tag: RULE_NONE if not calculated. ERR_INVALID with *ret_cycle if there is
 * a cycle (RULE_E_CYCLE); inputs beyond n_tags are not calculated. */
MUSTCHECK enum status rule_levels(const struct rule_set *set, const uint32_t *program_of_tag, uint32_t n_tags,
                                  uint32_t *ret_level, struct rule_cycle *ret_cycle);

#endif
