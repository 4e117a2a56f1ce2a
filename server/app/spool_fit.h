/* Does what was left in the spool belong to the journal that is there now? Numbers alone do not tell: another
 * server, or another life of the database (it was restored to an earlier moment and went on from there), may
 * have given the same numbers to other records. So what the journal has under numbers of the spool must be
 * the very same records, and what is beyond the journal must go on from what each alarm's newest record says.
 * Pure.
 */
#ifndef PENSTOCK_APP_SPOOL_FIT_H
#define PENSTOCK_APP_SPOOL_FIT_H

#include "server/base/status.h"
#include "server/core/alarm.h"

#include <stddef.h>

struct spool_journal {
    uint64_t seq;                    /* newest number */
    const struct alarm_record *tail; /* what it has under numbers of the spool, in order of seq */
    size_t n_tail;
    const struct alarm_record *records; /* the newest of each alarm, and others before it */
    size_t n_records;
};

struct spool_fit {
    size_t n_stored; /* so many, from the first on, the journal has as they are */
    const char *why; /* NULL: the rest goes on from the journal; else why it does not, for people */
};

/* left: n records in order of seq, without gaps. ERR_NOMEM. */
MUSTCHECK enum status spool_fit(const struct alarm_record *left, size_t n,
                                const struct spool_journal *journal, struct spool_fit *ret,
                                struct error *err);
/* An action that was kept and is not in the journal, for the audit: what was done, when, to which
 * occurrence, with which words, and where it is now. */
void spool_fit_tell(const struct alarm_record *r, const char *file, char *ret_text, size_t size);

#endif
