#include "server/base/check.h"
#include "server/core/quality.h"
#include "server/history/bundle.h"
#include "server/store/reader_priv.h"
#include "server/store/reader_rolled.h"
#include "server/store/reader_sql.h"

#include <math.h>

/* Behind every number of sample_hot. */
#define ORDER_OF_RAM (INT64_MAX / 2)

/* --- answers ------------------------------------------------------------------------------------------- */

static void gather(struct reader_job *job, const struct chunk_sample *s, int64_t order) {
    enum status status = gather_add(&job->late, s, order);
    if (status == ERR_FULL) {
        job_fail(job, ERR_FULL,
                 "too many samples of this time wait to be packed; ask for a shorter time, or later");
    } else if (status != OK) {
        job_fail(job, status, "no memory for the samples that wait to be packed");
    }
}

static bool unpack(struct reader_job *job, struct slice bytes, uint32_t *ret_n) {
    struct error err;
    if (bundle_read(bytes, &job->work, job->chunk, ret_n, &err) != OK) {
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
        job_fail(job, ERR_FULL, "too much waits for the database; try again later");
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
        job_begin_tag(job);
    }
}

static void offer_before(struct reader_job *job, const struct chunk_sample *s, int tier) {
    bool nearer = job->before_tier == TIER_NONE || s->t_us > job->before.t_us ||
                  (s->t_us == job->before.t_us && tier > job->before_tier);
    if (nearer && s->t_us < job->from_us) {
        job->before = *s;
        job->before_tier = tier;
    }
}

static void offer_after(struct reader_job *job, const struct chunk_sample *s, int tier) {
    bool nearer = job->after_tier == TIER_NONE || s->t_us < job->after.t_us ||
                  (s->t_us == job->after.t_us && tier > job->after_tier);
    if (nearer && s->t_us >= job->to_us) {
        job->after = *s;
        job->after_tier = tier;
    }
}

/* Did a sample that is not packed yet take its place? */
static bool is_late(const struct reader_job *job, int64_t t_us) {
    uint32_t n = 0;
    const struct gathered *late = gather_of(&job->late, job_tag(job), &n);
    uint32_t low = 0;
    uint32_t high = n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (late[middle].s.t_us < t_us) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < n && late[low].s.t_us == t_us;
}

static void offer_usable(struct reader_job *job, const struct chunk_sample *s, int tier) {
    bool good_enough = job->ask->samples.rules[job->tag].uncertain_is_bad ? quality_is_good(s->quality)
                                                                          : !quality_is_bad(s->quality);
    bool usable = s->kind == CHUNK_NUMBER && !isnan(s->number) && good_enough;
    bool nearer = job->usable_tier == TIER_NONE || s->t_us > job->usable.t_us ||
                  (s->t_us == job->usable.t_us && tier > job->usable_tier);
    if (usable && nearer && s->t_us < job->from_us && (tier == TIER_LATE || !is_late(job, s->t_us))) {
        job->usable = *s;
        job->usable_tier = tier;
    }
}

/* What was before the part, of aggregates: its newest sample, and the newest one with a usable value. Whether
 * a loose one counts is not known here: a chunk may have another of the same moment. */
