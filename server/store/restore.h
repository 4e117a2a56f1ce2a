/* Reads from the journal what the core folds at a start (struct core_restore): of each alarm the newest
 * record and those that say what it does not say itself (who acknowledged, who hides it and why). In pages of
 * alarms, so that no statement takes long however many there are; nobody else may write the journal
 * meanwhile. */
#ifndef PENSTOCK_STORE_RESTORE_H
#define PENSTOCK_STORE_RESTORE_H

#include "server/core/alarm.h"
#include "server/store/pg.h"

enum { RESTORE_PAGE = 10000 /* alarms in one statement */ };

struct restore {
    struct pg *pg; /* borrowed */
    void *ctx;
    /* failure: NULL when all is read; ERR_UNSUPPORTED in its error if a record has a kind or cause that this
     * program does not know. */
    void (*on_done)(void *ctx, struct pg_answer *failure);
    struct alarm_record *records; /* at the end: in order of seq */
    size_t n;
    size_t cap;
    int64_t after_key;
};

/* pg, ctx and on_done are set. Forgets what was read before. pg_has_room is the caller's to check. */
void restore_begin(struct restore *r);
void restore_done(struct restore *r);

#endif
