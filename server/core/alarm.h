/* One alarm's life after ISA-18.2 / IEC 62682: facts are kept, the letter that is shown is derived from them.
 * Three pure stages (condition, delay, alarm); each change is one record of the journal, and the live state
 * is the fold of the journal: core_new makes it from the records alone. */
#ifndef PENSTOCK_CORE_ALARM_H
#define PENSTOCK_CORE_ALARM_H

#include "server/core/model.h"

#include <stdbool.h>
#include <stdint.h>

/* Shown letters (the standard's states). A to F are also base letters: what would be shown if nothing hid the
 * alarm. */
enum alarm_letter {
    ALARM_NORMAL = 'A',
    ALARM_UNACKED = 'B',
    ALARM_ACKED = 'C',
    ALARM_RETURNED_UNACKED = 'D',
    ALARM_LATCHED_UNACKED = 'E',
    ALARM_LATCHED_ACKED = 'F',
    ALARM_SHELVED = 'G',
    ALARM_SUPPRESSED = 'H',
    ALARM_OUT_OF_SERVICE = 'I',
    ALARM_DISABLED = 'Z',
    ALARM_GONE = '-', /* left the configuration while it was not normal; only in records */
};

enum alarm_record_kind {
    RECORD_RAISE,   /* a new occurrence, from A */
    RECORD_RERAISE, /* … from D, E, F: to be acknowledged anew */
    RECORD_RTN,     /* return to normal */
    RECORD_ACK,
    RECORD_CONFIRM,
    RECORD_RESET,
    RECORD_SHELVE,
    RECORD_UNSHELVE,
    RECORD_SUPPRESS,
    RECORD_UNSUPPRESS,
    RECORD_OOS_ON,
    RECORD_OOS_OFF,
    RECORD_DISABLE,
    RECORD_ENABLE, /* also from `-`: it came back into the configuration */
    RECORD_REMOVE, /* the alarm left the configuration while it was not in A */
    RECORD_PRIO,
    RECORD_ESCALATE,
    RECORD_REANNOUNCE,
    RECORD_HIST_RAISE, /* told by stored samples only: history, changes nothing */
    RECORD_HIST_RTN,
    RECORD_HIST_SKIPPED, /* stored samples that this rule cannot be judged by */
    RECORD_QUALITY,      /* an input became unknown, or known again, while the alarm was not in A */
    RECORD_COMMENT,
    RECORD_ZERO, /* the accumulator of a runtime or total alarm was set to zero */
};
enum { RECORD_KINDS = RECORD_ZERO + 1 };

enum alarm_record_flag {
    RECORD_HIDDEN = 1, /* the letter after it is G, H, I or Z */
    RECORD_CHATTER = 2,
    RECORD_FIRST = 4,    /* first of its group */
    RECORD_AUTO = 8,     /* acknowledged by the system itself */
    RECORD_SUSPECT = 16, /* the source's time was not believed */
    RECORD_NOTIFY = 32,  /* acknowledgement none: a notification, not an alarm */
    RECORD_TEST = 64,
    RECORD_RING = 128,      /* this record starts the sound */
    RECORD_UNTRUSTED = 256, /* an input is unknown */
    RECORD_UNCERTAIN = 512, /* an input was uncertain */
    RECORD_ONE_SHOT = 1024, /* of a shelf: it ends with the return to normal, too */
};

/* The facts after the transition, so that the newest record restores them. */
enum alarm_fact {
    FACT_ENABLED = 1,
    FACT_ACTIVE = 2,
    FACT_ACKED = 4,
    FACT_LATCHED = 8,
    FACT_CONFIRM_DUE = 16,
    FACT_OUT_OF_SERVICE = 32,
    FACT_SHELVED = 64,
    FACT_ONE_SHOT = 128,   /* the shelf ends with the return to normal, too */
    FACT_SUPPRESSED = 256, /* the set of suppressors is not empty */
    FACT_GONE = 512,
    FACT_ESCALATES = 1024, /* the escalation of this occurrence is still to come */
};

