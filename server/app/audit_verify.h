/* Walks the whole chain of the operations journal in the database, in one snapshot of it, and stops at the
 * first fault (server/chain/verify.h). Blocking; memory does not grow with the chain. */
#ifndef PENSTOCK_APP_AUDIT_VERIFY_H
#define PENSTOCK_APP_AUDIT_VERIFY_H

#include "server/chain/point.h"

struct audit_verify {
    const char *conninfo;
    int64_t from; /* first position; what comes before is believed */
    int64_t
        as_of_us; /* 0: now; else of a database that was restored, the moment it is of: rows that had waited
                   * for their places by then are told, not faults: perhaps no server was running */
    const struct point_keys *keys; /* NULL: signatures are not looked at */
    const struct point *anchors;   /* checkpoints that were exported, ascending */
    size_t n_anchors;
};

struct audit_verified {
    int64_t first_pos;
    int64_t pos; /* the last one; first_pos - 1: nothing there */
    int64_t sealed_us;
    int64_t n_points;
    int64_t n_anchors;
    int64_t point_pos;  /* of the last checkpoint; 0: none */
    int64_t point_us;   /* when the last place that it covers was sealed */
    struct error waits; /* the first row that had waited for too long by then; code OK: none */
};

/* ERR_INVALID: err names the first fault. */
MUSTCHECK enum status audit_verify(const struct audit_verify *cfg, struct audit_verified *ret,
                                   struct error *err);
/* The checkpoints in an exported file: a line each, among others, which are left out; sorted. To be freed by
 * the caller. ERR_INVALID: a broken checkpoint (its line), or none at all. */
MUSTCHECK enum status audit_anchors_read(const char *file, struct point **ret, size_t *ret_n,
                                         struct error *err);

#endif
