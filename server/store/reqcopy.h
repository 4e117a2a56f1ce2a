/* A request of one's own: everything that the request borrows is copied with it, in one block. */
#ifndef PENSTOCK_STORE_REQCOPY_H
#define PENSTOCK_STORE_REQCOPY_H

#include "server/core/request.h"

/* NULL without memory; free() frees all. */
struct request *request_copy(const struct request *r);

#endif
