/* The past as it is stored: a source for backtests over server/store/history.h. */
#ifndef PENSTOCK_APP_BACKTEST_HISTORY_H
#define PENSTOCK_APP_BACKTEST_HISTORY_H

#include "server/app/backtest_run.h"

struct backtest_history {
    const char *conninfo;    /* borrowed, as stop */
    const atomic_bool *stop; /* ends what it waits for; may be NULL */
    struct history *open;    /* NULL between two backtests */
};

/* h must outlive the source. */
struct backtest_source backtest_history_source(struct backtest_history *h);

#endif
