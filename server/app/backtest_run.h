/* One backtest from its beginning to its report: asks a source for the past, feeds it
 * (server/core/backtest.h), compares. Blocking, on whatever thread it is called; the source says where the
 * past comes from. */
#ifndef PENSTOCK_APP_BACKTEST_RUN_H
#define PENSTOCK_APP_BACKTEST_RUN_H

#include "server/config/what_if.h"
#include "server/store/history.h"

/* The past, as server/store/history.h has it; a test has another. */
struct backtest_source {
    void *ctx;
    /* tags: keys, ascending, borrowed until close */
    enum status (*open)(void *ctx, const int64_t *tags, size_t n_tags, int64_t from_us, int64_t to_us,
                        struct error *err);
    enum status (*before)(void *ctx, const struct stored_sample **ret, size_t *ret_n, struct error *err);
    enum status (*next)(void *ctx, const struct stored_sample **ret, size_t *ret_n, struct error *err);
    /* *ret is the caller's to free() */
    enum status (*outages)(void *ctx, const int64_t *comm_alarms, size_t n, struct history_outage **ret,
                           size_t *ret_n, struct error *err);
    double (*progress)(void *ctx);
    void (*close)(void *ctx); /* also after a failed open */
};

/* Asked after each batch. */
struct backtest_watch {
    void *ctx;
    bool (*go_on)(void *ctx, double progress);
};

struct backtest_period {
    int64_t from_us;
    int64_t to_us; /* at most BACKTEST_PERIOD_MAX_US later */
    bool whole;
    int64_t later_max_us;
};

#define BACKTEST_PERIOD_MAX_US (TRACK_SPAN_MAX_US - TRACK_DAY_US)

/* On OK the report is lent by *ret, which the caller frees with backtest_free; w must live as long.
 * ERR_CONFLICT: the watch called it off. */
MUSTCHECK enum status backtest_run(const struct what_if *w, const struct backtest_period *period,
                                   const struct backtest_source *source, const struct backtest_watch *watch,
                                   struct backtest **ret, const struct backtest_report **ret_report,
                                   struct error *err);

#endif
