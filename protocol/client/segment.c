#include "protocol/client/segment.h"

#include "protocol/client/file.h"
#include "protocol/msg.h"
#include "server/base/check.h"
#include "server/base/crc32c.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EPOCH_AT = 8, TIME_AT = 32, EXTRA_AT = 47, EXTRA_SIZE = 8 };

/* What stands between head and body: the newest time, if it is not the oldest. */
static uint32_t extra_of(const struct segment_entry *e) {
    return e->samples > 0 && e->t_last_us > e->t_us ? EXTRA_SIZE : 0;
}

/* extra follows the head; see there. */
static void encode_head(const struct segment *s, const struct segment_entry *e,
                        uint8_t head[SEGMENT_HEAD + EXTRA_SIZE]) {
    /* fits: segment_append checked it against LINK_BODY_MAX_HARD */
    put_u32(head, (uint32_t)e->body.n + extra_of(e));
    put_u64(head + EPOCH_AT, s->epoch);
    put_u64(head + 16, e->seq);
    put_u64(head + 24, e->dict);
    put_u64(head + TIME_AT, (uint64_t)e->t_us);
    put_u32(head + 40, e->samples);
    put_u16(head + 44, e->flags);
    head[46] = e->type;
    head[EXTRA_AT] = (uint8_t)extra_of(e);
    if (extra_of(e) > 0) {
        put_u64(head + SEGMENT_HEAD, (uint64_t)e->t_last_us);
    }
}

static uint32_t record_crc(const uint8_t *head, const void *body, size_t n) {
    uint32_t crc = crc32c(0, head, 4);
    crc = crc32c(crc, head + EPOCH_AT, SEGMENT_HEAD - EPOCH_AT);
    return crc32c(crc, body, n);
}

/* rest: the n bytes that follow the head. */
static void decode_record(const uint8_t *head, const uint8_t *rest, size_t n, struct segment_entry *ret) {
    ret->seq = get_u64(head + 16);
    ret->dict = get_u64(head + 24);
    ret->t_us = (int64_t)get_u64(head + TIME_AT);
    ret->t_last_us = ret->t_us;
    ret->samples = get_u32(head + 40);
    ret->flags = get_u16(head + 44);
    ret->type = head[46];
    size_t extra = head[EXTRA_AT] == EXTRA_SIZE && n >= EXTRA_SIZE ? EXTRA_SIZE : 0;
    if (extra > 0) {
        ret->t_last_us = (int64_t)get_u64(rest);
    }
    ret->body = slice_of(rest + extra, n - extra);
}

void segment_format_name(uint64_t number, uint64_t epoch, char ret[SEGMENT_NAME_SIZE]) {
    (void)snprintf(ret, SEGMENT_NAME_SIZE, "%012" PRIu64 "-%016" PRIx64 ".seg1", number, epoch);
}

static enum status segment_alloc(int dir_fd, uint64_t number, uint64_t epoch, struct segment **ret,
                                 struct error *err) {
    struct segment *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return error_set(err, ERR_NOMEM, "journal", "no memory for a segment");
    }
    s->dir_fd = dir_fd;
    s->fd = -1;
    s->number = number;
    s->epoch = epoch;
    segment_format_name(number, epoch, s->name);
    *ret = s;
    return OK;
}

void segment_free(struct segment **s) {
    if (*s == NULL) {
        return;
    }
    if ((*s)->fd >= 0) {
        (void)close((*s)->fd);
    }
    free((*s)->records);
    free(*s);
    *s = NULL;
}

enum status segment_create(int dir_fd, uint64_t number, uint64_t epoch, struct segment **ret,
                           struct error *err) {
    struct segment *s = NULL;
    enum status st = segment_alloc(dir_fd, number, epoch, &s, err);
    if (st != OK) {
        return st;
    }
    s->fd = openat(dir_fd, s->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s->fd < 0) {
        st = file_error(err, s->name, "create");
    } else if (fsync(dir_fd) != 0) {
        st = file_error(err, s->name, "make its directory durable");
    }
    if (st != OK) {
        segment_free(&s);
        return st;
    }
    *ret = s;
    return OK;
}

static bool parse_digits(const char *p, size_t n, unsigned base, uint64_t *ret) {
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        char c = p[i];
        unsigned digit = 0;
        if (c >= '0' && c <= '9') {
            digit = (unsigned)(c - '0');
        } else if (base == 16 && c >= 'a' && c <= 'f') {
            digit = (unsigned)(c - 'a') + 10;
        } else {
            return false;
        }
        v = v * base + digit;
    }
    *ret = v;
    return true;
}

