/* Stored samples of a period, for who computes with history on a thread of its own (what would these alarms
 * have done?). One blocking connection to PostgreSQL and one snapshot of the database: what is stored
 * meanwhile does not show. Memory does not grow with the period. Never on the loop's thread; one thread at a
 * time. Errors: those of blocking.h, which says what waits for how long; ERR_INVALID: the period, too. After
 * an error only history_close may be called. */
#ifndef PENSTOCK_STORE_HISTORY_H
#define PENSTOCK_STORE_HISTORY_H

#include "server/base/status.h"
#include "server/core/sample.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HISTORY_BATCH_MAX = 20000,     /* samples of one batch */
    HISTORY_STATEMENT_MS = 120000, /* limit of one statement, kept by PostgreSQL */
    HISTORY_OUTAGES_MAX = 1000000,
};

struct history;

struct history_config {
    const char *conninfo;    /* borrowed while it is open, as tags and stop */
    const atomic_bool *stop; /* ends what it waits for; may be NULL */
    const int64_t *tags;     /* keys, ascending, each once */
    size_t n_tags;
    int64_t from_us; /* [from, to) in source time, after 1970 */
    int64_t to_us;
};

/* A time in which a gateway's line was down, as its comm alarm tells it: source times of the activation and
 * of the return. */
struct history_outage {
    int64_t alarm_key;
    int64_t from_us; /* may be before the period: it was down already */
    int64_t to_us;   /* INT64_MAX: it was still down when the period ended */
};

MUSTCHECK enum status history_open(const struct history_config *cfg, struct history **ret, struct error *err);
/* The newest sample of each tag before the period (those that have one), in order of (tag, t_us). Lent until
 * the next call. */
MUSTCHECK enum status history_before(struct history *h, const struct stored_sample **ret, size_t *ret_n,
                                     struct error *err);
/* The next samples in order of (t_us, tag), each once; *ret_n is 0 behind the last one. All samples of one
 * moment may stand in two batches. Lent until the next call. */
MUSTCHECK enum status history_next(struct history *h, const struct stored_sample **ret, size_t *ret_n,
                                   struct error *err);
/* When the lines were down within the period, in order of (from_us, alarm), by the journal of these comm
 * alarms (keys). To be freed by the caller with free(). */
MUSTCHECK enum status history_outages(struct history *h, const int64_t *comm_alarms, size_t n_alarms,
                                      struct history_outage **ret, size_t *ret_n, struct error *err);
/* How far it is: 0 to 1 of the period's time. */
double history_progress(const struct history *h);
void history_close(struct history **h);

#endif
