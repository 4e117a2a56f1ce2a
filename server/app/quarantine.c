/* Records in quarantine: read again with what is stored and configured now, and used after all when a person
 * asks for it. Their samples are history only: they never move a live value and never ring. */
#include "protocol/frame.h"
#include "server/app/app.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/utf8.h"
#include "server/link/replay.h"

#include <stdio.h>
#include <stdlib.h>

static void refuse(struct app *a, uint64_t token, enum request_kind kind, enum status status,
                   const char *text) {
    struct reply r = {.kind = kind, .status = status};
    (void)error_set(&r.error, status, "quarantine", "%s", text);
    api_reply(a->api, token, &r);
}

static struct app_replay *find(struct app *a, uint64_t token) {
    for (uint32_t i = 0; i < APP_REPLAYS_MAX; i++) {
        if (a->replays[i].busy && a->replays[i].token == token) {
            return &a->replays[i];
        }
    }
    return NULL;
}

/* The record is fetched first; quarantine_reply goes on from there. */
void quarantine_request(struct app *a, uint64_t token, const struct request *r) {
    if (a->core == NULL) {
        refuse(a, token, r->kind, ERR_UNAVAILABLE, "the configuration is not loaded yet");
        return;
    }
    if (r->kind == REQ_QUARANTINE_REPLAY) {
        struct app_replay *free_one = NULL;
        for (uint32_t i = 0; i < APP_REPLAYS_MAX && free_one == NULL; i++) {
            free_one = a->replays[i].busy ? NULL : &a->replays[i];
        }
        if (free_one == NULL) {
            refuse(a, token, r->kind, ERR_FULL, "too many records are being replayed; try again");
            return;
        }
        *free_one =
            (struct app_replay){.busy = true, .token = token, .id = r->quarantine.id, .actor = r->actor};
    }
    struct request get = {
        .kind = REQ_QUARANTINE_GET, .actor = r->actor, .quarantine = {.id = r->quarantine.id}};
    store_request(a->store, token, &get);
}

/* False without memory. */
static bool read_again(struct app *a, const struct reply *r, struct buf *text, struct replay_result *ret) {
    uint32_t n = r->quarantine.n_dicts;
    const struct quarantine_row *row = &r->quarantine.v[0];
    struct link_dict *dicts = calloc((size_t)n + 1, sizeof *dicts);
    if (dicts == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        dicts[i] = (struct link_dict){
            .epoch = row->epoch, .dict = r->quarantine.dicts[i].dict, .body = r->quarantine.dicts[i].body};
    }
    struct replay in = {.type = row->type,
                        .body = r->quarantine.body,
                        .epoch = row->epoch,
                        .dicts = dicts,
                        .n_dicts = n,
                        .model = a->model,
                        .gateway = model_find_gateway(a->model, row->gateway),
                        .samples = a->samples};
    replay_read(&in, text, ret);
    free(dicts);
    return true;
}

static void show(struct app *a, uint64_t token, const struct reply *r) {
    struct reply told = *r;
    struct replay_result result = {0};
    struct buf text;
    struct buf frame;
    buf_init(&text, APP_REPLAY_TEXT_MAX);
    buf_init(&frame, LINK_FRAME_HEAD + LINK_BODY_MAX_HARD);
    frame_append(&frame, r->quarantine.v[0].type, r->quarantine.v[0].flags, r->quarantine.body);
    if (!read_again(a, r, &text, &result) || text.failed || frame.failed) {
        refuse(a, token, r->kind, ERR_NOMEM, "no memory to read the record");
    } else {
        told.quarantine.frame = buf_slice(&frame);
        told.quarantine.says = buf_slice(&text);
        told.quarantine.usable = result.usable;
        told.quarantine.fault = slice_str(result.usable ? "" : result.fault.text);
        api_reply(a->api, token, &told);
    }
    buf_done(&frame);
    buf_done(&text);
}

static struct ledger_lost lost_of(const struct event_lost *lost) {
    return (struct ledger_lost){.epoch = lost->epoch,
                                .first = (int64_t)lost->first, /* at most end, which told.c has checked */
                                .end = (int64_t)lost->end,
                                .samples = lost->samples > INT64_MAX ? INT64_MAX : (int64_t)lost->samples,
                                .from_us = lost->from_us,
                                .to_us = lost->to_us};
}

