/* The list of revoked certificates, and until when gateways have good ones, read whole: at the start
 * (boot.h), each time the events connection comes back, whenever somebody revokes one (NOTIFY
 * penstock_revoked) and when one was issued. It is short: a row for each certificate that was ever revoked.
 */
#ifndef PENSTOCK_STORE_REVOKED_H
#define PENSTOCK_STORE_REVOKED_H

#include "server/store/pg.h"
#include "server/store/store.h"

struct revoked {
    struct pg *pg; /* of the events; borrowed */
    bool open;
    bool due; /* to be read */
    bool reading;
    void *ctx;
    /* fingerprints: n times IDENTITY_HASH_SIZE bytes, ascending. */
    void (*on_list)(void *ctx, const uint8_t *fingerprints, size_t n);
    /* Behind it. */
    void (*on_certificates)(void *ctx, const struct store_certificate *v, size_t n);
};

extern const char revoked_sql[];
/* Owned by the caller; NULL if memory is out. */
uint8_t *revoked_read(const PGresult *result, size_t *ret_n);

/* The connection may be used, and what came meanwhile may have been missed. */
void revoked_open(struct revoked *r);
void revoked_down(struct revoked *r);
/* There may be more of them. */
void revoked_notified(struct revoked *r);
/* Reads if that is due and there is room. */
void revoked_turn_end(struct revoked *r);

#endif
