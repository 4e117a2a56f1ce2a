#include "server/core/quality.h"

uint8_t quality_worse(uint8_t a, uint8_t b) {
    uint8_t worse = (a & QUALITY_CLASS_MASK) >= (b & QUALITY_CLASS_MASK) ? a : b;
    return (uint8_t)(worse | ((a | b) & QUALITY_NO_VALUE));
}

const char *quality_class_name(uint8_t q) {
    if (quality_is_bad(q)) {
        return "bad";
    }
    return quality_is_good(q) ? "good" : "uncertain";
}

const char *quality_reason_name(uint8_t q) {
    static const char *const names[] = {
        [REASON_NONE] = "none",
        [REASON_COMMS] = "comms",
        [REASON_SENSOR] = "sensor",
        [REASON_RANGE] = "range",
        [REASON_SUBSTITUTED] = "substituted",
        [REASON_TEST] = "test",
        [REASON_CLOCK] = "clock",
        [REASON_STALE] = "stale",
        [REASON_CONFIG] = "config",
        [REASON_OUT_OF_SERVICE] = "out_of_service",
        [REASON_BLOCKED] = "blocked",
        [REASON_CHATTER] = "chatter",
        [REASON_INITIAL] = "initial",
    };
    unsigned reason = q & QUALITY_REASON_MASK;
    return reason < sizeof names / sizeof names[0] ? names[reason] : "reserved";
}
