#include "server/app/keeping.h"

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/tm.h"
#include "server/history/pack.h"
#include "server/store/keeper.h"

#include <stdlib.h>

enum { AT_ONCE_MS = 10 };

struct keeping {
    uv_timer_t timer;
    uv_work_t work;
    struct keeper *keeper;
    struct keeper_plan *plan; /* the thread's while it is busy */
    struct keeper_plan *next; /* a newer one, for the next turn */
    struct keeper_expired expired[KEEPING_EXPIRED_MAX];
    uint32_t n_expired;
    struct keeper_expired sent[KEEPING_EXPIRED_MAX]; /* the thread's while it is busy */
    uint32_t n_sent;
    uint64_t all_expired;
    int64_t newest_us; /* so far samples have come; 0: none, or not known yet */
    atomic_bool stop;
    bool busy;
    bool in_trouble;                                        /* told already */
    char damage[sizeof((struct keeper_report *)0)->damage]; /* told last */
    enum status status;                                     /* the thread's; read when it is done */
    struct keeper_report report;
    struct error err;
    void (*on_stopped)(void *ctx);
    void *stop_ctx;
};

/* --- samples whose time is past ---------------------------------------------------------------------------
 */

int64_t keeping_gone_us(const struct keeping *k, int64_t now_us) {
    return k->newest_us != 0 && k->newest_us < now_us ? k->newest_us : now_us;
}

uint32_t keeping_sort_out(const struct model *m, const struct sample *samples, struct stored_sample *v,
                          uint32_t n, int64_t gone_us) {
    int64_t from_us[MODEL_KEEPS_MAX];
    uint32_t stay = 0;
    for (uint32_t i = 0; i < m->n_keeps; i++) {
        /* What is in the same period as the last day that is kept, is kept with it. */
        from_us[i] = m->keeps[i].days == 0 ? INT64_MIN : pack_period(gone_us - m->keeps[i].days * TM_DAY_US);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct stored_sample s = v[i];
        if (s.t_us >= from_us[m->tags[samples[i].tag].keep]) {
            v[i] = v[stay];
            v[stay++] = s;
        }
    }
    return stay;
}

static void add_row(struct keeping *k, const struct keeper_expired *row) {
    uint32_t i = 0;
    while (i < k->n_expired && (k->expired[i].gateway_key != row->gateway_key ||
                                k->expired[i].tag_key != row->tag_key || k->expired[i].day != row->day)) {
        i++;
    }
    struct keeper_expired *e = &k->expired[i < KEEPING_EXPIRED_MAX ? i : KEEPING_EXPIRED_MAX - 1];
    if (i == k->n_expired && i < KEEPING_EXPIRED_MAX) {
        *e = *row;
        k->n_expired++;
        return;
    }
    if (i == KEEPING_EXPIRED_MAX) {
        e->tag_key = 0; /* of several */
    }
    e->n += row->n;
    e->from_us = row->from_us < e->from_us ? row->from_us : e->from_us;
    e->to_us = row->to_us > e->to_us ? row->to_us : e->to_us;
}

void keeping_count(struct keeping *k, int64_t gateway_key, const struct stored_sample *v, uint32_t n,
                   int64_t now_us) {
    for (uint32_t i = 0; i < n; i++) {
        add_row(k, &(struct keeper_expired){.gateway_key = gateway_key,
                                            .tag_key = v[i].tag_key,
                                            .day = now_us / TM_DAY_US,
                                            .n = 1,
                                            .from_us = v[i].t_us,
                                            .to_us = v[i].t_us});
    }
    k->all_expired += n;
}

uint64_t keeping_expired(const struct keeping *k) {
    return k->all_expired;
}

/* --- the thread --------------------------------------------------------------------------------------------
 */

static void on_work(uv_work_t *work) {
    struct keeping *k = work->data;
    k->status = keeper_turn(k->keeper, k->plan, k->sent, k->n_sent, clock_wall_us(), &k->report, &k->err);
}

static void on_done(uv_work_t *work, int status);