enum alarm_cause {
    CAUSE_SAMPLE,
    CAUSE_TIMER,
    CAUSE_OPERATOR,
    CAUSE_CONFIG,
    CAUSE_RESTART,
    CAUSE_HISTORY, /* stored samples */
    CAUSE_LINK,
};
enum { ALARM_CAUSES = CAUSE_LINK + 1 };

/* Why a shelf ended. */
enum unshelve_reason { UNSHELVE_NONE, UNSHELVE_OPERATOR, UNSHELVE_EXPIRED, UNSHELVE_RTN };

enum {
    ALARM_ACTOR_SIZE = 64,
    ALARM_DESK_SIZE = 32,
    ALARM_SOURCE_SIZE = 64,
    ALARM_COMMENT_SIZE = 256,
    ALARM_UNIT_SIZE = 17,
};

/* The source of a suppression by the alarm's own rule, as it stands in records. */
#define ALARM_SOURCE_RULE "rule"
/* … and by a higher alarm that is active. */
#define ALARM_SOURCE_HIGHER "higher alarm"

/* One line of the alarm journal. By value. */
struct alarm_record {
    uint64_t seq; /* place in the whole journal, from 1, gapless */
    uint64_t n;   /* place in this alarm's own history, from 1, gapless */
    int64_t alarm_key;
    int64_t site_key;
    int64_t tag_key;      /* 0 for an alarm without a tag */
    int64_t revision;     /* of the alarm's setting that was in force */
    int64_t src_us;       /* when it happened at the source */
    int64_t at_us;        /* when the room knew: server time, never falls */
    int64_t raised_us;    /* src of the newest activation; 0 if there was none yet */
    int64_t raised_at_us; /* … and its server time: escalation counts from there */
    int64_t called_us;    /* server time of the newest call: re-announcement counts from there; 0 if none */
    int64_t until_us;     /* end of the shelf; 0 if not shelved */
    double value;         /* NaN if there is none */
    double limit;         /* NaN where the kind has none */
    int64_t actor_key;    /* user, 0 for the system itself */
    uint32_t alarm;       /* index in the present model; MODEL_NONE if removed */
    uint32_t occ;         /* occurrence: +1 at each activation */
    uint32_t call; /* annunciation: +1 at each activation, re-announcement, rise of priority and return from
                      suppression while active; an acknowledgement names the call that was seen */
    uint32_t rise_call; /* newest call at which the priority rose; 0 if none */
    uint16_t facts;     /* enum alarm_fact, after it */
    uint16_t flags;     /* enum alarm_record_flag */
    enum alarm_record_kind kind;
    enum alarm_cause cause;
    enum unshelve_reason unshelved;
    char from; /* shown letters before and after */
    char to;
    char base; /* base letter after */
    uint8_t priority;
    uint8_t quality;
    char actor[ALARM_ACTOR_SIZE];
    char desk[ALARM_DESK_SIZE];     /* operator's position and address of the actor */
    char source[ALARM_SOURCE_SIZE]; /* suppressor */
    char unit[ALARM_UNIT_SIZE];
    char comment[ALARM_COMMENT_SIZE]; /* comment or reason */
};

/* Who hid it, and why. */
struct alarm_note {
    int64_t since_us;
    char by[ALARM_ACTOR_SIZE];
    char reason[ALARM_COMMENT_SIZE];
};

/* What is shown of an alarm now. */
struct alarm_view {
    char letter;
    char base;
    bool untrusted; /* an input is unknown: bad, link down, not yet seen */
    bool ring;      /* it sounds at its position now, and nobody silenced it */
    bool confirm_due;
    bool latched;
    bool first; /* first of its group */
    bool chatter;
    bool retain;  /* in the alarm list, or waits for somebody */
    bool pending; /* an on-delay or off-delay runs */
    bool one_shot;
    uint8_t priority; /* effective */
    uint16_t facts;
    uint32_t occ;
    uint32_t call;
    uint32_t acked_occ; /* occurrence of the newest acknowledgement: occ - acked_occ came since */
    uint64_t n;
    int64_t raised_us;        /* source time of the newest activation */
    int64_t changed_us;       /* server time of the newest record */
    int64_t untrusted_us;     /* since when it is untrusted, server time; 0 if it is not */
    double value;             /* at the newest activation */
    double limit;             /* in force now; NaN if there is none or it is unknown */
    int64_t acked_us;         /* newest acknowledgement of the present occurrence; 0 if it waits */
    int64_t shelved_until_us; /* 0 if not shelved */
    char acked_by[ALARM_ACTOR_SIZE];
};

