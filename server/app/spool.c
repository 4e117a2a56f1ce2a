#include "server/app/spool.h"

#include "server/app/spool_line.h"
#include "server/base/buf.h"
#include "server/base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    STAT_BLOCK = 512, /* in which stat() counts */
    PATH_SIZE = 1100,
    ASIDE_SIZE = PATH_SIZE + 16,
    TEXT_MAX = 64 * 1024 * 1024,
};

struct spool {
    char path[PATH_SIZE];
    int fd;
    off_t size;        /* of what was written whole */
    uint64_t last_seq; /* newest record in the file; 0: it is empty */
    uint64_t lost_seq; /* newest record that could not be written; 0: none */
    bool synced;       /* what was written is on the disk */
    bool damaged;
    bool cannot_keep;             /* its file system reserves nothing: it is believed */
    uint32_t aside_last;          /* highest number of a file that was put aside; 0: there is none */
    char aside[ASIDE_SIZE];       /* name of the newest */
    struct alarm_record *waiting; /* not in the file yet, in order */
    uint32_t n_waiting;
    struct alarm_record *left;
    size_t n_left;
    size_t cap_left;
    struct buf text;
};

/* --- what was left */

static bool keep_left(struct spool *s, const struct alarm_record *r) {
    if (s->n_left == s->cap_left) {
        size_t cap = s->cap_left == 0 ? 64 : s->cap_left * 2;
        struct alarm_record *v = realloc(s->left, cap * sizeof *v);
        if (v == NULL) {
            return false;
        }
        s->left = v;
        s->cap_left = cap;
    }
    s->left[s->n_left++] = *r;
    return true;
}

static enum status io_error(const struct spool *s, const char *what, struct error *err) {
    return error_set(err, ERR_IO, s->path, "%s: %s", what, strerrordesc_np(errno));
}

/* Whole lines up to the first one that is not right; what is behind that is cut off. */
static enum status read_left(struct spool *s, struct error *err) {
    char *line = NULL;
    size_t cap = 0;
    int fd = dup(s->fd);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    if (file == NULL) {
        return io_error(s, "cannot be read", err);
    }
    enum status status = OK;
    bool good = true;
    ssize_t n = 0;
    while ((n = getline(&line, &cap, file)) > 0) {
        struct alarm_record r;
        bool whole = line[n - 1] == '\n';
        if (!good || !whole || !spool_line_read(slice_of(line, (size_t)n - 1), &r) ||
            (s->last_seq != 0 && r.seq != s->last_seq + 1)) {
            s->damaged = s->damaged || whole; /* a torn last line is what a crash leaves */
            good = false;
            continue;
        }
        if (!keep_left(s, &r)) {
            status = error_set(err, ERR_NOMEM, s->path, "no memory for the records that were left");
            break;
        }
        s->last_seq = r.seq;
        s->size += n;
    }
    if (status == OK && ferror(file) != 0) {
        status = io_error(s, "cannot be read", err);
    }
    free(line);
    (void)fclose(file);
    return status;
}

/* The name of a new file is durable only when its folder is. */
static void sync_folder(const struct spool *s) {
    char path[PATH_SIZE];
    memcpy(path, s->path, sizeof path);
    int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
}

