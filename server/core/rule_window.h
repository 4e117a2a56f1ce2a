/* A window: the recent past of one expression as a step function, in a ring of a fixed number of segments,
 * and what avg, min, max, stddev, duration, count, delta and rate say about it. At time t a window of width w
 * covers (t - w, t]. Beside each value stands until when it holds if nothing more happens.
 *
 * When the ring is full, the neighbours with the shortest joint span become one segment that keeps their
 * known time, area, extremes, edges and M2: totals stay exact, only the place of the window's edge is blurred
 * while it passes through such a segment (rule_window_resolution_us). So memory does not depend on the
 * sampling rate.
 *
 * Sums over the segments are kept as two stacks (suffix sums of the older ones, one running sum of the newer
 * ones): nothing is ever subtracted, so rounding errors cannot build up. Pure, allocates nothing; all zero is
 * a new window. */
#ifndef PENSTOCK_CORE_RULE_WINDOW_H
#define PENSTOCK_CORE_RULE_WINDOW_H

#include "server/core/rule_value.h"

enum { RULE_SEGMENTS = 256 };

/* Of a stretch of time. area: value times microseconds. m2: squared deviation times microseconds. min > max
 * if nothing is known. */
struct rule_sum {
    int64_t known_us;
    double area;
    double m2;
    double min;
    double max;
    uint32_t edges;
    bool uncertain;
};

/* It ends where the next one starts. */
struct rule_segment {
    int64_t start_us;
    struct rule_sum sum;
    bool merged;
};

struct rule_window {
    struct rule_value now; /* in force since now_us; the open segment */
    int64_t now_us;
    int64_t newest_us; /* the newest evidence */
    bool begun;
    bool before_known; /* the last known value before the open segment, as a bool */
    bool before_true;
    /* Closed segments first to end - 1, counted for ever; the place is the count modulo RULE_SEGMENTS. */
    uint64_t first;
    uint64_t end;
    /* Of the sums; valid for what is asked from built on. */
    uint64_t cursor; /* the segment in which the window's edge was last */
    uint64_t built;
    uint64_t split;
    uint64_t back_end;
    struct rule_sum back; /* of split to back_end - 1 */
    struct rule_segment segments[RULE_SEGMENTS];
    struct rule_sum suffix[RULE_SEGMENTS]; /* of each to split - 1, from built on */
};

/* A value and how it goes on: at t' it will be v + rate * (t' - t) as long as t' < until_us (INT64_MAX: until
 * the next sample). rate is 0 but for durations. */
struct rule_live {
    struct rule_value value;
    double rate;
    int64_t until_us;
};

/* The expression has this value from ts on; at the newest evidence if ts is older; in place of what was known
 * for the same time. width: of the window. */
void rule_window_put(struct rule_window *w, int64_t width_us, struct rule_value value, int64_t ts_us);
/* op: RULE_OP_AVG to RULE_OP_RATE. t: not before the newest evidence, else that. */
struct rule_live rule_window_read(struct rule_window *w, int64_t width_us, enum rule_op op, int64_t t_us);
/* The longest merged segment. 0: the window is exact. */
int64_t rule_window_resolution_us(const struct rule_window *w);
/* Contents that matter; not what is cached. */
uint64_t rule_window_hash(const struct rule_window *w, uint64_t h);

static inline uint64_t rule_mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
    return h ^ (h >> 29);
}

static inline uint64_t rule_bits(double v) {
    uint64_t u = 0;
    memcpy(&u, &v, sizeof u);
    return u;
}

static inline uint64_t rule_mix_value(uint64_t h, struct rule_value v) {
    return rule_mix(rule_mix(h, rule_bits(v.v)), (v.known ? 1U : 0U) | (v.uncertain ? 2U : 0U));
}

#endif
