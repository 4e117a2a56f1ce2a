#include "server/base/check.h"
#include "server/config/alarm_item.h"
#include "server/config/compile.h"
#include "server/config/fields.h"
#include "server/config/limit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A comm alarm that says nothing else. */
#define COMM_AFTER_S 30

/* One alarm on its way into the model. */
struct making {
    struct compile *c;
    const struct config_item *item;
    struct config_parsed p; /* with what its class says */
    uint64_t own;           /* fields that it gives itself */
    struct model_alarm *a;
    struct model_alarm_more more;
    uint32_t index;
};

static bool given(const struct making *k, const char *field) {
    return (k->p.present & field_bit(CONFIG_ALARM, field)) != 0;
}

static bool given_itself(const struct making *k, const char *field) {
    return (k->own & field_bit(CONFIG_ALARM, field)) != 0;
}

static struct faults *faults_of(const struct making *k) {
    return &k->c->faults;
}

/* --- what it refers to */

/* MODEL_NONE and a fault if there is no such tag. */
static uint32_t find_tag(const struct making *k, const char *field, struct slice name) {
    uint32_t tag = model_find_tag(k->c->m, name);
    if (tag == MODEL_NONE) {
        cross_unknown(faults_of(k), k->item, field, CONFIG_TAG, name);
    }
    return tag;
}

static void take_class(struct making *k) {
    struct slice name = k->p.alarm.class;
    if (name.n == 0) {
        return;
    }
    const struct config_item *class = config_set_find(k->c->set, CONFIG_CLASS, name);
    if (class == NULL) {
        cross_unknown(faults_of(k), k->item, "class", CONFIG_CLASS, name);
        return;
    }
    struct config_parsed defaults;
    item_unpack((const struct item *)(const void *)class, &defaults); /* pub is the item's first member */
    fields_take_class(&k->p, &defaults);
}

static void resolve_gateway_alarm(struct making *k) {
    struct model *m = k->c->m;
    k->a->gateway = model_find_gateway(m, k->p.alarm.gateway);
    if (k->a->gateway == MODEL_NONE) {
        cross_unknown(faults_of(k), k->item, "gateway", CONFIG_GATEWAY, k->p.alarm.gateway);
        return;
    }
    struct model_gateway *g = &m->gateways[k->a->gateway];
    if (g->site != k->a->site) {
        cross_gateway_site(faults_of(k), m, k->a->gateway, k->item);
    } else if (k->a->kind == ALARM_COMM) {
        g->comm_alarm = k->index;
    } else if (k->a->kind == ALARM_CLOCK) {
        g->clock_alarm = k->index;
    } else if (k->a->kind == ALARM_CERTIFICATE) {
        g->certificate_alarm = k->index;
    } else {
        g->duplicate_alarm = k->index;
    }
}

/* Of a gateway, or one of the server's, which its name tells. */
static void resolve_certificate(struct making *k) {
    if (k->p.alarm.gateway.n > 0) {
        resolve_gateway_alarm(k);
        return;
    }
    for (unsigned i = 0; i < SERVER_CERTIFICATES; i++) {
        if (slice_is(k->item->name, alarm_item_server((enum server_certificate)i))) {
            k->c->m->server_alarms[i] = k->index;
        }
    }
}

/* Its name tells which one it is. */
static void resolve_own(struct making *k) {
    for (unsigned i = 0; i < SERVER_ALARMS; i++) {
        if (slice_is(k->item->name, alarm_item_own((enum server_alarm)i))) {
            k->c->m->server_own[i] = k->index;
        }
    }
}

