#include "server/store/store.h"

#include "server/base/check.h"
#include "server/store/boot.h"
#include "server/store/checkpoint.h"
#include "server/store/disk.h"
#include "server/store/events.h"
#include "server/store/ingest.h"
#include "server/store/journal.h"
#include "server/store/packer.h"
#include "server/store/query.h"
#include "server/store/reader.h"
#include "server/store/revoked.h"
#include "server/store/write.h"

#include <openssl/rand.h>
#include <stdlib.h>

enum {
    STATE_TICK_MS = 100,
    STATE_REPORT_MS = 1000, /* the host is told at least so often */
    SLOW_MS = 2000,         /* older than this: SLOW */
    STOP_TICK_MS = 10,
};

struct store {
    struct store_host host;
    uv_loop_t *loop;
    struct keys keys;
    struct migration *migrations;
    uint32_t n_migrations;
    struct pg *pg; /* the events connection */
    struct boot *boot;
    struct events *events;
    struct checkpoint *checkpoint;
    struct journal *journal;
    struct ingest *ingest;
    struct query *query;
    struct packer *packer;
    struct reader *reader;
    struct revoked revoked;
    struct disk disk;
    uv_timer_t timer;
    bool loaded;
    bool locked; /* this server has the database */
    bool open;   /* … and the events connection has passed its checks */
    bool stopping;
    enum store_state state;
    bool state_told;
    uint64_t state_ms;
    uint64_t stop_ms; /* loop time at which patience ends */
    uint32_t parts;   /* to be closed */
    void (*on_stopped)(void *ctx);
    void *stopped_ctx;
};

/* --- state --------------------------------------------------------------------------------------------- */

/* A full disk is the reason of whatever else is wrong meanwhile, and somebody can do something about it. */
static const struct error *trouble(const struct store *s) {
    const struct error *v[] = {pg_is_up(s->pg) ? events_trouble(s->events) : pg_error(s->pg),
                               s->locked ? journal_trouble(s->journal) : NULL,
                               s->open ? ingest_trouble(s->ingest) : NULL};
    const struct error *found = NULL;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        bool full = v[i] != NULL && v[i]->code == ERR_NO_SPACE;
        found = found == NULL || (full && found->code != ERR_NO_SPACE) ? v[i] : found;
    }
    return found;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static void report_state(struct store *s) {
    static const struct error starting = {
        .code = ERR_UNAVAILABLE, .where = "database", .text = "the database is being looked at"};
    uint64_t now = uv_now(s->loop);
    uint64_t oldest = earlier(earlier(events_oldest_ms(s->events), journal_oldest_ms(s->journal)),
                              ingest_oldest_ms(s->ingest));
    uint64_t lag_ms = oldest >= now ? 0 : now - oldest;
    packer_lag(s->packer, lag_ms);
    const struct error *why = trouble(s);
    why = why == NULL && !s->open ? &starting : why;
    enum store_state state = why != NULL ? STORE_AWAY : lag_ms > SLOW_MS ? STORE_SLOW : STORE_OK;
    if (s->state_told && state == s->state && now - s->state_ms < STATE_REPORT_MS) {
        return;
    }
    s->state = state;
    s->state_told = true;
    s->state_ms = now;
    s->host.state(s->host.ctx, state, (int64_t)lag_ms * 1000, why);
}

static void close_parts(struct store *s);

static void on_timer(uv_timer_t *timer) {
    struct store *s = timer->data;
    if (!s->stopping) {
        report_state(s);
        return;
    }
    checkpoint_turn_end(s->checkpoint); /* it has no timer of its own */
    bool empty = events_is_empty(s->events) && journal_is_empty(s->journal) &&
                 checkpoint_is_empty(s->checkpoint) && ingest_is_empty(s->ingest);
    if (empty || !s->loaded || uv_now(s->loop) >= s->stop_ms) {
        close_parts(s);
    }
}

/* --- what the parts say -------------------------------------------------------------------------------- */

static void on_fatal(void *ctx, const struct error *error) {
    struct store *s = ctx;
    if (!s->stopping) {
        s->host.fatal(s->host.ctx, error);
    }
}

static void on_loaded(void *ctx, struct store_boot *boot) {
    struct store *s = ctx;
    s->loaded = true;
    journal_start_at(s->journal, boot->journal_seq);
    ingest_journaled(s->ingest, boot->journal_seq);
    ingest_start(s->ingest);
    query_start(s->query);
    packer_start(s->packer);
    reader_start(s->reader);
    disk_start(&s->disk);
    s->host.loaded(s->host.ctx, boot);
}

