/* A recording as a source: a CSV file (plain or gzip) with a head line, a column of seconds that rise from
 * row to row, and a column for each tag. Rows are given one after the other when they are due, stamped with
 * the moment at which they were due; at its end the recording starts again if it may loop. A cell that is
 * empty or no number (NaN) is a sample without value. The file is read whole at the start. */
#ifndef PENSTOCK_GATEWAY_REPLAY_H
#define PENSTOCK_GATEWAY_REPLAY_H

#include "protocol/client/tags.h"

#include <stdbool.h>
#include <stdint.h>

struct replay;

struct replay_tag {
    const char *column; /* of the file */
    struct tag_def def;
};

struct replay_config {
    const char *file;
    const char *time_column;
    double speed;
    double offset_s;
    bool loop;
    uint64_t rows;
    uint32_t n_tags;
    struct replay_tag *tags;
};

/* The error names line and column. */
MUSTCHECK enum status replay_new(const struct replay_config *cfg, struct replay **ret, struct error *err);
void replay_free(struct replay **r);
/* Row 0 is due now. */
void replay_start(struct replay *r, int64_t mono_us);
/* When the next row is due; INT64_MAX after the last. */
int64_t replay_next_mono_us(const struct replay *r);
/* The next row if it is due: its time, and one number for each tag, NaN where there is no value; lent until
 * the next call. The times keep a steady grid, which follows the wall clock when that is set. */
bool replay_take(struct replay *r, int64_t wall_us, int64_t mono_us, int64_t *ret_t_us,
                 const double **ret_values);

#endif
