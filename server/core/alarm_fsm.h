/* The alarm stage: the one table of transitions (IEC 62682 6.3, as facts rather than one state). A row says
 * what an event does to an alarm in a base letter, how it is acknowledged and whether it latches; what hides
 * it (shelf, suppression, out of service) is laid over that by the caller: a hidden alarm goes through the
 * same rows, but makes no sound, and what it owes is decided when it is shown again (ALARM_EVENT_LEAVE). What
 * is no row is refused: alarm_judge answers for what people ask, and the stages before never ask what has no
 * row (the test proves that the table is total). Texts are shown to people. Pure. */
#ifndef PENSTOCK_CORE_ALARM_FSM_H
#define PENSTOCK_CORE_ALARM_FSM_H

#include "server/core/alarm.h"

#include <stdbool.h>
#include <stddef.h>

enum alarm_event {
    ALARM_EVENT_ACTIVATE, /* the delay stage says: the condition held through its on-delay */
    ALARM_EVENT_RETURN,   /* … it was gone through its off-delay */
    ALARM_EVENT_ACK,
    ALARM_EVENT_CONFIRM,
    ALARM_EVENT_RESET,
    ALARM_EVENT_REANNOUNCE,
    ALARM_EVENT_ESCALATE,
    ALARM_EVENT_RISE,  /* its priority was raised by configuration, while it is shown and active */
    ALARM_EVENT_LEAVE, /* the last reason to hide it is gone */
    ALARM_EVENT_DISABLE,
    ALARM_EVENT_ENABLE,
    ALARM_EVENT_REMOVE,
};
enum { ALARM_EVENTS = ALARM_EVENT_REMOVE + 1 };

enum alarm_op {
    OP_OCC = 1,    /* a new occurrence */
    OP_CALL = 2,   /* a new annunciation */
    OP_RING = 4,   /* with sound, if the alarm is shown */
    OP_AUTO = 8,   /* the system itself acknowledges */
    OP_CLEAR = 16, /* closes everything: occurrence, latch, shelf, suppressors */
};

/* Sets of acknowledgement modes and of latching that a row is for. */
enum {
    FOR_MANUAL = 1 << ACK_MANUAL,
    FOR_AUTO = 1 << ACK_AUTO,
    FOR_NONE = 1 << ACK_NONE,
    FOR_ANY = 7,
    FOR_WAITING = 3
};
enum alarm_latching { IF_LATCHED = 1, IF_NOT_LATCHED = 2, IF_EITHER = 3 };

struct alarm_row {
    enum alarm_event event;
    char from; /* base letters */
    char to;
    uint8_t modes;
    uint8_t latching;            /* whether this occurrence is latched */
    enum alarm_record_kind kind; /* of LEAVE: the caller's */
    uint8_t ops;
    const char *text;
};

/* The row for this event in this base letter; NULL if there is none. */
const struct alarm_row *alarm_fsm_row(enum alarm_event event, char from, enum alarm_ack_mode mode,
                                      bool latched);
/* For the manual and for the test of totality. */
const struct alarm_row *alarm_fsm_rows(size_t *ret_n);

/* The facts that a base letter stands for, with everything else of `facts` as it was. */
uint16_t alarm_facts_with_base(uint16_t facts, char base);
/* Whether facts are some that an alarm can have. */
bool alarm_facts_possible(uint16_t facts);

/* What a request is judged by beside its own words. */
struct alarm_standing {
    uint16_t facts;
    uint32_t call;
    uint32_t rise_call;
    bool chatter;
    bool latches;  /* configured to */
    bool confirms; /* configured to be confirmed */
    bool wants_comment;
    bool shelvable;
    int64_t max_shelve_us;
};

/* ALARM_OK: it may be done, and changes something. Suppression is judged by the caller, who has the set. */
enum alarm_reply alarm_judge(const struct alarm_request *ask, const struct alarm_standing *standing);

#endif
