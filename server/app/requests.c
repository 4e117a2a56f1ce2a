#include "server/app/app.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/log.h"

#include <stdlib.h>
#include <string.h>

static void refuse(struct app *a, uint64_t token, enum status status, const char *text) {
    struct reply r = {.kind = REQ_ALARM, .status = status};
    (void)error_set(&r.error, status, "alarms", "%s", text);
    api_reply(a->api, token, &r);
}

static void answer(struct app *a, struct app_request *q) {
    struct reply r = {.kind = REQ_ALARM, .status = OK, .alarms = {.v = q->v, .n = q->n}};
    api_reply(a->api, q->token, &r);
    free(q->v);
}

/* True if all that has happened so far would survive a crash of this process. */
static bool spooled(struct app *a) {
    struct error err;
    if (a->spool == NULL) {
        return false;
    }
    if (spool_sync(a->spool, &err) != OK) {
        log_event(LOG_ERROR, "spool.failed", "where=%s text=%s", LOG_Q(slice_str(err.where)),
                  LOG_Q(slice_str(err.text)));
        return false;
    }
    return true;
}

/* It is done and shown, but nothing keeps it yet: the operator must know that he cannot rely on it. */
static void refuse_late(struct app *a, struct app_request *q) {
    refuse(a, q->token, ERR_TIMEOUT,
           "done here, but the database has not confirmed it yet: it is stored as soon as the database is "
           "back, and would be lost if this server failed before");
    free(q->v);
}

static void refuse_away(struct app *a, uint64_t token) {
    if (a->store_error.code == ERR_NO_SPACE) {
        refuse(
            a, token, ERR_NO_SPACE,
            "the database's disk is full: what you do could not be kept. Nothing was changed; try again when "
            "there is room");
    } else {
        refuse(a, token, ERR_UNAVAILABLE,
               "the database is away: what you do could not be kept. Nothing was changed; try again when it "
               "is back");
    }
}

/* An action makes a record, and may make others suppress and release. */
enum { RESERVE_MIN = 16 };

static void refuse_unkept(struct app *a, uint64_t token, const struct error *why) {
    log_event(LOG_ERROR, "spool.no_room", "where=%s text=%s", LOG_Q(slice_str(why->where)),
              LOG_Q(slice_str(why->text)));
    if (why->code == ERR_NO_SPACE) {
        refuse(
            a, token, ERR_NO_SPACE,
            "the database is away, and the server's own disk is full: what you do could not be kept. Nothing "
            "was changed; try again when there is room");
    } else {
        refuse(a, token, ERR_UNAVAILABLE,
               "the database is away, and the server's own disk has failed: what you do could not be kept. "
               "Nothing was changed; try again when the database is back");
    }
}

/* The core's answer to the EVENT_REQUEST that apply_all is applying; token is its place in the list. */
void requests_effect(struct app *a, const struct effect *e) {
    CHECK(a->collecting != NULL);
    CHECK(e->reply.token < a->collecting->n);
    struct alarm_answer *to = &a->collecting->v[e->reply.token];
    *to = (struct alarm_answer){.alarm = e->reply.alarm,
                                .result = e->reply.result,
                                .call = e->reply.call,
                                .letter = e->reply.letter,
                                .acked_us = e->reply.acked_us};
    memcpy(to->acked_by, e->reply.acked_by, sizeof to->acked_by);
    if (e->reply.result == ALARM_OK && e->reply.seq > a->collecting->seq) {
        a->collecting->seq = e->reply.seq;
    }
}

static void apply_all(struct app *a, struct app_request *q, const struct request *r) {
    a->collecting = q;
    for (uint32_t i = 0; i < r->alarms.n; i++) {
        q->v[i] = (struct alarm_answer){.alarm = r->alarms.v[i].alarm, .result = ALARM_E_UNKNOWN};
        if (r->alarms.v[i].alarm == MODEL_NONE) {
            continue;
        }
        struct event event = {.kind = EVENT_REQUEST, .request = {.token = i, .ask = r->alarms.v[i]}};
        event.request.ask.actor_key = r->actor.user_key;
        event.request.ask.actor = r->actor.name;
        app_apply(a, &event);
    }
    a->collecting = NULL;
}

void requests_alarm(struct app *a, uint64_t token, const struct request *r) {
    if (a->core == NULL) {
        refuse(a, token, ERR_UNAVAILABLE, "the alarms' state is not known yet; nothing was changed");
        return;
    }
    if (a->store_state == STORE_AWAY && a->spool == NULL) {
        refuse_away(a, token);
        return;
    }
    struct error err;
    if (a->store_state == STORE_AWAY && spool_reserve(a->spool, RESERVE_MIN + 2 * r->alarms.n, &err) != OK) {
        refuse_unkept(a, token, &err);
        return;
    }
    if (a->n_requests == APP_REQUESTS_MAX) {
        refuse(a, token, ERR_FULL, "too many requests wait for the database; nothing was changed, try again");
        return;
    }
    struct app_request q = {
        .token = token, .n = r->alarms.n, .deadline_mono_us = clock_mono_us() + APP_REQUEST_WAIT_US};
    q.v = calloc(q.n > 0 ? q.n : 1, sizeof *q.v);
    if (q.v == NULL) {
        refuse(a, token, ERR_NOMEM, "no memory; nothing was changed");
        return;
    }
    apply_all(a, &q, r);
    bool stored = q.seq <= a->journaled_seq;
    if (!stored && a->store_state != STORE_AWAY) {
        a->requests[a->n_requests++] = q;
    } else if (stored || spooled(a)) {
        answer(a, &q);
    } else {
        refuse_late(a, &q);
    }
}

/* Nothing of it is kept: the sound is of this moment, and a restart sounds again. The audit tells who it was.
 */
void requests_silence(struct app *a, uint64_t token, const struct request *r) {
    struct reply reply = {.kind = REQ_SILENCE, .status = OK};
    if (a->core == NULL) {
        reply.status = error_set(&reply.error, ERR_UNAVAILABLE, "alarms", "the server is starting");
    } else {
        app_apply(a, &(struct event){.kind = EVENT_SILENCE, .silence = {.position = r->silence.position}});
        store_audit(a->store, &r->actor, "alarms.silence", r->silence.name, "");
    }
    api_reply(a->api, token, &reply);
}

static struct app_request take(struct app *a, uint32_t i) {
    struct app_request q = a->requests[i];
    memmove(&a->requests[i], &a->requests[i + 1], (a->n_requests - i - 1) * sizeof a->requests[0]);
    a->n_requests--;
    return q;
}

void requests_journaled(struct app *a) {
    for (uint32_t i = 0; i < a->n_requests;) {
        if (a->requests[i].seq > a->journaled_seq) {
            i++;
            continue;
        }
        struct app_request q = take(a, i);
        answer(a, &q);
    }
}

void requests_away(struct app *a) {
    if (a->n_requests == 0 || !spooled(a)) {
        return; /* without a spool they may still be lucky until their deadline */
    }
    while (a->n_requests > 0) {
        struct app_request q = take(a, 0);
        answer(a, &q);
    }
}

void requests_overdue(struct app *a, int64_t mono_us) {
    if (a->n_requests == 0 || a->requests[0].deadline_mono_us > mono_us) {
        return;
    }
    bool kept = spooled(a);
    while (a->n_requests > 0 && (kept || a->requests[0].deadline_mono_us <= mono_us)) {
        struct app_request q = take(a, 0);
        if (kept) {
            answer(a, &q);
        } else {
            refuse_late(a, &q);
        }
    }
}
