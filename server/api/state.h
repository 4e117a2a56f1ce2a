/* What the parts of the interface share: the server's view, and how they ask the host. Only for files in this
 * folder. */
#ifndef PENSTOCK_API_STATE_H
#define PENSTOCK_API_STATE_H

#include "server/api/api.h"
#include "server/api/http.h"
#include "server/api/origin.h"

struct assets;
struct live;
struct login;
struct web;

enum { API_ASKED_MAX = 1024, API_CHANGES_WAITING_MAX = 64, API_EPOCH_SIZE = 17 };

/* Gets the answer; ctx is what was given with the question. */
typedef void (*api_then)(struct api *a, void *ctx, const struct reply *reply);

struct api_asked {
    api_then then; /* NULL: free */
    void *ctx;
    uint32_t generation;
    uint32_t next_free;
};

struct api {
    struct api_host host;
    uv_loop_t *loop;
    uv_timer_t tick; /* so that turns happen while nobody talks: deadlines, heartbeats */
    struct origins origins;
    char build[64];
    char epoch[API_EPOCH_SIZE]; /* of this process: alarm events of another one are another stream */
    struct web *web;
    struct login *login;
    struct live *live;
    struct assets *assets;
    const struct core *core; /* NULL: starting */
    const struct config_set *config;
    struct api_asked asked[API_ASKED_MAX];
    uint32_t free_asked;
    /* Changes of the configuration go one after the other: each is checked against the one before. */
    bool changing;
    struct http_request *changes[API_CHANGES_WAITING_MAX];
    uint32_t n_changes;
    /* Stop: each part counts down. */
    bool stopping;
    uint32_t stop_left;
    uint32_t goodbye_ticks;
    void (*on_stopped)(void *ctx);
    void *stop_ctx;
};

/* Asks the host; then is called once, later or before this returns. False: too many questions are open (then
 * is not called). */
bool api_ask(struct api *a, const struct request *q, api_then then, void *ctx);
/* The same for what r waits for: if its peer leaves before it is answered, the host need not go on. */
bool api_ask_watched(struct api *a, struct http_request *r, const struct request *q, api_then then,
                     void *ctx);
/* The peer left: the host need not go on with what was asked last by api_ask_watched. */
void api_forget(const struct http_request *r);
/* The same for a request's handler: answers 503 when there are too many. */
void api_ask_for(struct api *a, struct http_request *r, const struct request *q, api_then then);
/* For it, with the request as ctx: 204 when it was done, else why it was not. */
void api_then_done(struct api *a, void *ctx, const struct reply *reply);
/* Who asks, for the audit. */
struct actor api_actor(const struct http_request *r);
/* One part of a stop is done. */
void api_part_stopped(void *ctx);

#endif
