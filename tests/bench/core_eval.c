/* The core's own walk of a sample, complete: scaling, time rules, quality, deadband, four alarms a tag with
 * all that an alarm can have (delays, groups, shelving, suppression by a group's state), records to a sink,
 * changed tags taken. Messages of 512 tags of one gateway, gateways at random. Tells the memory that it
 * touched, too. usage: bench_core_eval TAGS SAMPLES */
#include "server/base/rand.h"
#include "server/core/core.h"
#include "server/core/sample.h"
#include "tests/bench/bench.h"

#include <math.h>
#include <string.h>

enum { PER_GATEWAY = 512, ALARMS = 4, ROUND_US = 2000000 };
/* What a tag and an alarm may take, settings and state; a tag's model has so many slices of texts. */
enum { TAG_BYTES = 256, ALARM_BYTES = 128, TAG_TEXTS = 7 };

static uint64_t records;

static void on_effect(void *ctx, const struct effect *e) {
    (void)ctx;
    records += e->kind == EFFECT_RECORD ? 1 : 0;
}

static const struct effect_sink sink = {.emit = on_effect};

static struct model *make_model(uint32_t gateways) {
    struct model *m = calloc(1, sizeof *m);
    bench_need(m != NULL, "memory");
    m->n_sites = 1;
    m->n_gateways = gateways;
    m->n_tags = gateways * PER_GATEWAY;
    m->n_alarms = m->n_tags * ALARMS + gateways;
    arena_init(&m->arena, SIZE_MAX);
    m->sites = arena_alloc(&m->arena, 1, sizeof *m->sites);
    m->gateways = arena_alloc(&m->arena, m->n_gateways, sizeof *m->gateways);
    m->tags = arena_alloc(&m->arena, m->n_tags, sizeof *m->tags);
    m->alarms = arena_alloc(&m->arena, m->n_alarms, sizeof *m->alarms);
    m->alarm_texts = arena_alloc(&m->arena, m->n_alarms, sizeof *m->alarm_texts);
    bench_need(m->sites != NULL && m->gateways != NULL && m->tags != NULL && m->alarms != NULL, "memory");
    m->sites[0] = (struct model_site){.key = 1, .n_tags = m->n_tags};
    static const double limits[ALARMS] = {90, 95, 10, 5};
    for (uint32_t t = 0; t < m->n_tags; t++) {
        m->tags[t] = (struct model_tag){.key = 10 + t,
                                        .scale = 1,
                                        .low = -1000,
                                        .high = 1000,
                                        .gateway = t / PER_GATEWAY,
                                        .program = MODEL_NONE,
                                        .decimals = 2};
        for (uint32_t k = 0; k < ALARMS; k++) {
            m->alarms[t * ALARMS + k] =
                (struct model_alarm){.key = (int64_t)m->n_tags + 100 + (int64_t)t * ALARMS + k,
                                     .limit = limits[k],
                                     .deadband = 1,
                                     .on_delay_us = 5000000,
                                     .off_delay_us = 5000000,
                                     .tag = t,
                                     .gateway = t / PER_GATEWAY,
                                     .priority = (uint8_t)(k + 1),
                                     .more = MODEL_NONE,
                                     .kind = k < 2 ? ALARM_HIGH : ALARM_LOW,
                                     .options = ALARM_ENABLED | ALARM_SHELVABLE | (k == 0 ? ALARM_LATCH : 0)};
        }
    }
    for (uint32_t g = 0; g < gateways; g++) {
        uint32_t alarm = m->n_tags * ALARMS + g;
        m->gateways[g] = (struct model_gateway){
            .key = 5000000000 + g, .comm_alarm = alarm, .clock_alarm = MODEL_NONE, .enabled = true};
        m->alarms[alarm] = (struct model_alarm){.key = 6000000000 + g,
                                                .tag = MODEL_NONE,
                                                .gateway = g,
                                                .priority = 2,
                                                .kind = ALARM_COMM,
                                                .on_delay_us = 30000000,
                                                .more = MODEL_NONE,
                                                .options = ALARM_ENABLED | ALARM_SHELVABLE};
    }
    return m;
}

