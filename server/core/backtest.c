#include "server/core/backtest.h"

#include "server/base/check.h"
#include "server/core/backtest_state.h"

#include <stdlib.h>

enum { VARIANTS_MORE = 8 };

static void *table(size_t count, size_t size) {
    return calloc(backtest_at_least_one(count), size);
}

static int64_t start_of(const struct backtest *bt) {
    return bt->cfg.from_us - bt->cfg.warm_us;
}

/* --- construction */

static uint32_t position_row(struct backtest *bt, struct slice name) {
    uint32_t i = 0;
    while (i < bt->n_positions && !slice_eq(bt->positions[i], name)) {
        i++;
    }
    if (i == bt->n_positions) {
        bt->positions[bt->n_positions++] = name;
    }
    return i;
}

static enum status init_positions(struct backtest *bt, struct error *err) {
    size_t n = 1;
    for (int s = 0; s < BACKTEST_SIDES; s++) {
        n += bt->sides[s].model == NULL ? 0 : bt->sides[s].model->n_positions;
    }
    bt->positions = table(n, sizeof *bt->positions);
    if (bt->positions == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory");
    }
    for (int s = 0; s < BACKTEST_SIDES; s++) {
        struct backtest_side *side = &bt->sides[s];
        if (side->model == NULL) {
            continue;
        }
        side->positions = table(side->model->n_positions, sizeof *side->positions);
        if (side->positions == NULL) {
            return error_set(err, ERR_NOMEM, "backtest", "no memory");
        }
        for (uint32_t i = 0; i < side->model->n_positions; i++) {
            side->positions[i] = position_row(bt, side->model->positions[i]);
        }
    }
    if (bt->n_positions == 0) {
        bt->positions[bt->n_positions++] = slice_str("main");
    }
    return OK;
}

/* History has values as they are scaled now; another scale is applied to what was received. */
static void map_value(const struct backtest *bt, struct backtest_side *side, uint32_t place) {
    const struct model_tag *from = &bt->cfg.now->tags[bt->tags[place].now];
    const struct model_tag *to = &side->model->tags[side->tags[place]];
    side->scale[place] = 1;
    side->offset[place] = 0;
    bool other = from->scale < to->scale || from->scale > to->scale || from->offset < to->offset ||
                 from->offset > to->offset;
    if (other) {
        side->scale[place] = to->scale / from->scale;
        side->offset[place] = to->offset - from->offset * side->scale[place];
    }
}

/* The bands of the side's tags, at their places in the feed. */
static enum status map_bands(const struct backtest *bt, struct backtest_side *side, struct error *err) {
    double *low = table(side->model->n_tags, sizeof *low);
    double *high = table(side->model->n_tags, sizeof *high);
    side->low = table(bt->n_tags, sizeof *side->low);
    side->high = table(bt->n_tags, sizeof *side->high);
    side->quiet = table(bt->n_tags, sizeof *side->quiet);
    bool complete =
        low != NULL && high != NULL && side->low != NULL && side->high != NULL && side->quiet != NULL;
    if (complete && !bt->cfg.every_sample) {
        backtest_quiet_bands(side->model, low, high);
    }
    for (uint32_t i = 0; complete && i < bt->n_tags; i++) {
        if (side->tags[i] != MODEL_NONE) {
            side->low[i] = low[side->tags[i]];
            side->high[i] = high[side->tags[i]];
        }
    }
    free(low);
    free(high);
    return complete ? OK : error_set(err, ERR_NOMEM, "backtest", "no memory for %u tags", bt->n_tags);
}

static enum status map_side(struct backtest *bt, struct backtest_side *side, struct error *err) {
    const struct model *now = bt->cfg.now;
    side->tags = table(bt->n_tags, sizeof *side->tags);
    side->scale = table(bt->n_tags, sizeof *side->scale);
    side->offset = table(bt->n_tags, sizeof *side->offset);
    side->gateways = table(now->n_gateways, sizeof *side->gateways);
    side->batch = table(bt->n_tags, sizeof *side->batch);
    if (side->tags == NULL || side->scale == NULL || side->offset == NULL || side->gateways == NULL ||
        side->batch == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory for %u tags", bt->n_tags);
    }
    for (uint32_t i = 0; i < now->n_gateways; i++) {
        side->gateways[i] = model_find_gateway(side->model, now->gateways[i].name);
    }
    for (uint32_t i = 0; i < bt->n_tags; i++) {
        uint32_t tag = model_find_tag(side->model, now->tags[bt->tags[i].now].name);
        bool wanted = tag != MODEL_NONE && side->needed[tag] &&
                      side->model->tags[tag].gateway == side->gateways[bt->tags[i].gateway];
        side->tags[i] = wanted ? tag : MODEL_NONE;
        if (wanted) {
            map_value(bt, side, i);
        }
    }
    return map_bands(bt, side, err);
}

