#include "server/core/model.h"

#include "server/base/check.h"

#include <stdlib.h>

void model_free(struct model **m) {
    if (m == NULL || *m == NULL) {
        return;
    }
    map_done(&(*m)->site_by_name);
    map_done(&(*m)->gateway_by_name);
    map_done(&(*m)->tag_by_name);
    map_done(&(*m)->alarm_by_name);
    arena_done(&(*m)->arena);
    free(*m);
    *m = NULL;
}

static uint32_t find(const struct map *by_name, struct slice name) {
    uint32_t index = MODEL_NONE;
    return map_get(by_name, name, &index) ? index : MODEL_NONE;
}

uint32_t model_find_site(const struct model *m, struct slice name) {
    return find(&m->site_by_name, name);
}

uint32_t model_find_gateway(const struct model *m, struct slice name) {
    return find(&m->gateway_by_name, name);
}

uint32_t model_find_tag(const struct model *m, struct slice name) {
    return find(&m->tag_by_name, name);
}

uint32_t model_find_alarm(const struct model *m, struct slice name) {
    return find(&m->alarm_by_name, name);
}

const char *const alarm_kind_names[ALARM_KINDS + 1] = {
    [ALARM_HIGH] = "high",
    [ALARM_LOW] = "low",
    [ALARM_STALE] = "stale",
    [ALARM_COMM] = "comm",
    [ALARM_DEV] = "dev",
    [ALARM_ROC] = "roc",
    [ALARM_STATE] = "state",
    [ALARM_CHANGE] = "change",
    [ALARM_QUALITY] = "quality",
    [ALARM_DISC] = "disc",
    [ALARM_EXPR] = "expr",
    [ALARM_RUNTIME] = "runtime",
    [ALARM_TOTAL] = "total",
    [ALARM_CUSUM] = "cusum",
    [ALARM_CUSUM_LOW] = "cusum_low",
    [ALARM_CLOCK] = "clock",
    [ALARM_CERTIFICATE] = "certificate",
    [ALARM_DUPLICATE] = "duplicate",
    [ALARM_SERVER] = "server",
    [ALARM_KINDS] = NULL,
};

const char *alarm_kind_name(enum alarm_kind kind) {
    CHECK((unsigned)kind < ALARM_KINDS);
    return alarm_kind_names[kind];
}

bool alarm_kind_has_limit(enum alarm_kind kind) {
    switch (kind) {
    case ALARM_HIGH:
    case ALARM_LOW:
    case ALARM_DEV:
    case ALARM_ROC:
    case ALARM_RUNTIME:
    case ALARM_TOTAL:
    case ALARM_CUSUM:
    case ALARM_CUSUM_LOW:
    case ALARM_CERTIFICATE:
    case ALARM_SERVER:
        return true;
    case ALARM_STALE:
    case ALARM_COMM:
    case ALARM_STATE:
    case ALARM_CHANGE:
    case ALARM_QUALITY:
    case ALARM_DISC:
    case ALARM_EXPR:
    case ALARM_CLOCK:
    case ALARM_DUPLICATE:
        return false;
    }
    check_failed(__FILE__, __LINE__, "alarm kind is one of the enum");
}

bool alarm_kind_has_levels(enum alarm_kind kind) {
    return kind == ALARM_CERTIFICATE || kind == ALARM_SERVER;
}

bool alarm_kind_of_gateway(enum alarm_kind kind) {
    return kind == ALARM_COMM || kind == ALARM_CLOCK || kind == ALARM_CERTIFICATE || kind == ALARM_DUPLICATE;
}

const char *server_alarm_unit(enum server_alarm which) {
    static const char *const units[SERVER_ALARMS] = {
        [SERVER_DISK_FORECAST] = "d", [SERVER_DISK_FREE] = "%",      [SERVER_DISK_FULL] = "",
        [SERVER_HISTORY] = "min",     [SERVER_AUDIT_BEHIND] = "min", [SERVER_AUDIT_BROKEN] = "",
        [SERVER_SPOOL_ASIDE] = ""};
    CHECK((unsigned)which < SERVER_ALARMS);
    return units[which];
}

struct model_alarm_more model_alarm_more_none(void) {
    return (struct model_alarm_more){.limit_scale = 1,
                                     .second_scale = 1,
                                     .max_shelve_us = MODEL_SHELVE_MAX_US,
                                     .limit_tag = MODEL_NONE,
                                     .second_tag = MODEL_NONE,
                                     .program = MODEL_NONE,
                                     .suppress_program = MODEL_NONE,
                                     .hidden_by = MODEL_NONE};
}

const struct model_alarm_more *model_alarm_more(const struct model *m, uint32_t alarm) {
    static const struct model_alarm_more none = {.limit_scale = 1,
                                                 .second_scale = 1,
                                                 .max_shelve_us = MODEL_SHELVE_MAX_US,
                                                 .limit_tag = MODEL_NONE,
                                                 .second_tag = MODEL_NONE,
                                                 .program = MODEL_NONE,
                                                 .suppress_program = MODEL_NONE,
                                                 .hidden_by = MODEL_NONE};
    uint32_t more = m->alarms[alarm].more;
    return more == MODEL_NONE ? &none : &m->more[more];
}

bool model_alarm_snapshot(const struct model *m, uint32_t alarm) {
    uint8_t said = model_alarm_more(m, alarm)->snapshot;
    return said == SNAPSHOT_BY_PRIORITY ? m->alarms[alarm].priority == 1 : said == SNAPSHOT_YES;
}

const char *tag_type_name(enum tag_type type) {
    switch (type) {
    case TAG_FLOAT:
        return "float";
    case TAG_INT:
        return "int";
    case TAG_BOOL:
        return "bool";
    }
    check_failed(__FILE__, __LINE__, "tag type is one of the enum");
}
