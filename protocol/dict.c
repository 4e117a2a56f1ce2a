#include "protocol/dict.h"

#include "server/base/check.h"

#include <stdlib.h>
#include <string.h>

/* Never changed after it is made, and shared by the copies of a dictionary: so a small change of a large one
 * costs little memory. */
struct node {
    uint32_t refs;
    struct dict_entry entry;
    char texts[];
};

struct dict {
    uint64_t id;
    uint32_t n;
    uint32_t cap;
    struct node **by_alias;
    struct node **by_name;
};

static void node_release(struct node *node) {
    if (--node->refs == 0) {
        free(node);
    }
}

static struct slice keep_text(char *texts, size_t *at, struct slice text) {
    if (text.n == 0) {
        return (struct slice){0};
    }
    memcpy(&texts[*at], text.p, text.n);
    struct slice kept = slice_of(&texts[*at], text.n);
    *at += text.n;
    return kept;
}

static struct node *node_new(const struct dict_entry *e) {
    struct node *node = malloc(sizeof *node + e->name.n + e->unit.n + e->description.n);
    if (node == NULL) {
        return NULL;
    }
    size_t at = 0;
    node->refs = 1;
    node->entry = *e;
    node->entry.name = keep_text(node->texts, &at, e->name);
    node->entry.unit = keep_text(node->texts, &at, e->unit);
    node->entry.description = keep_text(node->texts, &at, e->description);
    return node;
}

enum status dict_new(uint64_t id, struct dict **ret, struct error *err) {
    struct dict *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return error_set(err, ERR_NOMEM, "dictionary", "out of memory");
    }
    d->id = id;
    *ret = d;
    return OK;
}

void dict_free(struct dict **d) {
    if (*d == NULL) {
        return;
    }
    for (uint32_t i = 0; i < (*d)->n; i++) {
        node_release((*d)->by_alias[i]);
    }
    free((*d)->by_alias);
    free((*d)->by_name);
    free(*d);
    *d = NULL;
}

uint64_t dict_id(const struct dict *d) {
    return d->id;
}

static enum status grow(struct dict *d, uint32_t cap, struct error *err) {
    if (cap <= d->cap) {
        return OK;
    }
    struct node **by_alias = realloc(d->by_alias, cap * sizeof(struct node *));
    if (by_alias != NULL) {
        d->by_alias = by_alias;
    }
    struct node **by_name = realloc(d->by_name, cap * sizeof(struct node *));
    if (by_name != NULL) {
        d->by_name = by_name;
    }
    if (by_alias == NULL || by_name == NULL) {
        (void)error_set(err, ERR_NOMEM, "dictionary", "out of memory");
        return ERR_NOMEM;
    }
    d->cap = cap;
    return OK;
}

enum status dict_copy(const struct dict *from, uint64_t id, struct dict **ret, struct error *err) {
    struct dict *d = NULL;
    enum status status = dict_new(id, &d, err);
    if (d == NULL) {
        return status;
    }
    status = grow(d, from->n, err);
    if (status != OK) {
        dict_free(&d);
        return status;
    }
    for (uint32_t i = 0; i < from->n; i++) {
        d->by_alias[i] = from->by_alias[i];
        d->by_alias[i]->refs++;
        d->by_name[i] = from->by_name[i];
    }
    d->n = from->n;
    *ret = d;
    return OK;
}

