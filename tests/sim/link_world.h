/* The world of the link's simulation: one gateway (tags, recorder, journal on a disk in memory, uplink), one
 * server (roster, sessions, its part of the store), a database, and lines between them. All machines are the
 * real ones; disk.h, link_store.h and the lines are the test's. What may happen is in link_schedules.c. */
#ifndef PENSTOCK_TESTS_SIM_LINK_WORLD_H
#define PENSTOCK_TESTS_SIM_LINK_WORLD_H

#include "protocol/client/uplink.h"
#include "protocol/frame.h"
#include "tests/sim/disk.h"
#include "tests/sim/link_store.h"

enum {
    WORLD_TAGS = 2,
    WORLD_LINES = 6,
    WORLD_KEY = 7,
    WORLD_GATHER_US = 20000000,
    WORLD_NEW_EPOCHS = 1000000
};

/* A connection. The gateway is at the end of the newest one, if at any; bytes of older ones may still be on
 * the way. */
struct line {
    struct session *session; /* NULL: the server's end is closed */
    struct buf up;           /* towards the server */
    struct buf down;
    uint32_t n_epochs;
    uint64_t epochs[LINK_EPOCHS_MAX]; /* as HELLO named them */
};

struct made {
    double value;
    uint32_t tag;
    uint64_t epoch; /* of the record that it was last written to */
    uint64_t seq;
    bool written;
    bool synced;
    bool in_image; /* it was synced when the image of the disk was made */
};

struct world {
    struct store store;
    struct rand rand;
    const struct rules *rules;
    struct model *model;
    struct link_now now;

    struct tags *tags;
    struct journal *journal;
    struct recorder recorder;
    struct uplink *uplink;
    struct line *at; /* of the gateway; NULL: no line */
    int64_t dial_mono_us;
    uint64_t epochs_drawn;
    uint64_t capacity; /* of the journal, bytes */
    struct made made[STORE_SAMPLES];
    uint32_t n_made;
    uint32_t n_flushed;  /* of these, handed to the recorder */
    uint32_t n_gathered; /* samples that joined others in a record */
    bool refiled;        /* records may have moved to another epoch */
    bool restored;       /* the gateway's disk was put back to an earlier state */

    struct session_env env;
    struct roster *roster;
    const struct store_rec *taken[STORE_QUEUE]; /* by the session that is receiving */
    uint32_t n_taken;
    bool full;

    struct line lines[WORLD_LINES];
    char violation[256]; /* the first; "" if there is none */
};

__attribute__((format(printf, 2, 3))) static inline void world_violate(struct world *w, const char *fmt,
                                                                       ...) {
    if (w->violation[0] == '\0') {
        va_list args;
        va_start(args, fmt);
        (void)vsnprintf(w->violation, sizeof w->violation, fmt, args);
        va_end(args);
    }
}

static inline struct moment world_moment(const struct world *w) {
    return (struct moment){.wall_us = w->now.wall_us, .mono_us = w->now.mono_us};
}

/* ---- the configuration ---- */

static inline struct model *world_model(void) {
    static const uint64_t seed[2] = {1, 2};
    struct model *m = calloc(1, sizeof *m);
    SIM_CHECK(m != NULL, "memory");
    arena_init(&m->arena, 1 << 20);
    m->n_sites = 1;
    m->n_gateways = 1;
    m->n_tags = WORLD_TAGS;
    m->sites = arena_alloc(&m->arena, 1, sizeof *m->sites);
    m->gateways = arena_alloc(&m->arena, 1, sizeof *m->gateways);
    m->tags = arena_alloc(&m->arena, WORLD_TAGS, sizeof *m->tags);
    bool ok = map_init(&m->site_by_name, 1, seed, NULL) == OK &&
              map_init(&m->gateway_by_name, 1, seed, NULL) == OK &&
              map_init(&m->tag_by_name, WORLD_TAGS, seed, NULL) == OK &&
              map_init(&m->alarm_by_name, 1, seed, NULL) == OK;
    m->sites[0] = (struct model_site){.key = 1, .name = slice_str("S")};
    m->gateways[0] = (struct model_gateway){.key = WORLD_KEY, .name = slice_str("gw"), .enabled = true};
    ok = ok && map_put(&m->site_by_name, m->sites[0].name, 0) == OK &&
         map_put(&m->gateway_by_name, m->gateways[0].name, 0) == OK;
    static const char *const names[WORLD_TAGS] = {"S/t0", "S/t1"};
    for (uint32_t i = 0; i < WORLD_TAGS; i++) {
        m->tags[i] = (struct model_tag){.key = 100 + i,
                                        .name = slice_str(names[i]),
                                        .local = slice_str(names[i] + 2),
                                        .type = TAG_FLOAT,
                                        .scale = 1,
                                        .high = 1};
        ok = ok && map_put(&m->tag_by_name, m->tags[i].name, i) == OK;
    }
    SIM_CHECK(ok, "the model");
    return m;
}

