/* CRC-32C (Castagnoli), as used by the gateway's journal and to tell a resent record from a forked one. Pure.
 */
#ifndef PENSTOCK_BASE_CRC32C_H
#define PENSTOCK_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc: 0 for the first piece, then the former result: crc32c(crc32c(0, a), b) == crc32c(0, ab). */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);
/* The same, as machines reckon it that have no instruction for it. */
uint32_t crc32c_by_table(uint32_t crc, const void *p, size_t n);

#endif
