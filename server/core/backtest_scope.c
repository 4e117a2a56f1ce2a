#include "server/base/check.h"
#include "server/core/backtest_state.h"
#include "server/core/rule.h"

#include <math.h>
#include <stdlib.h>

/* One model, while it is found out what the change touches in it. */
struct scope {
    const struct model *m;
    bool *alarms; /* touched */
    bool *tags;   /* changed, or calculated from one that was */
};

enum { PROGRAMS_MAX = 2 + 8 };

/* --- what an alarm depends on */

static uint32_t programs_of(const struct model *m, uint32_t alarm, uint32_t ret[PROGRAMS_MAX]) {
    const struct model_alarm_more *more = model_alarm_more(m, alarm);
    uint32_t n = 0;
    if (more->program != MODEL_NONE) {
        ret[n++] = more->program;
    }
    if (more->suppress_program != MODEL_NONE) {
        ret[n++] = more->suppress_program;
    }
    for (uint32_t i = 0; i < more->n_groups && n < PROGRAMS_MAX; i++) {
        if (m->groups[more->groups[i]].suppress_program != MODEL_NONE) {
            ret[n++] = m->groups[more->groups[i]].suppress_program;
        }
    }
    return n;
}

/* True if one of the flags is set for a tag that this alarm reads. */
static bool reads_any(const struct scope *s, uint32_t alarm, const bool *flags) {
    const struct model_alarm *a = &s->m->alarms[alarm];
    const struct model_alarm_more *more = model_alarm_more(s->m, alarm);
    const uint32_t direct[] = {a->tag, more->limit_tag, more->second_tag};
    for (size_t i = 0; i < sizeof direct / sizeof direct[0]; i++) {
        if (direct[i] != MODEL_NONE && flags[direct[i]]) {
            return true;
        }
    }
    uint32_t programs[PROGRAMS_MAX];
    uint32_t n = programs_of(s->m, alarm, programs);
    for (uint32_t p = 0; p < n; p++) {
        const uint32_t *tags = NULL;
        uint32_t n_tags = rule_set_inputs(s->m->rules, programs[p], &tags);
        for (uint32_t i = 0; i < n_tags; i++) {
            if (flags[tags[i]]) {
                return true;
            }
        }
    }
    return false;
}

static bool is_gateway_tag(const struct model *m, uint32_t tag) {
    return tag != MODEL_NONE && m->tags[tag].gateway != MODEL_NONE;
}

/* --- what the change touches */

static void touch_tag(struct scope *s, struct slice name) {
    uint32_t tag = model_find_tag(s->m, name);
    if (tag != MODEL_NONE) {
        s->tags[tag] = true;
    }
}

static void touch_place(struct scope *s, enum backtest_item kind, uint32_t place) {
    for (uint32_t i = 0; i < s->m->n_alarms && place != MODEL_NONE; i++) {
        const struct model_alarm *a = &s->m->alarms[i];
        if ((kind == BACKTEST_SITE ? a->site : a->gateway) == place) {
            s->alarms[i] = true;
        }
    }
}

static void touch_group(struct scope *s, struct slice name) {
    for (uint32_t g = 0; g < s->m->n_groups; g++) {
        const struct model_group *group = &s->m->groups[g];
        for (uint32_t i = 0; i < group->n_members && slice_eq(group->name, name); i++) {
            s->alarms[group->members[i]] = true;
        }
    }
}

static void touch_item(struct scope *s, const struct backtest_changed *c) {
    uint32_t alarm = MODEL_NONE;
    switch (c->kind) {
    case BACKTEST_SITE:
        touch_place(s, c->kind, model_find_site(s->m, c->name));
        return;
    case BACKTEST_GATEWAY:
        touch_place(s, c->kind, model_find_gateway(s->m, c->name));
        return;
    case BACKTEST_TAG:
        touch_tag(s, c->name);
        return;
    case BACKTEST_ALARM:
        alarm = model_find_alarm(s->m, c->name);
        if (alarm != MODEL_NONE) {
            s->alarms[alarm] = true;
        }
        return;
    case BACKTEST_GROUP:
        touch_group(s, c->name);
        return;
    }
}

