#include "server/link/shelf.h"

#include "protocol/enrol.h"
#include "server/base/check.h"
#include "server/core/gateway_health.h"

#include <stdlib.h>

static void free_one(struct shelf_dict *d) {
    dict_free(&d->dict);
    free(d->tags);
    d->tags = NULL;
}

void shelf_done(struct shelf *s) {
    for (uint32_t i = 0; i < s->n; i++) {
        free_one(&s->v[i]);
    }
    free(s->v);
    *s = (struct shelf){0};
}

/* Whole, building or broken. */
static struct shelf_dict *find_any(const struct shelf *s, uint32_t ep, uint64_t id) {
    for (uint32_t i = s->n; i > 0; i--) { /* the newest is asked for most */
        if (s->v[i - 1].id == id && s->v[i - 1].ep == ep) {
            return &s->v[i - 1];
        }
    }
    return NULL;
}

struct shelf_dict *shelf_find(const struct shelf *s, uint32_t ep, uint64_t id) {
    struct shelf_dict *d = find_any(s, ep, id);
    return d != NULL && d->whole && !d->broken ? d : NULL;
}

static uint32_t count_epoch(const struct shelf *s, uint32_t ep) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        n += s->v[i].ep == ep ? 1 : 0;
    }
    return n;
}

struct checking {
    const struct link_limits *limits;
    struct shelf_change *change;
};

static void note_unknown(struct shelf_unknown *u, const struct dict_entry *e) {
    if (u->n < SHELF_UNKNOWN_MAX) {
        u->first[u->n].alias = e->alias;
        u->first[u->n].type = e->type;
    }
    u->n++;
}

static bool is_known_type(uint8_t type) {
    return type >= VALUE_BOOL && type <= VALUE_BYTES;
}

static enum status check_entry(void *ctx, const struct dict_entry *e, struct error *err) {
    struct checking *x = ctx;
    x->change->n_entries++;
    if (e->name.n > x->limits->name_bytes) {
        return error_set(err, ERR_TOO_BIG, "name", "alias %u: the name has more than %u bytes", e->alias,
                         x->limits->name_bytes);
    }
    if (e->unit.n > x->limits->unit_bytes) {
        return error_set(err, ERR_TOO_BIG, "unit", "alias %u: the unit has more than %u bytes", e->alias,
                         x->limits->unit_bytes);
    }
    if (!e->removed && !is_known_type(e->type)) {
        note_unknown(&x->change->unknown, e);
    }
    return OK;
}

static enum status may_go_on(const struct shelf *s, const struct shelf_dict *known, struct error *err) {
    if (known->broken) {
        return error_set(err, ERR_INVALID, "dict", "an earlier part of dictionary %llu was bad",
                         (unsigned long long)known->id);
    }
    if (known->whole) {
        return error_set(err, ERR_EXISTS, "dict",
                         "dictionary %llu is there already; a new one needs a new id",
                         (unsigned long long)known->id);
    }
    if (known->parts >= s->limits->dictionary_parts) {
        return error_set(err, ERR_TOO_BIG, "dict", "dictionary %llu comes in more than %u parts",
                         (unsigned long long)known->id, s->limits->dictionary_parts);
    }
    return OK;
}

/* The dictionary that a first part is to be applied to: a copy of its base, or an empty one. */
static enum status start(const struct shelf *s, uint32_t ep, uint64_t id, uint64_t base, struct dict **ret,
                         struct error *err) {
    if (count_epoch(s, ep) >= s->limits->dictionaries) {
        return error_set(err, ERR_TOO_BIG, "dict", "more than %u dictionaries in one epoch",
                         s->limits->dictionaries);
    }
    if (base == 0) {
        return dict_new(id, ret, err);
    }
    const struct shelf_dict *from = shelf_find(s, ep, base);
    if (from == NULL) {
        return error_set(err, ERR_NOT_FOUND, "base", "dictionary %llu changes %llu, which is not known",
                         (unsigned long long)id, (unsigned long long)base);
    }
    return dict_copy(from->dict, id, ret, err);
}

