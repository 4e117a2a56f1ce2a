/* Limit program: a table of tags of one cache line each, four limits with hysteresis, each sample's tag at
 * random, its line asked for 16 samples ahead. No time, no quality, no journal, no delays. usage:
 * bench_limit_random TAGS SAMPLES */
#include "server/base/rand.h"
#include "tests/bench/bench.h"

enum { BATCH = 512, AHEAD = 16 };

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
    struct line *table = aligned_alloc(64, tags * sizeof *table);
    static uint32_t order[BATCH];
    bench_need(table != NULL, "memory");
    struct rand r;
    rand_seed(&r, 1);
    for (uint32_t i = 0; i < tags; i++) {
        table[i] = (struct line){.limit = {90, 95, 10, 5}, .deadband = 1};
    }
    double cpu = bench_cpu_s();
    double wall = bench_wall_s();
    uint64_t changes = 0;
    uint64_t done = 0;
    while (done < samples) {
        uint64_t round = done / tags;
        for (uint32_t i = 0; i < BATCH; i++) {
            order[i] = (uint32_t)rand_below(&r, tags);
        }
        for (uint32_t i = 0; i < BATCH; i++, done++) {
            if (i + AHEAD < BATCH) {
                __builtin_prefetch(&table[order[i + AHEAD]], 1);
            }
            changes += evaluate(&table[order[i]], 20 + (double)((order[i] + round) % 64));
        }
    }
    bench_report("limit_random", done, bench_cpu_s() - cpu, bench_wall_s() - wall, "");
    free(table);
    return changes != 0; /* none of these values crosses a limit */
}
