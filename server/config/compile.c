#include "server/config/compile.h"

#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/config/fields.h"
#include "server/config/site_calendar.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A hard end for one revision; a million tags and as many alarms take about half a gigabyte. */
static const size_t arena_max = (size_t)16 << 30;

enum { TEXTS_CHUNK = 64 * 1024, ZONE_NAME_SIZE = 100 };

#define POSITION_DEFAULT "main"
/* Beyond the range of a calculated tag that has none: nothing. */
#define RANGE_OPEN 1e18

const struct item *compile_item(const struct compile *c, enum config_kind kind, uint32_t i) {
    /* pub is the item's first member */
    return (const struct item *)(const void *)config_set_at(c->set, kind, i);
}

int64_t compile_us(double seconds) {
    return llround(seconds * (double)TM_SECOND_US);
}

static void index_name(struct map *by_name, struct slice name, uint32_t i) {
    enum status status = map_put(by_name, name, i);
    CHECK(status == OK); /* names are unique in a set, and the map has room for all */
}

/* --- memory */

struct slice compile_text(struct compile *c, struct slice text) {
    if (text.n > c->texts_left) {
        size_t size = text.n > TEXTS_CHUNK ? text.n : TEXTS_CHUNK;
        char *room = arena_alloc(&c->m->arena, size, 1);
        if (room == NULL) {
            c->no_memory = true;
            return (struct slice){0};
        }
        c->texts = room;
        c->texts_left = size;
    }
    if (text.n == 0) {
        return (struct slice){.p = ""};
    }
    struct slice copy = slice_of(c->texts, text.n);
    memcpy(c->texts, text.p, text.n);
    c->texts += text.n;
    c->texts_left -= text.n;
    return copy;
}

struct model_text compile_texts(struct compile *c, struct model_text text) {
    return (struct model_text){.en = compile_text(c, text.en), .zh = compile_text(c, text.zh)};
}

static enum status init_maps(struct compile *c, const uint64_t seed[2], struct error *err) {
    struct model *m = c->m;
    enum status status = map_init(&m->site_by_name, m->n_sites, seed, err);
    if (status == OK) {
        status = map_init(&m->gateway_by_name, m->n_gateways, seed, err);
    }
    if (status == OK) {
        status = map_init(&m->tag_by_name, m->n_tags, seed, err);
    }
    if (status == OK) {
        status = map_init(&m->alarm_by_name, m->n_alarms, seed, err);
    }
    return status == OK ? map_init(&c->group_by_name, m->n_groups, seed, err) : status;
}

static enum status init_model(struct compile *c, const uint64_t seed[2], struct error *err) {
    struct model *m = c->m;
    arena_init(&m->arena, arena_max);
    for (unsigned i = 0; i < SERVER_CERTIFICATES; i++) {
        m->server_alarms[i] = MODEL_NONE;
    }
    for (unsigned i = 0; i < SERVER_ALARMS; i++) {
        m->server_own[i] = MODEL_NONE;
    }
    m->n_sites = config_set_count(c->set, CONFIG_SITE);
    m->n_gateways = config_set_count(c->set, CONFIG_GATEWAY);
    m->n_tags = config_set_count(c->set, CONFIG_TAG);
    m->n_alarms = config_set_count(c->set, CONFIG_ALARM);
    m->n_groups = config_set_count(c->set, CONFIG_GROUP);
    m->sites = arena_alloc(&m->arena, m->n_sites, sizeof m->sites[0]);
    m->gateways = arena_alloc(&m->arena, m->n_gateways, sizeof m->gateways[0]);
    m->tags = arena_alloc(&m->arena, m->n_tags, sizeof m->tags[0]);
    m->alarms = arena_alloc(&m->arena, m->n_alarms, sizeof m->alarms[0]);
    m->alarm_texts = arena_alloc(&m->arena, m->n_alarms, sizeof m->alarm_texts[0]);
    m->groups = arena_alloc(&m->arena, m->n_groups, sizeof m->groups[0]);
    m->positions = arena_alloc(&m->arena, MODEL_POSITIONS_MAX, sizeof m->positions[0]);
    c->site_positions = calloc((size_t)m->n_sites + 1, sizeof c->site_positions[0]);
    c->site_zones = calloc((size_t)m->n_sites + 1, sizeof(const struct zone *));
    c->group_sites = calloc((size_t)m->n_groups + 1, sizeof c->group_sites[0]);
    if (m->sites == NULL || m->gateways == NULL || m->tags == NULL || m->alarms == NULL ||
        m->alarm_texts == NULL || m->groups == NULL || m->positions == NULL || c->site_positions == NULL ||
        c->site_zones == NULL || c->group_sites == NULL) {
        return error_set(err, ERR_NOMEM, "configuration", "no memory for %u tags and %u alarms", m->n_tags,
                         m->n_alarms);
    }
    enum status status = init_maps(c, seed, err);
    return status == OK ? rule_builder_new(&c->rules, err) : status;
}

