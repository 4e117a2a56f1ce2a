#include "server/core/rule_set.h"

#include "server/base/check.h"

#include <stdlib.h>

/* --- linking --- */

static void *copy(struct arena *arena, const void *p, uint32_t n, size_t size) {
    void *to = arena_alloc(arena, n > 0 ? n : 1, size);
    if (to != NULL && n > 0) {
        memcpy(to, p, n * size);
    }
    return to;
}

/* False when memory is out. */
static bool copy_parts(struct rule_set *s, struct arena *a) {
    s->programs = copy(a, s->programs, s->n_programs, sizeof *s->programs);
    s->code = copy(a, s->code, s->n_code, sizeof *s->code);
    s->consts = copy(a, s->consts, s->n_consts, sizeof *s->consts);
    s->clocks = copy(a, s->clocks, s->n_clocks, sizeof *s->clocks);
    s->feeds = copy(a, s->feeds, s->n_feeds, sizeof *s->feeds);
    s->nodes = copy(a, s->nodes, s->n_nodes, sizeof *s->nodes);
    s->spans = copy(a, s->spans, s->n_spans, sizeof *s->spans);
    s->inputs = copy(a, s->inputs, s->n_inputs, sizeof *s->inputs);
    if (s->programs == NULL || s->code == NULL || s->consts == NULL || s->clocks == NULL ||
        s->feeds == NULL || s->nodes == NULL || s->spans == NULL || s->inputs == NULL) {
        return false;
    }
    bool good = true;
    for (uint32_t i = 0; i < s->n_programs; i++) {
        s->programs[i].source = arena_copy(a, s->programs[i].source);
        s->programs[i].unit = arena_copy(a, s->programs[i].unit);
        good = good && s->programs[i].source.p != NULL && s->programs[i].unit.p != NULL;
    }
    for (uint32_t i = 0; i < s->n_spans; i++) {
        /* Spans follow each other with the same units. */
        bool again = i > 0 && slice_eq(s->spans[i].unit, s->spans[i - 1].unit);
        s->spans[i].unit = again ? s->spans[i - 1].unit : arena_copy(a, s->spans[i].unit);
        good = good && s->spans[i].unit.p != NULL;
    }
    return good;
}

static bool link_feed_nodes(struct rule_set *s, struct arena *a) {
    s->feed_nodes = arena_alloc(a, (size_t)s->n_nodes + 1, sizeof *s->feed_nodes);
    if (s->feed_nodes == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        if (s->nodes[i].kind != RULE_NODE_TAG) {
            s->feeds[s->nodes[i].of].nodes.n++;
        }
    }
    uint32_t first = 0;
    for (uint32_t i = 0; i < s->n_feeds; i++) {
        s->feeds[i].nodes.first = first;
        first += s->feeds[i].nodes.n;
        s->feeds[i].nodes.n = 0;
    }
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        if (s->nodes[i].kind != RULE_NODE_TAG) {
            struct rule_range *r = &s->feeds[s->nodes[i].of].nodes;
            s->feed_nodes[r->first + r->n++] = i;
        }
    }
    return true;
}

/* A tag and what depends on it: a feed, or its own node. */
struct pair {
    uint32_t tag;
    uint32_t feed; /* RULE_NONE: it is the node */
    uint32_t node;
};

static int by_tag(const void *a, const void *b) {
    const struct pair *x = a;
    const struct pair *y = b;
    if (x->tag != y->tag) {
        return x->tag < y->tag ? -1 : 1;
    }
    return (x->feed > y->feed) - (x->feed < y->feed);
}

static uint32_t list_pairs(const struct rule_set *s, struct pair *ret) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_feeds; i++) {
        for (uint32_t k = 0; k < s->feeds[i].inputs.n; k++) {
            ret[n++] = (struct pair){s->inputs[s->feeds[i].inputs.first + k], i, RULE_NONE};
        }
    }
    for (uint32_t i = 0; i < s->n_nodes; i++) {
        if (s->nodes[i].kind == RULE_NODE_TAG) {
            ret[n++] = (struct pair){s->nodes[i].of, RULE_NONE, i};
        }
    }
    return n;
}

static bool link_dependents(struct rule_set *s, struct arena *a) {
    size_t most = (size_t)s->n_inputs + s->n_nodes + 1;
    struct pair *pairs = calloc(most, sizeof *pairs);
    s->dependents = arena_alloc(a, most, sizeof *s->dependents);
    s->dependent_feeds = arena_alloc(a, most, sizeof *s->dependent_feeds);
    if (pairs == NULL || s->dependents == NULL || s->dependent_feeds == NULL) {
        free(pairs);
        return false;
    }
    uint32_t n = list_pairs(s, pairs);
    qsort(pairs, n, sizeof *pairs, by_tag);
    uint32_t feeds = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0 || pairs[i].tag != pairs[i - 1].tag) {
            s->dependents[s->n_dependents++] =
                (struct rule_dependents){.tag = pairs[i].tag, .node = RULE_NONE, .feeds = {.first = feeds}};
        }
        struct rule_dependents *d = &s->dependents[s->n_dependents - 1];
        if (pairs[i].feed == RULE_NONE) {
            d->node = pairs[i].node;
        } else {
            s->dependent_feeds[feeds++] = pairs[i].feed;
            d->feeds.n++;
        }
    }
    free(pairs);
    return true;
}

