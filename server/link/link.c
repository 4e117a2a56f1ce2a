#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/tm.h"
#include "server/link/link_internal.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
    DEFAULT_SETTLE_MS = 30000,
    /* A day of a site in some two minutes; four times as much delays what is live (tests/bench, scale). */
    DEFAULT_BACKLOG_RATE = 64 * 1024,
    STRANGERS_BURST = 20,
    RESTART_MS = 1000,
    RESTART_SPREAD_MS = 4000, /* so that not all come back in the same moment */
};

struct link_now link_now(void) {
    return (struct link_now){.mono_us = clock_mono_us(), .wall_us = clock_wall_us()};
}

/* --- what is told --- */

void link_stranger(struct link *l, const char *peer, const char *subject, const char *why,
                   struct link_now now) {
    log_event(LOG_WARN, "link.refused", "peer=%s subject=%s reason=%s", peer, LOG_Q(slice_str(subject)),
              LOG_Q(slice_str(why)));
    if (!bucket_take(&l->strangers, now.mono_us, TM_MINUTE_US, STRANGERS_BURST)) {
        l->strangers_left_out++;
        return;
    }
    char detail[TLS_REASON_SIZE + 64];
    int n = snprintf(detail, sizeof detail, "%s", why);
    if (l->strangers_left_out > 0 && n > 0 && (size_t)n < sizeof detail) {
        (void)snprintf(detail + n, sizeof detail - (size_t)n, " (and %llu more before, not listed)",
                       (unsigned long long)l->strangers_left_out);
        l->strangers_left_out = 0;
    }
    l->env.host.incident(l->env.host.ctx, "link.refused", peer, subject, detail);
}

/* The sessions' host is the link itself, which logs and passes on. */
static void on_state(void *ctx, uint32_t gateway, bool up, const char *peer, const char *reason) {
    struct link *l = ctx;
    struct slice name = l->env.model->gateways[gateway].name;
    if (up) {
        const struct link_status *status = roster_borrow_status(l->roster, gateway);
        log_event(LOG_INFO, "link.up", "gateway=%s peer=%s session=%llu software=%s", LOG_Q(name), peer,
                  (unsigned long long)status->session, LOG_Q(slice_str(status->software)));
    } else {
        log_event(LOG_WARN, "link.down", "gateway=%s peer=%s reason=%s", LOG_Q(name), peer,
                  LOG_Q(slice_str(reason)));
    }
    l->host.state(l->host.ctx, gateway, up, peer, reason);
}

static void on_incident(void *ctx, const char *action, const char *peer, const char *object,
                        const char *detail) {
    struct link *l = ctx;
    log_event(LOG_WARN, action, "peer=%s object=%s detail=%s", peer, LOG_Q(slice_str(object)),
              LOG_Q(slice_str(detail)));
    l->host.incident(l->host.ctx, action, peer, object, detail);
}

static void on_duplicate(void *ctx, uint32_t gateway, const char *text) {
    struct link *l = ctx;
    if (l->host.duplicate != NULL) {
        l->host.duplicate(l->host.ctx, gateway, text);
    }
}

static void on_settle(void *ctx, uint64_t token, struct slice gateway, const struct msg_epoch *epochs,
                      uint32_t n_epochs) {
    struct link *l = ctx;
    l->host.settle(l->host.ctx, token, gateway, epochs, n_epochs);
}

static enum status on_record(void *ctx, const struct link_record *r) {
    struct link *l = ctx;
    return l->host.record(l->host.ctx, r);
}

static void on_snapshot(void *ctx, uint32_t gateway, const struct sample *v, uint32_t n,
                        int64_t received_us) {
    struct link *l = ctx;
    l->host.snapshot(l->host.ctx, gateway, v, n, received_us);
}

static void on_repeated(void *ctx, const struct link_repeat *r) {
    struct link *l = ctx;
    l->host.repeated(l->host.ctx, r);
}

static void on_clock(void *ctx, uint32_t gateway, const struct link_clock *c, bool judged) {
    struct link *l = ctx;
    l->host.clock(l->host.ctx, gateway, c, judged);
}

static void on_backlog_end(void *ctx, uint32_t gateway, int64_t te_us) {
    struct link *l = ctx;
    l->host.backlog_end(l->host.ctx, gateway, te_us);
}

static void on_wake(void *ctx, struct session *s) {
    (void)ctx;
    conn_wake(session_user(s));
}

/* --- time --- */

static void on_tick(uv_timer_t *timer);