static void done(struct compile *c) {
    free(c->site_positions);
    free((void *)c->site_zones);
    free(c->group_sites);
    free(c->more);
    map_done(&c->group_by_name);
    rule_builder_free(&c->rules);
}

/* --- positions */

uint8_t compile_position(struct compile *c, struct slice name, const struct config_item *item) {
    struct model *m = c->m;
    for (uint32_t i = 0; i < m->n_positions; i++) {
        if (slice_eq(m->positions[i], name)) {
            return (uint8_t)i; /* below MODEL_POSITIONS_MAX */
        }
    }
    if (m->n_positions == MODEL_POSITIONS_MAX) {
        cross_fault(&c->faults, "E_RANGE", item, "position",
                    "is one position too many; at most %d are possible", (int)MODEL_POSITIONS_MAX);
        return 0;
    }
    m->positions[m->n_positions] = compile_text(c, name);
    return (uint8_t)m->n_positions++;
}

/* --- items, kind by kind */

static void read_policy(struct compile *c) {
    c->policy = config_policy_of(c->set);
    c->m->rollup_keep_days = (int32_t)c->policy.rollup_keep_days; /* a whole number, by its field */
    c->m->keeps = site_keeps_make(&c->m->arena, c->policy.keep, &c->m->n_keeps);
    c->no_memory = c->no_memory || c->m->keeps == NULL;
}

static void load_zone(struct compile *c, const struct item *item, uint32_t site) {
    struct slice name = c->m->sites[site].tz;
    for (uint32_t i = 0; i < site; i++) {
        if (slice_eq(c->m->sites[i].tz, name)) {
            c->site_zones[site] = c->site_zones[i];
            return;
        }
    }
    config_load_zone load = config_set_zone_loader(c->set);
    char text[ZONE_NAME_SIZE];
    struct zone *zone = NULL;
    struct error err = {0};
    (void)snprintf(text, sizeof text, "%.*s", SLICE_ARG(name));
    enum status status = load == NULL ? OK : load(text, &c->m->arena, &zone, &err);
    if (status == ERR_NOMEM) {
        c->no_memory = true;
    } else if (status != OK) {
        cross_fault(&c->faults, "E_RANGE", &item->pub, "tz", "cannot be used: %s", err.text);
    }
    c->site_zones[site] = zone;
}

