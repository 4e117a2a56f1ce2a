/* The same pens for both programs of the trend's figure: values of hundredths that wander, one each 10 s. */
#ifndef PENSTOCK_TESTS_BENCH_PENS_H
#define PENSTOCK_TESTS_BENCH_PENS_H

#include "server/base/rand.h"

#include <stdint.h>

#define PENS_STEP_US INT64_C(10000000)
#define PENS_DAY_US  INT64_C(86400000000)
#define PENS_FROM_US (PENS_DAY_US * 20000) /* in 2024 */

enum { PENS_POINTS = 2000 };

struct pen {
    struct rand rand;
    int64_t hundredths;
};

static inline void pen_begin(struct pen *p, uint64_t tag_key) {
    rand_seed(&p->rand, tag_key);
    p->hundredths = 5000;
}

static inline double pen_next(struct pen *p) {
    p->hundredths += (int64_t)rand_below(&p->rand, 41) - 20;
    return (double)p->hundredths / 100;
}

#endif
