#include "server/app/spool.h"

#include "server/base/buf.h"
#include "server/base/check.h"
#include "server/base/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATH_SIZE = 1100,
    ASIDE_SIZE = PATH_SIZE + 16,
    LINE_HEAD = 9,
    TEXT_MAX = 64 * 1024 * 1024,
    /* Of a record: names and numbers, and its texts with some signs that need two bytes. */
    LINE_BYTES = 1280 + 2 * (ALARM_ACTOR_SIZE + ALARM_DESK_SIZE + ALARM_SOURCE_SIZE + ALARM_UNIT_SIZE +
                             ALARM_COMMENT_SIZE),
};

struct spool {
    char path[PATH_SIZE];
    int fd;
    off_t size;        /* of what was written whole */
    uint64_t last_seq; /* newest record in the file; 0: it is empty */
    uint64_t lost_seq; /* newest record that could not be written; 0: none */
    bool synced;       /* what was written is on the disk */
    bool damaged;
    uint32_t aside_last;          /* highest number of a file that was put aside; 0: there is none */
    char aside[ASIDE_SIZE];       /* name of the newest */
    struct alarm_record *waiting; /* not in the file yet, in order */
    uint32_t n_waiting;
    struct alarm_record *left;
    size_t n_left;
    size_t cap_left;
    struct buf text;
};

/* --- a record as text */

enum field_type { FIELD_U64, FIELD_I64, FIELD_F64, FIELD_U32, FIELD_U16, FIELD_U8, FIELD_LETTER, FIELD_TEXT };

struct field {
    const char *name;
    enum field_type type;
    size_t offset;
    size_t size;
};

#define FIELD(name_, type_)                                                                                  \
    {                                                                                                        \
        .name = #name_, .type = (type_), .offset = offsetof(struct alarm_record, name_),                     \
        .size = sizeof(((struct alarm_record *)NULL)->name_)                                                 \
    }

/* All but the alarm's index, which is another one in each revision, and the three enums. */
static const struct field fields[] = {
    FIELD(seq, FIELD_U64),          FIELD(n, FIELD_U64),         FIELD(alarm_key, FIELD_I64),
    FIELD(site_key, FIELD_I64),     FIELD(tag_key, FIELD_I64),   FIELD(revision, FIELD_I64),
    FIELD(src_us, FIELD_I64),       FIELD(at_us, FIELD_I64),     FIELD(raised_us, FIELD_I64),
    FIELD(raised_at_us, FIELD_I64), FIELD(called_us, FIELD_I64), FIELD(until_us, FIELD_I64),
    FIELD(value, FIELD_F64),        FIELD(limit, FIELD_F64),     FIELD(actor_key, FIELD_I64),
    FIELD(occ, FIELD_U32),          FIELD(call, FIELD_U32),      FIELD(rise_call, FIELD_U32),
    FIELD(acked_occ, FIELD_U32),    FIELD(facts, FIELD_U16),     FIELD(flags, FIELD_U16),
    FIELD(from, FIELD_LETTER),      FIELD(to, FIELD_LETTER),     FIELD(base, FIELD_LETTER),
    FIELD(priority, FIELD_U8),      FIELD(quality, FIELD_U8),    FIELD(actor, FIELD_TEXT),
    FIELD(desk, FIELD_TEXT),        FIELD(source, FIELD_TEXT),   FIELD(unit, FIELD_TEXT),
    FIELD(comment, FIELD_TEXT),
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static void write_integer(struct buf *out, const struct field *f, const char *at) {
    uint64_t u64 = 0;
    uint32_t u32 = 0;
    uint16_t u16 = 0;
    if (f->type == FIELD_U32) {
        memcpy(&u32, at, sizeof u32);
        u64 = u32;
    } else if (f->type == FIELD_U16) {
        memcpy(&u16, at, sizeof u16);
        u64 = u16;
    } else if (f->type == FIELD_U8) {
        u64 = (uint8_t)*at;
    } else {
        memcpy(&u64, at, sizeof u64);
    }
    buf_printf(out, "%lld", (long long)u64); /* numbers beyond 2^63 are not given to anything */
}

static void write_field(struct buf *out, const struct field *f, const struct alarm_record *r) {
    const char *at = (const char *)r + f->offset;
    double number = 0;
    buf_printf(out, ",\"%s\":", f->name);
    switch (f->type) {
    case FIELD_U64:
    case FIELD_I64:
    case FIELD_U32:
    case FIELD_U16:
    case FIELD_U8:
        write_integer(out, f, at);
        return;
    case FIELD_F64:
        memcpy(&number, at, sizeof number);
        buf_json_number(out, number);
        return;
    case FIELD_LETTER:
        buf_json_string(out, slice_of(at, *at == '\0' ? 0 : 1));
        return;
    case FIELD_TEXT:
        buf_json_string(out, slice_str(at));
        return;
    }
}

static void write_line(struct buf *out, const struct alarm_record *r) {
    char head[LINE_HEAD + 1];
    size_t start = out->n;
    buf_text(out, "00000000 ");
    buf_printf(out, "{\"kind\":%u,\"cause\":%u,\"unshelved\":%u", (unsigned)r->kind, (unsigned)r->cause,
               (unsigned)r->unshelved);
    for (size_t i = 0; i < FIELDS; i++) {
        write_field(out, &fields[i], r);
    }
    buf_byte(out, '}');
    if (!out->failed) {
        uint32_t crc = crc32c(0, out->p + start + LINE_HEAD, out->n - start - LINE_HEAD);
        (void)snprintf(head, sizeof head, "%08x ", crc);
        memcpy(out->p + start, head, LINE_HEAD);
    }
    buf_byte(out, '\n');
}

static bool read_integer(const struct field *f, const json_t *value, char *at) {
    if (!json_is_integer(value)) {
        return false;
    }
    json_int_t number = json_integer_value(value);
    uint32_t u32 = (uint32_t)number;
    uint16_t u16 = (uint16_t)number;
    uint8_t u8 = (uint8_t)number;
    int64_t i64 = number;
    if (f->type == FIELD_U32) {
        memcpy(at, &u32, sizeof u32);
        return number == u32;
    }
    if (f->type == FIELD_U16) {
        memcpy(at, &u16, sizeof u16);
        return number == u16;
    }
    if (f->type == FIELD_U8) {
        memcpy(at, &u8, sizeof u8);
        return number == u8;
    }
    memcpy(at, &i64, sizeof i64);
    return f->type == FIELD_I64 || number >= 0;
}

static bool read_field(const struct field *f, const json_t *value, struct alarm_record *r) {
    char *at = (char *)r + f->offset;
    double number = json_is_null(value) ? (double)NAN : json_number_value(value);
    switch (f->type) {
    case FIELD_U64:
    case FIELD_I64:
    case FIELD_U32:
    case FIELD_U16:
    case FIELD_U8:
        return read_integer(f, value, at);
    case FIELD_F64:
        memcpy(at, &number, sizeof number);
        return json_is_null(value) || json_is_number(value);
    case FIELD_LETTER:
        if (!json_is_string(value) || json_string_length(value) > 1) {
            return false;
        }
        *at = json_string_value(value)[0];
        return true;
    case FIELD_TEXT:
        if (!json_is_string(value) || json_string_length(value) >= f->size) {
            return false;
        }
        memcpy(at, json_string_value(value), json_string_length(value) + 1);
        return true;
    }
    return false;
}

static bool read_enum(const json_t *root, const char *name, int n, int *ret) {
    const json_t *value = json_object_get(root, name);
    *ret = (int)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) < n;
}

