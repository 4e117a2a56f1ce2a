#include "server/app/checkpoint.h"

#include "server/base/log.h"

#include <stdlib.h>

enum { CAP_MIN = 1024 };

static bool grow(struct app_checkpoint *c) {
    uint32_t cap = c->cap == 0 ? CAP_MIN : c->cap * 2;
    struct alarm_accumulator *v = realloc(c->v, cap * sizeof *v);
    if (v == NULL) {
        return false;
    }
    c->v = v;
    c->cap = cap;
    return true;
}

void app_checkpoint_now(struct app_checkpoint *c, const struct app_checkpoint_host *host, int64_t now_us) {
    uint32_t n = 0;
    do {
        if (n == c->cap && !grow(c)) {
            log_event(LOG_WARN, "checkpoint.skipped", "text=\"no memory for more than %u accumulators\"", n);
            return;
        }
        n += host->take(host->ctx, n, c->v + n, c->cap - n);
    } while (n == c->cap);
    if (n > 0) {
        host->store(host->ctx, c->v, n, now_us);
    }
}

void app_checkpoint_turn(struct app_checkpoint *c, const struct app_checkpoint_host *host, uint64_t changes,
                         int64_t now_us, int64_t mono_us) {
    if (mono_us >= c->due_mono_us || changes != c->changes) {
        c->changes = changes;
        c->due_mono_us = mono_us + APP_CHECKPOINT_EVERY_US;
        app_checkpoint_now(c, host, now_us);
    }
}

void app_checkpoint_done(struct app_checkpoint *c) {
    free(c->v);
    *c = (struct app_checkpoint){0};
}
