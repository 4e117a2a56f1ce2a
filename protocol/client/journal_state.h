/* The inside of a journal, shared by journal.c (writing, reading, forgetting), journal_files.c (opening, the
 * directory) and journal_losses.c (what was given up). Private to these. */
#ifndef PENSTOCK_CLIENT_JOURNAL_STATE_H
#define PENSTOCK_CLIENT_JOURNAL_STATE_H

#include "protocol/client/gather.h"
#include "protocol/client/journal.h"

/* A crash while epochs are being put together can leave one more on the disk. */
enum { EPOCHS_ROOM = JOURNAL_EPOCHS_MAX + 8 };

struct epoch {
    uint64_t id;
    uint64_t next_seq;
};

/* A file of what the server has (journal_kept.c): numbers [first, end) of an epoch; first = end: some. */
struct kept {
    uint64_t number;
    uint64_t epoch;
    uint64_t first;
    uint64_t end;
    uint32_t bytes;
};
enum { KEPT_EPOCHS_MAX = 16 }; /* as many as one HELLO can name */

struct journal {
    char dir[JOURNAL_PATH_MAX];
    int dir_fd;
    int lock_fd;
    uint64_t capacity;
    uint32_t segment_bytes;
    struct segment **segments; /* by number, so by age */
    uint32_t n_segments;
    uint32_t cap_segments;
    uint64_t next_number;
    struct epoch epochs[EPOCHS_ROOM]; /* by age; the last one is present */
    uint32_t n_epochs;
    uint64_t bytes;
    uint64_t keep_bytes;
    struct kept *kept; /* by number */
    uint32_t n_kept;
    uint32_t cap_kept;
    uint64_t kept_bytes;
    struct losses losses;
    struct gather gather;
    uint64_t damaged_bytes;
    uint64_t durable_seq;
    bool broken;
};

/* False if there is no such epoch. */
bool epoch_index(const struct journal *j, uint64_t id, uint32_t *ret);
/* Records, or only their samples, that wait in an epoch. */
uint64_t epoch_waiting(const struct journal *j, uint64_t id);
uint64_t epoch_waiting_samples(const struct journal *j, uint64_t id);
/* Puts a segment into the list. Takes it in any case. */
MUSTCHECK enum status take_segment(struct journal *j, struct segment *s, struct error *err);
/* Removes the file; the segment is forgotten only if that went well. */
MUSTCHECK enum status remove_segment(struct journal *j, uint32_t i, struct error *err);
/* Removes an epoch's files and forgets it. A crash may come in between. Of what the server has, the oldest go
 * first: what stays still says how far the epoch has come. Of what has moved to another epoch, or was never
 * sent, the newest go first: what stays may be moved or sent again, and can be read. */
enum remove_order { REMOVE_OLDEST_FIRST, REMOVE_NEWEST_FIRST };
MUSTCHECK enum status remove_epoch(struct journal *j, uint32_t e, enum remove_order order, struct error *err);
void seal_epoch(struct journal *j, uint64_t id);
/* Drops the oldest samples until so many bytes fit. */
MUSTCHECK enum status make_room(struct journal *j, size_t need, struct error *err);
/* Leaves at most max epochs: those in which nothing waits go first, then those without samples, then the
 * oldest. Their other records move to the present epoch. */
MUSTCHECK enum status limit_epochs(struct journal *j, uint32_t max, struct error *err);
/* Appends to epoch e, into its newest segment or a new one. */
MUSTCHECK enum status append_to(struct journal *j, uint32_t e, const struct segment_entry *entry,
                                struct error *err);
/* Copies records of an epoch to the end of epoch e: for a refiling every DICT, and what waits from from_seq
 * on; for an epoch that is given up what waits and is no sample. */
enum copy_what { COPY_REFILED, COPY_KEPT };
MUSTCHECK enum status copy_records(struct journal *j, uint64_t old, enum copy_what what, uint64_t from_seq,
                                   uint32_t e, struct error *err);
/* SEGMENT_LAST if no later segment of its epoch has a record that survives a power loss. */
enum segment_last last_or_middle(const struct journal *j, uint32_t i);
/* Removes or rewrites segment i so that it takes no more than these bytes. */
MUSTCHECK enum status shrink_segment(struct journal *j, uint32_t i, enum segment_drop drop, uint32_t bytes,
                                     struct error *err);

/* The open record (journal_gather.c): makes it one if it is to be of this epoch. Whoever gives the present
 * epoch's next number to something else has that done before. */
MUSTCHECK enum status seal_gather(struct journal *j, uint64_t epoch, struct error *err);
bool gathers_for(const struct journal *j, uint64_t epoch);
/* The present epoch's records have moved from old to a new present one: what gathers follows. */
void regather(struct journal *j, uint64_t old);
/* At opening: finds out whether what gathered became a record; if not, its epoch is made the last one. */
MUSTCHECK enum status load_gather(struct journal *j, struct error *err);
/* journal_new_epoch, whatever becomes of what gathers. */
MUSTCHECK enum status begin_epoch(struct journal *j, uint64_t epoch, struct error *err);

/* At opening: takes in a file, if it is one of these. */
bool kept_parse_name(const char *name, struct kept *ret);
MUSTCHECK enum status kept_load(struct journal *j, const char *name, struct error *err);
/* The server has all of this segment, which is to be rewritten or removed now. */
void keep_segment(struct journal *j, const struct segment *s);
/* False if there is none. */
bool kept_forget_oldest(struct journal *j);
/* Gives all of them back the names of segments. */
void kept_restore(struct journal *j);

/* Makes durable that this is lost; to be called before it goes. */
MUSTCHECK enum status note_loss(struct journal *j, const struct loss *loss, struct error *err);
/* The record of a tombstone is stored, is unreadable, or has moved. */
MUSTCHECK enum status settle_told(struct journal *j, struct error *err);
void untell(struct journal *j, uint64_t epoch, uint64_t seq);
void retell(struct journal *j, uint64_t epoch, uint64_t seq, uint64_t new_epoch, uint64_t new_seq);
/* At opening: reads the file, finds the tombstones, drops again what a crash has left. */
MUSTCHECK enum status load_losses(struct journal *j, struct error *err);

#endif
