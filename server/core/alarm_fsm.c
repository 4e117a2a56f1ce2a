#include "server/core/alarm_fsm.h"

#include "server/base/check.h"

static const struct alarm_row rows[] = {
    {ALARM_EVENT_ACTIVATE, 'A', 'B', FOR_WAITING, IF_EITHER, RECORD_RAISE, OP_OCC | OP_CALL | OP_RING,
     "a new occurrence; it sounds until somebody acknowledges or it returns"},
    {ALARM_EVENT_ACTIVATE, 'D', 'B', FOR_WAITING, IF_EITHER, RECORD_RERAISE, OP_OCC | OP_CALL | OP_RING,
     "it came again before anybody acknowledged: a new occurrence, to be acknowledged anew"},
    {ALARM_EVENT_ACTIVATE, 'E', 'B', FOR_WAITING, IF_EITHER, RECORD_RERAISE, OP_OCC | OP_CALL | OP_RING,
     "it came again while latched and unacknowledged: a new occurrence"},
    {ALARM_EVENT_ACTIVATE, 'F', 'B', FOR_WAITING, IF_EITHER, RECORD_RERAISE, OP_OCC | OP_CALL | OP_RING,
     "it came again before it was reset: a new occurrence, to be acknowledged anew"},
    {ALARM_EVENT_ACTIVATE, 'A', 'C', FOR_NONE, IF_EITHER, RECORD_RAISE, OP_OCC | OP_CALL,
     "a notification: it waits for nobody and makes no sound"},
    {ALARM_EVENT_ACTIVATE, 'D', 'C', FOR_NONE, IF_EITHER, RECORD_RERAISE, OP_OCC | OP_CALL,
     "a notification since its configuration was changed"},
    {ALARM_EVENT_ACTIVATE, 'E', 'C', FOR_NONE, IF_EITHER, RECORD_RERAISE, OP_OCC | OP_CALL,
     "a notification since its configuration was changed"},
    {ALARM_EVENT_ACTIVATE, 'F', 'C', FOR_NONE, IF_EITHER, RECORD_RERAISE, OP_OCC | OP_CALL,
     "a notification since its configuration was changed"},

    {ALARM_EVENT_RETURN, 'B', 'D', FOR_MANUAL, IF_NOT_LATCHED, RECORD_RTN, 0,
     "returned to normal, nobody has acknowledged it yet"},
    {ALARM_EVENT_RETURN, 'B', 'E', FOR_MANUAL, IF_LATCHED, RECORD_RTN, 0,
     "the process is normal, but it stays latched and unacknowledged"},
    {ALARM_EVENT_RETURN, 'B', 'A', FOR_AUTO | FOR_NONE, IF_NOT_LATCHED, RECORD_RTN, OP_AUTO,
     "returned to normal, which acknowledges it"},
    {ALARM_EVENT_RETURN, 'B', 'F', FOR_AUTO | FOR_NONE, IF_LATCHED, RECORD_RTN, OP_AUTO,
     "the process is normal, which acknowledges it; it stays latched until it is reset"},
    {ALARM_EVENT_RETURN, 'C', 'A', FOR_ANY, IF_NOT_LATCHED, RECORD_RTN, 0,
     "returned to normal, was acknowledged"},
    {ALARM_EVENT_RETURN, 'C', 'F', FOR_ANY, IF_LATCHED, RECORD_RTN, 0,
     "the process is normal; it stays latched until it is reset"},

    {ALARM_EVENT_ACK, 'B', 'C', FOR_ANY, IF_EITHER, RECORD_ACK, 0, "acknowledged, still active"},
    {ALARM_EVENT_ACK, 'D', 'A', FOR_ANY, IF_EITHER, RECORD_ACK, 0,
     "acknowledged after it had returned to normal"},
    {ALARM_EVENT_ACK, 'E', 'F', FOR_ANY, IF_EITHER, RECORD_ACK, 0,
     "acknowledged; it stays latched until it is reset"},

    {ALARM_EVENT_CONFIRM, 'A', 'A', FOR_ANY, IF_EITHER, RECORD_CONFIRM, 0, "confirmed after it had returned"},
    {ALARM_EVENT_CONFIRM, 'C', 'C', FOR_ANY, IF_EITHER, RECORD_CONFIRM, 0, "confirmed while it is active"},
    {ALARM_EVENT_CONFIRM, 'F', 'F', FOR_ANY, IF_EITHER, RECORD_CONFIRM, 0, "confirmed; it may be reset now"},

    {ALARM_EVENT_RESET, 'F', 'A', FOR_ANY, IF_EITHER, RECORD_RESET, 0, "the latch was released"},

    {ALARM_EVENT_REANNOUNCE, 'B', 'B', FOR_WAITING, IF_EITHER, RECORD_REANNOUNCE, OP_CALL | OP_RING,
     "announced anew: it stands and nobody has acknowledged it"},
    {ALARM_EVENT_REANNOUNCE, 'C', 'B', FOR_WAITING, IF_EITHER, RECORD_REANNOUNCE, OP_CALL | OP_RING,
     "announced anew: it still stands, and is to be acknowledged anew"},

    {ALARM_EVENT_ESCALATE, 'B', 'B', FOR_WAITING, IF_EITHER, RECORD_ESCALATE, OP_CALL | OP_RING,
     "nobody acknowledged it in time: its priority rises for this occurrence"},

    {ALARM_EVENT_RISE, 'B', 'B', FOR_WAITING, IF_EITHER, RECORD_PRIO, OP_CALL | OP_RING,
     "its priority was raised by configuration"},
    {ALARM_EVENT_RISE, 'C', 'B', FOR_WAITING, IF_EITHER, RECORD_PRIO, OP_CALL | OP_RING,
     "its priority was raised by configuration: something less was acknowledged, so it is to be done anew"},

    {ALARM_EVENT_LEAVE, 'A', 'A', FOR_ANY, IF_EITHER, RECORD_UNSHELVE, 0, "shown again; it is normal"},
    {ALARM_EVENT_LEAVE, 'B', 'B', FOR_WAITING, IF_EITHER, RECORD_UNSHELVE, OP_CALL | OP_RING,
     "shown again while active: announced"},
    {ALARM_EVENT_LEAVE, 'C', 'B', FOR_WAITING, IF_EITHER, RECORD_UNSHELVE, OP_CALL | OP_RING,
     "shown again while active: announced anew, whatever it was before"},
    {ALARM_EVENT_LEAVE, 'C', 'C', FOR_NONE, IF_EITHER, RECORD_UNSHELVE, OP_CALL,
     "shown again; a notification"},
    {ALARM_EVENT_LEAVE, 'B', 'C', FOR_NONE, IF_EITHER, RECORD_UNSHELVE, OP_CALL | OP_AUTO,
     "shown again; a notification since its configuration was changed"},
    {ALARM_EVENT_LEAVE, 'D', 'A', FOR_ANY, IF_EITHER, RECORD_UNSHELVE, OP_AUTO,
     "shown again; what happened while it was hidden needs no acknowledgement"},
    {ALARM_EVENT_LEAVE, 'E', 'E', FOR_ANY, IF_EITHER, RECORD_UNSHELVE, 0,
     "shown again; latched and unacknowledged"},
    {ALARM_EVENT_LEAVE, 'F', 'F', FOR_ANY, IF_EITHER, RECORD_UNSHELVE, 0, "shown again; latched"},

    {ALARM_EVENT_DISABLE, 'A', 'Z', FOR_ANY, IF_EITHER, RECORD_DISABLE, OP_CLEAR,
     "disabled by configuration"},
    {ALARM_EVENT_DISABLE, 'B', 'Z', FOR_ANY, IF_EITHER, RECORD_DISABLE, OP_CLEAR,
     "disabled by configuration; the occurrence is closed"},
    {ALARM_EVENT_DISABLE, 'C', 'Z', FOR_ANY, IF_EITHER, RECORD_DISABLE, OP_CLEAR,
     "disabled by configuration; the occurrence is closed"},
    {ALARM_EVENT_DISABLE, 'D', 'Z', FOR_ANY, IF_EITHER, RECORD_DISABLE, OP_CLEAR,
     "disabled by configuration; the occurrence is closed"},
    {ALARM_EVENT_DISABLE, 'E', 'Z', FOR_ANY, IF_EITHER, RECORD_DISABLE, OP_CLEAR,
     "disabled by configuration; the occurrence and the latch are closed"},
    {ALARM_EVENT_DISABLE, 'F', 'Z', FOR_ANY, IF_EITHER, RECORD_DISABLE, OP_CLEAR,
     "disabled by configuration; the latch is closed"},
    {ALARM_EVENT_ENABLE, 'Z', 'A', FOR_ANY, IF_EITHER, RECORD_ENABLE, OP_CLEAR,
     "enabled; the present value is evaluated as of now"},
    {ALARM_EVENT_ENABLE, '-', 'A', FOR_ANY, IF_EITHER, RECORD_ENABLE, OP_CLEAR,
     "came back into the configuration; it starts anew"},
    {ALARM_EVENT_REMOVE, 'A', '-', FOR_ANY, IF_EITHER, RECORD_REMOVE, OP_CLEAR,
     "left the configuration while it was hidden, or its confirmation due"},
    {ALARM_EVENT_REMOVE, 'B', '-', FOR_ANY, IF_EITHER, RECORD_REMOVE, OP_CLEAR,
     "left the configuration while it was active"},
    {ALARM_EVENT_REMOVE, 'C', '-', FOR_ANY, IF_EITHER, RECORD_REMOVE, OP_CLEAR,
     "left the configuration while it was active"},
    {ALARM_EVENT_REMOVE, 'D', '-', FOR_ANY, IF_EITHER, RECORD_REMOVE, OP_CLEAR,
     "left the configuration before it was acknowledged"},
    {ALARM_EVENT_REMOVE, 'E', '-', FOR_ANY, IF_EITHER, RECORD_REMOVE, OP_CLEAR,
     "left the configuration while it was latched"},
    {ALARM_EVENT_REMOVE, 'F', '-', FOR_ANY, IF_EITHER, RECORD_REMOVE, OP_CLEAR,
     "left the configuration while it was latched"},
    {ALARM_EVENT_REMOVE, 'Z', '-', FOR_ANY, IF_EITHER, RECORD_REMOVE, OP_CLEAR,
     "left the configuration while it was disabled"},
};

