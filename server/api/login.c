#include "server/api/live.h"
#include "server/api/login_priv.h"
#include "server/api/view.h"
#include "server/base/clock.h"
#include "server/base/tm.h"

#include <stdlib.h>
#include <string.h>

static const struct throttle_rule address_rule = {.interval_us = 1000000, .burst = 30};
static const struct throttle_rule account_rule = {.interval_us = 3000000, .burst = 5};

enum status login_new(struct api *a, uint32_t password_mib, struct login **ret, struct error *err) {
    struct login *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return error_set(err, ERR_NOMEM, "login", "out of memory");
    }
    l->api = a;
    enum status status = passwords_new(a->loop, password_mib, &l->passwords, err);
    if (status == OK) {
        status = sessions_init(&l->sessions, LOGIN_SESSIONS_MAX, err);
    }
    if (status != OK) {
        login_free(&l);
        return status;
    }
    throttle_init(&l->by_address, address_rule);
    throttle_init(&l->by_account, account_rule);
    randombytes_buf(l->key, sizeof l->key);
    *ret = l;
    return OK;
}

void login_stop(struct login *l) {
    passwords_stop(l->passwords, api_part_stopped, l->api);
}

void login_free(struct login **l) {
    if (*l != NULL) {
        passwords_free(&(*l)->passwords);
        sessions_done(&(*l)->sessions);
        sodium_memzero((*l)->key, sizeof(*l)->key);
        free(*l);
        *l = NULL;
    }
}

/* --- pure */

static bool code_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool login_looks_like_code(const char *text) {
    size_t n = strlen(text);
    if (n < 19 || n % 5 != 4) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (i % 5 == 4 ? text[i] != '-' : !code_char(text[i])) {
            return false;
        }
    }
    return true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool login_cookie_expiry(const char *value, int64_t *ret_expires_us) {
    size_t n = strlen(value);
    if (n < TOKEN_HEX + 2 || n > TOKEN_HEX + 1 + 10 || value[TOKEN_HEX] != '-') {
        return false;
    }
    int64_t seconds = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == TOKEN_HEX) {
            continue;
        }
        int digit = hex_digit(value[i]);
        if (digit < 0) {
            return false;
        }
        seconds = i > TOKEN_HEX ? seconds * 16 + digit : 0;
    }
    *ret_expires_us = seconds * TM_SECOND_US;
    return true;
}

void login_hash_text(const char *text, uint8_t ret[TOKEN_HASH_SIZE]) {
    _Static_assert(TOKEN_HASH_SIZE == crypto_hash_sha256_BYTES, "SHA-256");
    (void)crypto_hash_sha256(ret, (const unsigned char *)text, strlen(text));
}

void login_write_session(const struct http_who *who, struct buf *out) {
    buf_text(out, "{\"user\":");
    buf_json_string(out, slice_str(who->user.name));
    view_string(out, "title", slice_str(who->user.title[0] != '\0' ? who->user.title : who->user.name));
    view_string(out, "role", slice_str(role_name(who->user.role)));
    buf_printf(
        out, ",\"must_change_password\":%s,\"expires\":", who->user.must_change_password ? "true" : "false");
    view_time(out, who->expires_us);
    buf_byte(out, '}');
}

/* --- finding a session */

void login_forget(struct login *l, struct session *s) {
    s->used = false;
    if (s->sockets > 0) {
        live_session_gone(l->api->live, s->token_hash);
    }
}

void login_set_who(struct http_request *r, const struct session *s) {
    r->who.user = s->user;
    r->who.expires_us = s->expires_us;
    memcpy(r->who.token_hash, s->token_hash, sizeof r->who.token_hash);
}

static void refuse_session(struct http_request *r) {
    http_problem(r, 401, "no_session", "log in first: POST /api/session");
}

/* A question about a session, by whoever needs it first. */
struct lookup {
    struct login *login;
    struct http_request *r; /* NULL: for the live sockets, or to know it soon */
    void (*then)(struct api *a, struct http_request *r);
    int64_t expires_us;
    uint8_t token_hash[TOKEN_HASH_SIZE];
};

static bool still_usable(const struct session *s) {
    return s != NULL && s->checked_mono_us != 0 && s->expires_us > clock_wall_us();
}

static struct session *note_answer(struct lookup *k, const struct reply *reply) {
    struct login *l = k->login;
    struct session *s = sessions_find(&l->sessions, k->token_hash);
    if (s != NULL) {
        s->asking = false;
    }
    if (reply->status == OK && !reply->user.disabled && reply->user.role != ROLE_NONE) {
        s = sessions_put(&l->sessions, k->token_hash);
        if (s != NULL) {
            s->user = reply->user;
            sodium_memzero(s->user.password_hash, sizeof s->user.password_hash);
            s->expires_us = k->expires_us;
            s->checked_mono_us = clock_mono_us();
        }
        return s;
    }
    bool unknown = reply->status == ERR_UNAVAILABLE || reply->status == ERR_TIMEOUT ||
                   reply->status == ERR_FULL || reply->status == ERR_NO_SPACE;
    if (unknown && still_usable(s)) {
        s->checked_mono_us = clock_mono_us(); /* asked again later */
        return s;
    }
    if (s != NULL) {
        login_forget(l, s);
    }
    return NULL;
}

