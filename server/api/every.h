/* In which intervals a span is asked for: the parameter every. Either a length (15m), or by a site's calendar
 * (1d, 1w, 1mo, 1y, shift, tariff), whose intervals end where the site's clock says so: days of 23 hours are
 * days. */
#ifndef PENSTOCK_API_EVERY_H
#define PENSTOCK_API_EVERY_H

#include "server/api/http.h"
#include "server/history/calendar.h"

/* Borders of the intervals: the first and the last one are those of the span, so that the first and the last
 * interval may be shorter. */
struct every {
    int64_t *edges; /* to be freed with every_done */
    uint32_t n;
    bool
        named; /* shifts, tariffs: names says which one each interval is of, and needs the calendar's names */
    uint32_t *names; /* index of a shift or band; CALENDAR_NONE: outside of all */
};

/* max: intervals. calendar is NULL where there is no single one: then only lengths are taken. False:
 * answered. */
bool every_read(struct http_request *r, const struct calendar *calendar, int64_t from_us, int64_t to_us,
                uint32_t max, struct every *ret);
void every_done(struct every *e);

#endif
