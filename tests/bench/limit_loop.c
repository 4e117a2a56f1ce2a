/* Limit program: the least that any alarm server must do for a sample. A table of tags of one cache line
 * each, four limits with hysteresis, tags touched at random, the next one prefetched. No time, no quality, no
 * journal, no delays. usage: bench_limit_loop TAGS SAMPLES */
#include "server/base/rand.h"
#include "tests/bench/bench.h"

struct line {
    _Alignas(64) double value;
    double limit[4];
    double deadband;
    uint32_t active;
};

static uint32_t evaluate(struct line *tag, double value) {
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

int main(int argc, char **argv) {
    uint32_t tags = (uint32_t)bench_arg(argc, argv, 1, 1000000);
    uint64_t samples = bench_arg(argc, argv, 2, 20000000);
    enum { BATCH = 512 };
    bench_need(tags >= BATCH, "number of tags: at least 512");
    struct line *table = aligned_alloc(64, tags * sizeof *table);
    uint32_t *order = calloc(samples / BATCH + 1, sizeof *order);
    bench_need(table != NULL && order != NULL, "memory");
    struct rand r;
    rand_seed(&r, 1);
    for (uint32_t i = 0; i < tags; i++) {
        table[i] = (struct line){.limit = {90, 95, 10, 5}, .deadband = 1};
    }
    for (uint64_t i = 0; i < samples / BATCH + 1; i++) {
        order[i] = (uint32_t)rand_below(&r, tags - BATCH + 1);
    }
    double cpu = bench_cpu_s();
    double wall = bench_wall_s();
    uint64_t changes = 0;
    uint64_t done = 0;
    for (uint64_t b = 0; done < samples; b++) {
        for (uint32_t i = 0; i < BATCH; i++, done++) {
            struct line *tag = &table[order[b] + i];
            __builtin_prefetch(tag + 4);
            changes += evaluate(tag, bench_value(order[b] + i, done / tags));
        }
    }
    bench_report("limit_loop", done, bench_cpu_s() - cpu, bench_wall_s() - wall, "");
    free(table);
    free(order);
    return changes == 0;
}
