#include "server/history/bits.h"

#include "protocol/wire.h"
#include "server/base/check.h"

#include <string.h>

enum {
    RICE_ONES_MAX = 20, /* as many ones say that the whole number follows */
    RICE_K_MAX = 40,
    RICE_NOTHING = 63, /* instead of k: all numbers are 0 and take no bits */
    ORDER_SHIFT = 6,   /* of the order in the column's first byte, above k */
    ORDERS = 3,
};

/* --- bits --- */

void bits_init(struct bit_writer *w, uint8_t *room) {
    *w = (struct bit_writer){.n = 0};
    w->p = room;
}

/* At most 56 bits. */
static void put_some(struct bit_writer *w, uint64_t v, unsigned n) {
    w->acc |= v << w->held;
    w->held += n;
    memcpy(w->p + w->n, &w->acc, sizeof w->acc);
    w->n += w->held / 8;
    w->acc >>= w->held & ~7U;
    w->held &= 7U;
}

void bits_put(struct bit_writer *w, uint64_t v, unsigned n) {
    if (n > 32) {
        put_some(w, v & UINT32_MAX, 32);
        v >>= 32;
        n -= 32;
    }
    put_some(w, v & ((UINT64_C(1) << n) - 1), n);
}

size_t bits_end(struct bit_writer *w) {
    return w->n + (w->held > 0);
}

void bits_open(struct bit_reader *r, const uint8_t *p, size_t n) {
    *r = (struct bit_reader){.p = p, .n = n};
}

/* At least 56 bits in acc, or all that there are. */
static void refill(struct bit_reader *r) {
    if (r->n - r->at >= 8) {
        uint64_t next;
        memcpy(&next, r->p + r->at, sizeof next);
        unsigned bytes = (63 - r->held) / 8;
        r->acc |= next << r->held;
        r->at += bytes;
        r->held += bytes * 8;
        r->acc &= (UINT64_C(1) << r->held) - 1;
        return;
    }
    while (r->held <= 56 && r->at < r->n) {
        r->acc |= (uint64_t)r->p[r->at++] << r->held;
        r->held += 8;
    }
}

/* At most 56 bits, which are in acc if they are anywhere. */
static uint64_t take(struct bit_reader *r, unsigned n) {
    if (n > r->held) {
        r->failed = true;
        r->held = 0;
        r->acc = 0;
        r->at = r->n;
        return 0;
    }
    uint64_t v = r->acc & ((UINT64_C(1) << n) - 1);
    r->acc >>= n;
    r->held -= n;
    return v;
}

uint64_t bits_get(struct bit_reader *r, unsigned n) {
    refill(r);
    if (n <= 32) {
        return take(r, n);
    }
    uint64_t low = take(r, 32);
    refill(r);
    return low | (take(r, n - 32) << 32);
}

size_t bits_used(const struct bit_reader *r) {
    return r->at - r->held / 8;
}

/* --- columns --- */

static unsigned width(uint64_t v) {
    return v == 0 ? 0 : 64 - (unsigned)__builtin_clzll(v);
}

