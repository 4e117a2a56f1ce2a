/* One question to history, away from connections and loop: what to ask PostgreSQL next, and what to make of
 * the answer. Samples that are not packed yet come first (RAM, then sample_hot), then each tag's chunks and
 * loose samples, window by window in order of time: a sample that is packed meanwhile is seen twice, never
 * not at all, and of one moment the newer tier counts. Memory grows with the answer and with what waits for
 * the packer, not with the span.
 *
 * A job has one owner at a time: job_send belongs to the loop, job_take to a thread that may take its time.
 */
#ifndef PENSTOCK_STORE_READER_JOB_H
#define PENSTOCK_STORE_READER_JOB_H

#include "server/core/request.h"
#include "server/history/aggregate.h"
#include "server/history/gather.h"
#include "server/history/trend.h"
#include "server/store/hot.h"
#include "server/store/rollup_reader.h"

enum job_step {
    JOB_HOT,     /* to be asked for: what is not packed yet */
    JOB_ROLLUPS, /* … of the present tag what is rolled up already */
    JOB_EDGES,   /* … what lies around a part of its span */
    JOB_WINDOW,  /* … the next samples of that part */
    JOB_PIECE,   /* samples are to be handed out, then the next step is one of those above, or JOB_DONE */
    JOB_DONE,
    JOB_FAILED,
};

struct reader_job {
    struct request *ask; /* owned by who owns the job */
    int64_t asked_us;
    enum job_step step;
    struct error error; /* of JOB_FAILED */
    struct gather late;
    struct buf ram;  /* chunks of what is in RAM, each behind its size */
    int64_t last_id; /* of sample_hot */
    uint32_t tag;    /* the present one, its place in ask */
    /* Of the present tag: the part of its span that is read from samples. All of it, but for aggregates,
     * which take rollups where these are true. */
    int64_t from_us;
    int64_t to_us;
    int64_t at_us; /* all before is done */
    bool few;      /* perhaps no more samples than points: each is looked at */
    struct chunk_sample before;
    struct chunk_sample after;
    struct chunk_sample usable; /* the newest before from_us that has a usable value; of aggregates alone */
    int usable_tier;
    int before_tier; /* 0: there is none; else the higher one counts */
    int after_tier;
    /* Answers. */
    struct tag_samples *trends; /* one for each tag; their points are owned, too */
    struct trend trend;
    struct sample_point *pixels;
    struct sample_point *raws;
    uint32_t n_raws; /* points + 1: there are more */
    struct aggregate *aggregates;
    struct aggregator aggregator;
    struct rollup_grid grid;       /* of the present tag's aggregates, as far as they are done */
    struct rollup_reader *rollups; /* NULL: no rollup fits the intervals */
    enum rollup_level level;
    int64_t rolled_us;        /* rollups were asked for up to here */
    struct aggregate *rolled; /* of the last answer, in order of time */
    uint32_t n_rolled;
    uint32_t cap_rolled;
    uint32_t at_rolled; /* so many were used */
    int64_t *fresh;     /* days of the tag with samples that are not rolled up */
    size_t n_fresh;
    size_t n_fresh_late;    /* the first of them, of samples that are not packed */
    struct raw_sample *raw; /* of the present window */
    uint32_t n_raw;
    uint32_t cap_raw;
    uint32_t handed; /* so many of them are handed out */
    struct chunk_work work;
    struct chunk_sample chunk[CHUNK_SAMPLES_MAX];
};

/* ERR_INVALID if the question makes no sense. */
MUSTCHECK enum status job_check(const struct request *r, struct error *err);
/* Takes the request on success; NULL: no memory. */
struct reader_job *job_new(struct request *ask, int64_t asked_us);
void job_free(struct reader_job **job);
/* Samples in RAM, in order of arrival; before the first job_send. They are copied, and unpacked by job_take.
 */
void job_take_late(struct reader_job *job, const struct hot_row *row);
/* Sends what JOB_HOT, JOB_ROLLUPS, JOB_EDGES or JOB_WINDOW asks for. */
void job_send(const struct reader_job *job, struct pg *pg, pg_on_done on_done, void *ctx);
/* Takes the answer, sets the next step. The results must stay until the next one is taken: texts are in them.
 */
void job_take(struct reader_job *job, PGresult *const *results);
/* The next piece of JOB_PIECE, at most RAW_PIECE_MAX samples; lent until the next call. Sets the next step
 * when there is nothing more in RAM. */
void job_piece(struct reader_job *job, struct reply *ret);
/* The answer at JOB_DONE; lent. */
void job_reply(const struct reader_job *job, struct reply *ret);

#endif
