/* The session's insides, shared by session.c (life, time, what it says), session_greeting.c (HELLO to
 * WELCOME), session_load.c (stored dictionaries), session_frames.c (frames, control messages),
 * session_record.c (records, acknowledgements), session_again.c (records that came before), session_report.c
 * (what is told of them), session_backlog.c (what will never come, the end of the backlog),
 * session_complete.c (until when all has come), session_clock.c
 * (the gateway's clock), session_event.c (what a gateway tells of itself), session_enrol.c (certificates) and
 * session_pace.c (window and rates). */
#ifndef PENSTOCK_LINK_SESSION_INTERNAL_H
#define PENSTOCK_LINK_SESSION_INTERNAL_H

#include "protocol/frame.h"
#include "server/link/ranges.h"
#include "server/link/session.h"
#include "server/link/shelf.h"
#include "server/link/told.h"

enum {
    SESSION_IN_SLACK = 16 * 1024,
    SESSION_OUT_MAX = 2 * 1024 * 1024,
    SESSION_REASON_SIZE = 256,
    SESSION_CLOCK_PROBES = 8,
    SESSION_RETRY_MS = 10000, /* told to those who are to come again */
    SESSION_NARROW = 8,       /* so much narrower is the window of one that sends too much … */
    SESSION_NARROW_S = 60,    /* … for so long after it did */
};

/* A record that was handed over and is not committed yet. */
struct flight {
    uint64_t seq;
    uint32_t ep;
    uint32_t bytes;
    uint32_t crc;
    bool again; /* its number was committed before: it is being compared */
};

struct session_epoch {
    uint64_t epoch;
    uint64_t next_seq;   /* as HELLO said */
    uint64_t stored_end; /* behind the last number that the database has, as it said when asked */
    struct ranges committed;
    struct ranges gone; /* never come, unless they are committed: the site has them no more */
    /* By RATE_…: since which record its times have not been trustworthy. */
    struct unsynced {
        bool is_so;
        uint64_t first;
    } unsynced[RATES];
};

struct clock_probe {
    int64_t delay_us;
    int64_t offset_us;
};

/* Dictionaries that are still to be put on the shelf, with their bodies in one block. */
struct session_load {
    struct load_part {
        uint32_t ep;
        uint64_t dict;
        struct slice body;
    } * v; /* NULL: nothing is to be loaded */
    uint32_t n;
    uint32_t at;
};

/* What is told of the gateway's clock (session_clock.c). */
struct session_clock {
    struct link_clock told;
    uint32_t n_off;  /* probes one after the other that prove it to be off … */
    uint32_t n_good; /* … and that show it to be good */
    bool judged;
    bool changed; /* since it was last told */
    int64_t due_mono_us;
};

