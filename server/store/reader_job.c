#include "server/store/reader_job.h"

#include "server/base/check.h"
#include "server/core/quality.h"
#include "server/store/reader_sql.h"

#include <math.h>
#include <stdlib.h>

enum { TIER_NONE, TIER_ROW, TIER_CHUNK, TIER_LATE };

/* Behind every number of sample_hot. */
#define ORDER_OF_RAM (INT64_MAX / 2)

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

static int64_t within(int64_t t_us, int64_t low_us, int64_t high_us) {
    return t_us < low_us ? low_us : t_us > high_us ? high_us : t_us;
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
        return job->aggregates != NULL;
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
    ask->samples.from_us = within(ask->samples.from_us, 0, READER_SQL_LATEST_US - 1);
    ask->samples.to_us = within(ask->samples.to_us, ask->samples.from_us + 1, READER_SQL_LATEST_US);
    job->asked_us = asked_us;
    buf_init(&job->ram, RAM_BYTES_MAX);
    gather_init(&job->late, ask->samples.tags, ask->samples.n_tags, ask->samples.from_us, ask->samples.to_us);
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
    free(j->raw);
    gather_done(&j->late);
    buf_done(&j->ram);
    free(j->ask);
    free(j);
    *job = NULL;
}

static void fail(struct reader_job *job, enum status status, const char *text) {
    job->step = JOB_FAILED;
    (void)error_set(&job->error, status, "history", "%s", text);
}

