#include "protocol/enrol.h"
#include "server/app/app.h"
#include "server/base/check.h"
#include "server/base/log.h"

#include <stdlib.h>
#include <string.h>

/* --- from the gateways --- */

static void on_link_settle(void *ctx, uint64_t token, struct slice gateway, const struct msg_epoch *epochs,
                           uint32_t n_epochs) {
    struct app *a = ctx;
    store_settle(a->store, token, gateway, epochs, n_epochs);
}

/* The walk of a sample: what is true goes to the core at once, the record as received to the store behind the
 * alarm records that it caused (after_seq), so that a crash between the two cannot keep the sample and lose
 * the alarm. */
static enum status on_link_record(void *ctx, const struct link_record *r) {
    struct app *a = ctx;
    CHECK(r->n_samples <= APP_SAMPLES_MAX);
    if (a->core == NULL || a->n_records >= APP_RECORDS_MAX) {
        return ERR_FULL;
    }
    if (r->n_samples > 0) {
        memcpy(a->samples, r->samples, r->n_samples * sizeof *r->samples);
    }
    sample_normalise(a->model, a->samples, r->n_samples);
    sample_to_history(a->model, a->samples, r->n_samples, r->received_us, app_future_us(a, r->clock_error_us),
                      a->stored);
    int64_t gone_us = keeping_gone_us(a->keeping, r->received_us);
    uint32_t n_kept = keeping_sort_out(a->model, a->samples, a->stored, r->n_samples, gone_us);
    struct store_record record = {.gateway_key = r->gateway_key,
                                  .epoch = r->epoch,
                                  .seq = r->seq,
                                  .dict = r->dict,
                                  .type = r->type,
                                  .flags = r->flags,
                                  .crc = r->crc,
                                  .body = r->body,
                                  .received_us = r->received_us,
                                  .fault = r->fault,
                                  .fault_text = r->fault_text,
                                  .again = r->again,
                                  .samples = a->stored,
                                  .n_samples = n_kept,
                                  .has_dropped = r->lost != NULL,
                                  .unsynced = r->unsynced,
                                  .unsynced_first = r->unsynced_first,
                                  .has_step = r->stepped,
                                  .step_us = r->step_us,
                                  .step_t_us = r->step_t_us};
    if (r->lost != NULL) {
        record.dropped = (struct store_dropped){.epoch = r->lost->epoch,
                                                .first = r->lost->first,
                                                .end = r->lost->end,
                                                .samples = r->lost->samples,
                                                .from_us = r->lost->from_us,
                                                .to_us = r->lost->to_us};
    }
    if (!store_has_room(a->store, &record)) {
        return ERR_FULL;
    }
    if (r->n_samples > 0 && r->fault == 0) {
        uint64_t before = core_journal_seq(a->core);
        uint64_t late = core_counts(a->core).late;
        app_apply(
            a, &(struct event){
                   .kind = EVENT_SAMPLES,
                   .samples = {.gateway = r->gateway, .lane = r->lane, .n = r->n_samples, .v = a->samples}});
        record.after_seq = core_journal_seq(a->core) > before ? core_journal_seq(a->core) : 0;
        if (core_counts(a->core).late > late) {
            link_refresh(a->link, r->gateway); /* its clock may have been set back */
        }
    }
    enum status status = store_ingest(a->store, &record);
    if (status == OK && !r->again && r->fault == 0) {
        keeping_count(a->keeping, r->gateway_key, a->stored + n_kept, r->n_samples - n_kept, r->received_us);
    }
    return status;
}

static void on_link_snapshot(void *ctx, uint32_t gateway, const struct sample *v, uint32_t n,
                             int64_t received_us) {
    (void)received_us;
    struct app *a = ctx;
    CHECK(n <= APP_SAMPLES_MAX);
    if (a->core == NULL || a->n_records >= APP_RECORDS_MAX || n == 0) {
        return;
    }
    memcpy(a->samples, v, n * sizeof *v);
    sample_normalise(a->model, a->samples, n);
    app_apply(
        a, &(struct event){.kind = EVENT_SAMPLES,
                           .samples = {.gateway = gateway, .lane = LANE_SNAPSHOT, .n = n, .v = a->samples}});
}

