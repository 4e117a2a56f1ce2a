/* A trend: raw samples, or buckets of equal width with first, min, max and last, so that a chart of any span
 * shows every extreme. Bad samples count, but their values do not. */
#ifndef PENSTOCK_STORE_SAMPLES_SQL_H
#define PENSTOCK_STORE_SAMPLES_SQL_H

#include "server/core/request.h"
#include "server/store/pg.h"

MUSTCHECK enum status samples_check(const struct request *r, struct error *err);
void samples_send(struct pg *pg, struct pg_args *args, const struct request *r);
/* points has room for the rows of the answer's first result. */
void samples_reply(const struct pg_answer *answer, struct sample_point *points, struct reply *ret);

#endif
