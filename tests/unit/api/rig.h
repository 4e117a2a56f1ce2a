/* The whole interface on 127.0.0.1 with a host of the test's own: accounts, sessions and a small
 * configuration in memory, a real core. The server runs in a thread of its own; the test is the blocking
 * client. rig_call runs something in the server's thread. Header only: each test program includes it once. */
#ifndef PENSTOCK_TESTS_API_RIG_H
#define PENSTOCK_TESTS_API_RIG_H

#include "server/api/api.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/core/rule_machine.h"
#include "tests/unit/api/tls_client.h"

#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RIG_SESSIONS = 64, RIG_PENDING = 64, RIG_AUDITS = 256, RIG_USERS = 6, RIG_ALARM_KEY = 20000 };

#define RIG_PASSWORD "correct horse battery"
#define RIG_CODE     "abcd-efgh-2345-wxyz"

struct rig_session {
    bool used;
    uint8_t hash[TOKEN_HASH_SIZE];
    uint32_t user;
};

struct rig {
    /* Set before rig_start. */
    const char *web_dir;
    const char *origins;
    /* The server's thread. */
    uv_loop_t loop;
    uv_async_t wake;
    uv_prepare_t turn;
    struct api *api;
    struct core *core;
    struct model *model;
    struct config_set *config;
    struct user users[RIG_USERS];
    struct rig_session sessions[RIG_SESSIONS];
    char audits[RIG_AUDITS][64];
    uint32_t n_audits;
    struct request last_audit;
    bool store_away;
    bool hold;          /* answers wait until it is false again */
    uint64_t forgotten; /* token of the question whose asker left last; 0: none */
    struct {
        uint64_t token;
        struct request q;
    } pending[RIG_PENDING];
    uint32_t n_pending;
    struct alarm_record records[256];
    uint32_t n_records;
    struct alarm_answer answers[ALARM_LIST_MAX];
    char asked_comment[ALARM_COMMENT_SIZE]; /* of the last request to the core */
    char asked_desk[ALARM_DESK_SIZE];
    char asked_source[ALARM_SOURCE_SIZE];
    struct alarm_request asked;       /* the last one; its texts are those above */
    uint32_t n_asked;                 /* requests to the core in all */
    char changed_reason[REASON_SIZE]; /* of the last change of the configuration */
    char changed_second[USER_NAME_SIZE];
    uint32_t n_changes;
    bool refuse_changes; /* the database refuses them */
    bool late;           /* the database does not confirm what is asked of alarms */
    uint64_t durable;    /* what the host calls durable */
    uint64_t journal_sent;
    int64_t revision;
    int64_t last_expected;       /* revision of the first item of the last change */
    struct request last_history; /* what was asked last */
    /* Between the threads. */
    pthread_t thread;
    sem_t done;
    void (*call)(struct rig *rig, void *ctx);
    void *call_ctx;
    char dir[64];
    char cert[96];
    char key[96];
    struct tls_client client;
    int status_in_vain; /* of a request that was cut off */
    int64_t fed_us;     /* time of the newest sample of a test */
};

/* --- configuration */

static inline void rig_put(struct config_set *set, enum config_kind kind, const char *name, const char *body,
                           int64_t key) {
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    enum status status = config_set_put(set, kind, slice_str(name), slice_str(body), key, 1, faults, &n);
    if (status != OK) {
        (void)fprintf(stderr, "rig: %s: %s %s\n", name, n > 0 ? faults[0].pointer : "",
                      n > 0 ? faults[0].text : status_name(status));
    }
    CHECK(status == OK);
}

static inline void rig_compile(struct rig *rig, struct config_set *set, struct model **ret) {
    static const uint64_t seed[2] = {1, 2};
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    struct error err;
    enum status status = config_compile(set, rig->revision, seed, ret, faults, &n, &err);
    if (status != OK) {
        (void)fprintf(stderr, "rig: %s %s\n", n > 0 ? faults[0].pointer : err.where,
                      n > 0 ? faults[0].text : err.text);
    }
    CHECK(status == OK);
}

static inline void rig_no_change(void *ctx, enum config_kind kind, struct slice name, struct slice body) {
    (void)ctx;
    (void)kind;
    (void)name;
    (void)body;
}

