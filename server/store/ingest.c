#include "server/store/ingest.h"

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/store/doubt_sql.h"
#include "server/store/fresh_sql.h"
#include "server/store/hot.h"
#include "server/store/ingest_sql.h"
#include "server/store/notes.h"
#include "server/store/order_sql.h"
#include "server/store/settle.h"

#include <stdlib.h>

struct ingest {
    struct store_host host;
    uv_loop_t *loop;
    struct pg *pg;
    uv_timer_t timer;
    uint32_t commit_every_ms;
    size_t pending_max;
    bool started;
    bool coming; /* the first connection is being made: who asks can wait for it */
    bool hurry;
    bool full_told; /* the host waits for room */
    bool closing;
    bool fatal;
    uint32_t handles;
    void (*on_closed)(void *ctx);
    void *closed_ctx;

    struct ingest_record *waiting; /* in order of arrival */
    struct ingest_record **waiting_end;
    uint32_t waiting_records;
    uint64_t waiting_samples;
    size_t waiting_bytes;
    struct ingest_batch *batches; /* older than what waits; in order */
    uint32_t in_flight;
    size_t pending_bytes; /* of records that wait or are in batches */
    uint64_t numbers;
    uint64_t journaled_seq;

    struct settle_line settles;
    struct notes *notes;
    struct hot *hot; /* to write samples in */

    struct error trouble; /* code OK: none */
    uint64_t retry_ms;    /* not before this loop time */
    uint32_t backoff_ms;
};

static void submit(struct ingest *g);
static void arm_timer(struct ingest *g);

/* --- records ------------------------------------------------------------------------------------------- */

bool ingest_has_room(struct ingest *g, const struct store_record *r) {
    bool room = g->pending_bytes == 0 || g->pending_bytes + ingest_record_bytes_max(r) <= g->pending_max;
    g->full_told = g->full_told || !room;
    return room;
}

enum status ingest_put(struct ingest *g, const struct store_record *r) {
    if (r->seq >= LINK_SEQ_MAX) {
        return ERR_INVALID;
    }
    if (!ingest_has_room(g, r)) {
        return ERR_FULL;
    }
    struct ingest_record *copy = ingest_record_new(r, g->hot);
    if (copy == NULL) {
        g->full_told = true;
        return ERR_FULL;
    }
    copy->number = ++g->numbers;
    copy->came_ms = uv_now(g->loop);
    *g->waiting_end = copy;
    g->waiting_end = &copy->next;
    g->waiting_records++;
    g->waiting_samples += copy->v.n_samples;
    g->waiting_bytes += copy->bytes;
    g->pending_bytes += copy->bytes;
    return OK;
}

/* Number of the oldest record that is not known to be committed. */
static uint64_t oldest_unfinished(const struct ingest *g) {
    if (g->batches != NULL) {
        return g->batches->first->number;
    }
    return g->waiting != NULL ? g->waiting->number : UINT64_MAX;
}

/* --- batches ------------------------------------------------------------------------------------------- */

static void unlink_batch(struct ingest *g, const struct ingest_batch *b) {
    struct ingest_batch **at = &g->batches;
    while (*at != b) {
        at = &(*at)->next;
    }
    *at = b->next;
}

/* Moves records from the line into a new batch at the end of the batches; NULL if none may go. */
static struct ingest_batch *form_batch(struct ingest *g) {
    if (g->waiting == NULL || g->waiting->v.after_seq > g->journaled_seq) {
        return NULL;
    }
    struct ingest_batch *b = ingest_batch_new(g);
    if (b == NULL) {
        return NULL; /* they wait; the next turn tries again */
    }
    struct ingest_record **end = &b->first;
    while (g->waiting != NULL && g->waiting->v.after_seq <= g->journaled_seq &&
           ingest_batch_has_room(b, g->waiting)) {
        struct ingest_record *r = g->waiting;
        g->waiting = r->next;
        ingest_batch_add(b, &end, r);
        g->waiting_records--;
        g->waiting_samples -= r->v.n_samples;
        g->waiting_bytes -= r->bytes;
    }
    if (g->waiting == NULL) {
        g->waiting_end = &g->waiting;
    }
    struct ingest_batch **at = &g->batches;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = b;
    return b;
}