static void on_open(void *ctx) {
    struct store *s = ctx;
    s->open = true;
    events_open(s->events);
    checkpoint_open(s->checkpoint);
    journal_confirm(s->journal);
    revoked_open(&s->revoked);
    report_state(s);
}

static void on_changed(void *ctx, int64_t revision, struct config_set *set) {
    struct store *s = ctx;
    if (s->host.config_changed == NULL) {
        config_set_free(&set);
        return;
    }
    s->host.config_changed(s->host.ctx, revision, set);
}

static void on_locked(void *ctx) {
    struct store *s = ctx;
    s->locked = true;
    journal_start(s->journal);
}

static void on_journal_held(void *ctx) {
    struct store *s = ctx;
    boot_fenced(s->boot);
    if (s->open) {
        journal_confirm(s->journal);
    }
}

static void on_journaled(void *ctx, uint64_t seq) {
    struct store *s = ctx;
    ingest_journaled(s->ingest, seq);
    s->host.journaled(s->host.ctx, seq);
}

static void on_wrote_config(void *ctx, int64_t revision) {
    struct store *s = ctx;
    boot_wrote(s->boot, revision);
}

static void on_up(void *ctx) {
    struct store *s = ctx;
    boot_begin(s->boot);
}

static void on_down(void *ctx) {
    struct store *s = ctx;
    s->locked = false;
    s->open = false;
    boot_down(s->boot);
    events_down(s->events);
    checkpoint_down(s->checkpoint);
    revoked_down(&s->revoked);
    report_state(s);
}

static void on_notify(void *ctx, const char *channel, struct slice payload, bool own) {
    struct store *s = ctx;
    (void)payload; /* the table says it better */
    if (!own && strcmp(channel, "penstock_config") == 0) {
        boot_notified(s->boot);
    } else if (strcmp(channel, "penstock_revoked") == 0) {
        revoked_notified(&s->revoked); /* our own, too: there is one way */
    }
}

static void on_revoked(void *ctx, const uint8_t *fingerprints, size_t n) {
    struct store *s = ctx;
    if (s->host.revoked != NULL) {
        s->host.revoked(s->host.ctx, fingerprints, n);
    }
}

static void on_certificates(void *ctx, const struct store_certificate *v, size_t n) {
    struct store *s = ctx;
    if (s->host.certificates != NULL) {
        s->host.certificates(s->host.ctx, v, n);
    }
}

static void on_packed(void *ctx, const struct store_packing *packing) {
    struct store *s = ctx;
    if (s->host.packed != NULL) {
        s->host.packed(s->host.ctx, packing);
    }
}

static void on_disk(void *ctx, const struct store_disk *disk) {
    struct store *s = ctx;
    if (s->host.disk != NULL && !s->stopping) {
        s->host.disk(s->host.ctx, disk);
    }
}

static void on_issued(void *ctx) {
    struct store *s = ctx;
    revoked_notified(&s->revoked);
}

/* --- making -------------------------------------------------------------------------------------------- */

static enum status make_events(struct store *s, struct error *err) {
    struct events_config cfg = {.loop = s->loop,
                                .pg = s->pg,
                                .keys = &s->keys,
                                .host = &s->host,
                                .ctx = s,
                                .wrote_config = on_wrote_config,
                                .issued = on_issued,
                                .fatal = on_fatal};
    return events_new(&cfg, &s->events, err);
}

static enum status make_checkpoint(struct store *s, struct error *err) {
    struct checkpoint_config cfg = {.loop = s->loop, .pg = s->pg, .ctx = s, .fatal = on_fatal};
    return checkpoint_new(&cfg, &s->checkpoint, err);
}

static enum status make_journal(struct store *s, const char *conninfo, struct error *err) {
    struct journal_config cfg = {.loop = s->loop,
                                 .conninfo = conninfo,
                                 .ctx = s,
                                 .held = on_journal_held,
                                 .journaled = on_journaled,
                                 .fatal = on_fatal};
    return journal_new(&cfg, &s->journal, err);
}

