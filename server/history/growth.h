/* When a disk will be full, from how it filled so far. Pure.
 *
 * Growth is the median of the slopes between all pairs of points (Theil and Sen): a backlog that came at
 * once, a table that was dropped or a big file that stood there for an hour do not move it, as long as most
 * of the time was usual. It is asked of the last day and of the last week; the faster one counts, so that
 * neither a new load nor a weekly rhythm is missed. */
#ifndef PENSTOCK_HISTORY_GROWTH_H
#define PENSTOCK_HISTORY_GROWTH_H

#include <stddef.h>
#include <stdint.h>

enum {
    GROWTH_USED_MAX = 64, /* of more points so many are used, evenly */
    GROWTH_POINTS_MIN = 4,
};
#define GROWTH_SPAN_MIN_US INT64_C(3600000000) /* less tells nothing */

struct growth_point {
    int64_t t_us;
    int64_t bytes; /* that are used */
};

/* Bytes a day; below 0 where it shrinks. NaN: too few points, or over less than GROWTH_SPAN_MIN_US. v: in
 * order of time. */
double growth_of(const struct growth_point *v, size_t n);
/* The greater one of the last day's and of all points'. */
double growth_fastest(const struct growth_point *v, size_t n);
/* When `free` bytes are used up; 0: not within a hundred years, or not known. */
int64_t growth_full_us(int64_t now_us, int64_t free, double bytes_day);

#endif