static bool is_due(const struct ingest *g) {
    return g->waiting != NULL &&
           (g->hurry || g->waiting_samples >= INGEST_BATCH_SAMPLES ||
            g->waiting_records >= INGEST_BATCH_RECORDS || g->waiting_bytes >= INGEST_BATCH_BYTES ||
            uv_now(g->loop) - g->waiting->came_ms >= g->commit_every_ms);
}

static void give_room(struct ingest *g, size_t bytes) {
    g->pending_bytes -= bytes;
    if (g->full_told && g->pending_bytes <= g->pending_max / 4 * 3) {
        g->full_told = false;
        g->host.room(g->host.ctx);
    }
}

static void tell_forked(struct ingest *g, const struct store_key *key) {
    log_event(LOG_WARN, "ingest.forked",
              "gateway=%lld epoch=%llu seq=%llu text=\"number used twice; see quarantine\"",
              (long long)key->gateway_key, (unsigned long long)key->epoch, (unsigned long long)key->seq);
    g->host.forked(g->host.ctx, key);
}

/* forked: the places (from 1, ascending) of those whose number has another content. */
static void tell_stored(struct ingest *g, const struct ingest_batch *b, const PGresult *forked) {
    static const uint32_t most = 256;
    struct store_key keys[256];
    uint32_t n = 0;
    int64_t place = 0;
    int next = 0;
    for (const struct ingest_record *r = b->first; r != NULL; r = r->next) {
        keys[n] = (struct store_key){.gateway_key = r->v.gateway_key, .epoch = r->v.epoch, .seq = r->v.seq};
        place++;
        if (next < PQntuples(forked) && pg_get_i64(forked, next, 0) == place) {
            next++;
            tell_forked(g, &keys[n]);
        } else {
            n++;
        }
        if (n == most || (n > 0 && r->next == NULL)) {
            g->host.ingested(g->host.ctx, keys, n);
            n = 0;
        }
    }
}

static void on_batch_stored(struct ingest *g, struct ingest_batch *b, const PGresult *forked) {
    unlink_batch(g, b);
    g->trouble = (struct error){0};
    g->backoff_ms = INGEST_RETRY_MIN_MS;
    size_t bytes = 0;
    for (const struct ingest_record *r = b->first; r != NULL; r = r->next) {
        bytes += r->bytes;
    }
    tell_stored(g, b, forked);
    ingest_batch_free(b);
    give_room(g, bytes);
}

static void retry_later(struct ingest *g, const struct error *why) {
    struct error trouble = pg_trouble(why);
    bool news = pg_is_news(&g->trouble, &trouble);
    g->trouble = trouble;
    g->retry_ms = uv_now(g->loop) + g->backoff_ms;
    g->backoff_ms = g->backoff_ms * 2 > INGEST_RETRY_MAX_MS ? INGEST_RETRY_MAX_MS : g->backoff_ms * 2;
    if (news) {
        log_event(LOG_WARN, "ingest.retry", "text=%s", LOG_Q(slice_str(why->text)));
    }
}

static void give_up(struct ingest *g, const struct error *why) {
    g->fatal = true;
    g->trouble = *why;
    g->host.fatal(g->host.ctx, why);
}

/* One of the batch's records is guilty: halves are tried alone. */
static void isolate(struct ingest *g, struct ingest_batch *b, const struct error *why) {
    if (b->n_records == 1) {
        if (b->first->v.fault != 0) {
            give_up(g, why); /* not even as bytes in quarantine: the schema is not what we think */
            return;
        }
        log_event(LOG_WARN, "ingest.quarantined", "gateway=%lld epoch=%llu seq=%llu text=%s",
                  (long long)b->first->v.gateway_key, (unsigned long long)b->first->v.epoch,
                  (unsigned long long)b->first->v.seq, LOG_Q(slice_str(why->text)));
        ingest_record_condemn(b->first, why);
        ingest_batch_count(b);
        return;
    }
    if (!ingest_batch_halve(b)) {
        retry_later(g, why);
    }
}

/* A batch's number is that of its first record. 0: all before it are stored. */
static uint64_t number_before(const struct ingest *g, const struct ingest_batch *b) {
    uint64_t number = 0;
    for (const struct ingest_batch *at = g->batches; at != b; at = at->next) {
        number = at->first->number;
    }
    return number;
}

/* Of the statements of a batch the one that stores it. */
enum { STORED = 1 };

