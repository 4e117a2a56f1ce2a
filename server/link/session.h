/* One connection's side of the protocol (protocol/README.md), as a pure machine: plain bytes in, plain bytes
 * out, time as a parameter, no socket. It passes through
 *
 *   HANDSHAKE -> HELLO -> SETTLING -> LIVE -> CLOSING      (and from each to CLOSING)
 *   HANDSHAKE -> ENROLLING -> CLOSING                      (ALPN penstock-enrol/1)
 *
 * What each type of frame does in each state is one table in session.c. Records go to the host (link.h); what
 * concerns more than one session goes to its owner (roster.h). After CLOSING nothing is read any more; what
 * waits in session_out is still worth sending.
 *
 * Ownership: the session owns its buffers and dictionaries; the environment is borrowed. One thread. */
#ifndef PENSTOCK_LINK_SESSION_H
#define PENSTOCK_LINK_SESSION_H

#include "protocol/cert_msg.h"
#include "protocol/enrol.h"
#include "server/core/identity.h"
#include "server/link/guard.h"
#include "server/link/link.h"
#include "server/link/link_limits.h"

struct session;

struct link_now {
    int64_t mono_us;
    int64_t wall_us;
};

enum session_state {
    SESSION_HANDSHAKE, /* TLS is not done */
    SESSION_HELLO,     /* who is there is proven; HELLO is awaited */
    SESSION_SETTLING,  /* HELLO was good; the host finds out what is committed */
    SESSION_LIVE,      /* WELCOME was said */
    SESSION_ENROLLING, /* one request for a certificate, and its answer */
    SESSION_CLOSING,
};

enum { SESSION_LOAD_SLICE = 64 * 1024 };
enum { RATE_LIVE, RATE_BACKLOG, RATES };

/* What one gateway has used up, whichever of its sessions it was: a new one does not wash it clean. */
struct session_budget {
    struct rate samples[RATES];
    struct rate bytes[RATES];
    struct rate frames[RATES];
    struct rate entries; /* of dictionaries */
    struct rate quarantine;
    struct told incidents;
    struct told events;
};

struct session_limits {
    struct link_limits link;
    uint32_t heartbeat_ms;
    uint32_t dead_ms;
    uint32_t settle_ms;
    uint32_t backlog_rate; /* most of one gateway, bytes a second */
    bool mutant_ack_before_commit;
};

/* Who decides for all sessions of a gateway. */
struct session_owner {
    void *ctx;
    /* HELLO is good in itself; the session is SETTLING. The owner calls host->settle or ends the session. */
    void (*hello)(void *ctx, struct session *s, const struct msg_epoch *epochs, uint32_t n_epochs,
                  struct link_now now);
    /* The session became CLOSING; told once. */
    void (*closed)(void *ctx, struct session *s, struct link_now now);
    /* It asks for a certificate: the gateway's name, the secret of ENROL (else empty), the request (DER).
     * Answered by session_certified, perhaps from inside. NULL: nobody issues any. */
    void (*certify)(void *ctx, struct session *s, enum identity_why why, const struct msg_enrol *ask,
                    struct link_now now);
    /* The budget of its gateway; of all together that no gateway of the configuration has. Valid until the
     * caller returns. */
    struct session_budget *(*budget)(void *ctx, const struct session *s);
    /* There is something to send, or the state changed, outside of session_receive. */
    void (*wake)(void *ctx, struct session *s);
};

/* Shared by all sessions of a link. */
struct session_env {
    const struct model *model; /* NULL before the first */
    struct session_limits limits;
    struct link_host host;
    struct session_owner owner;
    enum server_state store_state;
    uint64_t commit_lag_ms;
    struct sample *samples; /* room for LINK_SAMPLES_MAX */
    const uint8_t *revoked; /* fingerprints of certificates, IDENTITY_HASH_SIZE bytes each, ascending */
    size_t n_revoked;
};
/* Whether this certificate is on the list. */
bool session_env_revoked(const struct session_env *env, const uint8_t fingerprint[IDENTITY_HASH_SIZE]);

MUSTCHECK enum status session_new(const struct session_env *env, const char *peer, void *user,
                                  struct link_now now, struct session **ret);
void session_free(struct session **s);

/* Before session_open: what the gateway has shown. */
void session_set_certificate(struct session *s, const uint8_t fingerprint[IDENTITY_HASH_SIZE],
                             int64_t not_after_us, const char *serial);
/* TLS is done: the certificate names this gateway. */
void session_open(struct session *s, const char *gateway, struct link_now now);
/* TLS is done, and whoever it is wants a certificate. gateway: as the one that was shown says; "" if none
 * was. */
