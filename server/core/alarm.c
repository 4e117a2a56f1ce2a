#include "server/core/alarm.h"

#include "server/base/check.h"

const char *alarm_record_kind_name(enum alarm_record_kind kind) {
    switch (kind) {
    case RECORD_RAISE:
        return "raise";
    case RECORD_RERAISE:
        return "reraise";
    case RECORD_RTN:
        return "rtn";
    case RECORD_ACK:
        return "ack";
    case RECORD_DISABLE:
        return "disable";
    case RECORD_ENABLE:
        return "enable";
    case RECORD_REMOVE:
        return "remove";
    }
    check_failed(__FILE__, __LINE__, "record kind is one of the enum");
}

bool alarm_letter_unacked(char letter) {
    return letter == ALARM_UNACKED || letter == ALARM_RETURNED_UNACKED;
}

bool alarm_letter_active(char letter) {
    return letter == ALARM_UNACKED || letter == ALARM_ACKED;
}
