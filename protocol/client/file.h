/* The few file operations that the journal needs, whole or failed: short writes are continued, EINTR is
 * repeated, and a failure is a sentence that names the file and the reason. */
#ifndef PENSTOCK_CLIENT_FILE_H
#define PENSTOCK_CLIENT_FILE_H

#include "server/base/status.h"

#include <stddef.h>
#include <stdint.h>

/* ERR_IO with "cannot <what>: <reason of errno>". */
enum status file_error(struct error *err, const char *name, const char *what);
MUSTCHECK enum status file_write_at(int fd, const char *name, const void *p, size_t n, uint64_t offset,
                                    struct error *err);
/* Exactly n bytes, or ERR_IO. */
MUSTCHECK enum status file_read_at(int fd, const char *name, void *p, size_t n, uint64_t offset,
                                   struct error *err);
MUSTCHECK enum status file_sync(int fd, const char *name, struct error *err);
/* Writes NAME.tmp, makes it durable, renames it to NAME, makes the directory durable. */
MUSTCHECK enum status file_replace(int dir_fd, const char *name, const void *p, size_t n, struct error *err);

void put_u16(uint8_t *p, uint16_t v);
void put_u32(uint8_t *p, uint32_t v);
void put_u64(uint8_t *p, uint64_t v);
uint16_t get_u16(const uint8_t *p);
uint32_t get_u32(const uint8_t *p);
uint64_t get_u64(const uint8_t *p);

#endif
