#include "server/core/alarm.h"

#include "server/base/check.h"

static const char *const record_kinds[RECORD_KINDS] = {
    [RECORD_RAISE] = "raise",
    [RECORD_RERAISE] = "reraise",
    [RECORD_RTN] = "rtn",
    [RECORD_ACK] = "ack",
    [RECORD_CONFIRM] = "confirm",
    [RECORD_RESET] = "reset",
    [RECORD_SHELVE] = "shelve",
    [RECORD_UNSHELVE] = "unshelve",
    [RECORD_SUPPRESS] = "suppress",
    [RECORD_UNSUPPRESS] = "unsuppress",
    [RECORD_OOS_ON] = "oos_on",
    [RECORD_OOS_OFF] = "oos_off",
    [RECORD_DISABLE] = "disable",
    [RECORD_ENABLE] = "enable",
    [RECORD_REMOVE] = "remove",
    [RECORD_PRIO] = "prio",
    [RECORD_ESCALATE] = "escalate",
    [RECORD_REANNOUNCE] = "reannounce",
    [RECORD_HIST_RAISE] = "hist_raise",
    [RECORD_HIST_RTN] = "hist_rtn",
    [RECORD_HIST_SKIPPED] = "hist_skipped",
    [RECORD_QUALITY] = "quality",
    [RECORD_COMMENT] = "comment",
    [RECORD_ZERO] = "zero",
};

static const char *const causes[ALARM_CAUSES] = {
    [CAUSE_SAMPLE] = "sample", [CAUSE_TIMER] = "timer",     [CAUSE_OPERATOR] = "operator",
    [CAUSE_CONFIG] = "config", [CAUSE_RESTART] = "restart", [CAUSE_HISTORY] = "history",
    [CAUSE_LINK] = "link",
};

static const char *const asks[ALARM_ASKS] = {
    [ALARM_ASK_ACK] = "ack",
    [ALARM_ASK_CONFIRM] = "confirm",
    [ALARM_ASK_RESET] = "reset",
    [ALARM_ASK_SHELVE] = "shelve",
    [ALARM_ASK_UNSHELVE] = "unshelve",
    [ALARM_ASK_SUPPRESS] = "suppress",
    [ALARM_ASK_UNSUPPRESS] = "unsuppress",
    [ALARM_ASK_OOS] = "oos",
    [ALARM_ASK_IN_SERVICE] = "in_service",
    [ALARM_ASK_DISABLE] = "disable",
    [ALARM_ASK_ENABLE] = "enable",
    [ALARM_ASK_COMMENT] = "comment",
    [ALARM_ASK_ZERO] = "zero",
};

struct reply_words {
    const char *name;
    const char *text;
};

static const struct reply_words replies[ALARM_REPLIES] = {
    [ALARM_OK] = {"OK", "done"},
    [ALARM_ALREADY] = {"ALREADY", "somebody did that already; nothing was changed"},
    [ALARM_STALE_CALL] = {"STALE_CALL", "the alarm was announced anew since you saw it; look again, then "
                                        "acknowledge the newest call"},
    [ALARM_E_UNKNOWN] = {"E_UNKNOWN", "there is no such alarm; name one that is configured"},
    [ALARM_E_CALL] = {"E_CALL", "no such call was ever made; name the call that you saw"},
    [ALARM_E_COMMENT] = {"E_COMMENT", "this alarm wants a comment with its acknowledgement; write one"},
    [ALARM_E_REASON] = {"E_REASON", "a reason is needed; write one"},
    [ALARM_E_NOT_ACKED] = {"E_NOT_ACKED", "the alarm is not acknowledged yet; acknowledge it first"},
    [ALARM_E_NOT_CONFIRMED] = {"E_NOT_CONFIRMED", "its confirmation is still due; confirm it first"},
    [ALARM_E_NOT_CONFIRMABLE] = {"E_NOT_CONFIRMABLE", "this alarm is not configured to be confirmed"},
    [ALARM_E_NOT_LATCHED] = {"E_NOT_LATCHED", "the alarm is not latched, so there is nothing to reset"},
    [ALARM_E_ACTIVE] = {"E_ACTIVE", "its condition is still true; it can be reset when that has gone"},
    [ALARM_E_SHELVE_TIME] = {"E_SHELVE_TIME", "the time must be above zero and no longer than this alarm's "
                                              "longest shelf"},
    [ALARM_E_NOT_SHELVABLE] = {"E_NOT_SHELVABLE", "this alarm must not be shelved; take it out of service if "
                                                  "that is meant"},
    [ALARM_E_NOT_SHELVED] = {"E_NOT_SHELVED", "the alarm is not shelved"},
    [ALARM_E_NOT_SUPPRESSED] = {"E_NOT_SUPPRESSED", "this source does not suppress the alarm"},
    [ALARM_E_OOS] = {"E_OOS", "the alarm is out of service; put it in service first"},
    [ALARM_E_NOT_OOS] = {"E_NOT_OOS", "the alarm is in service"},
    [ALARM_E_DISABLED] = {"E_DISABLED", "the alarm is disabled by configuration; enable it first"},
    [ALARM_E_FORBIDDEN] = {"E_FORBIDDEN", "your account may not do this"},
    [ALARM_E_NO_ACCUMULATOR] = {"E_NO_ACCUMULATOR", "this alarm gathers nothing that could be set to zero"},
    [ALARM_E_FULL] = {"E_FULL",
                      "so many alarms are shelved, out of service or suppressed by hand that there is "
                      "no room for one more; end one that is not needed"},
};