static void on_batch_done(void *ctx, struct pg_answer *answer) {
    struct ingest_batch *b = ctx;
    struct ingest *g = b->owner;
    b->sent = false;
    g->in_flight--;
    switch (answer->outcome) {
    case PG_DONE:
        on_batch_stored(g, b, answer->results[STORED]);
        break;
    case PG_UNKNOWN: /* the same again: what is there already will not be applied twice */
        b->tried = true;
        retry_later(g, &answer->error);
        break;
    case PG_REFUSED:
        if (number_before(g, b) != 0 && strcmp(answer->sqlstate, ORDER_SQL_EARLY) == 0) {
            break; /* it goes behind that one, which goes again */
        }
        if (!b->twice && strcmp(answer->sqlstate, FRESH_SQL_TWICE) == 0) {
            b->twice = true; /* at once, by the statement that sorts them out */
            break;
        }
        switch (pg_refusal(answer)) {
        case PG_REFUSAL_CONTENT:
            isolate(g, b, &answer->error);
            break;
        case PG_REFUSAL_PROGRAM:
            give_up(g, &answer->error);
            break;
        case PG_REFUSAL_LATER:
            retry_later(g, &answer->error);
            break;
        }
        break;
    }
    submit(g);
    pg_flush(g->pg);
}

static void send_batch(struct ingest *g, struct ingest_batch *b) {
    struct pg_args args;
    pg_args_init(&args, INGEST_ARGS_BYTES(b->n_records, b->bytes));
    pg_begin(g->pg, PG_WRITE, on_batch_done, b);
    order_sql_args(&args, number_before(g, b), b->first->number);
    pg_send(g->pg, order_sql(), &args);
    pg_args_clear(&args);
    bool fresh = !b->tried && !b->twice && fresh_sql_args(&args, b->first, b->n_records);
    if (!fresh) {
        ingest_sql_args(&args, b->first, b->tried);
    }
    pg_send(g->pg, fresh ? fresh_sql() : ingest_sql(), &args);
    if (doubt_sql_has(b->first)) {
        pg_args_clear(&args);
        doubt_sql_args(&args, b->first);
        pg_send(g->pg, doubt_sql(), &args);
    }
    pg_end(g->pg);
    pg_args_done(&args);
    b->sent = true;
    g->in_flight++;
}

/* --- settles ------------------------------------------------------------------------------------------- */

static void on_settle_done(void *ctx, struct pg_answer *answer) {
    struct settle *s = ctx;
    struct ingest *g = s->owner;
    int64_t gateway_key = 0;
    uint64_t session = settle_report(s, &g->host, answer, &gateway_key);
    if (session != 0) {
        notes_said(g->notes, gateway_key, session, s->epochs, s->n_epochs, clock_wall_us());
    }
    settle_line_done(&g->settles, s);
    submit(g);
    pg_flush(g->pg);
}

static void refuse_overdue_settles(struct ingest *g) {
    struct error late;
    (void)error_set(&late, ERR_UNAVAILABLE, "store", "the gateway's former records are not committed yet");
    settle_line_refuse(&g->settles, &g->host, uv_now(g->loop), pg_is_up(g->pg) ? &late : pg_error(g->pg));
}

void ingest_settle(struct ingest *g, uint64_t token, struct slice gateway_name,
                   const struct msg_epoch *epochs, uint32_t n_epochs) {
    struct settle *s = settle_new(token, gateway_name, epochs, n_epochs);
    /* An answer is owed; without these few bytes there is nothing sensible left to do. */
    CHECK(s != NULL);
    s->owner = g;
    s->after = g->numbers;
    bool away = !pg_is_up(g->pg) && !g->coming;
    bool hopeless = away || g->closing || g->settles.n >= INGEST_SETTLES_MAX;
    s->deadline_ms = uv_now(g->loop) + (hopeless ? 0 : INGEST_SETTLE_MS);
    if (hopeless) { /* answered by the loop, at once */
        settle_line_add_first(&g->settles, s);
    } else {
        settle_line_add(&g->settles, s);
    }
    arm_timer(g);
}

void ingest_repeated(struct ingest *g, const struct store_repeat *r) {
    notes_repeated(g->notes, r, uv_now(g->loop));
}

void ingest_clock(struct ingest *g, const struct store_clock *c) {
    notes_clock(g->notes, c, uv_now(g->loop));
}

/* --- the turn ------------------------------------------------------------------------------------------ */

