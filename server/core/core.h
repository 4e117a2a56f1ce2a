/* The core: live table, quality, alarms. A deterministic state machine: events and the time go in, effects
 * come out. It knows no socket, no SQL, no JSON and no clock, and allocates only in core_new and core_next.
 * The same events give the same effects to the byte.
 *
 * Time: now_us is server time; the core uses the highest it was ever given. Source times are those of the
 * samples. One thread. Effects are handed to the caller's sink while core_apply runs; the sink copies what it
 * keeps and must not call the core. */
#ifndef PENSTOCK_CORE_CORE_H
#define PENSTOCK_CORE_CORE_H

#include "server/base/status.h"
#include "server/core/alarm.h"
#include "server/core/model.h"
#include "server/core/quality.h"

#include <stdbool.h>
#include <stdint.h>

struct core;
struct rule_part; /* server/core/rule_machine.h */

/* A source time may be ahead of server time by this much; beyond, it is not believed. */
#define CORE_FUTURE_MAX_US INT64_C(5000000)
/* A suppressor whose rule turns unknown is kept for so long; then it counts as false: alarms show. */
#define CORE_SUPPRESSOR_BLIND_US INT64_C(30000000)
/* Three activations of an alarm within this time: it chatters, and sounds at most once in it. */
#define CORE_CHATTER_US INT64_C(60000000)
/* An earlier source time that arrives within this time takes the mark of the first one. */
#define CORE_FIRST_OUT_US INT64_C(5000000)

/* A certificate with less than this is an alarm; with less than the next one, its priority is one more
 * urgent, and the alarm is announced anew. */
#define CORE_CERTIFICATE_DAYS                                                                                \
    { 30, 7, 1 }

enum {
    CORE_NOTES_MAX = 65536,       /* alarms that are shelved or out of service, with who and why */
    CORE_SUPPRESSORS_MAX = 65536, /* (alarm, suppressor) pairs beside rules and groups of the configuration */
    CORE_SERVER_LEVELS = 3,
    CORE_NAMES_MAX = 4096, /* different names of people and suppressors that are remembered */
};

/* After a start, and when it is new, a gateway gets at least this long to connect before its comm alarm. */
#define CORE_CONNECT_US INT64_C(120000000)

/* value is in the tag's unit (see sample.h for the step from what was received). Samples count only while the
 * gateway's link is up: what comes while it is down moves the value, but stays bad/comms and proves nothing.
 */
struct sample {
    uint32_t tag;
    uint8_t quality;
    int64_t t_us;
    double value;      /* ignored with QUALITY_NO_VALUE */
    struct slice text; /* p is NULL but where a text, or other bytes, came instead of a number: for history
                          alone, which is told so by QUALITY_NO_VALUE */
};

enum lane {
    LANE_LIVE,     /* moves the live picture and may ring */
    LANE_SNAPSHOT, /* what is true now, after (re)connection: live, never stored */
    LANE_BACKLOG,  /* stored while the line was down: history only, never moves or rings anything */
};

enum event_kind {
    EVENT_SAMPLES,     /* one message of a gateway: applied as one, equal times together */
    EVENT_LINK,        /* the gateway's session came up or went down */
    EVENT_BACKLOG_END, /* all that a gateway had stored while its line was down has come */
    EVENT_CLOCK,       /* a gateway's clock was measured to be off, or to be good again */
    EVENT_REQUEST,     /* a person asks something of one alarm */
    EVENT_SILENCE,     /* the sound stops at one position; not an acknowledgement */
    EVENT_CERTIFICATE, /* when a certificate ends, for an alarm of kind certificate */
    EVENT_SERVER,      /* how something of the server itself is, for an alarm of kind server */
    EVENT_DUPLICATE,   /* a second client showed a gateway's identity, for an alarm of kind duplicate */
    EVENT_TIME, /* nothing but time: delays and staleness that are due by now. Events of one time come before
                   its timers; so send it when core_next_wake is not after now, behind the other events of the
                   turn */
};

