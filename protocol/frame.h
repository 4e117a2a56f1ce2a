/* Frames: the outermost layer of Penstock Link (protocol/README.md, "Frame"). Bytes in, one frame out, or
 * "more". No I/O, no allocation, total on arbitrary bytes; a returned body points into the caller's bytes. */
#ifndef PENSTOCK_PROTOCOL_FRAME_H
#define PENSTOCK_PROTOCOL_FRAME_H

#include "protocol/limits.h"
#include "server/base/buf.h"

#include <stdint.h>

enum { FRAME_MAGIC = 0xB7 };

enum frame_flag {
    FRAME_JOURNALED = 1 << 0,      /* J: has (epoch, seq); must be stored before it is acknowledged */
    FRAME_BACKLOG = 1 << 1,        /* H: history lane */
    FRAME_SNAPSHOT = 1 << 2,       /* S: what is true now; never journaled, never stored */
    FRAME_CLOCK_UNSYNCED = 1 << 3, /* U */
    FRAME_CRITICAL_UNKNOWN = 0xF0, /* reserved: set and unknown means refuse */
};

struct frame {
    uint8_t type;
    uint16_t flags;
    struct slice body;
};

enum frame_result {
    FRAME_OK,
    FRAME_MORE, /* not whole yet; *ret_need says how many bytes from p it takes at least */
    FRAME_BAD,  /* no frame can start here: say so (err) and close */
};

/* Looks at the n bytes at p. FRAME_OK: *ret is filled and *ret_need is the whole frame's length. max_body:
 * the limit that is in force (a longer one is FRAME_BAD with ERR_TOO_BIG as soon as its head is there). */
enum frame_result frame_parse(const uint8_t *p, size_t n, size_t max_body, struct frame *ret,
                              size_t *ret_need, struct error *err);

/* Appends a frame. body must not be inside out. Fails like any write to a buf (see buf_status). */
void frame_append(struct buf *out, uint8_t type, uint16_t flags, struct slice body);

/* To write a body in place: head with length 0 now, the right length later. Returns a mark for frame_end. */
size_t frame_begin(struct buf *out, uint8_t type, uint16_t flags);
void frame_end(struct buf *out, size_t mark);

#endif
