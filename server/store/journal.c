#include "server/store/journal.h"

#include "server/base/check.h"
#include "server/base/log.h"
#include "server/store/lock.h"
#include "server/store/write.h"

#include <stdlib.h>

struct waiting {
    struct waiting *next;
    bool again; /* it was submitted before */
    uint64_t came_ms;
    struct journal_entry entry;
};

struct journal {
    struct journal_config cfg;
    struct pg *pg;
    struct lock *lock;
    uv_timer_t timer; /* of the next try */
    bool started;
    bool held;
    bool confirmed;
    bool fatal;
    bool closing;
    struct waiting *first;
    struct waiting **end;
    uint32_t n;
    uint32_t in_flight; /* so many of the first are under way */
    enum write_try try;
    uint64_t last_seq;
    struct error trouble;
    uint64_t retry_ms;
    uint32_t backoff_ms;
    uint32_t handles; /* to be closed */
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

static void die(struct journal *j, const struct error *err) {
    if (!j->fatal) {
        j->fatal = true;
        j->cfg.fatal(j->cfg.ctx, err);
    }
}

static void pop(struct journal *j) {
    struct waiting *w = j->first;
    j->first = w->next;
    if (j->first == NULL) {
        j->end = &j->first;
    }
    j->n--;
    free(w);
}

/* --- answers ------------------------------------------------------------------------------------------- */

static void retry_later(struct journal *j, const struct error *why) {
    struct waiting *w = j->first;
    for (uint32_t i = 0; i < j->in_flight; i++) {
        w->again = true;
        w = w->next;
    }
    struct error trouble = pg_trouble(why);
    bool news = pg_is_news(&j->trouble, &trouble);
    j->trouble = trouble;
    j->retry_ms = uv_now(j->cfg.loop) + j->backoff_ms;
    j->backoff_ms = j->backoff_ms * 2 > JOURNAL_RETRY_MAX_MS ? JOURNAL_RETRY_MAX_MS : j->backoff_ms * 2;
    if (news) {
        log_event(LOG_WARN, "journal.retry", "text=%s", LOG_Q(slice_str(why->text)));
    }
}

static void finish(struct journal *j, uint32_t n, const struct pg_answer *answer) {
    if (!write_records_hold(answer, n, j->try)) {
        struct error err;
        (void)error_set(
            &err, ERR_CONFLICT, "alarm_journal",
            "other records are stored under numbers from %llu on: another server wrote to this journal",
            (unsigned long long)j->first->entry.record.seq);
        die(j, &err);
        return;
    }
    uint64_t seq = 0;
    for (uint32_t i = 0; i < n; i++) {
        seq = j->first->entry.record.seq;
        pop(j);
    }
    j->cfg.journaled(j->cfg.ctx, seq);
}

static void on_group_done(void *ctx, struct pg_answer *answer) {
    struct journal *j = ctx;
    uint32_t n = j->in_flight;
    switch (answer->outcome) {
    case PG_DONE:
        j->in_flight = 0;
        j->trouble = (struct error){0};
        j->backoff_ms = JOURNAL_RETRY_MIN_MS;
        finish(j, n, answer);
        break;
    case PG_REFUSED:
        /* Refused for good: without the journal the server cannot go on. */
        if (pg_refusal(answer) == PG_REFUSAL_LATER) {
            retry_later(j, &answer->error);
        } else {
            die(j, &answer->error);
        }
        j->in_flight = 0;
        break;
    case PG_UNKNOWN:
        retry_later(j, &answer->error);
        j->in_flight = 0;
        break;
    }
    journal_turn_end(j);
}

/* --- submitting ---------------------------------------------------------------------------------------- */

static void submit(struct journal *j) {
    if (!j->confirmed || j->fatal || j->in_flight > 0 || j->first == NULL || !pg_has_room(j->pg) ||
        uv_now(j->cfg.loop) < j->retry_ms) {
        return;
    }
    const struct journal_entry *v[WRITE_GROUP_MAX];
    const struct waiting *w = j->first;
    j->try = WRITE_FIRST;
    for (; w != NULL && j->in_flight < WRITE_GROUP_MAX; w = w->next) {
        v[j->in_flight++] = &w->entry;
        j->try = w->again ? WRITE_AGAIN : j->try;
    }
    write_records(j->pg, v, j->in_flight, j->try, on_group_done, j);
}

static void on_timer(uv_timer_t *timer) {
    journal_turn_end(timer->data);
}

static void arm_timer(struct journal *j) {
    if (j->closing) {
        return;
    }
    if (j->first == NULL || j->in_flight > 0 || !j->confirmed || j->fatal) {
        (void)uv_timer_stop(&j->timer);
        return;
    }
    uint64_t now = uv_now(j->cfg.loop);
    int rc = uv_timer_start(&j->timer, on_timer, j->retry_ms > now ? j->retry_ms - now : 0, 0);
    CHECK(rc == 0);
}

void journal_turn_end(struct journal *j) {
    submit(j);
    arm_timer(j);
    pg_flush(j->pg);
}

/* --- the connection and its lock ----------------------------------------------------------------------- */

static void on_held(void *ctx) {
    struct journal *j = ctx;
    j->held = true;
    j->cfg.held(j->cfg.ctx);
}

/* Another server's connection: either that server is about to find out that it has lost the database, or this
 * one is. Whose lock of the database it is decides (boot.h); meanwhile nothing is written. */
static void on_taken(void *ctx, const struct error *error) {
    struct journal *j = ctx;
    j->trouble = *error;
    log_event(LOG_WARN, "journal.locked", "text=%s", LOG_Q(slice_str(error->text)));
}

static void on_lock_fatal(void *ctx, const struct error *error) {
    die(ctx, error);
}

static void on_up(void *ctx) {
    struct journal *j = ctx;
    lock_begin(j->lock);
}

static void on_down(void *ctx) {
    struct journal *j = ctx;
    lock_down(j->lock);
    j->held = false;
    j->confirmed = false;
    j->trouble = (struct error){0};
    j->backoff_ms = JOURNAL_RETRY_MIN_MS;
}

void journal_start(struct journal *j) {
    if (!j->started && !j->closing) {
        j->started = true;
        pg_start(j->pg);
    }
}

void journal_confirm(struct journal *j) {
    if (!j->held || j->confirmed) {
        return;
    }
    j->confirmed = true;
    j->trouble = (struct error){0};
    j->retry_ms = 0;
    journal_turn_end(j);
}

/* --- for the owner ------------------------------------------------------------------------------------- */

static enum status make_connection(struct journal *j, struct error *err) {
    struct pg_config pg = {.loop = j->cfg.loop,
                           .conninfo = j->cfg.conninfo,
                           .name = "penstock alarms",
                           .ctx = j,
                           .on_up = on_up,
                           .on_down = on_down};
    enum status status = pg_new(&pg, &j->pg, err);
    if (status != OK) {
        return status;
    }
    struct lock_config lock = {.loop = j->cfg.loop,
                               .pg = j->pg,
                               .object = LOCK_JOURNAL,
                               .ctx = j,
                               .held = on_held,
                               .taken = on_taken,
                               .fatal = on_lock_fatal};
    status = lock_new(&lock, &j->lock, err);
    CHECK(status == OK); /* only memory can be missing, at a start */
    return OK;
}

enum status journal_new(const struct journal_config *cfg, struct journal **ret, struct error *err) {
    struct journal *j = calloc(1, sizeof *j);
    if (j == NULL) {
        return error_set(err, ERR_NOMEM, "store", "no memory");
    }
    j->cfg = *cfg;
    j->end = &j->first;
    j->backoff_ms = JOURNAL_RETRY_MIN_MS;
    enum status status = make_connection(j, err);
    if (status != OK) {
        free(j);
        return status;
    }
    int rc = uv_timer_init(cfg->loop, &j->timer);
    CHECK(rc == 0);
    j->timer.data = j;
    j->handles = 3;
    *ret = j;
    return OK;
}

void journal_start_at(struct journal *j, uint64_t seq) {
    j->last_seq = seq;
}

enum status journal_put(struct journal *j, const struct alarm_record *r, struct slice position) {
    CHECK(r->seq > j->last_seq);
    struct waiting *w = j->n >= JOURNAL_RECORDS_MAX ? NULL : malloc(sizeof *w);
    if (w == NULL) {
        return ERR_FULL;
    }
    *w = (struct waiting){.came_ms = uv_now(j->cfg.loop), .entry = {.record = *r}};
    (void)snprintf(w->entry.position, sizeof w->entry.position, "%.*s", SLICE_ARG(position));
    j->last_seq = r->seq;
    j->n++;
    *j->end = w;
    j->end = &w->next;
    return OK;
}

bool journal_is_empty(const struct journal *j) {
    return j->first == NULL;
}

uint64_t journal_oldest_ms(const struct journal *j) {
    return j->first == NULL ? UINT64_MAX : j->first->came_ms;
}

const struct error *journal_trouble(const struct journal *j) {
    static const struct error locking = {.code = ERR_UNAVAILABLE,
                                         .where = "database",
                                         .text = "the alarm journal's connection is being made ready"};
    if (!pg_is_up(j->pg)) {
        return pg_error(j->pg);
    }
    if (j->trouble.code != OK) {
        return &j->trouble;
    }
    return j->confirmed ? NULL : &locking;
}

static void closed_one(struct journal *j) {
    j->handles--;
    if (j->handles > 0) {
        return;
    }
    while (j->first != NULL) {
        pop(j);
    }
    j->on_closed(j->closed_ctx);
}

static void on_part_closed(void *ctx) {
    closed_one(ctx);
}

static void on_timer_closed(uv_handle_t *handle) {
    closed_one(handle->data);
}

void journal_close(struct journal *j, void (*on_closed)(void *ctx), void *ctx) {
    j->closing = true;
    j->confirmed = false;
    j->on_closed = on_closed;
    j->closed_ctx = ctx;
    uv_close((uv_handle_t *)&j->timer, on_timer_closed);
    lock_close(j->lock, on_part_closed, j);
    pg_close(j->pg, on_part_closed, j);
}

void journal_free(struct journal **journal) {
    struct journal *j = *journal;
    if (j == NULL) {
        return;
    }
    CHECK(j->handles == 0);
    lock_free(&j->lock);
    pg_free(&j->pg);
    free(j);
    *journal = NULL;
}
