/* Which highly managed alarms a change of the configuration touches: such a change is made by two people.
 * Pure.
 *
 * An alarm is highly managed if its class says so, before the change or after it. The change touches it if it
 *   - adds, changes or removes the alarm's own item, its class or one of its groups, the alarm that hides it,
 *     or a tag that it reads: itself or in its rules, in rules of its groups, by way of calculated tags;
 *   - changes the gateway that such a tag comes by, or that the alarm watches;
 *   - changes its priority by the policy, or the operator's position or the time zone of its site.
 * Of an item any change counts, a title too, so that nobody has to weigh fields. The exceptions are the
 * policy and the sites, which belong to every alarm: of them counts what reaches this one. The first
 * configuration (there was no item) touches none: nobody manages anything yet. */
#ifndef PENSTOCK_CONFIG_TWO_PEOPLE_H
#define PENSTOCK_CONFIG_TWO_PEOPLE_H

#include "server/config/config.h"

struct config_side {
    const struct config_set *set;
    const struct model *model; /* of the set */
};

typedef void (*config_on_touched)(void *ctx, struct slice alarm);

/* True if there is a highly managed alarm at all, for which config_touched has to look. */
bool config_has_highly_managed(const struct config_set *before, const struct config_set *after);
/* Of each touched alarm once, those of `before` first, by name. ERR_NOMEM. */
MUSTCHECK enum status config_touched(const struct config_side *before, const struct config_side *after,
                                     config_on_touched on_touched, void *ctx, struct error *err);

/* The names of touched alarms for people: "S1/A, S1/B and 3 more". */
enum { CONFIG_TOUCHED_TEXT_SIZE = 256 };
struct config_touched_names {
    uint32_t n; /* all of them */
    uint32_t n_named;
    char text[CONFIG_TOUCHED_TEXT_SIZE];
};
/* A config_on_touched; ctx is a struct config_touched_names, zeroed before. */
void config_touched_add(void *ctx, struct slice alarm);
/* Says how many are not named. Once, behind the last. */
void config_touched_end(struct config_touched_names *names);

#endif
