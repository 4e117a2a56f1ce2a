/* Which of the values that a source reads are worth a sample: those that moved by more than a deadband from
 * the last one that was given, that changed in quality, or whose last one is older than an interval (so that
 * a room can tell a steady value from a dead one). Pure. */
#ifndef PENSTOCK_GATEWAY_REPORT_H
#define PENSTOCK_GATEWAY_REPORT_H

#include <stdbool.h>
#include <stdint.h>

struct report_rule {
    double deadband; /* in the tag's unit; 0: every change */
    int64_t interval_us;
};

/* Zeroed: nothing was given yet. */
struct report {
    bool any;
    uint8_t quality;
    double value;
    int64_t mono_us;
};

/* True if the value is to be given, which is then remembered. value counts only with good quality. */
bool report_due(struct report *r, const struct report_rule *rule, double value, uint8_t quality,
                int64_t mono_us);

#endif
