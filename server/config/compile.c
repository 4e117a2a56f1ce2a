#include "server/base/check.h"
#include "server/config/cross.h"

#include <stdlib.h>

/* A hard end for one revision; a million tags and as many alarms take about half a gigabyte. */
static const size_t arena_max = (size_t)16 << 30;

struct compile {
    const struct config_set *set;
    struct model *m;
    char *texts;            /* where the next text goes, in the arena */
    uint32_t *alarm_places; /* index in the model of the i-th alarm of the set */
    struct faults faults;
};

static const struct item *item_at(const struct compile *c, enum config_kind kind, uint32_t i) {
    /* pub is the item's first member */
    return (const struct item *)(const void *)config_set_at(c->set, kind, i);
}

/* What goes into the model: references are indexes there. */
static struct config_parsed without_references(const struct item *item) {
    struct config_parsed p = item->parsed;
    p.site = p.gateway = p.tag = (struct slice){0};
    return p;
}

static struct config_parsed moved(struct compile *c, const struct item *item) {
    struct config_parsed p = without_references(item);
    item_texts_move(item->pub.kind, &p, &c->texts);
    return p;
}

static void index_name(struct map *by_name, struct slice name, uint32_t i) {
    enum status status = map_put(by_name, name, i);
    CHECK(status == OK); /* names are unique in a set, and the map has room for all */
}

/* --- memory */

static enum status init_maps(struct model *m, const uint64_t seed[2], struct error *err) {
    enum status status = map_init(&m->site_by_name, m->n_sites, seed, err);
    if (status == OK) {
        status = map_init(&m->gateway_by_name, m->n_gateways, seed, err);
    }
    if (status == OK) {
        status = map_init(&m->tag_by_name, m->n_tags, seed, err);
    }
    return status == OK ? map_init(&m->alarm_by_name, m->n_alarms, seed, err) : status;
}

static size_t all_texts_size(const struct compile *c) {
    size_t size = 0;
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        const struct item *item = NULL;
        for (uint32_t i = 0; (item = item_at(c, (enum config_kind)kind, i)) != NULL; i++) {
            struct config_parsed p = without_references(item);
            size += item_texts_size(item->pub.kind, &p);
        }
    }
    return size;
}

static enum status init_model(struct compile *c, const uint64_t seed[2], struct error *err) {
    struct model *m = c->m;
    arena_init(&m->arena, arena_max);
    m->n_sites = config_set_count(c->set, CONFIG_SITE);
    m->n_gateways = config_set_count(c->set, CONFIG_GATEWAY);
    m->n_tags = config_set_count(c->set, CONFIG_TAG);
    m->n_alarms = config_set_count(c->set, CONFIG_ALARM);
    m->sites = arena_alloc(&m->arena, m->n_sites, sizeof m->sites[0]);
    m->gateways = arena_alloc(&m->arena, m->n_gateways, sizeof m->gateways[0]);
    m->tags = arena_alloc(&m->arena, m->n_tags, sizeof m->tags[0]);
    m->alarms = arena_alloc(&m->arena, m->n_alarms, sizeof m->alarms[0]);
    m->alarm_texts = arena_alloc(&m->arena, m->n_alarms, sizeof m->alarm_texts[0]);
    c->texts = arena_alloc(&m->arena, all_texts_size(c), 1);
    c->alarm_places = calloc((size_t)m->n_alarms + 1, sizeof c->alarm_places[0]);
    if (m->sites == NULL || m->gateways == NULL || m->tags == NULL || m->alarms == NULL || m->alarm_texts == NULL || c->texts == NULL ||
        c->alarm_places == NULL) {
        return error_set(err, ERR_NOMEM, "configuration", "no memory for %u tags and %u alarms", m->n_tags,
                         m->n_alarms);
    }
    return init_maps(m, seed, err);
}

/* --- items, kind by kind */

static void add_sites(struct compile *c) {
    for (uint32_t i = 0; i < c->m->n_sites; i++) {
        const struct item *item = item_at(c, CONFIG_SITE, i);
        struct model_site *s = &c->m->sites[i];
        *s = moved(c, item).as_site;
        s->key = item->pub.key;
        index_name(&c->m->site_by_name, s->name, i);
    }
}

static void add_gateways(struct compile *c) {
    for (uint32_t i = 0; i < c->m->n_gateways; i++) {
        const struct item *item = item_at(c, CONFIG_GATEWAY, i);
        struct model_gateway *g = &c->m->gateways[i];
        *g = moved(c, item).as_gateway;
        g->key = item->pub.key;
        g->site = model_find_site(c->m, item->parsed.site);
        g->comm_alarm = MODEL_NONE;
        g->clock_alarm = MODEL_NONE;
        index_name(&c->m->gateway_by_name, g->name, i);
        if (g->site == MODEL_NONE) {
            cross_unknown(&c->faults, &item->pub, "site", item->parsed.site);
        }
    }
}

