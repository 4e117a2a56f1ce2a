/* One pass over a block of byte code. Each register gets the value of its subexpression and until when it
 * holds. Part of the machine (rule_machine.c); pure. */
#ifndef PENSTOCK_CORE_RULE_RUN_H
#define PENSTOCK_CORE_RULE_RUN_H

#include "server/core/rule_machine.h"
#include "server/core/rule_node.h"
#include "server/core/rule_set.h"

struct rule_memory {
    const struct rule_set *set;
    struct rule_window *windows;
    struct rule_gather *gathers;
    struct rule_past *pasts;
};

/* What the reader says; a value that is not finite is unknown. */
struct rule_value rule_read_tag(const struct rule_reader *reader, uint32_t tag);
/* regs: RULE_INSTRUCTIONS_MAX. The last instruction's is the result. */
void rule_run(const struct rule_memory *m, const struct rule_reader *reader, struct rule_block block,
              int64_t t_us, struct rule_live *regs);

#endif
