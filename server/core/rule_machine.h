/* The rule language: the machine that runs a set of programs (rule.h). It reads the newest values through a
 * reader, keeps what functions of time need to remember, and says when a result can change by time alone. All
 * memory is allocated by rule_machine_new; nothing else allocates. Pure: time is a parameter.
 *
 * Order of use: the caller makes new values readable, tells the machine which tags they belong to
 * (rule_machine_touch, or rule_machine_quality when only their quality or link was lost), then evaluates the
 * programs that read them, and later those whose next_us has come.
 *
 * Signals are step functions: the last value holds. Source times may lag behind the server: evidence counts
 * from max(its time, the newest time of the same expression); evidence of equal time replaces. What the
 * functions give is defined by the tests of this module; where the specification is silent:
 * - count is unknown until its condition has been known once;
 * - prev and age know only samples of good or uncertain quality; prev moves on when a later one comes;
 * - between with two equal times is never true;
 * - a value that is not finite is unknown. */
#ifndef PENSTOCK_CORE_RULE_MACHINE_H
#define PENSTOCK_CORE_RULE_MACHINE_H

#include "server/core/rule.h"
#include "server/core/rule_value.h"

/* The newest value of a tag, with its quality: unknown if bad, lost or never seen. */
struct rule_reader {
    const void *ctx;
    struct rule_value (*read)(const void *ctx, uint32_t tag);
};

struct rule_result {
    struct rule_value value;
    /* The earliest whole second after t at which the result can change without new evidence; INT64_MAX: it
     * cannot. Sometimes earlier than it does, never later. */
    int64_t next_us;
};

/* A subexpression and its present value. pos, len: bytes of the source; depth: how deep it is nested. unit:
 * empty if it has none that is known; it lives as long as the set. */
struct rule_part {
    uint32_t pos;
    uint32_t len;
    uint32_t depth;
    enum rule_type type;
    struct rule_value value;
    struct slice unit;
};

struct rule_machine;

/* The set must live as long as the machine. */
MUSTCHECK enum status rule_machine_new(const struct rule_set *set, struct rule_machine **ret,
                                       struct error *err);
void rule_machine_free(struct rule_machine **m);
size_t rule_machine_size(const struct rule_machine *m);

/* These tags have a sample of this source time. What depends on them is brought up to date, each once. */
void rule_machine_touch(struct rule_machine *m, const struct rule_reader *reader, const uint32_t *tags,
                        uint32_t n, int64_t ts_us);
/* These tags became unknown, or known again, without a sample. */
void rule_machine_quality(struct rule_machine *m, const struct rule_reader *reader, const uint32_t *tags,
                          uint32_t n, int64_t ts_us);

/* What remembers nothing yet (new rules in a running plant) begins with the present values, as of the newest
 * source time of its inputs: the last value holds. tag_ts_us: by tag, of its newest sample; INT64_MIN if
 * there was none. After rule_machine_adopt; what was adopted stays as it is. */
void rule_machine_prime(struct rule_machine *m, const struct rule_reader *reader, const int64_t *tag_ts_us);

/* t never falls for a program: an older one is taken as the newest that it was evaluated at. */
struct rule_result rule_machine_eval(struct rule_machine *m, const struct rule_reader *reader,
                                     uint32_t program, int64_t t_us);
/* Why is it on? The parts of the program in the order of its source, the whole before its parts, literals
 * left out. At most max; returns how many. Changes nothing. */
uint32_t rule_machine_explain(struct rule_machine *m, const struct rule_reader *reader, uint32_t program,
                              int64_t t_us, struct rule_part *ret, uint32_t max);
/* How far the edge of one of its windows may be blurred now, because more values came than are kept apart. */
int64_t rule_machine_resolution_us(const struct rule_machine *m, uint32_t program);

/* After a change of the configuration: takes from the old machine what means the same in the new one: equal
 * expressions over the same tags, equal windows. new_tag_of_old: by tag of the old set; RULE_NONE if it is
 * gone or now means something else (another unit). Returns how many nodes were taken. */
uint32_t rule_machine_adopt(struct rule_machine *now, const struct rule_machine *old,
                            const uint32_t *new_tag_of_old);
/* Both of the same set: copies the nodes all of whose tags are selected; programs that read selected tags
 * only may be evaluated at an earlier time again. For a shadow that follows stored history. */
void rule_machine_copy_nodes(struct rule_machine *dst, const struct rule_machine *src,
                             const bool *tag_selected);
/* Of all that is remembered; evaluations do not change it. */
uint64_t rule_machine_hash(const struct rule_machine *m);

#endif