/* ---- the server ---- */

static inline void world_on_settle(void *ctx, uint64_t token, struct slice gateway,
                                   const struct msg_epoch *epochs, uint32_t n_epochs) {
    struct world *w = ctx;
    SIM_CHECK(slice_eq(gateway, slice_str("gw")), "the gateway's name");
    store_ask(&w->store, token, epochs, n_epochs);
}

static inline void world_check_sample(struct world *w, const struct sample *v) {
    int64_t k = v->t_us - STORE_T0_US;
    if (k < 0 || k >= (int64_t)w->n_made || w->made[k].tag != v->tag || w->made[k].value != v->value ||
        v->quality != 0) {
        world_violate(w, "tag %u has %g, which was never measured", v->tag, v->value);
    }
}

/* When an epoch's removal was cut short and an image is put back, what is left may be moved to a new epoch
 * without its dictionary. It was stored before. */
static inline bool world_is_remains(const struct world *w, const struct link_record *r) {
    return w->restored && r->fault == LINK_UNKNOWN_DICT && r->epoch > WORLD_NEW_EPOCHS;
}

static inline enum status world_on_record(void *ctx, const struct link_record *r) {
    struct world *w = ctx;
    if (w->full || !store_has_room(&w->store)) {
        return ERR_FULL;
    }
    if (r->fault != 0 && !world_is_remains(w, r)) {
        world_violate(w, "record %llx/%llu is quarantined: %s", (unsigned long long)r->epoch,
                      (unsigned long long)r->seq, r->fault_text);
    }
    for (uint32_t i = 0; i < r->n_samples; i++) {
        world_check_sample(w, &r->samples[i]);
    }
    store_put(&w->store, r);
    SIM_CHECK(w->n_taken < STORE_QUEUE, "taken at once");
    w->taken[w->n_taken++] = w->store.q.recs[w->store.q.n - 1];
    return OK;
}

static inline void world_on_snapshot(void *ctx, uint32_t gateway, const struct sample *v, uint32_t n,
                                     int64_t received_us) {
    struct world *w = ctx;
    (void)gateway;
    (void)received_us;
    for (uint32_t i = 0; i < n; i++) {
        world_check_sample(w, &v[i]);
    }
}

static inline void world_on_clock(void *ctx, uint32_t gateway, const struct link_clock *c, bool judged) {
    (void)ctx;
    (void)gateway;
    (void)c;
    (void)judged;
}

static inline void world_on_backlog_end(void *ctx, uint32_t gateway, int64_t te_us) {
    (void)ctx;
    (void)gateway;
    (void)te_us;
}

static inline void world_on_state(void *ctx, uint32_t gateway, bool up, const char *peer,
                                  const char *reason) {
    (void)ctx;
    (void)gateway;
    (void)up;
    (void)peer;
    (void)reason;
}

static inline void world_on_incident(void *ctx, const char *action, const char *peer, const char *object,
                                     const char *detail) {
    struct world *w = ctx;
    (void)peer;
    (void)object;
    if (strcmp(action, "link.protocol_error") == 0 && strstr(detail, "SEQ_CONFLICT") == NULL) {
        world_violate(w, "the two ends do not understand each other: %s", detail);
    }
}

static inline void world_on_wake(void *ctx, struct session *s) {
    (void)ctx;
    (void)s;
}

static inline void world_start_server(struct world *w) {
    w->env.owner = (struct session_owner){.wake = world_on_wake};
    w->env.store_state = SERVER_STORING;
    w->full = false;
    SIM_CHECK(roster_new(&w->env, &w->roster) == OK, "memory");
    SIM_CHECK(roster_set_model(w->roster, w->model, w->now) == OK, "memory");
}

