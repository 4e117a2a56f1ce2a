/* `penstock user add | list | role | disable | enable` */
#include "server/app/cli/db.h"
#include "server/app/cli/user.h"
#include "server/base/utf8.h"
#include "server/store/user_sql.h"

#include <stdio.h>

enum { ARGS_BYTES = 8 * 1024 };

enum status user_find(PGconn *db, const char *name, struct user *ret, struct error *err) {
    struct pg_args args;
    pg_args_init(&args, ARGS_BYTES);
    pg_arg_text(&args, slice_str(name));
    PGresult *r = NULL;
    enum status status =
        db_query(db, "select " USER_SELECT " from app_user u where u.name = $1 for update", &args, &r, err);
    pg_args_done(&args);
    if (status != OK) {
        return status;
    }
    if (PQntuples(r) == 1) {
        user_read(r, 0, ret);
    } else {
        status = error_set(err, ERR_NOT_FOUND, name, "there is no such account; user list shows them all");
    }
    PQclear(r);
    return status;
}

enum status user_end_logins(PGconn *db, int64_t user_key, struct error *err) {
    struct pg_args args;
    pg_args_init(&args, ARGS_BYTES);
    pg_arg_i64(&args, user_key);
    enum status status =
        db_query(db, "update app_session set closed_at = now() where user_id = $1 and closed_at is null",
                 &args, NULL, err);
    if (status == OK) {
        status = db_query(db, "update login_code set used_at = now() where user_id = $1 and used_at is null",
                          &args, NULL, err);
    }
    pg_args_done(&args);
    return status;
}

/* --- add */

static bool name_char(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '@';
}

static enum status check_name(const char *name, struct error *err) {
    size_t n = strlen(name);
    bool fits = n >= 1 && n < USER_NAME_SIZE;
    for (size_t i = 0; i < n && fits; i++) {
        fits = name_char(name[i]);
    }
    return fits ? OK
                : error_set(err, ERR_INVALID, "NAME", "must be 1 to %d characters of A-Z a-z 0-9 . _ - @",
                            USER_NAME_SIZE - 1);
}

static enum status check_title(const char *title, struct error *err) {
    size_t n = strlen(title);
    bool fits = n < USER_NAME_SIZE && utf8_is_text(slice_str(title));
    for (size_t i = 0; i < n && fits; i++) {
        fits = (unsigned char)title[i] >= 0x20 && title[i] != 0x7f;
    }
    return fits ? OK
                : error_set(err, ERR_INVALID, "--title", "must be one line of UTF-8 of at most %d bytes",
                            USER_NAME_SIZE - 1);
}

static enum status check_role(const char *role, struct error *err) {
    return role_parse(slice_str(role)) != ROLE_NONE
               ? OK
               : error_set(err, ERR_INVALID, role,
                           "is no role; it must be viewer, operator, engineer or admin");
}

static enum status insert_user(struct cli *cli, const char *name, const char *role, const char *title,
                               struct error *err) {
    struct pg_args args;
    pg_args_init(&args, ARGS_BYTES);
    pg_arg_text(&args, slice_str(name));
    pg_arg_text(&args, slice_str(role));
    pg_arg_text(&args, slice_str(title));
    PGresult *r = NULL;
    enum status status = db_begin(cli->db, err);
    if (status == OK) {
        status = db_query(cli->db,
                          "insert into app_user (name, role, title) values ($1, $2, $3)"
                          " on conflict (name) do nothing returning user_id",
                          &args, &r, err);
    }
    pg_args_done(&args);
    if (status == OK && PQntuples(r) == 0) {
        status = error_set(err, ERR_EXISTS, name, "there is such an account already");
    }
    PQclear(r);
    char detail[64];
    (void)snprintf(detail, sizeof detail, "role %s", role);
    return status == OK ? db_commit(cli->db, cli->actor, "user.add", name, detail, err) : status;
}

enum cli_exit cli_user_add(struct cli *cli) {
    const char *name = cli->words[0];
    const char *role = cli->values[USER_ADD_ROLE];
    const char *title = cli->values[USER_ADD_TITLE] == NULL ? "" : cli->values[USER_ADD_TITLE];
    struct error err;
    if (check_name(name, &err) != OK || check_title(title, &err) != OK || check_role(role, &err) != OK ||
        insert_user(cli, name, role, title, &err) != OK) {
        return cli_fail(&err);
    }
    (void)printf("added %s (%s); penstock login-code %s gives a first login\n", name, role, name);
    return CLI_DONE;
}

/* --- list */

enum cli_exit cli_user_list(struct cli *cli) {
    PGresult *r = NULL;
    struct error err;
    if (db_query(cli->db, "select " USER_SELECT " from app_user u order by u.name", NULL, &r, &err) != OK) {
        return cli_fail(&err);
    }
    for (int row = 0; row < PQntuples(r); row++) {
        struct user user;
        user_read(r, row, &user);
        const char *state = user.must_change_password ? "no password" : "enabled";
        (void)printf("%-20s %-9s %-12s %s\n", user.name, role_name(user.role),
                     user.disabled ? "disabled" : state, user.title);
    }
    PQclear(r);
    return CLI_DONE;
}

/* --- change */

/* One update of an account with its audit row. $1 is the account's key, $2 (may be NULL) a text. */
static enum cli_exit change(struct cli *cli, const char *sql, const char *text, const char *action) {
    const char *name = cli->words[0];
    struct user user;
    struct error err;
    enum status status = db_begin(cli->db, &err);
    if (status == OK) {
        status = user_find(cli->db, name, &user, &err);
    }
    if (status == OK) {
        struct pg_args args;
        pg_args_init(&args, ARGS_BYTES);
        pg_arg_i64(&args, user.key);
        if (text != NULL) {
            pg_arg_text(&args, slice_str(text));
        }
        status = db_query(cli->db, sql, &args, NULL, &err);
        pg_args_done(&args);
    }
    /* After any of the changes: nobody goes on with the rights of before. */
    if (status == OK) {
        status = user_end_logins(cli->db, user.key, &err);
    }
    if (status == OK) {
        status = db_commit(cli->db, cli->actor, action, name, text == NULL ? "" : text, &err);
    }
    return status == OK ? CLI_DONE : cli_fail(&err);
}

enum cli_exit cli_user_role(struct cli *cli) {
    struct error err;
    if (check_role(cli->words[1], &err) != OK) {
        return cli_fail(&err);
    }
    return change(cli, "update app_user set role = $2 where user_id = $1", cli->words[1], "user.role");
}

enum cli_exit cli_user_disable(struct cli *cli) {
    return change(cli, "update app_user set disabled = true where user_id = $1", NULL, "user.disable");
}

enum cli_exit cli_user_enable(struct cli *cli) {
    return change(cli, "update app_user set disabled = false where user_id = $1", NULL, "user.enable");
}
