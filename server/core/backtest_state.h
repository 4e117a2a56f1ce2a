/* Inside of the backtest: what its files share. Nobody else includes this. */
#ifndef PENSTOCK_CORE_BACKTEST_STATE_H
#define PENSTOCK_CORE_BACKTEST_STATE_H

#include "server/core/backtest.h"

/* One configuration, or the variants. */
struct backtest_side {
    const struct model *model; /* NULL: this side is not there */
    struct track *track;
    uint8_t *classes; /* enum track_class by alarm */
    bool *needed;     /* by tag: an alarm that counts depends on it */
    uint32_t *tags;   /* by place in the feed: its own tag, MODEL_NONE if it does not want it */
    double *scale;    /* … from the value in `now`'s unit to this side's */
    double *offset;
    uint32_t *gateways;  /* by gateway of `now` */
    uint32_t *positions; /* row of each of its positions */
    double *low; /* by place: while the value stays strictly between them, it changes nothing (quiet_band) */
    double *high;
    bool *quiet; /* by place: the newest sample that was handed over is between them */
    struct sample *batch;
};

enum { BACKTEST_NOW, BACKTEST_THEN, BACKTEST_VARIANTS, BACKTEST_SIDES };

/* An alarm that counts, under its name. */
struct backtest_entry {
    struct slice name;
    uint32_t now; /* MODEL_NONE: not there */
    uint32_t then;
    bool touched;
};

struct backtest {
    struct backtest_config cfg;
    struct backtest_side sides[BACKTEST_SIDES];
    struct slice *positions; /* of both configurations */
    uint32_t n_positions;
    struct backtest_entry *entries;
    uint32_t n_entries;
    uint32_t n_unjudged;
    struct backtest_tag *tags;
    struct sample *last; /* newest sample of each tag of the feed; t_us 0: none yet */
    uint32_t n_tags;
    struct sample *moment; /* samples of one time that may not be complete yet */
    uint32_t n_moment;
    uint64_t n_samples;
    struct backtest_report report;
    struct backtest_change *added;
    struct backtest_change *removed;
    struct backtest_alarm *alarms;
    struct backtest_row *rows;
};

/* What differs between two lists of occurrences of one alarm. */
struct backtest_match {
    uint32_t added;
    uint32_t removed;
    uint32_t missed;
    uint32_t moved;
    int64_t later_us;
    int64_t sooner_us;
};

/* Told of each occurrence that only one list has. */
struct backtest_match_sink {
    void *ctx;
    void (*emit)(void *ctx, const struct occurrence *o, bool is_added, bool covered);
};

/* backtest_scope.c: classes, needs, entries, the feed. */
MUSTCHECK enum status backtest_scope(struct backtest *bt, struct error *err);
/* Where a tag is watched by nothing but limit alarms: a good value strictly between low and high is false for
 * all of them, also within their deadbands, so a second one in a row can neither raise, nor return, nor start
 * or stop a delay. low is not below high if there is no such band. */
void backtest_quiet_bands(const struct model *m, double *ret_low, double *ret_high);
/* backtest_report.c */
MUSTCHECK enum status backtest_report_make(struct backtest *bt, struct error *err);
struct backtest_match backtest_compare(const struct backtest *bt, const struct occurrence *now,
                                       uint32_t n_now, const struct occurrence *then, uint32_t n_then,
                                       const struct backtest_match_sink *sink);
/* backtest_suggest.c */
MUSTCHECK enum status backtest_suggest(struct backtest *bt, struct error *err);

static inline size_t backtest_at_least_one(size_t n) {
    return n > 0 ? n : 1;
}

#endif