static inline void world_crash_server(struct world *w) {
    for (uint32_t i = 0; i < WORLD_LINES; i++) {
        session_free(&w->lines[i].session);
        buf_clear(&w->lines[i].up);
    }
    roster_free(&w->roster);
    store_crash(&w->store);
}

/* ---- the gateway ---- */

static inline uint64_t world_new_epoch(void *ctx) {
    struct world *w = ctx;
    w->refiled = true; /* the recorder asks for one only then, or for a new dictionary */
    return WORLD_NEW_EPOCHS + ++w->epochs_drawn;
}

static inline void world_on_written(void *ctx, uint64_t epoch, uint64_t seq, const struct link_sample *v,
                                    uint32_t n) {
    struct world *w = ctx;
    for (uint32_t i = 0; i < n; i++) {
        struct made *m = &w->made[v[i].t_us - STORE_T0_US];
        m->epoch = epoch;
        m->seq = seq;
    }
}

static inline void world_note(void *ctx, const char *event, const char *text) {
    struct world *w = ctx;
    if (strcmp(event, "journal.refiled") == 0) {
        w->refiled = true;
        if (!w->restored) {
            world_violate(w, "a fork is suspected that never was: %s", text);
        }
    } else if (strcmp(event, "journal.recalled") == 0) {
        world_violate(w, "a server is taken to be set back that never was: %s", text);
    } else if (strcmp(event, "journal.record_lost") == 0) {
        world_violate(w, "%s: %s", event, text);
    }
}

/* A random one in the product. */
static inline uint64_t world_start_epoch(struct world *w) {
    return w->rules->epochs_again ? 1 : ++w->epochs_drawn;
}

static inline uint8_t world_type_of(void *ctx, uint32_t alias) {
    (void)ctx;
    (void)alias;
    return VALUE_F64;
}

static inline enum status world_on_found(void *ctx, const struct link_sample *s, struct error *err) {
    (void)err;
    struct world *w = ctx;
    struct made *m = &w->made[s->t_us - STORE_T0_US];
    m->synced = m->synced || m->written;
    return OK;
}

/* What a journal shows after a start is durable, and must be stored, though nobody has synced it before. Of a
 * record that gathered, a part may be lost. */
static inline void world_note_found(struct world *w) {
    struct journal_found found;
    struct segment_entry e;
    struct buf body;
    buf_init(&body, LINK_BODY_MAX_HARD);
    for (uint32_t i = 0; i < w->n_made; i++) {
        const struct made *m = &w->made[i];
        if (!m->synced && m->written && journal_find(w->journal, m->epoch, m->seq, m->seq + 1, &found) &&
            journal_read(w->journal, m->epoch, m->seq, &body, &e, NULL) == OK) {
            SIM_CHECK(data_decode(e.body, world_type_of, world_on_found, w, NULL) == OK, "a record");
        }
    }
    buf_done(&body);
}

/* False if the journal cannot be opened now. */
static inline bool world_start_gateway(struct world *w) {
    struct journal_config cfg = {.dir = DISK_DIR,
                                 .capacity_bytes = w->capacity,
                                 .segment_bytes = JOURNAL_SEGMENT_MIN,
                                 /* A server that forgets what it has acknowledged must not be mended. */
                                 .keep_bytes = w->rules->acks_early ? 0 : w->capacity / 4,
                                 .epoch = world_start_epoch(w)};
    enum status st = journal_open(&cfg, &w->journal, NULL);
    while (st == ERR_EXISTS) {
        cfg.epoch++; /* a mutant's number that the journal still knows */
        st = journal_open(&cfg, &w->journal, NULL);
    }
    if (st != OK) {
        return false;
    }
    SIM_CHECK(tags_new(&w->tags, NULL) == OK, "memory");
    for (uint32_t i = 0; i < WORLD_TAGS; i++) {
        char name[8];
        uint32_t tag = 0;
        (void)snprintf(name, sizeof name, "t%u", i);
        struct tag_def def = {.name = slice_str(name), .type = VALUE_F64};
        SIM_CHECK(tags_define(w->tags, &def, &tag, NULL) == OK, "the tags");
    }
    recorder_init(
        &w->recorder, w->tags, w->journal, 0,
        &(struct recorder_host){.ctx = w, .new_epoch = world_new_epoch, .on_record = world_on_written});
    w->recorder.gather_us = WORLD_GATHER_US;
    struct uplink_config up = {
        .gateway = slice_str("gw"), .software = slice_str("sim"), .host = {.ctx = w, .note = world_note}};
    SIM_CHECK(uplink_new(&up, &w->recorder, &w->uplink, NULL) == OK, "memory");
    w->dial_mono_us = w->now.mono_us;
    w->at = NULL;
    world_note_found(w);
    return true;
}

