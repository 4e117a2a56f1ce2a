#include "server/store/events.h"

#include "server/base/check.h"
#include "server/base/log.h"
#include "server/store/reqcopy.h"
#include "server/store/write.h"

#include <openssl/rand.h>
#include <stdlib.h>

enum op_kind { OP_AUDIT, OP_REQUEST };

struct op {
    struct op *next;
    enum op_kind kind;
    bool again; /* it was submitted before */
    uint64_t came_ms;
    uint64_t deadline_ms; /* of a request */
    uint8_t id[WRITE_OP_SIZE];
    union {
        struct write_audit audit; /* texts in the same block */
        struct {
            uint64_t token;
            struct request *request;
        } request;
    };
};

struct events {
    struct events_config cfg;
    uv_timer_t timer;
    bool open;
    bool fatal;
    bool closing;
    struct op *first;
    struct op **end;
    uint32_t in_flight; /* so many of the first are under way */
    enum write_try try;
    uint32_t n_audits;
    uint32_t n_requests;
    uint64_t ids[2]; /* random start, then counted: numbers of operations */
    struct error trouble;
    uint64_t retry_ms;
    uint64_t deadline_ms; /* not later than that of any waiting request */
    uint32_t backoff_ms;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
};

static void submit(struct events *e);

/* --- the line ------------------------------------------------------------------------------------------ */

