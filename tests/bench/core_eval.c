/* The core's own walk of a sample, complete: scaling, time rules, quality, deadband, four alarms a tag with
 * delays in their stages, records to a sink, changed tags taken. Messages of 512 tags of one gateway,
 * gateways at random. */
#include "server/base/rand.h"
#include "server/core/core.h"
#include "server/core/sample.h"
#include "tests/bench/bench.h"

#include <math.h>
#include <string.h>

enum { PER_GATEWAY = 512, ALARMS = 4 };

static uint64_t records;

static void on_effect(void *ctx, const struct effect *e) {
    (void)ctx;
    records += e->kind == EFFECT_RECORD ? 1 : 0;
}

static struct model *make_model(uint32_t gateways) {
    struct model *m = calloc(1, sizeof *m);
    if (m == NULL) {
        abort();
    }
    m->n_sites = 1;
    m->n_gateways = gateways;
    m->n_tags = gateways * PER_GATEWAY;
    m->n_alarms = m->n_tags * ALARMS + gateways;
    arena_init(&m->arena, SIZE_MAX);
    m->sites = arena_alloc(&m->arena, 1, sizeof *m->sites);
    m->gateways = arena_alloc(&m->arena, m->n_gateways, sizeof *m->gateways);
    m->tags = arena_alloc(&m->arena, m->n_tags, sizeof *m->tags);
    m->alarms = arena_alloc(&m->arena, m->n_alarms, sizeof *m->alarms);
    if (m->sites == NULL || m->gateways == NULL || m->tags == NULL || m->alarms == NULL) {
        abort();
    }
    m->sites[0] = (struct model_site){.key = 1, .n_tags = m->n_tags};
    static const double limits[ALARMS] = {90, 95, 10, 5};
    for (uint32_t t = 0; t < m->n_tags; t++) {
        m->tags[t] = (struct model_tag){.key = 10 + t,
                                        .scale = 1,
                                        .low = -1000,
                                        .high = 1000,
                                        .gateway = t / PER_GATEWAY,
                                        .first_alarm = t * ALARMS,
                                        .n_alarms = ALARMS,
                                        .decimals = 2};
        for (uint32_t k = 0; k < ALARMS; k++) {
            m->alarms[t * ALARMS + k] = (struct model_alarm){.key = (int64_t)m->n_tags + 100 + t * ALARMS + k,
                                                             .limit = limits[k],
                                                             .deadband = 1,
                                                             .on_delay_us = 5000000,
                                                             .off_delay_us = 5000000,
                                                             .tag = t,
                                                             .gateway = t / PER_GATEWAY,
                                                             .priority = (uint8_t)(k + 1),
                                                             .kind = k < 2 ? ALARM_HIGH : ALARM_LOW,
                                                             .enabled = true};
        }
    }
    for (uint32_t g = 0; g < gateways; g++) {
        uint32_t alarm = m->n_tags * ALARMS + g;
        m->gateways[g] = (struct model_gateway){.key = 5000000000 + g, .comm_alarm = alarm, .enabled = true};
        m->alarms[alarm] = (struct model_alarm){.key = 6000000000 + g,
                                                .tag = MODEL_NONE,
                                                .gateway = g,
                                                .priority = 2,
                                                .kind = ALARM_COMM,
                                                .on_delay_us = 30000000,
                                                .enabled = true};
    }
    return m;
}

int main(int argc, char **argv) {
    uint32_t gateways = (uint32_t)(bench_arg(argc, argv, 1, 1000000) / PER_GATEWAY);
    uint64_t samples = bench_arg(argc, argv, 2, 5000000);
    struct model *m = make_model(gateways);
    struct core *core = NULL;
    struct error err;
    int64_t now = 1700000000000000;
    if (core_new(m, NULL, now, &core, &err) != OK) {
        (void)fprintf(stderr, "%s: %s\n", err.where, err.text);
        return 1;
    }
    struct effect_sink sink = {.emit = on_effect};
    for (uint32_t g = 0; g < gateways; g++) {
        core_apply(core, &(struct event){.kind = EVENT_LINK, .link = {.gateway = g, .up = true}}, now, sink);
    }
    static struct sample batch[PER_GATEWAY];
    static uint32_t taken[PER_GATEWAY];
    struct rand r;
    rand_seed(&r, 1);
    double cpu = bench_cpu_s();
    double wall = bench_wall_s();
    uint64_t done = 0;
    while (done < samples) {
        uint32_t g = (uint32_t)rand_below(&r, gateways);
        now += 1000;
        for (uint32_t i = 0; i < PER_GATEWAY; i++, done++) {
            /* mostly within limits, now and then beyond: one alarm transition in some hundred samples */
            double value = (double)((done * 2654435761U) % 1000) / 11.0;
            batch[i] = (struct sample){.tag = g * PER_GATEWAY + i, .t_us = now, .value = value};
        }
        sample_normalise(m, batch, PER_GATEWAY);
        core_apply(
            core,
            &(struct event){.kind = EVENT_SAMPLES, .samples = {.gateway = g, .n = PER_GATEWAY, .v = batch}},
            now, sink);
        while (core_take_changed(core, taken, PER_GATEWAY) == PER_GATEWAY) {
        }
    }
    bench_report("core_eval", done, bench_cpu_s() - cpu, bench_wall_s() - wall);
    (void)fprintf(stderr, "records=%llu\n", (unsigned long long)records);
    core_free(&core);
    return 0;
}
