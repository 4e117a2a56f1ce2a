/* The compiled configuration that the core runs on: flat arrays, indexes instead of pointers, one arena a
 * revision. Made by server/config, immutable afterwards. An index (site, gateway, tag, alarm, group,
 * position) is valid within one revision only; a key is the row's identity in PostgreSQL and stays for ever.
 * Tags are grouped by site; the order of alarms is the order of configuration: of two that are due in one
 * moment the first one is first. Intervals in microseconds, values in the tag's unit. What the core evaluates
 * by (model_alarm, 72 bytes) stands apart from what is rare (model_alarm_more) and from texts. */
#ifndef PENSTOCK_CORE_MODEL_H
#define PENSTOCK_CORE_MODEL_H

#include "server/base/arena.h"
#include "server/base/map.h"
#include "server/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define MODEL_NONE UINT32_MAX

enum {
    MODEL_SITES_MAX = 2000,
    MODEL_GATEWAYS_MAX = 2000,
    MODEL_TAGS_MAX = 1000000,
    MODEL_ALARMS_MAX = 4000000,
    MODEL_GROUPS_MAX = 50000,
    MODEL_POSITIONS_MAX = 64,
    MODEL_STATES_MAX = 32, /* of one state alarm */
    MODEL_NAME_MAX = 200,
    MODEL_KEEPS_MAX = 32, /* classes of how long history is kept */
};

struct rule_set; /* server/core/rule.h */
struct zone;     /* server/base/zone.h */
struct calendar; /* server/history/calendar.h */

/* One text in the two languages of the HMI; zh may be empty (then en is shown). */
struct model_text {
    struct slice en;
    struct slice zh;
};

struct model_site {
    int64_t key;
    struct slice name; /* "S1" */
    struct model_text title;
    struct slice area;
    struct slice kind;               /* "pump_station", … */
    struct slice tz;                 /* zone of its local time, "Europe/Berlin"; empty: UTC */
    const struct calendar *calendar; /* its days, shifts and tariffs */
    uint32_t first_tag;
    uint32_t n_tags;
};

struct model_gateway {
    int64_t key;
    struct slice name; /* "gw-s1"; its certificate says urn:penstock:gateway:gw-s1 */
    struct model_text title;
    uint32_t site;
    uint32_t comm_alarm;  /* alarm index of its one comm alarm */
    uint32_t clock_alarm; /* … and of the one that tells that its clock is wrong; MODEL_NONE if none */
    uint32_t certificate_alarm; /* … that its certificate ends */
    uint32_t duplicate_alarm;   /* … that a second client has its identity */
    bool enabled;
    struct slice certificate_of; /* a gateway whose certificate may speak for this one, too; "": none */
    uint32_t tags_max;           /* of one dictionary; 0: by the link's limits alone */
};

enum tag_type { TAG_FLOAT, TAG_INT, TAG_BOOL };

struct model_tag {
    int64_t key;
    struct slice name;  /* "S1/L_T1": site, '/', the name in the gateway's dictionary */
    struct slice local; /* "L_T1", the part after the site */
    struct model_text title;
    struct slice unit;
    struct slice equipment; /* "T1", "PU1", or empty */
    struct slice
        role;     /* "level", "flow", "power", "run", "suction_pressure", "discharge_pressure", or empty */
    double scale; /* value = received * scale + offset */
    double offset;
    double low; /* range of the instrument; a value beyond is uncertain/range. low < high */
    double high;
    double deadband;            /* a change smaller than this is not shown as a change; 0: each one is */
    int64_t stale_us;           /* no sample for so long while the link is up: bad/stale; 0: never */
    const struct slice *states; /* names of the values 0, 1, … of a multistate tag; NULL if it has none */
    uint32_t n_states;
    uint32_t site;
    uint32_t gateway; /* MODEL_NONE: calculated */
    uint32_t program; /* of a calculated tag, in model.rules; else MODEL_NONE */
    uint8_t decimals;
    bool stepped;   /* its value stays until the next sample; else it goes straight to it */
    bool counter;   /* it counts up */
    double modulus; /* … and begins at 0 again before this value; 0: it does not */
    uint8_t keep;   /* how long its history is kept: index in model.keeps */
    enum tag_type type;
};

/* How long the samples of a class of tags are kept. */
struct model_keep {
    struct slice name;
    int32_t days; /* 0: for ever */
};

/* Are the samples around an alarm kept for good? */
enum model_snapshot { SNAPSHOT_BY_PRIORITY, SNAPSHOT_YES, SNAPSHOT_NO };

