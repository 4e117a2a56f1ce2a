#include "protocol/wire.h"
#include "server/base/check.h"
#include "server/base/crc32c.h"
#include "server/base/tm.h"
#include "server/base/utf8.h"
#include "server/link/sample_in.h"
#include "server/link/session_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* --- DATA to samples --- */

struct decoding {
    const struct link_limits *limits;
    const struct shelf_dict *d;
    struct gateway_health *health; /* to be told what the gateway says of itself; NULL: it is not of now */
    int64_t now_us;
    struct sample *v;
    uint32_t n;
    uint32_t seen;
    uint32_t unknown;
};

static uint8_t type_of(void *ctx, uint32_t alias) {
    const struct decoding *x = ctx;
    const struct dict_entry *e = dict_find(x->d->dict, alias, NULL);
    return e == NULL ? 0 : e->type;
}

static enum status on_sample(void *ctx, const struct link_sample *in, struct error *err) {
    struct decoding *x = ctx;
    bool raw = (in->type == VALUE_STRING || in->type == VALUE_BYTES) && (in->quality & QUALITY_NO_VALUE) == 0;
    if (raw && in->s.n > x->limits->value_bytes) {
        return error_set(err, ERR_TOO_BIG, "value", "alias %u: more than %u bytes", in->alias,
                         x->limits->value_bytes);
    }
    if (++x->seen > x->limits->frame_samples) {
        return error_set(err, ERR_TOO_BIG, "samples", "more than %u samples in a record",
                         x->limits->frame_samples);
    }
    uint32_t place = 0;
    const struct dict_entry *e = dict_find(x->d->dict, in->alias, &place);
    CHECK(e != NULL); /* type_of had it */
    uint32_t tag = x->d->tags[place];
    struct sample s = sample_in(in, e, tag);
    bool has_value = (s.quality & QUALITY_NO_VALUE) == 0;
    if (x->health != NULL && x->d->has_own) {
        gateway_health_take(x->health, e->name, has_value ? &s.value : NULL, s.t_us, x->now_us);
    }
    if (!shelf_is_tag(tag)) {
        x->unknown += tag != SHELF_OWN;
    } else {
        CHECK(x->n < LINK_SAMPLES_MAX);
        x->v[x->n++] = s;
    }
    return OK;
}

static uint16_t data_code(enum status status) {
    return status == ERR_NOT_FOUND     ? LINK_UNKNOWN_ALIAS
           : status == ERR_TOO_BIG     ? LINK_QUOTA
           : status == ERR_UNSUPPORTED ? LINK_UNSUPPORTED
                                       : LINK_BAD_RECORD;
}

/* Fills the shared room with the samples of a DATA record. On a fault *ret_code says which; ERR_NOMEM has
 * none. ret->health is the caller's: where to keep what the gateway says of itself, which may be told twice.
 */
static enum status decode_data(struct session *s, const struct msg_prefix *prefix, struct slice rest,
                               struct link_now now, struct decoding *ret, uint16_t *ret_code,
                               struct error *err) {
    struct shelf_dict *d = shelf_find(&s->shelf, (uint32_t)prefix->ep, prefix->dict);
    if (d == NULL) {
        *ret_code = LINK_UNKNOWN_DICT;
        return error_set(err, ERR_NOT_FOUND, "dict", "dictionary %llu is not known, or not whole",
                         (unsigned long long)prefix->dict);
    }
    struct shelf_left_out left_out;
    if (shelf_resolve(d, s->env->model, s->gateway, &left_out) != OK) {
        return ERR_NOMEM;
    }
    session_report_left_out(s, d, &left_out, now);
    *ret = (struct decoding){.limits = &s->env->limits.link,
                             .d = d,
                             .health = ret->health,
                             .now_us = now.wall_us,
                             .v = s->env->samples};
    enum status status = data_decode(rest, type_of, on_sample, ret, err);
    *ret_code = status == OK ? 0 : data_code(status);
    return status;
}

/* --- records --- */

