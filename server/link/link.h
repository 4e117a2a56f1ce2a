/* The gateway link, server side: listens, speaks mutual TLS 1.3 (memory BIOs on uv_tcp), runs one session
 * machine a gateway (protocol/README.md), decodes records, and turns them into calls on its host. It never
 * talks to the store or the core: the host (server/app) does. Acknowledgements leave only for what
 * link_committed named. One thread: the loop's. */
#ifndef PENSTOCK_LINK_LINK_H
#define PENSTOCK_LINK_LINK_H

#include "protocol/event_msg.h"
#include "protocol/msg.h"
#include "server/core/core.h"
#include "server/core/gateway_health.h"
#include "server/core/identity.h"

#include <uv.h>

struct link;
struct link_limits;

/* A clock that is more than this off is told to people until it is less than that off. */
#define LINK_CLOCK_OFF_US  INT64_C(1000000)
#define LINK_CLOCK_GOOD_US INT64_C(500000)

/* A journaled record as received, to be stored. All is valid during the call only. */
struct link_record {
    uint32_t gateway; /* index in the present model */
    int64_t gateway_key;
    uint64_t epoch;
    uint64_t seq;
    uint64_t dict;
    uint8_t type;
    uint16_t flags;
    uint32_t crc;      /* CRC-32C of type and body without ep and seq: the same whenever it is sent again */
    struct slice body; /* frame body as received, with its prefix */
    int64_t received_us;
    int64_t clock_error_us; /* as in link_status */
    enum lane lane;         /* LANE_LIVE or LANE_BACKLOG */
    const struct sample
        *samples; /* of a good DATA record: those whose tags the configuration knows; values as sent */
    uint32_t n_samples;
    uint16_t fault;         /* enum link_code: 0, or why it cannot be used (it is stored in quarantine) */
    const char *fault_text; /* "" without fault */
    uint32_t unknown_tags;  /* samples left out because the configuration has no such tag; not those of
                                  core/gateway_health.h */
    bool again;    /* its number is committed already: it is only to be compared with what is stored there */
    bool unsynced; /* its gateway says that it cannot trust the times in it (flag U) … */
    uint64_t unsynced_first; /* … since this number, without a break */
    bool stepped;            /* a good EVENT "clock stepped": by step_us, at step_t_us after it */
    int64_t step_us;
    int64_t step_t_us;
    const struct event_lost
        *lost; /* of a good EVENT "samples lost"; else NULL. end is at most LINK_SEQ_MAX */
};

/* Numbers [first, end) of an epoch. */
struct link_range {
    uint64_t epoch;
    uint64_t first;
    uint64_t end;
};

/* What the database knows of a gateway, as answer to host->settle. */
struct link_settled {
    enum status
        status; /* OK; ERR_NOT_FOUND, ERR_DENIED (disabled): refuse; ERR_UNAVAILABLE: ask to come again */
    struct error error;
    int64_t gateway_key;
    uint64_t session;     /* grows with every answer, from a database sequence */
    uint32_t n_committed; /* numbers of the epochs asked for that are stored; of each epoch ascending */
    const struct link_range *committed;
    uint32_t n_dicts; /* bodies of the DICT records of these epochs, in order of (epoch, dict, part) */
    const struct link_dict {
        uint64_t epoch;
        uint64_t dict;
        struct slice body;
    } * dicts;
    uint32_t n_gone; /* numbers of these epochs that the site told to be gone; they never come */
    const struct link_range *gone;
};

/* Records of a session that came again while the first one was in flight, and were dropped. */
struct link_repeat {
    int64_t gateway_key;
    uint64_t session;
    int64_t day; /* of the server's receipt, since 1970-01-01, UTC */
    uint64_t n;  /* on that day, since the session began */
};

/* A gateway's clock as its session knows it. */
struct link_clock {
    int64_t gateway_key;
    uint64_t session;
    enum clock_source source; /* as HELLO says … */
    int64_t said_error_us;    /* … and by how much it may be off */
    int64_t offset_us;        /* gateway minus server, by the best of the last PONGs */
    int64_t error_us;         /* most that the measure is off: half of the delay */
    int64_t worst_us;         /* the offset furthest from 0 */
    bool off;        /* more than LINK_CLOCK_OFF_US, by several PONGs; ends below LINK_CLOCK_GOOD_US */
    int64_t from_us; /* first and last measure */
    int64_t to_us;
};

