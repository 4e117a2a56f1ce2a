#include "protocol/client/gather.h"

#include "protocol/client/file.h"
#include "protocol/frame.h"
#include "server/base/check.h"
#include "server/base/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEAD_SIZE = 34,
    CRC_AT = 4,
    FIELDS_AT = 8,
    ENTRY_HEAD = 8,
    FILE_BYTES_MAX = 16 * 1024 * 1024,
    SAMPLE_COST = 40, /* what a sample adds to a body at most, without its text */
    ADDITION_COST = ENTRY_HEAD + 2 + 32,
};
static const char file_name[] = "gathered";
static const uint8_t magic[4] = {'P', 'S', 'G', 'A'};

void gather_init(struct gather *g, int dir_fd) {
    *g = (struct gather){.dir_fd = dir_fd, .fd = -1, .synced = true};
    buf_init(&g->texts, FILE_BYTES_MAX);
    buf_init(&g->body, LINK_BODY_MAX_HARD);
}

static void forget_samples(struct gather *g) {
    g->state = GATHER_EMPTY;
    g->n = 0;
    g->cost = 0;
    buf_clear(&g->texts);
}

void gather_done(struct gather *g) {
    if (g->fd >= 0) {
        (void)close(g->fd);
    }
    free(g->v);
    buf_done(&g->texts);
    buf_done(&g->body);
}

/* ---- samples in memory ---- */

static bool has_text(const struct link_sample *s) {
    return (s->type == VALUE_STRING || s->type == VALUE_BYTES) && (s->quality & LINK_QUALITY_NO_VALUE) == 0;
}

static size_t cost_of(const struct link_sample *s) {
    return SAMPLE_COST + (has_text(s) ? s->s.n : 0);
}

uint32_t gather_cost(const struct link_sample *v, uint32_t n) {
    size_t cost = HEAD_SIZE + ADDITION_COST;
    for (uint32_t i = 0; i < n; i++) {
        cost += cost_of(&v[i]) + 1;
    }
    return cost < UINT32_MAX ? (uint32_t)cost : UINT32_MAX;
}

static enum status keep(struct gather *g, const struct link_sample *s, struct error *err) {
    if (g->n == g->cap) {
        uint32_t cap = g->cap == 0 ? 256 : g->cap * 2;
        struct gathered *v = realloc(g->v, cap * sizeof *v);
        if (v == NULL) {
            return error_set(err, ERR_NOMEM, file_name, "no memory for %u samples", cap);
        }
        g->v = v;
        g->cap = cap;
    }
    struct gathered *to = &g->v[g->n];
    *to = (struct gathered){.sample = *s, .text_at = g->texts.n, .order = g->n};
    if (has_text(s)) {
        buf_append(&g->texts, s->s.p, s->s.n);
    }
    if (g->texts.failed) {
        g->texts.failed = false;
        return error_set(err, ERR_NOMEM, file_name, "no memory for the texts that gather");
    }
    g->n++;
    g->cost += cost_of(s);
    return OK;
}

static int by_order(const void *a, const void *b) {
    const struct gathered *x = a;
    const struct gathered *y = b;
    return x->order < y->order ? -1 : x->order > y->order;
}

static int by_alias_and_time(const void *a, const void *b) {
    const struct gathered *x = a;
    const struct gathered *y = b;
    if (x->sample.alias != y->sample.alias) {
        return x->sample.alias < y->sample.alias ? -1 : 1;
    }
    if (x->sample.t_us != y->sample.t_us) {
        return x->sample.t_us < y->sample.t_us ? -1 : 1;
    }
    return by_order(a, b);
}

/* Forgets all samples from the n-th on. */
static void keep_only(struct gather *g, uint32_t n) {
    qsort(g->v, g->n, sizeof *g->v, by_order);
    while (g->n > n) {
        g->n--;
        g->cost -= cost_of(&g->v[g->n].sample);
        g->texts.n = g->v[g->n].text_at;
    }
}

static enum status keep_all(struct gather *g, const struct link_sample *v, uint32_t n, struct error *err) {
    uint32_t before = g->n;
    enum status st = OK;
    for (uint32_t i = 0; i < n && st == OK; i++) {
        st = keep(g, &v[i], err);
    }
    if (st != OK && g->n > 0) {
        keep_only(g, before);
    }
    return st;
}

/* Makes the body of all samples. ERR_INVALID: a tag has two types, so this was never one dictionary's. */
static enum status make_body(struct gather *g, struct error *err) {
    qsort(g->v, g->n, sizeof *g->v, by_alias_and_time);
    struct link_sample *sorted = malloc(g->n * sizeof *sorted);
    if (sorted == NULL) {
        return error_set(err, ERR_NOMEM, file_name, "no memory for %u samples", g->n);
    }
    enum status st = OK;
    for (uint32_t i = 0; i < g->n; i++) {
        sorted[i] = g->v[i].sample;
        if (has_text(&sorted[i])) {
            sorted[i].s.p = g->texts.p != NULL ? (const char *)g->texts.p + g->v[i].text_at : "";
        }
        if (i > 0 && sorted[i].alias == sorted[i - 1].alias && sorted[i].type != sorted[i - 1].type) {
            st = error_set(err, ERR_INVALID, file_name, "tag %u is of two types", sorted[i].alias);
        }
    }
    if (st == OK) {
        buf_clear(&g->body);
        data_encode(&g->body, sorted, g->n);
        st = buf_status(&g->body, err);
    }
    free(sorted);
    return st;
}