/* Whether an alarm goes by other settings, from whatever item they come. Programs, tags and groups are seen
 * by the items that changed. */
static bool differs(const struct model *a, uint32_t i, const struct model *b, uint32_t j) {
    const struct model_alarm *x = &a->alarms[i];
    const struct model_alarm *y = &b->alarms[j];
    const struct model_alarm_more *p = model_alarm_more(a, i);
    const struct model_alarm_more *q = model_alarm_more(b, j);
    bool same_limit = (isnan(x->limit) && isnan(y->limit)) || !(x->limit < y->limit || x->limit > y->limit);
    return !same_limit || x->deadband < y->deadband || x->deadband > y->deadband ||
           x->on_delay_us != y->on_delay_us || x->off_delay_us != y->off_delay_us || x->kind != y->kind ||
           x->ack_mode != y->ack_mode || x->on_bad != y->on_bad || x->options != y->options ||
           p->unsuppress_us != q->unsuppress_us ||
           (p->hidden_by == MODEL_NONE) != (q->hidden_by == MODEL_NONE) ||
           (p->suppress_program == MODEL_NONE) != (q->suppress_program == MODEL_NONE);
}

static void touch_differences(struct scope *s, const struct model *other) {
    for (uint32_t i = 0; i < s->m->n_alarms; i++) {
        uint32_t j = model_find_alarm(other, s->m->alarm_texts[i].name);
        s->alarms[i] = s->alarms[i] || j == MODEL_NONE || differs(s->m, i, other, j);
    }
}

/* Calculated tags stand behind those that they depend on, so one pass is enough. */
static void touch_calculated(struct scope *s) {
    for (uint32_t c = 0; c < s->m->n_calculated; c++) {
        uint32_t tag = s->m->calculated[c];
        const uint32_t *inputs = NULL;
        uint32_t n = rule_set_inputs(s->m->rules, s->m->tags[tag].program, &inputs);
        for (uint32_t i = 0; i < n && !s->tags[tag]; i++) {
            s->tags[tag] = s->tags[inputs[i]];
        }
    }
}

/* What is hidden by a touched alarm is touched, too, and so on along the chain. */
static void touch_hidden(struct scope *s) {
    bool more = true;
    while (more) {
        more = false;
        for (uint32_t i = 0; i < s->m->n_alarms; i++) {
            uint32_t by = model_alarm_more(s->m, i)->hidden_by;
            if (!s->alarms[i] && by != MODEL_NONE && s->alarms[by]) {
                s->alarms[i] = true;
                more = true;
            }
        }
    }
}

static void touch(struct scope *s, const struct backtest_config *cfg, const struct model *other) {
    for (uint32_t i = 0; i < cfg->n_changed; i++) {
        touch_item(s, &cfg->changed[i]);
    }
    touch_calculated(s);
    touch_differences(s, other);
    for (uint32_t i = 0; i < s->m->n_alarms; i++) {
        s->alarms[i] = s->alarms[i] || reads_any(s, i, s->tags);
    }
    touch_hidden(s);
}

static enum status scope_init(struct scope *s, const struct model *m, struct error *err) {
    *s = (struct scope){.m = m};
    s->alarms = calloc(backtest_at_least_one(m->n_alarms), sizeof *s->alarms);
    s->tags = calloc(backtest_at_least_one(m->n_tags), sizeof *s->tags);
    return s->alarms != NULL && s->tags != NULL ? OK : error_set(err, ERR_NOMEM, "backtest", "no memory");
}

static void scope_done(struct scope *s) {
    free(s->alarms);
    free(s->tags);
}

/* --- what can be judged */

