#include "server/link/guard.h"

#include "server/base/tm.h"

#define REPLACED_WITHIN_US TM_MINUTE_US
#define FORGET_US          TM_HOUR_US

bool bucket_take(struct bucket *b, int64_t now_mono_us, int64_t interval_us, uint32_t burst) {
    int64_t due = b->due_mono_us > now_mono_us ? b->due_mono_us : now_mono_us;
    if (due - now_mono_us > interval_us * ((int64_t)burst - 1)) {
        return false;
    }
    b->due_mono_us = due + interval_us;
    return true;
}

/* Each of two sides would replace the other for ever. */
static bool is_fight(struct guard *g, const struct link_limits *limits, int64_t now_mono_us) {
    if (now_mono_us < g->keep_until_mono_us) {
        return true;
    }
    uint32_t n = limits->replacements_per_min;
    if (g->n_replaced < n ||
        now_mono_us - g->replaced_mono_us[(g->n_replaced - n) % GUARD_REPLACEMENTS_MAX] >=
            REPLACED_WITHIN_US) {
        return false;
    }
    g->keep_until_mono_us = now_mono_us + limits->duplicate_keep_s * TM_SECOND_US;
    return true;
}

enum guard_answer guard_hello(struct guard *g, const struct link_limits *limits, bool has_session,
                              int64_t now_mono_us, int64_t *ret_wait_us) {
    if (now_mono_us < g->suspended_until_mono_us) {
        *ret_wait_us = g->suspended_until_mono_us - now_mono_us;
        return GUARD_SUSPENDED;
    }
    if (has_session && is_fight(g, limits, now_mono_us)) {
        *ret_wait_us = GUARD_RETRY_MS * INT64_C(1000);
        return GUARD_DUPLICATE;
    }
    int64_t interval_us = TM_MINUTE_US / limits->sessions_per_min;
    if (!bucket_take(&g->sessions, now_mono_us, interval_us, limits->sessions_per_min)) {
        *ret_wait_us =
            g->sessions.due_mono_us - now_mono_us - interval_us * ((int64_t)limits->sessions_per_min - 1);
        return GUARD_OFTEN;
    }
    if (has_session) {
        g->replaced_mono_us[g->n_replaced % GUARD_REPLACEMENTS_MAX] = now_mono_us;
        g->n_replaced++;
    }
    return GUARD_ADMIT;
}

bool guard_breach(struct guard *g, const struct link_limits *limits, int64_t now_mono_us) {
    g->breached_mono_us[g->n_breached % GUARD_BREACHES_MAX] = now_mono_us;
    g->n_breached++;
    uint32_t n = limits->breaches;
    if (g->n_breached < n || now_mono_us - g->breached_mono_us[(g->n_breached - n) % GUARD_BREACHES_MAX] >=
                                 limits->breach_window_s * TM_SECOND_US) {
        return false;
    }
    bool again = g->suspend_min > 0 && now_mono_us - g->suspended_until_mono_us < FORGET_US;
    g->suspend_min = again ? g->suspend_min * 2 : 1;
    g->suspend_min = g->suspend_min > limits->suspend_max_min ? limits->suspend_max_min : g->suspend_min;
    g->suspended_until_mono_us = now_mono_us + g->suspend_min * TM_MINUTE_US;
    g->n_breached = 0;
    return true;
}

void guard_suspend(struct guard *g, int64_t for_us, int64_t now_mono_us) {
    g->suspended_until_mono_us = now_mono_us + for_us;
}

void guard_release(struct guard *g) {
    g->sessions = (struct bucket){0};
    g->suspended_until_mono_us = 0;
    g->suspend_min = 0;
    g->n_breached = 0;
    g->keep_until_mono_us = 0;
    g->n_replaced = 0;
}

int64_t rate_take(struct rate *r, uint32_t n, uint32_t per_s, uint32_t burst_s, int64_t now_mono_us) {
    int64_t due = r->due_mono_us > now_mono_us ? r->due_mono_us : now_mono_us;
    r->due_mono_us = due + (int64_t)n * TM_SECOND_US / per_s;
    int64_t over = r->due_mono_us - now_mono_us - burst_s * TM_SECOND_US;
    return over > 0 ? over : 0;
}