static bool read_record(struct slice text, struct alarm_record *ret) {
    json_t *root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    struct alarm_record r = {.alarm = UINT32_MAX};
    int kind = 0;
    int cause = 0;
    int unshelved = 0;
    bool good = read_enum(root, "kind", RECORD_KINDS, &kind) &&
                read_enum(root, "cause", ALARM_CAUSES, &cause) &&
                read_enum(root, "unshelved", UNSHELVE_RTN + 1, &unshelved);
    for (size_t i = 0; i < FIELDS && good; i++) {
        good = read_field(&fields[i], json_object_get(root, fields[i].name), &r);
    }
    json_decref(root);
    r.kind = (enum alarm_record_kind)kind;
    r.cause = (enum alarm_cause)cause;
    r.unshelved = (enum unshelve_reason)unshelved;
    *ret = r;
    return good && r.seq > 0;
}

static bool read_line(struct slice line, struct alarm_record *ret) {
    char head[LINE_HEAD + 1];
    if (line.n <= LINE_HEAD) {
        return false;
    }
    (void)snprintf(head, sizeof head, "%08x ", crc32c(0, line.p + LINE_HEAD, line.n - LINE_HEAD));
    return memcmp(line.p, head, LINE_HEAD) == 0 &&
           read_record(slice_of(line.p + LINE_HEAD, line.n - LINE_HEAD), ret);
}

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
        if (!good || !whole || !read_line(slice_of(line, (size_t)n - 1), &r) ||
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
    if (status == OK && !s->damaged && ftruncate(s->fd, s->size) != 0) {
        status = io_error(s, "cannot be written", err);
    }
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
        write_line(&s->text, &s->waiting[i]);
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
    off_t bytes = ((off_t)s->n_waiting + n) * LINE_BYTES;
    if (fallocate(s->fd, FALLOC_FL_KEEP_SIZE, s->size, bytes) == 0 || (errno != ENOSPC && errno != EDQUOT)) {
        return OK; /* what else is wrong, writing will tell */
    }
    (void)!ftruncate(s->fd, s->size); /* what it could have had */
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
    }
}