const struct alarm_row *alarm_fsm_row(enum alarm_event event, char from, enum alarm_ack_mode mode,
                                      bool latched) {
    unsigned latching = latched ? IF_LATCHED : IF_NOT_LATCHED;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].event == event && rows[i].from == from && (rows[i].modes & (1U << mode)) != 0 &&
            (rows[i].latching & latching) != 0) {
            return &rows[i];
        }
    }
    return NULL;
}

const struct alarm_row *alarm_fsm_rows(size_t *ret_n) {
    *ret_n = sizeof rows / sizeof rows[0];
    return rows;
}

uint16_t alarm_facts_with_base(uint16_t facts, char base) {
    unsigned kept = facts & ~(unsigned)(FACT_ENABLED | FACT_GONE | FACT_ACTIVE | FACT_ACKED);
    switch (base) {
    case ALARM_NORMAL:
        return (uint16_t)((kept & ~(unsigned)FACT_LATCHED) | FACT_ENABLED | FACT_ACKED);
    case ALARM_UNACKED:
        return (uint16_t)(kept | FACT_ENABLED | FACT_ACTIVE);
    case ALARM_ACKED:
        return (uint16_t)(kept | FACT_ENABLED | FACT_ACTIVE | FACT_ACKED);
    case ALARM_RETURNED_UNACKED:
        return (uint16_t)((kept & ~(unsigned)FACT_LATCHED) | FACT_ENABLED);
    case ALARM_LATCHED_UNACKED:
        return (uint16_t)(kept | FACT_ENABLED | FACT_LATCHED);
    case ALARM_LATCHED_ACKED:
        return (uint16_t)(kept | FACT_ENABLED | FACT_LATCHED | FACT_ACKED);
    case ALARM_DISABLED:
        return (uint16_t)(kept | FACT_ACKED);
    case ALARM_GONE:
        return (uint16_t)(kept | FACT_ACKED | FACT_GONE);
    default: /* a char, not an enum */
        check_failed(__FILE__, __LINE__, "base letter is one of the standard's");
    }
}

