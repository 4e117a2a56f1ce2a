#include "server/base/tm.h"
#include "server/core/core_state.h"

#include <math.h>

static const int64_t limits_days[] = CORE_CERTIFICATE_DAYS;
enum { LIMITS = sizeof limits_days / sizeof limits_days[0], MOST_URGENT = 1 };

static int64_t end_of(const struct core *core, uint32_t alarm) {
    return core->memos[core->alarms[alarm].memo].end_us;
}

static bool has_end(const struct core *core, uint32_t alarm) {
    return end_of(core, alarm) != 0 && end_of(core, alarm) != END_UNKNOWN;
}

/* How many of the limits it has come to. */
static uint32_t passed(const struct core *core, uint32_t alarm) {
    uint32_t n = 0;
    while (has_end(core, alarm) && n < LIMITS &&
           core->now_us >= end_of(core, alarm) - limits_days[n] * TM_DAY_US) {
        n++;
    }
    return n;
}

enum truth core_certificate_truth(const struct core *core, uint32_t alarm) {
    const struct model_alarm *m = &core->model->alarms[alarm];
    if (m->gateway != MODEL_NONE && !core->gateways[m->gateway].enabled) {
        return TRUTH_FALSE;
    }
    if (end_of(core, alarm) == END_UNKNOWN && delay_is_active(&core->alarms[alarm].delay)) {
        return TRUTH_UNKNOWN; /* restored: it stands until somebody tells */
    }
    return passed(core, alarm) > 0 ? TRUTH_TRUE : TRUTH_FALSE;
}

double core_certificate_days(const struct core *core, uint32_t alarm) {
    return has_end(core, alarm) ? (double)(end_of(core, alarm) - core->now_us) / (double)TM_DAY_US
                                : (double)NAN;
}

double core_certificate_limit(const struct core *core, uint32_t alarm) {
    uint32_t n = passed(core, alarm);
    return (double)limits_days[n == 0 ? 0 : n - 1];
}

bool core_certificate_presses(const struct core *core, uint32_t alarm) {
    return passed(core, alarm) > 1;
}

uint8_t core_certificate_priority(const struct core *core, uint32_t alarm) {
    uint32_t n = passed(core, alarm);
    uint32_t rises = n == 0 ? 0 : n - 1;
    uint32_t priority = core->model->alarms[alarm].priority;
    return (uint8_t)(priority > rises + MOST_URGENT ? priority - rises : MOST_URGENT); /* 1 to 4 */
}

void core_certificate_evaluate(struct core *core, uint32_t alarm, int64_t ts_us,
                               const struct effect_sink *sink) {
    const struct alarm_state *a = &core->alarms[alarm];
    uint32_t timer = core_timer(core, TIMER_STEP, alarm);
    uint32_t n = passed(core, alarm);
    core_alarm_evaluate(core, alarm, ts_us, sink);
    if ((a->facts & FACT_ACTIVE) != 0 && core_certificate_priority(core, alarm) < a->priority) {
        core_rise(core, alarm, core_certificate_priority(core, alarm), sink);
    }
    timer_disarm(&core->timers, timer);
    if ((a->facts & FACT_ENABLED) != 0 && has_end(core, alarm) && n < LIMITS) {
        timer_arm(&core->timers, timer, end_of(core, alarm) - limits_days[n] * TM_DAY_US);
    }
}
