#include "server/history/numbers.h"

#include "protocol/wire.h"
#include "server/base/check.h"
#include "server/history/bits.h"
#include "server/history/scale.h"

#include <math.h>
#include <string.h>

/* How a whole number becomes a double. */
enum form {
    FORM_DECIMAL, /* i / 10^digits */
    FORM_SINGLE,  /* the same, rounded to a float */
    FORM_SCALE,   /* i * step + offset (scale.h) */
    FORM_MAX,
};

enum {
    DIGITS_MAX = 12,
    STRANGERS_ONE_IN = 16, /* at most as many numbers may be no step and stand apart */
    WINDOW_BITS = 12,      /* of a new window in the xor codec: 6 leading zeros, 6 length - 1 */
};

struct steps {
    enum form form;
    uint8_t digits;
    uint32_t strangers;
    struct scale scale;
};

static const double powers[DIGITS_MAX + 1] = {1e0, 1e1, 1e2, 1e3,  1e4,  1e5, 1e6,
                                              1e7, 1e8, 1e9, 1e10, 1e11, 1e12};

/* Beyond, not every whole number is a double; with digits a step must be some hundred times what a double
 * resolves, or every number would be one. */
#define WHOLE_MAX 9007199254740992.0
#define STEPS_MAX 17592186044416.0

