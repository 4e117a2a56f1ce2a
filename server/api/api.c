#include "server/api/api.h"

#include "server/api/assets.h"
#include "server/api/live.h"
#include "server/api/login.h"
#include "server/api/route.h"
#include "server/api/state.h"
#include "server/api/web.h"
#include "server/base/check.h"
#include "server/base/log.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { TICK_MS = 100, GOODBYE_TICKS = 3, NO_SLOT = API_ASKED_MAX };

/* --- asking the host */

static void init_asked(struct api *a) {
    for (uint32_t i = 0; i < API_ASKED_MAX; i++) {
        a->asked[i].next_free = i + 1 < API_ASKED_MAX ? i + 1 : NO_SLOT;
    }
    a->free_asked = 0;
}

static void on_left(void *ctx, uint64_t token) {
    struct api *a = ctx;
    if (!a->stopping) {
        a->host.forget(a->host.ctx, token);
    }
}

void api_forget(const struct http_request *r) {
    r->watcher.left(r->watcher.ctx, r->watcher.token);
}

/* r: may be NULL. */
static bool ask(struct api *a, struct http_request *r, const struct request *q, api_then then, void *ctx) {
    uint32_t slot = a->free_asked;
    if (a->stopping || slot == NO_SLOT) {
        return false;
    }
    struct api_asked *asked = &a->asked[slot];
    a->free_asked = asked->next_free;
    asked->then = then;
    asked->ctx = ctx;
    asked->generation++;
    uint64_t token = ((uint64_t)asked->generation << 32) | slot;
    if (r != NULL) {
        r->watcher = (struct http_watcher){.ctx = a, .token = token, .left = on_left};
    }
    a->host.request(a->host.ctx, token, q);
    return true;
}

bool api_ask(struct api *a, const struct request *q, api_then then, void *ctx) {
    return ask(a, NULL, q, then, ctx);
}

bool api_ask_watched(struct api *a, struct http_request *r, const struct request *q, api_then then,
                     void *ctx) {
    return ask(a, r, q, then, ctx);
}

void api_ask_for(struct api *a, struct http_request *r, const struct request *q, api_then then) {
    if (!api_ask(a, q, then, r)) {
        struct error err;
        (void)error_set(&err, ERR_FULL, "api", "too many requests wait for an answer; try again");
        http_failed(r, ERR_FULL, &err);
    }
}

void api_then_done(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
        return;
    }
    http_no_content(r);
}

static void answer(struct api *a, uint32_t slot, const struct reply *r) {
    struct api_asked *asked = &a->asked[slot];
    api_then then = asked->then;
    void *ctx = asked->ctx;
    asked->then = NULL;
    asked->ctx = NULL;
    asked->next_free = a->free_asked;
    a->free_asked = slot;
    then(a, ctx, r);
}

void api_reply(struct api *a, uint64_t token, const struct reply *r) {
    uint32_t slot = (uint32_t)(token & UINT32_MAX);
    CHECK(slot < API_ASKED_MAX);
    CHECK(a->asked[slot].then != NULL);
    CHECK(a->asked[slot].generation == (uint32_t)(token >> 32));
    answer(a, slot, r);
}

struct actor api_actor(const struct http_request *r) {
    struct actor actor = {.user_key = r->who.user.key};
    memcpy(actor.name, r->who.user.name, sizeof actor.name);
    memcpy(actor.peer, r->peer, sizeof actor.peer);
    return actor;
}

/* --- requests */

static bool is_api(const char *path) {
    return strncmp(path, "/api", 4) == 0 && (path[4] == '/' || path[4] == '\0');
}

static void refuse_unknown(struct http_request *r, const char *allow) {
    if (strcmp(r->path, "/api/live") == 0) {
        http_header(r, "Upgrade: websocket");
        http_problem(r, 426, "upgrade", "this is a WebSocket with the subprotocol penstock.v1");
    } else if (allow[0] != '\0') {
        http_header(r, "Allow: %s", allow);
        http_problem(r, 405, "method", "this path takes %s", allow);
    } else {
        http_problem(r, 404, "not_found", "there is no such resource; see GET /api/openapi.json");
    }
}

/* A change of state must come from somebody who meant it: a form or an image of another page cannot set this
 * header or this type. */
static bool meant(struct http_request *r) {
    if (r->method == HTTP_GET || r->method == HTTP_HEAD) {
        return true;
    }
    if (!r->x_penstock) {
        http_problem(r, 403, "csrf", "the header \"X-Penstock: 1\" is needed");
        return false;
    }
    if (r->content_length > 0 && !http_is_json(slice_str(r->content_type))) {
        http_problem(r, 415, "type", "the body must be application/json");
        return false;
    }
    return true;
}

