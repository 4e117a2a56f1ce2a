#include "server/base/check.h"
#include "server/base/log.h"
#include "server/base/tm.h"
#include "server/link/link_internal.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>

#define MS_US INT64_C(1000)

static void on_close(uv_handle_t *handle) {
    free(handle); /* its own allocation: the uv_tcp_t of listener_open, which outlives even the link */
}

void listener_close(struct link *l) {
    if (l->listener.tcp != NULL) {
        uv_close((uv_handle_t *)l->listener.tcp, on_close);
        l->listener.tcp = NULL;
        l->listener.waiting = false;
    }
}

/* So many in a second; a tenth of a second's worth may come at once. */
static bool take_one(struct bucket *b, uint32_t per_s, struct link_now now) {
    return bucket_take(b, now.mono_us, TM_SECOND_US / per_s, per_s / 10 + 1);
}

static void turn_away(struct link *l, const struct door_guest *g, struct link_now now) {
    l->listener.turned_away++;
    conn_turn_away(g->user, now);
}

/* Taken in at once, for only then is it known where it comes from; but there is an end to what a flood may
 * cost. Not taken, a connection stays with libuv, which then takes no further one from the kernel. */
static void take_in(struct link *l, struct link_now now) {
    if (!l->listener.waiting || !take_one(&l->listener.accepts, l->env.limits.link.accepts_per_s, now)) {
        return;
    }
    conn_accept(l, (uv_stream_t *)l->listener.tcp);
    const struct door_guest *g = door_too_many(l->door);
    if (g != NULL) {
        turn_away(l, g, now);
    }
}

/* A handshake is what costs most, and those that are inside must not wait behind a thousand that return: so
 * many are begun in a second and no more. */
static void begin_handshakes(struct link *l, struct link_now now) {
    const struct link_limits *limits = &l->env.limits.link;
    const struct door_guest *g = NULL;
    while ((g = door_next(l->door, now.mono_us)) != NULL) {
        bool full = door_count(l->door, DOOR_SHAKING) >= limits->handshakes;
        const struct door_guest *other = full ? door_gives_way(l->door, g, now.mono_us) : NULL;
        if ((full && other == NULL) || !take_one(&l->listener.pace, limits->handshakes_per_s, now)) {
            return;
        }
        if (other != NULL) {
            turn_away(l, other, now);
        }
        conn_begin(g->user, now);
    }
}

void listener_continue(struct link *l) {
    if (!l->stopping) {
        struct link_now now = link_now();
        take_in(l, now);
        begin_handshakes(l, now);
    }
}

static void on_connection(uv_stream_t *stream, int status) {
    struct link *l = stream->data;
    if (status < 0) {
        /* Out of file descriptors, most often. To be called again at once would be to spin: stop listening
         * for a moment. */
        log_event(LOG_ERROR, "link.accept_failed", "reason=%s", LOG_Q(slice_str(uv_strerror(status))));
        listener_close(l);
        l->listener.again_mono_us = link_now().mono_us + LINK_LISTEN_AGAIN_MS * MS_US;
        return;
    }
    l->listener.waiting = true;
    listener_continue(l);
}

/* Those that want to shake hands, those in the kernel's queue, and the one that libuv may hold. */
static unsigned count_waiting(const struct link *l) {
    const struct listener *listener = &l->listener;
    uv_os_fd_t fd = -1;
    struct tcp_info info = {0}; /* of a socket that listens, unacked are those that are not taken yet */
    socklen_t n = sizeof info;
    bool known = listener->tcp != NULL && uv_fileno((const uv_handle_t *)listener->tcp, &fd) == 0 &&
                 getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0;
    return door_count(l->door, DOOR_READY) + (known ? info.tcpi_unacked : 0) + (listener->waiting ? 1 : 0);
}

/* Nothing can be said to those who wait: BYE needs TLS, and the handshake is what must wait. So whoever runs
 * the server is told, once a minute. */
