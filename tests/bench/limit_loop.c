/* Limit program: the least that any alarm server must do for a sample. A table of tags of one cache line
 * each, four limits with hysteresis, tags touched at random, the next one prefetched. No time, no quality, no
 * journal, no delays. usage: bench_limit_loop TAGS SAMPLES */
#include "server/base/rand.h"
#include "tests/bench/limit_line.h"

int main(int argc, char **argv) {
    uint32_t tags = (uint32_t)bench_arg(argc, argv, 1, 1000000);
    uint64_t samples = bench_arg(argc, argv, 2, 20000000);
    enum { BATCH = 512 };
    bench_need(tags >= BATCH, "number of tags: at least 512");
    struct line *table = line_table(tags);
    uint32_t *order = calloc(samples / BATCH + 1, sizeof *order);
    bench_need(order != NULL, "memory");
    struct rand r;
    rand_seed(&r, 1);
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
            changes += line_evaluate(tag, bench_value(order[b] + i, done / tags));
        }
    }
    bench_report("limit_loop", done, bench_cpu_s() - cpu, bench_wall_s() - wall, "");
    free(table);
    free(order);
    return changes == 0;
}
