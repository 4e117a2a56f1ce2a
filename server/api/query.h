/* Which alarms a list shows: the parameters site, area, position, priority and state that the lists share.
 * Pure but for the answer to what makes no sense. */
#ifndef PENSTOCK_API_QUERY_H
#define PENSTOCK_API_QUERY_H

#include "server/api/http.h"
#include "server/core/request.h"

enum shown {
    SHOWN_DEFAULT, /* in the alarm list, or waits for somebody */
    SHOWN_UNACKED,
    SHOWN_ACTIVE,
    SHOWN_SHELVED,
    SHOWN_SUPPRESSED,
    SHOWN_OUT_OF_SERVICE,
    SHOWN_DISABLED,
    SHOWN_UNTRUSTED,
    SHOWN_CONFIRM,
    SHOWN_ALL,
};

/* Empty slices and MODEL_NONE: all. */
struct alarm_query {
    uint32_t site;
    uint32_t position;
    struct slice area;
    bool has_area;
    uint8_t priorities; /* bit 1 << priority */
    enum shown shown;
};

/* False: answered with 400 or 404. */
bool query_read(struct http_request *r, const struct model *m, struct alarm_query *ret);
/* Site, area and position. */
bool query_place(const struct alarm_query *f, const struct model *m, uint32_t alarm);
/* Priority and state. */
bool query_state(const struct alarm_query *f, const struct alarm_view *v);
/* The same for who answers from the database: site, area, position and priority. sites: room for the keys of
 * an area's sites, lent to the filter; position names that are too long for it find nothing. */
struct alarm_filter query_filter(const struct alarm_query *q, const struct model *m,
                                 int64_t sites[SITE_LIST_MAX]);
/* State, of an alarm as it was then. */
bool query_state_then(const struct alarm_query *q, const struct alarm_record *r);
/* "1,2" as bits; false for anything else. */
bool query_parse_priorities(struct slice text, uint8_t *ret);

#endif
