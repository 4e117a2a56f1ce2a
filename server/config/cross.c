#include "server/config/cross.h"

#include <stdio.h>

enum { POINTER_SIZE = sizeof(((struct config_fault *)0)->pointer) };

static void point(char pointer[POINTER_SIZE], enum config_kind kind, struct slice name, const char *field) {
    pointer[0] = '\0';
    faults_pointer_add(pointer, slice_str(config_kind_name(kind)));
    faults_pointer_add(pointer, name);
    faults_pointer_add(pointer, slice_str(field));
}

void cross_unknown(struct faults *f, const struct config_item *item, const char *field, struct slice name) {
    char pointer[POINTER_SIZE];
    point(pointer, item->kind, item->name, field);
    faults_add(f, pointer, "is \"%.*s\", but there is no such %s; name one that is configured, or add it",
               SLICE_ARG(name), field);
}

void cross_unknown_site(struct faults *f, const struct config_item *item) {
    char pointer[POINTER_SIZE];
    point(pointer, item->kind, item->name, "name");
    faults_add(f, pointer,
               "begins with site \"%.*s\", but there is no such site; add it, or correct the name",
               SLICE_ARG(item_site_of(item->name)));
}

void cross_tag(struct faults *f, const struct model *m, uint32_t tag, const struct config_item *item) {
    const struct model_tag *t = &m->tags[tag];
    const struct model_gateway *g = &m->gateways[t->gateway];
    if (g->site == t->site || g->site == MODEL_NONE) {
        return;
    }
    char pointer[POINTER_SIZE];
    point(pointer, CONFIG_TAG, item->name, "gateway");
    faults_add(f, pointer,
               "is \"%.*s\" of site %.*s, but the tag is of site %.*s; both must be of the same site",
               SLICE_ARG(g->name), SLICE_ARG(m->sites[g->site].name), SLICE_ARG(m->sites[t->site].name));
}

void cross_tag_alarm(struct faults *f, const struct model_tag *tag, const struct model_alarm *a,
                     const struct config_item *item) {
    char pointer[POINTER_SIZE];
    if (a->kind == ALARM_STALE) {
        if (tag->stale_us == 0) {
            point(pointer, CONFIG_ALARM, item->name, "tag");
            faults_add(f, pointer,
                       "has stale_s 0, so it never becomes stale and the alarm never rings; set its "
                       "stale_s, or remove the alarm");
        }
        return;
    }
    if (a->limit < tag->low || a->limit > tag->high) {
        point(pointer, CONFIG_ALARM, item->name, "limit");
        faults_add(f, pointer, "is %.10g; it must be within the range of its tag, %.10g to %.10g", a->limit,
                   tag->low, tag->high);
        return;
    }
    double returns_at = a->kind == ALARM_HIGH ? a->limit - a->deadband : a->limit + a->deadband;
    if (returns_at < tag->low || returns_at > tag->high) {
        point(pointer, CONFIG_ALARM, item->name, "deadband");
        faults_add(f, pointer,
                   "is %.10g, so that the alarm would return only at %.10g, outside the range of its "
                   "tag, %.10g to %.10g; make it smaller",
                   a->deadband, returns_at, tag->low, tag->high);
    }
}

void cross_comm_site(struct faults *f, const struct model *m, uint32_t gateway,
                     const struct config_item *item) {
    const struct model_gateway *g = &m->gateways[gateway];
    if (g->site == MODEL_NONE) {
        return;
    }
    char pointer[POINTER_SIZE];
    point(pointer, CONFIG_ALARM, item->name, "name");
    faults_add(f, pointer,
               "is of site %.*s, but gateway %.*s is of site %.*s; its comm alarm is %.*s/%.*s.comm",
               SLICE_ARG(item_site_of(item->name)), SLICE_ARG(g->name), SLICE_ARG(m->sites[g->site].name),
               SLICE_ARG(m->sites[g->site].name), SLICE_ARG(g->name));
}

void cross_comm_alarms(struct faults *f, const struct model *m) {
    for (uint32_t i = 0; i < m->n_gateways; i++) {
        const struct model_gateway *g = &m->gateways[i];
        if (g->comm_alarm == MODEL_NONE && g->site != MODEL_NONE) {
            char pointer[POINTER_SIZE];
            point(pointer, CONFIG_GATEWAY, g->name, "name");
            faults_add(f, pointer, "has no alarm for its link; add alarm %.*s/%.*s.comm of kind comm",
                       SLICE_ARG(m->sites[g->site].name), SLICE_ARG(g->name));
        }
    }
}

static void check_tag_limits(struct faults *f, const struct model *m, const struct model_tag *t) {
    const struct model_alarm *highest_low = NULL;
    const struct model_alarm *lowest_high = NULL;
    for (uint32_t i = t->first_alarm; i < t->first_alarm + t->n_alarms; i++) {
        const struct model_alarm *a = &m->alarms[i];
        if (a->kind == ALARM_LOW && (highest_low == NULL || a->limit > highest_low->limit)) {
            highest_low = a;
        }
        if (a->kind == ALARM_HIGH && (lowest_high == NULL || a->limit < lowest_high->limit)) {
            lowest_high = a;
        }
    }
    if (highest_low != NULL && lowest_high != NULL && highest_low->limit >= lowest_high->limit) {
        char pointer[POINTER_SIZE];
        point(pointer, CONFIG_ALARM, m->alarm_texts[highest_low - m->alarms].name, "limit");
        faults_add(f, pointer,
                   "is %.10g; a low limit must be below the high limits of the same tag, and %.*s is "
                   "at %.10g",
                   highest_low->limit, SLICE_ARG(m->alarm_texts[lowest_high - m->alarms].name), lowest_high->limit);
    }
}

void cross_low_below_high(struct faults *f, const struct model *m) {
    for (uint32_t i = 0; i < m->n_tags; i++) {
        check_tag_limits(f, m, &m->tags[i]);
    }
}