/* History knows the tag, by the same gateway, or it is calculated. */
static bool has_history(const struct backtest *bt, const struct model *m, uint32_t tag) {
    if (!is_gateway_tag(m, tag)) {
        return true;
    }
    const struct model *now = bt->cfg.now;
    uint32_t known = model_find_tag(now, m->tags[tag].name);
    return known != MODEL_NONE && is_gateway_tag(now, known) && now->tags[known].key > 0 &&
           slice_eq(now->gateways[now->tags[known].gateway].name, m->gateways[m->tags[tag].gateway].name);
}

static bool is_judged(const struct backtest *bt, const struct model *m, uint32_t alarm) {
    const struct model_alarm *a = &m->alarms[alarm];
    const struct model_alarm_more *more = model_alarm_more(m, alarm);
    if (a->kind == ALARM_RUNTIME || a->kind == ALARM_TOTAL || a->kind == ALARM_CLOCK ||
        a->kind == ALARM_CERTIFICATE || a->kind == ALARM_DUPLICATE || a->kind == ALARM_SERVER ||
        (a->kind == ALARM_COMM && !bt->cfg.links)) {
        return false;
    }
    return has_history(bt, m, a->tag) && has_history(bt, m, more->limit_tag) &&
           has_history(bt, m, more->second_tag);
}

static enum status classify(struct backtest *bt, struct backtest_side *side, const bool *touched,
                            enum track_class others, struct error *err) {
    side->classes = calloc(backtest_at_least_one(side->model->n_alarms), sizeof *side->classes);
    if (side->classes == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory");
    }
    for (uint32_t i = 0; i < side->model->n_alarms; i++) {
        if (is_judged(bt, side->model, i)) {
            side->classes[i] = (uint8_t)(touched[i] ? TRACK_TOUCHED : others);
        } else if (touched[i] && side == &bt->sides[BACKTEST_THEN]) {
            bt->n_unjudged++;
        }
    }
    return OK;
}

static enum status add_entries(struct backtest *bt, struct error *err) {
    const struct backtest_side *now = &bt->sides[BACKTEST_NOW];
    const struct backtest_side *then = &bt->sides[BACKTEST_THEN];
    bt->entries = calloc(backtest_at_least_one((size_t)now->model->n_alarms + then->model->n_alarms),
                         sizeof *bt->entries);
    if (bt->entries == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory");
    }
    for (uint32_t i = 0; i < now->model->n_alarms; i++) {
        struct slice name = now->model->alarm_texts[i].name;
        uint32_t j = model_find_alarm(then->model, name);
        bool in_then = j != MODEL_NONE && then->classes[j] == TRACK_TOUCHED;
        if (now->classes[i] != TRACK_IGNORED || in_then) {
            bt->entries[bt->n_entries++] =
                (struct backtest_entry){.name = name,
                                        .now = now->classes[i] != TRACK_IGNORED ? i : MODEL_NONE,
                                        .then = in_then ? j : MODEL_NONE,
                                        .touched = now->classes[i] != TRACK_OTHER};
        }
    }
    for (uint32_t j = 0; j < then->model->n_alarms; j++) {
        struct slice name = then->model->alarm_texts[j].name;
        if (then->classes[j] == TRACK_TOUCHED && model_find_alarm(now->model, name) == MODEL_NONE) {
            bt->entries[bt->n_entries++] =
                (struct backtest_entry){.name = name, .now = MODEL_NONE, .then = j, .touched = true};
        }
    }
    return OK;
}

