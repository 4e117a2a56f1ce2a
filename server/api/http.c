#include "server/api/http.h"

#include "server/base/check.h"
#include "server/base/tm.h"
#include "server/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

const char *http_method_name(enum http_method method) {
    switch (method) {
    case HTTP_GET:
        return "GET";
    case HTTP_HEAD:
        return "HEAD";
    case HTTP_POST:
        return "POST";
    case HTTP_PUT:
        return "PUT";
    case HTTP_DELETE:
        return "DELETE";
    case HTTP_OTHER:
        return "OTHER";
    }
    return "OTHER";
}

struct http_request *http_request_new(void) {
    struct http_request *r = calloc(1, sizeof *r);
    if (r != NULL) {
        buf_init(&r->body, HTTP_BODY_MAX);
        buf_init(&r->head, 16384);
        buf_init(&r->out, HTTP_ANSWER_MAX);
        r->content_length = -1;
    }
    return r;
}

void http_request_free(struct http_request **r) {
    if (*r != NULL) {
        buf_done(&(*r)->body);
        buf_done(&(*r)->head);
        buf_done(&(*r)->out);
        free(*r);
        *r = NULL;
    }
}

/* --- parameters */

bool http_param(const struct http_request *r, const char *name, struct slice *ret_value) {
    for (uint32_t i = 0; i < r->n_params; i++) {
        if (slice_is(r->params[i].name, name)) {
            *ret_value = r->params[i].value;
            return true;
        }
    }
    return false;
}

bool http_add_param(struct http_request *r, const char *text, size_t n) {
    size_t used = 0;
    if (r->n_params > 0) {
        struct slice last = r->params[r->n_params - 1].value;
        used = (size_t)(last.p - r->query) + last.n;
    }
    if (r->n_params == HTTP_PARAMS_MAX || n >= HTTP_QUERY_SIZE - used || !utf8_is_text(slice_of(text, n))) {
        return false;
    }
    char *to = r->query + used;
    memcpy(to, text, n);
    const char *eq = memchr(to, '=', n);
    size_t name_n = eq == NULL ? n : (size_t)(eq - to);
    size_t skip = eq == NULL ? n : name_n + 1;
    r->params[r->n_params++] =
        (struct http_param){.name = slice_of(to, name_n), .value = slice_of(to + skip, n - skip)};
    return true;
}

static bool parse_number(struct slice text, int64_t *ret) {
    bool minus = text.n > 1 && text.p[0] == '-';
    int64_t v = 0;
    size_t i = minus ? 1 : 0;
    if (text.n == i) {
        return false;
    }
    for (; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, text.p[i] - '0', &v)) {
            return false;
        }
    }
    *ret = minus ? -v : v;
    return true;
}

bool http_param_number(const struct http_request *r, const char *name, int64_t low, int64_t high,
                       int64_t *value_or_default) {
    struct slice text;
    int64_t v = 0;
    if (!http_param(r, name, &text)) {
        return true;
    }
    if (!parse_number(text, &v) || v < low || v > high) {
        return false;
    }
    *value_or_default = v;
    return true;
}

bool http_param_time(const struct http_request *r, const char *name, int64_t *value_or_default) {
    struct slice text;
    if (!http_param(r, name, &text)) {
        return true;
    }
    return parse_number(text, value_or_default) || tm_parse(text, value_or_default, NULL) == OK;
}

/* --- answers */

static void done(struct http_request *r, int status) {
    CHECK(!r->answered);
    r->answered = true;
    r->status = status;
    if (r->on_done != NULL) {
        r->on_done(r);
    }
}

void http_header(struct http_request *r, const char *fmt, ...) {
    char line[1024];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    CHECK(n >= 0);
    CHECK((size_t)n < sizeof line);
    CHECK(strpbrk(line, "\r\n") == NULL);
    buf_append(&r->head, line, (size_t)n);
    buf_append(&r->head, "\r\n", 2);
}

void http_json(struct http_request *r, int status) {
    http_content(r, status, "application/json");
}

void http_content(struct http_request *r, int status, const char *content_type) {
    if (r->out.failed) {
        http_problem(r, 500, "too_big", "the answer is too big; ask for less (site=, limit=)");
        return;
    }
    r->content_type_out = content_type;
    done(r, status);
}

void http_no_content(struct http_request *r) {
    buf_clear(&r->out);
    done(r, 204);
}

void http_shared(struct http_request *r, int status, const char *content_type, struct slice body) {
    r->content_type_out = content_type;
    r->shared = body;
    done(r, status);
}

static void problem_start(struct http_request *r, int status, const char *code, const char *detail) {
    buf_clear(&r->out);
    r->shared = slice_of(NULL, 0);
    buf_text(&r->out, "{\"type\":\"about:blank\",\"title\":");
    buf_json_string(&r->out, slice_str(http_status_text(status)));
    buf_printf(&r->out, ",\"status\":%d,\"detail\":", status);
    buf_json_string(&r->out, slice_str(detail));
    buf_text(&r->out, ",\"code\":");
    buf_json_string(&r->out, slice_str(code));
}

