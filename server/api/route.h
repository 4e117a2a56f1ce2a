/* The table of everything that can be asked by REST: method, path, who may, how much body, handler. A route
 * that does not say who may does not exist (api_new checks). openapi.json documents the same table; a test
 * compares both. */
#ifndef PENSTOCK_API_ROUTE_H
#define PENSTOCK_API_ROUTE_H

#include "server/api/http.h"

struct api;

enum access {
    ACCESS_UNSET, /* forgotten: refused at start */
    ACCESS_ANYONE,
    ACCESS_SESSION, /* any session, also one that must first set a password */
    ACCESS_VIEWER,
    ACCESS_OPERATOR,
    ACCESS_ENGINEER,
    ACCESS_ADMIN,
};

struct route {
    enum http_method method;
    const char *path;  /* "/api/tags/{site}/{local}": a part in braces matches one part that is not empty */
    const char *query; /* all parameters that it takes behind "?", as "from, to" */
    enum access access;
    bool while_starting; /* answers before the configuration is loaded */
    uint32_t body_max;   /* 0: HTTP_BODY_MAX */
    void (*handler)(struct api *a, struct http_request *r);
};

/* All of them; *ret_n says how many. */
const struct route *route_table(uint32_t *ret_n);
/* True if the path fits; the parts in braces are given as slices of path. */
bool route_match(const char *pattern, struct slice path, struct slice ret_vars[HTTP_VARS_MAX]);
/* The route for the request's method and path with its vars set; NULL if there is none. HEAD is GET. When the
 * path exists with other methods, ret_allow ("GET, PUT") names them, else it is "". */
const struct route *route_find(struct http_request *r, char ret_allow[64]);
/* The first parameter that the route does not take, NULL if there is none. Whoever mistypes one would get the
 * answer to another question. */
const struct http_param *route_odd_param(const struct route *route, const struct http_request *r);
/* "viewer" and so on may; ACCESS_ANYONE and ACCESS_SESSION may with ROLE_NONE and any. */
bool route_allows(enum access access, enum role role);

#endif
