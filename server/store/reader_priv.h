/* What the files of a reader's job share: reader_job.c (the question, what it asks for and is answered with),
 * reader_part.c (what becomes of the samples of a tag), reader_take.c (PostgreSQL's answers). */
#ifndef PENSTOCK_STORE_READER_PRIV_H
#define PENSTOCK_STORE_READER_PRIV_H

#include "server/store/reader_job.h"

/* Where a sample is from. */
enum { TIER_NONE, TIER_ROW, TIER_CHUNK, TIER_LATE };

static inline int64_t job_tag(const struct reader_job *job) {
    return job->ask->samples.tags[job->tag];
}

static inline uint32_t job_intervals(const struct reader_job *job) {
    return job->ask->samples.n_edges - 1;
}

static inline int64_t job_within(int64_t t_us, int64_t low_us, int64_t high_us) {
    return t_us < low_us ? low_us : t_us > high_us ? high_us : t_us;
}

void job_fail(struct reader_job *job, enum status status, const char *text);
/* The present tag, from its beginning on. */
void job_begin_tag(struct reader_job *job);
/* Of aggregates: rollups where there are true ones, samples between them. Sets the next step. */
void job_next_part(struct reader_job *job);
/* The next sample of the part. */
void job_give(struct reader_job *job, const struct chunk_sample *s);
/* A sample to the aggregates alone: also those around the part. */
void job_feed(struct reader_job *job, const struct chunk_sample *s);
/* All samples of the part were given: sets the next step. */
void job_end_part(struct reader_job *job);

#endif