static void add_sites(struct compile *c) {
    c->m->positions[0] = slice_str(POSITION_DEFAULT);
    c->m->n_positions = 1;
    for (uint32_t i = 0; i < c->m->n_sites; i++) {
        const struct item *item = compile_item(c, CONFIG_SITE, i);
        struct config_parsed p;
        item_unpack(item, &p);
        c->m->sites[i] = (struct model_site){.key = item->pub.key,
                                             .name = compile_text(c, p.name),
                                             .title = compile_texts(c, p.title),
                                             .area = compile_text(c, p.site.area),
                                             .kind = compile_text(c, p.site.kind),
                                             .tz = compile_text(c, p.site.tz)};
        if (c->no_memory) {
            return;
        }
        if (p.site.position.n > 0) {
            c->site_positions[i] = compile_position(c, p.site.position, &item->pub);
        }
        if (p.site.tz.n > 0) {
            load_zone(c, item, i);
        }
        c->m->sites[i].calendar =
            site_calendar_make(&c->m->arena, c->site_zones[i], p.site.shifts, p.site.tariffs);
        c->no_memory = c->no_memory || c->m->sites[i].calendar == NULL;
        index_name(&c->m->site_by_name, c->m->sites[i].name, i);
    }
}

/* One that is spoken for by itself, or by nobody who is there. */
static void check_certificate_of(struct compile *c, const struct config_item *item, struct slice by) {
    if (by.n > 0 && slice_eq(by, item->name)) {
        cross_fault(&c->faults, "E_GATEWAY", item, "certificate_of",
                    "is the gateway itself, whose own certificate speaks for it anyway");
    } else if (by.n > 0 && config_set_find(c->set, CONFIG_GATEWAY, by) == NULL) {
        cross_unknown(&c->faults, item, "certificate_of", CONFIG_GATEWAY, by);
    }
}

static void add_gateways(struct compile *c) {
    for (uint32_t i = 0; i < c->m->n_gateways; i++) {
        const struct item *item = compile_item(c, CONFIG_GATEWAY, i);
        struct config_parsed p;
        item_unpack(item, &p);
        struct model_gateway *g = &c->m->gateways[i];
        *g = (struct model_gateway){.key = item->pub.key,
                                    .name = compile_text(c, p.name),
                                    .title = compile_texts(c, p.title),
                                    .site = model_find_site(c->m, p.gateway.site),
                                    .comm_alarm = MODEL_NONE,
                                    .clock_alarm = MODEL_NONE,
                                    .certificate_alarm = MODEL_NONE,
                                    .duplicate_alarm = MODEL_NONE,
                                    .enabled = p.gateway.enabled,
                                    .certificate_of = compile_text(c, p.gateway.certificate_of),
                                    .tags_max =
                                        (uint32_t)p.gateway.tags_max}; /* a whole number, by its field */
        if (c->no_memory) {
            return;
        }
        index_name(&c->m->gateway_by_name, g->name, i);
        if (g->site == MODEL_NONE) {
            cross_unknown(&c->faults, &item->pub, "site", CONFIG_SITE, p.gateway.site);
        }
        check_certificate_of(c, &item->pub, p.gateway.certificate_of);
    }
}

static const struct slice *tag_states(struct compile *c, struct slice list, uint32_t *ret_n) {
    struct slice part = {0};
    struct slice left = list;
    uint32_t n = 0;
    while (item_list_next(&left, &part)) {
        n++;
    }
    struct slice *states = n == 0 ? NULL : arena_alloc(&c->m->arena, n, sizeof *states);
    c->no_memory = c->no_memory || (n > 0 && states == NULL);
    left = list;
    for (uint32_t i = 0; states != NULL && item_list_next(&left, &part); i++) {
        states[i] = compile_text(c, part);
    }
    *ret_n = n;
    return states;
}

