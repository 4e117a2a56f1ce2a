/* Configuration as people write it, and its compilation. A configuration is a set of items; an item is (kind,
 * name) with a JSON object as body. Pure: JSON text in, a struct model or faults with JSON Pointers out; no
 * I/O. Parts: set.c (items by name), complete.c (comm alarms), compile.c (whole to model), import.c (document
 * to items).
 *
 * Kinds and bodies; "?" may be left out, "=" is the default. Unknown fields, duplicate keys, wrong types and
 * missing fields are faults.
 *   site    name, title?, area?, kind?
 *   gateway name, site, title?, enabled?=true
 *   tag     name, gateway, title?, type?=float|int|bool, unit?, low, high, scale?=1, offset?=0, deadband?=0,
 *           stale_s?=0, decimals?=2, equipment?, role?; a bool goes from 0 to 1 and needs no low and high
 *   alarm   name, kind=high|low|stale|comm, tag (comm: gateway), limit (high and low only), deadband?=0,
 *           on_delay_s?=0, off_delay_s?=0, priority=1..4, message?, enabled?=true
 * A title or message is {"en":"…","zh":"…"} (zh optional) or a plain string (both). Names: 1 to 200 bytes of
 * A-Z a-z 0-9 . _ - (site, gateway); tag and alarm names have exactly one '/', after the site. Each gateway
 * has exactly one comm alarm, named "SITE/GATEWAY.comm"; config_set_complete adds what is missing. */
#ifndef PENSTOCK_CONFIG_CONFIG_H
#define PENSTOCK_CONFIG_CONFIG_H

#include "server/core/model.h"
#include "server/core/request.h"

enum config_kind { CONFIG_SITE, CONFIG_GATEWAY, CONFIG_TAG, CONFIG_ALARM };
enum { CONFIG_KINDS = CONFIG_ALARM + 1, CONFIG_BODY_MAX = 64 * 1024, CONFIG_FAULTS_MAX = 100 };

const char *config_kind_name(enum config_kind kind);
bool config_kind_parse(struct slice text, enum config_kind *ret);

struct config_item {
    enum config_kind kind;
    int64_t key;       /* identity in PostgreSQL; 0 while not stored yet */
    int64_t revision;  /* the one that wrote it last */
    struct slice name; /* owned by the set */
    struct slice body; /* canonical JSON text (sorted keys, compact), owned by the set */
};

/* A set and its copies share items: they belong to one thread at a time. */
struct config_set;

MUSTCHECK enum status config_set_new(struct config_set **ret, struct error *err);
void config_set_free(struct config_set **set);
MUSTCHECK enum status config_set_copy(const struct config_set *from, struct config_set **ret,
                                      struct error *err);
/* Checks the item alone (syntax, fields, types, ranges, name in body equals name) and puts it, replacing one
 * of the same name. On ERR_INVALID and ERR_TOO_BIG (body, number of items) up to CONFIG_FAULTS_MAX faults
 * (pointers within the body, e.g. "/limit") are written, *ret_faults counts them. */
MUSTCHECK enum status config_set_put(struct config_set *set, enum config_kind kind, struct slice name,
                                     struct slice body, int64_t key, int64_t revision,
                                     struct config_fault *faults, uint32_t *ret_faults);
/* ERR_NOT_FOUND if it is not there. */
MUSTCHECK enum status config_set_remove(struct config_set *set, enum config_kind kind, struct slice name);
/* NULL if it is not there. */
const struct config_item *config_set_find(const struct config_set *set, enum config_kind kind,
                                          struct slice name);
/* Items of one kind sorted by name: the i-th, NULL behind the last. */
const struct config_item *config_set_at(const struct config_set *set, enum config_kind kind, uint32_t i);
uint32_t config_set_count(const struct config_set *set, enum config_kind kind);
/* Sets the key and revision of an item that has been stored. */
MUSTCHECK enum status config_set_stored(struct config_set *set, enum config_kind kind, struct slice name,
                                        int64_t key, int64_t revision);

/* Adds the comm alarm of each gateway that has none (priority 2, on-delay 30 s) and removes those of gateways
 * that are gone. on_change is told of each, so that the caller can store it too. */
typedef void (*config_on_change)(void *ctx, enum config_kind kind, struct slice name,
                                 struct slice body_or_empty);
MUSTCHECK enum status config_set_complete(struct config_set *set, config_on_change on_change, void *ctx,
                                          struct error *err);

/* Checks the whole (references exist and agree on the site, limits within ranges, high above low, low alarm
 * below high alarm of the same tag, …) and builds the model. Fault pointers here are "/KIND/NAME/field" with
 * '/' in a name as "~1"; err has the first. seed: two random words for the maps. */
MUSTCHECK enum status config_compile(const struct config_set *set, int64_t revision, const uint64_t seed[2],
                                     struct model **ret, struct config_fault *faults, uint32_t *ret_faults,
                                     struct error *err);

/* Reads an import document {"sites":[…],"gateways":[…],"tags":[…],"alarms":[…]} and hands over its items, in
 * that order (body is canonical JSON; whether it is right is config_set_put's to say). Stops at the first
 * status that is not OK and returns it. */
typedef enum status (*config_on_item)(void *ctx, enum config_kind kind, struct slice name, struct slice body);
MUSTCHECK enum status config_import(struct slice json, config_on_item on_item, void *ctx, struct error *err);

#endif
