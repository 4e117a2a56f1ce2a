/* Replays protocol/vectors (or the folder VECTORS): each .hex file is a stream of frames (one gateway, one
 * session), and the .txt file beside it what they mean, or why they are refused. UPDATE=1 writes the .txt
 * files anew: read the difference. */
#include "protocol/cert_msg.h"
#include "protocol/command_msg.h"
#include "protocol/config_msg.h"
#include "protocol/dict.h"
#include "protocol/enrol.h"
#include "protocol/event_msg.h"
#include "protocol/frame.h"
#include "server/base/tm.h"
#include "tests/unit/wire/codec.h"

#include <dirent.h>

enum { FILE_MAX = 1 << 20, DICTS_MAX = 64, PATH_SIZE = 400 };

/* A dictionary of an epoch: in parts, and usable when the last is there and none was bad. */
struct kept_dict {
    uint64_t ep;
    uint64_t id;
    struct dict *dict;
    bool whole;
    bool broken;
};

struct replay {
    struct buf out;
    struct buf again; /* the frame's body, encoded anew */
    struct kept_dict dicts[DICTS_MAX];
    uint32_t n_dicts;
    const struct dict *present; /* of the DATA that is being read */
    struct link_sample samples[LINK_SAMPLES_MAX];
    uint32_t n_samples;
    struct dict_entry entries[LINK_TAGS_MAX];
    uint32_t n_entries;
    bool refused;
};

/* --- one message each: its meaning as text, and its body anew */

static enum status hello(struct replay *p, struct slice body, struct error *err) {
    struct msg_hello m;
    enum status status = hello_decode(body, &m, err);
    if (status != OK) {
        return status;
    }
    buf_printf(&p->out, "  versions %u to %u, gateway \"%.*s\", software \"%.*s\"\n", m.version_min,
               m.version_max, SLICE_ARG(m.gateway), SLICE_ARG(m.software));
    for (uint32_t i = 0; i < m.n_epochs; i++) {
        buf_printf(&p->out, "  epoch %016llx: oldest unacknowledged %llu, next %llu\n",
                   (unsigned long long)m.epochs[i].epoch, (unsigned long long)m.epochs[i].oldest_unacked,
                   (unsigned long long)m.epochs[i].next_seq);
    }
    buf_printf(&p->out, "  now %lld, clock source %u, error %llu us, caps %llx, takes %u bytes\n",
               (long long)m.now_us, m.clock_source, (unsigned long long)m.clock_error_us,
               (unsigned long long)m.caps, m.max_rx_frame);
    buf_printf(&p->out, "  journal %llu of %llu bytes, oldest sample %lld, dropped %llu\n",
               (unsigned long long)m.journal_bytes, (unsigned long long)m.journal_capacity,
               (long long)m.oldest_sample_us, (unsigned long long)m.dropped_total);
    if (m.config_version != 0) {
        buf_printf(&p->out, "  has configuration %llu\n", (unsigned long long)m.config_version);
    }
    hello_encode(&p->again, &m);
    return OK;
}

static void print_ranges(struct buf *out, const struct seq_range *v, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        buf_printf(out, " [%llu, %llu)", (unsigned long long)v[i].first, (unsigned long long)v[i].end);
    }
    buf_text(out, n == 0 ? " nothing\n" : "\n");
}

