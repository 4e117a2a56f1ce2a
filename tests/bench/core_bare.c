/* The shortest walk of a sample through the core: tags at random, four limits each, values that cross none.
 * What it costs beside limit_random is time rules, quality, the display's queue. usage: bench_core_bare TAGS
 * SAMPLES */
#include "server/base/rand.h"
#include "server/core/core.h"
#include "tests/bench/bench.h"

enum { ALARMS = 4, BATCH = 512 };

static void on_effect(void *ctx, const struct effect *e) {
    (void)ctx;
    (void)e;
}

static const struct effect_sink sink = {.emit = on_effect};

static struct model *make_model(uint32_t tags) {
    static const double limits[ALARMS] = {90, 95, 10, 5};
    struct model *m = calloc(1, sizeof *m);
    bench_need(m != NULL, "memory");
    m->n_sites = m->n_gateways = 1;
    m->n_tags = tags;
    m->n_alarms = tags * ALARMS;
    arena_init(&m->arena, SIZE_MAX);
    m->sites = arena_alloc(&m->arena, 1, sizeof *m->sites);
    m->gateways = arena_alloc(&m->arena, 1, sizeof *m->gateways);
    m->tags = arena_alloc(&m->arena, m->n_tags, sizeof *m->tags);
    m->alarms = arena_alloc(&m->arena, m->n_alarms, sizeof *m->alarms);
    bench_need(m->sites != NULL && m->gateways != NULL && m->tags != NULL && m->alarms != NULL, "memory");
    m->sites[0] = (struct model_site){.key = 1, .n_tags = tags};
    m->gateways[0] = (struct model_gateway){
        .key = 1, .comm_alarm = MODEL_NONE, .clock_alarm = MODEL_NONE, .enabled = true};
    for (uint32_t t = 0; t < tags; t++) {
        m->tags[t] =
            (struct model_tag){.key = 1 + t, .scale = 1, .low = -1e3, .high = 1e3, .program = MODEL_NONE};
        for (uint32_t k = 0; k < ALARMS; k++) {
            m->alarms[t * ALARMS + k] = (struct model_alarm){.key = 1 + (int64_t)t * ALARMS + k,
                                                             .limit = limits[k],
                                                             .deadband = 1,
                                                             .tag = t,
                                                             .priority = 3,
                                                             .more = MODEL_NONE,
                                                             .kind = k < 2 ? ALARM_HIGH : ALARM_LOW,
                                                             .options = ALARM_ENABLED};
        }
    }
    return m;
}

static void send(struct core *core, struct rand *r, uint64_t round, int64_t now_us) {
    static struct sample batch[BATCH];
    uint32_t tags = core_model(core)->n_tags;
    for (uint32_t i = 0; i < BATCH; i++) {
        uint32_t tag = (uint32_t)rand_below(r, tags);
        batch[i] = (struct sample){
            .tag = tag, .t_us = now_us - BATCH + i, .value = 20 + (double)((tag + round) % 64)};
    }
    struct event samples = {.kind = EVENT_SAMPLES, .samples = {.n = BATCH, .v = batch}};
    core_apply(core, &samples, now_us, sink);
}

int main(int argc, char **argv) {
    uint32_t tags = (uint32_t)bench_arg(argc, argv, 1, 1000000);
    uint64_t samples = bench_arg(argc, argv, 2, 20000000);
    struct model *m = make_model(tags);
    struct core *core = NULL;
    struct error err;
    int64_t now_us = 1700000000000000;
    if (core_new(m, NULL, now_us, &core, &err) != OK) {
        bench_die(err.where, err.text);
    }
    core_apply(core, &(struct event){.kind = EVENT_LINK, .link = {.up = true}}, now_us, sink);
    static uint32_t taken[BATCH];
    struct rand r;
    rand_seed(&r, 1);
    for (uint32_t t = 0; t < tags; t += BATCH) { /* each tag was seen once */
        static struct sample batch[BATCH];
        uint32_t n = tags - t < BATCH ? tags - t : BATCH;
        for (uint32_t i = 0; i < n; i++) {
            batch[i] = (struct sample){.tag = t + i, .t_us = now_us, .value = 50};
        }
        struct event samples_event = {.kind = EVENT_SAMPLES, .samples = {.n = n, .v = batch}};
        core_apply(core, &samples_event, now_us, sink);
    }
    while (core_take_changed(core, taken, BATCH) == BATCH) {
    }
    double cpu = bench_cpu_s();
    double wall = bench_wall_s();
    uint64_t done = 0;
    for (; done < samples; done += BATCH) {
        now_us += 1000;
        send(core, &r, done / tags, now_us);
        while (core_take_changed(core, taken, BATCH) == BATCH) {
        }
    }
    bench_report("core_bare", done, bench_cpu_s() - cpu, bench_wall_s() - wall, "");
    core_free(&core);
    model_free(&m);
    return 0;
}
