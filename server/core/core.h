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

/* A source time may be ahead of server time by this much; beyond, it is not believed. */
#define CORE_FUTURE_MAX_US INT64_C(5000000)
/* After a start, and when it is new, a gateway gets at least this long to connect before its comm alarm. */
#define CORE_CONNECT_US INT64_C(120000000)

/* value is in the tag's unit (see sample.h for the step from what was received). Samples count only while the
 * gateway's link is up: what comes while it is down moves the value, but stays bad/comms and proves nothing.
 */
struct sample {
    uint32_t tag;
    uint8_t quality;
    int64_t t_us;
    double value; /* ignored with QUALITY_NO_VALUE */
};

enum lane {
    LANE_LIVE,     /* moves the live picture and may ring */
    LANE_SNAPSHOT, /* what is true now, after (re)connection: live, never stored */
    LANE_BACKLOG,  /* stored while the line was down: history only, never moves or rings anything */
};

enum event_kind {
    EVENT_SAMPLES, /* one message of a gateway: applied as one, equal times together */
    EVENT_LINK,    /* the gateway's session came up or went down */
    EVENT_ACK,     /* an operator acknowledges what he saw */
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
            uint64_t request; /* the caller's own number, given back in the reply */
            uint32_t alarm;
            uint32_t call; /* the annunciation that the operator saw */
            int64_t actor_key;
            const char *actor;
            const char *comment; /* may be "" */
        } ack;
    };
};

enum ack_result {
    ACK_OK,
    ACK_ALREADY,    /* acknowledged before: by whom and when is in the reply */
    ACK_STALE_CALL, /* there is a newer call than the one he saw */
    ACK_BAD_CALL,   /* no such call was ever made */
    ACK_NOT_FOUND,  /* no such alarm */
    ACK_NOT_ACTIVE, /* the alarm is normal or disabled and has nothing to acknowledge */
};
const char *ack_result_name(enum ack_result result);

enum effect_kind {
    EFFECT_RECORD, /* journal this, show it */
    EFFECT_ACK,    /* the answer to an EVENT_ACK; on ACK_OK its record (seq) must be durable before anybody is
                      told */
};

struct effect {
    enum effect_kind kind;
    union {
        struct alarm_record record;
        struct {
            uint64_t request;
            uint32_t alarm;
            enum ack_result result;
            uint64_t seq; /* of the record, with ACK_OK */
            uint32_t call;
            int64_t acked_us;
            char acked_by[ALARM_ACTOR_SIZE];
        } ack;
    };
};

struct effect_sink {
    void *ctx;
    void (*emit)(void *ctx, const struct effect *effect);
};

/* What was durable: the newest journal record of each alarm, in any order, and the journal's highest seq. */
struct core_restore {
    const struct alarm_record *records;
    size_t n;
    uint64_t journal_seq;
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
    uint32_t unacked[5]; /* by priority 1 to 4; [0] is the sum */
    uint32_t active;
};

const struct model *core_model(const struct core *core);
struct tag_live core_tag(const struct core *core, uint32_t tag);
struct alarm_view core_alarm(const struct core *core, uint32_t alarm);
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
