/* The statements of what is asked of the alarm journal (history, states at a moment, newest activations), and
 * their answers. */
#ifndef PENSTOCK_STORE_ALARM_SQL_H
#define PENSTOCK_STORE_ALARM_SQL_H

#include "server/core/request.h"
#include "server/store/pg.h"

enum { ALARM_SQL_ARGS_BYTES = 65536 /* most: the list of sites */ };

/* REQ_ALARM_HISTORY, REQ_ALARM_STATE_AT or REQ_ALARM_LAST_RAISED. */
bool alarm_sql_knows(enum request_kind kind);
/* ERR_INVALID if the request makes no sense. */
MUSTCHECK enum status alarm_sql_check(const struct request *r, struct error *err);
void alarm_sql_send(struct pg *pg, struct pg_args *args, const struct request *r);
/* Of one row of the reply. */
size_t alarm_sql_row_size(enum request_kind kind);
/* rows: zeroed, one for each row of the result. */
void alarm_sql_reply(const PGresult *result, void *rows, struct reply *ret);

#endif
