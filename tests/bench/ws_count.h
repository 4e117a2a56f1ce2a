/* What both programs of the live figure do on each tick: start the clock when all clients have asked, end the
 * program with its report when they have got enough. */
#ifndef PENSTOCK_TESTS_BENCH_WS_COUNT_H
#define PENSTOCK_TESTS_BENCH_WS_COUNT_H

#include "tests/bench/bench.h"
#include "tests/bench/ws_clients.h"

struct ws_count {
    const char *name;
    uint64_t most; /* frames */
    bool started;
    uint64_t frames;
    uint64_t bytes;
    double cpu;
    double wall;
};

static inline void ws_count_tick(struct ws_count *w, struct ws_clients *c) {
    uint64_t frames = atomic_load(&c->frames);
    uint64_t bytes = atomic_load(&c->bytes);
    if (!w->started && atomic_load(&c->ready)) {
        w->started = true;
        w->frames = frames;
        w->bytes = bytes;
        w->cpu = bench_thread_cpu_s();
        w->wall = bench_wall_s();
    } else if (w->started && frames - w->frames >= w->most) {
        char more[64];
        (void)snprintf(more, sizeof more, ",\"bytes\":%llu", (unsigned long long)(bytes - w->bytes));
        bench_report(w->name, frames - w->frames, bench_thread_cpu_s() - w->cpu, bench_wall_s() - w->wall,
                     more);
        bench_end(0);
    }
}

#endif
