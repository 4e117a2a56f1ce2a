#include "protocol/command_msg.h"

#include "protocol/msg.h"
#include "protocol/wire.h"
#include "server/base/check.h"

#include <math.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- names --- */

const char *command_op_name(uint8_t op) {
    static const char *const names[] = {
        [COMMAND_SELECT] = "select", [COMMAND_EXECUTE] = "execute", [COMMAND_CANCEL] = "cancel",
        [COMMAND_DIRECT] = "direct", [COMMAND_QUERY] = "query",
    };
    return op < COUNT(names) && names[op] != NULL ? names[op] : "unknown";
}

const char *command_reason_name(uint16_t reason) {
    static const char *const names[] = {
        [COMMAND_OK] = "none",
        [COMMAND_WRONG_SESSION] = "wrong_session",
        [COMMAND_UNKNOWN_TAG] = "unknown_tag",
        [COMMAND_OTHER_NAME] = "other_name",
        [COMMAND_NOT_WRITABLE] = "not_writable",
        [COMMAND_NOT_SELECTED] = "not_selected",
        [COMMAND_SELECTED_BY_OTHER] = "selected_by_other",
        [COMMAND_BAD_VALUE] = "bad_value",
        [COMMAND_INTERLOCKED] = "interlocked",
        [COMMAND_NOT_AS_EXPECTED] = "not_as_expected",
        [COMMAND_TOO_LATE] = "too_late",
        [COMMAND_CLOCK_UNKNOWN] = "clock_unknown",
        [COMMAND_BUSY] = "busy",
        [COMMAND_UNSUPPORTED] = "unsupported",
        [COMMAND_DEVICE_SILENT] = "device_silent",
        [COMMAND_DEVICE_REFUSED] = "device_refused",
        [COMMAND_NO_EFFECT] = "no_effect",
        [COMMAND_NOT_DURABLE] = "not_durable",
        [COMMAND_LOCAL_CONTROL] = "local_control",
        [COMMAND_RESTARTED] = "restarted",
        [COMMAND_SELECTION_ENDED] = "selection_ended",
        [COMMAND_NOT_ALLOWED] = "not_allowed",
        [COMMAND_ID_REUSED] = "id_reused",
    };
    return reason < COUNT(names) ? names[reason] : "unknown";
}

const char *command_stage_name(uint8_t stage) {
    static const char *const names[] = {
        [COMMAND_STAGE_NOT_RECEIVED] = "not_received",
        [COMMAND_STAGE_RUNNING] = "running",
        [COMMAND_STAGE_SELECTED] = "selected",
        [COMMAND_STAGE_EXECUTED] = "executed",
        [COMMAND_STAGE_FAILED] = "failed",
        [COMMAND_STAGE_REJECTED] = "rejected",
        [COMMAND_STAGE_EXPIRED] = "expired",
        [COMMAND_STAGE_CANCELLED] = "cancelled",
        [COMMAND_STAGE_IN_DOUBT] = "in_doubt",
    };
    return stage < COUNT(names) ? names[stage] : "unknown";
}

/* --- typed values --- */

static double f32_read(struct reader *r) {
    uint32_t bits = reader_u32(r, "value");
    float narrow = 0;
    memcpy(&narrow, &bits, sizeof narrow);
    return (double)narrow;
}

static void f32_write(struct buf *out, double v) {
    float narrow = (float)v;
    CHECK(isfinite(narrow));
    uint32_t bits = 0;
    memcpy(&bits, &narrow, sizeof bits);
    write_u32(out, bits);
}

static void body_read(struct reader *r, struct link_value *v) {
    switch (v->type) {
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_SCALED:
    case VALUE_ENUM:
        v->i = reader_svarint(r, "value");
        if (v->type == VALUE_BOOL && (v->i < 0 || v->i > 1)) {
            reader_fail(r, 0, ERR_INVALID, "a bool must be 0 or 1");
        }
        break;
    case VALUE_F32:
    case VALUE_F64:
        v->f = v->type == VALUE_F32 ? f32_read(r) : reader_f64(r, "value");
        if (!isfinite(v->f)) {
            reader_fail(r, 0, ERR_INVALID, "NaN and infinity are no values");
        }
        break;
    default: /* texts, bytes, and types of later versions */
        v->s = reader_bytes(r, "value", reader_left(r));
        if (v->type == VALUE_STRING) {
            reader_check_text(r, "value", v->s);
        }
        break;
    }
}

static struct link_value value_read(struct reader *r) {
    struct link_value v = {.type = reader_u8(r, "value type")};
    if (v.type != 0) {
        size_t n = (size_t)reader_varint_max(r, "length of the value", LINK_STRING_MAX);
        struct reader sub = reader_sub(r, "value", n);
        body_read(&sub, &v);
        reader_join(r, &sub);
    }
    return v;
}

static void body_write(struct buf *out, const struct link_value *v) {
    switch (v->type) {
    case VALUE_BOOL:
        CHECK(v->i == 0 || v->i == 1);
        write_svarint(out, v->i);
        break;
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_SCALED:
    case VALUE_ENUM:
        write_svarint(out, v->i);
        break;
    case VALUE_F32:
        f32_write(out, v->f);
        break;
    case VALUE_F64:
        CHECK(isfinite(v->f));
        write_f64(out, v->f);
        break;
    default:
        CHECK(v->s.n <= LINK_STRING_MAX);
        buf_append(out, v->s.p, v->s.n);
        break;
    }
}

static void value_write(struct buf *out, const struct link_value *v) {
    buf_byte(out, v->type);
    if (v->type != 0) {
        size_t mark = out->n;
        body_write(out, v);
        write_length_before(out, mark);
    }
}

