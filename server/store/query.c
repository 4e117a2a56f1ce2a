#include "server/store/query.h"

#include "server/base/check.h"
#include "server/store/read_sql.h"
#include "server/store/reqcopy.h"

#include <stdlib.h>

enum { LANE_SHORT, LANE_LONG, LANE_REPORT, LANES };

struct question {
    struct question *next;
    struct query_lane *lane;
    uint64_t token;
    struct error refusal;    /* code OK: to be asked */
    struct request *request; /* owned */
};

struct query_lane {
    struct query *owner;
    struct pg *pg;
    bool coming; /* the first connection is being made: who asks can wait for it */
    struct question *first;
    struct question **end;
    uint32_t n; /* waiting */
};

struct query {
    struct store_host host;
    uv_loop_t *loop;
    uv_timer_t timer;
    struct query_lane lanes[LANES];
    bool closing;
    uint32_t handles;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

static struct question *take_first(struct query_lane *lane) {
    struct question *x = lane->first;
    lane->first = x->next;
    if (lane->first == NULL) {
        lane->end = &lane->first;
    }
    lane->n--;
    return x;
}

static void free_question(struct question *x) {
    free(x->request);
    free(x);
}

static void refuse(struct query *q, const struct question *x, const struct error *why) {
    struct reply reply = {.kind = x->request->kind, .status = why->code, .error = *why};
    q->host.reply(q->host.ctx, x->token, &reply);
}

static void on_answer(void *ctx, struct pg_answer *answer) {
    struct question *x = ctx;
    struct query *q = x->lane->owner;
    struct read_memory memory;
    struct reply reply;
    read_reply(x->request, answer, &memory, &reply);
    q->host.reply(q->host.ctx, x->token, &reply);
    read_done(&memory);
    free_question(x);
    query_turn_end(q);
}

static void submit(struct query_lane *lane) {
    while (lane->first != NULL && lane->first->refusal.code == OK && pg_has_room(lane->pg)) {
        struct question *x = take_first(lane);
        read_send(lane->pg, x->request, on_answer, x);
    }
    pg_flush(lane->pg);
}

/* What was refused when it came is answered here, from the loop. */
static void on_timer(uv_timer_t *timer) {
    struct query *q = timer->data;
    for (int i = 0; i < LANES; i++) {
        struct query_lane *lane = &q->lanes[i];
        while (lane->first != NULL && lane->first->refusal.code != OK) {
            struct question *x = take_first(lane);
            refuse(q, x, &x->refusal);
            free_question(x);
        }
    }
    query_turn_end(q);
}

static int lane_of(enum request_kind kind) {
    if (kind == REQ_USER_FIND || kind == REQ_SESSION_FIND) {
        return LANE_SHORT;
    }
    bool report = kind == REQ_ALARM_STATE_AT || kind == REQ_ALARM_LAST_RAISED || kind == REQ_ALARM_KPI ||
                  kind == REQ_ALARM_BAD_ACTORS || kind == REQ_LEDGER || kind == REQ_STORE;
    return report ? LANE_REPORT : LANE_LONG;
}

void query_request(struct query *q, uint64_t token, const struct request *r) {
    struct query_lane *lane = &q->lanes[lane_of(r->kind)];
    struct question *x = calloc(1, sizeof *x);
    struct request *copy = request_copy(r);
    CHECK(x != NULL); /* an answer is owed */
    CHECK(copy != NULL);
    x->lane = lane;
    x->token = token;
    x->request = copy;
    if (read_check(r, &x->refusal) == OK) {
        if ((!pg_is_up(lane->pg) && !lane->coming) || q->closing) {
            x->refusal = *pg_error(lane->pg);
            x->refusal.code = ERR_UNAVAILABLE;
        } else if (lane->n >= QUERY_WAITING_MAX) {
            (void)error_set(&x->refusal, ERR_FULL, "database", "too many questions wait already");
        }
    }
    lane->n++;
    if (x->refusal.code == OK) {
        *lane->end = x;
        lane->end = &x->next;
        return;
    }
    x->next = lane->first;
    lane->end = lane->first == NULL ? &x->next : lane->end;
    lane->first = x;
    if (!q->closing) {
        int rc = uv_timer_start(&q->timer, on_timer, 0, 0);
        CHECK(rc == 0);
    }
}

void query_turn_end(struct query *q) {
    for (int i = 0; i < LANES; i++) {
        submit(&q->lanes[i]);
    }
}

static void on_up(void *ctx) {
    struct query_lane *lane = ctx;
    lane->coming = false;
    submit(lane);
}

static void refuse_all(struct query_lane *lane) {
    while (lane->first != NULL) {
        struct question *x = take_first(lane);
        struct error why = *pg_error(lane->pg);
        why.code = ERR_UNAVAILABLE;
        refuse(lane->owner, x, x->refusal.code == OK ? &why : &x->refusal);
        free_question(x);
    }
}

static void on_down(void *ctx) {
    struct query_lane *lane = ctx;
    lane->coming = false;
    refuse_all(lane);
}

enum status query_new(const struct store_config *cfg, const struct store_host *host, struct query **ret,
                      struct error *err) {
    static const char *const names[LANES] = {
        [LANE_SHORT] = "penstock lookup", [LANE_LONG] = "penstock query", [LANE_REPORT] = "penstock report"};
    struct query *q = calloc(1, sizeof *q);
    if (q == NULL) {
        return error_set(err, ERR_NOMEM, "store", "no memory");
    }
    q->host = *host;
    q->loop = cfg->loop;
    for (int i = 0; i < LANES; i++) {
        struct query_lane *lane = &q->lanes[i];
        lane->owner = q;
        lane->end = &lane->first;
        struct pg_config pg = {.loop = cfg->loop,
                               .conninfo = cfg->conninfo,
                               .name = names[i],
                               .statement_ms = i == LANE_REPORT ? QUERY_REPORT_MS : QUERY_STATEMENT_MS,
                               .ctx = lane,
                               .on_up = on_up,
                               .on_down = on_down};
        enum status status = pg_new(&pg, &lane->pg, err);
        CHECK(status == OK); /* only memory can be missing, at a start */
    }
    int rc = uv_timer_init(cfg->loop, &q->timer);
    CHECK(rc == 0);
    q->timer.data = q;
    q->handles = 1 + LANES;
    *ret = q;
    return OK;
}

void query_start(struct query *q) {
    for (int i = 0; i < LANES; i++) {
        q->lanes[i].coming = true;
        pg_start(q->lanes[i].pg);
    }
}

static void closed_one(struct query *q) {
    q->handles--;
    if (q->handles > 0) {
        return;
    }
    for (int i = 0; i < LANES; i++) {
        refuse_all(&q->lanes[i]);
    }
    q->on_closed(q->closed_ctx);
}

static void on_pg_closed(void *ctx) {
    struct query_lane *lane = ctx;
    closed_one(lane->owner);
}

static void on_timer_closed(uv_handle_t *handle) {
    closed_one(handle->data);
}

void query_close(struct query *q, void (*on_closed)(void *ctx), void *ctx) {
    q->closing = true;
    q->on_closed = on_closed;
    q->closed_ctx = ctx;
    uv_close((uv_handle_t *)&q->timer, on_timer_closed);
    for (int i = 0; i < LANES; i++) {
        pg_close(q->lanes[i].pg, on_pg_closed, &q->lanes[i]);
    }
}

void query_free(struct query **query) {
    struct query *q = *query;
    if (q == NULL) {
        return;
    }
    CHECK(q->handles == 0);
    for (int i = 0; i < LANES; i++) {
        pg_free(&q->lanes[i].pg);
    }
    free(q);
    *query = NULL;
}
