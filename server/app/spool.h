/* The operators' safety net: a local file that keeps alarm records which the database does not have yet.
 * While the database is away, an operator's action is confirmed only after its records, and all before them,
 * are on this disk; otherwise a crash would lose an acknowledgement that a human believes in.
 *
 * What is kept are the journal's own records, not the actions: an action means something only in the state in
 * which it was taken, and that state may be as little durable as the action itself. After a crash the next
 * process folds the records that were left behind on top of those from the database and hands them to the
 * journal, in order, before anything else happens.
 *
 * One line a record (spool_line.h). A line that was torn by a crash was never confirmed to anybody; it is cut
 * off. Writing blocks the loop, for as long as the disk needs: it happens at the pace of people, and only
 * while the database is away.
 *
 * A disk that is full takes the database away, and is often the spool's own. So room is kept on it behind
 * what is written, where the file system can do that, while there is plenty: what operators do is confirmed
 * on a full disk, too, some 20 000 records long. */
#ifndef PENSTOCK_APP_SPOOL_H
#define PENSTOCK_APP_SPOOL_H

#include "server/base/status.h"
#include "server/core/alarm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool;

#define SPOOL_ROOM_BYTES (INT64_C(16) << 20)

enum {
    SPOOL_MEMORY_MAX = 4096, /* records that wait in memory; then they are written */
    SPOOL_ASIDES_MAX = 99,
};

/* Opens the file, makes it if there is none (mode 0600), locks it, and reads what was left in it. ERR_IO,
 * also while another process has it, which would cut off what this one promised; ERR_NOMEM. */
MUSTCHECK enum status spool_open(const char *path, struct spool **ret, struct error *err);
void spool_close(struct spool **s);
/* What was left, in order of seq; alarm indexes are not set. Valid until spool_forget_left. */
const struct alarm_record *spool_left(const struct spool *s, size_t *ret_n);
/* They have been taken over; they stay in the file until they are durable. */
void spool_forget_left(struct spool *s);
/* What was left does not belong to this journal, or a part of it could not be read: the file is kept under
 * another name ("PATH.aside", "PATH.aside.2", …: none is ever overwritten), for somebody to look at and
 * remove, and an empty one takes its place. What was read of it can still be had by spool_left. ERR_IO, also
 * when SPOOL_ASIDES_MAX files are there already. */
MUSTCHECK enum status spool_set_aside(struct spool *s, const char **ret_name, struct error *err);
/* Files that were put aside, by this process or one before, and that nobody removed yet. */
uint32_t spool_asides(const struct spool *s);
/* Lines that could not be read stood between others: records are missing. */
bool spool_damaged(const struct spool *s);

/* A record that was made now, in order of seq: the database does not have it yet. */
void spool_add(struct spool *s, const struct alarm_record *r);
/* Sees to it that SPOOL_ROOM_BYTES are kept behind what is written, or half of that when it was kept before:
 * to be called after spool_open, and again now and then. ERR_NO_SPACE: they are not, and the disk has less
 * than twice as much. ERR_IO. */
MUSTCHECK enum status spool_keep_room(struct spool *s, struct error *err);
/* What is kept, in bytes. */
int64_t spool_room(const struct spool *s);
/* There is room on the disk for what waits and for so many records more: asked before something is done that
 * must be kept. ERR_NO_SPACE if not; ERR_IO when nothing can be kept until the database is back, for a record
 * is missing. A disk that cannot reserve is believed. */
MUSTCHECK enum status spool_reserve(struct spool *s, uint32_t n, struct error *err);
/* All that was added and is not durable is on this disk. ERR_IO if not. */
MUSTCHECK enum status spool_sync(struct spool *s, struct error *err);
/* The database has all up to this. */
void spool_durable(struct spool *s, uint64_t seq);

#endif
