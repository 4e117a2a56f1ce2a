#include "server/history/rollup.h"

#include "protocol/wire.h"
#include "server/base/check.h"
#include "server/base/crc32c.h"
#include "server/base/tm.h"
#include "server/history/bits.h"
#include "server/history/numbers.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Reading so many samples for each interval costs as much as reading the interval's figures. */
enum { CRC_BYTES = 4, SAMPLES_EACH = 30, SHORT_BITS = 29 };

int64_t rollup_width_us(enum rollup_level level) {
    static const int64_t widths[ROLLUP_LEVELS] = {TM_MINUTE_US, 15 * TM_MINUTE_US, TM_HOUR_US};
    CHECK((unsigned)level < ROLLUP_LEVELS);
    return widths[level];
}

bool rollup_wanted(enum rollup_level level, int64_t samples) {
    return level == ROLLUP_HOUR || samples >= SAMPLES_EACH * (ROLLUP_DAY_US / rollup_width_us(level));
}

int64_t rollup_day_us(int64_t t_us) {
    return t_us - (t_us % ROLLUP_DAY_US + ROLLUP_DAY_US) % ROLLUP_DAY_US;
}

struct aggregate_rule rollup_rule(const struct model_tag *tag) {
    uint32_t states = tag->type == TAG_BOOL ? 2 : tag->n_states;
    return (struct aggregate_rule){.stepped = tag->stepped,
                                   .counter = tag->counter,
                                   .modulus = tag->modulus,
                                   .stale_us = tag->stale_us,
                                   .n_states = states < AGGREGATE_STATES_MAX ? states : AGGREGATE_STATES_MAX};
}

int64_t rollup_rule_id(const struct aggregate_rule *rule) {
    uint64_t modulus = 0;
    memcpy(&modulus, &rule->modulus, sizeof modulus);
    const uint64_t parts[] = {(rule->stepped ? 1U : 0U) | (rule->uncertain_is_bad ? 2U : 0U) |
                                  (rule->counter ? 4U : 0U),
                              modulus, (uint64_t)rule->stale_us, rule->n_states};
    uint32_t crc = crc32c(0, (const uint8_t *)parts, sizeof parts);
    /* Two sums, so that no two rules of a plant are ever taken for each other. */
    return (int64_t)((uint64_t)crc << 31 ^ crc32c(crc, (const uint8_t *)parts, sizeof parts));
}

/* --- columns ---------------------------------------------------------------------------------------------
 */

struct writer {
    struct buf *out;
    const struct aggregate *v;
    uint32_t n;
    struct chunk_work *work;
};

/* Whole numbers of each interval, in the order in which they are written. The last ones are times, counted
 * from the interval's beginning, of those with usable samples. */
enum { WHOLE = 10, TIMES = 4, NUMBERS = 6, BYTES = 4 };

static const size_t whole[WHOLE] = {
    offsetof(struct aggregate, count),       offsetof(struct aggregate, bad),
    offsetof(struct aggregate, uncertain),   offsetof(struct aggregate, usable),
    offsetof(struct aggregate, good_us),     offsetof(struct aggregate, uncertain_us),
    offsetof(struct aggregate, bad_us),      offsetof(struct aggregate, nonzero_us),
    offsetof(struct aggregate, transitions), offsetof(struct aggregate, rollovers)};
static const size_t times[TIMES] = {offsetof(struct aggregate, first_us), offsetof(struct aggregate, last_us),
                                    offsetof(struct aggregate, min_us), offsetof(struct aggregate, max_us)};
/* Those with usable samples. */
static const size_t numbers[NUMBERS] = {offsetof(struct aggregate, first), offsetof(struct aggregate, last),
                                        offsetof(struct aggregate, min),   offsetof(struct aggregate, max),
                                        offsetof(struct aggregate, mean),  offsetof(struct aggregate, m2)};

static int64_t *whole_at(struct aggregate *a, size_t offset) {
    return (int64_t *)(void *)((char *)a + offset);
}