bool alarm_facts_possible(uint16_t facts) {
    static const unsigned all = FACT_ENABLED | FACT_ACTIVE | FACT_ACKED | FACT_LATCHED | FACT_CONFIRM_DUE |
                                FACT_OUT_OF_SERVICE | FACT_SHELVED | FACT_ONE_SHOT | FACT_SUPPRESSED |
                                FACT_GONE | FACT_ESCALATES;
    static const unsigned nothing = FACT_ACKED | FACT_GONE;
    if ((facts & ~all) != 0) {
        return false;
    }
    if ((facts & FACT_ENABLED) == 0 || (facts & FACT_GONE) != 0) {
        return (facts & ~nothing) == 0 && (facts & FACT_ACKED) != 0;
    }
    return (facts & FACT_ONE_SHOT) == 0 || (facts & FACT_SHELVED) != 0;
}

/* --- what people ask --- */

static bool has(const struct alarm_standing *s, enum alarm_fact fact) {
    return (s->facts & fact) != 0;
}

static bool is_empty(const char *text) {
    return text == NULL || text[0] == '\0';
}

/* While it chatters, nobody could ever hit the newest call: one that he saw before is good enough, if the
 * priority has not risen since. */
static bool is_stale(const struct alarm_request *ask, const struct alarm_standing *s) {
    return ask->call < s->call && (!s->chatter || ask->call < s->rise_call);
}

