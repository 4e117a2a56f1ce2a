/* What the sealing thread does, turn by turn: gives new rows of the operations journal their places in the
 * chain (about once a second, and at once again while there are many: then it rests as long as it worked),
 * and signs a checkpoint each AUDIT_POINT_ROWS rows or AUDIT_POINT_US while there are new ones. It remembers
 * the end of the chain from turn to turn, over a lost connection too, and tells when that is not there any
 * more or is another one; at its start it compares with the newest checkpoint and with what was exported.
 * Then it goes on from the end that it finds. Blocking; one thread. */
#ifndef PENSTOCK_APP_AUDIT_SEAL_H
#define PENSTOCK_APP_AUDIT_SEAL_H

#include "server/chain/point.h"
#include "server/store/chain_db.h"

#define AUDIT_POINT_US (INT64_C(60) * 1000000)
enum {
    AUDIT_TURN_MS = 1000,
    AUDIT_RETRY_MAX_MS = 30000,
    AUDIT_LATE_TURNS = 10, /* so often those are looked for that were committed late */
    AUDIT_POINT_ROWS = 1000,
};

/* What a thread tells after each turn. */
struct audit_report {
    int64_t pos;              /* sealed, or arrived, up to here */
    int64_t sealed_us;        /* when the last place was sealed */
    int64_t point_pos;        /* last checkpoint, signed, or arrived; 0: none */
    int64_t point_us;         /* when that was signed */
    int64_t waiting_since_us; /* of an export: when the first place that did not arrive was sealed; 0: none
                                 waits */
    struct error err;         /* code OK: it goes on; else why it does not */
    int64_t broken_us;        /* when the chain was last seen to be broken; 0: not since the start */
    uint64_t breaks;          /* how often something else of it was seen so */
    struct error broken;      /* what, the last time */
};

/* A place that is known to be in the chain: it must stay there. */
struct audit_known {
    struct chain_seal places[1 + CHAIN_SOURCES]; /* the last one, and of each source that of its highest row;
                                                    pos 0: none */
    bool any;                                    /* they were looked up */
};

struct audit_seal {
    const char *conninfo;
    const struct point_key *key; /* NULL: nothing is signed */
    const atomic_bool *stop;
    struct chain_db *db;
    uint64_t turns;
    struct audit_known known;
    struct chain_seal head;
    struct point point; /* the last one */
    uint32_t retry_ms;
};

/* Updates the report; returns after how many milliseconds the next turn is due. now_us: wall clock. */
uint32_t audit_seal_turn(struct audit_seal *s, int64_t now_us, struct audit_report *report);
void audit_seal_done(struct audit_seal *s);

/* After a failure: the double, from AUDIT_TURN_MS to AUDIT_RETRY_MAX_MS. */
uint32_t audit_retry_ms(uint32_t before_ms);

#endif
