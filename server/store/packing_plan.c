#include "server/store/packing_plan.h"

#include "server/base/check.h"

#include <stdlib.h>

enum { CAP_FIRST = 4096 };

#define DAY_US INT64_C(86400000000)

void plan_init(struct plan *p) {
    *p = (struct plan){.n_groups = 0};
    taken_init(&p->taken);
}

void plan_done(struct plan *p) {
    taken_done(&p->taken);
    free(p->groups);
    free(p->heads);
    free(p->gone);
    plan_init(p);
}

void plan_clear(struct plan *p) {
    taken_clear(&p->taken);
    free(p->gone);
    p->gone = NULL;
    p->n_groups = p->n_heads = p->n_gone = 0;
}

/* --- groups -------------------------------------------------------------------------------------------- */

static struct plan_group *new_group(struct plan *p) {
    if (p->n_groups == p->groups_cap) {
        uint32_t cap = p->groups_cap == 0 ? CAP_FIRST : p->groups_cap * 2;
        struct plan_group *groups = realloc(p->groups, cap * sizeof *groups);
        if (groups == NULL) {
            return NULL;
        }
        p->groups = groups;
        p->groups_cap = cap;
    }
    return &p->groups[p->n_groups++];
}

/* How many of n samples from the first one on belong to its group. */
static uint32_t length_of(const struct pack_sample *v, uint32_t n) {
    uint64_t period_us = (uint64_t)pack_period(v[0].t_us);
    uint32_t i = 1;
    while (i < n && v[i].t_us - v[i - 1].t_us <= PLAN_GAP_US &&
           (uint64_t)v[i].t_us - period_us < PACK_PERIOD_US) {
        i++;
    }
    return i;
}

static enum status cut(struct plan *p, const struct taken_tag *tag) {
    const struct pack_sample *v = p->taken.v + tag->first;
    for (uint32_t at = 0, n = 0; at < tag->n; at += n) {
        struct plan_group *g = new_group(p);
        if (g == NULL) {
            return ERR_NOMEM;
        }
        n = length_of(v + at, tag->n - at);
        *g = (struct plan_group){.tag_key = tag->tag_key,
                                 .from_us = v[at].t_us,
                                 .to_us = v[at + n - 1].t_us,
                                 .first = tag->first + at,
                                 .n = n};
    }
    return OK;
}

enum status plan_group(struct plan *p, struct error *err) {
    taken_sort(&p->taken);
    for (uint32_t i = 0; i < p->taken.n_tags; i++) {
        if (cut(p, &p->taken.tags[i]) != OK) {
            return error_set(err, ERR_NOMEM, "packer", "no memory for the groups of %u samples", p->taken.n);
        }
    }
    return OK;
}

/* --- chunks -------------------------------------------------------------------------------------------- */

enum status plan_add_head(struct plan *p, uint32_t group, const struct plan_head *h) {
    CHECK(group < p->n_groups);
    if (p->n_heads == p->heads_cap) {
        uint32_t cap = p->heads_cap == 0 ? CAP_FIRST : p->heads_cap * 2;
        struct plan_head *heads = realloc(p->heads, cap * sizeof *heads);
        if (heads == NULL) {
            return ERR_NOMEM;
        }
        p->heads = heads;
        p->heads_cap = cap;
    }
    struct plan_group *g = &p->groups[group];
    if (g->n_heads == 0) {
        g->first_head = p->n_heads;
    }
    CHECK(g->first_head + g->n_heads == p->n_heads);
    p->heads[p->n_heads++] = *h;
    g->n_heads++;
    return OK;
}

/* The first of a group's chunks that goes. */
static uint32_t first_to_go(const struct plan *p, const struct plan_group *g, struct pack_head *scratch) {
    uint32_t first = 0;
    for (uint32_t i = 0; i < g->n_heads; i++) {
        scratch[i] = p->heads[g->first_head + i].head;
    }
    pack_reach(scratch, g->n_heads, g->from_us, g->to_us, g->n, &first);
    return first;
}

/* Keeps of a group's chunks those that go. */
static void reach(struct plan *p, struct plan_group *g, struct pack_head *scratch) {
    uint32_t first = first_to_go(p, g, scratch);
    g->first_head += first;
    g->n_heads -= first;
}

/* Start of the last chunk that begins before the group does; INT64_MIN if there is none in the period. */
static int64_t before_it(const struct plan *p, const struct plan_group *g) {
    int64_t from_us = INT64_MIN;
    for (uint32_t i = 0; i < g->n_heads && p->heads[g->first_head + i].head.from_us < g->from_us; i++) {
        from_us = p->heads[g->first_head + i].head.from_us;
    }
    return from_us;
}

/* Whether nothing begins between b and a, the group before it; if it is of the same tag and period. */
static bool is_next_to(const struct plan_group *a, const struct plan_group *b, int64_t before_b_us) {
    return a->tag_key == b->tag_key && pack_period(a->from_us) == pack_period(b->from_us) &&
           before_b_us <= a->to_us;
}