static void on_link_repeated(void *ctx, const struct link_repeat *r) {
    struct app *a = ctx;
    struct store_repeat repeat = {
        .gateway_key = r->gateway_key, .session = r->session, .day = r->day, .n = r->n};
    store_repeated(a->store, &repeat);
}

static void on_link_clock(void *ctx, uint32_t gateway, const struct link_clock *c, bool judged) {
    struct app *a = ctx;
    struct store_clock clock = {.gateway_key = c->gateway_key,
                                .session = (int64_t)c->session, /* of a sequence of bigint */
                                .source = c->source,
                                .said_error_us = c->said_error_us,
                                .offset_us = c->offset_us,
                                .error_us = c->error_us,
                                .worst_us = c->worst_us,
                                .off = c->off ? 1 : 0,
                                .from_us = c->from_us,
                                .to_us = c->to_us};
    store_clock(a->store, &clock);
    if (judged && a->core != NULL && gateway < a->model->n_gateways) {
        app_apply(a, &(struct event){.kind = EVENT_CLOCK, .clock = {.gateway = gateway, .off = c->off}});
    }
}

static void on_link_backlog_end(void *ctx, uint32_t gateway, int64_t te_us) {
    struct app *a = ctx;
    if (a->core != NULL) {
        app_apply(a, &(struct event){.kind = EVENT_BACKLOG_END,
                                     .backlog_end = {.gateway = gateway, .te_us = te_us}});
    }
}

static void on_link_state(void *ctx, uint32_t gateway, bool up, const char *peer, const char *reason) {
    (void)peer;
    (void)reason; /* link logs both; what people see is read with link_get_status */
    struct app *a = ctx;
    if (a->core != NULL) {
        app_apply(a, &(struct event){.kind = EVENT_LINK, .link = {.gateway = gateway, .up = up}});
        certificates_tell(a, gateway);
    }
    api_status_changed(a->api);
}

static void on_link_duplicate(void *ctx, uint32_t gateway, const char *text) {
    struct app *a = ctx;
    if (a->core != NULL && a->model->gateways[gateway].duplicate_alarm != MODEL_NONE) {
        app_apply(a, &(struct event){
                         .kind = EVENT_DUPLICATE,
                         .duplicate = {.alarm = a->model->gateways[gateway].duplicate_alarm, .text = text}});
    }
}

static void on_link_incident(void *ctx, const char *action, const char *peer, const char *object,
                             const char *detail) {
    struct app *a = ctx;
    struct actor actor = {.name = "gateway link"};
    (void)snprintf(actor.peer, sizeof actor.peer, "%s", peer);
    store_audit(a->store, &actor, action, object, detail);
}

static void on_link_files_read(void *ctx) {
    struct app *a = ctx;
    certificates_read(a);
    if (a->core != NULL) {
        certificates_tell_all(a);
    }
}

/* Goes to its gateway when the database has it: the answer comes by way of on_store_reply. */
static void on_link_certify(void *ctx, uint64_t token, const struct identity_issue *issue, const char *peer) {
    struct app *a = ctx;
    struct request r = {.kind = REQ_CERTIFICATE, .actor = {.name = "gateway link"}};
    (void)snprintf(r.actor.peer, sizeof r.actor.peer, "%s", peer);
    r.identity.ask = IDENTITY_ISSUE;
    r.identity.issue = *issue;
    store_request(a->store, token, &r);
}

struct link_host route_link_host(struct app *a) {
    return (struct link_host){.ctx = a,
                              .settle = on_link_settle,
                              .record = on_link_record,
                              .snapshot = on_link_snapshot,
                              .repeated = on_link_repeated,
                              .clock = on_link_clock,
                              .backlog_end = on_link_backlog_end,
                              .state = on_link_state,
                              .certify = on_link_certify,
                              .duplicate = on_link_duplicate,
                              .files_read = on_link_files_read,
                              .incident = on_link_incident};
}

/* --- from the database --- */

/* So that the command line can put it into tokens. */
static void note_authority(struct app *a) {
    struct request r = {.kind = REQ_CERTIFICATE};
    const uint8_t *fingerprint = link_authority(a->link);
    if (fingerprint != NULL) {
        r.identity.ask = IDENTITY_AUTHORITY;
        memcpy(r.identity.hash, fingerprint, sizeof r.identity.hash);
        store_request(a->store, 0, &r); /* nobody waits for the answer */
    }
}