static void gather(struct reader_job *job, const struct chunk_sample *s, int64_t order) {
    enum status status = gather_add(&job->late, s, order);
    if (status == ERR_FULL) {
        fail(job, ERR_FULL,
             "too many samples of this time wait to be packed; ask for a shorter time, or later");
    } else if (status != OK) {
        fail(job, status, "no memory for the samples that wait to be packed");
    }
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

static int64_t present_tag(const struct reader_job *job) {
    return job->ask->samples.tags[job->tag];
}

/* --- sending ------------------------------------------------------------------------------------------- */

static void send_window(const struct reader_job *job, struct pg *pg, struct pg_args *args) {
    uint32_t n_late = 0;
    const struct gathered *late = gather_of(&job->late, present_tag(job), &n_late);
    bool trend = job->ask->kind == REQ_SAMPLES;
    const struct reader_window w = {.tag_key = present_tag(job),
                                    .from_us = job->at_us,
                                    .to_us = job->ask->samples.to_us,
                                    .chunks_max = trend && !job->few ? READER_SQL_HEADS : READER_SQL_CHUNKS,
                                    .all = !trend || job->few,
                                    .pixels_from_us = job->ask->samples.from_us,
                                    .width_us = trend ? job->trend.width_us : 1,
                                    .late_from_us = n_late > 0 ? late[0].s.t_us : INT64_MAX,
                                    .late_to_us = n_late > 0 ? late[n_late - 1].s.t_us : INT64_MIN};
    reader_sql_window(pg, args, &w);
}

static void send_edges(const struct reader_job *job, struct pg *pg, struct pg_args *args) {
    int64_t from_us = job->ask->samples.from_us;
    int64_t to_us = job->ask->samples.to_us;
    reader_sql_before(pg, args, present_tag(job), from_us);
    if (job->ask->kind == REQ_SAMPLES) {
        reader_sql_count(pg, args, present_tag(job), from_us, to_us);
    } else {
        reader_sql_after(pg, args, present_tag(job), to_us);
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
    } else if (job->step == JOB_EDGES) {
        send_edges(job, pg, &args);
    } else {
        CHECK(job->step == JOB_WINDOW);
        send_window(job, pg, &args);
    }
    pg_end(pg);
    pg_args_done(&args);
}

/* --- one tag ------------------------------------------------------------------------------------------- */

static struct aggregate_sample for_aggregate(const struct chunk_sample *s) {
    return (struct aggregate_sample){
        .t_us = s->t_us, .value = s->kind == CHUNK_NUMBER ? s->number : (double)NAN, .quality = s->quality};
}

static uint32_t intervals(const struct reader_job *job) {
    return job->ask->samples.n_edges - 1;
}

/* The present interval is done; the next one begins. */
static void keep_interval(struct reader_job *job) {
    job->aggregates[(size_t)job->tag * intervals(job) + job->interval] = job->aggregator.sum;
    job->interval++;
    if (job->interval < intervals(job)) {
        aggregate_next(&job->aggregator, job->ask->samples.edges[job->interval + 1]);
    }
}

static void feed(struct reader_job *job, const struct chunk_sample *s) {
    const struct aggregate_sample a = for_aggregate(s);
    while (job->interval < intervals(job)) {
        aggregate_add(&job->aggregator, &a);
        if (!job->aggregator.closed) {
            return;
        }
        keep_interval(job);
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
            fail(job, ERR_NOMEM, "no memory for samples");
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
static void give(struct reader_job *job, const struct chunk_sample *s) {
    if (job->ask->kind == REQ_AGGREGATES) {
        feed(job, s);
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

static void begin_tag(struct reader_job *job) {
    const struct request *r = job->ask;
    job->at_us = r->samples.from_us;
    job->before_tier = job->after_tier = TIER_NONE;
    job->n_raws = 0;
    job->interval = 0;
    job->step = JOB_EDGES;
    if (r->kind == REQ_SAMPLES) {
        trend_begin(&job->trend, r->samples.from_us, r->samples.to_us, r->samples.points, job->pixels);
    } else if (r->kind == REQ_AGGREGATES) {
        aggregate_begin(&job->aggregator, &r->samples.rules[job->tag], r->samples.from_us,
                        r->samples.edges[1]);
    } else {
        job->step = JOB_WINDOW;
    }
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
        fail(job, ERR_NOMEM, "no memory for the points");
        return;
    }
    if (t->n > 0) {
        memcpy(v, from, t->n * sizeof *v);
    }
    t->v = v;
}

static void end_aggregates(struct reader_job *job) {
    if (job->after_tier != TIER_NONE) {
        feed(job, &job->after);
    }
    while (job->interval < intervals(job)) {
        aggregate_end(&job->aggregator, job->ask->samples.complete_us[job->tag]);
        keep_interval(job);
    }
}

static void end_tag(struct reader_job *job) {
    if (job->ask->kind == REQ_SAMPLES) {
        end_trend(job);
    } else if (job->ask->kind == REQ_AGGREGATES) {
        end_aggregates(job);
    }
    if (job->step == JOB_FAILED) {
        return;
    }
    job->tag++;
    if (job->tag < job->ask->samples.n_tags) {
        begin_tag(job);
    } else {
        job->step = JOB_DONE;
    }
}

/* --- answers ------------------------------------------------------------------------------------------- */

static bool unpack(struct reader_job *job, struct slice bytes, uint32_t *ret_n) {
    struct error err;
    if (chunk_read(bytes, &job->work, job->chunk, ret_n, &err) != OK) {
        job->step = JOB_FAILED;
        (void)error_set(&job->error, ERR_INTERNAL, "history",
                        "a chunk of the database cannot be read: %s: %s", err.where, err.text);
        return false;
    }
    return true;
}

/* Of several tags; the samples of one moment count in their order. */
static void gather_mixed(struct reader_job *job, struct slice bytes, int64_t order) {
    uint32_t n = 0;
    if (!unpack(job, bytes, &n)) {
        return;
    }
    for (uint32_t i = 0; i < n && job->step != JOB_FAILED; i++) {
        gather(job, &job->chunk[i], order + i);
    }
}

static void take_ram(struct reader_job *job) {
    int64_t order = ORDER_OF_RAM;
    uint32_t size = 0;
    if (job->ram.failed) {
        fail(job, ERR_FULL, "too much waits for the database; try again later");
    }
    for (size_t at = 0; at < job->ram.n && job->step != JOB_FAILED; at += size) {
        memcpy(&size, job->ram.p + at, sizeof size);
        at += sizeof size;
        gather_mixed(job, slice_of((const char *)job->ram.p + at, size), order);
        order += CHUNK_SAMPLES_MAX;
    }
    buf_done(&job->ram);
    buf_init(&job->ram, 0);
}

static void take_hot(struct reader_job *job, const PGresult *r) {
    int rows = PQntuples(r);
    for (int row = 0; row < rows && job->step != JOB_FAILED; row++) {
        job->last_id = pg_get_i64(r, row, 0);
        gather_mixed(job, pg_get_slice(r, row, 1), job->last_id * CHUNK_SAMPLES_MAX + 1);
    }
    if (rows < READER_SQL_HOT && job->step != JOB_FAILED) {
        take_ram(job);
    }
    if (rows < READER_SQL_HOT && job->step != JOB_FAILED) {
        gather_sort(&job->late);
        begin_tag(job);
    }
}

static void offer_before(struct reader_job *job, const struct chunk_sample *s, int tier) {
    bool nearer = job->before_tier == TIER_NONE || s->t_us > job->before.t_us ||
                  (s->t_us == job->before.t_us && tier > job->before_tier);
    if (nearer && s->t_us < job->ask->samples.from_us) {
        job->before = *s;
        job->before_tier = tier;
    }
}

static void offer_after(struct reader_job *job, const struct chunk_sample *s, int tier) {
    bool nearer = job->after_tier == TIER_NONE || s->t_us < job->after.t_us ||
                  (s->t_us == job->after.t_us && tier > job->after_tier);
    if (nearer && s->t_us >= job->ask->samples.to_us) {
        job->after = *s;
        job->after_tier = tier;
    }
}

typedef void (*offer)(struct reader_job *job, const struct chunk_sample *s, int tier);

/* A chunk and a loose sample, each if there is one. */
static void take_edge(struct reader_job *job, const PGresult *chunk, const PGresult *row, offer give_to) {
    uint32_t n = 0;
    if (PQntuples(chunk) > 0 && !pg_is_null(chunk, 0, 0)) {
        if (!unpack(job, pg_get_slice(chunk, 0, 0), &n)) {
            return;
        }
        for (uint32_t i = 0; i < n; i++) {
            give_to(job, &job->chunk[i], TIER_CHUNK);
        }
    }
    if (PQntuples(row) > 0) {
        const struct chunk_sample s = reader_sql_row(row, 0);
        give_to(job, &s, TIER_ROW);
    }
}

static void take_edges(struct reader_job *job, PGresult *const *results) {
    const struct chunk_sample *late_before = gather_before(&job->late, present_tag(job));
    const struct chunk_sample *late_after = gather_after(&job->late, present_tag(job));
    take_edge(job, results[0], results[1], offer_before);
    if (late_before != NULL) {
        offer_before(job, late_before, TIER_LATE);
    }
    if (job->ask->kind == REQ_SAMPLES) {
        job->few = pg_get_i64(results[2], 0, 0) <= job->ask->samples.points;
    } else if (job->step != JOB_FAILED) {
        take_edge(job, results[2], results[3], offer_after);
        if (late_after != NULL) {
            offer_after(job, late_after, TIER_LATE);
        }
        if (job->before_tier != TIER_NONE) {
            feed(job, &job->before);
        }
    }
    if (job->step != JOB_FAILED) {
        job->step = JOB_WINDOW;
    }
}

/* What comes beside the chunks of a window: each list in order of time. */
struct beside {
    const PGresult *rows;
    int row;
    const struct gathered *late;
    uint32_t n_late;
    uint32_t at;
};

/* The next of both before until_us; false: none. */
static bool next_beside(struct beside *b, int64_t until_us, struct chunk_sample *ret) {
    bool has_row = b->row < PQntuples(b->rows) && pg_get_i64(b->rows, b->row, 0) < until_us;
    bool has_late = b->at < b->n_late && b->late[b->at].s.t_us < until_us;
    if (!has_row && !has_late) {
        return false;
    }
    int64_t row_us = has_row ? pg_get_i64(b->rows, b->row, 0) : INT64_MAX;
    if (has_late && b->late[b->at].s.t_us <= row_us) {
        b->row += b->late[b->at].s.t_us == row_us;
        *ret = b->late[b->at++].s;
    } else {
        *ret = reader_sql_row(b->rows, b->row++);
    }
    return true;
}

static void give_beside(struct reader_job *job, struct beside *b, int64_t until_us) {
    struct chunk_sample s;
    while (job->step != JOB_FAILED && next_beside(b, until_us, &s)) {
        give(job, &s);
    }
}

/* Of a chunk's sample and others of its moment one is given. */
static void give_packed(struct reader_job *job, struct beside *b, const struct chunk_sample *s) {
    bool row = b->row < PQntuples(b->rows) && pg_get_i64(b->rows, b->row, 0) == s->t_us;
    bool late = b->at < b->n_late && b->late[b->at].s.t_us == s->t_us;
    b->row += row;
    give(job, late ? &b->late[b->at].s : s);
    b->at += late;
}

static void take_chunk(struct reader_job *job, struct beside *b, const struct pack_chunk *c, int64_t end_us) {
    uint32_t n = 0;
    if (c->bytes.p == NULL) {
        give_beside(job, b, c->head.from_us);
        if (!trend_add_chunk(&job->trend, c)) {
            fail(job, ERR_INTERNAL, "a chunk came without its samples");
        }
        return;
    }
    if (!unpack(job, c->bytes, &n)) {
        return;
    }
    for (uint32_t i = 0; i < n && job->step != JOB_FAILED; i++) {
        const struct chunk_sample *s = &job->chunk[i];
        if (s->t_us >= end_us) {
            offer_after(job, s, TIER_CHUNK);
        } else if (s->t_us >= job->at_us) {
            give_beside(job, b, s->t_us);
            give_packed(job, b, s);
        }
    }
}

/* Where the window ends: full answers end it early. The last one of a full answer is left to the next
 * window. */
static int64_t window_end(const struct reader_job *job, const PGresult *chunks, const PGresult *rows) {
    int64_t end_us = job->ask->samples.to_us;
    int n = PQntuples(chunks);
    int most = job->ask->kind == REQ_SAMPLES && !job->few ? READER_SQL_HEADS : READER_SQL_CHUNKS;
    if (n == most) {
        end_us = within(pg_get_i64(chunks, n - 1, 0), INT64_MIN, end_us);
    }
    n = PQntuples(rows);
    return n == READER_SQL_ROWS ? within(pg_get_i64(rows, n - 1, 0), INT64_MIN, end_us) : end_us;
}

static void take_window(struct reader_job *job, const PGresult *chunks, const PGresult *rows) {
    struct beside b = {.rows = rows};
    int64_t end_us = window_end(job, chunks, rows);
    b.late = gather_of(&job->late, present_tag(job), &b.n_late);
    while (b.at < b.n_late && b.late[b.at].s.t_us < job->at_us) {
        b.at++;
    }
    job->n_raw = job->handed = 0;
    for (int row = 0; row < PQntuples(chunks) && job->step != JOB_FAILED; row++) {
        const struct pack_chunk c = reader_sql_chunk(chunks, row);
        if (c.head.from_us < end_us) {
            take_chunk(job, &b, &c, end_us);
        }
    }
    give_beside(job, &b, end_us);
    job->at_us = end_us;
    if (job->step == JOB_FAILED) {
        return;
    }
    if (job->n_raw > 0) {
        job->step = JOB_PIECE;
    } else if (end_us >= job->ask->samples.to_us) {
        end_tag(job);
    }
}

void job_take(struct reader_job *job, PGresult *const *results) {
    if (job->step == JOB_HOT) {
        take_hot(job, results[0]);
    } else if (job->step == JOB_EDGES) {
        take_edges(job, results);
    } else {
        CHECK(job->step == JOB_WINDOW);
        take_window(job, results[0], results[1]);
    }
}

/* --- replies ------------------------------------------------------------------------------------------- */

void job_piece(struct reader_job *job, struct reply *ret) {
    CHECK(job->step == JOB_PIECE);
    uint32_t left = job->n_raw - job->handed;
    uint32_t n = left < RAW_PIECE_MAX ? left : RAW_PIECE_MAX;
    ret->raw.tag_key = present_tag(job);
    ret->raw.v = job->raw + job->handed;
    ret->raw.n = n;
    ret->raw.asked_us = job->asked_us;
    job->handed += n;
    if (job->handed < job->n_raw) {
        return;
    }
    job->step = JOB_WINDOW;
    if (job->at_us >= job->ask->samples.to_us) {
        end_tag(job);
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
        ret->aggregates.n_intervals = intervals(job);
        ret->aggregates.asked_us = job->asked_us;
    } else {
        ret->raw.last = true;
        ret->raw.asked_us = job->asked_us;
    }
}
