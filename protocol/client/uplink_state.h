/* The inside of an uplink, shared by uplink.c (states, what comes in) and uplink_send.c (what goes out).
 * Private to these. */
#ifndef PENSTOCK_CLIENT_UPLINK_STATE_H
#define PENSTOCK_CLIENT_UPLINK_STATE_H

#include "protocol/client/uplink.h"
#include "protocol/frame.h"

enum {
    UPLINK_FLIGHTS_MAX = 1024,
    UPLINK_OUT_HIGH =
        48 * 1024, /* no more records are added above this: what is urgent shall not stand behind them */
    UPLINK_OUT_MAX = 4 * 1024 * 1024,
    UPLINK_PROBES = 8,
    UPLINK_TEXT_SIZE = 700,
};
_Static_assert(LINK_BODY_MAX_LEAST >= TAGS_BODY_MAX + LINK_STRING_MAX + 1024,
               "a record fits the smallest frame");

struct flight {
    uint64_t seq;
    uint32_t ep;
    uint32_t bytes;
    bool backlog;
};

struct uplink {
    struct uplink_config cfg;
    struct recorder *recorder;
    struct journal *journal;
    struct tags *tags;
    enum uplink_state state;
    enum uplink_end end;
    char reason[UPLINK_TEXT_SIZE];
    uint32_t after_ms;
    struct buf in;
    struct buf out;
    struct buf body; /* scratch */

    /* as HELLO said; [0] is present */
    uint32_t n_epochs;
    struct journal_epoch epochs[LINK_EPOCHS_MAX];
    bool more_epochs;

    /* as the server said */
    uint64_t session;
    uint64_t caps; /* that both sides have */
    uint32_t window_bytes;
    uint32_t window_frames;
    uint32_t backlog_rate; /* bytes a second */
    uint32_t max_frame;
    int64_t heartbeat_us;
    int64_t dead_us;
    enum server_state server_state;
    uint64_t commit_lag_ms;

    /* lanes */
    uint64_t dict_id; /* the dictionary that dict_next belongs to */
    uint64_t dict_next;
    uint64_t live_next;
    uint32_t backlog_ep;
    uint64_t backlog_next;
    int64_t tokens; /* bytes that the backlog may send now */
    int64_t tokens_mono_us;
    int64_t backlog_mono_us; /* when its rate lets it go on; MOMENT_NEVER if something else holds it */
    bool snapshot_due;
    bool changes_due;
    bool in_order;   /* the server asked for it: the backlog goes before the live lane in this session */
    bool asked_dict; /* the dictionary was written anew in this session because the server asked */
    bool unsaved;    /* values were put that the journal does not have */
    int64_t snapshot_mono_us;
    struct flight flights[UPLINK_FLIGHTS_MAX];
    uint32_t n_flights;
    uint64_t flight_bytes;
    uint32_t n_backlog_flights;
    uint64_t backlog_flight_bytes;

    /* time */
    int64_t recall_mono_us; /* not before: what the server lacks is sent again */
    int64_t began_mono_us;
    int64_t advanced_mono_us; /* last uplink_advance */
    int64_t seen_mono_us;
    int64_t ping_mono_us; /* next one due */
    uint64_t ping_id;
    int64_t ping_t0_us;
    struct {
        int64_t offset_us;
        int64_t delay_us;
    } probes[UPLINK_PROBES];
    uint32_t n_probes; /* ever */

    uint64_t records_sent;
    uint64_t records_acked;
    uint64_t snapshots_sent;
    uint64_t skipped;
};

/* Ends the session; reason is for people. */
void uplink_finish(struct uplink *u, enum uplink_end end, const char *reason);
void uplink_note(const struct uplink *u, const char *event, const char *text);
/* uplink_send.c: sends all that can be sent now. */
void uplink_fill(struct uplink *u, struct moment now);
/* Nothing of the epochs that HELLO named waits or is in flight, but for the live lane. */
bool uplink_backlog_is_done(struct uplink *u);

#endif
