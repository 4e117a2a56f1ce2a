/* What a review of the master alarm database (which is the running configuration) would ask about: things
 * that are allowed and questionable. Pure; what history says is handed in. */
#ifndef PENSTOCK_CONFIG_CHECKS_H
#define PENSTOCK_CONFIG_CHECKS_H

#include "server/config/config.h"

/* code is one of
 *   no_action          nobody is told what to do            no_consequence  … or why
 *   same_cause         another alarm tells of the same cause (other)
 *   distribution       too many alarms of one priority, by the policy; of no single alarm
 *   priority_reason    the priority is not the one of the policy's matrix, and no reason is given
 *   limit_at_trip      the limit is at the trip point or beyond it: it comes too late
 *   delay_over_time    the on-delay takes all the time that there is to act
 *   highly_managed     says that it is shelvable, or needs no comment, but its class does not allow that
 *   changed_unreviewed changed since it was last reviewed, or never reviewed
 *   review_overdue     the next review is past
 *   silent             not raised for as long as the policy asks about
 * Notifications (ack none) need no action, no consequence, and have no share in the distribution. */
struct config_finding {
    const char *code;
    struct slice alarm; /* name; empty: about the whole */
    struct slice other; /* another alarm that has to do with it, or empty */
    char text[320];
};

/* By index of the alarm in the model; either may be NULL. INT64_MIN: never. */
struct config_history {
    const int64_t *raised_us;  /* when it was raised last */
    const int64_t *changed_us; /* when its setting was written last */
};

typedef void (*config_on_finding)(void *ctx, const struct config_finding *finding);

/* Of all enabled alarms, in their order. m is the model of the set; history may be NULL. ERR_NOMEM. */
MUSTCHECK enum status config_checks(const struct config_set *set, const struct model *m, int64_t now_us,
                                    const struct config_history *history, config_on_finding on_finding,
                                    void *ctx, struct error *err);

/* Its class says that it is highly managed: changes want two people. False if there is no such alarm. */
bool config_is_highly_managed(const struct config_set *set, struct slice alarm);

#endif
