#include "server/config/limit.h"

#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/core/unit.h"

#include <stdio.h>

enum { UNIT_SIZE = 40 };

static const struct {
    const char *name;
    double us;
} times[] = {
    {"ms", 1e3},
    {"s", (double)TM_SECOND_US},
    {"min", (double)TM_MINUTE_US},
    {"h", (double)TM_HOUR_US},
    {"d", (double)TM_DAY_US},
};

/* Microseconds of a unit of time; 0 if it is none. */
static double time_us(struct slice unit) {
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        if (slice_is(unit, times[i].name)) {
            return times[i].us;
        }
    }
    return 0;
}

/* "m/min" is "m" over "min". The last stroke counts: "kWh/m3/h" is an energy by volume, over a time. */
static bool split_rate(struct slice unit, struct slice *ret_amount, double *ret_us) {
    for (size_t i = unit.n; i > 1; i--) {
        if (unit.p[i - 1] == '/') {
            *ret_amount = slice_of(unit.p, i - 1);
            *ret_us = time_us(slice_of(unit.p + i, unit.n - i));
            return *ret_us > 0;
        }
    }
    return false;
}

static bool convert(struct slice from, struct slice to, double *ret_scale) {
    double offset = 0;
    return from.n > 0 && to.n > 0 && unit_convert(from, to, ret_scale, &offset);
}

/* Per second, in the tag's unit. */
static bool rate_scale(struct slice from, struct slice unit, double *ret_scale) {
    char per_second[UNIT_SIZE];
    struct slice amount = {0};
    double us = 0;
    (void)snprintf(per_second, sizeof per_second, "%.*s/s", SLICE_ARG(unit));
    if (unit.n > 0 && convert(from, slice_str(per_second), ret_scale)) {
        return true;
    }
    if (!split_rate(from, &amount, &us) || !convert(amount, unit, ret_scale)) {
        return false;
    }
    *ret_scale *= (double)TM_SECOND_US / us;
    return true;
}

/* The integral's unit is value × time / per: of "L/s" it is L × (per / s), of "kW" with per h it is kWh. */
static bool total_scale(struct slice from, struct slice unit, int64_t per_us, double *ret_scale) {
    struct slice amount = {0};
    double us = 0;
    if (split_rate(unit, &amount, &us) && convert(from, amount, ret_scale)) {
        *ret_scale *= us / (double)per_us;
        return true;
    }
    char whole[UNIT_SIZE];
    (void)snprintf(whole, sizeof whole, "%.*sh", SLICE_ARG(unit));
    if (unit.n > 0 && convert(from, slice_str(whole), ret_scale)) {
        *ret_scale *= (double)TM_HOUR_US / (double)per_us;
        return true;
    }
    return false;
}

bool limit_in_unit(enum alarm_kind kind, struct quantity limit, struct slice unit, int64_t per_us,
                   double *ret_limit, const char **ret_wanted) {
    double scale = kind == ALARM_RUNTIME ? (double)TM_SECOND_US : 1;
    double offset = 0;
    bool right = true;
    *ret_wanted = "the unit of its tag, or one that converts to it";
    if (limit.unit.n > 0) {
        if (kind == ALARM_RUNTIME) {
            *ret_wanted = "ms, s, min, h or d";
            scale = time_us(limit.unit);
            right = scale > 0;
        } else if (kind == ALARM_ROC) {
            *ret_wanted = "the unit of its tag over a time (\"m/min\")";
            right = rate_scale(limit.unit, unit, &scale);
        } else if (kind == ALARM_TOTAL) {
            *ret_wanted = "that of an amount (\"m3\" of a flow in m3/h, \"kWh\" of a power in kW)";
            right = total_scale(limit.unit, unit, per_us, &scale);
        } else {
            right = unit.n > 0 && unit_convert(limit.unit, unit, &scale, &offset);
            offset = kind == ALARM_DEV ? 0 : offset; /* a difference has no zero to be moved */
        }
    }
    if (right) {
        *ret_limit = limit.value * scale + offset;
    }
    return right;
}

bool limit_of_tag(struct slice from, struct slice to, double *ret_scale, double *ret_offset) {
    if (from.n == 0 || to.n == 0) {
        *ret_scale = 1;
        *ret_offset = 0;
        return true;
    }
    return unit_convert(from, to, ret_scale, ret_offset);
}