static enum status start_side(struct backtest *bt, struct backtest_side *side, struct error *err) {
    /* Of the variants, each has its own occurrences. */
    uint32_t max = bt->cfg.occurrences_max == 0 ? TRACK_OCCURRENCES_DEFAULT : bt->cfg.occurrences_max;
    if (side == &bt->sides[BACKTEST_VARIANTS]) {
        max = max > TRACK_OCCURRENCES_MAX / VARIANTS_MORE ? TRACK_OCCURRENCES_MAX : max * VARIANTS_MORE;
    }
    const struct track_config cfg = {
        .model = side->model,
        .classes = side->classes,
        .positions = side->positions,
        .n_positions = bt->n_positions,
        .start_us = start_of(bt),
        .from_us = bt->cfg.from_us,
        .to_us = bt->cfg.to_us,
        .occurrences_max = max,
    };
    enum status status = track_new(&cfg, &side->track, err);
    for (uint32_t i = 0; i < side->model->n_gateways && status == OK; i++) {
        track_link(side->track, i, true, start_of(bt));
    }
    return status;
}

static enum status build(struct backtest *bt, struct error *err) {
    enum status status = init_positions(bt, err);
    if (status == OK) {
        status = backtest_scope(bt, err);
    }
    if (status == OK) {
        bt->last = table(bt->n_tags, sizeof *bt->last);
        bt->moment = table(bt->n_tags, sizeof *bt->moment);
        status = bt->last != NULL && bt->moment != NULL
                     ? OK
                     : error_set(err, ERR_NOMEM, "backtest", "no memory for %u tags", bt->n_tags);
    }
    for (int s = 0; s < BACKTEST_SIDES && status == OK; s++) {
        if (bt->sides[s].model != NULL) {
            status = map_side(bt, &bt->sides[s], err);
        }
        if (bt->sides[s].model != NULL && status == OK) {
            status = start_side(bt, &bt->sides[s], err);
        }
    }
    return status;
}

enum status backtest_new(const struct backtest_config *cfg, struct backtest **ret, struct error *err) {
    CHECK(cfg->warm_us >= 0);
    CHECK(cfg->from_us < cfg->to_us);
    CHECK(cfg->variants.n <= BACKTEST_VARIANTS_MAX);
    struct backtest *bt = calloc(1, sizeof *bt);
    if (bt == NULL) {
        return error_set(err, ERR_NOMEM, "backtest", "no memory");
    }
    bt->cfg = *cfg;
    bt->sides[BACKTEST_NOW].model = cfg->now;
    bt->sides[BACKTEST_THEN].model = cfg->then;
    bt->sides[BACKTEST_VARIANTS].model = cfg->variants.model;
    enum status status = build(bt, err);
    if (status != OK) {
        backtest_free(&bt);
        return status;
    }
    *ret = bt;
    return OK;
}

static void side_done(struct backtest_side *side) {
    track_free(&side->track);
    free(side->classes);
    free(side->needed);
    free(side->tags);
    free(side->scale);
    free(side->offset);
    free(side->gateways);
    free(side->positions);
    free(side->low);
    free(side->high);
    free(side->quiet);
    free(side->batch);
}

void backtest_free(struct backtest **bt) {
    if (bt == NULL || *bt == NULL) {
        return;
    }
    struct backtest *b = *bt;
    for (int s = 0; s < BACKTEST_SIDES; s++) {
        side_done(&b->sides[s]);
    }
    free(b->positions);
    free(b->entries);
    free(b->tags);
    free(b->last);
    free(b->moment);
    free(b->report.now.days);
    free(b->report.then.days);
    free(b->added);
    free(b->removed);
    free(b->alarms);
    free(b->rows);
    free(b);
    *bt = NULL;
}

const struct backtest_tag *backtest_tags(const struct backtest *bt, uint32_t *ret_n) {
    *ret_n = bt->n_tags;
    return bt->tags;
}

/* --- feeding */

/* A sample of a live message that can change nothing is not handed over. */
static bool is_idle(struct backtest_side *side, const struct sample *s, double value, enum lane lane) {
    bool quiet = quality_is_good(s->quality) && (s->quality & QUALITY_NO_VALUE) == 0 &&
                 value > side->low[s->tag] && value < side->high[s->tag];
    bool was_quiet = side->quiet[s->tag];
    side->quiet[s->tag] = quiet && lane == LANE_LIVE;
    return quiet && was_quiet && lane == LANE_LIVE;
}