static enum status welcome(struct replay *p, struct slice body, struct error *err) {
    struct msg_welcome m;
    enum status status = welcome_decode(body, &m, err);
    if (status != OK) {
        return status;
    }
    buf_printf(&p->out, "  version %u, session %llu, now %lld, server state %u\n", m.version,
               (unsigned long long)m.session, (long long)m.now_us, m.state);
    for (uint32_t i = 0; i < m.n_epochs; i++) {
        buf_printf(&p->out, "  epoch %016llx: committed", (unsigned long long)m.epochs[i].epoch);
        print_ranges(&p->out, m.epochs[i].ranges, m.epochs[i].n_ranges);
    }
    buf_printf(&p->out, "  window %u bytes %u frames, backlog %u bytes/s, takes %u bytes\n", m.window_bytes,
               m.window_frames, m.backlog_rate, m.max_frame);
    buf_printf(&p->out, "  heartbeat %u ms, dead after %u ms\n", m.heartbeat_ms, m.dead_ms);
    if (m.caps != 0 || m.commands_allowed || m.config_version != 0) {
        buf_printf(&p->out, "  caps %llx, commands %s, wants configuration %llu\n",
                   (unsigned long long)m.caps, m.commands_allowed ? "allowed" : "not allowed",
                   (unsigned long long)m.config_version);
    }
    welcome_encode(&p->again, &m);
    return OK;
}

static enum status error(struct replay *p, struct slice body, struct error *err) {
    struct msg_error m;
    enum status status = error_decode(body, &m, err);
    if (status == OK) {
        buf_printf(&p->out, "  code %u (%s), %s, about type %s, ep %llu, seq %llu: \"%.*s\"\n", m.code,
                   link_code_name(m.code), m.fatal ? "fatal" : "not fatal", msg_type_name(m.ref_type),
                   (unsigned long long)m.ep, (unsigned long long)m.seq, SLICE_ARG(m.text));
        error_encode(&p->again, &m);
    }
    return status;
}

static enum status bye(struct replay *p, struct slice body, struct error *err) {
    struct msg_bye m;
    enum status status = bye_decode(body, &m, err);
    if (status == OK) {
        buf_printf(&p->out, "  reason %u, come again after %u ms: \"%.*s\"\n", m.reason, m.reconnect_after_ms,
                   SLICE_ARG(m.text));
        bye_encode(&p->again, &m);
    }
    return status;
}

static enum status ping(struct replay *p, struct slice body, struct error *err) {
    struct msg_ping m;
    enum status status = ping_decode(body, &m, err);
    if (status == OK) {
        buf_printf(&p->out, "  id %llu, t0 %lld\n", (unsigned long long)m.id, (long long)m.t0_us);
        ping_encode(&p->again, &m);
    }
    return status;
}

static enum status pong(struct replay *p, struct slice body, struct error *err) {
    struct msg_pong m;
    enum status status = pong_decode(body, &m, err);
    if (status == OK) {
        buf_printf(&p->out, "  id %llu, t0 %lld, t1 %lld, t2 %lld, server state %u, commit lag %llu ms\n",
                   (unsigned long long)m.id, (long long)m.t0_us, (long long)m.t1_us, (long long)m.t2_us,
                   m.state, (unsigned long long)m.commit_lag_ms);
        pong_encode(&p->again, &m);
    }
    return status;
}

static enum status window(struct replay *p, struct slice body, struct error *err) {
    struct msg_window m;
    enum status status = window_decode(body, &m, err);
    if (status == OK) {
        buf_printf(&p->out, "  %u bytes, %u frames, backlog %u bytes/s\n", m.bytes, m.frames, m.backlog_rate);
        window_encode(&p->again, &m);
    }
    return status;
}

static enum status ack(struct replay *p, struct slice body, struct error *err) {
    struct msg_ack m;
    enum status status = ack_decode(body, &m, err);
    if (status == OK) {
        buf_printf(&p->out, "  ep %llu, server state %u, committed", (unsigned long long)m.ep, m.state);
        print_ranges(&p->out, m.ranges, m.n_ranges);
        ack_encode(&p->again, &m);
    }
    return status;
}

static void print_hex(struct buf *out, const void *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%02x", ((const uint8_t *)bytes)[i]);
    }
}

static void print_time(struct buf *out, int64_t t_us) {
    char t[TM_TEXT_SIZE];
    assert_int_equal(tm_format(t_us, t), OK);
    buf_text(out, t);
}