static void on_store_loaded(void *ctx, struct store_boot *boot) {
    struct app *a = ctx;
    struct error err;
    link_set_revoked(a->link, boot->revoked, boot->n_revoked);
    note_authority(a);
    if (boot->users == 0) {
        log_event(LOG_WARN, "setup.needed",
                  "text=\"no account exists\" run=\"penstock user add NAME --role admin\"");
    }
    if (reload_boot(a, boot, &err) != OK) {
        log_event(LOG_ERROR, "config.unusable", "where=%s text=%s", LOG_Q(slice_str(err.where)),
                  LOG_Q(slice_str(err.text)));
        app_stop(a, 1);
        return;
    }
    auditor_start(a->auditor);
}

static void on_store_state(void *ctx, enum store_state state, int64_t lag_us, const struct error *error) {
    static const enum server_state told[] = {
        [STORE_OK] = SERVER_STORING, [STORE_SLOW] = SERVER_SLOW, [STORE_AWAY] = SERVER_NOT_STORING};
    struct app *a = ctx;
    bool changed = a->store_state != state;
    a->store_state = state;
    a->store_lag_us = lag_us;
    a->store_error = error != NULL ? *error : (struct error){0};
    if (disk_is_full(a)) { /* PostgreSQL itself may be unable to say so */
        a->store_error.code = ERR_NO_SPACE;
    }
    disk_tell(a);
    link_set_store(a->link, told[state], (uint64_t)(lag_us / 1000));
    if (changed) {
        log_event(state == STORE_AWAY ? LOG_WARN : LOG_INFO, "store.state", "state=%s text=%s",
                  shown_store_state(state), LOG_Q(slice_str(a->store_error.text)));
        api_status_changed(a->api);
    }
    if (changed && state == STORE_AWAY) {
        requests_away(a);
    }
}

static void on_store_ingested(void *ctx, const struct store_key *v, uint32_t n) {
    struct app *a = ctx;
    for (uint32_t i = 0; i < n; i++) {
        link_committed(a->link, v[i].gateway_key, v[i].epoch, v[i].seq);
    }
}

static void on_store_forked(void *ctx, const struct store_key *key) {
    struct app *a = ctx;
    link_forked(a->link, key->gateway_key, key->epoch, key->seq);
}

static void on_store_room(void *ctx) {
    struct app *a = ctx;
    link_resume(a->link);
}

static void on_store_journaled(void *ctx, uint64_t seq) {
    struct app *a = ctx;
    a->journaled_seq = seq;
    if (a->spool != NULL) {
        spool_durable(a->spool, seq);
    }
    requests_journaled(a);
}

/* The same fields, for the store and the link do not know each other. NULL without memory. */
static struct link_range *ranges_for_link(const struct store_range *v, uint32_t n) {
    struct link_range *copy = calloc((size_t)n + 1, sizeof *copy);
    for (uint32_t i = 0; copy != NULL && i < n; i++) {
        copy[i] = (struct link_range){.epoch = v[i].epoch, .first = v[i].first, .end = v[i].end};
    }
    return copy;
}

static struct link_dict *dicts_for_link(const struct store_dict *v, uint32_t n) {
    struct link_dict *copy = calloc((size_t)n + 1, sizeof *copy);
    for (uint32_t i = 0; copy != NULL && i < n; i++) {
        copy[i] = (struct link_dict){.epoch = v[i].epoch, .dict = v[i].dict, .body = v[i].body};
    }
    return copy;
}

/* A dictionary may have come in any number of parts; without all of them, good records would end in
 * quarantine. */
static void on_store_settled(void *ctx, uint64_t token, const struct store_settled *s) {
    struct app *a = ctx;
    struct link_settled settled = {.status = s->status,
                                   .error = s->error,
                                   .gateway_key = s->gateway_key,
                                   .session = s->session,
                                   .n_committed = s->n_committed,
                                   .n_dicts = s->n_dicts,
                                   .n_gone = s->n_gone};
    struct link_range *committed = ranges_for_link(s->committed, s->n_committed);
    struct link_dict *dicts = dicts_for_link(s->dicts, s->n_dicts);
    struct link_range *gone = ranges_for_link(s->gone, s->n_gone);
    if (committed == NULL || dicts == NULL || gone == NULL) {
        settled = (struct link_settled){.status = ERR_UNAVAILABLE};
        (void)error_set(&settled.error, ERR_UNAVAILABLE, "dictionaries", "the server is out of memory");
    }
    settled.committed = committed;
    settled.dicts = dicts;
    settled.gone = gone;
    link_settled(a->link, token, &settled);
    free(committed);
    free(dicts);
    free(gone);
}

