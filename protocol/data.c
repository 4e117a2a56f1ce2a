/* The DATA record's body: runs of samples of one tag. Reading goes over a run's qualities and times once to
 * find its values, then over all three side by side, so that nothing needs to be kept. */
#include "protocol/msg.h"
#include "protocol/wire.h"
#include "server/base/check.h"
#include "server/base/utf8.h"

#include <math.h>

enum {
    KEY_TIME = 1 << 0,    /* T: the run starts at another time than the one before */
    KEY_MANY = 1 << 1,    /* M: more than one sample */
    KEY_QUALITY = 1 << 2, /* Q: not all are good */
    KEY_SHIFT = 3,
    TICK_MAX = 6,
    RUN_SIZE_MIN = 2,
};

static const int64_t tick_us[TICK_MAX + 1] = {1, 10, 100, 1000, 10000, 100000, 1000000};

bool link_sample_number(const struct link_sample *s, const struct dict_entry *e, double *ret) {
    if ((s->quality & LINK_QUALITY_NO_VALUE) != 0) {
        return false;
    }
    switch (s->type) {
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_ENUM:
        *ret = (double)s->i;
        return true;
    case VALUE_SCALED:
        *ret = (double)s->i * e->scale + e->offset;
        return isfinite(*ret);
    case VALUE_UINT:
        *ret = (double)s->u;
        return true;
    case VALUE_F32:
    case VALUE_F64:
        *ret = s->f;
        return true;
    default: /* texts, and types of later versions */
        return false;
    }
}

