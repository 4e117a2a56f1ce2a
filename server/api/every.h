/* In which intervals a span is asked for: the parameter every. */
#ifndef PENSTOCK_API_EVERY_H
#define PENSTOCK_API_EVERY_H

#include "server/api/http.h"

/* Borders of the intervals from from_us to to_us: the first and the last of them are these, what is left over
 * is a shorter interval. At most max borders; to be freed with free(). False: answered. */
bool every_read(struct http_request *r, int64_t from_us, int64_t to_us, uint32_t max, int64_t **ret_edges,
                uint32_t *ret_n);

#endif