/* The place of the first entry whose alias is not below. */
static uint32_t place_of_alias(const struct dict *d, uint32_t alias) {
    uint32_t low = 0;
    uint32_t high = d->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (d->by_alias[middle]->entry.alias < alias) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int name_order(struct slice a, struct slice b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int order = memcmp(a.p, b.p, n);
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static uint32_t place_of_name(const struct dict *d, struct slice name) {
    uint32_t low = 0;
    uint32_t high = d->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (name_order(d->by_name[middle]->entry.name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void insert_at(struct node **v, uint32_t n, uint32_t place, struct node *node) {
    memmove(&v[place + 1], &v[place], (n - place) * sizeof(struct node *));
    v[place] = node;
}

static void remove_at(struct node **v, uint32_t n, uint32_t place) {
    memmove(&v[place], &v[place + 1], (n - place - 1) * sizeof(struct node *));
}

static void take_out(struct dict *d, uint32_t alias) {
    uint32_t i = place_of_alias(d, alias);
    if (i == d->n || d->by_alias[i]->entry.alias != alias) {
        return;
    }
    struct node *node = d->by_alias[i];
    remove_at(d->by_name, d->n, place_of_name(d, node->entry.name));
    remove_at(d->by_alias, d->n, i);
    d->n--;
    node_release(node);
}

/* There is room, and neither its alias nor its name is there. */
static void insert(struct dict *d, struct node *node) {
    insert_at(d->by_alias, d->n, place_of_alias(d, node->entry.alias), node);
    insert_at(d->by_name, d->n, place_of_name(d, node->entry.name), node);
    d->n++;
}

enum status dict_put(struct dict *d, const struct dict_entry *e, struct error *err) {
    if (e->removed) {
        take_out(d, e->alias);
        return OK;
    }
    CHECK(e->name.n > 0);
    uint32_t namesake = place_of_name(d, e->name);
    if (namesake < d->n && slice_eq(d->by_name[namesake]->entry.name, e->name) &&
        d->by_name[namesake]->entry.alias != e->alias) {
        return error_set(err, ERR_EXISTS, "dictionary", "aliases %u and %u have the same name \"%.*s\"",
                         d->by_name[namesake]->entry.alias, e->alias, SLICE_ARG(e->name));
    }
    if (dict_find(d, e->alias, NULL) == NULL && d->n == LINK_TAGS_MAX) {
        return error_set(err, ERR_TOO_BIG, "dictionary", "more than %d tags", LINK_TAGS_MAX);
    }
    uint32_t cap = d->n < d->cap ? d->cap : d->cap < 16 ? 16 : d->cap * 2;
    enum status status = grow(d, cap, err);
    struct node *node = status == OK ? node_new(e) : NULL;
    if (node == NULL) {
        return error_set(err, ERR_NOMEM, "dictionary", "out of memory");
    }
    take_out(d, node->entry.alias); /* e may be what was taken out */
    insert(d, node);
    return OK;
}

static enum status apply_entry(void *ctx, const struct dict_entry *e, struct error *err) {
    return dict_put(ctx, e, err);
}

enum status dict_apply(struct dict *d, struct slice rest, bool *ret_more, struct error *err) {
    struct dict_head head = {0};
    enum status status = dict_decode(rest, &head, apply_entry, d, err);
    if (status == OK) {
        *ret_more = head.more;
    }
    return status;
}

/* --- extending with a way back --- */

enum { UNDO_FIRST = 16 };

struct dict_undo {
    uint32_t n;
    uint32_t cap;
    struct step {
        uint32_t alias;
        struct node *before; /* NULL: the alias was free; a reference of ours */
    } v[];
};

struct extending {
    struct dict *d;
    struct dict_undo *undo;
};

static struct dict_undo *undo_grow(struct dict_undo *undo) {
    uint32_t cap = undo == NULL ? UNDO_FIRST : undo->cap * 2;
    struct dict_undo *v = realloc(undo, sizeof *v + cap * sizeof v->v[0]);
    if (v != NULL) {
        v->n = undo == NULL ? 0 : v->n;
        v->cap = cap;
    }
    return v;
}

static enum status extend_entry(void *ctx, const struct dict_entry *e, struct error *err) {
    struct extending *x = ctx;
    if (x->undo->n == x->undo->cap) {
        struct dict_undo *more = undo_grow(x->undo);
        if (more == NULL) {
            return error_set(err, ERR_NOMEM, "dictionary", "out of memory");
        }
        x->undo = more;
    }
    uint32_t i = place_of_alias(x->d, e->alias);
    bool there = i < x->d->n && x->d->by_alias[i]->entry.alias == e->alias;
    struct node *before = there ? x->d->by_alias[i] : NULL;
    if (before != NULL) {
        before->refs++;
    }
    x->undo->v[x->undo->n++] = (struct step){.alias = e->alias, .before = before};
    return dict_put(x->d, e, err);
}

/* Backwards, through states that were all good; what was taken out finds its room. */
void dict_undo(struct dict *d, struct dict_undo **undo) {
    for (uint32_t i = (*undo)->n; i > 0; i--) {
        const struct step *step = &(*undo)->v[i - 1];
        take_out(d, step->alias);
        if (step->before != NULL) {
            insert(d, step->before);
        }
    }
    free(*undo);
    *undo = NULL;
}

void dict_keep(struct dict_undo **undo) {
    for (uint32_t i = 0; *undo != NULL && i < (*undo)->n; i++) {
        if ((*undo)->v[i].before != NULL) {
            node_release((*undo)->v[i].before);
        }
    }
    free(*undo);
    *undo = NULL;
}

enum status dict_extend(struct dict *d, struct slice rest, bool *ret_more, struct dict_undo **ret,
                        struct error *err) {
    struct extending x = {.d = d, .undo = undo_grow(NULL)};
    if (x.undo == NULL) {
        return error_set(err, ERR_NOMEM, "dictionary", "out of memory");
    }
    struct dict_head head = {0};
    enum status status = dict_decode(rest, &head, extend_entry, &x, err);
    if (status != OK) {
        dict_undo(d, &x.undo);
        return status;
    }
    *ret_more = head.more;
    *ret = x.undo;
    return OK;
}

uint32_t dict_count(const struct dict *d) {
    return d->n;
}

const struct dict_entry *dict_at(const struct dict *d, uint32_t i) {
    CHECK(i < d->n);
    return &d->by_alias[i]->entry;
}

const struct dict_entry *dict_find(const struct dict *d, uint32_t alias, uint32_t *ret_i) {
    uint32_t i = place_of_alias(d, alias);
    if (i == d->n || d->by_alias[i]->entry.alias != alias) {
        return NULL;
    }
    if (ret_i != NULL) {
        *ret_i = i;
    }
    return &d->by_alias[i]->entry;
}