/* As at the door of history (keeping.h): how many of n samples stay. The others are remembered. */
static uint32_t leave_out_expired(struct app *a, struct app_replay *replay, struct slice gateway_name,
                                  uint32_t n) {
    uint32_t stay =
        keeping_sort_out(a->model, a->samples, a->stored, n, keeping_gone_us(a->keeping, clock_wall_us()));
    uint32_t gateway = model_find_gateway(a->model, gateway_name);
    replay->gateway_key = gateway == MODEL_NONE ? 0 : a->model->gateways[gateway].key;
    replay->expired = stay < n ? calloc(n - stay, sizeof *replay->expired) : NULL;
    replay->n_expired = replay->expired == NULL ? 0 : n - stay;
    for (uint32_t i = 0; i < replay->n_expired; i++) {
        replay->expired[i] = a->stored[stay + i];
        replay->expired[i].text = (struct slice){0}; /* is lent until the record is gone */
    }
    return stay;
}

static void end_replay(struct app *a, struct app_replay *replay, bool stored) {
    if (stored) {
        keeping_count(a->keeping, replay->gateway_key, replay->expired, replay->n_expired, clock_wall_us());
    }
    free(replay->expired);
    *replay = (struct app_replay){.busy = false};
}

static void tell_left_out(struct request *q, const struct replay_result *result, uint32_t expired) {
    char *detail = q->quarantine_keep.detail;
    size_t size = sizeof q->quarantine_keep.detail;
    if (!result->usable) {
        (void)snprintf(detail, size, "%s", result->fault.text);
        return;
    }
    int n = result->unknown == 0
                ? 0
                : snprintf(detail, size, "%u samples of tags that are not in the configuration were left out",
                           result->unknown);
    if (expired > 0) {
        (void)snprintf(detail + n, size - (size_t)n,
                       "%s%u samples were left out that are older than their class of history is kept",
                       n > 0 ? "; " : "", expired);
    }
}

static void keep(struct app *a, struct app_replay *replay, const struct reply *r) {
    struct replay_result result = {0};
    struct buf text;
    buf_init(&text, APP_REPLAY_TEXT_MAX);
    bool read = read_again(a, r, &text, &result);
    buf_done(&text);
    if (!read) {
        refuse(a, replay->token, REQ_QUARANTINE_REPLAY, ERR_NOMEM, "no memory to read the record");
        end_replay(a, replay, false);
        return;
    }
    const struct quarantine_row *row = &r->quarantine.v[0];
    struct request q = {.kind = REQ_QUARANTINE_KEEP,
                        .actor = replay->actor,
                        .quarantine_keep = {.id = replay->id,
                                            .usable = result.usable,
                                            .dictionary = row->type == MSG_DICT,
                                            .v = a->stored,
                                            .action = result.told.action,
                                            .has_lost = result.told.has_lost,
                                            .lost = lost_of(&result.told.lost)}};
    int cut = (int)utf8_valid_prefix(result.told.text, strnlen(result.told.text, REASON_SIZE - 1));
    (void)snprintf(q.quarantine_keep.told, sizeof q.quarantine_keep.told, "%.*s", cut, result.told.text);
    sample_normalise(a->model, a->samples, result.n_samples);
    /* By how much the gateway's clock was off then is not known any more. */
    sample_to_history(a->model, a->samples, result.n_samples, row->received_us, app_future_us(a, 0),
                      a->stored);
    q.quarantine_keep.n = leave_out_expired(a, replay, row->gateway, result.n_samples);
    tell_left_out(&q, &result, result.n_samples - q.quarantine_keep.n);
    store_request(a->store, replay->token, &q);
}

void quarantine_reply(struct app *a, uint64_t token, const struct reply *r) {
    struct app_replay *replay = find(a, token);
    if (replay == NULL && r->status == OK && r->kind == REQ_QUARANTINE_GET) {
        show(a, token, r);
        return;
    }
    if (replay != NULL && r->status == OK && r->kind == REQ_QUARANTINE_GET) {
        keep(a, replay, r);
        return;
    }
    struct reply told = *r;
    if (replay != NULL) {
        end_replay(a, replay, r->status == OK && r->kind == REQ_QUARANTINE_KEEP);
        told.kind = REQ_QUARANTINE_REPLAY;
    }
    api_reply(a->api, token, &told);
}

void quarantine_done(struct app *a) {
    for (uint32_t i = 0; i < APP_REPLAYS_MAX; i++) {
        end_replay(a, &a->replays[i], false);
    }
}
