/* Every size and count of Penstock Link version 1, for both ends. protocol/README.md is the specification. */
#ifndef PENSTOCK_PROTOCOL_LIMITS_H
#define PENSTOCK_PROTOCOL_LIMITS_H

#include <stdint.h>

enum {
    LINK_VERSION = 1,
    LINK_PORT = 7411,
    LINK_FRAME_HEAD = 8,
    LINK_BODY_MAX_HELLO = 4096, /* before WELCOME */
    LINK_BODY_MAX_LEAST =
        48 * 1024, /* every server takes so much after WELCOME: a journal is written before */
    LINK_BODY_MAX_ENROLLED = 32 * 1024, /* to one that enrols: any CERT_ISSUED fits */
    LINK_BODY_MAX = 256 * 1024,         /* default of WELCOME's max_frame */
    LINK_BODY_MAX_HARD = 1024 * 1024,
    LINK_EPOCHS_MAX = 16,  /* in HELLO */
    LINK_DICTS_MAX = 64,   /* per epoch */
    LINK_TAGS_MAX = 10000, /* per gateway */
    LINK_ALIAS_MAX = 1 << 20,
    LINK_SAMPLES_MAX = 65536, /* per frame */
    LINK_ACK_RANGES_MAX = 64,
    LINK_NAME_MAX = 200,
    LINK_UNIT_MAX = 16,
    LINK_TEXT_MAX = 512,
    LINK_STRING_MAX = 4096,
    LINK_WINDOW_BYTES = 1024 * 1024, /* default: unacknowledged bytes and frames in flight */
    LINK_WINDOW_FRAMES = 256,
    LINK_HEARTBEAT_MS = 10000,
    LINK_DEAD_MS = 30000,
    LINK_COMMAND_ID_SIZE = 16,
    LINK_COMMAND_KEEP_DAYS = 7,   /* how long a gateway remembers a command's id and outcome, at least */
    LINK_COMMAND_TTL_MS = 600000, /* most that a command may live */
    LINK_SELECT_MS = 30000,       /* then a selection ends by itself */
    LINK_OPERATOR_MAX = 64,
    LINK_REASON_MAX = 128,
    LINK_SHA256_SIZE = 32,
    LINK_CONFIG_MAX = 1024 * 1024, /* a configuration */
    LINK_CONFIG_CHUNK_MAX = 64 * 1024,
    LINK_CERT_REQUEST_MAX = 4096, /* PKCS#10, DER */
    LINK_CERT_CHAIN_MAX = 16384,  /* PEM */
    LINK_TLS_SECURITY_LEVEL = 2,  /* OpenSSL's: keys and signatures of 112 bits, RSA from 2048, no SHA-1 */
    LINK_TLS_INTERMEDIATES_MAX = 3,
    LINK_TLS_CERTIFICATES_MAX = 16 * 1024, /* bytes of what the other end shows */
};

/* Times of samples: the years 0001 to 9999, microseconds since 1970 UTC. */
#define LINK_TIME_MIN_US (INT64_C(-62135596800) * 1000000)
#define LINK_TIME_MAX_US (INT64_C(253402300800) * 1000000 - 1)

/* Numbers of records are below this. A thousand a second reach it after 146 million years, so whoever does is
 * not to be believed; and sums of such numbers still fit 64 bits. */
#define LINK_SEQ_MAX (UINT64_C(1) << 62)

#define LINK_ALPN       "penstock-link/1"
#define LINK_URI_PREFIX "urn:penstock:gateway:"

_Static_assert(LINK_BODY_MAX <= LINK_BODY_MAX_HARD, "the default must not exceed the hard limit");
_Static_assert(LINK_BODY_MAX_HELLO < LINK_BODY_MAX, "a greeting is smaller than data");
_Static_assert(LINK_STRING_MAX < LINK_BODY_MAX_HELLO + 1, "a string value fits a frame");
_Static_assert(LINK_CONFIG_CHUNK_MAX < LINK_BODY_MAX, "a part of a configuration fits a frame");

#endif