static void feed_side(struct backtest_side *side, uint32_t gateway, enum lane lane, const struct sample *v,
                      uint32_t n, int64_t at_us) {
    uint32_t taken = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t place = v[i].tag;
        double value = v[i].value * side->scale[place] + side->offset[place];
        if (side->tags[place] != MODEL_NONE && !is_idle(side, &v[i], value, lane)) {
            side->batch[taken++] = (struct sample){
                .tag = side->tags[place], .quality = v[i].quality, .t_us = v[i].t_us, .value = value};
        }
    }
    if (taken > 0) {
        track_samples(side->track, side->gateways[gateway], lane, side->batch, taken, at_us);
    }
}

static void feed(struct backtest *bt, uint32_t gateway, enum lane lane, const struct sample *v, uint32_t n,
                 int64_t at_us) {
    for (int s = 0; s < BACKTEST_SIDES; s++) {
        if (bt->sides[s].model != NULL && bt->sides[s].gateways[gateway] != MODEL_NONE) {
            feed_side(&bt->sides[s], gateway, lane, v, n, at_us);
        }
    }
}

static int by_place(const void *a, const void *b) {
    const struct sample *x = a;
    const struct sample *y = b;
    return x->tag < y->tag ? -1 : x->tag > y->tag;
}

/* All samples of one time, gateway by gateway: equal times of one gateway count together. The feed is in the
 * order of gateways. */
static void feed_moment(struct backtest *bt, struct sample *v, uint32_t n) {
    for (uint32_t i = 1; i < n; i++) {
        if (v[i].tag < v[i - 1].tag) {
            qsort(v, n, sizeof *v, by_place);
            break;
        }
    }
    for (uint32_t first = 0; first < n;) {
        uint32_t gateway = bt->tags[v[first].tag].gateway;
        uint32_t end = first;
        while (end < n && bt->tags[v[end].tag].gateway == gateway) {
            bt->last[v[end].tag] = v[end];
            end++;
        }
        feed(bt, gateway, LANE_LIVE, v + first, end - first, v[first].t_us);
        first = end;
    }
}

static void end_moment(struct backtest *bt) {
    uint32_t n = bt->n_moment;
    bt->n_moment = 0;
    feed_moment(bt, bt->moment, n);
}

static void add_to_moment(struct backtest *bt, const struct sample *s) {
    CHECK(s->tag < bt->n_tags);
    if (bt->n_moment > 0 && bt->moment[0].t_us != s->t_us) {
        CHECK(bt->moment[0].t_us < s->t_us);
        end_moment(bt);
    }
    CHECK(bt->n_moment < bt->n_tags);
    bt->moment[bt->n_moment++] = *s;
}

void backtest_samples(struct backtest *bt, const struct sample *v, uint32_t n) {
    bt->n_samples += n;
    for (uint32_t i = 0; i < n; i++) {
        add_to_moment(bt, &v[i]);
    }
}

/* What a gateway sends when it is back: the newest of each of its tags. */
static void feed_snapshot(struct backtest *bt, uint32_t gateway, int64_t at_us) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < bt->n_tags; i++) {
        if (bt->tags[i].gateway == gateway && bt->last[i].t_us != 0) {
            bt->moment[n++] = bt->last[i];
        }
    }
    feed(bt, gateway, LANE_SNAPSHOT, bt->moment, n, at_us);
}

void backtest_link(struct backtest *bt, uint32_t gateway, bool up, int64_t at_us) {
    CHECK(gateway < bt->cfg.now->n_gateways);
    end_moment(bt);
    for (int s = 0; s < BACKTEST_SIDES; s++) {
        struct backtest_side *side = &bt->sides[s];
        if (side->model != NULL && side->gateways[gateway] != MODEL_NONE) {
            track_link(side->track, side->gateways[gateway], up, at_us);
        }
    }
    if (up) {
        feed_snapshot(bt, gateway, at_us);
    }
}

enum status backtest_finish(struct backtest *bt, const struct backtest_report **ret, struct error *err) {
    end_moment(bt);
    for (int s = 0; s < BACKTEST_SIDES; s++) {
        if (bt->sides[s].model != NULL) {
            track_finish(bt->sides[s].track);
        }
    }
    enum status status = backtest_report_make(bt, err);
    if (status == OK) {
        *ret = &bt->report;
    }
    return status;
}