struct flight *session_find_flight(const struct session *s, uint32_t ep, uint64_t seq) {
    for (uint32_t i = 0; i < s->n_flights; i++) {
        if (s->flights[i].seq == seq && s->flights[i].ep == ep) {
            return &s->flights[i];
        }
    }
    return NULL;
}

/* What of a record is worked out before it is handed over; nothing of the session is changed by that. */
struct judged {
    bool again; /* its number is committed: it is compared with what is stored, and has no effect */
    struct shelf_change change;
    bool has_change;
    struct decoding data;
    struct told_record told; /* of EVENT, CMD_RESULT and CFG_RESULT */
    uint16_t fault;
    struct error err;
};

static uint16_t dict_code(enum status status) {
    return status == ERR_TOO_BIG ? LINK_QUOTA : status == ERR_NOT_FOUND ? LINK_UNKNOWN_DICT : LINK_BAD_RECORD;
}

static bool is_backlog(const struct frame *f, const struct msg_prefix *prefix) {
    return (f->flags & FRAME_BACKLOG) != 0 || prefix->ep > 0;
}

static const struct event_lost *lost_of(const struct frame *f, const struct judged *j) {
    return f->type == MSG_EVENT && j->fault == 0 && j->told.has_lost ? &j->told.lost : NULL;
}

/* ERR_NOMEM or OK; a bad record is a fault, and OK. */
static enum status judge(struct session *s, const struct frame *f, const struct msg_prefix *prefix,
                         struct slice rest, struct link_now now, struct judged *ret) {
    enum status status = OK;
    *ret = (struct judged){0};
    if ((f->flags & FRAME_SNAPSHOT) != 0) {
        ret->fault = LINK_BAD_RECORD;
        (void)error_set(&ret->err, ERR_INVALID, "flags", "a journaled record cannot be a snapshot");
    } else if (f->type == MSG_DICT) {
        ret->has_change = true;
        s->shelf.tags_max = s->env->model->gateways[s->gateway].tags_max;
        status = shelf_read(&s->shelf, (uint32_t)prefix->ep, prefix->dict, rest, &ret->change, &ret->err);
        ret->fault = status == OK ? 0 : dict_code(status);
    } else if (f->type == MSG_DATA) {
        ret->data.health = is_backlog(f, prefix) ? NULL : &s->status.health;
        status = decode_data(s, prefix, rest, now, &ret->data, &ret->fault, &ret->err);
    } else if (msg_type_is_record(f->type)) {
        enum status told = told_read(f->type, rest, s->env->limits.link.text_bytes, &ret->told, &ret->err);
        ret->fault = told == OK ? 0 : told == ERR_TOO_BIG ? LINK_QUOTA : LINK_BAD_RECORD;
    } else {
        ret->fault = LINK_UNSUPPORTED;
        (void)error_set(&ret->err, ERR_UNSUPPORTED, "type", "this server does not know type 0x%02x", f->type);
    }
    return status == ERR_NOMEM ? ERR_NOMEM : OK;
}

/* Of one read, records would have the same moment. Where history takes it in place of a time that is not
 * believed, each sample needs one of its own, or the second of a tag would be taken for the first. */
static int64_t receipt_of(const struct session *s, struct link_now now) {
    return now.wall_us > s->receipt_us ? now.wall_us : s->receipt_us;
}