/* The value of the other tag in the unit of the alarm's own. */
static uint32_t other_tag(struct making *k, const char *field, struct slice name, double *ret_scale,
                          double *ret_offset) {
    const struct model *m = k->c->m;
    uint32_t other = find_tag(k, field, name);
    if (other == MODEL_NONE || k->a->tag == MODEL_NONE) {
        return other;
    }
    const struct model_tag *own = &m->tags[k->a->tag];
    const struct model_tag *tag = &m->tags[other];
    if ((own->type == TAG_BOOL) != (tag->type == TAG_BOOL)) {
        cross_fault(faults_of(k), "E_TYPE", k->item, field,
                    "is of type %s and %.*s of type %s; they cannot be compared", tag_type_name(tag->type),
                    SLICE_ARG(own->name), tag_type_name(own->type));
    } else if (!limit_of_tag(tag->unit, own->unit, ret_scale, ret_offset)) {
        cross_fault(faults_of(k), "E_UNIT", k->item, field,
                    "is in \"%.*s\", which does not convert to \"%.*s\" of %.*s", SLICE_ARG(tag->unit),
                    SLICE_ARG(own->unit), SLICE_ARG(own->name));
    }
    return other;
}

/* Which types of tags a kind can watch. */
static bool fits_type(enum alarm_kind kind, enum tag_type type) {
    switch (kind) {
    case ALARM_CHANGE:
    case ALARM_STALE:
    case ALARM_QUALITY:
    case ALARM_DISC:
        return true;
    case ALARM_STATE:
        return type != TAG_FLOAT;
    case ALARM_RUNTIME:
        return type == TAG_BOOL;
    case ALARM_HIGH:
    case ALARM_LOW:
    case ALARM_DEV:
    case ALARM_ROC:
    case ALARM_TOTAL:
    case ALARM_CUSUM:
    case ALARM_CUSUM_LOW:
        return type != TAG_BOOL;
    case ALARM_COMM:
    case ALARM_CLOCK:
    case ALARM_CERTIFICATE:
    case ALARM_DUPLICATE:
    case ALARM_SERVER:
    case ALARM_EXPR:
        break;
    }
    check_failed(__FILE__, __LINE__, "alarms of that kind watch no tag");
}

static void resolve_tag(struct making *k) {
    const struct parsed_alarm *p = &k->p.alarm;
    bool disc = k->a->kind == ALARM_DISC;
    const char *field = disc ? "command" : "tag";
    k->a->tag = find_tag(k, field, disc ? p->command : p->tag);
    if (k->a->tag == MODEL_NONE) {
        return;
    }
    const struct model_tag *tag = &k->c->m->tags[k->a->tag];
    k->a->gateway = tag->gateway;
    if (!fits_type(k->p.alarm.kind, tag->type)) {
        cross_fault(faults_of(k), "E_TYPE", k->item, field,
                    "is of type %s; an alarm of kind %s cannot watch that", tag_type_name(tag->type),
                    alarm_kind_name(p->kind));
    }
    if (p->kind == ALARM_STALE && tag->program != MODEL_NONE) {
        cross_fault(
            faults_of(k), "E_TAG", k->item, field,
            "is calculated, so that no message of it can stay away; watch the tags that it is made of");
    }
}

/* --- limits */

static void set_limit(struct making *k) {
    const struct parsed_alarm *p = &k->p.alarm;
    const char *wanted = "";
    struct slice unit = k->a->tag == MODEL_NONE ? (struct slice){0} : k->c->m->tags[k->a->tag].unit;
    if (!limit_in_unit(p->kind, p->limit, unit, fields_per_us(p->per), &k->a->limit, &wanted)) {
        cross_fault(faults_of(k), "E_UNIT", k->item, "limit",
                    "is in \"%.*s\"; it must be in %s (its tag is in \"%.*s\")", SLICE_ARG(p->limit.unit),
                    wanted, SLICE_ARG(unit));
    } else if (!isfinite(k->a->limit)) {
        cross_fault(faults_of(k), "E_RANGE", k->item, "limit", "is no number that can be compared");
    } else if (k->a->tag != MODEL_NONE) {
        cross_limit(faults_of(k), &k->c->m->tags[k->a->tag], k->a, k->item);
    }
}

