/* Whole numbers and bits in few bytes: what the columns of a chunk (chunk.h) are made of. Pure.
 *
 * A column of integers is what its author would write by hand: the first number, the greatest unit that
 * divides all steps, and what is left of each number after its predecessor (or the slope of the two before
 * it) was taken away. What is left goes out as Rice codes: k low bits, the rest as a row of ones. A column
 * that was guessed right takes no bits at all. Arithmetic is modulo 2^64, so every int64_t comes back.
 *
 * Bits fill a byte from its lowest one. */
#ifndef PENSTOCK_HISTORY_BITS_H
#define PENSTOCK_HISTORY_BITS_H

#include "server/base/buf.h"

#include <stdint.h>
#include <string.h>

struct bit_writer {
    uint8_t *p; /* room for all that will be written, and 8 bytes more */
    size_t n;   /* whole bytes written */
    uint64_t acc;
    unsigned held; /* bits in acc */
};

struct bit_reader {
    const uint8_t *p;
    size_t n;
    size_t at; /* bytes taken into acc */
    uint64_t acc;
    unsigned held;
    bool failed; /* read beyond the end; every read since gave 0 */
};

static inline void bits_init(struct bit_writer *w, uint8_t *room) {
    *w = (struct bit_writer){.n = 0};
    w->p = room;
}

/* v has n bits, at most 56, and no others. */
static inline void bits_put_few(struct bit_writer *w, uint64_t v, unsigned n) {
    w->acc |= v << w->held;
    w->held += n;
    memcpy(w->p + w->n, &w->acc, sizeof w->acc);
    w->n += w->held / 8;
    w->acc >>= w->held & ~7U;
    w->held &= 7U;
}

/* The lowest n bits (at most 64) of v. */
static inline void bits_put(struct bit_writer *w, uint64_t v, unsigned n) {
    if (n > 32) {
        bits_put_few(w, v & UINT32_MAX, 32);
        v >>= 32;
        n -= 32;
    }
    bits_put_few(w, v & ((UINT64_C(1) << n) - 1), n);
}

/* Fills the last byte with zeros; the number of bytes in all. */
static inline size_t bits_end(const struct bit_writer *w) {
    return w->n + (w->held > 0);
}

static inline void bits_open(struct bit_reader *r, const uint8_t *p, size_t n) {
    *r = (struct bit_reader){.p = p, .n = n};
}

/* At least 56 bits in acc, or all that there are. Bits above those held may be there already: they are the
 * ones that come. */
static inline void bits_refill(struct bit_reader *r) {
    if (r->n - r->at >= sizeof r->acc) {
        uint64_t next;
        memcpy(&next, r->p + r->at, sizeof next);
        unsigned bytes = (63 - r->held) / 8;
        r->acc |= next << r->held;
        r->at += bytes;
        r->held += bytes * 8;
        return;
    }
    while (r->held <= 56 && r->at < r->n) {
        r->acc |= (uint64_t)r->p[r->at++] << r->held;
        r->held += 8;
    }
}

/* At most 56 bits, which are in acc if they are anywhere. */
static inline uint64_t bits_take(struct bit_reader *r, unsigned n) {
    if (n > r->held) {
        *r = (struct bit_reader){.p = r->p, .n = r->n, .at = r->n, .failed = true};
        return 0;
    }
    uint64_t v = r->acc & ((UINT64_C(1) << n) - 1);
    r->acc >>= n;
    r->held -= n;
    return v;
}

static inline uint64_t bits_get(struct bit_reader *r, unsigned n) {
    bits_refill(r);
    if (n <= 32) {
        return bits_take(r, n);
    }
    uint64_t low = bits_take(r, 32);
    bits_refill(r);
    return low | (bits_take(r, n - 32) << 32);
}

/* The bytes of which something was read. */
static inline size_t bits_used(const struct bit_reader *r) {
    return r->at - r->held / 8;
}

/* v[0..n) behind out; n is at least 1 and not written. The same numbers become the same bytes on every
 * machine. Marks out as failed if it has no room for the most that n numbers may take. */
void column_write(struct buf *out, const int64_t *v, uint32_t n);
/* Reads n numbers from the start of bytes; the number of bytes used, or 0 if they are not a column of n. */
MUSTCHECK size_t column_read(struct slice bytes, uint32_t n, int64_t *ret_v);

/* Bytes that stay the same for long: runs, or just the bytes where that is less. The same contract. */
void runs_write(struct buf *out, const uint8_t *v, uint32_t n);
MUSTCHECK size_t runs_read(struct slice bytes, uint32_t n, uint8_t *ret_v);

#endif
