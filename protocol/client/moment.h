/* A moment on both clocks. Intervals and deadlines use mono_us, what others read uses wall_us; the two never
 * meet in one expression. */
#ifndef PENSTOCK_CLIENT_MOMENT_H
#define PENSTOCK_CLIENT_MOMENT_H

#include <stdint.h>

struct moment {
    int64_t wall_us; /* UTC */
    int64_t mono_us;
};

#define MOMENT_NEVER INT64_MAX

#endif
