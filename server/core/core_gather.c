#include "server/base/check.h"
#include "server/core/core_state.h"

#include <math.h>

bool core_gathers(enum alarm_kind kind) {
    switch (kind) {
    case ALARM_STALE:
    case ALARM_CHANGE:
    case ALARM_RUNTIME:
    case ALARM_TOTAL:
    case ALARM_CUSUM:
    case ALARM_CUSUM_LOW:
        return true;
    case ALARM_HIGH:
    case ALARM_LOW:
    case ALARM_COMM:
    case ALARM_DEV:
    case ALARM_ROC:
    case ALARM_STATE:
    case ALARM_QUALITY:
    case ALARM_DISC:
    case ALARM_EXPR:
    case ALARM_CLOCK:
    case ALARM_CERTIFICATE:
    case ALARM_DUPLICATE:
    case ALARM_SERVER:
        return false;
    }
    check_failed(__FILE__, __LINE__, "alarm kind is one of the enum");
}

/* The tag's value, as far as the alarm may be judged by it. */
static struct rule_value read_input(const struct core *core, uint32_t alarm) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    struct rule_value v = core_read(core, LENS_LIVE, m->tag);
    return v.uncertain && model_alarm_is(m, ALARM_UNCERTAIN_BAD) ? rule_unknown() : v;
}

static void arm_step(struct core *core, uint32_t alarm, int64_t due_us) {
    uint32_t timer = core_timer(core, TIMER_STEP, alarm);
    int64_t armed_us = 0;
    if (!timer_is_armed(&core->timers, timer, &armed_us) || armed_us != due_us) {
        timer_arm(&core->timers, timer, due_us);
    }
}

static void disarm_step(struct core *core, uint32_t alarm) {
    timer_disarm(&core->timers, core_timer(core, TIMER_STEP, alarm));
}

/* --- silence --- */

static void stale_evaluate(struct core *core, uint32_t alarm, const struct effect_sink *sink) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    const struct tag_state *t = &core->tags[m->tag];
    int64_t deadline_us = core_tag_heard_us(core, m->tag) + m->on_delay_us;
    bool heard = (t->flags & TAG_SEEN) != 0 && (t->flags & TAG_LOST) == 0;
    bool active = delay_is_active(&core->alarms[alarm].delay);
    if (m->gateway != MODEL_NONE && !core->gateways[m->gateway].up) {
        /* It rests while the link is down, and starts anew when it is back. */
        disarm_step(core, alarm);
        core_alarm_trust(core, alarm, false, sink);
        core_alarm_step(core, alarm, TRUTH_UNKNOWN, core->now_us, sink);
        return;
    }
    bool silent = core->now_us >= deadline_us;
    core_alarm_trust(core, alarm, heard || silent, sink);
    if (silent) {
        disarm_step(core, alarm);
        core_alarm_step(core, alarm, TRUTH_TRUE, deadline_us, sink);
        return;
    }
    /* One that is armed already is too early at worst: it looks again when it is due. */
    int64_t armed_us = 0;
    if (!timer_is_armed(&core->timers, core_timer(core, TIMER_STEP, alarm), &armed_us) ||
        armed_us > deadline_us) {
        arm_step(core, alarm, deadline_us);
    }
    core_alarm_step(core, alarm, heard || !active ? TRUTH_FALSE : TRUTH_UNKNOWN, core->now_us, sink);
}

/* --- change --- */

static void change_evaluate(struct core *core, uint32_t alarm, int64_t ts_us, bool from_sample,
                            const struct effect_sink *sink) {
    struct alarm_memo *memo = &core->memos[core->alarms[alarm].memo];
    struct rule_value now = read_input(core, alarm);
    core_alarm_trust(core, alarm, now.known, sink);
    if (!now.known || !from_sample) {
        return;
    }
    bool changed = !isnan(memo->value) && now.v != memo->value;
    memo->value = now.v;
    if (changed) {
        core->uncertain = now.uncertain;
        core_activate(core, alarm, ts_us, sink);
        core_return(core, alarm, ts_us, sink);
        core->uncertain = false;
    }
}

/* --- running time and totals --- */

