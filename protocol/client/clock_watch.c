#include "protocol/client/clock_watch.h"

int64_t clock_watch_look(struct clock_watch *w, struct moment now) {
    int64_t base_us = now.wall_us - now.mono_us;
    int64_t step_us = w->has_base ? base_us - w->base_us : 0;
    w->has_base = true;
    w->base_us = base_us;
    if (step_us <= CLOCK_STEP_US && step_us >= -CLOCK_STEP_US) {
        return 0;
    }
    w->sure_mono_us = now.mono_us + CLOCK_UNSURE_US;
    return step_us;
}

bool clock_watch_is_sure(const struct clock_watch *w, struct moment now) {
    return now.mono_us >= w->sure_mono_us;
}
