#include "server/api/second.h"

#include "server/api/login_priv.h"
#include "server/base/log.h"

#include <stdio.h>
#include <stdlib.h>

/* One try, until its answer is told. */
struct trial {
    struct login *login;
    struct actor first;
    struct second second;
    struct login_keys keys;
    char hash[PASSWORD_HASH_SIZE];
    enum role role;
    second_done done;
    void *ctx;
};

/* --- reading */

static const char *read_text(struct json_in *in, const json_t *object, const char *key, size_t max) {
    const json_t *value = json_object_get(object, key);
    size_t n = json_string_length(value);
    char at[32];
    if (json_is_string(value) && n >= 1 && n <= max) {
        return json_string_value(value);
    }
    (void)snprintf(at, sizeof at, "/second/%s", key);
    json_in_fault(in, at, "a text of 1 to %zu bytes is needed", max);
    return "";
}

void second_read(struct json_in *in, const struct http_request *r, struct second *ret) {
    static const char *const keys[] = {"name", "password", NULL};
    const json_t *object = json_object_get(in->root, "second");
    *ret = (struct second){.name = ""};
    if (object == NULL) {
        return;
    }
    if (!json_is_object(object)) {
        json_in_fault(in, "/second", "an object with \"name\" and \"password\" is needed");
        return;
    }
    json_in_only(in, object, "/second", keys);
    (void)snprintf(ret->name, sizeof ret->name, "%s", read_text(in, object, "name", sizeof ret->name - 1));
    (void)snprintf(ret->password, sizeof ret->password, "%s",
                   read_text(in, object, "password", PASSWORD_MAX));
    const json_t *password = json_object_get(object, "password");
    if (json_is_string(password)) {
        sodium_memzero((void *)json_string_value(password), json_string_length(password));
    }
    if (strcmp(ret->name, r->who.user.name) == 0) {
        json_in_fault(in, "/second/name", "is you; the second person must be somebody else");
    }
}

void second_forget(struct second *s) {
    sodium_memzero(s, sizeof *s);
}

void second_wipe_body(struct http_request *r) {
    if (r->body.n > 0) {
        sodium_memzero(r->body.p, r->body.n);
    }
}

/* --- trying. Each takes t. */

static void tell(struct trial *t, const struct second_answer *answer) {
    second_done done = t->done;
    void *ctx = t->ctx;
    sodium_memzero(t, sizeof *t);
    free(t);
    done(ctx, answer);
}

static void tell_unknown(struct trial *t, enum status status, const struct error *err) {
    struct second_answer answer = {.verdict = SECOND_UNKNOWN, .status = status};
    if (err != NULL) {
        answer.error = *err;
    }
    tell(t, &answer);
}

static void refuse(struct trial *t, enum second_verdict verdict) {
    const char *why = verdict == SECOND_ROLE ? "may not change the configuration" : "";
    log_event(LOG_INFO, "second.refused", "user=%s second=%s peer=%s", LOG_Q(slice_str(t->first.name)),
              LOG_Q(slice_str(t->second.name)), t->first.peer);
    login_audit(t->login, &t->first, "config.second_refused", t->second.name, why);
    tell(t, &(struct second_answer){.verdict = verdict});
}

static void on_verified(void *ctx, bool ok, const char *hash) {
    struct trial *t = ctx;
    (void)hash;
    if (!ok) {
        refuse(t, SECOND_WRONG);
        return;
    }
    login_give(t->login, &t->keys);
    if (t->role != ROLE_ENGINEER && t->role != ROLE_ADMIN) {
        refuse(t, SECOND_ROLE);
        return;
    }
    log_event(LOG_INFO, "second.agreed", "user=%s second=%s peer=%s", LOG_Q(slice_str(t->first.name)),
              LOG_Q(slice_str(t->second.name)), t->first.peer);
    tell(t, &(struct second_answer){.verdict = SECOND_AGREED});
}

static void on_user(struct api *a, void *ctx, const struct reply *reply) {
    struct trial *t = ctx;
    (void)a;
    if (reply->status != OK && reply->status != ERR_NOT_FOUND && reply->status != ERR_DENIED) {
        tell_unknown(t, reply->status, &reply->error);
        return;
    }
    if (reply->status == OK && !reply->user.disabled && reply->user.key != t->first.user_key) {
        memcpy(t->hash, reply->user.password_hash, sizeof t->hash);
        t->role = reply->user.role;
    }
    enum status status = passwords_verify(t->login->passwords, t->second.password, t->hash, on_verified, t);
    if (status != OK) {
        tell_unknown(t, status, NULL);
    }
}

void second_verify(struct login *l, const struct http_request *r, const struct second *s, second_done done,
                   void *ctx) {
    struct second_answer answer = {.verdict = SECOND_TOO_OFTEN, .status = ERR_NOMEM};
    struct login_keys keys = login_keys_of(l, r->peer, s->name);
    if (!login_take(l, &keys, &answer.wait_s)) {
        done(ctx, &answer);
        return;
    }
    struct trial *t = calloc(1, sizeof *t);
    if (t == NULL) {
        answer.verdict = SECOND_UNKNOWN;
        done(ctx, &answer);
        return;
    }
    *t = (struct trial){
        .login = l, .first = api_actor(r), .second = *s, .keys = keys, .done = done, .ctx = ctx};
    struct request q = {.kind = REQ_USER_FIND, .actor = t->first};
    memcpy(q.login.name, s->name, sizeof q.login.name);
    if (!api_ask(l->api, &q, on_user, t)) {
        tell_unknown(t, ERR_FULL, NULL);
    }
}
