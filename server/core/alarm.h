/* One alarm's life after ISA-18.2 / IEC 62682: facts are kept, the letter that is shown is derived from them.
 * Three pure stages (condition, delay, alarm) and one transition table. Time and evidence are parameters;
 * each change is one record. */
#ifndef PENSTOCK_CORE_ALARM_H
#define PENSTOCK_CORE_ALARM_H

#include "server/core/model.h"

#include <stdbool.h>
#include <stdint.h>

/* Shown letters (the standard's states). */
enum alarm_letter {
    ALARM_NORMAL = 'A',
    ALARM_UNACKED = 'B',
    ALARM_ACKED = 'C',
    ALARM_RETURNED_UNACKED = 'D',
    ALARM_DISABLED = 'Z',
    ALARM_GONE = '-', /* left the configuration while it was not normal; only in records */
};

enum alarm_record_kind {
    RECORD_RAISE,   /* from A */
    RECORD_RERAISE, /* from D: a new occurrence, to be acknowledged anew */
    RECORD_RTN,     /* return to normal */
    RECORD_ACK,
    RECORD_DISABLE,
    RECORD_ENABLE, /* also from `-`: it came back into the configuration */
    RECORD_REMOVE, /* the alarm left the configuration while it was not in A */
};
enum { RECORD_KINDS = RECORD_REMOVE + 1 };

enum { ALARM_ACTOR_SIZE = 64, ALARM_COMMENT_SIZE = 256 };

/* One line of the alarm journal; all facts after the transition, so that the newest record restores an alarm.
 * By value. */
struct alarm_record {
    uint64_t seq; /* place in the whole journal, from 1, gapless */
    uint64_t n;   /* place in this alarm's own history, from 1, gapless */
    int64_t alarm_key;
    int64_t site_key;
    int64_t tag_key;   /* 0 for a comm alarm */
    int64_t revision;  /* of the alarm's setting that was in force */
    int64_t src_us;    /* when it happened at the source */
    int64_t at_us;     /* when the room knew: server time, never falls */
    int64_t raised_us; /* src of the newest activation; 0 if there was none yet */
    double value;      /* NaN if there is none */
    double limit;      /* NaN where the kind has none */
    int64_t actor_key; /* user, 0 for the system itself */
    uint32_t alarm;    /* index in the present model; MODEL_NONE if removed */
    uint32_t occ;      /* occurrence: +1 at each activation */
    uint32_t call; /* annunciation: +1 at each activation; an acknowledgement names the call that was seen */
    enum alarm_record_kind kind;
    char from;
    char to;
    uint8_t priority;
    uint8_t quality;
    char actor[ALARM_ACTOR_SIZE];
    char comment[ALARM_COMMENT_SIZE];
};

/* What is shown of an alarm now. */
struct alarm_view {
    char letter;
    bool untrusted; /* an input is unknown: bad, link down, not yet seen */
    uint8_t priority;
    uint32_t occ;
    uint32_t call;
    uint64_t n;
    int64_t raised_us;  /* source time of the newest activation */
    int64_t changed_us; /* server time of the newest record */
    double value;       /* at the newest activation */
    int64_t acked_us;   /* 0 if it waits */
    char acked_by[ALARM_ACTOR_SIZE];
};

/* "raise", "reraise", "rtn", "ack", "disable", "enable", "remove" */
const char *alarm_record_kind_name(enum alarm_record_kind kind);
/* Waits for a person: B or D. */
bool alarm_letter_unacked(char letter);
/* Condition true after its delay: B or C. */
bool alarm_letter_active(char letter);

#endif
