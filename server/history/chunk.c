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

static void write_times(struct buf *out, const struct chunk_sample *v, uint32_t n, struct chunk_work *work) {
    for (uint32_t i = 0; i < n; i++) {
        work->integers[i] = v[i].t_us;
    }
    column_write(out, work->integers, n);
}

static void write_tags(struct buf *out, const struct chunk_sample *v, uint32_t n, struct chunk_work *work) {
    for (uint32_t i = 0; i < n; i++) {
        work->integers[i] = v[i].tag_key;
    }
    column_write(out, work->integers, n);
}

static void write_qualities(struct buf *out, const struct chunk_sample *v, uint32_t n,
                            struct chunk_work *work) {
    for (uint32_t i = 0; i < n; i++) {
        work->bytes[i] = v[i].quality;
    }
    runs_write(out, work->bytes, n);
}

static void write_kinds(struct buf *out, const struct chunk_sample *v, uint32_t n, struct chunk_work *work) {
    for (uint32_t i = 0; i < n; i++) {
        CHECK(v[i].kind <= CHUNK_TEXT);
        work->bytes[i] = v[i].kind;
    }
    runs_write(out, work->bytes, n);
}

static void write_numbers(struct buf *out, const struct chunk_sample *v, uint32_t n,
                          struct chunk_scale declared, struct chunk_work *work) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].kind == CHUNK_NUMBER) {
            work->numbers[count++] = v[i].number;
        }
    }
    if (count > 0) {
        numbers_write(out, work->numbers, count, declared, work);
    }
}

/* The place of a text among those found so far, looked for from the newest; found if there is none. */
static uint32_t place_of(const struct chunk_sample *v, const uint64_t *firsts, uint32_t found,
                         struct slice text) {
    for (uint32_t i = found; i-- > 0;) {
        if (slice_eq(v[firsts[i]].text, text)) {
            return i;
        }
    }
    return found;
}

/* Texts repeat (a state, a recipe's name): each is written once. Behind DISTINCT_MAX of them nobody looks any
 * more. */
static void write_texts(struct buf *out, const struct chunk_sample *v, uint32_t n, struct chunk_work *work) {
    uint32_t count = 0;
    uint32_t found = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].kind == CHUNK_TEXT) {
            uint32_t known = found < DISTINCT_MAX ? found : DISTINCT_MAX;
            uint32_t place = place_of(v, work->rest, known, v[i].text);
            place = place == known ? found : place;
            work->integers[count++] = place;
            if (place == found) {
                work->rest[found++] = i;
            }
        }
    }
    if (count == 0) {
        return;
    }
    write_varint(out, found);
    for (uint32_t i = 0; i < found; i++) {
        CHECK(v[work->rest[i]].text.n <= CHUNK_TEXT_MAX);
        write_counted(out, v[work->rest[i]].text);
    }
    column_write(out, work->integers, count);
}

static void write_all(struct buf *out, uint8_t version, const struct chunk_sample *v, uint32_t n,
                      struct chunk_scale declared, struct chunk_work *work) {
    CHECK(n > 0 && n <= CHUNK_SAMPLES_MAX);
    size_t begin = out->n;
    buf_byte(out, version);
    write_varint(out, n);
    if (version == CHUNK_MIXED_VERSION) {
        write_tags(out, v, n, work);
    }
    write_times(out, v, n, work);
    write_qualities(out, v, n, work);
    write_kinds(out, v, n, work);
    write_numbers(out, v, n, declared, work);
    write_texts(out, v, n, work);
    if (!out->failed) {
        write_u32(out, crc32c(0, out->p + begin, out->n - begin));
    }
}

void chunk_write(struct buf *out, const struct chunk_sample *v, uint32_t n, struct chunk_scale declared,
                 struct chunk_work *work) {
    for (uint32_t i = 1; i < n; i++) {
        CHECK(v[i].t_us > v[i - 1].t_us);
    }
    write_all(out, CHUNK_VERSION, v, n, declared, work);
}

void chunk_write_mixed(struct buf *out, const struct chunk_sample *v, uint32_t n, struct chunk_work *work) {
    write_all(out, CHUNK_MIXED_VERSION, v, n, (struct chunk_scale){.scale = 0}, work);
}

/* --- reading --- */

/* What is left of a chunk that is being read. */
struct rest {
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

static bool read_tags(struct rest *r, struct chunk_sample *v, uint32_t n, struct chunk_work *work) {
    if (!pass(r, "tags", column_read(r->bytes, n, work->integers))) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        v[i].tag_key = work->integers[i];
    }
    return true;
}

