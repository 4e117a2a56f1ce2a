#include "protocol/client/uplink.h"

#include "protocol/client/uplink_state.h"
#include "server/base/check.h"
#include "server/base/utf8.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PING_WHEN_NOT_STORING_US = 2000000,
    HEARTBEAT_MIN_MS = 100,
    REPLACED_AFTER_MS = 10000,
    REVOKED_AFTER_MS = 60000,
    RECALL_EVERY_US = 600000000, /* a server that never takes it must not have it sent for ever */
    WHOLE_RANGES = 16,
    IN_SLACK = 64 * 1024,
};

/* ---- life ---- */

enum status uplink_new(const struct uplink_config *cfg, struct recorder *recorder, struct uplink **ret,
                       struct error *err) {
    if (cfg->gateway.n == 0 || cfg->gateway.n > LINK_NAME_MAX || !utf8_is_text(cfg->gateway) ||
        cfg->software.n > LINK_NAME_MAX || !utf8_is_text(cfg->software)) {
        return error_set(err, ERR_INVALID, "name", "a gateway's name is UTF-8 of 1 to %d bytes",
                         LINK_NAME_MAX);
    }
    struct uplink *u = calloc(1, sizeof *u);
    if (u == NULL) {
        return error_set(err, ERR_NOMEM, "uplink", "no memory");
    }
    u->cfg = *cfg;
    u->recorder = recorder;
    u->journal = recorder->journal;
    u->tags = recorder->tags;
    buf_init(&u->in, LINK_FRAME_HEAD + LINK_BODY_MAX + IN_SLACK);
    buf_init(&u->out, UPLINK_OUT_MAX);
    buf_init(&u->body, LINK_BODY_MAX_HARD);
    *ret = u;
    return OK;
}

void uplink_free(struct uplink **ref) {
    struct uplink *u = *ref;
    if (u == NULL) {
        return;
    }
    buf_done(&u->in);
    buf_done(&u->out);
    buf_done(&u->body);
    free(u);
    *ref = NULL;
}

void uplink_note(const struct uplink *u, const char *event, const char *text) {
    if (u->cfg.host.note != NULL) {
        u->cfg.host.note(u->cfg.host.ctx, event, text);
    }
}

void uplink_finish(struct uplink *u, enum uplink_end end, const char *reason) {
    if (u->state == UPLINK_ENDED) {
        return;
    }
    u->state = UPLINK_ENDED;
    u->end = end;
    (void)snprintf(u->reason, sizeof u->reason, "%s", reason);
    u->reason[utf8_valid_prefix(u->reason, strlen(u->reason))] = '\0';
    buf_clear(&u->in);
}

static void say_bye(struct uplink *u, const char *text) {
    size_t mark = frame_begin(&u->out, MSG_BYE, 0);
    bye_encode(&u->out, &(struct msg_bye){.reason = BYE_NORMAL, .text = slice_str(text)});
    frame_end(&u->out, mark);
}

static void come_again(struct uplink *u, const char *why) {
    say_bye(u, why);
    uplink_finish(u, UPLINK_END_AGAIN, why);
}

void uplink_bye(struct uplink *u, const char *text) {
    if (u->state == UPLINK_GREETING || u->state == UPLINK_UP) {
        say_bye(u, text);
    }
    uplink_finish(u, UPLINK_END_OURS, text);
}

void uplink_lost(struct uplink *u, const char *reason) {
    uplink_finish(u, UPLINK_END_LOST, reason);
    buf_clear(&u->out);
}

static uint64_t caps_of(const struct uplink *u) {
    return u->cfg.caps | (u->cfg.host.certificate_offered != NULL ? LINK_CAP_RENEWAL : 0);
}