static enum status make_boot(struct store *s, const struct store_config *of, struct error *err) {
    struct boot_config cfg = {.loop = s->loop,
                              .pg = s->pg,
                              .keys = &s->keys,
                              .migrations = s->migrations,
                              .n_migrations = s->n_migrations,
                              .tail_from = of->tail_from,
                              .tail_to = of->tail_to,
                              .ctx = s,
                              .locked = on_locked,
                              .loaded = on_loaded,
                              .open = on_open,
                              .changed = on_changed,
                              .fatal = on_fatal};
    return boot_new(&cfg, &s->boot, err);
}

static enum status make_connection(struct store *s, const char *conninfo, struct error *err) {
    struct pg_config cfg = {.loop = s->loop,
                            .conninfo = conninfo,
                            .name = "penstock events",
                            .ctx = s,
                            .on_up = on_up,
                            .on_down = on_down,
                            .on_notify = on_notify};
    return pg_new(&cfg, &s->pg, err);
}

static enum status make_people(struct store *s, const struct store_config *cfg, struct error *err) {
    enum status status = make_connection(s, cfg->conninfo, err);
    struct disk_config disk = {.loop = s->loop,
                               .conninfo = cfg->conninfo,
                               .path = cfg->path == NULL ? "" : cfg->path,
                               .limit_bytes = cfg->limit_bytes,
                               .ctx = s,
                               .on_disk = on_disk};
    status = status == OK ? disk_init(&s->disk, &disk, err) : status;
    s->revoked =
        (struct revoked){.pg = s->pg, .ctx = s, .on_list = on_revoked, .on_certificates = on_certificates};
    status = status == OK ? make_events(s, err) : status;
    status = status == OK ? make_checkpoint(s, err) : status;
    return status == OK ? make_boot(s, cfg, err) : status;
}

static enum status make_packer(struct store *s, const struct store_config *cfg, struct error *err) {
    struct packer_config packer = {.loop = s->loop,
                                   .conninfo = cfg->conninfo,
                                   .after_us = cfg->pack_after_us,
                                   .keep_raw_us = cfg->keep_raw_us,
                                   .ctx = s,
                                   .packed = on_packed};
    return packer_new(&packer, &s->packer, err);
}

static enum status make_parts(struct store *s, const struct store_config *cfg, struct error *err) {
    enum status status = make_people(s, cfg, err);
    status = status == OK ? make_journal(s, cfg->conninfo, err) : status;
    status = status == OK ? ingest_new(cfg, &s->host, &s->ingest, err) : status;
    status = status == OK ? make_packer(s, cfg, err) : status;
    status = status == OK ? query_new(cfg, &s->host, &s->query, err) : status;
    return status == OK ? reader_new(cfg, &s->host, s->ingest, &s->reader, err) : status;
}

enum status store_new(const struct store_config *cfg, const struct store_host *host, struct store **ret,
                      struct error *err) {
    struct store *s = calloc(1, sizeof *s);
    struct migration *migrations = calloc(MIGRATIONS_MAX, sizeof *migrations);
    if (s == NULL || migrations == NULL) {
        free(s);
        free(migrations);
        return error_set(err, ERR_NOMEM, "store", "no memory");
    }
    uint64_t seed[2] = {0};
    enum status status = migrate_list(cfg->migrations_dir, migrations, MIGRATIONS_MAX, &s->n_migrations, err);
    if (status == OK && RAND_bytes((unsigned char *)seed, sizeof seed) != 1) {
        status = error_set(err, ERR_IO, "random", "the system gives no random numbers");
    }
    if (status != OK) {
        free(s);
        free(migrations);
        return status;
    }
    s->host = *host;
    s->loop = cfg->loop;
    s->migrations = migrations;
    keys_init(&s->keys, seed);
    status = make_parts(s, cfg, err);
    CHECK(status == OK); /* only memory can be missing here; then the program ends */
    int rc = uv_timer_init(s->loop, &s->timer);
    CHECK(rc == 0);
    s->timer.data = s;
    rc = uv_timer_start(&s->timer, on_timer, STATE_TICK_MS, STATE_TICK_MS);
    CHECK(rc == 0);
    pg_start(s->pg);
    *ret = s;
    return OK;
}

/* --- for the owner ------------------------------------------------------------------------------------- */

bool store_has_room(struct store *s, const struct store_record *r) {
    return ingest_has_room(s->ingest, r);
}

enum status store_ingest(struct store *s, const struct store_record *r) {
    return ingest_put(s->ingest, r);
}

