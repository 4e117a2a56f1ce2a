#include "server/history/chunk.h"

#include "protocol/wire.h"
#include "server/base/check.h"
#include "server/base/crc32c.h"
#include "server/history/bits.h"
#include "server/history/numbers.h"

#include <inttypes.h>
#include <string.h>

enum { CRC_BYTES = 4, DISTINCT_MAX = 256 };

/* --- writing --- */

/* The place of a text among those found so far, looked for from the newest; found if there is none. */
static uint32_t place_of(const struct slice *texts, const uint64_t *firsts, uint32_t found,
                         struct slice text) {
    for (uint32_t i = found; i-- > 0;) {
        if (slice_eq(texts[firsts[i]], text)) {
            return i;
        }
    }
    return found;
}

/* Texts repeat (a state, a recipe's name): each is written once. Behind DISTINCT_MAX of them nobody looks any
 * more. */
static void write_texts(struct buf *out, const struct slice *texts, uint32_t n, struct chunk_work *work) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t known = found < DISTINCT_MAX ? found : DISTINCT_MAX;
        uint32_t place = place_of(texts, work->rest, known, texts[i]);
        place = place == known ? found : place;
        work->integers[i] = place;
        if (place == found) {
            work->rest[found++] = i;
        }
    }
    write_varint(out, found);
    for (uint32_t i = 0; i < found; i++) {
        CHECK(texts[work->rest[i]].n <= CHUNK_TEXT_MAX);
        write_counted(out, texts[work->rest[i]]);
    }
    column_write(out, work->integers, n);
}

static void write_all(struct buf *out, uint8_t version, struct chunk_work *work) {
    const struct chunk_columns *c = &work->columns;
    size_t begin = out->n;
    CHECK(c->n > 0);
    buf_byte(out, version);
    write_varint(out, c->n);
    if (version == CHUNK_MIXED_VERSION) {
        column_write(out, c->tags, c->n);
    }
    column_write(out, c->times, c->n);
    runs_write(out, c->qualities, c->n);
    runs_write(out, c->kinds, c->n);
    if (c->n_numbers > 0) {
        numbers_write(out, c->numbers, c->n_numbers, work);
    }
    if (c->n_texts > 0) {
        write_texts(out, c->texts, c->n_texts, work);
    }
    if (!out->failed) {
        write_u32(out, crc32c(0, out->p + begin, out->n - begin));
    }
}

void chunk_put_columns(struct chunk_columns *c, const struct chunk_sample *v, uint32_t n) {
    uint32_t numbers = 0;
    uint32_t texts = 0;
    CHECK(n <= CHUNK_SAMPLES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(v[i].kind <= CHUNK_TEXT);
        c->tags[i] = v[i].tag_key;
        c->times[i] = v[i].t_us;
        c->qualities[i] = v[i].quality;
        c->kinds[i] = v[i].kind;
        if (v[i].kind == CHUNK_NUMBER) {
            c->numbers[numbers++] = v[i].number;
        } else if (v[i].kind == CHUNK_TEXT) {
            c->texts[texts++] = v[i].text;
        }
    }
    c->n = n;
    c->n_numbers = numbers;
    c->n_texts = texts;
}

void chunk_write_columns(struct buf *out, struct chunk_work *work) {
    const int64_t *times = work->columns.times;
    for (uint32_t i = 1; i < work->columns.n; i++) {
        CHECK(times[i] > times[i - 1]);
    }
    write_all(out, CHUNK_VERSION, work);
}

void chunk_write_columns_mixed(struct buf *out, struct chunk_work *work) {
    write_all(out, CHUNK_MIXED_VERSION, work);
}

void chunk_write(struct buf *out, const struct chunk_sample *v, uint32_t n, struct chunk_work *work) {
    chunk_put_columns(&work->columns, v, n);
    chunk_write_columns(out, work);
}

/* --- reading --- */

/* What is left of a chunk that is being read, behind the samples that are there. */
struct rest {
    uint32_t n; /* its samples */
    uint32_t n_numbers;
    uint32_t n_texts;
    struct slice bytes;
    const char *broken; /* NULL, or the part that could not be read */
};

/* Goes behind a part that took used bytes. */
static bool pass(struct rest *r, const char *part, size_t used) {
    if (used == 0) {
        r->broken = part;
        return false;
    }
    r->bytes = slice_of(r->bytes.p + used, r->bytes.n - used);
    return true;
}

static bool read_column(struct rest *r, const char *part, uint32_t n, int64_t *ret_v) {
    return pass(r, part, column_read(r->bytes, n, ret_v));
}

static bool read_runs(struct rest *r, const char *part, uint8_t *ret_v) {
    return pass(r, part, runs_read(r->bytes, r->n, ret_v));
}

/* Those of a chunk of one tag are 0. */
static bool read_tags(struct rest *r, bool mixed, int64_t *ret_v) {
    if (mixed) {
        return read_column(r, "tags", r->n, ret_v);
    }
    memset(ret_v, 0, r->n * sizeof *ret_v);
    return true;
}

static bool read_times(struct rest *r, bool mixed, int64_t *ret_v) {
    if (!read_column(r, "times", r->n, ret_v)) {
        return false;
    }
    for (uint32_t i = 1; i < r->n && !mixed; i++) {
        if (ret_v[i] <= ret_v[i - 1]) {
            r->broken = "times: not ascending";
            return false;
        }
    }
    return true;
}

