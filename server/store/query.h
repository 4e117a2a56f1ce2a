/* Requests that only read, on connections of their own: a short one for who somebody is (it must never wait
 * behind a year's trend), one for reports over the alarm journal, a long one for the rest. Answered always;
 * while the database is away, ERR_UNAVAILABLE at once; what is asked while the first connection is made waits
 * for it. */
#ifndef PENSTOCK_STORE_QUERY_H
#define PENSTOCK_STORE_QUERY_H

#include "server/store/pg.h"
#include "server/store/store.h"

enum {
    QUERY_WAITING_MAX = 1000,   /* of one connection; more are answered ERR_FULL */
    QUERY_STATEMENT_MS = 10000, /* limit of one statement */
    QUERY_REPORT_MS = 40000,    /* … of a report; below PG_ANSWER_MS */
};

struct query;

MUSTCHECK enum status query_new(const struct store_config *cfg, const struct store_host *host,
                                struct query **ret, struct error *err);
void query_start(struct query *q);
void query_request(struct query *q, uint64_t token, const struct request *r);
void query_turn_end(struct query *q);
void query_close(struct query *q, void (*on_closed)(void *ctx), void *ctx);
void query_free(struct query **query);

#endif