static void on_store_reply(void *ctx, uint64_t token, const struct reply *r) {
    struct app *a = ctx;
    struct reply told = *r;
    if (told.status == ERR_UNAVAILABLE && strcmp(told.error.where, "database") != 0) {
        (void)error_set(&told.error, ERR_UNAVAILABLE, "database", "%s", shown_store_reason(ERR_UNAVAILABLE));
    }
    if (told.status == ERR_UNAVAILABLE && disk_is_full(a)) {
        told.status = told.error.code = ERR_NO_SPACE;
        (void)error_wrap(&told.error, "the database's disk is full");
    } else if (told.status == ERR_NO_SPACE) {
        (void)error_set(&told.error, ERR_NO_SPACE, "database", "%s", shown_store_reason(ERR_NO_SPACE));
    }
    if (r->kind == REQ_CERTIFICATE) {
        link_certified(a->link, token, told.status, told.error.text);
    } else if (r->kind == REQ_CONFIG_CHANGE) {
        reload_reply(a, token, &told);
    } else if (r->kind == REQ_QUARANTINE_GET || r->kind == REQ_QUARANTINE_KEEP) {
        quarantine_reply(a, token, &told);
    } else {
        api_reply(a->api, token, &told);
    }
}

static void on_store_config_changed(void *ctx, int64_t revision, struct config_set *set) {
    reload_changed(ctx, revision, set);
}

static void on_store_revoked(void *ctx, const uint8_t *fingerprints, size_t n) {
    struct app *a = ctx;
    link_set_revoked(a->link, fingerprints, n);
}

static void on_store_certificates(void *ctx, const struct store_certificate *v, size_t n) {
    certificates_issued(ctx, v, n);
}

static void on_store_packed(void *ctx, const struct store_packing *s) {
    packing_take(ctx, s);
}

static void on_store_disk(void *ctx, const struct store_disk *disk) {
    disk_look(ctx, disk);
}

static void on_store_fatal(void *ctx, const struct error *error) {
    log_event(LOG_ERROR, "store.fatal", "where=%s text=%s", LOG_Q(slice_str(error->where)),
              LOG_Q(slice_str(error->text)));
    app_stop(ctx, 1);
}

struct store_host route_store_host(struct app *a) {
    return (struct store_host){.ctx = a,
                               .loaded = on_store_loaded,
                               .state = on_store_state,
                               .ingested = on_store_ingested,
                               .forked = on_store_forked,
                               .room = on_store_room,
                               .journaled = on_store_journaled,
                               .settled = on_store_settled,
                               .reply = on_store_reply,
                               .config_changed = on_store_config_changed,
                               .revoked = on_store_revoked,
                               .certificates = on_store_certificates,
                               .packed = on_store_packed,
                               .disk = on_store_disk,
                               .fatal = on_store_fatal};
}

/* --- from people --- */

/* Nothing of it touches what runs: the configuration in force is only looked at. */
static void backtest_request(struct app *a, uint64_t token, const struct request *r) {
    struct config_fault faults[CONFIG_FAULTS_MAX];
    struct reply reply = {.kind = r->kind};
    if (a->core == NULL) {
        reply.status =
            error_set(&reply.error, ERR_UNAVAILABLE, "database", "the configuration is not loaded yet");
    } else {
        backtest_jobs_request(a->backtests, r, a->config, app_now_us(a), faults, &reply);
    }
    api_reply(a->api, token, &reply);
}

/* What a gateway shows now is revoked with what the database knows: the certificate of another authority is
 * known from its session alone. */
static void identity_request(struct app *a, uint64_t token, const struct request *r) {
    struct request q = *r;
    uint32_t gateway =
        a->model == NULL ? MODEL_NONE : model_find_gateway(a->model, slice_str(q.identity.gateway));
    const struct link_status *s = gateway == MODEL_NONE ? NULL : link_borrow_status(a->link, gateway);
    if (q.identity.ask == IDENTITY_REVOKE && s != NULL) {
        memcpy(q.identity.hash, s->certificate, sizeof q.identity.hash);
    }
    store_request(a->store, token, &q);
}

