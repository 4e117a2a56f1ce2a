/* A store on a loop of its own against a real database, and what it told its host. */
#ifndef PENSTOCK_TESTS_STORE_RIG_H
#define PENSTOCK_TESTS_STORE_RIG_H

#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/store/migrate.h"
#include "server/store/store.h"
#include "tests/lib/pgtest.h"
#include "tests/lib/unit.h"

enum { RIG_PATIENCE_MS = 180000, RIG_REPLIES_MAX = 64, RIG_KEYS_MAX = 100000 };

struct rig_reply {
    uint64_t token;
    struct reply reply;       /* without what it pointed to */
    struct tag_samples trend; /* of the first tag, its points in the rig */
    char text[4096];          /* first row's text of lists */
};

struct rig_settled {
    uint64_t token;
    struct store_settled settled; /* without what it pointed to */
    struct store_range committed[256];
    char dicts[256]; /* "epoch.dict=body;" */
};

struct rig {
    uv_loop_t loop;
    uv_prepare_t prepare;
    uv_timer_t patience;
    struct store *store;
    bool stopped;
    bool impatient;
    uint32_t loaded;
    size_t n_tail;
    struct alarm_record tail[4];
    struct config_set *config;
    int64_t revision;
    uint64_t journal_seq;
    uint32_t users;
    size_t n_records;
    struct alarm_record records[16];
    bool records_in_order;
    uint64_t journaled;
    uint64_t n_forked;
    struct store_key forked; /* the last */
    uint64_t n_ingested;
    struct store_key ingested[RIG_KEYS_MAX];
    uint32_t rooms;
    enum store_state state;
    uint32_t away;
    struct error state_error;
    struct store_packing packing; /* as last told, without its damage */
    bool fatal;
    struct error fatal_error;
    uint32_t n_replies;
    struct rig_reply replies[RIG_REPLIES_MAX];
    struct sample_point points[2000];
    struct history_row history[64];
    struct state_row states[16]; /* without their texts */
    struct raised_row raised[16];
    size_t n_accumulators;
    struct alarm_accumulator accumulators[16];
    uint32_t n_settled;
    struct rig_settled settled[16];
    uint32_t config_changes;
    size_t n_revoked; /* as last told */
    uint8_t revoked[16 * IDENTITY_HASH_SIZE];
    uint32_t disks; /* how often one was told, and the last */
    struct store_disk disk;
    size_t n_certificates; /* as last told */
    struct store_certificate certificates[16];
    void (*on_history)(void *ctx, const struct reply *reply); /* of history; may be NULL */
    void *history_ctx;
};

static inline void rig_on_revoked(void *ctx, const uint8_t *fingerprints, size_t n) {
    struct rig *r = ctx;
    assert_true(n * IDENTITY_HASH_SIZE <= sizeof r->revoked);
    r->n_revoked = n;
    memcpy(r->revoked, fingerprints, n * IDENTITY_HASH_SIZE);
}

static inline void rig_on_certificates(void *ctx, const struct store_certificate *v, size_t n) {
    struct rig *r = ctx;
    assert_true(n <= COUNT(r->certificates));
    r->n_certificates = n;
    if (n > 0) {
        memcpy(r->certificates, v, n * sizeof *v);
    }
}

static inline void rig_on_disk(void *ctx, const struct store_disk *disk) {
    struct rig *r = ctx;
    r->disks++;
    r->disk = *disk;
}

static inline void rig_on_loaded(void *ctx, struct store_boot *boot) {
    struct rig *r = ctx;
    r->loaded++;
    r->config = boot->config;
    r->revision = boot->revision;
    r->journal_seq = boot->journal_seq;
    r->users = boot->users;
    rig_on_revoked(r, boot->revoked, boot->n_revoked);
    r->n_tail = boot->n_tail;
    for (size_t i = 0; i < boot->n_tail && i < 4; i++) {
        r->tail[i] = boot->tail[i];
    }
    r->n_records = boot->n_records;
    for (size_t i = 0; i < boot->n_records && i < 16; i++) {
        r->records[i] = boot->records[i];
    }
    r->records_in_order = true;
    for (size_t i = 1; i < boot->n_records; i++) {
        r->records_in_order = r->records_in_order && boot->records[i].seq > boot->records[i - 1].seq;
    }
    r->n_accumulators = boot->n_accumulators;
    for (size_t i = 0; i < boot->n_accumulators && i < 16; i++) {
        r->accumulators[i] = boot->accumulators[i];
    }
}

