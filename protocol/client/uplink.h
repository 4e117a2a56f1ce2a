/* A gateway's side of one session after another with the server (protocol/README.md), as a machine without
 * socket or clock: bytes in, bytes out, time passed in, "wake me at T".
 *
 *     IDLE --begin--> GREETING --WELCOME--> UP --> ENDED --begin--> …
 *
 * What is sent, in this order, as window, server and line allow:
 *   1. the present dictionary, if the server has not committed it;
 *   2. a snapshot (S) of all present values: at the beginning and after REFRESH;
 *   3. the live lane: records of this epoch that were written since HELLO, ascending;
 *   4. while records of the live lane have to wait (window full, server not storing, journal not writable):
 * present values that changed, as snapshots, once a flush. The room sees what is true now whatever happens to
 * history;
 *   5. the backlog lane (H): older records that the server has not committed, epoch by epoch, at the server's
 * rate and within half of the window. Only durable records are sent, and only what was sent in this session,
 * or named by WELCOME, counts as committed.
 *
 * Frames of the server are decoded with the same limits as the server's decoders; what breaks the rules ends
 * the session. After ENDED what is left in uplink_output (a BYE, an ERROR) is still worth sending.
 *
 * Borrows the recorder, its tags and its journal. One thread. Sources: uplink.c, uplink_send.c. */
#ifndef PENSTOCK_CLIENT_UPLINK_H
#define PENSTOCK_CLIENT_UPLINK_H

#include "protocol/cert_msg.h"
#include "protocol/client/recorder.h"
#include "protocol/command_msg.h"
#include "protocol/config_msg.h"

struct uplink;

enum uplink_state { UPLINK_IDLE, UPLINK_GREETING, UPLINK_UP, UPLINK_ENDED };

/* Why a session ended, for the choice of when to try again. */
enum uplink_end {
    UPLINK_END_LOST,    /* the line, or silence */
    UPLINK_END_REFUSED, /* the server said so, or one side broke the protocol */
    UPLINK_END_BYE,     /* the server asks to come again */
    UPLINK_END_AGAIN,   /* come again at once: the list of epochs has changed */
    UPLINK_END_OURS,    /* uplink_bye */
};

struct uplink_host {
    void *ctx;
    /* Something for the log that does not end the session; text is UTF-8, partly the server's. */
    void (*note)(void *ctx, const char *event, const char *text);
    /* The session is up. May be NULL, as may those below. */
    void (*up)(void *ctx, const struct msg_welcome *m);
    /* A command; only with LINK_CAP_COMMANDS on both sides. */
    void (*command)(void *ctx, const struct msg_command *m, struct moment now);
    /* A configuration; only with LINK_CAP_CONFIG on both sides. */
    void (*config_offer)(void *ctx, const struct msg_config_offer *m);
    enum status (*config_chunk)(void *ctx, const struct msg_config_chunk *m, struct moment now,
                                struct error *err);
    uint64_t (*config_version)(void *ctx); /* for HELLO */
    /* The server offers a new certificate; uplink_ask_certificate answers. NULL: this gateway cannot. */
    void (*certificate_offered)(void *ctx);
    /* What it says to the request. */
    void (*certificate_answered)(void *ctx, const struct msg_cert_issued *answer);
};

struct uplink_config {
    struct slice gateway; /* borrowed, as is software */
    struct slice software;
    enum clock_source clock_source;
    uint64_t clock_error_us;
    uint64_t caps;        /* enum link_cap */
    uint32_t greeting_ms; /* WELCOME must come within; 0: LINK_DEAD_MS */
    struct uplink_host host;
};

struct uplink_status {
    enum uplink_state state;
    uint64_t session;
    enum server_state server_state;
    uint64_t commit_lag_ms;
    bool has_offset;
    int64_t clock_offset_us; /* server minus gateway, as measured */
    uint64_t records_sent;
    uint64_t records_acked;
    uint64_t snapshots_sent;
    uint64_t in_flight; /* records sent and not acknowledged */
};

MUSTCHECK enum status uplink_new(const struct uplink_config *cfg, struct recorder *recorder,
                                 struct uplink **ret, struct error *err);
void uplink_free(struct uplink **ref);

/* The line is up: says HELLO. In IDLE or ENDED only. */
void uplink_begin(struct uplink *u, struct moment now);
/* What came; uplink_advance should follow. */
void uplink_receive(struct uplink *u, const void *p, size_t n, struct moment now);
/* Timers, and whatever can be sent now. */
void uplink_advance(struct uplink *u, struct moment now);
/* recorder_flush was done; saved: the samples are in the journal. */
enum uplink_saved { UPLINK_SAVED, UPLINK_NOT_SAVED };
void uplink_flushed(struct uplink *u, enum uplink_saved saved, struct moment now);
/* A request for a certificate (PKCS#10, DER), if the session is UP. */
void uplink_ask_certificate(struct uplink *u, struct slice request);
/* Says goodbye and ends. */
void uplink_bye(struct uplink *u, const char *text);
/* The line is gone. */
void uplink_lost(struct uplink *u, const char *reason);

/* An answer to a command; nothing if the session is gone. */
void uplink_command_ack(struct uplink *u, const struct msg_command_ack *m);
void uplink_config_get(struct uplink *u, const struct msg_config_get *m);
/* Ends the session, if one is up, to begin another at once. */
void uplink_come_again(struct uplink *u, const char *why);
/* The wall clock was set: what was measured of its offset is void. */
void uplink_clock_stepped(struct uplink *u);

/* What to send; valid until the next call. */
struct slice uplink_output(const struct uplink *u);
/* The first n bytes of it were taken by the line. */
void uplink_sent(struct uplink *u, size_t n);
/* When uplink_advance wants to be called at the latest. */
int64_t uplink_next_mono_us(const struct uplink *u);

/* What is recorded now would be sent now, or is only waiting for its turn in the window. */
bool uplink_is_live(const struct uplink *u);
enum uplink_state uplink_state(const struct uplink *u);
enum uplink_end uplink_end(const struct uplink *u);
/* Why it ENDED, for people; after_ms: the server asked not to come earlier. */
const char *uplink_reason(const struct uplink *u);
uint32_t uplink_after_ms(const struct uplink *u);
void uplink_get_status(const struct uplink *u, struct uplink_status *ret);

#endif