enum alarm_kind {
    ALARM_HIGH,        /* beyond limit; returns at limit - deadband or better */
    ALARM_LOW,         /* … below it; at limit + deadband */
    ALARM_STALE,       /* no message for the tag for on_delay_us, while the link is up */
    ALARM_COMM,        /* the gateway's link is down for on_delay_us: one alarm for all its tags */
    ALARM_DEV,         /* abs(tag - setpoint) beyond limit; setpoint: second_tag */
    ALARM_ROC,         /* abs(rate(tag, over)) beyond limit per second; its program gives the number */
    ALARM_STATE,       /* the value is one of the states */
    ALARM_CHANGE,      /* the value differs from the previous good one: raised and returned in one instant */
    ALARM_QUALITY,     /* the value is bad while the link is up */
    ALARM_DISC,        /* command (tag) and feedback (second_tag) differ; on_delay_us is the travel time */
    ALARM_EXPR,        /* a rule that yields a bool */
    ALARM_RUNTIME,     /* accumulated true time at or beyond limit (microseconds) */
    ALARM_TOTAL,       /* integral of the value over time / per at or beyond limit */
    ALARM_CUSUM,       /* S = max(0, S + x - target - k) beyond limit (h), stepped every `every` */
    ALARM_CUSUM_LOW,   /* … mirrored */
    ALARM_CLOCK,       /* the gateway's samples come from the future, or its clock is off */
    ALARM_CERTIFICATE, /* a gateway's certificate, or one of the server's, ends soon */
    ALARM_DUPLICATE,   /* a second client shows the gateway's identity while the first one is there */
    ALARM_SERVER,      /* something of the server itself, which it watches and tells of by levels */
};
enum { ALARM_KINDS = ALARM_SERVER + 1 };

/* Certificates of the server itself; each has an alarm of kind certificate that is of no gateway. */
enum server_certificate {
    SERVER_CERTIFICATE_LINK,      /* shown to gateways */
    SERVER_CERTIFICATE_WEB,       /* shown to browsers */
    SERVER_CERTIFICATE_AUTHORITY, /* signs gateways */
};
enum { SERVER_CERTIFICATES = SERVER_CERTIFICATE_AUTHORITY + 1 };

/* What else the server watches of itself; each has an alarm of kind server. */
enum server_alarm {
    SERVER_DISK_FORECAST, /* the database's disk is full soon, as it grows now */
    SERVER_DISK_FREE,     /* … has little room left */
    SERVER_DISK_FULL,     /* … is full: nothing is stored */
    SERVER_HISTORY,       /* samples wait for too long to be packed */
    SERVER_AUDIT_BEHIND,  /* the audit is not sealed, or does not arrive where it is exported to */
    SERVER_AUDIT_BROKEN,  /* the audit's chain has lost its end, or was written anew */
    SERVER_SPOOL_ASIDE,   /* what operators did while the database was away was put aside */
};
enum { SERVER_ALARMS = SERVER_SPOOL_ASIDE + 1 };

enum alarm_ack_mode {
    ACK_MANUAL,
    ACK_AUTO, /* the return to normal acknowledges */
    ACK_NONE, /* a notification: never waits for anybody, makes no sound */
};

/* What an unknown input means while the gateway's link is up. */
enum alarm_on_bad { ON_BAD_HOLD, ON_BAD_ALARM, ON_BAD_NORMAL };

enum alarm_option {
    ALARM_ENABLED = 1,
    ALARM_INCLUSIVE = 2, /* at or beyond the limit, not only beyond */
    ALARM_LATCH = 4,     /* stays until it is reset */
    ALARM_CONFIRM = 8,   /* each occurrence is to be confirmed */
    ALARM_COMMENT = 16,  /* no acknowledgement without a comment */
    ALARM_SHELVABLE = 32,
    ALARM_UNCERTAIN_BAD = 64, /* an uncertain value counts as bad */
    ALARM_TEST = 128,         /* being tried out: left out of the reports */
};

#define MODEL_SHELVE_MAX_US INT64_C(28800000000) /* a shift, where nothing else is configured */

/* What the core evaluates an alarm by. */
struct model_alarm {
    int64_t key;
    int64_t revision; /* configuration revision of this setting */
    double limit;     /* in the tag's unit; of a runtime alarm microseconds; NaN if it is a tag (more) */
    double deadband;
    int64_t on_delay_us;
    int64_t off_delay_us;
    uint32_t tag;     /* MODEL_NONE for expr alarms and those of gateways */
    uint32_t gateway; /* of the tag, or that it watches; MODEL_NONE for rules and the server's own alarms */
    uint32_t site;
    uint32_t more;    /* index in model.more, MODEL_NONE if it has nothing rare */
    uint8_t kind;     /* enum alarm_kind */
    uint8_t priority; /* 1 critical … 4 low */
    uint8_t ack_mode; /* enum alarm_ack_mode */
    uint8_t on_bad;   /* enum alarm_on_bad */
    uint8_t options;  /* enum alarm_option */
    uint8_t position; /* operator's position that it belongs to, index in model.positions */
};
_Static_assert(sizeof(struct model_alarm) <= 72, "an alarm's settings stay small: there are millions");

