#include "server/export/syslog_sink.h"

#include "server/base/check.h"
#include "server/base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 100, DRAIN_MS = 10 };

struct syslog_sink {
    char host[256];
    char port[8];
    const atomic_bool *stop;
    SSL_CTX *ctx;
    SSL *ssl; /* NULL: not connected */
    int fd;
};

/* --- the files --- */

static enum status bad_file(const char *file, const char *what, struct error *err) {
    ERR_clear_error();
    return error_set(err, ERR_INVALID, file, "%s", what);
}

static enum status read_files(SSL_CTX *ctx, const struct syslog_sink_config *cfg, struct error *err) {
    if (SSL_CTX_load_verify_locations(ctx, cfg->ca_file, NULL) != 1) {
        return bad_file(cfg->ca_file, "has no certificate of an authority that can be read", err);
    }
    if (cfg->cert_file == NULL) {
        return OK;
    }
    if (SSL_CTX_use_certificate_chain_file(ctx, cfg->cert_file) != 1) {
        return bad_file(cfg->cert_file, "has no certificate that can be read", err);
    }
    if (cfg->key_file == NULL || SSL_CTX_use_PrivateKey_file(ctx, cfg->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1) {
        return bad_file(cfg->key_file == NULL ? cfg->cert_file : cfg->key_file,
                        "has no key that belongs to the certificate", err);
    }
    return OK;
}

enum status syslog_sink_new(const struct syslog_sink_config *cfg, struct syslog_sink **ret,
                            struct error *err) {
    struct syslog_sink *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return error_set(err, ERR_NOMEM, "syslog", "no memory");
    }
    s->fd = -1;
    s->stop = cfg->stop;
    int n = snprintf(s->host, sizeof s->host, "%s", cfg->host);
    (void)snprintf(s->port, sizeof s->port, "%u", cfg->port);
    s->ctx = SSL_CTX_new(TLS_client_method());
    enum status status = OK;
    if (n <= 0 || (size_t)n >= sizeof s->host || cfg->port == 0) {
        status = error_set(err, ERR_INVALID, "syslog", "wants a host of 1 to 255 bytes, and a port");
    } else if (s->ctx == NULL || SSL_CTX_set_min_proto_version(s->ctx, TLS1_2_VERSION) != 1) {
        status = error_set(err, ERR_NOMEM, "syslog", "no memory for TLS");
    } else {
        SSL_CTX_set_verify(s->ctx, SSL_VERIFY_PEER, NULL);
        status = read_files(s->ctx, cfg, err);
    }
    if (status != OK) {
        syslog_sink_free(&s);
        return status;
    }
    *ret = s;
    return OK;
}

void syslog_sink_drop(struct syslog_sink *s) {
    SSL_free(s->ssl);
    s->ssl = NULL;
    if (s->fd >= 0) {
        (void)close(s->fd);
        s->fd = -1;
    }
    ERR_clear_error();
}

void syslog_sink_free(struct syslog_sink **s) {
    if (*s != NULL) {
        syslog_sink_drop(*s);
        SSL_CTX_free((*s)->ctx);
        free(*s);
        *s = NULL;
    }
}

/* --- waiting --- */

static enum status away(const struct syslog_sink *s, struct error *err, const char *what) {
    char where[300];
    (void)snprintf(where, sizeof where, "%s:%s", s->host, s->port);
    return error_set(err, ERR_UNAVAILABLE, where, "%s", what);
}

static int64_t deadline_us(int64_t ms) {
    return clock_mono_us() + ms * 1000;
}

/* Until the socket can do it. */
static enum status wait_for(const struct syslog_sink *s, short what, int64_t until_us, struct error *err) {
    struct pollfd fd = {.fd = s->fd, .events = what};
    while (poll(&fd, 1, WAIT_MS) <= 0) {
        if (s->stop != NULL && atomic_load(s->stop)) {
            return away(s, err, "the program ends");
        }
        if (clock_mono_us() > until_us) {
            return away(s, err, "does not answer");
        }
    }
    return OK;
}

/* What to do after a TLS call that returned rc: OK, again. */
static enum status after_tls(const struct syslog_sink *s, int rc, int64_t until_us, struct error *err) {
    int error = errno;
    int kind = SSL_get_error(s->ssl, rc);
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
        return wait_for(s, kind == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until_us, err);
    }
    long verdict = SSL_get_verify_result(s->ssl);
    const char *text = ERR_reason_error_string(ERR_peek_error());
    if (verdict != X509_V_OK) {
        text = X509_verify_cert_error_string(verdict);
    } else if (text == NULL) {
        text = kind == SSL_ERROR_SYSCALL && error != 0 ? strerrordesc_np(error)
                                                       : "the connection was broken off";
    }
    ERR_clear_error();
    return away(s, err, text);
}

/* --- connecting --- */

static enum status connect_to(struct syslog_sink *s, const struct addrinfo *to, int64_t until_us,
                              struct error *err) {
    s->fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, to->ai_protocol);
    if (s->fd < 0) {
        return away(s, err, strerrordesc_np(errno));
    }
    if (connect(s->fd, to->ai_addr, to->ai_addrlen) != 0 && errno != EINPROGRESS) {
        return away(s, err, strerrordesc_np(errno));
    }
    enum status status = wait_for(s, POLLOUT, until_us, err);
    int error = 0;
    socklen_t n = sizeof error;
    if (status == OK && (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error != 0)) {
        status = away(s, err, strerrordesc_np(error));
    }
    return status;
}