static void set_limit_tag(struct making *k) {
    k->a->limit = NAN;
    k->more.limit_tag =
        other_tag(k, "limit_tag", k->p.alarm.limit_tag, &k->more.limit_scale, &k->more.limit_offset);
    if (k->a->kind == ALARM_DEV) {
        k->more.limit_offset = 0; /* a difference has no zero to be moved */
    }
}

static void set_cusum(struct making *k) {
    k->a->limit = k->p.alarm.h;
    k->more.target = k->p.alarm.target;
    k->more.k = k->p.alarm.k;
    k->more.every_us = compile_us(k->p.alarm.every_s);
}

/* Values of the states, each by its number or by the tag's name for it. */
static void set_states(struct making *k) {
    struct model *m = k->c->m;
    const struct model_tag *tag = k->a->tag == MODEL_NONE ? NULL : &m->tags[k->a->tag];
    struct slice left = k->p.alarm.states;
    struct slice part = {0};
    double *states = arena_alloc(&m->arena, MODEL_STATES_MAX, sizeof *states);
    if (states == NULL) {
        k->c->no_memory = true;
        return;
    }
    while (tag != NULL && item_list_next(&left, &part)) {
        char number[32];
        struct slice name = slice_of(part.p + 1, part.n - 1);
        uint32_t value = 0;
        if (part.p[0] == '=') {
            (void)snprintf(number, sizeof number, "%.*s", SLICE_ARG(name));
            states[k->more.n_states++] = strtod(number, NULL);
            continue;
        }
        while (value < tag->n_states && !slice_eq(tag->states[value], name)) {
            value++;
        }
        if (value == tag->n_states) {
            cross_fault(faults_of(k), "E_RANGE", k->item, "states",
                        "has \"%.*s\", but %.*s has no state of that name", SLICE_ARG(name),
                        SLICE_ARG(tag->name));
        } else {
            states[k->more.n_states++] = value;
        }
    }
    k->more.states = states;
}

static void set_rate(struct making *k) {
    char source[2 * MODEL_NAME_MAX];
    if (k->a->tag == MODEL_NONE || k->c->m->tags[k->a->tag].type == TAG_BOOL) {
        return; /* a fault already */
    }
    struct slice name = k->c->m->tags[k->a->tag].name;
    int64_t over_ms = compile_us(k->p.alarm.over_s) / 1000;
    bool seconds = over_ms % 1000 == 0;
    (void)snprintf(source, sizeof source, "abs(rate(\"%.*s\", %lld%s))", SLICE_ARG(name),
                   (long long)(seconds ? over_ms / 1000 : over_ms), seconds ? "s" : "ms");
    k->more.program = compile_rule(k->c, k->item, "over_s", slice_str(source), k->a->site, RULE_WANT_NUMBER,
                                   (struct slice){0});
}

static void resolve_numeric(struct making *k) {
    resolve_tag(k);
    k->a->deadband = k->p.alarm.deadband;
    if (k->p.alarm.limit_tag.n > 0) {
        set_limit_tag(k);
    } else {
        set_limit(k);
    }
}

