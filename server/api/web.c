#include "server/api/web_priv.h"
#include "server/api/web_tcp.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* libwebsockets 4.1.6 is contained by: no extensions (permessage-deflate aborts), HTTP/1.1 only (its HTTP/2
 * stalls), one request a connection (a pipelined body loops for ever), own checks of what a head says
 * (web_head.c), own upgrade check and own deadlines (web_conn.c and below), fewer connections than file
 * descriptors (it spins when they run out), and a nudge once per turn (its plug-in forgets forced service).
 */

static const int64_t DEADLINES_EVERY_US = 200000;

static const char ciphers_12[] = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
                                 "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";

static void on_log(int level, const char *line) {
    struct slice text = slice_str(line);
    while (text.n > 0 && text.p[text.n - 1] == '\n') {
        text.n--;
    }
    /* Its errors are mostly about what a peer did; they are rare lines for a person, not alarms. */
    log_event(level == LLL_ERR ? LOG_WARN : LOG_DEBUG, "web.lws", "text=%s", LOG_Q(text));
}

static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n) {
    struct web *w = lws_context_user(lws_get_context(wsi));
    if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS) {
        SSL_CTX *tls = user;
        (void)SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
        (void)SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
        (void)SSL_CTX_set_num_tickets(tls, 0);
        return 0;
    }
    return w == NULL ? 0 : web_on_http(w, wsi, reason, in, n);
}

static int on_socket(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n) {
    (void)user;
    struct web *w = lws_context_user(lws_get_context(wsi));
    return w == NULL ? 0 : web_on_socket(w, wsi, reason, in, n);
}

/* --- start: what can be wrong is tried first, by itself, so that the message names it */

static enum status check_certificate(const struct web_config *cfg, struct error *err) {
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    enum status status = OK;
    ERR_clear_error();
    if (tls == NULL) {
        return error_set(err, ERR_NOMEM, "tls", "OpenSSL gives no context");
    }
    if (SSL_CTX_use_certificate_chain_file(tls, cfg->cert_file) != 1) {
        status =
            error_set(err, ERR_INVALID, cfg->cert_file, "no certificate chain in PEM can be read from it: %s",
                      ERR_reason_error_string(ERR_peek_last_error()));
    } else if (SSL_CTX_use_PrivateKey_file(tls, cfg->key_file, SSL_FILETYPE_PEM) != 1 ||
               SSL_CTX_check_private_key(tls) != 1) {
        status = error_set(err, ERR_INVALID, cfg->key_file, "not the certificate's key in PEM: %s",
                           ERR_reason_error_string(ERR_peek_last_error()));
    }
    SSL_CTX_free(tls);
    ERR_clear_error();
    return status;
}

static enum status check_port(const struct web_config *cfg, struct error *err) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(cfg->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(cfg->port)};
    bool is_v4 = inet_pton(AF_INET, cfg->address, &v4.sin_addr) == 1;
    if (!is_v4 && inet_pton(AF_INET6, cfg->address, &v6.sin6_addr) != 1) {
        return error_set(err, ERR_INVALID, "address",
                         "\"%s\" is no address; right would be numbers such as 127.0.0.1 or ::1",
                         cfg->address);
    }
    int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return error_set(err, ERR_IO, "socket", "no socket can be made: %s", strerrorname_np(errno));
    }
    int one = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    const struct sockaddr *sa = is_v4 ? (const struct sockaddr *)&v4 : (const struct sockaddr *)&v6;
    /* listen, too: two sockets may be bound alike while neither listens. */
    int rc = bind(fd, sa, is_v4 ? sizeof v4 : sizeof v6);
    rc = rc == 0 ? listen(fd, 1) : rc;
    enum status status = OK;
    if (rc != 0) {
        status = error_set(err, errno == EADDRINUSE ? ERR_EXISTS : ERR_IO, "port",
                           errno == EADDRINUSE ? "%s port %u is taken by another program (%s)"
                                               : "cannot listen on %s port %u: %s",
                           cfg->address, cfg->port, strerrorname_np(errno));
    }
    (void)close(fd);
    return status;
}