/* A suspended gateway is let in again; nothing of it is kept but the audit. */
static void release_gateway(struct app *a, uint64_t token, const struct request *r) {
    struct reply reply = {.kind = REQ_GATEWAY_RELEASE};
    uint32_t gateway =
        a->core == NULL ? MODEL_NONE : model_find_gateway(a->model, slice_str(r->release.gateway));
    if (gateway == MODEL_NONE || !link_release(a->link, gateway)) {
        reply.status = error_set(&reply.error, ERR_NOT_FOUND, "gateway", "there is no gateway of this name");
    } else {
        store_audit(a->store, &r->actor, "gateway.release", r->release.gateway, "");
    }
    api_reply(a->api, token, &reply);
}

static void on_api_request(void *ctx, uint64_t token, const struct request *r) {
    struct app *a = ctx;
    switch (r->kind) {
    case REQ_ALARM:
        requests_alarm(a, token, r);
        return;
    case REQ_SILENCE:
        requests_silence(a, token, r);
        return;
    case REQ_CONFIG_CHANGE:
        reload_request(a, token, r);
        return;
    case REQ_BACKTEST:
        backtest_request(a, token, r);
        return;
    case REQ_QUARANTINE_GET:
    case REQ_QUARANTINE_REPLAY:
        quarantine_request(a, token, r);
        return;
    case REQ_GATEWAY_RELEASE:
        release_gateway(a, token, r);
        return;
    case REQ_USER_FIND:
    case REQ_LOGIN_CODE:
    case REQ_SESSION_OPEN:
    case REQ_SESSION_FIND:
    case REQ_SESSION_CLOSE:
    case REQ_PASSWORD_SET:
    case REQ_AUDIT:
    case REQ_ALARM_HISTORY:
    case REQ_SAMPLES:
    case REQ_AGGREGATES:
    case REQ_RAW_OPEN:
    case REQ_RAW_NEXT:
    case REQ_RAW_CLOSE:
    case REQ_CONFIG_HISTORY:
    case REQ_AUDIT_LIST:
    case REQ_ALARM_STATE_AT:
    case REQ_ALARM_LAST_RAISED:
    case REQ_ALARM_KPI:
    case REQ_ALARM_BAD_ACTORS:
    case REQ_LEDGER:
    case REQ_STORE:
    case REQ_QUARANTINE_LIST:
    case REQ_QUARANTINE_KEEP:
        store_request(a->store, token, r);
        return;
    case REQ_IDENTITY:
    case REQ_CERTIFICATE: /* never from people */
        identity_request(a, token, r);
        return;
    }
}

_Static_assert((int)IDENTITY_SECRET_SIZE == (int)ENROL_SECRET_SIZE, "one secret");
_Static_assert((int)IDENTITY_TOKEN_TEXT_SIZE >= (int)ENROL_TOKEN_TEXT_SIZE, "every token fits");

static bool on_api_token(void *ctx, const char *gateway, const uint8_t secret[IDENTITY_SECRET_SIZE],
                         char ret[IDENTITY_TOKEN_TEXT_SIZE]) {
    struct app *a = ctx;
    const uint8_t *authority = link_authority(a->link);
    struct enrol_token token = {.name = ""};
    if (authority == NULL || !enrol_is_name(slice_str(gateway))) {
        return false;
    }
    (void)snprintf(token.name, sizeof token.name, "%s", gateway);
    memcpy(token.secret, secret, sizeof token.secret);
    memcpy(token.authority, authority, sizeof token.authority);
    enrol_token_format(&token, ret);
    return true;
}

static uint32_t on_api_explain(void *ctx, uint32_t alarm, struct slice *ret_source, struct rule_part *ret,
                               uint32_t max) {
    struct app *a = ctx;
    return core_alarm_explain(a->core, alarm, ret_source, ret, max);
}

static void on_api_forget(void *ctx, uint64_t token) {
    struct app *a = ctx;
    store_forget(a->store, token);
}

struct api_host route_api_host(struct app *a) {
    return (struct api_host){.ctx = a,
                             .request = on_api_request,
                             .forget = on_api_forget,
                             .gateway = shown_gateway,
                             .health = shown_health,
                             .store = shown_store,
                             .token = on_api_token,
                             .explain = on_api_explain};
}
