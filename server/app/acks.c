#include "server/app/app.h"
#include "server/base/check.h"
#include "server/base/clock.h"

#include <stdlib.h>
#include <string.h>

static void refuse(struct app *a, uint64_t token, enum status status, const char *text) {
    struct reply r = {.kind = REQ_ACK, .status = status};
    (void)error_set(&r.error, status, "acknowledge", "%s", text);
    api_reply(a->api, token, &r);
}

static void answer(struct app *a, struct app_ack *ack) {
    struct reply r = {.kind = REQ_ACK, .status = OK, .ack = {.v = ack->v, .n = ack->n}};
    api_reply(a->api, ack->token, &r);
    free(ack->v);
}

/* The core's answer to the EVENT_REQUEST that acks_request is applying; request is its place in the list. */
void acks_effect(struct app *a, const struct effect *e) {
    CHECK(a->collecting != NULL && e->reply.token < a->collecting->n);
    struct ack_answer *to = &a->collecting->v[e->reply.token];
    *to = (struct ack_answer){.alarm = e->reply.alarm,
                              .result = e->reply.result,
                              .call = e->reply.call,
                              .acked_us = e->reply.acked_us};
    memcpy(to->acked_by, e->reply.acked_by, sizeof to->acked_by);
    if (e->reply.result == ALARM_OK && e->reply.seq > a->collecting->seq) {
        a->collecting->seq = e->reply.seq;
    }
}

static void apply_all(struct app *a, struct app_ack *ack, const struct request *r) {
    a->collecting = ack;
    for (uint32_t i = 0; i < r->ack.n; i++) {
        ack->v[i] = (struct ack_answer){.alarm = r->ack.v[i].alarm, .result = ALARM_E_UNKNOWN};
        if (r->ack.v[i].alarm == MODEL_NONE) {
            continue;
        }
        struct event event = {.kind = EVENT_REQUEST,
                              .request = {.token = i,
                                          .ask = {.kind = ALARM_ASK_ACK,
                                                  .alarm = r->ack.v[i].alarm,
                                                  .call = r->ack.v[i].call,
                                                  .actor_key = r->actor.user_key,
                                                  .actor = r->actor.name,
                                                  .comment = r->ack.comment}}};
        app_apply(a, &event);
    }
    a->collecting = NULL;
}

void acks_request(struct app *a, uint64_t token, const struct request *r) {
    if (a->core == NULL || a->store_state == STORE_AWAY) {
        refuse(a, token, ERR_UNAVAILABLE,
               "the database is away: an acknowledgement could not be kept. Nothing was changed; try again "
               "when it is back");
        return;
    }
    if (a->n_acks == APP_ACKS_MAX) {
        refuse(a, token, ERR_FULL,
               "too many acknowledgements wait for the database; nothing was changed, try again");
        return;
    }
    struct app_ack ack = {
        .token = token, .n = r->ack.n, .deadline_mono_us = clock_mono_us() + APP_ACK_WAIT_US};
    ack.v = calloc(ack.n > 0 ? ack.n : 1, sizeof *ack.v);
    if (ack.v == NULL) {
        refuse(a, token, ERR_NOMEM, "no memory; nothing was changed");
        return;
    }
    apply_all(a, &ack, r);
    if (ack.seq <= a->journaled_seq) {
        answer(a, &ack);
        return;
    }
    a->acks[a->n_acks++] = ack;
}

static void remove_at(struct app *a, uint32_t i) {
    memmove(&a->acks[i], &a->acks[i + 1], (a->n_acks - i - 1) * sizeof a->acks[0]);
    a->n_acks--;
}

void acks_journaled(struct app *a) {
    for (uint32_t i = 0; i < a->n_acks;) {
        if (a->acks[i].seq > a->journaled_seq) {
            i++;
            continue;
        }
        struct app_ack ack = a->acks[i];
        remove_at(a, i);
        answer(a, &ack);
    }
}

void acks_overdue(struct app *a, int64_t mono_us) {
    while (a->n_acks > 0 && a->acks[0].deadline_mono_us <= mono_us) {
        struct app_ack ack = a->acks[0];
        remove_at(a, 0);
        refuse(a, ack.token, ERR_TIMEOUT,
               "acknowledged here, but the database has not confirmed it yet: it is stored as soon as the "
               "database is back");
        free(ack.v);
    }
}
