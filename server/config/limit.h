/* A limit as it was written, in the unit that the core compares in. */
#ifndef PENSTOCK_CONFIG_LIMIT_H
#define PENSTOCK_CONFIG_LIMIT_H

#include "server/config/item.h"

/* For an alarm of that kind on a tag of that unit. high, low: the tag's unit. dev: a difference in it (no
 * offset of temperatures). roc: per second, "0.5 m/min" too. runtime: microseconds; plain numbers are
 * seconds, "500 h" is a duration. total: unit × time / per; "100 m3" for a flow, "50 kWh" for a power. False
 * if the unit does not convert; wanted (for a person) says what would. */
bool limit_in_unit(enum alarm_kind kind, struct quantity limit, struct slice unit, int64_t per_us,
                   double *ret_limit, const char **ret_wanted);
/* value_to = value * scale + offset, for a tag's value that is a limit of, or compared with, another one. A
 * tag without unit is taken to have the other's. */
bool limit_of_tag(struct slice from, struct slice to, double *ret_scale, double *ret_offset);

#endif
