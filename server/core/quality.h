/* Quality of a value in one byte, the same on the wire, in the core and in PostgreSQL (protocol/README.md,
 * "Quality"). 0 is good. Bits 7-6: 0 good, 1 uncertain, 2 bad. Bit 5: no value goes with it. Bits 4-0: the
 * reason. Pure. */
#ifndef PENSTOCK_CORE_QUALITY_H
#define PENSTOCK_CORE_QUALITY_H

#include <stdbool.h>
#include <stdint.h>

enum {
    QUALITY_GOOD = 0x00,
    QUALITY_UNCERTAIN = 0x40,
    QUALITY_BAD = 0x80,
    QUALITY_NO_VALUE = 0x20,
    QUALITY_CLASS_MASK = 0xC0,
    QUALITY_REASON_MASK = 0x1F,
};

enum quality_reason {
    REASON_NONE = 0,
    REASON_COMMS = 1,
    REASON_SENSOR = 2,
    REASON_RANGE = 3,
    REASON_SUBSTITUTED = 4,
    REASON_TEST = 5,
    REASON_CLOCK = 6,
    REASON_STALE = 7,
    REASON_CONFIG = 8,
    REASON_OUT_OF_SERVICE = 9,
    REASON_BLOCKED = 10,
    REASON_CHATTER = 11,
    REASON_INITIAL = 12,
};

static inline bool quality_is_bad(uint8_t q) {
    return (q & QUALITY_CLASS_MASK) >= QUALITY_BAD;
}

static inline bool quality_is_good(uint8_t q) {
    return (q & QUALITY_CLASS_MASK) == QUALITY_GOOD;
}

/* The worse of two: the higher class wins, among equals the first one's reason stays. A missing value stays
 * missing. */
uint8_t quality_worse(uint8_t a, uint8_t b);
/* "good", "uncertain", "bad" */
const char *quality_class_name(uint8_t q);
/* "comms", "sensor", …; "none" for 0, "reserved" for a reason of a later version */
const char *quality_reason_name(uint8_t q);

#endif
