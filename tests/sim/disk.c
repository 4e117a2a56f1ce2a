#include "tests/sim/disk.h"

#include "server/base/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): names that the linker asks for */

enum {
    FILES_MAX = 512,
    CHANGES_MAX = 4096,
    FDS_MAX = 512,
    NAME_SIZE = 80,
    FD_BASE = 1000000,
    FD_DIR = 2000000
};

struct file {
    bool used;
    uint8_t *now; /* what a reader sees */
    size_t n;
    size_t cap;
    uint8_t *durable; /* what a power loss leaves; same capacity */
    size_t n_durable;
    size_t dirty_from; /* bytes from here on differ, or were lost */
};

struct name {
    char text[NAME_SIZE]; /* "": unused */
    int file;             /* -1: no such name */
    int durable;          /* -1: none after a power loss */
};

/* What happened to a name since the last fsync. */
struct change {
    int name;
    int file;   /* -1: removed */
    bool joins; /* one with the change before: a rename */
};

struct saved {
    char name[NAME_SIZE];
    uint8_t *p;
    size_t n;
};

static struct {
    struct file files[FILES_MAX];
    struct name names[FILES_MAX];
    int n_files; /* places that were ever used; the same for names */
    int n_names;
    struct change changes[CHANGES_MAX];
    int n_changes;
    int fds[FDS_MAX]; /* file, or -1 */
    int n_fds;
    unsigned n_open;
    enum disk_fault fault;
    bool frozen;
    bool cut_comes;
    uint32_t cut_after; /* changes */
    bool has_image;
    struct saved image[FILES_MAX];
    int n_image;
    int listed; /* of readdir */
    struct dirent entry;
} disk;

/* ---- the test's side ---- */

static void free_file(struct file *f) {
    free(f->now);
    free(f->durable);
    *f = (struct file){0};
}

static void forget_files(void) {
    CHECK(disk.n_open == 0);
    for (int i = 0; i < disk.n_files; i++) {
        free_file(&disk.files[i]);
    }
    disk.n_files = 0;
    disk.n_names = 0;
    disk.n_changes = 0;
    disk.n_fds = 0;
}

static void forget_image(void) {
    for (int i = 0; i < disk.n_image; i++) {
        free(disk.image[i].p);
    }
    disk.n_image = 0;
    disk.has_image = false;
}

void disk_format(void) {
    forget_files();
    forget_image();
    disk.fault = DISK_SOUND;
    disk.frozen = false;
    disk.cut_comes = false;
}

void disk_freeze(void) {
    disk.frozen = true;
}

void disk_thaw(void) {
    disk.frozen = false;
}

void disk_set_fault(enum disk_fault fault) {
    disk.fault = fault;
}

void disk_cut_power(uint32_t changes) {
    disk.cut_comes = true;
    disk.cut_after = changes;
}

/* Called by each change that is about to be made. */
static bool is_cut(void) {
    if (!disk.cut_comes || disk.frozen) {
        return false;
    }
    bool cut = disk.cut_after == 0;
    disk.cut_after -= cut ? 0 : 1;
    return cut;
}

unsigned disk_open_files(void) {
    return disk.n_open;
}

/* A file that nobody can find any more is gone. */
static void sweep(void) {
    for (int i = 0; i < disk.n_files; i++) {
        bool kept = false;
        for (int k = 0; k < disk.n_names && !kept; k++) {
            kept = disk.names[k].file == i || disk.names[k].durable == i;
        }
        for (int k = 0; k < disk.n_changes && !kept; k++) {
            kept = disk.changes[k].file == i;
        }
        for (int k = 0; k < disk.n_fds && !kept; k++) {
            kept = disk.fds[k] == i;
        }
        if (!kept && disk.files[i].used) {
            free_file(&disk.files[i]);
        }
    }
}

static void lose_tail(struct file *f, struct rand *r) {
    if (f->dirty_from >= f->n && f->n == f->n_durable) {
        return;
    }
    size_t tail = f->n > f->n_durable ? f->n - f->n_durable : 0;
    size_t kept = rand_below(r, 2) == 0 ? 0 : (size_t)rand_below(r, tail + 1);
    if (f->n_durable > 0) {
        memcpy(f->now, f->durable, f->n_durable);
    }
    if (kept > 0 && rand_below(r, 3) == 0) {
        memset(f->now + f->n_durable, 0, kept); /* the length was written, the bytes were not */
    }
    f->n = f->n_durable + kept;
    if (f->n > 0) {
        memcpy(f->durable, f->now, f->n);
    }
    f->n_durable = f->n;
    f->dirty_from = f->n;
}