/* Puts the record's entries into a dictionary of its own, or into the one that is being built: what a part
 * costs must not depend on how many came before. */
static enum status apply(const struct shelf *s, uint64_t base, struct slice rest, struct shelf_change *c,
                         struct error *err) {
    const struct shelf_dict *known = find_any(s, c->ep, c->id);
    bool more = false;
    enum status status = OK;
    if (known != NULL) {
        status = may_go_on(s, known, err);
        if (status == OK) {
            status = dict_extend(known->dict, rest, &more, &c->undo, err);
        }
        c->dict = status == OK ? known->dict : NULL;
    } else {
        status = start(s, c->ep, c->id, base, &c->dict, err);
        if (status == OK) {
            status = dict_apply(c->dict, rest, &more, err);
        }
    }
    c->whole = !more;
    return status;
}

static enum status check_size(const struct shelf *s, const struct shelf_change *c, struct error *err) {
    const struct shelf_dict *known = find_any(s, c->ep, c->id);
    uint32_t before = known == NULL ? 0 : known->entries;
    uint32_t n = dict_count(c->dict);
    if (s->tags_max != 0 && n > s->tags_max) {
        return error_set(err, ERR_TOO_BIG, "dict",
                         "more than %u tags in a dictionary (tags_max of the gateway)", s->tags_max);
    }
    if (n > s->limits->dictionary_tags) {
        return error_set(err, ERR_TOO_BIG, "dict", "more than %u tags in a dictionary",
                         s->limits->dictionary_tags);
    }
    if (s->entries - before + n > s->limits->dictionary_entries) {
        return error_set(err, ERR_TOO_BIG, "dict", "more than %u entries in all dictionaries of a gateway",
                         s->limits->dictionary_entries);
    }
    return OK;
}

enum status shelf_read(const struct shelf *s, uint32_t ep, uint64_t id, struct slice rest,
                       struct shelf_change *ret, struct error *err) {
    *ret = (struct shelf_change){.ep = ep, .id = id};
    if (id == 0) {
        return error_set(err, ERR_INVALID, "dict", "0 is no dictionary's id; they count from 1");
    }
    struct dict_head head = {0};
    struct checking checking = {.limits = s->limits, .change = ret};
    enum status status = dict_decode(rest, &head, check_entry, &checking, err);
    if (status == OK) {
        status = apply(s, head.base, rest, ret, err);
    }
    if (status == OK) {
        status = check_size(s, ret, err);
    }
    if (status != OK) {
        shelf_drop(ret);
    }
    return status;
}

static enum status add(struct shelf *s, uint32_t ep, uint64_t id, struct shelf_dict **ret) {
    if (s->n == s->cap) {
        uint32_t cap = s->cap == 0 ? 4 : s->cap * 2;
        struct shelf_dict *v = realloc(s->v, cap * sizeof *v);
        if (v == NULL) {
            return ERR_NOMEM;
        }
        s->v = v;
        s->cap = cap;
    }
    s->v[s->n] = (struct shelf_dict){.ep = ep, .id = id};
    *ret = &s->v[s->n++];
    return OK;
}

enum status shelf_accept(struct shelf *s, struct shelf_change *c) {
    struct shelf_dict *d = find_any(s, c->ep, c->id);
    bool bad = c->dict == NULL;
    /* What is whole stays. A bad record under a new id is remembered, so that its other parts do not pass for
     * all of it; unless there is no room to remember. */
    if (bad && ((d != NULL && d->whole) ||
                (d == NULL && (c->id == 0 || count_epoch(s, c->ep) >= s->limits->dictionaries)))) {
        return OK;
    }
    if (d == NULL) {
        enum status status = add(s, c->ep, c->id, &d);
        if (status != OK) {
            shelf_drop(c);
            return status;
        }
    }
    CHECK(!d->whole);
    if (bad) {
        d->broken = true;
        return OK;
    }
    CHECK(d->dict == (c->undo != NULL ? c->dict : NULL));
    dict_keep(&c->undo);
    d->dict = c->dict;
    d->whole = c->whole;
    d->parts++;
    c->dict = NULL;
    s->entries += dict_count(d->dict) - d->entries; /* unsigned: it may have become less */
    d->entries = dict_count(d->dict);
    return OK;
}