static void send_message(struct core *core, uint32_t gateway, uint64_t round, int64_t now) {
    static struct sample batch[PER_GATEWAY];
    for (uint32_t i = 0; i < PER_GATEWAY; i++) {
        uint32_t tag = gateway * PER_GATEWAY + i;
        batch[i] = (struct sample){.tag = tag, .t_us = now, .value = bench_value(tag, round)};
    }
    sample_normalise(core_model(core), batch, PER_GATEWAY);
    struct event samples = {.kind = EVENT_SAMPLES,
                            .samples = {.gateway = gateway, .n = PER_GATEWAY, .v = batch}};
    core_apply(core, &samples, now, sink);
    if (core_next_wake(core) <= now) {
        core_apply(core, &(struct event){.kind = EVENT_TIME}, now, sink);
    }
}

/* One in a thousand alarms is shelved, one in a thousand suppressed: both are evaluated in full. */
static void hide_some(struct core *core, int64_t now) {
    for (uint32_t i = 0; i < core_model(core)->n_alarms; i += 500) {
        struct event ask = {.kind = EVENT_REQUEST,
                            .request = {.ask = {.kind = i % 1000 == 0 ? ALARM_ASK_SHELVE : ALARM_ASK_SUPPRESS,
                                                .alarm = i,
                                                .duration_us = MODEL_SHELVE_MAX_US,
                                                .actor = "bench",
                                                .comment = "bench",
                                                .source = "bench"}}};
        core_apply(core, &ask, now, sink);
    }
}

int main(int argc, char **argv) {
    uint32_t gateways = (uint32_t)(bench_arg(argc, argv, 1, 1000000) / PER_GATEWAY);
    uint64_t samples = bench_arg(argc, argv, 2, 5000000);
    bench_need(gateways > 0, "number of tags: at least 512");
    uint64_t before = bench_resident_bytes();
    struct model *m = make_model(gateways);
    struct core *core = NULL;
    struct error err;
    int64_t now = 1700000000000000;
    if (core_new(m, NULL, now, &core, &err) != OK) {
        bench_die(err.where, err.text);
    }
    for (uint32_t g = 0; g < gateways; g++) {
        core_apply(core, &(struct event){.kind = EVENT_LINK, .link = {.gateway = g, .up = true}}, now, sink);
    }
    hide_some(core, now);
    static uint32_t taken[PER_GATEWAY];
    struct rand r;
    rand_seed(&r, 1);
    double cpu = bench_cpu_s();
    double wall = bench_wall_s();
    uint64_t done = 0;
    for (; done < samples; done += PER_GATEWAY) {
        now += 1 + ROUND_US / gateways;
        send_message(core, (uint32_t)rand_below(&r, gateways), done / m->n_tags, now);
        while (core_take_changed(core, taken, PER_GATEWAY) == PER_GATEWAY) {
        }
    }
    char more[160];
    /* Slices of texts stand apart: the texts themselves, which are none here, would. */
    uint64_t texts =
        m->n_alarms * sizeof *m->alarm_texts + (uint64_t)m->n_tags * TAG_TEXTS * sizeof(struct slice);
    uint64_t bytes = bench_resident_bytes() - before;
    (void)snprintf(more, sizeof more, ",\"records\":%llu,\"bytes_per_tag\":%.1f,\"allowed_bytes_per_tag\":%d",
                   (unsigned long long)records, (double)(bytes - texts) / m->n_tags,
                   TAG_BYTES + ALARMS * ALARM_BYTES);
    bench_report("core_eval", done, bench_cpu_s() - cpu, bench_wall_s() - wall, more);
    core_free(&core);
    model_free(&m);
    return 0;
}
