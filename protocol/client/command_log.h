/* The memory of commands (commands.h) on the disk: the file "commands" in the journal's directory. Slots of
 * 64 bytes: a head that says from when on the memory is complete, then intents and outcomes in the order of
 * coming; the last one of an id counts. Each slot has a CRC-32C. Appending waits for the disk.
 *
 * A last slot that is not whole is a torn write: it was never promised to anybody, and goes. Any other damage
 * makes the memory incomplete: since_us is 0 then. Rewriting goes by rename: a crash leaves the old file or
 * the new one. Whoever holds the journal's lock holds this. One thread. */
#ifndef PENSTOCK_CLIENT_COMMAND_LOG_H
#define PENSTOCK_CLIENT_COMMAND_LOG_H

#include "protocol/client/commands.h"

struct command_log {
    int dir_fd; /* borrowed */
    int fd;
    uint64_t slots; /* whole ones in the file, with the head */
};

/* Gives what it finds, in order, then *ret_since_us. */
typedef enum status (*command_log_on_entry)(void *ctx, const struct command_memory *m, struct error *err);
MUSTCHECK enum status command_log_open(struct command_log *l, int dir_fd, command_log_on_entry on_entry,
                                       void *ctx, int64_t *ret_since_us, struct error *err);
void command_log_close(struct command_log *l);
MUSTCHECK enum status command_log_append(struct command_log *l, const struct command_memory *m,
                                         struct error *err);
MUSTCHECK enum status command_log_rewrite(struct command_log *l, const struct command_memory *v, uint32_t n,
                                          int64_t since_us, struct error *err);

#endif