static inline void rig_configure(struct rig *rig) {
    struct error err;
    CHECK(config_set_new(&rig->config, &err) == OK);
    rig_put(rig->config, CONFIG_SITE, "S1", "{\"name\":\"S1\",\"title\":{\"en\":\"One\",\"zh\":\"一\"}}", 1);
    rig_put(rig->config, CONFIG_SITE, "S2", "{\"name\":\"S2\"}", 2);
    rig_put(rig->config, CONFIG_GATEWAY, "gw-s1", "{\"name\":\"gw-s1\",\"site\":\"S1\"}", 3);
    rig_put(rig->config, CONFIG_GATEWAY, "gw-s2", "{\"name\":\"gw-s2\",\"site\":\"S2\"}", 4);
    rig_put(rig->config, CONFIG_TAG, "S1/L_T1",
            "{\"name\":\"S1/"
            "L_T1\",\"gateway\":\"gw-s1\",\"unit\":\"m\",\"low\":0,\"high\":10,\"role\":\"level\"}",
            5);
    rig_put(rig->config, CONFIG_TAG, "S1/F_PU1",
            "{\"name\":\"S1/F_PU1\",\"gateway\":\"gw-s1\",\"unit\":\"l/s\",\"low\":0,\"high\":100}", 6);
    rig_put(rig->config, CONFIG_TAG, "S2/L_T2",
            "{\"name\":\"S2/"
            "L_T2\",\"gateway\":\"gw-s2\",\"unit\":\"m\",\"low\":0,\"high\":10,\"role\":\"level\"}",
            7);
    rig_put(rig->config, CONFIG_ALARM, "S1/L_T1.high",
            "{\"name\":\"S1/L_T1.high\",\"kind\":\"high\",\"tag\":\"S1/L_T1\",\"limit\":8,\"priority\":1}",
            8);
    CHECK(config_set_complete(rig->config, rig_no_change, NULL, &err) == OK);
    const struct config_item *item = NULL;
    for (uint32_t i = 0; (item = config_set_at(rig->config, CONFIG_ALARM, i)) != NULL; i++) {
        CHECK(config_set_stored(rig->config, CONFIG_ALARM, item->name, RIG_ALARM_KEY + (int64_t)i, 1) == OK);
    }
}

/* --- core */

static inline void rig_effect(void *ctx, const struct effect *e) {
    struct rig *rig = ctx;
    switch (e->kind) {
    case EFFECT_RECORD:
        CHECK(rig->n_records < 256);
        rig->records[rig->n_records++] = e->record;
        return;
    case EFFECT_REPLY:
        rig->answers[e->reply.token] = (struct alarm_answer){.alarm = e->reply.alarm,
                                                             .result = e->reply.result,
                                                             .call = e->reply.call,
                                                             .letter = e->reply.letter,
                                                             .acked_us = e->reply.acked_us};
        memcpy(rig->answers[e->reply.token].acked_by, e->reply.acked_by, ALARM_ACTOR_SIZE);
        return;
    case EFFECT_SILENCE:
        api_silence(rig->api, e->silence.position);
        return;
    }
}

static inline void rig_apply(struct rig *rig, const struct event *e) {
    core_apply(rig->core, e, clock_wall_us(), (struct effect_sink){.ctx = rig, .emit = rig_effect});
}

/* --- host: accounts and sessions */

static inline uint32_t rig_user(const struct rig *rig, const char *name) {
    for (uint32_t i = 0; i < RIG_USERS; i++) {
        if (strcmp(rig->users[i].name, name) == 0) {
            return i;
        }
    }
    return RIG_USERS;
}

static inline struct rig_session *rig_session(struct rig *rig, const uint8_t hash[TOKEN_HASH_SIZE]) {
    for (uint32_t i = 0; i < RIG_SESSIONS; i++) {
        if (rig->sessions[i].used && memcmp(rig->sessions[i].hash, hash, TOKEN_HASH_SIZE) == 0) {
            return &rig->sessions[i];
        }
    }
    return NULL;
}

static inline void rig_open_session(struct rig *rig, const struct request *q, struct reply *r) {
    for (uint32_t i = 0; i < RIG_SESSIONS; i++) {
        if (!rig->sessions[i].used) {
            rig->sessions[i].used = true;
            rig->sessions[i].user = (uint32_t)q->session.user_key - 1;
            memcpy(rig->sessions[i].hash, q->session.token_hash, TOKEN_HASH_SIZE);
            return;
        }
    }
    r->status = ERR_FULL;
}