static void on_timer(uv_timer_t *timer) {
    struct ingest *g = timer->data;
    refuse_overdue_settles(g);
    submit(g);
    pg_flush(g->pg);
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Wakes the loop for the next thing that becomes due by time alone. */
static void arm_timer(struct ingest *g) {
    if (g->closing) {
        return;
    }
    uint64_t now = uv_now(g->loop);
    uint64_t due = g->settles.first == NULL ? UINT64_MAX : g->settles.first->deadline_ms;
    bool can_send = pg_has_room(g->pg) && g->in_flight < INGEST_IN_FLIGHT && !g->fatal;
    bool queued = false;
    for (const struct ingest_batch *b = g->batches; b != NULL; b = b->next) {
        queued = queued || !b->sent;
    }
    if (pg_has_room(g->pg)) {
        due = earlier(due, notes_due_ms(g->notes));
    }
    if (can_send && queued) {
        due = earlier(due, g->retry_ms);
    } else if (can_send && g->waiting != NULL && g->waiting->v.after_seq <= g->journaled_seq) {
        due = earlier(due, g->waiting->came_ms + g->commit_every_ms);
    }
    if (due == UINT64_MAX) {
        (void)uv_timer_stop(&g->timer);
        return;
    }
    int rc = uv_timer_start(&g->timer, on_timer, due > now ? due - now : 0, 0);
    CHECK(rc == 0);
}

static struct ingest_batch *next_to_send(struct ingest *g) {
    for (struct ingest_batch *b = g->batches; b != NULL; b = b->next) {
        if (!b->sent) {
            return b;
        }
    }
    return is_due(g) ? form_batch(g) : NULL;
}

static void on_noted(void *ctx) {
    struct ingest *g = ctx;
    submit(g);
    pg_flush(g->pg);
}

static void submit(struct ingest *g) {
    if (!g->fatal && uv_now(g->loop) >= g->retry_ms) {
        struct ingest_batch *b = NULL;
        while (g->in_flight < INGEST_IN_FLIGHT && pg_has_room(g->pg) && (b = next_to_send(g)) != NULL) {
            send_batch(g, b);
        }
    }
    uint64_t notes_ms = notes_due_ms(g->notes);
    if (pg_has_room(g->pg) && uv_now(g->loop) >= notes_ms) {
        notes_send(g->notes, g->pg, uv_now(g->loop), on_noted, g);
    }
    while (g->settles.first != NULL && pg_has_room(g->pg) && oldest_unfinished(g) > g->settles.first->after) {
        settle_send(settle_line_take(&g->settles), g->pg, on_settle_done);
    }
    arm_timer(g);
}

void ingest_turn_end(struct ingest *g) {
    submit(g);
    pg_flush(g->pg);
}

void ingest_journaled(struct ingest *g, uint64_t seq) {
    g->journaled_seq = seq;
    ingest_turn_end(g);
}

void ingest_hurry(struct ingest *g) {
    g->hurry = true;
    notes_hurry(g->notes);
    ingest_turn_end(g);
}

bool ingest_is_empty(const struct ingest *g) {
    /* Without a database notes are no reason to wait: the records that they are about wait at the gateways.
     */
    return g->batches == NULL && g->waiting == NULL && (notes_is_empty(g->notes) || !pg_is_up(g->pg));
}

struct store_pending ingest_pending(const struct ingest *g) {
    struct store_pending p = {.records = g->waiting_records, .bytes = g->pending_bytes};
    for (const struct ingest_batch *b = g->batches; b != NULL; b = b->next) {
        p.records += b->n_records;
    }
    return p;
}

uint64_t ingest_oldest_ms(const struct ingest *g) {
    if (g->batches != NULL) {
        return g->batches->first->came_ms;
    }
    return g->waiting != NULL ? g->waiting->came_ms : UINT64_MAX;
}

static void visit_record(const struct ingest_record *r, ingest_visit visit, void *ctx) {
    for (uint32_t i = 0; !r->v.again && r->v.fault == 0 && i < r->n_hot; i++) {
        visit(ctx, &r->hot[i]);
    }
}

void ingest_tail(const struct ingest *g, ingest_visit visit, void *ctx) {
    for (const struct ingest_batch *b = g->batches; b != NULL; b = b->next) {
        for (const struct ingest_record *r = b->first; r != NULL; r = r->next) {
            visit_record(r, visit, ctx);
        }
    }
    for (const struct ingest_record *r = g->waiting; r != NULL; r = r->next) {
        visit_record(r, visit, ctx);
    }
}

const struct error *ingest_trouble(const struct ingest *g) {
    if (!pg_is_up(g->pg)) {
        return pg_error(g->pg);
    }
    return g->trouble.code != OK ? &g->trouble : NULL;
}

static void on_up(void *ctx) {
    struct ingest *g = ctx;
    g->coming = false;
    g->retry_ms = 0; /* what failed with the old connection goes at once */
    submit(g);
    pg_flush(g->pg);
}

static void on_down(void *ctx) {
    struct ingest *g = ctx;
    g->coming = false;
    g->trouble = (struct error){0}; /* the connection says why */
    g->backoff_ms = INGEST_RETRY_MIN_MS;
    settle_line_refuse(&g->settles, &g->host, UINT64_MAX, pg_error(g->pg));
}

enum status ingest_new(const struct store_config *cfg, const struct store_host *host, struct ingest **ret,
                       struct error *err) {
    struct ingest *g = calloc(1, sizeof *g);
    if (g == NULL) {
        return error_set(err, ERR_NOMEM, "store", "no memory");
    }
    g->notes = notes_new();
    g->hot = hot_new();
    if (g->notes == NULL || g->hot == NULL) {
        notes_free(&g->notes);
        hot_free(&g->hot);
        free(g);
        return error_set(err, ERR_NOMEM, "store", "no memory");
    }
    g->host = *host;
    g->loop = cfg->loop;
    g->commit_every_ms = cfg->commit_every_ms == 0 ? INGEST_COMMIT_EVERY_MS : cfg->commit_every_ms;
    g->pending_max = cfg->pending_bytes_max == 0 ? INGEST_PENDING_BYTES : cfg->pending_bytes_max;
    g->backoff_ms = INGEST_RETRY_MIN_MS;
    g->waiting_end = &g->waiting;
    settle_line_init(&g->settles);
    struct pg_config pg = {.loop = cfg->loop,
                           .conninfo = cfg->conninfo,
                           .name = "penstock ingest",
                           .prepared = {fresh_sql(), ingest_sql(), order_sql()},
                           .ctx = g,
                           .on_up = on_up,
                           .on_down = on_down};
    enum status status = pg_new(&pg, &g->pg, err);
    if (status != OK) {
        notes_free(&g->notes);
        hot_free(&g->hot);
        free(g);
        return status;
    }
    int rc = uv_timer_init(cfg->loop, &g->timer);
    CHECK(rc == 0);
    g->timer.data = g;
    g->handles = 2; /* timer and connection */
    *ret = g;
    return OK;
}

void ingest_start(struct ingest *g) {
    CHECK(!g->started);
    g->started = true;
    g->coming = true;
    pg_start(g->pg);
}

static void closed_one(struct ingest *g) {
    g->handles--;
    if (g->handles == 0) {
        g->on_closed(g->closed_ctx);
    }
}

static void on_pg_closed(void *ctx) {
    struct ingest *g = ctx;
    struct error why;
    (void)error_set(&why, ERR_UNAVAILABLE, "store", "the server is stopping");
    settle_line_refuse(&g->settles, &g->host, UINT64_MAX, &why);
    closed_one(g);
}

static void on_timer_closed(uv_handle_t *handle) {
    closed_one(handle->data);
}

void ingest_close(struct ingest *g, void (*on_closed)(void *ctx), void *ctx) {
    g->closing = true;
    g->on_closed = on_closed;
    g->closed_ctx = ctx;
    uv_close((uv_handle_t *)&g->timer, on_timer_closed);
    pg_close(g->pg, on_pg_closed, g);
}

void ingest_free(struct ingest **ingest) {
    struct ingest *g = *ingest;
    if (g == NULL) {
        return;
    }
    CHECK(g->handles == 0);
    while (g->batches != NULL) {
        struct ingest_batch *b = g->batches;
        g->batches = b->next;
        ingest_batch_free(b);
    }
    while (g->waiting != NULL) {
        struct ingest_record *r = g->waiting;
        g->waiting = r->next;
        ingest_record_free(r);
    }
    pg_free(&g->pg);
    notes_free(&g->notes);
    hot_free(&g->hot);
    free(g);
    *ingest = NULL;
}
