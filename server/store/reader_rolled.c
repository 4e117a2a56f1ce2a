#include "server/store/reader_rolled.h"

#include <stdlib.h>
#include <string.h>

/* Intervals of one answer: days of hours, quarters or minutes. */
enum { INTERVALS = 2400 };

/* Days from $2 up to $3 with loose samples, the nearest one before, and the nearest one after: by
 * sample_row_pk, one look for each day however many samples it has. */
#define DAY_OF "s.t_us - s.t_us % 86400000000"
static const char row_days_sql[] =
    "(select " DAY_OF " from sample_row s where s.tag_key = $1 and s.t_us < $2 order by s.t_us desc limit 1)"
    " union all"
    " select d from generate_series($2::bigint, $3::bigint - 1, 86400000000) d"
    "  where exists (select from sample_row s where s.tag_key = $1 and s.t_us >= d and s.t_us < d + "
    "86400000000)"
    " union all"
    " (select " DAY_OF " from sample_row s where s.tag_key = $1 and s.t_us >= $3 order by s.t_us limit 1)";

bool rolled_init(struct reader_job *job) {
    struct error err;
    const struct request *r = job->ask;
    if (!rollup_level_for(r->samples.edges, r->samples.n_edges - 1, &job->level)) {
        return true;
    }
    return rollup_reader_new(&job->rollups, &err) == OK;
}

void rolled_done(struct reader_job *job) {
    rollup_reader_free(&job->rollups);
    free(job->rolled);
    free(job->fresh);
}

static int64_t tag_key(const struct reader_job *job) {
    return job->ask->samples.tags[job->tag];
}

static bool add_fresh(struct reader_job *job, int64_t t_us) {
    int64_t day_us = rollup_day_us(t_us);
    if (job->n_fresh > 0 && job->fresh[job->n_fresh - 1] == day_us) {
        return true;
    }
    int64_t *v = realloc(job->fresh, (job->n_fresh + 1) * sizeof *v);
    if (v == NULL) {
        return false;
    }
    v[job->n_fresh++] = day_us;
    job->fresh = v;
    return true;
}

bool rolled_begin(struct reader_job *job) {
    uint32_t n = 0;
    const struct gathered *late = gather_of(&job->late, tag_key(job), &n);
    const struct chunk_sample *before = gather_before(&job->late, tag_key(job));
    const struct chunk_sample *after = gather_after(&job->late, tag_key(job));
    job->rolled_us = job->ask->samples.from_us;
    job->n_rolled = job->at_rolled = 0;
    job->n_fresh = 0;
    bool room = before == NULL || add_fresh(job, before->t_us);
    for (uint32_t i = 0; i < n && room; i++) {
        room = add_fresh(job, late[i].s.t_us);
    }
    room = room && (after == NULL || add_fresh(job, after->t_us));
    job->n_fresh_late = job->n_fresh;
    return room;
}

/* The next days. */
static struct rollup_question question(const struct reader_job *job) {
    int64_t days = INTERVALS / (ROLLUP_DAY_US / rollup_width_us(job->level));
    int64_t end_us = rollup_day_us(job->rolled_us) + (days > 0 ? days : 1) * ROLLUP_DAY_US;
    int64_t to_us = job->ask->samples.to_us;
    return (struct rollup_question){.tag_key = tag_key(job),
                                    .rule = job->ask->samples.rules[job->tag],
                                    .level = job->level,
                                    .from_us = job->rolled_us,
                                    .to_us = end_us < to_us ? end_us : to_us,
                                    .complete_us = job->ask->samples.complete_us[job->tag],
                                    .fresh_days = job->fresh,
                                    .n_fresh = job->n_fresh};
}

void rolled_send(const struct reader_job *job, struct pg *pg, struct pg_args *args) {
    const struct rollup_question q = question(job);
    rollup_reader_send(pg, args, &q);
    pg_args_clear(args);
    pg_arg_i64(args, q.tag_key);
    pg_arg_i64(args, rollup_day_us(q.from_us));
    pg_arg_i64(args, q.to_us);
    pg_send(pg, row_days_sql, args);
}

static enum status on_day(void *ctx, const struct aggregate *v, uint32_t n) {
    struct reader_job *job = ctx;
    if (job->n_rolled + n > job->cap_rolled) {
        uint32_t cap = job->cap_rolled + n + INTERVALS;
        struct aggregate *more = realloc(job->rolled, cap * sizeof *more);
        if (more == NULL) {
            return ERR_NOMEM;
        }
        job->rolled = more;
        job->cap_rolled = cap;
    }
    memcpy(job->rolled + job->n_rolled, v, n * sizeof *v);
    job->n_rolled += n;
    return OK;
}

enum status rolled_take(struct reader_job *job, PGresult *const *results, struct error *err) {
    bool room = true;
    job->n_fresh = job->n_fresh_late; /* of loose samples, those of these days alone */
    for (int row = 0; row < PQntuples(results[2]) && room; row++) {
        room = add_fresh(job, pg_get_i64(results[2], row, 0));
    }
    const struct rollup_question q = question(job);
    job->n_rolled = job->at_rolled = 0;
    enum status status =
        room ? rollup_reader_take(job->rollups, &q, results[0], results[1], on_day, job, err) : ERR_NOMEM;
    job->rolled_us = q.to_us;
    return status == OK ? OK : error_set(err, ERR_NOMEM, "history", "no memory for rollups");
}

enum rolled rolled_next(struct reader_job *job, int64_t *ret_until_us) {
    int64_t to_us = job->ask->samples.to_us;
    if (rollup_grid_add_day(&job->grid, job->rolled, job->n_rolled, &job->at_rolled, ret_until_us)) {
        return ROLLED_GAP;
    }
    if (job->rolled_us < to_us && job->rollups != NULL) {
        return ROLLED_MORE;
    }
    *ret_until_us = to_us;
    return job->grid.at_us < to_us ? ROLLED_GAP : ROLLED_DONE;
}
