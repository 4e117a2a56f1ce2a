/* The no-loss ledger (migrations/0007_ledger.sql): the statements of REQ_LEDGER and their answers. */
#ifndef PENSTOCK_STORE_LEDGER_SQL_H
#define PENSTOCK_STORE_LEDGER_SQL_H

#include "server/core/request.h"
#include "server/store/pg.h"

/* ERR_INVALID if the span of days is none, or too long. */
MUSTCHECK enum status ledger_check(const struct request *r, struct error *err);
void ledger_send(struct pg *pg, struct pg_args *args, const struct request *r);
/* How much memory ledger_reply needs. */
size_t ledger_reply_size(const struct pg_answer *answer);
/* memory: zeroed, of that size. */
void ledger_reply(const struct pg_answer *answer, void *memory, struct reply *ret);

#endif
