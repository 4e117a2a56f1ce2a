/* A row of app_user as a struct user. Header only. */
#ifndef PENSTOCK_STORE_USER_SQL_H
#define PENSTOCK_STORE_USER_SQL_H

#include "server/core/request.h"
#include "server/store/pgvalue.h"

/* Columns of app_user called u, from the first on, as user_read expects them. */
#define USER_SELECT "u.user_id, u.name, u.title, u.role, coalesce(u.password_hash, ''), u.disabled"

static inline void user_read(const PGresult *r, int row, struct user *ret) {
    *ret = (struct user){.key = pg_get_i64(r, row, 0),
                         .role = role_parse(pg_get_slice(r, row, 3)),
                         .disabled = pg_get_bool(r, row, 5)};
    pg_get_text(r, row, 1, ret->name, sizeof ret->name);
    pg_get_text(r, row, 2, ret->title, sizeof ret->title);
    pg_get_text(r, row, 4, ret->password_hash, sizeof ret->password_hash);
    ret->must_change_password = ret->password_hash[0] == '\0';
}

#endif
