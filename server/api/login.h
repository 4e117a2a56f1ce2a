/* Who is asking: sessions and the way to get one. A session is a cookie of 256 random bits with its end in it
 * ("HEX-HEX"); only its SHA-256 is stored, by the host, and a copy of what the host said is kept here for
 * some seconds, so that a page full of requests asks once. While the database is away, sessions that are
 * known here go on until they end. A session that is revoked elsewhere dies here when it is next asked for,
 * or within LOGIN_FRESH_US if it has live sockets. */
#ifndef PENSTOCK_API_LOGIN_H
#define PENSTOCK_API_LOGIN_H

#include "server/api/state.h"

#define LOGIN_SESSION_US INT64_C(43200000000) /* 12 h from the login, used or not */
#define LOGIN_FRESH_US   INT64_C(5000000)

enum { LOGIN_SESSIONS_MAX = 2048, LOGIN_SOCKETS_MAX = 4 };

MUSTCHECK enum status login_new(struct api *a, uint32_t password_mib, struct login **ret, struct error *err);
void login_stop(struct login *l);
void login_free(struct login **l);
/* Once per turn: sessions with live sockets that ended or were revoked. */
void login_turn_end(struct login *l, int64_t now_us, int64_t now_mono_us);

/* Calls then(a, r) with r->who set, or answers r: 401 without a session, 503 when nobody can say. */
void login_resolve(struct login *l, struct http_request *r,
                   void (*then)(struct api *a, struct http_request *r));
/* The same without waiting: true if a valid session is known here. False: maybe it is known soon. */
bool login_peek(struct login *l, struct http_request *r);
/* A live socket of this session may open (false: it has LOGIN_SOCKETS_MAX already), opens, and closes. */
bool login_socket_room(struct login *l, const uint8_t token_hash[TOKEN_HASH_SIZE]);
bool login_socket_opened(struct login *l, const uint8_t token_hash[TOKEN_HASH_SIZE]);
void login_socket_closed(struct login *l, const uint8_t token_hash[TOKEN_HASH_SIZE]);

/* DELETE /api/session. */
void login_end(struct login *l, struct http_request *r);

/* --- attempt.c
 * POST /api/session: tries user and password (or one-time code), answers r. */
void login_start(struct login *l, struct http_request *r, const char *user, const char *password);
/* PUT /api/session/password. current may be "" if the session must change its password. */
void login_change_password(struct login *l, struct http_request *r, const char *current,
                           const char *password);
/* The session object. */
void login_write_session(const struct http_who *who, struct buf *out);

/* --- pure, for the tests */
/* True for a text like a one-time code: at least four groups of four of a-z, 0-9, joined by '-'. */
bool login_looks_like_code(const char *text);
/* The end that is written in a cookie's value; false if it is not one of ours. */
bool login_cookie_expiry(const char *value, int64_t *ret_expires_us);

#endif
