#include "server/base/check.h"
#include "server/core/core_state.h"

#include <math.h>

enum { MOST_URGENT = 1 };

static const struct alarm_memo *memo_of(const struct core *core, uint32_t alarm) {
    return &core->memos[core->alarms[alarm].memo];
}

static uint32_t level_of(const struct core *core, uint32_t alarm) {
    int8_t level = memo_of(core, alarm)->level;
    return level == LEVEL_UNKNOWN ? 0 : (uint32_t)level;
}

enum truth core_server_truth(const struct core *core, uint32_t alarm) {
    if (memo_of(core, alarm)->level == LEVEL_UNKNOWN && delay_is_active(&core->alarms[alarm].delay)) {
        return TRUTH_UNKNOWN; /* restored: it stands until somebody tells */
    }
    return level_of(core, alarm) > 0 ? TRUTH_TRUE : TRUTH_FALSE;
}

double core_server_value(const struct core *core, uint32_t alarm) {
    return memo_of(core, alarm)->value;
}

double core_server_limit(const struct core *core, uint32_t alarm) {
    return memo_of(core, alarm)->level == LEVEL_UNKNOWN ? (double)NAN : memo_of(core, alarm)->amount;
}

bool core_server_presses(const struct core *core, uint32_t alarm) {
    return level_of(core, alarm) > 1;
}

uint8_t core_server_priority(const struct core *core, uint32_t alarm) {
    uint32_t level = level_of(core, alarm);
    uint32_t rises = level == 0 ? 0 : level - 1;
    uint32_t priority = core->model->alarms[alarm].priority;
    return (uint8_t)(priority > rises + MOST_URGENT ? priority - rises : MOST_URGENT); /* 1 to 4 */
}

const char *core_server_unit(const struct core *core, uint32_t alarm) {
    for (unsigned i = 0; i < SERVER_ALARMS; i++) {
        if (core->model->server_own[i] == alarm) {
            return server_alarm_unit((enum server_alarm)i);
        }
    }
    return "";
}

void core_server_evaluate(struct core *core, uint32_t alarm, const struct effect_sink *sink) {
    const struct alarm_state *a = &core->alarms[alarm];
    core_alarm_evaluate(core, alarm, core->now_us, sink);
    if ((a->facts & FACT_ACTIVE) != 0 && core_server_priority(core, alarm) < a->priority) {
        core_rise(core, alarm, core_server_priority(core, alarm), sink);
    }
}

void core_server_told(struct core *core, uint32_t alarm, const struct event *event,
                      const struct effect_sink *sink) {
    CHECK(alarm < core->model->n_alarms && core->model->alarms[alarm].kind == ALARM_SERVER);
    CHECK(event->server.level <= CORE_SERVER_LEVELS);
    struct alarm_memo *memo = &core->memos[core->alarms[alarm].memo];
    memo->level = (int8_t)event->server.level;
    memo->value = event->server.value;
    memo->amount = event->server.limit;
    core_server_evaluate(core, alarm, sink);
}
