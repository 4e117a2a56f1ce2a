/* From rows of config_now to a config_set: on a thread of libuv's pool, since each item is parsed and a big
 * configuration would hold the loop up. */
#ifndef PENSTOCK_STORE_LOAD_H
#define PENSTOCK_STORE_LOAD_H

#include "server/config/config.h"

#include <libpq-fe.h>
#include <uv.h>

/* set is the receiver's; NULL with the reason in err. */
typedef void (*load_on_done)(void *ctx, struct config_set *set, const struct error *err);

/* Columns of items: kind, name, key, revision, body (text). Takes items. on_done comes from the loop, always.
 */
void load_config_set(uv_loop_t *loop, PGresult *items, load_on_done on_done, void *ctx);

#endif