static uint64_t f64_bits(double v) {
    uint64_t bits = 0;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static double f64_of(uint64_t bits) {
    double v = 0;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static uint64_t f32_bits(double v) {
    float narrow = (float)v;
    uint32_t bits = 0;
    memcpy(&bits, &narrow, sizeof bits);
    return bits;
}

static double f32_of(uint64_t bits) {
    uint32_t narrow = (uint32_t)bits;
    float v = 0;
    memcpy(&v, &narrow, sizeof v);
    return (double)v;
}

static uint8_t low_byte(uint64_t v, unsigned i) {
    return (uint8_t)(v >> (8 * i));
}

/* --- reading ---------------------------------------------------------------------------------------- */

struct data_reader {
    struct reader r;
    int64_t t0_us;
    int64_t unit_us;
    int64_t start; /* of the present run, in units from t0 */
    uint32_t next_alias;
    uint32_t n_samples;
    data_type_of type_of;
    data_on_sample on_sample;
    void *ctx;
};

struct run {
    uint32_t alias;
    uint8_t type;
    uint32_t count;
    bool has_quality;
    struct reader quality; /* stands at the run's qualities; was read once, so that it cannot fail again */
    uint8_t present_quality;
    uint32_t quality_left; /* samples that it still covers */
    struct reader times;   /* the same for times */
    int64_t time;          /* in units from t0 */
    int64_t step;
    uint64_t last; /* the value before, as bits */
    bool has_last;
};

static uint64_t xor_read(struct reader *r, unsigned size) {
    size_t at = r->at;
    uint8_t head = reader_u8(r, "head of a float's change");
    unsigned trailing = head >> 4;
    unsigned length = head & 0x0F;
    if (head == 0) {
        return 0;
    }
    if (length == 0 || trailing + length > size) {
        reader_fail(r, at, ERR_INVALID, "change of a float: %u bytes above %u zero bytes; it has %u bytes",
                    length, trailing, size);
        return 0;
    }
    uint64_t v = 0;
    for (unsigned i = 0; i < length; i++) {
        v |= (uint64_t)reader_u8(r, "a float's change") << (8 * (trailing + i));
    }
    if (reader_ok(r) && (low_byte(v, trailing) == 0 || low_byte(v, trailing + length - 1) == 0)) {
        reader_fail(r, at, ERR_INVALID,
                    "change of a float with a zero byte at an end, where fewer bytes would do");
    }
    return v;
}

static double float_read(struct reader *r, struct run *run) {
    bool narrow = run->type == VALUE_F32;
    size_t at = r->at;
    if (!run->has_last) {
        run->last = narrow ? reader_u32(r, "value") : reader_u64(r, "value");
    } else {
        run->last ^= xor_read(r, narrow ? 4 : 8);
    }
    double v = narrow ? f32_of(run->last) : f64_of(run->last);
    if (!isfinite(v)) {
        reader_fail(r, at, ERR_INVALID,
                    "alias %u: NaN and infinity are no values; send quality 'no value' (0x20) instead",
                    run->alias);
    }
    return v;
}

static void value_read(struct reader *r, struct run *run, struct link_sample *ret) {
    size_t at = r->at;
    switch ((enum value_type)run->type) {
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_SCALED:
    case VALUE_ENUM:
        run->last += (uint64_t)reader_svarint(r, "value");
        ret->u = run->last;
        if (run->type == VALUE_BOOL && ret->u > 1) {
            reader_fail(r, at, ERR_INVALID, "alias %u: a bool must be 0 or 1", run->alias);
        }
        break;
    case VALUE_F32:
    case VALUE_F64:
        ret->f = float_read(r, run);
        break;
    case VALUE_STRING:
        ret->s = reader_text(r, "value", LINK_STRING_MAX);
        break;
    case VALUE_BYTES:
        ret->s = reader_counted(r, "value", LINK_STRING_MAX);
        break;
    }
    run->has_last = true;
}

static void qualities_check(struct reader *r, uint32_t count) {
    for (uint32_t covered = 0; covered < count && reader_ok(r);) {
        (void)reader_u8(r, "quality");
        if (count == 1) {
            return;
        }
        size_t at = r->at;
        uint32_t repeat = reader_varint_u32(r, "repeat of a quality", count - covered);
        if (repeat == 0) {
            reader_fail(r, at, ERR_INVALID, "a quality that is repeated 0 times");
        }
        covered += repeat;
    }
}

static uint8_t quality_read(struct run *run) {
    if (run->has_quality && run->quality_left == 0) {
        run->present_quality = reader_u8(&run->quality, "quality");
        run->quality_left =
            run->count == 1 ? 1 : reader_varint_u32(&run->quality, "repeat of a quality", run->count);
    }
    run->quality_left -= run->has_quality;
    return run->present_quality;
}

/* Advances run->time by its next step. */
static void time_step(struct reader *r, struct run *run) {
    size_t at = run->times.at;
    int64_t change = reader_svarint(&run->times, "step of time");
    bool over = __builtin_add_overflow(run->step, change, &run->step);
    if (over || run->step < 0 || __builtin_add_overflow(run->time, run->step, &run->time)) {
        reader_fail(r, at, ERR_INVALID, "alias %u: time must not fall within a run, nor pass the year 9999",
                    run->alias);
    }
}

static int64_t time_of(struct data_reader *d, const struct run *run) {
    int64_t t_us = 0;
    if (__builtin_mul_overflow(run->time, d->unit_us, &t_us) ||
        __builtin_add_overflow(t_us, d->t0_us, &t_us) || t_us > LINK_TIME_MAX_US) {
        reader_fail(&d->r, d->r.at, ERR_INVALID, "alias %u: a time after the year 9999", run->alias);
    }
    return t_us;
}

/* Key, start, count; leaves d->r at the first value. */
static void run_begin(struct data_reader *d, struct run *ret) {
    struct reader *r = &d->r;
    size_t at = r->at;
    uint32_t key = reader_varint_u32(r, "key of a run", ((LINK_ALIAS_MAX + 1) << KEY_SHIFT) - 1);
    *ret = (struct run){.alias = d->next_alias + (key >> KEY_SHIFT), .count = 1};
    if (ret->alias > LINK_ALIAS_MAX) {
        reader_fail(r, at, ERR_TOO_BIG, "alias %u, at most %d is allowed", ret->alias, LINK_ALIAS_MAX);
    }
    if (!reader_ok(r)) {
        return;
    }
    d->next_alias = ret->alias + 1;
    ret->type = d->type_of(d->ctx, ret->alias);
    if (ret->type == 0) {
        reader_fail(r, at, ERR_NOT_FOUND, "alias %u is not in the dictionary", ret->alias);
    } else if (ret->type > VALUE_BYTES) {
        reader_fail(r, at, ERR_UNSUPPORTED, "alias %u has value type %u, which this version does not know",
                    ret->alias, ret->type);
    }
    if ((key & KEY_TIME) != 0) {
        at = r->at;
        int64_t change = reader_svarint(r, "start of a run");
        if (__builtin_add_overflow(d->start, change, &d->start) || d->start < 0) {
            reader_fail(r, at, ERR_INVALID, "alias %u: a run must not start before the frame's first time",
                        ret->alias);
        }
    }
    ret->time = d->start;
    at = r->at;
    if ((key & KEY_MANY) != 0) {
        ret->count = reader_count(r, "number of samples in a run", LINK_SAMPLES_MAX, 1);
        if (ret->count < 2) {
            reader_fail(r, at, ERR_INVALID, "a run of many with %u samples, must be 2 or more", ret->count);
        }
    }
    if (ret->count > LINK_SAMPLES_MAX - d->n_samples) {
        reader_fail(r, at, ERR_TOO_BIG, "more than %d samples", LINK_SAMPLES_MAX);
    }
    ret->has_quality = (key & KEY_QUALITY) != 0;
    ret->quality = *r;
    if (ret->has_quality) {
        qualities_check(r, ret->count);
    }
    ret->times = *r;
    for (uint32_t i = 1; i < ret->count && reader_ok(r); i++) {
        (void)reader_svarint(r, "step of time");
    }
}

static enum status run_read(struct data_reader *d) {
    struct run run;
    run_begin(d, &run);
    for (uint32_t i = 0; i < run.count && reader_ok(&d->r); i++) {
        if (i > 0) {
            time_step(&d->r, &run);
        }
        struct link_sample s = {
            .alias = run.alias, .type = run.type, .quality = quality_read(&run), .t_us = time_of(d, &run)};
        if ((s.quality & LINK_QUALITY_NO_VALUE) == 0) {
            value_read(&d->r, &run, &s);
        }
        if (reader_ok(&d->r)) {
            enum status status = d->on_sample(d->ctx, &s, d->r.err);
            if (status != OK) {
                return status;
            }
        }
    }
    d->n_samples += run.count;
    return d->r.status;
}

enum status data_decode(struct slice rest, data_type_of type_of, data_on_sample on_sample, void *ctx,
                        struct error *err) {
    struct data_reader d = {.type_of = type_of, .on_sample = on_sample, .ctx = ctx};
    reader_init(&d.r, rest, "DATA after its prefix", err);
    d.t0_us = reader_i64(&d.r, "first time");
    if (d.t0_us < LINK_TIME_MIN_US || d.t0_us > LINK_TIME_MAX_US) {
        reader_fail(&d.r, 0, ERR_INVALID, "first time %lld is not in the years 0001 to 9999",
                    (long long)d.t0_us);
    }
    size_t at = d.r.at;
    uint8_t tick = reader_u8(&d.r, "tick");
    if (tick > TICK_MAX) {
        reader_fail(&d.r, at, ERR_INVALID, "tick is %u, at most %d is allowed", tick, TICK_MAX);
        tick = 0;
    }
    d.unit_us = tick_us[tick];
    at = d.r.at;
    uint32_t n = reader_count(&d.r, "number of runs", LINK_SAMPLES_MAX, RUN_SIZE_MIN);
    if (n == 0) {
        reader_fail(&d.r, at, ERR_INVALID, "no runs: there must be at least one sample");
    }
    for (uint32_t i = 0; i < n && reader_ok(&d.r); i++) {
        enum status status = run_read(&d);
        if (status != OK) {
            return status;
        }
    }
    return reader_done(&d.r);
}

/* --- writing ---------------------------------------------------------------------------------------- */

static void xor_write(struct buf *out, uint64_t change, unsigned size) {
    if (change == 0) {
        buf_byte(out, 0);
        return;
    }
    unsigned trailing = 0;
    while (low_byte(change, trailing) == 0) {
        trailing++;
    }
    unsigned end = size;
    while (low_byte(change, end - 1) == 0) {
        end--;
    }
    buf_byte(out, (uint8_t)(trailing << 4 | (end - trailing)));
    for (unsigned i = trailing; i < end; i++) {
        buf_byte(out, low_byte(change, i));
    }
}

static void float_write(struct buf *out, const struct link_sample *s, bool has_last, uint64_t *last) {
    bool narrow = s->type == VALUE_F32;
    uint64_t bits = narrow ? f32_bits(s->f) : f64_bits(s->f);
    CHECK(isfinite(narrow ? f32_of(bits) : s->f));
    if (has_last) {
        xor_write(out, bits ^ *last, narrow ? 4 : 8);
    } else if (narrow) {
        write_u32(out, (uint32_t)bits);
    } else {
        write_u64(out, bits);
    }
    *last = bits;
}

static void value_write(struct buf *out, const struct link_sample *s, bool has_last, uint64_t *last) {
    switch ((enum value_type)s->type) {
    case VALUE_BOOL:
        CHECK(s->u <= 1);
        write_svarint(out, (int64_t)(s->u - *last));
        *last = s->u;
        break;
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_SCALED:
    case VALUE_ENUM:
        write_svarint(out, (int64_t)(s->u - *last));
        *last = s->u;
        break;
    case VALUE_F32:
    case VALUE_F64:
        float_write(out, s, has_last, last);
        break;
    case VALUE_STRING:
        CHECK(utf8_is_text(s->s));
        CHECK(s->s.n <= LINK_STRING_MAX);
        write_counted(out, s->s);
        break;
    case VALUE_BYTES:
        CHECK(s->s.n <= LINK_STRING_MAX);
        write_counted(out, s->s);
        break;
    }
}

static void qualities_write(struct buf *out, const struct link_sample *v, uint32_t n) {
    for (uint32_t i = 0; i < n;) {
        uint32_t end = i + 1;
        while (end < n && v[end].quality == v[i].quality) {
            end++;
        }
        buf_byte(out, v[i].quality);
        if (n > 1) {
            write_varint(out, end - i);
        }
        i = end;
    }
}

/* The frame's unit of time, and where the run before stood. */
struct data_writer {
    int64_t unit_us;
    int64_t start_us;
    uint32_t next_alias;
};

/* The n samples of one tag. */
static void run_write(struct buf *out, struct data_writer *w, const struct link_sample *v, uint32_t n) {
    bool good = true;
    for (uint32_t i = 0; i < n; i++) {
        CHECK(v[i].type == v[0].type);
        good = good && v[i].quality == 0;
    }
    unsigned key = (v[0].alias - w->next_alias) << KEY_SHIFT | (good ? 0U : KEY_QUALITY) |
                   (n == 1 ? 0U : KEY_MANY) | (v[0].t_us == w->start_us ? 0U : KEY_TIME);
    write_varint(out, key);
    if ((key & KEY_TIME) != 0) {
        write_svarint(out, (v[0].t_us - w->start_us) / w->unit_us);
    }
    if (n > 1) {
        write_varint(out, n);
    }
    if (!good) {
        qualities_write(out, v, n);
    }
    int64_t step = 0;
    for (uint32_t i = 1; i < n; i++) {
        int64_t next = (v[i].t_us - v[i - 1].t_us) / w->unit_us;
        CHECK(next >= 0);
        write_svarint(out, next - step);
        step = next;
    }
    bool has_last = false;
    uint64_t last = 0;
    for (uint32_t i = 0; i < n; i++) {
        if ((v[i].quality & LINK_QUALITY_NO_VALUE) == 0) {
            value_write(out, &v[i], has_last, &last);
            has_last = true;
        }
    }
    w->start_us = v[0].t_us;
    w->next_alias = v[0].alias + 1;
}

static uint32_t run_end(const struct link_sample *v, uint32_t n, uint32_t start) {
    uint32_t end = start + 1;
    while (end < n && v[end].alias == v[start].alias) {
        end++;
    }
    return end;
}

static bool can_follow(const struct link_sample *s, const struct link_sample *before) {
    return s->t_us >= LINK_TIME_MIN_US && s->t_us <= LINK_TIME_MAX_US && s->alias <= LINK_ALIAS_MAX &&
           s->type >= VALUE_BOOL && s->type <= VALUE_BYTES && (before == NULL || s->alias >= before->alias);
}

/* The largest unit that all times are a whole number of, counted from t0. */
static uint8_t largest_tick(const struct link_sample *v, uint32_t n, int64_t t0_us) {
    uint8_t tick = TICK_MAX;
    for (uint32_t i = 0; i < n; i++) {
        while ((v[i].t_us - t0_us) % tick_us[tick] != 0) {
            tick--;
        }
    }
    return tick;
}

void data_encode(struct buf *out, const struct link_sample *v, uint32_t n) {
    CHECK(n > 0);
    CHECK(n <= LINK_SAMPLES_MAX);
    int64_t t0_us = v[0].t_us;
    uint32_t n_runs = 0;
    for (uint32_t i = 0; i < n; i++) {
        CHECK(can_follow(&v[i], i == 0 ? NULL : &v[i - 1]));
        n_runs += i == 0 || v[i].alias != v[i - 1].alias;
        t0_us = v[i].t_us < t0_us ? v[i].t_us : t0_us;
    }
    uint8_t tick = largest_tick(v, n, t0_us);
    write_i64(out, t0_us);
    buf_byte(out, tick);
    write_varint(out, n_runs);
    struct data_writer w = {.unit_us = tick_us[tick], .start_us = t0_us};
    for (uint32_t i = 0; i < n;) {
        uint32_t end = run_end(v, n, i);
        run_write(out, &w, &v[i], end - i);
        i = end;
    }
}
