#include "server/app/audit_key.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = POINT_KEYS_MAX * POINT_PEM_MAX };

static enum status cannot(const char *file, const char *what, struct error *err) {
    return error_set(err, errno == EEXIST ? ERR_EXISTS : ERR_IO, file, "cannot be %s: %s", what,
                     strerrordesc_np(errno));
}

static enum status write_new(const char *file, mode_t mode, struct slice text, struct error *err) {
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        return cannot(file, "made", err);
    }
    /* A few hundred bytes: written whole or not. */
    bool done = write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0;
    done = close(fd) == 0 && done;
    return done ? OK : cannot(file, "written", err);
}

enum status audit_key_make(const char *file, struct error *err) {
    char public_file[1024];
    int n = snprintf(public_file, sizeof public_file, "%s.pub", file);
    if (n < 0 || (size_t)n >= sizeof public_file) {
        return error_set(err, ERR_TOO_BIG, "FILE", "wants a shorter name");
    }
    if (access(public_file, F_OK) == 0) {
        return error_set(err, ERR_EXISTS, public_file, "is there already: a key is never written over");
    }
    struct buf secret;
    struct buf open_text;
    buf_init(&secret, POINT_PEM_MAX);
    buf_init(&open_text, POINT_PEM_MAX);
    enum status status = point_key_make(&secret, &open_text, err);
    status = status == OK ? write_new(file, 0600, buf_slice(&secret), err) : status;
    status = status == OK ? write_new(public_file, 0644, buf_slice(&open_text), err) : status;
    OPENSSL_cleanse(secret.p, secret.cap);
    buf_done(&secret);
    buf_done(&open_text);
    return status;
}

/* The whole file, at most TEXT_MAX bytes; ret as initialised, to be done by the caller. */
static enum status read_file(int fd, const char *file, struct buf *ret, struct error *err) {
    for (;;) {
        uint8_t *room = buf_reserve(ret, POINT_PEM_MAX);
        ssize_t n = room == NULL ? 0 : read(fd, room, POINT_PEM_MAX);
        if (n < 0) {
            return cannot(file, "read", err);
        }
        if (n == 0) {
            return room == NULL ? error_set(err, ERR_TOO_BIG, file, "is too long for a key") : OK;
        }
        ret->n += (size_t)n;
    }
}

static enum status check_mode(int fd, const char *file, struct error *err) {
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return cannot(file, "read", err);
    }
    return (st.st_mode & 037) == 0
               ? OK
               : error_set(err, ERR_DENIED, file,
                           "may be read by others, or written by its group: who has it can forge the audit; "
                           "chmod 600 it, or make a new one");
}

enum status audit_key_read(const char *file, struct point_key **ret, struct error *err) {
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return cannot(file, "read", err);
    }
    struct buf text;
    buf_init(&text, TEXT_MAX);
    enum status status = check_mode(fd, file, err);
    status = status == OK ? read_file(fd, file, &text, err) : status;
    (void)close(fd);
    status = status == OK ? point_key_read(buf_slice(&text), ret, err) : status;
    if (text.p != NULL) {
        OPENSSL_cleanse(text.p, text.cap);
    }
    buf_done(&text);
    return status;
}

enum status audit_keys_read(const char *file, struct point_keys **ret, struct error *err) {
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return cannot(file, "read", err);
    }
    struct buf text;
    buf_init(&text, TEXT_MAX);
    enum status status = read_file(fd, file, &text, err);
    (void)close(fd);
    status = status == OK ? point_keys_read(buf_slice(&text), ret, err) : status;
    buf_done(&text);
    return status;
}
