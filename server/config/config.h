/* Configuration as people write it, and its compilation. A configuration is a set of items; an item is (kind,
 * name) with a JSON object as body. Pure: JSON text in, a struct model or faults with JSON Pointers out; no
 * I/O. Parts: set.c (items by name), complete.c (gateways' own alarms), compile.c (whole to model), checks.c
 * (what a review of the alarms finds), import.c (document to items).
 *
 * Kinds and bodies; "?" may be left out, "=" is the default. Unknown fields, duplicate keys, wrong types and
 * missing fields are faults.
 *   site    name, title?, area?, kind?, tz?=UTC ("Europe/Berlin"), position?=main (of its operator),
 *           shifts?, tariffs? (site_calendar.h)
 *   gateway name, site, title?, enabled?=true, certificate_of? (a gateway), tags_max?
 *   tag     name, gateway, title?, type?=float|int|bool, unit?, low, high, scale?=1, offset?=0, deadband?=0,
 *           stale_s?=0, decimals?=2, equipment?, role?, states? (names of the values 0, 1, …; int and bool),
 *           keep?=standard (class of the policy "history");
 *           a bool goes from 0 to 1 and needs no low and high. With expr (a rule) it is calculated: then no
 *           gateway, scale, offset, stale_s, and low and high may be left out
 *   class   name, title?, and what alarms of it have if they do not say otherwise (the fields of an alarm
 *           that are marked *), highly_managed?=false (not shelvable, a comment is
 *           required, and changes are made by two people: two_people.h)
 *   group   name, title?, first_out?=true, suppress_when? (a rule), unsuppress_delay_s?=0
 *   policy  name; of "history": keep?, rollup_keep_days? (site_calendar.h); of "alarms":
 *           matrix? ({"severe":[{"within_s":300,"priority":1},…],…}),
 *           distribution? ([n, n, n, n] percent of the alarms of priority 1 to 4 that are right),
 *           distribution_tolerance?, distribution_min_alarms?, review_after_days?, silent_days?
 *   alarm   name, kind, then by kind
 *             high, low      tag, limit or limit_tag, deadband?=0, inclusive?=false
 *             dev            tag, setpoint, limit or limit_tag, deadband?
 *             roc            tag, limit (per second), over_s, deadband?
 *             state          tag, states (numbers, or names of the tag's states)
 *             change, quality tag
 *             stale          tag, after_s? (else the tag's stale_s)
 *             comm, clock    gateway, after_s?=30 (comm; on_delay_s says the same)
 *             disc           command, feedback (tags); on_delay_s is the travel time
 *             expr           expr (a rule)
 *             runtime        tag (bool), limit (seconds, or "500 h")
 *             total          tag, limit, per?="s"|"min"|"h"
 *             cusum, cusum_low tag, target, k?=0, h, every_s
 *           all: on_delay_s*?=0, off_delay_s*?=0, priority*=1..4 (or from severity and time_to_act_s by the
 *           policy's matrix), latch*?, confirm*?, comment*?, ack*?=manual|auto|none,
 * on_bad*?=hold|alarm|normal, uncertain*?=use|bad, realarm_s*?, escalate_after_s*?, escalate_priority*?,
 * shelvable*?=true, max_shelve_s*?=28800, suppress_when?, unsuppress_delay_s?, hidden_by? (an alarm),
 * snapshot? (samples around each raise are kept; else of priority 1),
 * level?=ll|l|h|hh (of a limit alarm: their order is checked),
 * groups?, class?, position?, test?=false, enabled?=true, message? and for people: cause?, consequence?,
 * action?, severity?=minor|moderate|major|severe, time_to_act_s?, priority_reason?, basis?,
 * suppression_basis?, shelving_policy?, documents?, trip_point?, display?, reviewed_by?, reviewed_on?,
 * next_review? ("2026-11-24") A limit is a number in the tag's unit or a string with a unit that converts to
 * it ("4.2 m"). In a rule the tags of the own site go without the site ("L_T1" is "S1/L_T1"). A title,
 * message or other text is
 * {"en":"…","zh":"…"} (zh optional) or a plain string (both). Names: 1 to 200 bytes of A-Z a-z 0-9 . _ -; tag
 * and alarm names have exactly one '/', after the site. Each gateway has exactly one comm alarm, named
 * "SITE/GATEWAY.comm", and one each of kinds clock, certificate and duplicate, named likewise; the site
 * "_server" has an alarm for each certificate of the server, and those of kind server. config_set_complete
 * adds what is missing.
 */
#ifndef PENSTOCK_CONFIG_CONFIG_H
#define PENSTOCK_CONFIG_CONFIG_H

#include "server/core/model.h"
#include "server/core/request.h"

/* In the order in which they refer to each other: each kind names only kinds before it (and itself). */
enum config_kind {
    CONFIG_SITE,
    CONFIG_GATEWAY,
    CONFIG_TAG,
    CONFIG_CLASS,
    CONFIG_GROUP,
    CONFIG_POLICY,
    CONFIG_ALARM,
};
enum { CONFIG_KINDS = CONFIG_ALARM + 1, CONFIG_BODY_MAX = 64 * 1024, CONFIG_FAULTS_MAX = 100 };

const char *config_kind_name(enum config_kind kind);
/* Of many, as in an import document: "sites", …, "classes", "policies", "alarms". */
const char *config_kind_list_name(enum config_kind kind);
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
/* Where the zones of sites' local time come from, for the set and its copies: reads one by its name into the
 * arena (ERR_INVALID or ERR_NOT_FOUND become faults). Without it all sites are taken to live by UTC, which is
 * right where nothing is evaluated. */
typedef enum status (*config_load_zone)(const char *name, struct arena *arena, struct zone **ret,
                                        struct error *err);
void config_set_zones(struct config_set *set, config_load_zone load);
config_load_zone config_set_zone_loader(const struct config_set *set);
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

/* Adds the alarms of each gateway's own that it lacks: comm (priority 2, after 30 s), clock (3, off-delay 60
 * s), certificate (4, on-delay 1 h) and duplicate (2, off-delay 10 min); and, where there is any gateway,
 * those of the server's certificates (4) and of its disk, history and audit (kind server). Removes those of
 * gateways that are gone. on_change is told of each, so that the caller can store it too. */
typedef void (*config_on_change)(void *ctx, enum config_kind kind, struct slice name,
                                 struct slice body_or_empty);
MUSTCHECK enum status config_set_complete(struct config_set *set, config_on_change on_change, void *ctx,
                                          struct error *err);

/* Checks the whole (references exist and agree on the site, limits within ranges and in order, rules right,
 * …) and builds the model. Fault pointers here are "/KIND/NAME/field" with '/' in a name as "~1"; err has the
 * first. seed: two random words for the maps. */
MUSTCHECK enum status config_compile(const struct config_set *set, int64_t revision, const uint64_t seed[2],
                                     struct model **ret, struct config_fault *faults, uint32_t *ret_faults,
                                     struct error *err);

/* Reads an import document {"sites":[…],"gateways":[…],…} and hands over its items, in the order of kinds
 * (body is canonical JSON; whether it is right is config_set_put's to say). Stops at the first status that is
 * not OK and returns it. */
typedef enum status (*config_on_item)(void *ctx, enum config_kind kind, struct slice name, struct slice body);
MUSTCHECK enum status config_import(struct slice json, config_on_item on_item, void *ctx, struct error *err);

#endif
