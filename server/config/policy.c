#include "server/config/policy.h"

#include "server/base/check.h"

const char *config_severity_name(enum config_severity severity) {
    static const char *const names[CONFIG_SEVERITIES] = {[SEVERITY_MINOR] = "minor",
                                                         [SEVERITY_MODERATE] = "moderate",
                                                         [SEVERITY_MAJOR] = "major",
                                                         [SEVERITY_SEVERE] = "severe"};
    CHECK((unsigned)severity < CONFIG_SEVERITIES);
    return names[severity];
}

struct config_policy config_policy_default(void) {
    return (struct config_policy){
        .matrix = {.steps = {[SEVERITY_MINOR] = {{300, 3}},
                             [SEVERITY_MODERATE] = {{300, 2}, {1800, 3}},
                             [SEVERITY_MAJOR] = {{300, 1}, {900, 2}, {3600, 3}},
                             [SEVERITY_SEVERE] = {{900, 1}, {1800, 2}, {3600, 3}}},
                   .n = {[SEVERITY_MINOR] = 1,
                         [SEVERITY_MODERATE] = 2,
                         [SEVERITY_MAJOR] = 3,
                         [SEVERITY_SEVERE] = 3}},
        .distribution = {1, 5, 15, 80},
        .distribution_tolerance = 5,
        .distribution_min_alarms = 20,
        .review_after_days = 365,
        .silent_days = 365,
    };
}

uint8_t config_policy_priority(const struct config_policy *p, enum config_severity severity,
                               double time_to_act_s) {
    CHECK((unsigned)severity < CONFIG_SEVERITIES);
    for (uint32_t i = 0; i < p->matrix.n[severity]; i++) {
        if (time_to_act_s <= p->matrix.steps[severity][i].within_s) {
            return (uint8_t)p->matrix.steps[severity][i].priority; /* 1 to 4 */
        }
    }
    return CONFIG_PRIORITY_LOWEST;
}
