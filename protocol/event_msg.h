/* EVENT: what happened at a gateway (protocol/README.md, "EVENT"). The rules of msg.h hold. */
#ifndef PENSTOCK_PROTOCOL_EVENT_MSG_H
#define PENSTOCK_PROTOCOL_EVENT_MSG_H

#include "protocol/limits.h"
#include "server/base/buf.h"

#include <stdint.h>

/* Others are of later versions and kept as numbers. */
enum event_code {
    EVENT_STARTED = 1,
    EVENT_CLOCK_STEPPED = 2,
    EVENT_DEVICE_DOWN = 3,
    EVENT_DEVICE_UP = 4,
    EVENT_SAMPLES_LOST = 5, /* the tombstone of records that the journal had to drop */
    EVENT_LOCAL_OPERATION = 6,
    EVENT_CONFIG_APPLIED = 7,
    EVENT_CONFIG_REFUSED = 8,
    EVENT_CERT_RENEWED = 9,
    EVENT_CERT_TROUBLE = 10,
};
/* "samples_lost"; "unknown" for others */
const char *event_code_name(uint16_t code);

enum event_severity { EVENT_INFO = 0, EVENT_WARNING = 1, EVENT_TROUBLE = 2 };

/* The DATA records [first, end) of an epoch that were not acknowledged are gone at the site for ever.
 * first == end: samples that never got a number. */
struct event_lost {
    uint64_t epoch;
    uint64_t first;
    uint64_t end;
    uint64_t samples;
    int64_t from_us; /* times of the first and the last sample that was lost */
    int64_t to_us;
};

struct msg_event {
    uint16_t code;
    enum event_severity severity;
    int64_t t_us;
    struct slice path;      /* source, or source/device; "": the gateway itself */
    struct slice text;      /* for people */
    int64_t step_us;        /* EVENT_CLOCK_STEPPED: by how much, forward is positive */
    struct event_lost lost; /* EVENT_SAMPLES_LOST */
};

/* What follows the record's prefix. */
MUSTCHECK enum status event_decode(struct slice rest, struct msg_event *ret, struct error *err);
void event_encode(struct buf *out, const struct msg_event *m);

#endif
