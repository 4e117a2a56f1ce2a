#include "server/core/alarm_fsm.h"

#include "server/base/check.h"

static const struct alarm_row rows[] = {
    {ALARM_EVENT_ACTIVATE, 'A', 'B', RECORD_RAISE, "a new occurrence; it sounds until it is acknowledged"},
    {ALARM_EVENT_ACTIVATE, 'D', 'B', RECORD_RERAISE,
     "it came again before anybody acknowledged: a new occurrence, to be acknowledged anew"},
    {ALARM_EVENT_RETURN, 'B', 'D', RECORD_RTN, "returned to normal, nobody has acknowledged it yet"},
    {ALARM_EVENT_RETURN, 'C', 'A', RECORD_RTN, "returned to normal, was acknowledged"},
    {ALARM_EVENT_ACK, 'B', 'C', RECORD_ACK, "acknowledged, still active"},
    {ALARM_EVENT_ACK, 'D', 'A', RECORD_ACK, "acknowledged after it had returned to normal"},
    {ALARM_EVENT_DISABLE, 'A', 'Z', RECORD_DISABLE, "disabled by configuration"},
    {ALARM_EVENT_DISABLE, 'B', 'Z', RECORD_DISABLE, "disabled by configuration; the occurrence is closed"},
    {ALARM_EVENT_DISABLE, 'C', 'Z', RECORD_DISABLE, "disabled by configuration; the occurrence is closed"},
    {ALARM_EVENT_DISABLE, 'D', 'Z', RECORD_DISABLE, "disabled by configuration; the occurrence is closed"},
    {ALARM_EVENT_ENABLE, 'Z', 'A', RECORD_ENABLE, "enabled; the present value is evaluated as of now"},
    {ALARM_EVENT_ENABLE, '-', 'A', RECORD_ENABLE, "came back into the configuration; it starts anew"},
    {ALARM_EVENT_REMOVE, 'B', '-', RECORD_REMOVE, "left the configuration while it was active"},
    {ALARM_EVENT_REMOVE, 'C', '-', RECORD_REMOVE, "left the configuration while it was active"},
    {ALARM_EVENT_REMOVE, 'D', '-', RECORD_REMOVE, "left the configuration before it was acknowledged"},
    {ALARM_EVENT_REMOVE, 'Z', '-', RECORD_REMOVE, "left the configuration while it was disabled"},
};

static const struct alarm_refusal refusals[] = {
    {ALARM_EVENT_ACTIVATE, 'B', "it is active already"},
    {ALARM_EVENT_ACTIVATE, 'C', "it is active already"},
    {ALARM_EVENT_ACTIVATE, 'Z', "a disabled alarm is not evaluated"},
    {ALARM_EVENT_RETURN, 'A', "it is not active"},
    {ALARM_EVENT_RETURN, 'D', "it is not active"},
    {ALARM_EVENT_RETURN, 'Z', "a disabled alarm is not evaluated"},
    {ALARM_EVENT_ACK, 'A', "nothing waits for acknowledgement"},
    {ALARM_EVENT_ACK, 'C', "it is acknowledged already"},
    {ALARM_EVENT_ACK, 'Z', "a disabled alarm has nothing to acknowledge"},
    {ALARM_EVENT_DISABLE, 'Z', "it is disabled already"},
    {ALARM_EVENT_ENABLE, 'A', "it is enabled already"},
    {ALARM_EVENT_ENABLE, 'B', "it is enabled already"},
    {ALARM_EVENT_ENABLE, 'C', "it is enabled already"},
    {ALARM_EVENT_ENABLE, 'D', "it is enabled already"},
    {ALARM_EVENT_ACTIVATE, '-', "it is not configured"},
    {ALARM_EVENT_RETURN, '-', "it is not configured"},
    {ALARM_EVENT_ACK, '-', "it is not configured"},
    {ALARM_EVENT_DISABLE, '-', "it is not configured"},
    {ALARM_EVENT_REMOVE, '-', "it is not configured"},
    {ALARM_EVENT_REMOVE, 'A', "a normal alarm leaves without a record: the configuration's history tells"},
};

char alarm_letter(const struct alarm_facts *facts) {
    if (facts->gone) {
        return ALARM_GONE;
    }
    if (!facts->enabled) {
        return ALARM_DISABLED;
    }
    if (facts->active) {
        return facts->acked ? ALARM_ACKED : ALARM_UNACKED;
    }
    return facts->acked ? ALARM_NORMAL : ALARM_RETURNED_UNACKED;
}

bool alarm_facts_of(char letter, struct alarm_facts *ret_facts) {
    struct alarm_facts facts = {.enabled = true, .acked = true};
    switch (letter) {
    case ALARM_NORMAL:
        break;
    case ALARM_GONE:
        facts.gone = true;
        break;
    case ALARM_UNACKED:
        facts.active = true;
        facts.acked = false;
        break;
    case ALARM_ACKED:
        facts.active = true;
        break;
    case ALARM_RETURNED_UNACKED:
        facts.acked = false;
        break;
    case ALARM_DISABLED:
        facts.enabled = false;
        break;
    default: /* a char from outside, not an enum */
        return false;
    }
    *ret_facts = facts;
    return true;
}

const struct alarm_row *alarm_fsm_row(enum alarm_event event, char from) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].event == event && rows[i].from == from) {
            return &rows[i];
        }
    }
    return NULL;
}

static void change(struct alarm_facts *facts, enum alarm_event event) {
    switch (event) {
    case ALARM_EVENT_ACTIVATE:
        facts->active = true;
        facts->acked = false;
        break;
    case ALARM_EVENT_RETURN:
        facts->active = false;
        break;
    case ALARM_EVENT_ACK:
        facts->acked = true;
        break;
    case ALARM_EVENT_DISABLE:
        *facts = (struct alarm_facts){.enabled = false, .acked = true};
        break;
    case ALARM_EVENT_ENABLE:
        *facts = (struct alarm_facts){.enabled = true, .acked = true};
        break;
    case ALARM_EVENT_REMOVE:
        facts->gone = true;
        break;
    }
}

void alarm_fsm_apply(struct alarm_facts *facts, enum alarm_event event) {
    const struct alarm_row *row = alarm_fsm_row(event, alarm_letter(facts));
    CHECK(row != NULL);
    change(facts, event);
    CHECK(alarm_letter(facts) == row->to);
}

const struct alarm_row *alarm_fsm_rows(size_t *ret_n) {
    *ret_n = sizeof rows / sizeof rows[0];
    return rows;
}

const struct alarm_refusal *alarm_fsm_refusals(size_t *ret_n) {
    *ret_n = sizeof refusals / sizeof refusals[0];
    return refusals;
}
