/* The compiled configuration that the core runs on: flat arrays, indexes instead of pointers, one arena a
 * revision. Made by server/config, immutable afterwards. An index (site, gateway, tag, alarm) is valid within
 * one revision only; a key is the row's identity in PostgreSQL and stays for ever. Tags are grouped by site,
 * alarms by tag (comm alarms at the end), each in the order of configuration. Intervals in microseconds,
 * values in the tag's unit. */
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
    MODEL_NAME_MAX = 200,
};

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
    struct slice kind; /* "pump_station", … */
    uint32_t first_tag;
    uint32_t n_tags;
};

struct model_gateway {
    int64_t key;
    struct slice name; /* "gw-s1"; its certificate says urn:penstock:gateway:gw-s1 */
    struct model_text title;
    uint32_t site;
    uint32_t comm_alarm; /* alarm index of its one comm alarm */
    bool enabled;
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
    double deadband;  /* a change smaller than this is not shown as a change; 0: each one is */
    int64_t stale_us; /* no sample for so long while the link is up: bad/stale; 0: never */
    uint32_t site;
    uint32_t gateway;
    uint32_t first_alarm;
    uint32_t n_alarms;
    uint8_t decimals;
    enum tag_type type;
};

enum alarm_kind {
    ALARM_HIGH,  /* value > limit; returns below limit - deadband */
    ALARM_LOW,   /* value < limit; returns above limit + deadband */
    ALARM_STALE, /* the tag is stale */
    ALARM_COMM,  /* the gateway's link is down: one alarm for all its tags */
};

struct model_alarm {
    int64_t key;
    struct slice name; /* "S1/L_T1.high" */
    struct model_text message;
    double limit;
    double deadband;
    int64_t on_delay_us;
    int64_t off_delay_us;
    int64_t revision; /* configuration revision of this setting */
    uint32_t site;
    uint32_t tag;     /* MODEL_NONE for a comm alarm */
    uint32_t gateway; /* of the tag, or of the comm alarm */
    uint8_t priority; /* 1 critical … 4 low */
    enum alarm_kind kind;
    bool enabled;
};

struct model {
    struct arena arena;
    int64_t revision;
    struct model_site *sites;
    struct model_gateway *gateways;
    struct model_tag *tags;
    struct model_alarm *alarms;
    uint32_t n_sites;
    uint32_t n_gateways;
    uint32_t n_tags;
    uint32_t n_alarms;
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
/* "high", "low", "stale", "comm" */
const char *alarm_kind_name(enum alarm_kind kind);
const char *tag_type_name(enum tag_type type);

#endif
