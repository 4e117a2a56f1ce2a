/* Inside of the core: its state, and the functions by which its files work together. Nobody outside
 * server/core includes this. The files, in the order of a sample's walk: core.c            events and timers
 * in, views out core_build.c      memory, and who depends on whom core_tags.c       the live table
 *   core_rules.c      rules: calculated tags, the wheel of seconds
 *   core_conditions.c is the condition true, false or unknown
 *   core_alarms.c     condition to delay stage
 *   core_gather.c     alarms that gather: stale, running time, totals, cusum
 *   core_certificate.c certificates that end
 *   core_suppress.c   suppression by design
 *   core_facts.c      the alarm stage: facts, sound, records
 *   core_notes.c      who and why, names
 *   core_requests.c   what people ask
 *   core_history.c    backlog, through the shadow of the delay stage
 *   core_revision.c   restart and new configuration
 *   core_view.c, core_hash.c */
#ifndef PENSTOCK_CORE_CORE_STATE_H
#define PENSTOCK_CORE_CORE_STATE_H

#include "server/base/timer.h"
#include "server/core/alarm_fsm.h"
#include "server/core/core.h"
#include "server/core/delay.h"
#include "server/core/kpi_flood.h"
#include "server/core/message_order.h"
#include "server/core/rule_machine.h"

enum tag_flag {
    TAG_SEEN = 1,   /* there was a sample */
    TAG_LOST = 2,   /* no sample since the link came (back) up, or it is down */
    TAG_STALE = 4,  /* no sample for stale_us while the link was up */
    TAG_QUEUED = 8, /* waits in the queue of changed tags */
    TAG_DIRTY = 16, /* stands in dirty_tags */
    TAG_RULED = 32, /* a rule reads it: each sample counts, none can be passed over */
};

/* All that the walk of a sample touches, one cache line. While the value is good and stays within quiet_low
 * to quiet_high, no alarm can have anything to say: the walk ends here. */
struct tag_state {
    _Alignas(64) double value; /* last one known */
    double shown; /* value when the tag was last taken as changed: the display's deadband counts from there */
    double quiet_low;
    double quiet_high; /* below quiet_low: nothing is quiet */
    int64_t t_us;
    int64_t received_us;
    int64_t unknown_us; /* server time since which it is unknown; 0 if it is known */
    float deadband;     /* of the display */
    uint16_t gateway;   /* GATEWAY_NONE: calculated */
    uint8_t quality;    /* of the last sample; what is shown is derived: core_tag_quality */
    uint8_t flags;
};
_Static_assert(sizeof(struct tag_state) == 64, "a tag's live state is one cache line");
enum { GATEWAY_NONE = UINT16_MAX };

struct gateway_state {
    int64_t since_us; /* of the present state of the link */
    bool enabled;
    bool up;
    bool starting; /* was never up since the server knows of it: it gets time to connect */
    bool future;   /* its newest live message had samples from the future */
    bool off;      /* its clock is off, as the link has measured */
    bool shadowed; /* its line broke and what was stored meanwhile has not all come */
    bool told;     /* some of it has */
};

enum alarm_bit {
    BIT_CONDITION = 1, /* last known condition: deadband memory */
    BIT_UNTRUSTED = 2,
    BIT_CHATTER = 4,
    BIT_FIRST = 8,
    BIT_SOUNDING = 16,
    BIT_DIRTY = 32,      /* stands in dirty_alarms */
    BIT_SUSPECT = 64,    /* what started the delay stage's present state had a time that was not believed */
    BIT_UNCERTAIN = 128, /* the last known condition came of an uncertain value */
};

/* Suppression by a rule (of an alarm or of a group). */
enum suppress_state {
    SUPPRESS_OFF,
    SUPPRESS_ON,
    SUPPRESS_ENDING, /* its cause is gone, the start-up time runs */
    SUPPRESS_BLIND,  /* the rule is unknown: kept for CORE_SUPPRESSOR_BLIND_US */
};

