#include "server/api/login_priv.h"
#include "server/base/check.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/tm.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One try to log in or to change a password, until its request is answered. */
struct attempt {
    struct login *login;
    struct http_request *r;
    struct user user;
    bool by_code;
    struct login_keys keys;
    char name[USER_NAME_SIZE];
    char password[PASSWORD_MAX + 1]; /* the one tried, or the new one */
    char current[PASSWORD_MAX + 1];  /* with a new one */
    char token[HTTP_COOKIE_SIZE];
};

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

void login_audit(struct login *l, const struct actor *actor, const char *action, const char *object,
                 const char *detail) {
    struct request q = {.kind = REQ_AUDIT, .actor = *actor};
    (void)snprintf(q.audit.action, sizeof q.audit.action, "%s", action);
    (void)snprintf(q.audit.object, sizeof q.audit.object, "%s", object);
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
    login_audit(t->login, &actor, "login.failed", actor.name, "");
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
    login_hash_text(t->token, hash);
    struct session *s = sessions_put(&l->sessions, hash);
    if (s == NULL) {
        fail_attempt(t, ERR_FULL, NULL);
        return;
    }
    s->user = t->user;
    s->checked_mono_us = clock_mono_us();
    bool ours = login_cookie_expiry(t->token, &s->expires_us);
    CHECK(ours);
    login_give(l, &t->keys);
    login_set_who(t->r, s);
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
    login_hash_text(t->token, q.session.token_hash);
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
    } else if (reply->status == ERR_UNAVAILABLE || reply->status == ERR_TIMEOUT ||
               reply->status == ERR_NO_SPACE) {
        fail_attempt(t, reply->status, &reply->error);
    } else {
        /* A password may look like a code. */
        try_password(t);
    }
}

static void try_code(struct attempt *t) {
    struct request q = {.kind = REQ_LOGIN_CODE, .actor = actor_of(t)};
    memcpy(q.login.name, t->name, sizeof q.login.name);
    login_hash_text(t->password, q.login.code_hash);
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

struct login_keys login_keys_of(const struct login *l, const char *peer, const char *account) {
    return (struct login_keys){.address = key_of(l, peer, ""), .account = key_of(l, peer, account)};
}

bool login_take(struct login *l, const struct login_keys *keys, long long *ret_wait_s) {
    int64_t now = clock_mono_us();
    int64_t wait_us = 0;
    if (throttle_take(&l->by_address, keys->address, now, &wait_us)) {
        if (throttle_take(&l->by_account, keys->account, now, &wait_us)) {
            return true;
        }
        throttle_give(&l->by_address, keys->address);
    }
    *ret_wait_s = wait_us / TM_SECOND_US + 1;
    return false;
}

void login_give(struct login *l, const struct login_keys *keys) {
    throttle_give(&l->by_address, keys->address);
    throttle_give(&l->by_account, keys->account);
}

/* Answers 429 if it is too often. */
static bool allowed(struct login *l, struct http_request *r, const struct login_keys *keys) {
    long long wait_s = 0;
    if (login_take(l, keys, &wait_s)) {
        return true;
    }
    http_header(r, "Retry-After: %lld", wait_s);
    http_problem(r, 429, "too_often", "too many tries from here; wait %lld s", wait_s);
    return false;
}

void login_start(struct login *l, struct http_request *r, const char *user, const char *password) {
    struct login_keys keys = login_keys_of(l, r->peer, user);
    if (!allowed(l, r, &keys)) {
        return;
    }
    struct attempt *t = attempt_new(l, r, user, password);
    if (t == NULL) {
        return;
    }
    t->keys = keys;
    if (login_looks_like_code(password)) {
        try_code(t);
    } else {
        try_password(t);
    }
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
            login_forget(l, s);
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
        login_give(t->login, &t->keys);
        hash_new(t);
        return;
    }
    struct config_fault fault = {.pointer = "/current", .text = "is not the present password"};
    struct actor actor = actor_of(t);
    login_audit(t->login, &actor, "password.refused", actor.name, "");
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
    struct login_keys keys = login_keys_of(l, r->peer, r->who.user.name);
    if (!must && !allowed(l, r, &keys)) {
        return;
    }
    struct attempt *t = attempt_new(l, r, r->who.user.name, password);
    if (t == NULL) {
        return;
    }
    t->user = r->who.user;
    t->keys = keys;
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