const char *alarm_record_kind_name(enum alarm_record_kind kind) {
    CHECK((unsigned)kind < RECORD_KINDS);
    return record_kinds[kind];
}

const char *alarm_cause_name(enum alarm_cause cause) {
    CHECK((unsigned)cause < ALARM_CAUSES);
    return causes[cause];
}

const char *unshelve_reason_name(enum unshelve_reason reason) {
    switch (reason) {
    case UNSHELVE_NONE:
        return "";
    case UNSHELVE_OPERATOR:
        return "operator";
    case UNSHELVE_EXPIRED:
        return "expired";
    case UNSHELVE_RTN:
        return "rtn";
    }
    check_failed(__FILE__, __LINE__, "unshelve reason is one of the enum");
}

const char *alarm_reply_name(enum alarm_reply reply) {
    CHECK((unsigned)reply < ALARM_REPLIES);
    return replies[reply].name;
}

const char *alarm_reply_text(enum alarm_reply reply) {
    CHECK((unsigned)reply < ALARM_REPLIES);
    return replies[reply].text;
}

const char *alarm_ask_name(enum alarm_request_kind kind) {
    CHECK((unsigned)kind < ALARM_ASKS);
    return asks[kind];
}

bool alarm_ask_parse(struct slice text, enum alarm_request_kind *ret) {
    for (unsigned kind = 0; kind < ALARM_ASKS; kind++) {
        if (slice_is(text, asks[kind])) {
            *ret = (enum alarm_request_kind)kind;
            return true;
        }
    }
    return false;
}

bool alarm_letter_unacked(char letter) {
    return letter == ALARM_UNACKED || letter == ALARM_RETURNED_UNACKED || letter == ALARM_LATCHED_UNACKED;
}

bool alarm_letter_active(char letter) {
    return letter == ALARM_UNACKED || letter == ALARM_ACKED;
}

bool alarm_letter_hidden(char letter) {
    return letter == ALARM_SHELVED || letter == ALARM_SUPPRESSED || letter == ALARM_OUT_OF_SERVICE ||
           letter == ALARM_DISABLED;
}

char alarm_base_letter(uint16_t facts) {
    bool acked = (facts & FACT_ACKED) != 0;
    if ((facts & FACT_GONE) != 0) {
        return ALARM_GONE;
    }
    if ((facts & FACT_ENABLED) == 0) {
        return ALARM_DISABLED;
    }
    if ((facts & FACT_ACTIVE) != 0) {
        return acked ? ALARM_ACKED : ALARM_UNACKED;
    }
    if ((facts & FACT_LATCHED) != 0) {
        return acked ? ALARM_LATCHED_ACKED : ALARM_LATCHED_UNACKED;
    }
    return acked ? ALARM_NORMAL : ALARM_RETURNED_UNACKED;
}

char alarm_shown_letter(uint16_t facts) {
    if ((facts & FACT_GONE) != 0 || (facts & FACT_ENABLED) == 0) {
        return alarm_base_letter(facts);
    }
    if ((facts & FACT_OUT_OF_SERVICE) != 0) {
        return ALARM_OUT_OF_SERVICE;
    }
    if ((facts & FACT_SUPPRESSED) != 0) {
        return ALARM_SUPPRESSED;
    }
    if ((facts & FACT_SHELVED) != 0) {
        return ALARM_SHELVED;
    }
    return alarm_base_letter(facts);
}