struct alarm_state {
    struct delay delay;
    uint32_t detail; /* index in details; DETAIL_NONE before the first record */
    uint32_t memo;   /* index in memos, MODEL_NONE if it gathers nothing */
    uint32_t occ;
    uint32_t call;
    uint32_t acked_occ;   /* occurrence of the newest acknowledgement */
    uint32_t sound;       /* number of its newest sound */
    uint32_t suppressors; /* first of its set, index in the pool; 0: empty */
    uint16_t facts;
    uint8_t priority; /* effective */
    uint8_t bits;
    uint8_t suppress; /* enum suppress_state of its own rule */
};
_Static_assert(sizeof(struct alarm_state) <= 64, "an alarm's live state is one cache line");
enum { DETAIL_NONE = 0 };

/* What only records and views need; taken from the pool at the first record. */
struct alarm_detail {
    uint64_t n;
    int64_t raised_us;
    int64_t raised_at_us;
    int64_t called_us;
    int64_t changed_us;
    int64_t acked_us;
    int64_t until_us;        /* end of the shelf */
    int64_t activated_us[2]; /* source times of the two activations before the newest one */
    int64_t rang_us;         /* server time of the newest sound; 0 if none */
    double value;            /* at the newest activation */
    uint32_t rise_call;
    uint32_t shelf_note; /* index in notes; 0: none */
    uint32_t service_note;
    uint16_t acked_by;   /* index in names */
    bool suspect;        /* the time of the newest activation was not believed */
    uint8_t n_activated; /* how many of activated_us are set */
};

/* Gathered by alarms of kinds change (the previous good value), disc (the newest command), runtime, total and
 * cusum; what one of kind certificate or server was told. */
struct alarm_memo {
    double amount;    /* of kind server: the level's limit */
    double value;     /* NaN before the first */
    int64_t since_us; /* source time from which the amount grows; meaningless unless growing */
    int64_t end_us;   /* of the certificate; 0: there is none; END_UNKNOWN: nobody has told yet */
    uint32_t alarm;
    bool growing;
    int8_t level; /* of kind server; LEVEL_UNKNOWN: nobody has told yet */
};

#define END_UNKNOWN   INT64_MIN
#define LEVEL_UNKNOWN (-1)

struct suppressor {
    uint32_t next; /* in the alarm's set, or in the free list */
    uint16_t name;
    bool by_system; /* a rule, a group or a higher alarm: it ends with the configuration of it */
};

struct group_state {
    int64_t first_src_us;
    int64_t first_at_us;
    uint32_t first; /* alarm with the mark; MODEL_NONE */
    uint32_t not_normal;
    uint8_t suppress;
    uint16_t name;
};

/* Delay stage of an alarm as stored samples see it. */
struct shadow {
    struct delay delay;
    bool open;
    bool condition;
    bool skipped; /* HIST_SKIPPED was written for this gap */
};

struct shadow_tag {
    double value;
    int64_t t_us;
    uint8_t quality;
    bool seen;
};

/* Timer ids: one block for each kind. */
enum timer_kind { TIMER_DELAY, TIMER_STEP, TIMER_SHELF, TIMER_REANNOUNCE, TIMER_ESCALATE, TIMER_SUPPRESS };
enum { TIMER_ALARM_KINDS = TIMER_SUPPRESS + 1 }; /* then tags (staleness), then groups (suppression) */

/* Whom a program serves; each serves one. */
enum user_kind { USER_NOBODY, USER_TAG, USER_ALARM, USER_SUPPRESS_ALARM, USER_SUPPRESS_GROUP };
struct program_user {
    enum user_kind kind;
    uint32_t index;
};

/* Who depends on each tag: bounds and lists. */
struct dependents {
    uint32_t *first; /* n + 1 bounds into list */
    uint32_t *list;
};

/* A work list without doubles; membership is a bit elsewhere. */
struct work {
    uint32_t *v;
    uint32_t n;
};

struct core {
    const struct model *model;
    int64_t now_us;
    int64_t
        journal_at_us; /* of the newest restored record: server time in the journal never falls, also when the
                          clock was set back between two runs; the core's own timers follow the clock */
    uint64_t journal_seq;
    enum alarm_cause cause; /* of what is being applied */
    bool suspect;           /* the samples being applied had times that were not believed */
    bool uncertain;         /* the newest reading had an uncertain input */
    const char *told;       /* by the event that is being applied: what a RAISE is to say; NULL: nothing */

