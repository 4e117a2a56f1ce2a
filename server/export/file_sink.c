#include "server/export/file_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODE = 0640, TAIL = 65536 };

struct file_sink {
    char path[FILE_SINK_PATH_MAX + 1];
    int fd; /* -1: not open */
    dev_t device;
    ino_t inode;
};

enum status file_sink_new(const char *path, struct file_sink **ret, struct error *err) {
    size_t n = strlen(path);
    if (n > FILE_SINK_PATH_MAX) {
        return error_set(err, ERR_TOO_BIG, "file", "wants a path of up to %d bytes", FILE_SINK_PATH_MAX);
    }
    struct file_sink *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return error_set(err, ERR_NOMEM, "file", "no memory");
    }
    memcpy(f->path, path, n + 1);
    f->fd = -1;
    *ret = f;
    return OK;
}

static void close_file(struct file_sink *f) {
    if (f->fd >= 0) {
        (void)close(f->fd);
        f->fd = -1;
    }
}

void file_sink_free(struct file_sink **f) {
    if (*f != NULL) {
        close_file(*f);
        free(*f);
        *f = NULL;
    }
}

static enum status failed(struct file_sink *f, const char *what, int error, struct error *err) {
    close_file(f); /* opening heals what is left of a line */
    return error_set(err, ERR_IO, f->path, "cannot be %s: %s", what, strerrordesc_np(error));
}

static bool write_all(int fd, struct slice v) {
    while (v.n > 0) {
        ssize_t n = write(fd, v.p, v.n);
        if (n <= 0 && errno != EINTR) {
            return false;
        }
        v = n > 0 ? slice_of(v.p + n, v.n - (size_t)n) : v;
    }
    return true;
}

/* Where the last whole line ends; -1: it cannot be read. */
static off_t whole_lines(int fd, off_t size) {
    static const size_t step = TAIL;
    char tail[TAIL];
    while (size > 0) {
        size_t n = size < (off_t)step ? (size_t)size : step;
        off_t from = size - (off_t)n;
        if (pread(fd, tail, n, from) != (ssize_t)n) {
            return -1;
        }
        const char *at = memrchr(tail, '\n', n);
        if (at != NULL) {
            return from + (at - tail) + 1;
        }
        size = from;
    }
    return 0;
}

static bool heal(int fd, off_t size) {
    off_t whole = whole_lines(fd, size);
    if (whole == size) {
        return true;
    }
    return whole >= 0 && (ftruncate(fd, whole) == 0 || write_all(fd, slice_of("\n", 1)));
}

/* The name of a new file is to survive a crash too. */
static bool sync_folder(const char *path) {
    char copy[FILE_SINK_PATH_MAX + 1];
    memcpy(copy, path, strlen(path) + 1);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return done;
}

static enum status open_file(struct file_sink *f, struct error *err) {
    struct stat st;
    /* Not to wait for a reader, should it be a pipe: it is refused below. */
    f->fd = open(f->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, MODE);
    if (f->fd < 0 || fstat(f->fd, &st) != 0) {
        return failed(f, "opened", errno, err);
    }
    if (!S_ISREG(st.st_mode)) {
        close_file(f);
        return error_set(err, ERR_IO, f->path, "is no file");
    }
    if (!heal(f->fd, st.st_size) || !sync_folder(f->path)) {
        return failed(f, "used", errno, err);
    }
    f->device = st.st_dev;
    f->inode = st.st_ino;
    return OK;
}

static bool is_still_there(const struct file_sink *f) {
    struct stat st;
    return f->fd >= 0 && stat(f->path, &st) == 0 && st.st_dev == f->device && st.st_ino == f->inode;
}

enum status file_sink_write(struct file_sink *f, struct slice lines, struct error *err) {
    if (!is_still_there(f)) {
        close_file(f);
        enum status status = open_file(f, err);
        if (status != OK) {
            return status;
        }
    }
    return write_all(f->fd, lines) && fsync(f->fd) == 0 ? OK : failed(f, "written", errno, err);
}
