#include "server/config/cross.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    POINTER_SIZE = sizeof(((struct config_fault *)0)->pointer),
    TEXT_SIZE = sizeof(((struct config_fault *)0)->text)
};

static void point(char pointer[POINTER_SIZE], enum config_kind kind, struct slice name, const char *field) {
    pointer[0] = '\0';
    faults_pointer_add(pointer, slice_str(config_kind_name(kind)));
    faults_pointer_add(pointer, name);
    faults_pointer_add(pointer, slice_str(field));
}

void cross_fault(struct faults *f, const char *code, const struct config_item *item, const char *field,
                 const char *fmt, ...) {
    char pointer[POINTER_SIZE];
    char text[TEXT_SIZE];
    point(pointer, item->kind, item->name, field);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    faults_add(f, code, pointer, "%s", text);
}

void cross_unknown(struct faults *f, const struct config_item *item, const char *field,
                   enum config_kind wanted, struct slice name) {
    static const char *const codes[CONFIG_KINDS] = {
        [CONFIG_SITE] = "E_SITE",   [CONFIG_GATEWAY] = "E_GATEWAY", [CONFIG_TAG] = "E_TAG",
        [CONFIG_CLASS] = "E_CLASS", [CONFIG_GROUP] = "E_GROUP",     [CONFIG_POLICY] = "E_POLICY",
        [CONFIG_ALARM] = "E_ALARM"};
    cross_fault(f, codes[wanted], item, field,
                "is \"%.*s\", but there is no such %s; name one that is configured, or add it",
                SLICE_ARG(name), config_kind_name(wanted));
}

void cross_unknown_site(struct faults *f, const struct config_item *item) {
    cross_fault(f, "E_SITE", item, "name",
                "begins with site \"%.*s\", but there is no such site; add it, or correct the name",
                SLICE_ARG(item_site_of(item->name)));
}

void cross_tag(struct faults *f, const struct model *m, uint32_t tag, const struct config_item *item) {
    const struct model_tag *t = &m->tags[tag];
    const struct model_gateway *g = &m->gateways[t->gateway];
    if (g->site == t->site || g->site == MODEL_NONE) {
        return;
    }
    cross_fault(f, "E_GATEWAY", item, "gateway",
                "is \"%.*s\" of site %.*s, but the tag is of site %.*s; both must be of the same site",
                SLICE_ARG(g->name), SLICE_ARG(m->sites[g->site].name), SLICE_ARG(m->sites[t->site].name));
}

static void limit_in_range(struct faults *f, const struct model_tag *tag, const struct model_alarm *a,
                           const struct config_item *item) {
    if (a->limit < tag->low || a->limit > tag->high) {
        cross_fault(f, "E_RANGE", item, "limit",
                    "is %.10g; it must be within the range of its tag, %.10g to %.10g", a->limit, tag->low,
                    tag->high);
        return;
    }
    double returns_at = a->kind == ALARM_HIGH ? a->limit - a->deadband : a->limit + a->deadband;
    if (returns_at < tag->low || returns_at > tag->high) {
        cross_fault(f, "E_DEADBAND", item, "deadband",
                    "is %.10g, so that the alarm would return only at %.10g, outside the range of its "
                    "tag, %.10g to %.10g; make it smaller",
                    a->deadband, returns_at, tag->low, tag->high);
    }
}

void cross_limit(struct faults *f, const struct model_tag *tag, const struct model_alarm *a,
                 const struct config_item *item) {
    if (isnan(a->limit)) {
        return; /* it is a tag */
    }
    if (a->kind == ALARM_HIGH || a->kind == ALARM_LOW) {
        limit_in_range(f, tag, a, item);
    } else if ((a->kind == ALARM_DEV || a->kind == ALARM_ROC) && a->limit <= a->deadband) {
        cross_fault(f, "E_DEADBAND", item, a->deadband > 0 ? "deadband" : "limit",
                    "leaves nothing to return to: the limit is %.10g and the deadband %.10g; the limit must "
                    "be above it",
                    a->limit, a->deadband);
    } else if (a->kind == ALARM_RUNTIME && a->limit <= 0) {
        cross_fault(f, "E_RANGE", item, "limit", "must be a time above 0");
    }
}

