#include "protocol/client/uplink_state.h"
#include "server/base/check.h"
#include "server/base/tm.h"

enum lane { LANE_LIVE, LANE_BACKLOG };

/* What a backlog may save up while it has nothing to send. */
enum { BACKLOG_BURST_MS = 1000, SNAPSHOT_PAUSE_US = 1000000 };

/* ---- snapshots ---- */

static enum status on_snapshot(void *ctx, const struct link_sample *v, uint32_t n, struct error *err) {
    struct uplink *u = ctx;
    uint16_t unsure = u->recorder->clock_unsure ? FRAME_CLOCK_UNSYNCED : 0;
    size_t mark = frame_begin(&u->out, MSG_DATA, (uint16_t)(FRAME_SNAPSHOT | unsure));
    prefix_encode(&u->out, false, &(struct msg_prefix){.dict = u->recorder->dict.id});
    data_encode(&u->out, v, n);
    frame_end(&u->out, mark);
    u->snapshots_sent++;
    return buf_status(&u->out, err);
}

static void send_snapshot(struct uplink *u, enum tags_which which) {
    struct error err = {0};
    if (tags_snapshot(u->tags, u->recorder->dict.n_tags, which, on_snapshot, u, &err) != OK) {
        uplink_finish(u, UPLINK_END_LOST, "the line takes nothing: a snapshot did not fit the output");
    }
}

/* ---- window ---- */

static bool window_takes(const struct uplink *u, enum lane lane, size_t bytes) {
    if (u->n_flights >= UPLINK_FLIGHTS_MAX || u->n_flights >= u->window_frames ||
        u->flight_bytes + bytes > u->window_bytes) {
        return false;
    }
    if (lane == LANE_LIVE || u->n_backlog_flights == 0) {
        return true;
    }
    return u->n_backlog_flights < u->window_frames / 2 &&
           u->backlog_flight_bytes + bytes <= u->window_bytes / 2;
}

/* ---- records ---- */

/* The most that head and prefix add to a record's body. */
enum { RECORD_OVERHEAD = LINK_FRAME_HEAD + 30 };

enum sending { SENT, MUST_WAIT, GONE };

static enum sending send_record(struct uplink *u, uint32_t ep, const struct journal_found *found,
                                enum lane lane) {
    if (!window_takes(u, lane, found->len + (size_t)RECORD_OVERHEAD)) {
        return MUST_WAIT;
    }
    struct segment_entry e = {0};
    struct error err = {0};
    enum status st = journal_read(u->journal, u->epochs[ep].epoch, found->seq, &u->body, &e, &err);
    if (st == ERR_NOMEM) {
        return MUST_WAIT;
    }
    if (st != OK || e.body.n > u->max_frame - (size_t)RECORD_OVERHEAD) {
        /* It can never be sent; it must not block the others. */
        journal_give_up(u->journal, u->epochs[ep].epoch, found->seq);
        uplink_note(u, "journal.record_lost",
                    st != OK ? err.text : "a record is longer than the server takes");
        return GONE;
    }
    uint16_t flags = (uint16_t)(e.flags | FRAME_JOURNALED | (lane == LANE_BACKLOG ? FRAME_BACKLOG : 0));
    size_t mark = frame_begin(&u->out, e.type, flags);
    prefix_encode(&u->out, true, &(struct msg_prefix){.ep = ep, .seq = found->seq, .dict = e.dict});
    buf_append(&u->out, e.body.p, e.body.n);
    frame_end(&u->out, mark);
    if (u->out.failed) {
        uplink_finish(u, UPLINK_END_LOST, "the line takes nothing: a record did not fit the output");
        return MUST_WAIT;
    }
    uint32_t bytes = (uint32_t)(u->out.n - mark);
    u->flights[u->n_flights++] =
        (struct flight){.seq = found->seq, .ep = ep, .bytes = bytes, .backlog = lane == LANE_BACKLOG};
    u->flight_bytes += bytes;
    if (lane == LANE_BACKLOG) {
        u->n_backlog_flights++;
        u->backlog_flight_bytes += bytes;
        u->tokens -= bytes;
    }
    u->records_sent++;
    return SENT;
}

/* The next record of the present dictionary that the server has not. */
static bool dict_part(const struct uplink *u, struct journal_found *ret) {
    const struct recorder_dict *d = &u->recorder->dict;
    uint64_t durable = journal_durable_seq(u->journal);
    uint64_t end = d->end < durable ? d->end : durable;
    return journal_find(u->journal, d->epoch, u->dict_next, end, ret);
}

/* True when snapshots can be read by the server. */
static bool dict_is_sent(const struct uplink *u) {
    const struct recorder_dict *d = &u->recorder->dict;
    struct journal_found found;
    return d->id != 0 && u->dict_id == d->id && d->end <= journal_durable_seq(u->journal) &&
           !dict_part(u, &found);
}

static bool send_dict(struct uplink *u) {
    const struct recorder_dict *d = &u->recorder->dict;
    struct journal_found found;
    if (d->id == 0 || d->epoch != u->epochs[0].epoch) {
        return false;
    }
    if (u->dict_id != d->id) {
        u->dict_id = d->id;
        u->dict_next = d->first;
    }
    if (!dict_part(u, &found)) {
        return false;
    }
    enum lane lane = found.seq < u->epochs[0].next_seq ? LANE_BACKLOG : LANE_LIVE;
    enum sending result = send_record(u, 0, &found, lane);
    if (result != MUST_WAIT) {
        u->dict_next = found.seq + 1;
    }
    return result != MUST_WAIT;
}