static int64_t get_whole(const struct aggregate *a, size_t offset) {
    int64_t v = 0;
    memcpy(&v, (const char *)a + offset, sizeof v);
    return v;
}

static double get_number(const struct aggregate *a, size_t offset) {
    double v = 0;
    memcpy(&v, (const char *)a + offset, sizeof v);
    return v;
}

/* The nearest number of 24 bits. */
static double shortened(double v) {
    uint64_t bits = 0;
    memcpy(&bits, &v, sizeof bits);
    if (isfinite(v)) {
        bits = (bits + (UINT64_C(1) << (SHORT_BITS - 1))) & ~((UINT64_C(1) << SHORT_BITS) - 1);
    }
    memcpy(&v, &bits, sizeof v);
    return v;
}

static bool same_bits(double a, double b) {
    uint64_t x = 0;
    uint64_t y = 0;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return x == y;
}

/* What an average is told from: it is near it. */
static double base_of(const struct aggregate *a) {
    if (a->usable > 0) {
        return a->first;
    }
    return isnan(a->start) ? 0 : a->start;
}

static double valued_s(const struct aggregate *a) {
    return (double)(a->good_us + a->uncertain_us) / 1e6;
}

/* --- writing --- */

static void write_whole(const struct writer *w, size_t offset) {
    for (uint32_t i = 0; i < w->n; i++) {
        w->work->integers[i] = get_whole(&w->v[i], offset);
    }
    column_write(w->out, w->work->integers, w->n);
}

static void write_times(const struct writer *w, size_t offset, uint32_t usable) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        if (w->v[i].usable > 0) {
            w->work->integers[n++] = get_whole(&w->v[i], offset) - w->v[i].from_us;
        }
    }
    column_write(w->out, w->work->integers, usable);
}

static void write_numbers(const struct writer *w, size_t offset, uint32_t usable) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        const struct aggregate *a = &w->v[i];
        if (a->usable == 0) {
            continue;
        }
        double v = get_number(a, offset);
        v = offset == offsetof(struct aggregate, mean) ? shortened(v - a->first) : v;
        w->work->numbers[n++] = offset == offsetof(struct aggregate, m2) ? shortened(v) : v;
    }
    numbers_write(w->out, w->work->numbers, usable, w->work);
}

static void write_states(const struct writer *w, uint32_t n_states) {
    for (uint32_t s = 0; s < n_states; s++) {
        write_whole(w, offsetof(struct aggregate, state_us) + s * sizeof(int64_t));
    }
}

static void write_averages(const struct writer *w) {
    for (uint32_t i = 0; i < w->n; i++) {
        double s = valued_s(&w->v[i]);
        w->work->numbers[i] = s > 0 ? shortened(w->v[i].integral / s - base_of(&w->v[i])) : 0;
    }
    numbers_write(w->out, w->work->numbers, w->n, w->work);
    for (uint32_t i = 0; i < w->n; i++) {
        w->work->numbers[i] = w->v[i].delta;
    }
    numbers_write(w->out, w->work->numbers, w->n, w->work);
}

/* An interval mostly begins as the one before it ended: only other beginnings are written. */
static bool begins_anew(const struct aggregate *v, uint32_t i) {
    return i == 0 || !same_bits(v[i].start, v[i - 1].end);
}

static void write_bounds(const struct writer *w) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        w->work->numbers[i] = w->v[i].end;
    }
    numbers_write(w->out, w->work->numbers, w->n, w->work);
    for (uint32_t i = 0; i < w->n; i++) {
        w->work->bytes[i] = begins_anew(w->v, i);
    }
    runs_write(w->out, w->work->bytes, w->n);
    for (uint32_t i = 0; i < w->n; i++) {
        if (begins_anew(w->v, i)) {
            w->work->numbers[n++] = w->v[i].start;
        }
    }
    numbers_write(w->out, w->work->numbers, n, w->work);
}

static uint8_t byte_of(const struct aggregate *a, uint32_t which) {
    const uint8_t bytes[BYTES] = {a->start_quality, a->end_quality, a->worst, a->partial};
    return bytes[which];
}

