/* What the commands about accounts share. */
#ifndef PENSTOCK_APP_CLI_USER_H
#define PENSTOCK_APP_CLI_USER_H

#include "server/app/cli/cli.h"
#include "server/core/request.h"

/* The account of that name, locked until the transaction ends. ERR_NOT_FOUND. */
MUSTCHECK enum status user_find(PGconn *db, const char *name, struct user *ret, struct error *err);
/* Ends the account's open logins and its unused one-time codes. */
MUSTCHECK enum status user_end_logins(PGconn *db, int64_t user_key, struct error *err);

#endif
