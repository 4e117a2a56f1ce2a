#include "server/link/link_limits.h"

#include "protocol/limits.h"
#include "server/link/guard.h"
#include "server/link/ranges.h"

#include <string.h>

enum { DAY_S = 86400 };

#define LIMIT(name_, low_, usual_, high_)                                                                    \
    {                                                                                                        \
        .name = #name_, .offset = offsetof(struct link_limits, name_), .low = (low_), .usual = (usual_),     \
        .high = (high_)                                                                                      \
    }

static const struct link_limit table[] = {
    LIMIT(handshake_ms, 100, 10000, 600000),
    LIMIT(hello_ms, 100, 5000, 600000),
    LIMIT(frame_ms, 100, 30000, 600000),
    LIMIT(frame_bytes, LINK_BODY_MAX_LEAST, LINK_BODY_MAX, LINK_BODY_MAX_HARD),
    LIMIT(window_bytes, LINK_BODY_MAX_LEAST, LINK_WINDOW_BYTES, 16 * 1024 * 1024),
    LIMIT(window_frames, 4, LINK_WINDOW_FRAMES, RANGES_MAX / 2),
    LIMIT(dictionaries, 1, LINK_DICTS_MAX, LINK_DICTS_MAX),
    LIMIT(dictionary_parts, 1, 256, 10000),
    LIMIT(dictionary_tags, 1, LINK_TAGS_MAX, LINK_TAGS_MAX),
    LIMIT(dictionary_entries, 1, 10 * LINK_TAGS_MAX, 100 * LINK_TAGS_MAX),
    LIMIT(frame_samples, 1, LINK_SAMPLES_MAX, LINK_SAMPLES_MAX),
    LIMIT(samples_per_s, 1, 5000, 1000000000),
    LIMIT(samples_burst_s, 1, 10, 3600),
    LIMIT(bytes_per_s, 4096, 1024 * 1024, 1024 * 1024 * 1024),
    LIMIT(frames_per_s, 1, 1000, 1000000000),
    LIMIT(name_bytes, 1, LINK_NAME_MAX, LINK_NAME_MAX),
    LIMIT(unit_bytes, 0, LINK_UNIT_MAX, LINK_UNIT_MAX),
    LIMIT(value_bytes, 1, LINK_STRING_MAX, LINK_STRING_MAX),
    LIMIT(text_bytes, 0, LINK_TEXT_MAX, LINK_TEXT_MAX),
    LIMIT(replacements_per_min, 1, 3, GUARD_REPLACEMENTS_MAX),
    LIMIT(duplicate_keep_s, 1, 300, 86400),
    LIMIT(sessions_per_min, 1, 60, 6000),
    LIMIT(breaches, 1, 10, GUARD_BREACHES_MAX),
    LIMIT(breach_window_s, 1, 600, 86400),
    LIMIT(suspend_max_min, 1, 60, 1440),
    LIMIT(accepts_per_s, 1, 1000, 100000),
    LIMIT(half_open, 1, 2048, 16384),
    LIMIT(handshakes_per_s, 1, 50, 100000),
    LIMIT(address_handshakes_per_s, 1, 5, 100000),
    LIMIT(handshakes, 1, 256, 1024),
    LIMIT(turn_bytes, 1024, 65536, 65536),
    LIMIT(backlog_bytes_per_s, 4096, 1024 * 1024, 1024 * 1024 * 1024),
    LIMIT(quarantine_bytes_per_day, DAY_S, 64 * 1024 * 1024, 1024 * 1024 * 1024),
    LIMIT(future_s, 1, 60, 86400),
};
enum { LIMITS = sizeof table / sizeof table[0] };
_Static_assert(LIMITS * sizeof(uint32_t) == sizeof(struct link_limits), "every limit is in the table");

const struct link_limit *link_limits_table(uint32_t *ret_n) {
    *ret_n = LIMITS;
    return table;
}

static uint32_t *place(struct link_limits *l, const struct link_limit *limit) {
    return (uint32_t *)(void *)((char *)l + limit->offset);
}

struct link_limits link_limits_usual(void) {
    struct link_limits l = {0};
    for (uint32_t i = 0; i < LIMITS; i++) {
        *place(&l, &table[i]) = table[i].usual;
    }
    return l;
}

enum status link_limits_set(struct link_limits *l, const char *name, int64_t value, struct error *err) {
    for (uint32_t i = 0; i < LIMITS; i++) {
        if (strcmp(table[i].name, name) != 0) {
            continue;
        }
        if (value < table[i].low || value > table[i].high) {
            return error_set(err, ERR_INVALID, name, "wants a whole number from %u to %u (the default is %u)",
                             table[i].low, table[i].high, table[i].usual);
        }
        *place(l, &table[i]) = (uint32_t)value; /* within the bounds, so it fits */
        return OK;
    }
    return error_set(err, ERR_NOT_FOUND, name, "is not a limit that penstockd knows");
}

enum status link_limits_check(const struct link_limits *l, struct error *err) {
    if (l->window_bytes < l->frame_bytes) {
        return error_set(err, ERR_INVALID, "window_bytes",
                         "must be at least frame_bytes (%u): a frame of that size could never be sent",
                         l->frame_bytes);
    }
    return OK;
}
