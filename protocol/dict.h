/* A dictionary: which alias is which tag, of which type. Built from DICT records by both ends; owns its
 * texts. Bounded by LINK_TAGS_MAX entries. Lookups are by alias. */
#ifndef PENSTOCK_PROTOCOL_DICT_H
#define PENSTOCK_PROTOCOL_DICT_H

#include "protocol/msg.h"

struct dict;

MUSTCHECK enum status dict_new(uint64_t id, struct dict **ret, struct error *err);
void dict_free(struct dict **d);
uint64_t dict_id(const struct dict *d);
/* A copy with another id, to apply a changing DICT (base != 0) to. */
MUSTCHECK enum status dict_copy(const struct dict *from, uint64_t id, struct dict **ret, struct error *err);
/* Adds, replaces or removes. ERR_TOO_BIG beyond LINK_TAGS_MAX, ERR_EXISTS if another alias has the name. */
MUSTCHECK enum status dict_put(struct dict *d, const struct dict_entry *e, struct error *err);
/* Applies all entries of one DICT record's body (after its prefix). */
MUSTCHECK enum status dict_apply(struct dict *d, struct slice rest, bool *ret_more, struct error *err);
/* The same in place of a copy, for the parts that a dictionary comes in: on failure d is as it was; else
 * *ret is what dict_undo needs to make it so again, or dict_keep frees. d must not change in between. */
struct dict_undo;
MUSTCHECK enum status dict_extend(struct dict *d, struct slice rest, bool *ret_more, struct dict_undo **ret,
                                  struct error *err);
void dict_undo(struct dict *d, struct dict_undo **undo);
void dict_keep(struct dict_undo **undo);
uint32_t dict_count(const struct dict *d);
/* The i-th entry in order of alias. */
const struct dict_entry *dict_at(const struct dict *d, uint32_t i);
/* NULL if there is none. *ret_i (may be NULL) is its place. */
const struct dict_entry *dict_find(const struct dict *d, uint32_t alias, uint32_t *ret_i);

#endif
