/* Which alarms a list shows: the parameters site, area, position, priority and state that the lists share.
 * Pure but for the answer to what makes no sense. */
#ifndef PENSTOCK_API_FILTER_H
#define PENSTOCK_API_FILTER_H

#include "server/api/http.h"
#include "server/core/core.h"

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
struct alarm_filter {
    uint32_t site;
    uint32_t position;
    struct slice area;
    bool has_area;
    uint8_t priorities; /* bit 1 << priority */
    enum shown shown;
};

/* False: answered with 400 or 404. */
bool filter_read(struct http_request *r, const struct model *m, struct alarm_filter *ret);
/* Site, area and position. */
bool filter_place(const struct alarm_filter *f, const struct model *m, uint32_t alarm);
/* Priority and state. */
bool filter_state(const struct alarm_filter *f, const struct alarm_view *v);
/* "1,2" as bits; false for anything else. */
bool filter_parse_priorities(struct slice text, uint8_t *ret);

#endif