    struct tag_state *tags;
    struct gateway_state *gateways;
    struct alarm_state *alarms;
    struct alarm_detail *details; /* [0] is the empty one */
    uint32_t n_details;
    struct alarm_memo *memos;
    uint32_t n_memos;
    uint64_t memo_changes; /* how often a sum began or ceased to grow, or was set to zero */
    struct group_state *groups;

    struct dependents gateway_tags;
    struct dependents tag_alarms;   /* conditions, those by rules included */
    struct dependents tag_programs; /* all programs that read it */
    struct dependents lower_alarms; /* those that an alarm hides while it is active; not built if none does */

    char (*names)[ALARM_ACTOR_SIZE]; /* [0] is "" */
    uint32_t n_names;
    uint32_t names_max;
    struct alarm_note *notes; /* [0] is the empty one */
    uint32_t *free_notes;
    uint32_t n_free_notes;
    struct suppressor *suppressors; /* [0] is not used */
    uint32_t free_suppressor;
    uint32_t n_by_hand; /* suppressors that are not the configuration's: they leave room for those */
    uint32_t by_hand_max;

    struct timer_queue timers;
    struct timer_queue ticks; /* by program: next whole second at which it can change by itself */
    struct program_user *users;
    int64_t *evaluated_us; /* by program: newest evaluation */
    struct rule_machine *rules;
    struct rule_machine *history; /* … of the shadow */
    int64_t *history_us;
    int64_t *history_next_us;           /* next second at which the shadow's result can change by itself */
    struct dependents gateway_programs; /* of alarms, all inputs of which are this gateway's */

    struct shadow *shadows;
    struct shadow_tag *shadow_tags;

    struct work dirty_tags;
    struct work dirty_alarms;
    struct work dirty_suppress; /* programs that suppress */
    struct work calculations;   /* heap of ranks in model.calculated: lower levels first */
    bool *program_dirty;
    bool *program_seen; /* one of its inputs was seen since the start */
    bool *selected;     /* tags of one gateway, while its shadow is made */
    uint32_t *rank;     /* tag -> place in model.calculated */

    uint32_t *changed; /* ring of tags */
    uint32_t changed_first;
    uint32_t changed_n;
    struct message_order order;
    struct core_counts counts;
    struct kpi_flood_live flood;
    uint32_t sounds;                        /* number of the newest sound */
    uint32_t silenced[MODEL_POSITIONS_MAX]; /* sounds up to this number are silent at the position */
    struct alarm_record *past; /* newest records of alarms that left the configuration, by key: the numbers of
                                  an alarm that comes back go on */
    uint32_t n_past;
    char explained[512]; /* text of core_alarm_explain */
    bool unsettled;      /* restored, but not yet compared with the configuration: records may be due */
};

/* Who did it and why; an empty one is the system itself. */
struct cause {
    int64_t actor_key;
    const char *actor;
    const char *desk;
    const char *comment;
    const char *source;
    enum unshelve_reason unshelved;
    bool is_auto;
};
extern const struct cause core_the_system;

/* What a condition was judged by. */
struct reading {
    enum truth truth;
    double value; /* what was compared, or the tag's value; NaN if there is none */
    double limit;
    bool uncertain;
    bool blind; /* an input is unknown because nothing came from its gateway: on_bad says nothing about it */
};

/* Live or through the shadow. */
enum lens { LENS_LIVE, LENS_HISTORY };

/* --- core_build.c: everything allocated and set as configured, all tags initial, all links down, all alarms
 * normal. */
MUSTCHECK enum status core_build(const struct model *m, int64_t now_us, struct core **ret_core,
                                 struct error *err);

/* --- core.c */
/* Completes what is due at until_us or before, in order: rules at their seconds first. */
void core_run_timers(struct core *core, int64_t until_us, const struct effect_sink *sink);
static inline uint32_t core_timer(const struct core *core, enum timer_kind kind, uint32_t alarm) {
    return (uint32_t)kind * core->model->n_alarms + alarm;
}
static inline uint32_t core_timer_of_tag(const struct core *core, uint32_t tag) {
    return TIMER_ALARM_KINDS * core->model->n_alarms + tag;
}
static inline uint32_t core_timer_of_group(const struct core *core, uint32_t group) {
    return TIMER_ALARM_KINDS * core->model->n_alarms + core->model->n_tags + group;
}
/* Server time as the journal tells it. */
int64_t core_journal_time(const struct core *core);
/* Server time at which something of source time at_us is due: behind the server's clock by the age of the
 * sample that says so. */