static inline void rig_on_state(void *ctx, enum store_state state, int64_t lag_us,
                                const struct error *error) {
    struct rig *r = ctx;
    assert_true(lag_us >= 0);
    assert_true((state == STORE_AWAY) == (error != NULL));
    r->state = state;
    if (error != NULL) {
        r->away++;
        r->state_error = *error;
    }
}

static inline void rig_on_ingested(void *ctx, const struct store_key *v, uint32_t n) {
    struct rig *r = ctx;
    for (uint32_t i = 0; i < n; i++) {
        assert_true(r->n_ingested < RIG_KEYS_MAX);
        r->ingested[r->n_ingested++] = v[i];
    }
}

static inline void rig_on_forked(void *ctx, const struct store_key *key) {
    struct rig *r = ctx;
    r->n_forked++;
    r->forked = *key;
}

static inline void rig_on_room(void *ctx) {
    struct rig *r = ctx;
    r->rooms++;
}

static inline void rig_on_journaled(void *ctx, uint64_t seq) {
    struct rig *r = ctx;
    assert_true(seq > r->journaled);
    r->journaled = seq;
}

static inline void rig_on_settled(void *ctx, uint64_t token, const struct store_settled *s) {
    struct rig *r = ctx;
    assert_true(r->n_settled < 16);
    struct rig_settled *copy = &r->settled[r->n_settled++];
    *copy = (struct rig_settled){.token = token, .settled = *s};
    assert_true(s->n_committed <= COUNT(copy->committed));
    for (uint32_t i = 0; i < s->n_committed; i++) {
        copy->committed[i] = s->committed[i];
    }
    size_t n = 0;
    for (uint32_t i = 0; i < s->n_dicts && n < sizeof copy->dicts; i++) {
        n += (size_t)snprintf(copy->dicts + n, sizeof copy->dicts - n, "%llx.%llu=%.*s;",
                              (unsigned long long)s->dicts[i].epoch, (unsigned long long)s->dicts[i].dict,
                              SLICE_ARG(s->dicts[i].body));
    }
}

/* "S1/A.high main anna 5|bert 6 why|carl 7 broken|[\"rule\"];" for each alarm. */
static inline void rig_copy_states(struct rig *r, struct rig_reply *copy, const struct reply *reply) {
    size_t n = 0;
    assert_true(reply->states.n <= 16);
    for (uint32_t i = 0; i < reply->states.n; i++) {
        const struct state_row *s = &reply->states.v[i];
        r->states[i] = *s;
        n += (size_t)snprintf(
            copy->text + n, sizeof copy->text - n, "%.*s %.*s %.*s %lld|%.*s %lld %.*s|%.*s %lld %.*s|%.*s;",
            SLICE_ARG(s->alarm_name), SLICE_ARG(s->position), SLICE_ARG(s->acked_by), (long long)s->acked_us,
            SLICE_ARG(s->shelved_by), (long long)s->shelved_us, SLICE_ARG(s->shelved_reason),
            SLICE_ARG(s->out_of_service_by), (long long)s->out_of_service_us,
            SLICE_ARG(s->out_of_service_reason), SLICE_ARG(s->suppressors));
    }
}

/* "name=value text (definition)" lines, texts cut. */
static inline void rig_copy_figures(struct rig_reply *copy, const struct reply *reply) {
    size_t n = 0;
    for (uint32_t i = 0; i < reply->figures.n && n < sizeof copy->text; i++) {
        const struct figure_row *f = &reply->figures.v[i];
        assert_true(f->definition.n > 0);
        n += (size_t)snprintf(copy->text + n, sizeof copy->text - n, "%.*s=%.6g %.*s\n", SLICE_ARG(f->name),
                              f->value, (int)(f->text.n < 300 ? f->text.n : 300), f->text.p);
    }
}

/* "gw-s1 produced 3 = stored 1 + quarantined 0 + dropped 0 + waiting 2 + lost 0; duplicates 1 conflicts 0
 * replayed 0" lines, then one for each day, then the gaps. */