static void on_session(struct api *a, void *ctx, const struct reply *reply) {
    struct lookup k = *(struct lookup *)ctx;
    free(ctx);
    struct session *s = note_answer(&k, reply);
    if (k.r == NULL) {
        return;
    }
    if (s != NULL) {
        login_set_who(k.r, s);
        k.then(a, k.r);
    } else if (reply->status == OK || reply->status == ERR_NOT_FOUND || reply->status == ERR_DENIED) {
        refuse_session(k.r);
    } else {
        http_failed(k.r, reply->status, &reply->error);
    }
}

static bool ask_session(struct login *l, const struct lookup *k) {
    struct request q = {.kind = REQ_SESSION_FIND};
    struct lookup *kept = malloc(sizeof *kept);
    if (kept == NULL) {
        return false;
    }
    *kept = *k;
    memcpy(q.session.token_hash, k->token_hash, sizeof q.session.token_hash);
    if (k->r != NULL) {
        q.actor = api_actor(k->r);
    }
    if (!api_ask(l->api, &q, on_session, kept)) {
        free(kept);
        return false;
    }
    return true;
}

static bool lookup_of(struct login *l, const struct http_request *r, struct lookup *ret) {
    *ret = (struct lookup){.login = l};
    if (!login_cookie_expiry(r->session, &ret->expires_us) || ret->expires_us <= clock_wall_us()) {
        return false;
    }
    login_hash_text(r->session, ret->token_hash);
    return true;
}

void login_resolve(struct login *l, struct http_request *r,
                   void (*then)(struct api *a, struct http_request *r)) {
    struct lookup k;
    if (!lookup_of(l, r, &k)) {
        refuse_session(r);
        return;
    }
    struct session *s = sessions_find(&l->sessions, k.token_hash);
    if (still_usable(s) && clock_mono_us() - s->checked_mono_us < LOGIN_FRESH_US) {
        login_set_who(r, s);
        then(l->api, r);
        return;
    }
    k.r = r;
    k.then = then;
    if (!ask_session(l, &k)) {
        http_failed(r, ERR_FULL, NULL);
    }
}

bool login_peek(struct login *l, struct http_request *r) {
    struct lookup k;
    if (!lookup_of(l, r, &k)) {
        return false;
    }
    struct session *s = sessions_find(&l->sessions, k.token_hash);
    if (still_usable(s)) {
        login_set_who(r, s);
        return true;
    }
    (void)ask_session(l, &k);
    return false;
}

bool login_socket_room(struct login *l, const uint8_t token_hash[TOKEN_HASH_SIZE]) {
    const struct session *s = sessions_find(&l->sessions, token_hash);
    return s != NULL && s->sockets < LOGIN_SOCKETS_MAX;
}

bool login_socket_opened(struct login *l, const uint8_t token_hash[TOKEN_HASH_SIZE]) {
    struct session *s = sessions_find(&l->sessions, token_hash);
    if (s == NULL || s->sockets >= LOGIN_SOCKETS_MAX) {
        return false;
    }
    s->sockets++;
    return true;
}

void login_socket_closed(struct login *l, const uint8_t token_hash[TOKEN_HASH_SIZE]) {
    struct session *s = sessions_find(&l->sessions, token_hash);
    if (s != NULL && s->sockets > 0) {
        s->sockets--;
    }
}

void login_turn_end(struct login *l, int64_t now_us, int64_t now_mono_us) {
    for (uint32_t i = 0; i < l->sessions.max; i++) {
        struct session *s = &l->sessions.v[i];
        if (!s->used || s->sockets == 0) {
            continue;
        }
        if (s->expires_us <= now_us) {
            login_forget(l, s);
        } else if (!s->asking && now_mono_us - s->checked_mono_us > LOGIN_FRESH_US) {
            struct lookup k = {.login = l, .expires_us = s->expires_us};
            memcpy(k.token_hash, s->token_hash, sizeof k.token_hash);
            s->asking = true;
            if (!ask_session(l, &k)) {
                s->asking = false;
            }
        }
    }
}

/* --- the end of a session */

static void on_closed(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (reply->status != OK && reply->status != ERR_NOT_FOUND) {
        http_failed(r, reply->status, &reply->error);
        return;
    }
    http_header(r, "Set-Cookie: __Host-penstock=; Secure; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    http_no_content(r);
}

void login_end(struct login *l, struct http_request *r) {
    struct session *s = sessions_find(&l->sessions, r->who.token_hash);
    if (s != NULL) {
        login_forget(l, s);
    }
    struct request q = {.kind = REQ_SESSION_CLOSE, .actor = api_actor(r)};
    memcpy(q.session.token_hash, r->who.token_hash, sizeof q.session.token_hash);
    q.session.user_key = r->who.user.key;
    api_ask_for(l->api, r, &q, on_closed);
}