static void write_bytes(const struct writer *w) {
    for (uint32_t b = 0; b < BYTES; b++) {
        for (uint32_t i = 0; i < w->n; i++) {
            w->work->bytes[i] = byte_of(&w->v[i], b);
        }
        runs_write(w->out, w->work->bytes, w->n);
    }
}

void rollup_write(struct buf *out, const struct aggregate *v, uint32_t n, uint32_t n_states,
                  struct chunk_work *work) {
    CHECK(n > 0 && n <= ROLLUP_INTERVALS_MAX && n_states <= AGGREGATE_STATES_MAX);
    const struct writer w = {.out = out, .v = v, .n = n, .work = work};
    size_t begin = out->n;
    uint32_t usable = 0;
    for (uint32_t i = 0; i < n; i++) {
        CHECK(i == 0 || v[i].from_us == v[i - 1].to_us);
        usable += v[i].usable > 0;
    }
    buf_byte(out, ROLLUP_VERSION);
    write_varint(out, n);
    write_varint(out, n_states);
    for (uint32_t k = 0; k < WHOLE; k++) {
        write_whole(&w, whole[k]);
    }
    write_whole(&w, offsetof(struct aggregate, resets));
    write_states(&w, n_states);
    for (uint32_t k = 0; k < TIMES && usable > 0; k++) {
        write_times(&w, times[k], usable);
    }
    for (uint32_t k = 0; k < NUMBERS && usable > 0; k++) {
        write_numbers(&w, numbers[k], usable);
    }
    write_averages(&w);
    write_bounds(&w);
    write_bytes(&w);
    if (!out->failed) {
        write_u32(out, crc32c(0, out->p + begin, out->n - begin));
    }
}

/* --- reading --- */

struct unpacker {
    struct slice left;
    struct aggregate *v;
    uint32_t n;
    struct chunk_work *work;
    bool failed;
};

static void used(struct unpacker *r, size_t n) {
    r->failed = r->failed || n == 0;
    r->left = r->failed ? (struct slice){0} : slice_of(r->left.p + n, r->left.n - n);
}

static void read_whole(struct unpacker *r, size_t offset) {
    used(r, r->failed ? 0 : column_read(r->left, r->n, r->work->integers));
    for (uint32_t i = 0; i < r->n && !r->failed; i++) {
        *whole_at(&r->v[i], offset) = r->work->integers[i];
    }
}

static void read_times(struct unpacker *r, size_t offset, uint32_t usable) {
    uint32_t n = 0;
    used(r, r->failed ? 0 : column_read(r->left, usable, r->work->integers));
    for (uint32_t i = 0; i < r->n && !r->failed; i++) {
        if (r->v[i].usable > 0) {
            *whole_at(&r->v[i], offset) =
                (int64_t)((uint64_t)r->v[i].from_us + (uint64_t)r->work->integers[n++]);
        }
    }
}

static bool read_doubles(struct unpacker *r, uint32_t n) {
    used(r, r->failed ? 0 : numbers_read(r->left, n, r->work, r->work->numbers));
    return !r->failed;
}

static void read_numbers(struct unpacker *r, size_t offset, uint32_t usable) {
    uint32_t n = 0;
    if (!read_doubles(r, usable)) {
        return;
    }
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->v[i].usable > 0) {
            double v = r->work->numbers[n++];
            v = offset == offsetof(struct aggregate, mean) ? v + r->v[i].first : v; /* -0.0 stays */
            memcpy((char *)&r->v[i] + offset, &v, sizeof v);
        }
    }
}

static void read_column(struct unpacker *r, size_t offset) {
    if (!read_doubles(r, r->n)) {
        return;
    }
    for (uint32_t i = 0; i < r->n; i++) {
        memcpy((char *)&r->v[i] + offset, &r->work->numbers[i], sizeof(double));
    }
}

static bool read_byte_column(struct unpacker *r) {
    used(r, r->failed ? 0 : runs_read(r->left, r->n, r->work->bytes));
    return !r->failed;
}