struct session {
    const struct session_env *env;
    void *user;
    enum session_state state;
    bool blocked;
    bool frozen;
    bool paused; /* it sent more than it may: nothing is taken until paused_mono_us */
    bool held;   /* nothing is taken until nothing is in flight: a fork is to be told or to be found out */
    bool forked; /* … to be told: fork says which record it was */
    bool asked_order; /* the gateway was asked to send in order */
    bool breached;
    struct msg_error fork;
    int64_t suspends_us; /* it ended for its quarantine: so long */
    uint32_t gateway;
    int64_t gateway_key;
    struct buf in;
    struct buf out;
    size_t max_body;          /* of what is received */
    size_t max_rx_body;       /* of what is sent: what the gateway said that it takes */
    int64_t deadline_mono_us; /* of HANDSHAKE, HELLO, SETTLING */
    int64_t seen_mono_us;     /* last whole frame */
    int64_t frame_mono_us;    /* since when a frame is incomplete; 0: none is */
    int64_t ping_mono_us;     /* when the next PING is due */
    int64_t reauth_mono_us;   /* when the certificate is to be shown again */
    uint64_t ping_id;
    int64_t ping_t0_us;
    struct clock_probe probes[SESSION_CLOCK_PROBES];
    uint32_t n_probes;       /* ever */
    uint64_t clock_error_us; /* as HELLO estimates it */
    struct session_clock clock;
    uint32_t n_epochs;
    struct session_epoch epochs[LINK_EPOCHS_MAX];
    struct shelf shelf;
    struct session_load load;
    struct flight *flights; /* window_frames of them */
    uint32_t n_flights;
    uint32_t flight_bytes;
    int64_t paused_mono_us;
    int64_t hello_us;                        /* of HELLO, by the gateway's clock */
    bool tells_oldest;                       /* HELLO says what waits in its journal */
    int64_t complete_before_us;              /* all older samples had come before this session */
    int64_t receipt_us;                      /* of the next record, at the earliest */
    int64_t narrow_mono_us;                  /* until then its window is narrow; 0: it is not */
    uint32_t backlog_rate;                   /* as told */
    int64_t backlog_mono_us;                 /* when backlog came last */
    uint64_t skipped;                        /* frames of unknown types */
    bool renews;                             /* it said that it can */
    bool certifying;                         /* it asked for a certificate; the answer is to come */
    bool offered;                            /* it was told that it may */
    uint8_t certificate[IDENTITY_HASH_SIZE]; /* what it has shown */
    char serial[48];                         /* of it, hexadecimal */
    bool awaits_backlog;   /* until last_seq of epoch last_ep has come on the backlog lane */
    bool told_backlog_end; /* the host was */
    bool has_live;         /* a live sample came: newest_us is the newest of the first such message */
    uint32_t last_ep;
    uint64_t last_seq;
    int64_t newest_us;
    struct link_repeat repeats; /* of the present day */
    uint64_t repeats_told;
    int64_t repeats_due_mono_us;
    struct link_status status;
    char name[LINK_NAME_MAX + 1];
    char holder[LINK_NAME_MAX + 1]; /* whom its certificate names; most often the same */
    char reason[SESSION_REASON_SIZE];
};

enum verdict { VERDICT_NEXT, VERDICT_BLOCKED, VERDICT_HELD };

/* Ends a frame of s->out that frame_begin began. Every frame that is sent goes through here. */
void session_end_frame(struct session *s, size_t mark);
/* Sends ERROR with fatal set and closes; code decides whether it counts as a breach. */
void session_fail(struct session *s, enum link_code code, const struct msg_error *about, struct link_now now,
                  const char *fmt, ...) PRINTF_LIKE(5, 6);
/* Sends a non-fatal ERROR. */
void session_complain(struct session *s, const struct msg_error *error);
void session_close(struct session *s, const char *reason, struct link_now now);
/* As session_incident, for what the gateway tells of itself, which must not crowd out what the link has to
 * tell of it. */