/* Sorted by name, the tags of a site stand together: all begin with "SITE/". */
static void add_tags(struct compile *c) {
    for (uint32_t i = 0; i < c->m->n_tags; i++) {
        const struct item *item = item_at(c, CONFIG_TAG, i);
        struct model_tag *t = &c->m->tags[i];
        *t = moved(c, item).as_tag;
        t->key = item->pub.key;
        t->site = model_find_site(c->m, item_site_of(t->name));
        t->gateway = model_find_gateway(c->m, item->parsed.gateway);
        index_name(&c->m->tag_by_name, t->name, i);
        if (t->site == MODEL_NONE) {
            cross_unknown_site(&c->faults, &item->pub);
            continue;
        }
        struct model_site *s = &c->m->sites[t->site];
        s->first_tag = s->n_tags == 0 ? i : s->first_tag;
        s->n_tags++;
        if (t->gateway == MODEL_NONE) {
            cross_unknown(&c->faults, &item->pub, "gateway", item->parsed.gateway);
        } else {
            cross_tag(&c->faults, c->m, i, &item->pub);
        }
    }
}

/* The alarms of tags by tag, those of gateways behind them: where each goes. The places count up from the
 * first of each tag, so the order within a tag is that of the set. */
static void place_alarms(struct compile *c) {
    struct model *m = c->m;
    uint32_t n_comm = 0;
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        uint32_t tag = model_find_tag(m, item_at(c, CONFIG_ALARM, i)->parsed.tag);
        c->alarm_places[i] = tag;
        if (tag == MODEL_NONE) {
            n_comm++; /* or one of an unknown tag, which is a fault later on */
        } else {
            m->tags[tag].n_alarms++;
        }
    }
    uint32_t next = 0;
    for (uint32_t t = 0; t < m->n_tags; t++) {
        m->tags[t].first_alarm = next;
        next += m->tags[t].n_alarms;
        m->tags[t].n_alarms = 0; /* counted again as they are placed */
    }
    CHECK(next + n_comm == m->n_alarms);
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        uint32_t tag = c->alarm_places[i];
        c->alarm_places[i] = tag == MODEL_NONE ? next++ : m->tags[tag].first_alarm + m->tags[tag].n_alarms++;
    }
}

static void resolve_comm_alarm(struct compile *c, const struct item *item, uint32_t place) {
    struct model_alarm *a = &c->m->alarms[place];
    a->gateway = model_find_gateway(c->m, item->parsed.gateway);
    if (a->gateway == MODEL_NONE) {
        cross_unknown(&c->faults, &item->pub, "gateway", item->parsed.gateway);
        return;
    }
    struct model_gateway *g = &c->m->gateways[a->gateway];
    if (g->site == a->site) {
        g->comm_alarm = place;
    } else {
        cross_comm_site(&c->faults, c->m, a->gateway, &item->pub);
    }
}

static void resolve_tag_alarm(struct compile *c, const struct item *item, struct model_alarm *a) {
    a->tag = model_find_tag(c->m, item->parsed.tag);
    if (a->tag == MODEL_NONE) {
        cross_unknown(&c->faults, &item->pub, "tag", item->parsed.tag);
        return;
    }
    a->gateway = c->m->tags[a->tag].gateway;
    cross_tag_alarm(&c->faults, &c->m->tags[a->tag], a, &item->pub);
}

static void add_alarms(struct compile *c) {
    place_alarms(c);
    for (uint32_t i = 0; i < c->m->n_alarms; i++) {
        const struct item *item = item_at(c, CONFIG_ALARM, i);
        uint32_t place = c->alarm_places[i];
        struct model_alarm *a = &c->m->alarms[place];
        struct config_parsed parsed = moved(c, item);
        *a = parsed.as_alarm;
        c->m->alarm_texts[place] = parsed.alarm_text;
        a->key = item->pub.key;
        a->revision = item->pub.revision;
        a->site = model_find_site(c->m, item_site_of(parsed.alarm_text.name));
        a->tag = MODEL_NONE;
        a->gateway = MODEL_NONE;
        index_name(&c->m->alarm_by_name, parsed.alarm_text.name, place);
        if (a->site == MODEL_NONE) {
            cross_unknown_site(&c->faults, &item->pub);
        } else if (a->kind == ALARM_COMM) {
            resolve_comm_alarm(c, item, place);
        } else {
            resolve_tag_alarm(c, item, a);
        }
    }
}

/* --- the whole */

static enum status fill(struct compile *c, struct error *err) {
    add_sites(c);
    add_gateways(c);
    add_tags(c);
    add_alarms(c);
    cross_comm_alarms(&c->faults, c->m);
    cross_low_below_high(&c->faults, c->m);
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
    free(c.alarm_places);
    *ret_faults = c.faults.n;
    if (status != OK) {
        model_free(&c.m);
        return status;
    }
    *ret = c.m;
    return OK;
}
