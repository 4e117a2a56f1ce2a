#include "server/link/guard.h"

#include "server/base/tm.h"

#define REPLACED_WITHIN_US TM_MINUTE_US
#define KEEP_US            (5 * TM_MINUTE_US)
#define BREACHED_WITHIN_US (10 * TM_MINUTE_US)
#define FORGET_US          TM_HOUR_US

bool bucket_take(struct bucket *b, int64_t now_mono_us, int64_t interval_us, uint32_t burst) {
    int64_t due = b->due_mono_us > now_mono_us ? b->due_mono_us : now_mono_us;
    if (due - now_mono_us > interval_us * ((int64_t)burst - 1)) {
        return false;
    }
    b->due_mono_us = due + interval_us;
    return true;
}

enum guard_answer guard_hello(struct guard *g, bool has_session, int64_t now_mono_us, int64_t *ret_wait_us) {
    if (now_mono_us < g->suspended_until_mono_us) {
        *ret_wait_us = g->suspended_until_mono_us - now_mono_us;
        return GUARD_SUSPENDED;
    }
    if (!has_session) {
        return GUARD_ADMIT;
    }
    *ret_wait_us = GUARD_RETRY_MS * INT64_C(1000);
    if (now_mono_us < g->keep_until_mono_us) {
        return GUARD_DUPLICATE;
    }
    /* The slot that is about to be overwritten holds the third last replacement. */
    uint32_t slot = g->n_replaced % GUARD_REPLACEMENTS;
    if (g->n_replaced >= GUARD_REPLACEMENTS && now_mono_us - g->replaced_mono_us[slot] < REPLACED_WITHIN_US) {
        g->keep_until_mono_us = now_mono_us + KEEP_US;
        return GUARD_DUPLICATE;
    }
    g->replaced_mono_us[slot] = now_mono_us;
    g->n_replaced++;
    return GUARD_ADMIT;
}

bool guard_breach(struct guard *g, int64_t now_mono_us) {
    g->breached_mono_us[g->n_breached % GUARD_BREACHES] = now_mono_us;
    g->n_breached++;
    /* Now the slot of the next one holds the oldest of the last ten. */
    int64_t oldest = g->breached_mono_us[g->n_breached % GUARD_BREACHES];
    if (g->n_breached < GUARD_BREACHES || now_mono_us - oldest >= BREACHED_WITHIN_US) {
        return false;
    }
    bool again = g->suspend_min > 0 && now_mono_us - g->suspended_until_mono_us < FORGET_US;
    g->suspend_min = again ? g->suspend_min * 2 : 1;
    g->suspend_min = g->suspend_min > GUARD_SUSPEND_MAX_MIN ? GUARD_SUSPEND_MAX_MIN : g->suspend_min;
    g->suspended_until_mono_us = now_mono_us + g->suspend_min * TM_MINUTE_US;
    g->n_breached = 0;
    return true;
}
