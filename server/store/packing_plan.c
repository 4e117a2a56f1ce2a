#include "server/store/packing_plan.h"

#include "server/base/check.h"

#include <stdlib.h>

enum { CAP_FIRST = 4096, DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

#define DAY_US INT64_C(86400000000)

void plan_init(struct plan *p) {
    *p = (struct plan){.n = 0};
}

void plan_done(struct plan *p) {
    free(p->v);
    free(p->items);
    free(p->scratch);
    free(p->groups);
    free(p->heads);
    free(p->gone);
    plan_init(p);
}

void plan_clear(struct plan *p) {
    free(p->gone);
    p->gone = NULL;
    p->n = p->n_weak = p->n_groups = p->n_heads = p->n_gone = 0;
}

struct chunk_sample *plan_reserve(struct plan *p, uint32_t more) {
    if (p->n + more > p->cap) {
        uint32_t cap = p->cap == 0 ? CAP_FIRST : p->cap;
        while (cap < p->n + more) {
            cap *= 2;
        }
        struct chunk_sample *v = realloc(p->v, cap * sizeof *v);
        if (v == NULL) {
            return NULL;
        }
        p->v = v;
        p->cap = cap;
    }
    return p->v + p->n;
}

/* --- groups -------------------------------------------------------------------------------------------- */

static int by_time_and_arrival(const void *a, const void *b) {
    const struct plan_item *x = a;
    const struct plan_item *y = b;
    if (x->t_us != y->t_us) {
        return x->t_us < y->t_us ? -1 : 1;
    }
    return x->at < y->at ? -1 : x->at > y->at;
}

/* until_us: the end of the period of the one before. */
static bool begins_group(const struct plan_item *before, const struct plan_item *item, int64_t until_us) {
    return item->tag_key != before->tag_key || item->t_us - before->t_us > PLAN_GAP_US ||
           item->t_us >= until_us;
}

static struct plan_group *add_group(struct plan *p) {
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

static enum status cut(struct plan *p) {
    struct plan_group *g = NULL;
    int64_t until_us = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        const struct plan_item *item = &p->items[i];
        if (i == 0 || begins_group(item - 1, item, until_us)) {
            g = add_group(p);
            if (g == NULL) {
                return ERR_NOMEM;
            }
            *g = (struct plan_group){.tag_key = item->tag_key, .from_us = item->t_us, .first = i};
            until_us = pack_period(item->t_us) + PACK_PERIOD_US;
        }
        g->to_us = item->t_us;
        g->n++;
    }
    return OK;
}

/* Those of one digit of their tag's distance from the lowest one behind each other, in their order. */
static void sort_by_digit(const struct plan_item *from, struct plan_item *to, uint32_t n, int64_t lowest,
                          unsigned shift) {
    uint32_t places[DIGITS + 1] = {0};
    for (uint32_t i = 0; i < n; i++) {
        places[1 + (((uint64_t)from[i].tag_key - (uint64_t)lowest) >> shift) % DIGITS]++;
    }
    for (uint32_t digit = 1; digit < DIGITS; digit++) {
        places[digit] += places[digit - 1];
    }
    for (uint32_t i = 0; i < n; i++) {
        to[places[(((uint64_t)from[i].tag_key - (uint64_t)lowest) >> shift) % DIGITS]++] = from[i];
    }
}

/* By digits, for a packing has many samples of some thousand tags. scratch: as many. True: the sorted ones
 * are there. */
static bool sort_by_tag(struct plan_item *items, struct plan_item *scratch, uint32_t n) {
    int64_t lowest = n == 0 ? 0 : items[0].tag_key;
    int64_t highest = lowest;
    for (uint32_t i = 1; i < n; i++) {
        lowest = items[i].tag_key < lowest ? items[i].tag_key : lowest;
        highest = items[i].tag_key > highest ? items[i].tag_key : highest;
    }
    uint64_t span = (uint64_t)highest - (uint64_t)lowest;
    bool there = false;
    for (unsigned shift = 0; shift < 64 && span >> shift != 0; shift += DIGIT_BITS) {
        sort_by_digit(there ? scratch : items, there ? items : scratch, n, lowest, shift);
        there = !there;
    }
    return there;
}

/* Of one tag, in order of arrival: mostly that of time, too. */
static void sort_by_time(struct plan_item *items, uint32_t n) {
    for (uint32_t i = 1; i < n; i++) {
        if (items[i].t_us < items[i - 1].t_us) {
            qsort(items, n, sizeof *items, by_time_and_arrival);
            return;
        }
    }
}

static void sort(struct plan *p) {
    if (sort_by_tag(p->items, p->scratch, p->n)) {
        struct plan_item *unsorted = p->items;
        p->items = p->scratch;
        p->scratch = unsorted;
    }
    for (uint32_t first = 0, end = 0; first < p->n; first = end) {
        while (end < p->n && p->items[end].tag_key == p->items[first].tag_key) {
            end++;
        }
        sort_by_time(p->items + first, end - first);
    }
}

/* They stay from one packing to the next: fresh memory costs as much as the sorting. */
static bool make_items(struct plan *p) {
    if (p->n > p->items_cap) {
        free(p->items);
        free(p->scratch);
        p->items = malloc((size_t)p->cap * sizeof *p->items);
        p->scratch = malloc((size_t)p->cap * sizeof *p->scratch);
        p->items_cap = p->items == NULL || p->scratch == NULL ? 0 : p->cap;
    }
    return p->n <= p->items_cap;
}

enum status plan_group(struct plan *p, struct error *err) {
    if (!make_items(p)) {
        return error_set(err, ERR_NOMEM, "packer", "no memory for %u samples", p->n);
    }
    for (uint32_t i = 0; i < p->n; i++) {
        p->items[i] = (struct plan_item){.tag_key = p->v[i].tag_key, .t_us = p->v[i].t_us, .at = i};
    }
    sort(p);
    return cut(p) == OK ? OK : error_set(err, ERR_NOMEM, "packer", "no memory for groups of samples");
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
