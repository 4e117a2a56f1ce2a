/* HELLO and WELCOME: messages that are TLVs throughout. */
#include "protocol/msg.h"
#include "protocol/ranges_wire.h"
#include "protocol/wire.h"
#include "server/base/check.h"
#include "server/base/utf8.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- HELLO ------------------------------------------------------------------------------------------ */

static void versions_read(struct reader *r, void *message) {
    struct msg_hello *m = message;
    m->version_min = reader_u16(r, "lowest version");
    m->version_max = reader_u16(r, "highest version");
    if (m->version_min == 0 || m->version_min > m->version_max) {
        reader_fail(r, 0, ERR_INVALID,
                    "versions %u to %u: the lowest must be 1 or more and not above the highest",
                    m->version_min, m->version_max);
    }
}

static void versions_write(struct buf *out, const void *message) {
    const struct msg_hello *m = message;
    CHECK(m->version_min > 0);
    CHECK(m->version_min <= m->version_max);
    write_u16(out, m->version_min);
    write_u16(out, m->version_max);
}

/* A field that is one text from end to end. */
static struct slice whole_text(struct reader *r, const char *field, size_t max) {
    if (reader_left(r) > max) {
        reader_fail(r, 0, ERR_TOO_BIG, "%s has %zu bytes, at most %zu are allowed", field, reader_left(r),
                    max);
        return (struct slice){0};
    }
    struct slice text = reader_bytes(r, field, reader_left(r));
    reader_check_text(r, field, text);
    return text;
}

static void gateway_read(struct reader *r, void *message) {
    struct msg_hello *m = message;
    m->gateway = whole_text(r, "gateway", LINK_NAME_MAX);
    if (m->gateway.n == 0) {
        reader_fail(r, 0, ERR_INVALID, "gateway is empty");
    }
}

static void gateway_write(struct buf *out, const void *message) {
    const struct msg_hello *m = message;
    CHECK(m->gateway.n > 0);
    CHECK(m->gateway.n <= LINK_NAME_MAX);
    CHECK(utf8_is_text(m->gateway));
    buf_append(out, m->gateway.p, m->gateway.n);
}

static bool epoch_is_listed(const struct msg_epoch *v, uint32_t n, uint64_t epoch) {
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].epoch == epoch) {
            return true;
        }
    }
    return false;
}

static void epochs_read(struct reader *r, void *message) {
    struct msg_hello *m = message;
    m->n_epochs = reader_count(r, "number of epochs", LINK_EPOCHS_MAX, 10);
    if (m->n_epochs == 0) {
        reader_fail(r, 0, ERR_INVALID, "no epoch: the first is the gateway's present start");
    }
    for (uint32_t i = 0; i < m->n_epochs && reader_ok(r); i++) {
        size_t at = r->at;
        struct msg_epoch *e = &m->epochs[i];
        e->epoch = reader_u64(r, "epoch");
        e->oldest_unacked = reader_varint(r, "oldest unacknowledged number");
        e->next_seq = reader_varint(r, "next number");
        if (e->oldest_unacked > e->next_seq) {
            reader_fail(r, at, ERR_INVALID,
                        "epoch %u: oldest unacknowledged number %llu is above the next, %llu", i,
                        (unsigned long long)e->oldest_unacked, (unsigned long long)e->next_seq);
        }
        if (epoch_is_listed(m->epochs, i, e->epoch)) {
            reader_fail(r, at, ERR_INVALID, "epoch %u is listed before", i);
        }
    }
}

static void epochs_write(struct buf *out, const void *message) {
    const struct msg_hello *m = message;
    CHECK(m->n_epochs > 0);
    CHECK(m->n_epochs <= LINK_EPOCHS_MAX);
    write_varint(out, m->n_epochs);
    for (uint32_t i = 0; i < m->n_epochs; i++) {
        const struct msg_epoch *e = &m->epochs[i];
        CHECK(e->oldest_unacked <= e->next_seq);
        CHECK(!epoch_is_listed(m->epochs, i, e->epoch));
        write_u64(out, e->epoch);
        write_varint(out, e->oldest_unacked);
        write_varint(out, e->next_seq);
    }
}

static void clock_read(struct reader *r, void *message) {
    struct msg_hello *m = message;
    m->now_us = reader_i64(r, "time");
    uint8_t source = reader_u8(r, "source of time");
    /* One that this version does not know cannot be trusted. */
    m->clock_source = source <= CLOCK_GNSS ? (enum clock_source)source : CLOCK_NONE;
    m->clock_error_us = reader_varint(r, "estimated error");
}

static void clock_write(struct buf *out, const void *message) {
    const struct msg_hello *m = message;
    CHECK(m->clock_source <= CLOCK_GNSS);
    write_i64(out, m->now_us);
    buf_byte(out, (uint8_t)m->clock_source);
    write_varint(out, m->clock_error_us);
}