static enum status hand_over(struct session *s, const struct frame *f, const struct msg_prefix *prefix,
                             uint32_t crc, const struct judged *j, struct link_now now) {
    bool good = j->fault == 0;
    bool stepped = good && f->type == MSG_EVENT && j->told.has_step;
    struct unsynced unsynced =
        session_clock_unsynced(s, f, prefix, is_backlog(f, prefix) ? RATE_BACKLOG : RATE_LIVE);
    struct link_record r = {.gateway = s->gateway,
                            .gateway_key = s->gateway_key,
                            .epoch = s->epochs[prefix->ep].epoch,
                            .seq = prefix->seq,
                            .dict = prefix->dict,
                            .type = f->type,
                            .flags = f->flags,
                            .crc = crc,
                            .body = f->body,
                            .received_us = receipt_of(s, now),
                            .clock_error_us = s->status.clock_error_us,
                            .lane = is_backlog(f, prefix) ? LANE_BACKLOG : LANE_LIVE,
                            .samples = j->data.v,
                            .n_samples = good ? j->data.n : 0,
                            .fault = j->fault,
                            .fault_text = good ? "" : j->err.text,
                            .again = j->again,
                            .unknown_tags = good ? j->data.unknown : 0,
                            .unsynced = unsynced.is_so,
                            .unsynced_first = unsynced.first,
                            .stepped = stepped,
                            .step_us = stepped ? j->told.step_us : 0,
                            .step_t_us = stepped ? j->told.step_t_us : 0,
                            .lost = lost_of(f, j)};
    return s->env->host.record(s->env->host.ctx, &r);
}

static void accepted(struct session *s, const struct frame *f, const struct msg_prefix *prefix, uint32_t crc,
                     struct judged *j, struct link_now now) {
    CHECK(s->n_flights < s->env->limits.link.window_frames);
    s->flights[s->n_flights++] = (struct flight){.seq = prefix->seq,
                                                 .ep = (uint32_t)prefix->ep,
                                                 .bytes = (uint32_t)f->body.n,
                                                 .crc = crc,
                                                 .again = j->again};
    s->flight_bytes += (uint32_t)f->body.n;
    s->status.records++;
    s->receipt_us = receipt_of(s, now) + j->data.n;
    s->status.unknown_tags += j->fault == 0 ? j->data.unknown : 0;
    if (j->fault != 0) {
        session_report_fault(s, f, prefix, j->fault, &j->err, now);
    }
    if (j->has_change && shelf_accept(&s->shelf, &j->change) != OK) {
        session_bye(s, BYE_RETRY, SESSION_RETRY_MS, "the server is out of memory", now);
    }
    if (j->fault == 0 && j->change.unknown.n > 0) {
        session_report_unknown_types(s, prefix, &j->change.unknown, now);
    }
#ifdef PENSTOCK_MUTANTS
    if (s->env->limits.mutant_ack_before_commit) {
        (void)session_committed(s, s->epochs[prefix->ep].epoch, prefix->seq);
    }
#endif
}

/* What follows from a record that is in flight now. */
static void note(struct session *s, const struct frame *f, const struct msg_prefix *prefix,
                 const struct judged *j, struct link_now now) {
    bool backlog = is_backlog(f, prefix);
    const struct event_lost *lost = lost_of(f, j);
    if (lost != NULL) {
        session_note_gone(s, lost->epoch, lost->first, lost->end);
    }
    session_note_record(s, (uint32_t)prefix->ep, prefix->seq);
    session_clock_take(s, f, prefix, backlog ? RATE_BACKLOG : RATE_LIVE);
    if (backlog) {
        s->backlog_mono_us = now.mono_us;
    } else {
        session_note_live(s, j->data.v, j->fault == 0 ? j->data.n : 0);
    }
    session_take_samples(s, j->data.seen, backlog ? RATE_BACKLOG : RATE_LIVE, now);
    session_take_entries(s, j->change.n_entries, now);
}

/* --- all of it --- */

/* Too much at once, or too many holes to keep track of. */
static bool over_window(struct session *s, const struct frame *f, const struct msg_prefix *prefix, bool again,
                        const struct msg_error *about, struct link_now now) {
    const struct link_limits *limits = &s->env->limits.link;
    if (s->n_flights >= limits->window_frames || s->flight_bytes + f->body.n > limits->window_bytes) {
        session_fail(s, LINK_FLOW, about, now,
                     "more than %u records or %u bytes are not acknowledged: wait for ACK",
                     limits->window_frames, limits->window_bytes);
        return true;
    }
    if (!again && s->epochs[prefix->ep].committed.n + s->n_flights >= RANGES_MAX) {
        session_fail(s, LINK_FLOW, about, now, "more than %d holes in the sequence: send in order",
                     RANGES_MAX);
        return true;
    }
    return false;
}