/* What a person, or a program in his name, asks of one alarm (1.7). */
enum alarm_request_kind {
    ALARM_ASK_ACK,
    ALARM_ASK_CONFIRM,
    ALARM_ASK_RESET,
    ALARM_ASK_SHELVE,
    ALARM_ASK_UNSHELVE,
    ALARM_ASK_SUPPRESS,
    ALARM_ASK_UNSUPPRESS,
    ALARM_ASK_OOS,
    ALARM_ASK_IN_SERVICE,
    ALARM_ASK_DISABLE, /* as the configuration says: settled by the core itself */
    ALARM_ASK_ENABLE,
    ALARM_ASK_COMMENT,
    ALARM_ASK_ZERO,
};
enum { ALARM_ASKS = ALARM_ASK_ZERO + 1 };

/* Texts are borrowed during the call; NULL counts as "". */
struct alarm_request {
    enum alarm_request_kind kind;
    uint32_t alarm; /* index; one that does not exist is answered E_UNKNOWN */
    uint32_t call;  /* of an acknowledgement: the annunciation that he saw */
    bool one_shot;  /* of a shelf: until the return to normal, at most duration_us (0: the longest shelf) */
    int64_t duration_us;
    int64_t actor_key;
    const char *actor;
    const char *desk;    /* position and address */
    const char *comment; /* comment or reason */
    const char *source;  /* suppressor */
};

enum alarm_reply {
    ALARM_OK,
    ALARM_ALREADY, /* by whom and when is in the answer */
    ALARM_STALE_CALL,
    ALARM_E_UNKNOWN,
    ALARM_E_CALL,
    ALARM_E_COMMENT,
    ALARM_E_REASON,
    ALARM_E_NOT_ACKED,
    ALARM_E_NOT_CONFIRMED,
    ALARM_E_NOT_CONFIRMABLE,
    ALARM_E_NOT_LATCHED,
    ALARM_E_ACTIVE,
    ALARM_E_SHELVE_TIME,
    ALARM_E_NOT_SHELVABLE,
    ALARM_E_NOT_SHELVED,
    ALARM_E_NOT_SUPPRESSED,
    ALARM_E_OOS,
    ALARM_E_NOT_OOS,
    ALARM_E_DISABLED,
    ALARM_E_FORBIDDEN,
    ALARM_E_NO_ACCUMULATOR, /* `zero` of an alarm that accumulates nothing */
    ALARM_E_FULL,           /* no room for one more shelf or suppressor (core.h) */
};
enum { ALARM_REPLIES = ALARM_E_FULL + 1 };

/* "raise", "reraise", "rtn", … as they stand in PostgreSQL and in the interface */
const char *alarm_record_kind_name(enum alarm_record_kind kind);
/* "sample", "timer", "operator", "config", "restart", "history", "link" */
const char *alarm_cause_name(enum alarm_cause cause);
/* "", "operator", "expired", "rtn" */
const char *unshelve_reason_name(enum unshelve_reason reason);
/* "OK", "ALREADY", "STALE_CALL", "E_UNKNOWN", … */
const char *alarm_reply_name(enum alarm_reply reply);
/* A sentence for people: what was wrong and what would be right. */
const char *alarm_reply_text(enum alarm_reply reply);
/* "ack", "confirm", "reset", "shelve", "unshelve", "suppress", "unsuppress", "oos", "in_service", "disable",
 * "enable", "comment", "zero" */
const char *alarm_ask_name(enum alarm_request_kind kind);
bool alarm_ask_parse(struct slice text, enum alarm_request_kind *ret);
/* Waits for a person: B, D or E. */
bool alarm_letter_unacked(char letter);
/* Condition true after its delay: B or C. */
bool alarm_letter_active(char letter);
/* G, H, I or Z. */
bool alarm_letter_hidden(char letter);
/* Letters that the facts give: the one that is shown, and the one beneath. */
char alarm_shown_letter(uint16_t facts);
char alarm_base_letter(uint16_t facts);

#endif
