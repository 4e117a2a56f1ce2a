/* Limit program: a table of tags of one cache line each, four limits with hysteresis, each sample's tag at
 * random, its line asked for 16 samples ahead. No time, no quality, no journal, no delays. usage:
 * bench_limit_random TAGS SAMPLES */
#include "server/base/rand.h"
#include "tests/bench/limit_line.h"

enum { BATCH = 512, AHEAD = 16 };

int main(int argc, char **argv) {
    uint32_t tags = (uint32_t)bench_arg(argc, argv, 1, 1000000);
    uint64_t samples = bench_arg(argc, argv, 2, 20000000);
    struct line *table = line_table(tags);
    static uint32_t order[BATCH];
    struct rand r;
    rand_seed(&r, 1);
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
            changes += line_evaluate(&table[order[i]], 20 + (double)((order[i] + round) % 64));
        }
    }
    bench_report("limit_random", done, bench_cpu_s() - cpu, bench_wall_s() - wall, "");
    free(table);
    return changes != 0; /* none of these values crosses a limit */
}
