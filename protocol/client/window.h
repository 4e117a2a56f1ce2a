/* Asks for a certificate in place of one that has ended (enrolment_renew), in a thread of libuv's pool, since
 * that blocks. The thread gets copies and touches the files of the identity alone; nobody else may meanwhile.
 */
#ifndef PENSTOCK_CLIENT_WINDOW_H
#define PENSTOCK_CLIENT_WINDOW_H

#include "protocol/client/enrolment.h"

#include <uv.h>

typedef void (*window_done)(void *ctx, enum status status, const struct error *err);

/* done is called on the loop, once. */
MUSTCHECK enum status window_ask(uv_loop_t *loop, const struct identity_config *files,
                                 const struct enrolment_server *server, window_done done, void *ctx,
                                 struct error *err);

#endif
