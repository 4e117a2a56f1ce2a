/* Whether a device answers, and when to ask it again. One table: state × (answered, failed).
 *
 *     START --answered--> UP --failed--> SHAKY --failed, as often as allowed--> DOWN --answered--> UP
 *       |                  ^----answered---'                                     |  ^
 *       '-------failed-----------------------------------------------------------'--'--failed
 *
 * UP and SHAKY are asked at the device's own pace; DOWN after a pause that doubles from a second up to the
 * longest, so that a dead device costs little and a living one is found soon. Pure. */
#ifndef PENSTOCK_GATEWAY_DEVICE_HEALTH_H
#define PENSTOCK_GATEWAY_DEVICE_HEALTH_H

#include <stdint.h>

enum device_state { DEVICE_START, DEVICE_UP, DEVICE_SHAKY, DEVICE_DOWN };
enum device_event { DEVICE_ANSWERED, DEVICE_FAILED };
/* What has to be told: all its values are unknown from now on, or it is back. */
enum device_change { DEVICE_NO_CHANGE, DEVICE_GONE_DOWN, DEVICE_COME_UP };

struct device_health {
    enum device_state state;
    uint32_t failures;     /* in a row */
    uint32_t failures_max; /* so many in a row, and it is down; 1 or more */
    int64_t poll_us;
    int64_t pause_max_us;
    int64_t pause_us; /* the present one, while it is down */
};

enum { DEVICE_PAUSE_MIN_US = 1000000 };

void device_health_init(struct device_health *h, uint32_t failures_max, int64_t poll_us,
                        int64_t pause_max_us);
enum device_change device_health_step(struct device_health *h, enum device_event event);
/* From the beginning of the last attempt to the next. */
int64_t device_health_wait_us(const struct device_health *h);

#endif
