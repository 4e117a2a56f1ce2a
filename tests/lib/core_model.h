/* A small model for tests of the core, without the configuration layer: fill a struct spec, change it, and
 * compile it again for the next revision. One site; keys are made from the places in the spec, so that they
 * stay when something else leaves. */
#ifndef PENSTOCK_TESTS_CORE_MODEL_H
#define PENSTOCK_TESTS_CORE_MODEL_H

#include "server/base/check.h"
#include "server/core/model.h"

#include <math.h>
#include <stdlib.h>

enum {
    SPEC_GATEWAYS = 4,
    SPEC_TAGS = 32,
    SPEC_ALARMS = 128,
    SPEC_KEY_GATEWAY = 10,
    SPEC_KEY_TAG = 100,
    SPEC_KEY_ALARM = 1000
};

struct spec_gateway {
    const char *name;
    bool disabled;
    bool absent;
};

struct spec_tag {
    const char *name;
    uint32_t gateway;
    double deadband;
    double stale_s;
    bool absent;
};

struct spec_alarm {
    const char *name;
    enum alarm_kind kind;
    uint32_t tag; /* MODEL_NONE for a comm alarm */
    uint32_t gateway;
    double limit;
    double deadband;
    double on_s;
    double off_s;
    uint8_t priority; /* 0: 3 */
    bool disabled;
    bool absent;
};

struct spec {
    int64_t revision;
    uint32_t n_gateways;
    uint32_t n_tags;
    uint32_t n_alarms;
    struct spec_gateway gateways[SPEC_GATEWAYS];
    struct spec_tag tags[SPEC_TAGS];
    struct spec_alarm alarms[SPEC_ALARMS];
};

static inline int64_t spec_us(double s) {
    return llround(s * 1e6);
}

static inline uint32_t spec_gateway_index(const struct model *m, uint32_t spec) {
    for (uint32_t i = 0; i < m->n_gateways; i++) {
        if (m->gateways[i].key == SPEC_KEY_GATEWAY + (int64_t)spec) {
            return i;
        }
    }
    return MODEL_NONE;
}

static inline uint32_t spec_tag_index(const struct model *m, uint32_t spec) {
    for (uint32_t i = 0; i < m->n_tags; i++) {
        if (m->tags[i].key == SPEC_KEY_TAG + (int64_t)spec) {
            return i;
        }
    }
    return MODEL_NONE;
}

static inline uint32_t spec_alarm_index(const struct model *m, uint32_t spec) {
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        if (m->alarms[i].key == SPEC_KEY_ALARM + (int64_t)spec) {
            return i;
        }
    }
    return MODEL_NONE;
}

static inline void spec_put_alarm(const struct spec *s, struct model *m, uint32_t spec) {
    const struct spec_alarm *a = &s->alarms[spec];
    uint32_t tag = a->kind == ALARM_COMM ? MODEL_NONE : spec_tag_index(m, a->tag);
    uint32_t gateway = a->kind == ALARM_COMM ? spec_gateway_index(m, a->gateway) : m->tags[tag].gateway;
    if (a->kind == ALARM_COMM) {
        m->gateways[gateway].comm_alarm = m->n_alarms;
    }
    m->alarm_texts[m->n_alarms] = (struct model_alarm_text){.name = slice_str(a->name)};
    m->alarms[m->n_alarms++] = (struct model_alarm){
        .key = SPEC_KEY_ALARM + (int64_t)spec,
        .limit = a->limit,
        .deadband = a->deadband,
        .on_delay_us = spec_us(a->on_s) + (a->kind == ALARM_STALE ? m->tags[tag].stale_us : 0),
        .off_delay_us = spec_us(a->off_s),
        .revision = s->revision,
        .tag = tag,
        .gateway = gateway,
        .priority = a->priority == 0 ? 3 : a->priority,
        .more = MODEL_NONE,
        .kind = (uint8_t)a->kind,
        .options = (uint8_t)(ALARM_SHELVABLE | (a->disabled ? 0 : ALARM_ENABLED)),
    };
}

/* Free it with model_free. */
static inline struct model *spec_model(const struct spec *s) {
    struct model *m = calloc(1, sizeof *m);
    CHECK(m != NULL);
    arena_init(&m->arena, 1 << 20);
    m->revision = s->revision;
    m->sites = arena_alloc(&m->arena, 1, sizeof *m->sites);
    m->gateways = arena_alloc(&m->arena, SPEC_GATEWAYS, sizeof *m->gateways);
    m->tags = arena_alloc(&m->arena, SPEC_TAGS, sizeof *m->tags);
    m->alarms = arena_alloc(&m->arena, SPEC_ALARMS, sizeof *m->alarms);
    m->alarm_texts = arena_alloc(&m->arena, SPEC_ALARMS, sizeof *m->alarm_texts);
    m->positions = arena_alloc(&m->arena, 1, sizeof *m->positions);
    CHECK(m->sites != NULL && m->gateways != NULL && m->tags != NULL && m->alarms != NULL);
    m->n_sites = 1;
    m->sites[0] = (struct model_site){.key = 1, .name = slice_str("S1")};
    for (uint32_t i = 0; i < s->n_gateways; i++) {
        if (!s->gateways[i].absent) {
            m->gateways[m->n_gateways++] = (struct model_gateway){.key = SPEC_KEY_GATEWAY + (int64_t)i,
                                                                  .name = slice_str(s->gateways[i].name),
                                                                  .comm_alarm = MODEL_NONE,
                                                                  .clock_alarm = MODEL_NONE,
                                                                  .enabled = !s->gateways[i].disabled};
        }
    }
    for (uint32_t i = 0; i < s->n_tags; i++) {
        if (!s->tags[i].absent) {
            m->tags[m->n_tags++] = (struct model_tag){.key = SPEC_KEY_TAG + (int64_t)i,
                                                      .name = slice_str(s->tags[i].name),
                                                      .scale = 1,
                                                      .low = -1e9,
                                                      .high = 1e9,
                                                      .deadband = s->tags[i].deadband,
                                                      .stale_us = spec_us(s->tags[i].stale_s),
                                                      .program = MODEL_NONE,
                                                      .gateway = spec_gateway_index(m, s->tags[i].gateway)};
        }
    }
    m->sites[0].n_tags = m->n_tags;
    for (uint32_t tag = 0; tag < s->n_tags; tag++) {
        for (uint32_t i = 0; i < s->n_alarms; i++) {
            if (!s->alarms[i].absent && s->alarms[i].kind != ALARM_COMM && s->alarms[i].tag == tag) {
                spec_put_alarm(s, m, i);
            }
        }
    }
    for (uint32_t i = 0; i < s->n_alarms; i++) {
        if (!s->alarms[i].absent && s->alarms[i].kind == ALARM_COMM) {
            spec_put_alarm(s, m, i);
        }
    }
    return m;
}

#endif
