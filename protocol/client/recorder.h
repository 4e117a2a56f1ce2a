/* Writes what was put into the tags to the journal: at each flush the dictionary, if it changed, then the
 * samples as DATA records; and makes the journal durable, at most every sync_us.
 *
 * While nothing can be sent (gathers), samples are kept by the journal without a record of their own, until
 * they make a large one, gather_us have passed, or the line is back: a backlog then costs the line, and the
 * disk of the server, about half of what records of each flush would. They are as durable as a record.
 *
 * When the journal cannot be written (a full or dying disk), the samples of that flush are lost to history
 * and counted, and told by a tombstone as soon as it can; present values still reach the server, since they
 * travel as snapshots from the tags. After a failed sync it moves to a new epoch as soon as the disk lets it,
 * trying every RECORDER_RETRY_US.
 *
 * on_record is called before the record goes to the journal, so that whoever keeps a list has every record
 * that the journal has; it may have one that the journal has not, and that number is then given again. For
 * a record that gathers it is called with each part.
 *
 * Borrows tags and journal. One thread. */
#ifndef PENSTOCK_CLIENT_RECORDER_H
#define PENSTOCK_CLIENT_RECORDER_H

#include "protocol/client/journal.h"
#include "protocol/client/moment.h"
#include "protocol/client/tags.h"
#include "protocol/event_msg.h"

#include <stdbool.h>

#define RECORDER_RETRY_US  INT64_C(10000000)
#define RECORDER_GATHER_US INT64_C(600000000)
/* Numbers from here on are given in a new epoch. */
#define RECORDER_SEQ_MAX (LINK_SEQ_MAX / 2)

struct recorder_host {
    void *ctx;
    uint64_t (*new_epoch)(void *ctx); /* random, never 0 */
    /* May be NULL. Samples of one DATA record, or a part of them. */
    void (*on_record)(void *ctx, uint64_t epoch, uint64_t seq, const struct link_sample *v, uint32_t n);
};

/* Samples that could not be journaled and that the journal does not know of yet. */
struct recorder_untold {
    uint64_t samples;
    int64_t from_us;
    int64_t to_us;
};

/* Where a dictionary is in the journal. */
struct recorder_dict {
    uint64_t id; /* 0: none */
    uint64_t epoch;
    uint64_t first; /* its records: [first, end) of epoch */
    uint64_t end;
    uint32_t n_tags; /* the tags that it has: the first so many */
};

struct recorder {
    struct tags *tags;
    struct journal *journal;
    struct recorder_host host;
    int64_t sync_us;
    int64_t gather_us;         /* RECORDER_GATHER_US, unless it is set */
    bool gathers;              /* set by who knows the line: what is recorded now would not be sent now */
    int64_t gathering_mono_us; /* since when */
    int64_t synced_mono_us;
    int64_t retry_mono_us;     /* when to try a broken journal again */
    struct recorder_dict dict; /* in force */
    uint64_t dict_ids;         /* given so far, also to those that failed */
    uint32_t n_dicts;          /* given in the present epoch */
    uint64_t n_dicts_epoch;
    bool clock_unsure; /* what is recorded is marked: its times are not to be trusted (flag U) */
    uint64_t lost;     /* samples that could not be journaled since the start */
    struct recorder_untold untold;
};

void recorder_init(struct recorder *r, struct tags *tags, struct journal *journal, int64_t sync_us,
                   const struct recorder_host *host);
/* The first error is returned; what can be done is done all the same. */
MUSTCHECK enum status recorder_flush(struct recorder *r, struct moment now, struct error *err);
/* Journals another record than samples: what follows the prefix of an EVENT, CMD_RESULT or CFG_RESULT. */
MUSTCHECK enum status recorder_append(struct recorder *r, enum msg_type type, struct slice body,
                                      struct error *err);
/* What happened at the gateway. ERR_TOO_BIG, ERR_INVALID: a text or a time is not as EVENT wants it. */
MUSTCHECK enum status recorder_event(struct recorder *r, const struct msg_event *event, struct error *err);
/* What has gathered becomes a record, and all is made durable: a session begins. */
MUSTCHECK enum status recorder_settle(struct recorder *r, struct moment now, struct error *err);
/* Makes the journal durable if it is time to. */
MUSTCHECK enum status recorder_sync(struct recorder *r, struct moment now, struct error *err);
/* When recorder_sync wants to be called; MOMENT_NEVER if all is durable. */
int64_t recorder_next_mono_us(const struct recorder *r);
/* Moves an epoch's records from from_seq on to a new epoch (journal_refile). */
MUSTCHECK enum status recorder_refile(struct recorder *r, uint64_t epoch, uint64_t from_seq,
                                      struct error *err);

/* All that the journal still has waits again, under the numbers that it has (journal_recall). */
MUSTCHECK enum status recorder_recall(struct recorder *r, struct error *err);

#endif
