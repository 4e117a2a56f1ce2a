#include "server/base/check.h"
#include "server/core/backtest_state.h"
#include "server/core/kpi.h"

#include <stdlib.h>

/* --- two lists of one alarm */

static int64_t plus(int64_t a, int64_t b) {
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static bool overlap(const struct occurrence *a, const struct occurrence *b) {
    return a->src_us < b->end_us && b->src_us < a->end_us;
}

static bool is_near(const struct occurrence *a, const struct occurrence *b) {
    int64_t apart_us = a->src_us > b->src_us ? a->src_us - b->src_us : b->src_us - a->src_us;
    return apart_us <= BACKTEST_TOLERANCE_US;
}

/* One list of the two, and how far it is compared. */
struct reader {
    const struct occurrence *v;
    uint32_t n;
    uint32_t at;
    uint32_t covered_at; /* of the other list's: those before it are over */
};

static bool next_overlaps(const struct reader *r, const struct occurrence *o) {
    return r->at + 1 < r->n && overlap(&r->v[r->at + 1], o);
}

/* Overlapping, or begun at nearly the same time while neither overlaps the other's next one. */
static bool is_same(const struct reader *now, const struct reader *then) {
    if (now->at == now->n || then->at == then->n) {
        return false;
    }
    const struct occurrence *a = &now->v[now->at];
    const struct occurrence *b = &then->v[then->at];
    return overlap(a, b) || (is_near(a, b) && !next_overlaps(now, b) && !next_overlaps(then, a));
}

/* Some of `others` was active while it was, or shortly before or after. They are in order, and none begins
 * before the one before it ended. */
static bool is_covered(const struct occurrence *o, struct reader *others) {
    while (others->covered_at < others->n &&
           plus(others->v[others->covered_at].end_us, BACKTEST_TOLERANCE_US) < o->src_us) {
        others->covered_at++;
    }
    return others->covered_at < others->n &&
           others->v[others->covered_at].src_us <= plus(o->end_us, BACKTEST_TOLERANCE_US);
}

static bool in_period(const struct backtest *bt, const struct occurrence *o) {
    return o->at_us >= bt->cfg.from_us && o->at_us < bt->report.compared_until_us;
}

static void note_moved(struct backtest_match *m, int64_t by_us) {
    m->moved += by_us != 0 ? 1 : 0;
    m->later_us = by_us > m->later_us ? by_us : m->later_us;
    m->sooner_us = -by_us > m->sooner_us ? -by_us : m->sooner_us;
}

struct backtest_match backtest_compare(const struct backtest *bt, const struct occurrence *now,
                                       uint32_t n_now, const struct occurrence *then, uint32_t n_then,
                                       const struct backtest_match_sink *sink) {
    struct backtest_match m = {0};
    struct reader a = {.v = now, .n = n_now};
    struct reader b = {.v = then, .n = n_then};
    while (a.at < a.n || b.at < b.n) {
        if (is_same(&a, &b)) {
            if (in_period(bt, &now[a.at]) || in_period(bt, &then[b.at])) {
                note_moved(&m, then[b.at].src_us - now[a.at].src_us);
            }
            a.at++;
            b.at++;
            continue;
        }
        bool is_added = a.at == a.n || (b.at < b.n && then[b.at].src_us < now[a.at].src_us);
        const struct occurrence *o = is_added ? &then[b.at++] : &now[a.at++];
        bool covered = is_covered(o, is_added ? &a : &b);
        if (!in_period(bt, o)) {
            continue;
        }
        m.added += is_added ? 1 : 0;
        m.removed += is_added ? 0 : 1;
        m.missed += !is_added && !covered ? 1 : 0;
        if (sink != NULL) {
            sink->emit(sink->ctx, o, is_added, covered);
        }
    }
    return m;
}

/* --- one half */

/* Annunciations of one bin of one position; then: the touched ones of `then` with the others of `now`. */
static uint32_t bin_of(const struct track_tally *const tallies[2], size_t at) {
    return tallies[0]->bins[at] + tallies[1]->bins[at];
}

static void look_for_flood(const struct backtest *bt, const struct track_tally *const tallies[2],
                           uint32_t row, struct backtest_flood *longest) {
    const struct kpi_settings kpi = kpi_defaults();
    uint32_t n_bins = track_bins(bt->sides[BACKTEST_NOW].track);
    CHECK(kpi.bin_us == TRACK_BIN_US);
    struct backtest_flood flood = {0};
    bool on = false;
    for (uint32_t b = 0; b <= n_bins; b++) {
        uint32_t n = b < n_bins ? bin_of(tallies, (size_t)row * n_bins + b) : 0;
        int64_t start_us = bt->cfg.from_us + (int64_t)b * TRACK_BIN_US;
        if (!on && n > kpi.flood_on) {
            on = true;
            flood = (struct backtest_flood){.from_us = start_us, .position = bt->positions[row]};
        }
        if (on && n < kpi.flood_off) {
            on = false;
            flood.to_us = start_us < bt->cfg.to_us ? start_us : bt->cfg.to_us;
            *longest = flood.to_us - flood.from_us > longest->to_us - longest->from_us ? flood : *longest;
        }
        if (on) {
            flood.n += n;
            flood.peak = n > flood.peak ? n : flood.peak;
        }
    }
}

static void look_for_worst(const struct backtest *bt, const struct track_tally *const tallies[2],
                           uint32_t row, struct backtest_half *half) {
    uint32_t n_bins = track_bins(bt->sides[BACKTEST_NOW].track);
    uint64_t sum = 0;
    uint32_t peak = 0;
    for (uint32_t b = 0; b < n_bins; b++) {
        uint32_t n = bin_of(tallies, (size_t)row * n_bins + b);
        sum += n;
        peak = n > peak ? n : peak;
    }
    if (row == 0 || sum > half->worst_n) {
        half->worst_position = bt->positions[row];
        half->worst_n = sum;
        half->worst_peak = peak;
    }
}

static enum status make_half(const struct backtest *bt, const struct track *touched,
                             struct backtest_half *half, struct error *err) {
    const struct track *now = bt->sides[BACKTEST_NOW].track;
    const struct track_tally *const tallies[2] = {track_tally(touched, TRACK_TOUCHED),
                                                  track_tally(now, TRACK_OTHER)};
    half->days = calloc(track_days(now), sizeof *half->days);
    if (half->days == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory");
    }
    half->n = tallies[0]->n + tallies[1]->n;
    for (uint32_t d = 0; d < track_days(now); d++) {
        half->days[d] = tallies[0]->days[d] + tallies[1]->days[d];
    }
    for (uint32_t row = 0; row < bt->n_positions; row++) {
        look_for_flood(bt, tallies, row, &half->longest_flood);
        look_for_worst(bt, tallies, row, half);
    }
    return OK;
}

/* --- alarm by alarm */

struct lister {
    struct backtest *bt;
    struct slice alarm;
    uint32_t n_added; /* in the arrays, which hold all of them until they are sorted and cut */
    uint32_t n_removed;
};

static void on_difference(void *ctx, const struct occurrence *o, bool is_added, bool covered) {
    struct lister *l = ctx;
    struct backtest_change *to = is_added ? &l->bt->added[l->n_added++] : &l->bt->removed[l->n_removed++];
    *to = (struct backtest_change){
        .alarm = l->alarm, .src_us = o->src_us, .at_us = o->at_us, .end_us = o->end_us, .covered = covered};
}

static const struct occurrence *occurrences(const struct backtest_side *side, uint32_t alarm,
                                            uint32_t *ret_n) {
    *ret_n = 0;
    return alarm == MODEL_NONE ? NULL : track_occurrences(side->track, alarm, ret_n);
}

static uint32_t count(const struct backtest_side *side, uint32_t alarm) {
    return alarm == MODEL_NONE ? 0 : track_count(side->track, alarm);
}

static void add_up(struct backtest_report *r, const struct backtest_alarm *a) {
    r->n_added += a->added;
    r->n_removed += a->removed;
    r->n_missed += a->missed;
    r->n_moved += a->moved;
    r->later_us = a->later_us > r->later_us ? a->later_us : r->later_us;
    r->sooner_us = a->sooner_us > r->sooner_us ? a->sooner_us : r->sooner_us;
}

static void compare_entry(struct backtest *bt, const struct backtest_entry *e, struct lister *l) {
    const struct backtest_side *now = &bt->sides[BACKTEST_NOW];
    const struct backtest_side *then = &bt->sides[BACKTEST_THEN];
    struct backtest_alarm a = {.name = e->name, .now = count(now, e->now)};
    if (e->touched) {
        uint32_t n_now = 0;
        uint32_t n_then = 0;
        const struct occurrence *v_now = occurrences(now, e->now, &n_now);
        const struct occurrence *v_then = occurrences(then, e->then, &n_then);
        const struct backtest_match_sink sink = {.ctx = l, .emit = on_difference};
        l->alarm = e->name;
        struct backtest_match m = backtest_compare(bt, v_now, n_now, v_then, n_then, &sink);
        a.then = count(then, e->then);
        a.added = m.added;
        a.removed = m.removed;
        a.missed = m.missed;
        a.moved = m.moved;
        a.later_us = m.later_us;
        a.sooner_us = m.sooner_us;
    } else {
        a.then = a.now;
    }
    add_up(&bt->report, &a);
    if (a.now > 0 || a.then > 0) {
        bt->alarms[bt->report.n_alarms++] = a;
    }
}

static int by_time(const void *a, const void *b) {
    const struct backtest_change *x = a;
    const struct backtest_change *y = b;
    if (x->src_us != y->src_us) {
        return x->src_us < y->src_us ? -1 : 1;
    }
    size_t n = x->alarm.n < y->alarm.n ? x->alarm.n : y->alarm.n;
    int order = memcmp(x->alarm.p, y->alarm.p, n);
    return order != 0 ? order : (x->alarm.n < y->alarm.n ? -1 : x->alarm.n > y->alarm.n);
}

static uint32_t difference(const struct backtest_alarm *a) {
    return a->now > a->then ? a->now - a->then : a->then - a->now;
}

/* Entries come in the order of the configuration; equals keep it by their names' addresses only by chance, so
 * the name itself decides. */
static int by_difference(const void *a, const void *b) {
    const struct backtest_alarm *x = a;
    const struct backtest_alarm *y = b;
    if (difference(x) != difference(y)) {
        return difference(x) > difference(y) ? -1 : 1;
    }
    if (x->now != y->now) {
        return x->now > y->now ? -1 : 1;
    }
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    int order = memcmp(x->name.p, y->name.p, n);
    return order != 0 ? order : (x->name.n < y->name.n ? -1 : x->name.n > y->name.n);
}

static uint32_t cut(uint32_t n, bool *truncated) {
    *truncated = *truncated || n > BACKTEST_LISTED_MAX;
    return n > BACKTEST_LISTED_MAX ? BACKTEST_LISTED_MAX : n;
}

static uint32_t kept(const struct backtest_side *side) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < side->model->n_alarms; i++) {
        uint32_t of_alarm = 0;
        (void)track_occurrences(side->track, i, &of_alarm);
        n += of_alarm;
    }
    return n;
}

