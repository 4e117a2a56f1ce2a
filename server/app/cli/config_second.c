/* The second person of `penstock config apply` */
#include "server/app/cli/config_second.h"

#include "server/app/cli/db.h"
#include "server/app/cli/user.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static bool may_agree(const struct user *user, const char *password) {
    return !user->disabled && user->password_hash[0] != '\0' &&
           crypto_pwhash_str_verify(user->password_hash, password, strlen(password)) == 0;
}

/* ERR_DENIED: err says why. */
static enum status judge(PGconn *db, const char *name, const char *password, struct error *err) {
    struct user user;
    enum status status = user_find(db, name, &user, err);
    if (status != OK && status != ERR_NOT_FOUND) {
        return status;
    }
    bool proven = status == OK && may_agree(&user, password);
    if (!proven) {
        status = error_set(err, ERR_DENIED, "--second", "the name or the password is wrong");
    } else if (user.role != ROLE_ENGINEER && user.role != ROLE_ADMIN) {
        status = error_set(err, ERR_DENIED, "--second",
                           "%s is no engineer or administrator, and may not change the configuration", name);
    }
    sodium_memzero(user.password_hash, sizeof user.password_hash);
    return status;
}

/* The refusal stays in the audit; err keeps saying why, unless that failed too. */
static enum status write_refusal(struct cli *cli, const char *first, const char *name, struct error *err) {
    struct error other;
    enum status status = db_begin(cli->db, &other);
    if (status == OK) {
        status = db_commit(cli->db, first, "config.second_refused", name, "", &other);
    }
    if (status != OK) {
        *err = other;
        return status;
    }
    return ERR_DENIED;
}

enum status config_second_prove(struct cli *cli, const char *first, struct error *err) {
    const char *name = cli->values[APPLY_SECOND];
    char password[USER_PASSWORD_LINE_SIZE];
    char prompt[USER_NAME_SIZE + 32];
    if (sodium_init() < 0) {
        return error_set(err, ERR_IO, "libsodium", "cannot be initialised");
    }
    if (strcmp(name, first) == 0 || strcmp(name, cli->actor) == 0) {
        return error_set(err, ERR_INVALID, "--second", "%s is the first person; somebody else must agree",
                         name);
    }
    (void)snprintf(prompt, sizeof prompt, "password of %s, who agrees", name);
    enum status status = user_read_password(prompt, password, err);
    if (status == OK) {
        status = judge(cli->db, name, password, err);
    }
    sodium_memzero(password, sizeof password);
    return status == ERR_DENIED ? write_refusal(cli, first, name, err) : status;
}

enum status config_second_touched(const struct config_set *before, const struct config_set *after,
                                  const struct model *model, struct config_touched_names *ret,
                                  struct error *err) {
    *ret = (struct config_touched_names){.n = 0};
    if (!config_has_highly_managed(before, after)) {
        return OK;
    }
    uint64_t seed[2];
    struct config_fault faults[CONFIG_FAULTS_MAX];
    uint32_t n = 0;
    struct model *present = NULL;
    randombytes_buf(seed, sizeof seed);
    enum status status = config_compile(before, 0, seed, &present, faults, &n, err);
    if (status == ERR_INVALID) {
        ret->n = 1;
        (void)snprintf(ret->text, sizeof ret->text,
                       "the configuration in force has faults, so which ones cannot be told");
        return OK;
    }
    if (status != OK) {
        return status;
    }
    const struct config_side old = {.set = before, .model = present};
    const struct config_side now = {.set = after, .model = model};
    status = config_touched(&old, &now, config_touched_add, ret, err);
    config_touched_end(ret);
    model_free(&present);
    return status;
}
