/* What the store keeps of a gateway's identity, as plain values: certificates on their way to a gateway, and
 * what people ask. Fingerprints are SHA-256 of a certificate's DER. */
#ifndef PENSTOCK_CORE_IDENTITY_H
#define PENSTOCK_CORE_IDENTITY_H

#include <stdint.h>

enum {
    IDENTITY_HASH_SIZE = 32, /* SHA-256 */
    IDENTITY_SERIAL_SIZE = 16,
    IDENTITY_KEY_MAX = 128,         /* SubjectPublicKeyInfo of a P-256 key has 91 */
    IDENTITY_SECRET_SIZE = 16,      /* of a one-time token */
    IDENTITY_TOKEN_TEXT_SIZE = 272, /* … with all that stands around it */
    IDENTITY_GATEWAY_SIZE = 201,    /* a gateway's name, NUL-terminated */
    IDENTITY_RENEW_DAYS = 30,       /* a certificate with less than this left may be renewed */
    IDENTITY_WINDOW_DAYS = 30,      /* so long after its end it may still be, in a window */
    IDENTITY_TOKEN_S = 3600,        /* life of a one-time token */
    IDENTITY_WINDOW_OPEN_S = 3600   /* … and of a window */
};

/* Why a certificate is issued. */
enum identity_why {
    IDENTITY_ENROL,  /* for a one-time token */
    IDENTITY_RENEW,  /* for a live session, before its certificate ends */
    IDENTITY_WINDOW, /* for one that has ended, in a window that somebody opened */
};

struct identity_certificate {
    uint8_t serial[IDENTITY_SERIAL_SIZE];
    uint8_t fingerprint[IDENTITY_HASH_SIZE];
    uint8_t key[IDENTITY_KEY_MAX];
    uint32_t key_n;
    int64_t not_before_us;
    int64_t not_after_us;
};

/* A certificate that is made and goes to its gateway when the database has it. */
struct identity_issue {
    enum identity_why why;
    char gateway[IDENTITY_GATEWAY_SIZE];
    uint8_t token_hash[IDENTITY_HASH_SIZE]; /* of IDENTITY_ENROL */
    uint8_t shown[IDENTITY_HASH_SIZE];      /* the certificate that the gateway has shown; else all zero */
    struct identity_certificate certificate;
};

enum identity_ask {
    IDENTITY_TOKEN,     /* keep a token's hash */
    IDENTITY_ISSUE,     /* may this certificate be handed over? */
    IDENTITY_REVOKE,    /* all certificates of a gateway */
    IDENTITY_OPEN,      /* a window for renewal */
    IDENTITY_AUTHORITY, /* whose key this server has */
};

#endif
