#include "server/history/pack.h"

#include "server/base/check.h"
#include "server/core/quality.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CAP_FIRST = 1024 };

_Static_assert((int)CHUNK_TEXT_MAX <= UINT16_MAX, "the length of a text");

int64_t pack_period(int64_t t_us) {
    int64_t into_us = t_us % PACK_PERIOD_US;
    return t_us - (into_us < 0 ? into_us + PACK_PERIOD_US : into_us);
}

static bool is_full(const struct pack_head *h) {
    return h->n >= PACK_SAMPLES || h->bytes >= PACK_BYTES / 2;
}

void pack_reach(const struct pack_head *heads, uint32_t n_heads, int64_t from_us, int64_t to_us, uint32_t n,
                uint32_t *ret_first) {
    uint32_t first = n_heads;
    uint64_t sum = n;
    for (uint32_t i = n_heads; i-- > 0;) {
        const struct pack_head *h = &heads[i];
        CHECK(h->from_us <= to_us);
        bool overlaps = h->to_us >= from_us;
        bool small = !is_full(h) && h->n <= sum;
        if (!overlaps && !small) {
            break;
        }
        first = i;
        sum += h->n;
    }
    *ret_first = first;
}

void pack_init(struct pack *p, struct chunk_work *work) {
    *p = (struct pack){.work = work};
    buf_init(&p->bytes, (size_t)CHUNK_SAMPLES_MAX * (CHUNK_TEXT_MAX + 64));
}

void pack_done(struct pack *p) {
    free(p->v);
    buf_done(&p->bytes);
    *p = (struct pack){.n = 0};
}

void pack_clear(struct pack *p) {
    p->n = 0;
}

static enum status grow(struct pack *p, uint32_t more) {
    if (p->n + more > PACK_SAMPLES_MAX) {
        return ERR_FULL;
    }
    uint32_t cap = p->cap < CAP_FIRST ? CAP_FIRST : p->cap;
    while (cap < p->n + more) {
        cap *= 2;
    }
    struct pack_sample *v = realloc(p->v, cap * sizeof *v);
    if (v == NULL) {
        return ERR_NOMEM;
    }
    p->v = v;
    p->cap = cap;
    return OK;
}

static inline enum status make_room(struct pack *p, uint32_t more) {
    return p->n + more <= p->cap ? OK : grow(p, more);
}

enum status pack_chunk_in(struct pack *p, struct slice bytes, struct error *err) {
    chunk_columns_clear(&p->work->columns);
    enum status status = chunk_read_columns(bytes, p->work, err);
    if (status != OK) {
        return status;
    }
    const struct chunk_columns *c = &p->work->columns;
    status = make_room(p, c->n);
    if (status != OK) {
        return error_set(err, status, "packer", "no room for %u samples and a chunk more", p->n);
    }
    const double *number = c->numbers;
    const struct slice *text = c->texts;
    for (uint32_t i = 0; i < c->n; i++) {
        pack_sample_of(&p->v[p->n + i], c, i, 0, &number, &text);
    }
    p->n += c->n;
    return OK;
}

enum status pack_samples_in(struct pack *p, const struct pack_sample *v, uint32_t n) {
    enum status status = make_room(p, n);
    if (status == OK && n > 0) {
        memcpy(p->v + p->n, v, n * sizeof *v);
        p->n += n;
    }
    return status;
}

enum status pack_sample_in(struct pack *p, const struct chunk_sample *s, bool weak) {
    int32_t order = (int32_t)p->n + 1; /* PACK_SAMPLES_MAX at most */
    struct pack_sample one = {
        .t_us = s->t_us, .quality = s->quality, .kind = s->kind, .order = weak ? -order : order};
    if (s->kind == CHUNK_NUMBER) {
        one.number = s->number;
    } else if (s->kind == CHUNK_TEXT) {
        CHECK(s->text.n <= CHUNK_TEXT_MAX);
        one.text = s->text.p;
        one.text_n = (uint16_t)s->text.n;
    }
    return pack_samples_in(p, &one, 1);
}

int pack_by_time_and_order(const void *a, const void *b) {
    const struct pack_sample *x = a;
    const struct pack_sample *y = b;
    if (x->t_us != y->t_us) {
        return x->t_us < y->t_us ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order;
}

/* In order of time, the last one of each moment. */
static void sort(struct pack *p) {
    bool sorted = true;
    for (uint32_t i = 1; i < p->n && sorted; i++) {
        sorted = p->v[i].t_us > p->v[i - 1].t_us;
    }
    if (sorted) {
        return;
    }
    qsort(p->v, p->n, sizeof *p->v, pack_by_time_and_order);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        kept -= kept > 0 && p->v[kept - 1].t_us == p->v[i].t_us;
        p->v[kept++] = p->v[i];
    }
    p->n = kept;
}