/* What few alarms have. Programs are those of model.rules; MODEL_NONE and 0 where not configured. */
struct model_alarm_more {
    double limit_scale; /* the limit is limit_tag's value * limit_scale + limit_offset */
    double limit_offset;
    double second_scale; /* … and second_tag's value alike, in the tag's unit */
    double second_offset;
    double target; /* of a cusum alarm; its h is the limit */
    double k;
    int64_t every_us; /* step of a cusum alarm; time unit of a total alarm */
    int64_t unsuppress_us;
    int64_t realarm_us;  /* announced anew after so long; 0: never */
    int64_t escalate_us; /* priority rises after so long without acknowledgement; 0: never */
    int64_t max_shelve_us;
    const double *states;
    const uint32_t *groups; /* indexes in model.groups */
    uint32_t n_states;
    uint32_t n_groups;
    uint32_t limit_tag;
    uint32_t second_tag; /* setpoint or feedback */
    uint32_t program;    /* of an expr or roc alarm */
    uint32_t suppress_program;
    uint32_t hidden_by; /* alarm index: suppressed while that one is active */
    uint8_t escalate_priority;
    uint8_t level; /* of a limit alarm: 1 LL, 2 L, 3 H, 4 HH; 0: none of these. For people and for checks */
    uint8_t snapshot; /* enum model_snapshot */
};

/* The empty one: no tags, no programs, default shelf. */
struct model_alarm_more model_alarm_more_none(void);

/* Texts of the alarm at the same index in model.alarms. */
struct model_alarm_text {
    struct slice name; /* "S1/L_T1.high" */
    struct model_text message;
};

/* Alarms that belong together: the first one that rings is marked (first out), and a rule may suppress all.
 */
struct model_group {
    int64_t key;
    struct slice name;
    struct model_text title;
    const uint32_t *members; /* alarm indexes, ascending */
    uint32_t n_members;
    uint32_t suppress_program;
    int64_t unsuppress_us;
    bool first_out;
};

struct model {
    struct arena arena;
    int64_t revision;
    struct model_site *sites;
    struct model_gateway *gateways;
    struct model_tag *tags;
    struct model_alarm *alarms;
    struct model_alarm_text *alarm_texts; /* n_alarms */
    struct model_alarm_more *more;
    struct model_group *groups;
    struct model_keep *keeps;     /* classes of history; the first one is that of all others */
    int32_t rollup_keep_days;     /* 0: for ever */
    struct slice *positions;      /* names of operators' positions; the first one is the default */
    const struct rule_set *rules; /* all programs; NULL if there are none */
    uint32_t *calculated;         /* calculated tags, each behind those that it depends on */
    uint32_t n_sites;
    uint32_t n_gateways;
    uint32_t n_tags;
    uint32_t n_alarms;
    uint32_t n_more;
    uint32_t n_groups;
    uint32_t n_positions;
    uint32_t n_keeps;
    uint32_t n_calculated;
    uint32_t server_alarms[SERVER_CERTIFICATES]; /* alarm of each; MODEL_NONE if none */
    uint32_t server_own[SERVER_ALARMS];          /* likewise */
    struct map site_by_name;
    struct map gateway_by_name;
    struct map tag_by_name;
    struct map alarm_by_name;
};

/* Frees all, the struct (from calloc) included; accepts NULL and half-built ones, sets *m to NULL. */
void model_free(struct model **m);
/* MODEL_NONE when there is no such name. */
uint32_t model_find_site(const struct model *m, struct slice name);
uint32_t model_find_gateway(const struct model *m, struct slice name);
uint32_t model_find_tag(const struct model *m, struct slice name);
uint32_t model_find_alarm(const struct model *m, struct slice name);
/* "high", "low", "stale", … "clock", "certificate", "duplicate", "server", by kind; NULL behind the last one.
 */
extern const char *const alarm_kind_names[ALARM_KINDS + 1];
const char *alarm_kind_name(enum alarm_kind kind);
/* Has a limit to compare a number with (high, low, dev, roc, runtime, total, cusum, certificate, server). */
bool alarm_kind_has_limit(enum alarm_kind kind);
/* Told by the server itself, by levels: with each further limit it is more urgent (certificate, server). */
bool alarm_kind_has_levels(enum alarm_kind kind);
/* Watches no tag, but a gateway (comm, clock, duplicate, certificate), or the server (certificate). */
bool alarm_kind_of_gateway(enum alarm_kind kind);
/* Unit of the number that it tells: "d", "%", "min", "". */
const char *server_alarm_unit(enum server_alarm which);
/* Its samples around each raise are kept: said so, or of priority 1. */
bool model_alarm_snapshot(const struct model *m, uint32_t alarm);
/* The rare settings of an alarm, or the empty ones. */
const struct model_alarm_more *model_alarm_more(const struct model *m, uint32_t alarm);
static inline bool model_alarm_is(const struct model_alarm *a, enum alarm_option option) {
    return (a->options & option) != 0;
}
const char *tag_type_name(enum tag_type type);

#endif