static void fill_tag(struct compile *c, struct model_tag *t, const struct config_parsed *p) {
    const struct parsed_tag *tag = &p->tag;
    bool calculated = tag->expr.n > 0;
    bool open_low = calculated && (p->present & field_bit(CONFIG_TAG, "low")) == 0;
    bool open_high = calculated && (p->present & field_bit(CONFIG_TAG, "high")) == 0;
    *t = (struct model_tag){
        .name = compile_text(c, p->name),
        .title = compile_texts(c, p->title),
        .unit = compile_text(c, tag->unit),
        .equipment = compile_text(c, tag->equipment),
        .role = compile_text(c, tag->role),
        .scale = tag->scale,
        .offset = tag->offset,
        .low = open_low ? -RANGE_OPEN : tag->low,
        .high = open_high ? RANGE_OPEN : tag->high,
        .deadband = tag->deadband,
        .stale_us = compile_us(tag->stale_s),
        .gateway = calculated ? MODEL_NONE : model_find_gateway(c->m, tag->gateway),
        .site = model_find_site(c->m, item_site_of(p->name)),
        .program = MODEL_NONE,
        .decimals = (uint8_t)tag->decimals, /* 0 to 10 */
        .type = tag->type,
        .counter = tag->counter,
        .modulus = tag->modulus,
    };
    t->stepped = tag->interpolate == INTERPOLATE_STEP ||
                 (tag->interpolate == INTERPOLATE_BY_TYPE && (tag->type != TAG_FLOAT || tag->counter));
    t->local = item_local_of(t->name);
    t->states = tag_states(c, tag->states, &t->n_states);
    if (t->type == TAG_BOOL) {
        t->low = 0;
        t->high = 1;
    }
}

static void find_keep(struct compile *c, struct model_tag *t, const struct config_item *item,
                      struct slice name) {
    for (uint32_t i = 0; name.n > 0 && i < c->m->n_keeps; i++) {
        if (slice_eq(c->m->keeps[i].name, name)) {
            t->keep = (uint8_t)i; /* below MODEL_KEEPS_MAX */
            return;
        }
    }
    if (name.n > 0) {
        cross_fault(&c->faults, "E_CLASS", item, "keep",
                    "is \"%.*s\", which the policy \"" CONFIG_POLICY_HISTORY "\" does not have",
                    SLICE_ARG(name));
    }
}

/* Sorted by name, the tags of a site stand together: all begin with "SITE/". */
static void add_tags(struct compile *c) {
    for (uint32_t i = 0; i < c->m->n_tags; i++) {
        const struct item *item = compile_item(c, CONFIG_TAG, i);
        struct model_tag *t = &c->m->tags[i];
        struct config_parsed p;
        item_unpack(item, &p);
        fill_tag(c, t, &p);
        t->key = item->pub.key;
        find_keep(c, t, &item->pub, p.tag.keep);
        if (c->no_memory) {
            return;
        }
        index_name(&c->m->tag_by_name, t->name, i);
        if (t->site == MODEL_NONE) {
            cross_unknown_site(&c->faults, &item->pub);
            continue;
        }
        struct model_site *s = &c->m->sites[t->site];
        s->first_tag = s->n_tags == 0 ? i : s->first_tag;
        s->n_tags++;
        if (t->gateway != MODEL_NONE) {
            cross_tag(&c->faults, c->m, i, &item->pub);
        } else if (p.tag.expr.n == 0) {
            cross_unknown(&c->faults, &item->pub, "gateway", CONFIG_GATEWAY, p.tag.gateway);
        }
    }
}

static void add_groups(struct compile *c) {
    for (uint32_t i = 0; i < c->m->n_groups; i++) {
        const struct item *item = compile_item(c, CONFIG_GROUP, i);
        struct model_group *g = &c->m->groups[i];
        struct config_parsed p;
        item_unpack(item, &p);
        *g = (struct model_group){.key = item->pub.key,
                                  .name = compile_text(c, p.name),
                                  .title = compile_texts(c, p.title),
                                  .suppress_program = MODEL_NONE,
                                  .unsuppress_us = compile_us(p.group.unsuppress_delay_s),
                                  .first_out = p.group.first_out};
        c->group_sites[i] = MODEL_NONE;
        if (c->no_memory) {
            return;
        }
        index_name(&c->group_by_name, g->name, i);
    }
}

/* --- members of groups, when all alarms are there */