void cross_gateway_site(struct faults *f, const struct model *m, uint32_t gateway,
                        const struct config_item *item) {
    const struct model_gateway *g = &m->gateways[gateway];
    if (g->site == MODEL_NONE) {
        return;
    }
    struct slice suffix = item_local_of(item->name);
    suffix = slice_of(suffix.p + g->name.n, suffix.n - g->name.n);
    cross_fault(f, "E_NAME", item, "name",
                "is of site %.*s, but gateway %.*s is of site %.*s; its alarm is %.*s/%.*s%.*s",
                SLICE_ARG(item_site_of(item->name)), SLICE_ARG(g->name), SLICE_ARG(m->sites[g->site].name),
                SLICE_ARG(m->sites[g->site].name), SLICE_ARG(g->name), SLICE_ARG(suffix));
}

void cross_comm_alarms(struct faults *f, const struct model *m) {
    for (uint32_t i = 0; i < m->n_gateways; i++) {
        const struct model_gateway *g = &m->gateways[i];
        if (g->comm_alarm == MODEL_NONE && g->site != MODEL_NONE) {
            char pointer[POINTER_SIZE];
            point(pointer, CONFIG_GATEWAY, g->name, "name");
            faults_add(f, "E_MISSING", pointer,
                       "has no alarm for its link; add alarm %.*s/%.*s.comm of kind comm",
                       SLICE_ARG(m->sites[g->site].name), SLICE_ARG(g->name));
        }
    }
}

/* --- limits of one tag */

static bool has_constant_limit(const struct model_alarm *a) {
    return (a->kind == ALARM_HIGH || a->kind == ALARM_LOW) && a->tag != MODEL_NONE && !isnan(a->limit);
}

enum { LEVELS = 4 };

/* One limit of a tag, as it is compared with the others. */
struct limit {
    double at;
    double returns_at;
    uint32_t tag;
    uint32_t alarm;
    uint8_t level; /* model_alarm_more.level */
    bool high;
};

/* By tag, low ones before high ones, by limit. */
static int by_tag_and_limit(const void *a, const void *b) {
    const struct limit *x = a;
    const struct limit *y = b;
    if (x->tag != y->tag) {
        return x->tag < y->tag ? -1 : 1;
    }
    if (x->high != y->high) {
        return x->high ? 1 : -1;
    }
    if (x->at < y->at || x->at > y->at) {
        return x->at < y->at ? -1 : 1;
    }
    return x->alarm < y->alarm ? -1 : 1;
}

static struct slice name_of(const struct model *m, const struct limit *l) {
    return m->alarm_texts[l->alarm].name;
}

static void order_fault(struct faults *f, const struct model *m, const struct limit *of, const char *what,
                        const struct limit *other) {
    char pointer[POINTER_SIZE];
    point(pointer, CONFIG_ALARM, name_of(m, of), "limit");
    faults_add(f, "E_LIMIT_ORDER", pointer, "is %.10g; %s, and %.*s is at %.10g", of->at, what,
               SLICE_ARG(name_of(m, other)), other->at);
}

static void deadband_fault(struct faults *f, const struct model *m, const struct limit *high,
                           const struct limit *low) {
    char pointer[POINTER_SIZE];
    point(pointer, CONFIG_ALARM, name_of(m, high), "deadband");
    faults_add(
        f, "E_DEADBAND", pointer,
        "lets the alarm return only at %.10g, but %.*s of the same tag returns at %.10g; make one of the two "
        "deadbands smaller",
        high->returns_at, SLICE_ARG(name_of(m, low)), low->returns_at);
}

/* LL < L < H < HH, strictly, among the alarms that say which of these they are. */
static void check_named_levels(struct faults *f, const struct model *m, const struct limit *v, uint32_t n) {
    const struct limit *below = NULL;
    for (unsigned level = 1; level <= LEVELS; level++) {
        for (uint32_t i = 0; i < n; i++) {
            if (v[i].level != level) {
                continue;
            }
            if (below != NULL && below->level < level && below->at >= v[i].at) {
                order_fault(f, m, &v[i], "the levels of a tag must rise: LL below L below H below HH", below);
            }
            below = &v[i];
        }
    }
}

static const struct limit *returns_first(const struct limit *a, const struct limit *b) {
    bool b_is = a == NULL || (b->high ? b->returns_at < a->returns_at : b->returns_at > a->returns_at);
    return b_is ? b : a;
}

static const struct limit *reached_first(const struct limit *a, const struct limit *b) {
    bool b_is = a == NULL || (b->high ? b->at < a->at : b->at > a->at);
    return b_is ? b : a;
}

