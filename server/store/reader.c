#include "server/store/reader.h"

#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/store/reader_job.h"
#include "server/store/reqcopy.h"

#include <stdlib.h>

enum { LANE_SCREEN, LANE_EXPORT, LANES };

enum question_state {
    Q_WAITING, /* until there is room; no job yet */
    Q_SEND,    /* its job has something to ask */
    Q_ASKED,
    Q_WORKING, /* on another thread */
    Q_IDLE,    /* an export between two pieces: nobody waits for it */
    Q_READY,   /* to be answered by the timer */
};

struct question {
    struct question *next;
    struct reader_lane *lane;
    enum question_state state;
    enum request_kind kind; /* of what is owed an answer */
    uint64_t token;
    uint64_t export; /* 0: none */
    bool dropped;    /* it is owed no answer any more */
    bool left;       /* … is owed one that nobody reads */
    struct error refusal;
    struct request *request; /* owned until there is a job */
    struct reader_job *job;
    uv_work_t work;
    PGresult *results[PG_STATEMENTS_MAX]; /* of the last answer: the job's texts are in them */
};

struct reader_lane {
    struct reader *owner;
    struct pg *pg;
    bool coming;            /* the first connection is being made: who asks can wait for it */
    struct question *first; /* in order of arrival */
    uint32_t n_waiting;
    uint32_t n_active; /* neither waiting, nor idle, nor refused */
};

