#include "server/app/backtest_history.h"

static enum status on_open(void *ctx, const int64_t *tags, size_t n_tags, int64_t from_us, int64_t to_us,
                           struct error *err) {
    struct backtest_history *h = ctx;
    const struct history_config cfg = {.conninfo = h->conninfo,
                                       .stop = h->stop,
                                       .tags = tags,
                                       .n_tags = n_tags,
                                       .from_us = from_us,
                                       .to_us = to_us};
    return history_open(&cfg, &h->open, err);
}

static enum status on_before(void *ctx, const struct stored_sample **ret, size_t *ret_n, struct error *err) {
    const struct backtest_history *h = ctx;
    return history_before(h->open, ret, ret_n, err);
}

static enum status on_next(void *ctx, const struct stored_sample **ret, size_t *ret_n, struct error *err) {
    const struct backtest_history *h = ctx;
    return history_next(h->open, ret, ret_n, err);
}

static enum status on_outages(void *ctx, const int64_t *comm_alarms, size_t n, struct history_outage **ret,
                              size_t *ret_n, struct error *err) {
    const struct backtest_history *h = ctx;
    return history_outages(h->open, comm_alarms, n, ret, ret_n, err);
}

static double on_progress(void *ctx) {
    const struct backtest_history *h = ctx;
    return history_progress(h->open);
}

static void on_close(void *ctx) {
    struct backtest_history *h = ctx;
    if (h->open != NULL) {
        history_close(&h->open);
    }
}

struct backtest_source backtest_history_source(struct backtest_history *h) {
    return (struct backtest_source){.ctx = h,
                                    .open = on_open,
                                    .before = on_before,
                                    .next = on_next,
                                    .outages = on_outages,
                                    .progress = on_progress,
                                    .close = on_close};
}