/* Growth in a microsecond. */
static double growth(const struct core *core, uint32_t alarm) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    const struct alarm_memo *memo = &core->memos[core->alarms[alarm].memo];
    if (!memo->growing) {
        return 0;
    }
    return m->kind == ALARM_RUNTIME ? 1
                                    : memo->value / (double)model_alarm_more(core->model, alarm)->every_us;
}

static double amount_at(const struct core *core, uint32_t alarm, int64_t ts_us) {
    const struct alarm_memo *memo = &core->memos[core->alarms[alarm].memo];
    if (!memo->growing || ts_us <= memo->since_us) {
        return memo->amount;
    }
    return memo->amount + growth(core, alarm) * (double)(ts_us - memo->since_us);
}

double core_gathered(const struct core *core, uint32_t alarm) {
    if (core->alarms[alarm].memo == MODEL_NONE) {
        return NAN;
    }
    return amount_at(core, alarm, core->now_us);
}

/* Sums of doubles may end a hair below the limit that they reach. */
static bool has_reached(double amount, double limit) {
    return amount >= limit - fabs(limit) * 1e-12;
}

/* Source time at which a growing amount reaches its limit; INT64_MAX if it does not. */
static int64_t reaches_us(const struct core *core, uint32_t alarm, double limit) {
    const struct alarm_memo *memo = &core->memos[core->alarms[alarm].memo];
    double rate = growth(core, alarm);
    if (!(rate > 0) || isnan(limit)) {
        return INT64_MAX;
    }
    double wait_us =
        ceil((limit - memo->amount) / rate - 1e-3); /* a thousandth of a microsecond is rounding */
    if (wait_us < 0) {
        wait_us = 0;
    }
    return wait_us < 4e18 - fabs((double)memo->since_us) ? memo->since_us + (int64_t)wait_us : INT64_MAX;
}

static void sum_step(struct core *core, uint32_t alarm, int64_t ts_us, const struct effect_sink *sink) {
    double limit = core_alarm_limit(core, alarm, LENS_LIVE);
    double amount = core->memos[core->alarms[alarm].memo].amount;
    enum truth truth = TRUTH_UNKNOWN;
    if (!isnan(limit)) {
        truth = has_reached(amount, limit) ? TRUTH_TRUE : TRUTH_FALSE;
    }
    core_alarm_step(core, alarm, truth, ts_us, sink);
}

/* Takes the amount up to ts_us; the limit may have been reached on the way. */
static void sum_until(struct core *core, uint32_t alarm, int64_t ts_us, const struct effect_sink *sink) {
    struct alarm_memo *memo = &core->memos[core->alarms[alarm].memo];
    double limit = core_alarm_limit(core, alarm, LENS_LIVE);
    int64_t reaches = reaches_us(core, alarm, limit);
    bool below = !has_reached(memo->amount, limit);
    if (below && reaches <= ts_us) {
        memo->amount = limit;
        memo->since_us = reaches;
        sum_step(core, alarm, reaches, sink);
    }
    memo->amount = amount_at(core, alarm, ts_us);
    memo->since_us = ts_us > memo->since_us ? ts_us : memo->since_us;
}

static void sum_evaluate(struct core *core, uint32_t alarm, int64_t ts_us, const struct effect_sink *sink) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    struct alarm_memo *memo = &core->memos[core->alarms[alarm].memo];
    struct rule_value now = read_input(core, alarm);
    sum_until(core, alarm, ts_us, sink);
    bool grew = memo->growing;
    memo->growing = now.known && (m->kind == ALARM_TOTAL || now.v != 0);
    memo->value = now.v;
    memo->since_us = ts_us;
    core->memo_changes += memo->growing != grew ? 1 : 0;
    core_alarm_trust(core, alarm, now.known, sink);
    sum_step(core, alarm, ts_us, sink);
    double limit = core_alarm_limit(core, alarm, LENS_LIVE);
    int64_t reaches = has_reached(memo->amount, limit) ? INT64_MAX : reaches_us(core, alarm, limit);
    if (reaches == INT64_MAX) {
        disarm_step(core, alarm);
    } else {
        arm_step(core, alarm, core_due_us(core, ts_us, reaches));
    }
}