static inline void rig_account(struct rig *rig, const struct request *q, struct reply *r) {
    uint8_t code[TOKEN_HASH_SIZE];
    (void)crypto_hash_sha256(code, (const unsigned char *)RIG_CODE, sizeof RIG_CODE - 1);
    uint32_t user = rig_user(rig, q->login.name);
    bool code_ok = q->kind != REQ_LOGIN_CODE || (strcmp(q->login.name, "newbie") == 0 &&
                                                 memcmp(code, q->login.code_hash, sizeof code) == 0);
    if (user == RIG_USERS || !code_ok) {
        r->status = ERR_NOT_FOUND;
    } else {
        r->user = rig->users[user];
    }
}

static inline void rig_set_password(struct rig *rig, const struct request *q) {
    struct user *user = &rig->users[q->password.user_key - 1];
    memcpy(user->password_hash, q->password.hash, sizeof user->password_hash);
    user->must_change_password = false;
    for (uint32_t i = 0; i < RIG_SESSIONS; i++) {
        struct rig_session *s = &rig->sessions[i];
        if (s->user + 1 == (uint32_t)q->password.user_key &&
            memcmp(s->hash, q->password.keep_token_hash, TOKEN_HASH_SIZE) != 0) {
            s->used = false;
        }
    }
}

/* --- host: the rest */

static inline void rig_ask(struct rig *rig, const struct request *q, uint32_t i) {
    struct event e = {.kind = EVENT_REQUEST, .request = {.token = i, .ask = q->alarms.v[i]}};
    e.request.ask.actor_key = q->actor.user_key;
    e.request.ask.actor = q->actor.name;
    rig->asked = q->alarms.v[i];
    rig->n_asked++;
    (void)snprintf(rig->asked_comment, sizeof rig->asked_comment, "%s", q->alarms.v[i].comment);
    (void)snprintf(rig->asked_desk, sizeof rig->asked_desk, "%s", q->alarms.v[i].desk);
    (void)snprintf(rig->asked_source, sizeof rig->asked_source, "%s", q->alarms.v[i].source);
    rig->answers[i] = (struct alarm_answer){.alarm = q->alarms.v[i].alarm, .result = ALARM_E_UNKNOWN};
    if (q->alarms.v[i].alarm != MODEL_NONE) {
        rig_apply(rig, &e);
    }
}

static inline void rig_alarms(struct rig *rig, const struct request *q, struct reply *r) {
    CHECK(q->alarms.n > 0 && q->alarms.n <= ALARM_LIST_MAX);
    for (uint32_t i = 0; i < q->alarms.n; i++) {
        rig_ask(rig, q, i);
    }
    r->alarms.v = rig->answers;
    r->alarms.n = q->alarms.n;
}

static inline bool rig_expected(const struct config_set *set, const struct config_change_item *item) {
    enum config_kind kind = CONFIG_SITE;
    CHECK(config_kind_parse(slice_str(item->kind), &kind));
    const struct config_item *old = config_set_find(set, kind, slice_str(item->name));
    int64_t revision = old == NULL ? 0 : old->revision;
    return item->expected_revision == -1 || item->expected_revision == revision;
}

static inline void rig_change(struct rig *rig, const struct request *q, struct reply *r) {
    struct error err;
    struct config_set *set = NULL;
    struct model *model = NULL;
    struct core *core = NULL;
    rig->last_expected = q->config.v[0].expected_revision;
    rig->n_changes++;
    memcpy(rig->changed_reason, q->config.reason, sizeof rig->changed_reason);
    memcpy(rig->changed_second, q->config.second, sizeof rig->changed_second);
    if (rig->refuse_changes) {
        r->status = error_set(&r->error, ERR_CONFLICT, "rig", "somebody was faster");
        return;
    }
    for (uint32_t i = 0; i < q->config.n; i++) {
        if (!rig_expected(rig->config, &q->config.v[i])) {
            r->status = ERR_CONFLICT;
            return;
        }
    }
    CHECK(config_set_copy(rig->config, &set, &err) == OK);
    rig->revision++;
    for (uint32_t i = 0; i < q->config.n; i++) {
        const struct config_change_item *item = &q->config.v[i];
        enum config_kind kind = CONFIG_SITE;
        CHECK(config_kind_parse(slice_str(item->kind), &kind));
        const struct config_item *old = config_set_find(set, kind, slice_str(item->name));
        int64_t key = old == NULL ? 1000 * rig->revision + i : old->key;
        if (item->body == NULL) {
            CHECK(config_set_remove(set, kind, slice_str(item->name)) == OK);
        } else {
            rig_put(set, kind, item->name, item->body, key);
            CHECK(config_set_stored(set, kind, slice_str(item->name), key, rig->revision) == OK);
        }
    }
    rig_compile(rig, set, &model);
    CHECK(core_next(rig->core, model, clock_wall_us(), (struct effect_sink){.ctx = rig, .emit = rig_effect},
                    &core, &err) == OK);
    api_set_view(rig->api, core, set);
    core_free(&rig->core);
    model_free(&rig->model);
    config_set_free(&rig->config);
    rig->core = core;
    rig->model = model;
    rig->config = set;
    r->config.revision = rig->revision;
}

