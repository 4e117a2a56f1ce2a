/* Argon2id on uv's thread pool: at most two at once and 32 waiting, so that memory and processors are bounded
 * whoever knocks. Passwords are wiped from memory after use. The callbacks come on the loop's thread. */
#ifndef PENSTOCK_API_PASSWORD_H
#define PENSTOCK_API_PASSWORD_H

#include "server/core/request.h"

#include <uv.h>

enum { PASSWORD_MIN = 12, PASSWORD_MAX = 128, PASSWORD_RUNNING_MAX = 2, PASSWORD_WAITING_MAX = 32 };

struct passwords;

/* ok: verified, or hashed. hash: of a PASSWORD_HASH job. */
typedef void (*password_done)(void *ctx, bool ok, const char *hash);

MUSTCHECK enum status passwords_new(uv_loop_t *loop, uint32_t memory_mib, struct passwords **ret,
                                    struct error *err);
/* Does the password fit the hash? An empty hash costs as much and never fits: nobody learns from the time
 * whether an account exists. ERR_FULL: too many are waiting. */
MUSTCHECK enum status passwords_verify(struct passwords *p, const char *password, const char *hash,
                                       password_done done, void *ctx);
MUSTCHECK enum status passwords_hash(struct passwords *p, const char *password, password_done done,
                                     void *ctx);
/* Takes no more, drops what waits (done is told false), calls on_stopped when the last one has run. */
void passwords_stop(struct passwords *p, void (*on_stopped)(void *ctx), void *ctx);
void passwords_free(struct passwords **p);

#endif
