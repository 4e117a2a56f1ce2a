#include "server/history/trend.h"

#include "server/base/check.h"
#include "server/core/quality.h"

#include <math.h>

void trend_begin(struct trend *t, int64_t from_us, int64_t to_us, uint32_t points, struct sample_point *v) {
    CHECK(from_us < to_us);
    CHECK(points > 0);
    uint64_t span = (uint64_t)to_us - (uint64_t)from_us;
    *t = (struct trend){.from_us = from_us, .to_us = to_us, .n = points, .v = v};
    t->width_us = (int64_t)((span - 1) / points + 1);
    for (uint32_t i = 0; i < points; i++) {
        v[i] = (struct sample_point){.first = NAN, .min = NAN, .max = NAN, .last = NAN};
    }
}

static struct sample_point *pixel_of(struct trend *t, int64_t t_us) {
    return &t->v[(t_us - t->from_us) / t->width_us];
}

/* The same for who asks again and again in order of time: without a division. */
static struct sample_point *next_pixel(struct trend *t, int64_t t_us) {
    if (t_us < t->at_from_us || t_us >= t->at_to_us) {
        t->at = pixel_of(t, t_us);
        t->at_from_us = t->from_us + (t->at - t->v) * t->width_us;
        /* The last one may reach beyond what a time can be. */
        t->at_to_us = t->to_us - t->at_from_us < t->width_us ? t->to_us : t->at_from_us + t->width_us;
    }
    return t->at;
}

static void worsen(struct sample_point *p, uint8_t quality) {
    if ((quality & QUALITY_CLASS_MASK) > (p->quality & QUALITY_CLASS_MASK)) {
        p->quality = quality;
    }
}

/* b, which comes behind all of p's, to p. */
static void join(struct sample_point *p, const struct sample_point *b) {
    if (p->count == 0) {
        *p = *b;
        return;
    }
    if (isnan(p->first)) {
        p->first = b->first;
    }
    if (!isnan(b->last)) {
        p->last = b->last;
    }
    if (isnan(p->min) || b->min < p->min) {
        p->min = b->min;
        p->min_us = b->min_us;
    }
    if (isnan(p->max) || b->max > p->max) {
        p->max = b->max;
        p->max_us = b->max_us;
    }
    p->last_us = b->last_us;
    p->count += b->count;
    p->bad += b->bad;
    worsen(p, b->quality);
}

static void add_value(struct sample_point *p, double value, int64_t t_us) {
    if (isnan(p->first)) {
        p->first = p->min = p->max = value;
        p->min_us = p->max_us = t_us;
    }
    if (value < p->min) {
        p->min = value;
        p->min_us = t_us;
    }
    if (value > p->max) {
        p->max = value;
        p->max_us = t_us;
    }
    p->last = value;
}

void trend_add(struct trend *t, const struct chunk_sample *s) {
    if (s->t_us < t->from_us || s->t_us >= t->to_us) {
        return;
    }
    struct sample_point *p = next_pixel(t, s->t_us);
    bool bad = quality_is_bad(s->quality);
    if (p->count++ == 0) {
        p->first_us = s->t_us;
        p->quality = s->quality;
    }
    p->last_us = s->t_us;
    p->bad += bad;
    worsen(p, s->quality);
    if (!bad && s->kind == CHUNK_NUMBER && !isnan(s->number)) {
        add_value(p, s->number, s->t_us);
    }
}

bool trend_add_chunk(struct trend *t, const struct pack_chunk *c) {
    if (c->head.from_us < t->from_us || c->head.to_us >= t->to_us ||
        pixel_of(t, c->head.from_us) != pixel_of(t, c->head.to_us)) {
        return false;
    }
    const struct sample_point b = {.first_us = c->head.from_us,
                                   .last_us = c->head.to_us,
                                   .first = c->first,
                                   .min = c->min,
                                   .max = c->max,
                                   .last = c->last,
                                   .min_us = c->min_us,
                                   .max_us = c->max_us,
                                   .count = c->head.n,
                                   .bad = c->bad,
                                   .quality = c->worst};
    join(pixel_of(t, c->head.from_us), &b);
    return true;
}

uint32_t trend_end(struct trend *t) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n; i++) {
        if (t->v[i].count > 0) {
            t->v[n++] = t->v[i];
        }
    }
    return n;
}