bool gather_fits(struct gather *g, const struct link_sample *v, uint32_t n, uint32_t body_max) {
    if (g->n + n > GATHER_SAMPLES_MAX) {
        return false;
    }
    uint32_t before = g->n;
    if (keep_all(g, v, n, NULL) != OK) {
        return false;
    }
    bool fits = g->cost <= body_max || (make_body(g, NULL) == OK && g->body.n <= body_max);
    keep_only(g, before);
    return fits;
}

int64_t gather_oldest_us(const struct gather *g) {
    int64_t oldest_us = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        oldest_us = i == 0 || g->v[i].sample.t_us < oldest_us ? g->v[i].sample.t_us : oldest_us;
    }
    return oldest_us;
}

enum status gather_entry(struct gather *g, struct segment_entry *ret, struct error *err) {
    CHECK(g->state == GATHER_OPEN);
    enum status st = make_body(g, err);
    if (st != OK) {
        return st;
    }
    struct segment_entry e = {.seq = g->head.seq,
                              .type = MSG_DATA,
                              .flags = g->head.flags,
                              .dict = g->head.dict,
                              .samples = g->n,
                              .t_us = gather_oldest_us(g),
                              .body = buf_slice(&g->body)};
    for (uint32_t i = 0; i < g->n; i++) {
        int64_t t_us = g->v[i].sample.t_us;
        e.t_last_us = i == 0 || t_us > e.t_last_us ? t_us : e.t_last_us;
    }
    *ret = e;
    return OK;
}

/* ---- the file ---- */

static void encode_head(const struct gather_head *h, uint8_t p[HEAD_SIZE]) {
    memcpy(p, magic, sizeof magic);
    put_u64(p + FIELDS_AT, h->epoch);
    put_u64(p + 16, h->seq);
    put_u64(p + 24, h->dict);
    put_u16(p + 32, h->flags);
    put_u32(p + CRC_AT, crc32c(0, p + FIELDS_AT, HEAD_SIZE - FIELDS_AT));
}

static bool decode_head(const uint8_t *p, struct gather_head *ret) {
    if (memcmp(p, magic, sizeof magic) != 0 ||
        get_u32(p + CRC_AT) != crc32c(0, p + FIELDS_AT, HEAD_SIZE - FIELDS_AT)) {
        return false;
    }
    *ret = (struct gather_head){.epoch = get_u64(p + FIELDS_AT),
                                .seq = get_u64(p + 16),
                                .dict = get_u64(p + 24),
                                .flags = get_u16(p + 32)};
    return ret->epoch != 0 && ret->seq < LINK_SEQ_MAX;
}

static uint32_t entry_crc(uint32_t head_crc, const uint8_t *entry, size_t n) {
    return crc32c(crc32c(head_crc, entry, 4), entry + ENTRY_HEAD, n - ENTRY_HEAD);
}

static void encode_entry(const struct gather *g, const struct link_sample *v, uint32_t n, struct buf *out) {
    uint8_t head[ENTRY_HEAD + 2] = {0};
    buf_append(out, head, sizeof head);
    uint16_t runs = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0 || v[i].alias != v[i - 1].alias) {
            buf_byte(out, v[i].type);
            runs++;
        }
    }
    data_encode(out, v, n);
    if (!out->failed) {
        put_u16(out->p + ENTRY_HEAD, runs);
        put_u32(out->p, (uint32_t)(out->n - ENTRY_HEAD));
        put_u32(out->p + 4, entry_crc(g->head_crc, out->p, out->n));
    }
}