static void read_starts(struct unpacker *r) {
    uint32_t anew = 0;
    uint32_t n = 0;
    if (!read_byte_column(r)) {
        return;
    }
    for (uint32_t i = 0; i < r->n; i++) {
        anew += r->work->bytes[i] != 0;
    }
    r->failed = r->failed || anew == 0 || r->work->bytes[0] == 0;
    if (r->failed || !read_doubles(r, anew)) {
        return;
    }
    for (uint32_t i = 0; i < r->n; i++) {
        r->v[i].start = r->work->bytes[i] != 0 ? r->work->numbers[n++] : r->v[i - 1].end;
    }
}

static void read_bytes(struct unpacker *r) {
    for (uint32_t b = 0; b < BYTES && read_byte_column(r); b++) {
        for (uint32_t i = 0; i < r->n; i++) {
            struct aggregate *a = &r->v[i];
            uint8_t byte = r->work->bytes[i];
            if (b < BYTES - 1) {
                *(b == 0 ? &a->start_quality : b == 1 ? &a->end_quality : &a->worst) = byte;
            } else {
                a->partial = byte != 0;
            }
        }
    }
}

/* What follows from the columns. */
static void complete(struct unpacker *r) {
    for (uint32_t i = 0; i < r->n; i++) {
        struct aggregate *a = &r->v[i];
        a->integral = valued_s(a) > 0 ? (base_of(a) + a->integral) * valued_s(a) : 0;
        a->gap_us = a->to_us - a->from_us - a->good_us - a->uncertain_us - a->bad_us;
        r->failed = r->failed || a->usable < 0 || a->count < a->usable || a->good_us < 0 ||
                    a->uncertain_us < 0 || a->bad_us < 0 || a->gap_us < 0;
    }
}

static void read_all(struct unpacker *r, uint32_t n_states) {
    uint32_t usable = 0;
    for (uint32_t k = 0; k < WHOLE; k++) {
        read_whole(r, whole[k]);
    }
    read_whole(r, offsetof(struct aggregate, resets));
    for (uint32_t s = 0; s < n_states; s++) {
        read_whole(r, offsetof(struct aggregate, state_us) + s * sizeof(int64_t));
    }
    for (uint32_t i = 0; i < r->n && !r->failed; i++) {
        usable += r->v[i].usable > 0;
    }
    for (uint32_t k = 0; k < TIMES && usable > 0; k++) {
        read_times(r, times[k], usable);
    }
    for (uint32_t k = 0; k < NUMBERS && usable > 0; k++) {
        read_numbers(r, numbers[k], usable);
    }
    read_column(r, offsetof(struct aggregate, integral)); /* the average, until the rest is known */
    read_column(r, offsetof(struct aggregate, delta));
    read_column(r, offsetof(struct aggregate, end));
    read_starts(r);
    read_bytes(r);
    complete(r);
    r->failed = r->failed || r->left.n != 0;
}

/* Behind the version; the bytes of the head, 0 if it cannot be one. */
static size_t read_head(struct slice bytes, uint32_t *ret_n, uint32_t *ret_states) {
    struct reader r;
    reader_init(&r, slice_of(bytes.p + 1, bytes.n - 1), "rollup", NULL);
    *ret_n = reader_varint_u32(&r, "n", ROLLUP_INTERVALS_MAX);
    *ret_states = reader_varint_u32(&r, "states", AGGREGATE_STATES_MAX);
    return reader_ok(&r) && *ret_n > 0 ? bytes.n - reader_left(&r) : 0;
}

static bool crc_fits(struct slice bytes) {
    uint32_t said = 0;
    for (size_t i = 0; i < CRC_BYTES; i++) {
        said |= (uint32_t)(uint8_t)bytes.p[bytes.n - CRC_BYTES + i] << 8 * i;
    }
    return said == crc32c(0, (const uint8_t *)bytes.p, bytes.n - CRC_BYTES);
}