static void tell_crowd(struct link *l, struct link_now now) {
    struct listener *listener = &l->listener;
    unsigned waiting = count_waiting(l);
    if (waiting == 0) {
        listener->crowded_mono_us = 0;
    } else if (listener->crowded_mono_us == 0) {
        listener->crowded_mono_us = now.mono_us;
    } else if (now.mono_us - listener->crowded_mono_us >= LINK_CROWDED_MS * MS_US &&
               bucket_take(&listener->told, now.mono_us, TM_MINUTE_US, 1)) {
        log_event(LOG_WARN, "link.crowded",
                  "waiting=%u handshakes_per_s=%u handshakes=%u silent=%u turned_away=%llu", waiting,
                  l->env.limits.link.handshakes_per_s, l->env.limits.link.handshakes,
                  door_count(l->door, DOOR_SILENT), (unsigned long long)listener->turned_away);
    }
}

void listener_tick(struct link *l, struct link_now now) {
    if (l->stopping) {
        return;
    }
    listener_continue(l);
    tell_crowd(l, now);
    if (l->listener.tcp == NULL && now.mono_us >= l->listener.again_mono_us) {
        struct error err = {0};
        if (listener_open(l, l->listener.port, &err) != OK) {
            log_event(LOG_ERROR, "link.listen_failed", "reason=%s", LOG_Q(slice_str(err.text)));
            l->listener.again_mono_us = now.mono_us + LINK_LISTEN_AGAIN_MS * MS_US;
        }
    }
}

static bool parse_address(const char *text, uint16_t port, struct sockaddr_storage *ret) {
    return uv_ip4_addr(text, port, (struct sockaddr_in *)ret) == 0 ||
           uv_ip6_addr(text, port, (struct sockaddr_in6 *)ret) == 0;
}

static uint16_t bound_port(const uv_tcp_t *tcp) {
    struct sockaddr_storage addr = {0};
    int len = sizeof addr;
    int rc = uv_tcp_getsockname(tcp, (struct sockaddr *)&addr, &len);
    CHECK(rc == 0);
    return ntohs(addr.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&addr)->sin6_port
                                            : ((const struct sockaddr_in *)&addr)->sin_port);
}

static enum status listen_error(struct link *l, uint16_t port, int rc, struct error *err) {
    char where[96];
    (void)snprintf(where, sizeof where, "link %s:%u", l->address, port);
    if (rc == UV_EADDRINUSE) {
        return error_set(err, ERR_EXISTS, where,
                         "another program listens on %s, port %u; choose another port", l->address, port);
    }
    if (rc == UV_EADDRNOTAVAIL) {
        return error_set(err, ERR_INVALID, where, "this machine has no address %s", l->address);
    }
    if (rc == UV_EACCES) {
        return error_set(err, ERR_DENIED, where, "port %u may not be used by this user", port);
    }
    return error_set(err, ERR_IO, where, "cannot listen: %s", uv_strerror(rc));
}

enum status listener_open(struct link *l, uint16_t port, struct error *err) {
    struct sockaddr_storage addr = {0};
    if (!parse_address(l->address, port, &addr)) {
        return error_set(err, ERR_INVALID, "link address", "\"%s\" is not a numeric IPv4 or IPv6 address",
                         l->address);
    }
    uv_tcp_t *tcp = calloc(1, sizeof *tcp);
    if (tcp == NULL) {
        return error_set(err, ERR_NOMEM, "link", "out of memory");
    }
    int rc = uv_tcp_init(l->loop, tcp);
    if (rc < 0) {
        free(tcp);
        return listen_error(l, port, rc, err);
    }
    tcp->data = l;
    l->listener.tcp = tcp;
    rc = uv_tcp_bind(tcp, (const struct sockaddr *)&addr, 0);
    rc = rc == 0 ? uv_listen((uv_stream_t *)tcp, LINK_BACKLOG, on_connection) : rc;
    if (rc < 0) {
        listener_close(l);
        return listen_error(l, port, rc, err);
    }
    l->listener.port = bound_port(tcp);
    return OK;
}
