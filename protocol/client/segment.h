/* One file of the gateway's journal: records of one epoch, ascending by sequence number. It is only ever
 * appended to, rewritten as a whole without what is no longer needed, or removed. The journal (journal.h)
 * decides which.
 *
 * File name: <number, 12 digits>-<epoch, 16 hex digits>.seg1; the number rises over the journal's life. A
 * record is, little-endian: u32 length of body | u32 CRC-32C of all else | u64 epoch | u64 seq | u64 dict |
 * i64 time of the oldest sample | u32 samples | u16 flags | u8 type | u8 8 or 0 | with 8: i64 time of the
 * newest sample, where that is another | body (what follows the prefix on the wire). The prefix is not kept
 * because its epoch index changes from session to session.
 *
 * Loading accepts any bytes: a record that does not check is skipped, the next one that does is searched for,
 * so that a torn tail or a flipped bit costs the records that it hit and no other. Records are checked again
 * when they are read. One thread. */
#ifndef PENSTOCK_CLIENT_SEGMENT_H
#define PENSTOCK_CLIENT_SEGMENT_H

#include "protocol/client/losses.h"
#include "protocol/limits.h"
#include "server/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { SEGMENT_HEAD = 48, SEGMENT_BYTES_MAX = 16 * 1024 * 1024, SEGMENT_NAME_SIZE = 40 };

struct segment_entry {
    uint64_t seq;
    uint64_t dict;
    int64_t t_us;      /* of the oldest sample, 0 without samples */
    int64_t t_last_us; /* of the newest; below t_us: the same */
    uint32_t samples;
    uint16_t flags; /* enum frame_flag, without the lane's */
    uint8_t type;   /* enum msg_type */
    struct slice body;
};

/* What is kept in memory of a record. */
struct segment_record {
    uint32_t offset;
    uint32_t len; /* of what follows the head */
    uint32_t samples;
    uint32_t seq_delta; /* from the segment's first_seq */
    uint8_t type;
    bool committed;
};

struct segment {
    int dir_fd; /* borrowed */
    int fd;
    uint64_t number;
    uint64_t epoch;
    uint64_t first_seq; /* of the first record */
    uint32_t bytes;     /* of the file that are used */
    uint32_t damaged;   /* bytes that loading had to skip */
    uint32_t n;
    uint32_t cap;
    uint32_t left;       /* records that are not committed */
    uint32_t left_bytes; /* of these */
    uint32_t low;        /* all records before this index are committed */
    uint32_t given_up;   /* records that are marked as committed, and the server may not have */
    bool sealed;         /* nothing is appended any more; a loaded segment is sealed */
    struct segment_record *records;
    char name[SEGMENT_NAME_SIZE];
};

/* Which records segment_rewrite leaves out. DICT records always stay: what follows cannot be read without. */
enum segment_drop {
    SEGMENT_DROP_COMMITTED, /* what the server has stored */
    SEGMENT_DROP_SAMPLES,   /* that, and all DATA: to make room */
    SEGMENT_DROP_ALL,       /* all but DICT: for segment_loss of a whole epoch that is removed */
};
/* The last record of an epoch's last segment stays too: it says how far the epoch has come. */
enum segment_last { SEGMENT_MIDDLE, SEGMENT_LAST };

/* A new empty file. */
MUSTCHECK enum status segment_create(int dir_fd, uint64_t number, uint64_t epoch, struct segment **ret,
                                     struct error *err);
/* True if this is a name of ours. */
bool segment_parse_name(const char *name, uint64_t *ret_number, uint64_t *ret_epoch);
void segment_format_name(uint64_t number, uint64_t epoch, char ret[SEGMENT_NAME_SIZE]);
/* Opens and indexes a file; it is made durable, since what is found may so far be in the page cache only. */
MUSTCHECK enum status segment_load(int dir_fd, const char *name, struct segment **ret, struct error *err);
/* Writes its bytes in place once more and makes them durable. After a failed sync the system may take for
 * written what never was, and the next sync says so: a new process cannot know whether that happened to the
 * one before. */
MUSTCHECK enum status segment_write_again(struct segment *s, struct error *err);
/* Closes, does not remove. Accepts NULL. */
void segment_free(struct segment **s);
/* Removes the file. */
MUSTCHECK enum status segment_remove(struct segment *s, struct error *err);

/* True if a body of this length and sequence number fits. */
bool segment_has_room(const struct segment *s, uint64_t seq, size_t body_len, uint32_t bytes_max);
/* seq must be above all before. On failure the file is as it was. */
MUSTCHECK enum status segment_append(struct segment *s, const struct segment_entry *e, struct error *err);
MUSTCHECK enum status segment_sync(struct segment *s, struct error *err);
uint64_t segment_seq(const struct segment *s, uint32_t i);
/* Index of the first record with this or a later sequence number; n if there is none. */
uint32_t segment_find(const struct segment *s, uint64_t seq);
/* Fills body (cleared first) and *ret, whose body points into it. ERR_IO if it does not check any more. */
MUSTCHECK enum status segment_read(const struct segment *s, uint32_t i, struct buf *body,
                                   struct segment_entry *ret, struct error *err);
/* Marks [first, end) as stored by the server; what was marked before stays so. Returns how many are new. */
uint32_t segment_commit(struct segment *s, uint64_t first, uint64_t end);
/* What rewriting would leave in the file, in bytes. */
uint32_t segment_rewritten_bytes(const struct segment *s, enum segment_drop drop, enum segment_last last);
/* What dropping would lose: samples that are not stored. False if there are none. Reads their times from the
 * disk; those that cannot be read any more are left out of the span. */
bool segment_loss(const struct segment *s, enum segment_drop drop, enum segment_last last, struct loss *ret);
/* The same for one record, whatever its type. */
void segment_record_loss(const struct segment *s, uint32_t i, struct loss *ret);
/* Does DATA wait in [first, end)? */
bool segment_has_samples(const struct segment *s, uint64_t first, uint64_t end);
/* Marks the DATA in [first, end) as if it were stored: it was given up. Returns how many are new. */
uint32_t segment_give_up(struct segment *s, uint64_t first, uint64_t end);
/* Replaces the file by one without the dropped records, durably, by rename: a crash leaves the old or the new
 * one. */
MUSTCHECK enum status segment_rewrite(struct segment *s, enum segment_drop drop, enum segment_last last,
                                      struct error *err);

#endif
