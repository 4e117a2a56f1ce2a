/* The numbers of a chunk (chunk.h): doubles packed by the codec that fits them best, lossless. Pure. */
#ifndef PENSTOCK_HISTORY_NUMBERS_H
#define PENSTOCK_HISTORY_NUMBERS_H

#include "server/history/chunk.h"

/* Appends a byte of enum chunk_codec and the numbers; 1 to CHUNK_SAMPLES_MAX of them. v is work->numbers or
 * elsewhere. */
void numbers_write(struct buf *out, const double *v, uint32_t n, struct chunk_work *work);
/* Reads n numbers from the start of bytes; how many bytes they took, 0 if they are not n numbers. */
MUSTCHECK size_t numbers_read(struct slice bytes, uint32_t n, struct chunk_work *work, double *ret_v);

#endif
