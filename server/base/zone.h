/* A time zone: when its offset from UTC changes, and to what. Made from the bytes of a TZif file (RFC 8536,
 * all versions, fat or slim); the rule in its footer is written out up to the year 2100, so that look-ups
 * need nothing but a binary search. Pure; the arrays live in the caller's arena. A NULL zone is UTC. */
#ifndef PENSTOCK_BASE_ZONE_H
#define PENSTOCK_BASE_ZONE_H

#include "server/base/arena.h"

#include <stdint.h>

enum { ZONE_LAST_YEAR = 2100 };

struct zone {
    int64_t *at_us;    /* strictly rising */
    int32_t *offset_s; /* from at_us on; local time = UTC + offset */
    uint32_t n;
    int32_t first_offset_s; /* before at_us[0] */
};

/* The struct is in the arena, too. */
MUSTCHECK enum status zone_read(struct slice tzif, struct arena *arena, struct zone **ret, struct error *err);
int32_t zone_offset_s(const struct zone *z, int64_t utc_us);
/* The first change after utc_us; INT64_MAX if there is none. */
int64_t zone_next_change_us(const struct zone *z, int64_t utc_us);

#endif