/* The server broke the rules: tell it, and end. */
static void refuse(struct uplink *u, enum link_code code, uint8_t ref_type, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
static void refuse(struct uplink *u, enum link_code code, uint8_t ref_type, const char *fmt, ...) {
    char text[LINK_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    struct msg_error m = {.code = (uint16_t)code,
                          .fatal = true,
                          .ref_type = ref_type,
                          .text = slice_of(text, utf8_valid_prefix(text, strlen(text)))};
    size_t mark = frame_begin(&u->out, MSG_ERROR, 0);
    error_encode(&u->out, &m);
    frame_end(&u->out, mark);
    uplink_finish(u, UPLINK_END_REFUSED, text);
}

/* ---- HELLO ---- */

void uplink_begin(struct uplink *u, struct moment now) {
    CHECK(u->state == UPLINK_IDLE || u->state == UPLINK_ENDED);
    buf_clear(&u->in);
    buf_clear(&u->out);
    u->state = UPLINK_GREETING;
    u->reason[0] = '\0';
    u->after_ms = 0;
    u->began_mono_us = now.mono_us;
    u->n_flights = 0;
    u->flight_bytes = 0;
    u->n_backlog_flights = 0;
    u->backlog_flight_bytes = 0;
    u->n_probes = 0;
    u->dict_id = 0;
    u->asked_dict = false;
    u->in_order = false;
    struct error err = {0};
    if (recorder_settle(u->recorder, now, &err) != OK) {
        uplink_note(u, "journal.not_durable", err.text); /* it gathers on; the session does without */
    }
    u->n_epochs = journal_epochs(u->journal, u->epochs, LINK_EPOCHS_MAX, &u->more_epochs);
    /* What a power loss may still take was never told. */
    u->epochs[0].next_seq = journal_durable_seq(u->journal);
    if (u->epochs[0].oldest_unacked > u->epochs[0].next_seq) {
        u->epochs[0].oldest_unacked = u->epochs[0].next_seq;
    }
    struct journal_stats stats;
    journal_get_stats(u->journal, &stats);
    struct msg_hello m = {.version_min = LINK_VERSION,
                          .version_max = LINK_VERSION,
                          .gateway = u->cfg.gateway,
                          .software = u->cfg.software,
                          .n_epochs = u->n_epochs,
                          .now_us = now.wall_us,
                          .clock_source = u->cfg.clock_source,
                          .clock_error_us = u->cfg.clock_error_us,
                          .caps = caps_of(u),
                          .config_version = (u->cfg.caps & LINK_CAP_CONFIG) != 0
                                                ? u->cfg.host.config_version(u->cfg.host.ctx)
                                                : 0,
                          .max_rx_frame = LINK_BODY_MAX,
                          .journal_bytes = stats.waiting_bytes,
                          .journal_capacity = stats.capacity_bytes,
                          .oldest_sample_us = stats.oldest_sample_us,
                          .dropped_total = stats.dropped_total + u->recorder->untold.samples};
    for (uint32_t i = 0; i < u->n_epochs; i++) {
        m.epochs[i] = (struct msg_epoch){.epoch = u->epochs[i].epoch,
                                         .oldest_unacked = u->epochs[i].oldest_unacked,
                                         .next_seq = u->epochs[i].next_seq};
    }
    size_t mark = frame_begin(&u->out, MSG_HELLO, 0);
    hello_encode(&u->out, &m);
    frame_end(&u->out, mark);
}

/* ---- forks ---- */

/* The server has something else under this epoch's numbers: file what waits under a new one. */
static void refile(struct uplink *u, uint64_t ep, const char *why) {
    struct error err = {0};
    if (ep >= u->n_epochs) {
        refuse(u, LINK_BAD_FRAME, MSG_ERROR, "epoch index %" PRIu64 "; HELLO named %" PRIu32, ep,
               u->n_epochs);
        return;
    }
    uplink_note(u, "journal.refiled", why);
    if (recorder_refile(u->recorder, u->epochs[ep].epoch, 0, &err) != OK) {
        uplink_note(u, "journal.not_refiled", err.text);
        uplink_finish(u, UPLINK_END_REFUSED, why);
        return;
    }
    come_again(u, why);
}

/* ---- WELCOME ---- */

static void take_terms(struct uplink *u, const struct msg_welcome *m, struct moment now) {
    uint32_t heartbeat_ms = m->heartbeat_ms == 0 ? LINK_HEARTBEAT_MS : m->heartbeat_ms;
    heartbeat_ms = heartbeat_ms < HEARTBEAT_MIN_MS ? HEARTBEAT_MIN_MS : heartbeat_ms;
    uint32_t dead_ms = m->dead_ms == 0 ? LINK_DEAD_MS : m->dead_ms;
    u->heartbeat_us = (int64_t)heartbeat_ms * 1000;
    u->dead_us = (int64_t)dead_ms * 1000;
    if (u->dead_us < 2 * u->heartbeat_us) {
        u->dead_us = 2 * u->heartbeat_us;
    }
    u->session = m->session;
    u->caps = m->caps & caps_of(u);
    u->window_bytes = m->window_bytes;
    u->window_frames = m->window_frames;
    u->backlog_rate = m->backlog_rate;
    u->max_frame = m->max_frame;
    u->server_state = m->state;
    u->commit_lag_ms = 0;
    u->live_next = u->epochs[0].next_seq;
    u->backlog_ep = u->n_epochs > 1 ? 1 : 0;
    u->backlog_next = 0;
    u->tokens = m->backlog_rate;
    u->tokens_mono_us = now.mono_us;
    u->backlog_mono_us = MOMENT_NEVER;
    u->snapshot_due = true;
    u->snapshot_mono_us = now.mono_us;
    u->ping_mono_us = now.mono_us; /* the first at once: it measures the clock */
    u->seen_mono_us = now.mono_us;
}

/* Does the server have more of an epoch than the journal ever had? */
static bool is_forked(const struct journal_epoch *e, const struct msg_epoch *v, uint32_t n) {
    for (uint32_t k = 0; k < n; k++) {
        for (uint32_t r = 0; r < v[k].n_ranges; r++) {
            if (v[k].epoch == e->epoch && v[k].ranges[r].end > e->next_seq) {
                return true;
            }
        }
    }
    return false;
}

/* Forgets what the server has. False if an epoch is forked; then nothing is forgotten. */
static bool take_committed(struct uplink *u, const struct msg_welcome *m, uint32_t *ret_forked) {
    for (uint32_t i = 0; i < u->n_epochs; i++) {
        if (is_forked(&u->epochs[i], m->epochs, m->n_epochs)) {
            *ret_forked = i;
            return false;
        }
    }
    for (uint32_t k = 0; k < m->n_epochs; k++) {
        for (uint32_t r = 0; r < m->epochs[k].n_ranges; r++) {
            const struct seq_range *range = &m->epochs[k].ranges[r];
            (void)journal_commit(u->journal, m->epochs[k].epoch, range->first, range->end, NULL);
        }
    }
    return true;
}

/* A server that has less than it had acknowledged was set back to a backup. WELCOME is cut short only where
 * an epoch has more ranges than these. */
static bool was_set_back(const struct uplink *u, const struct msg_welcome *m) {
    bool misses = false;
    for (uint32_t i = 0; i < u->n_epochs && !misses; i++) {
        const struct msg_epoch *told = NULL;
        for (uint32_t k = 0; k < m->n_epochs && told == NULL; k++) {
            told = m->epochs[k].epoch == u->epochs[i].epoch ? &m->epochs[k] : NULL;
        }
        uint32_t n = told == NULL ? 0 : told->n_ranges;
        misses = n < WHOLE_RANGES &&
                 journal_misses(u->journal, u->epochs[i].epoch, told == NULL ? NULL : told->ranges, n);
    }
    return misses;
}

/* From a new HELLO on, which names it. False if that cannot be: the session goes on without. */
static bool send_again(struct uplink *u, struct moment now) {
    static const char why[] = "the server lacks what it had acknowledged: what is still there is sent again";
    struct error err = {0};
    u->recall_mono_us = now.mono_us + RECALL_EVERY_US;
    uplink_note(u, "journal.recalled", why);
    if (recorder_recall(u->recorder, &err) != OK) {
        uplink_note(u, "journal.not_recalled", err.text);
        return false;
    }
    come_again(u, why);
    return true;
}

static enum status on_welcome(struct uplink *u, struct slice body, struct moment now, struct error *err) {
    struct msg_welcome m;
    enum status st = welcome_decode(body, &m, err);
    if (st != OK) {
        return st;
    }
    if (u->state != UPLINK_GREETING) {
        return error_set(err, ERR_INVALID, "WELCOME", "only once, after HELLO");
    }
    if (m.version != LINK_VERSION) {
        return error_set(err, ERR_UNSUPPORTED, "WELCOME", "version %u; this gateway speaks %d", m.version,
                         LINK_VERSION);
    }
    if (m.max_frame < LINK_BODY_MAX_LEAST) {
        return error_set(err, ERR_UNSUPPORTED, "WELCOME",
                         "bodies of %" PRIu32 " bytes are too short; this gateway needs %d", m.max_frame,
                         LINK_BODY_MAX_LEAST);
    }
    if (was_set_back(u, &m) && now.mono_us >= u->recall_mono_us && send_again(u, now)) {
        return OK;
    }
    uint32_t forked = 0;
    if (!take_committed(u, &m, &forked)) {
        refile(u, forked, "the server has records of an epoch that its journal never had");
        return OK;
    }
    take_terms(u, &m, now);
    u->state = UPLINK_UP;
    if (u->cfg.host.up != NULL) {
        u->cfg.host.up(u->cfg.host.ctx, &m);
    }
    return OK;
}

/* ---- what else the server says ---- */

static bool in_ranges(const struct msg_ack *m, uint64_t seq) {
    for (uint32_t i = 0; i < m->n_ranges; i++) {
        if (seq >= m->ranges[i].first && seq < m->ranges[i].end) {
            return true;
        }
    }
    return false;
}

static enum status on_ack(struct uplink *u, struct slice body, struct moment now, struct error *err) {
    (void)now;
    struct msg_ack m;
    enum status st = ack_decode(body, &m, err);
    if (st != OK) {
        return st;
    }
    if (m.ep >= u->n_epochs) {
        return error_set(err, ERR_INVALID, "ACK", "epoch index %" PRIu64 "; HELLO named %" PRIu32, m.ep,
                         u->n_epochs);
    }
    uint32_t left = 0;
    for (uint32_t i = 0; i < u->n_flights; i++) {
        struct flight f = u->flights[i];
        if (f.ep != m.ep || !in_ranges(&m, f.seq)) {
            u->flights[left++] = f;
            continue;
        }
        u->flight_bytes -= f.bytes;
        u->n_backlog_flights -= f.backlog ? 1 : 0;
        u->backlog_flight_bytes -= f.backlog ? f.bytes : 0;
        u->records_acked++;
        (void)journal_commit(u->journal, u->epochs[f.ep].epoch, f.seq, f.seq + 1, NULL);
    }
    u->n_flights = left;
    u->server_state = m.state;
    return OK;
}

static enum status on_error(struct uplink *u, struct slice body, struct moment now, struct error *err) {
    (void)now;
    struct msg_error m;
    enum status st = error_decode(body, &m, err);
    if (st != OK) {
        return st;
    }
    char text[UPLINK_TEXT_SIZE];
    (void)snprintf(text, sizeof text, "%s: %.*s", link_code_name(m.code), SLICE_ARG(m.text));
    if (m.code == LINK_SEQ_CONFLICT || m.code == LINK_EPOCH_ROLLBACK) {
        refile(u, m.ep, text);
        return OK;
    }
    if (m.fatal) {
        u->after_ms = m.code == LINK_SUSPENDED || m.code == LINK_NOT_ALLOWED ? REPLACED_AFTER_MS : 0;
        uplink_finish(u, UPLINK_END_REFUSED, text);
        return OK;
    }
    uplink_note(u, "link.server_error", text);
    u->in_order = u->in_order || m.code == LINK_FLOW;
    if (m.code == LINK_UNKNOWN_DICT && m.ep == 0 && !u->asked_dict) {
        /* Under a new number: the server would take the old one for a repetition. */
        u->asked_dict = true;
        u->recorder->dict = (struct recorder_dict){0};
    }
    return OK;
}

static enum status on_bye(struct uplink *u, struct slice body, struct moment now, struct error *err) {
    (void)now;
    struct msg_bye m;
    enum status st = bye_decode(body, &m, err);
    if (st != OK) {
        return st;
    }
    uint32_t least = m.reason == BYE_REPLACED  ? REPLACED_AFTER_MS
                     : m.reason == BYE_REVOKED ? REVOKED_AFTER_MS
                                               : 0;
    u->after_ms = m.reconnect_after_ms > least ? m.reconnect_after_ms : least;
    char text[UPLINK_TEXT_SIZE];
    (void)snprintf(text, sizeof text, "the server said goodbye (%u): %.*s", m.reason, SLICE_ARG(m.text));
    uplink_finish(u, UPLINK_END_BYE, text);
    return OK;
}

static enum status on_ping(struct uplink *u, struct slice body, struct moment now, struct error *err) {
    struct msg_ping m;
    enum status st = ping_decode(body, &m, err);
    if (st != OK) {
        return st;
    }
    size_t mark = frame_begin(&u->out, MSG_PONG, 0);
    pong_encode(&u->out,
                &(struct msg_pong){.id = m.id, .t0_us = m.t0_us, .t1_us = now.wall_us, .t2_us = now.wall_us});
    frame_end(&u->out, mark);
    return OK;
}

static void take_probe(struct uplink *u, const struct msg_pong *m, int64_t t3_us) {
    int64_t there = 0;
    int64_t back = 0;
    int64_t sum = 0;
    int64_t round = 0;
    int64_t held = 0;
    int64_t delay = 0;
    if (__builtin_sub_overflow(m->t1_us, m->t0_us, &there) ||
        __builtin_sub_overflow(m->t2_us, t3_us, &back) || __builtin_add_overflow(there, back, &sum) ||
        __builtin_sub_overflow(t3_us, m->t0_us, &round) ||
        __builtin_sub_overflow(m->t2_us, m->t1_us, &held) || __builtin_sub_overflow(round, held, &delay)) {
        return;
    }
    u->probes[u->n_probes % UPLINK_PROBES].offset_us = sum / 2;
    u->probes[u->n_probes % UPLINK_PROBES].delay_us = delay < 0 ? 0 : delay;
    u->n_probes++;
}

static enum status on_pong(struct uplink *u, struct slice body, struct moment now, struct error *err) {
    struct msg_pong m;
    enum status st = pong_decode(body, &m, err);
    if (st != OK) {
        return st;
    }
    u->server_state = m.state;
    u->commit_lag_ms = m.commit_lag_ms;
    if (m.id == u->ping_id && m.t0_us == u->ping_t0_us && u->ping_id != 0) {
        take_probe(u, &m, now.wall_us);
        u->ping_t0_us = INT64_MIN; /* each answer counts once */
    }
    return OK;
}

static enum status on_window(struct uplink *u, struct slice body, struct moment now, struct error *err) {
    struct msg_window m;
    enum status st = window_decode(body, &m, err);
    if (st == OK) {
        u->window_bytes = m.bytes;
        u->window_frames = m.frames;
        u->backlog_rate = m.backlog_rate;
        u->tokens_mono_us = now.mono_us;
    }
    return st;
}

static enum status on_refresh(struct uplink *u, struct slice body, struct moment now, struct error *err) {
    (void)now;
    enum status st = refresh_decode(body, err);
    if (st == OK) {
        u->snapshot_due = true;
    }
    return st;
}

static enum status on_command(struct uplink *u, struct slice body, struct moment now, struct error *err) {
    struct msg_command m;
    if ((u->caps & LINK_CAP_COMMANDS) == 0) {
        return error_set(err, ERR_UNSUPPORTED, "CMD", "this gateway takes no commands, as HELLO said");
    }
    enum status st = command_decode(body, &m, err);
    if (st == OK) {
        u->cfg.host.command(u->cfg.host.ctx, &m, now);
    }
    return st;
}

static enum status on_config_offer(struct uplink *u, struct slice body, struct moment now,
                                   struct error *err) {
    (void)now;
    struct msg_config_offer m;
    enum status st = config_offer_decode(body, &m, err);
    if (st == OK && (u->caps & LINK_CAP_CONFIG) != 0) {
        u->cfg.host.config_offer(u->cfg.host.ctx, &m);
    }
    return st;
}

static enum status on_config_chunk(struct uplink *u, struct slice body, struct moment now,
                                   struct error *err) {
    struct msg_config_chunk m;
    enum status st = config_chunk_decode(body, &m, err);
    if (st == OK && (u->caps & LINK_CAP_CONFIG) != 0) {
        st = u->cfg.host.config_chunk(u->cfg.host.ctx, &m, now, err);
    }
    return st;
}

static enum status on_cert_offer(struct uplink *u, struct slice body, struct moment now, struct error *err) {
    (void)now;
    enum status st = cert_offer_decode(body, err);
    if (st == OK && u->cfg.host.certificate_offered != NULL) {
        u->cfg.host.certificate_offered(u->cfg.host.ctx);
    }
    return st;
}

static enum status on_cert_issued(struct uplink *u, struct slice body, struct moment now, struct error *err) {
    (void)now;
    struct msg_cert_issued m;
    enum status st = cert_issued_decode(body, &m, err);
    if (st == OK && u->cfg.host.certificate_answered != NULL) {
        u->cfg.host.certificate_answered(u->cfg.host.ctx, &m);
    }
    return st;
}

void uplink_ask_certificate(struct uplink *u, struct slice request) {
    if (u->state != UPLINK_UP) {
        return;
    }
    size_t mark = frame_begin(&u->out, MSG_CERT_REQUEST, 0);
    cert_request_encode(&u->out, &(struct msg_cert_request){.request = request});
    frame_end(&u->out, mark);
}

typedef enum status (*frame_handler)(struct uplink *u, struct slice body, struct moment now,
                                     struct error *err);

static const struct {
    uint8_t type;
    bool before_welcome;
    frame_handler handler;
} handlers[] = {
    {MSG_WELCOME, true, on_welcome},
    {MSG_ERROR, true, on_error},
    {MSG_BYE, true, on_bye},
    {MSG_PING, true, on_ping},
    {MSG_PONG, true, on_pong},
    {MSG_WINDOW, false, on_window},
    {MSG_REFRESH, false, on_refresh},
    {MSG_ACK, false, on_ack},
    {MSG_CERT_OFFER, false, on_cert_offer},
    {MSG_CERT_ISSUED, false, on_cert_issued},
    {MSG_CMD, false, on_command},
    {MSG_CFG_OFFER, false, on_config_offer},
    {MSG_CFG_CHUNK, false, on_config_chunk},
};

static void on_frame(struct uplink *u, const struct frame *f, struct moment now) {
    u->seen_mono_us = now.mono_us;
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        if (handlers[i].type != f->type) {
            continue;
        }
        struct error err = {0};
        if (u->state != UPLINK_UP && !handlers[i].before_welcome) {
            refuse(u, LINK_BAD_FRAME, f->type, "%s before WELCOME", msg_type_name(f->type));
        } else if (handlers[i].handler(u, f->body, now, &err) != OK) {
            enum link_code code = err.code == ERR_UNSUPPORTED ? LINK_UNSUPPORTED : LINK_BAD_FRAME;
            refuse(u, code, f->type, "%s: %s: %s", msg_type_name(f->type), err.where, err.text);
        }
        return;
    }
    if (msg_type_sender(f->type) == MSG_BY_GATEWAY) {
        refuse(u, LINK_BAD_FRAME, f->type, "%s: only a gateway sends this", msg_type_name(f->type));
    } else if (f->type >= MSG_CRITICAL) {
        refuse(u, LINK_UNSUPPORTED, f->type, "this gateway does not know type 0x%02x", f->type);
    } else {
        u->skipped++;
    }
}

/* What HELLO says that we take counts after WELCOME. */
static uint32_t max_body(const struct uplink *u) {
    return u->state == UPLINK_GREETING ? LINK_BODY_MAX_HELLO : LINK_BODY_MAX;
}

/* Handles every whole frame in u->in. */
static void process(struct uplink *u, struct moment now) {
    size_t at = 0;
    while ((u->state == UPLINK_GREETING || u->state == UPLINK_UP) && at < u->in.n) {
        struct frame f = {0};
        size_t need = 0;
        struct error err = {0};
        enum frame_result result = frame_parse(u->in.p + at, u->in.n - at, max_body(u), &f, &need, &err);
        if (result == FRAME_BAD) {
            enum link_code code = err.code == ERR_TOO_BIG       ? LINK_TOO_BIG
                                  : err.code == ERR_UNSUPPORTED ? LINK_UNSUPPORTED
                                                                : LINK_BAD_FRAME;
            refuse(u, code, 0, "%s: %s", err.where, err.text);
        }
        if (result != FRAME_OK) {
            break;
        }
        on_frame(u, &f, now);
        at += need;
        if (u->out.failed) {
            uplink_finish(u, UPLINK_END_LOST, "the server does not read its answers");
        }
    }
    if (u->state != UPLINK_ENDED) {
        buf_consume(&u->in, at);
    }
}

void uplink_receive(struct uplink *u, const void *p, size_t n, struct moment now) {
    const uint8_t *from = p;
    while (n > 0 && (u->state == UPLINK_GREETING || u->state == UPLINK_UP)) {
        size_t room = u->in.max - u->in.n;
        size_t part = n < room ? n : room;
        CHECK(part > 0); /* process() leaves less than one frame */
        buf_append(&u->in, from, part);
        if (u->in.failed) {
            uplink_finish(u, UPLINK_END_LOST, "no memory for what the server sends");
            return;
        }
        process(u, now);
        from += part;
        n -= part;
    }
}

/* ---- time ---- */

static void send_ping(struct uplink *u, struct moment now) {
    bool stores = u->server_state != SERVER_NOT_STORING;
    int64_t pause_us =
        !stores && u->heartbeat_us > PING_WHEN_NOT_STORING_US ? PING_WHEN_NOT_STORING_US : u->heartbeat_us;
    u->ping_id++;
    u->ping_t0_us = now.wall_us;
    u->ping_mono_us = now.mono_us + pause_us;
    size_t mark = frame_begin(&u->out, MSG_PING, 0);
    ping_encode(&u->out, &(struct msg_ping){.id = u->ping_id, .t0_us = u->ping_t0_us});
    frame_end(&u->out, mark);
}

static int64_t greeting_us(const struct uplink *u) {
    return (int64_t)(u->cfg.greeting_ms == 0 ? LINK_DEAD_MS : u->cfg.greeting_ms) * 1000;
}

static void advance_up(struct uplink *u, struct moment now) {
    if (now.mono_us - u->seen_mono_us >= u->dead_us) {
        uplink_finish(u, UPLINK_END_LOST, "the server was silent for too long");
        return;
    }
    if (journal_epoch(u->journal) != u->epochs[0].epoch) {
        come_again(u, "a new epoch was opened");
        return;
    }
    if (now.mono_us >= u->ping_mono_us) {
        send_ping(u, now);
    }
    uplink_fill(u, now);
    if (u->state == UPLINK_UP && u->more_epochs && uplink_backlog_is_done(u)) {
        come_again(u, "more epochs wait than one greeting can name");
    }
}

void uplink_advance(struct uplink *u, struct moment now) {
    u->advanced_mono_us = now.mono_us;
    switch (u->state) {
    case UPLINK_IDLE:
    case UPLINK_ENDED:
        return;
    case UPLINK_GREETING:
        if (now.mono_us - u->began_mono_us >= greeting_us(u)) {
            uplink_finish(u, UPLINK_END_LOST, "the server did not answer HELLO in time");
        }
        return;
    case UPLINK_UP:
        advance_up(u, now);
        return;
    }
}

void uplink_flushed(struct uplink *u, enum uplink_saved saved, struct moment now) {
    u->changes_due = true;
    u->unsaved = u->unsaved || saved == UPLINK_NOT_SAVED;
    uplink_advance(u, now);
}

int64_t uplink_next_mono_us(const struct uplink *u) {
    switch (u->state) {
    case UPLINK_IDLE:
    case UPLINK_ENDED:
        return MOMENT_NEVER;
    case UPLINK_GREETING:
        return u->began_mono_us + greeting_us(u);
    case UPLINK_UP:
        break;
    }
    int64_t next = u->seen_mono_us + u->dead_us;
    next = u->ping_mono_us < next ? u->ping_mono_us : next;
    next = u->backlog_mono_us < next ? u->backlog_mono_us : next;
    bool pauses = u->snapshot_due && u->snapshot_mono_us > u->advanced_mono_us;
    return pauses && u->snapshot_mono_us < next ? u->snapshot_mono_us : next;
}

/* ---- the rest ---- */

void uplink_command_ack(struct uplink *u, const struct msg_command_ack *m) {
    if (u->state == UPLINK_UP) {
        size_t mark = frame_begin(&u->out, MSG_CMD_ACK, 0);
        command_ack_encode(&u->out, m);
        frame_end(&u->out, mark);
    }
}

void uplink_config_get(struct uplink *u, const struct msg_config_get *m) {
    if (u->state == UPLINK_UP) {
        size_t mark = frame_begin(&u->out, MSG_CFG_GET, 0);
        config_get_encode(&u->out, m);
        frame_end(&u->out, mark);
    }
}

void uplink_come_again(struct uplink *u, const char *why) {
    if (u->state == UPLINK_UP) {
        come_again(u, why);
    }
}

void uplink_clock_stepped(struct uplink *u) {
    u->n_probes = 0;
    u->ping_t0_us = INT64_MIN; /* the answer that is on its way speaks of the old time */
    u->ping_mono_us = INT64_MIN;
}

struct slice uplink_output(const struct uplink *u) {
    return buf_slice(&u->out);
}

void uplink_sent(struct uplink *u, size_t n) {
    buf_consume(&u->out, n);
}

bool uplink_is_live(const struct uplink *u) {
    return u->state == UPLINK_UP && u->server_state != SERVER_NOT_STORING;
}

enum uplink_state uplink_state(const struct uplink *u) {
    return u->state;
}

enum uplink_end uplink_end(const struct uplink *u) {
    return u->end;
}

const char *uplink_reason(const struct uplink *u) {
    return u->reason;
}

uint32_t uplink_after_ms(const struct uplink *u) {
    return u->after_ms;
}

void uplink_get_status(const struct uplink *u, struct uplink_status *ret) {
    *ret = (struct uplink_status){.state = u->state,
                                  .session = u->session,
                                  .server_state = u->server_state,
                                  .commit_lag_ms = u->commit_lag_ms,
                                  .records_sent = u->records_sent,
                                  .records_acked = u->records_acked,
                                  .snapshots_sent = u->snapshots_sent,
                                  .in_flight = u->n_flights};
    uint32_t n = u->n_probes < UPLINK_PROBES ? u->n_probes : UPLINK_PROBES;
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++) {
        best = u->probes[i].delay_us < u->probes[best].delay_us ? i : best;
    }
    if (n > 0) {
        ret->has_offset = true;
        ret->clock_offset_us = u->probes[best].offset_us;
    }
}