static void on_head(void *ctx, struct http_request *r) {
    struct api *a = ctx;
    char allow[64];
    if (!is_api(r->path)) {
        if (r->method != HTTP_GET && r->method != HTTP_HEAD) {
            http_header(r, "Allow: GET, HEAD");
            http_problem(r, 405, "method", "pages can only be read");
        }
        return;
    }
    r->route = route_find(r, allow);
    if (r->route == NULL) {
        refuse_unknown(r, allow);
        return;
    }
    r->body.max = r->route->body_max == 0 ? HTTP_BODY_MAX : r->route->body_max;
    if (!meant(r)) {
        return;
    }
    if (r->route->access != ACCESS_ANYONE && r->session[0] == '\0') {
        http_problem(r, 401, "no_session", "log in first: POST /api/session");
    } else if (r->content_length > HTTP_BODY_MAX && r->content_length <= (int64_t)r->body.max &&
               !login_peek(a->login, r)) {
        /* Much memory only for who is known: the session is being asked for now. */
        http_header(r, "Retry-After: 1");
        http_problem(r, 503, "busy", "this session is being checked; send the request again");
    }
}

static void call(struct api *a, struct http_request *r) {
    const struct http_param *odd = route_odd_param(r->route, r);
    if (odd == NULL) {
        r->route->handler(a, r);
    } else if (r->route->query[0] == '\0') {
        http_problem(r, 400, "query", "\"%.*s\" is no parameter here; there are none", SLICE_ARG(odd->name));
    } else {
        http_problem(r, 400, "query", "\"%.*s\" is no parameter here; right would be some of %s",
                     SLICE_ARG(odd->name), r->route->query);
    }
}

static void run_handler(struct api *a, struct http_request *r) {
    if (r->route->access > ACCESS_SESSION && r->who.user.must_change_password) {
        http_problem(r, 403, "must_change_password", "set a password first: PUT /api/session/password");
    } else if (!route_allows(r->route->access, r->who.user.role)) {
        http_problem(r, 403, "denied", "the role %s may not do this", role_name(r->who.user.role));
    } else {
        call(a, r);
    }
}

static void on_request(void *ctx, struct http_request *r) {
    struct api *a = ctx;
    if (r->route == NULL) {
        assets_serve(a->assets, r);
    } else if (a->stopping || (a->core == NULL && !r->route->while_starting)) {
        http_header(r, "Retry-After: 1");
        http_problem(r, 503, "starting", "the configuration is not loaded yet");
    } else if (r->route->access == ACCESS_ANYONE) {
        call(a, r);
    } else {
        login_resolve(a->login, r, run_handler);
    }
}

static void on_socket_filter(void *ctx, struct http_request *r) {
    struct api *a = ctx;
    live_filter(a->live, r);
}

static void *on_socket_open(void *ctx, struct web_socket *s, const struct http_request *r) {
    struct api *a = ctx;
    return live_open(a->live, s, r);
}

/* --- life */

static struct web_limits limits(void) {
    struct rlimit files = {.rlim_cur = 1024};
    (void)getrlimit(RLIMIT_NOFILE, &files);
    /* Half of what the process may open: gateways and the database need theirs. */
    uint64_t half = files.rlim_cur / 2;
    uint32_t max = half > 2048 ? 2048 : (uint32_t)half;
    return (struct web_limits){.connections_max = max,
                               .per_address_max = max - max / 4,
                               .first_byte_us = 5000000,
                               .head_us = 10000000,
                               .body_us = 30000000,
                               .write_us = 30000000,
                               .handler_us = 60000000,
                               .linger_us = 2000000};
}

static void on_tick(uv_timer_t *timer);

static void make_epoch(char epoch[API_EPOCH_SIZE]) {
    uint8_t random[(API_EPOCH_SIZE - 1) / 2];
    randombytes_buf(random, sizeof random);
    (void)sodium_bin2hex(epoch, API_EPOCH_SIZE, random, sizeof random);
}

static void check_routes(void) {
    uint32_t n = 0;
    const struct route *routes = route_table(&n);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(routes[i].access != ACCESS_UNSET);
        CHECK(routes[i].handler != NULL);
    }
}

static enum status start_web(struct api *a, const struct api_config *cfg, struct error *err) {
    struct web_config web = {.loop = cfg->loop,
                             .address = cfg->address,
                             .port = cfg->port,
                             .cert_file = cfg->cert_file,
                             .key_file = cfg->key_file,
                             .limits = limits()};
    struct web_host host = {.ctx = a,
                            .head = on_head,
                            .request = on_request,
                            .socket_filter = on_socket_filter,
                            .socket_open = on_socket_open,
                            .socket_message = live_message,
                            .socket_write = live_write,
                            .socket_closed = live_closed};
    /* Before anything listens: what is wrong with the list is told without a server half up. */
    enum status status = origins_init(&a->origins, cfg->address, cfg->port, cfg->origins, err);
    if (status == OK) {
        status = web_new(&web, &host, &a->web, err);
    }
    if (status == OK) {
        status = origins_init(&a->origins, cfg->address, web_port(a->web), cfg->origins, err);
        web_set_origins(a->web, &a->origins);
    }
    return status;
}

