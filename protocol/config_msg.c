#include "protocol/config_msg.h"

#include "protocol/wire.h"
#include "server/base/check.h"

#include <string.h>

static uint64_t version_read(struct reader *r) {
    size_t at = r->at;
    uint64_t version = reader_u64(r, "version");
    if (reader_ok(r) && version == 0) {
        reader_fail(r, at, ERR_INVALID, "version 0: versions start at 1");
    }
    return version;
}

static void version_write(struct buf *out, uint64_t version) {
    CHECK(version != 0);
    write_u64(out, version);
}

/* Fields of later versions may follow. */
static enum status end(struct reader *r) {
    tlv_skip(r);
    return reader_done(r);
}

/* A count from 1 to max. */
static uint32_t some_read(struct reader *r, const char *field, uint32_t max) {
    size_t at = r->at;
    uint32_t n = reader_varint_u32(r, field, max);
    if (reader_ok(r) && n == 0) {
        reader_fail(r, at, ERR_INVALID, "%s is 0, must be 1 to %u", field, max);
    }
    return n;
}

enum status config_offer_decode(struct slice body, struct msg_config_offer *ret, struct error *err) {
    struct reader r;
    reader_init(&r, body, "CFG_OFFER", err);
    struct msg_config_offer m = {.version = version_read(&r)};
    struct slice digest = reader_bytes(&r, "SHA-256", sizeof m.sha256);
    if (digest.n == sizeof m.sha256) {
        memcpy(m.sha256, digest.p, sizeof m.sha256);
    }
    m.size = some_read(&r, "size", LINK_CONFIG_MAX);
    m.text = reader_text(&r, "text", LINK_TEXT_MAX);
    enum status status = end(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void config_offer_encode(struct buf *out, const struct msg_config_offer *m) {
    CHECK(m->size > 0);
    CHECK(m->size <= LINK_CONFIG_MAX);
    version_write(out, m->version);
    buf_append(out, m->sha256, sizeof m->sha256);
    write_varint(out, m->size);
    write_text(out, m->text, LINK_TEXT_MAX);
}

enum status config_get_decode(struct slice body, struct msg_config_get *ret, struct error *err) {
    struct reader r;
    reader_init(&r, body, "CFG_GET", err);
    struct msg_config_get m = {.version = version_read(&r)};
    m.offset = reader_varint_u32(&r, "offset", LINK_CONFIG_MAX - 1);
    m.length = some_read(&r, "length", LINK_CONFIG_CHUNK_MAX);
    enum status status = end(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void config_get_encode(struct buf *out, const struct msg_config_get *m) {
    CHECK(m->offset < LINK_CONFIG_MAX);
    CHECK(m->length > 0);
    CHECK(m->length <= LINK_CONFIG_CHUNK_MAX);
    version_write(out, m->version);
    write_varint(out, m->offset);
    write_varint(out, m->length);
}

enum status config_chunk_decode(struct slice body, struct msg_config_chunk *ret, struct error *err) {
    struct reader r;
    reader_init(&r, body, "CFG_CHUNK", err);
    struct msg_config_chunk m = {.version = version_read(&r)};
    m.offset = reader_varint_u32(&r, "offset", LINK_CONFIG_MAX - 1);
    size_t at = r.at;
    m.bytes = reader_counted(&r, "bytes", LINK_CONFIG_CHUNK_MAX);
    if (reader_ok(&r) && m.bytes.n > LINK_CONFIG_MAX - m.offset) {
        reader_fail(&r, at, ERR_TOO_BIG, "%zu bytes at offset %u: a configuration has at most %d", m.bytes.n,
                    m.offset, LINK_CONFIG_MAX);
    }
    enum status status = end(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void config_chunk_encode(struct buf *out, const struct msg_config_chunk *m) {
    CHECK(m->offset < LINK_CONFIG_MAX);
    CHECK(m->bytes.n <= LINK_CONFIG_CHUNK_MAX);
    CHECK(m->bytes.n <= LINK_CONFIG_MAX - m->offset);
    version_write(out, m->version);
    write_varint(out, m->offset);
    write_counted(out, m->bytes);
}

enum status config_result_decode(struct slice rest, struct msg_config_result *ret, struct error *err) {
    struct reader r;
    reader_init(&r, rest, "CFG_RESULT after its prefix", err);
    struct msg_config_result m = {.version = version_read(&r)};
    m.outcome = reader_u8(&r, "outcome");
    m.t_us = reader_time(&r, "time");
    m.text = reader_text(&r, "text", LINK_TEXT_MAX);
    enum status status = end(&r);
    if (status == OK) {
        *ret = m;
    }
    return status;
}

void config_result_encode(struct buf *out, const struct msg_config_result *m) {
    version_write(out, m->version);
    buf_byte(out, m->outcome);
    write_time(out, m->t_us);
    write_text(out, m->text, LINK_TEXT_MAX);
}
