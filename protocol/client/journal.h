/* The gateway's durable journal: what was measured and is not yet known to be stored by the server. A
 * directory of segments (segment.h), a lock and a counter.
 *
 * Epochs. Every start opens a new epoch under a fresh random number; sequence numbers run from 0 within it. A
 * closed epoch's records keep their epoch until they are committed, then its files are removed.
 *
 * Durability. journal_append hands the record to the operating system at once, so that the death of the
 * process loses nothing; journal_sync makes it survive a power loss. Only records below journal_durable_seq
 * may be sent: a power loss then never makes the server know more than the journal. The caller syncs at most
 * every so many milliseconds (group commit), as it likes.
 *
 * Gathering (gather.h). While nothing can be sent, the caller may journal_hold samples instead: they are
 * durable like a record, at the next journal_sync, and have no number yet. journal_seal makes them one
 * record; so does whatever else is appended, and the next start after a crash. That a record grows no more
 * once it has a number is what "each exactly once" rests on.
 *
 * What is committed is remembered in memory only; after a start the server tells it again (WELCOME). Files
 * are removed, or rewritten without committed records, when that frees something. DICT records stay as long
 * as their epoch.
 *
 * Kept. What the server has is kept for a while, as far as keep_bytes and the capacity allow; it goes before
 * anything that waits does. A server that lacks it again (journal_misses) was set back to a backup:
 * journal_recall then makes all that is still on the disk wait again, as after a start.
 *
 * Full. When the capacity is reached, the oldest DATA is dropped first, a segment at a time; other records
 * never. What is lost (losses.h: numbers, samples, span of time) is made durable before it goes, and dropped
 * again at the next start if a crash came between the two. journal_tell then puts a tombstone for it into the
 * journal: a record of type EVENT that tells the server. One that could be told twice (power lost at the
 * wrong moment) names the same numbers. At most a few wait: what is lost meanwhile is merged.
 *
 * Damage. Torn tails and flipped bits cost the records that they hit (journal_stats: damaged_bytes). After a
 * failed sync the operating system may have forgotten what it was to write, so the journal refuses appends
 * (ERR_IO) until journal_refile has moved what is not durable to a new epoch.
 *
 * One process at a time (a lock file), one thread. Calls block on the disk. Sources: journal.c,
 * journal_files.c, journal_gather.c, journal_kept.c, journal_losses.c. */
#ifndef PENSTOCK_CLIENT_JOURNAL_H
#define PENSTOCK_CLIENT_JOURNAL_H

#include "protocol/client/gather.h"
#include "protocol/msg.h"

struct journal;

enum {
    JOURNAL_EPOCHS_MAX =
        256, /* more restarts than this without a server: the oldest are put together; samples go last */
    JOURNAL_SEGMENT_MIN = 4096,
    JOURNAL_SEGMENTS_MAX = 256, /* when full; each is an open file */
    JOURNAL_PATH_MAX = 3000,
};

struct journal_config {
    const char *dir; /* made if its parent is there */
    uint64_t capacity_bytes;
    uint32_t segment_bytes; /* 0: from the capacity. The smaller, the sooner disk space is given back */
    uint64_t keep_bytes;    /* of what the server has; 0: nothing, and it is never sent again */
    uint64_t epoch;         /* random, not 0 */
};

/* As in segment_entry, without seq: the journal gives that. */
struct journal_stats {
    uint64_t bytes;
    uint64_t capacity_bytes;
    uint64_t waiting; /* records that are not committed; what gathers is one */
    uint64_t waiting_bytes;
    uint64_t dropped_total;   /* samples lost since the journal was made */
    uint64_t damaged_bytes;   /* skipped when the journal was opened */
    int64_t oldest_sample_us; /* of what waits; 0: nothing */
};

struct journal_epoch {
    uint64_t epoch;
    uint64_t oldest_unacked; /* next_seq if nothing waits */
    uint64_t next_seq;
};

struct journal_found {
    uint64_t seq;
    uint32_t len; /* of the body */
    uint8_t type;
};

/* ERR_CONFLICT if another process has it open. */
MUSTCHECK enum status journal_open(const struct journal_config *cfg, struct journal **ret, struct error *err);
/* Makes durable what it can and closes. Accepts NULL. */
void journal_close(struct journal **ref);

/* Appends to the present epoch; e->seq is ignored. ERR_FULL when there is nothing left to drop, ERR_IO;
 * ERR_TOO_BIG at LINK_SEQ_MAX: open another epoch. */