static bool is_loopback(const char *address) {
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

/* Some requests the library refuses by itself, before anybody is asked (a method that is none: 403): its
 * answers carry security headers, too, and say that the connection closes. */
static const struct lws_protocol_vhost_options own_headers = {.name = "connection:", .value = "close"};

static enum status start(struct web *w, struct error *err) {
    void *loops[1] = {w->cfg.loop};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .iface = w->cfg.address,
        .protocols = w->protocols,
        .headers = &own_headers,
        .extensions = NULL,
        /* uid and gid stay 0, which keeps who we are; -1 would, too, but their type changed with 4.3 */
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT | LWS_SERVER_OPTION_VALIDATE_UTF8 |
                   LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                   LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE,
        .user = w,
        .max_http_header_data = 16384,
        .max_http_header_pool = (unsigned short)w->cfg.limits.connections_max,
        .fd_limit_per_thread = w->cfg.limits.connections_max + 3, /* its own: listener, pipe, spare */
        .timeout_secs = 30,
        .timeout_secs_ah_idle = 10,
        .foreign_loops = loops,
        .server_string = "penstock", /* it asserts that there is one, in answers of its own */
        .alpn = "http/1.1",
        .tls1_3_plus_cipher_list = NULL,
        .ssl_cipher_list = ciphers_12,
        .ssl_cert_filepath = w->cfg.cert_file,
        .ssl_private_key_filepath = w->cfg.key_file,
        .ssl_options_set = (long)(SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET),
        .vhost_name = "penstock",
    };
    lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
    w->context = lws_create_context(&info);
    if (w->context == NULL) {
        return error_set(err, ERR_UNSUPPORTED, "libwebsockets",
                         "it does not start on the libuv loop; is the package libwebsockets-evlib-uv "
                         "installed?");
    }
    info.port = w->cfg.port;
    info.options |= strchr(w->cfg.address, ':') == NULL ? LWS_SERVER_OPTION_DISABLE_IPV6 : 0;
    w->vhost = lws_create_vhost(w->context, &info);
    if (w->vhost == NULL) {
        return error_set(err, ERR_IO, "port", "cannot listen on %s port %u", w->cfg.address, w->cfg.port);
    }
    w->port = (uint16_t)lws_get_vhost_listen_port(w->vhost);
    return OK;
}

enum status web_new(const struct web_config *cfg, const struct web_host *host, struct web **ret,
                    struct error *err) {
    enum status status = check_certificate(cfg, err);
    if (status == OK) {
        status = check_port(cfg, err);
    }
    if (status != OK) {
        return status;
    }
    struct web *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return error_set(err, ERR_NOMEM, "web", "out of memory");
    }
    w->cfg = *cfg;
    w->host = *host;
    w->hsts = !is_loopback(cfg->address);
    w->protocols[0] =
        (struct lws_protocols){.name = "http", .callback = on_http, .tx_packet_size = WEB_PIECE_MAX};
    w->protocols[1] = (struct lws_protocols){.name = "penstock.v1",
                                             .callback = on_socket,
                                             .rx_buffer_size = 4096,
                                             .tx_packet_size = WEB_PIECE_MAX};
    status = start(w, err);
    if (status == OK) {
        *ret = w;
        return OK;
    }
    if (w->context == NULL) {
        free(w);
    } else {
        /* Its handles leave the loop only when that runs; this program is about to end. */
        w->stopping = true;
        lws_context_destroy(w->context);
    }
    return status;
}

uint16_t web_port(const struct web *w) {
    return w->port;
}

void web_set_origins(struct web *w, const struct origins *origins) {
    w->origins = origins;
}

/* --- each turn */

