#include "server/core/quality.h"
#include "server/store/reader_priv.h"
#include "server/store/reader_rolled.h"

#include <math.h>
#include <stdlib.h>

/* --- one tag ------------------------------------------------------------------------------------------- */

static struct aggregate_sample for_aggregate(const struct chunk_sample *s) {
    return (struct aggregate_sample){
        .t_us = s->t_us, .value = s->kind == CHUNK_NUMBER ? s->number : (double)NAN, .quality = s->quality};
}

/* Where the aggregate that is being made ends: with its interval, or with the part that is read. */
static int64_t aggregate_end_us(const struct reader_job *job) {
    int64_t end_us = rollup_grid_end_us(&job->grid);
    return end_us < job->to_us ? end_us : job->to_us;
}

static bool part_is_done(const struct reader_job *job) {
    return job->grid.at_us >= job->to_us;
}

/* It is done; the next one of the part begins. */
static void keep_aggregate(struct reader_job *job) {
    rollup_grid_add(&job->grid, &job->aggregator.sum);
    if (!part_is_done(job)) {
        aggregate_next(&job->aggregator, aggregate_end_us(job));
    }
}

void job_feed(struct reader_job *job, const struct chunk_sample *s) {
    const struct aggregate_sample a = for_aggregate(s);
    while (!part_is_done(job)) {
        aggregate_add(&job->aggregator, &a);
        if (!job->aggregator.closed) {
            return;
        }
        keep_aggregate(job);
    }
}

static struct sample_point point_of(const struct chunk_sample *s) {
    bool bad = quality_is_bad(s->quality);
    double value = !bad && s->kind == CHUNK_NUMBER ? s->number : (double)NAN;
    int64_t value_us = isnan(value) ? 0 : s->t_us;
    return (struct sample_point){.first_us = s->t_us,
                                 .last_us = s->t_us,
                                 .first = value,
                                 .min = value,
                                 .max = value,
                                 .last = value,
                                 .min_us = value_us,
                                 .max_us = value_us,
                                 .count = 1,
                                 .bad = bad,
                                 .quality = s->quality};
}

static void keep_raw(struct reader_job *job, const struct chunk_sample *s) {
    if (job->n_raw == job->cap_raw) {
        uint32_t cap = job->cap_raw == 0 ? RAW_PIECE_MAX : job->cap_raw * 2;
        struct raw_sample *v = realloc(job->raw, cap * sizeof *v);
        if (v == NULL) {
            job_fail(job, ERR_NOMEM, "no memory for samples");
            return;
        }
        job->raw = v;
        job->cap_raw = cap;
    }
    job->raw[job->n_raw++] = (struct raw_sample){.t_us = s->t_us,
                                                 .value = s->kind == CHUNK_NUMBER ? s->number : (double)NAN,
                                                 .text = s->kind == CHUNK_TEXT ? s->text : slice_of(NULL, 0),
                                                 .quality = s->quality};
}

/* The next sample of the span. */
void job_give(struct reader_job *job, const struct chunk_sample *s) {
    if (job->ask->kind == REQ_AGGREGATES) {
        job_feed(job, s);
    } else if (job->ask->kind == REQ_SAMPLES) {
        trend_add(&job->trend, s);
        if (job->few && job->n_raws < job->ask->samples.points) {
            job->raws[job->n_raws++] = point_of(s);
        } else {
            job->n_raws = job->ask->samples.points + 1;
        }
    } else {
        keep_raw(job, s);
    }
}

/* Samples of [from_us, to_us) are to be read. */
static void begin_part(struct reader_job *job, int64_t from_us, int64_t to_us) {
    job->from_us = job->at_us = from_us;
    job->to_us = to_us;
    job->before_tier = job->after_tier = job->usable_tier = TIER_NONE;
    job->step = job->ask->kind == REQ_RAW_OPEN ? JOB_WINDOW : JOB_EDGES;
    if (job->ask->kind == REQ_AGGREGATES) {
        aggregate_begin(&job->aggregator, &job->ask->samples.rules[job->tag], from_us, aggregate_end_us(job));
    }
}

static bool begin_aggregates(struct reader_job *job) {
    rollup_grid_begin(&job->grid, job->ask->samples.edges, job_intervals(job),
                      job->aggregates + (size_t)job->tag * job_intervals(job));
    if (!rolled_begin(job)) {
        job_fail(job, ERR_NOMEM, "no memory for days");
        return false;
    }
    return true;
}

/* The next tag is the present one; false: that was the last. */
static bool step_tag(struct reader_job *job) {
    job->tag++;
    if (job->tag < job->ask->samples.n_tags) {
        return true;
    }
    job->step = JOB_DONE;
    return false;
}

void job_next_part(struct reader_job *job) {
    int64_t until_us = 0;
    enum rolled next = rolled_next(job, &until_us);
    while (next == ROLLED_DONE) {
        if (!step_tag(job) || !begin_aggregates(job)) {
            return;
        }
        next = rolled_next(job, &until_us);
    }
    if (next == ROLLED_MORE) {
        job->step = JOB_ROLLUPS;
    } else {
        begin_part(job, job->grid.at_us, until_us);
    }
}

void job_begin_tag(struct reader_job *job) {
    const struct request *r = job->ask;
    if (r->kind == REQ_AGGREGATES) {
        if (begin_aggregates(job)) {
            job_next_part(job);
        }
        return;
    }
    job->n_raws = 0;
    if (r->kind == REQ_SAMPLES) {
        trend_begin(&job->trend, r->samples.from_us, r->samples.to_us, r->samples.points, job->pixels);
    }
    begin_part(job, r->samples.from_us, r->samples.to_us);
}

static void end_trend(struct reader_job *job) {
    struct tag_samples *t = &job->trends[job->tag];
    uint32_t n = trend_end(&job->trend);
    t->raw = job->few && job->n_raws <= job->ask->samples.points;
    const struct sample_point *from = t->raw ? job->raws : job->pixels;
    t->n = t->raw ? job->n_raws : n;
    t->has_before = job->before_tier != TIER_NONE;
    t->before = point_of(&job->before);
    struct sample_point *v = malloc((t->n + 1) * sizeof *v);
    if (v == NULL) {
        job_fail(job, ERR_NOMEM, "no memory for the points");
        return;
    }
    if (t->n > 0) {
        memcpy(v, from, t->n * sizeof *v);
    }
    t->v = v;
}

static void end_aggregates(struct reader_job *job) {
    if (job->after_tier != TIER_NONE) {
        job_feed(job, &job->after);
    }
    while (!part_is_done(job)) {
        aggregate_end(&job->aggregator, job->ask->samples.complete_us[job->tag]);
        keep_aggregate(job);
    }
}

/* All samples of the part were given. */
void job_end_part(struct reader_job *job) {
    if (job->ask->kind == REQ_AGGREGATES) {
        end_aggregates(job);
        job_next_part(job);
        return;
    }
    if (job->ask->kind == REQ_SAMPLES) {
        end_trend(job);
    }
    if (job->step != JOB_FAILED && step_tag(job)) {
        job_begin_tag(job);
    }
}
