/* The interface to people and programs: HTTPS, REST and live WebSockets, by libwebsockets on the caller's
 * loop. It exchanges values only: requests go out through host->request and are answered by api_reply; what
 * is shown is read from a const core. It changes nothing by itself. api.openapi.json is the contract of REST;
 * live.h describes the socket. One thread: the loop's (password hashing runs on uv's pool). */
#ifndef PENSTOCK_API_API_H
#define PENSTOCK_API_API_H

#include "server/config/config.h"
#include "server/core/core.h"
#include "server/core/gateway_health.h"
#include "server/core/request.h"

#include <uv.h>

struct api;

struct api_gateway {
    bool up;
    int64_t since_us;
    const char *peer;
    const char *software;
    uint64_t records;
    uint64_t duplicates;
    uint64_t quarantined;
    uint64_t unknown_tags;
    uint64_t backlog_bytes;
    int64_t oldest_sample_us;
    uint64_t dropped_total;
    int64_t clock_offset_us;
    int64_t clock_measure_us; /* by how much that may be wrong; -1: not measured yet */
    int64_t clock_said_us;
    const char *clock_source; /* "none", "ntp", "ptp", "gnss" */
    bool clock_unsynced;
    bool clock_off;
    int64_t last_seen_us;
    int64_t complete_us;         /* all its samples before this have come; 0: nothing is certain */
    const uint8_t *certificate;  /* SHA-256, IDENTITY_HASH_SIZE bytes; NULL if none is known */
    int64_t certificate_ends_us; /* 0: not known */
    const char *fault;
    int64_t suspended_until_us; /* 0: it is not */
    char suspended_why[256];
    int64_t duplicate_until_us; /* another one of its name is kept out; 0: no */
    char duplicate_why[256];
    const struct gateway_health *health; /* NULL: nothing is known of this gateway */
};

enum { API_EXPORTS_MAX = 2 };

/* The chain over the operations journal. */
struct api_audit {
    bool sealing;   /* new rows get their places */
    int64_t sealed; /* last position; 0: none yet */
    int64_t sealed_us;
    bool signs;         /* there is a key */
    int64_t checkpoint; /* position of the last signed checkpoint; 0: none */
    int64_t checkpoint_us;
    int64_t broken_us; /* when the server last saw it broken; 0: not since its start */
    uint32_t n_exports;
    struct {
        const char *name;   /* "file", "syslog" */
        const char *state;  /* "ok", "behind" (more than five minutes), "failing" */
        int64_t pos;        /* all up to here arrived */
        int64_t waiting_us; /* how long ago what waits longest was sealed; 0: nothing waits */
    } exports[API_EXPORTS_MAX];
};

struct api_health {
    const char *store;      /* "ok", "slow", "away" */
    const char *store_text; /* why, when it is away */
    bool store_full;        /* it is away because the database's disk is full */
    int64_t store_lag_us;
    struct {
        int64_t lag_us;   /* for how long the oldest samples have waited to be packed into chunks */
        int64_t rows;     /* of records whose samples wait, about */
        uint64_t samples; /* since the start, as all that follows */
        uint64_t chunks;
        uint64_t pruned;  /* records as received that were deleted */
        uint64_t damaged; /* what was put aside */
        const char *text; /* why it does not go on; "": it does */
    } packing;
    int64_t started_us;
    int64_t loop_lag_us; /* worst turn in the last 10 s */
    uint64_t journal_seq;
    uint64_t journaled_seq; /* durable */
    int64_t crl_ends_us;    /* when the link's list of revoked certificates is outdated; 0: there is none */
    bool crl_due;           /* that is soon, or was: a newer one should be there */
    struct api_audit audit;
    uint64_t expired;      /* samples that were not stored since the start: older than they would be kept */
    uint32_t spool_asides; /* files of the operators' spool that did not follow the journal, for a person to
                              look at */
    int64_t spool_room;    /* bytes that its disk keeps for it */
};

/* The store as this process knows it; the rest is asked by REQ_STORE. */
struct api_store {
    const char *state; /* as in struct api_health, and the next */
    const char *text;
    int64_t lag_us;
    uint64_t pending_records; /* that wait for their commit */
    uint64_t pending_bytes;
    bool disk_known;
    const char *disk_path; /* "": a configured limit stands for the disk */
    int64_t disk_bytes;
    int64_t disk_free;
    double grow_bytes_day;     /* NaN: not known */
    int64_t full_at_us;        /* 0: not in sight */
    int64_t packed_us;         /* when all was packed last; 0: never yet */
    const char *packing_error; /* "": it goes on */
    bool has_spool;
    uint32_t spool_asides;
    int64_t spool_room;
    int64_t audit_broken_us;
};

struct api_host {
    void *ctx;
    /* Answered exactly once, by api_reply with the same token, later in this turn or in another. */
    void (*request)(void *ctx, uint64_t token, const struct request *r);
    /* Nobody waits for this answer any more: it may be an error, and come at once. A token that was answered
     * already is none. */
    void (*forget)(void *ctx, uint64_t token);
    /* Texts are valid until the next loop turn. */
    void (*gateway)(void *ctx, uint32_t gateway, struct api_gateway *ret);
    void (*health)(void *ctx, struct api_health *ret);
    void (*store)(void *ctx, struct api_store *ret);
    /* Writes a one-time token out as its gateway takes it. False: this server signs no certificates. */
    bool (*token)(void *ctx, const char *gateway, const uint8_t secret[IDENTITY_SECRET_SIZE],
                  char ret[IDENTITY_TOKEN_TEXT_SIZE]);
    /* core_alarm_explain of the core that is shown: it needs room of the core's own to work in. */
    uint32_t (*explain)(void *ctx, uint32_t alarm, struct slice *ret_source, struct rule_part *ret,
                        uint32_t max);
};

struct api_config {
    uv_loop_t *loop;
    const char *address;   /* numeric */
    uint16_t port;         /* 0: any free one, see api_port */
    const char *cert_file; /* PEM chain; TLS always */
    const char *key_file;
    const char *web_dir;   /* built HMI: index.html, assets/…, with .gz beside */
    const char *origins;   /* comma-separated list of allowed origins beside https://ADDRESS:PORT and
                              https://localhost:PORT */
    const char *build;     /* version text, told to browsers */
    uint32_t password_mib; /* memory of Argon2id; 0: the default, 64 */
};

MUSTCHECK enum status api_new(const struct api_config *cfg, const struct api_host *host, struct api **ret,
                              struct error *err);
uint16_t api_port(const struct api *a);
/* What is shown from now on (borrowed until the next call). NULL core: starting, all but health answers 503.
 */
void api_set_view(struct api *a, const struct core *core, const struct config_set *config);
void api_reply(struct api *a, uint64_t token, const struct reply *r);
/* Tags that changed (from core_take_changed); marks them dirty for each client that looks at them. */
void api_tags_changed(struct api *a, const uint32_t *tags, uint32_t n);
/* A record for the alarm stream, in order of seq, each once. */
void api_alarm(struct api *a, const struct alarm_record *r);
/* The sound was stopped at a position (index in the present model), or with MODEL_NONE at all. */
void api_silence(struct api *a, uint32_t position);
/* Links or the state of storing changed. */
void api_status_changed(struct api *a);
/* Once per loop turn: asks for writability of clients that are due, closes what is over its deadline. */
void api_turn_end(struct api *a, int64_t now_us, int64_t now_mono_us);
void api_stop(struct api *a, void (*on_stopped)(void *ctx), void *ctx);
void api_free(struct api **a);

#endif
