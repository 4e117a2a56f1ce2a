/* The parts of config_compile: what they share while a model is being filled. compile.c has sites, gateways,
 * tags and groups, compile_alarm.c the alarms, compile_rule.c all programs. Faults are gathered; only a lack
 * of memory ends the work, at its next pause. */
#ifndef PENSTOCK_CONFIG_COMPILE_H
#define PENSTOCK_CONFIG_COMPILE_H

#include "server/config/cross.h"
#include "server/core/rule.h"

struct compile {
    const struct config_set *set;
    struct model *m;
    struct faults faults;
    char *texts; /* room in the arena for the next texts */
    size_t texts_left;
    struct config_policy policy;
    struct map group_by_name;
    struct model_alarm_more *more; /* grows; moved into the arena at the end */
    uint32_t cap_more;
    uint8_t *site_positions;        /* default position of each site's alarms */
    const struct zone **site_zones; /* local time of each site; NULL is UTC */
    uint32_t *group_sites;          /* site of all members of a group; MODEL_NONE if several, or none */
    struct rule_builder *rules;
    bool no_memory;
};

const struct item *compile_item(const struct compile *c, enum config_kind kind, uint32_t i);
/* Copies of texts that live as long as the model. */
struct slice compile_text(struct compile *c, struct slice text);
struct model_text compile_texts(struct compile *c, struct model_text text);
/* Index of a position, which is added if it is new. */
uint8_t compile_position(struct compile *c, struct slice name, const struct config_item *item);
int64_t compile_us(double seconds);

/* compile_alarm.c: all alarms of the set, in its order; groups and tags are there already. */
void compile_alarms(struct compile *c);

/* compile_rule.c. A rule in the field of an item, for the tags of that site (MODEL_NONE: full names only);
 * RULE_NONE if it is refused. */
uint32_t compile_rule(struct compile *c, const struct config_item *item, const char *field,
                      struct slice source, uint32_t site, enum rule_want want, struct slice unit);
/* Programs of calculated tags. */
void compile_tag_rules(struct compile *c);
/* All programs into the model, and the order of calculated tags. */
void compile_rules_finish(struct compile *c);

#endif