/* Whether a chunk that goes for b may go for a, too, or lies before it. */
static bool reaches(const struct plan *p, const struct plan_group *a, const struct plan_group *b) {
    return a->tag_key == b->tag_key && b->n_gone > 0 && p->gone[b->first_gone].head.from_us <= a->to_us;
}

static int by_start(const void *a, const void *b) {
    const struct plan_head *x = a;
    const struct plan_head *y = b;
    return x->head.from_us < y->head.from_us ? -1 : x->head.from_us > y->head.from_us;
}

/* a and b, the last two groups, become one. What goes for b stands right behind what goes for a. */
static void unite(struct plan *p, struct plan_group *a, const struct plan_group *b) {
    struct plan_head *gone = p->gone + a->first_gone;
    uint32_t n = a->n_gone + b->n_gone;
    uint32_t kept = 0;
    qsort(gone, n, sizeof *gone, by_start);
    for (uint32_t i = 0; i < n; i++) {
        if (kept == 0 || gone[kept - 1].head.from_us != gone[i].head.from_us) {
            gone[kept++] = gone[i];
        }
    }
    a->n_gone = kept;
    a->to_us = b->to_us;
    a->n += b->n;
    p->n_gone = a->first_gone + kept;
}

/* Groups that may not be written apart from each other become one: with no chunk between them they would only
 * be small ones, and no chunk can go for two. */
static void join(struct plan *p, struct pack_head *scratch) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_groups; i++) {
        struct plan_group g = p->groups[i];
        int64_t before_us = before_it(p, &g);
        reach(p, &g, scratch);
        g.first_gone = p->n_gone;
        g.n_gone = g.n_heads;
        for (uint32_t h = 0; h < g.n_heads; h++) {
            p->gone[p->n_gone++] = p->heads[g.first_head + h];
        }
        p->groups[n++] = g;
        bool next_to = n > 1 && is_next_to(&p->groups[n - 2], &g, before_us);
        while (n > 1 && (next_to || reaches(p, &p->groups[n - 2], &p->groups[n - 1]))) {
            unite(p, &p->groups[n - 2], &p->groups[n - 1]);
            n--;
            next_to = false;
        }
    }
    p->n_groups = n;
}

static uint32_t heads_before(const struct plan *p, const struct plan_group *g) {
    uint32_t n = 0;
    while (n < g->n_heads && p->heads[g->first_head + n].head.from_us <= g->from_us) {
        n++;
    }
    return n;
}

enum status plan_short(struct plan *p, uint32_t before, uint32_t *ret_n, struct error *err) {
    struct pack_head *scratch = calloc((size_t)p->n_heads + 1, sizeof *scratch);
    if (scratch == NULL) {
        return error_set(err, ERR_NOMEM, "packer", "no memory for %u chunks", p->n_heads);
    }
    *ret_n = 0;
    for (uint32_t i = 0; i < p->n_groups; i++) {
        struct plan_group *g = &p->groups[i];
        g->short_of_heads = heads_before(p, g) == before && first_to_go(p, g, scratch) == 0;
        if (g->short_of_heads) {
            g->n_heads = 0;
            (*ret_n)++;
        }
    }
    free(scratch);
    return OK;
}

enum status plan_choose(struct plan *p, uint64_t *ret_bytes, struct error *err) {
    struct pack_head *scratch = calloc((size_t)p->n_heads + 1, sizeof *scratch);
    p->gone = calloc((size_t)p->n_heads + 1, sizeof *p->gone);
    if (scratch == NULL || p->gone == NULL) {
        free(scratch);
        return error_set(err, ERR_NOMEM, "packer", "no memory for %u chunks", p->n_heads);
    }
    p->n_gone = 0;
    join(p, scratch);
    free(scratch);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < p->n_gone; i++) {
        bytes += p->gone[i].head.bytes;
    }
    *ret_bytes = bytes;
    return OK;
}

/* --- days ---------------------------------------------------------------------------------------------- */

void plan_days_done(struct plan_days *d) {
    free(d->v);
    *d = (struct plan_days){.n = 0};
}

void plan_days_clear(struct plan_days *d) {
    d->n = 0;
}

static enum status add_day(struct plan_days *d, int64_t tag_key, int64_t day_us) {
    if (d->n == d->cap) {
        uint32_t cap = d->cap == 0 ? CAP_FIRST : d->cap * 2;
        struct plan_day *v = realloc(d->v, cap * sizeof *v);
        if (v == NULL) {
            return ERR_NOMEM;
        }
        d->v = v;
        d->cap = cap;
    }
    d->v[d->n++] = (struct plan_day){.tag_key = tag_key, .day_us = day_us};
    return OK;
}

enum status plan_days_add(struct plan_days *d, int64_t tag_key, int64_t from_us, int64_t to_us) {
    enum status status = OK;
    int64_t day_us = from_us - from_us % DAY_US; /* no sample is from before 1970 */
    if (d->n > 0 && d->v[d->n - 1].tag_key == tag_key && d->v[d->n - 1].day_us >= day_us) {
        day_us = d->v[d->n - 1].day_us + DAY_US;
    }
    for (; day_us <= to_us && status == OK; day_us += DAY_US) {
        status = add_day(d, tag_key, day_us);
    }
    return status;
}
