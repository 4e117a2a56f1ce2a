/* A trend's points: a long time on few pixels, so that no extreme is lost. Each pixel has the first, the
 * lowest, the highest and the last usable value of its time (M4), how many samples it stands for and the
 * worst quality. Pure.
 *
 * Samples come in order of time; where a chunk lies within one pixel, what is known of it without reading it
 * is enough. */
#ifndef PENSTOCK_HISTORY_TREND_H
#define PENSTOCK_HISTORY_TREND_H

#include "server/core/request.h"
#include "server/history/pack.h"

struct trend {
    int64_t from_us;
    int64_t to_us;
    int64_t width_us; /* of a pixel */
    uint32_t n;
    struct sample_point *v;  /* the caller's, n of them; count is 0 where there is nothing */
    struct sample_point *at; /* of the last sample, which is of [at_from_us, at_to_us) */
    int64_t at_from_us;
    int64_t at_to_us;
};

/* from_us < to_us; points at least 1. v has room for points. */
void trend_begin(struct trend *t, int64_t from_us, int64_t to_us, uint32_t points, struct sample_point *v);
/* Samples outside are left out. */
void trend_add(struct trend *t, const struct chunk_sample *s);
/* All samples of a chunk. False if it is not within one pixel: then they are needed one by one. */
MUSTCHECK bool trend_add_chunk(struct trend *t, const struct pack_chunk *c);
/* Moves the pixels that have something to the front; how many they are. */
uint32_t trend_end(struct trend *t);

#endif
