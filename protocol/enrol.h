/* How a gateway gets its first certificate (protocol/README.md, "Enrolment"): the text of a one-time token
 * and the message ENROL. Pure.
 *
 * A token is PSK1-NAME-SECRET-AUTHORITY: the gateway's name; 128 random bits, in base 32 (RFC 4648, no
 * padding, either case); and the first 160 bits of the SHA-256 of the authority's certificate, by which the
 * gateway knows the server at first sight. */
#ifndef PENSTOCK_PROTOCOL_ENROL_H
#define PENSTOCK_PROTOCOL_ENROL_H

#include "protocol/limits.h"
#include "server/base/buf.h"

enum {
    ENROL_SECRET_SIZE = 16,
    ENROL_AUTHORITY_SIZE = 20,
    ENROL_TOKEN_TEXT_SIZE = 5 + LINK_NAME_MAX + 1 + 26 + 1 + 32 + 1,
    ENROL_REQUEST_MAX = 3072, /* bytes of a PKCS#10 request in ENROL; of P-256 it has some 250 */
};

#define LINK_ALPN_ENROL "penstock-enrol/1"

struct enrol_token {
    char name[LINK_NAME_MAX + 1];
    uint8_t secret[ENROL_SECRET_SIZE];
    uint8_t authority[ENROL_AUTHORITY_SIZE];
};

/* name must be one: enrol_is_name. */
void enrol_token_format(const struct enrol_token *t, char ret[ENROL_TOKEN_TEXT_SIZE]);
/* Blanks around it are forgiven. The error never repeats the token. */
MUSTCHECK enum status enrol_token_parse(struct slice text, struct enrol_token *ret, struct error *err);
/* 1 to 200 of A-Z a-z 0-9 . _ - */
bool enrol_is_name(struct slice name);

/* ENROL (MSG_ENROL): who wants a certificate, by what right, for which key. */
struct msg_enrol {
    struct slice name;
    struct slice secret;  /* ENROL_SECRET_SIZE bytes */
    struct slice request; /* PKCS#10, DER */
};
MUSTCHECK enum status enrol_decode(struct slice body, struct msg_enrol *ret, struct error *err);
void enrol_encode(struct buf *out, const struct msg_enrol *m);

#endif
