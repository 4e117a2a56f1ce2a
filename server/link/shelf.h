/* The dictionaries of one session: by (epoch, id), in parts as they come, within the limits of link_limits.h.
 * Each knows which tag of the present configuration its entries mean; that is worked out when it is first
 * used and again after the configuration changed. Owns all. Pure. */
#ifndef PENSTOCK_LINK_SHELF_H
#define PENSTOCK_LINK_SHELF_H

#include "protocol/dict.h"
#include "server/core/model.h"
#include "server/link/link_limits.h"

/* In place of a tag's index: the configuration has no such tag of this gateway; it has one of a type that
 * cannot take what is sent; no configuration can have one of such a name; or it has none, and need not: the
 * gateway tells of itself (core/gateway_health.h). */
#define SHELF_NO_TAG   MODEL_NONE
#define SHELF_MISFIT   (MODEL_NONE - 1)
#define SHELF_MISNAMED (MODEL_NONE - 2)
#define SHELF_OWN      (MODEL_NONE - 3)

enum { SHELF_UNKNOWN_MAX = 16 };

struct shelf_dict {
    uint32_t ep;
    uint64_t id;
    struct dict *dict;
    bool whole;     /* all parts are there */
    bool broken;    /* one part was bad: never usable */
    uint32_t parts; /* that have come */
    uint32_t entries;
    uint32_t *tags; /* of each entry by its place in dict; NULL: not worked out */
    bool has_own;   /* with tags: some entries are of the gateway itself */
};

/* What of a dictionary is left out and should be told: how many, and the first (NULL: none). */
struct shelf_left_out {
    const struct dict_entry *misfit;
    const struct dict_entry *misnamed;
    uint32_t misfits;
    uint32_t misnameds;
};

struct shelf {
    const struct link_limits *limits; /* borrowed */
    struct shelf_dict *v;
    uint32_t n;
    uint32_t cap;
    uint32_t entries;
    uint32_t tags_max; /* of one dictionary, by the gateway's configuration; 0: by the limits alone */
};

/* Entries of a DICT record whose value type this version does not know: named to the gateway. */
struct shelf_unknown {
    uint32_t n; /* all of them */
    struct {
        uint32_t alias;
        uint8_t type;
    } first[SHELF_UNKNOWN_MAX];
};

/* One DICT record that is understood but not yet accepted. */
struct shelf_change {
    uint32_t ep;
    uint64_t id;
    struct dict *dict;      /* NULL: the record is bad and breaks its dictionary */
    struct dict_undo *undo; /* of a further part: dict is the shelf's and has it already; else NULL */
    bool whole;
    uint32_t n_entries; /* that were read of the record, good or bad */
    struct shelf_unknown unknown;
};

/* An all-zero struct with limits is an empty shelf. */
void shelf_done(struct shelf *s);
/* Understands a DICT record (rest: the body after its prefix). A dictionary that others use is not changed;
 * one that is being built may be: until ret, which is set even on failure, has gone to shelf_accept or
 * shelf_drop, nothing else may be done with the shelf. ERR_TOO_BIG: over a quota. ERR_NOT_FOUND: its base is
 * not there. ERR_EXISTS: the id is taken. */
MUSTCHECK enum status shelf_read(const struct shelf *s, uint32_t ep, uint64_t id, struct slice rest,
                                 struct shelf_change *ret, struct error *err);
/* Puts it on the shelf; takes what it holds. */
MUSTCHECK enum status shelf_accept(struct shelf *s, struct shelf_change *c);
/* It was not to be: what is on the shelf is as it was. */
void shelf_drop(struct shelf_change *c);
/* A usable dictionary, or NULL. */
struct shelf_dict *shelf_find(const struct shelf *s, uint32_t ep, uint64_t id);
/* The configuration changed: all tags are to be worked out anew. */
void shelf_forget_tags(struct shelf *s);
/* Works out d->tags if that is not done. ret: what is to be told, once; all-zero if nothing is, or it was. */
MUSTCHECK enum status shelf_resolve(struct shelf_dict *d, const struct model *m, uint32_t gateway,
                                    struct shelf_left_out *ret);
/* Whether one of d->tags is a tag. */
bool shelf_is_tag(uint32_t tag);

#endif
