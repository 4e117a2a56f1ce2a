#include "server/api/login.h"

#include "server/api/live.h"
#include "server/api/password.h"
#include "server/api/session.h"
#include "server/api/throttle.h"
#include "server/api/view.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/tm.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct login {
    struct api *api;
    struct passwords *passwords;
    struct sessions sessions;
    /* Tries per address, and per account at an address: who guesses an operator's password from elsewhere
     * slows himself and not the operator. */
    struct throttle by_address;
    struct throttle by_account;
    uint8_t key[crypto_shorthash_KEYBYTES];
};

/* One try to log in or to change a password, until its request is answered. */
struct attempt {
    struct login *login;
    struct http_request *r;
    struct user user;
    bool by_code;
    uint64_t address_key;
    uint64_t account_key;
    char name[USER_NAME_SIZE];
    char password[PASSWORD_MAX + 1]; /* the one tried, or the new one */
    char current[PASSWORD_MAX + 1];  /* with a new one */
    char token[HTTP_COOKIE_SIZE];
};

static const struct throttle_rule address_rule = {.interval_us = 1000000, .burst = 30};
static const struct throttle_rule account_rule = {.interval_us = 3000000, .burst = 5};

enum { TOKEN_BYTES = 32, TOKEN_HEX = 2 * TOKEN_BYTES };

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

