#include "protocol/client/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum status file_error(struct error *err, const char *name, const char *what) {
    const char *reason = strerrordesc_np(errno);
    return error_set(err, ERR_IO, name, "cannot %s: %s", what, reason != NULL ? reason : "unknown reason");
}

enum status file_write_at(int fd, const char *name, const void *p, size_t n, uint64_t offset,
                          struct error *err) {
    const uint8_t *from = p;
    while (n > 0) {
        ssize_t done = pwrite(fd, from, n, (off_t)offset);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return file_error(err, name, "write");
        }
        from += done;
        n -= (size_t)done;
        offset += (uint64_t)done;
    }
    return OK;
}

enum status file_read_at(int fd, const char *name, void *p, size_t n, uint64_t offset, struct error *err) {
    uint8_t *to = p;
    while (n > 0) {
        ssize_t done = pread(fd, to, n, (off_t)offset);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0) {
            return file_error(err, name, "read");
        }
        if (done == 0) {
            return error_set(err, ERR_IO, name, "the file is shorter than it was");
        }
        to += done;
        n -= (size_t)done;
        offset += (uint64_t)done;
    }
    return OK;
}

enum status file_sync(int fd, const char *name, struct error *err) {
    return fdatasync(fd) == 0 ? OK : file_error(err, name, "make durable (fdatasync)");
}

enum status file_replace(int dir_fd, const char *name, const void *p, size_t n, struct error *err) {
    char temporary[64];
    (void)snprintf(temporary, sizeof temporary, "%s.tmp", name);
    int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return file_error(err, temporary, "create");
    }
    enum status st = file_write_at(fd, temporary, p, n, 0, err);
    if (st == OK) {
        st = file_sync(fd, temporary, err);
    }
    (void)close(fd);
    if (st == OK && renameat(dir_fd, temporary, dir_fd, name) != 0) {
        st = file_error(err, name, "rename to");
    }
    if (st == OK && fsync(dir_fd) != 0) {
        st = file_error(err, name, "make its directory durable");
    }
    if (st != OK) {
        (void)unlinkat(dir_fd, temporary, 0);
    }
    return st;
}

void put_u16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

void put_u32(uint8_t *p, uint32_t v) {
    put_u16(p, (uint16_t)v);
    put_u16(p + 2, (uint16_t)(v >> 16));
}

void put_u64(uint8_t *p, uint64_t v) {
    put_u32(p, (uint32_t)v);
    put_u32(p + 4, (uint32_t)(v >> 32));
}

uint16_t get_u16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t get_u32(const uint8_t *p) {
    return get_u16(p) | (uint32_t)get_u16(p + 2) << 16;
}

uint64_t get_u64(const uint8_t *p) {
    return get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}