void shelf_drop(struct shelf_change *c) {
    if (c->undo != NULL) {
        dict_undo(c->dict, &c->undo);
        c->dict = NULL;
    }
    dict_free(&c->dict);
}

void shelf_forget_tags(struct shelf *s) {
    for (uint32_t i = 0; i < s->n; i++) {
        free(s->v[i].tags);
        s->v[i].tags = NULL;
    }
}

/* Without loss, and without guessing what a text or a raw string of bytes might mean. */
static bool fits(uint8_t value, enum tag_type tag) {
    switch (tag) {
    case TAG_FLOAT:
        return value == VALUE_INT || value == VALUE_UINT || value == VALUE_SCALED || value == VALUE_F32 ||
               value == VALUE_F64;
    case TAG_INT:
        return value == VALUE_INT || value == VALUE_UINT || value == VALUE_ENUM || value == VALUE_BOOL;
    case TAG_BOOL:
        return value == VALUE_BOOL;
    }
    return false;
}

/* A gateway can name tags of its own only: those that the configuration gives to it at its site. */
static uint32_t tag_of(const struct model *m, uint32_t gateway, const struct dict_entry *e) {
    char name[2 * LINK_NAME_MAX + 2];
    struct slice site = m->sites[m->gateways[gateway].site].name;
    if (site.n > LINK_NAME_MAX || e->name.n > LINK_NAME_MAX || e->name.n == 0) {
        return SHELF_NO_TAG;
    }
    memcpy(name, site.p, site.n);
    name[site.n] = '/';
    memcpy(name + site.n + 1, e->name.p, e->name.n);
    if (!enrol_is_name(e->name)) { /* tags have the characters of gateways */
        return gateway_health_is_name(e->name) ? SHELF_OWN : SHELF_MISNAMED;
    }
    uint32_t tag = model_find_tag(m, slice_of(name, site.n + 1 + e->name.n));
    if (tag == MODEL_NONE || m->tags[tag].gateway != gateway) {
        return gateway_health_is_name(e->name) ? SHELF_OWN : SHELF_NO_TAG;
    }
    return fits(e->type, m->tags[tag].type) ? tag : SHELF_MISFIT;
}

bool shelf_is_tag(uint32_t tag) {
    return tag < SHELF_OWN;
}

enum status shelf_resolve(struct shelf_dict *d, const struct model *m, uint32_t gateway,
                          struct shelf_left_out *ret) {
    *ret = (struct shelf_left_out){0};
    if (d->tags != NULL) {
        return OK;
    }
    uint32_t n = dict_count(d->dict);
    d->tags = malloc((n == 0 ? 1 : n) * sizeof *d->tags);
    if (d->tags == NULL) {
        return ERR_NOMEM;
    }
    d->has_own = false;
    for (uint32_t i = 0; i < n; i++) {
        const struct dict_entry *e = dict_at(d->dict, i);
        d->tags[i] = tag_of(m, gateway, e);
        d->has_own = d->has_own || gateway_health_is_name(e->name);
        if (d->tags[i] == SHELF_MISFIT && is_known_type(e->type)) { /* the others were told with DICT */
            ret->misfits++;
            ret->misfit = ret->misfit == NULL ? e : ret->misfit;
        } else if (d->tags[i] == SHELF_MISNAMED) {
            ret->misnameds++;
            ret->misnamed = ret->misnamed == NULL ? e : ret->misnamed;
        }
    }
    return OK;
}