static void print_typed(struct buf *out, const struct link_value *v) {
    buf_printf(out, "%s (%u)", v->type == 0 ? "none" : value_type_name(v->type), v->type);
    switch (v->type) {
    case 0:
        break;
    case VALUE_UINT:
        buf_printf(out, " %llu", (unsigned long long)v->u);
        break;
    case VALUE_F32:
    case VALUE_F64:
        buf_printf(out, " %.17g", v->f);
        break;
    case VALUE_STRING:
        buf_printf(out, " \"%.*s\"", SLICE_ARG(v->s));
        break;
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_SCALED:
    case VALUE_ENUM:
        buf_printf(out, " %lld", (long long)v->i);
        break;
    default:
        buf_text(out, " ");
        print_hex(out, v->s.p, v->s.n);
        break;
    }
}

static enum status command(struct replay *p, struct slice body, struct error *err) {
    struct msg_command m;
    enum status status = command_decode(body, &m, err);
    if (status != OK) {
        return status;
    }
    buf_printf(&p->out, "  %s (%u), id ", command_op_name(m.op), m.op);
    print_hex(&p->out, m.id.bytes, sizeof m.id.bytes);
    buf_printf(&p->out, ", session %llu, dict %llu, alias %u, name crc %08x\n", (unsigned long long)m.session,
               (unsigned long long)m.dict, m.alias, m.name_crc);
    buf_text(&p->out, "  value ");
    print_typed(&p->out, &m.value);
    buf_text(&p->out, "\n  issued ");
    print_time(&p->out, m.issued_us);
    buf_printf(&p->out, ", lives %u ms, flags %02x\n", m.ttl_ms, m.flags);
    if ((m.flags & COMMAND_EXPECTS) != 0) {
        buf_text(&p->out, "  expects ");
        print_typed(&p->out, &m.expected);
        buf_printf(&p->out, " within %.17g\n", m.tolerance);
    }
    buf_printf(&p->out, "  operator \"%.*s\", reason \"%.*s\"\n", SLICE_ARG(m.operator_name),
               SLICE_ARG(m.reason));
    command_encode(&p->again, &m);
    return OK;
}

static enum status command_ack(struct replay *p, struct slice body, struct error *err) {
    struct msg_command_ack m;
    enum status status = command_ack_decode(body, &m, err);
    if (status == OK) {
        buf_text(&p->out, "  id ");
        print_hex(&p->out, m.id.bytes, sizeof m.id.bytes);
        buf_printf(&p->out, ", %s (%u), %s, reason %s (%u), \"%.*s\"\n", command_op_name(m.op), m.op,
                   m.status == COMMAND_RECEIVED ? "received" : "rejected", command_reason_name(m.reason),
                   m.reason, SLICE_ARG(m.text));
        command_ack_encode(&p->again, &m);
    }
    return status;
}

static enum status config_offer(struct replay *p, struct slice body, struct error *err) {
    struct msg_config_offer m;
    enum status status = config_offer_decode(body, &m, err);
    if (status == OK) {
        buf_printf(&p->out, "  version %llu, %u bytes, sha-256 ", (unsigned long long)m.version, m.size);
        print_hex(&p->out, m.sha256, sizeof m.sha256);
        buf_printf(&p->out, ", \"%.*s\"\n", SLICE_ARG(m.text));
        config_offer_encode(&p->again, &m);
    }
    return status;
}

static enum status config_get(struct replay *p, struct slice body, struct error *err) {
    struct msg_config_get m;
    enum status status = config_get_decode(body, &m, err);
    if (status == OK) {
        buf_printf(&p->out, "  version %llu, %u bytes from %u\n", (unsigned long long)m.version, m.length,
                   m.offset);
        config_get_encode(&p->again, &m);
    }
    return status;
}