enum status rule_set_link(const struct rule_set *parts, struct arena *arena, struct rule_set **ret,
                          struct error *err) {
    struct rule_set *s = arena_alloc(arena, 1, sizeof *s);
    if (s == NULL) {
        return error_set(err, ERR_NOMEM, "rules", "no memory for a set of %u rules", parts->n_programs);
    }
    *s = *parts;
    if (!copy_parts(s, arena) || !link_feed_nodes(s, arena) || !link_dependents(s, arena)) {
        return error_set(err, ERR_NOMEM, "rules", "no memory for a set of %u rules", parts->n_programs);
    }
    *ret = s;
    return OK;
}

/* --- asking --- */

const struct rule_dependents *rule_set_dependents(const struct rule_set *set, uint32_t tag) {
    uint32_t low = 0;
    uint32_t high = set->n_dependents;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (set->dependents[mid].tag < tag) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < set->n_dependents && set->dependents[low].tag == tag ? &set->dependents[low] : NULL;
}

static const struct rule_program *program_of(const struct rule_set *set, uint32_t program) {
    CHECK(program < set->n_programs);
    return &set->programs[program];
}

uint32_t rule_set_count(const struct rule_set *set) {
    return set->n_programs;
}

uint32_t rule_set_windows(const struct rule_set *set) {
    return set->n_of_kind[RULE_NODE_WINDOW];
}

struct slice rule_set_source(const struct rule_set *set, uint32_t program) {
    return program_of(set, program)->source;
}

enum rule_type rule_set_type(const struct rule_set *set, uint32_t program) {
    return program_of(set, program)->type;
}

struct slice rule_set_unit(const struct rule_set *set, uint32_t program) {
    return program_of(set, program)->unit;
}

uint32_t rule_set_inputs(const struct rule_set *set, uint32_t program, const uint32_t **ret_tags) {
    const struct rule_program *p = program_of(set, program);
    *ret_tags = set->inputs + p->inputs.first;
    return p->inputs.n;
}

uint32_t rule_set_cost(const struct rule_set *set, uint32_t program) {
    return program_of(set, program)->cost;
}

bool rule_set_has_time(const struct rule_set *set, uint32_t program) {
    return program_of(set, program)->has_time;
}

/* --- levels of calculated tags --- */

/* A walk into the depth of what each tag needs, with a stack of its own: levels are many thousands in theory.
 */
struct walk {
    const struct rule_set *set;
    const uint32_t *program_of_tag;
    uint32_t *level; /* 0: not calculated; LEVEL_NEW, LEVEL_OPEN while the walk lasts */
    uint32_t *path;  /* tags that are being looked at */
    uint32_t *next;  /* which of its inputs comes next, by place in path */
    uint32_t n;
    uint32_t n_tags;
};

#define LEVEL_NEW  UINT32_MAX
#define LEVEL_OPEN (UINT32_MAX - 1)

static void note_cycle(const struct walk *w, uint32_t tag, struct rule_cycle *ret) {
    uint32_t start = 0;
    while (w->path[start] != tag) {
        start++;
    }
    if (ret == NULL) {
        return;
    }
    ret->n = w->n - start;
    for (uint32_t i = 0; i < ret->n && i < RULE_CYCLE_MAX; i++) {
        ret->tags[i] = w->path[start + i];
    }
}

/* False at a cycle. */
static bool walk_from(struct walk *w, uint32_t tag, struct rule_cycle *ret) {
    w->path[0] = tag;
    w->next[0] = 0;
    w->n = 1;
    w->level[tag] = LEVEL_OPEN;
    while (w->n > 0) {
        uint32_t top = w->path[w->n - 1];
        const uint32_t *inputs = NULL;
        uint32_t n = rule_set_inputs(w->set, w->program_of_tag[top], &inputs);
        if (w->next[w->n - 1] == n) {
            uint32_t highest = 0;
            for (uint32_t i = 0; i < n; i++) {
                uint32_t level = inputs[i] < w->n_tags ? w->level[inputs[i]] : 0;
                highest = level > highest ? level : highest;
            }
            w->level[top] = highest + 1;
            w->n--;
            continue;
        }
        uint32_t input = inputs[w->next[w->n - 1]++];
        if (input >= w->n_tags || (w->level[input] != LEVEL_NEW && w->level[input] != LEVEL_OPEN)) {
            continue;
        }
        if (w->level[input] == LEVEL_OPEN) {
            note_cycle(w, input, ret);
            return false;
        }
        w->path[w->n] = input;
        w->next[w->n] = 0;
        w->n++;
        w->level[input] = LEVEL_OPEN;
    }
    return true;
}

enum status rule_levels(const struct rule_set *set, const uint32_t *program_of_tag, uint32_t n_tags,
                        uint32_t *ret_level, struct rule_cycle *ret_cycle) {
    struct walk w = {.set = set, .program_of_tag = program_of_tag, .n_tags = n_tags};
    w.level = calloc((size_t)n_tags + 1, sizeof *w.level);
    w.path = calloc((size_t)n_tags + 1, sizeof *w.path);
    w.next = calloc((size_t)n_tags + 1, sizeof *w.next);
    enum status status = w.level == NULL || w.path == NULL || w.next == NULL ? ERR_NOMEM : OK;
    for (uint32_t i = 0; status == OK && i < n_tags; i++) {
        w.level[i] = program_of_tag[i] == RULE_NONE ? 0 : LEVEL_NEW;
    }
    for (uint32_t i = 0; status == OK && i < n_tags; i++) {
        if (w.level[i] == LEVEL_NEW && !walk_from(&w, i, ret_cycle)) {
            status = ERR_INVALID;
        }
    }
    if (status == OK && n_tags > 0) {
        memcpy(ret_level, w.level, n_tags * sizeof *ret_level);
    }
    free(w.level);
    free(w.path);
    free(w.next);
    return status;
}