/* The rest is loaded in the next turns, each after what came from the lines meanwhile. */
static void load_soon(struct link *l) {
    if (!l->stopping) {
        int rc = uv_timer_start(&l->tick, on_tick, 1, LINK_TICK_MS);
        CHECK(rc == 0);
    }
}

static void on_tick(uv_timer_t *timer) {
    struct link *l = timer->data;
    struct link_now now = link_now();
    listener_tick(l, now);
    trust_tick(l, now);
    roster_tick(l->roster, now);
    if (roster_load(l->roster, now)) {
        load_soon(l);
    }
    for (struct conn *c = l->conns; c != NULL; c = c->next) {
        conn_tick(c, now);
    }
    if (l->stopping) {
        link_turn_end(l); /* nobody else may call it any more */
    }
}

void link_turn_end(struct link *l) {
    if (l->n_woken == 0 && l->n_gone == 0) {
        return;
    }
    struct link_now now = link_now();
    struct conn *next = NULL;
    for (struct conn *c = l->conns; c != NULL; c = next) {
        next = c->next;
        if (c->woken) {
            conn_turn_end(c, now);
        }
        if (c->phase == CONN_GONE) {
            conn_free(c);
        }
    }
    listener_continue(l);
}

/* --- life --- */

static uint32_t or_default(uint32_t value, uint32_t otherwise) {
    return value == 0 ? otherwise : value;
}

/* Those at the door get a quarter of the files that the process may open: browsers, gateways and the database
 * need theirs. */
static uint32_t half_open_max(uint32_t wanted) {
    struct rlimit files = {.rlim_cur = 1024};
    (void)getrlimit(RLIMIT_NOFILE, &files);
    rlim_t quarter = files.rlim_cur / 4;
    return quarter < wanted ? (uint32_t)quarter : wanted;
}

static void set_env(struct link *l, const struct link_config *cfg) {
    l->env.limits =
        (struct session_limits){.heartbeat_ms = or_default(cfg->heartbeat_ms, LINK_HEARTBEAT_MS),
                                .dead_ms = or_default(cfg->dead_ms, LINK_DEAD_MS),
                                .link = cfg->limits != NULL ? *cfg->limits : link_limits_usual(),
                                .settle_ms = DEFAULT_SETTLE_MS,
                                .backlog_rate = or_default(cfg->backlog_rate, DEFAULT_BACKLOG_RATE),
                                .mutant_ack_before_commit = cfg->mutant_ack_before_commit};
    l->env.limits.link.half_open = half_open_max(l->env.limits.link.half_open);
    l->env.host = (struct link_host){.ctx = l,
                                     .settle = on_settle,
                                     .record = on_record,
                                     .snapshot = on_snapshot,
                                     .repeated = on_repeated,
                                     .clock = on_clock,
                                     .backlog_end = on_backlog_end,
                                     .state = on_state,
                                     .duplicate = on_duplicate,
                                     .incident = on_incident};
    l->env.owner.wake = on_wake;
}

static enum status set_up(struct link *l, const struct link_config *cfg, struct error *err) {
    uint64_t seed = 0;
    if (RAND_bytes((unsigned char *)&seed, sizeof seed) != 1) {
        return error_set(err, ERR_IO, "link", "no random numbers from OpenSSL");
    }
    rand_seed(&l->rand, seed);
    l->env.samples = calloc(LINK_SAMPLES_MAX, sizeof *l->env.samples);
    l->door = door_new(&l->env.limits.link);
    if (l->env.samples == NULL || l->door == NULL || roster_new(&l->env, &l->roster) != OK) {
        return error_set(err, ERR_NOMEM, "link", "out of memory");
    }
    enum status status = trust_open(l, cfg, err);
    if (l->issuer != NULL) {
        l->env.owner.certify = certify_ask;
    }
    return status == OK ? listener_open(l, cfg->port, err) : status;
}

enum status link_new(const struct link_config *cfg, const struct link_host *host, struct link **ret,
                     struct error *err) {
#ifndef PENSTOCK_MUTANTS
    if (cfg->mutant_ack_before_commit) {
        return error_set(err, ERR_UNSUPPORTED, "link", "this build has no mutants (PENSTOCK_MUTANTS)");
    }
#endif
    struct link *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return error_set(err, ERR_NOMEM, "link", "out of memory");
    }
    l->loop = cfg->loop;
    l->host = *host;
    l->sessions_max = cfg->sessions_max;
    (void)snprintf(l->address, sizeof l->address, "%s", cfg->address);
    set_env(l, cfg);
    enum status status = set_up(l, cfg, err);
    if (status != OK) {
        link_free(&l);
        return status;
    }
    int rc = uv_timer_init(l->loop, &l->tick);
    CHECK(rc == 0);
    l->tick.data = l;
    l->tick_open = true;
    rc = uv_timer_start(&l->tick, on_tick, LINK_TICK_MS, LINK_TICK_MS);
    CHECK(rc == 0);
    *ret = l;
    return OK;
}

