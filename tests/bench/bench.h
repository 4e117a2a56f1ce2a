/* What the benchmark programs share: CPU time, and the line of JSON by which they report to tests/bench/run.
 */
#ifndef PENSTOCK_TESTS_BENCH_H
#define PENSTOCK_TESTS_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double bench_cpu_s(void) {
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline double bench_wall_s(void) {
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The n-th argument as a number, or what it is by default. */
static inline uint64_t bench_arg(int argc, char **argv, int n, uint64_t otherwise) {
    return argc > n ? strtoull(argv[n], NULL, 10) : otherwise;
}

static inline void bench_report(const char *name, uint64_t items, double cpu_s, double wall_s) {
    (void)printf("{\"name\":\"%s\",\"items\":%llu,\"cpu_s\":%.6f,\"wall_s\":%.6f,\"per_cpu_s\":%.0f}\n", name,
                 (unsigned long long)items, cpu_s, wall_s, (double)items / cpu_s);
}

#endif