void session_event(struct session *s, const char *action, struct link_now now, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* Handles what was received while it took nothing (session_frames.c). */
void session_go_on(struct session *s, struct link_now now);

/* Its clock (session_clock.c). */
/* HELLO said what it thinks of it. */
void session_clock_said(struct session *s, const struct msg_hello *hello, struct link_now now);
void session_clock_pong(struct session *s, const struct msg_pong *pong, struct link_now now);
/* Tells the host what it was not told yet; at the session's end. */
void session_clock_tell(struct session *s, struct link_now now);
/* Since which record, with this one, the gateway has not trusted its times; is_so false: it does. */
struct unsynced session_clock_unsynced(const struct session *s, const struct frame *f,
                                       const struct msg_prefix *prefix, int lane);
/* The record was taken. */
void session_clock_take(struct session *s, const struct frame *f, const struct msg_prefix *prefix, int lane);

/* HELLO (session_greeting.c). */
enum verdict session_on_hello(struct session *s, const struct frame *f, struct link_now now);
/* The host's answer does not come. */
void session_settled_late(struct session *s, struct link_now now);

/* What is told of records (session_report.c). */
void session_report_left_out(struct session *s, const struct shelf_dict *d, const struct shelf_left_out *out,
                             struct link_now now);
void session_report_fault(struct session *s, const struct frame *f, const struct msg_prefix *prefix,
                          uint16_t fault, const struct error *why, struct link_now now);
void session_report_unknown_types(struct session *s, const struct msg_prefix *prefix,
                                  const struct shelf_unknown *unknown, struct link_now now);

/* Stored dictionaries (session_load.c). */
/* Copies what the database gave. False without memory. */
MUSTCHECK bool session_load_begin(struct session *s, const struct link_settled *settled);
/* Puts some of it on the shelf and takes from *budget, in bytes, what that cost. True when all is there. */
bool session_load_slice(struct session *s, uint32_t *budget);
void session_load_done(struct session *s);

/* ENROL and CERT_REQUEST (session_enrol.c). */
enum verdict session_on_enrol(struct session *s, const struct frame *f, struct link_now now);
enum verdict session_on_cert_request(struct session *s, const struct frame *f, struct link_now now);
/* Offers a new certificate when the present one is in its last days, once. */
void session_offer_renewal(struct session *s, struct link_now now);

/* Frames with J, and snapshots (session_record.c). */
enum verdict session_on_record(struct session *s, const struct frame *f, struct link_now now);
enum verdict session_on_snapshot(struct session *s, const struct frame *f, struct link_now now);
/* NULL: it is not in flight. */
struct flight *session_find_flight(const struct session *s, uint32_t ep, uint64_t seq);

/* Asks the gateway to send in order, once in a session, if this epoch has as many ranges as WELCOME can tell.
 */
void session_ask_order(struct session *s, uint32_t ep);

/* Records that came before (session_again.c). Tells the host how many came again, if that is due, or at once.
 */
void session_tell_repeats(struct session *s, bool at_once, struct link_now now);
/* A record came whose number is in flight. */
enum verdict session_on_flying(struct session *s, const struct flight *flight, uint32_t crc,
                               struct link_now now);
/* A session that is held goes on or ends, if nothing is in flight any more. */
void session_held_tick(struct session *s, struct link_now now);

/* n samples came: a gateway that sends too many is made to wait, and told so. */
void session_take_samples(struct session *s, uint32_t n, int lane, struct link_now now);
/* n entries of a dictionary were read, which cost more than samples: the same. */
void session_take_entries(struct session *s, uint32_t n, struct link_now now);
/* A frame of any kind was taken: the same. */
void session_take_frame(struct session *s, const struct frame *f, struct link_now now);
/* So many bytes of a record went to quarantine: beyond a day's worth its gateway is kept out for a while. */
void session_take_quarantine(struct session *s, size_t n, struct link_now now);
/* A new session begins with what the former ones owe. */
void session_start_pace(struct session *s, struct link_now now);
/* Ends its pause when that is over. */
void session_pause_tick(struct session *s, struct link_now now);

/* The backlog (session_backlog.c). */
/* What is the last record of the backlog, by what is committed (after WELCOME). */
void session_expect_backlog(struct session *s);
/* These numbers of an epoch never come. */
void session_note_gone(struct session *s, uint64_t epoch, uint64_t first, uint64_t end);
/* A record is in flight; samples: those of its live message, n of them. */
void session_note_record(struct session *s, uint32_t ep, uint64_t seq);
void session_note_live(struct session *s, const struct sample *v, uint32_t n);

/* An EVENT, CMD_RESULT or CFG_RESULT was taken: people are told (session_event.c). Others: nothing. */
void session_on_told(struct session *s, uint8_t type, const struct told_record *told, struct link_now now);
/* CMD_ACK and CFG_GET. */
enum verdict session_on_unasked(struct session *s, const struct frame *f, struct link_now now);
enum verdict session_on_config_get(struct session *s, const struct frame *f, struct link_now now);
/* A body that cannot be read ends the session. */
enum verdict session_bad_body(struct session *s, const struct frame *f, const struct error *err,
                              struct link_now now);

#endif
