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

void bits_init(struct bit_writer *w, uint8_t *room);
/* The lowest n bits (at most 64) of v. */
void bits_put(struct bit_writer *w, uint64_t v, unsigned n);
/* Fills the last byte with zeros; the number of bytes in all. */
size_t bits_end(struct bit_writer *w);

void bits_open(struct bit_reader *r, const uint8_t *p, size_t n);
uint64_t bits_get(struct bit_reader *r, unsigned n);
/* The bytes of which something was read. */
size_t bits_used(const struct bit_reader *r);

/* v[0..n) behind out; n is at least 1 and not written. work has room for n numbers. Marks out as failed if it
 * does not fit. */
void column_write(struct buf *out, const int64_t *v, uint32_t n, uint64_t *work);
/* Reads n numbers from the start of bytes; the number of bytes used, or 0 if they are not a column of n. */
MUSTCHECK size_t column_read(struct slice bytes, uint32_t n, int64_t *ret_v);

/* Bytes that stay the same for long: runs, or just the bytes where that is less. The same contract. */
void runs_write(struct buf *out, const uint8_t *v, uint32_t n);
MUSTCHECK size_t runs_read(struct slice bytes, uint32_t n, uint8_t *ret_v);

#endif