static enum status judge(struct backtest *bt, struct error *err) {
    struct scope now = {0};
    struct scope then = {0};
    enum status status = scope_init(&now, bt->cfg.now, err);
    if (status == OK) {
        status = scope_init(&then, bt->cfg.then, err);
    }
    if (status == OK) {
        touch(&now, &bt->cfg, bt->cfg.then);
        touch(&then, &bt->cfg, bt->cfg.now);
        /* An alarm is touched in both or in none: else one half would be compared with nothing. */
        for (uint32_t i = 0; i < now.m->n_alarms; i++) {
            uint32_t j = model_find_alarm(then.m, now.m->alarm_texts[i].name);
            if (j != MODEL_NONE) {
                now.alarms[i] = then.alarms[j] = now.alarms[i] || then.alarms[j];
            }
        }
        status = classify(bt, &bt->sides[BACKTEST_NOW], now.alarms,
                          bt->cfg.whole ? TRACK_OTHER : TRACK_IGNORED, err);
    }
    if (status == OK) {
        status = classify(bt, &bt->sides[BACKTEST_THEN], then.alarms, TRACK_IGNORED, err);
    }
    scope_done(&now);
    scope_done(&then);
    return status == OK ? add_entries(bt, err) : status;
}

static enum status choose_variants(struct backtest *bt, struct error *err) {
    struct backtest_side *side = &bt->sides[BACKTEST_VARIANTS];
    side->classes = calloc(backtest_at_least_one(side->model->n_alarms), sizeof *side->classes);
    if (side->classes == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory");
    }
    for (uint32_t i = 0; i < bt->cfg.variants.n; i++) {
        uint32_t alarm = bt->cfg.variants.alarms[i];
        CHECK(alarm < side->model->n_alarms);
        if (!is_judged(bt, side->model, alarm)) {
            return error_set(err, ERR_INVALID, "suggest", "history cannot tell of this alarm");
        }
        side->classes[alarm] = TRACK_TOUCHED;
    }
    return OK;
}

/* --- what must be read */

static void need_program(struct backtest_side *side, uint32_t program) {
    const uint32_t *tags = NULL;
    uint32_t n = rule_set_inputs(side->model->rules, program, &tags);
    for (uint32_t i = 0; i < n; i++) {
        side->needed[tags[i]] = true;
    }
}

static void need_alarm(struct backtest_side *side, uint32_t alarm) {
    const struct model_alarm *a = &side->model->alarms[alarm];
    const struct model_alarm_more *more = model_alarm_more(side->model, alarm);
    const uint32_t direct[] = {a->tag, more->limit_tag, more->second_tag};
    for (size_t i = 0; i < sizeof direct / sizeof direct[0]; i++) {
        if (direct[i] != MODEL_NONE) {
            side->needed[direct[i]] = true;
        }
    }
    uint32_t programs[PROGRAMS_MAX];
    uint32_t n = programs_of(side->model, alarm, programs);
    for (uint32_t i = 0; i < n; i++) {
        need_program(side, programs[i]);
    }
}

static enum status need(struct backtest_side *side, struct error *err) {
    const struct model *m = side->model;
    side->needed = calloc(backtest_at_least_one(m->n_tags), sizeof *side->needed);
    if (side->needed == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory");
    }
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        /* Along the chain of those that hide it; it is no circle, or the chain would have no first one. */
        uint32_t alarm = i;
        for (uint32_t depth = 0;
             side->classes[i] != TRACK_IGNORED && alarm != MODEL_NONE && depth < m->n_alarms; depth++) {
            need_alarm(side, alarm);
            alarm = model_alarm_more(m, alarm)->hidden_by;
        }
    }
    /* From the end, each calculated tag before those that it depends on. */
    for (uint32_t c = m->n_calculated; c > 0; c--) {
        uint32_t tag = m->calculated[c - 1];
        if (side->needed[tag]) {
            need_program(side, m->tags[tag].program);
        }
    }
    return OK;
}

static int by_gateway(const void *a, const void *b) {
    const struct backtest_tag *x = a;
    const struct backtest_tag *y = b;
    if (x->gateway != y->gateway) {
        return x->gateway < y->gateway ? -1 : 1;
    }
    return x->now < y->now ? -1 : x->now > y->now;
}

