/* How often somebody may try: a token bucket per key, in a table of fixed size. Slows, never locks: a key
 * that waits long enough may always try again. When the table is full the key that is nearest to a full
 * bucket is forgotten. Pure; time is a parameter. */
#ifndef PENSTOCK_API_THROTTLE_H
#define PENSTOCK_API_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

enum { THROTTLE_KEYS_MAX = 4096 };

struct throttle_rule {
    int64_t interval_us; /* one more try each so often */
    uint32_t burst;      /* tries in a row after a long silence */
};

struct throttle {
    struct throttle_rule rule;
    uint32_t n;
    uint64_t keys[THROTTLE_KEYS_MAX];
    int64_t full_mono_us[THROTTLE_KEYS_MAX]; /* when the bucket is full again */
};

void throttle_init(struct throttle *t, struct throttle_rule rule);
/* True: the try is taken from the bucket. False: none left, *ret_wait_us until there is. */
bool throttle_take(struct throttle *t, uint64_t key, int64_t now_mono_us, int64_t *ret_wait_us);
/* Gives one back: the try was good. */
void throttle_give(struct throttle *t, uint64_t key);

#endif
