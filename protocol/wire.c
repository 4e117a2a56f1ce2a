#include "protocol/wire.h"

#include "protocol/limits.h"
#include "server/base/check.h"
#include "server/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void reader_init(struct reader *r, struct slice bytes, const char *what, struct error *err) {
    *r = (struct reader){.p = (const uint8_t *)bytes.p, .n = bytes.n, .what = what, .err = err};
}

size_t reader_left(const struct reader *r) {
    return r->n - r->at;
}

struct slice reader_rest(const struct reader *r) {
    return reader_left(r) == 0 ? (struct slice){0} : slice_of(r->p + r->at, reader_left(r));
}

bool reader_ok(const struct reader *r) {
    return r->status == OK;
}

void reader_fail(struct reader *r, size_t at, enum status code, const char *fmt, ...) {
    if (r->status != OK) {
        return;
    }
    r->status = code;
    r->at = r->n;
    char where[sizeof r->err->where];
    char text[sizeof r->err->text];
    (void)snprintf(where, sizeof where, "%s, offset %zu", r->what, r->base + at);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)error_set(r->err, code, where, "%s", text);
}

enum status reader_done(struct reader *r) {
    if (reader_left(r) > 0) {
        reader_fail(r, r->at, ERR_INVALID, "%zu bytes too many: nothing may follow here", reader_left(r));
    }
    return r->status;
}

/* The next n bytes, or NULL. */
static const uint8_t *take(struct reader *r, const char *field, size_t n) {
    if (r->status != OK) {
        return NULL;
    }
    if (n > reader_left(r)) {
        reader_fail(r, r->at, ERR_INVALID, "%s needs %zu bytes, %zu are left", field, n, reader_left(r));
        return NULL;
    }
    const uint8_t *p = n == 0 ? r->p : r->p + r->at;
    r->at += n;
    return p;
}

static uint64_t fixed(struct reader *r, const char *field, size_t n) {
    const uint8_t *p = take(r, field, n);
    uint64_t v = 0;
    for (size_t i = 0; p != NULL && i < n; i++) {
        v |= (uint64_t)p[i] << (8 * i);
    }
    return v;
}

uint8_t reader_u8(struct reader *r, const char *field) {
    return (uint8_t)fixed(r, field, 1);
}

uint16_t reader_u16(struct reader *r, const char *field) {
    return (uint16_t)fixed(r, field, 2);
}

uint32_t reader_u32(struct reader *r, const char *field) {
    return (uint32_t)fixed(r, field, 4);
}

uint64_t reader_u64(struct reader *r, const char *field) {
    return fixed(r, field, 8);
}

int64_t reader_i64(struct reader *r, const char *field) {
    return (int64_t)fixed(r, field, 8);
}

static bool is_time(int64_t t_us) {
    return t_us >= LINK_TIME_MIN_US && t_us <= LINK_TIME_MAX_US;
}

int64_t reader_time(struct reader *r, const char *field) {
    size_t at = r->at;
    int64_t t_us = reader_i64(r, field);
    if (!is_time(t_us)) {
        reader_fail(r, at, ERR_INVALID, "%s %lld is outside of the years 0001 to 9999", field,
                    (long long)t_us);
        return 0;
    }
    return t_us;
}

double reader_f64(struct reader *r, const char *field) {
    uint64_t bits = fixed(r, field, 8);
    double v = 0;
    memcpy(&v, &bits, sizeof v);
    return v;
}

uint64_t reader_varint(struct reader *r, const char *field) {
    size_t start = r->at;
    uint64_t v = 0;
    for (unsigned i = 0; r->status == OK && i < WIRE_VARINT_MAX; i++) {
        if (r->at == r->n) {
            reader_fail(r, start, ERR_INVALID, "%s: the bytes end within a varint", field);
            return 0;
        }
        uint8_t byte = r->p[r->at++];
        if (i == WIRE_VARINT_MAX - 1 && byte > 1) {
            break;
        }
        v |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            if (byte == 0 && i > 0) {
                reader_fail(r, start, ERR_INVALID, "%s: a varint of %u bytes where fewer would do", field,
                            i + 1);
                return 0;
            }
            return v;
        }
    }
    reader_fail(r, start, ERR_INVALID, "%s: a varint of more than 64 bits", field);
    return 0;
}

int64_t reader_svarint(struct reader *r, const char *field) {
    return unzigzag(reader_varint(r, field));
}

uint64_t reader_varint_max(struct reader *r, const char *field, uint64_t max) {
    size_t start = r->at;
    uint64_t v = reader_varint(r, field);
    if (v > max) {
        reader_fail(r, start, ERR_TOO_BIG, "%s is %llu, at most %llu is allowed", field,
                    (unsigned long long)v, (unsigned long long)max);
        return 0;
    }
    return v;
}

uint32_t reader_varint_u32(struct reader *r, const char *field, uint32_t max) {
    return (uint32_t)reader_varint_max(r, field, max);
}

uint32_t reader_count(struct reader *r, const char *field, uint32_t max, size_t min_size) {
    size_t start = r->at;
    uint32_t n = reader_varint_u32(r, field, max);
    if (n > reader_left(r) / min_size) {
        reader_fail(r, start, ERR_INVALID, "%s is %u, which do not fit into the %zu bytes that are left",
                    field, n, reader_left(r));
        return 0;
    }
    return n;
}

struct slice reader_bytes(struct reader *r, const char *field, size_t n) {
    const uint8_t *p = take(r, field, n);
    return p == NULL ? (struct slice){0} : slice_of(p, n);
}

struct slice reader_counted(struct reader *r, const char *field, size_t max) {
    size_t n = (size_t)reader_varint_max(r, field, max);
    return reader_bytes(r, field, n);
}