/* Nothing that the process would still do reaches the disk. */
static inline void world_crash_gateway(struct world *w) {
    disk_freeze();
    uplink_free(&w->uplink);
    journal_close(&w->journal);
    tags_free(&w->tags);
    disk_thaw();
    w->at = NULL;
    w->n_flushed = w->n_made;
    SIM_CHECK(disk_open_files() == 0, "the journal leaves %u files open", disk_open_files());
}

static inline bool world_gathers(const struct world *w, const struct made *m) {
    return m->epoch == journal_epoch(w->journal) && journal_holds(w->journal) &&
           m->seq == journal_next_seq(w->journal);
}

static inline void world_flush(struct world *w) {
    w->recorder.gathers = !uplink_is_live(w->uplink);
    bool gathered = journal_holds(w->journal);
    uint64_t seq = journal_next_seq(w->journal);
    enum status st = recorder_flush(&w->recorder, world_moment(w), NULL);
    for (; w->n_flushed < w->n_made; w->n_flushed++) {
        struct made *m = &w->made[w->n_flushed];
        m->written = st == OK && m->epoch == journal_epoch(w->journal) &&
                     (m->seq < journal_next_seq(w->journal) || world_gathers(w, m));
        w->n_gathered += gathered && m->written && m->seq == seq ? 1 : 0;
    }
    uplink_flushed(w->uplink, st == OK ? UPLINK_SAVED : UPLINK_NOT_SAVED, world_moment(w));
}

static inline void world_sync(struct world *w) {
    enum status st = recorder_sync(&w->recorder, world_moment(w), NULL);
    for (uint32_t i = 0; i < w->n_made && st == OK; i++) {
        struct made *m = &w->made[i];
        bool durable =
            world_gathers(w, m) ? journal_is_durable(w->journal) : m->seq < journal_durable_seq(w->journal);
        m->synced = m->synced || (m->written && m->epoch == journal_epoch(w->journal) && durable);
    }
    uplink_advance(w->uplink, world_moment(w));
}

/* ---- lines ---- */

static inline void world_dial(struct world *w) {
    struct line *l = NULL;
    for (uint32_t i = 0; i < WORLD_LINES && l == NULL; i++) {
        l = w->lines[i].session == NULL ? &w->lines[i] : NULL;
    }
    if (l == NULL || w->at != NULL || w->now.mono_us < w->dial_mono_us) {
        return;
    }
    buf_clear(&l->up);
    buf_clear(&l->down);
    SIM_CHECK(session_new(&w->env, "192.0.2.1:4000", NULL, w->now, &l->session) == OK, "memory");
    session_open(l->session, "gw", w->now);
    struct journal_epoch epochs[LINK_EPOCHS_MAX];
    l->n_epochs = journal_epochs(w->journal, epochs, LINK_EPOCHS_MAX, NULL);
    for (uint32_t i = 0; i < l->n_epochs; i++) {
        l->epochs[i] = epochs[i].epoch;
    }
    w->at = l;
    uplink_begin(w->uplink, world_moment(w));
}

/* The gateway's end is gone; what it said may still arrive. */
static inline void world_hang_up(struct world *w, const char *reason) {
    if (w->at != NULL) {
        uplink_lost(w->uplink, reason);
        w->dial_mono_us = w->now.mono_us + (int64_t)uplink_after_ms(w->uplink) * 1000;
        w->at = NULL;
    }
}

static inline void world_close(struct world *w, struct line *l, const char *reason) {
    session_lost(l->session, reason, w->now);
    session_free(&l->session);
    buf_clear(&l->up);
}

/* What the server says about this range must be true. */
static inline void world_check_range(struct world *w, uint64_t epoch, const struct seq_range *r) {
    for (uint64_t seq = r->first; seq < r->end; seq++) {
        if (!db_has(&w->store.db, epoch, seq)) {
            world_violate(w, "%llx/%llu is acknowledged and not committed", (unsigned long long)epoch,
                          (unsigned long long)seq);
            return;
        }
    }
}