bool segment_parse_name(const char *name, uint64_t *ret_number, uint64_t *ret_epoch) {
    uint64_t number = 0;
    uint64_t epoch = 0;
    if (strlen(name) != 34 || name[12] != '-' || strcmp(name + 29, ".seg1") != 0 ||
        !parse_digits(name, 12, 10, &number) || !parse_digits(name + 13, 16, 16, &epoch)) {
        return false;
    }
    *ret_number = number;
    *ret_epoch = epoch;
    return true;
}

/* Puts a record into the index. */
static enum status index_put(struct segment *s, const struct segment_entry *e, uint32_t offset, uint32_t len,
                             struct error *err) {
    if (s->n == s->cap) {
        uint32_t cap = s->cap == 0 ? 64 : s->cap * 2;
        struct segment_record *records = realloc(s->records, cap * sizeof *records);
        if (records == NULL) {
            return error_set(err, ERR_NOMEM, s->name, "no memory for the index of %" PRIu32 " records", cap);
        }
        s->records = records;
        s->cap = cap;
    }
    if (s->n == 0) {
        s->first_seq = e->seq;
    }
    s->records[s->n++] = (struct segment_record){.offset = offset,
                                                 .len = len,
                                                 .samples = e->samples,
                                                 .seq_delta = (uint32_t)(e->seq - s->first_seq),
                                                 .type = e->type};
    s->left++;
    s->left_bytes += SEGMENT_HEAD + len;
    return OK;
}

/* Is there a whole good record at p? The cheap tests come first: the search calls this for every byte. */
static bool record_at(const struct segment *s, const uint8_t *p, size_t n, struct segment_entry *ret) {
    if (n < SEGMENT_HEAD || get_u64(p + EPOCH_AT) != s->epoch) {
        return false;
    }
    uint32_t len = get_u32(p);
    if (len > LINK_BODY_MAX_HARD || len > n - SEGMENT_HEAD ||
        get_u32(p + 4) != record_crc(p, p + SEGMENT_HEAD, len)) {
        return false;
    }
    decode_record(p, p + SEGMENT_HEAD, len, ret);
    bool ascends = s->n == 0 || ret->seq > segment_seq(s, s->n - 1);
    return ascends && ret->seq < LINK_SEQ_MAX && (s->n == 0 || ret->seq - s->first_seq <= UINT32_MAX);
}

static enum status scan(struct segment *s, const uint8_t *p, uint32_t n, struct error *err) {
    uint32_t at = 0;
    while (at < n) {
        struct segment_entry e = {0};
        if (!record_at(s, p + at, n - at, &e)) {
            at++;
            s->damaged++;
            continue;
        }
        uint32_t len = get_u32(p + at);
        enum status st = index_put(s, &e, at, len, err);
        if (st != OK) {
            return st;
        }
        at += SEGMENT_HEAD + len;
    }
    s->bytes = n;
    s->sealed = true;
    return OK;
}

enum status segment_load(int dir_fd, const char *name, struct segment **ret, struct error *err) {
    uint64_t number = 0;
    uint64_t epoch = 0;
    if (!segment_parse_name(name, &number, &epoch)) {
        return error_set(err, ERR_INVALID, name, "is no name of a journal's segment");
    }
    struct segment *s = NULL;
    uint8_t *p = NULL;
    enum status st = segment_alloc(dir_fd, number, epoch, &s, err);
    if (st != OK) {
        return st;
    }
    struct stat info = {0};
    s->fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC);
    if (s->fd < 0 || fstat(s->fd, &info) != 0) {
        st = file_error(err, name, "open");
        goto out;
    }
    uint32_t n = info.st_size > SEGMENT_BYTES_MAX ? SEGMENT_BYTES_MAX : (uint32_t)info.st_size;
    p = malloc(n > 0 ? n : 1);
    if (p == NULL) {
        st = error_set(err, ERR_NOMEM, name, "no memory to read %" PRIu32 " bytes", n);
        goto out;
    }
    st = file_read_at(s->fd, name, p, n, 0, err);
    if (st == OK) {
        st = file_sync(s->fd, name, err);
    }
    if (st == OK) {
        st = scan(s, p, n, err);
    }
out:
    free(p);
    if (st != OK) {
        segment_free(&s);
        return st;
    }
    *ret = s;
    return OK;
}

enum status segment_write_again(struct segment *s, struct error *err) {
    uint8_t *p = malloc(s->bytes > 0 ? s->bytes : 1);
    if (p == NULL) {
        return error_set(err, ERR_NOMEM, s->name, "no memory for %" PRIu32 " bytes", s->bytes);
    }
    enum status st = file_read_at(s->fd, s->name, p, s->bytes, 0, err);
    if (st == OK) {
        st = file_write_at(s->fd, s->name, p, s->bytes, 0, err);
    }
    free(p);
    return st == OK ? file_sync(s->fd, s->name, err) : st;
}