struct event {
    enum event_kind kind;
    union {
        struct {
            uint32_t gateway;
            enum lane lane;
            uint32_t n;
            const struct sample *v;
        } samples;
        struct {
            uint32_t gateway;
            bool up;
        } link;
        struct {
            uint32_t gateway;
            int64_t te_us; /* source time of its first live sample after the line came back */
        } backlog_end;
        struct {
            uint32_t gateway;
            bool off;
        } clock;
        struct {
            uint64_t token; /* the caller's own number, given back in the answer */
            struct alarm_request ask;
        } request;
        struct {
            uint32_t position; /* MODEL_NONE: all */
        } silence;
        struct {
            uint32_t alarm;
            int64_t end_us; /* 0: there is no certificate (any more) */
        } certificate;
        struct {
            uint32_t alarm;
            uint8_t level; /* 0: well; each one more (at most CORE_SERVER_LEVELS) is a priority more urgent */
            double value;  /* NaN if there is none */
            double limit;  /* that the level begins at; NaN if there is none */
        } server;
        struct {
            uint32_t alarm;
            const char *text; /* who it was; goes to the journal with the RAISE */
        } duplicate;
    };
};

enum effect_kind {
    EFFECT_RECORD,  /* journal this, show it */
    EFFECT_REPLY,   /* the answer to an EVENT_REQUEST; on ALARM_OK its record (seq) must be durable before
                       anybody is told */
    EFFECT_SILENCE, /* show that a position was silenced */
};

struct effect {
    enum effect_kind kind;
    union {
        struct alarm_record record;
        struct {
            uint64_t token;
            uint32_t alarm;
            enum alarm_reply result;
            uint64_t seq;  /* of the newest record that it caused, with ALARM_OK */
            uint32_t call; /* the alarm's newest call */
            char letter;   /* … and its state; 0 if there is no such alarm */
            int64_t acked_us;
            char acked_by[ALARM_ACTOR_SIZE];
        } reply;
        struct {
            uint32_t position;
        } silence;
    };
};

struct effect_sink {
    void *ctx;
    void (*emit)(void *ctx, const struct effect *effect);
};

/* What an alarm has gathered: microseconds of a runtime alarm, units of a total, S of a cusum. */
struct alarm_accumulator {
    int64_t alarm_key;
    double amount;
};

/* What was durable. Records of the journal in order of seq: the whole of it, or for each alarm the newest one
 * and beside it the newest RAISE or RERAISE, and of those since its newest DISABLE, ENABLE or REMOVE the
 * newest ACK, the newest with RECORD_AUTO, the newest SHELVE and OOS_ON, and each SUPPRESS that no UNSUPPRESS
 * of the same source followed. The journal's highest seq; the newest checkpoint of each accumulator. */
struct core_restore {
    const struct alarm_record *records;
    size_t n;
    uint64_t journal_seq;
    const struct alarm_accumulator *accumulators;
    size_t n_accumulators;
};

/* A core for a model (borrowed, must outlive it). All links are down, all tags bad/initial, alarms as
 * restored: nothing rings or returns until there is evidence. restore may be NULL; ERR_INVALID if it cannot
 * be true. What the configuration changed meanwhile (disabled, enabled, removed alarms) gives its records
 * with the first event, which core_next_wake asks for at once. Of an alarm that left, its numbers are
 * remembered: if it comes back they go on. */
MUSTCHECK enum status core_new(const struct model *m, const struct core_restore *restore, int64_t now_us,
                               struct core **ret_core, struct error *err);
void core_free(struct core **core);

/* A new core for a new revision which takes over live values, links and alarm states by key; settings that
 * changed are evaluated at once with the present values. Alarms that left while not normal give
 * RECORD_REMOVE, newly disabled ones RECORD_DISABLE (a new one that is disabled, too: the journal alone tells
 * each alarm's state). `old` stays as it was and is the caller's to free. */
MUSTCHECK enum status core_next(const struct core *old, const struct model *m, int64_t now_us,
                                struct effect_sink sink, struct core **ret_core, struct error *err);

