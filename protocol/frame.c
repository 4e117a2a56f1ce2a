#include "protocol/frame.h"

#include "protocol/wire.h"
#include "server/base/check.h"

static uint32_t u32_at(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

enum frame_result frame_parse(const uint8_t *p, size_t n, size_t max_body, struct frame *ret,
                              size_t *ret_need, struct error *err) {
    if (n > 0 && p[0] != FRAME_MAGIC) {
        (void)error_set(
            err, ERR_INVALID, "frame, offset 0",
            "a frame starts with 0x%02X, this is 0x%02X: not Penstock Link, or a wrong length before",
            FRAME_MAGIC, p[0]);
        return FRAME_BAD;
    }
    if (n < LINK_FRAME_HEAD) {
        *ret_need = LINK_FRAME_HEAD;
        return FRAME_MORE;
    }
    uint16_t flags = (uint16_t)(p[2] | p[3] << 8);
    if ((flags & FRAME_CRITICAL_UNKNOWN) != 0) {
        (void)error_set(err, ERR_UNSUPPORTED, "frame, offset 2",
                        "flags 0x%04X: bits 4 to 7 must be understood, and this version knows none of them",
                        flags);
        return FRAME_BAD;
    }
    size_t len = u32_at(p + 4);
    if (len > max_body) {
        (void)error_set(err, ERR_TOO_BIG, "frame, offset 4",
                        "a body of %zu bytes, at most %zu are allowed now", len, max_body);
        return FRAME_BAD;
    }
    *ret_need = LINK_FRAME_HEAD + len;
    if (n - LINK_FRAME_HEAD < len) {
        return FRAME_MORE;
    }
    *ret = (struct frame){.type = p[1], .flags = flags, .body = slice_of(p + LINK_FRAME_HEAD, len)};
    return FRAME_OK;
}

size_t frame_begin(struct buf *out, uint8_t type, uint16_t flags) {
    CHECK((flags & FRAME_CRITICAL_UNKNOWN) == 0);
    size_t mark = out->n;
    buf_byte(out, FRAME_MAGIC);
    buf_byte(out, type);
    write_u16(out, flags);
    write_u32(out, 0);
    return mark;
}

void frame_end(struct buf *out, size_t mark) {
    CHECK(mark <= out->n);
    if (out->failed) {
        out->n = mark; /* whole frames or nothing */
        return;
    }
    CHECK(out->n - mark >= LINK_FRAME_HEAD);
    size_t len = out->n - mark - LINK_FRAME_HEAD;
    CHECK(len <= LINK_BODY_MAX_HARD);
    for (size_t i = 0; i < 4; i++) {
        out->p[mark + 4 + i] = (uint8_t)(len >> (8 * i));
    }
}

void frame_append(struct buf *out, uint8_t type, uint16_t flags, struct slice body) {
    size_t mark = frame_begin(out, type, flags);
    buf_append(out, body.p, body.n);
    frame_end(out, mark);
}