/* One site for the names in its rule, if all members are of it. */
static void find_group_sites(struct compile *c) {
    for (uint32_t i = 0; i < c->m->n_groups; i++) {
        const struct model_group *g = &c->m->groups[i];
        for (uint32_t k = 0; k < g->n_members; k++) {
            uint32_t site = c->m->alarms[g->members[k]].site;
            if (k > 0 && site != c->group_sites[i]) {
                c->group_sites[i] = MODEL_NONE;
                break;
            }
            c->group_sites[i] = site;
        }
    }
}

static void fill_groups(struct compile *c) {
    struct model *m = c->m;
    uint32_t all = 0;
    for (uint32_t i = 0; i < m->n_more; i++) {
        for (uint32_t k = 0; k < m->more[i].n_groups; k++) {
            m->groups[m->more[i].groups[k]].n_members++;
            all++;
        }
    }
    uint32_t *members = arena_alloc(&m->arena, all, sizeof *members);
    uint32_t *next = calloc((size_t)m->n_groups + 1, sizeof *next);
    if (members == NULL || next == NULL) {
        c->no_memory = true;
        free(next);
        return;
    }
    for (uint32_t i = 0, at = 0; i < m->n_groups; i++) {
        m->groups[i].members = members + at;
        next[i] = at;
        at += m->groups[i].n_members;
    }
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        const struct model_alarm_more *more = model_alarm_more(m, i);
        for (uint32_t k = 0; k < more->n_groups; k++) {
            members[next[more->groups[k]]++] = i;
        }
    }
    free(next);
    find_group_sites(c);
}

static void add_group_rules(struct compile *c) {
    for (uint32_t i = 0; i < c->m->n_groups && !c->no_memory; i++) {
        const struct item *item = compile_item(c, CONFIG_GROUP, i);
        struct config_parsed p;
        item_unpack(item, &p);
        if (p.group.suppress_when.n > 0) {
            c->m->groups[i].suppress_program =
                compile_rule(c, &item->pub, "suppress_when", p.group.suppress_when, c->group_sites[i],
                             RULE_WANT_BOOL, (struct slice){0});
        }
    }
}

/* --- the whole */

static void cross(struct compile *c) {
    cross_comm_alarms(&c->faults, c->m);
    bool enough = cross_limit_order(&c->faults, c->m) == OK && cross_hidden(&c->faults, c->m) == OK;
    c->no_memory = c->no_memory || !enough;
}

static enum status fill(struct compile *c, struct error *err) {
    static void (*const steps[])(struct compile *) = {
        read_policy,    add_sites,   add_gateways,    add_tags, add_groups,           compile_tag_rules,
        compile_alarms, fill_groups, add_group_rules, cross,    compile_rules_finish,
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && !c->no_memory; i++) {
        steps[i](c);
    }
    if (c->no_memory) {
        return error_set(err, ERR_NOMEM, "configuration", "no memory for its model");
    }
    if (c->faults.n == 0) {
        return OK;
    }
    const struct config_fault *first = &c->faults.v[0];
    return error_set(err, ERR_INVALID, first->pointer, "%s", first->text);
}

enum status config_compile(const struct config_set *set, int64_t revision, const uint64_t seed[2],
                           struct model **ret, struct config_fault *faults, uint32_t *ret_faults,
                           struct error *err) {
    struct compile c = {.set = set, .faults = {.v = faults}};
    *ret_faults = 0;
    c.m = calloc(1, sizeof *c.m);
    if (c.m == NULL) {
        return error_set(err, ERR_NOMEM, "configuration", "no memory for a model");
    }
    c.m->revision = revision;
    enum status status = init_model(&c, seed, err);
    if (status == OK) {
        status = fill(&c, err);
    }
    done(&c);
    *ret_faults = status == ERR_NOMEM ? 0 : c.faults.n;
    if (status != OK) {
        model_free(&c.m);
        return status;
    }
    *ret = c.m;
    return OK;
}
