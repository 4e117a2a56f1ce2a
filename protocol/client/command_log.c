#include "protocol/client/command_log.h"

#include "protocol/client/file.h"
#include "server/base/crc32c.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* u32 CRC-32C of the rest | u8 stage, or HEAD | u8 type of the value | u16 reason | 16 B id | u32 CRC of name
 * | u32 CRC of value | u64 value as read back, or HEAD's since_us | 24 B 0 */
enum { SLOT = 64, HEAD = 0xFF, SLOTS_MAX = 8 * COMMANDS_MAX };

static const char log_file[] = "commands";

static void seal_slot(uint8_t p[SLOT]) {
    put_u32(p, crc32c(0, p + 4, SLOT - 4));
}

static void encode_head(uint8_t p[SLOT], int64_t since_us) {
    memset(p, 0, SLOT);
    p[4] = HEAD;
    put_u64(p + 32, (uint64_t)since_us);
    seal_slot(p);
}

static void encode_slot(uint8_t p[SLOT], const struct command_memory *m) {
    memset(p, 0, SLOT);
    p[4] = m->stage;
    p[5] = m->value.type;
    put_u16(p + 6, m->reason);
    memcpy(p + 8, m->id.bytes, sizeof m->id.bytes);
    put_u32(p + 24, m->name_crc);
    put_u32(p + 28, m->value_crc);
    if (m->value.type != 0) {
        put_u64(p + 32, m->value.u);
    }
    seal_slot(p);
}

static struct command_memory decode_slot(const uint8_t p[SLOT]) {
    struct command_memory m = {
        .stage = p[4], .reason = get_u16(p + 6), .name_crc = get_u32(p + 24), .value_crc = get_u32(p + 28)};
    memcpy(m.id.bytes, p + 8, sizeof m.id.bytes);
    if (p[5] >= VALUE_BOOL && p[5] <= VALUE_ENUM) {
        m.value.type = p[5];
        m.value.u = get_u64(p + 32);
    }
    return m;
}

/* Reads all slots; true in *ret_whole if the head and all others check. */
static enum status scan(const uint8_t *p, uint64_t slots, command_log_on_entry on_entry, void *ctx,
                        bool *ret_whole, struct error *err) {
    bool whole = slots > 0;
    for (uint64_t i = 0; i < slots; i++, p += SLOT) {
        bool good = get_u32(p) == crc32c(0, p + 4, SLOT - 4) && (i == 0) == (p[4] == HEAD);
        whole = whole && good;
        if (!good || i == 0) {
            continue;
        }
        struct command_memory m = decode_slot(p);
        enum status st = on_entry(ctx, &m, err);
        if (st != OK) {
            return st;
        }
    }
    *ret_whole = whole;
    return OK;
}

enum status command_log_open(struct command_log *l, int dir_fd, command_log_on_entry on_entry, void *ctx,
                             int64_t *ret_since_us, struct error *err) {
    *l = (struct command_log){.dir_fd = dir_fd, .fd = -1};
    l->fd = openat(dir_fd, log_file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct stat info = {0};
    if (l->fd < 0 || fstat(l->fd, &info) != 0) {
        return file_error(err, log_file, "open");
    }
    uint64_t slots = (uint64_t)info.st_size / SLOT;
    if (slots > SLOTS_MAX) {
        return error_set(err, ERR_TOO_BIG, log_file, "has more than %d entries: it is none of ours",
                         SLOTS_MAX);
    }
    uint8_t *p = malloc(slots > 0 ? slots * SLOT : 1);
    bool whole = false;
    int64_t since_us = 0;
    enum status st = p != NULL ? file_read_at(l->fd, log_file, p, slots * SLOT, 0, err)
                               : error_set(err, ERR_NOMEM, log_file, "no memory to read it");
    if (st == OK) {
        /* What is found may so far be in the page cache only. */
        st = file_sync(l->fd, log_file, err);
    }
    if (st == OK) {
        st = scan(p, slots, on_entry, ctx, &whole, err);
    }
    if (st == OK && whole) {
        since_us = (int64_t)get_u64(p + 32);
    }
    free(p);
    if (st == OK) {
        l->slots = slots;
        *ret_since_us = since_us;
    }
    return st;
}

void command_log_close(struct command_log *l) {
    if (l->fd >= 0) {
        (void)close(l->fd);
    }
    l->fd = -1;
}

enum status command_log_append(struct command_log *l, const struct command_memory *m, struct error *err) {
    uint8_t p[SLOT];
    if (l->slots == 0) {
        /* No head yet, since no session was ever up: whatever is written now is not said to be complete. */
        encode_head(p, 0);
        enum status st = file_write_at(l->fd, log_file, p, SLOT, 0, err);
        if (st != OK) {
            return st;
        }
        l->slots = 1;
    }
    encode_slot(p, m);
    enum status st = file_write_at(l->fd, log_file, p, SLOT, l->slots * SLOT, err);
    if (st == OK) {
        st = file_sync(l->fd, log_file, err);
    }
    if (st == OK) {
        l->slots++;
    }
    return st;
}

enum status command_log_rewrite(struct command_log *l, const struct command_memory *v, uint32_t n,
                                int64_t since_us, struct error *err) {
    uint8_t *p = malloc(((size_t)n + 1) * SLOT);
    if (p == NULL) {
        return error_set(err, ERR_NOMEM, log_file, "no memory to write it");
    }
    encode_head(p, since_us);
    for (uint32_t i = 0; i < n; i++) {
        encode_slot(p + ((size_t)i + 1) * SLOT, &v[i]);
    }
    enum status st = file_replace(l->dir_fd, log_file, p, ((size_t)n + 1) * SLOT, err);
    free(p);
    int fd = st == OK ? openat(l->dir_fd, log_file, O_RDWR | O_CLOEXEC) : -1;
    if (st == OK && fd < 0) {
        st = file_error(err, log_file, "open");
    }
    if (st == OK) {
        command_log_close(l);
        l->fd = fd;
        l->slots = (uint64_t)n + 1;
    }
    return st;
}
