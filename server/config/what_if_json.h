/* A backtest's report as the JSON that REST and the command line give (openapi.json, "BacktestReport"). Pure:
 * writes into a buffer. */
#ifndef PENSTOCK_CONFIG_WHAT_IF_JSON_H
#define PENSTOCK_CONFIG_WHAT_IF_JSON_H

#include "server/base/buf.h"
#include "server/config/what_if.h"

/* What every report says of itself: what is counted, and what a backtest cannot know. NULL behind the last.
 */
extern const char *const what_if_assumptions[];

void what_if_json(const struct what_if *w, const struct backtest_report *r, struct buf *out);

#endif
