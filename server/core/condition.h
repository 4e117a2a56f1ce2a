/* The condition stage: is a value beyond its limit? Deadband is memory: once true, false only at the limit
 * minus the deadband or better. NaN is unknown. Pure. */
#ifndef PENSTOCK_CORE_CONDITION_H
#define PENSTOCK_CORE_CONDITION_H

#include <stdbool.h>

enum truth { TRUTH_FALSE, TRUTH_TRUE, TRUTH_UNKNOWN };

struct condition_limit {
    double limit;
    double deadband; /* not below 0 */
    bool inclusive;  /* at the limit is beyond it */
};

enum truth condition_high(const struct condition_limit *limit, bool was_true, double value);
enum truth condition_low(const struct condition_limit *limit, bool was_true, double value);

#endif