void disk_lose_power(struct rand *r) {
    CHECK(disk.n_open == 0);
    disk.cut_comes = false;
    int kept = (int)rand_below(r, (uint64_t)disk.n_changes + 1);
    kept += kept < disk.n_changes && disk.changes[kept].joins ? 1 : 0;
    for (int i = 0; i < kept; i++) {
        disk.names[disk.changes[i].name].durable = disk.changes[i].file;
    }
    disk.n_changes = 0;
    for (int i = 0; i < disk.n_names; i++) {
        disk.names[i].file = disk.names[i].durable;
    }
    sweep();
    for (int i = 0; i < disk.n_files; i++) {
        if (disk.files[i].used) {
            lose_tail(&disk.files[i], r);
        }
    }
}

/* ---- files and names ---- */

static bool is_ours(int fd) {
    return fd >= FD_BASE;
}

static struct file *file_of(int fd) {
    CHECK(fd >= FD_BASE && fd < FD_BASE + disk.n_fds && disk.fds[fd - FD_BASE] >= 0);
    return &disk.files[disk.fds[fd - FD_BASE]];
}

static struct name *find_name(const char *text) {
    for (int i = 0; i < disk.n_names; i++) {
        if (strcmp(disk.names[i].text, text) == 0) {
            return &disk.names[i];
        }
    }
    return NULL;
}

static struct name *make_name(const char *text) {
    struct name *name = find_name(text);
    for (int i = 0; i < disk.n_names && name == NULL && disk.n_changes == 0; i++) {
        name = disk.names[i].file < 0 && disk.names[i].durable < 0 ? &disk.names[i] : NULL;
    }
    if (name == NULL) {
        CHECK(disk.n_names < FILES_MAX);
        name = &disk.names[disk.n_names++];
        name->file = -1;
        name->durable = -1;
    }
    CHECK(strlen(text) < NAME_SIZE);
    (void)snprintf(name->text, NAME_SIZE, "%s", text);
    return name;
}

static void set_name(struct name *name, int file, bool joins) {
    CHECK(disk.n_changes < CHANGES_MAX);
    name->file = file;
    disk.changes[disk.n_changes++] =
        (struct change){.name = (int)(name - disk.names), .file = file, .joins = joins};
}

static int make_file(void) {
    int i = 0;
    while (i < disk.n_files && disk.files[i].used) {
        i++;
    }
    CHECK(i < FILES_MAX);
    disk.n_files = i == disk.n_files ? i + 1 : disk.n_files;
    disk.files[i] = (struct file){.used = true};
    return i;
}

static int open_file(int file) {
    int i = 0;
    while (i < disk.n_fds && disk.fds[i] >= 0) {
        i++;
    }
    CHECK(i < FDS_MAX);
    disk.n_fds = i == disk.n_fds ? i + 1 : disk.n_fds;
    disk.fds[i] = file;
    disk.n_open++;
    return FD_BASE + i;
}

static void reserve(struct file *f, size_t n) {
    if (n > f->cap) {
        f->cap = n < 2048 ? 4096 : 2 * n;
        f->now = realloc(f->now, f->cap);
        f->durable = realloc(f->durable, f->cap);
        CHECK(f->now != NULL && f->durable != NULL);
    }
}

static int fail(int code) {
    errno = code;
    return -1;
}

/* ---- images ---- */

void disk_save_image(void) {
    forget_image();
    disk.has_image = true;
    for (int i = 0; i < disk.n_names; i++) {
        const struct name *name = &disk.names[i];
        if (name->durable < 0) {
            continue;
        }
        const struct file *f = &disk.files[name->durable];
        struct saved *s = &disk.image[disk.n_image++];
        *s = (struct saved){.p = malloc(f->n_durable + 1), .n = f->n_durable};
        CHECK(s->p != NULL);
        (void)snprintf(s->name, NAME_SIZE, "%s", name->text);
        if (s->n > 0) {
            memcpy(s->p, f->durable, s->n);
        }
    }
}

