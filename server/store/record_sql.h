/* Alarm records to and from the rows of alarm_journal. */
#ifndef PENSTOCK_STORE_RECORD_SQL_H
#define PENSTOCK_STORE_RECORD_SQL_H

#include "server/core/alarm.h"
#include "server/core/request.h"
#include "server/store/pgvalue.h"

enum { RECORD_ARGS = 34, RECORD_COLUMNS = 34, RECORD_ARGS_BYTES = 1200 /* of one record */ };

/* A record and what the journal keeps beside it. */
struct journal_entry {
    struct alarm_record record;
    char position[POSITION_SIZE]; /* operator's position of the alarm; "": that of its record before */
};

/* Inserts records; one that is there already stays as it is. */
const char *record_insert_sql(void);
/* Counts those of the same records that are there, exactly so (bigint). Takes record_check_args. */
const char *record_check_sql(void);
void record_insert_args(struct pg_args *args, const struct journal_entry *const *v, uint32_t n);
void record_check_args(struct pg_args *args, const struct journal_entry *const *v, uint32_t n);

/* To be put behind "select"; the columns of a row of alarm_journal called j, in the order that record_read
 * expects, from column `first` on. What a row from before migration 0004 does not say follows from its
 * letters. The alarm index is MODEL_NONE. False if the row has a kind that this program does not know. */
#define RECORD_SELECT                                                                                        \
    "j.seq, j.n, j.alarm_key, j.site_key, j.tag_key, j.revision, j.kind, j.from_letter, j.to_letter,"        \
    " j.occ, j.call, j.priority, j.src_us, j.at_us, j.raised_us, j.value, j.limit_value, j.quality,"         \
    " j.actor_key, j.actor, j.comment, coalesce(j.base_letter, j.to_letter),"                                \
    " coalesce(j.facts, alarm_old_facts(j.to_letter)), j.flags, coalesce(j.cause, alarm_old_cause(j.kind))," \
    " j.unshelved, coalesce(j.raised_at_us, j.raised_us), coalesce(j.called_us, j.raised_us), j.until_us,"   \
    " j.rise_call, j.position, j.desk, j.source, j.unit"
/* Place of the alarm's position among them; it is no part of the record. */
enum { RECORD_POSITION_COLUMN = 30 };
bool record_read(const PGresult *r, int row, int first, struct alarm_record *ret);

#endif