static void problem_end(struct http_request *r, int status) {
    buf_byte(&r->out, '}');
    r->content_type_out = "application/problem+json";
    done(r, status);
}

void http_problem(struct http_request *r, int status, const char *code, const char *fmt, ...) {
    char detail[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(detail, sizeof detail, fmt, args);
    va_end(args);
    problem_start(r, status, code, detail);
    problem_end(r, status);
}

void http_problem_with(struct http_request *r, int status, const char *code, const char *detail,
                       const char *key, struct slice value) {
    problem_start(r, status, code, detail);
    buf_printf(&r->out, ",\"%s\":%.*s", key, SLICE_ARG(value));
    problem_end(r, status);
}

void http_faults(struct http_request *r, int status, const char *detail, const struct config_fault *v,
                 uint32_t n) {
    problem_start(r, status, "invalid", detail);
    buf_text(&r->out, ",\"errors\":[");
    for (uint32_t i = 0; i < n; i++) {
        buf_text(&r->out, i > 0 ? ",{\"pointer\":" : "{\"pointer\":");
        buf_json_string(&r->out, slice_str(v[i].pointer));
        buf_text(&r->out, ",\"detail\":");
        buf_json_string(&r->out, slice_str(v[i].text));
        if (v[i].code[0] != '\0') {
            buf_text(&r->out, ",\"code\":");
            buf_json_string(&r->out, slice_str(v[i].code));
        }
        buf_byte(&r->out, '}');
    }
    buf_byte(&r->out, ']');
    problem_end(r, status);
}

struct failure {
    int status;
    const char *code;
};

static struct failure failure_of(enum status status) {
    switch (status) {
    case ERR_INVALID:
        return (struct failure){422, "invalid"};
    case ERR_TOO_BIG:
        return (struct failure){413, "too_big"};
    case ERR_FULL:
        return (struct failure){503, "busy"};
    case ERR_NOT_FOUND:
        return (struct failure){404, "not_found"};
    case ERR_EXISTS:
        return (struct failure){409, "exists"};
    case ERR_CONFLICT:
        return (struct failure){409, "conflict"};
    case ERR_WRONG_STATE:
        return (struct failure){409, "state"};
    case ERR_DENIED:
        return (struct failure){403, "denied"};
    case ERR_UNSUPPORTED:
        return (struct failure){501, "unsupported"};
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
        return (struct failure){503, "store_away"};
    case ERR_NO_SPACE:
        return (struct failure){507, "store_full"};
    case OK:
    case ERR_NOMEM:
    case ERR_IO:
    case ERR_INTERNAL:
        return (struct failure){500, "internal"};
    }
    return (struct failure){500, "internal"};
}

void http_failed(struct http_request *r, enum status status, const struct error *err) {
    struct failure f = failure_of(status);
    if (f.status == 503) {
        http_header(r, "Retry-After: 2");
    }
    const char *text = err != NULL && err->text[0] != '\0' ? err->text : "the request could not be fulfilled";
    if (f.status == 500) {
        text = "something went wrong inside; the server's log says what";
    }
    http_problem(r, f.status, f.code, "%s", text);
}

/* --- answers in pieces */

enum { CHUNK_HEAD = 10 /* eight digits and the end of the line */ };

bool http_is_alone(const struct http_request *r) {
    return r->holder == NULL;
}

void http_begin(struct http_request *r, int status, const char *content_type, const struct http_writer *w) {
    r->writer = *w;
    r->content_type_out = content_type;
    buf_clear(&r->out);
    done(r, status);
}

struct buf *http_piece(struct http_request *r) {
    CHECK(r->writer.room != NULL);
    buf_clear(&r->out);
    buf_append(&r->out, "00000000\r\n", CHUNK_HEAD);
    return &r->out;
}

/* Closes the chunk that is in the buffer. */
static void frame(struct http_request *r) {
    char digits[CHUNK_HEAD];
    if (r->out.failed) {
        r->ended = r->broken = true;
        return;
    }
    if (r->out.n <= CHUNK_HEAD) {
        buf_clear(&r->out); /* a chunk without bytes would be the last one */
        return;
    }
    (void)snprintf(digits, sizeof digits, "%08x", (unsigned)(r->out.n - CHUNK_HEAD));
    memcpy(r->out.p, digits, 8);
    buf_append(&r->out, "\r\n", 2);
}

void http_send(struct http_request *r) {
    CHECK(!r->ended);
    CHECK(r->out.n > CHUNK_HEAD || r->out.failed);
    frame(r);
    r->on_done(r);
}

void http_end(struct http_request *r) {
    CHECK(!r->ended);
    frame(r);
    buf_append(&r->out, "0\r\n\r\n", 5);
    r->ended = true;
    r->on_done(r);
}

void http_break(struct http_request *r) {
    CHECK(!r->ended);
    buf_clear(&r->out);
    r->ended = r->broken = true;
    r->on_done(r);
}

/* --- pure checks */

int64_t http_parse_length(struct slice text) {
    int64_t v = 0;
    if (text.n == 0 || text.n > 15) {
        return -1;
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') {
            return -1;
        }
        v = v * 10 + (text.p[i] - '0');
    }
    return v;
}

