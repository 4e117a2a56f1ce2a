/* The figures of the alarm system over a period, computed by PostgreSQL (migrations/0005_alarm_kpi.sql): the
 * statements, their answers, and what each figure means in a sentence. */
#ifndef PENSTOCK_STORE_FIGURES_SQL_H
#define PENSTOCK_STORE_FIGURES_SQL_H

#include "server/core/request.h"
#include "server/store/pg.h"

enum { FIGURES_LIST_MAX = 1000 /* entries of one list, and bad actors */ };

/* REQ_ALARM_KPI or REQ_ALARM_BAD_ACTORS. ERR_INVALID if the period is none. */
MUSTCHECK enum status figures_check(const struct request *r, struct error *err);
void figures_send(struct pg *pg, struct pg_args *args, const struct request *r);
/* rows: zeroed, one struct figure_row for each row of the result. */
void figures_reply(const PGresult *result, struct figure_row *rows, struct reply *ret);
/* What a figure of REQ_ALARM_KPI means; empty for a name that is none. */
struct slice figure_definition(struct slice name);

#endif
