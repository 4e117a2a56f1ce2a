/* The open record: samples that are on the disk but not yet in a record of the journal. While nothing can be
 * sent, records of a second each would cost the backlog as much as live ones; so samples gather here until
 * they are worth a record (journal.h decides when), which then has one number and many samples.
 *
 *     GATHER_EMPTY --gather_add--> GATHER_OPEN --gather_written--> GATHER_WRITTEN --gather_clear--> EMPTY
 *
 * The file "gathered" says from its first byte on which record it is to become: epoch and number are given
 * when it is begun, and are its own until it is written. So after a crash there is no doubt: either the
 * journal has that record (or a later one), and the file is void, or it has not, and what is in the file
 * becomes it. The number has never been sent, since only what is in the journal is.
 *
 * The file, little-endian: "PSGA" | u32 CRC-32C of the rest of the head | u64 epoch | u64 seq | u64 dict |
 * u16 flags; then for each addition u32 length of what follows the CRC | u32 CRC-32C of length and all that
 * follows, begun with the head's | u16 runs | the value type of each run | the samples as a DATA body. A torn
 * tail or a flipped bit ends it there. Since the CRCs begin with the head's, remains of an earlier record
 * never pass for additions to this one.
 *
 * Owned by the journal, which alone writes it. One thread. Calls block on the disk. */
#ifndef PENSTOCK_CLIENT_GATHER_H
#define PENSTOCK_CLIENT_GATHER_H

#include "protocol/client/segment.h"
#include "protocol/msg.h"

enum {
    GATHER_BODY_MAX = 32 * 1024, /* of the record that it becomes */
    GATHER_SAMPLES_MAX = 8192,   /* each addition may sort all of them */
};

enum gather_state {
    GATHER_EMPTY,
    GATHER_OPEN,
    GATHER_WRITTEN, /* it is in the journal, which is not durable yet */
};

/* The record that it becomes. */
struct gather_head {
    uint64_t epoch;
    uint64_t seq;
    uint64_t dict;
    uint16_t flags; /* enum frame_flag */
};

struct gathered {
    struct link_sample sample; /* a text is texts[text_at, +sample.s.n) */
    size_t text_at;
    uint32_t order;
};

struct gather {
    int dir_fd; /* borrowed */
    int fd;     /* -1: not opened yet */
    enum gather_state state;
    struct gather_head head;
    uint32_t head_crc;
    uint32_t bytes; /* of the file that are used */
    uint32_t damaged;
    bool synced;
    uint32_t n;
    uint32_t cap;
    struct gathered *v; /* in the order in which they came; while a body is made: as DATA wants them */
    struct buf texts;
    size_t cost; /* more than the body can take, without making it */
    struct buf body;
};

void gather_init(struct gather *g, int dir_fd);
/* Closes; the file stays as it is. */
void gather_done(struct gather *g);
/* Reads what a former process left and makes it durable: OPEN if samples are there, else EMPTY. Accepts any
 * bytes. */
MUSTCHECK enum status gather_load(struct gather *g, struct error *err);

/* Would the record still be of at most body_max bytes with these, too? */
bool gather_fits(struct gather *g, const struct link_sample *v, uint32_t n, uint32_t body_max);
/* Bytes that an addition takes in the file, at most. */
uint32_t gather_cost(const struct link_sample *v, uint32_t n);
/* Adds samples (sorted as DATA wants them), which fit. head counts when it is EMPTY. On failure nothing is
 * added. Not in WRITTEN. */
MUSTCHECK enum status gather_add(struct gather *g, const struct gather_head *head,
                                 const struct link_sample *v, uint32_t n, struct error *err);
MUSTCHECK enum status gather_sync(struct gather *g, struct error *err);
/* The record that it becomes; lent until the next call. In OPEN only. */
MUSTCHECK enum status gather_entry(struct gather *g, struct segment_entry *ret, struct error *err);
/* The time of the oldest sample; 0 if there is none. */
int64_t gather_oldest_us(const struct gather *g);
/* The record is in the journal: no more is added. */
void gather_written(struct gather *g);
/* The record is durable in the journal: forgets all. Nothing depends on the file being emptied. */
void gather_clear(struct gather *g);

#endif