static inline void world_check_said(struct world *w, const struct line *l, const struct frame *f) {
    struct msg_ack ack;
    struct msg_welcome welcome;
    if (f->type == MSG_ACK) {
        SIM_CHECK(ack_decode(f->body, &ack, NULL) == OK && ack.ep < l->n_epochs, "ACK");
        for (uint32_t i = 0; i < ack.n_ranges; i++) {
            world_check_range(w, l->epochs[ack.ep], &ack.ranges[i]);
        }
    } else if (f->type == MSG_WELCOME) {
        SIM_CHECK(welcome_decode(f->body, &welcome, NULL) == OK, "WELCOME");
        for (uint32_t e = 0; e < welcome.n_epochs; e++) {
            for (uint32_t i = 0; i < welcome.epochs[e].n_ranges; i++) {
                world_check_range(w, welcome.epochs[e].epoch, &welcome.epochs[e].ranges[i]);
            }
        }
    }
}

/* A turn of the server's loop for this line: what it says goes on its way. */
static inline void world_server_turn(struct world *w, struct line *l) {
    session_send_acks(l->session);
    struct buf *out = session_out(l->session);
    size_t at = 0;
    while (at < out->n) {
        struct frame f;
        size_t need = 0;
        SIM_CHECK(frame_parse(out->p + at, out->n - at, LINK_BODY_MAX_HARD, &f, &need, NULL) == FRAME_OK,
                  "the server sends frames");
        world_check_said(w, l, &f);
        at += need;
    }
    buf_append(&l->down, out->p, out->n);
    SIM_CHECK(!l->down.failed, "the line holds too much");
    buf_clear(out);
    if (session_state(l->session) == SESSION_CLOSING) {
        world_close(w, l, "closed");
    }
}

static inline void world_after_receive(struct world *w) {
    for (uint32_t i = 0; i < w->n_taken && w->rules->acks_early; i++) {
        roster_committed(w->roster, WORLD_KEY, w->taken[i]->epoch, w->taken[i]->seq);
    }
    w->n_taken = 0;
}

/* Up to max bytes arrive at the server. */
static inline void world_carry_up(struct world *w, struct line *l, size_t max) {
    if (w->at == l) {
        struct slice out = uplink_output(w->uplink);
        buf_append(&l->up, out.p, out.n);
        SIM_CHECK(!l->up.failed, "the line holds too much");
        uplink_sent(w->uplink, out.n);
        if (uplink_state(w->uplink) == UPLINK_ENDED) {
            world_hang_up(w, "ended");
        } else {
            uplink_advance(w->uplink, world_moment(w));
        }
    }
    size_t room = 0;
    while (l->session != NULL && l->up.n > 0 && max > 0 && (room = session_room(l->session)) > 0) {
        size_t n = l->up.n < room ? l->up.n : room;
        n = n < max ? n : max;
        session_receive(l->session, l->up.p, n, w->now);
        buf_consume(&l->up, n);
        max -= n;
        world_after_receive(w);
    }
    if (l->session != NULL && session_state(l->session) == SESSION_CLOSING) {
        world_server_turn(w, l);
    }
}

/* Up to max bytes arrive at the gateway, and the end of the connection after the last. */
static inline void world_carry_down(struct world *w, struct line *l, size_t max) {
    if (l->session != NULL) {
        world_server_turn(w, l);
    }
    if (w->at != l) {
        buf_clear(&l->down);
        return;
    }
    size_t n = l->down.n < max ? l->down.n : max;
    uplink_receive(w->uplink, l->down.p, n, world_moment(w));
    buf_consume(&l->down, n);
    uplink_advance(w->uplink, world_moment(w));
    if (uplink_state(w->uplink) == UPLINK_ENDED) {
        world_carry_up(w, l, SIZE_MAX); /* its last words */
    } else if (l->session == NULL && l->down.n == 0) {
        world_hang_up(w, "closed by the server");
    }
}

static inline void world_pass_time(struct world *w, int64_t us) {
    w->now.mono_us += us;
    w->now.wall_us += us;
    for (uint32_t i = 0; i < WORLD_LINES; i++) {
        if (w->lines[i].session != NULL) {
            session_tick(w->lines[i].session, w->now);
            world_server_turn(w, &w->lines[i]);
        }
    }
    uplink_advance(w->uplink, world_moment(w));
}

#endif
