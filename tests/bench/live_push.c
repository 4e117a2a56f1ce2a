/* The live way as it is: samples through the core, changed tags marked for each client, each client told what
 * it looks at at its own rate, JSON, libwebsockets, TLS; heartbeats between. Each site has 50 tags, each tag
 * changes five times a second, each client looks at one site.
 * usage: bench_live_push PKI CLIENTS FRAMES SITES (working directory: any; a session is whoever has a cookie)
 */
#include "server/api/api.h"
#include "server/base/clock.h"
#include "tests/bench/ws_count.h"

#include <signal.h>
#include <sodium.h>

enum { SITE_TAGS = 50, PERIOD_MS = 200, PENDING_MAX = 4096, SOCKETS_A_SESSION = 4 };

struct bench {
    uv_loop_t loop;
    uv_prepare_t prepare;
    uv_timer_t timer;
    struct api *api;
    struct core *core;
    struct model *model;
    struct config_set *config;
    struct ws_clients clients;
    struct ws_count count;
    uint64_t ticks;
    uint32_t n_pending;
    struct {
        uint64_t token;
        enum request_kind kind;
    } pending[PENDING_MAX];
};

/* --- configuration */

static void put(struct config_set *set, enum config_kind kind, const char *name, const char *body,
                int64_t key) {
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    bench_need(config_set_put(set, kind, slice_str(name), slice_str(body), key, 1, faults, &n) == OK, name);
}

static void put_site(struct config_set *set, uint32_t site, int64_t *key) {
    char name[32];
    char body[256];
    (void)snprintf(name, sizeof name, "S%u", site);
    (void)snprintf(body, sizeof body, "{\"name\":\"S%u\"}", site);
    put(set, CONFIG_SITE, name, body, ++*key);
    (void)snprintf(name, sizeof name, "gw-s%u", site);
    (void)snprintf(body, sizeof body, "{\"name\":\"gw-s%u\",\"site\":\"S%u\"}", site, site);
    put(set, CONFIG_GATEWAY, name, body, ++*key);
    for (uint32_t i = 0; i < SITE_TAGS; i++) {
        (void)snprintf(name, sizeof name, "S%u/T%u", site, i);
        (void)snprintf(body, sizeof body,
                       "{\"name\":\"S%u/T%u\",\"gateway\":\"gw-s%u\",\"unit\":\"m\",\"low\":0,\"high\":100}",
                       site, i, site);
        put(set, CONFIG_TAG, name, body, ++*key);
    }
}

static void on_change(void *ctx, enum config_kind kind, struct slice name, struct slice body) {
    (void)ctx;
    (void)kind;
    (void)name;
    (void)body;
}

static void configure(struct bench *b, uint32_t sites) {
    static const uint64_t seed[2] = {1, 2};
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    struct error err;
    int64_t key = 0;
    bench_need(config_set_new(&b->config, &err) == OK, "configuration");
    for (uint32_t s = 0; s < sites; s++) {
        put_site(b->config, s, &key);
    }
    bench_need(config_set_complete(b->config, on_change, NULL, &err) == OK, "comm alarms");
    const struct config_item *alarm = NULL;
    for (uint32_t i = 0; (alarm = config_set_at(b->config, CONFIG_ALARM, i)) != NULL; i++) {
        bench_need(config_set_stored(b->config, CONFIG_ALARM, alarm->name, ++key, 1) == OK, "alarm's key");
    }
    bench_need(config_compile(b->config, 1, seed, &b->model, faults, &n, &err) == OK, "compilation");
}

/* --- the core and its samples */

static void on_effect(void *ctx, const struct effect *e) {
    struct bench *b = ctx;
    if (e->kind == EFFECT_RECORD) {
        api_alarm(b->api, &e->record);
    }
}

static void apply(struct bench *b, const struct event *e) {
    core_apply(b->core, e, clock_wall_us(), (struct effect_sink){.ctx = b, .emit = on_effect});
}

static void start_core(struct bench *b) {
    struct error err;
    bench_need(core_new(b->model, NULL, clock_wall_us(), &b->core, &err) == OK, "core");
    api_set_view(b->api, b->core, b->config);
    for (uint32_t g = 0; g < b->model->n_gateways; g++) {
        apply(b, &(struct event){.kind = EVENT_LINK, .link = {.gateway = g, .up = true}});
    }
}