static void resolve(struct making *k) {
    const struct parsed_alarm *p = &k->p.alarm;
    switch (p->kind) {
    case ALARM_COMM:
    case ALARM_CLOCK:
    case ALARM_DUPLICATE:
        resolve_gateway_alarm(k);
        return;
    case ALARM_CERTIFICATE:
        resolve_certificate(k);
        return;
    case ALARM_SERVER:
        resolve_own(k);
        return;
    case ALARM_HIGH:
    case ALARM_LOW:
        resolve_numeric(k);
        return;
    case ALARM_DEV:
        resolve_numeric(k);
        k->more.second_tag =
            other_tag(k, "setpoint", p->setpoint, &k->more.second_scale, &k->more.second_offset);
        return;
    case ALARM_ROC:
        resolve_numeric(k);
        set_rate(k);
        return;
    case ALARM_RUNTIME:
        resolve_numeric(k);
        return;
    case ALARM_TOTAL:
        resolve_numeric(k);
        k->more.every_us = fields_per_us(p->per);
        return;
    case ALARM_CUSUM:
    case ALARM_CUSUM_LOW:
        resolve_tag(k);
        set_cusum(k);
        return;
    case ALARM_STATE:
        resolve_tag(k);
        set_states(k);
        return;
    case ALARM_CHANGE:
    case ALARM_STALE:
    case ALARM_QUALITY:
        resolve_tag(k);
        return;
    case ALARM_DISC:
        resolve_tag(k);
        k->more.second_tag =
            other_tag(k, "feedback", p->feedback, &k->more.second_scale, &k->more.second_offset);
        return;
    case ALARM_EXPR:
        k->more.program =
            compile_rule(k->c, k->item, "expr", p->expr, k->a->site, RULE_WANT_BOOL, (struct slice){0});
        return;
    }
}

/* --- what all alarms have */

static void set_delays(struct making *k) {
    const struct parsed_alarm *p = &k->p.alarm;
    k->a->on_delay_us = compile_us(p->common.on_delay_s);
    k->a->off_delay_us = compile_us(p->common.off_delay_s);
    if (p->kind == ALARM_CHANGE) {
        k->a->on_delay_us = k->a->off_delay_us = 0; /* raised and returned in one instant */
    } else if (p->kind == ALARM_DUPLICATE) {
        k->a->on_delay_us = 0; /* an attempt is a moment */
    } else if (p->kind == ALARM_COMM) {
        double otherwise = given_itself(k, "on_delay_s") ? p->common.on_delay_s : COMM_AFTER_S;
        k->a->on_delay_us = compile_us(given(k, "after_s") ? p->after_s : otherwise);
    } else if (p->kind == ALARM_STALE) {
        int64_t of_tag = k->a->tag == MODEL_NONE ? 0 : k->c->m->tags[k->a->tag].stale_us;
        int64_t after_us = given(k, "after_s") ? compile_us(p->after_s) : of_tag;
        if (after_us == 0 && given(k, "after_s")) {
            cross_fault(faults_of(k), "E_RANGE", k->item, "after_s", "is 0; it must be a time above it");
        } else if (after_us == 0 && k->a->tag != MODEL_NONE &&
                   k->c->m->tags[k->a->tag].program == MODEL_NONE) {
            cross_fault(faults_of(k), "E_MISSING", k->item, "tag",
                        "has stale_s 0, so it never becomes stale and the alarm never rings; give after_s, "
                        "set the tag's stale_s, or remove the alarm");
        }
        k->a->on_delay_us += after_us;
    }
}

static void set_priority(struct making *k) {
    const struct parsed_alarm *p = &k->p.alarm;
    double priority = p->common.priority;
    if (!given_itself(k, "priority") && given(k, "severity") && given(k, "time_to_act_s")) {
        priority = config_policy_priority(&k->c->policy, p->severity, p->time_to_act_s);
    }
    if (priority == 0) {
        cross_fault(faults_of(k), "E_PRIO", k->item, "priority",
                    "is missing, and its class says nothing either; give it, or severity and time_to_act_s");
    }
    k->a->priority = (uint8_t)priority; /* 1 to 4 */
}