static enum status compare_entries(struct backtest *bt, struct error *err) {
    struct backtest_report *r = &bt->report;
    bt->added = calloc(backtest_at_least_one(kept(&bt->sides[BACKTEST_THEN])), sizeof *bt->added);
    bt->removed = calloc(backtest_at_least_one(kept(&bt->sides[BACKTEST_NOW])), sizeof *bt->removed);
    bt->alarms = calloc(backtest_at_least_one(bt->n_entries), sizeof *bt->alarms);
    if (bt->added == NULL || bt->removed == NULL || bt->alarms == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory for the comparison");
    }
    struct lister l = {.bt = bt};
    for (uint32_t i = 0; i < bt->n_entries; i++) {
        compare_entry(bt, &bt->entries[i], &l);
    }
    qsort(bt->added, l.n_added, sizeof *bt->added, by_time);
    qsort(bt->removed, l.n_removed, sizeof *bt->removed, by_time);
    qsort(bt->alarms, r->n_alarms, sizeof *bt->alarms, by_difference);
    r->added = bt->added;
    r->removed = bt->removed;
    r->alarms = bt->alarms;
    r->n_added_listed = cut(l.n_added, &r->truncated);
    r->n_removed_listed = cut(l.n_removed, &r->truncated);
    r->n_alarms = cut(r->n_alarms, &r->truncated);
    return OK;
}