static void offer_past(struct reader_job *job, const struct chunk_sample *s, int tier) {
    offer_before(job, s, tier);
    if (tier != TIER_ROW) {
        offer_usable(job, s, tier);
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

/* The newest sample that is not packed yet before the part, and the first one behind it. */
static void late_edges(const struct reader_job *job, const struct chunk_sample **ret_before,
                       const struct chunk_sample **ret_after) {
    uint32_t n = 0;
    const struct gathered *late = gather_of(&job->late, job_tag(job), &n);
    *ret_before = gather_before(&job->late, job_tag(job));
    *ret_after = gather_after(&job->late, job_tag(job));
    for (uint32_t i = 0; i < n && late[i].s.t_us < job->from_us; i++) {
        *ret_before = &late[i].s;
    }
    for (uint32_t i = n; i > 0 && late[i - 1].s.t_us >= job->to_us; i--) {
        *ret_after = &late[i - 1].s;
    }
}

/* Before the first sample of the part. */
static void feed_past(struct reader_job *job) {
    uint32_t n = 0;
    const struct gathered *late = gather_of(&job->late, job_tag(job), &n);
    for (uint32_t i = 0; i < n && late[i].s.t_us < job->from_us; i++) {
        offer_usable(job, &late[i].s, TIER_LATE);
    }
    if (job->usable_tier != TIER_NONE && job->usable.t_us < job->before.t_us) {
        job_feed(job, &job->usable);
    }
    if (job->before_tier != TIER_NONE) {
        job_feed(job, &job->before);
    }
}

static void take_edges(struct reader_job *job, PGresult *const *results) {
    const struct chunk_sample *late_before = NULL;
    const struct chunk_sample *late_after = NULL;
    late_edges(job, &late_before, &late_after);
    bool trend = job->ask->kind == REQ_SAMPLES;
    take_edge(job, results[0], results[1], trend ? offer_before : offer_past);
    if (late_before != NULL) {
        offer_before(job, late_before, TIER_LATE);
    }
    if (trend) {
        job->few = pg_get_i64(results[2], 0, 0) <= job->ask->samples.points;
    } else if (job->step != JOB_FAILED) {
        take_edge(job, results[2], results[3], offer_after);
        take_edge(job, results[4], results[5], offer_usable);
        if (late_after != NULL) {
            offer_after(job, late_after, TIER_LATE);
        }
        feed_past(job);
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
        job_give(job, &s);
    }
}

/* Of a chunk's sample and others of its moment one is given. */
static void give_packed(struct reader_job *job, struct beside *b, const struct chunk_sample *s) {
    bool row = b->row < PQntuples(b->rows) && pg_get_i64(b->rows, b->row, 0) == s->t_us;
    bool late = b->at < b->n_late && b->late[b->at].s.t_us == s->t_us;
    b->row += row;
    job_give(job, late ? &b->late[b->at].s : s);
    b->at += late;
}

static void take_chunk(struct reader_job *job, struct beside *b, const struct pack_chunk *c, int64_t end_us) {
    uint32_t n = 0;
    if (c->bytes.p == NULL) {
        give_beside(job, b, c->head.from_us);
        if (!trend_add_chunk(&job->trend, c)) {
            job_fail(job, ERR_INTERNAL, "a chunk came without its samples");
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
    int64_t end_us = job->to_us;
    int n = PQntuples(chunks);
    int most = job->ask->kind == REQ_SAMPLES && !job->few ? READER_SQL_HEADS : READER_SQL_CHUNKS;
    if (n == most) {
        end_us = job_within(pg_get_i64(chunks, n - 1, 0), INT64_MIN, end_us);
    }
    n = PQntuples(rows);
    return n == READER_SQL_ROWS ? job_within(pg_get_i64(rows, n - 1, 0), INT64_MIN, end_us) : end_us;
}

static void take_window(struct reader_job *job, const PGresult *chunks, const PGresult *rows) {
    struct beside b = {.rows = rows};
    int64_t end_us = window_end(job, chunks, rows);
    b.late = gather_of(&job->late, job_tag(job), &b.n_late);
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
    } else if (end_us >= job->to_us) {
        job_end_part(job);
    }
}

void job_take(struct reader_job *job, PGresult *const *results) {
    if (job->step == JOB_HOT) {
        take_hot(job, results[0]);
    } else if (job->step == JOB_ROLLUPS) {
        if (rolled_take(job, results, &job->error) == OK) {
            job_next_part(job);
        } else {
            job->step = JOB_FAILED;
        }
    } else if (job->step == JOB_EDGES) {
        take_edges(job, results);
    } else {
        CHECK(job->step == JOB_WINDOW);
        take_window(job, results[0], results[1]);
    }
}
