/* Inside of login.c (sessions), attempt.c (trying to get one, changing the password) and second.c (a second
 * person's password). */
#ifndef PENSTOCK_API_LOGIN_PRIV_H
#define PENSTOCK_API_LOGIN_PRIV_H

#include "server/api/login.h"
#include "server/api/password.h"
#include "server/api/session.h"
#include "server/api/throttle.h"

#include <sodium.h>

enum { TOKEN_BYTES = 32, TOKEN_HEX = 2 * TOKEN_BYTES };

struct login {
    struct api *api;
    struct passwords *passwords;
    struct sessions sessions;
    /* Tries per address, and per account at an address: who guesses an operator's password from elsewhere
     * slows himself and not the operator. */
    struct throttle by_address;
    struct throttle by_account;
    uint8_t key[crypto_shorthash_KEYBYTES];
};

/* The buckets of one who tries. */
struct login_keys {
    uint64_t address;
    uint64_t account;
};
struct login_keys login_keys_of(const struct login *l, const char *peer, const char *account);
/* Takes one try from each. False: it is too often, *ret_wait_s until there is one. */
bool login_take(struct login *l, const struct login_keys *keys, long long *ret_wait_s);
/* The try was good. */
void login_give(struct login *l, const struct login_keys *keys);
/* An audit row of something that was tried. */
void login_audit(struct login *l, const struct actor *actor, const char *action, const char *object,
                 const char *detail);

void login_hash_text(const char *text, uint8_t ret[TOKEN_HASH_SIZE]);
/* The session is no more: its sockets are told. */
void login_forget(struct login *l, struct session *s);
void login_set_who(struct http_request *r, const struct session *s);

#endif
