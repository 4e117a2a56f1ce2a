#include "protocol/gateway/report.h"

#include <math.h>

/* What is no number compares as unchanged with itself only. */
static bool moved(double from, double to, double deadband) {
    if (isnan(from) || isnan(to)) {
        return isnan(from) != isnan(to);
    }
    return from != to && !(fabs(to - from) <= deadband);
}

bool report_due(struct report *r, const struct report_rule *rule, double value, uint8_t quality,
                int64_t mono_us) {
    if (r->any && r->quality == quality && mono_us - r->mono_us < rule->interval_us &&
        (quality != 0 || !moved(r->value, value, rule->deadband))) {
        return false;
    }
    *r = (struct report){.any = true, .quality = quality, .value = value, .mono_us = mono_us};
    return true;
}
