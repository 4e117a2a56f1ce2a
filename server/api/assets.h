/* The built HMI, loaded whole at start: what is served later is this list and never a path from outside. Only
 * files with known endings are taken; NAME.gz beside NAME is served to who accepts it. */
#ifndef PENSTOCK_API_ASSETS_H
#define PENSTOCK_API_ASSETS_H

#include "server/api/http.h"

struct assets;

/* A folder that is missing gives an empty list (and a page that says so); one that cannot be read is an
 * error.
 */
MUSTCHECK enum status assets_new(const char *dir, struct assets **ret, struct error *err);
void assets_free(struct assets **a);
uint32_t assets_count(const struct assets *a);
/* Answers a GET or HEAD outside of /api. */
void assets_serve(const struct assets *a, struct http_request *r);

#endif
