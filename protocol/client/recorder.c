#include "protocol/client/recorder.h"

#include "protocol/frame.h"
#include "server/base/check.h"
#include "server/base/utf8.h"

void recorder_init(struct recorder *r, struct tags *tags, struct journal *journal, int64_t sync_us,
                   const struct recorder_host *host) {
    CHECK(host->new_epoch != NULL);
    *r = (struct recorder){.tags = tags,
                           .journal = journal,
                           .host = *host,
                           .sync_us = sync_us,
                           .gather_us = RECORDER_GATHER_US,
                           .synced_mono_us = INT64_MIN / 2};
}

/* ---- the dictionary ---- */

struct dict_writer {
    struct journal *journal;
    struct recorder_dict dict;
};

static enum status append_dict_part(void *ctx, struct slice body, struct error *err) {
    struct dict_writer *w = ctx;
    uint64_t seq = 0;
    struct segment_entry e = {.type = MSG_DICT, .dict = w->dict.id, .body = body};
    enum status st = journal_append(w->journal, &e, &seq, err);
    if (st == OK) {
        w->dict.end = seq + 1;
    }
    return st;
}

static bool dict_is_current(const struct recorder *r) {
    return r->dict.id != 0 && r->dict.epoch == journal_epoch(r->journal) &&
           r->dict.n_tags == tags_count(r->tags) && journal_next_seq(r->journal) < RECORDER_SEQ_MAX;
}

/* A dictionary that could not be written whole leaves its id unused; the one before stays in force. */
static enum status record_dict(struct recorder *r, struct error *err) {
    bool full = (r->n_dicts_epoch == journal_epoch(r->journal) && r->n_dicts >= LINK_DICTS_MAX) ||
                journal_next_seq(r->journal) >= RECORDER_SEQ_MAX;
    enum status st = journal_seal(r->journal, err);
    if (st == OK && full) {
        st = journal_new_epoch(r->journal, r->host.new_epoch(r->host.ctx), err);
    }
    if (st != OK) {
        return st;
    }
    if (r->n_dicts_epoch != journal_epoch(r->journal)) {
        r->n_dicts_epoch = journal_epoch(r->journal);
        r->n_dicts = 0;
    }
    r->n_dicts++;
    uint64_t first = journal_next_seq(r->journal);
    struct dict_writer w = {.journal = r->journal,
                            .dict = {.id = ++r->dict_ids,
                                     .epoch = r->n_dicts_epoch,
                                     .first = first,
                                     .end = first,
                                     .n_tags = tags_count(r->tags)}};
    st = tags_dict(r->tags, append_dict_part, &w, err);
    if (st == OK) {
        r->dict = w.dict;
    }
    return st;
}

/* ---- samples ---- */

struct sample_writer {
    struct recorder *recorder;
    struct buf body;
    bool can_write; /* the dictionary is there */
    struct moment now;
    enum status status;
    struct error error;
};

static uint16_t flags_of(const struct recorder *r) {
    return r->clock_unsure ? FRAME_CLOCK_UNSYNCED : 0;
}

static void find_span(const struct link_sample *v, uint32_t n, int64_t *ret_from_us, int64_t *ret_to_us) {
    *ret_from_us = v[0].t_us;
    *ret_to_us = v[0].t_us;
    for (uint32_t i = 1; i < n; i++) {
        *ret_from_us = v[i].t_us < *ret_from_us ? v[i].t_us : *ret_from_us;
        *ret_to_us = v[i].t_us > *ret_to_us ? v[i].t_us : *ret_to_us;
    }
}

static void count_lost(struct recorder *r, const struct link_sample *v, uint32_t n) {
    struct recorder_untold *u = &r->untold;
    int64_t from_us = 0;
    int64_t to_us = 0;
    find_span(v, n, &from_us, &to_us);
    u->from_us = u->samples == 0 || from_us < u->from_us ? from_us : u->from_us;
    u->to_us = u->samples == 0 || to_us > u->to_us ? to_us : u->to_us;
    u->samples += n;
    r->lost += n;
}

static void tell_record(const struct recorder *r, const struct link_sample *v, uint32_t n) {
    if (r->host.on_record != NULL) {
        r->host.on_record(r->host.ctx, journal_epoch(r->journal), journal_next_seq(r->journal), v, n);
    }
}

/* *ret_held is false if they are to be written as a record. */
static enum status hold_samples(struct sample_writer *w, const struct link_sample *v, uint32_t n,
                                bool *ret_held, struct error *err) {
    struct recorder *r = w->recorder;
    const struct gather_head head = {.dict = r->dict.id, .flags = flags_of(r)};
    enum status st = journal_ready(r->journal, &head, v, n, ret_held, err);
    if (st != OK || !*ret_held) {
        return st;
    }
    if (!journal_holds(r->journal)) {
        r->gathering_mono_us = w->now.mono_us;
    }
    tell_record(r, v, n);
    return journal_hold(r->journal, &head, v, n, err);
}

static enum status write_samples(struct sample_writer *w, const struct link_sample *v, uint32_t n,
                                 struct error *err) {
    struct recorder *r = w->recorder;
    buf_clear(&w->body);
    data_encode(&w->body, v, n);
    enum status st = buf_status(&w->body, err);
    if (st == OK) {
        st = journal_seal(r->journal, err); /* it takes the next number */
    }
    if (st != OK) {
        return st;
    }
    tell_record(r, v, n);
    struct segment_entry e = {.type = MSG_DATA,
                              .flags = flags_of(r),
                              .dict = r->dict.id,
                              .samples = n,
                              .body = buf_slice(&w->body)};
    find_span(v, n, &e.t_us, &e.t_last_us);
    uint64_t seq = 0;
    return journal_append(r->journal, &e, &seq, err);
}