enum status backtest_report_make(struct backtest *bt, struct error *err) {
    struct backtest_report *r = &bt->report;
    CHECK(r->n_days == 0); /* made once */
    r->from_us = bt->cfg.from_us;
    r->to_us = bt->cfg.to_us;
    r->n_days = track_days(bt->sides[BACKTEST_NOW].track);
    r->n_tags = bt->n_tags;
    r->n_samples = bt->n_samples;
    r->n_judged = bt->n_entries;
    r->n_unjudged = bt->n_unjudged;
    r->whole = bt->cfg.whole;
    r->compared_until_us = bt->cfg.to_us;
    for (int s = 0; s < BACKTEST_SIDES; s++) {
        int64_t kept_us = bt->sides[s].track == NULL ? INT64_MAX : track_kept_until_us(bt->sides[s].track);
        r->compared_until_us = kept_us < r->compared_until_us ? kept_us : r->compared_until_us;
    }
    r->truncated = r->compared_until_us < bt->cfg.to_us;
    enum status status = make_half(bt, bt->sides[BACKTEST_NOW].track, &r->now, err);
    if (status == OK) {
        status = make_half(bt, bt->sides[BACKTEST_THEN].track, &r->then, err);
    }
    if (status == OK) {
        status = compare_entries(bt, err);
    }
    return status == OK ? backtest_suggest(bt, err) : status;
}
