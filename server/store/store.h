/* The store: PostgreSQL, asynchronously, on the loop. Nine connections: one for the alarm journal
 * (nothing delays alarms), one for the gateways' records (ingest), one for events (audit, sessions,
 * configuration, accumulators), one for the packer, two for history (screens; exports), three for queries
 * (who somebody is; reports over the alarm journal; everything else). Each is re-established by itself; what
 * was handed over is kept until it is committed, and submitted again after an unknown outcome: every
 * statement is idempotent. Memory is bounded: beyond the limits, calls say ERR_FULL. The store never calls
 * back from inside a call of its own. */
#ifndef PENSTOCK_STORE_STORE_H
#define PENSTOCK_STORE_STORE_H

#include "protocol/msg.h"
#include "server/config/config.h"
#include "server/core/request.h"
#include "server/core/sample.h"

#include <uv.h>

struct store;

/* What a gateway tells to be gone at the site: numbers [first, end) of one of its epochs. */
struct store_dropped {
    uint64_t epoch;
    uint64_t first; /* first <= end <= 2^63 - 1; equal: its samples never had a number */
    uint64_t end;
    uint64_t samples;
    int64_t from_us; /* span of their times */
    int64_t to_us;
};

/* A record with what history keeps of it; copied. */
struct store_record {
    int64_t gateway_key;
    uint64_t epoch;
    uint64_t seq;
    uint64_t dict;
    uint8_t type;
    uint16_t flags;
    uint32_t crc;
    struct slice body;
    int64_t received_us;
    uint16_t fault; /* enum link_code; not 0: quarantine */
    const char *fault_text;
    const struct stored_sample *samples;
    uint32_t n_samples;
    bool has_dropped; /* it tells of lost records: dropped says which */
    struct store_dropped dropped;
    bool again;    /* its number is stored already: it is compared with what stands there, and nothing more */
    bool unsynced; /* flag U; then the number since which that has been so without a break */
    uint64_t unsynced_first;
    bool has_step; /* it tells that its gateway's clock was set by step_us; it showed step_t_us after that */
    int64_t step_us;
    int64_t step_t_us;
    uint64_t after_seq; /* alarm journal: this record is submitted only when that is durable; 0: at once */
};

struct store_key {
    int64_t gateway_key;
    uint64_t epoch;
    uint64_t seq;
};

/* How many records of a session came again and were refused on one day: absolute, it only grows. */
struct store_repeat {
    int64_t gateway_key;
    uint64_t session;
    int64_t day; /* since 1970-01-01, UTC */
    uint64_t n;
};

/* A gateway's clock as measured in a session; the newest counts. */
struct store_clock {
    int64_t gateway_key;
    int64_t session;
    int64_t source; /* enum clock_source */
    int64_t said_error_us;
    int64_t offset_us;
    int64_t error_us;
    int64_t worst_us;
    int64_t off; /* 0 or 1 */
    int64_t from_us;
    int64_t to_us;
};

struct store_dict {
    uint64_t epoch;
    uint64_t dict;
    struct slice body;
};

/* Numbers [first, end) of an epoch. */
struct store_range {
    uint64_t epoch;
    uint64_t first;
    uint64_t end;
};

struct store_settled {
    enum status status; /* ERR_NOT_FOUND: no such gateway; ERR_UNAVAILABLE: no database */
    struct error error;
    int64_t gateway_key;
    uint64_t session;
    uint32_t n_committed; /* numbers of these epochs that are stored: all of them; of each epoch ascending */
    const struct store_range *committed;
    uint32_t n_dicts;
    const struct store_dict *dicts;
    uint32_t n_gone; /* numbers of these epochs that are gone at the site */
    const struct store_range *gone;
};

