/* The quality byte of a sample, and what it is for sources that speak other protocols (protocol/README.md,
 * "Quality"). Pure. A source that gives no value with a quality sets LINK_QUALITY_NO_VALUE besides. */
#ifndef PENSTOCK_PROTOCOL_QUALITY_MAP_H
#define PENSTOCK_PROTOCOL_QUALITY_MAP_H

#include <stdint.h>

/* Class and reason; they are added. */
enum link_quality {
    LINK_QUALITY_GOOD = 0x00,
    LINK_QUALITY_UNCERTAIN = 0x40,
    LINK_QUALITY_BAD = 0x80,
    LINK_QUALITY_COMMS = 1,
    LINK_QUALITY_SENSOR = 2,
    LINK_QUALITY_RANGE = 3,
    LINK_QUALITY_SUBSTITUTED = 4,
    LINK_QUALITY_TEST = 5,
    LINK_QUALITY_CLOCK = 6,
    LINK_QUALITY_STALE = 7,
    LINK_QUALITY_CONFIGURATION = 8,
    LINK_QUALITY_OUT_OF_SERVICE = 9,
    LINK_QUALITY_BLOCKED = 10,
    LINK_QUALITY_CHATTER = 11,
    LINK_QUALITY_INITIAL = 12,
};

/* The property "Quality" of a Sparkplug B metric: 0, 192, 500; any other is uncertain. */
uint8_t quality_of_sparkplug(int32_t code);
/* The quality descriptor of IEC 60870-5-104 (QDS; of SIQ and DIQ without the bits of the value). */
uint8_t quality_of_iec104(uint8_t descriptor);
/* An OPC UA status code: by its severity, with the reason of those codes that have one here. */
uint8_t quality_of_opcua(uint32_t status);

#endif