static enum status config_chunk(struct replay *p, struct slice body, struct error *err) {
    struct msg_config_chunk m;
    enum status status = config_chunk_decode(body, &m, err);
    if (status == OK) {
        buf_printf(&p->out, "  version %llu, %zu bytes from %u: ", (unsigned long long)m.version, m.bytes.n,
                   m.offset);
        print_hex(&p->out, m.bytes.p, m.bytes.n);
        buf_text(&p->out, "\n");
        config_chunk_encode(&p->again, &m);
    }
    return status;
}

static enum status cert_request(struct replay *p, struct slice body, struct error *err) {
    struct msg_cert_request m;
    enum status status = cert_request_decode(body, &m, err);
    if (status == OK) {
        buf_text(&p->out, "  request ");
        print_hex(&p->out, m.request.p, m.request.n);
        buf_text(&p->out, "\n");
        cert_request_encode(&p->again, &m);
    }
    return status;
}

static enum status cert_issued(struct replay *p, struct slice body, struct error *err) {
    struct msg_cert_issued m;
    enum status status = cert_issued_decode(body, &m, err);
    if (status == OK) {
        buf_printf(&p->out, "  %s, \"%.*s\", chain ", m.status == CERT_ISSUED ? "issued" : "not issued",
                   SLICE_ARG(m.text));
        print_hex(&p->out, m.chain.p, m.chain.n);
        buf_text(&p->out, "\n");
        cert_issued_encode(&p->again, &m);
    }
    return status;
}

static enum status enrol(struct replay *p, struct slice body, struct error *err) {
    struct msg_enrol m;
    enum status status = enrol_decode(body, &m, err);
    if (status == OK) {
        buf_printf(&p->out, "  gateway \"%.*s\", secret ", SLICE_ARG(m.name));
        print_hex(&p->out, m.secret.p, m.secret.n);
        buf_text(&p->out, ", request ");
        print_hex(&p->out, m.request.p, m.request.n);
        buf_text(&p->out, "\n");
        enrol_encode(&p->again, &m);
    }
    return status;
}

/* --- records */

static struct kept_dict *find_dict(struct replay *p, uint64_t ep, uint64_t id) {
    for (uint32_t i = 0; i < p->n_dicts; i++) {
        if (p->dicts[i].ep == ep && p->dicts[i].id == id) {
            return &p->dicts[i];
        }
    }
    return NULL;
}

static const struct dict *usable_dict(struct replay *p, uint64_t ep, uint64_t id) {
    const struct kept_dict *kept = find_dict(p, ep, id);
    return kept != NULL && kept->whole ? kept->dict : NULL;
}

/* The dictionary that a DICT defines or goes on with. */
static enum status dict_for(struct replay *p, struct kept_dict *kept, uint64_t base, struct error *err) {
    const struct dict *from = usable_dict(p, kept->ep, base);
    if (kept->id == 0 || kept->whole || kept->broken) {
        return error_set(err, ERR_INVALID, "dict", "%s",
                         kept->id == 0 ? "0 is no dictionary's id"
                         : kept->whole ? "is there already"
                                       : "an earlier part was bad");
    }
    if (kept->dict != NULL) {
        return OK;
    }
    if (base != 0 && from == NULL) {
        return error_set(err, ERR_NOT_FOUND, "base", "dictionary %llu is not there",
                         (unsigned long long)base);
    }
    return from == NULL ? dict_new(kept->id, &kept->dict, err) : dict_copy(from, kept->id, &kept->dict, err);
}

static enum status print_entry(void *ctx, const struct dict_entry *e, struct error *err) {
    (void)err;
    struct replay *p = ctx;
    assert_in_range(p->n_entries, 0, COUNT(p->entries) - 1);
    p->entries[p->n_entries++] = *e;
    if (e->removed) {
        buf_printf(&p->out, "  alias %u removed\n", e->alias);
        return OK;
    }
    buf_printf(&p->out, "  alias %u: \"%.*s\", %s (%u), flags %02x, unit \"%.*s\"", e->alias,
               SLICE_ARG(e->name), value_type_name(e->type), e->type, e->flags, SLICE_ARG(e->unit));
    if (e->type == VALUE_SCALED) {
        buf_printf(&p->out, ", scale %g, offset %g", e->scale, e->offset);
    }
    if (e->has_range) {
        buf_printf(&p->out, ", range %g to %g", e->low, e->high);
    }
    if (e->description.n > 0) {
        buf_printf(&p->out, ", \"%.*s\"", SLICE_ARG(e->description));
    }
    buf_text(&p->out, "\n");
    return OK;
}

