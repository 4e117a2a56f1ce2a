#include "server/history/gather.h"

#include "server/base/check.h"

#include <stdlib.h>

enum { CAP_FIRST = 256 };

void gather_init(struct gather *g, const int64_t *tags, uint32_t n_tags, int64_t from_us, int64_t to_us) {
    CHECK(n_tags <= GATHER_TAGS_MAX);
    CHECK(from_us <= to_us);
    memset(g, 0, sizeof *g);
    g->from_us = from_us;
    g->to_us = to_us;
    for (uint32_t i = 0; i < n_tags; i++) {
        uint32_t at = g->n_tags++;
        for (; at > 0 && g->tags[at - 1] > tags[i]; at--) {
            g->tags[at] = g->tags[at - 1];
        }
        g->tags[at] = tags[i];
    }
    buf_init(&g->texts, GATHER_TEXT_MAX);
}

void gather_done(struct gather *g) {
    free(g->v);
    g->v = NULL;
    g->n = 0;
    buf_done(&g->texts);
}

static bool place_of(const struct gather *g, int64_t tag_key, uint32_t *ret) {
    uint32_t low = 0;
    uint32_t high = g->n_tags;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (g->tags[middle] < tag_key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret = low;
    return low < g->n_tags && g->tags[low] == tag_key;
}

static enum status make_room(struct gather *g) {
    if (g->n == GATHER_MAX) {
        return ERR_FULL;
    }
    if (g->n < g->cap) {
        return OK;
    }
    uint32_t cap = g->cap == 0 ? CAP_FIRST : g->cap * 2;
    struct gathered *v = realloc(g->v, cap * sizeof *v);
    if (v == NULL) {
        return ERR_NOMEM;
    }
    g->v = v;
    g->cap = cap;
    return OK;
}

static bool is_nearer(const struct gathered *old, int64_t t_us, int64_t order, bool before) {
    if (old->order == 0 || old->s.t_us == t_us) {
        return order >= old->order;
    }
    return before == (t_us > old->s.t_us);
}

enum status gather_add(struct gather *g, const struct chunk_sample *s, int64_t order) {
    uint32_t tag = 0;
    struct gathered *to = NULL;
    CHECK(order > 0);
    if (!place_of(g, s->tag_key, &tag)) {
        return OK;
    }
    if (s->t_us < g->from_us || s->t_us >= g->to_us) {
        bool before = s->t_us < g->from_us;
        to = before ? &g->before[tag] : &g->after[tag];
        if (!is_nearer(to, s->t_us, order, before)) {
            return OK;
        }
    }
    size_t text_at = g->texts.n;
    if (s->kind == CHUNK_TEXT && s->text.n > 0) {
        buf_append(&g->texts, s->text.p, s->text.n);
        if (g->texts.failed) {
            return ERR_FULL;
        }
    }
    if (to == NULL) {
        enum status status = make_room(g);
        if (status != OK) {
            return status;
        }
        to = &g->v[g->n++];
    }
    *to = (struct gathered){.s = *s, .order = order, .text_at = text_at};
    return OK;
}

static int by_tag_time_and_order(const void *a, const void *b) {
    const struct gathered *x = a;
    const struct gathered *y = b;
    if (x->s.tag_key != y->s.tag_key) {
        return x->s.tag_key < y->s.tag_key ? -1 : 1;
    }
    if (x->s.t_us != y->s.t_us) {
        return x->s.t_us < y->s.t_us ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order;
}

static void place_text(struct gather *g, struct gathered *x) {
    if (x->s.kind == CHUNK_TEXT) {
        x->s.text.p = x->s.text.n > 0 ? (const char *)g->texts.p + x->text_at : "";
    }
}

void gather_sort(struct gather *g) {
    if (g->n > 0) {
        qsort(g->v, g->n, sizeof *g->v, by_tag_time_and_order);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        bool again = kept > 0 && g->v[kept - 1].s.tag_key == g->v[i].s.tag_key &&
                     g->v[kept - 1].s.t_us == g->v[i].s.t_us;
        kept -= again;
        g->v[kept] = g->v[i];
        place_text(g, &g->v[kept]);
        kept++;
    }
    g->n = kept;
    for (uint32_t i = 0; i < g->n_tags; i++) {
        place_text(g, &g->before[i]);
        place_text(g, &g->after[i]);
    }
}

const struct gathered *gather_of(const struct gather *g, int64_t tag_key, uint32_t *ret_n) {
    uint32_t low = 0;
    uint32_t high = g->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (g->v[middle].s.tag_key < tag_key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    uint32_t end = low;
    while (end < g->n && g->v[end].s.tag_key == tag_key) {
        end++;
    }
    *ret_n = end - low;
    return g->v + low;
}

const struct chunk_sample *gather_before(const struct gather *g, int64_t tag_key) {
    uint32_t tag = 0;
    return place_of(g, tag_key, &tag) && g->before[tag].order > 0 ? &g->before[tag].s : NULL;
}

const struct chunk_sample *gather_after(const struct gather *g, int64_t tag_key) {
    uint32_t tag = 0;
    return place_of(g, tag_key, &tag) && g->after[tag].order > 0 ? &g->after[tag].s : NULL;
}
