/* The source "modbus": polls Modbus TCP devices, and writes to them. Settings: modbus_config.h.
 *
 * Each device is asked at its own pace. A poll is a job that runs in a thread of its own, since libmodbus
 * blocks: the thread is given the job, fills in what was read, and ends; the loop then joins it and has the
 * job alone again. So nothing is shared, no device can delay another, and none can hold up the loop. A device
 * has one job at a time; writes come between two polls, first come, first served. Before a write its point is
 * read, so that it is known to go out now and not after a time of connecting; after it the point is read
 * back.
 *
 * Qualities: a point that the device says it does not have is "bad, configuration"; while a device is down
 * (device_health.h) all its tags are "bad, communication" (both without value). A poll that fails once
 * changes nothing yet. */
#ifndef PENSTOCK_GATEWAY_MODBUS_H
#define PENSTOCK_GATEWAY_MODBUS_H

#include "protocol/gateway/source.h"

extern const struct source_kind modbus_source_kind;

#endif