static enum status connect_any(struct syslog_sink *s, int64_t until_us, struct error *err) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(s->host, s->port, &hints, &found);
    if (rc != 0) {
        return away(s, err, gai_strerror(rc));
    }
    enum status status = ERR_UNAVAILABLE;
    for (const struct addrinfo *to = found; to != NULL && status != OK; to = to->ai_next) {
        syslog_sink_drop(s);
        status = connect_to(s, to, until_us, err);
    }
    freeaddrinfo(found);
    return status;
}

/* The certificate must be for the host as it was given. */
static bool expect_host(struct syslog_sink *s) {
    struct in6_addr address;
    bool is_address =
        inet_pton(AF_INET, s->host, &address) == 1 || inet_pton(AF_INET6, s->host, &address) == 1;
    if (is_address) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s->ssl), s->host) == 1;
    }
    return SSL_set1_host(s->ssl, s->host) == 1 && SSL_set_tlsext_host_name(s->ssl, s->host) == 1;
}

static enum status shake_hands(struct syslog_sink *s, int64_t until_us, struct error *err) {
    s->ssl = SSL_new(s->ctx);
    if (s->ssl == NULL || SSL_set_fd(s->ssl, s->fd) != 1 || !expect_host(s)) {
        return away(s, err, "no memory for TLS");
    }
    enum status status = OK;
    int rc = SSL_connect(s->ssl);
    while (rc != 1 && status == OK) {
        status = after_tls(s, rc, until_us, err);
        rc = status == OK ? SSL_connect(s->ssl) : rc;
    }
    return status;
}

/* --- sending --- */

static enum status send_all(struct syslog_sink *s, struct slice v, struct error *err) {
    enum status status = OK;
    while (v.n > 0 && status == OK) {
        errno = 0;
        int n = SSL_write(s->ssl, v.p, v.n > INT_MAX ? INT_MAX : (int)v.n);
        if (n > 0) {
            v = slice_of(v.p + n, v.n - (size_t)n);
        } else {
            status = after_tls(s, n, deadline_us(SYSLOG_SEND_MS), err);
        }
    }
    return status;
}

enum status syslog_sink_send(struct syslog_sink *s, struct slice messages, struct error *err) {
    enum status status = OK;
    if (s->ssl == NULL) {
        int64_t until_us = deadline_us(SYSLOG_CONNECT_MS);
        status = connect_any(s, until_us, err);
        status = status == OK ? shake_hands(s, until_us, err) : status;
    }
    status = status == OK ? send_all(s, messages, err) : status;
    if (status != OK) {
        syslog_sink_drop(s);
    }
    return status;
}

/* --- the end of a connection --- */

/* Our end: TLS says so, and TCP. */
static enum status say_end(struct syslog_sink *s, int64_t until_us, struct error *err) {
    enum status status = OK;
    errno = 0;
    int rc = SSL_shutdown(s->ssl);
    while (rc < 0 && status == OK) {
        status = after_tls(s, rc, until_us, err);
        errno = 0;
        rc = status == OK ? SSL_shutdown(s->ssl) : rc;
    }
    if (status == OK && shutdown(s->fd, SHUT_WR) != 0) {
        status = away(s, err, strerrordesc_np(errno));
    }
    return status;
}

/* What comes is read until the other side's end, by TLS or by TCP alone (there are collectors that forget the
 * first). A fatal alert is none: whoever does not like our certificate says so only now. */
static enum status hear_tls_end(struct syslog_sink *s, int64_t until_us, struct error *err) {
    enum status status = OK;
    while (status == OK) {
        char scrap[1024];
        errno = 0;
        int rc = SSL_read(s->ssl, scrap, sizeof scrap);
        int kind = rc > 0 ? SSL_ERROR_NONE : SSL_get_error(s->ssl, rc);
        bool broken_off = ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
        if (kind == SSL_ERROR_ZERO_RETURN || (kind == SSL_ERROR_SSL && broken_off)) {
            ERR_clear_error();
            return OK;
        }
        status = rc > 0 ? OK : after_tls(s, rc, until_us, err);
    }
    return status;
}

/* A connection that was reset, because something was not read, has no such end. */
static enum status hear_tcp_end(const struct syslog_sink *s, int64_t until_us, struct error *err) {
    for (;;) {
        char scrap[1024];
        ssize_t n = recv(s->fd, scrap, sizeof scrap, 0);
        if (n == 0) {
            return OK;
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return away(s, err, strerrordesc_np(errno));
        }
        enum status status = n > 0 ? OK : wait_for(s, POLLIN, until_us, err);
        if (status != OK) {
            return status;
        }
    }
}

/* All that we sent was acknowledged: the other side did not close before it came. */
static enum status await_empty(const struct syslog_sink *s, int64_t until_us, struct error *err) {
    for (;;) {
        int left = 0;
        int error = 0;
        socklen_t n = sizeof error;
        if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || ioctl(s->fd, SIOCOUTQ, &left) != 0) {
            return away(s, err, strerrordesc_np(errno));
        }
        if (error != 0) {
            return away(s, err, strerrordesc_np(error));
        }
        if (left == 0) {
            return OK;
        }
        if (clock_mono_us() > until_us) {
            return away(s, err, "does not acknowledge the end");
        }
        (void)poll(NULL, 0, DRAIN_MS);
    }
}

enum status syslog_sink_confirm(struct syslog_sink *s, struct error *err) {
    CHECK(s->ssl != NULL); /* something was sent */
    int64_t until_us = deadline_us(SYSLOG_CONFIRM_MS);
    enum status status = say_end(s, until_us, err);
    status = status == OK ? hear_tls_end(s, until_us, err) : status;
    status = status == OK ? hear_tcp_end(s, until_us, err) : status;
    status = status == OK ? await_empty(s, until_us, err) : status;
    syslog_sink_drop(s);
    return status;
}
