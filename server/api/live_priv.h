/* Inside of live.c (clients and their order of sending), live_msg.c (what they are sent) and live_sub.c (what
 * they ask for). */
#ifndef PENSTOCK_API_LIVE_PRIV_H
#define PENSTOCK_API_LIVE_PRIV_H

#include "server/api/conflate.h"
#include "server/api/live.h"
#include "server/api/ring.h"

struct live_sub {
    int64_t id;
    uint32_t *tags; /* owned */
    uint32_t n;
    uint32_t period_ms;
    bool wants_snapshot;
};

struct live_client {
    struct live *live;
    struct web_socket *socket;
    struct live_client *next;
    struct live_client *prev;
    struct user user;
    uint8_t token_hash[TOKEN_HASH_SIZE];
    struct live_sub subs[LIVE_SUBS_MAX];
    uint32_t n_subs;
    uint32_t n_handles; /* of all subs together */
    struct conflate tags;
    struct buf out; /* the message that is going out */
    size_t sent;
    struct buf errors; /* whole messages, each behind a NUL: bounded */
    const char *bye;
    const char *resync;
    bool said_hello;
    bool wants_status;
    bool wants_counts;
    bool saying_bye;
    uint64_t n_values;      /* value frames sent */
    uint64_t alarm_sent;    /* number of the newest alarm event that it was sent */
    uint64_t silence_sent;  /* number of the newest silence that it was sent */
    int64_t values_mono_us; /* when values were last sent */
    int64_t beat_mono_us;
    int64_t waiting_mono_us; /* since when it is asked for room; 0: it is not */
    int64_t rate_mono_us;    /* message rate: when the bucket was last filled */
    int32_t rate_left;
};

struct live {
    struct api *api;
    struct live_client *clients;
    uint32_t n_clients;
    struct ring ring;
    struct buf scratch;
    bool status_changed;
    uint64_t n_silences; /* how often a sound was stopped */
    struct live_silence {
        uint64_t number; /* one of n_silences; 0: never */
        uint64_t after;  /* the alarm event that it followed */
    } silences[LIVE_SILENCES];
    struct core_counts counts; /* as they were last told */
    int64_t counts_mono_us;
};

/* live_msg.c: each writes one whole message. */
void live_write_hello(const struct live_client *c, struct buf *out, int64_t now_us);
void live_write_status(const struct live *l, struct buf *out, int64_t now_us);
void live_write_snapshot(struct live_client *c, const struct live_sub *s, struct buf *out, int64_t now_us);
/* As many dirty ones as fit in 64 KiB. */
void live_write_values(struct live_client *c, struct buf *out, int64_t now_us);
void live_write_beat(const struct live_client *c, struct buf *out, int64_t now_us);
void live_write_alarm(const struct live *l, const struct alarm_record *r, struct buf *out);
void live_write_silence(const struct live *l, uint32_t which, struct buf *out);
void live_write_counts(const struct live *l, struct buf *out);

/* live_sub.c */
void live_handle(struct live_client *c, struct slice text, int64_t now_mono_us);
void live_drop_subs(struct live_client *c);
uint32_t live_period_ms(const struct live_client *c);
/* Asks for a turn to write, and notes since when. */
void live_want_write(struct live_client *c);

#endif
