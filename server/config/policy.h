/* The site's policy for its alarms: which priority follows from how bad it gets and how soon somebody must
 * act, and what a review looks for. Defaults are those of the alarm specification's tables (severity by time,
 * 80/15/5 % distribution); the one item "alarms" of kind policy changes them. How long history is kept is the
 * item "history". */
#ifndef PENSTOCK_CONFIG_POLICY_H
#define PENSTOCK_CONFIG_POLICY_H

#include "server/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum config_severity { SEVERITY_MINOR, SEVERITY_MODERATE, SEVERITY_MAJOR, SEVERITY_SEVERE };
enum {
    CONFIG_SEVERITIES = SEVERITY_SEVERE + 1,
    CONFIG_MATRIX_STEPS = 8,
    CONFIG_PRIORITIES = 4,
    CONFIG_PRIORITY_LOWEST = CONFIG_PRIORITIES,
};

/* Who must act within so long gets an alarm of that priority. */
struct config_matrix_step {
    double within_s;
    double priority;
};

/* For each severity its steps, rising in time and falling in priority; later than the last is priority 4. */
struct config_matrix {
    struct config_matrix_step steps[CONFIG_SEVERITIES][CONFIG_MATRIX_STEPS];
    uint32_t n[CONFIG_SEVERITIES];
};

struct config_policy {
    struct config_matrix matrix;
    double distribution[CONFIG_PRIORITIES]; /* percent of all alarms that is right for priority 1 to 4 */
    double distribution_tolerance;          /* percentage points above it that are still right */
    double distribution_min_alarms;         /* fewer alarms than that have no distribution */
    double review_after_days;               /* a review is due so long after the last one */
    double silent_days;                     /* never raised for so long: is it needed? */
    struct slice keep;                      /* classes of history: list, see site_calendar.h; the item's */
    double rollup_keep_days;                /* 0: for ever */
};

/* "minor", "moderate", "major", "severe" */
const char *config_severity_name(enum config_severity severity);
struct config_policy config_policy_default(void);
/* 1 to 4 */
uint8_t config_policy_priority(const struct config_policy *p, enum config_severity severity,
                               double time_to_act_s);

#endif
