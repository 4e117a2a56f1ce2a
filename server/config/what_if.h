/* A change that was not made: the models of the configuration in force and of the changed one, what differs
 * between them, and one alarm with other settings, ready for a backtest (server/core/backtest.h). Pure. The
 * sets are read only by what_if_new; what comes out is independent of them and may go to another thread. */
#ifndef PENSTOCK_CONFIG_WHAT_IF_H
#define PENSTOCK_CONFIG_WHAT_IF_H

#include "server/config/config.h"
#include "server/core/backtest.h"

struct what_if {
    struct arena arena;
    struct model *now;
    struct model *then;
    struct model *variants; /* NULL: nothing is to be suggested */
    struct backtest_changed *changed;
    uint32_t n_changed;
    uint32_t alarms[BACKTEST_VARIANTS_MAX]; /* in `variants`; the first one is the alarm as it would be */
    uint32_t n_alarms;
    struct slice suggest; /* the alarm's name; empty: none */
    struct slice unit;    /* of its tag */
};

/* Borrowed during what_if_new. */
struct what_if_input {
    const struct config_set *now;
    const struct config_set *then;
    struct slice suggest; /* an alarm of `then` for which deadbands and delays are to be tried, or empty */
    uint64_t seed[2];     /* random words for the models' maps */
};

/* Settings that the configuration would refuse are not tried. ERR_INVALID with faults as of config_compile,
 * or for suggest with the pointer "/suggest"; ERR_NOT_FOUND if there is no such alarm. */
MUSTCHECK enum status what_if_new(const struct what_if_input *in, struct what_if **ret,
                                  struct config_fault *faults, uint32_t *ret_faults, struct error *err);
void what_if_free(struct what_if **w);

/* All of a backtest's settings but the period. */
struct backtest_config what_if_config(const struct what_if *w);

#endif
