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

const char *alarm_kind_name(enum alarm_kind kind) {
    switch (kind) {
    case ALARM_HIGH:
        return "high";
    case ALARM_LOW:
        return "low";
    case ALARM_STALE:
        return "stale";
    case ALARM_COMM:
        return "comm";
    }
    check_failed(__FILE__, __LINE__, "alarm kind is one of the enum");
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