MUSTCHECK enum status journal_append(struct journal *j, const struct segment_entry *e, uint64_t *ret_seq,
                                     struct error *err);
MUSTCHECK enum status journal_sync(struct journal *j, struct error *err);
uint64_t journal_epoch(const struct journal *j);
uint64_t journal_next_seq(const struct journal *j);
/* All records of the present epoch below this one survive a power loss. */
uint64_t journal_durable_seq(const struct journal *j);
/* Nothing is left for journal_sync. */
bool journal_is_durable(const struct journal *j);

/* To be called before journal_hold: do these samples (head: dict and flags) fit what gathers? What they do
 * not fit is sealed first; still not: append them as a record. From here to journal_hold they are of the
 * present epoch's next number. */
MUSTCHECK enum status journal_ready(struct journal *j, const struct gather_head *head,
                                    const struct link_sample *v, uint32_t n, bool *ret_fits,
                                    struct error *err);
MUSTCHECK enum status journal_hold(struct journal *j, const struct gather_head *head,
                                   const struct link_sample *v, uint32_t n, struct error *err);
/* Makes what gathers a record; OK if nothing does. On failure it gathers on. What a former process left and
 * could not be made one at the start, on a full disk, is tried again; that it fails again is no failure. */
MUSTCHECK enum status journal_seal(struct journal *j, struct error *err);
/* Something gathers. */
bool journal_holds(const struct journal *j);
/* True after a failed sync, until journal_refile. */
bool journal_is_broken(const struct journal *j);
/* The present epoch first, then closed ones in which something waits, oldest first. Returns how many were put
 * into v; *ret_more (may be NULL) tells if there were more than max. */
uint32_t journal_epochs(const struct journal *j, struct journal_epoch *v, uint32_t max, bool *ret_more);
/* The first record that waits in [from, end) of an epoch. */
bool journal_find(const struct journal *j, uint64_t epoch, uint64_t from, uint64_t end,
                  struct journal_found *ret);
/* ERR_NOT_FOUND; ERR_IO if it was damaged meanwhile (see journal_give_up). */
MUSTCHECK enum status journal_read(const struct journal *j, uint64_t epoch, uint64_t seq, struct buf *body,
                                   struct segment_entry *ret, struct error *err);
/* [first, end) is stored by the server. Unknown records are ignored. Errors concern the removal of files only
 * and can be ignored: it is tried again. */
enum status journal_commit(struct journal *j, uint64_t epoch, uint64_t first, uint64_t end,
                           struct error *err);
/* A record that cannot be read any more: it waits no longer, its samples are lost. */
void journal_give_up(struct journal *j, uint64_t epoch, uint64_t seq);
/* Puts tombstones for what was lost, stamped t_us, at the end of the present epoch, unless some wait already;
 * durably. */
MUSTCHECK enum status journal_tell(struct journal *j, int64_t t_us, struct error *err);
/* Counts samples that never got a number, since the disk did not take them; the next tombstone tells. */
MUSTCHECK enum status journal_lost(struct journal *j, uint64_t samples, int64_t from_us, int64_t to_us,
                                   struct error *err);
/* Closes the present epoch and opens another. */
MUSTCHECK enum status journal_new_epoch(struct journal *j, uint64_t epoch, struct error *err);
/* Moves what waits in an epoch from from_seq on, with all its DICT records, to a new epoch: after a fork (the
 * server has something else under these numbers) or a failed sync. If old was the present epoch, the new one
 * is. The next tombstone tells which numbers are left behind. A crash in between leaves records under both;
 * the server stores a sample once. */
MUSTCHECK enum status journal_refile(struct journal *j, uint64_t old, uint64_t from_seq, uint64_t epoch,
                                     struct error *err);
/* Of these ranges, all that the server has of an epoch: do they lack what it had acknowledged? */
bool journal_misses(const struct journal *j, uint64_t epoch, const struct seq_range *v, uint32_t n);
/* All that is still on the disk waits again, whatever was committed; what comes from now on is of another
 * epoch. After a failure everything is as before. */
MUSTCHECK enum status journal_recall(struct journal *j, uint64_t epoch, struct error *err);
/* The journal's directory, for what else the gateway keeps there under the same lock; lent. */
int journal_dir_fd(const struct journal *j);
void journal_get_stats(const struct journal *j, struct journal_stats *ret);

#endif