uint16_t link_port(const struct link *l) {
    return l->listener.port;
}

void link_set_model(struct link *l, const struct model *m) {
    /* A few hundred bytes a gateway; without them there is no going on, for the old model is about to go. */
    enum status status = roster_set_model(l->roster, m, link_now());
    CHECK(status == OK);
}

void link_settled(struct link *l, uint64_t token, const struct link_settled *s) {
    roster_settled(l->roster, token, s, link_now());
    if (roster_loading(l->roster)) {
        load_soon(l);
    }
}

void link_committed(struct link *l, int64_t gateway_key, uint64_t epoch, uint64_t seq) {
    roster_committed(l->roster, gateway_key, epoch, seq);
}

void link_forked(struct link *l, int64_t gateway_key, uint64_t epoch, uint64_t seq) {
    roster_forked(l->roster, gateway_key, epoch, seq, link_now());
}

/* Whoever comes first may fill the room again: so that the same one is not always last, those that got a turn
 * go to the end of the list. */
void link_resume(struct link *l) {
    struct link_now now = link_now();
    struct conn *last = l->conns;
    while (last != NULL && last->next != NULL) {
        last = last->next;
    }
    struct conn *end = last;
    struct conn *next = NULL;
    for (struct conn *c = l->conns; c != NULL; c = next) {
        next = c == end ? NULL : c->next;
        if (c->phase != CONN_OPEN || !session_blocked(c->session)) {
            continue;
        }
        conn_resume(c, now);
        if (session_blocked(c->session)) {
            return; /* full again */
        }
        conn_move_behind(c, &last);
    }
}

void link_refresh(struct link *l, uint32_t gateway) {
    roster_refresh(l->roster, gateway, link_now());
}

void link_set_store(struct link *l, enum server_state state, uint64_t commit_lag_ms) {
    roster_set_store(l->roster, state, commit_lag_ms);
}

const struct link_status *link_borrow_status(const struct link *l, uint32_t gateway) {
    return roster_borrow_status(l->roster, gateway);
}

bool link_get_status(const struct link *l, uint32_t gateway, struct link_status *ret) {
    const struct link_status *status = roster_borrow_status(l->roster, gateway);
    if (status == NULL) {
        return false;
    }
    *ret = *status;
    return true;
}

int64_t link_complete_us(const struct link *l, uint32_t gateway) {
    return roster_complete_us(l->roster, gateway);
}

struct link_trouble link_trouble(const struct link *l, uint32_t gateway) {
    return roster_trouble(l->roster, gateway, link_now());
}

bool link_release(struct link *l, uint32_t gateway) {
    return roster_release(l->roster, gateway);
}

/* --- the end --- */

static void on_tick_closed(uv_handle_t *handle) {
    struct link *l = handle->data;
    l->tick_open = false;
    l->on_stopped(l->on_stopped_ctx);
}

void link_handle_closed(struct link *l) {
    if (l->stopping && l->n_conns == l->n_gone && !uv_is_closing((uv_handle_t *)&l->tick)) {
        uv_close((uv_handle_t *)&l->tick, on_tick_closed);
    }
}

void link_stop(struct link *l, void (*on_stopped)(void *ctx), void *ctx) {
    CHECK(!l->stopping);
    l->stopping = true;
    l->on_stopped = on_stopped;
    l->on_stopped_ctx = ctx;
    listener_close(l);
    struct link_now now = link_now();
    for (struct conn *c = l->conns; c != NULL; c = c->next) {
        if (c->phase == CONN_KNOCKS) {
            conn_turn_away(c, now);
        } else if (c->phase == CONN_OPEN) {
            uint32_t after_ms = RESTART_MS + (uint32_t)rand_below(&l->rand, RESTART_SPREAD_MS);
            session_bye(c->session, BYE_RESTART, after_ms, "the server restarts", now);
            conn_wake(c);
        }
    }
    link_turn_end(l);
    link_handle_closed(l);
}

void link_free(struct link **l) {
    if (*l == NULL) {
        return;
    }
    CHECK(!(*l)->tick_open);
    while ((*l)->conns != NULL) {
        conn_free((*l)->conns);
    }
    door_free(&(*l)->door);
    roster_free(&(*l)->roster);
    trust_close(*l);
    free((*l)->revoked);
    free((*l)->env.samples);
    free(*l);
    *l = NULL;
}
