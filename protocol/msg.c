#include "protocol/msg.h"

#include "protocol/ranges_wire.h"
#include "protocol/wire.h"
#include "server/base/check.h"
#include "server/base/utf8.h"

static const struct msg_kind {
    uint8_t type;
    enum msg_sender sender;
    bool is_record;
    const char *name;
} kinds[] = {
    {MSG_HELLO, MSG_BY_GATEWAY, false, "HELLO"},
    {MSG_WELCOME, MSG_BY_SERVER, false, "WELCOME"},
    {MSG_ERROR, MSG_BY_BOTH, false, "ERROR"},
    {MSG_BYE, MSG_BY_BOTH, false, "BYE"},
    {MSG_PING, MSG_BY_BOTH, false, "PING"},
    {MSG_PONG, MSG_BY_BOTH, false, "PONG"},
    {MSG_WINDOW, MSG_BY_SERVER, false, "WINDOW"},
    {MSG_REFRESH, MSG_BY_SERVER, false, "REFRESH"},
    {MSG_DICT, MSG_BY_GATEWAY, true, "DICT"},
    {MSG_DATA, MSG_BY_GATEWAY, true, "DATA"},
    {MSG_EVENT, MSG_BY_GATEWAY, true, "EVENT"},
    {MSG_CMD_RESULT, MSG_BY_GATEWAY, true, "CMD_RESULT"},
    {MSG_ACK, MSG_BY_SERVER, false, "ACK"},
    {MSG_CMD_ACK, MSG_BY_GATEWAY, false, "CMD_ACK"},
    {MSG_CFG_OFFER, MSG_BY_SERVER, false, "CFG_OFFER"},
    {MSG_CFG_GET, MSG_BY_GATEWAY, false, "CFG_GET"},
    {MSG_CFG_CHUNK, MSG_BY_SERVER, false, "CFG_CHUNK"},
    {MSG_CFG_RESULT, MSG_BY_GATEWAY, true, "CFG_RESULT"},
    {MSG_CERT_REQUEST, MSG_BY_GATEWAY, false, "CERT_REQUEST"},
    {MSG_CERT_ISSUED, MSG_BY_SERVER, false, "CERT_ISSUED"},
    {MSG_CERT_OFFER, MSG_BY_SERVER, false, "CERT_OFFER"},
    {MSG_ENROL, MSG_BY_GATEWAY, false, "ENROL"},
    {MSG_CMD, MSG_BY_SERVER, false, "CMD"},
};

static const struct msg_kind *kind_of(uint8_t type) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].type == type) {
            return &kinds[i];
        }
    }
    return NULL;
}

const char *msg_type_name(uint8_t type) {
    const struct msg_kind *kind = kind_of(type);
    return kind == NULL ? "unknown" : kind->name;
}

enum msg_sender msg_type_sender(uint8_t type) {
    const struct msg_kind *kind = kind_of(type);
    return kind == NULL ? MSG_BY_UNKNOWN : kind->sender;
}

bool msg_type_is_record(uint8_t type) {
    const struct msg_kind *kind = kind_of(type);
    return kind != NULL && kind->is_record;
}

const char *link_code_name(uint16_t code) {
    static const char *const names[] = {
        [LINK_BAD_FRAME] = "bad_frame",       [LINK_VERSION_MISMATCH] = "version",
        [LINK_IDENTITY] = "identity",         [LINK_NOT_ALLOWED] = "not_allowed",
        [LINK_TOO_BIG] = "too_big",           [LINK_FLOW] = "flow",
        [LINK_BAD_RECORD] = "bad_record",     [LINK_UNKNOWN_ALIAS] = "unknown_alias",
        [LINK_UNKNOWN_DICT] = "unknown_dict", [LINK_QUOTA] = "quota",
        [LINK_SEQ_CONFLICT] = "seq_conflict", [LINK_EPOCH_ROLLBACK] = "epoch_rollback",
        [LINK_UNSUPPORTED] = "unsupported",   [LINK_TIMEOUT] = "timeout",
        [LINK_STORE_DOWN] = "store_down",     [LINK_SUSPENDED] = "suspended",
    };
    return code < sizeof names / sizeof names[0] && names[code] != NULL ? names[code] : "unknown";
}

const char *value_type_name(uint8_t type) {
    static const char *const names[] = {
        [VALUE_BOOL] = "bool",     [VALUE_INT] = "int",       [VALUE_UINT] = "uint",
        [VALUE_SCALED] = "scaled", [VALUE_F32] = "f32",       [VALUE_F64] = "f64",
        [VALUE_ENUM] = "enum",     [VALUE_STRING] = "string", [VALUE_BYTES] = "bytes",
    };
    return type < sizeof names / sizeof names[0] && names[type] != NULL ? names[type] : "unknown";
}

static bool is_text(struct slice text, size_t max) {
    return text.n <= max && utf8_is_text(text);
}

/* Fields of later versions may follow. */
static enum status end(struct reader *r) {
    tlv_skip(r);
    return reader_done(r);
}

