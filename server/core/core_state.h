/* Inside of the core: its state, and the functions by which its files work together. Nobody outside
 * server/core includes this. The files: core.c (construction, events, reading), core_tags.c (the live table),
 * core_alarms.c (the three stages and the journal), core_revision.c (restart and new configuration),
 * core_hash.c. */
#ifndef PENSTOCK_CORE_CORE_STATE_H
#define PENSTOCK_CORE_CORE_STATE_H

#include "server/base/timer.h"
#include "server/core/alarm_fsm.h"
#include "server/core/core.h"
#include "server/core/delay.h"
#include "server/core/message_order.h"

enum tag_flag {
    TAG_SEEN = 1,   /* there was a sample */
    TAG_LOST = 2,   /* no sample since the link came (back) up, or it is down */
    TAG_STALE = 4,  /* no sample for stale_us while the link was up */
    TAG_QUEUED = 8, /* waits in the queue of changed tags */
};

/* All that the walk of a sample touches, one cache line. */
struct tag_state {
    _Alignas(64) double value; /* last one known */
    double shown; /* value when the tag was last taken as changed: the display's deadband counts from there */
    double deadband;
    int64_t t_us;
    int64_t received_us;
    int64_t stale_us;
    uint32_t gateway;
    uint32_t first_alarm;
    uint32_t n_alarms;
    uint8_t quality; /* of the last sample; what is shown is derived: core_tag_quality */
    uint8_t flags;
};
_Static_assert(sizeof(struct tag_state) == 64, "a tag's live state is one cache line");

struct gateway_state {
    int64_t since_us; /* of the present state of the link */
    uint32_t comm_alarm;
    bool enabled;
    bool up;
    bool starting; /* was never up since the server knows of it: it gets time to connect */
};

struct alarm_state {
    struct delay delay;
    struct delay_config delays;
    double limit;
    double deadband;
    uint32_t tag;
    uint32_t gateway;
    uint32_t occ;
    uint32_t call;
    struct alarm_facts facts;
    enum alarm_kind kind;
    bool condition; /* last known one: deadband memory */
    uint8_t priority;
};

/* What only records and views need. */
struct alarm_detail {
    uint64_t n;
    int64_t raised_us;
    int64_t changed_us;
    int64_t acked_us;
    double value; /* at the newest activation */
    char acked_by[ALARM_ACTOR_SIZE];
};

struct core {
    const struct model *model;
    int64_t now_us;
    int64_t
        journal_at_us; /* of the newest restored record: server time in the journal never falls, also when the
                          clock was set back between two runs; the core's own timers follow the clock */
    uint64_t journal_seq;
    struct tag_state *tags;
    struct gateway_state *gateways;
    struct alarm_state *alarms;
    struct alarm_detail *details;
    uint32_t *gateway_first; /* n_gateways + 1 bounds into gateway_tags */
    uint32_t *gateway_tags;
    struct timer_queue timers; /* ids: alarms, then tags (staleness) */
    uint32_t *changed;         /* ring of tags */
    uint32_t changed_first;
    uint32_t changed_n;
    struct message_order order;
    struct core_counts counts;
    struct alarm_record *past; /* newest records of alarms that left the configuration, by key: the numbers of
                                  an alarm that comes back go on */
    uint32_t n_past;
    bool unsettled; /* restored, but not yet compared with the configuration: records may be due */
};

/* Who did it; an empty one is the system itself. */
struct cause {
    int64_t actor_key;
    const char *actor;
    const char *comment;
};

/* core.c: everything allocated and set as configured, all tags initial, all links down, all alarms normal. */
MUSTCHECK enum status core_build(const struct model *m, int64_t now_us, struct core **ret_core,
                                 struct error *err);
/* Completes what is due at until_us or before, in order. */
void core_run_timers(struct core *core, int64_t until_us, const struct effect_sink *sink);

/* core_tags.c */
uint8_t core_tag_quality(const struct core *core, uint32_t tag);
/* The tag has a value that a condition may be judged by. */
bool core_tag_known(const struct core *core, uint32_t tag);
/* What is shown of it changed: it waits to be taken, once. */
void core_tag_changed(struct core *core, uint32_t tag);
void core_tags_message(struct core *core, const struct event *event, const struct effect_sink *sink);
void core_tags_link(struct core *core, uint32_t gateway, bool up, const struct effect_sink *sink);
void core_tag_stale_due(struct core *core, uint32_t tag, int64_t due_us, const struct effect_sink *sink);
/* When a tag that has stale_us is stale if nothing comes: counted from its newest sample, or from the return
 * of the link if that was later. */
int64_t core_tag_stale_at(const struct core *core, uint32_t tag);
/* Arms the timer of staleness if the tag has one, it is not stale yet and the link is up. */
void core_tag_watch(struct core *core, uint32_t tag);

/* core_alarms.c */
/* Looks at an alarm's condition again, with evidence of this time. */
void core_alarm_evaluate(struct core *core, uint32_t alarm, int64_t ts_us, const struct effect_sink *sink);
/* Completes a delay that ended before ts_us: a later sample is evidence for what was before it. */
void core_alarm_before(struct core *core, uint32_t alarm, int64_t ts_us, const struct effect_sink *sink);
/* Completes a delay whose timer is due at until_us or before. */
void core_alarm_until(struct core *core, uint32_t alarm, int64_t until_us, const struct effect_sink *sink);
void core_alarm_due(struct core *core, uint32_t alarm, const struct effect_sink *sink);
void core_alarm_ack(struct core *core, const struct event *event, const struct effect_sink *sink);
/* The delays in force, the time to connect after a start included. */
struct delay_config core_alarm_delays(const struct core *core, uint32_t alarm);
/* Compares all alarms with the configuration: disables, enables, evaluates. */
void core_alarms_settle(struct core *core, const struct effect_sink *sink);
/* Server time as the journal tells it. */
int64_t core_journal_time(const struct core *core);
/* The newest record of an alarm, as far as it can be told from its state. */
struct alarm_record core_alarm_record(const struct core *core, uint32_t alarm);
/* Keeps core_counts in step when a letter changes; 0 for none. */
void core_alarm_count(struct core *core, uint8_t priority, char from, char to);

#endif
