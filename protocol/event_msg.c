#include "protocol/event_msg.h"

#include "protocol/wire.h"
#include "server/base/check.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *event_code_name(uint16_t code) {
    static const char *const names[] = {
        [EVENT_STARTED] = "started",
        [EVENT_CLOCK_STEPPED] = "clock_stepped",
        [EVENT_DEVICE_DOWN] = "device_down",
        [EVENT_DEVICE_UP] = "device_up",
        [EVENT_SAMPLES_LOST] = "samples_lost",
        [EVENT_LOCAL_OPERATION] = "local_operation",
        [EVENT_CONFIG_APPLIED] = "config_applied",
        [EVENT_CONFIG_REFUSED] = "config_refused",
        [EVENT_CERT_RENEWED] = "cert_renewed",
        [EVENT_CERT_TROUBLE] = "cert_trouble",
    };
    return code < COUNT(names) && names[code] != NULL ? names[code] : "unknown";
}

/* --- fields of one code each --- */

static void step_read(struct reader *r, void *message) {
    struct msg_event *m = message;
    m->step_us = reader_i64(r, "step of the clock");
}

static void step_write(struct buf *out, const void *message) {
    const struct msg_event *m = message;
    write_i64(out, m->step_us);
}

static void lost_epoch_read(struct reader *r, void *message) {
    struct msg_event *m = message;
    m->lost.epoch = reader_u64(r, "epoch");
}

static void lost_epoch_write(struct buf *out, const void *message) {
    const struct msg_event *m = message;
    write_u64(out, m->lost.epoch);
}

static void lost_first_read(struct reader *r, void *message) {
    struct msg_event *m = message;
    m->lost.first = reader_varint(r, "first number");
}

static void lost_first_write(struct buf *out, const void *message) {
    const struct msg_event *m = message;
    write_varint(out, m->lost.first);
}

static void lost_end_read(struct reader *r, void *message) {
    struct msg_event *m = message;
    m->lost.end = reader_varint(r, "number after the last");
    if (reader_ok(r) && m->lost.first > m->lost.end) {
        reader_fail(r, 0, ERR_INVALID, "lost from number %llu on, which is above the end, %llu",
                    (unsigned long long)m->lost.first, (unsigned long long)m->lost.end);
    }
}

static void lost_end_write(struct buf *out, const void *message) {
    const struct msg_event *m = message;
    CHECK(m->lost.first <= m->lost.end);
    write_varint(out, m->lost.end);
}

static void lost_samples_read(struct reader *r, void *message) {
    struct msg_event *m = message;
    m->lost.samples = reader_varint(r, "samples lost");
}

static void lost_samples_write(struct buf *out, const void *message) {
    const struct msg_event *m = message;
    write_varint(out, m->lost.samples);
}

static void lost_from_read(struct reader *r, void *message) {
    struct msg_event *m = message;
    m->lost.from_us = reader_time(r, "time of the first sample lost");
}

static void lost_from_write(struct buf *out, const void *message) {
    const struct msg_event *m = message;
    write_time(out, m->lost.from_us);
}

static void lost_to_read(struct reader *r, void *message) {
    struct msg_event *m = message;
    m->lost.to_us = reader_time(r, "time of the last sample lost");
    if (reader_ok(r) && m->lost.from_us > m->lost.to_us) {
        reader_fail(r, 0, ERR_INVALID, "the first sample lost is of a later time than the last");
    }
}

static void lost_to_write(struct buf *out, const void *message) {
    const struct msg_event *m = message;
    CHECK(m->lost.from_us <= m->lost.to_us);
    write_time(out, m->lost.to_us);
}

static const struct tlv_field step_fields[] = {
    {1, true, "step", step_read, step_write},
};

static const struct tlv_field lost_fields[] = {
    {1, true, "epoch", lost_epoch_read, lost_epoch_write},
    {2, true, "first", lost_first_read, lost_first_write},
    {3, true, "end", lost_end_read, lost_end_write},
    {4, true, "samples", lost_samples_read, lost_samples_write},
    {5, true, "from", lost_from_read, lost_from_write},
    {6, true, "to", lost_to_read, lost_to_write},
};

/* Which fields a code has. */
struct field_table {
    const struct tlv_field *v;
    size_t n;
};

static struct field_table fields_of(uint16_t code) {
    switch (code) {
    case EVENT_CLOCK_STEPPED:
        return (struct field_table){step_fields, COUNT(step_fields)};
    case EVENT_SAMPLES_LOST:
        return (struct field_table){lost_fields, COUNT(lost_fields)};
    default:
        return (struct field_table){0};
    }
}

/* --- the message --- */

enum status event_decode(struct slice rest, struct msg_event *ret, struct error *err) {
    struct reader r;
    reader_init(&r, rest, "EVENT after its prefix", err);
    struct msg_event m = {.code = reader_u16(&r, "code")};
    uint8_t severity = reader_u8(&r, "severity");
    /* One that this version does not know is taken seriously. */
    m.severity = severity <= EVENT_TROUBLE ? (enum event_severity)severity : EVENT_TROUBLE;
    m.t_us = reader_time(&r, "time");
    m.path = reader_text(&r, "path", LINK_NAME_MAX);
    m.text = reader_text(&r, "text", LINK_TEXT_MAX);
    struct field_table fields = fields_of(m.code);
    tlv_read(&r, fields.v, fields.n, &m);
    enum status status = reader_done(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void event_encode(struct buf *out, const struct msg_event *m) {
    CHECK(m->severity <= EVENT_TROUBLE);
    write_u16(out, m->code);
    buf_byte(out, (uint8_t)m->severity);
    write_time(out, m->t_us);
    write_text(out, m->path, LINK_NAME_MAX);
    write_text(out, m->text, LINK_TEXT_MAX);
    struct field_table fields = fields_of(m->code);
    tlv_write(out, fields.v, fields.n, m);
}
