/* Time as int64_t microseconds since 1970-01-01T00:00:00Z, and its text form (RFC 3339). Pure: reading a
 * clock is clock.h. */
#ifndef PENSTOCK_BASE_TM_H
#define PENSTOCK_BASE_TM_H

#include "server/base/slice.h"
#include "server/base/status.h"

#include <stdint.h>

#define TM_SECOND_US INT64_C(1000000)
#define TM_MINUTE_US (60 * TM_SECOND_US)
#define TM_HOUR_US   (60 * TM_MINUTE_US)
#define TM_DAY_US    (24 * TM_HOUR_US)
/* 2000-01-01T00:00:00Z: no sample of ours is older */
#define TM_YEAR_2000_US INT64_C(946684800000000)

enum { TM_TEXT_SIZE = 32 };

/* "2026-11-24T10:15:00.123456Z"; the fraction is left out when it is zero. Years 0001 to 9999, else
 * ERR_INVALID. */
MUSTCHECK enum status tm_format(int64_t t_us, char ret_text[TM_TEXT_SIZE]);
/* RFC 3339 with Z or an offset; up to 6 digits of fraction. The error says what would be right. */
MUSTCHECK enum status tm_parse(struct slice text, int64_t *ret_t_us, struct error *err);

#endif
