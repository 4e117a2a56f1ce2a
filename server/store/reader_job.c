#include "server/store/reader_job.h"

#include "server/base/check.h"
#include "server/store/reader_priv.h"
#include "server/store/reader_rolled.h"
#include "server/store/reader_sql.h"

#include <stdlib.h>

enum { RAM_BYTES_MAX = 64 * 1024 * 1024 };

/* --- the question -------------------------------------------------------------------------------------- */

static enum status check_trend(const struct request *r, struct error *err) {
    uint32_t points = r->samples.points;
    if (points < 1 || points > SAMPLES_POINTS_MAX) {
        return error_set(err, ERR_INVALID, "points", "must be from 1 to %d", SAMPLES_POINTS_MAX);
    }
    if (points * r->samples.n_tags > SAMPLES_ANSWER_MAX) {
        return error_set(err, ERR_INVALID, "points", "%u tags can have at most %u points each",
                         r->samples.n_tags, SAMPLES_ANSWER_MAX / r->samples.n_tags);
    }
    return OK;
}

static enum status check_aggregates(const struct request *r, struct error *err) {
    uint32_t n = r->samples.n_edges;
    if (r->samples.from_us < 0 || r->samples.to_us > READER_SQL_LATEST_US) {
        return error_set(err, ERR_INVALID, "from", "from and to must be from 1970 to 2242");
    }
    if (n < 2 || (n - 1) * (uint64_t)r->samples.n_tags > AGGREGATES_MAX) {
        return error_set(err, ERR_INVALID, "every", "these are more than %d intervals; ask for longer ones",
                         AGGREGATES_MAX);
    }
    CHECK(r->samples.edges[0] == r->samples.from_us);
    CHECK(r->samples.edges[n - 1] == r->samples.to_us);
    return OK;
}

enum status job_check(const struct request *r, struct error *err) {
    if (r->samples.from_us >= r->samples.to_us) {
        return error_set(err, ERR_INVALID, "from", "must be before to");
    }
    if (r->samples.n_tags < 1 || r->samples.n_tags > SAMPLES_TAGS_MAX) {
        return error_set(err, ERR_INVALID, "tag", "must be 1 to %d tags", SAMPLES_TAGS_MAX);
    }
    if (r->kind == REQ_SAMPLES) {
        return check_trend(r, err);
    }
    return r->kind == REQ_AGGREGATES ? check_aggregates(r, err) : OK;
}

static bool allocate(struct reader_job *job) {
    const struct request *r = job->ask;
    if (r->kind == REQ_SAMPLES) {
        job->trends = calloc(r->samples.n_tags, sizeof *job->trends);
        job->pixels = calloc(r->samples.points, sizeof *job->pixels);
        job->raws = calloc(r->samples.points, sizeof *job->raws);
        return job->trends != NULL && job->pixels != NULL && job->raws != NULL;
    }
    if (r->kind == REQ_AGGREGATES) {
        job->aggregates =
            calloc((size_t)r->samples.n_tags * (r->samples.n_edges - 1), sizeof *job->aggregates);
        return job->aggregates != NULL && rolled_init(job);
    }
    return true;
}

struct reader_job *job_new(struct request *ask, int64_t asked_us) {
    struct reader_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return NULL;
    }
    job->ask = ask;
    if (!allocate(job)) {
        job->ask = NULL;
        job_free(&job);
        return NULL;
    }
    /* What is beyond holds no samples. */
    ask->samples.from_us = job_within(ask->samples.from_us, 0, READER_SQL_LATEST_US - 1);
    ask->samples.to_us = job_within(ask->samples.to_us, ask->samples.from_us + 1, READER_SQL_LATEST_US);
    job->asked_us = asked_us;
    buf_init(&job->ram, RAM_BYTES_MAX);
    /* Aggregates look for the newest usable sample before: all of them are needed. */
    int64_t low_us = ask->kind == REQ_AGGREGATES ? 0 : ask->samples.from_us;
    gather_init(&job->late, ask->samples.tags, ask->samples.n_tags, low_us, ask->samples.to_us);
    return job;
}

void job_free(struct reader_job **job) {
    struct reader_job *j = *job;
    if (j == NULL) {
        return;
    }
    for (uint32_t i = 0; j->trends != NULL && j->ask != NULL && i < j->ask->samples.n_tags; i++) {
        free((void *)j->trends[i].v); /* ours: const for the reply's readers */
    }
    free(j->trends);
    free(j->pixels);
    free(j->raws);
    free(j->aggregates);
    rolled_done(j);
    free(j->raw);
    gather_done(&j->late);
    buf_done(&j->ram);
    free(j->ask);
    free(j);
    *job = NULL;
}