static void add_value(struct pack_chunk *c, const struct pack_sample *s) {
    if (c->usable++ == 0) {
        c->first = c->min = c->max = s->number;
        c->min_us = c->max_us = s->t_us;
    }
    if (s->number < c->min) {
        c->min = s->number;
        c->min_us = s->t_us;
    }
    if (s->number > c->max) {
        c->max = s->number;
        c->max_us = s->t_us;
    }
    c->last = s->number;
}

static struct pack_chunk describe(const struct pack_sample *v, uint32_t n) {
    struct pack_chunk c = {.head = {.from_us = v[0].t_us, .to_us = v[n - 1].t_us, .n = n},
                           .first = NAN,
                           .last = NAN,
                           .min = NAN,
                           .max = NAN,
                           .worst = v[0].quality};
    for (uint32_t i = 0; i < n; i++) {
        bool bad = quality_is_bad(v[i].quality);
        c.bad += bad;
        c.worst =
            (v[i].quality & QUALITY_CLASS_MASK) > (c.worst & QUALITY_CLASS_MASK) ? v[i].quality : c.worst;
        if (!bad && v[i].kind == CHUNK_NUMBER && !isnan(v[i].number)) {
            add_value(&c, &v[i]);
        }
    }
    return c;
}

/* How many of n samples, which took too many bytes, will take nearly as many as are allowed. Half of them if
 * what is left would be a crumb. */
static uint32_t part_that_fits(uint32_t n, size_t bytes) {
    uint32_t part = (uint32_t)((uint64_t)n * PACK_BYTES / bytes * 15 / 16); /* less than n */
    return part == 0 || n - part < part / 3 ? (n + 1) / 2 : part;
}

static void fill(struct chunk_columns *c, const struct pack_sample *v, uint32_t n) {
    uint32_t numbers = 0;
    uint32_t texts = 0;
    CHECK(n <= CHUNK_SAMPLES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(v[i].kind <= CHUNK_TEXT);
        c->times[i] = v[i].t_us;
        c->qualities[i] = v[i].quality;
        c->kinds[i] = v[i].kind;
        if (v[i].kind == CHUNK_NUMBER) {
            c->numbers[numbers++] = v[i].number;
        } else if (v[i].kind == CHUNK_TEXT) {
            c->texts[texts++] = slice_of(v[i].text, v[i].text_n);
        }
    }
    c->n = n;
    c->n_numbers = numbers;
    c->n_texts = texts;
}

/* The chunk of the first samples: of n, or of so many that their bytes are few enough. *ret_n: how many it
 * has. */
static enum status write_chunk(struct pack *p, const struct pack_sample *v, uint32_t n, uint32_t *ret_n) {
    for (;;) {
        buf_clear(&p->bytes);
        fill(&p->work->columns, v, n);
        chunk_write_columns(&p->bytes, p->work);
        if (p->bytes.failed) {
            return ERR_NOMEM;
        }
        if (p->bytes.n <= PACK_BYTES || n == 1) {
            *ret_n = n;
            return OK;
        }
        n = part_that_fits(n, p->bytes.n);
    }
}

/* Samples of one period. */
static enum status write_period(struct pack *p, const struct pack_sample *v, uint32_t n,
                                enum status (*emit)(void *ctx, const struct pack_chunk *c), void *ctx) {
    enum status status = OK;
    for (uint32_t at = 0, took = 0; at < n && status == OK; at += took) {
        uint32_t left = n - at;
        status = write_chunk(p, v + at, left <= PACK_SAMPLES_MOST ? left : PACK_SAMPLES, &took);
        if (status == OK) {
            struct pack_chunk c = describe(v + at, took);
            c.bytes = buf_slice(&p->bytes);
            c.head.bytes = (uint32_t)c.bytes.n; /* within the buffer's maximum */
            status = emit(ctx, &c);
        }
    }
    return status;
}

enum status pack_out(struct pack *p, enum status (*emit)(void *ctx, const struct pack_chunk *c), void *ctx) {
    enum status status = OK;
    sort(p);
    for (uint32_t at = 0, end = 0; at < p->n && status == OK; at = end) {
        int64_t period_us = pack_period(p->v[at].t_us);
        while (end < p->n && (uint64_t)p->v[end].t_us - (uint64_t)period_us < PACK_PERIOD_US) {
            end++;
        }
        status = write_period(p, p->v + at, end - at, emit, ctx);
    }
    return status;
}
