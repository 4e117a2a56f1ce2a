/* Small models for tests of the backtest: one site, gateways "gw-0"…, tags "S1/T0"… of gateway 0 unless said
 * otherwise, limit alarms of tags and comm alarms of gateways, each with its settings given. */
#ifndef PENSTOCK_TESTS_PAST_MODEL_H
#define PENSTOCK_TESTS_PAST_MODEL_H

#include "server/base/check.h"
#include "server/core/model.h"
#include "server/core/rule.h"

#include <math.h>
#include <stdlib.h>

enum { PAST_TAGS = 8, PAST_ALARMS = 16, PAST_GATEWAYS = 2 };

struct past_alarm {
    const char *name;
    enum alarm_kind kind;
    uint32_t tag; /* ignored for a comm alarm: it is of gateway 0 */
    double limit;
    double deadband;
    double on_s;
    double off_s;
    uint8_t options;  /* beside ALARM_ENABLED */
    uint8_t position; /* 0 or 1 */
};

struct past_spec {
    uint32_t n_tags;
    uint32_t n_alarms;
    double scale;     /* of all tags; 0: 1 */
    uint32_t new_tag; /* its key is 0, plus one; 0: none */
    uint32_t gateway_of_tag[PAST_TAGS];
    const char *suppress_first;            /* rule that suppresses the first alarm; NULL: none */
    struct past_alarm alarms[PAST_ALARMS]; /* of one tag together */
};

static inline void past_add_alarm(struct model *m, const struct past_alarm *a) {
    uint32_t at = m->n_alarms++;
    bool comm = a->kind == ALARM_COMM;
    if (comm) {
        m->gateways[0].comm_alarm = at;
    }
    m->alarm_texts[at].name = slice_str(a->name);
    m->alarms[at] = (struct model_alarm){
        .key = 100 + at,
        .limit = a->limit,
        .deadband = a->deadband,
        .on_delay_us = llround(a->on_s * 1e6),
        .off_delay_us = llround(a->off_s * 1e6),
        .tag = comm ? MODEL_NONE : a->tag,
        .gateway = comm ? 0 : m->tags[a->tag].gateway,
        .more = MODEL_NONE,
        .kind = (uint8_t)a->kind,
        .priority = 2,
        .options = (uint8_t)(ALARM_ENABLED | a->options),
        .position = a->position,
    };
    enum status status = map_put(&m->alarm_by_name, m->alarm_texts[at].name, at);
    CHECK(status == OK);
}

static inline void past_allocate(struct model *m) {
    static const uint64_t seed[2] = {1, 2};
    arena_init(&m->arena, 1 << 20);
    m->sites = arena_alloc(&m->arena, 1, sizeof *m->sites);
    m->gateways = arena_alloc(&m->arena, PAST_GATEWAYS, sizeof *m->gateways);
    m->tags = arena_alloc(&m->arena, PAST_TAGS, sizeof *m->tags);
    m->alarms = arena_alloc(&m->arena, PAST_ALARMS, sizeof *m->alarms);
    m->alarm_texts = arena_alloc(&m->arena, PAST_ALARMS, sizeof *m->alarm_texts);
    m->positions = arena_alloc(&m->arena, 2, sizeof *m->positions);
    CHECK(m->sites != NULL && m->gateways != NULL && m->tags != NULL && m->alarms != NULL);
    CHECK(m->alarm_texts != NULL && m->positions != NULL);
    enum status status = map_init(&m->gateway_by_name, PAST_GATEWAYS, seed, NULL);
    CHECK(status == OK);
    status = map_init(&m->site_by_name, 1, seed, NULL);
    CHECK(status == OK);
    status = map_init(&m->tag_by_name, PAST_TAGS, seed, NULL);
    CHECK(status == OK);
    status = map_init(&m->alarm_by_name, PAST_ALARMS, seed, NULL);
    CHECK(status == OK);
}

static inline bool past_find(const void *ctx, struct slice name, struct rule_symbol *ret) {
    *ret = (struct rule_symbol){.tag = model_find_tag(ctx, name), .type = RULE_NUMBER};
    return ret->tag != MODEL_NONE;
}

static inline void past_suppress(struct model *m, const char *rule) {
    const struct rule_scope scope = {.ctx = m, .find = past_find};
    struct rule_builder *builder = NULL;
    struct rule_set *rules = NULL;
    enum status status = rule_builder_new(&builder, NULL);
    m->more = arena_alloc(&m->arena, 1, sizeof *m->more);
    CHECK(m->more != NULL);
    m->more[0] = model_alarm_more_none();
    m->n_more = 1;
    m->alarms[0].more = 0;
    status = status == OK ? rule_builder_add(builder, slice_str(rule), &scope, RULE_WANT_BOOL,
                                             slice_str(NULL), &m->more[0].suppress_program, NULL)
                          : status;
    status = status == OK ? rule_builder_finish(builder, &m->arena, &rules, NULL) : status;
    CHECK(status == OK);
    m->rules = rules;
    rule_builder_free(&builder);
}

/* Free it with model_free. */
static inline struct model *past_model(const struct past_spec *s) {
    static const char *const gateways[PAST_GATEWAYS] = {"gw-0", "gw-1"};
    static const char *const tags[PAST_TAGS] = {"S1/T0", "S1/T1", "S1/T2", "S1/T3",
                                                "S1/T4", "S1/T5", "S1/T6", "S1/T7"};
    struct model *m = calloc(1, sizeof *m);
    CHECK(m != NULL);
    past_allocate(m);
    m->n_sites = 1;
    m->sites[0] = (struct model_site){.key = 1, .name = slice_str("S1"), .n_tags = s->n_tags};
    enum status status = map_put(&m->site_by_name, m->sites[0].name, 0);
    m->n_positions = 2;
    m->positions[0] = slice_str("main");
    m->positions[1] = slice_str("heat");
    for (uint32_t i = 0; i < PAST_GATEWAYS; i++) {
        m->gateways[m->n_gateways++] = (struct model_gateway){.key = 10 + i,
                                                              .name = slice_str(gateways[i]),
                                                              .comm_alarm = MODEL_NONE,
                                                              .clock_alarm = MODEL_NONE,
                                                              .certificate_alarm = MODEL_NONE,
                                                              .duplicate_alarm = MODEL_NONE,
                                                              .enabled = true};
        status = status == OK ? map_put(&m->gateway_by_name, m->gateways[i].name, i) : status;
    }
    for (uint32_t i = 0; i < s->n_tags; i++) {
        m->tags[m->n_tags++] = (struct model_tag){.key = s->new_tag == i + 1 ? 0 : 50 + i,
                                                  .name = slice_str(tags[i]),
                                                  .scale = s->scale > 0 ? s->scale : 1,
                                                  .low = 0,
                                                  .high = 100,
                                                  .gateway = s->gateway_of_tag[i],
                                                  .program = MODEL_NONE};
        status = status == OK ? map_put(&m->tag_by_name, m->tags[i].name, i) : status;
    }
    CHECK(status == OK);
    for (uint32_t i = 0; i < s->n_alarms; i++) {
        past_add_alarm(m, &s->alarms[i]);
    }
    if (s->suppress_first != NULL) {
        past_suppress(m, s->suppress_first);
    }
    return m;
}

#endif
