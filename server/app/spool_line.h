/* A record of the alarm journal as one line of text, as the spool keeps it: CRC-32C of the text in eight
 * hexadecimal digits, a blank, a JSON object with all of its fields but the alarm's index, which is another
 * one in each revision. Pure. */
#ifndef PENSTOCK_APP_SPOOL_LINE_H
#define PENSTOCK_APP_SPOOL_LINE_H

#include "server/base/buf.h"
#include "server/core/alarm.h"

#include <stdbool.h>

/* At most, of usual texts: names and numbers, and its texts with some signs that need two bytes. */
enum {
    SPOOL_LINE_BYTES = 1280 + 2 * (ALARM_ACTOR_SIZE + ALARM_DESK_SIZE + ALARM_SOURCE_SIZE + ALARM_UNIT_SIZE +
                                   ALARM_COMMENT_SIZE)
};

/* Appends it with its line feed; a buffer that fails says so itself. */
void spool_line_write(struct buf *out, const struct alarm_record *r);
/* A line without its line feed. False: torn, damaged, or of another program; ret is as it may be then. */
MUSTCHECK bool spool_line_read(struct slice line, struct alarm_record *ret);

#endif
