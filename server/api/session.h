/* The sessions that are known at the moment: a fixed table by token hash. Pure. */
#ifndef PENSTOCK_API_SESSION_H
#define PENSTOCK_API_SESSION_H

#include "server/core/request.h"

struct session {
    bool used;
    bool asking; /* the host is being asked about it: its place is not given away */
    uint32_t sockets;
    int64_t expires_us;
    int64_t checked_mono_us; /* when the host last said that it is valid */
    uint8_t token_hash[TOKEN_HASH_SIZE];
    struct user user;
};

struct sessions {
    uint32_t max;
    struct session *v;
};

MUSTCHECK enum status sessions_init(struct sessions *s, uint32_t max, struct error *err);
void sessions_done(struct sessions *s);
/* NULL if it is not known. */
struct session *sessions_find(struct sessions *s, const uint8_t token_hash[TOKEN_HASH_SIZE]);
/* Its present place or a new one; the least recently checked one without sockets gives way. NULL if none can.
 */
struct session *sessions_put(struct sessions *s, const uint8_t token_hash[TOKEN_HASH_SIZE]);

#endif