enum status api_new(const struct api_config *cfg, const struct api_host *host, struct api **ret,
                    struct error *err) {
    check_routes();
    struct api *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return error_set(err, ERR_NOMEM, "api", "out of memory");
    }
    a->host = *host;
    a->loop = cfg->loop;
    (void)snprintf(a->build, sizeof a->build, "%s", cfg->build == NULL ? "" : cfg->build);
    init_asked(a);
    enum status status = login_new(a, cfg->password_mib, &a->login, err);
    if (status == OK) {
        make_epoch(a->epoch);
        status = live_new(a, &a->live, err);
    }
    if (status == OK) {
        status = assets_new(cfg->web_dir, &a->assets, err);
    }
    if (status == OK) {
        status = start_web(a, cfg, err);
    }
    if (status != OK) {
        api_free(&a);
        return status;
    }
    if (assets_count(a->assets) == 0) {
        log_event(LOG_WARN, "web.no_pages", "folder=%s", LOG_Q(slice_str(cfg->web_dir)));
    }
    int rc = uv_timer_init(a->loop, &a->tick);
    CHECK(rc == 0);
    a->tick.data = a;
    rc = uv_timer_start(&a->tick, on_tick, TICK_MS, TICK_MS);
    CHECK(rc == 0);
    *ret = a;
    return OK;
}

uint16_t api_port(const struct api *a) {
    return web_port(a->web);
}

void api_set_view(struct api *a, const struct core *core, const struct config_set *config) {
    a->core = core;
    a->config = config;
    live_view_changed(a->live);
}

void api_tags_changed(struct api *a, const uint32_t *tags, uint32_t n) {
    live_tags_changed(a->live, tags, n);
}

void api_alarm(struct api *a, const struct alarm_record *r) {
    live_alarm(a->live, r);
}

void api_silence(struct api *a, uint32_t position) {
    live_silence(a->live, position);
}

void api_status_changed(struct api *a) {
    live_status_changed(a->live);
}

/* One change of the configuration after the other: the next starts when the view of the last one is set. */
static void next_change(struct api *a) {
    if (a->changing || a->n_changes == 0) {
        return;
    }
    struct http_request *r = a->changes[0];
    a->n_changes--;
    for (uint32_t i = 0; i < a->n_changes; i++) {
        a->changes[i] = a->changes[i + 1];
    }
    r->route->handler(a, r);
}

void api_turn_end(struct api *a, int64_t now_us, int64_t now_mono_us) {
    next_change(a);
    login_turn_end(a->login, now_us, now_mono_us);
    live_turn_end(a->live, now_us, now_mono_us);
    web_turn_end(a->web, now_mono_us);
}

/* --- stop: goodbye to the screens, then the connections, the pool and the tick, then on_stopped */

void api_part_stopped(void *ctx) {
    struct api *a = ctx;
    CHECK(a->stop_left > 0);
    if (--a->stop_left == 0) {
        a->on_stopped(a->stop_ctx);
    }
}

static void on_tick_closed(uv_handle_t *handle) {
    api_part_stopped(handle->data);
}

static void on_tick(uv_timer_t *timer) {
    struct api *a = timer->data;
    if (!a->stopping) {
        return; /* the turn that follows does what is due */
    }
    if (live_count(a->live) > 0 && a->goodbye_ticks++ < GOODBYE_TICKS) {
        return;
    }
    uv_close((uv_handle_t *)timer, on_tick_closed);
    web_stop(a->web, api_part_stopped, a);
}

void api_stop(struct api *a, void (*on_stopped)(void *ctx), void *ctx) {
    CHECK(!a->stopping);
    a->stopping = true;
    a->stop_left = 3;
    a->on_stopped = on_stopped;
    a->stop_ctx = ctx;
    live_shutdown(a->live);
    login_stop(a->login);
}

void api_free(struct api **a) {
    if (*a == NULL) {
        return;
    }
    struct api *v = *a;
    v->stopping = true;
    web_free(&v->web);
    /* What the host never answered: each handler ends, and finds nobody waiting. */
    struct reply gone = {.status = ERR_UNAVAILABLE};
    for (uint32_t i = 0; i < API_ASKED_MAX; i++) {
        if (v->asked[i].then != NULL) {
            answer(v, i, &gone);
        }
    }
    for (uint32_t i = 0; i < v->n_changes; i++) {
        http_failed(v->changes[i], ERR_UNAVAILABLE, NULL);
    }
    live_free(&v->live);
    login_free(&v->login);
    assets_free(&v->assets);
    free(v);
    *a = NULL;
}
