/* The only reads of clocks. Only app, adapters and programs include it: core, config and codecs get the time
 * as a parameter. */
#ifndef PENSTOCK_BASE_CLOCK_H
#define PENSTOCK_BASE_CLOCK_H

#include <stdint.h>

/* Wall clock, microseconds since the epoch, UTC. */
int64_t clock_wall_us(void);
/* Monotonic clock, microseconds since some moment; for intervals only. */
int64_t clock_mono_us(void);

#endif