static bool read_kinds(struct rest *r, uint8_t *ret_v) {
    uint32_t counts[CHUNK_TEXT + 1] = {0};
    if (!read_runs(r, "kinds of values", ret_v)) {
        return false;
    }
    for (uint32_t i = 0; i < r->n; i++) {
        if (ret_v[i] > CHUNK_TEXT) {
            r->broken = "kinds of values: one is not known";
            return false;
        }
        counts[ret_v[i]]++;
    }
    r->n_numbers = counts[CHUNK_NUMBER];
    r->n_texts = counts[CHUNK_TEXT];
    return true;
}

static bool read_numbers(struct rest *r, struct chunk_work *work, double *ret_v) {
    return r->n_numbers == 0 || pass(r, "numbers", numbers_read(r->bytes, r->n_numbers, work, ret_v));
}

/* Each text once, into work->texts, and their places. */
static bool read_texts(struct rest *r, struct chunk_work *work, struct slice *ret_v) {
    if (r->n_texts == 0) {
        return true;
    }
    struct reader head;
    reader_init(&head, r->bytes, "texts", NULL);
    uint32_t found = (uint32_t)reader_varint_max(&head, "distinct", r->n_texts);
    for (uint32_t i = 0; i < found; i++) {
        work->texts[i] = reader_counted(&head, "text", CHUNK_TEXT_MAX);
    }
    size_t used = r->bytes.n - reader_left(&head);
    if (!pass(r, "texts", reader_ok(&head) ? used : 0) ||
        !read_column(r, "texts: places", r->n_texts, work->integers)) {
        return false;
    }
    for (uint32_t i = 0; i < r->n_texts; i++) {
        int64_t place = work->integers[i];
        if (place < 0 || place >= found) {
            r->broken = "texts: a place without a text";
            return false;
        }
        ret_v[i] = work->texts[place];
    }
    return true;
}

/* The frame around the columns: length, version, CRC. */
static enum status check_frame(struct slice bytes, struct error *err) {
    if (bytes.n <= CRC_BYTES) {
        return error_set(err, ERR_INVALID, "chunk", "of %zu bytes is too short to be one", bytes.n);
    }
    uint8_t version = (uint8_t)bytes.p[0];
    if (version != CHUNK_VERSION && version != CHUNK_MIXED_VERSION) {
        return error_set(err, ERR_UNSUPPORTED, "chunk", "has version %u, this program reads %d and %d",
                         version, CHUNK_VERSION, CHUNK_MIXED_VERSION);
    }
    struct reader tail;
    reader_init(&tail, slice_of(bytes.p + bytes.n - CRC_BYTES, CRC_BYTES), "chunk", err);
    uint32_t told = reader_u32(&tail, "crc");
    uint32_t crc = crc32c(0, bytes.p, bytes.n - CRC_BYTES);
    if (told != crc) {
        return error_set(err, ERR_INVALID, "chunk",
                         "is damaged: its CRC is %08" PRIx32 ", its bytes have %08" PRIx32, told, crc);
    }
    return OK;
}

static bool read_all(struct rest *r, bool mixed, struct chunk_work *work) {
    struct chunk_columns *c = &work->columns;
    return read_tags(r, mixed, c->tags + c->n) && read_times(r, mixed, c->times + c->n) &&
           read_runs(r, "qualities", c->qualities + c->n) && read_kinds(r, c->kinds + c->n) &&
           read_numbers(r, work, c->numbers + c->n_numbers) && read_texts(r, work, c->texts + c->n_texts) &&
           r->bytes.n == 0;
}

enum status chunk_read_columns(struct slice bytes, struct chunk_work *work, struct error *err) {
    struct chunk_columns *c = &work->columns;
    enum status status = check_frame(bytes, err);
    if (status != OK) {
        return status;
    }
    struct reader head;
    reader_init(&head, slice_of(bytes.p + 1, bytes.n - 1 - CRC_BYTES), "chunk", err);
    uint32_t n = (uint32_t)reader_varint_max(&head, "samples", CHUNK_SAMPLES_MAX - c->n);
    if (!reader_ok(&head)) {
        return head.status;
    }
    struct rest r = {.n = n, .bytes = reader_rest(&head), .broken = n == 0 ? "samples: none" : NULL};
    if (n == 0 || !read_all(&r, (uint8_t)bytes.p[0] == CHUNK_MIXED_VERSION, work)) {
        return error_set(err, ERR_INVALID, "chunk", "cannot be read: %s",
                         r.broken != NULL ? r.broken : "there is more than its samples");
    }
    c->n += n;
    c->n_numbers += r.n_numbers;
    c->n_texts += r.n_texts;
    return OK;
}

void chunk_take_columns(const struct chunk_columns *c, struct chunk_sample *ret_v) {
    const double *number = c->numbers;
    const struct slice *text = c->texts;
    for (uint32_t i = 0; i < c->n; i++) {
        bool has_number = c->kinds[i] == CHUNK_NUMBER;
        ret_v[i] = (struct chunk_sample){.tag_key = c->tags[i],
                                         .t_us = c->times[i],
                                         .number = has_number ? *number : 0,
                                         .quality = c->qualities[i],
                                         .kind = c->kinds[i]};
        number += has_number;
        if (c->kinds[i] == CHUNK_TEXT) {
            ret_v[i].text = *text++;
        }
    }
}

enum status chunk_read(struct slice bytes, struct chunk_work *work, struct chunk_sample *ret_v,
                       uint32_t *ret_n, struct error *err) {
    chunk_columns_clear(&work->columns);
    enum status status = chunk_read_columns(bytes, work, err);
    if (status == OK) {
        chunk_take_columns(&work->columns, ret_v);
        *ret_n = work->columns.n;
    }
    return status;
}