struct link_host {
    void *ctx;
    /* A gateway said HELLO. Wait until all its former records are committed or rolled back, then answer by
     * link_settled with the same token. epochs are those of HELLO. */
    void (*settle)(void *ctx, uint64_t token, struct slice gateway_name, const struct msg_epoch *epochs,
                   uint32_t n_epochs);
    /* Store this. ERR_FULL: no room now; the session stops reading and offers it again later. */
    enum status (*record)(void *ctx, const struct link_record *r);
    /* What is true now, not to be stored. Values as sent (not normalised). */
    void (*snapshot)(void *ctx, uint32_t gateway, const struct sample *v, uint32_t n, int64_t received_us);
    /* For the ledger: at most once a second and session, and at its end. */
    void (*repeated)(void *ctx, const struct link_repeat *r);
    /* Measured: the first time in a session, when `off` is decided or changes, now and then, and at its end.
     * judged: several PONGs came, `off` is to be believed. */
    void (*clock)(void *ctx, uint32_t gateway, const struct link_clock *c, bool judged);
    /* All that the gateway had stored before this session has come (or nothing had been missing), and te_us
     * is the time of the newest sample in its first live message. Once a session. */
    void (*backlog_end)(void *ctx, uint32_t gateway, int64_t te_us);
    /* A session is up (after WELCOME) or gone. reason for people: "connection closed by gateway", … */
    void (*state)(void *ctx, uint32_t gateway, bool up, const char *peer, const char *reason);
    /* A gateway asks for a certificate, which is made. Keep it if it may have one, then say so by
     * link_certified with the same token. NULL if link_config has no ca_key_file. */
    void (*certify)(void *ctx, uint64_t token, const struct identity_issue *issue, const char *peer);
    /* A second client shows the identity of a gateway that is there, too often to be a line that flaps. text:
     * who, with which certificate. May be NULL. */
    void (*duplicate)(void *ctx, uint32_t gateway, const char *text);
    /* The files of link_config were read again and count now. May be NULL. */
    void (*files_read)(void *ctx);
    /* Something for the audit: refused certificates, duplicate identity, quarantined records, protocol
     * errors. */
    void (*incident)(void *ctx, const char *action, const char *peer, const char *object, const char *detail);
};

struct link_config {
    uv_loop_t *loop;
    const char *address;   /* numeric */
    uint16_t port;         /* 0: any free one, see link_port */
    const char *ca_file;   /* PEM: who may sign gateways */
    const char *cert_file; /* PEM chain of the server */
    const char *key_file;
    const char *crl_file;    /* NULL: none */
    const char *ca_key_file; /* key of the authority in ca_file that signs gateways; NULL: nobody is enrolled
                                here */
    uint32_t sessions_max;
    uint32_t heartbeat_ms; /* 0: the default of limits.h, as for the following */
    uint32_t dead_ms;
    uint32_t backlog_rate;            /* most that one gateway may use for its backlog, bytes a second */
    const struct link_limits *limits; /* NULL: the defaults; copied */
    bool mutant_ack_before_commit; /* tests only: acknowledges what it received, to prove that the fault test
                                      notices */
};

struct link_status {
    bool up;
    int64_t since_us; /* of the present state */
    char peer[64];
    char software[64];
    uint64_t session;
    uint64_t records; /* received in this session */
    uint64_t duplicates;
    uint64_t quarantined;
    uint64_t unknown_tags;
    uint64_t backlog_bytes; /* as HELLO said */
    int64_t oldest_sample_us;
    uint64_t dropped_total;
    int64_t clock_offset_us;  /* gateway minus server, as measured */
    int64_t clock_error_us;   /* so far ahead may the gateway's clock be, as it says or as was measured; never
                                 more than the limit future_s */
    int64_t clock_measure_us; /* by how much clock_offset_us itself may be wrong; -1: nothing measured yet */
    int64_t clock_said_us;    /* by how much its clock may be off, as HELLO says */
    enum clock_source clock_source; /* what disciplines it, as HELLO says */
    bool clock_unsynced;            /* as its newest record says (flag U); before the first, as HELLO does */
    bool clock_off;                 /* see link_clock */
    int64_t last_seen_us;
    uint8_t certificate[IDENTITY_HASH_SIZE]; /* SHA-256 of what it has shown */
    int64_t certificate_ends_us;             /* 0: none was shown yet */
    struct gateway_health health;            /* as told in the last session */
    char fault[256];                         /* last reason for being down or of trouble; "" */
};