/* False if not even its place in the journal can be told: then nobody could ever acknowledge it. */
static bool read_prefix(struct session *s, const struct frame *f, struct link_now now,
                        struct msg_prefix *ret_prefix, struct slice *ret_rest) {
    struct error err = {0};
    const struct msg_error about = {.ref_type = f->type};
    if (prefix_decode(f->body, true, ret_prefix, ret_rest, &err) != OK) {
        session_fail(s, LINK_BAD_FRAME, &about, now, "%s: %s: %s", msg_type_name(f->type), err.where,
                     err.text);
        return false;
    }
    if (ret_prefix->ep >= s->n_epochs) {
        session_fail(s, LINK_BAD_FRAME, &about, now, "%s: epoch index %llu; HELLO named %u",
                     msg_type_name(f->type), (unsigned long long)ret_prefix->ep, s->n_epochs);
        return false;
    }
    if (ret_prefix->seq >= LINK_SEQ_MAX) {
        session_fail(s, LINK_BAD_FRAME, &about, now, "%s: number %llu is beyond all that can be stored",
                     msg_type_name(f->type), (unsigned long long)ret_prefix->seq);
        return false;
    }
    return true;
}

/* Of what must be the same when a record is sent again, perhaps in another session: its type, and all that
 * stands behind its number. Its ep is its place in one HELLO only. */
static uint32_t record_crc(const struct frame *f, const struct msg_prefix *prefix, struct slice rest) {
    size_t n = varint_size(prefix->dict) + rest.n; /* varints have one form only */
    CHECK(n < f->body.n);
    uint32_t crc = crc32c(0, &f->type, sizeof f->type);
    return crc32c(crc, f->body.p + (f->body.n - n), n);
}

enum verdict session_on_record(struct session *s, const struct frame *f, struct link_now now) {
    struct msg_prefix prefix = {0};
    struct slice rest = {0};
    if (!read_prefix(s, f, now, &prefix, &rest)) {
        return VERDICT_NEXT;
    }
    const struct msg_error about = {.ref_type = f->type, .ep = prefix.ep, .seq = prefix.seq};
    uint32_t crc = record_crc(f, &prefix, rest);
    const struct flight *flight = session_find_flight(s, (uint32_t)prefix.ep, prefix.seq);
    if (flight != NULL) {
        return session_on_flying(s, flight, crc, now);
    }
    struct judged j = {.again = ranges_has(&s->epochs[prefix.ep].committed, prefix.seq)};
    if (over_window(s, f, &prefix, j.again, &about, now)) {
        return VERDICT_NEXT;
    }
    enum status status = j.again ? OK : judge(s, f, &prefix, rest, now, &j);
    if (status == OK) {
        status = hand_over(s, f, &prefix, crc, &j, now);
    }
    if (status == OK) {
        accepted(s, f, &prefix, crc, &j, now);
    }
    if (status == OK && j.again) {
        session_take_samples(s, 1, RATE_LIVE, now); /* to compare is work, too */
        return VERDICT_NEXT;
    }
    if (status == OK) {
        note(s, f, &prefix, &j, now);
        if (j.fault == 0) {
            session_on_told(s, f->type, &j.told, now);
        } else {
            session_take_quarantine(s, f->body.n, now);
        }
        return VERDICT_NEXT;
    }
    shelf_drop(&j.change);
    if (status == ERR_FULL) {
        return VERDICT_BLOCKED;
    }
    session_bye(s, BYE_RETRY, SESSION_RETRY_MS, "the server cannot take records now", now);
    return VERDICT_NEXT;
}