static inline int64_t core_due_us(const struct core *core, int64_t ts_us, int64_t at_us) {
    return (core->now_us < ts_us ? core->now_us : ts_us) + (at_us - ts_us);
}

/* --- core_tags.c */
uint8_t core_tag_quality(const struct core *core, uint32_t tag);
/* The tag has a value that a condition may be judged by. */
bool core_tag_known(const struct core *core, uint32_t tag);
/* What is shown of it changed: it waits to be taken, once. */
void core_tag_changed(struct core *core, uint32_t tag);
void core_tags_message(struct core *core, const struct event *event, const struct effect_sink *sink);
void core_tags_link(struct core *core, uint32_t gateway, bool up, const struct effect_sink *sink);
void core_tag_stale_due(struct core *core, uint32_t tag, int64_t due_us, const struct effect_sink *sink);
/* Server time from which silence of the tag is counted: its newest sample, or the return of the link if that
 * was later. */
int64_t core_tag_heard_us(const struct core *core, uint32_t tag);
/* Arms the timer of staleness if the tag has one, it is not stale yet and the link is up. */
void core_tag_watch(struct core *core, uint32_t tag);
/* The result of a calculated tag's rule; true if it is news for others. */
bool core_tag_calculated(struct core *core, uint32_t tag, struct rule_value value, int64_t ts_us);
/* It waits for core_rules_propagate. */
void core_tag_dirty(struct core *core, uint32_t tag);
/* Within which values no alarm of the tag has anything to say. */
void core_tag_requiet(struct core *core, uint32_t tag);

/* --- core_rules.c */
/* The dirty tags have new values (or have become unknown): rules, calculated tags, suppression, conditions,
 * in that order, each once. from_samples: there were samples, not only a loss. */
void core_rules_propagate(struct core *core, int64_t ts_us, bool from_samples,
                          const struct effect_sink *sink);
/* Calculated tags as of now; everything that depends on them is looked at afterwards in any case. */
void core_rules_settle(struct core *core);
/* All rules that can change by themselves at due_us. */
void core_rules_tick(struct core *core, int64_t due_us, const struct effect_sink *sink);
/* Value of a program now, at ts_us or its newest evaluation; *ret_t_us is that time. */
struct rule_value core_rules_eval(struct core *core, uint32_t program, enum lens lens, int64_t ts_us,
                                  int64_t *ret_t_us);
/* Seconds that lie before a sample's time and are due: a message may bring several times. */
void core_rules_tick_before(struct core *core, int64_t ts_us, const struct effect_sink *sink);
/* The line of a gateway breaks: what its rules remember goes into the shadow. */
void core_rules_shadow(struct core *core, uint32_t gateway);
/* The dirty tags have stored values of this time: alarms are judged by core_history_judge. */
void core_rules_history(struct core *core, uint32_t gateway, int64_t ts_us, const struct effect_sink *sink);
/* The alarm of this gateway whose rule can change first by itself before before_us, as stored samples see it;
 * when. INT64_MAX: none. */
int64_t core_rules_history_due(const struct core *core, uint32_t gateway, int64_t before_us,
                               uint32_t *ret_alarm);
struct rule_reader core_rules_reader(const struct core *core, enum lens lens);

/* --- core_conditions.c */
/* ts_us is moved to the time of the evidence. */
struct reading core_condition(struct core *core, uint32_t alarm, enum lens lens, bool was_true,
                              int64_t *ts_us);
/* What a record says of the alarm: value and limit as of now. */
struct reading core_alarm_numbers(const struct core *core, uint32_t alarm);
double core_alarm_limit(const struct core *core, uint32_t alarm, enum lens lens);
/* An input of the program is unknown because nothing came from its gateway. */
bool core_any_lost(const struct core *core, enum lens lens, uint32_t program);
/* A rule is unknown because an input is bad, rather than because nothing came or a window is not full yet. */
bool core_bad_input(const struct core *core, enum lens lens, uint32_t program);
/* A tag's value through a lens. */
struct rule_value core_read(const struct core *core, enum lens lens, uint32_t tag);

