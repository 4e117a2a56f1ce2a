/* Fields of CSV (RFC 4180) as spreadsheets take them without harm. Pure. */
#ifndef PENSTOCK_API_CSV_H
#define PENSTOCK_API_CSV_H

#include "server/base/buf.h"

#define CSV_TYPE "text/csv; charset=utf-8; header=present"

/* Quoted; what a spreadsheet would take for a formula begins with an apostrophe. */
void csv_text(struct buf *out, struct slice text);
/* RFC 3339, always with its microseconds: as texts, times sort as they do. */
void csv_time(struct buf *out, int64_t t_us);
/* NaN and infinities: an empty field. */
void csv_number(struct buf *out, double number);

#endif
