#include "server/api/web_priv.h"
#include "server/base/utf8.h"

#include <stdio.h>
#include <string.h>

bool web_copy_header(struct lws *wsi, enum lws_token_indexes token, char *to, size_t size) {
    to[0] = '\0';
    /* size is that of a small field: it fits an int. */
    return lws_hdr_total_length(wsi, token) == 0 || lws_hdr_copy(wsi, to, (int)size, token) > 0;
}

static bool copy_custom(struct lws *wsi, const char *name, char *to, size_t size) {
    to[0] = '\0';
    int n = (int)strlen(name);
    return lws_hdr_custom_length(wsi, name, n) <= 0 || lws_hdr_custom_copy(wsi, to, (int)size, name, n) >= 0;
}

static enum http_method read_method(struct lws *wsi) {
    static const struct {
        enum lws_token_indexes token;
        enum http_method method;
    } methods[] = {{WSI_TOKEN_GET_URI, HTTP_GET},
                   {WSI_TOKEN_HEAD_URI, HTTP_HEAD},
                   {WSI_TOKEN_POST_URI, HTTP_POST},
                   {WSI_TOKEN_PUT_URI, HTTP_PUT},
                   {WSI_TOKEN_DELETE_URI, HTTP_DELETE}};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (lws_hdr_total_length(wsi, methods[i].token) > 0) {
            return methods[i].method;
        }
    }
    return HTTP_OTHER;
}

static bool read_path(struct lws *wsi, struct http_request *r) {
    static const enum lws_token_indexes tokens[] = {
        WSI_TOKEN_GET_URI,    WSI_TOKEN_HEAD_URI,    WSI_TOKEN_POST_URI, WSI_TOKEN_PUT_URI,
        WSI_TOKEN_DELETE_URI, WSI_TOKEN_OPTIONS_URI, WSI_TOKEN_PATCH_URI};
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        int n = lws_hdr_total_length(wsi, tokens[i]);
        if (n > 0) {
            return web_copy_header(wsi, tokens[i], r->path, sizeof r->path) && strlen(r->path) == (size_t)n &&
                   utf8_is_text(slice_str(r->path));
        }
    }
    return false;
}

static bool read_query(struct lws *wsi, struct http_request *r) {
    char text[HTTP_QUERY_SIZE];
    for (int i = 0;; i++) {
        int n = lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (n <= 0) {
            return true;
        }
        if (lws_hdr_copy_fragment(wsi, text, (int)sizeof text, WSI_TOKEN_HTTP_URI_ARGS, i) != n) {
            return false;
        }
        bool nothing = n == 1 && text[0] == '/'; /* how libwebsockets gives what is behind a "?" at the end */
        if (!nothing && !http_add_param(r, text, (size_t)n)) {
            return false;
        }
    }
}

static bool read_cookie(struct lws *wsi, struct http_request *r) {
    char text[8192];
    if (!web_copy_header(wsi, WSI_TOKEN_HTTP_COOKIE, text, sizeof text)) {
        return false;
    }
    struct slice value = http_find_cookie(slice_str(text), "__Host-penstock");
    if (value.n > 0 && value.n < sizeof r->session) {
        memcpy(r->session, value.p, value.n);
        r->session[value.n] = '\0';
    }
    return true;
}

static bool read_fields(struct lws *wsi, struct http_request *r) {
    char accept[512];
    char own[8];
    bool fits =
        web_copy_header(wsi, WSI_TOKEN_HOST, r->host, sizeof r->host) &&
        web_copy_header(wsi, WSI_TOKEN_ORIGIN, r->origin, sizeof r->origin) &&
        web_copy_header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, r->content_type, sizeof r->content_type) &&
        web_copy_header(wsi, WSI_TOKEN_HTTP_IF_MATCH, r->if_match, sizeof r->if_match) &&
        web_copy_header(wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, r->if_none_match, sizeof r->if_none_match) &&
        copy_custom(wsi, "sec-fetch-site:", r->fetch_site, sizeof r->fetch_site);
    if (!fits || !read_cookie(wsi, r)) {
        return false;
    }
    r->gzip = web_copy_header(wsi, WSI_TOKEN_HTTP_ACCEPT_ENCODING, accept, sizeof accept) &&
              http_accepts_gzip(slice_str(accept));
    char types[512];
    r->html = web_copy_header(wsi, WSI_TOKEN_HTTP_ACCEPT, types, sizeof types) &&
              strcasestr(types, "text/html") != NULL;
    r->x_penstock = copy_custom(wsi, "x-penstock:", own, sizeof own) && strcmp(own, "1") == 0;
    return true;
}

/* The library believes any length, several of them, and both framings at once. Here exactly one numeric
 * length passes, for the methods that have a body, and no transfer coding at all. */
static bool check_framing(struct lws *wsi, struct http_request *r) {
    char text[64];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0) {
        http_problem(r, 400, "framing", "Transfer-Encoding is not taken; send a body with Content-Length");
        return false;
    }
    bool given = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0;
    if (given) {
        r->content_length = web_copy_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, text, sizeof text)
                                ? http_parse_length(slice_str(text))
                                : -1;
        if (r->content_length < 0) {
            http_problem(r, 400, "framing", "Content-Length must be there once and be a plain number");
            return false;
        }
    }
    bool has_body = r->method == HTTP_POST || r->method == HTTP_PUT;
    if (has_body && !given) {
        http_problem(r, 411, "length_required", "%s needs a Content-Length", http_method_name(r->method));
        return false;
    }
    if (!has_body && r->content_length > 0) {
        http_problem(r, 400, "framing", "this method takes no body");
        return false;
    }
    return true;
}

static bool check_origin(const struct web *w, struct http_request *r) {
    if (!origins_has_host(w->origins, slice_str(r->host))) {
        http_problem(
            r, 400, "host",
            r->host[0] == '\0'
                ? "a Host header is needed"
                : "this host name is not one of this server's; see web.origins in its configuration");
        return false;
    }
    bool unsafe = r->method != HTTP_GET && r->method != HTTP_HEAD;
    if (r->origin[0] != '\0' && unsafe && !origins_has(w->origins, slice_str(r->origin))) {
        http_problem(r, 403, "origin", "requests from other origins are refused");
        return false;
    }
    if (unsafe && r->fetch_site[0] != '\0' && strcmp(r->fetch_site, "same-origin") != 0 &&
        strcmp(r->fetch_site, "none") != 0) {
        http_problem(r, 403, "origin", "requests from other sites are refused");
        return false;
    }
    return true;
}

bool web_read_head(struct web *w, struct lws *wsi, struct http_request *r) {
    r->method = read_method(wsi);
    if (!read_path(wsi, r)) {
        http_problem(r, 414, "path", "the path must be UTF-8 and shorter than %d bytes", HTTP_PATH_SIZE);
        return false;
    }
    if (!read_fields(wsi, r)) {
        http_problem(r, 400, "header", "a header is longer than this server takes");
        return false;
    }
    if (!read_query(wsi, r)) {
        http_problem(r, 400, "query", "a query has at most %d parameters, %d bytes, UTF-8", HTTP_PARAMS_MAX,
                     HTTP_QUERY_SIZE - 1);
        return false;
    }
    return check_framing(wsi, r) && check_origin(w, r);
}