bool disk_restore_image(void) {
    if (!disk.has_image) {
        return false;
    }
    forget_files();
    for (int i = 0; i < disk.n_image; i++) {
        const struct saved *s = &disk.image[i];
        struct name *name = make_name(s->name);
        name->file = make_file();
        name->durable = name->file;
        struct file *f = &disk.files[name->file];
        reserve(f, s->n + 1);
        memcpy(f->now, s->p, s->n);
        memcpy(f->durable, s->p, s->n);
        f->n = s->n;
        f->n_durable = s->n;
        f->dirty_from = s->n;
    }
    return true;
}

/* ---- the journal's side ---- */

int __real_close(int fd);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_open(const char *path, int flags, ...);
int __wrap_openat(int dir, const char *text, int flags, ...);
int __wrap_close(int fd);
int __wrap_flock(int fd, int operation);
int __wrap_fstat(int fd, struct stat *ret);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t offset);
ssize_t __wrap_pread(int fd, void *p, size_t n, off_t offset);
int __wrap_ftruncate(int fd, off_t n);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);
int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
int __wrap_fstatat(int dir, const char *text, struct stat *ret, int flags);
int __wrap_unlinkat(int dir, const char *text, int flags);
DIR *__wrap_fdopendir(int fd);
struct dirent *__wrap_readdir(DIR *dir);
int __wrap_closedir(DIR *dir);

int __wrap_mkdir(const char *path, mode_t mode) {
    (void)mode;
    CHECK(strcmp(path, DISK_DIR) == 0);
    return 0;
}

int __wrap_open(const char *path, int flags, ...) {
    CHECK(strcmp(path, DISK_DIR) == 0 && (flags & O_DIRECTORY) != 0);
    return FD_DIR;
}

int __wrap_openat(int dir, const char *text, int flags, ...) {
    CHECK(dir == FD_DIR);
    if (strcmp(text, ".") == 0) {
        return FD_DIR;
    }
    struct name *name = find_name(text);
    bool exists = name != NULL && name->file >= 0;
    if (exists && (flags & O_EXCL) != 0) {
        return fail(EEXIST);
    }
    if (!exists && (flags & O_CREAT) == 0) {
        return fail(ENOENT);
    }
    if (!exists && disk.fault == DISK_WRITE_FAILS) {
        return fail(ENOSPC);
    }
    if ((!exists || (flags & O_TRUNC) != 0) && is_cut()) {
        return fail(EIO);
    }
    if (!exists) {
        name = make_name(text);
        set_name(name, make_file(), false);
    }
    if ((flags & O_TRUNC) != 0) {
        disk.files[name->file].n = 0;
        disk.files[name->file].dirty_from = 0;
    }
    return open_file(name->file);
}

int __wrap_close(int fd) {
    if (fd == FD_DIR) {
        return 0;
    }
    if (!is_ours(fd)) {
        return __real_close(fd);
    }
    (void)file_of(fd);
    disk.fds[fd - FD_BASE] = -1;
    disk.n_open--;
    return 0;
}

int __wrap_flock(int fd, int operation) {
    (void)file_of(fd);
    (void)operation;
    return 0;
}

int __wrap_fstat(int fd, struct stat *ret) {
    *ret = (struct stat){.st_size = (off_t)file_of(fd)->n};
    return 0;
}

ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t offset) {
    struct file *f = file_of(fd);
    size_t at = (size_t)offset;
    if (disk.fault == DISK_WRITE_FAILS && !disk.frozen) {
        return fail(ENOSPC);
    }
    if (is_cut()) {
        return fail(EIO);
    }
    CHECK(at <= f->n);
    if (!disk.frozen) {
        reserve(f, at + n);
        memcpy(f->now + at, p, n);
        f->n = at + n > f->n ? at + n : f->n;
        f->dirty_from = at < f->dirty_from ? at : f->dirty_from;
    }
    return (ssize_t)n;
}

ssize_t __wrap_pread(int fd, void *p, size_t n, off_t offset) {
    const struct file *f = file_of(fd);
    size_t at = (size_t)offset;
    size_t left = at < f->n ? f->n - at : 0;
    n = n < left ? n : left;
    if (n > 0) {
        memcpy(p, f->now + at, n);
    }
    return (ssize_t)n;
}

