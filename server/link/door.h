/* Who stands at the link's door: connections that were accepted and have not shaken hands, by the address
 * that they come from (of IPv6 its /64, which is what one site has). It decides whose handshake is next, and
 * who has to go when there is no room, so that no address, nor a thousand that say nothing, keep others out:
 *
 *   SILENT    the ClientHello is not whole: costs a socket and a few hundred bytes, so many may wait
 *   READY     it is, and waits for its turn: handshakes are begun at a rate
 *   SHAKING   has TLS, and so one of a few places
 *
 * An address that had more than its share of handshakes lately comes after those that had not, and that is
 * all that its share does: while it is alone it gets everything (many gateways may stand behind one address).
 * Pure; times are of the monotonic clock. A guest belongs to the caller and must leave before it goes. */
#ifndef PENSTOCK_LINK_DOOR_H
#define PENSTOCK_LINK_DOOR_H

#include "server/link/link_limits.h"

#include <sys/socket.h>

enum door_stage { DOOR_SILENT, DOOR_READY, DOOR_SHAKING };
enum { DOOR_STAGES = DOOR_SHAKING + 1, DOOR_KEY_SIZE = 16 };

struct door;
struct door_address;

struct door_key {
    uint8_t b[DOOR_KEY_SIZE]; /* all zero: unknown */
};

struct door_guest {
    void *user;
    struct door_address *from; /* NULL: it is not at the door; this and the following are the door's */
    struct door_guest *newer;  /* of the same address and stage */
    struct door_guest *older;
    enum door_stage stage;
    int64_t since_mono_us; /* in this stage */
};

/* What an address counts as. */
struct door_key door_key(const struct sockaddr_storage *addr);

/* NULL without memory. The limits are borrowed. */
struct door *door_new(const struct link_limits *limits);
void door_free(struct door **d);

/* Somebody came, and is SILENT. Ask door_too_many then: there is room for one guest more than may stay. */
void door_enter(struct door *d, struct door_guest *g, const struct door_key *key, int64_t now_mono_us);
void door_ready(struct door *d, struct door_guest *g, int64_t now_mono_us);
/* Its handshake begins, and counts for its address. */
void door_shake(struct door *d, struct door_guest *g, int64_t now_mono_us);
/* Nothing happens if it is not there. */
void door_leave(struct door *d, struct door_guest *g);

uint32_t door_count(const struct door *d, enum door_stage stage);
/* Who has to go because more than half_open stand there that do not shake hands: of the address that has most
 * the one that has been silent longest, and if none is silent, the one that came last. NULL: there is room.
 */
struct door_guest *door_too_many(const struct door *d);
/* Whose handshake is next. NULL: nobody is READY. */
struct door_guest *door_next(const struct door *d, int64_t now_mono_us);
/* Who has to go so that g, which is READY, can shake hands when all places are taken: the oldest of the
 * address that has most, if g's address has fewer; or whoever had DOOR_CROWDED_US. NULL: g has to wait. */
#define DOOR_CROWDED_US INT64_C(3000000)
struct door_guest *door_gives_way(const struct door *d, const struct door_guest *g, int64_t now_mono_us);

#endif