static void software_read(struct reader *r, void *message) {
    struct msg_hello *m = message;
    m->software = whole_text(r, "software", LINK_NAME_MAX);
}

static void software_write(struct buf *out, const void *message) {
    const struct msg_hello *m = message;
    CHECK(m->software.n <= LINK_NAME_MAX);
    CHECK(utf8_is_text(m->software));
    buf_append(out, m->software.p, m->software.n);
}

static void caps_read(struct reader *r, void *message) {
    struct msg_hello *m = message;
    m->caps = reader_u64(r, "capabilities");
}

static void caps_write(struct buf *out, const void *message) {
    const struct msg_hello *m = message;
    write_u64(out, m->caps);
}

static void max_rx_frame_read(struct reader *r, void *message) {
    struct msg_hello *m = message;
    m->max_rx_frame = reader_varint_u32(r, "longest body that is taken", UINT32_MAX);
    if (reader_ok(r) && m->max_rx_frame < LINK_BODY_MAX_HELLO) {
        reader_fail(r, 0, ERR_INVALID, "longest body that is taken is %u, must be %d or more",
                    m->max_rx_frame, LINK_BODY_MAX_HELLO);
    }
}

static void max_rx_frame_write(struct buf *out, const void *message) {
    const struct msg_hello *m = message;
    CHECK(m->max_rx_frame >= LINK_BODY_MAX_HELLO);
    write_varint(out, m->max_rx_frame);
}

static void journal_read(struct reader *r, void *message) {
    struct msg_hello *m = message;
    m->journal_bytes = reader_varint(r, "bytes in the journal");
    m->journal_capacity = reader_varint(r, "capacity of the journal");
    m->oldest_sample_us = reader_i64(r, "time of the oldest sample");
    m->dropped_total = reader_varint(r, "samples dropped");
}

static void journal_write(struct buf *out, const void *message) {
    const struct msg_hello *m = message;
    write_varint(out, m->journal_bytes);
    write_varint(out, m->journal_capacity);
    write_i64(out, m->oldest_sample_us);
    write_varint(out, m->dropped_total);
}

/* A version of 0 is none, and left out. */
static uint64_t config_version_read(struct reader *r) {
    uint64_t version = reader_u64(r, "version of the configuration");
    if (reader_ok(r) && version == 0) {
        reader_fail(r, 0, ERR_INVALID, "version 0 of the configuration: leave the field out for none");
    }
    return version;
}

static void config_version_write(struct buf *out, uint64_t version) {
    if (version != 0) {
        write_u64(out, version);
    }
}

static void config_read(struct reader *r, void *message) {
    struct msg_hello *m = message;
    m->config_version = config_version_read(r);
}

static void config_write(struct buf *out, const void *message) {
    const struct msg_hello *m = message;
    config_version_write(out, m->config_version);
}

static const struct tlv_field hello_fields[] = {
    {1, true, "versions", versions_read, versions_write},
    {2, true, "gateway", gateway_read, gateway_write},
    {3, true, "epochs", epochs_read, epochs_write},
    {4, true, "clock", clock_read, clock_write},
    {5, false, "software", software_read, software_write},
    {6, false, "caps", caps_read, caps_write},
    {7, true, "max_rx_frame", max_rx_frame_read, max_rx_frame_write},
    {8, false, "journal", journal_read, journal_write},
    {9, false, "config", config_read, config_write},
};