void reader_check_text(struct reader *r, const char *field, struct slice text) {
    if (!utf8_is_text(text)) {
        reader_fail(r, r->at - text.n, ERR_INVALID, "%s is not UTF-8, or has a NUL in it", field);
    }
}

struct slice reader_text(struct reader *r, const char *field, size_t max) {
    struct slice text = reader_counted(r, field, max);
    reader_check_text(r, field, text);
    return reader_ok(r) ? text : (struct slice){0};
}

struct reader reader_sub(struct reader *r, const char *field, size_t n) {
    size_t start = r->at;
    struct slice bytes = reader_bytes(r, field, n);
    return (struct reader){.p = (const uint8_t *)bytes.p,
                           .n = bytes.n,
                           .base = r->base + start,
                           .what = r->what,
                           .err = r->err,
                           .status = r->status};
}

void reader_join(struct reader *r, struct reader *sub) {
    enum status status = reader_done(sub);
    if (r->status == OK && status != OK) {
        r->status = status;
        r->at = r->n;
    }
}

static void write_fixed(struct buf *out, uint64_t v, size_t n) {
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(v >> (8 * i));
    }
    buf_append(out, bytes, n);
}

void write_u16(struct buf *out, uint16_t v) {
    write_fixed(out, v, 2);
}

void write_u32(struct buf *out, uint32_t v) {
    write_fixed(out, v, 4);
}

void write_u64(struct buf *out, uint64_t v) {
    write_fixed(out, v, 8);
}

void write_i64(struct buf *out, int64_t v) {
    write_fixed(out, (uint64_t)v, 8);
}

void write_f64(struct buf *out, double v) {
    uint64_t bits = 0;
    memcpy(&bits, &v, sizeof bits);
    write_fixed(out, bits, 8);
}

static size_t varint_put(uint8_t bytes[WIRE_VARINT_MAX], uint64_t v) {
    size_t n = 0;
    while (v >= 0x80) {
        bytes[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    bytes[n++] = (uint8_t)v;
    return n;
}

void write_varint(struct buf *out, uint64_t v) {
    uint8_t bytes[WIRE_VARINT_MAX];
    size_t n = varint_put(bytes, v);
    buf_append(out, bytes, n);
}

void write_svarint(struct buf *out, int64_t v) {
    write_varint(out, zigzag(v));
}

void write_counted(struct buf *out, struct slice s) {
    write_varint(out, s.n);
    buf_append(out, s.p, s.n);
}

void write_text(struct buf *out, struct slice text, size_t max) {
    CHECK(text.n <= max);
    CHECK(utf8_is_text(text));
    write_counted(out, text);
}

void write_time(struct buf *out, int64_t t_us) {
    CHECK(is_time(t_us));
    write_i64(out, t_us);
}

void write_length_before(struct buf *out, size_t mark) {
    CHECK(mark <= out->n);
    size_t len = out->n - mark;
    uint8_t bytes[WIRE_VARINT_MAX];
    size_t n = varint_put(bytes, len);
    if (buf_reserve(out, n) != NULL) {
        uint8_t *start = out->p + mark;
        memmove(start + n, start, len);
        memcpy(start, bytes, n);
        out->n += n;
    }
}

size_t varint_size(uint64_t v) {
    size_t n = 1;
    for (; v >= 0x80; v >>= 7) {
        n++;
    }
    return n;
}

/* Skips to tag's row, complaining of required ones in between; *i is where the search goes on. NULL: unknown.
 */
static const struct tlv_field *row_of(struct reader *r, const struct tlv_field *fields, size_t n, size_t *i,
                                      uint64_t tag, size_t at) {
    for (; *i < n && fields[*i].tag < tag; (*i)++) {
        if (fields[*i].required) {
            reader_fail(r, at, ERR_INVALID, "field %u (%s) is missing", fields[*i].tag, fields[*i].name);
            return NULL;
        }
    }
    return *i < n && fields[*i].tag == tag ? &fields[(*i)++] : NULL;
}

void tlv_read(struct reader *r, const struct tlv_field *fields, size_t n, void *message) {
    uint64_t last = 0;
    size_t i = 0;
    while (reader_left(r) > 0) {
        size_t at = r->at;
        uint64_t tag = reader_varint(r, "a field's tag");
        uint64_t len = reader_varint(r, "a field's length");
        if (reader_ok(r) && tag <= last) {
            reader_fail(r, at, ERR_INVALID, "field %llu after field %llu: tags must ascend from 1",
                        (unsigned long long)tag, (unsigned long long)last);
        }
        last = tag;
        const struct tlv_field *row = reader_ok(r) ? row_of(r, fields, n, &i, tag, at) : NULL;
        if (len > reader_left(r)) {
            reader_fail(r, at, ERR_INVALID, "field %llu has %llu bytes, %zu are left",
                        (unsigned long long)tag, (unsigned long long)len, reader_left(r));
        }
        struct reader sub = reader_sub(r, "a field", (size_t)len);
        if (row != NULL && reader_ok(r)) {
            row->read(&sub, message);
            reader_join(r, &sub);
        }
    }
    (void)row_of(r, fields, n, &i, UINT64_MAX, r->at);
}

void tlv_write(struct buf *out, const struct tlv_field *fields, size_t n, const void *message) {
    for (size_t i = 0; i < n; i++) {
        size_t start = out->n;
        write_varint(out, fields[i].tag);
        size_t mark = out->n;
        fields[i].write(out, message);
        if (out->n == mark) {
            out->n = start;
        } else {
            write_length_before(out, mark);
        }
    }
}

void tlv_skip(struct reader *r) {
    tlv_read(r, NULL, 0, NULL);
}
