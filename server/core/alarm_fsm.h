/* The alarm stage: facts of one alarm, the letter that is derived from them, and the one table of transitions
 * (IEC 62682 6.3, as a set of facts rather than one state). A row is one journal record; what is no row is a
 * listed refusal, so that nothing is left to chance (the test proves that the two lists are total). Texts are
 * shown to people. Pure. */
#ifndef PENSTOCK_CORE_ALARM_FSM_H
#define PENSTOCK_CORE_ALARM_FSM_H

#include "server/core/alarm.h"

#include <stdbool.h>
#include <stddef.h>

enum alarm_event {
    ALARM_EVENT_ACTIVATE, /* the delay stage says: the condition held through its on-delay */
    ALARM_EVENT_RETURN,   /* … it was gone through its off-delay */
    ALARM_EVENT_ACK,
    ALARM_EVENT_DISABLE,
    ALARM_EVENT_ENABLE,
    ALARM_EVENT_REMOVE,
};
enum { ALARM_EVENTS = ALARM_EVENT_REMOVE + 1 };

/* Kept facts. A new occurrence is not acknowledged; an alarm without one has nothing to acknowledge. */
struct alarm_facts {
    bool enabled;
    bool gone; /* left the configuration */
    bool active;
    bool acked;
};

struct alarm_row {
    enum alarm_event event;
    char from;
    char to;
    enum alarm_record_kind kind;
    const char *text;
};

struct alarm_refusal {
    enum alarm_event event;
    char from;
    const char *text;
};

char alarm_letter(const struct alarm_facts *facts);
/* The facts that give this letter; false if it is none. */
bool alarm_facts_of(char letter, struct alarm_facts *ret_facts);
/* The row for this event in this letter; NULL if it is refused. */
const struct alarm_row *alarm_fsm_row(enum alarm_event event, char from);
/* Changes the facts as the event says. There must be a row. */
void alarm_fsm_apply(struct alarm_facts *facts, enum alarm_event event);

/* For the manual and for the test of totality. */
const struct alarm_row *alarm_fsm_rows(size_t *ret_n);
const struct alarm_refusal *alarm_fsm_refusals(size_t *ret_n);

#endif
