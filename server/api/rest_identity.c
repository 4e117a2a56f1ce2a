/* What gateways prove themselves with: one-time tokens, revocation, the window for an expired certificate. */
#include "server/api/json_in.h"
#include "server/api/rest.h"
#include "server/api/view.h"
#include "server/base/clock.h"
#include "server/base/tm.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* The gateway that the path names; false: answered. */
static bool find_gateway(struct api *a, struct http_request *r, struct request *q) {
    struct slice name = r->vars[0];
    if (model_find_gateway(core_model(a->core), name) == MODEL_NONE) {
        http_problem(r, 404, "not_found", "there is no gateway \"%.*s\"", SLICE_ARG(name));
        return false;
    }
    (void)snprintf(q->identity.gateway, sizeof q->identity.gateway, "%.*s", SLICE_ARG(name));
    return true;
}

static bool failed(struct http_request *r, const struct reply *reply) {
    if (reply->status == ERR_DENIED) {
        http_problem(r, 409, "not_possible", "%s", reply->error.text);
    } else if (reply->status != OK) {
        http_failed(r, reply->status, &reply->error);
    }
    return reply->status != OK;
}

/* --- POST …/enrolment */

struct enrolment {
    struct http_request *r;
    char gateway[IDENTITY_GATEWAY_SIZE];
    char token[IDENTITY_TOKEN_TEXT_SIZE];
    int64_t until_us;
};

static void on_token(struct api *a, void *ctx, const struct reply *reply) {
    struct enrolment *e = ctx;
    struct http_request *r = e->r;
    (void)a;
    if (!failed(r, reply)) {
        buf_text(&r->out, "{\"gateway\":");
        buf_json_string(&r->out, slice_str(e->gateway));
        view_string(&r->out, "token", slice_str(e->token));
        buf_text(&r->out, ",\"until\":");
        view_time(&r->out, e->until_us);
        buf_byte(&r->out, '}');
        http_header(r, "Cache-Control: no-store");
        http_json(r, 201);
    }
    sodium_memzero(e->token, sizeof e->token);
    free(e);
}

void rest_gateway_enrol(struct api *a, struct http_request *r) {
    struct request q = {.kind = REQ_IDENTITY, .actor = api_actor(r)};
    if (!find_gateway(a, r, &q)) {
        return;
    }
    struct enrolment *e = calloc(1, sizeof *e);
    if (e == NULL) {
        http_failed(r, ERR_NOMEM, NULL);
        return;
    }
    e->r = r;
    e->until_us = clock_wall_us() / TM_SECOND_US * TM_SECOND_US + IDENTITY_TOKEN_S * TM_SECOND_US;
    uint8_t secret[IDENTITY_SECRET_SIZE];
    randombytes_buf(secret, sizeof secret);
    (void)snprintf(e->gateway, sizeof e->gateway, "%s", q.identity.gateway);
    if (!a->host.token(a->host.ctx, e->gateway, secret, e->token)) {
        http_problem(r, 409, "no_authority",
                     "this server issues no certificates: link.ca_key is not in its configuration");
        free(e);
        return;
    }
    q.identity.ask = IDENTITY_TOKEN;
    q.identity.until_us = e->until_us;
    (void)crypto_hash_sha256(q.identity.hash, secret, sizeof secret);
    sodium_memzero(secret, sizeof secret);
    if (!api_ask(a, &q, on_token, e)) {
        http_failed(r, ERR_FULL, NULL);
        free(e);
    }
}

/* --- POST …/revocation, …/renewal_window */

/* {"reason"}; false: answered. */
static bool read_reason(struct http_request *r, char ret[REASON_SIZE]) {
    static const char *const keys[] = {"reason", NULL};
    struct json_in in;
    if (json_in_parse(&in, buf_slice(&r->body)) != OK) {
        http_faults(r, 400, "the body is not as it should be", in.faults, in.n_faults);
        return false;
    }
    json_in_only(&in, in.root, "", keys);
    const char *reason = json_in_string(&in, "reason", 1, REASON_SIZE - 1);
    bool good = in.n_faults == 0;
    if (good) {
        (void)snprintf(ret, REASON_SIZE, "%s", reason);
    } else {
        http_faults(r, 422, "nothing was done", in.faults, in.n_faults);
    }
    json_in_done(&in);
    return good;
}

static void on_done(struct api *a, void *ctx, const struct reply *reply) {
    struct http_request *r = ctx;
    (void)a;
    if (!failed(r, reply)) {
        http_no_content(r);
    }
}

void rest_gateway_revoke(struct api *a, struct http_request *r) {
    struct request q = {.kind = REQ_IDENTITY, .actor = api_actor(r)};
    q.identity.ask = IDENTITY_REVOKE;
    if (find_gateway(a, r, &q) && read_reason(r, q.identity.reason)) {
        api_ask_for(a, r, &q, on_done);
    }
}

void rest_gateway_window(struct api *a, struct http_request *r) {
    struct request q = {.kind = REQ_IDENTITY, .actor = api_actor(r)};
    q.identity.ask = IDENTITY_OPEN;
    q.identity.until_us = clock_wall_us() + IDENTITY_WINDOW_OPEN_S * TM_SECOND_US;
    if (find_gateway(a, r, &q) && read_reason(r, q.identity.reason)) {
        api_ask_for(a, r, &q, on_done);
    }
}