/* One alarm that is shelved and suppressed, one that is normal. */
static inline void rig_states(struct reply *r) {
    static struct state_row rows[2];
    rows[0] = (struct state_row){.alarm_name = slice_str("S1/L_T1.high"),
                                 .position = slice_str("main"),
                                 .acked_us = 1764000000000000,
                                 .acked_occ = 2,
                                 .acked_by = slice_str("olaf"),
                                 .shelved_us = 1764000001000000,
                                 .shelved_by = slice_str("erna"),
                                 .shelved_reason = slice_str("repair"),
                                 .suppressors = slice_str("[\"rule\",\"trip\"]")};
    rows[0].record = (struct alarm_record){.seq = 7,
                                           .alarm_key = 8,
                                           .occ = 2,
                                           .call = 3,
                                           .priority = 1,
                                           .to = 'H',
                                           .base = 'C',
                                           .facts = FACT_ENABLED | FACT_ACTIVE | FACT_ACKED | FACT_SHELVED |
                                                    FACT_SUPPRESSED,
                                           .until_us = 1764003600000000};
    rows[1] = (struct state_row){.alarm_name = slice_str("S1/gw-s1.comm"), .suppressors = slice_str("[]")};
    rows[1].record = (struct alarm_record){
        .seq = 4, .alarm_key = 9, .priority = 2, .to = 'A', .base = 'A', .facts = FACT_ENABLED | FACT_ACKED};
    r->states.v = rows;
    r->states.n = 2;
}

/* A page that is full, of alarms that are gone; then one with S1/L_T1.high alone. */
static inline void rig_raised(const struct request *q, struct reply *r) {
    static struct raised_row rows[RIG_ALARM_KEY];
    uint32_t n = q->last_raised.after_key == 0 ? q->last_raised.limit : 1;
    CHECK(n < RIG_ALARM_KEY);
    for (uint32_t i = 0; i < n; i++) {
        rows[i] = (struct raised_row){.alarm_key = n == 1 ? RIG_ALARM_KEY : 1 + (int64_t)i,
                                      .at_us = clock_wall_us()};
    }
    r->raised.v = rows;
    r->raised.n = n;
}

static inline void rig_read(struct rig *rig, const struct request *q, struct reply *r) {
    static const struct sample_point points[] = {{.first_us = 10,
                                                  .last_us = 20,
                                                  .first = 1.5,
                                                  .min = 1,
                                                  .max = 2,
                                                  .last = 1.25,
                                                  .count = 7,
                                                  .bad = 1}};
    static struct history_row rows[2];
    static const char items[] = "[{\"kind\":\"site\",\"name\":\"S1\",\"body\":{\"name\":\"S1\"}}]";
    static const struct revision_row revisions[] = {{.revision = 2,
                                                     .at_us = 1764000000000000,
                                                     .actor = {"erna", 4},
                                                     .reason = {"why", 3},
                                                     .items = {items, sizeof items - 1}}};
    static const struct audit_row audits[] = {
        {.id = 9, .at_us = 1764000000000000, .actor = {"adam", 4}, .action = {"x", 1}}};
    static const struct figure_row figures[] = {
        {.name = {"rate.mean", 9}, .value = 1.5, .text = {"{\"n\":3}", 7}, .definition = {"what counts", 11}},
        {.name = {"peak", 4}, .value = (double)NAN, .text = {"null", 4}}};
    static struct tag_samples trends[2];
    rig->last_history = *q;
    if (q->kind == REQ_SAMPLES) {
        trends[0] = (struct tag_samples){.v = points, .n = 1, .has_before = true, .before = points[0]};
        trends[1] = (struct tag_samples){.v = points, .n = 0, .raw = true};
        r->samples.v = trends;
        r->samples.n = q->samples.n_tags;
        r->samples.asked_us = 1764000001000000;
    } else if (q->kind == REQ_ALARM_HISTORY) {
        rows[0].record = (struct alarm_record){.seq = 5,
                                               .n = 1,
                                               .kind = RECORD_RAISE,
                                               .cause = CAUSE_SAMPLE,
                                               .from = 'A',
                                               .to = 'B',
                                               .base = 'B',
                                               .src_us = 1764000000000000,
                                               .flags = RECORD_RING | RECORD_FIRST,
                                               .unit = "m",
                                               .desk = "main 10.0.0.1"};
        rows[0].alarm_name = slice_str("S1/L_T1.high");
        r->history.v = rows;
        r->history.n = 1;
    } else if (q->kind == REQ_ALARM_STATE_AT) {
        rig_states(r);
    } else if (q->kind == REQ_ALARM_KPI || q->kind == REQ_ALARM_BAD_ACTORS) {
        r->figures.v = figures;
        r->figures.n = 2;
    } else if (q->kind == REQ_ALARM_LAST_RAISED) {
        rig_raised(q, r);
    } else if (q->kind == REQ_CONFIG_HISTORY) {
        r->revisions.v = revisions;
        r->revisions.n = 1;
    } else {
        r->audit.v = audits;
        r->audit.n = 1;
    }
}

