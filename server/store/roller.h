/* Rolls samples up: takes the days of tags that are marked in rollup_dirty, reads their chunks, writes
 * rollups (server/history/rollup.h) and rows of sample_hour, removes the mark; one transaction for each tag,
 * so that whatever ends it leaves the marks. Blocking, on a connection of its owner.
 *
 * The present day is rolled up once an hour, up to the last whole hour. What comes late marks its day anew.
 * Where the first or last sample of a day changed, the neighbours that go on with it are marked, too. Days of
 * which samples were dropped already stay as they are. */
#ifndef PENSTOCK_STORE_ROLLER_H
#define PENSTOCK_STORE_ROLLER_H

#include "server/history/rollup.h"
#include "server/store/blocking.h"

/* How a tag's values go on; of one that is not here: stepless, for ever. */
struct roller_tag {
    int64_t tag_key;
    struct aggregate_rule rule;
    uint8_t class; /* the keeper's: index in its classes */
};

struct roller;

MUSTCHECK enum status roller_new(struct roller **ret, struct error *err);
void roller_free(struct roller **roller);

struct roller_task {
    const struct roller_tag *tags; /* ascending by key */
    size_t n_tags;
    int64_t now_us;
    uint32_t most; /* tags in one turn */
};

/* Rolls up what is due; *ret_done is how many tags there were: `most` if there may be more. ERR_INVALID: all
 * that could be was done, but of some tags a chunk cannot be read. They are not counted, their marks stay;
 * err tells of the first one. */
MUSTCHECK enum status roller_turn(struct roller *r, struct blocking *b, const struct roller_task *task,
                                  uint32_t *ret_done, struct error *err);
/* Marks the days of tags whose rollups were made by another rule than they have now. */
MUSTCHECK enum status roller_mark_rules(struct blocking *b, const struct roller_tag *tags, size_t n_tags,
                                        struct error *err);

#endif