static void set_escalation(struct making *k) {
    const struct parsed_common *c = &k->p.alarm.common;
    if (c->escalate_after_s > 0 && c->escalate_priority == 0) {
        cross_fault(faults_of(k), "E_MISSING", k->item, "escalate_priority",
                    "is missing; say to which priority it rises after escalate_after_s");
        return;
    }
    bool rises = c->escalate_priority < k->a->priority;
    if (c->escalate_priority > 0 && !rises && given_itself(k, "escalate_priority")) {
        cross_fault(faults_of(k), "E_PRIO", k->item, "escalate_priority",
                    "is %.0f, but the alarm has priority %d; 1 is the most urgent, and it can only rise",
                    c->escalate_priority, k->a->priority);
        return;
    }
    if (c->escalate_after_s > 0 && rises) {
        k->more.escalate_us = compile_us(c->escalate_after_s);
        k->more.escalate_priority = (uint8_t)c->escalate_priority; /* 1 to 4 */
    }
}

static void set_options(struct making *k) {
    const struct parsed_alarm *p = &k->p.alarm;
    const struct parsed_common *c = &p->common;
    unsigned options = (p->enabled ? ALARM_ENABLED : 0U) | (p->inclusive ? ALARM_INCLUSIVE : 0U) |
                       (c->latch ? ALARM_LATCH : 0U) | (c->confirm ? ALARM_CONFIRM : 0U) |
                       (c->comment ? ALARM_COMMENT : 0U) | (c->shelvable ? ALARM_SHELVABLE : 0U) |
                       (c->uncertain != 0 ? ALARM_UNCERTAIN_BAD : 0U) | (p->test ? ALARM_TEST : 0U);
    k->a->options = (uint8_t)options; /* eight bits, see enum alarm_option */
    k->a->ack_mode = (uint8_t)c->ack;
    k->a->on_bad = (uint8_t)c->on_bad;
    k->more.realarm_us = compile_us(c->realarm_s);
    k->more.max_shelve_us = compile_us(c->max_shelve_s);
    if (c->latch && c->ack == ACK_NONE) {
        cross_fault(faults_of(k), "E_LATCH_ACK", k->item, given_itself(k, "ack") ? "ack" : "latch",
                    "does not go with its class: with ack none nobody would acknowledge what must be reset");
    }
}

static void set_position(struct making *k) {
    struct slice name = k->p.alarm.position;
    k->a->position = name.n > 0 ? compile_position(k->c, name, k->item) : k->c->site_positions[k->a->site];
}

static void set_suppression(struct making *k) {
    const struct parsed_alarm *p = &k->p.alarm;
    k->more.unsuppress_us = compile_us(p->unsuppress_delay_s);
    if (p->suppress_when.n > 0) {
        k->more.suppress_program = compile_rule(k->c, k->item, "suppress_when", p->suppress_when, k->a->site,
                                                RULE_WANT_BOOL, (struct slice){0});
    }
    k->more.level = (uint8_t)p->level; /* 0 to 4 */
    if (given_itself(k, "snapshot")) {
        k->more.snapshot = p->snapshot ? SNAPSHOT_YES : SNAPSHOT_NO;
    }
    if (p->hidden_by.n > 0) {
        k->more.hidden_by = model_find_alarm(k->c->m, p->hidden_by);
        if (k->more.hidden_by == MODEL_NONE) {
            cross_unknown(faults_of(k), k->item, "hidden_by", CONFIG_ALARM, p->hidden_by);
        }
    }
}

static void set_groups(struct making *k) {
    struct slice left = k->p.alarm.groups;
    struct slice name = {0};
    uint32_t most = 0;
    for (size_t i = 0; i < left.n; i++) {
        most += left.p[i] == '\n' ? 1 : 0;
    }
    uint32_t *groups = most == 0 ? NULL : arena_alloc(&k->c->m->arena, most, sizeof *groups);
    if (most > 0 && groups == NULL) {
        k->c->no_memory = true;
        return;
    }
    while (item_list_next(&left, &name)) {
        if (map_get(&k->c->group_by_name, name, &groups[k->more.n_groups])) {
            k->more.n_groups++;
        } else {
            cross_unknown(faults_of(k), k->item, "groups", CONFIG_GROUP, name);
        }
    }
    k->more.groups = groups;
}

/* --- what is rare */