/* The limits of one tag: a low one that is above a high one would leave no value without an alarm, and so
 * would deadbands that meet. */
static void check_limits(struct faults *f, const struct model *m, const struct limit *v, uint32_t n) {
    const struct limit *low = NULL;  /* that of all low ones that is highest, … */
    const struct limit *high = NULL; /* of all high ones the lowest */
    const struct limit *low_returns = NULL;
    uint32_t before = f->n;
    check_named_levels(f, m, v, n);
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].high) {
            high = reached_first(high, &v[i]);
        } else {
            low = reached_first(low, &v[i]);
            low_returns = returns_first(low_returns, &v[i]);
        }
    }
    if (low == NULL || high == NULL || f->n != before) {
        return;
    }
    if (low->at > high->at) {
        order_fault(f, m, low, "a low limit must be below the high limits of the same tag", high);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        bool meet = v[i].at != v[i].returns_at || low_returns->at != low_returns->returns_at;
        if (v[i].high && meet && v[i].returns_at <= low_returns->returns_at) {
            deadband_fault(f, m, &v[i], low_returns);
        }
    }
}

enum status cross_limit_order(struct faults *f, const struct model *m) {
    uint32_t n = 0;
    struct limit *v = calloc((size_t)m->n_alarms + 1, sizeof *v);
    if (v == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        const struct model_alarm *a = &m->alarms[i];
        if (has_constant_limit(a)) {
            bool high = a->kind == ALARM_HIGH;
            v[n++] = (struct limit){.at = a->limit,
                                    .returns_at = high ? a->limit - a->deadband : a->limit + a->deadband,
                                    .tag = a->tag,
                                    .alarm = i,
                                    .level = model_alarm_more(m, i)->level,
                                    .high = high};
        }
    }
    qsort(v, n, sizeof *v, by_tag_and_limit);
    for (uint32_t start = 0; start < n;) {
        uint32_t end = start;
        while (end < n && v[end].tag == v[start].tag) {
            end++;
        }
        check_limits(f, m, &v[start], end - start);
        start = end;
    }
    free(v);
    return OK;
}

/* --- hidden by each other */

/* An alarm that is hidden while another one of its tag is active is the lower level of the two: its limit is
 * reached first. */
static void check_levels(struct faults *f, const struct model *m, uint32_t alarm) {
    const struct model_alarm *lower = &m->alarms[alarm];
    uint32_t by = model_alarm_more(m, alarm)->hidden_by;
    const struct model_alarm *higher = by == MODEL_NONE ? NULL : &m->alarms[by];
    if (higher == NULL || !has_constant_limit(lower) || higher->tag != lower->tag ||
        higher->kind != lower->kind || !has_constant_limit(higher)) {
        return;
    }
    bool beyond = lower->kind == ALARM_HIGH ? higher->limit > lower->limit : higher->limit < lower->limit;
    if (!beyond) {
        char pointer[POINTER_SIZE];
        point(pointer, CONFIG_ALARM, m->alarm_texts[alarm].name, "limit");
        faults_add(f, "E_LIMIT_ORDER", pointer,
                   "is %.10g; it must be reached before that of %.*s, which hides this alarm and is at %.10g",
                   lower->limit, SLICE_ARG(m->alarm_texts[by].name), higher->limit);
    }
}

enum status cross_hidden(struct faults *f, const struct model *m) {
    uint32_t before = f->n;
    /* The walk that has come by: each alarm is visited once, and who meets his own walk has found a cycle. */
    uint32_t *walk = calloc((size_t)m->n_alarms + 1, sizeof *walk);
    if (walk == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < m->n_alarms; i++) {
        uint32_t at = i;
        while (at != MODEL_NONE && walk[at] == 0) {
            walk[at] = i + 1;
            at = model_alarm_more(m, at)->hidden_by;
        }
        if (at != MODEL_NONE && walk[at] == i + 1) {
            char pointer[POINTER_SIZE];
            point(pointer, CONFIG_ALARM, m->alarm_texts[at].name, "hidden_by");
            faults_add(f, "E_CYCLE", pointer,
                       "leads back to the alarm itself (by way of %.*s), so that all of them could be hidden",
                       SLICE_ARG(m->alarm_texts[model_alarm_more(m, at)->hidden_by].name));
        }
    }
    for (uint32_t i = 0; i < m->n_alarms && f->n == before; i++) {
        check_levels(f, m, i);
    }
    free(walk);
    return OK;
}
