#include "server/config/two_people.h"

#include "server/config/checks.h"
#include "server/config/item.h"
#include "server/core/rule.h"

#include <stdio.h>
#include <stdlib.h>

/* The change as it is seen from one of its sides. */
struct view {
    const struct config_side *here;
    const struct config_side *there;
    bool *tags; /* of the model here: changed, or made from one that was */
};

static const struct item *item_of(const struct config_item *item) {
    /* pub is the item's first member */
    return (const struct item *)(const void *)item;
}

static bool has_managing_class(const struct config_set *set) {
    const struct config_item *item = NULL;
    for (uint32_t i = 0; (item = config_set_at(set, CONFIG_CLASS, i)) != NULL; i++) {
        struct config_parsed p;
        item_unpack(item_of(item), &p);
        if (p.class.highly_managed) {
            return true;
        }
    }
    return false;
}

static bool is_empty(const struct config_set *set) {
    for (int kind = 0; kind < CONFIG_KINDS; kind++) {
        if (config_set_count(set, (enum config_kind)kind) > 0) {
            return false;
        }
    }
    return true;
}

bool config_has_highly_managed(const struct config_set *before, const struct config_set *after) {
    return !is_empty(before) && (has_managing_class(before) || has_managing_class(after));
}

/* --- items */

static bool item_changed(const struct view *v, enum config_kind kind, struct slice name) {
    const struct config_item *a = config_set_find(v->here->set, kind, name);
    const struct config_item *b = config_set_find(v->there->set, kind, name);
    if (a == b) {
        return false;
    }
    return a == NULL || b == NULL || !slice_eq(a->body, b->body);
}

static bool gateway_changed(const struct view *v, uint32_t gateway) {
    return gateway != MODEL_NONE && item_changed(v, CONFIG_GATEWAY, v->here->model->gateways[gateway].name);
}

/* What a site says for its alarms. */
static bool site_changed(const struct view *v, struct slice name) {
    const struct config_item *a = config_set_find(v->here->set, CONFIG_SITE, name);
    const struct config_item *b = config_set_find(v->there->set, CONFIG_SITE, name);
    if (a == b) {
        return false;
    }
    if (a == NULL || b == NULL) {
        return true;
    }
    struct config_parsed p;
    struct config_parsed q;
    item_unpack(item_of(a), &p);
    item_unpack(item_of(b), &q);
    return !slice_eq(p.site.tz, q.site.tz) || !slice_eq(p.site.position, q.site.position);
}

/* --- tags */

static bool reads_changed(const struct view *v, uint32_t program) {
    const uint32_t *tags = NULL;
    uint32_t n = program == MODEL_NONE ? 0 : rule_set_inputs(v->here->model->rules, program, &tags);
    for (uint32_t i = 0; i < n; i++) {
        if (v->tags[tags[i]]) {
            return true;
        }
    }
    return false;
}

/* Calculated tags stand behind those that they depend on, so one pass is enough. */
static void mark_tags(const struct view *v) {
    const struct model *m = v->here->model;
    for (uint32_t i = 0; i < m->n_tags; i++) {
        v->tags[i] = item_changed(v, CONFIG_TAG, m->tags[i].name) || gateway_changed(v, m->tags[i].gateway);
    }
    for (uint32_t i = 0; i < m->n_calculated; i++) {
        uint32_t tag = m->calculated[i];
        v->tags[tag] = v->tags[tag] || reads_changed(v, m->tags[tag].program);
    }
}

static bool tag_changed(const struct view *v, uint32_t tag) {
    return tag != MODEL_NONE && v->tags[tag];
}

/* --- alarms */

static bool class_changed(const struct view *v, struct slice alarm) {
    struct config_parsed p;
    item_unpack(item_of(config_set_find(v->here->set, CONFIG_ALARM, alarm)), &p);
    return p.alarm.class.n > 0 && item_changed(v, CONFIG_CLASS, p.alarm.class);
}

static bool groups_changed(const struct view *v, const struct model_alarm_more *more) {
    for (uint32_t i = 0; i < more->n_groups; i++) {
        const struct model_group *group = &v->here->model->groups[more->groups[i]];
        if (item_changed(v, CONFIG_GROUP, group->name) || reads_changed(v, group->suppress_program)) {
            return true;
        }
    }
    return false;
}

