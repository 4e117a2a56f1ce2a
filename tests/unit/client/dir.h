/* A temporary directory for a test, and the bytes of its files. */
#ifndef PENSTOCK_TESTS_CLIENT_DIR_H
#define PENSTOCK_TESTS_CLIENT_DIR_H

#include "tests/lib/scratch.h"
#include "tests/lib/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_ROOM (UINT64_C(32) << 20)

struct dir {
    char path[64];
};

static inline void dir_make(struct dir *d) {
    (void)snprintf(d->path, sizeof d->path, "%s/penstock-client-XXXXXX", scratch_place(DIR_ROOM));
    assert_non_null(mkdtemp(d->path));
}

static inline void dir_file(const struct dir *d, const char *name, char ret[400]) {
    (void)snprintf(ret, 400, "%s/%s", d->path, name);
}

static inline void dir_empty(const struct dir *d) {
    DIR *list = opendir(d->path);
    assert_non_null(list);
    for (struct dirent *e = readdir(list); e != NULL; e = readdir(list)) {
        char file[400];
        dir_file(d, e->d_name, file);
        if (e->d_name[0] != '.') {
            assert_int_equal(unlink(file), 0);
        }
    }
    (void)closedir(list);
}

static inline void dir_remove(const struct dir *d) {
    dir_empty(d);
    assert_int_equal(rmdir(d->path), 0);
}

/* Copies the alphabetically last segment's name. */
static inline unsigned dir_segments(const struct dir *d, char ret_last[300]) {
    DIR *list = opendir(d->path);
    assert_non_null(list);
    unsigned n = 0;
    ret_last[0] = '\0';
    for (struct dirent *e = readdir(list); e != NULL; e = readdir(list)) {
        if (strstr(e->d_name, ".seg1") != NULL) {
            n++;
            if (strcmp(e->d_name, ret_last) > 0) {
                (void)snprintf(ret_last, 300, "%s", e->d_name);
            }
        }
    }
    (void)closedir(list);
    return n;
}

static inline size_t dir_read(const struct dir *d, const char *name, uint8_t *p, size_t max) {
    char file[400];
    dir_file(d, name, file);
    int fd = open(file, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, p, max);
    assert_true(n >= 0);
    (void)close(fd);
    return (size_t)n;
}

static inline void dir_write(const struct dir *d, const char *name, const uint8_t *p, size_t n) {
    char file[400];
    dir_file(d, name, file);
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, p, n), (ssize_t)n);
    (void)close(fd);
}

#endif