/* --- core_alarms.c */
/* Looks at an alarm's condition again, with evidence of this time. */
void core_alarm_evaluate(struct core *core, uint32_t alarm, int64_t ts_us, const struct effect_sink *sink);
/* Completes a delay that ended before ts_us: a later sample is evidence for what was before it. */
void core_alarm_before(struct core *core, uint32_t alarm, int64_t ts_us, const struct effect_sink *sink);
/* Completes a delay whose timer is due at until_us or before. */
void core_alarm_until(struct core *core, uint32_t alarm, int64_t until_us, const struct effect_sink *sink);
void core_alarm_due(struct core *core, uint32_t alarm, const struct effect_sink *sink);
/* The delays in force, the time to connect after a start included. */
struct delay_config core_alarm_delays(const struct core *core, uint32_t alarm);
/* Evidence for the delay stage, and what follows from it. */
void core_alarm_step(struct core *core, uint32_t alarm, enum truth truth, int64_t ts_us,
                     const struct effect_sink *sink);
/* A disabled alarm forgets its delay stage and waits for nothing. */
void core_alarm_forget(struct core *core, uint32_t alarm);
/* Its tags may be quiet now, or not any more. */
void core_alarm_requiet(struct core *core, uint32_t alarm);
void core_alarm_trust(struct core *core, uint32_t alarm, bool trusted, const struct effect_sink *sink);
/* Compares all alarms with the configuration: disables, enables, evaluates. */
void core_alarms_settle(struct core *core, const struct effect_sink *sink);

/* --- core_gather.c */
bool core_gathers(enum alarm_kind kind);
void core_gather_evaluate(struct core *core, uint32_t alarm, int64_t ts_us, bool from_sample,
                          const struct effect_sink *sink);
void core_gather_due(struct core *core, uint32_t alarm, int64_t due_us, const struct effect_sink *sink);
/* The amount as of now. */
double core_gathered(const struct core *core, uint32_t alarm);

/* --- core_certificate.c */
enum truth core_certificate_truth(const struct core *core, uint32_t alarm);
/* Days that are left; below 0: it has ended. NaN if there is none, or nobody has told yet. */
double core_certificate_days(const struct core *core, uint32_t alarm);
/* The days that it is below, or the first that it will be. */
double core_certificate_limit(const struct core *core, uint32_t alarm);
/* It is beyond the first of its limits. */
bool core_certificate_presses(const struct core *core, uint32_t alarm);
/* The priority of an occurrence now. */
uint8_t core_certificate_priority(const struct core *core, uint32_t alarm);
/* Looks at it with evidence of this time, and again when it has come to its next limit. */
void core_certificate_evaluate(struct core *core, uint32_t alarm, int64_t ts_us,
                               const struct effect_sink *sink);

/* --- core_server.c */
enum truth core_server_truth(const struct core *core, uint32_t alarm);
/* What was told; NaN if nothing was. */
double core_server_value(const struct core *core, uint32_t alarm);
double core_server_limit(const struct core *core, uint32_t alarm);
const char *core_server_unit(const struct core *core, uint32_t alarm);
/* It is beyond the first of its levels. */
bool core_server_presses(const struct core *core, uint32_t alarm);
/* The priority of an occurrence now. */
uint8_t core_server_priority(const struct core *core, uint32_t alarm);
void core_server_evaluate(struct core *core, uint32_t alarm, const struct effect_sink *sink);
/* EVENT_SERVER */
void core_server_told(struct core *core, uint32_t alarm, const struct event *event,
                      const struct effect_sink *sink);

/* --- core_suppress.c */
void core_suppress_alarm(struct core *core, uint32_t alarm, int64_t ts_us, const struct effect_sink *sink);
void core_suppress_group(struct core *core, uint32_t group, int64_t ts_us, const struct effect_sink *sink);
void core_suppress_alarm_due(struct core *core, uint32_t alarm, const struct effect_sink *sink);
void core_suppress_group_due(struct core *core, uint32_t group, const struct effect_sink *sink);
/* What an alarm hides while it is shown and active is brought in line with it. */
void core_suppress_lower(struct core *core, uint32_t alarm, int64_t src_us, const struct effect_sink *sink);
/* Adds to, takes from the set of an alarm, with a record. ALARM_ALREADY, ALARM_E_NOT_SUPPRESSED,
 * ALARM_E_FULL. */
enum alarm_reply core_suppress_add(struct core *core, uint32_t alarm, const char *source, int64_t src_us,
                                   const struct cause *cause, const struct effect_sink *sink);