static inline void rig_copy_ledger(struct rig_reply *copy, const struct reply *reply) {
    size_t n = 0;
    for (uint32_t i = 0; i < reply->ledger.n_balances && n < sizeof copy->text; i++) {
        const struct ledger_balance *b = &reply->ledger.balances[i];
        n += (size_t)snprintf(copy->text + n, sizeof copy->text - n,
                              "%.*s produced %lld %s stored %lld + quarantined %lld + dropped %lld + waiting "
                              "%lld + lost %lld; duplicates %lld conflicts %lld replayed %lld\n",
                              SLICE_ARG(b->gateway), (long long)b->produced, b->balanced ? "=" : "<>",
                              (long long)b->stored, (long long)b->quarantined, (long long)b->dropped,
                              (long long)b->waiting, (long long)b->lost, (long long)b->duplicates,
                              (long long)b->conflicts, (long long)b->replayed);
    }
    for (uint32_t i = 0; i < reply->ledger.n_days && n < sizeof copy->text; i++) {
        const struct ledger_day *d = &reply->ledger.days[i];
        n += (size_t)snprintf(copy->text + n, sizeof copy->text - n,
                              "%.*s %.*s: produced %lld stored %lld quarantined %lld duplicates %lld "
                              "conflicts %lld dropped %lld (%lld) samples %lld\n",
                              SLICE_ARG(d->gateway), SLICE_ARG(d->day), (long long)d->produced,
                              (long long)d->stored, (long long)d->quarantined, (long long)d->duplicates,
                              (long long)d->conflicts, (long long)d->dropped, (long long)d->dropped_samples,
                              (long long)d->samples);
    }
    for (uint32_t i = 0; i < reply->ledger.n_gaps && n < sizeof copy->text; i++) {
        const struct ledger_gap *g = &reply->ledger.gaps[i];
        n += (size_t)snprintf(copy->text + n, sizeof copy->text - n,
                              "%.*s %llx [%lld,%lld) %lld samples of [%lld,%lld]\n", SLICE_ARG(g->state),
                              (unsigned long long)g->epoch, (long long)g->first, (long long)g->end,
                              (long long)g->samples, (long long)g->from_us, (long long)g->to_us);
    }
    enum { DAY_OF_TEST = 20000 };
    for (uint32_t i = 0; i < reply->ledger.n_clocks && n < sizeof copy->text; i++) {
        const struct ledger_clock *c = &reply->ledger.clocks[i];
        n += (size_t)snprintf(copy->text + n, sizeof copy->text - n, "clock %.*s [%lld,%lld]",
                              SLICE_ARG(c->kind), (long long)(c->from_us - DAY_OF_TEST * TM_DAY_US),
                              (long long)(c->to_us - DAY_OF_TEST * TM_DAY_US));
        if (slice_is(c->kind, "session")) {
            n += (size_t)snprintf(copy->text + n, sizeof copy->text - n, " offset %lld to %lld by %.*s%s\n",
                                  (long long)c->offset_us, (long long)c->error_us, SLICE_ARG(c->source),
                                  c->off ? ", off" : "");
        } else {
            n += (size_t)snprintf(copy->text + n, sizeof copy->text - n, " records %llx/%lld to %lld\n",
                                  (unsigned long long)c->epoch, (long long)c->first, (long long)c->last);
        }
    }
}

/* "1 gw-a 10/1 DATA 7 why 5 done anna detail 2;" for each, then the bytes and "5=dictionary " of one. */
static inline void rig_copy_quarantine(struct rig_reply *copy, const struct reply *reply) {
    size_t n = 0;
    for (uint32_t i = 0; i < reply->quarantine.n && n < sizeof copy->text; i++) {
        const struct quarantine_row *q = &reply->quarantine.v[i];
        n += (size_t)snprintf(copy->text + n, sizeof copy->text - n, "%lld %.*s %llu/%lld %s %u %.*s %lld ",
                              (long long)q->id, SLICE_ARG(q->gateway), (unsigned long long)q->epoch,
                              (long long)q->seq, msg_type_name(q->type), q->code, SLICE_ARG(q->reason),
                              (long long)q->size);
        if (q->outcome.n > 0) {
            n += (size_t)snprintf(copy->text + n, sizeof copy->text - n, "%.*s %.*s %.*s %lld",
                                  SLICE_ARG(q->outcome), SLICE_ARG(q->actor), SLICE_ARG(q->detail),
                                  (long long)q->samples);
        }
        n += (size_t)snprintf(copy->text + n, sizeof copy->text - n, ";");
    }
    if (reply->kind == REQ_QUARANTINE_GET) {
        n += (size_t)snprintf(copy->text + n, sizeof copy->text - n, "%.*s ",
                              SLICE_ARG(reply->quarantine.body));
    }
    for (uint32_t i = 0; i < reply->quarantine.n_dicts && n < sizeof copy->text; i++) {
        n += (size_t)snprintf(copy->text + n, sizeof copy->text - n, "%llu=%.*s ",
                              (unsigned long long)reply->quarantine.dicts[i].dict,
                              SLICE_ARG(reply->quarantine.dicts[i].body));
    }
}

