/* The condition stage: is what the alarm watches for true, false, or unknown? Deadband memory is a parameter:
 * once true, a limit is false again only at the limit minus (plus) the deadband or better. Unknown never
 * becomes true or false by guessing. Pure. */
#ifndef PENSTOCK_CORE_CONDITION_H
#define PENSTOCK_CORE_CONDITION_H

#include "server/core/model.h"

#include <stdbool.h>

enum truth { TRUTH_FALSE, TRUTH_TRUE, TRUTH_UNKNOWN };

/* value > limit; returns at limit - deadband and below. */
enum truth condition_high(double limit, double deadband, bool was_true, double value);
/* value < limit; returns at limit + deadband and above. */
enum truth condition_low(double limit, double deadband, bool was_true, double value);

#endif