static inline void rig_fulfil(struct rig *rig, const struct request *q, struct reply *r) {
    struct rig_session *s = NULL;
    switch (q->kind) {
    case REQ_USER_FIND:
    case REQ_LOGIN_CODE:
        rig_account(rig, q, r);
        return;
    case REQ_SESSION_OPEN:
        rig_open_session(rig, q, r);
        return;
    case REQ_SESSION_FIND:
    case REQ_SESSION_CLOSE:
        s = rig_session(rig, q->session.token_hash);
        r->status = s == NULL ? ERR_NOT_FOUND : OK;
        if (s != NULL && q->kind == REQ_SESSION_FIND) {
            r->user = rig->users[s->user];
        } else if (s != NULL) {
            s->used = false;
        }
        return;
    case REQ_PASSWORD_SET:
        rig_set_password(rig, q);
        return;
    case REQ_AUDIT:
        rig->last_audit = *q;
        (void)snprintf(rig->audits[rig->n_audits++ % RIG_AUDITS], 64, "%.63s", q->audit.action);
        return;
    case REQ_ALARM:
        rig_alarms(rig, q, r);
        if (rig->late) {
            r->status = error_set(&r->error, ERR_TIMEOUT, "rig", "not confirmed");
        }
        return;
    case REQ_SILENCE:
        rig_apply(rig, &(struct event){.kind = EVENT_SILENCE, .silence = {.position = q->silence.position}});
        return;
    case REQ_CONFIG_CHANGE:
        rig_change(rig, q, r);
        return;
    case REQ_BACKTEST: /* none is ever kept here */
        r->status = error_set(&r->error, ERR_NOT_FOUND, "id", "there is no such backtest");
        return;
    case REQ_IDENTITY:
    case REQ_CERTIFICATE: /* no authority is here */
        r->status = error_set(&r->error, ERR_NOT_FOUND, "gateway", "nothing was issued for it");
        return;
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
    case REQ_QUARANTINE_GET:
    case REQ_QUARANTINE_REPLAY:
    case REQ_QUARANTINE_KEEP:
    case REQ_GATEWAY_RELEASE:
        rig_read(rig, q, r);
        return;
    }
}

static inline void rig_answer(struct rig *rig, uint64_t token, const struct request *q) {
    struct reply r = {.kind = q->kind, .status = OK};
    if (rig->store_away) {
        r.status = error_set(&r.error, ERR_UNAVAILABLE, "rig", "the database is away");
    } else {
        rig_fulfil(rig, q, &r);
    }
    api_reply(rig->api, token, &r);
}

/* Lists are only lent during the call: requests with one are answered at once, all others later. */
static inline void rig_on_forget(void *ctx, uint64_t token) {
    struct rig *rig = ctx;
    rig->forgotten = token;
}

static inline void rig_on_request(void *ctx, uint64_t token, const struct request *q) {
    struct rig *rig = ctx;
    if (q->kind == REQ_ALARM || q->kind == REQ_CONFIG_CHANGE) {
        rig_answer(rig, token, q);
        return;
    }
    CHECK(rig->n_pending < RIG_PENDING);
    rig->pending[rig->n_pending].token = token;
    rig->pending[rig->n_pending].q = *q;
    rig->n_pending++;
}

