#include "protocol/quality_map.h"

#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

uint8_t quality_of_sparkplug(int32_t code) {
    switch (code) {
    case 192:
        return LINK_QUALITY_GOOD;
    case 0:
        return LINK_QUALITY_BAD;
    case 500:
        return LINK_QUALITY_BAD + LINK_QUALITY_STALE;
    default:
        return LINK_QUALITY_UNCERTAIN;
    }
}

uint8_t quality_of_iec104(uint8_t descriptor) {
    /* The worst first: several bits may be set, and one reason can be told. */
    static const struct {
        uint8_t bit;
        uint8_t quality;
    } rows[] = {
        {0x80, LINK_QUALITY_BAD},                                  /* IV, invalid */
        {0x40, LINK_QUALITY_BAD + LINK_QUALITY_STALE},             /* NT, not topical */
        {0x10, LINK_QUALITY_BAD + LINK_QUALITY_BLOCKED},           /* BL, blocked */
        {0x20, LINK_QUALITY_UNCERTAIN + LINK_QUALITY_SUBSTITUTED}, /* SB, substituted */
        {0x01, LINK_QUALITY_UNCERTAIN + LINK_QUALITY_RANGE},       /* OV, overflow */
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if ((descriptor & rows[i].bit) != 0) {
            return rows[i].quality;
        }
    }
    return LINK_QUALITY_GOOD;
}

uint8_t quality_of_opcua(uint32_t status) {
    /* OPC 10000-6, A.2: the upper half is the code, the lower half is about limits and overflows. */
    static const struct {
        uint16_t code;
        uint8_t reason;
    } rows[] = {
        {0x0096, LINK_QUALITY_SUBSTITUTED},    /* GoodLocalOverride */
        {0x408F, LINK_QUALITY_COMMS},          /* UncertainNoCommunicationLastUsableValue */
        {0x4090, LINK_QUALITY_STALE},          /* UncertainLastUsableValue */
        {0x4091, LINK_QUALITY_SUBSTITUTED},    /* UncertainSubstituteValue */
        {0x4092, LINK_QUALITY_INITIAL},        /* UncertainInitialValue */
        {0x4093, LINK_QUALITY_SENSOR},         /* UncertainSensorNotAccurate */
        {0x4094, LINK_QUALITY_RANGE},          /* UncertainEngineeringUnitsExceeded */
        {0x8005, LINK_QUALITY_COMMS},          /* BadCommunicationError */
        {0x800A, LINK_QUALITY_COMMS},          /* BadTimeout */
        {0x8031, LINK_QUALITY_COMMS},          /* BadNoCommunication */
        {0x8032, LINK_QUALITY_INITIAL},        /* BadWaitingForInitialData */
        {0x8089, LINK_QUALITY_CONFIGURATION},  /* BadConfigurationError */
        {0x808A, LINK_QUALITY_COMMS},          /* BadNotConnected */
        {0x808B, LINK_QUALITY_SENSOR},         /* BadDeviceFailure */
        {0x808C, LINK_QUALITY_SENSOR},         /* BadSensorFailure */
        {0x808D, LINK_QUALITY_OUT_OF_SERVICE}, /* BadOutOfService */
    };
    static const uint8_t classes[] = {LINK_QUALITY_GOOD, LINK_QUALITY_UNCERTAIN, LINK_QUALITY_BAD,
                                      LINK_QUALITY_BAD};
    uint16_t code = (uint16_t)(status >> 16);
    uint8_t class = classes[status >> 30];
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].code == code) {
            /* A value that a person put in is told as such, though OPC UA calls it good. */
            uint8_t least = rows[i].reason == LINK_QUALITY_SUBSTITUTED ? LINK_QUALITY_UNCERTAIN : class;
            return (uint8_t)(least + rows[i].reason);
        }
    }
    return class;
}