static inline void rig_on_reply(void *ctx, uint64_t token, const struct reply *reply) {
    struct rig *r = ctx;
    struct rig_reply *copy = &r->replies[r->n_replies++ % RIG_REPLIES_MAX];
    *copy = (struct rig_reply){.token = token, .reply = *reply};
    if (reply->status != OK) {
        return;
    }
    if (r->on_history != NULL) {
        r->on_history(r->history_ctx, reply);
    }
    if (reply->kind == REQ_SAMPLES) {
        copy->trend = reply->samples.v[0];
        assert_true(copy->trend.n <= 2000);
        memcpy(r->points, copy->trend.v, copy->trend.n * sizeof r->points[0]);
    } else if (reply->kind == REQ_ALARM_HISTORY) {
        assert_true(reply->history.n <= 64);
        memcpy(r->history, reply->history.v, reply->history.n * sizeof r->history[0]);
        if (reply->history.n > 0) {
            (void)snprintf(copy->text, sizeof copy->text, "%.*s", SLICE_ARG(reply->history.v[0].alarm_name));
        }
    } else if (reply->kind == REQ_ALARM_STATE_AT) {
        rig_copy_states(r, copy, reply);
    } else if (reply->kind == REQ_ALARM_LAST_RAISED) {
        assert_true(reply->raised.n <= 16);
        memcpy(r->raised, reply->raised.v, reply->raised.n * sizeof r->raised[0]);
    } else if (reply->kind == REQ_ALARM_KPI || reply->kind == REQ_ALARM_BAD_ACTORS) {
        rig_copy_figures(copy, reply);
    } else if (reply->kind == REQ_LEDGER) {
        rig_copy_ledger(copy, reply);
    } else if (reply->kind == REQ_QUARANTINE_LIST || reply->kind == REQ_QUARANTINE_GET) {
        rig_copy_quarantine(copy, reply);
    } else if (reply->kind == REQ_CONFIG_HISTORY && reply->revisions.n > 0) {
        const struct revision_row *row = &reply->revisions.v[0];
        (void)snprintf(copy->text, sizeof copy->text, "%.*s%s%.*s|%.*s|%.*s", SLICE_ARG(row->actor),
                       row->second.n > 0 ? "+" : "", SLICE_ARG(row->second), SLICE_ARG(row->reason),
                       SLICE_ARG(row->items));
    } else if (reply->kind == REQ_AUDIT_LIST && reply->audit.n > 0) {
        const struct audit_row *row = &reply->audit.v[0];
        (void)snprintf(copy->text, sizeof copy->text, "%.*s|%.*s|%.*s|%.*s|%.*s", SLICE_ARG(row->actor),
                       SLICE_ARG(row->peer), SLICE_ARG(row->action), SLICE_ARG(row->object),
                       SLICE_ARG(row->detail));
    }
}

static inline void rig_on_config_changed(void *ctx, int64_t revision, struct config_set *config) {
    struct rig *r = ctx;
    config_set_free(&r->config);
    r->config = config;
    r->revision = revision;
    r->config_changes++;
}

static inline void rig_on_packed(void *ctx, const struct store_packing *s) {
    struct rig *r = ctx;
    r->packing = *s;
    r->packing.damage = NULL;
}

static inline void rig_on_fatal(void *ctx, const struct error *error) {
    struct rig *r = ctx;
    r->fatal = true;
    r->fatal_error = *error;
}

static inline void rig_on_prepare(uv_prepare_t *prepare) {
    struct rig *r = prepare->data;
    if (r->store != NULL) {
        store_turn_end(r->store);
    }
}

static inline void rig_on_impatient(uv_timer_t *timer) {
    struct rig *r = timer->data;
    r->impatient = true;
}

