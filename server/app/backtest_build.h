/* From what a person asks to what a backtest needs: the items put on a copy of the configuration in force,
 * checked as a change would be. On the thread that the configuration belongs to. */
#ifndef PENSTOCK_APP_BACKTEST_BUILD_H
#define PENSTOCK_APP_BACKTEST_BUILD_H

#include "server/config/what_if.h"
#include "server/core/request.h"

/* Faults are pointed at as in the request: "/items/N/body/limit", "/suggest". ERR_INVALID with faults or,
 * with *ret_faults 0, with err. faults has room for CONFIG_FAULTS_MAX. */
MUSTCHECK enum status backtest_build(const struct config_set *present, const struct request *r,
                                     struct what_if **ret, struct config_fault *faults, uint32_t *ret_faults,
                                     struct error *err);

#endif
