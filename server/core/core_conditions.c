#include "server/base/check.h"
#include "server/core/core_state.h"

#include <math.h>

struct rule_value core_read(const struct core *core, enum lens lens, uint32_t tag) {
    if (lens == LENS_LIVE) {
        const struct tag_state *t = &core->tags[tag];
        uint8_t q = core_tag_quality(core, tag);
        bool known = !quality_is_bad(q) && (q & QUALITY_NO_VALUE) == 0;
        return known ? (struct rule_value){.v = t->value, .known = true, .uncertain = !quality_is_good(q)}
                     : rule_unknown();
    }
    const struct shadow_tag *s = &core->shadow_tags[tag];
    bool known = s->seen && !quality_is_bad(s->quality) && (s->quality & QUALITY_NO_VALUE) == 0;
    return known
               ? (struct rule_value){.v = s->value, .known = true, .uncertain = !quality_is_good(s->quality)}
               : rule_unknown();
}

static int64_t time_of(const struct core *core, enum lens lens, uint32_t tag) {
    return lens == LENS_LIVE ? core->tags[tag].t_us : core->shadow_tags[tag].t_us;
}

/* Nothing came from the tag's gateway: that it is unknown says nothing about the signal. */
static bool is_lost(const struct core *core, enum lens lens, uint32_t tag) {
    uint32_t gateway = core->model->tags[tag].gateway;
    return lens == LENS_HISTORY || (core->tags[tag].flags & TAG_LOST) != 0 ||
           (core->tags[tag].flags & TAG_SEEN) == 0 || (gateway != MODEL_NONE && !core->gateways[gateway].up);
}

bool core_any_lost(const struct core *core, enum lens lens, uint32_t program) {
    const uint32_t *inputs = NULL;
    uint32_t n = rule_set_inputs(core->model->rules, program, &inputs);
    for (uint32_t i = 0; i < n; i++) {
        if (is_lost(core, lens, inputs[i])) {
            return true;
        }
    }
    return false;
}

bool core_bad_input(const struct core *core, enum lens lens, uint32_t program) {
    const uint32_t *inputs = NULL;
    uint32_t n = rule_set_inputs(core->model->rules, program, &inputs);
    for (uint32_t i = 0; i < n; i++) {
        if (!core_read(core, lens, inputs[i]).known) {
            return !core_any_lost(core, lens, program);
        }
    }
    return false;
}

/* A value as a number; unknown is NaN. An uncertain one is unknown where the alarm says so. */
static double number(const struct core *core, uint32_t alarm, enum lens lens, uint32_t tag,
                     struct reading *r) {
    struct rule_value v = core_read(core, lens, tag);
    bool refused = v.uncertain && model_alarm_is(&core->model->alarms[alarm], ALARM_UNCERTAIN_BAD);
    r->uncertain = r->uncertain || v.uncertain;
    if (!v.known || refused) {
        r->blind = r->blind || is_lost(core, lens, tag);
        return (double)NAN;
    }
    return v.v;
}

static double second(const struct core *core, uint32_t alarm, enum lens lens, struct reading *r) {
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    return number(core, alarm, lens, more->second_tag, r) * more->second_scale + more->second_offset;
}

static double limit_of(const struct core *core, uint32_t alarm, enum lens lens, struct reading *r) {
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    if (more->limit_tag == MODEL_NONE) {
        return core->model->alarms[alarm].limit;
    }
    return number(core, alarm, lens, more->limit_tag, r) * more->limit_scale + more->limit_offset;
}

double core_alarm_limit(const struct core *core, uint32_t alarm, enum lens lens) {
    struct reading r = {0};
    if (core->model->alarms[alarm].kind == ALARM_CERTIFICATE) {
        return core_certificate_limit(core, alarm);
    }
    if (core->model->alarms[alarm].kind == ALARM_SERVER) {
        return core_server_limit(core, alarm);
    }
    return alarm_kind_has_limit((enum alarm_kind)core->model->alarms[alarm].kind)
               ? limit_of(core, alarm, lens, &r)
               : (double)NAN;
}

/* The number that is compared, or that the alarm is about. */
static double value_of(struct core *core, uint32_t alarm, enum lens lens, int64_t *ts_us, struct reading *r) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    switch ((enum alarm_kind)m->kind) {
    case ALARM_DEV:
        return fabs(number(core, alarm, lens, m->tag, r) - second(core, alarm, lens, r));
    case ALARM_EXPR:
    case ALARM_ROC: {
        uint32_t program = model_alarm_more(core->model, alarm)->program;
        struct rule_value v = core_rules_eval(core, program, lens, *ts_us, ts_us);
        bool refused = v.uncertain && model_alarm_is(m, ALARM_UNCERTAIN_BAD);
        r->uncertain = v.uncertain;
        r->blind = !v.known && !core_bad_input(core, lens, program);
        return v.known && !refused ? v.v : (double)NAN;
    }
    case ALARM_RUNTIME:
    case ALARM_TOTAL:
    case ALARM_CUSUM:
    case ALARM_CUSUM_LOW:
        return core_gathered(core, alarm);
    case ALARM_COMM:
    case ALARM_CLOCK:
    case ALARM_DUPLICATE:
        return (double)NAN;
    case ALARM_CERTIFICATE:
        return core_certificate_days(core, alarm);
    case ALARM_SERVER:
        return core_server_value(core, alarm);
    case ALARM_HIGH:
    case ALARM_LOW:
    case ALARM_STALE:
    case ALARM_STATE:
    case ALARM_CHANGE:
    case ALARM_QUALITY:
    case ALARM_DISC:
        return number(core, alarm, lens, m->tag, r);
    }
    check_failed(__FILE__, __LINE__, "alarm kind is one of the enum");
}

