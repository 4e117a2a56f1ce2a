/* Which origins ("https://host:port") and hosts ("host:port") are ours: exact text, no patterns. Pure. */
#ifndef PENSTOCK_API_ORIGIN_H
#define PENSTOCK_API_ORIGIN_H

#include "server/base/slice.h"
#include "server/base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { ORIGINS_MAX = 32, ORIGIN_SIZE = 256 };

struct origins {
    uint32_t n;
    char v[ORIGINS_MAX][ORIGIN_SIZE]; /* lower case, without the default port */
};

/* https://ADDRESS:PORT, https://localhost:PORT and those of the comma-separated list (may be NULL or ""). */
MUSTCHECK enum status origins_init(struct origins *o, const char *address, uint16_t port, const char *list,
                                   struct error *err);
/* Exact comparison, without case. */
bool origins_has(const struct origins *o, struct slice origin);
/* The Host header of a request to one of them. */
bool origins_has_host(const struct origins *o, struct slice host);

#endif