enum status segment_remove(struct segment *s, struct error *err) {
    return unlinkat(s->dir_fd, s->name, 0) == 0 ? OK : file_error(err, s->name, "remove");
}

bool segment_has_room(const struct segment *s, uint64_t seq, size_t body_len, uint32_t bytes_max) {
    if (s->n > 0 && seq - s->first_seq > UINT32_MAX) {
        return false;
    }
    return s->n == 0 || s->bytes + SEGMENT_HEAD + body_len <= bytes_max;
}

enum status segment_append(struct segment *s, const struct segment_entry *e, struct error *err) {
    CHECK(s->n == 0 || e->seq > segment_seq(s, s->n - 1));
    CHECK(e->body.n <= LINK_BODY_MAX_HARD);
    uint32_t extra = extra_of(e);
    if (s->bytes + SEGMENT_HEAD + extra + e->body.n > SEGMENT_BYTES_MAX) {
        return error_set(err, ERR_TOO_BIG, s->name, "a segment has at most %d bytes", SEGMENT_BYTES_MAX);
    }
    struct buf record;
    buf_init(&record, SEGMENT_HEAD + extra + e->body.n);
    uint8_t *head = buf_reserve(&record, SEGMENT_HEAD + extra + e->body.n);
    if (head == NULL) {
        return error_set(err, ERR_NOMEM, s->name, "no memory for a record");
    }
    encode_head(s, e, head);
    record.n = SEGMENT_HEAD + extra;
    buf_append(&record, e->body.p, e->body.n);
    put_u32(head + 4, record_crc(head, head + SEGMENT_HEAD, record.n - SEGMENT_HEAD));
    enum status st = file_write_at(s->fd, s->name, record.p, record.n, s->bytes, err);
    if (st == OK) {
        st = index_put(s, e, s->bytes, (uint32_t)(record.n - SEGMENT_HEAD), err);
    }
    if (st == OK) {
        s->bytes += (uint32_t)record.n;
    } else if (ftruncate(s->fd, s->bytes) != 0) {
        /* The tail stays torn: the next record is written over it, loading skips what is left of it. */
        s->damaged++;
    }
    buf_done(&record);
    return st;
}

enum status segment_sync(struct segment *s, struct error *err) {
    return file_sync(s->fd, s->name, err);
}

uint64_t segment_seq(const struct segment *s, uint32_t i) {
    return s->first_seq + s->records[i].seq_delta;
}

