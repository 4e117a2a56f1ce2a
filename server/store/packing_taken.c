#include "server/store/packing_taken.h"

#include "server/base/check.h"

#include <stdlib.h>
#include <string.h>

enum { CAP_FIRST = 4096 };

void taken_init(struct taken *t) {
    *t = (struct taken){.n = 0};
}

void taken_done(struct taken *t) {
    free(t->v);
    free(t->tags);
    free(t->came);
    free(t->tag_of);
    free(t->places);
    taken_init(t);
}

void taken_clear(struct taken *t) {
    if (t->n_tags > 0) {
        memset(t->places, 0, t->places_cap * sizeof *t->places);
    }
    t->n = t->n_tags = t->last = 0;
}

/* --- tags ---------------------------------------------------------------------------------------------- */

/* Where a tag is, or is to be: the hash is a product with an odd number, whose upper bits all bits have a
 * share in (Knuth, The Art of Computer Programming, 6.4). */
static uint32_t *place_of(const struct taken *t, int64_t tag_key) {
    uint64_t hash = (uint64_t)tag_key * UINT64_C(0x9E3779B97F4A7C15);
    uint32_t at = (uint32_t)(hash >> 32) & (t->places_cap - 1);
    while (t->places[at] != 0 && t->tags[t->places[at] - 1].tag_key != tag_key) {
        at = (at + 1) & (t->places_cap - 1);
    }
    return &t->places[at];
}

/* Twice as many tags, and four places for each, so that half of them stay free. */
static enum status grow_tags(struct taken *t) {
    uint32_t cap = t->tags_cap == 0 ? CAP_FIRST : t->tags_cap * 2;
    struct taken_tag *tags = realloc(t->tags, cap * sizeof *tags);
    if (tags == NULL) {
        return ERR_NOMEM;
    }
    t->tags = tags;
    uint32_t *places = calloc((size_t)cap * 2, sizeof *places);
    if (places == NULL) {
        return ERR_NOMEM;
    }
    free(t->places);
    t->places = places;
    t->places_cap = cap * 2;
    t->tags_cap = cap;
    for (uint32_t i = 0; i < t->n_tags; i++) {
        *place_of(t, t->tags[i].tag_key) = i + 1;
    }
    return OK;
}

static enum status find_tag(struct taken *t, int64_t tag_key, uint32_t *ret) {
    if (t->n_tags == t->tags_cap && grow_tags(t) != OK) {
        return ERR_NOMEM;
    }
    uint32_t *place = place_of(t, tag_key);
    if (*place == 0) {
        t->tags[t->n_tags++] = (struct taken_tag){.tag_key = tag_key};
        *place = t->n_tags;
    }
    *ret = *place - 1;
    return OK;
}

/* Records of a gateway have its tags in the same order: mostly the next one is the one that was found next.
 */
static inline enum status tag_of(struct taken *t, int64_t tag_key) {
    uint32_t next = t->last + 1;
    if (next < t->n_tags && t->tags[next].tag_key == tag_key) {
        t->last = next;
        return OK;
    }
    return find_tag(t, tag_key, &t->last);
}

/* --- samples ------------------------------------------------------------------------------------------- */

static enum status reserve(struct taken *t, uint32_t more) {
    if (t->n + more <= t->cap) {
        return OK;
    }
    uint32_t cap = t->cap == 0 ? CAP_FIRST : t->cap;
    while (cap < t->n + more) {
        cap *= 2;
    }
    struct pack_sample *came = realloc(t->came, cap * sizeof *came);
    t->came = came == NULL ? t->came : came;
    uint32_t *tags = realloc(t->tag_of, cap * sizeof *tags);
    t->tag_of = tags == NULL ? t->tag_of : tags;
    struct pack_sample *v = realloc(t->v, cap * sizeof *v);
    t->v = v == NULL ? t->v : v;
    if (came == NULL || tags == NULL || v == NULL) {
        return ERR_NOMEM;
    }
    t->cap = cap;
    return OK;
}

/* Where the next sample is to be written; there is room for it. NULL: its tag is new, and there is no memory
 * for that. */
static inline struct pack_sample *next_of(struct taken *t, int64_t tag_key) {
    if (tag_of(t, tag_key) != OK) {
        return NULL;
    }
    t->tags[t->last].n++;
    t->tag_of[t->n] = t->last;
    return &t->came[t->n++];
}

enum status taken_add(struct taken *t, const struct chunk_columns *c) {
    const double *number = c->numbers;
    const struct slice *text = c->texts;
    enum status status = reserve(t, c->n);
    for (uint32_t i = 0; i < c->n && status == OK; i++) {
        struct pack_sample *s = next_of(t, c->tags[i]);
        if (s == NULL) {
            status = ERR_NOMEM;
        } else {
            pack_sample_of(s, c, i, (int32_t)t->n, &number, &text);
        }
    }
    return status;
}

enum status taken_add_weak(struct taken *t, const struct chunk_sample *weak) {
    enum status status = reserve(t, 1);
    struct pack_sample *s = status == OK ? next_of(t, weak->tag_key) : NULL;
    if (s == NULL) {
        return ERR_NOMEM;
    }
    *s = (struct pack_sample){
        .t_us = weak->t_us, .quality = weak->quality, .kind = weak->kind, .order = -(int32_t)t->n};
    if (weak->kind == CHUNK_NUMBER) {
        s->number = weak->number;
    } else if (weak->kind == CHUNK_TEXT) {
        CHECK(weak->text.n <= CHUNK_TEXT_MAX);
        s->text = weak->text.p;
        s->text_n = (uint16_t)weak->text.n;
    }
    return OK;
}

/* --- order --------------------------------------------------------------------------------------------- */

static int by_tag(const void *a, const void *b) {
    const struct taken_tag *x = a;
    const struct taken_tag *y = b;
    return x->tag_key < y->tag_key ? -1 : x->tag_key > y->tag_key;
}

/* In order of arrival, which is mostly that of time, too. */
static void sort_by_time(struct pack_sample *v, uint32_t n) {
    for (uint32_t i = 1; i < n; i++) {
        if (v[i].t_us < v[i - 1].t_us) {
            qsort(v, n, sizeof *v, pack_by_time_and_order);
            return;
        }
    }
}

void taken_sort(struct taken *t) {
    uint32_t first = 0;
    for (uint32_t i = 0; i < t->n_tags; i++) {
        t->tags[i].first = first;
        first += t->tags[i].n;
        t->tags[i].n = 0;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        struct taken_tag *tag = &t->tags[t->tag_of[i]];
        t->v[tag->first + tag->n++] = t->came[i];
    }
    if (t->n_tags > 1) {
        qsort(t->tags, t->n_tags, sizeof *t->tags, by_tag);
    }
    for (uint32_t i = 0; i < t->n_tags; i++) {
        sort_by_time(t->v + t->tags[i].first, t->tags[i].n);
    }
}