int __wrap_ftruncate(int fd, off_t n) {
    struct file *f = file_of(fd);
    if (is_cut()) {
        return fail(EIO);
    }
    if (!disk.frozen) {
        CHECK((size_t)n <= f->n);
        f->n = (size_t)n;
        f->dirty_from = f->dirty_from < f->n ? f->dirty_from : f->n;
    }
    return 0;
}

int __wrap_fdatasync(int fd) {
    struct file *f = file_of(fd);
    if (is_cut()) {
        return fail(EIO);
    }
    if (disk.frozen || disk.fault == DISK_SYNC_LIES) {
        return 0;
    }
    if (disk.fault == DISK_SYNC_FAILS) {
        disk.fault = DISK_SOUND;
        reserve(f, f->n);
        if (f->n > f->dirty_from) {
            memset(f->durable + f->dirty_from, 0, f->n - f->dirty_from);
        }
        f->n_durable = f->dirty_from < f->n_durable ? f->dirty_from : f->n_durable;
        f->dirty_from = f->n;
        return fail(EIO);
    }
    if (f->n > f->dirty_from) {
        memcpy(f->durable + f->dirty_from, f->now + f->dirty_from, f->n - f->dirty_from);
    }
    f->n_durable = f->n;
    f->dirty_from = f->n;
    return 0;
}

int __wrap_fsync(int fd) {
    CHECK(fd == FD_DIR);
    if (is_cut()) {
        return fail(EIO);
    }
    if (disk.frozen || disk.fault == DISK_SYNC_LIES) {
        return 0;
    }
    for (int i = 0; i < disk.n_names; i++) {
        disk.names[i].durable = disk.names[i].file;
    }
    disk.n_changes = 0;
    sweep();
    return 0;
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to) {
    CHECK(from_dir == FD_DIR && to_dir == FD_DIR);
    struct name *old = find_name(from);
    CHECK(old != NULL && old->file >= 0);
    if (is_cut()) {
        return fail(EIO);
    }
    if (!disk.frozen) {
        int file = old->file;
        set_name(old, -1, false);
        set_name(make_name(to), file, true);
        sweep();
    }
    return 0;
}

int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    CHECK(from_dir == FD_DIR && to_dir == FD_DIR && flags == 0);
    const struct name *old = find_name(from);
    const struct name *name = find_name(to);
    if (old == NULL || old->file < 0) {
        return fail(ENOENT);
    }
    if (name != NULL && name->file >= 0) {
        return fail(EEXIST);
    }
    if (disk.fault == DISK_WRITE_FAILS) {
        return fail(ENOSPC);
    }
    if (is_cut()) {
        return fail(EIO);
    }
    if (!disk.frozen) {
        int file = old->file;
        set_name(make_name(to), file, false);
    }
    return 0;
}

int __wrap_fstatat(int dir, const char *text, struct stat *ret, int flags) {
    CHECK(dir == FD_DIR && flags == 0);
    const struct name *name = find_name(text);
    if (name == NULL || name->file < 0) {
        return fail(ENOENT);
    }
    *ret = (struct stat){.st_size = (off_t)disk.files[name->file].n};
    return 0;
}

int __wrap_unlinkat(int dir, const char *text, int flags) {
    CHECK(dir == FD_DIR && flags == 0);
    struct name *name = find_name(text);
    if (name == NULL || name->file < 0) {
        return fail(ENOENT);
    }
    if (is_cut()) {
        return fail(EIO);
    }
    if (!disk.frozen) {
        set_name(name, -1, false);
        sweep();
    }
    return 0;
}

DIR *__wrap_fdopendir(int fd) {
    CHECK(fd == FD_DIR);
    disk.listed = 0;
    return (DIR *)&disk;
}

struct dirent *__wrap_readdir(DIR *dir) {
    CHECK(dir == (DIR *)&disk);
    while (disk.listed < disk.n_names && disk.names[disk.listed].file < 0) {
        disk.listed++;
    }
    if (disk.listed == disk.n_names) {
        return NULL;
    }
    (void)snprintf(disk.entry.d_name, NAME_SIZE, "%s", disk.names[disk.listed++].text);
    return &disk.entry;
}

int __wrap_closedir(DIR *dir) {
    CHECK(dir == (DIR *)&disk);
    return 0;
}

/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
