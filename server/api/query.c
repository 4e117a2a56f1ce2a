#include "server/api/query.h"

#include <stdio.h>
#include <string.h>

enum { ALL_PRIORITIES = 1U << 1 | 1U << 2 | 1U << 3 | 1U << 4 };

static const struct {
    const char *name;
    enum shown shown;
} states[] = {{"unacked", SHOWN_UNACKED},       {"active", SHOWN_ACTIVE},      {"shelved", SHOWN_SHELVED},
              {"suppressed", SHOWN_SUPPRESSED}, {"oos", SHOWN_OUT_OF_SERVICE}, {"disabled", SHOWN_DISABLED},
              {"untrusted", SHOWN_UNTRUSTED},   {"confirm", SHOWN_CONFIRM},    {"all", SHOWN_ALL}};

static bool parse_state(struct slice text, enum shown *ret) {
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (slice_is(text, states[i].name)) {
            *ret = states[i].shown;
            return true;
        }
    }
    return false;
}

bool query_parse_priorities(struct slice text, uint8_t *ret) {
    uint8_t bits = 0;
    for (size_t i = 0; i < text.n; i++) {
        bool digit = text.p[i] >= '1' && text.p[i] <= '4';
        if (digit != (i % 2 == 0) || (!digit && text.p[i] != ',')) {
            return false;
        }
        bits = (uint8_t)(digit ? bits | 1U << (unsigned)(text.p[i] - '0') : bits);
    }
    *ret = bits;
    return text.n % 2 == 1;
}

static bool read_place(struct http_request *r, const struct model *m, struct alarm_query *q) {
    struct slice name;
    q->has_area = http_param(r, "area", &q->area);
    if (http_param(r, "site", &name)) {
        q->site = model_find_site(m, name);
        if (q->site == MODEL_NONE) {
            http_problem(r, 404, "not_found", "there is no site \"%.*s\"", SLICE_ARG(name));
            return false;
        }
    }
    if (http_param(r, "position", &name)) {
        uint32_t i = 0;
        while (i < m->n_positions && !slice_eq(m->positions[i], name)) {
            i++;
        }
        if (i == m->n_positions && !(i == 0 && slice_is(name, "main"))) {
            http_problem(r, 404, "not_found", "there is no operator position \"%.*s\"", SLICE_ARG(name));
            return false;
        }
        q->position = i;
    }
    return true;
}

bool query_read(struct http_request *r, const struct model *m, struct alarm_query *ret) {
    struct slice text;
    *ret = (struct alarm_query){.site = MODEL_NONE, .position = MODEL_NONE, .shown = SHOWN_DEFAULT};
    if (http_param(r, "state", &text) && !parse_state(text, &ret->shown)) {
        http_problem(
            r, 400, "query",
            "state is unacked, active, shelved, suppressed, oos, disabled, untrusted, confirm or all");
        return false;
    }
    ret->priorities = ALL_PRIORITIES;
    if (http_param(r, "priority", &text) && !query_parse_priorities(text, &ret->priorities)) {
        http_problem(r, 400, "query", "priority is a list of 1 to 4, such as 1,2");
        return false;
    }
    return read_place(r, m, ret);
}

bool query_place(const struct alarm_query *q, const struct model *m, uint32_t alarm) {
    const struct model_alarm *cfg = &m->alarms[alarm];
    return (q->site == MODEL_NONE || q->site == cfg->site) &&
           (q->position == MODEL_NONE || q->position == cfg->position) &&
           (!q->has_area || slice_eq(q->area, m->sites[cfg->site].area));
}

struct alarm_filter query_filter(const struct alarm_query *q, const struct model *m,
                                 int64_t sites[SITE_LIST_MAX]) {
    struct alarm_filter f = {.priorities = q->priorities == ALL_PRIORITIES ? 0 : q->priorities};
    if (q->site != MODEL_NONE) {
        f.site_key = m->sites[q->site].key;
    }
    if (q->position != MODEL_NONE) {
        struct slice name = q->position < m->n_positions ? m->positions[q->position] : slice_str("main");
        (void)snprintf(f.position, sizeof f.position, "%.*s", SLICE_ARG(name));
    }
    if (q->has_area) {
        f.sites = sites;
        for (uint32_t i = 0; i < m->n_sites && f.n_sites < SITE_LIST_MAX; i++) {
            if (slice_eq(m->sites[i].area, q->area)) {
                sites[f.n_sites++] = m->sites[i].key;
            }
        }
    }
    return f;
}

static bool base_retains(const struct alarm_record *r) {
    return (r->base != ALARM_NORMAL && r->base != ALARM_DISABLED && r->base != ALARM_GONE) ||
           (r->facts & FACT_CONFIRM_DUE) != 0;
}

bool query_state_then(const struct alarm_query *q, const struct alarm_record *r) {
    const struct alarm_view v = {.letter = r->to,
                                 .base = r->base,
                                 .priority = r->priority,
                                 .facts = r->facts,
                                 .untrusted = (r->flags & RECORD_UNTRUSTED) != 0,
                                 .confirm_due = (r->facts & FACT_CONFIRM_DUE) != 0,
                                 .retain = base_retains(r)};
    return query_state(q, &v);
}

bool query_state(const struct alarm_query *q, const struct alarm_view *v) {
    if ((q->priorities & 1U << v->priority) == 0) {
        return false;
    }
    switch (q->shown) {
    case SHOWN_DEFAULT:
        return v->retain;
    case SHOWN_UNACKED:
        return alarm_letter_unacked(v->letter);
    case SHOWN_ACTIVE:
        return alarm_letter_active(v->letter);
    case SHOWN_SHELVED:
        return v->letter == ALARM_SHELVED || (v->facts & FACT_SHELVED) != 0;
    case SHOWN_SUPPRESSED:
        return v->letter == ALARM_SUPPRESSED || (v->facts & FACT_SUPPRESSED) != 0;
    case SHOWN_OUT_OF_SERVICE:
        return v->letter == ALARM_OUT_OF_SERVICE;
    case SHOWN_DISABLED:
        return v->letter == ALARM_DISABLED;
    case SHOWN_UNTRUSTED:
        return v->untrusted;
    case SHOWN_CONFIRM:
        return v->confirm_due;
    case SHOWN_ALL:
        return true;
    }
    return true;
}
