/* Goes along the chain and says where it is broken: the first place at which a row was changed, removed,
 * moved or put in afterwards. Fed place by place with what the database has; judges by itself, without the
 * database. What it finds:
 *
 * - a place that is missing, or does not follow the one before: places were removed, moved or written anew;
 * - a row that is not there any more: deleted;
 * - a row whose hash is another one: changed;
 * - a number of the alarm journal left out: removed before it was sealed;
 * - an audit row with a number below one that was sealed long before: put in afterwards;
 * - a row that has waited for its place for long: no server has sealed it, or the end of the chain was cut;
 * - a checkpoint with another hash than the chain has there, with a wrong signature, or beyond the end: the
 *   chain was written anew from somewhere before it, or its tail was cut;
 * - an export that has more than the chain: likewise.
 *
 * Pure. */
#ifndef PENSTOCK_CHAIN_VERIFY_H
#define PENSTOCK_CHAIN_VERIFY_H

#include "server/chain/chain.h"
#include "server/chain/point.h"

/* So long an audit row's transaction may have been open, behind one with a higher number. */
#define VERIFY_LATE_US (INT64_C(3600) * 1000000)

/* So much of the chain's end, in time, may be without a signed checkpoint: a server signs each minute. */
#define VERIFY_UNSIGNED_US (INT64_C(600) * 1000000)

/* A server seals a row within seconds; so long it may wait, for one that has much to do or was just started.
 */
#define VERIFY_WAITING_US (INT64_C(600) * 1000000)

/* So many numbers behind the highest one that was sealed, at most, is one looked for that was committed late.
 */
#define VERIFY_LATE_ROWS INT64_C(5000)

/* Moments of sealing that are remembered: more than there are within VERIFY_LATE_US, one a second. */
enum { VERIFY_MOMENTS = 4096 };

/* A moment of sealing that brought the audit's numbers up to row_id. */
struct verify_moment {
    int64_t row_id;
    int64_t sealed_us;
};

struct verify {
    int64_t first_pos;
    int64_t pos;                                  /* the last place; first_pos - 1: none yet */
    uint8_t hash[CHAIN_HASH_SIZE];                /* its hash */
    int64_t sealed_us;                            /* when it was sealed */
    int64_t newest[CHAIN_SOURCES + 1];            /* highest row of each source; 0: none yet */
    int64_t newest_us[CHAIN_SOURCES + 1];         /* when that was sealed */
    struct verify_moment moments[VERIFY_MOMENTS]; /* of the audit, a ring; both numbers rise */
    uint64_t n_moments;                           /* as many were put in */
    int64_t first_us;                             /* when the first place was sealed */
    int64_t point_pos;                            /* last checkpoint that was right; 0: none yet */
    int64_t point_us;                             /* when its place was sealed */
};

/* From this place on: from 1, with nothing before it; from a later one, the hash before is believed. */
void verify_init(struct verify *v, int64_t first_pos);
/* The next place; row NULL: the table does not have it any more. ERR_INVALID: broken here, err says how.
 * ERR_UNSUPPORTED: of a newer form. ERR_NOMEM. */
MUSTCHECK enum status verify_seal(struct verify *v, const struct chain_seal *seal,
                                  const struct chain_row *row, struct error *err);
/* A checkpoint of the place just checked, or, at the end, of one beyond it. keys may be NULL: its signature
 * is not looked at. */
MUSTCHECK enum status verify_point(struct verify *v, const struct point *p, const struct point_keys *keys,
                                   struct error *err);
/* At the end of a chain whose checkpoints were looked at with keys: do they reach as far as they should? */
MUSTCHECK enum status verify_signed(const struct verify *v, struct error *err);
/* A row with a number that was passed and that has no place, of this time (audit: when it was made; 0: not
 * known, or a time that has not come). */
MUSTCHECK enum status verify_unsealed(const struct verify *v, int source, int64_t row_id, int64_t at_us,
                                      struct error *err);
/* The first row without a place behind the highest one that has one; now_us: by the clock that dated it. */
MUSTCHECK enum status verify_waiting(const struct verify *v, int source, int64_t row_id, int64_t at_us,
                                     int64_t now_us, struct error *err);
/* At the end of the chain: up to this place it was exported. */
MUSTCHECK enum status verify_exported(const struct verify *v, int64_t pos, struct error *err);

#endif
