#include "server/api/assets.h"

#include "server/base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ASSETS_MAX = 512, ASSET_PATH_SIZE = 512, ASSET_SIZE_MAX = 16 * 1024 * 1024, FOLDERS_DEEP_MAX = 4 };

struct asset {
    char path[ASSET_PATH_SIZE]; /* "/assets/index-1a2b.js", with .gz if it is the packed one */
    const char *type;
    char *p;
    size_t n;
};

struct assets {
    uint32_t n;
    struct asset v[ASSETS_MAX];
};

static const char *type_of(const char *path) {
    static const struct {
        const char *ending;
        const char *type;
    } types[] = {{".html", "text/html; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".svg", "image/svg+xml"},
                 {".png", "image/png"},
                 {".ico", "image/x-icon"},
                 {".json", "application/json"},
                 {".webmanifest", "application/manifest+json"},
                 {".woff2", "font/woff2"},
                 {".wav", "audio/wav"},
                 {".mp3", "audio/mpeg"},
                 {".txt", "text/plain; charset=utf-8"}};
    size_t n = strlen(path);
    n -= n > 3 && strcmp(path + n - 3, ".gz") == 0 ? 3 : 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t ending = strlen(types[i].ending);
        if (n > ending && memcmp(path + n - ending, types[i].ending, ending) == 0) {
            return types[i].type;
        }
    }
    return NULL;
}

static enum status read_file(int fd, size_t size, struct asset *to, const char *name, struct error *err) {
    size_t n = 0;
    to->p = malloc(size + 1);
    if (to->p == NULL) {
        return error_set(err, ERR_NOMEM, name, "out of memory");
    }
    while (n < size) {
        ssize_t got = read(fd, to->p + n, size - n);
        if (got <= 0) {
            free(to->p);
            to->p = NULL;
            return error_set(err, ERR_IO, name, "cannot be read: %s",
                             got == 0 ? "shorter" : strerrorname_np(errno));
        }
        n += (size_t)got;
    }
    to->n = n;
    return OK;
}

static enum status load_file(struct assets *a, int dir_fd, const char *name, const char *path,
                             struct error *err) {
    struct stat st;
    const char *type = type_of(path);
    if (type == NULL) {
        log_event(LOG_WARN, "web.skipped", "file=%s text=\"not a kind of file that is served\"",
                  LOG_Q(slice_str(path)));
        return OK;
    }
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int why = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        return error_set(err, ERR_IO, path, "cannot be opened: %s", strerrorname_np(why));
    }
    enum status status = OK;
    if (st.st_size < 0 || st.st_size > ASSET_SIZE_MAX || a->n == ASSETS_MAX) {
        status = error_set(err, ERR_TOO_BIG, path, "at most %d files of %d bytes are served", ASSETS_MAX,
                           ASSET_SIZE_MAX);
    } else {
        struct asset *to = &a->v[a->n];
        status = read_file(fd, (size_t)st.st_size, to, path, err);
        if (status == OK) {
            (void)snprintf(to->path, sizeof to->path, "%s", path);
            to->type = type;
            a->n++;
        }
    }
    (void)close(fd);
    return status;
}

/* Folders that wait to be read: no recursion. */
struct folders {
    uint32_t n;
    char v[64][ASSET_PATH_SIZE];
};

static enum status load_entry(struct assets *a, struct folders *todo, DIR *dir, const char *prefix,
                              const char *name, struct error *err) {
    char path[ASSET_PATH_SIZE];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%s", prefix, name);
    if (name[0] == '.' || n < 0 || (size_t)n >= sizeof path) {
        return OK;
    }
    if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return error_set(err, ERR_IO, path, "cannot be looked at: %s", strerrorname_np(errno));
    }
    if (S_ISREG(st.st_mode)) {
        return load_file(a, dirfd(dir), name, path, err);
    }
    if (S_ISDIR(st.st_mode) && todo->n < sizeof todo->v / sizeof todo->v[0]) {
        memcpy(todo->v[todo->n++], path, sizeof path);
    }
    return OK;
}

static enum status load_folder(struct assets *a, struct folders *todo, const char *root, const char *prefix,
                               struct error *err) {
    char path[2 * ASSET_PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s%s", root, prefix);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return errno == ENOENT && prefix[0] == '\0'
                   ? OK
                   : error_set(err, ERR_IO, path, "cannot be read: %s", strerrorname_np(errno));
    }
    enum status status = OK;
    const struct dirent *entry = NULL;
    while (status == OK && (entry = readdir(dir)) != NULL) {
        status = load_entry(a, todo, dir, prefix, entry->d_name, err);
    }
    (void)closedir(dir);
    return status;
}

enum status assets_new(const char *dir, struct assets **ret, struct error *err) {
    struct assets *a = calloc(1, sizeof *a);
    struct folders *todo = calloc(1, sizeof *todo);
    enum status status = OK;
    if (a == NULL || todo == NULL) {
        status = error_set(err, ERR_NOMEM, "web folder", "out of memory");
    } else if (dir != NULL && dir[0] != '\0') {
        todo->n = 1;
        while (todo->n > 0 && status == OK) {
            char prefix[ASSET_PATH_SIZE];
            memcpy(prefix, todo->v[--todo->n], sizeof prefix);
            status = load_folder(a, todo, dir, prefix, err);
        }
    }
    free(todo);
    if (status != OK) {
        assets_free(&a);
        return status;
    }
    *ret = a;
    return OK;
}

void assets_free(struct assets **a) {
    if (*a == NULL) {
        return;
    }
    for (uint32_t i = 0; i < (*a)->n; i++) {
        free((*a)->v[i].p);
    }
    free(*a);
    *a = NULL;
}

uint32_t assets_count(const struct assets *a) {
    return a->n;
}

static const struct asset *find(const struct assets *a, const char *path, const char *suffix) {
    size_t n = strlen(path);
    for (uint32_t i = 0; i < a->n; i++) {
        if (strncmp(a->v[i].path, path, n) == 0 && strcmp(a->v[i].path + n, suffix) == 0) {
            return &a->v[i];
        }
    }
    return NULL;
}

void assets_serve(const struct assets *a, struct http_request *r) {
    static const char index_page[] = "/index.html";
    static const char hashed[] = "/assets/";
    /* Paths of the application itself ("/site/S1") have no dot and are its index page, for who looks at
     * pages. */
    bool is_page = strcmp(r->path, "/") == 0 || (r->html && strchr(r->path, '.') == NULL);
    const char *path = is_page ? index_page : r->path;
    size_t n = strlen(path);
    bool packed_name = n > 3 && strcmp(path + n - 3, ".gz") == 0;
    const struct asset *plain = packed_name ? NULL : find(a, path, "");
    const struct asset *packed = packed_name ? NULL : find(a, path, ".gz");
    if (plain == NULL) {
        if (path == index_page) {
            http_problem(r, 404, "no_hmi",
                         "the operator's pages are not installed (web.dir in the configuration names their "
                         "folder); the interface for "
                         "programs is /api");
        } else {
            http_problem(r, 404, "not_found", "there is no such page");
        }
        return;
    }
    if (strncmp(path, hashed, sizeof hashed - 1) == 0) {
        http_header(r, "Cache-Control: public, max-age=31536000, immutable");
    }
    const struct asset *chosen = r->gzip && packed != NULL ? packed : plain;
    if (packed != NULL) {
        http_header(r, "Vary: Accept-Encoding");
    }
    if (chosen == packed) {
        http_header(r, "Content-Encoding: gzip");
    }
    http_shared(r, 200, plain->type, slice_of(chosen->p, chosen->n));
}