enum status error_decode(struct slice body, struct msg_error *ret, struct error *err) {
    struct reader r;
    reader_init(&r, body, "ERROR", err);
    struct msg_error m = {.code = reader_u16(&r, "code")};
    uint8_t fatal = reader_u8(&r, "fatal");
    if (fatal > 1) {
        reader_fail(&r, r.at - 1, ERR_INVALID, "fatal is %u, must be 0 or 1", fatal);
    }
    m.fatal = fatal == 1;
    m.ref_type = reader_u8(&r, "type of the frame it is about");
    m.ep = reader_varint(&r, "index of the epoch");
    m.seq = reader_varint(&r, "number");
    m.text = reader_text(&r, "text", LINK_TEXT_MAX);
    enum status status = end(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void error_encode(struct buf *out, const struct msg_error *m) {
    CHECK(is_text(m->text, LINK_TEXT_MAX));
    write_u16(out, m->code);
    buf_byte(out, m->fatal);
    buf_byte(out, m->ref_type);
    write_varint(out, m->ep);
    write_varint(out, m->seq);
    write_counted(out, m->text);
}

enum status bye_decode(struct slice body, struct msg_bye *ret, struct error *err) {
    struct reader r;
    reader_init(&r, body, "BYE", err);
    struct msg_bye m = {.reason = reader_u8(&r, "reason")};
    m.reconnect_after_ms = reader_u32(&r, "time until reconnection");
    m.text = reader_text(&r, "text", LINK_TEXT_MAX);
    enum status status = end(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void bye_encode(struct buf *out, const struct msg_bye *m) {
    CHECK(is_text(m->text, LINK_TEXT_MAX));
    buf_byte(out, m->reason);
    write_u32(out, m->reconnect_after_ms);
    write_counted(out, m->text);
}

enum status ping_decode(struct slice body, struct msg_ping *ret, struct error *err) {
    struct reader r;
    reader_init(&r, body, "PING", err);
    struct msg_ping m = {.id = reader_u64(&r, "id")};
    m.t0_us = reader_i64(&r, "t0");
    enum status status = end(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void ping_encode(struct buf *out, const struct msg_ping *m) {
    write_u64(out, m->id);
    write_i64(out, m->t0_us);
}

enum status pong_decode(struct slice body, struct msg_pong *ret, struct error *err) {
    struct reader r;
    reader_init(&r, body, "PONG", err);
    struct msg_pong m = {.id = reader_u64(&r, "id")};
    m.t0_us = reader_i64(&r, "t0");
    m.t1_us = reader_i64(&r, "t1");
    m.t2_us = reader_i64(&r, "t2");
    m.state = state_read(&r);
    m.commit_lag_ms = reader_varint(&r, "commit lag");
    enum status status = end(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void pong_encode(struct buf *out, const struct msg_pong *m) {
    CHECK(m->state <= SERVER_NOT_STORING);
    write_u64(out, m->id);
    write_i64(out, m->t0_us);
    write_i64(out, m->t1_us);
    write_i64(out, m->t2_us);
    buf_byte(out, (uint8_t)m->state);
    write_varint(out, m->commit_lag_ms);
}

enum status window_decode(struct slice body, struct msg_window *ret, struct error *err) {
    struct reader r;
    reader_init(&r, body, "WINDOW", err);
    struct msg_window m = {.bytes = reader_varint_u32(&r, "bytes", UINT32_MAX)};
    m.frames = reader_varint_u32(&r, "frames", UINT32_MAX);
    m.backlog_rate = reader_varint_u32(&r, "backlog rate", UINT32_MAX);
    enum status status = end(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void window_encode(struct buf *out, const struct msg_window *m) {
    write_varint(out, m->bytes);
    write_varint(out, m->frames);
    write_varint(out, m->backlog_rate);
}

enum status refresh_decode(struct slice body, struct error *err) {
    struct reader r;
    reader_init(&r, body, "REFRESH", err);
    return end(&r);
}

enum status ack_decode(struct slice body, struct msg_ack *ret, struct error *err) {
    struct reader r;
    reader_init(&r, body, "ACK", err);
    struct msg_ack m = {.ep = reader_varint(&r, "index of the epoch")};
    m.n_ranges = ranges_read(&r, m.ranges);
    m.state = state_read(&r);
    enum status status = end(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void ack_encode(struct buf *out, const struct msg_ack *m) {
    CHECK(m->state <= SERVER_NOT_STORING);
    write_varint(out, m->ep);
    ranges_write(out, m->ranges, m->n_ranges);
    buf_byte(out, (uint8_t)m->state);
}

enum status prefix_decode(struct slice body, bool journaled, struct msg_prefix *ret, struct slice *ret_rest,
                          struct error *err) {
    struct reader r;
    reader_init(&r, body, "prefix", err);
    struct msg_prefix m = {0};
    if (journaled) {
        m.ep = reader_varint(&r, "index of the epoch");
        m.seq = reader_varint(&r, "number");
    }
    m.dict = reader_varint(&r, "dictionary");
    if (!reader_ok(&r)) {
        return r.status;
    }
    *ret = m;
    *ret_rest = reader_rest(&r);
    return OK;
}

void prefix_encode(struct buf *out, bool journaled, const struct msg_prefix *m) {
    if (journaled) {
        write_varint(out, m->ep);
        write_varint(out, m->seq);
    }
    write_varint(out, m->dict);
}