/* All that a start needs. Valid during the call. */
struct store_boot {
    struct config_set *config;          /* the receiver's from now on */
    int64_t revision;                   /* 0: nothing configured yet */
    const struct alarm_record *records; /* for struct core_restore, in order of seq (alarm index not set) */
    size_t n_records;
    const struct alarm_accumulator *accumulators;
    size_t n_accumulators;
    uint64_t journal_seq;
    const struct alarm_record *tail; /* what the journal has from tail_from to tail_to, in order of seq */
    size_t n_tail;
    uint32_t users;         /* how many accounts exist */
    const uint8_t *revoked; /* fingerprints of certificates, IDENTITY_HASH_SIZE bytes each, ascending */
    size_t n_revoked;
};

/* Until when what this server issued to a gateway is good. */
struct store_certificate {
    int64_t gateway_key;
    int64_t ends_us; /* of the last one to end that is not revoked; 0: there is none any more */
};

/* How far samples are on their way into chunks (packer.h). */
struct store_packing {
    int64_t at_us;      /* when all was well last; 0: never yet */
    int64_t failing_us; /* since when it does not go on; 0: it does */
    int64_t oldest_us;  /* receipt of the oldest samples that wait; 0: none do */
    int64_t rows;       /* rows of sample_hot that wait, about */
    uint64_t samples;   /* packed since the start, … */
    uint64_t chunks;    /* … in so many chunks */
    uint64_t pruned;    /* records as received that were deleted since the start */
    uint64_t damaged;   /* rows and chunks that were put aside since the start */
    const char *damage; /* what, if that was just now; else NULL */
    struct error error; /* why it does not go on */
};

enum { STORE_PATH_SIZE = 256 };

/* The disk that the database is on (disk.h). */
struct store_disk {
    char path[STORE_PATH_SIZE]; /* what was looked at; "" unless seen */
    int64_t bytes;
    int64_t free;          /* of which the database may use so much */
    double grow_bytes_day; /* NaN: not known yet */
    int64_t full_at_us;    /* 0: not in sight, or not known */
    bool known;            /* else all of this is 0 */
    bool seen;             /* false: it is the configured limit that stands for the disk */
};

/* What waits for its commit. */
struct store_pending {
    uint64_t records;
    uint64_t bytes;
};

enum store_state { STORE_OK, STORE_SLOW, STORE_AWAY };

struct store_host {
    void *ctx;
    /* Once, when the database is there, its schema is right and nobody else serves it. */
    void (*loaded)(void *ctx, struct store_boot *boot);
    /* lag_us: age of the oldest thing that waits for its commit. error says why it is away; ERR_NO_SPACE: the
     * database's disk is full, and what waits is stored as soon as there is room. */
    void (*state)(void *ctx, enum store_state state, int64_t lag_us, const struct error *error);
    void (*ingested)(void *ctx, const struct store_key *v, uint32_t n);
    /* Another content is stored under this number: the record is in quarantine. Told instead of ingested. */
    void (*forked)(void *ctx, const struct store_key *key);
    /* There is room again after an ERR_FULL of store_ingest. */
    void (*room)(void *ctx);
    /* Alarm records up to seq are durable. */
    void (*journaled)(void *ctx, uint64_t seq);
    void (*settled)(void *ctx, uint64_t token, const struct store_settled *s);
    void (*reply)(void *ctx, uint64_t token, const struct reply *r);
    /* Another program (penstock config …) wrote a revision. config is the receiver's. May be NULL: then such
     * changes count from the next start. */
    void (*config_changed)(void *ctx, int64_t revision, struct config_set *config);
    /* All certificates of gateways that are revoked now, as in struct store_boot: after the start whenever
     * there may be more of them. May be NULL. */
    void (*revoked)(void *ctx, const uint8_t *fingerprints, size_t n);
    /* Of each gateway that was ever issued a certificate, or had one revoked, ascending by key: soon after
     * the start, and whenever it may have changed, behind the call of revoked. May be NULL. */
    void (*certificates)(void *ctx, const struct store_certificate *v, size_t n);
    /* After each look of the packer. May be NULL. */
    void (*packed)(void *ctx, const struct store_packing *s);
    /* The disk of the database, every two seconds once it is known. May be NULL. */
    void (*disk)(void *ctx, const struct store_disk *disk);
    /* Cannot go on: wrong schema, another server has the database, a statement is refused for good. The
     * server stops. */
    void (*fatal)(void *ctx, const struct error *error);
};

