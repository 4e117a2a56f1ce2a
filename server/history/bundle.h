/* A bundle: the mixed chunks of several records, one behind the other, so that they share what a row costs
 * where each would be small alone. Each keeps its own checksum. Layout, little-endian:
 *
 *   u8 version (3) | of each chunk: u32 bytes, the chunk
 *
 * It has as many samples as one chunk may have, so whoever reads chunks reads bundles. Pure. */
#ifndef PENSTOCK_HISTORY_BUNDLE_H
#define PENSTOCK_HISTORY_BUNDLE_H

#include "server/history/chunk.h"

enum {
    BUNDLE_VERSION = 3,
    BUNDLE_HEAD_BYTES = 1,
    BUNDLE_CHUNK_BYTES = 4, /* before each */
};

void bundle_begin(struct buf *out);
/* Adds a mixed chunk; CHUNK_SAMPLES_MAX samples in all are the caller's to see to. */
void bundle_add(struct buf *out, struct slice chunk);
/* As chunk_read and chunk_read_columns; all of bytes is a chunk of either version, or a bundle. */
MUSTCHECK enum status bundle_read(struct slice bytes, struct chunk_work *work, struct chunk_sample *ret_v,
                                  uint32_t *ret_n, struct error *err);
MUSTCHECK enum status bundle_read_columns(struct slice bytes, struct chunk_work *work, struct error *err);
/* Whether what was read says of each sample which tag it is of. */
bool bundle_is_mixed(struct slice bytes);

#endif