static void on_timer(uv_timer_t *timer) {
    struct keeping *k = timer->data;
    if (k->busy || (k->plan == NULL && k->next == NULL)) {
        return;
    }
    if (k->next != NULL) {
        keeper_plan_free(&k->plan);
        k->plan = k->next;
        k->next = NULL;
    }
    memcpy(k->sent, k->expired, k->n_expired * sizeof k->expired[0]);
    k->n_sent = k->n_expired;
    k->n_expired = 0;
    k->busy = true;
    int rc = uv_queue_work(timer->loop, &k->work, on_work, on_done);
    CHECK(rc == 0);
}

static void tell(struct keeping *k) {
    const struct keeper_report *r = &k->report;
    if (r->dropped > 0) {
        log_event(LOG_INFO, "history.dropped", "tables=%u", r->dropped);
    }
    if (r->damage[0] != '\0' && strcmp(r->damage, k->damage) != 0) {
        log_event(LOG_ERROR, "history.damaged", "text=%s", LOG_Q(slice_str(r->damage)));
        memcpy(k->damage, r->damage, sizeof k->damage);
    }
    if (k->status == OK || k->status == ERR_CONFLICT || atomic_load(&k->stop)) {
        k->in_trouble = false;
    } else if (!k->in_trouble) {
        k->in_trouble = true;
        log_event(LOG_WARN, "history.not_kept", "where=%s text=%s", LOG_Q(slice_str(k->err.where)),
                  LOG_Q(slice_str(k->err.text)));
    }
}

static void on_closed(uv_handle_t *handle) {
    struct keeping *k = handle->data;
    k->on_stopped(k->stop_ctx);
}

static void on_done(uv_work_t *work, int status) {
    struct keeping *k = work->data;
    CHECK(status == 0); /* nobody cancels it */
    k->busy = false;
    k->newest_us = k->report.newest_us != 0 ? k->report.newest_us : k->newest_us;
    tell(k);
    for (uint32_t i = 0; i < k->n_sent && !k->report.expired; i++) {
        add_row(k, &k->sent[i]);
    }
    if (atomic_load(&k->stop)) {
        uv_close((uv_handle_t *)&k->timer, on_closed);
        return;
    }
    bool at_once = k->status == OK && (k->report.more || k->next != NULL);
    int rc = uv_timer_start(&k->timer, on_timer, at_once ? AT_ONCE_MS : KEEPING_EVERY_MS, 0);
    CHECK(rc == 0);
}

/* --- life
 * --------------------------------------------------------------------------------------------------- */

enum status keeping_new(uv_loop_t *loop, const char *conninfo, struct keeping **ret, struct error *err) {
    struct keeping *k = calloc(1, sizeof *k);
    if (k == NULL) {
        return error_set(err, ERR_NOMEM, "history", "no memory for its keeper");
    }
    enum status status = keeper_new(conninfo, &k->stop, &k->keeper, err);
    if (status != OK) {
        free(k);
        return status;
    }
    int rc = uv_timer_init(loop, &k->timer);
    CHECK(rc == 0);
    k->timer.data = k;
    k->work.data = k;
    *ret = k;
    return OK;
}

void keeping_plan(struct keeping *k, const struct model *m) {
    struct keeper_plan *plan = NULL;
    struct error err;
    if (keeper_plan_new(m, &plan, &err) != OK) {
        log_event(LOG_ERROR, "history.no_plan", "text=%s", LOG_Q(slice_str(err.text)));
        return;
    }
    keeper_plan_free(&k->next);
    k->next = plan;
    if (!k->busy && !atomic_load(&k->stop)) {
        int rc = uv_timer_start(&k->timer, on_timer, AT_ONCE_MS, 0);
        CHECK(rc == 0);
    }
}

void keeping_stop(struct keeping *k, void (*on_stopped)(void *ctx), void *ctx) {
    k->on_stopped = on_stopped;
    k->stop_ctx = ctx;
    atomic_store(&k->stop, true);
    if (!k->busy) {
        uv_close((uv_handle_t *)&k->timer, on_closed);
    }
}

void keeping_free(struct keeping **keeping) {
    if (*keeping != NULL) {
        CHECK(!(*keeping)->busy);
        keeper_free(&(*keeping)->keeper);
        keeper_plan_free(&(*keeping)->plan);
        keeper_plan_free(&(*keeping)->next);
        free(*keeping);
    }
    *keeping = NULL;
}
