/* What the benchmark programs share: arguments, CPU time, and the line of JSON by which each reports to
 * figures.mjs.
 */
#ifndef PENSTOCK_TESTS_BENCH_H
#define PENSTOCK_TESTS_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static inline double bench_clock_s(clockid_t clock) {
    struct timespec t = {0};
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Of the whole program, with its helper threads. */
static inline double bench_cpu_s(void) {
    return bench_clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

/* Of the calling thread alone: what is measured, without the load generator beside it. */
static inline double bench_thread_cpu_s(void) {
    return bench_clock_s(CLOCK_THREAD_CPUTIME_ID);
}

static inline double bench_wall_s(void) {
    return bench_clock_s(CLOCK_MONOTONIC);
}

/* The n-th argument as a number, or what it is by default. */
static inline uint64_t bench_arg(int argc, char **argv, int n, uint64_t otherwise) {
    return argc > n ? strtoull(argv[n], NULL, 10) : otherwise;
}

/* Memory that the program has touched. */
static inline uint64_t bench_resident_bytes(void) {
    unsigned long long size = 0;
    unsigned long long resident = 0;
    char line[128] = "";
    FILE *f = fopen("/proc/self/statm", "r");
    if (f != NULL && fgets(line, sizeof line, f) != NULL) {
        char *end = NULL;
        size = strtoull(line, &end, 10);
        resident = strtoull(end, NULL, 10);
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return size > 0 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* What a tag reads in a round (of some 2 s): within its limits, but in one of a hundred spells of eight
 * rounds beyond the high one. So with delays of 5 s an alarm changes its state once in some four hundred
 * samples. */
static inline double bench_value(uint64_t tag, uint64_t round) {
    uint64_t spell = (tag + 1) * 2654435761U + round / 8 * 40503U;
    return spell / 64 % 100 == 0 ? 97 : 20 + (double)((tag + round) % 64);
}

/* One line. more: further fields of the object, each with a comma before it, or "". */
static inline void bench_report(const char *name, uint64_t items, double cpu_s, double wall_s,
                                const char *more) {
    (void)printf("{\"name\":\"%s\",\"items\":%llu,\"cpu_s\":%.6f,\"wall_s\":%.6f%s}\n", name,
                 (unsigned long long)items, cpu_s, wall_s, more);
}

/* Ends the program as it stands, with its load generator in the middle of a write. */
__attribute__((noreturn)) static inline void bench_end(int code) {
    (void)fflush(stdout);
    _exit(code);
}

__attribute__((noreturn)) static inline void bench_die(const char *what, const char *why) {
    (void)fprintf(stderr, "bench: %s: %s\n", what, why);
    bench_end(1);
}

static inline void bench_need(int ok, const char *what) {
    if (!ok) {
        bench_die(what, "failed");
    }
}

#endif