static void hash_text(const char *text, uint8_t ret[TOKEN_HASH_SIZE]) {
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

static void forget(struct login *l, struct session *s) {
    s->used = false;
    if (s->sockets > 0) {
        live_session_gone(l->api->live, s->token_hash);
    }
}

static void set_who(struct http_request *r, const struct session *s) {
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
    bool unknown =
        reply->status == ERR_UNAVAILABLE || reply->status == ERR_TIMEOUT || reply->status == ERR_FULL;
    if (unknown && still_usable(s)) {
        s->checked_mono_us = clock_mono_us(); /* asked again later */
        return s;
    }
    if (s != NULL) {
        forget(l, s);
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
        set_who(k.r, s);
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
    hash_text(r->session, ret->token_hash);
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
        set_who(r, s);
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
        set_who(r, s);
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
            forget(l, s);
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

/* --- attempts */

static struct attempt *attempt_new(struct login *l, struct http_request *r, const char *name,
                                   const char *password) {
    struct attempt *t = calloc(1, sizeof *t);
    if (t == NULL) {
        http_failed(r, ERR_NOMEM, NULL);
        return NULL;
    }
    t->login = l;
    t->r = r;
    (void)snprintf(t->name, sizeof t->name, "%s", name);
    (void)snprintf(t->password, sizeof t->password, "%s", password);
    return t;
}

static void attempt_free(struct attempt *t) {
    sodium_memzero(t, sizeof *t);
    free(t);
}

static void ignore(struct api *a, void *ctx, const struct reply *reply) {
    (void)a;
    (void)ctx;
    if (reply->status != OK) {
        log_event(LOG_WARN, "audit.lost", "text=%s", LOG_Q(slice_str(reply->error.text)));
    }
}

static struct actor actor_of(const struct attempt *t) {
    struct actor actor = {.user_key = t->user.key};
    memcpy(actor.name, t->name, sizeof actor.name);
    memcpy(actor.peer, t->r->peer, sizeof actor.peer);
    return actor;
}

static void audit(struct login *l, const struct actor *actor, const char *action, const char *detail) {
    struct request q = {.kind = REQ_AUDIT, .actor = *actor};
    (void)snprintf(q.audit.action, sizeof q.audit.action, "%s", action);
    (void)snprintf(q.audit.object, sizeof q.audit.object, "%s", actor->name);
    (void)snprintf(q.audit.detail, sizeof q.audit.detail, "%s", detail);
    if (!api_ask(l->api, &q, ignore, NULL)) {
        log_event(LOG_WARN, "audit.lost", "action=%s peer=%s", action, actor->peer);
    }
}

/* The same words whatever was wrong. */
static void fail_login(struct attempt *t) {
    struct actor actor = actor_of(t);
    actor.user_key = 0;
    log_event(LOG_INFO, "login.failed", "user=%s peer=%s", LOG_Q(slice_str(t->name)), t->r->peer);
    audit(t->login, &actor, "login.failed", "");
    http_problem(t->r, 401, "login_failed", "user or password is wrong");
    attempt_free(t);
}

static void fail_attempt(struct attempt *t, enum status status, const struct error *err) {
    http_failed(t->r, status, err);
    attempt_free(t);
}

static void on_opened(struct api *a, void *ctx, const struct reply *reply) {
    struct attempt *t = ctx;
    struct login *l = t->login;
    (void)a;
    if (reply->status != OK) {
        fail_attempt(t, reply->status, &reply->error);
        return;
    }
    uint8_t hash[TOKEN_HASH_SIZE];
    hash_text(t->token, hash);
    struct session *s = sessions_put(&l->sessions, hash);
    if (s == NULL) {
        fail_attempt(t, ERR_FULL, NULL);
        return;
    }
    s->user = t->user;
    s->checked_mono_us = clock_mono_us();
    bool ours = login_cookie_expiry(t->token, &s->expires_us);
    CHECK(ours);
    throttle_give(&l->by_address, t->address_key);
    throttle_give(&l->by_account, t->account_key);
    set_who(t->r, s);
    http_header(t->r,
                "Set-Cookie: __Host-penstock=%s; Secure; HttpOnly; SameSite=Strict; Path=/; Max-Age=%lld",
                t->token, (long long)(LOGIN_SESSION_US / TM_SECOND_US));
    login_write_session(&t->r->who, &t->r->out);
    log_event(LOG_INFO, "login.ok", "user=%s peer=%s by=%s", LOG_Q(slice_str(t->name)), t->r->peer,
              t->by_code ? "code" : "password");
    http_json(t->r, 200);
    attempt_free(t);
}

static void open_session(struct attempt *t) {
    uint8_t random[TOKEN_BYTES];
    char hex[TOKEN_HEX + 1];
    int64_t expires_s = (clock_wall_us() + LOGIN_SESSION_US) / TM_SECOND_US;
    sodium_memzero(t->user.password_hash, sizeof t->user.password_hash);
    randombytes_buf(random, sizeof random);
    (void)sodium_bin2hex(hex, sizeof hex, random, sizeof random);
    (void)snprintf(t->token, sizeof t->token, "%s-%llx", hex, (unsigned long long)expires_s);
    sodium_memzero(random, sizeof random);
    struct request q = {.kind = REQ_SESSION_OPEN, .actor = actor_of(t)};
    hash_text(t->token, q.session.token_hash);
    q.session.user_key = t->user.key;
    q.session.expires_us = expires_s * TM_SECOND_US;
    if (!api_ask(t->login->api, &q, on_opened, t)) {
        fail_attempt(t, ERR_FULL, NULL);
    }
}

static void on_verified(void *ctx, bool ok, const char *hash) {
    struct attempt *t = ctx;
    (void)hash;
    if (ok) {
        open_session(t);
    } else {
        fail_login(t);
    }
}

static void on_user(struct api *a, void *ctx, const struct reply *reply) {
    struct attempt *t = ctx;
    (void)a;
    if (reply->status != OK && reply->status != ERR_NOT_FOUND && reply->status != ERR_DENIED) {
        fail_attempt(t, reply->status, &reply->error);
        return;
    }
    bool usable = reply->status == OK && !reply->user.disabled && reply->user.role != ROLE_NONE;
    if (usable) {
        t->user = reply->user;
    }
    enum status status = passwords_verify(t->login->passwords, t->password,
                                          usable ? t->user.password_hash : "", on_verified, t);
    if (status != OK) {
        fail_attempt(t, status, NULL);
    }
}

static void try_password(struct attempt *t) {
    struct request q = {.kind = REQ_USER_FIND, .actor = actor_of(t)};
    memcpy(q.login.name, t->name, sizeof q.login.name);
    if (!api_ask(t->login->api, &q, on_user, t)) {
        fail_attempt(t, ERR_FULL, NULL);
    }
}

static void on_code(struct api *a, void *ctx, const struct reply *reply) {
    struct attempt *t = ctx;
    (void)a;
    if (reply->status == OK && !reply->user.disabled && reply->user.role != ROLE_NONE) {
        t->user = reply->user;
        t->by_code = true;
        open_session(t);
    } else if (reply->status == ERR_UNAVAILABLE || reply->status == ERR_TIMEOUT) {
        fail_attempt(t, reply->status, &reply->error);
    } else {
        /* A password may look like a code. */
        try_password(t);
    }
}

static void try_code(struct attempt *t) {
    struct request q = {.kind = REQ_LOGIN_CODE, .actor = actor_of(t)};
    memcpy(q.login.name, t->name, sizeof q.login.name);
    hash_text(t->password, q.login.code_hash);
    if (!api_ask(t->login->api, &q, on_code, t)) {
        fail_attempt(t, ERR_FULL, NULL);
    }
}

/* --- how often */

/* Of an IPv6 address the network counts: a home has 2^64 of the others. */
static uint64_t key_of(const struct login *l, const char *peer, const char *account) {
    uint8_t text[PEER_SIZE + USER_NAME_SIZE] = {0};
    uint8_t v6[16];
    if (inet_pton(AF_INET6, peer, v6) == 1) {
        memcpy(text, v6, 8);
    } else {
        memcpy(text, peer, strnlen(peer, PEER_SIZE));
    }
    memcpy(text + PEER_SIZE, account, strnlen(account, USER_NAME_SIZE));
    uint64_t key = 0;
    _Static_assert(sizeof key == crypto_shorthash_BYTES, "64 bits");
    (void)crypto_shorthash((unsigned char *)&key, text, sizeof text, l->key);
    return key;
}

/* Answers 429 if it is too often. */
static bool allowed(struct login *l, struct http_request *r, uint64_t address_key, uint64_t account_key) {
    int64_t now = clock_mono_us();
    int64_t wait_us = 0;
    if (throttle_take(&l->by_address, address_key, now, &wait_us)) {
        if (throttle_take(&l->by_account, account_key, now, &wait_us)) {
            return true;
        }
        throttle_give(&l->by_address, address_key);
    }
    http_header(r, "Retry-After: %lld", (long long)(wait_us / TM_SECOND_US + 1));
    http_problem(r, 429, "too_often", "too many tries from here; wait %lld s",
                 (long long)(wait_us / TM_SECOND_US + 1));
    return false;
}

void login_start(struct login *l, struct http_request *r, const char *user, const char *password) {
    uint64_t address_key = key_of(l, r->peer, "");
    uint64_t account_key = key_of(l, r->peer, user);
    if (!allowed(l, r, address_key, account_key)) {
        return;
    }
    struct attempt *t = attempt_new(l, r, user, password);
    if (t == NULL) {
        return;
    }
    t->address_key = address_key;
    t->account_key = account_key;
    if (login_looks_like_code(password)) {
        try_code(t);
    } else {
        try_password(t);
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
        forget(l, s);
    }
    struct request q = {.kind = REQ_SESSION_CLOSE, .actor = api_actor(r)};
    memcpy(q.session.token_hash, r->who.token_hash, sizeof q.session.token_hash);
    q.session.user_key = r->who.user.key;
    api_ask_for(l->api, r, &q, on_closed);
}

/* --- a new password */

static void on_password_set(struct api *a, void *ctx, const struct reply *reply) {
    struct attempt *t = ctx;
    struct login *l = t->login;
    (void)a;
    if (reply->status != OK) {
        fail_attempt(t, reply->status, &reply->error);
        return;
    }
    for (uint32_t i = 0; i < l->sessions.max; i++) {
        struct session *s = &l->sessions.v[i];
        if (!s->used || s->user.key != t->user.key) {
            continue;
        }
        if (memcmp(s->token_hash, t->r->who.token_hash, TOKEN_HASH_SIZE) == 0) {
            s->user.must_change_password = false;
        } else {
            forget(l, s);
        }
    }
    http_no_content(t->r);
    attempt_free(t);
}

static void on_hashed(void *ctx, bool ok, const char *hash) {
    struct attempt *t = ctx;
    if (!ok) {
        fail_attempt(t, ERR_FULL, NULL);
        return;
    }
    struct request q = {.kind = REQ_PASSWORD_SET, .actor = actor_of(t)};
    q.password.user_key = t->user.key;
    memcpy(q.password.hash, hash, sizeof q.password.hash);
    memcpy(q.password.keep_token_hash, t->r->who.token_hash, sizeof q.password.keep_token_hash);
    if (!api_ask(t->login->api, &q, on_password_set, t)) {
        fail_attempt(t, ERR_FULL, NULL);
    }
}

static void hash_new(struct attempt *t) {
    enum status status = passwords_hash(t->login->passwords, t->password, on_hashed, t);
    if (status != OK) {
        fail_attempt(t, status, NULL);
    }
}

static void on_current_verified(void *ctx, bool ok, const char *hash) {
    struct attempt *t = ctx;
    (void)hash;
    if (ok) {
        throttle_give(&t->login->by_account, t->account_key);
        throttle_give(&t->login->by_address, t->address_key);
        hash_new(t);
        return;
    }
    struct config_fault fault = {.pointer = "/current", .text = "is not the present password"};
    struct actor actor = actor_of(t);
    audit(t->login, &actor, "password.refused", "");
    http_faults(t->r, 422, "the present password is wrong", &fault, 1);
    attempt_free(t);
}

static void on_current_user(struct api *a, void *ctx, const struct reply *reply) {
    struct attempt *t = ctx;
    (void)a;
    if (reply->status != OK) {
        fail_attempt(t, reply->status, &reply->error);
        return;
    }
    enum status status =
        passwords_verify(t->login->passwords, t->current, reply->user.password_hash, on_current_verified, t);
    if (status != OK) {
        fail_attempt(t, status, NULL);
    }
}

void login_change_password(struct login *l, struct http_request *r, const char *current,
                           const char *password) {
    bool must = r->who.user.must_change_password;
    uint64_t address_key = key_of(l, r->peer, "");
    uint64_t account_key = key_of(l, r->peer, r->who.user.name);
    if (!must && !allowed(l, r, address_key, account_key)) {
        return;
    }
    struct attempt *t = attempt_new(l, r, r->who.user.name, password);
    if (t == NULL) {
        return;
    }
    t->user = r->who.user;
    t->address_key = address_key;
    t->account_key = account_key;
    if (must) {
        hash_new(t);
        return;
    }
    (void)snprintf(t->current, sizeof t->current, "%s", current);
    struct request q = {.kind = REQ_USER_FIND, .actor = actor_of(t)};
    memcpy(q.login.name, t->name, sizeof q.login.name);
    if (!api_ask(l->api, &q, on_current_user, t)) {
        fail_attempt(t, ERR_FULL, NULL);
    }
}
