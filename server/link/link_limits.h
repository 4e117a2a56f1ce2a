/* What a gateway, and all of them together, may cost the server: the limits of the link that can be set, with
 * their defaults and bounds, as one table; a setting is read by its name there. Limits of the wire itself are
 * in protocol/limits.h: these may only be lower. Pure. */
#ifndef PENSTOCK_LINK_LINK_LIMITS_H
#define PENSTOCK_LINK_LINK_LIMITS_H

#include "server/base/status.h"

#include <stddef.h>
#include <stdint.h>

struct link_limits {
    uint32_t handshake_ms; /* TLS */
    uint32_t hello_ms;     /* HELLO after it */
    uint32_t frame_ms;     /* one whole frame, from when it is the next */
    uint32_t frame_bytes;  /* body after WELCOME */
    uint32_t window_bytes; /* records that are not acknowledged */
    uint32_t window_frames;
    uint32_t dictionaries;       /* of an epoch */
    uint32_t dictionary_parts;   /* records that one dictionary comes in */
    uint32_t dictionary_tags;    /* of one dictionary */
    uint32_t dictionary_entries; /* of all dictionaries of a session */
    uint32_t frame_samples;      /* of one record */
    uint32_t samples_per_s;      /* live, sustained; so many times samples_burst_s in a burst */
    uint32_t samples_burst_s;
    uint32_t bytes_per_s;  /* live, of all frames; bursts as for samples */
    uint32_t frames_per_s; /* live */
    uint32_t name_bytes;
    uint32_t unit_bytes;
    uint32_t value_bytes;          /* of a text or raw bytes */
    uint32_t text_bytes;           /* of an event */
    uint32_t replacements_per_min; /* of a session by another of the same gateway */
    uint32_t duplicate_keep_s;     /* then the present one is kept for so long */
    uint32_t sessions_per_min;     /* of one gateway, however they end */
    uint32_t breaches;             /* of the protocol … */
    uint32_t breach_window_s;      /* … in so long suspend a gateway … */
    uint32_t suspend_max_min;      /* … for 1, 2, 4 … minutes up to this */
    uint32_t accepts_per_s;        /* connections that are taken in, of all; the rest waits in the kernel */
    uint32_t half_open;            /* of them those whose handshake has not begun */
    uint32_t handshakes_per_s;     /* begun, of all; the rest waits */
    uint32_t address_handshakes_per_s; /* of one address; beyond it the others come first */
    uint32_t handshakes;               /* unfinished at once */
    uint32_t turn_bytes;               /* read of one connection before the others have their turn */
    uint32_t backlog_bytes_per_s;      /* of all gateways together; see pace.h */
    uint32_t quarantine_bytes_per_day; /* records of one gateway that cannot be used */
    uint32_t future_s;                 /* a sample's time may be so far ahead of the server's */
};

struct link_limit {
    const char *name; /* as in the configuration file */
    size_t offset;    /* of a uint32_t in struct link_limits */
    uint32_t low;
    uint32_t usual; /* the default */
    uint32_t high;
};

/* All of them, in the order above. */
const struct link_limit *link_limits_table(uint32_t *ret_n);
struct link_limits link_limits_usual(void);
/* Sets the limit of this name. ERR_NOT_FOUND: there is none. ERR_INVALID: out of its bounds. */
MUSTCHECK enum status link_limits_set(struct link_limits *l, const char *name, int64_t value,
                                      struct error *err);
/* ERR_INVALID when two of them do not go together. */
MUSTCHECK enum status link_limits_check(const struct link_limits *l, struct error *err);

#endif
