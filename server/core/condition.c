#include "server/core/condition.h"

#include <math.h>

enum truth condition_high(double limit, double deadband, bool was_true, double value) {
    if (isnan(value)) {
        return TRUTH_UNKNOWN;
    }
    return value > (was_true ? limit - deadband : limit) ? TRUTH_TRUE : TRUTH_FALSE;
}

enum truth condition_low(double limit, double deadband, bool was_true, double value) {
    if (isnan(value)) {
        return TRUTH_UNKNOWN;
    }
    return value < (was_true ? limit + deadband : limit) ? TRUTH_TRUE : TRUTH_FALSE;
}