static bool read_times(struct rest *r, struct chunk_sample *v, uint32_t n, struct chunk_work *work) {
    if (!pass(r, "times", column_read(r->bytes, n, work->integers))) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        v[i].t_us = work->integers[i];
    }
    return true;
}

static bool check_order(struct rest *r, const struct chunk_sample *v, uint32_t n) {
    for (uint32_t i = 1; i < n; i++) {
        if (v[i].t_us <= v[i - 1].t_us) {
            r->broken = "times: not ascending";
            return false;
        }
    }
    return true;
}

static bool read_qualities(struct rest *r, struct chunk_sample *v, uint32_t n, struct chunk_work *work) {
    if (!pass(r, "qualities", runs_read(r->bytes, n, work->bytes))) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        v[i].quality = work->bytes[i];
    }
    return true;
}

static bool read_kinds(struct rest *r, struct chunk_sample *v, uint32_t n, struct chunk_work *work) {
    if (!pass(r, "kinds of values", runs_read(r->bytes, n, work->bytes))) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (work->bytes[i] > CHUNK_TEXT) {
            r->broken = "kinds of values: one is not known";
            return false;
        }
        v[i].kind = work->bytes[i];
    }
    return true;
}

static uint32_t count_of(const struct chunk_sample *v, uint32_t n, enum chunk_kind kind) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        count += v[i].kind == kind;
    }
    return count;
}

static bool read_numbers(struct rest *r, struct chunk_sample *v, uint32_t n, struct chunk_work *work) {
    uint32_t count = count_of(v, n, CHUNK_NUMBER);
    if (count == 0) {
        return true;
    }
    if (!pass(r, "numbers", numbers_read(r->bytes, count, work, work->numbers))) {
        return false;
    }
    const double *next = work->numbers;
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].kind == CHUNK_NUMBER) {
            v[i].number = *next++;
        }
    }
    return true;
}

static bool read_texts(struct rest *r, struct chunk_sample *v, uint32_t n, struct chunk_work *work) {
    uint32_t count = count_of(v, n, CHUNK_TEXT);
    if (count == 0) {
        return true;
    }
    struct reader head;
    reader_init(&head, r->bytes, "texts", NULL);
    uint32_t found = (uint32_t)reader_varint_max(&head, "distinct", count);
    for (uint32_t i = 0; i < found; i++) {
        work->texts[i] = reader_counted(&head, "text", CHUNK_TEXT_MAX);
    }
    size_t used = r->bytes.n - reader_left(&head);
    if (!pass(r, "texts", reader_ok(&head) ? used : 0) ||
        !pass(r, "texts: places", column_read(r->bytes, count, work->integers))) {
        return false;
    }
    const int64_t *next = work->integers;
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].kind == CHUNK_TEXT) {
            if (*next < 0 || *next >= found) {
                r->broken = "texts: a place without a text";
                return false;
            }
            v[i].text = work->texts[*next++];
        }
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

static bool read_all(struct rest *r, uint8_t version, struct chunk_sample *v, uint32_t n,
                     struct chunk_work *work) {
    bool mixed = version == CHUNK_MIXED_VERSION;
    memset(v, 0, n * sizeof *v);
    return (!mixed || read_tags(r, v, n, work)) && read_times(r, v, n, work) &&
           (mixed || check_order(r, v, n)) && read_qualities(r, v, n, work) && read_kinds(r, v, n, work) &&
           read_numbers(r, v, n, work) && read_texts(r, v, n, work) && r->bytes.n == 0;
}

enum status chunk_read(struct slice bytes, struct chunk_work *work, struct chunk_sample *ret_v,
                       uint32_t *ret_n, struct error *err) {
    enum status status = check_frame(bytes, err);
    if (status != OK) {
        return status;
    }
    struct reader head;
    reader_init(&head, slice_of(bytes.p + 1, bytes.n - 1 - CRC_BYTES), "chunk", err);
    uint32_t n = (uint32_t)reader_varint_max(&head, "samples", CHUNK_SAMPLES_MAX);
    if (!reader_ok(&head)) {
        return head.status;
    }
    struct rest r = {.bytes = reader_rest(&head), .broken = n == 0 ? "samples: none" : NULL};
    if (n == 0 || !read_all(&r, (uint8_t)bytes.p[0], ret_v, n, work)) {
        return error_set(err, ERR_INVALID, "chunk", "cannot be read: %s",
                         r.broken != NULL ? r.broken : "there is more than its samples");
    }
    *ret_n = n;
    return OK;
}
