/* What waited when a packing began, row by row of sample_hot, and which of it the next transaction takes:
 * gateway by gateway, each whole if it fits, so that a chunk is written once and not for every handful of
 * samples; or as it came, where one row is to be found that something is wrong with. Pure but for memory. */
#ifndef PENSTOCK_STORE_PACKING_ROUND_H
#define PENSTOCK_STORE_PACKING_ROUND_H

#include <stdbool.h>
#include <stdint.h>

struct round_row {
    int64_t id;
    int64_t gateway_key;
    uint32_t n; /* samples */
    uint32_t bytes;
};

/* Of what is taken at once, about. */
struct round_limits {
    uint32_t rows;
    uint64_t samples;
    uint64_t bytes;
};

struct round {
    struct round_row *v;
    uint32_t n;
    uint32_t cap;
    uint32_t at; /* those before it were taken */
    bool by_arrival;
};

void round_init(struct round *r);
void round_done(struct round *r);
void round_clear(struct round *r);
/* Room for n rows, which the caller writes to v, ascending by id, and n. False: no memory. */
bool round_reserve(struct round *r, uint32_t n);
bool round_is_over(const struct round *r);
/* How many rows from v[at] on are to be taken next, at least one if there is any. They may stand in another
 * order than before. */
uint32_t round_next(struct round *r, struct round_limits limits, bool by_arrival);
void round_took(struct round *r, uint32_t n);

#endif