enum verdict session_on_snapshot(struct session *s, const struct frame *f, struct link_now now) {
    struct msg_prefix prefix = {0};
    struct slice rest = {0};
    struct error err = {0};
    if (prefix_decode(f->body, false, &prefix, &rest, &err) != OK) {
        const struct msg_error about = {.ref_type = f->type};
        session_fail(s, LINK_BAD_FRAME, &about, now, "snapshot: %s: %s", err.where, err.text);
        return VERDICT_NEXT;
    }
    prefix.ep = 0; /* a snapshot is of now, so of the present epoch */
    struct decoding data = {.health = &s->status.health};
    uint16_t code = 0;
    enum status status = decode_data(s, &prefix, rest, now, &data, &code, &err);
    if (status == ERR_NOMEM) {
        session_bye(s, BYE_RETRY, SESSION_RETRY_MS, "the server is out of memory", now);
    } else if (status != OK) {
        char text[SESSION_REASON_SIZE];
        (void)snprintf(text, sizeof text, "snapshot: %s: %s", err.where, err.text);
        text[utf8_valid_prefix(text, strlen(text))] = '\0';
        (void)snprintf(s->status.fault, sizeof s->status.fault, "%s", text);
        session_incident(s, "link.bad_snapshot", now, "%s: %s", link_code_name(code), text);
        session_complain(s, &(struct msg_error){.code = code, .ref_type = f->type, .text = slice_str(text)});
    } else {
        s->status.unknown_tags += data.unknown;
        s->env->host.snapshot(s->env->host.ctx, s->gateway, data.v, data.n, now.wall_us);
        session_note_live(s, data.v, data.n);
        session_take_samples(s, data.seen, RATE_LIVE, now);
    }
    return VERDICT_NEXT;
}

/* --- acknowledgements --- */

void session_ask_order(struct session *s, uint32_t ep) {
    if (s->asked_order || s->epochs[ep].committed.n < LINK_ACK_RANGES_MAX) {
        return;
    }
    s->asked_order = true;
    session_complain(s, &(struct msg_error){.code = LINK_FLOW,
                                            .ep = ep,
                                            .text = slice_str("many holes in the sequence: send in order, "
                                                              "the backlog before what is live")});
}

bool session_committed(struct session *s, uint64_t epoch, uint64_t seq) {
    if (s->state != SESSION_LIVE) {
        return false;
    }
    for (uint32_t ep = 0; ep < s->n_epochs; ep++) {
        struct flight *flight = s->epochs[ep].epoch == epoch ? session_find_flight(s, ep, seq) : NULL;
        if (flight == NULL) {
            continue;
        }
        bool again = flight->again;
        s->flight_bytes -= flight->bytes;
        *flight = s->flights[--s->n_flights];
        s->status.duplicates += again ? 1 : 0;
        if (again) {
            return ranges_mark(&s->epochs[ep].committed, seq);
        }
        /* over_window kept the room; without memory the gateway sends it again after a reconnection. */
        bool added = ranges_add(&s->epochs[ep].committed, seq, seq + 1) == OK;
        session_ask_order(s, ep);
        return added;
    }
    return false;
}

bool session_has_acks(const struct session *s) {
    bool any = false;
    for (uint32_t ep = 0; ep < s->n_epochs; ep++) {
        any = any || s->epochs[ep].committed.any_marked;
    }
    return any && s->state == SESSION_LIVE;
}

_Static_assert(10 + 2 + LINK_ACK_RANGES_MAX * 2 * 10 + 1 <= LINK_BODY_MAX_HELLO,
               "every gateway takes an ACK");

static void put_ack(struct session *s, const struct msg_ack *ack) {
    size_t mark = frame_begin(&s->out, MSG_ACK, 0);
    ack_encode(&s->out, ack);
    session_end_frame(s, mark);
}

void session_tell_store_state(struct session *s) {
    if (s->state == SESSION_LIVE) {
        put_ack(s, &(struct msg_ack){.state = s->env->store_state});
        s->env->owner.wake(s->env->owner.ctx, s);
    }
}

void session_send_acks(struct session *s) {
    for (uint32_t ep = 0; ep < s->n_epochs && s->state == SESSION_LIVE; ep++) {
        struct msg_ack ack = {.ep = ep, .state = s->env->store_state};
        while ((ack.n_ranges =
                    ranges_take_marked(&s->epochs[ep].committed, ack.ranges, LINK_ACK_RANGES_MAX)) > 0) {
            put_ack(s, &ack);
        }
    }
}