static uint64_t divisor(uint64_t a, uint64_t b) {
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static uint64_t magnitude(int64_t v) {
    return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

/* The greatest number that divides all distances from the first; 1 if there are none. */
static uint64_t unit_of(const int64_t *v, uint32_t n) {
    uint64_t unit = 0;
    for (uint32_t i = 1; i < n && unit != 1; i++) {
        uint64_t distance = magnitude((int64_t)((uint64_t)v[i] - (uint64_t)v[0]));
        if (unit == 0 || distance % unit != 0) {
            unit = divisor(distance, unit);
        }
    }
    return unit == 0 ? 1 : unit;
}

/* Before the first number, which is 0: so a slope of one unit, as clocks have it, is expected from the start.
 */
#define BEFORE_FIRST UINT64_MAX

/* What order expects after a and, before it, b. */
static uint64_t expected(unsigned order, uint64_t a, uint64_t b) {
    return order == 0 ? 0 : order == 1 ? a : 2 * a - b;
}

/* The order which leaves the fewest bits. w[i] are distances in units, w[0] is 0. */
static unsigned choose_order(const uint64_t *w, uint32_t n) {
    uint64_t bits[ORDERS] = {0};
    uint64_t a = 0;
    uint64_t b = BEFORE_FIRST;
    for (uint32_t i = 1; i < n; i++) {
        for (unsigned order = 0; order < ORDERS; order++) {
            bits[order] += width(zigzag((int64_t)(w[i] - expected(order, a, b))));
        }
        b = a;
        a = w[i];
    }
    unsigned best = 1;
    for (unsigned order = 0; order < ORDERS; order++) {
        best = bits[order] < bits[best] ? order : best;
    }
    return best;
}

static uint64_t rice_bits(const uint64_t *r, uint32_t n, unsigned k) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t ones = r[i] >> k;
        sum += ones < RICE_ONES_MAX ? ones + 1 + k : RICE_ONES_MAX + 64;
    }
    return sum;
}

/* From the mean width, the neighbours tried as long as they are better. */
static unsigned choose_k(const uint64_t *r, uint32_t n, uint64_t *ret_bits) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += width(r[i]);
    }
    unsigned k = (unsigned)(sum / n);
    k = k > RICE_K_MAX ? RICE_K_MAX : k;
    uint64_t best = rice_bits(r, n, k);
    for (uint64_t next; k > 0 && (next = rice_bits(r, n, k - 1)) < best; k--) {
        best = next;
    }
    for (uint64_t next; k < RICE_K_MAX && (next = rice_bits(r, n, k + 1)) < best; k++) {
        best = next;
    }
    *ret_bits = best;
    return k;
}

static void write_rice(struct buf *out, const uint64_t *r, uint32_t n, unsigned k, uint64_t bits) {
    uint8_t *room = buf_reserve(out, bits / 8 + 9);
    if (room == NULL) {
        return;
    }
    struct bit_writer w;
    bits_init(&w, room);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t ones = r[i] >> k;
        if (ones < RICE_ONES_MAX) {
            put_some(&w, (UINT64_C(1) << ones) - 1, (unsigned)ones + 1);
            bits_put(&w, r[i], k);
        } else {
            put_some(&w, (UINT64_C(1) << RICE_ONES_MAX) - 1, RICE_ONES_MAX);
            bits_put(&w, r[i], 64);
        }
    }
    size_t written = bits_end(&w);
    CHECK(written == (bits + 7) / 8);
    out->n += written;
}

static bool all_same(const int64_t *v, uint32_t n) {
    uint32_t i = 1;
    while (i < n && v[i] == v[0]) {
        i++;
    }
    return i >= n;
}

static void write_head(struct buf *out, unsigned order, unsigned k, int64_t first, uint64_t unit) {
    buf_byte(out, (uint8_t)(order << ORDER_SHIFT | k));
    write_svarint(out, first);
    write_varint(out, unit);
}

void column_write(struct buf *out, const int64_t *v, uint32_t n, uint64_t *work) {
    CHECK(n > 0);
    if (all_same(v, n)) { /* often; what follows would come to the same */
        write_head(out, 1, RICE_NOTHING, v[0], 1);
        return;
    }
    uint64_t unit = unit_of(v, n);
    for (uint32_t i = 0; i < n; i++) {
        int64_t distance = (int64_t)((uint64_t)v[i] - (uint64_t)v[0]);
        uint64_t units = unit == 1 ? magnitude(distance) : magnitude(distance) / unit;
        work[i] = distance < 0 ? 0 - units : units;
    }
    unsigned order = choose_order(work, n);
    uint64_t a = 0;
    uint64_t b = BEFORE_FIRST;
    uint64_t any = 0;
    for (uint32_t i = 1; i < n; i++) {
        uint64_t next = work[i];
        work[i - 1] = zigzag((int64_t)(next - expected(order, a, b)));
        any |= work[i - 1];
        b = a;
        a = next;
    }
    uint64_t bits = 0;
    unsigned k = any == 0 ? RICE_NOTHING : choose_k(work, n - 1, &bits);
    write_head(out, order, k, v[0], unit);
    if (any != 0) {
        write_rice(out, work, n - 1, k, bits);
    }
}

