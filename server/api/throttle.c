#include "server/api/throttle.h"

void throttle_init(struct throttle *t, struct throttle_rule rule) {
    t->rule = rule;
    t->n = 0;
}

static int64_t *find(struct throttle *t, uint64_t key) {
    for (uint32_t i = 0; i < t->n; i++) {
        if (t->keys[i] == key) {
            return &t->full_mono_us[i];
        }
    }
    return 0;
}

static int64_t *add(struct throttle *t, uint64_t key, int64_t now_mono_us) {
    uint32_t at = t->n;
    if (at == THROTTLE_KEYS_MAX) {
        at = 0;
        for (uint32_t i = 1; i < THROTTLE_KEYS_MAX; i++) {
            at = t->full_mono_us[i] < t->full_mono_us[at] ? i : at;
        }
    } else {
        t->n++;
    }
    t->keys[at] = key;
    t->full_mono_us[at] = now_mono_us;
    return &t->full_mono_us[at];
}

bool throttle_take(struct throttle *t, uint64_t key, int64_t now_mono_us, int64_t *ret_wait_us) {
    int64_t *full = find(t, key);
    if (full == 0) {
        full = add(t, key, now_mono_us);
    }
    int64_t from = *full > now_mono_us ? *full : now_mono_us;
    int64_t room_us = (int64_t)t->rule.burst * t->rule.interval_us;
    if (from + t->rule.interval_us - now_mono_us > room_us) {
        *ret_wait_us = from + t->rule.interval_us - now_mono_us - room_us;
        return false;
    }
    *full = from + t->rule.interval_us;
    return true;
}

void throttle_give(struct throttle *t, uint64_t key) {
    int64_t *full = find(t, key);
    if (full != 0) {
        *full -= t->rule.interval_us;
    }
}