/* The dictionary goes ahead of its place in the lanes. */
static bool was_sent_ahead(const struct uplink *u, uint32_t ep, uint64_t seq) {
    const struct recorder_dict *d = &u->recorder->dict;
    return ep == 0 && d->id == u->dict_id && seq >= d->first && seq < u->dict_next && seq < d->end;
}

static bool stores(const struct uplink *u) {
    return u->server_state != SERVER_NOT_STORING;
}

/* The next record of the live lane; skips what was sent already. */
static bool live_record(struct uplink *u, struct journal_found *ret) {
    while (journal_find(u->journal, u->epochs[0].epoch, u->live_next, journal_durable_seq(u->journal), ret)) {
        if (!was_sent_ahead(u, 0, ret->seq)) {
            return true;
        }
        u->live_next = ret->seq + 1;
    }
    return false;
}

/* The next record of the backlog, epoch by epoch: closed ones first, then the part of the present one from
 * before HELLO. */
static bool backlog_record(struct uplink *u, struct journal_found *ret) {
    for (;;) {
        uint64_t end = u->epochs[u->backlog_ep].next_seq;
        if (journal_find(u->journal, u->epochs[u->backlog_ep].epoch, u->backlog_next, end, ret)) {
            if (!was_sent_ahead(u, u->backlog_ep, ret->seq)) {
                return true;
            }
            u->backlog_next = ret->seq + 1;
        } else if (u->backlog_ep == 0) {
            return false;
        } else {
            u->backlog_ep = u->backlog_ep + 1 < u->n_epochs ? u->backlog_ep + 1 : 0;
            u->backlog_next = 0;
        }
    }
}

/* The live lane waits for the backlog; present values go as snapshots meanwhile. */
static bool is_in_order(struct uplink *u) {
    struct journal_found found;
    return u->in_order && u->backlog_rate > 0 && backlog_record(u, &found);
}

static bool send_live(struct uplink *u) {
    struct journal_found found;
    if (!stores(u) || is_in_order(u) || !live_record(u, &found)) {
        return false;
    }
    enum sending result = send_record(u, 0, &found, LANE_LIVE);
    if (result != MUST_WAIT) {
        u->live_next = found.seq + 1;
    }
    return result != MUST_WAIT;
}

static void add_tokens(struct uplink *u, struct moment now) {
    int64_t elapsed_us = now.mono_us - u->tokens_mono_us;
    int64_t most = (int64_t)u->backlog_rate * BACKLOG_BURST_MS / 1000;
    if (elapsed_us > 60 * TM_SECOND_US) {
        elapsed_us = 60 * TM_SECOND_US;
    }
    int64_t fresh = (int64_t)u->backlog_rate * elapsed_us / TM_SECOND_US;
    if (fresh > 0) {
        /* A part of a byte is kept by not moving the mark further than what was given. */
        u->tokens_mono_us += u->backlog_rate > 0 ? fresh * TM_SECOND_US / u->backlog_rate : 0;
        u->tokens = u->tokens + fresh > most ? most : u->tokens + fresh;
    }
    if (u->backlog_rate == 0) {
        u->tokens_mono_us = now.mono_us;
    }
}

static bool send_backlog(struct uplink *u, struct moment now) {
    struct journal_found found;
    if (!stores(u) || u->backlog_rate == 0 || !backlog_record(u, &found)) {
        return false;
    }
    add_tokens(u, now);
    if (u->tokens <= 0) {
        u->backlog_mono_us = u->tokens_mono_us + (1 - u->tokens) * TM_SECOND_US / u->backlog_rate + 1;
        return false;
    }
    enum sending result = send_record(u, u->backlog_ep, &found, LANE_BACKLOG);
    if (result != MUST_WAIT) {
        u->backlog_next = found.seq + 1;
    }
    return result != MUST_WAIT;
}

/* ---- all of it ---- */

/* Present values that the live lane could not bring, once a flush. */
static bool send_changes(struct uplink *u) {
    struct journal_found found;
    if (!u->changes_due) {
        return false;
    }
    if (!u->unsaved && !journal_holds(u->journal) && !live_record(u, &found)) {
        /* What is not durable yet is still on its way into the live lane. */
        u->changes_due = journal_durable_seq(u->journal) < journal_next_seq(u->journal);
        if (!u->changes_due) {
            tags_mark_sent(u->tags);
        }
        return false;
    }
    u->changes_due = false;
    u->unsaved = false;
    if (tags_changed(u->tags, u->recorder->dict.n_tags)) {
        send_snapshot(u, TAGS_CHANGED);
        return true;
    }
    return false;
}

static bool send_one(struct uplink *u, struct moment now) {
    if (send_dict(u)) {
        return true;
    }
    bool readable = dict_is_sent(u);
    if (readable && u->snapshot_due && now.mono_us >= u->snapshot_mono_us) {
        u->snapshot_due = false;
        u->changes_due = false;
        u->snapshot_mono_us = now.mono_us + SNAPSHOT_PAUSE_US;
        send_snapshot(u, TAGS_ALL);
        return true;
    }
    if (send_live(u)) {
        return true;
    }
    if (readable && send_changes(u)) {
        return true;
    }
    struct journal_found found;
    return (is_in_order(u) || !live_record(u, &found)) && send_backlog(u, now);
}

void uplink_fill(struct uplink *u, struct moment now) {
    u->backlog_mono_us = MOMENT_NEVER;
    while (u->state == UPLINK_UP && u->out.n < UPLINK_OUT_HIGH && send_one(u, now)) {
    }
}

bool uplink_backlog_is_done(struct uplink *u) {
    struct journal_found found;
    return u->n_backlog_flights == 0 && !backlog_record(u, &found);
}