enum alarm_reply core_suppress_take(struct core *core, uint32_t alarm, const char *source, int64_t src_us,
                                    const struct cause *cause, const struct effect_sink *sink);
/* The set alone, without records. */
bool core_suppressed_by(const struct core *core, uint32_t alarm, const char *source);
bool core_suppressors_put(struct core *core, uint32_t alarm, const char *source, bool by_system);
bool core_suppressors_drop(struct core *core, uint32_t alarm, const char *source);
void core_suppressors_clear(struct core *core, uint32_t alarm);
/* An alarm was enabled: what suppresses it as of now. */
void core_suppress_enabled(struct core *core, uint32_t alarm, const struct effect_sink *sink);
/* A restored or passed set is brought in line with the configuration. */
void core_suppress_settle(struct core *core, const struct effect_sink *sink);

/* --- core_facts.c: the only place where facts change; each change is one record. */
void core_activate(struct core *core, uint32_t alarm, int64_t src_us, const struct effect_sink *sink);
void core_return(struct core *core, uint32_t alarm, int64_t src_us, const struct effect_sink *sink);
/* An event that has a row; hides are given by the functions below. */
void core_transit(struct core *core, uint32_t alarm, enum alarm_event event, int64_t src_us,
                  const struct cause *cause, const struct effect_sink *sink);
/* One more reason to be hidden (kind SHELVE, SUPPRESS, OOS_ON): facts of it are set. */
void core_hide(struct core *core, uint32_t alarm, enum alarm_record_kind kind, unsigned facts, int64_t src_us,
               const struct cause *cause, const struct effect_sink *sink);
/* One reason less; the last one lets it leave. */
void core_unhide(struct core *core, uint32_t alarm, enum alarm_record_kind kind, unsigned facts,
                 int64_t src_us, const struct cause *cause, const struct effect_sink *sink);
/* A record that changes no letter (PRIO, COMMENT, QUALITY, ZERO, HIST_…). */
void core_note_record(struct core *core, uint32_t alarm, enum alarm_record_kind kind, int64_t src_us,
                      const struct cause *cause, const struct effect_sink *sink);
/* … one that stored samples tell of (HIST_…), with what they said. */
void core_history_record(struct core *core, uint32_t alarm, enum alarm_record_kind kind,
                         const struct reading *r, int64_t src_us, const struct effect_sink *sink);
void core_escalate(struct core *core, uint32_t alarm, const struct effect_sink *sink);
/* The priority of this occurrence rises by itself: announced anew, as by a change of the configuration. */
void core_rise(struct core *core, uint32_t alarm, uint8_t priority, const struct effect_sink *sink);
void core_priority(struct core *core, uint32_t alarm, uint8_t before, const struct effect_sink *sink);
/* The newest record of an alarm, as far as it can be told from its state. */
struct alarm_record core_alarm_record(const struct core *core, uint32_t alarm);
/* Arms and disarms re-announcement and escalation as the facts say. */
void core_alarm_watch(struct core *core, uint32_t alarm);
/* Keeps core_counts in step when facts or priority change; pass the former. */
void core_count(struct core *core, int sign, uint16_t facts, uint8_t priority);
struct alarm_detail *core_detail(struct core *core, uint32_t alarm);
const struct alarm_detail *core_detail_of(const struct core *core, uint32_t alarm);

/* --- core_notes.c */
/* Index of a name, remembered from now on; 0 when there is no room. */
uint16_t core_name(struct core *core, const char *text);
uint32_t core_note_new(struct core *core, int64_t since_us, const char *by, const char *reason);
void core_note_free(struct core *core, uint32_t *note);
void core_copy_text(char *ret, size_t size, const char *text);

/* --- core_requests.c */
void core_request(struct core *core, const struct event *event, const struct effect_sink *sink);

/* --- core_history.c */
void core_history_begin(struct core *core, uint32_t gateway);
void core_history_judge(struct core *core, uint32_t alarm, uint32_t gateway, int64_t ts_us,
                        const struct effect_sink *sink);
void core_history_message(struct core *core, const struct event *event, const struct effect_sink *sink);
void core_history_end(struct core *core, uint32_t gateway, int64_t te_us, const struct effect_sink *sink);

#endif
