/* What a gateway tells of itself, by samples under names that begin with "_gateway." (protocol/README.md,
 * DICT). Kept as it is now for every gateway, whether or not the configuration has tags of these names.
 * Pure, bounded: devices beyond the maximum are left out. */
#ifndef PENSTOCK_CORE_GATEWAY_HEALTH_H
#define PENSTOCK_CORE_GATEWAY_HEALTH_H

#include "server/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum gateway_figure {
    GATEWAY_LINK,
    GATEWAY_BUFFER_RECORDS,
    GATEWAY_BUFFER_BYTES,
    GATEWAY_OLDEST_S,
    GATEWAY_LOST,
    GATEWAY_CLOCK_OFFSET_MS,
    GATEWAY_CERTIFICATE_DAYS,
};
enum {
    GATEWAY_FIGURES = GATEWAY_CERTIFICATE_DAYS + 1,
    GATEWAY_DEVICES_MAX = 64,
    GATEWAY_DEVICE_NAME_MAX = 64,
};

struct gateway_device {
    char name[GATEWAY_DEVICE_NAME_MAX + 1];
    bool up;
};

struct gateway_health {
    int64_t at_us;               /* when it was told something last; 0: never */
    bool known[GATEWAY_FIGURES]; /* false: not told, or not known to the gateway */
    int64_t figures[GATEWAY_FIGURES];
    int64_t told_us[GATEWAY_FIGURES]; /* source time of each, by the gateway's clock; 0: never told */
    uint32_t n_devices;
    struct gateway_device devices[GATEWAY_DEVICES_MAX]; /* as they were told of first */
};

/* True for all names that are kept for this. */
bool gateway_health_is_name(struct slice name);
/* "link", "buffer_records", …: the name behind the prefix. */
const char *gateway_figure_name(enum gateway_figure figure);
/* A sample of t_us under such a name that was received now; value: NULL if it has none. In order of receipt:
 * the gateway's clock may be wrong, and be set back. Names of no figure and no device change nothing. */
void gateway_health_take(struct gateway_health *h, struct slice name, const double *value, int64_t t_us,
                         int64_t now_us);
/* Source time, to be on the safe side, of the oldest sample that waits at the gateway, as it told at
 * told_us[GATEWAY_OLDEST_S]; 0: none waited, or it did not tell. */
int64_t gateway_health_oldest_us(const struct gateway_health *h);

#endif
