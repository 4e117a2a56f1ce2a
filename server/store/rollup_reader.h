/* Reads rollups of a tag for an answer, and none that might not be true: days whose samples changed since
 * they were rolled up are left out, and so are the ends of days whose neighbours changed. What is missing is
 * to be computed from samples (rollup_grid_add_day says where). Blocking.
 *
 * Two statements, which should see the same: call it within a transaction of isolation level repeatable read,
 * in which the samples are read, too. */
#ifndef PENSTOCK_STORE_ROLLUP_READER_H
#define PENSTOCK_STORE_ROLLUP_READER_H

#include "server/history/rollup.h"
#include "server/store/blocking.h"
#include "server/store/pg.h"

struct rollup_question {
    int64_t tag_key;
    struct aggregate_rule rule;
    enum rollup_level level;
    int64_t from_us;
    int64_t to_us;
    int64_t complete_us; /* behind the last sample of all, what is known ends here: as aggregate_end's */
    const int64_t *fresh_days; /* ascending: with samples of the tag that are not packed yet (in sample_hot or
                                  sample_row, also outside of the time that is asked for); rollup_day_us */
    size_t n_fresh;
};

/* Neighbours in order of time, of one day. The call that is under way ends with what it does not return OK.
 */
typedef enum status (*rollup_on_day)(void *ctx, const struct aggregate *v, uint32_t n);

struct rollup_reader; /* memory to work in */

MUSTCHECK enum status rollup_reader_new(struct rollup_reader **ret, struct error *err);
void rollup_reader_free(struct rollup_reader **reader);
/* on_day is told of each day of [from, to) of which there is something, in order. A rollup that is damaged
 * counts as none. */
MUSTCHECK enum status rollup_reader_ask(struct rollup_reader *r, struct blocking *b,
                                        const struct rollup_question *q, rollup_on_day on_day, void *ctx,
                                        struct error *err);

/* The same for who asks without waiting: two statements within one snapshot, and what to make of their
 * answers. */
void rollup_reader_send(struct pg *pg, struct pg_args *args, const struct rollup_question *q);
MUSTCHECK enum status rollup_reader_take(struct rollup_reader *r, const struct rollup_question *q,
                                         PGresult *rows, PGresult *dirty, rollup_on_day on_day, void *ctx,
                                         struct error *err);

#endif
