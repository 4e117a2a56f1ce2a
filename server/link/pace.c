#include "server/link/pace.h"

#include "server/base/tm.h"

void pace_init(struct pace *p, uint32_t budget, uint32_t rate_max) {
    *p = (struct pace){.budget = budget, .rate_max = rate_max, .share = PACE_FULL};
}

void pace_note_lag(struct pace *p, bool storing, uint64_t lag_ms, int64_t now_mono_us) {
    if (now_mono_us - p->changed_mono_us < TM_SECOND_US && p->changed_mono_us != 0) {
        return; /* what was changed last has not shown its effect yet */
    }
    if (!storing || lag_ms > PACE_LAG_SLOW_MS) {
        p->share = p->share / 2 < PACE_LEAST ? PACE_LEAST : p->share / 2;
        p->changed_mono_us = now_mono_us;
    } else if (lag_ms < PACE_LAG_GOOD_MS && p->share < PACE_FULL) {
        p->share += PACE_FULL / 8;
        p->share = p->share > PACE_FULL ? PACE_FULL : p->share;
        p->changed_mono_us = now_mono_us;
    }
}

uint32_t pace_rate(const struct pace *p, uint32_t n) {
    uint64_t rate = (uint64_t)p->budget * p->share / PACE_FULL / (n == 0 ? 1 : n);
    rate = rate > p->rate_max ? p->rate_max : rate;
    uint32_t least = p->rate_max < PACE_RATE_LEAST ? p->rate_max : PACE_RATE_LEAST;
    return rate < least ? least : (uint32_t)rate; /* rate_max at most */
}

bool pace_differs(uint32_t told, uint32_t rate) {
    uint32_t more = told > rate ? told - rate : rate - told;
    return more > told / 8;
}