static void sum_due(struct core *core, uint32_t alarm, const struct effect_sink *sink) {
    struct alarm_memo *memo = &core->memos[core->alarms[alarm].memo];
    double limit = core_alarm_limit(core, alarm, LENS_LIVE);
    int64_t reaches = reaches_us(core, alarm, limit);
    if (reaches == INT64_MAX) {
        return; /* its limit is a tag that has changed since */
    }
    memo->amount = memo->amount > limit ? memo->amount : limit;
    memo->since_us = reaches;
    sum_step(core, alarm, reaches, sink);
}

/* --- cusum --- */

static void cusum_arm(struct core *core, uint32_t alarm) {
    int64_t every_us = model_alarm_more(core->model, alarm)->every_us;
    int64_t armed_us = 0;
    if (!timer_is_armed(&core->timers, core_timer(core, TIMER_STEP, alarm), &armed_us)) {
        int64_t into_us = ((core->now_us % every_us) + every_us) % every_us;
        arm_step(core, alarm, core->now_us - into_us + every_us);
    }
}

static void cusum_evaluate(struct core *core, uint32_t alarm, int64_t ts_us, const struct effect_sink *sink) {
    struct rule_value now = read_input(core, alarm);
    cusum_arm(core, alarm);
    core_alarm_trust(core, alarm, now.known, sink);
    if (!now.known) {
        core_alarm_step(core, alarm, TRUTH_UNKNOWN, ts_us, sink);
    }
}

static void cusum_due(struct core *core, uint32_t alarm, int64_t due_us, const struct effect_sink *sink) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    const struct model_alarm_more *more = model_alarm_more(core->model, alarm);
    struct alarm_memo *memo = &core->memos[core->alarms[alarm].memo];
    struct rule_value now = read_input(core, alarm);
    arm_step(core, alarm, due_us + more->every_us);
    if (!now.known) {
        return;
    }
    double off = m->kind == ALARM_CUSUM ? now.v - more->target : more->target - now.v;
    memo->amount = fmax(0, memo->amount + off - more->k);
    const struct condition_limit limit = {.limit = core_alarm_limit(core, alarm, LENS_LIVE),
                                          .deadband = m->deadband,
                                          .inclusive = model_alarm_is(m, ALARM_INCLUSIVE)};
    bool was = (core->alarms[alarm].bits & BIT_CONDITION) != 0;
    core_alarm_step(core, alarm, condition_high(&limit, was, memo->amount), due_us, sink);
}

/* --- all of them --- */

void core_gather_evaluate(struct core *core, uint32_t alarm, int64_t ts_us, bool from_sample,
                          const struct effect_sink *sink) {
    const struct alarm_state *a = &core->alarms[alarm];
    if ((a->facts & FACT_ENABLED) == 0 || (a->facts & FACT_GONE) != 0) {
        if (a->memo != MODEL_NONE) {
            core->memos[a->memo].growing = false;
        }
        return;
    }
    enum alarm_kind kind = (enum alarm_kind)core->model->alarms[alarm].kind;
    if (kind == ALARM_STALE) {
        stale_evaluate(core, alarm, sink);
    } else if (kind == ALARM_CHANGE) {
        change_evaluate(core, alarm, ts_us, from_sample, sink);
    } else if (kind == ALARM_RUNTIME || kind == ALARM_TOTAL) {
        sum_evaluate(core, alarm, ts_us, sink);
    } else {
        cusum_evaluate(core, alarm, ts_us, sink);
    }
}

void core_gather_due(struct core *core, uint32_t alarm, int64_t due_us, const struct effect_sink *sink) {
    enum alarm_kind kind = (enum alarm_kind)core->model->alarms[alarm].kind;
    if (kind == ALARM_STALE) {
        stale_evaluate(core, alarm, sink);
    } else if (kind == ALARM_CERTIFICATE) {
        core_certificate_evaluate(core, alarm, due_us, sink);
    } else if (kind == ALARM_RUNTIME || kind == ALARM_TOTAL) {
        sum_due(core, alarm, sink);
    } else {
        cusum_due(core, alarm, due_us, sink);
    }
}
