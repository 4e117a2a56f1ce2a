/* One HTTP request and its answer as plain values, and the checks that need nothing else: headers, origins,
 * cookies, query parameters. Knows no socket: web.c fills in what was asked, handlers write the answer and
 * call http_done; on_done tells whoever holds the request. A request belongs to its holder (web.c); a handler
 * may keep the pointer until it has called http_done, however long that takes and whether or not the peer is
 * still there. Functions that end in an answer may be called once per request. */
#ifndef PENSTOCK_API_HTTP_H
#define PENSTOCK_API_HTTP_H

#include "server/base/buf.h"
#include "server/core/request.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HTTP_PATH_SIZE = 1024,
    HTTP_QUERY_SIZE = 12 * 1024,
    HTTP_PARAMS_MAX = 64,
    HTTP_VARS_MAX = 2,
    HTTP_COOKIE_SIZE = 128,
    HTTP_BODY_MAX = 64 * 1024,              /* what a body may have if its route does not say otherwise */
    HTTP_CONFIG_BODY_MAX = 4 * 1024 * 1024, /* POST /api/config */
    HTTP_ANSWER_MAX = 256 * 1024 * 1024,
};

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_OTHER };
/* "GET", …; HTTP_OTHER is "OTHER". */
const char *http_method_name(enum http_method method);

struct http_param {
    struct slice name;
    struct slice value;
};

/* Who asks, from a valid session. role is ROLE_NONE without one. */
struct http_who {
    struct user user;
    int64_t expires_us;
    uint8_t token_hash[TOKEN_HASH_SIZE];
};

struct http_request;

/* Whoever writes an answer in pieces. */
struct http_writer {
    void *ctx;
    /* All that was written is on its way: the next piece may be. */
    void (*room)(void *ctx);
    /* Nobody takes it any more. The last call; http_end is still to be called. */
    void (*gone)(void *ctx);
};

/* Whoever can save the work when the peer leaves before the answer is there. It is answered all the same. */
struct http_watcher {
    void *ctx;
    uint64_t token;
    void (*left)(void *ctx, uint64_t token); /* NULL: nobody */
};

struct http_request {
    /* What was asked. Texts are NUL-terminated, decoded, and "" when the header was not there. */
    enum http_method method;
    char path[HTTP_PATH_SIZE];
    char query[HTTP_QUERY_SIZE];
    struct http_param params[HTTP_PARAMS_MAX]; /* slices of query */
    uint32_t n_params;
    char host[256];
    char origin[256];
    char content_type[128];
    char if_match[64];
    char if_none_match[64];
    char fetch_site[32];
    char session[HTTP_COOKIE_SIZE]; /* value of our cookie */
    char peer[PEER_SIZE];
    bool x_penstock;
    bool gzip;
    bool html;              /* the peer asks for a page: a person is looking */
    int64_t content_length; /* -1: no such header */
    struct buf body;
    /* Set by the router before the handler runs. */
    struct slice vars[HTTP_VARS_MAX];
    const struct route *route;
    struct http_who who;
    /* The answer. */
    int status;
    struct buf head; /* further header lines, each ending in \r\n */
    const char *content_type_out;
    struct buf out;
    struct slice shared; /* a body that lives longer than the request, instead of out */
    bool answered;
    struct http_writer writer; /* of an answer in pieces; room is NULL for others */
    struct http_watcher watcher;
    bool ended;  /* there are no more pieces */
    bool broken; /* … although something is missing */
    void (*on_done)(struct http_request *r);
    void *holder;
};

/* A zeroed request with its buffers ready; NULL when memory is out. */
struct http_request *http_request_new(void);
void http_request_free(struct http_request **r);

/* The parameter's value; false if it is not there. */
bool http_param(const struct http_request *r, const char *name, struct slice *ret_value);
/* Splits "name=value" (decoded) into the request's parameters. False: no room, or not UTF-8. */
bool http_add_param(struct http_request *r, const char *text, size_t n);
/* A number parameter within [low, high]; the default if it is not there. False: something else (nothing is
 * answered yet). */
bool http_param_number(const struct http_request *r, const char *name, int64_t low, int64_t high,
                       int64_t *value_or_default);
/* A time parameter: RFC 3339, or microseconds since the epoch as digits. As above. */
bool http_param_time(const struct http_request *r, const char *name, int64_t *value_or_default);

/* --- answers */
void http_header(struct http_request *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* What was written into r->out is the JSON body. */
void http_json(struct http_request *r, int status);
/* The same with another type of body. */
void http_content(struct http_request *r, int status, const char *content_type);
void http_no_content(struct http_request *r);
void http_shared(struct http_request *r, int status, const char *content_type, struct slice body);
/* application/problem+json; code is stable, detail says what was wrong and what would be right. */
void http_problem(struct http_request *r, int status, const char *code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The same with a member of its own, "key":value; value is JSON. */
void http_problem_with(struct http_request *r, int status, const char *code, const char *detail,
                       const char *key, struct slice value);
/* 400 or 422 with the places. */
void http_faults(struct http_request *r, int status, const char *detail, const struct config_fault *v,
                 uint32_t n);
/* The problem that a status from below amounts to. */
void http_failed(struct http_request *r, enum status status, const struct error *err);

/* --- answers in pieces, for what is too long to be kept (chunked, RFC 9112 7.1) */
/* Nobody waits for the answer any more: it need not be made. */
bool http_is_alone(const struct http_request *r);
/* Begins one, for somebody who waits. A first piece may follow at once; the next ones when the writer is told
 * that there is room. */
void http_begin(struct http_request *r, int status, const char *content_type, const struct http_writer *w);
/* The buffer for the next piece, empty. */
struct buf *http_piece(struct http_request *r);
/* What was written into it goes out; at least one byte. */
void http_send(struct http_request *r);
/* The end, with the piece that is in the buffer (empty: none). The request is no more the caller's. */
void http_end(struct http_request *r);
/* The same because something went wrong: the peer sees that the answer is not whole. */
void http_break(struct http_request *r);

/* --- pure checks */
/* "123" and nothing else, up to 2^53; -1 otherwise. */
int64_t http_parse_length(struct slice text);
/* The value of the cookie in a Cookie header; empty if it is not there, or there twice. */
struct slice http_find_cookie(struct slice header, const char *name);
/* True if gzip is among the codings and not refused by q=0. */
bool http_accepts_gzip(struct slice accept_encoding);
/* Media type without parameters, compared without case. */
bool http_is_json(struct slice content_type);
/* "…" as in If-Match, with a number inside; false for anything else ("*", weak tags, lists). */
bool http_parse_etag(struct slice text, int64_t *ret_revision);
/* Standard text of a status ("Not Found"). */
const char *http_status_text(int status);
/* The whole head of the answer up to and with the empty line. */
void http_write_head(const struct http_request *r, bool hsts, struct buf *out);
size_t http_body_length(const struct http_request *r);
struct slice http_body(const struct http_request *r);

#endif