static void make_id(struct events *e, uint8_t ret[WRITE_OP_SIZE]) {
    e->ids[1]++;
    memcpy(ret, e->ids, WRITE_OP_SIZE);
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static void append(struct events *e, struct op *op) {
    op->came_ms = uv_now(e->cfg.loop);
    make_id(e, op->id);
    *e->end = op;
    e->end = &op->next;
}

static void free_op(struct events *e, struct op *op) {
    switch (op->kind) {
    case OP_AUDIT:
        e->n_audits--;
        break;
    case OP_REQUEST:
        e->n_requests--;
        free(op->request.request);
        break;
    }
    free(op);
}

static void pop(struct events *e) {
    struct op *op = e->first;
    e->first = op->next;
    if (e->first == NULL) {
        e->end = &e->first;
    }
    free_op(e, op);
}

static void refuse(struct events *e, const struct op *op, const struct error *why) {
    struct reply reply = {.kind = op->request.request->kind, .status = ERR_UNAVAILABLE, .error = *why};
    reply.error.code = ERR_UNAVAILABLE;
    e->cfg.host->reply(e->cfg.host->ctx, op->request.token, &reply);
}

/* Requests that waited too long; what is under way stays until its answer is there. */
static void refuse_overdue(struct events *e) {
    uint64_t now = uv_now(e->cfg.loop);
    if (now < e->deadline_ms) {
        return;
    }
    struct error why;
    (void)error_set(&why, ERR_UNAVAILABLE, "database", "the database does not answer; nothing was changed");
    struct op **at = &e->first;
    uint32_t i = 0;
    e->deadline_ms = UINT64_MAX;
    while (*at != NULL && e->n_requests > 0) {
        struct op *op = *at;
        bool overdue = op->kind == OP_REQUEST && now >= op->deadline_ms;
        if (i++ < e->in_flight || !overdue) {
            if (!overdue && op->kind == OP_REQUEST) {
                e->deadline_ms = earlier(e->deadline_ms, op->deadline_ms);
            }
            at = &op->next;
            continue;
        }
        *at = op->next;
        if (op->next == NULL) {
            e->end = at;
        }
        if (op->again) {
            (void)error_set(&why, ERR_UNAVAILABLE, "database",
                            "the database went away meanwhile: look whether it was done before repeating it");
        }
        refuse(e, op, &why);
        free_op(e, op);
    }
}

/* --- answers ------------------------------------------------------------------------------------------- */

static void die(struct events *e, const struct error *err) {
    if (!e->fatal) {
        e->fatal = true;
        e->cfg.fatal(e->cfg.ctx, err);
    }
}

static void retry_later(struct events *e, const struct error *why) {
    struct op *op = e->first;
    for (uint32_t i = 0; i < e->in_flight; i++) {
        op->again = true;
        op = op->next;
    }
    e->deadline_ms = 0; /* requests among them may be overdue by now */
    struct error trouble = pg_trouble(why);
    bool news = pg_is_news(&e->trouble, &trouble);
    e->trouble = trouble;
    e->retry_ms = uv_now(e->cfg.loop) + e->backoff_ms;
    e->backoff_ms = e->backoff_ms * 2 > EVENTS_RETRY_MAX_MS ? EVENTS_RETRY_MAX_MS : e->backoff_ms * 2;
    if (news) {
        log_event(LOG_WARN, "events.retry", "text=%s", LOG_Q(slice_str(why->text)));
    }
}

static void finish_request(struct events *e, const struct pg_answer *answer) {
    struct op *op = e->first;
    struct reply reply;
    write_reply(op->request.request, answer, e->cfg.keys, &reply);
    if (reply.status == OK && reply.kind == REQ_CONFIG_CHANGE) {
        e->cfg.wrote_config(e->cfg.ctx, reply.config.revision);
    } else if (reply.status == OK && reply.kind == REQ_CERTIFICATE) {
        e->cfg.issued(e->cfg.ctx);
    }
    uint64_t token = op->request.token;
    pop(e);
    e->cfg.host->reply(e->cfg.host->ctx, token, &reply);
}

static void finish_group(struct events *e, uint32_t n, const struct pg_answer *answer) {
    switch (e->first->kind) {
    case OP_REQUEST:
        finish_request(e, answer);
        return;
    case OP_AUDIT:
        for (uint32_t i = 0; i < n; i++) {
            pop(e);
        }
        return;
    }
}

/* Refused for good: a request is answered so; without the audit the server cannot go on. A full disk may stay
 * so for hours: nobody waits for it with a request, the audit does. */
static void refused(struct events *e, const struct pg_answer *answer) {
    bool content = pg_refusal(answer) == PG_REFUSAL_CONTENT || answer->error.code == ERR_NO_SPACE;
    if (content && e->first->kind == OP_REQUEST) {
        finish_request(e, answer);
    } else if (pg_refusal(answer) == PG_REFUSAL_LATER) {
        retry_later(e, &answer->error);
    } else {
        die(e, &answer->error);
    }
}

static void on_group_done(void *ctx, struct pg_answer *answer) {
    struct events *e = ctx;
    uint32_t n = e->in_flight;
    switch (answer->outcome) {
    case PG_DONE:
        e->in_flight = 0;
        e->trouble = (struct error){0};
        e->backoff_ms = EVENTS_RETRY_MIN_MS;
        finish_group(e, n, answer);
        break;
    case PG_REFUSED:
        refused(e, answer);
        e->in_flight = 0;
        break;
    case PG_UNKNOWN:
        retry_later(e, &answer->error);
        e->in_flight = 0;
        break;
    }
    events_turn_end(e);
}

/* --- submitting ---------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer) {
    struct events *e = timer->data;
    refuse_overdue(e);
    events_turn_end(e);
}

static void arm_timer(struct events *e) {
    if (e->closing) {
        return;
    }
    uint64_t now = uv_now(e->cfg.loop);
    uint64_t due = UINT64_MAX;
    if (e->first != NULL && e->in_flight == 0 && e->open && !e->fatal) {
        due = e->retry_ms;
    }
    if (e->n_requests > 0) {
        due = earlier(due, e->deadline_ms);
    }
    if (due == UINT64_MAX) {
        (void)uv_timer_stop(&e->timer);
        return;
    }
    int rc = uv_timer_start(&e->timer, on_timer, due > now ? due - now : 0, 0);
    CHECK(rc == 0);
}

/* Neighbours of the first one's kind. */
static uint32_t group_size(const struct events *e) {
    uint32_t n = 0;
    uint32_t most = e->first->kind == OP_REQUEST ? 1 : WRITE_GROUP_MAX;
    for (const struct op *op = e->first; op != NULL && n < most && op->kind == e->first->kind;
         op = op->next) {
        n++;
    }
    return n;
}

static void send_audits(struct events *e) {
    const struct write_audit *v[WRITE_GROUP_MAX];
    struct op *op = e->first;
    for (uint32_t i = 0; i < e->in_flight; i++, op = op->next) {
        memcpy(op->audit.op, op->id, WRITE_OP_SIZE);
        v[i] = &op->audit;
    }
    write_audits(e->cfg.pg, v, e->in_flight, e->try, on_group_done, e);
}

static void submit(struct events *e) {
    if (!e->open || e->fatal || e->in_flight > 0 || e->first == NULL || !pg_has_room(e->cfg.pg) ||
        uv_now(e->cfg.loop) < e->retry_ms) {
        return;
    }
    e->in_flight = group_size(e);
    e->try = WRITE_FIRST;
    const struct op *op = e->first;
    for (uint32_t i = 0; i < e->in_flight; i++, op = op->next) {
        e->try = op->again ? WRITE_AGAIN : e->try;
    }
    switch (e->first->kind) {
    case OP_AUDIT:
        send_audits(e);
        return;
    case OP_REQUEST:
        write_request(e->cfg.pg, e->first->request.request, e->first->id, e->try, on_group_done, e);
        return;
    }
}

void events_turn_end(struct events *e) {
    submit(e);
    arm_timer(e);
    pg_flush(e->cfg.pg);
}

/* --- for the owner ------------------------------------------------------------------------------------- */

enum status events_new(const struct events_config *cfg, struct events **ret, struct error *err) {
    struct events *e = calloc(1, sizeof *e);
    if (e == NULL) {
        return error_set(err, ERR_NOMEM, "store", "no memory");
    }
    if (RAND_bytes((unsigned char *)e->ids, sizeof e->ids) != 1) {
        free(e);
        return error_set(err, ERR_IO, "random", "the system gives no random numbers");
    }
    e->cfg = *cfg;
    e->end = &e->first;
    e->backoff_ms = EVENTS_RETRY_MIN_MS;
    int rc = uv_timer_init(cfg->loop, &e->timer);
    CHECK(rc == 0);
    e->timer.data = e;
    *ret = e;
    return OK;
}

void events_open(struct events *e) {
    e->open = true;
    e->retry_ms = 0;
    events_turn_end(e);
}

void events_down(struct events *e) {
    e->open = false;
    e->trouble = (struct error){0};
    e->backoff_ms = EVENTS_RETRY_MIN_MS;
}

void events_audit(struct events *e, const struct actor *actor, const char *action, const char *object,
                  const char *detail) {
    size_t sizes[] = {strlen(action) + 1, strlen(object) + 1, strlen(detail) + 1};
    bool person = actor->user_key != 0;
    uint32_t most = person ? EVENTS_AUDITS_MAX : EVENTS_AUDITS_MAX - EVENTS_AUDITS_KEPT;
    struct op *op = e->n_audits >= most ? NULL : malloc(sizeof *op + sizes[0] + sizes[1] + sizes[2]);
    if (op == NULL) {
        log_event(LOG_ERROR, "audit.lost", "actor=%s action=%s object=%s", LOG_Q(slice_str(actor->name)),
                  LOG_Q(slice_str(action)), LOG_Q(slice_str(object)));
        return;
    }
    char *text = (char *)(op + 1);
    *op = (struct op){.kind = OP_AUDIT,
                      .audit = {.actor = *actor,
                                .action = memcpy(text, action, sizes[0]),
                                .object = memcpy(text + sizes[0], object, sizes[1]),
                                .detail = memcpy(text + sizes[0] + sizes[1], detail, sizes[2])}};
    e->n_audits++;
    append(e, op);
}

void events_request(struct events *e, uint64_t token, const struct request *r) {
    struct op *op = malloc(sizeof *op);
    struct request *copy = request_copy(r);
    CHECK(op != NULL); /* an answer is owed */
    CHECK(copy != NULL);
    *op = (struct op){.kind = OP_REQUEST, .request = {.token = token, .request = copy}};
    bool hopeless = !e->open || e->closing || e->n_requests >= EVENTS_REQUESTS_MAX;
    append(e, op);
    /* A hopeless one is overdue from the start: the loop answers it at once. */
    op->deadline_ms = op->came_ms + (hopeless ? 0 : EVENTS_REQUEST_MS);
    e->deadline_ms = e->n_requests == 0 ? op->deadline_ms : earlier(e->deadline_ms, op->deadline_ms);
    e->n_requests++;
    arm_timer(e);
}

bool events_is_empty(const struct events *e) {
    return e->first == NULL;
}

uint64_t events_oldest_ms(const struct events *e) {
    return e->first == NULL ? UINT64_MAX : e->first->came_ms;
}

const struct error *events_trouble(const struct events *e) {
    return e->trouble.code != OK ? &e->trouble : NULL;
}

static void on_timer_closed(uv_handle_t *handle) {
    struct events *e = handle->data;
    struct error why;
    (void)error_set(&why, ERR_UNAVAILABLE, "store", "the server is stopping");
    while (e->first != NULL) {
        if (e->first->kind == OP_REQUEST) {
            refuse(e, e->first, &why);
        }
        pop(e);
    }
    e->on_closed(e->closed_ctx);
}

void events_close(struct events *e, void (*on_closed)(void *ctx), void *ctx) {
    e->closing = true;
    e->open = false;
    e->on_closed = on_closed;
    e->closed_ctx = ctx;
    uv_close((uv_handle_t *)&e->timer, on_timer_closed);
}

void events_free(struct events **events) {
    struct events *e = *events;
    if (e == NULL) {
        return;
    }
    while (e->first != NULL) {
        pop(e);
    }
    free(e);
    *events = NULL;
}
