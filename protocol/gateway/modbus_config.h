/* Settings of the source "modbus":
 *   {"kind": "modbus", "devices": [DEVICE, …]}
 * DEVICE: {"name": "plc1", "host": "192.0.2.10", "port"?=502, "unit"?=1,
 *          "poll_ms"?=1000, "timeout_ms"?=1000   of one request; also of connecting
 *          "failures"?=3                         so many polls in a row without an answer, and it is down
 *          "retry_s"?=30                         the longest pause between attempts while it is down
 *          "gap"?=0, "max_registers"?=125, "max_bits"?=2000   bulk reads (modbus_plan.h)
 *          "order"?="ABCD", "report_s"?=10       what its tags have unless they say otherwise
 *          "tags": [TAG, …]}
 * TAG: {"name", "unit"?, "description"?, "low"?, "high"?,
 *       "table": "coil" | "discrete" | "holding" | "input", "address": 0 to 65535,
 *       "type"?: "bit" | "int16" | "uint16" | "int32" | "uint32" | "int64" | "uint64" | "float32" | "float64"
 *                ("bit" in the tables of bits, else "uint16"),
 *       "bit"?: 0 to 15   of a register, for type "bit"
 *       "order"?: "ABCD" | "CDAB" | "BADC" | "DCBA" (modbus_point.h)
 *       "scale"?, "offset"?: value = raw * scale + offset
 *       "deadband"?=0, "report_s"?: a sample when it moved by more than that, or so long after the last one
 *       "writable"?=false}
 * Addresses count from 0, as in the protocol. */
#ifndef PENSTOCK_GATEWAY_MODBUS_CONFIG_H
#define PENSTOCK_GATEWAY_MODBUS_CONFIG_H

#include "protocol/gateway/modbus_plan.h"
#include "protocol/gateway/report.h"
#include "protocol/gateway/settings.h"

enum { MODBUS_DEVICES_MAX = 256 };

struct modbus_tag {
    struct tag_def def;
    bool writable;
    struct report_rule rule;
    double scale; /* to the tag's unit; 1 and 0 where none is given */
    double offset;
};

struct modbus_device {
    const char *name;
    const char *host;
    uint16_t port;
    uint8_t unit;
    uint32_t poll_ms;
    uint32_t timeout_ms;
    uint32_t failures;
    uint32_t retry_s;
    struct modbus_limits limits;
    enum modbus_order order;
    int64_t report_us;
    uint32_t n_tags;
    struct modbus_tag *tags;
    struct modbus_point *points; /* of the tags */
};

struct modbus_config {
    uint32_t n_devices;
    struct modbus_device *devices;
};

/* NULL after a fault. */
const void *modbus_config_read(struct settings *s, const struct place *p);
/* The list "tags" of the object at p, for a device whose other settings are there. */
void modbus_config_tags(struct settings *s, const struct place *p, struct modbus_device *d);

#endif