enum status hello_decode(struct slice body, struct msg_hello *ret, struct error *err) {
    struct reader r;
    reader_init(&r, body, "HELLO", err);
    struct msg_hello m = {0};
    tlv_read(&r, hello_fields, COUNT(hello_fields), &m);
    enum status status = reader_done(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void hello_encode(struct buf *out, const struct msg_hello *m) {
    tlv_write(out, hello_fields, COUNT(hello_fields), m);
}

/* --- WELCOME ---------------------------------------------------------------------------------------- */

static void version_read(struct reader *r, void *message) {
    struct msg_welcome *m = message;
    m->version = reader_u16(r, "version");
}

static void version_write(struct buf *out, const void *message) {
    const struct msg_welcome *m = message;
    write_u16(out, m->version);
}

static void session_read(struct reader *r, void *message) {
    struct msg_welcome *m = message;
    m->session = reader_u64(r, "session");
}

static void session_write(struct buf *out, const void *message) {
    const struct msg_welcome *m = message;
    write_u64(out, m->session);
}

static void committed_read(struct reader *r, void *message) {
    struct msg_welcome *m = message;
    m->n_epochs = reader_count(r, "number of epochs", LINK_EPOCHS_MAX, 9);
    for (uint32_t i = 0; i < m->n_epochs && reader_ok(r); i++) {
        m->epochs[i].epoch = reader_u64(r, "epoch");
        m->epochs[i].n_ranges = ranges_read(r, m->epochs[i].ranges);
    }
}

static void committed_write(struct buf *out, const void *message) {
    const struct msg_welcome *m = message;
    CHECK(m->n_epochs <= LINK_EPOCHS_MAX);
    write_varint(out, m->n_epochs);
    for (uint32_t i = 0; i < m->n_epochs; i++) {
        write_u64(out, m->epochs[i].epoch);
        ranges_write(out, m->epochs[i].ranges, m->epochs[i].n_ranges);
    }
}

static void now_read(struct reader *r, void *message) {
    struct msg_welcome *m = message;
    m->now_us = reader_i64(r, "time");
}

static void now_write(struct buf *out, const void *message) {
    const struct msg_welcome *m = message;
    write_i64(out, m->now_us);
}

static void window_read(struct reader *r, void *message) {
    struct msg_welcome *m = message;
    m->window_bytes = reader_varint_u32(r, "window in bytes", UINT32_MAX);
    m->window_frames = reader_varint_u32(r, "window in frames", UINT32_MAX);
    m->backlog_rate = reader_varint_u32(r, "backlog rate", UINT32_MAX);
}

static void window_write(struct buf *out, const void *message) {
    const struct msg_welcome *m = message;
    write_varint(out, m->window_bytes);
    write_varint(out, m->window_frames);
    write_varint(out, m->backlog_rate);
}

static void max_frame_read(struct reader *r, void *message) {
    struct msg_welcome *m = message;
    m->max_frame = reader_varint_u32(r, "longest body that is taken", LINK_BODY_MAX_HARD);
}

static void max_frame_write(struct buf *out, const void *message) {
    const struct msg_welcome *m = message;
    CHECK(m->max_frame <= LINK_BODY_MAX_HARD);
    write_varint(out, m->max_frame);
}

static void heartbeat_read(struct reader *r, void *message) {
    struct msg_welcome *m = message;
    m->heartbeat_ms = reader_varint_u32(r, "heartbeat", UINT32_MAX);
    m->dead_ms = reader_varint_u32(r, "silence until dead", UINT32_MAX);
}

static void heartbeat_write(struct buf *out, const void *message) {
    const struct msg_welcome *m = message;
    write_varint(out, m->heartbeat_ms);
    write_varint(out, m->dead_ms);
}

static void server_state_read(struct reader *r, void *message) {
    struct msg_welcome *m = message;
    m->state = state_read(r);
}

static void server_state_write(struct buf *out, const void *message) {
    const struct msg_welcome *m = message;
    CHECK(m->state <= SERVER_NOT_STORING);
    buf_byte(out, (uint8_t)m->state);
}

static void server_caps_read(struct reader *r, void *message) {
    struct msg_welcome *m = message;
    m->caps = reader_u64(r, "capabilities");
}

static void server_caps_write(struct buf *out, const void *message) {
    const struct msg_welcome *m = message;
    if (m->caps != 0) {
        write_u64(out, m->caps);
    }
}

static void commands_read(struct reader *r, void *message) {
    struct msg_welcome *m = message;
    uint8_t allowed = reader_u8(r, "commands");
    if (allowed > 1) {
        reader_fail(r, 0, ERR_INVALID, "commands is %u, must be 0 (not allowed) or 1 (allowed)", allowed);
    }
    m->commands_allowed = allowed == 1;
}

static void commands_write(struct buf *out, const void *message) {
    const struct msg_welcome *m = message;
    if (m->commands_allowed) {
        buf_byte(out, 1);
    }
}

static void wanted_read(struct reader *r, void *message) {
    struct msg_welcome *m = message;
    m->config_version = config_version_read(r);
}

static void wanted_write(struct buf *out, const void *message) {
    const struct msg_welcome *m = message;
    config_version_write(out, m->config_version);
}

static const struct tlv_field welcome_fields[] = {
    {1, true, "version", version_read, version_write},
    {2, true, "session", session_read, session_write},
    {3, true, "committed", committed_read, committed_write},
    {4, true, "time", now_read, now_write},
    {5, true, "window", window_read, window_write},
    {6, true, "max_frame", max_frame_read, max_frame_write},
    {7, true, "heartbeat", heartbeat_read, heartbeat_write},
    {8, true, "state", server_state_read, server_state_write},
    {9, false, "caps", server_caps_read, server_caps_write},
    {10, false, "commands", commands_read, commands_write},
    {11, false, "config", wanted_read, wanted_write},
};

enum status welcome_decode(struct slice body, struct msg_welcome *ret, struct error *err) {
    struct reader r;
    reader_init(&r, body, "WELCOME", err);
    struct msg_welcome m = {0};
    tlv_read(&r, welcome_fields, COUNT(welcome_fields), &m);
    enum status status = reader_done(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void welcome_encode(struct buf *out, const struct msg_welcome *m) {
    tlv_write(out, welcome_fields, COUNT(welcome_fields), m);
}