static inline void rig_be_patient(struct rig *r) {
    r->impatient = false;
    assert_int_equal(uv_timer_start(&r->patience, rig_on_impatient, RIG_PATIENCE_MS, 0), 0);
}

static inline void rig_turn(struct rig *r, const char *awaited) {
    if (r->impatient) {
        fail_msg("never came true: %s (state %d %s; fatal %s)", awaited, (int)r->state, r->state_error.text,
                 r->fatal_error.text);
    }
    (void)uv_run(&r->loop, UV_RUN_ONCE);
}

/* The condition is asked before each turn; a test that never gets there fails. */
#define RIG_UNTIL(r, condition)                                                                              \
    for (rig_be_patient(r); !(condition); rig_turn(r, #condition)) {                                         \
    }

static inline struct rig *rig_new_with(const struct pgtest *t, struct store_config cfg) {
    struct rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    assert_int_equal(uv_loop_init(&r->loop), 0);
    assert_int_equal(uv_prepare_init(&r->loop, &r->prepare), 0);
    assert_int_equal(uv_timer_init(&r->loop, &r->patience), 0);
    r->prepare.data = r;
    r->patience.data = r;
    assert_int_equal(uv_prepare_start(&r->prepare, rig_on_prepare), 0);
    cfg.loop = &r->loop;
    cfg.conninfo = t->server;
    cfg.migrations_dir = cfg.migrations_dir == NULL ? "migrations" : cfg.migrations_dir;
    struct store_host host = {.ctx = r,
                              .loaded = rig_on_loaded,
                              .state = rig_on_state,
                              .ingested = rig_on_ingested,
                              .forked = rig_on_forked,
                              .room = rig_on_room,
                              .journaled = rig_on_journaled,
                              .settled = rig_on_settled,
                              .reply = rig_on_reply,
                              .config_changed = rig_on_config_changed,
                              .revoked = rig_on_revoked,
                              .certificates = rig_on_certificates,
                              .packed = rig_on_packed,
                              .disk = rig_on_disk,
                              .fatal = rig_on_fatal};
    struct error err;
    if (store_new(&cfg, &host, &r->store, &err) != OK) {
        fail_msg("store_new: %s: %s", err.where, err.text);
    }
    return r;
}

/* A store on the test's database, loaded. */
static inline struct rig *rig_new(const struct pgtest *t) {
    struct rig *r = rig_new_with(t, (struct store_config){0});
    RIG_UNTIL(r, r->state == STORE_OK && r->loaded == 1);
    return r;
}

static inline void rig_on_stopped(void *ctx) {
    struct rig *r = ctx;
    r->stopped = true;
}

/* After the store has stopped. */
static inline void rig_end(struct rig **rig) {
    struct rig *r = *rig;
    store_free(&r->store);
    config_set_free(&r->config);
    uv_close((uv_handle_t *)&r->prepare, NULL);
    uv_close((uv_handle_t *)&r->patience, NULL);
    assert_int_equal(uv_run(&r->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    free(r);
    *rig = NULL;
}

static inline void rig_stop(struct rig **rig, uint32_t timeout_ms) {
    store_stop((*rig)->store, timeout_ms, rig_on_stopped, *rig);
    RIG_UNTIL(*rig, (*rig)->stopped);
    rig_end(rig);
}

/* Asks and waits for the answer. */
static inline const struct rig_reply *rig_ask(struct rig *r, const struct request *request) {
    uint32_t n = r->n_replies;
    uint64_t token = UINT64_C(0x100000000) + n;
    store_request(r->store, token, request);
    assert_int_equal(r->n_replies, n); /* never from inside the call */
    RIG_UNTIL(r, r->n_replies > n);
    const struct rig_reply *reply = &r->replies[n % RIG_REPLIES_MAX];
    assert_true(reply->token == token);
    assert_true(reply->reply.kind == request->kind);
    return reply;
}

static inline void rig_migrate(struct pgtest *t) {
    struct error err;
    pgtest_fresh_database(t);
    if (migrate_run(t->conninfo, "migrations", NULL, NULL, &err) != OK) {
        fail_msg("migrate: %s: %s", err.where, err.text);
    }
}

/* SEED of the environment, or a new one. */
static inline uint64_t unit_seed(void) {
    const char *text = getenv("SEED");
    return text != NULL ? strtoull(text, NULL, 10) : (uint64_t)uv_hrtime() % 1000000000;
}

#endif