static enum status dict_part(struct replay *p, struct kept_dict *kept, struct slice rest, struct error *err) {
    struct dict_head head = {0};
    enum status status = dict_decode(rest, &head, print_entry, p, err);
    if (status != OK) {
        return status;
    }
    buf_printf(&p->out, "  base %llu, %llu entries, %s\n", (unsigned long long)head.base,
               (unsigned long long)head.n, head.more ? "more parts follow" : "complete");
    dict_encode(&p->again, head.base, head.more, p->entries, p->n_entries);
    status = dict_for(p, kept, head.base, err);
    bool more = false;
    if (status == OK) {
        status = dict_apply(kept->dict, rest, &more, err);
    }
    kept->whole = kept->whole || (status == OK && !more);
    return status;
}

static enum status dict(struct replay *p, const struct msg_prefix *prefix, struct slice rest,
                        struct error *err) {
    struct kept_dict *kept = find_dict(p, prefix->ep, prefix->dict);
    if (kept == NULL) {
        assert_in_range(p->n_dicts, 0, DICTS_MAX - 1);
        kept = &p->dicts[p->n_dicts++];
        *kept = (struct kept_dict){.ep = prefix->ep, .id = prefix->dict};
    }
    enum status status = dict_part(p, kept, rest, err);
    kept->broken = kept->broken || (status != OK && !kept->whole);
    return status;
}

static uint8_t type_of(void *ctx, uint32_t alias) {
    const struct replay *p = ctx;
    const struct dict_entry *e = p->present == NULL ? NULL : dict_find(p->present, alias, NULL);
    return e == NULL ? 0 : e->type;
}

static void print_value(struct buf *out, const struct link_sample *s, const struct dict_entry *e) {
    double number = 0;
    if ((s->quality & LINK_QUALITY_NO_VALUE) != 0) {
        buf_text(out, "none");
    } else if (s->type == VALUE_STRING) {
        buf_printf(out, "\"%.*s\"", SLICE_ARG(s->s));
    } else if (s->type == VALUE_BYTES) {
        print_hex(out, s->s.p, s->s.n);
    } else if (s->type == VALUE_UINT) {
        buf_printf(out, "%llu", (unsigned long long)s->u);
    } else if (s->type == VALUE_F32 || s->type == VALUE_F64) {
        buf_printf(out, "%.17g", s->f);
    } else {
        buf_printf(out, "%lld", (long long)s->i);
    }
    if (s->type == VALUE_SCALED && link_sample_number(s, e, &number)) {
        buf_printf(out, " = %g", number);
    }
}

static enum status print_sample(void *ctx, const struct link_sample *s, struct error *err) {
    (void)err;
    struct replay *p = ctx;
    assert_in_range(p->n_samples, 0, COUNT(p->samples) - 1);
    p->samples[p->n_samples++] = *s;
    buf_printf(&p->out, "  alias %u, ", s->alias);
    print_time(&p->out, s->t_us);
    buf_printf(&p->out, ", quality %02x, %s ", s->quality, value_type_name(s->type));
    print_value(&p->out, s, dict_find(p->present, s->alias, NULL));
    buf_text(&p->out, "\n");
    return OK;
}

static enum status data(struct replay *p, const struct msg_prefix *prefix, struct slice rest,
                        struct error *err) {
    p->present = usable_dict(p, prefix->ep, prefix->dict);
    enum status status = data_decode(rest, type_of, print_sample, p, err);
    if (status == OK) {
        data_encode(&p->again, p->samples, p->n_samples);
    }
    return status;
}