void job_take_late(struct reader_job *job, const struct hot_row *row) {
    bool meant = false;
    uint32_t size = (uint32_t)row->data.n; /* of one message */
    for (uint32_t i = 0; i < job->ask->samples.n_tags && !meant; i++) {
        meant = job->ask->samples.tags[i] >= row->tag_min && job->ask->samples.tags[i] <= row->tag_max;
    }
    if (meant) {
        buf_append(&job->ram, &size, sizeof size);
        buf_append(&job->ram, row->data.p, row->data.n);
    }
}

void job_fail(struct reader_job *job, enum status status, const char *text) {
    job->step = JOB_FAILED;
    (void)error_set(&job->error, status, "history", "%s", text);
}

/* --- sending ------------------------------------------------------------------------------------------- */

static void send_window(const struct reader_job *job, struct pg *pg, struct pg_args *args) {
    uint32_t n_late = 0;
    const struct gathered *late = gather_of(&job->late, job_tag(job), &n_late);
    bool trend = job->ask->kind == REQ_SAMPLES;
    const struct reader_window w = {.tag_key = job_tag(job),
                                    .from_us = job->at_us,
                                    .to_us = job->to_us,
                                    .chunks_max = trend && !job->few ? READER_SQL_HEADS : READER_SQL_CHUNKS,
                                    .all = !trend || job->few,
                                    .pixels_from_us = job->ask->samples.from_us,
                                    .width_us = trend ? job->trend.width_us : 1,
                                    .late_from_us = n_late > 0 ? late[0].s.t_us : INT64_MAX,
                                    .late_to_us = n_late > 0 ? late[n_late - 1].s.t_us : INT64_MIN};
    reader_sql_window(pg, args, &w);
}

static void send_edges(const struct reader_job *job, struct pg *pg, struct pg_args *args) {
    reader_sql_before(pg, args, job_tag(job), job->from_us);
    if (job->ask->kind == REQ_SAMPLES) {
        reader_sql_count(pg, args, job_tag(job), job->from_us, job->to_us);
    } else {
        reader_sql_after(pg, args, job_tag(job), job->to_us);
        struct reader_usable u = {.tag_key = job_tag(job),
                                  .t_us = job->from_us,
                                  .uncertain_is_bad = job->ask->samples.rules[job->tag].uncertain_is_bad};
        u.late = gather_of(&job->late, u.tag_key, &u.n_late);
        reader_sql_usable(pg, args, &u);
    }
}

void job_send(const struct reader_job *job, struct pg *pg, pg_on_done on_done, void *ctx) {
    struct pg_args args;
    pg_args_init(&args, READER_SQL_ARGS_BYTES);
    pg_begin(pg, PG_SNAPSHOT, on_done, ctx);
    if (job->step == JOB_HOT) {
        /* What lies behind the span matters to aggregates alone. */
        int64_t to_us = job->ask->kind == REQ_AGGREGATES ? INT64_MAX : job->ask->samples.to_us;
        reader_sql_hot(pg, &args, job->ask->samples.tags, job->ask->samples.n_tags, job->last_id, to_us);
    } else if (job->step == JOB_ROLLUPS) {
        rolled_send(job, pg, &args);
    } else if (job->step == JOB_EDGES) {
        send_edges(job, pg, &args);
    } else {
        CHECK(job->step == JOB_WINDOW);
        send_window(job, pg, &args);
    }
    pg_end(pg);
    pg_args_done(&args);
}

/* --- replies ------------------------------------------------------------------------------------------- */

void job_piece(struct reader_job *job, struct reply *ret) {
    CHECK(job->step == JOB_PIECE);
    uint32_t left = job->n_raw - job->handed;
    uint32_t n = left < RAW_PIECE_MAX ? left : RAW_PIECE_MAX;
    ret->raw.tag_key = job_tag(job);
    ret->raw.v = job->raw + job->handed;
    ret->raw.n = n;
    ret->raw.asked_us = job->asked_us;
    job->handed += n;
    if (job->handed < job->n_raw) {
        return;
    }
    job->step = JOB_WINDOW;
    if (job->at_us >= job->to_us) {
        job_end_part(job);
    }
    ret->raw.last = job->step == JOB_DONE;
}

void job_reply(const struct reader_job *job, struct reply *ret) {
    CHECK(job->step == JOB_DONE);
    if (job->ask->kind == REQ_SAMPLES) {
        ret->samples.v = job->trends;
        ret->samples.n = job->ask->samples.n_tags;
        ret->samples.asked_us = job->asked_us;
    } else if (job->ask->kind == REQ_AGGREGATES) {
        ret->aggregates.v = job->aggregates;
        ret->aggregates.n_tags = job->ask->samples.n_tags;
        ret->aggregates.n_intervals = job_intervals(job);
        ret->aggregates.asked_us = job->asked_us;
    } else {
        ret->raw.last = true;
        ret->raw.asked_us = job->asked_us;
    }
}
