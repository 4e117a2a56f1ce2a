/* What both limit programs have in common: one cache line for each tag, with four limits and hysteresis. */
#ifndef PENSTOCK_TESTS_BENCH_LIMIT_LINE_H
#define PENSTOCK_TESTS_BENCH_LIMIT_LINE_H

#include "tests/bench/bench.h"

struct line {
    _Alignas(64) double value;
    double limit[4];
    double deadband;
    uint32_t active;
};

/* The caller frees it. */
static inline struct line *line_table(uint32_t tags) {
    struct line *table = aligned_alloc(64, tags * sizeof *table);
    bench_need(table != NULL, "memory");
    for (uint32_t i = 0; i < tags; i++) {
        table[i] = (struct line){.limit = {90, 95, 10, 5}, .deadband = 1};
    }
    return table;
}

/* Returns how many of its limits were crossed, in either direction. */
static inline uint32_t line_evaluate(struct line *tag, double value) {
    uint32_t changed = 0;
    tag->value = value;
    for (int k = 0; k < 4; k++) {
        uint32_t bit = 1U << k;
        double sign = k < 2 ? 1 : -1;
        double beyond = (value - tag->limit[k]) * sign;
        if ((tag->active & bit) == 0 ? beyond > 0 : beyond < -tag->deadband) {
            tag->active ^= bit;
            changed++;
        }
    }
    return changed;
}

#endif
