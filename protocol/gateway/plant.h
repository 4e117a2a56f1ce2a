/* The source "plant": a station of a simulated plant (tests/plant), which tells its register map itself.
 *   {"kind": "plant", "name": "s5", "host": "127.0.0.1", "port": 15024, "poll_ms"?=500, "timeout_ms"?=1000,
 *    "writable"?=true}                 false: without the points of its map that commands may write
 *
 * It is a Modbus device that describes itself: at the start, and until it was there once, the map is read
 * from its input registers; from then on it is a source "modbus" (modbus.h) with that one device.
 *
 *     input 50000  5053 hexadecimal ("PS")
 *           50001  1, the version of this layout
 *           50002  n, 1 to PLANT_MAP_MAX: length of the map in bytes
 *           50003  the map, two bytes a register, the first in the high byte: {"tags": [TAG, …]} as in
 *                  modbus_config.h
 */
#ifndef PENSTOCK_GATEWAY_PLANT_H
#define PENSTOCK_GATEWAY_PLANT_H

#include "protocol/gateway/source.h"

enum { PLANT_MAP_AT = 50000, PLANT_MAP_MAGIC = 0x5053, PLANT_MAP_VERSION = 1, PLANT_MAP_MAX = 30000 };

extern const struct source_kind plant_source_kind;

#endif
