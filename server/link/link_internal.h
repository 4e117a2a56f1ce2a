/* The link's insides: the one struct that its files share. link.c is the public interface and the order of a
 * turn, listener.c takes connections in, conn.c moves bytes between a socket, TLS and a session. */
#ifndef PENSTOCK_LINK_LINK_INTERNAL_H
#define PENSTOCK_LINK_LINK_INTERNAL_H

#include "server/base/rand.h"
#include "server/base/tm.h"
#include "server/link/door.h"
#include "server/link/roster.h"
#include "server/link/tls.h"

enum {
    LINK_READ_SIZE = 64 * 1024,  /* most that one read takes */
    LINK_PLAIN_SIZE = 16 * 1024, /* a TLS record */
    LINK_KNOCK_MAX =
        4096, /* kept of a ClientHello before there is TLS; those in use need half of it at most */
    LINK_WRITE_MAX = 1024 * 1024, /* waiting to be written; above, nothing more is read */
    LINK_WRITE_STUCK_MS = 30000,  /* so long above it: closed */
    LINK_LINGER_MS = 2000,        /* for the last words of a closing connection to arrive */
    LINK_TICK_MS = 100,
    LINK_BACKLOG = 512,
    LINK_LISTEN_AGAIN_MS = 1000,
    LINK_CROWDED_MS = 1000, /* connections that wait for so long are told to the log */
    CERTIFY_BURST = 30,     /* requests for a certificate by those who have none, of all together */
};
#define CERTIFY_INTERVAL_US TM_SECOND_US /* … and then one in each of these */

/* Life of a connection. Only conn.c changes it. */
enum conn_phase {
    CONN_KNOCKS, /* at the door: no TLS and no session yet */
    CONN_OPEN,
    CONN_LINGER, /* the session is CLOSING: its last words are on the way */
    CONN_CLOSED, /* uv_close was called */
    CONN_GONE,   /* libuv has let go: freed at the end of the turn */
};

struct conn {
    struct link *link;
    struct conn *next; /* in link->conns */
    struct conn *prev;
    uv_tcp_t tcp;
    uv_shutdown_t shutdown;
    struct door_guest guest; /* until its handshake is done */
    struct buf knock;        /* what came before there was TLS */
    struct tls *tls;         /* NULL while it knocks, as the session is */
    struct session *session;
    enum conn_phase phase;
    bool reading;
    bool woken; /* has something to be done at the end of the turn */
    bool shut;
    size_t turn_bytes;
    int64_t stuck_mono_us;    /* since when too much waits to be written; 0: it does not */
    int64_t deadline_mono_us; /* of CONN_LINGER */
    uint64_t certify_token;   /* of the request that the host has; 0: none */
    struct issued *issued;    /* what it is about; owned */
    char peer[64];
};

struct listener {
    uv_tcp_t *tcp; /* NULL while it is not listening */
    bool waiting;  /* libuv holds an accepted connection that was not taken yet */
    int64_t again_mono_us;
    int64_t crowded_mono_us; /* since when some wait in every tick; 0: none does */
    struct bucket told;      /* of the log about that */
    struct bucket accepts;   /* of connections that are taken in */
    struct bucket pace;      /* of handshakes that are begun */
    uint64_t turned_away;    /* to make room for others */
    uint16_t port;
};

enum trust_which { TRUST_CA, TRUST_CERT, TRUST_KEY, TRUST_CRL, TRUST_CA_KEY };
enum { TRUST_FILES = TRUST_CA_KEY + 1 };

/* What tells that a file is another one. */
struct trust_stamp {
    uint64_t device;
    uint64_t inode;
    int64_t size;
    int64_t modified_ns;
};

struct trust {
    char *path[TRUST_FILES]; /* NULL: not configured; owned */
    struct trust_stamp seen[TRUST_FILES];
    bool changing; /* they were others at the last look: read when they rest */
    int64_t look_mono_us;
    struct bucket warned; /* of the list's end */
};

struct link {
    uv_loop_t *loop;
    char address[64];
    uint32_t sessions_max;
    struct link_host host; /* as given; the sessions' host is the link, which logs and passes on */
    struct rand rand;
    struct session_env env;
    struct roster *roster;
    struct trust trust;
    struct tls_context *tls; /* what the files hold, as the issuer is */
    struct issuer *issuer;   /* NULL: nobody is enrolled here */
    struct bucket enrolments;
    uint64_t certify_tokens;
    uint8_t *revoked; /* lent to env; owned */
    struct listener listener;
    uv_timer_t tick;
    bool tick_open;
    struct conn *conns;
    struct door *door;
    uint32_t n_conns;
    uint32_t n_woken;
    uint32_t n_gone;
    struct bucket strangers; /* incidents about who never got in */
    uint64_t strangers_left_out;
    bool stopping;
    void (*on_stopped)(void *ctx);
    void *on_stopped_ctx;
    uint8_t cipher[LINK_READ_SIZE]; /* one read at a time: shared by all connections */
    uint8_t plain[LINK_PLAIN_SIZE];
};

struct link_now link_now(void);

/* listener.c */
MUSTCHECK enum status listener_open(struct link *l, uint16_t port, struct error *err);
void listener_close(struct link *l);
/* Takes in those that wait and begins handshakes, as far as the limits allow. */
void listener_continue(struct link *l);
void listener_tick(struct link *l, struct link_now now);

/* conn.c */
/* Takes the connection that waits at the listener: it knocks then. */
void conn_accept(struct link *l, uv_stream_t *from);
/* Begins the handshake of one that is READY at the door. */
void conn_begin(struct conn *c, struct link_now now);
/* Puts it on the list of what link_turn_end looks at. */
void conn_wake(struct conn *c);
/* The end of a turn: acknowledgements, what waits to be sent, the next phase, the next read. */
void conn_turn_end(struct conn *c, struct link_now now);
void conn_tick(struct conn *c, struct link_now now);
void conn_resume(struct conn *c, struct link_now now);
/* Ends one that is at the door. */
void conn_turn_away(struct conn *c, struct link_now now);
void conn_free(struct conn *c);
/* Moves it to the end of the list of connections; *last is the last one, before and after. */
void conn_move_behind(struct conn *c, struct conn **last);

/* trust.c */
/* Reads the files: sets tls and issuer. */
MUSTCHECK enum status trust_open(struct link *l, const struct link_config *cfg, struct error *err);
void trust_close(struct link *l);
/* Reads them again when they have changed (link_reload); warns of a list that ends. */
void trust_tick(struct link *l, struct link_now now);

/* certify.c: env.owner.certify. */
void certify_ask(void *ctx, struct session *s, enum identity_why why, const struct msg_enrol *ask,
                 struct link_now now);

/* link.c: a handle is gone; perhaps it was the last. */
void link_handle_closed(struct link *l);
/* An incident of somebody who is not known, at a bounded rate for all together. */
void link_stranger(struct link *l, const char *peer, const char *subject, const char *why,
                   struct link_now now);

#endif
