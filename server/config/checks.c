#include "server/config/checks.h"

#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/config/fields.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PERCENT 100.0

struct checks {
    const struct config_set *set;
    const struct model *m;
    int64_t now_us;
    const struct config_history *history; /* NULL: none */
    config_on_finding on_finding;
    void *ctx;
    struct config_policy policy;
    uint32_t *same_cause; /* the first alarm with the same cause; MODEL_NONE */
    uint32_t counts[CONFIG_PRIORITIES + 1];
};

/* One alarm that is looked at. */
struct looked {
    struct checks *c;
    struct config_parsed p; /* as it was written, without its class */
    bool highly_managed;
    const struct model_alarm *a;
    uint32_t index;
};

static const struct item *item_of(const struct config_item *item) {
    /* pub is the item's first member */
    return (const struct item *)(const void *)item;
}

static bool given(const struct looked *l, const char *field) {
    return (l->p.present & field_bit(CONFIG_ALARM, field)) != 0;
}

static void tell(const struct looked *l, const char *code, struct slice other, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

static void tell(const struct looked *l, const char *code, struct slice other, const char *fmt, ...) {
    struct config_finding finding = {
        .code = code, .alarm = l->c->m->alarm_texts[l->index].name, .other = other};
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(finding.text, sizeof finding.text, fmt, args);
    va_end(args);
    l->c->on_finding(l->c->ctx, &finding);
}

static const struct slice nothing = {0};

/* --- what is said about the alarm */

static void look_at_guidance(const struct looked *l) {
    uint32_t first = l->c->same_cause[l->index];
    if (l->a->ack_mode != ACK_NONE && !given(l, "action")) {
        tell(l, "no_action", nothing,
             "says nothing of what the operator is to do; without an action it is no alarm");
    }
    if (l->a->ack_mode != ACK_NONE && !given(l, "consequence")) {
        tell(l, "no_consequence", nothing, "says nothing of what happens if nobody acts");
    }
    if (first != MODEL_NONE) {
        tell(l, "same_cause", l->c->m->alarm_texts[first].name,
             "has the same cause as %.*s; two alarms for one cause are one too many",
             SLICE_ARG(l->c->m->alarm_texts[first].name));
    }
}

static void look_at_priority(const struct looked *l) {
    const struct parsed_alarm *p = &l->p.alarm;
    if (!given(l, "priority") || !given(l, "severity") || !given(l, "time_to_act_s") ||
        given(l, "priority_reason")) {
        return;
    }
    uint8_t derived = config_policy_priority(&l->c->policy, p->severity, p->time_to_act_s);
    if (derived != l->a->priority) {
        tell(l, "priority_reason", nothing,
             "has priority %d, but the matrix gives %d (%s, %.10g s to act); give the reason, or leave the "
             "priority out",
             l->a->priority, derived, config_severity_name(p->severity), p->time_to_act_s);
    }
}

static void look_at_settings(const struct looked *l) {
    const struct parsed_alarm *p = &l->p.alarm;
    bool high = l->a->kind == ALARM_HIGH;
    if (given(l, "trip_point") && !isnan(l->a->limit) && (high || l->a->kind == ALARM_LOW) &&
        (high ? l->a->limit >= p->trip_point : l->a->limit <= p->trip_point)) {
        tell(l, "limit_at_trip", nothing,
             "has its limit at %.10g, and the plant trips at %.10g: it comes when nothing can be done any "
             "more",
             l->a->limit, p->trip_point);
    }
    double delay_s = (double)l->a->on_delay_us / (double)TM_SECOND_US;
    if (given(l, "time_to_act_s") && delay_s >= p->time_to_act_s) {
        tell(l, "delay_over_time", nothing,
             "comes %.10g s after its cause, but there are only %.10g s to act", delay_s, p->time_to_act_s);
    }
    bool opposes =
        (given(l, "shelvable") && p->common.shelvable) || (given(l, "comment") && !p->common.comment);
    if (l->highly_managed && opposes) {
        tell(l, "highly_managed", nothing,
             "is of a highly managed class: it cannot be shelved and needs a comment, whatever it says "
             "itself");
    }
}

/* --- what time has made of it */

/* The first moment of the day behind the date. */
static int64_t end_of_day(struct slice date) {
    char text[TM_TEXT_SIZE];
    int64_t t_us = 0;
    (void)snprintf(text, sizeof text, "%.*sT00:00:00Z", SLICE_ARG(date));
    enum status status = tm_parse(slice_str(text), &t_us, NULL);
    CHECK(status == OK); /* was read when the item was put */
    return t_us + TM_DAY_US;
}

static int64_t days_us(double days) {
    return llround(days * (double)TM_DAY_US);
}

static void look_at_review(const struct looked *l) {
    const struct checks *c = l->c;
    struct slice reviewed = l->p.alarm.reviewed_on;
    const int64_t *changed = c->history == NULL ? NULL : c->history->changed_us;
    if (reviewed.n == 0) {
        tell(l, "changed_unreviewed", nothing, "was never reviewed (reviewed_on is empty)");
    } else if (changed != NULL && changed[l->index] >= end_of_day(reviewed)) {
        tell(l, "changed_unreviewed", nothing, "was changed after its last review on %.*s",
             SLICE_ARG(reviewed));
    }
    if (given(l, "next_review")) {
        struct slice next = l->p.alarm.next_review;
        if (next.n > 0 && c->now_us >= end_of_day(next)) {
            tell(l, "review_overdue", nothing, "was to be reviewed by %.*s", SLICE_ARG(next));
        }
    } else if (reviewed.n > 0 && c->now_us >= end_of_day(reviewed) + days_us(c->policy.review_after_days)) {
        tell(l, "review_overdue", nothing, "was reviewed last on %.*s, and is to be every %.10g days",
             SLICE_ARG(reviewed), c->policy.review_after_days);
    }
}

static void look_at_silence(const struct looked *l) {
    const struct checks *c = l->c;
    if (c->history == NULL || c->history->raised_us == NULL) {
        return;
    }
    int64_t since_us = c->now_us - days_us(c->policy.silent_days);
    bool is_new = c->history->changed_us != NULL && c->history->changed_us[l->index] > since_us;
    if (!is_new && c->history->raised_us[l->index] < since_us) {
        tell(l, "silent", nothing, "was not raised for %.10g days; is it still needed, and does it work?",
             c->policy.silent_days);
    }
}

/* --- all together */

struct cause {
    struct slice text;
    uint32_t alarm;
};

static int by_cause(const void *a, const void *b) {
    const struct cause *x = a;
    const struct cause *y = b;
    size_t n = x->text.n < y->text.n ? x->text.n : y->text.n;
    int order = n == 0 ? 0 : memcmp(x->text.p, y->text.p, n);
    if (order != 0 || x->text.n != y->text.n) {
        return order != 0 ? order : (x->text.n > y->text.n) - (x->text.n < y->text.n);
    }
    return x->alarm < y->alarm ? -1 : 1;
}

static enum status find_same_causes(struct checks *c) {
    uint32_t n = 0;
    struct cause *v = calloc((size_t)c->m->n_alarms + 1, sizeof *v);
    c->same_cause = calloc((size_t)c->m->n_alarms + 1, sizeof *c->same_cause);
    if (v == NULL || c->same_cause == NULL) {
        free(v);
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < c->m->n_alarms; i++) {
        struct config_parsed p;
        item_unpack(item_of(config_set_at(c->set, CONFIG_ALARM, i)), &p);
        c->same_cause[i] = MODEL_NONE;
        if (p.alarm.cause.en.n > 0 && p.alarm.enabled) {
            v[n++] = (struct cause){.text = p.alarm.cause.en, .alarm = i};
        }
    }
    qsort(v, n, sizeof *v, by_cause);
    for (uint32_t i = 1, first = 0; i < n; i++) {
        if (slice_eq(v[i].text, v[first].text)) {
            c->same_cause[v[i].alarm] = v[first].alarm;
        } else {
            first = i;
        }
    }
    free(v);
    return OK;
}

static void look_at(struct checks *c, uint32_t i) {
    struct looked l = {.c = c, .a = &c->m->alarms[i], .index = i};
    const struct config_item *item = config_set_at(c->set, CONFIG_ALARM, i);
    if (!model_alarm_is(l.a, ALARM_ENABLED)) {
        return;
    }
    item_unpack(item_of(item), &l.p);
    l.highly_managed = config_is_highly_managed(c->set, item->name);
    if (l.a->ack_mode != ACK_NONE) {
        c->counts[l.a->priority]++;
    }
    look_at_guidance(&l);
    look_at_priority(&l);
    look_at_settings(&l);
    look_at_review(&l);
    look_at_silence(&l);
}

/* Only too many of an urgent priority is a finding; too few of the others is the same seen from behind. */
static void look_at_distribution(const struct checks *c) {
    uint32_t all = 0;
    for (uint32_t p = 1; p <= CONFIG_PRIORITIES; p++) {
        all += c->counts[p];
    }
    for (uint32_t p = 1; p < CONFIG_PRIORITIES && all > 0 && all >= c->policy.distribution_min_alarms; p++) {
        double share = PERCENT * c->counts[p] / all;
        if (share > c->policy.distribution[p - 1] + c->policy.distribution_tolerance) {
            struct config_finding finding = {.code = "distribution"};
            (void)snprintf(finding.text, sizeof finding.text,
                           "%u of %u alarms (%.1f %%) have priority %u; about %.10g %% would be right",
                           c->counts[p], all, share, p, c->policy.distribution[p - 1]);
            c->on_finding(c->ctx, &finding);
        }
    }
}

enum status config_checks(const struct config_set *set, const struct model *m, int64_t now_us,
                          const struct config_history *history, config_on_finding on_finding, void *ctx,
                          struct error *err) {
    struct checks c = {.set = set,
                       .m = m,
                       .now_us = now_us,
                       .history = history,
                       .on_finding = on_finding,
                       .ctx = ctx,
                       .policy = config_policy_of(set)};
    CHECK(config_set_count(set, CONFIG_ALARM) == m->n_alarms);
    enum status status = find_same_causes(&c);
    if (status != OK) {
        (void)error_set(err, status, "configuration", "no memory for its checks");
    }
    for (uint32_t i = 0; status == OK && i < m->n_alarms; i++) {
        look_at(&c, i);
    }
    if (status == OK) {
        look_at_distribution(&c);
    }
    free(c.same_cause);
    return status;
}

bool config_is_highly_managed(const struct config_set *set, struct slice alarm) {
    struct config_parsed p;
    const struct config_item *item = config_set_find(set, CONFIG_ALARM, alarm);
    if (item == NULL) {
        return false;
    }
    item_unpack(item_of(item), &p);
    const struct config_item *class = config_set_find(set, CONFIG_CLASS, p.alarm.class);
    if (class == NULL) {
        return false;
    }
    item_unpack(item_of(class), &p);
    return p.class.highly_managed;
}