static enum status event(struct replay *p, struct slice rest, struct error *err) {
    struct msg_event m;
    enum status status = event_decode(rest, &m, err);
    if (status != OK) {
        return status;
    }
    buf_printf(&p->out, "  code %u (%s), severity %u, ", m.code, event_code_name(m.code), m.severity);
    print_time(&p->out, m.t_us);
    buf_printf(&p->out, ", path \"%.*s\", \"%.*s\"\n", SLICE_ARG(m.path), SLICE_ARG(m.text));
    if (m.code == EVENT_CLOCK_STEPPED) {
        buf_printf(&p->out, "  step %lld us\n", (long long)m.step_us);
    }
    if (m.code == EVENT_SAMPLES_LOST) {
        buf_printf(&p->out, "  lost of epoch %016llx: [%llu, %llu), %llu samples, ",
                   (unsigned long long)m.lost.epoch, (unsigned long long)m.lost.first,
                   (unsigned long long)m.lost.end, (unsigned long long)m.lost.samples);
        print_time(&p->out, m.lost.from_us);
        buf_text(&p->out, " to ");
        print_time(&p->out, m.lost.to_us);
        buf_text(&p->out, "\n");
    }
    event_encode(&p->again, &m);
    return OK;
}

static enum status command_result(struct replay *p, struct slice rest, struct error *err) {
    struct msg_command_result m;
    enum status status = command_result_decode(rest, &m, err);
    if (status != OK) {
        return status;
    }
    buf_text(&p->out, "  id ");
    print_hex(&p->out, m.id.bytes, sizeof m.id.bytes);
    buf_printf(&p->out, ", %s (%u), reason %s (%u), ", command_stage_name(m.stage), m.stage,
               command_reason_name(m.reason), m.reason);
    print_time(&p->out, m.t_us);
    buf_text(&p->out, "\n  read back ");
    print_typed(&p->out, &m.value);
    buf_printf(&p->out, ", \"%.*s\"\n", SLICE_ARG(m.text));
    command_result_encode(&p->again, &m);
    return OK;
}

static enum status config_result(struct replay *p, struct slice rest, struct error *err) {
    struct msg_config_result m;
    enum status status = config_result_decode(rest, &m, err);
    if (status == OK) {
        buf_printf(&p->out, "  version %llu, outcome %u, ", (unsigned long long)m.version, m.outcome);
        print_time(&p->out, m.t_us);
        buf_printf(&p->out, ", \"%.*s\"\n", SLICE_ARG(m.text));
        config_result_encode(&p->again, &m);
    }
    return status;
}

static enum status record(struct replay *p, const struct frame *f, struct error *err) {
    bool journaled = (f->flags & FRAME_JOURNALED) != 0;
    struct msg_prefix prefix = {0};
    struct slice rest = {0};
    enum status status = prefix_decode(f->body, journaled, &prefix, &rest, err);
    if (status != OK) {
        return status;
    }
    if (journaled) {
        buf_printf(&p->out, "  ep %llu, seq %llu,", (unsigned long long)prefix.ep,
                   (unsigned long long)prefix.seq);
    } else {
        buf_text(&p->out, " ");
    }
    buf_printf(&p->out, " dict %llu\n", (unsigned long long)prefix.dict);
    prefix_encode(&p->again, journaled, &prefix);
    switch (f->type) {
    case MSG_DICT:
        return dict(p, &prefix, rest, err);
    case MSG_DATA:
        return data(p, &prefix, rest, err);
    case MSG_EVENT:
        return event(p, rest, err);
    case MSG_CMD_RESULT:
        return command_result(p, rest, err);
    case MSG_CFG_RESULT:
        return config_result(p, rest, err);
    default:
        buf_append(&p->again, rest.p, rest.n);
        return OK;
    }
}