static enum status open_file(struct gather *g, struct error *err) {
    if (g->fd >= 0) {
        return OK;
    }
    g->fd = openat(g->dir_fd, file_name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (g->fd < 0) {
        return file_error(err, file_name, "create");
    }
    if (fsync(g->dir_fd) != 0) {
        enum status st = file_error(err, file_name, "make its directory durable");
        (void)close(g->fd);
        g->fd = -1;
        return st;
    }
    return OK;
}

/* Begins the file anew. */
static enum status write_head(struct gather *g, const struct gather_head *head, struct error *err) {
    uint8_t p[HEAD_SIZE];
    encode_head(head, p);
    enum status st = open_file(g, err);
    if (st == OK) {
        st = file_write_at(g->fd, file_name, p, sizeof p, 0, err);
    }
    if (st == OK) {
        g->head = *head;
        g->head_crc = get_u32(p + CRC_AT);
        g->bytes = HEAD_SIZE;
    }
    return st;
}

enum status gather_add(struct gather *g, const struct gather_head *head, const struct link_sample *v,
                       uint32_t n, struct error *err) {
    CHECK(g->state != GATHER_WRITTEN);
    enum status st = g->state == GATHER_EMPTY ? write_head(g, head, err) : OK;
    if (st != OK) {
        return st;
    }
    struct buf entry;
    buf_init(&entry, FILE_BYTES_MAX - g->bytes);
    encode_entry(g, v, n, &entry);
    st = buf_status(&entry, err);
    uint32_t before = g->n;
    if (st == OK) {
        st = keep_all(g, v, n, err);
    }
    if (st == OK) {
        st = file_write_at(g->fd, file_name, entry.p, entry.n, g->bytes, err);
        if (st != OK) {
            keep_only(g, before); /* the next one is written over what came of it */
        }
    }
    if (st == OK) {
        g->bytes += (uint32_t)entry.n;
        g->synced = false;
        g->state = GATHER_OPEN;
    }
    buf_done(&entry);
    return st;
}

enum status gather_sync(struct gather *g, struct error *err) {
    enum status st = g->synced ? OK : file_sync(g->fd, file_name, err);
    g->synced = st == OK;
    return st;
}

void gather_written(struct gather *g) {
    CHECK(g->state == GATHER_OPEN);
    g->state = GATHER_WRITTEN;
}

void gather_clear(struct gather *g) {
    forget_samples(g);
    if (g->fd >= 0 && g->bytes > 0 && ftruncate(g->fd, 0) == 0) {
        (void)!file_sync(g->fd, file_name, NULL);
    }
    g->bytes = 0;
    g->synced = true;
}

/* ---- loading ---- */

/* Gives each run's type in their order, which is that of the types. */
struct entry_reader {
    struct gather *g;
    const uint8_t *types;
    uint32_t n_types;
    uint32_t next;
};

static uint8_t type_of(void *ctx, uint32_t alias) {
    (void)alias;
    struct entry_reader *r = ctx;
    return r->next < r->n_types ? r->types[r->next++] : 0;
}

static enum status on_sample(void *ctx, const struct link_sample *s, struct error *err) {
    struct entry_reader *r = ctx;
    return r->g->n < GATHER_SAMPLES_MAX ? keep(r->g, s, err)
                                        : error_set(err, ERR_TOO_BIG, file_name, "too many samples");
}

/* Takes the addition at the beginning of p. Gives its length, 0 if there is none. */
static uint32_t take_entry(struct gather *g, const uint8_t *p, uint32_t n) {
    uint32_t len = n >= ENTRY_HEAD + 2 ? get_u32(p) : 0;
    if (len < 2 || len > n - ENTRY_HEAD || get_u32(p + 4) != entry_crc(g->head_crc, p, ENTRY_HEAD + len)) {
        return 0;
    }
    struct entry_reader r = {.g = g, .types = p + ENTRY_HEAD + 2, .n_types = get_u16(p + ENTRY_HEAD)};
    if (r.n_types > len - 2) {
        return 0;
    }
    uint32_t before = g->n;
    struct slice body = slice_of(r.types + r.n_types, len - 2 - r.n_types);
    if (data_decode(body, type_of, on_sample, &r, NULL) != OK) {
        if (g->n > 0) {
            keep_only(g, before);
        }
        return 0;
    }
    return ENTRY_HEAD + len;
}

static void take_file(struct gather *g, const uint8_t *p, uint32_t n) {
    uint32_t at = 0;
    if (n >= HEAD_SIZE && decode_head(p, &g->head)) {
        g->head_crc = get_u32(p + CRC_AT);
        at = HEAD_SIZE;
        for (uint32_t len = take_entry(g, p + at, n - at); len > 0; len = take_entry(g, p + at, n - at)) {
            at += len;
        }
    }
    bool good = g->n > 0 && make_body(g, NULL) == OK;
    g->damaged = n - (good ? at : 0);
    g->bytes = n;
    if (good) {
        g->state = GATHER_OPEN;
    } else {
        gather_clear(g);
    }
}

enum status gather_load(struct gather *g, struct error *err) {
    g->fd = openat(g->dir_fd, file_name, O_RDWR | O_CLOEXEC);
    if (g->fd < 0) {
        return errno == ENOENT ? OK : file_error(err, file_name, "open");
    }
    struct stat info = {0};
    if (fstat(g->fd, &info) != 0) {
        return file_error(err, file_name, "look at");
    }
    uint32_t n = info.st_size > FILE_BYTES_MAX ? FILE_BYTES_MAX : (uint32_t)info.st_size;
    uint8_t *p = malloc(n > 0 ? n : 1);
    if (p == NULL) {
        return error_set(err, ERR_NOMEM, file_name, "no memory to read %u bytes", n);
    }
    enum status st = file_read_at(g->fd, file_name, p, n, 0, err);
    if (st == OK) {
        take_file(g, p, n);
    }
    if (st == OK && g->state == GATHER_OPEN) {
        /* Written once more, for the same reason as a segment (segment_write_again). */
        st = file_write_at(g->fd, file_name, p, n, 0, err);
        st = st == OK ? file_sync(g->fd, file_name, err) : st;
    }
    free(p);
    return st;
}