static uint64_t read_rice(struct bit_reader *r, unsigned k) {
    refill(r);
    uint64_t ones = r->acc == UINT64_MAX ? 64 : (uint64_t)__builtin_ctzll(~r->acc);
    if (ones >= RICE_ONES_MAX) {
        (void)take(r, RICE_ONES_MAX);
        return bits_get(r, 64);
    }
    (void)take(r, (unsigned)ones + 1);
    return ones << k | bits_get(r, k);
}

size_t column_read(struct slice bytes, uint32_t n, int64_t *ret_v) {
    struct reader head;
    reader_init(&head, bytes, "column", NULL);
    uint8_t how = reader_u8(&head, "kind");
    int64_t first = reader_svarint(&head, "first");
    uint64_t unit = reader_varint(&head, "unit");
    unsigned order = how >> ORDER_SHIFT;
    unsigned k = how & RICE_NOTHING;
    if (!reader_ok(&head) || order >= ORDERS || (k > RICE_K_MAX && k != RICE_NOTHING)) {
        return 0;
    }
    struct slice rest = reader_rest(&head);
    struct bit_reader r;
    bits_open(&r, (const uint8_t *)rest.p, rest.n);
    ret_v[0] = first;
    uint64_t a = 0;
    uint64_t b = BEFORE_FIRST;
    for (uint32_t i = 1; i < n; i++) {
        uint64_t left = k == RICE_NOTHING ? 0 : read_rice(&r, k);
        uint64_t next = expected(order, a, b) + (uint64_t)unzigzag(left);
        ret_v[i] = (int64_t)((uint64_t)first + next * unit);
        b = a;
        a = next;
    }
    return r.failed ? 0 : bytes.n - rest.n + bits_used(&r);
}

/* --- runs --- */

static uint32_t run_from(const uint8_t *v, uint32_t n, uint32_t i) {
    uint32_t end = i + 1;
    while (end < n && v[end] == v[i]) {
        end++;
    }
    return end - i;
}

/* The last run's length is not written. No runs: bytes. */
void runs_write(struct buf *out, const uint8_t *v, uint32_t n) {
    CHECK(n > 0);
    uint32_t runs = 0;
    for (uint32_t i = 0; i < n; i += run_from(v, n, i)) {
        runs++;
    }
    if (runs > n / 2) {
        write_varint(out, n == 1 ? 1 : 0);
        buf_append(out, v, n);
        return;
    }
    write_varint(out, runs);
    for (uint32_t i = 0, length = 0; i < n; i += length) {
        length = run_from(v, n, i);
        buf_byte(out, v[i]);
        if (i + length < n) {
            write_varint(out, length);
        }
    }
}

size_t runs_read(struct slice bytes, uint32_t n, uint8_t *ret_v) {
    struct reader r;
    reader_init(&r, bytes, "runs", NULL);
    uint64_t runs = reader_varint_max(&r, "runs", n);
    if (runs == 0 && reader_ok(&r)) {
        struct slice all = reader_bytes(&r, "bytes", n);
        if (reader_ok(&r)) {
            memcpy(ret_v, all.p, n);
        }
    }
    uint64_t at = 0;
    for (uint64_t i = 0; i < runs && reader_ok(&r); i++) {
        uint8_t byte = reader_u8(&r, "byte");
        uint64_t length = i + 1 < runs ? reader_varint_max(&r, "length", n - at) : n - at;
        memset(ret_v + at, byte, (size_t)length);
        at += length;
    }
    return reader_ok(&r) ? bytes.n - reader_left(&r) : 0;
}