void session_open_enrolment(struct session *s, const char *gateway, struct link_now now);
/* The answer to owner.certify: issued with the chain (PEM), or refused with the reason. */
void session_certified(struct session *s, const struct msg_cert_issued *answer, struct link_now now);
/* How many bytes it takes now; 0 while it is blocked, frozen or closing. */
size_t session_room(const struct session *s);
/* At most session_room bytes; handles each whole frame. */
void session_receive(struct session *s, const void *p, size_t n, struct link_now now);
/* True after host->record said ERR_FULL. */
bool session_blocked(const struct session *s);
/* Offers the record again and goes on with what was received. */
void session_resume(struct session *s, struct link_now now);
/* While a newer session of the same gateway settles, this one takes nothing. */
void session_freeze(struct session *s);
void session_thaw(struct session *s, struct link_now now);
/* Deadlines and heartbeat; several times a second. */
void session_tick(struct session *s, struct link_now now);
/* The host's answer. LIVE after it if its status is OK and the stored dictionaries are few; still SETTLING,
 * and loading, if they are many; else it says why and closes. */
void session_settled(struct session *s, const struct link_settled *settled, struct link_now now);
bool session_loading(const struct session *s);
/* A further slice, at most SESSION_LOAD_SLICE and *budget bytes, of which it takes off what it used; LIVE
 * when it was the last. */
void session_load(struct session *s, uint32_t *budget, struct link_now now);
/* False if it is none of this session's records in flight. */
bool session_committed(struct session *s, uint64_t epoch, uint64_t seq);
/* The same, but its number has another content: once nothing is in flight any more, so that the gateway knows
 * of each of its records whether it is stored, the session ends with ERROR 11. */
void session_forked(struct session *s, uint64_t epoch, uint64_t seq, struct link_now now);
/* Puts ACKs for what was committed since the last call into session_out. */
void session_send_acks(struct session *s);
/* Tells env->store_state at once: a gateway that keeps what cannot be stored sends what is true now instead.
 */
void session_tell_store_state(struct session *s);
/* What it may send of its backlog, bytes a second; told by WINDOW if it is live and that differs enough. */
void session_set_backlog_rate(struct session *s, uint32_t bytes_per_s);
/* Some of its backlog is still to come, and came or could have come lately. */
bool session_has_backlog(const struct session *s, struct link_now now);
/* The configuration changed; gateway: index in the new model. */
void session_set_gateway(struct session *s, uint32_t gateway);
/* Asks the gateway for all that is true now (REFRESH), if the session is live. */
void session_ask_refresh(struct session *s);
void session_model_changed(struct session *s);

/* Ends it with a goodbye, or a fatal ERROR (which is a breach of the gateway's if breach is set). */
void session_bye(struct session *s, enum bye_reason reason, uint32_t after_ms, const char *text,
                 struct link_now now);
void session_refuse(struct session *s, enum link_code code, const char *text, struct link_now now);
/* The connection is gone: nothing more can be said. */
void session_lost(struct session *s, const char *reason, struct link_now now);

enum session_state session_state(const struct session *s);
/* Why it is CLOSING, for people. */
const char *session_reason(const struct session *s);
/* It ended by a breach of the protocol. */
bool session_breached(const struct session *s);
/* It ended because its gateway has used up its quarantine: how long that one is to be kept out; else 0. */
int64_t session_suspends_us(const struct session *s);
/* Tells the host, at a bounded rate. action is a literal: the log remembers it. */
void session_incident(struct session *s, const char *action, struct link_now now, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* Whose certificate it is may (still) speak for its gateway, by this model. */
bool session_may_speak(const struct session *s, const struct model *m);
/* Of the gateway that it speaks for: from the certificate, until HELLO names another that may be spoken for
 * by it. "" before session_open. */
struct slice session_gateway_name(const struct session *s);
/* What was shown; all zero if nothing was. */
const uint8_t *session_certificate(const struct session *s);
/* Its serial number, hexadecimal; "" if nothing was. */
const char *session_serial(const struct session *s);
/* As of the last session_set_gateway; MODEL_NONE before. */
uint32_t session_gateway(const struct session *s);
const struct link_status *session_status(const struct session *s);
/* A gateway collects samples for so long, at most, before it sends them. */
#define SESSION_COLLECTS_US INT64_C(2000000)
/* All samples of its gateway that are older than this have come: as it was heard last (or sent its last
 * record, while such wait for their acknowledgement), and as the oldest is that waits at the site, by what it
 * has told. 0: nothing is certain. */
int64_t session_complete_us(const struct session *s);
/* How far its gateway's samples were complete before: what waits of a gateway that does not tell is newer. */
void session_complete_before(struct session *s, int64_t complete_us);
const char *session_peer(const struct session *s);
void *session_user(const struct session *s);
/* What waits to be sent; the caller consumes it. */
struct buf *session_out(struct session *s);
bool session_has_acks(const struct session *s);

#endif
