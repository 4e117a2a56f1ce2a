#include "server/store/packer.h"

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/store/packing.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* What one thread is to do, and what came of it. */
struct pass {
    int64_t now_us;
    bool prune;
    enum status status;
    struct error err;
    bool looked; /* waiting is known */
    struct packing_waiting waiting;
    struct packing_done done;
    int64_t pruned;
    uint64_t took_ms;
};

struct packer {
    struct packer_config cfg;
    struct packing *packing;
    uv_timer_t timer;
    uv_async_t ended;
    uv_thread_t thread;
    struct pass pass; /* the thread's while it runs */
    bool running;
    atomic_bool stop;
    bool closing;
    uint64_t lag_ms;
    uint64_t prune_ms; /* loop time of the next time */
    uint64_t backoff_ms;
    struct store_packing told;
    uint32_t handles;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

/* --- the thread ----------------------------------------------------------------------------------------- */

/* What was received far in the future, by a clock that was set back since, waits for nothing; what came after
 * the pass had begun is no such thing. */
static bool is_due(const struct packer *p, const struct pass *x) {
    const struct packing_waiting *w = &x->waiting;
    return w->loose || w->rows >= PACKER_ROWS_MUCH ||
           (w->oldest_us != 0 && llabs(x->now_us - w->oldest_us) >= p->cfg.after_us);
}

static enum status look(const struct packer *p, struct pass *x) {
    enum status status = packing_look(p->packing, &x->waiting, &x->err);
    x->looked = x->looked || status == OK;
    return status;
}

static enum status do_pass(const struct packer *p, struct pass *x) {
    enum status status = OK;
    bool due = packing_is_begun(p->packing);
    if (!due) {
        status = look(p, x);
        due = status == OK && is_due(p, x);
    }
    if (due) {
        status = packing_step(p->packing, &x->done, &x->err);
        status = status == OK ? look(p, x) : status;
    }
    if (status == OK && x->prune) {
        status = packing_prune(p->packing, x->now_us - p->cfg.keep_raw_us, &x->pruned, &x->err);
    }
    return status;
}

static void work(void *arg) {
    struct packer *p = arg;
    int64_t from_us = clock_mono_us();
    /* On Linux this is about the calling thread alone. If it is refused, the thread is only less polite. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), PACKER_NICE);
    p->pass.status = do_pass(p, &p->pass);
    p->pass.took_ms = (uint64_t)(clock_mono_us() - from_us) / 1000;
    (void)uv_async_send(&p->ended);
}

/* --- the loop ------------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void come_back(struct packer *p, uint64_t after_ms) {
    if (!p->closing) {
        int rc = uv_timer_start(&p->timer, on_timer, after_ms, 0);
        CHECK(rc == 0);
    }
}

static void on_timer(uv_timer_t *timer) {
    struct packer *p = timer->data;
    p->pass = (struct pass){.now_us = clock_wall_us(), .prune = uv_now(p->cfg.loop) >= p->prune_ms};
    p->running = true;
    if (uv_thread_create(&p->thread, work, p) != 0) {
        p->running = false;
        log_event(LOG_WARN, "packer.retry", "text=\"the system gives no thread\"");
        come_back(p, PACKER_RETRY_MAX_MS);
    }
}

static uint64_t look_ms(const struct packer *p) {
    uint64_t ms = (uint64_t)p->cfg.after_us / 4000;
    return ms < PACKER_LOOK_MIN_MS ? PACKER_LOOK_MIN_MS : ms > PACKER_LOOK_MS ? PACKER_LOOK_MS : ms;
}

/* How long until the next look. */
static uint64_t rest_ms(struct packer *p, const struct pass *x) {
    if (x->status != OK) {
        uint64_t ms = p->backoff_ms;
        p->backoff_ms = ms * 2 > PACKER_RETRY_MAX_MS ? PACKER_RETRY_MAX_MS : ms * 2;
        return ms;
    }
    p->backoff_ms = PACKER_RETRY_MIN_MS;
    bool due = packing_is_begun(p->packing) || is_due(p, x);
    bool more = (x->done.rows > 0 && due) || x->pruned == PACKING_PRUNE;
    uint64_t rest = x->took_ms * (p->lag_ms > PACKER_BUSY_MS ? PACKER_REST_BUSY : 1);
    return more ? rest : look_ms(p) > rest ? look_ms(p) : rest;
}

static void tell(struct packer *p, const struct pass *x) {
    struct store_packing *t = &p->told;
    t->samples += x->done.samples;
    t->chunks += x->done.chunks;
    t->damaged += x->done.damaged;
    t->damage = x->done.damaged > 0 ? x->done.damage : NULL;
    t->pruned += (uint64_t)x->pruned;
    t->error = x->status == OK ? (struct error){0} : x->err;
    if (x->looked) {
        t->oldest_us = x->waiting.oldest_us;
        t->rows = x->waiting.rows;
    }
    if (x->status == OK) {
        t->at_us = x->now_us;
        t->failing_us = 0;
    } else {
        t->failing_us = t->failing_us == 0 ? x->now_us : t->failing_us;
        log_event(LOG_WARN, "packer.retry", "where=%s text=%s", LOG_Q(slice_str(x->err.where)),
                  LOG_Q(slice_str(x->err.text)));
    }
    if (x->done.damaged > 0) {
        log_event(LOG_ERROR, "packer.damaged",
                  "n=%u first=%s text=\"put aside in sample_damaged, with all their bytes\"", x->done.damaged,
                  LOG_Q(slice_str(x->done.damage)));
    }
    p->cfg.packed(p->cfg.ctx, t);
}

static void on_closed_one(uv_handle_t *handle) {
    struct packer *p = handle->data;
    p->handles--;
    if (p->handles == 0) {
        p->on_closed(p->closed_ctx);
    }
}

static void close_handles(struct packer *p) {
    uv_close((uv_handle_t *)&p->timer, on_closed_one);
    uv_close((uv_handle_t *)&p->ended, on_closed_one);
}

static void on_ended(uv_async_t *async) {
    struct packer *p = async->data;
    if (!p->running) {
        return;
    }
    int rc = uv_thread_join(&p->thread);
    CHECK(rc == 0);
    p->running = false;
    if (p->closing) {
        close_handles(p);
        return;
    }
    if (p->pass.prune && p->pass.status == OK && p->pass.pruned < PACKING_PRUNE) {
        p->prune_ms = uv_now(p->cfg.loop) + PACKER_PRUNE_MS;
    }
    tell(p, &p->pass);
    come_back(p, rest_ms(p, &p->pass));
}

/* --- life ----------------------------------------------------------------------------------------------- */

enum status packer_new(const struct packer_config *cfg, struct packer **ret, struct error *err) {
    struct packer *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return error_set(err, ERR_NOMEM, "packer", "no memory");
    }
    p->cfg = *cfg;
    p->cfg.after_us = cfg->after_us == 0 ? PACKER_AFTER_S * INT64_C(1000000) : cfg->after_us;
    p->cfg.keep_raw_us = cfg->keep_raw_us == 0 ? PACKER_KEEP_H * INT64_C(3600000000) : cfg->keep_raw_us;
    p->backoff_ms = PACKER_RETRY_MIN_MS;
    p->packing = packing_new(cfg->conninfo, 0, &p->stop);
    if (p->packing == NULL) {
        free(p);
        return error_set(err, ERR_NOMEM, "packer", "no memory");
    }
    int rc = uv_timer_init(cfg->loop, &p->timer);
    CHECK(rc == 0);
    rc = uv_async_init(cfg->loop, &p->ended, on_ended);
    CHECK(rc == 0);
    p->timer.data = p;
    p->ended.data = p;
    p->handles = 2;
    *ret = p;
    return OK;
}

void packer_start(struct packer *p) {
    come_back(p, look_ms(p));
}

void packer_lag(struct packer *p, uint64_t lag_ms) {
    p->lag_ms = lag_ms;
}

void packer_close(struct packer *p, void (*on_closed)(void *ctx), void *ctx) {
    p->closing = true;
    p->on_closed = on_closed;
    p->closed_ctx = ctx;
    atomic_store(&p->stop, true);
    if (!p->running) {
        close_handles(p);
    }
}

void packer_free(struct packer **packer) {
    struct packer *p = *packer;
    if (p == NULL) {
        return;
    }
    CHECK(p->handles == 0);
    packing_free(&p->packing);
    free(p);
    *packer = NULL;
}
