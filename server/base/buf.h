/* A growable byte buffer with a hard maximum that is given when it is made. A write that does not fit (or
 * finds no memory) changes nothing and marks the buffer as failed; it stays failed until buf_clear, so that a
 * chain of writes needs one check at its end. The buffer owns its memory; buf_done frees it. */
#ifndef PENSTOCK_BASE_BUF_H
#define PENSTOCK_BASE_BUF_H

#include "server/base/slice.h"
#include "server/base/status.h"

#include <stdint.h>

struct buf {
    uint8_t *p;
    size_t n;
    size_t cap;
    size_t max;
    bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
/* Empties it, keeps the memory, forgets a failure. */
void buf_clear(struct buf *b);

void buf_append(struct buf *b, const void *p, size_t n);
void buf_byte(struct buf *b, uint8_t byte);
void buf_text(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* JSON string with its quotes; invalid UTF-8 becomes U+FFFD, so that one bad text never breaks a document. */
void buf_json_string(struct buf *b, struct slice text);
/* A number that JSON can carry: %.17g shortened where that loses nothing; NaN and infinities become null. */
void buf_json_number(struct buf *b, double number);
/* Room for n bytes at the end, to be filled by the caller who then adds to b->n; NULL if it does not fit. */
uint8_t *buf_reserve(struct buf *b, size_t n);
/* Drops the first n bytes and moves the rest down. */
void buf_consume(struct buf *b, size_t n);
struct slice buf_slice(const struct buf *b);
MUSTCHECK enum status buf_status(const struct buf *b, struct error *err);

#endif