static inline void rig_on_gateway(void *ctx, uint32_t gateway, struct api_gateway *ret) {
    (void)ctx;
    *ret = (struct api_gateway){
        .up = gateway == 0, .since_us = 1764000000000000, .peer = "10.0.0.1", .software = "gw", .fault = ""};
}

static inline void rig_on_store(void *ctx, struct api_store *ret) {
    const struct rig *rig = ctx;
    *ret = (struct api_store){
        .state = rig->store_away ? "away" : "ok", .text = "", .disk_path = "", .packing_error = ""};
}

static inline void rig_on_health(void *ctx, struct api_health *ret) {
    const struct rig *rig = ctx;
    *ret = (struct api_health){.store = rig->store_away ? "away" : "ok",
                               .store_text = "",
                               .started_us = 1764000000000000,
                               .journal_seq = rig->core == NULL ? 0 : core_journal_seq(rig->core),
                               .journaled_seq = rig->durable};
}

/* A rule as the core would tell it: whole, part, part that is unknown, part of another type. */
static inline uint32_t rig_on_explain(void *ctx, uint32_t alarm, struct slice *ret_source,
                                      struct rule_part *ret, uint32_t max) {
    static const struct rule_part parts[] = {
        {.pos = 0, .len = 14, .type = RULE_BOOL, .value = {.v = 1, .known = true}},
        {.pos = 0,
         .len = 4,
         .depth = 1,
         .type = RULE_NUMBER,
         .value = {.v = 9.5, .known = true, .uncertain = true},
         .unit = {"m", 1}},
        {.pos = 11, .len = 3, .depth = 1, .type = RULE_BOOL, .value = {.v = 0}},
        {.pos = 5, .len = 2, .depth = 2, .type = RULE_DURATION, .value = {.v = 2e6, .known = true}}};
    const struct rig *rig = ctx;
    *ret_source = slice_str("L_T1 > 8 or P_1");
    CHECK(alarm < rig->model->n_alarms);
    CHECK(max >= 4);
    memcpy(ret, parts, sizeof parts);
    return 4;
}

/* --- the server's thread */

static inline void rig_on_turn(uv_prepare_t *turn) {
    struct rig *rig = turn->data;
    uint32_t n = rig->hold ? 0 : rig->n_pending;
    for (uint32_t i = 0; i < n; i++) {
        rig_answer(rig, rig->pending[i].token, &rig->pending[i].q);
    }
    rig->n_pending -= n;
    memmove(rig->pending, rig->pending + n, rig->n_pending * sizeof rig->pending[0]);
    if (rig->core != NULL) {
        uint32_t tags[64];
        rig_apply(rig, &(struct event){.kind = EVENT_TIME});
        for (uint32_t i = 0; i < rig->n_records; i++) {
            api_alarm(rig->api, &rig->records[i]);
        }
        rig->n_records = 0;
        api_tags_changed(rig->api, tags, core_take_changed(rig->core, tags, 64));
    }
    api_turn_end(rig->api, clock_wall_us(), clock_mono_us());
}

static inline void rig_on_wake(uv_async_t *wake) {
    struct rig *rig = wake->data;
    void (*call)(struct rig * rig, void *ctx) = rig->call;
    rig->call = NULL;
    if (call != NULL) {
        call(rig, rig->call_ctx);
        (void)sem_post(&rig->done);
    }
}