static bool priority_changed(const struct view *v, uint32_t alarm, struct slice name) {
    uint32_t other = model_find_alarm(v->there->model, name);
    return other == MODEL_NONE ||
           v->here->model->alarms[alarm].priority != v->there->model->alarms[other].priority;
}

static bool is_touched(const struct view *v, uint32_t alarm) {
    const struct model *m = v->here->model;
    const struct model_alarm *a = &m->alarms[alarm];
    const struct model_alarm_more *more = model_alarm_more(m, alarm);
    struct slice name = m->alarm_texts[alarm].name;
    bool hidden =
        more->hidden_by != MODEL_NONE && item_changed(v, CONFIG_ALARM, m->alarm_texts[more->hidden_by].name);
    bool reads = tag_changed(v, a->tag) || tag_changed(v, more->limit_tag) ||
                 tag_changed(v, more->second_tag) || reads_changed(v, more->program) ||
                 reads_changed(v, more->suppress_program);
    return reads || hidden || item_changed(v, CONFIG_ALARM, name) || class_changed(v, name) ||
           groups_changed(v, more) || gateway_changed(v, a->gateway) ||
           site_changed(v, m->sites[a->site].name) || priority_changed(v, alarm, name);
}

static enum status view_init(struct view *v, const struct config_side *here, const struct config_side *there,
                             struct error *err) {
    *v = (struct view){.here = here, .there = there};
    v->tags = calloc((size_t)here->model->n_tags + 1, sizeof *v->tags);
    if (v->tags == NULL) {
        return error_set(err, ERR_NOMEM, "highly managed alarms", "no memory for %u tags",
                         here->model->n_tags);
    }
    mark_tags(v);
    return OK;
}

static void tell(const struct view *before, const struct view *after, config_on_touched on_touched,
                 void *ctx) {
    const struct model *old = before->here->model;
    const struct model *now = after->here->model;
    for (uint32_t i = 0; i < old->n_alarms; i++) {
        struct slice name = old->alarm_texts[i].name;
        uint32_t j = model_find_alarm(now, name);
        bool managed = config_is_highly_managed(before->here->set, name) ||
                       config_is_highly_managed(after->here->set, name);
        if (managed && (is_touched(before, i) || (j != MODEL_NONE && is_touched(after, j)))) {
            on_touched(ctx, name);
        }
    }
    for (uint32_t j = 0; j < now->n_alarms; j++) {
        struct slice name = now->alarm_texts[j].name;
        if (model_find_alarm(old, name) == MODEL_NONE && config_is_highly_managed(after->here->set, name)) {
            on_touched(ctx, name);
        }
    }
}

enum status config_touched(const struct config_side *before, const struct config_side *after,
                           config_on_touched on_touched, void *ctx, struct error *err) {
    struct view old = {0};
    struct view now = {0};
    if (!config_has_highly_managed(before->set, after->set)) {
        return OK;
    }
    enum status status = view_init(&old, before, after, err);
    if (status == OK) {
        status = view_init(&now, after, before, err);
    }
    if (status == OK) {
        tell(&old, &now, on_touched, ctx);
    }
    free(old.tags);
    free(now.tags);
    return status;
}

enum { MORE_SIZE = sizeof " and 4294967295 more" };

void config_touched_add(void *ctx, struct slice alarm) {
    struct config_touched_names *names = ctx;
    size_t n = strlen(names->text);
    bool fits = n + 2 + alarm.n + MORE_SIZE <= sizeof names->text;
    names->n++;
    if (fits && names->n_named == names->n - 1) {
        (void)snprintf(names->text + n, sizeof names->text - n, "%s%.*s", n == 0 ? "" : ", ",
                       SLICE_ARG(alarm));
        names->n_named++;
    }
}

void config_touched_end(struct config_touched_names *names) {
    size_t n = strlen(names->text);
    if (names->n > names->n_named) {
        (void)snprintf(names->text + n, sizeof names->text - n, " and %u more", names->n - names->n_named);
    }
}
