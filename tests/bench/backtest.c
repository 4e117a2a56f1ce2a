/* A backtest of the whole plant from memory: each tag sends a value every 30 s, 100 tags of a gateway at one
 * time; four limit alarms a tag with delays; the change gives the alarms of one tag in SHARE another deadband
 * and off-delay, and all alarms are counted. Values rise and fall slowly, now and then to and fro across a
 * limit; making them is part of what is measured. 30 days of 10 000 tags are 864 million samples. With EVERY
 * 1 the core gets those, too, that cannot change anything.
 *
 * usage: bench_backtest TAGS DAYS SHARE [EVERY] */
#include "server/core/backtest.h"

#include "tests/bench/bench.h"

#include <malloc.h>

enum { PER_GATEWAY = 500, ALARMS = 4, AT_ONCE = 100, EVERY_S = 30, NAME = 32 };

static const int64_t from_us = INT64_C(1700000000000000);

/* PREFIXnumber */
static struct slice name_of(struct model *m, const char *prefix, uint32_t number) {
    char text[NAME];
    int n = snprintf(text, sizeof text, "%s%u", prefix, number);
    bench_need(n > 0 && n < NAME, "a name");
    struct slice name = arena_copy(&m->arena, slice_of(text, (size_t)n));
    bench_need(name.p != NULL, "memory");
    return name;
}

static void index_name(struct map *map, struct slice name, uint32_t i) {
    bench_need(map_put(map, name, i) == OK, "an index of names");
}

static void add_alarms(struct model *m, uint32_t tag, uint32_t share) {
    static const double limits[ALARMS] = {90, 95, 10, 5};
    bool changed = share > 0 && tag % share == 0;
    for (uint32_t k = 0; k < ALARMS; k++) {
        uint32_t at = tag * ALARMS + k;
        m->alarm_texts[at].name = name_of(m, "S/A", at);
        m->alarms[at] = (struct model_alarm){.key = 1000000 + at,
                                             .limit = limits[k],
                                             .deadband = changed ? 2 : 1,
                                             .on_delay_us = 5000000,
                                             .off_delay_us = changed ? 20000000 : 5000000,
                                             .tag = tag,
                                             .gateway = tag / PER_GATEWAY,
                                             .more = MODEL_NONE,
                                             .kind = k < 2 ? ALARM_HIGH : ALARM_LOW,
                                             .priority = (uint8_t)(k + 1),
                                             .options = ALARM_ENABLED};
        index_name(&m->alarm_by_name, m->alarm_texts[at].name, at);
    }
}

static void allocate(struct model *m) {
    static const uint64_t seed[2] = {1, 2};
    arena_init(&m->arena, SIZE_MAX);
    m->sites = arena_alloc(&m->arena, 1, sizeof *m->sites);
    m->gateways = arena_alloc(&m->arena, m->n_gateways, sizeof *m->gateways);
    m->tags = arena_alloc(&m->arena, m->n_tags, sizeof *m->tags);
    m->alarms = arena_alloc(&m->arena, m->n_alarms, sizeof *m->alarms);
    m->alarm_texts = arena_alloc(&m->arena, m->n_alarms, sizeof *m->alarm_texts);
    bench_need(m->sites != NULL && m->gateways != NULL && m->tags != NULL && m->alarms != NULL &&
                   m->alarm_texts != NULL,
               "memory");
    bench_need(map_init(&m->site_by_name, 1, seed, NULL) == OK &&
                   map_init(&m->gateway_by_name, m->n_gateways, seed, NULL) == OK &&
                   map_init(&m->tag_by_name, m->n_tags, seed, NULL) == OK &&
                   map_init(&m->alarm_by_name, m->n_alarms, seed, NULL) == OK,
               "memory");
}