struct slice http_find_cookie(struct slice header, const char *name) {
    struct slice found = {0};
    size_t name_n = strlen(name);
    size_t at = 0;
    while (at < header.n) {
        const char *p = header.p + at;
        const char *end = memchr(p, ';', header.n - at);
        size_t n = end == NULL ? header.n - at : (size_t)(end - p);
        at += n + 1;
        while (n > 0 && *p == ' ') {
            p++;
            n--;
        }
        if (n <= name_n || memcmp(p, name, name_n) != 0 || p[name_n] != '=') {
            continue;
        }
        /* Two of them: somebody planted one, and which would count is a guess. */
        if (found.p != NULL) {
            return (struct slice){0};
        }
        found = slice_of(p + name_n + 1, n - name_n - 1);
    }
    return found;
}

bool http_accepts_gzip(struct slice accept_encoding) {
    size_t at = 0;
    while (at < accept_encoding.n) {
        const char *p = accept_encoding.p + at;
        const char *end = memchr(p, ',', accept_encoding.n - at);
        size_t n = end == NULL ? accept_encoding.n - at : (size_t)(end - p);
        at += n + 1;
        while (n > 0 && *p == ' ') {
            p++;
            n--;
        }
        if (n >= 4 && strncasecmp(p, "gzip", 4) == 0 && (n == 4 || p[4] == ';' || p[4] == ' ')) {
            return memmem(p, n, "q=0", 3) == NULL || memmem(p, n, "q=0.", 4) != NULL;
        }
    }
    return false;
}

bool http_is_json(struct slice content_type) {
    static const char json[] = "application/json";
    size_t n = sizeof json - 1;
    return content_type.n >= n && strncasecmp(content_type.p, json, n) == 0 &&
           (content_type.n == n || content_type.p[n] == ';' || content_type.p[n] == ' ');
}

bool http_parse_etag(struct slice text, int64_t *ret_revision) {
    if (text.n < 3 || text.p[0] != '"' || text.p[text.n - 1] != '"') {
        return false;
    }
    int64_t v = http_parse_length(slice_of(text.p + 1, text.n - 2));
    if (v < 0) {
        return false;
    }
    *ret_revision = v;
    return true;
}

const char *http_status_text(int status) {
    static const struct {
        int status;
        const char *text;
    } texts[] = {{200, "OK"},
                 {201, "Created"},
                 {202, "Accepted"},
                 {204, "No Content"},
                 {304, "Not Modified"},
                 {400, "Bad Request"},
                 {401, "Unauthorized"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {408, "Request Timeout"},
                 {409, "Conflict"},
                 {411, "Length Required"},
                 {412, "Precondition Failed"},
                 {413, "Payload Too Large"},
                 {414, "URI Too Long"},
                 {415, "Unsupported Media Type"},
                 {422, "Unprocessable Entity"},
                 {426, "Upgrade Required"},
                 {428, "Precondition Required"},
                 {429, "Too Many Requests"},
                 {500, "Internal Server Error"},
                 {501, "Not Implemented"},
                 {503, "Service Unavailable"},
                 {507, "Insufficient Storage"}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].status == status) {
            return texts[i].text;
        }
    }
    return "Unknown";
}

struct slice http_body(const struct http_request *r) {
    return r->shared.p != NULL ? r->shared : buf_slice(&r->out);
}

size_t http_body_length(const struct http_request *r) {
    return r->status == 204 || r->status == 304 ? 0 : http_body(r).n;
}

/* On every answer: the page may load, run and talk to nothing but this server, and be framed by nobody. */
static const char security_headers[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Connection: close\r\n";

void http_write_head(const struct http_request *r, bool hsts, struct buf *out) {
    buf_printf(out, "HTTP/1.1 %d %s\r\n", r->status, http_status_text(r->status));
    if (r->content_type_out != NULL && r->status != 204) {
        buf_printf(out, "Content-Type: %s\r\n", r->content_type_out);
    }
    if (r->writer.room != NULL) {
        buf_text(out, "Transfer-Encoding: chunked\r\n");
    } else if (r->status != 204) {
        buf_printf(out, "Content-Length: %zu\r\n", http_body_length(r));
    }
    /* Answers of the interface are about now and about somebody; only assets say otherwise. */
    if (r->head.n == 0 || memmem(r->head.p, r->head.n, "Cache-Control:", 14) == NULL) {
        buf_text(out, "Cache-Control: no-store\r\n");
    }
    buf_text(out, security_headers);
    if (hsts) {
        buf_text(out, "Strict-Transport-Security: max-age=31536000\r\n");
    }
    if (r->head.n > 0) {
        buf_append(out, r->head.p, r->head.n);
    }
    buf_append(out, "\r\n", 2);
}