uint32_t segment_find(const struct segment *s, uint64_t seq) {
    uint32_t low = 0;
    uint32_t high = s->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (segment_seq(s, middle) < seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

enum status segment_read(const struct segment *s, uint32_t i, struct buf *body, struct segment_entry *ret,
                         struct error *err) {
    const struct segment_record *r = &s->records[i];
    uint8_t head[SEGMENT_HEAD];
    enum status st = file_read_at(s->fd, s->name, head, sizeof head, r->offset, err);
    if (st != OK) {
        return st;
    }
    buf_clear(body);
    uint8_t *p = buf_reserve(body, r->len > 0 ? r->len : 1);
    if (p == NULL) {
        return error_set(err, ERR_NOMEM, s->name, "no memory for a record");
    }
    st = file_read_at(s->fd, s->name, p, r->len, r->offset + SEGMENT_HEAD, err);
    if (st != OK) {
        return st;
    }
    struct segment_entry e = {0};
    decode_record(head, p, r->len, &e);
    if (get_u32(head) != r->len || e.seq != segment_seq(s, i) ||
        get_u32(head + 4) != record_crc(head, p, r->len)) {
        return error_set(err, ERR_IO, s->name, "record %" PRIu64 " at %" PRIu32 " was damaged on the disk",
                         segment_seq(s, i), r->offset);
    }
    body->n = r->len;
    *ret = e;
    return OK;
}

/* Marks record i. */
static void mark(struct segment *s, uint32_t i) {
    s->records[i].committed = true;
    s->left_bytes -= SEGMENT_HEAD + s->records[i].len;
    s->left--;
}

enum marking { MARK_ALL, MARK_SAMPLES };

static uint32_t mark_range(struct segment *s, uint64_t first, uint64_t end, enum marking which) {
    uint32_t fresh = 0;
    uint32_t from = segment_find(s, first);
    for (uint32_t i = from > s->low ? from : s->low; i < s->n && segment_seq(s, i) < end; i++) {
        if (!s->records[i].committed && (which == MARK_ALL || s->records[i].type == MSG_DATA)) {
            mark(s, i);
            fresh++;
        }
    }
    while (s->low < s->n && s->records[s->low].committed) {
        s->low++;
    }
    return fresh;
}

uint32_t segment_commit(struct segment *s, uint64_t first, uint64_t end) {
    return mark_range(s, first, end, MARK_ALL);
}

uint32_t segment_give_up(struct segment *s, uint64_t first, uint64_t end) {
    uint32_t fresh = mark_range(s, first, end, MARK_SAMPLES);
    s->given_up += fresh;
    return fresh;
}

bool segment_has_samples(const struct segment *s, uint64_t first, uint64_t end) {
    for (uint32_t i = segment_find(s, first); i < s->n && segment_seq(s, i) < end; i++) {
        if (!s->records[i].committed && s->records[i].type == MSG_DATA) {
            return true;
        }
    }
    return false;
}

static bool is_kept(const struct segment *s, uint32_t i, enum segment_drop drop, enum segment_last last) {
    const struct segment_record *r = &s->records[i];
    if (r->type == MSG_DICT || (last == SEGMENT_LAST && i == s->n - 1)) {
        return true;
    }
    switch (drop) {
    case SEGMENT_DROP_COMMITTED:
        return !r->committed;
    case SEGMENT_DROP_SAMPLES:
        return !r->committed && r->type != MSG_DATA;
    case SEGMENT_DROP_ALL:
        break;
    }
    return false;
}

uint32_t segment_rewritten_bytes(const struct segment *s, enum segment_drop drop, enum segment_last last) {
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        bytes += is_kept(s, i, drop, last) ? SEGMENT_HEAD + s->records[i].len : 0;
    }
    return bytes;
}

void segment_record_loss(const struct segment *s, uint32_t i, struct loss *ret) {
    const struct segment_record *r = &s->records[i];
    uint64_t seq = segment_seq(s, i);
    *ret = (struct loss){.epoch = s->epoch, .first = seq, .end = seq + 1, .samples = r->samples};
    uint8_t p[SEGMENT_HEAD + EXTRA_SIZE];
    size_t n = SEGMENT_HEAD + (r->len < EXTRA_SIZE ? r->len : EXTRA_SIZE);
    if (file_read_at(s->fd, s->name, p, n, r->offset, NULL) == OK) {
        struct segment_entry e = {0};
        decode_record(p, p + SEGMENT_HEAD, n - SEGMENT_HEAD, &e);
        ret->from_us = e.t_us;
        ret->to_us = e.t_last_us;
    }
}

bool segment_loss(const struct segment *s, enum segment_drop drop, enum segment_last last, struct loss *ret) {
    struct loss sum = {0};
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->records[i].committed || s->records[i].type != MSG_DATA || is_kept(s, i, drop, last)) {
            continue;
        }
        struct loss one;
        segment_record_loss(s, i, &one);
        if (sum.end == 0) {
            sum = one;
        } else {
            losses_join(&sum, &one);
        }
    }
    *ret = sum;
    return sum.end != 0;
}

enum status segment_rewrite(struct segment *s, enum segment_drop drop, enum segment_last last,
                            struct error *err) {
    struct buf whole;
    buf_init(&whole, SEGMENT_BYTES_MAX);
    enum status st = OK;
    for (uint32_t i = 0; i < s->n && st == OK; i++) {
        const struct segment_record *r = &s->records[i];
        uint8_t *p = is_kept(s, i, drop, last) ? buf_reserve(&whole, SEGMENT_HEAD + r->len) : NULL;
        if (p != NULL) {
            st = file_read_at(s->fd, s->name, p, SEGMENT_HEAD + r->len, r->offset, err);
            whole.n += SEGMENT_HEAD + r->len;
        }
    }
    if (st == OK) {
        st = buf_status(&whole, err);
    }
    if (st == OK) {
        st = file_replace(s->dir_fd, s->name, whole.p, whole.n, err);
    }
    int fd = st == OK ? openat(s->dir_fd, s->name, O_RDWR | O_CLOEXEC) : -1;
    if (st == OK && fd < 0) {
        st = file_error(err, s->name, "open");
    }
    if (st == OK) {
        (void)close(s->fd);
        s->fd = fd;
        uint32_t n = 0;
        uint32_t at = 0;
        s->left = 0;
        s->left_bytes = 0;
        for (uint32_t i = 0; i < s->n; i++) {
            struct segment_record r = s->records[i];
            if (is_kept(s, i, drop, last)) {
                r.offset = at;
                at += SEGMENT_HEAD + r.len;
                s->left += r.committed ? 0 : 1;
                s->left_bytes += r.committed ? 0 : SEGMENT_HEAD + r.len;
                s->records[n++] = r;
            }
        }
        s->n = n;
        s->bytes = at;
        s->low = 0;
    }
    buf_done(&whole);
    return st;
}
