#include "server/api/filter.h"

#include <string.h>

static const struct {
    const char *name;
    enum shown shown;
} states[] = {{"unacked", SHOWN_UNACKED},         {"active", SHOWN_ACTIVE},
              {"shelved", SHOWN_SHELVED},         {"suppressed", SHOWN_SUPPRESSED},
              {"oos", SHOWN_OUT_OF_SERVICE},      {"disabled", SHOWN_DISABLED},
              {"untrusted", SHOWN_UNTRUSTED},     {"confirm", SHOWN_CONFIRM},
              {"all", SHOWN_ALL}};

static bool parse_state(struct slice text, enum shown *ret) {
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (slice_is(text, states[i].name)) {
            *ret = states[i].shown;
            return true;
        }
    }
    return false;
}

bool filter_parse_priorities(struct slice text, uint8_t *ret) {
    uint8_t bits = 0;
    for (size_t i = 0; i < text.n; i++) {
        bool digit = text.p[i] >= '1' && text.p[i] <= '4';
        if (digit != (i % 2 == 0) || (!digit && text.p[i] != ',')) {
            return false;
        }
        bits = digit ? (uint8_t)(bits | 1U << (unsigned)(text.p[i] - '0')) : bits;
    }
    *ret = bits;
    return text.n % 2 == 1;
}

static bool read_place(struct http_request *r, const struct model *m, struct alarm_filter *f) {
    struct slice name;
    f->has_area = http_param(r, "area", &f->area);
    if (http_param(r, "site", &name)) {
        f->site = model_find_site(m, name);
        if (f->site == MODEL_NONE) {
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
        f->position = i;
    }
    return true;
}

bool filter_read(struct http_request *r, const struct model *m, struct alarm_filter *ret) {
    struct slice text;
    *ret = (struct alarm_filter){.site = MODEL_NONE, .position = MODEL_NONE, .shown = SHOWN_DEFAULT};
    if (http_param(r, "state", &text) && !parse_state(text, &ret->shown)) {
        http_problem(r, 400, "query",
                     "state is unacked, active, shelved, suppressed, oos, disabled, untrusted, confirm or all");
        return false;
    }
    ret->priorities = 1U << 1 | 1U << 2 | 1U << 3 | 1U << 4;
    if (http_param(r, "priority", &text) && !filter_parse_priorities(text, &ret->priorities)) {
        http_problem(r, 400, "query", "priority is a list of 1 to 4, such as 1,2");
        return false;
    }
    return read_place(r, m, ret);
}

bool filter_place(const struct alarm_filter *f, const struct model *m, uint32_t alarm) {
    const struct model_alarm *cfg = &m->alarms[alarm];
    return (f->site == MODEL_NONE || f->site == cfg->site) &&
           (f->position == MODEL_NONE || f->position == cfg->position) &&
           (!f->has_area || slice_eq(f->area, m->sites[cfg->site].area));
}

bool filter_state(const struct alarm_filter *f, const struct alarm_view *v) {
    if ((f->priorities & 1U << v->priority) == 0) {
        return false;
    }
    switch (f->shown) {
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
