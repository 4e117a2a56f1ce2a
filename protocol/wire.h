/* Bounded reading and writing of integers, varints and texts: the only place of the codec where an index
 * moves over bytes. Pure.
 *
 * A reader remembers its first failure: after it, every read returns zero (or the empty slice), nothing is
 * left to read, and reader_done says what was wrong. So a decoder reads all fields and checks once, except
 * before it uses a count. Offsets in errors count from the start of the slice given to reader_init.
 *
 * A writer is a buf; it remembers its failure in the same way. Integers are little-endian; a varint is LEB128
 * in its shortest form; a svarint is a varint of the zigzag of a signed number. */
#ifndef PENSTOCK_PROTOCOL_WIRE_H
#define PENSTOCK_PROTOCOL_WIRE_H

#include "server/base/buf.h"

#include <stdint.h>

enum { WIRE_VARINT_MAX = 10 }; /* bytes */

struct reader {
    const uint8_t *p;
    size_t at;
    size_t n;
    size_t base;      /* of p within the message, for offsets */
    const char *what; /* the message's name, for errors */
    struct error *err;
    enum status status;
};

/* what lives as long as the reader. err may be NULL. */
void reader_init(struct reader *r, struct slice bytes, const char *what, struct error *err);
/* Bytes not read yet; 0 after a failure. */
size_t reader_left(const struct reader *r);
/* What is not read yet. */
struct slice reader_rest(const struct reader *r);
bool reader_ok(const struct reader *r);
/* OK if nothing failed and nothing is left. */
MUSTCHECK enum status reader_done(struct reader *r);
/* Makes the reader fail at offset at, unless it failed before. */
void reader_fail(struct reader *r, size_t at, enum status code, const char *fmt, ...) PRINTF_LIKE(4, 5);

uint8_t reader_u8(struct reader *r, const char *field);
uint16_t reader_u16(struct reader *r, const char *field);
uint32_t reader_u32(struct reader *r, const char *field);
uint64_t reader_u64(struct reader *r, const char *field);
int64_t reader_i64(struct reader *r, const char *field);
double reader_f64(struct reader *r, const char *field);
uint64_t reader_varint(struct reader *r, const char *field);
int64_t reader_svarint(struct reader *r, const char *field);
/* Microseconds since 1970; fails outside of LINK_TIME_MIN_US to LINK_TIME_MAX_US. */
int64_t reader_time(struct reader *r, const char *field);
/* Fails with ERR_TOO_BIG above max. */
uint64_t reader_varint_max(struct reader *r, const char *field, uint64_t max);
/* The same for 32 bits, and 0 after a failure. */
uint32_t reader_varint_u32(struct reader *r, const char *field, uint32_t max);
/* A count of things of at least min_size bytes each: fails if they cannot be there. */
uint32_t reader_count(struct reader *r, const char *field, uint32_t max, size_t min_size);
/* The next n bytes. */
struct slice reader_bytes(struct reader *r, const char *field, size_t n);
/* varint length and that many bytes; reader_text: of UTF-8 without NUL. */
struct slice reader_counted(struct reader *r, const char *field, size_t max);
struct slice reader_text(struct reader *r, const char *field, size_t max);
/* Fails unless text is UTF-8 without NUL. */
void reader_check_text(struct reader *r, const char *field, struct slice text);
/* A reader of the next n bytes alone; give its result back with reader_join. */
struct reader reader_sub(struct reader *r, const char *field, size_t n);
/* Takes over sub's failure; unread bytes in it are one. */
void reader_join(struct reader *r, struct reader *sub);

void write_u16(struct buf *out, uint16_t v);
void write_u32(struct buf *out, uint32_t v);
void write_u64(struct buf *out, uint64_t v);
void write_i64(struct buf *out, int64_t v);
void write_f64(struct buf *out, double v);
void write_varint(struct buf *out, uint64_t v);
void write_svarint(struct buf *out, int64_t v);
/* varint length and the bytes */
void write_counted(struct buf *out, struct slice s);
/* The same, with CHECKs: a text of at most max bytes; a time within the limits. */
void write_text(struct buf *out, struct slice text, size_t max);
void write_time(struct buf *out, int64_t t_us);
/* Puts the varint length of what was written since mark (out->n at that time) before it. */
void write_length_before(struct buf *out, size_t mark);
/* How many bytes write_varint writes. */
size_t varint_size(uint64_t v);

static inline uint64_t zigzag(int64_t v) {
    return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
}

static inline int64_t unzigzag(uint64_t v) {
    return (int64_t)((v >> 1) ^ (0 - (v & 1)));
}

/* Extensible part of a message: (varint tag, varint length, value) in ascending order of tag, each tag once.
 * One row for each tag that is known; the table is in ascending order of tag. A message's unknown tags are
 * skipped. */
struct tlv_field {
    uint32_t tag;
    bool required;
    const char *name;
    void (*read)(struct reader *r, void *message);
    void (*write)(struct buf *out, const void *message); /* writes nothing: the field is left out */
};
/* Reads to the end of r. */
void tlv_read(struct reader *r, const struct tlv_field *fields, size_t n, void *message);
void tlv_write(struct buf *out, const struct tlv_field *fields, size_t n, const void *message);
/* For messages that end with a place for fields of later versions. */
void tlv_skip(struct reader *r);

#endif