static uint64_t bits_of(double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static double number_of(uint64_t bits) {
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* --- scaled --- */

static inline double step_value(const struct steps *s, int64_t i) {
    switch (s->form) {
    case FORM_DECIMAL:
        return (double)i / powers[s->digits];
    case FORM_SINGLE:
        return (double)(float)((double)i / powers[s->digits]);
    case FORM_SCALE:
        break;
    case FORM_MAX:
        return 0;
    }
    /* Two statements, which no compiler may round once: the same bits on every machine. */
    double scaled = (double)i * s->scale.step;
    return scaled + s->scale.offset;
}

/* The step next to v; false if there is none that a double can count. */
static inline bool nearest_step(const struct steps *s, double v, int64_t *ret_i) {
    double i = s->form == FORM_SCALE ? (v - s->scale.offset) / s->scale.step : v * powers[s->digits];
    if (!(fabs(i) <= (s->form == FORM_DECIMAL && s->digits == 0 ? WHOLE_MAX : STEPS_MAX))) {
        return false;
    }
    *ret_i = llrint(i);
    return true;
}

/* v is the step, or a few units in the last place beside it; beside 0 there are only other numbers. */
static inline bool is_step(const struct steps *s, double v, int64_t *ret_i, int64_t *ret_ulps) {
    if (!nearest_step(s, v, ret_i)) {
        return false;
    }
    int64_t ulps = (int64_t)(bits_of(v) - bits_of(step_value(s, *ret_i)));
    *ret_ulps = ulps;
    return ulps == 0 || (*ret_i != 0 && ulps >= -CHUNK_ULPS_MAX && ulps <= CHUNK_ULPS_MAX);
}

/* Whether nearly all are steps. Then work->integers and work->ulps have them; those that are no step, in
 * work->rest, are as the step before them. */
static bool fits(struct steps *s, const double *v, uint32_t n, struct chunk_work *work) {
    int64_t last = 0;
    s->strangers = 0;
    for (uint32_t at = 0; at < n; at++) {
        int64_t i = 0;
        int64_t ulps = 0;
        if (!is_step(s, v[at], &i, &ulps)) {
            if (s->strangers == n / STRANGERS_ONE_IN) {
                return false;
            }
            work->rest[s->strangers++] = at;
            i = last;
            ulps = 0;
        }
        work->integers[at] = last = i;
        work->ulps[at] = ulps;
    }
    return true;
}

static bool find_digits(struct steps *s, const double *v, uint32_t n, struct chunk_work *work) {
    for (s->digits = 0; s->digits <= DIGITS_MAX; s->digits++) {
        if (fits(s, v, n, work)) {
            return true;
        }
    }
    return false;
}

static bool all_single(const double *v, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (bits_of((double)(float)v[i]) != bits_of(v[i])) {
            return false;
        }
    }
    return true;
}

static bool find_steps(const double *v, uint32_t n, struct steps *ret, struct chunk_work *work) {
    *ret = (struct steps){.form = FORM_DECIMAL};
    if (find_digits(ret, v, n, work)) {
        return true;
    }
    *ret = (struct steps){.form = FORM_SINGLE};
    if (all_single(v, n)) {
        return find_digits(ret, v, n, work);
    }
    *ret = (struct steps){.form = FORM_SCALE, .scale = scale_guess(v, n)};
    return ret->scale.step != 0 && fits(ret, v, n, work);
}

/* How many places lie between it and the one before, and the number as it is. */
static void write_strangers(struct buf *out, const struct steps *s, const double *v,
                            const struct chunk_work *work) {
    uint64_t next = 0;
    write_varint(out, s->strangers);
    for (uint32_t i = 0; i < s->strangers; i++) {
        write_varint(out, work->rest[i] - next);
        write_u64(out, bits_of(v[work->rest[i]]));
        next = work->rest[i] + 1;
    }
}

static bool write_scaled(struct buf *out, const double *v, uint32_t n, struct chunk_work *work) {
    struct steps s;
    if (!find_steps(v, n, &s, work)) {
        return false;
    }
    buf_byte(out, CHUNK_SCALED);
    buf_byte(out, (uint8_t)s.form);
    if (s.form == FORM_SCALE) {
        write_f64(out, s.scale.step);
        write_f64(out, s.scale.offset);
    } else {
        buf_byte(out, s.digits);
    }
    write_strangers(out, &s, v, work);
    column_write(out, work->integers, n);
    column_write(out, work->ulps, n);
    return true;
}

static bool read_steps(struct reader *r, struct steps *ret) {
    uint8_t form = reader_u8(r, "form");
    if (form == FORM_SCALE) {
        ret->scale.step = reader_f64(r, "scale");
        ret->scale.offset = reader_f64(r, "offset");
    } else {
        ret->digits = reader_u8(r, "digits");
    }
    ret->form = form < FORM_MAX ? (enum form)form : FORM_MAX;
    return reader_ok(r) && ret->form != FORM_MAX && ret->digits <= DIGITS_MAX;
}

/* Places and bits, in turn, into work->rest. */
static bool read_strangers(struct reader *r, uint32_t n, struct steps *s, struct chunk_work *work) {
    uint64_t next = 0;
    s->strangers = (uint32_t)reader_varint_max(r, "strangers", n / STRANGERS_ONE_IN);
    for (uint32_t i = 0; i < s->strangers; i++) {
        uint64_t at = next + reader_varint_max(r, "place", n);
        work->rest[(size_t)2 * i] = at;
        work->rest[(size_t)2 * i + 1] = reader_u64(r, "number");
        next = at + 1;
    }
    return reader_ok(r) && next <= n;
}

static size_t read_scaled(struct slice bytes, uint32_t n, struct chunk_work *work, double *ret_v) {
    struct reader r;
    struct steps s = {.form = FORM_MAX};
    reader_init(&r, bytes, "numbers", NULL);
    if (!read_steps(&r, &s) || !read_strangers(&r, n, &s, work)) {
        return 0;
    }
    struct slice rest = reader_rest(&r);
    size_t a = column_read(rest, n, work->integers);
    size_t b = a == 0 ? 0 : column_read(slice_of(rest.p + a, rest.n - a), n, work->ulps);
    if (b == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        ret_v[i] = number_of(bits_of(step_value(&s, work->integers[i])) + (uint64_t)work->ulps[i]);
    }
    for (uint32_t i = 0; i < s.strangers; i++) {
        ret_v[work->rest[(size_t)2 * i]] = number_of(work->rest[(size_t)2 * i + 1]);
    }
    return bytes.n - rest.n + a + b;
}

/* --- xor --- */

struct window {
    unsigned zeros; /* leading */
    unsigned n;     /* bits of meaning; 0: none yet */
};

static void put_change(struct bit_writer *w, struct window *win, uint64_t change) {
    if (change == 0) {
        bits_put(w, 0, 1);
        return;
    }
    unsigned zeros = (unsigned)__builtin_clzll(change);
    unsigned n = 64 - zeros - (unsigned)__builtin_ctzll(change);
    unsigned below = 64 - win->zeros - win->n;
    /* A window much wider than the change costs more than a new one. */
    if (win->n > 0 && zeros >= win->zeros && (change & ((UINT64_C(1) << below) - 1)) == 0 &&
        win->n < n + WINDOW_BITS) {
        bits_put(w, 1, 2);
        bits_put(w, change >> below, win->n);
        return;
    }
    *win = (struct window){.zeros = zeros, .n = n};
    bits_put(w, 3, 2);
    bits_put(w, zeros | (n - 1) << 6, WINDOW_BITS);
    bits_put(w, change >> (64 - zeros - n), n);
}

static void write_xor(struct buf *out, const double *v, uint32_t n) {
    buf_byte(out, CHUNK_XOR);
    write_f64(out, v[0]);
    uint8_t *room = buf_reserve(out, (size_t)n * (2 + WINDOW_BITS + 64) / 8 + 9);
    if (room == NULL) {
        return;
    }
    struct bit_writer w;
    struct window win = {.n = 0};
    bits_init(&w, room);
    for (uint32_t i = 1; i < n; i++) {
        put_change(&w, &win, bits_of(v[i]) ^ bits_of(v[i - 1]));
    }
    out->n += bits_end(&w);
}

static bool get_change(struct bit_reader *r, struct window *win, uint64_t *ret_change) {
    *ret_change = 0;
    if (bits_get(r, 1) == 0) {
        return true;
    }
    if (bits_get(r, 1) == 1) {
        uint64_t next = bits_get(r, WINDOW_BITS);
        *win = (struct window){.zeros = next & 63, .n = (unsigned)(next >> 6) + 1};
    }
    if (win->n == 0 || win->zeros + win->n > 64) {
        return false;
    }
    *ret_change = bits_get(r, win->n) << (64 - win->zeros - win->n);
    return true;
}

static size_t read_xor(struct slice bytes, uint32_t n, double *ret_v) {
    if (bytes.n < sizeof *ret_v) {
        return 0;
    }
    memcpy(ret_v, bytes.p, sizeof *ret_v);
    struct bit_reader r;
    struct window win = {.n = 0};
    bits_open(&r, (const uint8_t *)bytes.p + sizeof *ret_v, bytes.n - sizeof *ret_v);
    for (uint32_t i = 1; i < n; i++) {
        uint64_t change;
        if (!get_change(&r, &win, &change)) {
            return 0;
        }
        ret_v[i] = number_of(bits_of(ret_v[i - 1]) ^ change);
    }
    return r.failed ? 0 : sizeof *ret_v + bits_used(&r);
}

/* --- the choice --- */

static bool all_same(const double *v, uint32_t n) {
    for (uint32_t i = 1; i < n; i++) {
        if (bits_of(v[i]) != bits_of(v[0])) {
            return false;
        }
    }
    return true;
}

static void write_raw(struct buf *out, const double *v, uint32_t n) {
    buf_byte(out, CHUNK_RAW);
    buf_append(out, v, n * sizeof *v);
}

void numbers_write(struct buf *out, const double *v, uint32_t n, struct chunk_work *work) {
    CHECK(n > 0 && n <= CHUNK_SAMPLES_MAX);
    if (all_same(v, n)) {
        buf_byte(out, CHUNK_CONSTANT);
        write_f64(out, v[0]);
        return;
    }
    size_t begin = out->n;
    if (write_scaled(out, v, n, work) && out->n - begin <= (size_t)n * 4 + 24) {
        return;
    }
    /* Not a number of steps, or of so many that the bits themselves may be fewer. */
    size_t scaled = out->n - begin;
    size_t mark = out->n;
    write_xor(out, v, n);
    if (out->failed) {
        return;
    }
    size_t xored = out->n - mark;
    if (scaled > 0 && scaled <= xored) {
        out->n = mark;
        return;
    }
    memmove(out->p + begin, out->p + mark, xored);
    out->n = begin + xored;
    if (xored > 1 + n * sizeof *v) {
        out->n = begin;
        write_raw(out, v, n);
    }
}

size_t numbers_read(struct slice bytes, uint32_t n, struct chunk_work *work, double *ret_v) {
    if (bytes.n < 1) {
        return 0;
    }
    struct slice rest = slice_of(bytes.p + 1, bytes.n - 1);
    size_t used = 0;
    switch (bytes.p[0]) {
    case CHUNK_CONSTANT:
        used = rest.n < sizeof *ret_v ? 0 : sizeof *ret_v;
        for (uint32_t i = 0; i < n && used > 0; i++) {
            memcpy(&ret_v[i], rest.p, sizeof *ret_v);
        }
        break;
    case CHUNK_SCALED:
        used = read_scaled(rest, n, work, ret_v);
        break;
    case CHUNK_XOR:
        used = read_xor(rest, n, ret_v);
        break;
    case CHUNK_RAW:
        used = rest.n / sizeof *ret_v < n ? 0 : n * sizeof *ret_v;
        if (used > 0) {
            memcpy(ret_v, rest.p, used);
        }
        break;
    default:
        break;
    }
    return used == 0 ? 0 : used + 1;
}
