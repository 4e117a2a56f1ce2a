/* libpq connection strings from outside, which may have passwords in them. libpq's own words about one that
 * it cannot read cite from it, and what it cites may be a part of a password: so each is checked where it
 * comes in, and errors do not cite it. And programs are not given one that has a secret in it, because
 * arguments are shown to everybody on the machine. Nothing here connects. */
#ifndef PENSTOCK_STORE_CONNINFO_H
#define PENSTOCK_STORE_CONNINFO_H

#include "server/base/buf.h"

/* ERR_INVALID: it is neither one nor the name of a database; err says what one looks like. ERR_NOMEM. */
MUSTCHECK enum status conninfo_check(const char *conninfo, struct error *err);

/* Appends it as words without secrets, ended by NUL; *ret_password, which the caller frees, is the password
 * that was in it, or NULL. ERR_INVALID: as above, or it has another secret, which can be handed over by a
 * file alone. */
MUSTCHECK enum status conninfo_share(const char *conninfo, struct buf *out, char **ret_password,
                                     struct error *err);

#endif
