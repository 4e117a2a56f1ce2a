#include "server/core/condition.h"

#include <math.h>

/* Low limits are judged with all signs turned, so that more is always worse. */
static enum truth judge(double value, double limit, double back, bool inclusive, bool was_true) {
    if (isnan(value) || isnan(limit)) {
        return TRUTH_UNKNOWN;
    }
    if (value > limit || (inclusive && value == limit)) {
        return TRUTH_TRUE;
    }
    return was_true && value > back ? TRUTH_TRUE : TRUTH_FALSE;
}

enum truth condition_high(const struct condition_limit *limit, bool was_true, double value) {
    return judge(value, limit->limit, limit->limit - limit->deadband, limit->inclusive, was_true);
}

enum truth condition_low(const struct condition_limit *limit, bool was_true, double value) {
    return judge(-value, -limit->limit, -limit->limit - limit->deadband, limit->inclusive, was_true);
}
