/* Rollups: aggregates of minutes, quarters and hours of a tag, packed by day, and how an answer is put
 * together from them. So a year's trend reads 365 rows, not thirty million samples. Pure.
 *
 * A day (UTC) of one level is one row of bytes: columns as in a chunk, one for each figure of all intervals.
 * Kept as it was: counts, times, bounding values, first, last, lowest and highest value, what a counter
 * counted. Rounded to 24 bits: the mean of the samples and the average over time (as differences from the
 * first value), and the sum of squares; the integral follows from the average.
 *
 *   u8 version | varint n | varint states | columns | u32 CRC-32C of all before
 *
 * Minutes and quarters are kept only of days with so many samples that they save reading: rollup_wanted. */
#ifndef PENSTOCK_HISTORY_ROLLUP_H
#define PENSTOCK_HISTORY_ROLLUP_H

#include "server/core/model.h"
#include "server/history/aggregate.h"
#include "server/history/chunk.h"

enum rollup_level { ROLLUP_MINUTE, ROLLUP_QUARTER, ROLLUP_HOUR };
enum {
    ROLLUP_LEVELS = ROLLUP_HOUR + 1,
    ROLLUP_VERSION = 1,
    ROLLUP_INTERVALS_MAX = 24 * 60,
    ROLLUP_BYTES_MAX = 1024 * 1024,
};
#define ROLLUP_DAY_US (INT64_C(24) * 3600 * 1000000)

int64_t rollup_width_us(enum rollup_level level);
/* Is a level worth its bytes, of a day with so many samples? */
bool rollup_wanted(enum rollup_level level, int64_t samples);
/* Start of the day (UTC) that a time lies in. */
int64_t rollup_day_us(int64_t t_us);

/* How a tag's values go on between samples, and what it counts: as it is configured. */
struct aggregate_rule rollup_rule(const struct model_tag *tag);
/* A number for each rule: aggregates made by another one are of no use. */
int64_t rollup_rule_id(const struct aggregate_rule *rule);

/* Appends v[0..n), neighbours of the level's width in order, 1 to ROLLUP_INTERVALS_MAX; of states so many as
 * the rule has. Marks out as failed if it does not fit. */
void rollup_write(struct buf *out, const struct aggregate *v, uint32_t n, uint32_t n_states,
                  struct chunk_work *work);
/* All of bytes, which begin at day_us. ret_v has room for ROLLUP_INTERVALS_MAX. ERR_UNSUPPORTED: a later
 * version; ERR_INVALID: damaged. */
MUSTCHECK enum status rollup_read(struct slice bytes, int64_t day_us, int64_t width_us,
                                  struct chunk_work *work, struct aggregate *ret_v, uint32_t *ret_n,
                                  struct error *err);

/* --- an answer ---
 *
 * Cells between borders are filled from the left to the right: rollup_grid_add takes the next aggregate,
 * which begins where the last one ended and crosses no border; rollup_grid_add_day takes of a day's rollup
 * all that fits and tells where one has to read samples first. */
struct rollup_grid {
    const int64_t *borders; /* n + 1 of them, rising; the caller's */
    struct aggregate *v;    /* n of them; the caller's */
    uint32_t n;
    uint32_t cell; /* that is being filled; n: all are done */
    int64_t at_us; /* so far everything is in */
};

/* The coarsest level whose intervals the borders do not cut; false: there is none, read samples. */
MUSTCHECK bool rollup_level_for(const int64_t *borders, uint32_t n, enum rollup_level *ret);
void rollup_grid_begin(struct rollup_grid *g, const int64_t *borders, uint32_t n, struct aggregate *v);
/* The end of the cell that at_us lies in: an aggregate from samples may go so far. */
int64_t rollup_grid_end_us(const struct rollup_grid *g);
void rollup_grid_add(struct rollup_grid *g, const struct aggregate *a);
/* From v[*i] on (0 at first): adds what fits, without a gap. False: all of v was used or is of no use. True:
 * it goes on at *ret_until_us, up to which aggregates from samples are to be added before the next call. */
MUSTCHECK bool rollup_grid_add_day(struct rollup_grid *g, const struct aggregate *v, uint32_t n, uint32_t *i,
                                   int64_t *ret_until_us);

#endif
