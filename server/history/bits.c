#include "server/history/bits.h"

#include "protocol/wire.h"
#include "server/base/check.h"

#include <string.h>

enum {
    RICE_ONES_MAX = 20, /* as many ones say that the whole number follows */
    RICE_K_MAX = 40,
    RICE_K_WHOLE = 36, /* up to it, ones and low bits go out at once */
    RICE_NOTHING = 63, /* instead of k: all numbers are 0 and take no bits */
    ORDER_SHIFT = 6,   /* of the order in the column's first byte, above k */
    ORDERS = 3,
    WIDTH_MAX = 64,
    LOOKED_AT = 32, /* numbers, at least, say how a column is written … */
    LOOK_STEP = 8,  /* … and one of so many */
};

/* --- columns --- */

static unsigned width(uint64_t v) {
    return v == 0 ? 0 : 64 - (unsigned)__builtin_clzll(v);
}

static uint64_t magnitude(int64_t v) {
    return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

static uint64_t divisor(uint64_t a, uint64_t b) {
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* What all distances from the first number are multiples of, and how to divide by it without a division: a
 * multiple's quotient is its product with the inverse of an odd number modulo 2^64. */
struct unit {
    uint64_t size;
    uint64_t inverse; /* of the odd part of size */
    uint64_t most;    /* how often size goes into 2^64 */
    unsigned twos;    /* size is its odd part times so many twos */
};

static struct unit unit_of_size(uint64_t size) {
    unsigned twos = (unsigned)__builtin_ctzll(size);
    uint64_t odd = size >> twos;
    uint64_t inverse = (3 * odd) ^ 2; /* right in 5 bits, and in twice as many after each turn */
    for (int i = 0; i < 4; i++) {
        inverse *= 2 - odd * inverse;
    }
    return (struct unit){.size = size, .inverse = inverse, .most = UINT64_MAX / size, .twos = twos};
}

/* A multiple's quotient is small, any other number's product large. */
static bool divides(const struct unit *u, uint64_t v) {
    uint64_t product = v * u->inverse;
    return (product >> u->twos | product << (-u->twos & 63)) <= u->most;
}

/* The greatest; not all of v are the same. */
static struct unit unit_of(const int64_t *v, uint32_t n) {
    struct unit u = {.inverse = 1}; /* 0 divides 0 alone */
    for (uint32_t i = 1; i < n && u.size != 1; i++) {
        uint64_t distance = magnitude((int64_t)((uint64_t)v[i] - (uint64_t)v[0]));
        if (!divides(&u, distance)) {
            u = unit_of_size(divisor(distance, u.size));
        }
    }
    return u;
}

/* How many units v lies beyond first, modulo 2^64. */
static uint64_t units(const struct unit *u, int64_t v, int64_t first) {
    int64_t distance = (int64_t)((uint64_t)v - (uint64_t)first);
    return (uint64_t)(distance >> u->twos) * u->inverse;
}

/* Before the first number, which is 0: so a slope of one unit, as clocks have it, is expected from the start.
 */
#define BEFORE_FIRST UINT64_MAX

/* What a number is expected to be from the two before it: 0, the last one, or as far beyond it again. As
 * masks, for a loop in which nothing is decided. */
struct order {
    uint64_t last;
    uint64_t slope;
};

static const struct order orders[ORDERS] = {{0, 0}, {UINT64_MAX, 0}, {UINT64_MAX, UINT64_MAX}};

/* After a and, before it, b. */
static uint64_t expected(struct order o, uint64_t a, uint64_t b) {
    return (a & o.last) + ((a - b) & o.slope);
}

/* How many numbers of each width an order leaves, of those that were looked at. */
struct widths {
    uint16_t count[WIDTH_MAX + 1];
};

/* Which k takes the fewest bits; *ret_bits: twice as many as it takes. A number a bit wider than k has a one
 * before its low bits, one of two bits more two or three, … */
static unsigned choose_k(const struct widths *w, uint32_t n, uint32_t *ret_bits) {
    static const unsigned ones[] = {0, 2, 5, 11, 23}; /* twice the mean */
    enum { WIDER = sizeof ones / sizeof ones[0] };
    unsigned best = 0;
    uint32_t least = UINT32_MAX;
    uint32_t within = 0; /* numbers of at most k bits */
    for (unsigned k = 0; k <= RICE_K_MAX && within < n; k++) {
        within += w->count[k];
        uint32_t bits = 2 * n * (1 + k);
        uint32_t beyond = n - within;
        for (unsigned wider = 1; wider < WIDER; wider++) {
            bits += ones[wider] * w->count[k + wider];
            beyond -= w->count[k + wider];
        }
        bits += 2 * beyond * (RICE_ONES_MAX + 64 - 1 - k);
        best = bits < least ? k : best;
        least = bits < least ? bits : least;
    }
    *ret_bits = least;
    return best;
}

struct coding {
    unsigned order;
    unsigned k;
};

/* From a part of the numbers: what is left of a column is much alike, and which order is the best one is
 * mostly clear. Steps between them change, or they would all be of one phase of what repeats itself. */
static struct coding choose(const int64_t *v, uint32_t n, const struct unit *u) {
    struct widths widths[ORDERS] = {{{0}}};
    uint32_t mean = (n + LOOKED_AT - 1) / LOOKED_AT;
    uint32_t step_max = 2 * (mean < LOOK_STEP ? mean : LOOK_STEP) - 1;
    uint32_t looked = 0;
    for (uint32_t i = 1, step = 1; i < n; i += step, step = step == step_max ? 1 : step + 1) {
        looked++;
        uint64_t next = units(u, v[i], v[0]);
        uint64_t a = units(u, v[i - 1], v[0]);
        uint64_t b = i == 1 ? BEFORE_FIRST : units(u, v[i - 2], v[0]);
        for (unsigned order = 0; order < ORDERS; order++) {
            widths[order].count[width(zigzag((int64_t)(next - expected(orders[order], a, b))))]++;
        }
    }
    struct coding best = {.order = 1};
    uint32_t least = 0;
    best.k = choose_k(&widths[best.order], looked, &least);
    for (unsigned order = 0; order < ORDERS; order += 2) {
        uint32_t bits = 0;
        unsigned k = choose_k(&widths[order], looked, &bits);
        best = bits < least ? (struct coding){.order = order, .k = k} : best;
        least = bits < least ? bits : least;
    }
    return best;
}

static void put_rice(struct bit_writer *w, uint64_t v, unsigned k) {
    uint64_t ones = v >> k;
    if (ones < RICE_ONES_MAX && k <= RICE_K_WHOLE) {
        uint64_t low = v & ((UINT64_C(1) << k) - 1);
        bits_put_few(w, ((UINT64_C(1) << ones) - 1) | low << (ones + 1), (unsigned)ones + 1 + k);
    } else if (ones < RICE_ONES_MAX) {
        bits_put_few(w, (UINT64_C(1) << ones) - 1, (unsigned)ones + 1);
        bits_put(w, v, k);
    } else {
        bits_put_few(w, (UINT64_C(1) << RICE_ONES_MAX) - 1, RICE_ONES_MAX);
        bits_put(w, v, 64);
    }
}

static void write_rice(struct buf *out, const int64_t *v, uint32_t n, const struct unit *u, struct coding c) {
    uint8_t *room = buf_reserve(out, (size_t)n * (RICE_ONES_MAX + 64) / 8 + 9);
    if (room == NULL) {
        return;
    }
    struct bit_writer w;
    bits_init(&w, room);
    struct order order = orders[c.order];
    uint64_t a = 0;
    uint64_t b = BEFORE_FIRST;
    for (uint32_t i = 1; i < n; i++) {
        uint64_t next = units(u, v[i], v[0]);
        put_rice(&w, zigzag((int64_t)(next - expected(order, a, b))), c.k);
        b = a;
        a = next;
    }
    out->n += bits_end(&w);
}

/* Whether each number is as far beyond the one before it; *ret_step: how far. */
static bool is_steady(const int64_t *v, uint32_t n, int64_t *ret_step) {
    uint64_t step = n < 2 ? 0 : (uint64_t)v[1] - (uint64_t)v[0];
    for (uint32_t i = 2; i < n; i++) {
        if ((uint64_t)v[i] - (uint64_t)v[i - 1] != step) {
            return false;
        }
    }
    *ret_step = (int64_t)step;
    return true;
}

static void write_head(struct buf *out, unsigned order, unsigned k, int64_t first, uint64_t unit) {
    buf_byte(out, (uint8_t)(order << ORDER_SHIFT | k));
    write_svarint(out, first);
    write_varint(out, unit);
}

void column_write(struct buf *out, const int64_t *v, uint32_t n) {
    CHECK(n > 0);
    int64_t step = 0;
    if (is_steady(v, n, &step) && step >= 0) { /* often; and nothing else leaves nothing */
        write_head(out, step == 0 ? 1 : 2, RICE_NOTHING, v[0], step == 0 ? 1 : (uint64_t)step);
        return;
    }
    struct unit u = unit_of(v, n);
    struct coding c = choose(v, n, &u);
    write_head(out, c.order, c.k, v[0], u.size);
    write_rice(out, v, n, &u, c);
}

static uint64_t get_rice(struct bit_reader *r, unsigned k) {
    bits_refill(r);
    unsigned ones = r->acc == UINT64_MAX ? 64 : (unsigned)__builtin_ctzll(~r->acc);
    if (ones < RICE_ONES_MAX && ones + 1 + k <= r->held) {
        uint64_t low = r->acc >> (ones + 1) & ((UINT64_C(1) << k) - 1);
        r->acc >>= ones + 1 + k;
        r->held -= ones + 1 + k;
        return (uint64_t)ones << k | low;
    }
    if (ones >= RICE_ONES_MAX) {
        (void)bits_take(r, RICE_ONES_MAX);
        return bits_get(r, 64);
    }
    (void)bits_take(r, ones + 1);
    return (uint64_t)ones << k | bits_get(r, k);
}

/* Behind v[0], which is there. */
static bool read_rice(struct slice bytes, int64_t *v, uint32_t n, uint64_t unit, struct coding c,
                      size_t *ret_used) {
    struct bit_reader r;
    bits_open(&r, (const uint8_t *)bytes.p, bytes.n);
    struct order order = orders[c.order];
    uint64_t a = 0;
    uint64_t b = BEFORE_FIRST;
    for (uint32_t i = 1; i < n; i++) {
        uint64_t next = expected(order, a, b) + (uint64_t)unzigzag(get_rice(&r, c.k));
        v[i] = (int64_t)((uint64_t)v[0] + next * unit);
        b = a;
        a = next;
    }
    *ret_used = bits_used(&r);
    return !r.failed;
}

static void read_steady(int64_t *v, uint32_t n, uint64_t step) {
    for (uint32_t i = 1; i < n; i++) {
        v[i] = (int64_t)((uint64_t)v[i - 1] + step);
    }
}

size_t column_read(struct slice bytes, uint32_t n, int64_t *ret_v) {
    struct reader head;
    reader_init(&head, bytes, "column", NULL);
    uint8_t how = reader_u8(&head, "kind");
    int64_t first = reader_svarint(&head, "first");
    uint64_t unit = reader_varint(&head, "unit");
    struct coding c = {.order = how >> ORDER_SHIFT, .k = how & RICE_NOTHING};
    if (!reader_ok(&head) || c.order >= ORDERS || (c.k > RICE_K_MAX && c.k != RICE_NOTHING)) {
        return 0;
    }
    struct slice rest = reader_rest(&head);
    size_t used = 0;
    ret_v[0] = first;
    if (c.k == RICE_NOTHING) {
        read_steady(ret_v, n, c.order == 2 ? unit : 0);
    } else if (!read_rice(rest, ret_v, n, unit, c, &used)) {
        return 0;
    }
    return bytes.n - rest.n + used;
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
    if (n == 1 || memcmp(v, v + 1, n - 1) == 0) { /* mostly */
        write_varint(out, 1);
        buf_byte(out, v[0]);
        return;
    }
    uint32_t runs = 1;
    for (uint32_t i = 1; i < n; i++) {
        runs += v[i] != v[i - 1];
    }
    if (runs > n / 2) {
        write_varint(out, 0);
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