enum status store_journal(struct store *s, const struct alarm_record *r, struct slice position) {
    return journal_put(s->journal, r, position);
}

void store_checkpoint(struct store *s, const struct alarm_accumulator *v, uint32_t n, int64_t at_us) {
    checkpoint_put(s->checkpoint, v, n, at_us);
}

void store_audit(struct store *s, const struct actor *actor, const char *action, const char *object,
                 const char *detail) {
    events_audit(s->events, actor, action, object, detail);
}

void store_clock(struct store *s, const struct store_clock *c) {
    ingest_clock(s->ingest, c);
}

void store_repeated(struct store *s, const struct store_repeat *r) {
    ingest_repeated(s->ingest, r);
}

void store_settle(struct store *s, uint64_t token, struct slice gateway_name, const struct msg_epoch *epochs,
                  uint32_t n_epochs) {
    ingest_settle(s->ingest, token, gateway_name, epochs, n_epochs);
}

void store_request(struct store *s, uint64_t token, const struct request *r) {
    CHECK(r->kind != REQ_ALARM);
    CHECK(r->kind != REQ_SILENCE);
    if (write_knows(r->kind)) {
        events_request(s->events, token, r);
    } else if (reader_knows(r->kind)) {
        reader_request(s->reader, token, r);
    } else {
        query_request(s->query, token, r);
    }
}

void store_forget(struct store *s, uint64_t token) {
    reader_forget(s->reader, token);
}

struct store_pending store_pending(const struct store *s) {
    return ingest_pending(s->ingest);
}

int64_t store_key(const struct store *s, enum config_kind kind, struct slice name) {
    return keys_get(&s->keys, kind, name);
}

void store_turn_end(struct store *s) {
    journal_turn_end(s->journal); /* first: alarms wait for nothing */
    events_turn_end(s->events);
    checkpoint_turn_end(s->checkpoint);
    ingest_turn_end(s->ingest);
    query_turn_end(s->query);
    reader_turn_end(s->reader);
    revoked_turn_end(&s->revoked);
    disk_turn_end(&s->disk);
}

/* --- the end ------------------------------------------------------------------------------------------- */

static void closed_one(struct store *s) {
    s->parts--;
    if (s->parts == 0) {
        s->on_stopped(s->stopped_ctx);
    }
}

static void on_part_closed(void *ctx) {
    closed_one(ctx);
}

static void on_timer_closed(uv_handle_t *handle) {
    closed_one(handle->data);
}

static void on_pg_closed(void *ctx) {
    struct store *s = ctx;
    events_close(s->events, on_part_closed, s);
}

static void close_parts(struct store *s) {
    s->parts = 9;
    uv_close((uv_handle_t *)&s->timer, on_timer_closed);
    boot_close(s->boot, on_part_closed, s);
    journal_close(s->journal, on_part_closed, s);
    ingest_close(s->ingest, on_part_closed, s);
    query_close(s->query, on_part_closed, s);
    packer_close(s->packer, on_part_closed, s);
    reader_close(s->reader, on_part_closed, s);
    disk_close(&s->disk, on_part_closed, s);
    pg_close(s->pg, on_pg_closed, s);
}

void store_stop(struct store *s, uint32_t timeout_ms, void (*on_stopped)(void *ctx), void *ctx) {
    CHECK(!s->stopping);
    s->stopping = true;
    s->on_stopped = on_stopped;
    s->stopped_ctx = ctx;
    s->stop_ms = uv_now(s->loop) + timeout_ms;
    journal_turn_end(s->journal);
    events_turn_end(s->events);
    checkpoint_turn_end(s->checkpoint);
    ingest_hurry(s->ingest);
    int rc = uv_timer_start(&s->timer, on_timer, 0, STOP_TICK_MS);
    CHECK(rc == 0);
}

void store_free(struct store **s) {
    if (*s == NULL) {
        return;
    }
    reader_free(&(*s)->reader); /* before the ingest that it reads */
    query_free(&(*s)->query);
    packer_free(&(*s)->packer);
    ingest_free(&(*s)->ingest);
    journal_free(&(*s)->journal);
    boot_free(&(*s)->boot);
    checkpoint_free(&(*s)->checkpoint);
    disk_done(&(*s)->disk);
    events_free(&(*s)->events);
    pg_free(&(*s)->pg);
    keys_done(&(*s)->keys);
    free((*s)->migrations);
    free(*s);
    *s = NULL;
}
