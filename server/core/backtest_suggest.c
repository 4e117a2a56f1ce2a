#include "server/base/check.h"
#include "server/core/backtest_state.h"

#include <stdio.h>
#include <stdlib.h>

/* Settings within this of the fewest annunciations (or one more) are as good: then the gentlest counts. */
#define NEARLY 0.1

static struct backtest_row row_of(const struct backtest *bt, uint32_t i) {
    const struct backtest_side *side = &bt->sides[BACKTEST_VARIANTS];
    uint32_t alarm = bt->cfg.variants.alarms[i];
    const struct model_alarm *a = &side->model->alarms[alarm];
    uint32_t n_base = 0;
    uint32_t n = 0;
    const struct occurrence *base = track_occurrences(side->track, bt->cfg.variants.alarms[0], &n_base);
    const struct occurrence *v = track_occurrences(side->track, alarm, &n);
    struct backtest_match m = backtest_compare(bt, base, n_base, v, n, NULL);
    return (struct backtest_row){
        .on_delay_us = a->on_delay_us,
        .off_delay_us = a->off_delay_us,
        .deadband = a->deadband,
        .n = track_count(side->track, alarm),
        .missed = m.missed,
        .later_us = m.later_us,
    };
}

static bool is_allowed(const struct backtest *bt, const struct backtest_row *row) {
    return row->missed == 0 && row->later_us <= bt->cfg.variants.later_max_us;
}

/* Less of a delay or deadband; delays first, since a deadband also says how far the value must come back. */
static bool is_gentler(const struct backtest_row *a, const struct backtest_row *b) {
    int64_t delay_a = a->on_delay_us + a->off_delay_us;
    int64_t delay_b = b->on_delay_us + b->off_delay_us;
    return delay_a != delay_b ? delay_a < delay_b : a->deadband < b->deadband;
}

static uint32_t best_of(const struct backtest *bt, const struct backtest_row *rows, uint32_t n) {
    uint32_t fewest = rows[0].n;
    for (uint32_t i = 1; i < n; i++) {
        fewest = is_allowed(bt, &rows[i]) && rows[i].n < fewest ? rows[i].n : fewest;
    }
    double near = fewest + (fewest * NEARLY > 1 ? fewest * NEARLY : 1);
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++) {
        bool good = is_allowed(bt, &rows[i]) && rows[i].n < rows[0].n && rows[i].n <= near;
        best = good && (best == 0 || is_gentler(&rows[i], &rows[best])) ? i : best;
    }
    return best;
}

enum status backtest_suggest(struct backtest *bt, struct error *err) {
    uint32_t n = bt->cfg.variants.model == NULL ? 0 : bt->cfg.variants.n;
    if (n == 0) {
        return OK;
    }
    bt->rows = calloc(n, sizeof *bt->rows);
    if (bt->rows == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory");
    }
    for (uint32_t i = 0; i < n; i++) {
        bt->rows[i] = row_of(bt, i);
    }
    bt->report.rows = bt->rows;
    bt->report.n_rows = n;
    bt->report.best = best_of(bt, bt->rows, n);
    return OK;
}

void backtest_suggestion(const struct backtest_report *r, struct slice unit, char *ret, size_t size) {
    CHECK(r->n_rows > 0);
    const struct backtest_row *now = &r->rows[0];
    const struct backtest_row *best = &r->rows[r->best];
    if (r->best == 0) {
        (void)snprintf(ret, size, "no setting that was tried would have been better than the present %u",
                       now->n);
        return;
    }
    char what[160];
    size_t at = 0;
    what[0] = '\0';
    if (best->on_delay_us != now->on_delay_us) {
        at +=
            (size_t)snprintf(what + at, sizeof what - at, "on-delay %g s, ", (double)best->on_delay_us / 1e6);
    }
    if (best->off_delay_us != now->off_delay_us) {
        at += (size_t)snprintf(what + at, sizeof what - at, "off-delay %g s, ",
                               (double)best->off_delay_us / 1e6);
    }
    if (best->deadband < now->deadband || best->deadband > now->deadband) {
        at += (size_t)snprintf(what + at, sizeof what - at, "deadband %g%s%.*s, ", best->deadband,
                               unit.n > 0 ? " " : "", (int)(unit.n < 32 ? unit.n : 32), unit.p);
    }
    CHECK(at >= 2 && at < sizeof what); /* numbers by %g and a unit of 32 bytes at most */
    what[at - 2] = '\0';
    (void)snprintf(ret, size, "%s would have cut %u to %u, latest alarm %g s later", what, now->n, best->n,
                   (double)best->later_us / 1e6);
}