static void on_timer(uv_timer_t *timer) {
    struct bench *b = timer->data;
    int64_t now = clock_wall_us();
    b->ticks++;
    for (uint32_t s = 0; s < b->model->n_sites; s++) {
        const struct model_site *site = &b->model->sites[s];
        struct sample v[SITE_TAGS];
        for (uint32_t i = 0; i < site->n_tags; i++) {
            v[i] = (struct sample){.tag = site->first_tag + i,
                                   .t_us = now,
                                   .value = (double)((b->ticks * 7 + (uint64_t)i * 131) % 9973) / 100};
        }
        uint32_t gateway = b->model->tags[site->first_tag].gateway;
        apply(b, &(struct event){.kind = EVENT_SAMPLES,
                                 .samples = {.gateway = gateway, .n = site->n_tags, .v = v}});
    }
    ws_count_tick(&b->count, &b->clients);
}

/* --- the interface's host */

static void on_request(void *ctx, uint64_t token, const struct request *r) {
    struct bench *b = ctx;
    bench_need(b->n_pending < PENDING_MAX, "fewer requests at once");
    b->pending[b->n_pending].token = token;
    b->pending[b->n_pending++].kind = r->kind;
}

static void on_gateway(void *ctx, uint32_t gateway, struct api_gateway *ret) {
    (void)ctx;
    (void)gateway;
    *ret = (struct api_gateway){.up = true, .peer = "", .software = "", .fault = ""};
}

static void on_health(void *ctx, struct api_health *ret) {
    (void)ctx;
    *ret = (struct api_health){.store = "ok", .store_text = ""};
}

static void on_prepare(uv_prepare_t *prepare) {
    struct bench *b = prepare->data;
    for (uint32_t i = 0; i < b->n_pending; i++) {
        struct reply r = {.kind = b->pending[i].kind,
                          .status = OK,
                          .user = {.key = 1, .role = ROLE_VIEWER, .name = "viewer"}};
        api_reply(b->api, b->pending[i].token, &r);
    }
    b->n_pending = 0;
    uint32_t tags[SITE_TAGS];
    uint32_t n = 0;
    while ((n = core_take_changed(b->core, tags, SITE_TAGS)) > 0) {
        api_tags_changed(b->api, tags, n);
    }
    api_turn_end(b->api, clock_wall_us(), clock_mono_us());
}

static void start_api(struct bench *b, const char *pki) {
    char cert[512];
    char key[512];
    (void)snprintf(cert, sizeof cert, "%s/web.pem", pki);
    (void)snprintf(key, sizeof key, "%s/web.key", pki);
    struct api_config cfg = {.loop = &b->loop,
                             .address = "127.0.0.1",
                             .cert_file = cert,
                             .key_file = key,
                             .build = "bench",
                             .password_mib = 8};
    struct api_host host = {.ctx = b, .request = on_request, .gateway = on_gateway, .health = on_health};
    struct error err;
    if (api_new(&cfg, &host, &b->api, &err) != OK) {
        bench_die(err.where, err.text);
    }
}

int main(int argc, char **argv) {
    static struct bench b;
    char ca[512];
    const char *pki = argc > 1 ? argv[1] : ".";
    uint32_t sites = (uint32_t)bench_arg(argc, argv, 4, 10);
    (void)snprintf(ca, sizeof ca, "%s/ca.pem", pki);
    (void)signal(SIGPIPE, SIG_IGN);
    bench_need(sodium_init() >= 0, "sodium");
    b.clients = (struct ws_clients){.ca = ca,
                                    .n = (uint32_t)bench_arg(argc, argv, 2, 200),
                                    .per_session = SOCKETS_A_SESSION,
                                    .views = sites};
    b.count = (struct ws_count){.name = "live_push", .most = bench_arg(argc, argv, 3, 5000)};
    b.prepare.data = &b;
    b.timer.data = &b;
    bench_need(uv_loop_init(&b.loop) == 0 && uv_prepare_init(&b.loop, &b.prepare) == 0 &&
                   uv_timer_init(&b.loop, &b.timer) == 0,
               "loop");
    configure(&b, sites);
    start_api(&b, pki);
    start_core(&b);
    bench_need(uv_prepare_start(&b.prepare, on_prepare) == 0 &&
                   uv_timer_start(&b.timer, on_timer, PERIOD_MS, PERIOD_MS) == 0,
               "timer");
    b.clients.port = api_port(b.api);
    ws_clients_start(&b.clients);
    (void)uv_run(&b.loop, UV_RUN_DEFAULT);
    return 1;
}