/* J is on records and on nothing else that is known; a DATA without it is a snapshot. */
static enum status check_flags(const struct frame *f, struct error *err) {
    bool journaled = (f->flags & FRAME_JOURNALED) != 0;
    bool snapshot = f->type == MSG_DATA && (f->flags & FRAME_SNAPSHOT) != 0;
    bool wanted = msg_type_is_record(f->type) && !snapshot;
    bool known = msg_type_sender(f->type) != MSG_BY_UNKNOWN;
    return known && journaled != wanted
               ? error_set(err, ERR_INVALID, "flags", "J does not go with it, or is missing")
               : OK;
}

static enum status message(struct replay *p, const struct frame *f, struct error *err) {
    switch ((enum msg_type)f->type) {
    case MSG_HELLO:
        return hello(p, f->body, err);
    case MSG_WELCOME:
        return welcome(p, f->body, err);
    case MSG_ERROR:
        return error(p, f->body, err);
    case MSG_BYE:
        return bye(p, f->body, err);
    case MSG_PING:
        return ping(p, f->body, err);
    case MSG_PONG:
        return pong(p, f->body, err);
    case MSG_WINDOW:
        return window(p, f->body, err);
    case MSG_ACK:
        return ack(p, f->body, err);
    case MSG_DICT:
    case MSG_DATA:
    case MSG_EVENT:
    case MSG_CMD_RESULT:
    case MSG_CFG_RESULT:
        return record(p, f, err);
    case MSG_CMD:
        return command(p, f->body, err);
    case MSG_CMD_ACK:
        return command_ack(p, f->body, err);
    case MSG_CFG_OFFER:
        return config_offer(p, f->body, err);
    case MSG_CFG_GET:
        return config_get(p, f->body, err);
    case MSG_CFG_CHUNK:
        return config_chunk(p, f->body, err);
    case MSG_CERT_REQUEST:
        return cert_request(p, f->body, err);
    case MSG_CERT_ISSUED:
        return cert_issued(p, f->body, err);
    case MSG_ENROL:
        return enrol(p, f->body, err);
    case MSG_CERT_OFFER:
        return cert_offer_decode(f->body, err);
    case MSG_REFRESH:
        return refresh_decode(f->body, err);
    case MSG_CRITICAL:
        break;
    }
    if ((f->flags & FRAME_JOURNALED) != 0) {
        return record(p, f, err);
    }
    buf_append(&p->again, f->body.p, f->body.n);
    return OK;
}

static void replay_frame(struct replay *p, const struct frame *f) {
    static const char letters[] = "JHSU";
    buf_printf(&p->out, "%s (0x%02x)", msg_type_name(f->type), f->type);
    for (unsigned i = 0; i < 4; i++) {
        if ((f->flags >> i & 1) != 0) {
            buf_printf(&p->out, " %c", letters[i]);
        }
    }
    buf_printf(&p->out, ", %zu bytes\n", f->body.n);
    p->n_samples = 0;
    p->n_entries = 0;
    buf_clear(&p->again);
    struct error err = {0};
    if (check_flags(f, &err) != OK || message(p, f, &err) != OK) {
        p->refused = true;
        buf_printf(&p->out, "  refused (%s): %s: %s\n", status_name(err.code), err.where, err.text);
    } else if (!slice_eq(buf_slice(&p->again), f->body)) {
        buf_text(&p->out, "  encodes otherwise\n");
    }
}

static void replay_stream(struct replay *p, struct slice stream) {
    size_t at = 0;
    while (at < stream.n) {
        struct slice left = heap_copy(stream.p + at, stream.n - at);
        struct frame f;
        size_t need = 0;
        struct error err = {0};
        enum frame_result result =
            frame_parse((const uint8_t *)left.p, left.n, LINK_BODY_MAX_HARD, &f, &need, &err);
        p->refused = p->refused || result != FRAME_OK;
        if (result == FRAME_OK) {
            replay_frame(p, &f);
        } else if (result == FRAME_MORE) {
            buf_printf(&p->out, "%zu bytes, a frame needs %zu\n", left.n, need);
        } else {
            buf_printf(&p->out, "refused (%s): %s: %s\n", status_name(err.code), err.where, err.text);
        }
        heap_free(left);
        if (result != FRAME_OK) {
            return;
        }
        at += need;
    }
}