struct reading core_alarm_numbers(const struct core *core, uint32_t alarm) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    enum alarm_kind kind = (enum alarm_kind)m->kind;
    struct reading r = {.value = (double)NAN};
    if (kind == ALARM_ROC) {
        uint32_t program = model_alarm_more(core->model, alarm)->program;
        struct rule_reader reader = core_rules_reader(core, LENS_LIVE);
        struct rule_value v =
            rule_machine_eval(core->rules, &reader, program, core->evaluated_us[program]).value;
        r.value = v.known ? v.v : (double)NAN;
    } else if (kind == ALARM_DEV) {
        r.value = fabs(number(core, alarm, LENS_LIVE, m->tag, &r) - second(core, alarm, LENS_LIVE, &r));
    } else if (core_gathers(kind) && kind != ALARM_STALE && kind != ALARM_CHANGE) {
        r.value = core_gathered(core, alarm);
    } else if (kind == ALARM_CERTIFICATE) {
        r.value = core_certificate_days(core, alarm);
    } else if (kind == ALARM_SERVER) {
        r.value = core_server_value(core, alarm);
    } else if (m->tag != MODEL_NONE) {
        r.value = core->tags[m->tag].value; /* also one that is bad by now: it is what was there */
    }
    r.limit = core_alarm_limit(core, alarm, LENS_LIVE);
    if (kind == ALARM_RUNTIME) { /* people count running time by seconds */
        r.value /= 1e6;
        r.limit /= 1e6;
    }
    return r;
}

static enum truth is_one_of(const struct model_alarm_more *more, double value) {
    if (isnan(value)) {
        return TRUTH_UNKNOWN;
    }
    for (uint32_t i = 0; i < more->n_states; i++) {
        if (value == more->states[i]) {
            return TRUTH_TRUE;
        }
    }
    return TRUTH_FALSE;
}

static enum truth quality_condition(const struct core *core, const struct model_alarm *m, struct reading *r) {
    const struct tag_state *t = &core->tags[m->tag];
    bool here = m->gateway == MODEL_NONE || core->gateways[m->gateway].up;
    if (!here || (t->flags & TAG_SEEN) == 0 || ((t->flags & TAG_LOST) != 0 && (t->flags & TAG_STALE) == 0)) {
        r->blind = true;
        return TRUTH_UNKNOWN;
    }
    uint8_t q = core_tag_quality(core, m->tag);
    bool bad = quality_is_bad(q) || (model_alarm_is(m, ALARM_UNCERTAIN_BAD) && !quality_is_good(q));
    return bad ? TRUTH_TRUE : TRUTH_FALSE;
}

/* Evidence is as new as the newest of the inputs. */
static int64_t newest_input(const struct core *core, uint32_t alarm, enum lens lens, int64_t ts_us) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    const uint32_t tags[] = {m->tag, more->limit_tag, more->second_tag};
    if (more->limit_tag == MODEL_NONE && more->second_tag == MODEL_NONE) {
        return ts_us;
    }
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        int64_t t_us = tags[i] == MODEL_NONE ? INT64_MIN : time_of(core, lens, tags[i]);
        ts_us = t_us > ts_us ? t_us : ts_us;
    }
    return ts_us;
}

static enum truth as_truth(double value) {
    if (isnan(value)) {
        return TRUTH_UNKNOWN;
    }
    return value != 0 ? TRUTH_TRUE : TRUTH_FALSE;
}

struct reading core_condition(struct core *core, uint32_t alarm, enum lens lens, bool was_true,
                              int64_t *ts_us) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    enum alarm_kind kind = (enum alarm_kind)m->kind;
    struct reading r = {.truth = TRUTH_UNKNOWN, .limit = (double)NAN};
    if (kind == ALARM_COMM) {
        const struct gateway_state *g = &core->gateways[m->gateway];
        r.truth = g->enabled && !g->up ? TRUTH_TRUE : TRUTH_FALSE;
        return r;
    }
    if (kind == ALARM_CLOCK) {
        const struct gateway_state *g = &core->gateways[m->gateway];
        r.truth = g->future || (g->off && g->enabled) ? TRUTH_TRUE : TRUTH_FALSE;
        return r;
    }
    if (kind == ALARM_CERTIFICATE) {
        r.truth = core_certificate_truth(core, alarm);
        return r;
    }
    if (kind == ALARM_SERVER) {
        r.truth = core_server_truth(core, alarm);
        return r;
    }
    if (kind == ALARM_DUPLICATE) {
        r.truth = TRUTH_FALSE; /* an attempt is a moment: core_apply tells of it; then the off-delay runs */
        return r;
    }
    if (kind == ALARM_QUALITY) {
        r.truth = quality_condition(core, m, &r);
        return r;
    }
    r.value = value_of(core, alarm, lens, ts_us, &r);
    *ts_us = newest_input(core, alarm, lens, *ts_us);
    if (kind == ALARM_EXPR) {
        r.truth = as_truth(r.value);
    } else if (kind == ALARM_STATE) {
        r.truth = is_one_of(more, r.value);
    } else if (kind == ALARM_DISC) {
        double feedback = second(core, alarm, lens, &r);
        r.truth = isnan(feedback) || isnan(r.value) ? TRUTH_UNKNOWN : as_truth(r.value != feedback);
    } else if (alarm_kind_has_limit(kind)) {
        r.limit = limit_of(core, alarm, lens, &r);
        const struct condition_limit limit = {
            .limit = r.limit, .deadband = m->deadband, .inclusive = model_alarm_is(m, ALARM_INCLUSIVE)};
        r.truth = kind == ALARM_LOW ? condition_low(&limit, was_true, r.value)
                                    : condition_high(&limit, was_true, r.value);
    }
    return r;
}
