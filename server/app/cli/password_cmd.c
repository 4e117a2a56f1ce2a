/* `penstock user password`, `penstock login-code` */
#include "server/app/cli/db.h"
#include "server/app/cli/user.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* As the server does by default. */
enum { HASH_PASSES = 2, HASH_MEMORY = 64 * 1024 * 1024 };
enum { CODE_BYTES = 16, CODE_GROUP = 4, CODE_SIZE = 2 * CODE_BYTES + 2 * CODE_BYTES / CODE_GROUP };
enum { MINUTES_DEFAULT = 60, MINUTES_MAX = 7 * 24 * 60, ARGS_BYTES = 8 * 1024 };

_Static_assert(PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "libsodium's text fits");

/* --- password */

/* One line of stdin without its end. */
static enum status read_line(char line[USER_PASSWORD_LINE_SIZE], struct error *err) {
    size_t n = 0;
    ssize_t got = 0;
    char c = 0;
    while (n < USER_PASSWORD_LINE_SIZE - 1 && (got = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n') {
        line[n++] = c;
    }
    line[n] = '\0';
    sodium_memzero(&c, sizeof c);
    if (got < 0) {
        return error_set(err, ERR_IO, "stdin", "cannot be read");
    }
    if (strlen(line) != n || n < PASSWORD_MIN || n > PASSWORD_MAX) {
        return error_set(err, ERR_INVALID, "password", "must have %d to %d bytes, in one line of stdin",
                         PASSWORD_MIN, PASSWORD_MAX);
    }
    return OK;
}

enum status user_read_password(const char *prompt, char line[USER_PASSWORD_LINE_SIZE], struct error *err) {
    struct termios before;
    if (isatty(STDIN_FILENO) == 0 || tcgetattr(STDIN_FILENO, &before) != 0) {
        return read_line(line, err);
    }
    struct termios silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    (void)fprintf(stderr, "%s: ", prompt);
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) != 0) {
        return error_set(err, ERR_IO, "terminal", "cannot hide what is typed");
    }
    enum status status = read_line(line, err);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    (void)fputc('\n', stderr);
    return status;
}

static enum status store_hash(PGconn *db, int64_t user_key, const char *hash, struct error *err) {
    struct pg_args args;
    pg_args_init(&args, ARGS_BYTES);
    pg_arg_i64(&args, user_key);
    pg_arg_text(&args, slice_str(hash));
    enum status status =
        db_query(db, "update app_user set password_hash = $2 where user_id = $1", &args, NULL, err);
    pg_args_done(&args);
    return status == OK ? user_end_logins(db, user_key, err) : status;
}

static enum status set_password(struct cli *cli, const char *hash, struct error *err) {
    struct user user;
    enum status status = db_begin(cli->db, err);
    if (status == OK) {
        status = user_find(cli->db, cli->words[0], &user, err);
    }
    if (status == OK) {
        status = store_hash(cli->db, user.key, hash, err);
    }
    return status == OK ? db_commit(cli->db, cli->actor, "user.password", cli->words[0], "", err) : status;
}

enum cli_exit cli_user_password(struct cli *cli) {
    struct user user;
    struct error err;
    char line[USER_PASSWORD_LINE_SIZE];
    char prompt[USER_NAME_SIZE + 32];
    char hash[crypto_pwhash_STRBYTES];
    if (sodium_init() < 0) {
        (void)error_set(&err, ERR_IO, "libsodium", "cannot be initialised");
        return cli_fail(&err);
    }
    /* Before asking, so that nobody types a password for a name that is wrong. */
    enum status status = user_find(cli->db, cli->words[0], &user, &err);
    if (status == OK) {
        (void)snprintf(prompt, sizeof prompt, "new password for %s", user.name);
        status = user_read_password(prompt, line, &err);
    }
    if (status == OK && crypto_pwhash_str(hash, line, strlen(line), HASH_PASSES, HASH_MEMORY) != 0) {
        status = error_set(&err, ERR_NOMEM, "password", "no memory to hash it; it takes 64 MiB");
    }
    sodium_memzero(line, sizeof line);
    if (status == OK) {
        status = set_password(cli, hash, &err);
    }
    return status == OK ? CLI_DONE : cli_fail(&err);
}

/* --- one-time code */

/* 128 random bits as hex in groups: "3f2a-…". */
static void make_code(char ret[CODE_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    uint8_t random[CODE_BYTES];
    randombytes_buf(random, sizeof random);
    size_t n = 0;
    for (size_t i = 0; i < sizeof random; i++) {
        if (i > 0 && 2 * i % CODE_GROUP == 0) {
            ret[n++] = '-';
        }
        ret[n++] = digits[random[i] >> 4];
        ret[n++] = digits[random[i] & 15];
    }
    ret[n] = '\0';
    sodium_memzero(random, sizeof random);
}

static enum status store_code(struct cli *cli, const char *code, int64_t minutes, struct error *err) {
    uint8_t hash[TOKEN_HASH_SIZE];
    (void)crypto_hash_sha256(hash, (const unsigned char *)code, strlen(code));
    struct user user;
    enum status status = db_begin(cli->db, err);
    if (status == OK) {
        status = user_find(cli->db, cli->words[0], &user, err);
    }
    if (status == OK && user.disabled) {
        status = error_set(err, ERR_WRONG_STATE, user.name, "is disabled; first: penstock user enable %s",
                           user.name);
    }
    if (status != OK) {
        return status;
    }
    struct pg_args args;
    pg_args_init(&args, ARGS_BYTES);
    pg_arg_i64(&args, user.key);
    status = db_query(cli->db, "update login_code set used_at = now() where user_id = $1 and used_at is null",
                      &args, NULL, err);
    pg_arg_bytes(&args, hash, sizeof hash);
    pg_arg_i64(&args, minutes);
    if (status == OK) {
        status = db_query(cli->db,
                          "insert into login_code (code_hash, user_id, expires_at)"
                          " values ($2, $1, now() + $3 * interval '1 minute')",
                          &args, NULL, err);
    }
    pg_args_done(&args);
    char detail[64];
    (void)snprintf(detail, sizeof detail, "valid for %lld minutes", (long long)minutes);
    return status == OK ? db_commit(cli->db, cli->actor, "user.login_code", user.name, detail, err) : status;
}

static enum status parse_minutes(const char *text, int64_t *ret, struct error *err) {
    char *end = NULL;
    long minutes = text == NULL ? MINUTES_DEFAULT : strtol(text, &end, 10);
    if (minutes < 1 || minutes > MINUTES_MAX || (end != NULL && (*end != '\0' || end == text))) {
        return error_set(err, ERR_INVALID, "--minutes", "must be a whole number from 1 to %d", MINUTES_MAX);
    }
    *ret = minutes;
    return OK;
}

enum cli_exit cli_login_code(struct cli *cli) {
    struct error err;
    char code[CODE_SIZE];
    int64_t minutes = 0;
    if (sodium_init() < 0) {
        (void)error_set(&err, ERR_IO, "libsodium", "cannot be initialised");
        return cli_fail(&err);
    }
    if (parse_minutes(cli->values[CODE_MINUTES], &minutes, &err) != OK) {
        return cli_fail(&err);
    }
    make_code(code);
    if (store_code(cli, code, minutes, &err) != OK) {
        return cli_fail(&err);
    }
    (void)puts(code);
    return CLI_DONE;
}