static enum alarm_reply judge_ack(const struct alarm_request *ask, const struct alarm_standing *s) {
    if (ask->call < 1 || ask->call > s->call) {
        return ALARM_E_CALL;
    }
    if (has(s, FACT_ACKED)) {
        return ALARM_ALREADY;
    }
    if (is_stale(ask, s)) {
        return ALARM_STALE_CALL;
    }
    return s->wants_comment && is_empty(ask->comment) ? ALARM_E_COMMENT : ALARM_OK;
}

static enum alarm_reply judge_confirm(const struct alarm_standing *s) {
    if (!has(s, FACT_CONFIRM_DUE)) {
        return s->confirms ? ALARM_ALREADY : ALARM_E_NOT_CONFIRMABLE;
    }
    return has(s, FACT_ACKED) ? ALARM_OK : ALARM_E_NOT_ACKED;
}

static enum alarm_reply judge_reset(const struct alarm_standing *s) {
    if (!has(s, FACT_LATCHED)) {
        return ALARM_E_NOT_LATCHED;
    }
    if (has(s, FACT_ACTIVE)) {
        return ALARM_E_ACTIVE;
    }
    if (!has(s, FACT_ACKED)) {
        return ALARM_E_NOT_ACKED;
    }
    return has(s, FACT_CONFIRM_DUE) ? ALARM_E_NOT_CONFIRMED : ALARM_OK;
}

static enum alarm_reply judge_shelve(const struct alarm_request *ask, const struct alarm_standing *s) {
    if (has(s, FACT_OUT_OF_SERVICE)) {
        return ALARM_E_OOS;
    }
    if (!s->shelvable) {
        return ALARM_E_NOT_SHELVABLE;
    }
    if (is_empty(ask->comment)) {
        return ALARM_E_REASON;
    }
    bool open = ask->one_shot && ask->duration_us == 0;
    if (!open && (ask->duration_us <= 0 || ask->duration_us > s->max_shelve_us)) {
        return ALARM_E_SHELVE_TIME;
    }
    return ALARM_OK;
}

static enum alarm_reply judge_oos(const struct alarm_request *ask, const struct alarm_standing *s) {
    if (has(s, FACT_OUT_OF_SERVICE)) {
        return ALARM_ALREADY;
    }
    return is_empty(ask->comment) ? ALARM_E_REASON : ALARM_OK;
}

enum alarm_reply alarm_judge(const struct alarm_request *ask, const struct alarm_standing *s) {
    if (has(s, FACT_GONE)) {
        return ALARM_E_UNKNOWN;
    }
    if (ask->kind == ALARM_ASK_ENABLE) {
        return has(s, FACT_ENABLED) ? ALARM_ALREADY : ALARM_OK;
    }
    if (!has(s, FACT_ENABLED)) {
        return ask->kind == ALARM_ASK_DISABLE ? ALARM_ALREADY : ALARM_E_DISABLED;
    }
    switch (ask->kind) {
    case ALARM_ASK_ACK:
        return judge_ack(ask, s);
    case ALARM_ASK_CONFIRM:
        return judge_confirm(s);
    case ALARM_ASK_RESET:
        return judge_reset(s);
    case ALARM_ASK_SHELVE:
        return judge_shelve(ask, s);
    case ALARM_ASK_UNSHELVE:
        return has(s, FACT_SHELVED) ? ALARM_OK : ALARM_E_NOT_SHELVED;
    case ALARM_ASK_OOS:
        return judge_oos(ask, s);
    case ALARM_ASK_IN_SERVICE:
        return has(s, FACT_OUT_OF_SERVICE) ? ALARM_OK : ALARM_E_NOT_OOS;
    case ALARM_ASK_COMMENT:
        return is_empty(ask->comment) ? ALARM_E_COMMENT : ALARM_OK;
    case ALARM_ASK_SUPPRESS:
    case ALARM_ASK_UNSUPPRESS:
    case ALARM_ASK_DISABLE:
    case ALARM_ASK_ENABLE:
    case ALARM_ASK_ZERO:
        return ALARM_OK;
    }
    check_failed(__FILE__, __LINE__, "request is one of the enum");
}