/* share 0: as it is now */
static struct model *make_model(uint32_t tags, uint32_t share) {
    struct model *m = calloc(1, sizeof *m);
    bench_need(m != NULL, "memory");
    m->n_sites = 1;
    m->n_gateways = tags / PER_GATEWAY;
    m->n_tags = tags;
    m->n_alarms = tags * ALARMS;
    allocate(m);
    m->sites[0] = (struct model_site){.key = 1, .name = slice_str("S"), .n_tags = tags};
    for (uint32_t g = 0; g < m->n_gateways; g++) {
        m->gateways[g] = (struct model_gateway){.key = 10 + g,
                                                .name = name_of(m, "g", g),
                                                .comm_alarm = MODEL_NONE,
                                                .clock_alarm = MODEL_NONE,
                                                .certificate_alarm = MODEL_NONE,
                                                .duplicate_alarm = MODEL_NONE,
                                                .enabled = true};
        index_name(&m->gateway_by_name, m->gateways[g].name, g);
    }
    for (uint32_t t = 0; t < tags; t++) {
        m->tags[t] = (struct model_tag){.key = 100000 + t,
                                        .name = name_of(m, "S/T", t),
                                        .scale = 1,
                                        .low = 0,
                                        .high = 100,
                                        .gateway = t / PER_GATEWAY,
                                        .program = MODEL_NONE};
        index_name(&m->tag_by_name, m->tags[t].name, t);
        add_alarms(m, t, share);
    }
    return m;
}

/* Up and down between 20 and 80 in about a day, in one of 512 quarters of an hour to and fro across the
 * limit at 90. */
static double value_of(uint32_t tag, uint32_t step) {
    uint32_t place = (tag * 37 + step) % 2880;
    uint32_t spell = ((tag + 1) * 2654435761U + step / 30 * 40503U) >> 8;
    if (spell % 512 == 0) {
        return step % 2 == 0 ? 90.5 : 88.5;
    }
    return 20 + (double)(place < 1440 ? place : 2880 - place) / 24;
}

static void run(struct backtest *bt, uint32_t tags, uint32_t days) {
    static struct sample batch[AT_ONCE];
    uint32_t steps = days * (86400 / EVERY_S);
    for (uint32_t step = 0; step < steps; step++) {
        for (uint32_t second = 0; second < EVERY_S; second++) {
            int64_t t_us = from_us + ((int64_t)step * EVERY_S + second) * 1000000;
            for (uint32_t group = second; group < tags / AT_ONCE; group += EVERY_S) {
                for (uint32_t i = 0; i < AT_ONCE; i++) {
                    uint32_t tag = group * AT_ONCE + i;
                    batch[i] = (struct sample){.tag = tag, .t_us = t_us, .value = value_of(tag, step)};
                }
                backtest_samples(bt, batch, AT_ONCE);
            }
        }
    }
}

int main(int argc, char **argv) {
    uint32_t tags = (uint32_t)bench_arg(argc, argv, 1, 10000);
    uint32_t days = (uint32_t)bench_arg(argc, argv, 2, 1);
    uint32_t share = (uint32_t)bench_arg(argc, argv, 3, 10);
    bench_need(tags >= PER_GATEWAY && tags % PER_GATEWAY == 0, "number of tags: a multiple of 500");
    bench_need(days > 0 && days <= 365 && share > 0, "days and share: from 1");
    struct model *now = make_model(tags, 0);
    struct model *then = make_model(tags, share);
    const struct backtest_config cfg = {.now = now,
                                        .then = then,
                                        .whole = true,
                                        .every_sample = bench_arg(argc, argv, 4, 0) != 0,
                                        .from_us = from_us,
                                        .to_us = from_us + days * TRACK_DAY_US,
                                        .warm_us = 0};
    struct backtest *bt = NULL;
    const struct backtest_report *r = NULL;
    struct error err;
    double cpu = bench_cpu_s();
    double wall = bench_wall_s();
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    if (backtest_new(&cfg, &bt, &err) != OK) {
        bench_die(err.where, err.text);
    }
    run(bt, tags, days);
    if (backtest_finish(bt, &r, &err) != OK) {
        bench_die(err.where, err.text);
    }
    char more[256];
    (void)snprintf(
        more, sizeof more, ",\"bytes\":%zu,\"now\":%llu,\"then\":%llu,\"removed\":%llu,\"truncated\":%s",
        mallinfo2().uordblks + mallinfo2().hblkhd - before, (unsigned long long)r->now.n,
        (unsigned long long)r->then.n, (unsigned long long)r->n_removed, r->truncated ? "true" : "false");
    bench_report("backtest", r->n_samples, bench_cpu_s() - cpu, bench_wall_s() - wall, more);
    backtest_free(&bt);
    model_free(&now);
    model_free(&then);
    return 0;
}