struct reader {
    struct store_host host;
    uv_loop_t *loop;
    const struct ingest *ingest;
    uv_timer_t timer;
    struct reader_lane lanes[LANES];
    uint32_t n_exports;
    uint64_t last_export;
    uint32_t n_working;
    bool closing;
    uint32_t handles;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

static void advance(struct question *q);

/* --- questions ----------------------------------------------------------------------------------------- */

static bool is_active(enum question_state state) {
    return state == Q_SEND || state == Q_ASKED || state == Q_WORKING;
}

static void set_state(struct question *q, enum question_state state) {
    struct reader_lane *lane = q->lane;
    lane->n_active += (uint32_t)is_active(state) - (uint32_t)is_active(q->state);
    lane->n_waiting += (uint32_t)(state == Q_WAITING) - (uint32_t)(q->state == Q_WAITING);
    q->state = state;
}

static void clear_results(struct question *q) {
    for (int i = 0; i < PG_STATEMENTS_MAX; i++) {
        PQclear(q->results[i]);
        q->results[i] = NULL;
    }
}

static void remove_question(struct question *q) {
    struct question **at = &q->lane->first;
    while (*at != q) {
        at = &(*at)->next;
    }
    *at = q->next;
    set_state(q, Q_IDLE);
    q->lane->owner->n_exports -= q->export != 0;
}

static void free_question(struct question *q) {
    job_free(&q->job);
    clear_results(q);
    free(q->request);
    free(q);
}

static struct question *add_question(struct reader_lane *lane, uint64_t token, enum request_kind kind) {
    struct question *q = calloc(1, sizeof *q);
    CHECK(q != NULL); /* an answer is owed */
    q->lane = lane;
    q->token = token;
    q->kind = kind;
    q->state = Q_IDLE;
    struct question **at = &lane->first;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = q;
    return q;
}

static void reply(struct question *q, struct reply *r) {
    const struct store_host *host = &q->lane->owner->host;
    r->kind = q->kind;
    if (!q->dropped) {
        host->reply(host->ctx, q->token, r);
    }
}

/* The last answer of this question. */
static void end(struct question *q, struct reply *r) {
    remove_question(q);
    reply(q, r);
    free_question(q);
}

static void refuse(struct question *q, const struct error *why) {
    struct reply r = {.status = why->code, .error = *why};
    if (why->code == ERR_INTERNAL) {
        log_event(LOG_ERROR, "history.unreadable", "text=%s", LOG_Q(slice_str(why->text)));
    }
    end(q, &r);
}

static void refuse_away(struct question *q) {
    struct error why = *pg_error(q->lane->pg);
    why.code = ERR_UNAVAILABLE;
    refuse(q, &why);
}

static void answer_piece(struct question *q) {
    struct reply r = {.status = OK};
    job_piece(q->job, &r);
    r.raw.stream = q->export;
    if (r.raw.last) {
        end(q, &r);
        return;
    }
    set_state(q, Q_IDLE);
    reply(q, &r);
}

static void answer_done(struct question *q) {
    struct reply r = {.status = OK};
    job_reply(q->job, &r);
    end(q, &r);
}

/* --- one step after the other -------------------------------------------------------------------------- */

static void on_work(uv_work_t *work) {
    struct question *q = work->data;
    job_take(q->job, q->results);
}

static void finish_closing(struct reader *r);

static void on_worked(uv_work_t *work, int status) {
    struct question *q = work->data;
    struct reader *r = q->lane->owner;
    (void)status; /* it is never cancelled */
    r->n_working--;
    set_state(q, Q_SEND);
    advance(q);
    reader_turn_end(r);
    finish_closing(r);
}

static void take_refusal(struct question *q, const struct pg_answer *answer) {
    struct error why = answer->error;
    if (q->left) {
        why = q->refusal;
    } else if (strcmp(answer->sqlstate, PGCONN_CANCELED) == 0) {
        (void)error_set(&why, ERR_TIMEOUT, "database", "this takes too long; ask for a shorter span of time");
    } else {
        why.code = answer->outcome == PG_REFUSED ? ERR_INTERNAL : ERR_UNAVAILABLE;
    }
    refuse(q, &why);
}

static void on_answer(void *ctx, struct pg_answer *answer) {
    struct question *q = ctx;
    struct reader *r = q->lane->owner;
    if (answer->stray && !q->left) {
        set_state(q, Q_SEND);
        reader_turn_end(r);
        return;
    }
    if (answer->outcome != PG_DONE || q->dropped || q->left) {
        take_refusal(q, answer);
        reader_turn_end(r);
        return;
    }
    clear_results(q);
    for (uint32_t i = 0; i < answer->n; i++) {
        q->results[i] = answer->results[i];
        answer->results[i] = NULL;
    }
    set_state(q, Q_WORKING);
    q->work.data = q;
    r->n_working++;
    int rc = uv_queue_work(r->loop, &q->work, on_work, on_worked);
    CHECK(rc == 0);
}

/* Does what the job's step asks for; the question may be gone after it. */
static void advance(struct question *q) {
    struct reader_lane *lane = q->lane;
    struct error gone;
    if (q->dropped || q->left) {
        (void)error_set(&gone, ERR_UNAVAILABLE, "history", "nobody waits for it");
        refuse(q, &gone);
        return;
    }
    switch (q->job->step) {
    case JOB_HOT:
    case JOB_ROLLUPS:
    case JOB_EDGES:
    case JOB_WINDOW:
        if (!pg_is_up(lane->pg)) {
            refuse_away(q);
        } else if (pg_has_room(lane->pg)) {
            set_state(q, Q_ASKED);
            job_send(q->job, lane->pg, on_answer, q);
        }
        return;
    case JOB_PIECE:
        answer_piece(q);
        return;
    case JOB_DONE:
        answer_done(q);
        return;
    case JOB_FAILED:
        refuse(q, &q->job->error);
        return;
    }
}

static void on_late(void *ctx, const struct hot_row *row) {
    job_take_late(ctx, row);
}

static void begin(struct question *q) {
    struct error err;
    set_state(q, Q_SEND);
    q->job = job_new(q->request, clock_wall_us());
    if (q->job == NULL) {
        (void)error_set(&err, ERR_NOMEM, "history", "no memory for the question");
        refuse(q, &err);
        return;
    }
    q->request = NULL;
    ingest_tail(q->lane->owner->ingest, on_late, q->job);
    advance(q);
}

static struct question *next_of(const struct reader_lane *lane, enum question_state state) {
    struct question *q = lane->first;
    /* The analyser does not know that the lane of a question is the one that it came from, so that what was
     * freed is not in it any more. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    while (q != NULL && q->state != state) {
        q = q->next;
    }
    return q;
}

static void submit(struct reader_lane *lane) {
    struct question *q = NULL;
    while (pg_has_room(lane->pg) && (q = next_of(lane, Q_SEND)) != NULL) {
        advance(q);
    }
    while (pg_has_room(lane->pg) && lane->n_active < READER_ACTIVE_MAX &&
           (q = next_of(lane, Q_WAITING)) != NULL) {
        begin(q);
    }
    pg_flush(lane->pg);
}

void reader_turn_end(struct reader *r) {
    for (int i = 0; i < LANES; i++) {
        submit(&r->lanes[i]);
    }
}

/* --- requests ------------------------------------------------------------------------------------------ */

bool reader_knows(enum request_kind kind) {
    return kind == REQ_SAMPLES || kind == REQ_AGGREGATES || kind == REQ_RAW_OPEN || kind == REQ_RAW_NEXT ||
           kind == REQ_RAW_CLOSE;
}

static void answer_ready(struct question *q) {
    struct reply done = {.status = OK};
    if (q->refusal.code != OK) {
        refuse(q, &q->refusal);
    } else if (q->kind == REQ_RAW_CLOSE) {
        end(q, &done);
    } else {
        set_state(q, Q_SEND);
        advance(q);
    }
}

/* What could be answered when it came is answered here, from the loop. */
static void on_timer(uv_timer_t *timer) {
    struct reader *r = timer->data;
    for (int i = 0; i < LANES; i++) {
        struct question *q = NULL;
        while ((q = next_of(&r->lanes[i], Q_READY)) != NULL) {
            answer_ready(q);
        }
    }
    reader_turn_end(r);
}

static void make_ready(struct question *q) {
    struct reader *r = q->lane->owner;
    set_state(q, Q_READY);
    if (!r->closing) {
        int rc = uv_timer_start(&r->timer, on_timer, 0, 0);
        CHECK(rc == 0);
    }
}

static struct question *export_of(const struct reader *r, uint64_t id) {
    struct question *q = r->lanes[LANE_EXPORT].first;
    while (q != NULL && (q->export != id || q->dropped)) {
        q = q->next;
    }
    return id == 0 ? NULL : q;
}

static void request_next(struct reader *r, uint64_t token, const struct request *ask) {
    struct question *q = export_of(r, ask->samples.stream);
    if (q != NULL && q->state == Q_IDLE) {
        q->token = token;
        q->kind = REQ_RAW_NEXT;
        make_ready(q);
        return;
    }
    q = add_question(&r->lanes[LANE_EXPORT], token, ask->kind);
    (void)error_set(&q->refusal, ERR_NOT_FOUND, "stream", "there is no such export, or it is busy");
    make_ready(q);
}

static void request_close(struct reader *r, uint64_t token, const struct request *ask) {
    struct question *q = export_of(r, ask->samples.stream);
    make_ready(add_question(&r->lanes[LANE_EXPORT], token, ask->kind));
    if (q != NULL) {
        q->dropped = true; /* it ends with the step that is under way, or at once */
    }
    if (q != NULL && (q->state == Q_IDLE || q->state == Q_READY)) {
        q->kind = REQ_RAW_CLOSE;
        make_ready(q);
    }
}

static void check(struct question *q, const struct request *ask) {
    struct reader_lane *lane = q->lane;
    struct reader *r = lane->owner;
    if (job_check(ask, &q->refusal) != OK) {
        return;
    }
    if ((!pg_is_up(lane->pg) && !lane->coming) || r->closing) {
        q->refusal = *pg_error(lane->pg);
        q->refusal.code = ERR_UNAVAILABLE;
    } else if (lane->n_waiting >= READER_WAITING_MAX) {
        (void)error_set(&q->refusal, ERR_FULL, "database", "too many questions wait already");
    } else if (ask->kind == REQ_RAW_OPEN && r->n_exports >= READER_EXPORTS_MAX) {
        (void)error_set(&q->refusal, ERR_FULL, "database", "%d exports run already; try again later",
                        READER_EXPORTS_MAX);
    }
}

void reader_request(struct reader *r, uint64_t token, const struct request *ask) {
    if (ask->kind == REQ_RAW_NEXT) {
        request_next(r, token, ask);
        return;
    }
    if (ask->kind == REQ_RAW_CLOSE) {
        request_close(r, token, ask);
        return;
    }
    struct reader_lane *lane = &r->lanes[ask->kind == REQ_RAW_OPEN ? LANE_EXPORT : LANE_SCREEN];
    struct question *q = add_question(lane, token, ask->kind);
    check(q, ask);
    if (q->refusal.code != OK) {
        make_ready(q);
        return;
    }
    q->request = request_copy(ask);
    CHECK(q->request != NULL); /* an answer is owed */
    if (ask->kind == REQ_RAW_OPEN) {
        q->export = ++r->last_export;
        r->n_exports++;
    }
    set_state(q, Q_WAITING);
}

static struct question *owed(const struct reader *r, uint64_t token) {
    for (int i = 0; i < LANES; i++) {
        for (struct question *q = r->lanes[i].first; q != NULL; q = q->next) {
            if (q->token == token && q->state != Q_IDLE && !q->dropped) {
                return q;
            }
        }
    }
    return NULL;
}

void reader_forget(struct reader *r, uint64_t token) {
    struct question *q = owed(r, token);
    if (q == NULL || q->left) {
        return;
    }
    q->left = true;
    (void)error_set(&q->refusal, ERR_UNAVAILABLE, "history", "nobody waits for it");
    if (q->state == Q_ASKED) {
        pg_cancel(q->lane->pg, q);
    } else if (q->state != Q_WORKING) {
        make_ready(q);
    }
}

/* --- making and closing -------------------------------------------------------------------------------- */

static void on_up(void *ctx) {
    struct reader_lane *lane = ctx;
    lane->coming = false;
    submit(lane);
}

static void refuse_all(struct reader_lane *lane, enum question_state state) {
    struct question *q = NULL;
    while ((q = next_of(lane, state)) != NULL) {
        refuse_away(q);
    }
}

static void on_down(void *ctx) {
    struct reader_lane *lane = ctx;
    lane->coming = false;
    refuse_all(lane, Q_WAITING);
    refuse_all(lane, Q_SEND);
}

enum status reader_new(const struct store_config *cfg, const struct store_host *host,
                       const struct ingest *ingest, struct reader **ret, struct error *err) {
    static const char *const names[LANES] = {
        [LANE_SCREEN] = "penstock trends", [LANE_EXPORT] = "penstock export"};
    struct reader *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return error_set(err, ERR_NOMEM, "store", "no memory");
    }
    r->host = *host;
    r->loop = cfg->loop;
    r->ingest = ingest;
    for (int i = 0; i < LANES; i++) {
        struct reader_lane *lane = &r->lanes[i];
        lane->owner = r;
        struct pg_config pg = {.loop = cfg->loop,
                               .conninfo = cfg->conninfo,
                               .name = names[i],
                               .statement_ms = READER_STATEMENT_MS,
                               .ctx = lane,
                               .on_up = on_up,
                               .on_down = on_down};
        enum status status = pg_new(&pg, &lane->pg, err);
        CHECK(status == OK); /* only memory can be missing, at a start */
    }
    int rc = uv_timer_init(cfg->loop, &r->timer);
    CHECK(rc == 0);
    r->timer.data = r;
    r->handles = 1 + LANES;
    *ret = r;
    return OK;
}

void reader_start(struct reader *r) {
    for (int i = 0; i < LANES; i++) {
        r->lanes[i].coming = true;
        pg_start(r->lanes[i].pg);
    }
}

/* All handles are closed and no thread has a question any more: what is left is refused. */
static void finish_closing(struct reader *r) {
    if (!r->closing || r->handles > 0 || r->n_working > 0) {
        return;
    }
    for (int i = 0; i < LANES; i++) {
        while (r->lanes[i].first != NULL) {
            struct question *q = r->lanes[i].first;
            /* As in next_of. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
            q->dropped = q->dropped || q->state == Q_IDLE;
            refuse_away(q);
        }
    }
    r->on_closed(r->closed_ctx);
}

static void on_pg_closed(void *ctx) {
    struct reader_lane *lane = ctx;
    lane->owner->handles--;
    finish_closing(lane->owner);
}

static void on_timer_closed(uv_handle_t *handle) {
    struct reader *r = handle->data;
    r->handles--;
    finish_closing(r);
}

void reader_close(struct reader *r, void (*on_closed)(void *ctx), void *ctx) {
    r->closing = true;
    r->on_closed = on_closed;
    r->closed_ctx = ctx;
    uv_close((uv_handle_t *)&r->timer, on_timer_closed);
    for (int i = 0; i < LANES; i++) {
        pg_close(r->lanes[i].pg, on_pg_closed, &r->lanes[i]);
    }
}

void reader_free(struct reader **reader) {
    struct reader *r = *reader;
    if (r == NULL) {
        return;
    }
    CHECK(r->handles == 0);
    CHECK(r->n_working == 0);
    for (int i = 0; i < LANES; i++) {
        CHECK(r->lanes[i].first == NULL);
        pg_free(&r->lanes[i].pg);
    }
    free(r);
    *reader = NULL;
}