const char *web_overdue(const struct web_deadline *d, const struct web_limits *limits, int64_t now_mono_us) {
    if (d->socket) {
        return NULL;
    }
    if (d->finished) {
        return now_mono_us - d->written_mono_us > limits->linger_us ? "the rest of a refused body" : NULL;
    }
    if (d->written_mono_us > 0) {
        return now_mono_us - d->written_mono_us > limits->write_us ? "taking the answer" : NULL;
    }
    if (d->body_mono_us > 0) {
        return now_mono_us - d->body_mono_us > limits->handler_us ? "the answer" : NULL;
    }
    if (d->head_mono_us > 0) {
        return now_mono_us - d->head_mono_us > limits->body_us ? "the body" : NULL;
    }
    int64_t age = now_mono_us - d->accepted_mono_us;
    if (!d->any_byte && age > limits->first_byte_us) {
        return "the first byte";
    }
    return age > limits->head_us ? "the head" : NULL;
}

static void check_deadlines(struct web *w, int64_t now_mono_us) {
    bool any = false;
    for (struct web_conn *c = w->conns; c != NULL; c = c->next) {
        if (c->closing) {
            continue;
        }
        int64_t age = now_mono_us - c->deadline.accepted_mono_us;
        if (!c->deadline.any_byte && age > w->cfg.limits.first_byte_us) {
            c->deadline.any_byte = web_any_byte(lws_get_socket_fd(c->wsi));
        }
        c->deadline.finished = c->finished;
        const char *what = web_overdue(&c->deadline, &w->cfg.limits, now_mono_us);
        if (what != NULL) {
            log_event(LOG_INFO, "web.overdue", "peer=%s waited_for=\"%s\"", c->peer, what);
            c->closing = true;
            lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
            any = true;
        }
    }
    if (any) {
        lws_cancel_service(w->context);
    }
}

void web_turn_end(struct web *w, int64_t now_mono_us) {
    if (w->stopping) {
        return;
    }
    if (now_mono_us - w->checked_mono_us > DEADLINES_EVERY_US) {
        w->checked_mono_us = now_mono_us;
        check_deadlines(w, now_mono_us);
        web_find_left(w);
    }
    web_pump(w);
    /* The plug-in runs what the library owes (bytes already decrypted, for example) only once after each
     * event of a socket; what is left then would wait for the next one. */
    if (lws_service_adjust_timeout(w->context, 1, 0) == 0) {
        lws_cancel_service(w->context);
    }
}

/* --- stop */

/* The library does not tell when its handles have left the loop. They need three of its turns after the last
 * connection is gone; this waits for some more. */
enum { TURNS_TO_CLOSE = 10 };

static void on_stop_closed(uv_handle_t *handle) {
    struct web *w = handle->data;
    void (*on_stopped)(void *ctx) = w->on_stopped;
    on_stopped(w->stop_ctx);
}

static void on_stop_turn(uv_timer_t *timer) {
    struct web *w = timer->data;
    w->stop_turns = w->n_conns == 0 ? w->stop_turns + 1 : 0;
    if (w->stop_turns > TURNS_TO_CLOSE) {
        uv_close((uv_handle_t *)timer, on_stop_closed);
    }
}

void web_stop(struct web *w, void (*on_stopped)(void *ctx), void *ctx) {
    CHECK(!w->stopping);
    w->stopping = true;
    w->on_stopped = on_stopped;
    w->stop_ctx = ctx;
    int rc = uv_timer_init(w->cfg.loop, &w->stop_timer);
    CHECK(rc == 0);
    w->stop_timer.data = w;
    lws_context_destroy(w->context);
    rc = uv_timer_start(&w->stop_timer, on_stop_turn, 1, 1);
    CHECK(rc == 0);
}

void web_free(struct web **w) {
    if (*w == NULL) {
        return;
    }
    /* The second call frees: the first, in web_stop, only closed. */
    if ((*w)->stopping && (*w)->context != NULL) {
        lws_context_destroy((*w)->context);
    }
    free(*w);
    *w = NULL;
}