struct store_config {
    uv_loop_t *loop;
    const char *conninfo;       /* libpq; several hosts allowed */
    const char *migrations_dir; /* to know which schema this program needs */
    uint32_t commit_every_ms;   /* longest wait of a record for company; 0: the default, 20 ms */
    size_t pending_bytes_max;   /* of records; 0: the default, 256 MiB */
    int64_t pack_after_us; /* so old become samples before they are packed; 0: the default, PACKER_AFTER_S */
    int64_t keep_raw_us;   /* … and records as received before they are deleted; 0: the default, 48 h */
    const char *path;      /* folder of the database's files; NULL or "": what PostgreSQL says */
    int64_t limit_bytes;   /* of the database, where its disk cannot be seen; 0: none */
    uint64_t tail_from;    /* numbers of the journal whose records are told at the start; 0, 0: of none */
    uint64_t tail_to;
};

MUSTCHECK enum status store_new(const struct store_config *cfg, const struct store_host *host,
                                struct store **ret, struct error *err);
/* Would store_ingest take it now? If not, host->room tells when to ask again. */
bool store_has_room(struct store *s, const struct store_record *r);
/* ERR_FULL: no room. ERR_INVALID: seq is not below LINK_SEQ_MAX, which no honest gateway reaches. */
MUSTCHECK enum status store_ingest(struct store *s, const struct store_record *r);
/* Records in order of seq, each once. Bounded by 1 000 000 waiting records, then ERR_FULL. position:
 * operator's position that the alarm belongs to; empty if it is not configured any more: that of its record
 * before. */
MUSTCHECK enum status store_journal(struct store *s, const struct alarm_record *r, struct slice position);
/* What the accumulators are at this server time; copied. A checkpoint that still waits is replaced. */
void store_checkpoint(struct store *s, const struct alarm_accumulator *v, uint32_t n, int64_t at_us);
void store_audit(struct store *s, const struct actor *actor, const char *action, const char *object,
                 const char *detail);
/* For the ledger, within a second. Forgotten with a process that is killed before. */
void store_repeated(struct store *s, const struct store_repeat *r);
/* As store_repeated. */
void store_clock(struct store *s, const struct store_clock *c);
/* On the ingest connection, behind all records handed over before. Answered always, by host->settled. */
void store_settle(struct store *s, uint64_t token, struct slice gateway_name, const struct msg_epoch *epochs,
                  uint32_t n_epochs);
/* Any request but REQ_ALARM and REQ_SILENCE. Answered always, by host->reply: ERR_UNAVAILABLE at once while
 * the database is away. REQ_CONFIG_HISTORY tells at most 5 000 items of each revision. REQ_CONFIG_CHANGE is
 * stored as given: the caller has checked it; the reply has the revision; keys of new items follow by
 * store_keys. Two servers or sessions: ERR_CONFLICT when an expected revision is not the present one. */
void store_request(struct store *s, uint64_t token, const struct request *r);
/* Nobody waits for the answer any more: a question about history is given up, and answered with an error. */
void store_forget(struct store *s, uint64_t token);
/* Key of a stored item, known from the last boot or config change; 0 if none. */
int64_t store_key(const struct store *s, enum config_kind kind, struct slice name);
struct store_pending store_pending(const struct store *s);
/* Once per loop turn: submits what waits. */
void store_turn_end(struct store *s);
/* Commits what waits (at most timeout_ms), closes; then on_stopped, then store_free. */
void store_stop(struct store *s, uint32_t timeout_ms, void (*on_stopped)(void *ctx), void *ctx);
void store_free(struct store **s);

#endif
