#include "server/api/json_in.h"
#include "server/api/login.h"
#include "server/api/password.h"
#include "server/api/rest.h"
#include "server/base/utf8.h"

#include <sodium.h>

/* jansson's copy of what was typed is wiped before it is freed. */
static void wipe(json_t *root, const char *key) {
    json_t *value = json_object_get(root, key);
    if (json_is_string(value)) {
        sodium_memzero((void *)json_string_value(value), json_string_length(value));
    }
}

void rest_session_create(struct api *a, struct http_request *r) {
    static const char *const keys[] = {"user", "password", NULL};
    struct json_in in;
    if (json_in_parse(&in, buf_slice(&r->body)) != OK) {
        http_faults(r, 400, "the body is not as it should be", in.faults, in.n_faults);
        return;
    }
    json_in_only(&in, in.root, "", keys);
    const char *user = json_in_string(&in, "user", 1, USER_NAME_SIZE - 1);
    const char *password = json_in_string(&in, "password", 1, PASSWORD_MAX);
    if (in.n_faults > 0) {
        http_faults(r, 422, "the body is not as it should be", in.faults, in.n_faults);
    } else {
        login_start(a->login, r, user, password);
    }
    wipe(in.root, "password");
    sodium_memzero(r->body.p, r->body.n);
    json_in_done(&in);
}

void rest_session_get(struct api *a, struct http_request *r) {
    (void)a;
    login_write_session(&r->who, &r->out);
    http_json(r, 200);
}

void rest_session_delete(struct api *a, struct http_request *r) {
    login_end(a->login, r);
}

/* Length counts in characters: what a person sees. */
static size_t characters(const char *text) {
    size_t n = 0;
    size_t length = strlen(text);
    for (size_t i = 0; i < length; n++) {
        size_t step = utf8_char(text + i, length - i);
        i += step == 0 ? 1 : step;
    }
    return n;
}

static void check_new(struct json_in *in, const char *text, const struct user *user) {
    if (text == NULL) {
        return;
    }
    if (characters(text) < PASSWORD_MIN) {
        json_in_fault(in, "/new", "must have at least %d characters", PASSWORD_MIN);
    } else if (strcasestr(text, user->name) != NULL && strlen(text) < strlen(user->name) + PASSWORD_MIN) {
        json_in_fault(in, "/new", "must not be little more than the user name");
    }
}

void rest_session_password(struct api *a, struct http_request *r) {
    static const char *const keys[] = {"current", "new", NULL};
    struct json_in in;
    if (json_in_parse(&in, buf_slice(&r->body)) != OK) {
        http_faults(r, 400, "the body is not as it should be", in.faults, in.n_faults);
        return;
    }
    json_in_only(&in, in.root, "", keys);
    const char *current = json_in_optional(&in, "current", PASSWORD_MAX);
    const char *text = json_in_string(&in, "new", 1, PASSWORD_MAX);
    check_new(&in, text, &r->who.user);
    if (in.n_faults == 0 && current[0] == '\0' && !r->who.user.must_change_password) {
        json_in_fault(&in, "/current", "is missing; the present password is needed");
    }
    if (in.n_faults > 0) {
        http_faults(r, 422, "the password was not changed", in.faults, in.n_faults);
    } else {
        login_change_password(a->login, r, current, text);
    }
    wipe(in.root, "current");
    wipe(in.root, "new");
    sodium_memzero(r->body.p, r->body.n);
    json_in_done(&in);
}
