/* One item of configuration: its JSON checked by the table of fields of its kind, kept as the values that
 * were given and as canonical text. An item is one block of memory with all its texts and never changes but
 * for key and revision; sets that were copied from each other share it by counting references (one thread at
 * a time). There are millions of items, and most say little: only what was given is kept, packed in the order
 * of the table; item_unpack spreads it out again, with the defaults. References between items are still names
 * here: compile.c resolves them. */
#ifndef PENSTOCK_CONFIG_ITEM_H
#define PENSTOCK_CONFIG_ITEM_H

#include "server/config/faults.h"
#include "server/config/policy.h"

#define CONFIG_POLICY_NAME    "alarms"
#define CONFIG_POLICY_HISTORY "history"

/* A number as it was written, perhaps with a unit ("4.2 m": 4.2 and "m"). */
struct quantity {
    double value;
    struct slice unit;
};

struct parsed_site {
    struct slice area;
    struct slice kind;
    struct slice tz;
    struct slice position;
    struct slice shifts; /* lists, see site_calendar.h */
    struct slice tariffs;
};

struct parsed_gateway {
    struct slice site;
    struct slice certificate_of;
    double tags_max; /* 0: none is given */
    bool enabled;
};

/* How a tag's value goes on between two samples. */
enum tag_interpolation {
    INTERPOLATE_BY_TYPE, /* float: straight from one to the other; else, and counters, as a step */
    INTERPOLATE_STEP,
    INTERPOLATE_LINEAR,
};

/* A list is its parts, each ended by a line feed, which none of them contains. */
struct parsed_tag {
    struct slice gateway;
    struct slice unit;
    struct slice equipment;
    struct slice role;
    struct slice states; /* list */
    struct slice expr;
    struct slice keep; /* class of its history */
    double low;
    double high;
    double scale;
    double offset;
    double deadband;
    double stale_s;
    double decimals;
    double modulus; /* 0: none */
    enum tag_type type;
    enum tag_interpolation interpolate;
    bool counter;
};

/* What a class says for its alarms, and each alarm for itself. Priorities: 0 is none. */
struct parsed_common {
    double on_delay_s;
    double off_delay_s;
    double priority;
    double realarm_s;
    double escalate_after_s;
    double escalate_priority;
    double max_shelve_s;
    enum alarm_ack_mode ack;
    enum alarm_on_bad on_bad;
    uint32_t uncertain; /* 1: counts as bad */
    bool latch;
    bool confirm;
    bool comment;
    bool shelvable;
};

struct parsed_class {
    struct parsed_common common;
    bool highly_managed;
};

struct parsed_group {
    struct slice suppress_when;
    double unsuppress_delay_s;
    bool first_out;
};

struct parsed_alarm {
    struct parsed_common common;
    enum alarm_kind kind;
    enum config_severity severity;
    uint32_t level; /* 0: none, then ll, l, h, hh */
    uint32_t per;   /* index in fields_per_us */
    struct slice tag;
    struct slice gateway;
    struct quantity limit;
    struct slice limit_tag;
    struct slice setpoint;
    struct slice command;
    struct slice feedback;
    struct slice states; /* list: "=2" is the number 2, ">open" the state of that name */
    struct slice expr;
    struct slice suppress_when;
    struct slice hidden_by;
    struct slice groups; /* list */
    struct slice class;
    struct slice position;
    struct model_text message;
    double after_s;
    double over_s;
    double target;
    double k;
    double h;
    double every_s;
    double deadband;
    double unsuppress_delay_s;
    bool inclusive;
    bool test;
    bool enabled;
    struct model_text cause;
    double time_to_act_s;
    double trip_point;
    struct slice reviewed_on; /* "2026-11-24" */
    struct slice next_review;
    bool snapshot;
};

struct config_parsed {
    uint64_t present; /* bit i: the i-th field of the kind's table was given */
    struct slice name;
    struct model_text title;
    union {
        struct parsed_site site;
        struct parsed_gateway gateway;
        struct parsed_tag tag;
        struct parsed_class class;
        struct parsed_group group;
        struct config_policy policy;
        struct parsed_alarm alarm;
    };
};

struct item {
    struct config_item pub; /* first: the two are converted into each other */
    uint32_t refs;
    uint64_t present;
    /* then the packed values, then all texts */
};

/* refs is 1. ERR_INVALID with faults, ERR_TOO_BIG with one fault, ERR_NOMEM. */
MUSTCHECK enum status item_new(enum config_kind kind, struct slice name, struct slice body,
                               struct faults *faults, struct item **ret);
/* The same content with another key and revision. NULL: no memory. */
struct item *item_with_key(const struct item *item, int64_t key, int64_t revision);
void item_release(struct item **item);
/* All fields; texts are the item's. */
void item_unpack(const struct item *item, struct config_parsed *ret);

/* The policy of the set, or the default one: what both of its items say. */
struct config_policy config_policy_of(const struct config_set *set);

/* The part of "SITE/LOCAL" before and behind the '/'; all of it and nothing if there is none. */
struct slice item_site_of(struct slice name);
struct slice item_local_of(struct slice name);
/* Takes the next part off a list; false at its end. */
bool item_list_next(struct slice *list, struct slice *ret);

#endif