static enum status choose_tags(struct backtest *bt, struct error *err) {
    const struct model *now = bt->cfg.now;
    bt->tags = calloc(backtest_at_least_one(now->n_tags), sizeof *bt->tags);
    if (bt->tags == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory");
    }
    for (uint32_t i = 0; i < now->n_tags; i++) {
        bool needed = false;
        for (int s = 0; s < BACKTEST_SIDES; s++) {
            const struct backtest_side *side = &bt->sides[s];
            uint32_t tag = side->model == NULL ? MODEL_NONE : model_find_tag(side->model, now->tags[i].name);
            needed = needed || (tag != MODEL_NONE && side->needed[tag]);
        }
        if (needed && is_gateway_tag(now, i) && now->tags[i].key > 0) {
            bt->tags[bt->n_tags++] =
                (struct backtest_tag){.key = now->tags[i].key, .now = i, .gateway = now->tags[i].gateway};
        }
    }
    qsort(bt->tags, bt->n_tags, sizeof *bt->tags, by_gateway);
    return OK;
}

enum status backtest_scope(struct backtest *bt, struct error *err) {
    enum status status = judge(bt, err);
    if (status == OK && bt->cfg.variants.model != NULL) {
        status = choose_variants(bt, err);
    }
    for (int s = 0; s < BACKTEST_SIDES && status == OK; s++) {
        if (bt->sides[s].model != NULL) {
            status = need(&bt->sides[s], err);
        }
    }
    if (status == OK) {
        status = choose_tags(bt, err);
    }
    if (status == OK && bt->n_entries == 0 && bt->cfg.variants.model == NULL) {
        status = error_set(err, ERR_INVALID, "items", "the change touches no alarm that history can tell of");
    }
    return status;
}

/* --- what changes nothing */

static void no_band(double *low, double *high, uint32_t tag) {
    if (tag != MODEL_NONE) {
        low[tag] = INFINITY;
        high[tag] = -INFINITY;
    }
}

static void no_band_of_program(const struct model *m, uint32_t program, double *low, double *high) {
    if (program == MODEL_NONE) {
        return;
    }
    const uint32_t *tags = NULL;
    uint32_t n = rule_set_inputs(m->rules, program, &tags);
    for (uint32_t i = 0; i < n; i++) {
        no_band(low, high, tags[i]);
    }
}

static void narrow(const struct model_alarm *a, double *low, double *high) {
    bool fixed = !isnan(a->limit);
    if (fixed && a->kind == ALARM_HIGH) {
        high[a->tag] = fmin(high[a->tag], a->limit - a->deadband);
    } else if (fixed && a->kind == ALARM_LOW) {
        low[a->tag] = fmax(low[a->tag], a->limit + a->deadband);
    } else {
        no_band(low, high, a->tag);
    }
}

void backtest_quiet_bands(const struct model *m, double *ret_low, double *ret_high) {
    for (uint32_t i = 0; i < m->n_tags; i++) {
        ret_low[i] = -INFINITY;
        ret_high[i] = INFINITY;
        if (m->tags[i].stale_us != 0) {
            no_band(ret_low, ret_high, i);
        }
    }
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        const struct model_alarm_more *more = model_alarm_more(m, i);
        if (m->alarms[i].tag != MODEL_NONE) {
            narrow(&m->alarms[i], ret_low, ret_high);
        }
        no_band(ret_low, ret_high, more->limit_tag);
        no_band(ret_low, ret_high, more->second_tag);
        no_band_of_program(m, more->program, ret_low, ret_high);
        no_band_of_program(m, more->suppress_program, ret_low, ret_high);
    }
    for (uint32_t i = 0; i < m->n_groups; i++) {
        no_band_of_program(m, m->groups[i].suppress_program, ret_low, ret_high);
    }
    for (uint32_t i = 0; i < m->n_calculated; i++) {
        no_band_of_program(m, m->tags[m->calculated[i]].program, ret_low, ret_high);
    }
}