/* Who is kept out, and why. */
struct link_trouble {
    int64_t suspended_until_us; /* 0: it is not suspended */
    char suspended_why[256];    /* the last breach of the protocol */
    int64_t duplicate_until_us; /* two sides fight for one identity: the present session is kept; 0: no */
    char duplicate_why[256];
};

/* Listens at once; sessions are refused with BYE RETRY until the first link_set_model. */
MUSTCHECK enum status link_new(const struct link_config *cfg, const struct link_host *host, struct link **ret,
                               struct error *err);
uint16_t link_port(const struct link *l);
/* The present model (borrowed until the next call): closes sessions of gateways that are gone or disabled,
 * resolves names anew. */
void link_set_model(struct link *l, const struct model *m);
void link_settled(struct link *l, uint64_t token, const struct link_settled *s);
/* This record is durable. Its ACK goes out in link_turn_end. Unknown ones are ignored. */
void link_committed(struct link *l, int64_t gateway_key, uint64_t epoch, uint64_t seq);
/* Another content is stored under the number of this record: the gateway's journal is forked. People are
 * told, and the gateway, once nothing of it is in flight any more. */
void link_forked(struct link *l, int64_t gateway_key, uint64_t epoch, uint64_t seq);
/* The answer to host->certify: OK, when it is durable; ERR_DENIED with the reason; else it is to try again.
 */
void link_certified(struct link *l, uint64_t token, enum status status, const char *text);
/* SHA-256 of the authority that signs gateways here; NULL: there is none. */
const uint8_t *link_authority(const struct link *l);
/* All certificates that are revoked, by fingerprint, IDENTITY_HASH_SIZE bytes each, ascending; copied. Ends
 * the sessions of those. */
void link_set_revoked(struct link *l, const uint8_t *fingerprints, size_t n);
/* Whether this certificate is on that list. */
bool link_revoked(const struct link *l, const uint8_t fingerprint[IDENTITY_HASH_SIZE]);
/* Reads the files of link_config again, as the link does by itself when they change. What is right counts for
 * new connections, and sessions whose certificate is on the new list of revoked ones are ended; what is wrong
 * changes nothing, and is an incident. */
MUSTCHECK enum status link_reload(struct link *l, struct error *err);
/* When the list of revoked certificates is outdated, 0: there is none; and whether that is soon, or was. */
int64_t link_crl_ends_us(const struct link *l, bool *ret_soon);
/* There is room again after ERR_FULL. */
void link_resume(struct link *l);
/* Asks the gateway for all that is true now, at most once in 10 s; for a gateway whose samples come late: its
 * clock may have been set back, and what it shows would stand still. Nothing happens if it is not there. */
void link_refresh(struct link *l, uint32_t gateway);
/* State of storing, told to gateways in ACK and PONG, and at once when it changes. */
void link_set_store(struct link *l, enum server_state state, uint64_t commit_lag_ms);
/* Once per loop turn: sends grouped ACKs, frees what was closed. */
void link_turn_end(struct link *l);
/* False if the gateway index is out of range. */
bool link_get_status(const struct link *l, uint32_t gateway, struct link_status *ret);
/* The same, lent until the next loop turn; NULL if out of range. */
const struct link_status *link_borrow_status(const struct link *l, uint32_t gateway);
/* All samples of this gateway that are older have come; 0: nothing is certain, as before its first
 * session.
 */
int64_t link_complete_us(const struct link *l, uint32_t gateway);
struct link_trouble link_trouble(const struct link *l, uint32_t gateway);
/* A person lets a suspended gateway in again. False if the index is out of range. */
bool link_release(struct link *l, uint32_t gateway);
/* Says BYE RESTART to all, closes; on_stopped is called when every handle is gone, after that link_free. */
void link_stop(struct link *l, void (*on_stopped)(void *ctx), void *ctx);
void link_free(struct link **l);

#endif