/* --- the messages --- */

static struct command_id id_read(struct reader *r) {
    struct command_id id = {0};
    struct slice bytes = reader_bytes(r, "id", sizeof id.bytes);
    if (bytes.n == sizeof id.bytes) {
        memcpy(id.bytes, bytes.p, sizeof id.bytes);
    }
    return id;
}

static void id_write(struct buf *out, const struct command_id *id) {
    buf_append(out, id->bytes, sizeof id->bytes);
}

/* Fields of later versions may follow. */
static enum status end(struct reader *r) {
    tlv_skip(r);
    return reader_done(r);
}

static uint32_t ttl_read(struct reader *r) {
    size_t at = r->at;
    uint32_t ttl_ms = reader_u32(r, "time to live");
    if (reader_ok(r) && (ttl_ms == 0 || ttl_ms > LINK_COMMAND_TTL_MS)) {
        reader_fail(r, at, ERR_INVALID, "a time to live of %u ms, must be 1 to %d", ttl_ms,
                    LINK_COMMAND_TTL_MS);
    }
    return ttl_ms;
}

static void expected_read(struct reader *r, struct msg_command *m) {
    size_t at = r->at;
    m->expected = value_read(r);
    if (reader_ok(r) && m->expected.type == 0) {
        reader_fail(r, at, ERR_INVALID, "flag 1 is set, and there is no value to expect");
    }
    at = r->at;
    m->tolerance = reader_f64(r, "tolerance");
    if (reader_ok(r) && !(isfinite(m->tolerance) && m->tolerance >= 0)) {
        reader_fail(r, at, ERR_INVALID, "a tolerance of %g: must be finite and not negative", m->tolerance);
    }
}

enum status command_decode(struct slice body, struct msg_command *ret, struct error *err) {
    struct reader r;
    reader_init(&r, body, "CMD", err);
    struct msg_command m = {.op = reader_u8(&r, "operation")};
    m.id = id_read(&r);
    m.session = reader_u64(&r, "session");
    m.dict = reader_varint(&r, "dictionary");
    m.alias = reader_varint_u32(&r, "alias", LINK_ALIAS_MAX);
    m.name_crc = reader_u32(&r, "checksum of the name");
    m.value = value_read(&r);
    m.issued_us = reader_time(&r, "time of issue");
    m.ttl_ms = ttl_read(&r);
    m.flags = reader_u8(&r, "flags");
    if ((m.flags & COMMAND_EXPECTS) != 0) {
        expected_read(&r, &m);
    }
    m.operator_name = reader_text(&r, "operator", LINK_OPERATOR_MAX);
    m.reason = reader_text(&r, "reason", LINK_REASON_MAX);
    enum status status = end(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void command_encode(struct buf *out, const struct msg_command *m) {
    CHECK(m->alias <= LINK_ALIAS_MAX);
    CHECK(m->ttl_ms > 0);
    CHECK(m->ttl_ms <= LINK_COMMAND_TTL_MS);
    buf_byte(out, m->op);
    id_write(out, &m->id);
    write_u64(out, m->session);
    write_varint(out, m->dict);
    write_varint(out, m->alias);
    write_u32(out, m->name_crc);
    value_write(out, &m->value);
    write_time(out, m->issued_us);
    write_u32(out, m->ttl_ms);
    buf_byte(out, m->flags);
    if ((m->flags & COMMAND_EXPECTS) != 0) {
        CHECK(m->expected.type != 0);
        CHECK(isfinite(m->tolerance));
        CHECK(m->tolerance >= 0);
        value_write(out, &m->expected);
        write_f64(out, m->tolerance);
    }
    write_text(out, m->operator_name, LINK_OPERATOR_MAX);
    write_text(out, m->reason, LINK_REASON_MAX);
}

enum status command_ack_decode(struct slice body, struct msg_command_ack *ret, struct error *err) {
    struct reader r;
    reader_init(&r, body, "CMD_ACK", err);
    struct msg_command_ack m = {.id = id_read(&r)};
    m.op = reader_u8(&r, "operation");
    m.status = reader_u8(&r, "status") == COMMAND_RECEIVED ? COMMAND_RECEIVED : COMMAND_REJECTED;
    m.reason = reader_u16(&r, "reason");
    m.text = reader_text(&r, "text", LINK_TEXT_MAX);
    enum status status = end(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void command_ack_encode(struct buf *out, const struct msg_command_ack *m) {
    CHECK(m->status <= COMMAND_REJECTED);
    id_write(out, &m->id);
    buf_byte(out, m->op);
    buf_byte(out, (uint8_t)m->status);
    write_u16(out, m->reason);
    write_text(out, m->text, LINK_TEXT_MAX);
}

enum status command_result_decode(struct slice rest, struct msg_command_result *ret, struct error *err) {
    struct reader r;
    reader_init(&r, rest, "CMD_RESULT after its prefix", err);
    struct msg_command_result m = {.id = id_read(&r)};
    m.stage = reader_u8(&r, "stage");
    m.reason = reader_u16(&r, "reason");
    m.t_us = reader_time(&r, "time");
    m.value = value_read(&r);
    m.text = reader_text(&r, "text", LINK_TEXT_MAX);
    enum status status = end(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void command_result_encode(struct buf *out, const struct msg_command_result *m) {
    id_write(out, &m->id);
    buf_byte(out, m->stage);
    write_u16(out, m->reason);
    write_time(out, m->t_us);
    value_write(out, &m->value);
    write_text(out, m->text, LINK_TEXT_MAX);
}
