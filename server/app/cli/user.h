/* What the commands about accounts share. */
#ifndef PENSTOCK_APP_CLI_USER_H
#define PENSTOCK_APP_CLI_USER_H

#include "server/api/password.h"
#include "server/app/cli/cli.h"
#include "server/core/request.h"

enum {
    USER_PASSWORD_LINE_SIZE = PASSWORD_MAX + 2
}; /* one byte more than fits, to tell that it is too long */

/* The account of that name, locked until the transaction ends. ERR_NOT_FOUND. */
MUSTCHECK enum status user_find(PGconn *db, const char *name, struct user *ret, struct error *err);
/* Ends the account's open logins and its unused one-time codes. */
MUSTCHECK enum status user_end_logins(PGconn *db, int64_t user_key, struct error *err);

/* A password from the terminal, unseen, after "PROMPT: "; or a line of stdin. ERR_INVALID if its length is no
 * password's. The caller wipes it. */
MUSTCHECK enum status user_read_password(const char *prompt, char line[USER_PASSWORD_LINE_SIZE],
                                         struct error *err);

#endif