enum status rollup_read(struct slice bytes, int64_t day_us, int64_t width_us, struct chunk_work *work,
                        struct aggregate *ret_v, uint32_t *ret_n, struct error *err) {
    uint32_t n = 0;
    uint32_t n_states = 0;
    if (bytes.n > 0 && (uint8_t)bytes.p[0] != ROLLUP_VERSION) {
        return error_set(err, ERR_UNSUPPORTED, "rollup", "version %u is not known; this program knows %d",
                         (unsigned)(uint8_t)bytes.p[0], (int)ROLLUP_VERSION);
    }
    if (bytes.n < 3 + CRC_BYTES || !crc_fits(bytes)) {
        return error_set(err, ERR_INVALID, "rollup", "its checksum does not fit its %zu bytes", bytes.n);
    }
    struct slice body = slice_of(bytes.p, bytes.n - CRC_BYTES);
    size_t head = read_head(body, &n, &n_states);
    if (head == 0) {
        return error_set(err, ERR_INVALID, "rollup", "its head cannot be read");
    }
    memset(ret_v, 0, n * sizeof *ret_v);
    for (uint32_t i = 0; i < n; i++) {
        ret_v[i].from_us = day_us + i * width_us;
        ret_v[i].to_us = ret_v[i].from_us + width_us;
        ret_v[i].first = ret_v[i].last = ret_v[i].min = ret_v[i].max = NAN;
    }
    struct unpacker r = {.left = slice_of(body.p + head, body.n - head), .v = ret_v, .n = n, .work = work};
    read_all(&r, n_states);
    if (r.failed) {
        return error_set(err, ERR_INVALID, "rollup", "its columns cannot be read");
    }
    *ret_n = n;
    return OK;
}

/* --- an answer --------------------------------------------------------------------------------------------
 */

bool rollup_level_for(const int64_t *borders, uint32_t n, enum rollup_level *ret) {
    for (int level = ROLLUP_HOUR; level >= ROLLUP_MINUTE; level--) {
        int64_t width_us = rollup_width_us((enum rollup_level)level);
        bool fits = borders[n] - borders[0] >= (int64_t)n * width_us;
        for (uint32_t i = 1; i < n && fits; i++) {
            fits = borders[i] % width_us == 0;
        }
        if (fits) {
            *ret = (enum rollup_level)level;
            return true;
        }
    }
    return false;
}

void rollup_grid_begin(struct rollup_grid *g, const int64_t *borders, uint32_t n, struct aggregate *v) {
    *g = (struct rollup_grid){.borders = borders, .v = v, .n = n, .at_us = borders[0]};
}

int64_t rollup_grid_end_us(const struct rollup_grid *g) {
    CHECK(g->cell < g->n);
    return g->borders[g->cell + 1];
}

void rollup_grid_add(struct rollup_grid *g, const struct aggregate *a) {
    CHECK(a->from_us == g->at_us);
    CHECK(a->to_us <= rollup_grid_end_us(g));
    if (a->from_us == g->borders[g->cell]) {
        g->v[g->cell] = *a;
    } else {
        aggregate_join(&g->v[g->cell], a);
    }
    g->at_us = a->to_us;
    g->cell += g->at_us == g->borders[g->cell + 1];
}

bool rollup_grid_add_day(struct rollup_grid *g, const struct aggregate *v, uint32_t n, uint32_t *i,
                         int64_t *ret_until_us) {
    for (; *i < n && g->cell < g->n; (*i)++) {
        const struct aggregate *a = &v[*i];
        uint32_t cell = g->cell;
        while (cell < g->n && g->borders[cell + 1] <= a->from_us) {
            cell++;
        }
        if (cell == g->n) {
            return false;
        }
        if (a->from_us < g->at_us || a->to_us > g->borders[cell + 1]) {
            continue; /* it lies across a border */
        }
        if (a->from_us > g->at_us) {
            *ret_until_us = a->from_us;
            return true;
        }
        rollup_grid_add(g, a);
    }
    return false;
}