void core_apply(struct core *core, const struct event *event, int64_t now_us, struct effect_sink sink);
/* Server time of the next due timer, INT64_MAX if there is none: send EVENT_TIME then. */
int64_t core_next_wake(const struct core *core);

struct tag_live {
    double value;        /* last one known; NaN before the first */
    int64_t t_us;        /* its source time; 0 before the first */
    int64_t received_us; /* server time when it came; 0 before the first */
    uint8_t quality;     /* as it must be shown: includes link down, stale, initial */
};

struct core_counts {
    uint64_t samples; /* live ones applied */
    uint64_t late;    /* older than the live value: never evaluated */
    uint64_t backlog;
    uint64_t future;     /* more than CORE_FUTURE_MAX_US ahead: taken as of now, uncertain/clock at best */
    uint64_t foreign;    /* of another gateway's tag: never applied */
    uint32_t unacked[5]; /* shown ones, by priority 1 to 4; [0] is the sum */
    uint32_t active;     /* shown ones */
    uint32_t shelved;
    uint32_t suppressed;
    uint32_t out_of_service;
    uint32_t disabled;
    uint32_t untrusted;
    uint32_t flood; /* annunciations in the last ten minutes */
    bool flooded;   /* more than 10 of them, until they are fewer than 5 */
};

const struct model *core_model(const struct core *core);
struct tag_live core_tag(const struct core *core, uint32_t tag);
struct alarm_view core_alarm(const struct core *core, uint32_t alarm);
/* Who shelved it or took it out of service, and why; false if it is neither, or if the room for such notes
 * was used up (CORE_NOTES_MAX; the journal has them in any case). */
bool core_alarm_shelf(const struct core *core, uint32_t alarm, struct alarm_note *ret);
bool core_alarm_out_of_service(const struct core *core, uint32_t alarm, struct alarm_note *ret);
/* Names of what suppresses it now, in order of arrival. Returns how many there are; writes at most max. */
uint32_t core_alarm_suppressors(const struct core *core, uint32_t alarm, const char **ret, uint32_t max);
/* In what its value and limit are told: the tag's unit, "UNIT/s" of a rate, "s" of a running time (by which
 * people count; inside, it is microseconds), "" of a total and where there is none. Written to ret, which is
 * also returned. */
const char *core_alarm_unit(const struct core *core, uint32_t alarm, char ret[ALARM_UNIT_SIZE]);
/* Why is it on: values and qualities of its rule's or condition's parts, as of now, in order of the source
 * text. *ret_source is that text (of a limit alarm: one written for it), valid until the next call. */
uint32_t core_alarm_explain(struct core *core, uint32_t alarm, struct slice *ret_source,
                            struct rule_part *ret, uint32_t max);
/* What must survive a crash beside the journal: takes up to max accumulators, beginning with the i-th;
 * returns how many. To be stored every 10 s and at every change of an accumulator's input. */
uint32_t core_accumulators(const struct core *core, uint32_t first, struct alarm_accumulator *ret,
                           uint32_t max);
/* How often an accumulator began or ceased to grow: when it changed, take them anew. */
uint64_t core_accumulator_changes(const struct core *core);
/* What it has gathered as of now (see struct alarm_accumulator); NaN of a kind that gathers nothing. */
double core_alarm_accumulated(const struct core *core, uint32_t alarm);
/* What the configuration costs: rules and alarms that one sample of this tag makes the core look at. */
uint32_t core_tag_cost(const struct core *core, uint32_t tag);
bool core_link_up(const struct core *core, uint32_t gateway, int64_t *ret_since_us);
struct core_counts core_counts(const struct core *core);
/* Number of the newest record. */
uint64_t core_journal_seq(const struct core *core);

/* Takes up to max tags whose shown value, quality or time changed since they were last taken (each once,
 * oldest change first). Returns how many. */
uint32_t core_take_changed(struct core *core, uint32_t *ret_tags, uint32_t max);

/* A hash over all state, in a fixed order: two cores that saw the same are equal. For replay, simulation and
 * fuzzing. */
uint64_t core_hash(const struct core *core);

#endif
