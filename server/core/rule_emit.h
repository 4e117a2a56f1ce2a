/* From checked trees to byte code: the memory of a builder. Expressions are kept once each (canonical over
 * tag indexes, constants folded), which is how rules come to share windows. */
#ifndef PENSTOCK_CORE_RULE_EMIT_H
#define PENSTOCK_CORE_RULE_EMIT_H

#include "server/core/rule_set.h"

struct rule_emitter;

struct rule_emitter *rule_emitter_new(void);
void rule_emitter_free(struct rule_emitter **e);
/* Adds a checked tree as a program. ERR_INVALID with *ret_fault (too big), ERR_NOMEM; nothing is added then.
 */
MUSTCHECK enum status rule_emitter_add(struct rule_emitter *e, const struct rule_tree *tree,
                                       const struct rule_scope *scope, uint32_t *ret_program,
                                       struct rule_fault *ret_fault);
MUSTCHECK enum status rule_emitter_finish(const struct rule_emitter *e, struct arena *arena,
                                          struct rule_set **ret, struct error *err);

#endif