static bool is_rare(const struct model_alarm_more *m) {
    const struct model_alarm_more none = model_alarm_more_none();
    bool numbers = m->limit_scale != none.limit_scale || m->limit_offset != none.limit_offset ||
                   m->second_scale != none.second_scale || m->second_offset != none.second_offset ||
                   m->target != none.target || m->k != none.k;
    bool times = m->every_us != none.every_us || m->unsuppress_us != none.unsuppress_us ||
                 m->realarm_us != none.realarm_us || m->escalate_us != none.escalate_us ||
                 m->max_shelve_us != none.max_shelve_us;
    bool references = m->n_states > 0 || m->n_groups > 0 || m->limit_tag != MODEL_NONE ||
                      m->second_tag != MODEL_NONE || m->program != MODEL_NONE ||
                      m->suppress_program != MODEL_NONE || m->hidden_by != MODEL_NONE || m->level > 0 ||
                      m->snapshot != none.snapshot;
    return numbers || times || references;
}

static void keep_more(struct making *k) {
    struct compile *c = k->c;
    k->a->more = MODEL_NONE;
    if (!is_rare(&k->more)) {
        return;
    }
    if (c->m->n_more == c->cap_more) {
        uint32_t cap = c->cap_more < 64 ? 64 : c->cap_more * 2;
        struct model_alarm_more *more = realloc(c->more, cap * sizeof *more);
        if (more == NULL) {
            c->no_memory = true;
            return;
        }
        c->more = more;
        c->cap_more = cap;
    }
    k->a->more = c->m->n_more;
    c->more[c->m->n_more++] = k->more;
}

/* --- all of them */

static void add_alarm(struct compile *c, uint32_t i) {
    const struct item *item = compile_item(c, CONFIG_ALARM, i);
    struct making k = {
        .c = c, .item = &item->pub, .a = &c->m->alarms[i], .more = model_alarm_more_none(), .index = i};
    item_unpack(item, &k.p);
    k.own = k.p.present;
    take_class(&k);
    c->m->alarm_texts[i].message = compile_texts(c, k.p.alarm.message);
    *k.a = (struct model_alarm){.key = item->pub.key,
                                .revision = item->pub.revision,
                                .kind = (uint8_t)k.p.alarm.kind,
                                .tag = MODEL_NONE,
                                .gateway = MODEL_NONE,
                                .more = MODEL_NONE,
                                .site = model_find_site(c->m, item_site_of(item->pub.name))};
    if (k.a->site == MODEL_NONE) {
        cross_unknown_site(&c->faults, &item->pub);
        return;
    }
    resolve(&k);
    set_delays(&k);
    set_priority(&k);
    set_escalation(&k);
    set_options(&k);
    set_position(&k);
    set_suppression(&k);
    set_groups(&k);
    keep_more(&k);
}

/* Alarms refer to each other, so that all names come first. */
static void index_alarms(struct compile *c) {
    for (uint32_t i = 0; i < c->m->n_alarms; i++) {
        struct model_alarm_text *text = &c->m->alarm_texts[i];
        text->name = compile_text(c, compile_item(c, CONFIG_ALARM, i)->pub.name);
        if (c->no_memory) {
            return;
        }
        enum status status = map_put(&c->m->alarm_by_name, text->name, i);
        CHECK(status == OK); /* names are unique in a set, and the map has room for all */
    }
}

void compile_alarms(struct compile *c) {
    struct model *m = c->m;
    index_alarms(c);
    for (uint32_t i = 0; i < m->n_alarms && !c->no_memory; i++) {
        add_alarm(c, i);
    }
    m->more = arena_alloc(&m->arena, m->n_more, sizeof m->more[0]);
    if (m->more == NULL || c->no_memory) {
        c->no_memory = true;
    } else if (m->n_more > 0) {
        memcpy(m->more, c->more, m->n_more * sizeof m->more[0]);
    }
}
