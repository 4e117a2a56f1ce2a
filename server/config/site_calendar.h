/* A site's shifts and tariffs, and how long history keeps samples, as people write them:
 *
 *   "shifts":  [{"name": "early", "from": "06:00"}, …]
 *   "tariffs": [{"name": "peak", "days": "mo-fr", "from": "07:00", "to": "20:00"}, …]
 *   "keep":    [{"name": "standard", "days": 3650}, {"name": "fast", "days": 90}, …]
 *
 * Each becomes a list (item.h) whose parts are what was checked, a space between them, the name last. */
#ifndef PENSTOCK_CONFIG_SITE_CALENDAR_H
#define PENSTOCK_CONFIG_SITE_CALENDAR_H

#include "server/config/reading.h"
#include "server/history/calendar.h"

#define SITE_KEEP_STANDARD "standard"
enum { SITE_KEEP_DAYS_MAX = 36500 };

void reading_shifts(const struct reading *r, struct slice *ret);
void reading_tariffs(const struct reading *r, struct slice *ret);
void reading_keep(const struct reading *r, struct slice *ret);

/* Of lists that were read; names are copied. NULL: no memory. */
const struct calendar *site_calendar_make(struct arena *arena, const struct zone *zone, struct slice shifts,
                                          struct slice tariffs);
/* The classes of a list, that of everybody (SITE_KEEP_STANDARD, for ever if the list does not say otherwise)
 * first; *ret_n at most MODEL_KEEPS_MAX. NULL: no memory. */
struct model_keep *site_keeps_make(struct arena *arena, struct slice list, uint32_t *ret_n);

#endif