/* Goes on after a failure: what fits later is kept, what does not is counted. */
static enum status on_samples(void *ctx, const struct link_sample *v, uint32_t n, struct error *err) {
    (void)err;
    struct sample_writer *w = ctx;
    struct error failure = {0};
    bool held = false;
    enum status st = w->can_write ? OK : ERR_IO;
    if (st == OK && w->recorder->gathers) {
        st = hold_samples(w, v, n, &held, &failure);
    }
    if (st == OK && !held) {
        st = write_samples(w, v, n, &failure);
    }
    if (st != OK) {
        count_lost(w->recorder, v, n);
    }
    if (st != OK && w->status == OK) {
        w->status = st;
        w->error = failure;
    }
    return OK;
}

/* ---- other records ---- */

enum status recorder_append(struct recorder *r, enum msg_type type, struct slice body, struct error *err) {
    uint64_t seq = 0;
    struct segment_entry e = {.type = (uint8_t)type, .flags = flags_of(r), .body = body};
    return journal_append(r->journal, &e, &seq, err);
}

enum status recorder_event(struct recorder *r, const struct msg_event *event, struct error *err) {
    if (event->path.n > LINK_NAME_MAX || event->text.n > LINK_TEXT_MAX) {
        return error_set(err, ERR_TOO_BIG, "event", "a path has at most %d bytes, a text %d", LINK_NAME_MAX,
                         LINK_TEXT_MAX);
    }
    if (!utf8_is_text(event->path) || !utf8_is_text(event->text) || event->t_us < LINK_TIME_MIN_US ||
        event->t_us > LINK_TIME_MAX_US || event->severity > EVENT_TROUBLE) {
        return error_set(err, ERR_INVALID, "event",
                         "its texts are UTF-8, its time is in the years 1 to 9999");
    }
    struct buf body;
    buf_init(&body, LINK_BODY_MAX_HELLO);
    event_encode(&body, event);
    enum status st = buf_status(&body, err);
    if (st == OK) {
        st = recorder_append(r, MSG_EVENT, buf_slice(&body), err);
    }
    buf_done(&body);
    return st;
}

/* ---- flush and sync ---- */

enum status recorder_refile(struct recorder *r, uint64_t epoch, uint64_t from_seq, struct error *err) {
    bool was_present = epoch == journal_epoch(r->journal);
    enum status st = journal_refile(r->journal, epoch, from_seq, r->host.new_epoch(r->host.ctx), err);
    if (st == OK && was_present) {
        r->dict = (struct recorder_dict){0}; /* written anew at the next flush, under its new place */
    }
    return st;
}

enum status recorder_recall(struct recorder *r, struct error *err) {
    enum status st = journal_recall(r->journal, r->host.new_epoch(r->host.ctx), err);
    if (st == OK) {
        r->dict = (struct recorder_dict){0};
    }
    return st;
}

static enum status mend(struct recorder *r, struct moment now, struct error *err) {
    if (!journal_is_broken(r->journal)) {
        return OK;
    }
    if (now.mono_us < r->retry_mono_us) {
        return error_set(err, ERR_IO, "journal",
                         "the journal is not written to since it could not be made durable");
    }
    r->retry_mono_us = now.mono_us + RECORDER_RETRY_US;
    return recorder_refile(r, journal_epoch(r->journal), journal_durable_seq(r->journal), err);
}

/* Tombstones for what was lost. */
static enum status tell_losses(struct recorder *r, struct moment now, struct error *err) {
    struct recorder_untold *u = &r->untold;
    enum status st = u->samples > 0 ? journal_lost(r->journal, u->samples, u->from_us, u->to_us, err) : OK;
    if (st == OK) {
        *u = (struct recorder_untold){0};
        st = journal_tell(r->journal, now.wall_us, err);
    }
    return st;
}

/* True when what gathers is to become a record. */
static bool is_enough(const struct recorder *r, struct moment now) {
    return !r->gathers || now.mono_us - r->gathering_mono_us >= r->gather_us;
}

enum status recorder_flush(struct recorder *r, struct moment now, struct error *err) {
    enum status st = mend(r, now, err);
    if (st == OK && is_enough(r, now)) {
        st = journal_seal(r->journal, err);
    }
    if (st == OK && !dict_is_current(r)) {
        st = record_dict(r, err);
    }
    struct sample_writer w = {.recorder = r, .can_write = st == OK, .now = now};
    buf_init(&w.body, LINK_BODY_MAX_HARD);
    enum status taken = tags_take(r->tags, on_samples, &w, st == OK ? err : NULL);
    buf_done(&w.body);
    if (st == OK && w.status != OK) {
        st = w.status;
        if (err != NULL) {
            *err = w.error;
        }
    }
    if (st == OK) {
        st = taken;
    }
    return st == OK ? tell_losses(r, now, err) : st;
}

int64_t recorder_next_mono_us(const struct recorder *r) {
    return journal_is_durable(r->journal) || journal_is_broken(r->journal) ? MOMENT_NEVER
                                                                           : r->synced_mono_us + r->sync_us;
}

enum status recorder_settle(struct recorder *r, struct moment now, struct error *err) {
    enum status st = journal_seal(r->journal, err);
    if (st == OK && !journal_is_durable(r->journal)) {
        r->synced_mono_us = now.mono_us;
        st = journal_sync(r->journal, err);
    }
    return st;
}

enum status recorder_sync(struct recorder *r, struct moment now, struct error *err) {
    if (now.mono_us < recorder_next_mono_us(r)) {
        return OK;
    }
    r->synced_mono_us = now.mono_us;
    return journal_sync(r->journal, err);
}