/* --- files */

static const char *folder_of_vectors(void) {
    const char *given = getenv("VECTORS");
    return given == NULL ? "protocol/vectors" : given;
}

static void path_of(char path[PATH_SIZE], const char *name, const char *ending) {
    (void)snprintf(path, PATH_SIZE, "%s/%.*s%s", folder_of_vectors(), (int)(strlen(name) - 4), name, ending);
}

static size_t load(const char *path, char *text) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("%s cannot be read", path);
        return 0;
    }
    size_t n = fread(text, 1, FILE_MAX, file);
    assert_in_range(n, 1, FILE_MAX - 1);
    assert_int_equal(fclose(file), 0);
    return n;
}

static int digit(char c) {
    static const char digits[] = "0123456789abcdef";
    const char *p = c == '\0' ? NULL : strchr(digits, c);
    return p == NULL ? -1 : (int)(p - digits);
}

/* Hex digits to bytes, in place; what follows a # is a comment to the end of the line. */
static size_t from_hex(char *text, size_t n) {
    size_t digits = 0;
    bool comment = false;
    for (size_t i = 0; i < n; i++) {
        comment = (comment || text[i] == '#') && text[i] != '\n';
        int value = comment ? -1 : digit(text[i]);
        if (value >= 0) {
            char *to = &text[digits / 2];
            *to = (char)(digits % 2 == 0 ? value << 4 : (uint8_t)*to | value);
            digits++;
        } else {
            assert_true(comment || text[i] == ' ' || text[i] == '\n');
        }
    }
    assert_int_equal(digits % 2, 0);
    return digits / 2;
}

static void check_vector(const char *name) {
    static char text[FILE_MAX];
    char path[PATH_SIZE];
    path_of(path, name, ".hex");
    size_t n = load(path, text);
    assert_memory_equal(text, "# ", 2);
    struct slice stream = heap_copy(text, from_hex(text, n));
    struct replay *p = calloc(1, sizeof *p);
    assert_non_null(p);
    buf_init(&p->out, FILE_MAX);
    buf_init(&p->again, LINK_BODY_MAX);
    replay_stream(p, stream);
    assert_int_equal(buf_status(&p->out, NULL), OK);
    path_of(path, name, ".txt");
    if (getenv("UPDATE") != NULL) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(p->out.p, 1, p->out.n, file), p->out.n);
        assert_int_equal(fclose(file), 0);
    }
    n = load(path, text);
    if (!slice_eq(slice_of(text, n), buf_slice(&p->out))) {
        fail_msg("%s means:\n%.*s", name, SLICE_ARG(buf_slice(&p->out)));
    }
    if (getenv("VECTORS") == NULL) { /* the names tell good from bad */
        assert_int_equal(strncmp(name, "bad-", 4) == 0, p->refused);
    }
    for (uint32_t i = 0; i < p->n_dicts; i++) {
        dict_free(&p->dicts[i].dict);
    }
    buf_done(&p->out);
    buf_done(&p->again);
    free(p);
    heap_free(stream);
}

static void every_vector_means_what_is_written_beside_it(void **state) {
    (void)state;
    DIR *folder = opendir(folder_of_vectors());
    assert_non_null(folder);
    uint32_t n = 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        size_t len = strlen(entry->d_name);
        if (len > 4 && strcmp(entry->d_name + len - 4, ".hex") == 0) {
            check_vector(entry->d_name);
            n++;
        }
    }
    assert_int_equal(closedir(folder), 0);
    assert_in_range(n, 50, 100000);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_means_what_is_written_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
