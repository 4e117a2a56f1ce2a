/* A chunk: the samples of one tag over some time in as few bytes as they take, and never one bit changed.
 * Pure.
 *
 * Columns lie one after the other: times, qualities, kinds of values, numbers, texts. Numbers are packed in
 * the best of these ways, tried on the samples themselves:
 *
 *   constant  all the same bits
 *   scaled    each is a whole number of steps of a power of ten (or of a scale and an offset: see scale.h),
 * as a double or as a float: whole numbers go out as a column of integers, what rounding made of them, at
 * most CHUNK_ULPS_MAX units in the last place, as another one; the few that are no step follow as they are
 *   xor       what changed of the bits of the one before
 *   raw       eight bytes each
 *
 * NaN with its payload, -0.0, infinities and denormals come back as they were. Layout, little-endian:
 *
 *   u8 version (1) or mixed (2) | varint n | [if mixed, tags: column] | times: column | qualities: runs |
 * kinds: runs | [u8 codec, numbers] | [texts: varint distinct, each varint length and bytes; places in that
 * list: column] | u32 CRC-32C of all before
 *
 * A version that is not known is refused; within a version nothing is added. */
#ifndef PENSTOCK_HISTORY_CHUNK_H
#define PENSTOCK_HISTORY_CHUNK_H

#include "server/base/buf.h"

#include <stdint.h>

enum {
    CHUNK_VERSION = 1,
    CHUNK_MIXED_VERSION = 2, /* of several tags, in any order */
    CHUNK_SAMPLES_MAX = 4096,
    CHUNK_TEXT_MAX = 4096, /* bytes of one text */
    CHUNK_ULPS_MAX = 4,    /* units in the last place that a step may be beside its number */
};

enum chunk_kind {
    CHUNK_NOTHING, /* the quality says why */
    CHUNK_NUMBER,
    CHUNK_TEXT, /* also other bytes */
};

enum chunk_codec { CHUNK_CONSTANT, CHUNK_SCALED, CHUNK_XOR, CHUNK_RAW };

struct chunk_sample {
    int64_t tag_key; /* of a mixed chunk; else 0 */
    int64_t t_us;
    double number;
    struct slice text;
    uint8_t quality;
    uint8_t kind; /* enum chunk_kind */
};

/* Samples column by column, as they lie in a chunk. */
struct chunk_columns {
    uint32_t n;
    uint32_t n_numbers;
    uint32_t n_texts;
    int64_t tags[CHUNK_SAMPLES_MAX];
    int64_t times[CHUNK_SAMPLES_MAX];
    uint8_t qualities[CHUNK_SAMPLES_MAX];
    uint8_t kinds[CHUNK_SAMPLES_MAX];
    double numbers[CHUNK_SAMPLES_MAX]; /* of the samples that have one, in their order */
    struct slice texts[CHUNK_SAMPLES_MAX];
};

/* Memory to work in; what is in it between calls means nothing. */
struct chunk_work {
    struct chunk_columns columns;
    int64_t integers[CHUNK_SAMPLES_MAX];
    uint64_t rest[CHUNK_SAMPLES_MAX];
    double numbers[CHUNK_SAMPLES_MAX];
    int64_t ulps[CHUNK_SAMPLES_MAX];
    struct slice texts[CHUNK_SAMPLES_MAX];
    uint8_t bytes[CHUNK_SAMPLES_MAX];
};

/* Appends the chunk of v[0..n), ascending in time, each time once, 1 to CHUNK_SAMPLES_MAX. Marks out as
 * failed if it does not fit. */
void chunk_write(struct buf *out, const struct chunk_sample *v, uint32_t n, struct chunk_work *work);
/* The same of work->columns, which the caller has filled. */
void chunk_write_columns(struct buf *out, struct chunk_work *work);
/* The chunk of several tags, in any order, of work->columns. */
void chunk_write_columns_mixed(struct buf *out, struct chunk_work *work);
/* All of bytes is one chunk, of either version. ret_v has room for CHUNK_SAMPLES_MAX; texts point into bytes.
 * ERR_UNSUPPORTED: a later version; ERR_INVALID: damaged (err says where). */
MUSTCHECK enum status chunk_read(struct slice bytes, struct chunk_work *work, struct chunk_sample *ret_v,
                                 uint32_t *ret_n, struct error *err);
/* The same into work->columns, behind the samples that are there: those of several chunks, if they are not
 * too many. Where it fails they are as they were. Tags are 0 if the chunk is of one. */
MUSTCHECK enum status chunk_read_columns(struct slice bytes, struct chunk_work *work, struct error *err);
void chunk_put_columns(struct chunk_columns *c, const struct chunk_sample *v, uint32_t n);
void chunk_take_columns(const struct chunk_columns *c, struct chunk_sample *ret_v);

static inline void chunk_columns_clear(struct chunk_columns *c) {
    c->n = c->n_numbers = c->n_texts = 0;
}

#endif