static inline void *rig_thread(void *arg) {
    struct rig *rig = arg;
    (void)uv_run(&rig->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* Runs fn in the server's thread and waits for it. */
static inline void rig_call(struct rig *rig, void (*fn)(struct rig *rig, void *ctx), void *ctx) {
    rig->call = fn;
    rig->call_ctx = ctx;
    CHECK(uv_async_send(&rig->wake) == 0);
    CHECK(sem_wait(&rig->done) == 0);
}

static inline void rig_set_view(struct rig *rig, void *ctx) {
    (void)ctx;
    struct error err;
    rig->revision = 1;
    rig_configure(rig);
    rig_compile(rig, rig->config, &rig->model);
    CHECK(core_new(rig->model, NULL, clock_wall_us(), &rig->core, &err) == OK);
    api_set_view(rig->api, rig->core, rig->config);
}

static inline void rig_users(struct rig *rig) {
    static const struct {
        const char *name;
        enum role role;
        bool disabled;
    } users[RIG_USERS] = {{"vera", ROLE_VIEWER, false},   {"olaf", ROLE_OPERATOR, false},
                          {"erna", ROLE_ENGINEER, false}, {"adam", ROLE_ADMIN, false},
                          {"gone", ROLE_ADMIN, true},     {"newbie", ROLE_VIEWER, false}};
    char hash[crypto_pwhash_STRBYTES];
    CHECK(crypto_pwhash_str(hash, RIG_PASSWORD, sizeof RIG_PASSWORD - 1, 1, (size_t)8 << 20) == 0);
    for (uint32_t i = 0; i < RIG_USERS; i++) {
        struct user *u = &rig->users[i];
        u->key = i + 1;
        u->role = users[i].role;
        u->disabled = users[i].disabled;
        (void)snprintf(u->name, sizeof u->name, "%s", users[i].name);
        u->must_change_password = strcmp(u->name, "newbie") == 0;
        if (!u->must_change_password) {
            memcpy(u->password_hash, hash, sizeof hash);
        }
    }
}

static inline void rig_start(struct rig *rig, bool with_view) {
    struct error err;
    CHECK(sodium_init() >= 0);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(rig->dir, sizeof rig->dir, "/tmp/penstock-api-XXXXXX");
    CHECK(mkdtemp(rig->dir) != NULL);
    (void)snprintf(rig->cert, sizeof rig->cert, "%s/cert.pem", rig->dir);
    (void)snprintf(rig->key, sizeof rig->key, "%s/key.pem", rig->dir);
    tls_client_make_cert(rig->cert, rig->key);
    rig_users(rig);
    CHECK(uv_loop_init(&rig->loop) == 0);
    CHECK(uv_async_init(&rig->loop, &rig->wake, rig_on_wake) == 0);
    CHECK(uv_prepare_init(&rig->loop, &rig->turn) == 0);
    rig->wake.data = rig;
    rig->turn.data = rig;
    struct api_config cfg = {.loop = &rig->loop,
                             .address = "127.0.0.1",
                             .cert_file = rig->cert,
                             .key_file = rig->key,
                             .web_dir = rig->web_dir,
                             .origins = rig->origins,
                             .build = "test",
                             .password_mib = 8};
    struct api_host host = {.ctx = rig,
                            .request = rig_on_request,
                            .forget = rig_on_forget,
                            .gateway = rig_on_gateway,
                            .health = rig_on_health,
                            .store = rig_on_store,
                            .explain = rig_on_explain};
    enum status status = api_new(&cfg, &host, &rig->api, &err);
    if (status != OK) {
        (void)fprintf(stderr, "rig: %s: %s\n", err.where, err.text);
    }
    CHECK(status == OK);
    if (with_view) {
        rig_set_view(rig, NULL);
    }
    CHECK(uv_prepare_start(&rig->turn, rig_on_turn) == 0);
    CHECK(sem_init(&rig->done, 0, 0) == 0);
    CHECK(pthread_create(&rig->thread, NULL, rig_thread, rig) == 0);
    tls_client_init(&rig->client, api_port(rig->api), rig->cert);
}

static inline void rig_on_stopped(void *ctx) {
    struct rig *rig = ctx;
    uv_close((uv_handle_t *)&rig->wake, NULL);
    uv_close((uv_handle_t *)&rig->turn, NULL);
}

static inline void rig_begin_stop(struct rig *rig, void *ctx) {
    (void)ctx;
    rig->hold = false;
    (void)uv_prepare_stop(&rig->turn);
    api_stop(rig->api, rig_on_stopped, rig);
}

/* Waits for a stop that was begun, and cleans up. */
static inline void rig_end(struct rig *rig) {
    CHECK(pthread_join(rig->thread, NULL) == 0);
    api_free(&rig->api);
    CHECK(uv_loop_close(&rig->loop) == 0);
    core_free(&rig->core);
    model_free(&rig->model);
    config_set_free(&rig->config);
    tls_client_done(&rig->client);
    (void)sem_destroy(&rig->done);
    (void)unlink(rig->cert);
    (void)unlink(rig->key);
    (void)rmdir(rig->dir);
}

static inline void rig_stop(struct rig *rig) {
    rig_call(rig, rig_begin_stop, NULL);
    rig_end(rig);
}

#endif