static enum status open_file(struct spool *s, struct error *err) {
    s->fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (s->fd < 0) {
        return io_error(s, "cannot be opened", err);
    }
    /* A folder on a network that cannot lock is believed. */
    if (flock(s->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        return error_set(err, ERR_IO, s->path, "another penstockd has it: each needs a file of its own");
    }
    sync_folder(s);
    return OK;
}

/* --- room on its disk */

int64_t spool_room(const struct spool *s) {
    struct stat st;
    int64_t bytes = fstat(s->fd, &st) == 0 ? (int64_t)st.st_blocks * STAT_BLOCK - s->size : 0;
    return bytes > 0 ? bytes : 0;
}

/* To ask a disk that is nearly full for much takes long, and takes from others what they need to mend it. */
static bool disk_has_plenty(const struct spool *s) {
    struct statvfs fs;
    return fstatvfs(s->fd, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize >= 2 * (uint64_t)SPOOL_ROOM_BYTES;
}

static enum status take_room(struct spool *s, struct error *err) {
    if (fallocate(s->fd, FALLOC_FL_KEEP_SIZE, s->size, SPOOL_ROOM_BYTES) == 0) {
        return OK;
    }
    if (errno == ENOSPC || errno == EDQUOT) {
        return error_set(err, ERR_NO_SPACE, s->path, "its disk has no room to be kept for it");
    }
    s->cannot_keep = errno == EOPNOTSUPP || errno == ENOSYS;
    return s->cannot_keep ? OK : io_error(s, "no room can be kept for it", err);
}

enum status spool_keep_room(struct spool *s, struct error *err) {
    if (s->cannot_keep || spool_room(s) >= SPOOL_ROOM_BYTES / 2) {
        return OK;
    }
    return disk_has_plenty(s)
               ? take_room(s, err)
               : error_set(err, ERR_NO_SPACE, s->path, "its disk has no room to be kept for it");
}

/* --- what was put aside */

static void aside_name(const struct spool *s, uint32_t number, char ret_name[ASIDE_SIZE]) {
    int n = snprintf(ret_name, ASIDE_SIZE, "%s.aside", s->path);
    if (number > 1) {
        (void)snprintf(ret_name + n, ASIDE_SIZE - (size_t)n, ".%u", number);
    }
}

uint32_t spool_asides(const struct spool *s) {
    uint32_t n = 0;
    for (uint32_t i = 1; i <= s->aside_last; i++) {
        char name[ASIDE_SIZE];
        aside_name(s, i, name);
        n += access(name, F_OK) == 0 ? 1 : 0;
    }
    return n;
}

/* What processes before this one put aside. */
static void find_asides(struct spool *s) {
    for (uint32_t i = SPOOL_ASIDES_MAX; i > 0 && s->aside_last == 0; i--) {
        aside_name(s, i, s->aside);
        s->aside_last = access(s->aside, F_OK) == 0 ? i : 0;
    }
}

/* What a crash left of a line. The room behind it goes with it, and only then. */
static enum status cut_torn(const struct spool *s, struct error *err) {
    struct stat st;
    bool done = fstat(s->fd, &st) == 0 && (st.st_size == s->size || ftruncate(s->fd, s->size) == 0);
    return done ? OK : io_error(s, "cannot be written", err);
}

enum status spool_open(const char *path, struct spool **ret, struct error *err) {
    struct spool *s = calloc(1, sizeof *s);
    if (s == NULL || (s->waiting = calloc(SPOOL_MEMORY_MAX, sizeof *s->waiting)) == NULL) {
        free(s);
        return error_set(err, ERR_NOMEM, path, "no memory");
    }
    s->fd = -1;
    s->synced = true;
    buf_init(&s->text, TEXT_MAX);
    enum status status = OK;
    if (strlen(path) >= sizeof s->path - sizeof ".aside") {
        status = error_set(err, ERR_TOO_BIG, path, "a path of less than %d bytes is needed", PATH_SIZE - 8);
    } else {
        (void)snprintf(s->path, sizeof s->path, "%s", path);
        status = open_file(s, err);
    }
    if (status == OK) {
        find_asides(s);
        status = read_left(s, err);
    }
    status = status == OK && !s->damaged ? cut_torn(s, err) : status;
    if (status != OK) {
        spool_close(&s);
        return status;
    }
    *ret = s;
    return OK;
}

void spool_close(struct spool **s) {
    if (*s == NULL) {
        return;
    }
    if ((*s)->fd >= 0) {
        (void)close((*s)->fd);
    }
    free((*s)->waiting);
    free((*s)->left);
    buf_done(&(*s)->text);
    free(*s);
    *s = NULL;
}

const struct alarm_record *spool_left(const struct spool *s, size_t *ret_n) {
    *ret_n = s->n_left;
    return s->left;
}

void spool_forget_left(struct spool *s) {
    free(s->left);
    s->left = NULL;
    s->n_left = 0;
    s->cap_left = 0;
}

/* Nothing is added to a file that was put aside: the one that takes its place needs the room. */
static void give_back_room(const struct spool *s) {
    struct stat st;
    if (fstat(s->fd, &st) == 0) {
        (void)!ftruncate(s->fd, st.st_size);
    }
}

enum status spool_set_aside(struct spool *s, const char **ret_name, struct error *err) {
    if (s->aside_last == SPOOL_ASIDES_MAX) {
        return error_set(err, ERR_IO, s->path,
                         "%d files of it were put aside (%s): look at them, remove them", SPOOL_ASIDES_MAX,
                         s->aside);
    }
    aside_name(s, s->aside_last + 1, s->aside);
    if (rename(s->path, s->aside) != 0) {
        return io_error(s, "cannot be renamed", err);
    }
    give_back_room(s);
    s->aside_last++;
    *ret_name = s->aside;
    (void)close(s->fd);
    s->fd = -1;
    s->size = 0;
    s->last_seq = 0;
    s->damaged = false;
    s->synced = true;
    return open_file(s, err);
}

bool spool_damaged(const struct spool *s) {
    return s->damaged;
}

/* --- what happens now */

static bool write_all(const struct spool *s, struct slice text) {
    size_t done = 0;
    while (done < text.n) {
        ssize_t n = pwrite(s->fd, text.p + done, text.n - done, s->size + (off_t)done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

/* All or nothing: what could not be written whole is cut off again, and remembered as a hole. */
static bool write_waiting(struct spool *s) {
    if (s->n_waiting == 0) {
        return true;
    }
    uint64_t last = s->waiting[s->n_waiting - 1].seq;
    buf_clear(&s->text);
    for (uint32_t i = 0; i < s->n_waiting; i++) {
        spool_line_write(&s->text, &s->waiting[i]);
    }
    s->n_waiting = 0;
    s->synced = false;
    if (s->lost_seq != 0 || s->text.failed || !write_all(s, buf_slice(&s->text))) {
        int saved = errno;
        s->lost_seq = last;
        (void)!ftruncate(s->fd, s->size);
        errno = saved;
        return false;
    }
    s->size += (off_t)s->text.n;
    s->last_seq = last;
    return true;
}

void spool_add(struct spool *s, const struct alarm_record *r) {
    CHECK(s->fd >= 0);
    if (s->n_waiting == SPOOL_MEMORY_MAX) {
        (void)write_waiting(s); /* a failure is remembered, and told when somebody must rely on it */
    }
    s->waiting[s->n_waiting++] = *r;
}

enum status spool_reserve(struct spool *s, uint32_t n, struct error *err) {
    if (s->lost_seq != 0) {
        return error_set(err, ERR_IO, s->path, "records before could not be written");
    }
    off_t bytes = ((off_t)s->n_waiting + n) * SPOOL_LINE_BYTES;
    if (fallocate(s->fd, FALLOC_FL_KEEP_SIZE, s->size, bytes) == 0 || (errno != ENOSPC && errno != EDQUOT)) {
        return OK; /* what else is wrong, writing will tell */
    }
    /* What it could have is not given back: less may be asked for next time. */
    return error_set(err, ERR_NO_SPACE, s->path, "its disk is full");
}

enum status spool_sync(struct spool *s, struct error *err) {
    errno = 0;
    if (!write_waiting(s) || s->lost_seq != 0) {
        return errno != 0 ? io_error(s, "cannot be written", err)
                          : error_set(err, ERR_IO, s->path, "records before it could not be written");
    }
    if (!s->synced && fdatasync(s->fd) != 0) {
        /* What the kernel could not write it may have dropped: it counts as a hole until the database has it.
         */
        s->lost_seq = s->last_seq;
        return io_error(s, "cannot be written", err);
    }
    s->synced = true;
    return OK;
}

void spool_durable(struct spool *s, uint64_t seq) {
    uint32_t gone = 0;
    while (gone < s->n_waiting && s->waiting[gone].seq <= seq) {
        gone++;
    }
    if (gone > 0) {
        s->n_waiting -= gone;
        memmove(s->waiting, s->waiting + gone, s->n_waiting * sizeof *s->waiting);
    }
    if (s->lost_seq != 0 && s->lost_seq <= seq) {
        s->lost_seq = 0;
    }
    if (s->last_seq != 0 && s->last_seq <= seq && ftruncate(s->fd, 0) == 0) {
        /* Should this not reach the disk: records that the database has are left out at the next start. */
        s->size = 0;
        s->last_seq = 0;
        s->synced = true;
        struct error err;
        (void)!take_room(s, &err); /* it went with the records; whose it is asks again, and tells */
    }
}
