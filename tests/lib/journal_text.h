/* A record of the journal as one line of text, all of it: two journals are equal if their lines are. Numbers
 * to the last bit, nothing of what lies between the members in memory. */
#ifndef PENSTOCK_TESTS_JOURNAL_TEXT_H
#define PENSTOCK_TESTS_JOURNAL_TEXT_H

#include "server/base/check.h"
#include "server/core/alarm.h"

#include <inttypes.h>
#include <stdio.h>

enum { JOURNAL_LINE = 1400 };

/* What was, without its place in the journal: seq and n left out. */
static inline void journal_event(const struct alarm_record *r, char ret[JOURNAL_LINE]) {
    int n = snprintf(ret, JOURNAL_LINE,
                     "%s %c>%c/%c key=%" PRId64 " site=%" PRId64 " tag=%" PRId64 " rev=%" PRId64
                     " src=%" PRId64 " at=%" PRId64 " raised=%" PRId64 "/%" PRId64 " called=%" PRId64
                     " until=%" PRId64 " value=%.17g limit=%.17g actor=%" PRId64
                     " alarm=%u occ=%u call=%u acked=%u rise=%u facts=%u flags=%u cause=%s unshelved=%s "
                     "prio=%u q=%u by=%s desk=%s source=%s unit=%s comment=%s",
                     alarm_record_kind_name(r->kind), r->from, r->to, r->base, r->alarm_key, r->site_key,
                     r->tag_key, r->revision, r->src_us, r->at_us, r->raised_us, r->raised_at_us,
                     r->called_us, r->until_us, r->value, r->limit, r->actor_key, r->alarm, r->occ, r->call,
                     r->acked_occ, r->rise_call, r->facts, r->flags, alarm_cause_name(r->cause),
                     unshelve_reason_name(r->unshelved), r->priority, r->quality, r->actor, r->desk,
                     r->source, r->unit, r->comment);
    CHECK(n > 0 && n < JOURNAL_LINE);
}

static inline void journal_line(const struct alarm_record *r, char ret[JOURNAL_LINE]) {
    char event[JOURNAL_LINE];
    journal_event(r, event);
    int n = snprintf(ret, JOURNAL_LINE, "%" PRIu64 " %" PRIu64 " %s", r->seq, r->n, event);
    CHECK(n > 0 && n < JOURNAL_LINE);
}

#endif
